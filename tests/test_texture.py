"""nst.texture: the noise, what is taken of a painting of it, and where it is laid; and AdaIN and WCT with it."""

from __future__ import annotations

import copy
from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor

import nst
from nst import adain, texture, transformer_net, wct
from nst.brush import with_styles
from nst.controls import StyleMix

SIZES = [(64, 96), (70, 131), (513, 40)]


@pytest.fixture(scope="module")
def style() -> Tensor:
    return nst.assets.picture("cut_paper", 96)


@pytest.fixture(scope="module")
def sky() -> Tensor:
    """A photograph whose upper half is one grey."""
    photo = nst.assets.picture("chelsea", 128)
    photo[..., :64, :] = 0.5
    return photo


@pytest.fixture(scope="module")
def methods(style: Tensor) -> dict:
    return {
        "adain": partial(adain.stylize, style=adain.AdaIN(style)), "wct": partial(wct.stylize, style=wct.WCT(style)),
        "fast": partial(transformer_net.stylize, style=nst.load_style("cut_paper")),
    }  # fmt: skip


def contrast(picture: Tensor) -> float:
    """What is left of a picture's brightness when means over 9 x 9 places are subtracted: its root mean square."""
    grey = picture.mean(1, keepdim=True)
    return float((grey - torch.nn.functional.avg_pool2d(grey, 9, 1, 4))[..., 8:-8, 8:-8].square().mean().sqrt())


def test_the_noise_goes_on_where_it_begins():
    drawn = texture.noise(128)
    assert drawn.shape == (1, 3, 128 + 2 * texture.MARGIN, 128 + 2 * texture.MARGIN)
    assert torch.equal(drawn, texture.noise(128)) and drawn.min() == 0.5 and 0.69 < drawn.max() <= 0.7
    assert 0.4 < float((drawn == 0.5).float().mean()) < 0.6  # half of a normal distribution is below 0
    inner = slice(3 * texture.GRAIN, 2 * texture.MARGIN - 3 * texture.GRAIN)  # resizing has less to see at the very edge
    torch.testing.assert_close(drawn[..., inner], drawn[..., 128:][..., inner])
    torch.testing.assert_close(drawn[..., inner, :], drawn[..., 128:, :][..., inner, :])


def test_a_texture_is_what_is_small_in_a_painting():
    """A painter that adds a slow wave: it is taken out. One that gives back the noise: it is kept, and its edges meet."""

    def wave(x: Tensor) -> Tensor:
        return (0.5 + 0.3 * torch.sin(torch.arange(x.shape[-1]) / 60)).expand_as(x)

    assert texture.painted(wave, 128, torch.device("cpu")).abs().max() < 0.01
    kept = texture.painted(lambda x: torch.nn.functional.pad(x, (0, 5, 0, 3)), 128, torch.device("cpu"))  # as `padded` grows them
    assert kept.shape == (1, 3, 128, 128) and kept.std() > 0.05 and abs(float(kept.mean())) < 0.01
    step, within = (kept[..., 0] - kept[..., -1]).abs().mean(), kept.diff(dim=-1).abs().mean()
    assert step < 2 * within


def test_a_painting_is_cut_to_a_pictures_range_first():
    """Against the two steps written out: a painter may leave [0, 1], and what is beyond it is not seen."""

    def beyond(x: Tensor) -> Tensor:
        return 8 * x - 4.3  # from -0.3 to 1.3

    seen = np.clip(beyond(texture.noise(64)).numpy(), 0, 1)
    boxes = np.lib.stride_tricks.sliding_window_view(seen, (texture.STROKES, texture.STROKES), axis=(-2, -1)).mean((-2, -1))
    first, reach = texture.MARGIN, texture.MARGIN - texture.STROKES // 2
    expected = seen[..., first : first + 64, first : first + 64] - boxes[..., reach : reach + 64, reach : reach + 64]
    made = texture.painted(beyond, 64, torch.device("cpu"))
    torch.testing.assert_close(made, torch.from_numpy(expected), atol=1e-5, rtol=1e-4)


