"""nst.training.perceptual against Gatys' objective, and its recipes."""

from __future__ import annotations

import hashlib
import json
import warnings

import pytest
import torch
from torch import nn

import nst
from nst import losses
from nst.gatys import Objective
from nst.training import together
from nst.training.datasets import Batch
from nst.training.perceptual import PerceptualConfig, PerceptualLoss


@pytest.fixture(scope="module")
def encoder() -> nst.VGG19:
    return nst.VGG19.load("lite")


@pytest.mark.parametrize(("recipe", "changes"), [
    ("default", {}), ("johnson_paper", {}), ("johnson_code", {}), ("pytorch_examples", {}),
    ("johnson_code", {"gram_divide_by": "hw"}),
])  # fmt: skip
def test_it_is_gatys_loss_of_the_output(recipe: str, changes: dict, encoder: nst.VGG19):
    """For one picture, the network's loss is what Gatys' objective says of its output, part by part."""
    config = getattr(PerceptualConfig, recipe)(range_weight=0.0, style_warmup=0, match_weight=1.5, **changes)
    style, photo = nst.assets.picture("cut_paper", 256), torch.rand(1, 3, 64, 64)
    net = nn.Conv2d(3, 3, 1)
    gatys = nst.GatysConfig(**{k: v for k, v in vars(config).items() if k not in ("range_weight", "style_warmup", "network")})
    expected = Objective(gatys, encoder, photo, style)(net(photo))
    parts = PerceptualLoss(config, encoder, style)(net, encoder, Batch(photo, None, []), 0)
    for name, value in parts.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-9)


def test_published_numbers():
    assert PerceptualConfig.johnson_paper().content_layers == ("relu2_2",)
    assert PerceptualConfig.johnson_code().content_layers == ("relu3_3",) and PerceptualConfig.johnson_code().style_weight == 5
    recipe = PerceptualConfig.pytorch_examples()
    assert (recipe.content_weight, recipe.style_weight, recipe.tv_weight) == (1e5, 1e10, 0)
    assert recipe.style_layers == ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
    assert recipe.network == "torchvision's VGG-16, ImageNet normalisation"
    paper = PerceptualConfig.johnson_paper()
    assert (paper.style_weight, paper.tv_weight, paper.content_form, paper.style_form) == (5, 1e-6, "mean", "mean")
    assert paper.network == "VGG-16, BGR 0-255" == PerceptualConfig.johnson_code().network
    assert PerceptualConfig.default(style_weight=3.0).style_weight == 3.0
    ours = PerceptualConfig.default()  # as data/README.md says of the shipped networks
    assert (ours.style_weight, ours.tv_weight, ours.range_weight, ours.content_form) == (1, 5, 10, "batch")
    assert ours.style_warmup == 300


def test_the_weights_of_another_network_are_warned_of(encoder: nst.VGG19):
    style = torch.rand(1, 3, 64, 64)
    with pytest.warns(UserWarning, match="^this recipe's weights are stated for VGG-16, BGR 0-255; on this encoder"):
        PerceptualLoss(PerceptualConfig.johnson_paper(), encoder, style)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        PerceptualLoss(PerceptualConfig.default(), encoder, style)


@pytest.mark.parametrize("form", ["batch", "relative", "mean"])
def test_the_batchs_variance_is_that_of_all_processes_pictures(form: str, encoder: nst.VGG19, monkeypatch: pytest.MonkeyPatch):
    """And it is asked for, which all processes have to do together, where it is needed only."""
    loss = PerceptualLoss(PerceptualConfig.default(content_form=form), encoder, nst.assets.picture("cut_paper", 64))
    batch, asked = Batch(torch.rand(2, 3, 32, 32), None, []), []
    alone = float(loss(torch.sqrt, encoder, batch, 0)["content"])
    monkeypatch.setattr(together, "variance", lambda x: asked.append(x) or 4 * x.var(correction=0))
    assert float(loss(torch.sqrt, encoder, batch, 0)["content"]) == pytest.approx(alone / 4 if form == "batch" else alone)
    assert len(asked) == (form == "batch")


def test_the_parts_of_given_features_are_those_of_a_step(encoder: nst.VGG19):
    config = PerceptualConfig.default(match_weight=2.0, match_positions=20, style_warmup=0)
    loss, batch = PerceptualLoss(config, encoder, nst.assets.picture("cut_paper", 64)), Batch(torch.rand(1, 3, 32, 32), None, [])
    parts = loss.parts(batch.content.sqrt(), encoder(batch.content, config.content_layers), encoder)
    assert parts == loss(torch.sqrt, encoder, batch, 0)


