"""Compute lesson 02's pictures that take minutes: data/pictures/computed/<name>.jpg and their figures in computed.json.

    python data/make/textures.py textures layouts moments

All are searches from noise that ask for statistics of one painting and nothing else, by the library's functions:

    textures   Gram matrices of more and more layers, of the lite encoder and of a network with its shape and random weights
               (after Ustyuzhaninov et al. 2016, arXiv 1606.00021)
    layouts    five draws each: which settings bring the painting's layout back?
    moments    three draws each: means, means and deviations, means and covariances

Some ten minutes on one core.
"""


import torch
from sheet_files import write_sheets
from torch import Tensor, nn

import nst
from nst import gatys
from nst.optim import minimize_in_box

PAINTING = "night_orchard"
LAYERS = nst.GatysConfig.default().style_layers
DRAWS, EVALUATIONS = 5, 42
PRECISION = "bfloat16"  # of the network: half the time, and a loss known to a thousandth


def texture(style: Tensor, layers: tuple[str, ...], seed: int, encoder: nn.Module, evaluations: int = EVALUATIONS, scales: int = 3):
    """A picture of the style's size with its Gram matrices, and the relative style loss, the mean over the layers."""
    config = nst.GatysConfig.default(
        content_weight=0, content_layers=layers[:1], match_weight=0, tv_weight=0, style_layers=layers, start="noise",
        evaluations=evaluations, scales=scales, precision=PRECISION,
    )  # fmt: skip
    best = {}

    def note(step: int, losses: dict[str, float], picture: Tensor) -> None:
        if picture.shape == style.shape and losses["style"] < best.get("style", float("inf")):
            best["style"] = losses["style"]

    nst.seed(seed)
    made = gatys.stylize(torch.zeros_like(style), style, config=config, encoder=encoder, callback=note)
    return made, {"style": round(best["style"] / config.style_weight / len(layers), 5)}


def random_network() -> nst.VGG19:
    """A network with as many channels as the lite encoder, its weights drawn at random (He's scale, no bias)."""
    torch.manual_seed(0)
    network = nst.VGG19((64, 128, 256, 128, 128), "reflect")
    for parameter in network.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter)
        else:
            nn.init.zeros_(parameter)
    return network.eval().requires_grad_(False)


def textures() -> dict:
    size, counts = 224, (1, 3, 5)
    style = nst.assets.picture(PAINTING, size)[..., :size]
    rows = []
    for encoder in (nst.VGG19.load("lite"), random_network()):
        rows.append([texture(style, LAYERS[:n], 0, encoder, evaluations=30) for n in counts])
        print([losses for _, losses in rows[-1]], flush=True)
    return {"rows": ["trained network", "random weights"], "columns": [f"up to {LAYERS[n - 1]}" for n in counts], "made": rows}


def layout(x: Tensor, n: int = 8) -> Tensor:
    """A picture shrunk to n x n, without its mean colour: (1, 3, n, n)."""
    x = nst.images.resize(x, (n, n))
    return x - x.mean((2, 3), keepdim=True)


def layout_match(x: Tensor, painting: Tensor) -> float:
    """The cosine of two layouts."""
    return torch.cosine_similarity(layout(x).flatten(), layout(painting).flatten(), dim=0).item()


def layouts() -> dict:
    encoder, rows = nst.VGG19.load("lite"), []
    settings = {
        "128 px, five layers, from 64 px": (128, 5, 3),
        "128 px, five layers, one size": (128, 5, 1),
        "128 px, up to relu3_1, one size": (128, 3, 1),
        "192 px, five layers, from 96 px": (192, 5, 2),
        "192 px, five layers, one size": (192, 5, 1),
    }
    for name, (size, layers, scales) in settings.items():
        style = nst.assets.picture(PAINTING, size)[..., :size]
        row = []
        for seed in range(DRAWS):
            made, losses = texture(style, LAYERS[:layers], seed, encoder, scales=scales)
            row.append((nst.images.resize(made, (128, 128)), {**losses, "layout": round(layout_match(made, style), 3)}))
        rows.append(row)
        print(name, [losses for _, losses in row], flush=True)
    return {"rows": list(settings), "columns": [f"draw {k + 1}" for k in range(DRAWS)], "made": rows}


def kept(features: Tensor, keep: str) -> list[Tensor]:
    """Moments of feature maps (1, C, H, W) over their positions."""
    flat = features.flatten(2)  # (1, C, M)
    mean, centred = flat.mean(2), flat - flat.mean(2, keepdim=True)
    if keep == "mean":
        return [mean]
    if keep == "mean and deviation":
        return [mean, (centred.square().mean(2) + 1e-6).sqrt()]
    return [mean, centred @ centred.mT / flat.shape[2]]  # mean and covariance


def moments() -> dict:
    encoder, size = nst.VGG19.load("lite"), 160
    painting, rows = nst.assets.picture(PAINTING, size)[..., :size], []
    for keep in ("mean", "mean and deviation", "mean and covariance"):
        row = []
        for seed in range(3):
            x = torch.rand(1, 3, size // 2, size // 2, generator=torch.Generator().manual_seed(seed))
            for side in (size // 2, size):
                x, style = nst.images.resize(x, side), nst.images.resize(painting, side)
                wanted = encoder(style, LAYERS)

                def loss_and_gradient(x, wanted=wanted, keep=keep):
                    x = x.detach().requires_grad_()
                    found = encoder(x, LAYERS)
                    pairs = [pair for k in LAYERS for pair in zip(kept(found[k], keep), kept(wanted[k], keep), strict=True)]
                    loss = sum((a - b).square().sum() / b.square().sum() for a, b in pairs)
                    return loss.item(), torch.autograd.grad(loss, x)[0]

                x = minimize_in_box(loss_and_gradient, x, EVALUATIONS)
            with torch.no_grad():
                found = encoder(x, LAYERS)
                style = [nst.losses.style_loss(nst.gram_matrix(found[k]), nst.gram_matrix(wanted[k])).item() for k in LAYERS]
            row.append((x, {"style": round(sum(style) / len(style), 5)}))
        rows.append(row)
        print(keep, [losses for _, losses in row], flush=True)
    return {"rows": ["mean", "mean and deviation", "mean and covariance"], "columns": ["draw 1", "draw 2", "draw 3"], "made": rows}


if __name__ == "__main__":
    write_sheets({f.__name__: f for f in (textures, layouts, moments)}, "data/make/textures.py", __doc__)
