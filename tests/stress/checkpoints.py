"""Checkpoints as others write them: the network that was saved, or one clear error with the file's name.

A network that is loaded paints a test picture just as the one that was saved; whatever cannot be read is called what it is.
"""

from __future__ import annotations

import argparse
import gzip
import io
import json
import os
import pickle
import random
import struct
import tarfile
import tempfile
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stress import Limits, Row, isolated

LIMITS = Limits(mib=256)
SUFFIXES = (".pth", ".pt", ".safetensors", ".model", ".ckpt", ".bin", ".PTH", ".tar", "", ".jpg")
NAMES = ("net", "net", "写真", "12:30", "my net", "a'b", "[b]", "new\nline") if os.name != "nt" else ("net", "写真", "my net")
AROUND = ("module.", "_orig_mod.", "module._orig_mod.", "_fsdp_wrapped_module.", "net.", "generator.", "model.module.", "a.b.")
WITHIN = ("state_dict", "model", "net", "generator", "model_state_dict", "params", "ema")
FOLDER = tempfile.TemporaryDirectory(prefix="stress_")


class Case(NamedTuple):
    content: bytes
    name: str
    load: str  # of LOADERS
    right: str  # the network that it holds, of `networks`; "": none that can be read; "?": either


@cache
def networks() -> dict[str, object]:
    """The smallest of each kind, with weights of their own."""
    import torch

    from nst import VGG19, TransformerNet

    torch.manual_seed(0)
    made = {
        "style": TransformerNet(2), "batch": TransformerNet(2, norm="batch"), "examples": TransformerNet(2),
        "transposed": TransformerNet(2, upsampling="transposed"), "encoder": VGG19((2, 3, 4, 5, 6), "zeros"),
    }  # fmt: skip
    with torch.no_grad():
        for net in made.values():
            for name, tensor in net.state_dict().items():
                if tensor.is_floating_point():
                    tensor.uniform_(0.5, 1.5) if "running_var" in name else tensor.add_(0.1 * torch.randn_like(tensor))
    return {name: net.eval().requires_grad_(False) for name, net in made.items()}


def state_of(kind: str, rng: random.Random) -> dict:
    """Its tensors under the names that others give them."""
    import torch

    from nst.transformer_net import EXAMPLES
    from nst.vgg import CONVOLUTIONS, FEATURES_INDEX

    state = dict(networks()[kind].state_dict())
    if kind == "encoder":
        index = {f"{c}.{p}": f"{i}.{p}" for c, i in zip(CONVOLUTIONS, FEATURES_INDEX) for p in ("weight", "bias")}
        state = {f"features.{index[name]}": tensor for name, tensor in state.items()}
        if rng.random() < 0.5:  # the layers that the course leaves out
            state["features.30.weight"], state["classifier.0.bias"] = torch.ones(6, 6, 3, 3), torch.ones(4)
    elif kind == "examples":
        theirs = {ours: name for name, ours in EXAMPLES.items()}
        state = {f"{theirs[name.rpartition('.')[0]]}.{name.rpartition('.')[2]}": tensor for name, tensor in state.items()}
    if kind in ("style", "examples") and rng.random() < 0.3:  # instance norms of before torch 0.4 stored what they never used
        for name in [name for name in state if state[name].ndim == 1 and name.replace("weight", "bias") in state]:
            if ("norm" in name or ".in" in name or name.startswith("in")) and name.endswith("weight"):
                state[name.replace("weight", "running_mean")] = torch.zeros(len(state[name]))
                state[name.replace("weight", "running_var")] = torch.ones(len(state[name]))
    return state


# --- how it is kept ---------------------------------------------------------------------------------------------------------------


