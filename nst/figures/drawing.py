"""Vector drawings in plain Python: boxes, networks, stacks of maps, small pictures and arrows, put together to an SVG.

A drawing brings its own card to stand on, so that it looks the same on a light and on a dark page, and a text instead of itself.
It remembers where its words are: tests/figures/test_diagrams.py asks whether two of them meet, and whether they are dark
enough to read.
"""

from __future__ import annotations

import html
import math
import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from typing import NamedTuple

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'DejaVu Sans', sans-serif"
WIDTH, MARGIN = 900, 28  # pixels
CARD, EDGE, INK, FAINT, BACKWARD = "#fcfbf8", "#ddd8cc", "#22262b", "#59616c", "#b3343f"
MARKS = re.compile(r"_\{(?P<below>[^}]*)\}|\^\{(?P<above>[^}]*)\}|\*(?P<slanted>[^*]+)\*")


class Kind(NamedTuple):
    """The colours of one kind of thing: its area, its outline, and the words on it."""

    area: str
    line: str
    ink: str
    meaning: str = ""


KINDS = {
    "picture": Kind("#fdf1d9", "#bd8426", "#71460a", "picture"),
    "frozen": Kind("#e5ecf6", "#49699c", "#22406f", "network, frozen"),
    "trained": Kind("#dff1e6", "#2f855a", "#155c38", "network, trained"),
    "statistics": Kind("#f0e8f7", "#8058aa", "#57307c", "statistics"),
    "loss": Kind("#fbe6e5", "#c04a52", "#8f1d2a", "loss"),
    "plain": Kind("#f3f0e9", "#8b8577", INK),
}


ARROWS = {  # colour, strokes, meaning
    "forward": (INK, 'stroke-width="1.7"', "forward"),
    "backward": (BACKWARD, 'stroke-width="2.4" stroke-dasharray="0.1 5.5"', "backward"),
    "aside": ("#a29b8c", 'stroke-width="1.5"', ""),
}


class Words(NamedTuple):
    """A line of text as drawn: the sides of its box, its colour and the colour behind it."""

    words: str
    left: float
    top: float
    right: float
    bottom: float
    size: float
    color: str
    behind: str


