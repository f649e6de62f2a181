"""Checks of the exercises of lesson 07, WCT."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

import nst
from nst.teaching.checks.machinery import answers, call, check, close, compare, fail, number, randn


def _features(channels: int = 4, height: int = 6, width: int = 8, seed: int = 0) -> Tensor:
    """Correlated channels with means of their own, (1, C, H, W), float64."""
    mixing = randn(channels, channels, seed=seed + 10) + 2 * torch.eye(channels)
    flat = mixing @ randn(channels, height * width, seed=seed) + torch.arange(1.0, channels + 1)[:, None]
    return flat.reshape(1, channels, height, width).double()


def _covariance(features: Tensor, ddof: int = 1) -> Tensor:
    """numpy's, (C, C)."""
    return torch.from_numpy(np.atleast_2d(np.cov(features[0].flatten(1).numpy(), ddof=ddof)))


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = np.linalg.eigh(matrix.numpy())
    return torch.from_numpy((vectors * values**exponent) @ vectors.T)


@check
def covariance(function: Callable[[Tensor], Tensor]) -> str:
    """The unbiased covariance between the channels: (1, C, H, W) -> (C, C)."""
    for x in (_features(), _features(5, 1, 3, seed=4)):
        flat = x[0].flatten(1)
        n, centred = flat.shape[1], flat - flat.mean(1, keepdim=True)
        right = _covariance(x)
        compare(call(function, x), right, {
            "divided by H W: the unbiased covariance is divided by H W - 1": _covariance(x, 0),
            "divided by C - 1: the samples are the positions, H W of them": right * (n - 1) / (len(flat) - 1),
            "divided by C: the samples are the positions, H W of them": right * (n - 1) / len(flat),
            "divided by C H W, as a Gram matrix: here by H W - 1": right * (n - 1) / flat.numel(),
            "the mean was not taken away: this is a Gram matrix": flat @ flat.T / (n - 1),
            "the mean was not taken away: this is a Gram matrix, divided by H W": flat @ flat.T / n,
            "the mean was not taken away: this is a Gram matrix, divided by C H W": flat @ flat.T / flat.numel(),
            "the wrong mean was taken away: each channel has its own, over the positions":
                (flat - flat.mean(0)) @ (flat - flat.mean(0)).T / (n - 1),
            "one mean for all channels was taken away: each channel has its own, over the positions":
                (flat - flat.mean()) @ (flat - flat.mean()).T / (n - 1),
            "positions and channels are exchanged: this is (HW, HW), which position goes with which": centred.T @ centred / (n - 1),
            "positions and channels are exchanged: this is torch.cov of the transposed matrix": torch.cov(flat.T),
            "not divided: take the mean over the positions": centred @ centred.T,
            "these are correlations: their diagonal is 1": torch.corrcoef(flat),
            "these are the variances only; what lies beside the diagonal says which channels go together":
                torch.diag(right.diagonal()),
            "these are the variances, in a row; the matrix of all pairs is wanted": right.diagonal(),
            "there is one axis too many: (C, C) is wanted, without the batch": right[None],
            "absolute numbers: two channels may go against each other": right.abs(),
        }, f"features of the shape {tuple(x.shape)}")  # fmt: skip
    return "each channel's own mean away, divided by H W - 1; equal to numpy's, also with fewer positions than channels"


