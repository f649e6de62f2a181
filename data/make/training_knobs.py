"""Train lesson 05's small experiments and lesson 04's: data/pictures/computed/train_<name>.jpg, and their facts in computed.json.

    python data/make/training_knobs.py train --photos FOLDER [RUN …]             one network for each run and seed, in build/knobs
    python data/make/training_knobs.py sheets --photos FOLDER --unseen FOLDER    what they paint, and the losses of these pictures

A network that is there is not trained again. Each run changes one thing. The loss network is the lite encoder, the style
`halftone_city`; the start is the shipped network of `night_orchard`, or (`from_random_…`) random weights, and more steps.

    parts     which weights may learn: the norm layers, the norm layers and the last block, all
    content   the content layer
    weight    the style weight
    data      how many photographs it learns from: 1, 3, 30, 1,350; three draws of each, with other crops, too
    norms     instance norm and batch norm, from random weights; three seeds
    network   zeros in place of reflection, transposed in place of resize convolutions, from random weights

Every loss in computed.json is of pictures before they became JPEG, measured alike for all: content at relu3_2 and relu4_2, style
unweighted. A picture's are its own, at 256 px; "seen" and "unseen" are means over 10 crops each of photographs that the network
learned from and of others, "seen, by all" of the first by the network that learned from all; lists have a value for each seed.
"""

import argparse
import copy
import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from sweeps import FOLDER
from torch import Tensor, nn

import nst
from nst.training import TrainingConfig, train
from nst.training.datasets import Crops, picture_files
from nst.training.perceptual import PerceptualConfig, PerceptualLoss

BUILD = Path(__file__).resolve().parents[2] / "build" / "knobs"
STYLE, START, SIDE = "halftone_city", "night_orchard", 96
KEPT_OUT = ("astronaut", "coffee")
RECIPE = {"content_layers": ("relu3_2", "relu4_2"), "style_weight": 5.0, "tv_weight": 0.3, "style_warmup": 0}
STEPS, FROM_RANDOM = 120, 300


@dataclasses.dataclass(frozen=True)
class Run:
    changes: dict = dataclasses.field(default_factory=dict)  # of the loss' recipe
    learns: Callable[[str], bool] = lambda name: True
    photographs: int | None = None  # None: all
    network: dict | None = None  # from random weights, in this architecture
    zeros: bool = False  # zero padding
    seeds: int = 1


RUNS = {
    "as_it_is": Run(seeds=3),
    "data_1": Run(photographs=1, seeds=3), "data_3": Run(photographs=3, seeds=3), "data_30": Run(photographs=30, seeds=3),
    "from_random_instance": Run(network={}, seeds=3), "from_random_batch": Run(network={"norm": "batch"}, seeds=3),
    "from_random_zeros": Run(network={}, zeros=True), "from_random_transposed": Run(network={"upsampling": "transposed"}),
    "parts_norms": Run(learns=lambda name: ".norm." in name),
    "parts_last": Run(learns=lambda name: ".norm." in name or "model.10." in name),
    **{f"content_{layer}": Run({"content_layers": (layer,)}) for layer in ("relu1_2", "relu2_2", "relu4_2")},
    **{f"weight_{w}": Run({"style_weight": float(w)}) for w in (1, 20, 80)},
}  # fmt: skip


def zero_padded(net: nst.TransformerNet) -> nst.TransformerNet:
    """The same network, with zeros beyond the border in place of the reflected map."""
    for module in net.modules():
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.ReflectionPad2d):
            module[0] = nn.ZeroPad2d(module[0].padding)
    return net


def files_of(run: Run, seed: int, photos: Path) -> list[Path]:
    files = picture_files(photos)
    return random.Random(f"{run.photographs} {seed}").sample(files, run.photographs) if run.photographs else files


