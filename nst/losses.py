"""What content and style are, as losses on feature maps.

Gatys, Ecker & Bethge 2015 (arXiv 1508.06576): content is a feature map, style is the Gram matrix of one. The PyTorch tutorial's
transparent layers, which the article has, are in `nst.article`. Beyond that paper: a style as a cloud of features, of which every
place of the picture has to find one, and which all have to be found (`relaxed_emd`).
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from nst.support.arguments import check_choice, check_number
from nst.support.runtime import exactly

GRAM_DIVISORS = ("chw", "hw", "none")
CONTENT_FORMS = ("relative", "batch", "mean", "half_sum")
STYLE_FORMS = ("relative", "mean", "quarter_sum")
ANY_NETWORK, FULL_WIDTH = "any encoder", 512  # what a scale-free recipe is stated for; VGG-19's channels at conv4_1
PARTS = 16  # of the positions, whose products in bfloat16 are summed in float32


def gram_matrix(features: Tensor, divide_by: str = "chw") -> Tensor:
    """Which channels fire together, wherever it happens: G_ij = sum over positions k of F_ik F_jk, one matrix per picture.

    features (B, C, H, W) -> (B, C, C), in float32 where they are bfloat16 or float16.
    divide_by: "chw" = G / (C H W), the PyTorch tutorial's (and the article's) division; "hw" = G / (H W), the mean over positions,
        as in Gatys' notebook; "none" = the sum itself, as in the paper (1508.06576, eq. 3).
    Differs from the tutorial: it folds the batch into the channels, view(a * b, c * d), so that in a batch of two the pictures mix.
    """
    if features.ndim != 4:
        raise ValueError(f"features: expected the shape (B, C, H, W), got {tuple(features.shape)}")
    check_choice("divide_by", divide_by, GRAM_DIVISORS)
    _, c, h, w = features.shape
    with exactly():
        gram = _Products.apply(features.flatten(2))  # (B, C, H*W) -> (B, C, C)
    return gram / {"chw": c * h * w, "hw": h * w, "none": 1}[divide_by]


class _Products(torch.autograd.Function):
    """F F^T of matrices (B, C, N), each entry a sum over N; in float32 where F is bfloat16 or float16.

    Autograd alone takes its gradient, (D + D^T) F, as two products, and adds them where they lie differently in memory.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(f: Tensor) -> Tensor:
        if f.dtype == torch.float16:  # which ends at 65504
            f = f.float()
        if f.dtype != torch.bfloat16:
            return f @ f.mT
        n = f.shape[2] // PARTS * PARTS  # a sum rounded to bfloat16 hides what a picture still lacks: sum a part at a time
        parts, rest = f[..., :n].unflatten(2, (PARTS, n // PARTS)).transpose(1, 2), f[..., n:].float()  # (B, PARTS, C, n / PARTS)
        return (parts @ parts.mT).sum(1, dtype=torch.float32) + rest @ rest.mT

    @staticmethod
    def setup_context(ctx, inputs: tuple[Tensor], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)
        ctx.save_for_forward(*inputs)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> Tensor:
        (f,) = ctx.saved_tensors
        both = gradient + gradient.mT
        if f.dtype == torch.float16:
            return (both @ f.float()).half()
        both = both.to(f.dtype)
        return both @ f if f.is_contiguous() else (f.mT @ both).mT  # laid out as f is: channels first or last

    @staticmethod
    def jvp(ctx, change: Tensor) -> Tensor:
        (f,) = ctx.saved_tensors
        exact = torch.promote_types(f.dtype, torch.float32)
        half = change.to(exact) @ f.to(exact).mT
        return half + half.mT


def correlations(gram: Tensor) -> Tensor:
    """A Gram matrix (…, C, C) as G_ij / sqrt(G_ii G_jj): 1 on its diagonal, and 0 where a channel is silent."""
    scale = gram.diagonal(dim1=-2, dim2=-1).clamp_min(1e-12).sqrt()
    return gram / scale[..., :, None] / scale[..., None, :]


def content_loss(features: Tensor, target: Tensor, form: str = "relative", variance: Tensor | None = None) -> Tensor:
    """Distance of two feature maps (B, C, H, W), averaged over the batch.

    form: "relative" = mean (F - P)^2 / var P: 0 where equal, about 1 for a target's own mean, whatever the scale of the network;
    "batch" = the same with P's variance over the whole batch, for training: a crop of clear sky, whose own variance is next to
    nothing, would else outweigh all the others; "mean" = mean (F - P)^2, the PyTorch tutorial's; "half_sum" = 1/2 sum (F - P)^2,
    the paper's (1508.06576, eq. 1).
    variance: P's, for "batch", where it is known over more pictures than these.
    """
    _check_form(form, CONTENT_FORMS, features, target)
    features, target = (x.float() if x.dtype == torch.float16 else x for x in (features, target))  # their squares go beyond it
    squares = (features - target).square()
    if form == "half_sum":
        return squares.flatten(1).sum(1).mean() / 2
    if form == "batch":
        return squares.mean() / _divisor(target.var(correction=0) if variance is None else variance)
    per_picture = squares.flatten(1).mean(1)  # (B,)
    if form == "relative":
        per_picture = per_picture / _divisor(target.flatten(1).var(1, correction=0))
    return per_picture.mean()


def style_loss(gram: Tensor, target: Tensor, form: str = "relative") -> Tensor:
    """Distance of two Gram matrices (B, C, C), averaged over the batch.

    form: "relative" = sum (G - A)^2 / sum A^2, free of the network's scale; "mean" = mean (G - A)^2, the PyTorch tutorial's;
    "quarter_sum" = 1/4 sum (G - A)^2, which with Gram matrices divided by C H W is the paper's 1 / (4 N^2 M^2) sum (eq. 4).
    Differs from the paper: each Gram matrix is divided by its own M, so that pictures of two sizes can be compared.
    """
    _check_form(form, STYLE_FORMS, gram, target)
    squares = (gram - target).square().flatten(1)  # (B, C*C)
    if form == "mean":
        return squares.mean()
    if form == "quarter_sum":
        return squares.sum(1).mean() / 4
    return (squares.sum(1) / _divisor(target.square().flatten(1).sum(1))).mean()


def relaxed_emd(places: Tensor, style_places: Tensor) -> Tensor:
    """The relaxed earth mover's distance of two clouds of features: does every place look like one of the style's, and is every
    place of the style to be found?

        D_ij = 1 - cos(x_i - m, y_j - m)      loss = max(mean_i min_j D_ij, mean_j min_i D_ij)      m = mean of the y_j

    places (B, C, N), style_places (B or 1, C, M) -> scalar, the mean over the batch, in float32 where they are bfloat16. 0 where
    both hold the same features, whatever their order and number; no assignment of one to the other costs less (Kolkin, Salavon &
    Shakhnarovich 2019, "Style Transfer by Relaxed Optimal Transport and Self-Similarity", STROTSS, arXiv 1904.12785, eqs. 5 to 8).
    A Gram matrix is a sum over the whole picture, which its busy places satisfy: a sky stays empty. Here every place counts.
    Differs from the paper: the style's mean is taken away first, without which features after a ReLU all point in one direction;
    one layer's features in place of a column through all of them.
    ValueError: another shape, or another number of channels.
    """
    for name, given in {"places": places, "style_places": style_places}.items():
        if given.ndim != 3 or given.shape[1] != places.shape[1] or 0 in given.shape:
            raise ValueError(f"{name}: expected the shape (B, {places.shape[1]}, N), got {tuple(given.shape)}")
    with exactly():  # cosines in bfloat16 are known to a two-hundredth
        exact = torch.promote_types(places.dtype, torch.float32)
        x, y = places.to(exact), style_places.to(exact).expand(len(places), -1, -1)
        centre = y.mean(2, keepdim=True)
        x, y = x - centre, y - centre
        shortest = (1e-3 * y.square().sum(1).mean().sqrt()).clamp_min(1e-6)  # what has no direction has no steep gradient either
        x, y = (p / p.norm(dim=1, keepdim=True).clamp_min(shortest) for p in (x, y))
        with torch.no_grad():  # which place is nearest; only those pairs have a gradient
            cosines = x.mT @ y  # (B, N, M)
            nearest, nearest_to = cosines.argmax(2), cosines.argmax(1)  # (B, N) of the style, (B, M) of the picture
        nearest, nearest_to = (index[:, None].expand(-1, x.shape[1], -1) for index in (nearest, nearest_to))
        # of unit vectors, |x - y|^2 / 2 is 1 - cos, and exactly 0 where they are the same
        found = (x - y.gather(2, nearest)).square().sum(1).mean(1) / 2  # (B,)
        used = (x.gather(2, nearest_to) - y).square().sum(1).mean(1) / 2
    return torch.maximum(found, used).mean()


def positions(features: Tensor, count: int, seed: int = 0, mask: Tensor | None = None) -> Tensor:
    """Where to look at features (B, C, H, W): the numbers (N,) of at most `count` positions, drawn at random, the same for a seed.

    mask (1, 1, H, W): `count` of them, drawn again and again, each as often as its value says.
    The caller's random numbers stay untouched; drawn on the CPU, the positions are the same for every device.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    if mask is None:
        return torch.randperm(features.shape[-2:].numel(), generator=generator, device="cpu")[:count].to(features.device)
    return torch.multinomial(mask.flatten().cpu().float(), count, replacement=True, generator=generator).to(features.device)


def places(features: Tensor, where: Tensor) -> Tensor:
    """Features (B, C, H, W) at the positions (N,): (B, C, N)."""
    return features.flatten(2)[:, :, where]


def match(config, found: dict[str, Tensor], matches: dict[str, Sequence[tuple[Tensor, Tensor]]]) -> Tensor:
    """`relaxed_emd` over the match layers of a recipe (`GatysConfig`, `PerceptualConfig`), added up and weighted.

    found: a picture's features {layer: (B, C, H, W)}; matches: {layer: pairs}, of which each has positions (N,) of the picture and
    the places (1, C, M) of the style that belong there: one pair, or one for each masked style, whose mean counts.
    """
    pairs = {k: [relaxed_emd(places(found[k], where), wanted) for where, wanted in matches[k]] for k in config.match_layers}
    return config.match_weight * sum(sum(each) / len(each) for each in pairs.values())


def _divisor(scale: Tensor) -> Tensor:
    """`scale`, but for a target that is flat or all zero: there the ratio is large, and not infinite."""
    return scale.clamp_min(max(1e-30, torch.finfo(scale.dtype).tiny))


def _check_form(form: str, forms: Sequence[str], given: Tensor, target: Tensor) -> None:
    check_choice("form", form, forms)
    if given.shape[1:] != target.shape[1:]:
        raise ValueError(f"target: expected the shape {tuple(given.shape)}, got {tuple(target.shape)}")


def content_and_style(config, found: dict[str, Tensor], content: dict[str, Tensor], grams: dict[str, Tensor],
                      masks: dict[str, Tensor] | None = None,
                      variances: dict[str, Tensor] | None = None) -> dict[str, Tensor]:  # fmt: skip
    """{"content", "style"}: both losses over the layers of a recipe (`GatysConfig`, `PerceptualConfig`), weighted.

    found: a picture's features; content: the content's; grams: the style's Gram matrices, each {layer: tensor}.
    masks: {style layer: `region_weights`} of S styles, each asked for within its mask only; then grams are (S, C, C).
    variances: {content layer: its variance}, see `content_loss`.
    """
    weights = config.style_layer_weights or (1.0,) * len(config.style_layers)
    regions = {k: found[k] * masks[k] if masks else found[k] for k in config.style_layers}  # (S, C, h, w) with masks
    made = {k: gram_matrix(f, config.gram_divide_by) for k, f in regions.items()}
    contents = (content_loss(found[k], content[k], config.content_form, (variances or {}).get(k)) for k in config.content_layers)
    styles = (w * style_loss(made[k], grams[k], config.style_form) for k, w in zip(config.style_layers, weights, strict=True))
    return {"content": config.content_weight * sum(contents), "style": config.style_weight * sum(styles)}


def region_weights(masks: Sequence[Tensor], features: Tensor) -> Tensor:
    """What features (1, C, h, w) times it have as Gram matrices are those of the masked positions: (S, 1, h, w).

    masks: S of the shape (1, 1, H, W). They are made small on the CPU: MPS pools by whole factors only.
    """
    small = F.adaptive_avg_pool2d(torch.cat(list(masks)).cpu().float(), features.shape[-2:])  # (S, 1, h, w)
    return (small / small.mean((2, 3), keepdim=True).clamp_min(1e-8)).sqrt().to(features)


def check_layers(config) -> None:
    """ValueError where a recipe (`GatysConfig`, `PerceptualConfig`) names no layers, or weights that do not fit them."""
    for name in ("content_layers", "style_layers", "match_layers"):
        if not getattr(config, name):
            alone = name.replace("layers", "weight=0")
            raise ValueError(f"{name} is empty: expected at least one layer; {alone} leaves that part of the loss out")
        if isinstance(getattr(config, name), str):
            raise ValueError(f"{name}={getattr(config, name)!r}: expected several names, or a tuple of one")
    weights, count = config.style_layer_weights, len(config.style_layers)
    if weights is not None and (isinstance(weights, str) or not isinstance(weights, Sequence)):
        raise ValueError(f"style_layer_weights={weights!r}: expected one weight for each of the {count} layers")
    if weights is not None and len(weights) != count:
        raise ValueError(f"style_layer_weights: expected one weight for each of the {count} layers, got {len(weights)}")
    for k, weight in enumerate(weights or ()):
        check_number(f"style_layer_weights[{k}]", weight)


def warn_of_another_network(config, encoder) -> None:
    """UserWarning where a recipe's weights are stated for a full VGG-19 and the encoder has other features, of another scale."""
    deep = getattr(encoder, "conv4_1", None)
    if config.network != ANY_NETWORK and deep is not None and deep.out_channels != FULL_WIDTH:
        warnings.warn(f"this recipe's weights are stated for {config.network}; on this encoder, whose features have another scale, "
                      f"they mean something else (network={ANY_NETWORK!r} says that you know)", stacklevel=3)  # fmt: skip


def total_variation(picture: Tensor, exponent: float = 2.0) -> Tensor:
    """Roughness: the mean of |difference of neighbours|^exponent, down plus across. (B, C, H, W) -> scalar.

    exponent 2 is Johnson's squared form (1603.08155, section 3.2), 1 the classic total variation. Differs from both: a mean, not a
    sum, so that a weight means the same at every size. A side of one pixel has no neighbours and adds nothing.
    """
    down = (picture[..., 1:, :] - picture[..., :-1, :]).abs().pow(exponent)
    across = (picture[..., :, 1:] - picture[..., :, :-1]).abs().pow(exponent)
    return sum(d.mean() if d.numel() else d.sum() for d in (down, across))


def range_penalty(pictures: Tensor) -> Tensor:
    """The mean square of what lies outside [0, 1]."""
    return (pictures - pictures.clamp(0, 1)).square().mean()
