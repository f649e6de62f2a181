"""Orchard under a turning sky: blossoming trees hung with lanterns below a moonlit night.

The sky is a field of directions, the wind bent around a moon, stars and whirls. Thousands of thick brush strokes follow
it, coloured from a night-to-gold ladder by how near a light they are. Hills, meadow and trees are laid over it with
strokes of their own, and the paint's thickness is lit from the upper left.
"""

import numpy as np
from PIL import Image
from scipy import ndimage

from .brushes import SUPERSAMPLE, Canvas, colours, curve, finish, noise, pick, ramp, smoothstep, trace, walk

NIGHT = colours("070b2e", "0e1c5c", "163a8c", "1f62a6", "2f90ad", "7cc3ae", "f2e29a", "ffd04f", "fff3c0")
HILLS = colours("060a26", "0d1a4a", "123f66", "1d6a74", "3f9a80", "a9c77a")
MEADOW = colours("08122e", "0c2a3e", "14504a", "3a7a4a", "8fa046", "e3b13c", "ffdf7a")
BLOSSOM = colours("141650", "2c3a8c", "6a63b0", "d997a6", "fbc9a8", "fff3d8")
LIT = colours("5a1f4a", "a8342f", "e0662a", "f79a3c", "ffc765", "ffe9ae")
BARK = colours("0a0820", "1d1233", "4a2438", "8a4a35")
FLAME = colours("b8360f", "e8641a", "ffa32b", "ffd85e", "fff6cf")

# Lights and whirls of the sky as x, y, radius in picture heights, then the sense in which the wind turns.
MOON = (0.30, 0.205, 0.075, 1)
STARS = [(0.07, 0.09, 0.022, -1), (0.53, 0.085, 0.020, 1), (1.12, 0.085, 0.026, 1), (0.60, 0.35, 0.017, -1),
         (1.01, 0.36, 0.020, 1), (0.07, 0.39, 0.018, 1), (0.90, 0.055, 0.015, -1)]  # fmt: skip
WHIRLS = [(0.82, 0.225, 0.17, 1), (0.545, 0.235, 0.075, -1), (1.15, 0.255, 0.10, -1)]


