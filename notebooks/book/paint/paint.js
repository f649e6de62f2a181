// The painting page: what is chosen in the form is painted by the worker, and shown.

import { camera, opened, watch } from "./files.js";
import { Painter } from "./painter.js";
import { Comparison, bar, loadingOf, make, painterOf, slider, thumb } from "./parts.js";

const METHODS = { trained: "Trained", adain: "AdaIN", wct: "WCT" };
const ABOUT = {
  trained: "One network for each style: a single pass paints the photograph (Johnson et al. 2016).",
  adain: "Any picture as the style: means and deviations of its features (Huang & Belongie 2017).",
  wct: "Any picture as the style: the covariance of its features, level by level; slower (Li et al. 2017).",
};
const TEXTURE = { trained: 0, adain: 0.15, wct: 0.15 }; // what nst.stylize has unless told otherwise
const SIZES = [128, 256, 384, 512, 768, 1024, 1536, 2048], LIVE = 512; // pixels; up to LIVE a slider paints while it moves
const PHONE = matchMedia("(max-width: 860px), (pointer: coarse)").matches;

const $ = (id) => document.getElementById(id);
const form = $("controls"), view = new Comparison(25), painter = new Painter();
const photographs = new Map(), styles = new Map(); // value -> { key, blob or address, title, … }
let began = false; // a reader wants models, whatever they weigh
let shown = null; // name of the picture that is on the stage
const pace = {}; // method -> milliseconds for each pixel, last time

// --- what is chosen ---

const value = (name) => new FormData(form).get(name);
const strength = slider("Strength", 1, changed), share = slider("Share of the second style", 0.5, changed);
const textures = {}; // method -> its slider
for (const [method, amount] of Object.entries(TEXTURE)) textures[method] = slider("Texture under flat places", amount, changed);

function wish() {
  const photo = photographs.get(value("photograph")), method = value("method"), size = Number($("size").value);
  const options = { task: "paint", method, photo: fileOf(photo), size, brush: Number(value("brush")), texture: textures[method].value };
  if (method === "trained") return { ...options, style: value("style"), strength: strength.value };
  const second = styles.get($("second").value), pictures = [styles.get(value("style"))], weights = [1];
  if (second) {
    pictures.push(second);
    weights.splice(0, 1, 1 - share.value, share.value);
  }
  return { ...options, styles: pictures.map(fileOf), weights, alpha: strength.value };
}

/** What the worker takes of a picture: its key, and its file or address. */
function fileOf({ key, blob, address }) {
  return { key, blob, address: blob ? null : address };
}

// --- what is shown ---

/** The form changed: by a slider that still moves ("input"), or otherwise. */
function changed(event) {
  arrange();
  if (event === "input" && (!began || Number($("size").value) > LIVE)) return;
  if (!began && PHONE) return preview();
  paint();
}

/** Show the controls that the method has. */
function arrange() {
  const method = value("method"), trained = method === "trained";
  $("about").textContent = ABOUT[method];
  $("own-style").hidden = $("mixing").hidden = trained;
  for (const input of $("styles").querySelectorAll("input")) input.closest("label").hidden = trained && !styles.get(input.value).trained;
  if (!value("style") || (trained && !styles.get(value("style")).trained)) $("styles").querySelector("input").checked = true;
  strength.label = trained ? "Strength" : "Alpha";
  for (const [each, { element }] of Object.entries(textures)) element.hidden = each !== method;
  share.element.hidden = !$("second").value;
}

/** A picture that was finished before, if there is one of what is chosen; else the photograph. */
async function preview() {
  const photo = photographs.get(value("photograph")), style = styles.get(value("style"));
  view.photograph(photo.address, photo.height, photo.width);
  if (photo.finished && style.trained && value("method") === "trained") {
    await view.finished(`pictures/finished/${photo.name}-${style.name}.jpg`);
    say(`${photo.title}, painted as “${style.title}” beforehand.${PHONE ? " Tap Paint to paint here; that loads about 5 MB once." : ""}`);
  } else {
    view.painting(null);
    say(`Tap Paint: that loads about ${value("method") === "trained" ? 5 : 7} MB once.`);
  }
}

async function paint() {
  began = true;
  const asked = wish(), photo = photographs.get(value("photograph"));
  if (shown !== photo.key) {
    view.photograph(photo.address, photo.height, photo.width);
    view.painting(null);
    shown = photo.key;
  }
  busy(true);
  const waiting = patience(asked, photo);
  say(waiting);
  try {
    const result = await painter.ask("page", asked, (progress) => loading(progress, waiting));
    if (!result) return; // a later wish is on its way
    pace[asked.method] = result.milliseconds / (result.height * result.width);
    view.painting(result);
    say(painterOf(result) + (result.remark ? ` ${result.remark}` : ""));
    $("download").disabled = false;
    $("download").dataset.name = `${photo.name}-${asked.style ?? styles.get(value("style")).name}.png`;
  } catch (error) {
    failed(error);
  }
  busy(false);
}

