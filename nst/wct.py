"""Match the covariance, decode: Li, Fang, Yang, Wang, Lu & Yang 2017, "Universal Style Transfer via Feature Transforms" (arXiv
1705.08086).

AdaIN matches each channel's mean and variance; WCT matches the covariances between the channels as well: whiten the content's
features, colour them with the style's covariance, and decode; from the deepest layer up, each level on the picture of the last.
Many linear maps reach that covariance; `covariance.transport`, the one that moves the features least, keeps more of the photograph.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from nst import tiles
from nst.brush import check_brush, with_styles
from nst.controls import StyleMix, advises_size, finished, moved, prepared, style_pictures
from nst.covariance import TRANSFORMS, Statistics, matched, matcher, matching_map, mean_and_covariance, power_of
from nst.decoders import LAYERS, Decoder, check_decoder, default_networks, device_of, padded
from nst.images import check_picture
from nst.support.arguments import check_choice, check_share, check_whole, is_whole
from nst.texture import painted
from nst.vgg import VGG19

LEVELS = (5, 4, 3, 2, 1)
STYLE_SIDE = 768  # pixels: a larger style is read in squares, or its maps take as much memory as a large content
DEFAULT = (4, 3, 2, 1)  # without relu5_1, which takes most of the photograph


def whiten(features: Tensor, mask: Tensor | None = None) -> Tensor:
    """Features (B, C, H, W) turned and scaled until their covariance is the identity (section 3.2, eq. 2); mean 0, float64, CPU."""
    mean, covariance = mean_and_covariance(features, mask)
    return (power_of(covariance, -0.5) @ (features.flatten(2).cpu().double() - mean)).reshape(features.shape)


def colour(whitened: Tensor, style_features: Tensor) -> Tensor:
    """Whitened features (B, C, H, W) given the mean and covariance of style features (B or 1, C, H', W') (eq. 3); float64, CPU."""
    mean, covariance = mean_and_covariance(style_features)
    return (power_of(covariance, 0.5) @ whitened.flatten(2) + mean).reshape(whitened.shape)


def whiten_and_colour(content_features: Tensor, style_features: Tensor, mask: Tensor | None = None) -> Tensor:
    """The paper's transform: (B, C, H, W) and (B or 1, C, H', W') -> (B, C, H, W), in the content features' dtype and place.

    mask (1, 1, H, W): the positions whose statistics are taken as the content's. ValueError: another number of channels.
    """
    return matched(content_features, style_features, mask, "wct")


class WCT:
    """The networks, and style pictures that are read once: `stylize` takes it in place of `style`, to paint many contents.

    style: a picture (1, 3, H', W') or a list of them.   levels: those that may be asked for.   encoder, decoders: see `stylize`.
    ValueError: unknown levels, a decoder of another layer or encoder.
    """

    def __init__(self, style: Tensor | Sequence[Tensor], levels: Sequence[int] = DEFAULT, encoder: VGG19 | None = None,
                 decoders: Mapping[int, Decoder] | None = None):  # fmt: skip
        self.pictures = style_pictures(style)
        self.encoder, self.decoders = _networks(_checked_levels(levels), encoder, decoders)
        self.where = device_of(self.encoder)
        self.textures_of: dict[tuple, Tensor] = {}  # what `texture` painted

    @functools.cached_property
    @torch.no_grad()
    def statistics(self) -> dict[int, list[Statistics]]:
        """{level: mean (1, C, 1) and covariance (1, C, C) of each style}."""
        layers, found = {level: LAYERS[level - 1] for level in self.decoders}, {level: [] for level in self.decoders}
        for picture in self.pictures:
            picture = padded(moved(picture, self.where))
            side = tiles.side_for(STYLE_SIDE, *picture.shape[-2:])
            features = self.encoder(picture, layers.values()) if side is None else {}  # once for all levels
            for level, layer in layers.items():
                if side is None:
                    found[level].append(mean_and_covariance(features[layer], exact=False))
                else:
                    found[level].append(tiles.moments(self.encoder, picture, layer, side)[0].statistics())
        return found

    def recoloured(self, pictures: list[Tensor]) -> WCT:
        """The same networks with other pictures (B or 1, 3, H', W') in the place of its own."""
        other = copy.copy(self)
        other.pictures, other.textures_of = pictures, {}
        other.__dict__.pop("statistics", None)
        return other

    def texture(self, k: int, side: int, levels: Sequence[int], transform: str) -> Tensor:
        """What WCT paints of noise in the k-th style (1, 3, side, side), see `nst.texture`."""
        key = (k, side, *levels, transform)
        if key not in self.textures_of:
            alone = StyleMix(self.pictures, [float(k == other) for other in range(len(self.pictures))])
            self.textures_of[key] = painted(lambda x: self.paint(padded(x), alone, 1.0, levels, transform, None), side, self.where)
        return self.textures_of[key]

    @torch.no_grad()
    def match(self, x: Tensor, level: int, mix: StyleMix, transform: str) -> tuple[Tensor, Tensor]:
        """A picture's features (B, C, h, w) at a level, and the same matched to the styles."""
        layer = LAYERS[level - 1]
        features = self.encoder(x, [layer])[layer]
        return features, mix.blend(features, matcher(features, self.statistics[level], transform, exact=False))

    @torch.no_grad()
    def paint(self, x: Tensor, mix: StyleMix, alpha: float, levels: Sequence[int], transform: str, tile: int | None) -> Tensor:
        """The painting of a picture (B, 3, H, W) that `padded` gave, level by level: the same shape, in [0, 1]."""
        side = tiles.side_for(tile, *x.shape[-2:])
        for level in levels:
            if side is not None:
                x = self._in_squares(x, level, mix, alpha, transform, side).clamp_(0, 1)
            else:
                x = self.decoders[level](torch.lerp(*self.match(x, level, mix, transform), alpha)).clamp_(0, 1)
        return x

    def _in_squares(self, x: Tensor, level: int, mix: StyleMix, alpha: float, transform: str, side: int) -> Tensor:
        """One level of a large picture (B, 3, H, W): the statistics of all squares, then square by square."""
        masks = [padded(mask) for mask in mix.masks or []]
        shrunk = [F.avg_pool2d(mask, tiles.scale_of(LAYERS[level - 1])) for mask in masks]
        found = [each.statistics() for each in tiles.moments(self.encoder, x, LAYERS[level - 1], side, shrunk or None)]
        styles = enumerate(self.statistics[level])
        changes = [matching_map(found[k if masks else 0], style, transform, exact=False) for k, style in styles]

        def change(features: Tensor, square: tiles.Square) -> Tensor:
            here = replace(mix, masks=[square.outer(mask) for mask in masks] or None)
            return features.lerp_(here.blend(features, lambda k, _: changes[k](features)), alpha)

        return tiles.repaint(self.encoder, self.decoders[level], x, side, change)


