"""Names become files: shipped, lent or downloaded; and a clear word where they don't."""

import hashlib
import json
import re

import pytest
import torch

import nst
from nst import assets

CLASSICS = {"tuebingen_neckarfront", "starry_night", "great_wave", "composition_vii"}


def catalogue():
    return json.loads((assets.data_folder() / "pictures" / "catalogue.json").read_text(encoding="utf-8"))


def test_names_and_styles():
    assert set(assets.styles()) <= set(assets.names()) and {"astronaut", "chelsea", "coffee", "rocket"} | CLASSICS <= set(
        assets.names()
    )
    assert len(assets.styles()) >= 3 and not CLASSICS & set(assets.styles())


@pytest.mark.parametrize("name", assets.styles())
def test_shipped_styles_are_as_the_catalogue_says(name):
    path = assets.path(name)
    assert hashlib.sha256(path.read_bytes()).hexdigest() == catalogue()[name]["sha256"]
    picture = assets.picture(name)
    assert min(picture.shape[-2:]) >= 512 and path.stat().st_size < 200_000
    assert float(picture.std()) > 0.12  # light against dark, not an empty sheet
    assert assets.picture(name, size=48).shape[-2:] >= (48, 48)


def test_shipped_styles_are_those_with_a_network():
    assert [name for name in assets.styles() if assets.style_file(name).is_file()] == assets.shipped_styles() != []
    assert assets.facts("chelsea")["licence"] == "CC0" and assets.facts("rose_window")["kind"] == "style"
    assets.facts("chelsea").clear()
    assert assets.facts("chelsea")  # a copy
    with pytest.raises(ValueError, match="did you mean 'chelsea'"):
        assets.facts("chelsy")


def test_every_file_in_the_pictures_folder_is_in_the_catalogue():
    folder = assets.data_folder() / "pictures"
    listed = {entry["file"] for entry in catalogue().values() if "file" in entry}
    there = {str(p.relative_to(folder).as_posix()) for p in folder.rglob("*.jpg")}
    assert listed == {name for name in there if not name.startswith("computed/")}  # those have tests/figures/test_computed.py


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket", "hubble"])
def test_scikit_images_photographs_need_no_download(name):
    assert assets.picture(name, size=32).shape[:2] == (1, 3)
    assert "(" in assets.credit(name)


def test_an_unknown_name_is_refused_with_the_nearest():
    with pytest.raises(ValueError, match="unknown picture 'stary_night': did you mean 'starry_night'"):
        assets.path("stary_night")
    with pytest.raises(ValueError, match="expected one of"):
        assets.picture("zzzz")


def test_classics_come_from_the_cache_checked(classics_cache):
    for name in CLASSICS:
        path = assets.path(name)
        assert path.parent.resolve() == (classics_cache / "images").resolve()
        assert hashlib.sha256(path.read_bytes()).hexdigest() == catalogue()[name]["sha256"]
    assert assets.picture("starry_night", 64).shape == (1, 3, 64, 81)


def refuse(*args, **kwargs):
    raise OSError("no route to host")


def test_without_a_network_the_error_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    monkeypatch.setattr("requests.get", refuse)
    with pytest.raises(ConnectionError) as caught:
        assets.picture("starry_night")
    for words in ("starry_night", "https://", str(tmp_path), "NST_CACHE", *assets.styles(), "chelsea"):
        assert words in str(caught.value)


def test_a_wrong_file_in_the_cache_is_not_used(tmp_path, monkeypatch):
    monkeypatch.setenv("NST_CACHE", str(tmp_path))
    monkeypatch.setattr("requests.get", refuse)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "starry_night.jpg").write_bytes(b"something else")
    with pytest.raises(ConnectionError, match="starry_night"):
        assets.picture("starry_night")


def test_downloads_are_pinned():
    for name, entry in catalogue().items():
        assert {"kind", "title", "author", "licence"} <= set(entry), name
        if "download" in entry:
            assert re.search(r"/[0-9a-f]{40}/", entry["download"]) and re.fullmatch(r"[0-9a-f]{64}", entry["sha256"]), name


def test_the_public_names_are_lazy_and_complete():
    for name in ("load_image", "save_image", "show", "VGG19", "gram_matrix", "ContentLoss", "StyleLoss",
                 "get_style_model_and_losses",
                 "GatysConfig", "device", "profile", "seed", "assets", "gatys", "losses"):  # fmt: skip
        assert getattr(nst, name) is not None and name in dir(nst)
    with pytest.raises(AttributeError, match="No nst attribute gram"):
        _ = nst.gram
    assert isinstance(nst.assets.picture("chelsea", 16), torch.Tensor)


def test_a_file_is_no_name(tmp_path):
    for name in ("photo.jpg", tmp_path, tmp_path / "photo.jpg"):
        with pytest.raises(ValueError, match="unknown picture .*nst.load_image for a file"):
            assets.picture(name)
