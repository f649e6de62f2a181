"""Checks of the exercises of lesson 00, Start here."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nst.teaching.checks.machinery import answers, call, check, compare, rand, randn

LUMINANCE = torch.tensor([0.299, 0.587, 0.114])


@check
def luminance(function: Callable[[Tensor], Tensor]) -> str:
    """Y = 0.299 R + 0.587 G + 0.114 B: (B, 3, H, W) -> (B, 1, H, W)."""
    for picture in (rand(2, 3, 5, 7), rand(3, 3, 4, 6, seed=1).transpose(2, 3)):
        right = torch.einsum("bchw,c->bhw", picture, LUMINANCE)[:, None]
        compare(call(function, picture), right, {
            "this is the plain mean of the three channels; green counts more than red, and red more than blue":
                picture.mean(1, True),
            "the weights are in the order blue, green, red; channel 0 is red":
                picture.mul(LUMINANCE.flip(0).view(3, 1, 1)).sum(1, True),
            "the channel axis is gone: keep it, with keepdim=True or picture[:, :1]": right[:, 0],
            "only the first picture of the batch was used: picture[0] is one picture": right[:1],
            "all three channels were kept; one is wanted, the sum of the three": right.expand(-1, 3, -1, -1),
            "the three are weighed but not added: sum over the channels, axis 1": picture * LUMINANCE.view(3, 1, 1),
            "the three weights sum to 1 already: add, and do not divide by 3": right / 3,
            "these are the weights of television in high definition; the task gives others":
                picture.mul(torch.tensor([0.2126, 0.7152, 0.0722]).view(3, 1, 1)).sum(1, True),
        })  # fmt: skip
    return "the weighted sum of red, green and blue, for two batches, as (B, 1, H, W)"


@check
def mean_square_gradient(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The gradient of mean (x - target)^2 with respect to x, by hand."""
    for shape in ((5, 3, 4), (3, 7)):
        x, target = randn(*shape), randn(*shape, seed=1)
        leaf = x.clone().requires_grad_()
        (right,) = torch.autograd.grad((leaf - target).square().mean(), leaf)
        compare(call(function, x, target), right, {
            "this is the gradient of the sum; the loss is a mean, so there is a division by the number of entries":
                right * x.numel(),
            "the 2 is missing: the slope of u^2 is 2 u": right / 2,
            "the 2 is missing, and the division by the number of entries": right * x.numel() / 2,
            "the sign is wrong: where x is larger than the target, a larger x makes the loss larger": -right,
            "divided by len(x), the first axis only; the mean is over all entries, x.numel()": right * x.numel() / len(x),
            "divided by the length of the last axis only; the mean is over all entries, x.numel()":
                right * x.numel() / x.shape[-1],
            "this is the loss itself; its gradient has a number for each entry of x": (x - target).square().mean(),
            "squared: these are the terms of the loss; their slopes are 2 (x - target) / n": (x - target).square() / x.numel(),
            "this is the mean of the gradients; each entry of x has its own": right.mean().expand_as(right),
        })  # fmt: skip
    return "2 (x - target) / n for two shapes, equal to autograd's"


def _valley(point: Tensor) -> Tensor:
    """A bowl whose sides are 1, 2 and 3 times as steep, with its bottom at (1, -1, 2)."""
    return 0.5 * (torch.tensor([1.0, 2.0, 3.0]) * (point - torch.tensor([1.0, -1.0, 2.0])).square()).sum()


@check
def descend(function: Callable[[Callable, Tensor, int, float], Tensor]) -> str:
    """Gradient descent: point <- point - rate * gradient, `steps` times."""
    slopes, bottom = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, -1.0, 2.0])
    for start, steps, rate in ((torch.tensor([3.0, 3.0, 3.0]), 4, 0.1), (torch.tensor([-2.0, 0.5, 1.0]), 7, 0.05)):

        def after(n: int, rate: float, start: Tensor = start) -> Tensor:
            return bottom + (1 - rate * slopes) ** n * (start - bottom)  # closed form on a bowl

        accumulated, point, direction = torch.zeros(3), start, slopes * (start - bottom)
        for _ in range(steps):
            accumulated = accumulated + slopes * (point - bottom)
            point = point - rate * accumulated
        compare(call(function, _valley, start, steps, rate), after(steps, rate), {
            "the point walked uphill: subtract the gradient": after(steps, -rate),
            "the gradients of all steps add up: backward() adds to .grad, so it must be cleared before each step": point,
            "one step too few": after(steps - 1, rate),
            "one step too many": after(steps + 1, rate),
            "one step only: the loop is left in its first round": after(1, rate),
            "the point has not moved": start,
            "each step uses the gradient at the start: find it anew at the point that was reached":
                start - steps * rate * direction,
            "only the direction of the gradient was used; its length belongs to the step": _by_sign(start, steps, rate),
            "the rate is not used: this is a step of the whole gradient": after(steps, 1.0),
            "the rate is a constant of your own; it comes as an argument": after(steps, 0.1),
            "this is the loss at the end; the point is wanted": _valley(after(steps, rate)),
        }, f"{steps} steps of {rate:g}")  # fmt: skip
    return "on a bowl, the point of the closed form after 4 and after 7 steps; the start is as it was"


def _by_sign(point: Tensor, steps: int, rate: float) -> Tensor:
    """The mistake: steps of the gradient's sign."""
    slopes, bottom = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, -1.0, 2.0])
    for _ in range(steps):
        point = point - rate * (slopes * (point - bottom)).sign()
    return point


@check
def roughness(function: Callable[[], dict]) -> str:
    """Predict: the roughness of an edge from 0 to 1, in one step and spread over four equal steps."""
    rows = {"sharp": torch.tensor([0.0, 0, 0, 0, 1, 1]), "soft": torch.tensor([0, 0.25, 0.5, 0.75, 1, 1])}
    steps = {name: row.diff() for name, row in rows.items()}
    right = {f"{name} squared": float(d.square().sum()) for name, d in steps.items()}
    right |= {f"{name} absolute": float(d.abs().sum()) for name, d in steps.items()} | {"blurs the edge": "squared"}
    answers(call(function), right, {
        ("soft squared", 1.0): "four steps of 1/4 each: square each one first, then add",
        ("soft squared", 0.0625): "that is one of the four steps; add all four",
        ("soft absolute", 0.25): "that is one of the four steps; add all four",
        ("soft absolute", 4.0): "there are four steps, but each is 1/4: add their sizes, do not count them",
        ("soft absolute", 0.0): "the steps do not cancel: all four go up",
        ("sharp absolute", 0.0): "there is one step, from 0 to 1",
        ("sharp squared", 2.0): "add the differences of neighbours: there are five of them, and four are 0",
        ("soft squared", 0.05): "the sum is wanted, not the mean over the five differences",
        ("sharp squared", 0.0): "there is one step, from 0 to 1; its square is not 0",
        ("blurs the edge", "absolute"): "it gives both rows the same roughness, so it gains nothing by spreading the edge",
        ("blurs the edge", "both"): "compare the two absolute numbers: is there anything to gain?",
        ("blurs the edge", "neither"): "compare the two squared numbers: which row would the optimiser choose?",
    })  # fmt: skip
    return "a squared loss pays four times less for the soft edge, so it blurs; an absolute one does not care"


__all__ = ["descend", "luminance", "mean_square_gradient", "roughness"]
