"""Checks of the exercises of lesson 09, Faults and controls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst.teaching.checks.machinery import answers, call, check, compare, fail, rand, randn

LUMINANCE = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)


def _pixels(picture: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels (3, N), their mean (3, 1) and covariance, float64, by numpy."""
    pixels = picture[0].flatten(1).double()
    return pixels, pixels.mean(1, keepdim=True), torch.from_numpy(np.cov(pixels.numpy(), ddof=0))


def _power(matrix: Tensor, exponent: float) -> Tensor:
    values, vectors = np.linalg.eigh(matrix.numpy())
    return torch.from_numpy((vectors * values**exponent) @ vectors.T)


def _colourful(height: int, width: int, seed: int) -> Tensor:
    """A picture whose channels go together, (1, 3, H, W)."""
    mixing = torch.tensor([[0.5, 0.2, 0.1], [0.1, 0.4, 0.2], [0.0, 0.3, 0.3]]).roll(seed, 0)
    return torch.einsum("dc,bchw->bdhw", mixing, rand(1, 3, height, width, seed=seed)) + 0.05 * seed


@check
def coral(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The style's pixels with the mean and covariance of the content's; both divided by their number of pixels."""
    style, content = _colourful(9, 11, 1), _colourful(6, 7, 2)
    (s, sm, sigma), (c, cm, gamma) = _pixels(style), _pixels(content)
    ratio = (c.shape[1] / s.shape[1]) ** 0.5

    def made(matrix: Tensor) -> Tensor:
        return (matrix @ (s - sm) + cm).reshape(style.shape)

    root, inverse = _power(gamma, 0.5), _power(sigma, -0.5)
    lower, lower_s = torch.linalg.cholesky(gamma), torch.linalg.cholesky(sigma)
    got = call(function, style, content)
    compare(got, made(root @ inverse), {
        "the sums are not divided by their number of pixels: wrong as soon as the two pictures differ in size":
            made(root @ inverse * ratio),
        "the arguments are exchanged: the style is recoloured, and the content gives its colours":
            ((_power(sigma, 0.5) @ _power(gamma, -0.5)) @ (c - cm) + sm).reshape(content.shape),
        "the content's mean is not added": (root @ inverse @ (s - sm)).reshape(style.shape),
        "only mean and deviation of each channel are set: the covariances between red, green and blue belong to the colours":
            made(torch.diag((gamma.diagonal() / sigma.diagonal()).sqrt())),
        "Cholesky's factors give the right covariance, but treat red first and blue last; take symmetric roots":
            made(lower @ torch.linalg.inv(lower_s)),
        "the two matrices are in the wrong order: first whiten, then colour": made(inverse @ root),
        "the roots are missing: the exponents are 1/2 and -1/2": made(gamma @ torch.linalg.inv(sigma)),
    }, rtol=1e-3)  # fmt: skip
    return "for pictures of two sizes, the content's mean and covariance to the last digit"


@check
def keep_luminance(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The painting's luminance with the content's colours (YIQ), not clipped: two of (B, 3, H, W) -> the same."""
    painted, content = rand(2, 3, 5, 6), rand(2, 3, 5, 6, seed=1)
    to_yiq = torch.tensor([[0.299, 0.587, 0.114], [0.59590059, -0.27455667, -0.32134392], [0.21153661, -0.52273617, 0.31119955]])
    yiq = torch.einsum("dc,bchw->bdhw", to_yiq, content)
    yiq[:, :1] = torch.einsum("dc,bchw->bdhw", to_yiq, painted)[:, :1]
    right = torch.einsum("dc,bchw->bdhw", torch.linalg.inv(to_yiq), yiq)
    y = {name: (x * LUMINANCE).sum(1, keepdim=True) for name, x in (("painted", painted), ("content", content))}
    compare(call(function, painted, content), right, {
        "the other way round: luminance of the painting, colours of the content": painted - y["painted"] + y["content"],
        "the brightness is the mean of the channels; the eye sees green brighter than blue, 0.299, 0.587, 0.114":
            content - content.mean(1, keepdim=True) + painted.mean(1, keepdim=True),
        "the content's own luminance is still there: take it away before the painting's is added": content + y["painted"],
        "the colours are gone: this is the painting in grey": y["painted"].expand(-1, 3, -1, -1),
        "scaled by the quotient of the luminances: that changes how strong the colours are; add the difference":
            content * y["painted"] / y["content"],
        "clipped: this exercise wants the numbers before the clip": right.clamp(0, 1),
    }, rtol=1e-3)  # fmt: skip
    return "Y of the painting, I and Q of the content"


@check
def guided_gram(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The Gram matrix of the positions of a soft mask: sum m F F^T / (C sum m); (1, C, H, W), (1, 1, H, W) -> (1, C, C)."""
    f, mask = randn(1, 3, 5, 6), rand(1, 1, 5, 6, seed=1)
    weighed = np.einsum("bihw,bjhw,bhw->bij", f.numpy(), f.numpy(), mask[:, 0].numpy())
    right = torch.from_numpy(weighed) / (3 * mask.sum())
    squared = torch.einsum("bihw,bjhw->bij", f * mask, f * mask)
    hard = f * (mask > 0.5)
    compare(call(function, f, mask), right, {
        "the mask counts twice, since both factors carry it: multiply the features by its root": squared / (3 * mask.sum()),
        "the mask counts twice, and the division is by H W": squared / 90,
        "the mask counts twice, consistently; a position of mask 1/2 should count half": squared / (3 * mask.square().sum()),
        "divided by H W: a small mask then makes a weak style. Divide by the sum of the mask": right * mask.sum() / 30,
        "divided by the mask's sum only; the course divides by C, too": right * 3,
        "the mask was cut at 0.5; it is soft": torch.einsum("bihw,bjhw->bij", hard, hard) / (3 * (mask > 0.5).sum()),
        "the mask is not used": torch.einsum("bihw,bjhw->bij", f, f) / 90,
    })  # fmt: skip
    return "each position by its mask, divided by C times the mask's sum"


@check
def to_bytes(function: Callable[[Tensor], Tensor]) -> str:
    """A picture (1, 3, H, W) as 8-bit pixels (H, W, 3): clipped to [0, 1], times 255, rounded."""
    picture = rand(1, 3, 5, 6) * 1.6 - 0.3
    scaled = 255 * picture[0].permute(1, 2, 0)
    right = torch.from_numpy(np.rint(np.clip(scaled.numpy(), 0, 255)).astype(np.uint8))
    got = call(function, picture)
    if getattr(got, "dtype", None) not in (torch.uint8, np.dtype("uint8")):
        fail(f"expected 8-bit pixels, torch.uint8, got {getattr(got, 'dtype', type(got).__name__)}")
    compare(got, right, {
        "cut, not rounded: every pixel gets darker by half a step on average": scaled.clamp(0, 255).to(torch.uint8),
        "not clipped: 256 becomes 0, and a pixel that is too bright turns black": scaled.round().to(torch.int64) % 256,
        "not clipped and cut: 256 becomes 0, and a pixel that is too bright turns black": scaled.to(torch.int64) % 256,
        "times 256: white is 255": (256 * picture[0].permute(1, 2, 0)).round().clamp(0, 255).to(torch.uint8),
        "the channels come last in a picture file, (H, W, 3)": right.permute(2, 0, 1),
        "height and width are exchanged": right.transpose(0, 1),
    }, rtol=1e-6)  # fmt: skip
    return "clipped, rounded, channels last"


class _Blur:
    """A 5x5 mean with reflection at the border, which refuses more pixels than it was promised."""

    def __init__(self, most: int):
        self.most, self.largest = most, 0

    def __call__(self, x: Tensor) -> Tensor:
        self.largest = max(self.largest, x.shape[-1] * x.shape[-2])
        return F.avg_pool2d(F.pad(x, (2, 2, 2, 2), mode="reflect"), 5, 1)


def _tiled(blur: Callable, picture: Tensor, tile: int, margin: int) -> Tensor:
    """Tiles with a margin on both sides, and their middles put together."""
    height, width = picture.shape[-2:]
    out = torch.zeros_like(picture)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y, x = max(0, top - margin), max(0, left - margin)
            bottom, right = min(height, top + tile), min(width, left + tile)
            made = blur(picture[..., y : bottom + margin, x : right + margin])
            out[..., top:bottom, left:right] = made[..., top - y : bottom - y, left - x : right - x]
    return out


@check
def in_tiles(function: Callable) -> str:
    """A local function on a large picture, tile by tile, without a seam."""
    for height, width, tile, margin in ((24, 36, 12, 2), (25, 33, 10, 2), (21, 33, 9, 3)):
        picture, blur = rand(1, 3, height, width), _Blur((tile + 2 * margin) ** 2)
        right = _Blur(0)(picture)
        got = call(function, blur, picture, tile, margin, if_it_raises="is the last tile smaller than the others?")
        whole = height // tile * tile, width // tile * tile
        partial = torch.zeros_like(right)
        partial[..., : whole[0], : whole[1]] = right[..., : whole[0], : whole[1]]
        seams = _tiled(_Blur(0), picture, tile, 0)
        compare(got, right, {
            "there are seams: at its edge a tile does not see its neighbour. Give each tile a margin, and cut it off afterwards":
                seams,
            "the last row or column of tiles is missing: the size need not be a multiple of the tile": partial,
            "the margin is there at the left and above only": _tiled_one_sided(picture, tile, margin),
        }, f"{height} x {width} px in tiles of {tile}", rtol=1e-3)  # fmt: skip
        if blur.largest > blur.most:
            fail(f"the function got {blur.largest} pixels at once; a tile of {tile} with a margin of {margin} has {blur.most}. "
                 "The point of tiles is that the whole never has to fit")  # fmt: skip
    return "three pictures, equal to the whole done at once, and never more than a tile with its margin at a time"


def _tiled_one_sided(picture: Tensor, tile: int, margin: int) -> Tensor:
    """The mistake: a margin before each tile, none behind it."""
    height, width = picture.shape[-2:]
    out = torch.zeros_like(picture)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y, x = max(0, top - margin), max(0, left - margin)
            made = _Blur(0)(picture[..., y : top + tile, x : left + tile])
            out[..., top : top + tile, left : left + tile] = made[..., top - y :, left - x :]
    return out


def suspects() -> dict[str, Callable[[Tensor], Tensor]]:
    """Five instance norms (B, C, H, W) -> the same. One is right, each of the others has a fault of its own."""

    def a(x):
        return (x - x.mean((2, 3), keepdim=True)) / (x.std((2, 3), keepdim=True, correction=0) + 1e-5)

    def b(x):
        return (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), keepdim=True, correction=0) + 1e-5).sqrt()

    def c(x):
        x.sub_(x.mean((2, 3), keepdim=True))
        return x / (x.square().mean((2, 3), keepdim=True) + 1e-5).sqrt()

    def d(x):
        return F.instance_norm(x)

    def e(x):
        return (x - x.mean((2, 3), keepdim=True)) / (x.var((2, 3), keepdim=True) + 1e-5).sqrt()

    return {"a": a, "b": b, "c": c, "d": d, "e": e}


@check
def diagnosis(function: Callable[[], dict]) -> str:
    """Find the fault of each of the five `suspects()` by trying them."""
    diagnoses = ("epsilon outside the root", "mixes the batch", "changes its argument", "right", "unbiased variance")
    right = dict(zip("abcde", diagnoses))
    test_of = {
        "a": "try a map that is the same everywhere, and look at its gradient",
        "b": "try a batch of two, and each of the two alone",
        "c": "look at your own tensor after the call",
        "d": "it agrees with F.instance_norm in every test",
        "e": "try a small map, 2 x 2: which variance does it divide by?",
    }
    found = call(function)
    if isinstance(found, dict) and set(found) == set(right):
        unknown = sorted({str(v) for v in found.values()} - set(right.values()))
        if unknown:
            fail(f"{unknown[0]!r} is none of the five diagnoses: {', '.join(right.values())}")
    hints = {(k, wrong): test_of[k] for k in right for wrong in right.values() if wrong != right[k]}
    answers(found, right, hints)
    return "all five: a batch, a small map, a constant map and a look at the argument tell them apart"


__all__ = ["coral", "diagnosis", "guided_gram", "in_tiles", "keep_luminance", "suspects", "to_bytes"]
