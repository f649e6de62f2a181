"""Checks of the exercises of lesson 09, Faults and controls."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst.teaching.checks.machinery import answers, call, check, close, compare, fail, learns, number, rand, randn

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
    """The style's pixels with the mean and covariance of the content's; each divided by its own number of pixels, or one less."""
    for style, content in ((_colourful(9, 11, 1), _colourful(6, 7, 2)), (_colourful(4, 5, 2), _colourful(8, 9, 1))):
        (s, sm, sigma), (c, cm, gamma) = _pixels(style), _pixels(content)
        ns, nc = s.shape[1], c.shape[1]
        ratio = (nc / ns) ** 0.5

        def made(matrix: Tensor, s: Tensor = s, sm: Tensor = sm, cm: Tensor = cm, style: Tensor = style) -> Tensor:
            return (matrix @ (s - sm) + cm).reshape(style.shape)

        root, inverse = _power(gamma, 0.5), _power(sigma, -0.5)
        lower, lower_s = torch.linalg.cholesky(gamma), torch.linalg.cholesky(sigma)
        right = made(root @ inverse)
        unbiased = made(root @ inverse * (nc / (nc - 1) * (ns - 1) / ns) ** 0.5)  # as lesson 07 and the library have it
        got = call(function, style, content)
        if any(close(got, accepted, 1e-4) for made in (right, unbiased) for accepted in (made, made.clamp(0, 1))):
            continue
        compare(got, right, {
            "the sums are not divided by their number of pixels: wrong as soon as the two pictures differ in size":
                made(root @ inverse * ratio),
            "both are divided by the style's number of pixels; each has its own": made(root @ inverse * ratio),
            "the arguments are exchanged: the style is recoloured, and the content gives its colours":
                ((_power(sigma, 0.5) @ _power(gamma, -0.5)) @ (c - cm) + sm).reshape(content.shape),
            "the content's mean is not added": (root @ inverse @ (s - sm)).reshape(style.shape),
            "the style's own mean is added again; the content's belongs there": made(root @ inverse) - cm[None, :, :, None]
                + sm[None, :, :, None],
            "the style's mean is not taken away first": (root @ inverse @ s + cm).reshape(style.shape),
            "only mean and deviation of each channel are set: the covariances between red, green and blue belong to the colours":
                made(torch.diag((gamma.diagonal() / sigma.diagonal()).sqrt())),
            "Cholesky's factors give the right covariance, but treat red first and blue last; take symmetric roots":
                made(lower @ torch.linalg.inv(lower_s)),
            "the two matrices are in the wrong order: first whiten, then colour": made(inverse @ root),
            "the roots are missing: the exponents are 1/2 and -1/2": made(gamma @ torch.linalg.inv(sigma)),
            "this is the whitened style; the content's colours are missing": made(inverse),
            "the style is coloured, but not whitened before": made(root),
            "only the mean was set": (s - sm + cm).reshape(style.shape),
            "E and E^T are exchanged: eigh gives the eigenvectors as columns": made(_turned(gamma, 0.5) @ _turned(sigma, -0.5)),
            "this is transport: it reaches the same covariance, and moves the pixels less; the task's formula has the two roots":
                made(_power(sigma, -0.5) @ _power(_power(sigma, 0.5) @ gamma @ _power(sigma, 0.5), 0.5) @ _power(sigma, -0.5)),
            "the covariances were taken with their means: subtract them first":
                made(_power(c @ c.T / nc, 0.5) @ _power(s @ s.T / ns, -0.5)),
        }, rtol=1e-3)  # fmt: skip
    return "for two pairs of pictures of two sizes, the content's mean and covariance to the last digit"


def _turned(matrix: Tensor, exponent: float) -> Tensor:
    """The mistake: a power with the eigenvectors as rows."""
    values, vectors = torch.linalg.eigh(matrix)
    return vectors.T * values**exponent @ vectors


@check
def keep_luminance(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The painting's luminance with the content's colours (YIQ), clipped to [0, 1] or not: two of (B, 3, H, W) -> the same."""
    to_yiq = torch.tensor([[0.299, 0.587, 0.114], [0.59590059, -0.27455667, -0.32134392], [0.21153661, -0.52273617, 0.31119955]])
    for shape in ((2, 3, 5, 6), (1, 3, 4, 4)):
        painted, content = rand(*shape), rand(*shape, seed=1)
        yiq = torch.einsum("dc,bchw->bdhw", to_yiq, content)
        yiq[:, :1] = torch.einsum("dc,bchw->bdhw", to_yiq, painted)[:, :1]
        right = torch.einsum("dc,bchw->bdhw", torch.linalg.inv(to_yiq), yiq)
        y = {name: (x * LUMINANCE).sum(1, keepdim=True) for name, x in (("painted", painted), ("content", content))}
        got = call(function, painted, content)
        if close(got, right.clamp(0, 1), 1e-3):
            continue
        compare(got, right, {
            "the other way round: luminance of the painting, colours of the content": painted - y["painted"] + y["content"],
            "the brightness is the mean of the channels; the eye sees green brighter than blue, 0.299, 0.587, 0.114":
                content - content.mean(1, keepdim=True) + painted.mean(1, keepdim=True),
            "the weights are in the order blue, green, red; channel 0 is red":
                content + ((painted - content) * LUMINANCE.flip(0)).sum(1, keepdim=True),
            "the content's own luminance is still there: take it away before the painting's is added": content + y["painted"],
            "the painting's luminance is missing": content - y["content"],
            "half of each luminance: the painting's replaces the content's": content + (y["painted"] - y["content"]) / 2,
            "the colours are gone: this is the painting in grey": y["painted"].expand(-1, 3, -1, -1),
            "this is the luminance alone; the colours belong to it": y["painted"],
            "scaled by the quotient of the luminances: that changes how strong the colours are; add the difference":
                content * y["painted"] / y["content"],
            "this is still in YIQ; bring it back to red, green, blue": yiq,
            "the sign is wrong: the difference is the painting's luminance less the content's":
                content + y["content"] - y["painted"],
            "the luminance is one number for the whole picture; each pixel has its own":
                content + (y["painted"] - y["content"]).mean((2, 3), keepdim=True),
        }, rtol=1e-3)  # fmt: skip
    return "Y of the painting, I and Q of the content"


