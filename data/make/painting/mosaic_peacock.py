"""Peacock, from a bath house floor: a mosaic of some eleven thousand stone and glass tesserae.

The picture is a map of regions. Rows of tile centres follow every region's contour (the mosaicist's andamento): rings in the
feather eyes, lines parallel to the outlines elsewhere. Each pixel then belongs to the tile whose square, turned along its
row, holds it best, and where two tiles hold it equally there is grout. Tiles differ in colour, tilt and bevel.
"""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from scipy.spatial import cKDTree
from skimage.measure import find_contours

from .brushes import SUPERSAMPLE, colours, curve, emboss, finish, noise, ramp, smoothstep

GOLD = colours("a86a1a", "d8982c", "f2c04a", "ffe08a", "fff0b8")
FEATHER = colours("06323e", "0b5e56", "149068", "52b86e", "c0d050")
PLUME = colours("08124a", "0e2f96", "1668c8", "1ea6c8", "6fe0d0")
EARTH = colours("5a1f14", "9c3a1e", "cf6434", "eea06a", "f8dcb0")
LEAF = colours("0c3a2a", "1f6e3c", "5c9c3c", "b0c25a")
FRUIT = colours("6a0f1c", "b4202a", "e0553a", "f6b090")
CREAM = colours("d8c49a", "efe0bc", "fff8e4")
DARK = colours("0a0a14", "16203a", "2a2a3c")
# Colours of a feather eye from its heart to its rim, one or two rings each.
EYE = colours("081048", "10309c", "1fb4c8", "7fe6d4", "b8581e", "f2b23c", "2f8a4c")
GROUT = colours("3c3028")[0]
CENTRE, FAN = (0.60, 0.775), (0.555, 0.635)
# Leaves of the vine as x (from the middle), y, direction, half length.
LEAVES = [(0.500, 0.385, -0.4, 0.040), (0.545, 0.335, 0.6, 0.036), (0.470, 0.262, -1.0, 0.042), (0.528, 0.205, 0.9, 0.046),
          (0.470, 0.110, 1.1, 0.044), (0.395, 0.172, -1.6, 0.040), (0.330, 0.068, 0.2, 0.036),
          (0.275, 0.115, 0.5, 0.034)]  # fmt: skip
Tone = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]


class Mosaic:
    """Regions and rows of tiles; all coordinates handed in are in picture heights."""

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self.rng, self.height, self.width = rng, height, width
        self.y, self.x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        self.label = np.zeros((height, width), np.int32)
        self.regions: list[tuple[float, np.ndarray, Tone, bool]] = []
        self.seeds: list[np.ndarray] = []  # columns: x, y, direction, length, width, region, row

    def region(self, where: np.ndarray, size: float, palette: np.ndarray, tone: Tone, own_rows: bool = False) -> int:
        """Claim a region; unless it brings its `own_rows`, its tiles will follow its outline."""
        self.regions.append((size * self.height, palette, tone, own_rows))
        self.label[where] = len(self.regions) - 1
        return len(self.regions) - 1

    def row(self, path: np.ndarray, region: int, number: int) -> None:
        """Tiles one after another along a path given in pixels."""
        size = self.regions[region][0]
        length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(path, axis=0).T))])
        closed = np.hypot(*(path[0] - path[-1])) < 1.5
        count = max(1, round(length[-1] / size))
        step = length[-1] / count
        at = (np.arange(count) + (0.5 if not closed else self.rng.uniform())) * step % max(length[-1], 1e-6)
        at = at + self.rng.normal(0, 0.07, count) * step
        x, y = (np.interp(at, length, path[:, k]) for k in (0, 1))
        ahead = [np.interp(at + 2, length, path[:, k]) - np.interp(at - 2, length, path[:, k]) for k in (0, 1)]
        direction = np.arctan2(ahead[1], ahead[0]) + self.rng.normal(0, 0.05, count)
        rest = [np.full(count, value) for value in (step, size, region, number)]
        self.seeds.append(np.stack([x, y, direction, *rest], axis=1))

    def disc(self, x: float, y: float, wide: float, tall: float, turn: float = 0.0) -> np.ndarray:
        """An ellipse as a mask; `turn` rotates its long side."""
        dx, dy = self.x - x, self.y - y
        u, v = dx * np.cos(turn) + dy * np.sin(turn), dy * np.cos(turn) - dx * np.sin(turn)
        return (u / wide) ** 2 + (v / tall) ** 2 < 1

    def tube(self, points: list[tuple[float, float]], radii: list[float]) -> np.ndarray:
        """A limb: discs of changing radius along a curve, as a mask."""
        path = curve(points, 90)
        reach = np.interp(np.linspace(0, 1, 90), np.linspace(0, 1, len(radii)), radii)
        mask = Image.new("1", (self.width, self.height))
        for (x, y), r in zip(path * self.height, reach * self.height, strict=True):
            ImageDraw.Draw(mask).ellipse([x - r, y - r, x + r, y + r], fill=1)
        return np.asarray(mask)

    def follow_outlines(self) -> None:
        """Lay rows parallel to the outline in every region that has none of its own."""
        same = np.ones(self.label.shape, bool)
        same[:, 1:] &= self.label[:, 1:] == self.label[:, :-1]
        same[1:, :] &= self.label[1:] == self.label[:-1]
        far = ndimage.distance_transform_edt(same)
        boxes = ndimage.find_objects(self.label + 1)
        for region, (size, _, _, own_rows) in enumerate(self.regions):
            box = boxes[region] if region < len(boxes) else None
            if own_rows or box is None:
                continue
            inside = self.label[box] == region
            depth = ndimage.gaussian_filter(far[box], 1.5)
            for number in range(int(far[box][inside].max() / size) + 1):
                for path in find_contours(depth, (number + 0.5) * size, mask=inside):
                    if len(path) > 0.6 * size:
                        self.row(path[:, ::-1] + [box[1].start, box[0].start], region, number)


