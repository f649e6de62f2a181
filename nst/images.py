"""Picture files in, tensors out, and back.

Inside the course a picture is a float32 tensor (1, 3, H, W), sRGB, in [0, 1]. Whatever a file holds (a phone's rotated JPEG in
colours of its own, a transparent PNG, a CMYK print, a 16-bit scan) becomes that here and nowhere else.
"""

from __future__ import annotations

import contextlib
import io
import math
import os
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError
from torch import Tensor

from nst.support.arguments import check_whole, is_whole
from nst.support.files import written_whole
from nst.support.formats import ADDRESS, FORMATS, check_sides, check_transparent, format_of, readable, what_it_is, with_heic

__all__ = ["FORMATS", "TooManyPixels", "check_picture", "image_of", "load_image", "load_mask", "load_transparent", "resize",
           "save_image"]  # fmt: skip

QUALITY = 92  # of a JPEG
MAX_PIXELS = 150_000_000  # a larger picture, in the file or enlarged, is taken for a decompression bomb,
SMALL_PIXELS = 40_000_000  # and so is one beyond this size
PIXELS_PER_BYTE = 2_000  # that promises more pixels than this for each byte of its file
BYTES_PER_PIXEL = {True: 8, False: 20}  # of memory while a file is read: scaled, and as it is
TGA = (".tga", ".icb", ".vda", ".vst")  # the one format whose files do not begin with a mark of their own
FAR = -1, 2  # no rounding and no sharpening leads out of [0, 1] as far as this: such numbers mean something else
FAINT = 8  # of 255: a mask that is nowhere brighter was not meant for a brightness
Source = str | os.PathLike | bytes | BinaryIO | Image.Image | np.ndarray
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # phones take 108 megapixels; MAX_PIXELS decides
warnings.filterwarnings("ignore", message="Corrupt EXIF data")  # such a block counts as none


class TooManyPixels(ValueError):
    """A picture beyond the limit: a bomb, or one that has to be asked for (`max_pixels`)."""


def load_image(path: Source, size: int | None = None, max_pixels: int | None = None) -> Tensor:
    """Read a picture as float32 (1, 3, H, W), sRGB in [0, 1].

    path: a file; or its bytes, an open binary file, a Pillow image, or a NumPy array (H, W, 3), (H, W, 4) or (H, W) of uint8, or of
        floats in [0, 1], its channels red, green, blue (OpenCV has them the other way round).
    size: length of the shorter side in pixels; the other follows, so the aspect is kept. None keeps the file's own size.
    max_pixels: how many pixels a file may hold, for files that you trust. Reading takes 20 bytes of memory for each pixel, with a
        `size` 8. None: 150 million, of a file that is tiny for that 40 million. A JPEG beyond the limit is decoded smaller where a
        `size` is given.
    The camera's rotation (EXIF) and the file's colour profile (ICC) are applied; transparency is laid on white (`load_transparent`
    keeps it); palette, grey, CMYK, Lab and 16-bit files become RGB. A damaged EXIF block or profile counts as none.
    Raises FileNotFoundError, or ValueError naming the file: not a picture, cut short, empty, too large (`TooManyPixels`, also once
    enlarged to `size`), an internet address, or of floating-point or 32-bit pixels, whose range nobody knows.
    """
    if isinstance(path, np.ndarray):
        picture = _of_array(path, "path")
        return picture if size is None else resize(picture, size)
    with _opened(path, size, max_pixels) as (image, _):
        rgb = _as_rgb(image)
    return _tensor(_resized(rgb, size))


def load_transparent(path: Source, size: int | None = None, max_pixels: int | None = None) -> tuple[Tensor, Tensor | None]:
    """A picture (1, 3, H, W) in its own colours, white where it is clear, and how opaque it is: (1, 1, H, W) in [0, 1].

    None in place of the second where nothing is transparent. Arguments and errors as for `load_image`, which lays it on white.
    """
    if isinstance(path, np.ndarray):
        whole = load_image(path, size)
        if path.ndim == 2 or path.shape[2] != 4:
            return whole, None
        path = Image.fromarray(path if path.dtype == np.uint8 else (path * 255).round().clip(0, 255).astype(np.uint8))
    with _opened(path, size, max_pixels) as (image, _):
        rgb, seen = _colours(image)
    if seen is None or seen.getextrema()[0] == 255:
        return _tensor(_resized(rgb, size)), None
    rgb.putalpha(seen)
    pixels = _tensor(_resized(rgb, size))  # (1, 4, H, W); Pillow scales colours by their weight
    alpha = pixels[:, 3:].contiguous()
    return torch.where(alpha > 0, pixels[:, :3], 1.0), alpha


