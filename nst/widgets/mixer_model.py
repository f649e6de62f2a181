"""The one-pass methods over features that are computed once: what the mixer moves. No widgets in here.

`paint` gives what `nst.adain.stylize`, `nst.wct.stylize` and `nst.transformer_net.stylize` give, in a part of the time: a slider
changes the last steps of a computation only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nst import wct
from nst.adain import AdaIN
from nst.brush import with_styles
from nst.controls import StyleMix, finished, moved
from nst.decoders import LAYERS, Decoder, padded
from nst.support.runtime import device
from nst.transformer_net import TransformerNet, load_style
from nst.vgg import VGG19
from nst.wct import WCT

BRUSHES = [("1 x", 1), ("2 x", 2), ("4 x", 4)]  # of the strokes' size, for the panels
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

    def __init__(self, content: Tensor, styles: Sequence[Tensor]):
        self.content, self.method = content, AdaIN(styles, encoder(), decoder("adain"))
        self.features = self.method.read(moved(content, self.method.where))  # (1, C, h, w)

    @torch.no_grad()
    def paint(self, alpha: float, weights: Sequence[float], mask: Tensor | None = None, brush: int = 1,
              texture: float = 0.0) -> Tensor:  # fmt: skip
        """The picture (1, 3, H, W) for an alpha, a weight for each style, a mask (1, 1, H, W) of where it is painted; `brush` and
        `texture` as of `adain.stylize`.
        """
        there, mix = moved(self.content, self.method.where), _mix(self.method.pictures, weights, mask)

        def paint(x: Tensor, mix: StyleMix) -> Tensor:
            return self.method.paint(self.method.read(x) if x is not there else self.features, mix, alpha)

        return finished(with_styles(paint, there, mix, brush, alpha, texture, self.method.texture), self.content, False)


class WCTMix:
    """WCT of one photograph and several styles, level by level; what each level read and made is kept."""

    def __init__(self, content: Tensor, styles: Sequence[Tensor]):
        self.content = content
        decoders = {level: decoder(LAYERS[level - 1]) for level in wct.LEVELS}
        self.method = WCT(styles, wct.LEVELS, encoder(), decoders)
        self.start = padded(moved(content, self.method.where))
        self.read: dict[int, tuple[object, Tensor, Tensor]] = {}  # level: what it came from, its features, and the matched ones
        self.made: dict[int, tuple[object, Tensor]] = {}  # level: what it came from with its own alpha, the picture

    @torch.no_grad()
    def paint(self, alphas: Mapping[int, float], weights: Sequence[float], mask: Tensor | None = None, brush: int = 1,
              texture: float = 0.0) -> Tensor:  # fmt: skip
        """The picture (1, 3, H, W) for an alpha per level, 5 to 1; a level with alpha 0 is left out. Others: as for AdaIN."""
        x, mix = self.start, _mix(self.method.pictures, weights, mask)
        if brush > 1 or texture:
            there, most = moved(self.content, self.method.where), max(alphas.values(), default=0.0)
            levels = [level for level in wct.LEVELS if alphas.get(level, 0.0)]
            made = with_styles(functools.partial(self._levels, alphas), there, mix, brush, most, texture,
                               lambda k, side: self.method.texture(k, side, levels, "transport"))  # fmt: skip
            return finished(made, self.content, False)
        came_from: object = (tuple(weights), None if mask is None else mask.numpy().tobytes())
        for level in wct.LEVELS:
            if alpha := alphas.get(level, 0.0):
                if self.read.get(level, ("",))[0] != came_from:
                    self.read[level] = came_from, *self.method.match(x, level, mix, "transport")
                _, features, matched = self.read[level]
                came_from = (came_from, level, alpha)
                if self.made.get(level, ("",))[0] != came_from:
                    picture = self.method.decoders[level](torch.lerp(features, matched, alpha)).clamp_(0, 1)
                    self.made[level] = came_from, picture
                x = self.made[level][1]
        return finished(x, self.content, False)

    def _levels(self, alphas: Mapping[int, float], x: Tensor, mix: StyleMix) -> Tensor:
        """All levels of a picture (1, 3, H, W), with nothing kept."""
        x = padded(x)
        for level in (level for level in wct.LEVELS if alphas.get(level, 0.0)):
            x = self.method.decoders[level](torch.lerp(*self.method.match(x, level, mix, "transport"), alphas[level])).clamp_(0, 1)
        return x


class FastMix:
    """A photograph and the styles that a network is trained for."""

    def __init__(self, content: Tensor):
        self.content = content

    def paint(self, style: str, strength: float, mask: Tensor | None = None, brush: int = 1, texture: float = 0.0) -> Tensor:
        strength = strength if knows_strength(style) else 1.0
        painted = network(style).stylize(self.content, strength=strength, brush=brush, texture=texture)
        return painted if mask is None else torch.lerp(self.content, painted, mask)


def knows_strength(style: str) -> bool:
    """Whether the network of a style can paint with less than its full strength."""
    return bool(network(style).weak)


def _mix(styles: list[Tensor], weights: Sequence[float], mask: Tensor | None) -> StyleMix:
    """The styles by weight, all of them within one mask (1, 1, H, W)."""
    return StyleMix(styles, list(weights), None if mask is None else [weight * mask for weight in weights])
