"""Checks of the exercises of lesson 08, The four compared."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import nst
from nst.teaching.checks.machinery import answers, call, check, compare, fail

Convolution = tuple[int, int, int, int, int, int]  # channels in, channels out, kernel, stride, height, width of its input


@check
def multiplications(function: Callable[[Sequence[Convolution]], int]) -> str:
    """How many multiplications a row of convolutions makes, each padded by kernel // 2."""
    rows: list[list[Convolution]] = [[(3, 8, 9, 1, 32, 24)], [(8, 16, 3, 2, 32, 24), (16, 16, 3, 1, 16, 12)], [(4, 6, 3, 2, 15, 9)]]
    for layers in rows:
        counter = FlopCounterMode(display=False)
        with counter:
            for inside, out, kernel, stride, height, width in layers:
                x, weight = torch.zeros(1, inside, height, width), torch.zeros(out, inside, kernel, kernel)
                F.conv2d(x, weight, stride=stride, padding=kernel // 2)
        right = counter.get_total_flops() // 2  # torch counts multiplications and additions
        whole = sum(i * o * k * k * h * w for i, o, k, _, h, w in layers)
        floor = sum(i * o * k * k * (h // s) * (w // s) for i, o, k, s, h, w in layers)
        compare(call(function, layers), right, {
            "the stride is not used: a stride of 2 computes a quarter of the positions": whole,
            "an odd size with stride 2 has one position more: round up": floor,
            "the kernel has k x k weights for each pair of channels": sum(
                i * o * k * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
            "each output channel reads all input channels": sum(o * k * k * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
            "this is the number of weights; each is used at every position": sum(i * o * k * k for i, o, k, *_ in layers),
            "twice as many: additions are counted, too": 2 * right,
        }, f"layers {layers}", rtol=1e-6)  # fmt: skip
    return "three rows of convolutions, equal to torch's own count"


@check
def pareto_front(function: Callable[[Mapping[str, tuple[float, float]]], Sequence[str]]) -> str:
    """The methods that no other beats in both seconds and loss, the fastest first."""
    rng = np.random.default_rng(0)
    cases = [{"a": (1.0, 5.0), "b": (2.0, 3.0), "c": (3.0, 4.0), "d": (4.0, 1.0)}]
    cases.append({"a": (1.0, 2.0), "b": (1.0, 3.0), "c": (2.0, 2.0)})  # ties
    cases.append({f"m{k}": (float(s), float(loss)) for k, (s, loss) in enumerate(rng.random((12, 2)))})
    for points in cases:

        def beaten(name: str, points=points) -> bool:
            s, loss = points[name]
            return any(a <= s and b <= loss and (a, b) != (s, loss) for a, b in points.values())

        right = sorted((name for name in points if not beaten(name)), key=lambda name: points[name][0])
        got = call(function, points)
        if isinstance(got, str) or not isinstance(got, Sequence | set | frozenset):
            fail("expected a list of names")
        got, ends = list(got), {min(points, key=lambda n: points[n][0]), min(points, key=lambda n: points[n][1])}
        if got == right:
            continue
        if sorted(got) == sorted(right):
            fail("the right methods in another order: the fastest first")
        if set(got) < set(right) and set(got) <= ends:
            fail("the fastest and the best are not all: between them may lie others that no method beats in both")
        if set(got) > set(right):
            loser = sorted(set(got) - set(right))[0]
            fail(f"{loser} {points[loser]} is beaten: another is at least as fast and has no larger loss")
        if sorted(got) == sorted(n for n in points if beaten(n)):
            fail("these are the beaten ones; the others are wanted")
        fail(f"not right for {points}: a method is on the front if no other is at least as good in both and better in one")
    return "four methods, ties, and twelve random ones"


@check
def growth_exponent(function: Callable[[Sequence[float], Sequence[float]], float]) -> str:
    """The exponent p of seconds = c * pixels^p, by a straight line through the logarithms."""
    pixels = [64**2, 128**2, 256**2, 512**2]
    noise = (0.1, -0.15, 0.2, -0.1)
    for exponent in (1.0, 1.4):
        seconds = [3e-6 * n**exponent * float(np.exp(e)) for n, e in zip(pixels, noise)]
        logs = np.log(pixels), np.log(seconds)
        right = float(np.polyfit(*logs, 1)[0])
        sides = float(np.polyfit(np.log(np.sqrt(pixels)), logs[1], 1)[0])
        compare(call(function, pixels, seconds), right, {
            "this is the slope of the seconds themselves, without logarithms": float(np.polyfit(pixels, seconds, 1)[0]),
            "twice too large: this is the exponent of the side; the pixels are its square": sides,
            "only the first and the last point are used; noise in either goes straight into the answer":
                float((logs[1][-1] - logs[1][0]) / (logs[0][-1] - logs[0][0])),
            "the axes are exchanged: seconds over pixels": float(np.polyfit(logs[1], logs[0], 1)[0]),
            "only the seconds have a logarithm: that is an exponential": float(np.polyfit(pixels, logs[1], 1)[0]),
            "the line is forced through 0; it has an intercept, log c": float((logs[0] @ logs[1]) / (logs[0] @ logs[0])),
        }, f"exponent about {exponent}", rtol=1e-3)  # fmt: skip
    return "the least squares line through the logarithms, for two exponents"


@check
def sign_test(function: Callable[[int, int], float]) -> str:
    """The probability of a vote at least as lopsided as `wins` of `trials`, if nobody had a preference (two-sided)."""
    for wins, trials in ((58, 100), (7, 10), (3, 10), (65, 100), (5, 10)):
        chances = [math.comb(trials, k) / 2**trials for k in range(trials + 1)]
        far = abs(wins - trials / 2)
        right = sum(p for k, p in enumerate(chances) if abs(k - trials / 2) >= far)
        z = (far - 0.0) / (0.5 * math.sqrt(trials))
        compare(call(function, wins, trials), right, {
            "one side only: a vote for the other method would have surprised us as much": sum(chances[max(wins, trials - wins):]),
            "one side only, and the side that does not matter: count from `wins` upwards": sum(chances[wins:]),
            "this is the probability of exactly that many; the more lopsided ones count, too": chances[wins],
            "twice the probability of exactly that many; the more lopsided ones count, too": 2 * chances[wins],
            "the normal curve in place of the count: it is too small by a step for so few votes": math.erfc(z / math.sqrt(2)),
            "the vote itself is left out: at least as lopsided includes it":
                sum(p for k, p in enumerate(chances) if abs(k - trials / 2) > far),
        }, f"{wins} of {trials}", rtol=1e-6)  # fmt: skip
    return "five votes, equal to the sum of binomial chances; 58 of 100 is no proof"


class _Device:
    """A device that works on its own: starting work takes a moment, and the clock goes on while somebody waits for it."""

    def __init__(self):
        self.now, self.busy_until, self.pictures = 0.0, 0.0, 0
        self.works = [6.0, 1.3, 1.0, 1.6, 1.1]  # the first one is slow: memory, caches, compilation

    def clock(self) -> float:
        return self.now

    def paint(self) -> _Device:
        self.now += 0.01
        self.busy_until = max(self.busy_until, self.now) + self.works[self.pictures % len(self.works)]
        self.pictures += 1
        return self

    def sum(self) -> _Device:
        return self

    def item(self) -> float:
        self.now = max(self.now, self.busy_until)
        return 0.0


@check
def seconds_per_picture(function: Callable[[Callable, Callable, int], float]) -> str:
    """Mend a stopwatch: the shortest of `repeats` pictures, after one that does not count."""
    device = _Device()
    got = call(function, device.paint, device.clock, 4)
    times = [0.01 + work for work in device.works]
    compare(got, min(times[1:]), {
        "the clock was stopped before the work was done: paint() only starts it. Read a number, .sum().item(), then stop the clock":
            0.01,
        "the first picture is counted: it pays for memory, caches and compilation. Paint one before the clock starts":
            sum(times) / 5,
        "the first picture is counted, and is the longest: paint one before the clock starts": sum(times[:4]) / 4,
        "the mean; other programs only ever make a time longer, so the shortest is the cleanest": sum(times[1:]) / 4,
        "this is the time of all pictures together": sum(times[1:]),
        "the last, not the shortest": times[-1],
        "the longest, not the shortest": max(times[1:]),
    }, rtol=1e-3)  # fmt: skip
    if device.pictures != 5:
        fail(f"{device.pictures} pictures were painted; one to warm up and 4 to measure are wanted")
    return "one picture to warm up, four measured with waiting for the result, the shortest returned"


def _in_the_colours_of(style: Tensor, photo: Tensor) -> Tensor:
    """The photograph's pixels with the style's mean and covariance: WCT on three channels."""
    return nst.wct.whiten_and_colour(photo, style).clamp(0, 1)


@functools.cache
def _judges() -> dict[str, dict[str, float]]:
    """{candidate: {judge: loss}}: what three judges say of pictures that nobody painted."""
    encoder = nst.VGG19.load("lite")
    photo, style = nst.assets.picture("astronaut", 96), nst.assets.picture("night_orchard", 96)
    size = tuple(photo.shape[-2:])
    order = torch.randperm(size[0] * size[1], generator=torch.Generator().manual_seed(0))
    fitted = nst.images.resize(style, size)
    candidates = {"photograph": photo, "photograph in the style's colours": _in_the_colours_of(style, photo),
                  "shuffled pixels of the style": fitted.flatten(2)[:, :, order].view_as(fitted),
                  "the style itself": fitted}  # fmt: skip
    wanted = {k: nst.gram_matrix(f) for k, f in encoder(style, ["relu1_1", "relu3_1"]).items()}
    kept, judged = encoder(photo, ["relu4_2"])["relu4_2"], {}
    for name, picture in candidates.items():
        found = encoder(picture, ["relu1_1", "relu3_1", "relu4_2"])
        judged[name] = {f"style at {k}": float(nst.losses.style_loss(nst.gram_matrix(found[k]), wanted[k])) for k in wanted}
        judged[name]["content"] = float(nst.losses.content_loss(found["relu4_2"], kept))
    return judged


@check
def judge_of_style(function: Callable[[], dict]) -> str:
    """Read an ablation: which judge is fooled by which picture."""
    judged = _judges()
    tinted = judged["photograph in the style's colours"]
    right = {
        "best by the style loss alone": min(judged, key=lambda n: judged[n]["style at relu3_1"]),
        "best by the content loss alone": min(judged, key=lambda n: judged[n]["content"]),
        "sees better that the recoloured photograph is not painted": max(
            ("relu1_1", "relu3_1"), key=lambda k: tinted[f"style at {k}"]
        ),
        "a fair judge needs": "both losses",
    }
    answers(call(function), right, {
        ("best by the style loss alone", "photograph in the style's colours"): "read the column of relu3_1: one row is next to 0",
        ("best by the style loss alone", "shuffled pixels of the style"): "read the column of relu3_1: one row is next to 0",
        ("best by the content loss alone", "photograph in the style's colours"): "one row is exactly 0",
        ("sees better that the recoloured photograph is not painted", "relu1_1"):
            "it gives the recoloured photograph hardly any loss",
        ("a fair judge needs", "the style loss"): "it prefers the style picture to every painting",
        ("a fair judge needs", "the content loss"): "it prefers the photograph to every painting",
    })  # fmt: skip
    return "each loss alone has a winner that nobody painted, and a shallow judge takes a recoloured photograph for a painting"


__all__ = ["growth_exponent", "judge_of_style", "multiplications", "pareto_front", "seconds_per_picture", "sign_test"]
