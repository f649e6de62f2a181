"""Losses against the article's own definition, numpy, closed forms and finite differences."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from oracles import article_gram, relative
from scipy.optimize import linear_sum_assignment

import nst
from nst import losses
from nst.losses import content_loss, gram_matrix, places, positions, relaxed_emd, style_loss, total_variation


def test_gram_matrix_by_hand():
    features = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.0, 1.0], [0.0, 2.0]]]])  # (1, 2, 2, 2)
    by_hand = torch.tensor([[[30.0, 10.0], [10.0, 5.0]]])
    assert torch.equal(gram_matrix(features, "none"), by_hand)
    assert torch.equal(gram_matrix(features, "hw"), by_hand / 4)
    assert torch.equal(gram_matrix(features), by_hand / 8)


def test_gram_matrix_is_the_articles_at_batch_one_value_and_gradient():
    x = torch.randn(1, 7, 5, 6, requires_grad=True)
    weights = torch.randn(7, 7)
    assert relative(gram_matrix(x)[0], article_gram(x)) < 1e-6
    (ours,) = torch.autograd.grad((gram_matrix(x)[0] * weights).sum(), x)
    (theirs,) = torch.autograd.grad((article_gram(x) * weights).sum(), x)
    assert relative(ours, theirs) < 1e-6


def test_a_batch_equals_its_singles_and_the_articles_form_does_not():
    x = torch.randn(3, 4, 5, 6)
    singles = torch.cat([gram_matrix(x[i : i + 1]) for i in range(3)])
    assert gram_matrix(x).shape == (3, 4, 4) and torch.allclose(gram_matrix(x), singles)
    assert article_gram(x).shape == (12, 12)  # pictures mixed


def test_gram_matrix_is_numpys_einsum_symmetric_and_positive():
    x = torch.randn(2, 5, 4, 3, dtype=torch.float64)
    expected = np.einsum("bihw,bjhw->bij", x.numpy(), x.numpy()) / (5 * 4 * 3)
    gram = gram_matrix(x)
    assert np.allclose(gram.numpy(), expected, rtol=1e-12)
    assert torch.equal(gram, gram.mT) and float(torch.linalg.eigvalsh(gram).min()) > -1e-12


@pytest.mark.parametrize("size", [(32, 40), (5, 7), (3, 3)])  # parts alone, parts and a rest, a rest alone
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype, tolerance", [(torch.float64, 1e-12), (torch.bfloat16, 5e-3)])
def test_gram_matrix_value_and_gradient_in_every_layout(size, layout, dtype, tolerance):
    x = torch.rand(2, 6, *size).to(dtype).contiguous(memory_format=layout).requires_grad_()
    exact = x.detach().double().requires_grad_()
    weights = torch.randn(2, 6, 6, dtype=torch.float64)  # not symmetric
    gram = gram_matrix(x)
    assert gram.dtype == (torch.float32 if dtype == torch.bfloat16 else dtype)
    expected = torch.einsum("bchw,bdhw->bcd", exact, exact) / exact[0].numel()
    assert relative(gram.double(), expected) < tolerance
    (ours,) = torch.autograd.grad((gram * weights).sum(), x)
    (theirs,) = torch.autograd.grad((expected * weights).sum(), exact)
    assert relative(ours.double(), theirs) < tolerance
    assert ours.is_contiguous(memory_format=layout)  # or adding the next layer's gradient is slow


def test_gram_matrix_in_bfloat16_keeps_more_than_eight_bits():
    """Rounded to bfloat16, a Gram matrix is wrong by 1.6e-3, and a search ends where that is all that the picture lacks."""
    x = torch.rand(1, 16, 64, 64).bfloat16()
    assert relative(gram_matrix(x).double(), gram_matrix(x.double())) < 8e-4
    assert torch.autograd.gradgradcheck(gram_matrix, torch.rand(1, 2, 2, 3, dtype=torch.float64, requires_grad=True))


def test_gram_matrix_forgets_positions_and_squares_scale():
    x = torch.randn(1, 5, 6, 7)
    shuffled = x.flatten(2)[:, :, torch.randperm(42)].view_as(x)
    assert torch.allclose(gram_matrix(shuffled), gram_matrix(x), atol=1e-7)
    assert torch.allclose(gram_matrix(3 * x), 9 * gram_matrix(x), rtol=1e-5)


def test_gradients_by_finite_differences():
    x = torch.randn(2, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    content, gram = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.randn(1, 3, 3, dtype=torch.float64)
    for form in losses.CONTENT_FORMS:
        assert torch.autograd.gradcheck(lambda x, form=form: content_loss(x, content, form), x)
    for form in losses.STYLE_FORMS:
        assert torch.autograd.gradcheck(lambda x, form=form: style_loss(gram_matrix(x), gram, form), x)
    for exponent in (1.25, 2.0):
        assert torch.autograd.gradcheck(lambda x, e=exponent: total_variation(x, e), x)


def test_each_form_by_its_formula():
    f, p = torch.randn(1, 3, 4, 5), torch.randn(1, 3, 4, 5)
    d = ((f - p) ** 2).numpy().astype(np.float64)
    assert np.isclose(float(content_loss(f, p, "mean")), d.mean(), rtol=1e-6)
    assert np.isclose(float(content_loss(f, p, "half_sum")), d.sum() / 2, rtol=1e-6)
    assert np.isclose(float(content_loss(f, p)), d.mean() / p.numpy().var(), rtol=1e-6)
    g, a = gram_matrix(f, "none").double(), gram_matrix(p, "none").double()
    n, m = 3, 4 * 5
    paper = float(((g - a) ** 2).sum() / (4 * n**2 * m**2))  # 1508.06576, eq. 4
    assert np.isclose(float(style_loss(gram_matrix(f), gram_matrix(p), "quarter_sum")), paper, rtol=1e-5)
    assert np.isclose(float(style_loss(g, a)), float(((g - a) ** 2).sum() / (a**2).sum()), rtol=1e-6)
    assert np.isclose(float(style_loss(g, a, "mean")), float(F.mse_loss(g, a)), rtol=1e-6)


def test_relative_forms_do_not_see_the_networks_scale():
    f, p = torch.rand(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    assert torch.isclose(content_loss(100 * f, 100 * p), content_loss(f, p), rtol=1e-4)
    assert torch.isclose(
        style_loss(gram_matrix(100 * f), gram_matrix(100 * p)), style_loss(gram_matrix(f), gram_matrix(p)), rtol=1e-4
    )


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3])
def test_relative_forms_do_not_see_a_small_scale_either(scale):
    f, p = torch.rand(1, 3, 4, 5), torch.rand(1, 3, 4, 5)
    small = style_loss(gram_matrix(scale * f), gram_matrix(scale * p))
    assert torch.isclose(small, style_loss(gram_matrix(f), gram_matrix(p)), rtol=1e-3)
    for form in ("relative", "batch"):
        assert torch.isclose(content_loss(scale * f, scale * p, form), content_loss(f, p, form), rtol=1e-3)


def test_losses_of_a_batch_are_the_mean_of_the_singles():
    f, p = torch.rand(3, 4, 5, 6), torch.rand(3, 4, 5, 6)
    for form in ("relative", "mean", "half_sum"):
        singles = torch.stack([content_loss(f[i : i + 1], p[i : i + 1], form) for i in range(3)])
        assert torch.isclose(content_loss(f, p, form), singles.mean(), rtol=1e-5)
    for form in losses.STYLE_FORMS:
        singles = torch.stack([style_loss(gram_matrix(f[i : i + 1]), gram_matrix(p[:1]), form) for i in range(3)])
        assert torch.isclose(style_loss(gram_matrix(f), gram_matrix(p[:1]), form), singles.mean(), rtol=1e-5)


def test_a_flat_picture_weighs_no_more_than_the_others_in_the_batch_form():
    f, p = torch.rand(2, 4, 5, 6), torch.rand(2, 4, 5, 6)
    assert torch.isclose(content_loss(f[:1], p[:1], "batch"), content_loss(f[:1], p[:1], "relative"), rtol=1e-6)
    p[1] = p[1] * 1e-4 + 0.5  # as good as flat
    by_hand = ((f - p) ** 2).numpy().mean() / p.numpy().var()
    assert np.isclose(float(content_loss(f, p, "batch")), by_hand, rtol=1e-5)
    assert float(content_loss(f, p, "relative")) > 1e6 > 100 > float(content_loss(f, p, "batch"))


def test_flat_targets_stay_finite():
    flat = torch.ones(1, 3, 4, 4)
    assert torch.isfinite(content_loss(flat * 2, flat)) and float(content_loss(flat, flat)) == 0
    assert torch.isfinite(style_loss(gram_matrix(flat), gram_matrix(flat * 0)))


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="features: expected the shape"):
        gram_matrix(torch.rand(3, 4, 4))
    with pytest.raises(ValueError, match="divide_by='c'"):
        gram_matrix(torch.rand(1, 3, 4, 4), "c")
    with pytest.raises(ValueError, match="form='square'"):
        content_loss(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4), "square")
    with pytest.raises(ValueError, match="target: expected the shape"):
        content_loss(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 5))
    with pytest.raises(ValueError, match="target: expected the shape"):
        style_loss(torch.rand(1, 3, 3), torch.rand(1, 4, 4))


def test_total_variation_by_hand():
    picture = torch.tensor([[0.0, 1.0, 3.0], [0.0, 0.0, 0.0]]).view(1, 1, 2, 3)
    assert np.isclose(float(total_variation(picture)), (0 + 1 + 9) / 3 + (1 + 4 + 0 + 0) / 4)
    assert np.isclose(float(total_variation(picture, 1.0)), 4 / 3 + 3 / 4)
    assert float(total_variation(torch.rand(1, 3, 1, 1))) == 0
    one = torch.rand(1, 3, 1, 1, requires_grad=True)
    assert torch.autograd.grad(total_variation(one), one)[0].abs().sum() == 0


def test_total_variation_of_half_precision_is_finite():
    """The sum over 256 x 256 pixels is more than a float16 can hold."""
    picture = torch.rand(1, 3, 256, 256)
    assert float(total_variation(picture.half())) == pytest.approx(float(total_variation(picture)), rel=0.01)


def test_range_penalty_by_hand():
    assert float(losses.range_penalty(torch.tensor([-0.5, 0.3, 1.2, 1.0]))) == pytest.approx((0.25 + 0.04) / 4)


def test_the_relative_style_of_a_batch_is_the_mean_of_ratios():
    """Not the ratio of means: with targets of their own (masks) the two differ."""
    g, a = torch.rand(2, 4, 4), torch.rand(2, 4, 4) * torch.tensor([1.0, 30.0]).view(2, 1, 1)
    by_hand = np.mean([float(((g[k] - a[k]) ** 2).sum() / (a[k] ** 2).sum()) for k in range(2)])
    assert float(style_loss(g, a)) == pytest.approx(by_hand, rel=1e-5)


def test_layers_are_added_with_their_weights():
    layers = ("relu1_1", "relu2_1")
    config = nst.GatysConfig(content_layers=layers, style_layers=layers, content_weight=2.0, style_weight=3.0,
                             style_layer_weights=(0.5, 4.0))  # fmt: skip
    found, wanted = ({k: torch.rand(1, 3, 4, 5) for k in layers} for _ in range(2))
    grams = {k: gram_matrix(torch.rand(1, 3, 4, 5)) for k in layers}
    parts = losses.content_and_style(config, found, wanted, grams)
    contents = [float(content_loss(found[k], wanted[k])) for k in layers]
    styles = [float(style_loss(gram_matrix(found[k]), grams[k])) for k in layers]
    assert float(parts["content"]) == pytest.approx(2 * sum(contents), rel=1e-5)
    assert float(parts["style"]) == pytest.approx(3 * (0.5 * styles[0] + 4 * styles[1]), rel=1e-5)
    masks = {k: losses.region_weights([torch.rand(1, 1, 8, 10)] * 2, found[k]) for k in layers}  # (2, 1, 4, 5)
    other = replace(config, gram_divide_by="none", content_form="half_sum", style_form="quarter_sum")
    grams2 = {k: gram_matrix(torch.rand(2, 3, 4, 5), "none") for k in layers}
    masked = losses.content_and_style(other, found, wanted, grams2, masks)
    contents = [float((found[k] - wanted[k]).square().sum()) / 2 for k in layers]
    styles = [float(style_loss(gram_matrix(found[k] * masks[k], "none"), grams2[k], "quarter_sum")) for k in layers]
    assert float(masked["content"]) == pytest.approx(2 * sum(contents), rel=1e-5)
    assert float(masked["style"]) == pytest.approx(3 * (0.5 * styles[0] + 4 * styles[1]), rel=1e-5)
    styles = [float(style_loss(gram_matrix(found[k]), grams[k])) for k in layers]
    plain = losses.content_and_style(replace(config, style_layer_weights=None), found, wanted, grams)
    assert float(plain["style"]) == pytest.approx(3 * sum(styles), rel=1e-5)


def test_a_variance_that_is_known_takes_the_place_of_the_batchs_own():
    config = nst.GatysConfig(content_layers=("relu1_1",), style_layers=("relu1_1",), content_form="batch", content_weight=1.0)
    found, wanted = ({"relu1_1": torch.rand(2, 3, 4, 5)} for _ in range(2))
    squares = (found["relu1_1"] - wanted["relu1_1"]).square().mean()
    torch.testing.assert_close(content_loss(found["relu1_1"], wanted["relu1_1"], "batch", torch.tensor(0.2)), squares / 0.2)
    grams = {"relu1_1": gram_matrix(torch.rand(1, 3, 4, 5))}
    for variances, divisor in (({"relu1_1": torch.tensor(0.2)}, 0.2), (None, float(wanted["relu1_1"].var(correction=0)))):
        made = losses.content_and_style(config, found, wanted, grams, variances=variances)
        torch.testing.assert_close(made["content"], squares / divisor)


def test_correlations_are_cosines():
    maps = 0.01 * np.random.default_rng(0).normal(size=(2, 4, 30))
    maps[1, 2] = 0  # a silent channel
    found = losses.correlations(torch.from_numpy(maps @ maps.swapaxes(1, 2))).numpy()
    unit = maps / np.maximum(np.linalg.norm(maps, axis=2, keepdims=True), 1e-6)
    np.testing.assert_allclose(found, unit @ unit.swapaxes(1, 2), atol=1e-12)


def test_region_weights_by_hand():
    """A mask is averaged over each position's pixels, and its Gram matrix divided by the mask's own area."""
    mask = torch.tensor([[1.0, 1, 0, 0], [1, 1, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]]).view(1, 1, 4, 4)
    small = torch.tensor([[1.0, 0.0], [0.5, 0.0]])
    found = losses.region_weights([mask, 1 - mask], torch.rand(1, 3, 2, 2))
    torch.testing.assert_close(found[0, 0], (small / small.mean()).sqrt())
    torch.testing.assert_close(found[1, 0], ((1 - small) / (1 - small).mean()).sqrt())
    uneven = losses.region_weights([torch.arange(5.0).view(1, 1, 1, 5)], torch.rand(1, 3, 1, 2))  # 0 1 2 and 2 3 4
    torch.testing.assert_close(uneven[0, 0, 0], torch.tensor([1 / 2, 3 / 2]).sqrt())
    assert torch.isfinite(losses.region_weights([torch.zeros(1, 1, 4, 4)], torch.rand(1, 3, 2, 2))).all()


EMPTY = "{0}_layers is empty: expected at least one layer; {0}_weight=0 leaves that part of the loss out"


@pytest.mark.parametrize(("changes", "said"), [
    ({"match_layers": ()}, EMPTY.format("match")),
    ({"style_layers": ()}, EMPTY.format("style")), ({"content_layers": ()}, EMPTY.format("content")),
    ({"style_layer_weights": (1.0,)}, "style_layer_weights: expected one weight for each of the 5 layers, got 1"),
    ({"style_layer_weights": (1.0, 1.0, 1.0, -2, 1.0)}, "style_layer_weights[3]=-2: expected a number of at least 0"),
])  # fmt: skip
def test_layers_that_make_no_loss(changes, said):
    for recipe in (nst.GatysConfig.default, nst.training.perceptual.PerceptualConfig.default):
        with pytest.raises(ValueError) as raised:
            recipe(**changes)
        assert str(raised.value) == said


def test_float16_adds_up_in_float32():
    """Entries of at most 8 on 64 x 64 positions: the sum itself is beyond 65504."""
    f = (8 * torch.rand(1, 5, 64, 64)).half().requires_grad_()
    exact = f.detach().double().requires_grad_()
    for divide_by in ("chw", "hw", "none"):
        gram, wanted = gram_matrix(f, divide_by), gram_matrix(exact, divide_by)
        assert gram.dtype == torch.float32 and relative(gram.double(), wanted) < 1e-5
    (ours,) = torch.autograd.grad(gram_matrix(f).sum(), f)
    (theirs,) = torch.autograd.grad(gram_matrix(exact).sum(), exact)
    assert relative(ours.double(), theirs) < 2e-3
    loud = torch.tensor([0.0, 400.0]).view(1, 1, 1, 2).half()
    assert float(content_loss(loud, loud * 0, "mean")) == pytest.approx(80_000, rel=1e-3)
    assert float(content_loss(loud, loud.flip(-1))) == pytest.approx(4, rel=1e-3)  # 400^2 over a variance of 200^2


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_a_callers_autocast_does_not_reach_gram_matrices(dtype):
    f = 8 * torch.rand(1, 5, 64, 64)
    with torch.autocast("cpu", dtype):
        assert torch.equal(gram_matrix(f, "none"), gram_matrix(f, "none")) and gram_matrix(f).dtype == torch.float32
        inside = gram_matrix(f, "none")
    assert torch.equal(inside, gram_matrix(f, "none"))


def test_gram_matrix_goes_through_torchs_transforms():
    """grad, vmap, jvp and jacobians, against the same function written with einsum."""
    from torch.func import grad, jacrev, jvp, vmap

    def plain(x):
        return torch.einsum("bchw,bdhw->bcd", x, x) / (x.shape[1] * x.shape[2] * x.shape[3])

    x, change = torch.randn(2, 3, 4, 5, dtype=torch.float64), torch.randn(2, 3, 4, 5, dtype=torch.float64)
    close = torch.testing.assert_close
    close(grad(lambda x: gram_matrix(x).square().sum())(x), grad(lambda x: plain(x).square().sum())(x))
    close(vmap(gram_matrix)(torch.stack([x, change])), torch.stack([plain(x), plain(change)]))
    along = jvp(plain, (x,), (change,))[1]
    close(jvp(gram_matrix, (x,), (change,))[1], along)
    close(jacrev(gram_matrix)(x), jacrev(plain)(x))
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, change)
        close(torch.autograd.forward_ad.unpack_dual(gram_matrix(dual)).tangent, along)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_a_gram_matrix_of_half_precision_has_a_derivative_along_a_direction(dtype: torch.dtype):
    from torch.func import jvp

    x, change = torch.rand(1, 3, 8, 8).to(dtype), torch.rand(1, 3, 8, 8).to(dtype)
    made, along = jvp(lambda x: gram_matrix(x, "none"), (x,), (change,))
    exact = jvp(lambda x: gram_matrix(x, "none"), (x.float(),), (change.float(),))[1]
    assert made.dtype == along.dtype == torch.float32
    torch.testing.assert_close(along, exact)


@pytest.mark.parametrize(("changes", "said"), [
    ({"style_layers": "relu1_1"}, "style_layers='relu1_1': expected several names, or a tuple of one"),
    ({"content_layers": "relu4_2"}, "content_layers='relu4_2': expected several names, or a tuple of one"),
    ({"style_layer_weights": 0.2}, "style_layer_weights=0.2: expected one weight for each of the 5 layers"),
])  # fmt: skip
def test_one_layer_that_is_not_a_tuple(changes, said):
    for recipe in (nst.GatysConfig.default, nst.training.perceptual.PerceptualConfig.default):
        with pytest.raises(ValueError) as raised:
            recipe(**changes)
        assert str(raised.value) == said


def by_hand(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, float]:
    """The distances (N, M) of two clouds (C, N) and (C, M), and their relaxed earth mover's distance."""
    centre = y.mean(1, keepdims=True)
    x, y = ((p - centre) / np.linalg.norm(p - centre, axis=0) for p in (x, y))
    d = np.array([[1 - sum(a * b) for b in y.T] for a in x.T])
    return d, max(d.min(1).mean(), d.min(0).mean())