def load_mask(path: Source, size: int | None = None, max_pixels: int | None = None) -> Tensor:
    """Read a mask as float32 (1, 1, H, W) in [0, 1]: 1 where the style is to be seen. Arguments as for `load_image`.

    Its grey counts as it is stored, and how opaque it is: white on clear is painted where it is white. Of a cut-out in colours, and
    of a black drawing on clear, the opaque part is painted. Of two colours (a palette) the brighter is 1; so is the 1 of numbers 0
    and 1, as programs write them. Floats have to be in [0, 1].
    ValueError: it paints nothing; it has several colours, or labels. Else the errors of `load_image`.
    """
    if isinstance(path, np.ndarray):
        mask = _of_mask(path, "path")
    else:
        with _opened(path, size, max_pixels, small=False) as (image, name):
            pass
        mask = _of_mask(image, name)
    mask = torch.from_numpy(mask.astype(np.float32))[None, None]  # (1, 1, H, W)
    return mask if size is None else resize(mask, size)


@contextlib.contextmanager
def _opened(source: Source, size: int | None, max_pixels: int | None, small: bool = True) -> Iterator[tuple[Image.Image, str]]:
    """The picture, unpacked and upright, and its name. What goes wrong with it, also within the block, is a ValueError with it.

    small: a JPEG beyond the limit may be decoded at a part of its size.
    """
    if size is not None:
        check_whole("size", size)
    if max_pixels is not None:
        check_whole("max_pixels", max_pixels)
    ours = not isinstance(source, Image.Image)
    file, name, length = _file(source) if ours else (source, "the Pillow image", -1)
    try:
        with contextlib.ExitStack() as closing:
            if ours:
                most = max_pixels or min(MAX_PIXELS, max(SMALL_PIXELS, PIXELS_PER_BYTE * length))
                image, too_large = _header(file, name)
                closing.enter_context(image)
                _fit(image, size, most, small)  # looks at the header only: nothing too large is unpacked
                if too_large and max_pixels is None and image.size == too_large:
                    raise TooManyPixels("Pillow's own limit, Image.MAX_IMAGE_PIXELS, is lower than the picture")
            else:
                image = file
            image.load()
            image = image.convert("LA") if image.mode == "La" else _sixteen_bits(image)
            with contextlib.suppress(Exception):  # whatever a damaged EXIF block brings out
                image = ImageOps.exif_transpose(image, in_place=ours) or image
            yield image, name
    except Exception as error:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error, … on broken files
        reason: object = error
        if length == 0:
            reason = "it is empty, or was read to its end" if hasattr(source, "read") else "the file is empty"
        elif isinstance(error, UnidentifiedImageError):
            reason = _kind(file) or "it is in no format that is read here"
        kind = TooManyPixels if isinstance(error, TooManyPixels) else ValueError
        raise kind(f"{name}: cannot be read as a picture: {reason}") from error


def _file(source: Any) -> tuple[Path | io.BytesIO, str, int]:
    """A file to open, its name in errors and its length in bytes. FileNotFoundError, ValueError (an address), TypeError."""
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source), "the bytes", len(bytes(source))
    if hasattr(source, "read"):
        content, name = source.read(), getattr(source, "name", "the open file")
        if not isinstance(content, bytes):
            raise TypeError(f'{name}: gives {type(content).__name__}, expected bytes; open it with mode "rb"')
        return io.BytesIO(content), str(name), len(content)
    if not isinstance(source, str | os.PathLike):
        raise TypeError("path: expected a file's path, its bytes, an open file, a Pillow image or a NumPy array, got "
                        f"{type(source).__name__}")  # fmt: skip
    if ADDRESS.match(os.fspath(source)) and not os.path.exists(source):
        raise ValueError(f"{source}: is an internet address, and nothing is fetched here: save the picture, or pass its bytes")
    path = Path(source)
    if path.is_fifo():  # a pipe: `<(…)` of a shell
        content = path.read_bytes()
        return io.BytesIO(content), str(path), len(content)
    if not path.is_file():
        there = "is a folder, expected a picture file" if path.is_dir() else "is no file"
        raise FileNotFoundError(f"{path}: {there if path.exists() else 'no such picture file'}")
    return path, str(path), path.stat().st_size


