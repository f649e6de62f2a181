"""Wrong answers to the exercises of lesson 04."""

import torch
import torch.nn.functional as F
from torch import nn
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


def by_hand(x, gamma, beta, mean, deviation):
    return gamma.view(-1, 1, 1) * (x - mean) / deviation + beta.view(-1, 1, 1)


def statistics_without_history(x, gamma, beta):
    with torch.no_grad():
        mean, deviation = x.mean((2, 3), keepdim=True), (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    return by_hand(x, gamma, beta, mean, deviation)


def as_a_module(x, gamma, beta):
    layer = nn.InstanceNorm2d(x.shape[1], affine=True)
    layer.weight.data, layer.bias.data = gamma, beta
    return layer(x)


wrong(checks.instance_norm, {
    "at each position": lambda *a: norm(*a, dims=(1,)),
    "over the width only": lambda *a: norm(*a, dims=(3,)),
    "gamma is not used": lambda x, gamma, beta: F.instance_norm(x) + beta.view(-1, 1, 1),
    "beta is not used": lambda x, gamma, beta: gamma.view(-1, 1, 1) * F.instance_norm(x),
    "beta is subtracted": lambda x, gamma, beta: norm(x, gamma, -beta),
    "the mean is not taken away": lambda x, gamma, beta: by_hand(
        x, gamma, beta, 0, (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()),
    "not divided by the deviation": lambda x, gamma, beta: by_hand(x, gamma, beta, x.mean((2, 3), keepdim=True), 1),
    "multiplied by the deviation": lambda x, gamma, beta: by_hand(
        x, gamma, beta, x.mean((2, 3), keepdim=True), 1 / (x.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()),
    "not by its root": lambda x, gamma, beta: by_hand(
        x, gamma, beta, x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True) + 1e-5),
    "the smallest variance": lambda x, gamma, beta: by_hand(
        x, gamma, beta, x.mean((2, 3), keepdim=True), x.var((2, 3), correction=0, keepdim=True).clamp_min(1e-5).sqrt()),
    "would be divided by 0": lambda x, gamma, beta: by_hand(
        x, gamma, beta, x.mean((2, 3), keepdim=True), x.std((2, 3), correction=0, keepdim=True).clamp_min(1e-5)),
    "the gradient is not": statistics_without_history,
    "comes back to one of the arguments": as_a_module,
    "carries no gradient": lambda x, gamma, beta: norm(x, gamma, beta).detach(),
})  # fmt: skip


def batch_norm(x):
    return F.batch_norm(x, None, None, training=True)


def modules_without_history(x, w1, w2):
    convs = []
    for w in (w1, w2):
        convs.append(nn.Conv2d(len(w), len(w), 3, padding=1, padding_mode="reflect", bias=False))
        convs[-1].weight.data = w
    return x + F.instance_norm(convs[1](F.instance_norm(convs[0](x)).relu()))


def conv(x, w):
    return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), w)


wrong(checks.residual_block, {
    "the borders are repeated": lambda x, w1, w2: block(x, w1, w2, mode="replicate") + x,
    "the first norm is missing": lambda x, w1, w2: F.instance_norm(conv(conv(x, w1).relu(), w2)) + x,
    "the second norm is missing": lambda x, w1, w2: conv(F.instance_norm(conv(x, w1)).relu(), w2) + x,
    "these are batch norms": lambda x, w1, w2: block(x, w1, w2, normal=batch_norm) + x,
    "the ReLU comes before": lambda x, w1, w2: F.instance_norm(conv(F.instance_norm(conv(x, w1).relu()), w2)) + x,
    "the first weights are used twice": lambda x, w1, w2: block(x, w1, w1) + x,
    "the second weights are used twice": lambda x, w1, w2: block(x, w2, w2) + x,
    "the sum is normalised": lambda x, w1, w2: F.instance_norm(conv(F.instance_norm(conv(x, w1)).relu(), w2) + x),
    "the input is subtracted": lambda x, w1, w2: block(x, w1, w2) - x,
    "the input itself belongs there": lambda x, w1, w2: block(x, w1, w2) + x.relu(),
    "between the two convolutions, too":
        lambda x, w1, w2: F.instance_norm(conv((F.instance_norm(conv(x, w1)) + x).relu(), w2)) + x,
    "comes back to one of the arguments": modules_without_history,
    "the network could not learn": lambda x, w1, w2: (block(x, w1, w2) + x).detach(),
    "the gradient is not": lambda x, w1, w2: block(x.detach(), w1, w2) + x,
})  # fmt: skip

wrong(checks.overlap, {
    "they repeat after": lambda k, s: sorted(len(range(r % s, k, s)) for r in range(k)),
    "these are means": lambda k, s: [k / s] * s,
    "how many more the one gets": lambda k, s: int(k % s > 0),
    "expected the shape (2,)": lambda k, s: [1] * (s + 1),
})  # fmt: skip


def padded(net, x, mode, **more):
    h, w = x.shape[2:]
    return net(F.pad(x, (0, -w % 4, 0, -h % 4), mode=mode, **more))[..., :h, :w]


def cut_to_fit(net, x):
    h, w = (n // 4 * 4 for n in x.shape[2:])
    return net(x[..., :h, :w])


def cut_and_filled(net, x):
    painted = cut_to_fit(net, x)
    return F.pad(painted, (0, x.shape[3] - painted.shape[3], 0, x.shape[2] - painted.shape[2]))


wrong(checks.any_size, {
    "the picture's other side": lambda net, x: padded(net, x, "circular"),
    "paints their edge": lambda net, x: padded(net, x, "constant"),
    "looks like an edge": lambda net, x: padded(net, x, "constant", value=0.5),
    "cut away what was added": cut_to_fit,
    "round the network": lambda net, x: x.clone(),
    "away from what was added": lambda net, x: padded(net, x, "reflect") * 0.5 + 0.1,
    "not right": cut_and_filled,
    "expected the shape": lambda net, x: padded(net, x, "reflect")[:1],
})  # fmt: skip

wrong(checks.norm_predictions, {
    "not the grey|and not the grey": predictions(NORMS, place=4, to=2.6),
    "and gamma multiplies it": predictions(NORMS, place=4, to=3),
    "taken away first": predictions(NORMS, place=4, to=1.2),
    "is a word in quotes; True or False": predictions(NORMS, place=0, to="False"),
    "neither True nor False": predictions(NORMS, place=0, to=0.5),
    "alone, half the contrast': a batch": predictions(NORMS, place=1, to=1),
    "True is not a number": predictions(NORMS, place=4, to=True),
})  # fmt: skip
