"""Pines above the gorge, clearing rain: an ink landscape on warm paper with one red seal.

Ink is a density that adds up on the paper. Each range of peaks, from far to near, first wipes what stands behind it with
mist, then takes a wet wash with dark edges, then hundreds of split-brush strokes that fan down from the summits, then moss
dots along its ridge. The cliff and its pines in front are drawn bristle by bristle; water, birds and the seal come last.
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from .brushes import SUPERSAMPLE, bristles, colours, curve, finish, noise, ribbon, smoothstep, walk

PAPER, SEAL = colours("f1dfb4", "c8321c")
# Ranges from far to near: foot of the range, darkness, then its peaks as x, height and half width in picture heights.
RANGES = [
    (0.60, 0.22, [(0.10, 0.26, 0.09), (0.30, 0.20, 0.10), (0.66, 0.30, 0.07), (0.82, 0.36, 0.08), (1.05, 0.26, 0.10)]),
    (0.70, 0.50, [(0.02, 0.34, 0.10), (0.20, 0.22, 0.08), (0.52, 0.33, 0.055), (0.63, 0.22, 0.06), (0.95, 0.43, 0.075),
                  (1.16, 0.36, 0.09)]),
    (0.80, 0.88, [(0.36, 0.655, 0.105), (0.235, 0.42, 0.07), (0.50, 0.36, 0.07), (0.82, 0.26, 0.085), (1.08, 0.36, 0.08),
                  (0.0, 0.25, 0.1)]),
    (1.04, 1.05, [(0.11, 0.44, 0.10), (0.26, 0.26, 0.075), (1.16, 0.48, 0.09)]),
]  # fmt: skip
# Pines as x and y of the foot, height, lean, darkness.
PINES = [
    (0.86, 0.84, 0.36, -0.10, 0.95),
    (1.10, 0.70, 0.46, -0.12, 1.25),
    (0.99, 0.76, 0.56, 0.03, 1.3),
    (0.05, 0.90, 0.24, 0.05, 1.2),
]
# The boat's strokes as width, darkness and points: hull, pole, man, hat, cabin, reflection.
BOAT = [(15, 1.6, [(0.455, 0.884), (0.51, 0.900), (0.57, 0.896), (0.615, 0.878)]),
        (5, 1.3, [(0.60, 0.845), (0.565, 0.87), (0.50, 0.935)]),
        (15, 1.5, [(0.556, 0.888), (0.560, 0.862)]),
        (11, 1.5, [(0.540, 0.860), (0.559, 0.847), (0.580, 0.860)]),
        (9, 1.2, [(0.47, 0.88), (0.495, 0.862), (0.52, 0.888)]),
        (9, 0.7, [(0.47, 0.915), (0.54, 0.922), (0.61, 0.912)])]  # fmt: skip
FIGURE = ("1101011", "0101010", "1111011", "0100010", "1101111", "1001001", "1011101")  # on the seal


class Ink:
    """The density of ink on the paper, and the brush."""

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self.rng, self.height, self.width, self.unit = rng, height, width, height / 1280
        self.density = np.zeros((height, width), np.float32)
        self.sheet = bristles(rng)
        self.y, self.x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        self.rough = noise(rng, height, width, height / 60, 3)
        self.bloom = noise(rng, height, width, height / 7, 4)

    def stroke(self, path: np.ndarray, width: float, tone: float, dry: float = 0.3, taper: float = 0.5, side: float = 0.0) -> None:
        """A brush stroke; `dry` splits the bristles, `taper` thins both ends, `side` loads one edge with more ink."""
        x, y, along, across = ribbon(path, width)
        row = self.rng.integers(0, self.sheet.shape[0] - min(len(x), 2000))
        column = self.rng.integers(0, self.sheet.shape[1] - min(x.shape[1], 500))
        hair = self.sheet[row : row + len(x), column : column + x.shape[1]]
        rows, columns = hair.shape
        x, y, along, across = x[:rows, :columns], y[:rows, :columns], along[:rows], across[:, :columns]
        body = 1 - taper * np.abs(2 * along - 0.8) ** 2.5
        wet = 1 - dry * (0.4 + 1.3 * along) + 0.55 * dry * 2 * hair * 0.6
        load = smoothstep(1.0, 0.82, np.abs(across) / np.maximum(body, 0.05)) * smoothstep(0.25, 0.6, wet)
        load = load * tone * (1 + 0.18 * hair + side * across)
        inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height) & (load > 0.01)
        xi, yi = x[inside].astype(int), y[inside].astype(int)
        old = self.density[yi, xi]
        self.density[yi, xi] = np.maximum(old, np.minimum(old * 0.35 + load[inside], 1.9))


def skyline(ink: Ink, peaks: list[tuple[float, float, float]], foot: float) -> tuple[np.ndarray, np.ndarray]:
    """The ridge line over x, and for each column how far to the side of its summit it lies."""
    x = ink.x[0]
    rise = np.array([tall * np.exp(-((np.abs(x - at) / wide) ** 1.7)) for at, tall, wide in peaks])
    owner = rise.argmax(axis=0)
    jag = noise(ink.rng, 2, ink.width, ink.height / 18, 5)[0]
    ridge = foot - (rise**6).sum(axis=0) ** (1 / 6) * (1 + 0.07 * jag) - 0.006 * jag
    aside = (x - np.array([peak[0] for peak in peaks])[owner]) / np.array([peak[2] for peak in peaks])[owner]
    return ridge, aside


def wash(ink: Ink, ridge: np.ndarray, aside: np.ndarray, tone: float, reach: float) -> None:
    """Wet ink under a ridge: dark along the edge, folds down the slopes, sinking into mist below."""
    depth = ink.y - ridge[None, :] + 0.004 * ink.rough
    inside = smoothstep(0, 0.004, depth)
    ink.density *= 1 - inside * smoothstep(1.9 * reach, 0.4 * reach, depth) * 0.97
    fade = np.exp(-((np.maximum(depth, 0) / reach) ** 1.5)) * (0.75 + 0.25 * ink.bloom)
    folds = np.sin(aside[None, :] * 7 + 3 * ink.bloom + depth * 18) + 0.6 * np.sin(aside[None, :] * 17 + 2 * ink.rough + 40 * depth)
    body = 0.42 + 0.28 * folds + 0.30 * np.tanh(1.4 * aside)[None, :]
    edge = 0.55 * np.exp(-depth / 0.012) + 0.25 * np.exp(-depth / 0.05)
    ink.density += inside * tone * np.clip(fade, 0, 1.2) * np.maximum(0.10, body + edge)


def clefts(ink: Ink, ridge: np.ndarray, aside: np.ndarray, tone: float, reach: float, count: int) -> None:
    """Split-brush strokes that fan down from the summits, thick on the shadow side, and dots of moss on the ridge."""
    rng, h = ink.rng, ink.height
    for _ in range(count):
        column = int(rng.integers(0, ink.width))
        depth = reach * 1.25 * rng.uniform(0, 1) ** 1.3
        lean = np.clip(aside[column], -1.6, 1.6)
        turn = np.pi / 2 - 0.55 * lean + rng.normal(0, 0.10) + np.cumsum(rng.normal(0, 0.10, 9))
        length = rng.uniform(0.025, 0.075) * h * (0.5 + tone)
        path = walk(column, (ridge[column] + depth) * h, turn, length / 9)
        dark = tone * (1 - 0.75 * depth / (reach * 1.25)) * (0.75 + 0.35 * np.tanh(1.5 * lean)) * rng.uniform(0.5, 1.25)
        ink.stroke(path, rng.uniform(4, 15) * ink.unit * (0.5 + 0.6 * tone), dark, dry=rng.uniform(0.25, 0.65), side=0.5)
    for _ in range(count // 2):
        column = int(rng.integers(0, ink.width))
        y = (ridge[column] + rng.exponential(0.012)) * h
        turn = rng.normal(-np.pi / 2 + 0.3, 0.4)
        path = np.array([column, y]) + np.linspace(0, 1, 4)[:, None] * 9 * ink.unit * np.array([np.cos(turn), np.sin(turn)])
        ink.stroke(path, rng.uniform(4, 8) * ink.unit, tone * rng.uniform(0.6, 1.3), dry=0.1)


def sky(ink: Ink) -> None:
    """Rain clouds: broad wet bands with darker drying edges, brushed across with a nearly dry flat brush."""
    rng, h = ink.rng, ink.height
    drift = ink.bloom + 2.4 * (0.20 - ink.y) + 0.5 * np.sin(4 * ink.x + 9 * ink.y)
    cloud = smoothstep(-0.8, 1.6, drift)
    drying = np.exp(-((drift - 0.4) ** 2) / 0.006) + np.exp(-((drift - 1.1) ** 2) / 0.01)
    ink.density += (0.23 * cloud + 0.08 * drying) * smoothstep(0.62, 0.2, ink.y)
    for _ in range(170):
        x, y = rng.uniform(-0.2, 1.1), 0.6 * rng.uniform(0, 1) ** 1.4
        long, sway = rng.uniform(0.22, 0.55), rng.normal(0, 0.007, 4)
        path = curve([((x + long * i / 3) * h, (y + sway[i] - 0.05 * long * i / 3) * h) for i in range(4)], 24)
        wide, tone = rng.uniform(20, 80) * ink.unit, rng.uniform(0.06, 0.26) * (1.2 - 1.5 * y)
        ink.stroke(path, wide, tone, dry=rng.uniform(0.5, 0.95), taper=0.2)


def water(ink: Ink) -> None:
    """Ripples on the river between the ranges and the cliff."""
    rng, h = ink.rng, ink.height
    for _ in range(520):
        y = 0.80 + 0.20 * rng.uniform(0, 1) ** 0.8
        x, long = rng.uniform(-0.05, 1.2), rng.uniform(0.04, 0.15) * (0.4 + 2.5 * (y - 0.75))
        bow = rng.normal(0, 0.004, 5)
        path = curve([((x + long * i / 4) * h, (y + bow[i]) * h) for i in range(5)], 20)
        ink.stroke(path, rng.uniform(3, 9) * ink.unit, rng.uniform(0.15, 0.7), dry=rng.uniform(0.2, 0.6), taper=0.8)


def boulders(ink: Ink, cell: float) -> np.ndarray:
    """Tone of heaped rocks: each one pale on top and dark below to the right, black in the cracks between."""
    rng = ink.rng
    points = np.mgrid[0 : 1.0 + cell : cell, 0 : ink.width / ink.height + cell : cell].reshape(2, -1).T
    points = points + rng.uniform(-0.48, 0.48, points.shape) * cell
    place = np.stack([ink.y + 0.10 * cell * ink.rough, ink.x + 0.3 * ink.y + 0.10 * cell * ink.bloom], axis=-1)
    points[:, 1] += 0.3 * points[:, 0]
    far, near = cKDTree(points).query(place, k=2)
    side = ((place - points[near[..., 0]]) * [0.8, 0.6]).sum(axis=-1) / cell
    crack = np.exp(-(far[..., 1] - far[..., 0]) / (0.07 * cell))
    return np.clip(0.22 + 0.75 * side + 0.10 * ink.rough, 0.03, 1) + 0.8 * crack


def cliff(ink: Ink) -> None:
    """The rocks in front on the right, and a smaller group on the left, hatched on their dark sides."""
    rng, h = ink.rng, ink.height
    x = ink.x[0]
    jag = noise(rng, 2, ink.width, h / 10, 5)[0]
    rock = boulders(ink, 0.062)
    right = 0.30 * smoothstep(0.62, 1.12, x) + 0.08 * smoothstep(0.95, 1.05, x)
    for rise, tone in ((right, 1.15), (0.17 * smoothstep(0.34, 0.0, x), 1.25)):
        rise = rise * (1 + 0.16 * jag)
        ridge = 1.03 - rise
        where = (ink.y > ridge[None, :]) & (rise > 0.04)[None, :]
        rim = 0.6 * np.exp(-np.abs(ink.y - ridge[None, :]) / 0.006)
        ink.density = np.where(where, tone * (0.8 * rock + rim), ink.density)
        for column in rng.choice(np.nonzero(rise > 0.045)[0], 900):
            y = (ridge[column] + rng.uniform(0, max(0.02, rise[column]))) * h
            line = min(ink.height - 1, int(y))
            shade = rock[line, column]
            turn = 1.2 + 0.8 * np.tanh(2.5 * ink.bloom[line, column]) + rng.normal(0, 0.07, 8)
            path = walk(column, y, turn, rng.uniform(3, 9) * ink.unit)
            ink.stroke(path, rng.uniform(4, 15) * ink.unit, 0.25 + 1.1 * shade, dry=rng.uniform(0.5, 0.85), side=0.6)
        for column in rng.choice(np.nonzero(rise > 0.045)[0], 160):
            moss = (
                np.array([column, (ridge[column] + rng.exponential(0.006)) * h]) + np.array([[-5, 2], [0, -2], [6, -1]]) * ink.unit
            )
            ink.stroke(moss, rng.uniform(7, 12) * ink.unit, rng.uniform(0.8, 1.5), dry=0.1)


def needles(ink: Ink, x: float, y: float, size: float, tone: float) -> None:
    """A tuft of pine needles: a fan of fine strokes over a grey smudge."""
    rng = ink.rng
    smudge = np.array([[x - 0.7 * size, y - 0.15 * size], [x, y - 0.3 * size], [x + 0.7 * size, y - 0.15 * size]])
    ink.stroke(smudge, 0.9 * size, 0.30 * tone, dry=0.2)
    for turn in np.linspace(-np.pi - 0.25, 0.25, 17) + rng.normal(0, 0.08, 17):
        reach = size * rng.uniform(0.75, 1.15)
        part = np.linspace(0.08, 1, 5)
        path = np.stack([x + part * reach * np.cos(turn), y + part * reach * 0.8 * np.sin(turn) + 0.08 * reach * part**2], axis=1)
        ink.stroke(path, 3.6 * ink.unit, tone * rng.uniform(0.7, 1.2), dry=0.05, taper=0.7)


def pine(ink: Ink, x: float, foot: float, tall: float, lean: float, tone: float) -> None:
    """A crooked trunk with scaly bark, boughs that reach out flat, and tufts along them."""
    rng, h = ink.rng, ink.height
    bend = rng.normal(0, 0.05, 5) * tall
    trunk = curve([((x + lean * part + bend[i]) * h, (foot - tall * part) * h) for i, part in enumerate(np.linspace(0, 1, 5))], 40)
    for _ in range(3):
        ink.stroke(trunk + rng.normal(0, 1.5, 2), 0.062 * tall * h, 0.75 * tone, dry=0.55, taper=0.3, side=0.6)
    for i in range(2, 38):
        px, py = trunk[i] + rng.normal(0, 0.012 * tall * h, 2)
        scale = np.array([px, py]) + np.stack([np.linspace(-1, 1, 6), 0.6 * np.linspace(-1, 1, 6) ** 2], axis=1) * 0.02 * tall * h
        ink.stroke(scale, 4 * ink.unit, 1.2 * tone, dry=0.2)
    for k in range(9):
        at = 0.38 + 0.62 * k / 8
        root = trunk[min(39, int(at * 39))]
        sign = -1 if k % 2 else 1
        reach = sign * (0.50 - 0.30 * at) * tall * h * rng.uniform(0.75, 1.2)
        drop = rng.uniform(-0.10, 0.04) * tall * h
        knee = (root[0] + 0.5 * reach, root[1] + 0.3 * drop - 0.03 * tall * h)
        bough = curve([tuple(root), knee, (root[0] + reach, root[1] + drop)], 20)
        ink.stroke(bough, 0.024 * tall * h, 1.1 * tone, dry=0.3, taper=0.6)
        for px, py in bough[4::3]:
            dx, dy = rng.normal(0, 0.025 * tall * h, 2)
            size = 0.062 * tall * h * rng.uniform(0.75, 1.3)
            needles(ink, px + dx, py + 0.5 * dy - 0.012 * tall * h, size, tone * rng.uniform(0.6, 1.1))


def small_trees(ink: Ink, ridge: np.ndarray, tone: float, count: int, size: float) -> None:
    """Far firs on a ridge: a stem and a few drooping dabs."""
    rng, h = ink.rng, ink.height
    for column in rng.integers(0, ink.width, count):
        foot, tall = ridge[column] * h + 3, size * h * rng.uniform(0.6, 1.2)
        ink.stroke(np.array([[column, foot], [column + 1, foot - tall]]), 4 * ink.unit, tone, dry=0.1)
        for part in np.linspace(0.15, 0.95, 6):
            half = 0.34 * tall * (1.05 - part) * rng.uniform(0.7, 1.2)
            y = foot - part * tall
            twig = np.array([[column - half, y + 0.3 * half], [column, y], [column + half, y + 0.3 * half]])
            ink.stroke(twig, 6 * ink.unit, tone * 0.9, dry=0.2)


def details(ink: Ink) -> None:
    """A boat on the river and geese over the gorge."""
    h, rng = ink.height, ink.rng
    for width, tone, points in BOAT:
        ink.stroke(curve([(x * h, y * h) for x, y in points], 20), width * ink.unit, tone, dry=0.1)
    for k in range(9):
        x, y = 0.60 + 0.030 * k, 0.135 - 0.012 * min(k, 8 - k) + rng.normal(0, 0.004)
        for sign in (-1, 1):
            wing = curve([(x * h, y * h), ((x + sign * 0.008) * h, (y - 0.009) * h), ((x + sign * 0.018) * h, (y - 0.004) * h)], 12)
            ink.stroke(wing, 5 * ink.unit, 1.3, dry=0.1, taper=0.8)


def seal(rng: np.random.Generator, picture: np.ndarray, x: int, y: int, size: int) -> None:
    """A square seal with an invented figure of bars, printed unevenly."""
    stamp = np.ones((9, 9))
    stamp[1:8, 1:8] = 0
    for row, bars in enumerate(FIGURE, 1):
        stamp[row, 1:8] = [float(bar) for bar in bars]
    large = Image.fromarray(stamp.astype(np.float32)).resize((size, size), Image.Resampling.NEAREST)
    mark = smoothstep(0.35, 0.6, ndimage.gaussian_filter(np.asarray(large), 1.6) + 0.10 * noise(rng, size, size, 9, 3))
    mark *= np.clip(0.9 + 0.10 * noise(rng, size, size, 14, 3), 0, 1)
    box = (slice(y, y + size), slice(x, x + size))
    picture[box] = picture[box] * (1 - mark[..., None]) + SEAL * mark[..., None]


def paint(width: int, height: int, seed: int) -> Image.Image:
    """The finished picture."""
    rng = np.random.default_rng(seed)
    w, h = width * SUPERSAMPLE, height * SUPERSAMPLE
    ink = Ink(rng, h, w)
    sky(ink)
    for number, (foot, tone, peaks) in enumerate(RANGES):
        ridge, aside = skyline(ink, peaks, foot)
        reach = 0.17 + 0.035 * number
        wash(ink, ridge, aside, tone, reach)
        clefts(ink, ridge, aside, tone, reach, 700 + 350 * number)
        if number > 0:
            small_trees(ink, ridge, min(1.2, tone * 1.3), 26 + 12 * number, 0.018 + 0.010 * number)
        if number == 2:
            water(ink)
    details(ink)
    cliff(ink)
    for x, foot, tall, lean, tone in PINES:
        pine(ink, x, foot, tall, lean, tone)
    fibre = 0.020 * noise(rng, h, w, 7, 3, stretch=6) + 0.016 * noise(rng, w, h, 7, 2, stretch=6).T
    fibre += 0.020 * noise(rng, h, w, h / 3, 3)
    grain = 1 + 0.07 * noise(rng, h, w, 4, 2) + 0.10 * noise(rng, h, w, 14, 3)
    density = ndimage.gaussian_filter(ink.density, 0.8) * np.clip(grain, 0.4, 1.7)
    picture = PAPER * (1 + fibre)[..., None] * np.exp(-density[..., None] * np.array([1.72, 1.64, 1.46]))
    seal(rng, picture, int(0.055 * h), int(0.075 * h), int(0.075 * h))
    return finish(picture, width, height)
