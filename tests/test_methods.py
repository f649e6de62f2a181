"""nst.methods and nst.figures.sheets: the four methods by name are the four methods; labelled sheets."""

from __future__ import annotations

import contextlib
import copy
import inspect
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import nst
from nst import adain, assets, gatys, methods, transformer_net, wct
from nst.figures.sheets import CAPTION, GAP, MARGIN, sheet, to_image
from nst.methods import (
    LARGEST,
    LARGEST_STYLE,
    METHODS,
    method_for,
    painter,
    style_picture,
    transparent_working_size,
    working_size,
)
from nst.texture import AMOUNT

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
    return (adain if method == "adain" else wct).stylize(content, style, alpha=0.5, texture=AMOUNT)


@pytest.mark.parametrize("method", METHODS)
def test_a_painter_is_its_method(method: str, content: torch.Tensor):
    given = {"gatys": {"style_weight": 20.0, "evaluations": 2}, "fast": {}}.get(method, {"alpha": 0.5})
    paint = painter([SHIPPED[0]], method, size=64, **given)
    assert torch.allclose(paint(content), by_hand(method, content, SHIPPED[0]), atol=1e-5)
    scales = nst.GatysConfig.default().scales
    assert (paint.method, paint.evaluations) == (method, 2 * scales if method == "gatys" else 1)


def test_options_reach_gatys_and_its_encoder_is_read_once(content: torch.Tensor, monkeypatch: pytest.MonkeyPatch):
    loaded, load = [], nst.VGG19.load
    monkeypatch.setattr(nst.VGG19, "load", lambda which: loaded.append(which) or load(which))
    paint = painter([SHIPPED[0]], "gatys", size=64, evaluations=3, match_weight=0.0, preserve_color="luminance")
    made = [paint(content) for _ in range(2)]
    assert len(loaded) == 1
    config = nst.GatysConfig.default(evaluations=3, match_weight=0.0)
    wanted = gatys.stylize(content, assets.picture(SHIPPED[0], 64), config=config, preserve_color="luminance")
    assert torch.allclose(made[1], wanted, atol=1e-5)
    assert not torch.allclose(made[1], paint.paint(content, preserve_color=False), atol=1e-3)


def test_options_reach_a_network(content: torch.Tensor, tmp_path: Path):
    net = nst.load_style(SHIPPED[0])
    assert torch.equal(painter([SHIPPED[0]], "fast", alpha=0.25)(content), net.stylize(content, strength=0.25))
    net.save(tmp_path / "net.safetensors")
    for normalized in (True, False):
        paint = painter([tmp_path / "net.safetensors"], "fast", normalized=normalized)
        wanted = nst.load_style(tmp_path / "net.safetensors", normalized=normalized).stylize(content)
        assert torch.equal(paint(content), wanted)


def test_a_tensor_keeps_its_size_unless_another_is_asked_for(content: torch.Tensor, tmp_path: Path, monkeypatch):
    monkeypatch.setitem(methods.LARGEST, "fast", 32)
    nst.save_image(content, tmp_path / "photo.png")
    assert nst.stylize(content, SHIPPED[0], "fast").shape == content.shape
    assert min(nst.stylize(tmp_path / "photo.png", SHIPPED[0], "fast").shape[-2:]) == 32
    for picture in (content, tmp_path / "photo.png"):
        assert min(nst.stylize(picture, SHIPPED[0], "fast", size=40).shape[-2:]) == 40


def test_a_style_pictures_file_is_read_at_the_size_that_is_asked_for(content: torch.Tensor, tmp_path: Path):
    nst.save_image(assets.picture(SHIPPED[0], 96), tmp_path / "style.png")
    made = nst.stylize(content, tmp_path / "style.png", "adain", size=40)
    wanted = adain.stylize(working_size(content, "adain", 40), nst.load_image(tmp_path / "style.png", 40), texture=AMOUNT)
    assert torch.allclose(made, wanted, atol=1e-5)


def test_it_is_said_what_was_chosen(content: torch.Tensor, capsys: pytest.CaptureFixture):
    nst.stylize(content, SHIPPED[0]), nst.stylize(content, content), nst.stylize(content, content, "adain")
    assert capsys.readouterr().out.splitlines() == ["nst.stylize: fast, a network is trained for it",
                                                    "nst.stylize: adain, any picture in one pass"]  # fmt: skip


def test_masks_and_colours_reach_the_method(content: torch.Tensor):
    mask = torch.zeros(1, 1, *content.shape[-2:])
    mask[..., :24] = 1
    paint = painter([SHIPPED[0]], preserve_color=True)
    assert torch.equal(
        paint(content, masks=[mask]), transformer_net.stylize(content, SHIPPED[0], masks=[mask], preserve_color=True)
    )


