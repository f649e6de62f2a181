"""AdaIN and WCT: what their decoders give back, and how fast they are.

    python tests/benchmarks/bench_arbitrary.py quality --assets FOLDER [--decoders FOLDER]
    python tests/benchmarks/bench_arbitrary.py speed

quality: what the decoders give back of FOLDER/photos_kept_out (PSNR, mean over the photographs) beside the 16x encoder and decoder
pairs in FOLDER/teacher. (bench_quality.py judges what they paint.) speed: seconds at 256 and 512 px with and without the style's
encoding, and the share of WCT that is spent in eigh, beside the papers' figures: AdaIN 56 and 15 pictures a second at 256 and 512
px without style encoding (1703.06868, Titan X); WCT 0.83 s at 256 px (remembered of 1705.08086's table, not checked).
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import Tensor

import nst
from nst import adain, wct
from nst.decoders import LAYERS, Decoder

PAPERS = {"AdaIN 256": "1/56 s without (Titan X)", "AdaIN 512": "1/15 s without (Titan X)", "WCT 256": "about 0.83 s (not checked)"}


def load_decoder(name: str, a: argparse.Namespace, encoder: nst.VGG19) -> Decoder:
    return Decoder.load(a.decoders / name / "decoder.safetensors" if a.decoders else name, encoder)


def psnr(x: Tensor, y: Tensor) -> float:
    return float(-10 * torch.log10((x - y.clamp(0, 1)).square().mean()))


def teacher_pair(folder: Path, level: int) -> Callable[[Tensor], Tensor]:
    """The 16x encoder and decoder of a level: picture in, picture out."""
    down, up = (load_file(folder / f"vgg19_16x_{kind}{level}.safetensors") for kind in ("encoder", "decoder"))

    def names(weights: dict) -> list[str]:
        return sorted({key[:-7] for key in weights if key.endswith(".weight") and "aux" not in key and key != "conv0.weight"})

    def convolve(x: Tensor, weights: dict, name: str) -> Tensor:
        return F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), weights[f"{name}.weight"], weights[f"{name}.bias"])

    def there_and_back(x: Tensor) -> Tensor:
        x = F.conv2d(x, down["conv0.weight"], down["conv0.bias"])
        for name in names(down):
            x = F.max_pool2d(x, 2) if name[-1] == "1" and name != "conv11" else x
            x = F.relu(convolve(x, down, name))
        for name in reversed(names(up)):
            x = convolve(x, up, name)
            x = x if name == "conv11" else F.relu(x)
            x = F.interpolate(x, scale_factor=2) if name[-1] == "1" and name != "conv11" else x
        return x

    return there_and_back


@torch.no_grad()
def bench_quality(a: argparse.Namespace) -> None:
    encoder = nst.VGG19.load("lite")
    photos = [nst.load_image(path, 256) for path in sorted((a.assets / "photos_kept_out").glob("*.jpg"))]
    photos = [p[..., : p.shape[-2] // 16 * 16, : p.shape[-1] // 16 * 16] for p in photos]
    for level, layer in enumerate(LAYERS, 1):
        decoder, teacher = load_decoder(layer, a, encoder), teacher_pair(a.assets / "teacher", level)
        ours = sum(psnr(p, decoder(encoder(p, [layer])[layer])) for p in photos) / len(photos)
        theirs = sum(psnr(p, teacher(p)) for p in photos) / len(photos)
        print(f"{layer}: {ours:.2f} dB, the 16x pair {theirs:.2f} dB, difference {ours - theirs:+.2f}", flush=True)


def shortest(function: Callable[[], object], times: int = 3) -> float:
    best = float("inf")
    for _ in range(times):
        began = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - began)
    return best


@torch.no_grad()
def bench_speed(a: argparse.Namespace) -> None:
    encoder = nst.VGG19.load("lite")
    painter = load_decoder("adain", a, encoder)
    decoders = {level: load_decoder(layer, a, encoder) for level, layer in enumerate(LAYERS, 1)}
    print(f"{torch.get_num_threads()} threads; the shortest of three")
    for size in (256, 512):
        content, style = torch.rand(1, 3, size, size), torch.rand(1, 3, size, size)
        whole = shortest(lambda c=content, s=style: adain.stylize(c, s, encoder=encoder, decoder=painter))
        report("AdaIN", size, whole, shortest(lambda s=style: encoder(s, ["relu4_1"])))
        whole = shortest(lambda c=content, s=style: wct.stylize(c, s, encoder=encoder, decoders=decoders))
        report("WCT", size, whole, sum(shortest(lambda s=style, k=layer: encoder(s, [k])) for layer in LAYERS))
        covariances = [wct.mean_and_covariance(found)[1] for found in encoder(style, LAYERS).values()]
        eigh = 2 * sum(shortest(lambda m=matrix: torch.linalg.eigh(m)) for matrix in covariances)  # content's and style's
        print(f"WCT {size} px: {eigh:.3f} s of it in eigh, {eigh / whole:.0%}", flush=True)


def report(method: str, size: int, whole: float, encoding: float) -> None:
    paper = PAPERS.get(f"{method} {size}", "none at this size")
    print(f"{method} {size} px: {whole:.3f} s with the style's encoding, {whole - encoding:.3f} s without; the paper: {paper}")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    q = commands.add_parser("quality")
    q.add_argument("--assets", type=Path, default=os.environ.get("NST_TEST_ASSETS"))
    q.set_defaults(run=bench_quality)
    s = commands.add_parser("speed")
    s.set_defaults(run=bench_speed)
    for command in (q, s):
        command.add_argument("--decoders", type=Path, help="folder of NAME/decoder.safetensors; the shipped ones if not given")
    a = p.parse_args()
    if a.run is bench_quality:
        if a.assets is None:
            p.error("name the development assets: --assets FOLDER, or set NST_TEST_ASSETS")
        os.environ.setdefault("NST_CACHE", str(Path(a.assets) / "cache"))
    os.environ["NST_PROGRESS"], os.environ["NST_DEVICE"] = "0", "cpu"
    a.run(a)


if __name__ == "__main__":
    main()
