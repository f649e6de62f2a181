"""The picture is the parameter: Gatys, Ecker & Bethge 2015, "A Neural Algorithm of Artistic Style" (arXiv 1508.06576).

Start from the content picture (or noise), ask the encoder how far its features are from the content's and its Gram matrices from
the style's, and follow the gradient, pixel by pixel:

    loss(x) = content_weight * content_loss(x) + style_weight * sum over layers of style_loss(x) + tv_weight * total_variation(x)

The course's own recipe has one more term, which the paper has not: match_weight * `losses.relaxed_emd`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nst import losses
from nst.controls import StyleMix, advises_size, finished, moved, prepared
from nst.decoders import default_networks, device_of
from nst.images import check_picture, resize
from nst.optim import minimize_in_box
from nst.support.arguments import check_choice, check_number, check_whole
from nst.support.runtime import progress

Losses = dict[str, float]
Callback = Callable[[int, Losses, Tensor], None]
OPTIMIZERS = ("lbfgs", "adam")
STARTS = ("content", "style", "noise")
PRECISIONS = ("float32", "bfloat16")
SMALLEST_SCALE = 64  # pixels of the shorter side: below, the deepest layers see next to nothing


@dataclass(frozen=True)
class GatysConfig:
    """What to minimise, and how. The class methods give the published recipes; keywords change fields."""

    content_layers: tuple[str, ...] = ("relu4_2",)
    style_layers: tuple[str, ...] = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
    content_weight: float = 1.0
    style_weight: float = 5.0
    style_layer_weights: tuple[float, ...] | None = None  # one per style layer; None: 1 each
    tv_weight: float = 0.0
    match_weight: float = 0.0  # see losses.relaxed_emd; 0: the paper's loss, which does not match places
    match_layers: tuple[str, ...] = ("relu3_1", "relu4_1")
    match_positions: int = 1500  # of each layer's map that are looked at, drawn at random
    content_form: str = "relative"  # see losses.content_loss
    style_form: str = "relative"  # see losses.style_loss
    gram_divide_by: str = "chw"  # see losses.gram_matrix
    optimizer: str = "lbfgs"  # "lbfgs" is nst.optim's, "adam" torch's
    learning_rate: float = 0.03  # Adam only: about the largest change of a pixel in a step
    evaluations: int = 150  # of loss and gradient, per scale
    history: int = 20  # steps that L-BFGS remembers
    scales: int = 1  # at most so many sizes, painted each twice the one before; none under SMALLEST_SCALE
    start: str = "content"  # "content", "style" or "noise"
    precision: str = "float32"  # of the network; "bfloat16" takes about half the time, where the machine has it
    network: str = losses.ANY_NETWORK  # the network and activation domain that the weights are stated for

    def __post_init__(self):
        for name, allowed in {"content_form": losses.CONTENT_FORMS, "style_form": losses.STYLE_FORMS, "optimizer": OPTIMIZERS,
                              "gram_divide_by": losses.GRAM_DIVISORS, "start": STARTS,
                              "precision": PRECISIONS}.items():  # fmt: skip
            check_choice(name, getattr(self, name), allowed)
        for name in ("evaluations", "history", "scales", "match_positions"):
            check_whole(name, getattr(self, name))
        for name in ("content_weight", "style_weight", "tv_weight", "match_weight"):
            check_number(name, getattr(self, name))
        check_number("learning_rate", self.learning_rate, above=True)
        losses.check_layers(self)

    @classmethod
    def default(cls, **changes) -> GatysConfig:
        """The course's recipe: scale-free losses, so that the same weights work with every encoder, layer and picture; coarse to
        fine, since what a deep layer asks of a small picture are large strokes in the large one.

        It goes beyond the paper: each place of the picture is to look like a place of the style (`losses.relaxed_emd`). That brings
        more of the style's own shapes, into some skies, too (lesson 10 counts both). match_weight=0 switches it off, and then
        style_weight=20 has the same amount of style;
        with style_weight=15, match_weight=3 there is more of it, and houses still stand; 8 and 1.5 keep more of a small face.
        Differs from the paper also: relu3_2 is content beside relu4_2, which holds a face or a roof together; and a little total
        variation, which takes the coloured fringes of one pixel away that no layer objects to.
        """
        recipe = cls(content_layers=("relu3_2", "relu4_2"), style_weight=10.0, match_weight=2.0, tv_weight=2.0, evaluations=80,
                     scales=3)  # fmt: skip
        return replace(recipe, **changes)

    @classmethod
    def article(cls, **changes) -> GatysConfig:
        """The PyTorch tutorial's recipe, which the article follows: shallow layers before the ReLU, conv_4 = conv2_2.

        Differs from it: the projected L-BFGS in place of a clamp inside the closure.
        """
        layers = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")
        recipe = cls(content_layers=("conv2_2",), style_layers=layers, style_weight=1e6, content_form="mean", style_form="mean",
                     evaluations=300, history=100, network="torchvision's VGG-19, zero padding, max pooling")  # fmt: skip
        return replace(recipe, **changes)

    @classmethod
    def paper(cls, **changes) -> GatysConfig:
        """Section "Methods" of 1508.06576: from white noise, content : style = 1e-3, each layer 1/5 of the style, average pooling.

        The rescaled network that the weights are stated for here, and L-BFGS, are those of the longer paper (Gatys, Ecker & Bethge,
        "Image Style Transfer Using Convolutional Neural Networks", CVPR 2016); 1508.06576 says "gradient descent".
        Differs from it: each Gram matrix divided by its own picture's size (see `losses.style_loss`).
        """
        recipe = cls(content_weight=1e-3, style_weight=1.0, style_layer_weights=(0.2,) * 5, content_form="half_sum",
                     style_form="quarter_sum", evaluations=500, start="noise",
                     network="VGG-19 rescaled to mean activation 1, average pooling")  # fmt: skip
        return replace(recipe, **changes)

    @classmethod
    def gatys_notebook(cls, **changes) -> GatysConfig:
        """Gatys' own PyTorch notebook: Gram matrices divided by H W, style layers weighted 1e3 / channels^2 of the full VGG-19."""
        recipe = cls(style_weight=1e3, style_layer_weights=tuple(1 / n**2 for n in (64, 128, 256, 512, 512)), content_form="mean",
                     style_form="mean", gram_divide_by="hw", evaluations=500,
                     network="the original Caffe VGG-19, BGR 0-255, zero padding, max pooling")  # fmt: skip
        return replace(recipe, **changes)


