"""Make the lite encoder: a small VGG-19 that sees what its teachers see, channel by channel.

    python data/make/distill_encoder.py fit    --teacher FOLDER --photos FOLDER --paintings FOLDER
    python data/make/distill_encoder.py train  --teacher FOLDER --photos FOLDER --paintings FOLDER
    python data/make/distill_encoder.py export --teacher FOLDER --photos FOLDER    # -> data/weights/vgg19_lite.safetensors

Its channels are its teachers' own: those of VGG-19 up to conv3_4, those of the 16x network above (see teachers.py). What makes it
small is that a convolution of VGG-19 needs few of its 9 C x C' directions: a 3x3 convolution to a sixth or less of the channels and
a 1x1 convolution back give nearly the same maps (`nst.vgg.LowRankConv2d`; Jaderberg et al. 2014, arXiv 1405.3866).

`fit` starts it, layer by layer, with no gradient: what the layer below gives is regressed on what the teacher has there, and of the
solution the directions that explain most are kept (reduced rank regression, Izenman 1975). Each layer reads the student's own
features, so that it corrects what those below get wrong. `train` goes on with Adam, all layers at once, on the distance from the
teacher before and after each ReLU. Its pictures are photographs, paintings, blends, noise, and pictures that Gatys' method makes on
the student itself: an optimiser finds inputs that no photograph resembles, and there too the student must answer like its teachers.
It resumes from its last checkpoint in build/distill; ten minutes and an hour on one CPU core. `export` divides each layer by one
number, its mean activation over photographs, and writes the facts beside the weights.
"""

import argparse
import math
import os
import random
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from teachers import REAL_LAYERS, Teachers
from torch import Tensor, nn

from nst.images import load_image
from nst.losses import content_loss, gram_matrix, style_loss
from nst.vgg import CONVOLUTIONS, LITE_RANKS, VGG19, WIDTHS, LowRankConv2d, mean_activations, rescale_activations

RELUS = ["relu" + name[4:] for name in CONVOLUTIONS]
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
# The weight of each layer: what Gatys' method reads counts most, the others keep the path open.
WEIGHTS = {**dict.fromkeys(RELUS, 0.3), **dict.fromkeys(STYLE_LAYERS, 1.0), "relu4_2": 1.0}
BEFORE, GRAM = 0.3, 0.1  # weights of the distance before the ReLU and of the Gram matrices', beside 1 for the distance after it
SIZE, BATCH = 128, 6
STRIDES = {"1": 7, "2": 3, "3": 1, "4": 1, "5": 1}  # per block: a regression takes every so many positions down and across
CHECKPOINT = Path("build/distill/checkpoint.pt")
WEIGHTS_FILE = Path(__file__).resolve().parents[1] / "weights" / "vgg19_lite.safetensors"


def read_folder(folder: Path, short_side: int = 256) -> list[Tensor]:
    """Every picture of a folder as uint8 (3, H, W), in the order of the names."""
    return [(load_image(path, short_side)[0] * 255).round().to(torch.uint8) for path in sorted(Path(folder).glob("*.jpg"))]