@check
def guided_gram(function: Callable[[Tensor, Tensor], Tensor]) -> str:
    """The Gram matrix of the positions of a soft mask: sum m F F^T / (C sum m); (1, C, H, W), (1, 1, H, W) -> (1, C, C)."""
    for c, height, width in ((3, 5, 6), (4, 3, 4)):
        f, mask = randn(1, c, height, width), rand(1, 1, height, width, seed=1)
        mask[..., 0, 0] = 0
        weighed = np.einsum("bihw,bjhw,bhw->bij", f.numpy(), f.numpy(), mask[:, 0].numpy())
        right = torch.from_numpy(weighed) / (c * mask.sum())
        squared = torch.einsum("bihw,bjhw->bij", f * mask, f * mask)
        hard, n = f * (mask > 0.5), height * width
        compare(call(function, f, mask), right, {
            "the mask counts twice, since both factors carry it: multiply the features by its root": squared / (c * mask.sum()),
            "the mask counts twice, and the division is by H W": squared / (c * n),
            "the mask counts twice, consistently; a position of mask 1/2 should count half": squared / (c * mask.square().sum()),
            "the mask counts twice, and C is not divided by": squared / mask.sum(),
            "divided by H W: a small mask then makes a weak style. Divide by the sum of the mask": right * mask.sum() / n,
            "divided by the mask's sum only; the course divides by C, too": right * c,
            "divided by C only; the sum of the mask says how many positions there are": right * mask.sum(),
            "not divided: by C and by the sum of the mask": right * c * mask.sum(),
            "divided by the root of the mask's sum": right * mask.sum().sqrt(),
            "divided by the sum of the mask's root; the mask itself says how many positions there are":
                right * mask.sum() / mask.sqrt().sum(),
            "the mask was cut at 0.5; it is soft": torch.einsum("bihw,bjhw->bij", hard, hard) / (c * (mask > 0.5).sum()),
            "the mask was cut at 0.5, but its soft sum divides":
                torch.einsum("bihw,bjhw->bij", hard, hard) / (c * mask.sum()),
            "the mask is not used": torch.einsum("bihw,bjhw->bij", f, f) / (c * n),
            "the mask is the wrong way round: 1 is inside":
                torch.einsum("bihw,bjhw,bkhw->bij", f, f, 1 - mask) / (c * (1 - mask).sum()),
            "the axis of the batch is gone: (1, C, C)": right[0],
        }, f"features of the shape {tuple(f.shape)}")  # fmt: skip
    empty = (rand(1, 1, 4, 5, seed=2) > 0.5).float()  # zeros: the slope of a root is infinite there
    learns(lambda f: function(f, empty), lambda f: torch.einsum("bihw,bjhw,bkhw->bij", f, f, empty) / (3 * empty.sum()),
           randn(1, 3, 4, 5), who="the picture")  # fmt: skip
    return "each position by its mask, divided by C times the mask's sum; it carries a gradient"