def test_relaxed_emd_by_its_formula_and_below_the_exact_one():
    """No assignment of one cloud's points to the other's costs less: scipy finds the cheapest."""
    for n, m in ((7, 7), (9, 4), (3, 8)):
        x, y = torch.randn(1, 5, n, dtype=torch.float64), torch.randn(1, 5, m, dtype=torch.float64)
        d, expected = by_hand(x[0].numpy(), y[0].numpy())
        assert float(relaxed_emd(x, y)) == pytest.approx(expected, rel=1e-9)
        if n == m:
            assert expected <= d[linear_sum_assignment(d)].mean() + 1e-12


def test_relaxed_emd_sees_what_is_missing_on_either_side():
    y = torch.randn(1, 5, 6)
    assert float(relaxed_emd(y[..., torch.randperm(6)], y)) == pytest.approx(0, abs=1e-6)
    assert float(relaxed_emd(torch.cat([y, y[..., :2]], 2), y)) == pytest.approx(0, abs=1e-6)  # how often does not count
    assert float(relaxed_emd(y[..., :3], y)) > 0.05  # half of the style is not used
    assert float(relaxed_emd(torch.cat([y, -y], 2), y)) > 0.05  # half of the picture is nothing of the style's
    assert float(relaxed_emd(2 * (y - y.mean(2, keepdim=True)) + y.mean(2, keepdim=True), y)) == pytest.approx(0, abs=1e-6)


