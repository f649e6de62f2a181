"""nst.support.formats: one list of formats for reading, folders and results; what is passed over is counted."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from nst import images
from nst.support import formats
from nst.support.formats import (
    check_sides,
    check_transparent,
    format_of,
    has_more,
    passed_over,
    pictures_below,
    suffixes,
    what_it_is,
)

WIDELY = {".jpg", ".jpeg", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".jp2", ".ppm", ".pgm", ".tga"}


def test_a_suffix_of_every_format_that_is_read():
    found = set(suffixes())
    assert found >= WIDELY and not found & {".eps", ".ps", ".pdf", ".psd", ".svg", ".mp4", ".txt", ""}
    assert {Image.registered_extensions()[s] for s in found - {*formats.HEIC}} <= {*images.FORMATS}
    assert (".avif" in found) == ("AVIF" in Image.OPEN)


@pytest.mark.parametrize("suffix", sorted(WIDELY))
def test_each_can_be_read_by_its_suffix(tmp_path: Path, suffix: str):
    Image.new("RGB", (16, 8), (255, 0, 0)).save(tmp_path / f"a{suffix}")
    red = images.load_image(tmp_path / f"a{suffix}")
    assert red.shape == (1, 3, 8, 16) and red[0, 0].min() > 0.95 and red[0, 1:].max() < 0.05
    assert pictures_below(tmp_path) == ([tmp_path / f"a{suffix}"], {})


def test_a_folder_says_what_it_passed_over(tmp_path: Path):
    """Notebooks keep copies in .ipynb_checkpoints, macOS writes ._ files, and neither is a picture that anybody means."""
    for name in ("b.JPG", "a.gif", "deep/c.jfif", ".hidden.png", "._a.jpg", ".ipynb_checkpoints/a-checkpoint.jpg", "notes.txt",
                 "more.txt", "LICENSE", "folder.png/d.png"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "broken.png").symlink_to(tmp_path / "nowhere.png")
    found, passed = pictures_below(tmp_path)
    assert [path.relative_to(tmp_path).as_posix() for path in found] == ["a.gif", "b.JPG", "deep/c.jfif", "folder.png/d.png"]
    assert passed == {"hidden": 3, ".txt": 2, "without a suffix": 1, "broken links": 1}
    assert passed_over(passed) == "7 files: 3 hidden, 2 .txt, 1 broken links, 1 without a suffix"
    assert passed_over(pictures_below(tmp_path / "deep")[1]) == ""
    assert passed_over(Counter({".txt": 2})) == "2 files: 2 .txt" and passed_over(Counter({".txt": 1})) == "1 file: 1 .txt"
    assert passed_over(Counter({".b": 1, ".a": 1, ".c": 2})) == "4 files: 2 .c, 1 .a, 1 .b"
    assert not passed_over(Counter({f".{k:02}": 1 for k in range(8)})).endswith("…")
    many = Counter({f".{k:02}": 1 for k in range(9)})
    assert passed_over(many).endswith(".06, 1 .07, …") and passed_over(Counter({".heif": 1})).endswith(" to read .heic)")


def test_a_folder_below_a_hidden_one_is_searched(tmp_path: Path):
    """Only what lies below the folder that was named is hidden or not."""
    (tmp_path / ".cache").mkdir()
    (tmp_path / ".cache" / "a.png").write_bytes(b"x")
    assert pictures_below(tmp_path / ".cache")[0] == [tmp_path / ".cache" / "a.png"]


def test_links_and_locked_folders_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "in" / "locked").mkdir(parents=True), (tmp_path / "elsewhere").mkdir()
    (tmp_path / "in" / "also locked").mkdir(), (tmp_path / "in" / "open").mkdir()
    (tmp_path / "in" / "link").symlink_to(tmp_path / "elsewhere"), (tmp_path / "in" / "open" / "link").symlink_to("../../elsewhere")
    real = os.scandir

    def scandir(path):
        if str(path).endswith("locked"):
            raise PermissionError(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert pictures_below(tmp_path / "in")[1] == {"folders that cannot be read": 2, "links to folders": 2}


def test_heic_needs_a_package_that_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40))
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)  # as if it were not installed
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    found, passed = pictures_below(tmp_path)
    assert found == [] and passed_over(passed) == "1 file: 1 .heic (pip install pillow-heif to read .heic)"
    with pytest.raises(ValueError, match=r"a\.heic: cannot be read.*it is a HEIC picture.*pip install pillow-heif"):
        images.load_image(tmp_path / "a.heic")


def test_heic_is_read_where_the_package_is(tmp_path: Path):
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs pillow-heif: pip install pillow-heif")
    formats.with_heic()
    if not hasattr(Image, "SAVE") or "HEIF" not in Image.SAVE:
        pytest.skip("this pillow-heif writes none")
    del heif
    Image.new("RGB", (64, 32), (255, 0, 0)).save(tmp_path / "a.heic")
    del Image.OPEN["HEIF"]  # as in a new process
    red = images.load_image(tmp_path / "a.heic")
    assert red.shape == (1, 3, 32, 64) and red[0, 0].mean() > 0.95 and red[0, 1:].mean() < 0.05
    assert pictures_below(tmp_path)[0] == [tmp_path / "a.heic"]
    assert images.load_image((tmp_path / "a.heic").read_bytes()).shape == red.shape
    with pytest.raises(ValueError, match="unknown picture suffix '.heic'"):
        format_of("a.heic")


@pytest.mark.parametrize("name", ["a.pdf", "a.psd", "a.ico", "a.eps", "a.heic", "a", "a.xyz"])
def test_what_is_not_written(name: str):
    with pytest.raises(ValueError, match=f"^{name}: unknown picture suffix"):
        format_of(name)


def test_what_a_format_cannot_hold():
    check_sides("a.jpg", 65_500, 1), check_sides("a.png", 10, 100_000), check_sides("a.webp", 1, 16_383)
    with pytest.raises(ValueError, match=r"^a\.jpg: 65501 x 1 px, but JPEG holds at most 65,500"):
        check_sides("a.jpg", 1, 65_501)
    with pytest.raises(ValueError, match=r"^b\.webp: 1 x 16384 px, but WEBP"):
        check_sides("b.webp", 16_384, 1)
    for name in ("a.png", "a.webp", "a.tif"):
        check_transparent(name)
    for name in ("a.jpg", "a.bmp", "a.gif", "a.ppm"):
        with pytest.raises(ValueError, match=f"^{name}: .* holds no transparency"):
            check_transparent(name)


def test_the_longest_sides_are_the_formats_own(tmp_path: Path):
    """Pillow writes a picture as long as that, and none longer."""
    for name, most in (("a.jpg", 65_500), ("a.webp", 16_383)):
        Image.new("L", (most, 1)).save(tmp_path / name)
        with pytest.raises(Exception):  # noqa: B017 (each format has an error of its own)
            Image.new("L", (most + 1, 1)).save(tmp_path / name)


@pytest.mark.parametrize("start, words", [
    (b"%PDF-1.7", "PDF"), (b"<!DOCTYPE html><html>", "HTML page"), (b"  <HTML>", "HTML page"), (b"\xef\xbb\xbf<svg xmlns", "SVG"),
    (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"), (b"8BPS\0\1", "Photoshop"), (b"%!PS-Adobe", "PostScript"),
    (b"\0\0\0\x20ftypisom", "film"), (b"\0\0\0\x18ftypmif1", "HEIC"), (b"nothing known", "^$"),
])  # fmt: skip
def test_what_is_no_picture_is_called_what_it_is(tmp_path: Path, start: bytes, words: str):
    assert re.search(words, what_it_is(start))
    (tmp_path / "photo.jpg").write_bytes(start)
    said = words if words != "^$" else "no format that is read here"
    with pytest.raises(ValueError, match=rf"photo\.jpg: cannot be read as a picture: .*{said}"):
        images.load_image(tmp_path / "photo.jpg")


def test_more_than_one_frame_or_page(tmp_path: Path):
    red, blue = Image.new("RGB", (16, 8), (255, 0, 0)), Image.new("RGB", (16, 8), (0, 0, 255))
    for name in ("a.gif", "a.png", "a.webp", "a.tif", "a.mpo"):
        red.save(tmp_path / name)
        assert has_more(tmp_path / name) is False
        red.save(tmp_path / name, save_all=True, append_images=[blue])
        with Image.open(tmp_path / name) as image:
            assert image.n_frames == 2
        assert has_more(tmp_path / name) is (name != "a.mpo")  # a camera's second view is no second picture
    red.save(tmp_path / "a.jpg"), red.save(tmp_path / "a.ico"), (tmp_path / "b.gif").write_bytes(b"GIF89a")
    for name in ("a.jpg", "b.gif", "none.gif"):
        assert has_more(tmp_path / name) is False
    red.save(tmp_path / "a.pdf"), (tmp_path / "a.pdf").rename(tmp_path / "c.gif")
    assert has_more(tmp_path / "c.gif") is False


def test_only_formats_that_are_read_here_are_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Pillow hands PostScript to a program."""
    seen, real = [], Image.open
    monkeypatch.setattr(Image, "open", lambda path, formats=None: seen.append(formats) or real(path, formats=formats))
    Image.new("RGB", (16, 8)).save(tmp_path / "a.gif")
    assert not has_more(tmp_path / "a.gif") and seen == [formats.readable()]


