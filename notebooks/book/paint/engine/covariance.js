// Mean and covariance over positions, and the linear map from one pair to another: nst.covariance, in float64.

import { applied, functionsOf, product } from "./matrix.js";

const CUT = 1e-5; // eigenvalues below this share of the largest are nothing but noise

/** { mean, covariance, places } of maps { height, width, data } with any number of channels; the covariance divided by places - 1. */
export function statistics(maps) {
  const places = maps.height * maps.width, side = maps.data.length / places;
  const mean = new Float64Array(side), covariance = new Float64Array(side * side), apart = new Float32Array(maps.data.length);
  for (let c = 0; c < side; c++) {
    const start = c * places;
    let sum = 0;
    for (let i = start; i < start + places; i++) sum += maps.data[i];
    mean[c] = sum / places;
    for (let i = start; i < start + places; i++) apart[i] = maps.data[i] - mean[c];
  }
  for (let a = 0; a < side; a++)
    for (let b = 0; b <= a; b += 2) {
      const second = Math.min(b + 1, a), [first, next, own] = [b, second, a].map((c) => apart.subarray(c * places, (c + 1) * places));
      let sum = 0, other = 0; // two at a time: each number of a channel is read half as often
      for (let i = 0; i < places; i++) {
        sum += own[i] * first[i];
        other += own[i] * next[i];
      }
      covariance[a * side + b] = covariance[b * side + a] = sum / Math.max(1, places - 1);
      covariance[a * side + second] = covariance[second * side + a] = other / Math.max(1, places - 1);
    }
  return { mean, covariance, places };
}

/** The statistics of two parts, { mean, covariance, places } each, as of one. */
export function together(a, b) {
  if (!a) return b;
  const places = a.places + b.places, side = a.mean.length, apart = b.mean.map((x, i) => x - a.mean[i]);
  const covariance = a.covariance.map((x, i) => {
    const between = (apart[Math.floor(i / side)] * apart[i % side] * a.places * b.places) / places;
    return ((a.places - 1) * x + (b.places - 1) * b.covariance[i] + between) / (places - 1);
  });
  return { mean: a.mean.map((x, i) => x + (apart[i] * b.places) / places), covariance, places };
}

/** The transform to the style's mean and covariance that moves features least, x -> matrix x + shift: nst.covariance.transport. */
export function transport(own, style) {
  const side = own.mean.length;
  const power = (exponent) => (value, most) => (value > Math.max(CUT * most, 1e-12) ? value ** exponent : 0);
  const [root, inverse] = functionsOf(own.covariance, side, [power(0.5), power(-0.5)]);
  const inner = product(product(root, style.covariance, side), root, side);
  const [middle] = functionsOf(inner, side, [(value) => Math.sqrt(Math.max(0, value))]);
  const matrix = product(product(inverse, middle, side), inverse, side), moved = applied(matrix, own.mean);
  return { matrix, shift: style.mean.map((x, i) => x - moved[i]) };
}

/** Several maps as one, by their weights, which sum to 1. */
export function mixture(maps, weights) {
  const sum = (key) => maps[0][key].map((_, i) => maps.reduce((total, map, k) => total + weights[k] * map[key][i], 0));
  return maps.length === 1 ? maps[0] : { matrix: sum("matrix"), shift: sum("shift") };
}

/** A map, `share` of the way from leaving features as they are. */
export function partly({ matrix, shift }, share) {
  const side = shift.length;
  return { matrix: matrix.map((x, i) => share * x + (i % (side + 1) ? 0 : 1 - share)), shift: shift.map((x) => share * x) };
}

/** matrix x + shift, of maps x. */
export function turned(maps, { matrix, shift }) {
  const places = maps.height * maps.width, side = shift.length, made = new Float32Array(maps.data.length), column = new Float64Array(side);
  for (let i = 0; i < places; i++) {
    for (let c = 0; c < side; c++) column[c] = maps.data[c * places + i];
    for (let a = 0; a < side; a++) {
      let sum = shift[a];
      for (let b = 0; b < side; b++) sum += matrix[a * side + b] * column[b];
      made[a * places + i] = sum;
    }
  }
  return { ...maps, data: made };
}
