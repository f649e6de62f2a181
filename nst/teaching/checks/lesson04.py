"""Checks of the exercises of lesson 04, A network that paints."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.teaching.checks.machinery import answers, call, check, close, compare, fail, learns, number, rand, randn

EPSILON = 1e-5


def _norm(x: Tensor, dims: tuple[int, ...], correction: int = 0, outside: bool = False) -> Tensor:
    """x less its mean, divided by its deviation, over the axes `dims`."""
    variance = x.var(dims, correction=correction, keepdim=True)
    deviation = variance.sqrt() + EPSILON if outside else (variance + EPSILON).sqrt()
    return (x - x.mean(dims, keepdim=True)) / deviation


@check
def instance_norm(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """gamma (x - mean) / sqrt(var + 1e-5) + beta, per picture and channel: (B, C, H, W) -> (B, C, H, W)."""
    for shape in ((3, 4, 3, 5), (1, 5, 4, 2)):
        c = shape[1]
        x, gamma, beta = 2 * randn(*shape) + 1, rand(c, seed=1) + 0.5, randn(c, seed=2)
        g, b = gamma.view(c, 1, 1), beta.view(c, 1, 1)
        right = F.instance_norm(x, weight=gamma, bias=beta, eps=EPSILON)
        compare(call(function, x, gamma, beta), right, {
            "mean and variance are taken over the batch, too: that is batch normalisation": g * _norm(x, (0, 2, 3)) + b,
            "mean and variance are taken over the channels, too: that is layer normalisation": g * _norm(x, (1, 2, 3)) + b,
            "mean and variance are taken over the channels, at each position: take them over the positions, of each channel":
                g * _norm(x, (1,)) + b,
            "mean and variance are taken over the width only; the positions are both axes, 2 and 3": g * _norm(x, (3,)) + b,
            "the variance is the unbiased one, divided by H W - 1: use correction=0": g * _norm(x, (2, 3), 1) + b,
            "gamma and beta are not used": _norm(x, (2, 3)),
            "gamma is not used": _norm(x, (2, 3)) + b,
            "beta is not used": g * _norm(x, (2, 3)),
            "beta is added before gamma is multiplied": g * (_norm(x, (2, 3)) + b),
            "gamma and beta are exchanged": b * _norm(x, (2, 3)) + g,
            "beta is subtracted": g * _norm(x, (2, 3)) - b,
            "the mean is not taken away": g * (_norm(x, (2, 3)) + x.mean((2, 3), True) / (
                x.var((2, 3), correction=0, keepdim=True) + EPSILON).sqrt()) + b,
            "not divided by the deviation": g * (x - x.mean((2, 3), True)) + b,
            "multiplied by the deviation, not divided":
                g * (x - x.mean((2, 3), True)) * (x.var((2, 3), correction=0, keepdim=True) + EPSILON).sqrt() + b,
            "divided by the variance, not by its root":
                g * (x - x.mean((2, 3), True)) / (x.var((2, 3), correction=0, keepdim=True) + EPSILON) + b,
        }, f"x of the shape {shape}", rtol=1e-5)  # fmt: skip
    x, gamma, beta = 2 * randn(3, 4, 3, 5) + 1, rand(4, seed=1) + 0.5, randn(4, seed=2)
    g, b = gamma.view(4, 1, 1), beta.view(4, 1, 1)
    flat = (1e-3 * randn(1, 4, 3, 5, seed=3)).requires_grad_()  # a nearly constant map: here the place of epsilon is seen
    made, wanted = call(function, flat, gamma, beta), F.instance_norm(flat, weight=gamma, bias=beta, eps=EPSILON)
    compare(made, wanted, {
        "epsilon belongs inside the root, sqrt(var + eps): outside, the slope of the root at 0 is infinite":
            g * _norm(flat, (2, 3), outside=True) + b,
        "epsilon is missing: a channel that is the same everywhere would be divided by 0":
            g * (flat - flat.mean((2, 3), True)) / flat.std((2, 3), correction=0, keepdim=True) + b,
        "epsilon is the smallest variance here; it is added to the variance, always":
            g * (flat - flat.mean((2, 3), True)) / flat.var((2, 3), correction=0, keepdim=True).clamp_min(EPSILON).sqrt() + b,
    }, "a nearly constant map", rtol=1e-3)  # fmt: skip
    learns(function, lambda x, g, b: F.instance_norm(x, weight=g, bias=b, eps=EPSILON), x, gamma, beta, who="the network")
    constant = torch.ones(1, 4, 3, 5, requires_grad=True)
    result = call(function, constant, gamma, beta)
    (slope,) = torch.autograd.grad(result.square().sum(), constant)
    if not torch.isfinite(slope).all() or not torch.isfinite(result).all():
        fail("a map that is the same everywhere gives NaN: epsilon belongs inside the root, sqrt(var + eps)")
    return "per picture and channel, equal to torch's, gradients too; a constant map gives beta, and no NaN in the gradient"


@check
def residual_block(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """x + norm(conv(relu(norm(conv(x))))), 3x3 with reflection padding: (B, C, H, W) -> (B, C, H, W)."""

    def conv(x: Tensor, weight: Tensor, mode: str = "reflect") -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode=mode), weight)

    def branch(x: Tensor, w1: Tensor, w2: Tensor, mode: str = "reflect", inner=F.relu, norm=F.instance_norm) -> Tensor:
        return norm(conv(inner(norm(conv(x, w1, mode))), w2, mode))

    def batch_norm(x: Tensor) -> Tensor:
        return F.batch_norm(x, None, None, training=True)

    for shape in ((2, 3, 6, 7), (1, 4, 5, 3)):
        c = shape[1]
        x, w1, w2 = randn(*shape), randn(c, c, 3, 3, seed=1), randn(c, c, 3, 3, seed=2)
        made = branch(x, w1, w2)
        compare(call(function, x, w1, w2), made + x, {
            "the input is not added: without it this is no residual block": made,
            "there is a ReLU after the sum; this network has none there": (made + x).relu(),
            "there is a ReLU at the end of the branch: it could then only add, never take away": made.relu() + x,
            "the borders are padded with zeros: use mode='reflect'": branch(x, w1, w2, "constant") + x,
            "the borders are repeated: use mode='reflect'": branch(x, w1, w2, "replicate") + x,
            "the ReLU between the two convolutions is missing: without it they are one convolution":
                branch(x, w1, w2, inner=lambda v: v) + x,
            "the norms are missing": conv(conv(x, w1).relu(), w2) + x,
            "the second norm is missing": conv(F.instance_norm(conv(x, w1)).relu(), w2) + x,
            "the first norm is missing": F.instance_norm(conv(conv(x, w1).relu(), w2)) + x,
            "the norms look at the whole batch: these are batch norms": branch(x, w1, w2, norm=batch_norm) + x,
            "the ReLU comes before the first norm; it stands behind it":
                F.instance_norm(conv(F.instance_norm(conv(x, w1).relu()), w2)) + x,
            "the weights are exchanged": branch(x, w2, w1) + x,
            "the first weights are used twice": branch(x, w1, w1) + x,
            "the second weights are used twice": branch(x, w2, w2) + x,
            "the sum is normalised; the input is added after the last norm":
                F.instance_norm(conv(F.instance_norm(conv(x, w1)).relu(), w2) + x),
            "the input is subtracted": made - x,
            "the input's ReLU is added; the input itself belongs there": made + x.relu(),
            "the input is added between the two convolutions, too":
                F.instance_norm(conv((F.instance_norm(conv(x, w1)) + x).relu(), w2)) + x,
        }, f"x of the shape {shape}", rtol=1e-3)  # fmt: skip
    given = randn(2, 3, 6, 7), randn(3, 3, 3, 3, seed=1), randn(3, 3, 3, 3, seed=2)
    learns(function, lambda x, w1, w2: branch(x, w1, w2) + x, *given, who="the network", rtol=1e-2)
    return "two convolutions with reflection, two norms, one ReLU, and the input added; every weight gets its gradient"


@check
def overlap(function: Callable[[int, int], list[int]]) -> str:
    """How many inputs reach each of `stride` neighbouring outputs of a transposed convolution, sorted."""
    for kernel, stride in ((3, 2), (4, 2), (5, 3), (9, 3), (2, 3), (3, 1), (7, 4)):
        reached = F.conv_transpose1d(torch.ones(1, 1, 40), torch.ones(1, 1, kernel), stride=stride)[0, 0]
        right = sorted(int(n) for n in reached[20 * stride : 21 * stride])
        got = call(function, kernel, stride)
        compare(list(got) if isinstance(got, tuple) else got, right, {
            "every output is taken to be reached by kernel / stride inputs, rounded down; some are reached by one more":
                [kernel // stride] * stride,
            "every output is taken to be reached by kernel / stride inputs, rounded up; some are reached by one less":
                [-(-kernel // stride)] * stride,
            "sort the numbers, the smallest first": right[::-1],
            "this is the transposed convolution seen from the input: one input reaches `kernel` outputs": [kernel] * stride,
            "one number for each of the `stride` phases: equal ones, too": sorted(set(right)),
            "one number more or less is wanted for each of the `stride` phases: they repeat after `stride` outputs":
                sorted(int(n) for n in reached[20 * stride : 20 * stride + kernel]),
            "these are means, kernel / stride; count whole inputs": [kernel / stride] * stride,
            "this is how many more the one gets than the other; the numbers themselves are wanted": right[-1] - right[0],
        }, f"kernel {kernel}, stride {stride}")  # fmt: skip
    return "seven pairs of kernel and stride; even only where the stride divides the kernel"


def _needs_fours(x: Tensor) -> Tensor:
    """A network that works for sides that are multiples of 4 only: here a 3x3 mean."""
    if x.shape[-1] % 4 or x.shape[-2] % 4:
        raise ValueError(f"sides must be multiples of 4, got {tuple(x.shape[-2:])}")
    return F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)


@check
def any_size(function: Callable[[Callable, Tensor], Tensor]) -> str:
    """Mend a wrapper: a network for multiples of 4 paints pictures of any size."""
    for height, width in ((8, 12), (9, 14), (7, 5), (12, 10)):
        h, w = -(-height // 4) * 4, -(-width // 4) * 4
        about, size = f"a picture of {height} x {width}", f"{height} x {width}"
        x, padding = rand(2, 3, height, width), (0, w - width, 0, h - height)
        right = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), 3, 1)
        reflected = _needs_fours(F.pad(x, padding, mode="reflect"))
        stretched = F.interpolate(x, (h, w), mode="bilinear")
        got = call(function, _needs_fours, x)
        if (h, w) != (height, width) and tuple(getattr(got, "shape", ())[-2:]) in ((h, w), (height // 4 * 4, width // 4 * 4)):
            fail(f"a picture of {size} comes back as {' x '.join(map(str, got.shape[-2:]))}: cut away what was added")
        if number(got) is None or got.shape != x.shape:
            compare(got, x, about=about)
        exact = (slice(None), slice(None), *(slice(1, -1) if n % 4 else slice(None) for n in (height, width)))
        compare(got[exact], right[exact], {
            "cut at the wrong side: what was added at the right and below must go from there":
                reflected[..., -height:, -width:][exact],
            "the picture was stretched to the next size and back: that blurs every pixel, though only a border was missing":
                F.interpolate(_needs_fours(stretched), (height, width), mode="bilinear")[exact],
            "the picture went round the network, not through it": x[exact],
            "height and width are exchanged": right.transpose(2, 3)[..., :height, :width][exact] if height == width else None,
        }, f"{about}, away from what was added")  # fmt: skip
        ramp = (torch.arange(height)[:, None] + 2.0 * torch.arange(width) + 40).expand(1, 3, -1, -1)
        given = call(function, _needs_fours, ramp)
        if (given - ramp).abs().max() > 3.1:  # one step down and one across
            added = {mode: _needs_fours(F.pad(ramp, padding, mode=mode))[..., :height, :width] for mode in ("constant", "circular")}
            compare(given, ramp, {
                "the border is padded with zeros, and the network paints their edge: mirror it, mode='reflect', or repeat it":
                    added["constant"],
                "what was added is the picture's other side, and the network paints the edge between: mirror the border, "
                "mode='reflect', or repeat it": added["circular"],
            }, "what was added looks like an edge, and the network paints it", rtol=1e-6)  # fmt: skip
    return "four sizes come back as they went in, pixel for pixel, and no edge was added"


@check
def norm_predictions(function: Callable[[], dict]) -> str:
    """Predict: what half the contrast, or company, changes behind each kind of norm."""
    bright, others = rand(1, 3, 8, 8), rand(3, 3, 8, 8, seed=1) * 4
    dull = bright.mean((2, 3), keepdim=True) + 0.5 * (bright - bright.mean((2, 3), keepdim=True))
    mean, variance = torch.full((3,), 0.5), torch.full((3,), 0.1)

    def batch_norm(x: Tensor, training: bool) -> Tensor:
        return F.batch_norm(x, mean.clone(), variance.clone(), training=training)

    def changed(a: Tensor, b: Tensor) -> bool:
        return not close(a, b, 1e-2)

    right = {
        "instance norm, half the contrast": changed(F.instance_norm(bright), F.instance_norm(dull)),
        "batch norm in training, alone, half the contrast": changed(batch_norm(bright, True), batch_norm(dull, True)),
        "batch norm in training, other company":
            changed(batch_norm(bright, True), batch_norm(torch.cat([bright, others]), True)[:1]),
        "batch norm in use, half the contrast": changed(batch_norm(bright, False), batch_norm(dull, False)),
        "instance norm of a grey picture, gamma 3, beta 0.5":
            float(F.instance_norm(torch.full((1, 1, 4, 4), 0.7), weight=torch.tensor([3.0]), bias=torch.tensor([0.5])).mean()),
    }  # fmt: skip
    answers(call(function), right, {
        ("instance norm, half the contrast", True): "it divides by the picture's own deviation, and that is halved, too",
        ("batch norm in training, alone, half the contrast", True):
            "a batch of one picture: its mean and deviation are the picture's own",
        ("batch norm in training, other company", False): "mean and deviation are taken over the whole batch",
        ("batch norm in use, half the contrast", False): "in use the mean and the deviation are frozen averages of the training",
        ("instance norm of a grey picture, gamma 3, beta 0.5", 0.7): "x - mean is 0 everywhere: what is left of the formula?",
        ("instance norm of a grey picture, gamma 3, beta 0.5", 3): "x - mean is 0 everywhere, and gamma multiplies it",
        ("instance norm of a grey picture, gamma 3, beta 0.5", 0): "beta is added to the 0",
        ("instance norm of a grey picture, gamma 3, beta 0.5", 2.6): "gamma multiplies grey - mean, which is 0, and not the grey",
        ("instance norm of a grey picture, gamma 3, beta 0.5", 3.5): "x - mean is 0 everywhere, and gamma multiplies it",
        ("instance norm of a grey picture, gamma 3, beta 0.5", 1.2): "the grey is its own mean, which is taken away first",
    })  # fmt: skip
    return "instance norm sees one picture and no contrast; batch norm sees the company, or an average from the training"


__all__ = ["any_size", "instance_norm", "norm_predictions", "overlap", "residual_block"]
