"""nst.controls: mixtures and masks checked, colours kept."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2yiq

import nst
from nst.controls import StyleMix, advises_size, check_masks, finished, prepared, style_pictures


@pytest.mark.parametrize("how", [True, "luminance", "coral"])
def test_it_keeps_the_contents_colours(how):
    content, style = nst.assets.picture("chelsea", 64), nst.assets.picture("night_orchard", 64)

    def paint(how):  # a method that returns the style picture
        there, mix = prepared(content, style, None, None, how, torch.device("cpu"))
        return finished(nst.images.resize(mix.styles[0], tuple(there.shape[-2:])), content, how)

    def far(picture):
        return float((picture.mean((2, 3)) - content.mean((2, 3))).norm())

    plain, kept = paint(False), paint(how)
    tint = [rgb2yiq(p.numpy(), channel_axis=1)[:, 1:].mean((2, 3)) for p in (plain, kept, content)]
    assert np.abs(tint[1] - tint[2]).max() < 0.3 * np.abs(tint[0] - tint[2]).max()
    assert how != "coral" or far(kept) < 0.3 * far(plain)


def test_weights_are_shares():
    mix = StyleMix.of(torch.rand(1, 3, 8, 8), [torch.rand(1, 3, 8, 8)] * 2, style_weights=[3, 1])
    assert mix.weights == [0.75, 0.25]
    assert mix.blend(torch.zeros(1), lambda k, mask: (1.0, 5.0)[k]) == 2


def test_masks_share_where_they_overlap_and_leave_the_rest():
    content, styles = torch.rand(1, 3, 32, 32), [torch.rand(1, 3, 8, 8)] * 2
    left, all_of_it = torch.zeros(32, 32), torch.ones(32, 32)
    left[:, :16] = 1
    mix = StyleMix.of(content, styles, masks=[left, all_of_it])
    torch.testing.assert_close(mix.masks[0][0, 0, 0, [0, 20]], torch.tensor([0.5, 0.0]))
    torch.testing.assert_close(mix.masks[1][0, 0, 0, [0, 20]], torch.tensor([0.5, 1.0]))
    one = StyleMix.of(content, styles[:1], masks=[left])
    features = torch.zeros(1, 2, 4, 4)
    made = one.blend(features, lambda k, mask: torch.ones(1, 2, 4, 4))
    torch.testing.assert_close(made[0, 0, 0], torch.tensor([1.0, 1.0, 0.0, 0.0]))


def test_masks_take_the_size_of_the_picture_at_hand():
    left = torch.zeros(32, 48)
    left[:, :24] = 1
    mix = StyleMix.of(torch.rand(1, 3, 32, 48), [torch.rand(1, 3, 8, 8)] * 2, masks=[left, 1 - left])
    assert mix.at(torch.rand(1, 3, 32, 48)) is mix
    small = mix.at(torch.rand(1, 3, 16, 24))
    for mask, whole in zip(small.masks, mix.masks, strict=True):
        torch.testing.assert_close(mask, nst.images.resize(whole, (16, 24)))
    assert small.styles is mix.styles and small.weights == mix.weights
    plain = StyleMix.of(torch.rand(1, 3, 32, 48), torch.rand(1, 3, 8, 8))
    assert plain.at(torch.rand(1, 3, 16, 24)) is plain


def test_what_a_method_is_given_becomes_a_mixture():
    content, masks = torch.rand(1, 3, 16, 16), [torch.ones(16, 16), torch.zeros(16, 16)]
    there, mix = prepared(content, [PICTURE, PICTURE], None, masks, False, torch.device("cpu"))
    assert torch.equal(there, content) and [float(mask.mean()) for mask in mix.masks] == [1, 0]
    assert prepared(content, [PICTURE, PICTURE], [1, 3], None, False, torch.device("cpu"))[1].weights == [0.25, 0.75]


def test_pictures_of_who_has_read_them_and_of_an_array_of_several():
    class Read:
        pictures = [PICTURE, PICTURE]

    assert style_pictures(Read()) == Read.pictures
    assert [tuple(picture.shape) for picture in style_pictures(np.zeros((2, 8, 9, 3), np.uint8))] == [(1, 3, 8, 9)] * 2


@pytest.mark.parametrize(("values", "hint"), [((-0.5, 1.0), ""), ((0.0, 1.5), "; if they are 8-bit pixels, divide by 255")])
def test_numbers_that_make_no_mask(values: tuple[float, float], hint: str):
    mask = torch.tensor(values).repeat(16, 8)
    with pytest.raises(ValueError) as raised:
        check_masks([mask], 1, PICTURE)
    assert str(raised.value) == f"masks[0]: expected values from 0 to 1{hint}"


PICTURE = torch.rand(1, 3, 16, 16)
HALF = torch.full((16, 16), 0.5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"style": []}, "^style: expected a picture or a list of pictures, got an empty list$"),
        ({"style": torch.rand(2, 3, 8, 8)}, "^style: expected one picture.*batch of 2"),
        ({"style": [PICTURE, torch.rand(3, 8, 8)]}, r"style\[1\]: expected the shape"),
        ({"style": [PICTURE] * 2, "style_weights": [1]}, "style_weights: expected one for each of the 2 styles, got 1"),
        ({"style": [PICTURE] * 2, "style_weights": [1, -1]}, "style_weights=.*at least 0"),
        ({"style": [PICTURE] * 2, "style_weights": [0, 0]}, "style_weights="),
        ({"style": [PICTURE] * 2, "style_weights": [1, float("nan")]}, "style_weights="),
        ({"style": [PICTURE] * 2, "style_weights": [1, float("inf")]}, "style_weights="),
        ({"style": [PICTURE] * 2, "masks": [HALF]}, "masks: expected one for each of the 2 styles, got 1"),
        ({"style": PICTURE, "masks": [torch.rand(8, 8)]}, r"masks\[0\]: expected the content's size \(16, 16\)"),
        ({"style": PICTURE, "masks": [2 * torch.ones(16, 16)]}, r"masks\[0\]: expected values from 0 to 1"),
        ({"style": PICTURE, "masks": [torch.full((16, 16), float("nan"))]}, r"masks\[0\]: expected values from 0 to 1"),
        ({"style": PICTURE, "masks": [-0.1 * torch.ones(16, 16)]}, r"masks\[0\]: expected values from 0 to 1"),
        ({"style": [PICTURE] * 2, "masks": [HALF, 3 * HALF]}, r"masks\[1\]: expected values from 0 to 1"),
        ({"style": PICTURE, "masks": [torch.rand(2, 16, 16)]}, r"masks\[0\]: expected the content's size"),
        ({"style": PICTURE, "masks": [torch.zeros(16, 16)]}, "^masks: all of them are empty, so nothing is painted; 1 is painted"),
        (
            {"style": PICTURE, "masks": [HALF], "style_weights": [1]},
            "^style_weights and masks: expected one of them; put a weight into a mask's values instead$",
        ),
    ],
)
def test_bad_mixtures(arguments: dict, said: str):
    with pytest.raises(ValueError, match=said):
        StyleMix.of(PICTURE, **arguments)


@pytest.mark.parametrize("style", ["a.jpg", Path("a.jpg"), 3])
def test_what_is_no_picture_at_all(style: object):
    said = f"style: expected a picture (1, 3, H, W) or a list of them, got {style!r}; load_image reads a file"
    with pytest.raises(TypeError, match=f"^{re.escape(said)}$"):
        StyleMix.of(PICTURE, style)


def test_bad_color():
    with pytest.raises(ValueError, match="preserve_color='lab'"):
        prepared(PICTURE, PICTURE, None, None, "lab", torch.device("cpu"))


def test_no_weights_are_equal_weights():
    styles = [torch.rand(1, 3, 8, 8)] * 2
    for weights in (None, [1, 1], [0.25, 0.25]):
        mix = StyleMix.of(torch.rand(1, 3, 8, 8), styles, style_weights=weights)
        assert mix.weights == [0.5, 0.5] and mix.masks is None
        assert mix.blend(torch.zeros(1), lambda k, mask: (1.0, 4.0)[k]) == 2.5


def test_half_a_mask_is_half_the_style():
    content = torch.rand(1, 3, 32, 32)
    mix = StyleMix.of(content, torch.rand(1, 3, 8, 8), masks=[torch.full((32, 32), 0.5)])
    made = mix.blend(torch.full((1, 2, 4, 4), 2.0), lambda k, mask: torch.full((1, 2, 4, 4), 6.0))
    torch.testing.assert_close(made, torch.full((1, 2, 4, 4), 4.0))


def test_each_mask_changes_the_contents_own_features():
    """Not what the mask before has made of them: overlapping masks share, whatever their order."""
    content, a, b = torch.rand(1, 3, 32, 32), torch.full((32, 32), 0.3), torch.full((32, 32), 0.6)
    seen = []

    def multiplied(k, mask):
        seen.append(float(mask.mean()))
        return torch.ones(1, 2, 4, 4) * (2.0, 5.0)[k]

    mix = StyleMix.of(content, [torch.rand(1, 3, 8, 8)] * 2, masks=[a, b])
    made = mix.blend(torch.ones(1, 2, 4, 4), multiplied)
    torch.testing.assert_close(made, torch.full((1, 2, 4, 4), 1 + 0.3 * 1 + 0.6 * 4))
    assert seen == pytest.approx([0.3, 0.6])


def test_masks_are_pooled_over_the_grown_picture():
    """A mask of 40 x 32 on features of 48 x 32 / 8: the lowest row of features mirrors the picture's end."""
    mask = torch.arange(40.0)[:, None].expand(40, 32) / 40
    mix = StyleMix.of(torch.rand(1, 3, 40, 32), torch.rand(1, 3, 8, 8), masks=[mask])
    made = mix.blend(torch.zeros(1, 1, 6, 4), lambda k, mask: torch.ones(1, 1, 6, 4))
    rows = [*range(40), *range(38, 30, -1)]
    by_hand = [sum(rows[8 * k : 8 * k + 8]) / 8 / 40 for k in range(6)]
    torch.testing.assert_close(made[0, 0, :, 0], torch.tensor(by_hand))


