// Large pictures in squares, each computed with a border that is cut off again: the same numbers as in one piece. nst.tiles.

import { cut, empty, paste } from "./picture.js";

const SIDE = 512, LARGEST = 2 ** 20, STEP = 16; // pixels of a square's side; of a picture that is computed in one piece; of the grid

/** The squares of a picture: { top, left, height, width } of what they hold, and `outer`, the same with the border. */
export function* squares(height, width, border) {
  const whole = height * width <= LARGEST;
  for (const [top, tall, above, deep] of spans(height, border, whole))
    for (const [left, wide, beside, broad] of spans(width, border, whole))
      yield { top, left, height: tall, width: wide, outer: { top: above, left: beside, height: deep, width: broad } };
}

/** A square with its border, of maps with `scale` pixels between two places. */
export function outerOf(maps, { outer }, scale = 1) {
  return cut(maps, outer.top / scale, outer.left / scale, outer.height / scale, outer.width / scale);
}

/** Without the border: of what was computed of `outerOf`. */
export function innerOf(maps, square, scale = 1) {
  const { top, left, height, width, outer } = square;
  return cut(maps, (top - outer.top) / scale, (left - outer.left) / scale, height / scale, width / scale);
}

/** Maps computed square by square.   run: a part of them -> what is computed of it.   from, to: pixels between two of their places.
 *  border: how many pixels a place sees beyond its own.   channels: of the result. */
export async function inSquares(maps, run, { from, to, border, channels }) {
  const height = maps.height * from, width = maps.width * from, all = [...squares(height, width, border)];
  if (all.length === 1) return run(maps);
  const made = empty(height / to, width / to, channels);
  for (const square of all) paste(made, square.top / to, square.left / to, innerOf(await run(outerOf(maps, square, from)), square, to));
  return made;
}

/** [start, length] of each stretch of a side, and of the same with its border: [start, length, outer start, outer length]. */
function spans(side, border, whole) {
  if (whole) return [[0, side, 0, side]];
  const up = (n) => Math.ceil(n / STEP) * STEP, reach = up(border), each = up(Math.ceil(side / Math.ceil(side / SIDE)));
  const made = [];
  for (let start = 0; start < side; start += each) {
    const outer = Math.min(each + 2 * reach, side), first = Math.min(Math.max(start - reach, 0), side - outer);
    made.push([start, Math.min(each, side - start), first, outer]);
  }
  return made;
}
