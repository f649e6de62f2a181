"""The painting page in a real browser with no network: it paints what torch paints, and a second visit loads no model again.

Needs Chromium and playwright, and the runtime, from `build/runtime` or by npm; without them all of this is skipped.
The screenshots are in build/screens.
"""

from __future__ import annotations

import base64
import functools
import http.server
import io
import json
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import nst
from nst import adain, texture, wct
from nst.controls import StyleMix
from nst.images import image_of, load_image
from nst.losses import gram_matrix

TOP = Path(__file__).resolve().parents[2]
SCREENS = TOP / "build" / "screens"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
SIZE = 128  # pixels of the shorter side
STEP = 1 / 255

sys.path.insert(0, str(TOP / "notebooks" / "book"))
import runtime  # noqa: E402

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")]
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")

DROP = """([data, name]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)), dropped = new DataTransfer();
  dropped.items.add(new File([bytes], name));
  document.querySelector("#frame").dispatchEvent(new DragEvent("drop", { dataTransfer: dropped, bubbles: true, cancelable: true }));
}"""
PASTE = """([data, name]) => {
  const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0)), pasted = new DataTransfer();
  pasted.items.add(new File([bytes], name, { type: "image/png" }));
  document.dispatchEvent(new ClipboardEvent("paste", { clipboardData: pasted, bubbles: true }));
}"""
PIXELS = """() => {
  const canvas = document.querySelector("canvas.after"), { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  return [height, width, btoa(Array.from(data, (number) => String.fromCharCode(number)).join(""))];
}"""
SET = """(values) => {
  const places = { strength: "#strength input", texture: "#texture input", share: "#share input", second: "#second" };
  const { elements } = document.querySelector("#controls");
  for (const [name, value] of Object.entries(values))
    for (const part of name in places ? document.querySelectorAll(places[name]) : [elements[name]]) part.value = value;
}"""
NAMELESS = """() => [...document.querySelectorAll("button, input, select")]
  .filter((part) => !(part.ariaLabel || part.labels?.[0]?.textContent || part.textContent).trim()).map((part) => part.outerHTML)"""
