"""VGG-19 features under the names the papers give them.

Simonyan & Zisserman 2014 (arXiv 1409.1556). Every method of the course reads pictures through this network and none of them
ever trains it. Only the thirteen convolutions up to `conv5_1` are here: no paper of the course looks further.

Two sets of weights share this code: `imagenet`, the papers' own network (torchvision's checkpoint, 548 MB, downloaded once),
and `lite`, a small student that ships with the course (data/README.md tells how it was made): VGG-19's own channels in the first
three blocks, computed by convolutions of low rank, and a quarter of them above.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from filelock import FileLock
from torch import Tensor, nn

from nst import assets
from nst.support import weights
from nst.support.arguments import check_choice, unknown
from nst.support.downloads import fetch
from nst.support.runtime import device

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # RGB in [0, 1], as torchvision states them
IMAGENET_STD = (0.229, 0.224, 0.225)

CONVOLUTIONS = ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1", "conv3_2", "conv3_3", "conv3_4",
                "conv4_1", "conv4_2", "conv4_3", "conv4_4", "conv5_1")  # fmt: skip
WIDTHS = {"imagenet": (64, 128, 256, 512, 512), "lite": (64, 128, 256, 128, 128)}  # channels of the five blocks
LITE_RANKS = {"conv1_2": 16, "conv2_1": 32, "conv2_2": 48, "conv3_1": 64, "conv3_2": 64, "conv3_3": 48, "conv3_4": 48}
FEATURES_INDEX = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28)  # of those convolutions in torchvision's vgg19().features
IMAGENET_URL = "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"
IMAGENET_SHA256 = "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44"  # torchvision states the first eight digits
CAFFE_SHA256 = "d01eb7cb"  # the first digits of vgg19-d01eb7cb.pth, the authors' own weights as jcjohnson turned them
CAFFE_MEAN = (123.68, 116.779, 103.939)  # RGB in [0, 255]: what Caffe's networks take off, and then BGR goes in
PREPROCESSINGS = ("torchvision", "caffe")
PADDINGS = ("zeros", "reflect", "replicate")
POOLINGS = ("max", "average")


def layer_names() -> list[str]:
    """All the names `VGG19` answers to, from the input up: conv1_1, relu1_1, conv1_2, …, relu5_1."""
    return [kind + conv[4:] for conv in CONVOLUTIONS for kind in ("conv", "relu")]


def _colour(numbers: Sequence[float]) -> Tensor:
    """Three numbers as (1, 3, 1, 1), float32, on the CPU."""
    return torch.tensor(numbers, dtype=torch.float32, device="cpu").view(1, 3, 1, 1)


class LowRankConv2d(nn.Sequential):
    """A 3x3 convolution in two: 3x3 to `rank` channels without bias, then 1x1 to all of them. With no ReLU between the two they
    multiply into one convolution (`product`) whose 9 C x C' matrix has this rank.
    """

    def __init__(self, in_channels: int, out_channels: int, rank: int, padding_mode: str):
        super().__init__(
            nn.Conv2d(in_channels, rank, 3, padding=1, padding_mode=padding_mode, bias=False), nn.Conv2d(rank, out_channels, 1)
        )
        self.out_channels = out_channels

    @torch.no_grad()
    def product(self) -> nn.Conv2d:
        """The same map as one 3x3 convolution, with weights of its own."""
        first, second = self
        whole = nn.Conv2d(first.in_channels, self.out_channels, 3, padding=1, padding_mode=first.padding_mode).to(second.weight)
        whole.weight.copy_(torch.einsum("or,rikl->oikl", second.weight[:, :, 0, 0], first.weight))
        whole.bias.copy_(second.bias)
        return whole.requires_grad_(second.weight.requires_grad)


class VGG19(nn.Module):
    """VGG-19 up to relu5_1: pictures in, named feature maps out.

    `encoder(pictures, ["relu1_1", "relu4_2"])` runs no deeper than relu4_2. Pictures are (B, 3, H, W), RGB in [0, 1]: the
    normalisation with ImageNet's mean and standard deviation happens inside, so nobody else has to remember it.

    widths:  channels of the five blocks.
    ranks:   {convolution: rank} of those that are a `LowRankConv2d`; the others are plain.
    padding: "zeros" (torchvision, Gatys), "reflect" (the lite encoder, AdaIN, WCT: no dark frame around the feature maps) or
        "replicate".
    pooling: "max", or "average" as Gatys prefers ("slightly more appealing results", section "Methods").
    """

    def __init__(self, widths: tuple[int, ...] = WIDTHS["imagenet"], padding: str = "zeros", pooling: str = "max",
                 ranks: Mapping[str, int] | None = None):  # fmt: skip
        super().__init__()
        check_choice("padding", padding, PADDINGS)
        check_choice("pooling", pooling, POOLINGS)
        self.padding, self.pooling, self.ranks, self.metadata = padding, pooling, dict(ranks or {}), {}
        channels = 3
        for name in CONVOLUTIONS:
            width = widths[int(name[4]) - 1]
            if name in self.ranks:
                conv = LowRankConv2d(channels, width, self.ranks[name], padding)
            else:
                conv = nn.Conv2d(channels, width, 3, padding=1, padding_mode=padding)
            self.add_module(name, conv)
            channels = width
        # on the CPU even where the weights are on "meta" (`weights.fill`): no file has these two
        self.register_buffer("mean", _colour(IMAGENET_MEAN), persistent=False)
        self.register_buffer("std", _colour(IMAGENET_STD), persistent=False)

    @classmethod
    def load(cls, which: str | os.PathLike = "lite", padding: str | None = None, pooling: str = "max",
             preprocessing: str | None = None) -> VGG19:  # fmt: skip
        """A trained encoder, frozen, on `nst.device()`, as all that is loaded.

        which: "lite" ships with the course; "imagenet" is torchvision's checkpoint (548 MB, downloaded once and kept as 52 MB);
            or a file: one that `save` wrote, or a checkpoint with torchvision's names of VGG-19, whatever its suffix.
        padding: None takes the weights' own, reflect for lite and zeros for imagenet.
        preprocessing: of such a checkpoint, which has the same names and shapes either way: "torchvision" (RGB in [0, 1],
            ImageNet's mean and standard deviation) or "caffe" (BGR in [0, 255] without CAFFE_MEAN), which the first convolution
            takes in. None: what the file's SHA-256 says; "torchvision", with a warning, where nobody knows the file.
        Raises FileNotFoundError or ValueError naming the file, ConnectionError where the download fails.
        """
        for name, value, allowed in (("padding", padding, (None, *PADDINGS)), ("pooling", pooling, POOLINGS),
                                     ("preprocessing", preprocessing, (None, *PREPROCESSINGS))):  # fmt: skip
            check_choice(name, value, allowed)
        path = _file(which)
        foreign = weights.is_foreign(path)
        if preprocessing is not None and not foreign:
            raise ValueError(f"preprocessing={preprocessing!r}: {path} is not a checkpoint from elsewhere, and knows its own")
        tensors, metadata = read_torchvision(path, preprocessing) if foreign else weights.read(path, "vgg19")
        ranks = {name: tensors[f"{name}.0.weight"].shape[:1].numel() for name in CONVOLUTIONS if f"{name}.0.weight" in tensors}
        last = {name: f"{name}.1" if name in ranks else name for name in CONVOLUTIONS}  # the module with the bias
        needed = [f"{module}.{kind}" for module in last.values() for kind in ("weight", "bias")]
        missing = [name for name in needed if name not in tensors]
        if missing:
            raise ValueError(f"{path}: is not a VGG-19 up to conv5_1: it lacks {missing[0]}")
        check_choice(f"{path}: its padding", own := metadata.get("padding", "zeros"), PADDINGS)
        try:
            widths = tuple(len(tensors[f"{last[f'conv{block}_1']}.bias"]) for block in range(1, 6))
            encoder = weights.fill(lambda: cls(widths, padding or own, pooling, ranks), tensors)
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: is not a VGG-19 up to conv5_1: {error}") from error
        try:
            encoder.mean.copy_(_colour(metadata.get("mean", IMAGENET_MEAN)))
        except (TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: its mean is {metadata['mean']!r}, expected three numbers") from error
        encoder.metadata = metadata
        with torch.inference_mode(False):  # a gradient may go through them
            return encoder.eval().requires_grad_(False).to(device(), memory_format=torch.channels_last)

    @property
    def sha256(self) -> str:
        """Digest of what this network computes: weights, padding and pooling, whatever file they came from. What is trained on an
        encoder remembers it.
        """
        digest = hashlib.sha256(f"{self.padding} {self.pooling}".encode())
        own_mean = {} if torch.equal(self.mean.cpu(), _colour(IMAGENET_MEAN)) else {"mean": self.mean}
        for name, tensor in sorted({**self.state_dict(), **own_mean}.items()):
            digest.update(name.encode() + tensor.detach().float().cpu().numpy().tobytes())
        return digest.hexdigest()

    def save(self, path: str | os.PathLike, metadata: dict | None = None, dtype: torch.dtype = torch.float32) -> None:
        """Write the weights as a safetensors file, whole or not at all, with the padding and `metadata` (JSON values)."""
        tensors = {k: v.to(dtype) for k, v in self.state_dict().items()}
        weights.write(path, "vgg19", tensors, {**self.metadata, **(metadata or {}), "padding": self.padding})

    def forward(self, pictures: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Feature maps of the layers asked for, in the order asked for.

        pictures (B, 3, H, W) RGB in [0, 1] -> {name: (B, C, H / 2^(block - 1), W / 2^(block - 1))}. `conv…` is before the ReLU,
        `relu…` after it. As in torchvision's network a ReLU works in place, where the map before it was not asked for: a hook on a
        convolution copies what it keeps.
        ValueError: an unknown layer, another shape, or a picture too small for the deepest layer. TypeError: not a float tensor.
        """
        layers = [layers] if isinstance(layers, str) else list(layers)
        deepest = self._check(pictures, layers)
        x = ((pictures - self.mean) / self.std).to(next(self.parameters()).dtype)
        x = x.contiguous(memory_format=torch.channels_last)  # laid out so, it pools much faster
        found: dict[str, Tensor] = {}
        for name in CONVOLUTIONS[: deepest + 1]:
            if name.endswith("_1") and name != "conv1_1":
                x = self._pool(x)  # (B, C, H, W) -> (B, C, H/2, W/2)
            x = self.get_submodule(name)(x)
            if "conv" + name[4:] in layers:
                found["conv" + name[4:]] = x
            x = F.relu(x, inplace="conv" + name[4:] not in layers)  # in place, but where that would overwrite what was just found
            if "relu" + name[4:] in layers:
                found["relu" + name[4:]] = x
        return {name: found[name] for name in layers}

    def _pool(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 2) if self.pooling == "max" else F.avg_pool2d(x, 2)

    def _check(self, pictures: Tensor, layers: list[str]) -> int:
        """Index of the deepest convolution that `layers` need; raises where the question makes no sense."""
        known = layer_names()
        if not layers:
            raise ValueError(f"layers is empty: expected some of {', '.join(known)}")
        for name in layers:
            if name not in known:
                raise ValueError(f"unknown layer {name!r}: expected one of {', '.join(known)}")
        if not isinstance(pictures, Tensor) or not pictures.is_floating_point():
            got = pictures.dtype if isinstance(pictures, Tensor) else type(pictures).__name__
            raise TypeError(f"pictures: expected a float tensor (B, 3, H, W) in [0, 1], got {got}")
        if pictures.ndim != 4 or pictures.shape[1] != 3:
            raise ValueError(f"pictures: expected the shape (B, 3, H, W), got {tuple(pictures.shape)}")
        name = max(layers, key=lambda layer: layer[4:])  # the deepest
        smallest = minimum_size(name, self.padding)
        if min(pictures.shape[-2:]) < smallest:
            height, width = pictures.shape[-2:]
            raise ValueError(f"a picture of {width} x {height} px is too small for {name}: "
                             f"it needs at least {smallest} px on each side")  # fmt: skip
        return CONVOLUTIONS.index("conv" + name[4:])

    def sequential(self) -> nn.Sequential:
        """The same layers as a flat `nn.Sequential` of Conv2d, ReLU and pooling, like `torchvision.models.vgg19().features`.

        It shares this network's weights, but for convolutions of low rank, which come as their product; and it leaves the
        normalisation to the caller, as the PyTorch tutorial's code expects.
        """
        children: list[nn.Module] = []
        for name in CONVOLUTIONS:
            if name.endswith("_1") and name != "conv1_1":
                children.append(nn.MaxPool2d(2) if self.pooling == "max" else nn.AvgPool2d(2))
            conv = self.get_submodule(name)
            children += [conv.product() if isinstance(conv, LowRankConv2d) else conv, nn.ReLU(inplace=False)]
        return nn.Sequential(*children)


class Layer(NamedTuple):
    """A row of `table`: a convolution. The numbers are those of its ReLU, too."""

    name: str
    channels: int
    size: int  # pixels of one side of its maps
    receptive_field: int  # pixels of one side of the square of the picture that one unit sees
    stride: int  # pixels of the picture between two neighbouring units


def table(size: int = 224, widths: Sequence[int] = WIDTHS["imagenet"]) -> list[Layer]:
    """The thirteen convolutions for a picture of size x size pixels, from the input up.

    A 3x3 convolution adds 2 strides to the receptive field; a 2x2 pooling adds one, and doubles the stride.
    ValueError: a picture too small for the last layer.
    """
    if size < minimum_size("conv5_1"):
        raise ValueError(f"size={size}: expected at least {minimum_size('conv5_1')} px, the smallest picture that reaches conv5_1")
    rows, sees, stride = [], 1, 1
    for name in CONVOLUTIONS:
        if name.endswith("_1") and name != "conv1_1":
            sees, stride = sees + stride, 2 * stride
        sees += 2 * stride
        rows.append(Layer(name, widths[int(name[4]) - 1], size // stride, sees, stride))
    return rows


def minimum_size(layer: str, padding: str = "zeros") -> int:
    """Smallest picture side in pixels that reaches `layer`: every pooling halves it, a reflection needs two pixels."""
    block = int(layer[4])
    return 2**block if padding == "reflect" else 2 ** (block - 1)


@torch.no_grad()
def mean_activations(encoder: nn.Module, pictures: Iterable[Tensor], layers: Iterable[str]) -> dict[str, Tensor]:
    """{layer: (C,)}: the mean of each channel over the positions of some pictures (B, 3, H, W), each picture counting alike."""
    sums: dict[str, Tensor] = {}
    count, layers = 0, list(layers)
    for picture in pictures:
        count += len(picture)
        for name, features in encoder(picture, layers).items():
            sums[name] = sums.get(name, 0) + features.mean((2, 3)).sum(0)
    return {name: total / count for name, total in sums.items()}


@torch.no_grad()
def rescale_activations(encoder: VGG19, means: dict[str, Tensor]) -> None:
    """Give each filter the mean activation 1, as Gatys did (1508.06576, "Methods"), and take the factor back in the next layer.

    means: of `relu…` layers, from `mean_activations`; the other layers' features stay as they are. Features are scaled channel by
    channel and otherwise unchanged.
    Differs from the paper: a filter that hardly ever fires (a mean below a tenth of its layer's) stays weak; at 1 it is noise.
    """
    before = encoder.mean.new_ones(3)
    for name in CONVOLUTIONS:
        conv = encoder.get_submodule(name)
        first, last = conv if isinstance(conv, LowRankConv2d) else (conv, conv)
        first.weight.mul_(before[None, :, None, None])
        mean = means.get("relu" + name[4:], before.new_ones(conv.out_channels)).to(before)
        before = mean.clamp_min(0.1 * float(mean.mean()))
        last.weight.div_(before[:, None, None, None])
        last.bias.div_(before)


def read_torchvision(path: str | os.PathLike, preprocessing: str | None = None) -> tuple[dict[str, Tensor], dict]:
    """The convolutions of a checkpoint with torchvision's names of VGG-19 under their paper names, and where they come from.

    preprocessing, errors: see `VGG19.load`.
    """
    path, found = Path(path), weights.read_pth(path)
    stored = weights.below(path, found, "features.0.weight")
    if not stored and getattr(found.get("0.weight"), "shape", None) == (64, 3, 3, 3):  # vgg19().features alone
        stored = {f"features.{name}": tensor for name, tensor in found.items()}
    if not stored:
        raise ValueError(f"{path}: is not torchvision's VGG-19: it has no features.0.weight; "
                         f"its names begin with {', '.join(list(found)[:3])}")  # fmt: skip
    tensors = {}
    for name, i in zip(CONVOLUTIONS, FEATURES_INDEX, strict=True):
        for kind in ("weight", "bias"):
            if f"features.{i}.{kind}" not in stored:
                raise ValueError(f"{path}: is not torchvision's VGG-19{_relative(stored)}: it has no features.{i}.{kind}")
            tensors[f"{name}.{kind}"] = stored[f"features.{i}.{kind}"].clone()
    digest = weights.sha256(path)
    source, own = _source(digest)
    if source is None and preprocessing is None:
        warnings.warn(f"{path}: unknown source: it is taken for a network of torchvision's preprocessing; where it is Caffe's, say "
                      "preprocessing='caffe'", stacklevel=3)  # fmt: skip
    facts = {"padding": "zeros", "source": source or "unknown", "source_sha256": digest}
    if (preprocessing or own) == "caffe":
        try:
            weights.check_floats("conv1_1.weight", tensors["conv1_1.weight"])
            weight = tensors["conv1_1.weight"].float().flip(1)  # BGR -> RGB
            tensors["conv1_1.weight"] = weight * (255 * torch.tensor(IMAGENET_STD)[:, None, None])
        except (RuntimeError, ValueError) as error:
            raise ValueError(f"{path}: is not torchvision's VGG-19: {error}") from error
        facts["mean"] = [number / 255 for number in CAFFE_MEAN]  # zeros are padded where it is taken off: no bias takes it in
    return tensors, facts


def _source(digest: str) -> tuple[str | None, str]:
    """Where a file of this SHA-256 comes from, None where nobody knows, and the preprocessing of its network."""
    if digest == IMAGENET_SHA256:
        return "torchvision VGG19_Weights.IMAGENET1K_V1", "torchvision"
    if digest.startswith(CAFFE_SHA256):
        return "Caffe's VGG-19 by Simonyan & Zisserman, as vgg19-d01eb7cb.pth", "caffe"
    return None, "torchvision"


def _relative(stored: dict[str, Tensor]) -> str:
    """Which other VGG the names are of."""
    if "features.1.running_mean" in stored:
        return ", but a VGG with batch normalisation"
    return ", but VGG-16" if "features.17.weight" in stored else ""


def _file(which: str | os.PathLike) -> Path:
    """Where the weights of `VGG19.load(which)` are, downloaded first where they must be."""
    if which == "lite":
        return lite_file()
    if which == "imagenet":
        return imagenet_file()
    if isinstance(which, str) and not Path(which).suffix and not Path(which).exists():
        raise unknown("encoder", which, ("lite", "imagenet"), also="a file, or ")
    return Path(which)


def lite_file() -> Path:
    """The encoder that ships with the course."""
    return assets.data_folder() / "weights" / "vgg19_lite.safetensors"


def imagenet_file() -> Path:
    """The papers' network in the cache folder, downloaded the first time and reduced to its thirteen convolutions.

    One process does it; others that want it meanwhile wait.
    """
    folder = assets.cache_folder() / "weights"
    reduced = folder / "vgg19_imagenet.safetensors"
    if not reduced.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / "vgg19_imagenet.lock"):
            if not reduced.is_file():
                _reduce(_checkpoint(folder), reduced)
    return reduced


def _checkpoint(folder: Path) -> Path:
    """torchvision's file, checked, in `folder`: it is downloaded unless somebody has put it there."""
    file = folder / Path(IMAGENET_URL).name
    otherwise = f'Save that file as {file}, or use the encoder that ships here: VGG19.load("lite").'
    if file.is_file() and weights.sha256(file) != IMAGENET_SHA256:
        raise ValueError(f"{file}: its SHA-256 is not {IMAGENET_SHA256}; delete it and try again")
    return fetch("VGG-19", IMAGENET_URL, file, f"sha256:{IMAGENET_SHA256}", otherwise)


def _reduce(checkpoint: Path, reduced: Path) -> None:
    """The thirteen convolutions, with the checkpoint's full digest, as a file of ours; the checkpoint goes."""
    weights.write(reduced, "vgg19", *read_torchvision(checkpoint))
    checkpoint.unlink()
