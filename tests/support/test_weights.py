"""nst.support.weights: every damaged file is named, and none runs code."""

from __future__ import annotations

import random
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import nst
from nst.support import weights


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


def test_a_changed_number_and_a_changed_fact_are_noticed(tmp_path: Path):
    file = tmp_path / "a.safetensors"
    weights.write(file, "test", {"a": torch.arange(100.0)}, {"padding": "zeros"})
    whole = file.read_bytes()
    one_bit = whole[:-1] + bytes([whole[-1] ^ 1])
    for changed in (one_bit, whole.replace(b"zeros", b"zerox"), whole.replace(b'"sha256"', b'"sha257"')):
        assert len(changed) == len(whole) and changed != whole
        file.write_bytes(changed)
        with pytest.raises(ValueError, match="a.safetensors: is damaged"):
            weights.read(file, "test")


def test_files_of_before_the_digest_go_on_loading(tmp_path: Path):
    """As the first versions wrote them: kind and facts in the header, no digest."""
    state, facts = nst.VGG19((2, 2, 2, 2, 2), "reflect").state_dict(), '{"padding": "reflect", "seed": 3}'
    save_file(state, tmp_path / "old.safetensors", metadata={"kind": "vgg19", "facts": facts})
    encoder = nst.VGG19.load(tmp_path / "old.safetensors")
    assert encoder.metadata == {"padding": "reflect", "seed": 3}
    encoder.save(tmp_path / "new.safetensors")
    assert nst.VGG19.load(tmp_path / "new.safetensors").sha256 == encoder.sha256
    assert all(torch.equal(value, state[name]) for name, value in encoder.state_dict().items())


@pytest.mark.parametrize("changes", [{"conv1_1.weight": torch.full((2, 3, 3, 3), float("nan"))},
                                     {"conv2_1.bias": torch.tensor([1e39, 0.0], dtype=torch.float64)},
                                     {"conv1_1.weight": torch.zeros(2, 3, 3, 3, dtype=torch.int8)},
                                     {"conv5_1.bias": torch.zeros(3)}, {"conv6_1.bias": torch.zeros(3)}])  # fmt: skip
def test_tensors_that_do_not_do_are_named(tmp_path: Path, changes: dict):
    weights.write(tmp_path / "odd.safetensors", "vgg19", {**nst.VGG19((2, 2, 2, 2, 2)).state_dict(), **changes}, {})
    with pytest.raises(ValueError, match=f"(?s)odd.safetensors: is not a VGG-19 .*{next(iter(changes))[:7]}"):
        nst.VGG19.load(tmp_path / "odd.safetensors")


def test_what_is_filled_in_is_a_copy_in_float32(tmp_path: Path):
    tensors = {"weight": torch.rand(4, 3).half(), "bias": torch.rand(4).double()}
    layer = weights.fill(lambda: torch.nn.Linear(3, 4), tensors)
    assert {p.dtype for p in layer.parameters()} == {torch.float32} and torch.equal(layer.weight, tensors["weight"].float())
    layer.bias.data.zero_()
    assert tensors["bias"].all()


def test_a_checkpoint_that_promises_more_than_it_holds(tmp_path: Path):
    """One number repeated without end, and a packed zip."""
    torch.save({"a": torch.zeros(1).expand(10**5, 10**5)}, tmp_path / "endless.pth")
    torch.save({"a": torch.zeros(10**6)}, tmp_path / "plain.pth")
    with zipfile.ZipFile(tmp_path / "plain.pth") as plain, zipfile.ZipFile(tmp_path / "packed.pth", "w") as packed:
        for name in plain.namelist():
            packed.writestr(name, plain.read(name), zipfile.ZIP_DEFLATED)
    for name in ("endless", "packed"):
        with pytest.raises(ValueError, match=f"{name}.pth.*promises [4-9]"):
            weights.read_pth(tmp_path / f"{name}.pth")
    torch.save({"a": torch.eye(3).to_sparse()}, tmp_path / "sparse.pth")
    with pytest.raises(ValueError, match="sparse.pth: is not a state dict of tensors"):
        weights.read_pth(tmp_path / "sparse.pth")


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
