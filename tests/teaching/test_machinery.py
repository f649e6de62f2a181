"""How a check treats an answer: stubs, errors, arguments that change, answers that are no numbers."""

from __future__ import annotations

import re

import pytest
import torch

from nst.teaching import checks
from nst.teaching.checks import machinery
from nst.teaching.checks.machinery import CheckFailed, answers, call, close, compare, must_learn


@machinery.check
def doubled(function) -> str:
    x = torch.tensor([1.0, 2.0])
    compare(call(function, x), 2 * x, {"this is the square": x**2})
    return "twice its argument"


del machinery.CHECKS["doubled"]  # it belongs to these tests, not to the course


def stub(x):
    raise NotImplementedError


def torch_cannot(x):
    raise NotImplementedError("not implemented for 'Long'")


def changes_in_place(x):
    return x.mul_(2)


def test_right_answer_says_what_was_verified(capsys: pytest.CaptureFixture):
    doubled(lambda x: x + x)
    assert capsys.readouterr().out == "right: twice its argument\n"


def test_stub_is_not_attempted_and_fails_only_where_marks_are_given(capsys: pytest.CaptureFixture):
    doubled(stub)
    assert capsys.readouterr().out == "not attempted yet\n"
    with checks.strict(), pytest.raises(CheckFailed, match="not attempted yet"):
        doubled(stub)
    doubled(stub)  # strict ends with its block


@pytest.mark.parametrize(
    ("answer", "hint"),
    [
        (lambda x: x**2, "this is the square"),
        (lambda x: 3 * x, "yours is 1.5 times"),
        (lambda x: x + 1, r"not right: expected 4 at \(1,\), got 3"),
        (lambda x: x.sum(), r"expected the shape \(2,\), got \(\)"),
        (lambda x: x / 0, "NaN or infinite"),
        (lambda x: "two", r"expected numbers of the shape \(2,\), got str"),
        (lambda x: None, "returns None"),
        (lambda x: x[5], r"raised IndexError.*\ngiven tensors of the shapes \(2,\)"),
        (lambda: 0, "raised TypeError"),
        (changes_in_place, "changes_in_place changes its argument in place"),
        (torch_cannot, "raised NotImplementedError: not implemented for 'Long'"),
    ],
)
def test_wrong_answer_gets_a_hint(answer, hint: str):
    with pytest.raises(CheckFailed) as failed:
        doubled(answer)
    assert re.search(hint, str(failed.value)), str(failed.value)


def test_notebook_shows_the_hint_and_the_students_own_traceback_only():
    with pytest.raises(CheckFailed) as failed:
        doubled(lambda x: x**2)
    assert failed.value._render_traceback_() == ["CheckFailed: this is the square"]
    with pytest.raises(CheckFailed) as failed:
        doubled(lambda x: x[5])
    shown = "\n".join(failed.value._render_traceback_())
    assert "IndexError: index 5 is out of bounds" in shown
    assert all(len(line) <= 100 for line in CheckFailed("word " * 50)._render_traceback_())
    assert shown.endswith("given tensors of the shapes (2,)")


def test_transposed_answer_is_named():
    matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    with pytest.raises(CheckFailed, match="transposed"):
        compare(matrix.T, matrix)


@pytest.mark.parametrize(("a", "b", "same"), [
    (1.0, 1, True), (torch.ones(2), [1, 1], True), (torch.ones(2), torch.ones(3), False), (float("nan"), 1, False),
    (1.0 + 1e-6, 1, True), (1.01, 1, False), ("1", 1, False), (None, 1, False),
])  # fmt: skip
def test_close(a, b, same: bool):
    assert close(a, b) is same


def test_a_loss_that_cannot_teach_is_refused():
    x = torch.ones(2, requires_grad=True)
    assert must_learn(x.sum(), "the picture").requires_grad
    for loss in (x.sum().item(), x.detach().sum()):
        with pytest.raises(CheckFailed, match="carries no gradient.*the picture could not learn"):
            must_learn(loss, "the picture")


def test_predictions_tell_true_from_one_and_words_from_numbers():
    right = {"changes": True, "factor": 4, "why": "sums"}
    answers({"changes": True, "factor": 4.01, "why": "sums"}, right, {})
    for wrong, hint in (
        ({**right, "changes": 0}, "'changes': 0 is not"), ({**right, "factor": True}, "'factor': True is not a number"),
        ({**right, "why": "means"}, "'why'"), ({"changes": True}, "no answer to 'factor'"), ([1, 2], "expected a dictionary"),
    ):  # fmt: skip
        with pytest.raises(CheckFailed, match=hint):
            answers(wrong, right, {})
    with pytest.raises(CheckFailed, match="'factor': count again"):
        answers({**right, "factor": 2}, right, {("factor", 2): "count again"})


def test_random_input_is_the_same_and_leaves_the_global_state_alone():
    state = torch.get_rng_state()
    assert torch.equal(machinery.rand(3), machinery.rand(3)) and not torch.equal(machinery.randn(3), machinery.randn(3, seed=1))
    assert torch.equal(torch.get_rng_state(), state)
