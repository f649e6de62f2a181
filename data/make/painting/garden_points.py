"""Garden by the river, four in the afternoon: a sunlit bank, poplars, a stone bridge and a walker, in points of pure colour.

A plain colour plan of the scene is laid out first and never shown. Layers of dots, large ones under small ones, take the
plan's colour at their place, shake it and snap it to one of eighteen pigments; in every shadow some dots turn to the
complementary colour. The dots lean with the forms and lie on a warm ground like small domes of paint.
"""

import numpy as np
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.color import hsv2rgb, rgb2hsv

from .brushes import SUPERSAMPLE, colours, emboss, finish, noise, pick, ramp, smoothstep

PIGMENTS = colours("fffbe6", "ffe97a", "ffc21f", "ff8a1c", "e8402a", "f28aa0", "c03a86", "7a4ab0", "b9a4e0", "2c3a9c", "3f78d0",
                   "8cc8ee", "1f9a9a", "1e7a3c", "6ab43a", "bfe05a", "0e3a4c", "3a1f5c")  # fmt: skip
SKY = colours("5f9fe0", "9cc8f0", "d9e4ea", "ffeab8", "ffd79a")
LEAF = colours("123a52", "1c6a4a", "3f9a3c", "9ccc3c", "f4e85a")
LAWN = colours("2a4a8c", "2f8a4c", "7cc03c", "d0e04a", "fff07a")
POPLAR = colours("3a3a8c", "1f7a6a", "58ac4c", "c8d84a", "fff08a")
STONE = colours("5a4a9c", "a07ab0", "e0a8a0", "ffdca8", "fff3d0")
# Drifts of flowers as x, y, half width in picture heights, then their dark and pale colours.
DRIFTS = [(0.10, 0.70, 0.15, "e8402a", "ff8a1c"), (0.30, 0.735, 0.10, "fffbe6", "f28aa0"),
          (0.05, 0.83, 0.18, "7a4ab0", "b9a4e0"), (0.24, 0.87, 0.17, "ffc21f", "ff8a1c"),
          (0.07, 0.965, 0.22, "c03a86", "f28aa0"), (0.30, 0.985, 0.13, "fffbe6", "8cc8ee"),
          (0.93, 0.83, 0.16, "f28aa0", "e8402a"), (1.12, 0.90, 0.17, "ffc21f", "fffbe6"),
          (0.93, 0.965, 0.19, "7a4ab0", "f28aa0"), (1.14, 0.78, 0.10, "fffbe6", "b9a4e0")]  # fmt: skip
# Masses of leaves of the large tree as x, y, half width, half height.
BOUGHS = [(1.17, 0.30, 0.13, 0.085), (1.18, 0.03, 0.16, 0.10), (0.98, 0.045, 0.15, 0.085), (0.80, 0.02, 0.13, 0.065),
          (1.10, 0.155, 0.14, 0.085), (0.93, 0.175, 0.11, 0.060), (0.62, -0.01, 0.10, 0.045),
          (1.02, 0.275, 0.085, 0.045)]  # fmt: skip


class Plan:
    """The colour and the direction of the forms, in picture-height coordinates."""

    def __init__(self, rng: np.random.Generator, height: int, width: int) -> None:
        self.rng, self.height, self.width = rng, height, width
        self.y, self.x = np.mgrid[0:height, 0:width].astype(np.float32) / height
        self.colour = np.ones((height, width, 3), np.float32)
        self.angle = np.zeros((height, width), np.float32)
        self.rough = noise(rng, height, width, height / 40, 3)
        self.broad = noise(rng, height, width, height / 9, 3)

    def lay(self, where: np.ndarray, colour: np.ndarray, angle: np.ndarray | float | None = None) -> None:
        """Paint `where` in one colour or a field of colours."""
        self.colour[where] = np.broadcast_to(colour, self.colour.shape)[where]
        if angle is not None:
            self.angle[where] = np.broadcast_to(angle, self.angle.shape)[where]

    def blob(self, x: float, y: float, wide: float, tall: float, palette: np.ndarray, lift: float = 0.0) -> None:
        """A bush or a crown with a ragged edge, lit from the upper left."""
        dx, dy = (self.x - x) / wide, (self.y - y) / tall
        far = np.hypot(dx, dy) + 0.10 * self.rough + 0.08 * self.broad
        light = 0.50 - 0.34 * dx - 0.38 * dy + 0.16 * self.rough + lift
        self.lay(far < 1, ramp(palette, light), np.arctan2(dy, dx) + np.pi / 2)

    def polygon(self, points: list[tuple[float, float]]) -> np.ndarray:
        """The inside of a polygon as a mask."""
        mask = Image.new("1", (self.width, self.height))
        ImageDraw.Draw(mask).polygon([(px * self.height, py * self.height) for px, py in points], fill=1)
        return np.asarray(mask)


