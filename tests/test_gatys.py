"""Gatys' method: the loss written out, what the optimiser may and may not do, interrupts, recipes, bad input."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import nst
from nst import gatys, losses
from nst.gatys import GatysConfig, Objective, stylize
from nst.support import runtime

SMALL = GatysConfig.default(evaluations=12)


@pytest.fixture(scope="module")
def encoder():
    return nst.VGG19.load("lite")


@pytest.fixture(scope="module")
def pair():
    return nst.assets.picture("chelsea", 48), nst.assets.picture(nst.assets.styles()[0], 64)


def relative(a, b):
    return abs(float(a) - float(b)) / abs(float(b))


def test_the_objective_is_the_formula(encoder, pair):
    content, style = pair
    x = torch.rand_like(content)
    config = GatysConfig.default(style_weight=7.0, content_weight=2.0, tv_weight=0.5, match_weight=0.0)
    parts = Objective(config, encoder, content, style)(x)
    f, c = encoder(x, (*config.style_layers, *config.content_layers)), encoder(content, config.content_layers)
    s = encoder(style, config.style_layers)
    by_hand = {
        "content": sum(2 * ((f[k] - c[k]) ** 2).mean() / c[k].var(correction=0) for k in ("relu3_2", "relu4_2")),
        "style": 0.0,
        "tv": 0.5 * losses.total_variation(x),
    }
    for k in config.style_layers:
        g, a = (m[0].flatten(1) @ m[0].flatten(1).T / m[0].numel() for m in (f[k], s[k]))
        by_hand["style"] += 7 * ((g - a) ** 2).sum() / (a**2).sum()
    for name, value in by_hand.items():
        assert relative(parts[name], value) < 1e-4, name
    assert relative(parts["total"], sum(by_hand.values())) < 1e-4


def test_the_objective_equals_the_articles_transparent_layers(encoder):
    content, style = nst.assets.picture("chelsea", 48), nst.assets.picture("rocket", 48)
    x = torch.rand_like(content).requires_grad_()
    model, style_losses, content_losses = nst.get_style_model_and_losses(
        encoder.sequential(), encoder.mean, encoder.std, style, content
    )
    model(x)
    theirs = 1e6 * sum(s.loss for s in style_losses) + sum(c.loss for c in content_losses)
    ours = Objective(GatysConfig.article(), encoder, content, style)(x)["total"]
    assert relative(ours.detach(), theirs.detach()) < 1e-4
    g, t = (torch.autograd.grad(loss, x)[0] for loss in (ours, theirs))
    assert float((g - t).norm() / t.norm()) < 1e-3


@pytest.mark.parametrize("optimizer", gatys.OPTIMIZERS)
@pytest.mark.parametrize("start", gatys.STARTS)
def test_the_loss_falls_and_the_best_picture_comes_back(encoder, pair, optimizer, start):
    content, style = pair
    trace, pictures = [], []

    def note(step, parts, picture):
        assert step == len(trace) + 1 and relative(parts["total"], sum(v for k, v in parts.items() if k != "total")) < 1e-5
        assert list(parts) == ["total", "content", "style", "match", "tv"]
        trace.append(parts["total"])
        pictures.append((picture, picture.clone()))  # as it was when its losses were told

    config = replace(SMALL, optimizer=optimizer, start=start)
    before = content.clone(), style.clone()
    result = stylize(content, style, config=config, encoder=encoder, callback=note)
    assert len(trace) == 12 and min(trace) < 0.9 * trace[0]
    assert torch.equal(result, pictures[trace.index(min(trace))][1])
    assert all(torch.equal(kept, then) for kept, then in pictures)  # nobody paints over what the callback keeps
    assert result.shape == content.shape and float(result.min()) >= 0 and float(result.max()) <= 1
    assert torch.equal(content, before[0]) and torch.equal(style, before[1])


@pytest.mark.parametrize("recipe", ["default", "article"])
def test_bfloat16_has_the_loss_and_the_gradient_of_float32(encoder, pair, recipe):
    content, style = pair
    losses, gradients = [], []
    for precision in gatys.PRECISIONS:
        config = getattr(GatysConfig, recipe)(precision=precision)
        x = torch.rand(content.shape, generator=torch.Generator().manual_seed(0)).requires_grad_()
        losses.append(Objective(config, encoder, content, style)(x)["total"])
        gradients += torch.autograd.grad(losses[-1], x)
    assert losses[1].dtype == torch.float32 and relative(losses[1].detach(), losses[0].detach()) < 5e-3
    assert float((gradients[1] - gradients[0]).norm() / gradients[0].norm()) < 0.1


def test_a_search_in_bfloat16_ends_about_as_low(encoder, pair):
    content, style = pair
    exact, shown = GatysConfig.article(evaluations=60), []
    rounded = replace(exact, precision="bfloat16")
    objective = Objective(exact, encoder, content, style)  # in float32
    wanted = stylize(content, style, config=exact, encoder=encoder)
    found = stylize(content, style, config=rounded, encoder=encoder, callback=lambda step, parts, x: shown.append(parts["total"]))
    start, wanted_loss, loss = (objective(x)["total"].item() for x in (content, wanted, found))
    assert found.dtype == torch.float32 and found.is_contiguous()
    assert loss < 1.2 * wanted_loss < 0.1 * start, (start, wanted_loss, loss)
    assert min(shown) == pytest.approx(loss, rel=0.01)  # the callback's losses are to be believed


def test_adam_never_diverges(encoder, pair):
    """Steps of half the range make the loss rise; what comes back is the best picture, and its loss is the one that was told."""
    content, style = pair
    trace, config = [], replace(SMALL, optimizer="adam", learning_rate=0.5, evaluations=8)
    result = stylize(content, style, config=config, encoder=encoder, callback=lambda i, parts, p: trace.append(parts["total"]))
    assert max(trace) > 2 * min(trace)
    assert relative(Objective(config, encoder, content, style)(result)["total"], min(trace)) < 1e-5
    once = replace(config, evaluations=1)
    assert torch.equal(stylize(content, style, config=once, encoder=encoder), content)  # one evaluation: of the content


def test_noise_is_drawn_at_the_first_scale(encoder):
    """Made smaller, noise is grey: of a standard deviation of 0.06 in place of 0.29."""
    first = []
    config = replace(SMALL, start="noise", scales=2, evaluations=1)
    stylize(torch.rand(1, 3, 128, 128), torch.rand(1, 3, 128, 128), config=config, encoder=encoder,
            callback=lambda i, parts, p: first.append(p))  # fmt: skip
    assert first[0].shape[-2:] == (64, 64) and float(first[0].std()) == pytest.approx(12**-0.5, rel=0.02)


def test_a_picture_that_is_its_own_style_needs_no_search(encoder, pair):
    content, _ = pair
    steps = []
    config = replace(SMALL, evaluations=60, tv_weight=0.0)
    stylize(content, content, config=config, encoder=encoder, callback=lambda step, parts, p: steps.append(parts["total"]))
    assert steps == [0.0]


def test_the_same_seed_gives_the_same_picture(encoder, pair):
    results = []
    for _ in range(2):
        nst.seed(5)
        results.append(stylize(*pair, config=replace(SMALL, start="noise", evaluations=4), encoder=encoder))
    assert torch.equal(*results)


def test_several_scales_keep_an_odd_size_and_count_on(encoder):
    content, style = torch.rand(1, 3, 131, 141), torch.rand(1, 3, 150, 128)
    steps = []
    result = stylize(
        content,
        style,
        config=replace(SMALL, scales=2, evaluations=3),
        encoder=encoder,
        callback=lambda step, parts, p: steps.append((step, p.shape[-1])),
    )
    assert result.shape == content.shape
    assert steps == [(1, 71), (2, 71), (3, 71), (4, 141), (5, 141), (6, 141)]


def test_a_given_start_is_used(encoder, pair):
    content, style = pair
    start, seen = torch.rand_like(content), []
    config = replace(SMALL, evaluations=1)
    stylize(content, style, config=config, start=start, callback=lambda step, parts, p: seen.append(p), encoder=encoder)
    assert torch.equal(seen[0], start)


def test_an_interrupt_returns_the_best_picture_so_far(encoder, pair):
    content, style = pair
    trace, pictures = [], []

    def stop(step, parts, picture):
        trace.append(parts["total"]), pictures.append(picture)
        if step == 7:
            raise KeyboardInterrupt

    result = stylize(content, style, config=SMALL, encoder=encoder, callback=stop)
    assert len(trace) == 7 and torch.equal(result, pictures[trace.index(min(trace))])


def test_an_interrupt_on_the_coarse_scale_returns_the_contents_size(encoder, pair):
    content, style = pair
    large, style = nst.images.resize(content, 128), nst.images.resize(style, 128)

    def stop(step, parts, picture):
        raise KeyboardInterrupt

    assert stylize(large, style, config=replace(SMALL, scales=2), encoder=encoder, callback=stop).shape == large.shape


@pytest.mark.parametrize("recipe", ["default", "article", "paper", "gatys_notebook"])
def test_no_recipe_diverges(encoder, pair, recipe):
    """The published weights are far from this network's scale: some losses begin at 1e8. None may end above its start."""
    content, style = pair
    trace = []
    result = stylize(
        content,
        style,
        config=getattr(GatysConfig, recipe)(evaluations=15),
        encoder=encoder,
        callback=lambda i, parts, p: trace.append(parts["total"]),
    )
    assert torch.isfinite(result).all() and min(trace) < trace[0] and trace[-1] < 10 * min(trace) + 1e-9


