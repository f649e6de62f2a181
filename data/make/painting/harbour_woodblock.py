"""Harbour mouth, rising wind: a woodblock print of breaking waves, fishing boats and a vermilion sun.

Each wave is a closed outline, a long back that steepens and curls over at its crest, with scrolls and fingers of foam
along the edge. The waves are stacked from far to near on four printing blocks (vermilion, pale blue, Prussian blue and an
indigo key block) whose tapering carved lines run parallel to the outlines. The blocks are then printed one after another
on cream paper, with wood grain, uneven ink and a slight shift.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage

from .brushes import SUPERSAMPLE, colours, curve, finish, noise, smoothstep, walk

PAPER, PALE, MIDDLE, INDIGO, RED = colours("f4e7c9", "96bdc3", "2c6492", "101c46", "d63f26")
Blocks = dict[str, Image.Image]

# Waves from far to near: x and y of the crest, y of the trough, length of the back, size of the curl, breaking side.
WAVES = [(0.34, 0.555, 0.64, 0.30, 0.040, 1), (0.97, 0.550, 0.65, 0.32, 0.045, -1), (0.66, 0.590, 0.71, 0.34, 0.060, 1),
         (1.13, 0.520, 0.78, 0.44, 0.105, -1), (0.60, 0.690, 0.84, 0.40, 0.085, -1),
         (0.33, 0.265, 0.93, 0.66, 0.265, 1), (0.97, 0.745, 0.98, 0.44, 0.105, -1),
         (0.50, 0.845, 1.06, 0.50, 0.100, 1)]  # fmt: skip
SUN = (0.845, 0.235, 0.135)
SHIFTS = {"red": (2, -3), "pale": (-3, 2), "middle": (2, 3), "key": (0, 0)}


def claw(x: float, y: float, heading: float, length: float, width: float, bend: float) -> list[tuple[float, float]]:
    """The outline of a tapering hook that leaves (x, y) and curls by `bend` radians."""
    part = np.linspace(0, 1, 14)
    turn = heading + bend * part**1.3
    middle = walk(x, y, turn, length / len(part))
    half = 0.5 * width * (1 - part**1.6) * (1 + 0.5 * np.sin(np.pi * part))
    side = np.stack([-half * np.sin(turn), half * np.cos(turn)], axis=1)
    return [tuple(point) for point in np.concatenate([middle + side, (middle - side)[::-1]])]


def shape(blocks: Blocks, points: list[tuple[float, float]], line: float, **fills: int) -> None:
    """A polygon cut into all blocks: `fills` names the blocks that print inside it, an outline goes on the key."""
    for name, block in blocks.items():
        ImageDraw.Draw(block).polygon(points, fill=fills.get(name, 0))
    ImageDraw.Draw(blocks["key"]).line([*points, points[0]], fill=255, width=max(1, round(line)), joint="curve")


def disc(blocks: Blocks, x: float, y: float, radius: float, line: float, **fills: int) -> None:
    """A round shape cut into all blocks, outlined on the key."""
    turn = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    shape(blocks, list(zip(x + radius * np.cos(turn), y + radius * np.sin(turn), strict=True)), line, **fills)


def outline(wave: tuple[float, ...], h: int) -> tuple[np.ndarray, np.ndarray]:
    """The upper edge of a wave, trough to lip, and the hollow face from the lip down, in pixels."""
    x, top, base, back, curl, side = wave
    tall = base - top
    outer = [(-back, base), (-0.7 * back, base - 0.05 * tall), (-0.45 * back, base - 0.27 * tall),
             (-0.23 * back, base - 0.66 * tall), (-0.07 * back, base - 0.93 * tall), (0.12 * curl, top),
             (0.5 * curl, top + 0.08 * curl), (0.85 * curl, top + 0.38 * curl), (1.0 * curl, top + 0.86 * curl)]  # fmt: skip
    inner = [(1.0 * curl, top + 0.86 * curl), (0.72 * curl, top + 0.62 * curl), (0.38 * curl, top + 0.66 * curl),
             (0.16 * curl, top + 1.0 * curl), (0.14 * curl, top + 0.55 * tall + 0.4 * curl), (0.45 * curl, base - 0.14 * tall),
             (1.3 * curl, base)]  # fmt: skip
    edges = []
    for knots, count in ((outer, 160), (inner, 90)):
        path = curve(knots, count)
        edges.append(np.stack([x + side * path[:, 0], path[:, 1]], axis=1) * h)
    return edges[0], edges[1]


def carve(rng: np.random.Generator, far: np.ndarray, spacing: float, drift: np.ndarray) -> tuple[np.ndarray, ...]:
    """Parallel lines at distances `far` from an edge, swelling and tapering: masks for key, middle and pale."""
    height, width = far.shape
    swell = noise(rng, height, width, 9 * spacing, 2)
    place = far / spacing + 0.35 * drift
    wave = 0.5 + 0.5 * np.cos(2 * np.pi * place)
    depth = smoothstep(1, 9, far / spacing)
    line = wave - (0.80 - 0.13 * swell - 0.10 * depth)
    band = 0.5 + 0.5 * np.cos(2 * np.pi * (place / 2 + 0.22)) - (0.55 - 0.24 * swell - 0.62 * depth)
    bare = 0.5 - 0.5 * np.cos(2 * np.pi * place) - (1.0 - 0.20 * swell + 0.12 * depth)
    return smoothstep(-0.06, 0.06, line), smoothstep(-0.04, 0.04, band), smoothstep(0.03, -0.03, bare)


def foam(rng: np.random.Generator, blocks: Blocks, edge: np.ndarray, wave: tuple[float, ...], h: int, line: float) -> None:
    """Foam on a wave's crest: a bank of scrolls inside its edge, then fingers that reach out and hook forwards."""
    curl, side = wave[4] * h, wave[5]
    first = int(0.42 * len(edge))
    grow = np.linspace(0.25, 1, len(edge) - first)
    step = np.gradient(edge, axis=0)
    normal = side * np.stack([step[:, 1], -step[:, 0]], axis=1) / np.hypot(*step.T)[:, None]
    for _ in range(int(60 + 0.5 * curl)):
        i = rng.integers(0, len(grow))
        radius = curl * rng.uniform(0.028, 0.075) * (0.5 + grow[i])
        x, y = edge[first + i] - normal[first + i] * curl * grow[i] * rng.uniform(-0.02, 0.24)
        disc(blocks, x, y, radius, line * 0.7)
        if radius > 3.5 * line:
            disc(blocks, x + 0.2 * side * radius, y - 0.1 * radius, 0.45 * radius, line * 0.5, pale=255)
    spread = np.cumsum(np.hypot(*step.T))
    for place in np.arange(spread[first], spread[-1], max(0.135 * curl, 8)):
        i = min(int(np.searchsorted(spread, place)), len(edge) - 1)
        size = curl * (0.16 + 0.24 * grow[max(0, i - first)]) * rng.uniform(0.75, 1.2)
        heading = np.arctan2(normal[i, 1], normal[i, 0]) + 0.15 * side
        x, y = edge[i] - normal[i] * 0.09 * curl
        for turn, reach in ((-0.85, 0.75), (0.65, 0.85), (0.0, 1.15)):
            hook = claw(x, y, heading + turn * side, size * reach, size * 0.24, side * rng.uniform(0.5, 1.9))
            shape(blocks, hook, line * 0.7)
        for _ in range(2):
            away = size * rng.uniform(1.2, 2.4)
            tilt = heading + rng.uniform(-0.7, 0.9)
            drop = curl * rng.uniform(0.008, 0.024) + line * 0.6
            disc(blocks, x + away * np.cos(tilt), y + away * np.sin(tilt), drop, line * 0.55)
    for _ in range(int(20 + 0.2 * curl)):
        i = rng.integers(0, len(grow))
        radius = curl * rng.uniform(0.03, 0.055) * (0.5 + grow[i])
        x, y = edge[first + i] - normal[first + i] * curl * rng.uniform(0.0, 0.10)
        disc(blocks, x, y, radius, line * 0.7)