class Pictures:
    """Training pictures (3, SIZE, SIZE) in [0, 1]: photographs, paintings, blends of both, noise, and what Gatys' method made."""

    def __init__(self, photos: list[Tensor], paintings: list[Tensor], rng: random.Random):
        self.photos, self.paintings, self.rng, self.made = photos, paintings, rng, []

    def crop(self, pictures: list[Tensor]) -> Tensor:
        picture = self.rng.choice(pictures)
        side = min(round(SIZE * self.rng.uniform(1, 2)), *picture.shape[1:])
        top, left = (self.rng.randint(0, n - side) for n in picture.shape[1:])
        x = picture[:, top : top + side, left : left + side].float() / 255
        x = F.interpolate(x[None], size=(SIZE, SIZE), mode="bilinear", antialias=True)[0]
        return x.flip(-1) if self.rng.random() < 0.5 else x

    def noise(self) -> Tensor:
        """Noise of a random grain and contrast around a random colour."""
        n = max(2, round(SIZE / 2 ** self.rng.uniform(0, 5)))
        grain = F.interpolate(torch.randn(1, 3, n, n), size=(SIZE, SIZE), mode="bicubic")[0]
        return (torch.rand(3, 1, 1) + self.rng.uniform(0.02, 0.5) * grain).clamp(0, 1)

    def jitter(self, x: Tensor) -> Tensor:
        """Another contrast, brightness and saturation; sometimes other colours altogether."""
        if self.rng.random() < 0.15:
            x = x[torch.randperm(3)]
        grey = x.mean(0, keepdim=True)
        x = grey + (x - grey) * self.rng.uniform(0.3, 1.6)
        x = (x - x.mean()) * self.rng.uniform(0.5, 1.5) + x.mean() + self.rng.uniform(-0.15, 0.15)
        return x.clamp(0, 1)

    def one(self) -> Tensor:
        kind = self.rng.random()
        if self.made and kind < 0.3:
            return self.rng.choice(self.made).float() / 255
        kind = self.rng.random()
        if kind < 0.55:
            x = self.crop(self.photos)
        elif kind < 0.82:
            x = self.crop(self.paintings)
        elif kind < 0.92:
            x = torch.lerp(self.crop(self.photos), self.crop(self.paintings), self.rng.uniform(0.2, 0.8))
        elif kind < 0.96:
            x = (self.crop(self.photos) + self.rng.uniform(0.02, 0.3) * torch.randn(3, SIZE, SIZE)).clamp(0, 1)
        else:
            return self.noise()
        return self.jitter(x) if self.rng.random() < 0.4 else x

    def batch(self, size: int = BATCH) -> Tensor:
        return torch.stack([self.one() for _ in range(size)]).contiguous(memory_format=torch.channels_last)


def paint_like_gatys(student: VGG19, pictures: Pictures, steps: int = 40) -> None:
    """Optimise a batch of pictures on the student and keep what it passed through as training pictures."""
    content = torch.stack([pictures.crop(pictures.photos) for _ in range(BATCH)])
    style = torch.stack([pictures.crop(pictures.paintings) for _ in range(BATCH)])
    weights = [10 ** pictures.rng.uniform(-0.5, 1.5) for _ in range(BATCH)]
    start = [c if pictures.rng.random() < 0.6 else torch.rand_like(c) for c in content]
    x = torch.stack(start).contiguous(memory_format=torch.channels_last).requires_grad_()
    layers = (*STYLE_LAYERS, "relu4_2")

    def see(pictures: Tensor) -> dict[str, Tensor]:
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return {k: f.float() for k, f in student(pictures, layers).items()}

    with torch.no_grad():
        goal = see(content)["relu4_2"]
        grams = {k: gram_matrix(f) for k, f in see(style).items()}
    optimizer = torch.optim.Adam([x], lr=0.04)
    for step in range(1, steps + 1):
        found = see(x)
        made = {k: gram_matrix(found[k]) for k in STYLE_LAYERS}
        loss = sum(
            content_loss(found["relu4_2"][i : i + 1], goal[i : i + 1])
            + weight * sum(style_loss(made[k][i : i + 1], grams[k][i : i + 1]) for k in STYLE_LAYERS)
            for i, weight in enumerate(weights)
        )
        x.grad = torch.autograd.grad(loss, x)[0]
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        if step in (5, 15, steps):
            pictures.made += list((x.detach() * 255).round().to(torch.uint8).contiguous())
    pictures.made = pictures.made[-600:]


# --- fit: reduced rank regression, from the input up --------------------------------------------------------------------------


def moments(x: Tensor, goals: list[Tensor], stride: int) -> tuple[Tensor, Tensor]:
    """Sums over sampled positions of p p^T and p y^T in float64; p: 9 C values around a position of x (N, C, H, W) and a one."""
    rows = 9 * x.shape[1] + 1
    squares, products = torch.zeros(rows, rows, dtype=torch.float64), None
    for i, goal in enumerate(goals):  # a picture at a time
        top, left = i % stride, (2 * i + 1) % stride
        around = F.pad(x[i : i + 1], (1, 1, 1, 1), mode="reflect").unfold(2, 3, 1).unfold(3, 3, 1)  # (1, C, H, W, 3, 3)
        p = around[0, :, top::stride, left::stride].permute(1, 2, 0, 3, 4).flatten(2).flatten(0, 1).double()  # (M, 9 C)
        p = torch.cat([p, torch.ones(len(p), 1, dtype=torch.float64)], 1)
        y = goal[:, top::stride, left::stride].flatten(1).T.double()  # (M, C')
        squares += p.T @ p
        products = p.T @ y if products is None else products + p.T @ y
    return squares, products


