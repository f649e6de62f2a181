// A button that takes a picture's file, chosen or dropped. Traits: see parts.py.
function render({ model, el }) {
  const label = document.createElement("label"), input = document.createElement("input"), text = document.createElement("span");
  Object.assign(input, { type: "file", accept: "image/*" });
  input.setAttribute("aria-label", model.get("alt"));
  text.textContent = model.get("label");
  text.setAttribute("aria-hidden", "true");
  label.title = model.get("alt");
  label.append(input, text);
  el.append(label);
  el.classList.add("nst-upload");

  async function take(file) {
    if (file) model.send({ type: "file", name: file.name }, undefined, [await file.arrayBuffer()]);
    input.value = ""; // the same file may be chosen again
  }
  input.addEventListener("change", () => take(input.files[0]));
  label.addEventListener("dragover", (event) => event.preventDefault());
  label.addEventListener("drop", (event) => {
    event.preventDefault();
    take(event.dataTransfer.files[0]);
  });
  const show = () => (input.disabled = model.get("disabled"));
  model.on("change:disabled", show);
  show();
  return () => model.off("change:disabled", show);
}

export default { render };
