"""Wrong answers, each with a part of the hint that is meant for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

WRONG: list[tuple[Callable, str, Callable]] = []  # (check, part of the hint, wrong answer)


def wrong(check: Callable, answers: Mapping[str, Callable]) -> None:
    """Note wrong answers to an exercise: {part of the hint: answer}."""
    WRONG.extend((check, hint, answer) for hint, answer in answers.items())


def predictions(right: dict, **changes: Any) -> Callable[[], dict]:
    """An answer that predicts `right`, but for one key: key=<its place>, to=<the wrong value>."""
    key = list(right)[changes["place"]]
    return lambda: {**right, key: changes["to"]}
