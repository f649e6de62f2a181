"""Compute lesson 01's pictures that take minutes: data/pictures/computed/<name>.jpg and their figures in computed.json.

    python data/make/inversions.py rebuilt --teacher FOLDER
    python data/make/inversions.py wrong_pixels

    rebuilt       a photograph rebuilt from one layer's features, from noise, by layer and by how far the search has come. Each
                  search goes on until the relative content loss is the one that the row names, so that a row compares layers and
                  not speeds. FOLDER holds two networks (see teachers.py): relu1_1 to relu3_1 are the real VGG-19's, relu4_1 and
                  relu5_1 those of the 16x VGG-19 of Collaborative Distillation.
    wrong_pixels  the article's recipe on the lite encoder, with one thing changed in the pixels at a time; in the second row with
                  another style weight, at which content and style have about equal parts in the loss

Some fifteen minutes on one core.
"""

import argparse
import json
from pathlib import Path

import torch
from teachers import Teachers
from torch import Tensor, nn

import nst
from nst.gatys import GatysConfig, stylize

FOLDER = Path(__file__).resolve().parents[1] / "pictures" / "computed"
LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
LOSSES = (0.1, 0.01, 0.003)  # relative: the squared distance over the variance of the photograph's features
MOST = 600  # evaluations of one search
EVALUATIONS = 60  # of a painting
WEIGHTS = (1e6, 1e3)  # style weights: the article's; one at which content has a say


class Reached(Exception):
    """The search has come as far as it was to."""


def cup(size: int = 192) -> Tensor:
    """A square with the cup, (1, 3, size, size)."""
    photo = nst.assets.picture("coffee", size)
    left = round((photo.shape[3] - size) * 0.4)
    return photo[..., left : left + size]


def rebuild(layer: str, target: Tensor, encoder: nn.Module) -> list[tuple[Tensor, dict[str, float]]]:
    """The first picture of the search at each of `LOSSES`, with its loss and the evaluations until then."""
    found = []

    def note(step: int, losses: dict[str, float], picture: Tensor) -> None:
        while len(found) < len(LOSSES) and losses["content"] <= LOSSES[len(found)]:
            found.append((picture, {"content": round(losses["content"], 5), "evaluations": step}))
        if len(found) == len(LOSSES):
            raise Reached

    config = GatysConfig.default(
        content_layers=(layer,), style_layers=(layer,), style_weight=0, match_weight=0, tv_weight=0.02, start="noise", scales=1,
        evaluations=MOST,
    )
    nst.seed(0)
    try:
        last = stylize(target, target, config=config, encoder=encoder, callback=note)
    except Reached:
        last = None
    while len(found) < len(LOSSES):
        print(f"{layer}: {LOSSES[len(found)]} was not reached")
        with torch.no_grad():
            loss = nst.losses.content_loss(encoder(last, [layer])[layer], encoder(target, [layer])[layer]).item()
        found.append((last, {"content": loss, "evaluations": MOST}))
    return found


def rebuilt(folder: Path) -> dict:
    encoder, target = Teachers(folder, "zeros"), cup()
    columns = []
    for layer in LAYERS:
        columns.append(rebuild(layer, target, encoder))
        print(layer, [facts for _, facts in columns[-1]], flush=True)
    made = [[column[row] for column in columns] for row in range(len(LOSSES))]
    return {"rows": [f"relative loss {loss}" for loss in LOSSES], "columns": list(LAYERS), "made": made}


class Mistaken(nn.Module):
    """An encoder behind a mistake in the preprocessing."""

    def __init__(self, encoder: nst.VGG19, change):
        super().__init__()
        self.encoder, self.change = encoder, change

    def forward(self, pictures: Tensor, layers) -> dict[str, Tensor]:
        return self.encoder(self.change(pictures), layers)


def changes(encoder: nst.VGG19) -> dict:
    """What is done to pixels in [0, 1] before the encoder, which subtracts its mean and divides by its deviation."""
    mean = encoder.mean
    return {
        "right": lambda x: x,
        "BGR": lambda x: x.flip(1),
        "scale ¼ only": lambda x: (x - mean) / 4 + mean,
        "scale 255 only": lambda x: (x - mean) * 255 + mean,
        "mean only": lambda x: x + mean,
        "both: 0 … 255": lambda x: 255 * x,
    }


def wrong_pixels(folder: Path | None) -> dict:
    encoder, target, style = nst.VGG19.load("lite"), cup(160), nst.assets.picture("night_orchard", 160)
    rows = []
    for weight in WEIGHTS:
        config = GatysConfig.article(evaluations=EVALUATIONS, network="any encoder", style_weight=weight)
        relative = GatysConfig(content_layers=config.content_layers, style_layers=config.style_layers, style_weight=1)
        yardstick = nst.gatys.Objective(relative, encoder, target, style)
        row = []
        for name, change in changes(encoder).items():
            nst.seed(0)
            painting = stylize(target, style, config=config, encoder=Mistaken(encoder, change))
            with torch.no_grad():
                parts = yardstick(painting)
            row.append((painting, {k: round(parts[k].item(), 4) for k in ("content", "style")}))
            print(weight, name, row[-1][1], flush=True)
        rows.append(row)
    return {"rows": [f"style weight {weight:,.0f}" for weight in WEIGHTS], "columns": list(changes(encoder)), "made": rows}


def keep(name: str, sweep: dict, output: Path) -> None:
    """Write a sheet and its figures."""
    made = sweep.pop("made")
    nst.save_image(torch.cat([torch.cat([tile for tile, _ in row], -1) for row in made], -2), output / f"{name}.jpg")
    file = output / "computed.json"
    facts = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    facts[name] = {**sweep, "losses": [[losses for _, losses in row] for row in made], "recipe": "data/make/inversions.py"}
    file.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    known = {f.__name__: f for f in (rebuilt, wrong_pixels)}
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="+", choices=known)
    p.add_argument("--teacher", type=Path)
    p.add_argument("--output", type=Path, default=FOLDER)
    a = p.parse_args()
    a.output.mkdir(parents=True, exist_ok=True)
    for name in a.names:
        keep(name, known[name](a.teacher), a.output)
        print(name, flush=True)


if __name__ == "__main__":
    main()
