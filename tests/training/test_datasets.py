"""nst.training.datasets: the pictures of a step are a function of (seed, step, position); broken files are skipped and named."""

from __future__ import annotations

import functools
import gc
import hashlib
import http.server
import json
import os
import pickle
import random
import shutil
import tarfile
import tempfile
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

import nst
from nst.support import downloads
from nst.training import datasets
from nst.training.datasets import Archive, Batch, Crops, Pairs, coco_files, imagenette_files, offline_files, picture_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deep").mkdir()
    for k, name in enumerate(("a.png", "b.jpg", "deep/c.PNG")):
        nst.save_image(torch.rand(3, 40 + 7 * k, 50), tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    return tmp_path


def test_files_of_a_folder_in_order(folder: Path):
    assert [f.name for f in picture_files(folder)] == ["a.png", "b.jpg", "c.PNG"]


def test_a_step_has_its_pictures_whatever_came_before(folder: Path):
    files = picture_files(folder)
    whole = Crops(files, 16, read=32, seed=3)(5, range(8))
    whole_later = Crops(files, 16, read=32, seed=3)
    whole_later(4, range(8))
    torch.testing.assert_close(whole_later(5, range(8)).content, whole.content)
    second = Crops(files, 16, read=32, seed=3)(5, range(4, 8))  # another process
    torch.testing.assert_close(second.content, whole.content[4:])
    assert second.files == whole.files[4:]
    assert not torch.equal(Crops(files, 16, read=32, seed=4)(5, range(8)).content, whole.content)


def test_defaults_are_those_that_the_docstring_states(folder: Path):
    plain = Crops(picture_files(folder))
    assert plain.identity == Crops(picture_files(folder), size=256, read=256, zoom=0.5, colour=0.0, seed=0).identity
    assert torch.equal(plain(0, range(1)).content, plain(0, range(1), salt="").content)


def test_a_batch_moves_with_what_it_holds():
    content, style = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 8, 8)
    for batch in (Batch(content, style, ["a", "b"]), Batch(content, None, ["a", "b"])):
        here, there = batch.to(torch.device("cpu")), batch.to(torch.device("meta"))
        assert torch.equal(here.content, content) and here.content.is_contiguous(memory_format=torch.channels_last)
        assert there.content.device.type == "meta" and here.files == there.files == ["a", "b"]
        assert (here.style is None) == (batch.style is None) or torch.equal(here.style, style)
        assert there.style is None if batch.style is None else there.style.device.type == "meta"


@pytest.mark.parametrize(("options", "said"), [
    ({"zoom": 1.5}, "^zoom=1.5: expected a number from 0 to 1"), ({"colour": -1}, "^colour=-1: expected a number"),
    ({"read": 0}, "^read=0: expected a whole number"), ({"files": []}, "^files is empty: expected picture files"),
])  # fmt: skip
def test_senseless_options(options: dict, said: str):
    with pytest.raises(ValueError, match=said):
        Crops(**{"files": ["a.png"], **options})


def test_pictures_are_read_at_their_size_and_white_is_one(tmp_path: Path):
    stripes = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
    nst.save_image(stripes, tmp_path / "stripes.png"), nst.save_image(torch.ones(3, 1, 9), tmp_path / "white.png")
    fine, coarse = (Crops([tmp_path / "stripes.png"], 64, read=read, zoom=1.0)(0, range(1)).content for read in (64, 16))
    assert float(fine.std()) > 0.49 and float(coarse.std()) < 0.05  # too small a picture has no stripes any more
    assert torch.equal(Crops([tmp_path / "white.png"], 4, read=1)(0, range(3)).content, torch.ones(3, 3, 4, 4))  # one pixel high