class Drawing:
    """An SVG in the making, `WIDTH` wide. In a notebook it is shown when it is a cell's last line.

    title: drawn at the top. alt: what is to be seen, for those who do not see it. All lengths are pixels from the top left corner.
    Words may hold *slanted* letters, x_{below} and x^{above}.
    """

    def __init__(self, title: str, alt: str, height: float):
        self.title, self.alt, self.height = title, alt, height
        self.parts: list[str] = []
        self.words: list[Words] = []
        self.text(MARGIN, 34, title, size=17, align="start", bold=True)

    # --- what a notebook asks for ---

    @property
    def svg(self) -> str:
        size = f'viewBox="0 0 {WIDTH} {self.height}" width="{WIDTH}" height="{self.height}"'
        card = f'<rect x="1" y="1" width="{WIDTH - 2}" height="{self.height - 2}" rx="14" fill="{CARD}" stroke="{EDGE}"/>'
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="{FONT}">',
            f"<title>{html.escape(self.title)}</title>", f"<desc>{html.escape(self.alt)}</desc>", card, *self.parts, "</svg>",
        ])  # fmt: skip

    def _repr_svg_(self) -> str:
        return self.svg

    def _repr_html_(self) -> str:
        """An image with an alternative text: JupyterLab and nbconvert give an SVG output none."""
        return html_image(self.svg.encode(), "svg+xml", WIDTH, repr(self))

    def __repr__(self) -> str:
        return f"{self.title}. {self.alt}"

    # --- what a diagram is made of ---

    def text(self, x: float, y: float, words: str, *, size: float = 13, align: str = "middle", color: str = INK, bold: bool = False,
             behind: str = CARD) -> None:  # fmt: skip
        """One line of words; y is the line that the letters stand on, x where they start, have their middle, or end (`align`)."""
        wide = text_width(words, size) * (1.06 if bold else 1)
        left = x - {"start": 0, "middle": 0.5, "end": 1}[align] * wide
        self.words.append(Words(words, left, y - 0.78 * size, left + wide, y + 0.24 * size, size, color, behind))
        font = f'font-size="{size:g}"' + ' font-weight="600"' * bold
        self._add(f'<text x="{x:g}" y="{y:g}" {font} text-anchor="{align}" fill="{color}">{_marked(words, size)}</text>')

    def lines(self, x: float, middle: float, words: str, *, size: float = 13, title: bool = False, **style) -> None:
        """Lines of words, one below the other, with their middle at a height; title: the first one larger and bold."""
        rows = words.split("\n")
        first = middle + size * (0.36 - 0.7 * (len(rows) - 1))
        for i, row in enumerate(rows):
            self.text(x, round(first + 1.4 * size * i, 1), row, size=size + title * (i == 0), bold=title and i == 0, **style)

    def box(self, left: float, top: float, width: float, height: float, words: str = "", kind: str = "plain", *,
            size: float = 12.5) -> None:  # fmt: skip
        """A rounded box with lines of words in it, the first one as a title."""
        area, line, ink, _ = KINDS[kind]
        self._add(f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="9" fill="{area}" stroke="{line}" '
                  f'stroke-width="1.5"/>')  # fmt: skip
        if words:
            self.lines(left + width / 2, top + height / 2, words, size=size, title=True, color=ink, behind=area)

    def network(self, left: float, top: float, width: float, height: float, words: str, kind: str, *, first: float = 1.0,
                last: float = 1.0, waist: float | None = None) -> None:  # fmt: skip
        """A network as a shape: its height at the first layer, in the middle (waist) and at the last one, in parts of `height`."""
        area, line, ink, _ = KINDS[kind]
        sides = [(0, first), *([(0.3, waist), (0.7, waist)] if waist else []), (1, last)]
        middle = top + height / 2
        points = [(left + x * width, middle - y * height / 2) for x, y in sides]
        points += [(left + x * width, middle + y * height / 2) for x, y in reversed(sides)]
        corners = " ".join(f"{x:g},{y:g}" for x, y in points)
        self._add(f'<polygon points="{corners}" fill="{area}" stroke="{line}" stroke-width="1.5" stroke-linejoin="round"/>')
        self.lines(left + width / 2, middle, words, size=12.5, title=True, color=ink, behind=area)

    def slab(self, left: float, top: float, width: float, height: float, depth: float, kind: str, strong: bool = False) -> None:
        """A block seen from the front, the right and above: `width` for the channels of a layer, height x depth for the places.
        strong: marked among others.
        """
        area, line, _, _ = KINDS[kind]
        dx, dy = 0.72 * depth, -0.55 * depth
        right, bottom = left + width, top + height
        above = [(left, top), (left + dx, top + dy), (right + dx, top + dy), (right, top)]
        beside = [(right, top), (right + dx, top + dy), (right + dx, bottom + dy), (right, bottom)]
        front = [(left, top), (right, top), (right, bottom), (left, bottom)]
        for face, shade in ((above, 0.5), (beside, 0.75), (front, 1)):
            fill = mix(line, CARD, 0.7 * shade) if strong else mix(area, "#ffffff", shade)
            corners = " ".join(f"{x:.4g},{y:.4g}" for x, y in face)
            self._add(f'<polygon points="{corners}" fill="{fill}" stroke="{line}" stroke-width="1.2" stroke-linejoin="round"/>')

    def maps(self, left: float, top: float, side: float) -> None:
        """Feature maps: four sheets behind each other."""
        area, line, _, _ = KINDS["frozen"]
        for i in (3, 2, 1, 0):
            self._add(f'<rect x="{left + 5 * i:g}" y="{top - 5 * i:g}" width="{side:g}" height="{side:g}" rx="2" fill="{area}" '
                      f'stroke="{line}" stroke-width="1.2"/>')  # fmt: skip

    def gram(self, left: float, top: float, side: float) -> None:
        """A symmetric matrix with a strong diagonal."""
        _, line, _, _ = KINDS["statistics"]
        cell = side / 5
        for i in range(5):
            for j in range(5):
                strength = 0.95 if i == j else 0.12 + 0.1 * ((3 * min(i, j) + 5 * max(i, j) + i * j) % 6)
                self._add(f'<rect x="{left + j * cell:g}" y="{top + i * cell:g}" width="{cell - 1:g}" height="{cell - 1:g}" rx="1" '
                          f'fill="{line}" fill-opacity="{strength:.2g}"/>')  # fmt: skip

    def picture(self, left: float, top: float, width: float, height: float, scene: str, words: str = "") -> None:
        """A small picture, one of `SCENES`, in a frame, with lines of words below it."""
        self._add(f'<svg x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" viewBox="0 0 120 90" '
                  f'preserveAspectRatio="xMidYMid slice">{SCENES[scene]}</svg>')  # fmt: skip
        self._add(f'<rect x="{left:g}" y="{top:g}" width="{width:g}" height="{height:g}" rx="3" fill="none" '
                  f'stroke="{KINDS["picture"].line}" stroke-width="2.5"/>')  # fmt: skip
        for i, row in enumerate(words.split("\n") if words else []):
            self.text(left + width / 2, top + height + 18 + 17 * i, row, size=12.5, bold=i == 0, color=KINDS["picture"].ink)

    def arrow(self, *points: tuple[float, float], kind: str = "forward", head: bool = True) -> None:
        """A line through the points with rounded corners and a head: `ARROWS` has its kinds."""
        color, style, _ = ARROWS[kind]
        (x0, y0), (x1, y1) = points[-2:]
        length = math.hypot(x1 - x0, y1 - y0)
        ux, uy = (x1 - x0) / length, (y1 - y0) / length
        ends = [*points[:-1], (x1 - 7 * ux * head, y1 - 7 * uy * head)]
        self._add(f'<path d="{_rounded(ends, 9)}" fill="none" stroke="{color}" stroke-linecap="round" {style}/>')
        if head:
            corners = [(x1, y1), *((x1 - 9 * ux - side * uy, y1 - 9 * uy + side * ux) for side in (4.5, -4.5))]
            self._add(f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in corners)}" fill="{color}"/>')

    def rule(self, x0: float, y0: float, x1: float, y1: float) -> None:
        self._add(f'<path d="M{x0:g} {y0:g}L{x1:g} {y1:g}" stroke="{EDGE}" stroke-width="1.2"/>')

    def dot(self, x: float, y: float, color: str = INK, radius: float = 3) -> None:
        self._add(f'<circle cx="{x:g}" cy="{y:g}" r="{radius:g}" fill="{color}"/>')

    def legend(self, *names: str) -> None:
        """What the colours and the arrows of these names (of `KINDS` and `ARROWS`) mean, at the foot of the card."""
        x, y = MARGIN, self.height - 26
        self.rule(MARGIN, y - 22, WIDTH - MARGIN, y - 22)
        for name in names:
            if name in KINDS:
                self._add(f'<rect x="{x:g}" y="{y - 7:g}" width="24" height="14" rx="4" fill="{KINDS[name].area}" '
                          f'stroke="{KINDS[name].line}" stroke-width="1.5"/>')  # fmt: skip
            else:
                self.arrow((x, y), (x + 28, y), kind=name)
            meaning = KINDS[name].meaning if name in KINDS else ARROWS[name][2]
            self.text(x + 35, y + 4.5, meaning, size=12.5, align="start", color=FAINT)
            x += 35 + text_width(meaning, 12.5) + 20

    def _add(self, part: str) -> None:
        self.parts.append(part)


