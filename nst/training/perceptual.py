"""Gatys' loss as the loss of a network: Johnson, Alahi & Fei-Fei 2016 (arXiv 1603.08155, section 3.2), on any encoder.

    loss(net) = mean over photographs x of  content(net(x), x) + style(net(x), s) + total variation(net(x))

The style s is one picture, so its Gram matrices are computed once; the content changes with every batch.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from nst import losses
from nst.images import check_picture, resize
from nst.support.arguments import check_choice, check_number, check_whole
from nst.training import together

if TYPE_CHECKING:  # torchvision, which crops pictures, takes a second to import
    from nst.training.datasets import Batch

STYLE_SIZE = 256  # the style's shorter side, whatever the crops: a Gram matrix has no position, but a stroke has a size


@dataclass(frozen=True)
class PerceptualConfig:
    """What a network is trained on. The class methods give the published recipes; keywords change fields.

    Johnson's layers are named for VGG-16; here the layers of the same names of VGG-19 are taken.
    """

    content_layers: tuple[str, ...] = ("relu4_2",)
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    content_weight: float = 1.0
    style_weight: float = 1.0
    style_layer_weights: tuple[float, ...] | None = None  # one per style layer; None: 1 each
    tv_weight: float = 0.0
    match_weight: float = 0.0  # see losses.relaxed_emd; 0: Johnson's loss, which does not match places
    match_layers: tuple[str, ...] = ("relu3_1", "relu4_1")
    match_positions: int = 1024  # of each layer's map that are looked at, drawn at random, other ones in every step
    range_weight: float = 0.0  # times the mean square of what lies outside [0, 1]
    content_form: str = "relative"  # see losses.content_loss
    style_form: str = "relative"  # see losses.style_loss
    gram_divide_by: str = "chw"  # see losses.gram_matrix
    style_warmup: int = 0  # steps over which the style weight rises from 0
    network: str = losses.ANY_NETWORK  # the network and activation domain that the weights are stated for

    def __post_init__(self):
        for name, allowed in {"content_form": losses.CONTENT_FORMS, "style_form": losses.STYLE_FORMS,
                              "gram_divide_by": losses.GRAM_DIVISORS}.items():  # fmt: skip
            check_choice(name, getattr(self, name), allowed)
        for name in ("content_weight", "style_weight", "tv_weight", "match_weight", "range_weight", "style_warmup"):
            check_number(name, getattr(self, name))
        check_whole("match_positions", self.match_positions)
        losses.check_layers(self)

    @classmethod
    def default(cls, **changes) -> PerceptualConfig:
        """The course's recipe: the scale-free losses of `GatysConfig.default()`, style warmed up. A network asked for all the
        style from its first step forgets the photograph and never finds back to it. Content is relative to the batch's variance:
        see `losses.content_loss`.
        """
        recipe = cls(style_weight=1.0, tv_weight=5.0, range_weight=10.0, content_form="batch", style_warmup=300)
        return replace(recipe, **changes)

    @classmethod
    def recorded(cls, values: dict) -> PerceptualConfig:
        """The recipe that a network's file has in its metadata, `net.metadata["loss"]`: JSON has lists where this has tuples."""
        return cls(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})

    @classmethod
    def johnson_paper(cls, **changes) -> PerceptualConfig:
        """Section 4.1 of 1603.08155: content relu2_2, style relu1_2 … relu4_3, total variation between 1e-6 and 1e-4.

        Differs from the paper: it does not state its style weight; 5 is its authors' code's, and so is the mean (not the sum) over
        a Gram matrix's entries that goes with it. Total variation is a mean here.
        """
        recipe = cls(content_layers=("relu2_2",), style_layers=("relu1_2", "relu2_2", "relu3_3", "relu4_3"), style_weight=5.0,
                     tv_weight=1e-6, content_form="mean", style_form="mean", network="VGG-16, BGR 0-255")  # fmt: skip
        return replace(recipe, **changes)

    @classmethod
    def johnson_code(cls, **changes) -> PerceptualConfig:
        """The authors' Lua code: as the paper, but the content is relu3_3 (its layer 16). Its tanh x 150 is not taken over."""
        return cls.johnson_paper(**{"content_layers": ("relu3_3",), **changes})

    @classmethod
    def pytorch_examples(cls, **changes) -> PerceptualConfig:
        """pytorch/examples, fast_neural_style: content relu2_2 x 1e5, style x 1e10, no total variation, Gram / (C H W)."""
        recipe = {"content_weight": 1e5, "style_weight": 1e10, "tv_weight": 0.0,
                  "network": "torchvision's VGG-16, ImageNet normalisation"}  # fmt: skip
        return cls.johnson_paper(**{**recipe, **changes})


