"""Checks of the exercises of lesson 06, AdaIN."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

import nst
from nst.teaching.checks.machinery import answers, call, check, close, compare, fail, learns, pair, rand, randn

EPSILON = 1e-5


def _statistics(x: Tensor, correction: int = 0, dims: tuple[int, ...] = (2, 3)) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over `dims`, kept as axes of length 1."""
    return x.mean(dims, keepdim=True), (x.var(dims, correction=correction, keepdim=True) + EPSILON).sqrt()


@check
def mean_and_std(function: Callable[[Tensor], tuple[Tensor, Tensor]]) -> str:
    """Mean and standard deviation of each channel: (B, C, H, W) -> two of (B, C, 1, 1)."""
    gone = "the axes are gone: keepdim=True leaves (B, C, 1, 1), which fits features again"
    for shape in ((2, 3, 3, 4), (1, 4, 5, 2)):
        x = 2 * randn(*shape) + 1
        mean, std = _statistics(x)
        got = pair(call(function, x), "two tensors: return mean, std")
        compare(got[0], mean, {
            gone: mean[..., 0, 0],
            "the mean is taken over the batch, too": x.mean((0, 2, 3), keepdim=True),
            "the mean is taken over the channels, too": x.mean((1, 2, 3), keepdim=True),
            "the mean is taken over the channels at each position; take it over the positions": x.mean(1, keepdim=True),
            "the mean is taken over the width only; the positions are both axes, 2 and 3": x.mean(3, keepdim=True),
            "the mean is spread over all positions; keepdim=True leaves axes of length 1": mean.expand_as(x),
            "this is the median; the mean is wanted": x.flatten(2).median(2).values[..., None, None],
            "this is a sum; divide by H W": x.sum((2, 3), keepdim=True),
            "mean and deviation are exchanged": std,
        }, "the mean")  # fmt: skip
        compare(got[1], std, {
            "the variance is the unbiased one, divided by H W - 1: a map of one position would give NaN. Use correction=0":
                _statistics(x, 1)[1],
            "this is the variance; take its root": std.square(),
            "the deviation is taken over the batch, too": _statistics(x, 0, (0, 2, 3))[1],
            "the deviation is taken over the channels, too": _statistics(x, 0, (1, 2, 3))[1],
            "the mean was not taken away before the squares": (x.square().mean((2, 3), keepdim=True) + EPSILON).sqrt(),
            "this is the mean distance from the mean; the deviation squares first": (x - mean).abs().mean((2, 3), keepdim=True),
            gone: std[..., 0, 0],
        }, "the standard deviation", rtol=1e-5)  # fmt: skip
    for k, name in enumerate(("mean", "deviation")):
        learns(lambda x, k=k: function(x)[k], lambda x, k=k: _statistics(x)[k], randn(2, 3, 4, 5), who=f"a decoder's {name}")
    _check_epsilon(function)
    return "per picture and channel, divided by H W; a silent channel and a single position give numbers, and gradients"


def _check_epsilon(function: Callable) -> None:
    """A channel that never fires: its deviation is sqrt(1e-5), and its gradient is a number."""
    dead = torch.zeros(1, 2, 3, 3, requires_grad=True)
    std = call(function, dead)[1]
    wanted = torch.full((1, 2, 1, 1), EPSILON**0.5)
    outside = "epsilon belongs inside the root, sqrt(var + 1e-5): outside it a silent channel's gradient is NaN"
    compare(std, wanted, {
        outside: torch.full_like(wanted, EPSILON),
        "epsilon is missing: a silent channel's deviation is 0, and AdaIN divides by it": torch.zeros_like(wanted),
        "epsilon is 1e-5 in this course; another one moves the deviation of every faint channel": torch.full_like(wanted, 1e-4),
    }, "a channel that is 0 everywhere")  # fmt: skip
    if not torch.isfinite(torch.autograd.grad(std.sum(), dead)[0]).all():
        fail(outside)
    faint = 1e-3 * randn(1, 2, 4, 4)
    compare(call(function, faint)[1], _statistics(faint)[1], {
        "epsilon is the smallest variance here; it is added to the variance, always":
            faint.var((2, 3), correction=0, keepdim=True).clamp_min(EPSILON).sqrt(),
    }, "a faint channel", rtol=1e-3)  # fmt: skip
    if not torch.isfinite(call(function, rand(1, 2, 1, 1))[1]).all():
        fail("a map of one position gives NaN: the unbiased variance divides by H W - 1 = 0. Use correction=0")


