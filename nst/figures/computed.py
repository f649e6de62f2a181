"""Pictures that a lesson shows and does not compute, since they take minutes or a network that does not ship.

Each names the program in `data/make/` that made it, with this library. `data/pictures/computed/computed.json` has the facts.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from nst import assets
from nst.images import load_image
from nst.support.arguments import unknown


@dataclass(frozen=True)
class Sheet:
    """A sweep: pictures[i][j] (1, 3, H, W) belongs to rows[i] and columns[j]; losses[i][j] are what its search ended with."""

    rows: list[str]
    columns: list[str]
    pictures: list[list[Tensor]]
    losses: list[list[dict[str, float]]]
    recipe: str  # the program that made it


def names() -> list[str]:
    """All of them, single pictures and sheets."""
    return sorted(path.stem for path in _folder().glob("*.jpg"))


def picture(name: str) -> Tensor:
    """One picture (1, 3, H, W), RGB in [0, 1]. ValueError: no such name."""
    return load_image(_file(name))


def sheet(name: str) -> Sheet:
    """A sweep, taken apart into its tiles. ValueError: no such name."""
    file = _file(name)
    told = facts(name)
    rows, columns = len(told["rows"]), len(told["columns"])
    strips = load_image(file).chunk(rows, dim=2)
    return Sheet(told["rows"], told["columns"], [list(s.chunk(columns, dim=3)) for s in strips], told["losses"], told["recipe"])


def facts(name: str) -> dict:
    """What a program measured, as computed.json has it: of a sheet, or figures without pictures. ValueError: no such name."""
    known = json.loads((_folder() / "computed.json").read_text(encoding="utf-8"))
    if name not in known:
        raise unknown("facts", name, known)
    return known[name]


def _folder() -> Path:
    return assets.data_folder() / "pictures" / "computed"


def _file(name: str) -> Path:
    if name not in names():
        raise unknown("computed picture", name, names())
    return _folder() / f"{name}.jpg"
