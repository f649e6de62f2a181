"""Train the decoders of AdaIN and WCT on the lite encoder: data/weights/decoder_<name>.safetensors.

    python data/make/train_decoders.py reconstruct [LAYER …] --photos FOLDER --paintings FOLDER   relu1_1 … relu5_1, for WCT
    python data/make/train_decoders.py adain --photos FOLDER --paintings FOLDER                   relu4_1, with AdaIN's losses
    python data/make/train_decoders.py export NAME …                                              into data/weights

WCT's decoders learn to give a picture back from its features, photographs and paintings alike, since WCT hands them features that
are neither. AdaIN's decoder starts from the one of relu4_1 and learns to paint what AdaIN asks of it. Runs resume from
build/decoders; started with `torchrun --nproc-per-node N` they run on N processes.
"""

import argparse
import os
from pathlib import Path

import torch
from torch import Tensor, nn

import nst
from nst import assets, losses
from nst.adain import AdaINLoss
from nst.datasets import Batch, Crops, Pairs, picture_files
from nst.decoders import LAYERS, Decoder, decoder_file
from nst.training import TrainingConfig, train

STEPS = {"relu1_1": 500, "relu2_1": 1000, "relu3_1": 1500, "relu4_1": 2500, "relu5_1": 3000, "adain": 3000}
BUILD = Path("build/decoders")


def reconstruction(decoder: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
    """1705.08086, eq. 1: the picture back, and its features; each part relative to the variance of what it should be."""
    pictures, layer = batch.content, decoder_layer(decoder)
    features = encoder(pictures, [layer])[layer]
    output = decoder(features)
    return {"pixel": losses.content_loss(output, pictures),
            "feature": losses.content_loss(encoder(output, [layer])[layer], features)}  # fmt: skip


def decoder_layer(decoder: nn.Module) -> str:
    return getattr(decoder, "module", decoder).layer  # several processes wrap it


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
    encoder = nst.VGG19.load("lite").to(nst.device())
    steps, earlier = a.steps or STEPS[name], decoder.metadata if decoder.metadata.get("name") == name else {}
    config = TrainingConfig(steps=steps, batch_size=8, learning_rate=a.learning_rate, hold=0.3, seed=a.seed)

    def report(step: int, parts: dict[str, float], decoder: nn.Module) -> None:
        if step % 100 == 0:
            print(name, step, " ".join(f"{k} {v:.3f}" for k, v in parts.items()), flush=True)

    trace = train(decoder, encoder, loss, data, config, BUILD / name, report)
    last = {k: round(sum(parts[k] for parts in trace[-100:]) / len(trace[-100:]), 4) for k in trace[-1]}
    decoder.save(BUILD / name / "decoder.safetensors", encoder, {
        "name": name, "recipe": "data/make/train_decoders.py", "seed": a.seed, "losses": last,
        "steps": earlier.get("steps", 0) + steps, "rounds": earlier.get("rounds", 0) + 1,
        "encoder": "lite", "licence": "CC BY 4.0",
    }, torch.float16)  # fmt: skip


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
    rounds = decoder.metadata.get("rounds", 1)
    os.replace(started.parent, started.parent.with_name(f"{started.parent.name}_round_{rounds}"))
    return decoder, seed + 100 * rounds


def adain(a: argparse.Namespace) -> None:
    nst.seed(a.seed)
    started = BUILD / "adain" / "decoder.safetensors"
    if a.go_on and started.is_file():
        decoder, a.seed = another_round(started, a.seed)
    else:
        decoder = Decoder.load(BUILD / "relu4_1" / "decoder.safetensors").requires_grad_()
    fit("adain", decoder, AdaINLoss(a.style_weight), Pairs(*pictures(a)), a)


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
    d.add_argument("--style-weight", type=float, default=10.0), d.set_defaults(run=adain)
    for command in (r, d):
        command.add_argument("--photos", type=Path, required=True), command.add_argument("--paintings", type=Path, required=True)
        command.add_argument("--go-on", action="store_true", help="train the finished decoders for another round")
        command.add_argument("--steps", type=int, help=f"default: {STEPS}")
        command.add_argument("--learning-rate", type=float, default=2e-3), command.add_argument("--seed", type=int, default=0)
    e = commands.add_parser("export")
    e.add_argument("names", nargs="+", choices=[*LAYERS, "adain"]), e.set_defaults(run=export)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
