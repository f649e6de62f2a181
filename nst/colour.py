"""What becomes of the photograph's colours, in two ways: the painting gives its luminance only, or the style picture is recoloured
first (the idea of Gatys et al. 2017, "Controlling Perceptual Factors in Neural Style Transfer", arXiv 1611.07865, section 5).
"""

from __future__ import annotations

import torch
from torch import Tensor

from nst.covariance import mean_and_covariance, power_of

NOISE = (1 / 255) ** 2  # a variance of one 8-bit step: what rounding and JPEG leave of a colour that is not there
PRESERVE_COLOR = (False, True, "luminance", "coral")


def check_preserve_color(how: bool | str) -> None:
    """ValueError unless it is one of PRESERVE_COLOR."""
    if how not in PRESERVE_COLOR:
        raise ValueError(f"preserve_color={how!r}: expected False, 'luminance' (the same as True) or 'coral'")


def keep_color(painted: Tensor, content: Tensor) -> Tensor:
    """The painting's luminance with the content's colours: Y of one, I and Q of the other (section 5.1).

    Both (B, 3, H, W) in [0, 1] -> the same. Clipped where a luminance cannot have that colour.
    """
    from skimage.color import rgb2yiq, yiq2rgb  # brings scipy, which painting without it does not need

    yiq = rgb2yiq(content.detach().cpu().numpy(), channel_axis=1)
    yiq[:, :1] = rgb2yiq(painted.detach().cpu().numpy(), channel_axis=1)[:, :1]
    return torch.from_numpy(yiq2rgb(yiq, channel_axis=1)).to(painted.dtype).to(painted.device).clamp(0, 1)


def coral(style: Tensor, content: Tensor) -> Tensor:
    """The style picture in the content's colours: its pixels get the content's mean and covariance.

    CORAL (Sun, Feng & Saenko 2016, "Return of Frustratingly Easy Domain Adaptation", arXiv 1511.05547) on pixels; the same as WCT
    there: three channels, whitened and coloured. style (1, 3, H', W'), content (B, 3, H, W) -> (B, 3, H', W'), in [0, 1]; the
    clipping may take a little of the match away.
    Differs from public codes: they leave the division by the number of pixels out, which is wrong by sqrt(N_style / N_content) as
    soon as the two differ in size. A colour direction in which the style varies by no more than an 8-bit step stays empty: a grey
    print has nothing there to be made coloured but noise.
    """
    (mean, covariance), (style_mean, style_covariance) = mean_and_covariance(content), mean_and_covariance(style)
    change = power_of(covariance, 0.5, NOISE) @ power_of(style_covariance, -0.5, NOISE)  # (B, 3, 3)
    moved = change @ (style.flatten(2).cpu().double() - style_mean) + mean  # (B, 3, H'W')
    return moved.reshape(len(content), *style.shape[1:]).to(style.dtype).to(style.device).clamp(0, 1)
