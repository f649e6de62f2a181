"""`make bench` writes its table; what it measures is its own business."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

BENCH = Path(__file__).with_name("benchmarks") / "bench.py"


@pytest.mark.slow
def test_the_table_is_written(tmp_path: Path):
    out = tmp_path / "latest.md"
    command = [sys.executable, BENCH, "--sizes", "32", "--times", "1", "--only", "one_pass", "memory", "--output", out]
    environment = {k: v for k, v in os.environ.items() if k != "NST_TEST_ASSETS"}
    subprocess.run(command, check=True, env=environment, timeout=300)
    text = out.read_text()
    assert re.search(r"^\d{4}-\d\d-\d\d: .+ cores, .+ torch \d", text, re.MULTILINE)  # the machine, before any number
    rows = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
    assert all(len(row) == 4 for row in rows)
    ratios = [row[-1].strip(" |") for row in rows if "beside pytorch/examples" in row[0]]
    assert len(ratios) == 2 and all(float(ratio) > 0 for ratio in ratios)
    (mib,) = (float(row[2].removesuffix(" MiB")) for row in rows if row[0].endswith("fast, width 16"))
    assert 16 < mib < 2000  # 512 px: a map of 16 channels has 16 MiB
