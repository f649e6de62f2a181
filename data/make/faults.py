"""Compute the pictures of lesson 09 that take too long there: data/pictures/computed/faults.jpg, strokes.jpg and computed.json.

    python data/make/faults.py faults strokes

    faults    Gatys' search with one thing changed at a time: layers, start, evaluations, scales; and with the photograph's colours
    strokes   a style picture of three sizes, by Gatys' method and by AdaIN, on three photographs; the sheet has the first

Lite encoder, 256 px, two scales unless the column says another, seed 0; the course's recipe without matched places, which read
layers of their own: only what the column names is changed. Each takes two minutes of one quiet core. `strokes` also measures the
mean wavelength of a painting's grey values, on three photographs: see `wavelength`.
"""

from __future__ import annotations

import math

import torch.nn.functional as F
from after_gatys import square
from sheet_files import write_sheets
from torch import Tensor

import nst
from nst import adain
from nst.gatys import GatysConfig, stylize

SIZE, EVALUATIONS = 256, 24
PHOTOGRAPHS, SIDES = ("chelsea", "coffee", "astronaut"), (64, 128, 256)
ARTICLE = {"content_layers": ("conv2_2",), "style_layers": ("conv1_1", "conv1_2", "conv2_1", "conv2_2", "conv3_1")}


def paint(content: Tensor, style: Tensor, colour: bool = False, **changes) -> tuple[Tensor, dict[str, float]]:
    """The painting, and the losses of that very picture."""
    nst.seed(0)
    best = {"total": float("inf")}

    def note(step: int, losses: dict[str, float], picture: Tensor) -> None:
        if picture.shape[-1] == SIZE and losses["total"] < best["total"]:
            best.update(losses)

    recipe = {"evaluations": EVALUATIONS, "scales": 2, "match_weight": 0.0, "style_weight": 20.0}
    config = GatysConfig.default(**{**recipe, **changes})
    made = stylize(content, style, config=config, preserve_color=colour, callback=note)
    return made, {k: float(f"{v:.4g}") for k, v in best.items()}


def faults() -> dict:
    """One photograph, two styles, and what was changed."""
    cat = square("chelsea", SIZE)
    orchard, window = (nst.assets.picture(name, SIZE) for name in ("night_orchard", "rose_window"))
    twice = 2 * EVALUATIONS
    made = {
        "the recipe": paint(cat, orchard),
        "the article's layers": paint(cat, orchard, **ARTICLE),
        "noise, 10 evaluations": paint(cat, orchard, start="noise", scales=1, evaluations=10),
        f"noise, {twice} evaluations": paint(cat, orchard, start="noise", scales=1, evaluations=twice),
        f"noise, {EVALUATIONS} small and {EVALUATIONS} large": paint(cat, orchard, start="noise"),
        "rose_window, colours kept": paint(cat, window, colour=True),
    }
    return {"rows": [""], "columns": list(made), "made": [[*made.values()]]}


def wavelength(picture: Tensor) -> float:
    """Mean wavelength in pixels of a picture's grey values (1, 3, H, W): 2 pi times their deviation over that of their slopes.

    What is wider than 32 pixels is subtracted first: light and shade are no strokes.
    """
    grey = picture.mean(1, keepdim=True)
    grey = grey - F.avg_pool2d(grey, 33, 1, 16, count_include_pad=False)
    across, down = grey[..., :-1, 1:] - grey[..., :-1, :-1], grey[..., 1:, :-1] - grey[..., :-1, :-1]
    slope = (across.square() + down.square()).mean().sqrt()
    return 2 * math.pi * float(grey.std() / slope.clamp_min(1e-9))


def strokes() -> dict:
    """Rows: method; columns: size of the style picture. `wavelengths[photograph][row][column]` in pixels."""
    shown, found = None, {}
    for name in PHOTOGRAPHS:
        content, styles = square(name, SIZE), [nst.assets.picture("night_orchard", side) for side in SIDES]
        made = [[paint(content, style) for style in styles], [(adain.stylize(content, style, brush=1), {}) for style in styles]]
        shown = shown or made
        found[name] = [[round(wavelength(picture), 2) for picture, _ in row] for row in made]
        print(name, found[name], flush=True)
    columns = [f"style of {side} px" for side in SIDES]
    return {"rows": ["Gatys", "AdaIN"], "columns": columns, "wavelengths": found, "made": shown}


if __name__ == "__main__":
    write_sheets({f.__name__: f for f in (faults, strokes)}, "data/make/faults.py", __doc__)
