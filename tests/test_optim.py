"""The projected L-BFGS against scipy's L-BFGS-B, closed forms, and functions meant to break it."""

from collections import deque

import numpy as np
import pytest
import torch
from scipy.optimize import minimize

import nst
from nst import optim
from nst.optim import FIRST_STEP, OPPONENTS, TRUST, Bands, _direction, inverse_hessian_times, minimize_in_box, remember


def at_most(calls, function):
    """The same function, but one call more is an error: a search that keeps its budget ends, too."""
    left = iter(range(calls))

    def counted(x):
        assert next(left, None) is not None, f"more than {calls} calls"
        return function(x)

    return counted


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
    ours = minimize_in_box(at_most(3000, function), torch.full((n,), 0.5, dtype=torch.float64), 3000)
    theirs, lowest = scipys(function, n)
    assert float(ours.min()) >= 0 and float(ours.max()) <= 1
    assert function(ours)[0] <= lowest * (1 + 1e-4)
    assert torch.allclose(ours, theirs, atol=5e-3)


def rosenbrock(x):
    x = x.detach().requires_grad_()
    loss = (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()
    return float(loss.detach()), torch.autograd.grad(loss, x)[0]


def test_rosenbrocks_valley_ends_in_the_corner_of_the_box():
    found = minimize_in_box(at_most(600, rosenbrock), torch.zeros(6, dtype=torch.float64), 600)
    assert torch.allclose(found, torch.ones(6, dtype=torch.float64), atol=1e-3)


def test_losses_of_accepted_points_only_fall_and_the_budget_is_kept():
    calls = []

    def counted(x):
        calls.append((x.clone(), rosenbrock(x)[0]))
        return rosenbrock(x)

    found = minimize_in_box(at_most(37, counted), torch.full((6,), 0.3), 37)
    assert len(calls) == 37
    assert rosenbrock(found)[0] == min(loss for _, loss in calls)
    assert all(0 <= float(x.min()) and float(x.max()) <= 1 for x, _ in calls)


def test_steps_into_nan_and_infinity_are_taken_back():
    def cliff(x):
        loss, gradient = float((x**2).sum()), 2 * x
        return (float("nan") if float(x.min()) < 0.2 else loss), gradient

    found = minimize_in_box(at_most(200, cliff), torch.full((3,), 0.9), 200)
    assert torch.all(found >= 0.2) and torch.all(found < 0.3)


def test_a_minimum_and_a_flat_function_end_the_search():
    calls = []

    def flat(x):
        calls.append(1)
        return 1.0, torch.zeros_like(x)

    start = torch.full((3,), 0.4)
    assert torch.equal(minimize_in_box(at_most(100, flat), start, 100), start) and len(calls) == 1
    assert torch.equal(minimize_in_box(flat, torch.full((3,), 7.0), 1), torch.ones(3))  # the start is put into the box
    assert torch.equal(minimize_in_box(flat, torch.full((3,), -7.0), 1), torch.zeros(3))


def test_it_stops_at_the_minimum_and_in_the_corner():
    def counted(function):
        calls, at_most_500 = [], at_most(500, function)
        found = minimize_in_box(lambda x: (calls.append(1), at_most_500(x))[1], torch.tensor([0.3, 0.6, 0.9]), 500)
        return found, len(calls)

    found, calls = counted(lambda x: (float(-x.sum()), -torch.ones_like(x)))  # the minimum is a corner of the box
    assert torch.equal(found, torch.ones(3)) and calls < 20
    found, calls = counted(lambda x: (float((x - 0.5).square().sum()), 2 * (x - 0.5)))
    assert torch.allclose(found, torch.full((3,), 0.5)) and calls < 20


@pytest.mark.parametrize("scale", [1e-6, 1e8, 1e12])
def test_the_scale_of_the_function_does_not_matter(scale):
    """Pairs of a large curvature used to be forgotten, and L-BFGS became steepest descent."""
    function, n = quadratic()
    start = torch.full((n,), 0.5, dtype=torch.float64)
    plain, scaled = (minimize_in_box(lambda x, s=s: tuple(s * v for v in function(x)), start, 60) for s in (1.0, scale))
    assert function(scaled)[0] == pytest.approx(function(plain)[0], rel=1e-3)


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
    assert not remember(memory, torch.ones(3), -torch.ones(3)) and memory == []
    assert not remember(memory, torch.zeros(3), torch.zeros(3)) and memory == []
    assert remember(memory, torch.ones(3), torch.ones(3)) and len(memory) == 1


@pytest.mark.parametrize("s", [1e-6, 1.0, 1e6])
@pytest.mark.parametrize("y", [1e-6, 1.0, 1e6])
def test_what_is_remembered_is_a_matter_of_the_angle_alone(s, y):
    step, change = torch.tensor([s, 0.0], dtype=torch.float64), torch.tensor([[1e-7, 1.0], [1e-9, 1.0]], dtype=torch.float64) * y
    assert [remember([], step, c) for c in change] == [True, False]


def test_no_more_steps_are_remembered_than_asked_for(monkeypatch):
    """Neither as pairs nor by the bands, which learn from the very same."""
    function, start = textures(0, size=16)
    seen = []

    def noted(q, memory, before):
        seen.append((len(memory), len(before.pairs)))
        return inverse_hessian_times(q, memory, before)

    monkeypatch.setattr(optim, "inverse_hessian_times", noted)
    for history, options in ((20, {}), (3, {"history": 3})):
        seen.clear()
        minimize_in_box(function, start, 40, **options)
        assert max(seen) == (history, history) and all(a == b for a, b in seen)


# --- pictures: one scale per colour and octave --------------------------------------------------------------------------------


def picture(seed, *size, dtype=torch.float64):
    return torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def octave(height, width):
    """Of each frequency of numpy's full transform: below a cycle, 1, 2 … 3, 4 … 7, … cycles per shorter side."""
    cycles = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)[None]) * min(height, width)
    return np.array([[sum(c >= 2**k for k in range(int(np.log2(min(height, width))))) for c in row] for row in cycles])


