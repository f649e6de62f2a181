"""nst.decoders: mirrored shapes, padding, files; and what the shipped ones give back."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import train_decoders

import nst
from nst import adain, wct
from nst import decoders as decoders_module
from nst.decoders import LAYERS, Decoder, decoder_file, default_networks, device_of, padded
from nst.training.datasets import Batch


@pytest.fixture(scope="module")
def encoder() -> nst.VGG19:
    return nst.VGG19.load("lite")


@pytest.mark.parametrize("layer", LAYERS)
def test_a_decoder_undoes_the_encoders_shapes(layer: str, encoder: nst.VGG19):
    decoder, x = Decoder(layer), torch.rand(2, 3, 32, 48)
    assert decoder(encoder(x, [layer])[layer]).shape == x.shape
    wide = nst.VGG19()
    theirs = [wide.get_submodule(name) for name in nst.vgg.CONVOLUTIONS[: len(decoder.names)]][::-1]
    widths = nst.vgg.WIDTHS["imagenet"][: int(layer[4])]
    ours = [Decoder(layer, widths[-1], widths[:-1]).get_submodule(name) for name in decoder.names]
    mirrored = [(conv.out_channels, conv.in_channels) for conv in theirs]
    assert [(conv.in_channels, conv.out_channels) for conv in ours] == mirrored


def test_the_last_convolution_is_linear():
    decoder = Decoder("relu1_1")
    with torch.no_grad():
        decoder.conv1_1.weight.zero_(), decoder.conv1_1.bias.fill_(-0.5)
    assert float(decoder(torch.rand(1, 64, 4, 4)).detach().mean()) == -0.5


@pytest.mark.parametrize(
    ("size", "grown"), [((257, 191), (272, 192)), ((32, 48), (32, 48)), ((20, 20), (32, 32)), ((5, 40), (32, 48))]
)
def test_padding_keeps_the_picture_in_its_corner(size: tuple[int, int], grown: tuple[int, int]):
    x = torch.rand(2, 3, *size)
    bigger = padded(x)
    assert bigger.shape[-2:] == grown
    torch.testing.assert_close(bigger[..., : size[0], : size[1]], x)
    if size == (257, 191):
        torch.testing.assert_close(bigger[..., 257, :191], x[..., 255, :])  # mirrored, the border itself once


def test_files(tmp_path: Path, encoder: nst.VGG19):
    decoder = Decoder("relu2_1", widths=[7])
    decoder.save(tmp_path / "two.safetensors", encoder, {"steps": 3})
    again = Decoder.load(tmp_path / "two.safetensors", encoder)
    features = torch.rand(1, 128, 6, 5)
    torch.testing.assert_close(again(features), decoder(features))
    assert again.layer == "relu2_1" and again.metadata["steps"] == 3 and not any(p.requires_grad for p in again.parameters())
    for other in (nst.VGG19.load("lite", pooling="average"), nst.VGG19.load("lite", padding="zeros")):
        with pytest.raises(ValueError, match="two.safetensors: was trained with another encoder"):
            Decoder.load(tmp_path / "two.safetensors", other)
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "two.safetensors").read_bytes()[:-20])
    with pytest.raises(ValueError, match="cut.safetensors.*cut short"):
        Decoder.load(tmp_path / "cut.safetensors")
    with pytest.raises(ValueError, match="kind 'vgg19', expected 'decoder'"):
        Decoder.load(nst.vgg.lite_file())
    (tmp_path / "pickle.safetensors").write_bytes(pickle.dumps({"conv1_1.weight": 1}))
    with pytest.raises(ValueError, match="pickle.safetensors"):
        Decoder.load(tmp_path / "pickle.safetensors")
    with pytest.raises(FileNotFoundError, match="relu9_1"):
        Decoder.load("relu9_1")
    with pytest.raises(ValueError, match="layer='relu4_2'"):
        Decoder("relu4_2")
    with pytest.raises(ValueError, match="expected one for each of the 2 blocks below relu3_1"):
        Decoder("relu3_1", widths=[8])


@pytest.mark.parametrize("facts", [{}, {"layer": "relu9_9"}, {"layer": 3}, {"layer": "relu3_1"}, {"layer": "re"}])
def test_facts_that_make_no_decoder_are_named(facts: dict, tmp_path: Path):
    nst.support.weights.write(tmp_path / "odd.safetensors", "decoder", Decoder("relu2_1").state_dict(), facts)
    with pytest.raises(ValueError, match="odd.safetensors: is not a decoder's weights"):
        Decoder.load(tmp_path / "odd.safetensors")


PSNR = {"relu1_1": 36.0, "relu2_1": 24.0, "relu3_1": 21.7, "relu4_1": 19.2, "relu5_1": 13.8}  # dB, about 1 below what they give


@pytest.mark.parametrize("layer", LAYERS)
def test_shipped_decoders_give_the_picture_back(layer: str, encoder: nst.VGG19):
    picture = nst.assets.picture("coffee", 192)
    decoder = Decoder.load(layer, encoder)
    with torch.no_grad():
        back = decoder(encoder(padded(picture), [layer])[layer])[..., : picture.shape[-2], : picture.shape[-1]].clamp(0, 1)
    psnr = -10 * float(torch.log10((back - picture).square().mean()))
    assert psnr > PSNR[layer]


def test_whitening_the_features_changes_nothing_but_the_coordinates(encoder: nst.VGG19):
    features = encoder(torch.rand(2, 3, 32, 48), ["relu2_1"])["relu2_1"]
    with torch.no_grad():
        decoder = Decoder("relu2_1")
        before = decoder(features)
        whitened = train_decoders.Whitened(decoder, features)
        torch.testing.assert_close(whitened(features), before, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(whitened.plain()(features), before, rtol=1e-4, atol=1e-5)
        seen = torch.einsum("ij,bjhw->ibhw", whitened.matrix, features - whitened.mean[:, None, None]).flatten(1)
    variances = torch.linalg.eigvalsh(torch.cov(seen))  # 1, but for directions that hardly vary
    assert variances.max() < 1.01 and variances.median() > 0.9


def test_least_squares_finds_the_convolution_that_made_the_pictures(encoder: nst.VGG19):
    torch.manual_seed(0)
    with torch.no_grad():
        true, inputs = Decoder("relu1_1"), torch.rand(2, 8, 3, 24, 24)
        true.conv1_1.bias.normal_()

        class Encoder:  # one whose features do not come from the picture asked for, so that the picture can be anything
            def __call__(self, pictures, layers):
                return {"relu1_1": self.features}

        stand_in = Encoder()

        def data(step: int, positions: range) -> Batch:
            stand_in.features = encoder(inputs[step], ["relu1_1"])["relu1_1"] + 0.1 * torch.randn(8, 64, 24, 24)
            return Batch(true(stand_in.features), None, [])

        found = train_decoders.least_squares(Decoder("relu1_1"), stand_in, data, 2)
    torch.testing.assert_close(found.conv1_1.weight, true.conv1_1.weight, rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(found.conv1_1.bias, true.conv1_1.bias, rtol=1e-3, atol=1e-3)


def test_the_shipped_decoders_are_small():
    assert sum(decoder_file(name).stat().st_size for name in (*LAYERS, "adain")) <= 8e6


def test_covariance_loss_is_a_closed_form():
    """Scaled by 2, every covariance is 3 of the style's own too large: 3 r_ij for the correlations r."""
    style = torch.randn(2, 4, 9, 11)
    found = train_decoders.covariance_loss(2 * style, style)
    flat = style.flatten(2).numpy()
    wanted = np.mean([np.mean((3 * np.corrcoef(f)) ** 2) for f in flat])
    assert float(train_decoders.covariance_loss(style + 5, style)) < 1e-8 and 0.8 * wanted < float(found) < wanted


