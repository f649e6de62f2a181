"""An installed wheel works far from the clone: its own pictures, its own weights, one stylised photograph."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

import nst

TOP = Path(__file__).resolve().parents[2]
STYLISE = """
import nst
content, style = nst.assets.picture("astronaut", size=64), nst.assets.picture(nst.assets.styles()[0], size=64)
config = nst.GatysConfig.default(evaluations=5)
nst.save_image(nst.gatys.stylize(content, style, config=config, encoder=nst.VGG19.load("lite")), "stylised.png")
print(nst.__file__)
"""


def call(*command: str | Path, cwd: Path) -> str:
    """Run a command without this environment's settings for Python and the course; returns what it prints, fails where it fails."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NST_"))}
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, text=True, capture_output=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def built(folder: Path) -> Path:
    """The project's wheel, made in this folder."""
    call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, TOP, cwd=folder)
    return next(folder.glob("*.whl"))


def installed(wheel: Path, home: Path) -> tuple[Path, dict[str, str]]:
    """A new environment `home` with the wheel and, lent, everything else that is installed here: its Python, and its folders."""
    call(sys.executable, "-m", "venv", "--without-pip", home, cwd=home.parent)
    places = sysconfig.get_paths("venv", vars={"base": str(home), "platbase": str(home), "installed_base": str(home)})
    python = Path(places["scripts"]) / Path(sys.executable).name
    call(sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", wheel, cwd=home.parent)
    # A plain line in a .pth file does not run the .pth files of the folder that it names, so an editable install of nst there stays
    # out of sight.
    (Path(places["purelib"]) / "lent.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    return python, places


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("wheel"))


@pytest.mark.slow
def test_wheel_holds_the_pictures_and_the_weights(wheel: Path):
    names = set(zipfile.ZipFile(wheel).namelist())
    shipped = [path for folder in ("pictures", "weights") for path in (TOP / "data" / folder).rglob("*") if path.is_file()]
    assert {path.suffix for path in shipped} >= {".safetensors", ".json"}
    assert {f"nst/{path.relative_to(TOP).as_posix()}" for path in shipped} <= names
    assert {f"nst/widgets/{name}" for name in ("picture.js", "slider.js", "upload.js", "parts.css")} <= names
    assert [name for name in names if name.startswith(("tests/", "notebooks/", "data/", "nst/data/make"))] == []


@pytest.mark.slow
def test_wheel_stylises_outside_the_clone(wheel: Path, tmp_path: Path):
    home = tmp_path / "venv"
    python, places = installed(wheel, home)
    printed = call(python, "-c", STYLISE, cwd=tmp_path)
    assert Path(printed.strip()).is_relative_to(home)
    assert (tmp_path / "stylised.png").stat().st_size > 1000
    command = Path(places["scripts"]) / ("nst.exe" if sys.platform == "win32" else "nst")
    call(command, "stylize", "stylised.png", "--style", nst.assets.shipped_styles()[0], "-o", "painted.png", cwd=tmp_path)
    assert (tmp_path / "painted.png").stat().st_size > 1000
