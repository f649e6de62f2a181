"""Wrong answers to the exercises of lesson 05."""

import random

import numpy as np
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
    "500 iterations": lambda trace, e, loss, p: 500 * e / p,
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


wrong(checks.total_variation, {
    "divided by the size of the batch": lambda x: sum(d.square().sum() for d in steps(x)) / len(x),
    "half of it": lambda x: sum(d.square().mean() for d in steps(x)) / 2,
    "each kind has its own number": lambda x: sum(d.square().sum() for d in steps(x)) / x.numel(),
    "under one root": lambda x: (steps(x)[0][..., :-1].square() + steps(x)[1][..., :-1, :].square()).sqrt().mean(),
    "the root was taken": lambda x: sum(d.square().mean() for d in steps(x)).sqrt(),
    "after the next": lambda x: (x[..., 2:, :] - x[..., :-2, :]).square().mean() + (x[..., 2:] - x[..., :-2]).square().mean(),
    "differences of channels": lambda x: (x[:, 1:] - x[:, :-1]).square().mean() + (x[1:] - x[:-1]).square().mean(),
    "square each one first": lambda x: sum(d.mean().square() for d in steps(x)),
    "the gradient is not": lambda x: (x[..., 1:, :] - x[..., :-1, :].detach()).square().mean()
        + (x[..., 1:] - x[..., :-1].detach()).square().mean(),
    "could not learn from it": lambda x: sum(d.square().mean() for d in steps(x.detach())),
    "numpy cannot pass one on": lambda x: sum(float((d.numpy() ** 2).mean()) for d in steps(x)),
})  # fmt: skip


def own_optimiser(net, optimizer, loss_of, photos):
    return with_its_graph(net, torch.optim.SGD(net.parameters(), lr=0.1), loss_of, photos).item()


def detached_tensor(net, optimizer, loss_of, photos):
    return with_its_graph(net, optimizer, loss_of, photos).detach()


def puts_to_use(net, optimizer, loss_of, photos):
    net.eval()
    return with_its_graph(net, optimizer, loss_of, photos).item()


def by_subtraction(net, optimizer, loss_of, photos):
    net.zero_grad()
    loss = loss_of(net(photos), photos)
    loss.backward()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter -= 0.1 * parameter.grad
    return loss.item()


def without_backward(net, optimizer, loss_of, photos):
    optimizer.zero_grad()
    loss = loss_of(net(photos), photos)
    optimizer.step()
    return loss.item()


def blind(net, optimizer, loss_of, photos):
    optimizer.zero_grad()
    with torch.no_grad():
        loss = loss_of(net(photos), photos)
    loss.backward()
    optimizer.step()
    return loss.item()


LOSSES = []


def running_sum(net, optimizer, loss_of, photos):
    LOSSES.append(with_its_graph(net, optimizer, loss_of, photos).item())
    return sum(LOSSES[-1 - (len(LOSSES) - 1) % 3 :])


wrong(checks.training_step, {
    "not the given optimiser's": own_optimiser,
    "an SGD of your own": by_subtraction,
    "though a detached one": detached_tensor,
    "switched to eval()": puts_to_use,
    "is there a step": without_backward,
    "raised RuntimeError": blind,
    "the losses add up": running_sum,
    "returns None": lambda *given: with_its_graph(*given) and None,
})  # fmt: skip


def same_twice(seed, step, position, height, width, size):
    generators = [random.Random(f"{seed} {step} {position}") for _ in range(2)]
    return generators[0].randrange(height - size + 1), generators[1].randrange(width - size + 1)


def exchanged(seed, step, position, height, width, size):
    generator = random.Random(f"{seed} {step} {position}")
    return generator.randrange(width - size + 1), generator.randrange(height - size + 1)


def centred(seed, step, position, height, width, size):
    generator = random.Random(f"{seed} {step} {position}")
    shares = [generator.uniform(0.35, 0.65) if n > 40 else generator.random() for n in (height, width)]
    return tuple(int(share * (n - size + 1)) for share, n in zip(shares, (height, width), strict=True))


def negative(seed, step, position, height, width, size):
    top, left = corner(lambda *n: random.Random(str(n)))(seed, step, position, height, width, size)
    return top - (height < 30), left


def fractional(seed, step, position, height, width, size):
    generator = random.Random(f"{seed} {step} {position}")
    return generator.random() * (height - size), generator.random() * (width - size)


