"""Checks of the exercises of lesson 03, Gatys optimisation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nst
from nst.teaching.checks.machinery import (
    CheckFailed,
    answers,
    call,
    check,
    close,
    compare,
    fail,
    must_learn,
    number,
    pair,
    rand,
    randn,
    tensors,
)

BLOCKS = {"VGG-19": (2, 2, 4, 4, 4), "VGG-16": (2, 2, 3, 3, 3)}  # convolutions in each block


@check
def content_gradient(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The gradient of 1/2 sum (F - P)^2, F = relu(Z), with respect to Z (1508.06576, eq. 2)."""
    for shape in ((3, 8), (5, 2)):
        z, p = randn(*shape).requires_grad_(), randn(*shape, seed=1).clamp_min(0)
        (right,) = torch.autograd.grad((z.relu() - p).square().sum() / 2, z)
        f = z.relu().detach()
        compare(call(function, f, p), right, {
            "the ReLU is missing: where F is 0 the unit was silent, and no gradient gets through": f - p,
            "the sign is wrong: where F is larger than P, a larger F makes the loss larger": -right,
            "the sign is wrong, and the ReLU is missing": p - f,
            "twice too large: the 1/2 before the sum takes the 2 of the square away": 2 * right,
            "twice too large, and the ReLU is missing": 2 * (f - p),
            "half of it: the square's 2 and the 1/2 before the sum take each other away": right / 2,
            "divided by the number of entries: this loss is a sum": right / f.numel(),
            "the mask looks at P; it is F that must be positive": (f - p) * (p > 0),
            "the mask looks at F - P; it is F that must be positive": (f - p) * (f > p),
            "the mask is the wrong way round: the gradient gets through where F is positive": (f - p) * (f <= 0),
            "multiplied by F itself; the ReLU's slope is 1 where F is positive, whatever its size": (f - p) * f,
            "squared: these are the terms of the loss, not their slopes": (f - p).square() / 2,
            "this is the mask alone; it multiplies F - P": (f > 0).float(),
        }, f"F of the shape {shape}")  # fmt: skip
    return "F - P where F > 0, else 0; equal to autograd's"