def breaker(rng: np.random.Generator, blocks: Blocks, wave: tuple[float, ...], nearness: float, drift: np.ndarray) -> None:
    """One wave over everything behind it."""
    w, h = blocks["key"].size
    outer, inner = outline(wave, h)
    side, base = wave[5], wave[2] * h
    before, after = (-w * 0.1, w * 1.1) if side == 1 else (w * 1.1, -w * 0.1)
    # Wavelets carry the trough on to both edges of the picture.
    swell = h * (0.006 + 0.012 * nearness)
    left = np.linspace(before, outer[0, 0], 80)[:-1]
    right = np.linspace(inner[-1, 0], after, 80)[1:]
    level = [base - swell * np.abs(np.sin((x - x0) / (6 * swell))) for x, x0 in ((left, outer[0, 0]), (right, inner[-1, 0]))]
    points = [*zip(left, level[0], strict=True), *map(tuple, outer), *map(tuple, inner[1:]),
              *zip(right, level[1], strict=True), (after, 2 * h), (before, 2 * h)]  # fmt: skip
    mask = Image.new("L", (w, h))
    ImageDraw.Draw(mask).polygon(points, fill=255)
    far = ndimage.distance_transform_edt(np.asarray(mask) > 0).astype(np.float32)
    spacing = h * (0.0085 + 0.0075 * nearness)
    line = h * (0.0019 + 0.0016 * nearness)
    key, middle, pale = carve(rng, far, spacing, drift)
    for name, value in (("key", np.maximum(key, far < line * 1.3)), ("middle", middle * pale), ("pale", pale),
                        ("red", np.zeros_like(far))):  # fmt: skip
        blocks[name].paste(Image.fromarray((value * 255).astype(np.uint8)), mask=mask)
    foam(rng, blocks, outer, wave, h, line)