def test_crops_are_pieces_of_their_picture(folder: Path):
    ramp = torch.linspace(0, 1, 64).expand(1, 3, 64, 64)  # brighter to the right, a quarter per 16 px
    nst.save_image(ramp, folder / "ramp.png")
    crops = Crops([folder / "ramp.png"], 32, read=64, zoom=0.5)(0, range(40)).content
    widths = (crops[:, 0, 0, -1] - crops[:, 0, 0, 0]).abs() * 63 / 31 * 32 / 63  # side of the crop in units of the picture
    assert crops.shape == (40, 3, 32, 32) and widths.min() > 0.45 and widths.max() < 1.05 and widths.std() > 0.05
    rising = crops[:, 0, 0, -1] > crops[:, 0, 0, 0]
    assert 5 < int(rising.sum()) < 35  # some are flipped
    torch.testing.assert_close(crops[:, :, 0], crops[:, :, -1], atol=0.02, rtol=0)


def test_size_may_depend_on_the_step(folder: Path):
    crops = Crops(picture_files(folder), lambda step: 16 if step < 9 else 24, read=32)
    assert crops(8, range(2)).content.shape[-1] == 16 and crops(9, range(2)).content.shape[-1] == 24


def test_colours_change_on_request_only(folder: Path):
    plain, strong = (Crops(picture_files(folder), 16, read=32, colour=c)(0, range(4)).content for c in (0, 1))
    assert not torch.allclose(plain, strong, atol=0.01) and strong.min() >= 0 and strong.max() <= 1


def test_a_broken_picture_is_skipped_named_and_counted(folder: Path):
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    crops = Crops(picture_files(folder), 16, read=32)
    with pytest.warns(UserWarning, match=r"skipped \(1 so far\).*broken.jpg"):
        batches = [crops(step, range(4)) for step in range(8)]
    assert list(crops.skipped) == [str(folder / "broken.jpg")]
    assert not any(Path(name).name == "broken.jpg" for batch in batches for name in batch.files)
    fresh = Crops(picture_files(folder), 16, read=32)  # a run that resumes at step 7 draws the same pictures
    with pytest.warns(UserWarning, match="broken.jpg"):
        again = [fresh(step, range(4)) for step in (7, *range(7))][0]
    torch.testing.assert_close(again.content, batches[7].content)


