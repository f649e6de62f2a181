"""The nst command: what it writes, what it says, how it ends."""

from __future__ import annotations

import importlib.util
import io
import json
import os
import platform
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from processes import LAYOUTS, torchrun
from safetensors import safe_open

import nst
from nst import assets, methods
from nst.command import cli, running
from nst.command.jobs import Job, Misuse, jobs
from nst.support import formats

SHIPPED = assets.shipped_styles()[0]
NOT_NEEDED = ("torchvision", "skimage", "scipy", "accelerate", "matplotlib", "IPython", "pooch", "av", "ipywidgets", "requests",
              "onnx")  # fmt: skip


def run(*arguments: object) -> int:
    return cli.main([str(argument) for argument in arguments])


def photo(path: Path, size: tuple[int, int] = (40, 48), seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size[::-1]).save(path)
    return path


def call(*arguments: object, stdin: bytes = b"", python: tuple[str, ...] = (), **environment: str) -> subprocess.CompletedProcess:
    """The command in a process of its own."""
    command = [sys.executable, *python, "-m", "nst", *map(str, arguments)]
    return subprocess.run(command, input=stdin, capture_output=True, env=os.environ | environment)


# --- stylize ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method, options", [
    ("gatys", ["--evaluations", 2, "--style-weight", 20]), ("fast", []), ("adain", ["--alpha", 0.5, "--size", 64]),
    ("wct", ["--alpha", 0.5, "--size", 64, "--tile", 32]),
])  # fmt: skip
def test_each_method_paints_a_file(tmp_path: Path, capsys: pytest.CaptureFixture, method: str, options: list):
    source, target = photo(tmp_path / "photo.png", (64, 72)), tmp_path / "painted.png"
    assert run("stylize", source, "--style", SHIPPED, "--method", method, "-o", target, *options) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{target}  72 x 64, {method}, ") and shown.err == ""
    given = {"gatys": {"evaluations": 2, "style_weight": 20.0}, "fast": {}}.get(method, {"alpha": 0.5, "size": 64})
    wanted = methods.painter([SHIPPED], method, **given)(nst.load_image(source))
    assert float((nst.load_image(target) - wanted).abs().max()) < 0.51 / 255  # what 8 bits leave


def test_a_folder_with_broken_pictures_is_done_but_for_them(tmp_path: Path, capsys: pytest.CaptureFixture):
    folder, out = tmp_path / "photos", tmp_path / "painted"
    good = [photo(folder / f"{k:02}.png", (32, 32), k) for k in range(17)] + [photo(folder / "sub" / "deep.jpg", (32, 40))]
    (folder / "broken.jpg").write_bytes(good[0].read_bytes()[:500])
    (folder / "empty.png").write_bytes(b"")
    assert len(list(folder.rglob("*.*"))) == 20
    assert run("stylize", folder, "--style", SHIPPED, "-o", out) == 1
    shown = capsys.readouterr()
    assert sorted(p.relative_to(out) for p in out.rglob("*.*")) == sorted(p.relative_to(folder) for p in good)
    assert len(shown.out.splitlines()) == 18
    broken, empty = sorted(shown.err.splitlines())
    assert broken.startswith(f"nst: {folder / 'broken.jpg'}: cannot be read as a picture") and "empty.png" in empty
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    (folder / "broken.jpg").unlink(), (folder / "empty.png").unlink()
    assert run("stylize", folder, "--style", SHIPPED, "-o", out) == 0  # the second time: everything is there
    assert capsys.readouterr().out.count("was kept") == 18
    assert before == {path: path.stat().st_mtime_ns for path in out.rglob("*.*")}
    assert run("stylize", folder, "--style", SHIPPED, "-o", out, "--overwrite") == 0
    assert all(path.stat().st_mtime_ns > before[path] for path in out.rglob("*.*"))


def test_results_inside_the_folder_are_not_painted_again(tmp_path: Path):
    photo(tmp_path / "a.png")
    for _ in range(2):
        assert run("stylize", tmp_path, "--style", SHIPPED, "-o", tmp_path / "painted", "--overwrite") == 0
    assert [p.name for p in (tmp_path / "painted").rglob("*")] == ["a.png"]


