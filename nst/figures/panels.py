"""Pictures in rows, with words above and below them, the style framed at their left, and sweeps with named rows and columns.

Every place is computed in inches, so that no picture loses its shape and no two texts meet, however long they are.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, zip_longest

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

SCREEN = 80  # pixels of the page per inch of a figure
DENSITY = 2  # pixels of the file per pixel of the page
PAGE = 11  # inches: the widest figure
TITLE, CAPTION = 12, 10.5  # points
LETTER = 0.6  # of its size: how wide a letter is on average
GAP = 0.1  # inches between pictures
INK = "#22262b"
ZOOM = 4  # a detail is so many times as large as in the picture above it


@dataclass
class Panel:
    """One picture of a figure: an array (H, W, 3), the words above and below it, whether a frame sets it apart.

    box: top, left, height and width, in pixels, of an outline drawn on it.
    """

    image: np.ndarray
    title: str = ""
    caption: str = ""
    framed: bool = False
    box: tuple[int, int, int, int] | None = None

    @property
    def aspect(self) -> float:
        return self.image.shape[1] / self.image.shape[0]


def picture_grid(
    *pictures: Tensor | Mapping[str, Tensor],
    titles: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    height: float = 2.6,
    style: Tensor | Mapping[str, Tensor] | None = None,
    detail: tuple[float, float] | None = None,
) -> Figure:
    """Pictures (1, 3, H, W), or one {title: picture}, in rows.

    titles, captions: a text above and below each, such as a name and a loss; long ones are broken into lines.
    columns: in a row, the style included; by default at most four, and as many in each row as will go.
    height: inches of one; less where a row would be wider than the page.
    style: the style picture, or {title: picture} of several, framed, before the others.
    detail: (down, right), from 0 to 1: below each picture, the part around this place at four times the size, outlined above.
    ValueError: no picture, something that is not a picture, not as many texts as pictures, or a place outside.
    """
    if len(pictures) == 1 and isinstance(pictures[0], Mapping):
        titles, pictures = list(pictures[0]), tuple(pictures[0].values())
    if not pictures:
        raise ValueError("pictures: expected at least one picture (1, 3, H, W), got none")
    for name, texts in (("titles", titles), ("captions", captions)):
        if texts is not None and len(texts) != len(pictures):
            raise ValueError(f"{name}: expected one for each of the {len(pictures)} pictures, got {len(texts)}")
    if columns is not None and columns < 1:
        raise ValueError(f"columns={columns}: expected at least 1")
    none = [""] * len(pictures)
    panels = [Panel(_image(p), str(t), str(c)) for p, t, c in zip(pictures, titles or none, captions or none, strict=True)]
    panels = _style_panels(style) + panels
    names = [panel.title or "untitled" for panel in panels]
    columns = min(columns or math.ceil(len(panels) / math.ceil(len(panels) / 4)), len(panels))
    figure = _lay_out(_with_details([panels[i : i + columns] for i in range(0, len(panels), columns)], detail), height, [])
    figure.set_label("Pictures: " + ", ".join(names) if len(names) > 1 else f"Picture: {names[0]}")
    return figure


def labelled_grid(
    pictures: Sequence[Sequence[Tensor]],
    rows: Sequence[object],
    columns: Sequence[object],
    *,
    row_name: str = "",
    column_name: str = "",
    captions: Sequence[Sequence[str]] | None = None,
    style: Tensor | Mapping[str, Tensor] | None = None,
    height: float = 2.2,
    detail: tuple[float, float] | None = None,
) -> Figure:
    """A sweep over two things: pictures[i][j] belongs to rows[i] and columns[j], such as style layers and style weights.

    rows, columns: what is varied, written at the left and above; "" writes nothing. row_name, column_name: what these are.
    captions: texts below the pictures, such as their losses. height, detail: as in `picture_grid`. style: in a column of its own.
    ValueError: no picture, not one for each row and column, or a place outside.
    """
    for name, grid in (("pictures", pictures), ("captions", captions)):
        if grid is not None and (not rows or not columns or [len(row) for row in grid] != [len(columns)] * len(rows)):
            raise ValueError(f"{name}: expected {len(rows)} rows of {len(columns)}, at least one, got {[len(row) for row in grid]}")
    captions = captions or [[""] * len(columns)] * len(rows)
    panels = [[Panel(_image(p), "", str(c)) for p, c in zip(*row, strict=True)] for row in zip(pictures, captions, strict=True)]
    for panel, title in zip(panels[0], columns, strict=True):
        panel.title = str(title)
    beside = [title for row in rows for title in ((str(row),) if detail is None else (str(row), ""))]
    styles = [panel for row in _with_details([[panel] for panel in _style_panels(style)], detail) for panel in row]
    figure = _lay_out(_with_details(panels, detail), height, styles, beside, row_name, column_name)
    named = {f"rows ({row_name or 'from the top'})": rows, f"columns ({column_name or 'from the left'})": columns}
    figure.set_label("; ".join(["Grid of pictures", *(f"{k}: {', '.join(map(str, v))}" for k, v in named.items() if any(v))]))
    return figure


def _style_panels(style: Tensor | Mapping[str, Tensor] | None) -> list[Panel]:
    named = style if isinstance(style, Mapping) else {} if style is None else {"style": style}
    return [Panel(_image(picture, "style"), str(title), framed=True) for title, picture in named.items()]


def _with_details(rows: list[list[Panel]], detail: tuple[float, float] | None) -> list[list[Panel]]:
    """The rows, and below each, with its captions, a row of the parts around one place at `ZOOM` times the size."""
    if detail is None:
        return rows
    if len(detail) != 2 or not all(0 <= place <= 1 for place in detail):
        raise ValueError(f"detail={detail}: expected two numbers from 0 to 1, how far down and how far to the right")
    return [lines for row in rows for lines in (row, [_detail(panel, *detail) for panel in row])]


def _detail(panel: Panel, down: float, right: float) -> Panel:
    """The part of a panel around a place; the panel gets a box there and hands its caption on."""
    height, width = panel.image.shape[:2]
    high, wide = max(1, height // ZOOM), max(1, width // ZOOM)
    top, left = (round(at * full - part / 2) for at, full, part in ((down, height, high), (right, width, wide)))
    top, left = min(max(top, 0), height - high), min(max(left, 0), width - wide)
    panel.box = (top, left, high, wide)
    caption, panel.caption = panel.caption, ""
    return Panel(panel.image[top : top + high, left : left + wide], caption=caption, framed=panel.framed)


def _lay_out(rows: list[list[Panel]], height: float, styles: list[Panel], row_titles: Sequence[str] = (), row_name: str = "",
             column_name: str = "") -> Figure:  # fmt: skip
    """A figure with the styles in a column at the left, then the row titles, then the rows."""
    first = int(bool(styles))  # the first column after the styles
    letters = max(map(len, (row_name, *row_titles)), default=0)
    margin = min(1.2, letters * LETTER * TITLE / 72 + GAP) if letters else 0  # inches of the row titles
    cells = [[*[style] * first, *(row or [])] for style, row in zip_longest(styles, rows)]
    aspects = [max(panel.aspect for panel in column if panel) for column in zip_longest(*cells)]
    before = [0, *[GAP] * (len(aspects) - 1)]
    before[first] += margin + 2 * GAP * first
    height = min(height, (PAGE - sum(before)) / sum(aspects))
    widths = [aspect * height for aspect in aspects]
    lefts = [end - width for end, width in zip(accumulate(map(sum, zip(before, widths))), widths)]
    above, below = _wrap_and_measure(cells, widths)
    above[0] += room([row_name, column_name], TITLE)
    tops = [sum(above[: i + 1]) + sum(below[:i]) + i * height for i in range(len(cells))]

    page = Page(lefts[-1] + widths[-1], tops[-1] + height + below[-1])
    for row, top in zip(cells, tops):
        for panel, left, width in zip(row, lefts, widths):
            if panel:
                across = panel.aspect * height
                _draw(page.axes(left + (width - across) / 2, top, across, height), panel)
    for title, top in zip(row_titles, tops):
        page.text(lefts[first] - GAP, top + height / 2, wrap(title, margin - GAP, TITLE), ha="right", va="center")
    page.text(lefts[first] - GAP, 0, row_name, ha="right", va="top", weight="bold")
    page.text((lefts[first] + page.width) / 2, 0, column_name, ha="center", va="top", weight="bold")
    return page.figure


class Page:
    """A figure measured in inches from its top left corner."""

    def __init__(self, width: float, height: float):
        self.width, self.height, self.figure = width, height, Figure(figsize=(width, height))

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self.height - top - height
        return self.figure.add_axes((left / self.width, bottom / self.height, width / self.width, height / self.height))

    def text(self, x: float, y: float, text: str, **style) -> None:
        self.figure.text(x / self.width, 1 - y / self.height, text, fontsize=TITLE, color=INK, **style)


def _wrap_and_measure(cells: list[list[Panel | None]], widths: list[float]) -> tuple[list[float], list[float]]:
    """Break the texts of the panels into lines; returns the inches that they need above and below each row."""
    for row in cells:
        for panel, width in zip(row, widths):
            if panel:
                panel.title, panel.caption = wrap(panel.title, width, TITLE), wrap(panel.caption, width, CAPTION)
    above = [room([panel.title for panel in row if panel], TITLE) for row in cells]
    return above, [room([panel.caption for panel in row if panel], CAPTION) + GAP for row in cells]


def wrap(text: str, width: float, points: float) -> str:
    """The text in lines of at most `width` inches."""
    letters = max(6, int(width * 72 / (LETTER * points)))
    return "\n".join(textwrap.fill(line, letters) for line in text.split("\n"))


def room(texts: Sequence[str], points: float) -> float:
    """Inches that the highest of the texts needs."""
    lines = max((text.count("\n") + 1 for text in texts if text), default=0)
    return lines * points * 1.22 / 72 + 0.07 * bool(lines)


def _draw(ax: Axes, panel: Panel) -> None:
    pixels = ax.bbox.height / ax.figure.dpi * SCREEN * DENSITY
    ax.imshow(panel.image, aspect="auto", interpolation="lanczos" if len(panel.image) < pixels else "antialiased")
    ax.set(xticks=[], yticks=[])
    ax.spines[:].set(visible=panel.framed, color=INK, linewidth=2)
    if panel.box:
        top, left, high, wide = panel.box
        for line, colour in ((3, INK), (1.5, "white")):  # seen on dark and on light
            ax.add_patch(Rectangle((left - 0.5, top - 0.5), wide, high, fill=False, edgecolor=colour, linewidth=line))
    ax.set_title(panel.title, fontsize=TITLE, color=INK, pad=5, weight="bold" if panel.framed else "normal")
    ax.set_xlabel(panel.caption, fontsize=CAPTION, color=INK, labelpad=4)


def _image(picture: Tensor, name: str = "pictures") -> np.ndarray:
    """(1, 3, H, W) or (3, H, W) -> (H, W, 3) array in [0, 1]."""
    if (
        not isinstance(picture, Tensor)
        or picture.ndim not in (3, 4)
        or picture.shape[-3] != 3
        or (picture.ndim == 4 and len(picture) != 1)
    ):
        got = tuple(picture.shape) if isinstance(picture, Tensor) else type(picture).__name__
        raise ValueError(f"{name}: expected tensors (1, 3, H, W), got {got}")
    picture = picture[0] if picture.ndim == 4 else picture
    return torch.nan_to_num(picture.detach().float().cpu()).clamp(0, 1).permute(1, 2, 0).numpy()
