"""nst.networks: default networks where the given ones are, and networks that do not fit each other."""

from __future__ import annotations

import inspect

import pytest
import torch

import nst
from nst import adain, networks, wct
from nst.decoders import Decoder

ELSEWHERE = torch.device("meta")  # a device that every machine has


@pytest.fixture
def lite(monkeypatch: pytest.MonkeyPatch) -> nst.VGG19:
    """The lite encoder, which knows its digest also where it has no numbers."""
    encoder = nst.VGG19.load("lite")
    monkeypatch.setattr(nst.VGG19, "sha256", encoder.sha256)
    return encoder


def test_defaults_go_where_the_given_network_is(lite: nst.VGG19, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(networks, "device", lambda: torch.device("cpu"))
    encoder, decoders = networks.default(lite.to(ELSEWHERE), {"adain": None, "relu4_1": None})
    assert encoder is lite and [networks.device_of(d) for d in decoders.values()] == [ELSEWHERE] * 2
    encoder, decoders = networks.default(None, {"relu4_1": Decoder().to(ELSEWHERE), "relu5_1": None})
    assert networks.device_of(encoder) == networks.device_of(decoders["relu5_1"]) == ELSEWHERE


def test_without_given_networks_they_go_to_the_chosen_device(lite: nst.VGG19, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(networks, "device", lambda: ELSEWHERE)
    encoder, decoders = networks.default(None, {"relu4_1": None})
    assert networks.device_of(encoder) == networks.device_of(decoders["relu4_1"]) == ELSEWHERE


def test_a_given_encoder_keeps_the_methods_away_from_the_accelerator(monkeypatch: pytest.MonkeyPatch):
    """On a machine with a GPU `encoder=VGG19.load("lite")` means: on the CPU."""
    monkeypatch.setattr(networks, "device", lambda: ELSEWHERE)
    picture, encoder = torch.rand(1, 3, 32, 32), nst.VGG19.load("lite")
    for method in (adain, wct):
        assert method.stylize(picture, picture, encoder=encoder).device == picture.device
    assert nst.gatys.stylize(picture, picture, config=nst.GatysConfig(evaluations=1), encoder=encoder).device == picture.device


def test_networks_on_two_devices_are_named():
    decoder = Decoder("relu4_1").to(ELSEWHERE)
    with pytest.raises(ValueError, match="decoder: is on meta, the encoder on cpu"):
        adain.stylize(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), encoder=nst.VGG19.load("lite"), decoder=decoder)


@pytest.mark.parametrize("method", [nst.gatys, nst.transformer_net, nst.adain, nst.wct], ids=lambda module: module.__name__)
def test_all_methods_take_their_options_by_keyword_and_in_one_order(method):
    parameters = inspect.signature(method.stylize).parameters
    order = ["content", "style", "alpha", "strength", "style_weights", "masks", "preserve_color", "palette", "levels", "transform",
             "tile", "config", "start", "callback", "encoder", "decoder", "decoders"]  # fmt: skip
    assert list(parameters) == [name for name in order if name in parameters]
    assert {"style_weights", "masks", "preserve_color"} <= set(parameters)
    positional = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["content", "style"]
