"""Train the decoders of AdaIN and WCT on the lite encoder: data/weights/decoder_<name>.safetensors.

    python data/make/train_decoders.py reconstruct [LAYER …] --photos FOLDER --paintings FOLDER   relu1_1 … relu5_1, for WCT
    python data/make/train_decoders.py adain --photos FOLDER --paintings FOLDER [--teacher FOLDER]   relu4_1, with AdaIN's losses
    python data/make/train_decoders.py export NAME …                                              into data/weights

WCT's decoders learn to give a picture back from its features, photographs and paintings alike, since WCT hands them features that
are neither. The one of relu1_1 is a single linear convolution: its weights solve a linear system. AdaIN's decoder starts from the
one of relu4_1 and learns to paint what AdaIN asks of it; in a last round (`--teacher`, see teachers.py) the real VGG-19 compares up
to relu3_1, in place of the lite encoder, and relu3_1 is half a content layer, too. Runs resume from build/decoders; started with
`torchrun --nproc-per-node N` they run on N processes.
"""

import argparse
import copy
import itertools
import os
from pathlib import Path

import torch
import torch.nn.functional as F
from teachers import Spliced, real_vgg19
from torch import Tensor, nn

import nst
from nst import assets, losses
from nst.adain import AdaINLoss
from nst.datasets import Batch, Crops, Pairs, picture_files
from nst.decoders import LAYERS, Decoder, decoder_file
from nst.training import TrainingConfig, train

STEPS = {"relu1_1": 100, "relu2_1": 6000, "relu3_1": 6000, "relu4_1": 6000, "relu5_1": 6000, "adain": 3000}
RATES = {"relu2_1": 1e-2, "relu3_1": 5e-3, "relu4_1": 3e-3, "relu5_1": 3e-3, "adain": 1e-3}  # the fewer the weights, the faster
BUILD = Path("build/decoders")


