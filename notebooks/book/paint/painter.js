// The page's side of the worker: ask, and get a painting, or null where a later wish of the same lane has overtaken this one.

export class Painter {
  constructor() {
    this.number = 0;
    this.asked = new Map(); // lane -> { number, resolve, reject, told }
  }

  /** wish: { task, … } as the worker's TASKS read it.   told({ what, loaded, bytes }): while something is loaded.
   *  Rejects with an Error whose message is for the reader. */
  ask(lane, wish, told = () => {}) {
    this.asked.get(lane)?.resolve(null);
    this.worker ??= this.hired();
    const number = ++this.number;
    return new Promise((resolve, reject) => {
      this.asked.set(lane, { number, resolve, reject, told });
      this.worker.postMessage({ lane, number, ...wish });
    });
  }

  /** Ends whatever is being computed, at once; what was loaded is kept by the browser. */
  stop() {
    this.worker?.terminate();
    this.worker = null;
    for (const { resolve } of this.asked.values()) resolve(null);
    this.asked.clear();
  }

  hired() {
    const address = new URL("worker.js", import.meta.url), backend = new URLSearchParams(location.search).get("backend");
    if (backend) address.searchParams.set("backend", backend); // ?backend=wasm paints without WebGPU
    const worker = new Worker(address, { type: "module" });
    worker.onmessage = ({ data: { lane, number, progress, error, broken, ...result } }) => {
      const asked = this.asked.get(lane);
      if (asked?.number !== number) return; // overtaken
      if (progress) return asked.told(progress);
      this.asked.delete(lane);
      if (broken) this.stop(); // what memory it had is given back with the worker
      if (error) asked.reject(new Error(error));
      else asked.resolve(result);
    };
    worker.onerror = (event) => {
      event.preventDefault?.();
      const reason = new Error(`The painter stopped: ${event.message ?? "its program could not be loaded"}.`);
      for (const { reject } of this.asked.values()) reject(reason);
      this.asked.clear();
      this.worker = null;
    };
    return worker;
  }
}