def test_relaxed_emd_of_a_batch_its_gradient_and_bfloat16():
    x, y = torch.randn(3, 4, 6, dtype=torch.float64, requires_grad=True), torch.randn(3, 4, 5, dtype=torch.float64)
    for style in (y, y[:1]):
        singles = [relaxed_emd(x[i : i + 1], style[i % len(style)][None]) for i in range(3)]
        torch.testing.assert_close(relaxed_emd(x, style), sum(singles) / 3)
        assert torch.autograd.gradcheck(lambda x, style=style: relaxed_emd(x, style), x)
    exact, short = relaxed_emd(x, y), relaxed_emd(x.bfloat16(), y.bfloat16())
    assert short.dtype == torch.float32 and abs(short.item() - exact.item()) < 0.01
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(relaxed_emd(x.float(), y.float()), exact.float(), rtol=1e-5, atol=1e-5)


def test_relaxed_emd_of_flat_clouds_is_finite():
    flat, cloud = torch.ones(1, 4, 5, requires_grad=True), torch.rand(1, 4, 6)
    for x, y in ((flat, cloud), (flat, flat.detach()), (cloud.requires_grad_(), flat.detach()), (flat, flat.detach()[..., :1])):
        loss = relaxed_emd(x, y)
        assert torch.isfinite(loss) and torch.autograd.grad(loss, x)[0].abs().max() < 1e7
    for x, y, said in ((torch.rand(4, 5), cloud, "places: expected the shape"),
                       (flat, torch.rand(1, 3, 5), "style_places: expected"),
                       (flat, torch.rand(1, 4, 0), "style_places: expected the shape (B, 4, N), got (1, 4, 0)")):  # fmt: skip
        with pytest.raises(ValueError) as raised:
            relaxed_emd(x, y)
        assert str(raised.value).startswith(said)


