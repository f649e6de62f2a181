"""Checks of the exercises of lesson 02, Gram matrices."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from nst.teaching.checks.machinery import answers, call, check, close, compare, fail, learns, number, pair, rand, randn


def _gram(features: Tensor, divisor: float = 1.0) -> Tensor:
    """The definition, entry by entry, in numpy: (B, C, H, W) -> (B, C, C)."""
    return torch.from_numpy(np.einsum("bihw,bjhw->bij", features.numpy(), features.numpy()) / divisor)


@check
def gram_matrix(function: Callable[[Tensor], Tensor]) -> str:
    """G_ij = sum over positions of F_i F_j, divided by C H W: (B, C, H, W) -> (B, C, C)."""
    for shape in ((3, 4, 5, 6), (1, 3, 2, 7), (2, 2, 1, 1)):
        features = randn(*shape)
        b, c, h, w = shape
        right, rows = _gram(features, c * h * w), features.reshape(b * c, h * w)
        flat = features.flatten(2)
        compare(call(function, features), right, {
            "the batch is folded into the channels, view(b * c, h * w): one large matrix that mixes the pictures. Keep the axis b":
                rows @ rows.T / (b * c * h * w),
            "the batch is folded into the channels, view(b * c, h * w): a matrix that mixes the pictures, one division less":
                rows @ rows.T / (c * h * w),
            "the division is missing: divide by C H W": right * c * h * w,
            "divided by H W only; the task divides by C H W": right * c,
            "divided by C only; the task divides by C H W": right * h * w,
            "divided by the square of C H W": right / (c * h * w),
            "divided by the size of the batch, too; each picture is on its own": right / b,
            "positions and channels are exchanged: this is (B, HW, HW), which position goes with which":
                flat.mT @ flat / (c * h * w),
            "one matrix for the whole batch, the mean over its pictures": right.mean(0, keepdim=True),
            "one matrix for the whole batch: the axis b is gone": right.mean(0),
            "only the first picture of the batch was used": right[:1],
            "only the first picture of the batch was used, and the axis b is gone": right[0],
            "the mean was subtracted first: that is a covariance":
                _gram(features - features.mean((2, 3), keepdim=True), c * h * w),
            "each channel was divided by its length: these are cosines, and their diagonal says nothing":
                _gram(torch.nn.functional.normalize(features.flatten(2), dim=2)[..., None], 1),
            "absolute numbers: a product of two features may be negative": right.abs(),
            "the features were summed before they were multiplied: multiply at each position, then sum":
                flat.sum(2)[:, :, None] * flat.sum(2)[:, None] / (c * h * w),
        }, f"features of the shape {shape}")  # fmt: skip
    other = randn(3, 4, 5, 6).permute(0, 1, 3, 2)  # the same numbers, laid out otherwise in memory
    compare(call(function, other, if_it_raises="features may be a view, such as a cropped or turned map: .flatten(2) or .reshape "
                 "copy where they must, .view does not"), _gram(other, 120))  # fmt: skip
    learns(function, lambda f: torch.einsum("bihw,bjhw->bij", f, f) / f[0].numel(), randn(2, 3, 4, 5), who="the picture")
    return "one matrix per picture, for three batches, divided by C H W; equal to numpy's sum, and it carries a gradient"


@check
def same_gram(function: Callable[[], tuple[Tensor, Tensor]]) -> str:
    """Two maps (1, 2, 2, 2) with the same Gram matrix that are no shuffle of each other."""
    given = pair(call(function), "two tensors: return a, b")
    if any(number(f) is None for f in given):
        fail("expected two tensors: return a, b")
    a, b = (number(f) for f in given)
    if a.shape != (1, 2, 2, 2) or b.shape != a.shape:
        fail(f"expected two tensors of the shape (1, 2, 2, 2), got {tuple(a.shape)} and {tuple(b.shape)}")
    if not (torch.isfinite(a).all() and torch.isfinite(b).all()):
        fail("there are NaN or infinite numbers in a map")
    if not close(_gram(a), _gram(b), 1e-5):
        channels_turned = close(torch.linalg.eigvalsh(_gram(a)), torch.linalg.eigvalsh(_gram(b)), 1e-5)
        fail("the Gram matrices differ" + (": R F turns the channels, and makes R G R^T of G. Turn the positions, F Q, with an "
             "orthogonal matrix Q of 4 x 4" if channels_turned else ""))  # fmt: skip
    if a.abs().max() < 1e-6:
        fail("both maps are 0: true, but no answer")
    columns = a.flatten(2)[0], b.flatten(2)[0]
    apart = min(float((columns[0][:, list(order)] - columns[1]).abs().max()) for order in itertools.permutations(range(4)))
    if apart < 0.01 * float(a.abs().max()):
        fail("the second is a shuffle of the first: the same columns in another order, or as good as that. A rotation of the "
             "positions makes new ones")  # fmt: skip
    return "the same Gram matrix from different columns"


@check
def translate_style_weight(function: Callable[[float, int, float], float]) -> str:
    """A weight for mean (G / CHW)^2 restated for sum (G / HW)^2 of features that are s times as large."""
    for channels, scale in ((4, 1.0), (4, 3.0), (6, 0.5)):
        a, b, weight = rand(1, channels, 5, 6), rand(1, channels, 5, 6, seed=1), 1e6
        theirs = float((_gram(a, channels * 30) - _gram(b, channels * 30)).square().mean())
        ours = float((_gram(scale * a, 30) - _gram(scale * b, 30)).square().sum())
        right = weight * theirs / ours
        compare(call(function, weight, channels, scale), right, {
            "the wrong way round: a loss that grows needs a smaller weight": weight**2 / right,
            "a factor C^2 is missing: the division by C is squared in the loss, and the mean over C^2 entries makes another C^2":
                right * channels**2,
            "a factor C is missing: the division by C stands inside the square, so it counts twice": right * channels,
            "the mean over C^2 entries is one division by C^2, not by C^4 or none": right * channels**4,
            "features times s: the Gram matrix grows by s^2 and its square by s^4": right * scale**2,
            "features times s: s is not used": right * scale**4,
            "features times s: s alone is too little": right * scale**3,
            "a factor C^2 too much: the mean over C^2 entries and the division by C, squared, make C^4": right / channels**2,
            "features times s: s^8 is too much; the square of the Gram matrix is s^4": right / scale**4,
            "features times s, the wrong way round: larger features need a smaller weight": right * scale**8,
        }, f"C = {channels}, s = {scale:g}")  # fmt: skip
    return "the same loss in both conventions, for three networks: weight / (C^4 s^4)"


def _shifted(features: Tensor, dy: int, dx: int) -> Tensor:
    """Sum over the pairs of positions that both lie inside, in loops; divided by their number."""
    _, _, h, w = features.shape
    f, total = features.double(), 0
    for y in range(h - dy):
        for x in range(w - dx):
            total = total + f[:, :, y, x, None] * f[:, None, :, y + dy, x + dx]
    return total / ((h - dy) * (w - dx))


@check
def shifted_gram(function: Callable[[Tensor, int, int], Tensor]) -> str:
    """G_ij = mean over k of F_i(k) F_j(k + shift), over the pairs that lie inside the map: (B, C, H, W) -> (B, C, C)."""
    empty = "with dy = 0, [:-dy] is [:0], and nothing is left: write [: h - dy]. Both pieces must have the same size"
    for shape, shifts in (((2, 3, 6, 7), ((0, 0), (1, 0), (0, 2), (2, 1))), ((1, 2, 5, 4), ((4, 0), (1, 3)))):
        features, (h, w) = randn(*shape), shape[2:]
        for dy, dx in shifts:
            right = _shifted(features, dy, dx)
            rolled, pairs = features.roll((-dy, -dx), (2, 3)), (h - dy) * (w - dx)
            swapped = _shifted(features, dx, dy) if dx < h and dy < w else right
            compare(call(function, features, dy, dx, if_it_raises=empty), right, {
                "torch.roll wraps round: the last column meets the first. Cut both maps to the part where both positions exist":
                    torch.einsum("bihw,bjhw->bij", features, rolled) / (h * w),
                "torch.roll wraps round: the last column meets the first, and the number of pairs is divided by":
                    torch.einsum("bihw,bjhw->bij", features, rolled) / pairs,
                "i and j are exchanged: the second factor is the shifted one": right.mT,
                "divided by H W; fewer pairs than that lie inside the map": right * pairs / (h * w),
                "divided by C, too: this one is a mean over the pairs of positions": right / shape[1],
                "dy and dx are exchanged: the third axis is y": swapped,
                "not divided: take the mean over the pairs": right * pairs,
                "this is the Gram matrix without a shift, the one at no shift": _shifted(features, 0, 0),
                "both factors are the same piece: the second one is shifted":
                    torch.einsum("bihw,bjhw->bij", features[..., dy:, dx:], features[..., dy:, dx:]) / pairs,
                "both factors are the first piece: the second one is shifted": torch.einsum(
                    "bihw,bjhw->bij", features[..., : h - dy, : w - dx], features[..., : h - dy, : w - dx]) / pairs,
                "made symmetric: at a shift, i before j is not j before i": (right + right.mT) / 2,
                "one matrix for the whole batch; each picture has its own": right.mean(0, keepdim=True),
            }, f"dy = {dy}, dx = {dx}")  # fmt: skip
    learns(lambda f: function(f, 1, 2), lambda f: torch.einsum("bihw,bjhw->bij", f[..., :-1, :-2], f[..., 1:, 2:]) / 12,
           randn(2, 3, 4, 6), who="the picture")  # fmt: skip
    return "six shifts, without wrapping round; at no shift the Gram matrix itself; and it carries a gradient"


@check
def mmd_squared(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """MMD^2 with the kernel (f . g)^2, samples in rows: (M, C) and (N, C) -> a number."""

    def mean_kernel(a: Tensor, b: Tensor, power: int = 2, diagonal: bool = True) -> float:
        kernels = [[float(x @ y) ** power for y in b] for x in a]
        return float(np.mean(kernels if diagonal else [k for n, row in enumerate(kernels) for m, k in enumerate(row) if n != m]))

    for m, n, c in ((5, 7, 3), (4, 2, 6)):
        f, g = randn(m, c), randn(n, c, seed=1) + 0.5
        ff, gg, fg = mean_kernel(f, f), mean_kernel(g, g), mean_kernel(f, g)
        right = ff + gg - 2 * fg
        compare(call(function, f, g), right, {
            "the kernel is not squared: this compares the means only":
                mean_kernel(f, f, 1) + mean_kernel(g, g, 1) - 2 * mean_kernel(f, g, 1),
            "the mixed term counts twice": ff + gg - fg,
            "the mixed term has a minus before it": ff + gg + 2 * fg,
            "the mixed term is missing": ff + gg,
            "the two terms of one cloud each are missing": -2 * fg,
            "sums in place of means: each term is divided by its own number of pairs": ff * m**2 + gg * n**2 - 2 * fg * m * n,
            "divided by M and N, not by their squares: each term is a mean over all pairs": ff * m + gg * n - 2 * fg,
            "a sample is paired with itself, too, in this formula: the means are over all M^2 and N^2 pairs":
                mean_kernel(f, f, diagonal=False) + mean_kernel(g, g, diagonal=False) - 2 * fg,
            "the root was taken: MMD squared is wanted": right**0.5,
            "the kernel is the power 4; (f . g)^2 is wanted":
                mean_kernel(f, f, 4) + mean_kernel(g, g, 4) - 2 * mean_kernel(f, g, 4),
            "the sign of all is wrong: the same cloud twice must give 0, different ones more than 0": -right,
        }, f"{m} and {n} samples of {c} channels", rtol=1e-4)  # fmt: skip
        gram = (f.T @ f / m - g.T @ g / n).square().sum()
        compare(call(function, f, g), gram)
    return "the double sums; and the squared distance of the two Gram matrices, to the last digit"


@check
def growth(function: Callable[[], dict]) -> str:
    """Predict by which factor numbers grow when a map is repeated 2 x 2, or its features are multiplied by 10."""
    f = rand(1, 4, 6, 6)
    tiled, g = f.repeat(1, 1, 2, 2), _gram(f).norm()
    other = rand(1, 4, 6, 6, seed=1)

    def style(s: float) -> float:
        return float((_gram(s * f) - _gram(s * other)).square().sum())

    right = {
        "repeated, not divided": float(_gram(tiled).norm() / g),
        "repeated, divided by H W": float(_gram(tiled, 144).norm() / _gram(f, 36).norm()),
        "times 10, Gram matrix": float(_gram(10 * f).norm() / g),
        "times 10, content loss": float((10 * f - 10 * other).square().mean() / (f - other).square().mean()),
        "times 10, style loss": style(10) / style(1),
    }
    answers(call(function), right, {
        ("repeated, not divided", 1): "a sum over four times as many positions",
        ("repeated, not divided", 2): "both sides are doubled: how many positions are there?",
        ("repeated, divided by H W", 4): "the sum is four times as large, and so is H W",
        ("times 10, Gram matrix", 10): "each entry is a product of two features",
        ("times 10, content loss", 10): "the differences grow by 10, and they are squared",
        ("times 10, style loss", 100): "the Gram matrix grows by 100, and the loss squares it",
        ("times 10, style loss", 1000): "the Gram matrix grows by 100, and the loss squares it",
        ("times 10, style loss", 10): "the Gram matrix grows by 100, and the loss squares it",
        ("repeated, not divided", 16): "there are four times as many positions, and each adds one term to the sum",
        ("repeated, divided by H W", 0.25): "the sum grows, too: four times as many terms, divided by four times as many positions",
        ("repeated, divided by H W", 2): "the sum is four times as large, and so is H W",
        ("times 10, Gram matrix", 20): "each entry is a product of two features: 10 x 10",
        ("times 10, content loss", 20): "the differences grow by 10, and they are squared: 10 x 10",
    })  # fmt: skip
    return "4, 1, 100, 100 and 10,000: a style weight belongs to a network and a division"


__all__ = ["gram_matrix", "growth", "mmd_squared", "same_gram", "shifted_gram", "translate_style_weight"]
