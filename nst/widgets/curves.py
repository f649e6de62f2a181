"""Loss curves as SVG: small enough to be drawn anew several times a second, and in the page's own colours; and as a picture."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

LIGHT = ("#1f4e9c", "#d9822b", "#2a8c6a", "#b3344e", "#6b4fa0")
COLOURS = tuple(f"var(--nst-{k}, {colour})" for k, colour in enumerate(LIGHT, 1))  # parts.css has others for dark pages
WIDTH, HEIGHT, LEFT, BELOW = 480, 170, 46, 18  # of the drawing; the room for the numbers
POINTS = 240  # more than this and neighbours are averaged


def curves(traces: Mapping[str, Sequence[float]]) -> str:
    """Each trace {name: positive values} as a line over a logarithmic axis, with a key of its last values, as HTML.

    Values that are not positive and finite are left out.
    """
    shown = {name: _thinned(values) for name, values in traces.items()}
    heights = [math.log10(v) for points in shown.values() for _, v in points]
    if not heights:
        return '<div class="nst-curves"></div>'
    low, high = min(heights), max(heights)
    low, high = (low - 0.05, high + 0.05) if high - low < 0.1 else (low, high)
    last = max(x for points in shown.values() for x, _ in points)

    def place(x: float, v: float) -> str:
        across = LEFT + (WIDTH - LEFT - 4) * (x - 1) / max(1, last - 1)
        return f"{across:.1f},{6 + (HEIGHT - BELOW - 12) * (high - math.log10(v)) / (high - low):.1f}"

    lines = "".join(
        f'<polyline fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round" points="'
        + " ".join(place(x, v) for x, v in points) + '"/>'
        for colour, points in zip(COLOURS, shown.values(), strict=False)
    )  # fmt: skip
    ticks = "".join(_tick(level, place(1, 10**level)) for level in _levels(low, high))
    ends = f'<text x="{LEFT}" y="{HEIGHT - 3}">1</text><text x="{WIDTH - 4}" y="{HEIGHT - 3}" text-anchor="end">{last}</text>'
    said = "; ".join(f"{name} {values[-1]:.3g}" for name, values in traces.items() if values)
    picture = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="Losses: {html.escape(said)}">{ticks}{lines}{ends}</svg>'
    return f'<div class="nst-curves">{picture}<div class="nst-keys">{_keys(traces)}</div></div>'


def drawn(traces: Mapping[str, Sequence[float]], size: tuple[int, int] = (512, 680)) -> Tensor:
    """The same lines as a picture (1, 3, height, width), for a page without a kernel: with the last values."""
    height, width = size
    page = Image.new("RGB", (width, height), "white")
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=height // 14)
    shown = {name: points for name, values in traces.items() if (points := _thinned(values))}
    heights = [math.log10(v) for points in shown.values() for _, v in points]
    low, high = (min(heights), max(heights)) if heights else (0.0, 1.0)
    last = max((x for points in shown.values() for x, _ in points), default=1)
    right, room = 0.56 * width, height / 14  # the names stand at the right of the lines
    names = []
    for colour, (name, points) in zip(LIGHT, shown.items(), strict=False):
        places = [(room + (right - room) * (x - 1) / max(1, last - 1),
                   room + (height - 3 * room) * (high - math.log10(v)) / max(high - low, 1e-9)) for x, v in points]  # fmt: skip
        draw.line(places, fill=colour, width=max(2, height // 128), joint="curve")
        names.append([places[-1][1], f"{name} {_plain(points[-1][1])}", colour])
    names.sort()
    for k, (y, text, colour) in enumerate(names):  # no two names on one line
        y = names[k][0] = max(y, names[k - 1][0] + height / 12) if k else y
        draw.text((right + room / 2, y), text, fill=colour, font=font, anchor="lm")
    draw.text((room, height - room / 2), f"steps 1 to {last}; logarithmic", fill="#756e64", font=font, anchor="lm")
    return torch.from_numpy(np.array(page)).permute(2, 0, 1)[None] / 255


def _thinned(values: Sequence[float]) -> list[tuple[int, float]]:
    """(step counted from 1, value): the means of equal parts where there are many."""
    part = max(1, math.ceil(len(values) / POINTS))
    good = [(k, v) for k, v in enumerate(values, 1) if 0 < v < math.inf]
    parts = [good[k : k + part] for k in range(0, len(good), part)]
    return [(piece[-1][0], sum(v for _, v in piece) / len(piece)) for piece in parts]


def _levels(low: float, high: float) -> list[float]:
    """Powers of ten between two exponents; the ends themselves where there are fewer than two."""
    whole = [float(k) for k in range(math.ceil(low), math.floor(high) + 1)]
    return whole if len(whole) >= 2 else [low, high]


def _tick(level: float, at: str) -> str:
    y = float(at.split(",")[1])
    line = f'<line x1="{LEFT}" x2="{WIDTH - 4}" y1="{y}" y2="{y}" stroke="currentColor" opacity="0.14"/>'
    return f'{line}<text x="{LEFT - 6}" y="{y + 4}" text-anchor="end">{_plain(10**level)}</text>'


def _plain(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _keys(traces: Mapping[str, Sequence[float]]) -> str:
    pairs = [(colour, name, values[-1]) for colour, (name, values) in zip(COLOURS, traces.items(), strict=False) if values]
    return "".join(f'<span><i style="background:{colour}"></i>{html.escape(name)} {v:.3g}</span>' for colour, name, v in pairs)


def bar(share: float, text: str) -> str:
    """A progress bar with its text, as HTML."""
    percent = 100 * min(1.0, max(0.0, share))
    range = f'role="progressbar" aria-label="progress" aria-valuenow="{percent:.0f}" aria-valuemin="0" aria-valuemax="100"'
    track = f'<div class="nst-bar" {range}>'
    return f'<div class="nst-line">{html.escape(text)}{track}<div style="width:{percent:.1f}%"></div></div></div>'