def html_image(data: bytes, kind: str, width: int, alt: str) -> str:
    """An <img> with the picture in it. kind: "jpeg", "png" or "svg+xml"; width: pixels on the page; alt: the text instead of it."""
    return f'<img alt="{html.escape(alt)}" width="{width}" src="data:image/{kind};base64,{b64encode(data).decode()}">'


def mix(color: str, other: str, share: float) -> str:
    """So much of one colour in another, both #rrggbb."""
    pairs = [(int(color[i : i + 2], 16), int(other[i : i + 2], 16)) for i in (1, 3, 5)]
    return "#" + "".join(f"{round(share * a + (1 - share) * b):02x}" for a, b in pairs)


def pieces(words: str) -> Iterator[tuple[str, str]]:
    """The words cut at their marks: (text, "", "below", "above" or "slanted")."""
    at = 0
    for mark in MARKS.finditer(words):
        yield words[at : mark.start()], ""
        yield mark[mark.lastgroup], mark.lastgroup
        at = mark.end()
    yield words[at:], ""


def text_width(words: str, size: float) -> float:
    """About the pixels that the words take in the widest font of the list, DejaVu Sans."""
    return size * sum((0.75 if how in ("below", "above") else 1) * sum(map(_letter, text)) for text, how in pieces(words))


