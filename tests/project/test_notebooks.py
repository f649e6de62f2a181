"""The notebooks as files, and the program that runs them. nbval runs their cells: `make test` gives pytest both folders."""

from __future__ import annotations

import html
import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from nst.figures import diagrams

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(path for path in FOLDER.rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
LESSONS = [path for path in NOTEBOOKS if path.parent == FOLDER and path.name[0].isdigit()]

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.relative_to(FOLDER).as_posix())
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)


@pytest.fixture(scope="module")
def run() -> ModuleType:
    """notebooks/run.py as a module."""
    spec = importlib.util.spec_from_file_location("run", FOLDER / "run.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def code_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """Those with code, but for the one that a hosted machine needs (tests/project/test_hosted.py)."""
    own = [cell for cell in notebook.cells if "hosted" not in cell.metadata.get("tags", [])]
    return [cell for cell in own if cell.cell_type == "code" and cell.source.strip()]


# --- the notebooks as files -------------------------------------------------------------------------------------------------------


def test_lessons_are_numbered_from_00_without_gaps():
    assert len(LESSONS) >= 4 and [path.name[:3] for path in LESSONS] == [f"{number:02}_" for number in range(len(LESSONS))]
    assert LESSONS[0].name == "00_start_here.ipynb"


@each_notebook
def test_notebook_is_small_and_normalised(path: Path, run: ModuleType):
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 1.5 * 2**20
    assert text.endswith("}\n")
    notebook = nbformat.reads(text, as_version=4)
    nbformat.validate(notebook)
    run.normalise(notebook)
    assert nbformat.writes(notebook) + "\n" == text, "not as `make notebooks` writes it"


@each_notebook
def test_code_is_no_wider_than_a_page(path: Path):
    """96 columns: what the book, a slide and a laptop's screen show without scrolling."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    wide = [(cell.id, line) for cell in cells for line in cell.source.splitlines() if len(line) > 96]
    assert wide == []


@each_notebook
def test_notebook_has_no_errors_and_no_unrun_outputs(path: Path):
    for cell in code_cells(nbformat.read(path, as_version=4)):
        assert not cell.outputs or cell.execution_count is not None  # nbval fails these even under --nbval-lax
        assert [o.ename for o in cell.outputs if o.output_type == "error"] == []


@pytest.mark.parametrize("path", [*LESSONS, FOLDER / "playground.ipynb"], ids=lambda path: path.stem)
def test_lesson_was_executed_from_top_to_bottom(path: Path):
    counts = [cell.execution_count for cell in code_cells(nbformat.read(path, as_version=4))]
    assert counts == list(range(1, len(counts) + 1))


@each_lesson
def test_lesson_installs_nothing(path: Path):
    """Whoever registers a name that nobody has could run code in every lesson."""
    assert "pip install" not in "\n".join(cell.source for cell in code_cells(nbformat.read(path, as_version=4)))


def test_first_cell_finds_the_course_or_says_where_it_is(tmp_path: Path):
    """The same cell in every lesson: in a clone nst lies beside the notebooks; alone, one line says how to get the course."""
    (cell,) = {code_cells(nbformat.read(path, as_version=4))[0].source for path in LESSONS}
    (tmp_path / "clone" / "nst").mkdir(parents=True)
    (tmp_path / "clone" / "nst" / "__init__.py").write_text("print('found')")
    (tmp_path / "clone" / "notebooks").mkdir()
    for folder, said in (("clone/notebooks", "found"), (".", "needs the course around it")):
        code = f"{cell}\nimport nst"
        bare = [sys.executable, "-I", "-S", "-c", code]  # no site-packages: nst is not installed
        done = subprocess.run(bare, cwd=tmp_path / folder, capture_output=True, text=True)
        assert said in (done.stdout + done.stderr).strip().splitlines()[-1]


@each_lesson
def test_lesson_has_a_title_and_a_budget(path: Path, run: ModuleType):
    assert run.title(nbformat.read(path, as_version=4))
    assert path.name[:2] in run.BUDGETS


# --- notebooks/run.py -------------------------------------------------------------------------------------------------------------

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEElEQVR4nGP4z8CARAw4OQCffwf5fZjRRAAAAABJRU5ErkJggg=="  # 4 x 2 px


def small_lesson() -> NotebookNode:
    """A lesson with everything that run.py has to deal with."""
    return new_notebook(cells=[
        new_markdown_cell("# A *small* lesson"),
        new_code_cell("import os, sys, ipywidgets\nprint('bar', file=sys.stderr)\nprint(os.environ['NST_PROGRESS'], os.getcwd())"),
        new_code_cell("  "),
        new_markdown_cell("## Red & green\n\nWhere $a < b'$, and\n\n$$\\frac{1}{2} \\sum_{ij} x_{ij}$$\n\n`$HOME` is no formula."),
        new_code_cell(f"import base64\nfrom IPython.display import Image, display\ndisplay(Image(base64.b64decode('{PNG}')))"),
        new_code_cell("ipywidgets.interact(lambda x: print('at', x), x=(1, 3));"),
        new_code_cell("sys.executable"),
    ])  # fmt: skip


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with one small lesson, and a working directory beside it."""
    monkeypatch.setenv("NST_PROFILE", "quick")
    monkeypatch.setenv("NST_PROGRESS", "1")  # run.py sets it for its kernels; this puts the old value back
    monkeypatch.setenv("NST_BUDGET_FACTOR", "100")
    monkeypatch.chdir(tmp_path)
    lessons = tmp_path / "lessons"
    (lessons / "solutions").mkdir(parents=True)
    nbformat.write(small_lesson(), lessons / "00_small.ipynb")
    return lessons


def test_run_executes_a_copy_and_lays_out_the_pictures(course: Path, run: ModuleType, capsys: pytest.CaptureFixture):
    before = (course / "00_small.ipynb").read_bytes()
    assert run.main(["--folder", str(course), "--build", "built"]) == 0
    assert (course / "00_small.ipynb").read_bytes() == before
    shown = capsys.readouterr().out
    assert re.search(r"00_small +cell +4/4 +[\d.]+ s +[1-9]\d* MiB", shown)
    assert str(Path("built/index.html")) in shown and "make lab" in shown

    built = Path("built")
    notebook = nbformat.read(built / "00_small.ipynb", as_version=4)
    first, _, picture, slider, interpreter = (cell for cell in notebook.cells if cell.cell_type == "code")
    assert [o.text for o in first.outputs] == [f"0 {course}\n"]  # no stderr; progress bars off; the lesson's own folder
    assert [o.text for o in slider.outputs] == ["at 2\n"] and "widgets" not in notebook.metadata  # the slider itself needs a kernel
    assert json.loads(interpreter.outputs[0].data["text/plain"].replace("'", '"')) == sys.executable

    sheet = (built / "index.html").read_text(encoding="utf-8")
    assert f'href="00_small.html#cell-id={picture.id}"' in sheet and "Red &amp; green" in sheet and "A small lesson" in sheet
    assert (built / re.search(r'src="(pictures/[^"]+)"', sheet)[1]).read_bytes()[1:4] == b"PNG"
    assert "//" not in re.sub(r"<style>.*?</style>", "", sheet, flags=re.DOTALL)  # nothing is fetched from elsewhere

    page = (built / "00_small.html").read_text(encoding="utf-8")
    assert f'id="cell-id={picture.id}"' in page
    fetched = re.findall(r'<(?:script|link|img)[^>]*(?:src|href)="(?!data:)([^"]+)"', page)
    assert fetched == [] and page.count("<math") == page.count("</math>") == 2
    assert re.search(r"<mi>a</mi>\s*<mo>&lt;</mo>", page) and "<code>$HOME</code>" in page

    entry = json.loads((built / "run.json").read_text(encoding="utf-8"))["00_small"]
    assert entry["cells"] == 4 and entry["seconds"] > 0 and entry["peak_mib"] > 0 and entry["profile"] == "quick"


def test_run_writes_down_which_cells_take_long(course: Path, run: ModuleType):
    lesson = small_lesson()
    lesson.cells[4].source = "import time\ntime.sleep(0.7)"
    lesson.cells[4].metadata.tags = ["core"]
    nbformat.write(lesson, course / "00_small.ipynb")
    assert run.main(["--folder", str(course), "--build", "built"]) == 0
    results = json.loads(Path("built/run.json").read_text(encoding="utf-8"))
    spent = results["00_small"]["of_cells"]
    code = [cell.id for cell in lesson.cells if cell.cell_type == "code" and cell.source.strip()]
    assert list(spent) == code and 0.7 <= spent[lesson.cells[4].id] < 30
    rows = run.slow_cells(Path("built"), results, least=spent[lesson.cells[4].id]).splitlines()
    assert rows[2] == f"| 00 | Red & green | yes | {spent[lesson.cells[4].id]:.0f} |"
    assert Path("built/seconds.md").read_text(encoding="utf-8").startswith("| lesson |")


def test_pictures_keep_the_text_that_stands_for_them(tmp_path: Path, run: ModuleType):
    """What nst.show and nst.figures.diagrams put out, on the page of the lesson and on the sheet of all pictures."""
    drawing = diagrams.johnson_use()
    alt = 'a "cat" & a dog'
    shown = new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"width": 2, "alt": alt}})
    drawn = {"text/html": drawing._repr_html_(), "image/svg+xml": drawing.svg}
    outputs = [shown, *(new_output("display_data", data) for data in (drawn, {"image/png": PNG}))]
    cell = new_code_cell("x", outputs=outputs)
    nbformat.write(new_notebook(cells=[new_markdown_cell("# A & B"), cell]), tmp_path / "00_a.ipynb")
    sheet = run.section(tmp_path, "00_a", {"title": "A & B", "seconds": 1.0, "peak_mib": 1, "cells": 1})
    assert re.findall(r'<img src="([^"]+)" width="(\d+)" height="(\d+)" alt="([^"]+)"', sheet) == [
        ("pictures/00_a_01.png", "4", "2", "a &quot;cat&quot; &amp; a dog"),
        ("pictures/00_a_02.svg", "900", "226", html.escape(repr(drawing))),
        ("pictures/00_a_03.png", "4", "2", "A &amp; B"),
    ]
    assert (tmp_path / "pictures/00_a_02.svg").read_text(encoding="utf-8") == drawing.svg

    cell.outputs.pop()  # nbconvert knows no text for this one
    page = run.lesson_page(new_notebook(cells=[cell]), tmp_path / "00_a.ipynb")
    texts = re.findall(r"""<img\b[^>]*? alt=(?:"([^"]*)"|'([^']*)')""", page)
    assert [html.unescape("".join(text)) for text in texts] == [alt, repr(drawing)] and "No description" not in page


