"""Match mean and standard deviation, decode: Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance
Normalization" (arXiv 1703.06868).

Instance normalisation gives every channel of a picture's features a learned mean and standard deviation, one pair per style.
AdaIN takes the pair from the features of a style picture instead: any style, with nothing to learn but the way back to a picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nst import losses, tiles
from nst.controls import StyleMix, in_colours
from nst.covariance import transport
from nst.decoders import Decoder, check_decoder, default_networks, device_of, padded
from nst.images import check_picture
from nst.support.arguments import check_share
from nst.vgg import VGG19

if TYPE_CHECKING:  # torchvision, which crops pictures, takes a second to import
    from nst.training.datasets import Batch

LAYER = "relu4_1"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
EPSILON = 1e-5  # added to the variance, inside the root: outside, a dead channel's gradient would be NaN


def mean_and_std(features: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(B, C, H, W) -> mean and standard deviation (B, C, 1, 1) over the positions, or over those of a mask (B or 1, 1, H, W).

    The variance is the biased one (divided by H W): a map of one position has the variance 0, not NaN.
    """
    features = features.float() if features.dtype == torch.float16 else features  # their squares go beyond it
    if mask is None:
        variance, mean = torch.var_mean(features, (2, 3), correction=0, keepdim=True)
        return mean, (variance + EPSILON).sqrt()
    share = mask.to(features).expand(len(features), -1, -1, -1)
    share = share / share.sum((2, 3), keepdim=True).clamp_min(1e-8)  # (B, 1, H, W), sums to 1
    mean = (share * features).sum((2, 3), keepdim=True)
    variance = (share * (features - mean).square()).sum((2, 3), keepdim=True)
    return mean, (variance + EPSILON).sqrt()


def adaptive_instance_norm(content_features: Tensor, style_features: Tensor, mask: Tensor | None = None) -> Tensor:
    """AdaIN(x, y) = std(y) (x - mean(x)) / std(x) + mean(y), channel by channel (eq. 8).

    content_features (B, C, H, W), style_features (B or 1, C, H', W') -> (B, C, H, W).
    mask (1, 1, H, W): the positions whose mean and standard deviation are taken as x's. ValueError: another number of channels.
    """
    if content_features.shape[1] != style_features.shape[1]:
        raise ValueError(f"style_features: expected {content_features.shape[1]} channels, got {style_features.shape[1]}")
    mean, std = mean_and_std(content_features, mask)
    style_mean, style_std = mean_and_std(style_features)
    return (style_std * (content_features - mean) / std + style_mean).to(content_features.dtype)


def stylize(content: Tensor, style: Tensor | Sequence[Tensor], *, alpha: float = 1.0, style_weights: Sequence[float] | None = None,
            masks: Sequence[Tensor] | None = None, preserve_color: bool | str = False, palette: bool = True,
            tile: int | None = None, encoder: VGG19 | None = None, decoder: Decoder | None = None) -> Tensor:  # fmt: skip
    """Paint `content` (B, 3, H, W) in the manner of `style` (1, 3, H', W'): the content's size, both RGB in [0, 1].

    style:   a picture, or a list of them, mixed by `style_weights` (equal if None) or each within its mask of `masks` (1, 1, H, W).
    alpha:   0 gives the content's reconstruction, 1 the whole style; it blends the features before they are decoded (section 7.3).
    preserve_color: see `controls.in_colours`.
    palette: what the decoder paints gets the mean and covariance of the style's pixels (`covariance.transport`), alpha of the way.
    tile:    side in pixels of the squares in which a large picture is computed, see `tiles.side_for`; the result is the same.
    Differs from the paper: it has no palette, False. A small decoder has favourite colours, whatever the style.
    encoder, decoder: the lite encoder and the decoder trained with AdaIN's losses on it if None; see `decoders.default_networks`.
    ValueError / TypeError: a picture of another shape or dtype, alpha outside [0, 1], weights or masks that do not fit, a decoder
    of another layer or encoder.
    """
    check_share("alpha", alpha)
    tiles.check_tile(tile)
    mix = StyleMix.of(check_picture(content, "content"), style, style_weights, masks)
    encoder, decoders = default_networks(encoder, {"adain": decoder})
    check_decoder("decoder", decoder := decoders["adain"], LAYER, encoder)

    @torch.no_grad()
    def paint(content: Tensor, mix: StyleMix) -> Tensor:
        picture = padded(content)
        side = tiles.side_for(tile, picture) or max(picture.shape[-2:])
        features = tiles.encode(encoder, picture, LAYER, side)  # (B, C, H/8, W/8)
        styles = [encoder(padded(picture), [LAYER])[LAYER] for picture in mix.styles]
        features.lerp_(mix.blend(features, styles, adaptive_instance_norm), alpha)
        made = tiles.decode(decoder, features, side)
        return made.lerp_(mix.blend(made, mix.styles, transport), alpha) if palette else made

    return in_colours(paint, content, mix, preserve_color, device_of(encoder))


class AdaINLoss:
    """`loss(decoder, encoder, batch, step)` for `nst.training.train`: is what the decoder makes of AdaIN's features what they say?

    content: the distance of the result's relu4_1 from t = AdaIN(f(c), f(s)) (eq. 12); style: that of its means and standard
    deviations at relu1_1 … relu4_1 from the style's (eq. 13). range: what lies outside [0, 1].
    Differs from the paper: each distance is relative to the variance of what it should be over the batch, so that the weight holds
    for every encoder. content_weights, by layer: with relu3_1 beside relu4_1 the result is compared with AdaIN's features there,
    too, and more of the photograph's lines stay.
    ValueError: a content layer that is not among relu1_1 … relu4_1.
    """

    def __init__(self, style_weight: float = 10.0, range_weight: float = 10.0, content_weights: Mapping[str, float] | None = None):
        self.style_weight, self.range_weight = style_weight, range_weight
        self.content_weights = dict(content_weights or {LAYER: 1.0})
        self.identity = {"loss": {"style_weight": style_weight, "range_weight": range_weight, "content": self.content_weights}}
        if unknown := sorted({*self.content_weights} - {*STYLE_LAYERS}):
            raise ValueError(f"content_weights: expected layers among {', '.join(STYLE_LAYERS)}, got {', '.join(unknown)}")

    def __call__(self, decoder: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        content, styles = encoder(batch.content, {LAYER, *self.content_weights}), encoder(batch.style, STYLE_LAYERS)
        targets = {k: adaptive_instance_norm(features, styles[k]) for k, features in content.items()}
        output = decoder(targets[LAYER])
        found = encoder(output, STYLE_LAYERS)
        return {
            "content": sum(w * losses.content_loss(found[k], targets[k], "batch") for k, w in self.content_weights.items()),
            "style": self.style_weight * sum(statistics_loss(found[k], styles[k]) for k in STYLE_LAYERS) / len(STYLE_LAYERS),
            "range": self.range_weight * losses.range_penalty(output),
        }


def statistics_loss(features: Tensor, style_features: Tensor) -> Tensor:
    """Mean over batch and channels of (mean - mean_s)^2 + (std - std_s)^2, divided by the mean of std_s^2 over both."""
    mean, std = mean_and_std(features)
    style_mean, style_std = mean_and_std(style_features)
    squares = (mean - style_mean).square() + (std - style_std).square()
    return squares.mean() / style_std.square().mean()
