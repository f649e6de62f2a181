// Small parts that the page and the lessons' live figures are made of.

/** An element with attributes (properties where it has them) and children. */
export function make(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) key in element ? (element[key] = value) : element.setAttribute(key, value);
  element.append(...children);
  return element;
}

let made = 0;

/** A labelled slider, 0 to 1 in hundredths unless told otherwise; `slider.value` is its number. */
export function slider(label, value, changed, { min = 0, max = 1, step = 0.01, digits = 2 } = {}) {
  const id = `slider-${++made}`, shown = make("output", { htmlFor: id });
  const input = make("input", { type: "range", id, min, max, step, value });
  const show = () => {
    shown.textContent = Number(input.value).toFixed(digits);
    input.style.setProperty("--share", `${(100 * (input.value - input.min)) / (input.max - input.min)}%`);
  };
  input.addEventListener("input", () => (show(), changed("input")));
  input.addEventListener("change", () => changed("change"));
  show();
  const name = make("label", { htmlFor: id, textContent: label });
  const element = make("div", { className: "slider" }, make("div", { className: "slider-head" }, name, shown), input);
  return {
    element, input,
    get value() { return Number(input.value); },
    set value(number) { input.value = number; show(); },
    set max(number) { input.max = number; show(); },
    set label(text) { name.textContent = text; },
  };
}

/** Radio buttons side by side: choices { value: label }. */
export function bar(element, name, choices, value, changed) {
  for (const [each, label] of Object.entries(choices)) {
    const input = make("input", { type: "radio", name, value: each, checked: each === String(value) });
    input.addEventListener("change", changed);
    element.append(make("label", {}, input, label));
  }
}

/** A picture to choose: a radio button with its picture and title. */
export function thumb(name, { value, title, address }, changed) {
  const input = make("input", { type: "radio", name, value, ariaLabel: title });
  input.addEventListener("change", changed);
  return make("label", { className: "thumb", title }, input, make("img", { src: address, alt: "", loading: "lazy" }));
}

/** A painting over its photograph, with a line between them that one moves: painting on the right of it. */
export class Comparison {
  constructor(split = 0) {
    this.before = make("img", { className: "before", alt: "" });
    this.after = make("canvas", { className: "after" });
    this.pen = this.after.getContext("2d", { willReadFrequently: true }); // for downloads
    this.input = make("input", { type: "range", min: 0, max: 100, value: split, ariaLabel: "How much of the photograph is shown beside the painting" });
    this.input.addEventListener("input", () => this.show());
    this.element = make("div", { className: "comparison" }, this.after, this.before, this.input, make("span", { className: "line", ariaHidden: "true" }));
    this.show();
  }

  show() {
    this.element.style.setProperty("--split", `${this.input.value}%`);
    this.input.setAttribute("aria-valuetext", `${this.input.value} % photograph`);
  }

  /** The photograph's address and size. */
  photograph(address, height, width) {
    this.before.src = address;
    this.element.style.setProperty("--ratio", width / height);
  }

  /** A painting { height, width, pixels }, or nothing: the photograph alone. */
  painting(result) {
    this.element.classList.toggle("bare", !result);
    if (!result) return;
    Object.assign(this.after, { height: result.height, width: result.width });
    this.element.dataset.number = 1 + Number(this.element.dataset.number ?? 0); // of paintings shown, for those who wait for one
    this.pen.putImageData(new ImageData(result.pixels, result.width, result.height), 0, 0);
    this.element.style.setProperty("--ratio", result.width / result.height);
  }

  /** A finished picture, by its address. */
  async finished(address) {
    const image = make("img", { src: address });
    await image.decode();
    this.element.classList.remove("bare");
    Object.assign(this.after, { height: image.naturalHeight, width: image.naturalWidth });
    this.pen.drawImage(image, 0, 0);
  }
}

/** What painted, for a reader. */
export function painterOf({ backend, milliseconds, height, width }) {
  const time = milliseconds < 950 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
  return `${backend === "webgpu" ? "Painted by WebGPU" : "Painted by the processor (WebAssembly, one thread)"} in ${time}, ${width} x ${height} pixels.`;
}

/** What is loaded, for a reader. */
export function loadingOf({ what, loaded, bytes }) {
  return `Loading ${what}: ${(loaded / 1e6).toFixed(1)} of ${(bytes / 1e6).toFixed(1)} MB, only the first time.`;
}
