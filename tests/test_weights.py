"""nst.weights: every damaged file is named, and none runs code."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import nst
from nst import weights


def test_what_is_written_is_read(tmp_path: Path):
    tensors = {"a": torch.rand(3, 4).T, "b": torch.arange(5)}
    weights.write(tmp_path / "a.safetensors", "test", tensors, {"name": "näher", "steps": [1, 2]})
    read, facts = weights.read(tmp_path / "a.safetensors", "test")
    assert facts == {"name": "näher", "steps": [1, 2]} and all(torch.equal(read[k], v) for k, v in tensors.items())


@pytest.mark.parametrize("facts", ["[1, 2]", "3", "not JSON", "{'a': 1}"])
def test_odd_facts_are_named(tmp_path: Path, facts: str):
    save_file({"a": torch.zeros(1)}, tmp_path / "odd.safetensors", metadata={"kind": "test", "facts": facts})
    with pytest.raises(ValueError, match="odd.safetensors: its facts are"):
        weights.read(tmp_path / "odd.safetensors", "test")


def test_a_file_without_facts_has_none(tmp_path: Path):
    save_file({"a": torch.zeros(1)}, tmp_path / "bare.safetensors", metadata={"kind": "test"})
    assert weights.read(tmp_path / "bare.safetensors", "test")[1] == {}


def test_a_damaged_checkpoint_is_named_whatever_the_damage(tmp_path: Path):
    """Bytes changed, cut and put in: torch.load raises nearly every error there is."""
    whole, file = tmp_path / "whole.pth", tmp_path / "damaged.pth"
    stored = {"features.0.weight": torch.rand(4, 3, 3, 3), "features.0.bias": torch.rand(4)}
    torch.save(stored, whole, _use_new_zipfile_serialization=False)
    rng, content = random.Random(0), whole.read_bytes()
    for _ in range(150):
        damaged = bytearray(content)
        for _ in range(rng.randint(1, 6)):
            damaged[rng.randrange(min(len(damaged), 500))] = rng.randrange(256)
        file.write_bytes(damaged[: rng.choice((len(damaged), rng.randrange(len(damaged))))])
        try:
            weights.read_pth(file)
        except ValueError as error:
            assert "damaged.pth" in str(error)


@pytest.mark.parametrize("load", [nst.VGG19.load, nst.decoders.Decoder.load, nst.load_style])
@pytest.mark.parametrize("facts", [{}, {"layer": "relu9_9"}, {"padding": "mirror"}, {"padding": 3, "layer": 4, "norm": 5}])
def test_networks_whose_facts_are_wrong_are_named(tmp_path: Path, load, facts: dict):
    kind = {"VGG19": "vgg19", "Decoder": "decoder"}.get(getattr(load, "__self__", type).__name__, "transformer_net")
    tensors = nst.VGG19((2, 2, 2, 2, 2)).state_dict()
    tensors = tensors if facts.get("padding") or kind != "vgg19" else {k: v for k, v in tensors.items() if "conv5" not in k}
    weights.write(tmp_path / "odd.safetensors", kind, tensors, facts)
    with pytest.raises(ValueError, match="odd.safetensors"):
        load(tmp_path / "odd.safetensors")


def test_the_digest_is_of_the_bytes(tmp_path: Path):
    (tmp_path / "abc").write_bytes(b"abc")
    assert weights.sha256(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2
