// What the lessons' live figures share: a frame, photographs to choose, a button that starts, a line that says what happens.

import { opened } from "../files.js";
import { Painter } from "../painter.js";
import { loadingOf, make, thumb } from "../parts.js";

const HERE = new URL("../", import.meta.url);
const painter = new Painter(); // one for all figures of a page

/** A figure in `element`.   title, hint: words.   megabytes: what it loads once.   show(): computes and shows, once it was started.
 *  Its `photo` is what is chosen, `body` where the figure puts its parts. */
export class Figure {
  constructor(element, { title, hint, megabytes, photographs, show }) {
    Object.assign(this, { element, show });
    this.body = make("div", { className: "figure-body" });
    this.line = make("p", { className: "hint" });
    this.line.setAttribute("role", "status");
    this.thumbs = make("div", { className: "thumbs" });
    this.start = make("button", { type: "button", className: "main", textContent: `Start: loads about ${megabytes} MB, once` });
    this.start.onclick = () => {
      this.started = true;
      this.start.hidden = true;
      this.refresh();
    };
    const file = make("input", { type: "file", accept: "image/*" });
    file.addEventListener("change", () => this.take(file));
    const own = make("div", { className: "row" }, make("label", { className: "button" }, file, "Your own picture"), this.start);
    element.classList.add("live", "live-figure");
    element.append(make("p", { className: "figure-title", textContent: title }), make("p", { className: "hint", textContent: hint }), this.body, this.thumbs, own, this.line);
    this.name = `photograph-${title}`;
    photographs.forEach((name, k) => this.add(name, { key: name, address: new URL(`pictures/${name}.jpg`, HERE).href, title: name }, k === 0));
  }

  add(value, photo, chosen) {
    const address = photo.blob ? photo.address : new URL(`pictures/thumbs/${value}.jpg`, HERE).href;
    const label = thumb(this.name, { value, title: photo.title, address }, () => this.choose(photo));
    this.thumbs.append(label);
    if (!chosen) return;
    label.querySelector("input").checked = true;
    this.photo = photo;
  }

  choose(photo) {
    this.photo = photo;
    this.chosen?.();
    this.refresh();
  }

  async take(file) {
    try {
      const photo = await opened(file.files[0]);
      this.add(photo.key, { ...photo, title: photo.name }, true);
      this.choose(this.photo);
    } catch (error) {
      this.failed(error);
    }
    file.value = "";
  }

  async refresh() {
    if (!this.started) return;
    try {
      await this.show();
    } catch (error) {
      this.failed(error);
    }
  }

  /** The worker's answer to a wish about the chosen photograph; null where it was overtaken. */
  ask(wish) {
    const { key, blob, address } = this.photo;
    const photo = { key, blob, address: blob ? null : address };
    return painter.ask(this.name, { photo, ...wish }, (progress) => this.say(loadingOf(progress)));
  }

  say(text) {
    this.line.classList.remove("wrong");
    this.line.textContent = text;
  }

  failed(error) {
    this.line.textContent = error.message;
    this.line.classList.add("wrong");
  }
}

/** The address of a file of the painting page. */
export function addressOf(file) {
  return new URL(file, HERE).href;
}