def sky(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Direction and tone of the sky: a wind that bends around every light and whirl, bright near the lights."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    u, v = np.ones_like(x), 0.35 * np.sin(5.5 * x + 0.8) + 0.1 * noise(rng, height, width, height / 5, 2)
    glow = np.zeros_like(x)
    for cx, cy, radius, sense in [MOON, *STARS, *WHIRLS]:
        dx, dy = x - cx, y - cy
        far = np.hypot(dx, dy)
        lamp = (cx, cy, radius, sense) not in WHIRLS
        pull = 7.0 * np.exp(-((far / (radius * (2.4 if lamp else 1.05))) ** 2)) / (far + 0.3 * radius) * far
        u += sense * pull * (-dy / (far + 1e-4)) - 0.18 * pull * dx / (far + 1e-4)
        v += sense * pull * (dx / (far + 1e-4)) - 0.18 * pull * dy / (far + 1e-4)
        if lamp:
            rings = 0.09 * np.cos(far / radius * 4.2) * np.exp(-far / (2.2 * radius))
            glow = np.maximum(glow, 1.02 * np.exp(-((far / (1.8 * radius)) ** 1.5)) + rings)
        else:
            # Two bright arms wind out of each whirl.
            arms = np.cos(2 * np.arctan2(dy, dx) * sense - 3.4 * np.log(far / radius + 0.12))
            glow = np.maximum(glow, (0.30 + 0.24 * arms) * np.exp(-((far / (1.15 * radius)) ** 2.5)))
    return np.arctan2(v, u), glow


def streaks(rng: np.random.Generator, angle: np.ndarray, cell: float) -> np.ndarray:
    """Noise drawn out along the directions, so that neighbouring strokes gather into bands."""
    height, width = (side // 4 for side in angle.shape)
    seed = noise(rng, height, width, cell / 4, 2)
    y, x = (axis.ravel() for axis in np.mgrid[0:height, 0:width])
    path = trace(angle[::4, ::4][:height, :width], x, y, 40, 1.5)
    drawn = pick(seed, path[..., 0], path[..., 1]).mean(axis=1).reshape(height, width)
    return ndimage.zoom(drawn / drawn.std(), 4, order=1, mode="nearest")


def ridge(x: np.ndarray, which: int) -> np.ndarray:
    """The skyline of a hill (0 far, 1 near) or the meadow's edge (2), in picture heights."""
    if which == 0:
        return 0.545 - 0.055 * np.exp(-(((x - 0.88) / 0.2) ** 2)) - 0.03 * np.sin(4.2 * x + 0.5)
    if which == 1:
        return 0.615 + 0.035 * np.sin(3.4 * x + 2.4) + 0.012 * np.sin(9 * x)
    return 0.685 + 0.018 * np.sin(3.0 * x - 0.4)


def scene(rng: np.random.Generator, height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Direction, tone and region (0 sky, 1 and 2 hills, 3 meadow) of the whole picture."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32) / height
    angle, glow = sky(rng, height, width)
    bands = streaks(rng, angle, height / 34)
    dawn = smoothstep(0.36, 0.56, y)
    tone = np.clip(0.22 + 0.10 * bands + dawn * (0.22 + 0.13 * bands), 0.0, 0.85)
    tone = np.maximum(tone * (1 - smoothstep(0.35, 0.75, glow)), 0) + glow * (0.55 + 0.45 * smoothstep(0.3, 0.8, glow))
    region = np.zeros((height, width), np.uint8)
    for which in range(3):
        edge = ridge(x, which)
        below = y > edge
        slope = np.arctan(np.gradient(ridge(x[0], which)) * height)
        swing = (1.1 if which == 1 else 0.5) * np.sin(9 * x + 14 * (y - edge) + which)
        angle = np.where(below, slope[None, :] + swing * smoothstep(0, 0.1, y - edge), angle)
        rim = np.exp(-(y - edge) / 0.02)
        tone = np.where(below, 0.28 + 0.18 * np.sin(16 * x + 60 * (y - edge)) + 0.45 * rim, tone)
        region[below] = which + 1
    meadow = region == 3
    # The meadow runs in furrows towards a point on the skyline.
    angle = np.where(meadow, np.arctan2(y - 0.56, x - 0.62) + 0.25 * noise(rng, height, width, height / 8, 2), angle)
    furrow = np.sin(np.arctan2(y - 0.56, x - 0.62) * 26)
    return angle, np.where(meadow, 0.26 + 0.13 * furrow, tone), region


# Trees as x and y of the foot and the crown's radius, far ones first.
TREES = [(0.08, 0.715, 0.042), (0.20, 0.72, 0.045), (0.33, 0.715, 0.040), (0.45, 0.72, 0.043), (0.57, 0.712, 0.038),
         (0.69, 0.72, 0.043), (0.82, 0.715, 0.042), (0.94, 0.72, 0.045), (1.06, 0.712, 0.042), (1.17, 0.72, 0.045),
         (0.31, 0.81, 0.064), (0.49, 0.785, 0.055), (0.77, 0.785, 0.057), (0.925, 0.81, 0.066),
         (0.10, 0.93, 0.120), (1.09, 0.95, 0.132)]  # fmt: skip
# Lanterns hang below the crowns; the lawn around them is lit.
LANTERNS = [(0.30, 0.775), (0.50, 0.77), (0.76, 0.768), (0.93, 0.785), (0.175, 0.85), (0.045, 0.855), (1.01, 0.865), (1.16, 0.875),
            (0.40, 0.705), (0.63, 0.70)]  # fmt: skip


def cover(canvas: Canvas, angle: np.ndarray, tone: np.ndarray, region: np.ndarray, size: float, count: int, where: int) -> None:
    """Fill one region with strokes of a given width that follow its directions and stop at its edge."""
    rng = canvas.rng
    palette = (NIGHT, HILLS, HILLS, MEADOW)[where]
    rows, columns = np.nonzero(region == where)
    start = rng.integers(0, len(rows), count)
    reach = 7.0 if where == 0 else 4.5
    steps = 14
    # The stroke passes through its place rather than starts there, so the canvas is covered up to its edges.
    back = trace(angle + np.pi, columns[start], rows[start], steps // 2, reach * size / steps)[:, -1]
    paths = trace(angle, back[:, 0], back[:, 1], steps, reach * size / steps)
    same = pick(region, paths[..., 0], paths[..., 1]) == where
    first = same.argmax(axis=1)
    last = np.where(same.all(axis=1), steps, first + (same & (np.cumsum(~same, axis=1) <= first[:, None])).sum(axis=1))
    spread = 0.035 if where == 0 else 0.09
    middle = paths[:, steps // 3]
    tones = pick(tone, middle[:, 0], middle[:, 1]) + spread * rng.standard_normal(count)
    for path, head, tail, shade in zip(paths, first, last, ramp(palette, tones), strict=True):
        if tail - head > 3:
            paint = shade * (1 + 0.05 * rng.standard_normal(3))
            canvas.stroke(path[head:tail], size * rng.uniform(0.75, 1.2), paint, load=rng.uniform(0.75, 1.05), streak=0.09)


def lamp(canvas: Canvas, x: float, y: float, radius: float, palette: np.ndarray) -> None:
    """A disc of light: rings of short strokes around a thick pale dab."""
    rng = canvas.rng
    rows, columns = np.mgrid[0 : canvas.height, 0 : canvas.width]
    canvas.colour[np.hypot(columns - x, rows - y) < radius] = ramp(palette, 0.8)
    for ring in np.linspace(1.0, 0.25, 5):
        for turn in np.arange(0, 2 * np.pi, 0.5 / (ring + 0.1)) + rng.uniform(0, 1):
            arc = turn + np.linspace(0, 0.8, 8)
            path = np.stack([x + radius * ring * np.cos(arc), y + radius * ring * np.sin(arc)], axis=1)
            colour = ramp(palette, 1.05 - 0.70 * ring + 0.13 * rng.standard_normal())
            canvas.stroke(path, max(5, 0.26 * radius), colour, load=1.0)
    for _ in range(4):
        tilt = rng.uniform(0, 2 * np.pi)
        dab = np.array([np.cos(tilt), np.sin(tilt)]) * radius * 0.3
        path = np.array([x, y]) + np.linspace(-1, 1, 6)[:, None] * dab
        canvas.stroke(path, 0.5 * radius, ramp(palette, rng.uniform(0.85, 1)), load=1.3)


def clump(canvas: Canvas, x: float, y: float, radius: float, size: float, warmth: float) -> None:
    """A ball of blossom dabbed from dark to pale towards the moon's side, and orange below where lanterns shine."""
    rng = canvas.rng
    for layer in range(4):
        for _ in range(int(2.1 * (radius / size) ** 2 / (1 + 0.35 * layer)) + 3):
            turn, far = rng.uniform(0, 2 * np.pi), radius * rng.uniform(0, 1) ** 0.5 * (1.1 - 0.1 * layer)
            px, py = x + 1.1 * far * np.cos(turn), y + 0.9 * far * np.sin(turn)
            side = (-0.55 * (px - x) - 0.83 * (py - y)) / radius
            if layer > 1 and side + 0.4 * rng.standard_normal() < -0.2:
                continue
            tone = 0.05 + 0.225 * layer + 0.28 * side + 0.10 * rng.standard_normal()
            palette = LIT if rng.uniform() < warmth - 0.6 * side else BLOSSOM
            bend = turn + np.pi / 2 + 0.7 * rng.standard_normal() + np.linspace(-0.6, 0.6, 5)
            canvas.stroke(
                walk(px, py, bend, 0.48 * size), size * rng.uniform(0.7, 1.2), ramp(palette, tone), load=1.05, streak=0.08
            )


def crown(canvas: Canvas, x: float, y: float, radius: float, unit: float) -> None:
    """Clumps of blossom, the upper ones first, spread over a flattened disc."""
    rng = canvas.rng
    count = 6 if radius < 0.05 * unit else 13
    turns = np.arange(count) * 2.39996 + rng.uniform(0, 6)
    far = np.sqrt((np.arange(count) + 0.4) / count) * radius * 0.80
    centres = np.stack([x + 1.18 * far * np.cos(turns), y + 0.80 * far * np.sin(turns)], axis=1)
    for px, py in centres[np.argsort(centres[:, 1])] + rng.normal(0, 0.05 * radius, (count, 2)):
        warmth = 0.22 + 0.45 * (py - y) / radius
        clump(canvas, px, py, radius * rng.uniform(0.36, 0.50), np.clip(radius * 0.085, 6, 11) * unit / 1280, warmth)


def tree(canvas: Canvas, x: float, foot: float, radius: float, unit: float) -> None:
    """A trunk with a few boughs, and the crown over them."""
    rng = canvas.rng
    centre = foot - 1.7 * radius
    lean = rng.uniform(-0.25, 0.25) * radius
    for _ in range(7):
        spread = rng.uniform(-0.75, 0.75) * radius
        bough = [(x + rng.uniform(-0.09, 0.09) * radius, foot), (x + lean + 0.1 * spread, foot - 0.75 * radius),
                 (x + spread, centre - 0.2 * radius)]  # fmt: skip
        path = curve([(px * unit, py * unit) for px, py in bough], 20)
        canvas.stroke(path, max(6, 0.13 * radius * unit), ramp(BARK, rng.uniform(0, 0.9)), load=1.2, streak=0.2)
    crown(canvas, x * unit, centre * unit, radius * unit, unit)


def paint(width: int, height: int, seed: int) -> Image.Image:
    """The finished picture."""
    rng = np.random.default_rng(seed)
    w, h = width * SUPERSAMPLE, height * SUPERSAMPLE
    angle, tone, region = scene(rng, h, w)
    y, x = np.mgrid[0:h, 0:w].astype(np.float32) / h
    for lx, ly in LANTERNS:
        lit = np.exp(-np.hypot(x - lx, 2.2 * (y - ly - 0.055)) / 0.05)
        tone = np.where(region == 3, tone + 0.75 * lit, tone)
    canvas = Canvas(rng, ramp(NIGHT, tone - 0.05))
    area = w * h / (1536 * 1280)
    unit = h / 1280
    for size, count in ((34, 1500), (22, 2600), (14, 3800)):
        cover(canvas, angle, tone, region, size * unit, int(count * area), 0)
    for sx, sy, radius, _ in [MOON, *STARS]:
        lamp(canvas, sx * h, sy * h, radius * h * 0.85, FLAME[1:])
    for where in (1, 2, 3):
        for size, count in ((20, 700), (12, 1500)):
            cover(canvas, angle, tone, region, size * unit, int(count * area * (2.6 if where == 3 else 1)), where)
    for tx, ty, radius in TREES:
        tree(canvas, tx, ty, radius, h)
    for lx, ly in LANTERNS:
        lamp(canvas, lx * h, ly * h, 0.016 * h, FLAME)
    return finish(canvas.lit(0.17), width, height)