def sky(rng: np.random.Generator, blocks: Blocks) -> None:
    """The sun, rings of carved light around it, bars of cloud, and the headland on the horizon."""
    w, h = blocks["key"].size
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) / h
    far = np.hypot(x - SUN[0], y - SUN[1])
    swell, drift = noise(rng, h, w, h / 7, 3, stretch=2), noise(rng, h, w, h / 4, 2, stretch=2)
    rings = 0.5 + 0.5 * np.cos(2 * np.pi * (far / 0.0235 + 0.25 * drift))
    outside = smoothstep(SUN[2] + 0.006, SUN[2] + 0.008, far)
    dusk = smoothstep(0.62, 0.0, y)
    pale = smoothstep(-0.05, 0.05, rings - (0.68 - 0.13 * swell - 0.22 * dusk)) * outside
    middle = smoothstep(-0.05, 0.05, rings - (0.98 - 0.13 * swell - 0.42 * dusk)) * outside
    key = smoothstep(-0.04, 0.04, rings - (1.20 - 0.08 * swell - 0.27 * dusk)) * outside
    bars = np.sin(y * h / h * 300 + 0.6 * drift) * smoothstep(SUN[1] - 0.02, SUN[1] + SUN[2], y)
    red = smoothstep(SUN[2] + 0.001, SUN[2] - 0.001, far) * (1 - smoothstep(0.62, 0.70, bars + 0.06 * swell))
    # Warm light in every other ring, stronger towards the sun and the horizon.
    warm = 0.75 * np.exp(-((far - SUN[2]) / 0.13)) + 0.35 * smoothstep(0.30, 0.56, y)
    red = np.maximum(red, warm * smoothstep(0.05, -0.05, rings - 0.42 + 0.1 * swell) * outside)
    for name, value in (("pale", pale), ("middle", middle), ("key", key), ("red", red)):
        blocks[name].paste(Image.fromarray((np.clip(value, 0, 1) * 255).astype(np.uint8)))


def clouds(rng: np.random.Generator, blocks: Blocks) -> None:
    """Long scrolled bars of mist, each a bank of rounded ends with carved lines along it."""
    w, h = blocks["key"].size
    for x, y, long in ((0.50, 0.085, 0.22), (1.02, 0.115, 0.16), (0.66, 0.305, 0.17), (1.02, 0.345, 0.20), (0.06, 0.13, 0.15),
                       (0.62, 0.445, 0.20), (0.03, 0.385, 0.12)):  # fmt: skip
        for i, (shift, part) in enumerate(((-0.25, 0.55), (0.2, 0.7), (-0.05, 1.0))):
            cx, cy, half = (x + shift * long) * h, (y + 0.021 * (i - 1)) * h, part * long * h * rng.uniform(0.85, 1.1)
            tall = 0.0125 * h
            turn = np.linspace(-np.pi / 2, np.pi / 2, 12)
            right = [(cx + half + tall * np.cos(t), cy + tall * np.sin(t)) for t in turn]
            leftward = [(cx - half - tall * np.cos(t), cy - tall * np.sin(t)) for t in turn]
            shape(blocks, right + leftward, 0.0028 * h, pale=255 if i == 1 else 0)
            for row in (-0.4, 0.05, 0.5):
                reach = rng.uniform(-0.9, 0.2, 2)
                ends = [(cx + half * reach.min(), cy + row * tall), (cx + half * (reach.max() + 0.6), cy + row * tall)]
                ImageDraw.Draw(blocks["key" if i != 1 else "middle"]).line(ends, fill=255, width=max(1, round(0.0017 * h)))


def headland(rng: np.random.Generator, blocks: Blocks) -> None:
    """Hills at the harbour mouth, hatched down their slopes."""
    w, h = blocks["key"].size
    for x, y, wide, tall in ((0.52, 0.66, 0.30, 0.13), (0.73, 0.66, 0.24, 0.18), (0.92, 0.66, 0.26, 0.12), (1.14, 0.66, 0.3, 0.16)):
        peaks = curve([(x - wide, y), (x - 0.45 * wide, y - 0.45 * tall), (x, y - tall), (x + 0.35 * wide, y - 0.55 * tall),
                       (x + wide, y)], 60) * h  # fmt: skip
        shape(blocks, [*map(tuple, peaks), (peaks[-1, 0], h), (peaks[0, 0], h)], 0.003 * h, pale=255, middle=110)
        for i in range(3, 57):
            px, py = peaks[i] + rng.normal(0, 0.002 * h, 2)
            lean = (px - x * h) * 0.25
            slash = claw(px, py + 0.004 * h, np.arctan2(0.05 * h, lean), rng.uniform(0.02, 0.06) * h, 0.006 * h, 0.0)
            ImageDraw.Draw(blocks["key"]).polygon(slash, fill=255)


