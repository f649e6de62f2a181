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


def std_of(x, **how):
    return x.mean((2, 3), keepdim=True), (x.var((2, 3), correction=0, keepdim=True, **how) + 1e-5).sqrt()


wrong(checks.mean_and_std, {
    "at each position": lambda x: (x.mean(1, keepdim=True), std_of(x)[1]),
    "over the width only": lambda x: (x.mean(3, keepdim=True), std_of(x)[1]),
    "spread over all positions": lambda x: (std_of(x)[0].expand_as(x), std_of(x)[1]),
    "the median": lambda x: (x.flatten(2).median(2).values[..., None, None], std_of(x)[1]),
    "this is a sum": lambda x: (x.sum((2, 3), keepdim=True), std_of(x)[1]),
    "not taken away before": lambda x: (std_of(x)[0], (x.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()),
    "the deviation squares first": lambda x: (std_of(x)[0], (x - std_of(x)[0]).abs().mean((2, 3), keepdim=True)),
    "the deviation is taken over the batch": lambda x: (std_of(x)[0], statistics(x, (0, 2, 3))[1]),
    "epsilon is 1e-5 in this course": lambda x: (std_of(x)[0], (x.var((2, 3), correction=0, keepdim=True) + 1e-8).sqrt()),
    "the smallest variance here": lambda x: (std_of(x)[0], x.var((2, 3), correction=0, keepdim=True).clamp_min(1e-5).sqrt()),
    "two tensors: return mean, std, got Tensor": lambda x: std_of(x)[0],
    "carries no gradient": lambda x: tuple(s.detach() for s in std_of(x)),
    "a decoder's deviation": lambda x: (std_of(x)[0], std_of(x)[1].detach()),
    "the gradient is not": lambda x: (std_of(x)[0], ((x * (x - 2 * std_of(x)[0]).detach()).mean((2, 3), keepdim=True)
                                                     + std_of(x)[0].detach() ** 2 + 1e-5).sqrt()),
})  # fmt: skip


def adain_with(x, y, ours, theirs):
    """By deviations of the content and of the style that are given."""
    return theirs * (x - x.mean((2, 3), keepdim=True)) / ours + y.mean((2, 3), keepdim=True)


def plain_std(x, correction=0):
    return x.std((2, 3), keepdim=True, correction=correction)


def first_style_for_all(x, y):
    return transfer(x, y.expand(len(x), -1, -1, -1)) if len(y) > 1 else torch.cat([transfer(x[:1], y), x[1:]])


def no_history(x, y):
    with torch.no_grad():
        return transfer(x, y)


def history_of_the_end_only(x, y):
    (m, s), (sm, ss) = statistics(x.detach()), statistics(y)
    return ss * (x - m) / s + sm


wrong(checks.adain, {
    "epsilon is missing: a channel that never fires": lambda x, y: adain_with(x, y, plain_std(x), plain_std(y)),
    "here it is added to the deviation": lambda x, y: adain_with(x, y, plain_std(x) + 1e-5, plain_std(y) + 1e-5),
    "to the content's deviation only": lambda x, y: adain_with(x, y, plain_std(x) + 1e-5, plain_std(y)),
    "has its epsilon, too": lambda x, y: adain_with(x, y, statistics(x)[1], plain_std(y)),
    "a style of one position": lambda x, y: adain_with(x, y, statistics(x)[1], statistics(y)[1] if y[0, 0].numel() > 1
                                                     else (y.var((2, 3), keepdim=True) + 1e-5).sqrt()),
    "the style's mean is subtracted": lambda x, y: transfer(x, y) - 2 * y.mean((2, 3), keepdim=True),
    "keeps its own mean": lambda x, y: transfer(x, y, mean=False) + x.mean((2, 3), keepdim=True),
    "the style's deviation is not multiplied": lambda x, y: adain_with(x, y, statistics(x)[1], 1),
    "the deviations are exchanged": lambda x, y: adain_with(x, y, statistics(y)[1], statistics(x)[1]),
    "that must be the content's own":
        lambda x, y: statistics(y)[1] * (x - statistics(y)[0]) / statistics(x)[1] + statistics(y)[0],
    "take the roots": lambda x, y: adain_with(x, y, statistics(x)[1] ** 2, statistics(y)[1] ** 2),
    "over all channels; each has its own": lambda x, y: y.std(correction=0) * (x - statistics(x)[0]) / statistics(x)[1] + y.mean(),
    "the style is not used": lambda x, y: adain_with(x, x, statistics(x)[1], 1) - x.mean((2, 3), keepdim=True),
    "must give each of them that style": first_style_for_all,
    "carries no gradient": no_history,
    "the gradient is not": history_of_the_end_only,
})  # fmt: skip

wrong(checks.blended_statistics, {
    "alpha moves it": lambda m, s, sm, ss, a: (m, (1 - a) * s + a * ss),
    "half-way between the two": lambda m, s, sm, ss, a: ((m + sm) / 2, (s + ss) / 2),
    "comes on top": lambda m, s, sm, ss, a: (m + a * sm, (1 - a) * s + a * ss),
    "a blend of variances": lambda m, s, sm, ss, a: ((1 - a) * m + a * sm, (1 - a) * s**2 + a * ss**2),
    "this is the style's deviation": lambda m, s, sm, ss, a: ((1 - a) * m + a * sm, ss),
    "by their logarithms": lambda m, s, sm, ss, a: ((1 - a) * m + a * sm, s ** (1 - a) * ss**a),
    "the deviations are multiplied": lambda m, s, sm, ss, a: ((1 - a) * m + a * sm, s * ss),
    "two numbers: return mean, std": lambda m, s, sm, ss, a: (1 - a) * m + a * sm,
})  # fmt: skip


def compared(x, y, of=statistics):
    (m, s), (sm, ss) = of(x), of(y)
    return ((m - sm).square() + (s - ss).square()).mean()


def plain(x):
    return x.mean((2, 3), keepdim=True), x.std((2, 3), correction=0, keepdim=True)


wrong(checks.statistics_loss, {
    "a mean over the batch; take both": lambda x, y: sum(d.square().sum() for d in differences(x, y)) / len(x),
    "each term has its own square": lambda x, y: sum(differences(x, y)).square().mean(),
    "Euclidean norms": lambda x, y: sum(d.square().sum().sqrt() for d in differences(x, y)),
    "one number is wanted": lambda x, y: sum(d.square() for d in differences(x, y)),
    "taken over the batch": lambda x, y: differences(x, y)[0].square().mean()
        + (statistics(x, (0, 2, 3))[1] - statistics(y, (0, 2, 3))[1]).square().mean(),
    "use correction=0": lambda x, y: compared(x, y, lambda f: statistics(f, correction=1)),
    "the gradient is NaN or infinite|a channel that never fires": lambda x, y: compared(x, y, plain),
    "a channel that never fires": lambda x, y: compared(x, y, lambda f: (plain(f)[0], plain(f)[1] + 1e-5)),
    "the decoder could not learn": lambda x, y: compared(x.detach(), y),
    "the gradient is not": lambda x, y: compared(x, y, lambda f: (statistics(f)[0], statistics(f)[1].detach())),
})  # fmt: skip


def without_epsilon(x, mask):
    mean, std = masked(x, mask)
    return mean, (std.square() - 1e-5).clamp_min(0).sqrt()


wrong(checks.masked_statistics, {
    "not divided": lambda x, mask: ((x * mask).sum((2, 3), keepdim=True), masked(x, mask)[1]),
    "the mask is the wrong way round": lambda x, mask: masked(x, 1 - mask),
    "the mean is taken over the batch": lambda x, mask: (masked(x, mask)[0].mean(0, keepdim=True), masked(x, mask)[1]),
    "the mean is taken over the channels": lambda x, mask: (masked(x, mask)[0].mean(1, keepdim=True), masked(x, mask)[1]),
    "are exchanged": lambda x, mask: masked(x, mask)[::-1],
    "the axes are gone": lambda x, mask: tuple(s[..., 0, 0] for s in masked(x, mask)),
    "the deviation does not use the mask|though its mean": lambda x, mask: (masked(x, mask)[0], statistics(x)[1]),
    "and is divided by it, too": lambda x, mask: (masked(x, mask)[0], masked(x, mask, mask**2)[1]),
    "from the mean without a mask": lambda x, mask: (masked(x, mask)[0], (
        (mask * (x - x.mean((2, 3), keepdim=True)).square()).sum((2, 3), keepdim=True) / mask.sum() + 1e-5).sqrt()),
    "but divided by H W": lambda x, mask: (masked(x, mask)[0], (
        (mask * (x - masked(x, mask)[0]).square()).mean((2, 3), keepdim=True) + 1e-5).sqrt()),
    "this is the variance": lambda x, mask: (masked(x, mask)[0], masked(x, mask)[1] ** 2),
    "for the deviation; it is soft": lambda x, mask: (masked(x, mask)[0], statistics(
        x.flatten(2)[..., mask.flatten() > 0.5][..., None])[1]),
    "silent within the mask": without_epsilon,
    "epsilon belongs inside": lambda x, mask: (without_epsilon(x, mask)[0], without_epsilon(x, mask)[1] + 1e-5),
    "carries no gradient": lambda x, mask: tuple(s.detach() for s in masked(x, mask)),
    "the gradient is not": lambda x, mask: (masked(x, mask)[0] * 0.5 + masked(x, mask)[0].detach() * 0.5, masked(x, mask)[1]),
})  # fmt: skip

wrong(checks.half_of_adain, {
    "the nearer one": predictions(HALVES, place=0, to="neither"),
    "of what there was before": predictions(HALVES, place=2, to=0.51),
    "but not 0": predictions(HALVES, place=2, to=0.0),
    "in percent": predictions(HALVES, place=2, to=22),
    "set them exactly": predictions(HALVES, place=3, to="the deviations"),
    "neither True nor False": predictions(HALVES, place=1, to=0.5),
    "none of the words": predictions(HALVES, place=0, to="means"),
})  # fmt: skip
