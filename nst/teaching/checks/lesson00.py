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
    picture = rand(2, 3, 5, 7)
    right = torch.einsum("bchw,c->bhw", picture, LUMINANCE)[:, None]
    compare(call(function, picture), right, {
        "this is the plain mean of the three channels; green counts more than red, and red more than blue": picture.mean(1, True),
        "the weights are in the order blue, green, red; channel 0 is red":
            picture.mul(LUMINANCE.flip(0).view(3, 1, 1)).sum(1, True),
        "the channel axis is gone: keep it, with keepdim=True or picture[:, :1]": right[:, 0],
        "only the first picture of the batch was used: picture[0] is one picture": right[:1],
        "all three channels were kept; one is wanted, the sum of the three": right.expand(-1, 3, -1, -1),
    })  # fmt: skip
    return "the weighted sum of red, green and blue, for a batch, as (B, 1, H, W)"


@check
def mean_square_gradient(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The gradient of mean (x - target)^2 with respect to x, by hand."""
    x, target = randn(2, 3, 4), randn(2, 3, 4, seed=1)
    leaf = x.clone().requires_grad_()
    (right,) = torch.autograd.grad((leaf - target).square().mean(), leaf)
    compare(call(function, x, target), right, {
        "this is the gradient of the sum; the loss is a mean, so there is a division by the number of entries": right * x.numel(),
        "the 2 is missing: the slope of u^2 is 2 u": right / 2,
        "the sign is wrong: where x is larger than the target, a larger x makes the loss larger": -right,
        "divided by len(x), the first axis only; the mean is over all entries, x.numel()": right * x.numel() / len(x),
        "this is the loss itself; its gradient has a number for each entry of x": (x - target).square().mean(),
    })  # fmt: skip
    return "2 (x - target) / n, equal to autograd's"


def _valley(point: Tensor) -> Tensor:
    """A bowl whose sides are 1, 2 and 3 times as steep, with its bottom at (1, -1, 2)."""
    return 0.5 * (torch.tensor([1.0, 2.0, 3.0]) * (point - torch.tensor([1.0, -1.0, 2.0])).square()).sum()


@check
def descend(function: Callable[[Callable, Tensor, int, float], Tensor]) -> str:
    """Gradient descent: point <- point - rate * gradient, `steps` times."""
    start, steps, rate = torch.tensor([3.0, 3.0, 3.0]), 4, 0.1
    slopes, bottom = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, -1.0, 2.0])

    def after(n: int, rate: float) -> Tensor:
        return bottom + (1 - rate * slopes) ** n * (start - bottom)  # closed form on a bowl

    accumulated, point = torch.zeros(3), start
    for _ in range(steps):
        accumulated = accumulated + slopes * (point - bottom)
        point = point - rate * accumulated
    compare(call(function, _valley, start, steps, rate), after(steps, rate), {
        "the point walked uphill: subtract the gradient": after(steps, -rate),
        "the gradients of all steps add up: backward() adds to .grad, so it must be cleared before each step": point,
        "one step too few": after(steps - 1, rate),
        "one step too many": after(steps + 1, rate),
        "the point has not moved": start,
    })  # fmt: skip
    return "on a bowl, the point of the closed form after 4 steps; the start is as it was"


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
        ("sharp squared", 0.0): "there is one step, from 0 to 1; its square is not 0",
        ("blurs the edge", "absolute"): "it gives both rows the same roughness, so it gains nothing by spreading the edge",
        ("blurs the edge", "both"): "compare the two absolute numbers: is there anything to gain?",
        ("blurs the edge", "neither"): "compare the two squared numbers: which row would the optimiser choose?",
    })  # fmt: skip
    return "a squared loss pays four times less for the soft edge, so it blurs; an absolute one does not care"


__all__ = ["descend", "luminance", "mean_square_gradient", "roughness"]
