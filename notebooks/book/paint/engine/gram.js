// Lesson 02: the Gram matrix of a picture at relu1_1. nst.losses.gram_matrix, divided by C H W.

import { encode } from "./features.js";
import { padded } from "./picture.js";

/** { side, gram }: how much each two channels fire together. */
export async function gramOf(models, picture) {
  const { height, width, data } = await encode(await models.get("wct_encoder_1"), 1, padded(picture));
  const places = height * width, side = data.length / places, gram = new Float32Array(side * side);
  for (let a = 0; a < side; a++)
    for (let b = 0; b <= a; b++) {
      let sum = 0;
      for (let i = 0; i < places; i++) sum += data[a * places + i] * data[b * places + i];
      gram[a * side + b] = gram[b * side + a] = sum / data.length;
    }
  return { side, gram };
}
