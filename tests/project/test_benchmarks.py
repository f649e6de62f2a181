"""`make bench` writes its table; what it measures is its own business."""

from __future__ import annotations

import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).parents[1] / "benchmarks" / "bench.py"


def bench(*arguments: object) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "NST_TEST_ASSETS"}
    command = [sys.executable, BENCH, *map(str, arguments)]
    return subprocess.run(command, check=True, env=environment, stdout=subprocess.PIPE, text=True, timeout=900).stdout


@pytest.mark.slow
def test_the_table_is_written(tmp_path: Path):
    bench("--sizes", 32, "--times", 1, "--only", "one_pass", "--output", tmp_path / "latest.md")
    text = (tmp_path / "latest.md").read_text()
    assert re.search(r"^\d{4}-\d\d-\d\d: .+ cores, .+ torch \d", text, re.MULTILINE)  # the machine, before any number
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert all(len(row) == 4 for row in rows)
    ratios = [row[-1].strip(" |") for row in rows if "beside pytorch/examples" in row[0]]
    assert len(ratios) == 2 and all(float(ratio) > 0 for ratio in ratios)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measures a process' memory as Linux does")
def test_memory_is_that_of_the_process_alone():
    """A child begins with its parent's peak in its `ru_maxrss`; /proc's figure is its own."""
    ballast = bytearray(2**29)
    ballast[:: 2**12] = b"1" * len(ballast[:: 2**12])
    found = json.loads(bench("--one", "fast, width 16", "--sizes", 512))
    assert 30 < found["mib"] < 500 and found["seconds"] > 0  # a map of 16 channels has 16 MiB, and a pass holds some


def test_the_history_has_one_row_for_a_version_and_a_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(str(BENCH.parent))
    module = importlib.import_module("bench")
    file = tmp_path / "history.md"
    for day, seconds, ratio in (("2020-01-01", "1.00 s", "0.3"), ("2020-01-02", "2.00 s", "0.2"), ("2020-01-02", "3.00 s", "0.1")):
        lines = [f"{day}: A Processor, 2 cores", "| seconds and peak memory, 512 px: wct | " + seconds + " | 5 MiB |  |",
                 f"| L-BFGS, 60 evaluations, beside scipy's | 4 s | 8 s | {ratio} |"]  # fmt: skip
        module.remember(lines, file)
    rows = [line.strip("| ").split(" | ") for line in file.read_text().splitlines() if line.startswith("| ")]
    heads = rows[0]
    assert [row[1] for row in rows[1:]] == ["2020-01-01", "2020-01-02"] and all(len(row) <= len(heads) for row in rows)
    last = file.read_text().splitlines()[-1].split("|")
    assert last[heads.index("WCT, 512 px") + 1].strip() == "3.00 s" and last[heads.index("L-BFGS / scipy") + 1].strip() == "0.1"
    assert file.read_text().count("# How") == 1 and file.read_text().count("\n|---") == 1
