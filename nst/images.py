"""Picture files in, tensors out, and back.

Inside the course a picture is a float32 tensor (1, 3, H, W), RGB, in [0, 1]. Whatever a file holds (a phone's rotated JPEG, a
transparent PNG, a CMYK print, a 16-bit scan) becomes that here and nowhere else.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor

MAX_PIXELS = 150_000_000  # a larger file is taken for a decompression bomb


def load_image(path: str | os.PathLike, size: int | None = None) -> Tensor:
    """Read a picture file as float32 (1, 3, H, W), RGB in [0, 1].

    size: length of the shorter side in pixels; the other follows, so the aspect is kept. None keeps the file's own size.
    The camera's rotation (EXIF) is applied; transparency is laid on white; palette, grey, CMYK and 16-bit files become RGB.
    Raises FileNotFoundError, or ValueError naming the file: not a picture, cut short, empty, too large, or of floating-point
    pixels.
    """
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 1):
        raise ValueError(f"size={size!r}: expected the shorter side in pixels, a whole number of at least 1, or None")
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such picture file" if not path.exists() else f"{path}: is a folder, expected a picture file"
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # phones take 108 megapixels; MAX_PIXELS decides
            with Image.open(path) as image:
                rgb = _as_rgb(ImageOps.exif_transpose(_not_too_large(image)))
    except Exception as error:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error, … on broken files
        reason = "the file is empty" if path.stat().st_size == 0 else error
        raise ValueError(f"{path}: cannot be read as a picture: {reason}") from error
    if size is not None:
        scale = size / min(rgb.size)
        rgb = rgb.resize((max(1, round(rgb.width * scale)), max(1, round(rgb.height * scale))), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None]  # (H, W, 3) -> (1, 3, H, W)
    return pixels.float().contiguous() / 255  # contiguous: torch.optim.LBFGS takes views


def _not_too_large(image: Image.Image) -> Image.Image:
    if image.width * image.height > MAX_PIXELS:
        raise ValueError(
            f"its {image.width} x {image.height} pixels are more than the {MAX_PIXELS:,} allowed (a decompression bomb?)"
        )
    return image


def _as_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode as 8-bit RGB; transparent parts show white."""
    if image.mode == "F":
        raise ValueError("it holds floating-point pixels of unknown range; convert it to an 8- or 16-bit picture first")
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow would clip at 255
        image = Image.fromarray((np.asarray(image).astype(np.float64) / 257).round().clip(0, 255).astype(np.uint8))
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("RGB")


def save_image(picture: Tensor, path: str | os.PathLike) -> None:
    """Write a picture (1, 3, H, W) or (3, H, W) in [0, 1]; the suffix chooses the format (.png, .jpg, …).

    Values are clipped to [0, 1] and rounded to 8 bits (rounded, not cut: cutting darkens by half a step). The file is written
    whole or not at all. Raises ValueError for another shape, NaN, infinity, or an unknown suffix; TypeError for another dtype.
    """
    path = Path(path)
    picture = check_picture(picture[None] if isinstance(picture, Tensor) and picture.ndim == 3 else picture, "picture")
    if len(picture) != 1:
        raise ValueError(f"picture: expected one picture (1, 3, H, W), got a batch of {len(picture)}")
    format = Image.registered_extensions().get(path.suffix.lower())
    if format is None:
        raise ValueError(f"{path}: unknown picture suffix {path.suffix!r}: expected .png, .jpg, .webp, …")
    pixels = (picture[0].detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()  # (H, W, 3)
    handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=path.suffix)
    os.close(handle)
    try:
        Image.fromarray(pixels).save(temporary, format=format, **({"quality": 92} if format == "JPEG" else {}))
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        Path(temporary).unlink(missing_ok=True)


def check_picture(picture: Tensor, name: str) -> Tensor:
    """Return `picture` if it is a finite float tensor (B, 3, H, W); otherwise raise an error that starts with its `name`."""
    if not isinstance(picture, Tensor):
        raise TypeError(f"{name}: expected a tensor (B, 3, H, W) in [0, 1], got {type(picture).__name__}; load_image reads a file")
    if not picture.is_floating_point():
        raise TypeError(f"{name}: expected floats in [0, 1], got {picture.dtype}; divide 8-bit pixels by 255")
    if picture.ndim != 4 or picture.shape[1] != 3 or 0 in picture.shape:
        raise ValueError(f"{name}: expected the shape (B, 3, H, W), got {tuple(picture.shape)}")
    if not torch.isfinite(picture).all():
        raise ValueError(f"{name}: holds NaN or infinite pixels")
    return picture


def resize(picture: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Scale (B, 3, H, W) to a shorter side of `size` pixels, or to exactly (height, width), with antialiasing."""
    if isinstance(size, int):
        scale = size / min(picture.shape[-2:])
        size = tuple(max(1, round(n * scale)) for n in picture.shape[-2:])
    return F.interpolate(picture, size=size, mode="bicubic", antialias=True).clamp(0, 1)
