"""Train the decoders of AdaIN and WCT on the lite encoder: data/weights/decoder_<name>.safetensors.

    python data/make/train_decoders.py train relu1_1 relu2_1 relu3_1 relu4_1 relu5_1 --photos F --paintings F --teacher F
    python data/make/train_decoders.py train adain --photos F --paintings F [--start DECODER] [--teacher F]
    python data/make/train_decoders.py average NAME DECODER DECODER …                             the mean of what rounds ended with
    python data/make/train_decoders.py export NAME …                                              into data/weights

WCT's decoders learn to give a picture back from its features, photographs and paintings alike, since WCT hands them features that
are neither. They are compared with the picture by pixel, by their own layer's features, and by those of the real VGG-19's first
layers (see teachers.py), which ask for sharp strokes where pixels alone ask for a blur. The one of relu1_1 is a single linear
convolution: its weights solve a linear system. Each of the others starts from the one of the layer below: all its convolutions but
the first do the same work. AdaIN's starts from the one of relu4_1 and learns to paint what AdaIN asks of it, with the real
VGG-19 in the shallow layers where its folder is given; a second round goes on from the first (--start).

Styles to learn from are paintings with changed colours and photographs. Never among them: the shipped styles and the paintings in
KEPT_OUT, on which lesson 06 tests. Runs resume from build/decoders; started with `torchrun --nproc-per-node N` they run on N
processes.
"""

import argparse
import copy
from pathlib import Path

import torch
import torch.nn.functional as F
from teachers import Spliced, real_vgg19
from torch import Tensor, nn

import nst
from nst import assets, losses
from nst.adain import LAYER, STYLE_LAYERS, AdaINLoss, adaptive_instance_norm, statistics_loss
from nst.covariance import TRANSFORMS, mean_and_covariance
from nst.decoders import LAYERS, Decoder, decoder_file
from nst.training import TrainingConfig, train
from nst.training.datasets import Batch, Crops, Pairs, picture_files

STEPS = {"relu1_1": 100, "relu2_1": 1200, "relu3_1": 2200, "relu4_1": 5700, "relu5_1": 600, "adain": 2300}
RATES = {"relu2_1": 3e-3, "relu3_1": 2e-3, "relu4_1": 1e-3, "relu5_1": 1e-3, "adain": 1e-3}
BUILD = Path("build/decoders")
KEPT_OUT = {"rose_window", "ink_mountains",  # shipped styles, and paintings
            "bamboo_forest", "candy", "contrast_of_forms", "escher_sphere", "la_muse", "rain_princess_cropped", "rain_princess",
            "seated_nude", "vg_la_cafe", "woman_with_hat_matisse"}  # fmt: skip
SHARP = ("relu1_1", "relu2_1", "relu3_1")  # of the real VGG-19