def eye(mosaic: Mosaic, x: float, y: float, radius: float, turn: float) -> None:
    """A feather's eye: rings of tiles around a dark heart, longer along the feather."""
    size, h = 0.0088, mosaic.height
    where = mosaic.disc(x, y, 1.22 * radius, radius, turn)
    rings = max(3, round(radius / size))

    def tone(px: np.ndarray, py: np.ndarray, row: np.ndarray) -> np.ndarray:
        return row / (rings - 1) + mosaic.rng.normal(0, 0.03, row.shape)

    region = mosaic.region(where, size, EYE, tone, own_rows=True)
    around = np.linspace(0, 2 * np.pi, 90)
    for ring in range(rings):
        part = (ring + (0.5 if ring else 0.12)) * radius / rings
        u, v = 1.22 * part * np.cos(around), part * np.sin(around)
        path = np.stack([x + u * np.cos(turn) - v * np.sin(turn), y + u * np.sin(turn) + v * np.cos(turn)], axis=1)
        mosaic.row(path * h, region, ring)


def train(mosaic: Mosaic) -> None:
    """The open fan: scalloped edge, green ground, four ranks of eyes and the quills that carry them."""
    cx, cy = CENTRE
    ranks = [(0.40, 10, 0.027, 0.5), (0.575, 13, 0.033, 0.0), (0.765, 16, 0.039, 0.5), (0.955, 19, 0.044, 0.0)]
    places = []
    for reach, count, radius, shift in ranks:
        for turn in np.linspace(-np.pi - 0.36, 0.36, count) if not shift else np.linspace(-np.pi - 0.26, 0.26, count - 1):
            places.append((cx + FAN[0] * reach * np.cos(turn), cy + FAN[1] * reach * np.sin(turn), radius, turn, reach))
    fan = ((mosaic.x - cx) / FAN[0]) ** 2 + ((mosaic.y - cy) / FAN[1]) ** 2 < 0.93**2
    for x, y, radius, turn, reach in places:
        if reach > 0.9:
            fan |= mosaic.disc(x, y, 1.22 * radius + 0.021, radius + 0.021, turn)
    fan &= mosaic.y < 0.90 + 0.01 * np.sin(20 * mosaic.x)

    def ground(px: np.ndarray, py: np.ndarray, row: np.ndarray) -> np.ndarray:
        far = np.hypot((px - cx) / FAN[0], (py - cy) / FAN[1])
        return 0.34 + 0.42 * (row % 2) + 0.22 * np.sin(far * 33) + mosaic.rng.normal(0, 0.10, row.shape)

    mosaic.region(fan, 0.0100, FEATHER, ground)
    for x, y, _, turn, reach in places:
        back = 0.20 if reach > 0.5 else 0.12
        ends = [(x - part * FAN[0] * np.cos(turn), y - part * FAN[1] * np.sin(turn)) for part in np.linspace(back, 0.0, 12)]
        quill = mosaic.region(mosaic.tube(ends, [0.0045]) & fan, 0.0090, GOLD, flat(mosaic, 0.55), own_rows=True)
        mosaic.row(np.array(ends) * mosaic.height, quill, 0)
    for x, y, radius, turn, _ in places:
        eye(mosaic, x, y, radius, turn)


