// Where pictures are painted: a thread of its own, so that the page stays alive. Of each lane only the latest wish is answered.

import * as adain from "./engine/adain.js";
import { Models } from "./engine/models.js";
import { read, toPixels } from "./engine/picture.js";
import * as trained from "./engine/trained.js";
import * as wct from "./engine/wct.js";

const TASKS = { trained: paintedBy(trained.paint), adain: paintedBy(adain.paint), wct: paintedBy(wct.paint) };
const STYLE = 512; // pixels of the shorter side of a style picture, at most

class Overtaken extends Error {}

const waiting = new Map(); // lane -> its latest wish
let current = null;
let models = new Models(new URL(location.href).searchParams.get("backend"), told, goOn);

self.onmessage = async ({ data }) => {
  waiting.set(data.lane, data);
  if (current) return;
  while (waiting.size) {
    [[, current]] = waiting;
    waiting.delete(current.lane);
    await answer(current);
    await messages();
  }
  current = null;
};

async function answer(wish) {
  try {
    reply(await TASKS[wish.task](wish));
  } catch (error) {
    if (error instanceof Overtaken) return;
    if (models.backend !== "webgpu") return reply({ error: inWords(error) });
    models = new Models("wasm", told, goOn); // what WebGPU cannot do, the processor does
    await answer(wish);
  }
}

/** A method's `paint` as a task: files in, pixels out, and how long the painting alone took. */
function paintedBy(paint) {
  return async ({ photo, size, styles = [], ...options }) => {
    const content = await picture(photo, size), pictures = [];
    for (const style of styles) pictures.push(await picture(style, Math.min(size, STYLE)));
    const began = performance.now(), before = models.loading;
    const painting = await paint(models, content, { ...options, styles: pictures });
    const milliseconds = performance.now() - began - (models.loading - before);
    const { height, width } = painting;
    return { height, width, pixels: toPixels(painting), backend: models.backend, milliseconds, remark: models.failed };
  };
}

const KEPT = 6;
let kept = []; // the pictures that were read last: { key, picture }

/** The picture of { key, blob or address } at a size: the same object as last time, so that what was computed of it is found again. */
async function picture({ key, blob, address }, size) {
  key = `${key} ${size}`;
  let found = kept.find((each) => each.key === key);
  found ??= { key, picture: await read(blob ?? (await (await fetch(address)).blob()), size) };
  kept = [found, ...kept.filter((each) => each !== found)].slice(0, KEPT);
  return found.picture;
}

function told(what, loaded, bytes) {
  reply({ progress: { what, loaded, bytes } });
}

/** Lets messages in, and throws where one of them makes the current wish an old one. */
async function goOn() {
  await messages();
  if (waiting.has(current.lane)) throw new Overtaken();
}

function messages() {
  return new Promise((resume) => setTimeout(resume));
}

function reply(message) {
  const { lane, number } = current;
  self.postMessage({ lane, number, ...message }, message.pixels ? [message.pixels.buffer] : []);
}

function inWords(error) {
  const text = String(error?.message ?? error);
  if (/bad_alloc|allocat|out of memory|memory access|unreachable/i.test(text) || error instanceof RangeError)
    return "This does not fit into the browser's memory. Try a smaller size.";
  return text;
}
