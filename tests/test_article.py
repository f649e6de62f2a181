"""The article's transparent layers and its function against the article's loss, written out flat."""

import pytest
import torch
import torch.nn.functional as F
from oracles import article_gram, relative
from torch import nn

import nst
from nst.article import ContentLoss, StyleLoss, get_style_model_and_losses


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
    """Neither the targets, which are read while the model is built, nor the features, which are looked at after a run."""
    picture, x = torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16)
    in_place = nn.Sequential(*[nn.ReLU(inplace=True) if isinstance(m, nn.ReLU) else m for m in cnn])
    models = [get_style_model_and_losses(net, torch.zeros(3), torch.ones(3), picture, picture) for net in (cnn, in_place)]
    seen = []
    for model, style_losses, content_losses in models:
        for layer in content_losses:
            layer.register_forward_hook(lambda module, inputs, output: seen.append(output))
        model(x)
        seen.append([layer.loss.item() for layer in (*style_losses, *content_losses)])
        seen.append(content_losses[0].target)
    assert torch.equal(seen[0], seen[3]) and seen[1] == seen[4] and torch.equal(seen[2], seen[5])
    assert float(seen[2].min()) < 0  # before the ReLU


def test_no_layer_runs_that_no_loss_needs(cnn):
    calls, picture = [], torch.rand(1, 3, 8, 8)
    for layer in cnn:
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda *_: calls.append(1))
    get_style_model_and_losses(cnn, torch.zeros(3), torch.ones(3), picture, picture, ["conv_2"], ["conv_1"])
    assert len(calls) == 4  # two convolutions, two pictures
    encoder, small = nst.VGG19.load("lite"), torch.rand(1, 3, 16, 16)  # conv5_1 would need 32 px
    model, _, _ = get_style_model_and_losses(encoder.sequential(), encoder.mean, encoder.std, small, small)
    assert torch.isfinite(model(small)).all()


def test_a_batch_norms_statistics_stay_the_callers(cnn):
    with_norms = nn.Sequential(cnn[0], nn.BatchNorm2d(4), *cnn[1:]).train()
    before = {k: v.clone() for k, v in with_norms.state_dict().items()}
    picture = torch.rand(1, 3, 16, 16)
    model, _, _ = get_style_model_and_losses(with_norms, torch.zeros(3), torch.ones(3), picture, picture)
    model(picture)
    assert "bn_1" in dict(model.named_children())
    assert all(torch.equal(v, before[k]) for k, v in with_norms.state_dict().items())


def test_the_targets_move_with_the_model(cnn):
    picture = torch.rand(1, 3, 16, 16)
    model, style_losses, content_losses = get_style_model_and_losses(cnn, torch.zeros(3), torch.ones(3), picture, picture)
    assert len(list(model.buffers())) == 2 + len(style_losses) + len(content_losses)
    assert {name.split(".")[0] for name in model.state_dict()} == {f"conv_{k}" for k in range(1, 6)}  # weights, and no targets
    assert model.conv_1 is cnn[0]  # shared, not copied
    for dtype in (torch.float32, torch.float64):  # mean and std become what the content is
        start, _, _ = get_style_model_and_losses(cnn.to(dtype), [0.1] * 3, [1] * 3, picture.to(dtype), picture.to(dtype))
        assert start[0].mean.dtype == dtype and start[0].mean.shape == (3, 1, 1)
    cnn.float()
    model.double()(picture.double())
    assert all(layer.loss.dtype == torch.float64 for layer in (*style_losses, *content_losses))
    model.to("meta")(picture.to("meta"))
    assert all(layer.loss.device.type == "meta" for layer in (*style_losses, *content_losses))


def test_unknown_layers_are_refused(cnn):
    picture = torch.rand(1, 3, 16, 16)
    with pytest.raises(RuntimeError, match="Unrecognized layer: Sigmoid"):
        get_style_model_and_losses(nn.Sequential(nn.Sigmoid()), torch.zeros(3), torch.ones(3), picture, picture)
    with pytest.raises(ValueError, match="no layer of cnn is called conv_8, conv_9; it has 6 convolutions, conv_1 … conv_6"):
        get_style_model_and_losses(cnn, torch.zeros(3), torch.ones(3), picture, picture, content_layers=["conv_9", "conv_8"])


def test_transparent_layers_pass_their_input_on():
    features = torch.rand(1, 4, 5, 5)
    for layer in (ContentLoss(torch.rand(1, 4, 5, 5, requires_grad=True)), StyleLoss(torch.rand(1, 4, 7, 3, requires_grad=True))):
        assert layer(features) is features and layer.loss > 0 and not layer.target.requires_grad
    same = StyleLoss(features)
    same(features)
    assert float(same.loss) == 0
