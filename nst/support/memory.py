"""Out of memory, and then: what would have fitted."""

from __future__ import annotations

import gc
import traceback
from collections.abc import Callable, Iterable
from typing import TypeVar

import torch

T = TypeVar("T")
SAYINGS = ("out of memory", "can't allocate memory", "not enough memory",  # CUDA and MPS, the CPU, Windows,
           "could not create a primitive")  # fmt: skip  # and oneDNN, which convolves on the CPU
SHARES = (0.75, 0.5, 0.375, 0.25, 0.1875, 0.125)  # of a side, to try
SMALLEST = 32  # pixels of a side that is tried


def with_advice(run: Callable[[], T], advise: Callable[[], str]) -> T:
    """`run()`; where the memory is not enough, MemoryError with what `advise()` says, which may try what would have fitted.

    Where a system promises memory that it does not have (Linux does, for the CPU), it may end the process instead.
    """
    try:
        return run()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _forget(error)
        raise MemoryError(advise()) from error


def first_that_fits(again: Callable[[int], object], sizes: Iterable[int]) -> int | None:
    """The first of `sizes` that `again(size)` has memory enough for; None: there is none."""
    return next((size for size in sizes if _fits(again, size)), None)


def shorter_side_that_fits(again: Callable[[int], object], height: int, width: int) -> int | None:
    """`first_that_fits` for a picture that does not: `again` is called with shorter sides in pixels, from large to small."""
    sides = [int(share * min(height, width)) for share in SHARES]
    return first_that_fits(again, [side for side in sides if side >= SMALLEST])


def too_large(name: str, height: int, width: int, fits: int | None) -> str:
    """What to say of a picture that does not fit; fits: the shorter side that would."""
    said = f"{name}: {width} x {height} pixels need more memory than there is"
    return f"{said}; a shorter side of {fits} px fits" if fits else f"{said}; nothing smaller fits, either"


def is_out_of_memory(error: BaseException) -> bool:
    """Every device says it in words of its own."""
    return isinstance(error, MemoryError) or isinstance(error, RuntimeError) and any(s in str(error) for s in SAYINGS)


def _fits(again: Callable[[int], object], size: int) -> bool:
    try:
        again(size)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _forget(error)
        return False
    return True


def _forget(error: BaseException) -> None:
    """Let go of what the failed calls hold."""
    traceback.clear_frames(error.__traceback__)
    with torch.inference_mode(False), torch.enable_grad():
        torch.zeros((), requires_grad=True).square().backward()  # a backward pass that failed left its graph in torch's queue
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
