// The exported networks, each loaded when it is first asked for.

import { hasGPU, start } from "./runtime.js";
import { json, load, tidy } from "./store.js";

const FOLDER = new URL("../models/", import.meta.url).href;

/** Which networks there are, and their sessions.   wish: "webgpu", "wasm", or null for the better one.
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
    await this.start();
    return this.runtime.session(await load(FOLDER, entry, (loaded, all) => this.told(entry.title, loaded, all)));
  }

  /** The runtime: WebGPU where there is one, else WebAssembly. */
  async start() {
    if (this.runtime) return;
    tidy(FOLDER, Object.values((await this.list()).models));
    const told = (loaded, all) => this.told("the runtime", loaded, all);
    this.backend = this.wish !== "wasm" && (await hasGPU(this.wish === "webgpu")) ? "webgpu" : "wasm";
    this.runtime = await start(this.backend, told);
  }
}
