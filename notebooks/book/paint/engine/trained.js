// A trained style: one network, one pass. nst.transformer_net, whose border and clipping are in the exported network itself.

import { coarseToFine, inColoursOf, textureFor } from "./brush.js";
import { underlay } from "./texture.js";

export const SMALLEST = 13; // pixels of a side: the border is a reflection of twelve

/** `content` painted by the network of a style. */
export async function paint(models, content, { style, strength, brush, texture = 0 }) {
  const network = await models.get(`style_${style}`);
  const once = async ({ height, width, data }, share) => {
    const { painting } = await network({ content: { dims: [1, 3, height, width], data }, strength: share });
    return { height, width, data: painting.data };
  };
  const under = underlay(models, strength * textureFor(texture, brush), [network], [1], (noise) => once(noise, 1));
  return coarseToFine((picture) => once(picture, strength), content, brush, strength, inColoursOf, under);
}
