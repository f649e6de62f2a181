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
    "none of the five": predictions(FAULTS, place=4, to="broken"),
})  # fmt: skip
