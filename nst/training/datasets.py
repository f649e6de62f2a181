"""Pictures to learn from: crops whose choice is a function of (seed, step, position) and of nothing else.

A run that was interrupted, or that is spread over several processes, sees the very pictures an uninterrupted one would have seen.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from filelock import FileLock
from torch import Tensor

from nst import assets
from nst.images import load_image
from nst.support.arguments import check_choice, check_number, check_whole
from nst.support.downloads import fetch
from nst.support.formats import passed_over, pictures_below, suffixes

CACHE = 2**29  # bytes of pictures that one `Crops` keeps
_OTHERWISE = (
    "Any folder of photographs does as well: nst.training.datasets.picture_files(folder); with none at hand, "
    "nst.training.datasets.offline_files()"
)


class Archive(NamedTuple):
    """A download of photographs: where it is, the MD5 that its publisher states, its folder of pictures and how many these are."""

    url: str
    md5: str
    folder: str
    count: int


IMAGENETTE = Archive("https://s3.amazonaws.com/fast-ai-imageclas/imagenette2-160.tgz", "e793b78cc4c9e9a4ccc0c1155377a412",
                     "imagenette2-160/train", 9469)  # fmt: skip
COCO = {
    split: Archive(f"http://images.cocodataset.org/zips/{split}.zip", md5, split, count)
    for split, md5, count in (("val2017", "442b8da7639aecaf257c1dceb8ba8c80", 5000),
                              ("train2014", "0da8c0bd3d6becc4dcb32757491aca88", 82783))
}  # fmt: skip
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

    files:  picture files; an unreadable one is skipped, noted in `skipped` {file: reason}, and told of once. What was read is kept,
        as far as half a gigabyte holds it.
    size:   side of a crop in pixels, or a function of the step.
    read:   shorter side at which a picture is read. A crop is a square between `zoom` of that side and all of it, scaled to `size`.
    colour: 0 keeps the colours; 1 varies contrast, brightness and saturation widely and sometimes swaps channels.
    Raises ValueError where there are no files, or none of 100 drawn ones can be read.
    """

    def __init__(self, files: Sequence[str | os.PathLike], size: int | Callable[[int], int] = 256, read: int = 256,
                 zoom: float = 0.5, colour: float = 0.0, seed: int = 0):  # fmt: skip
        if not files:
            raise ValueError("files is empty: expected picture files to learn from")
        check_number("zoom", zoom, 0, 1, above=True)
        check_number("colour", colour)
        check_whole("read", read)
        self.files, self.size, self.read, self.zoom, self.colour, self.seed = list(files), size, read, zoom, colour, seed
        self.skipped: dict[str, str] = {}
        self._picture = _Kept()

    @property
    def identity(self) -> dict:
        """What tells these crops from others, in JSON values: `nst.training` goes on with a run under the same only."""
        size = [self.size(2**k) for k in range(20)] if callable(self.size) else self.size
        options = {"size": size, "read": self.read, "zoom": self.zoom, "colour": self.colour, "seed": self.seed}
        return {"files": _digest(self.files), **options}

    def __call__(self, step: int, positions: range, salt: str = "") -> Batch:
        """salt: another one gives other crops for the same step and positions."""
        size = self.size(step) if callable(self.size) else self.size
        crops, files = zip(*(self._one(random.Random(f"{self.seed} {step} {p}{salt}"), size) for p in positions))
        return Batch(torch.stack(crops), None, list(files))

    def _one(self, rng: random.Random, size: int) -> tuple[Tensor, str]:
        for _ in range(100):
            file = str(rng.choice(self.files))
            if file in self.skipped:
                continue
            try:
                picture = self._picture(file, self.read, os.stat(file).st_mtime_ns)
            except (ValueError, OSError) as error:
                self.skipped[file] = str(error)
                warnings.warn(f"skipped ({len(self.skipped)} so far): {error}", stacklevel=2)
            else:
                return self._crop(picture, rng, size), file
        raise ValueError(f"none of 100 pictures drawn could be read, for one {next(iter(self.skipped.values()))}")

    def _crop(self, picture: Tensor, rng: random.Random, size: int) -> Tensor:
        short = min(picture.shape[1:])
        side = max(1, round(short * rng.uniform(self.zoom, 1)))
        top, left = (rng.randint(0, n - side) for n in picture.shape[1:])
        from torchvision.transforms.v2.functional import resized_crop  # slower to import than torch itself

        x = resized_crop(picture.float() / 255, top, left, side, side, [size, size], antialias=True)  # (3, S, S)
        x = x.flip(-1) if rng.random() < 0.5 else x
        return _recoloured(x, rng, self.colour) if self.colour else x