@pytest.mark.parametrize("method", [None, *METHODS])
def test_one_function_takes_names_files_and_tensors(method: str | None, content: torch.Tensor, tmp_path: Path, capsys):
    given = {"gatys": {"evaluations": 2}, "adain": {"texture": 0.0}, "wct": {"texture": 0.0}}.get(method, {})  # it would take time
    nst.save_image(content, tmp_path / "photo.png")
    by_tensor = nst.stylize(nst.load_image(tmp_path / "photo.png"), SHIPPED[0], method, **given)
    assert torch.equal(nst.stylize(tmp_path / "photo.png", SHIPPED[0], method, **given), by_tensor)
    small = nst.stylize("chelsea", SHIPPED[0], method, size=32, **given)
    assert small.shape[-2:] == assets.picture("chelsea", 32).shape[-2:] and by_tensor.shape == content.shape
    assert capsys.readouterr().out == ("nst.stylize: fast, a network is trained for it\n" * 3 if method is None else "")


def test_one_function_takes_networks_masks_and_weights(content: torch.Tensor, capsys):
    net, style = nst.TransformerNet(width=2), torch.rand(1, 3, 40, 40)
    assert torch.allclose(nst.stylize(content, net), net.stylize(content), atol=1e-6)
    mask = torch.ones(1, 1, *content.shape[-2:])
    assert torch.allclose(nst.stylize(content, [net, net], masks=[mask, 0 * mask]), net.stylize(content), atol=1e-6)
    mixed = nst.stylize(content, [style, style], style_weights=[1, 2], alpha=0.5)
    assert torch.allclose(mixed, adain.stylize(content, style, alpha=0.5, texture=AMOUNT), atol=1e-4)
    steps = []
    nst.stylize(content, style, "gatys", evaluations=2, callback=lambda step, *_: steps.append(step))
    assert steps and steps[0] == 1
    with pytest.raises(ValueError, match="callback: wct has none"):
        nst.stylize(content, style, "wct", callback=print)
    with pytest.raises(TypeError, match="style: expected a picture, its name or its file, got int"):
        nst.stylize(content, 3)
    with pytest.raises(TypeError, match="style: fast wants a trained network"):
        nst.stylize(content, style, "fast")


@pytest.mark.parametrize("method", ["adain", "wct"])
def test_a_painter_reads_its_styles_once(method: str, monkeypatch: pytest.MonkeyPatch):
    seen, forward = [], nst.VGG19.forward
    monkeypatch.setattr(nst.VGG19, "forward", lambda self, x, layers: seen.append(x.shape[-1]) or forward(self, x, layers))
    paint, contents = painter([SHIPPED[0]], method, size=96), [torch.rand(1, 3, 40, 40) for _ in range(3)]
    made = [paint(content) for content in contents]
    assert len([side for side in seen if side not in (48, 320)]) == 1  # 40 pixels are padded to 48; noise of 320 for the texture
    assert seen.count(320) == {"adain": 1, "wct": 4}[method]  # once for all three, at each level
    one = {"adain": adain, "wct": wct}[method].stylize(contents[2], style_picture(SHIPPED[0], 96), texture=AMOUNT)
    assert torch.equal(made[2], one)


def test_large_pictures_are_tiled(content: torch.Tensor):
    large, style = torch.nn.functional.interpolate(content, size=(96, 112)), assets.picture(SHIPPED[0], 64)
    tiled = painter([SHIPPED[0]], "wct", size=64, tile=64)
    assert tiled.paint.keywords["tile"] == 64 and "tile" not in painter([SHIPPED[0]], "wct").paint.keywords  # on its own accord
    torch.testing.assert_close(tiled(large), wct.stylize(large, style, texture=AMOUNT), atol=1 / 255, rtol=0)


@pytest.mark.parametrize("method", ["adain", "wct"])
def test_a_style_picture_does_not_grow_with_the_content(method: str):
    """It is encoded in one piece: at 2304 px that took more memory than the picture."""
    assert min(painter([SHIPPED[0]], method, size=2304).paint.keywords["style"].pictures[0].shape[-2:]) == LARGEST_STYLE


def test_the_method_follows_the_style(tmp_path: Path):
    assert method_for([SHIPPED[0]]) == "fast" == method_for([SHIPPED[0], str(tmp_path / "net.safetensors")], masked=True)
    assert method_for(SHIPPED[:2]) == "adain"  # one network cannot mix them
    assert method_for([nst.TransformerNet(width=2)]) == "fast" and method_for([torch.rand(1, 3, 8, 8)]) == "adain"
    assert method_for([str(tmp_path / "picture.jpg")]) == "adain" == method_for(["starry_night"])
    assert method_for([SHIPPED[0], "a.png"], masked=True) == "adain"  # one method for both
    assert method_for(SHIPPED[:2], masked=True) == "fast" == method_for(SHIPPED[:1], masked=True)
    assert painter(SHIPPED[:2], size=32).method == "adain" and painter(SHIPPED[:2], masked=True).method == "fast"


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
    ({"styles": ["rose_window"], "method": "gatys", "alpha": 0.0}, "alpha=0.0: gatys has no such option; fast, adain, wct has"),
    ({"styles": ["rose_window"], "method": "gatys", "tile": 512}, "tile=512: gatys has no such option; adain, wct has"),
    ({"styles": ["rose_window"], "method": "wct", "style_weight": 5.0}, "style_weight=5.0: wct has no such option; gatys has"),
    ({"styles": ["rose_window"], "method": "fast", "colour": True}, "colour=True: fast has no such option; expected alpha, brush"),
    ({"styles": []}, "^styles: expected at least one name or file"),
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
    largest = torch.rand(1, 1, LARGEST[method], LARGEST[method])
    assert working_size(largest, method) is largest