def test_folders_without_pictures(tmp_path: Path):
    with pytest.raises(ValueError, match=r"holds no pictures \((\.\w+, )+\.\w+\)$"):
        picture_files(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere: no such folder of pictures$"):
        picture_files(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="files is empty"):
        Crops([])
    with pytest.raises(ValueError, match="zoom=0"):
        Crops(["a.png"], zoom=0)
    (tmp_path / "only.png").write_bytes(b"broken")
    with pytest.warns(UserWarning, match="only.png"), pytest.raises(ValueError, match="none of 100 pictures.*only.png"):
        Crops([tmp_path / "only.png"], 16)(0, range(1))


def test_pairs_draw_content_and_style(folder: Path):
    files = picture_files(folder)
    content, style = Crops(files, 16, read=32, seed=0), Crops(files, 16, read=32, seed=1)
    batch = Pairs(content, style)(2, range(3))
    torch.testing.assert_close(batch.content, content(2, range(3)).content)
    torch.testing.assert_close(batch.style, style(2, range(3), salt=" style").content)
    assert len(batch.files) == 6


def test_pairs_of_one_seed_are_independent(tmp_path: Path):
    """With 4 contents and 4 styles, 200 draws see all 16 pairs: they would see 4 if both drew alike."""
    shades = [tmp_path / f"{k}.png" for k in range(8)]
    for k, file in enumerate(shades):
        nst.save_image(torch.full((3, 16, 16), k / 8), file)
    batch = Pairs(Crops(shades[:4], 8, read=16), Crops(shades[4:], 8, read=16))(0, range(200))
    assert len(set(zip(batch.files[:200], batch.files[200:], strict=True))) == 16


def test_identity_tells_data_apart(folder: Path, tmp_path: Path):
    files = picture_files(folder)
    plain = {"size": 16, "read": 32, "zoom": 0.5, "colour": 0.0, "seed": 0}
    one = Crops(files, **plain).identity
    assert one == Crops(files, **plain).identity == json.loads(json.dumps(one))
    moved = shutil.copytree(folder, tmp_path / "moved", ignore=lambda *_: ["moved"])
    assert Crops(picture_files(moved), **plain).identity == one
    others = [{"size": 24}, {"size": lambda step: 16 if step < 9 else 24}, {"read": 40}, {"zoom": 0.6}, {"colour": 1.0},
              {"seed": 1}]  # fmt: skip
    assert all(Crops(files, **{**plain, **other}).identity != one for other in others)
    assert Crops([*files[:1], "gone.png"], **plain).identity["files"] == hashlib.sha256(
        f"a.png {files[0].stat().st_size}\ngone.png -1".encode()).hexdigest()  # fmt: skip
    assert Crops(files[1:], **plain).identity != one != Crops(files[::-1], **plain).identity
    pairs = Pairs(Crops(files, **plain), Crops(files, **plain)).identity
    assert pairs == {"content": one, "style": one}


def test_a_picture_painted_anew_is_read_anew_and_the_cache_goes_with_its_crops(folder: Path):
    file = folder / "only.png"
    crops = Crops([file], 8, read=8)
    for shade in (0.2, 0.8):
        nst.save_image(torch.full((3, 8, 8), shade), file)
        os.utime(file, ns=(int(shade * 1e9), int(shade * 1e9)))
        assert float(crops(0, range(1)).content.mean()) == pytest.approx(shade, abs=0.01)
    held = weakref.ref(crops._picture(str(file), 8, os.stat(file).st_mtime_ns))
    del crops
    gc.collect()
    assert held() is None


def test_coco_is_checked_unpacked_and_kept(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch):
    """The real code path, on an archive of three pictures that a server on this machine hands out."""
    served, cache = tmp_path_factory.mktemp("served"), tmp_path_factory.mktemp("cache")
    (served / "set" / "val2017").mkdir(parents=True)
    shutil.copytree(folder, served / "set" / "val2017", dirs_exist_ok=True)
    archive = Path(shutil.make_archive(str(served / "val2017"), "zip", served / "set"))
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=served)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("NST_CACHE", str(cache))
    here = Archive(f"http://127.0.0.1:{server.server_port}/val2017.zip", "0" * 32, "val2017", 3)
    monkeypatch.setattr(datasets, "COCO", {"val2017": here})
    monkeypatch.setattr(downloads, "PAUSE", 0)
    with pytest.raises(ConnectionError, match="COCO val2017: could not be downloaded.*picture_files"):
        coco_files("val2017")  # not the file that the digest promises
    monkeypatch.setattr(datasets, "COCO", {"val2017": here._replace(md5=hashlib.md5(archive.read_bytes()).hexdigest())})
    (cache / "coco" / "val2017").mkdir(parents=True)
    shutil.copy(folder / "a.png", cache / "coco" / "val2017")  # half of it, as a kill in the middle of unpacking leaves it
    assert [f.name for f in coco_files("val2017")] == ["a.png", "b.jpg", "c.PNG"]
    server.shutdown()
    server.server_close()
    assert len(coco_files("val2017")) == 3  # from the cache
    assert sorted(p.name for p in (cache / "coco").glob("[!.]*")) == ["val2017"]  # the archive's gigabytes are free again
    with pytest.raises(ValueError, match="split='test': expected one of val2017"):
        coco_files("test")


def test_photographs_that_are_there_are_taken_from_the_cache(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch):
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("NST_CACHE", str(cache))
    monkeypatch.setattr(datasets, "IMAGENETTE", datasets.IMAGENETTE._replace(count=3))
    monkeypatch.setattr(datasets, "COCO", {split: archive._replace(count=3) for split, archive in datasets.COCO.items()})
    for place, files in (("imagenette/imagenette2-160/train", imagenette_files), ("coco/val2017", coco_files),
                         ("coco/train2014", functools.partial(coco_files, "train2014"))):  # fmt: skip
        shutil.copytree(folder, cache / place)
        assert [f.relative_to(cache / place).as_posix() for f in files()] == ["a.png", "b.jpg", "deep/c.PNG"]


