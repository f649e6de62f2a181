"""Lesson 10's distances, as they stand in the notebook: data/make/after_gatys.py paints with them, too."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("scipy", reason="needs scipy, as the lesson does")
program = pytest.importorskip("after_gatys", reason="needs the programs of data/make")  # conftest puts them on the path

NAMES = ["Gram", "Gaussian W2", "sliced", "matched places", "neighbours"]


@pytest.fixture(scope="module")
def lesson() -> dict:
    return program.lesson(0)


def clouds(places: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    first, second = (torch.Generator().manual_seed(seed) for seed in (0, 1))
    return torch.randn(6, places, generator=first), torch.rand(6, 60, generator=second)


def test_the_lesson_has_five_recipes(lesson: dict):
    assert list(lesson["RECIPES"]) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_distance_is_nothing_for_a_cloud_in_another_order_and_has_a_gradient_else(lesson: dict, name: str):
    x, y = clouds()
    for distance, _ in lesson["RECIPES"][name][0].values():
        assert abs(float(distance(y[:, torch.randperm(60)], y))) < 1e-4
        x = x.detach().requires_grad_()
        far = distance(x, y)
        (gradient,) = torch.autograd.grad(far, x)
        assert far.item() > 0.05 and torch.isfinite(gradient).all() and gradient.any()


def test_sorting_is_the_best_assignment_on_a_line_and_reads_unequal_numbers_at_equal_ranks(lesson: dict):
    a, b = (np.random.default_rng(seed).normal(size=(3, 50)) for seed in (0, 1))
    apart = lesson["sorted_apart"](torch.from_numpy(a), torch.from_numpy(b))
    assert float(apart) == pytest.approx(float(((np.sort(a) - np.sort(b)) ** 2).mean()))
    whole, half = torch.arange(9.0)[None], torch.arange(0.0, 9.0, 2)[None]  # the same line, measured twice as often
    assert float(lesson["sorted_apart"](whole, half)) == pytest.approx(0)


def test_paint_keeps_the_size_and_lowers_the_distance(lesson: dict):
    content, style = program.square("coffee", 64), program.square("rose_window", 64)
    terms, weight = lesson["RECIPES"]["matched places"]
    made = lesson["paint"](terms, content, style, weight, 8)
    assert made.shape == content.shape and 0 <= float(made.min()) and float(made.max()) <= 1

    def far(picture: torch.Tensor) -> float:
        with torch.no_grad():
            found, wanted = (lesson["encoder"](p, terms) for p in (picture, style))
            return sum(float(d(columns(found[k]), columns(wanted[k]))) for k, (d, columns) in terms.items())

    assert far(made) < 0.9 * far(content)


def test_figures_of_the_untouched_photograph(test_assets):
    networks = program.Teachers(test_assets / "teacher", "zeros")
    content, style = program.square("coffee", 64), program.square("rose_window", 64)
    with torch.no_grad():
        judge = program.Judge(networks, content, style)
        untouched, itself = judge(content), program.Judge(networks, style, style)
    assert untouched["share"] == pytest.approx(1) and untouched["unused"] == pytest.approx(1)
    assert untouched["lost"] == pytest.approx(0, abs=1e-4) and untouched["edges"] == pytest.approx(0, abs=1e-4)
    assert itself.share(itself.wanted) < 1e-3 and itself.unused(itself.wanted) < 1e-4
