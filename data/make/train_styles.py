"""Train the networks that paint one style each: data/weights/style_<name>.safetensors.

    python data/make/train_styles.py round STYLE … --photos FOLDER --teacher FOLDER [--start NETWORK] [--style-weight W]
    python data/make/train_styles.py average STYLE NETWORK NETWORK …       the mean of what several rounds ended with
    python data/make/train_styles.py weak NETWORK … --photos FOLDER        its weights at strength 0
    python data/make/train_styles.py soften NETWORK 0.95                   full strength becomes 0.95 of it
    python data/make/train_styles.py export STYLE NETWORK                  into data/weights

Every network is half as wide as the article's. It learns on the real VGG-19 up to relu3_2 (see teachers.py), where a smaller
encoder has gaps that a network finds and fills with a grain, and on the lite encoder above.

A style is learned in rounds. A round starts from the style's own network, or from another's (Dumoulin et al. 2017, arXiv
1610.07629: most of what a network knows is how to take a photograph apart and put it together again, whatever the style), or from
random weights, which take ten times the steps. A style is judged by eye on photographs that no round has seen: rounds with more and
with less style are laid side by side. The mean of the weights of two rounds can be better than a round in between (averages of one
training's weights: Izmailov et al. 2018, arXiv 1803.05407). The last round is short and matches places (see MATCH). Its mean with
the network that it started from keeps faces, takes dark blotches away, and loses little of what was learned.
Last, a second set of weights of the norm layers and of the six outer blocks learns to give the photograph back (`weak`): between
those weights and the style's own lies every strength. The residual blocks' convolutions, nine tenths of the network, are shared.
Runs resume from build/styles; started with `torchrun --nproc-per-node N` they run on N processes.
"""

import argparse
from pathlib import Path

import torch
from teachers import Spliced, real_vgg19

import nst
from nst import assets
from nst.losses import content_loss
from nst.training import TrainingConfig, train
from nst.training.datasets import Batch, Crops, picture_files
from nst.training.perceptual import PerceptualConfig, PerceptualLoss
from nst.transformer_net import TransformerNet, shipped_styles, style_file

WIDTH = 16
BUILD = Path("build/styles")
CONTENT_LAYERS = ("relu3_2", "relu4_2")  # with relu3_2 beside it a face stays a face under four times the style
# Weights of style and total variation, chosen by eye: where lines and dots are the style, smoothness would take them away; where
# strokes are broad, it keeps the network from faking them with a fine grain.
WEIGHTS = {"night_orchard": (24.0, 1.0), "rose_window": (16.0, 1.0), "harbour_woodblock": (12.0, 0.3), "cut_paper": (18.0, 1.0),
           "garden_points": (12.0, 0.2), "ink_mountains": (14.0, 0.5), "halftone_city": (14.0, 0.2),
           "mosaic_peacock": (12.0, 0.2)}  # fmt: skip
# Weights of places that match (`losses.relaxed_emd`) and of the content in the last round: matching fills skies and other empty
# walls with the style's own strokes; too much of it, and a face is painted over.
MATCH = {"night_orchard": (10.0, 1.0), "rose_window": (5.0, 1.2), "harbour_woodblock": (6.0, 1.2), "cut_paper": (5.0, 1.4),
         "garden_points": (6.0, 1.2), "ink_mountains": (6.0, 1.2), "halftone_city": (6.0, 1.2),
         "mosaic_peacock": (5.0, 1.4)}  # fmt: skip
# The middle share of a painting that is looked at, all of it where none is named: a part, brought to the same size, has larger
# dots and tesserae, and no frame.
OUTER = ("0", "1", "2", "8", "9", "10")  # the blocks before and after the residual ones: strength 0 has its own
PARTS = {"mosaic_peacock": 0.7, "garden_points": 0.7, "halftone_city": 0.8}


def sizes(steps: int):
    """Crops of 128 px, and of 256 px in the last tenth of the steps."""
    return lambda step: 128 if step < 0.9 * steps else 256


