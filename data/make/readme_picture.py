"""The picture at the top of README: content, style and result side by side.

python data/make/readme_picture.py
"""

from pathlib import Path

import torch

import nst

HEIGHT, GAP = 360, 10  # pixels


def main() -> None:
    content, style = nst.assets.picture("chelsea", HEIGHT), nst.assets.picture("harbour_woodblock", HEIGHT)
    result = nst.gatys.stylize(content, style, nst.GatysConfig.default(style_weight=30))
    gap = torch.ones(1, 3, HEIGHT, GAP)
    strip = torch.cat([content, gap, style, gap, result], dim=3)  # (1, 3, H, W + gap + W' + gap + W)
    nst.save_image(strip, Path(__file__).resolve().parents[1] / "readme.jpg")


if __name__ == "__main__":
    main()
