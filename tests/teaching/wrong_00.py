"""Wrong answers to the exercises of lesson 00."""

import torch
from wrong import predictions, wrong

from nst.teaching import checks


def in_place_luminance(picture):
    picture *= torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)
    return picture.sum(1, keepdim=True)


wrong(checks.luminance, {
    "plain mean": lambda x: x.mean(1, keepdim=True),
    "blue, green, red": lambda x: (x * torch.tensor([0.114, 0.587, 0.299]).view(3, 1, 1)).sum(1, keepdim=True),
    "channel axis is gone": lambda x: 0.299 * x[:, 0] + 0.587 * x[:, 1] + 0.114 * x[:, 2],
    "first picture of the batch": lambda x: (0.299 * x[0, 0] + 0.587 * x[0, 1] + 0.114 * x[0, 2])[None, None],
    "in place": in_place_luminance,
    "returns None": lambda x: None,
})  # fmt: skip


def halves(x, target):
    x -= target
    return 2 * x / x.numel()


wrong(checks.mean_square_gradient, {
    "loss is a mean": lambda x, t: 2 * (x - t),
    "The 2 is missing".lower(): lambda x, t: (x - t) / x.numel(),
    "the sign is wrong": lambda x, t: 2 * (t - x) / x.numel(),
    "len(x)": lambda x, t: 2 * (x - t) / len(x),
    "the loss itself": lambda x, t: ((x - t) ** 2).mean(),
    "in place": halves,
})  # fmt: skip


def walk(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(loss(x), x)
        x = (x - rate * gradient).detach().requires_grad_()
    return x.detach()


def never_cleared(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    for _ in range(steps):
        loss(x).backward()
        with torch.no_grad():
            x -= rate * x.grad
    return x.detach()


def moves_the_start(loss, start, steps, rate):
    start.copy_(walk(loss, start, steps, rate))
    return start.clone()


wrong(checks.descend, {
    "uphill": lambda loss, start, steps, rate: walk(loss, start, steps, -rate),
    "add up": never_cleared,
    "one step too few": lambda loss, start, steps, rate: walk(loss, start, steps - 1, rate),
    "one step too many": lambda loss, start, steps, rate: walk(loss, start, steps + 1, rate),
    "has not moved": lambda loss, start, steps, rate: start.clone(),
    "in place": moves_the_start,
})  # fmt: skip

ROUGHNESS = {"sharp squared": 1, "soft squared": 0.25, "sharp absolute": 1, "soft absolute": 1, "blurs the edge": "squared"}
wrong(checks.roughness, {
    "square each one first": predictions(ROUGHNESS, place=1, to=1.0),
    "one of the four steps": predictions(ROUGHNESS, place=1, to=1 / 16),
    "add all four": predictions(ROUGHNESS, place=3, to=0.25),
    "gains nothing": predictions(ROUGHNESS, place=4, to="absolute"),
    "which row would the optimiser choose": predictions(ROUGHNESS, place=4, to="neither"),
    "no answer to 'sharp absolute'": lambda: {k: v for k, v in ROUGHNESS.items() if k != "sharp absolute"},
})  # fmt: skip


def by_view(picture):
    b, _, h, w = picture.shape
    return (torch.tensor([0.299, 0.587, 0.114]) @ picture.view(b, 3, h * w)).view(b, 1, h, w)


wrong(checks.luminance, {
    "was expected to be one picture|view size": by_view,
    "not added": lambda x: x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1),
    "do not divide by 3": lambda x: (x * torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).mean(1, keepdim=True),
    "television": lambda x: (x * torch.tensor([0.2126, 0.7152, 0.0722]).view(3, 1, 1)).sum(1, keepdim=True),
    "expected the shape (2, 1, 5, 7)": lambda x: x @ torch.ones(x.shape[-1], 1),
    "got str": lambda x: "0.299 R",
})  # fmt: skip

wrong(checks.mean_square_gradient, {
    "the 2 is missing, and the division": lambda x, t: x - t,
    "length of the last axis only": lambda x, t: 2 * (x - t) / x.shape[-1],
    "terms of the loss": lambda x, t: (x - t) ** 2 / x.numel(),
    "each entry of x has its own": lambda x, t: torch.full_like(x, (2 * (x - t) / x.numel()).mean()),
    "right but for a factor": lambda x, t: 2 * (x - t) / 60,  # the number of entries of the first example
})  # fmt: skip


def one_gradient(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(x), x)
    return (x - steps * rate * gradient).detach()


def returns_inside_the_loop(loss, start, steps, rate):
    return walk(loss, start, 1, rate)


def by_sign(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    for _ in range(steps):
        (gradient,) = torch.autograd.grad(loss(x), x)
        x = (x - rate * gradient.sign()).detach().requires_grad_()
    return x.detach()


def switches_gradients_off(loss, start, steps, rate):
    x = walk(loss, start, steps, rate)
    torch.set_grad_enabled(False)
    return x


wrong(checks.descend, {
    "find it anew": one_gradient,
    "left in its first round": returns_inside_the_loop,
    "only the direction": by_sign,
    "the rate is not used": lambda loss, start, steps, rate: walk(loss, start, steps, 1.0),
    "comes as an argument": lambda loss, start, steps, rate: walk(loss, start, steps, 0.1),
    "the point is wanted": lambda loss, start, steps, rate: loss(walk(loss, start, steps, rate)),
    "7 steps of 0.05": lambda loss, start, steps, rate: walk(loss, start, 4, rate),
    "switched off for everybody": switches_gradients_off,
})  # fmt: skip

wrong(checks.roughness, {
    "'1/4' is a word in quotes; a number": predictions(ROUGHNESS, place=1, to="1/4"),
    "True is not a number": predictions(ROUGHNESS, place=0, to=True),
    "is none of the words": predictions(ROUGHNESS, place=4, to="the squared loss"),
    "only dots": predictions(ROUGHNESS, place=4, to="..."),
    "'sharp squared': there is no answer yet": predictions(ROUGHNESS, place=0, to=...),
    "in percent": predictions(ROUGHNESS, place=1, to=25),
    "do not count them": predictions(ROUGHNESS, place=3, to=4),
    "the mean over the five": predictions(ROUGHNESS, place=1, to=0.05),
    "is there anything to gain": predictions(ROUGHNESS, place=4, to="both"),
})  # fmt: skip
