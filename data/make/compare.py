"""Measure what lesson 08 compares: data/pictures/computed/compared.jpg, and its figures in computed.json.

    python data/make/compare.py pairs     compared: three photographs in four styles, by each method, 256 px
    python data/make/compare.py costs     costs: seconds and memory of a picture, by method and size

Pairs: none was chosen after a look at the results. Gatys' search has the course's recipe without matched places, that is the two
terms of the paper and a little total variation: one size, from the photograph, 60 evaluations. AdaIN and WCT paint twice, with the
settings of the papers and with the course's. Each painting is measured at the layers of that recipe: content and style, as in
`nst.losses`; the same of covariances, which is what WCT's authors tabulate; and what the correlation says is lost of relu4_2. Of
Gatys' search the best picture so far is measured, evaluation by evaluation. Six minutes on a quiet core.

Costs: each figure is taken three times, each time in a process of its own, which has loaded the networks and painted nothing; one
thread. Two minutes.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import threading
import time
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

import psutil
import torch
from after_gatys import lost, square
from torch import Tensor

import nst
from nst import adain, colour, gatys, losses, wct
from nst.covariance import mean_and_covariance
from nst.decoders import LAYERS, default_networks

FOLDER = Path(__file__).resolve().parents[1] / "pictures" / "computed"
PHOTOGRAPHS = ("chelsea", "coffee", "astronaut")
STYLES = ("night_orchard", "rose_window", "garden_points", "harbour_woodblock")
SIZE, SHOWN = 256, (0, 5, 10)  # pixels; the pairs whose pictures are kept
RECIPE = gatys.GatysConfig.default(scales=1, evaluations=60, match_weight=0.0, style_weight=20.0)
PAPER_WCT = {"transform": "wct", "levels": (5, 4, 3, 2, 1), "alpha": 0.6}
SIDES, TIMES = (64, 128, 192, 256, 384), 3


class Methods:
    """The networks, loaded once, and what paints with them: methods[name](content, style, name of the style)."""

    def __init__(self):
        self.encoder, found = default_networks(None, {"adain": None, **{layer: None for layer in LAYERS}})
        painters = {name: nst.load_style(name) for name in STYLES}
        one = {"encoder": self.encoder, "decoder": found["adain"], "brush": 1}
        several = {"encoder": self.encoder, "decoders": {n + 1: found[layer] for n, layer in enumerate(LAYERS)}, "brush": 1}
        self.paint = {
            "TransformerNet": lambda c, s, name: painters[name].stylize(c),
            "AdaIN, as in the paper": lambda c, s, name: adain.stylize(c, s, palette=False, **one),
            "AdaIN, with palette": lambda c, s, name: adain.stylize(c, s, **one),
            "WCT, as in the paper": lambda c, s, name: wct.stylize(c, s, **PAPER_WCT, **several),
            "WCT, as in the course": lambda c, s, name: wct.stylize(c, s, **several),
            "tinted photograph": lambda c, s, name: colour.coral(c, s),
        }


class Measure:
    """Content, style and what is lost, of a painting of one photograph in one style."""

    def __init__(self, encoder: nst.VGG19, content: Tensor, style: Tensor):
        self.encoder = encoder
        self.objective = gatys.Objective(RECIPE, encoder, content, style)
        self.kept = encoder(content, ["relu4_2"])["relu4_2"]
        self.wanted = {k: mean_and_covariance(f)[1] for k, f in encoder(style, RECIPE.style_layers).items()}

    def __call__(self, picture: Tensor) -> dict[str, float]:
        parts, found = self.objective(picture), self.encoder(picture, ["relu4_2", *RECIPE.style_layers])
        covariance = sum(losses.style_loss(mean_and_covariance(found[k])[1], target) for k, target in self.wanted.items())
        return {
            "total": float(parts["total"]), "style": float(parts["style"]) / RECIPE.style_weight, "covariance": float(covariance),
            "content": float(losses.content_loss(found["relu4_2"], self.kept)), "lost": lost(found["relu4_2"], self.kept),
        }  # fmt: skip


def search(encoder: nst.VGG19, content: Tensor, style: Tensor) -> tuple[Tensor, list[tuple[float, float]]]:
    """Gatys' painting; total and style of the best picture so far after each evaluation."""
    trace: list[tuple[float, float]] = []

    def note(step: int, parts: dict[str, float], picture: Tensor) -> None:
        here = (parts["total"], parts["style"] / RECIPE.style_weight)
        trace.append(min(here, trace[-1]) if trace else here)

    return gatys.stylize(content, style, config=RECIPE, encoder=encoder, callback=note), trace


def rounded(values: dict[str, float]) -> dict[str, float]:
    return {k: float(f"{v:.4g}") for k, v in values.items()}


