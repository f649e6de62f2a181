"""Which pictures the command reads and writes: files, folders, standard input and output; and what it says of each."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from nst import assets
from nst.support.formats import (
    ADDRESS,
    RESULTS,
    TRANSPARENT,
    check_transparent,
    format_named,
    format_of,
    passed_over,
    pictures_below,
    suffixes,
)

if TYPE_CHECKING:
    from torch import Tensor

STDIO = "-"


class Misuse(Exception):
    """The command makes no sense as it stands: one line, exit code 2."""


class Job(NamedTuple):
    """A picture to read and where to write what becomes of it; "-" is standard input or output."""

    source: Path | str
    target: Path | str

    @property
    def is_done(self) -> bool:
        return self.target != STDIO and Path(self.target).exists() and not Path(self.target).is_dir()


def existing(name: str) -> Path:
    """An argument as a file, a folder or a pipe: as it is, or the picture of that name. Misuse: there is neither."""
    if not name:
        raise Misuse("CONTENT: is empty, expected a file, a folder or a picture's name")
    if Path(name).exists():
        return Path(name)
    if name in assets.names():
        return assets.path(name)
    if ADDRESS.match(name):
        raise Misuse(f"{name}: is an internet address, and nothing is fetched here: save the picture, or pipe it into `nst … -`")
    raise Misuse(f"{name}: no such file or folder, and no picture's name (`nst list`)")


def jobs(contents: list[str], out: str, say: Callable[[str], object] | None = None) -> list[Job]:
    """A job for every picture; folders are searched and keep their order and subfolders below `out`.

    What an earlier run of the same command has written below a folder that is searched is left out.
    say: is told, in a line for each folder, what was passed over there.
    Misuse: a missing file, an unknown suffix, a file as the place for several pictures, two results of the same name, a picture
    that would be written over itself, nothing to paint.
    """
    if STDIO in (*contents, out):
        if len(contents) > 1:
            raise Misuse("- stands for one picture: it cannot be one of several")
        source = STDIO if contents == [STDIO] else _one_file(contents[0])
        found = [Job(source, STDIO if out == STDIO else Path(out))]
    elif len(contents) == 1 and not existing(contents[0]).is_dir() and not _is_folder(out):
        found = [Job(existing(contents[0]), Path(out))]
    else:
        found = _into_folder([existing(name) for name in contents], Path(out), say)
    for target in {job.target for job in found}:
        check_target(target)
    for job in found:
        check_apart(job)
    return found


def _is_folder(out: str) -> bool:
    """Is this place for results a folder? It is, or it looks like one."""
    return Path(out).is_dir() or not Path(out).suffix or out.endswith(("/", os.sep))


def _one_file(name: str) -> Path:
    if existing(name).is_dir():
        raise Misuse(f"{name}: is a folder; standard output holds one picture")
    return existing(name)


def _into_folder(places: list[Path], out: Path, say: Callable[[str], object] | None) -> list[Job]:
    if not out.is_dir() and (out.suffix.lower() in suffixes() or out.exists()):
        raise Misuse(f"{out}: {'is a file; ' if out.exists() else ''}several pictures want a folder to go to")
    found: dict[Job, bool] = {}  # each once, however often it is named; True: a folder was searched for it
    for place in places:
        if place.is_dir():
            files, passed = pictures_below(place)
            also = f"passed over {passed_over(passed)}" if passed else ""
            if not files:
                raise Misuse(f"{place}: holds no pictures ({', '.join(suffixes())}){also and '; ' + also}")
            if also and say:
                say(f"{place}: {also}")
            found.update({Job(file, out / _result_name(file.relative_to(place))): True for file in files})
        else:
            found[Job(place, out / _result_name(Path(place.name)))] = False
    written = defaultdict(set)
    for job in found:
        written[os.path.realpath(job.target)].add(job)
    left = [job for job, searched in found.items() if not searched or not written[os.path.realpath(job.source)] - {job}]
    if len(left) < len(found) and say:
        say(f"{out}: passed over {len(found) - len(left)} results of an earlier run")
    if twice := [target for target, count in Counter(job.target for job in left).items() if count > 1]:
        first, second, *_ = (job.source for job in left if job.target == twice[0])
        both = f"{first} and {second}"
        raise Misuse(f"{twice[0]}: two of the pictures would be written there, {both}; give them folders of their own")
    if not left:
        raise Misuse(f"{out}: nothing to paint: the {len(found)} pictures that were found are results of an earlier run")
    return left


def _result_name(name: Path) -> Path:
    """A picture keeps its name, and its suffix where that is a usual one for results."""
    return name if format_named(name) in RESULTS else name.with_suffix(".png")


def check_target(target: Path | str) -> None:
    """Misuse, before anything is computed: a suffix that is no picture's that is written here, or a place that is none."""
    if target != STDIO:
        try:
            format_of(target)
        except ValueError as error:
            raise Misuse(str(error)) from error
        check_place(target)


