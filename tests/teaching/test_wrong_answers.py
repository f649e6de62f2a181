"""Each check rejects typical wrong answers, with the hint that is meant for each; and the course's own library passes."""

from __future__ import annotations

import importlib
import re
from collections import defaultdict
from collections.abc import Callable

import pytest
import torch
from wrong import WRONG

import nst
from nst.teaching import checks

for number in range(11):
    importlib.import_module(f"wrong_{number:02}")  # fills WRONG


@pytest.mark.parametrize(("check", "hint", "answer"), WRONG, ids=[f"{check.__name__}: {hint}" for check, hint, _ in WRONG])
def test_wrong_answer_is_rejected_with_its_hint(check: Callable, hint: str, answer: Callable):
    with pytest.raises(checks.CheckFailed) as failed:
        check(answer)
    assert re.search("|".join(map(re.escape, hint.split("|"))), str(failed.value)), str(failed.value)


def test_each_check_has_three_wrong_answers_with_hints_of_their_own():
    hints = defaultdict(set)
    for check, _, answer in WRONG:
        with pytest.raises(checks.CheckFailed) as failed:
            check(answer)
        hints[check.__name__].add(str(failed.value))
    assert {name: len(told) for name, told in hints.items() if len(told) < 3} == {}
    assert set(hints) == set(checks.CHECKS)


LIBRARY = {
    "gram_matrix": nst.gram_matrix,
    "content_layer": nst.ContentLoss,
    "instance_norm": lambda x, gamma, beta: torch.nn.functional.instance_norm(x, weight=gamma, bias=beta),
    "total_variation": nst.losses.total_variation,
    "mean_and_std": nst.adain.mean_and_std,
    "adain": nst.adain.adaptive_instance_norm,
    "masked_statistics": nst.adain.mean_and_std,
    "covariance": lambda x: nst.covariance.mean_and_covariance(x)[1][0],
    "whiten": nst.wct.whiten,
    "colour": nst.wct.colour,
    "coral": nst.colour.coral,
    "keep_luminance": nst.colour.keep_color,
    "relaxed_distance": lambda x, y: nst.losses.relaxed_emd(x[None], y[None]),
}


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_passes_its_own_exercises(name: str, capsys: pytest.CaptureFixture):
    checks.CHECKS[name](LIBRARY[name])
    assert capsys.readouterr().out.startswith("right: ")