@check
def to_bytes(function: Callable[[Tensor], Tensor]) -> str:
    """A picture (1, 3, H, W) as 8-bit pixels (H, W, 3): clipped to [0, 1], times 255, rounded."""
    for picture in (rand(1, 3, 5, 6) * 1.6 - 0.3, rand(1, 3, 4, 4, seed=1) * 6 - 2.5):
        scaled = 255 * picture[0].permute(1, 2, 0)
        right = torch.from_numpy(np.rint(np.clip(scaled.numpy(), 0, 255)).astype(np.uint8))
        got = call(function, picture)
        if getattr(got, "dtype", None) not in (torch.uint8, np.dtype("uint8")):
            fail(f"expected 8-bit pixels, torch.uint8, got {getattr(got, 'dtype', type(got).__name__)}")
        compare(got, right, {
            "cut, not rounded: every pixel gets darker by half a step on average": scaled.clamp(0, 255).to(torch.uint8),
            "rounded up: every pixel gets brighter by half a step on average": scaled.clamp(0, 255).ceil().to(torch.uint8),
            "rounded before the multiplication: only 0 and 255 are left":
                (picture[0].permute(1, 2, 0).clamp(0, 1).round() * 255).to(torch.uint8),
            "not clipped: 256 becomes 0, and a pixel that is too bright turns black": scaled.round().to(torch.int64) % 256,
            "not clipped and cut: 256 becomes 0, and a pixel that is too bright turns black": scaled.to(torch.int64) % 256,
            "clipped above only: a pixel that is too dark wraps round and turns bright":
                scaled.round().clamp(max=255).to(torch.int64) % 256,
            "clipped below only: a pixel that is too bright wraps round and turns black":
                scaled.round().clamp(min=0).to(torch.int64) % 256,
            "times 256: white is 255": (256 * picture[0].permute(1, 2, 0)).round().clamp(0, 255).to(torch.uint8),
            "stretched to its own darkest and brightest pixel; a picture's 0 and 1 stay where they are":
                ((scaled - scaled.min()) / (scaled.max() - scaled.min()) * 255).round().to(torch.uint8),
            "the channels come last in a picture file, (H, W, 3)": right.permute(2, 0, 1),
            "the channels come last, but there are four axes: one picture is wanted, (H, W, 3)": right[None],
            "there are four axes: one picture is wanted, (H, W, 3), without the batch": right.permute(2, 0, 1)[None],
            "height and width are exchanged": right.transpose(0, 1),
            "blue, green, red: this course's files are red, green, blue": right.flip(2),
        }, rtol=1e-6)  # fmt: skip
        if right.shape == got.shape and not bool((number(got) == number(right)).all()):
            fail("some pixels are off by one: round to the nearest, as numpy's rint and torch's round do")
    return "two pictures clipped, rounded, channels last"