def test_a_style_of_no_weight_is_not_computed():
    seen = []

    def multiplied(k, mask):
        seen.append((k, mask))
        return torch.ones(1, 2, 3, 3) * (4.0, 5.0, 8.0)[k]

    mix = StyleMix.of(PICTURE, [PICTURE] * 3, style_weights=[2, 0, 6])
    made = mix.blend(torch.ones(1, 2, 3, 3), multiplied)
    torch.testing.assert_close(made, torch.full((1, 2, 3, 3), 7.0))
    assert seen == [(0, None), (2, None)]


def test_masks_may_be_of_whole_numbers():
    left = torch.zeros(16, 16, dtype=torch.uint8)
    left[:, :8] = 1
    assert torch.equal(StyleMix.of(PICTURE, PICTURE, masks=[left]).masks[0][0, 0], left.float())


@pytest.mark.parametrize("how", [False, "luminance"])
def test_paint_gets_pictures_and_its_result_becomes_one(how: str | bool):
    """float32 in [0, 1], without a gradient; what it paints, the grown picture, is cut to the content's size and range."""
    given = [(3 * torch.rand(1, 3, 20, 24, dtype=torch.float64) - 1).requires_grad_() for _ in range(2)]
    painted = 3 * torch.rand(1, 3, 32, 32) - 1
    there, mix = prepared(*given, None, None, how, torch.device("cpu"))
    for picture, original in zip([there, *mix.styles], given, strict=True):
        assert not picture.requires_grad
        torch.testing.assert_close(picture, original.detach().clamp(0, 1).float(), rtol=0, atol=0)
    expected = painted[..., :20, :24].clamp(0, 1)
    made = finished(painted, given[0], how)
    assert torch.equal(made, nst.colour.keep_color(expected, there) if how else expected)


