"""Pictures to learn from: crops whose choice is a function of (seed, step, position) and of nothing else.

A run that was interrupted, or that is spread over several processes, sees the very pictures an uninterrupted one would have seen.
"""

from __future__ import annotations

import functools
import os
import random
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from nst import assets
from nst.images import load_image

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
COCO = {"val2017": "442b8da7639aecaf257c1dceb8ba8c80", "train2014": "0da8c0bd3d6becc4dcb32757491aca88"}  # MD5 of the archives
COCO_URL = "http://images.cocodataset.org/zips/{split}.zip"
_OFFLINE_HELP = (
    "{name}: could not be downloaded from {url}, or is not the file it should be. Any folder of photographs does as well: "
    "nst.datasets.picture_files(folder); with none at hand, nst.datasets.offline_files()"
)
OFFLINE = ("astronaut", "chelsea", "coffee", "rocket", "hubble")  # in scikit-image's wheel


class Batch(NamedTuple):
    """What one backward pass learns from."""

    content: Tensor  # (B, 3, S, S)
    style: Tensor | None  # (B, 3, S, S) where styles vary
    files: list[str]

    def to(self, where: torch.device) -> Batch:
        def moved(x: Tensor) -> Tensor:
            return x.to(where, memory_format=torch.channels_last)

        return Batch(moved(self.content), None if self.style is None else moved(self.style), self.files)


class Crops:
    """Square crops of pictures, flipped at random: `crops(step, positions) -> Batch`.

    files:  picture files; an unreadable one is skipped, noted in `skipped` {file: reason}, and told of once.
    size:   side of a crop in pixels, or a function of the step.
    read:   shorter side at which a picture is read. A crop is a square between `zoom` of that side and all of it, scaled to `size`.
    colour: 0 keeps the colours; 1 varies contrast, brightness and saturation widely and sometimes swaps channels.
    Raises ValueError where there are no files, or none of 100 drawn ones can be read.
    """

    def __init__(self, files: Sequence[str | os.PathLike], size: int | Callable[[int], int] = 256, read: int = 256,
                 zoom: float = 0.5, colour: float = 0.0, seed: int = 0):  # fmt: skip
        if not files:
            raise ValueError("files is empty: expected picture files to learn from")
        if not 0 < zoom <= 1:
            raise ValueError(f"zoom={zoom!r}: expected the smallest share of a picture's shorter side, above 0 and at most 1")
        self.files, self.size, self.read, self.zoom, self.colour, self.seed = list(files), size, read, zoom, colour, seed
        self.skipped: dict[str, str] = {}

    def __call__(self, step: int, positions: range) -> Batch:
        size = self.size(step) if callable(self.size) else self.size
        crops, files = zip(*(self._one(random.Random(f"{self.seed} {step} {p}"), size) for p in positions))
        return Batch(torch.stack(crops), None, list(files))

    def _one(self, rng: random.Random, size: int) -> tuple[Tensor, str]:
        for _ in range(100):
            file = str(rng.choice(self.files))
            if file in self.skipped:
                continue
            try:
                picture = _read(file, self.read)
            except (ValueError, FileNotFoundError) as error:
                self.skipped[file] = str(error)
                warnings.warn(f"skipped ({len(self.skipped)} so far): {error}", stacklevel=2)
            else:
                return self._crop(picture, rng, size), file
        raise ValueError(f"none of 100 pictures drawn could be read, for one {next(iter(self.skipped.values()))}")

    def _crop(self, picture: Tensor, rng: random.Random, size: int) -> Tensor:
        short = min(picture.shape[1:])
        side = max(1, round(short * rng.uniform(self.zoom, 1)))
        top, left = (rng.randint(0, n - side) for n in picture.shape[1:])
        x = picture[None, :, top : top + side, left : left + side].float() / 255
        x = F.interpolate(x, size=(size, size), mode="bilinear", antialias=True)[0]  # (3, S, S)
        x = x.flip(-1) if rng.random() < 0.5 else x
        return _recoloured(x, rng, self.colour) if self.colour else x


@functools.lru_cache(maxsize=2048)  # at 256 px about half a gigabyte
def _read(file: str, short_side: int) -> Tensor:
    return (load_image(file, short_side)[0] * 255).round().to(torch.uint8)  # (3, H, W)


def _recoloured(x: Tensor, rng: random.Random, amount: float) -> Tensor:
    if rng.random() < 0.15 * amount:
        x = x[rng.sample(range(3), 3)]
    grey = x.mean(0, keepdim=True)
    x = grey + (x - grey) * (1 + amount * rng.uniform(-0.6, 0.5))
    mean = x.mean()
    x = (x - mean) * (1 + amount * rng.uniform(-0.4, 0.4)) + mean + amount * rng.uniform(-0.12, 0.12)
    return x.clamp(0, 1)


class Pairs:
    """A content and a style picture for each position, drawn from two `Crops`."""

    def __init__(self, content: Crops, style: Crops):
        self.content, self.style = content, style

    def __call__(self, step: int, positions: range) -> Batch:
        content, style = self.content(step, positions), self.style(step, positions)
        return Batch(content.content, style.content, content.files + style.files)


def picture_files(folder: str | os.PathLike) -> list[Path]:
    """All picture files below a folder, in the order of their paths. Raises FileNotFoundError, ValueError where there are none."""
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: no such folder of pictures")
    found = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file())
    if not found:
        raise ValueError(f"{folder}: holds no pictures ({', '.join(sorted(SUFFIXES))})")
    return found


def offline_files() -> list[Path]:
    """The five photographs that come with scikit-image: enough to see a network learn, too few to learn from (lesson 05)."""
    return [assets.path(name) for name in OFFLINE]


def imagenette_files() -> list[Path]:
    """9,469 photographs of 160 px, ten classes of ImageNet: a download of 99 MB, once, checked, into `assets.cache_folder()`.

    fast.ai's Imagenette 2, through torchvision. ConnectionError: it could not be had, or is not the expected file.
    """
    from torchvision.datasets import Imagenette  # twice as slow to import as torch itself

    folder = assets.cache_folder() / "imagenette"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        found = Imagenette(folder, "train", "160px", download=True)
    except (OSError, RuntimeError) as error:  # urllib's errors are OSErrors; a wrong digest is a RuntimeError
        raise ConnectionError(_OFFLINE_HELP.format(name="Imagenette", url=Imagenette._ARCHIVES["160px"][0])) from error
    return [Path(file) for file, _ in found._samples]


def coco_files(split: str = "val2017") -> list[Path]:
    """Photographs of Microsoft COCO: "val2017" (5,000 of them, 0.8 GB) or "train2014" (82,783, 13.5 GB), Johnson's training set.

    Downloaded once, checked and unpacked into `assets.cache_folder()`. ValueError: no such split; ConnectionError: see above.
    """
    if split not in COCO:
        raise ValueError(f"split={split!r}: expected one of {', '.join(COCO)}")
    import pooch

    url, folder = COCO_URL.format(split=split), assets.cache_folder() / "coco"
    try:
        pooch.retrieve(url, f"md5:{COCO[split]}", f"{split}.zip", folder, processor=pooch.Unzip(extract_dir="."))
    except Exception as error:  # requests, urllib3, pooch and the file system each raise their own
        raise ConnectionError(_OFFLINE_HELP.format(name=f"COCO {split}", url=url)) from error
    return picture_files(folder / split)
