"""data/make: what the programs that trained the shipped networks are made of (the decoders' are in test_decoders)."""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import distill_encoder
import pytest
import torch
import train_decoders
import train_styles
from safetensors import safe_open
from teachers import Spliced

import nst
from nst.training.datasets import Crops, offline_files


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


@pytest.mark.parametrize("program", [distill_encoder.fit, distill_encoder.train])
def test_a_distillation_draws_from_its_seed_alone(program, tmp_path: Path, monkeypatch):
    """Whatever state Python's and torch's own random numbers are in."""
    drawn = []

    def pictures(photos, paintings, rng: random.Random):
        drawn.append((rng.random(), float(torch.rand(1))))
        raise StopIteration

    monkeypatch.setattr(distill_encoder, "Pictures", pictures)
    monkeypatch.setattr(distill_encoder, "CHECKPOINT", tmp_path / "checkpoint.pt")
    torch.save({"step": 3, "scales": {}}, tmp_path / "checkpoint.pt")
    for seed, before in ((0, 1), (0, 2), (5, 1)):
        nst.seed(before)
        with pytest.raises(StopIteration):
            program(argparse.Namespace(photos=tmp_path, paintings=tmp_path, teacher=tmp_path, seed=seed))
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_decoder_is_the_same_whatever_was_trained_before_it(tmp_path: Path, monkeypatch):
    """Begins with the same weights and sees the same pictures, under the seed that is recorded."""
    begun = []

    def train(model, encoder, loss, data, config, folder, callback) -> list[dict[str, float]]:
        folder.mkdir(parents=True, exist_ok=True)
        begun.append((model.layer, config.seed, data(0, range(2)).content, model.plain().conv1_1.weight, float(torch.rand(1))))
        return [{"pixel": 1.0}]

    stand_ins = {"BUILD": tmp_path, "train": train, "real_vgg19": lambda *_: nst.VGG19((2, 2, 2, 2, 2)),
                 "pictures": lambda a, steps: [Crops(offline_files(), 16, read=24, seed=a.seed)] * 2}  # fmt: skip
    for name, stand_in in stand_ins.items():
        monkeypatch.setattr(train_decoders, name, stand_in)
    given = {"seed": 7, "steps": 5, "start": None, "folder": None, "teacher": tmp_path, "learning_rate": None, "batch_size": 2,
             "precision": "no", "style_weight": 1.0, "correlations": 1.0, "same": 1.0, "match": 1.0}  # fmt: skip
    for names in (["relu2_1"], ["relu3_1", "relu2_1"]):
        train_decoders.run(argparse.Namespace(names=names, **given))
    alone, _, after = begun
    assert alone[:2] == after[:2] == ("relu2_1", 7) and alone[4] == after[4]
    torch.testing.assert_close(alone[2:4], after[2:4], rtol=0, atol=0)
