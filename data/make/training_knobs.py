"""Train lesson 05's small experiments: data/pictures/computed/train_<name>.jpg, and their facts in computed.json.

    python data/make/training_knobs.py parts content weight data norms --photos FOLDER

Each trains a network for the same few hundred steps with one thing changed and paints two photographs that it has not seen. The
loss network is the lite encoder, the style `halftone_city`; but for `norms` the start is the shipped network of `night_orchard`.

    parts     which weights may learn: the norm layers, the norm layers and the last block, all
    content   the content layer
    weight    the style weight
    data      what it learns from: photographs, four photographs, noise
    norms     instance norm and batch norm, from random weights
"""

import argparse
import copy
import functools
import json
from collections.abc import Callable
from pathlib import Path

import torch
from sweeps import FOLDER
from torch import Tensor

import nst
from nst.training import TrainingConfig, train
from nst.training.datasets import Batch, Crops, offline_files, picture_files
from nst.training.perceptual import PerceptualConfig, PerceptualLoss

STEPS, STYLE, START = 160, "halftone_city", "night_orchard"
KEPT_OUT = ("astronaut", "coffee")


class Noise:
    """Grainy colours in place of photographs."""

    def __call__(self, step: int, positions: range) -> Batch:
        grains = [torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1000 * step + p)) for p in positions]
        return Batch(torch.cat([nst.images.resize(grain, 128) for grain in grains]), None, ["noise"] * len(grains))


def learn(photos: Path, net: nst.TransformerNet | None = None, data=None, learns: Callable[[str], bool] = lambda name: True,
          steps: int = STEPS, **changes) -> tuple[list[Tensor], dict[str, float]]:  # fmt: skip
    """Two paintings of a network after its training, and the mean losses of its last fifty steps."""
    nst.seed(0)
    encoder = nst.VGG19.load("lite").to(nst.device())
    net = net or copy.deepcopy(nst.load_style(START)).requires_grad_()
    for name, parameter in net.named_parameters():
        parameter.requires_grad_(learns(name))
    recipe = {"content_layers": ("relu3_2", "relu4_2"), "style_weight": 5.0, "tv_weight": 0.3, "style_warmup": 0, **changes}
    loss = PerceptualLoss(PerceptualConfig.default(**recipe), encoder, nst.assets.picture(STYLE))
    config = TrainingConfig(steps=steps, batch_size=4, learning_rate=2e-3, warmup=10, hold=0.5)
    trace = train(net, encoder, loss, data or Crops(picture_files(photos), 128), config)
    last = {part: round(sum(step[part] for step in trace[-50:]) / 50, 3) for part in ("content", "style")}
    return [net.stylize(nst.assets.picture(name, 256)[..., :256, :256]) for name in KEPT_OUT], last


@functools.cache
def nothing_changed(photos: Path):
    return learn(photos)


def parts(photos: Path) -> dict:
    chosen = {
        "norm layers": lambda name: ".norm." in name,
        "norm layers, last block": lambda name: ".norm." in name or "model.10." in name,
    }
    return {name: learn(photos, learns=learns) for name, learns in chosen.items()} | {"all layers": nothing_changed(photos)}


def content(photos: Path) -> dict:
    return {layer: learn(photos, content_layers=(layer,)) for layer in ("relu1_2", "relu2_2", "relu4_2")}


def weight(photos: Path) -> dict:
    made = {w: nothing_changed(photos) if w == 5 else learn(photos, style_weight=float(w)) for w in (1, 5, 20, 80)}
    return {f"style weight {w}": run for w, run in made.items()}


def data(photos: Path) -> dict:
    four = [file for file in offline_files() if file.stem not in KEPT_OUT]
    return {"1,350 photographs": nothing_changed(photos), f"{len(four)} photographs": learn(photos, data=Crops(four, 128)),
            "noise": learn(photos, data=Noise())}  # fmt: skip


def norms(photos: Path) -> dict:
    recipe = {"steps": 2 * STEPS, "style_warmup": STEPS // 2}
    return {f"{norm} norm": learn(photos, nst.TransformerNet(12, norm=norm), **recipe) for norm in ("instance", "batch")}


def main() -> None:
    known = {f.__name__: f for f in (parts, content, weight, data, norms)}
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="+", choices=known)
    p.add_argument("--photos", type=Path, required=True)
    p.add_argument("--output", type=Path, default=FOLDER)
    a = p.parse_args()
    a.output.mkdir(parents=True, exist_ok=True)
    facts_file = a.output / "computed.json"
    for name in a.names:
        made = known[name](a.photos)
        columns = [torch.cat(pictures, -2) for pictures, _ in made.values()]  # the photographs one above the other
        nst.save_image(torch.cat(columns, -1), a.output / f"train_{name}.jpg")
        facts = json.loads(facts_file.read_text()) if facts_file.is_file() else {}
        losses = [losses for _, losses in made.values()]
        facts[f"train_{name}"] = {"rows": list(KEPT_OUT), "columns": list(made), "losses": [losses] * len(KEPT_OUT),
                                  "recipe": "data/make/training_knobs.py"}  # fmt: skip
        facts_file.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")
        print(name, losses, flush=True)


if __name__ == "__main__":
    main()
