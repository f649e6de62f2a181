// A picture that may be pointed at, drawn on, or pressed like a button. Traits: see parts.py.
const STEP = 0.05, FINE = 0.01, SEND = 120; // shares of the picture; milliseconds between two masks while one draws

function clamp(x) {
  return Math.min(1, Math.max(0, x));
}

function save(bytes, name, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

function render({ model, el }) {
  const mode = model.get("mode");
  const frame = document.createElement(mode === "button" ? "button" : "div");
  frame.className = `nst-frame nst-${mode}`;
  let image = new Image();
  const caption = document.createElement(mode === "button" ? "span" : "div");
  caption.className = "nst-caption";
  const place = document.createElement("div"), box = document.createElement("div"), spoken = document.createElement("div");
  place.className = "nst-place";
  box.className = "nst-box";
  spoken.className = "nst-spoken";
  spoken.setAttribute("aria-live", "polite");
  const mask = document.createElement("canvas");
  mask.className = "nst-mask";
  const stage = document.createElement("span");
  stage.className = "nst-stage";
  stage.append(image, mask, box, place);
  frame.append(stage);
  (mode === "button" ? frame : el).append(caption);
  el.prepend(frame);
  el.append(spoken);
  el.classList.add("nst-picture");

  // --- what is shown ---
  let latest = 0;
  async function showData() {
    const bytes = model.get("data");
    if (!bytes || !bytes.byteLength) return;
    const number = ++latest, next = new Image(), url = URL.createObjectURL(new Blob([bytes]));
    next.src = url;
    try {
      await next.decode(); // the old picture stays until the new one can be shown: no flicker
    } catch {
      return;
    } finally {
      URL.revokeObjectURL(url);
    }
    if (number !== latest) return;
    next.alt = mode === "show" ? model.get("alt") : "";
    next.draggable = false;
    image.replaceWith(next);
    image = next;
    image.dataset.number = number;
  }
  function showText() {
    const alt = model.get("alt");
    if (mode === "show") image.alt = alt;
    else frame.setAttribute("aria-label", alt);
    caption.textContent = model.get("caption");
    caption.hidden = !caption.textContent;
    spoken.textContent = model.get("spoken");
  }
  function showPlace() {
    const [x, y] = model.get("place"), [left, top, right, bottom] = model.get("box");
    place.hidden = mode !== "point" && !drawing();
    ring(x, y);
    box.hidden = !(right > left);
    Object.assign(box.style, {
      left: `${100 * left}%`, top: `${100 * top}%`, width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
    });
  }
  function ring(x, y) {
    Object.assign(place.style, { left: `${100 * x}%`, top: `${100 * y}%` });
    if (mode === "draw") place.style.width = `${200 * model.get("brush")}%`; // as wide as its strokes
  }
  function showPressed() {
    if (mode === "button") frame.setAttribute("aria-pressed", String(model.get("pressed")));
  }
  function drawing() {
    return mode === "draw" && model.get("drawing");
  }
  function showDrawing() {
    const on = drawing();
    frame.classList.toggle("nst-drawing", on);
    mask.hidden = !on;
    if (mode === "draw") on ? frame.setAttribute("tabindex", "0") : frame.removeAttribute("tabindex");
    showPlace();
  }

  // --- pointing ---
  function pointTo(x, y) {
    model.set("place", [clamp(x), clamp(y)]);
    model.save_changes();
  }
  function where(event) {
    const area = stage.getBoundingClientRect();
    return [clamp((event.clientX - area.left) / area.width), clamp((event.clientY - area.top) / area.height)];
  }

  // --- drawing a mask: a small canvas whose alpha channel is what Python gets ---
  let held = false, sent = 0;
  const brush = mask.getContext("2d", { willReadFrequently: true });
  function showMask() {
    const [width, height] = model.get("grid"), bytes = model.get("mask");
    if (mask.width !== width || mask.height !== height) [mask.width, mask.height] = [width, height];
    if (held) return; // the kernel echoes what it got: older than what is being drawn
    const pixels = brush.createImageData(width, height);
    for (let k = 0; k < width * height; k++) {
      pixels.data.set([255, 255, 255, bytes && k < bytes.byteLength ? bytes.getUint8(k) : 0], 4 * k);
    }
    brush.putImageData(pixels, 0, 0);
  }
  function sendMask(last) {
    if (!last && Date.now() - sent < SEND) return;
    sent = Date.now();
    const { data } = brush.getImageData(0, 0, mask.width, mask.height);
    const alpha = Uint8Array.from({ length: data.length / 4 }, (_, k) => data[4 * k + 3]);
    model.set("mask", new DataView(alpha.buffer));
    model.save_changes();
  }
  function draw([x, y], erase) {
    const radius = model.get("brush") * mask.width;
    brush.globalCompositeOperation = erase ? "destination-out" : "source-over";
    brush.fillStyle = "white";
    brush.beginPath();
    brush.arc(x * mask.width, y * mask.height, radius, 0, 2 * Math.PI);
    brush.fill();
  }

  function onDown(event) {
    if (mode === "button" || (mode === "draw" && !drawing())) return;
    if (mode === "show") return;
    held = true;
    frame.classList.add("nst-held");
    stage.setPointerCapture(event.pointerId);
    onMove(event);
    event.preventDefault();
    frame.focus({ preventScroll: true });
  }
  function onMove(event) {
    if (drawing()) ring(...where(event));
    if (!held) return;
    if (mode === "point") return pointTo(...where(event));
    draw(where(event), event.shiftKey || model.get("erasing"));
    sendMask(false);
  }
  function onUp() {
    const was = held;
    held = false;
    frame.classList.remove("nst-held");
    if (was && drawing()) sendMask(true);
  }
  function onKey(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[event.key];
    const [x, y] = model.get("place");
    if (mode !== "point" && !drawing()) return;
    if (steps) pointTo(...[x, y].map((at, k) => at + steps[k] * (event.shiftKey ? FINE : STEP)));
    else if (event.key === "Home") pointTo(0.5, 0.5);
    else if (drawing() && event.key === " ") {
      draw([x, y], event.shiftKey || model.get("erasing"));
      sendMask(true);
    } else return;
    event.preventDefault();
    event.stopPropagation(); // JupyterLab moves between cells with the same keys
  }

  if (mode === "point" || mode === "draw") {
    frame.setAttribute("role", "application");
    frame.setAttribute("aria-roledescription", mode === "point" ? "picture to point at" : "picture to draw on");
  }
  if (mode === "point") frame.setAttribute("tabindex", "0");
  if (mode === "button") {
    frame.type = "button";
    frame.addEventListener("click", () => model.send({ type: "press" }));
  }
  stage.addEventListener("pointerdown", onDown);
  stage.addEventListener("pointermove", onMove);
  stage.addEventListener("pointerup", onUp);
  stage.addEventListener("pointercancel", onUp);
  frame.addEventListener("keydown", onKey);

  const listeners = [
    ["change:data", showData], ["change:alt", showText], ["change:caption", showText], ["change:spoken", showText],
    ["change:place", showPlace], ["change:box", showPlace], ["change:pressed", showPressed], ["change:drawing", showDrawing],
    ["change:mask", showMask], ["change:grid", showMask],
    ["msg:custom", (message, buffers) => message.type === "save" && save(buffers[0], message.name, message.mime)],
  ];
  for (const [name, listener] of listeners) model.on(name, listener);
  for (const show of [showText, showPlace, showPressed, showDrawing, showMask, showData]) show();
  return () => listeners.forEach(([name, listener]) => model.off(name, listener));
}

export default { render };
