"""What content and style are, as losses on feature maps.

Gatys, Ecker & Bethge 2015 (arXiv 1508.06576): content is a feature map, style is the Gram matrix of one. Two forms of each:
functions for the methods of this course, and the PyTorch tutorial's transparent layers (`ContentLoss`, `StyleLoss`), which sit in
the network, note their loss and pass their input on.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

GRAM_DIVISORS = ("chw", "hw", "none")
CONTENT_FORMS = ("relative", "batch", "mean", "half_sum")
STYLE_FORMS = ("relative", "mean", "quarter_sum")


def gram_matrix(features: Tensor, divide_by: str = "chw") -> Tensor:
    """Which channels fire together, wherever it happens: G_ij = sum over positions k of F_ik F_jk, one matrix per picture.

    features (B, C, H, W) -> (B, C, C). divide_by: "chw" = G / (C H W), the PyTorch tutorial's (and the article's) division; "hw" =
    G / (H W), the mean over positions, as in Gatys' notebook; "none" = the sum itself, as in the paper (1508.06576, eq. 3).
    Differs from the tutorial: it folds the batch into the channels, view(a * b, c * d), so that in a batch of two the pictures mix.
    """
    if features.ndim != 4:
        raise ValueError(f"features: expected the shape (B, C, H, W), got {tuple(features.shape)}")
    if divide_by not in GRAM_DIVISORS:
        raise ValueError(f"divide_by={divide_by!r}: expected one of {', '.join(GRAM_DIVISORS)}")
    _, c, h, w = features.shape
    flat = features.flatten(2)  # (B, C, H*W)
    gram = flat @ flat.mT  # (B, C, C)
    return gram / {"chw": c * h * w, "hw": h * w, "none": 1}[divide_by]


def content_loss(features: Tensor, target: Tensor, form: str = "relative") -> Tensor:
    """Distance of two feature maps (B, C, H, W), averaged over the batch.

    form: "relative" = mean (F - P)^2 / var P: 0 where equal, about 1 for a target's own mean, whatever the scale of the network;
    "batch" = the same with P's variance over the whole batch, for training: a crop of clear sky, whose own variance is next to
    nothing, would else outweigh all the others; "mean" = mean (F - P)^2, the PyTorch tutorial's; "half_sum" = 1/2 sum (F - P)^2,
    the paper's (1508.06576, eq. 1).
    """
    _check_form(form, CONTENT_FORMS, features, target)
    squares = (features - target).square()
    if form == "half_sum":
        return squares.flatten(1).sum(1).mean() / 2
    if form == "batch":
        return squares.mean() / target.var(correction=0).clamp_min(1e-12)
    per_picture = squares.flatten(1).mean(1)  # (B,)
    if form == "relative":
        per_picture = per_picture / target.flatten(1).var(1, correction=0).clamp_min(1e-12)
    return per_picture.mean()


def style_loss(gram: Tensor, target: Tensor, form: str = "relative") -> Tensor:
    """Distance of two Gram matrices (B, C, C), averaged over the batch.

    form: "relative" = sum (G - A)^2 / sum A^2, free of the network's scale; "mean" = mean (G - A)^2, the PyTorch tutorial's;
    "quarter_sum" = 1/4 sum (G - A)^2, which with Gram matrices divided by C H W is the paper's 1 / (4 N^2 M^2) sum (eq. 4).
    Differs from the paper: each Gram matrix is divided by its own M, so that pictures of two sizes can be compared.
    """
    _check_form(form, STYLE_FORMS, gram, target)
    squares = (gram - target).square().flatten(1)  # (B, C*C)
    if form == "mean":
        return squares.mean()
    if form == "quarter_sum":
        return squares.sum(1).mean() / 4
    return (squares.sum(1) / target.square().flatten(1).sum(1).clamp_min(1e-12)).mean()


def _check_form(form: str, forms: Sequence[str], given: Tensor, target: Tensor) -> None:
    if form not in forms:
        raise ValueError(f"form={form!r}: expected one of {', '.join(forms)}")
    if given.shape[1:] != target.shape[1:]:
        raise ValueError(f"target: expected the shape {tuple(given.shape)}, got {tuple(target.shape)}")


def content_and_style(config, found: dict[str, Tensor], content: dict[str, Tensor], grams: dict[str, Tensor],
                      masks: Tensor | None = None) -> dict[str, Tensor]:  # fmt: skip
    """{"content", "style"}: both losses over the layers of a recipe (`GatysConfig`, `PerceptualConfig`), weighted.

    found: a picture's features; content: the content's; grams: the style's Gram matrices, each {layer: tensor}.
    masks (S, 1, H, W): S styles, each asked for within its mask only; then grams are (S, C, C).
    """
    weights = config.style_layer_weights or (1.0,) * len(config.style_layers)
    made = {k: gram_matrix(_regions(found[k], masks), config.gram_divide_by) for k in config.style_layers}
    contents = (content_loss(found[k], content[k], config.content_form) for k in config.content_layers)
    styles = (w * style_loss(made[k], grams[k], config.style_form) for k, w in zip(config.style_layers, weights, strict=True))
    return {"content": config.content_weight * sum(contents), "style": config.style_weight * sum(styles)}


def _regions(features: Tensor, masks: Tensor | None) -> Tensor:
    """(1, C, h, w) weighed by each mask, so that its Gram matrix is that of the masked positions: (S, C, h, w)."""
    if masks is None:
        return features
    small = F.adaptive_avg_pool2d(masks.to(features), features.shape[-2:])  # (S, 1, h, w)
    return features * (small / small.mean((2, 3), keepdim=True).clamp_min(1e-8)).sqrt()


def total_variation(picture: Tensor, exponent: float = 2.0) -> Tensor:
    """Roughness: the mean of |difference of neighbours|^exponent, down plus across. (B, C, H, W) -> scalar.

    exponent 2 is Johnson's squared form (1603.08155, section 3.2), 1 the classic total variation. Differs from both: a mean, not a
    sum, so that a weight means the same at every size. A side of one pixel has no neighbours and adds nothing.
    """
    down = (picture[..., 1:, :] - picture[..., :-1, :]).abs().pow(exponent)
    across = (picture[..., :, 1:] - picture[..., :, :-1]).abs().pow(exponent)
    return sum(d.mean() for d in (down, across) if d.numel()) + picture.sum() * 0


class ContentLoss(nn.Module):
    """A transparent layer: returns its input and keeps `loss` = mean (input - target)^2. target (B, C, H, W)."""

    def __init__(self, target: Tensor):
        super().__init__()
        self.target = target.detach()

    def forward(self, input: Tensor) -> Tensor:
        self.loss = content_loss(input, self.target, "mean")
        return input


class StyleLoss(nn.Module):
    """A transparent layer: returns its input and keeps `loss` = mean (gram(input) - gram(target_feature))^2."""

    def __init__(self, target_feature: Tensor):
        super().__init__()
        self.target = gram_matrix(target_feature).detach()

    def forward(self, input: Tensor) -> Tensor:
        self.loss = style_loss(gram_matrix(input), self.target, "mean")
        return input


class Normalization(nn.Module):
    """(picture - mean) / std per channel: what the encoder's own forward does, as a layer for `get_style_model_and_losses`."""

    def __init__(self, mean: Tensor, std: Tensor):
        super().__init__()
        self.mean = torch.as_tensor(mean).view(-1, 1, 1)
        self.std = torch.as_tensor(std).view(-1, 1, 1)

    def forward(self, pictures: Tensor) -> Tensor:
        return (pictures - self.mean.to(pictures)) / self.std.to(pictures)