def distance(plan: Plan) -> None:
    """Sky with clouds, lilac hills, the far bank's trees and poplars."""
    x, y = plan.x, plan.y
    plan.lay(y > -1, ramp(SKY, y / 0.36 + 0.06 * plan.broad), 0.3 * np.sin(5 * x) + 0.2 * plan.broad)
    cloud = smoothstep(0.35, 1.0, plan.broad + 1.1 * np.exp(-(((y - 0.13 - 0.05 * np.sin(5 * x)) / 0.055) ** 2)) - 0.25)
    puff = ramp(colours("c9a8d8", "f6c8b8", "fff4dc"), 0.7 - 5 * (y - 0.13) + 0.2 * plan.rough)
    plan.colour[:] = plan.colour * (1 - cloud[..., None]) + puff * cloud[..., None]
    hill = 0.335 - 0.05 * np.exp(-(((x - 0.28) / 0.2) ** 2)) - 0.03 * np.exp(-(((x - 0.8) / 0.15) ** 2))
    plan.lay(y > hill, ramp(colours("6a6ac0", "9a8ad0", "d0a8d0", "f0c8b8"), 0.4 + (y - hill) * 7 + 0.15 * plan.rough), 0.1)
    for place in np.linspace(-0.02, 1.24, 26):
        size = plan.rng.uniform(0.028, 0.055)
        plan.blob(place, 0.400 - 0.3 * size, size * 1.1, size, POPLAR, -0.1)
    for place, tall in ((0.10, 0.115), (0.165, 0.15), (0.235, 0.135), (0.30, 0.105), (0.56, 0.10), (0.615, 0.125), (0.665, 0.085)):
        plan.blob(place, 0.405 - tall, 0.024 + 0.06 * tall, tall, POPLAR)


def bridge(plan: Plan) -> None:
    """Two arches of warm stone from the right bank."""
    x, y = plan.x, plan.y
    deck = 0.318 + 0.55 * (x - 0.93) ** 2
    body = (x > 0.705) & (y > deck) & (y < 0.425)
    plan.lay(body, ramp(STONE, 0.34 + 0.10 * plan.rough - 2 * (y - deck - 0.03)), 0.0)
    for arch, half in ((0.785, 0.042), (0.925, 0.064), (1.07, 0.046)):
        far = np.hypot((x - arch) / half, (y - 0.428) / (1.2 * half))
        plan.lay(body & (far < 1.2), ramp(STONE, 0.78 + 0.1 * plan.rough), np.pi / 2)
        vault = ramp(colours("16245c", "2c4a8c", "5a7ac0"), 0.3 + 0.2 * plan.rough + 0.5 * (x - arch) / half)
        plan.lay(body & (far < 1), vault, 0.0)
    plan.lay((x > 0.70) & (np.abs(y - deck) < 0.009), STONE[4], 0.0)


def river(plan: Plan) -> None:
    """Water below the far bank: the world mirrored, torn sideways by ripples, with light on it."""
    x, y, shore = plan.x, plan.y, 0.425
    water = y > shore
    ripple = np.sin(y * 260 / (0.4 + y) + 2 * plan.broad) * (y - shore)
    mirror_y = np.clip(2 * shore - y - 0.12 * (y - shore) + 0.02 * plan.rough, 0, 1) * plan.height
    mirror = pick(plan.colour, (x + 0.22 * ripple) * plan.height, mirror_y)
    glint = smoothstep(0.55, 1.0, np.sin(y * 420 / (0.5 + y) + 5 * plan.broad) + 0.25 * plan.rough)
    tint = mirror * np.array([0.66, 0.84, 1.02]) + (1 - mirror) * np.array([0.02, 0.06, 0.13])
    tint = tint * (1 - 0.5 * glint[..., None]) + 0.5 * glint[..., None] * np.array([1.0, 0.93, 0.72])
    plan.lay(water, tint, 0.06 * np.sin(9 * x))


