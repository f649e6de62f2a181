"""Masks as editors and segmentation programs write them: what is painted is what was drawn; damaged ones are named."""

from __future__ import annotations

import io
import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from stress import Row, isolated
from stress.pictures import mutated

Drawn = np.ndarray  # (H, W) of bool


def white(drawn: Drawn) -> np.ndarray:
    return drawn.astype(np.uint8) * 255


def noise(drawn: Drawn, channels: int, rng: random.Random) -> np.ndarray:
    return np.random.default_rng(rng.randrange(2**32)).integers(0, 256, (*drawn.shape, channels), np.uint8)


def palette(drawn: Drawn, dark: tuple[int, int, int], bright: tuple[int, int, int], **_: object) -> Image.Image:
    image = Image.fromarray(drawn.astype(np.uint8)).convert("P")
    image.putpalette([*dark, *bright])
    return image


WRITERS: dict[str, Callable[[Drawn, random.Random], tuple[Image.Image, str, dict]]] = {
    "8 bits": lambda d, r: (Image.fromarray(white(d)), r.choice(("png", "tif", "bmp", "webp")), {"lossless": True}),
    "1 bit": lambda d, r: (Image.fromarray(white(d)).convert("1"), r.choice(("png", "tif", "bmp")), {}),
    "1 bit, group 4": lambda d, r: (Image.fromarray(white(d)).convert("1"), "tif", {"compression": "group4"}),
    "0 and 1": lambda d, r: (Image.fromarray(d.astype(np.uint8)), r.choice(("png", "tif")), {}),
    "16 bits": lambda d, r: (Image.fromarray(d.astype(np.uint16) * r.choice((1, 255, 65535))), r.choice(("png", "tif")), {}),
    "32 bits": lambda d, r: (Image.fromarray(d.astype(np.int32) * r.choice((1, 255))), "tif", {}),
    "floats": lambda d, r: (Image.fromarray(d.astype(np.float32)), "tif", {}),
    "colours": lambda d, r: (Image.fromarray(white(d)).convert("RGB"), r.choice(("png", "jp2", "tga")), {}),
    "white on clear": lambda d, r: (Image.merge("LA", [Image.new("L", d.shape[::-1], 255), Image.fromarray(white(d))]), "png", {}),
    "black on clear": lambda d, r: (Image.merge("LA", [Image.new("L", d.shape[::-1]), Image.fromarray(white(d))]), "png", {}),
    "white on black, clear": lambda d, r: (Image.fromarray(np.dstack([white(d)] * 4)), r.choice(("png", "tif")), {}),
    "cut-out": lambda d, r: (Image.fromarray(np.dstack([noise(d, 3, r), white(d)])), r.choice(("png", "tif")), {}),
    "opaque": lambda d, r: (Image.fromarray(white(d)).convert("RGBA"), "png", {}),
    "palette": lambda d, r: (palette(d, (0, 0, 0), r.choice(((255, 255, 255), (128, 0, 0), (192, 128, 128)))), "png", {}),
    "clear palette": lambda d, r: (palette(d, (0, 0, 0), (255, 255, 255)), r.choice(("png", "gif")), {"transparency": 0}),
}


def drawn(rng: random.Random) -> Drawn:
    """A rectangle that is neither nothing nor all."""
    height, width = rng.randint(4, 40), rng.randint(4, 40)
    top, left = rng.randrange(height - 1), rng.randrange(width - 1)
    mask = np.zeros((height, width), bool)
    mask[top : rng.randint(top + 1, height - 1), left : rng.randint(left + 1, width)] = True
    return mask


def cases(count: int, seed: int) -> Iterator[tuple[str, tuple[bytes, str, Drawn | None]]]:
    rng = random.Random(f"masks {seed}")
    for k in range(count):
        mask, kind = drawn(rng), rng.choice(list(WRITERS))
        image, suffix, options = WRITERS[kind](mask, rng)
        file = io.BytesIO()
        image.save(file, {"tif": "TIFF", "jp2": "JPEG2000"}.get(suffix, suffix.upper()), **options)
        damaged = rng.random() < 0.25
        content = mutated(file.getvalue(), file.getvalue(), rng) if damaged else file.getvalue()
        yield f"seed {seed}, case {k}, {kind}, {suffix}", (content, suffix, None if damaged else mask)


FOLDER = tempfile.TemporaryDirectory(prefix="stress_")


def check(case: tuple[bytes, str, Drawn | None] | None) -> None:
    from nst.images import load_mask

    if case is None:
        return
    content, suffix, wanted = case
    path = Path(FOLDER.name) / f"mask.{suffix}"
    path.write_bytes(content)
    try:
        mask = load_mask(path)
    except ValueError as error:
        assert wanted is None, error
        assert str(path) in str(error), f"does not name the file: {error}"
        return
    assert mask.shape[:2] == (1, 1) and 0 <= mask.min() and mask.max() <= 1, "out of range"  # or NaN
    assert mask.any(), "it paints nothing, and nobody is told"
    assert wanted is None or np.array_equal(mask[0, 0].numpy(), wanted), "another mask than was drawn"


def run(count: int, seed: int) -> list[Row]:
    return [isolated(Row("masks, as programs write them"), "stress.masks:check", cases(count, seed))]
