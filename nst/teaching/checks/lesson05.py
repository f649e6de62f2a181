"""Checks of the exercises of lesson 05, Training it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nst
from nst.teaching.checks.machinery import answers, call, check, compare, fail, must_learn, rand, randn


@check
def total_variation(function: Callable[[Tensor], Tensor]) -> str:
    """Mean of squared differences of neighbours, down plus across: (B, 3, H, W) -> a number."""
    x = rand(2, 3, 5, 8)
    a = x.numpy()
    down, across = np.diff(a, axis=2) ** 2, np.diff(a, axis=3) ** 2
    sides = np.abs(np.diff(a, axis=2)).mean() + np.abs(np.diff(a, axis=3)).mean()
    wrapped = (x - x.roll(1, 2)).square().mean() + (x - x.roll(1, 3)).square().mean()
    right = down.mean() + across.mean()
    leaf = x.clone().requires_grad_()
    compare(call(function, x), right, {
        "a sum, not a mean: the weight would mean something else at every size": down.sum() + across.sum(),
        "only the differences across are counted": across.mean(),
        "only the differences down are counted": down.mean(),
        "absolute differences: this exercise squares them": sides,
        "torch.roll wraps round: the last row meets the first": wrapped,
        "the mean of both together; down and across have a mean each, and the two are added":
            (down.sum() + across.sum()) / (down.size + across.size),
        "half of it: add the two means": right / 2,
    })  # fmt: skip
    must_learn(call(function, leaf), "the picture")
    return "down plus across, each a mean of squares; equal to numpy's, and it carries a gradient"


class _Bench:
    """A small network, photographs and a loss, to try a training step on."""

    def __init__(self):
        self.net = nn.Conv2d(3, 3, 1)
        self.net.weight.data, self.net.bias.data = randn(3, 3, 1, 1, seed=1), randn(3, seed=2)
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)
        self.batches = [rand(4, 3, 5, 5, seed=seed) for seed in range(3)]

    def loss(self, painted: Tensor, photos: Tensor) -> Tensor:
        return (painted - photos).square().mean()

    def weights(self) -> Tensor:
        return torch.cat([p.detach().flatten() for p in self.net.parameters()])

    def after(self, accumulate: bool = False, early: bool = False) -> tuple[list[Tensor], list[float]]:
        """The weights after each step, and the losses, by autograd and a subtraction."""
        weight, bias, kept, losses = self.net.weight.detach().clone(), self.net.bias.detach().clone(), [], []
        sums = [torch.zeros_like(weight), torch.zeros_like(bias)]
        for photos in self.batches:
            if early:  # the step before the backward: the last gradient is used
                weight, bias = weight - 0.1 * sums[0], bias - 0.1 * sums[1]
            leaves = [weight.clone().requires_grad_(), bias.clone().requires_grad_()]
            loss = self.loss(F.conv2d(photos, *leaves), photos)
            slopes = torch.autograd.grad(loss, leaves)
            sums = [s * accumulate + slope for s, slope in zip(sums, slopes)]
            if not early:
                weight, bias = weight - 0.1 * sums[0], bias - 0.1 * sums[1]
            kept.append(torch.cat([weight.flatten(), bias.flatten()]))
            losses.append(float(loss.detach()))
        return kept, losses


@check
def training_step(function: Callable) -> str:
    """One step of the loop: paint, loss, gradient, step; returns the loss as a float."""
    bench = _Bench()
    start = bench.weights()
    right, losses = bench.after()
    added, lagging = bench.after(accumulate=True)[0], bench.after(early=True)[0]
    values, weights = [], []
    for photos in bench.batches:
        values.append(
            call(
                function,
                bench.net,
                bench.optimizer,
                bench.loss,
                photos,
                if_it_raises="optimizer.step() changes the weights that backward() still needs: it must come after it",
            )
        )
        weights.append(bench.weights())
    compare(torch.stack(weights), torch.stack(right), {
        "the weights have not changed: is there a step, and does it come after backward() and not after a second zero_grad()?":
            start.expand(3, -1),
        "the gradients of the steps add up: zero_grad() is missing, or comes too late": torch.stack(added),
        "the step comes before backward(): it uses the gradient of the photographs before": torch.stack(lagging),
    }, "the weights after each of three steps")  # fmt: skip
    if any(isinstance(value, Tensor) and value.requires_grad for value in values):
        fail("the loss is returned as a tensor with its graph: a list of them keeps every step's memory. Return loss.item()")
    compare(values, losses, about="the losses returned: each batch's, before the step")
    return "three steps of gradient descent, equal to a subtraction by hand; the loss is a plain number"


def _global_state() -> list:
    return [random.getstate(), np.random.get_state()[1].tolist(), np.random.get_state()[2], torch.get_rng_state().tolist()]


@check
def crop_corner(function: Callable) -> str:
    """Mend a data set: the corner of a crop as a function of (seed, step, position) and nothing else."""

    def corner(seed=0, step=0, position=0, height=60, width=80, size=20):
        given = call(function, seed, step, position, height, width, size, if_it_raises="size may be as large as the picture itself")
        if not isinstance(given, list | tuple) or len(given) != 2:
            fail("expected two numbers: return top, left")
        return tuple(int(n) for n in given)

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
    small = {corner(step=step, height=22, width=21) for step in range(200)}
    if any(top + 20 > 22 or left + 20 > 21 or min(top, left) < 0 for top, left in small):
        fail("a crop reaches beyond the picture")
    if len(small) < 6:
        fail("the last row or column is never reached: a picture of 22 rows has 3 places for a crop of 20, tops 0, 1 and 2")
    if corner(height=20, width=20) != (0, 0):
        fail("a picture as large as the crop has one corner, (0, 0)")
    return "the same corner for the same three numbers, all places reached, and no global random state touched"


@check
def fair_speedup(function: Callable[[Sequence[float], float, float, float], float]) -> str:
    """How many passes fit into the time in which Gatys' method reaches the loss of one pass."""
    trace, evaluation, once = [9.0, 7.0, 6.5, 4.0, 3.0, 3.2, 2.5, 2.0], 0.5, 0.1
    for one_pass, needed in ((7.0, 2), (3.5, 5), (2.2, 8)):
        compare(call(function, trace, evaluation, one_pass, once), needed * evaluation / once, {
            "all evaluations are counted; count those that it takes to reach the loss of the pass": len(trace) * evaluation / once,
            "one evaluation too few: the first entry of the trace took one evaluation": (needed - 1) * evaluation / once,
            "the seconds are not used: this is the number of evaluations": needed,
            "the other way round: seconds of the evaluations over seconds of the pass": once / (needed * evaluation),
            "500 evaluations are what the paper compares with, at whatever loss": 500 * evaluation / once,
            "equal is enough: the first loss that is not above the pass's": (needed + 1) * evaluation / once,
        }, f"loss of the pass {one_pass}")  # fmt: skip
    if call(function, trace, evaluation, 1.0, once) != float("inf"):
        fail("Gatys' method never reaches a loss of 1.0 in this trace: the answer is infinite, float('inf')")
    return "at equal loss, for three losses; infinite where it is never reached"


