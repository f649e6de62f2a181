"""Make the book: `make book`.

The lessons as they are stored, exercises with their solutions folded, the teaching guide, the library's functions, the cards of
pictures and weights, and the benchmarks become one site in build/book, which needs no network:

    python notebooks/make/book.py                              writes build/book
    python notebooks/make/book.py --address https://…          the repository's address: links to its files and to its issues
    python -m http.server -d build/book                        shows it

The address is by default `Repository` of [project.urls] in pyproject.toml; without one such links are left out. Pages are written
to build/book.parts first, as MyST Markdown and notebooks; Sphinx sets them as `notebooks/book/conf.py` says.
"""

from __future__ import annotations

import argparse
import ast
import base64
import html
import io
import os
import posixpath
import re
import shutil
import sys
import time
import tomllib
from pathlib import Path

import nbformat
from address import colab, repository
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell, new_output
from PIL import Image
from sphinx.cmd.build import build_main

from nst.teaching import quiz

NOTEBOOKS = Path(__file__).resolve().parents[1]
TOP = NOTEBOOKS.parent
BOOK = NOTEBOOKS / "book"
LESSONS = sorted(NOTEBOOKS.glob("[0-9][0-9]_*.ipynb"))

# Files that are pages, and where. What else a text links to is a file of the repository.
PAGES = {
    "README.md": "install.md",
    "README.zh.md": "zh.md",
    "CONTRIBUTING.md": "contributing.md",
    "NOTICE": "licences.md",
    "LICENSE": "licences.md",
    "CITATION.cff": "licences.md",
    "data/README.md": "data.md",
    "notebooks/README.md": "guide.md",
    "notebooks/large_jobs.md": "large_jobs.md",
    "notebooks/playground.ipynb": "playground.ipynb",
    "notebooks/exercises": "exercises/index.md",
    "notebooks/solutions": "exercises/index.md",
    "tests/benchmarks/latest.md": "benchmarks.md",
    "tests/benchmarks/history.md": "benchmarks_history.md",
    "nst": "api/index.md",
}
PAGES |= {f"notebooks/{path.name}": f"lessons/{path.name}" for path in LESSONS}
PAGES |= {f"notebooks/{kind}/{path.name}": f"exercises/{path.name}" for path in LESSONS for kind in ("exercises", "solutions")}

KINDS = {"image/jpeg": ".jpg", "image/png": ".png", "image/svg+xml": ".svg"}
DRAWING = re.compile(r'<img alt="([^"]*)"[^>]* src="data:([^;"]+);base64,([^"]+)"')  # what nst.figures.diagrams put out

# --- texts ------------------------------------------------------------------------------------------------------------------------


def linked(text: str, source: str, address: str) -> str:
    """The Markdown of a file of the repository with the links that it needs as a page of the book.

    source: the file's path in the repository. A link to another page leads there; one to any other file leads to the repository,
    and without an address only its words stay. KeyError: it leads to nothing.
    """
    here = posixpath.dirname(PAGES.get(source, source))

    def link(found: re.Match) -> str:
        mark, words, target = found.groups()
        path, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target) or not path:
            return found[0]
        file = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if not (TOP / file).exists():
            raise KeyError(f"{source}: {target} leads to nothing")
        if file in PAGES:
            return f"{mark}[{words}]({posixpath.relpath(PAGES[file], here or '.')}{'#' + anchor if anchor else ''})"
        if mark:
            return f"{mark}[{words}]({posixpath.relpath('_pictures/' + posixpath.basename(file), here or '.')})"
        return f"[{words}]({address}/blob/HEAD/{file})" if address else words

    pieces = re.split(r"(```.*?```|`[^`\n]+`(?!\]))", text, flags=re.DOTALL)
    pattern = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
    return "".join(piece if n % 2 else pattern.sub(link, piece) for n, piece in enumerate(pieces))


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


# --- notebooks --------------------------------------------------------------------------------------------------------------------


