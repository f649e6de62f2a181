"""Wrong answers to the exercises of lesson 04."""

import torch.nn.functional as F
from wrong import predictions, wrong

from nst.teaching import checks


def norm(x, gamma, beta, dims=(2, 3), correction=0, epsilon=1e-5, outside=0.0):
    mean, variance = x.mean(dims, keepdim=True), x.var(dims, correction=correction, keepdim=True)
    return gamma.view(-1, 1, 1) * (x - mean) / ((variance + epsilon).sqrt() + outside) + beta.view(-1, 1, 1)


def norm_in_place(x, gamma, beta):
    x -= x.mean((2, 3), keepdim=True)
    return norm(x, gamma, beta)


wrong(checks.instance_norm, {
    "that is batch normalisation": lambda *a: norm(*a, dims=(0, 2, 3)),
    "that is layer normalisation": lambda *a: norm(*a, dims=(1, 2, 3)),
    "unbiased": lambda *a: norm(*a, correction=1),
    "inside the root": lambda *a: norm(*a, epsilon=0, outside=1e-5),
    "epsilon is missing": lambda *a: norm(*a, epsilon=0),
    "are not used": lambda x, gamma, beta: F.instance_norm(x),
    "before gamma is multiplied": lambda x, gamma, beta: gamma.view(-1, 1, 1) * (F.instance_norm(x) + beta.view(-1, 1, 1)),
    "gamma and beta are exchanged": lambda x, gamma, beta: norm(x, beta, gamma),
    "in place": norm_in_place,
})  # fmt: skip


def block(x, w1, w2, mode="reflect", normal=F.instance_norm, inner=F.relu):
    x = inner(normal(F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), w1)))
    return normal(F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), w2))


def block_in_place(x, w1, w2):
    x += block(x, w1, w2)
    return x


wrong(checks.residual_block, {
    "input is not added": block,
    "ReLU after the sum": lambda x, w1, w2: F.relu(block(x, w1, w2) + x),
    "only add, never take away": lambda x, w1, w2: F.relu(block(x, w1, w2)) + x,
    "padded with zeros": lambda x, w1, w2: block(x, w1, w2, mode="constant") + x,
    "between the two convolutions": lambda x, w1, w2: block(x, w1, w2, inner=lambda v: v) + x,
    "norms are missing": lambda x, w1, w2: block(x, w1, w2, normal=lambda v: v) + x,
    "weights are exchanged": lambda x, w1, w2: block(x, w2, w1) + x,
    "expected the shape": lambda x, w1, w2: F.conv2d(F.conv2d(x, w1).relu(), w2),
    "in place": block_in_place,
})  # fmt: skip

wrong(checks.overlap, {
    "rounded down": lambda k, s: [k // s] * s,
    "rounded up": lambda k, s: [-(-k // s)] * s,
    "smallest first": lambda k, s: [len(range(r, k, s)) for r in range(s)],
    "seen from the input": lambda k, s: [k] * s,
    "equal ones, too": lambda k, s: sorted({len(range(r, k, s)) for r in range(s)}),
})  # fmt: skip


def fitted(net, x, mode="reflect"):
    return net(F.pad(x, (0, -x.shape[3] % 4, 0, -x.shape[2] % 4), mode=mode))


def stretched(net, x):
    size = tuple(-(-n // 4) * 4 for n in x.shape[2:])
    return F.interpolate(net(F.interpolate(x, size, mode="bilinear")), x.shape[2:], mode="bilinear")


wrong(checks.any_size, {
    "was stretched": stretched,
    "padded with zeros": lambda net, x: fitted(net, x, "constant")[..., : x.shape[2], : x.shape[3]],
    "the wrong side": lambda net, x: fitted(net, x)[..., -x.shape[2] :, -x.shape[3] :],
    "comes back as": fitted,
    "raised ValueError": lambda net, x: net(x),
})  # fmt: skip

NORMS = {
    "instance norm, half the contrast": False, "batch norm in training, alone, half the contrast": False,
    "batch norm in training, other company": True, "batch norm in use, half the contrast": True,
    "instance norm of a grey picture, gamma 3, beta 0.5": 0.5,
}  # fmt: skip
wrong(checks.norm_predictions, {
    "that is halved, too": predictions(NORMS, place=0, to=True),
    "a batch of one picture": predictions(NORMS, place=1, to=True),
    "over the whole batch": predictions(NORMS, place=2, to=False),
    "frozen averages": predictions(NORMS, place=3, to=False),
    "what is left of the formula": predictions(NORMS, place=4, to=0.7),
    "beta is added": predictions(NORMS, place=4, to=0),
})  # fmt: skip
