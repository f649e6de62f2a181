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

  // The file as it is; a large one as a picture with as many pixels as the kernel would keep. Null: the browser cannot read it.
  async function fitting(file) {
    if (file.size <= model.get("shrink_from")) return file;
    const whole = await createImageBitmap(file).catch(() => null);
    if (!whole) return file.size <= model.get("most") ? file : null;
    const scale = Math.min(1, model.get("largest") / Math.min(whole.width, whole.height));
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [whole.width, whole.height].map((side) => Math.max(1, Math.round(side * scale)));
    const pen = canvas.getContext("2d");
    pen.imageSmoothingQuality = "high";
    pen.drawImage(whole, 0, 0, canvas.width, canvas.height);
    whole.close();
    const kinds = file.type === "image/jpeg" ? [] : [["image/png"], ["image/webp", 0.95]]; // these keep what is transparent
    for (const kind of [...kinds, ["image/jpeg", 0.95], ["image/jpeg", 0.8]]) {
      const made = await new Promise((done) => canvas.toBlob(done, ...kind));
      if (made && made.size <= model.get("most")) return made;
    }
    return null;
  }

  async function take(file) {
    if (file && !input.disabled) {
      const sent = await fitting(file);
      if (sent) model.send({ type: "file", name: file.name }, undefined, [await sent.arrayBuffer()]);
      else model.send({ type: "too large", name: file.name, bytes: file.size });
    }
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