def bank(plan: Plan) -> None:
    """The near bank: lawn in sun and shade, a pale path, drifts of flowers."""
    x, y = plan.x, plan.y
    edge = 0.565 + 0.20 * x - 0.30 * x * np.maximum(0, x - 0.45) + 0.012 * np.sin(17 * x) + 0.006 * plan.rough
    depth = y - edge
    shade = smoothstep(-0.1, 0.5, plan.broad + 2.2 * smoothstep(0.62, 1.1, x + 0.7 * (y - 0.7)) - 0.7)
    slope = 0.2 + 0.25 * np.sin(6 * x + 3)
    plan.lay(depth > -0.012, ramp(LEAF, 0.25 + 0.2 * plan.rough), np.pi / 2)
    lawn = ramp(LAWN, 0.80 - 0.62 * shade + 0.12 * plan.rough + 0.10 * np.sin(38 * depth + 2 * plan.broad))
    plan.lay(depth > 0.008, lawn, slope)
    path = np.abs(x - (0.50 + 0.9 * (y - 0.72) - 2.2 * (y - 0.86) ** 2)) < 0.022 + 0.24 * np.maximum(0, depth - 0.03)
    plan.lay(path & (depth > 0.03), ramp(STONE, 0.88 - 0.62 * shade + 0.10 * plan.rough), slope + 0.6)
    for cx, cy, wide, dark, pale in DRIFTS:
        far = np.hypot((x - cx) / wide, (y - cy) / (0.34 * wide)) + 0.16 * plan.broad
        speck = plan.rough + 0.5 * noise(plan.rng, plan.height, plan.width, plan.height / 70, 1)
        flower = (far < 1) & (speck > -0.35 - 0.3 * (1 - far))
        plan.lay(far < 1.12, ramp(LEAF, 0.34 + 0.16 * plan.rough), np.pi / 2)
        plan.lay(flower, ramp(colours(dark, pale), 0.5 + 0.4 * plan.rough - 3 * (y - cy)), 0.7)


def tree(plan: Plan) -> None:
    """The large tree on the right whose boughs frame the view."""
    x, y = plan.x, plan.y
    lean = 1.075 - 0.10 * (0.8 - y) - 0.18 * np.maximum(0, 0.30 - y)
    half = 0.024 + 0.035 * smoothstep(0.66, 0.84, y) + 0.012 * smoothstep(0.35, 0.1, y)
    side = (x - lean) / half
    trunk = (np.abs(side) < 1) & (y > 0.05) & (y < 0.83)
    bark = ramp(colours("2c1f5c", "5a3a86", "b05a5a", "f0a05a", "ffd890"), 0.45 - 0.42 * side + 0.12 * plan.rough)
    plan.lay(trunk, bark, np.pi / 2)
    for cx, cy, wide, tall in BOUGHS:
        plan.blob(cx, cy, wide, tall, LEAF)


def walker(plan: Plan) -> None:
    """A figure with a vermilion parasol, and her violet shadow on the path."""
    x, y = plan.x, plan.y
    cx, foot = 0.555, 0.845
    plan.lay(np.hypot((x - cx - 0.075) / 0.085, (y - foot + 0.004) / 0.013) < 1, colours("4a3aa0")[0], 0.0)
    skirt = plan.polygon([(cx - 0.014, foot - 0.105), (cx + 0.014, foot - 0.105), (cx + 0.046, foot), (cx - 0.042, foot)])
    plan.lay(skirt, ramp(colours("5a4ab0", "b9a4e0", "fffbe6"), 0.55 - (x - cx) * 16 + 0.1 * plan.rough), np.pi / 2)
    hips, chest = foot - 0.10, foot - 0.155
    waist = plan.polygon([(cx - 0.019, chest), (cx + 0.019, chest), (cx + 0.013, hips), (cx - 0.013, hips)])
    plan.lay(waist, ramp(colours("2c3a9c", "3f78d0", "8cc8ee"), 0.5 - (x - cx) * 26), np.pi / 2)
    plan.lay(np.hypot(x - cx, (y - foot + 0.170) * 0.9) < 0.0135, colours("f0b080")[0], 0.0)
    stick = np.abs(x - cx - 0.012 - 0.1 * (foot - 0.13 - y)) < 0.0025
    plan.lay(stick & (y > foot - 0.24) & (y < foot - 0.11), colours("3a1f5c")[0], np.pi / 2)
    dx, dy = (x - cx - 0.020) / 0.068, (y - foot + 0.185) / 0.060
    shade = ramp(colours("a01f4a", "e8402a", "ff8a1c", "ffe97a"), 0.45 - 0.45 * dx - 0.35 * (dy + 0.5) + 0.12 * np.cos(dx * 11))
    plan.lay((np.hypot(dx, dy) < 1) & (dy < -0.05 + 0.12 * np.cos(dx * 9.4)), shade, np.pi / 2 * dx)


