"""Train the networks that paint one style each: data/weights/style_<name>.safetensors.

    python data/make/train_styles.py base STYLE --photos FOLDER            one style from random weights, about ten minutes
    python data/make/train_styles.py styles STYLE … --photos FOLDER        the others from it, some minutes each
    python data/make/train_styles.py more STYLE … --photos FOLDER --teacher FOLDER      another round for what has shipped
    python data/make/train_styles.py average STYLE NETWORK NETWORK …       the mean of what several rounds ended with
    python data/make/train_styles.py export STYLE …                        into data/weights

Every network is half as wide as the article's. It learns on the lite encoder; with `--teacher` (see teachers.py) on the real VGG-19
up to relu3_1, where the lite encoder has gaps that a network finds and fills with a grain, and on the lite encoder above. That
takes two to three times as long, so it is for the last round. The first one learns what all of them share: how to
take a photograph apart and put it together again. Another style starts from its weights, with the norm layers and the last block
alone for the first fifth of its steps (Dumoulin et al. 2017, arXiv 1610.07629, found that the norm layers hold most of a style).
The mean of the weights of rounds with more and with less style can be better than a round in between: for two of the four it was
(averages of one training's weights: Izmailov et al. 2018, arXiv 1803.05407).
Runs resume from build/styles; started with `torchrun --nproc-per-node N` they run on N processes.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import torch
from teachers import Spliced, real_vgg19

import nst
from nst import assets
from nst.datasets import Crops, picture_files
from nst.perceptual import PerceptualConfig, PerceptualLoss
from nst.training import TrainingConfig, train
from nst.transformer_net import TransformerNet, style_file

WIDTH = 16
BUILD = Path("build/styles")
# Weights of style and total variation, chosen by eye and by how much of the photograph is left: where lines are the style,
# smoothness would take them away; where strokes are broad, it keeps the network from faking them with a fine grain.
# Those of the four shipped styles are of their last round, with `--teacher` and so with two content layers; on the lite encoder
# alone about half as much style does.
WEIGHTS = {"night_orchard": (2.2, 3.3), "rose_window": (2.0, 5.0), "harbour_woodblock": (1.38, 0.4), "garden_points": (0.8, 0.2),
           "cut_paper": (1.0, 5.0), "ink_mountains": (1.0, 2.0), "halftone_city": (0.8, 0.2),
           "mosaic_peacock": (1.1, 0.8)}  # fmt: skip


def sizes(steps: int):
    """Crops of 128 px, and of 256 px in the last tenth of the steps."""
    return lambda step: 128 if step < 0.9 * steps else 256


def network(name: str, steps: int, loss: PerceptualLoss, encoder: torch.nn.Module, crops: Crops, config: TrainingConfig,
            net: TransformerNet, folder: Path, earlier: int = 0) -> TransformerNet:  # fmt: skip
    def report(step: int, parts: dict[str, float], net: TransformerNet) -> None:
        if step % 50 == 0:
            print(name, step, " ".join(f"{k} {v:.3f}" for k, v in parts.items()), flush=True)
        if step % 250 == 0:
            samples(net.eval(), folder / f"sample_{step:05d}.png")
            net.train()

    train(net, encoder, loss, crops, config, folder, report)
    net.save(folder / "net.safetensors", {
        "style": name, "recipe": "data/make/train_styles.py", "steps": earlier + steps, "seed": config.seed,
        "batch_size": config.batch_size, "loss": vars(loss.config), **seen_by(encoder), "licence": "CC BY 4.0",
    }, torch.float16)  # fmt: skip
    return net


def seen_by(encoder: torch.nn.Module) -> dict[str, str]:
    """The loss network, for the metadata."""
    if isinstance(encoder, Spliced):
        return {"encoder": "VGG-19 (Oxford VGG) to relu3_1, lite above", "encoder_sha256": encoder.deep.sha256}
    return {"encoder": "lite", "encoder_sha256": encoder.sha256}


def samples(net: TransformerNet, path: Path) -> None:
    """Three photographs as the network paints them now."""
    photos = [assets.picture(name, 256)[..., :256, :256] for name in ("chelsea", "astronaut", "coffee")]
    nst.save_image(torch.cat([net.stylize(photo) for photo in photos], dim=-1), path)


def prepare(a: argparse.Namespace, name: str, steps: int, **changes) -> tuple:
    nst.seed(a.seed)
    encoder = nst.VGG19.load("lite")
    if a.teacher:
        encoder, changes = Spliced(real_vgg19(a.teacher), encoder), {"content_layers": ("relu3_1", "relu4_2"), **changes}
    encoder = encoder.to(nst.device())
    config = TrainingConfig(steps=steps, batch_size=4, learning_rate=a.learning_rate, seed=a.seed, save_every=250,
                            precision="no")  # fmt: skip
    style_weight, tv_weight = WEIGHTS[name]
    recipe = PerceptualConfig.default(style_weight=style_weight, tv_weight=tv_weight, **changes)
    loss = PerceptualLoss(recipe, encoder, assets.picture(name))
    return encoder, config, loss, Crops(picture_files(a.photos), sizes(steps), seed=a.seed)


def base(a: argparse.Namespace) -> None:
    encoder, config, loss, crops = prepare(a, a.style, a.steps)
    network(a.style, a.steps, loss, encoder, crops, config, TransformerNet(WIDTH), BUILD / a.style)


def styles(a: argparse.Namespace) -> None:
    for name in a.styles:
        encoder, config, loss, crops = prepare(a, name, a.steps)
        net = TransformerNet(WIDTH)
        net.load_state_dict(nst.load_style(a.base).state_dict())
        for parameter_name, parameter in net.named_parameters():
            parameter.requires_grad_(".norm." in parameter_name or "model.10." in parameter_name)
        train(net, encoder, loss, crops, replace(config, steps=a.steps // 5, hold=1.0), BUILD / name / "head")
        network(name, a.steps, loss, encoder, crops, config, net.requires_grad_(), BUILD / name)


def more(a: argparse.Namespace) -> None:
    for name in a.styles:
        encoder, config, loss, crops = prepare(a, name, a.steps, style_warmup=0)
        net, config = nst.load_style(name).requires_grad_(), replace(config, hold=0.3)
        network(name, a.steps, loss, encoder, crops, config, net, BUILD / name, earlier=net.metadata["steps"])


def average(a: argparse.Namespace) -> None:
    nets = [nst.load_style(path) for path in a.networks]
    states = [net.state_dict() for net in nets]
    nets[-1].load_state_dict({k: sum(state[k] for state in states) / len(states) for k in states[0]})
    (BUILD / a.style).mkdir(parents=True, exist_ok=True)
    style_weights = [net.metadata["loss"]["style_weight"] for net in nets]
    nets[-1].save(BUILD / a.style / "net.safetensors", {"mean_of_style_weights": style_weights}, torch.float16)


def export(a: argparse.Namespace) -> None:
    for name in a.styles:
        net = nst.load_style(BUILD / name / "net.safetensors")
        net.save(style_file(name), dtype=torch.float16)
        print(f"{style_file(name).name}: {style_file(name).stat().st_size / 1e6:.2f} MB")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    b = commands.add_parser("base")
    b.add_argument("style", choices=assets.styles()), b.add_argument("--steps", type=int, default=3000)
    b.add_argument("--learning-rate", type=float, default=1e-3), b.set_defaults(run=base)
    s = commands.add_parser("styles")
    s.add_argument("styles", nargs="+", choices=assets.styles()), s.add_argument("--steps", type=int, default=1200)
    s.add_argument("--base", type=Path, default=BUILD / "base" / "net.safetensors")
    s.add_argument("--learning-rate", type=float, default=1e-3), s.set_defaults(run=styles)
    m = commands.add_parser("more")
    m.add_argument("styles", nargs="+", choices=assets.styles()), m.add_argument("--steps", type=int, default=3000)
    m.add_argument("--learning-rate", type=float, default=1e-3), m.set_defaults(run=more)
    for command in (b, s, m):
        command.add_argument("--photos", type=Path, required=True), command.add_argument("--seed", type=int, default=0)
        command.add_argument("--teacher", type=Path, help="folder of the real VGG-19's first convolutions")
    v = commands.add_parser("average")
    v.add_argument("style", choices=assets.styles()), v.add_argument("networks", nargs="+", type=Path), v.set_defaults(run=average)
    e = commands.add_parser("export")
    e.add_argument("styles", nargs="+", choices=assets.styles()), e.set_defaults(run=export)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