@advises_size
def stylize(content: Tensor, style: Tensor | Sequence[Tensor] | WCT, *, alpha: float = 1.0, brush: int | None = None,
            texture: float = 0.0, style_weights: Sequence[float] | None = None, masks: Sequence[Tensor] | None = None,
            preserve_color: bool | str = False, levels: Sequence[int] = DEFAULT, transform: str = "transport",
            tile: int | None = None, encoder: VGG19 | None = None,
            decoders: Mapping[int, Decoder] | None = None) -> Tensor:  # fmt: skip
    """Paint `content` (B, 3, H, W) in the manner of `style` (1, 3, H', W'): float32, of the content's size and on its device, both
    RGB in [0, 1].

    style:   a picture, or a list of them, mixed by `style_weights` (equal if None) or each within its mask of `masks` (1, 1, H, W);
        or `WCT(pictures, levels)`, which reads them once for many contents and brings its own networks.
    alpha:   at each level, 0 gives the reconstruction, 1 the whole style (section 3.3, eq. 4).
    brush:   1, 2 or 4 times the size of the strokes, see `brush.coarse_to_fine`; None: 2 in a picture whose shorter side has more
        than 384 px, whose flat places stay empty else, and 1 in a smaller one. 2 takes a third more time than 1.
    texture: 0 to 1, how much of the style's texture, painted from noise, is laid under flat places of the content, which stay
        empty else; see `nst.texture`. `nst.stylize` takes 0.15.
    preserve_color: see `controls.prepared` and `finished`.
    levels:  the layers relu5_1 … relu1_1 in the order in which they are matched; each level reads the last one's picture.
    transform: "wct" whitens and colours; "transport" keeps more of the photograph, see `covariance.transport`.
    tile:    side in pixels of the squares in which a large picture is computed, see `tiles.side_for`; the result is the same.
    Differs from the paper: it begins at relu5_1, takes alpha 0.6, and has "wct" only. From relu4_1, at 1, with "transport", more of
    the photograph stays, and more of the style comes.
    encoder, decoders: the lite encoder and its shipped reconstruction decoders {level: decoder} if None; see
        `decoders.default_networks`.
    ValueError / TypeError: a picture of another shape or dtype, alpha outside [0, 1], unknown levels or transform, weights or masks
    that do not fit, a decoder of another layer or encoder. MemoryError: it does not fit; the message says which size would.
    """
    check_share("alpha", alpha)
    check_brush(brush)
    check_share("texture", texture)
    check_choice("transform", transform, TRANSFORMS)
    tiles.check_tile(tile)
    levels = _checked_levels(levels)
    method = style if isinstance(style, WCT) else WCT(style, levels, encoder, decoders)
    if missing := [level for level in levels if level not in method.decoders]:
        raise ValueError(f"levels: {missing[0]} is not one of those that this WCT has read: {', '.join(map(str, method.decoders))}")
    content = check_picture(content, "content")
    there, mix = prepared(content, method.pictures, style_weights, masks, preserve_color, method.where)
    if preserve_color == "coral":  # the styles are others for each content
        method = method.recoloured(mix.styles)

    def paint(x: Tensor, mix: StyleMix) -> Tensor:
        return method.paint(padded(x), mix, alpha, levels, transform, tile)

    def texture_of(k: int, side: int) -> Tensor:
        return method.texture(k, side, levels, transform)

    return finished(with_styles(paint, there, mix, brush, alpha, texture, texture_of), content, preserve_color)


