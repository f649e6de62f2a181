"""Wrong answers to the exercises of lesson 02."""

import torch
from wrong import predictions, wrong

from nst.teaching import checks


def flat(x):
    return x.reshape(*x.shape[:2], -1)


def article(input):
    a, b, c, d = input.size()
    features = input.reshape(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


def centred_in_place(x):
    x -= x.mean((2, 3), keepdim=True)
    return flat(x) @ flat(x).mT / x[0].numel()


def with_view(x):
    b, c, h, w = x.shape
    f = x.view(b, c, h * w)
    return f @ f.mT / (c * h * w)


def divided_in_place(x):
    x.div_(x[0].numel() ** 0.5)
    return flat(x) @ flat(x).mT


wrong(checks.gram_matrix, {
    "folded into the channels": article,
    "division is missing": lambda x: flat(x) @ flat(x).mT,
    "H W only": lambda x: flat(x) @ flat(x).mT / (x.shape[2] * x.shape[3]),
    "size of the batch, too": lambda x: flat(x) @ flat(x).mT / x.numel(),
    "positions and channels": lambda x: flat(x).mT @ flat(x) / x[0].numel(),
    "a covariance": lambda x: flat(x - x.mean((2, 3), keepdim=True)) @ flat(x - x.mean((2, 3), keepdim=True)).mT / x[0].numel(),
    ".view does not": with_view,
    "in place": divided_in_place,
    "one matrix for the whole batch": lambda x: (flat(x) @ flat(x).mT / x[0].numel()).mean(0, keepdim=True),
})  # fmt: skip

A = torch.tensor([[[[1.0, 2.0], [0.0, 1.0]], [[1.0, 3.0], [0.0, 0.0]]]])
TURN = torch.tensor([[0.6, -0.8], [0.8, 0.6]])
wrong(checks.same_gram, {
    "R F turns the channels": lambda: (A, torch.einsum("dc,bchw->bdhw", TURN, A)),
    "is a shuffle of the first": lambda: (A, A.flip(3)),
    "Gram matrices differ": lambda: (A, 2 * A),
    "both maps are 0": lambda: (0 * A, 0 * A),
    "the shape (1, 2, 2, 2)": lambda: (A[0], A[0]),
    "expected two tensors": lambda: A,
})  # fmt: skip

wrong(checks.translate_style_weight, {
    "the wrong way round": lambda w, c, s: w * c**4 * s**4,
    "another C^2": lambda w, c, s: w / (c**2 * s**4),
    "it counts twice": lambda w, c, s: w / (c**3 * s**4),
    "its square by s^4": lambda w, c, s: w / (c**4 * s**2),
    "s is not used": lambda w, c, s: w / c**4,
    "s alone is too little": lambda w, c, s: w / (c**4 * s),
})  # fmt: skip


def rolled(x, dy, dx):
    return flat(x) @ flat(x.roll((-dy, -dx), (2, 3))).mT / flat(x).shape[2]


def pieces(x, dy, dx):
    h, w = x.shape[2:]
    return flat(x[..., : h - dy, : w - dx]), flat(x[..., dy:, dx:])


def shifted(x, dy, dx, divide=None):
    here, there = pieces(x, dy, dx)
    return here @ there.mT / (divide or here.shape[2])


wrong(checks.shifted_gram, {
    "wraps round": rolled,
    "i and j are exchanged": lambda x, dy, dx: shifted(x, dy, dx).mT,
    "divided by H W": lambda x, dy, dx: shifted(x, dy, dx, x.shape[2] * x.shape[3]),
    "dy and dx are exchanged": lambda x, dy, dx: shifted(x, dx, dy),
    "not divided": lambda x, dy, dx: shifted(x, dy, dx, 1),
})  # fmt: skip


def kernels(a, b):
    return (a @ b.T) ** 2


wrong(checks.mmd_squared, {
    "kernel is not squared": lambda f, g: (f.mean(0) - g.mean(0)).square().sum(),
    "mixed term counts twice": lambda f, g: kernels(f, f).mean() + kernels(g, g).mean() - kernels(f, g).mean(),
    "sums in place of means": lambda f, g: kernels(f, f).sum() + kernels(g, g).sum() - 2 * kernels(f, g).sum(),
    "has a minus": lambda f, g: kernels(f, f).mean() + kernels(g, g).mean() + 2 * kernels(f, g).mean(),
    "root was taken": lambda f, g: (kernels(f, f).mean() + kernels(g, g).mean() - 2 * kernels(f, g).mean()).sqrt(),
})  # fmt: skip

GROWTH = {"repeated, not divided": 4, "repeated, divided by H W": 1, "times 10, Gram matrix": 100, "times 10, content loss": 100,
          "times 10, style loss": 10000}  # fmt: skip
wrong(checks.growth, {
    "four times as many positions": predictions(GROWTH, place=0, to=1),
    "so is H W": predictions(GROWTH, place=1, to=4),
    "a product of two features": predictions(GROWTH, place=2, to=10),
    "they are squared": predictions(GROWTH, place=3, to=10),
    "the loss squares it": predictions(GROWTH, place=4, to=100),
})  # fmt: skip
