// AdaIN: the photograph's features with the means and standard deviations of the style's, decoded. nst.adain.

import { coarseToFine, textureFor } from "./brush.js";
import { mixture, partly, statistics, transport, turned } from "./covariance.js";
import * as features from "./features.js";
import { clip, cut, padded } from "./picture.js";
import { underlay } from "./texture.js";

const LEVEL = 4;
const EPSILON = 1e-5; // added to the variance, inside the root

/** `content` painted with the statistics of style pictures, mixed by their weights. */
export async function paint(models, content, { styles, weights, alpha, brush, texture = 0 }) {
  const read = [];
  for (const style of styles) read.push(await readStyle(models, style));
  const coloured = (photograph) => cut(inPalette(padded(photograph), read, weights, alpha), 0, 0, photograph.height, photograph.width);
  const under = underlay(models, alpha * textureFor(texture, brush), read, weights, (noise, k) => once(models, noise, [read[k]], [1], 1));
  const painting = await coarseToFine((picture) => once(models, picture, read, weights, alpha), content, brush, alpha, coloured, under);
  return clip(cut(painting, 0, 0, content.height, content.width));
}

/** One pass, not clipped.   read: of each style. */
async function once(models, picture, read, weights, alpha) {
  const maps = await encode(models, picture), wanted = mixed(read.map((style) => style.moments), weights);
  return inPalette(await decode(models, matched(maps, moments(maps), wanted, alpha)), read, weights, alpha);
}

/** A picture with the mean and covariance of the styles' pixels, alpha of the way. */
function inPalette(picture, read, weights, alpha) {
  const own = statistics(picture);
  return turned(picture, partly(mixture(read.map((style) => transport(own, style.palette)), weights), alpha));
}

const known = new WeakMap(); // style picture -> what was read of it

async function readStyle(models, style) {
  if (!known.has(style)) known.set(style, { moments: moments(await encode(models, style)), palette: statistics(style) });
  return known.get(style);
}

/** Features at relu4_1 of a picture, grown to multiples of 16. */
export async function encode(models, picture) {
  return features.encode(await models.get("adain_encoder"), LEVEL, padded(picture));
}

/** The picture that has such features, not clipped; its decoder could match them, too, but they are matched already. */
export async function decode(models, maps) {
  const none = { dims: [1, features.LEVELS[LEVEL].channels, 1, 1], data: new Float32Array(features.LEVELS[LEVEL].channels) };
  return features.decode(await models.get("adain_decoder"), LEVEL, maps, "raw", { mean: none, std: none, alpha: 0 });
}

/** { mean, std } of each channel over its places. */
export function moments(maps) {
  const places = maps.height * maps.width, channels = maps.data.length / places;
  const mean = new Float64Array(channels), std = new Float64Array(channels);
  for (let c = 0; c < channels; c++) {
    const map = maps.data.subarray(c * places, (c + 1) * places);
    mean[c] = map.reduce((sum, x) => sum + x, 0) / places;
    std[c] = Math.sqrt(map.reduce((sum, x) => sum + (x - mean[c]) ** 2, 0) / places + EPSILON);
  }
  return { mean, std };
}

/** Several styles' moments as one pair, by their weights. */
function mixed(all, weights) {
  const sum = (key) => all[0][key].map((_, i) => all.reduce((total, each, k) => total + weights[k] * each[key][i], 0));
  return { mean: sum("mean"), std: sum("std") };
}

/** Features with other moments, alpha of the way. */
export function matched(maps, own, wanted, alpha = 1) {
  const places = maps.height * maps.width, data = new Float32Array(maps.data.length);
  for (let c = 0; c < own.mean.length; c++)
    for (let i = c * places; i < (c + 1) * places; i++) {
      const made = ((maps.data[i] - own.mean[c]) / own.std[c]) * wanted.std[c] + wanted.mean[c];
      data[i] = maps.data[i] + alpha * (made - maps.data[i]);
    }
  return { ...maps, data };
}
