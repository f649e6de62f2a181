"""Mean and covariance over positions, and linear maps from one to another: what WCT matches in features, CORAL and AdaIN's palette
in pixels.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Statistics = tuple[Tensor, Tensor]  # mean (B, C, 1) and covariance (B, C, C), float64
CUT = 1e-5  # eigenvalues below this share of the largest are nothing but noise
PART = 2**16  # positions that are turned into float64 at a time
FEW = 2**13  # positions that cost next to nothing in float64, too


def mean_and_covariance(features: Tensor, mask: Tensor | None = None, exact: bool = True) -> tuple[Tensor, Tensor]:
    """(B, C, H, W) -> mean (B, C, 1) and covariance (B, C, C) over the positions, in float64 on the CPU.

    mask (1, 1, H, W): weights of the positions. The covariance is the unbiased one, divided by HW - 1; with weights, by
    sum w - sum w^2 / sum w, which is the same where they are 0 and 1.
    exact: False multiplies many positions in float32, where the features are: several times as fast, and right to about a millionth
        of the largest variance. Enough for a picture, not for a covariance that is to be whitened to the identity.
    """
    moments = Moments(exact)
    moments.add(features, mask)
    return moments.statistics()


class Moments:
    """`mean_and_covariance` of features that come in parts: `add` each, then ask for `statistics()`. Float64 on the CPU."""

    def __init__(self, exact: bool = True):
        self.exact = exact
        self.start: Tensor | None = None  # taken from all that comes: sums of numbers near 0 lose no digits
        self.weight = self.square = self.first = self.second = 0

    def add(self, features: Tensor, mask: Tensor | None = None) -> None:
        """Features (B, C, h, w) and the weights (1, 1, h, w) of their positions."""
        weights = torch.ones_like(features[:1, :1]) if mask is None else mask
        parts = (x.flatten(2).split(PART, 2) for x in (features, weights))  # (B, C, at most PART), and (1, 1, …)
        for x, w in zip(*parts, strict=True):
            exact = self.exact or x.shape[2] <= FEW
            x, w = (x.cpu().double(), w.cpu().double()) if exact else (x.float(), w.to(x.device).float())
            if self.start is None:
                self.start = (w * x).sum(2, keepdim=True) / w.sum() if w.sum() else x.mean(2, keepdim=True)
            x = x - self.start.to(x)
            self.weight, self.square = self.weight + _exactly(w.sum()), self.square + _exactly(w.square().sum())
            weighted = x if mask is None else w * x
            self.first, self.second = self.first + _exactly(weighted.sum(2, keepdim=True)), self.second + _exactly(weighted @ x.mT)

    def statistics(self) -> tuple[Tensor, Tensor]:
        """Mean (B, C, 1) and covariance (B, C, C)."""
        total = self.weight.clamp_min(1e-12)
        mean = self.first / total  # from the start
        covariance = (self.second - self.weight * mean @ mean.mT) / (total - self.square / total).clamp_min(1e-12)
        return _exactly(self.start) + mean, covariance


def _exactly(sums: Tensor) -> Tensor:
    """What parts add up to, in float64 on the CPU."""
    return sums.cpu().double()


def power_of(covariance: Tensor, exponent: float, least: float = 1e-12, cut: float = CUT) -> Tensor:
    """A covariance matrix (B, C, C) to the power of 1/2 or -1/2, on its range: E diag(lambda^exponent) E^T.

    Eigenvalues under `cut` times the largest, or under `least`, count as zero and stay zero: of H W positions at most H W - 1
    directions are known. Differs from WCT's code: it cuts at 1e-5 as such, which depends on the scale of the features.
    """
    values, vectors = torch.linalg.eigh(covariance)  # ascending
    real = values > (cut * values[:, -1:]).clamp_min(least)
    powers = torch.where(real, values.clamp_min(least) ** exponent, 0)
    return vectors * powers[:, None, :] @ vectors.mT


def transport(content_features: Tensor, style_features: Tensor, mask: Tensor | None = None) -> Tensor:
    """The transform to the style's mean and covariance that moves the features least. Shapes, mask, errors: `matched`.

    Of all linear maps from one normal distribution to another, it is the one with the least mean square distance (Lu et al. 2019,
    "A Closed-form Solution to Universal Style Transfer", arXiv 1906.00668). Where channels do not go together, it is AdaIN.
    """
    return matched(content_features, style_features, mask)


def matched(features: Tensor, style_features: Tensor, mask: Tensor | None = None, transform: str = "transport") -> Tensor:
    """Features (B, C, H, W) with the mean and covariance of style features (B or 1, C, H', W'), in their own dtype and place.

    mask (1, 1, H, W): the positions whose statistics are taken as the features'. ValueError: another number of channels.
    """
    if features.shape[1] != style_features.shape[1]:
        raise ValueError(f"style_features: expected {features.shape[1]} channels, got {style_features.shape[1]}")
    return matching_map(mean_and_covariance(features, mask), mean_and_covariance(style_features), transform)(features)


def matcher(features: Tensor, styles: Sequence[Statistics], transform: str = "transport",
            exact: bool = True) -> Callable[[int, Tensor | None], Tensor]:  # fmt: skip
    """`matched` for `StyleMix.blend`: (k, mask) -> the features (B, C, H, W) with the k-th style's statistics.

    The features' own statistics are taken once for each mask. exact: see `mean_and_covariance`.
    """
    own = functools.cache(lambda mask: mean_and_covariance(features, mask, exact))
    return lambda k, mask: matching_map(own(mask), styles[k], transform, exact)(features)


def matching_map(statistics: Statistics, style_statistics: Statistics, transform: str = "transport",
                 exact: bool = True) -> Callable[[Tensor], Tensor]:  # fmt: skip
    """A transform as one map of features (B, C, H, W), from mean (B, C, 1) and covariance (B, C, C) of both sides:

    f(x) = T (x - mean) + mean_s. T is found in float64 on the CPU.
    exact: it is applied there, too, a part of the positions at a time; False: many positions in float32, where the features are.
    """
    (mean, covariance), (style_mean, style_covariance) = statistics, style_statistics
    matrix = TRANSFORMS[transform](covariance, style_covariance)  # (B, C, C)

    def change(features: Tensor) -> Tensor:
        x = features.flatten(2)  # (B, C, H W)
        if not exact and x.shape[2] > FEW:
            here = (style_mean - matrix @ mean, matrix.expand(len(x), -1, -1))
            shift, turn = (part.to(torch.float32).to(x.device) for part in here)  # in this order: a place may know no float64
            return torch.baddbmm(shift, turn, x.float()).to(x.dtype).unflatten(2, features.shape[2:])
        made = torch.empty(x.shape, dtype=x.dtype)
        for part, place in zip(x.split(PART, 2), made.split(PART, 2), strict=True):  # (B, C, at most PART)
            place.copy_(matrix @ (part.cpu().double() - mean) + style_mean)
        return made.to(x.device).unflatten(2, features.shape[2:])

    return change


def _whitening_and_colouring(covariance: Tensor, style_covariance: Tensor) -> Tensor:
    """S^(1/2) C^(-1/2) (1705.08086, eqs. 2 and 3)."""
    return power_of(style_covariance, 0.5) @ power_of(covariance, -0.5)


def _transport(covariance: Tensor, style_covariance: Tensor) -> Tensor:
    """C^(-1/2) (C^(1/2) S C^(1/2))^(1/2) C^(-1/2): the only one of those maps that is symmetric and turns nothing around."""
    root, inverse = power_of(covariance, 0.5), power_of(covariance, -0.5)
    return inverse @ power_of(root @ style_covariance @ root, 0.5, least=0, cut=0) @ inverse


TRANSFORMS = {"transport": _transport, "wct": _whitening_and_colouring}
