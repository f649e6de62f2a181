"""Studio: any method on any picture, seen while it works."""

from __future__ import annotations

import time
from dataclasses import replace

import ipywidgets
import torch
from torch import Tensor

from nst import assets, wct
from nst.gatys import GatysConfig
from nst.texture import AMOUNT
from nst.widgets.curves import bar, curves
from nst.widgets.mixer_model import BRUSHES, AdaINMix, FastMix, WCTMix, encoder, knows_strength
from nst.widgets.parts import Chooser, Panel, Picture, Slider, Source, button, choice, column, one_of, share, show_if, tick
from nst.widgets.search import Search
from nst.widgets.work import Token, stoppable

METHODS = [("Gatys", "gatys"), ("Trained", "fast"), ("AdaIN", "adain"), ("WCT", "wct")]
STARTS = [("Photograph", "content"), ("Style", "style"), ("Noise", "noise"), ("This result", "result")]
CONTENT_LAYERS = ("relu2_2", "relu3_2", "relu3_3", "relu4_2")
STYLE_LAYERS = ("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1")
SIZES = (128, 192, 256, 384, 512)
EVERY = 0.25  # seconds between two pictures on the screen


def _weight(label: str, value: float, low: float, high: float) -> Slider:
    """A slider for a weight, which reaches the value that it starts with; 0 at its left end."""
    return Slider(label=label, value=value, min=min(low, value or low), max=max(high, value), log=True, off=True)


def _ticks(usual: tuple[str, ...], chosen: tuple[str, ...]) -> dict[str, ipywidgets.Checkbox]:
    """Boxes to tick for the usual layers and those of a recipe, from shallow to deep."""
    return {name: tick(name, name in chosen) for name in sorted({*usual, *chosen}, key=lambda name: (name[4:], name))}


def _ticked(boxes: dict[str, ipywidgets.Checkbox], chosen: tuple[str, ...]) -> tuple[str, ...]:
    """The layers that are ticked: those of the recipe in its own order, then the others."""
    return tuple(sorted((name for name, box in boxes.items() if box.value),
                        key=lambda name: chosen.index(name) if name in chosen else len(chosen)))  # fmt: skip


