"""How a check treats an answer: stubs, errors, arguments that change, answers that are no numbers."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch import nn

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
    (1.0 + 1e-6, 1, True), (1.01, 1, False), ("1", 1, False), (None, 1, False), (Fraction(1, 3), 1 / 3, True),
    (np.array(2.0), 2, True), ([np.array(1.0), torch.tensor(2)], [1, 2], True), (torch.tensor([[3.0]]), 3, True), (1j, 1, False),
    (np.float32(0.5), 0.5, True), (np.bool_(True), 1, True), ([1, [2, 3]], [1, 2], False), (torch.ones(1, 2), torch.ones(2), False),
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
    for near in (3.8, 4.2, 4.05):  # no more than a hundredth away
        with pytest.raises(CheckFailed, match="'factor'"):
            answers({**right, "factor": near}, right, {})
    with pytest.raises(CheckFailed, match="'factor': count again"):
        answers({**right, "factor": 2}, right, {("factor", 2): "count again"})


@pytest.mark.parametrize("yes", [True, 1, np.True_, torch.tensor(True), np.array(True)])
@pytest.mark.parametrize("no", [False, 0, np.False_, torch.tensor(False)])
def test_truths_of_numpy_and_torch_and_whole_numbers_are_truths(yes, no):
    assert machinery.same(yes, True, 0) and machinery.same(no, False, 0)
    assert not machinery.same(yes, False, 0) and not machinery.same(no, True, 0)
    assert not machinery.same(2, True, 0) and not machinery.same("True", True, 0) and not machinery.same(None, False, 0)


def test_words_may_be_capitalised():
    assert machinery.same(" Squared", "squared", 0) and machinery.same(np.str_("mean"), "mean", 0)
    assert not machinery.same("squares", "squared", 0) and not machinery.same("1", 1, 0)


def test_an_answer_that_no_hint_is_meant_for_is_told_what_it_is():
    right, hints = {"word": "mean", "share": 0.2, "truth": True}, {("word", "deviation"): "read the rows"}
    for wrong, told in (
        ({"word": "median"}, "'median' is none of the words 'deviation', 'mean'"), ({"share": "1/5"}, "a word in quotes; a number"),
        ({"share": 20}, "in percent"), ({"share": ...}, "no answer yet"), ({"word": "..."}, "no answer yet"),
        ({"truth": 0.3}, "neither True nor False"), ({"truth": "True"}, "True or False is wanted"),
        ({"truth": np.False_}, "is not what"), ({"share": None}, "None is not a number"), ({"word": "Deviation"}, "read the rows"),
    ):  # fmt: skip
        with pytest.raises(CheckFailed, match=re.escape(told)):
            answers({**right, **wrong}, right, hints)


def switches_off(x):
    torch.set_grad_enabled(False)
    return 2 * x


def switches_off_and_fails(x):
    torch.set_grad_enabled(False)
    raise ValueError


@pytest.mark.parametrize("answer", [switches_off, switches_off_and_fails])
def test_gradients_stay_switched_on_for_whoever_comes_next(answer):
    with pytest.raises(CheckFailed):
        call(answer, torch.ones(2))
    assert torch.is_grad_enabled()


def changes_weights(net, x):
    net[0].weight.data.add_(1)
    return x


def leaves_a_hook(net, x):
    net[1].register_forward_pre_hook(lambda *_: None)
    return x


@pytest.mark.parametrize(("answer", "what"), [
    (changes_weights, "its weights are others"), (leaves_a_hook, "a hook was left"), (lambda net, x: (net.eval(), x)[1], "eval"),
    (lambda net, x: (net.requires_grad_(False), x)[1], "requires_grad was set"),
    (lambda net, x: (setattr(net[2], "inplace", False), x)[1], "its layers are others"),
])  # fmt: skip
def test_a_network_comes_back_as_it_was(answer, what: str):
    net = nn.Sequential(nn.Conv2d(1, 1, 1), nn.BatchNorm2d(1), nn.ReLU(inplace=True))
    with pytest.raises(CheckFailed, match=f"the network was changed: {what}"):
        call(answer, net, torch.ones(1))
    call(answer, net, torch.ones(1), may_change=True)


def test_a_list_or_dictionary_comes_back_as_it_was():
    cases = ([3, 1], lambda v: v.sort() or v[0]), ({"a": 1}, lambda v: v.pop("a")), (np.ones(2), lambda v: v.fill(0) or v)
    for given, answer in cases:
        with pytest.raises(CheckFailed, match="changes the list or dictionary"):
            call(answer, given)


def test_a_gradient_must_be_the_right_one():
    x = torch.tensor([1.0, 2.0])
    square = lambda x: x**2  # noqa: E731
    machinery.learns(lambda x: x * x, square, x, who="the picture")
    for answer, told in (
        (lambda x: x * x.detach(), "the numbers are right, the gradient is not"),
        (lambda x: (x**2).detach(), "carries no gradient"),
        (lambda x: torch.from_numpy(x.numpy() ** 2), "numpy cannot pass one on"),
        (lambda x: (x - x).sqrt() + x**2, "NaN or infinite"),
    ):  # fmt: skip
        with pytest.raises(CheckFailed, match=told):
            machinery.learns(answer, square, x, who="the picture")
    with pytest.raises(CheckFailed, match="no gradient comes back to one of the arguments"):
        machinery.learns(lambda a, b: a * b.detach(), torch.mul, x, x, who="the picture")


def test_random_input_is_the_same_and_leaves_the_global_state_alone():
    state = torch.get_rng_state()
    assert torch.equal(machinery.rand(3), machinery.rand(3)) and not torch.equal(machinery.randn(3), machinery.randn(3, seed=1))
    assert torch.equal(torch.get_rng_state(), state)
