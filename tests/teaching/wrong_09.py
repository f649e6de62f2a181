"""Wrong answers to the exercises of lesson 09."""

import torch
from wrong import predictions, wrong

from nst.teaching import checks


def power(matrix, exponent):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values**exponent @ vectors.T


def moments(picture, divide=True):
    pixels = picture[0].flatten(1).double()
    mean = pixels.mean(1, keepdim=True)
    return pixels - mean, mean, (pixels - mean) @ (pixels - mean).T / (pixels.shape[1] if divide else 1)


def recoloured(style, content, divide=True, add=True, root=lambda s, c: power(c, 0.5) @ power(s, -0.5)):
    (centred, _, s), (_, mean, c) = moments(style, divide), moments(content, divide)
    return (root(s, c) @ centred + mean * add).reshape(style.shape)


def coral_in_place(style, content):
    made = recoloured(style, content).float()
    style.copy_(made)
    return made


wrong(checks.coral, {
    "not divided by their number": lambda s, c: recoloured(s, c, divide=False),
    "arguments are exchanged": lambda s, c: recoloured(c, s),
    "content's mean is not added": lambda s, c: recoloured(s, c, add=False),
    "only mean and deviation": lambda s, c: recoloured(s, c, root=lambda a, b: torch.diag((b.diagonal() / a.diagonal()).sqrt())),
    "Cholesky": lambda s, c: recoloured(
        s, c, root=lambda a, b: torch.linalg.cholesky(b) @ torch.linalg.inv(torch.linalg.cholesky(a))),
    "in the wrong order": lambda s, c: recoloured(s, c, root=lambda a, b: power(a, -0.5) @ power(b, 0.5)),
    "roots are missing": lambda s, c: recoloured(s, c, root=lambda a, b: b @ torch.linalg.inv(a)),
    "in place": coral_in_place,
})  # fmt: skip

WEIGHTS = torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)


def y(picture):
    return (WEIGHTS * picture).sum(1, keepdim=True)


def luminance_in_place(painted, content):
    content += y(painted) - y(content)
    return content


wrong(checks.keep_luminance, {
    "the other way round": lambda p, c: p + y(c) - y(p),
    "mean of the channels": lambda p, c: c + (p - c).mean(1, keepdim=True),
    "own luminance is still there": lambda p, c: c + y(p),
    "painting in grey": lambda p, c: y(p).expand_as(p),
    "quotient of the luminances": lambda p, c: c * y(p) / y(c),
    "in place": luminance_in_place,
})  # fmt: skip


def gram(f):
    return f.flatten(2) @ f.flatten(2).mT


def mask_in_place(f, m):
    f *= m.sqrt()
    return gram(f) / (f.shape[1] * m.sum())


wrong(checks.guided_gram, {
    "multiply the features by its root": lambda f, m: gram(f * m) / (3 * m.sum()),
    "should count half": lambda f, m: gram(f * m) / (3 * m.square().sum()),
    "the division is by H W": lambda f, m: gram(f * m) / f.numel(),
    "makes a weak style": lambda f, m: gram(f * m.sqrt()) / f.numel(),
    "divides by C, too": lambda f, m: gram(f * m.sqrt()) / m.sum(),
    "cut at 0.5": lambda f, m: gram(f * (m > 0.5)) / (3 * (m > 0.5).sum()),
    "mask is not used": lambda f, m: gram(f) / f.numel(),
    "in place": mask_in_place,
})  # fmt: skip


def last(x):
    return x[0].permute(1, 2, 0)


