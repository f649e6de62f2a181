"""nst.support.interrupts: signals wait until the work is put away; and so says each place that uses them."""

from __future__ import annotations

import signal
import threading
from pathlib import Path

import pytest
import torch

import nst
from nst import gatys
from nst.command import cli
from nst.support import interrupts


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch):
    """The signals that come through, in place of what they would do to the tests."""
    found = []
    before = {number: signal.signal(number, lambda number, frame: found.append(number)) for number in interrupts.SIGNALS}
    yield found
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_a_held_signal_comes_through_at_the_end(heard: list[int], number: int):
    with interrupts.held() as asked:
        assert asked == []
        signal.raise_signal(number)
        assert asked == [number] and heard == []
    assert heard == [number]
    signal.raise_signal(number)
    assert heard == [number] * 2  # the handlers of before are back


def test_the_second_signal_does_not_wait(heard: list[int]):
    with interrupts.held() as asked:
        signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
        assert asked == [signal.SIGTERM, signal.SIGINT] and heard == [signal.SIGINT]


def test_nothing_is_held_where_no_signal_came_or_an_error_did(heard: list[int]):
    with interrupts.held():
        pass
    with pytest.raises(RuntimeError), interrupts.held():
        signal.raise_signal(signal.SIGINT)
        raise RuntimeError
    assert heard == []


@pytest.mark.parametrize("holding", [interrupts.held, interrupts.raised])
def test_what_is_ignored_stays_ignored(heard: list[int], holding):
    """As in a program that a shell has started in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with holding() as asked:
        signal.raise_signal(signal.SIGINT)
        assert asked == [] and signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_other_threads_hold_nothing(heard: list[int]):
    found = []

    def elsewhere():
        with interrupts.held() as asked:
            found.append(asked)

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [[]]


def test_sigterm_interrupts_like_ctrl_c(heard: list[int]):
    with interrupts.raised() as asked:
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        assert asked == [signal.SIGTERM] and heard == []


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_a_search_that_is_asked_to_leave_writes_its_best_picture(tmp_path: Path, number: int, monkeypatch, capsys):
    """Of two photographs: the first is written as far as it is, the second is not begun."""
    seen, real = [], gatys.minimize_in_box

    def search(function, start, evaluations, history):
        def asked(picture):
            found = function(picture)
            seen.append((found[0], picture))
            if len(seen) == 4:
                signal.raise_signal(number)
            return found

        return real(asked, start, evaluations, history)

    monkeypatch.setattr(gatys, "minimize_in_box", search)
    for name in "ab":
        nst.save_image(torch.rand(1, 3, 40, 40), tmp_path / f"{name}.png")
    code = cli.main(["stylize", str(tmp_path / "a.png"), str(tmp_path / "b.png"), "--style", "cut_paper", "--method", "gatys",
                     "--evaluations", "50", "-o", str(tmp_path / "painted")])  # fmt: skip
    assert code == 130 and len(seen) == 4 and capsys.readouterr().err.endswith("nst: stopped\n")
    assert [path.name for path in (tmp_path / "painted").iterdir()] == ["a.png"]
    best = min(seen, key=lambda pair: pair[0])[1]
    assert torch.allclose(nst.load_image(tmp_path / "painted" / "a.png"), best.cpu(), atol=0.51 / 255)
