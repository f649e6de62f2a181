"""Checks of the exercises of lesson 05, Training it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nst
from nst.teaching.checks.machinery import (
    answers,
    call,
    changed_in,
    check,
    compare,
    fail,
    learns,
    number,
    pair,
    rand,
    randn,
    state_of,
)


@check
def total_variation(function: Callable[[Tensor], Tensor]) -> str:
    """Mean of squared differences of neighbours, down plus across: (B, 3, H, W) -> a number."""
    for shape in ((2, 3, 5, 8), (1, 3, 7, 4)):
        x = rand(*shape)
        a = x.numpy()
        down, across = np.diff(a, axis=2) ** 2, np.diff(a, axis=3) ** 2
        sides = np.abs(np.diff(a, axis=2)).mean() + np.abs(np.diff(a, axis=3)).mean()
        wrapped = (x - x.roll(1, 2)).square().mean() + (x - x.roll(1, 3)).square().mean()
        right = down.mean() + across.mean()
        both = [np.diff(a, axis=2)[..., :, :-1], np.diff(a, axis=3)[..., :-1, :]]  # where a pixel has both neighbours
        compare(call(function, x), right, {
            "a sum, not a mean: the weight would mean something else at every size": down.sum() + across.sum(),
            "a sum over the picture, divided by the size of the batch: take the means": (down.sum() + across.sum()) / len(x),
            "only the differences across are counted": across.mean(),
            "only the differences down are counted": down.mean(),
            "absolute differences: this exercise squares them": sides,
            "torch.roll wraps round: the last row meets the first": wrapped,
            "the mean of both together; down and across have a mean each, and the two are added":
                (down.sum() + across.sum()) / (down.size + across.size),
            "half of it: add the two means": right / 2,
            "both sums are divided by the number of pixels; there are fewer differences than pixels, each kind has its own number":
                (down.sum() + across.sum()) / x.numel(),
            "the squares of down and across at each pixel are added under one root: that is another form, without the root here":
                np.sqrt(both[0] ** 2 + both[1] ** 2).mean(),
            "the root was taken": right**0.5,
            "neighbours are compared with the pixel after the next": (x[..., 2:, :] - x[..., :-2, :]).square().mean()
                + (x[..., 2:] - x[..., :-2]).square().mean(),
            "these are differences of channels and pictures; the neighbours are along axes 2 and 3":
                (x[:, 1:] - x[:, :-1]).square().mean() + (x[1:] - x[:-1]).square().mean() if len(x) > 1 else None,
            "the differences are squared after their mean; square each one first":
                np.diff(a, axis=2).mean() ** 2 + np.diff(a, axis=3).mean() ** 2,
        }, f"a picture of the shape {shape}")  # fmt: skip
    learns(function, lambda x: x.diff(dim=2).square().mean() + x.diff(dim=3).square().mean(), rand(2, 3, 4, 5), who="the picture")
    return "down plus across, each a mean of squares; equal to numpy's, and it carries a gradient"


RATE, MOMENTUM = 0.1, 0.5


class _Bench:
    """A small network, photographs and a loss, to try a training step on."""

    def __init__(self):
        self.net = nn.Conv2d(3, 3, 1)
        self.net.weight.data, self.net.bias.data = randn(3, 3, 1, 1, seed=1), randn(3, seed=2)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=RATE, momentum=MOMENTUM)
        self.batches = [rand(4, 3, 5, 5, seed=seed) for seed in range(3)]

    def loss(self, painted: Tensor, photos: Tensor) -> Tensor:
        return (painted - photos).square().mean()

    def weights(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.net.parameters()])

    def after(self, accumulate: bool = False, early: bool = False, momentum: float = MOMENTUM) -> tuple[list[Tensor], list[float]]:
        """The weights after each step, and the losses, by autograd and a subtraction."""
        weights, kept, losses = [p.detach().clone() for p in self.net.parameters()], [], []
        sums, speeds = [torch.zeros_like(w) for w in weights], [torch.zeros_like(w) for w in weights]

        def step() -> None:
            for k, slope in enumerate(sums):
                speeds[k] = momentum * speeds[k] + slope
                weights[k] = weights[k] - RATE * speeds[k]

        for n, photos in enumerate(self.batches):
            if early and n:  # the step before the backward: the last gradient is used
                step()
            leaves = [w.clone().requires_grad_() for w in weights]
            loss = self.loss(F.conv2d(photos, *leaves), photos)
            slopes = torch.autograd.grad(loss, leaves)
            sums = [s * accumulate + slope for s, slope in zip(sums, slopes)]
            if not early:
                step()
            kept.append(torch.cat([w.flatten() for w in weights]))
            losses.append(float(loss.detach()))
        return kept, losses


@check
def training_step(function: Callable) -> str:
    """One step of the loop: paint, loss, gradient, step; returns the loss as a float."""
    bench = _Bench()
    start = bench.weights()
    right, losses = bench.after()
    added, lagging, forgetful = (bench.after(**how)[0] for how in ({"accumulate": True}, {"early": True}, {"momentum": 0.0}))
    values, weights = [], []
    late = "optimizer.step() changes the weights that backward() still needs: it must come after it"
    for photos in bench.batches:
        given = (bench.net, bench.optimizer, bench.loss, photos)
        values.append(call(function, *given, if_it_raises=late, may_change=True))
        weights.append(bench.weights())
    compare(torch.stack(weights), torch.stack(right), {
        "the weights have not changed: is there a step, and does it come after backward() and not after a second zero_grad()?":
            start.expand(3, -1),
        "the gradients of the steps add up: zero_grad() is missing, or comes too late": torch.stack(added),
        "the step comes before backward(): it uses the gradient of the photographs before": torch.stack(lagging),
        "the step is not the given optimiser's: an SGD of your own forgets what that one remembers. Call its step()":
            torch.stack(forgetful),
    }, "the weights after each of three steps")  # fmt: skip
    if not bench.net.training or not all(p.requires_grad for p in bench.net.parameters()):
        fail("the network was switched to eval() or frozen: whoever goes on training it must find it as it was")
    if any(isinstance(value, Tensor) and value.requires_grad for value in values):
        fail("the loss is returned as a tensor with its graph: a list of them keeps every step's memory. Return loss.item()")
    if any(isinstance(value, Tensor) for value in values):
        fail("the loss is returned as a tensor, though a detached one; a plain number is wanted: loss.item()")
    compare(values, losses, {
        "this is the loss after the step; the one before it is wanted, which has been computed anyway": _losses_after(bench, right),
        "the losses add up: each call returns its own": np.cumsum(losses),
    }, about="the losses returned: each batch's, before the step")  # fmt: skip
    return "three steps of the given optimiser, equal to a subtraction by hand; the loss is a plain number"


def _losses_after(bench: _Bench, weights: list[Tensor]) -> list[float]:
    """Each batch's loss with the weights after its step."""
    found = []
    for photos, flat in zip(bench.batches, weights):
        painted = F.conv2d(photos, flat[:9].reshape(3, 3, 1, 1), flat[9:])
        found.append(float(bench.loss(painted, photos)))
    return found