CONTENT_LAYERS_DEFAULT = ("conv_4",)
STYLE_LAYERS_DEFAULT = ("conv_1", "conv_2", "conv_3", "conv_4", "conv_5")


def get_style_model_and_losses(cnn: nn.Sequential, normalization_mean: Tensor, normalization_std: Tensor,
                               style_img: Tensor, content_img: Tensor,
                               content_layers: Sequence[str] = CONTENT_LAYERS_DEFAULT,
                               style_layers: Sequence[str] = STYLE_LAYERS_DEFAULT,
                               ) -> tuple[nn.Sequential, list[StyleLoss], list[ContentLoss]]:  # fmt: skip
    """The PyTorch tutorial's function: the layers of `cnn` with loss layers set in, cut after the last of them.

    cnn: Conv2d, ReLU, pooling and BatchNorm2d in a row, such as `encoder.sequential()`. Layers are named by counting the
    convolutions from the input: conv_4 is conv2_2 of VGG-19, conv_5 is conv3_1, and conv_… is before its ReLU.
    Returns (model, style losses, content losses); run the model on a picture of the content's size, then read each layer's `loss`.
    Differs from the tutorial: the style picture may have another size (there it runs through the content's loss layers, and fails).
    Raises RuntimeError for another kind of layer, ValueError for a name that no layer has (the tutorial passes over it in silence).
    """
    model = nn.Sequential(Normalization(normalization_mean, normalization_std))
    style_losses: list[StyleLoss] = []
    content_losses: list[ContentLoss] = []
    missing, i = {*content_layers, *style_layers}, 0
    with torch.no_grad():
        content, style = model(content_img), model(style_img)
    for layer in cnn.children():
        i += isinstance(layer, nn.Conv2d)
        if isinstance(layer, nn.ReLU):
            layer = nn.ReLU(inplace=False)  # in place it would overwrite the features that a loss layer has just read
        name = f"{_kind(layer)}_{i}"
        missing.discard(name)
        model.add_module(name, layer)
        with torch.no_grad():
            content, style = layer(content), layer(style)  # features of both pictures, one layer deeper
        if name in content_layers:
            content_losses.append(ContentLoss(content))
            model.add_module(f"content_loss_{i}", content_losses[-1])
        if name in style_layers:
            style_losses.append(StyleLoss(style))
            model.add_module(f"style_loss_{i}", style_losses[-1])
    if missing:
        raise ValueError(f"no layer of cnn is called {', '.join(sorted(missing))}; it has {i} convolutions, conv_1 … conv_{i}")
    last = max((k for k, layer in enumerate(model) if isinstance(layer, ContentLoss | StyleLoss)), default=0)
    return model[: last + 1], style_losses, content_losses


def _kind(layer: nn.Module) -> str:
    for kind, types in {"conv": nn.Conv2d, "relu": nn.ReLU, "pool": (nn.MaxPool2d, nn.AvgPool2d), "bn": nn.BatchNorm2d}.items():
        if isinstance(layer, types):
            return kind
    raise RuntimeError(f"Unrecognized layer: {type(layer).__name__}")
