"""Numbers over the pictures of all processes that train together."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from contextvars import ContextVar

import torch
from torch import Tensor, distributed

_ALONE = ContextVar("alone", default=False)


@contextlib.contextmanager
def alone() -> Iterator[None]:
    """Inside, this process speaks for itself: the others are not here, and would be waited for."""
    before = _ALONE.set(True)
    try:
        yield
    finally:
        _ALONE.reset(before)


def variance(x: Tensor) -> Tensor:
    """Of x's values over all processes, which hold equally many; without a gradient, where there are others."""
    if _ALONE.get() or not (distributed.is_available() and distributed.is_initialized()) or distributed.get_world_size() == 1:
        return x.var(correction=0)
    with torch.no_grad():
        x = x.float()
        return _mean((x - _mean(x.mean())).square().mean())


def _mean(x: Tensor) -> Tensor:
    """Of a number that each process has."""
    distributed.all_reduce(x)
    return x / distributed.get_world_size()