def by_band(v, scales):
    """sum over bands of scale times projection, with numpy's full complex transform."""
    height, width = v.shape[-2:]
    colours = np.array(OPPONENTS) / np.linalg.norm(OPPONENTS, axis=1, keepdims=True)
    spectrum = np.fft.fft2(np.einsum("dc,chw->dhw", colours, v[0].numpy())) * scales.numpy()[:, octave(height, width)]
    return torch.from_numpy(np.einsum("dc,dhw->chw", colours, np.fft.ifft2(spectrum).real))[None]


@pytest.mark.parametrize("size", [(6, 8), (5, 7), (8, 5), (1, 4), (1, 1)])
def test_the_matrix_of_bands_is_symmetric_positive_definite_and_the_formula(size):
    bands = Bands(picture(0, *size), history=5)
    for seed in range(3):
        step, change = picture(seed, *size) - 0.5, picture(seed + 9, *size) - 0.5
        bands.learn(step, change, (step * change).sum().abs())
    n = 3 * size[0] * size[1]
    units = torch.eye(n, dtype=torch.float64).reshape(n, 1, 3, *size)
    matrix = torch.stack([bands(unit).flatten() for unit in units])
    assert torch.allclose(matrix, matrix.T, atol=1e-12) and float(torch.linalg.eigvalsh(matrix).min()) > 0
    by_hand = torch.stack([by_band(unit, bands.scales()).flatten() for unit in units])
    assert torch.allclose(matrix, by_hand, atol=1e-10)
    v = picture(4, *size)
    assert torch.allclose(bands.energies(v).sum(), v.square().sum())  # Parseval: the bands are all there is


