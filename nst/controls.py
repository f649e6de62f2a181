"""What all four methods do with a picture besides painting it: the way of `content` through a `stylize`.

    content = check_picture(content, "content")     1 validate
    there, mix = prepared(content, style, …)        2 move: to the networks' device, float32, in [0, 1]
    painted = …                                     3 paint: the method's own
    return finished(painted, content, …)            4 give back: the content's size, range, colours and device

An experimenter steers them in the same words: `style` may be a list with `style_weights` or `masks`, and `preserve_color` keeps the
content's colours (`nst.colour`). After Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer" (arXiv
1611.07865).
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from nst.colour import check_preserve_color, coral, keep_color
from nst.decoders import padded
from nst.images import check_picture, load_mask, resize
from nst.support import memory
from nst.support.runtime import exactly

Stylize = TypeVar("Stylize", bound=Callable[..., Tensor])


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
        styles = style_pictures(style)
        if style_weights is not None and masks is not None:
            raise ValueError("style_weights and masks: expected one of them; put a weight into a mask's values instead")
        weights = _checked_weights(style_weights, len(styles))
        return cls(styles, weights, None if masks is None else check_masks(masks, len(styles), content))

    def at(self, content: Tensor) -> StyleMix:
        """The same styles for the content at another size: its masks are resized."""
        size = tuple(content.shape[-2:])
        if self.masks is None or self.masks[0].shape[-2:] == size:
            return self
        return replace(self, masks=[resize(mask, size) for mask in self.masks])

    def blend(self, features: Tensor, matched: Callable[[int, Tensor | None], Tensor]) -> Tensor:
        """The content's features (B, C, h, w) matched to each style and put together by weight, or mask by mask.

        matched(k, mask): the features with the k-th style's statistics in place of their own; mask (1, 1, h, w): the positions
            whose statistics are meant, None for all.
        """
        if self.masks is None:
            shares = [(k, weight) for k, weight in enumerate(self.weights) if weight]
            if len(shares) == 1:  # no copies of large maps
                return matched(shares[0][0], None)
            return sum(weight * matched(k, None) for k, weight in shares)
        blended = features
        for k, mask in enumerate(self.masks):
            small = F.adaptive_avg_pool2d(padded(mask.to(features)), features.shape[-2:])  # (1, 1, h, w)
            if small.any():
                blended = blended + small * (matched(k, small) - features)
        return blended


def style_pictures(style: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """`style` as a list of pictures (1, 3, H', W') each. Errors: see `StyleMix.of`."""
    style = getattr(style, "pictures", style)  # of those who have read them once
    one = isinstance(style, Tensor | Image.Image) or isinstance(style, np.ndarray) and style.ndim < 4
    if isinstance(style, str | os.PathLike) or not one and not isinstance(style, Iterable):
        raise TypeError(f"style: expected a picture (1, 3, H, W) or a list of them, got {style!r}; load_image reads a file")
    styles = [style] if one else list(style)
    if not styles:
        raise ValueError("style: expected a picture or a list of pictures, got an empty list")
    return [check_picture(picture, "style" if one else f"style[{k}]", one=True) for k, picture in enumerate(styles)]


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
    """Masks as (1, 1, H, W) each, scaled down where they overlap to more than 1. Errors: see `StyleMix.of`.

    A Pillow image and a NumPy array of whole numbers count as `images.load_mask` reads them: 255 is 1.
    """
    if len(masks) != count:
        raise ValueError(f"masks: expected one for each of the {count} styles, got {len(masks)}")
    checked = []
    for k, mask in enumerate(masks):
        if isinstance(mask, Image.Image) or isinstance(mask, np.ndarray) and mask.dtype.kind in "biu":
            try:
                mask = load_mask(mask)
            except ValueError as error:
                raise ValueError(f"masks[{k}]: {error}") from error
        mask = torch.as_tensor(mask).detach().float()
        if mask.shape[-2:] != content.shape[-2:] or mask.numel() != mask.shape[-2:].numel():
            expected = tuple(content.shape[-2:])
            raise ValueError(f"masks[{k}]: expected the content's size {expected}, got the shape {tuple(mask.shape)}")
        if not ((mask >= 0) & (mask <= 1)).all():  # nor where it is NaN
            hint = "; if they are 8-bit pixels, divide by 255" if mask.max() > 1 else ""
            raise ValueError(f"masks[{k}]: expected values from 0 to 1{hint}")
        checked.append(mask.reshape(1, 1, *content.shape[-2:]))
    if not sum(mask.sum() for mask in checked):
        raise ValueError("masks: all of them are empty, so nothing is painted; 1 is painted, 0 is not")
    shared = sum(checked).clamp_min(1)
    return [mask / shared for mask in checked]


def moved(picture: Tensor, where: torch.device) -> Tensor:
    """A checked picture as the networks take it: on their device, float32, in [0, 1], without a gradient."""
    return picture.detach().to(where, torch.float32).clamp(0, 1)


def prepared(
    content: Tensor, style: Tensor | Sequence[Tensor], style_weights: Sequence[float] | None, masks: Sequence[Tensor] | None,
    preserve_color: bool | str, where: torch.device,
) -> tuple[Tensor, StyleMix]:  # fmt: skip
    """A checked content (B, 3, H, W) and the styles, checked and `moved`: the second step of a method that reads style pictures.

    preserve_color: "coral" gives the style pictures the content's colours here; see `finished` for the others.
    Errors: see `StyleMix.of`, `colour.check_preserve_color`.
    """
    check_preserve_color(preserve_color)
    mix = StyleMix.of(content, style, style_weights, masks)
    content, styles = moved(content, where), [moved(picture, where) for picture in mix.styles]
    if preserve_color == "coral":
        styles = [coral(picture, content) for picture in styles]
    return content, replace(mix, styles=styles)


def finished(painted: Tensor, content: Tensor, preserve_color: bool | str) -> Tensor:
    """The last step of every method: what is painted (B, 3, >= H, >= W) cut to the content's size, in [0, 1], on its device.

    preserve_color: "luminance" (the same as True) gives it the content's hues (`colour.keep_color`); False leaves it, and so does
        "coral", which has recoloured the style pictures instead (`prepared`).
    """
    painted = painted[..., : content.shape[-2], : content.shape[-1]].float().clamp(0, 1)
    if preserve_color in (True, "luminance"):
        painted = keep_color(painted, moved(content, painted.device))
    return painted.to(content.device)


def advises_size(stylize: Stylize, trial: Callable[[dict[str, Any]], dict[str, Any]] = dict) -> Stylize:
    """`stylize(content, style, …)` that says, where the memory is not enough, which size would have fitted (MemoryError).

    It tries smaller contents, then smaller style pictures. trial: the options of such a try, in place of those that take long.
    """

    @functools.wraps(stylize)
    def advised(content: Tensor, style: Tensor | Sequence[Tensor], **options: Any) -> Tensor:
        def smaller_content(side: int) -> Tensor:
            whole, given = check_picture(content, "content"), trial(options)
            small = resize(whole, side)
            if given.get("masks") is not None:
                masks = check_masks(given["masks"], len(style_pictures(style)), whole)
                given["masks"] = [resize(mask, tuple(small.shape[-2:])) for mask in masks]
            return stylize(small, style, **given)

        def smaller_styles(side: int) -> Tensor:
            small = [resize(picture, side) if min(picture.shape[-2:]) > side else picture for picture in style_pictures(style)]
            return stylize(content, small, **trial(options))

        def advice() -> str:
            largest = max(style_pictures(style), key=lambda picture: picture.shape[-2:].numel())
            whole = check_picture(content, "content")
            for name, picture, again in (("content", whole, smaller_content), ("style", largest, smaller_styles)):
                if fits := memory.shorter_side_that_fits(again, *picture.shape[-2:]):
                    return memory.too_large(name, *picture.shape[-2:], fits)
            return memory.too_large("content", *whole.shape[-2:], None)

        with exactly():
            return memory.with_advice(lambda: stylize(content, style, **options), advice)

    return advised
