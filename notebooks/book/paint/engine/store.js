// Files that are large and never change: fetched once with their progress told, checked, and kept by the browser under their SHA-256.

const CACHE = "nst-paint";

/** A small file that says what there is; always asked for anew. */
export async function json(address) {
  const response = await fetch(address, { cache: "no-cache" }).catch(() => ({ status: "nothing" }));
  if (!response.ok) throw new Error(`${address.split("/").at(-1)} could not be loaded: the server answers ${response.status}.`);
  return response.json();
}

/** The bytes of a file { file, bytes, sha256 } below `folder`.   told(loaded, bytes): while it comes from the network. */
export async function load(folder, { file, bytes, sha256 }, told = () => {}) {
  const address = new URL(`${file}?${sha256.slice(0, 16)}`, folder).href, cache = await opened();
  const kept = await cache?.match(address);
  if (kept) return kept.arrayBuffer();
  const data = await fetched(address, file, bytes, told);
  if (await differs(data, sha256)) throw new Error(`${file}: what was loaded is not the file that this page was built with. Load the page again.`);
  await cache?.put(address, new Response(data.slice(0))).catch(() => {}); // no room: it is loaded again next time
  return data;
}

/** Delete what is kept of earlier versions: files below `folder` that are not among `files`. */
export async function tidy(folder, files) {
  const cache = await opened(), wanted = new Set(files.map(({ file, sha256 }) => new URL(`${file}?${sha256.slice(0, 16)}`, folder).href));
  for (const { url } of (await cache?.keys()) ?? []) if (url.startsWith(folder) && !wanted.has(url)) await cache.delete(url);
}

/** A file gunzipped; a server may have done it already. */
export async function unpacked(data) {
  const [first, second] = new Uint8Array(data, 0, 2);
  if (first !== 0x1f || second !== 0x8b) return data;
  return new Response(new Blob([data]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

async function opened() {
  try {
    return await caches.open(CACHE); // absent where the address is neither https nor localhost, closed in some private windows
  } catch {
    return null;
  }
}

async function fetched(address, file, bytes, told) {
  let response;
  try {
    response = await fetch(address);
  } catch {
    throw new Error(`${file} could not be loaded: the connection is broken, or the page's server has stopped.`);
  }
  if (!response.ok) throw new Error(`${file} could not be loaded: the server answers ${response.status}.`);
  const data = [], reader = response.body.getReader();
  let loaded = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    data.push(value);
    told((loaded += value.length), bytes);
  }
  return new Blob(data).arrayBuffer();
}

async function differs(data, sha256) {
  if (!globalThis.crypto?.subtle) return false;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("") !== sha256;
}
