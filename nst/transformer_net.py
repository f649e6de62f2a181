"""The network is the parameter: Johnson, Alahi & Fei-Fei 2016, "Perceptual Losses for Real-Time Style Transfer" (arXiv 1603.08155).

Train a network once per style, on Gatys' loss; then every picture is one forward pass. With instance normalisation in place of
batch normalisation (Ulyanov, Vedaldi & Lempitsky 2016, arXiv 1607.08022).
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst.assets import shipped_styles, style_file
from nst.brush import check_brush, coarse_to_fine, texture_for
from nst.colour import check_preserve_color
from nst.controls import StyleMix, check_masks, finished, moved
from nst.covariance import transport
from nst.images import check_picture, resize
from nst.support import inference, memory, weights
from nst.support.arguments import check_choice, check_share, check_whole, unknown
from nst.support.runtime import device, exactly
from nst.texture import painted, under_flat_places
from nst.vgg import IMAGENET_MEAN, IMAGENET_STD

NORMS = {"instance": lambda channels: nn.InstanceNorm2d(channels, affine=True), "batch": nn.BatchNorm2d}
UPSAMPLINGS = ("nearest", "transposed")
WEAK = "weak."  # before the names of the tensors of strength 0 in a file
BORDER = 12  # pixels by which a picture is reflected outwards before it is painted: at its rim, a network paints a frame
SMALLEST = 5  # pixels: the first layer's reflection takes four of them
FIRST, LAST = "model.0.block.1", "model.10.block.1"  # the convolutions that read and write pictures
EXAMPLES = {  # pytorch/examples' names for the article's layers
    **{f"conv{k + 1}.conv2d": f"model.{k}.block.1" for k in range(3)}, **{f"in{k + 1}": f"model.{k}.norm" for k in range(3)},
    **{f"res{r}.conv{k}.conv2d": f"model.{r + 2}.block.{k - 1}.block.1" for r in range(1, 6) for k in (1, 2)},
    **{f"res{r}.in{k}": f"model.{r + 2}.block.{k - 1}.norm" for r in range(1, 6) for k in (1, 2)},
    **{f"deconv{k}.conv2d": f"model.{k + 7}.block.1" for k in (1, 2, 3)}, "in4": "model.8.norm", "in5": "model.9.norm",
}  # fmt: skip
STATISTICS = ("running_mean", "running_var", "num_batches_tracked")


class ConvBlock(nn.Module):
    """Reflection padding, convolution, normalisation, ReLU; `upsample=True` doubles the size first, `stride=2` halves it.

    norm: "instance" or "batch".   upsampling: "nearest" repeats each pixel before the convolution; "transposed" is the paper's
    fractionally strided convolution, whose uneven overlaps draw a checkerboard.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int = 1, upsample: bool = False,
                 normalize: bool = True, relu: bool = True, norm: str = "instance", upsampling: str = "nearest"):  # fmt: skip
        super().__init__()
        check_choice("norm", norm, NORMS)
        check_choice("upsampling", upsampling, UPSAMPLINGS)
        self.upsample = upsample and upsampling == "nearest"
        if upsample and upsampling == "transposed":
            self.block = nn.Sequential(
                nn.Identity(), nn.ConvTranspose2d(in_channels, out_channels, kernel_size, 2, kernel_size // 2, output_padding=1)
            )
        else:
            self.block = nn.Sequential(
                nn.ReflectionPad2d(kernel_size // 2), nn.Conv2d(in_channels, out_channels, kernel_size, stride)
            )
        self.norm = NORMS[norm](out_channels) if normalize else None
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        if self.upsample:
            x = F.interpolate(x, scale_factor=2.0, mode="nearest")
        x = self.block(x)
        x = x if self.norm is None else self.norm(x)
        return F.relu(x) if self.relu else x

    def painted(self, x: Tensor) -> Tensor:
        """`forward` where no gradient is wanted: the same but for rounding, sooner (`nst.support.inference`)."""
        return inference.convolved(self, x)


class ResidualBlock(nn.Module):
    """Two convolutions whose result is added to their input; no ReLU after the sum."""

    def __init__(self, channels: int, norm: str = "instance"):
        super().__init__()
        self.block = nn.Sequential(
            ConvBlock(channels, channels, kernel_size=3, norm=norm),
            ConvBlock(channels, channels, kernel_size=3, relu=False, norm=norm),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x) + x

    def painted(self, x: Tensor) -> Tensor:
        """`forward` where no gradient is wanted."""
        return self.block[1].painted(self.block[0].painted(x)).add_(x)


class TransformerNet(nn.Module):
    """A picture in, a painted picture out: three blocks down to a quarter of the size, five residual ones, three blocks up.

    width: channels after the first block; the next two have twice and four times as many. 32 is the article's (1,679,235 weights);
        the shipped models have 16, a quarter of the weights and a third of the time.
    norm, upsampling: see `ConvBlock`. With the defaults this is the article's network, with the same names in its state dict.
    Differs from the paper: no 40-pixel border to be cropped away (reflection in each block instead), resize convolutions, instance
    norm, a linear last layer in place of tanh, and pictures in [0, 1].
    """

    def __init__(self, width: int = 32, norm: str = "instance", upsampling: str = "nearest"):
        super().__init__()
        check_whole("width", width)
        self.width, self.norm, self.upsampling, self.metadata = width, norm, upsampling, {}
        self.weak: dict[str, Tensor] = {}  # the weights at strength 0, of those that differ there
        self.textures_of: dict[tuple, Tensor] = {}  # what `stylize` painted of noise last
        a, b, c = width, 2 * width, 4 * width
        self.model = nn.Sequential(
            ConvBlock(3, a, kernel_size=9, norm=norm),
            ConvBlock(a, b, kernel_size=3, stride=2, norm=norm),
            ConvBlock(b, c, kernel_size=3, stride=2, norm=norm),
            *(ResidualBlock(c, norm) for _ in range(5)),
            ConvBlock(c, b, kernel_size=3, upsample=True, norm=norm, upsampling=upsampling),
            ConvBlock(b, a, kernel_size=3, upsample=True, norm=norm, upsampling=upsampling),
            ConvBlock(a, 3, kernel_size=9, normalize=False, relu=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, H, W) in [0, 1] -> the same size, about [0, 1] and not clipped.

        Two halvings and two doublings make 260 of 257: what is beyond the picture's own size is cut off.
        """
        y = self.model(x)
        return F.pad(y, (0, x.shape[-1] - y.shape[-1], 0, x.shape[-2] - y.shape[-2]))  # a slice exports for some sizes only

    def painted(self, x: Tensor) -> Tensor:
        """`forward` where no gradient is wanted: the same but for rounding, sooner (`nst.support.inference`)."""
        height, width = x.shape[-2:]
        for part in self.model:
            x = part.painted(x)
        return x[..., :height, :width]

    @torch.no_grad()
    def stylize(self, content: Tensor, *, strength: float = 1.0, brush: int | None = None, texture: float = 0.0) -> Tensor:
        """Paint pictures (B, 3, H, W), RGB in [0, 1], in this network's style: the same shape, clipped to [0, 1].

        strength: 1 is the style as it was trained; 0 nearly gives the photograph back. In between, the norm layers and the blocks
            before and after the residual ones are as far between the two (Dumoulin et al. 2017, arXiv 1610.07629, blend the norm
            layers of two styles so).
        brush: 1, 2 or 4 times the size of the strokes, see `brush.coarse_to_fine`; None is 1: larger ones fill a sky, and cost a
            face in it. 2 takes a third more time than 1.
        texture: 0 to 1, how much of what the network paints of noise is laid under flat places of the content, strength of the way;
            see `nst.texture`. A network may have learned a sky of its own.
        The picture is reflected outwards by 12 pixels, which are cut off again: what a network sees beyond a picture's edge is the
        same few pixels mirrored in each layer, and it paints them as a frame.
        The network stays as it is: threads may share it. The result is float32, whatever the dtype of picture and weights.
        ValueError / TypeError: another shape or dtype, NaN, or a side under 5 px; a strength outside [0, 1], or not 1 where the
        network knows no other (`weak` is empty). MemoryError: it does not fit; the message says which size would.
        """
        check_share("strength", strength)
        check_brush(brush)
        check_share("texture", texture)
        if strength != 1 and not self.weak:
            raise ValueError(f"strength={strength}: this network knows its full strength, 1, only")
        content = check_picture(content, "content")
        if min(content.shape[-2:]) < SMALLEST:
            raise ValueError(f"content: {tuple(content.shape[-2:])} is too small, expected at least {SMALLEST} px on each side")
        first, strong = next(self.parameters()), self
        if any(part.training for part in self.modules()):  # a batch norm would learn from this picture
            strong = copy.deepcopy(self).eval()  # never these weights themselves: other threads paint with them, too
        net = strong if strength == 1 else copy.deepcopy(strong)
        for name, weak in self.weak.items() if strength != 1 else ():
            net.get_parameter(name).lerp_(weak.to(first), 1 - strength)

        def once(x: Tensor, net: TransformerNet = net) -> Tensor:
            height, width = x.shape[-2:]
            down, right = (min(BORDER, (side - 1) // 4 * 4) for side in (height, width))  # the network's grid is of four pixels
            x = F.pad(x, (right, right, down, down), mode="reflect")
            made = net.painted(x.to(first.dtype)).float()
            return made[..., down : down + height, right : right + width].clamp(0, 1)

        def texture_of(_: int, side: int) -> Tensor:
            key = (side, *(p._version for p in self.parameters()))  # of these weights
            if key not in self.textures_of:
                self.textures_of = {key: painted(lambda x: once(x, strong), side, first.device)}
            return self.textures_of[key]

        laid = strength * texture_for(texture, brush or 1)

        def under(x: Tensor) -> Tensor:
            return under_flat_places(x, StyleMix([], [1.0]), texture_of, laid)

        def paint(picture: Tensor) -> Tensor:
            x = picture.to(first.device, torch.float32).clamp(0, 1)
            made = coarse_to_fine(once, x, brush or 1, strength, transport, under if laid else None)
            return made.to(content.device)

        def advice() -> str:
            fits = memory.shorter_side_that_fits(lambda side: paint(resize(content, side)), *content.shape[-2:])
            return memory.too_large("content", *content.shape[-2:], fits)

        with exactly():
            return memory.with_advice(lambda: paint(content), advice)

    def save(self, path: str | os.PathLike, metadata: dict | None = None, dtype: torch.dtype = torch.float32) -> None:
        """Write the weights as safetensors, whole or not at all, with the architecture and `metadata` (JSON values)."""
        facts = {**self.metadata, **(metadata or {}), "width": self.width, "norm": self.norm, "upsampling": self.upsampling}
        tensors = {**self.state_dict(), **{WEAK + k: v for k, v in self.weak.items()}}
        weights.write(path, "transformer_net", {k: v.to(dtype) for k, v in tensors.items()}, facts)


Style = str | os.PathLike | TransformerNet


def load_style(which: str | os.PathLike, *, normalized: bool = False, norm: str | None = None) -> TransformerNet:
    """A trained network, frozen, on `nst.device()`: the name of a shipped style (`shipped_styles()`), or a file that `save` wrote.

    Others' checkpoints are read as well, whatever their suffix: a state dict, alone or within a dictionary, of the article's
    network or of pytorch/examples' (fast_neural_style), whose pictures are 0 … 255.
    normalized: the network was trained on pictures normalised with ImageNet's mean and standard deviation, and paints such: the
        best-known repository with the article's layer names, eriklindernoren's, does so. No file says it; painted without it,
        most of a picture is at 0 or 1. Its first and last convolution take the numbers in, so it reads and writes [0, 1] here.
    norm: "instance" or "batch", of a checkpoint; None: batch where it counts batches, as batch norms do since torch 0.4.1. Instance
        norms of before 0.4 stored statistics, too, and never used them.
    Raises FileNotFoundError or ValueError naming the file: not weights, cut short, another architecture; what it is instead.
    Nothing is ever unpickled but tensors.
    """
    shipped = shipped_styles()
    if isinstance(which, str) and which not in shipped and not Path(which).suffix and not Path(which).exists():
        raise unknown("style", which, shipped, also="a file, or ")
    if which in shipped and normalized:
        raise ValueError(f"normalized=True: the shipped {which} reads and writes pictures in [0, 1]")
    path = style_file(which) if which in shipped else Path(which)
    foreign = weights.is_foreign(path)
    tensors, metadata, most = _read_checkpoint(path, norm) if foreign else (*weights.read(path, "transformer_net"), 1)
    try:
        if most != 1 and not normalized:
            _take_in(tensors, torch.full((3,), most), torch.zeros(3))
        if normalized and not metadata.get("normalized"):
            _take_in(tensors, 1 / torch.tensor(IMAGENET_STD), -torch.tensor(IMAGENET_MEAN) / torch.tensor(IMAGENET_STD))
            metadata = {**metadata, "normalized": True}
        width = len(tensors[f"{FIRST}.bias"])  # as the tensors have it, whatever the header says
        strong = {k: v for k, v in tensors.items() if not k.startswith(WEAK)}
        net = weights.fill(lambda: TransformerNet(width, metadata["norm"], metadata["upsampling"]), strong)
        net.weak = {k.removeprefix(WEAK): weights.copied(k, v) for k, v in tensors.items() if k.startswith(WEAK)}
        known = dict(net.named_parameters())
        if wrong := [k for k, v in net.weak.items() if k not in known or known[k].shape != v.shape]:
            raise ValueError(f"{WEAK}{wrong[0]} has no place in it")
    except (RuntimeError, KeyError, TypeError, ValueError) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else error
        raise ValueError(f"{path}: is not a TransformerNet of width {metadata.get('width')}: {reason}") from error
    net.metadata = metadata
    with torch.inference_mode(False):  # somebody may train it
        return net.eval().requires_grad_(False).to(device())


def _read_checkpoint(path: Path, norm: str | None) -> tuple[dict[str, Tensor], dict, float]:
    """Tensors under the article's names; the architecture, as names and shapes have it; what white is in its pictures."""
    stored, most = weights.read_pth(path), 1.0
    tensors = weights.below(path, stored, f"{FIRST}.weight")
    if not tensors and (theirs := weights.below(path, stored, "res1.conv1.conv2d.weight")):
        parts = ((*name.rpartition("."), tensor) for name, tensor in theirs.items())
        tensors, most = {f"{EXAMPLES.get(layer, layer)}.{kind}": tensor for layer, _, kind, tensor in parts}, 255.0
    if not tensors:
        names = ", ".join(list(stored)[:3])
        raise ValueError(f"{path}: is not a checkpoint of the article's TransformerNet nor of pytorch/examples', but of another "
                         f"architecture: it has no {FIRST}.weight; its names begin with {names}")  # fmt: skip
    norm = norm or ("batch" if any(name.endswith("num_batches_tracked") for name in tensors) else "instance")
    if norm == "instance":
        tensors = {k: v for k, v in tensors.items() if not k.endswith(STATISTICS)}
    doubling, biases = tensors.get("model.8.block.1.weight"), tensors.get("model.8.block.1.bias")
    plain = doubling is None or biases is None or len(doubling) == len(biases)  # a transposed convolution has its outputs second
    width = len(tensors.get(f"{FIRST}.bias", ()))
    return tensors, {"width": width, "norm": norm, "upsampling": "nearest" if plain else "transposed"}, most


def _take_in(tensors: dict[str, Tensor], scale: Tensor, shift: Tensor) -> None:
    """From weights for pictures scale * x + shift, (3,) each, at either end, to weights for pictures x in [0, 1].

    Exact: the padding is a reflection, which commutes with it. KeyError, RuntimeError, ValueError: the convolutions are missing, or
    others.
    """
    for name in (f"{layer}.{kind}" for layer in (FIRST, LAST) for kind in ("weight", "bias")):
        weights.check_floats(name, tensors[name])
    first, last = tensors[f"{FIRST}.weight"].float(), tensors[f"{LAST}.weight"].float()
    tensors[f"{FIRST}.bias"] = tensors[f"{FIRST}.bias"].float() + torch.einsum("oikl,i->o", first, shift)
    tensors[f"{FIRST}.weight"] = first * scale[:, None, None]
    tensors[f"{LAST}.weight"] = last / scale[:, None, None, None]
    tensors[f"{LAST}.bias"] = (tensors[f"{LAST}.bias"].float() - shift) / scale


@torch.no_grad()
def stylize(content: Tensor, style: Style | Sequence[Style], *, strength: float = 1.0, brush: int | None = None,
            texture: float = 0.0, style_weights: Sequence[float] | None = None, masks: Sequence[Tensor] | None = None,
            preserve_color: bool | str = False) -> Tensor:  # fmt: skip
    """Paint `content` (B, 3, H, W) in a style, a shipped one by name or a network: the same size, [0, 1].

    style:    or a list of them, each seen within its mask of `masks` (1, 1, H, W), which may be soft.
    strength: 1 is the whole style, 0 nearly the photograph; see `TransformerNet.stylize`.
    brush:    1, 2 or 4 times the size of the strokes, None is 1; see `TransformerNet.stylize`.
    texture:  0 to 1, how much of the style's texture is laid under flat places; see there.
    preserve_color: True or "luminance", see `colour.keep_color`.
    ValueError: style_weights and "coral", which act on a style picture: a trained network has none; masks that do not fit.
    """
    check_preserve_color(preserve_color)
    if style_weights is not None:
        raise ValueError("style_weights: a trained network paints one style; nst.adain, nst.wct and nst.gatys mix several")
    if preserve_color == "coral":
        raise ValueError("preserve_color='coral' recolours the style picture, which a trained network has none of: 'luminance'")
    styles = list(style) if isinstance(style, list | tuple) else [style]
    if wrong := [type(s).__name__ for s in styles if not isinstance(s, str | os.PathLike | TransformerNet)]:
        raise TypeError(f"style: expected a shipped style's name, a network's file or a TransformerNet, got {wrong[0]}; "
                        "adain, wct and gatys paint with a picture")  # fmt: skip
    if not styles:
        raise ValueError("style: expected a shipped style's name or a network, or a list of them, got an empty list")
    if masks is None and len(styles) != 1:
        raise ValueError(f"style: {len(styles)} styles need a mask each; a trained network paints one style")
    content = check_picture(content, "content")
    there = moved(content, content.device)
    nets = [s if isinstance(s, TransformerNet) else load_style(s) for s in styles]
    painted = [net.stylize(there, strength=strength, brush=brush, texture=texture) for net in nets]
    made = painted[0]
    if masks is not None:
        masks = [mask.to(there) for mask in check_masks(masks, len(styles), there)]
        made = there + sum(mask * (p - there) for mask, p in zip(masks, painted, strict=True))
    return finished(made, content, preserve_color)