def painting(name: str) -> torch.Tensor:
    """A style picture, or the middle of it (see PARTS): (1, 3, H, W)."""
    whole, part = assets.picture(name), PARTS.get(name, 1.0)
    height, width = (round(part * side) for side in whole.shape[-2:])
    top, left = (whole.shape[-2] - height) // 2, (whole.shape[-1] - width) // 2
    return whole[..., top : top + height, left : left + width]


def samples(net: TransformerNet, path: Path) -> None:
    """Three photographs as the network paints them now."""
    photos = [assets.picture(name, 256)[..., :256, :256] for name in ("chelsea", "astronaut", "coffee")]
    nst.save_image(torch.cat([net.stylize(photo) for photo in photos], dim=-1), path)


def started(a: argparse.Namespace, name: str) -> TransformerNet:
    """The network that a round begins with."""
    if a.start == "random":
        return TransformerNet(WIDTH)
    return nst.load_style(a.start or (name if name in shipped_styles() else "night_orchard")).requires_grad_()


def a_round(a: argparse.Namespace) -> None:
    for name in a.styles:
        nst.seed(a.seed)
        lite = nst.VGG19.load("lite")
        encoder = Spliced(real_vgg19(a.teacher, "reflect"), lite).to(nst.device(), memory_format=torch.channels_last)
        style_weight, tv_weight = WEIGHTS[name]
        style_weight = style_weight if a.style_weight is None else a.style_weight
        match_weight, content_weight = MATCH[name]
        match_weight = match_weight if a.match_weight is None else a.match_weight
        content_weight = content_weight if a.content_weight is None else a.content_weight
        net = started(a, name)
        warmup = 0 if a.start != "random" else a.steps // 4
        recipe = PerceptualConfig.default(
            content_layers=CONTENT_LAYERS, content_weight=content_weight, style_weight=style_weight, match_weight=match_weight,
            tv_weight=tv_weight, style_warmup=warmup,
        )
        loss = PerceptualLoss(recipe, encoder, painting(name))
        crops = Crops(picture_files(a.photos), sizes(a.steps), seed=a.seed)
        config = TrainingConfig(steps=a.steps, batch_size=4, learning_rate=a.learning_rate, hold=0.5, seed=a.seed,
                                precision=a.precision, save_every=50)  # fmt: skip
        folder = BUILD / (a.folder or f"{name}_{style_weight:g}")

        def report(step: int, parts: dict[str, float], net: TransformerNet, name=name, folder=folder) -> None:
            if step % 50 == 0:
                print(name, step, " ".join(f"{k} {v:.3f}" for k, v in parts.items()), flush=True)
            if step % 250 == 0:
                samples(net.eval(), folder / f"sample_{step:05d}.png")

        earlier = net.metadata.get("steps", 0)
        train(net, encoder, loss, crops, config, folder, report)
        net.metadata = {}
        net.save(folder / "net.safetensors", {
            "style": name, "recipe": "data/make/train_styles.py", "steps": earlier + a.steps, "seed": config.seed,
            "batch_size": config.batch_size, "loss": vars(loss.config), "part": PARTS.get(name, 1.0), "licence": "CC BY 4.0",
            "encoder": "VGG-19 (Oxford VGG) to relu3_2, lite above", "encoder_sha256": lite.sha256,
        }, torch.float16)  # fmt: skip


