"""What the painting page needs beside its own files: the runtime, the networks, the pictures.

    python notebooks/make/paint.py build/book/paint

`make book` calls `build` after it has copied notebooks/book/paint. The page alone, without the book:

    cp -r notebooks/book/paint build/paint && python notebooks/make/paint.py build/paint && python -m http.server -d build/paint
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "book"))

from models import models  # noqa: E402
from pictures import pictures  # noqa: E402
from runtime import NoRuntime, runtime  # noqa: E402

__all__ = ["NoRuntime", "build"]


def build(folder: Path) -> None:
    """Write ort/, models/ and pictures/ into the page's folder. NoRuntime: npm is missing, or fails."""
    runtime(folder / "ort")
    models(folder / "models")
    pictures(folder / "pictures")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="the page's folder, build/book/paint")
    build(parser.parse_args().folder)


if __name__ == "__main__":
    main()