def test_bands_learn_the_curvature_and_its_scale():
    size = (12, 16)
    curvature = torch.logspace(-1, 1, 12, dtype=torch.float64).reshape(3, 4)
    bands = Bands(picture(0, *size), history=100)
    assert torch.equal(bands.scales(), torch.ones(3, 4, dtype=torch.float64))
    left = right = 0.0
    pairs = [(s := picture(seed, *size) - 0.5, by_band(s, curvature)) for seed in range(20)]
    for s, y in pairs:
        bands.learn(s, y, (s * y).sum())
    scales = bands.scales()
    learned = scales * curvature ** (2 * TRUST)
    assert float(learned.max() / learned.min()) < 1 + 1e-3
    for s, y in pairs:
        left += float((s * by_band(s, 1 / scales)).sum() / (s * y).sum())
        right += float((y * by_band(y, scales)).sum() / (s * y).sum())
    assert abs(left / right - 1) < 1e-3


def test_bands_that_nothing_has_moved_in_stay_finite_and_positive():
    bands = Bands(picture(0, 8, 8, dtype=torch.float32), history=3)
    grey = picture(1, 8, 8, dtype=torch.float32)[:, :1].expand(1, 3, 8, 8) - 0.5
    bands.learn(grey, 7 * grey, 7 * grey.square().sum())
    scales = bands.scales()
    assert torch.isfinite(scales).all() and torch.allclose(scales, torch.tensor(1 / 7))
    bands.pairs.clear()
    coloured = picture(2, 8, 8, dtype=torch.float32) - 0.5  # the gradient has changed there all the same
    bands.learn(grey, 7 * grey + coloured, 7 * grey.square().sum())
    assert torch.isfinite(bands.scales()).all() and float(bands.scales().min()) > 0


def multiscale(spread, size=(16, 20)):
    """1/2 (x - t)' W B W (x - t): curvature 1e-2 … 1e2 by band, uneven from pixel to pixel; t within 1/2 +- spread."""
    curvature, target = torch.logspace(2, -2, 15, dtype=torch.float64).reshape(3, 5), 0.5 + spread * (2 * picture(5, *size) - 1)
    uneven = (picture(6, *size) - 0.5).exp()

    def function(x):
        difference = uneven * (x.reshape(target.shape) - target)
        pull = by_band(difference, curvature)
        return float((difference * pull).sum()) / 2, (uneven * pull).reshape(x.shape)

    return function, target


def test_an_uneven_picture_problem_agrees_with_scipys():
    function, target = multiscale(spread=0.8)  # the minimum lies on the box in many pixels
    ours = minimize_in_box(function, torch.full_like(target, 0.5), 1500)
    theirs, lowest = scipys(function, target.numel())
    assert float(ours.min()) >= 0 and float(ours.max()) <= 1
    assert function(ours)[0] <= lowest * (1 + 1e-4)


def test_bands_save_evaluations():
    """The same function of the same numbers, as a picture and as a vector, which has no bands."""
    function, target = multiscale(spread=0.4)  # inside the box, where the loss is 0
    first = function(torch.full_like(target, 0.5))[0]
    needed = []
    for start in (torch.full_like(target, 0.5), torch.full_like(target, 0.5).flatten()):
        trace = []
        minimize_in_box(lambda x, trace=trace: (trace.append(function(x)[0]), function(x))[1], start, 600)
        needed.append(next((n for n, loss in enumerate(trace) if loss < 1e-4 * first), 600))
    assert needed[0] < 0.6 * needed[1], needed


def textures(seed, size=48):
    """A style loss on three random layers: a quartic, whose curvature changes from step to step."""
    g = torch.Generator().manual_seed(seed)
    weights = [torch.randn(16, c, 3, 3, generator=g, dtype=torch.float64) / c**0.5 / 3 for c in (3, 16, 16)]
    style = torch.tensor([0.8, 0.05, 0.05]).view(1, 3, 1, 1) + 0.2 * torch.rand(1, 3, size, size, generator=g, dtype=torch.float64)

    def grams(x):
        found = []
        for weight in weights:
            x = torch.relu(torch.nn.functional.conv2d(x, weight, padding=1))
            found.append(nst.gram_matrix(x))
            x = torch.nn.functional.avg_pool2d(x, 2)
        return found

    targets = grams(style)

    def function(x):
        x = x.detach().requires_grad_()
        loss = sum((a - b).square().sum() / b.square().sum() for a, b in zip(grams(x), targets, strict=True))
        return loss.item(), torch.autograd.grad(loss, x)[0]

    return function, torch.rand(1, 3, size, size, generator=g, dtype=torch.float64)


