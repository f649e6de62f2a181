"""Wrong answers to the exercises of lesson 08."""

import math
import time

import numpy as np
from wrong import predictions, wrong

from nst.teaching import checks


def work(layers, kernel=lambda k: k**2, inside=lambda i: i, size=lambda n, s: -(-n // s)):
    return sum(o * inside(i) * kernel(k) * size(h, s) * size(w, s) for i, o, k, s, h, w in layers)


wrong(checks.multiplications, {
    "stride is not used": lambda layers: work(layers, size=lambda n, s: n),
    "round up": lambda layers: work(layers, size=lambda n, s: n // s),
    "k x k weights": lambda layers: work(layers, kernel=lambda k: k),
    "reads all input channels": lambda layers: work(layers, inside=lambda i: 1),
    "number of weights": lambda layers: work(layers, size=lambda n, s: 1),
    "additions are counted": lambda layers: 2 * work(layers),
})  # fmt: skip


def timed(warm=True, wait=True, reduce=min):
    """A stopwatch with some of its parts missing."""

    def seconds(paint, clock, repeats):
        if warm:
            paint().sum().item()
        times = []
        for _ in range(repeats):
            began = clock()
            picture = paint()
            if wait:
                picture.sum().item()
            times.append(clock() - began)
        return reduce(times)

    return seconds


wrong(checks.seconds_per_picture, {
    "before the work was done": timed(wait=False),
    "the first picture is counted, and is the longest": timed(warm=False, reduce=lambda t: sum(t) / len(t)),
    "so the shortest is the cleanest": timed(reduce=lambda t: sum(t) / len(t)),
    "all pictures together": timed(reduce=sum),
    "the last, not the shortest": timed(reduce=lambda t: t[-1]),
    "the longest, not the shortest": timed(reduce=max),
    "4 pictures were painted": timed(warm=False),
})  # fmt: skip

wrong(checks.growth_exponent, {
    "without logarithms": lambda n, s: np.polyfit(n, s, 1)[0],
    "exponent of the side": lambda n, s: np.polyfit(np.log(n) / 2, np.log(s), 1)[0],
    "first and the last": lambda n, s: math.log(s[-1] / s[0]) / math.log(n[-1] / n[0]),
    "axes are exchanged": lambda n, s: np.polyfit(np.log(s), np.log(n), 1)[0],
    "that is an exponential": lambda n, s: np.polyfit(n, np.log(s), 1)[0],
})  # fmt: skip


def front(points, beats):
    names = [n for n, p in points.items() if not any(beats(q, p) for m, q in points.items() if m != n)]
    return sorted(names, key=lambda n: points[n][0])


def right_front(points):
    return front(points, lambda q, p: q[0] <= p[0] and q[1] <= p[1] and q != p)


wrong(checks.pareto_front, {
    "are not all": lambda points: [min(points, key=lambda n: points[n][k]) for k in (0, 1)],
    "is beaten": lambda points: sorted(points, key=lambda n: points[n][0]),
    "the fastest first": lambda points: right_front(points)[::-1],
    "beaten ones": lambda points: [n for n in points if n not in right_front(points)],
    "at least as fast and has no larger loss": lambda points: front(points, lambda q, p: q[0] < p[0] and q[1] < p[1]),
})  # fmt: skip


def chance(k, n):
    return math.comb(n, k) / 2**n


wrong(checks.sign_test, {
    "one side only: a vote": lambda wins, n: sum(chance(k, n) for k in range(max(wins, n - wins), n + 1)),
    "one side only": lambda wins, n: sum(chance(k, n) for k in range(wins, n + 1)),
    "exactly that many; the more": lambda wins, n: chance(wins, n),
    "twice the probability": lambda wins, n: 2 * chance(wins, n),
    "normal curve": lambda wins, n: math.erfc(abs(wins - n / 2) / (math.sqrt(n) / 2) / math.sqrt(2)),
    "itself is left out": lambda wins, n: sum(chance(k, n) for k in range(n + 1) if abs(k - n / 2) > abs(wins - n / 2)),
})  # fmt: skip

JUDGES = {"best by the style loss alone": "the style itself", "best by the content loss alone": "photograph",
          "sees better that the recoloured photograph is not painted": "relu3_1", "a fair judge needs": "both losses"}  # fmt: skip
wrong(checks.judge_of_style, {
    "one row is next to 0": predictions(JUDGES, place=0, to="photograph in the style's colours"),
    "one row is exactly 0": predictions(JUDGES, place=1, to="photograph in the style's colours"),
    "hardly any loss": predictions(JUDGES, place=2, to="relu1_1"),
    "prefers the style picture": predictions(JUDGES, place=3, to="the style loss"),
    "prefers the photograph": predictions(JUDGES, place=3, to="the content loss"),
})  # fmt: skip


def of_each(layers):
    return [work([layer]) for layer in layers]


wrong(checks.multiplications, {
    "the biases are counted": lambda layers: work(layers) + work(layers, kernel=lambda k: 1, inside=lambda i: 1),
    "the output channels are not": lambda layers: sum(i * k * k * -(-h // s) * -(-w // s) for i, o, k, s, h, w in layers),
    "the kernel's k x k weights are not used": lambda layers: work(layers, kernel=lambda k: 1),
    "shrinks both sides": lambda layers: sum(o * i * k * k * -(-h // s) * w for i, o, k, s, h, w in layers),
    "padded by kernel // 2": lambda layers: sum(
        o * i * k * k * ((h - k) // s + 1) * ((w - k) // s + 1) for i, o, k, s, h, w in layers),
    "only the last layer": lambda layers: of_each(layers)[-1],
    "only the first layer": lambda layers: of_each(layers)[0],
    "their sum is wanted": of_each,
    "without the work for each": lambda layers: work(layers, kernel=lambda k: 1, inside=lambda i: 1),
})  # fmt: skip


def impatient_at_first(paint, clock, repeats):
    paint()
    return timed(warm=False)(paint, clock, repeats)


def own_clock(paint, clock, repeats):
    return timed()(paint, time.perf_counter, repeats)


def fetches_the_shape(paint, clock, repeats):
    times = []
    for _ in range(repeats + 1):
        began = clock()
        paint().shape[0]
        times.append(clock() - began)
    return min(times[1:])


def in_numpy(paint, clock, repeats):
    paint().numpy()


wrong(checks.seconds_per_picture, {
    "the first measured one waits for both": impatient_at_first,
    "was not asked": own_clock,
    "Read a number": fetches_the_shape,
    "a device of its own": in_numpy,
    "the median": timed(reduce=lambda t: sorted(t)[1] / 2 + sorted(t)[2] / 2),
    "the first one, too": lambda paint, clock, repeats: timed(warm=False, reduce=sum)(paint, clock, repeats + 1),
    "these are all the times": timed(reduce=list),
    "divided by the repeats": timed(reduce=lambda t: min(t) / len(t)),
    "6 pictures were painted": lambda paint, clock, repeats: timed()(paint, clock, repeats + 1),
})  # fmt: skip

wrong(checks.growth_exponent, {
    "this is log c": lambda n, s: np.polyfit(np.log(n), np.log(s), 1)[1],
    "half of it": lambda n, s: np.polyfit(2 * np.log(n), np.log(s), 1)[0],
    "slopes between neighbours": lambda n, s: np.mean(np.diff(np.log(s)) / np.diff(np.log(n))),
    "to the next point only": lambda n, s: math.log(s[1] / s[0]) / math.log(n[1] / n[0]),
    "the correlation": lambda n, s: np.corrcoef(np.log(n), np.log(s))[0, 1],
    "forced through 0": lambda n, s: (np.log(n) @ np.log(s)) / (np.log(n) @ np.log(n)),
})  # fmt: skip


def swept(points):
    lowest, names = float("inf"), []
    for name, (_, loss) in sorted(points.items(), key=lambda item: item[1]):
        if loss < lowest:
            lowest = loss
            names.append(name)
    return names


def takes_away(points):
    for name in list(points):
        if name not in right_front(points):
            points.pop(name)
    return sorted(points, key=lambda n: points[n][0])


wrong(checks.pareto_front, {
    "the same seconds and the same loss": swept,
    "both are on the front": lambda points: front(points, lambda q, p: q[0] <= p[0] and q[1] <= p[1]),
    "changes the list or dictionary": takes_away,
    "expected a list of names": lambda points: ", ".join(right_front(points)),
    "this is a dictionary": lambda points: {name: points[name] for name in right_front(points)},
    "expected names, such as 'a'": lambda points: [points[name] for name in right_front(points)],
    "is there twice": lambda points: [name for name in right_front(points) for _ in (0, 1)],
    "not right for": lambda points: sorted(sorted(points, key=lambda n: points[n][1])[:3], key=lambda n: points[n][0]),
})  # fmt: skip

wrong(checks.sign_test, {
    "down from the votes": lambda wins, n: sum(chance(k, n) for k in range(wins + 1)),
    "the share of the votes": lambda wins, n: wins / n,
    "how far the vote is": lambda wins, n: abs(wins / n - 0.5),
    "less lopsided vote": lambda wins, n: sum(chance(k, n) for k in range(n + 1) if abs(k - n / 2) < abs(wins - n / 2)),
    "these are numbers of votes": lambda wins, n: sum(math.comb(n, k) for k in range(n + 1) if abs(k - n / 2) >= abs(wins - n / 2)),
    "a probability is at most 1": lambda wins, n: 2 * sum(chance(k, n) for k in range(max(wins, n - wins), n + 1)),
})  # fmt: skip

wrong(checks.judge_of_style, {
    "the column of relu3_1": predictions(JUDGES, place=0, to="shuffled pixels of the style"),
    "next to 0": predictions(JUDGES, place=0, to="photograph"),
    "exactly 0": predictions(JUDGES, place=1, to="the style itself"),
    "none of the words": predictions(JUDGES, place=3, to="neither"),
})  # fmt: skip