def test_a_place_next_to_the_mean_has_half_a_direction():
    """The style's places have length 10 around their mean, so that what is shorter than 0.01 is not made as long as the others."""
    style = 10 * torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1]]).repeat(1, 2)[None]
    short = torch.tensor([[[0.005], [0.0]]])  # half of 0.01: its distances are 0.25, 2.25, 1.25, 1.25 halves
    assert float(relaxed_emd(short, style)) == pytest.approx((0.125 + 1.125 + 0.625 + 0.625) / 4, rel=1e-4)


def test_positions_are_drawn_by_seed_and_by_mask():
    features, before = torch.rand(2, 3, 8, 9), torch.get_rng_state()
    drawn = [positions(features, 20, seed) for seed in (0, 0, 1)]
    assert torch.equal(drawn[0], drawn[1]) and not torch.equal(drawn[0], drawn[2])
    assert torch.equal(positions(features, 20), drawn[0])
    assert len(set(drawn[0].tolist())) == 20 and len(positions(features, 1000)) == 72
    mask = torch.zeros(1, 1, 8, 9)
    mask[..., :4, :], mask[..., 7, 8] = 1, 3
    often = positions(features, 30_000, mask=mask).bincount(minlength=72) / 30_000 * mask.sum()
    assert torch.equal(often == 0, mask.flatten() == 0)
    torch.testing.assert_close(often, mask.flatten(), atol=0.2, rtol=0)
    assert torch.equal(torch.get_rng_state(), before)  # and nothing else is drawn otherwise
    where = drawn[0]
    assert torch.equal(places(features, where)[1, 2], features[1, 2].flatten()[where])
    last = places(features.contiguous(memory_format=torch.channels_last), where)
    assert torch.equal(last, places(features, where))