def synthesize(style: Tensor, size: tuple[int, int] = (256, 256), *, passes: int = 3, seed: int = 0, encoder: VGG19 | None = None,
               decoders: Mapping[int, Decoder] | None = None) -> Tensor:  # fmt: skip
    """A texture (1, 3, *size) with the style's statistics, from noise: all levels at alpha 1, three passes as in section 4.3.

    Another seed gives another texture of the same hand.
    """
    style = check_picture(style, "style", one=True)
    if not isinstance(size, Sequence) or len(size) != 2 or not all(is_whole(n) and n > 0 for n in size):
        raise ValueError(f"size={size!r}: expected (height, width) in pixels")
    check_whole("passes", passes)
    drawn = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed), dtype=torch.float32, device="cpu")
    texture = drawn.to(style.device)  # the same on every device
    encoder, decoders = _networks(LEVELS, encoder, decoders)
    for _ in range(passes):
        texture = stylize(texture, style, brush=1, levels=LEVELS, encoder=encoder, decoders=decoders)
    return texture


def _checked_levels(levels: Sequence[int]) -> list[int]:
    given = list(levels) if isinstance(levels, Iterable) else []
    if not given or any(not is_whole(level) or level not in LEVELS for level in given):
        raise ValueError(f"levels={levels!r}: expected a list of some of 5, 4, 3, 2, 1")
    return given


def _networks(levels: Sequence[int], encoder: VGG19 | None, decoders: Mapping[int, Decoder] | None) -> tuple[VGG19, Mapping]:
    if missing := [level for level in levels if decoders is not None and level not in decoders]:
        raise ValueError(f"decoders: there is none for level {missing[0]}; it has {', '.join(map(str, decoders)) or 'none'}")
    given = {LAYERS[level - 1]: decoders[level] if decoders else None for level in levels}
    encoder, by_layer = default_networks(encoder, given)
    for level in levels:
        check_decoder(f"decoders[{level}]", by_layer[LAYERS[level - 1]], LAYERS[level - 1], encoder)
    return encoder, {level: by_layer[LAYERS[level - 1]] for level in levels}
