"""What the stress tests share: rows of their table, and a process of its own for each suspicious input.

`make stress` runs them long (tests/stress/run.py); `make test` runs a few cases of each (tests/project/test_stress.py).
Every case is made from a seed, so that one that failed can be made again.
"""

from __future__ import annotations

import importlib
import multiprocessing
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WAIT = 120.0  # seconds until a silent worker is ended
PROGRAMS = ("subprocess.Popen", "os.exec", "os.posix_spawn", "os.spawn", "os.system", "os.fork", "os.forkpty", "os.startfile",
            "socket.connect", "ctypes.dlopen")  # fmt: skip


@dataclass
class Row:
    """A line of the table. `failed`: not the answer that was asked for; `lost`: work that was done and is gone."""

    test: str
    tried: int = 0
    failed: int = 0
    lost: int = 0
    seconds: float = 0.0  # of computing, of the slowest case
    mib: float = 0.0  # beyond what the process held before it
    skipped: str = ""
    failures: list[str] = field(default_factory=list)

    def add(self, label: str, error: str = "", seconds: float = 0.0, mib: float = 0.0, lost: bool = False) -> None:
        self.tried += 1
        self.failed += bool(error)
        self.lost += lost
        self.seconds, self.mib = max(self.seconds, seconds), max(self.mib, mib)
        if error:
            self.failures.append(f"{label}: {error}")

    def __str__(self) -> str:
        if self.skipped:
            return f"{self.test:<44} skipped: {self.skipped}"
        return f"{self.test:<44} {self.tried:>6} {self.failed:>6} {self.lost:>5} {self.seconds:>8.2f} {self.mib:>8.1f}"


HEAD = f"{'test':<44} {'tried':>6} {'failed':>6} {'lost':>5} {'worst s':>8} {'worst MiB':>9}"


@dataclass
class Limits:
    seconds: float = 5.0
    mib: float = 1024.0


def isolated(row: Row, check: str, cases: Iterable[tuple[str, Any]], limits: Limits = Limits()) -> Row:  # noqa: B008 (frozen use)
    """Run `check`, "module:function" of this package, on each case (label, argument) in another process.

    The function raises where the answer is wrong. A case also fails if it ends its process, computes or holds too much, starts a
    program or connects anywhere.
    """
    worker = Worker(check)
    try:
        for label, argument in cases:
            error, seconds, mib = worker(argument)
            if seconds > limits.seconds or mib > limits.mib:
                error = error or f"{seconds:.1f} s, {mib:.0f} MiB"
            row.add(label, error, seconds, mib)
    finally:
        worker.stop()
    return row


class Worker:
    """A process that checks one argument after the other; a new one takes over where it dies."""

    def __init__(self, check: str):
        self.check, self.process = check, None

    def __call__(self, argument: Any) -> tuple[str, float, float]:
        if self.process is None:
            context = processes()
            self.pipe, theirs = context.Pipe()
            self.process = context.Process(target=_serve, args=(self.check, theirs), daemon=True)
            self.process.start()
            theirs.close()
        try:
            self.pipe.send(argument)
            if not self.pipe.poll(WAIT):
                self.stop()
                return f"no answer after {WAIT:.0f} s", WAIT, 0.0
            return self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            code, self.process = self.process.exitcode, None
            return f"the process died (exit code {code})", 0.0, 0.0

    def stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process = None


def processes() -> multiprocessing.context.BaseContext:
    """Where new processes come from: a copy of one that has imported torch and done nothing with it, or from scratch."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["stress.preload"])
    return context


def _serve(check: str, pipe) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # libtiff writes its complaints there, whoever asks
    sys.path.insert(0, str(Path(__file__).parents[1]))
    module, name = check.split(":")
    function, started = getattr(importlib.import_module(module), name), []
    function(None)  # imports what it needs
    sys.addaudithook(lambda event, args: started.append(event) if event in PROGRAMS else None)
    while True:
        argument = pipe.recv()
        started.clear()
        pipe.send(measured(lambda: function(argument), started))  # noqa: B023


def measured(function: Callable[[], object], started: list[str]) -> tuple[str, float, float]:
    """(error or "", seconds of computing, MiB beyond those held before)."""
    before, began, error = reset_peak(), time.process_time(), ""
    try:
        function()
    except Exception as wrong:
        where = traceback.extract_tb(wrong.__traceback__)[-1]
        error = f"{type(wrong).__name__}: {wrong} ({Path(where.filename).name}:{where.lineno})"
    if started:
        error = f"it called {started[0]}"
    return error, time.process_time() - began, peak() - before


def reset_peak() -> float:
    """MiB that this process holds; from here on `peak` counts anew, where the system can (Linux)."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return peak()
    return _status("VmRSS")


def peak() -> float:
    """The most that this process has held, in MiB."""
    if Path("/proc/self/status").exists():
        return _status("VmHWM")
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # bytes on macOS


def _status(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def evaluate(expression: str | None) -> None:
    """A check for the test of these very functions."""
    eval(expression or "None")