TRIALS = """async (engine) => {
  const [{ Models }, { tryOut }] = await Promise.all(["models.js", "trial.js"].map((file) => import(engine + file)));
  const models = new Models("webgpu", () => {}, async () => {}), said = {};
  for (const [name, file] of [["style_night_orchard", "trained.js"], ["adain", "adain.js"], ["wct", "wct.js"]])
    said[name] = await tryOut((await import(engine + file)).paint, models, name).then(() => "", (error) => error.message);
  return said;
}"""
SQUARES = """async (engine) => {
  const { inSquares } = await import(engine + "tiles.js"), { empty } = await import(engine + "picture.js");
  let runs = 0;
  const mirrored = (i, n) => (i < 0 ? -i : i >= n ? 2 * (n - 1) - i : i);
  const mean = async ({ height, width, data }) => {
    runs++;
    const across = empty(height, width, 1), made = empty(height, width, 1);
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++)
      for (let k = -3; k < 4; k++) across.data[y * width + x] += data[y * width + mirrored(x + k, width)];
    for (let y = 0; y < height; y++) for (let x = 0; x < width; x++)
      for (let k = -3; k < 4; k++) made.data[y * width + x] += across.data[mirrored(y + k, height) * width + x];
    return made;
  };
  const picture = { height: 1040, width: 1072, data: Float32Array.from({ length: 1040 * 1072 }, (_, i) => (i * 7919) % 256) };
  const made = await inSquares(picture, mean, { from: 1, to: 1, border: 3, channels: 1 }), squares = runs;
  const whole = await mean(picture);
  return [squares, made.data.reduce((most, x, i) => Math.max(most, Math.abs(x - whole.data[i])), 0)];
}"""
PARTS = """async (engine) => {
  const { statistics, together } = await import(engine + "covariance.js");
  const maps = (rows) => ({ height: rows.length / 3, width: 1, data: Float32Array.from(rows) });
  const numbers = Array.from({ length: 90 }, (_, i) => (i * 37) % 11);
  const channel = (c, from, to) => numbers.slice(30 * c + from, 30 * c + to);
  const part = (from, to) => statistics(maps([0, 1, 2].flatMap((c) => channel(c, from, to))));
  const whole = part(0, 30), made = together(together(part(0, 7), part(7, 19)), part(19, 30));
  const apart = (key) => Math.max(...made[key].map((x, i) => Math.abs(x - whole[key][i])));
  return [apart("covariance"), apart("mean")];
}"""
RESIZED = """async ([engine, data, height, width, tall, wide]) => {
  const { resized } = await import(engine + "picture.js");
  return Array.from(resized({ height, width, data: Float32Array.from(data) }, tall, wide).data);
}"""
TRANSPORT = """async ([engine, data, [height, width], styleData, [tall, wide]]) => {
  const { statistics, transport, turned } = await import(engine + "covariance.js");
  const maps = { height, width, data: Float32Array.from(data) };
  const style = { height: tall, width: wide, data: Float32Array.from(styleData) };
  return Array.from(turned(maps, transport(statistics(maps), statistics(style))).data);
}"""
NOISE = """async ([engine, side]) => {
  const [{ Models }, { noise }] = await Promise.all(["models.js", "texture.js"].map((file) => import(engine + file)));
  return Array.from((await noise(new Models("wasm"), side)).data.filter((_, i) => i % 31 === 0)); // JSON is slow
}"""
TEXTURE_PARTS = """async ([engine, height, width]) => {
  const { flatness, painted, underFlatPlaces } = await import(engine + "texture.js");
  const made = (places, of) => Float32Array.from({ length: 3 * places }, (_, i) => of(((i * 7919) % 256) / 255, i));
  const half = (number, i) => (i % width < width / 2 ? number : 0.4 + 0.1 * number);
  const picture = { height, width, data: made(height * width, half) };
  const textureOf = (k, side) => ({ data: made(side ** 2, (number) => (1 - 2 * k) * (number - 0.5)) });
  const laid = await underFlatPlaces(picture, [0.7, 0.3], textureOf, 0.8);
  const stripes = (seen) => ({ ...seen, data: seen.data.map((number, i) => 1.6 * number + 0.4 * (i % 5) - 0.8) });
  const some = ({ data }) => Array.from(data.filter((_, i) => i % 7 === 0));
  return [flatness(picture), laid, await painted(stripes, picture)].map(some);
}"""
FIGURES = """<!doctype html><meta charset="utf-8"><title>figures</title><link rel="icon" href="data:,">{}"""


