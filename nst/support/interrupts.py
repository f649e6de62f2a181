"""Ctrl-C, the system's request to end (SIGTERM), a terminal that closes (SIGHUP): work is put away before the program leaves."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator

SIGNALS = (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else []))  # Windows has no SIGHUP


@contextlib.contextmanager
def held() -> Iterator[list[int]]:
    """Within it these signals only add their number to the list that it gives; when it ends, the first of them takes effect.

    The second one takes effect at once, whatever is lost. Only a process' main thread may hold signals; elsewhere the list stays
    empty.
    """
    received: list[int] = []

    def note(number: int, frame: object) -> None:
        received.append(number)
        if len(received) > 1:
            restore()
            signal.raise_signal(number)

    with _handled_by(note) as restore:
        yield received
    if received:
        signal.raise_signal(received[0])


@contextlib.contextmanager
def raised() -> Iterator[list[int]]:
    """Within it SIGTERM and SIGHUP raise KeyboardInterrupt, as Ctrl-C does; the list that it gives holds what came."""
    received: list[int] = []

    def interrupt(number: int, frame: object) -> None:
        received.append(number)
        raise KeyboardInterrupt

    with _handled_by(interrupt):
        yield received


@contextlib.contextmanager
def _handled_by(handler) -> Iterator:
    before = {}

    def restore() -> None:
        for number, old in before.items():
            signal.signal(number, signal.SIG_DFL if old is None else old)

    if threading.current_thread() is threading.main_thread():
        heeded = [number for number in SIGNALS if signal.getsignal(number) != signal.SIG_IGN]  # a shell's "&" ignores Ctrl-C
        before = {number: signal.signal(number, handler) for number in heeded}
    try:
        yield restore
    finally:
        restore()
