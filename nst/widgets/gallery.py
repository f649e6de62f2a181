"""Gallery: every shipped style on one picture."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from torch import Tensor

from nst import assets
from nst.images import resize
from nst.widgets.mixer_model import AdaINMix, FastMix, knows_strength
from nst.widgets.parts import Chooser, Panel, Picture, Source, button, column, share
from nst.widgets.work import Token

TILE = 128  # pixels of the shorter side of a small picture


class Gallery(Panel):
    """`nst.widgets.gallery(content)`: all shipped styles on a picture, small; pressing one shows it large.

    content: a picture (1, 3, H, W) or a name; one's own can be uploaded.   styles: names; all shipped ones if None.
    size: shorter side of the large picture.   Styles with a network are painted by it, the others by AdaIN.
    `picture` is the large one. ValueError: an unknown name, no style at all.
    """

    title = "Gallery"
    hint = "Upload a photograph, and press a style."

    def __init__(self, content: Source = "chelsea", styles: Sequence[str] | str | None = None, size: int = 384):
        names = _checked(styles)
        super().__init__()
        self.size, self.small = size, {}
        self.photo = Chooser("Photograph", "content", content, self.line.say)
        self.styles, titles = names, {name: title_of(name) for name in names}
        self.tiles = {name: Picture(mode="button", caption=title, alt=f"Paint as {title}") for name, title in titles.items()}
        for name, tile in self.tiles.items():
            tile.on_press(lambda name=name: self.choose(name))
        self.view = Picture(alt="The painted photograph")
        self.strength = share("Strength", 1.0)
        stage = column(self.view, self.strength, column(button("Download", self._download), kind="row"), kind="stage-column")
        self.fill(column(stage, column(self.photo, column(*self.tiles.values(), kind="tiles"), kind="controls"), kind="body"))
        self.photo.on_change(self._take_photo)
        self.strength.observe(lambda _: self.refresh(), "value")
        self.chosen = self.styles[0]
        self._take_photo()
        self.worker.settle()

    def _take_photo(self) -> None:
        self.content, self.small = self.photo.picture(self.size), {}
        self.choose(self.chosen)

    def choose(self, name: str) -> None:
        """Show a style large."""
        self.chosen = name
        for style, tile in self.tiles.items():
            tile.pressed = style == name
        self.refresh()

    def refresh(self) -> None:
        name, strength, content, small = self.chosen, self.strength.value, self.content, self.small
        self.strength.disabled = name in assets.shipped_styles() and not knows_strength(name)
        self.worker.request(lambda token: self._paint(token, name, strength, content, small))

    def _paint(self, token: Token, name: str, strength: float, content: Tensor, small: dict[str, Tensor]) -> None:
        """On the worker's thread: the large picture, then what small ones are still missing."""
        began = time.perf_counter()
        self.picture = paint(name, content, strength)
        token.check()
        self.view.show(self.picture)
        self.view.alt = f"The photograph painted as {title_of(name)}"
        self.line.say(f"{title_of(name)}: {time.perf_counter() - began:.2f} s")
        for style in self.styles:
            if token.superseded:
                return  # the newer order goes on with them
            token.check()
            if style not in small:
                small[style] = paint(style, resize(content, TILE), 1.0)
                self.tiles[style].show(small[style])

    def _download(self) -> None:
        self.view.save(self.picture, f"{self.chosen}.png")

    def still(self) -> dict[str, Tensor]:
        return {"photograph": self.content, **{title_of(name): picture for name, picture in self.small.items()}}


def _checked(styles: Sequence[str] | str | None) -> list[str]:
    """The names of the styles. ValueError: there are none, or an unknown one."""
    names = assets.styles() if styles is None else [styles] if isinstance(styles, str) else list(styles)
    if not names:
        raise ValueError("styles: expected the name of at least one style, got none")
    for name in names:
        assets.facts(name)
    return names


@torch.no_grad()
def paint(style: str, content: Tensor, strength: float) -> Tensor:
    """A shipped style on a picture (1, 3, H, W): by its network, where there is one, else by AdaIN with alpha = strength."""
    if style in assets.shipped_styles():
        return FastMix(content).paint(style, strength)
    return AdaINMix(content, [assets.picture(style, 256)]).paint(strength, [1.0])


def title_of(name: str) -> str:
    """A style's name in words."""
    return name.replace("_", " ").capitalize()
