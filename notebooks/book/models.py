"""The painting page's networks: trained styles, AdaIN and WCT as ONNX with weights in float16, and what torch paints with them;
and the noise that they paint textures of.

    python notebooks/book/models.py build/book/paint/models
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
from pathlib import Path

import torch
from torch import Tensor

import nst
from nst import texture
from nst.command import export

SIDE = 32  # pixels of the self-test's pictures
LARGEST = 512  # pixels of a texture's side; a smaller one's noise is made of the first of its numbers


def models(folder: Path) -> dict:
    """Write style_<name>.onnx, adain_*.onnx, wct_*.onnx and noise.bin into `folder`, with a `models.json` that describes them;
    returns that.

    models: {name: its file, bytes, sha256, title, opset, licence, digest of its weights, shapes of what goes in and out}. The
        encoder of WCT's first level is AdaIN's, and has no file of its own.
    styles: name, model, title and credit of each trained one.
    noise: file, bytes and sha256 of the numbers of `nst.texture.dots`, as float32. Of 16 bits, a WCT texture is 0.4/255 off.
    test: `content` and `style`, and what `stylize(content, …, brush=1)` makes of them, as `paintings` by the name of the model or
        method, at full strength. Pictures are base64 of uint8, channel by channel, as `dims` says. `painting` is `model`'s.
    """
    folder.mkdir(parents=True, exist_ok=True)
    content, style = ramp(), ramp().mT.contiguous()
    styles, made, paintings = [], {}, {}
    for name in nst.assets.shipped_styles():
        network, model = nst.load_style(name), f"style_{name}"
        styles.append({"name": name, "model": model, "title": nst.assets.facts(name)["title"], "credit": nst.assets.credit(name)})
        made[model] = _written(export.style_model(network, model, half=True), folder, styles[-1]["title"])
        paintings[model] = packed(network.stylize(content, brush=1))
    parts = export.adain_models(half=True) | export.wct_models(half=True)
    parts.pop("wct_encoder_4")
    made |= {name: _written(model, folder, "WCT" if name.startswith("wct") else "AdaIN") for name, model in parts.items()}
    made["wct_encoder_4"] = made["adain_encoder"]
    paintings["adain"] = packed(nst.adain.stylize(content, style, brush=1))
    paintings["wct"] = packed(nst.wct.stylize(content, style, brush=1))
    first = styles[0]["model"]
    test = {"model": first, "dims": [*content.shape], "content": packed(content), "style": packed(style), "strength": 1,
            "painting": paintings[first], "paintings": paintings}  # fmt: skip
    facts = {"models": made, "styles": styles, "noise": _noise(folder / "noise.bin"), "test": test}
    (folder / "models.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def _written(model, folder: Path, title: str) -> dict:
    file = f"{model.graph.name}.onnx"
    return {"file": file, "title": title, **export.write(model, folder / file)}


def _noise(path: Path) -> dict:
    numbers = texture.dots(LARGEST).numpy().astype("<f4").tobytes()
    path.write_bytes(numbers)
    return {"file": path.name, "bytes": len(numbers), "sha256": hashlib.sha256(numbers).hexdigest()}


def ramp(side: int = SIDE) -> Tensor:
    """A picture (1, 3, side, side) that is the same everywhere: (7 x + 13 y + 31 c) mod 256, divided by 255."""
    c, y, x = (torch.arange(n).reshape(shape) for n, shape in ((3, (3, 1, 1)), (side, (1, side, 1)), (side, (1, 1, side))))
    return ((7 * x + 13 * y + 31 * c) % 256)[None] / 255


def packed(picture: Tensor) -> str:
    """A picture's pixels as base64 of uint8, channel by channel."""
    return base64.b64encode((picture * 255).round().to(torch.uint8).numpy().tobytes()).decode()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, help="paint/models of the built book")
    facts = models(parser.parse_args().folder)
    files = {entry["file"]: entry["bytes"] for entry in facts["models"].values()}
    print(f"{len(files)} files, {sum(files.values()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