def boat(blocks: Blocks, x: float, y: float, size: float, tilt: float) -> None:
    """A fishing boat with a ribbed sail; `size` is its length in pixels, `tilt` its roll."""
    turn = np.array([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]])

    def place(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        return [tuple(point) for point in np.array(points) * size @ turn + [x, y]]

    line = max(2.0, 0.018 * size)
    shape(blocks, place([(0.02, -0.06), (0.05, -0.92), (0.075, -0.92), (0.06, -0.06)]), line * 0.6, key=255)
    sail = curve([(0.08, -0.88), (0.40, -0.70), (0.50, -0.40), (0.42, -0.13)], 20)
    shape(blocks, place([(0.08, -0.88), *map(tuple, sail), (0.09, -0.12)]), line, red=60)
    for i in range(1, 6):
        part = i / 6
        rib = place([(0.085, -0.88 + 0.76 * part), tuple(sail[int(19 * part)])])
        ImageDraw.Draw(blocks["key"]).line(rib, fill=255, width=round(line * 0.7))
        if i % 2:
            nxt = place([tuple(sail[min(19, int(19 * (part + 1 / 6)))]), (0.085, -0.88 + 0.76 * (part + 1 / 6))])
            ImageDraw.Draw(blocks["red"]).polygon(rib + nxt, fill=255)
    jib = [(0.0, -0.80), (-0.16, -0.5), (-0.38, -0.12), (0.0, -0.14)]
    shape(blocks, place(jib), line, pale=255)
    top = curve([(-0.56, -0.20), (-0.2, -0.05), (0.2, -0.04), (0.55, -0.17)], 16)
    keel = curve([(0.44, 0.02), (0.1, 0.10), (-0.4, 0.05)], 12)
    shape(blocks, place([*map(tuple, top), *map(tuple, keel)]), line, middle=255, key=255)
    shape(blocks, place([*map(tuple, top), *[(px, py + 0.05) for px, py in top[::-1]]]), line * 0.7, red=255)


def pull(rng: np.random.Generator, blocks: Blocks, width: int, height: int) -> np.ndarray:
    """Print the blocks on paper: wood grain in the ink, specks where it missed, a shift of a pixel or two."""
    fibre = noise(rng, height, width, 5, 3, stretch=3) * 0.012 + noise(rng, height, width, 160, 3) * 0.012
    picture = PAPER * (1 + fibre[..., None])
    rings = noise(rng, height, width, height / 9, 2, stretch=5)
    grain = 0.6 * np.sin(rings * 26) + noise(rng, height, width, 7, 2, stretch=22)
    for name, ink, strength in (("red", RED, 0.93), ("pale", PALE, 0.95), ("middle", MIDDLE, 0.92), ("key", INDIGO, 0.96)):
        cut = ndimage.gaussian_filter(np.asarray(blocks[name], np.float32) / 255, 0.8)
        cut = ndimage.shift(cut, SHIFTS[name], order=0, mode="nearest")
        blot = noise(rng, height, width, height / 5, 3)
        hold = strength - 0.05 * (1 - grain) * (0.6 if name == "key" else 1.3) + 0.05 * blot
        hold *= 1 - 0.75 * smoothstep(1.9, 2.6, noise(rng, height, width, 5, 2) - 0.35 * grain)
        part = (cut * np.clip(hold, 0, 1))[..., None]
        picture = picture * (1 - part) + picture**0.25 * ink * part
    return picture


def paint(width: int, height: int, seed: int) -> Image.Image:
    """The finished picture."""
    rng = np.random.default_rng(seed)
    w, h = width * SUPERSAMPLE, height * SUPERSAMPLE
    blocks = {name: Image.new("L", (w, h)) for name in ("red", "pale", "middle", "key")}
    sky(rng, blocks)
    clouds(rng, blocks)
    headland(rng, blocks)
    drift = noise(rng, h, w, h / 9, 2)
    for number, wave in enumerate(WAVES):
        breaker(rng, blocks, wave, number / (len(WAVES) - 1), drift)
        if number == 2:
            boat(blocks, 0.78 * h, 0.655 * h, 0.23 * h, -0.10)
        if number == 1:
            boat(blocks, 0.50 * h, 0.615 * h, 0.12 * h, 0.08)
    return finish(pull(rng, blocks, w, h), width, height)
