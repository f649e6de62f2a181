"""The same seed on the same machine gives the same bytes: each method, and training; every run in a process of its own."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from stress import Row

METHODS = ("gatys", "transformer_net", "adain", "wct", "training")


def digests(seed: int) -> dict[str, str]:
    """SHA-256 of what each method makes of random pictures, of a loss' trace and of the weights that were learned."""
    import nst
    from nst import adain, gatys, transformer_net, wct
    from nst.decoders import Decoder
    from stress.training import run_in

    nst.seed(seed)
    content, style, encoder = torch.rand(1, 3, 96, 131), torch.rand(1, 3, 80, 70), nst.VGG19((8, 8, 16, 16, 16), "reflect")
    encoder.eval().requires_grad_(False)
    decoders = {4: Decoder("relu4_1", 16, (8, 8, 16)).eval().requires_grad_(False)}
    config = gatys.GatysConfig.default(evaluations=20, start="noise")
    net = nst.TransformerNet(8).eval().requires_grad_(False)
    made = {
        "gatys": gatys.stylize(content, style, config=config, encoder=encoder),
        "transformer_net": transformer_net.stylize(content, net),
        "adain": adain.stylize(content, style, encoder=encoder, decoder=decoders[4]),
        "wct": wct.stylize(content, style, encoder=encoder, decoders=decoders, levels=[4]),
    }
    found = {name: hashlib.sha256(picture.numpy().tobytes()).hexdigest() for name, picture in made.items()}
    with tempfile.TemporaryDirectory() as folder:
        trace = run_in(Path(folder), 10)
        weights = (Path(folder) / "step_000010" / "model.safetensors").read_bytes()
    return {**found, "training": hashlib.sha256(json.dumps(trace).encode() + weights).hexdigest()}


def elsewhere(seed: int, hash_seed: int) -> dict[str, str]:
    """`digests` in a process of its own, where sets and dictionaries of strings have another order."""
    environment = {**os.environ, "PYTHONHASHSEED": str(hash_seed), "NST_DEVICE": "cpu", "NST_PROGRESS": "0"}
    environment["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])])
    code = f"import json; from stress.determinism import digests; print(json.dumps(digests({seed})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    return json.loads(done.stdout)


def run(count: int = 5, seed: int = 0) -> list[Row]:
    row, first = Row("methods and training, again"), elsewhere(seed, 0)
    for k in range(1, count + 1):
        began, again = time.time(), elsewhere(seed, k)
        for name in METHODS:
            row.add(f"{name}, run {k}", "" if again[name] == first[name] else "other bytes", time.time() - began)
    return [row]
