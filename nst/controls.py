"""What an experimenter wants to steer: several styles, each in its place.

The same words in every method: `style` may be a list with `style_weights` or `masks`, and `preserve_color` keeps the content's
colours (`nst.colour`). After Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer" (arXiv 1611.07865).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.colour import check_preserve_color, coral, keep_color
from nst.decoders import padded
from nst.images import check_picture, resize
from nst.support import memory
from nst.support.runtime import exactly

Transform = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # (content features, style features, mask) -> features


@dataclass(frozen=True)
class StyleMix:
    """Style pictures with a weight each, or a mask each: where on the content it is to be seen."""

    styles: list[Tensor]  # (1, 3, H', W') each
    weights: list[float]  # they sum to 1
    masks: list[Tensor] | None = None  # (1, 1, H, W) each, of the content's size; nowhere do they sum to more than 1

    @classmethod
    def of(cls, content: Tensor, style: Tensor | Sequence[Tensor], style_weights: Sequence[float] | None = None,
           masks: Sequence[Tensor] | None = None) -> StyleMix:  # fmt: skip
        """Checked and normalised. A picture that no mask covers keeps its features there; where masks overlap they share.

        ValueError / TypeError: no style, a batch of them, weights or masks that are too few, too many, negative or all zero, not
        finite, or of another size than the content; both weights and masks.
        """
        if isinstance(style, str | os.PathLike) or not isinstance(style, Tensor | Iterable):
            raise TypeError(f"style: expected a picture (1, 3, H, W) or a list of them, got {style!r}; load_image reads a file")
        styles = [style] if isinstance(style, Tensor) else list(style)
        if not styles:
            raise ValueError("style: expected a picture or a list of pictures, got an empty list")
        for k, picture in enumerate(styles):
            check_picture(picture, "style" if isinstance(style, Tensor) else f"style[{k}]", one=True)
        if style_weights is not None and masks is not None:
            raise ValueError("style_weights and masks: expected one of them; put a weight into a mask's values instead")
        weights = _checked_weights(style_weights, len(styles))
        return cls(styles, weights, None if masks is None else check_masks(masks, len(styles), content))

    def blend(self, features: Tensor, style_features: Sequence[Tensor], transform: Transform) -> Tensor:
        """The content's features (B, C, h, w) transformed to each style and put together by weight, or mask by mask."""
        if self.masks is None:
            pairs = [(weight, style) for weight, style in zip(self.weights, style_features, strict=True) if weight]
            if len(pairs) == 1:  # no copies of large maps
                return transform(features, pairs[0][1], None)
            return sum(weight * transform(features, style, None) for weight, style in pairs)
        blended = features
        for mask, style in zip(self.masks, style_features, strict=True):
            small = F.adaptive_avg_pool2d(padded(mask.to(features)), features.shape[-2:])  # (1, 1, h, w)
            if small.any():
                blended = blended + small * (transform(features, style, small) - features)
        return blended


def _checked_weights(weights: Sequence[float] | None, count: int) -> list[float]:
    if weights is None:
        return [1 / count] * count
    weights = [float(w) for w in weights]
    if len(weights) != count:
        raise ValueError(f"style_weights: expected one for each of the {count} styles, got {len(weights)}")
    if not all(0 <= w < float("inf") for w in weights) or not sum(weights):
        raise ValueError(f"style_weights={weights}: expected numbers of at least 0, and one above 0")
    return [w / sum(weights) for w in weights]


def check_masks(masks: Sequence[Tensor], count: int, content: Tensor) -> list[Tensor]:
    """Masks as (1, 1, H, W) each, scaled down where they overlap to more than 1. Errors: see `StyleMix.of`."""
    if len(masks) != count:
        raise ValueError(f"masks: expected one for each of the {count} styles, got {len(masks)}")
    checked = []
    for k, mask in enumerate(masks):
        mask = torch.as_tensor(mask).detach().float()
        if mask.shape[-2:] != content.shape[-2:] or mask.numel() != mask.shape[-2:].numel():
            expected = tuple(content.shape[-2:])
            raise ValueError(f"masks[{k}]: expected the content's size {expected}, got the shape {tuple(mask.shape)}")
        if not ((mask >= 0) & (mask <= 1)).all():  # nor where it is NaN
            raise ValueError(f"masks[{k}]: expected values from 0 to 1")
        checked.append(mask.reshape(1, 1, *content.shape[-2:]))
    if not sum(mask.sum() for mask in checked):
        raise ValueError("masks: all of them are empty")
    shared = sum(checked).clamp_min(1)
    return [mask / shared for mask in checked]


def in_colours(paint: Callable[[Tensor, StyleMix], Tensor], content: Tensor, mix: StyleMix, preserve_color: bool | str,
               where: torch.device, trial: Callable[[Tensor, StyleMix], Tensor] | None = None) -> Tensor:  # fmt: skip
    """`paint(content, mix)` on a device, in the colours wanted; the result has the content's size and place, in [0, 1].

    preserve_color: False; "luminance" (the same as True) gives the painting the content's hues (`colour.keep_color`); "coral" gives
        the style pictures the content's colours first (`colour.coral`).
    MemoryError: it does not fit; the message says which size would, tried with `trial`, in place of a `paint` that takes long.
    """
    check_preserve_color(preserve_color)
    there = content.detach().to(where, torch.float32).clamp(0, 1)
    styles = [style.detach().to(where, torch.float32).clamp(0, 1) for style in mix.styles]
    if preserve_color == "coral":
        styles = [coral(style, there) for style in styles]
    height, width = content.shape[-2:]
    mix = replace(mix, styles=styles)
    with exactly(where):
        painted = memory.or_what_size_fits(
            lambda: paint(there, mix), lambda side: (trial or paint)(*_smaller(there, mix, side)), height, width
        )[..., :height, :width].float().clamp(0, 1)
    return (keep_color(painted, there) if preserve_color in (True, "luminance") else painted).to(content.device)


def _smaller(content: Tensor, mix: StyleMix, side: int) -> tuple[Tensor, StyleMix]:
    small = resize(content, side)
    masks = mix.masks and [resize(mask, tuple(small.shape[-2:])) for mask in mix.masks]
    return small, replace(mix, masks=masks)
