"""What the paintings share: colours, smooth noise, flow, brush strokes, paint relief and the final downsampling.

Every painting works on a canvas SUPERSAMPLE times larger than the picture it returns, as float32 arrays with
colours in 0..1, and measures lengths in pixels of that large canvas.
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.interpolate import CubicSpline

SUPERSAMPLE = 2


def colours(*codes: str) -> np.ndarray:
    """Hex codes such as "1b2a6b" as an (n, 3) array of colours in 0..1."""
    return np.array([[int(code[i : i + 2], 16) for i in (0, 2, 4)] for code in codes], np.float32) / 255


def ramp(palette: np.ndarray, tone: np.ndarray | float) -> np.ndarray:
    """The colour at `tone` (0..1) on a ladder of evenly spaced palette colours."""
    place = np.clip(np.asarray(tone, np.float32), 0, 1) * (len(palette) - 1)
    low = np.minimum(place.astype(int), len(palette) - 2)
    part = (place - low)[..., None]
    return palette[low] * (1 - part) + palette[low + 1] * part


def smoothstep(low: float, high: float, value: np.ndarray) -> np.ndarray:
    """0 below `low`, 1 above `high`, with a soft shoulder between."""
    part = np.clip((value - low) / (high - low), 0, 1)
    return part * part * (3 - 2 * part)


def noise(rng: np.random.Generator, height: int, width: int, cell: float, octaves: int = 4, stretch: float = 1.0) -> np.ndarray:
    """Smooth noise of about unit spread; `cell` is the size of its blobs, `stretch` > 1 draws them out sideways."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        size = cell / 2**octave
        rows, columns = int(height / size) + 3, int(width / (size * stretch)) + 3
        grid = Image.fromarray(rng.standard_normal((rows, columns)).astype(np.float32))
        total += np.asarray(grid.resize((width, height), Image.Resampling.BICUBIC)) * 0.55**octave
    return (total - total.mean()) / (total.std() + 1e-6)