@check
def style_gradient(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The gradient of 1 / (4 N^2 M^2) sum (G - A)^2, G = F F^T, F = relu(Z), with respect to Z (1508.06576, eq. 6)."""
    for n, m in ((4, 9), (5, 3)):
        z, style = randn(n, m).requires_grad_(), randn(n, m, seed=1).clamp_min(0)
        a = style @ style.T
        (right,) = torch.autograd.grad((z.relu() @ z.relu().T - a).square().sum() / (4 * n**2 * m**2), z)
        f = z.relu().detach()
        free = (f @ f.T - a) @ f / (n**2 * m**2)  # before the ReLU's mask
        got = call(function, f, a)
        own = [(f @ f.T / d - a) @ f * mask for d in (m, n * m) for mask in ((f > 0), 1.0)]
        if any(close(got, wrong / d) for wrong in own for d in (n**2 * m**2, n * m, 1)):
            fail("F F^T was divided, as gram_matrix does elsewhere in this course; A comes undivided, so G must be, too: here the "
                 "whole of the division stands before the sum")  # fmt: skip
        compare(got, right, {
            "the ReLU is missing: where F is 0 no gradient gets through": free,
            "four times too small: the square gives 2, and F stands in G twice, which gives 2 more; together they take the 4 away":
                right / 4,
            "two times too small: F stands in G = F F^T twice, and both places have a gradient": right / 2,
            "not divided by N^2 M^2": right * n**2 * m**2,
            "neither divided by N^2 M^2 nor cut by the ReLU": free * n**2 * m**2,
            "divided by N M; the loss has its square": right * n * m,
            "divided by N^2 only": right * m**2,
            "divided by M^2 only": right * n**2,
            "the sign is wrong": -right,
            "the shape is (M, N): the paper writes F^T (G - A); with a row per channel it is (G - A) F": right.T,
            "this is G - A; it must be multiplied by F to become a gradient for F": (f @ f.T - a) / (n**2 * m**2),
            "the mask looks at the gradient; it is F that must be positive": free.clamp_min(0),
            "four times too large: the 1/4 before the sum takes both factors of 2 away": right * 4,
            "two times too large: the 1/4 before the sum takes both factors of 2 away": right * 2,
        }, f"F of the shape {(n, m)}")  # fmt: skip
    return "(G - A) F / (N^2 M^2) where F > 0, else 0; equal to autograd's"


@check
def content_layer(layer_class: type[nn.Module]) -> str:
    """The article's ContentLoss: passes its input on, and keeps `loss` = mean (input - target)^2."""
    weight = torch.tensor(2.0, requires_grad=True)
    target = weight * randn(1, 3, 4, 4)  # a target with a history, as the encoder's output has
    layer, earlier = call(layer_class, target), torch.tensor(0.0)
    if any(p.requires_grad for p in layer.parameters()):
        fail("the target is a parameter of the layer: whoever trains the network would train the target away. Keep it as it is, "
             "self.target = target.detach(), or with register_buffer")  # fmt: skip
    for seed in (1, 2):
        x = randn(1, 3, 4, 4, seed=seed).requires_grad_()
        out = call(layer, x)
        if not hasattr(layer, "loss"):
            fail("there is no `loss`: forward must keep it, self.loss = …")
        squares = (x - target).detach().square()
        if close(out, squares.mean()):
            fail("forward returns the loss; a transparent layer returns its input, and the loss is read from `loss` afterwards")
        compare(out, x, {
            "forward returns the target; what goes in must come out": target,
            "forward returns the difference; what goes in must come out": x - target,
            "forward returns two things; what goes in must come out, and nothing else": None,
        }, about="what the layer returns must be its input")  # fmt: skip
        if not isinstance(out, Tensor) or not out.requires_grad:
            fail("the layer cuts the gradient of what goes through it: the losses behind it would never reach the picture. "
                 "Return the input itself; only the target is detached")  # fmt: skip
        pulls = randn(*x.shape, seed=seed + 5)
        (through,) = torch.autograd.grad(out, x, pulls, retain_graph=True, allow_unused=True)
        if through is None or not close(through, pulls):
            fail("the layer changes the gradient of what goes through it: return the input itself")
        if callable(layer.loss) and not isinstance(layer.loss, Tensor):
            fail("`loss` is a function; the article keeps the number itself, self.loss = …")
        compare(layer.loss, squares.mean(), {
            "the loss is a sum; the article takes the mean": squares.sum(),
            "half the sum is the paper's; the article takes the mean": squares.sum() / 2,
            "half the mean: the article's has no 1/2": squares.mean() / 2,
            "the mean of absolute differences: they must be squared": squares.sqrt().mean(),
            "the root of the mean: the article takes the mean of squares itself": squares.mean().sqrt(),
            "the loss is not a number: the mean over all entries is missing": squares,
            "the loss is the first input's: it must be computed anew in each forward": earlier,
            "the losses of all inputs add up: each forward's stands alone": earlier + squares.mean(),
        }, "the loss")  # fmt: skip
        slopes = torch.autograd.grad(must_learn(layer.loss, "the picture"), (x, weight), allow_unused=True, retain_graph=True)
        if slopes[0] is None:
            fail("no gradient comes back from the loss to the input: only the target is detached")
        compare(slopes[0], 2 * (x - target).detach() / x.numel(), about="the gradient for the input")
        if slopes[1] is not None:
            fail("the gradient flows into the target: detach it, or each step drags the whole history of the target along")
        earlier = squares.mean()
    return "its input comes out with its gradient, the loss is the mean of squares, and no gradient reaches the target"


class _Recorder:
    """A loss that notes where it was asked, and what it said."""

    def __init__(self):
        self.seen: list[tuple[Tensor, float]] = []
        self.target = torch.tensor([0.2, 0.9, 1.8, -0.8]).view(1, 1, 2, 2)  # two of its pixels lie outside the box

    def __call__(self, x: Tensor) -> Tensor:
        loss = (x - self.target).square().sum() + 0.3 * (12 * x).sin().sum()
        self.seen.append((x.detach().clone(), float(loss.detach())))
        return loss


@check
def best_in_box(function: Callable) -> str:
    """Mend a search: the best picture in [0, 1] and its own loss."""
    loss, start, steps = _Recorder(), torch.full((1, 1, 2, 2), 0.5), 12
    result = pair(call(function, loss, start, steps, 0.3), "two results: return picture, loss")
    picture, reported = (number(value) for value in result)
    if picture is None or reported is None or picture.shape != start.shape or reported.numel() != 1:
        fail(f"expected a picture of the shape {tuple(start.shape)} and a number")
    seen, asked = list(loss.seen), len(loss.seen)
    if not torch.isfinite(picture).all() or float(picture.min()) < 0 or float(picture.max()) > 1:
        fail("the picture leaves [0, 1]")
    own = float(_Recorder()(picture.float()))
    lowest_point, lowest = min(seen, key=lambda pair: pair[1], default=(start, float("inf")))
    inside = [value for x, value in seen if 0 <= float(x.min()) and float(x.max()) <= 1]
    if not close(reported.reshape(()), own, 1e-3):
        if close(picture, lowest_point.clamp(0, 1)):
            fail("the loss is not this picture's: it was computed before the clamp. Clamp first, then ask the loss")
        fail("the loss is not this picture's. `best = x` is not a copy: later steps write into it. Keep x.detach().clone()")
    if asked < steps:
        fail(f"the loss was asked {asked} times in {steps} steps")
    if asked > 3 * steps:
        fail(f"the loss was asked {asked} times in {steps} steps; it is the costly part, once a step is enough")
    different = len({tuple(x.flatten().tolist()) for x, _ in seen})
    if different <= steps // 2:
        fail(f"the search stands still: in {steps} steps the loss was asked about {different} different pictures. An optimiser "
             "moves the tensor that it was given, and no other: x = x.clamp(0, 1) is another one. Clamp in place, under "
             "torch.no_grad()")  # fmt: skip
    if len(inside) < asked:
        fail(f"the loss was asked about {asked - len(inside)} pictures outside [0, 1]: clamp between the steps")
    if own > min(inside) + 1e-4:
        fail("a better picture had been seen before: return the best, not the last")
    if own > seen[0][1] - 0.05:
        fail("the search found nothing better than its start: does each step go against the gradient?")
    if isinstance(result[1], Tensor) and result[1].requires_grad:
        fail("the loss is returned with its graph, which keeps a whole evaluation's memory: return value.item()")
    return f"the best of {asked} pictures, inside the box, with its own loss; the start is as it was"


def _names(blocks: tuple[int, ...]) -> list[str]:
    return [f"conv{block}_{k}" for block, count in enumerate(blocks, 1) for k in range(1, count + 1)]


@check
def paper_name(function: Callable[[int], str]) -> str:
    """The article's conv_1 … conv_16 under their names in VGG-19: conv_4 is conv2_2."""
    right, got = _names(BLOCKS["VGG-19"]), []
    separator = "the paper writes an underscore between the block and the number: conv2_2"
    mistakes = [
        ("this is VGG-16, whose last three blocks have three convolutions; VGG-19's have four", _names(BLOCKS["VGG-16"])),
        ("the count begins at 1: conv_1 is conv1_1", right[1:]),
        ("these are names of ReLUs; the article reads before them", [name.replace("conv", "relu") for name in right]),
        ("a block is not one convolution: the first two blocks have two, the others four", [f"conv{n}_1" for n in range(1, 17)]),
        ("all blocks as large as the first: the last three have four convolutions", _names((2,) * 8)),
        ("all blocks as large as the last: the first two have two convolutions", _names((4,) * 4)),
        ("this is the article's own name; the paper's has the block before the underscore", [f"conv_{n}" for n in range(1, 17)]),
        ("the convolutions of a block are counted from 1, not from 0", [f"{name[:6]}{int(name[6]) - 1}" for name in right]),
        ("the blocks are counted from 1, not from 0", [f"conv{int(name[4]) - 1}{name[5:]}" for name in right]),
        ("block and number are exchanged: conv2_1 is the first convolution of block 2", [f"conv{n[6]}_{n[4]}" for n in right]),
        ("the name begins with conv", [name.removeprefix("conv") for name in right]),
        *((separator, [name.replace("_", other) for name in right]) for other in ("", "-", ".")),
    ]

    def hint() -> str:
        n = min(len(got), 13)  # a wrong count may run out of names at the end
        return next((told for told, wrong in mistakes if n > 4 and got[:n] == wrong[:n]), "")

    for count in range(1, 17):
        try:
            got.append(call(function, count, if_it_raises=f"the article counts from conv_1 to conv_16; this is conv_{count}"))
        except CheckFailed as error:
            raise (CheckFailed(hint()) if hint() else error) from None
    if got != right:
        first = next(n for n, (a, b) in enumerate(zip(got, right), 1) if a != b)
        fail(hint() or f"conv_{first}: {got[first - 1]!r} is not right; count 2, 2, 4, 4, 4 convolutions")
    return "all sixteen; conv_4 is conv2_2, and the paper's conv4_2 would be conv_10"


@functools.cache
def _style_weights() -> dict[float, tuple[float, float]]:
    """{style weight: (content loss, style loss at weight 1)} of small paintings, as the exercise computes them."""
    encoder, found = nst.VGG19.load("lite"), {}
    content, style = nst.assets.picture("chelsea", 64), nst.assets.picture("harbour_woodblock", 64)
    measure = nst.gatys.Objective(nst.GatysConfig(style_weight=1), encoder, content, style)
    for weight in (0.01, 0.1, 1):
        config = nst.GatysConfig(style_weight=weight, evaluations=15)
        parts = measure(nst.gatys.stylize(content, style, config=config, encoder=encoder))
        found[weight] = (float(parts["content"]), float(parts["style"]))
    return found


def _price(content: list[float], style: list[float]) -> float:
    """Content loss paid for each unit of style loss between two paintings."""
    return (content[1] - content[0]) / max(style[0] - style[1], 1e-9)


@check
def weight_sweep(function: Callable[[], dict]) -> str:
    """Read an ablation: content and style loss over the style weight."""
    content, style = ([pair[k] for pair in _style_weights().values()] for k in (0, 1))
    right = {
        "as the style weight grows, the content loss": "rises" if content == sorted(content) else "neither",
        "as the style weight grows, the style loss": "falls" if style == sorted(style, reverse=True) else "neither",
        "the step that buys more style for the same content": "0.01 to 0.1"
        if _price(content[:2], style[:2]) < _price(content[1:], style[1:])
        else "0.1 to 1",
        "at a style weight of 0 the painting would be": "the photograph",
    }
    answers(call(function), right, {
        ("as the style weight grows, the content loss", "falls"): "the more the style counts, the less the photograph does",
        ("as the style weight grows, the content loss", "neither"): "read the three content losses from the smallest weight up",
        ("as the style weight grows, the style loss", "neither"): "read the three style losses from the smallest weight up",
        ("as the style weight grows, the style loss", "rises"):
            "the printed style loss is measured at weight 1 for all: compare the rows",
        ("the step that buys more style for the same content", "0.1 to 1"):
            "for each of the two steps: how much does the style loss fall, and how much does the content loss rise?",
        ("the step that buys more style for the same content", "neither"):
            "for each of the two steps: how much does the style loss fall, and how much does the content loss rise?",
        ("at a style weight of 0 the painting would be", "noise"): "the search starts at the photograph, whose content loss is 0",
        ("at a style weight of 0 the painting would be", "grey"): "the search starts at the photograph, whose content loss is 0",
    })  # fmt: skip
    return "content loss up, style loss down: the weight buys one with the other"


class _SmallNetwork:
    """Two layers with random weights, as functions that note the pictures that the first of them is asked about."""

    def __init__(self):
        self.mean, self.std = (torch.tensor(v).view(3, 1, 1) for v in ((0.5, 0.4, 0.3), (0.2, 0.25, 0.3)))
        self.weights = randn(6, 3, 3, 3, seed=3) / 5, randn(8, 6, 3, 3, seed=4) / 7
        self.asked: list[Tensor] = []

    def first(self, x: Tensor) -> Tensor:
        self.asked.append(x.detach().clone() if isinstance(x, Tensor) else x)
        return F.conv2d(x, self.weights[0], padding=1).relu()

    def second(self, x: Tensor) -> Tensor:
        return F.conv2d(F.max_pool2d(x, 2), self.weights[1], padding=1).relu()

    def features(self, picture: Tensor, normalised: bool = False) -> list[Tensor]:
        x = F.conv2d(picture if normalised else (picture - self.mean) / self.std, self.weights[0], padding=1).relu()
        return [x, self.second(x)]


def _gram(maps: Tensor, divided: bool = True) -> Tensor:
    flat = maps[0].flatten(1)
    return flat @ flat.T / (flat.numel() if divided else 1)


def _styles(found: list[Tensor], painted: list[Tensor], divided: bool = True) -> list[tuple[Tensor, Tensor, Tensor]]:
    """Of each layer: sum (G - A)^2, sum A^2, sum G^2."""
    pairs = [(_gram(f, divided), _gram(a, divided)) for f, a in zip(found, painted, strict=True)]
    return [((g - a).square().sum(), a.square().sum(), g.square().sum()) for g, a in pairs]


def _run_method(function: Callable, style_weight: float, steps: int) -> tuple[_SmallNetwork, Tensor, Any]:
    """What the student's method gives on a small network: the network with what it was asked, the picture, the trace."""
    net, photo, painting = _SmallNetwork(), rand(1, 3, 12, 16, seed=1), rand(1, 3, 10, 18, seed=2).square()
    result = call(function, (net.first, net.second), net.mean, net.std, photo, painting, style_weight, steps,
                  if_it_raises="given a tuple of two functions, mean and std (3, 1, 1), a photograph (1, 3, 12, 16), a painting "
                               "(1, 3, 10, 18). Where no gradient was found: the picture needs requires_grad_(), and the losses "
                               "in the loop must not stand under no_grad")  # fmt: skip
    picture, trace = pair(result, "two results: return picture, trace")
    if not isinstance(picture, Tensor) or picture.shape != photo.shape:
        fail(f"expected a picture of the photograph's shape {tuple(photo.shape)}, got "
             f"{tuple(picture.shape) if isinstance(picture, Tensor) else type(picture).__name__}")  # fmt: skip
    if picture.requires_grad:
        fail("the picture is returned with its history: return x.detach()")
    return net, picture, trace


@check
def whole_method(function: Callable) -> str:
    """Gatys' method on a small random network: losses at every picture asked about, the box, and what is minimised."""
    photo, painting, steps = rand(1, 3, 12, 16, seed=1), rand(1, 3, 10, 18, seed=2).square(), 30
    net, picture, trace = _run_method(function, 10.0, steps)
    values = _pairs_of_losses(trace, steps)
    seen = _pictures_shown(net, photo, painting)
    wanted, painted = net.features(photo), net.features(painting)
    first = values[0]
    right = _first_losses(first, wanted, painted)
    outside = sum(float(x.min()) < -1e-3 or float(x.max()) > 1 + 1e-3 for x in seen)
    if outside:
        fail(f"the network was asked about {outside} pictures outside [0, 1]: clamp between the steps")
    different = len({tuple(x.flatten().tolist()) for x in seen})
    if different <= steps // 2:
        fail(f"the search stands still: the network saw {different} different pictures. An optimiser moves the tensor that it was "
             "given, and no other: x = x.clamp(0, 1) is another one. Clamp in place: x.data.clamp_(0, 1)")  # fmt: skip
    _last_content_loss(values[steps - 1][0], [net.features(x) for x in seen], wanted)
    ends = values[-1]
    if not float(ends[1]) < 0.7 * float(first[1]):
        fail(f"the style loss went from {float(first[1]):.3g} to {float(ends[1]):.3g}: does each step go against the gradient, and "
             "is the gradient cleared before each backward?")  # fmt: skip
    if float(picture.min()) < 0 or float(picture.max()) > 1 or not torch.isfinite(picture).all():
        fail("the picture that is returned leaves [0, 1]")
    own = net.features(picture.float())
    if not float(sum(d / a for d, a, _ in _styles(own, painted))) < 0.8 * float(right):
        fail("the picture that is returned is not the one that was searched for: return x.detach(), after the last step")
    _, _, faint = _run_method(function, 0.02, steps)
    faint = number(faint)
    if not float(faint[-1][0]) < 0.7 * float(ends[0]):
        fail("with 1/500 of the style weight the picture keeps no more of the photograph: minimise content + style_weight * style")
    return f"the losses of every picture asked about; style from {float(first[1]):.2f} to {float(ends[1]):.2f}, inside the box"


def _pairs_of_losses(trace: object, steps: int) -> Tensor:
    """The losses that were noted, (evaluations, 2), once they are a pair for each evaluation."""
    if any(t.requires_grad for t in tensors(trace)):
        fail("the losses are returned with their graphs, which keep every evaluation's memory: note .item()")
    values = number(trace)
    if values is not None and values.shape == (2, steps):
        fail("two lists of losses; a list of pairs is wanted, (content, style) for each evaluation")
    if values is None or values.ndim != 2 or values.shape[1] != 2:
        fail(f"expected a list of {steps} pairs of numbers (content, style)")
    if not steps <= len(values) <= steps + 25:  # L-BFGS may look further
        fail(f"expected a pair of losses for each of the {steps} evaluations, got {len(values)}")
    return values


def _pictures_shown(net: _SmallNetwork, photo: Tensor, painting: Tensor) -> list[Tensor]:
    """The pictures of the photograph's shape that the network was asked about, as they were before they were normalised."""
    raw = [x for x in net.asked if isinstance(x, Tensor) and x.shape == photo.shape]
    if any(close(x, photo) for x in raw):
        fail("the network was shown the picture itself: subtract the mean and divide by std first")
    if any(close(x, (photo - net.mean) * net.std) for x in raw):
        fail("multiplied by std: normalising divides by it")
    if not any(close(x, painting * 1.0) for x in (x * net.std + net.mean for x in net.asked if x.shape == painting.shape)):
        fail("the network was never shown the normalised painting: where do the targets of the style come from?")
    return [x * net.std + net.mean for x in raw]


def _first_losses(first: Tensor, start: list[Tensor], painted: list[Tensor]) -> Tensor:
    """The style loss of the photograph, with features `start`, once it is the one that was noted first."""
    style = _styles(start, painted)
    right = sum(d / a for d, a, _ in style)
    if close(first[0], right, 1e-2) and float(first[1]) < 1e-2:
        fail("the pairs are the wrong way round: (content, style)")
    if float(first[0]) > 1e-2:
        fail("the content loss of the first evaluation is not 0: the search starts at the photograph, and P comes from it")
    undivided = _styles(start, painted, divided=False)
    compare(first[1], right, {
        "the style's Gram matrices are not divided by C H W: photograph and painting differ in size, and so in their sums":
            sum(d / a for d, a, _ in undivided),
        "the style loss is multiplied by the style weight already: note it without, and weigh it in the sum": 10 * right,
        "the style loss has the last layer only; it is a sum over all": style[-1][0] / style[-1][1],
        "the style loss has the first layer only; it is a sum over all": style[0][0] / style[0][1],
        "the mean over the layers; the task adds them up": right / 2,
        "divided by the sum of G^2, the picture's own; the size of the target A is wanted": sum(d / g for d, _, g in style),
        "the differences are not divided by the sum of A^2": sum(d for d, _, _ in style),
        "the roots of the quotients; the squares themselves are wanted": sum((d / a).sqrt() for d, a, _ in style),
    }, "the style loss of the photograph", rtol=1e-2)  # fmt: skip
    return right


def _last_content_loss(noted: Tensor, found: list[list[Tensor]], wanted: list[Tensor]) -> None:
    """Is what was noted the content loss of any picture that was asked about? found: their features. wanted: the photograph's."""
    squares = torch.stack([(f[-1] - wanted[-1]).square().sum() for f in found]).double()
    spread, size = (wanted[-1] - wanted[-1].mean()).square().sum(), wanted[-1].numel()

    def among(content: Tensor) -> bool:
        return bool(((content - noted).abs() <= 1e-3 * noted.abs() + 1e-6).any())

    if among(squares / spread):
        return
    shallow = torch.stack([(f[0] - wanted[0]).square().sum() for f in found]) / (wanted[0] - wanted[0].mean()).square().sum()
    for hint, content in {
        "the content loss is not divided by sum (P - mean of P)^2": squares,
        "the content loss is the mean of squares; divide the sum of squares by sum (P - mean of P)^2": squares / size,
        "the content loss is divided by the sum of P^2; the mean of P must be subtracted first":
            squares / wanted[-1].square().sum(),
        "divided by the variance, but the sum was not: both sums, or both means": squares / (spread / size),
        "the content loss looks at the first layer; the last one is wanted": shallow,
        "the content loss adds up all layers; the last one is wanted": squares / spread + shallow,
        "half of the content loss: there is no 1/2 here": squares / spread / 2,
    }.items():  # fmt: skip
        if among(content):
            fail(hint)
    fail("the content loss noted last is not that of any picture that the network was asked about")


__all__ = ["best_in_box", "content_gradient", "content_layer", "paper_name", "style_gradient", "weight_sweep", "whole_method"]