class _Blur:
    """A mean over `radius` pixels to each side, with reflection at the border, which notes how large a picture it was given."""

    def __init__(self, radius: int):
        self.radius, self.sides = radius, (0, 0)

    def __call__(self, x: Tensor) -> Tensor:
        self.sides = tuple(max(a, b) for a, b in zip(self.sides, x.shape[-2:]))
        return F.avg_pool2d(F.pad(x, (self.radius,) * 4, mode="reflect"), 2 * self.radius + 1, 1)


def _tiled(blur: Callable, picture: Tensor, tile: int, before: int, after: int) -> Tensor | None:
    """Tiles with margins before and behind, and their middles put together. None where one is too small for the function."""
    height, width = picture.shape[-2:]
    out = torch.zeros_like(picture)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y, x = max(0, top - before), max(0, left - before)
            bottom, right = min(height, top + tile), min(width, left + tile)
            try:
                made = blur(picture[..., y : bottom + after, x : right + after])
            except RuntimeError:  # less than its border
                return None
            out[..., top:bottom, left:right] = made[..., top - y : bottom - y, left - x : right - x]
    return out


@check
def in_tiles(function: Callable) -> str:
    """A local function on a large picture, tile by tile, without a seam."""
    cases = ((24, 36, 12, 2), (25, 33, 10, 2), (21, 33, 9, 3), (18, 16, 16, 1), (26, 24, 8, 5), (12, 30, 16, 2))
    for height, width, tile, margin in cases:
        picture, blur, exact = rand(1, 3, height, width), _Blur(margin), _Blur(margin)
        right = exact(picture)
        got = call(function, blur, picture, tile, margin, if_it_raises="is the last tile smaller than the others?")
        whole = height // tile * tile, width // tile * tile
        partial = torch.zeros_like(right)
        partial[..., : whole[0], : whole[1]] = right[..., : whole[0], : whole[1]]
        compare(got, right, {
            "there are seams: at its edge a tile does not see its neighbour. Give each tile a margin, and cut it off afterwards":
                _tiled(exact, picture, tile, 0, 0),
            "the last row or column of tiles is missing: the size need not be a multiple of the tile": partial,
            "the margin is there at the left and above only": _tiled(exact, picture, tile, margin, 0),
            "the margin is there at the right and below only": _tiled(exact, picture, tile, 0, margin),
            "the margin is always 2; it comes as an argument": _tiled(exact, picture, tile, 2, 2),
            "the margin is one pixel too narrow": _tiled(exact, picture, tile, margin - 1, margin - 1),
            "the function was not called: this is the picture as it came": picture,
        }, f"{height} x {width} px in tiles of {tile} with a margin of {margin}", rtol=1e-3)  # fmt: skip
        if max(blur.sides) > tile + 2 * margin:
            fail(f"the function got {' x '.join(map(str, blur.sides))} pixels at once; a tile of {tile} with a margin of {margin} "
                 f"has {tile + 2 * margin} on a side. The point of tiles is that the whole never has to fit")  # fmt: skip
    return "six pictures, equal to the whole done at once, and never more than a tile with its margin at a time"


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
    hints = {(k, wrong): test_of[k] for k in right for wrong in right.values() if wrong != right[k]}
    answers(call(function), right, hints)
    return "all five: a batch, a small map, a constant map and a look at the argument tell them apart"


__all__ = ["coral", "diagnosis", "guided_gram", "in_tiles", "keep_luminance", "suspects", "to_bytes"]
