"""Wrong answers to the exercises of lesson 07."""

import torch
from wrong import predictions, wrong

from nst.teaching import checks


def parts(features):
    flat = features[0].flatten(1)
    return flat, flat - flat.mean(1, keepdim=True)


def covariance(features, correction=1):
    _, centred = parts(features)
    return centred @ centred.T / (centred.shape[1] - correction)


def in_place(features):
    features -= features.mean((2, 3), keepdim=True)
    return covariance(features)


wrong(checks.covariance, {
    "divided by H W:": lambda x: covariance(x, 0),
    "this is a Gram matrix": lambda x: parts(x)[0] @ parts(x)[0].T / (parts(x)[0].shape[1] - 1),
    "wrong mean":
        lambda x: (parts(x)[0] - parts(x)[0].mean(0)) @ (parts(x)[0] - parts(x)[0].mean(0)).T / (parts(x)[0].shape[1] - 1),
    "this is (HW, HW)": lambda x: parts(x)[1].T @ parts(x)[1] / (parts(x)[1].shape[1] - 1),
    "transposed matrix": lambda x: torch.cov(parts(x)[0].T),
    "not divided": lambda x: parts(x)[1] @ parts(x)[1].T,
    "these are correlations": lambda x: torch.corrcoef(parts(x)[0]),
    "in place": in_place,
})  # fmt: skip


def power(sigma, exponent, cut=1e-5, absolute=False):
    values, vectors = torch.linalg.eigh(sigma)
    good = values > (cut if absolute else cut * values[-1])
    return vectors[:, good] * values[good] ** exponent @ vectors[:, good].T


def white(x, exponent=-0.5, centre=True, **cut):
    flat, centred = parts(x)
    return (power(covariance(x), exponent, **cut) @ (centred if centre else flat)).reshape(x.shape)


def uncut(x):
    values, vectors = torch.linalg.eigh(covariance(x))
    return (vectors * values**-0.5 @ vectors.T @ parts(x)[1]).reshape(x.shape)


def turned(x):
    values, vectors = torch.linalg.eigh(covariance(x))
    return (torch.diag(values**-0.5) @ vectors.T @ parts(x)[1]).reshape(x.shape)


def rows_for_columns(x):
    values, vectors = torch.linalg.eigh(covariance(x))
    return (vectors.T * values**-0.5 @ vectors @ parts(x)[1]).reshape(x.shape)


def identity_added(x):
    return (power(covariance(x) + torch.eye(x.shape[1]).double(), -0.5) @ parts(x)[1]).reshape(x.shape)


def cholesky(x):
    return (torch.linalg.inv(torch.linalg.cholesky(covariance(x))) @ parts(x)[1]).reshape(x.shape)


def white_in_place(x):
    x -= x.mean((2, 3), keepdim=True)
    return white(x)


wrong(checks.whiten, {
    "the exponent is -1/2": lambda x: white(x, 0.5),
    "the exponent is -1;": lambda x: white(x, -1),
    "the mean is still there": lambda x: white(x, centre=False),
    "the last E is missing": turned,
    "eigenvectors as columns": rows_for_columns,
    "that is instance norm": lambda x: (x - x.mean((2, 3), keepdim=True)) / x.std((2, 3), keepdim=True),
    "identity was added": identity_added,
    "Cholesky": cholesky,
    "the biased one": lambda x: white(x) * ((x[0, 0].numel()) / (x[0, 0].numel() - 1)) ** 0.5,
    "Leave out directions": uncut,
    "must be relative": lambda x: white(x, cut=1e-5, absolute=True),
    "in place": white_in_place,
})  # fmt: skip


def coloured(w, y, root, mean=True):
    return (root @ w[0].flatten(1)).reshape(w.shape) + y.mean((2, 3), keepdim=True) * mean


def columns(y):
    values, vectors = torch.linalg.eigh(covariance(y))
    return vectors * values.sqrt()


def coloured_in_place(w, y):
    made = coloured(w, y, power(covariance(y), 0.5))
    return w.copy_(made)


wrong(checks.colour, {
    "style's mean is not added": lambda w, y: coloured(w, y, power(covariance(y), 0.5), mean=False),
    "covariance's square": lambda w, y: coloured(w, y, covariance(y)),
    "that whitens": lambda w, y: coloured(w, y, power(covariance(y), -0.5)),
    "the last E^T is missing": lambda w, y: coloured(w, y, columns(y)),
    "Cholesky": lambda w, y: coloured(w, y, torch.linalg.cholesky(covariance(y))),
    "that is AdaIN": lambda w, y: coloured(w, y, torch.diag(covariance(y).diagonal().sqrt())),
    "the biased one": lambda w, y: coloured(w, y, power(covariance(y, 0), 0.5)),
    "in place": coloured_in_place,
})  # fmt: skip

