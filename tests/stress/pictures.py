"""Mutations of picture files: each a right picture, or nst's own error with the file's name."""

from __future__ import annotations

import io
import random
import struct
import tempfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageCms

from stress import Row, isolated

EXTREMES = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x100, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0xFFFFFFFF)


def originals() -> dict[str, list[bytes]]:
    """Small valid files of every kind that a reader meets, by suffix."""
    y, x = np.mgrid[0:37, 0:52]
    rgb = Image.fromarray(np.stack([x * 4, y * 6, 255 - x * 3], -1).astype(np.uint8))
    grey, sixteen = rgb.convert("L"), Image.fromarray((x * 1000).astype(np.uint16))
    rgba = rgb.copy()
    rgba.putalpha(grey)
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = 6, "a camera"
    facts = {"exif": exif, "icc_profile": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()}
    moving = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    kinds = {
        "png": [(rgb, facts), (rgba, {}), (rgb.quantize(16), {"transparency": 3}), (sixteen, {}), (grey.convert("1"), {}),
                (rgb, moving)],
        "jpg": [(rgb, facts), (rgb, {"progressive": True}), (rgb.convert("CMYK"), {}), (grey, {"restart_marker_blocks": 2})],
        "webp": [(rgb, facts), (rgba, {"lossless": True}), (rgb, moving)],
        "gif": [(rgb, {}), (rgba, {}), (rgb, moving)],
        "tif": [(rgb, facts), (rgba, {"compression": "tiff_lzw"}), (rgb, {"compression": "jpeg"}), (sixteen, {}),
                (grey.convert("1"), {"compression": "group4"}), (rgb.convert("LAB"), {}), (rgb, {"compression": "tiff_deflate"})],
        "bmp": [(rgb, {}), (rgb.quantize(16), {}), (grey.convert("1"), {})],
    }  # fmt: skip
    return {suffix: [_bytes(picture, suffix, options) for picture, options in made] for suffix, made in kinds.items()}


def _bytes(picture: Image.Image, suffix: str, options: dict) -> bytes:
    file = io.BytesIO()
    picture.save(file, {"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper()), **options)
    return file.getvalue()


def mutated(content: bytes, other: bytes, rng: random.Random) -> bytes:
    """A few changes of the kinds that damage and malice make."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(min(len(data), rng.choice((64, 512, 10**9)))) if data else 0
        length = rng.randrange(1, rng.choice((2, 8, 64, 1024)))
        match rng.randrange(8):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:  # a number where a header has one
                form = rng.choice(("<I", ">I", "<H", ">H", "B"))
                size = struct.calcsize(form)
                data[at : at + size] = struct.pack(form, rng.choice(EXTREMES) % 256**size)
            case 2:
                del data[at:]
            case 3:
                del data[at : at + length]
            case 4:
                data[at:at] = rng.randbytes(length)
            case 5:
                data[at:at] = data[at : at + length]
            case 6:
                data[at : at + length] = other[at : at + length]
            case 7:
                data[at : at + length] = bytes(len(data[at : at + length]))
        data = data[:100_000]
    return _with_right_sums(bytes(data)) if rng.random() < 0.5 else bytes(data)


def _with_right_sums(data: bytes) -> bytes:
    """A PNG's chunks with the checksums that belong to them: else nothing behind the sum is ever reached."""
    if not data.startswith(b"\x89PNG"):
        return data
    made, at = bytearray(data[:8]), 8
    while at + 12 <= len(data):
        length = min(int.from_bytes(data[at : at + 4], "big"), len(data) - at - 12)
        made += data[at : at + 8 + length] + struct.pack(">I", zlib.crc32(data[at + 4 : at + 8 + length]))
        at += 12 + length
    return bytes(made + data[at:])


def cases(count: int, seed: int) -> Iterator[tuple[str, tuple[bytes, str, int | None]]]:
    kinds, rng = originals(), random.Random(f"pictures {seed}")
    everything = [content for made in kinds.values() for content in made]
    for k in range(count):
        suffix = rng.choice(list(kinds))
        content = mutated(rng.choice(kinds[suffix]), rng.choice(everything), rng)
        yield f"seed {seed}, case {k}, {suffix}", (content, suffix, rng.choice((None, None, 24, 200)))


FOLDER = tempfile.TemporaryDirectory(prefix="stress_")


def check(case: tuple[bytes, str, int | None] | None) -> None:
    from nst.images import load_image

    if case is None:
        return
    content, suffix, size = case
    path = Path(FOLDER.name) / f"mutated.{suffix}"
    path.write_bytes(content)
    try:
        picture = load_image(path, size)
    except ValueError as error:
        assert str(path) in str(error), f"does not name the file: {error}"
        return
    assert picture.ndim == 4 and picture.shape[:2] == (1, 3) and picture.is_contiguous(), picture.shape
    assert 0 <= picture.min() and picture.max() <= 1, "out of range"  # or NaN
    with Image.open(path) as image:
        image.load()
        short, long = sorted(image.size)
    wanted = (short, long) if size is None else (size, max(1, round(long * size / short)))
    assert tuple(sorted(picture.shape[-2:])) == tuple(sorted(wanted)), f"{picture.shape[-2:]}, expected {wanted}"


def run(count: int = 20_000, seed: int = 0) -> list[Row]:
    return [isolated(Row(f"{count:,} mutated pictures"), "stress.pictures:check", cases(count, seed))]