def test_json_lines_tell_what_became_of_each(tmp_path: Path, capsys: pytest.CaptureFixture):
    one, kept, out = photo(tmp_path / "one.bmp"), photo(tmp_path / "kept.png"), tmp_path / "out"
    out.mkdir()
    (out / "kept.png").write_bytes(b"mine")
    (tmp_path / "bad.png").write_bytes(b"bad")
    assert run("stylize", one, kept, tmp_path / "bad.png", "--style", SHIPPED, "-o", out, "--json") == 1
    lines = {Path(line["content"]).name: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert {name: line["status"] for name, line in lines.items()} == {
        "one.bmp": "painted", "kept.png": "kept", "bad.png": "failed",
    }  # fmt: skip
    assert lines["one.bmp"]["output"] == str(out / "one.png")  # a suffix for results
    assert (lines["one.bmp"]["width"], lines["one.bmp"]["height"], lines["one.bmp"]["method"]) == (48, 40, "fast")
    assert "bad.png" in lines["bad.png"]["error"] and (out / "kept.png").read_bytes() == b"mine"


def test_options_reach_the_method(tmp_path: Path):
    source, mask = photo(tmp_path / "photo.png"), tmp_path / "mask.png"
    Image.fromarray(np.repeat(np.uint8([[0, 255]]), 20, 0).repeat(20, 1)).save(mask)  # the right half, and of another size
    options = ["--style", SHIPPED, "--mask", mask, "--preserve-color", "--size", 64]
    assert run("stylize", source, *options, "-o", tmp_path / "out.png") == 0
    content = nst.images.resize(nst.load_image(source), 64)
    where = nst.images.resize(nst.load_image(mask).mean(1, keepdim=True), tuple(content.shape[-2:]))
    wanted = nst.transformer_net.stylize(content, SHIPPED, masks=[where], preserve_color=True)
    assert float((nst.load_image(tmp_path / "out.png") - wanted).abs().max()) < 0.51 / 255


def test_the_seed_decides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Each picture starts from the seed, so its result does not depend on the pictures before it."""
    drawn: list[float] = []
    paint = methods.Painter("fast", lambda content, masks: drawn.append(float(torch.rand(1))) or content)
    monkeypatch.setattr(methods, "painter", lambda *_, **__: paint)
    pictures = [photo(tmp_path / f"{k}.png") for k in range(2)]
    for seed in (1, 1, 2):
        assert run("stylize", *pictures, "--style", SHIPPED, "-o", tmp_path / "out", "--seed", seed, "--overwrite") == 0
    assert drawn[0] == drawn[1] == drawn[2] == drawn[3] != drawn[4] == drawn[5]


def test_standard_input_and_output_from_a_cold_start(tmp_path: Path):
    """One pass imports nothing that it does not use, and puts nothing but the picture on standard output."""
    source = photo(tmp_path / "photo.png")
    done = call("stylize", "-", "--style", SHIPPED, "-o", "-", stdin=source.read_bytes(), python=("-X", "importtime"))
    assert done.returncode == 0, done.stderr.decode()
    painted = torch.from_numpy(np.array(Image.open(io.BytesIO(done.stdout)))).permute(2, 0, 1)[None] / 255
    assert float((painted - nst.load_style(SHIPPED).stylize(nst.load_image(source))).abs().max()) < 0.51 / 255
    lines = done.stderr.decode().splitlines()
    imported = {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines if line.startswith("import time:")}
    assert "torch" in imported and imported.isdisjoint(NOT_NEEDED), imported & {*NOT_NEEDED}
    assert [line for line in lines if not line.startswith("import time:")] == []


def test_broken_standard_input_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture, tmp_path: Path):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"no picture")))
    assert run("stylize", "-", "--style", SHIPPED, "-o", tmp_path / "out.png") == 1
    assert capsys.readouterr().err.startswith("nst: standard input: cannot be read as a picture")


def test_processes_share_a_folder_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    folder = tmp_path / "photos"
    names = [photo(folder / f"{k}.png", (16, 16)).name for k in range(5)]
    parts = []
    for rank in range(2):
        monkeypatch.setenv("RANK", str(rank)), monkeypatch.setenv("WORLD_SIZE", "2")
        assert run("stylize", folder, "--style", SHIPPED, "-o", tmp_path / f"out{rank}") == 0
        parts.append(sorted(path.name for path in (tmp_path / f"out{rank}").iterdir()))
    assert sorted(parts[0] + parts[1]) == names and len(parts[0]) == 3


@pytest.mark.slow
@pytest.mark.parametrize(("machines", "each"), LAYOUTS)
def test_torchrun_shares_a_folder_out(tmp_path: Path, machines: int, each: int):
    names = [photo(tmp_path / "photos" / f"{k}.png", (16, 16), k).name for k in range(4)]
    command = ["stylize", tmp_path / "photos", "--style", SHIPPED, "-o"]
    printed = torchrun(["-m", "nst", *command, tmp_path / "out", "--json"], machines, each)
    said = [json.loads(line)["status"] for line in printed.splitlines() if line.startswith("{")]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == names and said == ["painted"] * 4  # each once
    assert run(*command, tmp_path / "alone") == 0
    assert all((tmp_path / "out" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes() for name in names)


# --- wrong use --------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, message", [
    (["stylize"], "Missing argument"),
    (["stylize", "astronaut"], "--style"),
    (["stylize", "nosuch.jpg", "--style", SHIPPED, "-o", "out.png"], "nosuch.jpg: no such file or folder, and no picture's name"),
    (["stylize", "astronaut", "--style", "rose_windo", "-o", "out.png"], "did you mean 'rose_window'?"),
    (["stylize", "astronaut", "--style", "no.jpg", "-o", "out.png"], "no.jpg: no such picture file"),
    (["stylize", "astronaut", "--style", SHIPPED, "-o", "out.xyz"], "unknown picture suffix '.xyz'"),
    (["stylize", "astronaut", "--style", SHIPPED, "-o", "out.png", "--alpha", 2], "--strength"),
    (["stylize", "astronaut", "--style", SHIPPED, "-o", "out.png", "--method", "pastel"], "pastel"),
    (["stylize", "astronaut", "--style", SHIPPED, "-o", "out.png", "--method", "gatys", "--alpha", 0.5], "no such option; fast"),
    (["stylize", "astronaut", "--style", SHIPPED, "-o", "out.png", "--style-weight", 5], "fast has no such option; gatys has"),
    (["stylize", "astronaut", "--style", SHIPPED, "-o", "out.png", "--mask", "a.png", "--mask", "b.png"], "one for each of the 1"),
    (["stylize", "astronaut", "chelsea", "--style", SHIPPED, "-o", "out.png"], "out.png: several pictures want a folder"),
    (["stylize", "astronaut", "-", "--style", SHIPPED, "-o", "out"], "- stands for one picture"),
    (["stylize", "astronaut", "--style", SHIPPED, "-o", "-", "--json"], "standard output cannot hold both"),
    (["stylize", "a/x.png", "b/x.png", "--style", SHIPPED, "-o", "out"], "two of the pictures would be written there"),
    (["stylize", "nothing", "--style", SHIPPED, "-o", "out"], "nothing: holds no pictures"),
    (["stylize", "a", "--style", SHIPPED, "-o", "-"], "a: is a folder; standard output holds one picture"),
    (["sheet", "nosuch.jpg"], "nosuch.jpg: no such file"),
    (["sheet", "astronaut", "-o", "sheet.txt"], "unknown picture suffix '.txt'"),
    (["sheet", "astronaut", "-o", "sheet.pdf"], "unknown picture suffix '.pdf'"),
    (["sheet", "a"], "a: is a folder, expected a picture"),
    (["stylize", "", "--style", SHIPPED, "-o", "out"], "CONTENT: is empty"),
    (["sheet", "a/x.png", "-o", "a/x.png"], "a/x.png: is read by this command, and would be painted over"),
    (["stylize", "a/x.png", "--style", SHIPPED, "-o", "out.pdf"], "out.pdf: unknown picture suffix '.pdf'"),
    (["stylize", "a/x.png", "--style", SHIPPED, "-o", "out.ico"], "out.ico: unknown picture suffix '.ico'"),
    (["stylize", "a/x.png", "--style", SHIPPED, "-o", "out.psd"], "out.psd: unknown picture suffix '.psd'"),
    (["stylize", "a/x.png", "--style", SHIPPED, "-o", "a"], "a/x.png: is read by this command, and would be painted over"),
    (["stylize", "a/x.png", "--style", SHIPPED, "-o", "a/x.png", "--overwrite"], "a/x.png: is read by this command"),
    (["stylize", "a", "--style", SHIPPED, "-o", "a"], "a/x.png: is read by this command, and would be painted over"),
    (["stylize", "astronaut", "--style", "a/x.png", "-o", "a/x.png", "--overwrite"], "a/x.png: is read by this command"),
    (["stylize", "astronaut", "--style", SHIPPED, "--mask", "a/x.png", "-o", "a/x.png"], "a/x.png: is read by this command"),
    (["stylize", "a/x.png", "--style", SHIPPED, "-o", "result"], "result: is a file; several pictures want a folder"),
    (["stylize", "a/x.png", "b/y.png", "--style", SHIPPED, "-o", "result"], "result: is a file; several pictures want a folder"),
    (["stylize", "a/x.png", "--style", SHIPPED, "-o", "result/out.png"], "result/out.png: cannot be written, result is no folder"),
    (["sheet", "a/x.png", "-o", "result/out.png"], "result/out.png: cannot be written, result is no folder"),
    (["train", "astronaut", "a", "-o", "result/net.safetensors"], "result/net.safetensors: cannot be written, result is no folder"),
    (["video", "result", "-o", "result", "--style", SHIPPED, "--overwrite"], "result: is read by this command"),
    (["stylize", "https://example.org/a.jpg", "--style", SHIPPED, "-o", "out.png"], "a.jpg: is an internet address"),
    (["stylize", "astronaut", "--style", "https://example.org/a", "-o", "out.png"], "example.org/a: is an internet address"),
    (["stylize", "astronaut", "--style", SHIPPED, "--mask", "https://example.org/a.png", "-o", "out.png"], "internet address"),
    (["stylize", "astronaut", "--style", SHIPPED, "-o", "out.png", "--seed", 10**20], "seed=100000000000000000000: expected"),
    (["train", "astronaut", "a", "-o", "net.safetensors", "--seed", 10**20], "seed=100000000000000000000: expected a whole"),
    (["train", "astronaut", "a/x.png", "-o", "net.safetensors"], "a/x.png: is a file, expected a folder of pictures"),
    (["stylize", "a/x.png", "--style", SHIPPED, "-o", "out.jpg", "--keep-alpha"], "out.jpg: JPEG holds no transparency"),
    (["stylize", "astronaut", "--style", SHIPPED, "--style", "rose_window", "--method", "fast", "-o", "out.png"],
     "--method fast: 2 networks need a --mask each"),
    (["stylize", "astronaut", "--style", SHIPPED, "--mask", "black.png", "-o", "out.png"],
     "black.png: as a mask, it paints nothing: it is black everywhere. White is painted"),
    (["train", "astronaut", "nowhere", "-o", "net.safetensors"], "nowhere: no such folder"),
    (["train", "astronaut", "a", "-o", "net.pth"], "net.pth: a network's file ends in .safetensors"),
    (["video", "none.mp4", "-o", "out.mp4", "--style", SHIPPED], "none.mp4: no such film"),
    (["paint"], "paint"),
])  # fmt: skip
def test_wrong_use_is_one_line_and_exit_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
                                              arguments: list, message: str):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    photo(Path("a/x.png")), photo(Path("b/x.png")), photo(Path("b/y.png")), Path("nothing").mkdir()
    Path("result").write_bytes(b"a file"), Image.new("L", (8, 8)).save("black.png")
    before = sorted(tmp_path.rglob("*"))
    assert run(*arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and len(shown.err.splitlines()) == 1
    assert shown.err.startswith("nst: ") and message in shown.err
    assert sorted(tmp_path.rglob("*")) == before


def test_a_bug_is_not_called_wrong_use(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cli.assets, "names", lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run("list")


def test_no_command_shows_the_help(capsys: pytest.CaptureFixture):
    assert run() == 2
    shown = capsys.readouterr().out
    assert all(f"  {command}" in shown for command in ("stylize", "sheet", "train", "video", "list", "info"))
    assert run("--version") == 0 and capsys.readouterr().out.strip() == nst.__version__


def test_a_stopped_command_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    def stopped(*_: object, **__: object):
        raise KeyboardInterrupt

    monkeypatch.setattr(methods, "painter", stopped)
    assert run("stylize", photo(tmp_path / "a.png"), "--style", SHIPPED, "-o", tmp_path / "out.png") == 130
    assert capsys.readouterr().err == "nst: stopped\n"


# --- the other commands -----------------------------------------------------------------------------------------------------------


def test_sheet_has_every_style(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.chdir(tmp_path)
    assert run("sheet", "astronaut", "--size", 32) == 0
    assert capsys.readouterr().out == f"astronaut_sheet.jpg  {len(assets.styles())} styles\n"
    height, width = nst.load_image("astronaut_sheet.jpg").shape[-2:]
    assert width > 3 * 32 and height > 3 * 32  # three by three
    before = Path("astronaut_sheet.jpg").stat().st_mtime_ns
    assert run("sheet", "astronaut", "--size", 32) == 0 and "was kept" in capsys.readouterr().out
    assert Path("astronaut_sheet.jpg").stat().st_mtime_ns == before


def test_train_makes_a_network_that_paints_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture):
    for k in range(3):
        photo(tmp_path / "photos" / f"{k}.png", (80, 96), k)
    style, net = photo(tmp_path / "style.png", (80, 80), 9), tmp_path / "net.safetensors"
    arguments = ["train", style, tmp_path / "photos", "-o", net, "--steps", 2, "--size", 32, "--batch-size", 1, "--start", "random"]
    assert run(*arguments) == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{net}  2 steps, loss ") and shown.err == ""
    with safe_open(net, "np") as file:
        facts = json.loads(file.metadata()["facts"])
    assert facts["recipe"] == "nst train" and facts["steps"] == 2 and facts["loss"]["style_weight"] == 5.0
    assert run("stylize", tmp_path / "photos" / "0.png", "--style", net, "-o", tmp_path / "painted.png") == 0
    capsys.readouterr()
    assert run(*arguments) == 0 and "was kept" in capsys.readouterr().out
    assert run(*arguments, "--overwrite", "--seed", 3) == 1  # the checkpoints are another run's
    assert "net.checkpoints" in (said := capsys.readouterr().err) and "seed" in said


@pytest.mark.slow
def test_torchrun_trains_the_network_of_one_process_with_twice_the_batch(tmp_path: Path):
    """Exactly so, and on several machines: tests/training/test_loop.py."""
    for k in range(3):
        photo(tmp_path / "photos" / f"{k}.png", (80, 96), k)
    style = photo(tmp_path / "style.png", (80, 80), 9)
    command = ["train", style, tmp_path / "photos", "--steps", 3, "--size", 32, "-o"]
    for name, size in (("one", 2), ("half", 1)):
        assert run(*command, tmp_path / f"{name}.safetensors", "--batch-size", size) == 0
    printed = torchrun(["-m", "nst", *command, tmp_path / "two.safetensors", "--batch-size", 1])
    assert [line for line in printed.splitlines() if "3 steps" in line] == printed.splitlines()  # the first process says it, alone
    picture = torch.rand(1, 3, 64, 64)
    nets = [nst.load_style(tmp_path / f"{name}.safetensors") for name in ("one", "two", "half")]
    one, two, half = (net.stylize(picture) for net in nets)
    assert (one - two).norm() < 0.2 * (one - half).norm()


def test_video_counts_its_frames_and_measures_flicker(tmp_path: Path, capsys: pytest.CaptureFixture):
    pytest.importorskip("av", reason="films need PyAV: pip install av")
    from test_video import photograph, write_film

    from nst.command import streams

    write_film(tmp_path / "in.mp4", [photograph(48, 64, shift=k) for k in range(30)], sound=True)  # three seconds
    arguments = ["video", tmp_path / "in.mp4", "-o", tmp_path / "out.mp4", "--style", SHIPPED]
    assert run(*arguments, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames"] == 30 and facts["sound"] == 1 and 0 < facts["flicker_with"] < facts["flicker_without"]
    assert len(list(streams.frames(tmp_path / "out.mp4"))) == 30
    assert run(*arguments) == 0 and "was kept" in capsys.readouterr().out
    assert run(*arguments, "--overwrite") == 0
    assert "30 frames" in (shown := capsys.readouterr().out) and "without smoothing" in shown and "sound kept" in shown
    assert not list(tmp_path.glob("*.pieces"))
    write_film(tmp_path / "one.mp4", [photograph(48, 64)])
    assert run("video", tmp_path / "one.mp4", "-o", tmp_path / "one_out.mp4", "--style", SHIPPED) == 0  # nothing to flicker
    assert "1 frames" in (shown := capsys.readouterr().out) and "flicker" not in shown
    (tmp_path / "broken.mp4").write_bytes(b"no film")
    assert run("video", tmp_path / "broken.mp4", "-o", tmp_path / "x.mp4", "--style", SHIPPED) == 1
    assert "broken.mp4: cannot be read as a film" in capsys.readouterr().err


def test_a_film_has_fine_strokes_unless_others_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """At any size: AdaIN and WCT paint a large picture with brush 2, which flickers more."""
    pytest.importorskip("av", reason="films need PyAV: pip install av")
    seen = []

    def painter(styles: list[str], method: str | None, **given: object):
        seen.append(given["brush"])
        raise ValueError("enough")

    monkeypatch.setattr(methods, "painter", painter)
    (tmp_path / "in.mp4").touch()
    for more in ([], ["--brush", 2]):
        assert run("video", tmp_path / "in.mp4", "-o", tmp_path / "out.mp4", "--style", SHIPPED, *more) == 2
    assert seen == [1, 2]


def test_a_video_goes_on_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("av", reason="films need PyAV: pip install av")
    from test_video import photograph, write_film

    from nst.command import video

    monkeypatch.setattr(video, "PIECE", 2)
    write_film(tmp_path / "in.mp4", [photograph(48, 64, shift=k) for k in range(5)])
    arguments, whole = ["video", tmp_path / "in.mp4", "-o", tmp_path / "out.webm", "--style"], video._join

    def cut_off(*arguments):
        raise OSError("no room")

    monkeypatch.setattr(video, "_join", cut_off)
    assert run(*arguments, SHIPPED) == 1 and "no room" in capsys.readouterr().err
    monkeypatch.setattr(video, "_join", whole)
    other = assets.shipped_styles()[1]
    assert run(*arguments, other) == 1 and "out.webm.pieces: holds pieces of a film with another style" in capsys.readouterr().err
    assert run(*arguments, SHIPPED) == 0 and "5 of the frames were there already" in capsys.readouterr().out
    assert sorted(file.name for file in tmp_path.iterdir()) == ["in.mp4", "out.webm"]


def test_normalised_networks_are_painted_so(tmp_path: Path, capsys: pytest.CaptureFixture):
    net = nst.TransformerNet(2)
    with torch.no_grad():
        net.model[10].block[1].weight.zero_(), net.model[10].block[1].bias.zero_()
    torch.save({"state_dict": net.state_dict()}, tmp_path / "grey.model")
    nst.save_image(torch.rand(3, 24, 32), tmp_path / "a.png")
    assert run("stylize", tmp_path / "a.png", "-s", tmp_path / "grey.model", "--normalized", "-o", tmp_path / "b.png") == 0
    wanted = torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1).expand(3, 24, 32)
    torch.testing.assert_close(nst.load_image(tmp_path / "b.png")[0], wanted, atol=0.003, rtol=0)
    capsys.readouterr()
    arguments = ["-s", "rose_window", "--method", "adain", "--normalized", "-o", tmp_path / "c.png"]
    assert run("stylize", tmp_path / "a.png", *arguments) == 2
    assert "normalized=True: adain has no such option; fast has" in capsys.readouterr().err


def test_list_names_every_picture(capsys: pytest.CaptureFixture):
    assert run("list", "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["name"] for line in lines] == assets.names()
    assert [line["name"] for line in lines if line["network"]] == assets.shipped_styles()
    assert run("list") == 0
    assert "Starry Night" in capsys.readouterr().out


def test_info_says_what_is_here(capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    (tmp_path / "file").write_bytes(b"1" * 200_000)
    assert run("info", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["versions"]["torch"] == torch.__version__.split("+")[0] and facts["versions"]["nst"] == nst.__version__
    assert facts["here"]["device"] == str(nst.device()) and "vgg19_lite.safetensors" in facts["weights"]
    assert facts["cache"] == {"folder": str(tmp_path), "holds": "1 files, 0.2 MB"}
    assert run("info") == 0
    assert "vgg19_lite.safetensors" in capsys.readouterr().out


def test_info_lists_the_licences_of_what_it_stands_on(capsys: pytest.CaptureFixture):
    assert run("info", "--licences", "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {"torch", "numpy", "pillow", "safetensors"} <= {name.lower() for name in found}  # old Pillows have a capital
    assert "BSD" in found["numpy"][1] and "Apache" in found["safetensors"][1]
    assert {"sympy", "mpmath"} <= set(found)  # torch's, and its own


def test_python_m_nst_and_completion_do_not_wait_for_torch():
    command = f"nst stylize a.jpg --style {SHIPPED[:5]}"
    done = call(_NST_COMPLETE="complete_bash", COMP_WORDS=command, COMP_CWORD="4", python=("-X", "importtime"))
    assert SHIPPED in done.stdout.decode().split()
    assert "| torch\n" not in done.stderr.decode() and "nst.command.cli" in done.stderr.decode()


MAPS = """
import resource, sys
import torch
from nst.command import cli, running

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for k in range(8):
        torch.ones(2**24 - k * 2**18)  # 64 MiB: freed, and asked for again, a little less each time: it fits whatever came between
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

arguments, sys.argv[1:] = ["list"], ["list"]
cli.main(arguments)
print("faults", faults())
cli.main()
print("faults", faults())
"""


@pytest.mark.skipif(sys.platform != "linux" or platform.libc_ver()[0] != "glibc", reason="other systems stay as they are")
def test_the_command_keeps_freed_memory_and_a_call_does_not():
    done = subprocess.run([sys.executable, "-c", MAPS], capture_output=True, text=True, check=True)
    by_call, by_command = (int(line.split()[1]) for line in done.stdout.splitlines() if line.startswith("faults"))
    assert by_command < by_call / 4  # the pages of one block, where each of eight had its own


# --- folders, as they are ---------------------------------------------------------------------------------------------------------


def test_a_folder_above_the_pictures_takes_the_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    photo(Path("pics/in/a.jpg")), photo(Path("pics/in/deep/b.png"))
    for contents, out, made in (
        (["pics/in"], "pics", ["pics/a.jpg", "pics/deep/b.png"]), (["pics/in/a.jpg"], ".", ["a.jpg"]),
        (["pics/in/a.jpg", "pics/in/deep/b.png"], ".", ["a.jpg", "b.png"]), (["pics"], ".", ["in/a.jpg", "in/deep/b.png"]),
        (["pics/in/a.jpg"], "", ["a.jpg"]), (["pics/in"], str(tmp_path), ["a.jpg", "deep/b.png"]),
    ):  # fmt: skip
        assert [os.path.relpath(job.target) for job in jobs(contents, out)] == [os.path.normpath(name) for name in made]
    assert run("stylize", "pics/in", "--style", SHIPPED, "-o", "pics") == 0
    assert run("stylize", "pics/in/a.jpg", "--style", SHIPPED, "-o", ".") == 0
    assert Path("pics/a.jpg").is_file() and Path("pics/deep/b.png").is_file() and Path("a.jpg").is_file()


def test_what_an_earlier_run_wrote_is_left_out_and_only_that(tmp_path: Path, capsys: pytest.CaptureFixture):
    photo(tmp_path / "a.png"), photo(tmp_path / "b.bmp"), photo(tmp_path / "painted" / "mine.png", seed=1)
    targets = [tmp_path / "painted" / "a.png", tmp_path / "painted" / "b.png", tmp_path / "painted" / "painted" / "mine.png"]
    for _ in range(2):
        assert run("stylize", tmp_path, "--style", SHIPPED, "-o", tmp_path / "painted", "--overwrite") == 0
        said = capsys.readouterr()
        assert len(said.out.splitlines()) == 3 and all(target.is_file() for target in targets)
    assert said.err == f"nst: {tmp_path / 'painted'}: passed over 3 results of an earlier run\n"
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 6


def test_a_folder_says_what_it_passes_over(tmp_path: Path, capsys: pytest.CaptureFixture):
    folder = tmp_path / "in"
    for name in ("a.jpg", "b.gif", "c.jfif", ".ipynb_checkpoints/a-checkpoint.jpg"):
        photo(folder / name)
    (folder / "._a.jpg").write_bytes(b"x"), (folder / "notes.txt").write_bytes(b"x")
    assert run("stylize", folder, "--style", SHIPPED, "-o", tmp_path / "out") == 0
    said = capsys.readouterr()
    assert sorted(p.name for p in (tmp_path / "out").rglob("*.*")) == ["a.jpg", "b.png", "c.jfif"]
    assert said.err == f"nst: {folder}: passed over 3 files: 2 hidden, 1 .txt\n" and len(said.out.splitlines()) == 3
    only = tmp_path / "only"
    (only / ".hidden").mkdir(parents=True), (only / "a.txt").write_bytes(b"x")
    assert run("stylize", only, "--style", SHIPPED, "-o", tmp_path / "out") == 2
    assert re.search(r"only: holds no pictures \(.*\.jpg.*\); passed over 2 files: 1 .txt, 1 hidden", capsys.readouterr().err)


def test_train_says_what_it_passes_over(tmp_path: Path, capsys: pytest.CaptureFixture):
    photo(tmp_path / "in" / "a.png", (64, 64)), (tmp_path / "in" / "b.txt").write_bytes(b"x")
    options = ["--steps", 1, "--size", 32, "--batch-size", 1]
    assert run("train", "astronaut", tmp_path / "in", "-o", tmp_path / "net.safetensors", *options) == 0
    assert capsys.readouterr().err == f"nst: {tmp_path / 'in'}: passed over 1 file: 1 .txt\n"


def test_each_picture_is_painted_once_however_it_is_named(tmp_path: Path):
    photo(tmp_path / "in" / "a.png")
    found = jobs([str(tmp_path / "in"), str(tmp_path / "in" / "a.png"), str(tmp_path / "in" / "a.png")], str(tmp_path / "out"))
    assert found == [Job(tmp_path / "in" / "a.png", tmp_path / "out" / "a.png")]


@pytest.mark.parametrize(("name", "result"), [
    ("a.jpg", "a.jpg"), ("a.JPEG", "a.JPEG"), ("a.jfif", "a.jfif"), ("a.png", "a.png"), ("a.webp", "a.webp"), ("a.gif", "a.png"),
    ("a.bmp", "a.png"), ("a.tif", "a.png"), ("a.jp2", "a.png"), ("a.b.ppm", "a.b.png"),
])  # fmt: skip
def test_results_of_unusual_formats_are_pngs(tmp_path: Path, name: str, result: str):
    (tmp_path / name).write_bytes(b"x")
    assert jobs([str(tmp_path / name)], str(tmp_path / "out")) == [Job(tmp_path / name, tmp_path / "out" / result)]


def test_two_pictures_of_one_result_are_both_named(tmp_path: Path):
    for name in ("a.png", "a.gif"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(Misuse, match=r"out.a\.png: two of the pictures would be written there, .*a\.gif and .*a\.png"):
        jobs([str(tmp_path)], str(tmp_path / "out"))


def test_a_folder_may_have_a_dot_in_its_name(tmp_path: Path):
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(b"x")
    found = jobs([str(tmp_path / "a.png"), str(tmp_path / "b.png")], str(tmp_path / "version_1.5"))
    assert [job.target for job in found] == [tmp_path / "version_1.5" / name for name in ("a.png", "b.png")]
    assert jobs([str(tmp_path / "a.png")], f"{tmp_path}/v1.5/")[0].target == tmp_path / "v1.5" / "a.png"


def test_eight_thousand_pictures_are_listed_at_once(tmp_path: Path):
    """Each is compared with no other: twice as many take about twice as long."""
    def seconds(count: int) -> float:
        folder = tmp_path / str(count)
        folder.mkdir()
        for k in range(count):
            (folder / f"{k}.png").touch()
        began = time.process_time()
        assert len(jobs([str(folder)], str(tmp_path / "out"))) == count
        return time.process_time() - began

    seconds(10)
    assert seconds(4000) < 9 * seconds(1000)  # it took sixteen times as long


def test_a_place_that_is_a_folder_is_no_result(tmp_path: Path, capsys: pytest.CaptureFixture):
    source = photo(tmp_path / "a.png")
    (tmp_path / "out" / "a.png").mkdir(parents=True)
    assert run("stylize", source, "--style", SHIPPED, "-o", tmp_path / "out") == 1
    assert "a.png" in capsys.readouterr().err


# --- names, environments, signals -------------------------------------------------------------------------------------------------


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes are Linux'")
def test_no_name_stops_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    """In an old Windows' letters, in JSON, in markup, and of bytes that are no letters."""
    folder, said = tmp_path / "in", io.BytesIO()
    names = ["写真 ☃ 😀.png", "two\nlines.png", "[bold].png", os.fsdecode(b"\xff\xfe.png")]
    for k, name in enumerate(names):
        photo(folder / "x.png", (16, 16), k).rename(folder / name)
    (folder / "broken é 写.png").write_bytes(b"x")
    for letters in ("cp1252", "ascii", "utf-8"):
        for extra in ([], ["--json"]):
            out, said = tmp_path / f"{letters} 絵{len(extra)}", io.BytesIO()
            monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, letters, errors="strict"))
            assert run("stylize", folder, "--style", SHIPPED, "-o", out, *extra) == 1
            assert sorted(p.name for p in out.iterdir()) == sorted(names)
            assert len(lines := said.getvalue().decode(letters).splitlines()) == 4 + len(extra)
            assert capsys.readouterr().err.count("\n") == 1
        found = [Path(line["output"]).name for line in map(json.loads, lines) if line["status"] == "painted"]
        assert sorted(found) == sorted(names)
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(said, "ascii", errors="strict"))
    assert run("stylize", folder / names[0], "--style", folder / names[3], "--size", 32, "-o", tmp_path / "絵.png") == 0
    for command in (["list"], ["list", "--json"], ["info"]):
        assert run(*command) == 0
    for name in names:
        assert run("sheet", folder / name, "--size", 32, "-o", tmp_path / "☃.png", "--overwrite") == 0, name


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes are Linux'")
def test_train_takes_names_of_any_bytes(tmp_path: Path):
    for k in range(2):
        photo(tmp_path / "in" / "x.png", (64, 64), k).rename(tmp_path / "in" / os.fsdecode(b"\xff%d.png" % k))
    style = photo(tmp_path / "style.png", (64, 64)).rename(tmp_path / os.fsdecode(b"style\xff.png"))
    options = ["--steps", 1, "--size", 32, "--batch-size", 1]
    assert run("train", style, tmp_path / "in", "-o", tmp_path / "net.safetensors", *options) == 0
    with safe_open(tmp_path / "net.safetensors", "np") as file:
        assert json.loads(file.metadata()["facts"])["style"].endswith("style\\udcff.png")


