"""Wrong answers to the exercises of lesson 10."""

import torch
import torch.nn.functional as F
from wrong import predictions, wrong

from nst.teaching import checks


def moments(x, less=0):
    mean = x.mean(1, keepdim=True)
    return mean, (x - mean) @ (x - mean).T / (x.shape[1] - less)


def root(a):
    values, vectors = torch.linalg.eigh(a)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T


def cross_of(a, b, tiny=1e-12):
    half = root(b)
    return (torch.linalg.eigvalsh(half @ a @ half).clamp_min(0) + tiny).sqrt().sum()


def gaussian(x, y, means=1, factor=2, less=0, cross=cross_of):
    (m, a), (n, b) = moments(x, less), moments(y, less)
    return means * (m - n).square().sum() + a.trace() + b.trace() - factor * cross(a, b)


def deviations(x, y):
    return (x.mean(1) - y.mean(1)).square().sum() + (x.std(1, correction=0) - y.std(1, correction=0)).square().sum()


def numbers(x, y):
    (m, a), (n, b) = moments(x), moments(y)
    return (m - n).square().sum() + (a - b).square().sum()


def steep_root(a, b):
    values = torch.linalg.eigvalsh(root(b) @ a @ root(b))
    return (values * (values > 1e-9)).sqrt().sum()


def negative_root(a, b):
    return torch.linalg.eigvalsh(root(b) @ a @ root(b)).sqrt().sum()


def centred_in_place(x, y):
    x -= x.mean(1, keepdim=True)
    return gaussian(x, y)


wrong(checks.gaussian_distance, {
    "the means are missing": lambda x, y: gaussian(x, y, means=0),
    "cross term counts twice": lambda x, y: gaussian(x, y, factor=1),
    "the outer root is missing": lambda x, y: gaussian(x, y, cross=lambda a, b: (root(b) @ a @ root(b)).trace()),
    "is something else, unless": lambda x, y: gaussian(x, y, cross=lambda a, b: (root(a) @ root(b)).trace()),
    "AdaIN's part": deviations,
    "divided by N - 1": lambda x, y: gaussian(x, y, less=1),
    "this is the distance; its square": lambda x, y: gaussian(x, y).sqrt(),
    "number by number": numbers,
    "its gradient is NaN or infinite": lambda x, y: gaussian(x, y, cross=steep_root),
    "clamp_min(0) before the root": lambda x, y: gaussian(x, y, cross=negative_root),
    "carries no gradient": lambda x, y: gaussian(x, y).item(),
    "in place": centred_in_place,
})  # fmt: skip


def times(x, y):
    return x.shape[1] // y.shape[1]


def rows(x, y, v, sort=lambda p: p.sort(1).values, sort_y=None):
    a, b = sort(v @ x), (sort_y or sort)(v @ y)
    return (a - b.repeat_interleave(times(x, y), 1)).square()


def before(x, y, v):
    a, b = v @ x.sort(1).values, v @ y.sort(1).values
    return (a - b.repeat_interleave(times(x, y), 1)).square().mean()


def over_directions(x, y, v):
    return rows(x, y, v, sort=lambda p: p.sort(0).values).mean()


def tiled(x, y, v):
    return ((v @ x).sort(1).values - (v @ y).sort(1).values.repeat(1, times(x, y))).square().mean()


def cut(x, y, v):
    return ((v @ x[:, : y.shape[1]]).sort(1).values - (v @ y).sort(1).values).square().mean()


def cut_later(x, y, v):
    return ((v @ x).sort(1).values[:, : y.shape[1]] - (v @ y).sort(1).values).square().mean()


def by_numpy(x, y, v):
    return torch.from_numpy(rows(x.detach(), y, v).numpy()).mean()


def as_it_is(p):
    return p


wrong(checks.sliced_distance, {
    "before the projection": before,
    "nothing is sorted": lambda x, y, v: rows(x, y, v, sort=as_it_is).mean(),
    "sorted over the directions": over_directions,
    "only one of the two is sorted:|only one of the two is sorted": lambda x, y, v: rows(x, y, v, sort_y=as_it_is).mean(),
    "x stands as it came": lambda x, y, v: rows(x, y, v, sort=as_it_is, sort_y=lambda p: p.sort(1).values).mean(),
    "Wasserstein-1": lambda x, y, v: rows(x, y, v).sqrt().mean(),
    "sum over directions and ranks": lambda x, y, v: rows(x, y, v).sum(),
    "the sum over directions;": lambda x, y, v: rows(x, y, v).mean(1).sum(),
    "the root of the mean": lambda x, y, v: rows(x, y, v).mean().sqrt(),
    "repeat_interleave": tiled,
    "x was cut": cut,
    "only the smallest": cut_later,
    "each value of the style stands for 3": lambda x, y, v: ((v @ x).sort(1).values - (v @ y).sort(1).values).square().mean(),
    "carries no gradient": by_numpy,
})  # fmt: skip


def far(x, y, x_mean=None, y_mean=None, unit=lambda p: F.normalize(p, dim=0)):
    m = y.mean(1, keepdim=True)
    return 1 - unit(x - (m if x_mean is None else x_mean)).T @ unit(y - (m if y_mean is None else y_mean))


def larger(d):
    return torch.maximum(d.amin(1).mean(), d.amin(0).mean())


