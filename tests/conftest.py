"""What all tests share. pytest loads this file for `pytest tests notebooks`, too: it adds up each notebook's seconds."""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import torch
from hypothesis import settings

TOP = Path(__file__).parents[1]
sys.path[:0] = [str(TOP / "data" / "make"), str(TOP / "notebooks" / "make")]  # the programs there are tested, too

# The same examples on every run, and no deadline: a machine under load is not a wrong answer.
settings.register_profile("course", deadline=None, derandomize=True)
settings.load_profile("course")


@pytest.fixture(autouse=True)
def same_random_numbers() -> None:
    """Each test starts from the same random state, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def test_assets() -> Path:
    """The development assets: real VGG-19 weights, photographs and paintings that the project may not ship."""
    folder = os.environ.get("NST_TEST_ASSETS")
    if not folder:
        pytest.skip("needs the development assets: set NST_TEST_ASSETS to their folder")
    if not (Path(folder) / "teacher").is_dir():
        pytest.fail(f"NST_TEST_ASSETS={folder}: there is no folder teacher in it")
    return Path(folder)


@pytest.fixture
def classics_cache(test_assets: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The download cache, filled with the classics: the code that downloads runs without a network."""
    monkeypatch.setenv("NST_CACHE", str(test_assets / "cache"))
    return test_assets / "cache"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`-m "not assets"` leaves out what needs the assets; nobody marks it by hand. The browser's tests, which wait, come first."""
    items.sort(key=lambda item: "test_browser" not in item.nodeid)
    for item in items:
        if "test_assets" in getattr(item, "fixturenames", ()):
            item.add_marker("assets")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Seconds per notebook: nbval makes every cell a test of its own, and only the sum means something to a reader."""
    seconds: dict[str, float] = defaultdict(float)
    for reports in terminalreporter.stats.values():
        for report in reports:
            notebook, dot, _ = getattr(report, "nodeid", "").partition(".ipynb::")
            if dot:
                seconds[notebook] += getattr(report, "duration", 0.0)
    if seconds:
        terminalreporter.section("notebook seconds")
        for notebook, total in sorted(seconds.items()):
            terminalreporter.line(f"{total:8.1f} s  {notebook}")
        terminalreporter.line(f"{sum(seconds.values()):8.1f} s  in all")
