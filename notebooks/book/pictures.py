"""The painting page's pictures: photographs, style pictures, and what it shows before anything is loaded.

    python notebooks/book/pictures.py build/book/paint/pictures
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

import nst
from nst.images import image_of, resize

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")  # public domain and CC0, from scikit-image's wheel
THUMB, FINISHED = 144, 384  # pixels of the shorter side
QUALITY = 85


def pictures(folder: Path, finished: int = FINISHED) -> dict:
    """Write them as JPEG below `folder`, with a `pictures.json` that names them; returns that.

    A finished picture is what `TransformerNet.stylize` paints of a photograph of `finished` px.
    """
    for part in ("thumbs", "finished"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    facts = {"photographs": [_entry(name, folder) for name in PHOTOGRAPHS], "styles": [], "finished": finished}
    for name in nst.assets.shipped_styles():
        facts["styles"].append(_entry(name, folder))
        network = nst.load_style(name)
        for photograph in PHOTOGRAPHS:
            painted = network.stylize(nst.assets.picture(photograph, finished))
            image_of(painted).save(folder / "finished" / f"{photograph}-{name}.jpg", quality=QUALITY)
    (folder / "pictures.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def _entry(name: str, folder: Path) -> dict:
    """A picture and its thumbnail, and what the page says of it."""
    source, picture = nst.assets.path(name), nst.assets.picture(name)
    if source.suffix == ".jpg":
        shutil.copyfile(source, folder / f"{name}.jpg")
    else:
        image_of(picture).save(folder / f"{name}.jpg", quality=92)
    image_of(resize(picture, THUMB)).save(folder / "thumbs" / f"{name}.jpg", quality=QUALITY)
    return {"name": name, "title": nst.assets.facts(name)["title"], "credit": nst.assets.credit(name),
            "height": picture.shape[-2], "width": picture.shape[-1]}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="paint/pictures of the built book")
    facts = pictures(parser.parse_args().folder)
    print(f"{len(facts['photographs'])} photographs, {len(facts['styles'])} styles, and every style on every photograph")


if __name__ == "__main__":
    main()
