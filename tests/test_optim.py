"""The projected L-BFGS against scipy's L-BFGS-B, closed forms, and functions meant to break it."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from nst.optim import inverse_hessian_times, minimize_in_box, remember


def quadratic(n=40, seed=0):
    """1/2 (x - t)' A (x - t) with condition number 1e3 and a target t partly outside the box."""
    g = torch.Generator().manual_seed(seed)
    basis, _ = torch.linalg.qr(torch.randn(n, n, generator=g, dtype=torch.float64))
    matrix = basis @ torch.diag(torch.logspace(0, 3, n, dtype=torch.float64)) @ basis.T
    target = torch.rand(n, generator=g, dtype=torch.float64) * 1.6 - 0.3

    def function(x):
        gradient = matrix @ (x - target)
        return float((x - target) @ gradient) / 2, gradient

    return function, n


def scipys(function, n):
    def f(x):
        loss, gradient = function(torch.from_numpy(x))
        return loss, gradient.numpy()

    found = minimize(
        f,
        np.full(n, 0.5),
        jac=True,
        method="L-BFGS-B",
        bounds=[(0, 1)] * n,
        options={"maxiter": 5000, "maxfun": 5000, "ftol": 1e-15},
    )
    return torch.from_numpy(found.x), found.fun


@pytest.mark.parametrize("seed", range(5))
def test_it_finds_the_minimum_that_scipy_finds(seed):
    function, n = quadratic(seed=seed)
    ours = minimize_in_box(function, torch.full((n,), 0.5, dtype=torch.float64), 3000)
    theirs, lowest = scipys(function, n)
    assert float(ours.min()) >= 0 and float(ours.max()) <= 1
    assert function(ours)[0] <= lowest * (1 + 1e-4)
    assert torch.allclose(ours, theirs, atol=5e-3)


def rosenbrock(x):
    x = x.detach().requires_grad_()
    loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    return float(loss.detach()), torch.autograd.grad(loss, x)[0]


def test_rosenbrocks_valley_ends_in_the_corner_of_the_box():
    found = minimize_in_box(rosenbrock, torch.zeros(6, dtype=torch.float64), 600)
    assert torch.allclose(found, torch.ones(6, dtype=torch.float64), atol=1e-3)


def test_losses_of_accepted_points_only_fall_and_the_budget_is_kept():
    calls = []

    def counted(x):
        calls.append((x.clone(), rosenbrock(x)[0]))
        return rosenbrock(x)

    found = minimize_in_box(counted, torch.full((6,), 0.3), 37)
    assert len(calls) == 37
    assert rosenbrock(found)[0] == min(loss for _, loss in calls)
    assert all(0 <= float(x.min()) and float(x.max()) <= 1 for x, _ in calls)


def test_steps_into_nan_and_infinity_are_taken_back():
    def cliff(x):
        loss, gradient = float((x**2).sum()), 2 * x
        return (float("nan") if float(x.min()) < 0.2 else loss), gradient

    found = minimize_in_box(cliff, torch.full((3,), 0.9), 200)
    assert torch.all(found >= 0.2) and torch.all(found < 0.3)


def test_a_minimum_and_a_flat_function_end_the_search():
    calls = []

    def flat(x):
        calls.append(1)
        return 1.0, torch.zeros_like(x)

    start = torch.full((3,), 0.4)
    assert torch.equal(minimize_in_box(flat, start, 100), start) and len(calls) <= 100
    assert torch.equal(minimize_in_box(flat, torch.full((3,), 7.0), 1), torch.ones(3))  # the start is put into the box


def test_the_two_loop_recursion_equals_the_bfgs_formula():
    generator = torch.Generator().manual_seed(3)
    n, matrix = 6, torch.diag(torch.arange(1.0, 7.0, dtype=torch.float64))
    memory = []
    for _ in range(4):
        step = torch.randn(n, generator=generator, dtype=torch.float64)
        remember(memory, step, matrix @ step)
    step, change, product = memory[-1]
    inverse = torch.eye(n, dtype=torch.float64) * product / (change @ change)
    for s, y, sy in memory:  # Nocedal & Wright, eq. 6.17
        left = torch.eye(n, dtype=torch.float64) - torch.outer(s, y) / sy
        inverse = left @ inverse @ left.T + torch.outer(s, s) / sy
    q = torch.randn(n, generator=generator, dtype=torch.float64)
    assert torch.allclose(inverse_hessian_times(q, memory), inverse @ q)


def test_what_curves_down_is_not_remembered():
    memory = []
    remember(memory, torch.ones(3), -torch.ones(3))
    assert memory == []