def flat(mosaic: Mosaic, level: float, spread: float = 0.16) -> Tone:
    """A tone that only varies from tile to tile."""
    return lambda px, py, row: level + mosaic.rng.normal(0, spread, row.shape)


def rising(mosaic: Mosaic, level: float, step: float) -> Tone:
    """A tone that grows paler from row to row, away from the outline."""
    return lambda px, py, row: level + step * row + mosaic.rng.normal(0, 0.1, row.shape)


def bird(mosaic: Mosaic) -> None:
    """Breast, neck and head, looking to the left, with crest and beak."""
    h = mosaic.height
    body = mosaic.tube([(0.615, 0.830), (0.628, 0.760), (0.592, 0.675), (0.606, 0.590), (0.585, 0.520)],
                       [0.062, 0.088, 0.092, 0.070, 0.048, 0.038, 0.030, 0.027, 0.027, 0.033])  # fmt: skip
    away = ndimage.distance_transform_edt(~body)
    rim = mosaic.region(away < 0.0100 * h, 0.0100, CREAM, flat(mosaic, 0.6, 0.2), own_rows=True)
    for path in find_contours(away, 0.0050 * h):
        mosaic.row(path[:, ::-1], rim, 0)

    def plume(px: np.ndarray, py: np.ndarray, row: np.ndarray) -> np.ndarray:
        scales = 0.5 + 0.5 * np.sin(py * 150) * np.cos(px * 150)
        light = 0.9 * (0.625 - px) / 0.1 * (0.4 + 0.6 * smoothstep(0.60, 0.72, py))
        return 0.34 + 0.30 * scales + 0.45 * light + 0.14 * (row % 2) + mosaic.rng.normal(0, 0.07, row.shape)

    mosaic.region(body, 0.0088, PLUME, plume)
    for turn in np.linspace(-2.25, -0.95, 5):
        path = np.array([0.588, 0.497]) + np.linspace(0.018, 0.078, 8)[:, None] * np.array([np.cos(turn), np.sin(turn)])
        stem = mosaic.region(mosaic.tube(path.tolist(), [0.0042]), 0.0085, CREAM, flat(mosaic, 0.6), own_rows=True)
        mosaic.row(path * h, stem, 0)
        x, y = path[-1]
        mosaic.region(mosaic.disc(x, y, 0.0125, 0.0125), 0.0085, PLUME, flat(mosaic, 0.85))
    beak = Image.new("1", (mosaic.width, mosaic.height))
    ImageDraw.Draw(beak).polygon([(px * h, py * h) for px, py in ((0.556, 0.505), (0.510, 0.532), (0.556, 0.537))], fill=1)
    mosaic.region(np.asarray(beak), 0.0085, GOLD, flat(mosaic, 0.7))
    mosaic.region(mosaic.disc(0.572, 0.519, 0.018, 0.013), 0.0085, CREAM, flat(mosaic, 0.9, 0.1))
    pupil = mosaic.region(mosaic.disc(0.573, 0.516, 0.0065, 0.0065), 0.013, DARK, flat(mosaic, 0.1, 0.1), own_rows=True)
    mosaic.row(np.array([[0.570, 0.516], [0.576, 0.516]]) * h, pupil, 0)
    for x in (0.590, 0.645):
        leg = [(x, 0.902), (x - 0.004, 0.922), (x - 0.004, 0.938)]
        for path in (leg, [(x - 0.028, 0.944), (x - 0.004, 0.938), (x + 0.018, 0.944)]):
            foot = mosaic.region(mosaic.tube(path, [0.0055]), 0.0090, GOLD, flat(mosaic, 0.75), own_rows=True)
            mosaic.row(curve(path, 20) * h, foot, 0)


