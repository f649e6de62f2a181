"""Paint with the papers' own network, as far as it is at hand: data/pictures/computed/classics.jpg, for lesson 03.

    python data/make/real_network.py --teacher FOLDER [--size 512] [--evaluations 40]

Two shipped photographs and two paintings that the papers' figures show, by the course's recipe: a sheet of two rows, with the
painting in the first column and the result in the second.

The network is not VGG-19 all the way up: it is the real VGG-19 up to relu3_4 and above it the 16x VGG-19 of Collaborative
Distillation, itself a student of VGG-19. Content at relu4_2 and style at relu4_1 and relu5_1 are that student's. FOLDER holds both
(see teachers.py); NST_CACHE names the folder of the downloaded paintings. At 512 px an evaluation takes some two seconds on a core.
"""

import argparse
import json
from pathlib import Path

import torch
from teachers import Teachers
from torch import Tensor

import nst
from nst.gatys import GatysConfig, stylize

PAIRS = {"The Starry Night": ("rocket", "starry_night"), "The Great Wave": ("coffee", "great_wave")}
FOLDER = Path(__file__).resolve().parents[1] / "pictures" / "computed"


def middle(picture: Tensor, size: int) -> Tensor:
    """The middle of a picture, as large a part as has the sides 2 : 3, as (1, 3, size, 3/2 size)."""
    height, width = picture.shape[-2:]
    high, wide = min(height, round(width / 1.5)), min(width, round(height * 1.5))
    top, left = (height - high) // 2, (width - wide) // 2
    return nst.images.resize(picture[..., top : top + high, left : left + wide], (size, size * 3 // 2))


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--teacher", type=Path, required=True)
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--evaluations", type=int, default=40, help="at each of three sizes")
    p.add_argument("--output", type=Path, default=FOLDER)
    a = p.parse_args()
    a.output.mkdir(parents=True, exist_ok=True)
    network = Teachers(a.teacher, "zeros").to(memory_format=torch.channels_last)
    config, sheet, found = GatysConfig.default(evaluations=a.evaluations, precision="bfloat16"), [], []
    for content_name, style_name in PAIRS.values():
        content, style = (middle(nst.assets.picture(name), a.size) for name in (content_name, style_name))
        best = {"total": float("inf")}

        def note(step: int, parts: dict[str, float], picture: Tensor, best: dict[str, float] = best) -> None:
            print(step, round(parts["total"], 4), flush=True)
            if picture.shape[-2] == a.size and parts["total"] < best["total"]:
                best.update(parts)

        sheet.append(torch.cat([style, stylize(content, style, config=config, encoder=network, callback=note)], -1))
        found.append([{}, {k: round(v, 4) for k, v in best.items()}])
        nst.save_image(torch.cat(sheet, -2), a.output / "classics.jpg")
        facts = json.loads((a.output / "computed.json").read_text()) if (a.output / "computed.json").is_file() else {}
        facts["classics"] = {"rows": list(PAIRS)[: len(sheet)], "columns": ["the painting", "VGG-19 to relu3_4, a student above"],
                             "losses": found, "evaluations": a.evaluations, "recipe": "data/make/real_network.py"}  # fmt: skip
        (a.output / "computed.json").write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
