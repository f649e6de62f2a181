"""Run the lessons from top to bottom, as a reader would, and lay their pictures out on one page.

    python notebooks/run.py               every lesson; executed copies, web pages and index.html in build/, and the cells that
                                          take longest in seconds.md
    python notebooks/run.py 00 05         some of them, by the start of their names
    python notebooks/run.py --in-place    write the outputs back into the lessons and the solutions, too

The run profile is NST_PROFILE (default: quick). The web pages need no network; their formulas are MathML.
"""

from __future__ import annotations

import argparse
import base64
import html
import io
import json
import os
import re
import shutil
import string
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
from ipykernel.kernelspec import get_kernel_dict
from jinja2 import pass_context
from jinja2.runtime import Context
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbconvert import HTMLExporter
from nbformat import NotebookNode
from PIL import Image

from nst.support.waiting import rest_soon

sys.path.insert(0, str(Path(__file__).resolve().parent / "make"))
from formulas import style, with_formulas  # noqa: E402

# Seconds on two CPU cores in the quick profile, imports and the start of the kernel included.
BUDGETS = {"00": 30, "01": 30, "02": 40, "03": 75, "04": 35, "05": 110, "06": 65, "07": 45, "08": 60, "09": 70, "10": 120}
FIRST = "00"  # the promise to a newcomer: over its budget, the run fails; the other lessons only warn
CELL_TIMEOUT = 3600  # seconds: generous, for the full profile

METADATA = {
    "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
    "language_info": {"name": "python", "pygments_lexer": "ipython3"},
}
WIDGET = "application/vnd.jupyter.widget-view+json"
PICTURES = {"image/jpeg": ".jpg", "image/png": ".png", "image/svg+xml": ".svg"}
SHOWN = re.compile(r'<img alt="([^"]*)"[^>]* src="data:([^;"]+);base64,([^"]+)"')  # what nst.figures.diagrams put out


class ThisPython(AsyncKernelManager):
    """A kernel in the interpreter that runs this program, whatever else is registered as python3 on the machine."""

    @property
    def kernel_spec(self) -> KernelSpec:
        return KernelSpec(**get_kernel_dict())


class Watch(threading.Thread):
    """Keeps the progress line of one notebook, and the largest memory that its kernel and the kernel's children held together."""

    def __init__(self, name: str, total: int):
        super().__init__(daemon=True)
        self.name, self.total, self.cell, self.peak = name, total, 0, 0.0  # cell: the number of the one that is running
        self.started, self.over = time.perf_counter(), threading.Event()

    def line(self) -> str:
        seconds = time.perf_counter() - self.started
        return f"{self.name:<32} cell {self.cell:>2}/{self.total} {seconds:7.1f} s {self.peak:7.0f} MiB"

    def run(self) -> None:
        while not self.over.wait(0.2):
            self.peak = max(self.peak, memory_of_children())
            if sys.stdout.isatty():
                print(f"\r{self.line()}\033[K", end="", flush=True)

    def stop(self) -> float:
        """Ends the line and returns the seconds since the start."""
        seconds = time.perf_counter() - self.started
        self.over.set()
        self.join()
        print(f"\r{self.line()}\033[K" if sys.stdout.isatty() else self.line(), flush=True)
        return seconds


def memory_of_children() -> float:
    """MiB held by everything this program started: one kernel at a time, and what the kernel started."""
    held = 0
    for child in psutil.Process().children(recursive=True):
        try:
            held += child.memory_info().rss
        except psutil.Error:  # it ended in between
            continue
    return held / 2**20


