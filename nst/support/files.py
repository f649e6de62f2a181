"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def written_whole(path: str | os.PathLike) -> Iterator[Path]:
    """A path to write to; when the block ends without an error, what is there takes the place of `path`, else nothing changes.

    It lies beside the target, which may be reached through a symlink. A new file has the permissions that the umask leaves, an old
    one keeps its own. FileNotFoundError: the folder does not exist.
    """
    target = Path(os.path.realpath(path))
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{path}: cannot be written, there is no folder {target.parent}")
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".writing_") as folder:
        aside = Path(folder) / target.name
        yield aside
        if target.exists():
            shutil.copymode(target, aside)
        os.replace(aside, target)