def test_an_old_windows_pipe(tmp_path: Path):
    source = photo(tmp_path / "a.png").rename(tmp_path / "写真.png")
    done = call("stylize", source, "--style", SHIPPED, "-o", tmp_path / "絵.png", PYTHONIOENCODING="cp1252")
    assert done.returncode == 0 and b"\\u7d75.png" in done.stdout and done.stderr == b"" and (tmp_path / "絵.png").is_file()


def test_the_help_knows_the_defaults_of_strokes_and_textures(capsys: pytest.CaptureFixture):
    from nst import brush, texture

    assert run("stylize", "--help") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert f"2 where the shorter side is over {brush.FINE} px." in said and f"pictures: {texture.AMOUNT}, with fast 0." in said


def test_a_bars_text_is_no_markup(monkeypatch: pytest.MonkeyPatch):
    from rich.progress import Progress
    from rich.text import Text

    texts, add_task = [], Progress.add_task
    monkeypatch.setattr(Progress, "add_task", lambda self, text, **given: texts.append(text) or add_task(self, text, **given))
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with running.bar(2, "[/bold]\n[red]x") as advance:
        advance()
    seen = Text.from_markup(texts[0]).plain  # "[/bold]" closes nothing: as markup it is an error
    assert seen.startswith("[/bold]") and seen.endswith("[red]x")