class Objective:
    """The loss of a picture against one content picture and a style, or several, as a dictionary of its parts.

    Several styles: the mean of their Gram matrices, and places of all of them, by weight; or each style's own within its mask
    ("guided Gram matrices", Gatys et al. 2017, arXiv 1611.07865, section 4).

    Where the precision is bfloat16, the network and products of features are; what they add up to, Gram matrices and losses, is
    float32. Features of eight bits move the loss by about a thousandth.
    """

    def __init__(self, config: GatysConfig, encoder: nn.Module, content: Tensor, style: Tensor | StyleMix):
        self.config, self.encoder = config, encoder
        mix = style if isinstance(style, StyleMix) else StyleMix([style], [1.0])
        matched = config.match_layers if config.match_weight else ()
        with torch.no_grad():
            found = self.features(content, {*config.content_layers, *matched, *(config.style_layers if mix.masks else ())})
            exact = torch.promote_types(content.dtype, torch.float32)
            self.content = {k: found[k].to(exact) for k in config.content_layers}  # {layer: (1, C, H, W)}
            self.masks = {k: losses.region_weights(mix.masks, found[k]) for k in config.style_layers} if mix.masks else None
            maps, found = found, [self.features(picture, {*config.style_layers, *matched}) for picture in mix.styles]
            grams = {k: torch.cat([losses.gram_matrix(f[k], config.gram_divide_by) for f in found]) for k in config.style_layers}
            weights = torch.tensor(mix.weights).to(content)[:, None, None]
            self.grams = grams if mix.masks else {k: (weights * g).sum(0, keepdim=True) for k, g in grams.items()}
            self.matches = {k: self._matches(maps[k], [f[k] for f in found], mix) for k in matched}

    def _matches(self, content: Tensor, styles: list[Tensor], mix: StyleMix) -> list[tuple[Tensor, Tensor]]:
        """One layer's (positions, style places) for `losses.match`: the places of all styles by weight, or a pair for each mask."""
        count = self.config.match_positions
        if not mix.masks:
            counts = [round(weight * count) for weight in mix.weights]
            drawn = [losses.places(f, losses.positions(f, n)) for f, n in zip(styles, counts, strict=True) if n]
            return [(losses.positions(content, count), torch.cat(drawn, 2))]
        shares = losses.region_weights(mix.masks, content).float().square().split(1)  # (1, 1, h, w) each
        return [(losses.positions(content, count, mask=share), losses.places(f, losses.positions(f, count)))
                for share, f in zip(shares, styles, strict=True) if share.any()]  # fmt: skip

    def __call__(self, picture: Tensor) -> dict[str, Tensor]:
        """{"total", "content", "style"[, "match"][, "tv"]}: weighted parts and their sum, for a picture (1, 3, H, W)."""
        config = self.config
        found = self.features(picture, {*config.content_layers, *config.style_layers, *self.matches})
        parts = losses.content_and_style(config, found, self.content, self.grams, self.masks)
        if config.match_weight:
            parts["match"] = losses.match(config, found, self.matches)
        if config.tv_weight:
            parts["tv"] = config.tv_weight * losses.total_variation(picture)
        return {"total": sum(parts.values()), **parts}

    def features(self, picture: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """What the encoder finds, in the config's precision."""
        if self.config.precision == "float32":
            return self.encoder(picture, layers)
        with torch.autocast(picture.device.type, torch.bfloat16):
            return self.encoder(picture, layers)


class _Search:
    """Evaluates an objective and its gradient, tells the callback, and keeps the best picture it has seen."""

    def __init__(self, objective: Objective, bar, callback: Callback | None, step: int = 0):
        self.objective, self.bar, self.callback, self.step = objective, bar, callback, step
        self.best, self.lowest = None, float("inf")

    def __call__(self, picture: Tensor) -> tuple[float, Tensor]:
        picture = picture.detach().requires_grad_()
        parts = self.objective(picture)
        (gradient,) = torch.autograd.grad(parts["total"], picture)
        shown = {k: float(v.detach()) for k, v in parts.items()}
        self.step += 1
        if not math.isfinite(shown["total"]) and (self.best is None or self.objective.config.optimizer == "adam"):
            # later on, L-BFGS takes a shorter step
            parts = ", ".join(f"{k} {v:.4g}" for k, v in shown.items())
            raise FloatingPointError(f"evaluation {self.step}: the loss is not finite ({parts})")
        if self.best is None or shown["total"] < self.lowest:
            self.best, self.lowest = picture.detach(), shown["total"]
        self.bar.update()
        self.bar.set_postfix({k: f"{v:.3g}" for k, v in shown.items()}, refresh=False)
        if self.callback:
            self.callback(self.step, shown, picture.detach().clone())  # whatever it does with it
        return shown["total"], gradient.contiguous()


def _short(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a search just long enough to fill the history: for a size of which nobody knows whether it fits."""
    config = options.get("config") or GatysConfig.default()
    short = replace(config, scales=1, evaluations=min(config.evaluations, config.history + 2))
    return {**options, "config": short, "start": None, "callback": None}


@functools.partial(advises_size, trial=_short)
@torch.inference_mode(False)  # also where the caller wants no gradients: the search does
@torch.enable_grad()
def stylize(content: Tensor, style: Tensor | Sequence[Tensor], *, style_weights: Sequence[float] | None = None,
            masks: Sequence[Tensor] | None = None, preserve_color: bool | str = False, config: GatysConfig | None = None,
            start: Tensor | None = None, callback: Callback | None = None, encoder: nn.Module | None = None) -> Tensor:  # fmt: skip
    """Repaint `content` (1, 3, H, W) in the manner of `style` (1, 3, H', W'): a picture of the content's size, both RGB in [0, 1].

    style:    a picture, or a list of them, mixed by `style_weights` (equal if None) or each in its mask of `masks` (1, 1, H, W).
    preserve_color: see `controls.prepared` and `finished`.
    config:   a recipe, `GatysConfig.default()` if None.
    start:    a picture to start from, in place of the one that the config names.
    callback: called after each evaluation with (step, losses, picture); the losses are those of that very picture, within [0, 1].
    encoder:  the lite encoder on `nst.device()` if None.
    The best picture seen is returned, also when the run is interrupted (Ctrl-C, Jupyter's stop button): it never diverges.
    ValueError / TypeError: a picture of another shape or dtype, with NaN, or too small for the layers asked for; weights or masks
    that do not fit. FloatingPointError: a loss that is not finite where a scale begins, or in any step of Adam. MemoryError: it
    does not fit; the message says which size would. UserWarning: the recipe's weights are stated for another network.
    """
    config = config or GatysConfig.default()
    content = check_picture(content, "content", one=True)
    start = start if start is None else check_picture(start, "start", one=True)
    if start is not None and start.shape != content.shape:
        raise ValueError(f"start: expected the content's shape {tuple(content.shape)}, got {tuple(start.shape)}")
    encoder, _ = default_networks(encoder)
    losses.warn_of_another_network(config, encoder)
    there, mix = prepared(content, style, style_weights, masks, preserve_color, device_of(encoder))
    first = None if start is None else moved(start, there.device)
    return finished(_search(config, encoder, there, mix, first, callback), content, preserve_color)


def _search(config: GatysConfig, encoder: nn.Module, content: Tensor, mix: StyleMix, x: Tensor | None,
            callback: Callback | None) -> Tensor:  # fmt: skip
    """The best picture found, scale by scale; x: where to start, None for the config's own start."""
    sizes = scales(config.scales, content, mix)
    x = _first_picture(config, sizes[0][0], mix.styles[0]) if x is None else x
    run = _run_adam if config.optimizer == "adam" else _run_lbfgs
    bar = progress(config.evaluations * len(sizes), "Gatys")
    search = None
    try:
        for small_content, small_mix in sizes:
            x = resize(x, tuple(small_content.shape[-2:])) if x.shape != small_content.shape else x
            objective = Objective(config, encoder, small_content, small_mix)
            search = _Search(objective, bar, callback, step=search.step if search else 0)
            run(search, x, config)
            x = search.best
    except KeyboardInterrupt:
        x = x if search is None or search.best is None else search.best
    finally:
        bar.close()
    return x if x.shape == content.shape else resize(x, tuple(content.shape[-2:]))


def scales(most: int, content: Tensor, mix: StyleMix) -> list[tuple[Tensor, StyleMix]]:
    """Content and styles at up to `most` sizes, the smallest first; the last pair is the given one. (Masks fit themselves.)"""
    pairs = [(content, mix)]
    for k in range(1, most):
        sides = [round(min(p.shape[-2:]) / 2**k) for p in (content, *mix.styles)]
        if min(sides) < SMALLEST_SCALE:
            break
        styles = [resize(style, side) for style, side in zip(mix.styles, sides[1:], strict=True)]
        pairs.insert(0, (resize(content, sides[0]), replace(mix, styles=styles)))
    return pairs


def _first_picture(config: GatysConfig, content: Tensor, style: Tensor) -> Tensor:
    """Of the size of `content`, which is the content at the first scale: noise made smaller would be grey."""
    if config.start == "noise":
        return torch.rand(content.shape, dtype=content.dtype, device="cpu").to(content.device)  # the same on every device
    return content if config.start == "content" else resize(style, tuple(content.shape[-2:]))


def _run_lbfgs(search: _Search, x: Tensor, config: GatysConfig) -> None:
    minimize_in_box(search, x, config.evaluations, config.history)


def _run_adam(search: _Search, x: Tensor, config: GatysConfig) -> None:
    x = x.clone()
    optimizer = torch.optim.Adam([x], lr=config.learning_rate)
    for _ in range(config.evaluations):
        _, x.grad = search(x.clone())  # the search keeps what it is given, and Adam changes x in place
        optimizer.step()
        x.clamp_(0, 1)  # between steps, where Adam looks at nothing but the gradient
