"""Make an nbgrader course from the solutions: `make assignment`.

Each notebooks/solutions/NN_*.ipynb becomes source/NN_*/NN_*.ipynb of a course folder, by default build/assignment, with one
point a star. A student who leaves a stub as it is gets no points: in the assignment checks are strict. nbgrader itself is not
needed here; with it (`pip install nbgrader`, in an environment that has `nst`):

    cd build/assignment
    nbgrader generate_assignment 02_gram_matrices    # release/…: what the students get, in source/… the solutions
    nbgrader autograde 02_gram_matrices              # marks submitted/STUDENT/02_gram_matrices/
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parents[1]
CONFIG = '''"""nbgrader's configuration of this course."""

c = get_config()  # noqa: F821
c.CourseDirectory.course_id = "neural_style"
c.ClearSolutions.code_stub = {"python": "# Your code: replace the line that raises NotImplementedError."}
c.ExecutePreprocessor.timeout = 300
'''


def assignment(solutions: Path) -> NotebookNode:
    """The nbgrader source notebook of a solutions notebook."""
    notebook, cells, stub, points = nbformat.read(solutions, as_version=4), [], "", 1
    for cell in notebook.cells:
        tags = cell.metadata.pop("tags", [])
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
        if cell.cell_type == "markdown":
            points = len(re.search(r"^★+", cell.source, flags=re.MULTILINE)[0]) if re.match(r"## \d", cell.source) else points
        if "exercise" in tags:
            stub = cell.source
        elif "solution" in tags and cell.cell_type == "code":
            cell.source = f"{stub}\n\n\n### BEGIN SOLUTION\n{cell.source}\n### END SOLUTION"
            cells.append(marked(cell, solution=True))
        elif "check" in tags:
            cell.source = f"with checks.strict():\n    {cell.source}"
            cells.append(marked(cell, grade=True, locked=True, points=points))
        elif "solution" not in tags:
            cells.append(cell)
    notebook.cells = cells
    return notebook


def marked(cell: NotebookNode, **facts) -> NotebookNode:
    """The cell with nbgrader's metadata."""
    roles = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, "grade_id": cell.id}
    cell.metadata["nbgrader"] = {**roles, **facts}
    return cell


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--course", type=Path, default=NOTEBOOKS.parent / "build" / "assignment", help="the course folder to write")
    options = parser.parse_args(arguments)
    paths = sorted((NOTEBOOKS / "solutions").glob("*.ipynb"))
    for path in paths:
        folder = options.course / "source" / path.stem
        folder.mkdir(parents=True, exist_ok=True)
        nbformat.write(assignment(path), folder / path.name)
    (options.course / "nbgrader_config.py").write_text(CONFIG, encoding="utf-8")
    print(f"{len(paths)} assignments in {options.course}; there, nbgrader generate_assignment {paths[0].stem} makes a release")
    return 0


if __name__ == "__main__":
    sys.exit(main())