def regress(conv: nn.Module, squares: Tensor, products: Tensor) -> None:
    """Give a convolution, plain or of low rank, the weights that `moments` ask for."""
    ridge = torch.eye(len(squares), dtype=torch.float64) * squares.diag().mean() * 1e-6
    solution = torch.linalg.solve(squares + ridge, products)  # (9 C + 1, C')
    if not isinstance(conv, LowRankConv2d):
        conv.weight.copy_(solution[:-1].T.reshape(conv.weight.shape))
        conv.bias.copy_(solution[-1])
        return
    count, mean = squares[-1, -1], squares[-1, :-1] / squares[-1, -1]
    covariance = squares[:-1, :-1] - count * torch.outer(mean, mean)
    _, directions = torch.linalg.eigh(solution[:-1].T @ covariance @ solution[:-1])
    kept = directions[:, -conv[0].out_channels :]  # (C', rank): where what the regression explains varies most
    conv[0].weight.copy_((solution[:-1] @ kept).T.reshape(conv[0].weight.shape))
    conv[1].weight.copy_(kept[:, :, None, None])
    conv[1].bias.copy_(products[-1] / count - mean @ solution[:-1] @ kept @ kept.T)


@torch.no_grad()
def fit(a: argparse.Namespace) -> None:
    torch.manual_seed(a.seed)
    pictures = Pictures(read_folder(a.photos), read_folder(a.paintings), random.Random(a.seed))
    teachers, student = Teachers(a.teacher), VGG19(WIDTHS["lite"], "reflect", ranks=LITE_RANKS).requires_grad_(False)
    x = pictures.batch(a.pictures).contiguous()
    goals = {name: [] for name in CONVOLUTIONS}
    for picture in x.split(8):
        for name, found in teachers(picture, CONVOLUTIONS).items():
            goals[name] += list(found.half() if found.abs().max() < 6e4 else found)  # memory
    scales = {}
    x = (x - student.mean) / student.std
    for name in CONVOLUTIONS:
        x = F.max_pool2d(x, 2) if name.endswith("_1") and name != "conv1_1" else x
        goal = [f.float() for f in goals.pop(name)]
        scales[name] = math.sqrt(sum(f.relu().square().mean() for f in goal) / len(goal))  # raw activations run into the hundreds
        goal = [f / scales[name] for f in goal]
        conv = student.get_submodule(name)
        regress(conv, *moments(x, goal, STRIDES[name[4]]))
        x = torch.cat([conv(part).relu() for part in x.split(8)])
        kept = 1 - sum((f - g.relu()).square().sum() for f, g in zip(x, goal)) / sum(
            (g.relu() - g.relu().mean((1, 2), keepdim=True)).square().sum() for g in goal
        )
        print(f"{name}: keeps {kept:.3f}", flush=True)
    save_checkpoint({"student": student.state_dict(), "scales": scales, "step": 0, "made": torch.zeros(0, 3, SIZE, SIZE).byte()})


# --- train: all layers at once -------------------------------------------------------------------------------------------------