def test_the_results_are_painted_though_nobody_reads_of_them(tmp_path: Path):
    """`nst stylize … | true`: no picture is lost or counted as failed."""
    for k in range(3):
        photo(tmp_path / "in" / f"{k}.png", (16, 16), k)
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "nst", "stylize", str(tmp_path / "in"), "--style", SHIPPED, "-o", str(tmp_path / "out")]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"") and len(list((tmp_path / "out").iterdir())) == 3


def test_a_closed_pipe_ends_a_picture_on_standard_output(tmp_path: Path):
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "nst", "stylize", str(photo(tmp_path / "a.png")), "--style", SHIPPED, "-o", "-"]
    done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("environment", "painted"), [
    ({"WORLD_SIZE": "4"}, 3), ({"RANK": "1"}, 3), ({"RANK": "1", "WORLD_SIZE": "2"}, 1), ({"RANK": "0", "WORLD_SIZE": "1"}, 3),
])  # fmt: skip
def test_half_of_torchruns_environment_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: dict, painted: int):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    for k in range(3):
        photo(tmp_path / "in" / f"{k}.png", (16, 16))
    assert run("stylize", tmp_path / "in", "--style", SHIPPED, "-o", tmp_path / "out") == 0
    assert len(list((tmp_path / "out").iterdir())) == painted


