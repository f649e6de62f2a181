"""Make one deck of slides per lesson: `make slides`.

Each notebooks/NN_*.ipynb, with the outputs it has, becomes build/slides/NN_*.html: one file, nothing fetched, formulas as MathML.
Arrow keys, space or a presenter's remote turn the pages; a question is shown first, then the code with its figure, then the answer.
N shows the lesson's full text under the slide, F fills the screen; a browser prints one slide a page.

A cell says what becomes of it in its metadata, as for reveal.js: `slideshow.slide_type` is slide, subslide, fragment (joins the
slide before it), notes or skip. Where it says nothing, `kind_of` decides; `--mark` writes these decisions into the lessons.

    python notebooks/make/slides.py [02 …] [--core] [--mark]     --core: of a lesson with cells tagged `core`, these only
"""

from __future__ import annotations

import argparse
import html
import re
import string
import sys
from base64 import b64encode
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
from formulas import style, with_formulas
from nbconvert.filters import Highlight2HTML, markdown2html
from nbformat import NotebookNode
from pygments.formatters import HtmlFormatter

NOTEBOOKS = Path(__file__).resolve().parents[1]
PICTURES = ("image/svg+xml", "image/webp", "image/png", "image/jpeg")
KINDS = ("slide", "subslide", "fragment", "notes", "skip")
LONGEST = 240  # characters of a paragraph that stay on a slide; the whole text is in the notes
SHORT, LONG = 7, 22  # lines of code that stay on a slide beside a figure, and without one
LAST_SECTIONS = ("Reading", "With the papers' own network")


@dataclass
class Slide:
    """A slide: its blocks of HTML, shown one after the other, and the notes below it."""

    title: str
    blocks: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    full: bool = False  # it has its code or its figure; the next one goes to a slide of its own


def kind_of(cell: NotebookNode) -> str:
    """What a cell becomes on the slides where its metadata does not say."""
    if cell.cell_type == "markdown":
        heading = re.match(r"#+ +(.+)", cell.source)
        if heading and heading[1].strip() in LAST_SECTIONS:
            return "notes"
        if heading:
            return "slide" if re.match(r"##? ", cell.source) else "subslide"
        return "skip" if "opened alone" in cell.source else "fragment"
    if cell.cell_type != "code" or "find_spec(" in cell.source or cell.source.startswith("USE_IMAGENET"):
        return "skip"
    return "skip" if re.match(r"(import|from) ", cell.source) and not pictures(cell) else "fragment"


def told_kind(cell: NotebookNode) -> str:
    """What the cell's metadata say, or else `kind_of`. ValueError: a kind that is none."""
    kind = cell.metadata.get("slideshow", {}).get("slide_type") or kind_of(cell)
    if kind not in (*KINDS, "-"):
        raise ValueError(f"slide_type={kind!r}: expected one of {', '.join(KINDS)}")
    return "fragment" if kind == "-" else kind


def pictures(cell: NotebookNode) -> list[str]:
    """The cell's pictures as HTML, drawings as pictures, too: their styles stay their own."""
    found = []
    for output in cell.get("outputs", []):
        mime = next((mime for mime in PICTURES if mime in output.get("data", {})), None)
        if mime:
            data = output.data[mime]
            coded = b64encode(data.encode()).decode() if mime == "image/svg+xml" else data.strip()
            alt = output.get("metadata", {}).get(mime, {}).get("alt") or output.data.get("text/plain", "")
            alt = "figure of the lesson" if not alt or alt.startswith("<") else alt
            found.append(f'<figure><img alt="{html.escape(alt, quote=True)}" src="data:{mime};base64,{coded}"></figure>')
    return found


def printed(cell: NotebookNode) -> str:
    """What the cell printed, shortened to twelve lines."""
    lines = "".join(o.text for o in cell.get("outputs", []) if o.output_type == "stream").rstrip().splitlines()
    lines = lines if len(lines) <= 12 else [*lines[:11], "…"]
    return f'<pre class="out">{html.escape(chr(10).join(lines))}</pre>' if lines else ""


