"""The quizzes: whole, and the same with widgets and without."""

from __future__ import annotations

import builtins
from collections import Counter

import pytest

from nst.teaching import quiz

ALL = [(lesson, number) for lesson in quiz.lessons() for number in range(4)]


def test_eleven_lessons_have_four_questions_each():
    assert quiz.lessons() == [f"{n:02}" for n in range(11)]
    assert {lesson: len(quiz.questions(lesson)) for lesson in quiz.lessons()} == dict.fromkeys(quiz.lessons(), 4)


@pytest.mark.parametrize(("lesson", "number"), ALL)
def test_question_is_whole(lesson: str, number: int):
    question = quiz.questions(lesson)[number]
    assert 3 <= len(question.choices) <= len(quiz.LETTERS)
    assert sum(choice.right for choice in question.choices) == 1
    assert len({choice.text for choice in question.choices}) == len(question.choices)
    assert len({choice.why for choice in question.choices}) == len(question.choices)
    assert all(len(choice.why) > 15 and choice.why.endswith(".") for choice in question.choices if not choice.right)


def test_the_right_letter_cannot_be_guessed():
    letters = Counter(next(k for k, c in enumerate(q.choices) if c.right) for n in quiz.lessons() for q in quiz.questions(n))
    assert max(letters.values()) <= 22 and len(letters) >= 3


def test_the_right_choice_cannot_be_guessed_by_its_length():
    """By chance it is the longest, or the shortest, of 3 to 4 in about 12 of 40."""
    lengths = [([len(c.text) for c in q.choices], len(next(c for c in q.choices if c.right).text))
               for n in quiz.lessons() for q in quiz.questions(n)]  # fmt: skip
    assert 4 <= sum(right == max(all_of_them) for all_of_them, right in lengths) <= 12
    assert 4 <= sum(right == min(all_of_them) for all_of_them, right in lengths) <= 16


def test_plain_text_where_there_are_no_widgets(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    real = builtins.__import__

    def without_widgets(name, *rest):
        if name.startswith("ipywidgets"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without_widgets)
    quiz.show("02")
    shown = capsys.readouterr().out
    assert shown.startswith("1. What does the entry G_ij") and "   b) how strongly the channels" in shown
    assert all(choice.why not in shown for question in quiz.questions("02") for choice in question.choices)


def test_widgets_explain_the_choice_that_was_taken(monkeypatch: pytest.MonkeyPatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", shown.append)
    quiz.show("02")
    (box,) = shown
    assert len(box.children) == 4
    heading, buttons, said = box.children[0].children
    assert "1. What does the entry" in heading.value and buttons.value is None and said.value == ""
    for choice in quiz.questions("02")[0].choices:
        buttons.value = choice
        assert ("Right. " if choice.right else "Not this. ") in said.value


def test_answer_explains(capsys: pytest.CaptureFixture):
    quiz.answer("02", 1, "b")
    quiz.answer("02", 1, "a")
    assert capsys.readouterr().out == (
        "Right. It is the sum over positions of the product of the two channels.\n"
        "Not this. i and j number channels. The positions are what is summed over.\n"
    )


@pytest.mark.parametrize(("arguments", "message"), [
    (("2", 1, "a"), "lesson='2': expected one of 00, 01"), (("02", 5, "a"), "number=5: expected a question from 1 to 4"),
    (("02", 0, "a"), "number=0"), (("02", 1, "z"), "letter='z': expected one of a, b, c"), (("02", 1, "ab"), "letter='ab'"),
])  # fmt: skip
def test_wrong_use_is_named(arguments: tuple, message: str):
    with pytest.raises(ValueError, match=message):
        quiz.answer(*arguments)
