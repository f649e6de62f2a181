"""Runs that are killed, interrupted, and out of disk: they go on with the losses of a run that nothing happened to."""

from __future__ import annotations

import multiprocessing
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import torch
from torch import nn

from nst.support import interrupts
from nst.training import TrainingConfig, train
from nst.training.checkpoints import latest
from nst.training.datasets import Batch
from nst.transformer_net import TransformerNet
from stress import Row, processes
from stress.downloads import small_disk

STEPS = 60
Trace = list[dict[str, float]]


class Noise:
    """Pictures that are a function of the step and the position."""

    def __call__(self, step: int, positions: range) -> Batch:
        pictures = [torch.rand(3, 12, 12, generator=torch.Generator().manual_seed(1000 * step + p)) for p in positions]
        return Batch(torch.stack(pictures), None, [f"noise {step} {p}" for p in positions])


def to_grey(net: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
    """A loss that throws dice."""
    output = net(batch.content + 0.1 * torch.randn_like(batch.content))
    return {"grey": (output - batch.content.mean(1, keepdim=True)).square().mean(), "small": 1e-3 * output.square().mean()}


def run_in(folder: Path | None, steps: int = STEPS, width: int = 2, callback=None) -> Trace:
    """The same little training each time; it writes a checkpoint after every second step."""
    torch.manual_seed(7)
    config = TrainingConfig(steps=steps, batch_size=2, save_every=2, precision="no", warmup=2)
    return train(TransformerNet(width), nn.Identity(), to_grey, Noise(), config, folder, callback)


# --- another process does it, and dies --------------------------------------------------------------------------------------------


def start(target, *arguments: object) -> tuple[multiprocessing.Process, multiprocessing.connection.Connection]:
    """A process that runs `target(pipe, *arguments)`, and our end of the pipe."""
    context = processes()
    ours, theirs = context.Pipe()
    process = context.Process(target=target, args=(theirs, *arguments), daemon=True)
    process.start()
    theirs.close()
    return process, ours


def _quiet() -> None:
    os.environ["NST_PROGRESS"] = "0"
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # a KeyboardInterrupt's stack


def _train(pipe, folder: Path, steps: int) -> None:
    _quiet()
    for number in interrupts.SIGNALS:  # whatever this was started from ignores: a shell's "&" Ctrl-C, nohup the terminal's end
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    run_in(folder, steps, callback=lambda step, losses, model: pipe.send(step))


def _train_until(pipe, folder: Path, steps: int, event: int) -> None:
    """kill -9 at the event-th thing that is done to the files of a checkpoint."""
    _quiet()
    seen = 0

    def watch(name: str, arguments: tuple) -> None:
        nonlocal seen
        if name in ("open", "os.rename", "os.mkdir", "os.rmdir", "os.remove") and str(folder) in str(arguments[0]):
            if seen == event:
                os.kill(os.getpid(), signal.SIGKILL)
            seen += 1

    sys.addaudithook(watch)
    run_in(folder, steps)


def killed_at_random(row: Row, kills: int, seed: int) -> Row:
    """One run, killed again and again, until it is through."""
    rng, whole = random.Random(f"kill {seed}"), run_in(None)
    while row.tried < kills:
        with tempfile.TemporaryDirectory() as folder:
            done = False
            while not done and row.tried < kills:
                began = time.time()
                process, pipe = start(_train, Path(folder), STEPS)
                try:
                    pipe.recv()  # it has begun
                    time.sleep(rng.uniform(0, 0.5))
                except EOFError:  # nothing was left to do
                    pass
                process.kill()
                process.join()
                done = process.exitcode == 0
                last = latest(folder)
                row.add(f"kill {row.tried}, last {last and last.name}", seconds=time.time() - began)
            _compare(row, f"after kill {row.tried}", Path(folder), whole)
    return row


def killed_while_writing(row: Row, events: Iterable[int]) -> Row:
    """Killed at each thing that the writing of the second and third checkpoint does to the disk."""
    whole = run_in(None, 6)
    for event in events:
        began = time.time()
        with tempfile.TemporaryDirectory() as folder:
            process, _ = start(_train_until, Path(folder), 6, event)
            process.join()
            if process.exitcode == 0:  # so many things are not done
                break
            error = "" if process.exitcode == -signal.SIGKILL else f"exit code {process.exitcode}"
            row.add(f"event {event}", error, time.time() - began)
            _compare(row, f"event {event}", Path(folder), whole)
    return row


def _compare(row: Row, label: str, folder: Path, whole: Trace) -> None:
    try:
        found, error = run_in(folder, len(whole)), ""
    except (ValueError, OSError) as wrong:
        found, error = None, str(wrong)
    if found != whole:
        row.lost += 1
        row.failures.append(f"{label}: {error or 'other losses than those of an uninterrupted run'}")


def asked_to_leave(row: Row, number: signal.Signals) -> Row:
    """SIGINT, SIGTERM or SIGHUP: it leaves as that signal says, and no step is lost."""
    with tempfile.TemporaryDirectory() as folder:
        process, pipe = start(_train, Path(folder), 10_000)
        while (step := pipe.recv()) < 5:
            pass
        began = time.time()
        os.kill(process.pid, number)
        try:
            while True:
                step = pipe.recv()
        except EOFError:
            process.join()
        left = 1 if number == signal.SIGINT else -number  # a KeyboardInterrupt; ended by the signal
        error = "" if process.exitcode == left else f"exit code {process.exitcode}, expected {left}"
        saved = latest(folder)
        lost = saved is None or int(saved.name[5:]) != step
        row.add(number.name, error or (f"{saved} saved, step {step} done" if lost else ""), time.time() - began, lost=lost)
    return row


def disk_full(row: Row) -> Row:
    """The last good checkpoint stays, nothing half-written beside it, and once there is room the run goes on."""
    began = time.time()
    with tempfile.TemporaryDirectory() as folder:
        whole = run_in(Path(folder), 8)
        one = sum(-(-file.stat().st_size // 4096) * 4 for file in latest(folder).iterdir())  # KiB, in pages
    try:
        with small_disk(round(1.5 * one)) as disk:
            try:
                run_in(disk / "run", 8)
                error = "the disk was not full"
            except OSError as full:
                expected = r"step_000004: could not be written \(.*\); the last good checkpoint: .*step_000002"
                error = "" if re.search(expected, str(full)) else str(full)
            left = [path.name for path in (disk / "run").iterdir()]
            subprocess.run(["mount", "-o", f"remount,size={10 * one}k", disk], check=True)
            lost = left != ["step_000002"] or run_in(disk / "run", 8) != whole
            row.add("disk full", error or (f"left: {left}" if lost else ""), time.time() - began, lost=lost)
    except PermissionError as error:
        row.skipped = str(error.strerror)
    return row


def run(count: int = 20, seed: int = 0) -> list[Row]:
    return [
        killed_at_random(Row("trainings killed at random moments"), count, seed),
        killed_while_writing(Row("trainings killed while a checkpoint is written"), range(10_000)),
        asked_to_leave(asked_to_leave(Row("SIGINT, SIGTERM"), signal.SIGINT), signal.SIGTERM),
        disk_full(Row("checkpoints on a full disk")),
    ]
