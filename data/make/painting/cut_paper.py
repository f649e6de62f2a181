"""Lagoon, with scissors: seaweed, leaves, birds and stars cut from painted paper and pasted on coloured panels.

Every sheet is first painted with a wide gouache brush, which leaves streaks, overlaps and thin places. The shapes are cut
freehand: lobes and stems run together, then their outline is rounded as scissors would. They are pasted from panels to
confetti, each with the soft shadow of a paper edge that does not lie quite flat and a pale rim where it was cut.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from .brushes import SUPERSAMPLE, bristles, colours, curve, emboss, finish, noise, smoothstep, walk

CODES = {"red": "d92a1c", "orange": "f57a14", "yellow": "fbbf1e", "pink": "ee5d88", "cream": "fbf1d8", "blue": "1d3fae",
         "sky": "4fa9d6", "green": "0e7a4e", "lime": "9cc432", "plum": "8a1f5c", "ink": "16194a"}  # fmt: skip
PAINTS = {name: colours(code)[0] for name, code in CODES.items()}
# Panels as left, top, right, bottom in picture heights, sheet colour, then the two colours of the frond on it.
PANELS = [(0.00, 0.00, 0.33, 0.37, "orange", "blue", "cream"), (0.33, 0.00, 0.60, 0.30, "cream", "red", "yellow"),
          (0.60, 0.00, 0.95, 0.34, "pink", "green", "yellow"), (0.95, 0.00, 1.20, 0.40, "yellow", "plum", "cream"),
          (0.00, 0.37, 0.27, 0.70, "lime", "plum", "cream"), (0.27, 0.30, 0.60, 0.68, "blue", "yellow", "red"),
          (0.60, 0.34, 0.89, 0.66, "red", "cream", "ink"), (0.89, 0.40, 1.20, 0.71, "sky", "orange", "ink"),
          (0.00, 0.70, 0.36, 1.00, "red", "lime", "ink"), (0.36, 0.68, 0.68, 1.00, "yellow", "green", "ink"),
          (0.68, 0.66, 0.96, 1.00, "plum", "pink", "yellow"), (0.96, 0.71, 1.20, 1.00, "orange", "cream", "blue")]  # fmt: skip
# What lies across the panel borders, as x, y, direction, size, sheet colour.
LEAVES = [(0.215, 0.425, -0.45, 0.22, "ink"), (1.215, 0.475, -2.75, 0.24, "red"), (0.27, 1.01, -0.75, 0.22, "sky"),
          (0.56, 0.02, 0.75, 0.2, "blue"), (0.62, 0.745, -2.6, 0.17, "pink"), (0.99, 0.73, -2.2, 0.18, "lime")]  # fmt: skip
BIRDS = [(0.335, 0.10, -0.4, 0.080, "ink"), (0.90, 0.355, -0.9, 0.090, "cream"), (0.02, 0.66, -0.7, 0.085, "orange"),
         (0.72, 0.67, 0.3, 0.08, "sky"), (0.33, 0.66, -0.3, 0.07, "cream")]  # fmt: skip


class Collage:
    """The picture so far, and the stock of brushed sheets the pieces are cut from."""

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self.rng, self.height, self.width, self.unit = rng, height, width, height / 1280
        self.picture = np.ones((height, width, 3), np.float32) * PAINTS["cream"]
        self.sheets = [self.brushed(slant) for slant in (4, 38, 66, 93, 128, 160)]
        self.tooth = emboss(noise(rng, height, width, 4, 2), 0.7)

    def brushed(self, slant: float) -> np.ndarray:
        """How thickly the paint lies on a sheet brushed in one direction, in overlapping bands."""
        side = int(1.5 * max(self.height, self.width))
        hair = np.tile(bristles(self.rng), (2, 8))[:side, :side]
        sway = np.arange(side)[None, :] + (5 * noise(self.rng, side, side, 300, 1)).astype(int)
        hair = np.take_along_axis(hair, sway % side, axis=1)
        band = np.cumsum(self.rng.uniform(50, 105, 60) * self.unit)
        columns = np.arange(side)[None, :] + 8 * noise(self.rng, side, side, 260, 1)
        number = np.searchsorted(band, columns.ravel()).reshape(side, side)
        into = columns - np.concatenate([[0], band])[number]
        thick = 0.5 * hair + self.rng.normal(0, 0.45, 64)[number] + 1.1 * np.exp(-into / (7 * self.unit))
        thick = ndimage.rotate(thick.astype(np.float32), slant, reshape=False, order=1, mode="wrap")
        top, left = (side - self.height) // 2, (side - self.width) // 2
        return thick[top : top + self.height, left : left + self.width] + 0.45 * noise(self.rng, self.height, self.width, 190, 3)

    def paper(self, colour: str, box: tuple[slice, slice]) -> np.ndarray:
        """A piece of one of the sheets in a paint: darker where the gouache lies thick, chalky where it is thin."""
        sheet = self.sheets[self.rng.integers(len(self.sheets))]
        shift = self.rng.integers(0, [self.height, self.width])
        thick = np.roll(sheet, shift, axis=(0, 1))[box] / 1.1
        paint = PAINTS[colour]
        deep, chalk = paint**1.25 * 0.80, paint * 0.72 + 0.28
        part = smoothstep(-1.6, 1.8, thick)[..., None]
        mixed = np.where(part < 0.5, chalk + (paint - chalk) * 2 * part, paint + (deep - paint) * (2 * part - 1))
        return mixed * (1 + 0.045 * np.clip(emboss(thick, 1.0), -1, 1) + 0.035 * self.tooth[box])[..., None]

    def paste(self, mask: np.ndarray, colour: str, lift: float = 1.0) -> None:
        """Cut `mask` out of a sheet and paste it; `lift` is how far its edges stand off."""
        rows, columns = np.nonzero(mask.any(axis=1))[0], np.nonzero(mask.any(axis=0))[0]
        if not len(rows):
            return
        pad = int(34 * self.unit)
        box = (slice(max(0, rows[0] - pad), rows[-1] + pad), slice(max(0, columns[0] - pad), columns[-1] + pad))
        shape = np.pad(mask[box].astype(np.float32), pad, mode="edge")
        deep, near = lift * 9 * self.unit, lift * 3 * self.unit
        shadow = 0.42 * ndimage.shift(ndimage.gaussian_filter(shape, deep), deep * 0.9, order=1)
        shadow = np.maximum(shadow, 0.50 * ndimage.shift(ndimage.gaussian_filter(shape, near), near * 1.2, order=1))
        rim = emboss(shape, 1.4) * 0.12
        shape, shadow, rim = (field[pad:-pad, pad:-pad] for field in (shape, shadow, rim))
        part = ndimage.gaussian_filter(shape, 0.7)[..., None]
        under = self.picture[box] * (1 - shadow[..., None] * np.array([1.0, 0.94, 0.80]))
        self.picture[box] = under * (1 - part) + self.paper(colour, box) * (1 + rim[..., None]) * part

    def cut(self, polygons: list[np.ndarray], rounding: float = 5.0, holes: list[np.ndarray] | None = None) -> np.ndarray:
        """The union of some outlines, less the holes, its corners rounded; outlines are in pixels."""
        sheet = Image.new("L", (self.width, self.height))
        for group, value in ((polygons, 255), (holes or [], 0)):
            for polygon in group:
                ImageDraw.Draw(sheet).polygon(polygon.ravel().tolist(), fill=value)
        return ndimage.gaussian_filter(np.asarray(sheet, np.float32), rounding * self.unit) > 127


def lobe(x: float, y: float, heading: float, length: float, wide: float, bend: float, tip: float = 0.72) -> np.ndarray:
    """A tongue from (x, y), narrow at its foot and widest at the part `tip` of its length."""
    part = np.linspace(0, 1, 26)
    turn = heading + bend * part
    rise = 0.42 + 0.58 * np.sin(np.pi / 2 * part / tip) ** 2
    close = np.sqrt(np.clip(1 - ((part - tip) / (1 - tip)) ** 2, 0, 1))
    half = wide / 2 * np.where(part < tip, rise, close)
    side = np.stack([-np.sin(turn) * half, np.cos(turn) * half], axis=1)
    middle = walk(x, y, turn, length / len(part))
    return np.concatenate([middle + side, (middle - side)[::-1]])


def frond(rng: np.random.Generator, stem: np.ndarray, lobes: int, length: float) -> list[np.ndarray]:
    """Seaweed: pairs of lobes that open from a stem and bend towards its tip, the longest below the middle."""
    step = np.gradient(stem, axis=0)
    heading, tall = np.arctan2(step[:, 1], step[:, 0]), np.hypot(*(stem[-1] - stem[0]))
    wide = 0.50 * tall / lobes
    pieces = [lobe(*stem[-2], heading[-1], 0.26 * tall, 1.1 * wide, 0.0)]
    for at in np.linspace(0.10, 0.93, lobes):
        k = int(at * (len(stem) - 1))
        for sign in (-1, 1):
            size = length * (0.50 + 0.62 * np.sin(np.pi * (1 - at) ** 0.8)) * rng.uniform(0.88, 1.12)
            opening = sign * (1.25 - 0.45 * at + rng.normal(0, 0.06))
            pieces.append(lobe(*stem[k], heading[k] + opening, size, wide * rng.uniform(0.9, 1.12), -sign * rng.uniform(0.35, 0.8)))
    for k in range(0, len(stem) - 3):
        pieces.append(lobe(*stem[k], heading[k], 0.16 * tall, wide * (0.62 - 0.3 * k / len(stem)), 0.0, 0.5))
    return pieces


def split_leaf(rng: np.random.Generator, x: float, y: float, heading: float, length: float) -> tuple[list[np.ndarray], ...]:
    """A broad leaf and the slits to cut from its rim towards the rib."""
    leaf = [lobe(x, y, heading, length, 0.62 * length, rng.uniform(-0.3, 0.3), 0.5)]
    slits = []
    for at in np.linspace(0.22, 0.8, 5):
        px, py = x + at * length * np.cos(heading), y + at * length * np.sin(heading)
        for sign in (-1, 1):
            tilt = heading + sign * 0.95
            start = 0.06 * length
            slits.append(lobe(px + start * np.cos(tilt), py + start * np.sin(tilt), tilt, 0.5 * length, 0.055 * length, 0.0, 0.9))
    return leaf, slits


def star(rng: np.random.Generator, x: float, y: float, radius: float) -> list[np.ndarray]:
    """A star of uneven rays."""
    count = int(rng.integers(6, 10))
    turns = np.arange(count) * 2 * np.pi / count + rng.uniform(0, 1)
    return [lobe(x, y, turn, radius * rng.uniform(0.8, 1.15), 0.36 * radius, rng.normal(0, 0.15), 0.3) for turn in turns]


def bird(x: float, y: float, size: float, turn: float) -> list[np.ndarray]:
    """A swallow: body, two swept wings, a forked tail."""
    back = turn + np.pi
    parts = [(turn, 0.5, 0.26, 0.2, 0.45), (back, 0.55, 0.24, 0.0, 0.3),
             (back + 0.25, 0.95, 0.13, 0.3, 0.3), (back - 0.25, 0.95, 0.13, -0.3, 0.3),
             (turn + 1.25, 1.0, 0.34, 0.9, 0.3), (turn - 1.25, 1.0, 0.34, -0.9, 0.3)]  # fmt: skip
    return [lobe(x, y, heading, size * long, size * wide, bend, tip) for heading, long, wide, bend, tip in parts]


def ribbon_wave(x: float, y: float, heading: float, length: float, wide: float, waves: float) -> np.ndarray:
    """A wavy strip."""
    part = np.linspace(0, 1, 90)[:, None]
    ahead, across = np.array([np.cos(heading), np.sin(heading)]), np.array([-np.sin(heading), np.cos(heading)])
    along = np.array([x, y]) + part * length * ahead + np.sin(part * waves * 2 * np.pi) * wide * 0.9 * across
    side = across * wide / 2 * (0.6 + 0.4 * np.sin(np.pi * part))
    return np.concatenate([along + side, (along - side)[::-1]])


def panels(collage: Collage) -> None:
    """The coloured sheets, with strips of waves or rows of stars on each."""
    rng, h = collage.rng, collage.height
    for left, top, right, bottom, sheet, *_ in PANELS:
        corners = np.array([(left, top), (right, top), (right, bottom), (left, bottom)]) + rng.normal(0, 0.006, (4, 2))
        corners += np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * 0.010
        collage.paste(collage.cut([corners * h], 2), sheet, 0.5)
    for number, (left, top, right, bottom, _, _, under) in enumerate(PANELS):
        wide, tall = right - left, bottom - top
        pieces = []
        for row in np.linspace(0.12, 0.90, 5):
            y = (top + row * tall) * h
            if number % 2:
                for at in np.linspace(0.10, 0.90, 5):
                    pieces += star(rng, (left + at * wide) * h, y, 0.022 * h)
            else:
                pieces.append(ribbon_wave((left + 0.02) * h, y, rng.normal(0, 0.03), (wide - 0.04) * h, 0.017 * h, 4.5))
        collage.paste(collage.cut(pieces, 2), under, 0.5)


def confetti(collage: Collage) -> None:
    """Small tongues and sprigs scattered over the sheets."""
    rng, h = collage.rng, collage.height
    cells = [(i * 0.1 + 0.03, j * 0.1 + 0.05) for i in range(12) for j in range(10)]
    for x, y in rng.permutation(np.array(cells))[:62]:
        x, y = (x + rng.normal(0, 0.02)) * h, (y + rng.normal(0, 0.02)) * h
        colour = ("cream", "ink", "yellow", "pink", "sky", "lime")[rng.integers(6)]
        turn, size = rng.uniform(0, 6.3), rng.uniform(0.05, 0.08) * h
        if rng.uniform() < 0.35:
            stem = np.array([x, y]) + np.linspace(0, 1, 10)[:, None] * size * np.array([np.cos(turn), np.sin(turn)])
            collage.paste(collage.cut(frond(rng, stem, 3, 0.5 * size), 2), colour, 0.7)
        else:
            collage.paste(collage.cut([lobe(x, y, turn, size, 0.32 * size, rng.normal(0, 0.8), 0.5)], 2), colour, 0.7)


def fronds(collage: Collage) -> None:
    """One large frond on every panel, over a second one that shows as its coloured shadow."""
    rng, h = collage.rng, collage.height
    for number, (left, top, right, bottom, _, front, under) in enumerate(PANELS):
        wide, tall = right - left, bottom - top
        lean = (0.10 if number % 2 else -0.10) * rng.uniform(0.5, 1.3)
        knots = np.array([(0.5 - lean, 1.0), (0.5 + 0.6 * lean, 0.70), (0.5 - 0.4 * lean, 0.42), (0.5 + lean, 0.20)])
        stem = curve((knots * [wide, tall] + [left, top]).tolist(), 24) * h
        pieces = frond(rng, stem, int(rng.integers(5, 7)), 0.40 * wide * h)
        mask = collage.cut(pieces, 5)
        if number % 3 != 1:
            reach = int(0.009 * h)
            collage.paste(ndimage.distance_transform_edt(~mask) < reach, under, 0.8)
        collage.paste(mask, front)


def strays(collage: Collage) -> None:
    """Broad leaves and birds across the panel borders."""
    rng, h = collage.rng, collage.height
    for x, y, turn, size, colour in LEAVES:
        leaf, slits = split_leaf(rng, x * h, y * h, turn, size * h)
        collage.paste(collage.cut(leaf, 3, slits), colour, 1.3)
    for x, y, turn, size, colour in BIRDS:
        collage.paste(collage.cut(bird(x * h, y * h, size * h, turn), 3.5), colour, 1.3)


def paint(width: int, height: int, seed: int) -> Image.Image:
    """The finished picture."""
    rng = np.random.default_rng(seed)
    collage = Collage(rng, height * SUPERSAMPLE, width * SUPERSAMPLE)
    panels(collage)
    confetti(collage)
    fronds(collage)
    strays(collage)
    return finish(collage.picture, width, height)
