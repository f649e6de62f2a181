"""Rose window at noon: stained glass of a rose, corner roundels and quarries.

Every pixel is told which pane it belongs to, first by the window's geometry (rings, petals, roundels), then by Voronoi
cells that break the larger panes into quarries. Distances to the pane borders give the leads, heavy ones for the geometry
and thin ones between quarries. Each pane's glass has its own colour, streaks, bubbles, brush-painted hatching and glow.
"""

import numpy as np
from PIL import Image
from scipy import ndimage
from scipy.spatial import cKDTree

from .brushes import SUPERSAMPLE, colours, emboss, finish, noise, smoothstep

BLUES = colours("071a6b", "0b2fa8", "1450c8", "2f7fdc", "0a5f9e", "1aa0d0")
REDS = colours("8a0a1c", "b80f22", "d8202a", "e8452e", "9c1240")
GOLDS = colours("e88a12", "f6ae22", "ffd04a", "fbe08a")
GREENS = colours("0c6a46", "1a8f5c", "4bb36a", "0e7a6e")
VIOLETS = colours("4a1a86", "6d2aa6", "8f4fc0", "b04a9c")
PALE = colours("f4e6b4", "e8f0d8", "cfe6e0", "fbd9a0")
FAMILIES = (BLUES, REDS, GOLDS, GREENS, VIOLETS, PALE)
BLUE, RED, GOLD, GREEN, VIOLET, WHITE = range(6)
PETALS = 12