@advises_size
def too_large(content, style, *, masks=None):
    """A method that has memory for 40 rows of content and 30 of style."""
    if content.shape[-2] > 40 or style_rows(style) > 30:
        raise MemoryError
    return content


def style_rows(style) -> int:
    return max(picture.shape[-2] for picture in ([style] if isinstance(style, torch.Tensor) else style))


def test_the_size_that_fits_is_named():
    """Sides of three quarters, a half … are tried, and none under 32 px."""
    content = torch.rand(1, 3, 64, 100)
    said = "^content: 100 x 64 pixels need more memory than there is; a shorter side of 32 px fits$"
    with pytest.raises(MemoryError, match=said):
        too_large(content, PICTURE)


@pytest.mark.parametrize("style", [torch.rand(1, 3, 80, 90), [PICTURE, torch.rand(1, 3, 80, 90)]])
def test_a_style_that_is_too_large_is_not_put_on_the_content(style):
    @advises_size
    def paint(content, style):
        if style_rows(style) > 45:
            raise MemoryError
        return content

    with pytest.raises(MemoryError, match="^style: 90 x 80 pixels need more memory than there is; a shorter side of 40 px fits$"):
        paint(PICTURE, style)


@pytest.mark.parametrize("masked", [False, True])
def test_a_trial_takes_the_place_of_what_takes_long(masked: bool):
    content, tried = torch.rand(1, 3, 64, 100), []

    def paint(content, style, *, masks=None, long=True):
        if not long:
            tried.append((tuple(content.shape), masks and tuple(masks[0].shape)))
        raise MemoryError

    options = {"masks": [torch.rand(64, 100)]} if masked else {}
    with pytest.raises(MemoryError, match="^content: 100 x 64 pixels need more memory.*; nothing smaller fits, either$"):
        advises_size(paint, trial=lambda options: {**options, "long": False})(content, PICTURE, **options)
    sizes = [(48, 75), (32, 50)]
    assert tried == [((1, 3, *size), (1, 1, *size) if masked else None) for size in sizes]


