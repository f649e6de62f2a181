"""Which picture files are read and written: formats by suffix, the pictures below a folder, and what a file is that is none."""

from __future__ import annotations

import importlib.util
import os
import re
from collections import Counter
from pathlib import Path

# What is read. Pillow knows more: PostScript, which it hands to a program; layers without a picture of the whole; icons.
FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "JPEG2000", "AVIF", "PPM", "QOI", "SGI", "PCX", "TGA", "HEIF")
RESULTS = ("JPEG", "PNG", "WEBP")  # a picture in one of these is painted into a file of the same format, others into a PNG
TRANSPARENT = ("PNG", "WEBP", "TIFF", "JPEG2000", "AVIF")  # these hold a share for each pixel
LONGEST = {"JPEG": 65_500, "WEBP": 16_383, "GIF": 65_535, "AVIF": 65_536, "SGI": 65_535, "PCX": 65_535, "TGA": 65_535}  # sides
ADDRESS = re.compile(r"(?:[a-z][a-z0-9+.-]+:/|data:)", re.IGNORECASE)  # of the internet; a drive's letter is no scheme
HEIC = (".heic", ".heif", ".hif")
HOW_HEIC = "pip install pillow-heif"
# How a file begins that is often taken for a picture, and is none that is read here.
STRANGERS = {
    b"%PDF": "a PDF document; export its page as a PNG", b"%!PS": "PostScript; export it as a PNG",
    b"8BPS": "a Photoshop file; export it as a PNG", b"version https://git-lfs": "a Git LFS pointer; `git lfs pull` gets the file",
    b"<svg": "an SVG drawing; export it as a PNG", b"<?xml": "an XML file, such as an SVG drawing; export it as a PNG",
    b"<!doctype": "an HTML page, and not the picture that it shows", b"<html": "an HTML page, and not the picture that it shows",
    b"\x1aE\xdf\xa3": "a film; `nst video` paints films", b"gimp xcf": "a GIMP file; export it as a PNG",
}  # fmt: skip
HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
FILM_BRANDS = (b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ")


def readable() -> list[str]:
    """Those of FORMATS that this Pillow reads; HEIF where pillow-heif is installed, and once it was asked for (`with_heic`)."""
    from PIL import Image

    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def with_heic() -> bool:
    """Let Pillow read HEIC. False: the package pillow-heif is not installed."""
    from PIL import Image

    if "HEIF" not in Image.OPEN:
        try:
            from pillow_heif import register_heif_opener
        except ImportError:
            return False
        register_heif_opener()
    return True


def suffixes() -> list[str]:
    """Of the pictures that are read here, in small letters."""
    from PIL import Image

    known = [*readable(), "MPO"]  # a JPEG with more behind it, which the JPEG's reader opens
    found = {suffix for suffix, format in Image.registered_extensions().items() if format in known}
    return sorted(found | set(HEIC if importlib.util.find_spec("pillow_heif") else ()))


def format_named(path: str | os.PathLike) -> str | None:
    """The format of that suffix, of all that Pillow knows."""
    from PIL import Image

    return Image.registered_extensions().get(Path(path).suffix.lower())


def format_of(path: str | os.PathLike) -> str:
    """The format that a suffix asks for. ValueError: none that is written here (and could be read again)."""
    from PIL import Image

    format = format_named(path)
    if format not in FORMATS or format not in Image.SAVE or format == "HEIF":
        raise ValueError(f"{path}: unknown picture suffix {Path(path).suffix!r}: expected .png, .jpg, .webp, …")
    return format


def has_more(path: str | os.PathLike) -> bool:
    """Does a file hold more frames or pages than the first, which is the one that is read? False where it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path, formats=readable()) as image:
            return image.format not in ("MPO", "HEIF") and getattr(image, "is_animated", False)  # a camera's second view
    except Exception:  # whatever a broken file brings out
        return False


def check_sides(path: str | os.PathLike, height: int, width: int) -> None:
    """ValueError: a picture of this size is larger than the format of that suffix can hold."""
    format = format_of(path)
    if max(height, width) > (most := LONGEST.get(format, 2**31 - 1)):
        raise ValueError(f"{path}: {width} x {height} px, but {format} holds at most {most:,} on a side; .png and .tif hold more")


def check_transparent(path: str | os.PathLike) -> None:
    """ValueError: the format of that suffix holds no transparency."""
    if format_of(path) not in TRANSPARENT:
        raise ValueError(f"{path}: {format_of(path)} holds no transparency: expected .png, .webp or .tif")


def pictures_below(folder: str | os.PathLike) -> tuple[list[Path], Counter]:
    """All picture files below a folder in the order of their paths; and how many were passed over, by reason.

    Passed over is what begins with a dot (a folder of that kind counts as one), and what has another suffix than `suffixes`.
    """
    known, found, passed = suffixes(), [], Counter()

    def unreadable(error: OSError) -> None:
        passed["folders that cannot be read"] += 1

    for place, folders, files in os.walk(folder, onerror=unreadable):
        passed["hidden"] += sum(name.startswith(".") for name in (*folders, *files))
        folders[:] = [name for name in folders if not name.startswith(".")]
        passed["links to folders"] += sum(os.path.islink(os.path.join(place, name)) for name in folders)
        for path in (Path(place, name) for name in files if not name.startswith(".")):
            if path.suffix.lower() in known:
                found += [path] if path.is_file() else []
                passed["broken links"] += not path.is_file()
            else:
                passed[path.suffix.lower() or "without a suffix"] += 1
    return sorted(found), +passed


def passed_over(passed: Counter) -> str:
    """What `pictures_below` passed over, in words: "3 files: 2 hidden, 1 .txt". "" where there was nothing."""
    if not passed:
        return ""
    most = sorted(passed.items(), key=lambda each: (-each[1], each[0]))[:8]
    some = ", ".join(f"{count} {reason}" for reason, count in most)
    heic = f" ({HOW_HEIC} to read .heic)" if any(suffix in passed for suffix in HEIC) else ""
    return f"{passed.total()} file{'s' * (passed.total() > 1)}: {some}{', …' * (len(passed) > 8)}{heic}"


def what_it_is(start: bytes) -> str:
    """What a file is that cannot be read, by its first bytes; "" where nobody knows."""
    if start[4:8] == b"ftyp" and start[8:12] in HEIC_BRANDS:
        return f"it is a HEIC picture, as phones take them; {HOW_HEIC} to read it"
    if start[4:8] == b"ftyp" and start[8:12] in FILM_BRANDS:
        return "it is a film; `nst video` paints films"
    begin = start.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return next((f"it is {kind}" for prefix, kind in STRANGERS.items() if begin.startswith(prefix.lower())), "")