def test_the_working_size_of_a_transparent_picture_is_pillows():
    """Colours count as much as they are seen: Pillow's premultiplied colours, RGBa, are resized so."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (64, 96, 4), dtype=np.uint8)
    pixels[8:40, 10:60, 3] = 0
    small = Image.fromarray(pixels).convert("RGBa").resize((48, 32), Image.Resampling.BICUBIC).convert("RGBA")
    wanted = torch.from_numpy(np.array(small)).permute(2, 0, 1)[None] / 255
    x = torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255
    made, seen = transparent_working_size(x[:, :3], x[:, 3:], "fast", 32)
    torch.testing.assert_close(seen, wanted[:, 3:], atol=4 / 255, rtol=0)  # Pillow rounds twice
    much = (wanted[:, 3:] > 0.3).expand_as(made)
    assert 0.4 < float(much.float().mean()) < 0.9
    torch.testing.assert_close(made[much], wanted[:, :3][much], atol=8 / 255, rtol=0)  # its 8 bits, divided by what is seen
    x[:, :3, 8:40, 10:60] = 0.5  # nobody sees it
    torch.testing.assert_close(transparent_working_size(x[:, :3], x[:, 3:], "fast", 32)[0], made)
    harsh = transparent_working_size(x[:, :3].round(), x[:, 3:].round(), "fast", 32)[0]
    assert float(harsh.max()) == 1 and float(harsh.min()) == 0


@pytest.mark.parametrize(("alpha", "is_seen"), [(0.0, False), (1 / 510.5, False), (0.003, True), (0.5, True), (1.0, True)])
def test_what_is_transparent_in_8_bits_is_white(alpha: float, is_seen: bool):
    picture = torch.rand(1, 3, 1, 1).expand(1, 3, 40, 60)
    made, seen = transparent_working_size(picture, torch.full((1, 1, 40, 60), alpha), "fast", 20)
    torch.testing.assert_close(seen, torch.full((1, 1, 20, 30), alpha))
    torch.testing.assert_close(made, picture[..., :20, :30] if is_seen else torch.ones(1, 3, 20, 30), atol=1e-4, rtol=0)


def test_a_picture_that_is_opaque_or_small_is_only_brought_to_its_size(monkeypatch: pytest.MonkeyPatch):
    picture, alpha = torch.rand(1, 3, 40, 60), torch.rand(1, 1, 40, 60)
    made, seen = transparent_working_size(picture, None, "fast", 20)
    assert torch.equal(made, working_size(picture, "fast", 20)) and seen is None
    made, seen = transparent_working_size(picture, alpha, "fast")
    assert made is picture and seen is alpha
    monkeypatch.setitem(methods.LARGEST, "fast", 20)
    assert [side.shape[-2:] for side in transparent_working_size(picture, alpha, "fast")] == [(20, 30)] * 2
    assert transparent_working_size(picture, None, "fast")[0].shape == (1, 3, 20, 30)


@pytest.mark.parametrize("method", [nst.gatys, nst.transformer_net, nst.adain, nst.wct], ids=lambda module: module.__name__)
def test_all_methods_take_their_options_by_keyword_and_in_one_order(method):
    parameters = inspect.signature(method.stylize).parameters
    order = ["content", "style", "alpha", "strength", "brush", "texture", "style_weights", "masks", "preserve_color", "palette",
             "levels", "transform", "tile", "config", "start", "callback", "encoder", "decoder", "decoders"]  # fmt: skip
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
    with pytest.raises(TypeError, match="^style: expected a picture, its name or its file, got int"):
        style_picture(3)
    with pytest.raises(ValueError, match="^style: expected one picture"):
        style_picture(torch.rand(2, 3, 8, 8))
    with pytest.raises(TypeError, match="^style: fast wants a trained network, its name or its file; adain paints"):
        painter([picture], "fast")


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


def test_one_function_takes_whatever_is_a_picture(content: torch.Tensor, tmp_path: Path):
    pixels = (content[0].permute(1, 2, 0) * 255).round().byte().numpy()
    Image.fromarray(pixels).save(tmp_path / "a.png")
    exact = nst.load_image(pixels)
    wanted = nst.stylize(exact, exact, "adain")
    for picture in (pixels, Image.fromarray(pixels), (tmp_path / "a.png").read_bytes()):
        style = pixels if isinstance(picture, bytes) else picture
        torch.testing.assert_close(nst.stylize(picture, style, "adain"), wanted, atol=1e-5, rtol=0)


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
            "float16": lambda: torch.autocast("cpu", torch.float16),
            "bfloat16": lambda: torch.autocast("cpu", torch.bfloat16)}  # fmt: skip
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
