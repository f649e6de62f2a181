"""Layer explorer: what the encoder sees where one points."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from nst.vgg import VGG19
from nst.widgets.explorer_model import LAYERS, Layers, heat, in_groups, receptive_field, tiles
from nst.widgets.mixer_model import encoder as lite
from nst.widgets.parts import Chooser, Line, Panel, Picture, Slider, Source, choice, column
from nst.widgets.work import Token

MAPS, COLUMNS = 8, 4  # feature maps shown for the place pointed at


class Explorer(Panel):
    """`nst.widgets.explorer(picture)`: point at the picture; see what a unit sees there, and which feature maps answer.

    picture: (1, 3, H, W) or a name.   encoder: the lite one if None.   size: shorter side in pixels.
    Two feature maps, chosen among the maps, in the Gram matrix or by sliders, are shown with their product, whose mean is the Gram
    entry. ValueError: an unknown name.
    """

    title = "Layer explorer"
    hint = "Point at the picture. The frame is what one unit of the layer sees; beside it are the maps that answer most there."

    def __init__(self, picture: Source = "chelsea", encoder: VGG19 | None = None, size: int = 256):
        super().__init__()
        self.encoder, self.size, self.drawn = encoder or lite(), size, {}
        self.photo = Chooser("Photograph", "content", picture, self.line.say)
        self.layer = choice("Layer", LAYERS, "relu3_1")
        self.view = Picture(mode="point", alt="The photograph: arrow keys move the unit that is looked at")
        self.maps = Picture(mode="point", place=[0.1, 0.2], alt="Feature maps that answer most there: choose the first channel")
        self.gram = Picture(mode="point", alt="Gram matrix: choose an entry")
        self.gram.add_class("nst-pixels")
        self.channels, self.setting = (0, 0), 0  # the two chosen; the thread that is setting the controls, if any
        self.first, self.second = (Slider(label=f"{name} channel", step=1, max=1) for name in ("First", "Second"))
        self.pair = [Picture() for _ in range(3)]
        self.entry = Line()
        stage = column(self.view, self.maps, kind="stage-column")
        chosen = column(self.photo, self.layer, kind="row")
        entry = column(self.gram, column(self.first, self.second, self.entry), kind="halves")
        controls = column(chosen, entry, column(*self.pair, kind="pair"), kind="controls")
        self.fill(column(stage, controls, kind="body"))
        self._take_photo()
        self.worker.settle()
        self._listen()

    def _listen(self) -> None:
        self.photo.on_change(self._take_photo)
        self.layer.observe(lambda _: self.choose(*self.channels), "value")
        self.view.observe(lambda _: self.refresh(), "place")
        self.maps.observe(self._map_chosen, "place")
        self.gram.observe(self._entry_chosen, "place")
        for slider in (self.first, self.second):
            slider.observe(self._slider_moved, "value")

    def _take_photo(self) -> None:
        picture = self.photo.picture(self.size)
        self.worker.request(lambda token: self._read(picture))

    def _read(self, picture: Tensor) -> None:
        """On the worker's thread."""
        self.picture, self.layers, self.shown_gram = picture, Layers(picture, self.encoder), None
        self.view.show(picture)
        first, second, *_ = self.layers.strongest(self.layer.value, self.layers.unit(self.layer.value, self.view.place))
        self.choose(first, second)

    # --- the two channels, which sliders, matrix and maps all choose ---

    def choose(self, first: int, second: int) -> None:
        """Take these two channels, or the last ones where the layer has fewer."""
        count = len(self.layers.features[self.layer.value])
        self.channels = first, second = min(first, count - 1), min(second, count - 1)
        self.setting = threading.get_ident()
        try:
            for slider, channel in ((self.first, first), (self.second, second)):
                slider.max, slider.value = count - 1, channel
            if self._entry_at(self.gram.place) != (first, second):
                self.gram.place = [(second + 0.5) / count, (first + 0.5) / count]
        finally:
            self.setting = 0
        self.refresh()

    def _entry_at(self, place: list[float]) -> tuple[int, int]:
        """Row and column of the Gram matrix at a place (x, y)."""
        count = len(self.layers.features[self.layer.value])
        column, row = (min(int(share * count), count - 1) for share in place)
        return row, column

    def _slider_moved(self, change: dict) -> None:
        if self.setting != threading.get_ident():
            self.choose(int(self.first.value), int(self.second.value))

    def _entry_chosen(self, change: dict) -> None:
        if self.setting != threading.get_ident():
            self.choose(*self._entry_at(change["new"]))

    def _map_chosen(self, change: dict) -> None:
        x, y = change["new"]
        rows = -(-len(self.strongest) // COLUMNS)
        k = min(int(y * rows), rows - 1) * COLUMNS + min(int(x * COLUMNS), COLUMNS - 1)
        self.choose(self.strongest[min(k, len(self.strongest) - 1)], self.channels[1])

    # --- what is shown ---

    def refresh(self) -> None:
        """Show what the controls say, on the worker's thread."""
        layer, place, channels = self.layer.value, list(self.view.place), self.channels
        self.worker.request(lambda token: self._paint(token, layer, place, channels))

    def _paint(self, token: Token, layer: str, place: list[float], channels: tuple[int, int]) -> None:
        """On the worker's thread."""
        features, unit = self.layers.features[layer], self.layers.unit(layer, place)
        self.view.box = self.layers.field(layer, unit)
        self.strongest = self.layers.strongest(layer, unit, MAPS)
        self.drawn["maps"] = tiles([heat(features[channel]) for channel in self.strongest], COLUMNS)
        self.maps.show(self.drawn["maps"])
        self.maps.caption = f"{layer} at row {unit[0]}, column {unit[1]}: channels {', '.join(map(str, self.strongest))}"
        size, stride = receptive_field(layer)
        self.view.caption = self.view.spoken = f"One unit of {layer} sees {size} x {size} px; the next looks {stride} px further."
        if self.shown_gram != layer:
            self.shown_gram, self.drawn["gram"] = layer, heat(self.layers.correlations(layer), 192)
            self.gram.show(self.drawn["gram"])
            self.gram.caption = f"Gram matrix of {layer}, {len(features)} x {len(features)}, as cosines"
        token.check()
        self._show_pair(layer, *channels)

    def _show_pair(self, layer: str, first: int, second: int) -> None:
        one, other = self.layers.features[layer][first], self.layers.features[layer][second]
        captions = (f"map {first}", f"map {second}", "their product")
        for view, values, caption in zip(self.pair, (one, other, one * other), captions, strict=True):
            view.show(heat(values))
            view.caption, view.alt = caption, f"{caption} of {layer}"
        value, correlation = (float(m[first, second]) for m in (self.layers.gram(layer), self.layers.correlations(layer)))
        self.entry.say(f"Gram entry ({first}, {second}) = mean of the product = {value:.4g}; cosine {correlation:.2f}")

    def still(self) -> dict[str, Tensor]:
        return {"picture": _with_frame(self.picture, self.view.box), "maps that answer there": self.drawn["maps"],
                "cosines of channels": heat(in_groups(self.layers.correlations(self.shown_gram)), 192)}  # fmt: skip


def _with_frame(picture: Tensor, box: list[float]) -> Tensor:
    """The picture, darker outside a box (left, top, right, bottom in shares of it)."""
    height, width = picture.shape[-2:]
    left, top, right, bottom = (round(share * side) for share, side in zip(box, (width, height, width, height)))
    inside = torch.zeros(1, 1, height, width)
    inside[..., top:bottom, left:right] = 1
    return picture * (0.45 + 0.55 * inside)
