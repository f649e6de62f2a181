"""Named pictures and weights: shipped with the course, lent by scikit-image, or downloaded once and checked.

`data/pictures/catalogue.json` lists the pictures. The folder NST_CACHE (default: the user's cache folder) keeps the downloads.
"""

from __future__ import annotations

import functools
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from nst.support.arguments import unknown

if TYPE_CHECKING:  # `nst list` and the shell's completion ask for names only: they need not wait for torch
    from torch import Tensor


def data_folder() -> Path:
    """The folder that ships with the course: `nst/data` in an installed wheel, `data` beside `nst` in a clone."""
    package = Path(__file__).resolve().parent
    for folder in (package / "data", package.parent / "data"):
        if (folder / "pictures" / "catalogue.json").is_file():
            return folder
    raise FileNotFoundError(f"{package / 'data'}: the course's pictures are missing; install the project again")


def cache_folder() -> Path:
    """Where downloads are kept: the environment variable NST_CACHE, or the user's cache folder."""
    if folder := os.environ.get("NST_CACHE"):
        return Path(folder).expanduser()
    import pooch

    return Path(pooch.os_cache("nst"))


@functools.cache
def _catalogue() -> dict[str, dict[str, str]]:
    return json.loads((data_folder() / "pictures" / "catalogue.json").read_text(encoding="utf-8"))


def names() -> list[str]:
    """All pictures by name: the shipped styles, scikit-image's photographs, and the classics that are downloads."""
    return list(_catalogue())


def styles() -> list[str]:
    """The style pictures that ship with the course: no download needed."""
    return [name for name, entry in _catalogue().items() if entry["kind"] == "style" and "file" in entry]


def shipped_styles() -> list[str]:
    """Those of `styles()` that a trained network ships for, in the catalogue's order: `nst.load_style` takes their names."""
    return [name for name in styles() if style_file(name).is_file()]


def style_file(name: str) -> Path:
    """Where the network of a shipped style lies."""
    return data_folder() / "weights" / f"style_{name}.safetensors"


def facts(name: str) -> dict[str, str]:
    """What the catalogue says of a picture: its kind ("content" or "style"), where it comes from, title, author, licence."""
    return dict(_entry(name))


def credit(name: str) -> str:
    """Title, author and licence in one line, for a caption."""
    entry = _entry(name)
    return f"{entry['title']}, {entry['author']} ({entry['licence']})"


def picture(name: str, size: int | None = None) -> Tensor:
    """The named picture as float32 (1, 3, H, W), RGB in [0, 1]; `size`: its shorter side. Errors: see `path`, `load_image`."""
    from nst.images import load_image

    return load_image(path(name), size)


def path(name: str) -> Path:
    """The file of a named picture, downloaded first where it must be.

    ValueError: no such name. ConnectionError: the download failed, or is not the file that the catalogue describes; the message
    says where to put the file by hand.
    """
    entry = _entry(name)
    if "file" in entry:
        return data_folder() / "pictures" / entry["file"]
    if "skimage" in entry:
        import skimage

        return Path(skimage.__file__).parent / "data" / entry["skimage"]
    return _download(name, entry["download"], entry["sha256"], cache_folder() / "images")


def _entry(name: str) -> dict[str, str]:
    if not isinstance(name, str) or name not in _catalogue():
        is_file = isinstance(name, str | os.PathLike) and (os.path.exists(name) or Path(name).suffix)
        raise unknown("picture", name, names(), also="a name, and nst.load_image for a file: " if is_file else "")
    return _catalogue()[name]


def _download(name: str, url: str, sha256: str, folder: Path) -> Path:
    from nst.support.downloads import fetch

    filename = name + Path(url).suffix
    shipped = ", ".join(n for n, entry in _catalogue().items() if "download" not in entry)
    otherwise = (
        f"Save that file as {folder / filename} or set NST_CACHE to a folder that holds images/{filename}. "
        f"With no network use a picture that needs none: {shipped}."
    )
    return fetch(name, url, folder / filename, f"sha256:{sha256}", otherwise)