def _global_state() -> list:
    return [random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2], torch.get_rng_state().tolist()]


@check
def crop_corner(function: Callable) -> str:
    """Mend a data set: the corner of a crop as a function of (seed, step, position) and nothing else."""

    def corner(seed=0, step=0, position=0, height=60, width=80, size=20):
        given = call(function, seed, step, position, height, width, size, if_it_raises="size may be as large as the picture itself")
        found = [number(value) for value in pair(given, "two numbers: return top, left")]
        if any(n is None or n.numel() != 1 or float(n) != int(n) for n in found):
            fail(f"expected two whole numbers, top and left, got {given!r}")
        return tuple(int(n) for n in found)

    states = [_global_state()]
    for step in (0, 1):  # twice: a state that is set to the same value again and again looks untouched
        corner(step=step)
        states.append(_global_state())
    drawn = [corner(step=step) for step in range(40)]
    if any(state != states[0] for state in states):
        fail("the global random state was changed: whoever else draws numbers is disturbed, and after a resume the crops "
             "are others. Use a generator of your own, random.Random(…)")  # fmt: skip
    if drawn != [corner(step=step) for step in range(40)]:
        fail("the same step gives another corner the second time: after a resume the network would see other pictures")
    if len(set(drawn)) < 30:
        fail("the step is not used: every step sees the same crop")
    if len({corner(position=position) for position in range(20)}) < 15:
        fail("the position is not used: all pictures of a batch are cut at the same place")
    if len({corner(seed=seed) for seed in range(20)}) < 15:
        fail("the seed is not used")
    if [corner(seed=1, step=step) for step in range(20)] == [corner(seed=0, step=step + 1) for step in range(20)]:
        fail("seed + step: the run with seed 1 sees what the run with seed 0 sees one step later. Keep the three numbers apart")
    if [corner(step=1, position=k) for k in range(20)] == [corner(step=0, position=k + 1) for k in range(20)]:
        fail("step + position: each step repeats all but one of the crops before. Keep the three numbers apart")
    square = [corner(step=step, height=80, width=80) for step in range(40)]
    if sum(top == left for top, left in square) > 20:
        fail("top and left are the same number: both must be drawn, one after the other, from one generator")
    _no_two_alike(lambda *numbers: corner(*numbers, 10_000, 10_000, 20))
    small = {corner(step=step, height=22, width=21) for step in range(200)}
    if any(top + 20 > 22 or left + 20 > 21 for top, left in small):
        fail("a crop reaches beyond the picture" + ": height and width are exchanged" * (max(top for top, _ in small) <= 1))
    if any(min(corner) < 0 for corner in small):
        fail("a crop begins before the picture: a top or a left is negative")
    if len(small) < 6:
        fail("the last row or column is never reached: a picture of 22 rows has 3 places for a crop of 20, tops 0, 1 and 2")
    wide = [corner(step=step, height=120, width=120) for step in range(300)]
    if min(map(min, zip(*wide))) > 10 or min(map(max, zip(*wide))) < 90:
        fail("some places are never reached: of 101 tops and lefts the first or the last ten do not come up in 300 crops")
    if corner(height=20, width=20) != (0, 0):
        fail("a picture as large as the crop has one corner, (0, 0)")
    return "the same corner for the same three numbers and for no others, all places reached, and no global random state touched"


