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


def gram_detached(x):
    f = flat(x.detach())
    return f @ f.mT / x[0].numel()


def in_numpy(x):
    f = x.numpy().reshape(*x.shape[:2], -1)
    return torch.from_numpy(f @ f.swapaxes(1, 2) / x[0].numel())


wrong(checks.gram_matrix, {
    "carries no gradient": gram_detached,
    "numpy cannot pass one on": in_numpy,
    "the gradient is not": lambda x: flat(x) @ flat(x.detach()).mT / x[0].numel(),
    "divided by C only": lambda x: flat(x) @ flat(x).mT / x.shape[1],
    "square of C H W": lambda x: flat(x) @ flat(x).mT / x[0].numel() ** 2,
    "the axis b is gone": lambda x: (flat(x) @ flat(x).mT / x[0].numel()).mean(0),
    "only the first picture": lambda x: (flat(x) @ flat(x).mT / x[0].numel())[:1],
    "first picture of the batch was used, and": lambda x: (flat(x) @ flat(x).mT / x[0].numel())[0],
    "these are cosines": lambda x: torch.nn.functional.normalize(flat(x), dim=2) @ torch.nn.functional.normalize(flat(x), dim=2).mT,
    "may be negative": lambda x: (flat(x) @ flat(x).mT / x[0].numel()).abs(),
    "summed before they were multiplied": lambda x: flat(x).sum(2)[:, :, None] * flat(x).sum(2)[:, None] / x[0].numel(),
    "one division less": lambda x: x.reshape(-1, x[0, 0].numel()) @ x.reshape(-1, x[0, 0].numel()).T / x[0].numel(),
    "yours is": lambda x: flat(x) @ flat(x).mT / 120,  # the size of the first example
})  # fmt: skip

NEARLY = A.clone()
NEARLY[0, 0, 1, 0] = 0.003
wrong(checks.same_gram, {
    "as good as that": lambda: (A, NEARLY),
    "the same columns in another order": lambda: (A, A.clone()),
    "NaN or infinite": lambda: (A, A / 0),
    "expected two tensors: return a, b, got 3": lambda: (A, A, A),
    "R G R^T": lambda: (A, A.flip(1)),
    "the Gram matrices differ": lambda: (A, A + 0.05),
})  # fmt: skip

wrong(checks.translate_style_weight, {
    "C^2 too much": lambda w, c, s: w / (c**6 * s**4),
    "s^8 is too much": lambda w, c, s: w / (c**4 * s**8),
    "larger features need a smaller weight": lambda w, c, s: w / c**4 * s**4,
    "not by C^4 or none": lambda w, c, s: w / s**4,
})  # fmt: skip


def piece_with_itself(x, dy, dx, which):
    piece = pieces(x, dy, dx)[which]
    return piece @ piece.mT / piece.shape[2]


def cut_from_behind(x, dy, dx):
    here, there = flat(x[..., :-dy, :-dx]), flat(x[..., dy:, dx:])
    return here @ there.mT / here.shape[2]


wrong(checks.shifted_gram, {
    "[:-dy] is [:0]": cut_from_behind,
    "without a shift": lambda x, dy, dx: shifted(x, 0, 0),
    "the second one is shifted": lambda x, dy, dx: piece_with_itself(x, dy, dx, 1),
    "both factors are the first piece": lambda x, dy, dx: piece_with_itself(x, dy, dx, 0),
    "divided by C, too": lambda x, dy, dx: shifted(x, dy, dx) / x.shape[1],
    "at no shift": lambda x, dy, dx: shifted(x, dy, dx) if dy else shifted(x, 0, 0),
    "i before j is not j before i": lambda x, dy, dx: (shifted(x, dy, dx) + shifted(x, dy, dx).mT) / 2,
    "each picture has its own": lambda x, dy, dx: shifted(x, dy, dx).mean(0, keepdim=True),
    "number of pairs is divided by":
        lambda x, dy, dx: flat(x) @ flat(x.roll((-dy, -dx), (2, 3))).mT / ((x.shape[2] - dy) * (x.shape[3] - dx)),
    "carries no gradient": lambda x, dy, dx: shifted(x.detach(), dy, dx),
    "the gradient is not":
        lambda x, dy, dx: pieces(x, dy, dx)[0] @ pieces(x.detach(), dy, dx)[1].mT / pieces(x, dy, dx)[0].shape[2],
})  # fmt: skip


def off_the_diagonal(a):
    k = kernels(a, a)
    return (k.sum() - k.diagonal().sum()) / (len(a) * (len(a) - 1))


wrong(checks.mmd_squared, {
    "the mixed term is missing": lambda f, g: kernels(f, f).mean() + kernels(g, g).mean(),
    "of one cloud each are missing": lambda f, g: -2 * kernels(f, g).mean(),
    "not by their squares": lambda f, g: kernels(f, f).sum() / len(f) + kernels(g, g).sum() / len(g) - 2 * kernels(f, g).mean(),
    "paired with itself": lambda f, g: off_the_diagonal(f) + off_the_diagonal(g) - 2 * kernels(f, g).mean(),
    "the kernel is the power 4":
        lambda f, g: (kernels(f, f) ** 2).mean() + (kernels(g, g) ** 2).mean() - 2 * (kernels(f, g) ** 2).mean(),
    "the sign of all is wrong": lambda f, g: 2 * kernels(f, g).mean() - kernels(f, f).mean() - kernels(g, g).mean(),
    "mat1 and mat2|size of tensor|must match": lambda f, g: ((f - g) ** 2).mean(),
})  # fmt: skip

wrong(checks.growth, {
    "each adds one term": predictions(GROWTH, place=0, to=16),
    "divided by four times as many": predictions(GROWTH, place=1, to=1 / 4),
    "10 x 10": predictions(GROWTH, place=2, to=20),
    "and they are squared: 10 x 10": predictions(GROWTH, place=3, to=20),
    "and the loss squares it": predictions(GROWTH, place=4, to=10),
    "a word in quotes": predictions(GROWTH, place=4, to="10^4"),
})  # fmt: skip