def around(state: dict, rng: random.Random) -> dict:
    """In other names and dictionaries: what DataParallel, compilers and trainings put around a network."""
    import torch

    if rng.random() < 0.5:
        before = rng.choice(AROUND)
        state = {before + name: tensor for name, tensor in state.items()}
    if rng.random() < 0.3:
        state = OrderedDict((name, torch.nn.Parameter(t) if t.is_floating_point() else t) for name, t in state.items())
    for _ in range(rng.choice((0, 0, 1, 1, 2))):
        others = {"epoch": 3, "optimizer": {"state": {0: {"exp_avg": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]},
                  "args": argparse.Namespace(lr=1, style="a.jpg"), "loss": [1.0, 0.5], "best": None}  # fmt: skip
        some = {k: others[k] for k in rng.sample(sorted(others), rng.randrange(4))}
        state = {**some, rng.choice(WITHIN): state}
    return state


def kept(state: dict, rng: random.Random) -> bytes:
    """A torch file of either kind, or safetensors where there is one dictionary only."""
    import torch
    from safetensors.torch import save

    flat = all(isinstance(tensor, torch.Tensor) for tensor in state.values())
    if flat and rng.random() < 0.3:
        return save({k: t.detach().contiguous().clone() for k, t in state.items()}, rng.choice((None, {"format": "pt"})))
    return saved(state, rng.random() < 0.7)


def saved(thing: object, new: bool = True) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save(thing, file, _use_new_zipfile_serialization=new)
    return file.getvalue()


DTYPES = ("float16", "bfloat16", "float64")


def spoiled(state: dict, how: str, rng: random.Random) -> dict:
    """One thing is wrong with it."""
    import torch

    unused = ("running", "tracked", "classifier", ".30.")
    state, name = dict(state), rng.choice([k for k in state if not any(part in k for part in unused)])
    number = state[name].clone()
    match how:
        case "lacks one":
            del state[name]
        case "one more":
            state[name.rpartition(".")[0] + ".more"] = torch.ones(2)
        case "another shape":
            state[name] = torch.cat([number, number])
        case "nan" | "inf" | "1e300":
            number = number.double()
            number.view(-1)[rng.randrange(number.numel())] = float(how)
            state[name] = number
        case "whole numbers":
            state[name] = number.to(torch.int64)
        case "complex":
            state[name] = number.to(torch.complex64)
        case "sparse":
            state[name] = number.flatten().to_sparse()
        case "words":
            state[name] = "words"
        case "a list":
            state[name] = number.tolist()
        case "an empty tensor":
            state[name] = torch.empty(0)
        case "another width":
            first = next(k for k in state if state[k].ndim == 4)
            state[first] = torch.ones(7, *state[first].shape[1:])
        case "two networks":
            state = {"net": state, "ema": {k: v + 1 for k, v in state.items()}}
        case "numpy":
            state = {k: v.numpy() for k, v in state.items()}
    return state


SPOILED = ("lacks one", "one more", "another shape", "nan", "inf", "1e300", "whole numbers", "complex", "sparse", "words", "a list",
           "an empty tensor", "another width", "two networks", "numpy")  # fmt: skip
UNNOTICED = {("encoder", "one more")}  # torchvision's file holds more than is needed


class Options:
    """An object whose class torch does not know."""


def strangers() -> dict[str, Callable[[], bytes]]:
    """Files that people take for weights."""
    import torch
    from torchvision.models import vgg

    def module() -> bytes:
        return saved(torch.nn.DataParallel(networks()["style"]))

    def script() -> bytes:
        file = io.BytesIO()
        torch.jit.save(torch.jit.trace(torch.nn.Linear(3, 2), torch.ones(1, 3)), file)
        return file.getvalue()

    def archive(**arrays) -> bytes:
        file = io.BytesIO()
        np.savez(file, **arrays)
        return file.getvalue()

    def zipped(name: str) -> bytes:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as made:
            made.writestr(name, saved({"a": torch.ones(2)}))
        return file.getvalue()

    def tarred() -> bytes:
        file, content = io.BytesIO(), saved({"a": torch.ones(2)})
        with tarfile.open(fileobj=file, mode="w") as made:
            info = tarfile.TarInfo("net.pth")
            info.size = len(content)
            made.addfile(info, io.BytesIO(content))
        return file.getvalue()

    def claims(shape: list[int], end: int) -> bytes:
        text = json.dumps({"model.0.block.1.weight": {"dtype": "F32", "shape": shape, "data_offsets": [0, end]}}).encode()
        return struct.pack("<Q", len(text)) + text + bytes(64)

    vgg16 = vgg.make_layers(["M" if x == "M" else max(1, x // 64) for x in vgg.cfgs["D"]])
    bn19 = vgg.make_layers(["M" if x == "M" else max(1, x // 64) for x in vgg.cfgs["E"]], batch_norm=True)
    return {
        "an HTML page": lambda: b"<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>",
        "another page": lambda: b"\n\n  <html lang='en'>Quota exceeded", "XML": lambda: b"<?xml version='1.0'?><Error/>",
        "a Git LFS pointer": lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
        "a git-annex pointer": lambda: b"/annex/objects/MD5E-s1--0.pth\n", "JSON": lambda: b'{"message": "Not Found"}',
        "words": lambda: b"404: Not Found", "nothing": lambda: b"", "zeros": lambda: bytes(5000), "one byte": lambda: b"\x80",
        "a picture": lambda: b"\x89PNG\r\n\x1a\n" + bytes(99), "Keras": lambda: b"\x89HDF\r\n\x1a\n" + bytes(99),
        "Torch7": lambda: b"\x04\0\0\0\x01\0\0\0\x03\0\0\0V 1", "GGUF": lambda: b"GGUF\x03\0\0\0" + bytes(99),
        "a module": module, "a module within": lambda: saved({"model": networks()["style"], "epoch": 1}), "a script": script,
        "an object": lambda: saved(Options()), "a list": lambda: saved([torch.ones(2)]), "a tensor": lambda: saved(torch.ones(2)),
        "a number": lambda: saved(3), "no tensors": lambda: saved({"epoch": 3}), "an empty dictionary": lambda: saved({}),
        "NumPy's array": lambda: pickle.dumps(np.ones(3)), "NumPy's archive": lambda: archive(a=np.ones(3)),
        "a zip": lambda: zipped("net.pth"), "a tar": tarred, "gzip": lambda: gzip.compress(saved({"a": torch.ones(2)})),
        "a resnet": lambda: saved({"conv1.weight": torch.ones(2, 3, 7, 7), "bn1.weight": torch.ones(2)}),
        "VGG-16": lambda: saved({f"features.{k}": v for k, v in vgg16.state_dict().items()}),
        "VGG-19 with batch norms": lambda: saved({f"features.{k}": v for k, v in bn19.state_dict().items()}),
        "a program": lambda: b"import torch\n", "a tensor of terabytes": lambda: claims([10**6, 10**6], 4 * 10**12),
        "a tensor of another length": lambda: claims([4, 4], 99), "one number without end": lambda: saved(
            {"model.0.block.1.weight": torch.zeros(1).expand(10**5, 3, 9, 9), "features.0.weight": torch.zeros(1).expand(10**9)}),
    }  # fmt: skip


# --- the cases --------------------------------------------------------------------------------------------------------------------

LOADERS = ("style", "encoder", "decoder", "read_pth")


def cases(count: int, seed: int) -> Iterator[tuple[str, Case]]:
    rng, others = random.Random(f"checkpoints {seed}"), strangers()
    first = [(name, load) for name in others for load in LOADERS]  # each of them once with each reader
    for k in range(count):
        what, load = first[k] if k < len(first) else (rng.choice(("right", "right", "spoiled", "cut", "wrong kind", "ours")), "")
        name = rng.choice(NAMES) + rng.choice(SUFFIXES)
        name = name if "." in name else f"{name}.0"  # without a dot it is the name of a style
        if k < len(first):
            readable = load == "read_pth" and what in ("a resnet", "VGG-16", "VGG-19 with batch norms")
            case = Case(others[what](), name, load, "?" if readable else "")
        else:
            what, case = _case(what, name, rng)
        yield f"seed {seed}, case {k}, {what}, {name!r} by {case.load}", case


def _case(what: str, name: str, rng: random.Random) -> tuple[str, Case]:
    import torch

    kind = rng.choice(list(networks()))
    load = "encoder" if kind == "encoder" else "style"
    state = state_of(kind, rng)
    if what == "ours":  # under any name
        network, file = networks()[kind], Path(FOLDER.name) / "whole"
        network.save(file, dtype=getattr(torch, rng.choice(("float32", "float16", "bfloat16"))))
        return f"our own {kind}", Case(file.read_bytes(), name, load, kind if kind != "examples" else "plain examples")
    if what == "right":
        dtype = rng.choice(("", "", *DTYPES))
        if dtype:
            state = {k: t.to(getattr(torch, dtype)) if t.is_floating_point() else t for k, t in state.items()}
        if rng.random() < 0.2:  # laid out in another way
            state = {k: t.contiguous(memory_format=torch.channels_last) if t.ndim == 4 else t for k, t in state.items()}
        return f"{kind} {dtype}", Case(kept(around(state, rng), rng), name, load, kind)
    if what == "spoiled":
        how = rng.choice(SPOILED)
        made = spoiled(state, how, rng)
        return f"{kind}, {how}", Case(saved(made, rng.random() < 0.7), name, load, kind if (kind, how) in UNNOTICED else "")
    if what == "cut":
        content = kept(around(state, rng), rng)
        return f"{kind}, cut", Case(content[: rng.randrange(len(content) - 1)], name, load, "")
    load = rng.choice([each for each in LOADERS[:3] if each != load])
    return f"{kind}, wrong kind", Case(kept(around(state, rng), rng), name, load, "")


# --- the check --------------------------------------------------------------------------------------------------------------------


def check(case: Case | None) -> None:
    import warnings

    import torch

    import nst
    from nst.decoders import Decoder
    from nst.support import weights

    if case is None:
        os.chdir(FOLDER.name)
        networks()
        return
    path = Path(case.name)
    path.write_bytes(case.content)
    load = {"style": nst.load_style, "encoder": nst.VGG19.load, "decoder": Decoder.load, "read_pth": weights.read_pth}[case.load]
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            network = load(path)
    except ValueError as error:
        assert not case.right or case.right == "?", f"could be read: {error}"
        said = str(error)
        assert said.startswith(str(path)) and len(said) > len(str(path)) + 5, f"does not begin with the file: {said}"
        assert "\n" not in said.removeprefix(str(path)) and len(said) < 500, f"too many words: {said}"
    else:
        assert case.right, "taken for a network"
        if case.load in ("style", "encoder"):
            assert weights.is_network(path), "the command would take it for a picture"
            assert case.load == "style" or "kind" in str(case.content[:200]) or warned, "of an unknown source, without a word"
            _compare(network, case.right)
    finally:
        path.unlink()
    left = os.listdir(FOLDER.name)
    assert left in ([], ["whole"]), f"left behind: {left}"
    assert torch.get_default_dtype() == torch.float32


def _compare(network, right: str) -> None:
    """Does it give what the one that was saved gives?"""
    import torch

    x = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        if right == "encoder":
            found, wanted = (net(x, ["relu4_1"])["relu4_1"] for net in (network, networks()[right]))
        elif right == "examples":  # its pictures are 0 … 255
            found, wanted = network(x), networks()[right](255 * x) / 255
        else:
            found, wanted = network(x), networks()[right.removeprefix("plain ")](x)
    assert not any(p.requires_grad for p in network.parameters()) and {p.dtype for p in network.parameters()} == {torch.float32}
    error = float((found - wanted).abs().max() / wanted.abs().max())
    assert error < 0.1, f"another network: {error:.2f}"  # bfloat16 has three digits


def run(count: int = 800, seed: int = 0) -> list[Row]:
    return [isolated(Row("checkpoints in others' layouts"), "stress.checkpoints:check", cases(count, seed), LIMITS)]