def pick(field: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The values of a field at the nearest pixels to (x, y), its edge values outside."""
    height, width = field.shape[:2]
    return field[np.clip(y, 0, height - 1).astype(int), np.clip(x, 0, width - 1).astype(int)]


def trace(angle: np.ndarray, x: np.ndarray, y: np.ndarray, steps: int, step: float) -> np.ndarray:
    """Follow a field of directions from many starts at once: (starts, steps, 2) points."""
    x, y = np.array(x, np.float32), np.array(y, np.float32)
    path = np.empty((len(x), steps, 2), np.float32)
    for i in range(steps):
        path[:, i, 0], path[:, i, 1] = x, y
        heading = pick(angle, x, y)
        x, y = x + step * np.cos(heading), y + step * np.sin(heading)
    return path


def walk(x: float, y: float, heading: np.ndarray, step: float) -> np.ndarray:
    """The path of someone who leaves (x, y) and turns to each `heading` in turn for one step."""
    return np.stack([x + np.cumsum(np.cos(heading)) * step, y + np.cumsum(np.sin(heading)) * step], axis=1)


def curve(points: list[tuple[float, float]], count: int = 40) -> np.ndarray:
    """A smooth path of `count` points through the given ones."""
    knots = np.asarray(points, np.float32)
    at = np.linspace(0, len(knots) - 1, count)
    if len(knots) < 3:
        return np.stack([np.interp(at, range(len(knots)), knots[:, k]) for k in (0, 1)], axis=1)
    return CubicSpline(np.arange(len(knots)), knots)(at)


def ribbon(path: np.ndarray, width: float, spacing: float = 0.65) -> tuple[np.ndarray, ...]:
    """Sample points that cover a stroke of the given width: x, y (pixels), along (0..1) and across (-1..1)."""
    pieces = np.hypot(*np.diff(path, axis=0).T)
    length = np.concatenate([[0], np.cumsum(pieces)])
    along = np.linspace(0, 1, max(3, int(length[-1] / spacing)))
    x, y = (np.interp(along * length[-1], length, path[:, k]) for k in (0, 1))
    dx, dy = np.gradient(x), np.gradient(y)
    size = np.hypot(dx, dy) + 1e-6
    across = np.linspace(-1, 1, max(3, int(width / spacing)))[None, :]
    shift = across * width / 2
    dx, dy = (dx / size)[:, None], (dy / size)[:, None]
    return x[:, None] - dy * shift, y[:, None] + dx * shift, along[:, None], across


def bristles(rng: np.random.Generator, rows: int = 2048, columns: int = 512) -> np.ndarray:
    """A sheet of streaks running down the rows, as a loaded brush leaves them; strokes borrow windows of it."""
    fine = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), (60, 0.8))
    broad = ndimage.gaussian_filter(rng.standard_normal((rows, columns)), (120, 3.0))
    sheet = fine / fine.std() + 0.8 * broad / broad.std()
    return (sheet / sheet.std()).astype(np.float32)


class Canvas:
    """Paint colour and paint thickness, laid down stroke by stroke."""

    def __init__(self, rng: np.random.Generator, ground: np.ndarray) -> None:
        self.rng = rng
        self.colour = ground.astype(np.float32).copy()
        self.height, self.width = ground.shape[:2]
        self.relief = np.zeros((self.height, self.width), np.float32)
        self.sheet = bristles(rng)

    def stroke(self, path: np.ndarray, width: float, colour: np.ndarray, load: float = 1.0, streak: float = 0.06) -> None:
        """One brush stroke: bristle streaks, a raised rim, a ragged dry end; `load` is how much paint it carries."""
        x, y, along, across = ribbon(path, width)
        rows, columns = x.shape
        row = self.rng.integers(0, max(1, self.sheet.shape[0] - rows))
        column = self.rng.integers(0, max(1, self.sheet.shape[1] - columns))
        hair = self.sheet[row : row + rows, column : column + columns]
        rows, columns = hair.shape
        x, y, along, across = x[:rows, :columns], y[:rows, :columns], along[:rows], across[:, :columns]
        # The round start and the dry end: bristles run out of paint one after another.
        start = np.minimum(1, along * rows / (0.5 * columns + 1))
        round_end = 1 - np.abs(across) ** 3 * 1.05 - (1 - start) ** 2
        wet = load * 1.3 + 0.45 * hair - 1.5 * smoothstep(0.55, 1.0, along)
        cover = smoothstep(0, 0.18, round_end) * smoothstep(-0.1, 0.35, wet)
        inside = (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height) & (cover > 0.02)
        xi, yi, cover = x[inside].astype(int), y[inside].astype(int), cover[inside]
        shade = (1 + streak * hair)[inside][:, None]
        self.colour[yi, xi] += cover[:, None] * (colour * shade - self.colour[yi, xi])
        thick = load * (0.7 + 0.25 * hair + 0.5 * np.abs(across) ** 4 + 0.4 * smoothstep(0.5, 0.8, along))
        self.relief[yi, xi] += cover * (0.35 * self.relief[yi, xi] + thick[inside] * width**0.5 - self.relief[yi, xi])

    def lit(self, strength: float = 0.1) -> np.ndarray:
        """The colours with the relief lit from the upper left."""
        return self.colour * (1 + strength * emboss(self.relief))[..., None]


def emboss(relief: np.ndarray, soften: float = 0.8) -> np.ndarray:
    """How much each place of a relief turns towards a light at the upper left, about -1..1."""
    smooth = ndimage.gaussian_filter(relief, soften)
    slope = ndimage.sobel(smooth, 0) + ndimage.sobel(smooth, 1)
    return np.clip(slope / (2.5 * slope.std() + 1e-6), -1.5, 1.5)


def finish(picture: np.ndarray, width: int, height: int) -> Image.Image:
    """The large canvas as an 8-bit picture of the final size."""
    large = Image.fromarray((np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8))
    return large.resize((width, height), Image.Resampling.LANCZOS)
