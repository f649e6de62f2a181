"""Figures for the notebooks: pictures side by side, loss curves, feature maps, Gram matrices.

Each function returns a matplotlib Figure, except `show`, the one way to the screen: it puts pictures or a Figure into the notebook
as a JPEG, so that a lesson full of pictures stays under a megabyte.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from nst.arguments import missing

try:
    from IPython.display import Image, display
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise missing(error, "notebooks") from error

DPI, QUALITY = 80, 85  # of every figure in the lessons
PALETTE = ("#1f4e9c", "#d9822b", "#2a8c6a", "#b3344e", "#6b4fa0", "#7a7a7a")


def show(
    *pictures: Tensor | Mapping[str, Tensor] | Figure,
    titles: Sequence[str] | None = None,
    columns: int | None = None,
    height: float = 2.6,
) -> None:
    """Show pictures (1, 3, H, W) side by side, `{title: picture}` in one dictionary, or one Figure, as a JPEG in the notebook."""
    figure = (
        pictures[0]
        if pictures and isinstance(pictures[0], Figure)
        else picture_grid(*pictures, titles=titles, columns=columns, height=height)
    )
    file = io.BytesIO()
    figure.savefig(
        file, format="jpeg", dpi=DPI, facecolor="white", bbox_inches="tight", pad_inches=0.06, pil_kwargs={"quality": QUALITY}
    )
    display(Image(data=file.getvalue(), format="jpeg"))


def picture_grid(*pictures: Tensor | Mapping[str, Tensor], titles: Sequence[str] | None = None, columns: int | None = None,
                 height: float = 2.6) -> Figure:  # fmt: skip
    """Pictures in rows of `columns` (default: up to four), each `height` inches high."""
    if len(pictures) == 1 and isinstance(pictures[0], Mapping):
        titles, pictures = list(pictures[0]), tuple(pictures[0].values())
    if not pictures:
        raise ValueError("pictures: expected at least one picture (1, 3, H, W), got none")
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"titles: expected one for each of the {len(pictures)} pictures, got {len(titles)}")
    images = [_image(p) for p in pictures]
    columns = min(columns or 4, len(images))
    rows = math.ceil(len(images) / columns)
    aspect = max(image.shape[1] / image.shape[0] for image in images)
    figure, axes = _canvas(rows, columns, height * aspect, height + (0.28 if titles else 0))
    for ax, image, title in zip(axes, images, titles or [""] * len(images), strict=False):
        ax.imshow(image, interpolation="lanczos" if image.shape[0] < height * DPI else "antialiased")
        ax.set_title(title, fontsize=10)
    return figure


def loss_curves(
    traces: Mapping[str, Sequence[float]], xlabel: str = "evaluations", ylabel: str = "loss", log: bool = True
) -> Figure:
    """One line per trace {name: values}; gaps where a value is not finite."""
    figure = Figure(figsize=(6.4, 3.2), layout="constrained")
    ax = figure.add_subplot()
    for (name, values), color in zip(traces.items(), PALETTE * (1 + len(traces) // len(PALETTE)), strict=False):
        ax.plot(range(1, len(values) + 1), values, label=name, color=color, linewidth=1.6)
    ax.set(xlabel=xlabel, ylabel=ylabel, yscale="log" if log else "linear")
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    if len(traces) > 1:
        ax.legend(frameon=False)
    return figure


def feature_maps(features: Tensor, channels: Sequence[int], columns: int = 6, height: float = 1.7) -> Figure:
    """Chosen channels of a feature map (1, C, H, W) as grey pictures, each stretched to its own brightest value."""
    channels = list(channels)
    if not channels:
        raise ValueError("channels is empty: expected the numbers of some channels")
    columns = min(columns, len(channels))
    figure, axes = _canvas(
        math.ceil(len(channels) / columns), columns, height * features.shape[-1] / features.shape[-2], height + 0.25
    )
    for ax, channel in zip(axes, channels, strict=False):
        ax.imshow(features[0, channel].detach().float().cpu().numpy(), cmap="magma", interpolation="nearest")
        ax.set_title(f"channel {channel}", fontsize=8)
    return figure


def gram_view(grams: Mapping[str, Tensor], height: float = 2.4) -> Figure:
    """Gram matrices {title: (1, C, C)} as heat maps of correlations, G_ij / sqrt(G_ii G_jj), so that channels of all strengths are
    seen.
    """
    if not grams:
        raise ValueError("grams is empty: expected Gram matrices {title: (1, C, C)}")
    figure, axes = _canvas(1, len(grams), height, height + 0.3)
    for ax, (title, gram) in zip(axes, grams.items(), strict=True):
        scale = gram[0].diagonal().clamp_min(1e-12).sqrt()
        ax.imshow((gram[0] / scale[:, None] / scale).detach().cpu().numpy(), cmap="magma", vmin=0, vmax=1, interpolation="nearest")
        ax.set_title(title, fontsize=10)
    return figure


def _canvas(rows: int, columns: int, width: float, height: float):
    """A figure of rows x columns empty axes; shrunk as a whole where it would be wider than a page."""
    shrink = min(1, 11 / (columns * width))
    figure = Figure(figsize=(columns * width * shrink, rows * height * shrink), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.03, h_pad=0.03, wspace=0, hspace=0)
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax in axes:
        ax.set_axis_off()
    return figure, axes


def _image(picture: Tensor):
    """(1, 3, H, W) or (3, H, W) -> (H, W, 3) array in [0, 1]."""
    if (
        not isinstance(picture, Tensor)
        or picture.ndim not in (3, 4)
        or picture.shape[-3] != 3
        or (picture.ndim == 4 and len(picture) != 1)
    ):
        got = tuple(picture.shape) if isinstance(picture, Tensor) else type(picture).__name__
        raise ValueError(f"pictures: expected tensors (1, 3, H, W), got {got}")
    picture = picture[0] if picture.ndim == 4 else picture
    return torch.nan_to_num(picture.detach().float().cpu()).clamp(0, 1).permute(1, 2, 0).numpy()
