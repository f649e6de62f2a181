"""Match mean and standard deviation, decode: Huang & Belongie 2017, "Arbitrary Style Transfer in Real-time with Adaptive Instance
Normalization" (arXiv 1703.06868).

Instance normalisation gives every channel of a picture's features a learned mean and standard deviation, one pair per style.
AdaIN takes the pair from the features of a style picture instead: any style, with nothing to learn but the way back to a picture.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nst import losses, tiles
from nst.brush import check_brush, with_styles
from nst.controls import StyleMix, advises_size, finished, moved, prepared, style_pictures
from nst.covariance import Statistics, matcher, mean_and_covariance
from nst.decoders import Decoder, check_decoder, default_networks, device_of, padded
from nst.images import check_picture
from nst.support.arguments import check_share
from nst.texture import painted
from nst.vgg import VGG19

if TYPE_CHECKING:  # torchvision, which crops pictures, takes a second to import
    from nst.training.datasets import Batch

LAYER = "relu4_1"
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
MATCH_LAYERS = ("relu3_1", "relu4_1")
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
    return _with_moments(content_features, mean_and_std(style_features), mask)


def _with_moments(features: Tensor, moments: tuple[Tensor, Tensor], mask: Tensor | None = None) -> Tensor:
    """Features with another mean and standard deviation (B or 1, C, 1, 1)."""
    (mean, std), (style_mean, style_std) = mean_and_std(features, mask), moments
    return (style_std * (features - mean) / std + style_mean).to(features.dtype)


class AdaIN:
    """The networks, and style pictures that are read once: `stylize` takes it in place of `style`, to paint many contents.

    style: a picture (1, 3, H', W') or a list of them.   encoder, decoder: see `stylize`.
    ValueError: a decoder of another layer or encoder.
    """

    def __init__(self, style: Tensor | Sequence[Tensor], encoder: VGG19 | None = None, decoder: Decoder | None = None):
        self.pictures = style_pictures(style)
        self.encoder, decoders = default_networks(encoder, {"adain": decoder})
        self.decoder = decoders["adain"]
        self.where = device_of(self.encoder)
        self.textures_of: dict[tuple, Tensor] = {}  # what `texture` painted
        check_decoder("decoder", self.decoder, LAYER, self.encoder)

    @functools.cached_property
    def moments(self) -> list[tuple[Tensor, Tensor]]:
        """Mean and standard deviation (1, C, 1, 1) of each style at relu4_1."""
        return [mean_and_std(self.read(moved(picture, self.where))) for picture in self.pictures]

    @functools.cached_property
    def palettes(self) -> list[Statistics]:
        """Mean (1, 3, 1) and covariance (1, 3, 3) of each style's pixels."""
        return [mean_and_covariance(moved(picture, self.where)) for picture in self.pictures]

    def recoloured(self, pictures: list[Tensor]) -> AdaIN:
        """The same networks with other pictures (B or 1, 3, H', W') in the place of its own."""
        other = copy.copy(self)
        other.pictures, other.textures_of = pictures, {}
        for read in ("moments", "palettes"):
            other.__dict__.pop(read, None)
        return other

    def texture(self, k: int, side: int, palette: bool = True) -> Tensor:
        """What AdaIN paints of noise in the k-th style (1, 3, side, side), see `nst.texture`."""
        key = (k, side, palette)
        if key not in self.textures_of:
            alone = StyleMix(self.pictures, [float(k == other) for other in range(len(self.pictures))])
            self.textures_of[key] = painted(lambda x: self.paint(self.read(x), alone, 1.0, palette), side, self.where)
        return self.textures_of[key]

    @torch.no_grad()
    def read(self, picture: Tensor, tile: int | None = None) -> Tensor:
        """Features (B, C, h, w) at relu4_1 of a picture (B, 3, H, W) on the encoder's device, grown by `padded`."""
        picture = padded(picture)
        side = tiles.side_for(tile, *picture.shape[-2:]) or max(picture.shape[-2:])
        return tiles.encode(self.encoder, picture, LAYER, side)

    @torch.no_grad()
    def paint(self, features: Tensor, mix: StyleMix, alpha: float, palette: bool = True, tile: int | None = None) -> Tensor:
        """The painting (B, 3, 8 h, 8 w) of the content's features, not clipped."""
        height, width = (n * tiles.scale_of(LAYER) for n in features.shape[-2:])
        mixed = mix.blend(features, lambda k, mask: _with_moments(features, self.moments[k], mask))
        made = tiles.decode(self.decoder, features.lerp(mixed, alpha), tiles.side_for(tile, height, width) or max(height, width))
        return made.lerp_(mix.blend(made, matcher(made, self.palettes)), alpha) if palette else made


