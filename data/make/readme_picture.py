"""The picture at the top of README: every shipped style on three photographs, one pass each at 512 px.

python data/make/readme_picture.py
"""

from pathlib import Path

import torch
from torch import Tensor

import nst
from nst.transformer_net import shipped_styles

PHOTOS, SIZE, TILE, GAP = ("chelsea", "astronaut", "coffee"), 512, 232, 6  # pixels


def tile(picture: Tensor) -> Tensor:
    """The middle square of a picture (1, 3, H, W), with a white edge at the right and below: (1, 3, TILE + GAP, TILE + GAP)."""
    side = min(picture.shape[-2:])
    top, left = ((n - side) // 2 for n in picture.shape[-2:])
    small = nst.images.resize(picture[..., top : top + side, left : left + side], (TILE, TILE))
    return torch.nn.functional.pad(small, (0, GAP, 0, GAP), value=1)


def main() -> None:
    styles, photos = shipped_styles(), [nst.assets.picture(name, SIZE) for name in PHOTOS]
    rows = [[torch.ones(1, 3, TILE, TILE), *(nst.assets.picture(name, SIZE) for name in styles)]]
    rows += [[photo, *(nst.load_style(name).stylize(photo) for name in styles)] for photo in photos]
    sheet = torch.cat([torch.cat([tile(picture) for picture in row], dim=3) for row in rows], dim=2)
    nst.save_image(sheet, Path(__file__).resolve().parents[1] / "readme.jpg")


if __name__ == "__main__":
    main()