def execute(path: Path, name: str) -> tuple[NotebookNode, dict]:
    """Run one notebook in its own folder; returns it with its outputs, and what it took.

    SystemExit: a cell raised, hung or lost its kernel; the message has the cell, its traceback and its number.
    """
    notebook = nbformat.read(path, as_version=4)
    watch = Watch(name, sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells))

    spent: dict[str, float] = {}  # seconds of each code cell, by its id

    def count(cell: NotebookNode, **_: object) -> None:
        watch.cell += 1
        spent[cell.id] = time.perf_counter()

    def note(cell: NotebookNode, **_: object) -> None:
        spent[cell.id] = round(time.perf_counter() - spent[cell.id], 1)

    client = NotebookClient(
        notebook, resources={"metadata": {"path": str(path.parent)}}, kernel_manager_class=ThisPython, on_cell_execute=count,
        on_cell_executed=note,
        timeout=CELL_TIMEOUT, record_timing=False, extra_arguments=["--log-level=ERROR"], coalesce_streams=True,
    )  # fmt: skip
    # Without a browser nobody shows widgets. nbclient would stand in for one and, once in about fifty runs, wait for ever; without
    # its help the pictures and words of an Output widget become the cell's own, and a reader sees them where no kernel runs.
    client.comm_open_handlers.clear()
    watch.start()
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        text = str(error) if sys.stderr.isatty() else re.sub(r"\x1b\[[0-9;]*m", "", str(error))
        raise SystemExit(f"\n{text}\n{path.name}: cell {watch.cell} of {watch.total} failed") from None
    except AssertionError:  # nbclient answers Ctrl-C by ending its kernel, and then misses it
        raise SystemExit(f"{path.name}: interrupted in cell {watch.cell} of {watch.total}") from None
    finally:
        seconds = watch.stop()
    normalise(notebook)
    return notebook, {
        "title": title(notebook), "seconds": round(seconds, 1), "peak_mib": round(watch.peak), "cells": watch.cell,
        "profile": os.environ["NST_PROFILE"], "of_cells": spent,
    }  # fmt: skip


def normalise(notebook: NotebookNode) -> None:
    """Take out what differs from machine to machine or cannot be shown: versions, timings, stderr, widgets without their kernel."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata.update(nbformat.from_dict(METADATA))
    for cell in notebook.cells:
        if cell.cell_type == "code":
            for key in ("execution", "ExecuteTime"):
                cell.metadata.pop(key, None)
            for output in cell.outputs:  # a widget of the course leaves the picture grid that it brought along
                if PICTURES.keys() & output.get("data", {}).keys():
                    output.data.pop(WIDGET, None)
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr" and WIDGET not in o.get("data", {})]


def title(notebook: NotebookNode) -> str:
    """The first heading of the notebook."""
    return next(headings(notebook.cells[:1]), "")


def headings(cells: list[NotebookNode]):
    """The text of each Markdown heading in these cells."""
    for cell in cells:
        if cell.cell_type == "markdown":
            for line in re.findall(r"^#+ +(.+)$", cell.source, flags=re.MULTILINE):
                yield re.sub(r"[*`$]", "", line).strip()


def write(path: Path, text: str) -> None:
    """Whole or not at all: a run that is cut off leaves the old file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(path.name + ".new")
    aside.write_text(text, encoding="utf-8", newline="\n")
    aside.replace(path)


# nbconvert's page without the scripts it would fetch, and with the texts that stand for pictures, which its template leaves out.
LESSON = """{% extends 'index.html.j2' %}
{% block html_head_js %}{% endblock %}{% block jupyter_widgets %}{% endblock %}{% block html_head_js_mermaidjs %}{% endblock %}
{% block html_head_js_mathjax %}<style>{{ resources.formulas }}</style>{% endblock %}
{% macro picture(output, kind) %}{% set facts = output.metadata.get(kind, {}) %}
<div class="jp-RenderedImage jp-OutputArea-output"><img src="data:{{ kind }};base64,{{ output.data[kind] }}"
{%- for name in ("width", "alt") if name in facts %} {{ name }}="{{ facts[name] | escape_html }}"{% endfor %}></div>
{% endmacro %}
{% block data_png scoped %}{{ picture(output, "image/png") }}{% endblock %}
{% block data_jpg scoped %}{{ picture(output, "image/jpeg") }}{% endblock %}"""


class Page(HTMLExporter):
    """nbconvert's pages with formulas as MathML in place of a script that would be fetched."""

    @pass_context
    def markdown2html(self, context: Context, source: str) -> str:
        return with_formulas(super().markdown2html(context, source))


def lesson_page(notebook: NotebookNode, path: Path) -> str:
    """The executed notebook as one HTML file."""
    exporter = Page(raw_template=LESSON, embed_images=True)
    resources = {"metadata": {"name": path.stem, "path": str(path.parent)}, "formulas": style()}
    return exporter.from_notebook_node(notebook, resources)[0]


