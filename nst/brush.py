"""Larger strokes in one pass, whatever the method: paint a small picture, and then a large one over it.

A network's strokes have a size in pixels. On a picture of half the size they are twice as large; enlarged, that painting shows a
finer pass where they lie, and it paints them anew with sharp edges. Coarse to fine, as Gatys et al. 2017 search ("Controlling
Perceptual Factors in Neural Style Transfer", arXiv 1611.07865, section 6), but nothing is searched for here.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from nst.controls import StyleMix
from nst.covariance import matcher, mean_and_covariance
from nst.decoders import padded
from nst.images import resize
from nst.support.arguments import check_choice, check_whole
from nst.texture import Textures, under_flat_places

BRUSHES = (1, 2, 4)  # times the size of the strokes as they are
FINE = 384  # pixels of the shorter side: in a larger picture strokes get so small that it looks like a photograph with a grain
PHOTOGRAPH = 0.6  # of what a finer pass sees, the rest is the painting so far: with less of it, letters are painted over
SMALLEST = 32  # pixels of the shorter side of a picture that is worth painting


def check_brush(brush: int | None) -> None:
    """ValueError unless it is 1, 2, 4 or None."""
    if brush is not None:
        check_whole("brush", brush)
        check_choice("brush", brush, BRUSHES)


def brush_for(brush: int | None, content: Tensor) -> int:
    """The brush for a picture (B, 3, H, W); None: 2 where its shorter side has more than 384 pixels, 1 in smaller ones."""
    return brush or (2 if min(content.shape[-2:]) > FINE else 1)


def texture_for(texture: float, brush: int) -> float:
    """How much of a texture the first pass sees: of what it paints, a finer pass sees a part only."""
    return texture if brush == 1 else min(1.0, texture / (1 - PHOTOGRAPH))


def coarse_to_fine(
    paint: Callable[[Tensor], Tensor], content: Tensor, brush: int, amount: float | Tensor,
    coloured: Callable[[Tensor, Tensor], Tensor], under: Callable[[Tensor], Tensor] | None = None,
) -> Tensor:  # fmt: skip
    """`paint(content)` with strokes `brush` times as large: (B, 3, H, W) -> what paint makes of that size.

    paint:    any picture to a painted one of the same size, or larger by what it was padded with.
    amount:   of the style, 0 … 1, or 0 … 1 at each place (1, 1, H, W): with less of it a finer pass sees less of the coarse one.
    coloured: (photograph, painting) of one size -> the photograph in the painting's or its style's colours.
    under:    the picture that the first, coarsest pass sees -> the same with a texture under its flat places; None: as it is.
    brush 1 is `paint(content)`. A coarse pass costs a quarter of the next; those on pictures under 32 px are left out.
    """
    painting, start = None, under or (lambda x: x)
    while brush > 1:
        size = tuple(-(-side // brush) for side in content.shape[-2:])
        if min(size) >= SMALLEST:
            small = resize(content, size)
            seen = start(small) if painting is None else mixed(small, painting, amount, coloured)
            painting = paint(seen)[..., : size[0], : size[1]].clamp(0, 1)
        brush //= 2
    return paint(start(content) if painting is None else mixed(content, painting, amount, coloured))


def mixed(content: Tensor, painting: Tensor, amount: float | Tensor, coloured: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """What a finer pass sees: the photograph (B, 3, H, W) in the painting's colours, and some of the painting, enlarged."""
    size = tuple(content.shape[-2:])
    painting = resize(painting.to(content), size)
    amount = resize(amount.to(content), size) if isinstance(amount, Tensor) else amount
    photograph = coloured(content, painting)
    return (photograph + (1 - PHOTOGRAPH) * amount * (painting - photograph)).clamp_(0, 1)


def with_styles(paint: Callable[[Tensor, StyleMix], Tensor], content: Tensor, mix: StyleMix, brush: int | None, alpha: float,
                texture: float, textures: Textures) -> Tensor:  # fmt: skip
    """`coarse_to_fine` of a method that reads style pictures, mixed or masked; where no mask covers it the photograph stays.

    The photograph takes the colours of the styles' pixels (`covariance.transport`), alpha of the way.
    texture, textures: so much of what textures(k, side) gives of the k-th style lies under flat places, see `nst.texture`.
    """
    brush = brush_for(brush, content)
    laid = alpha * texture_for(texture, brush)
    palettes = [mean_and_covariance(picture) for picture in mix.styles] if brush > 1 else []

    def coloured(content: Tensor, painting: Tensor) -> Tensor:
        grown = padded(content)
        made = mix.at(content).blend(grown, matcher(grown, palettes))[..., : content.shape[-2], : content.shape[-1]]
        return torch.lerp(content, made, alpha)

    def under(x: Tensor) -> Tensor:
        return under_flat_places(x, mix.at(x), textures, laid)

    amount = alpha if mix.masks is None else alpha * sum(mix.masks)
    return coarse_to_fine(lambda x: paint(x, mix.at(x)), content, brush, amount, coloured, under if laid else None)
