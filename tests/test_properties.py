"""What holds for pictures, features and masks of any size: hypothesis looks for the one for which it does not."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nst.adain import adaptive_instance_norm, mean_and_std
from nst.controls import StyleMix
from nst.covariance import mean_and_covariance
from nst.decoders import padded
from nst.images import load_image, resize, save_image
from nst.losses import CONTENT_FORMS, STYLE_FORMS, content_loss, gram_matrix, region_weights, style_loss, total_variation
from nst.wct import whiten_and_colour

sides, batches, channels = st.integers(1, 24), st.integers(1, 3), st.integers(1, 6)
few = settings(max_examples=20)


def random(seed: int, *shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


seeds = st.integers(0, 2**16)


@few
@given(seeds, sides, sides, st.sampled_from(["png", "bmp", "tif"]))
def test_a_picture_comes_back(tmp_path_factory: pytest.TempPathFactory, seed: int, height: int, width: int, suffix: str):
    path = Path(tmp_path_factory.getbasetemp()) / f"property.{suffix}"
    picture = (random(seed, 1, 3, height, width) * 255).round() / 255
    save_image(picture, path)
    torch.testing.assert_close(load_image(path), picture, rtol=0, atol=1e-6)


@few
@given(seeds, batches, sides, sides, sides)
def test_resize_keeps_range_aspect_and_flat_pictures(seed: int, batch: int, height: int, width: int, size: int):
    picture = random(seed, batch, 3, height, width)
    made = resize(picture, size)
    assert min(made.shape[-2:]) == size and 0 <= made.min() and made.max() <= 1
    assert max(made.shape[-2:]) == max(1, round(max(height, width) * size / min(height, width)))
    flat = picture[:, :, :1, :1].expand(-1, -1, height, width)
    torch.testing.assert_close(resize(flat, (size, 5)), flat[:, :, :1, :1].expand(-1, -1, size, 5), atol=1e-5, rtol=0)


@few
@given(seeds, batches, channels, sides, sides)
def test_losses_of_any_features(seed: int, batch: int, count: int, height: int, width: int):
    f, p = random(seed, batch, count, height, width), random(seed + 1, batch, count, height, width)
    gram, target = gram_matrix(f), gram_matrix(p)
    assert gram.shape == (batch, count, count) and float(torch.linalg.eigvalsh(gram.double()).min()) > -1e-6
    torch.testing.assert_close(gram_matrix(f.flip(-1)), gram)  # no position, no direction
    for form in CONTENT_FORMS:
        assert float(content_loss(f, f, form)) == 0 <= float(content_loss(f, p, form)) < float("inf")
    for form in STYLE_FORMS:
        assert float(style_loss(gram, gram, form)) == 0 <= float(style_loss(gram, target, form)) < float("inf")
    torch.testing.assert_close(total_variation(f.flip(-2)), total_variation(f))
    assert float(total_variation(f[..., :1, :1].expand(-1, -1, height, width))) == 0


@few
@given(seeds, sides, sides, sides, sides, st.integers(1, 3))
def test_masked_gram_matrices_of_a_flat_picture_are_its_own(seed: int, height: int, width: int, h: int, w: int, count: int):
    masks = [random(seed + k, 1, 1, height, width) + 0.01 for k in range(count)]
    features = torch.full((1, 2, h, w), 0.7)
    torch.testing.assert_close(gram_matrix(features * region_weights(masks, features)), gram_matrix(features).expand(count, -1, -1))


@few
@given(seeds, st.integers(1, 40), st.integers(1, 40), st.integers(1, 3), st.booleans())
def test_masks_share_every_pixel(seed: int, height: int, width: int, count: int, hard: bool):
    """Wherever masks overlap they add up to 1, elsewhere to what they are; the features between content and styles stay so."""
    content = random(seed, 1, 3, height, width)
    masks = [random(seed + k, height, width).round() if hard else random(seed + k, height, width) for k in range(count)]
    masks[0][0, 0] = 1.0  # at least one pixel of one
    mix = StyleMix.of(content, [content] * count, masks=masks)
    torch.testing.assert_close(sum(mix.masks)[0, 0], sum(masks).clamp_max(1))
    grown = padded(content)
    assert min(grown.shape[-2:]) >= 32 and all(n % 16 == 0 for n in grown.shape[-2:])
    features = torch.zeros(1, 2, grown.shape[-2] // 16, grown.shape[-1] // 16)
    made = mix.blend(features, lambda k, mask: torch.ones_like(features))
    assert -1e-6 <= float(made.min()) and float(made.max()) <= 1 + 1e-5


@few
@given(seeds, st.lists(st.floats(0, 1e6), min_size=1, max_size=4).filter(lambda weights: sum(weights) > 1e-3))
def test_weights_are_shares_whatever_their_sum(seed: int, weights: list[float]):
    picture = random(seed, 1, 3, 4, 4)
    mix = StyleMix.of(picture, [picture] * len(weights), style_weights=weights)
    assert sum(mix.weights) == pytest.approx(1) and all(0 <= w <= 1 for w in mix.weights)


@few
@given(seeds, batches, channels, sides, sides, sides, sides)
def test_features_take_the_styles_statistics(seed: int, batch: int, count: int, height: int, width: int, h: int, w: int):
    """AdaIN's mean and spread, WCT's mean and covariance: as far as the content has directions, and always finite."""
    x, y = random(seed, batch, count, height, width, dtype=torch.float64), random(seed + 1, 1, count, h, w, dtype=torch.float64)
    made, painted = adaptive_instance_norm(x, y), whiten_and_colour(x, y)
    assert made.shape == painted.shape == x.shape and torch.isfinite(made).all() and torch.isfinite(painted).all()
    torch.testing.assert_close(mean_and_std(made)[0], mean_and_std(y)[0].expand(batch, -1, -1, -1), atol=1e-8, rtol=0)
    mean, covariance = mean_and_covariance(painted)
    wanted_mean, wanted = mean_and_covariance(y)
    torch.testing.assert_close(mean, wanted_mean.expand(batch, -1, -1), atol=1e-6, rtol=0)
    if height * width > 4 * count and h * w > 4 * count:  # no direction is missing
        torch.testing.assert_close(covariance, wanted.expand(batch, -1, -1), atol=1e-4, rtol=1e-3)
