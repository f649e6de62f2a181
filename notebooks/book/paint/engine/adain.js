// AdaIN: the photograph's features with the means and standard deviations of the style's, decoded. nst.adain.

import { coarseToFine } from "./brush.js";
import { mixture, statistics, transport, turned } from "./covariance.js";
import { cut, padded } from "./picture.js";
import { inSquares } from "./tiles.js";

const SCALE = 8, REACH = 30; // pixels between two places of relu4_1; pixels that a place sees beyond its own
const EPSILON = 1e-5; // added to the variance, inside the root

/** `content` painted with the statistics of style pictures, mixed by their weights. */
export async function paint(models, content, { styles, weights, alpha, brush }) {
  const read = [];
  for (const style of styles) read.push(await readStyle(models, style));
  const wanted = mixedMoments(read.map((style) => style.moments), weights);
  const palettes = (maps) => mixture(read.map((style) => transport(statistics(maps), style.palette)), weights);
  const once = async (picture) => {
    const features = await encode(models, picture);
    const made = await decode(models, matched(features, moments(features), wanted, alpha));
    return turned(made, palettes(made), alpha);
  };
  const coloured = (photograph) => {
    const grown = padded(photograph), { height, width } = photograph;
    return cut(turned(grown, palettes(grown), alpha), 0, 0, height, width);
  };
  return cut(await coarseToFine(once, content, brush, alpha, coloured), 0, 0, content.height, content.width);
}

const known = new WeakMap(); // of style pictures that have been read, by the picture itself

async function readStyle(models, style) {
  if (!known.has(style)) {
    const features = await encode(models, style);
    known.set(style, { moments: moments(features), palette: statistics(style) });
  }
  return known.get(style);
}

/** Features { height, width, data } at relu4_1 of a picture, grown to multiples of 16. */
export async function encode(models, picture) {
  const encoder = await models.get("adain_encoder");
  const run = async ({ height, width, data }) => {
    const { features } = await encoder({ picture: { dims: [1, 3, height, width], data } });
    return { height: height / SCALE, width: width / SCALE, data: features.data };
  };
  const channels = 128;
  return inSquares(padded(picture), run, { from: 1, to: SCALE, border: REACH, channels });
}

/** The picture that has such features, not clipped. */
export async function decode(models, maps) {
  const decoder = await models.get("adain_decoder");
  const run = async ({ height, width, data }) => {
    const dims = [1, data.length / (height * width), height, width], none = { dims: [1, dims[1], 1, 1], data: new Float32Array(dims[1]) };
    const { painting } = await decoder({ features: { dims, data }, mean: none, std: none, alpha: 0 }); // matched already
    return { height: height * SCALE, width: width * SCALE, data: painting.data };
  };
  return inSquares(maps, run, { from: SCALE, to: 1, border: REACH, channels: 3 });
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

export function mixedMoments(all, weights) {
  const sum = (key) => all[0][key].map((_, i) => all.reduce((total, each, k) => total + weights[k] * each[key][i], 0));
  return { mean: sum("mean"), std: sum("std") };
}

/** Features with other means and standard deviations, alpha of the way. */
export function matched(maps, own, wanted, alpha) {
  const places = maps.height * maps.width, data = new Float32Array(maps.data.length);
  for (let c = 0; c < own.mean.length; c++)
    for (let i = c * places; i < (c + 1) * places; i++) {
      const made = ((maps.data[i] - own.mean[c]) / own.std[c]) * wanted.std[c] + wanted.mean[c];
      data[i] = maps.data[i] + alpha * (made - maps.data[i]);
    }
  return { ...maps, data };
}
