// Large pictures in squares, each computed with a border that is cut off again: the same numbers as in one piece. nst.tiles.

import { cut, empty, paste } from "./picture.js";

const SIDE = 512, LARGEST = 2 ** 20, STEP = 16; // pixels of a square's side; of a picture that is computed in one piece; of the grid

/** Maps computed square by square.   run: a part of them -> what is computed of it.   from, to: pixels between two of their places.
 *  border: how many pixels a place sees beyond its own.   channels: of the result. */
export async function inSquares(maps, run, { from, to, border, channels }) {
  const height = maps.height * from, width = maps.width * from; // pixels
  if (height * width <= LARGEST) return run(maps);
  const made = empty(height / to, width / to, channels);
  for (const [top, tall, above, deep] of spans(height, border))
    for (const [left, wide, beside, broad] of spans(width, border)) {
      const part = await run(cut(maps, above / from, beside / from, deep / from, broad / from));
      paste(made, top / to, left / to, tall / to, wide / to, part, (top - above) / to, (left - beside) / to);
    }
  return made;
}

/** [start, length] of each stretch of a side, and of the same with its border: [start, length, outer start, outer length]. */
function spans(side, border) {
  const up = (n) => Math.ceil(n / STEP) * STEP, reach = up(border), each = up(Math.ceil(side / Math.ceil(side / SIDE)));
  const made = [];
  for (let start = 0; start < side; start += each) {
    const outer = Math.min(each + 2 * reach, side), first = Math.min(Math.max(start - reach, 0), side - outer);
    made.push([start, Math.min(each, side - start), first, outer]);
  }
  return made;
}