def test_an_archive_is_unpacked_beside_its_place_only(folder: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch):
    """Another folder may lie on another disk, and a tar file may name places outside its own folder."""
    cache = tmp_path_factory.mktemp("cache")
    monkeypatch.setattr(tempfile, "tempdir", str(cache / "no such folder"))
    packed = cache / "set.tgz"
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(folder, "set")
    datasets._unpack(packed, cache / "set")
    assert [f.name for f in picture_files(cache / "set")] == ["a.png", "b.jpg", "c.PNG"]
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(folder / "a.png", "set/a.png"), archive.add(folder / "a.png", "../outside.png")
    with pytest.raises(tarfile.FilterError):
        datasets._unpack(packed, cache / "set")
    assert sorted(p.name for p in cache.iterdir()) == ["set", "set.tgz"] and len(picture_files(cache / "set")) == 3


def test_imagenette_without_a_network(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))

    def refuse(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("requests.get", refuse)
    with pytest.raises(ConnectionError, match="Imagenette: could not be downloaded.*offline_files"):
        imagenette_files()


def test_offline_photographs_are_there():
    assert len(offline_files()) == 5 and all(path.is_file() for path in offline_files())


def test_what_is_kept_is_counted_in_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Panoramas of 25 : 1 have twenty times the bytes of what most cameras make."""
    files = [tmp_path / f"{k}.png" for k in range(6)]
    for file in files:
        nst.save_image(torch.rand(3, 8, 200), file)
    one = 3 * 8 * 200
    monkeypatch.setattr(datasets, "CACHE", 3 * one)
    crops, read, plain = Crops(files, 8, read=8), [], datasets._read
    monkeypatch.setattr(datasets, "_read", lambda *asked: read.append(asked[0]) or plain(*asked))
    for file in (*files[:3], files[0], files[1], files[3], files[0], files[1], files[3], files[2]):
        crops._picture(str(file), 8, 0)
        assert crops._picture.bytes == sum(p.nbytes for p in crops._picture.pictures.values()) <= datasets.CACHE
    assert [Path(name).stem for name in read] == ["0", "1", "2", "3", "2"]  # the one that was asked for longest ago goes
    monkeypatch.setattr(datasets, "CACHE", one - 1)
    assert crops._picture(str(files[5]), 8, 0).shape == (3, 8, 200) and not crops._picture.pictures


def test_threads_keep_one_count(folder: Path):
    crops, files = Crops(picture_files(folder), 8, read=16), [str(file) for file in picture_files(folder)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda k: crops._picture(files[k % 3], 16, 0), range(60)))
    assert crops._picture.bytes == sum(p.nbytes for p in crops._picture.pictures.values())


def test_a_picture_that_two_threads_read_at_once_is_counted_once(folder: Path, monkeypatch: pytest.MonkeyPatch):
    kept, both, plain = Crops(picture_files(folder), 8, read=16)._picture, threading.Barrier(2, timeout=60), datasets._read

    def read(*asked) -> torch.Tensor:
        both.wait()
        return plain(*asked)

    monkeypatch.setattr(datasets, "_read", read)
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda _: kept(str(folder / "a.png"), 16, 0), range(2))
    assert torch.equal(first, second) and len(kept.pictures) == 1 and kept.bytes == first.nbytes


def test_crops_go_to_other_processes(folder: Path):
    """As a DataLoader's workers get them, where processes are spawned."""
    crops = Crops(picture_files(folder), 16, read=32, seed=3)
    wanted = crops(5, range(4))
    again = pickle.loads(pickle.dumps(Pairs(crops, crops)))
    assert not again.content._picture.pictures and again.identity == Pairs(crops, crops).identity
    torch.testing.assert_close(again.content(5, range(4)).content, wanted.content)


def test_crops_are_made_small_without_moire(tmp_path: Path):
    """Stripes of one pixel become grey where they are made smaller, not stripes of another width."""
    stripes = (torch.arange(64) % 2).float().expand(1, 3, 64, 64)
    nst.save_image(stripes, tmp_path / "stripes.png")
    crops = Crops([tmp_path / "stripes.png"], 20, read=64, zoom=1.0)(0, range(4)).content  # between pixels, each elsewhere
    assert float(crops.std()) < 0.05 and float(crops.mean()) == pytest.approx(0.5, abs=0.01)


def test_colours_are_changed_around_their_mean():
    """Contrast spreads from the mean, so that only the shift moves it: by at most 0.12; of a dark picture, too."""
    means, spreads = [], []
    for seed in range(200):
        x = 0.45 + 0.1 * torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(seed))
        made = datasets._recoloured(x, random.Random(seed), 1.0)
        means.append(float(made.mean() - x.mean()))
        spreads.append(float(made.std() / x.std()))
    assert max(map(abs, means)) <= 0.1201 and max(means) > 0.1 and min(means) < -0.1
    assert 0.2 < min(spreads) < 0.5 and 1.4 < max(spreads) < 2.2


