// Flat places get the style's own texture: what a method makes of noise is laid under the photograph, where it is flat. nst.texture.

import { clip, cut, empty, resized } from "./picture.js";

const GRAIN = 4; // pixels from one dot of the noise to the next
const MARGIN = 32; // pixels of the noise beyond each edge, cut off again
const STROKES = 17; // pixels, odd: what is larger than this in a texture is no stroke of it
const FLAT = 0.04; // standard deviation of the brightness around a place, of which on nothing is laid under it

/** A function of a picture, which lays so much of styles' textures under its flat places; null where nothing is to be laid.
 *  owners: what the textures of each style are kept with.   paint(noise, k): what the k-th style makes of it. */
export function underlay(models, amount, owners, weights, paint) {
  const textureOf = (k, side) => kept(owners[k], side, async () => painted((seen) => paint(seen, k), await noise(models, side)));
  return amount ? (picture) => underFlatPlaces(picture, weights, textureOf, amount) : null;
}

const known = new WeakMap(); // owner -> { side: its texture }

async function kept(owner, side, make) {
  if (!known.has(owner)) known.set(owner, {});
  return (known.get(owner)[side] ??= await make());
}

/** Soft light dots on grey, side + 64 pixels high and wide, which go on where they begin after `side` pixels. */
export async function noise(models, side) {
  const dots = await models.dots(), across = side / GRAIN, more = MARGIN / GRAIN, all = across + 2 * more, around = empty(all, all);
  const at = (i) => (i - more + across) % across;
  for (let i = 0; i < around.data.length; i++) around.data[i] = dots[at(Math.floor(i / all) % all) * across + at(i % all)];
  const soft = resized(around, all * GRAIN, all * GRAIN);
  return { ...soft, data: soft.data.map((number) => 0.5 + 0.2 * number) };
}

/** The texture, about 0 on average, of what a method paints of noise. */
export async function painted(paint, { height, width, data }) {
  const made = clip(cut(await paint({ height, width, data }), 0, 0, height, width)), means = around(made, STROKES);
  made.data.forEach((number, i) => (made.data[i] = number - means.data[i]));
  return cut(made, MARGIN, MARGIN, height - 2 * MARGIN, width - 2 * MARGIN);
}

/** The side of a texture for a picture of this size. */
export function sideFor({ height, width }) {
  return Math.max(height, width) <= 512 ? 256 : 512;
}

/** How flat a picture is around each place, 0 to 1: maps of one channel. */
export function flatness({ height, width, data }) {
  const grey = empty(height, width, 1), places = height * width, smooth = (maps) => around(around(maps, 9), 9);
  for (let i = 0; i < places; i++) grey.data[i] = (data[i] + data[places + i] + data[2 * places + i]) / 3;
  const squares = smooth({ ...grey, data: grey.data.map((number) => number ** 2) }), means = smooth(grey);
  const flat = (square, i) => Math.max(0, 1 - Math.sqrt(Math.max(0, square - means.data[i] ** 2)) / FLAT);
  return { height, width, data: squares.data.map(flat) };
}

/** A picture with so much of its styles' textures, textureOf(k, side), mixed by their weights, under its flat places. */
export async function underFlatPlaces(picture, weights, textureOf, amount) {
  const { height, width } = picture, side = sideFor(picture), flat = flatness(picture).data, made = { ...picture, data: picture.data.slice() };
  for (const [k, weight] of weights.entries()) {
    if (!weight) continue;
    const texture = (await textureOf(k, side)).data;
    for (let row = 0; row < 3 * height; row++) {
      const y = row % height, start = (Math.floor(row / height) * side + (y % side)) * side;
      for (let x = 0; x < width; x++) made.data[row * width + x] += amount * weight * flat[y * width + x] * texture[start + (x % side)];
    }
  }
  return clip(made);
}

/** The mean of the `side` x `side` places around each place, or of those that are there. */
function around({ height, width, data }, side) {
  const reach = (side - 1) / 2, made = new Float32Array(data.length);
  const number = (i, n) => Math.min(n, i + reach + 1) - Math.max(0, i - reach);
  for (let start = 0; start < data.length; start += height * width) {
    const columns = new Float64Array(width); // sums over the rows around the present one
    const add = (y, sign) => {
      if (y >= 0 && y < height) for (let x = 0; x < width; x++) columns[x] += sign * data[start + y * width + x];
    };
    for (let y = -reach; y < height; y++) {
      add(y + reach, 1);
      add(y - reach - 1, -1);
      let sum = 0;
      for (let x = -reach; x < width; x++) {
        sum += (columns[x + reach] ?? 0) - (columns[x - reach - 1] ?? 0);
        if (y >= 0 && x >= 0) made[start + y * width + x] = sum / (number(y, height) * number(x, width));
      }
    }
  }
  return { height, width, data: made };
}