def sets_numpy(seed, step, position, height, width, size):
    np.random.seed([seed, step, position])
    return np.random.randint(height - size + 1), np.random.randint(width - size + 1)


def sets_torch(seed, step, position, height, width, size):
    torch.manual_seed(seed * 10**12 + step * 10**4 + position)
    return [int(torch.randint(n - size + 1, ())) for n in (height, width)]


wrong(checks.crop_corner, {
    "as digits in a row do": corner(lambda seed, step, position: random.Random(f"{seed}{step}{position}")),
    "the three numbers run into one": corner(lambda seed, step, position: random.Random(1000 * seed + 100 * step + position)),
    "or a product": corner(lambda seed, step, position: random.Random((seed + 1) * (step + 1) * (position + 1))),
    "give the same corner": corner(lambda *n: random.Random(str(sorted(n)))),
    "with a sign between": corner(lambda seed, step, position: random.Random(seed * 10**6 + step * 10**3 + position)),
    "or a sum": corner(lambda seed, step, position: random.Random(31 * seed + 7 * step + position)),
    "other pairs do, too": corner(lambda seed, step, position: random.Random(seed ^ step << 1 ^ position << 2)),
    "both must be drawn": same_twice,
    "height and width are exchanged|beyond the picture": exchanged,
    "some places are never reached": centred,
    "begins before the picture": negative,
    "two whole numbers": fractional,
    "global random state": sets_numpy,
    "was changed": sets_torch,
    "return top, left": lambda seed, step, position, height, width, size: random.Random(f"{seed} {step} {position}").randrange(40),
})  # fmt: skip


wrong(checks.fair_speedup, {
    "the first evaluation that is low enough counts": lambda trace, e, loss, p: (sum(v > loss for v in trace) + 1) * e / p
        if min(trace, default=9) <= loss else float("inf"),
    "one evaluation against one pass": lambda trace, e, loss, p: e / p,
    "this is the time in seconds": lambda trace, e, loss, p: (reached(trace, loss) + 1) * e,
    "the seconds are exchanged": lambda trace, e, loss, p: (reached(trace, loss) + 1) * p / e,
    "the losses are compared": lambda trace, e, loss, p: trace[-1] / loss,
    "the answer is float('inf')": lambda trace, e, loss, p: ([n for n, v in enumerate(trace) if v <= loss][0] + 1) * e / p,
    "the answer is infinite, float('inf')": lambda trace, e, loss, p:
        (reached(trace, loss) + 1) * e / p if min(trace, default=9) <= loss else 0.0,
})  # fmt: skip


def freezes_convolutions(net):
    for layer in net.modules():
        if isinstance(layer, nn.Conv2d):
            layer.requires_grad_(False)
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def starts_them_anew(net):
    net.requires_grad_(False)
    for layer in net.modules():
        if of_norms(layer):
            nn.init.ones_(layer.weight)
            nn.init.zeros_(layer.bias)
            layer.requires_grad_()
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def trains_them(net):
    net.requires_grad_(False)
    net.train()
    for layer in net.modules():
        for parameter in of_norms(layer):
            parameter.requires_grad_()
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def learning(net):
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


wrong(checks.norm_layers_only, {
    "stays frozen": freezes_convolutions,
    "its weights are others": starts_them_anew,
    "eval() or train() was called": trains_them,
    "the scales are counted": freeze(of_norms, lambda net: learning(net) // 2),
    "the number of weights that are frozen": freeze(of_norms, lambda net: sum(p.numel() for p in net.parameters()) - learning(net)),
    "this is a share": freeze(of_norms, lambda net: learning(net) / sum(p.numel() for p in net.parameters())),
    "a scale and a shift, and both do": freeze(lambda layer: of_norms(layer)[1:]),
    "returns None": freeze(of_norms, lambda net: None),
})  # fmt: skip

wrong(checks.gradient_noise, {
    "scatters less than one gradient": predictions(NOISE, place=0, to=1),
    "sixteen gradients scatters less": predictions(NOISE, place=1, to=1),
    "scatters less than one gradient, not more": predictions(NOISE, place=0, to=2),
    "photographs are not multiplied": predictions(NOISE, place=2, to=16),
    "leave a quarter": predictions(NOISE, place=3, to="16 times"),
    "none of the words": predictions(NOISE, place=3, to="4"),
})  # fmt: skip
