"""How soon the widgets answer: milliseconds from a move to the picture that leaves the kernel, median and 95th percentile.

    python tests/benchmarks/bench_widgets.py [--moves 50] [--size 256]

A move sets a control as the browser's message does, and ends when the worker has handed the new JPEG over; the way to the screen is
not in it. "One WCT level" moves the alpha of level 1, 3 or 5 with the levels above it unchanged; the levels below it are left out.
Wanted on a quiet machine with two cores, at the 95th percentile: AdaIN 300 ms, a WCT level 500 ms, a trained style 200 ms, the
explorer 200 ms.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import time
from collections.abc import Callable

import torch

from nst import widgets
from nst.widgets.parts import Panel

WANTED = {"AdaIN": 300, "WCT": 500, "trained": 200, "explorer": 200}


def milliseconds(panel: Panel, move: Callable[[float], None], moves: int) -> list[float]:
    """Of each of `moves` moves to random places; one more, which may load networks, goes before them."""
    rng, taken = random.Random(0), []
    for _ in range(moves + 1):
        began = time.perf_counter()
        move(rng.random())
        panel.worker.settle()
        taken.append(1000 * (time.perf_counter() - began))
    return taken[1:]


def report(name: str, taken: list[float]) -> None:
    middle, late = statistics.median(taken), statistics.quantiles(taken, n=20)[-1]
    wanted = next(limit for start, limit in WANTED.items() if name.startswith(start))
    print(f"{name:34} p50 {middle:6.0f} ms   p95 {late:6.0f} ms   wanted {wanted} ms", flush=True)


def bench_mixer(a: argparse.Namespace) -> None:
    mixer = widgets.mixer(size=a.size)
    report("AdaIN, alpha", milliseconds(mixer, lambda x: setattr(mixer.alpha, "value", x), a.moves))
    report("AdaIN, place between four styles", milliseconds(mixer, lambda x: setattr(mixer.pad, "place", [x, 1 - x]), a.moves))
    mixer.method.value = "wct"
    for level in (5, 3, 1):
        for other, slider in mixer.levels.items():
            slider.value = 0.6 if other > level else 0.0
        slider = mixer.levels[level]
        taken = milliseconds(mixer, lambda x, slider=slider: setattr(slider, "value", 0.1 + x / 2), a.moves)
        report(f"WCT, alpha of level {level}", taken)
    mixer.method.value = "fast"
    names = list(mixer.style.options)
    moved = (lambda x: mixer.refresh()) if mixer.strength.disabled else lambda x: setattr(mixer.strength, "value", x)
    report(f"trained style, {names[0]}", milliseconds(mixer, moved, a.moves))
    mixer.close()


def bench_explorer(a: argparse.Namespace) -> None:
    explorer = widgets.explorer(size=a.size)
    report("explorer, place", milliseconds(explorer, lambda x: setattr(explorer.view, "place", [x, 1 - x]), a.moves))
    explorer.layer.value = "relu1_1"  # the largest maps
    report("explorer, place, relu1_1", milliseconds(explorer, lambda x: setattr(explorer.view, "place", [x, 1 - x]), a.moves))
    explorer.layer.value = "relu3_1"  # the largest Gram matrix
    report("explorer, Gram entry", milliseconds(explorer, lambda x: setattr(explorer.gram, "place", [x, 1 - x]), a.moves))
    explorer.close()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--moves", type=int, default=50)
    p.add_argument("--size", type=int, default=256, help="shorter side of the pictures in pixels")
    a = p.parse_args()
    os.environ["NST_PROGRESS"] = "0"
    print(f"{torch.get_num_threads()} threads, load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "")
    bench_mixer(a)
    bench_explorer(a)


if __name__ == "__main__":
    main()
