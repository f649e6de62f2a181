"""Painted frames without flicker.

A network paints each frame as if there were no other, and small changes of a frame make large ones of its painting. So each
painting is blended with the last one, moved along with what it shows (optical flow), wherever the film is still the same there:

    out_t = (1 - w) painted_t + w moved(out_{t-1}),   w = smoothing * sameness

sameness is 1 where frame t equals the moved frame t - 1, and 0 where something new came into view. Ruder, Dosovitskiy & Brox 2016
(arXiv 1604.08610) put the same idea into the loss of an optimisation; Lai et al. 2018 (arXiv 1808.00449) measure flicker so.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst.images import resize

FLOW_SIZE = 128  # shorter side in pixels at which motion is estimated
SAME = 6 / 255  # a difference of this much makes sameness 1/e


def flow(previous: Tensor, frame: Tensor) -> Tensor:
    """Where each pixel of `frame` (1, 3, H, W) was in `previous`: (1, 2, H, W), x and y in pixels to be added to its place."""
    from skimage.registration import optical_flow_ilk

    height, width = frame.shape[-2:]
    scale = min(1, FLOW_SIZE / min(height, width))
    small = tuple(max(8, round(n * scale)) for n in (height, width))
    before, after = (resize(picture, small).mean(1)[0].cpu().numpy() for picture in (previous, frame))  # (h, w)
    down, right = optical_flow_ilk(after, before, radius=5)  # (2, h, w): after(p) = before(p + flow)
    found = torch.from_numpy(np.stack([right * width / small[1], down * height / small[0]]))[None].float()  # (1, 2, h, w)
    return F.interpolate(found, size=(height, width), mode="bilinear", align_corners=False).to(frame.device)


def moved(picture: Tensor, motion: Tensor) -> Tensor:
    """`picture` (1, 3, H, W) as it looks after a motion (1, 2, H, W) from `flow`; what comes from outside repeats the border."""
    height, width = picture.shape[-2:]
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    place = torch.stack([x, y])[None].to(motion) + motion  # (1, 2, H, W)
    grid = torch.stack([(2 * place[:, 0] + 1) / width - 1, (2 * place[:, 1] + 1) / height - 1], dim=-1)  # (1, H, W, 2)
    return F.grid_sample(picture, grid, mode="bicubic", padding_mode="border", align_corners=False).clamp(0, 1)


def sameness(frame: Tensor, previous_moved: Tensor) -> Tensor:
    """(1, 1, H, W): exp of minus the difference over SAME, each the mean of a 5 x 5 neighbourhood."""
    difference = (frame - previous_moved).abs().mean(1, keepdim=True)
    return (-F.avg_pool2d(F.pad(difference, (2, 2, 2, 2), mode="replicate"), 5, 1) / SAME).exp()


@dataclass
class Smoother:
    """`smoother(frame, painted)` -> the painting without flicker; what it measured on the way is in `figures()`.

    smoothing: the largest share of the last painting in the next, from 0 to below 1.
    """

    smoothing: float = 0.8
    last: tuple[Tensor, Tensor, Tensor] | None = None  # frame, painted, out
    changes: list[tuple[float, float, float]] = field(default_factory=list)  # film, without, with: per frame, in [0, 1]

    def __post_init__(self):
        if not 0 <= self.smoothing < 1:
            raise ValueError(f"smoothing={self.smoothing}: expected a number from 0 to below 1")

    def __call__(self, frame: Tensor, painted: Tensor) -> Tensor:
        out = painted
        if self.last is not None:
            motion = flow(self.last[0], frame)
            frame_before, painted_before, out_before = (moved(picture, motion) for picture in self.last)
            same = sameness(frame, frame_before)
            out = torch.lerp(painted, out_before, self.smoothing * same)
            pairs = (frame, frame_before), (painted, painted_before), (out, out_before)
            self.changes.append(tuple(float((same * (a - b).abs()).sum() / (3 * same.sum())) for a, b in pairs))
        self.last = frame, painted, out
        return out

    def figures(self) -> dict[str, float]:
        """Mean change from a frame to the next where the film stays the same, in steps of 8 bits: film, without and with
        smoothing.
        """
        names = ("flicker_film", "flicker_without", "flicker_with")
        return {name: round(255 * sum(values) / len(values), 3) for name, values in zip(names, zip(*self.changes))}
