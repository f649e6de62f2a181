"""notebooks/README.md: the minutes of its tables add up, and agree with the lessons and exercises that they speak of."""

from __future__ import annotations

import importlib.util
import re
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
GUIDE = (FOLDER / "README.md").read_text(encoding="utf-8")
EXERCISES = {n: int(m) for n, m in re.findall(r"^\| (\d+\.\d) [^|]*\|[^|]*\| (\d+) \|", GUIDE, flags=re.MULTILINE)}
LESSON = r"^\| \[(\d\d) [^|]*\|[^|]*\|[^|]*\| (\d+) min \| (\d+) s \| (\d+), (\d+) min \|$"


def section(heading: str) -> str:
    """The text below a heading, up to the next one of its level or above."""
    marks, _ = heading.split(" ", 1)
    return re.split(rf"^#{{1,{len(marks)}}} ", GUIDE.split(f"\n{heading}\n", 1)[1], flags=re.MULTILINE)[0]


def sessions(text: str) -> list[list[tuple[int, int, str]]]:
    """(from, to, the row) of each line of a table with minutes; a session begins where they begin again."""
    found: list[list[tuple[int, int, str]]] = []
    for row in text.splitlines():
        if minutes := re.search(r"\| (\d+)-(\d+) \|", row):
            first, last = map(int, minutes.groups())
            if first == 0:
                found.append([])
            found[-1].append((first, last, row))
    return found


PLANS = {"### Five sessions of 90 minutes": 5, "### Two sessions of 90 minutes": 2, "### Session 1, minute by minute": 1}


@pytest.mark.parametrize("heading", PLANS)
def test_the_minutes_of_a_session_follow_one_another_and_fill_it(heading: str):
    plan = sessions(section(heading))
    assert len(plan) == PLANS[heading]
    for rows in plan:
        assert rows[0][0] == 0 and rows[-1][1] == 90
        assert all(before[1] == after[0] for before, after in pairwise(rows))
        assert all(first < last for first, last, _ in rows)


@pytest.mark.parametrize("heading", [heading for heading in PLANS if heading.endswith("90 minutes")])
def test_an_exercise_has_its_own_minutes_in_a_session(heading: str):
    rows = [row for rows in sessions(section(heading)) for row in rows]
    given = {re.search(r"\| exercise (\d+\.\d)", row)[1]: last - first for first, last, row in rows if "| exercise" in row}
    assert len(given) >= 2 and given == {number: EXERCISES[number] for number in given}


def test_the_shorter_plan_and_lesson_ten_fill_their_sessions():
    lines = re.findall(r"^.*?(?:Session 4:|A session of its own, 90 minutes:\*\*) (0-.*)$", GUIDE, flags=re.MULTILINE)
    assert len(lines) == 2
    for line in lines:
        spans = [tuple(map(int, span)) for span in re.findall(r"\b(\d+)-(\d+) ", line)]
        assert spans[0][0] == 0 and spans[-1][1] == 90 and all(a[1] == b[0] for a, b in pairwise(spans))


def test_session_one_minute_by_minute_keeps_the_plans_borders():
    (minute_by_minute,) = sessions(section("### Session 1, minute by minute"))
    borders = {first for first, _, _ in minute_by_minute}
    assert {first for first, _, _ in sessions(section("### Five sessions of 90 minutes"))[0]} <= borders


def test_homework_adds_up():
    line = next(line for line in GUIDE.splitlines() if line.startswith("Homework"))
    found = re.findall(r"after (?:session )?\d:? (?:exercises )?([\d., ]+) \((\d+)\)", line)
    assert len(found) == 5
    for numbers, minutes in found:
        assert sum(EXERCISES[number] for number in numbers.split(", ")) == int(minutes), numbers


def test_the_exercises_have_the_minutes_of_their_own_pages():
    told, totals = {}, {}
    for path in sorted((FOLDER / "solutions").glob("*.ipynb")):
        text = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
        told |= {n: int(m) for n, m in re.findall(r"^## (\d+\.\d) .*\n★+ · (\d+) minutes", text, flags=re.MULTILINE)}
        totals[path.name[:2]] = sum(m for n, m in told.items() if int(n.split(".")[0]) == int(path.name[:2]))
    assert told == EXERCISES
    headings = re.findall(r"^\| \*\*\[(\d\d) ·[^|]*\| \| (\d+) \|", GUIDE, flags=re.MULTILINE)
    assert {n: int(m) for n, m in headings} == totals
    lessons = re.findall(LESSON, GUIDE, flags=re.MULTILINE)
    assert {n: (int(count), int(m)) for n, _, _, count, m in lessons} == {
        n: (sum(number.startswith(f"{int(n)}.") for number in told), m) for n, m in totals.items()
    }


def test_the_running_times_are_the_budgets():
    spec = importlib.util.spec_from_file_location("run", FOLDER / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    assert {n: int(seconds) for n, _, seconds, *_ in re.findall(LESSON, GUIDE, flags=re.MULTILINE)} == run.BUDGETS
