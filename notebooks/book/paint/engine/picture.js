// A picture is { height, width, data }: three planes, red, green, blue, of height x width float32 in [0, 1], as nst's (1, 3, H, W).

const MOST = 2 ** 24, ENOUGH = 2 ** 22; // pixels that a canvas of a phone holds; up to which nothing is left to the browser's scaling
const LARGEST = 12e6; // pixels of a picture that is painted: a trained style takes 300 bytes of memory for each

/** A picture file's pixels at a shorter side of `size`. Throws a readable Error where the browser reads no picture in it. */
export async function read(blob, size) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new Error("This file is not a picture that your browser reads. JPEG, PNG and WebP work everywhere.");
  }
  const { height, width } = bitmap;
  const [tall, wide] = sides(height, width, size);
  if (tall * wide > LARGEST)
    throw new Error(`At this size the picture has ${Math.round((tall * wide) / 1e6)} megapixels; at most ${LARGEST / 1e6} fit here. Take a smaller size.`);
  const least = Math.max(Math.sqrt(ENOUGH / (height * width)), (4 * size) / Math.min(height, width));
  const part = Math.min(1, Math.sqrt(MOST / (height * width)), least);
  const canvas = new OffscreenCanvas(Math.max(1, Math.floor(width * part)), Math.max(1, Math.floor(height * part)));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  if (!pen) throw new Error("This picture is too large for your browser's memory.");
  pen.fillStyle = "#fff"; // transparency is laid on white
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  return resized(fromPixels(pen.getImageData(0, 0, canvas.width, canvas.height)), tall, wide);
}

/** [height, width] of a picture whose shorter side becomes `size`; the other follows, as in nst.images. */
export function sides(height, width, size) {
  const scaled = (side) => Math.max(1, roundHalfEven((side * size) / Math.min(height, width)));
  return [height <= width ? size : scaled(height), width <= height ? size : scaled(width)];
}

/** A canvas' pixels, four bytes each, as a picture. */
export function fromPixels({ height, width, data }) {
  const picture = empty(height, width), plane = height * width;
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) picture.data[c * plane + i] = data[4 * i + c] / 255;
  return picture;
}

/** A picture as a canvas' pixels; what lies outside [0, 1] is cut off. */
export function toPixels({ height, width, data }) {
  const plane = height * width, pixels = new Uint8ClampedArray(4 * plane).fill(255);
  for (let i = 0; i < plane; i++) for (let c = 0; c < 3; c++) pixels[4 * i + c] = 255 * data[c * plane + i]; // it rounds and clips
  return pixels;
}

export function empty(height, width, channels = 3) {
  return { height, width, data: new Float32Array(channels * height * width) };
}

/** The rows top … top + height and columns left … left + width of maps with any number of channels. */
export function cut(maps, top, left, height, width) {
  const channels = maps.data.length / (maps.height * maps.width), part = empty(height, width, channels);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < height; y++) {
      const start = (c * maps.height + top + y) * maps.width + left;
      part.data.set(maps.data.subarray(start, start + width), (c * height + y) * width);
    }
  return part;
}

/** Write `part` to (top, left) of larger maps. */
export function paste(maps, top, left, part) {
  const channels = maps.data.length / (maps.height * maps.width);
  for (let c = 0; c < channels; c++)
    for (let y = 0; y < part.height; y++) {
      const start = (c * part.height + y) * part.width;
      maps.data.set(part.data.subarray(start, start + part.width), (c * maps.height + top + y) * maps.width + left);
    }
}

/** Grown to the right and below to multiples of 16 and at least 32, mirrored there: nst.decoders.padded. */
export function padded(picture) {
  const [height, width] = [picture.height, picture.width].map((n) => Math.max(32, Math.ceil(n / 16) * 16));
  if (height === picture.height && width === picture.width) return picture;
  const mirrors = height < 2 * picture.height && width < 2 * picture.width; // else the last pixels are repeated
  const source = (i, n) => (i < n ? i : mirrors ? 2 * (n - 1) - i : n - 1);
  const grown = empty(height, width);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++) {
      const row = (c * picture.height + source(y, picture.height)) * picture.width, start = (c * height + y) * width;
      for (let x = 0; x < width; x++) grown.data[start + x] = picture.data[row + source(x, picture.width)];
    }
  return grown;
}

export function clip(picture) {
  for (let i = 0; i < picture.data.length; i++) picture.data[i] = Math.min(1, Math.max(0, picture.data[i]));
  return picture;
}

/** Bicubic, with antialiasing, clipped: what torch's interpolate(mode="bicubic", antialias=True) gives. */
export function resized(picture, height, width) {
  if (height === picture.height && width === picture.width) return picture;
  const across = weights(picture.width, width), down = weights(picture.height, height);
  const wide = empty(picture.height, width), made = empty(height, width);
  for (let row = 0; row < 3 * picture.height; row++)
    for (let x = 0; x < width; x++) {
      const { first, shares } = across[x], start = row * picture.width + first;
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * picture.data[start + k];
      wide.data[row * width + x] = sum;
    }
  const line = new Float64Array(width);
  for (let c = 0; c < 3; c++)
    for (let y = 0; y < height; y++) {
      const { first, shares } = down[y];
      line.fill(0);
      for (let k = 0; k < shares.length; k++) {
        const start = (c * picture.height + first + k) * width;
        for (let x = 0; x < width; x++) line[x] += shares[k] * wide.data[start + x];
      }
      made.data.set(line, (c * height + y) * width);
    }
  return clip(made);
}

/** Which of `from` pixels, and how much of each, make each of `to`. */
function weights(from, to) {
  const scale = from / to, wide = Math.max(scale, 1), support = 2 * wide;
  return Array.from({ length: to }, (_, i) => {
    const centre = scale * (i + 0.5);
    const first = Math.max(0, Math.trunc(centre - support + 0.5)), last = Math.min(from, Math.trunc(centre + support + 0.5));
    const shares = Float64Array.from({ length: last - first }, (_, k) => cubic((first + k - centre + 0.5) / wide));
    const sum = shares.reduce((a, b) => a + b, 0);
    return { first, shares: shares.map((share) => share / sum) };
  });
}

function cubic(x, a = -0.5) {
  x = Math.abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}

function roundHalfEven(x) {
  const low = Math.floor(x);
  return x - low === 0.5 ? low + (low % 2) : Math.round(x);
}
