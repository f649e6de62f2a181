"""Paint one photograph with the papers' own network: data/pictures/computed/*.jpg, for lesson 03.

    python data/make/real_network.py --teacher FOLDER [--size 512]

The lite encoder is a student. So that a reader sees once what the papers' network does, the same photograph and painting meet at
512 px in three ways:

    chelsea_article_vgg19   the article's recipe on the layers it names, conv1_1 … conv3_1 of the real VGG-19
    chelsea_paper_vgg19     the course's recipe on the paper's layers: the real VGG-19 up to relu3_1, the 16x VGG-19 above
    chelsea_paper_lite      the same recipe on the lite encoder

FOLDER holds the two networks (see teachers.py). Some twenty minutes on two cores.
"""

import argparse
from pathlib import Path

from teachers import Teachers, real_vgg19

import nst
from nst import vgg
from nst.gatys import GatysConfig, stylize

CONTENT, STYLE = "chelsea", "night_orchard"
FOLDER = Path(__file__).resolve().parents[1] / "pictures" / "computed"


def article_network(folder: Path) -> nst.VGG19:
    """The real VGG-19, each filter with mean activation 1 over four photographs: about the scale that the weights are meant for."""
    network = real_vgg19(folder)
    layers = ["relu" + name[4:] for name in vgg.CONVOLUTIONS[:5]]
    photos = [nst.assets.picture(name, 256) for name in ("astronaut", "chelsea", "coffee", "rocket")]
    vgg.rescale_activations(network, vgg.mean_activations(network, photos, layers))
    return network


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--teacher", type=Path, required=True)
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--output", type=Path, default=FOLDER)
    p.add_argument("--only", nargs="+")
    a = p.parse_args()
    a.output.mkdir(parents=True, exist_ok=True)
    content, style = (nst.assets.picture(name, a.size) for name in (CONTENT, STYLE))
    recipes = {
        "article_vgg19": (GatysConfig.article(), lambda: article_network(a.teacher)),
        "paper_vgg19": (GatysConfig.default(), lambda: Teachers(a.teacher, "zeros")),
        "paper_lite": (GatysConfig.default(), lambda: nst.VGG19.load("lite")),
    }
    for name, (config, network) in recipes.items():
        if not a.only or name in a.only:
            nst.save_image(stylize(content, style, config=config, encoder=network()), a.output / f"{CONTENT}_{name}.jpg")
            print(name, flush=True)


if __name__ == "__main__":
    main()