@pytest.mark.parametrize("seed", range(3))
def test_bands_help_and_do_no_harm_where_they_mislead(seed: int, monkeypatch: pytest.MonkeyPatch):
    """At seed 2 a Hessian varies within its bands: with one trust all the time the loss ends 25 times as high."""
    found = {}
    for bands in (Bands, lambda *_: None):
        monkeypatch.setattr("nst.optim.Bands", bands)
        function, start = textures(seed)
        found[bands] = function(minimize_in_box(function, start, 120))[0]
    with_bands, without = found.values()
    assert with_bands < 0.8 * without


def test_steps_that_prove_too_long_bring_the_scales_together_and_others_apart_again():
    bands = Bands(picture(0, 8, 8), history=3)
    step, change = picture(1, 8, 8), picture(2, 8, 8)
    bands.learn(step, change, (step * change).sum())
    full = bands.scales()
    apart = full.log().std()
    for too_long, trust in ((True, 0.5), (True, 0.25), (False, 0.275), (False, 0.3025)):
        bands.heed(too_long)
        assert float(bands.scales().log().std() / apart) == pytest.approx(trust)
    for _ in range(20):
        bands.heed(too_long=False)
    torch.testing.assert_close(bands.scales(), full)  # never more trust than at first
    for _ in range(60):
        bands.heed(too_long=True)
    energies = [torch.stack(e).sum(0).sum() for e in zip(*bands.pairs, strict=True)]
    torch.testing.assert_close(bands.scales(), torch.full_like(full, float((energies[0] / energies[1]).sqrt())))  # one number


def test_bands_hear_of_each_step_that_was_not_taken_at_once(monkeypatch):
    told, calls, target = [], iter(range(8)), picture(1, 4, 4) / 2 + 0.25

    def stumbling(x):
        missing = next(calls) in (2, 4, 5)  # the third call, and the fifth and sixth, are of steps too long
        return float("inf") if missing else float((x - target).square().sum()), 2 * (x - target)

    monkeypatch.setattr(Bands, "heed", lambda self, too_long: told.append(too_long))
    minimize_in_box(stumbling, torch.full_like(target, 0.5), 8)
    assert told == [False, True, True, False]


# --- what a step may do -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(3))
def test_what_is_returned_is_the_lowest_point_seen(seed):
    """Of a quartic: accepted losses only fall, so the last accepted point is the lowest of all that were tried."""
    function, start = textures(seed, size=16)
    seen = []

    def counted(x):
        seen.append(function(x)[0])
        return function(x)

    for budget in (7, 23, 50):
        seen.clear()
        assert function(minimize_in_box(counted, start, budget))[0] == min(seen)


def test_a_step_that_falls_too_little_is_not_taken():
    """Armijo: of what the gradient promises, at least a ten-thousandth has to come true."""
    taken = []
    for share in (0.5e-4, 2e-4):
        start = torch.full((4,), 0.5, dtype=torch.float64)

        def slow(x, start=start, share=share):  # its gradient says 1, and it falls by that share of it
            return 1 - share * float((start - x).sum()), torch.ones_like(x)

        found = minimize_in_box(at_most(3, slow), start, 3)
        taken.append(not torch.equal(found, start))
    assert taken == [False, True]


