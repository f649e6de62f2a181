"""How much of its teachers the lite encoder keeps, on photographs that it was not trained on.

    python data/make/measure_encoder.py layers --teacher FOLDER --kept-out FOLDER
    python data/make/measure_encoder.py gatys --teacher FOLDER --output FOLDER [--encoder small]

`layers` prints, for each layer, the share of the teacher's variance that the student's channels keep, one for one: 1 - MSE /
variance, the student's features times the one number of its metadata (`teacher_scale`). `--record` writes the figures into the
metadata of the weights, where lesson 01 finds them.

`gatys` paints three public pairs at 256 px with the default recipe and writes the pictures. `--gap` adds the transfer gap: the
loss that the *teachers* see in a picture made with the student, beside that of a picture made with the teachers themselves.
"""

import argparse
from pathlib import Path

import torch
from distill_encoder import RELUS, read_folder
from teachers import Teachers, small_vgg19

import nst
from nst.gatys import GatysConfig, Objective, stylize
from nst.vgg import lite_file

CONTENT, STYLES = "tuebingen_neckarfront", ("starry_night", "great_wave", "composition_vii")


@torch.no_grad()
def layers(a: argparse.Namespace) -> None:
    student, teachers = nst.VGG19.load("lite"), Teachers(a.teacher)
    lost, power, total, count = ({layer: 0.0 for layer in RELUS} for _ in range(4))
    for photo in read_folder(a.kept_out):
        ours, theirs = (network(photo[None].float() / 255, RELUS) for network in (student, teachers))
        for layer in RELUS:
            x, y = (f[layer][0].flatten(1).double() for f in (ours, theirs))  # (C, H*W)
            lost[layer] += float((student.metadata["teacher_scale"][layer] * x - y).square().sum())
            power[layer] += float(y.square().sum())
            total[layer] = total[layer] + y.sum(1)
            count[layer] += y.shape[1]
    variance = {layer: power[layer] - float(total[layer].square().sum()) / count[layer] for layer in RELUS}
    kept = {layer: round(1 - lost[layer] / variance[layer], 3) for layer in RELUS}
    for layer in RELUS:
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
        made = {"student": stylize(content, style, config=config, encoder=student)}
        if a.gap:
            made["teachers"] = stylize(content, style, config=config, encoder=teachers)
        for who, picture in made.items():
            nst.save_image(picture, a.output / f"{name}_{who}.png")
            with torch.no_grad():
                parts = {k: round(float(v), 3) for k, v in objective(picture).items()}
            print(f"{name}: made with the {who}, the teachers see {parts}", flush=True)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    one = commands.add_parser("layers")
    one.add_argument("--teacher", type=Path, required=True)
    one.add_argument("--kept-out", type=Path, required=True)
    one.add_argument("--record", action="store_true")
    one.set_defaults(run=layers)
    two = commands.add_parser("gatys")
    two.add_argument("--teacher", type=Path, required=True)
    two.add_argument("--output", type=Path, required=True)
    two.add_argument("--styles", nargs="+", default=STYLES)
    two.add_argument("--encoder", default="lite")
    two.add_argument("--gap", action="store_true")
    two.set_defaults(run=gatys)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
