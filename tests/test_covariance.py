"""nst.covariance against numpy and scipy, and what it does with directions that are not there."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from oracles import Doubles
from scipy.linalg import sqrtm

import nst
from nst.covariance import CUT, Moments, matched, matching_map, mean_and_covariance, power_of, transport


def matrices(*diagonals: list[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Symmetric matrices (B, C, C) with these eigenvalues, and their eigenvectors."""
    basis, _ = torch.linalg.qr(torch.randn(len(diagonals), len(diagonals[0]), len(diagonals[0]), dtype=torch.float64))
    return basis @ torch.diag_embed(torch.tensor(diagonals, dtype=torch.float64)) @ basis.mT, basis


def test_powers_are_scipys():
    covariance, _ = matrices([1.0, 2.0, 5.0], [0.3, 4.0, 4.0])
    for k in range(2):
        root = sqrtm(covariance[k].numpy())
        np.testing.assert_allclose(power_of(covariance, 0.5)[k], root, atol=1e-10)
        np.testing.assert_allclose(power_of(covariance, -0.5)[k], np.linalg.inv(root), atol=1e-10)


def test_small_eigenvalues_are_cut_beside_the_largest_of_their_own_matrix():
    """Just under and just over CUT, in matrices of different scales."""
    for scale in (1e-3, 1.0, 1e6):
        values = [scale, 1.1 * CUT * scale, 0.9 * CUT * scale]
        covariance, basis = matrices(values, [1.0, 1.0, 1.0])
        powers = (basis.mT @ power_of(covariance, -0.5) @ basis).diagonal(dim1=1, dim2=2)
        expected = torch.tensor([[values[0] ** -0.5, values[1] ** -0.5, 0.0], [1.0, 1.0, 1.0]], dtype=torch.float64)
        torch.testing.assert_close(powers, expected, rtol=1e-6, atol=1e-9 * scale**-0.5)


def test_what_is_least_is_cut_as_such():
    covariance, basis = matrices([1.0, 0.02, 0.009])
    powers = (basis.mT @ power_of(covariance, -0.5, least=0.01) @ basis).diagonal(dim1=1, dim2=2)
    torch.testing.assert_close(powers[0], torch.tensor([1.0, 0.02**-0.5, 0.0], dtype=torch.float64), atol=1e-9, rtol=1e-9)
    assert not power_of(torch.zeros(1, 3, 3, dtype=torch.float64), -0.5).any()


def test_statistics_are_in_double_precision_on_the_cpu():
    mean, covariance = mean_and_covariance(torch.rand(2, 3, 4, 5))
    assert mean.dtype == covariance.dtype == torch.float64 and mean.shape == (2, 3, 1) and covariance.shape == (2, 3, 3)


def test_one_position_has_no_covariance():
    mean, covariance = mean_and_covariance(torch.full((1, 3, 1, 1), 0.25))
    assert not covariance.any() and mean.flatten().tolist() == [0.25] * 3
    mask = torch.zeros(1, 1, 2, 2)
    assert torch.isfinite(mean_and_covariance(torch.rand(1, 3, 2, 2), mask)[1]).all()


@pytest.mark.parametrize("scale", [None, 1.0, 1e-3])
def test_moments_of_pieces_are_numpys(scale: float | None, monkeypatch: pytest.MonkeyPatch):
    """Under no mask, or one of any scale; seven positions at a time become float64."""
    monkeypatch.setattr(nst.covariance, "PART", 7)
    monkeypatch.setattr(nst.covariance, "FEW", 0)
    x, moments, doubles = torch.rand(2, 5, 6, 4), Moments(), Doubles()
    mask = None if scale is None else scale * torch.rand(1, 1, 6, 4)

    for rows in (slice(0, 2), slice(2, 6)):
        with doubles:
            moments.add(x[:, :, rows], None if mask is None else mask[:, :, rows])
    assert max(shape[-1] for shape in doubles.shapes if shape) == 7
    w = np.ones(24) if mask is None else mask.flatten().double().numpy()
    for flat, mean, found in zip(x.double().flatten(2).numpy(), *moments.statistics(), strict=True):
        np.testing.assert_allclose(mean[:, 0], np.average(flat, axis=1, weights=w))
        np.testing.assert_allclose(found, np.cov(flat, aweights=w))


