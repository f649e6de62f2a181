"""The networks that a method runs: the shipped ones where the caller names none, all on one device, and fitting each other."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from nst.decoders import Decoder
from nst.runtime import device
from nst.vgg import VGG19


def device_of(network: nn.Module) -> torch.device:
    """Where its weights are."""
    return next(network.parameters()).device


def default(encoder: VGG19 | None, decoders: Mapping[str, Decoder | None] | None = None) -> tuple[VGG19, dict[str, Decoder]]:
    """The lite encoder for None, and for each None among `decoders` the shipped one of that name ("relu4_1", "adain").

    They go where the given networks are: the encoder, else the first decoder; with none given, to `nst.device()`.
    """
    decoders = dict(decoders or {})
    given = [network for network in (encoder, *decoders.values()) if network is not None]
    where = device_of(given[0]) if given else device()
    encoder = encoder if encoder is not None else VGG19.load("lite").to(where)
    return encoder, {k: d if d is not None else Decoder.load(k, encoder).to(where) for k, d in decoders.items()}


def check_decoder(name: str, decoder: Decoder, layer: str, encoder: VGG19) -> None:
    """ValueError unless `decoder` reads `layer` of this very encoder, and on its device."""
    if decoder.layer != layer:
        raise ValueError(f"{name}: expected a decoder of {layer}, got one of {decoder.layer}")
    channels, trained = encoder.get_submodule("conv" + layer[4:]).out_channels, decoder.metadata.get("encoder_sha256")
    if decoder.channels != channels or trained and trained != encoder.sha256:
        raise ValueError(f"{name}: was trained with another encoder than this one, and cannot read its features")
    if device_of(decoder) != device_of(encoder):
        raise ValueError(f"{name}: is on {device_of(decoder)}, the encoder on {device_of(encoder)}; move one of them with .to(…)")
