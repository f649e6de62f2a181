"""nst.brush: coarse to fine, with a painter that can be followed by hand, and with the three methods that have a brush."""

from __future__ import annotations

import time
from functools import partial

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import nst
from nst import adain, transformer_net, wct
from nst.brush import brush_for, check_brush, coarse_to_fine, mixed, texture_for, with_styles
from nst.controls import StyleMix
from nst.images import resize


def first(content: Tensor, painting: Tensor) -> Tensor:
    return content


METHODS = {"adain": adain.stylize, "wct": wct.stylize, "transformer_net": transformer_net.stylize}


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return nst.assets.picture("chelsea", 96)


@pytest.fixture(scope="module")
def paint() -> dict:
    """Each method with a style and its networks."""
    style, lite = nst.assets.picture("cut_paper", 128), nst.VGG19.load("lite")
    decoders = {level: nst.decoders.Decoder.load(f"relu{level}_1", lite) for level in wct.DEFAULT}
    return {
        "adain": partial(adain.stylize, style=style, encoder=lite, decoder=nst.decoders.Decoder.load("adain", lite)),
        "wct": partial(wct.stylize, style=style, encoder=lite, decoders=decoders),
        "transformer_net": partial(transformer_net.stylize, style=nst.load_style("cut_paper")),
    }


def test_each_pass_sees_the_photograph_and_the_painting_before():
    """By hand: a painter that adds 0.1 each time it is asked, on pictures that resizing leaves alone."""
    asked = []

    def darker(x: Tensor) -> Tensor:
        asked.append(tuple(x.shape[-2:]))
        return x + 0.1

    content = torch.full((2, 3, 130, 257), 0.5)
    made = coarse_to_fine(darker, content, 4, 0.5, first)
    assert asked == [(33, 65), (65, 129), (130, 257)]
    second = 0.8 * 0.5 + 0.2 * 0.6  # 0.4 of the painting, for half the amount
    third = 0.8 * 0.5 + 0.2 * (second + 0.1)
    torch.testing.assert_close(made, torch.full_like(content, third + 0.1))
    asked.clear()
    coarse_to_fine(darker, content[..., :120, :], 4, 1.0, first)  # 30 px are too few to paint
    assert asked == [(60, 129), (120, 257)]
    assert torch.equal(coarse_to_fine(darker, content[..., :40, :40], 2, 1.0, first), content[..., :40, :40] + 0.1)
    asked.clear()
    coarse_to_fine(darker, content[..., :64, :80], 2, 1.0, first)
    assert asked == [(32, 40), (64, 80)]