wrong(checks.to_bytes, {
    "cut, not rounded": lambda x: (last(x).clamp(0, 1) * 255).to(torch.uint8),
    "not clipped:": lambda x: ((last(x) * 255).round().long() % 256).to(torch.uint8),
    "white is 255": lambda x: (last(x) * 256).round().clamp(0, 255).to(torch.uint8),
    "channels come last": lambda x: (x[0].clamp(0, 1) * 255).round().to(torch.uint8),
    "height and width": lambda x: (x[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(2, 1, 0),
    "8-bit": lambda x: (last(x).clamp(0, 1) * 255).round(),
    "in place": lambda x: (last(x.clamp_(0, 1)) * 255).round().to(torch.uint8),
})  # fmt: skip


def tiles(function, picture, tile, before, after):
    height, width = picture.shape[-2:]
    out = torch.zeros_like(picture)
    for top in range(0, height, tile):
        for left in range(0, width, tile):
            y, x, bottom, right = max(0, top - before), max(0, left - before), min(height, top + tile), min(width, left + tile)
            made = function(picture[..., y : bottom + after, x : right + after])
            out[..., top:bottom, left:right] = made[..., top - y : bottom - y, left - x : right - x]
    return out


def whole_tiles_only(function, picture, tile, margin):
    height, width = (n // tile * tile for n in picture.shape[-2:])
    out = torch.zeros_like(picture)
    out[..., :height, :width] = tiles(function, picture, tile, margin, margin)[..., :height, :width]
    return out


def tiles_in_place(function, picture, tile, margin):
    made = tiles(function, picture, tile, margin, margin)
    return picture.copy_(made)


wrong(checks.in_tiles, {
    "there are seams": lambda f, p, tile, margin: tiles(f, p, tile, 0, 0),
    "left and above only": lambda f, p, tile, margin: tiles(f, p, tile, margin, 0),
    "tiles is missing": whole_tiles_only,
    "pixels at once": lambda f, p, tile, margin: f(p),
    "in place": tiles_in_place,
})  # fmt: skip

FAULTS = {"a": "epsilon outside the root", "b": "mixes the batch", "c": "changes its argument", "d": "right",
          "e": "unbiased variance"}  # fmt: skip
wrong(checks.diagnosis, {
    "look at its gradient": predictions(FAULTS, place=0, to="right"),
    "a batch of two": predictions(FAULTS, place=1, to="right"),
    "your own tensor after the call": predictions(FAULTS, place=2, to="mixes the batch"),
    "agrees with F.instance_norm": predictions(FAULTS, place=3, to="unbiased variance"),
    "2 x 2": predictions(FAULTS, place=4, to="epsilon outside the root"),
    "none of the words": predictions(FAULTS, place=4, to="broken"),
})  # fmt: skip


def turned(matrix, exponent):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors.T * values**exponent @ vectors


def transported(s, c):
    root = power(s, 0.5)
    return torch.linalg.inv(root) @ power(root @ c @ root, 0.5) @ torch.linalg.inv(root)


def with_means(style, content):
    s, c = (x[0].flatten(1).double() for x in (style, content))
    matrix = power(c @ c.T / c.shape[1], 0.5) @ power(s @ s.T / s.shape[1], -0.5)
    return (matrix @ (s - s.mean(1, keepdim=True)) + c.mean(1, keepdim=True)).reshape(style.shape)


def mean_left_in(style, content):
    (_, _, s), (_, content_mean, c) = moments(style), moments(content)
    return (power(c, 0.5) @ power(s, -0.5) @ style[0].flatten(1).double() + content_mean).reshape(style.shape)


wrong(checks.coral, {
    "the style's own mean is added again":
        lambda s, c: recoloured(s, c, add=False) + moments(s)[1].reshape(1, 3, 1, 1),
    "is not taken away first": mean_left_in,
    "this is the whitened style": lambda s, c: recoloured(s, c, root=lambda a, b: power(a, -0.5)),
    "but not whitened before": lambda s, c: recoloured(s, c, root=lambda a, b: power(b, 0.5)),
    "only the mean was set": lambda s, c: recoloured(s, c, root=lambda a, b: torch.eye(3).double()),
    "E and E^T are exchanged": lambda s, c: recoloured(s, c, root=lambda a, b: turned(b, 0.5) @ turned(a, -0.5)),
    "this is transport": lambda s, c: recoloured(s, c, root=transported),
    "taken with their means": with_means,
    "wrong as soon as the two pictures differ": lambda s, c: recoloured(
        s, c, root=lambda a, b: power(b * c[0, 0].numel() / s[0, 0].numel(), 0.5) @ power(a, -0.5)),
    "expected the shape": lambda s, c: recoloured(s, c)[0],
})  # fmt: skip

wrong(checks.keep_luminance, {
    "channel 0 is red": lambda p, c: c + ((p - c) * WEIGHTS.flip(0)).sum(1, keepdim=True),
    "luminance is missing": lambda p, c: c - y(c),
    "half of each luminance": lambda p, c: c + (y(p) - y(c)) / 2,
    "this is the luminance alone": lambda p, c: y(p),
    "the sign is wrong": lambda p, c: c + y(c) - y(p),
    "each pixel has its own": lambda p, c: c + (y(p) - y(c)).mean((2, 3), keepdim=True),
    "still in YIQ": lambda p, c: torch.cat([y(p), torch.einsum("dc,bchw->bdhw", torch.tensor(
        [[0.59590059, -0.27455667, -0.32134392], [0.21153661, -0.52273617, 0.31119955]]), c)], 1),
    "expected the shape": lambda p, c: (c + y(p) - y(c))[:1, :1],
})  # fmt: skip

wrong(checks.guided_gram, {
    "and C is not divided by": lambda f, m: gram(f * m) / m.sum(),
    "divided by C only": lambda f, m: gram(f * m.sqrt()) / f.shape[1],
    "not divided: by C and": lambda f, m: gram(f * m.sqrt()),
    "the root of the mask's sum": lambda f, m: gram(f * m.sqrt()) / (f.shape[1] * m.sum().sqrt()),
    "the sum of the mask's root": lambda f, m: gram(f * m.sqrt()) / (f.shape[1] * m.sqrt().sum()),
    "its soft sum divides": lambda f, m: gram(f * (m > 0.5)) / (f.shape[1] * m.sum()),
    "the wrong way round": lambda f, m: gram(f * (1 - m).sqrt()) / (f.shape[1] * (1 - m).sum()),
    "the axis of the batch is gone": lambda f, m: (gram(f * m.sqrt()) / (f.shape[1] * m.sum()))[0],
    "the picture could not learn": lambda f, m: gram(f.detach() * m.sqrt()) / (f.shape[1] * m.sum()),
    "the gradient is not": lambda f, m: (f * m).flatten(2) @ f.detach().flatten(2).mT / (f.shape[1] * m.sum()),
    "right but for a factor": lambda f, m: gram(f * m.sqrt()) / (3 * m.sum()),  # the channels of the first example
})  # fmt: skip

wrong(checks.to_bytes, {
    "rounded up": lambda x: (last(x).clamp(0, 1) * 255).ceil().to(torch.uint8),
    "rounded before the multiplication": lambda x: (last(x).clamp(0, 1).round() * 255).to(torch.uint8),
    "not clipped and cut": lambda x: ((last(x) * 255).long() % 256).to(torch.uint8),
    "clipped above only": lambda x: ((last(x) * 255).round().clamp(max=255).long() % 256).to(torch.uint8),
    "clipped below only": lambda x: ((last(x) * 255).round().clamp(min=0).long() % 256).to(torch.uint8),
    "stay where they are": lambda x: ((last(x) - x.min()) / (x.max() - x.min()) * 255).round().to(torch.uint8),
    "but there are four axes": lambda x: (last(x).clamp(0, 1) * 255).round().to(torch.uint8)[None],
    "without the batch": lambda x: (x.clamp(0, 1) * 255).round().to(torch.uint8),
    "blue, green, red": lambda x: (last(x).clamp(0, 1) * 255).round().to(torch.uint8).flip(2),
    "8-bit pixels, torch.uint8, got list": lambda x: (last(x).clamp(0, 1) * 255).round().int().tolist(),
    "got torch.int8": lambda x: (last(x).clamp(0, 1) * 255).round().to(torch.int8),
})  # fmt: skip


def in_strips(function, picture, tile, margin):
    """Bands of rows, which are few pixels, but as wide as the picture."""
    band = max(1, tile * tile // (2 * picture.shape[3]))
    out = torch.zeros_like(picture)
    for top in range(0, picture.shape[2], band):
        y = max(0, top - margin)
        made = function(picture[..., y : top + band + margin, :])
        out[..., top : top + band, :] = made[..., top - y : top - y + band, :]
    return out


wrong(checks.in_tiles, {
    "the margin is always 2": lambda f, p, tile, margin: tiles(f, p, tile, 2, 2),
    "one pixel too narrow": lambda f, p, tile, margin: tiles(f, p, tile, margin - 1, margin - 1),
    "right and below only": lambda f, p, tile, margin: tiles(f, p, tile, 0, margin),
    "on a side. The point": in_strips,
    "the whole never has to fit": lambda f, p, tile, margin: tiles(f, p, tile, margin + 2, margin + 2),
    "was not called": lambda f, p, tile, margin: p.clone(),
})  # fmt: skip

wrong(checks.diagnosis, {
    "whole|try a map that is the same everywhere": predictions(FAULTS, place=0, to="unbiased variance"),
    "and each of the two alone": predictions(FAULTS, place=1, to="unbiased variance"),
    "after the call": predictions(FAULTS, place=2, to="right"),
    "in every test": predictions(FAULTS, place=3, to="epsilon outside the root"),
    "which variance does it divide by": predictions(FAULTS, place=4, to="right"),
    "no answer to 'e'": lambda: {k: v for k, v in FAULTS.items() if k != "e"},
})  # fmt: skip
