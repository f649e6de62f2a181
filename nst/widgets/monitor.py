"""Training monitor: losses, samples and the time left, while a network learns."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

import ipywidgets
import torch
from torch import Tensor, nn

from nst.decoders import LAYERS, Decoder, padded
from nst.support.runtime import device, no_progress
from nst.vgg import WIDTHS
from nst.widgets.curves import bar, curves, drawn
from nst.widgets.mixer_model import encoder
from nst.widgets.parts import Panel, Picture, Source, button, column, named, show_if
from nst.widgets.work import Token

EVERY = 0.4  # seconds between two drawings


class Monitor(Panel):
    """`watch = nst.widgets.monitor(steps)`, then `train(…, callback=watch)`: shows itself at once, and what the network paints.

    steps:   how many there will be.   samples: pictures or names that the network paints now and then; three photographs if None.
    every:   seconds between two paintings of the samples.   size: their shorter side.
    A Decoder paints what it gives back of them. Another network that has no `stylize` is watched by its losses alone.
    run:     a function of the callback, `lambda tell: train(…, callback=tell)`: then the widget has Start and Stop buttons, and the
        training runs on a thread of its own.
    `losses` are those so far, `keep()` puts them and the paintings into the page that is saved.
    ValueError: steps under 1, an unknown name.
    """

    title = "Training"
    hint = "What the network makes of photographs, and how far it is."

    def __init__(self, steps: int, samples: Sequence[Source] | None = None, every: float = 4.0, size: int = 128,
                 run: Callable[[Monitor], object] | None = None):  # fmt: skip
        super().__init__()
        if not isinstance(steps, int) or steps < 1:
            raise ValueError(f"steps={steps!r}: expected a whole number of at least 1")
        self.steps, self.every, self.run, self.losses = steps, every, run, {}
        self.samples = named(samples, ("chelsea", "astronaut", "coffee"), size)
        self.views = {name: Picture(alt=f"{name}, not painted yet", caption=name) for name in self.samples}
        for name, view in self.views.items():
            view.show(self.samples[name])
        self.first: tuple[str, Tensor] | None = None  # the first painting of the first sample, and what it is
        self.painted: dict[str, Tensor] = {}
        self.curves, self.progress = ipywidgets.HTML(curves({})), ipywidgets.HTML(bar(0, "not started"))
        self.start_button, self.stop_button = button("Start", self.start, main=True), button("Stop", self.stop)
        self.stop_button.disabled = True
        buttons = column(self.start_button, self.stop_button, kind="row")
        show_if(run is not None, buttons)
        self.drawn = self.sampled = self.began = 0.0
        self.first_step, self.token = 0, None
        stage = column(self.progress, self.curves, buttons, kind="stage-column")
        self.fill(column(stage, column(column(*self.views.values(), kind="pair"), kind="controls"), kind="body"))
        self.handle = _display(self)

    def __call__(self, step: int, losses: dict[str, float], model: nn.Module) -> None:
        """What `nst.training.train` calls after each step, counted from 1."""
        now = time.perf_counter()
        if not self.losses:
            self.began, self.first_step = now, step
        for name, value in losses.items():
            self.losses.setdefault(name, []).append(value)
        last = step >= self.steps
        if last or now - self.drawn > EVERY:
            self.drawn = now
            self.curves.value = curves(self.losses)
            self.progress.value = bar(step / self.steps, self._text(step, now))
        if last or now - self.sampled > self.every:
            self.sampled = now
            self._sample(step, model)
        if last:
            self._end(f"{step} steps in {now - self.began:.0f} s")
        if self.token is not None:
            self.token.check()

    def _text(self, step: int, now: float) -> str:
        done = step - self.first_step
        left = f", {(now - self.began) / done * (self.steps - step):.0f} s left" if done else ""
        return f"step {step} of {self.steps}{left}"

    @torch.no_grad()
    def _sample(self, step: int, model: nn.Module) -> None:
        painter = _painter(model)
        if painter is None:
            return self.line.say(f"a {type(model).__name__} has no stylize: the losses are shown, the photographs stay as they are")
        for name, picture in self.samples.items():
            self.painted[name] = painter(picture)
            self.first = self.first or (f"{name} after step {step}", self.painted[name])
            self.views[name].show(self.painted[name])
            self.views[name].alt = self.views[name].caption = f"{name} after step {step}"

    def start(self) -> None:
        """Call `run` with this monitor on the worker's thread."""
        if self.worker.wait(0.3):
            self.losses, self.sampled, self.first = {}, 0.0, None
            self.start_button.disabled, self.stop_button.disabled = True, False
            self.line.say("")
            self.worker.request(self._run)

    def _run(self, token: Token) -> None:
        self.token = token
        try:
            with no_progress():
                self.run(self)
        finally:
            self.token = None
            self.start_button.disabled, self.stop_button.disabled = False, True
            if token.stopped:
                self._end("stopped")

    def stop(self) -> None:
        """End a training that `start` began, at its next step."""
        self.worker.stop()

    def keep(self) -> None:
        """A page without a kernel shows what there is now."""
        self.curves.value = curves(self.losses)
        self._end(f"{len(next(iter(self.losses.values()), []))} steps so far")

    def _end(self, text: str) -> None:
        self.line.say(text)
        if self.handle is not None and threading.current_thread() is threading.main_thread():
            with contextlib.suppress(RuntimeError):
                self.handle.update(self)  # a page without a kernel shows the last paintings

    def still(self) -> dict[str, Tensor]:
        """One photograph, its first painting and its last, the others' last, and the losses; before a training the photographs."""
        if self.first is None:
            return self.samples
        last = {self.views[name].caption: picture for name, picture in self.painted.items()}
        first = dict([self.first]) if self.first[0] not in last else {}
        return {**dict(list(self.samples.items())[:1]), **first, **last, "losses": drawn(self.losses)}


def _painter(model: nn.Module) -> Callable[[Tensor], Tensor] | None:
    """What makes a picture (1, 3, H, W) of a sample: the model's `stylize`; a decoder gives back what the lite encoder saw."""
    if hasattr(model, "stylize"):
        return model.stylize
    if not isinstance(model, Decoder) or model.channels != WIDTHS["lite"][LAYERS.index(model.layer)]:
        return None  # nobody, or another encoder's decoder

    def give_back(picture: Tensor) -> Tensor:
        where = next(model.parameters()).device
        features = encoder()(padded(picture).to(device()), [model.layer])[model.layer]
        made = model(features.to(where)).clamp(0, 1).cpu()
        return made[..., : picture.shape[-2], : picture.shape[-1]]

    return give_back


def _display(widget: Monitor):
    """Show it now: the cell is going to be busy. Returns the handle of the output; None outside a notebook."""
    try:
        from IPython import get_ipython
        from IPython.display import display
    except ImportError:
        return None
    return display(widget, display_id=True) if get_ipython() is not None else None