def wheel(radius: np.ndarray, turn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pane number and colour family inside the rose; `radius` is 1 at its rim, `turn` counts petals."""
    pane, family = np.zeros(radius.shape, int), np.zeros(radius.shape, int)

    def put(where: np.ndarray, number: np.ndarray, colour: np.ndarray | int) -> None:
        pane[where] = np.broadcast_to(number, where.shape)[where]
        family[where] = np.broadcast_to(colour, where.shape)[where]

    petal, half = np.floor(turn).astype(int) % PETALS, np.floor(turn + 0.5).astype(int) % PETALS
    across, across_half = (turn % 1) - 0.5, ((turn + 0.5) % 1) - 0.5
    put(radius < 1.0, 100 + np.floor(turn * 4).astype(int) % (4 * PETALS), np.where(np.floor(turn * 4) % 2 == 0, RED, BLUE))
    put(radius < 0.945, 200 + half, VIOLET)
    # The petals are pointed arches: wide at the middle of their length, closing towards the rim and the hub.
    reach = np.clip((radius - 0.36) / 0.555, 0, 1)
    arch = 0.47 * np.minimum(1, 1.9 * (1 - reach) ** 0.75) * np.minimum(1, 0.5 + 1.6 * reach)
    put((radius < 0.915) & (np.abs(across) < arch), 300 + petal, BLUE)
    inner = (radius > 0.40) & (radius < 0.80) & (np.abs(across) < arch * (0.62 - 0.25 * reach))
    put(inner, 400 + petal, np.where(petal % 2 == 0, RED, GREEN))
    # A lily in every petal: a gold leaf between two pale ones.
    side = np.abs(across) * radius * 2 * np.pi / PETALS
    lily = np.hypot((radius - 0.62) / 0.13, side / (0.036 * (1.15 - (radius - 0.62) * 3.0)))
    wing = np.hypot((radius - 0.56 - side * 0.55) / 0.048, (side - 0.060) / 0.040)
    put(wing < 1, 500 + 2 * petal + (across > 0), WHITE)
    put(lily < 1, 550 + petal, GOLD)
    eye = np.hypot((radius - 0.865) / 0.052, across_half * radius * 2 * np.pi / PETALS / 0.055)
    put(eye < 1, 600 + half, GOLD)
    put(eye < 0.55, 650 + half, RED)
    put(radius < 0.385, 700 + half, np.where(half % 2 == 0, VIOLET, BLUE))
    foil = np.hypot((radius - 0.27) / 0.085, across * radius * 2 * np.pi / PETALS / 0.062)
    put(foil < 1, 750 + petal, np.where(petal % 2 == 0, GREEN, RED))
    put(radius < 0.19 + 0.025 * np.cos(turn * 2 * np.pi / 2), 800 + petal // 2, GOLD)
    put(radius < 0.115, 850 + petal // 2, RED)
    put(radius < 0.055, 900, WHITE)
    return pane, family


def plan(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pane number and colour family of the whole window; x and y are in picture heights from the centre."""
    rose = 0.465
    radius, turn = np.hypot(x, y) / rose, (np.arctan2(y, x) / (2 * np.pi) + 0.5) * PETALS + 0.5
    pane, family = wheel(radius, turn)
    outside = radius >= 1
    # Corner roundels with a star in each, and a field of lozenges behind them.
    lozenge = np.floor((x + y) / 0.062).astype(int) * 97 + np.floor((x - y) / 0.062).astype(int)
    pane[outside] = 5000 + lozenge[outside]
    family[outside] = np.where((lozenge % 5 == 0), GREEN, np.where(lozenge % 3 == 0, VIOLET, BLUE))[outside]
    band = outside & (radius < 1.06)
    pane[band] = 2000 + np.floor(turn * 3).astype(int)[band]
    family[band] = np.where(np.floor(turn * 3) % 3 == 0, RED, GOLD)[band]
    for number, (cx, cy) in enumerate([(sx * 0.475, sy * 0.375) for sx in (-1, 1) for sy in (-1, 1)]):
        far, spoke = np.hypot(x - cx, y - cy) / 0.098, np.arctan2(y - cy, x - cx) / (2 * np.pi) * 8 + 8
        for limit, count, pair in ((1.0, 16, (RED, WHITE)), (0.84, 8, (BLUE, BLUE)), (0.0, 8, (GOLD, GOLD)), (0.25, 1, (RED, RED))):
            edge = limit if limit else 0.52 + 0.24 * np.cos(spoke * 2 * np.pi)
            sector = np.floor(spoke * count / 8 + (0.5 if limit == 0 else 0)).astype(int) % count
            inside = far < edge
            pane[inside] = (3000 + 200 * number + 40 * int(limit * 4) + sector)[inside]
            family[inside] = np.where(sector % 2 == 0, *pair)[inside]
    frame = np.maximum(np.abs(x) / 0.6, np.abs(y) / 0.5)
    border = frame > 0.955
    along = np.where(np.abs(x) / 0.6 > np.abs(y) / 0.5, y, x)
    piece = np.floor(along / 0.05 + 0.5).astype(int)
    pane[border] = (9000 + piece + 50 * (np.abs(x) / 0.6 > np.abs(y) / 0.5) + 100 * (x > 0) + 200 * (y > 0))[border]
    family[border] = np.where(piece % 3 == 0, GOLD, np.where(piece % 3 == 1, RED, BLUE))[border]
    return pane, family


def borders(label: np.ndarray) -> np.ndarray:
    """Distance in pixels to the nearest place where the label changes."""
    same = np.ones(label.shape, bool)
    same[:, 1:] &= label[:, 1:] == label[:, :-1]
    same[1:, :] &= label[1:, :] == label[:-1, :]
    return ndimage.distance_transform_edt(same).astype(np.float32)


def quarries(rng: np.random.Generator, height: int, width: int, cell: float) -> np.ndarray:
    """Voronoi cells of jittered grid points, as a label image."""
    y, x = np.mgrid[0 : height + cell : cell, 0 : width + cell : cell]
    points = np.stack([y.ravel(), x.ravel()], axis=1) + rng.uniform(-0.48, 0.48, (y.size, 2)) * cell
    bend = noise(rng, height, width, cell, 2) * cell * 0.06
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return cKDTree(points).query(np.stack([rows + bend, columns - bend], axis=-1))[1]


def bubbles(rng: np.random.Generator, height: int, width: int, count: int) -> np.ndarray:
    """Seeds in the glass: small slanted ellipses, bright on one side and dark on the other."""
    relief = np.zeros((height, width), np.float32)
    for _ in range(count):
        size, stretch = rng.uniform(2.0, 6.5), rng.uniform(1.0, 2.2)
        box = int(size * stretch) + 2
        row, column = rng.integers(box, height - box), rng.integers(box, width - box)
        y, x = np.mgrid[-box : box + 1, -box : box + 1]
        bulge = np.clip(1 - (x / size) ** 2 - (y / size / stretch) ** 2, 0, 1) ** 0.5
        relief[row - box : row + box + 1, column - box : column + box + 1] += bulge * size
    return emboss(relief, 0.6)


def glass(rng: np.random.Generator, label: np.ndarray, family: np.ndarray, rim: np.ndarray) -> np.ndarray:
    """The coloured glass without its leads: tint per pane, streaks, hatching, seeds and a glow."""
    height, width = label.shape
    count = label.max() + 1
    first = ndimage.minimum(family, label, np.arange(count)).astype(int)
    tint = np.array([FAMILIES[kind][rng.integers(len(FAMILIES[kind]))] for kind in first], np.float32)
    tint *= (1 + 0.16 * rng.standard_normal((count, 1)) + 0.04 * rng.standard_normal((count, 3))).astype(np.float32)
    # Four sheets of streaks at different slants; every pane is cut from one of them.
    sheets = []
    for slant in (0, 35, 80, 125):
        side = int(1.5 * max(height, width))
        sheet = ndimage.rotate(noise(rng, side, side, 16, 4, stretch=7), slant, reshape=False, order=1)
        top, left = (side - height) // 2, (side - width) // 2
        sheets.append(sheet[top : top + height, left : left + width])
    cut = rng.integers(0, 4, count)[label]
    streak = np.choose(cut, sheets)
    slope = rng.uniform(0, 2 * np.pi, count)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    centre = np.array(ndimage.center_of_mass(np.ones_like(label), label, np.arange(count)))
    lean = (x - centre[:, 1][label]) * np.cos(slope)[label] + (y - centre[:, 0][label]) * np.sin(slope)[label]
    light = 0.92 + 0.17 * streak + 0.30 * np.tanh(lean / 45) + 0.07 * noise(rng, height, width, 7, 2)
    # Glass paint: washed shading along the leads and fine hatching that follows the streaks.
    light *= 1.32 * (0.62 + 0.38 * smoothstep(0, 20, rim + 5 * streak))
    hatch = np.sin(streak * 9 + lean * 0.25)
    light *= 1 - 0.22 * smoothstep(0.35, 0.8, hatch) * smoothstep(30, 8, rim)
    light += 0.30 * bubbles(rng, height, width, height * width // 1300)
    colour = tint[label] * light[..., None]
    return colour + 0.30 * np.clip(light - 1.2, 0, 1)[..., None] * np.array([1.0, 0.93, 0.75])


def leads(rng: np.random.Generator, picture: np.ndarray, far: np.ndarray, half: np.ndarray) -> np.ndarray:
    """Draw the leads over the glass: round dark bars, `half` their half width at each place, with a soft shine."""
    height, width = far.shape
    profile = np.sqrt(np.clip(1 - (far / half) ** 2, 0, 1)) * half
    shine = emboss(profile + 0.35 * noise(rng, height, width, 5, 3), 1.2)
    metal = np.array([0.055, 0.055, 0.075]) * (1 + 0.9 * np.clip(shine, -1, 1.5))[..., None]
    metal += 0.07 * np.clip(shine, 0, 1)[..., None] * np.array([0.8, 0.9, 1.2])
    lead = smoothstep(1.0, -1.0, far - half)[..., None]
    return picture * (1 - lead) + np.clip(metal, 0, 1) * lead


def paint(width: int, height: int, seed: int) -> Image.Image:
    """The finished picture."""
    rng = np.random.default_rng(seed)
    w, h = width * SUPERSAMPLE, height * SUPERSAMPLE
    unit = h / 1280
    y, x = (np.mgrid[0:h, 0:w].astype(np.float32) - np.array([h / 2, w / 2]).reshape(2, 1, 1)) / h
    sway = 0.0025 * noise(rng, h, w, h / 12, 2)
    pane, family = plan(x + sway, y - sway)
    cells = quarries(rng, h, w, 62 * unit)
    heavy = borders(pane)
    large = np.isin(pane // 100, (2, 3, 4, 7))
    both = pane.astype(np.int64) * 100_000 + np.where(large, cells, 0)
    label = np.unique(both, return_inverse=True)[1].reshape(h, w)
    thin = borders(label)
    colour = glass(rng, label, family, thin)
    wobble = 1 + 0.16 * noise(rng, h, w, 26 * unit, 2)
    main = np.where(pane >= 5000, 3.6, 5.2) * unit * wobble
    colour = leads(rng, colour, thin, 2.7 * unit * wobble)
    colour = leads(rng, colour, heavy, main)
    radius = np.hypot(x, y)
    ring = np.abs(radius[..., None] - 0.465 * np.array([0.385, 0.945, 1.0, 1.06])).min(axis=-1) * h
    colour = leads(rng, colour, ring, 8.0 * unit * wobble)
    halo = ndimage.gaussian_filter(colour, (14 * unit, 14 * unit, 0))
    colour = colour * 1.08 + 0.32 * halo * smoothstep(0.75, 0.1, radius)[..., None]
    return finish(colour * (1.12 - 0.26 * radius[..., None]), width, height)