def pigment(rng: np.random.Generator, colour: np.ndarray, shake: float, opposed: float) -> np.ndarray:
    """One pigment per dot near the plan's colour, some turned to the complementary hue where it is dark."""
    hsv = rgb2hsv(np.clip(colour, 0, 1)[None])[0]
    turn = rng.uniform(size=len(hsv)) < opposed * (1.25 - hsv[:, 2]) * (0.4 + hsv[:, 1])
    hsv[:, 0] = (hsv[:, 0] + np.where(turn, 0.5, 0) + rng.normal(0, 0.022, len(hsv))) % 1
    hsv[:, 2] = np.clip(hsv[:, 2] + np.where(turn, 0.12, 0), 0, 1)
    wanted = hsv2rgb(hsv[None])[0] + rng.normal(0, shake, colour.shape)
    nearest = ((wanted[:, None, :] - PIGMENTS[None]) ** 2).sum(axis=-1).argmin(axis=1)
    return np.clip(0.72 * PIGMENTS[nearest] + 0.28 * hsv2rgb(hsv[None])[0] + rng.normal(0, 0.02, colour.shape), 0, 1)


def dots(rng: np.random.Generator, plan: Plan, size: float, spacing: float, shake: float, opposed: float) -> tuple[np.ndarray, ...]:
    """One layer of dots on a shaken grid: centres, colours, angles and half lengths, in random order."""
    h, w = plan.height, plan.width
    y, x = np.mgrid[0 : h + spacing : spacing * 0.87, 0 : w + spacing : spacing]
    x = x + spacing / 2 * (np.arange(len(x)) % 2)[:, None]
    place = np.stack([x.ravel(), y.ravel()], axis=1) + rng.normal(0, 0.22 * spacing, (x.size, 2))
    place = rng.permutation(place)
    colour = pigment(rng, pick(plan.colour, place[:, 0], place[:, 1]), shake, opposed)
    angle = pick(plan.angle, place[:, 0], place[:, 1]) + rng.normal(0, 0.25, len(place))
    return place, colour, angle, size * rng.uniform(0.75, 1.2, len(place))


def paint(width: int, height: int, seed: int) -> Image.Image:
    """The finished picture."""
    rng = np.random.default_rng(seed)
    w, h = width * SUPERSAMPLE, height * SUPERSAMPLE
    plan = Plan(rng, h, w)
    for step in (distance, bridge, river, bank, tree, walker):
        step(plan)
    ground = colours("e8cf9c")[0] * (1 + 0.05 * plan.rough[..., None]) * 0.75 + plan.colour * 0.25
    picture, thick = Image.fromarray((np.clip(ground, 0, 1) * 255).astype(np.uint8)), Image.new("L", (w, h), 40)
    draw, relief = ImageDraw.Draw(picture), ImageDraw.Draw(thick)
    turn = np.linspace(0, 2 * np.pi, 11)[:-1]
    for size, spacing, shake, opposed in ((9.0, 13, 0.08, 0.10), (7.2, 12, 0.12, 0.22), (5.4, 12, 0.13, 0.25)):
        unit = h / 1280
        layer = dots(rng, plan, size * unit, spacing * unit, shake, opposed)
        for (x, y), colour, angle, half in zip(*layer, strict=True):
            along, across = half * 1.22 * np.cos(turn), half * 0.86 * np.sin(turn)
            px, py = x + along * np.cos(angle) - across * np.sin(angle), y + along * np.sin(angle) + across * np.cos(angle)
            outline = np.stack([px, py], axis=1).ravel().tolist()
            draw.polygon(outline, fill=tuple((colour * 255).astype(int).tolist()))
            relief.polygon(outline, fill=int(rng.integers(110, 255)))
    light = emboss(ndimage.gaussian_filter(np.asarray(thick, np.float32), 1.3), 0.5)
    return finish(np.asarray(picture, np.float32) / 255 * (1 + 0.09 * light)[..., None], width, height)
