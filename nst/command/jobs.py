"""Which pictures the command reads and writes: files, folders, standard input and output; and what it says of each."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nst import assets

if TYPE_CHECKING:
    from torch import Tensor

STDIO = "-"
KEPT_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


class Misuse(Exception):
    """The command makes no sense as it stands: one line, exit code 2."""


class Job(NamedTuple):
    """A picture to read and where to write what becomes of it; "-" is standard input or output."""

    source: Path | str
    target: Path | str

    @property
    def is_done(self) -> bool:
        return self.target != STDIO and Path(self.target).exists()


def existing(name: str) -> Path:
    """An argument as a file or folder: as it is, or the picture of that name. Misuse: there is neither."""
    if Path(name).exists():
        return Path(name)
    if name in assets.names():
        return assets.path(name)
    raise Misuse(f"{name}: no such file or folder, and no picture's name (`nst list`)")


def jobs(contents: list[str], out: str) -> list[Job]:
    """A job for every picture; folders are searched and keep their order and subfolders below `out`.

    Misuse: a missing file, an unknown suffix, a file as the place for several pictures, two results of the same name.
    """
    if STDIO in (*contents, out):
        if len(contents) > 1:
            raise Misuse("- stands for one picture: it cannot be one of several")
        found = [Job(STDIO if contents == [STDIO] else _one_file(contents[0]), STDIO if out == STDIO else Path(out))]
    elif len(contents) == 1 and existing(contents[0]).is_file() and Path(out).suffix and not Path(out).is_dir():
        found = [Job(existing(contents[0]), Path(out))]
    else:
        found = _into_folder([existing(name) for name in contents], Path(out))
    for job in found:
        check_target(job.target)
    return found


def _one_file(name: str) -> Path:
    if not existing(name).is_file():
        raise Misuse(f"{name}: is a folder; standard output holds one picture")
    return existing(name)


def _into_folder(places: list[Path], out: Path) -> list[Job]:
    from nst.training.datasets import picture_files

    if out.suffix and not out.is_dir():
        raise Misuse(f"{out}: several pictures want a folder to go to")
    found: list[Job] = []
    for place in places:
        try:
            files = picture_files(place) if place.is_dir() else [place]
        except ValueError as error:
            raise Misuse(str(error)) from error
        new = [file for file in files if out.resolve() not in file.resolve().parents]  # not what an earlier run wrote there
        found += [Job(file, out / _result_name(file.relative_to(place) if place.is_dir() else Path(file.name))) for file in new]
    targets = [job.target for job in found]
    if twice := [target for target in targets if targets.count(target) > 1]:
        raise Misuse(f"{twice[0]}: two of the pictures would be written there; give them folders of their own")
    return found


def _result_name(name: Path) -> Path:
    """A picture keeps its name, and its suffix where that is a usual one for results."""
    return name if name.suffix.lower() in KEPT_SUFFIXES else name.with_suffix(".png")


def check_target(target: Path | str) -> None:
    """Misuse, before anything is computed: a suffix that is no picture's."""
    from PIL import Image

    if target != STDIO and Path(target).suffix.lower() not in Image.registered_extensions():
        raise Misuse(f"{target}: unknown picture suffix {Path(target).suffix!r}: expected .png, .jpg, .webp, …")


def read(source: Path | str) -> Tensor:
    """The picture (1, 3, H, W). Errors: see `load_image`; those of standard input say so."""
    from nst.images import load_image

    if source != STDIO:
        return load_image(source)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture"
        file.write_bytes(sys.stdin.buffer.read())
        try:
            return load_image(file)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), "standard input")) from None


def write(picture: Tensor, target: Path | str) -> None:
    """Write the picture, and make its folder; to standard output as PNG."""
    if target == STDIO:
        from nst.figures.sheets import to_image

        to_image(picture).save(sys.stdout.buffer, format="PNG")
        sys.stdout.buffer.flush()
    else:
        from nst.images import save_image

        Path(target).parent.mkdir(parents=True, exist_ok=True)
        save_image(picture, target)


def complain(message: object, code: int) -> int:
    """A message in one line on standard error; returns the code."""
    print("nst:", " ".join(str(message).split()), file=sys.stderr, flush=True)
    return code


class Report:
    """What became of each picture, as a line for people or as JSON; `failures` counts."""

    def __init__(self, as_json: bool = False, silent: bool = False):
        self.as_json, self.silent, self.failures = as_json, silent, 0

    def painted(self, job: Job, picture: Tensor, seconds: float, method: str) -> None:
        height, width = picture.shape[-2:]
        facts = {"method": method, "width": width, "height": height, "seconds": round(seconds, 3)}
        self._say(f"{job.target}  {width} x {height}, {method}, {seconds:.2f} s", job, "painted", **facts)

    def kept(self, job: Job) -> None:
        self._say(f"{job.target}  is there already and was kept (--overwrite replaces it)", job, "kept")

    def failed(self, job: Job, error: BaseException) -> None:
        self.failures += 1
        name = "standard input" if job.source == STDIO else str(job.source)
        message = str(error) or type(error).__name__
        complain(message if name in message else f"{name}: {message}", 1)
        if self.as_json:
            self._say("", job, "failed", error=message)

    def _say(self, line: str, job: Job, status: str, **facts) -> None:
        if self.as_json:
            line = as_line(content=str(job.source), output=str(job.target), status=status, **facts)
        if not self.silent:
            print(line, flush=True)


def as_line(**facts) -> str:
    """Facts as one line of JSON."""
    return json.dumps(facts, ensure_ascii=False)