def test_what_is_asked_of_pillow_heif(monkeypatch: pytest.MonkeyPatch):
    asked = []
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: asked.append(name) or name == "pillow_heif")
    assert set(formats.HEIC) <= set(suffixes()) and asked == ["pillow_heif"]
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name: None)
    assert not set(formats.HEIC) & set(suffixes()) or "HEIF" in Image.OPEN
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)
    assert formats.with_heic() is False
    monkeypatch.setitem(Image.OPEN, "HEIF", None)
    assert formats.with_heic() is True  # nothing is imported where it is known
    monkeypatch.setattr(formats, "format_named", lambda path: "HEIF")
    monkeypatch.setitem(Image.SAVE, "HEIF", None)
    with pytest.raises(ValueError, match="unknown picture suffix"):  # others write it, we read it only
        format_of("a.heic")


def test_brands_that_are_no_film_and_words_without_more():
    assert what_it_is(b"\0\0\0\x20ftypisom") == "it is a film; `nst video` paints films"
    assert what_it_is(b"\0\0\0\x20ftypisom\0\0\2\0") == "it is a film; `nst video` paints films"
    assert what_it_is(b"\0\0\0\x20ftypxxxx") == "" and what_it_is(b"\0\0\0\x20xxxxisom") == ""
    assert what_it_is(b"N<svg") == "" and what_it_is(b"X<svg") == ""
    check_sides("a.png", 2**31 - 1, 1)
    with pytest.raises(ValueError, match="PNG holds at most 2,147,483,647"):
        check_sides("a.png", 2**31, 1)