def test_colours_keep_their_range_and_are_swapped_now_and_then():
    """Saturation is 0.4 to 1.5 times, contrast 0.6 to 1.4 times what it was; channels change places in 15 of 100 pictures."""
    rng, found, swapped = torch.Generator().manual_seed(0), [], 0
    grey = 0.5 + 0.05 * torch.rand(1, 8, 8, generator=rng)
    x = grey + torch.tensor([-0.08, 0.02, 0.06]).view(3, 1, 1)
    for seed in range(400):
        made = datasets._recoloured(x, random.Random(seed), 1.0)
        contrast = float(made.mean(0).std() / grey.std())
        found.append((contrast, float((made.amax(0) - made.amin(0)).mean()) / 0.14 / contrast))
        order = datasets._recoloured(x, random.Random(seed), 0.5).mean((1, 2))
        swapped += order.tolist() != sorted(order.tolist())
    contrasts, saturations = zip(*found, strict=True)
    assert 0.599 < min(contrasts) < 0.63 and 1.37 < max(contrasts) < 1.401
    assert 0.399 < min(saturations) < 0.43 and 1.47 < max(saturations) < 1.501
    assert swapped / 400 == pytest.approx(0.5 * 0.15 * 5 / 6, abs=0.03)
    harsh = torch.rand(3, 8, 8, generator=rng).round()
    made = torch.stack([datasets._recoloured(harsh, random.Random(seed), 1.0) for seed in range(50)])
    assert float(made.min()) == 0 and float(made.max()) == 1


def test_hidden_files_are_not_learned_from_and_every_format_is(tmp_path: Path):
    """A notebook's copies and macOS' ._ files are no photographs."""
    for name in ("a.png", "b.gif", "c.jfif", ".d.png", ".ipynb_checkpoints/a-checkpoint.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        nst.save_image(torch.rand(3, 8, 8), tmp_path / name)
    (tmp_path / "notes.txt").write_text("not a picture")
    assert [f.name for f in picture_files(tmp_path)] == ["a.png", "b.gif", "c.jfif"]
    only = tmp_path / ".ipynb_checkpoints"
    (only / "a-checkpoint.png").rename(only / ".a.png"), (only / "b.txt").write_text("")
    with pytest.raises(ValueError, match=r"holds no pictures .*; passed over: 2 files: 1 .txt, 1 hidden"):
        picture_files(only)
    with pytest.raises(FileNotFoundError, match="a.png: is a file, expected a folder of pictures"):
        picture_files(tmp_path / "a.png")


@pytest.mark.skipif(os.name == "nt", reason="Windows' names are letters")
def test_a_files_name_may_be_any_bytes(tmp_path: Path):
    file = tmp_path / os.fsdecode(b"\xff.png")
    nst.save_image(torch.rand(3, 16, 16), file)
    crops = Crops(picture_files(tmp_path), 8, read=8)
    assert crops(0, range(2)).content.shape == (2, 3, 8, 8)
    assert crops.identity["files"] == hashlib.sha256(b"\xff.png %d" % file.stat().st_size).hexdigest()