@pytest.mark.parametrize(("rank", "processes"), [("2", "2"), ("-1", "2"), ("one", "2"), ("0", ""), ("0", "0")])
def test_an_environment_that_makes_no_sense_is_said(tmp_path: Path, monkeypatch, capsys, rank: str, processes: str):
    monkeypatch.setenv("RANK", rank), monkeypatch.setenv("WORLD_SIZE", processes)
    assert run("stylize", "astronaut", "--style", SHIPPED, "-o", tmp_path / "out.png") == 2
    assert f"RANK={rank!r}, WORLD_SIZE={processes!r}: expected" in capsys.readouterr().err


def test_a_device_that_is_not_here_is_one_short_line(tmp_path: Path, monkeypatch, capsys):
    monkeypatch.setenv("NST_DEVICE", "mps" if not torch.backends.mps.is_available() else "xla")
    assert run("stylize", "astronaut", "--style", SHIPPED, "-o", tmp_path / "out.png") == 2
    said = capsys.readouterr().err
    assert "NST_DEVICE=" in said and "expected cpu, cuda" in said and len(said) < 250


ASKED = [signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])]


@pytest.mark.parametrize("number", ASKED)
def test_every_command_leaves_when_it_is_asked_to(tmp_path: Path, monkeypatch, capsys, number: int):
    before = [signal.getsignal(each) for each in ASKED]
    if signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip("ignored here, as of a program in a shell's background")

    def asked(*_: object, **__: object):
        signal.raise_signal(number)
        time.sleep(1)

    monkeypatch.setattr(methods, "painter", asked), monkeypatch.setattr(methods, "style_picture", asked)
    source = photo(tmp_path / "in" / "a.png", (64, 64))
    (tmp_path / "film.mp4").write_bytes(b"no film")
    commands = [["stylize", source, "--style", SHIPPED, "-o", tmp_path / "a.png"], ["sheet", source, "-o", tmp_path / "b.png"],
                ["train", source, tmp_path / "in", "-o", tmp_path / "c.safetensors"]]  # fmt: skip
    if importlib.util.find_spec("av"):
        commands.append(["video", tmp_path / "film.mp4", "--style", SHIPPED, "-o", tmp_path / "d.mp4"])
    for command in commands:
        assert run(*command) == 130 and capsys.readouterr().err == "nst: stopped\n", command
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.mp4", "in"]
    assert before == [signal.getsignal(each) for each in ASKED]


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows ends a process otherwise")
def test_a_training_that_the_system_ends_leaves_a_checkpoint_and_says_so(tmp_path: Path):
    for k in range(3):
        photo(tmp_path / "in" / f"{k}.png", (64, 64), k)
    options = ["--steps", 100_000, "--size", 32, "--batch-size", 1, "--folder", tmp_path / "run"]
    command = [sys.executable, "-m", "nst", "train", photo(tmp_path / "style.png", (64, 64)), tmp_path / "in", *options]
    command += ["-o", tmp_path / "net.safetensors"]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    while not (tmp_path / "run").exists() and process.poll() is None:
        time.sleep(0.1)
    time.sleep(1)
    process.terminate()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130 and said.decode().splitlines()[-1] == "nst: stopped", said
    assert any((tmp_path / "run").glob("step_*")) and not list(tmp_path.rglob(".writing_*"))