class Site(http.server.ThreadingHTTPServer):
    """A folder, served to this machine; `asked` are the paths that were asked for."""

    def __init__(self, folder: Path):
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), functools.partial(_Handler, directory=str(folder)))
        self.address = f"http://127.0.0.1:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that goes away is no error."""


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_request(self, *_: object) -> None:
        self.server.asked.append(self.path)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The page with all that belongs to it, and a page with the three live figures."""
    import models
    import pictures

    folder = tmp_path_factory.mktemp("site")
    page = folder / "paint"
    shutil.copytree(TOP / "notebooks" / "book" / "paint", page)
    try:
        runtime.runtime(page / "ort")
    except runtime.NoRuntime as error:
        pytest.skip(str(error))
    models.models(page / "models")
    pictures.pictures(page / "pictures", finished=32)
    snippets = [(TOP / "notebooks" / "book" / "live" / f"{name}.html").read_text() for name in ("gram", "strength", "channels")]
    (folder / "lessons").mkdir()
    (folder / "lessons" / "figures.html").write_text(FIGURES.format("\n".join(snippets)))
    server = Site(folder)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


class Page:
    """The page in a browser context of its own; `said` is what the console called an error, and what could not be fetched."""

    def __init__(self, browser, site: Site, path: str = "paint/?backend=wasm", **options: object):
        self.context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
        self.site, self.said, self.painted = site, [], 0
        self.open(path)

    def open(self, path: str = "paint/?backend=wasm") -> None:
        self.page = self.context.new_page()
        self.page.set_default_timeout(120_000)
        self.page.route("**", lambda route: route.continue_() if route.request.url.startswith(self.site.address) else route.abort())
        self.page.on("console", lambda message: self.said.append(message.text) if message.type in ("error", "warning") else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("requestfailed", lambda request: self.said.append(f"{request.url} {request.failure}"))
        self.painted = 0
        self.page.goto(self.site.address + path)
        if path.startswith("paint/"):
            self.page.wait_for_selector("#styles .thumb >> nth=7")
            self.page.wait_for_selector("#status:not(:empty)")

    def choose(self, name: str, value: str) -> None:
        self.page.locator(f'label:has([name="{name}"][value="{value}"])').click()

    def set(self, **controls: object) -> None:
        """Give some controls their values, as nobody's hand does: the page is not told."""
        self.page.evaluate(SET, {name: str(value) for name, value in controls.items()})

    def paint(self, **controls: object) -> None:
        """Set some controls, and press Paint."""
        self.set(**controls)
        self.page.click("#paint")
        self.wait()

    def wait(self) -> str:
        """Until a painting is shown that was not there last time, and nothing is under way; what the page then says."""
        began = time.monotonic()
        while self.number() <= self.painted or self.page.locator("body[data-busy]").count():
            assert time.monotonic() < began + 120, self.page.text_content("#status")
            assert not self.page.locator("#status.wrong").count(), self.page.text_content("#status")
            time.sleep(0.02)
        self.painted = self.number()
        return self.page.text_content("#status")

    def number(self) -> int:
        return int(self.page.get_attribute(".comparison", "data-number") or 0)

    def painting(self) -> Tensor:
        """What is shown, (1, 3, H, W)."""
        height, width, data = self.page.evaluate(PIXELS)
        pixels = np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[..., :3]
        return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255

    def drop(self, content: bytes, name: str = "photo.png") -> None:
        self.page.evaluate(DROP, [base64.b64encode(content).decode(), name])


def png(picture: Tensor) -> bytes:
    file = io.BytesIO()
    image_of(picture).save(file, "PNG")
    return file.getvalue()


@functools.cache
def pair() -> tuple[bytes, Tensor, bytes, Tensor]:
    """A photograph and a style picture of 128 px, as files and as tensors."""
    files = png(nst.assets.picture("coffee", SIZE)), png(nst.assets.picture("rose_window", SIZE))
    return files[0], load_image(files[0]), files[1], load_image(files[1])


@pytest.fixture(scope="module")
def page(browser, site: Site) -> Page:
    """A page with a dropped photograph of 128 px."""
    page = Page(browser, site)
    page.page.select_option("#size", str(SIZE))
    page.wait()
    page.drop(pair()[0])
    page.wait()
    return page


def assert_equal(page: Page, expected: Tensor, steps: float = 2) -> None:
    made = page.painting()
    assert made.shape == expected.shape
    assert float((made - expected).abs().max()) <= steps * STEP


@pytest.mark.parametrize("style", nst.assets.shipped_styles())
def test_a_dropped_photograph_in_each_style_as_torch_paints_it(page: Page, style: str) -> None:
    if page.page.locator("#styles input:checked").get_attribute("value") != style:
        page.choose("style", style)
        page.wait()
    assert_equal(page, nst.load_style(style).stylize(pair()[1]))


