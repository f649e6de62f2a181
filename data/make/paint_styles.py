"""Paint the course's style pictures and write them to data/pictures/styles.

    python data/make/paint_styles.py                  all eight
    python data/make/paint_styles.py rose_window ...  only the named ones

Each picture is a program in the package `painting` beside this script; the same seed always gives the same picture.
"""

import argparse
import importlib
import io
import os
import time
from pathlib import Path

from PIL import Image

WIDTH, HEIGHT = 768, 640
LARGEST = 138_000  # bytes of one JPEG file
SEEDS = {
    "night_orchard": 3,
    "rose_window": 11,
    "harbour_woodblock": 5,
    "garden_points": 8,
    "cut_paper": 21,
    "ink_mountains": 13,
    "halftone_city": 2,
    "mosaic_peacock": 17,
}


def encode(picture: Image.Image) -> bytes:
    """The picture as a JPEG of the best quality that still fits LARGEST."""
    for quality in range(92, 39, -2):
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True, progressive=True)
        if file.tell() <= LARGEST:
            break
    return file.getvalue()


def write(path: Path, content: bytes) -> None:
    """Write the whole file or leave the old one as it was."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_bytes(content)
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def main() -> None:
    parser = argparse.ArgumentParser(description="Paint the style pictures into data/pictures/styles.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"which to paint (default: all): {', '.join(SEEDS)}")
    names = parser.parse_args().names or list(SEEDS)
    unknown = [name for name in names if name not in SEEDS]
    if unknown:
        parser.error(f"no painting called {', '.join(unknown)}; there are {', '.join(SEEDS)}")
    folder = Path(__file__).resolve().parents[1] / "pictures" / "styles"
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        start = time.perf_counter()
        picture = importlib.import_module(f"painting.{name}").paint(WIDTH, HEIGHT, SEEDS[name])
        content = encode(picture)
        write(folder / f"{name}.jpg", content)
        print(f"{name:18} {len(content) / 1000:4.0f} kB  {time.perf_counter() - start:5.1f} s", flush=True)


if __name__ == "__main__":
    main()
