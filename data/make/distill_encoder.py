"""Train the lite encoder: a VGG-19 with a quarter of the channels that sees what its teachers see.

    python data/make/distill_encoder.py train --teacher FOLDER --photos FOLDER --paintings FOLDER
    python data/make/distill_encoder.py export --teacher FOLDER --photos FOLDER    # -> data/weights/vgg19_lite.safetensors

All thirteen convolutions are trained at once from random weights. Each layer of the student goes through a 1x1 convolution (its
head, dropped afterwards) to the teacher's width; there its distance to the teacher's layer and, at the five style layers, the
distance of the Gram matrices are what is minimised. Round one uses batch normalisation to get thirteen plain layers moving; it is
then folded into the convolutions. Round two goes on without it and adds pictures that Gatys' method makes on the student itself:
an optimiser finds inputs that no photograph resembles, and there too the student must answer like its teachers. Round three is
short and weights the layers by what Gatys' method reads.

`train` resumes from its last checkpoint in build/distill; it takes an hour and a quarter on two CPU cores. `export` rescales each
layer so that its mean activation over photographs, channels and positions is 1 (Gatys did so filter by filter, which in a network
this narrow lifts the noise of its weak filters) and writes the facts beside the weights. measure_encoder.py tells how much of the
teachers is left.
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
from torch.nn.utils.fusion import fuse_conv_bn_eval

from nst.images import load_image
from nst.losses import gram_matrix
from nst.vgg import CONVOLUTIONS, VGG19, WIDTHS, mean_activations, rescale_activations

# The weight of each layer in the loss: the five style layers and the content layer count most, the others keep the path open.
LAYERS = {"relu1_1": 1, "relu1_2": 0.3, "relu2_1": 1, "relu2_2": 0.3, "relu3_1": 1, "relu3_2": 0.3, "relu3_3": 0.3,
          "relu3_4": 0.3, "relu4_1": 1, "relu4_2": 1, "relu4_3": 0.3, "relu4_4": 0.3, "relu5_1": 1}  # fmt: skip
# In the last round what Gatys' method reads counts, most of all what is hardest: the wide layers of the real VGG-19, the content.
LAST_LAYERS = {**dict.fromkeys(LAYERS, 0.1), "relu1_1": 1, "relu2_1": 3, "relu3_1": 3, "relu4_1": 0.7, "relu4_2": 3, "relu5_1": 0.7}
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
GRAM_WEIGHT = 0.3
FOLD_AT, LAST_FROM = 3000, 6000  # steps at which the second and the third round begin
SIZE, BATCH = 128, 8
STRIDES = {"1": 4, "2": 2, "3": 1, "4": 1, "5": 1}  # per block
CHECKPOINT = Path("build/distill/checkpoint.pt")
WEIGHTS = Path(__file__).resolve().parents[1] / "weights" / "vgg19_lite.safetensors"


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


def gram_error(f: Tensor, target: Tensor) -> Tensor:  # relative, (B,)
    return (gram_matrix(f) - target).square().sum((1, 2)) / target.square().sum((1, 2))


def paint_like_gatys(student: VGG19, pictures: Pictures, steps: int = 40) -> None:
    """Optimise a batch of pictures on the student and keep what it passed through as training pictures."""
    content = torch.stack([pictures.crop(pictures.photos) for _ in range(BATCH)])
    style = torch.stack([pictures.crop(pictures.paintings) for _ in range(BATCH)])
    weight = torch.tensor([10 ** pictures.rng.uniform(-0.5, 1.5) for _ in range(BATCH)])
    start = [c if pictures.rng.random() < 0.6 else torch.rand_like(c) for c in content]
    x = torch.stack(start).contiguous(memory_format=torch.channels_last).requires_grad_()
    with torch.no_grad():
        goal = student(content, ["relu4_2"])["relu4_2"].float()
        grams = {k: gram_matrix(f.float()) for k, f in student(style, STYLE_LAYERS).items()}
    optimizer = torch.optim.Adam([x], lr=0.04)
    for step in range(1, steps + 1):
        found = student(x, (*STYLE_LAYERS, "relu4_2"))
        content_loss = (found["relu4_2"] - goal).square().mean((1, 2, 3)) / goal.var((1, 2, 3))
        style_loss = sum(gram_error(found[k].float(), grams[k]) for k in STYLE_LAYERS)
        x.grad = torch.autograd.grad((content_loss + weight * style_loss).sum(), x)[0]
        optimizer.step()
        with torch.no_grad():
            x.clamp_(0, 1)
        if step in (5, 15, steps):
            pictures.made += list((x.detach() * 255).round().to(torch.uint8).contiguous())
    pictures.made = pictures.made[-600:]


class Distillation(nn.Module):
    """The student, its heads and the loss against the teachers."""

    def __init__(self, teachers: Teachers):
        super().__init__()
        self.teachers = teachers
        self.student = VGG19(WIDTHS["lite"], padding="reflect")
        for name in CONVOLUTIONS:
            conv = getattr(self.student, name)
            nn.init.kaiming_normal_(conv.weight), nn.init.zeros_(conv.bias)
            setattr(self.student, name, nn.Sequential(conv, nn.BatchNorm2d(conv.out_channels)))
        self.heads = nn.ModuleDict({k: nn.Conv2d(self._width(self.student, k), self._width(self.teacher(k), k), 1) for k in LAYERS})
        self.scales: dict[str, float] = {}

    @staticmethod
    def _width(net: VGG19, layer: str) -> int:
        block = net.get_submodule("conv" + layer[4:])
        return (block[0] if isinstance(block, nn.Sequential) else block).out_channels

    def teacher(self, layer: str) -> VGG19:
        return self.teachers.shallow if layer in REAL_LAYERS else self.teachers.deep

    def trained(self) -> dict:
        return {"student": self.student.state_dict(), "heads": self.heads.state_dict(), "scales": self.scales}

    @torch.no_grad()
    def measure_scales(self, x: Tensor) -> None:
        """The standard deviation of each teacher layer: raw activations run into the hundreds, heads would never catch up."""
        found = self.teachers(x, list(LAYERS))
        self.scales = {k: float(f.var((0, 2, 3)).mean().sqrt()) for k, f in found.items()}

    def fold_batch_norm(self) -> None:
        for name in CONVOLUTIONS:
            conv, norm = getattr(self.student, name)
            setattr(self.student, name, fuse_conv_bn_eval(conv.eval(), norm.eval()).train().requires_grad_())

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Loss per layer. A picture whose features vary a lot (noise) weighs no more than a photograph."""
        with torch.autocast("cpu", dtype=torch.bfloat16):
            with torch.no_grad():
                goals = self.teachers(x, list(LAYERS))
            found = self.student(x, list(LAYERS))
        losses = {}
        for k in LAYERS:
            stride = STRIDES[k[4]]  # a sample of the positions of the large maps is enough
            grid = (..., slice(random.randrange(stride), None, stride), slice(random.randrange(stride), None, stride))
            goal = goals[k][grid].float() / self.scales[k]
            guess = self.heads[k](found[k][grid].float())
            spread = goal.var((2, 3)).mean(1)  # (B,), 1 on average
            losses[k] = ((guess - goal).square().mean((1, 2, 3)) / (0.5 + 0.5 * spread)).mean()
            if k in STYLE_LAYERS:
                losses[k] = losses[k] + GRAM_WEIGHT * gram_error(guess, gram_matrix(goal)).mean()
        return losses


