"""Compute the pictures and the table of lesson 10: data/pictures/computed/after_gatys*.jpg and computed.json.

    python data/make/after_gatys.py hero [--size 512]      after_gatys_hero (two searches, one term apart), after_gatys_inputs
    python data/make/after_gatys.py pairs --teacher FOLDER     after_gatys: six pairs by five losses, with their figures

The hero is Andreas Praefcke's photograph of the Neckarfront in Tübingen (CC BY 3.0) and Vincent van Gogh's The Starry Night (public
domain), both from the download cache; the course's own recipe with style weight 15, without and with 3 times `losses.relaxed_emd`.

The pairs are painted by the lesson's own code: the cells of notebooks/10_after_gatys.ipynb that are tagged `distance`. What they
are judged by is not what they minimised: FOLDER holds the real VGG-19 and the 16x VGG-19 (see teachers.py), and two figures need no
network. Each pair is painted once, the first one three times, with other places and directions drawn. Some minutes on a quiet core.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import nbformat
import torch
import torch.nn.functional as F
from teachers import Teachers
from torch import Tensor

import nst
from nst.gatys import GatysConfig, stylize

FOLDER = Path(__file__).resolve().parents[1] / "pictures" / "computed"
LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "10_after_gatys.ipynb"
PAIRS = (("rocket", "night_orchard"), ("chelsea", "mosaic_peacock"), ("coffee", "harbour_woodblock"),
         ("astronaut", "rose_window"), ("rocket", "ink_mountains"), ("chelsea", "garden_points"))  # fmt: skip
HERO = ("tuebingen_neckarfront", "starry_night")
SIZE, EVALUATIONS = 128, 30  # of the pairs; evaluations at each of two sizes
READ = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu4_2")


def hero(size: int) -> tuple[Tensor, Tensor]:
    """The Neckarfront in the manner of The Starry Night, without and with the term that matches places."""
    content, style = (nst.assets.picture(name, size) for name in HERO)
    recipes = (GatysConfig.default(style_weight=15.0, match_weight=weight) for weight in (0.0, 3.0))
    return tuple(stylize(content, style, config=recipe) for recipe in recipes)


def lesson(seed: int) -> dict:
    """The lesson's functions, with its places and directions drawn by `seed`."""
    names = {"encoder": nst.VGG19.load("lite").to(nst.device()), "SEED": seed}
    for cell in nbformat.read(LESSON, as_version=4).cells:
        if "distance" in cell.metadata.get("tags", []):
            exec(cell.source, names)
    return names


