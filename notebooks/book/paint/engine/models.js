// The exported networks, each loaded when it is first asked for, on the backend that paints them right.

import { hasGPU, start } from "./runtime.js";
import { load, tidy } from "./store.js";

const FOLDER = new URL("../models/", import.meta.url).href;
const TOLERANCE = 2 / 255;

/** Which networks there are, and their sessions.   wish: "webgpu", "wasm", or null for the better one that works.
 *  told(what, loaded, bytes): while something is loaded.   before(): awaited before a network computes; it may throw. */
export class Models {
  constructor(wish, told, before) {
    Object.assign(this, { wish, told, before });
    this.sessions = new Map(); // name -> its run
    this.loading = 0; // milliseconds spent on it so far
  }

  /** The backend that paints: "webgpu" or "wasm", once something was loaded. */
  get backend() {
    return this.runtime?.backend;
  }

  async list() {
    this.listed ??= await (await fetch(`${FOLDER}models.json`)).json();
    return this.listed;
  }

  /** run(inputs) -> outputs of the network of this name; see runtime.session. */
  async get(name) {
    if (!this.sessions.has(name)) {
      const began = performance.now();
      this.sessions.set(name, await this.opened(name));
      this.loading += performance.now() - began;
    }
    const run = this.sessions.get(name);
    return async (inputs) => {
      await this.before();
      return run(inputs);
    };
  }

  async opened(name) {
    const { models } = await this.list(), entry = models[name];
    if (!entry) throw new Error(`This page was built without ${name}.`);
    const bytes = await load(FOLDER, entry, (loaded, all) => this.told(entry.title, loaded, all));
    this.runtime ??= await this.started();
    return this.runtime.session(bytes);
  }

  /** WebGPU where there is one and it paints the stored picture as torch does, else WebAssembly. */
  async started() {
    tidy(FOLDER, Object.values((await this.list()).models));
    const told = (loaded, all) => this.told("the runtime", loaded, all);
    if (this.wish !== "wasm" && (await hasGPU(this.wish === "webgpu"))) {
      try {
        const runtime = await start("webgpu", told);
        if (await this.passes(runtime)) return runtime;
        this.failed = "WebGPU paints other colours here than it should";
      } catch (error) {
        this.failed = `WebGPU fails here (${error.message})`;
      }
    }
    return start("wasm", told);
  }

  /** Does the self-test's network paint the stored input as the stored result says? */
  async passes(runtime) {
    const { test } = await this.list();
    const run = await runtime.session(await load(FOLDER, (await this.list()).models[test.model]));
    const { painting } = await run({ content: { dims: test.dims, data: unpacked(test.content) }, strength: test.strength });
    const expected = unpacked(test.painting);
    return expected.every((x, i) => Math.abs(x - painting.data[i]) <= TOLERANCE);
  }
}

/** Bytes in base64 as numbers from 0 to 1. */
function unpacked(text) {
  return Float32Array.from(atob(text), (letter) => letter.charCodeAt(0) / 255);
}