def reconstruction(decoder: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
    """1705.08086, eq. 1: the picture back, and its features; each relative to the batch's variance of what it should be. Relative
    to each picture's own, one crop of clear sky would drown the rest of the batch.
    """
    pictures, layer = batch.content, getattr(decoder, "module", decoder).layer  # several processes wrap it
    features = encoder(pictures, [layer])[layer]
    output = decoder(features)
    return {"pixel": losses.content_loss(output, pictures, "batch"),
            "feature": losses.content_loss(encoder(output, [layer])[layer], features, "batch")}  # fmt: skip


class Whitened(nn.Module):
    """A decoder in training. It reads its features whitened, a fixed linear map that `plain` folds into the first convolution.

    Channels of one layer say much the same, so that gradient descent crawls along what tells them apart; whitened, they are equals.
    """

    def __init__(self, decoder: Decoder, features: Tensor):
        super().__init__()
        self.decoder, self.layer, first = decoder, decoder.layer, decoder.get_submodule(decoder.names[0])
        flat = features.transpose(0, 1).flatten(1).double()  # (C, B*h*w)
        mean = flat.mean(1)
        variances, directions = torch.linalg.eigh(torch.cov(flat, correction=0))
        scale = (variances + 1e-3 * variances.mean()).sqrt()
        self.register_buffer("mean", mean.float())
        self.register_buffer("matrix", (directions / scale @ directions.T).float())  # (C, C)
        substitute(first, (directions * scale @ directions.T).float(), self.mean)

    def forward(self, features: Tensor) -> Tensor:
        return self.decoder(torch.einsum("ij,bjhw->bihw", self.matrix, features - self.mean[:, None, None]))

    def plain(self) -> Decoder:
        decoder = copy.deepcopy(self.decoder)
        substitute(decoder.get_submodule(decoder.names[0]), self.matrix, -self.matrix @ self.mean)
        return decoder


@torch.no_grad()
def substitute(conv: nn.Conv2d, matrix: Tensor, offset: Tensor) -> None:
    """conv(x) becomes conv(matrix x + offset); exact at the border, too, since reflection pads an affine map with itself."""
    conv.bias += torch.einsum("oikl,i->o", conv.weight, offset)
    conv.weight.copy_(torch.einsum("oikl,ij->ojkl", conv.weight, matrix))


@torch.no_grad()
def least_squares(decoder: Decoder, encoder: nst.VGG19, data, steps: int) -> Decoder:
    """The one convolution of relu1_1 that gives the pictures of so many batches back with the least squared error."""
    conv = decoder.conv1_1
    size = conv.in_channels * 9 + 1
    normal, right = torch.zeros(size, size, dtype=torch.float64), torch.zeros(size, 3, dtype=torch.float64)
    for step in range(steps):
        pictures = data(step, range(8)).content
        features = F.pad(encoder(pictures, [decoder.layer])[decoder.layer], (1, 1, 1, 1), mode="reflect")
        patches = F.unfold(features, 3).double().transpose(0, 1).flatten(1)  # (9 C, positions)
        patches = torch.cat([patches, patches.new_ones(1, patches.shape[1])])
        normal += patches @ patches.T
        right += patches @ pictures.double().transpose(0, 1).flatten(1).T
    solution = torch.linalg.solve(normal, right)  # (9 C + 1, 3)
    conv.weight.copy_(solution[:-1].T.view_as(conv.weight)), conv.bias.copy_(solution[-1])
    return decoder


def pictures(a: argparse.Namespace) -> tuple[Crops, Crops]:
    """Photographs; and paintings, among them the styles that ship, with changed colours."""
    shipped = [assets.path(name) for name in assets.styles()]
    photos, paintings = picture_files(a.photos), [*picture_files(a.paintings), *shipped]
    return Crops(photos, 128, seed=a.seed), Crops(paintings, 128, zoom=0.4, colour=0.5, seed=a.seed + 1)


class Mixed:
    """Three photographs to each painting."""

    def __init__(self, photos: Crops, paintings: Crops):
        self.photos, self.paintings = photos, paintings

    def __call__(self, step: int, positions: range) -> Batch:
        batches = [(self.paintings if p % 4 == 3 else self.photos)(step, range(p, p + 1)) for p in positions]
        return Batch(torch.cat([b.content for b in batches]), None, [file for b in batches for file in b.files])


def fit(name: str, decoder: Decoder, loss, data, a: argparse.Namespace) -> None:
    encoder = nst.VGG19.load("lite")
    steps, earlier = a.steps or STEPS[name], decoder.metadata if decoder.metadata.get("name") == name else {}
    facts = {"name": name, "recipe": "data/make/train_decoders.py", "seed": a.seed, "encoder": "lite", "licence": "CC BY 4.0",
             "steps": earlier.get("steps", 0) + steps, "rounds": earlier.get("rounds", 0) + 1}  # fmt: skip
    if name == "relu1_1":
        decoder = least_squares(decoder, encoder, data, steps)
        (BUILD / name).mkdir(parents=True, exist_ok=True)
        return decoder.save(BUILD / name / "decoder.safetensors", encoder, facts, torch.float16)
    config = TrainingConfig(steps=steps, batch_size=8, learning_rate=a.learning_rate or RATES[name], hold=0.3, seed=a.seed)
    seen = torch.cat([encoder(data(step, range(8)).content, [decoder.layer])[decoder.layer] for step in range(8)])
    whitened = Whitened(decoder, seen.detach())

    def report(step: int, parts: dict[str, float], decoder: nn.Module) -> None:
        if step % 100 == 0:
            print(name, step, " ".join(f"{k} {v:.3f}" for k, v in parts.items()), flush=True)

    sees = Spliced(real_vgg19(a.teacher), encoder) if a.teacher else encoder
    trace = train(whitened, sees, loss, data, config, BUILD / name, report)
    facts["losses"] = {k: round(sum(parts[k] for parts in trace[-100:]) / len(trace[-100:]), 4) for k in trace[-1]}
    whitened.plain().cpu().save(BUILD / name / "decoder.safetensors", encoder, facts, torch.float16)


def reconstruct(a: argparse.Namespace) -> None:
    for layer in a.layers:
        nst.seed(a.seed)
        started = BUILD / layer / "decoder.safetensors"
        if a.go_on and started.is_file():  # another round, from where the last one ended
            decoder, a.seed = another_round(started, a.seed)
        else:
            decoder = initialised(Decoder(layer))
        fit(layer, decoder, reconstruction, Mixed(*pictures(a)), a)


def initialised(decoder: Decoder) -> Decoder:
    """Weights that keep the size of what passes through: without norm layers the usual ones let it fade."""
    for name in decoder.names:
        conv = decoder.get_submodule(name)
        nn.init.kaiming_normal_(conv.weight, nonlinearity="linear" if name == "conv1_1" else "relu"), nn.init.zeros_(conv.bias)
    return decoder


def another_round(started: Path, seed: int) -> tuple[Decoder, int]:
    """A finished decoder, its folder moved aside, and another seed: other crops."""
    decoder = Decoder.load(started).requires_grad_()
    ended = (started.parent.with_name(f"{started.parent.name}_round_{n}") for n in itertools.count(1))
    free = next(folder for folder in ended if not folder.exists())
    os.replace(started.parent, free)
    return decoder, seed + 100 * int(free.name.split("_")[-1])


def adain(a: argparse.Namespace) -> None:
    nst.seed(a.seed)
    started = BUILD / "adain" / "decoder.safetensors"
    if a.go_on and started.is_file():
        decoder, a.seed = another_round(started, a.seed)
    else:
        decoder = Decoder.load(BUILD / "relu4_1" / "decoder.safetensors").requires_grad_()
    content_weights = {"relu3_1": 0.5, "relu4_1": 1.0} if a.teacher else {"relu4_1": 1.0}
    fit("adain", decoder, AdaINLoss(a.style_weight, content_weights=content_weights), Pairs(*pictures(a)), a)


def export(a: argparse.Namespace) -> None:
    encoder = nst.VGG19.load("lite")
    for name in a.names:
        Decoder.load(BUILD / name / "decoder.safetensors", encoder).save(decoder_file(name), encoder, dtype=torch.float16)
        print(f"{decoder_file(name).name}: {decoder_file(name).stat().st_size / 1e6:.2f} MB")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    r = commands.add_parser("reconstruct")
    r.add_argument("layers", nargs="*", default=list(LAYERS)), r.set_defaults(run=reconstruct)
    d = commands.add_parser("adain")
    d.add_argument("--style-weight", type=float, default=0.2), d.set_defaults(run=adain)
    d.add_argument("--teacher", type=Path, help="folder of the real VGG-19's first convolutions"), r.set_defaults(teacher=None)
    for command in (r, d):
        command.add_argument("--photos", type=Path, required=True), command.add_argument("--paintings", type=Path, required=True)
        command.add_argument("--go-on", action="store_true", help="train the finished decoders for another round")
        command.add_argument("--steps", type=int, help=f"default: {STEPS}")
        command.add_argument("--learning-rate", type=float, help=f"default: {RATES}")
        command.add_argument("--seed", type=int, default=0)
    e = commands.add_parser("export")
    e.add_argument("names", nargs="+", choices=[*LAYERS, "adain"]), e.set_defaults(run=export)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