def _header(file: Path | io.BytesIO, name: str) -> tuple[Image.Image, tuple[int, int] | None]:
    """The picture with nothing unpacked yet; and its size, if that is beyond Pillow's own limit, which cannot be asked for."""
    known = [format for format in readable() if format != "TGA" or Path(name).suffix.lower() in TGA]
    try:
        return Image.open(file, formats=known), None
    except UnidentifiedImageError:
        if "HEIF" in known or "HEIC" not in _kind(file) or not with_heic():
            raise
        return Image.open(_again(file), formats=["HEIF"]), None
    except Image.DecompressionBombError:
        again = _again(file) if isinstance(file, io.BytesIO) else io.BytesIO(file.read_bytes())
        start = again.read(16)
        for format in known:
            opener, accepts = Image.OPEN[format]
            if accepts and accepts(start) is True:
                image = opener(_again(again), "")
                return image, image.size
        raise


def _again(source: Path | io.BytesIO) -> Path | io.BytesIO:
    if isinstance(source, io.BytesIO):
        source.seek(0)
    return source


def _kind(source: Path | io.BytesIO | None) -> str:
    """What the file is, where it is no picture that is read here."""
    if isinstance(source, io.BytesIO):
        return what_it_is(source.getvalue()[:64])
    with open(source, "rb") as file:
        return what_it_is(file.read(64))


def _fit(image: Image.Image, size: int | None, most: int, small: bool) -> None:
    """TooManyPixels: the file, or the picture once it is scaled, has more than `most`. A JPEG may be decoded smaller."""
    a, b = image.size
    if a * b > most and small and size is not None and image.format in ("JPEG", "MPO") and not image.info.get("progressive"):
        image.draft(None, _scaled(image.size, 2 * size))  # progressive ones are unpacked as a whole all the same
    for wanted in (None, size):
        try:
            _scaled(image.size, wanted, most)
        except TooManyPixels as error:
            height, width = _scaled(image.size, wanted, 2**62)
            needed = max(a * b, height * width)
            memory = needed * BYTES_PER_PIXEL[size is not None and wanted is None] / 2**30
            raise TooManyPixels(f"{error}; max_pixels={needed} reads it, in about {memory:.1f} GiB of memory") from None


def _scaled(sides: tuple[int, int], size: int | None, most: int | None = None) -> tuple[int, int]:
    """Both sides where the shorter one becomes `size`. TooManyPixels: more than `most` pixels, None: than MAX_PIXELS."""
    scale, most = 1 if size is None else size / min(sides), most or MAX_PIXELS
    a, b = (max(1, round(n * scale)) for n in sides)
    if a * b > most:
        raise TooManyPixels(f"its {a} x {b} pixels are more than the {most:,} allowed (a decompression bomb?)")
    return a, b


def _resized(image: Image.Image, size: int | None) -> Image.Image:
    return image if size is None else image.resize(_scaled(image.size, size, 2**62), Image.Resampling.LANCZOS)


def _tensor(image: Image.Image) -> Tensor:
    """8-bit RGB or RGBA as float32 (1, C, H, W) in [0, 1]."""
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None]  # (1, C, H, W)
    # contiguous: torch.optim.LBFGS takes views
    return pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)


