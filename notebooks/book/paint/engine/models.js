// The exported networks, each loaded when it is first asked for.

import { hasGPU, start } from "./runtime.js";
import { json, load, tidy } from "./store.js";

const FOLDER = new URL("../models/", import.meta.url).href;

/** Which networks there are, and their sessions; and the noise's numbers.   wish: "webgpu", "wasm", or null for the better one.
 *  told(what, loaded, bytes): while something is loaded.   before(): awaited before a network computes; it may throw. */
export class Models {
  constructor(wish, told, before) {
    Object.assign(this, { wish, told, before });
    this.sessions = new Map(); // name -> its run
    this.loading = 0; // milliseconds spent on it so far
    this.backend = null; // "webgpu" or "wasm", once something was loaded
  }

  async list() {
    this.listed ??= await json(`${FOLDER}models.json`);
    return this.listed;
  }

  /** run(inputs) -> outputs of the network of this name, always the same function; see runtime.session. */
  async get(name) {
    if (!this.sessions.has(name)) {
      const began = performance.now(), run = await this.opened(name);
      this.loading += performance.now() - began;
      this.sessions.set(name, async (inputs) => {
        await this.before();
        return run(inputs);
      });
    }
    return this.sessions.get(name);
  }

  /** The normal numbers that noise is made of: nst.texture.dots. */
  async dots() {
    this.numbers ??= new Float32Array(await load(FOLDER, (await this.list()).noise));
    return this.numbers;
  }

  async opened(name) {
    const { models } = await this.list(), entry = models[name];
    if (!entry) throw new Error(`This page was built without ${name}.`);
    await this.start();
    return this.runtime.session(await load(FOLDER, entry, (loaded, all) => this.told(entry.title, loaded, all)));
  }

  /** The runtime: WebGPU where there is one, else WebAssembly. */
  async start() {
    if (this.runtime) return;
    const { models, noise } = await this.list();
    tidy(FOLDER, [...Object.values(models), noise]);
    const told = (loaded, all) => this.told("the runtime", loaded, all);
    this.backend = this.wish !== "wasm" && (await hasGPU(this.wish === "webgpu")) ? "webgpu" : "wasm";
    this.runtime = await start(this.backend, told);
  }
}
