"""Loss weights from one project's convention to another's.

"Style weight 1e6" means nothing by itself. The number belongs to a division of the Gram matrix, a reduction of the squares, and the
scale of the network's activations: features times s make a content loss s^2 and a style loss s^4 as large. Here a convention is
written down as what it is, a factor before the plain sums

    content: sum (F - P)^2        style: sum (G - A)^2,  G = F F^T with nothing divided

of the network in use, and a weight is translated by the quotient of two such factors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from nst import losses
from nst.gatys import GatysConfig
from nst.support.arguments import check_choice
from nst.vgg import VGG19

REDUCTIONS = ("sum", "half_sum", "quarter_sum", "mean")


@dataclass(frozen=True)
class Convention:
    """How a project writes its losses. All conventions assume content and style of the same size wherever they divide by H W."""

    gram_divide_by: str = "chw"  # "chw", "hw" or "none", as in losses.gram_matrix
    content_reduction: str = "mean"  # of the squared differences: "sum", "half_sum", "mean"
    style_reduction: str = "mean"  # "sum", "quarter_sum" or "mean" over the C x C entries
    # layer -> how large its features are there, as a multiple of those of the network in use; empty: it is that very network
    activations: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self):
        for name, allowed in {
            "gram_divide_by": losses.GRAM_DIVISORS,
            "content_reduction": REDUCTIONS,
            "style_reduction": REDUCTIONS,
        }.items():
            check_choice(name, getattr(self, name), allowed)

    def scale(self, layer: str) -> float:
        """How many times as large the features are there. ValueError: nobody knows, since the two networks differ in that layer."""
        if self.activations and layer not in self.activations:
            known = ", ".join(self.activations)
            raise ValueError(f"{layer}: no weight translates there, the two networks have other features; they share {known}")
        return self.activations.get(layer, 1.0)

    def content_factor(self, layer: str, channels: int, positions: int) -> float:
        """What stands before sum (F - P)^2 of the network in use."""
        return self.scale(layer) ** 2 * _reduce(self.content_reduction, channels * positions)

    def style_factor(self, layer: str, channels: int, positions: int) -> float:
        """What stands before sum (G - A)^2 of the network in use, with undivided Gram matrices."""
        divisor = {"chw": channels * positions, "hw": positions, "none": 1}[self.gram_divide_by]
        return self.scale(layer) ** 4 / divisor**2 * _reduce(self.style_reduction, channels**2)


def _reduce(reduction: str, entries: int) -> float:
    return {"sum": 1.0, "half_sum": 0.5, "quarter_sum": 0.25, "mean": 1 / entries}[reduction]


# The published conventions (the numbers that go with them: GatysConfig's recipes, and the projects' own pages).
TUTORIAL = Convention()  # the PyTorch tutorial, and the article
PAPER = Convention("chw", "half_sum", "quarter_sum")  # 1508.06576: 1 / (4 N^2 M^2) is 1/4 of squares divided by C H W
GATYS_NOTEBOOK = Convention("hw")
NEURAL_STYLE = Convention("chw")  # jcjohnson/neural-style and neural-style-pt
TENSORFLOW = Convention("hw")  # the TensorFlow tutorial


def with_activations(convention: Convention, activations: Mapping[str, float]) -> Convention:
    """The same losses on another network: `activations` says how large its features are, layer by layer, beside those in use."""
    return replace(convention, activations=dict(activations))


def on_caffe_vgg19(convention: Convention, encoder: VGG19) -> Convention:
    """The same losses on the original VGG-19 (Caffe's: BGR, 0 … 255), where `encoder`, a student of it like "lite", is in use.

    Up to relu3_4 the lite encoder has VGG-19's own channels, one for one and each layer times one number (its metadata's
    `teacher_scale`), so that a weight published for VGG-19 translates as exactly as the student has learned. Above, it has a
    quarter of the channels, another network's: there no weight translates, and `translate` says so.
    ValueError: an encoder whose metadata names no teacher.
    """
    scales, teachers = (encoder.metadata.get(fact, {}) for fact in ("teacher_scale", "teacher"))
    shared = [layer[4:] for layer in scales if teachers.get(layer) == "VGG-19"]
    if not shared:
        raise ValueError("encoder: its metadata names no layer that is VGG-19's; the lite encoder's does")
    return with_activations(convention, {kind + k: scales["relu" + k] for k in shared for kind in ("conv", "relu")})


def translate(
    config: GatysConfig, source: Convention, target: Convention, shapes: Mapping[str, tuple[int, int, int]]
) -> GatysConfig:
    """`config` with weights stated in `source` restated in `target`: the same gradient for the picture, in other numbers.

    shapes: {layer: (C, H, W)} of the feature maps of the network in use,
        `{k: tuple(f.shape[1:]) for k, f in encoder(x, layers).items()}`.
    The forms of `config` become those of `target`. ValueError: a layer of the recipe that `shapes` lacks, or in which the two
    networks have other features; several content layers whose weights would have to differ; a target with a reduction that
    `nst.losses` has no form for.
    """
    missing = {*config.content_layers, *config.style_layers} - set(shapes)
    if missing:
        raise ValueError(f"shapes: lacks {', '.join(sorted(missing))}")
    content = {_content_ratio(source, target, k, shapes[k]) for k in config.content_layers}
    if max(content) > min(content) * (1 + 1e-9):
        raise ValueError(f"content_layers {config.content_layers} would need different weights; translate them one at a time")
    weights = config.style_layer_weights or (1.0,) * len(config.style_layers)
    style = [w * _style_ratio(source, target, k, shapes[k]) for k, w in zip(config.style_layers, weights, strict=True)]
    return replace(
        config,
        content_weight=config.content_weight * min(content),
        style_layer_weights=tuple(style),
        gram_divide_by=target.gram_divide_by,
        content_form=target.content_reduction,
        style_form=target.style_reduction,
    )


def _content_ratio(source: Convention, target: Convention, layer: str, shape: tuple[int, int, int]) -> float:
    channels, height, width = shape
    return source.content_factor(layer, channels, height * width) / target.content_factor(layer, channels, height * width)


def _style_ratio(source: Convention, target: Convention, layer: str, shape: tuple[int, int, int]) -> float:
    channels, height, width = shape
    return source.style_factor(layer, channels, height * width) / target.style_factor(layer, channels, height * width)
