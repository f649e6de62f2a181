"""How much of its teachers the lite encoder keeps, on photographs that it was not trained on.

    python data/make/measure_encoder.py layers --teacher FOLDER --photos FOLDER --kept-out FOLDER
    python data/make/measure_encoder.py gatys --teacher FOLDER --output FOLDER [--encoder small]

`layers` prints, for each layer, the share of the teacher's variance that a 1x1 convolution finds in the student's features:
1 - MSE / variance. The convolution is fitted by least squares on the training photographs, so nothing of the training but the
student itself is needed. `--record` writes the figures into the metadata of the weights, where lesson 01 finds them.

`gatys` paints three public pairs at 256 px with the default recipe and writes the pictures. `--gap` adds the transfer gap: the
loss that the *teachers* see in a picture made with the student, beside that of a picture made with the teachers themselves.
"""

import argparse
from pathlib import Path

import torch
from distill_encoder import LAYERS, read_folder
from teachers import Teachers, small_vgg19
from torch import Tensor

import nst
from nst.gatys import GatysConfig, Objective, stylize
from nst.vgg import lite_file

CONTENT, STYLES = "tuebingen_neckarfront", ("starry_night", "great_wave", "composition_vii")


@torch.no_grad()
def samples(student, teachers, photos: list[Tensor], count: int) -> dict[str, tuple[Tensor, Tensor]]:
    """{layer: (student's features and a one, teacher's features)} at `count` random positions of each photograph."""
    found: dict[str, list[tuple[Tensor, Tensor]]] = {layer: [] for layer in LAYERS}
    for seed, photo in enumerate(photos):
        x = photo[None].float() / 255
        features = [network(x, list(LAYERS)) for network in (student, teachers)]
        for layer, pairs in found.items():
            ours, theirs = (f[layer][0].flatten(1).T.double() for f in features)  # (H*W, C)
            chosen = torch.randperm(len(ours), generator=torch.Generator().manual_seed(seed))[:count]
            ones = torch.ones(len(chosen), 1, dtype=torch.float64)  # the head's bias
            pairs.append((torch.cat([ours[chosen], ones], 1), theirs[chosen]))
    return {layer: tuple(torch.cat(part) for part in zip(*pairs, strict=True)) for layer, pairs in found.items()}


def layers(a: argparse.Namespace) -> None:
    student, teachers, kept = nst.VGG19.load("lite"), Teachers(a.teacher), {}
    fitted_on = samples(student, teachers, read_folder(a.photos)[::20], 400)
    seen_on = samples(student, teachers, read_folder(a.kept_out), 2000)
    for layer in LAYERS:
        head = torch.linalg.lstsq(*fitted_on[layer]).solution
        x, y = seen_on[layer]
        kept[layer] = round(float(1 - (x @ head - y).square().sum() / (y - y.mean(0)).square().sum()), 3)
        print(f"{layer}  {kept[layer]:.3f}")
    if a.record:
        student.save(lite_file(), {"kept_variance": kept}, torch.float16)


def gatys(a: argparse.Namespace) -> None:
    student = small_vgg19(a.teacher) if a.encoder == "small" else nst.VGG19.load(a.encoder)
    teachers, config = Teachers(a.teacher), GatysConfig.default()
    content = nst.assets.picture(CONTENT, 256)
    a.output.mkdir(parents=True, exist_ok=True)
    for name in a.styles:
        style = nst.assets.picture(name, 256)
        objective = Objective(config, teachers, content, style)
        made = {"student": stylize(content, style, config, student)}
        if a.gap:
            made["teachers"] = stylize(content, style, config, teachers)
        for who, picture in made.items():
            nst.save_image(picture, a.output / f"{name}_{who}.png")
            with torch.no_grad():
                parts = {k: round(float(v), 3) for k, v in objective(picture).items()}
            print(f"{name}: made with the {who}, the teachers see {parts}", flush=True)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    one = commands.add_parser("layers")
    one.add_argument("--teacher", type=Path, required=True), one.add_argument("--photos", type=Path, required=True)
    one.add_argument("--kept-out", type=Path, required=True), one.add_argument("--record", action="store_true")
    one.set_defaults(run=layers)
    two = commands.add_parser("gatys")
    two.add_argument("--teacher", type=Path, required=True), two.add_argument("--output", type=Path, required=True)
    two.add_argument("--styles", nargs="+", default=STYLES)
    two.add_argument("--encoder", default="lite"), two.add_argument("--gap", action="store_true"), two.set_defaults(run=gatys)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