def vine(mosaic: Mosaic, sign: float) -> None:
    """A branch with leaves and pomegranates in an upper corner; `sign` -1 is the left one."""
    h = mosaic.height

    def place(x: float, y: float) -> tuple[float, float]:
        return 0.6 + sign * x, y

    stem = [place(x, y) for x, y in ((0.535, 0.43), (0.520, 0.30), (0.470, 0.185), (0.375, 0.105), (0.24, 0.085))]
    region = mosaic.region(mosaic.tube(stem, [0.0055]), 0.0095, EARTH, flat(mosaic, 0.2), own_rows=True)
    mosaic.row(curve(stem, 60) * h, region, 0)
    for x, y, turn, long in LEAVES:
        lx, ly = place(x, y)
        heading = np.pi / 2 - turn if sign > 0 else np.pi / 2 + turn
        where = mosaic.disc(lx, ly, long, 0.44 * long, heading)

        mosaic.region(where, 0.0092, LEAF, rising(mosaic, 0.22, 0.38))
    for x, y, radius in ((0.535, 0.110, 0.034), (0.425, 0.215, 0.028), (0.405, 0.062, 0.022), (0.548, 0.265, 0.024)):
        px, py = place(x, y)
        mosaic.region(mosaic.disc(px, py, radius, radius), 0.0090, FRUIT, rising(mosaic, 0.15, 0.27))


def ground(mosaic: Mosaic) -> None:
    """Below the bird: waving bands of earth, cream and turquoise."""
    h = mosaic.height
    edge = 0.885 + 0.01 * np.sin(9 * mosaic.x)

    def tone(px: np.ndarray, py: np.ndarray, row: np.ndarray) -> np.ndarray:
        pattern = np.array([0.9, 0.15, 0.35, 0.55, 0.95, 0.3, 0.5, 0.1])
        return pattern[row.astype(int) % 8] + 0.12 * np.sin(px * 40 + row) + mosaic.rng.normal(0, 0.07, row.shape)

    region = mosaic.region(mosaic.y > edge, 0.0115, EARTH, tone, own_rows=True)
    x = np.linspace(-0.01, 1.21, 400)
    for number, y in enumerate(np.arange(0.885, 1.02, 0.0115)):
        mosaic.row(np.stack([x, y + 0.0057 + 0.01 * np.sin(9 * x)], axis=1) * h, region, number)


def frame(mosaic: Mosaic) -> None:
    """A border of triangles between two dark lines."""
    w, h, size = mosaic.width / mosaic.height, mosaic.height, 0.0115
    inset = np.minimum(np.minimum(mosaic.x, w - mosaic.x), np.minimum(mosaic.y, 1 - mosaic.y))
    rows = 5

    def tone(px: np.ndarray, py: np.ndarray, row: np.ndarray) -> np.ndarray:
        side = np.minimum(px, w - px) < np.minimum(py, 1 - py)
        saw = np.abs((np.where(side, py, px) / 0.0625) % 1 - 0.5) * 2
        tooth = saw * (rows - 2) > row - 0.6
        level = np.where(tooth, 0.30, 0.92)
        return np.where((row == 0) | (row == rows - 1), 0.0, level) + mosaic.rng.normal(0, 0.05, row.shape)

    palette = np.concatenate([DARK[1:2], EARTH[1:3], PLUME[3:4], CREAM[1:3]])
    region = mosaic.region(inset < rows * size, size, palette, tone, own_rows=True)
    for number in range(rows):
        d = (number + 0.5) * size
        corners = np.array([(d, d), (w - d, d), (w - d, 1 - d), (d, 1 - d), (d, d)])
        for a, b in zip(corners[:-1], corners[1:], strict=True):
            along = (b - a) / np.hypot(*(b - a)) * size / 2
            mosaic.row(np.linspace(a - along, b - along, 50) * h, region, number)


def colour_tiles(mosaic: Mosaic, seeds: np.ndarray) -> np.ndarray:
    """A colour for every tile from its region's ladder, shaken a little."""
    colour = np.zeros((len(seeds), 3), np.float32)
    for region, (_, palette, tone, _) in enumerate(mosaic.regions):
        mine = seeds[:, 5] == region
        if mine.any():
            x, y = seeds[mine, 0] / mosaic.height, seeds[mine, 1] / mosaic.height
            colour[mine] = ramp(palette, tone(x, y, seeds[mine, 6]))
    rng = mosaic.rng
    return colour * (1 + 0.13 * rng.standard_normal((len(seeds), 1)) + 0.035 * rng.standard_normal((len(seeds), 3)))


