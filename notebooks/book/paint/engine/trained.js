// A trained style: one network, one pass. nst.transformer_net, whose border and clipping are in the exported network itself.

import { coarseToFine, inColoursOf } from "./brush.js";

export const SMALLEST = 13; // pixels of a side: the border is a reflection of twelve

/** `content` painted by the network of a style. */
export async function paint(models, content, { style, strength, brush }) {
  const network = await models.get(`style_${style}`);
  const once = async ({ height, width, data }) => {
    const { painting } = await network({ content: { dims: [1, 3, height, width], data }, strength });
    return { height, width, data: painting.data };
  };
  return coarseToFine(once, content, brush, strength, inColoursOf);
}