def pairs(output: Path) -> None:
    """Paint, measure, and write the figures after each pair."""
    methods = Methods()
    encoder = methods.encoder
    figures, kept, rows = [], [], []
    for photograph in PHOTOGRAPHS:
        for name in STYLES:
            content, style = square(photograph, SIZE), nst.assets.picture(name, SIZE)
            with torch.no_grad():
                measure = Measure(encoder, content, style)
            began = time.process_time()
            made, trace = search(encoder, content, style)
            paintings, seconds = {"Gatys": made}, {"Gatys": (time.process_time() - began) / RECIPE.evaluations}
            for method, paint in methods.paint.items():
                for _ in range(2):  # the first one pays for memory and files
                    began = time.process_time()
                    paintings[method] = paint(content, style, name)
                    seconds[method] = time.process_time() - began
            with torch.no_grad():
                found = {method: rounded({**measure(p), "seconds": seconds[method]}) for method, p in paintings.items()}
            found["Gatys"] |= {k: [float(f"{v:.4g}") for v in line] for k, line in zip(("totals", "styles"), zip(*trace))}
            figures.append(found)
            rows.append(f"{photograph} x {name}")
            if len(rows) - 1 in SHOWN:
                kept.append([*paintings.values()])
            print(rows[-1], {k: v["style"] for k, v in found.items()}, flush=True)
            table = [{k: {a: b for a, b in v.items() if a not in ("totals", "styles")} for k, v in f.items()} for f in figures]
            write(output, "pairs", {
                "rows": rows, "methods": list(paintings), "figures": table, "gatys_totals": [f["Gatys"]["totals"] for f in figures],
                "gatys_styles": [f["Gatys"]["styles"] for f in figures], "recipe": "data/make/compare.py",
            })  # fmt: skip
    nst.save_image(torch.cat([torch.cat(row, -1) for row in kept], -2), output / "compared.jpg")
    shown = [[{k: v for k, v in figures[n][m].items() if k in ("content", "style")} for m in figures[n]] for n in SHOWN]
    write(output, "compared", {"rows": [rows[n] for n in SHOWN], "columns": list(figures[0]), "losses": shown,
                               "recipe": "data/make/compare.py"})  # fmt: skip


class Watch(threading.Thread):
    """The largest growth of this process's memory, in MiB, while a `with` block runs."""

    def __enter__(self):
        self.process, self.over = psutil.Process(), threading.Event()
        self.before = self.peak = self.process.memory_info().rss
        self.start()
        return self

    def run(self) -> None:
        while not self.over.wait(0.002):
            self.peak = max(self.peak, self.process.memory_info().rss)

    def __exit__(self, *_):
        self.over.set()
        self.join()
        self.mib = (self.peak - self.before) / 2**20


def cost(methods: Methods, method: str, side: int, tell: Connection) -> None:
    """One picture by one method in a process that has painted nothing: MiB at its peak; then again: seconds."""
    content, style = (nst.images.resize(x, side) for x in (square("astronaut", 512), nst.assets.picture("night_orchard", 512)))

    def paint() -> Tensor:
        if method == "Gatys":
            return gatys.stylize(content, style, config=replace(RECIPE, evaluations=2), encoder=methods.encoder)
        return methods.paint[method](content, style, "night_orchard")

    with Watch() as watch:
        paint()
    began = time.process_time()
    paint()
    seconds = (time.process_time() - began) / (2 if method == "Gatys" else 1)  # of one evaluation
    tell.send({"mib": round(watch.mib), "seconds": float(f"{seconds:.3g}")})


def costs(output: Path) -> None:
    """Each method at each size, three times, each in a process forked from this one, which only loads networks."""
    torch.set_num_threads(1)
    methods = Methods()
    fork, found = multiprocessing.get_context("fork"), {}
    for method in ("TransformerNet", "AdaIN, with palette", "WCT, as in the course", "Gatys"):
        found[method] = {"mib": [], "seconds": []}
        for side in SIDES:
            runs = []
            for _ in range(TIMES):
                here, there = fork.Pipe()
                child = fork.Process(target=cost, args=(methods, method, side, there))
                child.start()
                runs.append(here.recv())
                child.join()
            for key, values in found[method].items():
                values.append([run[key] for run in runs])
            print(method, side, runs, flush=True)
            write(output, "costs", {"sides": SIDES, "methods": found, "recipe": "data/make/compare.py"})


def write(output: Path, name: str, facts: dict) -> None:
    file = output / "computed.json"
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    known[name] = facts
    file.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("pairs", "costs"))
    p.add_argument("--output", type=Path, default=FOLDER)
    a = p.parse_args()
    a.output.mkdir(parents=True, exist_ok=True)
    {"pairs": pairs, "costs": costs}[a.what](a.output)


if __name__ == "__main__":
    main()