def test_strength_and_brush(page: Page) -> None:
    network = nst.load_style("cut_paper")
    for strength, brush in ((0.4, 1), (0.4, 2), (1, 4)):
        page.paint(method="trained", style="cut_paper", strength=strength, brush=brush)
        assert_equal(page, network.stylize(pair()[1], strength=strength, brush=brush))


def test_adain_with_any_style_alpha_brush_and_a_second_style(page: Page) -> None:
    _, content, file, style = pair()
    page.paint(method="adain", style="ink_mountains", brush=1, strength=0.6, texture=0, second="rose_window", share=0.3)
    ink, window = (nst.images.resize(nst.assets.picture(name), SIZE) for name in ("ink_mountains", "rose_window"))
    expected = adain.stylize(content, [ink, window], style_weights=[0.7, 0.3], alpha=0.6, brush=1)
    assert_equal(page, expected, 4)  # the browser reads a JPEG in its own way
    page.set(brush=2, strength=1, second="")
    page.page.set_input_files("#style-file", {"name": "window.png", "mimeType": "image/png", "buffer": file})
    page.wait()
    assert_equal(page, adain.stylize(content, style, brush=2))


def test_wct_with_any_style_alpha_and_brush(page: Page) -> None:
    _, content, file, style = pair()
    page.set(method="wct", brush=2, strength=0.6, texture=0, second="")
    page.page.set_input_files("#style-file", {"name": "window.png", "mimeType": "image/png", "buffer": file})
    page.wait()
    assert_equal(page, wct.stylize(content, style, alpha=0.6, brush=2))


def test_it_says_what_painted_and_how_long_that_took(page: Page) -> None:
    assert "WebAssembly, one thread) in " in page.page.text_content("#status")
    assert page.page.text_content("#status").endswith("192 x 128 pixels.")


def test_the_download_is_what_is_shown(page: Page) -> None:
    with page.page.expect_download() as download:
        page.page.click("#download")
    assert download.value.suggested_filename.endswith(".png")
    assert torch.equal(load_image(download.value.path()), page.painting())


def test_pasted_and_chosen_photographs(page: Page) -> None:
    page.paint(method="trained", style="mosaic_peacock", brush=1, strength=1)
    other = png(nst.assets.picture("chelsea", SIZE))
    page.page.evaluate(PASTE, [base64.b64encode(other).decode(), "cat.png"])
    page.wait()
    assert_equal(page, nst.load_style("mosaic_peacock").stylize(load_image(other)))
    page.page.set_input_files("#file", {"name": "coffee.png", "mimeType": "image/png", "buffer": pair()[0]})
    page.wait()
    assert_equal(page, nst.load_style("mosaic_peacock").stylize(pair()[1]))


def test_what_is_no_picture_is_said_to_be_none(page: Page) -> None:
    page.drop(b"no picture at all", "notes.txt")
    page.page.wait_for_selector("#status.wrong")
    assert page.page.text_content("#status").startswith("notes.txt is not a picture that your browser reads")


def test_what_is_too_large_is_said_to_be(page: Page) -> None:
    page.set(size=2048)
    page.drop(png(torch.rand(1, 3, 16, 128)), "panorama.png")
    page.page.wait_for_selector('#status.wrong:has-text("34 megapixels; at most 12 fit here")')
    assert "at most 12 fit here" in page.page.text_content("#status")
    page.set(size=SIZE)
    page.drop(pair()[0])
    page.page.wait_for_selector("#status:not(.wrong)")  # the complaint stays until the next painting begins
    page.wait()


def test_every_control_has_a_name_and_the_console_is_silent(page: Page) -> None:
    assert page.page.evaluate(NAMELESS) == []
    assert page.said == []
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.page.screenshot(path=SCREENS / "paint.png")


def test_a_second_visit_loads_no_model_again(page: Page, site: Site) -> None:
    first = [path for path in site.asked if path.endswith(".onnx") or ".onnx?" in path or ".wasm.gz" in path]
    assert len(first) == len(set(first)) >= 10  # each once
    site.asked.clear()
    page.open()
    page.page.select_option("#size", str(SIZE))
    page.wait()
    assert not [path for path in site.asked if ".onnx" in path or ".wasm.gz" in path]
    assert page.said == []