def _no_two_alike(corner: Callable[[int, int, int], tuple[int, int]]) -> None:
    """CheckFailed if two of some thousand (seed, step, position) have the same corner of a hundred million."""
    steps = (*range(13), 100, 110, 111, 1000, 1010, 10_000, 100_000, 1_000_000)
    seen: dict[tuple[int, int], tuple[int, int, int]] = {}
    alike = []
    for numbers in itertools.product(range(12), steps, range(12)):
        where = corner(*numbers)
        alike += [(seen[where], numbers)] if where in seen else []
        seen.setdefault(where, numbers)
    if len(alike) > 2:  # by chance there are 0.05
        (a, b), n = alike[0], len(alike)
        fail(f"(seed, step, position) = {a} and {b} give the same corner, and {n - 1} other pairs do, too: the three numbers run "
             "into one, as digits in a row do, or a sum or a product. Keep them apart, with a sign between")  # fmt: skip


@check
def fair_speedup(function: Callable[[Sequence[float], float, float, float], float]) -> str:
    """How many passes fit into the time in which Gatys' method reaches the loss of one pass."""
    trace = [9.0, 7.0, 6.5, 4.0, 3.0, 3.2, 2.5, 2.0]
    for one_pass, needed, evaluation, once in ((3.5, 5, 0.4, 0.1), (7.0, 2, 0.5, 0.1), (2.2, 8, 0.3, 0.2), (3.1, 5, 0.4, 0.05),
                                               (20.0, 1, 0.5, 0.1)):  # fmt: skip
        bump = sum(v > one_pass for v in trace) + 1
        compare(call(function, trace, evaluation, one_pass, once), needed * evaluation / once, {
            "all evaluations are counted; count those that it takes to reach the loss of the pass": len(trace) * evaluation / once,
            "one evaluation too few: the first entry of the trace took one evaluation": (needed - 1) * evaluation / once,
            "the seconds are not used: this is the number of evaluations": needed,
            "the other way round: seconds of the evaluations over seconds of the pass": once / (needed * evaluation),
            "500 iterations are what the paper compares with, at whatever loss": 500 * evaluation / once,
            "the trace rises again after it was low enough; the first evaluation that is low enough counts, not those above it":
                bump * evaluation / once,
            "equal is enough: the first loss that is not above the pass's": (needed + 1) * evaluation / once,
            "this is one evaluation against one pass; how many evaluations does it take?": evaluation / once,
            "this is the time in seconds; how many passes fit into it?": needed * evaluation,
            "the seconds are exchanged: evaluations take the first, the pass the second": needed * once / evaluation,
            "the losses are compared, not the times": trace[-1] / one_pass,
        }, f"loss of the pass {one_pass}")  # fmt: skip
    never_there = "this trace never gets as low as the pass: the answer is float('inf')"
    for high in (trace, []):
        never = number(call(function, high, 0.5, 1.0, 0.1, if_it_raises=never_there))
        if never is None or never.numel() != 1 or float(never) != float("inf"):
            fail("Gatys' method never reaches a loss of 1.0 in this trace: the answer is infinite, float('inf')")
    return "at equal loss, for five losses; infinite where it is never reached"


