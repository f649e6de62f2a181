"""What an experimenter wants to steer: several styles, each in its place, and the photograph's own colours.

The same words in every method: `style` may be a list with `style_weights` or `masks`, and `preserve_color` keeps the content's
colours. After Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer" (arXiv 1611.07865).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.decoders import padded
from nst.images import check_picture

NOISE = (1 / 255) ** 2  # a variance of one 8-bit step: what rounding and JPEG leave of a colour that is not there
PRESERVE_COLOR = (False, True, "luminance", "coral")
Transform = Callable[[Tensor, Tensor, Tensor | None], Tensor]  # (content features, style features, mask) -> features


def check_share(name: str, value: float) -> None:
    """ValueError unless 0 <= value <= 1."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise ValueError(f"{name}={value!r}: expected a number from 0 to 1")


def check_preserve_color(how: bool | str) -> None:
    """ValueError unless it is one of PRESERVE_COLOR."""
    if how not in PRESERVE_COLOR:
        raise ValueError(f"preserve_color={how!r}: expected False, 'luminance' (the same as True) or 'coral'")


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
        styles = [style] if isinstance(style, Tensor) else list(style)
        if not styles:
            raise ValueError("style: expected a picture or a list of pictures, got an empty list")
        for k, picture in enumerate(styles):
            name = "style" if isinstance(style, Tensor) else f"style[{k}]"
            if len(check_picture(picture, name)) != 1:
                raise ValueError(f"{name}: expected one picture (1, 3, H, W), got a batch of {len(picture)}; a list mixes several")
        if style_weights is not None and masks is not None:
            raise ValueError("style_weights and masks: expected one of them; put a weight into a mask's values instead")
        weights = _checked_weights(style_weights, len(styles))
        return cls(styles, weights, None if masks is None else check_masks(masks, len(styles), content))

    def blend(self, features: Tensor, style_features: Sequence[Tensor], transform: Transform) -> Tensor:
        """The content's features (B, C, h, w) transformed to each style and put together by weight, or mask by mask."""
        if self.masks is None:
            pairs = zip(self.weights, style_features, strict=True)
            return sum(weight * transform(features, style, None) for weight, style in pairs if weight)
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
        mask = torch.as_tensor(mask).float()
        if mask.shape[-2:] != content.shape[-2:] or mask.numel() != mask.shape[-2:].numel():
            expected = tuple(content.shape[-2:])
            raise ValueError(f"masks[{k}]: expected the content's size {expected}, got the shape {tuple(mask.shape)}")
        if not torch.isfinite(mask).all() or mask.min() < 0 or mask.max() > 1:
            raise ValueError(f"masks[{k}]: expected values from 0 to 1")
        checked.append(mask.reshape(1, 1, *content.shape[-2:]))
    if not sum(mask.sum() for mask in checked):
        raise ValueError("masks: all of them are empty")
    shared = sum(checked).clamp_min(1)
    return [mask / shared for mask in checked]


def run(paint: Callable[[Tensor, StyleMix], Tensor], content: Tensor, mix: StyleMix, preserve_color: bool | str,
        where: torch.device) -> Tensor:  # fmt: skip
    """`paint(content, mix)` with the colours treated, on a device; the result has the content's size and place, in [0, 1]."""
    check_preserve_color(preserve_color)
    there = content.detach().to(where, torch.float32).clamp(0, 1)
    styles = [style.detach().to(where, torch.float32).clamp(0, 1) for style in mix.styles]
    if preserve_color == "coral":
        styles = [coral(style, there) for style in styles]
    height, width = content.shape[-2:]
    painted = paint(there, replace(mix, styles=styles))[..., :height, :width].clamp(0, 1)
    return (keep_color(painted, there) if preserve_color in (True, "luminance") else painted).to(content.device)


def keep_color(painted: Tensor, content: Tensor) -> Tensor:
    """The painting's luminance with the content's colours: Y of one, I and Q of the other (1611.07865, section 5.1).

    Both (B, 3, H, W) in [0, 1] -> the same. Clipped where a luminance cannot have that colour.
    """
    from skimage.color import rgb2yiq, yiq2rgb  # brings scipy, which nothing else here needs

    yiq = rgb2yiq(content.cpu().numpy(), channel_axis=1)
    yiq[:, :1] = rgb2yiq(painted.cpu().numpy(), channel_axis=1)[:, :1]
    return torch.from_numpy(yiq2rgb(yiq, channel_axis=1)).to(painted.dtype).to(painted.device).clamp(0, 1)


def coral(style: Tensor, content: Tensor) -> Tensor:
    """The style picture in the content's colours: its pixels get the content's mean and covariance (1611.07865, section 5.2).

    style (1, 3, H', W'), content (B, 3, H, W) -> (B, 3, H', W'), in [0, 1]; the clipping may take a little of the match away.
    Covariances are divided by the number of pixels. (Public codes leave that out, which is wrong by sqrt(N_style / N_content) as
    soon as the two differ in size.) A colour direction in which the style varies by no more than an 8-bit step stays empty: a grey
    print has nothing there to be made coloured but noise.
    """
    pixels, (mean, root) = style.flatten(2).cpu().double(), _root_of_covariance(content, 0.5)
    style_mean, inverse_root = _root_of_covariance(style, -0.5)
    moved = root @ inverse_root @ (pixels - style_mean) + mean  # (B, 3, H'W')
    return moved.reshape(len(content), *style.shape[1:]).to(style.dtype).to(style.device).clamp(0, 1)


def _root_of_covariance(picture: Tensor, exponent: float) -> tuple[Tensor, Tensor]:
    """Mean (B, 3, 1) of a picture's pixels and their covariance (B, 3, 3) to the power of `exponent`, float64 on the CPU."""
    pixels = picture.flatten(2).cpu().double()
    mean = pixels.mean(2, keepdim=True)
    covariance = (pixels - mean) @ (pixels - mean).mT / pixels.shape[2]
    values, vectors = torch.linalg.eigh(covariance)
    powers = torch.where(values > NOISE, values.clamp_min(NOISE) ** exponent, 0)
    return mean, vectors @ torch.diag_embed(powers) @ vectors.mT