@pytest.mark.parametrize("masked", [False, True])
def test_what_is_not_exact_is_right_to_a_millionth_of_the_largest_variance(masked: bool, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(nst.covariance, "FEW", 10)
    monkeypatch.setattr(nst.covariance, "PART", 5000)
    x = 100 + torch.rand(2, 8, 90, 100) * torch.logspace(0, -3, 8).view(1, 8, 1, 1)  # a mean that dwarfs the variances
    mask = torch.rand(1, 1, 90, 100) if masked else None
    exact, quick = mean_and_covariance(x, mask), mean_and_covariance(x, mask, exact=False)
    largest = exact[1].amax((1, 2))
    assert float(((quick[1] - exact[1]).abs().amax((1, 2)) / largest).max()) < 3e-6
    torch.testing.assert_close(quick[0], exact[0], atol=1e-6, rtol=1e-6)
    y = torch.rand(1, 8, 50, 60)
    changes = [nst.covariance.matching_map(exact, mean_and_covariance(y), exact=e)(x) for e in (True, False)]
    assert float((changes[0] - changes[1]).abs().max()) < 2e-2  # float32 of numbers about 100, in directions of a thousandth


@pytest.mark.parametrize("transform", ["transport", "wct"])
@pytest.mark.parametrize("masked", [False, True])
def test_a_map_gives_the_styles_mean_and_covariance_in_double_precision(transform: str, masked: bool, monkeypatch):
    monkeypatch.setattr(nst.covariance, "FEW", 10)  # exact all the same
    monkeypatch.setattr(nst.covariance, "PART", 50)
    x, y = torch.rand(2, 4, 9, 20, dtype=torch.float64) ** 2, torch.rand(1, 4, 11, 13, dtype=torch.float64)
    mask = torch.rand(1, 1, 9, 20, dtype=torch.float64) if masked else None
    made = matched(x, y, mask, transform)
    assert made.dtype == torch.float64 and made.shape == x.shape
    for found, wanted in zip(mean_and_covariance(made, mask), mean_and_covariance(y), strict=True):
        torch.testing.assert_close(found, wanted.expand_as(found), atol=1e-10, rtol=1e-8)


def test_a_small_direction_of_both_sides_is_kept():
    """Its variances are a thousandth of the largest; their product, a millionth, is under CUT, and counts all the same."""
    sizes = torch.tensor([1.0, 0.03], dtype=torch.float64).view(1, 2, 1, 1)
    x, y = (sizes * torch.randn(1, 2, 20, 30, dtype=torch.float64) for _ in range(2))
    for transform in ("transport", "wct"):
        found = mean_and_covariance(matched(x, y, None, transform))[1]
        torch.testing.assert_close(found, mean_and_covariance(y)[1], atol=1e-12, rtol=1e-8)


def test_transport_and_wct_are_two_maps():
    x, y = torch.rand(1, 4, 9, 20, dtype=torch.float64) ** 2, torch.rand(1, 4, 11, 13, dtype=torch.float64)
    assert float((matched(x, y) - matched(x, y, None, "wct")).abs().max()) > 1e-3
    assert torch.equal(matched(x, y), transport(x, y))


def test_transport_is_the_symmetric_map():
    x, y = torch.rand(1, 4, 9, 20, dtype=torch.float64) ** 2, torch.rand(1, 4, 11, 13, dtype=torch.float64)
    (mean, covariance), style = mean_and_covariance(x), mean_and_covariance(y)
    basis = mean + torch.eye(4, dtype=torch.float64)[None]  # (1, 4, 4): the columns of the map, from the mean
    matrix = matching_map((mean, covariance), style)(basis[..., None])[..., 0] - style[0]
    torch.testing.assert_close(matrix, matrix.mT, atol=1e-10, rtol=0)
    assert torch.linalg.eigvalsh(matrix).min() > 0


def test_channels_must_agree():
    with pytest.raises(ValueError, match="^style_features: expected 4 channels, got 5$"):
        transport(torch.rand(1, 4, 6, 7), torch.rand(1, 5, 8, 9))