def test_run_in_place_writes_lessons_and_solutions_the_same_way_twice(course: Path, run: ModuleType):
    nbformat.write(new_notebook(cells=[new_code_cell("1 + 1", id="one")]), course / "solutions" / "gram.ipynb")
    lesson = nbformat.read(course / "00_small.ipynb", as_version=4)
    lesson.metadata.widgets = {"application/vnd.jupyter.widget-state+json": {}}
    lesson.metadata.language_info = {"name": "python", "version": "3.8.1"}
    lesson.cells[1].metadata.execution = {"iopub.execute_input": "2020-01-01T00:00:00Z"}
    nbformat.write(lesson, course / "00_small.ipynb")
    arguments = ["--folder", str(course), "--build", "built", "--in-place"]
    assert run.main(arguments) == 0
    first = {path.name: path.read_text(encoding="utf-8") for path in course.rglob("*.ipynb")}
    assert run.main(arguments) == 0
    assert first == {path.name: path.read_text(encoding="utf-8") for path in course.rglob("*.ipynb")}
    assert set(first) == {"00_small.ipynb", "gram.ipynb"} and '"text/plain": [\n       "2"' in first["gram.ipynb"]
    notebook = nbformat.reads(first["00_small.ipynb"], as_version=4)
    assert notebook.metadata == run.METADATA and [cell.id for cell in notebook.cells] == [cell.id for cell in lesson.cells]
    assert notebook.cells[1].metadata == {} and notebook.cells[1].execution_count == 1


