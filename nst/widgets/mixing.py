"""The one-pass methods over features that are computed once: what the mixer moves. No widgets in here.

`paint` gives what `nst.adain.stylize`, `nst.wct.stylize` and `nst.transformer_net.stylize` give, in a part of the time: a slider
changes the last steps of a computation only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst import adain, wct
from nst.covariance import fitted_map, mean_and_covariance
from nst.decoders import LAYERS, Decoder, padded
from nst.support.runtime import device
from nst.transformer_net import TransformerNet, load_style
from nst.vgg import VGG19

CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))  # of up to four styles: x, y


@functools.cache
def encoder() -> VGG19:
    """The lite encoder, loaded once for all widgets."""
    return VGG19.load("lite").to(device())


@functools.cache
def decoder(which: str) -> Decoder:
    """A decoder by its layer, or "adain", loaded once for all widgets."""
    return Decoder.load(which, encoder()).to(device())


@functools.cache
def network(style: str) -> TransformerNet:
    """A shipped style's network, loaded once for all widgets."""
    return load_style(style)


def corner_weights(place: Sequence[float], count: int) -> list[float]:
    """Shares of up to four styles, one in each corner of a square, at a place (x, y) in it; they sum to 1."""
    x, y = place
    weights = [abs(1 - cx - x) * abs(1 - cy - y) for cx, cy in CORNERS[:count]]
    return [w / sum(weights) for w in weights] if sum(weights) else [1 / count] * count


class AdaINMix:
    """AdaIN of one photograph (1, 3, H, W) and several styles (1, 3, H', W')."""

    @torch.no_grad()
    def __init__(self, content: Tensor, styles: Sequence[Tensor]):
        self.size = content.shape[-2:]
        self.features = _features(content, adain.LAYER)  # (1, C, h, w)
        self.styles = [_features(style, adain.LAYER) for style in styles]
        self.palettes = [mean_and_covariance(style) for style in styles]

    @torch.no_grad()
    def paint(self, alpha: float, weights: Sequence[float], mask: Tensor | None = None) -> Tensor:
        """The picture (1, 3, H, W) for an alpha, a weight for each style, and a mask (1, 1, H, W) of where it is painted."""
        small = None if mask is None else _shrunk(mask, self.features)
        pairs = zip(weights, self.styles, strict=True)
        mixed = sum(w * adain.adaptive_instance_norm(self.features, style, small) for w, style in pairs if w)
        made = decoder("adain")(torch.lerp(self.features, _within(small, self.features, mixed), alpha))
        mask = None if mask is None else padded(mask.to(made))
        found, pairs = mean_and_covariance(made, mask), zip(weights, self.palettes, strict=True)
        mixed = sum(w * fitted_map(found, palette)(made) for w, palette in pairs if w)
        return _cropped(torch.lerp(made, _within(mask, made, mixed), alpha), self.size)


class WCTMix:
    """WCT of one photograph and several styles, level by level; what each level read and made is kept."""

    @torch.no_grad()
    def __init__(self, content: Tensor, styles: Sequence[Tensor]):
        self.size, self.start = content.shape[-2:], padded(content.to(device()))
        self.styles = [padded(style.to(device())) for style in styles]
        self.statistics: dict[int, list[tuple[Tensor, Tensor]]] = {}  # level: mean and covariance of each style
        self.read: dict[int, tuple[object, Tensor, Tensor]] = {}  # level: what it came from, its features, and with the styles' own
        self.made: dict[int, tuple[object, Tensor]] = {}  # level: what it came from with its own alpha, the picture

    @torch.no_grad()
    def paint(self, alphas: Mapping[int, float], weights: Sequence[float], mask: Tensor | None = None) -> Tensor:
        """The picture (1, 3, H, W) for an alpha per level, 5 to 1; a level with alpha 0 is left out. Others: as for AdaIN."""
        x, came_from = self.start, (tuple(weights), None if mask is None else mask.numpy().tobytes())
        for level in wct.LEVELS:
            if alpha := alphas.get(level, 0.0):
                if self.read.get(level, ("",))[0] != came_from:
                    self.read[level] = came_from, *self._matched(level, x, weights, mask)
                _, features, painted = self.read[level]
                came_from = (came_from, level, alpha)
                if self.made.get(level, ("",))[0] != came_from:
                    self.made[level] = came_from, decoder(LAYERS[level - 1])(torch.lerp(features, painted, alpha)).clamp(0, 1)
                x = self.made[level][1]
        return _cropped(x, self.size)

    def _matched(self, level: int, x: Tensor, weights: Sequence[float], mask: Tensor | None) -> tuple[Tensor, Tensor]:
        """Features of x at a level, and the same with the weighted styles' statistics where the mask is."""
        layer = LAYERS[level - 1]
        if level not in self.statistics:
            self.statistics[level] = [mean_and_covariance(encoder()(style, [layer])[layer]) for style in self.styles]
        features = encoder()(x, [layer])[layer]  # (1, C, h, w)
        small = None if mask is None else _shrunk(mask, features)
        found, pairs = mean_and_covariance(features, small), zip(weights, self.statistics[level], strict=True)
        painted = sum(w * fitted_map(found, statistics)(features) for w, statistics in pairs if w)
        return features, _within(small, features, painted)


class FastMix:
    """A photograph and the styles that a network is trained for."""

    def __init__(self, content: Tensor):
        self.content = content

    def paint(self, style: str, strength: float, mask: Tensor | None = None) -> Tensor:
        painted = network(style).stylize(self.content, strength=strength if knows_strength(style) else 1.0)
        return painted if mask is None else torch.lerp(self.content, painted, mask)


def knows_strength(style: str) -> bool:
    """Whether the network of a style can paint with less than its full strength."""
    return bool(network(style).weak)


def _features(picture: Tensor, layer: str) -> Tensor:
    return encoder()(padded(picture.to(device())), [layer])[layer]


def _shrunk(mask: Tensor, features: Tensor) -> Tensor:
    """A mask (1, 1, H, W) in the size of features: (1, 1, h, w)."""
    return F.adaptive_avg_pool2d(padded(mask.to(features)), features.shape[-2:])


def _within(mask: Tensor | None, features: Tensor, painted: Tensor) -> Tensor:
    return painted if mask is None else torch.lerp(features, painted, mask)


def _cropped(picture: Tensor, size: Sequence[int]) -> Tensor:
    return picture[..., : size[0], : size[1]].clamp(0, 1).cpu()