# string.Template, since CSS is full of braces.
SHEET = string.Template("""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>Neural style transfer: all pictures</title>
<style>
:root { color-scheme: light dark; --page: #faf8f4; --card: #fff; --ink: #23201c; --faint: #756e64; --line: #e4ded3 }
@media (prefers-color-scheme: dark) {
  :root { --page: #17161a; --card: #211f25; --ink: #ece7df; --faint: #9d968c; --line: #35323b }
}
body { margin: 0 auto; padding: 2.5rem clamp(1rem, 4vw, 4rem) 4rem; max-width: 90rem; background: var(--page); color: var(--ink);
       font: 16px/1.5 system-ui, sans-serif }
h1, h2 { font-family: Georgia, serif; font-weight: 400; line-height: 1.2; text-wrap: balance }
h1 { font-size: 2.4rem; margin: 0 }
h2 { font-size: 1.6rem; margin: 0; flex: 1 1 20rem }
header { display: flex; flex-wrap: wrap; align-items: baseline; gap: .3rem 1.5rem; margin: 3.5rem 0 1rem; padding-top: 1rem;
         border-top: 1px solid var(--line) }
p, figcaption { color: var(--faint); font-size: .9rem; margin: 0; font-variant-numeric: tabular-nums }
a { color: inherit; text-decoration-color: var(--faint); text-underline-offset: .2em }
main { display: flex; flex-wrap: wrap; gap: 1.2rem }
/* rows of equal height, whatever the shapes: each picture grows with its aspect ratio */
figure { flex: var(--aspect) 1 calc(var(--aspect) * 15rem); max-width: min(100%, calc(var(--aspect) * 20rem));
         margin: 0; overflow: hidden; display: flex; flex-direction: column; background: var(--card); border: 1px solid var(--line);
         border-radius: 6px }
figure a { flex: 1; display: flex; background: #fff }
figure img { width: 100%; height: auto; margin: auto; display: block }
figcaption { padding: .5rem .8rem }
figure a:focus-visible { outline: 3px solid #c2702b; outline-offset: -3px }
</style></head><body>
<h1>Neural style transfer</h1>
<p>Every picture of the lessons, which ran in $minutes minutes. Each opens its lesson at the cell that made it.</p>
$sections
</body></html>
""")


def contact_sheet(build: Path, results: dict[str, dict]) -> str:
    """index.html: the pictures of the executed notebooks in `build`, lesson by lesson."""
    shutil.rmtree(build / "pictures", ignore_errors=True)
    sections = [section(build, name, results[name]) for name in sorted(results)]
    minutes = f"{sum(result['seconds'] for result in results.values()) / 60:.1f}"
    return SHEET.substitute(minutes=minutes, sections="\n".join(sections))


def section(build: Path, name: str, result: dict) -> str:
    """One lesson of the contact sheet; its pictures are written to build/pictures/."""
    figures, cells = [], nbformat.read(build / f"{name}.ipynb", as_version=4).cells
    caption = result["title"]
    for cell in cells:
        for heading in headings([cell]):
            caption = heading  # the nearest one above the picture
        for kind, picture, text in pictures(cell):
            file = build / "pictures" / f"{name.replace('/', '_')}_{len(figures) + 1:02}{PICTURES[kind]}"
            figures.append(figure(picture, file, f"{name}.html#cell-id={cell.id}", caption, text or caption))
    took = f"{result['seconds']:.0f} s, {result['peak_mib'] / 1024:.1f} GiB at most, {result['cells']} cells"
    head = f'<header><h2><a href="{name}.html">{html.escape(result["title"] or name)}</a></h2><p>{took}</p></header>'
    return f"{head}\n<main>\n{''.join(figures)}</main>"


def pictures(cell: NotebookNode):
    """Kind, content and text ("" without one) of each picture among the outputs of a cell."""
    for output in [output for output in cell.get("outputs", []) if "data" in output]:
        data = output.data
        shown = SHOWN.search(data.get("text/html", ""))
        kind = next((kind for kind in ("image/jpeg", "image/png") if kind in data), None)
        if shown and shown[2] in PICTURES:
            yield shown[2], base64.b64decode(shown[3]), html.unescape(shown[1])
        elif kind:
            yield kind, base64.b64decode(data[kind]), output.metadata.get(kind, {}).get("alt", "")


