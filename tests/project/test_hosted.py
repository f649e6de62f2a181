"""notebooks/make/hosted.py: what a lesson does on a hosted machine, played with a repository in a folder and no network."""

from __future__ import annotations

import shutil
import site
import subprocess
import sys
from pathlib import Path

import address
import hosted
import nbformat
import pytest

TOP = Path(__file__).resolve().parents[2]
LESSONS = sorted((TOP / "notebooks").glob("[0-9][0-9]_*.ipynb"))
GITHUB = "https://github.com/somebody/neural-style"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """A repository with what the first cell needs, at the release's tag; what was committed later is not of the release."""
    if not shutil.which("git"):
        pytest.skip("no git here")
    folder = tmp_path / "published"
    (folder / "notebooks" / "make").mkdir(parents=True)
    shutil.copytree(TOP / "nst", folder / "nst", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(TOP / "pyproject.toml", folder)
    for name in ("hosted.py", "address.py"):
        shutil.copy(TOP / "notebooks" / "make" / name, folder / "notebooks" / "make")
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "release"], ["tag", address.tag()],
                    ["rm", "-qr", "nst"], ["commit", "-qm", "later"]):  # fmt: skip
        subprocess.run([*git, *command], check=True, capture_output=True)
    return folder


def run_alone(code: str, folder: Path) -> subprocess.CompletedProcess:
    """Code in a folder, in this Python with its packages, but without the course, even if that is installed."""
    packages = [*site.getsitepackages(), site.getusersitepackages()]
    start = f"import sys; sys.path = [p for p in sys.path if p != {str(TOP)!r}] + {packages!r}\n"  # -S: no .pth file is read
    return subprocess.run([sys.executable, "-I", "-S", "-c", start + code], cwd=folder, capture_output=True, text=True)


def codes(path: Path, where: str) -> list[str]:
    """The code of a lesson's first two cells, once it has been prepared: fetch the course, and find it."""
    notebook = hosted.prepared(nbformat.read(path, as_version=4), path.name, where)
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"][:2]


def test_the_first_cell_fetches_the_release_and_the_next_one_finds_it(published: Path, tmp_path: Path):
    (tmp_path / "hosted").mkdir()
    fetch, find = codes(LESSONS[0], published.as_uri())
    done = run_alone(f"{fetch}\n{find}\nimport nst; print(nst.__file__)", tmp_path / "hosted")
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.split()[-1]).resolve() == tmp_path.resolve() / "hosted" / "neural-style-course" / "nst" / "__init__.py"
    assert "ready: " in done.stdout and "installing" not in done.stdout  # the tests' environment lacks nothing
    (tmp_path / "hosted" / "neural-style-course" / "notebooks" / "make" / "hosted.py").write_text("print('ready: again')")
    again = run_alone(f"{fetch}\n{find}\nimport nst", tmp_path / "hosted")  # as after a restart of the kernel: nothing is fetched
    assert (again.returncode, again.stdout) == (0, "ready: again\n"), again.stderr


def test_in_a_clone_the_first_cell_does_nothing(tmp_path: Path):
    (tmp_path / "nst").mkdir()
    (tmp_path / "notebooks").mkdir()
    fetch, _ = codes(LESSONS[0], "https://no.such.host/course")
    done = run_alone(fetch, tmp_path / "notebooks")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [*(tmp_path / "notebooks").iterdir()] == []


def test_a_release_that_is_not_there_stops_with_gits_words(published: Path, tmp_path: Path):
    (tmp_path / "hosted").mkdir()
    fetch, _ = codes(LESSONS[0], published.as_uri())
    done = run_alone(fetch.replace(address.tag(), "v99"), tmp_path / "hosted")
    assert done.returncode != 0 and "v99" in done.stderr


def test_what_is_missing_or_too_old_is_installed_and_nothing_else():
    assert hosted.missing(["pytest", "pytest>=9999", "no-such-package-here>=1", "nbformat>=1"]) == [
        "pytest>=9999", "no-such-package-here>=1"]  # fmt: skip


def test_a_lesson_gets_its_link_and_cell_once_and_loses_them_without_an_address(tmp_path: Path):
    shutil.copy(LESSONS[5], tmp_path)
    path = tmp_path / LESSONS[5].name
    before = path.read_bytes()
    assert hosted.main(["--folder", str(tmp_path), "--address", GITHUB]) == 0
    written = path.read_bytes()
    title, link, code, *_ = nbformat.read(path, as_version=4).cells
    assert title.source.startswith("# 05") and code.cell_type == "code" and GITHUB in code.source
    assert f"/somebody/neural-style/blob/{address.tag()}/notebooks/{path.name})" in link.source
    assert max(map(len, code.source.splitlines())) <= 96
    assert hosted.main(["--folder", str(tmp_path), "--address", GITHUB]) == 0 and path.read_bytes() == written
    assert hosted.main(["--folder", str(tmp_path), "--address", "", "--check"]) == 1 and path.read_bytes() == written
    assert hosted.main(["--folder", str(tmp_path), "--address", ""]) == 0 and path.read_bytes() == before


def test_colab_opens_what_github_has_and_nothing_else():
    assert address.colab(f"{GITHUB}.git", "notebooks/a.ipynb") == address.colab(GITHUB, "notebooks/a.ipynb")
    assert address.colab("https://example.org/a/b", "notebooks/a.ipynb") == address.colab("", "notebooks/a.ipynb") == ""
    assert [cell.cell_type for cell in hosted.cells("a.ipynb", "https://example.org/a/b")] == ["code"]


def test_the_lessons_are_as_the_address_in_pyproject_asks():
    assert hosted.main(["--check"]) == 0
