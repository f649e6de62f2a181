"""Picture files in and out: every kind of file, every kind of broken file."""

import io
import os
import struct
import threading
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, features

from nst import images
from nst.images import TooManyPixels, check_picture, load_image, load_mask, load_transparent, resize, save_image


@pytest.fixture
def photo():
    """A smooth 40 x 30 picture, (30, 40, 3) uint8."""
    y, x = np.mgrid[0:30, 0:40]
    return np.stack([x * 6, y * 8, 255 - x * 3], -1).astype(np.uint8)


def test_a_png_comes_back_pixel_by_pixel(tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "a.png")
    loaded = load_image(tmp_path / "a.png")
    assert loaded.shape == (1, 3, 30, 40) and loaded.dtype == torch.float32 and loaded.is_contiguous()
    assert np.array_equal((loaded[0].permute(1, 2, 0) * 255).round().numpy(), photo)


@pytest.mark.parametrize("size, expected", [(15, (15, 20)), (30, (30, 40)), (60, (60, 80)), (1, (1, 1)), (7, (7, 9))])
def test_size_is_the_shorter_side_and_keeps_the_aspect(tmp_path, photo, size, expected):
    Image.fromarray(photo).save(tmp_path / "a.png")
    assert load_image(tmp_path / "a.png", size).shape[-2:] == expected


def test_a_smaller_size_is_made_with_lanczos_kernel(tmp_path):
    """Columns of noise at a third of their size: sums of sinc(x) sinc(x / 3), written out."""
    noise = np.random.default_rng(0).integers(60, 190, 48)
    Image.fromarray(np.repeat(noise[None], 12, 0).astype(np.uint8)).save(tmp_path / "a.png")
    x = (np.arange(48) + 0.5)[None] / 3 - (np.arange(16) + 0.5)[:, None]  # in pixels of the small picture
    kernel = np.where(abs(x) < 3, np.sinc(x) * np.sinc(x / 3), 0)
    expected = kernel / kernel.sum(1, keepdims=True) @ noise
    loaded = load_image(tmp_path / "a.png", 4)[0, 0] * 255
    assert loaded.shape == (4, 16) and np.abs(loaded.numpy() - expected).max() < 1


@pytest.mark.parametrize("size", [0, -3, 2.5, "256", True])
def test_a_senseless_size_is_refused(tmp_path, photo, size):
    Image.fromarray(photo).save(tmp_path / "a.png")
    with pytest.raises(ValueError, match="size="):
        load_image(tmp_path / "a.png", size)


