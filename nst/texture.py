"""Flat places get the style's own texture: what a method makes of noise is laid under the photograph, where it is flat.

A clear sky has features that do not vary, and a method that maps features gives it back without a stroke; statistics of the whole
picture are met by its busy places. From noise the same method paints a texture of the style (Li et al. 2017, arXiv 1705.08086,
section 4.3, does so with WCT). Its strokes, faint under a sky, are something that the method can paint. The papers do without.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.controls import StyleMix
from nst.images import resize

Textures = Callable[[int, int], Tensor]  # (which style, side) -> its texture (1, 3, side, side), about 0 on average

AMOUNT = 0.15  # of the texture, of the methods that take any style, where nobody asks for another
GRAIN = 4  # pixels from one dot of the noise to the next: from finer noise comes a grain, from coarser noise come clouds
MARGIN = 32  # pixels of the noise beyond each edge, cut off again: the texture goes on where it begins
STROKES = 17  # pixels, odd: what is larger than this in a texture is no stroke of it, and is taken out
FLAT = 0.04  # standard deviation of the brightness around a place, of which on nothing is laid under it


def dots(side: int) -> Tensor:
    """The numbers of a normal distribution that `noise(side)` is made of: (1, 1, side / GRAIN, side / GRAIN)."""
    return torch.randn(1, 1, side // GRAIN, side // GRAIN, generator=torch.Generator().manual_seed(0))


def noise(side: int) -> Tensor:
    """Soft light dots on grey, (1, 3, side + 64, side + 64) in [0.5, 0.7], at random places.

    After `side` pixels, a multiple of GRAIN, they go on where they begin. They are `dots`, enlarged; what is below 0 or above 1 of
    them, `resize` cuts off.
    """
    around = F.pad(dots(side), (MARGIN // GRAIN,) * 4, mode="circular")
    return (0.5 + 0.2 * resize(around, (side + 2 * MARGIN,) * 2)).expand(1, 3, -1, -1)


def painted(paint: Callable[[Tensor], Tensor], side: int, where: torch.device) -> Tensor:
    """The texture (1, 3, side, side), about 0 on average, of what a method paints (1, 3, >= H, >= W) of `noise(side)`."""
    seen = noise(side).to(where)
    made = paint(seen)[..., : seen.shape[-2], : seen.shape[-1]].float().clamp(0, 1)
    around = F.avg_pool2d(made, STROKES, 1, STROKES // 2)
    return (made - around)[..., MARGIN:-MARGIN, MARGIN:-MARGIN].contiguous()


def side_for(size: tuple[int, int]) -> int:
    """The side of a texture for a picture of this size: one that repeats itself too often is seen to."""
    return 256 if max(size) <= 512 else 512


def flatness(content: Tensor) -> Tensor:
    """How flat a picture (B, 3, H, W) is around each place, 0 to 1: (B, 1, H, W)."""
    grey = content.mean(1, keepdim=True)

    def around(x: Tensor) -> Tensor:
        return F.avg_pool2d(F.avg_pool2d(x, 9, 1, 4, count_include_pad=False), 9, 1, 4, count_include_pad=False)

    deviation = (around(grey.square()) - around(grey).square()).clamp_min(0).sqrt()
    return (1 - deviation / FLAT).clamp_min_(0)


def under_flat_places(content: Tensor, mix: StyleMix, textures: Textures, amount: float) -> Tensor:
    """A picture (B, 3, H, W) with so much of its styles' textures under its flat places: the same shape, in [0, 1].

    Textures are mixed by the styles' weights or within their masks, which are of the picture's size.
    """
    height, width = size = content.shape[-2:]
    side = side_for(size)
    rows, columns = (torch.arange(n, device=content.device) % side for n in (height, width))
    shares = mix.weights if mix.masks is None else mix.masks
    laid = sum(share * textures(k, side)[..., rows[:, None], columns] for k, share in enumerate(shares)
               if isinstance(share, Tensor) or share)  # fmt: skip
    return (content + amount * flatness(content) * laid).clamp_(0, 1)
