"""Device, seed, profile and progress follow the environment."""

import contextlib
import importlib
import random
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

import nst
from nst.support import runtime


def test_the_device_can_be_chosen(monkeypatch):
    monkeypatch.setenv("NST_DEVICE", "cpu")
    assert nst.device() == torch.device("cpu")
    monkeypatch.delenv("NST_DEVICE")
    expected = torch.accelerator.current_accelerator().type if torch.accelerator.is_available() else "cpu"
    assert nst.device().type == expected


@pytest.mark.parametrize("name", ["gpu", "cuda:99", "abacus", "hpu", "privateuseone", "meta"])
def test_a_device_that_is_not_there_is_named(monkeypatch, name):
    monkeypatch.setenv("NST_DEVICE", name)
    with pytest.raises(ValueError, match=f"NST_DEVICE='{name}'"):
        nst.device()


def test_a_seed_repeats_all_three_generators():
    draws = []
    for _ in range(2):
        nst.seed(7)
        draws.append((random.random(), float(np.random.rand()), float(torch.rand(1))))
    assert draws[0] == draws[1]


def test_random_numbers_go_on_as_if_nothing_had_been():
    def draws():
        return random.random(), float(np.random.rand()), float(torch.rand(1))

    nst.seed(7)
    expected = draws(), draws()
    nst.seed(7)
    first = draws()
    with runtime.random_state_kept():
        nst.seed(8)
        draws()
    assert (first, draws()) == expected


def test_profiles(monkeypatch):
    monkeypatch.delenv("NST_PROFILE", raising=False)
    assert nst.profile().name == "quick"
    for name, expected in (("smoke", 1), ("quick", 2), ("full", 3)):
        monkeypatch.setenv("NST_PROFILE", name)
        assert nst.profile().pick(smoke=1, quick=2, full=3) == expected
    monkeypatch.setenv("NST_PROFILE", "fast")
    with pytest.raises(ValueError, match="NST_PROFILE='fast'"):
        nst.profile()


def test_progress_bars_can_be_switched_off(monkeypatch):
    monkeypatch.setenv("NST_PROGRESS", "0")
    assert runtime.progress(3, "x").disable
    monkeypatch.delenv("NST_PROGRESS")
    assert not runtime.progress(3, "x").disable


def test_a_closed_bar_leaves_nothing_in_the_kernel(monkeypatch, capsys):
    widgets = pytest.importorskip("ipywidgets").widgets.widget
    monkeypatch.setattr("tqdm.auto.tqdm", importlib.import_module("tqdm.notebook").tqdm)
    monkeypatch.delenv("NST_PROGRESS", raising=False)
    before = set(widgets._instances)
    bar = runtime.progress(3, "search")
    assert len(set(widgets._instances) - before) > 3  # a box, two texts, a bar
    bar.update()
    bar.close()
    assert set(widgets._instances) == before


def test_one_thread_may_have_no_progress_bars(monkeypatch):
    monkeypatch.delenv("NST_PROGRESS", raising=False)
    threads, elsewhere = threading.active_count(), []
    with runtime.no_progress():
        with runtime.no_progress():
            assert runtime.progress(3, "test").disable
        assert runtime.progress(3, "test").disable
        other = threading.Thread(target=lambda: elsewhere.append(runtime.progress(3, "test")))
        other.start()
        other.join()
    bars = [*elsewhere, runtime.progress(3, "test")]
    assert not any(bar.disable for bar in bars)
    for bar in bars:
        bar.close()
    assert threading.active_count() == threads  # tqdm's own watcher does not start


def test_importing_nst_imports_nothing_heavy():
    code = "import sys, nst; sys.exit(int(any(m in sys.modules for m in ('torch', 'matplotlib', 'skimage', 'PIL'))))"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


@pytest.mark.parametrize("number", [10**20, -(2**64), 1.5, "3", None, True])
def test_a_seed_that_torch_cannot_take(number):
    with pytest.raises(ValueError, match="^seed=.*: expected a whole number from 0 to"):
        runtime.seed(number)


def test_a_device_that_is_not_here_is_said_in_short(monkeypatch):
    monkeypatch.setenv("NST_DEVICE", "mps" if not torch.backends.mps.is_available() else "xla")
    with pytest.raises(ValueError, match="^NST_DEVICE=.*this torch cannot use it.*expected cpu, cuda") as said:
        runtime.device()
    assert len(str(said.value)) < 250


def test_the_random_numbers_of_any_accelerator_are_kept(monkeypatch: pytest.MonkeyPatch):
    """Apple's and Intel's, too: torch forks CUDA's unless it is told."""
    asked = []

    @contextlib.contextmanager
    def fork_rng(devices=None, device_type="cuda", **options):
        asked.append((list(devices), device_type))
        yield

    monkeypatch.setattr(torch.random, "fork_rng", fork_rng)
    for kind, count in (("mps", 1), ("xpu", 2), ("cuda", 3), (None, 0)):
        monkeypatch.setattr(torch.accelerator, "is_available", lambda kind=kind: kind is not None)
        monkeypatch.setattr(torch.accelerator, "current_accelerator", lambda kind=kind: torch.device(kind))
        monkeypatch.setattr(torch.accelerator, "device_count", lambda count=count: count)
        with runtime.random_state_kept():
            pass
        assert asked.pop() == (list(range(count)), kind or "cuda")


def test_numbers_drawn_on_the_cpu_stay_there_whatever_the_default_device_is():
    """`torch.set_default_device("cuda")` must not ask a generator of the CPU for numbers elsewhere; "meta" stands for it."""
    from nst.teaching.checks import machinery

    wanted = machinery.rand(2, 3), machinery.randn(2, 3)
    with torch.device("meta"):
        drawn = machinery.rand(2, 3), machinery.randn(2, 3)
    assert all(torch.equal(a, b) for a, b in zip(wanted, drawn, strict=True))