# What to do with the stored rows and columns so that the picture stands upright: EXIF 2.3, tag 0x0112.
UPRIGHT = {
    1: lambda x: x, 2: np.fliplr, 3: lambda x: np.rot90(x, 2), 4: np.flipud, 5: lambda x: x.swapaxes(0, 1),
    6: lambda x: np.rot90(x, -1), 7: lambda x: np.rot90(x, 2).swapaxes(0, 1), 8: np.rot90,
}  # fmt: skip


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
@pytest.mark.parametrize("orientation", UPRIGHT)
def test_the_cameras_rotation_is_applied(tmp_path, photo, orientation, suffix):
    exif, path = Image.Exif(), tmp_path / f"a.{suffix}"
    exif[0x0112] = orientation
    Image.fromarray(photo).save(path, exif=exif, **({"lossless": True} if suffix == "webp" else {}))
    pixels = np.asarray(Image.open(path)) if suffix == "jpg" else photo  # (Pillow itself turns a TIFF)
    loaded = (load_image(path)[0].permute(1, 2, 0) * 255).round().numpy()
    assert np.array_equal(loaded, UPRIGHT[orientation](pixels))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_damaged_exif_block_is_none(tmp_path, photo):
    for k, block in enumerate((b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01\x12", b"nonsense")):
        Image.fromarray(photo).save(tmp_path / f"{k}.png", exif=block)
        assert np.array_equal((load_image(tmp_path / f"{k}.png")[0].permute(1, 2, 0) * 255).round().numpy(), photo)


# --- colour profiles --------------------------------------------------------------------------------------------------------------

WHITE = np.array([0.9642, 1.0, 0.8249])  # D50, the white of every ICC profile
# Columns: red, green and blue in XYZ, adapted to D50. Display P3's (a phone's) and sRGB's, as their profiles state them.
P3 = np.array([[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]])
SRGB = np.array([[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]])


def icc_profile(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr", through: bytes = b"XYZ ") -> bytes:
    """An ICC profile, version 2: header, table of tags, tags."""
    fixed = (kind + space + through + bytes(12) + b"acsp" + bytes(28) + s15(*WHITE)).ljust(116, b"\0")
    table, content, at = struct.pack(">I", len(tags)), b"", 132 + 12 * len(tags)
    for name, tag in tags.items():
        tag = tag.ljust(-(-len(tag) // 4) * 4, b"\0")
        table += name + struct.pack(">II", at + len(content), len(tag))
        content += tag
    return struct.pack(">I4s4s", at + len(content), b"none", b"\x02\x40\0\0") + fixed + table + content


def s15(*values: float) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(65536 * v) for v in values))


def matrix_profile(primaries: np.ndarray, gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(256 * gamma))
    colours = {name: b"XYZ " + bytes(4) + s15(*column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries.T)}
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)
    return icc_profile(b"RGB ", {b"wtpt": b"XYZ " + bytes(4) + s15(*WHITE), **colours, **curves})


def grey_profile(gamma: float) -> bytes:
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(256 * gamma))
    return icc_profile(b"GRAY", {b"wtpt": b"XYZ " + bytes(4) + s15(*WHITE), b"kTRC": curve})


def ink_profile() -> bytes:
    """Of a press whose only ink is black: 0 … 255 of it is L* 100 … 0, and cyan, magenta and yellow leave the paper white."""
    lab = bytes(n for corner in range(16) for n in ((0 if corner % 2 else 255), 128, 128))  # K is the last of C, M, Y, K
    straight = bytes(range(256))
    head = b"mft1" + bytes(4) + bytes((4, 3, 2, 0)) + s15(1, 0, 0, 0, 1, 0, 0, 0, 1)
    table = {b"wtpt": b"XYZ " + bytes(4) + s15(*WHITE), b"A2B0": head + 4 * straight + lab + 3 * straight}
    return icc_profile(b"CMYK", table, b"prtr", b"Lab ")


def as_srgb(linear: np.ndarray) -> np.ndarray:
    """IEC 61966-2-1: linear light as 8-bit numbers."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


needs_lcms = pytest.mark.skipif(not features.check("littlecms2"), reason="this Pillow has no Little CMS")


@needs_lcms
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_a_phones_colours_become_srgb(tmp_path, photo, suffix):
    path = tmp_path / f"a.{suffix}"
    options = {"lossless": True} if suffix == "webp" else {"quality": 100, "subsampling": 0} if suffix == "jpg" else {}
    Image.fromarray(photo // 2 + 50).save(path, icc_profile=matrix_profile(P3, 2.2), **options)
    stored = np.asarray(Image.open(path)).astype(float)
    expected = as_srgb((stored / 255) ** 2.2 @ (np.linalg.inv(SRGB) @ P3).T)
    loaded = load_image(path)[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(loaded - expected).max() < 2 < np.abs(loaded - stored).max()


@needs_lcms
@pytest.mark.parametrize("mode", ["L", "LA", "1"])
def test_a_grey_profile_and_transparency(tmp_path, photo, mode):
    Image.fromarray(photo).convert("L").convert(mode).save(tmp_path / "a.png", icc_profile=grey_profile(1.0))
    stored = np.asarray(Image.open(tmp_path / "a.png").convert("L")).astype(float)
    assert np.abs(load_image(tmp_path / "a.png")[0, 1].numpy() * 255 - as_srgb(stored / 255)).max() < 2
    rgba = np.dstack([photo, np.full(photo.shape[:2], 51, np.uint8)])
    Image.fromarray(rgba).save(tmp_path / "b.png", icc_profile=matrix_profile(P3, 2.2))
    inside = as_srgb((photo / 255.0) ** 2.2 @ (np.linalg.inv(SRGB) @ P3).T)
    loaded = load_image(tmp_path / "b.png")[0].permute(1, 2, 0).numpy() * 255
    assert np.abs(loaded - (0.2 * inside + 0.8 * 255)).max() < 2  # a fifth of the colour on white


def test_a_profile_that_says_nothing_changes_nothing(tmp_path, photo):
    """sRGB itself; a damaged one; one for other pixels."""
    wrong = {"srgb": ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(), "cut": matrix_profile(P3, 2.2)[:200],
             "grey": grey_profile(1.0), "text": b"no profile"}  # fmt: skip
    for name, profile in wrong.items():
        Image.fromarray(photo).save(tmp_path / f"{name}.png", icc_profile=profile)
        assert np.abs((load_image(tmp_path / f"{name}.png")[0].permute(1, 2, 0) * 255).numpy() - photo).max() < 1.5, name


@needs_lcms
def test_lab_is_cie_lab(tmp_path):
    """L* a* b* of a mid grey and of sRGB's red, by the CIE's formula: 53.39 (D50), and 54.29, 80.81, 69.89."""
    lab = Image.new("LAB", (2, 1))
    lab.putdata([(round(53.39 * 2.55), 128, 128), (round(54.29 * 2.55), 128 + 81, 128 + 70)])
    lab.save(tmp_path / "a.tif")
    loaded = load_image(tmp_path / "a.tif")[0, :, 0].T * 255
    assert torch.allclose(loaded, torch.tensor([[127.0] * 3, [255.0, 0, 0]]), atol=6)  # steps of 1/255 in L* and of 1 in a*, b*


@needs_lcms
def test_lab_has_its_meaning_whatever_profile_comes_with_it(tmp_path):
    lab = Image.new("LAB", (3, 1))
    lab.putdata([(136, 128, 128), (138, 209, 198), (60, 90, 160)])
    lab.save(tmp_path / "plain.tif")
    lab.save(tmp_path / "profile.tif", icc_profile=matrix_profile(P3, 2.2))
    assert torch.equal(load_image(tmp_path / "profile.tif"), load_image(tmp_path / "plain.tif"))


@needs_lcms
def test_inks_are_what_their_profile_says(tmp_path):
    """On a press without coloured inks cyan is white, and half of black is L* 50: 118.9 of 255 in sRGB, by the CIE's formula."""
    inks = Image.new("CMYK", (3, 1))
    inks.putdata([(255, 0, 0, 0), (0, 255, 255, 128), (0, 0, 0, 255)])
    inks.save(tmp_path / "a.tif", icc_profile=ink_profile())
    loaded = load_image(tmp_path / "a.tif")[0, :, 0].T * 255
    assert torch.allclose(loaded, torch.tensor([[255.0] * 3, [118.9] * 3, [0.0] * 3]), atol=2)
    inks.save(tmp_path / "plain.tif")
    assert torch.allclose(load_image(tmp_path / "plain.tif")[0, :, 0, 0], torch.tensor([0.0, 1, 1]), atol=0.01)  # no profile: cyan


def test_transparency_is_laid_on_white(tmp_path):
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0] = 255, 0, 0, 255
    rgba[0, 1] = 255, 0, 0, 51  # a fifth of red
    Image.fromarray(rgba).save(tmp_path / "a.png")
    Image.fromarray(rgba).convert("LA").save(tmp_path / "grey.png")
    loaded = load_image(tmp_path / "a.png")[0]
    assert torch.allclose(loaded[:, 0, 0], torch.tensor([1.0, 0, 0]))
    assert torch.allclose(loaded[:, 0, 1], torch.tensor([1.0, 0.8, 0.8]), atol=1 / 255)
    assert torch.allclose(loaded[:, 1, 1], torch.ones(3))
    assert load_image(tmp_path / "grey.png")[0, :, 1, 1].tolist() == [1, 1, 1]


