"""Threads that wait leave their core to others, unless the user wants it otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from nst.support import waiting

# A piece of work for all threads, then a rest: whoever waits by turning in a loop uses a processor in it.
WORK = """
import time
{imports}
import torch
torch.set_num_threads(2)
a, parts = torch.rand(2**20), [0.0]
for i in range(40):
    a.mul_(1.0001)
    began, used = time.perf_counter(), time.process_time()
    time.sleep(0.02)
    parts.append(time.process_time() - used)
print(sum(parts))
"""


def run(code: str, **environment: str) -> str:
    quiet = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run([sys.executable, "-c", code], env=quiet | environment, check=True, capture_output=True, text=True)
    return done.stdout.strip()


@pytest.mark.parametrize(
    ("before", "environment", "expected"),
    [
        ("", {}, "1000"),
        ("", {"GOMP_SPINCOUNT": "7"}, "7"),
        ("", {"OMP_WAIT_POLICY": "active"}, "None"),
        ("import torch", {}, "None"),  # too late: torch has read it
    ],
)
def test_it_is_asked_for_once_and_the_user_has_the_last_word(before: str, environment: dict[str, str], expected: str):
    assert run(f"{before}\nimport nst, os\nprint(os.environ.get('GOMP_SPINCOUNT'))", **environment) == expected


def test_the_policy_in_words(monkeypatch: pytest.MonkeyPatch):
    for name in waiting.VARIABLES:
        monkeypatch.delenv(name, raising=False)
    assert waiting.policy() == "as the system has it"
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setenv("GOMP_SPINCOUNT", "5")
    assert waiting.policy() == "GOMP_SPINCOUNT=5, OMP_WAIT_POLICY=passive"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="GNU's OpenMP is what torch uses on Linux")
def test_waiting_threads_use_little_of_the_processor():
    spinning = float(run(WORK.format(imports=""), GOMP_SPINCOUNT="10000000000"))
    resting = float(run(WORK.format(imports="import nst")))
    assert spinning > 0.1 and resting < 0.1 * spinning  # of 0.8 s of rest, on a busy machine less