class PerceptualLoss:
    """`loss(net, encoder, batch, step)` for `nst.training.train`: the parts of the loss of net(batch.content).

    style: one picture (1, 3, H, W) in [0, 1], brought to a shorter side of 256 px.
    """

    def __init__(self, config: PerceptualConfig, encoder: nn.Module, style: Tensor):
        style = check_picture(style, "style", one=True)
        if min(style.shape[-2:]) < 64:
            raise ValueError(f"style: {tuple(style.shape[-2:])} is too small, expected a shorter side of at least 64 px")
        losses.warn_of_another_network(config, encoder)
        self.config = config
        pixels = (style.detach().cpu() * 255).round().to(torch.uint8).numpy().tobytes()
        self.identity = {"loss": vars(config), "style": hashlib.sha256(pixels).hexdigest()}  # a run goes on under the same only
        with torch.no_grad():
            self.matched = config.match_layers if config.match_weight else ()
            where = next(encoder.parameters()).device
            found = encoder(resize(style, STYLE_SIZE).to(where), {*config.style_layers, *self.matched})
            self.grams = {k: losses.gram_matrix(found[k], config.gram_divide_by) for k in config.style_layers}  # {layer: (1, C, C)}
            self.maps = {k: found[k] for k in self.matched}  # {layer: (1, C, H, W)}

    def __call__(self, net: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        config = self.config
        with torch.no_grad():
            content = encoder(batch.content, config.content_layers)
        warm = min(1.0, (step + 1) / config.style_warmup) if config.style_warmup else 1.0
        of_all = {k: together.variance(f) for k, f in content.items()} if config.content_form == "batch" else None
        return self.parts(net(batch.content), content, encoder, warm, step, of_all)

    def parts(self, output: Tensor, content: dict[str, Tensor], encoder: nn.Module, warm: float = 1.0,
              step: int = 0, variances: dict[str, Tensor] | None = None) -> dict[str, Tensor]:  # fmt: skip
        """{"content", "style"[, "match"][, "tv"][, "range"]}, weighted, for pictures (B, 3, H, W).

        content: {content layer: features} of the photographs, and variances theirs, where processes have more of them than these;
        step: another one looks at other places.
        """
        config = self.config
        found = encoder(output, {*config.content_layers, *config.style_layers, *self.matched})
        self.grams = {k: gram.to(output.device) for k, gram in self.grams.items()}  # each process may have a device of its own
        parts = losses.content_and_style(config, found, content, self.grams, variances=variances)
        parts["style"] = warm * parts["style"]
        if self.matched:
            parts["match"] = warm * losses.match(config, found, {k: [self._match(found[k], k, step)] for k in self.matched})
        if config.tv_weight:
            parts["tv"] = config.tv_weight * losses.total_variation(output)
        if config.range_weight:
            parts["range"] = config.range_weight * losses.range_penalty(output)
        return parts

    def _match(self, features: Tensor, layer: str, step: int) -> tuple[Tensor, Tensor]:
        """For `losses.match`: positions of features (B, C, H, W), and places (1, C, M) of the style."""
        count, style = self.config.match_positions, self.maps[layer].to(features.device)
        return losses.positions(features, count, step), losses.places(style, losses.positions(style, count, step))
