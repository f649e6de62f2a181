"""nst.support.files: whole or not at all, with the permissions and through the links that a plain write would have."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
import torch

import nst
from nst.support.files import written_whole

unix = pytest.mark.skipif(sys.platform == "win32", reason="no umask and no links without rights there")


def save_picture(path: Path) -> None:
    nst.save_image(torch.zeros(1, 3, 4, 4), path)


def save_weights(path: Path) -> None:
    nst.support.weights.write(path, "test", {"a": torch.zeros(3)}, {})


WRITERS = pytest.mark.parametrize(("save", "name"), [(save_picture, "a.png"), (save_weights, "a.safetensors")])


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), written_whole(tmp_path / "a.txt") as aside:
        aside.write_text("new")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old" and os.listdir(tmp_path) == ["a.txt"]
    with written_whole(tmp_path / "a.txt") as aside:
        aside.write_text("new")
    assert (tmp_path / "a.txt").read_text() == "new" and os.listdir(tmp_path) == ["a.txt"]


@WRITERS
def test_a_missing_folder_is_named(tmp_path: Path, save, name: str):
    with pytest.raises(FileNotFoundError, match=f"{name}: cannot be written, there is no folder .*nowhere"):
        save(tmp_path / "nowhere" / name)


@unix
@WRITERS
def test_the_umask_holds_and_an_old_files_permissions_stay(tmp_path: Path, save, name: str):
    before = os.umask(0o077)
    try:
        save(tmp_path / name)
    finally:
        os.umask(before)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    (tmp_path / name).chmod(0o640)
    save(tmp_path / name)
    assert (tmp_path / name).stat().st_mode & 0o777 == 0o640


@unix
@WRITERS
def test_a_link_stays_a_link(tmp_path: Path, save, name: str):
    (tmp_path / "real").mkdir()
    (tmp_path / name).symlink_to(tmp_path / "real" / name)
    save(tmp_path / name)
    assert (tmp_path / name).is_symlink() and (tmp_path / "real" / name).is_file()
