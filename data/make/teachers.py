"""The two networks that the lite encoder learns from, as `nst.VGG19` encoders.

Neither ships with the course. `--teacher FOLDER` names a folder with

* `vgg19_caffe_conv1_1_to_conv3_4.safetensors`: the first eight convolutions of the real VGG-19 (Oxford VGG, CC BY 4.0), for BGR
  pictures in 0 … 255 minus Caffe's mean, zero padding;
* `vgg19_16x_encoder5.safetensors`: a VGG-19 with a quarter of the channels from "Collaborative Distillation for Ultra-Resolution
  Universal Style Transfer" (Wang et al., CVPR 2020; MIT), for RGB in [0, 1], with its own 1x1 `conv0` in front, reflection padding.

Both are rewritten for `VGG19`'s input, (picture - mean) / std: an affine change of the input folds into the first convolution.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from nst.vgg import CONVOLUTIONS, IMAGENET_MEAN, IMAGENET_STD, VGG19, WIDTHS

CAFFE_MEAN_RGB = (123.68, 116.779, 103.939)
REAL_LAYERS = tuple(kind + name[4:] for name in CONVOLUTIONS[:8] for kind in ("conv", "relu"))  # the 16x network has the rest
SMALL_WIDTHS = (16, 32, 64, 128, 128)


def fold_input(weight: Tensor, bias: Tensor, scale: Tensor, shift: Tensor) -> tuple[Tensor, Tensor]:
    """Convolution on `scale @ x + shift`, scale (K, 3), shift (K,), as a convolution on x."""
    bias = bias + torch.einsum("okhw,k->o", weight, shift)
    return torch.einsum("okhw,kc->ochw", weight, scale), bias


def real_vgg19(folder: Path, padding: str = "zeros") -> VGG19:
    """The real VGG-19; its convolutions above conv3_4 hold random numbers and must not be asked for."""
    weights = load_file(Path(folder) / "vgg19_caffe_conv1_1_to_conv3_4.safetensors")
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    rgb = weights["conv1_1.weight"].flip(1)  # (64, 3, 3, 3), BGR -> RGB
    weights["conv1_1.weight"], weights["conv1_1.bias"] = fold_input(
        rgb, weights["conv1_1.bias"], torch.diag(255 * std), 255 * mean - torch.tensor(CAFFE_MEAN_RGB)
    )
    encoder = VGG19(WIDTHS["imagenet"], padding)
    encoder.load_state_dict(weights, strict=False)
    return encoder.eval().requires_grad_(False)


def small_vgg19(folder: Path, level: int = 5) -> VGG19:
    """The 16x VGG-19, complete up to relu5_1; or the one of another level, 1 to 4, complete up to its relu{level}_1."""
    stored = load_file(Path(folder) / f"vgg19_16x_encoder{level}.safetensors")
    names = CONVOLUTIONS[: CONVOLUTIONS.index(f"conv{level}_1") + 1]
    weights = {f"{n}.{p}": stored[f"conv{n[4]}{n[6]}.{p}"] for n in names for p in ("weight", "bias")}
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    first = stored["conv0.weight"][:, :, 0, 0]  # (3, 3)
    weights["conv1_1.weight"], weights["conv1_1.bias"] = fold_input(
        weights["conv1_1.weight"], weights["conv1_1.bias"], first * std, first @ mean + stored["conv0.bias"]
    )
    encoder = VGG19((len(weights["conv1_1.bias"]), *SMALL_WIDTHS[1:]), padding="reflect")
    encoder.load_state_dict(weights, strict=level == 5)
    return encoder.eval().requires_grad_(False)


class Spliced(nn.Module):
    """Two encoders as one: `shallow` up to relu3_4, `deep` above."""

    def __init__(self, shallow: VGG19, deep: VGG19):
        super().__init__()
        self.shallow, self.deep = shallow, deep

    def forward(self, pictures: Tensor, layers) -> dict[str, Tensor]:
        shallow = [name for name in layers if name in REAL_LAYERS]
        deep = [name for name in layers if name not in REAL_LAYERS]
        found = self.shallow(pictures, shallow) if shallow else {}
        found |= self.deep(pictures, deep) if deep else {}
        return {name: found[name] for name in layers}


class Teachers(Spliced):
    """What the lite encoder learns from: the real VGG-19 up to relu3_4, the 16x network above, which pads by reflection."""

    def __init__(self, folder: Path, padding: str = "reflect"):
        super().__init__(real_vgg19(folder, padding), small_vgg19(folder))