def test_a_transparent_palette_is_laid_on_white(tmp_path):
    palette = Image.new("P", (2, 1), 0)
    palette.putpalette([255, 0, 0, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    palette.save(tmp_path / "a.png", transparency=1)
    assert load_image(tmp_path / "a.png")[0, :, 0].T.tolist() == [[1, 0, 0], [1, 1, 1]]


# Every mode that Pillow has; the oracle is its own conversion to RGB, and white below what is transparent.
MODES = ["1", "L", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "HSV", "I", "F", "LA", "PA", "RGBX", "RGBa", "La", "I;16", "I;16L",
         "I;16B", "I;16N"]  # fmt: skip
SUFFIXES = ["png", "jpg", "webp", "gif", "bmp", "tif", "jp2", "ppm", "avif"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_in_every_format_that_holds_it(tmp_path, photo, mode):
    saved = 0
    for path in [tmp_path / f"a.{suffix}" for suffix in SUFFIXES]:
        try:
            through = {"La": "LA", "RGBa": "RGBA", "PA": "P"}.get(mode, "L" if mode[0] in "IF" else "RGB")
            Image.fromarray(photo).convert("L" if through == "LA" else "RGB").convert(through).convert(mode).save(path)
            stored = Image.open(path)
            stored.load()
        except (OSError, ValueError, KeyError):
            continue  # this format has no such mode, or this Pillow no such format
        saved += 1
        if stored.mode in ("I", "F") and path.suffix == ".tif" or stored.mode == "F":
            with pytest.raises(ValueError, match=rf"a\{path.suffix}.*of unknown range"):
                load_image(path)
        elif stored.mode != "LAB" and not stored.mode.startswith("I"):
            rgba = np.asarray(stored.convert("RGBA")).astype(float)
            expected = 255 + (rgba[..., :3] - 255) * rgba[..., 3:] / 255
            loaded = load_image(path)
            assert loaded.shape == (1, 3, 30, 40) and np.abs(loaded[0].permute(1, 2, 0).numpy() * 255 - expected).max() <= 1, path
        else:
            assert load_image(path).isfinite().all()
    assert saved or mode in ("La", "RGBa", "HSV", "I;16N")


def test_sixteen_bits_are_scaled_not_clipped(tmp_path):
    grey = np.array([[0, 257 * 10, 1000, 65535]], np.uint16)  # 1,000 is 3.9 of 255
    for suffix in ("png", "tif"):
        Image.fromarray(grey).save(tmp_path / f"a.{suffix}")
        assert torch.allclose(load_image(tmp_path / f"a.{suffix}")[0, 0, 0], torch.tensor([0, 10 / 255, 4 / 255, 1]))


def test_sixteen_bits_may_be_transparent(tmp_path):
    """A 16-bit grey PNG names one value that is seen through (tRNS), as its 8-bit twin does."""
    values = np.array([[0, 257 * 10, 65535]], np.uint16)
    for name, grey, seen_through in (("16.png", values, 257 * 10), ("8.png", (values // 257).astype(np.uint8), 10)):
        Image.fromarray(grey).save(tmp_path / name)
        chunk = b"tRNS" + struct.pack(">H", seen_through)  # by hand: old Pillows write none of 16 bits
        before, after = (tmp_path / name).read_bytes().split(b"IDAT", 1)
        named = struct.pack(">I", 2) + chunk + struct.pack(">I", zlib.crc32(chunk))
        (tmp_path / name).write_bytes(before[:-4] + named + before[-4:] + b"IDAT" + after)
    for name in ("16.png", "8.png"):
        assert load_image(tmp_path / name)[0, 0, 0].tolist() == [0, 1, 1], name


def test_thirty_two_bits_are_refused(tmp_path):
    """Nobody knows whether they go to 255, 65,535 or 2^31."""
    Image.fromarray(np.array([[0, 255, 2**31 - 1]], np.int32)).save(tmp_path / "deep.tif")
    with pytest.raises(ValueError, match=r"deep\.tif.*it holds 32-bit pixels of unknown range"):
        load_image(tmp_path / "deep.tif")
    Image.fromarray(np.ones((4, 4), np.float32)).save(tmp_path / "floats.tif")
    with pytest.raises(ValueError, match=r"floats\.tif.*it holds floating-point pixels of unknown range"):
        load_image(tmp_path / "floats.tif")


def test_sixteen_bits_of_a_pgm(tmp_path):
    """Pillow gives them as 32-bit, which they are not."""
    (tmp_path / "a.pgm").write_bytes(b"P5 3 1 65535\n" + np.array([0, 2570, 65535], ">u2").tobytes())
    assert torch.allclose(load_image(tmp_path / "a.pgm")[0, 0, 0], torch.tensor([0, 10 / 255, 1]))


def test_postscript_is_not_executed(tmp_path, monkeypatch):
    """Pillow would hand it to Ghostscript, whatever the file is called."""
    called = []
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *args, **kwargs: called.append(args))
    Image.new("RGB", (8, 8)).save(tmp_path / "a.eps")
    (tmp_path / "a.eps").rename(tmp_path / "photo.jpg")
    with pytest.raises(ValueError, match=r"photo\.jpg: cannot be read as a picture"):
        load_image(tmp_path / "photo.jpg")
    assert called == []


def test_an_enlargement_bomb_is_refused(tmp_path):
    """A strip of one pixel by 3,000 would be 64 x 192,000 at size=64; a longer one fills any memory."""
    Image.new("L", (1, 30_000)).save(tmp_path / "strip.png")
    with pytest.raises(ValueError, match=r"strip\.png.*256 x 7680000 pixels are more than the 40,000,000 allowed"):
        load_image(tmp_path / "strip.png", 256)
    assert load_image(tmp_path / "strip.png").shape == (1, 3, 30_000, 1)
    with pytest.raises(ValueError, match="pixels are more than the 150,000,000"):
        resize(torch.rand(1, 3, 30_000, 1), 256)


def test_a_small_file_may_not_promise_a_large_picture(tmp_path, photo, monkeypatch):
    """A GIF of a hundred bytes whose header says 60,000 x 60,000 would be unpacked; a camera's 100 megapixels weigh megabytes."""
    Image.fromarray(photo).save(tmp_path / "bomb.gif")
    content = bytearray((tmp_path / "bomb.gif").read_bytes())
    content[6:10] = struct.pack("<HH", 9000, 9000)
    (tmp_path / "bomb.gif").write_bytes(content)
    with pytest.raises(ValueError, match=r"bomb\.gif.*9000 x 9000 pixels are more than the 40,000,000"):
        load_image(tmp_path / "bomb.gif")
    with pytest.raises(ValueError, match=r"bomb\.gif.*9000 x 9000 pixels are more than the 40,000,000"):
        load_image(tmp_path / "bomb.gif", 64)  # it would have to be unpacked all the same
    monkeypatch.setattr(images, "SMALL_PIXELS", 100)
    Image.fromarray(photo).save(tmp_path / "photo.png")  # 1,200 pixels: more than a hundred, fewer than 2,000 for each byte
    assert load_image(tmp_path / "photo.png").shape == (1, 3, 30, 40)


def test_reading_in_threads_leaves_the_warnings_as_they_are(tmp_path, photo):
    Image.fromarray(photo).save(tmp_path / "a.png")
    before = list(warnings.filters)
    entered = []
    real = warnings.catch_warnings.__enter__
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(warnings.catch_warnings, "__enter__", lambda self: (entered.append(1), real(self))[1])
        load_image(tmp_path / "a.png")
    assert entered == [] and warnings.filters == before


def test_one_pixel_is_a_picture(tmp_path):
    Image.new("RGB", (1, 1), (51, 102, 255)).save(tmp_path / "a.png")
    assert torch.allclose(load_image(tmp_path / "a.png").flatten(), torch.tensor([0.2, 0.4, 1.0]))
    assert load_image(tmp_path / "a.png", 4).shape == (1, 3, 4, 4)


def broken_files(folder, photo):
    whole = io.BytesIO()
    Image.fromarray(photo).resize((400, 300)).save(whole, "JPEG")
    png = io.BytesIO()
    Image.fromarray(photo).save(png, "PNG")
    contents = {
        "text.jpg": b"this is no picture",
        "truncated.jpg": whole.getvalue()[: len(whole.getvalue()) // 2],
        "empty.png": b"",
        "cut.png": png.getvalue()[:60],
        "garbled.png": png.getvalue()[:40] + b"\x00" * 50,
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    Image.fromarray(np.ones((4, 4), np.float32)).save(folder / "floats.tif")
    return [*contents, "floats.tif"]


def test_broken_files_are_named(tmp_path, photo):
    for name in broken_files(tmp_path, photo):
        said = ": cannot be read as a picture: the file is empty$" if name == "empty.png" else ""
        with pytest.raises(ValueError, match=name.replace(".", r"\.") + said):
            load_image(tmp_path / name)


def test_missing_files_and_folders_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.jpg: no such"):
        load_image(tmp_path / "nowhere.jpg")
    with pytest.raises(FileNotFoundError, match="is a folder"):
        load_image(tmp_path)


def test_a_decompression_bomb_is_refused_before_it_unpacks(tmp_path, photo, monkeypatch):
    Image.fromarray(photo).save(tmp_path / "bomb.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 100)
    with pytest.raises(ValueError, match=r"bomb\.png.*40 x 30 pixels"):
        load_image(tmp_path / "bomb.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 40 * 30)
    assert load_image(tmp_path / "bomb.png").shape == (1, 3, 30, 40)  # exactly as many as are allowed
    monkeypatch.setattr(images, "MAX_PIXELS", 10_000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow's own guard, at twice its limit
    with pytest.raises(ValueError, match=r"bomb\.png"):
        load_image(tmp_path / "bomb.png")


def test_saving_rounds_and_clips(tmp_path):
    picture = torch.tensor([-0.5, 0.4 / 255, 0.6 / 255, 100.5001 / 255, 1.7, 1.0]).view(1, 1, 1, 6).expand(1, 3, 1, 6)
    save_image(picture, tmp_path / "a.png")
    assert np.asarray(Image.open(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 0, 1, 101, 255, 255]


def test_a_jpeg_is_of_good_quality(tmp_path):
    pixels = (torch.rand(1, 3, 40, 40) * 255).round() / 255
    for name in ("a.jpg", "b.JPEG", "c.webp"):
        save_image(pixels, tmp_path / name)
    expected = io.BytesIO()
    Image.fromarray((pixels[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(expected, "JPEG", quality=92)
    assert (tmp_path / "a.jpg").read_bytes() == (tmp_path / "b.JPEG").read_bytes() == expected.getvalue()
    expected = io.BytesIO()
    Image.fromarray((pixels[0].permute(1, 2, 0) * 255).round().byte().numpy()).save(expected, "WEBP")
    assert (tmp_path / "c.webp").read_bytes() == expected.getvalue()


def test_saved_and_loaded_is_the_same(tmp_path):
    picture = (torch.rand(1, 3, 9, 11) * 255).round() / 255
    save_image(picture, tmp_path / "a.png")
    assert torch.equal(load_image(tmp_path / "a.png"), picture)
    save_image(picture[0], tmp_path / "b.PNG")
    assert torch.equal(load_image(tmp_path / "b.PNG"), picture)


@pytest.mark.parametrize("picture, error, words", [
    (torch.full((1, 3, 4, 4), float("nan")), ValueError, "^picture: holds NaN"),
    (torch.zeros(1, 1, 4, 4), ValueError, "^picture: expected the shape"),
    (torch.zeros(2, 3, 4, 4), ValueError, "batch of 2"),
    (torch.zeros(1, 3, 0, 4), ValueError, "shape"),
    (torch.zeros(1, 3, 4, 4, dtype=torch.uint8), TypeError, "uint8"),
    (np.zeros((1, 3, 4, 4)), TypeError, "ndarray"),
])  # fmt: skip
def test_what_is_no_picture_is_not_saved(tmp_path, picture, error, words):
    with pytest.raises(error, match=words):
        save_image(picture, tmp_path / "a.png")
    assert os.listdir(tmp_path) == []


def test_an_unknown_suffix_is_named(tmp_path):
    for suffix in (".xyz", ".psd", ".cur", ".xpm", ".wmf", ""):  # Pillow reads some of these, and writes none
        with pytest.raises(ValueError, match=f"unknown picture suffix '{suffix}'"):
            save_image(torch.rand(1, 3, 4, 4), tmp_path / f"a{suffix}")
    assert os.listdir(tmp_path) == []


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    save_image(torch.zeros(1, 3, 4, 4), tmp_path / "a.png")
    before = (tmp_path / "a.png").read_bytes()

    def fail(self, *args, **kwargs):
        raise OSError("disk full")

    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(OSError, match="disk full"):
        save_image(torch.ones(1, 3, 4, 4), tmp_path / "a.png")
    assert os.listdir(tmp_path) == ["a.png"] and (tmp_path / "a.png").read_bytes() == before


def test_check_picture_names_the_argument():
    with pytest.raises(TypeError, match="^style: "):
        check_picture("starry.jpg", "style")


def test_a_batch_is_a_picture_unless_one_is_wanted():
    batch = torch.rand(2, 3, 4, 4)
    assert check_picture(batch, "content") is batch
    with pytest.raises(ValueError, match="^content: .*a batch of 2"):
        check_picture(batch, "content", one=True)


def test_resize_to_a_shorter_side_or_a_shape():
    picture = torch.rand(2, 3, 30, 40)
    assert resize(picture, 15).shape == (2, 3, 15, 20)
    assert resize(picture, (7, 5)).shape == (2, 3, 7, 5)
    flat = torch.full((1, 3, 30, 40), 0.25)
    assert torch.allclose(resize(flat, 11), torch.tensor(0.25))


def test_resize_is_antialiased():
    """A checkerboard at a third of its size is grey: without antialiasing it would be the middle one of each three pixels."""
    board = ((torch.arange(33)[:, None] + torch.arange(33)) % 2).float().expand(1, 3, 33, 33)
    inner = resize(board, 11)[..., 2:-2, 2:-2]
    torch.testing.assert_close(inner, torch.full_like(inner, 0.5), atol=0.02, rtol=0)


# --- what a picture may come as ---------------------------------------------------------------------------------------------------


def test_a_picture_may_be_a_path_bytes_a_file_a_pillow_image_or_an_array(tmp_path, photo):
    path = tmp_path / "a.png"
    Image.fromarray(photo).save(path)
    expected = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None] / 255
    with open(path, "rb") as file, Image.open(path) as image:
        for source in (path, str(path), path.read_bytes(), bytearray(path.read_bytes()), io.BytesIO(path.read_bytes()), file, image,
                       Image.fromarray(photo), photo, photo / 255.0, (photo / 255).astype(np.float32)):  # fmt: skip
            loaded = load_image(source)
            assert loaded.shape == expected.shape and loaded.dtype == torch.float32 and loaded.is_contiguous(), type(source)
            torch.testing.assert_close(loaded, expected, atol=1e-6, rtol=0)
            assert load_image(path if hasattr(source, "read") else source, 15).shape == (1, 3, 15, 20)
        assert not file.closed
    grey, rgba = photo[..., 0], np.dstack([photo, np.full(photo.shape[:2], 51, np.uint8)])
    torch.testing.assert_close(load_image(grey), expected[:, :1].expand(-1, 3, -1, -1))
    torch.testing.assert_close(load_image(grey[..., None]), load_image(grey))
    torch.testing.assert_close(load_image(rgba), 0.2 * expected + 0.8)
    torch.testing.assert_close(load_image(np.asfortranarray(photo)[::-1]), expected.flip(2))  # any strides


def test_what_is_given_stays_as_it_is(tmp_path, photo):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(photo).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        assert load_image(image).shape == (1, 3, 40, 30) and image.size == (40, 30)  # turned, but not the image itself
        assert torch.equal(load_image(image), load_image(tmp_path / "a.png"))
    array = photo.copy()
    load_image(array).zero_()
    assert np.array_equal(array, photo)


@pytest.mark.parametrize("source, error, words", [
    ("https://example.org/a.jpg", ValueError, r"^https://example.org/a.jpg: is an internet address"),
    (Path("https://example.org/a.jpg"), ValueError, "internet address"),
    ("data:image/png;base64,AAAA", ValueError, "internet address"),
    ("C:/photo.jpg", FileNotFoundError, "C:/photo.jpg: no such picture file"),
    (None, TypeError, "^path: expected a file's path.*got NoneType"),
    (b"", ValueError, "^the bytes: cannot be read as a picture: the file is empty"),
    (b"no picture", ValueError, "^the bytes: cannot be read as a picture: it is in no format that is read here"),
    (io.StringIO("text"), TypeError, 'gives str, expected bytes; open it with mode "rb"'),
    (np.zeros((4, 4, 3), np.int64), TypeError, "^path: expected an array of uint8.*int64"),
    (np.zeros((3, 5, 6), np.uint8), TypeError, r"^path: expected an array \(H, W, 3\).*\(3, 5, 6\)"),
    (np.zeros((0, 4, 3), np.uint8), TypeError, "^path: expected an array"),
    (np.full((4, 4, 3), 200.0), ValueError, "^path: holds values from 200 to 200.*divide by 255"),
    (Image.fromarray(np.ones((4, 4), np.float32)), ValueError, "^the Pillow image: .*of unknown range"),
])  # fmt: skip
def test_what_cannot_be_a_picture(source, error, words):
    with pytest.raises(error, match=words):
        load_image(source)


def test_a_file_that_was_read_to_its_end_says_so(photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    with pytest.raises(ValueError, match="^the open file: .*it is empty, or was read to its end"):
        load_image(file)
    file.seek(0)
    assert load_image(file).shape == (1, 3, 30, 40)


def test_an_open_file_is_named(tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with open(tmp_path / "broken.jpg", "rb") as file, pytest.raises(ValueError, match=r"broken\.jpg: cannot be read as a picture"):
        load_image(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_pipe_is_read(tmp_path, photo):
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "PNG")
    os.mkfifo(tmp_path / "pipe")
    threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(file.getvalue())).start()
    assert np.array_equal((load_image(tmp_path / "pipe")[0].permute(1, 2, 0) * 255).round().numpy(), photo)
    with pytest.raises(FileNotFoundError, match="is no file"):
        load_image(os.devnull)


def test_a_name_of_any_bytes(tmp_path, photo):
    for name in (b"\xff\xfe.png", "写真 ☃\n.png".encode()):
        path = tmp_path / os.fsdecode(name)
        save_image(load_image(photo), path)
        assert load_image(path).shape == (1, 3, 30, 40)
        path.write_bytes(b"broken")
        with pytest.raises(ValueError, match="cannot be read as a picture"):
            load_image(path)


# --- pictures over the limit ------------------------------------------------------------------------------------------------------


def test_a_jpeg_over_the_limit_is_decoded_smaller(tmp_path, monkeypatch):
    """A phone's 200 megapixels: the whole does not fit, a quarter of each side does."""
    y, x = np.mgrid[0:400, 0:640]
    smooth = np.stack([x * 255 // 640, y * 255 // 400, 255 - x * 255 // 640], -1).astype(np.uint8)
    Image.fromarray(smooth).save(tmp_path / "large.jpg", quality=95)
    whole = load_image(tmp_path / "large.jpg", 50)
    monkeypatch.setattr(images, "MAX_PIXELS", 400 * 640 // 4)
    small = load_image(tmp_path / "large.jpg", 50)
    assert small.shape == (1, 3, 50, 80) and float((small - whole).abs().max()) < 3 / 255
    with pytest.raises(TooManyPixels, match=r"large\.jpg: .*640 x 400 pixels are more than .* max_pixels=256000 reads it, in"):
        load_image(tmp_path / "large.jpg")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # Pillow refuses 179 million; only what is unpacked counts here
    assert torch.equal(load_image(tmp_path / "large.jpg", 50), small)
    assert torch.equal(load_image((tmp_path / "large.jpg").read_bytes(), 50), small)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(smooth).save(tmp_path / "turned.jpg", quality=95, exif=exif)
    assert load_image(tmp_path / "turned.jpg", 50).shape == (1, 3, 80, 50)
    Image.fromarray(smooth).save(tmp_path / "progressive.jpg", progressive=True)  # its coefficients are unpacked whatever the size
    with pytest.raises(TooManyPixels, match="progressive.jpg"):
        load_image(tmp_path / "progressive.jpg", 50)


def test_a_larger_picture_can_be_asked_for(tmp_path, photo, monkeypatch):
    Image.fromarray(photo).save(tmp_path / "a.png")
    whole = load_image(tmp_path / "a.png")
    monkeypatch.setattr(images, "MAX_PIXELS", 1000)
    with pytest.raises(TooManyPixels, match="40 x 30 pixels are more than the 1,000.*max_pixels=1200 reads it"):
        load_image(tmp_path / "a.png", 10)
    with pytest.raises(TooManyPixels, match="than the 1,199"):
        load_image(tmp_path / "a.png", max_pixels=1199)
    assert torch.equal(load_image(tmp_path / "a.png", max_pixels=1200), whole)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    assert torch.equal(load_image(tmp_path / "a.png", max_pixels=1200), whole)
    monkeypatch.setattr(images, "MAX_PIXELS", 10_000)
    with pytest.raises(TooManyPixels, match=r"a\.png.*Pillow's own limit"):  # which the user has set
        load_image(tmp_path / "a.png")
    monkeypatch.setattr(images, "SMALL_PIXELS", 100), monkeypatch.setattr(images, "PIXELS_PER_BYTE", 1)
    with pytest.raises(TooManyPixels, match="max_pixels=1200"):  # a file that is small for so many
        load_image(tmp_path / "a.png", 10)
    for wrong in (0, -1, 2.5, True):
        with pytest.raises(ValueError, match="max_pixels="):
            load_image(tmp_path / "a.png", max_pixels=wrong)


def test_the_memory_of_a_large_picture_is_named(tmp_path, monkeypatch):
    """20 bytes for each pixel as it is, 8 where it is scaled: 2^30 / 20 pixels are a GiB."""
    Image.new("1", (8192, 6554)).save(tmp_path / "a.png")
    with pytest.raises(TooManyPixels, match=r"in about 1\.0 GiB of memory"):
        load_image(tmp_path / "a.png")
    with pytest.raises(TooManyPixels, match=r"in about 0\.4 GiB of memory"):
        load_image(tmp_path / "a.png", 64)


# --- files that Pillow reads wrongly ----------------------------------------------------------------------------------------------


def tiff(values: np.ndarray, bits: int, photometric: int, data: bytes | None = None, **tags: int) -> bytes:
    """A grey TIFF by hand: one strip, no compression."""
    data = values.astype("<u2").tobytes() if data is None else data
    height, width = values.shape
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: photometric, 273: 0, 277: 1, 278: height, 279: len(data),
               **{int(k[1:]): v for k, v in tags.items()}}  # fmt: skip
    entries[273] = 8 + 2 + 12 * len(entries) + 4
    table = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", len(entries)) + table + bytes(4) + data


def packed_twelve(values: list[int]) -> bytes:
    """Two numbers of 12 bits in three bytes, the high ones first."""
    pairs = zip(values[::2], values[1::2], strict=True)
    return b"".join(bytes([a >> 4, (a & 15) << 4 | b >> 8, b & 255]) for a, b in pairs)


def test_twelve_bits_of_a_microscope(tmp_path):
    values = np.array([[0, 1024, 2048, 4095]])
    (tmp_path / "a.tif").write_bytes(tiff(values, 12, 1, packed_twelve(values[0].tolist())))
    expected = torch.tensor([0, 1024 / 4095, 2048 / 4095, 1])
    assert torch.allclose(load_image(tmp_path / "a.tif")[0, 0, 0], expected, atol=0.5 / 255)
    with Image.open(tmp_path / "a.tif") as image:
        assert torch.allclose(load_image(image)[0, 0, 0], expected, atol=0.5 / 255)
    assert torch.allclose(load_mask(tmp_path / "a.tif")[0, 0, 0], expected, atol=1e-3)


def test_sixteen_bits_where_white_is_zero(tmp_path):
    values = np.array([[0, 257 * 10, 65535]])
    (tmp_path / "white.tif").write_bytes(tiff(values, 16, 0))
    (tmp_path / "black.tif").write_bytes(tiff(values, 16, 1))
    assert torch.allclose(load_image(tmp_path / "white.tif")[0, 0, 0], torch.tensor([1, 245 / 255, 0]))
    assert torch.allclose(load_image(tmp_path / "black.tif")[0, 0, 0], torch.tensor([0, 10 / 255, 1]))


def test_sixteen_bit_planes_are_refused(tmp_path):
    """Pillow reads them as if they were of 8 bits."""
    tifffile = pytest.importorskip("tifffile")
    planes = np.arange(3 * 16 * 16, dtype=np.uint16).reshape(3, 16, 16) * 80
    tifffile.imwrite(tmp_path / "p.tif", planes, photometric="rgb", planarconfig="separate")
    with pytest.raises(ValueError, match=r"p\.tif: .*16-bit colours in planes.*Pillow mixes up"):
        load_image(tmp_path / "p.tif")
    tifffile.imwrite(tmp_path / "one.tif", planes.transpose(1, 2, 0), photometric="rgb")
    assert torch.allclose(load_image(tmp_path / "one.tif")[0], torch.from_numpy(planes // 257 / 255).float(), atol=1.01 / 255)
    tifffile.imwrite(tmp_path / "eight.tif", (planes // 257).astype(np.uint8), photometric="rgb", planarconfig="separate")
    assert torch.allclose(load_image(tmp_path / "eight.tif")[0], torch.from_numpy(planes // 257 / 255).float(), atol=1e-6)


def test_the_preview_in_a_raw_file_is_not_the_photograph(tmp_path):
    (tmp_path / "a.dng").write_bytes(tiff(np.zeros((4, 4)), 16, 1, _254=1, _50706=0x01040000))
    with pytest.raises(ValueError, match=r"a\.dng: .*a camera's raw file.*develop it"):
        load_image(tmp_path / "a.dng")


# --- transparency that stays ------------------------------------------------------------------------------------------------------


def test_transparency_may_be_kept(tmp_path):
    rgba = np.zeros((2, 2, 4), np.uint8)
    rgba[0, 0], rgba[0, 1] = (255, 0, 0, 255), (255, 0, 0, 51)
    rgba[1] = (0, 255, 0, 0)  # green that nobody sees
    Image.fromarray(rgba).save(tmp_path / "a.png")
    for source in (tmp_path / "a.png", Image.fromarray(rgba), rgba, rgba / 255):
        picture, alpha = load_transparent(source)
        assert picture[0, :, 0].T.tolist() == [[1, 0, 0], [1, 0, 0]] and torch.equal(picture[0, :, 1], torch.ones(3, 2))
        torch.testing.assert_close(alpha, torch.tensor([[[[1, 0.2], [0, 0]]]]))
    save_image(picture, tmp_path / "b.png", alpha)
    again = np.asarray(Image.open(tmp_path / "b.png"))
    assert np.array_equal(again[0], rgba[0]) and again[1, :, 3].tolist() == [0, 0]
    torch.testing.assert_close(load_image(tmp_path / "b.png"), load_image(tmp_path / "a.png"), atol=1.01 / 255, rtol=0)


@pytest.mark.parametrize("suffix", ["png", "webp", "tif"])
def test_what_is_saved_transparent_is_read_so(tmp_path, suffix):
    alpha = torch.linspace(0, 1, 16).expand(1, 1, 8, 16)
    save_image(torch.full((1, 3, 8, 16), 0.5), tmp_path / f"a.{suffix}", alpha)
    assert float((load_transparent(tmp_path / f"a.{suffix}")[1] - alpha).abs().max()) <= 1 / 255
    assert load_transparent(Image.new("LA", (4, 4), (200, 51)).convert("La"))[1].mean() == pytest.approx(0.2)
    opaque = load_transparent(Image.new("RGBA", (4, 4), (1, 2, 3, 255)))
    assert opaque[1] is None and load_transparent(Image.new("RGB", (4, 4)))[1] is None
    assert load_transparent(np.zeros((4, 4, 3), np.uint8))[1] is None and load_transparent(np.zeros((4, 4)))[1] is None


def test_colours_are_scaled_by_what_is_seen_of_them(tmp_path):
    """Red beside clear black: no dark edge, whatever lies below what is clear."""
    rgba = np.zeros((16, 16, 4), np.uint8)
    rgba[:, :9] = 255, 0, 0, 255
    picture, alpha = load_transparent(Image.fromarray(rgba), 8)
    edge = (alpha[0, 0, 4] > 0.1) & (alpha[0, 0, 4] < 0.9)
    assert edge.any() and picture[0, 0, 4][edge].min() > 0.98 and picture[0, 1, 4][edge].max() < 0.02


def test_an_alpha_that_does_not_fit(tmp_path):
    picture = torch.rand(1, 3, 4, 4)
    with pytest.raises(ValueError, match=r"a\.jpg: JPEG holds no transparency"):
        save_image(picture, tmp_path / "a.jpg", torch.ones(1, 1, 4, 4))
    for alpha in (torch.ones(1, 1, 4, 5), torch.ones(2, 1, 4, 4), torch.full((1, 1, 4, 4), float("nan"))):
        with pytest.raises(ValueError, match="^alpha: expected"):
            save_image(picture, tmp_path / "a.png", alpha)
    assert os.listdir(tmp_path) == []


def test_a_side_that_a_format_cannot_hold_is_said_first(tmp_path):
    with pytest.raises(ValueError, match="a.webp: 16384 x 1 px, but WEBP holds at most 16,383"):
        save_image(torch.zeros(1, 3, 1, 16_384), tmp_path / "a.webp")
    assert os.listdir(tmp_path) == []


# --- masks, as editors and programs write them ------------------------------------------------------------------------------------

INSIDE = np.zeros((12, 12), bool)
INSIDE[2:8, 3:9] = True


def mask_files(folder: Path) -> dict[str, Path]:
    """The same mask as it is written here and there."""
    white = np.where(INSIDE, 255, 0).astype(np.uint8)
    kinds = {
        "grey": Image.fromarray(white), "colours": Image.fromarray(white).convert("RGB"),
        "bits": Image.fromarray(white).convert("1"),
        "numbers": Image.fromarray(INSIDE.astype(np.uint8)),  # 0 and 1, as a segmentation program saves its array
        "sixteen": Image.fromarray(INSIDE.astype(np.uint16) * 65535), "sixteen_8": Image.fromarray(INSIDE.astype(np.uint16) * 255),
        "sixteen_1": Image.fromarray(INSIDE.astype(np.uint16)),
        "white_on_clear": Image.fromarray(np.dstack([np.full((12, 12, 3), 255, np.uint8), white])),
        "white_on_clear_black": Image.fromarray(np.dstack([white, white, white, white])),
        "black_on_clear": Image.fromarray(np.dstack([np.zeros((12, 12, 3), np.uint8), white])),  # a brush of a drawing program
        "opaque": Image.fromarray(np.dstack([white, white, white, np.full((12, 12), 255, np.uint8)])),
        "grey_alpha": Image.merge("LA", [Image.new("L", (12, 12), 255), Image.fromarray(white)]),
        "cut_out": Image.fromarray(np.dstack([np.random.default_rng(0).integers(0, 256, (12, 12, 3), np.uint8), white])),
        "two_colours": Image.fromarray(np.where(INSIDE[..., None], (128, 0, 0), (0, 0, 0)).astype(np.uint8)),  # labels in colours
    }  # fmt: skip
    palette = Image.fromarray(INSIDE.astype(np.uint8)).convert("P")
    palette.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    kinds["palette"] = palette
    files = {name: folder / f"{name}.png" for name in kinds}
    for name, image in kinds.items():
        image.save(files[name])
    files["seen_through"] = folder / "seen_through.png"  # black is clear, by a palette's table
    grey = Image.fromarray(INSIDE.astype(np.uint8)).convert("P")
    grey.putpalette([0, 0, 0, 255, 255, 255])
    grey.save(files["seen_through"], transparency=0)
    files |= {name: folder / f"{name}.tif" for name in ("floats", "ints", "white_is_zero")}
    Image.fromarray(INSIDE.astype(np.float32)).save(files["floats"])
    Image.fromarray(INSIDE.astype(np.int32) * 255).save(files["ints"])
    files["white_is_zero"].write_bytes(tiff(np.where(INSIDE, 0, 65535), 16, 0))
    files["jpeg"] = folder / "jpeg.jpg"
    Image.fromarray(white).convert("RGB").save(files["jpeg"], quality=98, subsampling=0)
    return files


def test_a_mask_as_it_is_written_here_and_there(tmp_path):
    for name, file in mask_files(tmp_path).items():
        mask = load_mask(file)
        assert mask.shape == (1, 1, 12, 12) and mask.dtype == torch.float32
        assert np.abs(mask[0, 0].numpy() - INSIDE).max() < (0.1 if name == "jpeg" else 1e-6), name
        with Image.open(file) as image:
            torch.testing.assert_close(load_mask(image), mask)


def test_a_mask_may_be_an_array():
    white = INSIDE.astype(np.uint8) * 255
    for mask in (INSIDE, INSIDE.astype(np.uint8), white, INSIDE.astype(float), INSIDE[..., None], np.where(INSIDE, 3, 0),
                 np.dstack([np.full((12, 12, 3), 255, np.uint8), white])):  # fmt: skip
        assert np.array_equal(load_mask(mask)[0, 0].numpy(), INSIDE)


def test_a_soft_mask_is_soft(tmp_path):
    """Grey times how opaque it is; a weight of 128 or of 25 is a weight."""
    grey = np.array([[0, 25, 128, 255]], np.uint8)
    Image.fromarray(grey).save(tmp_path / "a.png")
    np.testing.assert_allclose(load_mask(tmp_path / "a.png")[0, 0].numpy(), grey / 255, atol=1e-6)
    Image.fromarray(np.where(INSIDE, 25, 0).astype(np.uint8)).save(tmp_path / "b.png")
    np.testing.assert_allclose(load_mask(tmp_path / "b.png")[0, 0].numpy(), INSIDE * 25 / 255, atol=1e-6)
    both = Image.merge("LA", [Image.fromarray(grey), Image.new("L", (4, 1), 51)])
    np.testing.assert_allclose(load_mask(both)[0, 0].numpy(), grey / 255 / 5, atol=1e-6)
    assert load_mask(Image.fromarray(np.where(INSIDE, 255, 0).astype(np.uint8)), 6).shape == (1, 1, 6, 6)


@needs_lcms
def test_a_masks_numbers_are_no_colours(tmp_path):
    Image.fromarray(np.full((4, 4), 128, np.uint8)).save(tmp_path / "a.png", icc_profile=grey_profile(1.0))
    np.testing.assert_allclose(load_mask(tmp_path / "a.png").numpy(), 128 / 255, atol=1e-6)
    assert load_image(tmp_path / "a.png").mean() > 0.7  # as light


@pytest.mark.parametrize("image, words", [
    (Image.new("L", (8, 8)), "paints nothing: it is black everywhere.*White is painted"),
    (Image.new("RGBA", (8, 8), (255, 255, 255, 0)), "paints nothing: it is clear, or black everywhere"),
    (Image.new("RGBA", (8, 8), (0, 0, 0, 255)), "paints nothing: it is black everywhere"),
    (Image.fromarray(np.arange(4, dtype=np.uint8).repeat(4).reshape(4, 4)), "labels from 0 to 3.*a mask of each"),
    (Image.fromarray(np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8)), "holds 64 colours; expected greys"),
    (Image.fromarray(np.full((4, 4), 2.5, np.float32)), "expected values from 0 to 1"),
    (Image.fromarray(np.full((4, 4), -0.5, np.float32)), "expected values from 0 to 1"),
])  # fmt: skip
def test_a_mask_that_means_nothing_is_an_error(tmp_path, image, words):
    path = tmp_path / "mask.tif"
    image.save(path)
    with pytest.raises(ValueError, match=rf"mask\.tif: .*{words}"):
        load_mask(path)


# --- numbers that are no brightness -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("factor, shift", [(255, 0), (2.1, 0), (1, -2.1)])
def test_values_far_outside_are_refused(tmp_path, factor, shift):
    far = torch.linspace(0, 1, 48).view(1, 3, 4, 4) * factor + shift
    for use in (lambda x: check_picture(x, "picture"), lambda x: save_image(x, tmp_path / "a.png")):
        with pytest.raises(ValueError, match="^picture: holds values from .* divide by 255"):
            use(far)
    near = torch.tensor([-1.0, 0.5, 2.0]).view(1, 3, 1, 1)
    assert check_picture(near, "picture") is near


def test_a_picture_may_be_pillows_or_numpys(photo):
    expected = torch.from_numpy(photo.copy()).permute(2, 0, 1)[None] / 255
    for given in (photo, Image.fromarray(photo)):
        torch.testing.assert_close(check_picture(given, "content"), expected)
    with pytest.raises(ValueError, match="^content: holds values .* divide by 255"):
        check_picture(photo.astype(float), "content")
    with pytest.raises(TypeError, match=r"^content: expected an array \(H, W, 3\)"):
        check_picture(photo.transpose(2, 0, 1), "content")


@pytest.mark.parametrize("size", [0, -5, 2.5, True, (4,), (4, 0), (4, -1), (4.0, 3)])
def test_a_senseless_size_is_no_size_to_scale_to(size):
    with pytest.raises(ValueError, match="size="):
        resize(torch.rand(1, 3, 8, 8), size)


def test_numpys_whole_numbers_are_sizes():
    picture = torch.rand(1, 3, 64, 96)
    assert resize(picture, np.int64(32)).shape == (1, 3, 32, 48)
    assert resize(picture, (np.int32(7), np.int64(5))).shape == resize(picture, [7, 5]).shape == (1, 3, 7, 5)
