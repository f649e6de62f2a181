"""Wrong answers to the exercises of lesson 06."""

import torch
from wrong import predictions, wrong

from nst.teaching import checks


def statistics(x, dims=(2, 3), correction=0, epsilon=1e-5, keepdim=True):
    return x.mean(dims, keepdim=keepdim), (x.var(dims, correction=correction, keepdim=keepdim) + epsilon).sqrt()


def centres_in_place(x):
    mean = x.mean((2, 3), keepdim=True)
    x -= mean
    return mean, (x.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()


def outside(x):
    mean, std = statistics(x, epsilon=0)
    return mean, std + 1e-5


wrong(checks.mean_and_std, {
    "unbiased": lambda x: statistics(x, correction=1),
    "inside the root": outside,
    "epsilon is missing": lambda x: statistics(x, epsilon=0),
    "over the batch, too": lambda x: statistics(x, (0, 2, 3)),
    "over the channels, too": lambda x: statistics(x, (1, 2, 3)),
    "axes are gone": lambda x: statistics(x, keepdim=False),
    "this is the variance": lambda x: (statistics(x)[0], statistics(x)[1].square()),
    "are exchanged": lambda x: statistics(x)[::-1],
    "in place": centres_in_place,
})  # fmt: skip


def transfer(x, y, dims=(2, 3), mean=True, centre=True, divide=True):
    (m, s), (sm, ss) = statistics(x, dims), statistics(y)
    return ss * (x - m * centre) / (s if divide else 1) + sm * mean


def adain_in_place(x, y):
    (m, s), (sm, ss) = statistics(x), statistics(y)
    x -= m
    return ss * x / s + sm


def parenthesis(x, y):
    (m, s), (sm, ss) = statistics(x), statistics(y)
    return ss * ((x - m) / s + sm)


wrong(checks.adain, {
    "content and style are exchanged": lambda x, y: transfer(y, x),
    "style's mean is not added": lambda x, y: transfer(x, y, mean=False),
    "not taken away first": lambda x, y: transfer(x, y, centre=False),
    "not divided by its own": lambda x, y: transfer(x, y, divide=False),
    "before the style's deviation": parenthesis,
    "over the batch, too": lambda x, y: transfer(x, y, (0, 2, 3)),
    "in place": adain_in_place,
})  # fmt: skip

wrong(checks.blended_statistics, {
    "at alpha = 1 the mean is the style's": lambda m, s, sm, ss, a: (a * m + (1 - a) * sm, (1 - a) * s + a * ss),
    "only a share of it": lambda m, s, sm, ss, a: (sm, (1 - a) * s + a * ss),
    "variances do not blend": lambda m, s, sm, ss, a: ((1 - a) * m + a * sm, ((1 - a) * s**2 + a * ss**2) ** 0.5),
    "parts were independent": lambda m, s, sm, ss, a: ((1 - a) * m + a * sm, (((1 - a) * s) ** 2 + (a * ss) ** 2) ** 0.5),
    "at alpha = 1 the deviation": lambda m, s, sm, ss, a: ((1 - a) * m + a * sm, a * s + (1 - a) * ss),
})  # fmt: skip


def differences(x, y):
    return [a - b for a, b in zip(statistics(x), statistics(y), strict=True)]


wrong(checks.statistics_loss, {
    "deviations are missing": lambda x, y: differences(x, y)[0].square().mean(),
    "means are missing": lambda x, y: differences(x, y)[1].square().mean(),
    "variances are compared":
        lambda x, y: (differences(x, y)[0].square() + (statistics(x)[1] ** 2 - statistics(y)[1] ** 2) ** 2).mean(),
    "a sum over batch and channels": lambda x, y: sum(d.square().sum() for d in differences(x, y)),
    "absolute differences": lambda x, y: sum(d.abs().mean() for d in differences(x, y)),
    "carries no gradient": lambda x, y: sum(d.square().mean().item() for d in differences(x, y)),
    "half of it": lambda x, y: torch.cat(differences(x, y)).square().mean(),
})  # fmt: skip


def masked(x, weight, again=None):
    share = weight / weight.sum()
    mean = (share * x).sum((2, 3), keepdim=True)
    share = share if again is None else again / again.sum()
    return mean, ((share * (x - mean).square()).sum((2, 3), keepdim=True) + 1e-5).sqrt()


def mask_in_place(x, mask):
    mask /= mask.sum()
    return masked(x, mask)


def mask_squared(x, mask):
    mean, _ = masked(x, mask)
    return mean, ((mask * (x - mean)).square().sum((2, 3), keepdim=True) / mask.sum() + 1e-5).sqrt()


wrong(checks.masked_statistics, {
    "divide by the sum of the mask": lambda x, mask: statistics(x * mask),
    "cut at 0.5": lambda x, mask: masked(x, (mask > 0.5).float()),
    "mask is not used": lambda x, mask: statistics(x),
    "though its mean does": lambda x, mask: masked(x, mask, torch.ones_like(mask)),
    "it counts zeros": lambda x, mask: (masked(x, mask)[0], statistics(x * mask)[1]),
    "mask is squared": mask_squared,
    "in place": mask_in_place,
})  # fmt: skip

HALVES = {"the half that does more alone": "mean", "both are nearer than either alone": True,
          "what is left after both, of what there was": 0.22, "what is left must be": "which channels go together"}  # fmt: skip
wrong(checks.half_of_adain, {
    "smaller distance is the nearer": predictions(HALVES, place=0, to="deviation"),
    "the last row": predictions(HALVES, place=1, to=False),
    "that is what is gone": predictions(HALVES, place=2, to=0.78),
    "AdaIN has set them exactly": predictions(HALVES, place=3, to="the means"),
})  # fmt: skip