def photograph(net: torch.nn.Module, encoder: torch.nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
    """The loss of strength 0: the distance from the photograph, by pixel and by the lite encoder's first layers."""
    output, layers = net(batch.content), ("relu1_1", "relu2_1")
    found, goal = encoder(output, layers), encoder(batch.content, layers)
    parts = {k: content_loss(found[k], goal[k].detach(), "batch") for k in layers}
    return {"pixel": content_loss(output, batch.content, "batch"), **parts}


def weak(a: argparse.Namespace) -> None:
    for file in a.networks:
        nst.seed(a.seed)
        net, encoder = nst.load_style(file), nst.VGG19.load("lite").to(nst.device())
        strong = {k: v.clone() for k, v in net.state_dict().items()}
        net.load_state_dict({**strong, **net.weak})  # what an earlier round knew of strength 0 is not far off
        for name, parameter in net.named_parameters():
            parameter.requires_grad_(".norm." in name or name.split(".")[1] in OUTER)
        crops = Crops(picture_files(a.photos), 128, seed=a.seed)
        config = TrainingConfig(steps=a.steps, batch_size=6, learning_rate=3e-3, hold=0.3, seed=a.seed)
        trace = train(net, encoder, photograph, crops, config, file.with_name("weak"))
        net.weak = {k: v.detach().clone() for k, v in net.named_parameters() if v.requires_grad}
        net.load_state_dict(strong)
        net.save(file, dtype=torch.float16)
        print(f"{file}: strength 0 leaves {sum(part['pixel'] for part in trace[-50:]) / 50:.3f} of the photographs' variance")


def soften(a: argparse.Namespace) -> None:
    """Full strength becomes a little less of it, where a face or a letter has suffered."""
    net = nst.load_style(a.network)
    strong = net.state_dict()
    net.load_state_dict({**strong, **{k: torch.lerp(weak.to(strong[k]), strong[k], a.strength) for k, weak in net.weak.items()}})
    net.save(a.network, {"softened": a.strength * net.metadata.get("softened", 1.0)}, torch.float16)


def average(a: argparse.Namespace) -> None:
    nets = [nst.load_style(path) for path in a.networks]
    states = [net.state_dict() for net in nets]
    mean = {k: sum(state[k] for state in states) / len(states) for k in states[0]}
    nets[-1].load_state_dict(mean)
    folder = BUILD / (a.folder or f"{a.style}_mean")
    folder.mkdir(parents=True, exist_ok=True)
    facts = {f"mean_of_{k}s": [net.metadata["loss"].get(k, 0.0) for net in nets] for k in ("style_weight", "match_weight")}
    nets[-1].weak = {k: sum(net.weak[k] for net in nets) / len(nets) for k in nets[-1].weak if all(k in net.weak for net in nets)}
    nets[-1].save(folder / "net.safetensors", facts, torch.float16)


def export(a: argparse.Namespace) -> None:
    nst.load_style(a.network).save(style_file(a.style), dtype=torch.float16)
    print(f"{style_file(a.style).name}: {style_file(a.style).stat().st_size / 1e6:.2f} MB")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    r = commands.add_parser("round")
    r.add_argument("styles", nargs="+", choices=assets.styles())
    r.add_argument("--photos", type=Path, required=True)
    r.add_argument("--teacher", type=Path, required=True, help="folder of the real VGG-19's first convolutions")
    r.add_argument("--start", help="a style's name, a network's file, or random; default: the style's own network")
    r.add_argument("--style-weight", type=float, help=f"default: {WEIGHTS}")
    r.add_argument("--match-weight", type=float, help=f"default: {MATCH}, match and content weight")
    r.add_argument("--content-weight", type=float)
    r.add_argument("--precision", default="auto", help="see nst.training.TrainingConfig")
    r.add_argument("--folder", help="below build/styles; default: STYLE_WEIGHT")
    r.add_argument("--steps", type=int, default=1500)
    r.add_argument("--learning-rate", type=float, default=1e-3)
    r.add_argument("--seed", type=int, default=0)
    r.set_defaults(run=a_round)
    v = commands.add_parser("average")
    v.add_argument("style", choices=assets.styles())
    v.add_argument("networks", nargs="+", type=Path)
    v.add_argument("--folder")
    v.set_defaults(run=average)
    w = commands.add_parser("weak")
    w.add_argument("networks", nargs="+", type=Path)
    w.add_argument("--photos", type=Path, required=True)
    w.add_argument("--steps", type=int, default=400)
    w.add_argument("--seed", type=int, default=0)
    w.set_defaults(run=weak)
    q = commands.add_parser("soften")
    q.add_argument("network", type=Path)
    q.add_argument("strength", type=float)
    q.set_defaults(run=soften)
    e = commands.add_parser("export")
    e.add_argument("style", choices=assets.styles())
    e.add_argument("network", type=Path)
    e.set_defaults(run=export)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