def test_by_keyboard_alone_and_the_latest_wish_wins(page: Page, site: Site) -> None:
    page.page.locator("#photographs input:checked").focus()
    page.page.keyboard.press("ArrowLeft")  # the cat, then the astronaut
    page.page.locator("#styles input:checked").focus()
    for _ in range(3):  # three more wishes at once
        page.page.keyboard.press("ArrowRight")
    page.wait()
    assert page.page.locator("#styles input:checked").get_attribute("value") == "ink_mountains"
    photograph = load_image(site_file(site, "pictures/astronaut.jpg"))
    assert_equal(page, nst.load_style("ink_mountains").stylize(nst.images.resize(photograph, SIZE)), 6)  # of a JPEG
    page.page.locator(".comparison input").focus()
    before = page.page.get_attribute(".comparison", "style")
    page.page.keyboard.press("ArrowRight")
    assert page.page.get_attribute(".comparison", "style") != before
    assert page.said == []


def test_stop_and_paint_again(page: Page) -> None:
    page.set(size=1024)
    page.page.click("#paint")
    page.page.click("#stop")
    assert page.page.text_content("#status") == "Stopped."
    page.paint(size=SIZE)
    assert page.said == []


def site_file(site: Site, name: str) -> Path:
    return Path(site.RequestHandlerClass.keywords["directory"]) / "paint" / name


def test_a_phone_waits_for_a_tap_and_scrolls_in_one_direction_only(browser, site: Site) -> None:
    site.asked.clear()
    page = Page(browser, site, viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True, color_scheme="dark")
    page.choose("style", "ink_mountains")
    page.page.wait_for_selector('#status:has-text("beforehand")')
    assert not [path for path in site.asked if ".onnx" in path or ".wasm" in path]
    assert any("finished/" in path for path in site.asked)
    page.page.select_option("#size", str(SIZE))
    page.page.click("#paint")
    page.wait()
    assert page.page.evaluate("document.documentElement.scrollWidth") <= 390
    page.page.screenshot(path=SCREENS / "paint-390.png", full_page=True)
    assert page.said == []
    page.context.close()


def test_live_figures(browser, site: Site) -> None:
    page = Page(browser, site, "lessons/figures.html?backend=wasm")
    said = {"gram": "Divided", "strength": "Painted", "channels": "0 of 128"}
    for name, words in said.items():
        figure = page.page.locator(f'[data-live="{name}"]')
        figure.locator("button.main").click()
        figure.locator(f'p[role="status"]:has-text("{words}")').wait_for()
    with torch.no_grad():
        photograph = nst.images.resize(load_image(site_file(site, "pictures/astronaut.jpg")), 256)
        gram = gram_matrix(nst.VGG19.load("lite")(photograph, ["relu1_1"])["relu1_1"])[0]
    largest = float(page.page.locator('[data-live="gram"] p[role="status"]').text_content().split("entry is ")[1].split(";")[0])
    assert largest == pytest.approx(float(gram.max()), rel=0.01)
    page.page.click("text=All channels as the style's")
    page.page.locator('[data-live="channels"] p[role="status"]:has-text("77 of 128")').wait_for()  # lesson 06: 51 are silent
    page.page.screenshot(path=SCREENS / "figures.png", full_page=True)
    assert page.said == []
    page.context.close()