def _as_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode as 8-bit sRGB; transparent parts show white."""
    rgb, seen = _colours(image)
    if seen is None:
        return rgb
    white = Image.new("RGB", rgb.size, "white")
    white.paste(rgb, mask=seen)
    return white


def _colours(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Any Pillow mode as 8-bit sRGB, and how opaque it is ("L"), None: all of it."""
    profile = image.info.get("icc_profile")
    if image.mode == "F" or image.mode == "I" and image.format not in ("PNG", "PPM"):  # old Pillows have their 16 bits as I
        kind = "floating-point" if image.mode == "F" else "32-bit"
        raise ValueError(f"it holds {kind} pixels of unknown range; convert it to an 8- or 16-bit picture first")
    if image.mode.startswith("I"):
        image = _eight_bits(image)
    seen = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
    return _as_srgb(image, profile), seen


def _as_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """8-bit pixels of any mode in sRGB, without their transparency; profile: what their numbers mean, None: nobody says."""
    grey = image.mode in ("1", "L", "LA")
    plain = image if image.mode in ("CMYK", "LAB") else image.convert("L" if grey else "RGB")
    try:
        meaning = ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        return ImageCms.profileToProfile(plain, meaning, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ImportError):  # no profile, a damaged one, or one for other pixels; no Little CMS
        return plain.convert("RGB")  # of Lab, too: its numbers have a meaning of their own


def _sixteen_bits(image: Image.Image) -> Image.Image:
    """A TIFF's numbers as they are meant: Pillow gives 12 bits as they are stored, and 16 bits of "0 is white" as a negative.

    ValueError: what Pillow reads wrongly: 16-bit colours in planes; the preview in a camera's raw file.
    """
    tags = getattr(image, "tag_v2", None)
    if not tags:
        return image
    bits = tags.get(258, (8,))
    bits = bits[0] if isinstance(bits, tuple) else bits
    if tags.get(284) == 2 and bits == 16 and tags.get(259, 1) == 1 and len(image.getbands()) > 1:
        raise ValueError("it holds 16-bit colours in planes of their own (PlanarConfiguration 2), which Pillow mixes up; "
                         "save it with its pixels in one piece, or with 8 bits")  # fmt: skip
    if tags.get(254, 0) & 1 and (330 in tags or 50706 in tags):
        raise ValueError("it is a camera's raw file, whose preview is all that can be read here; develop it to a JPEG first")
    whites = tags.get(262) == 0
    if not image.mode.startswith("I;16") or bits == 16 and not whites:
        return image
    values = np.asarray(image).astype(np.float64) * (65535 / (2**bits - 1))
    made = Image.fromarray((65535 - values if whites else values).round().clip(0, 65535).astype(np.uint16))
    made.info, made.format = dict(image.info), image.format
    return made


def _eight_bits(image: Image.Image) -> Image.Image:
    """16-bit grey, which Pillow would clip at 255, as 8-bit grey with its transparency."""
    values = np.asarray(image)
    grey = Image.fromarray((values / 257).round().astype(np.uint8))
    if "transparency" in image.info:  # the one value that is seen through
        grey.putalpha(Image.fromarray(np.where(values == image.info["transparency"], 0, 255).astype(np.uint8)))
    return grey


def _of_array(array: np.ndarray, name: str) -> Tensor:
    """An array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4) of uint8, or of floats in [0, 1], as (1, 3, H, W) on white."""
    if array.dtype != np.uint8 and array.dtype.kind != "f":
        raise TypeError(f"{name}: expected an array of uint8, or of floats in [0, 1], got {array.dtype}")
    if array.ndim not in (2, 3) or array.ndim == 3 and array.shape[2] not in (1, 3, 4) or 0 in array.shape:
        raise TypeError(f"{name}: expected an array (H, W, 3), got the ndarray {array.shape}; a tensor is (1, 3, H, W)")
    pixels = torch.from_numpy(np.array(np.atleast_3d(array), dtype=np.float32)).permute(2, 0, 1)[None]  # (1, C, H, W)
    pixels = (pixels / 255 if array.dtype == np.uint8 else pixels).contiguous()
    if pixels.shape[1] == 4:
        pixels = pixels[:, :3] * pixels[:, 3:] + (1 - pixels[:, 3:])
    return check_picture(pixels.expand(-1, 3, -1, -1).contiguous(), name)