# --- what a picture may be --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_a_picture(tmp_path: Path):
    """`<(…)` of a shell, and /dev/stdin: for the picture, the style, the mask, and a sheet."""
    source, white = photo(tmp_path / "a.png", (64, 64)), tmp_path / "white.png"
    Image.new("L", (4, 4), 255).save(white)
    for name in ("content", "style", "mask", "again"):
        os.mkfifo(tmp_path / name)
        file = white if name == "mask" else source
        threading.Thread(target=lambda to=tmp_path / name, file=file: to.write_bytes(file.read_bytes()), daemon=True).start()
    options = ["--style", tmp_path / "style", "--mask", tmp_path / "mask", "--size", 32]
    assert run("stylize", tmp_path / "content", *options, "-o", tmp_path / "p.png") == 0
    assert run("stylize", source, "--style", source, "--mask", white, "--size", 32, "-o", tmp_path / "q.png") == 0
    assert (tmp_path / "p.png").read_bytes() == (tmp_path / "q.png").read_bytes()
    assert run("sheet", tmp_path / "again", "--size", 32, "-o", tmp_path / "sheet.png") == 0
    if Path("/dev/stdin").exists():
        done = call("stylize", "/dev/stdin", "--style", SHIPPED, "-o", tmp_path / "r.png", stdin=source.read_bytes())
        assert done.returncode == 0 and (tmp_path / "r.png").is_file(), done.stderr