@pytest.mark.skipif("NST_TEST_WEBGPU" not in os.environ, reason="takes minutes without a graphics processor: set NST_TEST_WEBGPU=1")
def test_webgpu_paints_what_torch_paints(site: Site) -> None:
    """On SwiftShader, which plays a graphics processor on the CPU."""
    options = ["--no-sandbox", "--disable-background-networking", "--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader",
               "--enable-features=Vulkan", "--use-vulkan=swiftshader", "--ignore-gpu-blocklist"]  # fmt: skip
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=options)
        page = Page(browser, site, "paint/?backend=webgpu")
        page.page.set_default_timeout(600_000)
        assert page.page.evaluate(TRIALS, site.address + "paint/engine/") == {"style_night_orchard": "", "adain": "", "wct": ""}
        assert page.said == []
        browser.close()


# --- large pictures, statistics -----------------------------------------------------------------------------------------------


def test_squares_give_what_one_piece_gives(page: Page) -> None:
    """A mean over 7 x 7 places, mirrored at the rim, of more than a megapixel; and statistics of parts, put together."""
    assert page.page.evaluate(SQUARES, page.site.address + "paint/engine/") == [9, 0]
    apart, mean = page.page.evaluate(PARTS, page.site.address + "paint/engine/")
    assert apart < 1e-5 and mean < 1e-12


def test_pictures_are_scaled_as_torch_scales_them(page: Page) -> None:
    picture = torch.rand(1, 3, 37, 53)
    for height, width in ((20, 31), (37, 90), (80, 53)):
        made = page.page.evaluate(RESIZED, [page.site.address + "paint/engine/", picture.flatten().tolist(), 37, 53, height, width])
        expected = nst.images.resize(picture, (height, width))
        assert torch.allclose(torch.tensor(made).reshape(expected.shape), expected, atol=1e-5)


def test_transport_is_the_library_s(page: Page) -> None:
    features, style = torch.rand(1, 5, 8, 9) @ torch.rand(9, 9), torch.randn(1, 5, 7, 6)
    features[:, 4] = features[:, 3]  # one direction without variance
    arguments = [page.site.address + "paint/engine/", features.flatten().tolist(), [8, 9], style.flatten().tolist(), [7, 6]]
    made = torch.tensor(page.page.evaluate(TRANSPORT, arguments)).reshape(features.shape)
    assert torch.allclose(made, nst.covariance.transport(features, style), atol=1e-3)


# --- a texture under flat places ------------------------------------------------------------------------------------------------


@functools.cache
def sky() -> tuple[bytes, Tensor]:
    """A photograph whose upper half is grey, with a camera's noise, as a file and as a tensor.

    Of a grey without noise, the flatness that torch computes in float32 is 0.03 off, and WCT makes much of that.
    """
    photo = nst.assets.picture("coffee", SIZE)
    upper = photo[..., : SIZE // 2, :]
    upper.copy_(0.6 + 0.02 * torch.randn(upper.shape, generator=torch.Generator().manual_seed(0)))
    return png(photo), load_image(png(photo))


@pytest.mark.parametrize("side", [256, 512])
def test_noise_is_the_library_s(page: Page, side: int) -> None:
    made = torch.tensor(page.page.evaluate(NOISE, [page.site.address + "paint/engine/", side]))
    torch.testing.assert_close(made, texture.noise(side).flatten()[::31], atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(90, 131), (80, 520)])
