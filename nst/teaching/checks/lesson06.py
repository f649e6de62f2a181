"""Checks of the exercises of lesson 06, AdaIN."""

from __future__ import annotations

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

import nst
from nst.teaching.checks.machinery import answers, call, check, close, compare, fail, must_learn, rand, randn

EPSILON = 1e-5


def _statistics(x: Tensor, correction: int = 0, dims: tuple[int, ...] = (2, 3)) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation over `dims`, kept as axes of length 1."""
    return x.mean(dims, keepdim=True), (x.var(dims, correction=correction, keepdim=True) + EPSILON).sqrt()


@check
def mean_and_std(function: Callable[[Tensor], tuple[Tensor, Tensor]]) -> str:
    """Mean and standard deviation of each channel: (B, C, H, W) -> two of (B, C, 1, 1)."""
    x = 2 * randn(2, 3, 3, 4) + 1
    mean, std = _statistics(x)
    got = call(function, x)
    if not isinstance(got, list | tuple) or len(got) != 2:
        fail("expected two tensors: return mean, std")
    compare(got[0], mean, {
        "the axes are gone: keepdim=True leaves (B, C, 1, 1), which fits features again": mean[..., 0, 0],
        "the mean is taken over the batch, too": x.mean((0, 2, 3), keepdim=True),
        "the mean is taken over the channels, too": x.mean((1, 2, 3), keepdim=True),
        "mean and deviation are exchanged": std,
    }, "the mean")  # fmt: skip
    compare(got[1], std, {
        "the variance is the unbiased one, divided by H W - 1: a map of one position would give NaN. Use correction=0":
            _statistics(x, 1)[1],
        "this is the variance; take its root": std.square(),
        "the deviation is taken over the batch, too": _statistics(x, 0, (0, 2, 3))[1],
        "the axes are gone: keepdim=True leaves (B, C, 1, 1), which fits features again": std[..., 0, 0],
    }, "the standard deviation", rtol=1e-5)  # fmt: skip
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
    }, "a channel that is 0 everywhere")  # fmt: skip
    if not torch.isfinite(torch.autograd.grad(std.sum(), dead)[0]).all():
        fail(outside)
    if not torch.isfinite(call(function, rand(1, 2, 1, 1))[1]).all():
        fail("a map of one position gives NaN: the unbiased variance divides by H W - 1 = 0. Use correction=0")


@check
def adain(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """std(y) (x - mean(x)) / std(x) + mean(y): (B, C, H, W) and (B, C, H', W') -> (B, C, H, W)."""
    x, y = 2 * randn(2, 3, 6, 5), 3 * randn(2, 3, 4, 7, seed=1) + 2
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
        "the content's mean is not taken away first": style_std * x / std + style_mean,
        "the style's mean is added before the style's deviation is multiplied": style_std * ((x - mean) / std + style_mean),
        "the content is not divided by its own deviation": style_std * (x - mean) + style_mean,
        "the deviations are exchanged: divide by the content's, multiply by the style's": std * (x - mean) / style_std + style_mean,
        "variances in place of deviations: take the roots": style_std**2 * (x - mean) / std**2 + style_mean,
        "the statistics are taken over the batch, too": style_std * (x - flat[0]) / flat[1] + style_mean,
    }, rtol=1e-3)  # fmt: skip
    one = call(function, x, y[:1])
    if not close(one, torch.cat([call(function, x[k : k + 1], y[:1]) for k in (0, 1)]), 1e-3):
        fail("one style for a batch of two contents must give each of them that style")
    return "each channel of each content has its style's mean and deviation; sizes may differ; one style serves a batch"


@check
def blended_statistics(function: Callable) -> str:
    """Predict mean and deviation of (1 - alpha) x + alpha AdaIN(x, y) from those of x and y."""
    x, y = 2 * randn(1, 1, 64, 64) + 1, 0.5 * randn(1, 1, 64, 64, seed=1) - 3
    m, s, sm, ss = (float(v) for v in (*_statistics(x), *_statistics(y)))
    for alpha in (0.3, 0.8, 0.0, 1.0):
        t = (1 - alpha) * x + alpha * (ss * (x - m) / s + sm)
        got = call(function, m, s, sm, ss, alpha)
        if not isinstance(got, list | tuple) or len(got) != 2:
            fail("expected two numbers: return mean, std")
        compare(got[0], float(t.mean()), {
            "alpha and 1 - alpha are exchanged: at alpha = 1 the mean is the style's": alpha * m + (1 - alpha) * sm,
            "this is the style's mean: the blend has only a share of it": sm,
        }, f"the mean at alpha = {alpha}", rtol=1e-3)  # fmt: skip
        compare(got[1], float(t.std(correction=0)), {
            "variances do not blend here: both parts are the same x, stretched, so the deviations add":
                ((1 - alpha) * s**2 + alpha * ss**2) ** 0.5,
            "as if the parts were independent, like noise: they are the same x, stretched, so the deviations add":
                ((1 - alpha) ** 2 * s**2 + alpha**2 * ss**2) ** 0.5,
            "alpha and 1 - alpha are exchanged: at alpha = 1 the deviation is the style's": alpha * s + (1 - alpha) * ss,
        }, f"the deviation at alpha = {alpha}", rtol=1e-3)  # fmt: skip
    return "mean and deviation both move in a straight line from the content's to the style's"


@check
def statistics_loss(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """Mean over batch and channels of (mean - mean_s)^2 + (std - std_s)^2: two maps (B, C, H, W) -> a number."""
    x, y = (2 * randn(2, 3, 5, 6)).requires_grad_(), randn(2, 3, 4, 7, seed=1) + 1
    (m, s), (sm, ss) = _statistics(x.detach()), _statistics(y)
    means, stds = (m - sm).square(), (s - ss).square()
    result = call(function, x, y)
    compare(result, (means + stds).mean(), {
        "the deviations are missing": means.mean(),
        "the means are missing": stds.mean(),
        "variances are compared, not deviations": (means + (s**2 - ss**2).square()).mean(),
        "a sum over batch and channels; take the mean": (means + stds).sum(),
        "half of it: the two terms are added, not averaged": (means + stds).mean() / 2,
        "absolute differences; square them": ((m - sm).abs() + (s - ss).abs()).mean(),
    }, rtol=1e-3)  # fmt: skip
    must_learn(result, "the decoder")
    return "means and deviations, squared differences, the mean over batch and channels; sizes may differ"


@check
def masked_statistics(function: Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]) -> str:
    """Mean and deviation over the positions of a soft mask (1, 1, H, W): (B, C, H, W) -> two of (B, C, 1, 1)."""
    x, mask = 2 * randn(2, 3, 5, 6) + 1, rand(1, 1, 5, 6, seed=1)
    share = mask / mask.sum()
    mean = torch.einsum("bchw,hw->bc", x, share[0, 0])[..., None, None]
    std = (torch.einsum("bchw,hw->bc", (x - mean).square(), share[0, 0])[..., None, None] + EPSILON).sqrt()
    inside = x.flatten(2)[..., mask.flatten() > 0.5]
    product_mean, product_std = _statistics(x * mask)
    got = call(function, x, mask)
    if not isinstance(got, list | tuple) or len(got) != 2:
        fail("expected two tensors: return mean, std")
    compare(got[0], mean, {
        "divided by H W: divide by the sum of the mask, which says how many positions count": product_mean,
        "the mask was cut at 0.5; it is soft, and each position counts by its value": inside.mean(2)[..., None, None],
        "the mask is not used": x.mean((2, 3), keepdim=True),
        "the axes are gone: keepdim=True leaves (B, C, 1, 1)": mean[..., 0, 0],
    }, "the mean")  # fmt: skip
    compare(got[1], std, {
        "the deviation of mask * x: where the mask is 0 it counts zeros. Weigh the squares (x - mean)^2 by the mask": product_std,
        "the deviation does not use the mask": _statistics(x)[1],
        "the deviation does not use the mask, though its mean does":
            ((x - mean).square().mean((2, 3), keepdim=True) + EPSILON).sqrt(),
        "the mask is squared: (mask (x - mean))^2 weighs by its square":
            ((mask * (x - mean)).square().sum((2, 3), keepdim=True) / mask.sum() + EPSILON).sqrt(),
    }, "the deviation")  # fmt: skip
    return "a soft mask weighs each position, in the mean and in the deviation"


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
    }, rtol=0.1)  # fmt: skip
    return "the mean does most, both do more, and what is left lies between the channels: lesson 07"


__all__ = ["adain", "blended_statistics", "half_of_adain", "masked_statistics", "mean_and_std", "statistics_loss"]