@check
def whiten(function: Callable[[Tensor], Tensor]) -> str:
    """E D^(-1/2) E^T (f - mean): (1, C, H, W) -> the same, with the identity as covariance."""
    x = _features()
    flat = x[0].flatten(1)
    centred, sigma = flat - flat.mean(1, keepdim=True), _covariance(x)
    values, vectors = torch.linalg.eigh(sigma)
    like = lambda matrix: matrix.reshape(x.shape)  # noqa: E731
    got = call(function, x)
    compare(got, like(_power(sigma, -0.5) @ centred), {
        "the covariance was not inverted: the exponent is -1/2": like(_power(sigma, 0.5) @ centred),
        "the exponent is -1; a half of it makes the covariance the identity": like(_power(sigma, -1) @ centred),
        "the exponent is -2; a quarter of it makes the covariance the identity": like(_power(sigma, -2) @ centred),
        "the mean is still there: whiten f - mean": like(_power(sigma, -0.5) @ flat),
        "the mean is added again; white features have the mean 0":
            like(_power(sigma, -0.5) @ centred + flat.mean(1, keepdim=True)),
        "the last E is missing: D^(-1/2) E^T is white, too, but turned, and no channel is itself any more":
            like(torch.diag(values**-0.5) @ vectors.T @ centred),
        "the first E^T is missing: the features must be turned into the eigenvectors' axes first":
            like(vectors @ torch.diag(values**-0.5) @ centred),
        "the eigenvectors are missing: each eigenvalue belongs to its direction, not to a channel":
            like(torch.diag(values**-0.5) @ centred),
        "E and E^T are exchanged: eigh gives the eigenvectors as columns":
            like(vectors.T @ torch.diag(values**-0.5) @ vectors @ centred),
        "each channel is divided by its own deviation: that is instance norm, and the covariances stay":
            like(centred / sigma.diagonal().sqrt()[:, None]),
        "each channel is divided by its own variance, and the covariances stay": like(centred / sigma.diagonal()[:, None]),
        "the mean was taken away, and nothing else": like(centred),
        "the identity was added to the covariance: lambda becomes lambda / (lambda + 1), not 1":
            like(_power(sigma + torch.eye(len(sigma)), -0.5) @ centred),
        "Cholesky's factor whitens, too, but favours the first channels; take the symmetric root":
            like(torch.linalg.inv(torch.linalg.cholesky(sigma)) @ centred),
        "the covariance is the biased one, divided by H W": like(_power(_covariance(x, 0), -0.5) @ centred),
        "the covariance is not divided by H W - 1": like(_power(sigma * (flat.shape[1] - 1), -0.5) @ centred),
        "the covariance was taken of features with their mean: subtract it before":
            like(_power(flat @ flat.T / (flat.shape[1] - 1), -0.5) @ centred),
        "only the strongest direction is left": like(vectors[:, -1:] * values[-1:] ** -0.5 @ vectors[:, -1:].T @ centred),
        "the strongest direction is left out": like(vectors[:, :-1] * values[:-1] ** -0.5 @ vectors[:, :-1].T @ centred),
    }, rtol=1e-3)  # fmt: skip
    _check_few_positions(function)
    small = call(function, 1e-4 * x)
    if not close(small, got, 1e-2):
        fail("features 10,000 times smaller are not whitened: the cut of the eigenvalues (or what is added to them) must be "
             "relative, a share of the largest")  # fmt: skip
    large = call(function, 1e4 * x)
    if not close(large, got, 1e-2):
        fail("features 10,000 times larger are not whitened: the cut of the eigenvalues must be relative, a share of the largest")
    return "covariance = identity, nothing turned, at every scale; with few positions or a silent channel, on the directions left"


def _check_few_positions(function: Callable[[Tensor], Tensor]) -> None:
    """Six channels, five positions, or one that is silent: the covariance has fewer directions than channels."""
    silent = _features(5, 4, 6, seed=5)
    silent[:, 2] = 0.7
    cases = [(_features(6, 1, 5, seed=seed), 4, "5 positions there are 4 directions") for seed in range(3, 8)]
    cases.append((silent, 4, "a channel that is the same everywhere there are 4 directions"))
    for few, directions, about in cases:
        white = number(call(function, few, if_it_raises=f"with {about}: a matrix with eigenvalues of 0 has no inverse"))
        if white is None or white.shape != few.shape or not torch.isfinite(white).all() or white.abs().max() > 100:
            fail("with fewer positions than channels, or a silent channel, some eigenvalues are 0, and rounding makes them tiny "
                 "or negative: their power is NaN or enormous. Leave out directions below a small share of the largest, such as "
                 "1e-5")  # fmt: skip
        identity = _covariance(white)
        if not close(identity @ identity, identity, 1e-3) or abs(float(identity.trace()) - directions) > 1e-3:
            fail(f"with {about}, and they must have the variance 1, the others 0; "
                 f"here the variances sum to {float(identity.trace()):.3g}")  # fmt: skip