def test_as_many_places_are_matched_as_the_recipe_says_other_ones_in_each_step(encoder: nst.VGG19, monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(losses, "match", lambda config, found, matches: seen.append(matches) or torch.zeros(()))
    config = PerceptualConfig.default(match_weight=2.0, match_positions=20)
    loss, batch = PerceptualLoss(config, encoder, nst.assets.picture("cut_paper", 64)), Batch(torch.rand(1, 3, 64, 64), None, [])
    for step in (0, 1):
        loss(nn.Identity(), encoder, batch, step)
    for layer in config.match_layers:
        ((first, place),), ((second, other),) = (matches[layer] for matches in seen)
        assert len(set(first.tolist())) == 20 == place.shape[-1] and sorted(first.tolist()) != sorted(second.tolist())
        assert not torch.equal(place.sum(-1), other.sum(-1))


def test_a_recipe_is_read_back_from_a_file(tmp_path):
    recipe = PerceptualConfig.default(style_layers=("relu1_1", "relu2_1"), style_layer_weights=(1.0, 0.5), match_weight=2.0)
    nst.TransformerNet(2).save(tmp_path / "net.safetensors", {"loss": vars(recipe)})
    assert PerceptualConfig.recorded(nst.load_style(tmp_path / "net.safetensors").metadata["loss"]) == recipe


def test_style_is_warmed_up(encoder: nst.VGG19):
    loss = PerceptualLoss(PerceptualConfig.default(style_warmup=10), encoder, nst.assets.picture("cut_paper", 256))
    batch = Batch(torch.rand(1, 3, 48, 48), None, [])
    parts = [loss(nn.Identity(), encoder, batch, step) for step in (0, 4, 9, 99)]
    last = float(parts[3]["style"])
    assert [float(p["style"]) / last for p in parts] == pytest.approx([0.1, 0.5, 1.0, 1.0], rel=1e-5)
    assert all(float(p["content"]) == 0 for p in parts)


def test_leaving_the_range_costs(encoder: nst.VGG19):
    loss = PerceptualLoss(PerceptualConfig.default(range_weight=4.0), encoder, nst.assets.picture("cut_paper", 256))
    batch = Batch(torch.full((1, 3, 32, 32), 1.5), None, [])
    assert float(loss(nn.Identity(), encoder, batch, 0)["range"]) == pytest.approx(4 * 0.25)


def test_the_style_has_one_size(encoder: nst.VGG19):
    """Its strokes are as large as at 256 px, however large the file is."""
    small, large = (PerceptualLoss(PerceptualConfig.default(), encoder, nst.assets.picture("rose_window", n)) for n in (256, 512))
    for layer, gram in small.grams.items():
        assert float((gram - large.grams[layer]).norm() / gram.norm()) < 0.07  # unscaled, at 512 px, it is 0.27 to 0.70


@pytest.mark.parametrize(("style", "said"), [(torch.rand(1, 3, 20, 200), r"^style: \(20, 200\) is too small, .*at least 64 px"),
                                             (torch.rand(2, 3, 80, 80), "style: expected one picture")])  # fmt: skip
def test_bad_styles(style: torch.Tensor, said: str, encoder: nst.VGG19):
    with pytest.raises(ValueError, match=said):
        PerceptualLoss(PerceptualConfig.default(), encoder, style)


def test_no_gradient_reaches_the_encoder_or_the_target(encoder: nst.VGG19):
    thawed = nst.VGG19.load("lite").requires_grad_()
    loss = PerceptualLoss(PerceptualConfig.default(), thawed, nst.assets.picture("cut_paper", 64))
    assert not any(gram.requires_grad for gram in loss.grams.values())
    batch = Batch(torch.rand(2, 3, 32, 32), None, [])
    net = nn.Conv2d(3, 3, 1)
    sum(loss(net, encoder, batch, 0).values()).backward()
    assert net.weight.grad.abs().sum() > 0 and all(p.grad is None for p in encoder.parameters())


def test_a_batch_costs_the_mean_of_its_pictures(encoder: nst.VGG19):
    recipe = PerceptualConfig.default(content_form="relative", tv_weight=0.0)
    loss = PerceptualLoss(recipe, encoder, nst.assets.picture("cut_paper", 64))
    pictures, net = torch.rand(3, 3, 32, 32) * torch.tensor([0.2, 0.6, 1.0]).view(3, 1, 1, 1), nn.Conv2d(3, 3, 1)
    whole = loss(net, encoder, Batch(pictures, None, []), 999)
    singles = [loss(net, encoder, Batch(x[None], None, []), 999) for x in pictures]
    for name, value in whole.items():
        torch.testing.assert_close(value, sum(part[name] for part in singles) / 3, rtol=1e-4, atol=1e-7)


def test_identity_tells_runs_apart(encoder: nst.VGG19):
    style = nst.assets.picture("cut_paper", 64)
    one, same = (PerceptualLoss(PerceptualConfig.default(), encoder, style).identity for _ in range(2))
    assert one == same and json.loads(json.dumps(one))["loss"]["tv_weight"] == PerceptualConfig.default().tv_weight
    assert PerceptualLoss(PerceptualConfig.default(), encoder, style.flip(-1)).identity["style"] != one["style"]
    assert one["style"] == hashlib.sha256((style * 255).round().byte().numpy()).hexdigest()


@pytest.mark.parametrize(("changes", "said"), [
    ({"content_form": "l1"}, "content_form='l1'"), ({"style_weight": -1.0}, "style_weight=-1.0"),
    ({"match_positions": 0}, "^match_positions=0: expected a whole number"),
    ({"tv_weight": float("nan")}, "tv_weight=nan"), ({"style_layer_weights": (1.0,)}, "one weight for each of the 5 layers, got 1"),
])  # fmt: skip
def test_bad_recipes(changes: dict, said: str):
    with pytest.raises(ValueError, match=said):
        PerceptualConfig.default(**changes)


def test_places_are_matched_anew_in_each_step(encoder: nst.VGG19):
    config = PerceptualConfig.default(match_weight=2.0, match_positions=50, style_warmup=0)
    loss, batch = PerceptualLoss(config, encoder, nst.assets.picture("cut_paper", 256)), Batch(torch.rand(2, 3, 64, 64), None, [])
    before = torch.get_rng_state()
    parts = [float(loss(nn.Identity(), encoder, batch, step)["match"]) for step in (0, 0, 1)]
    assert parts[0] == parts[1] != parts[2] and torch.equal(torch.get_rng_state(), before)
    singles = [float(loss(nn.Identity(), encoder, Batch(photo[None], None, []), 0)["match"]) for photo in batch.content]
    assert parts[0] == pytest.approx(sum(singles) / 2, rel=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert float(loss(nn.Identity(), encoder, batch, 0)["match"]) == pytest.approx(parts[0], rel=0.02)
    assert PerceptualLoss(PerceptualConfig.default(), encoder, torch.rand(1, 3, 64, 64)).maps == {}


def test_the_content_is_read_without_a_gradient_and_is_a_target_only(encoder: nst.VGG19):
    """Also where the pictures themselves want one, as in a search for the worst of them."""
    loss = PerceptualLoss(PerceptualConfig.default(tv_weight=0.0, range_weight=0.0), encoder, nst.assets.picture("cut_paper", 64))
    content = torch.rand(1, 3, 32, 32, requires_grad=True)
    still = torch.rand(1, 3, 32, 32, requires_grad=True)
    parts = loss(lambda x: still, encoder, Batch(content, None, []), 999)
    sum(parts.values()).backward()
    assert content.grad is None and still.grad.abs().sum() > 0


def test_roughness_is_that_of_the_painting(encoder: nst.VGG19):
    loss = PerceptualLoss(PerceptualConfig.default(tv_weight=3.0), encoder, nst.assets.picture("cut_paper", 64))
    rough, flat = torch.rand(1, 3, 32, 32), torch.full((1, 3, 32, 32), 0.5)
    painted = loss(lambda x: rough, encoder, Batch(flat, None, []), 999)["tv"]
    down, across = (rough[..., 1:, :] - rough[..., :-1, :]).square(), (rough[..., 1:] - rough[..., :-1]).square()
    assert float(painted) == pytest.approx(3 * float(down.mean() + across.mean()), rel=1e-5)
    assert float(loss(lambda x: flat, encoder, Batch(rough, None, []), 999)["tv"]) == 0
