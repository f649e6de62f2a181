// The browser's own slider with its label and its value: keys, screen readers and focus are the browser's. Traits: see parts.py.
function render({ model, el }) {
  const id = `nst-slider-${Math.random().toString(36).slice(2)}`; // no counter: each slider loads this page anew
  const label = document.createElement("label"), value = document.createElement("output"), input = document.createElement("input");
  label.htmlFor = input.id = id;
  value.htmlFor = id;
  Object.assign(input, { type: "range", min: 0, max: 1 });
  const head = document.createElement("div");
  head.className = "nst-slider-head";
  head.append(label, value);
  el.append(head, input);
  el.classList.add("nst-slider");

  const span = () => ["min", "max"].map((name) => (model.get("log") ? Math.log(model.get(name)) : model.get(name)));
  const isOff = (x) => model.get("off") && x <= model.get("min");
  const toShare = (x) => isOff(x) ? 0 : ((model.get("log") ? Math.log(x) : x) - span()[0]) / (span()[1] - span()[0]);
  function toValue(share) {
    if (model.get("off") && share <= 0) return 0;
    const [low, high] = span(), x = low + share * (high - low), step = model.get("step");
    return model.get("log") ? Number(Math.exp(x).toPrecision(2)) : Math.round(x / step) * step;
  }
  function text(x) {
    if (isOff(x)) return "off";
    if (model.get("percent")) return `${Math.round(100 * x)} %`;
    if (model.get("log")) return x >= 0.1 && x < 1e5 ? String(Number(x.toPrecision(2))) : x.toExponential(0);
    return String(Number(x.toFixed(2)));
  }
  function show() {
    label.textContent = model.get("label");
    const x = model.get("value"), share = toShare(x), low = span()[0], high = span()[1];
    input.step = model.get("log") ? 1 / 120 : model.get("step") / (high - low);
    input.value = share;
    input.style.setProperty("--share", `${100 * Math.min(1, Math.max(0, share))}%`);
    input.disabled = model.get("disabled");
    el.classList.toggle("nst-disabled", model.get("disabled"));
    value.textContent = text(x);
    input.setAttribute("aria-valuetext", value.textContent);
  }
  input.addEventListener("input", () => {
    model.set("value", toValue(Number(input.value)));
    show();
    model.save_changes();
  });
  input.addEventListener("keydown", (event) => event.stopPropagation()); // JupyterLab moves between cells with the same keys
  const names = ["value", "min", "max", "label", "disabled"].map((name) => `change:${name}`);
  names.forEach((name) => model.on(name, show));
  show();
  return () => names.forEach((name) => model.off(name, show));
}

export default { render };
