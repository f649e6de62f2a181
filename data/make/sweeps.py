"""Compute the pictures of lessons that take too long to compute there: data/pictures/computed/<name>.jpg and computed.json.

    python data/make/sweeps.py layers_weights starts pooling scales match

Each is a sheet of equal tiles, one for each row and column; computed.json has their titles, the losses and the recipe. They are
made with the lite encoder and the library's own functions, so that a reader can make any of them again. All but the last have the
paper's two terms alone (match_weight=0):

    layers_weights  lesson 03, after figure 3 of 1508.06576: style layers up to relu1_1 … relu5_1, by style weight
    starts          lesson 03: the search started from the content, from the style, from two kinds of noise
    pooling         lesson 03: max and average pooling
    scales          lesson 03: one size, two, three, with the same number of evaluations in all
    match           lesson 03: the paper's two terms alone, and the default recipe
"""


from sheet_files import write_sheets
from torch import Tensor

import nst
from nst.gatys import GatysConfig, stylize

SIZE, EVALUATIONS = 256, 60
LAYERS = GatysConfig.default().style_layers
WEIGHTS = (1.0, 10.0, 100.0, 1000.0)
GRAMS_ALONE = {"match_weight": 0.0, "style_weight": 20.0}  # about as much style as the default's, without its third term


def middle(name: str) -> Tensor:
    """The middle square of a picture: (1, 3, 256, 256)."""
    picture = nst.assets.picture(name, SIZE)
    top, left = ((side - SIZE) // 2 for side in picture.shape[-2:])
    return picture[..., top : top + SIZE, left : left + SIZE]


def face() -> Tensor:
    """The astronaut's face, large: (1, 3, 256, 256)."""
    return nst.assets.picture("astronaut")[..., 10:266, 96:352]


def paint(content: Tensor, seed: int = 0, encoder: nst.VGG19 | None = None, **changes) -> tuple[Tensor, dict[str, float]]:
    """A photograph in the orchard's manner, with changes to the default recipe, and the losses of that picture."""
    nst.seed(seed)
    best = {"total": float("inf")}

    def note(step: int, losses: dict[str, float], picture: Tensor) -> None:
        if picture.shape[-1] == SIZE and losses["total"] < best["total"]:
            best.update(losses)

    config = GatysConfig.default(**{"evaluations": EVALUATIONS, **changes})
    made = stylize(content, nst.assets.picture("night_orchard", SIZE), config=config, encoder=encoder, callback=note)
    return made, {k: round(v, 4) for k, v in best.items()}


def layers_weights() -> dict:
    def row(count: int) -> list:
        layers = LAYERS[:count]
        return [paint(face(), style_layers=layers, style_weight=w, match_weight=0.0) for w in WEIGHTS]

    rows = [row(count) for count in range(1, 6)]
    return {"rows": [f"up to {layer}" for layer in LAYERS], "columns": [f"style weight {w:g}" for w in WEIGHTS], "made": rows}


def starts() -> dict:
    made = [paint(face(), start=start, **GRAMS_ALONE) for start in ("content", "style")]
    made += [paint(face(), seed=seed, start="noise", **GRAMS_ALONE) for seed in (0, 1)]
    return {"rows": [""], "columns": ["from the content", "from the style", "from noise", "from other noise"], "made": [made]}


def pooling() -> dict:
    networks = [nst.VGG19.load("lite", pooling=how).to(nst.device()) for how in ("max", "average")]
    made = [paint(face(), encoder=network, **GRAMS_ALONE) for network in networks]
    return {"rows": [""], "columns": ["max pooling", "average pooling"], "made": [made]}


def scales() -> dict:
    made = [paint(face(), scales=n, evaluations=3 * EVALUATIONS // n, **GRAMS_ALONE) for n in (1, 2, 3)]
    return {"rows": [""], "columns": ["256 px", "128, 256 px", "64, 128, 256 px"], "made": [made]}


def match() -> dict:
    made = [paint(middle("rocket"), evaluations=40, **changes) for changes in (GRAMS_ALONE, {})]
    return {"rows": [""], "columns": ["Gram matrices alone", "and matched places"], "made": [made]}


if __name__ == "__main__":
    write_sheets({f.__name__: f for f in (layers_weights, starts, pooling, scales, match)}, "data/make/sweeps.py", __doc__)