def check_place(target: Path | str) -> None:
    """Misuse: the folder that a file goes to cannot be had, or not be written to."""
    there = next((parent for parent in Path(target).parents if parent.exists() or parent.is_symlink()), Path())
    if not there.is_dir():
        raise Misuse(f"{target}: cannot be written, {there} is no folder")
    if not os.access(there, os.W_OK):
        raise Misuse(f"{target}: cannot be written, nothing may be written in {there}")


def check_apart(job: Job, others: list[str | Path] | tuple = ()) -> None:
    """Misuse: a result that would be written over its own picture, or over one of the `others` that are read."""
    for name in (job.source, *others):
        if STDIO not in (name, job.target) and os.path.exists(name) and os.path.exists(job.target):
            if os.path.realpath(name) == os.path.realpath(job.target) or os.path.samefile(name, job.target):
                raise Misuse(f"{job.target}: is read by this command, and would be painted over; choose another --output")


def check_alpha(job: Job) -> None:
    """Misuse: a picture that may be transparent goes to a file that cannot."""
    opaque = job.source != STDIO and format_named(job.source) in ("JPEG", "MPO", "PPM")
    if job.target != STDIO and not opaque:
        try:
            check_transparent(job.target)
        except ValueError as error:
            raise Misuse(f"--keep-alpha: {error}") from error


def holds_alpha(target: Path | str) -> bool:
    """Can a result be transparent? Standard output is a PNG."""
    return target == STDIO or format_of(target) in TRANSPARENT


def read(source: Path | str, at_most: int | None = None, max_pixels: int | None = None,
         transparent: bool = False) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """The picture (1, 3, H, W), and how opaque it is (1, 1, H, W) if that is wanted and there is anything to see through.

    at_most: shorter side at which a JPEG beyond the limit is read. Errors: see `load_image`; those of standard input say so.
    """
    from nst.images import TooManyPixels, load_image, load_transparent

    def load(size: int | None) -> tuple[Tensor, Tensor | None]:
        if isinstance(file, io.BytesIO):
            file.seek(0)
        return load_transparent(file, size, max_pixels) if transparent else (load_image(file, size, max_pixels), None)

    with _advising():
        file = streamed(source)
        try:
            return load(None)
        except TooManyPixels:
            if at_most is None:
                raise
            return load(at_most)


def read_mask(source: Path | str, max_pixels: int | None = None) -> Tensor:
    """The mask (1, 1, H, W). Errors: see `load_mask`."""
    from nst.images import load_mask

    with _advising():
        return load_mask(streamed(source), max_pixels=max_pixels)


@contextlib.contextmanager
def _advising() -> Iterator[None]:
    """The library's argument by the name that it has here."""
    from nst.images import TooManyPixels

    try:
        yield
    except TooManyPixels as error:
        raise TooManyPixels(str(error).replace("max_pixels=", "--max-pixels ")) from error


def streamed(source: Path | str) -> Path | str | io.BytesIO:
    """A file as it is; what can be read once only, read: standard input and pipes."""
    if source != STDIO and not Path(source).is_fifo():
        return source
    file = io.BytesIO(sys.stdin.buffer.read() if source == STDIO else Path(source).read_bytes())
    file.name = "standard input" if source == STDIO else str(source)
    return file


def write(picture: Tensor, target: Path | str, alpha: Tensor | None = None) -> None:
    """Write the picture, and make its folder; to standard output as PNG. alpha: how opaque it is (1, 1, H, W)."""
    if target == STDIO:
        from nst.images import check_picture, image_of

        image_of(check_picture(picture, "picture", one=True), alpha).save(sys.stdout.buffer, format="PNG")
        sys.stdout.buffer.flush()
    else:
        from nst.images import save_image

        Path(target).parent.mkdir(parents=True, exist_ok=True)
        save_image(picture, target, alpha)


def shown(line: str) -> str:
    """A line for people: a file's name may hold anything, a new line as well."""
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", lambda found: found[0].encode("unicode_escape").decode(), line)


def complain(message: object, code: int) -> int:
    """A message in one line on standard error; returns the code."""
    print("nst:", shown(" ".join(str(message).split())), file=sys.stderr, flush=True)
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
            try:
                print(line if self.as_json else shown(line), flush=True)
            except BrokenPipeError:  # the reader has seen enough; the pictures are wanted all the same
                self.silent = True
                os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def as_line(**facts) -> str:
    """Facts as one line of JSON, in letters that standard output knows."""
    line = json.dumps(facts, ensure_ascii=False)
    try:
        line.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        line = json.dumps(facts)
    return line