def figure(picture: bytes, file: Path, link: str, caption: str, text: str) -> str:
    """One picture of the contact sheet: the file, and the HTML around it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(picture)
    if file.suffix == ".svg":
        width, height = map(float, re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', picture).groups())
    else:
        width, height = Image.open(io.BytesIO(picture)).size
    image = f'<img src="pictures/{file.name}" width="{width:g}" height="{height:g}" alt="{html.escape(text)}" loading="lazy">'
    words = f"<figcaption>{html.escape(caption)}</figcaption>"
    return f'<figure style="--aspect: {width / height:.3f}"><a href="{link}">{image}</a>{words}</figure>\n'


def slow_cells(build: Path, results: dict[str, dict], least: float = 3.0) -> str:
    """seconds.md: the code cells of the lessons in `build` that took longest, as a table in Markdown."""
    lines = ["| lesson | below the heading | core | seconds |", "|---|---|---|---|"]
    for name in filter(lambda name: name[0].isdigit(), sorted(results)):
        heading = ""
        for cell in nbformat.read(build / f"{name}.ipynb", as_version=4).cells:
            heading = next(reversed([*headings([cell])]), heading)
            if (seconds := results[name].get("of_cells", {}).get(cell.id, 0)) >= least:
                core = "yes" if "core" in cell.metadata.get("tags", []) else ""
                lines.append(f"| {name[:2]} | {heading} | {core} | {seconds:.0f} |")
    return "\n".join(lines) + "\n"


def chosen(folder: Path, starts: list[str], in_place: bool) -> list[Path]:
    """The lessons, and with --in-place playground and solutions: all, or those whose names begin with one of `starts`."""
    others = [*folder.glob("playground.ipynb"), *sorted(folder.glob("solutions/*.ipynb"))]
    paths = sorted(folder.glob("[0-9][0-9]_*.ipynb")) + (others if in_place else [])
    known = [path.relative_to(folder).as_posix() for path in paths]
    for start in starts:
        if not any(name.startswith(start) for name in known):
            raise SystemExit(f"no lesson begins with {start!r}; there are {', '.join(known) or 'none'}")
    return [path for path, name in zip(paths, known, strict=True) if not starts or name.startswith(tuple(starts))]


def over_budget(name: str, result: dict) -> bool:
    """Says so where a lesson took longer than it may; true where that fails the run."""
    budget = BUDGETS.get(name[:2], float("inf")) * float(os.environ.get("NST_BUDGET_FACTOR", "1"))
    if result["profile"] != "quick" or result["seconds"] <= budget:
        return False
    fails = name[:2] == FIRST
    print(f"{'error' if fails else 'warning'}: {name} took {result['seconds']:.0f} s; its budget is {budget:.0f} s", flush=True)
    return fails


def shown(path: Path) -> str:
    """A path as short as it can be said: from here where that is possible; on Windows another drive is not."""
    try:
        return os.path.relpath(path)
    except ValueError:
        return str(path.resolve())


def earlier(record: Path) -> dict[str, dict]:
    """What run.json says of the lessons whose executed copies are still beside it."""
    results = json.loads(record.read_text(encoding="utf-8")) if record.exists() else {}
    return {name: result for name, result in results.items() if (record.parent / f"{name}.ipynb").exists()}


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("lessons", nargs="*", help="the start of a lesson's name, such as 05; default: all")
    parser.add_argument("--in-place", action="store_true", help="write the outputs back into the notebooks")
    parser.add_argument("--folder", type=Path, default=Path(__file__).resolve().parent, help="where the lessons are")
    parser.add_argument("--build", type=Path, default=Path(__file__).resolve().parents[1] / "build", help="where the results go")
    options = parser.parse_args(arguments)
    os.environ["NST_PROGRESS"] = "0"  # the kernels inherit it: no progress bars among the outputs
    os.environ.setdefault("NST_PROFILE", "quick")
    rest_soon()  # lessons import torch first: their kernels inherit this, too

    record = options.build / "run.json"
    results = earlier(record) if options.lessons else {}
    late = False
    for path in chosen(options.folder, options.lessons, options.in_place):
        name = path.relative_to(options.folder).with_suffix("").as_posix()
        notebook, results[name] = execute(path, name)
        write(options.build / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
        if options.in_place:
            write(path, nbformat.writes(notebook) + "\n")
        write(options.build / f"{name}.html", lesson_page(notebook, path))
        write(record, json.dumps(results, indent=1) + "\n")
        late |= over_budget(name, results[name])
    write(options.build / "index.html", contact_sheet(options.build, results))
    write(options.build / "seconds.md", slow_cells(options.build, results))
    print(f"\nAll pictures: {shown(options.build / 'index.html')}\nTo read and change the lessons: make lab")
    return int(late)


if __name__ == "__main__":
    raise SystemExit(main())