@advises_size
def stylize(content: Tensor, style: Tensor | Sequence[Tensor] | AdaIN, *, alpha: float = 1.0, brush: int | None = None,
            texture: float = 0.0, style_weights: Sequence[float] | None = None, masks: Sequence[Tensor] | None = None,
            preserve_color: bool | str = False, palette: bool = True, tile: int | None = None, encoder: VGG19 | None = None,
            decoder: Decoder | None = None) -> Tensor:  # fmt: skip
    """Paint `content` (B, 3, H, W) in the manner of `style` (1, 3, H', W'): float32, of the content's size and on its device, both
    RGB in [0, 1].

    style:   a picture, or a list of them, mixed by `style_weights` (equal if None) or each within its mask of `masks` (1, 1, H, W);
        or `AdaIN(pictures)`, which reads them once for many contents and brings its own networks.
    alpha:   0 gives the content's reconstruction, 1 the whole style; it blends the features before they are decoded (section 7.3).
    brush:   1, 2 or 4 times the size of the strokes, see `brush.coarse_to_fine`; None: 2 in a picture whose shorter side has more
        than 384 px, whose flat places stay empty else, and 1 in a smaller one. 2 takes a third more time than 1.
    texture: 0 to 1, how much of the style's texture, painted from noise, is laid under flat places of the content, which stay
        empty else; see `nst.texture`. `nst.stylize` takes 0.15.
    preserve_color: see `controls.prepared` and `finished`.
    palette: what the decoder paints gets the mean and covariance of the style's pixels (`covariance.transport`), alpha of the way.
    tile:    side in pixels of the squares in which a large picture is computed, see `tiles.side_for`; the result is the same.
    Differs from the paper: it has no palette, False. A small decoder has favourite colours, whatever the style.
    encoder, decoder: the lite encoder and the decoder trained with AdaIN's losses on it if None; see `decoders.default_networks`.
    ValueError / TypeError: a picture of another shape or dtype, alpha outside [0, 1], weights or masks that do not fit, a decoder
    of another layer or encoder. MemoryError: it does not fit; the message says which size would.
    """
    check_share("alpha", alpha)
    check_brush(brush)
    check_share("texture", texture)
    tiles.check_tile(tile)
    method = style if isinstance(style, AdaIN) else AdaIN(style, encoder, decoder)
    content = check_picture(content, "content")
    there, mix = prepared(content, method.pictures, style_weights, masks, preserve_color, method.where)
    if preserve_color == "coral":  # the styles are others for each content
        method = method.recoloured(mix.styles)

    def paint(x: Tensor, mix: StyleMix) -> Tensor:
        return method.paint(method.read(x, tile), mix, alpha, palette, tile)

    def texture_of(k: int, side: int) -> Tensor:
        return method.texture(k, side, palette)

    return finished(with_styles(paint, there, mix, brush, alpha, texture, texture_of), content, preserve_color)


class AdaINLoss:
    """`loss(decoder, encoder, batch, step)` for `nst.training.train`: is what the decoder makes of AdaIN's features what they say?

    content: the distance of the result's relu4_1 from t = AdaIN(f(c), f(s)) (eq. 12); style: that of its means and standard
    deviations at relu1_1 … relu4_1 from the style's (eq. 13). range: what lies outside [0, 1].
    Differs from the paper: each distance is relative to the variance of what it should be, so that the weight holds for every
    encoder. match_weight: what means and deviations say nothing of, that every place looks like a place of the style at relu3_1
    and relu4_1 (`losses.relaxed_emd`); `positions` of them are looked at, other ones in each step. content_weights, by
    layer: with relu3_1 beside relu4_1 the result is compared with AdaIN's features there, too, and more of the photograph's lines
    stay.
    ValueError: a content layer that is not among relu1_1 … relu4_1.
    """

    def __init__(self, style_weight: float = 10.0, range_weight: float = 10.0, content_weights: Mapping[str, float] | None = None,
                 match_weight: float = 0.0, positions: int = 1024):  # fmt: skip
        self.style_weight, self.range_weight = style_weight, range_weight
        self.match_weight, self.positions = match_weight, positions
        self.content_weights = dict(content_weights or {LAYER: 1.0})
        self.identity = {"loss": {"style_weight": style_weight, "range_weight": range_weight, "content": self.content_weights,
                                  "match_weight": match_weight, "positions": positions}}  # fmt: skip
        if unknown := sorted({*self.content_weights} - {*STYLE_LAYERS}):
            raise ValueError(f"content_weights: expected layers among {', '.join(STYLE_LAYERS)}, got {', '.join(unknown)}")

    def __call__(self, decoder: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        content, styles = encoder(batch.content, {LAYER, *self.content_weights}), encoder(batch.style, STYLE_LAYERS)
        targets = {k: adaptive_instance_norm(features, styles[k]) for k, features in content.items()}
        output = decoder(targets[LAYER])
        found = encoder(output, STYLE_LAYERS)
        matched = {"match": self.match(found, styles, step)} if self.match_weight else {}
        return matched | {
            "content": sum(w * losses.content_loss(found[k], targets[k], "batch") for k, w in self.content_weights.items()),
            "style": self.style_weight * sum(statistics_loss(found[k], styles[k]) for k in STYLE_LAYERS) / len(STYLE_LAYERS),
            "range": self.range_weight * losses.range_penalty(output),
        }

    def match(self, found: dict[str, Tensor], styles: dict[str, Tensor], step: int) -> Tensor:
        """The weighted sum of `losses.relaxed_emd` over MATCH_LAYERS, each picture of the batch against its own style."""
        pairs = [[f[k] for f in (found, styles)] for k in MATCH_LAYERS]
        drawn = [[losses.places(f, losses.positions(f, self.positions, step)) for f in pair] for pair in pairs]
        return self.match_weight * sum(losses.relaxed_emd(made, wanted) for made, wanted in drawn)


def statistics_loss(features: Tensor, style_features: Tensor) -> Tensor:
    """Mean over channels of (mean - mean_s)^2 + (std - std_s)^2, divided by that of std_s^2, picture by picture; their mean.

    Divided by the mean over the whole batch, a bold style would drown a quiet one (Cheng et al. 2021, arXiv 2104.10064). That mean
    is still a tenth of the divisor, or a flat crop of a style would drown all the others.
    """
    mean, std = mean_and_std(features)
    style_mean, style_std = mean_and_std(style_features)
    squares = ((mean - style_mean).square() + (std - style_std).square()).flatten(1).mean(1)  # (B,)
    scale = style_std.square().flatten(1).mean(1)
    return (squares / (0.9 * scale + 0.1 * scale.mean())).mean()