class Studio(Panel):
    """`nst.widgets.studio()`: choose or upload a photograph and a style, run a method, and watch.

    content, style: pictures (1, 3, H, W) or names.   config: what Gatys' method starts with, `GatysConfig.default()` if None; what
    has no control here stays as it is in it, and so does each style layer's own weight.   made: a picture (1, 3, H, W) that a page
    without a kernel shows; None: what one pass gives.
    Weights and layers may change while it runs: the search goes on from its best picture under the new ones. It can be paused, and
    stops within a second. `picture` is the latest result, `losses` those of every evaluation. ValueError: an unknown name.
    """

    title = "Studio"
    hint = "Choose a photograph and a style, run, and move the weights while it runs."

    def __init__(
        self, content: Source = "astronaut", style: Source = "night_orchard", config: GatysConfig | None = None, size: int = 256,
        made: Tensor | None = None,
    ):  # fmt: skip
        super().__init__()
        self.made = made
        self.config = config or GatysConfig.default()
        self.search: Search | None = None
        self.losses: dict[str, list[float]] = {}
        self.photo = Chooser("Photograph", "content", content, self.line.say)
        self.style = Chooser("Style", "style", style, self.line.say)
        self.method = one_of("Method", METHODS)
        self.size = choice("Size, shorter side in pixels", sorted({*SIZES, size}), size)
        self._make_gatys_options()
        self.amount = share("Amount", 1.0)
        self.brush, self.texture = one_of("Brush", BRUSHES), share("Texture in flat places", AMOUNT)
        self.one_pass_options = column(self.amount, self.brush, self.texture)
        self.view = Picture(alt="The picture as it is now")
        self.progress, self.curves = ipywidgets.HTML(), ipywidgets.HTML(curves({}))
        self.run_button, self.pause_button = button("Run", self.run, main=True), button("Pause", self.pause)
        self.stop_button, self.save_button = button("Stop", self.stop), button("Download", self._download)
        buttons = column(self.run_button, self.pause_button, self.stop_button, self.save_button, kind="row")
        stage = column(self.view, self.progress, buttons, self.curves, kind="stage-column")
        options = column(self.one_pass_options, self.gatys_options)
        controls = column(self.photo, self.style, self.method, self.size, options, kind="controls")
        self.fill(column(stage, controls, kind="body"))
        self._listen()
        self._method_chosen()
        self._show_start()

    def _make_gatys_options(self) -> None:
        config = self.config
        self.content_weight = _weight("Content weight", config.content_weight, 0.01, 100.0)
        self.style_weight = _weight("Style weight", config.style_weight, 0.1, 1000.0)
        self.match_weight = _weight("Match weight", config.match_weight, 0.1, 20.0)
        self.tv_weight = _weight("Total variation weight", config.tv_weight, 0.01, 100.0)
        self.content_layers = _ticks(CONTENT_LAYERS, config.content_layers)
        self.style_layers = _ticks(STYLE_LAYERS, config.style_layers)
        self.start = one_of("Start from", STARTS, config.start)
        least, most = min(10, config.evaluations), max(400, config.evaluations)
        self.evaluations = Slider(label="Evaluations per scale", value=config.evaluations, min=least, max=most, step=10)
        ticks = [
            column(ipywidgets.Label(text), column(*boxes.values(), kind="ticks"), kind="labelled")
            for text, boxes in (("Content from", self.content_layers), ("Style from", self.style_layers))
        ]
        sliders = [self.style_weight, self.match_weight, self.content_weight, self.tv_weight]
        self.live = [*sliders, *self.content_layers.values(), *self.style_layers.values()]
        self.gatys_options = column(*sliders, *reversed(ticks), self.start, self.evaluations)

    # --- what happens ---

    def _listen(self) -> None:
        self.method.observe(lambda _: self._method_chosen(), "value")
        for control in self.live:
            control.observe(lambda _: self._recipe_changed(), "value")
        self.method.observe(self._own_texture, "value")
        self.photo.on_change(self._show_start)
        self.style.on_change(self._method_chosen)
        self.size.observe(lambda _: self._show_start(), "value")

    def _own_texture(self, change: dict) -> None:
        """What `nst.stylize` takes: a network may have learned a sky of its own."""
        self.texture.value = 0.0 if change["new"] == "fast" else AMOUNT

    def _method_chosen(self) -> None:
        method, style = self.method.value, self.style.name
        for box in (self.gatys_options, self.curves):
            show_if(method == "gatys", box)
        show_if(method != "gatys", self.one_pass_options)
        self.amount.label = "Strength" if method == "fast" else "Alpha"
        self.amount.disabled = method == "fast" and style in assets.shipped_styles() and not knows_strength(style)
        self._show_buttons()

    def _show_start(self) -> None:
        """The photograph, until there is something better to show."""
        if not self.worker.busy:
            self.picture = self.photo.picture(self.size.value)
            self.view.show(self.picture)
            self.progress.value = bar(0, "ready")

    def recipe(self) -> GatysConfig:
        """The recipe that the controls describe. ValueError: no layer is ticked."""
        config = self.config
        content = _ticked(self.content_layers, config.content_layers)
        style = _ticked(self.style_layers, config.style_layers)
        if not content or not style:
            raise ValueError("tick at least one layer for the content, and one for the style")
        own = dict(zip(config.style_layers, config.style_layer_weights or (), strict=False))  # a layer that is new gets their mean
        weights = tuple(own.get(layer, sum(own.values()) / len(own)) for layer in style) if own else None
        return replace(
            config, content_layers=content, style_layers=style, content_weight=self.content_weight.value,
            style_weight=self.style_weight.value, match_weight=self.match_weight.value, tv_weight=self.tv_weight.value,
            evaluations=int(self.evaluations.value),
            style_layer_weights=weights, start="content" if self.start.value == "result" else self.start.value,
        )  # fmt: skip

    def _recipe_changed(self) -> None:
        """A running search goes on under the new recipe."""
        if self.search is not None and self.worker.busy:
            try:
                self.search.config = replace(self.recipe(), evaluations=self.search.config.evaluations)
            except ValueError as error:
                self.line.say(str(error), wrong=True)

    def run(self) -> None:
        """Start the chosen method on the worker's thread."""
        if not self.worker.wait(0.3):
            return
        method, amount, name, size = self.method.value, self.amount.value, self.style.name, self.size.value
        strokes = {"brush": self.brush.value, "texture": self.texture.value}
        if method == "fast" and name not in assets.shipped_styles():
            self.line.say(f"no network ships for {name}; AdaIN and WCT paint any style, and Gatys does", wrong=True)
            return
        content, style = self.photo.picture(size), self.style.picture(size)
        self.line.say("")
        if method != "gatys":
            work = lambda token: self._one_pass(token, method, name, content, style, amount, strokes)  # noqa: E731
        else:
            try:
                start = self.picture if self.start.value == "result" and self.picture.shape == content.shape else None
                self.search = Search(content, style, self.recipe(), encoder(), start)
            except ValueError as error:
                return self.line.say(str(error), wrong=True)
            self.losses = {}
            work = self._search
        self._show_buttons(running=True)  # before it starts: it may be over at once
        self.worker.request(lambda token: self._run(token, work))

    def pause(self) -> None:
        """Pause, or go on."""
        token = self.worker.token
        token.resume() if token.paused else token.pause()
        self._show_buttons()
        self.line.say("paused; weights may be changed" if token.paused else "")

    def stop(self) -> None:
        """Stop; the picture found so far stays."""
        self.worker.stop()
        self.line.say("stopping")

    def _show_buttons(self, running: bool | None = None) -> None:
        running = self.worker.busy if running is None else running
        self.run_button.disabled = running
        self.stop_button.disabled = not running
        self.pause_button.disabled = not running or self.search is None or self.method.value != "gatys"
        self.pause_button.description = "Resume" if running and self.worker.token.paused else "Pause"
        for control in (
            self.method,
            self.size,
            self.start,
            self.evaluations,
            self.photo.menu,
            self.style.menu,
            self.photo.upload,
            self.style.upload,
        ):
            control.disabled = running

    # --- on the worker's thread ---

    def _run(self, token: Token, work) -> None:
        began = time.perf_counter()
        try:
            work(token)
        finally:
            self._show_buttons(running=False)
            self.view.show(self.picture)
            self.line.say(f"{'stopped' if token.stopped else 'done'} after {time.perf_counter() - began:.1f} s")

    def _search(self, token: Token) -> None:
        search, shown, began = self.search, 0.0, time.perf_counter()

        def told(losses: dict[str, float], picture: Tensor) -> None:
            nonlocal shown
            for name, value in losses.items():
                self.losses.setdefault(name, []).append(value)
            now = time.perf_counter()
            if now - shown > EVERY:
                shown = now
                left = (now - began) / search.done * (search.total - search.done)
                text = f"evaluation {search.done} of {search.total}, {left:.0f} s left"
                self.progress.value = bar(search.done / search.total, text)
                self.curves.value = curves(self.losses)
                self.view.show(picture)

        try:
            search.run(token, told)
        finally:
            self.picture = self.picture if search.picture is None else search.picture.cpu()
            self.progress.value = bar(search.done / search.total, f"evaluation {search.done} of {search.total}")
            self.curves.value = curves(self.losses)

    @torch.no_grad()
    def _one_pass(self, token: Token, method: str, name: str, content: Tensor, style: Tensor, amount: float,
                  strokes: dict) -> None:  # fmt: skip
        with stoppable(token, encoder()):
            if method == "fast":
                self.picture = FastMix(content).paint(name, amount, **strokes)
            elif method == "adain":
                self.picture = AdaINMix(content, [style]).paint(amount, [1.0], **strokes)
            else:
                self.picture = WCTMix(content, [style]).paint(dict.fromkeys(wct.DEFAULT, amount), [1.0], **strokes)
        self.progress.value = bar(1, "one pass")

    def _download(self) -> None:
        self.view.save(self.picture, f"{self.photo.name}_{self.style.name}.png")

    def still(self) -> dict[str, Tensor]:
        content, style = self.photo.picture(256), self.style.picture(256)
        if self.made is not None:
            return {"photograph": content, "style": style, "made of both": self.made}
        trained = self.style.name in assets.shipped_styles()
        quick = FastMix(content).paint(self.style.name, 1.0) if trained else AdaINMix(content, [style]).paint(1.0, [1.0])
        return {"photograph": content, "style": style, "in one pass": quick}