def test_run_stops_at_a_failing_cell(course: Path, run: ModuleType):
    lesson = small_lesson()
    lesson.cells.insert(4, new_code_cell("1 / 0"))
    nbformat.write(lesson, course / "01_wrong.ipynb")
    before = (course / "01_wrong.ipynb").read_bytes()
    with pytest.raises(SystemExit) as stopped:
        run.main(["01", "--folder", str(course), "--build", "built", "--in-place"])
    message = str(stopped.value)
    assert message.endswith("01_wrong.ipynb: cell 2 of 5 failed")
    assert "ZeroDivisionError: division by zero" in message and "\x1b" not in message
    assert (course / "01_wrong.ipynb").read_bytes() == before


def test_run_holds_the_first_lesson_to_its_budget(run: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.delenv("NST_BUDGET_FACTOR", raising=False)
    slow = {"seconds": 31.0, "profile": "quick"}
    assert run.over_budget("00_start_here", slow)
    assert capsys.readouterr().out == "error: 00_start_here took 31 s; its budget is 30 s\n"
    assert not run.over_budget("04_johnson", slow) and capsys.readouterr().out == ""
    assert not run.over_budget("04_johnson", slow | {"seconds": 46.0}) and "warning: 04_johnson" in capsys.readouterr().out
    assert not run.over_budget("00_start_here", slow | {"profile": "full"})
    monkeypatch.setenv("NST_BUDGET_FACTOR", "2")
    assert not run.over_budget("00_start_here", slow)


def test_run_names_the_lessons_where_none_fits(course: Path, run: ModuleType):
    with pytest.raises(SystemExit, match="no lesson begins with '7'; there are 00_small.ipynb"):
        run.main(["7", "--folder", str(course)])


def test_run_passes_over_a_lesson_that_is_gone(course: Path, run: ModuleType):
    """run.json may tell of a lesson whose executed copy nobody has any more."""
    assert run.main(["--folder", str(course), "--build", "built"]) == 0
    record = json.loads(Path("built/run.json").read_text(encoding="utf-8"))
    Path("built/run.json").write_text(json.dumps({"01_renamed": record["00_small"], **record}), encoding="utf-8")
    assert run.main(["00", "--folder", str(course), "--build", "built"]) == 0
    assert list(json.loads(Path("built/run.json").read_text(encoding="utf-8"))) == ["00_small"]


def test_run_says_where_the_pictures_are_on_another_drive(run: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def other_drive(path):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(run.os.path, "relpath", other_drive)
    assert run.shown(tmp_path / "index.html") == str((tmp_path / "index.html").resolve())


def test_normalise_keeps_what_a_reader_sees(run: ModuleType):
    text, noise = (new_output("stream", name=name, text="a") for name in ("stdout", "stderr"))
    slider, picture = (new_output("display_data", {kind: "…", "text/plain": "…"}) for kind in (run.WIDGET, "image/png"))
    widget, grid = (new_output("display_data", data) for data in ({run.WIDGET: "…", "image/jpeg": "…"}, {"image/jpeg": "…"}))
    metadata = {"tags": ["solution"], "execution": {}, "ExecuteTime": {}}
    cell = new_code_cell("x", outputs=[text, noise, slider, picture, widget], execution_count=3, metadata=metadata)
    run.normalise(new_notebook(cells=[cell]))
    assert cell.outputs == [text, picture, grid] and cell.execution_count == 3 and cell.metadata == {"tags": ["solution"]}
