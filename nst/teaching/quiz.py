"""Four questions per lesson, each wrong choice explained.

    from nst.teaching import quiz
    quiz.show("02")          # buttons in a notebook, plain text elsewhere
    quiz.answer("02", 1, "b")  # what is to be said of choice b of question 1

The questions are in `nst/teaching/quizzes`, a small TOML file per lesson.
"""

from __future__ import annotations

import html
import tomllib
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent / "quizzes"
LETTERS = "abcdef"


@dataclass(frozen=True)
class Choice:
    """One choice: what it says, whether it is right, and why."""

    text: str
    why: str
    right: bool = False


@dataclass(frozen=True)
class Question:
    """A question and its choices, one of which is right."""

    text: str
    choices: tuple[Choice, ...]

    def verdict(self, choice: Choice) -> str:
        """What is said to somebody who took this choice."""
        return f"{'Right' if choice.right else 'Not this'}. {choice.why}"


def lessons() -> list[str]:
    """The lessons that have a quiz: "00", "01", …"""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def questions(lesson: str) -> list[Question]:
    """The questions of a lesson. ValueError: there is no such lesson."""
    if lesson not in lessons():
        raise ValueError(f"lesson={lesson!r}: expected one of {', '.join(lessons())}")
    found = tomllib.loads((FOLDER / f"{lesson}.toml").read_text(encoding="utf-8"))["question"]
    return [Question(q["text"], tuple(Choice(**choice) for choice in q["choices"])) for q in found]


def show(lesson: str) -> None:
    """Put the quiz of a lesson, such as "02", into the notebook; without ipywidgets as plain text."""
    asked = questions(lesson)
    try:
        import ipywidgets
        from IPython.display import display
    except ImportError:
        print(plain(lesson))
    else:
        display(ipywidgets.VBox([_asked(ipywidgets, number, question) for number, question in enumerate(asked, 1)]))


def plain(lesson: str) -> str:
    """The quiz as text; `answer` says what is to be said of a choice."""
    lines = []
    for number, question in enumerate(questions(lesson), 1):
        choices = zip(LETTERS, question.choices, strict=False)
        lines += [f"{number}. {question.text}", *(f"   {letter}) {choice.text}" for letter, choice in choices), ""]
    return "\n".join([*lines, f'quiz.answer("{lesson}", 1, "a") explains choice a of question 1.'])


def answer(lesson: str, number: int, letter: str) -> None:
    """Print whether choice `letter` of question `number` is right, and why."""
    asked = questions(lesson)
    if not isinstance(number, int) or not 1 <= number <= len(asked):
        raise ValueError(f"number={number!r}: expected a question from 1 to {len(asked)}")
    letters = LETTERS[: len(asked[number - 1].choices)]
    if len(str(letter)) != 1 or str(letter) not in letters:
        raise ValueError(f"letter={letter!r}: expected one of {', '.join(letters)}")
    print(asked[number - 1].verdict(asked[number - 1].choices[letters.index(letter)]))


def _asked(ipywidgets, number: int, question: Question):
    """One question as a column of buttons, with a line under it that says what is to be said of the last one pressed."""
    said = ipywidgets.HTML()
    heading = ipywidgets.HTML(f"<b>{number}. {html.escape(question.text)}</b>")
    buttons = ipywidgets.RadioButtons(
        options=[(f"{letter}) {choice.text}", choice) for letter, choice in zip(LETTERS, question.choices, strict=False)],
        index=None, layout=ipywidgets.Layout(width="auto"),
    )  # fmt: skip

    def tell(change: dict) -> None:
        colour = "#2a8c6a" if change["new"].right else "#b3344e"
        said.value = f'<span role="status" style="color: {colour}">{html.escape(question.verdict(change["new"]))}</span>'

    buttons.observe(tell, "value")
    return ipywidgets.VBox([heading, buttons, said], layout=ipywidgets.Layout(margin="0 0 1.5em 0"))
