// onnxruntime-web: WebGPU where there is one, else WebAssembly on one thread.

import { json, load, tidy, unpacked } from "./store.js";

const FOLDER = new URL("../ort/", import.meta.url).href;

/** Is there a graphics processor that WebGPU reaches?  software: one that a processor only plays counts, too. */
export async function hasGPU(software = false) {
  try {
    const adapter = await navigator.gpu?.requestAdapter({ powerPreference: "high-performance" });
    return Boolean(adapter) && (software || !(adapter.info?.isFallbackAdapter ?? adapter.isFallbackAdapter));
  } catch {
    return false;
  }
}

/** The runtime of a backend, "webgpu" or "wasm": { session(model) }. Throws a readable Error. */
export async function start(backend, told) {
  if (typeof WebAssembly !== "object") throw new Error("Your browser has no WebAssembly, or it is switched off; without it this page cannot paint.");
  const facts = await json(`${FOLDER}runtime.json`);
  const { loader, glue, binary } = facts.backends[backend];
  tidy(FOLDER, Object.values(facts.backends).map((parts) => parts.binary));
  const ort = await import(FOLDER + loader);
  ort.env.logLevel = "error";
  ort.env.wasm.numThreads = 1; // more would need headers that a plain file server does not send
  ort.env.wasm.wasmPaths = { mjs: FOLDER + glue };
  ort.env.wasm.wasmBinary = await unpacked(await load(FOLDER, binary, told));
  return { session: (model) => session(ort, backend, model) };
}

/** run({ input: { dims, data } or a number }) -> { output: { dims, data } }, of one model's bytes. */
async function session(ort, backend, model) {
  const made = await ort.InferenceSession.create(new Uint8Array(model), {
    executionProviders: [backend], graphOptimizationLevel: "all", enableCpuMemArena: false, enableMemPattern: false, logSeverityLevel: 3,
  });
  return async (inputs) => {
    const tensors = {};
    for (const [name, value] of Object.entries(inputs)) {
      const { dims, data } = typeof value === "number" ? { dims: [1], data: Float32Array.of(value) } : value;
      tensors[name] = new ort.Tensor("float32", data, dims);
    }
    const outputs = await made.run(tensors), read = {};
    for (const [name, tensor] of Object.entries(outputs)) {
      read[name] = { dims: tensor.dims, data: tensor.location === "cpu" ? tensor.data : await tensor.getData() };
      tensor.dispose();
    }
    return read;
  };
}