def square(name: str, size: int) -> Tensor:
    """The middle of a picture, (1, 3, size, size)."""
    picture = nst.assets.picture(name, size)
    top, left = ((side - size) // 2 for side in picture.shape[-2:])
    return picture[..., top : top + size, left : left + size]


class Judge:
    """What no search here minimised: share, lost and unused by other networks, edges and empty by none."""

    def __init__(self, networks: Teachers, content: Tensor, style: Tensor):
        self.networks, self.content, self.style = networks, content, style
        self.found, self.wanted = networks(content, READ), networks(style, READ)

    def __call__(self, picture: Tensor) -> dict[str, float]:
        found = self.networks(picture, READ)
        return {
            "share": self.share(found) / self.share(self.found),
            "lost": lost(found["relu4_2"], self.found["relu4_2"]),
            "edges": lost(gradients(picture), gradients(self.content)),
            "empty": self.empty(picture),
            "unused": self.unused(found) / self.unused(self.found),
        }

    def share(self, found: dict[str, Tensor]) -> float:
        """How far means and deviations are from the style's along the style's own principal directions: 0 where they agree."""
        far = 0.0
        for layer in READ[:4]:
            x, y = (f[layer][0].flatten(1).double() for f in (found, self.wanted))
            values, vectors = torch.linalg.eigh(torch.cov(y))
            kept = values > 1e-4 * values[-1]
            white = vectors[:, kept] / values[kept].sqrt()
            ratios = torch.linalg.eigvalsh(white.T @ torch.cov(x) @ white).clamp_min(1e-6)
            far += float(0.5 * ratios.log().abs().mean() + (white.T @ (x.mean(1) - y.mean(1))).abs().mean())
        return far

    def empty(self, picture: Tensor) -> float:
        """What is missing of the style's contrast where the photograph is flat, its flattest third: 1 is nothing there at all."""
        there = contrast(self.content)
        flat = there <= there.flatten().quantile(1 / 3)
        return max(0.0, 1 - float(contrast(picture)[flat].mean() / contrast(self.style).mean()))

    def unused(self, found: dict[str, Tensor]) -> float:
        """How far the style's places at relu3_1 are from the nearest place of the picture, by cosine."""
        x, y = (f["relu3_1"][0].flatten(1) for f in (found, self.wanted))
        centre = y.mean(1, keepdim=True)
        cosines = F.normalize(x - centre, dim=0).T @ F.normalize(y - centre, dim=0)
        return float(1 - cosines.amax(0).mean())


def lost(found: Tensor, target: Tensor) -> float:
    """1 - correlation over places, channel by channel, weighted by the target's variance; blind to mean and contrast."""
    a, b = (x - x.mean((2, 3), keepdim=True) for x in (found, target))
    power = b.square().sum((2, 3))
    r = (a * b).sum((2, 3)) / (a.square().sum((2, 3)) * power).sqrt().clamp_min(1e-9)
    return 1 - float((power / power.sum() * r).sum())


def gradients(picture: Tensor) -> Tensor:
    """Size of the gradient of the grey picture, smoothed over 5 pixels: (1, 1, H - 1, W - 1)."""
    y = F.avg_pool2d(picture.mean(1, keepdim=True), 5, 1, 2, count_include_pad=False)
    return ((y[..., :-1, 1:] - y[..., :-1, :-1]).square() + (y[..., 1:, :-1] - y[..., :-1, :-1]).square()).sqrt()


def contrast(picture: Tensor) -> Tensor:
    """Contrast of the grey picture between 3 and 15 pixels, (1, 1, H, W)."""

    def mean(x: Tensor, side: int) -> Tensor:
        return F.avg_pool2d(x, side, 1, side // 2, count_include_pad=False)

    y = mean(picture.mean(1, keepdim=True), 3)
    return mean((y - mean(y, 15)).square(), 15).sqrt()


def pairs(teacher: Path, output: Path) -> None:
    """Paint, judge, and write the sheet and its facts after each pair."""
    networks, sheet, figures, seconds = Teachers(teacher, "zeros"), [], [], {}
    for number, (content_name, style_name) in enumerate(PAIRS):
        content, style = square(content_name, SIZE), nst.assets.picture(style_name, SIZE)
        with torch.no_grad():
            judge = Judge(networks, content, style)
        row, made_of = [], []
        for name, (terms, _) in lesson(0)["RECIPES"].items():
            draws = number == 0 and any(columns.__name__ != "whole" for _, columns in terms.values())  # else no chance
            found = []
            for seed in range(3 if draws else 1):
                names = lesson(seed)
                terms, weight = names["RECIPES"][name]
                began = time.process_time()
                made = names["paint"](terms, content, style, weight, EVALUATIONS)
                seconds.setdefault(name, []).append(time.process_time() - began)
                with torch.no_grad():
                    found.append({**judge(made), "content": float(names["content_distance"](made, content))})
                row += [made] if seed == 0 else []
            mean = {k: round(sum(f[k] for f in found) / len(found), 3) for k in found[0]}
            made_of.append({**mean, **({f"{k} of seeds": [round(f[k], 3) for f in found] for k in mean} if draws else {})})
            print(f"{content_name} x {style_name}", name, mean, flush=True)
        sheet.append(torch.cat(row, -1))
        figures.append(made_of)
        nst.save_image(torch.cat(sheet, -2), output / "after_gatys.jpg")
        file = output / "computed.json"
        known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        rows = [f"{c} x {s}" for c, s in PAIRS[: len(sheet)]]
        each = {name: round(sum(s) / len(s) / (2 * EVALUATIONS), 3) for name, s in seconds.items()}  # an evaluation
        known["after_gatys"] = {"rows": rows, "columns": list(seconds), "losses": figures, "seconds": each,
                                "recipe": "data/make/after_gatys.py"}  # fmt: skip
        file.write_text(json.dumps(known, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("what", choices=("hero", "pairs"))
    p.add_argument("--size", type=int, default=512, help="of the hero")
    p.add_argument("--teacher", type=Path, help="folder of the networks that judge the pairs")
    p.add_argument("--output", type=Path, default=FOLDER)
    a = p.parse_args()
    a.output.mkdir(parents=True, exist_ok=True)
    if a.what == "hero":
        nst.save_image(torch.cat([square(name, 256) for name in HERO], -1), a.output / "after_gatys_inputs.jpg")
        nst.save_image(torch.cat(hero(a.size), -1), a.output / "after_gatys_hero.jpg")
        return
    if a.teacher is None:
        p.error("pairs: --teacher is missing")
    pairs(a.teacher, a.output)


if __name__ == "__main__":
    main()