# --- the networks of a method -----------------------------------------------------------------------------------------------------

ELSEWHERE = torch.device("meta")  # a device that every machine has


@pytest.fixture
def lite(monkeypatch: pytest.MonkeyPatch) -> nst.VGG19:
    """The lite encoder, which knows its digest also where it has no numbers."""
    encoder = nst.VGG19.load("lite")
    monkeypatch.setattr(nst.VGG19, "sha256", encoder.sha256)
    return encoder


def test_defaults_go_where_the_given_network_is(lite: nst.VGG19, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoders_module, "device", lambda: torch.device("cpu"))
    encoder, decoders = default_networks(lite.to(ELSEWHERE), {"adain": None, "relu4_1": None})
    assert encoder is lite and [device_of(d) for d in decoders.values()] == [ELSEWHERE] * 2
    encoder, decoders = default_networks(None, {"relu4_1": Decoder().to(ELSEWHERE), "relu5_1": None})
    assert device_of(encoder) == device_of(decoders["relu5_1"]) == ELSEWHERE


def test_without_given_networks_they_go_to_the_chosen_device(lite: nst.VGG19, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(decoders_module, "device", lambda: ELSEWHERE)
    encoder, decoders = default_networks(None, {"relu4_1": None})
    assert device_of(encoder) == device_of(decoders["relu4_1"]) == ELSEWHERE


def test_a_given_encoder_keeps_the_methods_away_from_the_accelerator(monkeypatch: pytest.MonkeyPatch):
    """On a machine with a GPU `encoder=VGG19.load("lite")` means: on the CPU."""
    monkeypatch.setattr(decoders_module, "device", lambda: ELSEWHERE)
    picture, encoder = torch.rand(1, 3, 32, 32), nst.VGG19.load("lite")
    for method in (adain, wct):
        assert method.stylize(picture, picture, encoder=encoder).device == picture.device
    assert nst.gatys.stylize(picture, picture, config=nst.GatysConfig(evaluations=1), encoder=encoder).device == picture.device


def test_networks_on_two_devices_are_named():
    decoder = Decoder("relu4_1").to(ELSEWHERE)
    with pytest.raises(ValueError, match="decoder: is on meta, the encoder on cpu"):
        adain.stylize(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), encoder=nst.VGG19.load("lite"), decoder=decoder)


