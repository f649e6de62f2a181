"""Lesson 03's method in forty lines: the cells tagged `forty` run alone, in an empty kernel, and paint."""

from __future__ import annotations

import importlib.util
import json
import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

LESSON = Path(__file__).resolve().parents[2] / "notebooks" / "03_gatys_optimisation.ipynb"
ASKED = """import json
print(json.dumps({"style": trace["style"], "content": trace["content"], "shape": list(picture.shape), "photo": list(photo.shape),
                  "least": picture.min().item(), "most": picture.max().item(), "moved": (picture - photo).abs().mean().item(),
                  "learns": sum(p.requires_grad for p in vgg.parameters())}))"""


def forty() -> list[str]:
    cells = nbformat.read(LESSON, as_version=4).cells
    return [cell.source for cell in cells if "forty" in cell.metadata.get("tags", [])]


def test_they_are_about_forty_lines_in_four_to_six_short_cells():
    lines = [[line for line in source.splitlines() if line.strip()] for source in forty()]
    assert 4 <= len(lines) <= 6 and max(map(len, lines)) <= 18 and 35 <= sum(map(len, lines)) <= 60


def test_the_method_itself_is_in_them_and_not_in_the_library():
    source = "\n".join(forty())
    assert not any(word in source for word in ("gatys", "losses.", "nst.gram", "stylize", "optim.minimize"))


@pytest.fixture(scope="module")
def painted() -> dict:
    """What a kernel holds that has run these cells and nothing else."""
    spec = importlib.util.spec_from_file_location("run", LESSON.parent / "run.py")
    run = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(run)
    notebook = new_notebook(cells=[new_code_cell(source) for source in [*forty(), ASKED]])
    environment = {**os.environ, "NST_PROFILE": "smoke", "NST_PROGRESS": "0"}
    where = {"metadata": {"path": str(LESSON.parent)}}
    NotebookClient(notebook, timeout=300, resources=where, kernel_manager_class=run.ThisPython).execute(env=environment)
    shown = [o for cell in notebook.cells for o in cell.outputs if o.output_type == "display_data"]
    (told,) = [o.text for o in notebook.cells[-1].outputs if o.output_type == "stream" and o.name == "stdout"]
    return json.loads(told) | {"shown": shown}


def test_they_paint(painted: dict):
    assert painted["style"][-1] < 0.5 * painted["style"][0] and painted["shape"] == painted["photo"]
    assert 0 <= painted["least"] < painted["most"] <= 1 and painted["moved"] > 0.02
    assert painted["content"][0] == pytest.approx(0, abs=1e-5) and 0 < painted["content"][-1] < 1
    assert painted["learns"] == 0  # the picture is the only parameter


def test_they_show_one_picture(painted: dict):
    assert len(painted["shown"]) == 1 and "image/jpeg" in painted["shown"][0].data
