"""The same seed gives the same bytes, in another process, too; another seed gives others."""

from __future__ import annotations

import pytest
from stress import determinism

from nst.support import runtime


def test_the_same_seed_gives_the_same_bytes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("NST_DEVICE", "cpu")
    first, again = determinism.elsewhere(3, 1), determinism.elsewhere(3, 2)
    with runtime.random_state_kept():
        other = determinism.digests(4)
    assert first == again and set(first) == set(determinism.METHODS)
    assert [name for name in first if first[name] == other[name]] == ["training"]  # its seed is in its configuration
