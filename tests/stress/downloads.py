"""Downloads from a server that misbehaves: the right file, or an error that says why; never a wrong one in the cache."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import http.server
import os
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from nst.support import downloads
from stress import Row, processes

CONTENT = random.Random(0).randbytes(200_000)
DIGEST = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
# what the server does with one request after the other; the last one it repeats
SEQUENCES = {
    "right": (["right"], None),
    "500, then right": (["500", "503", "right"], None),
    "cut, then right": (["cut", "cut", "right"], None),
    "wrong bytes, then right": (["wrong", "right"], None),
    "silent, then right": (["silent", "right"], None),
    "not now, then right": (["429", "right"], None),
    "slow, but it comes": (["slow"], None),
    "no length, cut": (["no length"], "only a part of it"),
    "always cut": (["cut"], "connection failed or broke"),
    "always wrong": (["wrong"], "not the file that the course knows"),
    "always silent": (["silent"], "was silent for"),
    "404": (["404", "right"], "answers 404 Not Found"),
    "always 500": (["500"], "answers 500"),
}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        server = self.server
        server.asked.append(what := server.sequence[min(len(server.asked), len(server.sequence) - 1)])
        if what.isdecimal():
            self.send_error(int(what))
            return
        if what == "silent":
            server.over.wait(5 * downloads.SILENCE)
            return
        body = {"wrong": CONTENT[:-1] + b"x", "no length": CONTENT[:1000], "cut": CONTENT[:1000]}.get(what, CONTENT)
        self.send_response(200)
        if what != "no length":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        step = len(CONTENT) // 8 if what == "slow" else len(CONTENT)
        with contextlib.suppress(OSError):  # the other side has left
            for k in range(0, len(body), step):
                self.wfile.write(body[k : k + step])
                time.sleep(0.3 * downloads.SILENCE if what == "slow" else 0)  # in all longer than the silence allowed

    def log_message(self, *args: object) -> None:
        pass


@contextlib.contextmanager
def serving(sequence: Sequence[str]) -> Iterator[http.server.ThreadingHTTPServer]:
    """A server on this machine with an `address`, and the list `asked` of what it has done."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.sequence, server.asked, server.over = list(sequence), [], threading.Event()
    server.address = f"http://127.0.0.1:{server.server_port}/file.bin"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.over.set()
        server.shutdown()
        server.server_close()


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """The waits of a download, a hundred times shorter."""
    before = downloads.SILENCE, downloads.PAUSE
    downloads.SILENCE, downloads.PAUSE = 0.3, 0.01
    try:
        yield
    finally:
        downloads.SILENCE, downloads.PAUSE = before


def tried(sequence: Sequence[str], folder: Path) -> tuple[str, list[str]]:
    """Download `folder`/file.bin: (error or "", what the server did). AssertionError: it is not there, or something else is."""
    with serving(sequence) as server, hurried():
        try:
            error = ""
            downloads.fetch("a file", server.address, folder / "file.bin", DIGEST, "Or else.")
        except ConnectionError as wrong:
            error = str(wrong)
            assert error.startswith(f"a file: could not be downloaded from {server.address} (") and error.endswith("). Or else.")
        left = sorted(path.name for path in folder.iterdir() if path.suffix != ".lock") if folder.exists() else []
    assert left == ([] if error else ["file.bin"]), f"in the cache: {left}"
    assert error or (folder / "file.bin").read_bytes() == CONTENT, "a wrong file"
    return error, server.asked


def check_sequence(name: str, folder: Path) -> None:
    sequence, expected = SEQUENCES[name]
    error, asked = tried(sequence, folder)
    assert bool(error) == bool(expected) and re.search(expected or "", error), f"{error}, expected {expected}"
    attempts = 1 if "404" in sequence else downloads.ATTEMPTS if expected else len(sequence)
    assert len(asked) == attempts, f"asked {len(asked)} times, expected {attempts}"


# --- places that cannot keep it ---------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def small_disk(kilobytes: int, read_only: bool = False) -> Iterator[Path]:
    """A file system of this size. PermissionError where this machine does not let us have one."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k,{'ro' if read_only else 'rw'}", "tmpfs", folder]
        if sys.platform != "linux" or os.geteuid() or subprocess.run(command, capture_output=True).returncode:
            raise PermissionError(errno.EPERM, "a file system of its own needs Linux and root")
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


def check_full_disk(folder: Path) -> None:
    with small_disk(100) as disk:
        error, asked = tried(["right"], disk / "images")
    assert "No space left on device" in error and len(asked) == 1, error


def check_read_only(folder: Path) -> None:
    with small_disk(100, read_only=True) as disk:
        error, asked = tried(["right"], disk / "images")
    assert "Read-only file system" in error and not asked, error


def check_kept(folder: Path) -> None:
    """What is there is used without a question, and replaced if it is wrong; while it is not, it stays."""
    (folder / "file.bin").write_bytes(b"wrong")
    with serving(["cut"]) as server, hurried(), contextlib.suppress(ConnectionError):
        downloads.fetch("a file", server.address, folder / "file.bin", DIGEST, "")
    assert (folder / "file.bin").read_bytes() == b"wrong"
    assert tried(["cut", "right"], folder) == ("", ["cut", "right"])
    assert tried(["404"], folder) == ("", [])


def check_two_processes(folder: Path) -> None:
    with serving(["slow"]) as server, hurried():
        context = processes()
        waiting = [context.Process(target=_fetch, args=(server.address, folder)) for _ in range(3)]
        for process in waiting:
            process.start()
        for process in waiting:
            process.join()
    assert [process.exitcode for process in waiting] == [0, 0, 0] and server.asked == ["slow"], server.asked
    assert (folder / "file.bin").read_bytes() == CONTENT


def _fetch(address: str, folder: Path) -> None:
    downloads.fetch("a file", address, folder / "file.bin", DIGEST, "")


PLACES = {"disk full": check_full_disk, "cache read-only": check_read_only, "a file in the cache": check_kept,
          "three processes at once": check_two_processes}  # fmt: skip


def check(name: str, folder: Path) -> None:
    if name in PLACES:
        PLACES[name](folder)
    else:
        check_sequence(name, folder)


def run(count: int = 200, seed: int = 0) -> list[Row]:
    """The cases above, and servers that do whatever comes to their mind."""
    known, drawn = Row("downloads, each fault"), Row("downloads, faults at random")
    for name in (*SEQUENCES, *PLACES):
        began, error = time.time(), ""
        with tempfile.TemporaryDirectory() as folder:
            try:
                check(name, Path(folder))
            except OSError as wrong:
                error = "" if wrong.errno == errno.EPERM else repr(wrong)
            except AssertionError as wrong:
                error = str(wrong)
        known.add(name, error, time.time() - began)
    rng, whats = random.Random(f"downloads {seed}"), ("right", "500", "429", "404", "cut", "wrong", "silent", "no length")
    for k in range(count):
        sequence, began, error = [rng.choice(whats) for _ in range(downloads.ATTEMPTS)], time.time(), ""
        firsts = [what for what in sequence if what in ("right", "404")]
        with tempfile.TemporaryDirectory() as folder:
            try:
                said, _ = tried(sequence, Path(folder))
                assert (not said) == (firsts[:1] == ["right"]), f"{sequence}: {said or 'a file'}"
            except AssertionError as wrong:
                error = str(wrong)
        drawn.add(f"seed {seed}, case {k}", error, time.time() - began)
    return [known, drawn]
