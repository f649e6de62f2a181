"""City, page 12: towers, a bridge and a bursting sun as a comic prints them.

Four plates are prepared like a printer's: yellow, red and cyan hold a tone at every place, the key holds the drawing. The
three colour plates are broken into Ben-Day dots whose size follows the tone, in coarse, medium and fine screens, and
overprint one another slightly out of register on cheap paper; the black line goes on top.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from .brushes import SUPERSAMPLE, colours, finish, noise, smoothstep

PAPER, YELLOW, RED, CYAN, BLACK = colours("f6ecd4", "ffd012", "e4231f", "14a0dc", "131016")
INKS = {"yellow": YELLOW, "red": RED, "cyan": CYAN}
ANGLES = {"yellow": 0.0, "red": 75.0, "cyan": 40.0}
PITCHES = (27.0, 18.0, 12.5)  # coarse, medium, fine: pixels between the dots of a 1280 pixel high canvas
SHIFTS = {"yellow": (-2, 2), "red": (2, -2), "cyan": (-2, -3)}
SUN = (0.50, 0.40)
HORIZON = 0.80
# The two faces of a building as (yellow, red, cyan) tones, left face then right face.
SCHEMES = [((1.0, 0.22, 0.0), (1.0, 1.0, 0.30)), ((0.0, 0.0, 0.28), (0.0, 0.0, 1.0)), ((0.0, 0.30, 0.0), (0.0, 1.0, 0.0)),
           ((1.0, 0.0, 0.0), (1.0, 0.0, 0.50)), ((0.0, 0.12, 0.60), (0.0, 0.55, 1.0)),
           ((0.55, 0.55, 0.0), (0.0, 0.30, 0.75))]  # fmt: skip
# Buildings as x of the near corner, width of the left and right face, y of the top, scheme, screen, windows; far ones first.
MIDDLE = [(0.285, 0.05, 0.06, 0.455, 3, 1, 0), (0.90, 0.06, 0.05, 0.43, 1, 1, 2), (0.43, 0.05, 0.055, 0.56, 2, 2, 0),
          (0.765, 0.05, 0.055, 0.52, 0, 2, 1), (0.60, 0.055, 0.06, 0.60, 5, 2, 0),
          (1.16, 0.06, 0.06, 0.50, 2, 1, 0)]  # fmt: skip
NEAR = [(0.03, 0.09, 0.08, 0.34, 2, 1, 0), (0.165, 0.075, 0.085, 0.13, 0, 1, 1), (1.045, 0.09, 0.085, 0.15, 4, 1, 2)]
# The lobes of a cloud as x, y, radius in cloud sizes.
LOBES = [(-0.9, 0.05, 0.30), (-0.5, -0.16, 0.38), (0.0, -0.28, 0.46), (0.48, -0.12, 0.38), (0.92, 0.06, 0.28), (0.0, 0.05, 0.42)]
Points = Sequence[tuple[float, float]]


class Plates:
    """The tones of the three inks, the screen used at each place, and the key drawing; points in picture heights."""

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self.rng, self.height, self.width, self.unit = rng, height, width, height / 1280
        self.tone = {name: np.zeros((height, width), np.float32) for name in INKS}
        self.screen = np.zeros((height, width), np.uint8)
        self.key = Image.new("L", (width, height))
        self.y, self.x = np.mgrid[0:height, 0:width].astype(np.float32) / height

    def fill(self, where: np.ndarray, tones: Sequence[float | np.ndarray], screen: int) -> None:
        """Give a region its tones of yellow, red and cyan, and clear the drawing that was behind it."""
        for name, tone in zip(INKS, tones, strict=True):
            self.tone[name][where] = np.broadcast_to(np.asarray(tone, np.float32), where.shape)[where]
        self.screen[where] = screen
        self.key.paste(0, mask=Image.fromarray(where))

    def area(self, points: Points) -> np.ndarray:
        """The inside of a polygon."""
        mask = Image.new("1", (self.width, self.height))
        ImageDraw.Draw(mask).polygon([(x * self.height, y * self.height) for x, y in points], fill=1)
        return np.asarray(mask)

    def patch(self, points: Points, tones: Sequence[float], screen: int) -> None:
        """A polygon small or plain enough for one tone per ink; quicker than `fill`."""
        corners = np.array(points) * self.height
        low, high = np.maximum(np.floor(corners.min(axis=0)).astype(int), 0), np.ceil(corners.max(axis=0)).astype(int) + 1
        box = (slice(low[1], high[1]), slice(low[0], high[0]))
        rows, columns = self.screen[box].shape
        if not rows or not columns:
            return
        mask = Image.new("1", (columns, rows))
        ImageDraw.Draw(mask).polygon((corners - low).ravel().tolist(), fill=1)
        inside = np.asarray(mask)
        for name, tone in zip(INKS, tones, strict=True):
            self.tone[name][box][inside] = tone
        self.screen[box][inside] = screen
        self.key.paste(0, (int(low[0]), int(low[1])), mask=mask)

    def solid(self, points: Points) -> None:
        """A black shape."""
        ImageDraw.Draw(self.key).polygon([(x * self.height, y * self.height) for x, y in points], fill=255)

    def line(self, points: Points, width: float) -> None:
        """An inked line that swells in its middle; `width` in pixels of a 1280 pixel high canvas."""
        path = np.array(points) * self.height
        pieces = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        at = np.linspace(0, pieces[-1], max(2, int(pieces[-1] / 6)))
        path = np.stack([np.interp(at, pieces, path[:, k]) for k in (0, 1)], axis=1)
        swell = width * self.unit * (0.72 + 0.40 * np.sin(np.linspace(0, np.pi, len(path))) + self.rng.normal(0, 0.03, len(path)))
        draw = ImageDraw.Draw(self.key)
        for a, b, thick in zip(path[:-1], path[1:], swell, strict=False):
            draw.line([*a, *b], fill=255, width=max(1, round(thick)))
            draw.ellipse([*(a - thick / 2), *(a + thick / 2)], fill=255)

    def outline(self, points: Points, width: float) -> None:
        """The inked edges of a polygon, one line per side."""
        for a, b in zip(points, [*points[1:], points[0]], strict=True):
            self.line([a, b], width)


def sky(plates: Plates) -> None:
    """Rays around the sun: yellow ones whose red dots grow outwards, and pale ones with cyan dots."""
    x, y = plates.x, plates.y
    far, turn = np.hypot(x - SUN[0], y - SUN[1]), np.arctan2(y - SUN[1], x - SUN[0])
    rays = 15
    ray = np.floor(turn / (2 * np.pi) * 2 * rays + 0.3).astype(int) % 2 == 0
    grow = np.clip((far - 0.16) / 0.62, 0, 1)
    plates.fill(ray, (1.0, 0.85 * grow, 0.0), 0)
    plates.fill(~ray, (0.0, 0.0, 0.10 + 0.85 * grow), 0)
    for k in range(2 * rays):
        edge = (k - 0.3) / (2 * rays) * 2 * np.pi
        reach = np.array([0.155, 1.1])
        plates.line(list(zip(SUN[0] + reach * np.cos(edge), SUN[1] + reach * np.sin(edge), strict=True)), 5)
    spikes = np.linspace(0, 2 * np.pi, 49)
    rim = 0.150 + 0.022 * (np.arange(49) % 2)
    burst = list(zip(SUN[0] + rim * np.cos(spikes), SUN[1] + rim * np.sin(spikes), strict=True))
    plates.patch(burst, (1.0, 1.0, 0.0), 1)
    plates.outline(burst[:-1], 7)
    for radius, tones, width in ((0.122, (1.0, 0.32, 0.0), 8), (0.080, (1.0, 0.0, 0.0), 5)):
        disc = [(SUN[0] + radius * np.cos(t), SUN[1] + radius * np.sin(t)) for t in np.linspace(0, 2 * np.pi, 60)]
        plates.patch(disc, tones, 1)
        plates.line(disc, width)


def cloud(plates: Plates, x: float, y: float, size: float) -> None:
    """A puff of rounded lobes, with cyan dots in its lower half."""
    rng = plates.rng
    lobes = [(x + size * dx, y + size * dy, size * r * rng.uniform(0.9, 1.1)) for dx, dy, r in LOBES]
    depth = np.max([1 - np.hypot(plates.x - cx, plates.y - cy) / r for cx, cy, r in lobes], axis=0)
    inside = (depth > 0) & (plates.y < y + 0.17 * size)
    plates.fill(inside, (0.0, 0.0, np.clip((plates.y - y + 0.30 * size) / (0.5 * size), 0, 0.85)), 1)
    edge = inside & (ndimage.distance_transform_edt(inside) < 6.5 * plates.unit)
    plates.key.paste(255, mask=Image.fromarray(edge))
    for cx, cy, r in lobes[1:4]:
        arc = [(cx + 0.72 * r * np.cos(t), cy + 0.72 * r * np.sin(t)) for t in np.linspace(-2.5, -1.5, 12)]
        plates.line(arc, 5)


def corner(base: float, top: float, part: float, reach: float, fall: float) -> tuple[float, float]:
    """Bottom and top of a wall at a part of its length; its upper edge runs down towards the horizon."""
    lean = 1 - fall * part * reach
    return HORIZON + (base - HORIZON) * lean, HORIZON + (top - HORIZON) * lean


@dataclass
class Wall:
    """One face of a building: its near edge x0 and far edge x1, base and top of the near edge, and how it is drawn."""

    x0: float
    x1: float
    base: float
    top: float
    tones: Sequence[float]
    screen: int
    style: int

    def at(self, u: float, v: float) -> tuple[float, float]:
        """A place on the wall, u along it and v up it, both 0..1."""
        bottom, head = corner(self.base, self.top, u, abs(self.x1 - self.x0) / 0.1, 0.10)
        return self.x0 + (self.x1 - self.x0) * u, bottom + (head - bottom) * v

    def pane(self, u0: float, u1: float, v0: float, v1: float) -> list[tuple[float, float]]:
        """The four corners of a window."""
        return [self.at(u0, v0), self.at(u1, v0), self.at(u1, v1), self.at(u0, v1)]


def strip_windows(plates: Plates, wall: Wall, columns: int, rows: int) -> None:
    """Black strips from the base to the top, lit here and there."""
    for i in range(columns):
        u0, u1 = (i + 0.28) / columns, (i + 0.74) / columns
        plates.solid(wall.pane(u0, u1, 0, 0.95))
        for j in range(rows):
            v = 0.95 * (j + plates.rng.uniform(0.2, 0.4)) / rows
            if plates.rng.uniform() < 0.55:
                plates.patch(wall.pane(u0, u1, v, v + 0.45 / rows), (1.0, 0.0, 0.0), 2)


def grid_windows(plates: Plates, wall: Wall, columns: int, rows: int) -> None:
    """Windows in rows, black or bright: yellow on the dark face, white on the lit one."""
    dark_side = wall.x1 > wall.x0
    for i in range(columns):
        for j in range(rows):
            pane = wall.pane((i + 0.20) / columns, (i + 0.80) / columns, 0.97 * (j + 0.2) / rows, 0.97 * (j + 0.78) / rows)
            if plates.rng.uniform() < (0.45 if dark_side else 0.62):
                plates.solid(pane)
            else:
                plates.patch(pane, (1.0, 0.0, 0.0) if dark_side else (0.0, 0.0, 0.0), 2)
                plates.outline(pane, 2.5)


def raise_wall(plates: Plates, wall: Wall, ink: float) -> None:
    """Print a wall with its windows and ink its edges."""
    plates.patch(wall.pane(0, 1, 0, 1), wall.tones, wall.screen)
    columns = max(2, round(abs(wall.x1 - wall.x0) / (0.020 + 0.004 * wall.style)))
    rows = max(3, round((wall.base - wall.top) / (0.028 + 0.006 * (wall.style % 2))))
    (strip_windows if wall.style == 2 else grid_windows)(plates, wall, columns, rows)
    near_foot, far_foot, far_top, near_top = wall.pane(0, 1, 0, 1)
    for line in ((near_foot, near_top), (near_top, far_top), (far_top, far_foot)):
        plates.line(line, ink)


def building(
    plates: Plates, x: float, left: float, right: float, top: float, scheme: int, screen: int, style: int, ink: float
) -> None:
    """A tower seen on its corner at x, with a stepped crown and a mast."""
    lit, shade = SCHEMES[scheme]
    base = HORIZON + 0.04
    steps = [(1.0, top)] if style == 0 else [(1.0, top + 0.07), (0.70, top + 0.025), (0.42, top)]
    foot = base
    for part, head in steps:
        raise_wall(plates, Wall(x, x - left * part, foot, head, lit, screen, style), ink)
        raise_wall(plates, Wall(x, x + right * part, foot, head, shade, screen, style), ink)
        foot = head + 0.004
    if style:
        plates.line([(x, top), (x, top - 0.085)], ink * 0.9)
        plates.line([(x - 0.012, top - 0.030), (x + 0.012, top - 0.030)], ink * 0.6)
    else:
        for k in range(3):
            w, y0 = 0.10 * (left + right) * (0.6 + 0.3 * k), top - 0.012 * k
            cap = [(x - w, y0), (x + w, y0), (x + w, y0 - 0.02), (x - w, y0 - 0.02)]
            plates.patch(cap, shade, screen)
            plates.outline(cap, ink * 0.6)


def skyline(plates: Plates) -> None:
    """Three depths of buildings: a cyan row, a row of all colours, then the great towers at the sides."""
    rng = plates.rng
    for x in np.arange(0.0, 1.25, 0.062):
        top, wide = 0.56 + 0.05 * np.sin(9 * x) + rng.uniform(-0.07, 0.05), rng.uniform(0.028, 0.042)
        block = [(x - wide, 0.86), (x - wide, top), (x + wide, top), (x + wide, 0.86)]
        plates.patch(block, ((0.0, 0.0, 0.55), (0.0, 0.40, 0.25), (0.0, 0.2, 0.8))[rng.integers(3)], 1)
        plates.outline(block, 5)
        for row in np.arange(top + 0.018, 0.84, 0.020):
            for part in (-0.55, 0.0, 0.55):
                if rng.uniform() < 0.7:
                    cx = x + part * wide
                    plates.solid([(cx - 0.006, row), (cx + 0.006, row), (cx + 0.006, row + 0.008), (cx - 0.006, row + 0.008)])
    for group, ink in ((MIDDLE, 7), (NEAR, 9)):
        for place in group:
            building(plates, *place, ink)


def river(plates: Plates) -> None:
    """Water with zigzag reflections in all inks and heavy black ripples."""
    rng = plates.rng
    shore = 0.838
    deep = np.clip((plates.y - shore) / 0.17, 0, 1)
    plates.fill(plates.y > shore, (0.0, 0.0, 0.30 + 0.65 * deep), 1)
    glow = np.abs(plates.x - SUN[0] - 0.02 * np.sign(np.sin(plates.y * 180))) < 0.05 + 0.55 * (plates.y - shore)
    plates.fill((plates.y > shore) & glow, (1.0, 0.75 * deep, 0.0), 1)
    for _ in range(150):
        y = shore + 0.16 * rng.uniform(0, 1)
        x, long = rng.uniform(-0.05, 1.22), (0.02 + 0.35 * (y - shore)) * rng.uniform(0.6, 1.6)
        tall = 0.004 + 0.05 * (y - shore)
        points = [(x + long * k / 6, y + tall * (0.5 if k % 2 else -0.5)) for k in range(7)]
        under = [(px, py + 0.6 * tall + 0.002) for px, py in points[::-1]]
        kind = rng.integers(4)
        if kind == 0:
            plates.patch(points + under, (0.0, 0.0, 0.0), 1)
        elif kind == 1:
            plates.patch(points + under, (0.0, 1.0, 0.0), 1)
        plates.line(points, 3 + 28 * (y - shore))
    plates.line([(0, shore), (1.2, shore)], 10)


def bridge(plates: Plates) -> None:
    """A suspension bridge across the water: red towers, swinging cables, hangers and a deck."""
    deck, towers = 0.800, (0.335, 0.865)
    for x0, x1, sag in ((-0.195, 0.335, 0.17), (0.335, 0.865, 0.17), (0.865, 1.395, 0.17)):
        x = np.linspace(x0, x1, 40)
        y = 0.625 + sag * (1 - ((x - (x0 + x1) / 2) / ((x1 - x0) / 2)) ** 2)
        for k in range(1, 39, 2):
            plates.line([(x[k], y[k]), (x[k], deck)], 2.6)
        plates.line(list(zip(x, y, strict=True)), 9)
    beam = [(-0.02, deck), (1.22, deck), (1.22, deck + 0.030), (-0.02, deck + 0.030)]
    plates.patch(beam, (1.0, 1.0, 0.0), 2)
    plates.outline(beam, 7)
    for x in np.arange(-0.01, 1.22, 0.022):
        plates.line([(x, deck + 0.028), (x + 0.011, deck + 0.003), (x + 0.022, deck + 0.028)], 3)
    for tower in towers:
        for side in (-0.028, 0.028):
            top, foot = tower + side * 0.8, tower + side
            leg = [(top - 0.010, 0.60), (top + 0.010, 0.60), (foot + 0.013, 0.93), (foot - 0.013, 0.93)]
            plates.patch(leg, (0.0, 1.0, 0.0) if side < 0 else (0.0, 1.0, 0.45), 2)
            plates.outline(leg, 6)
        for y in (0.605, 0.665, 0.735):
            bar = [(tower - 0.036, y), (tower + 0.036, y), (tower + 0.036, y + 0.020), (tower - 0.036, y + 0.020)]
            plates.patch(bar, (1.0, 0.45, 0.0), 2)
            plates.outline(bar, 5)


def dots(plates: Plates, name: str) -> np.ndarray:
    """A colour plate broken into dots: where each one lies and how its size follows the tone."""
    turn = np.deg2rad(ANGLES[name])
    tone = ndimage.gaussian_filter(plates.tone[name], 0.8)
    ink = np.zeros_like(tone)
    for screen, pitch in enumerate(PITCHES):
        size = pitch * plates.unit
        u = (plates.x * np.cos(turn) + plates.y * np.sin(turn)) * plates.height / size
        v = (plates.y * np.cos(turn) - plates.x * np.sin(turn)) * plates.height / size
        far = np.hypot(u - np.round(u), v - np.round(v)) * size
        radius = np.sqrt(np.clip(tone, 0, 1) / np.pi) * size * (1 + 0.32 * smoothstep(0.75, 1.0, tone))
        dot = smoothstep(0.9, -0.9, far - radius) * (tone > 0.02)
        ink = np.where(plates.screen == screen, dot, ink)
    return ndimage.shift(ink, SHIFTS[name], order=0, mode="nearest")


def paint(width: int, height: int, seed: int) -> Image.Image:
    """The finished picture."""
    rng = np.random.default_rng(seed)
    w, h = width * SUPERSAMPLE, height * SUPERSAMPLE
    plates = Plates(rng, h, w)
    sky(plates)
    for x, y, size in ((0.285, 0.17, 0.085), (0.77, 0.13, 0.11), (0.80, 0.365, 0.07), (0.50, 0.075, 0.06)):
        cloud(plates, x, y, size)
    for step in (skyline, river, bridge):
        step(plates)
    picture = PAPER * (1 + 0.018 * noise(rng, h, w, 6, 3) + 0.015 * noise(rng, h, w, 200, 3))[..., None]
    worn = noise(rng, h, w, 5, 2) + 0.6 * noise(rng, h, w, h / 6, 3)
    for name, ink in INKS.items():
        part = dots(plates, name) * (0.96 - 0.35 * smoothstep(1.8, 3.0, worn * (1 if name == "red" else -1)))
        picture = picture * (1 - part[..., None] * (1 - ink))
    black = ndimage.gaussian_filter(np.asarray(plates.key, np.float32) / 255, 0.9) * (0.97 - 0.25 * smoothstep(2.0, 3.2, worn))
    picture = picture * (1 - black[..., None]) + BLACK * black[..., None]
    return finish(picture, width, height)
