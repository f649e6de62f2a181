// Lesson 04: the strength of a trained style, moved by hand.

import { Comparison, bar, make, painterOf, slider } from "../parts.js";
import { Figure, addressOf } from "./figure.js";

const SIZE = 256;
const STYLES = { night_orchard: "Orchard", harbour_woodblock: "Woodblock", mosaic_peacock: "Mosaic", ink_mountains: "Ink" };

export function strength(element) {
  const view = new Comparison(10), styles = make("div", { className: "bar" });
  const amount = slider("Strength", 1, () => figure.refresh());
  bar(styles, "strength-style", STYLES, "night_orchard", () => figure.refresh());
  const figure = new Figure(element, {
    title: "Live: the strength of a trained style", photographs: ["astronaut", "chelsea", "coffee", "rocket"], megabytes: 5,
    hint: "Move the strength. At each place of the slider a network of that strength paints one picture; nothing is blended in pixels. The line in the picture uncovers the photograph.",
    show,
  });
  figure.body.append(view.element, styles, amount.element);
  figure.chosen = before;
  before();

  async function before() {
    view.photograph(addressOf(figure.photo.blob ? figure.photo.address : `pictures/${figure.photo.key}.jpg`), figure.photo.height ?? 1, figure.photo.width ?? 1);
    await view.before.decode();
    view.photograph(view.before.src, view.before.naturalHeight, view.before.naturalWidth);
    view.painting(null);
  }

  async function show() {
    const style = element.querySelector('[name="strength-style"]:checked').value;
    const result = await figure.ask({ task: "paint", method: "trained", style, size: SIZE, strength: amount.value, brush: 1 });
    if (!result) return;
    view.painting(result);
    figure.say(painterOf(result));
  }
}
