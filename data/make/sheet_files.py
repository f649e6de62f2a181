"""What the programs of data/make share: sheets of computed pictures and their facts, as `nst.figures.computed` reads them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path

import torch

import nst

FOLDER = Path(__file__).resolve().parents[1] / "pictures" / "computed"


def write_sheets(known: dict[str, Callable[[], dict]], recipe: str, description: str) -> None:
    """The command line: NAME.jpg and its facts in computed.json for each name given.

    known: functions that give rows, columns, further facts, and "made", rows of (picture (1, 3, H, W), losses).
    """
    p = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("names", nargs="+", choices=known)
    p.add_argument("--output", type=Path, default=FOLDER)
    a = p.parse_args()
    a.output.mkdir(parents=True, exist_ok=True)
    file = a.output / "computed.json"
    for name in a.names:
        sheet = known[name]()
        made = sheet.pop("made")
        nst.save_image(torch.cat([torch.cat([tile for tile, _ in row], -1) for row in made], -2), a.output / f"{name}.jpg")
        facts = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
        facts[name] = {**sheet, "losses": [[losses for _, losses in row] for row in made], "recipe": recipe}
        file.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        print(name, flush=True)
