"""Folders as they are: hidden copies, names of any bytes, results of earlier runs; each picture once, none silently."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from stress import Row, isolated

PICTURES = (".jpg", ".JPG", ".jpeg", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".ppm", ".jp2", ".tga")
OTHERS = (".txt", ".db", ".mp4", ".json", "", ".jpg~", ".psd")
NAMES = ("a", "photo 1", "写真", "é", "☃😀", "[b]", "new\nline", "-o", "a.b", "x" * 200, "'quote\"", "%s{}")
KEPT = (".jpg", ".jpeg", ".jfif", ".png", ".webp")  # results in these keep their suffix; others become PNGs
OUTS = ("out", "in", ".", "in/deep", "in/painted", "new/deeper")


def cases(count: int, seed: int) -> Iterator[tuple[str, tuple[list[bytes], str, int]]]:
    """The files of a folder `in`, and where their results go."""
    rng = random.Random(f"folders {seed}")
    odd = [os.fsdecode(b"\xff\xfe")] if sys.platform == "linux" else []
    for k in range(count):
        files = set()
        for _ in range(rng.randint(0, 12)):
            parts = [rng.choice(("deep", ".hidden", "sub.png", "painted")) for _ in range(rng.choice((0, 0, 1, 2)))]
            name = rng.choice(("", "", "", ".", "._")) + rng.choice([*NAMES, *odd]) + rng.choice((*PICTURES, *OTHERS))
            files.add(os.fsencode("/".join([*parts, name])))
        yield f"seed {seed}, case {k}", (sorted(files), rng.choice(OUTS), rng.randrange(3))


def check(case: tuple[list[bytes], str, int] | None) -> None:
    from nst.command.jobs import Misuse, jobs

    if case is None:
        return
    names, out, runs = case
    with tempfile.TemporaryDirectory(prefix="stress_") as folder:
        os.chdir(folder)
        Path("in").mkdir()
        for name in names:
            path = Path("in", os.fsdecode(name))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"")
        visible = [Path(os.fsdecode(name)) for name in names if not any(part.startswith(b".") for part in name.split(b"/"))]
        pictures = sorted(Path("in") / name for name in visible if name.suffix in PICTURES)
        said: list[str] = []
        try:
            found = jobs(["in"], out, said.append)
        except Misuse as error:
            assert len(str(error)) > 10, "without a word"
            assert not pictures or out in ("in", "in/deep", "in/painted") or "two of the pictures" in str(error), error
            return
        assert found, "nothing to do, and nobody is told"
        if not out.startswith("in"):
            assert [Path(job.source) for job in found] == pictures, "not each picture once, in order"
        assert {Path(job.source) for job in found} <= {*pictures}, "hidden, or no picture"
        for job in found:
            below = Path(job.source).relative_to("in")
            assert job.target == Path(out) / (below if below.suffix.lower() in KEPT else below.with_suffix(".png"))
        assert bool(said) == (len(found) < sum(1 for _ in _all("in"))), said
        for job in found if runs else ():  # a second run paints the same pictures, and not what the first has painted
            job.target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(job.source, job.target)
        if runs:
            assert jobs(["in"], out) == found and all(job.is_done for job in found)
        os.chdir("/")


def _all(folder: str) -> Iterator[str]:
    """The files below a folder, and its hidden folders as one each, with nothing below them."""
    for _, folders, files in os.walk(folder):
        yield from files
        yield from (name for name in folders if name.startswith("."))
        folders[:] = [name for name in folders if not name.startswith(".")]


def run(count: int, seed: int) -> list[Row]:
    return [isolated(Row("folders, as they are"), "stress.folders:check", cases(count, seed))]
