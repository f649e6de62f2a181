"""nst.methods and nst.figures.sheets: the four methods by name are the four methods; labelled sheets."""

from __future__ import annotations

import contextlib
import copy
import inspect
from dataclasses import replace
from pathlib import Path

import pytest
import torch

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


def test_a_quiet_sheet_has_no_captions():
    assert sheet({"a": torch.zeros(1, 3, 8, 8)}, height=8, quiet=True).shape == (1, 3, 2 * MARGIN + 8, 2 * MARGIN + 8)
    dense = sheet({"a": torch.zeros(1, 3, 8, 8)}, height=16, density=2)
    assert dense.shape == (1, 3, 2 * (2 * MARGIN + 8 + CAPTION), 2 * (2 * MARGIN + 8))
    with pytest.raises(ValueError, match="pictures: expected at least one"):
        sheet({})
    with pytest.raises(ValueError, match="wrong: expected the shape"):
        sheet({"wrong": torch.zeros(1, 4, 8, 8)})


def test_to_image_rounds_and_clips():
    picture = torch.tensor([-1.0, 0.5, 2.0]).reshape(1, 3, 1, 1)
    assert to_image(picture).getpixel((0, 0)) == (0, 128, 255)


# --- the caller's settings of torch -----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def doubles():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


@contextlib.contextmanager
def no_gradients():
    torch.set_grad_enabled(False)  # at the top of a script, as most demos have it
    try:
        yield
    finally:
        torch.set_grad_enabled(True)


SETTINGS = {"no_grad": torch.no_grad, "inference": torch.inference_mode, "disabled": no_gradients, "float64": doubles,
            "float16": lambda: torch.autocast("cpu", torch.float16), "bfloat16": lambda: torch.autocast("cpu", torch.bfloat16)}  # fmt: skip
X, S = (torch.rand(1, 3, *size, generator=torch.Generator().manual_seed(3)) for size in ((64, 96), (80, 64)))


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("method", ["gatys", "adain", "wct", "noise", "masked", "article"])
def test_a_picture_does_not_depend_on_the_callers_settings(method: str, setting: str):
    def paint() -> torch.Tensor:
        encoder = nst.VGG19.load("lite")
        if method in ("adain", "wct"):
            return getattr(nst, method).stylize(X, S, encoder=encoder)
        config = nst.GatysConfig.article(evaluations=3) if method == "article" else nst.GatysConfig(evaluations=3)
        config = replace(config, start="noise") if method == "noise" else config
        masks = [torch.full((1, 1, 64, 96), 0.7)] if method == "masked" else None
        torch.manual_seed(0)
        return nst.gatys.stylize(X.clone(), S.clone(), config=config, encoder=encoder, masks=masks)  # clones: inference tensors

    wanted = paint()
    with SETTINGS[setting]():
        painted = paint()
    assert painted.dtype == torch.float32 and not painted.requires_grad
    torch.testing.assert_close(painted.clone(), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("tile", [None, 48])
@pytest.mark.parametrize(("dtype", "away"), [(torch.float16, 0.01), (torch.bfloat16, 0.05), (torch.float64, 1e-3)])
def test_networks_in_other_precisions(dtype: torch.dtype, away: float, tile: int | None):
    """Half precision is what who has a GPU tries first."""
    encoder, decoder = nst.VGG19.load("lite"), nst.decoders.Decoder.load("adain")
    content, style = nst.assets.picture("chelsea", 64)[..., :80], nst.assets.picture("rose_window", 40)
    wanted = nst.adain.stylize(content, style, encoder=encoder, decoder=decoder, tile=tile)
    other = {"encoder": copy.deepcopy(encoder).to(dtype), "decoder": copy.deepcopy(decoder).to(dtype)}
    painted = nst.adain.stylize(content, style, tile=tile, **other)
    assert painted.dtype == torch.float32 and float((painted - wanted).abs().mean()) < away
    levels = (2,)
    decoders = {k: nst.decoders.Decoder.load(f"relu{k}_1") for k in levels}
    wanted = nst.wct.stylize(content, style, levels=levels, encoder=encoder, decoders=decoders, tile=tile)
    half = {k: copy.deepcopy(d).to(dtype) for k, d in decoders.items()}
    painted = nst.wct.stylize(content, style, levels=levels, encoder=other["encoder"], decoders=half, tile=tile)
    assert painted.dtype == torch.float32 and float((painted - wanted).abs().mean()) < 3 * away
    if tile is None:
        config = nst.GatysConfig(evaluations=2, content_layers=("relu2_1",), style_layers=("relu1_1", "relu2_1"))
        painted = nst.gatys.stylize(content, style, config=config, encoder=other["encoder"])
        assert painted.dtype == torch.float32 and painted.isfinite().all() and not torch.equal(painted, content)