def test_flatness_and_what_is_laid_are_the_library_s(page: Page, size: tuple[int, int]) -> None:
    def numbers(height: int, width: int) -> Tensor:
        return (torch.arange(3 * height * width) * 7919 % 256 / 255).reshape(1, 3, height, width)

    def texture_of(k: int, side: int) -> Tensor:
        return (1 - 2 * k) * (numbers(side, side) - 0.5)

    picture = numbers(*size)
    picture[..., -(size[1] // 2) :] = 0.4 + 0.1 * picture[..., -(size[1] // 2) :]
    stripes = 1.6 * picture + (0.4 * (torch.arange(picture.numel()) % 5) - 0.8).reshape(picture.shape)
    around = torch.nn.functional.avg_pool2d(stripes.clamp(0, 1), texture.STROKES, 1, texture.STROKES // 2)
    inner = slice(texture.MARGIN, -texture.MARGIN)
    expected = [
        texture.flatness(picture), texture.under_flat_places(picture, StyleMix([picture] * 2, [0.7, 0.3]), texture_of, 0.8),
        (stripes.clamp(0, 1) - around)[..., inner, inner],
    ]  # fmt: skip
    made = page.page.evaluate(TEXTURE_PARTS, [page.site.address + "paint/engine/", *size])
    for there, here in zip(made, expected, strict=True):
        torch.testing.assert_close(torch.tensor(there), here.flatten()[::7], atol=1e-3, rtol=0)
    assert 0.05 < float((expected[1] - picture).abs().max())


@pytest.mark.parametrize("brush", [1, 2])
def test_a_trained_style_with_texture(page: Page, brush: int) -> None:
    if brush == 1:
        page.drop(sky()[0], "sky.png")
        page.wait()
    page.paint(method="trained", style="ink_mountains", brush=brush, strength=0.8, texture=0.5)
    assert_equal(page, nst.load_style("ink_mountains").stylize(sky()[1], strength=0.8, brush=brush, texture=0.5))


@pytest.mark.parametrize(("method", "weights"), [("adain", [0.7, 0.3]), ("wct", [1])])
def test_any_style_with_texture(page: Page, method: str, weights: list[float]) -> None:
    """One style, or two, on the sky that was dropped above."""
    styles = [nst.images.resize(nst.assets.picture(name), SIZE) for name in ("ink_mountains", "rose_window")][: len(weights)]
    stylize, style = {"adain": (adain.stylize, adain.AdaIN(styles)), "wct": (wct.stylize, wct.WCT(styles))}[method]
    second = "rose_window" if len(weights) == 2 else ""
    for brush, amount in ((1, 0.4), (2, 0.2)):
        page.paint(method=method, style="ink_mountains", second=second, share=0.3, brush=brush, strength=0.9, texture=amount)
        options = {"style_weights": weights, "alpha": 0.9, "brush": brush}
        expected = stylize(sky()[1], style, texture=amount, **options)
        assert_equal(page, expected, 4)  # the browser reads a JPEG in its own way
    plain = stylize(sky()[1], style, **options)
    assert float((expected - plain)[..., : SIZE // 3, :].abs().mean()) > 4 * STEP  # it matters


def test_each_method_has_its_own_texture(page: Page) -> None:
    page.open()
    page.set(size=SIZE)
    values = page.page.locator("#texture input").evaluate_all("(parts) => parts.map((part) => Number(part.value))")
    assert values == [0, texture.AMOUNT, texture.AMOUNT]  # trained, AdaIN, WCT
    slider = page.page.locator("#texture .slider:not([hidden])")
    assert slider.text_content() == "Texture under flat places0.00"
    page.paint()
    before = page.painting()
    slider.locator("input").focus()
    page.page.keyboard.press("End")
    page.wait()
    assert float((page.painting() - before).abs().mean()) > 4 * STEP
    for method, value in (("adain", "0.15"), ("trained", "1.00")):
        page.choose("method", method)
        assert slider.locator("output").text_content() == value
    assert page.said == []


# --- the runtime ------------------------------------------------------------------------------------------------------------------


def test_a_package_with_another_digest_is_refused(tmp_path: Path) -> None:
    pinned = json.loads(runtime.LOCK.read_text())
    (tmp_path / f"{pinned['package']}-{pinned['version']}.tgz").write_bytes(b"something else")
    with pytest.raises(runtime.NoRuntime, match="its SHA-256 is .*, runtime.json wants"):
        runtime.runtime(tmp_path / "ort", tmp_path)
    assert not (tmp_path / "ort").exists()


def test_without_npm_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(runtime.NoRuntime, match="npm is not installed, .*npm pack onnxruntime-web@"):
        runtime.runtime(tmp_path / "ort", tmp_path)
