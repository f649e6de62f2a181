"""Picture files in, tensors out, and back.

Inside the course a picture is a float32 tensor (1, 3, H, W), sRGB, in [0, 1]. Whatever a file holds (a phone's rotated JPEG in
colours of its own, a transparent PNG, a CMYK print, a 16-bit scan) becomes that here and nowhere else.
"""

from __future__ import annotations

import contextlib
import io
import os
import warnings
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from nst.support.arguments import check_whole
from nst.support.files import written_whole

QUALITY = 92  # of a JPEG
MAX_PIXELS = 150_000_000  # a larger picture, in the file or enlarged, is taken for a decompression bomb,
SMALL_PIXELS = 40_000_000  # and so is one beyond this size
PIXELS_PER_BYTE = 2_000  # that promises more pixels than this for each byte of its file
# What is read. Pillow knows more, among them PostScript, which it hands to a program.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "PPM")
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # phones take 108 megapixels; MAX_PIXELS decides
warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # such a block counts as none


def load_image(path: str | os.PathLike, size: int | None = None) -> Tensor:
    """Read a picture file as float32 (1, 3, H, W), sRGB in [0, 1].

    size: length of the shorter side in pixels; the other follows, so the aspect is kept. None keeps the file's own size.
    The camera's rotation (EXIF) and the file's colour profile (ICC) are applied; transparency is laid on white; palette, grey,
    CMYK, Lab and 16-bit files become RGB. A damaged EXIF block or profile counts as none.
    Raises FileNotFoundError, or ValueError naming the file: not a picture, cut short, empty, too large (also once enlarged to
    `size`), or of floating-point or 32-bit pixels, whose range nobody knows.
    """
    if size is not None:
        check_whole("size", size)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"{path}: no such picture file" if not path.exists() else f"{path}: is a folder, expected a picture file"
        )
    try:
        Image.init()
        with Image.open(path, formats=[name for name in FORMATS if name in Image.OPEN]) as image:
            most = min(MAX_PIXELS, max(SMALL_PIXELS, PIXELS_PER_BYTE * path.stat().st_size))
            _scaled(image.size, None, most)  # looks at the header only: nothing too large is unpacked
            _scaled(image.size, size, most)
            image.load()
            with contextlib.suppress(Exception):  # whatever a damaged EXIF block brings out
                ImageOps.exif_transpose(image, in_place=True)
            rgb = _as_rgb(image)
    except Exception as error:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error, … on broken files
        reason = "the file is empty" if path.stat().st_size == 0 else error
        raise ValueError(f"{path}: cannot be read as a picture: {reason}") from error
    if size is not None:
        rgb = rgb.resize(_scaled(rgb.size, size), Image.Resampling.LANCZOS)
    pixels = torch.from_numpy(np.array(rgb)).permute(2, 0, 1)[None]  # (1, 3, H, W)
    # contiguous: torch.optim.LBFGS takes views
    return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def _scaled(sides: tuple[int, int], size: int | None, most: int = MAX_PIXELS) -> tuple[int, int]:
    """Both sides where the shorter one becomes `size`. ValueError: more than `most` pixels."""
    scale = 1 if size is None else size / min(sides)
    a, b = (max(1, round(n * scale)) for n in sides)
    if a * b > most:
        raise ValueError(f"its {a} x {b} pixels are more than the {most:,} allowed (a decompression bomb?)")
    return a, b


def _as_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode as 8-bit sRGB; transparent parts show white."""
    profile = image.info.get("icc_profile")
    if image.mode == "F" or image.mode == "I" and image.format not in ("PNG", "PPM"):  # old Pillows have their 16 bits as I
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"it holds {kind} pixels of unknown range; convert it to an 8- or 16-bit picture first")
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    seen = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    rgb = _as_srgb(image, profile)
    if seen is not None:
        white = Image.new("RGB", rgb.size, "white")
        white.paste(rgb, mask=seen)
        return white
    return rgb


def _as_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """8-bit pixels of any mode in sRGB, without their transparency; profile: what their numbers mean, None: nobody says."""
    grey = image.mode in ("1", "L", "LA")
    plain = image if image.mode in ("CMYK", "LAB") else image.convert("L" if grey else "RGB")
    try:
        meaning = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        return ImageCms.profileToProfile(plain, meaning, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ImportError):  # no profile, a damaged one, or one for other pixels; no Little CMS
        return plain.convert("RGB")  # of Lab, too: its numbers have a meaning of their own


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey, which Pillow would clip at 255, as 8-bit grey with its transparency."""
    values = np.asarray(image)
    grey = Image.fromarray((values / 257).round().astype(np.uint8))
    if "transparency" in image.info:  # the one value that is seen through
        grey.putalpha(Image.fromarray(np.where(values == image.info["transparency"], 0, 255).astype(np.uint8)))
    return grey


def save_image(picture: Tensor, path: str | os.PathLike) -> None:
    """Write a picture (1, 3, H, W) or (3, H, W) in [0, 1]; the suffix chooses the format (.png, .jpg, …).

    Values are clipped to [0, 1] and rounded to 8 bits (rounded, not cut: cutting darkens by half a step). The file is written
    whole or not at all. Raises ValueError for another shape, NaN, infinity, or an unknown suffix; TypeError for another dtype;
    FileNotFoundError where the folder does not exist.
    """
    path = Path(path)
    picture = check_picture(picture[None] if isinstance(picture, Tensor) and picture.ndim == 3 else picture, "picture", one=True)
    format = Image.registered_extensions().get(path.suffix.lower())
    if format not in FORMATS or format not in Image.SAVE:  # what is written here can be read here
        raise ValueError(f"{path}: unknown picture suffix {path.suffix!r}: expected .png, .jpg, .webp, …")
    pixels = (picture[0].detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).numpy()  # (H, W, 3)
    with written_whole(path) as aside:
        Image.fromarray(pixels).save(aside, **({"quality": QUALITY} if format == "JPEG" else {}))


def check_picture(picture: Tensor, name: str, one: bool = False) -> Tensor:
    """Return `picture` if it is a finite float tensor (B, 3, H, W); otherwise raise an error that starts with its `name`.

    one: B has to be 1.
    """
    if not isinstance(picture, Tensor):
        raise TypeError(f"{name}: expected a tensor (B, 3, H, W) in [0, 1], got {type(picture).__name__}; load_image reads a file")
    if not picture.is_floating_point():
        raise TypeError(f"{name}: expected floats in [0, 1], got {picture.dtype}; divide 8-bit pixels by 255")
    if picture.ndim != 4 or picture.shape[1] != 3 or 0 in picture.shape:
        raise ValueError(f"{name}: expected the shape (B, 3, H, W), got {tuple(picture.shape)}")
    if not torch.isfinite(picture).all():
        raise ValueError(f"{name}: holds NaN or infinite pixels")
    if one and len(picture) != 1:
        raise ValueError(f"{name}: expected one picture (1, 3, H, W), got a batch of {len(picture)}")
    return picture


def resize(picture: Tensor, size: int | tuple[int, int]) -> Tensor:
    """Scale (B, 3, H, W) to a shorter side of `size` pixels, or to exactly (height, width), with antialiasing.

    It happens on the CPU, and the result is where the picture is: torch before 2.8 cannot do it on MPS.
    """
    size = _scaled(tuple(picture.shape[-2:]), size) if isinstance(size, int) else size
    return F.interpolate(picture.cpu(), size=size, mode="bicubic", antialias=True).clamp(0, 1).to(picture.device)
