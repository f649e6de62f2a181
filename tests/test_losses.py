"""Losses against the article's own definitions, numpy, closed forms and finite differences."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nst import losses
from nst.losses import ContentLoss, StyleLoss, content_loss, get_style_model_and_losses, gram_matrix, style_loss, total_variation


def article_gram(input):
    """The article's definition, restated as the oracle."""
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


def relative(a, b):
    return float((a - b).detach().norm() / b.detach().norm())


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


# The article's layers and its function


def tutorial_loss(cnn, mean, std, style, content, x, style_weight):
    """The article's sum of losses, written out flat: layers counted from the input, read before the ReLU."""
    wanted, total, i = range(1, 6), 0.0, 0
    xs = [(p - mean.view(-1, 1, 1)) / std.view(-1, 1, 1) for p in (x, style, content)]
    for layer in cnn:
        xs = [layer(p) for p in xs]
        if isinstance(layer, nn.Conv2d):
            i += 1
            if i in wanted:
                total = total + style_weight * F.mse_loss(article_gram(xs[0]), article_gram(xs[1]).detach())
            if i == 4:
                total = total + F.mse_loss(xs[0], xs[2].detach())
    return total


@pytest.fixture
def cnn():
    layers, channels = [], 3
    for width in (4, 4, "pool", 6, 6, "pool", 8, 8):
        if width == "pool":
            layers.append(nn.MaxPool2d(2))
        else:
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU(inplace=False)]
            channels = width
    return nn.Sequential(*layers)


def test_the_articles_model_gives_the_articles_loss_and_gradient(cnn):
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.3, 0.25])
    style, content, x = torch.rand(1, 3, 16, 20), torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16, requires_grad=True)
    model, style_losses, content_losses = get_style_model_and_losses(cnn, mean, std, style, content)
    model(x)
    ours = 1e6 * sum(s.loss for s in style_losses) + sum(c.loss for c in content_losses)
    theirs = tutorial_loss(cnn, mean, std, style, content, x, 1e6)
    assert len(style_losses) == 5 and len(content_losses) == 1
    assert relative(ours, theirs) < 1e-5
    assert relative(torch.autograd.grad(ours, x)[0], torch.autograd.grad(theirs, x)[0]) < 1e-5


def test_the_model_is_cut_after_its_last_loss_and_names_its_layers(cnn):
    picture = torch.rand(1, 3, 16, 16)
    model, _, _ = get_style_model_and_losses(cnn, torch.zeros(3), torch.ones(3), picture, picture)
    names = [name for name, _ in model.named_children()]
    assert names[:4] == ["0", "conv_1", "style_loss_1", "relu_1"] and names[-1] == "style_loss_5"
    assert "content_loss_4" in names and "conv_6" not in names and "pool_2" in names


def test_in_place_relus_do_not_overwrite_what_a_loss_has_read(cnn):
    picture = torch.rand(1, 3, 16, 16)
    in_place = nn.Sequential(*[nn.ReLU(inplace=True) if isinstance(m, nn.ReLU) else m for m in cnn])
    traces = []
    for net in (cnn, in_place):
        model, style_losses, _ = get_style_model_and_losses(net, torch.zeros(3), torch.ones(3), picture, picture)
        model(torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)))
        traces.append([s.loss.item() for s in style_losses])
    assert traces[0] == traces[1]


def test_unknown_layers_are_refused(cnn):
    picture = torch.rand(1, 3, 16, 16)
    with pytest.raises(RuntimeError, match="Unrecognized layer: Sigmoid"):
        get_style_model_and_losses(nn.Sequential(nn.Sigmoid()), torch.zeros(3), torch.ones(3), picture, picture)
    with pytest.raises(ValueError, match="conv_9"):
        get_style_model_and_losses(cnn, torch.zeros(3), torch.ones(3), picture, picture, content_layers=["conv_9"])


def test_transparent_layers_pass_their_input_on():
    features = torch.rand(1, 4, 5, 5)
    for layer in (ContentLoss(torch.rand(1, 4, 5, 5)), StyleLoss(torch.rand(1, 4, 7, 3))):
        assert layer(features) is features and layer.loss > 0 and not layer.target.requires_grad
    same = StyleLoss(features)
    same(features)
    assert float(same.loss) == 0