def test_a_mask_may_be_pillows_or_a_programs_array():
    """255 of whole numbers is 1; so is the 1 of a segmentation program."""
    inside = np.zeros((16, 16), bool)
    inside[:8] = True
    white = inside.astype(np.uint8) * 255
    cut = Image.fromarray(np.dstack([np.full((16, 16, 3), 255, np.uint8), white]))
    for mask in (white, inside, inside.astype(np.int64), Image.fromarray(white), cut):
        mix = StyleMix.of(PICTURE, PICTURE, masks=[mask])
        assert np.array_equal(mix.masks[0][0, 0].numpy(), inside)
    with pytest.raises(ValueError, match=r"^masks\[0\]: .*paints nothing"):
        StyleMix.of(PICTURE, PICTURE, masks=[np.zeros((16, 16), np.uint8)])
    with pytest.raises(ValueError, match=r"^masks\[0\]: expected values from 0 to 1; if they are 8-bit pixels, divide by 255"):
        StyleMix.of(PICTURE, PICTURE, masks=[torch.full((16, 16), 255.0)])


def test_styles_may_be_pillows_or_numpys():
    style = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)
    wanted = torch.from_numpy(style.copy()).permute(2, 0, 1)[None] / 255
    for given in (style, Image.fromarray(style), [style], [Image.fromarray(style)]):
        torch.testing.assert_close(StyleMix.of(PICTURE, given).styles, [wanted])
    with pytest.raises(ValueError, match=r"^style\[1\]: holds values .* divide by 255"):
        StyleMix.of(PICTURE, [PICTURE, 255 * PICTURE])