@check
def colour(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """E_s D_s^(1/2) E_s^T w + mean_s: whitened features (1, C, H, W) get the covariance and the mean of (1, C, H', W')."""
    white, style = randn(1, 4, 6, 8).double(), _features(4, 5, 7, seed=2)
    sigma, mean = _covariance(style), style.mean((2, 3), keepdim=True)
    values, vectors = torch.linalg.eigh(sigma)

    def made(matrix: Tensor) -> Tensor:
        return (matrix @ white[0].flatten(1)).reshape(white.shape)

    root = _power(sigma, 0.5)
    compare(call(function, white, style), made(root) + mean, {
        "the style's mean is not added": made(root),
        "the style's mean is subtracted": made(root) - mean,
        "the style's mean is added before the root is multiplied": made(root) + (root @ mean[0, :, 0])[None, :, :, None],
        "the exponent is 1: the features get the covariance's square": made(sigma) + mean,
        "the exponent is -1/2: that whitens": made(_power(sigma, -0.5)) + mean,
        "the exponent is 1/4; the root of the eigenvalues is 1/2": made(_power(sigma, 0.25)) + mean,
        "the last E^T is missing: the directions of the style are not put back": made(vectors @ torch.diag(values**0.5)) + mean,
        "the first E is missing: the directions of the style are not put back": made(torch.diag(values**0.5) @ vectors.T) + mean,
        "E and E^T are exchanged: eigh gives the eigenvectors as columns":
            made(vectors.T @ torch.diag(values**0.5) @ vectors) + mean,
        "the eigenvectors are missing: each eigenvalue belongs to its direction, not to a channel":
            made(torch.diag(values**0.5)) + mean,
        "Cholesky's factor gives the right covariance, but favours the first channels; take the symmetric root":
            made(torch.linalg.cholesky(sigma)) + mean,
        "each channel is multiplied by its own deviation: that is AdaIN": made(torch.diag(sigma.diagonal().sqrt())) + mean,
        "the covariance is the biased one, divided by H W": made(_power(_covariance(style, 0), 0.5)) + mean,
        "the covariance is not divided by H W - 1": made(_power(sigma * 34, 0.5)) + mean,
        "the covariance was taken of features with their mean: subtract it before":
            made(_power(style[0].flatten(1) @ style[0].flatten(1).T / 34, 0.5)) + mean,
        "the mean of all channels is added; each has its own": made(root) + style.mean(),
        "only the mean was set": white + mean,
    }, rtol=1e-4)  # fmt: skip
    for seed in range(6):  # rounding makes the eigenvalues that should be 0 negative for some of these
        few = _features(6, 1, 4, seed=seed)
        few[:, seed] = 0.3
        white = randn(1, 6, 4, 5, seed=seed).double()
        got = number(call(function, white, few, if_it_raises="a style of four positions: its covariance has no Cholesky factor"))
        if got is None or not torch.isfinite(got).all():
            fail("a style with fewer positions than channels, or with a silent channel, gives NaN: some eigenvalues are 0, and "
                 "rounding makes them negative. values.clamp_min(0) before the root")  # fmt: skip
        values, vectors = torch.linalg.eigh(_covariance(few))
        root = vectors * values.clamp_min(0).sqrt() @ vectors.T
        wanted = (root @ white[0].flatten(1)).reshape(white.shape) + few.mean((2, 3), keepdim=True)
        compare(got, wanted, about="a style with fewer positions than channels", rtol=1e-3)
    return "the style's covariance and means, by the symmetric root; the sizes may differ, and positions be few"


@check
def identity_added(function: Callable) -> str:
    """Predict: the variance, after "whitening" with I added, of a direction whose variance is lambda, features times s."""
    for variance, scale in ((4.0, 0.1), (1.0, 1.0), (0.01, 1.0), (4.0, 10.0), (0.01, 10.0)):
        sigma = torch.diag(torch.tensor([variance, 1.0], dtype=torch.float64)) * scale**2
        root = _power(sigma + torch.eye(2, dtype=torch.float64), -0.5)
        right = float((root @ sigma @ root)[0, 0])
        compare(call(function, variance, scale), right, {
            "that would be whitening without the I": 1.0,
            "the scale is not used: variances grow by its square": variance / (variance + 1),
            "the scale counts twice: a variance is a mean of squares": scale * variance / (scale * variance + 1),
            "I is added to the covariance that is inverted, not to the one that is whitened":
                (scale**2 * variance + 1) / (scale**2 * variance),
            "this is the factor; the variance is multiplied by it": 1 / (scale**2 * variance + 1),
            "the deviation; its square is the variance": right**0.5,
            "this is the variance before": scale**2 * variance,
            "the direction is divided by lambda + 1, not by its root": scale**2 * variance / (scale**2 * variance + 1) ** 2,
            "the scale belongs to lambda in both places": scale**2 * variance / (variance + 1),
            "the scale belongs to lambda in both places, above, too": variance / (scale**2 * variance + 1),
        }, f"lambda = {variance:g}, s = {scale:g}")  # fmt: skip
    return "s^2 lambda / (s^2 lambda + 1): near 1 for large features, near 0 for small ones"


@check
def known_directions(function: Callable[[int, int, int, int], int]) -> str:
    """Predict the rank of the covariance of a layer: picture of height x width, level 1 to 5, channels."""
    for height, width, level, channels in ((16, 24, 4, 400), (16, 16, 3, 512), (128, 112, 5, 64), (64, 96, 1, 16), (32, 48, 4, 128),
                                           (37, 45, 3, 512), (50, 31, 4, 128), (23, 30, 5, 64)):  # fmt: skip

        h, w = height // 2 ** (level - 1), width // 2 ** (level - 1)
        right = int(torch.linalg.matrix_rank(torch.cov(randn(channels, h * w).double()))) if h * w > 1 else 0
        up = math.ceil(height / 2 ** (level - 1)) * math.ceil(width / 2 ** (level - 1))
        compare(call(function, height, width, level, channels), right, {
            "one direction goes with the mean: H W positions fill H W - 1 directions": min(channels, h * w),
            "there are no more directions than channels": h * w - 1,
            "these are the positions of the picture; each level beyond the first has half the height and half the width":
                min(channels, height * width - 1),
            "the size is halved at each level beyond the first, level - 1 times": min(channels, (h // 2) * (w // 2) - 1),
            "there are as many directions as channels only where there are enough positions": channels,
            "a pooling leaves the odd row out: 37 rows become 18, and 9; divide with //, at each level": min(channels, up - 1),
            "whole rows only: divide with //, 37 rows become 18, and 9":
                min(channels, height / 2 ** (level - 1) * (width / 2 ** (level - 1)) - 1),
            "the product is halved, not each side: a level has half the height and half the width":
                min(channels, height * width // 2 ** (level - 1) - 1),
            "one halving less: level 2 has half the height of level 1":
                min(channels, (height // 2 ** max(level - 2, 0)) * (width // 2 ** max(level - 2, 0)) - 1),
            "the mean takes one direction from the positions, not from the channels": min(channels - 1, h * w - 1),
        }, f"{height} x {width} px, level {level}, {channels} channels")  # fmt: skip
    return "min(C, H W - 1), as large as the rank of a covariance of random features"


@functools.cache
def _whitenings() -> dict[str, float]:
    """{name: mean correlation of each whitened channel with itself before} at relu2_1 of the coffee cup."""
    encoder = nst.VGG19.load("lite")
    x = encoder(nst.assets.picture("coffee", 96), ["relu2_1"])["relu2_1"][0].flatten(1).double()[::8]
    x = x[x.std(1) > 1e-3]
    centred = x - x.mean(1, keepdim=True)
    sigma = torch.cov(x) + 1e-6 * torch.cov(x).diagonal().mean() * torch.eye(len(x))
    values, vectors = torch.linalg.eigh(sigma)
    roots = {"symmetric": _power(sigma, -0.5), "turned": torch.diag(values**-0.5) @ vectors.T,
             "Cholesky": torch.linalg.inv(torch.linalg.cholesky(sigma))}  # fmt: skip

    def likeness(white: Tensor) -> float:
        return float(((white * centred).mean(1) / (white.std(1, correction=0) * centred.std(1, correction=0))).mean())

    return {name: likeness(root @ centred) for name, root in roots.items()}


@check
def three_whitenings(function: Callable[[], dict]) -> str:
    """Read an ablation: which of three whitenings leaves each channel most like itself."""
    found = _whitenings()
    right = {
        "covariance of all three": "the identity",
        "keeps the channels most like themselves": max(found, key=found.get),
        "keeps them least": min(found, key=found.get),
        "a decoder that expects channel 7 to be channel 7 wants": max(found, key=found.get),
    }
    answers(call(function), right, {
        ("covariance of all three", "different"): "the printed distance from the identity is next to nothing for each of them",
        ("keeps the channels most like themselves", "Cholesky"):
            "the largest mean correlation; Cholesky keeps the first channel only",
        ("keeps the channels most like themselves", "turned"): "the largest mean correlation: read the column",
        ("keeps them least", "Cholesky"): "the smallest mean correlation: read the column",
        ("keeps them least", "symmetric"): "the smallest mean correlation: read the column",
        ("a decoder that expects channel 7 to be channel 7 wants", "turned"):
            "its channels are principal directions, in another order",
        ("a decoder that expects channel 7 to be channel 7 wants", "Cholesky"):
            "its later channels are mixtures; read the column again",
    })  # fmt: skip
    return "all three are white; the symmetric root changes the features least"


__all__ = ["colour", "covariance", "identity_added", "known_directions", "three_whitenings", "whiten"]