def _letter(letter: str) -> float:
    if letter in "iljtfr.,:;'|!()[]/ ·":
        return 0.36
    return 0.94 if letter in "mwMW" else 0.72 if letter.isupper() or letter in "+−=×" else 0.62


def _marked(words: str, size: float) -> str:
    """The words as SVG. Firefox knows no `baseline-shift`: letters are moved down, and the next ones up again."""
    out, moved = [], 0.0
    for text, how in pieces(words):
        if text:
            shift = {"below": 0.22 * size, "above": -0.36 * size}.get(how, 0.0)
            style = {"slanted": ' font-style="italic"', "below": ' font-size="75%"', "above": ' font-size="75%"'}.get(how, "")
            dy = f' dy="{shift - moved:.1f}"' if shift != moved else ""
            out.append(f"<tspan{style}{dy}>{html.escape(text)}</tspan>" if style or dy else html.escape(text))
            moved = shift
    return "".join(out)


def _rounded(points: Sequence[tuple[float, float]], radius: float) -> str:
    """A path through the points whose corners are rounded."""
    path = f"M{points[0][0]:.1f} {points[0][1]:.1f}"
    for (x0, y0), (x, y), (x2, y2) in zip(points, points[1:], points[2:]):
        near, far = math.hypot(x - x0, y - y0), math.hypot(x2 - x, y2 - y)
        r = min(radius, near / 2, far / 2)
        path += f"L{x - r * (x - x0) / near:.1f} {y - r * (y - y0) / near:.1f}"
        path += f"Q{x:.1f} {y:.1f} {x + r * (x2 - x) / far:.1f} {y + r * (y2 - y) / far:.1f}"
    return path + f"L{points[-1][0]:.1f} {points[-1][1]:.1f}"


def _scene(sky: str, sun: str, far: str, near: str, wall: str, roof: str, strokes: str = "") -> str:
    """A house below hills and a sun; strokes on top are what a style adds."""
    return (
        f'<rect width="120" height="90" fill="{sky}"/><circle cx="91" cy="24" r="11" fill="{sun}"/>{strokes}'
        f'<path d="M0 62Q26 34 58 56T120 48V90H0Z" fill="{far}"/><path d="M0 76Q40 56 78 70T120 70V90H0Z" fill="{near}"/>'
        f'<rect x="31" y="52" width="24" height="19" fill="{wall}"/><path d="M27 53L43 38L59 53Z" fill="{roof}"/>'
        f'<rect x="40" y="60" width="7" height="11" fill="{roof}"/>'
    )


def _swirl(x: float, y: float, radius: float, colors: Sequence[str]) -> str:
    """Arcs around a middle, open at the right, as a brush would turn."""
    arcs = [(radius * (i + 1) / len(colors), color) for i, color in enumerate(colors)]
    return "".join(
        f'<path d="M{x + r:.1f} {y:.1f}A{r:.1f} {r:.1f} 0 1 1 {x + 0.3 * r:.1f} {y - 0.95 * r:.1f}" fill="none" stroke="{color}" '
        f'stroke-width="{radius / len(colors) * 0.55:.1f}" stroke-linecap="round"/>'
        for r, color in arcs
    )


GOLD, TEAL, NIGHT, BLUE, PALE = "#f2b134", "#2a9d8f", "#14284b", "#2f5f9e", "#9cc3dd"
SCENES = {
    "content": _scene("#cfe4f3", "#f7cf6b", "#9dbf9e", "#6f9c74", "#f4ede0", "#b4614a"),
    "style": f'<rect width="120" height="90" fill="{NIGHT}"/>'
    + _swirl(34, 34, 32, (GOLD, PALE, BLUE, TEAL))
    + _swirl(92, 60, 27, (GOLD, TEAL, PALE, BLUE))
    + _swirl(90, 14, 15, (PALE, GOLD, BLUE))
    + _swirl(20, 84, 18, (TEAL, PALE, GOLD)),
    "result": _scene(
        NIGHT, GOLD, TEAL, "#1c6b66", PALE, GOLD,
        _swirl(30, 20, 26, (GOLD, PALE, BLUE, TEAL)) + _swirl(91, 24, 25, (GOLD, GOLD, PALE, BLUE, TEAL)),
    ),
}  # fmt: skip