wrong(checks.identity_added, {
    "whitening without the I": lambda v, s: 1.0,
    "scale is not used": lambda v, s: v / (v + 1),
    "scale counts twice": lambda v, s: s * v / (s * v + 1),
    "this is the factor": lambda v, s: 1 / (s**2 * v + 1),
    "the deviation; its square": lambda v, s: (s**2 * v / (s**2 * v + 1)) ** 0.5,
    "not to the one that is whitened": lambda v, s: (s**2 * v + 1) / (s**2 * v),
})  # fmt: skip


def positions(h, w, level):
    return (h // 2 ** (level - 1)) * (w // 2 ** (level - 1))


wrong(checks.known_directions, {
    "one direction goes with the mean": lambda h, w, level, c: min(c, positions(h, w, level)),
    "no more directions than channels": lambda h, w, level, c: positions(h, w, level) - 1,
    "positions of the picture": lambda h, w, level, c: min(c, h * w - 1),
    "level - 1 times": lambda h, w, level, c: min(c, positions(h, w, level + 1) - 1),
    "enough positions": lambda h, w, level, c: c,
})  # fmt: skip

WHITES = {"covariance of all three": "the identity", "keeps the channels most like themselves": "symmetric",
          "keeps them least": "turned", "a decoder that expects channel 7 to be channel 7 wants": "symmetric"}  # fmt: skip
wrong(checks.three_whitenings, {
    "next to nothing": predictions(WHITES, place=0, to="different"),
    "the largest mean correlation": predictions(WHITES, place=1, to="Cholesky"),
    "the smallest mean correlation": predictions(WHITES, place=2, to="symmetric"),
    "in another order": predictions(WHITES, place=3, to="turned"),
})  # fmt: skip


wrong(checks.covariance, {
    "divided by C - 1": lambda x: parts(x)[1] @ parts(x)[1].T / (x.shape[1] - 1),
    "divided by C:": lambda x: parts(x)[1] @ parts(x)[1].T / x.shape[1],
    "divided by C H W, as a Gram": lambda x: parts(x)[1] @ parts(x)[1].T / x.numel(),
    "a Gram matrix, divided by H W": lambda x: parts(x)[0] @ parts(x)[0].T / parts(x)[0].shape[1],
    "a Gram matrix, divided by C H W": lambda x: parts(x)[0] @ parts(x)[0].T / x.numel(),
    "one mean for all channels": lambda x: (parts(x)[0] - x.mean()) @ (parts(x)[0] - x.mean()).T / (parts(x)[0].shape[1] - 1),
    "these are the variances only": lambda x: torch.diag(covariance(x).diagonal()),
    "in a row": lambda x: covariance(x).diagonal(),
    "one axis too many": lambda x: covariance(x)[None],
    "go against each other": lambda x: covariance(x).abs(),
    "right but for a factor": lambda x: parts(x)[1] @ parts(x)[1].T / 47,  # the positions of the first example
})  # fmt: skip


def eigen(x):
    return torch.linalg.eigh(covariance(x))


def applied(matrix, x, centre=True):
    return (matrix @ parts(x)[centre]).reshape(x.shape)


def complex_roots(x):
    values, vectors = torch.linalg.eig(covariance(x))
    return (vectors * values**-0.5 @ torch.linalg.inv(vectors) @ parts(x)[1].to(values.dtype)).reshape(x.shape)


def with_the_mean_in_it(x):
    flat = parts(x)[0]
    return applied(power(flat @ flat.T / (flat.shape[1] - 1), -0.5), x)


def inverted(x):
    return applied(torch.linalg.inv(power(covariance(x), 0.5)), x)


def without_the_strongest(x):
    values, vectors = eigen(x)
    return applied(vectors[:, :-1] * values[:-1] ** -0.5 @ vectors[:, :-1].T, x)


def one_direction_too_few(x):
    values, vectors = eigen(x)
    kept = min(len(values), parts(x)[0].shape[1] - 2)  # a mean takes one direction away, not two
    return applied(vectors[:, -kept:] * values[-kept:] ** -0.5 @ vectors[:, -kept:].T, x)


def floor_of_its_own(x):
    values, vectors = eigen(x)
    return applied(vectors * values.clamp_min(1e-6) ** -0.5 @ vectors.T, x)


wrong(checks.whiten, {
    "the exponent is -2": lambda x: white(x, -2),
    "the mean is added again": lambda x: white(x) + x.mean((2, 3), keepdim=True),
    "the first E^T is missing": lambda x: applied(eigen(x)[1] * eigen(x)[0] ** -0.5, x),
    "belongs to its direction": lambda x: applied(torch.diag(eigen(x)[0] ** -0.5), x),
    "its own variance": lambda x: (x - x.mean((2, 3), keepdim=True)) / x.var((2, 3), keepdim=True),
    "and nothing else": lambda x: x - x.mean((2, 3), keepdim=True),
    "is not divided by H W - 1": lambda x: applied(power(parts(x)[1] @ parts(x)[1].T, -0.5), x),
    "of features with their mean": with_the_mean_in_it,
    "only the strongest direction": lambda x: white(x, cut=0.99),
    "the strongest direction is left out": without_the_strongest,
    "complex numbers": complex_roots,
    "here the variances sum to 3": one_direction_too_few,
    "directions, and they must have|some eigenvalues are 0": inverted,  # the inverse is what rounding makes of it
    "10,000 times smaller|must be relative|the variances sum to|tiny": floor_of_its_own,
    "10,000 times smaller": lambda x: white(x, cut=1e-6, absolute=True),
})  # fmt: skip


def few_positions_as_nan(w, y):
    values, vectors = eigen(y)
    return coloured(w, y, vectors * values.sqrt() @ vectors.T)


wrong(checks.colour, {
    "rounding makes them negative": few_positions_as_nan,
    "the style's mean is subtracted": lambda w, y: coloured(w, y, power(covariance(y), 0.5)) - 2 * y.mean((2, 3), keepdim=True),
    "before the root is multiplied":
        lambda w, y: coloured(w + y.mean((2, 3), keepdim=True), y, power(covariance(y), 0.5), mean=False),
    "the exponent is 1/4": lambda w, y: coloured(w, y, power(covariance(y), 0.25)),
    "the first E is missing": lambda w, y: coloured(w, y, columns(y).T),
    "E and E^T are exchanged": lambda w, y: coloured(w, y, eigen(y)[1].T * eigen(y)[0].sqrt() @ eigen(y)[1]),
    "not to a channel": lambda w, y: coloured(w, y, torch.diag(eigen(y)[0].sqrt())),
    "is not divided by H W - 1": lambda w, y: coloured(w, y, power(covariance(y, parts(y)[0].shape[1] - 1), 0.5)),
    "of features with their mean":
        lambda w, y: coloured(w, y, power(parts(y)[0] @ parts(y)[0].T / (parts(y)[0].shape[1] - 1), 0.5)),
    "the mean of all channels": lambda w, y: coloured(w, y, power(covariance(y), 0.5), mean=False) + y.mean(),
    "only the mean was set": lambda w, y: w + y.mean((2, 3), keepdim=True),
})  # fmt: skip

wrong(checks.identity_added, {
    "the variance before": lambda v, s: s**2 * v,
    "not by its root": lambda v, s: s**2 * v / (s**2 * v + 1) ** 2,
    "in both places": lambda v, s: s**2 * v / (v + 1),
    "above, too": lambda v, s: v / (s**2 * v + 1),
})  # fmt: skip

wrong(checks.known_directions, {
    "leaves the odd row out": lambda h, w, level, c: min(c, -(-h // 2 ** (level - 1)) * -(-w // 2 ** (level - 1)) - 1),
    "whole rows only": lambda h, w, level, c: min(c, h / 2 ** (level - 1) * (w / 2 ** (level - 1)) - 1),
    "the product is halved": lambda h, w, level, c: min(c, h * w // 2 ** (level - 1) - 1),
    "one halving less": lambda h, w, level, c: min(c, positions(h, w, max(level - 1, 1)) - 1),
    "not from the channels": lambda h, w, level, c: min(c - 1, positions(h, w, level) - 1),
})  # fmt: skip

wrong(checks.three_whitenings, {
    "read the column": predictions(WHITES, place=1, to="turned"),
    "keeps them least': the smallest": predictions(WHITES, place=2, to="Cholesky"),
    "its later channels are mixtures": predictions(WHITES, place=3, to="Cholesky"),
    "none of the words": predictions(WHITES, place=0, to="white"),
})  # fmt: skip
