"""The article's transparent layers and its function against the article's loss, written out flat."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nst.article import ContentLoss, StyleLoss, get_style_model_and_losses


def article_gram(input):
    """The article's definition, restated as the oracle."""
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


def relative(a, b):
    return float((a - b).detach().norm() / b.detach().norm())


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
