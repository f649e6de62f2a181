"""Pictures side by side with a caption each, as a picture. (`nst.figures` does more, and needs matplotlib for it.)"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from nst.images import check_picture, image_of
from nst.support.arguments import check_whole

PAGE, INK = "white", "#3a3631"
MARGIN, GAP, CAPTION = 24, 18, 30  # pixels; CAPTION is the height kept for a line of text


def sheet(
    pictures: Mapping[str, Tensor], columns: int | None = None, height: int = 256, quiet: bool = False, density: int = 1
) -> Tensor:
    """{caption: picture (1, 3, H, W)} in rows of `columns`, each picture `height` pixels high, on white: (1, 3, H', W').

    columns: None takes up to four pictures in one row, and of more about as many as there are rows; each is as wide as its widest.
    quiet: no captions.   density: pixels of the sheet per pixel of the page, for margins and letters.
    ValueError / TypeError: no pictures; one of another shape or dtype, or a batch of several.
    """
    if not pictures:
        raise ValueError("pictures: expected at least one picture (1, 3, H, W), got none")
    for name, value in (("columns", columns), ("height", height), ("density", density)):
        if value is not None:
            check_whole(name, value)
    images = {caption: to_image(picture, caption, height) for caption, picture in pictures.items()}
    columns = columns or (len(images) if len(images) <= 4 else math.ceil(math.sqrt(len(images))))
    columns = min(columns, len(images))
    widths = [max(image.width for image in list(images.values())[k::columns]) for k in range(columns)]
    margin, gap, line = MARGIN * density, GAP * density, 0 if quiet else CAPTION * density
    rows, step = math.ceil(len(images) / columns), height + line + gap
    page = Image.new("RGB", (2 * margin + sum(widths) + gap * (columns - 1), 2 * margin + rows * step - gap), PAGE)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=16 * density)
    for k, (caption, image) in enumerate(images.items()):
        row, column = divmod(k, columns)
        middle, y = margin + sum(widths[:column]) + gap * column + widths[column] / 2, margin + row * step
        page.paste(image, (math.floor(middle - image.width / 2), y))
        if not quiet:
            draw.text((middle, y + height + line / 2), caption, fill=INK, font=font, anchor="mm")
    return torch.from_numpy(np.array(page)).permute(2, 0, 1)[None] / 255  # (1, 3, H', W')


def to_image(picture: Tensor, name: str = "picture", height: int | None = None) -> Image.Image:
    """(1, 3, H, W) in [0, 1] as 8-bit RGB, scaled to `height` pixels if given. Errors: see `check_picture`; a batch of several."""
    image = image_of(check_picture(picture, name, one=True))
    if height is not None and height != image.height:
        image = image.resize((max(1, round(image.width * height / image.height)), height), Image.Resampling.LANCZOS)
    return image
