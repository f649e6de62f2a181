"""Compute the pictures of lessons 06 and 07 that take other networks than the lite encoder: data/pictures/computed/<name>.jpg.

    python data/make/any_style.py wct_fifth wct_textures adain_searched --teacher FOLDER [--photos FOLDER]

    wct_fifth       lesson 07: with and without the fifth level, by the shipped decoders and by those of Collaborative Distillation;
                    beside it in computed.json what each level gives back of photographs that neither has learned from (--photos)
    wct_textures    lesson 07: textures from noise, by Collaborative Distillation's encoders and decoders
    adain_searched  lesson 06: AdaIN's two losses, minimised over the pixels in place of a decoder, with the real VGG-19

FOLDER holds the real VGG-19 up to conv3_4 and the 16x VGG-19's five encoders and decoders (see teachers.py). The search reads
relu1_1, relu2_1 and relu3_1 of the real VGG-19 and relu4_1 of the 16x one. What decoders paint is computed at 512 px and stored at
384; what is searched, at 256. Some five minutes on a quiet core.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file
from teachers import SMALL_WIDTHS, Teachers, small_vgg19
from torch import Tensor

import nst
from nst import losses, wct
from nst.adain import LAYER, STYLE_LAYERS, adaptive_instance_norm, statistics_loss
from nst.decoders import LAYERS, Decoder, padded
from nst.images import resize
from nst.optim import minimize_in_box
from nst.training.datasets import picture_files

FOLDER = Path(__file__).resolve().parents[1] / "pictures" / "computed"
STORED = 384  # pixels, the shorter side of a tile of a sheet
TEXTURES = ("garden_points", "mosaic_peacock", "ink_mountains", "rose_window")
Networks = dict[int, tuple[nst.VGG19, Decoder]]  # by level


def shipped() -> Networks:
    encoder = nst.VGG19.load("lite")
    return {level: (encoder, Decoder.load(LAYERS[level - 1], encoder)) for level in wct.LEVELS}


def collaborative(folder: Path) -> Networks:
    """Collaborative Distillation's five pairs: of 16, 32, 64, 128 and 128 channels, the first of 24."""
    found = {}
    for level in wct.LEVELS:
        stored = load_file(folder / f"vgg19_16x_decoder{level}.safetensors")
        channels = (24, *SMALL_WIDTHS[1:])[level - 1]
        decoder = Decoder(LAYERS[level - 1], channels, SMALL_WIDTHS[: level - 1]).eval().requires_grad_(False)
        decoder.load_state_dict({f"conv{k[4]}_{k[5:]}": v for k, v in stored.items()})
        found[level] = small_vgg19(folder, level), decoder
    return found


def cascade(picture: Tensor, style: Tensor, networks: Networks, levels: tuple[int, ...], alpha: float = 1.0) -> Tensor:
    """`wct.stylize` with the paper's map, each level with an encoder of its own."""
    for level in levels:
        encoder, decoder = networks[level]
        picture = wct.stylize(picture, style, alpha=alpha, brush=1, levels=[level], transform="wct", encoder=encoder,
                              decoders={level: decoder})  # fmt: skip
    return picture


@torch.no_grad()
def given_back(networks: Networks, photos: list[Tensor]) -> list[float]:
    """The mean PSNR in dB of what each level, 1 to 5, gives back of the photographs (1, 3, H, W)."""
    means = []
    for level in sorted(networks):
        encoder, decoder = networks[level]
        layer, found = LAYERS[level - 1], []
        for photo in photos:
            height, width = photo.shape[-2:]
            back = decoder(encoder(padded(photo), [layer])[layer])[..., :height, :width].clamp(0, 1)
            found.append(-10 * float((back - photo).square().mean().log10()))
        means.append(round(sum(found) / len(found), 1))
    return means


def wct_fifth(a: argparse.Namespace) -> dict:
    content, style = (nst.assets.picture(name, 512) for name in ("coffee", "harbour_woodblock"))
    rows = {"shipped": shipped(), "Collaborative Distillation": collaborative(a.teacher)}
    photos = [nst.load_image(path, size=256) for path in picture_files(a.photos)]
    recipes = (((5,), 0.0), (wct.DEFAULT, 1.0), (wct.LEVELS, 1.0))  # levels and alpha
    made = [[cascade(content, style, networks, *recipe) for recipe in recipes] for networks in rows.values()]
    columns = ["given back by level 5", "levels 4 to 1", "levels 5 to 1"]
    decibels = [given_back(networks, photos) for networks in rows.values()]
    return {"rows": list(rows), "columns": columns, "made": made, "psnr": decibels, "photographs": len(photos)}