def test_flat_black_and_identical_pictures_stay_finite(encoder):
    grey, black = torch.full((1, 3, 40, 40), 0.5), torch.zeros(1, 3, 40, 40)
    for content, style in ((grey, black), (black, grey), (grey, grey)):
        assert torch.isfinite(stylize(content, style, config=replace(SMALL, evaluations=5), encoder=encoder)).all()


def test_recipes_state_the_published_numbers():
    article, paper, notebook = GatysConfig.article(), GatysConfig.paper(), GatysConfig.gatys_notebook()
    assert (article.style_weight, article.content_weight, article.evaluations) == (1e6, 1, 300)
    assert article.content_layers == ("conv2_2",) and article.style_layers[-1] == "conv3_1"
    assert (paper.content_weight / paper.style_weight, paper.start, paper.style_layer_weights) == (1e-3, "noise", (0.2,) * 5)
    assert notebook.style_weight * notebook.style_layer_weights[0] == pytest.approx(1e3 / 64**2)
    assert "Caffe" in notebook.network and "torchvision" in article.network
    assert GatysConfig.default(style_weight=9).style_weight == 9


@pytest.mark.parametrize("change, words", [
    ({"optimizer": "sgd"}, "optimizer='sgd'"), ({"start": "white"}, "start='white'"), ({"evaluations": 0}, "evaluations=0"),
    ({"scales": 1.5}, "scales=1.5"), ({"style_weight": -1}, "style_weight=-1"),
    ({"content_weight": float("nan")}, "content_weight=nan"),
    ({"style_form": "l1"}, "style_form='l1'"), ({"style_layer_weights": (1.0,)}, "one weight for each of the 5"),
    ({"precision": "int8"}, "precision='int8'"),
    ({"learning_rate": -1}, "learning_rate=-1"), ({"style_layer_weights": (-1.0,) * 5}, "style_layer_weights\\[0\\]=-1.0"),
    ({"evaluations": True}, "evaluations=True"), ({"style_weight": "much"}, "style_weight='much'"),
    ({"style_layers": ()}, "style_layers is empty"), ({"content_layers": ()}, "content_layers is empty"),
])  # fmt: skip
def test_a_wrong_recipe_is_refused_by_name(change, words):
    with pytest.raises(ValueError, match=words.replace("(", r"\(")):
        GatysConfig.default(**change)