@check
def adain(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """std(y) (x - mean(x)) / std(x) + mean(y): (B, C, H, W) and (B, C, H', W') -> (B, C, H, W)."""
    for shape, style_shape in (((2, 3, 6, 5), (2, 3, 4, 7)), ((1, 5, 3, 4), (1, 5, 6, 2))):
        x, y = 2 * randn(*shape), 3 * randn(*style_shape, seed=1) + 2
        mean, std, style_mean, style_std = *_statistics(x), *_statistics(y)
        right = torch.stack([
            F.batch_norm(a[None], None, None, weight=s.flatten(), bias=m.flatten(), training=True, eps=EPSILON)[0]
            for a, s, m in zip(x, style_std, style_mean)
        ])  # each picture as a batch of its own, by torch's batch norm  # fmt: skip
        flat = x.mean((0, 2, 3), keepdim=True), _statistics(x, 0, (0, 2, 3))[1]
        compare(call(function, x, y), right, {
            "content and style are exchanged: x keeps its shape and gets y's statistics":
                std * (y - style_mean) / style_std + mean,
            "the style's mean is not added": style_std * (x - mean) / std,
            "the style's mean is subtracted": style_std * (x - mean) / std - style_mean,
            "the content's mean is not taken away first": style_std * x / std + style_mean,
            "the content keeps its own mean": style_std * (x - mean) / std + mean,
            "the style's mean is added before the style's deviation is multiplied":
                style_std * ((x - mean) / std + style_mean),
            "the content is not divided by its own deviation": style_std * (x - mean) + style_mean,
            "the style's deviation is not multiplied": (x - mean) / std + style_mean,
            "the deviations are exchanged: divide by the content's, multiply by the style's":
                std * (x - mean) / style_std + style_mean,
            "the style's mean is taken away from the content; that must be the content's own":
                style_std * (x - style_mean) / std + style_mean,
            "variances in place of deviations: take the roots": style_std**2 * (x - mean) / std**2 + style_mean,
            "the statistics are taken over the batch, too": style_std * (x - flat[0]) / flat[1] + style_mean,
            "the style's statistics are taken over all channels; each has its own":
                y.std(correction=0) * (x - mean) / std + y.mean(),
            "this is instance norm; the style is not used": (x - mean) / std,
        }, f"features of the shapes {shape} and {style_shape}", rtol=1e-3)  # fmt: skip
    x, y = 2 * randn(2, 3, 6, 5), 3 * randn(2, 3, 4, 7, seed=1) + 2
    one = call(function, x, y[:1], if_it_raises="one style, (1, C, H', W'), serves a batch of contents")
    if not close(one, torch.cat([call(function, x[k : k + 1], y[:1]) for k in (0, 1)]), 1e-3):
        fail("one style for a batch of two contents must give each of them that style")
    _silent_channels(function)
    learns(lambda x: function(x, y), lambda x: _adain(x, y), x, who="whoever learns through the features")
    return "each channel of each content has its style's mean and deviation; sizes may differ; silent channels give numbers"


def _adain(x: Tensor, y: Tensor) -> Tensor:
    (mean, std), (style_mean, style_std) = _statistics(x), _statistics(y)
    return style_std * (x - mean) / std + style_mean


def _silent_channels(function: Callable[[Tensor, Tensor], Tensor]) -> None:
    """Channels that never fire, or hardly, in content, style and both; and a style of one position."""
    x, y = randn(1, 4, 4, 5), randn(1, 4, 3, 3, seed=1) + 1
    x[:, [0, 2]], y[:, [1, 2]] = 0, 0
    missing = "epsilon is missing: a channel that never fires has the deviation 0, and 0 / 0 is NaN"
    made = call(function, x, y)
    if not torch.isfinite(made).all():
        fail(missing)
    for features, style in ((2e-3 * randn(1, 4, 4, 5), 5e-4 * randn(1, 4, 3, 3, seed=1)), (x, y), (1e-3 * randn(1, 4, 4, 5), y)):
        (mean, std), (style_mean, style_std) = _statistics(features), _statistics(style)
        plain, style_plain = (f.var((2, 3), correction=0, keepdim=True).sqrt() for f in (features, style))
        compare(call(function, features, style), _adain(features, style), {
            "epsilon belongs inside the root, sqrt(var + 1e-5), here it is added to the deviation":
                (style_plain + EPSILON) * (features - mean) / (plain + EPSILON) + style_mean,
            "epsilon belongs inside the root, sqrt(var + 1e-5), here it is added to the content's deviation only":
                style_plain * (features - mean) / (plain + EPSILON) + style_mean,
            "the style's deviation has its epsilon, too: these are the statistics of the exercise before":
                style_plain * (features - mean) / std + style_mean,
            "epsilon is missing in the content's deviation": style_std * (features - mean) / plain + style_mean,
            "epsilon is missing: a faint channel is blown up": style_plain * (features - mean) / plain + style_mean,
        }, "channels that hardly fire", rtol=1e-4)  # fmt: skip
    if not torch.isfinite(call(function, randn(1, 4, 4, 5), y[..., :1, :1])).all():
        fail("a style of one position gives NaN: the unbiased variance divides by H W - 1 = 0. Use correction=0")


@check
def blended_statistics(function: Callable) -> str:
    """Predict mean and deviation of (1 - alpha) x + alpha AdaIN(x, y) from those of x and y."""
    x, y = 2 * randn(1, 1, 64, 64) + 1, 0.5 * randn(1, 1, 64, 64, seed=1) - 3
    m, s, sm, ss = (float(v) for v in (*_statistics(x), *_statistics(y)))
    for alpha in (0.3, 0.8, 0.0, 1.0):
        t = (1 - alpha) * x + alpha * (ss * (x - m) / s + sm)
        got = pair(call(function, m, s, sm, ss, alpha), "two numbers: return mean, std")
        compare(got[0], float(t.mean()), {
            "alpha and 1 - alpha are exchanged: at alpha = 1 the mean is the style's": alpha * m + (1 - alpha) * sm,
            "this is the style's mean: the blend has only a share of it": sm,
            "this is the content's mean: alpha moves it": m,
            "half-way between the two, whatever alpha is": (m + sm) / 2,
            "the content's mean stays whole, and the style's comes on top": m + alpha * sm,
        }, f"the mean at alpha = {alpha}", rtol=1e-3)  # fmt: skip
        compare(got[1], float(t.std(correction=0)), {
            "variances do not blend here: both parts are the same x, stretched, so the deviations add":
                ((1 - alpha) * s**2 + alpha * ss**2) ** 0.5,
            "this is a blend of variances; the deviation is asked for": (1 - alpha) * s**2 + alpha * ss**2,
            "as if the parts were independent, like noise: they are the same x, stretched, so the deviations add":
                ((1 - alpha) ** 2 * s**2 + alpha**2 * ss**2) ** 0.5,
            "alpha and 1 - alpha are exchanged: at alpha = 1 the deviation is the style's": alpha * s + (1 - alpha) * ss,
            "this is the style's deviation: the blend has only a share of it": ss,
            "the deviations blend by their logarithms here; they add": s ** (1 - alpha) * ss**alpha,
            "half-way between the two, whatever alpha is": (s + ss) / 2,
            "the deviations are multiplied": s * ss,
        }, f"the deviation at alpha = {alpha}", rtol=1e-3)  # fmt: skip
    return "mean and deviation both move in a straight line from the content's to the style's"


@check
def statistics_loss(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Mean over batch and channels of (mean - mean_s)^2 + (std - std_s)^2: two maps (B, C, H, W) -> a number."""
    for shape, style_shape in (((2, 3, 5, 6), (2, 3, 4, 7)), ((3, 4, 2, 2), (3, 4, 5, 3))):
        x, y = 2 * randn(*shape), randn(*style_shape, seed=1) + 1
        (m, s), (sm, ss) = _statistics(x), _statistics(y)
        means, stds = (m - sm).square(), (s - ss).square()
        compare(call(function, x, y), (means + stds).mean(), {
            "the deviations are missing": means.mean(),
            "the means are missing": stds.mean(),
            "variances are compared, not deviations": (means + (s**2 - ss**2).square()).mean(),
            "a sum over batch and channels; take the mean": (means + stds).sum(),
            "a sum over the channels, a mean over the batch; take both means": (means + stds).sum() / len(x),
            "half of it: the two terms are added, not averaged": (means + stds).mean() / 2,
            "absolute differences; square them": ((m - sm).abs() + (s - ss).abs()).mean(),
            "the deviations are added before they are squared; each term has its own square": (m - sm + s - ss).square().mean(),
            "these are Euclidean norms, as in the paper's eq. 13; the task squares them": means.sum() ** 0.5 + stds.sum() ** 0.5,
            "one number is wanted: the mean over batch and channels is missing": means + stds,
            "the deviations are taken over the batch, too":
                (means + (_statistics(x, 0, (0, 2, 3))[1] - _statistics(y, 0, (0, 2, 3))[1]).square()).mean(),
            "the variance is the unbiased one, divided by H W - 1: use correction=0":
                (means + (_statistics(x, 1)[1] - _statistics(y, 1)[1]).square()).mean(),
        }, f"features of the shapes {shape} and {style_shape}", rtol=1e-4)  # fmt: skip

    def oracle(x: Tensor, y: Tensor) -> Tensor:
        return sum((a - b).square().mean() for a, b in zip(_statistics(x), _statistics(y)))

    x, y = randn(2, 4, 5, 6), randn(2, 4, 4, 7, seed=1) + 1
    x[:, 0], y[:, 1] = 0, 0
    x[:, 3] *= 1e-3
    silent = call(function, x, y)
    if not close(silent, oracle(x, y), 1e-4):
        fail("a channel that never fires gives another number: its deviation is sqrt(1e-5), with epsilon inside the root; "
             "half of a trained encoder's channels may be silent in one picture")  # fmt: skip
    learns(lambda x: function(x, y), lambda x: oracle(x, y), x, who="the decoder")
    if not torch.isfinite(call(function, randn(1, 3, 1, 1), randn(1, 3, 4, 4))).all():
        fail("a map of one position gives NaN: the unbiased variance divides by H W - 1 = 0. Use correction=0")
    return "means and deviations, squared differences, the mean over batch and channels; sizes may differ, channels be silent"


@check
def masked_statistics(function: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """Mean and deviation over the positions of a soft mask (1, 1, H, W): (B, C, H, W) -> two of (B, C, 1, 1)."""

    def weighed(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        share = (mask / mask.sum())[0, 0]
        mean = torch.einsum("bchw,hw->bc", x, share)[..., None, None]
        return mean, (torch.einsum("bchw,hw->bc", (x - mean).square(), share)[..., None, None] + EPSILON).sqrt()

    for shape in ((2, 3, 5, 6), (1, 4, 3, 7)):
        x, mask = 2 * randn(*shape) + 1, rand(1, 1, *shape[2:], seed=1)
        mean, std = weighed(x, mask)
        inside = x.flatten(2)[..., mask.flatten() > 0.5]
        product_mean, product_std = _statistics(x * mask)
        got = pair(call(function, x, mask), "two tensors: return mean, std")
        compare(got[0], mean, {
            "divided by H W: divide by the sum of the mask, which says how many positions count": product_mean,
            "not divided: divide by the sum of the mask": (x * mask).sum((2, 3), keepdim=True),
            "the mask was cut at 0.5; it is soft, and each position counts by its value": inside.mean(2)[..., None, None],
            "the mask is not used": x.mean((2, 3), keepdim=True),
            "the mask is the wrong way round: 1 is inside": weighed(x, 1 - mask)[0],
            "the mean is taken over the batch, too": mean.mean(0, keepdim=True),
            "the mean is taken over the channels, too": mean.mean(1, keepdim=True),
            "mean and deviation are exchanged": std,
            "the axes are gone: keepdim=True leaves (B, C, 1, 1)": mean[..., 0, 0],
        }, "the mean")  # fmt: skip
        plain = (torch.einsum("bchw,hw->bc", (x - mean).square(), mask[0, 0])[..., None, None] / mask.sum()).sqrt()
        squares = (mask * (x - mean)).square().sum((2, 3), keepdim=True)
        compare(got[1], std, {
            "the deviation of mask * x: where the mask is 0 it counts zeros. Weigh the squares (x - mean)^2 by the mask":
                product_std,
            "the deviation does not use the mask": _statistics(x)[1],
            "the deviation does not use the mask, though its mean does":
                ((x - mean).square().mean((2, 3), keepdim=True) + EPSILON).sqrt(),
            "the mask is squared: (mask (x - mean))^2 weighs by its square": (squares / mask.sum() + EPSILON).sqrt(),
            "the mask is squared: (mask (x - mean))^2 weighs by its square, and is divided by it, too":
                (squares / mask.square().sum() + EPSILON).sqrt(),
            "the squares are weighed from the mean without a mask; take the mean within it":
                (((x - x.mean((2, 3), True)).square() * mask).sum((2, 3), True) / mask.sum() + EPSILON).sqrt(),
            "the squares are weighed, but divided by H W: divide by the sum of the mask":
                (plain.square() * mask.sum() / mask.numel() + EPSILON).sqrt(),
            "this is the variance; take its root": std.square(),
            "the mask was cut at 0.5 for the deviation; it is soft":
                (inside.var(2, correction=0)[..., None, None] + EPSILON).sqrt(),
            "the axes are gone: keepdim=True leaves (B, C, 1, 1)": std[..., 0, 0],
        }, "the deviation")  # fmt: skip
    x, mask = randn(1, 3, 4, 5), (rand(1, 1, 4, 5, seed=1) > 0.4).float()
    x[:, 0] = 0
    plain = weighed(1e-3 * x, mask)[1]
    compare(call(function, 1e-3 * x, mask)[1], plain, {
        "epsilon is missing: a channel that is silent within the mask has the deviation 0, and somebody divides by it":
            (plain.square() - EPSILON).clamp_min(0).sqrt(),
        "epsilon belongs inside the root, sqrt(var + 1e-5)": (plain.square() - EPSILON).clamp_min(0).sqrt() + EPSILON,
    }, "a silent channel and faint ones", rtol=1e-3)  # fmt: skip
    for k, name in enumerate(("mean", "deviation")):
        learns(lambda x, k=k: function(x, mask)[k], lambda x, k=k: weighed(x, mask)[k], x, who=f"a decoder's {name}")
    return "a soft mask weighs each position, in the mean and in the deviation; a channel that is silent within it gives numbers"


@functools.cache
def _halves() -> dict[str, float]:
    """Relative distance of the Gram matrix at relu1_1 from the style's, after each half of AdaIN and after both."""
    encoder = nst.VGG19.load("lite")
    x, y = (encoder(nst.assets.picture(name, 96), ["relu1_1"])["relu1_1"] for name in ("astronaut", "night_orchard"))
    (mean, std), (style_mean, style_std) = _statistics(x), _statistics(y)
    made = {"nothing": x, "mean": x - mean + style_mean, "deviation": style_std * (x - mean) / std + mean,
            "both": style_std * (x - mean) / std + style_mean}  # fmt: skip

    def gram(f: Tensor) -> Tensor:
        return torch.einsum("bihw,bjhw->bij", f, f) / f[0, 0].numel()

    return {name: float((gram(f) - gram(y)).norm() / gram(y).norm()) for name, f in made.items()}


@check
def half_of_adain(function: Callable[[], dict]) -> str:
    """Read an ablation: how near the mean, the deviation and both bring the Gram matrix of relu1_1 to the style's."""
    found = _halves()
    right = {
        "the half that does more alone": "mean" if found["mean"] < found["deviation"] else "deviation",
        "both are nearer than either alone": found["both"] < min(found["mean"], found["deviation"]),
        "what is left after both, of what there was": found["both"] / found["nothing"],
        "what is left must be": "which channels go together",
    }
    answers(call(function), right, {
        ("the half that does more alone", "deviation"): "read the two rows: the smaller distance is the nearer one",
        ("the half that does more alone", "neither"): "read the two rows: the smaller distance is the nearer one",
        ("both are nearer than either alone", False): "compare the last row with the two before it",
        ("what is left after both, of what there was", 1 - found["both"] / found["nothing"]): "that is what is gone; what is left?",
        ("what is left after both, of what there was", found["both"] / found["mean"]): "of what there was before anything was done",
        ("what is left must be", "the means"): "AdaIN has set them exactly",
        ("what is left must be", "the deviations"): "AdaIN has set them exactly",
        ("what is left after both, of what there was", found["both"] / found["deviation"]):
            "of what there was before anything was done",
        ("what is left after both, of what there was", found["nothing"] / found["both"]): "the last row divided by the first",
        ("what is left after both, of what there was", 0.0): "the last row is small, but not 0",
    }, rtol=0.1)  # fmt: skip
    return "the mean does most, both do more, and what is left lies between the channels: lesson 07"


__all__ = ["adain", "blended_statistics", "half_of_adain", "masked_statistics", "mean_and_std", "statistics_loss"]
