// WCT: level by level from relu4_1 to relu1_1, features with the style's mean and covariance, decoded. nst.wct with its defaults.

import { coarseToFine } from "./brush.js";
import { mixture, partly, statistics, transport, turned } from "./covariance.js";
import { decode, encode } from "./features.js";
import { clip, cut, padded } from "./picture.js";

const ORDER = [4, 3, 2, 1];

/** `content` painted with the statistics of style pictures, mixed by their weights. */
export async function paint(models, content, { styles, weights, alpha, brush }) {
  const read = [];
  for (const style of styles) read.push(await readStyle(models, style));
  const once = async (picture) => {
    let painting = padded(picture);
    for (const level of ORDER) {
      const maps = await encode(await models.get(`wct_encoder_${level}`), level, painting), own = await momentsOf(models, maps);
      const map = partly(mixture(read.map((style) => transport(own, style[level])), weights), alpha);
      painting = clip(await decode(await models.get(`wct_decoder_${level}`), level, maps, "painting", tensors(map)));
    }
    return painting;
  };
  const coloured = (photograph) => {
    const grown = padded(photograph), own = statistics(grown);
    const map = partly(mixture(read.map((style) => transport(own, style.palette)), weights), alpha);
    return cut(turned(grown, map), 0, 0, photograph.height, photograph.width);
  };
  return cut(await coarseToFine(once, content, brush, alpha, coloured), 0, 0, content.height, content.width);
}

const known = new WeakMap(); // style picture -> what was read of it

async function readStyle(models, style) {
  if (!known.has(style)) {
    const read = { palette: statistics(style) };
    for (const level of ORDER)
      read[level] = await momentsOf(models, await encode(await models.get(`wct_encoder_${level}`), level, padded(style)));
    known.set(style, read);
  }
  return known.get(style);
}

/** Mean and covariance of features, by a network: it multiplies matrices sooner than a program does. */
async function momentsOf(models, { height, width, data }) {
  const run = await models.get("wct_statistics");
  const { mean, covariance } = await run({ features: { dims: [1, data.length / (height * width), height, width], data } });
  return { mean: Float64Array.from(mean.data), covariance: Float64Array.from(covariance.data) };
}

function tensors({ matrix, shift }) {
  const side = shift.length;
  return { matrix: { dims: [1, side, side], data: Float32Array.from(matrix) }, shift: { dims: [1, side, 1], data: Float32Array.from(shift) } };
}
