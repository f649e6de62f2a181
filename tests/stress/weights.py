"""Mutations of weight files, and files made in malice: a network with finite weights, or a clear error with the file's name.

Never code from the file, never half a network, never memory that only a header asks for.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import struct
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

from stress import Limits, Row, isolated
from stress.pictures import mutated

KINDS = ("encoder", "decoder", "style")
LIMITS = Limits(mib=256)  # every file here is smaller than a megabyte
FOLDER = tempfile.TemporaryDirectory(prefix="stress_")
Case = tuple[bytes, str, str, bool]  # content, kind, suffix, and whether it is nobody's file


def networks() -> dict[str, object]:
    """The smallest of each kind."""
    import torch

    from nst import VGG19, TransformerNet
    from nst.decoders import Decoder

    torch.manual_seed(0)
    return {"encoder": VGG19((2, 3, 4, 5, 6), "reflect"), "decoder": Decoder("relu4_1", 5, (2, 3, 4)), "style": TransformerNet(2)}


@cache
def originals() -> dict[tuple[str, str], list[bytes]]:
    """(kind, suffix) -> contents of valid files; a decoder has no .pth."""
    import torch
    from torchvision.models import vgg

    made = networks()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "whole.safetensors"
        found = {}
        for kind, network in made.items():
            network.save(file, *([made["encoder"]] if kind == "decoder" else []))
            found[kind, "safetensors"] = [file.read_bytes()]
    features = vgg.make_layers(["M" if x == "M" else max(1, x // 64) for x in vgg.cfgs["E"]]).state_dict()
    states = {"encoder": {f"features.{k}": v for k, v in features.items()}, "style": made["style"].state_dict()}
    for kind, state in states.items():
        found[kind, "pth"] = [_saved(state, new) for new in (True, False)]
        assert torch.load(io.BytesIO(found[kind, "pth"][0]), weights_only=True)
    return found


def _saved(state: object, new: bool = True) -> bytes:
    import torch

    file = io.BytesIO()
    torch.save(state, file, _use_new_zipfile_serialization=new)
    return file.getvalue()


def mutations(count: int, seed: int, suffix: str) -> Iterator[tuple[str, Case]]:
    rng = random.Random(f"weights {suffix} {seed}")
    kinds = [kind for kind, other in originals() if other == suffix]
    everything = [content for contents in originals().values() for content in contents]
    for k in range(count):
        kind = rng.choice(kinds)
        content = mutated(whole := rng.choice(originals()[kind, suffix]), rng.choice(everything), rng)
        yield f"seed {seed}, case {k}, {kind}", (content, kind, suffix, content != whole)


# --- malice -----------------------------------------------------------------------------------------------------------------------


class Touch:
    """Pickled, this is a call."""

    def __init__(self, function: Callable, *arguments: object):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def safetensors(header: dict, data: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def with_metadata(kind: str, facts: dict, tensors: dict, data: bytes) -> bytes:
    return safetensors({"__metadata__": {"kind": kind, "facts": json.dumps(facts)}, **tensors}, data)


def wide_biases(names: list[str], length: int) -> tuple[dict, bytes]:
    """Tensors (length,) of these names: a network as wide as that would fill any memory."""
    size = 2 * length
    spans = {n: {"dtype": "F16", "shape": [length], "data_offsets": [k * size, (k + 1) * size]} for k, n in enumerate(names)}
    return spans, bytes(len(names) * size)


def malicious() -> Iterator[tuple[str, Case]]:
    for label, (content, kind, suffix) in _malicious():
        yield label, (content, kind, suffix, True)


def _malicious() -> Iterator[tuple[str, tuple[bytes, str, str]]]:
    import torch

    sentinel = "sentinel"  # in the worker's own folder
    for kind in ("encoder", "style"):
        calls = (os.system, f"touch {sentinel}"), (open, sentinel, "w"), (eval, f"open({sentinel!r}, 'w')")
        for function, *arguments in calls:
            call = Touch(function, *arguments)
            yield f"{kind}: pickle of {function.__name__}", (pickle.dumps({"model.0.block.1.weight": call}), kind, "pth")
            yield f"{kind}: checkpoint of {function.__name__}", (_saved({"features.0.weight": call}), kind, "pth")
        small = torch.zeros(1)
        endless = {"features.0.weight": small.expand(10**5, 10**5), "model.0.block.1.weight": small.expand(10**5, 3, 9, 9)}
        endless["model.0.block.1.bias"] = small.expand(10**5)
        yield f"{kind}: one number repeated without end", (_saved(endless), kind, "pth")
        yield f"{kind}: a zip that unpacks to gigabytes", (_zip_bomb(), kind, "pth")
        yield f"{kind}: not a dictionary", (_saved([small]), kind, "pth")
        yield f"{kind}: numbers for names", (_saved({0: small}), kind, "pth")
        sparse = {"model.0.block.1.weight": torch.eye(9).to_sparse(), "features.0.weight": torch.eye(9).to_sparse()}
        yield f"{kind}: sparse tensors", (_saved(sparse), kind, "pth")
    biases = {"encoder": [f"conv{k}_1.bias" for k in range(1, 6)], "style": ["model.0.block.1.bias"], "decoder": ["conv1_1.bias"]}
    names = {"encoder": "vgg19", "style": "transformer_net", "decoder": "decoder"}
    facts = {"norm": "instance", "upsampling": "nearest", "padding": "zeros", "layer": "relu1_1", "width": 10**9}
    for kind in KINDS:
        wide = with_metadata(names[kind], facts, *wide_biases(biases[kind], 50_000))
        yield f"{kind}: biases of a network of terabytes", (wide, kind, "safetensors")
        huge = {biases[kind][0]: {"dtype": "F32", "shape": [10**12], "data_offsets": [0, 4 * 10**12]}}
        yield f"{kind}: a tensor of terabytes", (with_metadata(names[kind], facts, huge, bytes(64)), kind, "safetensors")
        yield f"{kind}: a header of exabytes", (struct.pack("<Q", 2**60) + b"{}", kind, "safetensors")
        yield f"{kind}: no tensors", (with_metadata(names[kind], facts, {}, b""), kind, "safetensors")
        (whole,) = originals()[kind, "safetensors"]
        yield f"{kind}: one bit", (whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:], kind, "safetensors")


def _zip_bomb() -> bytes:
    """A checkpoint whose records are packed: three megabytes that would be three gigabytes."""
    import torch

    whole, packed = zipfile.ZipFile(io.BytesIO(_saved({"features.0.weight": torch.zeros(4)}))), io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as made:
        for name in whole.namelist():
            made.writestr(name, bytes(3 * 10**8) if name.endswith("data/0") else whole.read(name))
    return packed.getvalue()


# --- the check --------------------------------------------------------------------------------------------------------------------


def check(case: Case | None) -> None:
    import nst
    from nst.decoders import Decoder

    if case is None:
        os.chdir(FOLDER.name)
        return
    content, kind, suffix, changed = case
    path = Path(f"mutated.{suffix}")
    path.write_bytes(content)
    load = {"encoder": nst.VGG19.load, "decoder": Decoder.load, "style": nst.load_style}[kind]
    try:
        network = load(path)
    except ValueError as error:
        assert str(path) in str(error), f"does not name the file: {error}"
    else:
        assert not changed or suffix == "pth", "a changed file was taken"
        assert all(p.isfinite().all() and str(p.device) == "cpu" for p in network.parameters()), "not finite"
    finally:
        path.unlink()
    assert not (left := os.listdir(FOLDER.name)), f"code ran: {left}"


def run(count: int = 1_000, seed: int = 0) -> list[Row]:
    rows = [isolated(Row(f"{count:,} mutated .{suffix}"), "stress.weights:check", mutations(count, seed, suffix), LIMITS)
            for suffix in ("safetensors", "pth")]  # fmt: skip
    return [*rows, isolated(Row("weight files made in malice"), "stress.weights:check", malicious(), LIMITS)]
