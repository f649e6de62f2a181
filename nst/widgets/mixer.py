"""Mixer: the one-pass methods under one's fingers."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nst import assets, wct
from nst.images import resize
from nst.support.arguments import check_choice
from nst.widgets.explorer_model import tiles
from nst.widgets.mixer_model import BRUSHES, CORNERS, AdaINMix, FastMix, WCTMix, corner_weights, knows_strength
from nst.widgets.parts import (
    Chooser,
    Panel,
    Picture,
    Source,
    Upload,
    button,
    choice,
    column,
    mask_of,
    named,
    one_of,
    share,
    show_if,
    tick,
)
from nst.widgets.work import Token

METHODS = [("AdaIN", "adain"), ("WCT", "wct"), ("Trained styles", "fast")]
PAD_SIZE = 112  # pixels of a style in its corner


class Mixer(Panel):
    """`nst.widgets.mixer(content, styles)`: up to four styles in the corners of a square, mixed where one points.

    content: a picture (1, 3, H, W) or a name.   styles: up to four of them, or {title: picture}.   size: shorter side in pixels.
    method: with which it begins, "adain", "wct" or "fast" (the trained styles).
    AdaIN has one alpha and WCT one for each level; the trained styles have their strength. A mask, drawn or uploaded, says where.
    `picture` is the latest result. ValueError: an unknown name or method, or more than four styles.
    """

    title = "Mixer"
    hint = "Move the ring between the styles, and the sliders; draw where to paint."

    def __init__(self, content: Source = "astronaut", styles: Sequence[Source] | Mapping[str, Tensor] | None = None,
                 size: int = 256, method: str = "adain"):  # fmt: skip
        check_choice("method", method, [value for _, value in METHODS])
        super().__init__()
        self.size, self.mixes = size, {}
        self.styles = named(styles, assets.styles()[:4], size)
        if not 1 <= len(self.styles) <= len(CORNERS):
            raise ValueError(f"styles: expected one to four, got {len(self.styles)}")
        self.photo = Chooser("Photograph", "content", content, self.line.say)
        self.method = one_of("Method", METHODS, method)
        self.pad = Picture(mode="point", alt="Mixture of the styles: arrow keys move between the corners")
        self.pad.add_class("nst-small")
        self.pad.show(_pad_of(list(self.styles.values())))
        self.alpha = share("Alpha", 1.0)
        self.levels = {level: share(f"Level {level}, relu{level}_1", 1.0 if level in wct.DEFAULT else 0.0) for level in wct.LEVELS}
        self.style = choice("Style", assets.shipped_styles())
        self.strength = share("Strength", 1.0)
        self.brush, self.texture = one_of("Brush", BRUSHES), share("Texture in flat places", 0.0)
        self.view = Picture(mode="draw", alt="The painted picture; with a mask, arrow keys move the brush and space paints")
        self.masked, self.erasing = tick("Paint only where I draw"), tick("Erase")
        help = "Upload a mask: a grey picture, painted where it is white"
        self.mask_file = Upload("Upload a mask", help, self.take_mask, self.line.say, mask_of)
        self.mask_tools = column(self.erasing, button("Clear", self._clear_mask), self.mask_file, kind="tools")
        tools = column(button("Download", self._download), self.masked, self.mask_tools, kind="tools")
        stage = column(self.view, tools, kind="stage-column")
        self.options = {
            column(self.pad): ("adain", "wct"), column(self.alpha): ("adain",), column(*self.levels.values()): ("wct",),
            column(self.style, self.strength): ("fast",),
        }  # fmt: skip
        controls = column(self.photo, self.method, *self.options, self.brush, self.texture, kind="controls")
        self.fill(column(stage, controls, kind="body"))
        self._listen()
        self._take_photo()
        self.worker.settle()

    # --- what happens ---

    def _listen(self) -> None:
        for slider in (self.alpha, self.strength, self.style, self.texture, *self.levels.values()):
            slider.observe(lambda _: self.refresh(), "value")
        self.pad.observe(lambda _: self.refresh(), "place")
        self.method.observe(lambda _: self.refresh(), "value")
        self.brush.observe(lambda _: self.refresh(), "value")
        self.masked.observe(lambda _: self.refresh(), "value")
        self.view.observe(lambda _: self.refresh() if self.masked.value else None, "mask")
        self.erasing.observe(lambda change: setattr(self.view, "erasing", change["new"]), "value")
        self.photo.on_change(self._take_photo)

    def _take_photo(self) -> None:
        self.content, self.mixes = self.photo.picture(self.size), {}
        self.picture = self.content
        self.view.show_grid_of(self.content)
        self.refresh()

    def refresh(self) -> None:
        """Show what the controls say, and paint it on the worker's thread."""
        method = self.method.value
        for box, methods in self.options.items():
            show_if(method in methods, box)
        self.view.drawing = self.masked.value
        show_if(self.masked.value, self.mask_tools)
        weights = corner_weights(self.pad.place, len(self.styles))
        self.pad.spoken = self.pad.caption = ", ".join(f"{name} {w:.0%}" for name, w in zip(self.styles, weights) if w >= 0.005)
        self.strength.disabled = not knows_strength(self.style.value)
        mask = self.view.mask_for(self.content) if self.masked.value else None
        amounts = {
            "adain": (self.alpha.value, weights), "wct": ({k: s.value for k, s in self.levels.items()}, weights),
            "fast": (self.style.value, self.strength.value),
        }[method]  # fmt: skip
        content, mixes, where = self.content, self.mixes, (mask, self.brush.value, self.texture.value)
        self.worker.request(lambda token: self._paint(token, method, content, mixes, amounts, *where))

    def _paint(self, token: Token, method: str, content: Tensor, mixes: dict, amounts: tuple, mask: Tensor | None,
               brush: int, texture: float) -> None:  # fmt: skip
        """On the worker's thread. `mixes` keeps the features of this photograph."""
        began = time.perf_counter()
        if method not in mixes:
            styles = list(self.styles.values())
            mixes[method] = {"adain": AdaINMix, "wct": WCTMix}[method](content, styles) if method != "fast" else FastMix(content)
        nothing_drawn = mask is not None and not mask.any()
        self.picture = content if nothing_drawn else mixes[method].paint(*amounts, mask, brush, texture)
        token.check()
        self.view.show(self.picture)
        label = dict((value, label) for label, value in METHODS)[method]
        self.line.say("Draw on the picture." if nothing_drawn else f"{label}: {time.perf_counter() - began:.2f} s")

    def _clear_mask(self) -> None:
        self.view.mask = bytes(len(self.view.mask))

    def take_mask(self, name: str, picture: Tensor) -> None:
        """Use a mask (1, 1, H, W), or a picture's grey, stretched over the photograph."""
        width, height = self.view.grid
        grey = resize(picture, (height, width)).mean(1)
        self.view.mask = (grey * 255).round().to(torch.uint8).numpy().tobytes()

    def _download(self) -> None:
        self.view.save(self.picture, "mixed.png")

    def still(self) -> dict[str, Tensor]:
        corners = {"styles in their corners": _pad_of(list(self.styles.values()), self.content.shape[-2] // 2)}
        return {"photograph": self.content, **(corners if len(self.styles) == 4 else self.styles), "mixed": self.picture}


def _pad_of(styles: list[Tensor], size: int = PAD_SIZE) -> Tensor:
    """The styles as squares of `size` pixels in their corners."""
    squares = []
    for style in styles:
        side = min(style.shape[-2:])
        top, left = ((n - side) // 2 for n in style.shape[-2:])
        squares.append(resize(style[..., top : top + side, left : left + side], size))
    return tiles(squares, columns=min(2, len(squares)), gap=0)
