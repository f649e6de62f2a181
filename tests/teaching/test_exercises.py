"""The notebooks of exercises and solutions: made from each other, whole, and run from top to bottom."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import re
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat import NotebookNode

import nst
from nst.teaching import checks

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
SOLUTIONS = sorted((FOLDER / "solutions").glob("*.ipynb"))
STARS = {"★": 1, "★★": 2, "★★★": 3}


def program(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def cells(path: Path, tag: str | None = None) -> list[NotebookNode]:
    found = nbformat.read(path, as_version=4).cells
    return [cell for cell in found if tag is None or tag in cell.metadata.get("tags", [])]


def check_of(cell: NotebookNode) -> str:
    """gram_matrix of the check cell `checks.gram_matrix(gram_matrix)`."""
    return re.fullmatch(r"checks\.(\w+)\(\1\)", cell.source)[1]


def run_all(path: Path) -> dict[str, str]:
    """{check: what it printed}, after every code cell ran in one namespace."""
    namespace, printed = {"__name__": "__main__"}, {}
    for cell in cells(path):
        if cell.cell_type == "code":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(cell.source, f"{path.name}, cell {cell.id}", "exec"), namespace)
            if "check" in cell.metadata.get("tags", []):
                printed[check_of(cell)] = out.getvalue().strip()
    return printed


@pytest.fixture(scope="module")
def printed(request: pytest.FixtureRequest) -> dict[str, dict[str, str]]:
    """What all checks print in the notebooks of one folder."""
    nst.seed(0)
    found = {}
    for path in sorted((FOLDER / request.param).glob("*.ipynb")):
        found |= run_all(path)
    return found


@pytest.mark.parametrize("printed", ["exercises"], indirect=True, scope="module")
@pytest.mark.parametrize("name", checks.CHECKS)
def test_stub_is_not_attempted_yet(name: str, printed: dict[str, str]):
    assert printed[name] == "not attempted yet"


@pytest.mark.parametrize("printed", ["solutions"], indirect=True, scope="module")
@pytest.mark.parametrize("name", checks.CHECKS)
def test_solution_is_right(name: str, printed: dict[str, str]):
    assert printed[name].startswith("right: ")


def test_exercises_are_what_the_solutions_give(capsys: pytest.CaptureFixture):
    assert program(FOLDER / "make" / "exercises.py").main(["--check"]) == 0, capsys.readouterr().out


def test_stale_or_orphaned_exercises_are_noticed_and_mended(tmp_path: Path, capsys: pytest.CaptureFixture):
    make = program(FOLDER / "make" / "exercises.py")
    (tmp_path / "solutions").mkdir()
    source = SOLUTIONS[0].read_text(encoding="utf-8")
    (tmp_path / "solutions" / "00.ipynb").write_text(source, encoding="utf-8")
    assert make.main(["--folder", str(tmp_path)]) == 0 and make.main(["--folder", str(tmp_path), "--check"]) == 0
    (tmp_path / "exercises" / "old.ipynb").write_text(source, encoding="utf-8")
    (tmp_path / "exercises" / "00.ipynb").write_text(source, encoding="utf-8")  # with the solutions in it
    assert make.main(["--folder", str(tmp_path), "--check"]) == 1
    assert "exercises/old.ipynb is not" in capsys.readouterr().out
    assert make.main(["--folder", str(tmp_path)]) == 0
    assert [path.name for path in (tmp_path / "exercises").iterdir()] == ["00.ipynb"]
    made = (tmp_path / "exercises" / "00.ipynb").read_text(encoding="utf-8")
    assert "weights * picture" in source and "weights * picture" not in made


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_each_exercise_has_stars_minutes_a_stub_a_solution_and_a_check(path: Path):
    found = cells(path)
    stubs = cells(path, "exercise")
    assert len(stubs) >= 4
    assert len(stubs) == len([c for c in cells(path, "solution") if c.cell_type == "code"]) == len(cells(path, "check"))
    tasks = [cell.source for cell in found if cell.cell_type == "markdown" and re.match(r"## \d", cell.source)]
    assert len(tasks) == len(stubs)
    for number, task in enumerate(tasks, int(".0 " not in tasks[0].splitlines()[0])):  # lesson 03 begins with 3.0
        title, facts, *_ = task.splitlines()
        assert title.startswith(f"## {int(path.stem[:2])}.{number} ")
        assert re.fullmatch(r"(★{1,3}) · \d+ minutes · [a-z ]+", facts), facts
    for stub in stubs:
        place = found.index(stub)
        solution, check = found[place + 1], found[place + 2]
        assert "solution" in solution.metadata.tags and "check" in check.metadata.tags
        name = check_of(check)
        assert f" {name}(" in stub.source and f" {name}(" in solution.source and "raise NotImplementedError" in stub.source


@pytest.mark.parametrize("path", SOLUTIONS, ids=lambda path: path.stem)
def test_hints_are_in_folds_of_at_most_three(path: Path):
    found = cells(path)
    for stub in cells(path, "exercise"):
        before = found[found.index(stub) - 1].source
        hints = re.findall(r"<details><summary>Hint (\d)</summary>\n\n.+?\n\n</details>", before, flags=re.DOTALL)
        assert hints == [str(n + 1) for n in range(len(hints))] and 1 <= len(hints) <= 3


def test_every_check_is_used_once_and_every_lesson_has_exercises():
    used = [check_of(cell) for path in SOLUTIONS for cell in cells(path, "check")]
    assert sorted(used) == sorted(checks.CHECKS) and len(used) == len(set(used)) >= 36
    assert [path.stem[:2] for path in SOLUTIONS] == [f"{number:02}" for number in range(11)]
    for path, module in zip(SOLUTIONS, checks.LESSONS, strict=True):
        assert [name for name in module.__all__ if name in checks.CHECKS] == sorted(check_of(cell) for cell in cells(path, "check"))


def test_an_exercise_notebook_runs_in_a_kernel_of_its_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NST_PROFILE", "smoke")  # run.py notes it
    notebook, took = program(FOLDER / "run.py").execute(FOLDER / "exercises" / "02_gram_matrices.ipynb", "02_gram_matrices")
    told = [o.text for c in notebook.cells if "check" in c.metadata.get("tags", []) for o in c.outputs]
    assert told == ["not attempted yet\n"] * 6 and took["cells"] == 15


def test_syllabus_lists_every_exercise_with_its_stars_and_minutes():
    syllabus = (FOLDER / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+\.\d .+) \| (★+) \| (\d+) \| (.+) \|$", syllabus, re.MULTILINE)
    tasks = [cell.source for path in SOLUTIONS for cell in cells(path) if re.match(r"## \d+\.\d", cell.source)]
    assert rows == [re.match(r"## (.+)\n(★+) · (\d+) minutes · (.+)", task).groups() for task in tasks]
    lessons = re.findall(r"^\| (?:\[)?(\d\d) .+\| (\d), (\d+) min \|$", syllabus, re.MULTILINE)
    for path, (number, count, minutes) in zip(SOLUTIONS, lessons, strict=True):
        own = [row for row in rows if row[0].startswith(f"{int(number)}.")]
        assert path.stem[:2] == number and len(own) == int(count) and sum(int(row[2]) for row in own) == int(minutes)


def test_session_plans_add_up():
    """Each session runs from 0 to 90 without a gap, and an exercise has as many minutes as its own page says."""
    syllabus = (FOLDER / "README.md").read_text(encoding="utf-8")
    minutes = {name: int(given) for name, given in re.findall(r"^\| (\d+\.\d) .+ \| ★+ \| (\d+) \|", syllabus, re.MULTILINE)}
    plans = syllabus[syllabus.index("## Session plans") : syllabus.index("### Session 1, minute by minute")]
    sessions: list[list[tuple[int, int, str]]] = []
    for first, begin, end, rest in re.findall(r"^\| (\*\*\d.*?\*\* )?\| (\d+)-(\d+) \| (.+)\|$", plans, re.MULTILINE):
        if first:
            sessions.append([])
        sessions[-1].append((int(begin), int(end), rest))
    assert len(sessions) == 7
    for session in sessions:
        ends = [0, *(end for _, end, _ in session)]
        assert [begin for begin, _, _ in session] == ends[:-1] and ends[-1] == 90
        for begin, end, rest in session:
            for name in re.findall(r"^exercise (\d\.\d)", rest):
                assert end - begin == minutes[name], (name, begin, end)
    homework = re.findall(r"((?:\d\.\d, )+\d\.\d) \((\d+)(?: minutes)?\)", plans)
    assert len(homework) == 6
    for named, total in homework:
        assert sum(minutes[name] for name in named.split(", ")) == int(total), named
    script = syllabus[syllabus.index("### Session 1, minute by minute") : syllabus.index("### The day before")]
    rows = [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+)-(\d+) \|", script, re.MULTILINE)]
    assert [a for a, _ in rows] == [0, *(b for _, b in rows)][:-1] and rows[-1][1] == 90


def test_the_guide_has_two_exam_questions_and_a_model_answer_for_each_lesson():
    syllabus = (FOLDER / "README.md").read_text(encoding="utf-8")
    exam = syllabus[syllabus.index("## Exam questions") : syllabus.index("## Projects")]
    assert re.findall(r"^\| (\d\d) \|", exam, re.MULTILINE) == [f"{number:02}" for number in range(11)]
    assert len(re.findall(r"^\| (?:\d\d)? *\| .+\*\[.+\]\* \|$", exam, re.MULTILINE)) == 22
    guide = syllabus[syllabus.index("## Teaching guide") : syllabus.index("## Answers to")]
    for lesson in re.split(r"^### ", guide, flags=re.MULTILINE)[1:]:
        parts = ("Show live", "Where they stumble", "They will say", "Discuss")
        assert all(f"**{part}:**" in lesson for part in parts), lesson[:20]
        assert re.search(r"\*\*Discuss:\*\*.*[^*]\*[^*].+\*", lesson), lesson[:20]