def test_a_sheet_from_standard_input_to_standard_output(tmp_path: Path):
    done = call("sheet", "-", "-o", "-", "--size", 32, stdin=photo(tmp_path / "a.png").read_bytes())
    assert done.returncode == 0 and Image.open(io.BytesIO(done.stdout)).format == "PNG", done.stderr


def test_a_style_has_a_sheet_of_its_own(tmp_path: Path, capsys: pytest.CaptureFixture):
    """It is the picture, and one of the styles."""
    assert run("sheet", SHIPPED, "--size", 32, "-o", tmp_path / "a.png") == 0
    assert run("sheet", "astronaut", "--size", 32, "-o", tmp_path / "b.png") == 0
    sizes = [nst.load_image(tmp_path / name).shape[-2] for name in ("a.png", "b.png")]
    assert sizes[0] == sizes[1] and capsys.readouterr().out.count(f"  {len(assets.styles())} styles") == 2


def test_a_broken_picture_has_no_sheet(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "a.jpg").write_bytes(b"broken")
    assert run("sheet", tmp_path / "a.jpg", "-o", tmp_path / "s.jpg") == 1
    assert "a.jpg: cannot be read as a picture" in capsys.readouterr().err and not (tmp_path / "s.jpg").exists()


def test_a_sheet_too_large_for_its_format(tmp_path: Path, capsys: pytest.CaptureFixture):
    Image.new("RGB", (7000, 32)).save(tmp_path / "long.png")
    assert run("sheet", tmp_path / "long.png", "--size", 32, "-o", tmp_path / "s.webp") == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1 and "s.webp: " in said[0] and "WEBP holds at most 16,383" in said[0]


def test_a_sheet_of_nothing_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    def fail(*_: object, **__: object):
        raise ArithmeticError("no")

    monkeypatch.setattr(methods, "painter", fail)
    assert run("sheet", "astronaut", "--size", 32, "-o", tmp_path / "s.jpg") == 1
    assert "s.jpg: no style could be painted" in capsys.readouterr().err and not (tmp_path / "s.jpg").exists()


def test_a_loss_that_is_not_finite_ends_one_picture_only(tmp_path: Path, capsys: pytest.CaptureFixture):
    pictures = [photo(tmp_path / f"{k}.png", (32, 32)) for k in range(2)]
    options = ["--method", "gatys", "--evaluations", 1, "--style-weight", "1e300", "-o", tmp_path / "out"]
    assert run("stylize", *pictures, "--style", SHIPPED, *options) == 1
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2 and all("the loss is not finite" in line for line in said)


def test_several_styles_are_mixed_and_masked_ones_are_not(tmp_path: Path, capsys: pytest.CaptureFixture):
    source, both = photo(tmp_path / "a.png", (64, 64)), ["--style", SHIPPED, "--style", "rose_window"]
    assert run("stylize", source, *both, "--size", 64, "-o", tmp_path / "mixed.png") == 0
    assert "adain" in capsys.readouterr().out
    wanted = methods.painter([SHIPPED, "rose_window"], "adain", size=64)(nst.load_image(source))
    assert float((nst.load_image(tmp_path / "mixed.png") - wanted).abs().max()) < 0.51 / 255
    Image.new("L", (4, 4), 255).save(tmp_path / "white.png")
    masks = ["--mask", tmp_path / "white.png"] * 2
    assert run("stylize", source, *both, *masks, "-o", tmp_path / "masked.png") == 0
    assert "fast" in capsys.readouterr().out


