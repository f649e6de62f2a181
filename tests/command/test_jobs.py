"""nst.command.jobs without the command around it: which pictures, where to, and what is said."""

from __future__ import annotations

import io
import json
import os
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nst import assets, images
from nst.command import jobs as these
from nst.command.jobs import Job, Misuse, Report, jobs


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(b"x")


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pairs(contents: list[str], out: str, say=None) -> list[tuple[str, str]]:
    return [(Path(job.source).as_posix(), Path(job.target).as_posix()) for job in jobs(contents, out, say)]


def test_one_picture_goes_to_a_file_or_into_a_folder():
    touch("a.jpg", "b.gif")
    Path("there").mkdir(), Path("with.dot").mkdir()
    assert pairs(["a.jpg"], "out.png") == [("a.jpg", "out.png")]
    for out in ("there", "with.dot", "new", "new.folder/"):
        assert pairs(["a.jpg"], out) == [("a.jpg", f"{Path(out).as_posix()}/a.jpg")]
    assert pairs(["b.gif"], "new") == [("b.gif", "new/b.png")]
    assert pairs(["astronaut"], "out.png") == [(assets.path("astronaut").as_posix(), "out.png")]


def test_standard_input_and_output_stand_for_one_picture():
    touch("a.jpg")
    Path("folder").mkdir()
    assert jobs(["-"], "-") == [Job("-", "-")] and jobs(["-"], "b.png") == [Job("-", Path("b.png"))]
    assert jobs(["a.jpg"], "-") == [Job(Path("a.jpg"), "-")] and not Job("-", "-").is_done
    for contents, out, said in ((["-", "a.jpg"], "out", "- stands for one picture: it cannot be one of several"),
                                (["a.jpg", "a.jpg"], "-", "- stands for one picture: it cannot be one of several"),
                                (["folder"], "-", "folder: is a folder; standard output holds one picture")):  # fmt: skip
        with pytest.raises(Misuse, match=f"^{said}$"):
            jobs(contents, out)


def test_folders_keep_their_order_and_say_what_they_pass_over():
    touch("in/b.png", "in/deep/a.jpg", "in/.hidden.png", "in/notes.txt", "other/c.webp")
    said: list[str] = []
    found = pairs(["other", "in"], "out", said.append)
    assert found == [("other/c.webp", "out/c.webp"), ("in/b.png", "out/b.png"), ("in/deep/a.jpg", "out/deep/a.jpg")]
    assert said == ["in: passed over 2 files: 1 .txt, 1 hidden"]
    assert pairs(["in"], "out") == found[1:] and pairs(["in", "in/b.png", "in"], "out") == found[1:]
    Path("none").mkdir(), touch("few/a.txt")
    for folder, also in (("none", ""), ("few", "; passed over 1 file: 1 .txt")):
        with pytest.raises(Misuse, match=rf"^{folder}: holds no pictures \(.*\.jpg, .*\){also}$"):
            jobs([folder], "out")


def test_results_of_an_earlier_run_are_left_out_and_counted():
    touch("in/a.png", "in/painted/a.png", "in/painted/b.png")
    said: list[str] = []
    assert pairs(["in"], "in/painted", said.append) == [("in/a.png", "in/painted/a.png"),
                                                        ("in/painted/b.png", "in/painted/painted/b.png")]  # fmt: skip
    assert said == ["in/painted: passed over 1 results of an earlier run"]
    assert len(pairs(["in"], "in/painted")) == 2  # nobody has to listen
    touch("x/a.png", "y/a.png")
    with pytest.raises(Misuse, match=r"^out/a.png: two of the pictures would be written there, x/a.png and y/a.png; give them fol"):
        jobs(["x", "y"], "out")


def test_a_picture_that_is_named_is_painted_wherever_it_lies():
    touch("in/sub/c.png", "out/sub/c.png")
    assert pairs(["in", "out/sub/c.png"], "out") == [("in/sub/c.png", "out/sub/c.png"), ("out/sub/c.png", "out/c.png")]


def test_pictures_that_are_each_others_results():
    touch("in/a.png")
    os.symlink("a.png", "in/b.png")
    with pytest.raises(Misuse, match="^in: nothing to paint: the 2 pictures that were found are results of an earlier run$"):
        jobs(["in"], "in")


@pytest.mark.parametrize(("contents", "out", "said"), [
    (["a.jpg", "b.jpg"], "out.PNG", "^out.PNG: several pictures want a folder to go to$"),
    (["a.jpg", "b.jpg"], "file", "^file: is a file; several pictures want a folder to go to$"),
    (["a.jpg"], "out.xyz", "^out.xyz: unknown picture suffix"), (["a.jpg"], "a.jpg", "^a.jpg: is read by this command"),
    (["a.jpg"], "file/b.png", "^file/b.png: cannot be written, file is no folder$"),
    (["no.jpg"], "b.png", r"^no.jpg: no such file or folder, and no picture's name \(`nst list`\)$"),
    ([""], "b.png", "^CONTENT: is empty, expected a file, a folder or a picture's name$"),
    (["http://a.b/c.jpg"], "b.png", "^http://a.b/c.jpg: is an internet address, and nothing is fetched here: save"),
    (["in"], "in", "^in/a.png: is read by this command"),
])  # fmt: skip
def test_wrong_use(contents: list[str], out: str, said: str):
    touch("a.jpg", "b.jpg", "file", "in/a.png")
    with pytest.raises(Misuse, match=said):
        jobs(contents, out)


