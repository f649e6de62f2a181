"""nst.adain against its formula in numpy, and its properties."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import nst
from nst import adain, texture
from nst.adain import AdaINLoss, adaptive_instance_norm, mean_and_std, statistics_loss
from nst.covariance import transport
from nst.decoders import Decoder, padded
from nst.losses import relaxed_emd
from nst.training.datasets import Batch


@pytest.fixture(scope="module")
def encoder() -> nst.VGG19:
    return nst.VGG19.load("lite")


@pytest.fixture(scope="module")
def decoder() -> Decoder:
    torch.manual_seed(3)
    return Decoder("relu4_1").requires_grad_(False)


def test_against_numpy():
    x, y = torch.rand(2, 5, 7, 6), 3 * torch.rand(2, 5, 4, 9) - 1
    a, b = x.double().numpy(), y.double().numpy()
    axes = {"axis": (2, 3), "keepdims": True}
    expected = b.std(**axes) * (a - a.mean(**axes)) / a.std(**axes) + b.mean(**axes)
    np.testing.assert_allclose(adaptive_instance_norm(x, y).numpy(), expected, atol=1e-3)


def test_statistics_match_afterwards():
    x, y = torch.randn(3, 8, 20, 20, dtype=torch.float64) * 5, torch.randn(1, 8, 9, 30, dtype=torch.float64) * 2 + 1
    made = adaptive_instance_norm(x, y)
    for got, wanted in zip(mean_and_std(made), mean_and_std(y), strict=True):
        torch.testing.assert_close(got, wanted.expand_as(got), rtol=1e-5, atol=1e-5)


def test_its_own_statistics_change_nothing():
    x = torch.rand(1, 4, 8, 8)
    torch.testing.assert_close(adaptive_instance_norm(x, x), x)


def test_a_batch_equals_its_singles():
    x, y = torch.rand(3, 4, 8, 8), torch.rand(3, 4, 6, 6)
    singles = [adaptive_instance_norm(x[k : k + 1], y[k : k + 1]) for k in range(3)]
    torch.testing.assert_close(adaptive_instance_norm(x, y), torch.cat(singles))


def test_dead_channels_and_single_positions_stay_finite():
    x = torch.zeros(1, 4, 1, 1, requires_grad=True)
    made = adaptive_instance_norm(x, torch.rand(1, 4, 1, 1))
    made.sum().backward()
    assert torch.isfinite(made).all() and torch.isfinite(x.grad).all()


def test_a_mask_takes_the_statistics_of_its_positions():
    x, y, mask = torch.rand(1, 3, 6, 6, dtype=torch.float64), torch.rand(1, 3, 5, 5, dtype=torch.float64), torch.zeros(1, 1, 6, 6)
    mask[..., :3] = 1
    left = adaptive_instance_norm(x[..., :3], y)
    torch.testing.assert_close(adaptive_instance_norm(x, y, mask)[..., :3], left)


def test_statistics_under_a_mask_are_weighted_ones():
    """Against numpy's averages; the mask's scale does not matter, and of one position the variance is 0."""
    x, soft = torch.rand(2, 3, 5, 6, dtype=torch.float64), torch.rand(1, 1, 5, 6, dtype=torch.float64)
    flat, w = x.flatten(2).numpy(), soft.flatten().numpy()
    mean = np.average(flat, axis=2, weights=w)
    variance = np.average((flat - mean[..., None]) ** 2, axis=2, weights=w)
    for mask in (soft, 1e-4 * soft):
        found = mean_and_std(x, mask)
        np.testing.assert_allclose(found[0][..., 0, 0], mean)
        np.testing.assert_allclose(found[1][..., 0, 0], np.sqrt(variance + 1e-5))
    single = torch.zeros(1, 1, 5, 6)
    single[..., 2, 3] = 1
    torch.testing.assert_close(mean_and_std(x, single)[1], torch.full((2, 3, 1, 1), 1e-5, dtype=torch.float64).sqrt())


def test_a_map_of_two_positions_by_hand():
    """The variance of 1 and 5 is 4 (divided by two, not by one)."""
    mean, std = mean_and_std(torch.tensor([1.0, 5.0], dtype=torch.float64).reshape(1, 1, 1, 2))
    assert (float(mean), float(std)) == (3.0, pytest.approx(np.sqrt(4 + 1e-5), rel=1e-12))


def test_channels_must_agree():
    with pytest.raises(ValueError, match="style_features: expected 4 channels, got 5"):
        adaptive_instance_norm(torch.rand(1, 4, 2, 2), torch.rand(1, 5, 2, 2))


# --- pictures ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(257, 191), (20, 20), (33, 40)])
def test_the_size_stays(size: tuple[int, int], encoder: nst.VGG19, decoder: Decoder):
    made = adain.stylize(torch.rand(2, 3, *size), torch.rand(1, 3, 50, 44), encoder=encoder, decoder=decoder)
    assert made.shape == (2, 3, *size) and 0 <= made.min() and made.max() <= 1


def test_no_style_and_its_own_style_are_the_reconstruction(encoder: nst.VGG19, decoder: Decoder):
    content = torch.rand(1, 3, 48, 64)
    with torch.no_grad():
        plain = decoder(encoder(padded(content), ["relu4_1"])["relu4_1"]).clamp(0, 1)
    networks = {"encoder": encoder, "decoder": decoder}
    made = [
        adain.stylize(content, torch.rand(1, 3, 40, 40), alpha=0, **networks),
        adain.stylize(content, content, palette=False, **networks),
    ]
    for picture in made:
        torch.testing.assert_close(picture, plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("picture", [torch.zeros(1, 3, 40, 40), torch.ones(1, 3, 33, 47), torch.full((1, 3, 7, 200), 0.3)])
def test_flat_pictures_stay_finite(picture: torch.Tensor, encoder: nst.VGG19, decoder: Decoder):
    for content, style in ((picture, torch.rand(1, 3, 40, 40)), (torch.rand(1, 3, 40, 40), picture)):
        assert torch.isfinite(adain.stylize(content, style, encoder=encoder, decoder=decoder)).all()


def test_several_styles(encoder: nst.VGG19, decoder: Decoder):
    content, a, b = torch.rand(1, 3, 48, 64), torch.rand(1, 3, 40, 40) * 0.3, torch.rand(1, 3, 40, 40) * 0.3 + 0.7
    networks = {"encoder": encoder, "decoder": decoder}
    only_a, only_b = (adain.stylize(content, s, **networks) for s in (a, b))
    torch.testing.assert_close(adain.stylize(content, [a, b], style_weights=[2, 0], **networks), only_a)
    half = adain.stylize(content, [a, b], **networks)
    assert not torch.allclose(half, only_a, atol=1e-5) and not torch.allclose(half, only_b, atol=1e-5)
    everywhere, nowhere = torch.ones(48, 64), torch.zeros(1, 1, 48, 64)
    torch.testing.assert_close(
        adain.stylize(content, [a, b], masks=[everywhere, nowhere], **networks), only_a, atol=1e-4, rtol=1e-4
    )


@pytest.mark.parametrize("how", [False, True, "luminance", "coral"])
def test_a_batch_of_pictures_equals_its_singles(how, encoder: nst.VGG19, decoder: Decoder):
    contents, style = torch.rand(2, 3, 40, 48) * torch.tensor([0.5, 1]).view(2, 1, 1, 1), torch.rand(1, 3, 40, 40)
    settings = {"preserve_color": how, "encoder": encoder, "decoder": decoder}
    singles = [adain.stylize(content[None], style, **settings) for content in contents]
    torch.testing.assert_close(adain.stylize(contents, style, **settings), torch.cat(singles), atol=1e-4, rtol=1e-4)


def test_alpha_blends_features_not_pictures(encoder: nst.VGG19, decoder: Decoder):
    content, style = torch.rand(1, 3, 48, 64), torch.rand(1, 3, 48, 48) ** 3
    with torch.no_grad():
        x, y = (encoder(p, ["relu4_1"])["relu4_1"] for p in (content, style))
        expected = decoder(0.7 * x + 0.3 * adaptive_instance_norm(x, y)).clamp(0, 1)
    made = adain.stylize(content, style, alpha=0.3, palette=False, encoder=encoder, decoder=decoder)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)


def statistics(picture: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    pixels = picture.flatten(2)[0].double().numpy()
    return pixels.mean(1), np.cov(pixels)


def test_the_palette_is_the_styles(encoder: nst.VGG19, decoder: Decoder):
    """Mean and covariance of the pixels; of dull styles, so that nothing is clipped."""
    content, style = torch.rand(1, 3, 48, 64), 0.5 + 0.02 * torch.randn(3, 3) @ torch.randn(1, 3, 48 * 40)
    style = style.reshape(1, 3, 48, 40)
    made = adain.stylize(content, style, encoder=encoder, decoder=decoder)
    assert 0 < made.min() and made.max() < 1
    for got, wanted in zip(statistics(made), statistics(style), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-3, atol=1e-6)
    plain = adain.stylize(content, style, palette=False, encoder=encoder, decoder=decoder)
    assert not np.allclose(statistics(plain)[1], statistics(style)[1], rtol=0.1)


@pytest.mark.parametrize("how", ["alpha", "weights", "masks"])
def test_the_palette_comes_in_the_amounts_asked_for(how: str, encoder: nst.VGG19, decoder: Decoder):
    """Written out on what the decoder paints: alpha of the way, the mean of two palettes, each within its mask."""
    content, styles = torch.rand(1, 3, 48, 64), [torch.rand(1, 3, 48, 48) ** 3, torch.rand(1, 3, 40, 40) ** 0.5]
    left = torch.zeros(1, 1, 48, 64)
    left[..., :24] = 1
    given = {"alpha": {"alpha": 0.3}, "weights": {"style_weights": [1, 3]}, "masks": {"masks": [left, 1 - left]}}[how]
    given |= {"encoder": encoder, "decoder": decoder, "style": styles[:1] if how == "alpha" else styles}
    with torch.no_grad():
        calm = Decoder("relu4_1").requires_grad_(False)  # nothing that it paints is clipped
        calm.load_state_dict(decoder.state_dict())
        calm.conv1_1.weight.mul_(0.1)
        calm.conv1_1.bias.fill_(0.5)
    given["decoder"] = calm
    plain = adain.stylize(content, palette=False, **given)
    assert 0 < plain.min() and plain.max() < 1
    if how == "alpha":
        expected = 0.7 * plain + 0.3 * transport(plain, styles[0])
    elif how == "weights":
        expected = 0.25 * transport(plain, styles[0]) + 0.75 * transport(plain, styles[1])
    else:
        expected = sum(m * transport(plain, s, m) for m, s in zip((left, 1 - left), styles, strict=True))
    torch.testing.assert_close(adain.stylize(content, **given), expected.clamp(0, 1), atol=1e-4, rtol=1e-4)


def test_masks_of_a_few_pixels_stay_finite(encoder: nst.VGG19, decoder: Decoder):
    content, styles, mask = torch.rand(1, 3, 48, 48), [torch.rand(1, 3, 40, 40)] * 2, torch.zeros(48, 48)
    mask[3, 4:7] = 1
    for masks in ([mask, 1 - mask], [mask, torch.zeros(48, 48)], [1e-6 * mask, mask]):
        assert torch.isfinite(adain.stylize(content, styles, masks=masks, encoder=encoder, decoder=decoder)).all()


def test_arguments_are_left_as_they_are(encoder: nst.VGG19, decoder: Decoder):
    given = [2 * torch.rand(1, 3, 40, 40) - 0.5, torch.rand(1, 3, 40, 40), torch.full((40, 40), 0.5)]
    before = [x.clone() for x in given]
    adain.stylize(given[0], [given[1]], masks=[given[2]], preserve_color="coral", encoder=encoder, decoder=decoder)
    assert all(torch.equal(a, b) for a, b in zip(given, before, strict=True))


def test_a_decoder_of_another_layer_or_encoder_is_refused(encoder: nst.VGG19, decoder: Decoder):
    x = torch.rand(1, 3, 32, 32)
    with pytest.raises(ValueError, match="decoder: expected a decoder of relu4_1, got one of relu3_1"):
        adain.stylize(x, x, encoder=encoder, decoder=Decoder("relu3_1"))
    with pytest.raises(ValueError, match="decoder: was trained with another encoder"):
        adain.stylize(x, x, encoder=nst.VGG19(), decoder=decoder)
    strange = Decoder("relu4_1")
    strange.metadata = {"encoder_sha256": "0" * 64}
    with pytest.raises(ValueError, match="decoder: was trained with another encoder"):
        adain.stylize(x, x, encoder=encoder, decoder=strange)


@pytest.mark.parametrize("alpha", [-0.1, 1.5, float("nan"), True, "1"])
def test_bad_alpha(alpha):
    with pytest.raises(ValueError, match="alpha="):
        adain.stylize(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), alpha=alpha)


def test_other_bad_arguments_are_named():
    x = torch.rand(1, 3, 32, 32)
    with pytest.raises(ValueError, match="^content: expected the shape"):
        adain.stylize(x[0], x)
    with pytest.raises(ValueError, match="tile=0"):
        adain.stylize(x, x, tile=0)


def test_no_more_than_a_tile_is_computed_at_a_time(encoder: nst.VGG19, decoder: Decoder, monkeypatch: pytest.MonkeyPatch):
    """With its border: of 160 x 192 px, squares of 32. Without a tile, or with a large one, all of it at once."""
    seen, forward = [], type(encoder).forward
    monkeypatch.setattr(type(encoder), "forward", lambda self, x, layers: seen.append(x.shape[-1]) or forward(self, x, layers))
    content, style = torch.rand(1, 3, 32, 320), torch.rand(1, 3, 32, 33)
    for tile, largest in ((None, 320), (320, 320), (32, 32 + 2 * (nst.tiles.reach("relu4_1") + 16))):
        seen.clear()
        adain.stylize(content, style, tile=tile, encoder=encoder, decoder=decoder)
        assert 48 < max(seen) <= largest and (max(seen) == 320 or tile == 32)


# --- the loss ---------------------------------------------------------------------------------------------------------------------


def test_statistics_loss_is_zero_only_for_the_same_statistics():
    y = torch.randn(2, 6, 16, 16)
    shuffled = y.flatten(2)[..., torch.randperm(256)].reshape(y.shape)  # other positions, the same statistics
    assert float(statistics_loss(shuffled, y)) < 1e-8
    scales = y.var((2, 3), correction=0).mean(1)  # one a picture
    shifted = statistics_loss(y + 2, y)  # 2^2 / mean std^2 of each picture, written out
    assert float(shifted) == pytest.approx(float((4 / (0.9 * scales + 0.1 * scales.mean())).mean()), rel=1e-3)
    assert float(statistics_loss(y[:1] + 2, y[:1])) == pytest.approx(float(4 / scales[0]), rel=1e-3)


def test_a_bold_style_does_not_drown_a_quiet_one_nor_a_flat_one_all_others():
    y = torch.randn(2, 6, 16, 16) * torch.tensor([1.0, 10.0]).view(2, 1, 1, 1)
    quiet, bold = (statistics_loss(torch.cat([y[:k], 2 * y[k : k + 1], y[k + 1 :]]), y) for k in (0, 1))
    assert float(quiet) > 0.1 * float(bold)  # a hundredth where both are divided by the mean over the batch
    flat = torch.cat([torch.zeros_like(y[:1]), y[1:]])
    assert float(statistics_loss(torch.cat([flat[:1] + 1, flat[1:]]), flat)) < 1


def test_the_loss_has_gradients_and_falls(encoder: nst.VGG19):
    torch.manual_seed(0)
    decoder, batch = Decoder("relu4_1"), Batch(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), [])
    optimizer, loss, totals = torch.optim.Adam(decoder.parameters(), 1e-3), AdaINLoss(), []
    for step in range(12):
        parts = loss(decoder, encoder, batch, step)
        assert list(parts) == ["content", "style", "range"]
        optimizer.zero_grad()
        sum(parts.values()).backward()
        optimizer.step()
        totals.append(float(sum(parts.values()).detach()))
    assert totals[-1] < totals[0]


def test_content_may_be_compared_at_shallower_layers_too(encoder: nst.VGG19):
    torch.manual_seed(0)
    layers, batch = ("relu3_1", "relu4_1"), Batch(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), [])
    decoder = Decoder("relu4_1")
    content, style = (encoder(x, layers) for x in (batch.content, batch.style))
    wanted = {k: adaptive_instance_norm(content[k], style[k]) for k in layers}
    found = encoder(decoder(wanted["relu4_1"]), layers)
    weights = {"relu3_1": 0.5, "relu4_1": 1.0}
    by_hand = sum(weights[k] * ((found[k] - wanted[k]) ** 2).mean() / wanted[k].var(correction=0) for k in layers)
    parts = AdaINLoss(content_weights=weights)(decoder, encoder, batch, 0)
    torch.testing.assert_close(parts["content"], by_hand)
    with pytest.raises(ValueError, match="^content_weights: expected layers among relu1_1, .*, relu4_1, got conv1_1, relu4_2$"):
        AdaINLoss(content_weights={"relu4_2": 1.0, "conv1_1": 2.0})


def test_the_loss_says_what_it_is():
    said = {"style_weight": 10.0, "range_weight": 10.0, "content": {"relu4_1": 1.0}, "match_weight": 0.0,
            "positions": 1024}  # fmt: skip
    assert AdaINLoss().identity == {"loss": said}
    assert AdaINLoss(2.0, 3.0, {"relu3_1": 0.5}, 4.0, 50).identity["loss"] == {
        "style_weight": 2.0, "range_weight": 3.0, "content": {"relu3_1": 0.5}, "match_weight": 4.0, "positions": 50,
    }  # fmt: skip


def test_each_picture_of_a_batch_is_matched_with_its_own_style(encoder: nst.VGG19):
    batch = Batch(torch.rand(2, 3, 32, 32), torch.rand(2, 3, 32, 32), [])
    loss, layers = AdaINLoss(match_weight=2.0), ("relu3_1", "relu4_1")
    output = torch.rand(2, 3, 32, 32)
    parts = loss(lambda features: output, encoder, batch, 0)
    found, wanted = (encoder(x, layers) for x in (output, batch.style))
    pairs = [(found[k][i : i + 1].flatten(2), wanted[k][i : i + 1].flatten(2)) for k in layers for i in range(2)]
    torch.testing.assert_close(parts["match"], 2 * sum(relaxed_emd(*pair) for pair in pairs) / 2)
    loss.positions = 9
    some = [float(loss(lambda features: output, encoder, batch, step)["match"]) for step in (0, 0, 1)]
    assert some[0] == some[1] != some[2]


class FixedEncoder(torch.nn.Module):
    """Features are what one says they are: the picture itself, times two at each deeper layer."""

    def forward(self, pictures, layers):
        return {layer: pictures * 2 ** int(layer[4]) for layer in layers}


def test_each_part_of_the_loss_by_its_formula():
    """In numpy, with weights that are not 1: eq. 12 and 13, and what lies outside [0, 1]."""
    content, style = torch.rand(2, 3, 6, 5), torch.rand(2, 3, 6, 5)
    parts = AdaINLoss(2.0, 3.0)(lambda features: features / 4, FixedEncoder(), Batch(content, style, []), 0)
    c, s, over = content.double().numpy() * 16, style.double().numpy(), {"axis": (2, 3), "keepdims": True}

    def std(x):
        return np.sqrt(x.var(**over) + 1e-5)

    target = std(16 * s) * (c - c.mean(**over)) / std(c) + (16 * s).mean(**over)
    output = target / 4
    styles = []
    for k in range(1, 5):
        f, g = 2**k * output, 2**k * s
        squares, scale = (f.mean(**over) - g.mean(**over)) ** 2 + (std(f) - std(g)) ** 2, (std(g) ** 2).mean((1, 2, 3))
        styles.append((squares.mean((1, 2, 3)) / (0.9 * scale + 0.1 * scale.mean())).mean())
    assert float(parts["content"]) == pytest.approx(((16 * output - target) ** 2).mean() / target.var(), rel=1e-4)
    assert float(parts["style"]) == pytest.approx(2 * sum(styles) / 4, rel=1e-4)
    assert float(parts["range"]) == pytest.approx(3 * ((output - output.clip(0, 1)) ** 2).mean(), rel=1e-4)


def test_statistics_loss_sees_the_spread():
    y = torch.randn(1, 3, 40, 40, dtype=torch.float64)
    y = y - y.mean((2, 3), keepdim=True)
    assert float(statistics_loss(3 * y, y)) == pytest.approx(4, rel=1e-4)  # (3 - 1)^2 std^2 / std^2, and the means are 0


def test_a_picture_is_grown_before_and_cropped_after(encoder: nst.VGG19, decoder: Decoder):
    """Grown to the right and below: what is kept is the upper left corner."""
    content, style = torch.rand(1, 3, 41, 35), torch.rand(1, 3, 40, 40)
    whole = adain.stylize(padded(content), style, encoder=encoder, decoder=decoder)
    torch.testing.assert_close(adain.stylize(content, style, encoder=encoder, decoder=decoder), whole[..., :41, :35])


def test_content_outside_the_range_counts_as_its_border(encoder: nst.VGG19, decoder: Decoder):
    content, style = 2 * torch.rand(1, 3, 40, 40) - 0.5, 2 * torch.rand(1, 3, 40, 40) - 0.5
    networks = {"encoder": encoder, "decoder": decoder}
    made = adain.stylize(content, style, **networks)
    torch.testing.assert_close(made, adain.stylize(content.clamp(0, 1), style.clamp(0, 1), **networks))


def test_a_mask_gives_its_style_the_statistics_of_its_place(encoder: nst.VGG19, decoder: Decoder):
    """Written out for a size that has to be grown: features within the mask, transformed by their own statistics there."""
    content, styles, left = torch.rand(1, 3, 41, 40), [torch.rand(1, 3, 40, 40) for _ in range(2)], torch.zeros(1, 1, 41, 40)
    left[..., :16] = 1
    with torch.no_grad():
        x, *targets = (encoder(padded(p), ["relu4_1"])["relu4_1"] for p in (content, *styles))
        small = [torch.nn.functional.avg_pool2d(padded(m), 8) for m in (left, 1 - left)]
        features = x + sum(m * (adaptive_instance_norm(x, t, m) - x) for m, t in zip(small, targets, strict=True))
        expected = decoder(features)[..., :41, :40].clamp(0, 1)
    made = adain.stylize(content, styles, masks=[left, 1 - left], palette=False, encoder=encoder, decoder=decoder)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=1e-4)


def test_moments_of_half_precision_are_finite():
    x = 300 * torch.randn(1, 2, 40, 50).clamp(-3, 3)  # their squares leave float16
    for half, exact in zip(mean_and_std(x.half()), mean_and_std(x), strict=True):
        torch.testing.assert_close(half.float(), exact, rtol=1e-2, atol=1.0)


def test_a_texture_is_what_it_paints_of_noise_in_one_of_its_styles(encoder: nst.VGG19, decoder: Decoder):
    first, second = torch.rand(1, 3, 40, 40) ** 2, torch.rand(1, 3, 48, 40) * torch.tensor([0.2, 0.5, 1.0]).view(1, 3, 1, 1)
    both, given = adain.AdaIN([first, second], encoder, decoder), {"encoder": encoder, "decoder": decoder, "brush": 1}
    for palette in (True, False):
        wanted = texture.painted(lambda x, p=palette: adain.stylize(x, second, palette=p, **given), 64, torch.device("cpu"))
        torch.testing.assert_close(both.texture(1, 64, palette), wanted, atol=1e-5, rtol=1e-4)
        assert both.texture(1, 64, palette) is both.texture(1, 64, palette)  # painted once
    assert both.texture(1, 64) is both.texture(1, 64, True)
    other = both.recoloured([second, first])
    torch.testing.assert_close(other.texture(0, 64), both.texture(1, 64))
    assert len(both.moments) == 2 and not torch.equal(other.moments[0][0], both.moments[0][0])


def test_so_many_places_are_matched(encoder: nst.VGG19, monkeypatch: pytest.MonkeyPatch):
    seen = []
    monkeypatch.setattr(adain.losses, "relaxed_emd", lambda x, y: seen.append((x.shape[2], y.shape[2])) or x.sum())
    maps = {k: torch.rand(1, 4, 6, 7) for k in adain.MATCH_LAYERS}
    AdaINLoss(match_weight=1.0, positions=10).match(maps, maps, 0)
    assert seen == [(10, 10)] * len(adain.MATCH_LAYERS)
