"""Checks of the exercises of lesson 10, After Gatys."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

import nst
from nst.teaching.checks.machinery import answers, call, check, close, compare, fail, must_learn, number, randn


def _cloud(channels: int, places: int, seed: int) -> Tensor:
    """Columns of channels that go together, with means of their own: (C, N), float64."""
    mixing = randn(channels, channels, seed=seed + 10) + torch.eye(channels)
    return (mixing @ randn(channels, places, seed=seed) + 0.5 * torch.arange(1.0, channels + 1)[:, None]).double()


def _learns(function: Callable, x: Tensor, *rest: Tensor) -> None:
    """CheckFailed unless a finite gradient comes back to the picture's columns."""
    x = x.clone().requires_grad_()
    loss = must_learn(call(function, x, *rest), "a picture")
    (gradient,) = torch.autograd.grad(loss.sum(), x, allow_unused=True)
    if gradient is None or not gradient.any():
        fail("no gradient reaches x: a picture could not learn from this loss. Only the choice (which one is nearest, which order) "
             "may be made without a gradient")  # fmt: skip
    if not torch.isfinite(gradient).all():
        fail("the loss is right, but its gradient is NaN or infinite: the root of 0 has an infinite slope. Add something tiny "
             "under the root, or keep away from 0 with clamp_min")  # fmt: skip


def _root(matrix: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values.clip(0) ** 0.5) @ vectors.T


def _moments(x: Tensor, ddof: int = 0) -> tuple[np.ndarray, np.ndarray]:
    return x.numpy().mean(1), np.atleast_2d(np.cov(x.numpy(), ddof=ddof))


def _gaussian(x: Tensor, y: Tensor, ddof: int = 0) -> float:
    """Through singular values: tr (A^(1/2) B A^(1/2))^(1/2) is the sum of those of A^(1/2) B^(1/2)."""
    (m, a), (n, b) = _moments(x, ddof), _moments(y, ddof)
    return float(((m - n) ** 2).sum() + a.trace() + b.trace() - 2 * np.linalg.svd(_root(a) @ _root(b), compute_uv=False).sum())


