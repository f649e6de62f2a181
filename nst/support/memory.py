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


def or_what_fits(run: Callable[[], T], again: Callable[[int], object], sizes: Iterable[int], message: str) -> T:
    """`run()`; where the memory is not enough, MemoryError with the first of `sizes` that `again(size)` has enough for.

    message: what was too large and what to do, with {fits} for that size. Where a system promises memory that it does not have
    (Linux does, for the CPU), it may end the process instead.
    """
    try:
        return run()
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        _forget(error)
        fits = next((size for size in sizes if _fits(again, size)), None)
        nothing = message.split(";")[0] + "; nothing smaller fits, either"
        raise MemoryError(message.format(fits=fits) if fits else nothing) from error


def or_what_size_fits(run: Callable[[], T], again: Callable[[int], object], height: int, width: int) -> T:
    """`or_what_fits` for a content picture of height x width pixels; `again` is called with a shorter side in pixels."""
    sides = [int(share * min(height, width)) for share in SHARES]
    message = f"content: {width} x {height} pixels need more memory than there is; a shorter side of {{fits}} px fits"
    return or_what_fits(run, again, [side for side in sides if side >= SMALLEST], message)


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
