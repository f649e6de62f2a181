"""Lessons that open on a hosted machine, such as Colab: a link, and a first cell that fetches the course.

    python notebooks/make/hosted.py                  writes both into every lesson, and takes them out while there is no address
    python notebooks/make/hosted.py --check          writes nothing; exit 1 where a lesson is not what it would be
    python notebooks/make/hosted.py --install        on the hosted machine, from the first cell: installs what is missing there

The address is `Repository` of [project.urls] in pyproject.toml, the release that is fetched its `version`. In a clone of the course
the cell does nothing.
"""

from __future__ import annotations

import argparse
import os
import string
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import nbformat
from address import PROJECT, TOP, colab, repository, tag
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell
from packaging.requirements import Requirement

NOTEBOOKS = Path(__file__).resolve().parents[1]
EXTRAS = ("notebooks", "train")
TAG = "hosted"  # of the cells that this program writes

# string.Template, since code has braces.
CELL = string.Template('''# On a hosted machine: fetch the course, as it was at this release, and install what is missing.
import importlib.util
import os
import subprocess
import sys

if importlib.util.find_spec("nst") is None and not os.path.isdir("../nst"):
    if not os.path.isdir("neural-style-course"):
        subprocess.run(["git", "clone", "--quiet", "--depth=1", "--branch=$tag",
                        "$address",
                        "neural-style-course"], check=True)
    os.chdir("neural-style-course/notebooks")
    subprocess.run([sys.executable, "make/hosted.py", "--install"], check=True)''')


def cells(name: str, address: str) -> list[NotebookNode]:
    """The cells of a lesson, such as 05_training_it.ipynb: the link, where Colab can open it, and the code. No address: none."""
    if not address:
        return []
    metadata = {"tags": [TAG], "slideshow": {"slide_type": "skip"}}
    link = colab(address, f"notebooks/{name}")
    made = [new_markdown_cell(f"[Open this lesson in Colab]({link})", id=f"{TAG}-link", metadata=metadata)] if link else []
    code = CELL.substitute(tag=tag(), address=address)
    return [*made, new_code_cell(code, id=f"{TAG}-code", metadata=metadata)]


def prepared(notebook: NotebookNode, name: str, address: str) -> NotebookNode:
    """The lesson with these cells below its title, in place of those that it had."""
    first, *others = [cell for cell in notebook.cells if TAG not in cell.metadata.get("tags", [])]
    notebook.cells = [first, *cells(name, address), *others]
    return notebook


def missing(requirements: list[str]) -> list[str]:
    """Those of the requirements that are not installed here, or too old."""
    return [text for text in requirements if not _satisfied(Requirement(text))]


def _satisfied(requirement: Requirement) -> bool:
    try:
        return requirement.specifier.contains(metadata.version(requirement.name), prereleases=True)
    except metadata.PackageNotFoundError:
        return False


def install() -> None:
    """Install what is missing, and say what the machine computes on. CalledProcessError: pip could not."""
    wanted = PROJECT["dependencies"] + [line for extra in EXTRAS for line in PROJECT["optional-dependencies"][extra]]
    if lacking := missing(wanted):
        print("installing", ", ".join(Requirement(text).name for text in lacking), flush=True)
        subprocess.run([sys.executable, "-m", "pip", "install", "--quiet", *lacking], check=True)
    print(runtime())


def runtime() -> str:
    """A line on the machine: its GPU, or what to do for one."""
    sys.path.insert(0, str(TOP))
    import torch

    import nst

    device = nst.device()
    if device.type == "cuda":
        return f"ready: a GPU, {torch.cuda.get_device_name(device)}; NST_PROFILE=full computes at the papers' sizes"
    if device.type != "cpu":
        return f"ready: {device}"
    return f"ready: {os.cpu_count()} CPU cores, about a minute a lesson; in Colab, Runtime, Change runtime type has a GPU"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 where a lesson differs")
    parser.add_argument("--install", action="store_true", help="install what is missing here")
    parser.add_argument("--address", default=repository(), help="the repository's address; default: pyproject.toml's")
    parser.add_argument("--folder", type=Path, default=NOTEBOOKS, help="where the lessons are")
    options = parser.parse_args(arguments)
    if options.install:
        install()
        return 0
    stale = []
    for path in sorted(options.folder.glob("[0-9][0-9]_*.ipynb")):
        text = path.read_text(encoding="utf-8")
        wanted = nbformat.writes(prepared(nbformat.reads(text, as_version=4), path.name, options.address)) + "\n"
        if wanted != text:
            stale.append(path.name)
            if not options.check:
                path.write_text(wanted, encoding="utf-8", newline="\n")
    print("\n".join(f"{name} {'is not what it would be' if options.check else 'written'}" for name in stale) or "up to date")
    return int(options.check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