def test_matches_are_added_over_layers_and_averaged_over_masks():
    config = nst.GatysConfig(match_weight=2.0, match_layers=("relu1_1", "relu2_1"))
    found = {k: torch.rand(1, 3, 4, 5) for k in config.match_layers}
    counts = {"relu1_1": 1, "relu2_1": 2}
    pairs = {k: [(torch.randperm(20)[:9], torch.rand(1, 3, 7)) for _ in range(count)] for k, count in counts.items()}
    each = {k: [relaxed_emd(found[k].flatten(2)[..., w], y) for w, y in both] for k, both in pairs.items()}
    expected = 2 * (each["relu1_1"][0] + (each["relu2_1"][0] + each["relu2_1"][1]) / 2)
    torch.testing.assert_close(losses.match(config, found, pairs), expected)


def test_a_recipe_for_another_network_warns():
    lite, full = nst.VGG19.load("lite"), nst.VGG19()
    with pytest.warns(UserWarning, match="stated for torchvision's VGG-19.*features have another scale"):
        losses.warn_of_another_network(nst.GatysConfig.article(), lite)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        losses.warn_of_another_network(nst.GatysConfig.article(), full)
        losses.warn_of_another_network(nst.GatysConfig.default(), lite)
        losses.warn_of_another_network(nst.GatysConfig.article(network="any encoder"), lite)
        losses.warn_of_another_network(nst.GatysConfig.article(), torch.nn.Identity())
