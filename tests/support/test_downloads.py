"""nst.support.downloads against a server that misbehaves: never a wrong file in the cache, and an error that says why."""

from __future__ import annotations

import errno
import re
from pathlib import Path

import pytest
from stress import downloads as stress

from nst.support import downloads


@pytest.mark.parametrize("name", [*stress.SEQUENCES, *stress.PLACES])
def test_downloads(name: str, tmp_path: Path):
    try:
        stress.check(name, tmp_path)
    except OSError as error:
        if error.errno != errno.EPERM:
            raise
        pytest.skip(error.strerror)


def test_a_bar_counts_the_bytes(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NST_PROGRESS", raising=False)
    with stress.serving(["slow"]) as server, stress.hurried():
        downloads.fetch("a file", server.address, tmp_path / "file.bin", stress.DIGEST, "")
    shown = re.findall(r"a file: +(\d+)%\|[^\r]*\| ([\d.]+)k/200k", capsys.readouterr().err)
    assert shown and all(abs(float(kilobytes) / 2 - int(percent)) < 1 for percent, kilobytes in shown)


def test_a_cache_folder_that_is_a_file(tmp_path: Path):
    (tmp_path / "images").write_text("in the way")
    with pytest.raises(ConnectionError, match="images cannot keep it"):
        downloads.fetch("a file", "http://127.0.0.1:9/", tmp_path / "images" / "a.bin", stress.DIGEST, "")


def test_nobody_answers(tmp_path: Path):
    with stress.hurried(), pytest.raises(ConnectionError, match="connection failed or broke"):
        downloads.fetch("a file", "http://127.0.0.1:9/file.bin", tmp_path / "file.bin", stress.DIGEST, "")


def test_it_waits_longer_each_time_it_tries_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A server that is overloaded is not helped by three requests in a row."""
    waited = []
    monkeypatch.setattr(downloads.time, "sleep", waited.append)
    with pytest.raises(ConnectionError):
        downloads.fetch("a file", "http://127.0.0.1:9/file.bin", tmp_path / "file.bin", stress.DIGEST, "")
    assert waited == [downloads.PAUSE * 2**k for k in range(downloads.ATTEMPTS - 1)] and downloads.PAUSE > 0
