"""The article's transparent layers, which are the PyTorch tutorial's: losses that sit in the network.

Each notes its loss and passes its input on, so that one run of the model gives the losses of all layers. The methods of this course
use the functions of `nst.losses` instead; the tests show that both say the same.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from nst.losses import content_loss, gram_matrix, style_loss

CONTENT_LAYERS_DEFAULT = ("conv_4",)
STYLE_LAYERS_DEFAULT = ("conv_1", "conv_2", "conv_3", "conv_4", "conv_5")
KINDS = {"conv": nn.Conv2d, "relu": nn.ReLU, "pool": (nn.MaxPool2d, nn.AvgPool2d), "bn": nn.BatchNorm2d}


class ContentLoss(nn.Module):
    """A transparent layer: returns its input and keeps `loss` = mean (input - target)^2. target (B, C, H, W)."""

    def __init__(self, target: Tensor):
        super().__init__()
        self.register_buffer("target", target.detach().clone(), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        self.loss = content_loss(input, self.target, "mean")
        return input


class StyleLoss(nn.Module):
    """A transparent layer: returns its input and keeps `loss` = mean (gram(input) - gram(target_feature))^2."""

    def __init__(self, target_feature: Tensor):
        super().__init__()
        self.register_buffer("target", gram_matrix(target_feature).detach(), persistent=False)

    def forward(self, input: Tensor) -> Tensor:
        self.loss = style_loss(gram_matrix(input), self.target, "mean")
        return input


class Normalization(nn.Module):
    """(picture - mean) / std per channel: what the encoder's own forward does, as a layer for `get_style_model_and_losses`."""

    def __init__(self, mean: Tensor, std: Tensor):
        super().__init__()
        for name, values in {"mean": mean, "std": std}.items():
            self.register_buffer(name, torch.as_tensor(values).detach().clone().view(-1, 1, 1), persistent=False)

    def forward(self, pictures: Tensor) -> Tensor:
        return (pictures - self.mean) / self.std


def get_style_model_and_losses(cnn: nn.Sequential, normalization_mean: Tensor, normalization_std: Tensor,
                               style_img: Tensor, content_img: Tensor,
                               content_layers: Sequence[str] = CONTENT_LAYERS_DEFAULT,
                               style_layers: Sequence[str] = STYLE_LAYERS_DEFAULT,
                               ) -> tuple[nn.Sequential, list[StyleLoss], list[ContentLoss]]:  # fmt: skip
    """The PyTorch tutorial's function: the layers of `cnn` with loss layers set in, up to the last that is asked for.

    cnn: Conv2d, ReLU, pooling and BatchNorm2d in a row, such as `encoder.sequential()`. Layers are named by counting the
    convolutions from the input: conv_4 is conv2_2 of VGG-19, conv_5 is conv3_1, and conv_… is before its ReLU.
    Returns (model, style losses, content losses); run the model on a picture of the content's size, then read each layer's `loss`.
    The targets are buffers and move with the model (`model.to(device)`). `cnn` stays as it is; the model shares its convolutions.
    Differs from the tutorial: the style picture may have another size (there it runs through the content's loss layers, and fails).
    Raises RuntimeError for another kind of layer, ValueError for a name that no layer has (the tutorial passes over it in silence).
    """
    model = nn.Sequential(Normalization(normalization_mean, normalization_std).to(content_img))
    style_losses: list[StyleLoss] = []
    content_losses: list[ContentLoss] = []
    wanted, missing = {*content_layers, *style_layers}, {*content_layers, *style_layers}
    content, style = model(content_img.detach()), model(style_img.detach())
    for name, layer in _named_layers(cnn, wanted):
        missing.discard(name)
        number = name.partition("_")[2]
        model.add_module(name, _own(layer))
        with torch.no_grad():
            content, style = _own(layer)(content), _own(layer)(style)  # features of both pictures, one layer deeper
        if name in content_layers:
            content_losses.append(ContentLoss(content))
            model.add_module(f"content_loss_{number}", content_losses[-1])
        if name in style_layers:
            style_losses.append(StyleLoss(style))
            model.add_module(f"style_loss_{number}", style_losses[-1])
    if missing:
        count = sum(isinstance(layer, nn.Conv2d) for layer in cnn.children())
        names = ", ".join(sorted(missing))
        raise ValueError(f"no layer of cnn is called {names}; it has {count} convolutions, conv_1 … conv_{count}")
    return model, style_losses, content_losses


def _named_layers(cnn: nn.Sequential, wanted: set[str]) -> Iterator[tuple[str, nn.Module]]:
    """(name, layer) from the input on, up to the last of those wanted."""
    convolutions, left = 0, set(wanted)
    for layer in cnn.children():
        if not left:
            return
        convolutions += isinstance(layer, nn.Conv2d)
        name = f"{_kind(layer)}_{convolutions}"
        left.discard(name)
        yield name, layer


def _kind(layer: nn.Module) -> str:
    for kind, types in KINDS.items():
        if isinstance(layer, types):
            return kind
    raise RuntimeError(f"Unrecognized layer: {type(layer).__name__}")


def _own(layer: nn.Module) -> nn.Module:
    """The layer as the model may run it: it writes over nothing, and a batch norm's running statistics stay the caller's."""
    if isinstance(layer, nn.ReLU):
        return nn.ReLU(inplace=False)  # in place it would overwrite the features that a loss layer has just read
    return copy.deepcopy(layer) if isinstance(layer, nn.BatchNorm2d) else layer
