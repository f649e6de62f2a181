"""The nbgrader course: its source notebooks, and the marks of a right, a half right and an empty submission."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
import pytest
from test_exercises import FOLDER, SOLUTIONS, cells, program

from nst.teaching import checks

LESSON = "02_gram_matrices"
MAKE = FOLDER / "make" / "assignment.py"


def graded(notebook: nbformat.NotebookNode, role: str) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.metadata.get("nbgrader", {}).get(role)]


def test_source_has_a_point_a_star_and_a_strict_check_for_each_exercise():
    make = program(MAKE)
    for path in SOLUTIONS:
        notebook = make.assignment(path)
        nbformat.validate(notebook)
        asked, marks = graded(notebook, "solution"), graded(notebook, "grade")
        tasks = [cell.source for cell in cells(path) if cell.source.startswith(f"## {int(path.stem[:2])}.")]
        assert [cell.metadata.nbgrader.points for cell in marks] == [task.split(" · ")[0].count("★") for task in tasks]
        assert len(asked) == len(marks) and all(cell.metadata.nbgrader.locked for cell in marks)
        assert all(cell.source.startswith("with checks.strict():\n    checks.") for cell in marks)
        for cell in asked:
            stub, solution = cell.source.split("### BEGIN SOLUTION\n")
            assert "raise NotImplementedError" in stub and solution.endswith("### END SOLUTION")
        names = [cell.metadata.nbgrader.grade_id for cell in [*asked, *marks]]
        assert len(set(names)) == len(names)


def test_an_empty_submission_fails_each_strict_check():
    namespace: dict = {}
    for cell in program(MAKE).assignment(FOLDER / "solutions" / f"{LESSON}.ipynb").cells:
        role = cell.metadata.get("nbgrader", {})
        if role.get("grade"):
            with pytest.raises(checks.CheckFailed, match="not attempted yet"):
                exec(cell.source, namespace)
        elif cell.cell_type == "code" and "quiz" not in cell.id:
            exec(cell.source.split("### BEGIN SOLUTION")[0], namespace)


@pytest.fixture
def nbgrader() -> list[str]:
    """The command; this environment's, or the one of the folder NST_NBGRADER/bin."""
    for folder in (os.environ.get("NST_NBGRADER"), Path(sys.executable).parents[1]):
        for name in ("bin/nbgrader", "Scripts/nbgrader.exe"):
            if folder and (Path(folder) / name).is_file():
                return [str(Path(folder) / name)]
    pytest.skip("needs nbgrader: python -m pip install nbgrader")


@pytest.mark.slow
def test_nbgrader_marks_a_right_a_half_right_and_an_empty_submission(tmp_path: Path, nbgrader: list, record_property: Callable):
    make = program(MAKE)
    make.main(["--course", str(tmp_path)])
    environment = {**os.environ, "PYTHONPATH": str(FOLDER.parent), "NST_PROGRESS": "0", "HOME": str(tmp_path),
                   "PATH": os.pathsep.join([str(Path(nbgrader[0]).parent), os.environ["PATH"]])}  # fmt: skip

    def run(*arguments: str) -> None:
        done = subprocess.run([*nbgrader, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr

    run("generate_assignment", LESSON, "--create")
    release = tmp_path / "release" / LESSON / f"{LESSON}.ipynb"
    text = release.read_text(encoding="utf-8")
    assert "BEGIN SOLUTION" not in text and "raise NotImplementedError" in text and "flat @ flat.mT" not in text
    solutions = {cell.metadata.nbgrader.grade_id: cell.source for cell in graded(make.assignment(SOLUTIONS[2]), "solution")}
    answered = {"right": 6, "half": 3, "empty": 0}  # the first so many of the six exercises
    for student, count in answered.items():
        notebook = nbformat.read(release, as_version=4)
        for k, cell in enumerate(graded(notebook, "solution")):
            if k < count:
                cell.source = solutions[cell.metadata.nbgrader.grade_id]
            elif student == "half" and k == count:
                cell.source = "def translate_style_weight(weight, channels, scale):\n    return weight"  # a wrong answer
        folder = tmp_path / "submitted" / student / LESSON
        folder.mkdir(parents=True)
        nbformat.write(notebook, folder / release.name)
    run("autograde", LESSON, "--create")
    run("export", "--to", str(tmp_path / "marks.csv"))
    header, *rows = [line.split(",") for line in (tmp_path / "marks.csv").read_text(encoding="utf-8").splitlines()]
    marks = {row[header.index("student_id")]: float(row[header.index("score")]) for row in rows}
    points = [cell.metadata.nbgrader.points for cell in graded(make.assignment(SOLUTIONS[2]), "grade")]
    record_property("nbgrader marks", ", ".join(f"{student} {score:g} of {sum(points)}" for student, score in marks.items()))
    assert marks == {student: float(sum(points[:count])) for student, count in answered.items()}