def test_what_is_done_is_a_file():
    touch("a.png")
    Path("folder.png").mkdir()
    assert Job("-", "a.png").is_done and not Job("-", "folder.png").is_done and not Job("-", "b.png").is_done


def test_a_place_where_nothing_may_be_written(monkeypatch: pytest.MonkeyPatch):
    touch("file")
    asked = []
    monkeypatch.setattr(os, "access", lambda place, how: asked.append((Path(place), how)) or Path(place) == Path())
    these.check_place("new/deep/a.png")
    assert asked == [(Path(), os.W_OK)]
    Path("locked").mkdir(), os.symlink("nowhere", "broken")
    with pytest.raises(Misuse, match="^locked/new/a.png: cannot be written, nothing may be written in locked$"):
        these.check_place("locked/new/a.png")
    with pytest.raises(Misuse, match="^broken/a.png: cannot be written, broken is no folder$"):
        these.check_place("broken/a.png")
    these.check_target("-"), these.check_place(".")  # the working folder is in no other here


def test_a_picture_is_not_painted_over_by_whatever_name():
    touch("a.png", "b.png", "style.png")
    os.symlink("a.png", "link.png"), os.link("a.png", "hard.png")
    for name in ("a.png", "link.png", "hard.png", "./a.png"):
        with pytest.raises(Misuse, match=f"^{name}: is read by this command, and would be painted over; choose another --output$"):
            these.check_apart(Job("a.png", name))
        with pytest.raises(Misuse, match="painted over"):
            these.check_apart(Job("b.png", name), ("style.png", "a.png"))
    these.check_apart(Job("a.png", "b.png"), ("style.png", "none.png"))
    these.check_apart(Job("-", "a.png")), these.check_apart(Job("a.png", "-")), these.check_apart(Job("a.png", "new.png"))
    Path("-").write_bytes(b"")
    these.check_apart(Job("-", "-"), ("-",))


def test_transparency_goes_where_it_can():
    for source, target in (("a.png", "b.png"), ("a.jpg", "b.jpg"), ("a.ppm", "b.jpg"), ("a.mpo", "b.jpg"), ("a.png", "-")):
        these.check_alpha(Job(source, target))
    for source in ("a.png", "-", "a.gif"):
        with pytest.raises(Misuse, match="^--keep-alpha: b.jpg: JPEG holds no transparency: expected .png"):
            these.check_alpha(Job(source, "b.jpg"))
    assert these.holds_alpha("-") and these.holds_alpha("a.png") and these.holds_alpha("a.webp") and not these.holds_alpha("a.jpg")


def picture(path: str, size: tuple[int, int] = (8, 12), alpha: bool = False) -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 4 if alpha else 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


def test_reading_pictures_and_masks(monkeypatch: pytest.MonkeyPatch):
    pixels = picture("a.png", alpha=True)
    found, alpha = these.read(Path("a.png"), transparent=True)
    assert np.array_equal((alpha[0, 0] * 255).round().byte().numpy(), pixels[..., 3]) and found.shape == (1, 3, 8, 12)
    assert these.read(Path("a.png"))[1] is None
    assert torch.equal(these.read(Path("a.png"))[0], images.load_image("a.png"))
    Image.fromarray((pixels[..., 3] > 99).astype(np.uint8) * 255).save("mask.png")
    assert np.array_equal(these.read_mask(Path("mask.png"))[0, 0].bool().numpy(), pixels[..., 3] > 99)
    for read, name in ((these.read, "a.png"), (these.read_mask, "mask.png")):
        for more in ({}, {"transparent": True}) if read is these.read else ({},):
            with pytest.raises(images.TooManyPixels, match=f"{name}: .*--max-pixels ") as raised:
                read(Path(name), max_pixels=10, **more)
        assert "max_pixels=" not in str(raised.value)
        read(Path(name), max_pixels=96)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("a.png").read_bytes())))
    assert torch.equal(these.read("-", transparent=True)[1], alpha)