def _of_mask(mask: Image.Image | np.ndarray, name: str) -> np.ndarray:
    """A mask as floats (H, W) from 0 to 1, see `load_mask`. ValueError, which starts with `name`."""
    alpha, start = None, f"{name}: as a mask, "
    if isinstance(mask, Image.Image) and not mask.mode.startswith(("I", "F")):
        alpha = np.asarray(mask.convert("RGBA").getchannel("A")) / 255 if mask.has_transparency_data else None
        # no colour profile: the numbers say how much, not how bright
        grey = mask.convert("RGBA").convert("RGB") if mask.mode not in ("1", "L") else mask.convert("L")
        mask = np.asarray(grey)
    values = np.asarray(mask)
    if values.ndim not in (2, 3) or values.ndim == 3 and values.shape[2] not in (1, 3, 4) or 0 in values.shape:
        raise ValueError(f"{start}expected (H, W), got the shape {values.shape}")
    values = np.atleast_3d(values)
    if values.shape[2] == 4:
        values, alpha = values[..., :3], _of_mask(values[..., 3], name)
    values = _shares(values.astype(np.float64), values.dtype, start)
    if alpha is not None and alpha.min() == 1:
        alpha = None
    seen = values if alpha is None else values[alpha > 0.1]  # what is nearly clear may be of any colour
    if values.shape[2] == 3 and len(seen) and np.ptp(seen, axis=-1).max() > 0.05:  # more than a JPEG's noise
        values = _of_colours(values, start) if alpha is None else np.ones_like(values[..., :1])
    values = values.mean(2) if alpha is None else values.mean(2) * alpha
    if not values.any() and alpha is not None and alpha.max() > alpha.min():
        values = alpha  # black on clear: what was drawn
    if not values.any():
        what = "black" if alpha is None else "clear, or black"
        raise ValueError(f"{start}it paints nothing: it is {what} everywhere. White is painted: a grey picture, or white on clear")
    return values


def _shares(values: np.ndarray, dtype: np.dtype, start: str) -> np.ndarray:
    """Numbers of a mask from 0 to 1, by their type and the largest."""
    top = values.max()
    if not np.isfinite(values).all() or values.min() < 0 or dtype.kind == "f" and top > 1 or top > 65535:
        raise ValueError(f"{start}expected values from 0 to 1, or whole ones from 0 to 255, got {values.min():g} to {top:g}")
    if dtype.kind in "fb" or top == 0:
        return values
    if top <= FAINT and len(np.unique(values)) <= 2:  # 0 and 1, as programs count
        return values / top
    if top <= FAINT:
        raise ValueError(f"{start}it holds labels from {values.min():g} to {top:g}, all of them nearly black; make a mask of each: "
                         "255 where it is painted, and 0 elsewhere")  # fmt: skip
    return values / (255 if top <= 255 else 65535)


def _of_colours(values: np.ndarray, start: str) -> np.ndarray:
    """Two colours as 0 and 1, the brighter is 1. ValueError: there are more."""
    kinds, which = np.unique(values.reshape(-1, 3), axis=0, return_inverse=True)
    if len(kinds) != 2:
        raise ValueError(f"{start}it holds {len(kinds)} colours; expected greys: white is painted, black is not")
    brighter = kinds @ (0.299, 0.587, 0.114)
    return (which.reshape(*values.shape[:2], 1) == brighter.argmax()).astype(np.float64)


def save_image(picture: Tensor, path: str | os.PathLike, alpha: Tensor | None = None) -> None:
    """Write a picture (1, 3, H, W) or (3, H, W) in [0, 1]; the suffix chooses the format (.png, .jpg, …).

    alpha: how opaque it is, (1, 1, H, W) or (H, W) in [0, 1], in a format that holds it (.png, .webp, .tif, …).
    Values are clipped to [0, 1] and rounded to 8 bits (rounded, not cut: cutting darkens by half a step). The file is written
    whole or not at all. Raises ValueError for another shape, NaN, infinity, values far from [0, 1], an unknown suffix, or a format
    that cannot hold so many pixels or transparency; TypeError for another dtype; FileNotFoundError where the folder does not exist.
    """
    path = Path(path)
    picture = check_picture(picture[None] if isinstance(picture, Tensor) and picture.ndim == 3 else picture, "picture", one=True)
    format = format_of(path)
    check_sides(path, *picture.shape[-2:])
    if alpha is not None:
        check_transparent(path)
    with written_whole(path) as aside:
        image_of(picture, alpha).save(aside, format, **({"quality": QUALITY} if format == "JPEG" else {}))