def picture(data: bytes, kind: str, file: Path, page: str, alt: str, width: float | None = None) -> NotebookNode:
    """An output that shows a picture of `file` in place of one that has it inside."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    if kind == "image/svg+xml":
        sides = re.search(rb'viewBox="0 0 ([\d.]+) ([\d.]+)"', data).groups()
        own = tuple(map(float, sides))
    else:
        own = Image.open(io.BytesIO(data)).size
    width = width or own[0]
    src = posixpath.relpath(f"_pictures/{file.name}", posixpath.dirname(page) or ".")
    size = f'width="{width:.0f}" height="{width * own[1] / own[0]:.0f}"'
    shown = f'<img src="{src}" {size} alt="{html.escape(alt)}" loading="lazy" decoding="async">'
    return new_output("display_data", {"text/html": f'<a class="picture" href="{src}">{shown}</a>'})


def with_pictures_beside(notebook: NotebookNode, page: str, folder: Path) -> None:
    """Its pictures become files in `folder`: a page is small, and they are loaded when they are scrolled to."""
    stem, count = posixpath.splitext(page)[0].replace("/", "_"), 0
    for cell in notebook.cells:
        for number, output in enumerate(cell.get("outputs", [])):
            data = output.get("data", {})
            drawn = DRAWING.search(data.get("text/html", ""))
            kind = next((kind for kind in ("image/jpeg", "image/png") if kind in data), drawn and drawn[2])
            if kind not in KINDS:
                continue
            count += 1
            facts = output.get("metadata", {}).get(kind, {})
            alt = html.unescape(drawn[1]) if drawn else facts.get("alt", "a figure of the lesson")
            content = base64.b64decode(drawn[3] if drawn else data[kind])
            file = folder / f"{stem}_{count:02}{KINDS[kind]}"
            cell.outputs[number] = picture(content, kind, file, page, alt, facts.get("width"))


def with_one_title(notebook: NotebookNode) -> None:
    """Headings below the first are one level deeper where a notebook has several of the first level: a page has one title."""
    texts = [cell for cell in notebook.cells if cell.cell_type == "markdown"]
    if sum(len(re.findall(r"^# ", cell.source, flags=re.MULTILINE)) for cell in texts) > 1:
        for number, cell in enumerate(texts):
            cell.source = re.sub(r"^#+ ", r"#\g<0>", cell.source, flags=re.MULTILINE)
            cell.source = cell.source.replace("##", "#", 1) if number == 0 else cell.source


def with_link_to_colab(notebook: NotebookNode, link: str) -> None:
    """The link below the title, if there is one, in place of the cells that a hosted machine needs (hosted.py)."""
    notebook.cells = [cell for cell in notebook.cells if "hosted" not in cell.metadata.get("tags", [])]
    if link:
        notebook.cells.insert(1, new_markdown_cell(f"[Open this lesson in Colab]({link})"))


def with_first_cell_folded(notebook: NotebookNode) -> None:
    """The cell that finds the library in a clone, and the words about it: who only reads needs neither."""
    place = next(n for n, cell in enumerate(notebook.cells) if cell.cell_type == "code" and "find_spec(" in cell.source)
    notebook.cells.insert(place + 1, new_markdown_cell("</details>"))
    notebook.cells.insert(place - 1, new_markdown_cell("<details><summary>For those who run it: where the library is</summary>"))


def live_figures() -> dict[str, list[tuple[str, str]]]:
    """{lesson: [(cell id, HTML)]} of notebooks/book/live/live.toml."""
    figures: dict[str, list[tuple[str, str]]] = {}
    for entry in tomllib.loads((BOOK / "live" / "live.toml").read_text(encoding="utf-8")).get("figure", []):
        snippet = (BOOK / "live" / entry["snippet"]).read_text(encoding="utf-8")
        figures.setdefault(entry["lesson"], []).append((entry["after"], snippet))
    return figures


def with_live_figures(notebook: NotebookNode, lesson: str, figures: list[tuple[str, str]]) -> None:
    """Each snippet below the cell that it names. KeyError: the lesson has no such cell."""
    for after, snippet in figures:
        place = next((n for n, cell in enumerate(notebook.cells) if cell.id == after), None)
        if place is None:
            raise KeyError(f"live.toml: {lesson} has no cell {after!r}")
        notebook.cells.insert(place + 1, new_markdown_cell(f"```{{raw}} html\n{snippet.rstrip()}\n```"))


def notebook_page(source: str, folder: Path, address: str, painting: bool) -> None:
    """A lesson, the playground or the exercises with their solutions as a page in `folder`."""
    page, stem = PAGES[source], Path(source).stem
    notebook = nbformat.read(TOP / source, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, source, address)
    with_one_title(notebook)
    with_pictures_beside(notebook, page, folder.with_name("extra") / "_pictures")
    if page.startswith("lessons/"):
        with_first_cell_folded(notebook)
        with_link_to_colab(notebook, colab(address, source))
        with_live_figures(notebook, stem, live_figures().get(stem, []) if painting else [])  # they run on the page's files
    write(folder / page, nbformat.writes(notebook))


def exercises_page(source: str, folder: Path, address: str) -> None:
    """The solutions notebook with its solutions folded, and the quiz, which is a widget there, as questions with folded answers."""
    notebook, page, cells, inside = nbformat.read(TOP / source, as_version=4), PAGES[source], [], False
    for cell in notebook.cells:
        solution = "solution" in cell.metadata.get("tags", [])
        if solution and not inside:
            cells.append(new_markdown_cell('<details class="solution"><summary>Solution</summary>'))
        if inside and not solution:
            cells.append(new_markdown_cell("</details>"))
        inside = solution
        if cell.cell_type == "markdown":
            cell.source = linked(cell.source, source, address)
        if cell.cell_type == "code" and (asked := re.search(r'quiz\.show\("(\d\d)"\)', cell.source)):
            cell = new_markdown_cell(quiz_text(asked[1]))
        cells.append(cell)
    notebook.cells = cells + [new_markdown_cell("</details>")] * inside
    with_pictures_beside(notebook, page, folder.with_name("extra") / "_pictures")
    write(folder / page, nbformat.writes(notebook))


def quiz_text(lesson: str) -> str:
    """The quiz of a lesson as Markdown: the verdict on each choice is folded."""
    lines = []
    for number, question in enumerate(quiz.questions(lesson), 1):
        lines.append(f"**{number}. {question.text}**\n")
        for letter, choice in zip(quiz.LETTERS, question.choices, strict=False):
            verdict = html.escape(question.verdict(choice))
            lines.append(f"<details><summary>{letter}) {html.escape(choice.text)}</summary>\n<p>{verdict}</p>\n</details>\n")
    return "\n".join(lines)


def exercises_index(folder: Path) -> None:
    """A table of all exercises, with the stars and minutes that their pages give them."""
    lines = ["# Exercises", "", INTRODUCTION, "", "| exercise | stars | minutes |", "|---|---|---|"]
    for path in sorted((NOTEBOOKS / "solutions").glob("*.ipynb")):
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
        lines.append(f"| **[{re.search(r'^# (.+)', text)[1]}]({path.name})** | | |")
        for name, stars, minutes in re.findall(r"^## (\d+\.\d .*)\n(★+) · (\d+) minutes", text, flags=re.MULTILINE):
            lines.append(f"| {name} | {stars} | {minutes} |")
    toctree = ["", "```{toctree}", ":hidden:", ":glob:", "", "[0-9]*", "```", ""]
    write(folder / "exercises" / "index.md", "\n".join(lines + toctree))


INTRODUCTION = """Each page has the tasks of one lesson, with hints and the solution folded. To try your own answer, open the
notebook of the same name in `notebooks/exercises`: its checks say *right*, or what is probably wrong. A quiz of four questions ends
each page."""


# --- the library ------------------------------------------------------------------------------------------------------------------


def house() -> list[tuple[str, str, str]]:
    """(folder, module, what it is) in the order in which CONTRIBUTING.md draws them.

    The module is "" of a folder itself, and of an empty line; of a folder in a folder it ends in "/".
    """
    drawn = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## The house")[1].split("```")[1]
    found, folder = [], ""
    for line in drawn.strip().splitlines()[1:]:
        spaces, name, end, what = re.fullmatch(r"(?:( +)(\w+)(\.py|/) +(.*))?", line).groups(default="")
        if len(spaces) == 2:
            folder = name if end == "/" else ""
        module = name + end.removesuffix(".py") if len(spaces) > 2 else "" if end == "/" else name
        found.append((folder, module, what))
    return found


def library_pages(folder: Path) -> None:
    """api/: a page for each module, and the first one with the library's names and its tree of folders."""
    lines = ["# The library", "", f"{LIBRARY}", "", *names(), ""]
    order = []
    for room, module, what in house():
        if not module:
            title = f"## `nst.{room}`\n\n{what}" if room else ""
            lines += ["", title, ""] if title else [""]
            continue
        if not room and not order:
            lines += ["## The methods, and the ground that they share", ""]
        path = f"{room}.{module}" if room else module
        if module.endswith("/"):
            lines.append(f"* `{path}`: {what}")
            continue
        order.append(path)
        lines.append(f"* [`{path}`]({path}.md): {what}")
        automodule = ["```{eval-rst}", f".. automodule:: nst.{path}", "   :members:", "   :ignore-module-all:", "```", ""]
        write(folder / "api" / f"{path}.md", "\n".join([f"# {path}", "", *automodule]))
    toctree = ["", "```{toctree}", ":hidden:", "", *order, "```", ""]
    write(folder / "api" / "index.md", "\n".join(lines + toctree))