def test_bad_pictures_are_refused_by_name(encoder, pair):
    content, style = pair
    nan = content.clone()
    nan[0, 0, 0, 0] = float("nan")
    cases = (
        (nan, ValueError, "content: holds NaN"),
        (content[0], ValueError, "content: expected the shape"),
        ((content * 255).to(torch.uint8), TypeError, "content: expected floats"),
        ("a.jpg", TypeError, "content: expected a tensor"),
        (torch.rand(2, 3, 48, 48), ValueError, "content: expected one picture.*batch of 2"),
        (torch.rand(1, 3, 1, 1), ValueError, "1 x 1 px is too small"),
        (torch.rand(1, 3, 20, 90), ValueError, "90 x 20 px is too small for relu5_1: it needs at least 32 px"),
    )
    for bad, error, words in cases:
        with pytest.raises(error, match=words):
            stylize(bad, style, config=SMALL, encoder=encoder)
    with pytest.raises(ValueError, match="style: holds NaN"):
        stylize(content, nan, config=SMALL, encoder=encoder)
    for path in ("a.jpg", Path("a.jpg"), 3):
        with pytest.raises(TypeError, match="style: expected a picture .*load_image reads a file"):
            stylize(content, path, config=SMALL, encoder=encoder)
    with pytest.raises(ValueError, match="start: expected the content's shape"):
        stylize(content, style, config=SMALL, encoder=encoder, start=torch.rand(1, 3, 40, 40))
    with pytest.raises(ValueError, match="unknown layer 'relu9_9'"):
        stylize(content, style, config=replace(SMALL, content_layers=("relu9_9",)), encoder=encoder)


