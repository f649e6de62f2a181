"""Downloads: whole and checked, or not there at all.

A file is written aside, compared with the digest that the course knows of it, and only then given its name. A connection that
breaks, stays silent or brings something else is tried again.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

from nst.support.files import written_whole

ATTEMPTS = 4
SILENCE = 30.0  # seconds without a byte until a connection counts as broken
PAUSE = 1.0  # seconds before the second attempt; twice that before the third, …
CHUNK = 2**16
PASSING = (408, 425, 429)  # answers "not now"; of the others under 500 a repetition changes nothing


def fetch(name: str, url: str, target: str | os.PathLike, digest: str, otherwise: str) -> Path:
    """The file `target`: downloaded from `url` unless it is there and is the right one. Other processes that want it wait.

    name:      what is fetched, for the progress bar and for errors.
    digest:    "sha256:…" or "md5:…".
    otherwise: what else one can do, for the error.
    Raises ConnectionError: it cannot be had, is not the file it should be, or cannot be kept; what was there before stays.
    """
    import pooch
    from filelock import FileLock

    def is_right(file: Path) -> bool:
        kind, known = digest.split(":")
        return file.is_file() and pooch.file_hash(str(file), alg=kind) == known

    target = Path(target)
    if is_right(target):  # also in a folder that cannot be written to
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.parent / f".{target.name}.lock"):
            if not is_right(target):  # another process may have been faster
                with written_whole(target) as aside:
                    _download(name, url, aside, is_right)
    except OSError as error:  # of requests, too
        raise ConnectionError(f"{name}: could not be downloaded from {url} ({_reason(error, target)}). {otherwise}") from error
    return target


class WrongFile(OSError):
    """What came is not the file that was asked for."""


def _download(name: str, url: str, aside: Path, is_right: Callable[[Path], bool]) -> None:
    import pooch
    from requests import RequestException

    from nst.support.runtime import progress

    for attempt in range(1, ATTEMPTS + 1):
        bar = progress(1, name, unit="B", unit_scale=True)  # pooch sets the true total
        try:
            pooch.HTTPDownloader(progressbar=bar, chunk_size=CHUNK, timeout=SILENCE)(url, str(aside), None)
            if not is_right(aside):
                raise WrongFile("what came is not the file that the course knows, or only a part of it")
            return
        except (RequestException, WrongFile) as error:
            status = getattr(getattr(error, "response", None), "status_code", 500)
            if attempt == ATTEMPTS or status < 500 and status not in PASSING:
                raise
        finally:
            bar.close()
        time.sleep(PAUSE * 2 ** (attempt - 1))


def _reason(error: OSError, target: Path) -> str:
    import requests

    if isinstance(error, requests.HTTPError):
        return f"the server answers {error.response.status_code} {error.response.reason}"
    if isinstance(error, requests.Timeout):
        return f"the server was silent for {SILENCE:g} s"
    if isinstance(error, requests.RequestException):
        return f"the connection failed or broke: {type(error).__name__}"
    if error.filename or error.errno:
        return f"{target.parent} cannot keep it: {error.strerror}"
    return str(error)