def learning_rate(step: int, steps: int) -> float:
    """Half a cosine over the first two rounds and one over the last, each round warmed up."""
    warm = min(1, (step + 1) / 100, (step - FOLD_AT + 1) / 200 if step >= FOLD_AT else 1)
    if step < LAST_FROM:
        return 2e-3 * warm * 0.5 * (1 + math.cos(math.pi * step / LAST_FROM))
    warm = min(1, (step - LAST_FROM + 1) / 50)
    return 1e-3 * warm * 0.5 * (1 + math.cos(math.pi * (step - LAST_FROM) / (steps - LAST_FROM)))


def save_checkpoint(state: dict) -> None:
    CHECKPOINT.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, CHECKPOINT.with_suffix(".tmp"))
    os.replace(CHECKPOINT.with_suffix(".tmp"), CHECKPOINT)


def begin_or_resume(a: argparse.Namespace) -> tuple[Distillation, Pictures, int, dict | None]:
    """Model, pictures, the step to go on with, and the state of the optimiser there."""
    torch.manual_seed(a.seed)
    pictures = Pictures(read_folder(a.photos), read_folder(a.paintings), random.Random(a.seed))
    model = Distillation(Teachers(a.teacher))
    if not CHECKPOINT.exists():
        model.measure_scales(pictures.batch(64))
        return model.to(memory_format=torch.channels_last), pictures, 0, None
    saved = torch.load(CHECKPOINT, weights_only=True)
    step, model.scales, pictures.made = saved["step"], saved["scales"], list(saved["made"])
    if step > FOLD_AT:
        model.fold_batch_norm()
    model.student.load_state_dict(saved["student"])
    model.heads.load_state_dict(saved["heads"])
    pictures.rng.seed(a.seed + step)
    torch.manual_seed(a.seed + step)
    return model.to(memory_format=torch.channels_last), pictures, step, saved["optimizer"] if step != FOLD_AT else None


