"""VGG-19 run backwards: from the feature maps of one layer to the picture that has them.

AdaIN (1703.06868, section 5) and WCT (1705.08086, section 3.1) change the features of a picture; a decoder makes a picture of
them again. It mirrors the encoder: reflection padding, nearest upsampling where the encoder pooled, no norm layers (they would
wash out the very statistics that carry the style), a linear last convolution.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nst import assets
from nst.support import weights
from nst.support.arguments import check_choice
from nst.support.runtime import device
from nst.vgg import CONVOLUTIONS, VGG19, WIDTHS

LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
INNER_WIDTHS = (32, 64, 128, 128)  # channels of a decoder's own blocks 1 to 4


class Decoder(nn.Module):
    """Features of `layer` in, pictures out: the encoder's convolutions up to that layer, mirrored.

    layer:    "relu1_1" … "relu5_1".
    channels: of the features it reads; None: the lite encoder's at that layer.
    widths:   its channels in each block below that layer's; the encoder may have more. None: 32, 64, 128, 128.
    """

    def __init__(self, layer: str = "relu4_1", channels: int | None = None, widths: Sequence[int] | None = None):
        super().__init__()
        check_choice("layer", layer, LAYERS)
        below = LAYERS.index(layer)
        widths = INNER_WIDTHS[:below] if widths is None else tuple(widths)
        if len(widths) != below:
            raise ValueError(f"widths={widths!r}: expected one for each of the {below} blocks below {layer}")
        self.layer, self.channels, self.widths, self.metadata = layer, channels or WIDTHS["lite"][below], widths, {}
        self.names = CONVOLUTIONS[: CONVOLUTIONS.index("conv" + layer[4:]) + 1][::-1]
        inside = self.channels
        for name in self.names:  # conv3_1 of the encoder leads from block 2 to block 3: here the other way round
            block = int(name[4])
            out = (3, *widths)[block - 1 if name.endswith("_1") else block]
            self.add_module(name, nn.Conv2d(inside, out, 3, padding=1, padding_mode="reflect"))
            inside = out

    def forward(self, features: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, 3, h * 2^(block - 1), w * 2^(block - 1)), about [0, 1] and not clipped."""
        x = features.to(next(self.parameters()).dtype)
        for name in self.names[:-1]:
            x = F.relu(self.get_submodule(name)(x))
            if name.endswith("_1"):
                x = F.interpolate(x, scale_factor=2.0, mode="nearest")  # where the encoder pooled
        return self.get_submodule(self.names[-1])(x)

    @classmethod
    def load(cls, which: str | os.PathLike = "relu4_1", encoder: VGG19 | None = None) -> Decoder:
        """A trained decoder, frozen, where `encoder` is; without one on `nst.device()`.

        which:   "relu1_1" … "relu5_1" (reconstruction, for WCT) or "adain" (trained with AdaIN's losses), which ship for the lite
            encoder; or a file that `save` wrote.
        encoder: the one whose features it is to read. None, or in half precision: not checked.
        Raises FileNotFoundError, or ValueError naming the file: not a decoder's, or trained with another encoder.
        """
        path = decoder_file(which) if which in (*LAYERS, "adain") else Path(which)
        tensors, metadata = weights.read(path, "decoder")
        if encoder is not None and not _is_rounded(encoder) and metadata.get("encoder_sha256") != encoder.sha256:
            raise ValueError(f"{path}: was trained with another encoder than this one, and cannot read its features")
        try:
            layer = metadata["layer"]
            inside = {name: tensors[f"{name}.weight"].shape[1] for name in CONVOLUTIONS if f"{name}.weight" in tensors}
            below = [inside[f"conv{block}_1"] for block in range(1, int(layer[4]))]
            decoder = weights.fill(lambda: cls(layer, inside["conv" + layer[4:]], below), tensors)
        except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as error:
            raise ValueError(f"{path}: is not a decoder's weights: {error}") from error
        decoder.metadata = metadata
        where = device() if encoder is None else device_of(encoder)
        return decoder.eval().requires_grad_(False).to(where, memory_format=torch.channels_last)

    def save(
        self, path: str | os.PathLike, encoder: VGG19, metadata: dict | None = None, dtype: torch.dtype = torch.float32
    ) -> None:
        """Write the weights as safetensors, whole or not at all, with the digest of the encoder whose features they read."""
        facts = {**self.metadata, **(metadata or {}), "layer": self.layer, "encoder_sha256": encoder.sha256}
        weights.write(path, "decoder", {k: v.to(dtype) for k, v in self.state_dict().items()}, facts)


def decoder_file(which: str) -> Path:
    """The shipped decoder of a layer, or "adain"."""
    return assets.data_folder() / "weights" / f"decoder_{which}.safetensors"


def padded(picture: Tensor, multiple: int = 16, smallest: int = 32) -> Tensor:
    """A picture (B, 3, H, W) grown to the right and below until both sides are multiples of `multiple` and not under `smallest`.

    Four poolings halve a size of 257 to 16 and a decoder makes 256 of it: pad before encoding, crop after decoding, and the size
    stays. The border is mirrored; where the picture is too small for that, its last pixels are repeated.
    """
    height, width = (max(smallest, -(-n // multiple) * multiple) for n in picture.shape[-2:])
    down, right = height - picture.shape[-2], width - picture.shape[-1]
    mode = "reflect" if down < picture.shape[-2] and right < picture.shape[-1] else "replicate"
    return F.pad(picture, (0, right, 0, down), mode=mode)


def device_of(network: nn.Module) -> torch.device:
    """Where its weights are."""
    return next(network.parameters()).device


def _is_rounded(encoder: nn.Module) -> bool:
    """In half precision, whose digest is not that of the encoder that it was made of?"""
    return next(encoder.parameters()).dtype in (torch.float16, torch.bfloat16)


def default_networks(
    encoder: VGG19 | None, decoders: Mapping[str, Decoder | None] | None = None
) -> tuple[VGG19, dict[str, Decoder]]:
    """The lite encoder for None, and for each None among `decoders` the shipped one of that name ("relu4_1", "adain").

    They go where the given networks are: the encoder, else the first decoder; with none given, to `nst.device()`.
    """
    decoders = dict(decoders or {})
    given = [network for network in (encoder, *decoders.values()) if network is not None]
    where = device_of(given[0]) if given else device()
    encoder = encoder if encoder is not None else VGG19.load("lite").to(where)
    return encoder, {k: d if d is not None else Decoder.load(k, encoder) for k, d in decoders.items()}


def check_decoder(name: str, decoder: Decoder, layer: str, encoder: VGG19) -> None:
    """ValueError unless `decoder` reads `layer` of this very encoder, and on its device; in half precision its channels count."""
    if decoder.layer != layer:
        raise ValueError(f"{name}: expected a decoder of {layer}, got one of {decoder.layer}")
    channels, trained = encoder.get_submodule("conv" + layer[4:]).out_channels, decoder.metadata.get("encoder_sha256")
    if decoder.channels != channels or trained and not _is_rounded(encoder) and trained != encoder.sha256:
        raise ValueError(f"{name}: was trained with another encoder than this one, and cannot read its features")
    if device_of(decoder) != device_of(encoder):
        raise ValueError(f"{name}: is on {device_of(decoder)}, the encoder on {device_of(encoder)}; move one of them with .to(…)")
