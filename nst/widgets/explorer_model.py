"""What the layer explorer shows: the features of one picture, where a unit looks, and where a Gram entry comes from. No widgets."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst import vgg
from nst.losses import correlations, gram_matrix
from nst.vgg import VGG19, layer_names

LAYERS = [name for name in layer_names() if name.startswith("relu")]
MAP_SIZE = 96  # pixels of a feature map on the screen, at least


def receptive_field(layer: str) -> tuple[int, int]:
    """(size, stride) of a layer in pixels: a unit sees a square of `size`, and neighbours look `stride` apart."""
    row = next(row for row in vgg.table() if row.name[4:] == layer[4:])
    return row.receptive_field, row.stride


class Layers:
    """All ReLU layers of a picture (1, 3, H, W), computed once."""

    @torch.no_grad()
    def __init__(self, picture: Tensor, encoder: VGG19):
        self.height, self.width = picture.shape[-2:]
        found = encoder(picture.to(next(encoder.parameters()).device), LAYERS)
        self.features = {name: features[0].cpu() for name, features in found.items()}  # (C, h, w) each
        self.grams: dict[str, Tensor] = {}

    def unit(self, layer: str, place: Sequence[float]) -> tuple[int, int]:
        """Row and column of the unit in the middle of whose field a place (x, y), in shares of the picture, lies."""
        _, height, width = self.features[layer].shape
        stride = receptive_field(layer)[1]
        row, column = (int(share * side / stride) for share, side in ((place[1], self.height), (place[0], self.width)))
        return min(row, height - 1), min(column, width - 1)

    def field(self, layer: str, unit: tuple[int, int]) -> list[float]:
        """What the unit sees: left, top, right, bottom in shares of the picture, cut off at its border."""
        size, stride = receptive_field(layer)
        around = (size - stride) / 2
        top, left = (stride * k - around for k in unit)
        box = (left / self.width, top / self.height, (left + size) / self.width, (top + size) / self.height)
        return [min(1.0, max(0.0, side)) for side in box]

    def strongest(self, layer: str, unit: tuple[int, int], count: int = 8) -> list[int]:
        """The channels with the largest values at a unit, each measured against its own largest value anywhere."""
        features = self.features[layer]
        values = features[:, unit[0], unit[1]] / features.amax((1, 2)).clamp_min(1e-12)
        return values.topk(min(count, len(values))).indices.tolist()

    def gram(self, layer: str) -> Tensor:
        """The Gram matrix (C, C), divided by H W: mean products of two maps."""
        if layer not in self.grams:
            self.grams[layer] = gram_matrix(self.features[layer][None], "hw")[0]
        return self.grams[layer]

    def correlations(self, layer: str) -> Tensor:
        """G_ij / sqrt(G_ii G_jj), (C, C): from 0 to 1, and 0 where a channel is silent."""
        return correlations(self.gram(layer))


def in_groups(matrix: Tensor) -> Tensor:
    """A matrix of correlations (C, C) with channels that go together side by side: each next one is the nearest to the last."""
    order, left = [0], torch.ones(len(matrix), dtype=torch.bool)
    while len(order) < len(matrix):
        left[order[-1]] = False
        order.append(int(matrix[order[-1]].masked_fill(~left, -torch.inf).argmax()))
    return matrix[order][:, order]


def heat(values: Tensor, size: int = MAP_SIZE) -> Tensor:
    """A map (h, w) in matplotlib's magma, stretched to its own range, with square pixels: (1, 3, H, W) of `size` at least."""
    low, high = values.min(), values.max()
    index = ((values - low) / (high - low).clamp_min(1e-12) * 255).round().long()
    coloured = _magma()[index].permute(2, 0, 1)[None]  # (1, 3, h, w)
    return F.interpolate(coloured, scale_factor=float(max(1, math.ceil(size / min(values.shape)))), mode="nearest")


@functools.cache
def _magma() -> Tensor:
    from matplotlib import colormaps

    return torch.from_numpy(np.asarray(colormaps["magma"](np.arange(256)))[:, :3]).float()  # (256, 3)


def tiles(maps: Sequence[Tensor], columns: int = 4, gap: int = 4) -> Tensor:
    """Pictures of one size (1, 3, h, w) in rows, with white between them: (1, 3, H, W)."""
    height, width = maps[0].shape[-2:]
    rows = math.ceil(len(maps) / columns)
    page = torch.ones(1, 3, rows * (height + gap) - gap, columns * (width + gap) - gap)
    for k, one in enumerate(maps):
        top, left = k // columns * (height + gap), k % columns * (width + gap)
        page[..., top : top + height, left : left + width] = one
    return page