def update(model: Distillation, optimizer: torch.optim.Optimizer, batch: Tensor, weights: dict[str, float]) -> dict[str, float]:
    """One step of the optimiser; the loss of each layer."""
    losses = model(batch)
    total = sum(weights[k] * v for k, v in losses.items())
    if not torch.isfinite(total):
        raise SystemExit(f"the loss is not finite; the last good state is in {CHECKPOINT}")
    optimizer.zero_grad()
    total.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return {k: v.item() for k, v in losses.items()}


def train(a: argparse.Namespace) -> None:
    model, pictures, start, optimizer_state = begin_or_resume(a)
    optimizer, began, mean = None, time.time(), {}
    for step in range(start, a.steps):
        if step == FOLD_AT:
            model.fold_batch_norm()
        if step == FOLD_AT or optimizer is None:
            optimizer = torch.optim.Adam([*model.student.parameters(), *model.heads.parameters()], betas=(0.9, 0.99))
            if step == start and optimizer_state:
                optimizer.load_state_dict(optimizer_state)
        if step >= FOLD_AT and step % 80 == 0:
            model.student.eval().requires_grad_(False)
            paint_like_gatys(model.student, pictures)
            model.student.train().requires_grad_(True)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, a.steps)
        losses = update(model, optimizer, pictures.batch(), LAYERS if step < LAST_FROM else LAST_LAYERS)
        mean = {k: 0.98 * mean.get(k, v) + 0.02 * v for k, v in losses.items()}
        if (step + 1) % 100 == 0:
            shown = "  ".join(f"{k[4:]} {v:.3f}" for k, v in mean.items())
            print(f"{step + 1}/{a.steps}  {(time.time() - began) / (step + 1 - start):.2f} s/step  {shown}", flush=True)
        if (step + 1) % 250 == 0 or step + 1 == a.steps:
            made = torch.stack(pictures.made) if pictures.made else torch.zeros(0, 3, SIZE, SIZE, dtype=torch.uint8)
            save_checkpoint({**model.trained(), "step": step + 1, "optimizer": optimizer.state_dict(), "made": made})


def export(a: argparse.Namespace) -> None:
    saved = torch.load(CHECKPOINT, weights_only=True)
    student = VGG19(WIDTHS["lite"], padding="reflect")
    student.load_state_dict(saved["student"])
    photos, relus = read_folder(a.photos)[::8], ["relu" + name[4:] for name in CONVOLUTIONS]
    photos = [photo[None].float() / 255 for photo in photos]
    means = mean_activations(student.eval(), photos, relus)
    rescale_activations(student, {k: m.mean().expand_as(m) for k, m in means.items()})
    teachers = mean_activations(Teachers(a.teacher), photos[::4], relus)
    student.save(WEIGHTS, {
        "name": "VGG-19 lite", "recipe": "data/make/distill_encoder.py", "steps": saved["step"], "seed": a.seed,
        "derived_from": "VGG-19 (Oxford VGG, CC BY 4.0); 16x VGG-19 of Collaborative Distillation (MIT)", "licence": "CC BY 4.0",
        "teacher_scale": {k: round(float(m.mean()), 4) for k, m in teachers.items()},
        "teacher": {k: "VGG-19" if k in REAL_LAYERS else "16x VGG-19" for k in relus},
    }, torch.float16)  # fmt: skip
    print(f"{WEIGHTS.name}: {WEIGHTS.stat().st_size / 1e6:.2f} MB after {saved['step']} steps")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    t = commands.add_parser("train")
    t.add_argument("--teacher", type=Path, required=True), t.add_argument("--photos", type=Path, required=True)
    t.add_argument("--paintings", type=Path, required=True)
    t.add_argument("--steps", type=int, default=7400), t.add_argument("--seed", type=int, default=0)
    t.set_defaults(run=train)
    e = commands.add_parser("export")
    e.add_argument("--teacher", type=Path, required=True), e.add_argument("--photos", type=Path, required=True)
    e.add_argument("--seed", type=int, default=0), e.set_defaults(run=export)
    a = p.parse_args()
    a.run(a)


if __name__ == "__main__":
    main()