@check
def norm_layers_only(function: Callable[[nn.Module], int]) -> str:
    """Let only the scale and shift of the norm layers learn; returns how many numbers that are."""
    for norm, frozen in (("instance", False), ("batch", False), ("instance", True)):
        net = nst.TransformerNet(width=4, norm=norm).requires_grad_(not frozen)
        for part in net.modules():
            if isinstance(part, nn.InstanceNorm2d | nn.BatchNorm2d):
                part.weight.data = rand(*part.weight.shape)  # as if it had learned something
        net.model[0].eval()  # one part is in use, the others learn: it must stay so
        before = state_of(net)
        count = call(function, net, may_change=True)
        if (what := changed_in(before, {**state_of(net), "requires_grad was set": before["requires_grad was set"]})) is not None:
            fail(f"the network was changed: {what}. Only requires_grad is to be set")
        norms = [m for m in net.modules() if isinstance(m, nn.InstanceNorm2d | nn.BatchNorm2d)]
        inside = {id(p) for m in norms for p in m.parameters()}
        learning = {name for name, p in net.named_parameters() if p.requires_grad}
        wanted = {name for name, p in net.named_parameters() if id(p) in inside}
        numbers = sum(p.numel() for p in net.parameters() if id(p) in inside)
        if len(learning) == len(dict(net.named_parameters())):
            fail("everything still learns: first freeze all, net.requires_grad_(False)")
        if learning != wanted:
            extra, missing = sorted(learning - wanted), sorted(wanted - learning)
            if not learning and norm == "batch":
                fail("a network with batch norm has no layer that learns: both kinds of norm are meant")
            if not learning and frozen:
                fail("a network that comes frozen, as load_style gives it, stays frozen: set requires_grad of the norms, too")
            if extra:
                fail(f"{extra[0]} learns, too; it is no norm layer's")
            fail(f"{missing[0]} does not learn: a norm has a scale and a shift, and both do")
        compare(count, numbers, {
            "this is the number of tensors; count the numbers in them": len(wanted),
            "this is the number of all weights; count those that learn": sum(p.numel() for p in net.parameters()),
            "the layers are counted; count the numbers in them": len(norms),
            "the scales are counted; the shifts learn, too": numbers / 2,
            "this is the number of weights that are frozen; count those that learn":
                sum(p.numel() for p in net.parameters() if id(p) not in inside),
            "this is a share; the number is wanted": numbers / sum(p.numel() for p in net.parameters()),
        }, "the number returned")  # fmt: skip
    return "scale and shift of every norm, instance or batch, and nothing else, however the network came"


@check
def gradient_noise(function: Callable[[], dict]) -> str:
    """Predict: how the gradient's scatter from batch to batch depends on the batch's size."""
    slopes = np.random.default_rng(0).normal(size=(4096, 64))  # a gradient per photograph

    def scatter(size: int) -> float:
        return float(slopes.reshape(-1, size, 64).mean(1).std())

    right = {f"scatter at batch {n}, of that at 1": round(scatter(n) / scatter(1), 3) for n in (4, 16)}
    right |= {"two processes with 4 each are like one with": 8, "photographs for half the scatter": "4 times"}
    answers(call(function), right, {
        ("scatter at batch 4, of that at 1", 0.25): "the variance of a mean of 4 is a quarter; the scatter is its root",
        ("scatter at batch 16, of that at 1", 1 / 16): "the variance of a mean of 16 is a sixteenth; the scatter is its root",
        ("scatter at batch 16, of that at 1", 1): "a mean of sixteen gradients scatters less than one gradient",
        ("scatter at batch 4, of that at 1", 2): "a mean of four gradients scatters less than one gradient, not more",
        ("scatter at batch 4, of that at 1", 4): "a mean of four gradients scatters less than one gradient, not more",
        ("scatter at batch 16, of that at 1", 4): "a mean of sixteen gradients scatters less than one gradient, not more",
        ("two processes with 4 each are like one with", 2): "how many photographs go into each step?",
        ("two processes with 4 each are like one with", 16): "their gradients are averaged, photographs are not multiplied: 4 + 4",
        ("photographs for half the scatter", "16 times"): "sixteen times as many leave a quarter of the scatter",
        ("scatter at batch 4, of that at 1", 1): "a mean of four gradients scatters less than one gradient",
        ("two processes with 4 each are like one with", 4): "their gradients are averaged: eight photographs go into each step",
        ("photographs for half the scatter", "2 times"): "the scatter falls with the root of the number",
    }, rtol=0.05)  # fmt: skip
    return "one over the root of the batch: half the scatter costs four times the photographs"


__all__ = ["crop_corner", "fair_speedup", "gradient_noise", "norm_layers_only", "total_variation", "training_step"]
