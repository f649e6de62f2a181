"""nst.support.weights: every damaged file is named, and none runs code."""

from __future__ import annotations

import argparse
import io
import random
import zipfile
from pathlib import Path

import numpy as np
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


# --- others' checkpoints ----------------------------------------------------------------------------------------------------------

TENSORS = {"layer.weight": torch.arange(6.0).view(2, 3), "layer.bias": torch.ones(2)}


def named(before: str) -> dict:
    return {before + k: v for k, v in TENSORS.items()}


@pytest.mark.parametrize("stored", [
    TENSORS, named("module."), named("_orig_mod."), named("module._orig_mod."), named("_fsdp_wrapped_module."),
    *({name: TENSORS, "epoch": 3, "lr": [0.1]} for name in ("state_dict", "model", "net", "generator", "model_state_dict")),
    {"state_dict": named("module.")}, {"state_dict": named("net."), "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}}},
    {"net": {"inner": named("module.")}, "options": argparse.Namespace(lr=1)}, {**named("net."), "loss.layer.scale": torch.ones(1)},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("new", [True, False])
def test_what_is_around_a_state_dict_is_taken_off(tmp_path: Path, stored: dict, new: bool):
    torch.save(stored, tmp_path / "a.model", _use_new_zipfile_serialization=new)
    assert weights.is_foreign(tmp_path / "a.model")
    found = weights.below("a.model", weights.read_pth(tmp_path / "a.model"), "layer.weight")
    assert found.keys() == TENSORS.keys() and all(torch.equal(found[k], v) for k, v in TENSORS.items())


def test_safetensors_of_others_are_checkpoints_too(tmp_path: Path):
    save_file(named("net."), tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert weights.is_foreign(tmp_path / "model.safetensors")
    assert weights.read_pth(tmp_path / "model.safetensors").keys() == named("net.").keys()
    weights.write(tmp_path / "ours.pth", "test", TENSORS, {})
    assert not weights.is_foreign(tmp_path / "ours.pth") and weights.read(tmp_path / "ours.pth", "test")[0].keys() == TENSORS.keys()
    assert not weights.is_foreign(tmp_path / "none.pth")


def test_two_networks_in_one_file_are_both_named(tmp_path: Path):
    torch.save({"net": TENSORS, "ema": TENSORS}, tmp_path / "two.pth")
    with pytest.raises(ValueError, match=r"two.pth: holds several networks \(net., ema.\)"):
        weights.below("two.pth", weights.read_pth(tmp_path / "two.pth"), "layer.weight")
    torch.save({**named("module."), **TENSORS}, tmp_path / "twice.pth")
    with pytest.raises(ValueError, match="twice.pth: holds layer.weight twice"):
        weights.read_pth(tmp_path / "twice.pth")


class Options:
    """An object whose class torch does not know."""


def scripted() -> bytes:
    file = io.BytesIO()
    torch.jit.save(torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(1, 3)), file)
    return file.getvalue()


def saved(thing: object) -> bytes:
    file = io.BytesIO()
    torch.save(thing, file)
    return file.getvalue()


def zipped(name: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, b"1")
    return file.getvalue()


@pytest.mark.parametrize(("content", "said"), [
    (lambda: saved(torch.nn.Linear(3, 2)), r"is a whole pickled module \(torch.nn.modules.linear.Linear\).*net.state_dict\(\)"),
    (lambda: saved({"model": torch.nn.Linear(3, 2)}), "is a whole pickled module"),
    (lambda: saved(Options()), r"is a whole pickled module \(.*Options\)"),
    (lambda: saved({"state_dict": TENSORS, "best": np.float64(3)}), r"holds objects beside its tensors \(numpy"),
    (lambda: saved([torch.ones(3)]), "is not a state dict of tensors"),
    (lambda: saved({"epoch": 3}), "is not a state dict of tensors"),
    (lambda: saved({}), "is not a state dict of tensors"), (scripted, "is a TorchScript program"),
    (lambda: b"\n <!DOCTYPE html><html><body>404", "is a web page"), (lambda: b"<HTML>", "is a web page"),
    (lambda: b'<?xml version="1.0"?><Error>', "is a web page"),
    (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a Git LFS pointer.*git lfs pull"),
    (lambda: b"/annex/objects/MD5E-s1", "is a git-annex pointer"), (lambda: b"\x89PNG\r\n\x1a\n", "is a picture"),
    (lambda: b"\xff\xd8\xff\xe0..JFIF", "is a picture"), (lambda: b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    (lambda: b"\x04\0\0\0\1\0\0\0\3\0\0\0V 1", "is a file of Lua's Torch7"), (lambda: b"\x1f\x8b\x08", "is a packed archive"),
    (lambda: zipped("a.txt"), "is a zip archive"), (lambda: zipped("a.npy"), "is NumPy's archive"), (lambda: b"", "is empty"),
    (lambda: b"GGUF\3", "is a GGUF file"),
])  # fmt: skip
def test_what_cannot_be_read_is_called_what_it_is(tmp_path: Path, content, said: str):
    """By every reader, whatever the suffix, in one line."""
    for name in ("odd.pth", "odd.safetensors", "ODD.PTH", "odd"):
        (tmp_path / name).write_bytes(content())
        for load in (nst.load_style, nst.VGG19.load, weights.read_pth):
            with pytest.raises(ValueError, match=f"{name}: {said}") as raised:
                load(tmp_path / name)
            assert "\n" not in str(raised.value)
    with pytest.raises(ValueError, match=r"odd.pth: is (a torch checkpoint, expected a safetensors file|.*)"):
        nst.decoders.Decoder.load(tmp_path / "odd.pth")


def test_a_decoder_from_elsewhere_is_a_torch_checkpoint(tmp_path: Path):
    torch.save(TENSORS, tmp_path / "decoder.pth")
    with pytest.raises(ValueError, match="decoder.pth: is a torch checkpoint, expected a safetensors file"):
        nst.decoders.Decoder.load(tmp_path / "decoder.pth")


def test_what_does_not_fit_is_said_in_one_line():
    plain = {"weight": torch.ones(2, 3)}
    for tensors, said in ((plain, "it lacks bias"), ({**plain, "b": torch.ones(2)}, "b has no place"),
                          ({"weight": torch.ones(3, 2)}, r"weight has the shape \(3, 2\), expected \(2, 3\)")):  # fmt: skip
        with pytest.raises(ValueError, match=f"^{said}"):
            weights.fill(lambda: torch.nn.Linear(3, 2), tensors)


def test_networks_are_float32_and_can_be_differentiated_whatever_the_caller_set(tmp_path: Path):
    weights.write(tmp_path / "a.safetensors", "test", {"weight": torch.rand(2, 3).half(), "bias": torch.rand(2)}, {})
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        with torch.inference_mode():
            layer = weights.fill(lambda: torch.nn.Linear(3, 2), weights.read(tmp_path / "a.safetensors", "test")[0])
    finally:
        torch.set_default_dtype(before)
    assert {p.dtype for p in layer.parameters()} == {torch.float32} and not any(p.is_inference() for p in layer.parameters())
    layer(torch.rand(1, 3)).sum().backward()
    assert torch.equal(layer.bias.grad, torch.ones(2))


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int64])
@pytest.mark.parametrize("name", ["conv1.conv2d.weight", "conv1.conv2d.bias", "deconv3.conv2d.weight", "deconv3.conv2d.bias"])
def test_numbers_of_another_kind_are_not_made_floats(tmp_path: Path, name: str, dtype: torch.dtype):
    """Not by what is taken into the first and the last convolution, either."""
    theirs = {ours: name for name, ours in nst.transformer_net.EXAMPLES.items()}
    state = {f"{theirs[k.rpartition('.')[0]]}.{k.rpartition('.')[2]}": v for k, v in nst.TransformerNet(2).state_dict().items()}
    torch.save({**state, name: state[name].to(dtype)}, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match=f"odd.pth: is not a TransformerNet of width 2: model.* is {dtype}"):
        nst.load_style(tmp_path / "odd.pth")


def test_numbers_of_another_kind_are_not_made_floats_of_caffes_either(tmp_path: Path):
    from torchvision.models import vgg

    state = vgg.make_layers(["M" if x == "M" else max(1, x // 64) for x in vgg.cfgs["E"]]).state_dict()
    state = {f"features.{k}": v for k, v in state.items()}
    torch.save({**state, "features.0.weight": state["features.0.weight"].to(torch.complex64)}, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match="odd.pth: is not torchvision's VGG-19: conv1_1.weight is torch.complex64"):
        nst.VGG19.load(tmp_path / "odd.pth", preprocessing="caffe")
