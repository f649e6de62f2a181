"""Wrong answers to the exercises of lesson 05."""

import random

import torch
from torch import nn
from wrong import predictions, wrong

from nst.teaching import checks


def steps(x):
    return x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1]


def shifted_in_place(x):
    x[..., 1:] -= x[..., :-1].clone()
    return x[..., 1:].square().mean()


wrong(checks.total_variation, {
    "a sum, not a mean": lambda x: sum(d.square().sum() for d in steps(x)),
    "only the differences across": lambda x: steps(x)[1].square().mean(),
    "only the differences down": lambda x: steps(x)[0].square().mean(),
    "absolute differences": lambda x: sum(d.abs().mean() for d in steps(x)),
    "wraps round": lambda x: (x - x.roll(1, 2)).square().mean() + (x - x.roll(1, 3)).square().mean(),
    "mean of both together": lambda x: torch.cat([d.flatten() for d in steps(x)]).square().mean(),
    "carries no gradient": lambda x: sum(d.square().mean().item() for d in steps(x)),
    "in place": shifted_in_place,
})  # fmt: skip


def round_of(order):
    """A training step that does these things in this order."""

    def step(net, optimizer, loss_of, photos):
        loss = loss_of(net(photos), photos)
        for thing in order:
            {"zero": optimizer.zero_grad, "backward": loss.backward, "step": optimizer.step}[thing]()
        return loss.item()

    return step


def step_first(net, optimizer, loss_of, photos):
    optimizer.step()
    optimizer.zero_grad()
    loss = loss_of(net(photos), photos)
    loss.backward()
    return loss.item()


def with_its_graph(net, optimizer, loss_of, photos):
    optimizer.zero_grad()
    loss = loss_of(net(photos), photos)
    loss.backward()
    optimizer.step()
    return loss


def looks_afterwards(net, optimizer, loss_of, photos):
    with_its_graph(net, optimizer, loss_of, photos)
    return loss_of(net(photos), photos).item()


wrong(checks.training_step, {
    "add up": round_of(["backward", "step"]),
    "weights have not changed": round_of(["zero", "backward"]),
    "before backward()": step_first,
    "it must come after it": round_of(["step", "zero", "backward"]),
    "second zero_grad": round_of(["backward", "zero", "step"]),
    "with its graph": with_its_graph,
    "the loss after the step": looks_afterwards,
})  # fmt: skip


def corner(make, extra=1):
    """A crop from a generator that `make(seed, step, position)` gives."""

    def crop(seed, step, position, height, width, size):
        generator = make(seed, step, position)
        return generator.randrange(height - size + extra), generator.randrange(width - size + extra)

    return crop


def reseeds(seed, step, position):
    random.seed(f"{seed} {step} {position}")
    return random


wrong(checks.crop_corner, {
    "global random state": corner(reseeds),
    "position is not used": corner(lambda seed, step, position: random.Random(f"{seed} {step}")),
    "step is not used": corner(lambda seed, step, position: random.Random(f"{seed} {position}")),
    "seed is not used": corner(lambda seed, step, position: random.Random(f"{step} {position}")),
    "seed + step": corner(lambda seed, step, position: random.Random(f"{seed + step} {position}")),
    "step + position": corner(lambda seed, step, position: random.Random(f"{seed} {step + position}")),
    "as large as the picture itself|never reached": corner(lambda *n: random.Random(str(n)), extra=0),
    "beyond the picture": corner(lambda *n: random.Random(str(n)), extra=2),
    "second time": corner(lambda *n: random.SystemRandom()),
})  # fmt: skip


def reached(trace, loss):
    return next((n for n, value in enumerate(trace) if value <= loss), float("inf"))


wrong(checks.fair_speedup, {
    "all evaluations are counted": lambda trace, e, loss, p: len(trace) * e / p,
    "one evaluation too few": lambda trace, e, loss, p: reached(trace, loss) * e / p,
    "seconds are not used": lambda trace, e, loss, p: reached(trace, loss) + 1,
    "the other way round": lambda trace, e, loss, p: p / ((reached(trace, loss) + 1) * e),
    "500 evaluations": lambda trace, e, loss, p: 500 * e / p,
    "equal is enough": lambda trace, e, loss, p: (next((n for n, v in enumerate(trace, 1) if v < loss), float("inf"))) * e / p,
    "the answer is infinite": lambda trace, e, loss, p: (min(reached(trace, loss), len(trace) - 1) + 1) * e / p,
})  # fmt: skip


def freeze(which, count=lambda net: sum(p.numel() for p in net.parameters() if p.requires_grad), first=True):
    """Freezes all (if `first`) and lets what `which(layer)` gives learn."""

    def norms(net):
        net.requires_grad_(not first)
        for layer in net.modules():
            for parameter in which(layer):
                parameter.requires_grad_()
        return count(net)

    return norms


def of_norms(layer):
    return list(layer.parameters()) if isinstance(layer, nn.InstanceNorm2d | nn.BatchNorm2d) else []


wrong(checks.norm_layers_only, {
    "everything still learns": freeze(of_norms, first=False),
    "no norm layer's": freeze(lambda layer: [layer.bias] if isinstance(layer, nn.Conv2d) else of_norms(layer)),
    "a norm has a scale and a shift": freeze(lambda layer: of_norms(layer)[:1]),
    "both kinds of norm": freeze(lambda layer: list(layer.parameters()) if isinstance(layer, nn.InstanceNorm2d) else []),
    "number of tensors": freeze(of_norms, lambda net: sum(p.requires_grad for p in net.parameters())),
    "number of all weights": freeze(of_norms, lambda net: sum(p.numel() for p in net.parameters())),
    "layers are counted": freeze(of_norms, lambda net: sum(bool(of_norms(layer)) for layer in net.modules())),
})  # fmt: skip

NOISE = {"scatter at batch 4, of that at 1": 0.5, "scatter at batch 16, of that at 1": 0.25,
         "two processes with 4 each are like one with": 8, "photographs for half the scatter": "4 times"}  # fmt: skip
wrong(checks.gradient_noise, {
    "mean of 4 is a quarter": predictions(NOISE, place=0, to=0.25),
    "is a sixteenth": predictions(NOISE, place=1, to=1 / 16),
    "eight photographs": predictions(NOISE, place=2, to=4),
    "root of the number": predictions(NOISE, place=3, to="2 times"),
})  # fmt: skip
