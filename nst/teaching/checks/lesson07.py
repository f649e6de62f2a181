"""Checks of the exercises of lesson 07, WCT."""

from __future__ import annotations

import functools
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
    x = _features()
    flat = x[0].flatten(1)
    centred = flat - flat.mean(1, keepdim=True)
    right = _covariance(x)
    compare(call(function, x), right, {
        "divided by H W: the unbiased covariance is divided by H W - 1": _covariance(x, 0),
        "the mean was not taken away: this is a Gram matrix": flat @ flat.T / (flat.shape[1] - 1),
        "the mean was not taken away: this is a Gram matrix, divided by H W": flat @ flat.T / flat.shape[1],
        "the wrong mean was taken away: each channel has its own, over the positions":
            (flat - flat.mean(0)) @ (flat - flat.mean(0)).T / (flat.shape[1] - 1),
        "one mean for all channels was taken away: each channel has its own, over the positions":
            (flat - flat.mean()) @ (flat - flat.mean()).T / (flat.shape[1] - 1),
        "positions and channels are exchanged: this is (HW, HW), which position goes with which":
            centred.T @ centred / (flat.shape[1] - 1),
        "positions and channels are exchanged: this is torch.cov of the transposed matrix": torch.cov(flat.T),
        "not divided: take the mean over the positions": centred @ centred.T,
        "these are correlations: their diagonal is 1": torch.corrcoef(flat),
    })  # fmt: skip
    return "each channel's own mean away, divided by H W - 1; equal to numpy's"


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
        "the mean is still there: whiten f - mean": like(_power(sigma, -0.5) @ flat),
        "the last E is missing: D^(-1/2) E^T is white, too, but turned, and no channel is itself any more":
            like(torch.diag(values**-0.5) @ vectors.T @ centred),
        "E and E^T are exchanged: eigh gives the eigenvectors as columns":
            like(vectors.T @ torch.diag(values**-0.5) @ vectors @ centred),
        "each channel is divided by its own deviation: that is instance norm, and the covariances stay":
            like(centred / sigma.diagonal().sqrt()[:, None]),
        "the identity was added to the covariance: lambda becomes lambda / (lambda + 1), not 1":
            like(_power(sigma + torch.eye(len(sigma)), -0.5) @ centred),
        "Cholesky's factor whitens, too, but favours the first channels; take the symmetric root":
            like(torch.linalg.inv(torch.linalg.cholesky(sigma)) @ centred),
        "the covariance is the biased one, divided by H W": like(_power(_covariance(x, 0), -0.5) @ centred),
    }, rtol=1e-3)  # fmt: skip
    _check_few_positions(function)
    small = call(function, 1e-4 * x)
    if not close(small, got, 1e-2):
        fail("features 10,000 times smaller are not whitened: the cut of the eigenvalues (or what is added to them) must be "
             "relative, a share of the largest")  # fmt: skip
    return "covariance = identity, nothing turned, at every scale; with few positions, on the directions there are"


def _check_few_positions(function: Callable[[Tensor], Tensor]) -> None:
    """Six channels, five positions: the covariance has at most four directions."""
    few = _features(6, 1, 5, seed=3)
    white = number(call(function, few))
    if white.shape != few.shape or not torch.isfinite(white).all() or white.abs().max() > 100:
        fail("with fewer positions than channels some eigenvalues are 0, and rounding makes them tiny or negative: their "
             "power is NaN or enormous. Leave out directions below a small share of the largest, such as 1e-5")  # fmt: skip
    identity = _covariance(white)
    if not close(identity @ identity, identity, 1e-3) or abs(float(identity.trace()) - 4) > 1e-3:
        fail("with 5 positions there are 4 directions, and they must have the variance 1, the others 0; "
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
        "the exponent is 1: the features get the covariance's square": made(sigma) + mean,
        "the exponent is -1/2: that whitens": made(_power(sigma, -0.5)) + mean,
        "the last E^T is missing: the directions of the style are not put back": made(vectors @ torch.diag(values**0.5)) + mean,
        "Cholesky's factor gives the right covariance, but favours the first channels; take the symmetric root":
            made(torch.linalg.cholesky(sigma)) + mean,
        "each channel is multiplied by its own deviation: that is AdaIN": made(torch.diag(sigma.diagonal().sqrt())) + mean,
        "the covariance is the biased one, divided by H W": made(_power(_covariance(style, 0), 0.5)) + mean,
        "the mean of all channels is added; each has its own": made(root) + style.mean(),
    }, rtol=1e-4)  # fmt: skip
    return "the style's covariance and means, by the symmetric root; the sizes may differ"


@check
def identity_added(function: Callable) -> str:
    """Predict: the variance, after "whitening" with I added, of a direction whose variance is lambda, features times s."""
    for variance, scale in ((1.0, 1.0), (0.01, 1.0), (4.0, 10.0), (0.01, 10.0), (4.0, 0.1)):
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
        }, f"lambda = {variance:g}, s = {scale:g}")  # fmt: skip
    return "s^2 lambda / (s^2 lambda + 1): near 1 for large features, near 0 for small ones"


@check
def known_directions(function: Callable[[int, int, int, int], int]) -> str:
    """Predict the rank of the covariance of a layer: picture of height x width, level 1 to 5, channels."""
    for height, width, level, channels in ((16, 16, 3, 512), (128, 112, 5, 64), (64, 96, 1, 16), (32, 48, 4, 128)):
        h, w = height // 2 ** (level - 1), width // 2 ** (level - 1)
        right = int(torch.linalg.matrix_rank(torch.cov(randn(channels, h * w).double())))
        compare(call(function, height, width, level, channels), right, {
            "one direction goes with the mean: H W positions fill H W - 1 directions": min(channels, h * w),
            "there are no more directions than channels": h * w - 1,
            "these are the positions of the picture; each level beyond the first has half the height and half the width":
                min(channels, height * width - 1),
            "the size is halved at each level beyond the first, level - 1 times": min(channels, (h // 2) * (w // 2) - 1),
            "there are as many directions as channels only where there are enough positions": channels,
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