def test_flat_is_where_the_brightness_does_not_vary():
    """Against a standard deviation in numpy over the same two boxes."""
    picture = torch.rand(1, 3, 40, 50) * 0.08
    picture[..., 25:] = 0.7
    grey = picture[0].mean(0).numpy().astype(np.float64)
    weights = np.convolve(np.ones(9), np.ones(9)) / 81
    for row, column in ((20, 12), (12, 20)):
        around = grey[row - 8 : row + 9, column - 8 : column + 9]
        both = np.outer(weights, weights)
        deviation = np.sqrt((both * around**2).sum() - (both * around).sum() ** 2)
        assert float(texture.flatness(picture)[0, 0, row, column]) == pytest.approx(max(0, 1 - deviation / texture.FLAT), abs=1e-3)
    assert torch.all(texture.flatness(picture)[..., 36:-1] > 0.99)


@pytest.mark.parametrize("size", SIZES)
def test_it_is_laid_under_flat_places_only(size: tuple[int, int]):
    content = torch.full((2, 3, *size), 0.5)
    content[..., : size[1] // 2] = (torch.arange(size[0]) // 2 % 2).float()[:, None]  # stripes
    mix = StyleMix([content[:1]], [1.0])
    made = texture.under_flat_places(content, mix, lambda k, side: torch.full((1, 3, side, side), 0.4), 0.5)
    assert made.shape == content.shape
    torch.testing.assert_close(made[..., size[1] // 2 + 9 :], torch.full_like(made, 0.7)[..., size[1] // 2 + 9 :])
    assert torch.equal(made[..., : size[1] // 2], content[..., : size[1] // 2])


@pytest.mark.parametrize("grey", [0.0, 1.0])
def test_what_is_laid_under_black_or_white_stays_a_picture(grey: float):
    content = torch.full((1, 3, 48, 64), grey)
    mix = StyleMix([content], [1.0])
    stripes = torch.tensor([-0.5, 0.5]).repeat(128)
    out = texture.under_flat_places(content, mix, lambda _, side: stripes.expand(1, 3, side, side), 1.0)
    torch.testing.assert_close(out, (content + stripes[:64]).clamp(0, 1))


def test_textures_are_mixed_as_their_styles_are():
    content = torch.full((1, 3, 64, 64), 0.5)
    textures = {0: 0.2, 1: -0.4}

    def of(k: int, side: int) -> Tensor:
        return torch.full((1, 3, side, side), textures[k])

    by_weight = texture.under_flat_places(content, StyleMix([content] * 2, [0.25, 0.75]), of, 1.0)
    torch.testing.assert_close(by_weight, content + 0.25 * 0.2 - 0.75 * 0.4)
    left = torch.zeros(1, 1, 64, 64)
    left[..., :32] = 1
    by_mask = texture.under_flat_places(content, StyleMix([content] * 2, [0.5, 0.5], [left, (1 - left) / 2]), of, 1.0)
    torch.testing.assert_close(by_mask[..., :32], content[..., :32] + 0.2)
    torch.testing.assert_close(by_mask[..., 32:], content[..., 32:] - 0.2)
    unpainted = texture.under_flat_places(content, StyleMix([content], [1.0], [left]), of, 1.0)
    assert torch.equal(unpainted[..., 32:], content[..., 32:])


def test_a_large_picture_has_a_larger_texture():
    assert [texture.side_for(size) for size in ((16, 512), (512, 512), (100, 513))] == [256, 256, 512]


@pytest.mark.parametrize("method", ["adain", "wct", "fast"])
def test_a_flat_sky_gets_strokes_and_the_rest_stays(method: str, methods: dict, sky: Tensor):
    plain, filled = (methods[method](sky, brush=1, texture=amount) for amount in (0.0, 0.3))
    assert torch.equal(plain, methods[method](sky, brush=1))
    assert contrast(filled[..., :48, :]) > 1.5 * contrast(plain[..., :48, :])
    assert contrast(filled[..., 72:, :]) == pytest.approx(contrast(plain[..., 72:, :]), rel=0.35)  # norms are of the whole picture
    assert torch.equal(filled, methods[method](sky, brush=1, texture=0.3))  # its texture is kept


def test_a_networks_texture_is_that_of_its_weights(sky: Tensor):
    net = nst.load_style("cut_paper")
    before = net.stylize(sky, texture=0.3)
    half = net.stylize(sky, strength=0.5, texture=0.3)
    assert contrast(net.stylize(sky, strength=0.5)[..., :48, :]) < contrast(half[..., :48, :]) < contrast(before[..., :48, :])
    with torch.no_grad():
        for p in net.parameters():
            p.mul_(1.1)
    assert torch.equal(net.stylize(sky, texture=0.3), copy.deepcopy(net).stylize(sky, texture=0.3))
    assert not torch.equal(net.stylize(sky, texture=0.3), before)


@pytest.mark.parametrize("method", ["adain", "wct"])
def test_it_works_with_brushes_batches_masks_and_kept_colours(method: str, methods: dict, sky: Tensor, style: Tensor):
    batch = torch.cat([sky, sky.flip(-1)])
    made = methods[method](batch, brush=2, texture=0.5)
    assert made.shape == batch.shape and 0 <= made.min() and made.max() <= 1
    torch.testing.assert_close(made[:1], methods[method](sky, brush=2, texture=0.5), atol=2e-3, rtol=0)
    paint = {"adain": adain.stylize, "wct": wct.stylize}[method]
    mask = torch.zeros(1, 1, *sky.shape[-2:])
    mask[..., :96] = 1
    masked = paint(sky, [style], masks=[mask], brush=1, texture=0.5)
    assert contrast(masked[..., :48, :64]) > 3 * contrast(masked[..., :48, 128:])
    for how in ("luminance", "coral"):
        kept = paint(sky, style, preserve_color=how, brush=1, texture=0.5)
        assert contrast(kept[..., :56, :]) > 2 * contrast(paint(sky, style, preserve_color=how, brush=1)[..., :56, :])
    tiled = methods[method](sky, brush=1, texture=0.3, tile=64)
    torch.testing.assert_close(tiled, methods[method](sky, brush=1, texture=0.3), atol=2e-3, rtol=0)


@pytest.mark.parametrize("method", ["adain", "wct"])
def test_no_style_has_no_texture(method: str, methods: dict, sky: Tensor):
    assert torch.equal(methods[method](sky, alpha=0.0, texture=1.0), methods[method](sky, alpha=0.0))


def test_a_larger_brush_lays_it_where_the_first_pass_sees_it():
    """A painter that gives back what it sees: what was laid under the small picture, two fifths of it in the large one."""
    photo = torch.full((1, 3, 64, 64), 0.5)

    def texture_of(k: int, side: int) -> Tensor:
        return torch.full((1, 3, side, side), 0.2)

    for brush in (1, 2):
        mix = StyleMix([photo], [1.0])
        made = with_styles(lambda x, mix: x, photo, mix, brush, 1.0, 0.3, texture_of)
        torch.testing.assert_close(made, photo + 0.3 * 0.2)
    most = with_styles(lambda x, mix: x, photo, mix, 2, 1.0, 0.9, texture_of)
    torch.testing.assert_close(most, photo + 0.4 * 0.2)


@pytest.mark.parametrize("amount", [-0.1, 1.5, "1", None, True, float("nan")])
def test_another_amount_is_refused(amount: object, methods: dict, sky: Tensor):
    for paint in methods.values():
        with pytest.raises((ValueError, TypeError), match="texture"):
            paint(sky, texture=amount)


def test_methods_of_any_style_have_it_unless_told_otherwise(methods: dict, sky: Tensor, style: Tensor):
    for name, paint in methods.items():
        given = "cut_paper" if name == "fast" else style
        assert torch.equal(nst.stylize(sky, given, name), paint(sky, texture=0 if name == "fast" else texture.AMOUNT))
        assert torch.equal(nst.stylize(sky, given, name, texture=0), paint(sky))
    with pytest.raises(ValueError, match="texture=0.5: gatys has no such option; fast, adain, wct has"):
        nst.stylize(sky, style, "gatys", texture=0.5)
