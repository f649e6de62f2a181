"""data/make: what the programs that trained the shipped networks are made of (the decoders' are in test_decoders)."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
import train_styles
from safetensors import safe_open
from teachers import Spliced

import nst


def test_two_encoders_spliced_answer_each_for_its_layers():
    x, shallow, deep = torch.rand(1, 3, 32, 32), nst.VGG19((2, 3, 4, 5, 6)), nst.VGG19((2, 3, 4, 5, 6))
    layers = ("relu4_2", "relu1_1", "relu3_4", "relu4_1")
    with torch.no_grad():
        found = Spliced(shallow, deep)(x, layers)
        assert tuple(found) == layers
        for layer, encoder in zip(layers, (deep, shallow, shallow, deep), strict=True):
            torch.testing.assert_close(found[layer], encoder(x, [layer])[layer])


def test_the_mean_of_rounds(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(train_styles, "BUILD", tmp_path)
    files = [tmp_path / f"round_{k}.safetensors" for k in range(3)]
    nets = [nst.TransformerNet(2) for _ in files]
    for k, (net, file) in enumerate(zip(nets, files, strict=True)):
        net.save(file, {"style": "cut_paper", "loss": {"style_weight": k + 0.5}})
    train_styles.average(argparse.Namespace(style="cut_paper", networks=files, folder=None))
    made = tmp_path / "cut_paper_mean" / "net.safetensors"
    for name, weight in nst.load_style(made).state_dict().items():
        mean = torch.stack([net.state_dict()[name] for net in nets]).mean(0)
        torch.testing.assert_close(weight, mean, atol=1e-3, rtol=1e-3)  # stored as float16
    with safe_open(made, "pt") as stored:
        facts = json.loads(stored.metadata()["facts"])
    assert facts["mean_of_style_weights"] == [0.5, 1.5, 2.5] and facts["style"] == "cut_paper"


def test_a_softened_network_paints_at_full_strength_what_it_painted_at_less(tmp_path: Path):
    net, photo = nst.TransformerNet(2), torch.rand(1, 3, 24, 20)
    net.weak = {name: torch.rand_like(p) for name, p in net.named_parameters() if ".norm." in name}
    net.save(tmp_path / "net.safetensors", dtype=torch.float16)
    wanted = nst.load_style(tmp_path / "net.safetensors").stylize(photo, strength=0.8)
    train_styles.soften(argparse.Namespace(network=tmp_path / "net.safetensors", strength=0.8))
    softened = nst.load_style(tmp_path / "net.safetensors")
    torch.testing.assert_close(softened.stylize(photo), wanted, atol=5e-3, rtol=0)  # stored as float16
    assert softened.metadata["softened"] == 0.8 and set(softened.weak) == set(net.weak)