def test_the_progress_bar_counts_evaluations(encoder, pair, monkeypatch):
    bars = []
    real = runtime.progress
    monkeypatch.setattr(gatys, "progress", lambda total, name: bars.append(real(total, name)) or bars[-1])
    stylize(*pair, config=replace(SMALL, evaluations=6, optimizer="adam"), encoder=encoder)
    assert bars[0].total == 6 and (bars[0].n == 6 or bars[0].disable)


def test_scales_too_small_to_see_are_left_out(encoder):
    picture, sides = torch.rand(1, 3, 128, 150), []
    config = GatysConfig.default(evaluations=1)
    style = torch.rand(1, 3, 300, 300)
    stylize(picture, style, config=config, callback=lambda step, parts, p: sides.append(p.shape[-2]), encoder=encoder)
    assert config.scales == 3 and sides == [64, 128]


# --- several styles, masks, colours -----------------------------------------------------------------------------------------------


def test_style_weights_mix_gram_matrices():
    encoder, content, a, b = nst.VGG19.load("lite"), torch.rand(1, 3, 48, 48), torch.rand(1, 3, 40, 40), torch.rand(1, 3, 44, 40)
    config = nst.GatysConfig(style_layers=("relu1_1", "relu2_1"), content_layers=("relu2_1",))
    mixed = Objective(config, encoder, content, nst.controls.StyleMix.of(content, [a, b], [3, 1]))
    alone = [Objective(config, encoder, content, style) for style in (a, b)]
    for layer in config.style_layers:
        torch.testing.assert_close(mixed.grams[layer], 0.75 * alone[0].grams[layer] + 0.25 * alone[1].grams[layer])


def test_a_masked_style_is_asked_for_in_its_mask_only():
    """Against the Gram matrix of the masked half alone, at a layer where half of the picture is half of the positions."""
    encoder, content, style = nst.VGG19.load("lite"), torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    left = torch.zeros(32, 32)
    left[:, :16] = 1
    config = nst.GatysConfig(style_layers=("relu1_1",), content_layers=("relu1_1",), content_weight=0.0, style_weight=1.0)
    objective = Objective(config, encoder, content, nst.controls.StyleMix.of(content, style, masks=[left]))
    with torch.no_grad():
        half = nst.gram_matrix(encoder(content, ["relu1_1"])["relu1_1"][..., :16])
        target = nst.gram_matrix(encoder(style, ["relu1_1"])["relu1_1"])
        expected = (half - target).square().sum() / target.square().sum()
        torch.testing.assert_close(objective(content)["style"], expected)