def test_a_large_jpeg_is_read_smaller_from_a_pipe_as_well(monkeypatch: pytest.MonkeyPatch):
    picture("a.jpg", (640, 960))
    for at_most in (None, 80):
        for source in (Path("a.jpg"), "-"):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("a.jpg").read_bytes())))
            if at_most is None:
                with pytest.raises(images.TooManyPixels, match="a.jpg|standard input"):
                    these.read(source, at_most, 100_000)
            else:
                small = these.read(source, at_most, 100_000)[0]
                assert small.shape == (1, 3, 80, 120)
                found, alpha = these.read(Path("a.jpg"), at_most, 100_000, transparent=True)
                assert torch.equal(found, small) and alpha is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_what_can_be_read_once_is_read_once(monkeypatch: pytest.MonkeyPatch):
    touch("a.png")
    assert these.streamed(Path("a.png")) == Path("a.png")
    os.mkfifo("pipe")
    threading.Thread(target=lambda: Path("pipe").write_bytes(b"abc"), daemon=True).start()
    file = these.streamed(Path("pipe"))
    assert (file.read(), file.name) == (b"abc", "pipe")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"def")))
    file = these.streamed("-")
    assert (file.read(), file.name) == (b"def", "standard input")


def test_writing_makes_folders_and_keeps_transparency(capfdbinary):
    x, alpha = torch.rand(1, 3, 6, 8), torch.zeros(1, 1, 6, 8)
    these.write(x, Path("new/deep/a.png"), alpha), these.write(x, Path("new/deep/b.png"))
    for name, mode in (("a.png", "RGBA"), ("b.png", "RGB")):
        with Image.open(Path("new/deep") / name) as image:
            assert image.mode == mode and image.size == (8, 6)
    these.write(x, "-", alpha)
    with Image.open(io.BytesIO(capfdbinary.readouterr().out)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGBA", (8, 6))
    with pytest.raises(ValueError, match="^picture: expected one picture"):
        these.write(torch.rand(2, 3, 6, 8), "-")


def test_lines_for_people_hold_no_line_breaks(capsys: pytest.CaptureFixture):
    assert these.shown("a\nb\tc\x1b[1m\x7f é\x9f") == "a\\nb\\tc\\x1b[1m\\x7f é\\x9f"
    assert these.complain("two\n  lines", 3) == 3
    assert capsys.readouterr() == ("", "nst: two lines\n")


def test_what_became_of_each(capsys: pytest.CaptureFixture):
    job, x = Job(Path("a\nb.png"), Path("out/a\nb.png")), torch.zeros(1, 3, 6, 8)
    report = Report()
    report.painted(job, x, 1.23456, "fast"), report.kept(job), report.failed(job, ValueError("no")), report.failed(job, OSError())
    report.failed(Job("-", "b.png"), ValueError("standard input: is none")), report.failed(Job("-", "b.png"), KeyError())
    out, err = capsys.readouterr()
    assert out.splitlines() == ["out/a\\nb.png  8 x 6, fast, 1.23 s",
                                "out/a\\nb.png  is there already and was kept (--overwrite replaces it)"]  # fmt: skip
    assert err.splitlines() == ["nst: a b.png: no", "nst: a b.png: OSError", "nst: standard input: is none",
                                "nst: standard input: KeyError"]  # fmt: skip
    assert report.failures == 4
    report = Report(as_json=True)
    report.painted(job, x, 1.23456, "fast"), report.kept(job), report.failed(job, ValueError("no"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    both = {"content": "a\nb.png", "output": str(job.target)}
    assert lines == [{**both, "status": "painted", "method": "fast", "width": 8, "height": 6, "seconds": 1.235},
                     {**both, "status": "kept"}, {**both, "status": "failed", "error": "no"}]  # fmt: skip
    report = Report(silent=True)
    report.painted(job, x, 1.0, "fast"), report.kept(job)
    assert capsys.readouterr() == ("", "")


def test_a_line_is_out_as_soon_as_it_is_said_and_json_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch):
    """Who reads a pipe sees each picture when it is ready."""
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8"))
    Report().kept(Job("a.png", "b.png"))
    said = raw.getvalue().decode()
    assert said.startswith("b.png  is there already")
    Report(as_json=True).kept(Job("a\x7f.png", "b\x85.png"))
    assert json.loads(raw.getvalue().decode()[len(said) :]) == {"content": "a\x7f.png", "output": "b\x85.png", "status": "kept"}


def test_a_reader_who_has_seen_enough_ends_no_run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture):
    read, write = os.pipe()
    os.close(read)
    report = Report()
    with os.fdopen(write, "w") as pipe:
        monkeypatch.setattr(sys, "stdout", pipe)
        report.kept(Job("a.png", "b.png"))
        assert report.silent is True
        report.kept(Job("a.png", "b.png"))
        print("what others say goes nowhere", file=pipe, flush=True)
    assert capfd.readouterr() == ("", "")


def test_json_in_letters_that_the_output_knows(monkeypatch: pytest.MonkeyPatch):
    assert these.as_line(name="写真") == '{"name": "写真"}'
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="cp1252"))
    assert these.as_line(name="写真") == '{"name": "\\u5199\\u771f"}' and these.as_line(name="é") == '{"name": "é"}'
    for of_no_encoding in (io.StringIO(), object()):
        monkeypatch.setattr(sys, "stdout", of_no_encoding)
        assert these.as_line(name="写真") == '{"name": "写真"}'