def test_a_gradient_that_lies_ends_the_search_where_it_began():
    """Steps of 1, 0.3, 0.09 … 0.0024 of the first one are tried, and no shorter ones."""
    seen, start = [], torch.full((3,), 0.5)
    found = minimize_in_box(at_most(99, lambda x: (seen.append(x) or 1.0, torch.tensor([1.0, -0.5, 0.0]))), start, 99)
    assert torch.equal(found, start) and len(seen) == 7
    for x, length in zip(seen[1:], 0.3 ** torch.arange(6), strict=True):
        torch.testing.assert_close(x - start, 0.05 * length * torch.tensor([-1.0, 0.5, 0.0]))


def test_a_picture_problem_that_curves_down_is_followed_downhill():
    """Nothing is learned from it: each step is the first one, of 0.05 in one pixel at least."""
    start = picture(0, 4, 4) * 0.2 + 0.4
    seen = []
    minimize_in_box(lambda x: (seen.append(x) or float(-(x - 0.5).square().sum()), 1 - 2 * x), start, 5)
    assert [float((b - a).abs().max()) for a, b in zip(seen, seen[1:], strict=False)] == pytest.approx([0.05] * 4)


def test_the_promise_is_that_of_the_projected_step():
    """A step that the box cuts short promises only as much as is left of it."""
    start = torch.full((2,), 1 - 1e-7, dtype=torch.float64)
    found = minimize_in_box(at_most(10, lambda x: (float(-x.sum()), -torch.ones_like(x))), start, 10)
    assert torch.equal(found, torch.ones(2, dtype=torch.float64))


def test_a_failed_search_forgets_and_begins_again():
    function, n = quadratic(12)
    calls = []

    def stumbling(x):
        calls.append(1)
        loss, gradient = function(x)
        return (float("inf") if 8 <= len(calls) < 16 else loss), gradient

    start = torch.full((n,), 0.5, dtype=torch.float64)
    found = minimize_in_box(at_most(400, stumbling), start, 400)
    assert function(found)[0] <= function(minimize_in_box(function, start, 400))[0] * (1 + 1e-3) + 1e-9


@pytest.mark.parametrize("size", [1.0, 1e-4])
def test_a_direction_that_leads_uphill_is_given_up_with_all_that_made_it(size):
    x, gradient = picture(0, 4, 4) * 0.5 + 0.25, size * (picture(1, 4, 4) - 0.5)
    memory, bands = deque(maxlen=5), Bands(x, 5)
    for k in range(2):
        step = picture(2 + k, 4, 4) - 0.5
        memory.append((step, 20 * step, 20 * step.square().sum()))
        bands.learn(*memory[-1])
    assert float((_direction(x, gradient, memory, bands) * gradient).sum()) < 0 and len(memory) == 2
    memory.append((gradient, gradient, -gradient.square().sum()))  # a curvature that cannot be
    direction = _direction(x, gradient, memory, bands)
    assert not memory and not bands.pairs
    torch.testing.assert_close(direction, -gradient * FIRST_STEP / gradient.abs().max())


def test_pixels_at_the_border_move_inwards_only():
    x = torch.tensor([0.0, 0.0, 1.0, 1.0, 0.5, 0.0, 1.0])
    gradient = torch.tensor([2.0, -2.0, 2.0, -2.0, 4.0, 0.4, 0.4])
    direction = _direction(x, gradient, deque(), None)
    torch.testing.assert_close(direction, FIRST_STEP * torch.tensor([0.0, 0.5, -0.5, 0.0, -1.0, 0.0, -0.1]))


@pytest.mark.parametrize(("border", "sign"), [(0.0, -1.0), (1.0, 1.0)])
def test_a_pixel_at_the_border_may_follow_the_others_in(border, sign):
    """Its own gradient is 0, but the remembered step says that it goes with its neighbour; the third one is held."""
    memory = deque()
    remember(memory, torch.tensor([1.0, sign, 0.0]), torch.tensor([1.0, 2 * sign, 0.0]))
    gradient = torch.tensor([0.0, 1.0, 3.0 - 6.0 * border])
    direction = _direction(torch.tensor([border, 0.5, border]), gradient, memory, None)
    torch.testing.assert_close(direction, torch.tensor([-sign / 15, -7 / 15, 0.0]))  # the two loops by hand