def tiles(mosaic: Mosaic, seeds: np.ndarray) -> tuple[np.ndarray, ...]:
    """For every pixel its tile, its place on it (-1..1 both ways) and its distance in pixels from the tile's edge."""
    tree, h, w = cKDTree(seeds[:, :2]), mosaic.height, mosaic.width
    wobble = np.stack([noise(mosaic.rng, h, w, 9, 2), noise(mosaic.rng, h, w, 9, 2)], axis=-1) * 0.55
    owner, edge = np.empty((h, w), np.int32), np.empty((h, w), np.float32)
    place = np.empty((h, w, 2), np.float32)
    for top in range(0, h, 128):
        rows = slice(top, min(h, top + 128))
        y, x = np.mgrid[rows, 0:w].astype(np.float32)
        point = np.stack([x, y], axis=-1) + wobble[rows]
        near = tree.query(point, k=8)[1]
        seed = seeds[near]
        dx, dy = point[..., 0, None] - seed[..., 0], point[..., 1, None] - seed[..., 1]
        cos, sin = np.cos(seed[..., 2]), np.sin(seed[..., 2])
        u, v = (dx * cos + dy * sin) / seed[..., 3] * 2, (dy * cos - dx * sin) / seed[..., 4] * 2
        reach = np.maximum(np.abs(u), np.abs(v)) + 0.06 * (u * v) ** 2
        reach += 50.0 * (seed[..., 5] != mosaic.label[rows][..., None])
        order = np.argsort(reach, axis=-1)[..., :2]
        best, second = np.moveaxis(np.take_along_axis(reach, order, axis=-1), -1, 0)
        first = order[..., :1]
        owner[rows] = np.take_along_axis(near, first, axis=-1)[..., 0]
        place[rows] = np.concatenate([np.take_along_axis(u, first, axis=-1), np.take_along_axis(v, first, axis=-1)], axis=-1)
        half = seeds[owner[rows], 4] / 2
        edge[rows] = np.minimum((np.minimum(second, best + 2) - best) / 2, 1.22 - best) * half
    return owner, place, edge


def paint(width: int, height: int, seed: int) -> Image.Image:
    """The finished picture."""
    rng = np.random.default_rng(seed)
    w, h = width * SUPERSAMPLE, height * SUPERSAMPLE
    mosaic = Mosaic(rng, h, w)
    mosaic.region(mosaic.x > -1, 0.0120, GOLD, lambda x, y, row: 0.50 + 0.20 * np.sin(row * 1.3) + rng.normal(0, 0.15, row.shape))
    for step in (lambda m: vine(m, -1), lambda m: vine(m, 1), ground, train, bird, frame):
        step(mosaic)
    mosaic.follow_outlines()
    seeds = np.concatenate(mosaic.seeds)
    column, line = np.clip(seeds[:, 0], 0, w - 1).astype(int), np.clip(seeds[:, 1], 0, h - 1).astype(int)
    seeds = seeds[mosaic.label[line, column] == seeds[:, 5]]
    colour = colour_tiles(mosaic, seeds)
    owner, place, edge = tiles(mosaic, seeds)
    tilt = rng.normal(0, 0.10, (len(seeds), 2))[owner]
    stone = 1 + (place * tilt).sum(axis=-1) + 0.035 * noise(rng, h, w, 4, 2) + 0.05 * noise(rng, h, w, 14, 2, stretch=2)
    stone += 0.15 * emboss(np.minimum(edge, 3.2), 0.9)
    grout = GROUT * (1 + 0.20 * noise(rng, h, w, 4, 2) + 0.15 * noise(rng, h, w, 120, 2))[..., None]
    part = smoothstep(0.3, 1.7, edge)[..., None]
    worn = 1 + 0.05 * noise(rng, h, w, h / 5, 3)[..., None]
    return finish((colour[owner] * stone[..., None] * 1.10 * part + grout * (1 - part)) * worn, width, height)