def names() -> list[str]:
    """A list of what `nst` exports, as its stub says, each with a link to where it is written."""
    tree = ast.parse((TOP / "nst" / "__init__.pyi").read_text(encoding="utf-8"))
    lines = []
    for node in (node for node in tree.body if isinstance(node, ast.ImportFrom) and node.module):
        lines += [f"{{py:obj}}`nst.{alias.name} <nst.{node.module}.{alias.name}>`" for alias in node.names]
    return [" · ".join(lines)]


LIBRARY = """`import nst` is instant, and nothing heavy is imported before it is used. A user needs these names, and the modules
below by theirs (`nst.gatys`, `nst.adain`, …):"""


# --- the first page ---------------------------------------------------------------------------------------------------------------


def first_page(painting: bool, pictures: Path) -> str:
    """index.md, its lessons as cards; what it says about painting goes where there is no painting page."""
    text = (BOOK / "index.md").read_text(encoding="utf-8")
    text = text if painting else re.sub(r"<!-- paint -->.*?<!-- /paint -->\n", "", text, flags=re.DOTALL)
    return text.replace("<!-- lessons -->", cards(pictures))


def cards(pictures: Path) -> str:
    """A card for each lesson: its first picture, its name, and what README says that one can do after it."""
    readme = (TOP / "README.md").read_text(encoding="utf-8")
    made = []
    for name, stem, can in re.findall(r"^\| \[(\d\d [^\]]*)\]\(notebooks/(\w+)\.ipynb\) \| ([^|]*) \|", readme, flags=re.MULTILINE):
        shown = sorted(path.name for path in pictures.glob(f"lessons_{stem}_*.jpg"))[0]
        words = f"<strong>{html.escape(name)}</strong><span>{html.escape(can)}</span>"
        made.append(f'<a class="card" href="lessons/{stem}.html"><img src="_pictures/{shown}" alt="" loading="lazy">{words}</a>')
    return f'<div class="cards">\n{"".join(made)}\n</div>'