def image_of(picture: Tensor, alpha: Tensor | None = None) -> Image.Image:
    """A picture (1, 3, H, W) in [0, 1] as a Pillow image, clipped and rounded to 8 bits; with `alpha` (1, 1, H, W) as RGBA.

    ValueError: an alpha of another size, or with NaN.
    """
    if alpha is not None:
        if alpha.shape[-2:] != picture.shape[-2:] or alpha.numel() != alpha.shape[-2:].numel() or not torch.isfinite(alpha).all():
            expected = tuple(picture.shape[-2:])
            raise ValueError(f"alpha: expected finite values of the picture's size {expected}, got the shape {tuple(alpha.shape)}")
        picture = torch.cat([picture.detach().cpu().float(), alpha.detach().cpu().float().reshape(1, 1, *alpha.shape[-2:])], 1)
    pixels = (picture[0].detach().cpu().float().clamp(0, 1) * 255).round().to(torch.uint8)
    return Image.fromarray(pixels.permute(1, 2, 0).numpy())  # (H, W, 3) or (H, W, 4)


def check_picture(picture: Tensor | Image.Image | np.ndarray, name: str, one: bool = False) -> Tensor:
    """Return `picture` if it is a finite float tensor (B, 3, H, W), about in [0, 1]; otherwise raise an error that starts with its
    `name`.

    A Pillow image and a NumPy array (H, W, 3), (H, W, 4) or (H, W), of uint8 or of floats, become such a tensor, as `load_image`
    reads them. Values up to 2 and down to -1 pass: methods clip them. one: B has to be 1.
    """
    if isinstance(picture, Image.Image):
        try:
            return load_image(picture)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from error
    if isinstance(picture, np.ndarray):
        return _of_array(picture, name)
    if not isinstance(picture, Tensor):
        raise TypeError(f"{name}: expected a tensor (B, 3, H, W) in [0, 1], got {type(picture).__name__}; load_image reads a file")
    if not picture.is_floating_point():
        raise TypeError(f"{name}: expected floats in [0, 1], got {picture.dtype}; divide 8-bit pixels by 255")
    if picture.ndim != 4 or picture.shape[1] != 3 or 0 in picture.shape:
        raise ValueError(f"{name}: expected the shape (B, 3, H, W), got {tuple(picture.shape)}")
    low, high = (float(value) for value in picture.detach().aminmax())
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ValueError(f"{name}: holds NaN or infinite pixels")
    if low < FAR[0] or high > FAR[1]:
        values = f"values from {low:.4g} to {high:.4g}"
        raise ValueError(f"{name}: holds {values}, expected [0, 1]; if they are 8-bit pixels, divide by 255")
    if one and len(picture) != 1:
        raise ValueError(f"{name}: expected one picture (1, 3, H, W), got a batch of {len(picture)}")
    return picture


def resize(picture: Tensor, size: int | Sequence[int]) -> Tensor:
    """Scale (B, C, H, W) to a shorter side of `size` pixels, or to exactly (height, width), with antialiasing, clipped to [0, 1].

    It happens on the CPU, and the result is where the picture is: torch before 2.8 cannot do it on MPS.
    ValueError: a size below 1, or a picture of more than 150 million pixels.
    """
    if not isinstance(size, Sequence):
        check_whole("size", size)
        size = _scaled(tuple(picture.shape[-2:]), int(size))
    elif len(size) != 2 or not all(is_whole(n) and n > 0 for n in size):
        raise ValueError(f"size={size!r}: expected the shorter side, or (height, width), in pixels")
    size = tuple(int(n) for n in size)
    return F.interpolate(picture.cpu(), size=size, mode="bicubic", antialias=True).clamp(0, 1).to(picture.device)
