"""Where and how long to compute: device, seed, run profile, progress bars."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from nst.support.arguments import is_whole

if TYPE_CHECKING:
    from tqdm import tqdm

T = TypeVar("T")
PROFILES = ("smoke", "quick", "full")


def device() -> torch.device:
    """The accelerator torch finds (CUDA, MPS, …), else the CPU. The environment variable NST_DEVICE overrides it.

    Raises ValueError where NST_DEVICE names something that this torch does not have.
    """
    wanted = os.environ.get("NST_DEVICE")
    if not wanted:
        found = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return found or torch.device("cpu")
    try:
        chosen = torch.device(wanted)
        float(torch.zeros(1, device=chosen))  # a number comes back: not from "meta"
    except (RuntimeError, AssertionError, NotImplementedError, ImportError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]  # torch goes on to list all that it was built for
        raise ValueError(
            f"NST_DEVICE={wanted!r}: this torch cannot use it ({reason}); expected cpu, cuda, cuda:1, mps, …"
        ) from error
    return chosen


@contextlib.contextmanager
def random_state_kept() -> Iterator[None]:
    """Whatever the block does with the random numbers of Python, NumPy and torch, they go on after it as if it had not been."""
    before = random.getstate(), np.random.get_state()
    there = torch.accelerator.is_available()
    devices = range(torch.accelerator.device_count()) if there else ()
    kind = torch.accelerator.current_accelerator().type if there else "cuda"
    with torch.random.fork_rng(devices, device_type=kind):
        try:
            yield
        finally:
            random.setstate(before[0])
            np.random.set_state(before[1])


def seed(number: int = 0) -> None:
    """Make the random numbers of Python, NumPy and torch repeat themselves.

    On the CPU the same seed then gives the same bytes, on the same machine with the same packages and number of threads: each
    method's picture, and each step of a training. On a GPU sums are added in whatever order they are ready: runs differ in the last
    digits, which a long search or training makes visible. To switch that off, at some cost in speed: the environment variable
    CUBLAS_WORKSPACE_CONFIG=:4096:8 before Python starts, and `torch.use_deterministic_algorithms(True, warn_only=True)`, which
    names the operations that have no other way (the gradient of reflection padding, some resizing). TF32, where it is on, rounds
    otherwise than the CPU does, but always alike.
    ValueError: it is no whole number of 64 bits, as torch wants it.
    """
    if not is_whole(number) or not -(2**63) <= number < 2**64:
        raise ValueError(f"seed={number!r}: expected a whole number from 0 to 2**64 - 1")
    random.seed(number)
    np.random.seed(number % 2**32)
    torch.manual_seed(number)


@dataclass(frozen=True)
class Profile:
    """How much a lesson computes. The recipes of the papers do not depend on it: only sizes and numbers of steps do."""

    name: str

    def pick(self, smoke: T, quick: T, full: T) -> T:
        """The value for this profile: `nst.profile().pick(smoke=64, quick=128, full=256)`."""
        return {"smoke": smoke, "quick": quick, "full": full}[self.name]


def profile() -> Profile:
    """The run profile, from the variable NST_PROFILE: smoke (seconds), quick (the default: a laptop's CPU) or full (a GPU)."""
    name = os.environ.get("NST_PROFILE") or "quick"
    if name not in PROFILES:
        raise ValueError(f"NST_PROFILE={name!r}: expected one of {', '.join(PROFILES)}")
    return Profile(name)


@contextlib.contextmanager
def exactly() -> Iterator[None]:
    """Within it, a caller's `torch.autocast` is off: its float16 ends at 65504, less than features add up to."""
    kinds = {"cpu", *([torch.accelerator.current_accelerator().type] if torch.accelerator.is_available() else [])}
    with contextlib.ExitStack() as stack:
        for kind in kinds:
            if torch.is_autocast_enabled(kind):
                stack.enter_context(torch.autocast(kind, enabled=False))
        yield


_hidden = ContextVar("hidden", default=False)  # of this thread


@contextlib.contextmanager
def no_progress() -> Iterator[None]:
    """Within it, this thread shows no progress bars: its caller has something of its own."""
    before = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(before)


def progress(total: int, description: str, **look) -> tqdm:
    """A progress bar of `total` steps, as text or as a widget, as the place can show. NST_PROGRESS=0 switches all of them off.

    look: tqdm's further settings, such as `unit`.
    """
    from tqdm.auto import tqdm

    class Bar(tqdm):
        monitor_interval = 0  # else tqdm keeps a thread of its own from the first bar on

        def close(self) -> None:
            super().close()
            box = getattr(self, "container", None)  # of a bar in a notebook; tqdm closes the box, and leaves what is in it
            for part in (box, *box.children) if box is not None else ():
                for widget in (part, part.layout, getattr(part, "style", None)):
                    if widget is not None:
                        widget.close()

    hidden = _hidden.get() or os.environ.get("NST_PROGRESS") == "0"
    return Bar(total=total, desc=description, leave=False, disable=hidden, **look)
