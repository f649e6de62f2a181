// Lesson 06: AdaIN's two numbers for each channel, moved by hand.

import { Comparison, bar, make, slider } from "../parts.js";
import { Figure, addressOf } from "./figure.js";

const SIZE = 192, WIDTH = 320, HEIGHT = 240;
const STYLES = { night_orchard: "Orchard", rose_window: "Window", ink_mountains: "Ink", cut_paper: "Paper" };

export function channels(element) {
  const view = new Comparison(10), plot = make("canvas", { className: "scatter", width: 2 * WIDTH, height: 2 * HEIGHT, ariaLabel: "Means and standard deviations of the channels" });
  plot.setAttribute("role", "img");
  const styles = make("div", { className: "bar" }), buttons = make("div", { className: "row" });
  const channel = slider("Channel", 0, () => chosen(), { max: 127, step: 1, digits: 0 });
  const mean = slider("Its mean", 0, () => moved(), { max: 10 }), std = slider("Its standard deviation", 0, () => moved(), { max: 4 });
  bar(styles, "channels-style", STYLES, "night_orchard", () => figure.refresh());
  const figure = new Figure(element, {
    title: "Live: two numbers for each channel", photographs: ["astronaut", "chelsea", "coffee"], megabytes: 7,
    hint: "Each of the 128 channels at relu4_1 has a mean and a standard deviation; AdaIN replaces them by the style's, all at once. Here you may move one channel's, and see what the decoder makes of it (without the palette).",
    show,
  });
  for (const [text, action] of Object.entries({
    "This channel as the style's": () => set([channel.value]), "All channels as the style's": () => set(own.mean.keys()), "As the photograph's": reset,
  })) {
    const button = make("button", { type: "button", textContent: text });
    button.onclick = () => figure.started && wanted && action();
    buttons.append(button);
  }
  figure.body.classList.add("two");
  figure.body.append(make("div", {}, view.element, styles), make("div", {}, plot, channel.element, mean.element, std.element), buttons);
  figure.chosen = before;
  before();
  let own = null, style = null, wanted = null, read = "";

  async function before() {
    view.photograph(addressOf(figure.photo.address), 1, 1);
    await view.before.decode();
    view.photograph(view.before.src, view.before.naturalHeight, view.before.naturalWidth);
    view.painting(null);
  }

  /** Read photograph and style, where they are others than last time, and decode. */
  async function show() {
    const name = element.querySelector('[name="channels-style"]:checked').value;
    if (read !== `${figure.photo.key} ${name}`) {
      const theirs = await figure.ask({ task: "statistics", size: SIZE, photo: { key: name, address: addressOf(`pictures/${name}.jpg`) } });
      const ours = theirs && (await figure.ask({ task: "statistics", size: SIZE }));
      if (!ours) return;
      [own, style, read] = [ours, theirs, `${figure.photo.key} ${name}`];
      const far = own.mean.map((x, c) => Math.abs(x - style.mean[c]) + Math.abs(own.std[c] - style.std[c]));
      for (const [each, key] of [[mean, "mean"], [std, "std"]]) each.max = Math.max(...own[key], ...style[key]) * 1.25;
      channel.value = far.indexOf(Math.max(...far));
      reset();
      return;
    }
    const result = await figure.ask({ task: "channels", size: SIZE, ...wanted });
    if (!result) return;
    view.painting(result);
    const changed = own.mean.reduce((count, x, c) => count + (wanted.mean[c] !== x || wanted.std[c] !== own.std[c]), 0);
    figure.say(`${changed} of 128 channels have other numbers than the photograph's.`);
  }

  function set(which) {
    for (const c of which) [wanted.mean[c], wanted.std[c]] = [style.mean[c], style.std[c]];
    chosen();
    figure.refresh();
  }

  function reset() {
    wanted = { mean: own.mean.slice(), std: own.std.slice() };
    chosen();
    figure.refresh();
  }

  /** Another channel: the sliders show its numbers. */
  function chosen() {
    if (!wanted) return;
    [mean.value, std.value] = [wanted.mean[channel.value], wanted.std[channel.value]];
    draw();
  }

  function moved() {
    if (!wanted) return;
    [wanted.mean[channel.value], wanted.std[channel.value]] = [mean.value, std.value];
    draw();
    figure.refresh();
  }

  /** Each channel a line from the photograph's pair of numbers to the style's; the chosen one's own pair as a ring. */
  function draw() {
    const pen = plot.getContext("2d"), wide = Math.max(...own.mean, ...style.mean) * 1.05, tall = Math.max(...own.std, ...style.std) * 1.05;
    const ink = getComputedStyle(element).color, faint = getComputedStyle(figure.line).color, accent = getComputedStyle(figure.start).backgroundColor;
    const x = (value) => 44 + (WIDTH - 56) * Math.min(1, value / wide), y = (value) => HEIGHT - 34 - (HEIGHT - 46) * Math.min(1, value / tall);
    pen.setTransform(2, 0, 0, 2, 0, 0);
    pen.clearRect(0, 0, WIDTH, HEIGHT);
    pen.font = "12px system-ui, sans-serif";
    pen.fillStyle = pen.strokeStyle = faint;
    pen.fillText("mean", WIDTH - 70, HEIGHT - 8);
    pen.fillText("std", 4, 16);
    pen.fillText(tall.toFixed(1), 18, 28);
    pen.fillText(wide.toFixed(1), WIDTH - 28, HEIGHT - 20);
    pen.fillText("0", 32, HEIGHT - 24);
    pen.fillText("○ photograph", 60, HEIGHT - 8);
    pen.fillStyle = accent;
    pen.fillText("● style", 150, HEIGHT - 8);
    pen.strokeRect(44, 12, WIDTH - 56, HEIGHT - 46);
    own.mean.forEach((_, c) => {
      const here = c === channel.value;
      pen.globalAlpha = here ? 1 : 0.4;
      pen.strokeStyle = here ? ink : faint;
      pen.beginPath();
      pen.moveTo(x(own.mean[c]), y(own.std[c]));
      pen.lineTo(x(style.mean[c]), y(style.std[c]));
      pen.stroke();
      dot(pen, x(own.mean[c]), y(own.std[c]), here ? 4 : 2.5, here ? ink : faint, false);
      dot(pen, x(style.mean[c]), y(style.std[c]), here ? 4 : 2.5, accent, true);
    });
    pen.globalAlpha = 1;
    dot(pen, x(wanted.mean[channel.value]), y(wanted.std[channel.value]), 8, ink, false);
  }
}

function dot(pen, x, y, radius, colour, full) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = pen.strokeStyle = colour;
  if (full) pen.fill();
  else pen.stroke();
}
