"""Checks of the exercises of lesson 08, The four compared."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

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
    rows: list[list[Convolution]] = [[(3, 8, 9, 1, 32, 24)], [(8, 16, 3, 2, 32, 24), (16, 16, 3, 1, 16, 12)], [(4, 6, 3, 2, 15, 9)],
                                     [(2, 5, 5, 3, 17, 20), (5, 3, 1, 1, 6, 7)]]  # fmt: skip
    for layers in rows:
        counter = FlopCounterMode(display=False)
        with counter:
            for inside, out, kernel, stride, height, width in layers:
                x, weight = torch.zeros(1, inside, height, width), torch.zeros(out, inside, kernel, kernel)
                F.conv2d(x, weight, stride=stride, padding=kernel // 2)
        right = counter.get_total_flops() // 2  # torch counts multiplications and additions
        whole = sum(i * o * k * k * h * w for i, o, k, _, h, w in layers)
        floor = sum(i * o * k * k * (h // s) * (w // s) for i, o, k, s, h, w in layers)
        each = [i * o * k * k * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers]
        compare(call(function, layers), right, {
            "only the last layer is counted: add them up": each[-1],
            "only the first layer is counted: add them up": each[0],
            "these are the layers' numbers; their sum is wanted": each,
            "the stride is not used: a stride of 2 computes a quarter of the positions": whole,
            "an odd size with stride 2 has one position more: round up": floor,
            "the kernel has k x k weights for each pair of channels": sum(
                i * o * k * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
            "each output channel reads all input channels": sum(o * k * k * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
            "this is the number of weights; each is used at every position": sum(i * o * k * k for i, o, k, *_ in layers),
            "twice as many: additions are counted, too": 2 * right,
            "the biases are counted, too": right + sum(o * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
            "the input channels are counted, the output channels are not": sum(
                i * k * k * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
            "the kernel's k x k weights are not used": sum(i * o * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
            "the stride shrinks both sides": sum(i * o * k * k * -(-h // s) * w for i, o, k, s, h, w in layers),
            "no padding is meant to be lost: layers are padded by kernel // 2, so stride 1 keeps the size": sum(
                i * o * k * k * ((h - k) // s + 1) * ((w - k) // s + 1) for i, o, k, s, h, w in layers),
            "these are the numbers that come out, without the work for each": sum(
                o * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
        }, f"layers {layers}", rtol=1e-6)  # fmt: skip
    return "four rows of convolutions, equal to torch's own count"


@check
def pareto_front(function: Callable[[Mapping[str, tuple[float, float]]], Sequence[str]]) -> str:
    """The methods that no other beats in both seconds and loss, the fastest first."""
    rng = np.random.default_rng(0)
    cases = [{"a": (1.0, 5.0), "b": (2.0, 3.0), "c": (3.0, 4.0), "d": (4.0, 1.0)}]
    cases.append({"a": (1.0, 2.0), "b": (1.0, 3.0), "c": (2.0, 2.0)})  # ties
    cases.append({"c": (3.0, 3.0), "b": (1.0, 2.0), "a": (1.0, 2.0), "d": (2.0, 1.0)})  # twins
    cases.append({f"m{k}": (float(s), float(loss)) for k, (s, loss) in enumerate(rng.random((12, 2)))})
    cases.append({"alone": (1.0, 1.0)})
    for points in cases:

        def beaten(name: str, points=points) -> bool:
            s, loss = points[name]
            return any(a <= s and b <= loss and (a, b) != (s, loss) for a, b in points.values())

        right = sorted((name for name in points if not beaten(name)), key=lambda name: points[name][0])
        got = call(function, points)
        if isinstance(got, Mapping):
            fail("expected a list of names; this is a dictionary: list(…) of it gives its names")
        if isinstance(got, str) or not isinstance(got, Sequence | set | frozenset | np.ndarray):
            fail("expected a list of names")
        got = list(got)
        if any(not isinstance(name, str) or name not in points for name in got):
            fail(f"expected names, such as {right[0]!r}, got {got[0]!r}")
        ends = {min(points, key=lambda n: points[n][0]), min(points, key=lambda n: points[n][1])}
        if sorted(got) == sorted(right):
            if [points[name][0] for name in got] == [points[name][0] for name in right]:
                continue
            fail("the right methods in another order: the fastest first")
        if len(got) > len(set(got)):
            fail("a method is there twice")
        missing = [points[name] for name in right if name not in got]
        if missing and all(list(points.values()).count(point) > 1 for point in missing):
            fail("two methods with the same seconds and the same loss do not beat each other: both are on the front")
        if set(got) < set(right) and set(got) <= ends:
            fail("the fastest and the best are not all: between them may lie others that no method beats in both")
        if set(got) > set(right):
            loser = sorted(set(got) - set(right))[0]
            fail(f"{loser} {points[loser]} is beaten: another is at least as fast and has no larger loss")
        if sorted(got) == sorted(n for n in points if beaten(n)):
            fail("these are the beaten ones; the others are wanted")
        fail(f"not right for {points}: a method is on the front if no other is at least as good in both and better in one")
    return "four methods, ties, twins, twelve random ones, and one alone"


@check
def growth_exponent(function: Callable[[Sequence[float], Sequence[float]], float]) -> str:
    """The exponent p of seconds = c * pixels^p, by a straight line through the logarithms."""
    pixels = [64**2, 96**2, 256**2, 512**2]
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
            "this is log c, where the line meets the axis; its slope is wanted": float(np.polyfit(*logs, 1)[1]),
            "half of it: pixels are products of height and width already": right / 2,
            "the mean of the slopes between neighbours; the line through all points by least squares is wanted":
                float(np.mean(np.diff(logs[1]) / np.diff(logs[0]))),
            "the slope from the smallest to the next point only": float((logs[1][1] - logs[1][0]) / (logs[0][1] - logs[0][0])),
            "this is the correlation; the slope is wanted": float(np.corrcoef(*logs)[0, 1]),
            "the line is forced through 0; it has an intercept, log c": float((logs[0] @ logs[1]) / (logs[0] @ logs[0])),
        }, f"exponent about {exponent}", rtol=1e-3)  # fmt: skip
    return "the least squares line through the logarithms, for two exponents"


@check
def sign_test(function: Callable[[int, int], float]) -> str:
    """The probability of a vote at least as lopsided as `wins` of `trials`, if nobody had a preference (two-sided)."""
    for wins, trials in ((58, 100), (7, 10), (3, 10), (65, 100), (5, 10), (0, 6), (1, 1), (4, 7)):
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
            "one side only, down from the votes: the other side would have surprised us as much": sum(chances[: wins + 1]),
            "this is the share of the votes": wins / trials,
            "this is how far the vote is from one half": abs(wins / trials - 0.5),
            "this is the probability of a less lopsided vote; the others are wanted":
                1 - sum(p for k, p in enumerate(chances) if abs(k - trials / 2) >= far),
            "not divided by 2^n: these are numbers of votes": right * 2**trials,
            "twice one side: where wins is just one half, that counts the middle twice, and a probability is at most 1":
                2 * sum(chances[max(wins, trials - wins):]),
            "the vote itself is left out: at least as lopsided includes it":
                sum(p for k, p in enumerate(chances) if abs(k - trials / 2) > far),
        }, f"{wins} of {trials}", rtol=1e-6)  # fmt: skip
    return "eight votes, equal to the sum of binomial chances; 58 of 100 is no proof"


class _Device:
    """A device that works on its own: starting work takes a moment, and the clock goes on while somebody waits for it."""

    def __init__(self):
        self.now, self.busy_until, self.pictures, self.asked = 0.0, 0.0, 0, 0
        self.works = [6.0, 1.0, 1.2, 1.6, 1.3]  # the first one is slow: memory, caches, compilation

    def clock(self) -> float:
        self.asked += 1
        return self.now

    def paint(self) -> _Picture:
        self.now += 0.01
        self.busy_until = max(self.busy_until, self.now) + self.works[self.pictures % len(self.works)]
        self.pictures += 1
        return _Picture(self, self.busy_until)


class _Picture:
    """A picture that may not be there yet. Any sum, mean or cut of it is a picture, too; only a look at its numbers waits."""

    shape, ndim, device, dtype, requires_grad = torch.Size((1, 3, 64, 64)), 4, torch.device("cuda"), torch.float32, False

    def __init__(self, device: _Device, ready: float):
        self._device, self._ready = device, ready

    def __getattr__(self, name: str) -> Callable[..., _Picture]:
        if name.startswith("__") or not hasattr(Tensor, name):
            raise AttributeError(f"a picture, as a tensor, has no {name!r}")
        return lambda *_, **__: self

    def __getitem__(self, _) -> _Picture:
        return self

    def __len__(self) -> int:
        return 1

    def _wait(self) -> float:
        self._device.now = max(self._device.now, self._ready)
        return 0.5

    def item(self) -> float:
        return self._wait()

    def tolist(self) -> list[float]:
        return [self._wait()]

    def numpy(self, **_) -> np.ndarray:
        raise TypeError("can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to copy it to host memory first")

    def cpu(self) -> Tensor:
        return torch.full(self.shape, self._wait())

    def to(self, *where: Any, **keywords: Any) -> Any:
        on_the_host = any(str(place) == "cpu" for place in (*where, keywords.get("device")))
        return self.cpu() if on_the_host else self

    def __array__(self, *_, **__) -> np.ndarray:
        return self.cpu().numpy()

    def __repr__(self) -> str:
        return f"tensor({self._wait()})"

    def __format__(self, _: str) -> str:
        return repr(self)

    def __float__(self) -> float:
        return self._wait()

    def __int__(self) -> int:
        return int(self._wait())

    def __bool__(self) -> bool:
        return bool(self._wait())

    def __add__(self, _) -> _Picture:
        return self

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __lt__ = __gt__ = __add__


@check
def seconds_per_picture(function: Callable[[Callable, Callable, int], float]) -> str:
    """Mend a stopwatch: the shortest of `repeats` pictures, after one that does not count."""
    device, repeats = _Device(), 4
    waits = "the picture is on a device of its own: read a number of it, such as paint().sum().item(), and the work is done"
    got = call(function, device.paint, device.clock, repeats, if_it_raises=waits)
    times = [0.01 + work for work in device.works]
    if device.asked == 0:
        fail("the clock that was given was not asked: call clock() before and after, whatever clock it is")
    compare(got, min(times[1:]), {
        "the clock was stopped before the work was done: paint() only starts it. Read a number, .sum().item(), then stop the clock":
            0.01,
        "the first picture is counted: it pays for memory, caches and compilation. Paint one before the clock starts":
            sum(times) / 5,
        "the first picture is counted, and is the longest: paint one before the clock starts": sum(times[:4]) / 4,
        "the warm-up picture was not waited for: the first measured one waits for both. Read a number of it, too": min(times[2:]),
        "the mean; other programs only ever make a time longer, so the shortest is the cleanest": sum(times[1:]) / 4,
        "the median; other programs only ever make a time longer, so the shortest is the cleanest": float(np.median(times[1:])),
        "this is the time of all pictures together": sum(times[1:]),
        "this is the time of all pictures together, the first one, too": sum(times),
        "the last, not the shortest": times[-1],
        "the longest, not the shortest": max(times[1:]),
        "these are all the times; the shortest is wanted": times[1:],
        "divided by the repeats, though each time is one picture's": min(times[1:]) / repeats,
    }, rtol=1e-3)  # fmt: skip
    if device.pictures != repeats + 1:
        fail(f"{device.pictures} pictures were painted; one to warm up and {repeats} to measure are wanted")
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
        ("best by the style loss alone", "photograph"): "read the column of relu3_1: one row is next to 0",
        ("best by the content loss alone", "photograph in the style's colours"): "one row is exactly 0",
        ("best by the content loss alone", "shuffled pixels of the style"): "one row is exactly 0",
        ("best by the content loss alone", "the style itself"): "one row is exactly 0",
        ("sees better that the recoloured photograph is not painted", "relu1_1"):
            "it gives the recoloured photograph hardly any loss",
        ("a fair judge needs", "the style loss"): "it prefers the style picture to every painting",
        ("a fair judge needs", "the content loss"): "it prefers the photograph to every painting",
    })  # fmt: skip
    return "each loss alone has a winner that nobody painted, and a shallow judge takes a recoloured photograph for a painting"


__all__ = ["growth_exponent", "judge_of_style", "multiplications", "pareto_front", "seconds_per_picture", "sign_test"]
