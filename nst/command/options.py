"""Options that several commands have, as typer reads them."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from nst import assets

SEVERAL = ("adain", "wct")  # methods that `nst export` knows: several files each


def complete_style(incomplete: str) -> list[str]:
    """The pictures' names that begin so, for the shell."""
    return [name for name in assets.names() if name.startswith(incomplete)]


def complete_network(incomplete: str) -> list[str]:
    """What `nst export` knows by name and begins so, for the shell."""
    return [name for name in (*assets.shipped_styles(), *SEVERAL) if name.startswith(incomplete)]


OnePass = Literal["fast", "adain", "wct"]
Out = Annotated[str, typer.Option("--output", "-o", help="A file; for several pictures a folder; - is standard output.")]
Styles = Annotated[list[str], typer.Option("--style", "-s", autocompletion=complete_style, help="A name (see `nst list`), a "
                   "picture's file or a trained network's. Several are mixed, or painted within a --mask each.")]  # fmt: skip
Amount = Annotated[float | None, typer.Option("--alpha", "--strength", min=0, max=1, help="0 is the photograph, 1 all style.")]
Brush = Annotated[int | None, typer.Option(min=1, max=4, help="fast, adain, wct: 1, 2 or 4 times the size of the strokes. Default "
                                           "for pictures: 2 where the shorter side is over 384 px.")]  # fmt: skip
Texture = Annotated[float | None, typer.Option(min=0, max=1, help="fast, adain, wct: how much of the style's texture lies under "
                                               "flat places, which stay empty else. Default for pictures: 0.15, with fast "
                                               "0.")]  # fmt: skip
HowChosen = typer.Option(help="Default: fast where a network of that name ships, else adain.")
Method = Annotated[OnePass | None, HowChosen]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.")]
MaxPixels = Annotated[int | None, typer.Option("--max-pixels", min=1, help="How many pixels a file may hold. Each takes 20 bytes "
                                               "of memory. Default: 150 million.")]  # fmt: skip
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object for each result.")]
Normalized = Annotated[bool, typer.Option("--normalized", help="fast: the network's file is of pictures normalised as ImageNet's.")]
KeepColour = Annotated[bool, typer.Option("--preserve-color", help="Keep the photograph's colours: paint its greys only.")]