@check
def gaussian_distance(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """W2^2 of the normal distributions with the mean and covariance of two clouds: (C, N), (C, M) -> a number."""
    x, y = _cloud(5, 60, 0), _cloud(5, 45, 1)
    (m, a), (n, b) = _moments(x), _moments(y)
    means, spread = ((m - n) ** 2).sum(), a.trace() + b.trace()
    cross = np.linalg.svd(_root(a) @ _root(b), compute_uv=False).sum()
    compare(call(function, x, y), means + spread - 2 * cross, {
        "the means are missing: two clouds of one shape in two places are not alike": spread - 2 * cross,
        "the cross term counts twice: A + B - 2 (…)^(1/2)": means + spread - cross,
        "the outer root is missing: tr B^(1/2) A B^(1/2) is the trace of A B": means + spread - 2 * np.trace(a @ b),
        "tr A^(1/2) B^(1/2) is something else, unless A and B have the same eigenvectors; the root is taken of the product "
        "B^(1/2) A B^(1/2)": means + spread - 2 * np.trace(_root(a) @ _root(b)),
        "these are the deviations of each channel alone, AdaIN's part; the covariances between channels are missing":
            means + ((a.diagonal() ** 0.5 - b.diagonal() ** 0.5) ** 2).sum(),
        "the covariances are divided by N - 1; here they are divided by N": _gaussian(x, y, 1),
        "this is the distance; its square is wanted, which has no infinite slope at 0": (means + spread - 2 * cross) ** 0.5,
        "the covariances are compared number by number, as Gram matrices are": means + ((a - b) ** 2).sum(),
        "the means are not squared": np.linalg.norm(m - n) + spread - 2 * cross,
    })  # fmt: skip
    few = _cloud(6, 4, 2)  # four places span three directions
    got, right = call(function, few, _cloud(6, 50, 3)), _gaussian(few, _cloud(6, 50, 3))
    if not close(got, right, 1e-3):
        fail(f"with fewer places than channels: expected {right:.4g}, got {float(number(got)):.4g}. Some eigenvalues are 0, and "
             "rounding makes them negative: clamp_min(0) before the root")  # fmt: skip
    _learns(function, few, _cloud(6, 50, 3))
    return "means and covariances, equal to what the singular values of A^(1/2) B^(1/2) give; few places and the gradient, too"


def _quantiles(a: np.ndarray, count: int) -> np.ndarray:
    """What stands at the middle of each of `count` equal shares of the ranks, row by row."""
    a = np.sort(a, 1)
    return a[:, ((np.arange(count) + 0.5) / count * a.shape[1]).astype(int)]


@check
def sliced_distance(function: Callable[[Tensor, Tensor, Tensor], Tensor]) -> str:
    """The mean over directions and ranks of the squared difference of sorted projections: (C, N), (C, M), (K, C) -> a number."""
    for places, fewer in ((24, 24), (24, 8)):
        x, y, v = _cloud(4, places, 0), _cloud(4, fewer, 1), randn(7, 4, seed=5).double()
        v = v / v.norm(dim=1, keepdim=True)
        p, q, k = (v @ x).numpy(), (v @ y).numpy(), places // fewer
        right = ((np.sort(p, 1) - _quantiles(q, places)) ** 2).mean()
        sorted_p, sorted_q = np.sort(p, 1), np.sort(q, 1)
        first = (v @ x.sort(1).values).numpy(), (v @ y.sort(1).values).numpy()
        mistakes = {
            "the channels were sorted before the projection: that tears the columns apart. Project first, then sort":
                ((first[0] - np.repeat(first[1], k, 1)) ** 2).mean(),
            "nothing is sorted: places have no order, and the first of x has nothing to do with the first of y":
                ((p - np.repeat(q, k, 1)) ** 2).mean(),
            "sorted over the directions; each direction is a row, and its places are sorted":
                ((np.sort(p, 0) - np.repeat(np.sort(q, 0), k, 1)) ** 2).mean(),
            "only one of the two is sorted": ((sorted_p - np.repeat(q, k, 1)) ** 2).mean(),
            "only one of the two is sorted: x stands as it came": ((p - np.repeat(sorted_q, k, 1)) ** 2).mean(),
            "absolute differences: that is Wasserstein-1": np.abs(sorted_p - _quantiles(q, places)).mean(),
            "the sum over directions and ranks; the mean is wanted": right * p.size,
            "the sum over ranks; the mean is wanted": right * places,
            "the sum over directions; the mean is wanted": right * len(v),
            "the root of the mean; its square is wanted": right**0.5,
        }  # fmt: skip
        if k > 1:
            mistakes |= {
                "the sorted values of y were repeated one row behind the other (repeat, tile): each must be repeated in its place "
                "(repeat_interleave), so that the row stays sorted": ((sorted_p - np.tile(sorted_q, (1, k))) ** 2).mean(),
                "x was cut to the number of y's places before it was sorted: a third of the picture does not count":
                    ((np.sort(p[:, :fewer], 1) - sorted_q) ** 2).mean(),
                "only the smallest of x's sorted values are compared: the largest ones are cut away":
                    ((sorted_p[:, :fewer] - sorted_q) ** 2).mean(),
            }  # fmt: skip
        got = call(function, x, y, v, if_it_raises=f"given {places} places of the picture and {fewer} of the style: each value of "
                   f"the style stands for {k} of the picture")  # fmt: skip
        compare(got, right, mistakes, f"{places} places and {fewer}")
    _learns(function, x, y, v)
    return "project, sort, compare; equal numbers of places, and three times as many"


def _far(x: np.ndarray, y: np.ndarray, x_mean: np.ndarray, y_mean: np.ndarray) -> np.ndarray:
    x, y = x - x_mean, y - y_mean
    return 1 - (x / np.linalg.norm(x, axis=0)).T @ (y / np.linalg.norm(y, axis=0))


def _relaxed(a: np.ndarray, b: np.ndarray) -> dict[str, float]:
    """What is right for a pair of clouds, and what the typical mistakes give."""
    m, n = b.mean(1, keepdims=True), a.mean(1, keepdims=True)
    d, plain, own = _far(a, b, m, m), _far(a, b, 0 * m, 0 * m), _far(a, b, n, m)
    rows, columns = d.min(1).mean(), d.min(0).mean()
    products = 1 - (a - m).T @ (b - m)
    squares = ((a[:, :, None] - b[:, None]) ** 2).sum(0)
    return {
        "right": max(rows, columns),
        "this is the smaller of the two means: the loss would be content with the easier question": min(rows, columns),
        "one direction only: does every place of the picture find one of the style's? A picture that repeats one stroke passes":
            rows,
        "one direction only: is every place of the style found? Places of the picture that look like nothing pass": columns,
        "the two means are added; the larger one is wanted": rows + columns,
        "the two means are averaged; the larger one is wanted": (rows + columns) / 2,
        "the columns are not divided by their lengths: these are products, not cosines":
            max(products.min(1).mean(), products.min(0).mean()),
        "the style's mean is not taken away": max(plain.min(1).mean(), plain.min(0).mean()),
        "each cloud has lost its own mean: then a picture in other colours would be at no distance. Take the style's from both":
            max(own.min(1).mean(), own.min(0).mean()),
        "the farthest partner, not the nearest: with cosines one takes the largest, with distances the smallest":
            max(d.max(1).mean(), d.max(0).mean()),
        "these are squared distances of columns, not 1 - cosine": max(squares.min(1).mean(), squares.min(0).mean()),
        "these are cosines; the distance is 1 - cosine": 1 - max(rows, columns),
        "the nearest of all pairs: the minimum is taken for each row, then the mean": d.min(),
        "the mean of all distances: where are the minima?": d.mean(),
    }  # fmt: skip


@check
def relaxed_distance(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """max(mean over i of min over j of D_ij, mean over j of min over i of D_ij): (C, N), (C, M) -> a number."""
    one, two = _cloud(6, 30, 0), _cloud(6, 20, 1)
    pairs = ((one, two), (one, two[:, :4]), (one[:, :3], two))  # what is not used counts in one, what is not found in another
    given = [number(call(function, x, y)) for x, y in pairs]
    for value in given:
        if value is None or value.ndim:
            what = "no number" if value is None else f"the shape {tuple(value.shape)}"
            fail(f"expected one number, got {what}: where are the means?")
    tables = [_relaxed(x.numpy(), y.numpy()) for x, y in pairs]
    right, *wrong = ({hint: [table[hint] for table in tables]} for hint in tables[0])
    compare(torch.stack(given), right["right"], {hint: values for each in wrong for hint, values in each.items()},
            "30 places and 20, 30 and 4, 3 and 20")  # fmt: skip
    _learns(function, one, two)
    return "both directions, the larger one; cosines seen from the style's mean"


@check
def self_similarity(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """1/N sum over i, j of |D_ij / sum_i D_ij - D'_ij / sum_i D'_ij|, D = 1 - cosine: (C, N), (C, N) -> a number."""
    x, y = _cloud(6, 14, 0), _cloud(6, 14, 1)
    zero = np.zeros((6, 1))
    d, e = (_far(p.numpy(), p.numpy(), zero, zero) for p in (x, y))
    p, q = d / d.sum(0), e / e.sum(0)
    cross = _far(x.numpy(), y.numpy(), zero, zero)
    centred = [_far(t.numpy(), t.numpy(), t.numpy().mean(1, keepdims=True), t.numpy().mean(1, keepdims=True)) for t in (x, y)]
    c, f = (t / t.sum(0) for t in centred)
    cosines = [(1 - t) / (1 - t).sum(0) for t in (d, e)]
    lengths = [((t.numpy()[:, :, None] - t.numpy()[:, None]) ** 2).sum(0) for t in (x, y)]
    n = len(d)
    compare(call(function, x, y), np.abs(p - q).sum() / n, {
        "the columns of D are not divided by their sums": np.abs(d - e).sum() / n,
        "D is divided by the sum of all its entries; each column by its own": np.abs(d / d.sum() - e / e.sum()).sum() / n,
        "the bars are missing: without them the differences of each column add up to 0": (p - q).sum() / n,
        "squares in place of absolute values": ((p - q) ** 2).sum() / n,
        "the sum over i and j is not divided by N": np.abs(p - q).sum(),
        "divided by N^2: the paper's mean over all entries; here it is 1/N": np.abs(p - q).mean(),
        "distances of one picture's places from the other's: each table stays within its own picture":
            np.abs(cross / cross.sum(0)).sum() / n,
        "these are cosines; D is 1 - cosine": np.abs(cosines[0] - cosines[1]).sum() / n,
        "the means were taken away: that is the style's distance; here the columns stay as they are": np.abs(c - f).sum() / n,
        "these are squared distances of columns, not 1 - cosine":
            np.abs(lengths[0] / lengths[0].sum(0) - lengths[1] / lengths[1].sum(0)).sum() / n,
    })  # fmt: skip
    turned = torch.linalg.qr(randn(6, 6, seed=7))[0].double()
    if not close(number(call(function, 3 * turned @ x, x)) + 1, 1.0, 1e-5):
        fail("features that are turned and three times as large keep their cosines, and must cost nothing: is something compared "
             "besides 1 - cosine?")  # fmt: skip
    _learns(function, x, y)
    return "tables of distances within each picture, each column divided by its sum; blind to a turn and to a factor"


@check
def root_by_products(function: Callable[[Tensor], Tensor]) -> str:
    """The root of a symmetric positive matrix (C, C): multiplied by itself it gives the matrix."""
    cloud = _cloud(6, 200, 0)
    a = torch.cov(cloud) + 0.05 * torch.eye(6).double()
    right = torch.from_numpy(_root(a.numpy()))
    norm, trace = float(a.norm()), float(a.trace())
    inverse = torch.linalg.inv(right)
    for scale in (1.0, 1e4, 1e-4):
        got = call(function, a * scale)
        s = scale**0.5
        if isinstance(got, Tensor) and got.shape == a.shape and not torch.isfinite(got).all():
            fail("NaN or infinite: the steps run away. They do where an eigenvalue is above 3: divide the matrix by its norm "
                 "first, which puts all eigenvalues into 0 … 1. And they do where the products stand the other way round: Y T and "
                 "T Z keep rounding small, T Y and Z T let it grow")  # fmt: skip
        mistakes: dict[str, Tensor | float] = {
            "this is the inverse root: Y goes to the root, Z to its inverse": inverse / s,
            "the matrix itself": a * scale,
            "this is Z of the divided matrix; Y goes to the root": inverse * norm**0.5,
            "the root of the divided matrix: multiply by the root of what you divided by": right / norm**0.5,
            "the root of the divided matrix: multiply by the root of the trace you divided by": right / trace**0.5,
            "multiplied by what you divided by; the root of that is right: (A / n)^(1/2) n^(1/2) = A^(1/2)":
                right * s * (norm * scale) ** 0.5,
            "multiplied by the trace you divided by; its root is right": right * s * (trace * scale) ** 0.5,
            "the root of each entry is not the root of the matrix": (a * scale).abs().sqrt(),
            "the square, not the root": a @ a * scale**2,
        }  # fmt: skip
        if not close(got, right * s, 1e-3):
            for hint, wrong in mistakes.items():
                if close(got, wrong, 1e-3):
                    fail(hint)
            for steps in range(1, 13):
                if close(got, _iterated(a * scale, steps), 1e-4):
                    fail(f"right so far, but {steps} steps are too few for the small eigenvalues: each step multiplies their "
                         "roots by 3/2 at most. Take 20")  # fmt: skip
        compare(got, right * s, mistakes, f"a covariance times {scale:g}", rtol=1e-3)
    b = a.clone().requires_grad_()
    loss = must_learn(call(function, b).trace(), "a picture")
    (gradient,) = torch.autograd.grad(loss, b)
    if not close((gradient + gradient.T) / 2, inverse / 2, 1e-2):
        fail("the root is right, but its gradient is not: d tr A^(1/2) / dA = A^(-1/2) / 2. Was a part computed without gradient?")
    return "its square is the matrix, at three scales; the gradient of its trace is A^(-1/2) / 2"


def _iterated(a: Tensor, steps: int) -> Tensor:
    """Newton-Schulz on each eigenvalue by itself, from the matrix divided by its norm."""
    values, vectors = torch.linalg.eigh(a / a.norm())
    y, z = values, torch.ones_like(values)
    for _ in range(steps):
        t = (3 - z * y) / 2
        y, z = y * t, t * z
    return vectors * (y * a.norm() ** 0.5) @ vectors.T


@functools.cache
def _textures() -> dict[str, Tensor]:
    def discs(seed: int, side: int = 128) -> np.ndarray:
        draw, picture = np.random.default_rng(seed), np.zeros((3, side, side))
        y, x = np.mgrid[:side, :side]
        for row, column, radius, *colour in draw.uniform(size=(800, 6)):
            down, across = ((n - side * m + side / 2) % side - side / 2 for n, m in ((y, row), (x, column)))
            picture[:, down**2 + across**2 < (side * (0.02 + 0.06 * radius**2)) ** 2] = np.array(colour)[:, None]
        flat = picture.reshape(3, -1) - picture.mean((1, 2))[:, None]  # grey on average, no colour stronger than another:
        return (0.5 + 0.15 * np.linalg.solve(_root(np.cov(flat)), flat)).reshape(picture.shape)  # the discs differ

    encoder = nst.VGG19.load("lite").double()

    def cloud(picture: np.ndarray) -> Tensor:
        with torch.no_grad():
            padded = torch.from_numpy(np.pad(picture, ((0, 0), (2, 2), (2, 2)), mode="wrap"))[None]
            return encoder(padded, ["conv1_1"])["conv1_1"][..., 2:-2, 2:-2].flatten(2)[0]

    ours = discs(0)
    turn = np.fft.fft2(np.random.default_rng(2).uniform(size=ours.shape[1:]))
    turn /= np.abs(turn)
    turn[0, 0] = 1
    fog = np.fft.ifft2(np.fft.fft2(ours) * turn).real
    return {"discs": cloud(ours), "fog": cloud(fog), "other discs": cloud(discs(1))}


def equal_gram_textures() -> dict[str, Tensor]:
    """{"discs", "fog", "other discs"}: clouds (64, 16384) of conv1_1 before the ReLU, of pictures whose borders meet.

    The fog has the discs' waves with phases of its own: mean and Gram matrix are equal. The other discs are another draw.
    """
    return {name: x.clone() for name, x in _textures().items()}


@functools.cache
def _verdicts() -> dict[str, str]:
    """{distance: which of the two it puts further from the discs}."""
    clouds = equal_gram_textures()
    v = randn(64, 64, seed=0).double()
    v = v / v.norm(dim=1, keepdim=True)
    some = {name: x[:, ::13] for name, x in clouds.items()}
    y, thin = clouds["discs"], some["discs"]

    def gram(x: Tensor) -> float:
        return float((x @ x.T / x.shape[1] - y @ y.T / y.shape[1]).square().sum())

    def sliced(x: Tensor) -> float:
        return float(((v @ x).sort(1).values - (v @ y).sort(1).values).square().mean())

    def histograms(x: Tensor) -> float:
        return float((x.sort(1).values - y.sort(1).values).square().mean())

    measured = {
        "Gram": {name: gram(clouds[name]) for name in ("fog", "other discs")},
        "Gaussian W2": {name: _gaussian(clouds[name], y) for name in ("fog", "other discs")},
        "histograms": {name: histograms(clouds[name]) for name in ("fog", "other discs")},
        "sliced": {name: sliced(clouds[name]) for name in ("fog", "other discs")},
        "matched places": {name: float(nst.losses.relaxed_emd(some[name][None], thin[None])) for name in ("fog", "other discs")},
    }  # fmt: skip

    return {name: max(found, key=found.get) for name, found in measured.items()}


@check
def tells_apart(function: Callable[[], dict]) -> str:
    """Read an experiment: which of five distances put the fog further from the discs than other discs are?"""
    right = {**_verdicts(), "the other discs are there": "as a control"}
    seen = "read both columns: the larger number is further away"
    answers(call(function), right, {
        ("Gram", "fog"): "the fog's Gram matrix is the discs' own: its distance is 0 to rounding, and the other discs' is not",
        ("Gaussian W2", "fog"): "it reads mean and covariance, and both are equal for fog and discs; rounding is all that is left",
        ("histograms", "other discs"):
            f"{seen}. Each pixel of the fog is a sum of many waves: its histogram is a bell, the discs' is not",
        ("sliced", "other discs"): f"{seen}. Along each line the fog is a bell, and the discs are not",
        ("matched places", "other discs"): f"{seen}. A flat piece within a disc has no partner in the fog",
        ("the other discs are there", "as a second style"):
            "they are the same style, drawn again. What does a distance say of two pictures that should count as alike?",
        ("the other discs are there", "for the mean"): "one draw makes no mean. What would a distance above 0 mean without them?",
    })  # fmt: skip
    return "moments take the fog for the better discs; what reads the whole cloud does not"


__all__ = ["equal_gram_textures", "gaussian_distance", "relaxed_distance", "root_by_products", "self_similarity", "sliced_distance",
           "tells_apart"]  # fmt: skip