def wct_textures(a: argparse.Namespace) -> dict:
    networks, noise = collaborative(a.teacher), torch.rand(1, 3, 512, 512, generator=torch.Generator().manual_seed(0))
    made = [cascade(noise, nst.assets.picture(name, 512), networks, 3 * wct.LEVELS) for name in TEXTURES]
    return {"rows": ["from noise"], "columns": [name.replace("_", " ") for name in TEXTURES], "made": [made]}


def search(loss: Callable[[Tensor], Tensor], start: Tensor, sizes: tuple[int, ...], evaluations: int) -> Tensor:
    """A picture of the shorter side sizes[-1] with a small loss: searched at each size from the last one's result."""

    def evaluate(picture: Tensor) -> tuple[float, Tensor]:
        picture = picture.detach().requires_grad_()
        value = loss(picture)
        (gradient,) = torch.autograd.grad(value, picture)
        return value.item(), gradient

    height, width = start.shape[-2:]
    for size in sizes:
        start = resize(start, tuple(round(side * size / min(height, width)) for side in (height, width)))
        start = minimize_in_box(evaluate, start, evaluations)
    return start


def adain_searched(a: argparse.Namespace) -> dict:
    network, names, read = Teachers(a.teacher, "reflect"), ("astronaut", "night_orchard"), {}
    photo, painting = (nst.assets.picture(name, 256) for name in names)

    def loss(picture: Tensor) -> Tensor:
        size = min(picture.shape[-2:])
        if size not in read:
            with torch.no_grad():
                y = network(resize(painting, size), STYLE_LAYERS)
                x = network(resize(photo, tuple(picture.shape[-2:])), [LAYER])[LAYER]
                read[size] = y, adaptive_instance_norm(x, y[LAYER])
        y, t = read[size]
        found = network(picture, STYLE_LAYERS)
        style = sum(statistics_loss(found[layer], y[layer]) for layer in STYLE_LAYERS)
        return losses.content_loss(found[LAYER], t) + a.style_weight * style

    made = search(loss, resize(photo, 128), (128, 256), a.evaluations)
    y, t = read[256]
    with torch.no_grad():
        found = network(made, [LAYER])[LAYER]
    end = {"from t": float((found - t).square().mean() / t.var()), "style": float(statistics_loss(found, y[LAYER]))}
    return {"rows": [" x ".join(names)], "columns": ["searched"], "made": [[made]],
            "losses": [[{k: round(v, 3) for k, v in end.items()}]]}  # fmt: skip


def main() -> None:
    known = {f.__name__: f for f in (wct_fifth, wct_textures, adain_searched)}
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="+", choices=known)
    p.add_argument("--teacher", type=Path, required=True)
    p.add_argument("--photos", type=Path, help="for wct_fifth: photographs that no decoder has learned from")
    p.add_argument("--evaluations", type=int, default=50, help="of the search, at each size")
    p.add_argument("--style-weight", type=float, default=2.5, help="of adain_searched; AdaINLoss: 10, of four layers' mean")
    p.add_argument("--output", type=Path, default=FOLDER)
    a = p.parse_args()
    if "wct_fifth" in a.names and a.photos is None:
        p.error("wct_fifth: --photos is missing")
    a.output.mkdir(parents=True, exist_ok=True)
    file = a.output / "computed.json"
    for name in a.names:
        sheet = known[name](a)
        made = [[resize(tile, min(STORED, *tile.shape[-2:])) for tile in row] for row in sheet.pop("made")]
        nst.save_image(torch.cat([torch.cat(row, -1) for row in made], -2), a.output / f"{name}.jpg")
        facts = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        facts[name] = {"losses": [[{}] * len(row) for row in made], **sheet, "recipe": "data/make/any_style.py"}
        file.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(name, {k: v for k, v in facts[name].items() if k in ("psnr", "losses")}, flush=True)


if __name__ == "__main__":
    main()