/** What is said while it paints: where that takes long, how long, if a painting by the same method has been seen before. */
function patience({ method, size }, { height, width }) {
  const pixels = (size * size * Math.max(height, width)) / Math.min(height, width), seconds = ((pace[method] ?? 0) * pixels) / 1000;
  return seconds > 3 ? `Painting … about ${Math.round(seconds)} s.` : "Painting …";
}

function loading(progress, waiting) {
  $("progress").value = progress.loaded / progress.bytes;
  $("progress").hidden = progress.loaded >= progress.bytes;
  say($("progress").hidden ? waiting : loadingOf(progress));
}

function busy(yes) {
  document.body.toggleAttribute("data-busy", yes);
  $("stop").hidden = !yes;
  if (!yes) $("progress").hidden = true;
}

function say(text) {
  $("status").classList.remove("wrong");
  if ($("status").textContent !== text) $("status").textContent = text;
}

function failed(error) {
  $("status").textContent = error.message;
  $("status").classList.add("wrong");
}

// --- pictures of the reader's own ---

async function ownPhotograph(blob) {
  try {
    add(photographs, $("photographs"), "photograph", await opened(blob));
    changed();
  } catch (error) {
    failed(error);
  }
}

async function ownStyle(blob) {
  try {
    add(styles, $("styles"), "style", await opened(blob));
    if (value("method") === "trained") form.elements.method.value = "adain";
    changed();
  } catch (error) {
    failed(error);
  }
}

/** One's own picture takes the place of the last one, and is chosen. */
function add(pictures, element, name, picture) {
  const last = element.querySelector('input[value="own"]');
  if (last) {
    URL.revokeObjectURL(pictures.get("own").address);
    last.closest("label").remove();
  }
  pictures.set("own", { ...picture, title: picture.name });
  element.append(thumb(name, { value: "own", title: picture.name, address: picture.address }, changed));
  element.querySelector('input[value="own"]').checked = true;
  if (pictures === styles) fillSecond();
}

function fillSecond() {
  const chosen = $("second").value;
  $("second").replaceChildren(make("option", { value: "", textContent: "nothing" }));
  for (const [key, { title }] of styles) $("second").append(make("option", { value: key, textContent: title }));
  $("second").value = chosen;
}

// --- the page ---

function take(input, taken) {
  input.addEventListener("change", () => {
    if (input.files[0]) taken(input.files[0]);
    input.value = ""; // the same file may be chosen again
  });
}

async function open() {
  const facts = await (await fetch("pictures/pictures.json")).json();
  for (const [list, pictures, name] of [[facts.photographs, photographs, "photograph"], [facts.styles, styles, "style"]])
    for (const each of list) {
      const address = new URL(`pictures/${each.name}.jpg`, location.href).href, own = { finished: name === "photograph", trained: name === "style" };
      pictures.set(each.name, { ...each, key: each.name, address, ...own });
      $(`${name}s`).append(thumb(name, { value: each.name, title: each.title, address: `pictures/thumbs/${each.name}.jpg` }, changed));
    }
  form.elements.photograph.value = facts.photographs[1].name;
  form.elements.style.value = facts.styles[2].name;
  bar($("methods"), "method", METHODS, "trained", changed);
  bar($("brushes"), "brush", { 1: "1 x", 2: "2 x", 4: "4 x" }, 1, changed);
  for (const size of SIZES) $("size").append(make("option", { value: size, textContent: size, selected: size === 384 }));
  $("strength").append(strength.element);
  for (const { element } of Object.values(textures)) $("texture").append(element);
  $("share").append(share.element);
  fillSecond();
  $("frame").append(view.element);
  $("foot").append(make("p", { textContent: `Photographs: ${facts.photographs.map((each) => each.credit).join("; ")}. Styles: original works, CC0. Networks: CC BY 4.0. Runtime: onnxruntime-web, Microsoft, MIT licence.` }));
  arrange();
  await preview();
  listen();
}

function listen() {
  for (const id of ["size", "second"]) $(id).addEventListener("change", () => changed());
  $("paint").onclick = () => paint();
  $("stop").onclick = () => {
    painter.stop();
    busy(false);
    say("Stopped.");
  };
  $("download").onclick = () => view.after.toBlob((blob) => {
    const link = make("a", { href: URL.createObjectURL(blob), download: $("download").dataset.name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  });
  form.addEventListener("submit", (event) => event.preventDefault());
  take($("file"), ownPhotograph);
  take($("style-file"), ownStyle);
  watch((blob, where) => (where?.closest?.("#styles, #own-style") ? ownStyle(blob) : ownPhotograph(blob)));
  const parts = { button: $("camera"), dialog: $("camera-dialog"), video: $("video"), shoot: $("shoot"), close: $("close-camera") };
  camera(parts, (blob) => ownPhotograph(new File([blob], "camera.png", { type: "image/png" })), failed);
}

open().catch(failed);