def markdown(text: str) -> str:
    """Markdown as HTML, formulas as MathML; links that lead to other notebooks lose their target, since a deck is alone."""
    page = markdown2html(text)
    page = re.sub(r'<a class="anchor-link".*?</a>', "", page)
    page = re.sub(r'<a href="(?!https?:)[^"]*">(.*?)</a>', r"\1", page)
    return with_formulas(page)


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a Markdown text; a fenced block is one."""
    return [p.strip() for p in re.findall(r"```.*?```|(?:(?!```|\n\n).)+", text, flags=re.DOTALL) if p.strip()]


def parts(text: str) -> list[tuple[bool, str]]:
    """A Markdown cell cut where a slide begins: (begins one, text). A heading begins one; so does a question, or a line that
    leads to the next cell, unless a heading stands before it.
    """
    found: list[tuple[bool, list[str]]] = []
    for paragraph in paragraphs(text):
        heading, asks = paragraph.startswith("#"), re.search(r"\*Question", paragraph) or paragraph.endswith(":")
        after_heading = found and found[-1][1][0].startswith("#")
        if not found or heading or asks and not after_heading:
            found.append((bool(heading or asks), []))
        found[-1][1].append(paragraph)
    return [(begins, "\n\n".join(lines)) for begins, lines in found]


def condensed(text: str) -> str:
    """Markdown for a slide: long paragraphs are cut after the sentence that passes LONGEST; questions, lists and formulas stay."""
    kept = []
    for paragraph in paragraphs(text):
        prose = not re.search(r"^([*\-|#>] |\|| *\d+\. |\$\$|```|<)", paragraph, flags=re.MULTILINE)
        kept.append(first_sentences(" ".join(paragraph.split())) if prose and len(paragraph) > LONGEST else paragraph)
    return "\n\n".join(kept)


def first_sentences(paragraph: str) -> str:
    """Whole sentences up to about LONGEST characters, and the question if there is one."""
    sentences, taken = re.split(r"(?<=[.?!:]) +(?=[A-Z*$`\"(])", paragraph), []
    for sentence in sentences:
        if taken and sum(map(len, taken)) + len(sentence) > LONGEST:
            break
        taken.append(sentence)
    question = re.search(r"\*{1,2}Question", paragraph)
    asked = paragraph[question.start() :] if question and question.start() > len(" ".join(taken)) else ""
    return " ".join(taken) + (f"\n\n{asked}" if asked else "")


def slides(notebook: NotebookNode, core: bool = False) -> list[Slide]:
    """The slides of a lesson."""
    made: list[Slide] = []
    chosen = [cell for cell in notebook.cells if "core" in cell.metadata.get("tags", [])] if core else []
    for cell in chosen or notebook.cells:
        kind = told_kind(cell)
        if kind == "skip" or not cell.source.strip():
            continue
        if cell.cell_type == "markdown":
            add_text(made, cell.source, kind)
        else:
            add_code(made, cell, kind)
    return made


def add_text(made: list[Slide], source: str, kind: str) -> None:
    """A Markdown cell: it joins the last slide, and begins others where `parts` says so."""
    for number, (begins, text) in enumerate(parts(source)):
        if kind == "notes":
            (made or [Slide("")])[-1].notes.append(markdown(text))
            continue
        if not made or begins or number == 0 and kind in ("slide", "subslide"):
            heading = re.match(r"#+ +(.+)", text)
            made.append(Slide(heading[1] if heading else made[-1].title if made else ""))
        short = condensed(text)
        made[-1].blocks.append(markdown(short))
        made[-1].notes += [markdown(text)] if short != text else []


def add_code(made: list[Slide], cell: NotebookNode, kind: str) -> None:
    """A code cell with its outputs: it joins the last slide if that has none yet."""
    if not made or made[-1].full or kind in ("slide", "subslide"):
        made.append(Slide(made[-1].title if made else ""))
    code, shown, lines = Highlight2HTML(pygments_lexer="ipython3")(cell.source), pictures(cell), cell.source.count("\n") + 1
    listing = f'<div class="code" style="--lines: {lines}">{code}</div>'
    if shown and lines > SHORT or lines > LONG:  # the figure is the slide; the code is in the notes
        made[-1].notes.append(code)
        listing = ""
    figures = f'<div class="figures">{"".join(shown)}</div>' if shown else ""
    made[-1].blocks.append(listing + figures + printed(cell))
    made[-1].full = True


# string.Template, since CSS and JavaScript are full of braces.
DECK = string.Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>
:root { --ink: #23201c; --faint: #756e64; --page: #faf8f4; --line: #d9822b }
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 2.7vmin/1.45 system-ui, sans-serif }
section { min-height: 100vh; padding: 4vmin 7vmin 6vmin; border-bottom: 1px solid #ddd }
.fit, .block { display: flex; flex-direction: column; gap: 1vmin }
.fit { max-width: 150vmin; margin: 0 auto }
section .running { color: var(--faint); font-size: .7em; margin: 0 0 2vmin }
h1, h2, h3 { font-family: Georgia, serif; font-weight: 400; line-height: 1.15; margin: 0 0 .4em; color: #1f4e9c }
h1 { font-size: 2.1em } h2 { font-size: 1.7em } h3 { font-size: 1.4em }
p, ul, ol, table, pre { margin: 0 0 .6em }
.figures { display: flex; gap: 1.5vmin; justify-content: center; flex-wrap: wrap }
figure { margin: 0; text-align: center; min-height: 0 }
figure img { max-width: 100%; max-height: var(--room, 60vh);
                         min-height: min(40vh, var(--room, 40vh));
                         object-fit: contain }
.block > :last-child { margin-bottom: 0 }
.highlight, .highlight pre { background: none; margin: 0 }
.code { background: #fff; border-left: .5vmin solid var(--line); padding: 1.2vmin 2vmin; overflow: auto;
        font-size: min(.85em, calc(1em * 17 / var(--lines))) }
pre { font-family: ui-monospace, Menlo, Consolas, monospace; line-height: 1.35; white-space: pre-wrap; overflow-wrap: anywhere }
code { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .9em }
pre.out { font-size: .75em; color: #444; background: #f0ede6; padding: 1.2vmin 2vmin }
table { border-collapse: collapse; font-size: .8em } td, th { border-bottom: 1px solid #ccc; padding: .3em .8em; text-align: left }
$formulas.formula { margin: .4em 0 }
aside { display: none; font-size: .62em; color: #444; border-top: 1px solid #ccc; margin-top: 3vmin; padding-top: 2vmin;
        max-width: 150vmin; margin-inline: auto }
.notes aside { display: block }
@media screen { .js section { display: none; border: 0 } .js section.on { display: block } }
@media screen { .js .later { visibility: hidden } }
#bar { position: fixed; left: 0; bottom: 0; height: .6vmin; background: var(--line); transition: width .2s }
#count { position: fixed; right: 1.5vmin; bottom: 1.2vmin; font-size: .6em; color: var(--faint) }
@media print { #bar, #count, aside { display: none } section { break-after: page; border: 0 } }
@page { size: 297mm 167mm; margin: 0 }
$highlight
</style></head><body>
$sections
<div id="bar"></div><div id="count" aria-live="polite"></div>
<script>
const pages = [...document.querySelectorAll("section")], root = document.documentElement;
let at = Math.min(pages.length, Math.max(1, parseInt(location.hash.slice(1)) || 1)) - 1;
function fit(page) {  // smaller figures, then smaller letters, where a slide would run over
  const box = page.querySelector(".fit");
  box.style.fontSize = "";
  for (const room of [72, 62, 54, 46, 38, 32, 27, 22]) {
    box.style.setProperty("--room", room + "vh");
    if (page.scrollHeight <= innerHeight + 2) return;
  }
  for (let size = 95; size >= 55 && page.scrollHeight > innerHeight + 2; size -= 5) box.style.fontSize = size + "%";
}
function go(to, all = false) {
  at = Math.min(pages.length - 1, Math.max(0, to));
  pages.forEach((page, k) => page.classList.toggle("on", k === at));
  pages[at].querySelectorAll(".block").forEach((block, k) => block.classList.toggle("later", k > 0 && !all));
  document.getElementById("bar").style.width = 100 * (at + 1) / pages.length + "%";
  document.getElementById("count").textContent = (at + 1) + " / " + pages.length;
  history.replaceState(null, "", "#" + (at + 1));
  if (!root.classList.contains("notes")) fit(pages[at]);
  scrollTo(0, 0);
}
function turn(way) {  // forward shows the next block of the slide first; back shows the slide before, whole
  const later = pages[at].querySelector(".later");
  if (way === 1 && later) later.classList.remove("later");
  else go(at + way, way < 0);
}
const keys = { ArrowRight: 1, ArrowDown: 1, PageDown: 1, " ": 1, ArrowLeft: -1, ArrowUp: -1, PageUp: -1, Home: -1e6, End: 1e6 };
addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in keys) { event.preventDefault(); turn(keys[event.key]); }
  else if (event.key === "n") { root.classList.toggle("notes"); go(at, true); }
  else if (event.key === "f") document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen();
});
let touched = 0;
addEventListener("touchstart", event => touched = event.touches[0].clientX, { passive: true });
addEventListener("touchend", event => {
  const way = event.changedTouches[0].clientX - touched;
  if (Math.abs(way) > 60) turn(way < 0 ? 1 : -1);
});
addEventListener("resize", () => go(at, true));
root.classList.add("js");
go(at);
</script></body></html>
""")


