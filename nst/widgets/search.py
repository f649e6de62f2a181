"""Gatys' method, steered while it runs: what the studio does on its thread. No widgets in here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from torch import Tensor

from nst import gatys
from nst.controls import StyleMix
from nst.gatys import GatysConfig
from nst.images import resize
from nst.support.runtime import no_progress
from nst.vgg import VGG19
from nst.widgets.work import Stopped, Token, stoppable

Told = Callable[[dict[str, float], Tensor], None]


class Search:
    """A search whose recipe may change at any time: set `config`, and the next evaluation follows it.

    config: as for `nst.gatys.stylize`; `evaluations` are per scale. Layers, forms and weights may change; scales and start may not.
    """

    def __init__(self, content: Tensor, style: Tensor, config: GatysConfig, encoder: VGG19, start: Tensor | None = None):
        self.content, self.style, self.config, self.encoder, self.picture = content, style, config, encoder, start
        self.sizes = [(small, mix.styles[0]) for small, mix in gatys.scales(config.scales, content, StyleMix.of(content, style))]
        self.total, self.done = config.evaluations * len(self.sizes), 0

    def run(self, token: Token, told: Told) -> None:
        """Search to the end, or until the token stops it. told: the losses and the picture of each evaluation.

        What was found so far is in `picture`, of the content's size, also after a stop.
        """
        try:
            with no_progress(), stoppable(token, self.encoder):
                for k, (content, style) in enumerate(self.sizes, 1):
                    self._run_scale(content, style, k * self.config.evaluations, token, told)
        finally:
            if self.picture is not None and self.picture.shape != self.content.shape:
                self.picture = resize(self.picture, tuple(self.content.shape[-2:]))

    def _run_scale(self, content: Tensor, style: Tensor, until: int, token: Token, told: Told) -> None:
        """One scale, started anew from its best picture whenever the recipe changes."""
        while self.done < until:
            before, config = self.done, self.config

            def step(_: int, losses: dict[str, float], picture: Tensor, config: GatysConfig = config) -> None:
                self.done += 1
                told(losses, picture)
                token.check()
                if self.config is not config:
                    raise Stopped  # for `stylize` to return the best picture so far

            start = None if self.picture is None else resize(self.picture, tuple(content.shape[-2:]))
            recipe = replace(config, evaluations=until - before, scales=1)
            self.picture = gatys.stylize(content, style, config=recipe, encoder=self.encoder, callback=step, start=start)
            token.check()
            if self.config is config:  # nothing changed: it is done, or there is nothing more to be found
                self.done = until