@check
def norm_layers_only(function: Callable[[nn.Module], int]) -> str:
    """Let only the scale and shift of the norm layers learn; returns how many numbers that are."""
    for norm in ("instance", "batch"):
        net = nst.TransformerNet(width=4, norm=norm)
        count = call(function, net)
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
            if extra:
                fail(f"{extra[0]} learns, too; it is no norm layer's")
            fail(f"{missing[0]} does not learn: a norm has a scale and a shift, and both do")
        compare(count, numbers, {
            "this is the number of tensors; count the numbers in them": len(wanted),
            "this is the number of all weights; count those that learn": sum(p.numel() for p in net.parameters()),
            "the layers are counted; count the numbers in them": len(norms),
        }, "the number returned")  # fmt: skip
    return "scale and shift of every norm, instance or batch, and nothing else"


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
        ("scatter at batch 4, of that at 1", 1): "a mean of four gradients scatters less than one gradient",
        ("two processes with 4 each are like one with", 4): "their gradients are averaged: eight photographs go into each step",
        ("photographs for half the scatter", "2 times"): "the scatter falls with the root of the number",
    }, rtol=0.05)  # fmt: skip
    return "one over the root of the batch: half the scatter costs four times the photographs"


__all__ = ["crop_corner", "fair_speedup", "gradient_noise", "norm_layers_only", "total_variation", "training_step"]
