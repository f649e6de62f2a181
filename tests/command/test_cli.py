"""The nst command: what it writes, what it says, how it ends."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from processes import LAYOUTS, torchrun
from safetensors import safe_open

import nst
from nst import assets, methods
from nst.command import cli

SHIPPED = assets.shipped_styles()[0]
NOT_NEEDED = ("torchvision", "skimage", "scipy", "accelerate", "matplotlib", "IPython", "pooch", "av", "ipywidgets", "requests")


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
    (["train", "astronaut", "nowhere", "-o", "net.safetensors"], "nowhere: no such folder"),
    (["train", "astronaut", "a", "-o", "net.pth"], "net.pth: a network's file ends in .safetensors"),
    (["video", "none.mp4", "-o", "out.mp4", "--style", SHIPPED], "none.mp4: no such film"),
    (["paint"], "paint"),
])  # fmt: skip
def test_wrong_use_is_one_line_and_exit_code_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture,
                                              arguments: list, message: str):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    photo(Path("a/x.png")), photo(Path("b/x.png")), Path("nothing").mkdir()
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
@pytest.mark.parametrize(("machines", "each"), LAYOUTS)
def test_torchrun_trains_the_network_of_one_process_with_twice_the_batch(tmp_path: Path, machines: int, each: int):
    """But for the scale of the content loss, which is the variance of each process' own pictures."""
    for k in range(3):
        photo(tmp_path / "photos" / f"{k}.png", (80, 96), k)
    style = photo(tmp_path / "style.png", (80, 80), 9)
    command = ["train", style, tmp_path / "photos", "--steps", 3, "--size", 32, "-o"]
    for name, size in (("one", 2), ("half", 1)):
        assert run(*command, tmp_path / f"{name}.safetensors", "--batch-size", size) == 0
    printed = torchrun(["-m", "nst", *command, tmp_path / "two.safetensors", "--batch-size", 1], machines, each)
    assert [line for line in printed.splitlines() if "3 steps" in line] == printed.splitlines()  # the first process says it, alone
    picture = torch.rand(1, 3, 64, 64)
    nets = [nst.load_style(tmp_path / f"{name}.safetensors") for name in ("one", "two", "half")]
    one, two, half = (net.stylize(picture) for net in nets)
    assert (one - two).norm() < 0.2 * (one - half).norm()


def test_video_counts_its_frames_and_measures_flicker(tmp_path: Path, capsys: pytest.CaptureFixture):
    pytest.importorskip("av", reason="films need PyAV: pip install av")
    from test_video import photograph, write_film

    write_film(tmp_path / "in.mp4", [photograph(48, 64, shift=k) for k in range(30)], sound=True)  # three seconds
    arguments = ["video", tmp_path / "in.mp4", "-o", tmp_path / "out.mp4", "--style", SHIPPED]
    assert run(*arguments, "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["frames"] == 30 and facts["sound"] == 1 and 0 < facts["flicker_with"] < facts["flicker_without"]
    assert len(list(nst.command.video.frames(tmp_path / "out.mp4"))) == 30
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
from nst.command import cli

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
