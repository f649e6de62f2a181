"""Around a command's work: its errors, its share among several processes, its bar, its memory."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

from nst.command.jobs import Job, Misuse, complain, shown

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc's malloc.h


@contextlib.contextmanager
def wrong_use() -> Iterator[None]:
    """The library's errors about what the user asked for, as errors of the command."""
    try:
        yield
    except (ValueError, TypeError, FileNotFoundError) as error:
        raise Misuse(str(error)) from error


def process() -> tuple[int, int]:
    """This process' number and how many there are, as torchrun says in RANK and WORLD_SIZE; one of them alone says nothing."""
    rank, processes = os.environ.get("RANK"), os.environ.get("WORLD_SIZE")
    if rank is None or processes is None:
        return 0, 1
    if not (rank.isdecimal() and processes.isdecimal() and int(rank) < int(processes)):
        raise Misuse(f"RANK={rank!r}, WORLD_SIZE={processes!r}: expected 0 <= RANK < WORLD_SIZE, as torchrun sets them")
    return int(rank), int(processes)


def shared_out(all_jobs: list[Job]) -> list[Job]:
    """This process's part of the jobs, and an accelerator of its own, where torchrun has started several."""
    rank, processes = process()
    if processes > 1 and not os.environ.get("NST_DEVICE"):
        import torch

        if torch.accelerator.is_available():
            torch.accelerator.set_device_index(int(os.environ.get("LOCAL_RANK", 0)) % torch.accelerator.device_count())
    return all_jobs[rank::processes]


def say(line: str) -> None:
    """A remark on standard error, of the first process only."""
    if process()[0] == 0:
        complain(line, 0)


def bar(total: int | None, text: str):
    """A progress bar on standard error where somebody watches, as `advance()` or `advance(completed=…, total=…)`."""
    if total == 1 or not sys.stderr.isatty():
        return contextlib.nullcontext(lambda **_: None)
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import Progress

    @contextlib.contextmanager
    def showing():
        with Progress(console=Console(stderr=True), transient=True) as progress:
            task = progress.add_task(escape(shown(text)), total=total)
            yield lambda **changes: progress.update(task, **(changes or {"advance": 1}))

    return showing()


def keep_freed_memory() -> None:
    """From here on, glibc's malloc keeps what is freed for the next map, instead of handing it back to the system.

    The system zeroes each page that it hands out, which took half of WCT's time on 4096 x 2304 pixels. Other systems stay as they
    are.
    """
    with contextlib.suppress(AttributeError, OSError, TypeError):  # macOS and musl have no mallopt, Windows has no CDLL(None)
        for option, size in ((M_MMAP_THRESHOLD, 2**30), (M_TRIM_THRESHOLD, 2**31 - 1)):
            ctypes.CDLL(None).mallopt(option, size)
