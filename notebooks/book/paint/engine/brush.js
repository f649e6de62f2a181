// Larger strokes in one pass: paint a small picture, and then a large one over it. The same steps and numbers as nst.brush.

import { statistics, transport, turned } from "./covariance.js";
import { clip, cut, resized } from "./picture.js";

const PHOTOGRAPH = 0.6; // of what a finer pass sees; the rest is the painting so far
const SMALLEST = 32; // pixels of the shorter side of a picture that is worth painting

/** `paint(content)` with strokes `brush` times as large.   coloured: (photograph, painting) -> the photograph in its colours. */
export async function coarseToFine(paint, content, brush, amount, coloured) {
  let painting = null;
  for (; brush > 1; brush /= 2) {
    const height = Math.ceil(content.height / brush), width = Math.ceil(content.width / brush);
    if (Math.min(height, width) < SMALLEST) continue;
    const small = resized(content, height, width);
    const made = await paint(painting ? mixed(small, painting, amount, coloured) : small);
    painting = clip(cut(made, 0, 0, height, width));
  }
  return paint(painting ? mixed(content, painting, amount, coloured) : content);
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