def learn(name: str, seed: int, photos: Path) -> None:
    run, file = RUNS[name], BUILD / f"{name}_{seed}.safetensors"
    if file.is_file():
        return
    nst.seed(seed)
    encoder = nst.VGG19.load("lite").to(nst.device())
    new = run.network is not None
    net = nst.TransformerNet(16, **run.network) if new else copy.deepcopy(nst.load_style(START)).requires_grad_()
    net = zero_padded(net) if run.zeros else net
    for parameter_name, parameter in net.named_parameters():
        parameter.requires_grad_(run.learns(parameter_name))
    steps = FROM_RANDOM if new else STEPS
    changes = {**RECIPE, "style_warmup": steps // 4 if new else 0, **run.changes}
    loss = PerceptualLoss(PerceptualConfig.default(**changes), encoder, nst.assets.picture(STYLE))
    config = TrainingConfig(steps=steps, batch_size=4, learning_rate=2e-3, warmup=10, hold=0.5, seed=seed)
    train(net, encoder, loss, Crops(files_of(run, seed, photos), SIDE, seed=seed), config)
    learned = sum(p.numel() for p in net.parameters() if p.requires_grad)
    net.metadata = {}
    net.save(file, {"run": name, "seed": seed, "learned": learned, "steps": steps})
    print(file.name, flush=True)


class Judge:
    """The losses of paintings, alike for all."""

    def __init__(self):
        self.encoder = nst.VGG19.load("lite").to(nst.device())
        config = PerceptualConfig.default(**{**RECIPE, "style_weight": 1.0, "tv_weight": 0.0}, range_weight=0.0)
        self.loss = PerceptualLoss(config, self.encoder, nst.assets.picture(STYLE))

    @torch.no_grad()
    def __call__(self, painted: Tensor, photo: Tensor) -> dict[str, float]:
        content = self.encoder(photo, self.loss.config.content_layers)
        return {k: v.item() for k, v in self.loss.parts(painted, content, self.encoder).items()}

    def mean(self, net: nst.TransformerNet, files: list[Path]) -> dict[str, float]:
        """Over 10 crops, each judged alone."""
        crops = Crops(files, 128, seed=99)(0, range(10)).content.split(1)
        found = [self(net.stylize(crop.to(nst.device())), crop.to(nst.device())) for crop in crops]
        return {k: sum(x[k] for x in found) / len(found) for k in found[0]}


def painter(name: str, seed: int) -> nst.TransformerNet:
    net = nst.load_style(BUILD / f"{name}_{seed}.safetensors")
    return zero_padded(net) if RUNS[name].zeros else net


def photographs() -> list[Tensor]:
    return [nst.assets.picture(name, 256)[..., :256, :256].to(nst.device()) for name in KEPT_OUT]


def dull(photo: Tensor) -> Tensor:
    """At 0.3 of its contrast."""
    mean = photo.mean((2, 3), keepdim=True)
    return mean + 0.3 * (photo - mean)


@torch.no_grad()
def bare(net: nst.TransformerNet, photo: Tensor) -> Tensor:
    """One pass, without the border that `stylize` adds and cuts off."""
    return net(photo).clamp(0, 1)


def rim(picture: Tensor) -> float:
    """The step of colour from the outer three rows to the rows 8 to 24, over the four sides."""
    turned = [picture.rot90(k, (2, 3)) for k in range(4)]
    return sum(float((x[..., :3, :].mean((2, 3)) - x[..., 8:24, :].mean((2, 3))).square().mean().sqrt()) for x in turned) / 4


def checkered(picture: Tensor) -> float:
    """The share of the finest checkerboard, + - + -, in a picture's detail."""
    x = picture.mean(1, keepdim=True)
    detail = x - F.avg_pool2d(x, 3, 1, 1)
    rows, columns = (torch.arange(n, device=x.device) % 2 * 2.0 - 1 for n in x.shape[-2:])
    return float((F.avg_pool2d(detail * rows[:, None] * columns, 8).square().mean() / detail.square().mean()).sqrt())


class Sheets:
    """Each method gives (rows, columns, pictures, losses): pictures[i][j] and losses[i][j] of row i and column j."""

    def __init__(self, photos: Path, unseen: Path):
        self.photos, self.unseen, self.judge = photos, picture_files(unseen), Judge()

    def compared(self, runs: dict[str, str]):
        """The two photographs, each painted by all runs {column: name}."""
        nets = [painter(name, 0) for name in runs.values()]
        made = [[net.stylize(photo) for net in nets] for photo in photographs()]
        losses = [[self.judge(x, photo) for x in row] for row, photo in zip(made, photographs(), strict=True)]
        for row in losses:
            for name, found in zip(runs.values(), row, strict=True):
                found["learned"] = painter(name, 0).metadata["learned"]
        return list(KEPT_OUT), list(runs), made, losses

    def parts(self):
        return self.compared({"norm layers": "parts_norms", "norm layers, last block": "parts_last", "all layers": "as_it_is"})

    def content(self):
        return self.compared({layer: f"content_{layer}" for layer in ("relu1_2", "relu2_2", "relu4_2")})

    def weight(self):
        return self.compared({f"style weight {w}": "as_it_is" if w == 5 else f"weight_{w}" for w in (1, 5, 20, 80)})

    def data(self):
        runs = {"1 photograph": "data_1", "3 photographs": "data_3", "30 photographs": "data_30", "1,350 photographs": "as_it_is"}
        photo, by_all = photographs()[0], painter("as_it_is", 0)
        draws = min(len(trained(name)) for name in runs.values())
        made = [[painter(name, seed).stylize(photo) for name in runs.values()] for seed in range(draws)]
        losses = [[self.judge(x, photo) for x in row] for row in made]
        for name, facts in zip(runs.values(), losses[0], strict=True):
            for seed in trained(name):
                seen, net = files_of(RUNS[name], seed, self.photos), painter(name, seed)
                for what, who, files in (("seen", net, seen), ("unseen", net, self.unseen), ("seen, by all", by_all, seen)):
                    for part, value in self.judge.mean(who, files).items():
                        facts.setdefault(f"{part} {what}", []).append(value)
        return [f"draw {seed + 1}" for seed in range(draws)], list(runs), made, losses

    def norms(self):
        runs = {norm: f"from_random_{norm}" for norm in ("instance", "batch")}
        nets = {norm: [painter(name, seed) for seed in trained(name)] for norm, name in runs.items()}
        rows = {"as it is": lambda photo: photo, "at 0.3 of its contrast": dull}
        photo, many = photographs()[0], Crops(self.unseen, 256, zoom=1.0)(0, range(8)).content.split(1)
        made = [[found[0].stylize(change(photo)) for found in nets.values()] for change in rows.values()]
        losses = [[self.judge(x, photo) for x in row] for row in made]
        for column, found in enumerate(nets.values()):
            pairs = [[(net.stylize(x), net.stylize(dull(x))) for x in many] for net in found]
            changes = [sum(float((a - b).abs().mean()) for a, b in of_net) / len(many) for of_net in pairs]
            means = [self.judge.mean(net, self.unseen) for net in found]
            losses[0][column] |= {"change of seeds": changes, **{f"{k} unseen of seeds": [m[k] for m in means] for k in means[0]}}
        return list(rows), [f"{norm} norm" for norm in nets], made, losses

    def network(self):
        runs = {"reflection, resize": "instance", "zeros": "zeros", "transposed": "transposed"}
        nets, shown = [painter(f"from_random_{name}", 0) for name in runs.values()], [("rocket", 0, 0), ("coffee", 64, 64)]
        photos = [nst.assets.picture(name, 256)[..., :256, x : x + 256].to(nst.device()) for name, _, x in shown]
        made = [[bare(net, photo) for net in nets] for photo in photos]
        many = Crops(self.unseen, 256, zoom=1.0)(0, range(24)).content.split(1)
        losses = [[self.judge(x, photo) for x in row] for row, photo in zip(made, photos, strict=True)]
        for net, found in zip(nets, losses[0], strict=True):
            paintings = [(bare(net, x), net.stylize(x)) for x in many]
            for what, measured in {"rim": [rim(x) for x, _ in paintings], "rim, reflected outwards": [rim(x) for _, x in paintings],
                                   "checkered": [checkered(x) for x, _ in paintings]}.items():  # fmt: skip
                found[what] = sum(measured) / len(measured)
            found["rim of the photographs"] = sum(map(rim, many)) / len(many)
        return [name for name, _, _ in shown], list(runs), made, losses


def trained(name: str) -> list[int]:
    """The seeds of which there is a network."""
    return [seed for seed in range(RUNS[name].seeds) if (BUILD / f"{name}_{seed}.safetensors").is_file()]


def rounded(value):
    """Numbers, or lists of them, as they are stored."""
    return [rounded(v) for v in value] if isinstance(value, list) else value if isinstance(value, int) else round(value, 4)


def draw_sheets(a: argparse.Namespace) -> None:
    sheets, facts_file = Sheets(a.photos, a.unseen), FOLDER / "computed.json"
    for name in a.names or SHEETS:
        rows, columns, made, losses = getattr(sheets, name)()
        nst.save_image(torch.cat([torch.cat(row, -1) for row in made], -2), FOLDER / f"train_{name}.jpg")
        facts = json.loads(facts_file.read_text(encoding="utf-8"))
        kept = [[{k: rounded(v) for k, v in found.items()} for found in row] for row in losses]
        facts[f"train_{name}"] = {"rows": rows, "columns": columns, "losses": kept, "recipe": "data/make/training_knobs.py"}
        facts_file.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(name, json.dumps(kept), flush=True)


SHEETS = ("parts", "content", "weight", "data", "norms", "network")


def train_all(a: argparse.Namespace) -> None:
    BUILD.mkdir(parents=True, exist_ok=True)
    chosen = a.runs or list(RUNS)
    for seed in range(3):
        for name in chosen:
            if seed < RUNS[name].seeds:
                learn(name, seed, a.photos)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    t = commands.add_parser("train")
    t.add_argument("runs", nargs="*", choices=[[], *RUNS])
    t.set_defaults(run=train_all)
    d = commands.add_parser("sheets")
    d.add_argument("names", nargs="*", choices=[[], *SHEETS])
    d.add_argument("--unseen", type=Path, required=True)
    d.set_defaults(run=draw_sheets)
    for command in (t, d):
        command.add_argument("--photos", type=Path, required=True)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