def test_a_mask_paints_where_it_is_white_and_not_where_it_is_clear(tmp_path: Path):
    source = photo(tmp_path / "a.png", (64, 64))
    inside = np.zeros((64, 64), np.uint8)
    inside[16:48, 16:48] = 255
    Image.fromarray(np.dstack([np.full((64, 64, 3), 255, np.uint8), inside])).save(tmp_path / "white_on_clear.png")
    Image.fromarray(inside // 255).save(tmp_path / "numbers.png")
    for name in ("white_on_clear", "numbers"):
        assert run("stylize", source, "--style", SHIPPED, "--mask", tmp_path / f"{name}.png", "-o", tmp_path / f"{name}_.png") == 0
        change = (nst.load_image(tmp_path / f"{name}_.png") - nst.load_image(source)).abs().mean(1)[0]
        assert change[inside > 0].mean() > 0.05 and change[inside == 0].max() < 1 / 255


def test_a_mask_of_another_shape_is_said_to_be_stretched(tmp_path: Path, capsys: pytest.CaptureFixture):
    """As where a program that knows no EXIF has made it of a photograph that a phone has turned."""
    source = photo(tmp_path / "a.png", (48, 64))
    for size, said in (((64, 48), ""), ((32, 24), ""), ((48, 64), f"nst: {tmp_path / 'm.png'}: is stretched over {source}, ")):
        Image.new("L", size, 255).save(tmp_path / "m.png")
        options = ["--style", SHIPPED, "--mask", tmp_path / "m.png", "--overwrite"]
        assert run("stylize", source, *options, "-o", tmp_path / "out.png") == 0
        err = capsys.readouterr().err
        assert err.startswith(said) and bool(err) == bool(said)


def test_of_several_frames_the_first_is_painted_and_that_is_said(tmp_path: Path, capsys: pytest.CaptureFixture):
    frames = [Image.fromarray(np.full((16, 16, 3), 80 * k, np.uint8)) for k in range(3)]
    for name in ("a.gif", "b.tif", "c.webp", "d.png"):
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        assert run("stylize", tmp_path / name, "--style", SHIPPED, "-o", tmp_path / "out.png", "--overwrite") == 0
        assert capsys.readouterr().err == f"nst: {tmp_path / name}: holds several frames or pages, of which the first was painted\n"
        frames[0].save(tmp_path / name)
        assert run("stylize", tmp_path / name, "--style", SHIPPED, "-o", tmp_path / "out.png", "--overwrite") == 0
        assert capsys.readouterr().err == ""


def cut_out(path: Path, size: int = 64) -> np.ndarray:
    """A square in noise on clear; its opaqueness (H, W)."""
    rng, alpha = np.random.default_rng(0), np.zeros((size, size), np.uint8)
    alpha[size // 4 : -size // 4, size // 4 : -size // 4] = 255
    Image.fromarray(np.dstack([rng.integers(0, 256, (size, size, 3), np.uint8), alpha])).save(path)
    return alpha


def test_what_is_transparent_stays_so_where_the_result_can_hold_it(tmp_path: Path):
    alpha = cut_out(tmp_path / "cut.png")
    for options, name, kept in (([], "a.png", True), ([], "b.webp", True), (["--keep-alpha"], "c.png", True), ([], "d.jpg", False),
                                (["--no-keep-alpha"], "e.png", False)):  # fmt: skip
        assert run("stylize", tmp_path / "cut.png", "--style", SHIPPED, *options, "-o", tmp_path / name) == 0
        image = Image.open(tmp_path / name)
        assert (image.mode == "RGBA") == kept, name
        assert not kept or np.array_equal(np.asarray(image)[..., 3], alpha)
    painted = nst.load_style(SHIPPED).stylize(nst.load_image(tmp_path / "cut.png"))[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(np.asarray(Image.open(tmp_path / "a.png"))[..., :3][alpha > 0] - painted[alpha > 0]).max() < 0.51
    done = call("stylize", tmp_path / "cut.png", "--style", SHIPPED, "-o", "-")
    assert Image.open(io.BytesIO(done.stdout)).mode == "RGBA"
    assert run("stylize", photo(tmp_path / "p.png"), "--style", SHIPPED, "-o", tmp_path / "opaque.png") == 0
    assert Image.open(tmp_path / "opaque.png").mode == "RGB"


def test_a_scaled_cut_out_has_no_fringe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Red on clear, at half its size: what little is seen at the edge is red as well."""
    monkeypatch.setattr(methods, "painter", lambda *_, **__: methods.Painter("fast", lambda content, masks: content))
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[17:47, 17:47] = 255, 0, 0, 255
    Image.fromarray(rgba).save(tmp_path / "red.png")
    assert run("stylize", tmp_path / "red.png", "--style", SHIPPED, "--size", 32, "-o", tmp_path / "out.png") == 0
    made = np.asarray(Image.open(tmp_path / "out.png")).astype(int)
    edge = (made[..., 3] > 60) & (made[..., 3] < 200)
    assert made.shape == (32, 32, 4) and edge.any() and (made[edge][:, 0] > 245).all() and (made[edge][:, 1] < 10).all()


def test_a_picture_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setattr(nst.images, "MAX_PIXELS", 64 * 64)
    png, jpg = photo(tmp_path / "a.png", (128, 128)), photo(tmp_path / "b.jpg", (128, 128))
    options = ["--style", SHIPPED, "--size", 32, "-o", tmp_path / "out"]
    assert run("stylize", png, jpg, *options) == 1
    said = capsys.readouterr()
    assert "a.png" in said.err and "128 x 128 pixels are more than the 4,096 allowed" in said.err
    assert "--max-pixels 16384 reads it" in said.err
    assert "b.jpg  32 x 32" in said.out
    assert run("stylize", png, *options, "--max-pixels", 128 * 128) == 0
    assert run("sheet", png, "--size", 32, "--max-pixels", 128 * 128, "-o", tmp_path / "s.png") == 0


def test_a_result_too_long_for_its_format_is_said_before_it_is_painted(tmp_path: Path, monkeypatch, capsys):
    never = methods.Painter("fast", lambda content, masks: pytest.fail("it was painted"))
    monkeypatch.setattr(methods, "painter", lambda *_, **__: never)
    Image.new("RGB", (17_000, 16)).save(tmp_path / "long.png")
    assert run("stylize", tmp_path / "long.png", "--style", SHIPPED, "-o", tmp_path / "long.webp") == 1
    assert "long.webp: 17000 x 16 px, but WEBP holds at most 16,383" in capsys.readouterr().err


def test_heic_is_named_where_it_cannot_be_read(tmp_path: Path, monkeypatch, capsys):
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(40)), photo(tmp_path / "b.png")
    monkeypatch.setattr(formats.importlib.util, "find_spec", lambda name, package=None: None)
    assert run("stylize", tmp_path, "--style", SHIPPED, "-o", tmp_path / "out") == 0
    assert "passed over 1 file: 1 .heic (pip install pillow-heif" in capsys.readouterr().err
