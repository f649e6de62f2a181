// Larger strokes in one pass: paint a small picture, and then a large one over it. The same steps and numbers as nst.brush.

import { statistics, transport, turned } from "./covariance.js";
import { clip, cut, resized } from "./picture.js";

const PHOTOGRAPH = 0.6; // of what a finer pass sees; the rest is the painting so far
const SMALLEST = 32; // pixels of the shorter side of a picture that is worth painting

/** How much of a texture the first pass sees: of what it paints, a finer pass sees a part only. */
export function textureFor(texture, brush) {
  return brush === 1 ? texture : Math.min(1, texture / (1 - PHOTOGRAPH));
}

/** `paint(content)` with strokes `brush` times as large.   coloured: (photograph, painting) -> the photograph in its colours.
 *  under: what the first pass sees -> the same with a texture under its flat places; null: as it is. */
export async function coarseToFine(paint, content, brush, amount, coloured, under) {
  const seen = (picture) => (painting ? mixed(picture, painting, amount, coloured) : under ? under(picture) : picture);
  let painting = null;
  for (; brush > 1; brush /= 2) {
    const height = Math.ceil(content.height / brush), width = Math.ceil(content.width / brush);
    if (Math.min(height, width) < SMALLEST) continue;
    const made = await paint(await seen(resized(content, height, width)));
    painting = clip(cut(made, 0, 0, height, width));
  }
  return paint(await seen(content));
}

/** What a finer pass sees: the photograph in the painting's colours, and some of the painting, enlarged. */
function mixed(content, painting, amount, coloured) {
  painting = resized(painting, content.height, content.width);
  const seen = coloured(content, painting), share = (1 - PHOTOGRAPH) * amount;
  for (let i = 0; i < seen.data.length; i++) seen.data[i] += share * (painting.data[i] - seen.data[i]);
  return clip(seen);
}

/** The photograph with the painting's mean and covariance of pixels: how a trained style's photograph is coloured. */
export function inColoursOf(content, painting) {
  return turned(content, transport(statistics(content), statistics(painting)));
}
