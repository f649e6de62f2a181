"""Make the students' notebooks from the solutions: `make exercises`.

notebooks/solutions/NN_*.ipynb is the source. A cell tagged `solution` is left out of notebooks/exercises/NN_*.ipynb, and so are all
outputs; a cell tagged `exercise` is the stub that the student fills in, and the cell tagged `check` calls its check.

    python notebooks/make/exercises.py            write the exercises
    python notebooks/make/exercises.py --check    write nothing; exit 1 where a file is not what it would be
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import nbformat
from nbconvert.preprocessors import ClearOutputPreprocessor, TagRemovePreprocessor

NOTEBOOKS = Path(__file__).resolve().parents[1]


def student_version(solutions: Path) -> str:
    """The text of the exercise notebook that belongs to a solutions notebook."""
    notebook = nbformat.read(solutions, as_version=4)
    for step in (TagRemovePreprocessor(remove_cell_tags={"solution"}, enabled=True), ClearOutputPreprocessor(enabled=True)):
        notebook, _ = step.preprocess(notebook, {})
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
    return nbformat.writes(notebook) + "\n"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, exit 1 where a file differs")
    parser.add_argument("--folder", type=Path, default=NOTEBOOKS, help="the folder that holds solutions/ and exercises/")
    options = parser.parse_args(arguments)
    wanted = {path.name: student_version(path) for path in sorted(options.folder.glob("solutions/*.ipynb"))}
    exercises = options.folder / "exercises"
    present = {path.name: path.read_text(encoding="utf-8") for path in exercises.glob("*.ipynb")}
    stale = sorted(name for name in {*wanted, *present} if wanted.get(name) != present.get(name))
    if options.check:
        print("\n".join(f"exercises/{name} is not what the solutions give: make exercises" for name in stale) or "up to date")
        return int(bool(stale))
    exercises.mkdir(exist_ok=True)
    for name in stale:
        path = exercises / name
        path.write_text(wanted[name], encoding="utf-8", newline="\n") if name in wanted else path.unlink()
    print(f"{len(wanted)} exercise notebooks, {len(stale)} changed")
    return 0


if __name__ == "__main__":
    sys.exit(main())
