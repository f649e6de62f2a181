// Does WebGPU paint here what torch paints? A method is tried once on the stored picture before it is trusted.

const TOLERANCE = 2 / 255;

/** Throws unless `paint` makes of the stored picture what the stored result says.   name: of a trained style, "adain" or "wct". */
export async function tryOut(paint, models, name) {
  const { dims, content, style, paintings } = (await models.list()).test, [, , height, width] = dims;
  const options = { style: name.replace("style_", ""), styles: [{ height, width, data: numbers(style) }], weights: [1] };
  const made = await paint(models, { height, width, data: numbers(content) }, { ...options, strength: 1, alpha: 1, brush: 1 });
  const far = numbers(paintings[name]).reduce((most, x, i) => Math.max(most, Math.abs(x - made.data[i])), 0);
  if (!(far <= TOLERANCE)) throw new Error(`its colours are up to ${Math.round(255 * far)} of 255 steps from what they should be.`);
}

/** Bytes in base64 as numbers from 0 to 1. */
function numbers(text) {
  return Float32Array.from(atob(text), (letter) => letter.charCodeAt(0) / 255);
}