def reconstruction(decoder: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
    """1705.08086, eq. 1: the picture back, and its features; each relative to the batch's variance of what it should be. Relative
    to each picture's own, one crop of clear sky would drown the rest of the batch.
    """
    pictures, layer = batch.content, getattr(decoder, "module", decoder).layer  # several processes wrap it
    with torch.no_grad():
        features = encoder.deep(pictures, [layer])[layer]
        sharp = encoder.shallow(pictures, SHARP)
    output = decoder(features)
    found = encoder.shallow(output, SHARP)
    return {
        "pixel": losses.content_loss(output, pictures, "batch"),
        "feature": losses.content_loss(encoder.deep(output, [layer])[layer], features, "batch"),
        "sharp": sum(losses.content_loss(found[k], sharp[k], "batch") for k in SHARP) / len(SHARP),
    }


class Painting(AdaINLoss):
    """AdaIN's losses, and two more.

    correlations: which channels go together, of which means and deviations say nothing. Without it, two opposite colours come to
        stand for all the others: they, too, have the style's means and deviations.
    same: a photograph and a painting of the batch given back from features that nothing has changed, as WCT's decoders learn to
        ("identity loss", Park & Lee 2019, arXiv 1812.02342): lines stay where they are.
    What is painted is judged in the style's palette, as `adain.stylize` gives it.
    """

    def __init__(self, style_weight: float, correlations: float, same: float, match_weight: float):
        super().__init__(style_weight, match_weight=match_weight)
        self.correlations, self.same = correlations, same
        self.identity["loss"] |= {"correlations": correlations, "same": same}

    def __call__(self, decoder: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, Tensor]:
        content, styles = encoder(batch.content, [LAYER])[LAYER], encoder(batch.style, STYLE_LAYERS)
        targets = adaptive_instance_norm(content, styles[LAYER])
        output = decoder(torch.cat([targets, content[:1], styles[LAYER][1:2]]))
        output, back = output.split([len(targets), len(output) - len(targets)])
        raw, output = output, in_palette(output, batch.style)
        given, found = torch.cat([batch.content[:1], batch.style[1:2]]), encoder(output, STYLE_LAYERS)
        with torch.no_grad():
            sharp = encoder(given, SHARP)
        returned = encoder(back, SHARP)
        return {
            "match": self.match(found, styles, step),
            "content": losses.content_loss(found[LAYER], targets, "batch"),
            "style": self.style_weight * sum(statistics_loss(found[k], styles[k]) for k in STYLE_LAYERS) / len(STYLE_LAYERS),
            "correlations": self.correlations * sum(covariance_loss(found[k], styles[k]) for k in STYLE_LAYERS) / len(STYLE_LAYERS),
            "same": self.same * (losses.content_loss(back, given, "batch")
                                 + sum(losses.content_loss(returned[k], sharp[k], "batch") for k in SHARP) / len(SHARP)),
            "range": self.range_weight * (losses.range_penalty(output) + losses.range_penalty(raw)),
        }  # fmt: skip


def in_palette(output: Tensor, styles: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) with the mean and covariance of the styles' pixels. The gradient knows that the map depends on them."""
    (mean, covariance), (style_mean, style_covariance) = mean_and_covariance(output), mean_and_covariance(styles)
    noise = torch.diag(torch.tensor([1.0, 1.1, 1.2], dtype=torch.float64)) * 1e-4  # no colour is quite missing, no two are equal
    matrix = TRANSFORMS["transport"](covariance + noise, style_covariance + noise)  # (B, 3, 3)
    return (matrix @ (output.flatten(2).double() - mean) + style_mean).float().reshape(output.shape)


def covariance_loss(features: Tensor, style_features: Tensor) -> Tensor:
    """The mean square over pairs of channels of how far the covariances (B, C, C) are apart, in the style's deviations."""
    made, wanted = (torch.stack([torch.cov(f.flatten(1), correction=0) for f in both]) for both in (features, style_features))
    variance = wanted.diagonal(dim1=1, dim2=2)
    deviation = (variance + 0.05 * variance.mean(1, keepdim=True) + 1e-8).sqrt()  # a channel that hardly fires counts less
    return ((made - wanted) / (deviation[:, :, None] * deviation[:, None])).square().mean()


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
        patches = torch.cat([patches, patches.new_ones(1, patches.shape[1])])[:, step % 7 :: 7]
        normal += patches @ patches.T
        right += patches @ pictures.double().transpose(0, 1).flatten(1).T[step % 7 :: 7]
    ridge = torch.eye(size, dtype=torch.float64) * normal.diag().mean() * 1e-7  # nearly dead channels would get huge weights
    solution = torch.linalg.solve(normal + ridge, right)  # (9 C + 1, 3)
    conv.weight.copy_(solution[:-1].T.view_as(conv.weight))
    conv.bias.copy_(solution[-1])
    return decoder


def sizes(steps: int, large: float = 0.05):
    """Crops of 128 px, and of 256 px in the last twentieth of the steps, or another share."""
    return lambda step: 128 if step < (1 - large) * steps else 256


def pictures(a: argparse.Namespace, steps: int) -> tuple[Crops, Crops]:
    """Photographs to paint; and styles: paintings and shipped styles with changed colours, and every sixth a photograph."""
    photos = picture_files(a.photos)
    paintings = [path for path in picture_files(a.paintings) if path.stem not in KEPT_OUT]
    paintings += [assets.path(name) for name in assets.styles() if name not in KEPT_OUT]
    styles = paintings + photos[:: 6 * len(photos) // len(paintings)]
    size = sizes(steps, a.large)
    return Crops(photos, size, seed=a.seed), Crops(styles, size, zoom=0.4, colour=0.6, seed=a.seed + 1)


class Mixed:
    """Three photographs to each painting."""

    def __init__(self, photos: Crops, paintings: Crops):
        self.photos, self.paintings = photos, paintings

    def __call__(self, step: int, positions: range) -> Batch:
        batches = [(self.paintings if p % 4 == 3 else self.photos)(step, range(p, p + 1)) for p in positions]
        return Batch(torch.cat([b.content for b in batches]), None, [file for b in batches for file in b.files])


def begin(name: str, start: Path | None = None) -> Decoder:
    """The decoder to train: a given one, or one that starts from the finished one of the layer below where there is one."""
    if start:
        return Decoder.load(start).requires_grad_()
    layer = "relu4_1" if name == "adain" else name
    decoder = Decoder(layer)
    for conv in map(decoder.get_submodule, decoder.names):  # keeps the size of what passes through: no norm layer does
        nn.init.kaiming_normal_(conv.weight)
        nn.init.zeros_(conv.bias)
    below = layer if name == "adain" else LAYERS[max(1, LAYERS.index(name) - 1)]
    file = BUILD / below / "decoder.safetensors"
    if below != name and file.is_file():
        known = Decoder.load(file).state_dict()
        if below != layer:  # its first convolution reads features that this one makes of another layer's
            known = {k: v for k, v in known.items() if not k.startswith("conv" + below[4:])}
        decoder.load_state_dict(known, strict=False)
    return decoder


def run(a: argparse.Namespace) -> None:
    for name in a.names:
        nst.seed(a.seed)
        encoder, steps = nst.VGG19.load("lite"), a.steps or STEPS[name]
        photos, styles = pictures(a, steps)
        data = Pairs(photos, styles) if name == "adain" else Mixed(photos, styles)
        decoder, folder = begin(name, a.start), BUILD / (a.folder or name)
        facts = {"name": name, "recipe": "data/make/train_decoders.py", "seed": a.seed, "licence": "CC BY 4.0",
                 "steps": decoder.metadata.get("steps", 0) + steps}  # fmt: skip
        if name == "relu1_1":
            folder.mkdir(parents=True, exist_ok=True)
            least_squares(decoder, encoder, data, steps).save(folder / "decoder.safetensors", encoder, facts, torch.float16)
            continue
        seen = torch.cat([encoder(data(step, range(8)).content, [decoder.layer])[decoder.layer] for step in range(8)])
        whitened = Whitened(decoder, seen.detach())
        loss = Painting(a.style_weight, a.correlations, a.same, a.match) if name == "adain" else reconstruction
        rate = a.learning_rate or RATES[name]
        config = TrainingConfig(steps=steps, batch_size=a.batch_size, learning_rate=rate, hold=0.4, seed=a.seed,
                                precision=a.precision, save_every=50)  # fmt: skip

        def report(step: int, parts: dict[str, float], decoder: nn.Module, name=name) -> None:
            if step % 50 == 0:
                print(name, step, " ".join(f"{k} {v:.3f}" for k, v in parts.items()), flush=True)

        sees = Spliced(real_vgg19(a.teacher, "reflect"), encoder) if a.teacher else encoder
        sees = sees.to(memory_format=torch.channels_last)
        trace = train(whitened, sees, loss, data, config, folder, report)
        facts["losses"] = {k: round(sum(parts[k] for parts in trace[-100:]) / len(trace[-100:]), 4) for k in trace[-1]}
        weights = {k: getattr(a, k) for k in ("style_weight", "correlations", "same", "match")}
        facts |= weights if name == "adain" else {}
        whitened.plain().cpu().save(folder / "decoder.safetensors", encoder, facts, torch.float16)


def average(a: argparse.Namespace) -> None:
    encoder = nst.VGG19.load("lite")
    decoders = [Decoder.load(path, encoder) for path in a.decoders]
    states = [decoder.state_dict() for decoder in decoders]
    decoders[-1].load_state_dict({k: sum(state[k] for state in states) / len(states) for k in states[0]})
    (BUILD / a.name).mkdir(parents=True, exist_ok=True)
    decoders[-1].save(BUILD / a.name / "decoder.safetensors", encoder, {"mean_of_rounds": len(states)}, torch.float16)


def export(a: argparse.Namespace) -> None:
    encoder = nst.VGG19.load("lite")
    for name in a.names:
        Decoder.load(BUILD / name / "decoder.safetensors", encoder).save(decoder_file(name), encoder, dtype=torch.float16)
        print(f"{decoder_file(name).name}: {decoder_file(name).stat().st_size / 1e6:.2f} MB")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    t, v, e = (commands.add_parser(name) for name in ("train", "average", "export"))
    v.add_argument("name", choices=[*LAYERS, "adain"])
    v.add_argument("decoders", nargs="+", type=Path)
    v.set_defaults(run=average)
    for command in (t, e):
        command.add_argument("names", nargs="+", choices=[*LAYERS, "adain"])
    t.add_argument("--photos", type=Path, required=True)
    t.add_argument("--paintings", type=Path, required=True)
    t.add_argument("--teacher", type=Path, help="folder of the real VGG-19's first convolutions; adain can do without")
    t.add_argument("--start", type=Path, help="a decoder to go on with")
    t.add_argument("--style-weight", type=float, default=2.5, help="of AdaIN's loss")
    t.add_argument("--correlations", type=float, default=3.0, help="weight in AdaIN's loss, see Painting")
    t.add_argument("--same", type=float, default=0.4, help="weight in AdaIN's loss, see Painting")
    t.add_argument("--match", type=float, default=3.0, help="weight in AdaIN's loss, see `losses.relaxed_emd`")
    t.add_argument("--large", type=float, default=0.05, help="share of the steps, the last ones, with crops of 256 px")
    t.add_argument("--precision", default="auto", help="see nst.training.TrainingConfig")
    t.add_argument("--folder", help="below build/decoders; default: NAME")
    t.add_argument("--steps", type=int, help=f"default: {STEPS}")
    t.add_argument("--batch-size", type=int, default=8)
    t.add_argument("--learning-rate", type=float, help=f"default: {RATES}")
    t.add_argument("--seed", type=int, default=0)
    t.set_defaults(run=run)
    e.set_defaults(run=export)
    a = p.parse_args()
    if a.run is run and a.teacher is None and set(a.names) - {"adain", "relu1_1"}:
        p.error("decoders that reconstruct need --teacher")
    a.run(a)


if __name__ == "__main__":
    main()
