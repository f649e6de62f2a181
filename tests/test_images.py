"""Picture files in and out: every kind of file, every kind of broken file."""

import io
import os
import struct
import warnings
import zlib

import numpy as np
import pytest
import torch
from PIL import Image, ImageCms, features

from nst import images
from nst.images import check_picture, load_image, resize, save_image


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
