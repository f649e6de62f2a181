"""nst.figures.computed: sheets taken apart, names, and the files that ship."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

import nst
from nst.figures import computed


def test_a_sheet_is_taken_apart_into_its_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "pictures" / "computed").mkdir(parents=True)
    monkeypatch.setattr(nst.assets, "data_folder", lambda: tmp_path)
    tiles = torch.arange(6).reshape(2, 3, 1, 1, 1) / 6 + torch.zeros(2, 3, 3, 16, 24)  # 2 rows of 3 flat greys
    whole = torch.cat([torch.cat(list(row), -1) for row in tiles], -2)
    nst.save_image(whole, tmp_path / "pictures" / "computed" / "greys.jpg")
    facts = {"greys": {"rows": ["a", "b"], "columns": ["1", "2", "3"], "losses": [[{}] * 3] * 2, "recipe": "data/make/x.py"}}
    (tmp_path / "pictures" / "computed" / "computed.json").write_text(json.dumps(facts))
    sheet = computed.sheet("greys")
    assert [len(row) for row in sheet.pictures] == [3, 3] and sheet.pictures[1][2].shape == (1, 3, 16, 24)
    for row, expected in zip(sheet.pictures, tiles, strict=True):
        for tile, grey in zip(row, expected, strict=True):
            torch.testing.assert_close(tile[0], grey, atol=0.02, rtol=0)


def test_what_ships_has_its_facts():
    facts = json.loads((nst.assets.data_folder() / "pictures" / "computed" / "computed.json").read_text())
    for name in facts:
        assert (Path(nst.__file__).parents[1] / computed.facts(name)["recipe"]).is_file()
        if "columns" not in facts[name]:  # figures without pictures
            continue
        sheet = computed.sheet(name)
        shapes = {tuple(tile.shape) for row in sheet.pictures for tile in row}
        assert len(shapes) == 1, f"{name}: its tiles differ in size"
        assert [len(row) for row in sheet.losses] == [len(sheet.columns)] * len(sheet.rows)


def test_unknown_names_are_told_the_known_ones():
    with pytest.raises(ValueError, match="unknown computed picture 'layer_weights'.*did you mean"):
        computed.picture("layer_weights")
    with pytest.raises(ValueError, match="unknown facts 'pair'.*did you mean"):
        computed.facts("pair")