def test_a_decoder_that_names_no_encoder_is_no_decoder_of_this_one(tmp_path):
    encoder = nst.VGG19.load("lite")
    nst.support.weights.write(tmp_path / "nobodys.safetensors", "decoder", Decoder("relu2_1").state_dict(), {"layer": "relu2_1"})
    with pytest.raises(ValueError, match="nobodys.safetensors: was trained with another encoder"):
        Decoder.load(tmp_path / "nobodys.safetensors", encoder)
    assert Decoder.load(tmp_path / "nobodys.safetensors").layer == "relu2_1"  # not checked


def test_an_encoder_in_half_precision_gets_the_shipped_decoders():
    """Rounded, its digest is another; its channels are compared all the same."""
    _, decoders = decoders_module.default_networks(nst.VGG19.load("lite").half(), {"relu2_1": None})
    assert decoders["relu2_1"].layer == "relu2_1"
    with pytest.raises(ValueError, match="decoder: was trained with another encoder"):
        decoders_module.check_decoder("decoder", Decoder("relu4_1", 5, (2, 3, 4)), "relu4_1", nst.VGG19.load("lite").half())


def test_mirrored_where_that_is_possible_and_repeated_elsewhere():
    for size, multiple in (((40, 44), 16), ((33, 90), 64)):
        x = torch.rand(1, 3, *size)
        bigger = padded(x, multiple)
        wanted = np.pad(x.numpy(), [(0, 0), (0, 0), (0, bigger.shape[2] - size[0]), (0, bigger.shape[3] - size[1])], "reflect")
        assert np.array_equal(bigger.numpy(), wanted)
    for size in ((16, 40), (40, 16)):  # as many are wanted as there are: a reflection has one less
        x = torch.rand(1, 3, *size)
        bigger = padded(x)
        wanted = np.pad(x.numpy(), [(0, 0), (0, 0), (0, bigger.shape[2] - size[0]), (0, bigger.shape[3] - size[1])], "edge")
        assert np.array_equal(bigger.numpy(), wanted)


def test_what_is_loaded_is_where_it_should_be_and_laid_out_for_speed(tmp_path: Path, lite, monkeypatch: pytest.MonkeyPatch):
    decoder = Decoder.load()
    assert decoder.layer == "relu4_1" and decoder.conv4_1.weight.is_contiguous(memory_format=torch.channels_last)
    monkeypatch.setattr(decoders_module, "device", lambda: ELSEWHERE)
    assert device_of(Decoder.load("relu1_1")) == ELSEWHERE and device_of(Decoder.load("relu1_1", lite)) == torch.device("cpu")
    assert device_of(Decoder.load("relu1_1", lite.to(ELSEWHERE))) == ELSEWHERE


def test_a_decoder_of_a_narrow_encoder_in_half_precision(tmp_path: Path):
    narrow = nst.VGG19((2, 3, 4, 5, 6), "reflect")
    Decoder("relu3_1", 4, (7, 3)).save(tmp_path / "a.safetensors", narrow, dtype=torch.float16)
    stored, _ = nst.support.weights.read(tmp_path / "a.safetensors", "decoder")
    assert {tensor.dtype for tensor in stored.values()} == {torch.float16}
    decoder = Decoder.load(tmp_path / "a.safetensors", narrow)
    assert decoder.channels == 4 and decoder.widths == (7, 3)
    made = decoder.bfloat16()(torch.rand(1, 4, 8, 8))  # features of another dtype than its weights
    assert made.dtype == torch.bfloat16 and made.shape == (1, 3, 32, 32)


def test_a_decoder_that_does_not_fit_is_named(lite: nst.VGG19):
    with pytest.raises(ValueError, match="^mine: expected a decoder of relu4_1, got one of relu2_1$"):
        decoders_module.check_decoder("mine", Decoder("relu2_1"), "relu4_1", lite)
    decoder = Decoder("relu4_1")
    decoders_module.check_decoder("mine", decoder, "relu4_1", lite)  # it does not say on which it was trained
    decoder.metadata = {"encoder_sha256": "another"}
    with pytest.raises(ValueError, match="^mine: was trained with another encoder"):
        decoders_module.check_decoder("mine", decoder, "relu4_1", lite)