# --- the site ---------------------------------------------------------------------------------------------------------------------


def pages(folder: Path, address: str, painting: bool) -> None:
    """All pages, as Sphinx reads them."""
    (folder / "_pictures").mkdir(parents=True)
    for name in ("readme.jpg", "studio.jpg"):
        shutil.copy(TOP / "data" / name, folder / "_pictures")
    for source, page in PAGES.items():
        if source.startswith("notebooks/solutions/"):
            exercises_page(source, folder, address)
        elif source.endswith(".ipynb") and "/exercises/" not in source:
            notebook_page(source, folder, address, painting)
        elif source.endswith(".md"):
            text = (TOP / source).read_text(encoding="utf-8")
            write(folder / page, linked(text.replace("ADDRESS_OF_THIS_PAGE", address or "ADDRESS_OF_THIS_PAGE"), source, address))
    write(folder / "index.md", first_page(painting, folder.with_name("extra") / "_pictures"))
    exercises_index(folder)
    library_pages(folder)
    files = {name: (TOP / name).read_text(encoding="utf-8") for name in ("LICENSE", "NOTICE", "CITATION.cff")}
    texts = [f"## {name}\n\n```text\n{text}```\n" for name, text in files.items()]
    write(folder / "licences.md", "# Licences, and how to cite\n\n" + "\n".join(texts))


def painting_page(folder: Path) -> bool:
    """The painting page in `folder`: notebooks/book/paint and what paint.py makes beside it. False, and says why, without npm."""
    import paint  # it computes pictures: torch is imported only where they are wanted

    shutil.copytree(BOOK / "paint", folder)
    try:
        paint.build(folder)
    except paint.NoRuntime as error:
        print(f"the book has no painting page: {error}", file=sys.stderr)
        shutil.rmtree(folder)
        return False
    return True


def build(target: Path, address: str = "", paint: bool = True, jobs: int = 1) -> None:
    """Write the site into `target`, in place of what is there. SystemExit: Sphinx has something to object to."""
    parts = target.with_name(target.name + ".parts")
    shutil.rmtree(parts, ignore_errors=True)
    painting = paint and painting_page(parts / "extra" / "paint")
    pages(parts / "pages", address, painting)
    facts = [f"html_context.address={address}", f"html_context.painting={'yes' if painting else ''}",
             f"html_extra_path={parts / 'extra'}"]  # fmt: skip
    options = [option for fact in facts for option in ("-D", fact)]
    command = ["-q", "-W", "--keep-going", "-j", str(jobs), "-b", "html", "-c", str(BOOK), "-d", str(parts / "doctrees"), *options]
    if code := build_main([*command, str(parts / "pages"), str(parts / "site")]):
        raise SystemExit(code)
    shutil.rmtree(target, ignore_errors=True)
    (parts / "site").replace(target)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=Path, default=TOP / "build" / "book", help="where the site goes")
    parser.add_argument("--address", default=repository(), help="the repository's address; default: pyproject.toml's")
    parser.add_argument("--no-paint", action="store_true", help="without the painting page")
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1), help="processes")
    options = parser.parse_args(arguments)
    began = time.perf_counter()
    build(options.build.resolve(), options.address.rstrip("/"), not options.no_paint, options.jobs)
    files = [file for file in options.build.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files) / 2**20
    count = sum(file.suffix == ".html" for file in files)
    print(f"{options.build}: {count} pages, {size:.1f} MiB, {time.perf_counter() - began:.0f} s")
    print(f"To read it: python -m http.server -d {options.build}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
