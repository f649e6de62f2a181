"""The playground in a real browser: JupyterLab and Voilà, every control moved by mouse or keys, the pixels watched.

Needs Chromium (Debian: apt-get install chromium) and playwright, which downloads nothing here; without them all of this is skipped.
The screenshots are in build/screens.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell
from PIL import Image

import nst
from nst import assets

TOP = Path(__file__).resolve().parents[2]
SCREENS = TOP / "build" / "screens"
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
TOKEN = "only-this-test"
PATIENCE = float(os.environ.get("NST_BROWSER_PATIENCE", 180))  # seconds: a busy machine is not a wrong answer
ALIVE = "import threading, ipywidgets; print('alive', len(ipywidgets.widgets.widget._instances), threading.active_count())"
PIXELS = """image => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 48, height: 48 }), pen = canvas.getContext("2d");
  if (image.naturalWidth) pen.drawImage(image, 0, 0, 48, 48);
  return Array.from(pen.getImageData(0, 0, 48, 48).data);
}"""
NAMELESS = """() => [...document.querySelectorAll(".nst-panel :is(button, input, select, [tabindex='0'])")].filter((part) =>
  !(part.getAttribute("aria-label") || part.labels?.[0]?.textContent || part.textContent).trim()).map((part) => part.outerHTML)"""

pytestmark = [pytest.mark.slow, pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")]
playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")


# --- the servers ------------------------------------------------------------------------------------------------------------------


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def lab_command(folder: Path, port: int) -> list[str]:
    """JupyterLab on a copy of the playground, with a cell at its end that counts what is alive in the kernel."""
    notebook = nbformat.read(TOP / "notebooks" / "playground.ipynb", as_version=4)
    notebook.cells.append(new_code_cell(ALIVE))
    nbformat.write(notebook, folder / "playground.ipynb")
    settings = folder / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"fetchNews": "false", "checkForUpdates": False}))
    return [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}", f"--ServerApp.root_dir={folder}",
            "--ServerApp.ip=127.0.0.1", f"--IdentityProvider.token={TOKEN}"]  # fmt: skip


def voila_command(folder: Path, port: int) -> list[str]:
    """Voilà as `make app` starts it."""
    recipe = re.search(r"^app:.*?voila (.*?)\n\n", (TOP / "Makefile").read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    arguments = shlex.split(recipe[1].replace("\\\n", " "))
    assert {"--Voila.ip=127.0.0.1", "--Voila.auto_token=True"} <= set(arguments)
    arguments.remove("--Voila.auto_token=True")  # the test has to know it
    return [sys.executable, "-m", "voila", *arguments, f"--port={port}", f"--token={TOKEN}"]


@pytest.fixture(scope="module", params=["lab", "voila"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """("lab" or "voila", address) of a running server with settings of its own."""
    if request.param == "voila":
        pytest.importorskip("voila", reason="no Voilà here: pip install voila")
    folder, port = tmp_path_factory.mktemp(request.param), free_port()
    places = {name: str(folder / name.lower()) for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR",
                                                            "JUPYTERLAB_WORKSPACES_DIR", "IPYTHONDIR")}  # fmt: skip
    environment = os.environ | places | {
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"), "JUPYTER_PATH": str(TOP / "notebooks" / "app"), "NST_PROFILE": "quick",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(TOP), os.environ.get("PYTHONPATH")])),
    }  # fmt: skip
    command = (lab_command if request.param == "lab" else voila_command)(folder, port)
    with open(folder / "log", "w") as log:
        process = subprocess.Popen(command, cwd=TOP, env=environment, stdout=log, stderr=subprocess.STDOUT)
    address = f"http://127.0.0.1:{port}/" + ("lab/tree/playground.ipynb" if request.param == "lab" else "")
    try:
        wait_for(lambda: answers(address) or process.poll() is not None)
        assert process.poll() is None, (folder / "log").read_text()
        yield request.param, address
    finally:
        process.terminate()
        process.wait(PATIENCE)


def answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=5)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def wait_for(what: Callable[[], object], seconds: float = PATIENCE) -> float:
    """Wait until it is true; returns how long that took."""
    began = time.perf_counter()
    while not what():
        assert time.perf_counter() - began < seconds
        time.sleep(0.02)
    return time.perf_counter() - began


@pytest.fixture(scope="module")
def page(server: tuple[str, str]) -> Iterator:
    """The playground, all cells run; `page.said` has what the console called an error, and what could not be fetched."""
    kind, address = server
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        page = browser.new_page(viewport={"width": 1280, "height": 1400})
        page.set_default_timeout(PATIENCE * 1000)
        page.kind, page.said = kind, []
        page.on("console", lambda message: page.said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: page.said.append(str(error)))
        page.on("requestfailed", lambda request: page.said.append(f"{request.url} {request.failure}"))
        page.goto(f"{address}?token={TOKEN}")
        if kind == "lab":
            page.wait_for_selector("text=/Python 3.*Idle/")  # before that, the menu's order is lost
            run_all(page)
        page.wait_for_selector(".nst-panel >> nth=4")
        wait_for(lambda: all(panel(page, name).locator("img").first.get_attribute("data-number") for name in PANELS))
        if kind == "lab":
            wait_for(lambda: re.search(r"alive \d+", output_of_the_last_cell(page)))
        yield page
        browser.close()


PANELS = ("Studio", "Mixer", "Gallery", "Layer explorer", "Training")


def run_all(page) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def panel(page, title: str):
    return page.locator(f'.nst-panel:has(.nst-spoken:text-is("{title}"))')


def pixels(view) -> np.ndarray:
    return np.array(view.locator("img").evaluate(PIXELS), dtype=int)


def changed(view, move: Callable[[], object], least: float = 0.3) -> float:
    """Moves something and waits until the picture is another one: by `least` 8-bit steps on average. Returns the seconds."""
    before = pixels(view)
    move()
    return wait_for(lambda: np.abs(pixels(view) - before).mean() > least)


def slide(box, label: str, key: str) -> None:
    """Home and End go to the ends of a slider."""
    slider = box.get_by_role("slider", name=label, exact=True)
    slider.focus()
    slider.press(key)


def select(box, label: str):
    return box.get_by_role("combobox", name=label, exact=True)


def picture_file(folder: Path, name: str = "upload.png", size: tuple[int, int] = (90, 60)) -> Path:
    pixels = np.random.default_rng(1).integers(0, 256, (6, 9, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize(size, Image.Resampling.NEAREST).save(folder / name)
    return folder / name


def upload(box, label: str, file: Path) -> None:
    box.get_by_label(label).set_input_files(file)


# --- each widget ------------------------------------------------------------------------------------------------------------------


def test_studio_runs_pauses_and_stops(page, tmp_path: Path):
    box = panel(page, "Studio")
    view, line = box.locator(".nst-show").first, box.locator("[role=status]")
    changed(view, lambda: select(box, "Photograph").select_option("rocket"))
    select(box, "Size, shorter side in pixels").select_option("128")
    slide(box, "Evaluations per scale", "End")
    slide(box, "Style weight", "End")
    changed(view, box.get_by_role("button", name="Run").click)
    for label, key in {"Content weight": "Home", "Total variation weight": "End", "Style weight": "Home"}.items():
        changed(view, lambda label=label, key=key: slide(box, label, key), 0.05)
    slide(box, "Style weight", "End")
    box.get_by_label("relu5_1").uncheck()
    box.get_by_label("relu2_2").check()
    box.get_by_role("button", name="Pause").click()
    box.get_by_role("button", name="Resume").wait_for()
    time.sleep(1)
    count = box.get_by_text(re.compile(r"evaluation \d+ of")).text_content()
    time.sleep(0.5)
    assert box.get_by_text(re.compile(r"evaluation \d+ of")).text_content() == count
    changed(view, box.get_by_role("button", name="Resume").click, 0.02)
    assert box.locator("polyline").count() == 5  # total, content, style, match, tv
    shoot(page, box, "studio_running")
    box.get_by_role("button", name="Stop").click()
    assert wait_for(lambda: "stopped after" in line.text_content()) < 1.0
    with page.expect_download() as waiting:
        box.get_by_role("button", name="Download").click()
    waiting.value.save_as(tmp_path / "result.png")
    assert min(Image.open(tmp_path / "result.png").size) == 128
    assert waiting.value.suggested_filename == "rocket_harbour_woodblock.png"
    for method in ("Trained", "AdaIN", "WCT"):
        box.get_by_role("radio", name=method, exact=True).check(force=True)
        changed(view, box.get_by_role("button", name="Run").click)
        wait_for(lambda: box.get_by_role("button", name="Run").is_enabled())
    slide(box, "Alpha", "Home")
    changed(view, box.get_by_role("button", name="Run").click)


def test_studio_takes_an_upload_and_refuses_what_is_no_picture(page, tmp_path: Path):
    box = panel(page, "Studio")
    view = box.locator(".nst-show").first
    changed(view, lambda: upload(box, "Photograph: upload your own", picture_file(tmp_path)), 5)
    assert select(box, "Photograph").input_value() == "upload.png"
    (tmp_path / "broken.png").write_bytes(b"no picture")
    upload(box, "Style: upload your own", tmp_path / "broken.png")
    wait_for(lambda: "broken.png: cannot be read as a picture" in box.locator("[role=alert]").text_content())


def test_a_photograph_over_ten_megabytes_is_made_smaller_before_it_is_sent(page, tmp_path: Path):
    noise = np.random.default_rng(0).integers(0, 256, (1800, 2400, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "twelve.png")
    assert (tmp_path / "twelve.png").stat().st_size > 10 * 2**20
    box = panel(page, "Studio")
    changed(box.locator(".nst-show").first, lambda: upload(box, "Photograph: upload your own", tmp_path / "twelve.png"), 5)
    assert select(box, "Photograph").input_value() == "twelve.png"
    (tmp_path / "scan.tif").write_bytes(bytes(12 * 2**20))
    upload(box, "Style: upload your own", tmp_path / "scan.tif")
    wait_for(lambda: "scan.tif: 12 MB are too many" in box.locator("[role=alert]").text_content())


def test_mixer_answers_each_control(page, tmp_path: Path):
    box = panel(page, "Mixer")
    view, pad = box.locator(".nst-draw"), box.locator(".nst-point")
    changed(view, lambda: pad.click(position={"x": 20, "y": 20}))
    assert "night_orchard" in pad.locator("..").locator(".nst-caption").text_content()
    changed(view, lambda: [pad.press("ArrowRight") for _ in range(12)])
    changed(view, lambda: slide(box, "Alpha", "Home"))
    slide(box, "Alpha", "End")
    changed(view, lambda: box.get_by_role("radio", name="WCT", exact=True).check(force=True))
    for level in (5, 4, 3, 2, 1):
        label, key = f"Level {level}, relu{level}_1", "End" if level == 5 else "Home"
        changed(view, lambda label=label, key=key: slide(box, label, key), 0.05)
    changed(view, lambda: box.get_by_role("radio", name="Trained styles", exact=True).check(force=True))
    changed(view, lambda: select(box, "Style").select_option(assets.shipped_styles()[1]))
    strength = box.get_by_role("slider", name="Strength", exact=True)
    if nst.load_style(assets.shipped_styles()[1]).weak:
        changed(view, lambda: slide(box, "Strength", "Home"))
        slide(box, "Strength", "End")
    else:
        assert strength.is_disabled()


def test_mixer_paints_where_one_draws(page, tmp_path: Path):
    box = panel(page, "Mixer")
    view = box.locator(".nst-draw")
    changed(view, box.get_by_label("Paint only where I draw").check)
    area = view.locator(".nst-stage").bounding_box()
    middle, left, right = area["y"] + area["height"] / 2, area["x"] + 20, area["x"] + area["width"] - 20

    def draw() -> None:
        page.mouse.move(left, middle)
        page.mouse.down()
        page.mouse.move(right, middle, steps=12)
        page.mouse.up()

    view.scroll_into_view_if_needed()
    changed(view, draw)
    shoot(page, box, "mixer_mask")
    changed(view, box.get_by_role("button", name="Clear").click)
    view.focus()
    changed(view, lambda: [view.press(key) for key in (" ", "ArrowRight", " ", "ArrowRight", " ")], 0.1)
    Image.open(picture_file(tmp_path)).convert("L").save(tmp_path / "mask.png")
    changed(view, lambda: upload(box, "Upload a mask", tmp_path / "mask.png"))
    changed(view, box.get_by_label("Paint only where I draw").uncheck)
    changed(view, lambda: upload(box, "Photograph: upload your own", picture_file(tmp_path)), 5)
    with page.expect_download() as waiting:
        box.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == "mixed.png"


def test_gallery_shows_the_pressed_style(page, tmp_path: Path):
    box = panel(page, "Gallery")
    view, tiles = box.locator(".nst-show").first, box.locator(".nst-tiles button")
    assert tiles.count() == len(assets.styles())
    changed(view, tiles.nth(1).click)
    assert [tile.get_attribute("aria-pressed") for tile in tiles.all()].index("true") == 1
    tiles.nth(2).focus()
    changed(view, lambda: tiles.nth(2).press("Enter"))
    changed(view, lambda: upload(box, "Photograph: upload your own", picture_file(tmp_path)), 5)
    with page.expect_download() as waiting:
        box.get_by_role("button", name="Download").click()
    assert waiting.value.suggested_filename == f"{assets.styles()[2]}.png"


def test_explorer_follows_the_pointer_and_the_keys(page):
    box = panel(page, "Layer explorer")
    photo, maps, gram = (box.locator(".nst-point").nth(k) for k in range(3))
    first, second = box.locator(".nst-pair .nst-show").nth(0), box.locator(".nst-pair .nst-show").nth(1)
    photo.scroll_into_view_if_needed()
    changed(maps, lambda: photo.click(position={"x": 40, "y": 60}))
    changed(maps, lambda: [photo.press("ArrowDown") for _ in range(5)])
    changed(gram, lambda: select(box, "Layer").select_option("relu2_1"))
    changed(first, lambda: maps.click(position={"x": 200, "y": 30}))
    changed(second, lambda: gram.click(position={"x": 30, "y": 90}))
    changed(first, lambda: slide(box, "First channel", "Home"))
    changed(second, lambda: slide(box, "Second channel", "End"))
    wait_for(lambda: "Gram entry (0, 127) = mean of the product" in box.text_content())


def test_monitor_watches_and_stops(page):
    box = panel(page, "Training")
    box.scroll_into_view_if_needed()
    changed(box.locator(".nst-pair .nst-show").first, box.get_by_role("button", name="Start").click)
    wait_for(lambda: re.search(r"step \d+ of 200, \d+ s left", box.text_content()))
    box.get_by_role("button", name="Stop").click()
    wait_for(lambda: "stopped" in box.locator("[role=status]").text_content())
    wait_for(lambda: box.get_by_role("button", name="Start").is_enabled())


# --- the page as a whole ----------------------------------------------------------------------------------------------------------


def shoot(page, box, name: str) -> None:
    SCREENS.mkdir(parents=True, exist_ok=True)
    box.screenshot(path=SCREENS / f"{page.kind}_{name}_{page.viewport_size['width']}.png")


def test_every_control_has_a_name_and_shows_its_focus(page):
    assert page.evaluate(NAMELESS) == []
    select(panel(page, "Mixer"), "Photograph").focus()
    seen = []
    for _ in range(6):
        page.keyboard.press("Tab")
        seen.append(
            page.evaluate("""() => {
          const part = document.activeElement, around = part.closest("label") ?? part;
          const styles = [part, around].map((shown) => getComputedStyle(shown));
          return Math.max(...styles.map((s) => (s.outlineStyle === "none" ? 0 : parseFloat(s.outlineWidth))));
        }""")
        )
    assert min(seen) >= 2, seen


def output_of_the_last_cell(page) -> str:
    return page.locator(".jp-CodeCell").last.locator(".jp-OutputArea-output").last.text_content()


def test_running_a_cell_again_leaves_nothing_behind(page):
    if page.kind != "lab":
        pytest.skip("Voilà's page has no cells to run again")

    def run_cell(number: int) -> None:
        cell = page.locator(".jp-CodeCell").nth(number)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.text_content().strip()
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        wait_for(lambda: re.fullmatch(r"\[\d+\]:", now := prompt.text_content().strip()) and now != before)

    last = page.locator(".jp-CodeCell").count() - 1
    run_cell(last)
    alive = output_of_the_last_cell(page)
    for cell in (1, 3, 5):  # studio, gallery, monitor
        run_cell(cell)
    page.wait_for_selector(".nst-panel >> nth=4")
    run_cell(last)
    wait_for(lambda: output_of_the_last_cell(page) == alive)


@pytest.mark.parametrize("width", [1280, 390])
def test_it_fits_the_window(page, width: int):
    if page.kind == "lab" and width == 390:
        page.keyboard.press("Control+b")  # without the list of files
    page.set_viewport_size({"width": width, "height": 1400})
    for name in PANELS:
        box = panel(page, name)
        box.scroll_into_view_if_needed()
        wide = box.evaluate("box => [box.scrollWidth - box.clientWidth, box.getBoundingClientRect().right - innerWidth]")
        assert max(wide) <= 1, (name, wide)
        shoot(page, box, name.lower().replace(" ", "_"))
    page.screenshot(path=SCREENS / f"{page.kind}_{width}.png")


def test_the_console_has_no_error(page):
    """The last test: nothing above was called an error, and nothing was fetched from elsewhere in vain."""
    assert page.said == []
