// Lesson 02: the Gram matrix of one's own picture at relu1_1.

import { make } from "../parts.js";
import { Figure } from "./figure.js";

const SIZE = 256, ZOOM = 6; // pixels of the picture's shorter side; of the screen for each entry

export function gram(element) {
  const image = make("img", { alt: "The picture", className: "gram-picture" });
  const canvas = make("canvas", { className: "gram", tabIndex: 0 });
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", "Gram matrix, 64 rows and columns: arrow keys move through it");
  const entry = make("p", { className: "hint" });
  const figure = new Figure(element, {
    title: "Live: the Gram matrix of your own picture at relu1_1", photographs: ["astronaut", "chelsea", "night_orchard", "mosaic_peacock"], megabytes: 4,
    hint: "64 x 64 numbers, dark where two channels hardly fire at the same places, light where they do; each is shown as its square root. Point at one.",
    show,
  });
  figure.body.classList.add("two");
  figure.body.append(make("div", {}, image), make("div", {}, canvas, entry));
  figure.chosen = () => (image.src = figure.photo.address);
  figure.chosen();
  let shown = null, place = [0, 0];

  async function show() {
    shown = await figure.ask({ task: "gram", size: SIZE }) ?? shown;
    if (!shown) return;
    const { side, gram } = shown, largest = gram.indexOf(Math.max(...gram));
    place = [Math.floor(largest / side), largest % side];
    draw();
    const diagonal = Array.from({ length: side }, (_, c) => gram[c * side + c]);
    const share = diagonal.reduce((sum, x) => sum + x, 0) / gram.reduce((sum, x) => sum + x, 0);
    figure.say(`Divided by C H W. The largest entry is ${Math.max(...gram).toPrecision(3)}; the diagonal holds ${(100 * share).toFixed(0)} % of the sum.`);
  }

  function draw() {
    const { side, gram } = shown, most = Math.sqrt(Math.max(...gram)), pen = canvas.getContext("2d");
    canvas.width = canvas.height = side * ZOOM;
    for (let a = 0; a < side; a++)
      for (let b = 0; b < side; b++) {
        pen.fillStyle = colour(Math.sqrt(gram[a * side + b]) / most);
        pen.fillRect(b * ZOOM, a * ZOOM, ZOOM, ZOOM);
      }
    point();
  }

  function point() {
    const [row, column] = place, { side, gram } = shown, pen = canvas.getContext("2d"), at = (a, b) => gram[a * side + b];
    pen.strokeStyle = "#fff";
    pen.lineWidth = 2;
    pen.strokeRect(column * ZOOM, row * ZOOM, ZOOM, ZOOM);
    const cosine = at(row, column) / Math.sqrt(at(row, row) * at(column, column) || 1);
    entry.textContent = `Channels ${row} and ${column}: ${at(row, column).toPrecision(3)}, cosine ${cosine.toFixed(2)}.`;
  }

  function move(row, column) {
    if (!shown) return;
    place = [row, column].map((n) => Math.min(shown.side - 1, Math.max(0, n)));
    draw();
  }
  canvas.addEventListener("pointermove", ({ offsetX, offsetY }) => {
    const scale = (shown?.side ?? 0) / canvas.clientWidth;
    move(Math.floor(offsetY * scale), Math.floor(offsetX * scale));
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!step) return;
    event.preventDefault();
    move(place[0] + step[0], place[1] + step[1]);
  });
}

/** From dark blue through red to light yellow, as bright as the number is large. */
function colour(x) {
  return `hsl(${260 + 160 * x} ${60 + 30 * x}% ${10 + 78 * x}%)`;
}
