"""The same seed gives the same bytes, in another process, too; another seed gives others."""

from __future__ import annotations

from stress import determinism


def test_the_same_seed_gives_the_same_bytes():
    (first, again), other = (determinism.elsewhere(3, hash_seed) for hash_seed in (1, 2)), determinism.elsewhere(4, 1)
    assert first == again and set(first) == set(determinism.METHODS)
    assert [name for name in first if first[name] == other[name]] == ["training"]  # its seed is in its configuration