@pytest.mark.parametrize("size", [(70, 90), (90, 70)])
def test_a_coarse_painting_is_cut_to_its_size_and_clipped_before_it_is_enlarged(size: tuple[int, int]):
    """By hand: a painter whose pictures are padded below and on the right, and leave the range."""
    seen = []

    def harsh(x: Tensor) -> Tensor:
        seen.append(x)
        return F.pad(6 * x - 2.5, (0, 7, 0, 7), value=0.5)

    content = torch.rand(1, 3, *size)
    coarse_to_fine(harsh, content, 2, 1.0, first)
    small = resize(content, (size[0] // 2, size[1] // 2))
    torch.testing.assert_close(seen[0], small)
    torch.testing.assert_close(seen[1], 0.6 * content + 0.4 * resize((6 * small - 2.5).clamp(0, 1), size))


def test_an_amount_of_its_own_at_each_place_is_that_of_the_same_place_in_each_pass():
    def darker(x: Tensor) -> Tensor:
        return x + 0.1

    content, where = torch.full((1, 3, 160, 160), 0.5), torch.zeros(1, 1, 160, 160)
    where[..., 80:] = 0.5
    made = coarse_to_fine(darker, content, 4, where, first)
    for side, amount in ((made[..., :60], 0.0), (made[..., 100:], 0.5)):
        torch.testing.assert_close(side, coarse_to_fine(darker, content, 4, amount, first)[..., :60])


def test_what_a_finer_pass_sees_is_a_picture():
    content, painting = torch.rand(1, 3, 40, 40), torch.rand(1, 3, 40, 40)
    seen = mixed(content, painting, 1.0, lambda photograph, painting: 4 * photograph - 1.5)
    torch.testing.assert_close(seen, (0.6 * (4 * content - 1.5) + 0.4 * painting).clamp(0, 1))


def test_the_photograph_comes_in_its_paintings_colours():
    content, painting = torch.rand(1, 3, 40, 40), torch.rand(1, 3, 20, 20)
    seen = mixed(content, painting, 1.0, lambda photograph, painting: 1 - photograph)
    torch.testing.assert_close(seen, 0.6 * (1 - content) + 0.4 * resize(painting, (40, 40)))
    where = torch.zeros(1, 1, 40, 40)
    where[..., 20:] = 1
    half = mixed(content, painting, where, first)
    assert torch.equal(half[..., :18], content[..., :18])
    torch.testing.assert_close(half[..., 22:], mixed(content, painting, 1.0, first)[..., 22:])


@pytest.mark.parametrize("method", METHODS)
def test_brush_1_is_the_method_and_small_pictures_have_no_other(method: str, paint: dict, photo: Tensor):
    plain = paint[method](photo)
    assert torch.equal(paint[method](photo, brush=1), plain)
    assert not torch.equal(paint[method](photo, brush=2), plain)
    small = photo[..., :40, :40]
    assert torch.equal(paint[method](small, brush=2), paint[method](small, brush=1))


def test_none_is_2_in_large_pictures_of_any_style():
    assert [brush_for(None, torch.rand(1, 3, *size)) for size in ((384, 900), (385, 900), (900, 384))] == [1, 2, 1]
    assert [brush_for(brush, torch.rand(1, 3, 900, 900)) for brush in (1, 2, 4)] == [1, 2, 4]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("size", [(65, 81), (70, 131)])
def test_the_size_stays_and_a_batch_is_its_singles(method: str, size: tuple[int, int], paint: dict, photo: Tensor):
    batch = torch.cat([photo[..., : size[0], :], photo.flip(-1)[..., : size[0], :]])
    batch = resize(batch, size)
    made = paint[method](batch, brush=2)
    assert made.shape == batch.shape and float(made.min()) >= 0 and float(made.max()) <= 1
    for k in range(2):
        torch.testing.assert_close(made[k : k + 1], paint[method](batch[k : k + 1], brush=2), atol=2e-3, rtol=0)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("brush", [2, 4])
def test_constant_pictures_stay_finite(method: str, brush: int, paint: dict):
    for value in (0.0, 0.4, 1.0):
        made = paint[method](torch.full((1, 3, 128, 130), value), brush=brush)
        assert torch.isfinite(made).all()


def test_no_style_is_no_larger_brush(paint: dict, photo: Tensor):
    for method, off in (("adain", {"alpha": 0.0}), ("wct", {"alpha": 0.0})):
        torch.testing.assert_close(paint[method](photo, brush=2, **off), paint[method](photo, brush=1, **off))


@pytest.mark.parametrize("method", METHODS)
def test_what_no_mask_covers_is_as_it_was(method: str, paint: dict):
    photo = nst.assets.picture("rocket", 128)[..., :128, :192]
    mask = torch.zeros(1, 1, 128, 192)
    mask[..., 120:] = 1
    options = {**paint[method].keywords, "style": [paint[method].keywords["style"]], "masks": [mask]}
    one, two = (METHODS[method](photo, brush=brush, **options) for brush in (1, 2))
    assert not torch.allclose(one[..., 120:], two[..., 120:], atol=0.02)
    # the levels of WCT look at the pictures of the levels before, and so reach far
    torch.testing.assert_close(one[..., :16], two[..., :16], atol=0.05 if method == "wct" else 1e-3, rtol=0)


def test_several_styles_colours_kept_and_squares(paint: dict, photo: Tensor):
    rest = {k: v for k, v in paint["adain"].keywords.items() if k != "style"}
    styles = [paint["adain"].keywords["style"], nst.assets.picture("rose_window", 96)]
    for weights, alone in (([1.0, 0.0], styles[0]), ([0.0, 2.0], styles[1])):
        mixture = adain.stylize(photo, styles, style_weights=weights, brush=2, **rest)
        assert torch.equal(mixture, adain.stylize(photo, alone, brush=2, **rest))
    for how in ("luminance", "coral"):
        assert adain.stylize(photo, styles, preserve_color=how, brush=2, **rest).shape == photo.shape
    whole = adain.stylize(photo, styles[0], brush=2, **rest)
    torch.testing.assert_close(adain.stylize(photo, styles[0], brush=2, tile=64, **rest), whole, atol=1e-3, rtol=0)


def test_masks_are_resized_with_the_content():
    content, mask = torch.rand(1, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    mask[..., :32] = 1
    mix = StyleMix.of(content, [torch.rand(1, 3, 32, 32)], masks=[mask])
    assert mix.at(content) is mix
    small = mix.at(content[..., :32, :32]).masks[0]
    assert small.shape == (1, 1, 32, 32) and float(small[..., :14].min()) > 0.99 and float(small[..., 18:].max()) < 0.01


def test_a_finer_pass_sees_two_fifths_of_a_texture():
    assert [texture_for(amount, 1) for amount in (0.15, 1.0)] == [0.15, 1.0]
    assert [texture_for(amount, brush) for amount in (0.15, 0.9) for brush in (2, 4)] == pytest.approx([0.375, 0.375, 1.0, 1.0])


def test_no_texture_is_made_where_none_is_wanted(photo: Tensor):
    def textures(k: int, side: int) -> Tensor:
        raise AssertionError("it would take time")

    mix = StyleMix([photo], [1.0])
    for brush, alpha, texture in ((1, 1.0, 0.0), (2, 1.0, 0.0), (1, 0.0, 0.5)):
        with_styles(lambda x, mix: x, photo, mix, brush, alpha, texture, textures)


@pytest.mark.parametrize("method", METHODS)
def test_brush_2_costs_a_third_more(method: str, paint: dict):
    """1.4 times the time; a busy machine is given some more."""
    photo, seconds = nst.assets.picture("coffee", 272), {1: [], 2: []}
    for _ in range(3):
        for brush in seconds:
            began = time.process_time()
            paint[method](photo, brush=brush)
            seconds[brush].append(time.process_time() - began)
    assert min(seconds[2]) < 1.6 * min(seconds[1])


@pytest.mark.parametrize("brush", [0, 3, 8, -2, "2", 2.0, True])
def test_another_brush_is_refused(brush: object, paint: dict, photo: Tensor):
    for method in METHODS:
        with pytest.raises(ValueError, match="brush"):
            paint[method](photo, brush=brush)
    with pytest.raises(ValueError, match=f"^brush={brush!r}: expected "):
        check_brush(brush)