wrong(checks.relaxed_distance, {
    "smaller of the two": lambda x, y: torch.minimum(far(x, y).amin(1).mean(), far(x, y).amin(0).mean()),
    "one direction only: does": lambda x, y: far(x, y).amin(1).mean(),
    "is every place of the style found": lambda x, y: far(x, y).amin(0).mean(),
    "are added": lambda x, y: far(x, y).amin(1).mean() + far(x, y).amin(0).mean(),
    "are averaged": lambda x, y: (far(x, y).amin(1).mean() + far(x, y).amin(0).mean()) / 2,
    "not divided by their lengths": lambda x, y: larger(far(x, y, unit=as_it_is)),
    "style's mean is not taken away": lambda x, y: larger(far(x, y, 0, 0)),
    "its own mean": lambda x, y: larger(far(x, y, x.mean(1, keepdim=True))),
    "the farthest partner": lambda x, y: torch.maximum(far(x, y).amax(1).mean(), far(x, y).amax(0).mean()),
    "squared distances of columns": lambda x, y: larger(torch.cdist(x.T, y.T).square()),
    "these are cosines": lambda x, y: 1 - larger(far(x, y)),
    "the nearest of all pairs": lambda x, y: far(x, y).min(),
    "where are the minima": lambda x, y: far(x, y).mean(),
    "no gradient reaches x|carries no gradient": lambda x, y: larger(far(x.detach(), y)),
})  # fmt: skip


def table(x, sums=0):
    d = far(x, x, 0, 0)
    return d / d.sum(sums, keepdim=True) if sums is not None else d


def centred(x):
    return x - x.mean(1, keepdim=True)


def lengths(x):
    d = torch.cdist(x.T, x.T).square()
    return d / d.sum(0)


wrong(checks.self_similarity, {
    "not divided by their sums": lambda x, y: (table(x, None) - table(y, None)).abs().sum(0).mean(),
    "the sum of all its entries": lambda x, y: (table(x, (0, 1)) - table(y, (0, 1))).abs().sum(0).mean(),
    "the bars are missing": lambda x, y: (table(x) - table(y)).sum(0).mean(),
    "squares in place": lambda x, y: (table(x) - table(y)).square().sum(0).mean(),
    "is not divided by N": lambda x, y: (table(x) - table(y)).abs().sum(),
    "divided by N^2": lambda x, y: (table(x) - table(y)).abs().mean(),
    "within its own picture": lambda x, y: (far(x, y, 0, 0) / far(x, y, 0, 0).sum(0)).abs().sum(0).mean(),
    "the means were taken away": lambda x, y: (table(centred(x)) - table(centred(y))).abs().sum(0).mean(),
    "squared distances": lambda x, y: (lengths(x) - lengths(y)).abs().sum(0).mean(),
    "carries no gradient": lambda x, y: (table(x) - table(y)).abs().sum(0).mean().detach(),
})  # fmt: skip


def newton(a, steps=20, norm=None, back=torch.sqrt, sign=-1, late=False, part=0):
    norm = a.norm() if norm is None else norm
    eye = torch.eye(len(a), dtype=a.dtype)
    y, z = a / norm, eye
    for _ in range(steps):
        t = (3 * eye + sign * z @ y) / 2
        y, z = y @ t, t @ z
    return (z if part else y) * back(norm)


def no_scaling(a):
    return newton(a, norm=torch.ones((), dtype=a.dtype))


def other_way_round(a):
    n, eye = a.norm(), torch.eye(len(a), dtype=a.dtype)
    y, z = a / n, eye
    for _ in range(40):
        t = (3 * eye - z @ y) / 2
        y, z = t @ y, z @ t
    return y * n.sqrt()


def rounded_gradient(a):
    return newton(a.detach()) + 0 * a


wrong(checks.root_by_products, {
    "steps run away": no_scaling,
    "let it grow": other_way_round,
    "Y goes to the root, Z to its inverse": lambda a: newton(a, part=1, back=torch.rsqrt),
    "this is Z of the divided matrix": lambda a: newton(a, part=1, back=lambda n: n / n),
    "by the root of what you divided by": lambda a: newton(a, back=lambda n: n / n),
    "by the root of the trace": lambda a: newton(a, norm=a.trace(), back=lambda n: n / n),
    "the root of that is right": lambda a: newton(a, back=as_it_is),
    "its root is right": lambda a: newton(a, norm=a.trace(), back=as_it_is),
    "root of each entry": lambda a: a.abs().sqrt(),
    "the square, not the root": lambda a: a @ a,
    "the matrix itself": lambda a: a.clone(),
    "4 steps are too few": lambda a: newton(a, steps=4),
    "its gradient is not": rounded_gradient,
})  # fmt: skip

FOG = {"Gram": "other discs", "Gaussian W2": "other discs", "histograms": "fog", "sliced": "fog", "matched places": "fog",
       "the other discs are there": "as a control"}  # fmt: skip
wrong(checks.tells_apart, {
    "the discs' own": predictions(FOG, place=0, to="fog"),
    "both are equal": predictions(FOG, place=1, to="fog"),
    "its histogram is a bell": predictions(FOG, place=2, to="other discs"),
    "Along each line": predictions(FOG, place=3, to="other discs"),
    "has no partner in the fog": predictions(FOG, place=4, to="other discs"),
    "drawn again": predictions(FOG, place=5, to="as a second style"),
    "makes no mean": predictions(FOG, place=5, to="for the mean"),
})  # fmt: skip
