"""Match the covariance, decode: Li, Fang, Yang, Wang, Lu & Yang 2017, "Universal Style Transfer via Feature Transforms" (arXiv
1705.08086).

AdaIN matches each channel's mean and variance; WCT matches the covariances between the channels as well: whiten the content's
features, colour them with the style's covariance, and decode; from the deepest layer up, each level on the picture of the last.
Many linear maps reach that covariance; `covariance.transport`, the one that moves the features least, keeps more of the photograph.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor

from nst import networks, tiles
from nst.arguments import check_choice, check_share, check_whole, is_whole
from nst.brush import check_brush, with_styles
from nst.controls import StyleMix, in_colours
from nst.covariance import TRANSFORMS, fitted, fitted_map, mean_and_covariance, power_of
from nst.decoders import LAYERS, Decoder, padded
from nst.images import check_picture
from nst.vgg import VGG19

LEVELS = (5, 4, 3, 2, 1)
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
    return fitted(content_features, style_features, mask, "wct")


def stylize(content: Tensor, style: Tensor | Sequence[Tensor], *, alpha: float = 1.0, brush: int | None = None,
            style_weights: Sequence[float] | None = None, masks: Sequence[Tensor] | None = None,
            preserve_color: bool | str = False, levels: Sequence[int] = DEFAULT, transform: str = "transport",
            tile: int | None = None, encoder: VGG19 | None = None,
            decoders: Mapping[int, Decoder] | None = None) -> Tensor:  # fmt: skip
    """Paint `content` (B, 3, H, W) in the manner of `style` (1, 3, H', W'): the content's size, both RGB in [0, 1].

    style:   a picture, or a list of them, mixed by `style_weights` (equal if None) or each within its mask of `masks` (1, 1, H, W).
    alpha:   at each level, 0 gives the reconstruction, 1 the whole style (section 3.3, eq. 4).
    brush:   1, 2 or 4 times the size of the strokes, see `brush.coarse_to_fine`; None: 2 in a picture whose shorter side has more
             than 384 px, whose flat places stay empty else, and 1 in a smaller one. 2 takes a third more time than 1.
    preserve_color: see `controls.in_colours`.
    levels:  the layers relu5_1 … relu1_1 in the order in which they are matched; each level reads the last one's picture.
    transform: "wct" whitens and colours; "transport" keeps more of the photograph, see `covariance.transport`.
    tile:    side in pixels of the squares in which a large picture is computed, see `tiles.side_for`; the result is the same.
    Differs from the paper: it begins at relu5_1, takes alpha 0.6, and has "wct" only. From relu4_1, at 1, with "transport", more of
    the photograph stays, and more of the style comes.
    encoder, decoders: the lite encoder and its shipped reconstruction decoders {level: decoder} if None; see `networks.default`.
    ValueError / TypeError: a picture of another shape or dtype, alpha outside [0, 1], unknown levels or transform, weights or masks
    that do not fit, a decoder of another layer or encoder.
    """
    check_share("alpha", alpha)
    check_brush(brush)
    check_choice("transform", transform, TRANSFORMS)
    tiles.check_tile(tile)
    mix = StyleMix.of(check_picture(content, "content"), style, style_weights, masks)
    levels = _checked_levels(levels)
    encoder, decoders = _networks(levels, encoder, decoders)

    @torch.no_grad()
    def paint(content: Tensor, mix: StyleMix) -> Tensor:
        layers = {level: LAYERS[level - 1] for level in levels}
        fit = functools.partial(fitted, transform=transform)

        @functools.cache
        def styles() -> list[dict[str, Tensor]]:  # once for all levels and passes, where one of them is not in squares
            return [encoder(padded(picture), layers.values()) for picture in mix.styles]

        def once(content: Tensor, mix: StyleMix) -> Tensor:
            x = padded(content)
            side = tiles.side_for(tile, x)
            if side is not None:
                for level in levels:
                    x = _in_squares(x, mix, alpha, encoder, decoders[level], side, transform).clamp_(0, 1)
                return x
            for level in levels:
                layer = layers[level]
                features = encoder(x, [layer])[layer]
                painted = mix.blend(features, [found[layer] for found in styles()], fit)
                x = decoders[level](torch.lerp(features, painted, alpha)).clamp(0, 1)
            return x

        return with_styles(once, content, mix, brush, alpha)

    return in_colours(paint, content, mix, preserve_color, networks.device_of(encoder))


def _in_squares(x: Tensor, mix: StyleMix, alpha: float, encoder: VGG19, decoder: Decoder, side: int,
                transform: str) -> Tensor:  # fmt: skip
    """One level of `stylize` on a large picture (B, 3, H, W): the statistics of all squares, then square by square."""
    scale = tiles.scale_of(decoder.layer)
    masks = [padded(mask) for mask in mix.masks or []]
    shrunk = [F.avg_pool2d(mask, scale) for mask in masks]
    found = [each.statistics() for each in tiles.moments(encoder, x, decoder.layer, side, shrunk or None)]
    styles = [tiles.moments(encoder, padded(picture), decoder.layer, side)[0].statistics() for picture in mix.styles]
    changes = [fitted_map(found[k if masks else 0], style, transform) for k, style in enumerate(styles)]

    def change(features: Tensor, square: tiles.Square) -> Tensor:
        here = replace(mix, masks=[square.outer(mask) for mask in masks] or None)
        return features.lerp_(here.blend(features, changes, lambda x, fitted, _: fitted(x)), alpha)

    return tiles.repaint(encoder, decoder, x, side, change)


def synthesize(style: Tensor, size: tuple[int, int] = (256, 256), *, passes: int = 3, seed: int = 0, encoder: VGG19 | None = None,
               decoders: Mapping[int, Decoder] | None = None) -> Tensor:  # fmt: skip
    """A texture (1, 3, *size) with the style's statistics, from noise: all levels at alpha 1, three passes as in section 4.3.

    Another seed gives another texture of the same hand.
    """
    check_picture(style, "style", one=True)
    if not isinstance(size, Sequence) or len(size) != 2 or not all(is_whole(n) and n > 0 for n in size):
        raise ValueError(f"size={size!r}: expected (height, width) in pixels")
    check_whole("passes", passes)
    texture = torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed)).to(style.device)  # the same on every device
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
    encoder, by_layer = networks.default(encoder, given)
    for level in levels:
        networks.check_decoder(f"decoders[{level}]", by_layer[LAYERS[level - 1]], LAYERS[level - 1], encoder)
    return encoder, {level: by_layer[LAYERS[level - 1]] for level in levels}
