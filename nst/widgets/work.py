"""Long work off the kernel's main thread, so that buttons answer while it goes on.

A `Worker` runs what it was asked last: a slider that moves on while a picture is computed leaves the pictures in between out. It
has a thread only while there is something to do. What it runs gets a `Token` that says whether to pause or to stop.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

from torch import nn


class Stopped(KeyboardInterrupt):
    """Raised within work that was told to stop. As a KeyboardInterrupt it makes `nst.gatys.stylize` return its best picture."""


class Token:
    """What the work asks: `check()` waits while it is to pause, and raises `Stopped` where it is to stop."""

    def __init__(self):
        self._stop, self._go = threading.Event(), threading.Event()
        self._go.set()
        self.superseded = False  # something newer waits: what is not urgent had better give way

    @property
    def stopped(self) -> bool:
        return self._stop.is_set()

    @property
    def paused(self) -> bool:
        return not self._go.is_set()

    def pause(self) -> None:
        self._go.clear()

    def resume(self) -> None:
        self._go.set()

    def stop(self) -> None:
        self._stop.set()
        self._go.set()

    def check(self) -> None:
        self._go.wait()
        if self.stopped:
            raise Stopped


class Worker:
    """`worker.request(work)` runs work(token) on a thread of its own, and of several requests that wait only the last.

    failed: told of an exception in the work, on that thread.
    """

    def __init__(self, failed: Callable[[Exception], None]):
        self.failed, self.token, self.error = failed, Token(), None
        self._lock, self._waiting, self._thread = threading.Lock(), None, None

    @property
    def busy(self) -> bool:
        return self._thread is not None

    def request(self, work: Callable[[Token], None]) -> None:
        with self._lock:
            self._waiting = work
            self.token.superseded = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nst widget", daemon=True)
                self._thread.start()

    def stop(self, seconds: float = 0.0) -> bool:
        """Tell the work to stop and forget what waits; waits so many seconds for it, and returns whether it is over."""
        with self._lock:
            self._waiting = None
            self.token.stop()
        return self.wait(seconds)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until there is nothing to do any more; returns whether it is so."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(seconds)
        return self._thread is None

    def settle(self) -> None:
        """Wait until there is nothing to do, and raise what went wrong."""
        self.wait()
        if self.error is not None:
            raise self.error

    def _run(self) -> None:
        while True:
            with self._lock:
                work, self._waiting, token = self._waiting, None, Token()
                self.token = token
                if work is None:
                    self._thread = None
                    return
            try:
                work(token)
            except Stopped:
                pass
            except Exception as error:
                if not token.stopped:  # else nobody waits for it any more, and a closed panel has dropped what it worked on
                    self.error = error
                    self.failed(error)


@contextlib.contextmanager
def stoppable(token: Token, *networks: nn.Module) -> Iterator[None]:
    """Within it, each layer of the networks first asks the token: a pass through them can be stopped half-way.

    Only on this thread: others may use the same networks.
    """
    own = threading.get_ident()

    def ask(*_: object) -> None:
        if threading.get_ident() == own:
            token.check()

    hooks = [layer.register_forward_pre_hook(ask) for net in networks for layer in net.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
