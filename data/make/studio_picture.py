"""The picture of the studio in README: the widget in a browser, after a run.

    python data/make/studio_picture.py [--content NAME] [--style NAME] [--style-weight W] [--size 384]

Serves the playground as `make app` does and photographs it with Chromium (Debian: apt-get install chromium) through playwright.
"""

import argparse
import io
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from PIL import Image
from playwright.sync_api import Error, sync_playwright

TOP = Path(__file__).resolve().parents[2]
LARGEST = 300_000  # bytes


def served(port: int) -> subprocess.Popen:
    """Voilà on the playground."""
    environment = os.environ | {"JUPYTER_PATH": str(TOP / "notebooks" / "app"), "PYTHONPATH": str(TOP)}
    command = [sys.executable, "-m", "voila", "notebooks/playground.ipynb", "--template=course", "--no-browser", f"--port={port}",
               "--Voila.ip=127.0.0.1"]  # fmt: skip
    return subprocess.Popen(command, cwd=TOP, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def photographed(address: str, a: argparse.Namespace) -> bytes:
    """A PNG of the studio when its search has ended."""
    with sync_playwright() as driver:
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1280, "height": 1300}, device_scale_factor=1.5)
        page.set_default_timeout(600_000)
        page.goto(address)
        studio = page.locator('.nst-panel:has(.nst-spoken:text-is("Studio"))')
        for label, choice in {"Photograph": a.content, "Style": a.style, "Size, shorter side in pixels": str(a.size)}.items():
            studio.get_by_role("combobox", name=label, exact=True).select_option(choice)
        slider, key = studio.get_by_role("slider", name="Style weight"), "ArrowRight"
        slider.press("Home")
        while slider.get_attribute("aria-valuetext") == "off" or float(slider.get_attribute("aria-valuetext")) < a.style_weight:
            slider.press(key)
        studio.get_by_role("button", name="Run").click()
        studio.get_by_text("done after").wait_for()
        page.mouse.move(0, 0)
        page.evaluate("document.activeElement.blur()")
        taken = studio.screenshot()
        browser.close()
    return taken


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--content", default="astronaut")
    p.add_argument("--style", default="night_orchard")
    p.add_argument("--style-weight", type=float, default=10.0)
    p.add_argument("--size", type=int, default=384)
    a = p.parse_args()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    server, address = served(port), f"http://127.0.0.1:{port}/"
    try:
        for _ in range(240):
            try:
                urllib.request.urlopen(address + "voila/static/favicon.ico", timeout=2)
            except urllib.error.HTTPError:
                break
            except OSError:
                time.sleep(0.5)
            else:
                break
        picture = Image.open(io.BytesIO(photographed(address, a))).convert("RGB")
    except Error as error:
        raise SystemExit(f"the browser failed: {error}") from None
    finally:
        server.terminate()
        server.wait()
    for quality in (88, 80, 70, 60):
        picture.save(TOP / "data" / "studio.jpg", quality=quality, optimize=True)
        if (TOP / "data" / "studio.jpg").stat().st_size <= LARGEST:
            break
    print(f"data/studio.jpg  {picture.width} x {picture.height}, {(TOP / 'data' / 'studio.jpg').stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