class _Kept:
    """`_read`, which keeps the pictures that were asked for last, as far as CACHE bytes hold them. Pickled, it is empty."""

    def __init__(self):
        self.pictures: dict[tuple, Tensor] = {}  # the latest at the end
        self.bytes, self.lock = 0, threading.Lock()

    def __call__(self, *asked) -> Tensor:
        with self.lock:
            picture = self.pictures.pop(asked, None)
            self.bytes -= 0 if picture is None else picture.nbytes
        picture = _read(*asked) if picture is None else picture
        with self.lock:
            before = self.pictures.pop(asked, None)  # another thread was faster
            self.pictures[asked] = picture
            self.bytes += picture.nbytes - (0 if before is None else before.nbytes)
            while self.bytes > CACHE:
                self.bytes -= self.pictures.pop(next(iter(self.pictures))).nbytes
        return picture

    def __reduce__(self):
        return _Kept, ()


def _read(file: str, short_side: int, changed: int) -> Tensor:
    """uint8 (3, H, W). changed: when the file was written, so that a cache reads it again when it is another one."""
    return (load_image(file, short_side)[0] * 255).round().to(torch.uint8)


def _digest(files: Sequence[str | os.PathLike]) -> str:
    """Of the files' names and lengths, in their order: their folder may move."""
    lengths = (os.path.getsize(file) if os.path.isfile(file) else -1 for file in files)
    lines = [f"{os.path.basename(file)} {length}" for file, length in zip(files, lengths, strict=True)]
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogateescape")).hexdigest()  # a name may be any bytes


def _recoloured(x: Tensor, rng: random.Random, amount: float) -> Tensor:
    if rng.random() < 0.15 * amount:
        x = x[rng.sample(range(3), 3)]
    grey = x.mean(0, keepdim=True)
    x = grey + (x - grey) * (1 + amount * rng.uniform(-0.6, 0.5))
    mean = x.mean()
    x = (x - mean) * (1 + amount * rng.uniform(-0.4, 0.4)) + mean + amount * rng.uniform(-0.12, 0.12)
    return x.clamp(0, 1)


class Pairs:
    """A content and a style picture for each position, drawn from two `Crops`, independently even where their seeds are one."""

    def __init__(self, content: Crops, style: Crops):
        self.content, self.style = content, style

    @property
    def identity(self) -> dict:
        return {"content": self.content.identity, "style": self.style.identity}

    def __call__(self, step: int, positions: range) -> Batch:
        content, style = self.content(step, positions), self.style(step, positions, salt=" style")
        return Batch(content.content, style.content, content.files + style.files)


def picture_files(folder: str | os.PathLike) -> list[Path]:
    """All picture files below a folder, in the order of their paths: those that `load_image` reads, by their suffix.

    Files and folders that begin with a dot are passed over, such as a notebook's `.ipynb_checkpoints` and the `._` copies of macOS;
    `nst.support.formats.pictures_below` counts them. Raises FileNotFoundError, ValueError where there are no pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder}: {'is a file, expected a' if folder.exists() else 'no such'} folder of pictures")
    found, passed = pictures_below(folder)
    if not found:
        also = f"; passed over: {passed_over(passed)}" if passed else ""
        raise ValueError(f"{folder}: holds no pictures ({', '.join(suffixes())}){also}")
    return found


def offline_files() -> list[Path]:
    """The five photographs that come with scikit-image: enough to see a network learn, too few to learn from (lesson 05)."""
    return [assets.path(name) for name in OFFLINE]


def imagenette_files() -> list[Path]:
    """9,469 photographs of 160 px, ten classes of ImageNet: a download of 99 MB, once, checked, into `assets.cache_folder()`.

    fast.ai's Imagenette 2. ConnectionError: it could not be had, or is not the expected file.
    """
    return _photographs("Imagenette", IMAGENETTE, assets.cache_folder() / "imagenette")


def coco_files(split: str = "val2017") -> list[Path]:
    """Photographs of Microsoft COCO: "val2017" (5,000 of them, 0.8 GB) or "train2014" (82,783, 13.5 GB), Johnson's training set.

    Downloaded once, checked and unpacked into `assets.cache_folder()`. ValueError: no such split; ConnectionError: see above.
    """
    check_choice("split", split, COCO)
    return _photographs(f"COCO {split}", COCO[split], assets.cache_folder() / "coco")


def _photographs(name: str, archive: Archive, cache: Path) -> list[Path]:
    """The pictures of an archive, fetched and unpacked unless all of them are there."""
    folder = cache / archive.folder

    def is_there() -> bool:
        return folder.is_dir() and len(picture_files(folder)) >= archive.count

    if not is_there():
        packed = fetch(name, archive.url, cache / Path(archive.url).name, f"md5:{archive.md5}", _OTHERWISE)
        with FileLock(cache / f".{folder.name}.lock"):
            if not is_there():  # another process may have been faster
                _unpack(packed, cache / Path(archive.folder).parts[0])
                if is_there():
                    packed.unlink()  # as many gigabytes again
    return picture_files(folder)


def _unpack(packed: Path, folder: Path) -> None:
    """An archive's one top folder as `folder`, whole or not at all: it is unpacked aside, and renamed."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="unpacking_") as aside:
        shutil.unpack_archive(packed, aside, **({} if packed.suffix == ".zip" else {"filter": "data"}))
        shutil.rmtree(folder, ignore_errors=True)  # half of it, from a time before
        os.replace(Path(aside) / folder.name, folder)
