// WCT: level by level from relu4_1 to relu1_1, features with the style's mean and covariance, decoded. nst.wct with its defaults.

import { coarseToFine, textureFor } from "./brush.js";
import { mixture, partly, statistics, together, transport, turned } from "./covariance.js";
import { LEVELS, decode, encode } from "./features.js";
import { clip, cut, padded } from "./picture.js";
import { underlay } from "./texture.js";
import { inSquares, innerOf, outerOf, squares } from "./tiles.js";

const ORDER = [4, 3, 2, 1];

/** `content` painted with the statistics of style pictures, mixed by their weights. */
export async function paint(models, content, { styles, weights, alpha, brush, texture = 0 }) {
  const read = [];
  for (const style of styles) read.push(await readStyle(models, style));
  const coloured = (photograph) => {
    const grown = padded(photograph), own = statistics(grown);
    const map = partly(mixture(read.map((style) => transport(own, style.palette)), weights), alpha);
    return cut(turned(grown, map), 0, 0, photograph.height, photograph.width);
  };
  const under = underlay(models, alpha * textureFor(texture, brush), read, weights, (noise, k) => once(models, noise, [read[k]], [1], 1));
  const painting = await coarseToFine((picture) => once(models, picture, read, weights, alpha), content, brush, alpha, coloured, under);
  return cut(painting, 0, 0, content.height, content.width);
}

/** One pass, grown to multiples of 16.   read: of each style. */
async function once(models, picture, read, weights, alpha) {
  let painting = padded(picture);
  for (const level of ORDER) {
    const own = await readLevel(models, level, painting);
    const map = partly(mixture(read.map((style) => transport(own, style[level])), weights), alpha);
    painting = clip(await repainted(models, level, painting, tensors(map)));
  }
  return painting;
}

const known = new WeakMap(); // style picture -> what was read of it

async function readStyle(models, style) {
  if (!known.has(style)) {
    const read = { palette: statistics(style) };
    for (const level of ORDER) read[level] = await readLevel(models, level, padded(style));
    known.set(style, read);
  }
  return known.get(style);
}

/** Mean and covariance of a picture's features, square by square. */
async function readLevel(models, level, picture) {
  const encoder = await models.get(`wct_encoder_${level}`), { scale, reach } = LEVELS[level];
  let all = null;
  for (const square of squares(picture.height, picture.width, reach)) {
    const maps = await encode(encoder, level, outerOf(picture, square));
    all = together(all, statistics(innerOf(maps, square, scale)));
  }
  return all;
}

/** A picture's features matched by a map, and decoded; square by square, so that no level's features are ever held as a whole. */
async function repainted(models, level, picture, map) {
  const encoder = await models.get(`wct_encoder_${level}`), decoder = await models.get(`wct_decoder_${level}`);
  const run = async (part) => decode(decoder, level, await encode(encoder, level, part), "painting", map);
  return inSquares(picture, run, { from: 1, to: 1, border: 2 * LEVELS[level].reach, channels: 3 });
}

function tensors({ matrix, shift }) {
  const side = shift.length;
  return { matrix: { dims: [1, side, side], data: Float32Array.from(matrix) }, shift: { dims: [1, side, 1], data: Float32Array.from(shift) } };
}