def deck(notebook: NotebookNode, core: bool = False) -> str:
    """A lesson's slides as one HTML file."""
    made = slides(notebook, core)
    lesson = re.sub(r"[*`$]", "", made[0].title)
    sections = []
    for slide in made:
        running = f'<p class="running">{html.escape(lesson)}</p>' if slide is not made[0] else ""
        notes = "".join(slide.notes)
        aside = f"<aside>{notes}</aside>" if notes else ""
        blocks = "".join(f'<div class="block">{block}</div>' for block in slide.blocks)
        sections.append(f'<section>{running}<div class="fit">{blocks}</div>{aside}</section>')
    colours = HtmlFormatter(style="friendly").get_style_defs(".highlight")
    return DECK.substitute(title=html.escape(lesson), sections="\n".join(sections), highlight=colours, formulas=style())


def mark(path: Path) -> int:
    """Write the kinds of cells that have none into a lesson; returns how many."""
    notebook, marked = nbformat.read(path, as_version=4), 0
    for cell in notebook.cells:
        if "slideshow" not in cell.metadata:
            cell.metadata["slideshow"] = {"slide_type": kind_of(cell)}
            marked += 1
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")
    return marked


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", help="the start of a lesson's name, such as 05; default: all")
    parser.add_argument("--core", action="store_true", help="of a lesson with cells tagged `core`, these only")
    parser.add_argument("--mark", action="store_true", help="write slide metadata into the lessons, where they have none")
    parser.add_argument("--folder", type=Path, default=NOTEBOOKS, help="where the lessons are")
    parser.add_argument("--build", type=Path, default=NOTEBOOKS.parent / "build" / "slides", help="where the decks go")
    options = parser.parse_args(arguments)
    options.build.mkdir(parents=True, exist_ok=True)
    for path in sorted(options.folder.glob("[0-9][0-9]_*.ipynb")):
        if options.lessons and not path.name.startswith(tuple(options.lessons)):
            continue
        if options.mark:
            print(f"{path.name}: {mark(path)} cells marked")
        notebook = nbformat.read(path, as_version=4)
        target = options.build / f"{path.stem}.html"
        target.write_text(deck(notebook, options.core), encoding="utf-8", newline="\n")
        print(f"{target}: {len(slides(notebook, options.core))} slides")
    return 0


if __name__ == "__main__":
    sys.exit(main())