def distances(student: VGG19, teachers: Teachers, x: Tensor, scales: dict[str, float]) -> dict[str, Tensor]:
    """Per layer, how far the student is from its teacher: relative to the teacher's variance over the batch."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        with torch.no_grad():
            goals = teachers(x, CONVOLUTIONS)
        found = student(x, CONVOLUTIONS)
    lost = {}
    for name in CONVOLUTIONS:
        goal, guess = goals[name].float() / scales[name], found[name].float()
        lost["relu" + name[4:]] = content_loss(guess.relu(), goal.relu(), "batch") + BEFORE * content_loss(guess, goal, "batch")
        if "relu" + name[4:] in STYLE_LAYERS:
            lost["relu" + name[4:]] += GRAM * style_loss(gram_matrix(guess.relu()), gram_matrix(goal.relu()))
    return lost


def save_checkpoint(state: dict) -> None:
    CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, CHECKPOINT.with_suffix(".tmp"))
    os.replace(CHECKPOINT.with_suffix(".tmp"), CHECKPOINT)


def train(a: argparse.Namespace) -> None:
    saved = torch.load(CHECKPOINT, weights_only=True)
    start, scales = saved["step"], saved["scales"]
    torch.manual_seed(a.seed + start)
    pictures = Pictures(read_folder(a.photos), read_folder(a.paintings), random.Random(f"{a.seed} {start}"))
    pictures.made = list(saved["made"])
    student = VGG19(WIDTHS["lite"], "reflect", ranks=LITE_RANKS)
    student.load_state_dict(saved["student"])
    student, teachers = (net.to(memory_format=torch.channels_last) for net in (student, Teachers(a.teacher)))
    optimizer = torch.optim.Adam(student.parameters(), betas=(0.9, 0.99))
    if "optimizer" in saved:
        optimizer.load_state_dict(saved["optimizer"])
    began, mean = time.time(), {}
    for step in range(start, a.steps):
        if step % 80 == 79:
            student.requires_grad_(False)
            paint_like_gatys(student, pictures)
            student.requires_grad_(True)
        for group in optimizer.param_groups:
            group["lr"] = a.learning_rate * min(1, (step + 1) / 100) * 0.5 * (1 + math.cos(math.pi * step / a.steps))
        lost = distances(student, teachers, pictures.batch(), scales)
        total = sum(WEIGHTS[k] * v for k, v in lost.items())
        if not torch.isfinite(total):
            raise SystemExit(f"the loss is not finite; the last good state is in {CHECKPOINT}")
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 1.0)
        optimizer.step()
        mean = {k: 0.98 * mean.get(k, v.item()) + 0.02 * v.item() for k, v in lost.items()}
        if (step + 1) % 50 == 0:
            shown = "  ".join(f"{k[4:]} {v:.3f}" for k, v in mean.items())
            print(f"{step + 1}/{a.steps}  {(time.time() - began) / (step + 1 - start):.2f} s/step  {shown}", flush=True)
        if (step + 1) % 100 == 0 or step + 1 == a.steps:
            made = torch.stack(pictures.made) if pictures.made else saved["made"]
            state = {"student": student.state_dict(), "optimizer": optimizer.state_dict()}
            save_checkpoint({**state, "scales": scales, "step": step + 1, "made": made})


# --- export --------------------------------------------------------------------------------------------------------------------


def export(a: argparse.Namespace) -> None:
    saved = torch.load(CHECKPOINT, weights_only=True)
    student = VGG19(WIDTHS["lite"], "reflect", ranks=LITE_RANKS).requires_grad_(False)
    student.load_state_dict(saved["student"])
    photos = [photo[None].float() / 255 for photo in read_folder(a.photos)[::8]]
    means = {k: m.mean() for k, m in mean_activations(student.eval(), photos, RELUS).items()}
    rescale_activations(student, {k: m.expand(student.get_submodule("conv" + k[4:]).out_channels) for k, m in means.items()})
    scale = {k: round(float(saved["scales"]["conv" + k[4:]] * m), 4) for k, m in means.items()}
    student.save(WEIGHTS_FILE, {
        "name": "VGG-19 lite", "recipe": "data/make/distill_encoder.py", "steps": saved["step"], "seed": a.seed,
        "derived_from": "VGG-19 (Oxford VGG, CC BY 4.0); 16x VGG-19 of Collaborative Distillation (MIT)", "licence": "CC BY 4.0",
        "teacher_scale": scale,  # the student's features times this number are its teacher's
        "teacher": {k: "VGG-19" if k in REAL_LAYERS else "16x VGG-19" for k in RELUS},
    }, torch.float16)  # fmt: skip
    print(f"{WEIGHTS_FILE.name}: {WEIGHTS_FILE.stat().st_size / 1e6:.2f} MB after {saved['step']} steps")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    for name, run in {"fit": fit, "train": train, "export": export}.items():
        command = commands.add_parser(name)
        command.add_argument("--teacher", type=Path, required=True)
        command.add_argument("--photos", type=Path, required=True)
        command.add_argument("--seed", type=int, default=0)
        command.set_defaults(run=run)
        if run is not export:
            command.add_argument("--paintings", type=Path, required=True)
        if run is fit:
            command.add_argument("--pictures", type=int, default=200)
        if run is train:
            command.add_argument("--steps", type=int, default=3000)
            command.add_argument("--learning-rate", type=float, default=1e-3)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
