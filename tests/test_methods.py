"""nst.methods and nst.figures.sheets: the four methods by name are the four methods; labelled sheets."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
import torch
from PIL import Image

import nst
from nst import adain, assets, gatys, transformer_net, wct
from nst.figures.sheets import CAPTION, GAP, MARGIN, sheet, to_image
from nst.methods import LARGEST, LARGEST_STYLE, METHODS, method_for, painter, style_picture, working_size

SHIPPED = assets.shipped_styles()


@pytest.fixture(scope="module")
def content() -> torch.Tensor:
    return assets.picture("chelsea", 48)


def by_hand(method: str, content: torch.Tensor, name: str) -> torch.Tensor:
    style = assets.picture(name, 64)
    if method == "gatys":
        return gatys.stylize(content, style, config=nst.GatysConfig.default(style_weight=20.0, evaluations=2))
    if method == "fast":
        return transformer_net.stylize(content, name)
    return (adain if method == "adain" else wct).stylize(content, style, alpha=0.5)


@pytest.mark.parametrize("method", METHODS)
def test_a_painter_is_its_method(method: str, content: torch.Tensor):
    given = {"gatys": {"style_weight": 20.0, "evaluations": 2}, "fast": {}}.get(method, {"amount": 0.5})
    paint = painter([SHIPPED[0]], method, size=64, **given)
    assert torch.allclose(paint(content), by_hand(method, content, SHIPPED[0]), atol=1e-5)


def test_masks_and_colours_reach_the_method(content: torch.Tensor):
    mask = torch.zeros(1, 1, *content.shape[-2:])
    mask[..., :24] = 1
    paint = painter([SHIPPED[0]], preserve_color=True)
    assert torch.equal(
        paint(content, masks=[mask]), transformer_net.stylize(content, SHIPPED[0], masks=[mask], preserve_color=True)
    )


def test_large_pictures_are_tiled(content: torch.Tensor):
    large, style = torch.nn.functional.interpolate(content, size=(96, 112)), assets.picture(SHIPPED[0], 64)
    tiled = painter([SHIPPED[0]], "wct", size=64, tile=64)
    assert tiled.keywords["tile"] == 64 and painter([SHIPPED[0]], "wct").keywords["tile"] is None  # on its own accord
    torch.testing.assert_close(tiled(large), wct.stylize(large, style), atol=1 / 255, rtol=0)


@pytest.mark.parametrize("method", ["adain", "wct"])
def test_a_style_picture_does_not_grow_with_the_content(method: str):
    """It is encoded in one piece: at 2304 px that took more memory than the picture."""
    assert min(painter([SHIPPED[0]], method, size=2304).keywords["style"][0].shape[-2:]) == LARGEST_STYLE


def test_the_method_follows_the_style(tmp_path: Path):
    assert method_for([SHIPPED[0]]) == "fast" == method_for([SHIPPED[0], str(tmp_path / "net.safetensors")])
    assert method_for([str(tmp_path / "picture.jpg")]) == "adain" == method_for(["starry_night"])
    assert method_for([SHIPPED[0], "a.png"]) == "adain"  # one method for both
    assert method_for(SHIPPED[:2]) == "adain"  # which mixes them; a network paints one style
    assert method_for(SHIPPED[:2], masked=True) == "fast" == method_for(SHIPPED[:1], masked=True)


def test_a_network_of_ones_own_and_a_picture_file(tmp_path: Path, content: torch.Tensor):
    net = nst.TransformerNet(width=2)
    net.save(tmp_path / "net.safetensors")
    assert torch.allclose(painter([tmp_path / "net.safetensors"])(content), net.stylize(content), atol=1e-5)
    nst.save_image(torch.rand(1, 3, 40, 60), tmp_path / "style.png")
    assert style_picture(tmp_path / "style.png", 32).shape == (1, 3, 32, 48)


@pytest.mark.parametrize("arguments, message", [
    ({"styles": ["nothing_like_it"]}, "unknown picture 'nothing_like_it'"),
    ({"styles": ["nothing_like_it"], "method": "fast"}, "unknown style 'nothing_like_it'"),
    ({"styles": ["a.jpg"], "method": "fast"}, "a.jpg: is not a network's file"),
    ({"styles": ["a.safetensors"], "method": "adain"}, "a.safetensors: is a trained network's file"),
    ({"styles": ["rose_window"], "method": "pastel"}, "method='pastel': expected one of gatys, fast, adain, wct"),
    ({"styles": ["rose_window"], "method": "gatys", "amount": 0.5}, "gatys has no alpha"),
    ({"styles": ["rose_window"], "method": "gatys", "tile": 512}, "tile=512: gatys searches the whole picture at once"),
    ({"styles": ["rose_window"], "method": "wct", "style_weight": 5.0}, "wct has none; gatys has"),
    ({"styles": []}, "styles: expected at least one name or file"),
    ({"styles": ["rose_window"], "size": 0}, "size=0: expected a whole number of at least 1"),
    ({"styles": ["rose_window"], "size": -5}, "size=-5: expected a whole number"),
    ({"styles": ["https://example.org/a.jpg"]}, "https://example.org/a.jpg: is an internet address"),
    ({"styles": ["https://example.org/a"]}, "https://example.org/a: is an internet address"),
])  # fmt: skip
def test_what_makes_no_sense_is_said(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        painter(**arguments)


@pytest.mark.parametrize("method", METHODS)
def test_working_size(method: str):
    large, small = torch.rand(1, 3, LARGEST[method] + 20, 1500), torch.rand(1, 3, 40, 50)
    assert working_size(large, method).shape[-2] == LARGEST[method]
    assert working_size(small, method) is small
    assert working_size(small, method, 80).shape == (1, 3, 80, 100)


@pytest.mark.parametrize("method", [nst.gatys, nst.transformer_net, nst.adain, nst.wct], ids=lambda module: module.__name__)
def test_all_methods_take_their_options_by_keyword_and_in_one_order(method):
    parameters = inspect.signature(method.stylize).parameters
    order = ["content", "style", "alpha", "strength", "style_weights", "masks", "preserve_color", "palette", "levels", "transform",
             "tile", "config", "start", "callback", "encoder", "decoder", "decoders"]  # fmt: skip
    assert list(parameters) == [name for name in order if name in parameters]
    assert {"style_weights", "masks", "preserve_color"} <= set(parameters)
    positional = [name for name, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]
    assert positional == ["content", "style"]


def test_one_style_needs_no_list(content: torch.Tensor):
    assert torch.equal(painter(SHIPPED[0])(content), painter([SHIPPED[0]])(content))


def test_a_style_of_the_wrong_kind_says_so(content: torch.Tensor):
    picture = torch.rand(1, 3, 8, 8)
    for style in (picture, [picture], 3, [None]):
        with pytest.raises(TypeError, match="^style: expected a shipped style's name, a network's file or a TransformerNet, got"):
            transformer_net.stylize(content, style)
    with pytest.raises(ValueError, match="^style: .*got an empty list"):
        transformer_net.stylize(content, [])
    with pytest.raises(TypeError, match="^style: expected a name or a file, got int"):
        style_picture(3)


@pytest.mark.parametrize("method", METHODS)
def test_values_far_outside_are_refused_by_every_method(method: str, content: torch.Tensor):
    """x * 255, as OpenCV and torchvision.io hand it out, came back white."""
    stylize = {"gatys": gatys, "fast": transformer_net, "adain": adain, "wct": wct}[method].stylize
    style = SHIPPED[0] if method == "fast" else content
    for far in (content * 255, content * 5 - 2.5):
        with pytest.raises(ValueError, match="^content: holds values from .* divide by 255"):
            stylize(far, style)
    if method != "fast":
        with pytest.raises(ValueError, match="^style: holds values from .* divide by 255"):
            stylize(content, style * 255)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_takes_pillows_pictures_and_numpys(method: str, content: torch.Tensor):
    module = {"gatys": gatys, "fast": transformer_net, "adain": adain, "wct": wct}[method]
    given = {"config": nst.GatysConfig.default(evaluations=1, scales=1)} if method == "gatys" else {}
    pixels = (content[0].permute(1, 2, 0) * 255).round().byte().numpy()
    exact = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
    wanted = module.stylize(exact, SHIPPED[0] if method == "fast" else exact, **given)
    for picture in (pixels, Image.fromarray(pixels)):
        torch.testing.assert_close(module.stylize(picture, SHIPPED[0] if method == "fast" else picture, **given), wanted)
        if method == "fast":
            torch.testing.assert_close(nst.load_style(SHIPPED[0]).stylize(picture), wanted)


@pytest.mark.parametrize("size", [0, -5, 2.5])
def test_a_senseless_working_size(size: float):
    with pytest.raises(ValueError, match="size="):
        working_size(torch.rand(1, 3, 40, 50), "fast", size)


# --- sheets -----------------------------------------------------------------------------------------------------------------------


def test_a_sheet_holds_each_picture_where_it_belongs_and_its_caption():
    red, blue = torch.zeros(1, 3, 20, 30), torch.zeros(1, 3, 10, 10)
    red[:, 0], blue[:, 2] = 1, 1
    page = sheet({"red": red, "blue": blue, "again": red}, columns=2, height=40)
    assert page.shape == (1, 3, 2 * MARGIN + 2 * (40 + CAPTION) + GAP, 2 * MARGIN + 60 + 40 + GAP)
    assert torch.equal(page[0, :, MARGIN + 20, MARGIN + 30], torch.tensor([1.0, 0, 0]))
    second = MARGIN + 60 + GAP + 20  # the middle of the second column, as wide as its picture: 40 px
    assert torch.equal(page[0, :, MARGIN + 20, second], torch.tensor([0, 0, 1.0]))
    assert torch.equal(page[0, :, MARGIN + 20, second - 25], torch.ones(3))
    caption = page[0, :, MARGIN + 40 : MARGIN + 40 + CAPTION, MARGIN : MARGIN + 60]
    assert 0.02 < float((caption < 0.6).float().mean()) < 0.5  # some ink, and room around it
    assert torch.equal(
        page[0, :, -MARGIN - CAPTION :, second - 20 :], torch.ones(3, MARGIN + CAPTION, page.shape[-1] - second + 20)
    )


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (4, 4), (5, 3), (6, 3), (7, 3), (10, 4)])
def test_a_sheet_has_about_as_many_rows_as_columns(count: int, columns: int):
    page = sheet({str(k): torch.zeros(1, 3, 8, 8) for k in range(count)}, height=8)
    rows = -(-count // columns)
    step = 8 + CAPTION + GAP
    assert page.shape[-2:] == (2 * MARGIN + rows * step - GAP, 2 * MARGIN + columns * 8 + (columns - 1) * GAP)


def test_a_quiet_sheet_has_no_captions():
    assert sheet({"a": torch.zeros(1, 3, 8, 8)}, height=8, quiet=True).shape == (1, 3, 2 * MARGIN + 8, 2 * MARGIN + 8)
    dense = sheet({"a": torch.zeros(1, 3, 8, 8)}, height=16, density=2)
    assert dense.shape == (1, 3, 2 * (2 * MARGIN + 8 + CAPTION), 2 * (2 * MARGIN + 8))
    with pytest.raises(ValueError, match="pictures: expected at least one"):
        sheet({})
    for wrong in ({"height": 0}, {"height": -8}, {"columns": 0}, {"columns": -1}, {"density": 0}):
        with pytest.raises(ValueError, match=f"{next(iter(wrong))}="):
            sheet({"a": torch.zeros(1, 3, 8, 8)}, **wrong)
    with pytest.raises(ValueError, match="wrong: expected the shape"):
        sheet({"wrong": torch.zeros(1, 4, 8, 8)})


def test_to_image_rounds_and_clips():
    picture = torch.tensor([-1.0, 0.5, 2.0]).reshape(1, 3, 1, 1)
    assert to_image(picture).getpixel((0, 0)) == (0, 128, 255)


def test_a_batch_is_no_picture_of_a_sheet():
    """The first would stand for all of them."""
    batch = torch.stack([torch.zeros(3, 8, 8), torch.ones(3, 8, 8)])
    with pytest.raises(ValueError, match="^picture: expected one picture .* a batch of 2"):
        to_image(batch)
    with pytest.raises(ValueError, match="^both: expected one picture .* a batch of 2"):
        sheet({"both": batch})
