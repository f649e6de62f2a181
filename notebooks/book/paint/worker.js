// Where pictures are painted: a thread of its own, so that the page stays alive. Of each lane only the latest wish is answered.

import * as adain from "./engine/adain.js";
import { gramOf } from "./engine/gram.js";
import { Models } from "./engine/models.js";
import { cut, read, toPixels } from "./engine/picture.js";
import * as trained from "./engine/trained.js";
import { tryOut } from "./engine/trial.js";
import * as wct from "./engine/wct.js";

const METHODS = { trained, adain, wct };
const TASKS = { paint, gram, statistics, channels };
const STYLE = 512; // pixels of the shorter side of a style picture, at most
const KEPT = 6; // pictures that were read last

class Overtaken extends Error {}
class Refused extends Error {} // a picture that cannot be read, whatever paints

const waiting = new Map(); // lane -> its latest wish
let current = null;
let models = new Models(new URL(location.href).searchParams.get("backend"), told, goOn);
let tried = new Set(); // what WebGPU was found to paint right
let remark = ""; // why it is not WebGPU that paints
let kept = [];

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
    reply({ ...(await TASKS[wish.task](wish)), backend: models.backend, remark });
  } catch (error) {
    if (error instanceof Overtaken) return;
    if (models.backend !== "webgpu" || error instanceof Refused) return reply({ error: inWords(error), broken: isMemory(error) });
    remark = `WebGPU was tried and left: ${inWords(error)}`;
    models = new Models("wasm", told, goOn);
    await answer(wish);
  }
}

// --- tasks ------------------------------------------------------------------------------------------------------------------------

/** A painting by a method, as pixels, and the milliseconds that it took without loading anything. */
async function paint({ method, photo, size, styles = [], ...options }) {
  const content = await picture(photo, size), pictures = [];
  for (const style of styles) pictures.push(await picture(style, Math.min(size, STYLE)));
  const { paint } = METHODS[method], name = method === "trained" ? `style_${options.style}` : method;
  await models.start();
  if (models.backend === "webgpu" && !tried.has(name)) {
    await tryOut(paint, models, name);
    tried.add(name);
  }
  const began = performance.now(), before = models.loading;
  const painting = await paint(models, content, { ...options, styles: pictures });
  const milliseconds = performance.now() - began - (models.loading - before), { height, width } = painting;
  return { height, width, pixels: toPixels(painting), milliseconds };
}

async function gram({ photo, size }) {
  return gramOf(models, await picture(photo, size));
}

/** AdaIN's two numbers for each channel, of a picture. */
async function statistics({ photo, size }) {
  const { mean, std } = adain.moments(await adain.encode(models, await picture(photo, size)));
  return { mean, std };
}

/** A photograph decoded with other numbers in its channels. */
async function channels({ photo, size, mean, std }) {
  const content = await picture(photo, size), maps = await adain.encode(models, content);
  const made = await adain.decode(models, adain.matched(maps, adain.moments(maps), { mean, std }));
  const painting = cut(made, 0, 0, content.height, content.width);
  return { height: content.height, width: content.width, pixels: toPixels(painting) };
}

// --- pictures, messages -----------------------------------------------------------------------------------------------------------

/** The picture of { key, blob or address } at a size: the same object as last time, so that what was computed of it is found again. */
async function picture({ key, blob, address }, size) {
  key = `${key} ${size}`;
  let found = kept.find((each) => each.key === key);
  found ??= { key, picture: await read(blob ?? (await (await fetch(address)).blob()), size).catch(refuse) };
  kept = [found, ...kept.filter((each) => each !== found)].slice(0, KEPT);
  return found.picture;
}

function refuse(error) {
  throw new Refused(error.message);
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
  return isMemory(error) ? "This does not fit into the browser's memory. Take a smaller size." : String(error?.message ?? error);
}

function isMemory(error) {
  return error instanceof RangeError || /bad_alloc|allocat|out of memory|memory access|unreachable/i.test(String(error?.message ?? error));
}
