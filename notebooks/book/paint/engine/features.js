// Pictures to features and back, in squares where they are large: what AdaIN, WCT and the lessons' figures share.

import { inSquares } from "./tiles.js";

/** By level, relu1_1 … relu4_1: pixels between two places, pixels that a place sees beyond its own, channels of the lite encoder. */
export const LEVELS = {
  1: { scale: 1, reach: 1, channels: 64 },
  2: { scale: 2, reach: 4, channels: 128 },
  3: { scale: 4, reach: 10, channels: 256 },
  4: { scale: 8, reach: 30, channels: 128 },
};

/** Features { height, width, data } of a picture whose sides are multiples of 16. */
export async function encode(encoder, level, picture) {
  const { scale, reach, channels } = LEVELS[level];
  const run = async ({ height, width, data }) => {
    const { features } = await encoder({ picture: { dims: [1, 3, height, width], data } });
    return { height: height / scale, width: width / scale, data: features.data };
  };
  return inSquares(picture, run, { from: 1, to: scale, border: reach, channels });
}

/** The picture that a decoder makes of features: its output `name`, with the decoder's other inputs. */
export async function decode(decoder, level, maps, name, others) {
  const { scale, reach, channels } = LEVELS[level];
  const run = async ({ height, width, data }) => {
    const made = await decoder({ features: { dims: [1, channels, height, width], data }, ...others });
    return { height: height * scale, width: width * scale, data: made[name].data };
  };
  return inSquares(maps, run, { from: scale, to: 1, border: reach, channels: 3 });
}