def test_everywhere_is_no_mask_and_one_style_is_itself():
    content, a, b = torch.rand(1, 3, 40, 44), torch.rand(1, 3, 40, 40), torch.rand(1, 3, 40, 40)
    config = nst.GatysConfig(style_layers=("relu1_1",), content_layers=("relu2_1",), evaluations=6)
    plain = stylize(content, a, config=config)
    torch.testing.assert_close(stylize(content, a, config=config, masks=[torch.ones(40, 44)]), plain, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(stylize(content, [a, b], config=config, style_weights=[1, 0]), plain, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("how", ["luminance", "coral"])
def test_colours_are_kept(how: str):
    content, style = nst.assets.picture("coffee", 48), nst.assets.picture("night_orchard", 48)
    config = nst.GatysConfig(style_layers=("relu1_1",), content_layers=("relu2_1",), style_weight=100.0, evaluations=15)
    plain, kept = (stylize(content, style, config=config, preserve_color=h) for h in (False, how))

    def tint(picture):  # red less blue
        return float((picture[:, 0] - picture[:, 2]).mean())

    assert abs(tint(kept) - tint(content)) < 0.5 * abs(tint(plain) - tint(content))


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_a_loss_that_is_not_finite_is_said_at_its_evaluation(optimizer: str):
    """From the first one on; and later in Adam, which would go on with NaN. L-BFGS then only takes a shorter step."""
    content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)

    class Breaking(nn.Module):
        def __init__(self, after: int):
            super().__init__()
            self.left, self.encoder = after, nst.VGG19((2, 2, 2, 2, 2))
            self.requires_grad_(False)

        def forward(self, picture, layers):
            self.left -= picture.requires_grad
            found = self.encoder(picture, layers)
            return found if self.left >= 0 else {k: v * float("nan") for k, v in found.items()}

    config = GatysConfig.default(optimizer=optimizer, evaluations=8, scales=1)
    with pytest.raises(FloatingPointError, match=r"^evaluation 1: the loss is not finite \(total nan, content nan"):
        gatys.stylize(content, style, config=config, encoder=Breaking(0))
    if optimizer == "adam":
        with pytest.raises(FloatingPointError, match="^evaluation 4: "):
            gatys.stylize(content, style, config=config, encoder=Breaking(3))
    else:
        assert gatys.stylize(content, style, config=config, encoder=Breaking(3)).isfinite().all()


MATCHING = GatysConfig.default(match_weight=3.0, match_positions=10_000)  # all positions there are


def test_places_are_matched_by_the_formula(encoder, pair):
    content, style = pair
    x = torch.rand_like(content)
    part = Objective(MATCHING, encoder, content, style)(x)["match"]
    found, wanted = encoder(x, MATCHING.match_layers), encoder(style, MATCHING.match_layers)
    by_hand = sum(3 * losses.relaxed_emd(found[k].flatten(2), wanted[k].flatten(2)) for k in MATCHING.match_layers)
    assert relative(part, by_hand) < 1e-5
    some = replace(MATCHING, match_positions=100)
    before = torch.get_rng_state()
    again = [float(Objective(some, encoder, content, style)(x)["match"]) for _ in range(2)]
    assert again[0] == again[1] != float(part) and torch.equal(torch.get_rng_state(), before)


def test_a_weight_of_0_matches_nothing_and_asks_for_no_layer(pair):
    asked = []

    class Watched(nn.Module):
        def __init__(self):
            super().__init__()
            self.vgg = nst.VGG19.load("lite")

        def forward(self, picture, layers):
            asked.append(set(layers))
            return self.vgg(picture, layers)

    config = GatysConfig(content_layers=("relu2_1",), style_layers=("relu1_1",))
    parts = Objective(config, Watched(), *pair)(pair[0])
    assert "match" not in parts and set().union(*asked) == {"relu1_1", "relu2_1"}


def test_matched_places_of_several_styles_by_weight_and_by_mask(encoder):
    content, styles = torch.rand(1, 3, 64, 64), [torch.rand(1, 3, 64, 64) ** k for k in (1, 4)]
    x = torch.rand_like(content)

    def match(weights=None, masks=None, config=MATCHING):
        return float(Objective(config, encoder, content, gatys.StyleMix.of(content, styles, weights, masks))(x)["match"])

    alone = [float(Objective(MATCHING, encoder, content, style)(x)["match"]) for style in styles]
    assert match([1.0, 0.0]) == alone[0] and match([0.0, 1.0]) == alone[1]
    both = float(Objective(replace(MATCHING, match_positions=10), encoder, content, styles[0])(x)["match"])
    assert match([1.0, 1.0]) not in (*alone, both)
    full, none = torch.ones(1, 1, 64, 64), torch.zeros(1, 1, 64, 64)
    assert match(masks=[full, none]) == pytest.approx(alone[0], rel=0.01)  # drawn again and again: nearly all positions
    half = full.clone()
    half[..., :32] = 0
    objective = Objective(MATCHING, encoder, content, gatys.StyleMix.of(content, styles, masks=[half, full - half]))
    picture = x.clone().requires_grad_()
    found = encoder(picture, ["relu3_1"])["relu3_1"]
    (where, places), (other, _) = objective.matches["relu3_1"]
    assert places.shape[1:] == (256, 256) and int((where % 16).min()) >= 8 and int((other % 16).max()) < 8
    gradient = torch.autograd.grad(losses.relaxed_emd(losses.places(found, where), places), found)[0]
    assert float(gradient[..., :8].abs().max()) == 0 < float(gradient[..., 8:].abs().max())


def test_a_callback_may_write_into_its_picture():
    content, style = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32)
    config = GatysConfig(evaluations=6)
    plain = stylize(content, style, config=config)
    assert torch.equal(stylize(content, style, config=config, callback=lambda step, losses, picture: picture.mul_(0)), plain)
