"""Figures for the notebooks: pictures side by side, sweeps, loss curves, feature maps, Gram matrices.

Each function returns a matplotlib Figure, except `show`, the one way to the screen. A figure has twice the pixels of its place on
the page, so that it is sharp on every screen, and a text instead of itself, for readers who do not see it.
"""

from __future__ import annotations

import io
import math
from base64 import b64encode
from collections.abc import Mapping, Sequence

import numpy as np
from PIL import Image
from torch import Tensor

from nst.losses import correlations
from nst.support.arguments import missing

try:
    from IPython.display import display
    from matplotlib import ticker
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure
except ModuleNotFoundError as error:
    raise missing(error, "notebooks") from error

from nst.figures.panels import CAPTION, DENSITY, INK, PAGE, SCREEN, TITLE, labelled_grid, picture_grid, room, wrap

__all__ = ["PALETTE", "clouds", "feature_maps", "gram_view", "labelled_grid", "loss_curves", "picture_grid", "plain", "plain_log",
           "show"]  # fmt: skip

LARGEST = 86_000  # bytes of one figure: twelve of them and their base64 stay below 1.5 MB
QUALITIES = ((1, 76), (1, 68), (1, 60), (1, 52), (0.8, 60), (0.65, 60), (0.5, 60))  # size and JPEG quality: the first below LARGEST

# Blue, rust, green, lilac, wine, grey: far apart for the colour-blind, too, and dark enough for text (tests/figures/test_plots.py).
PALETTE = ("#0b4680", "#a8480e", "#24845d", "#9163ad", "#560020", "#535359")


def show(
    *pictures: Tensor | Mapping[str, Tensor] | Figure,
    titles: Sequence[str] | None = None,
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    height: float = 2.6,
    style: Tensor | Mapping[str, Tensor] | None = None,
    detail: tuple[float, float] | None = None,
    alt: str | None = None,
) -> None:
    """Show pictures (1, 3, H, W) side by side, `{title: picture}` in one dictionary, or one Figure, in the notebook.

    alt: the text instead of the picture, for screen readers and for viewers without pictures; None makes it from the titles.
    The other arguments are those of `picture_grid`.

    The output is a JPEG or PNG, which every viewer shows, with its width on the page and the text as metadata.
    """
    options = {"titles": titles, "captions": captions, "columns": columns, "style": style, "detail": detail}
    if not (pictures and isinstance(pictures[0], Figure)):
        figure = picture_grid(*pictures, height=height, **options)
    elif len(pictures) > 1 or any(option is not None for option in options.values()):
        raise ValueError("show: expected one Figure by itself; its pictures, titles and style belong to the call that makes it")
    else:
        figure = pictures[0]
    text = alt or figure.get_label() or describe(figure)
    data, kind, width = encode(figure)
    image = f"image/{kind}"
    display({image: b64encode(data).decode(), "text/plain": text}, metadata={image: {"width": width, "alt": text}}, raw=True)


def encode(figure: Figure) -> tuple[bytes, str, int]:
    """The figure as a file, what kind of file, and its width in pixels of the page.

    Pictures become a JPEG below `LARGEST`, if one of the `QUALITIES` does it. Lines become a PNG of 256 colours where that is
    smaller, heat maps one of all their colours where that is below `LARGEST`: it has no shadows around the letters.
    """
    file = io.BytesIO()
    figure.savefig(file, dpi=SCREEN * DENSITY, facecolor="white", bbox_inches="tight", pad_inches=0.06,
                   pil_kwargs={"compress_level": 0})  # fmt: skip  # it is read at once
    picture = Image.open(file).convert("RGB")
    width = round(picture.width / DENSITY)
    for size, quality in QUALITIES:
        jpeg = _save(_scaled(picture, size), "jpeg", quality=quality, progressive=True)
        if len(jpeg) <= LARGEST:
            break
    drawn = [image.get_array().ndim for ax in figure.axes for image in ax.images]
    if 3 not in drawn:
        png = _save(picture if drawn else picture.quantize(256), "png")
        if len(png) < (LARGEST if drawn else len(jpeg)):
            return png, "png", width
    return jpeg, "jpeg", width


def describe(figure: Figure) -> str:
    """What the titles and labels of a figure say of it."""
    words = [text for ax in figure.axes for text in (ax.get_title(), ax.get_xlabel(), ax.get_ylabel()) if text]
    return "Figure: " + ", ".join(dict.fromkeys(words)).replace("\n", " ") if words else "Figure"


def _scaled(picture: Image.Image, size: float) -> Image.Image:
    return picture.resize((round(size * picture.width), round(size * picture.height))) if size != 1 else picture


def _save(picture: Image.Image, kind: str, **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, optimize=True, **options)
    return file.getvalue()


# --- numbers ----------------------------------------------------------------------------------------------------------------------


def loss_curves(
    traces: Mapping[str, Sequence[float]], xlabel: str = "evaluations", ylabel: str = "loss", log: bool = True, best: bool = False
) -> Figure:
    """One line per trace {name: values}, named at its end; gaps where a value is not finite. log: the vertical axis.

    best: the line is the lowest value so far, and dots are the values, which may be a search's rejected trials; dots that lie above
    all lines are drawn at the upper edge.
    ValueError: no traces, or one without a value that can be drawn.
    """
    if not traces:
        raise ValueError("traces: expected at least one {name: values}, got none")
    figure = Figure(figsize=(8, 3.6))
    ax = figure.add_axes((0.1, 0.15, 0.66, 0.8))
    said, dots = [], []
    for i, (name, values) in enumerate(traces.items()):
        values = np.array([float(value) for value in values])
        if best:
            dots.append((values, PALETTE[i % len(PALETTE)]))
            values = np.fmin.accumulate(values)
        drawn = np.flatnonzero(np.isfinite(values) & ((values > 0) if log else True))
        if not len(drawn):
            raise ValueError(f"traces[{name!r}]: expected {'positive ' * log}numbers, got none among {len(values)} values")
        style = {"color": PALETTE[i % len(PALETTE)], "linestyle": ("-", "--", ":")[i // len(PALETTE) % 3]}
        ax.plot(np.arange(1, len(values) + 1), values, label=str(name), lw=2, marker="o", ms=4, markevery=[drawn[-1]], **style)
        said.append(f"{name} from {plain(values[drawn[0]])} to {plain(values[drawn[-1]])}")
    if log:
        ax.set_yscale("log")
        plain_log(ax.yaxis)
    if best:
        bottom, top = ax.get_ylim()
        for values, colour in dots:
            shown = np.where(np.isfinite(values), np.minimum(values, top), top)
            ax.scatter(np.arange(1, len(values) + 1), shown, s=7, color=colour, alpha=0.45, linewidths=0, clip_on=False)
        ax.set_ylim(bottom, top)
    ax.xaxis.set_major_locator(ticker.MaxNLocator(7, integer=True))
    ax.xaxis.set_major_formatter(lambda value, _: plain(value))
    ax.set_xlabel(xlabel, fontsize=TITLE, color=INK)
    ax.set_ylabel(ylabel, fontsize=TITLE, color=INK)
    ax.tick_params(labelsize=CAPTION)
    ax.grid(alpha=0.25)
    ax.spines[["top", "right"]].set_visible(False)
    if len(traces) > 1:
        _name_lines(ax)
    figure.set_label(f"Lines of {ylabel} over {xlabel}: {'; '.join(said)}")
    return figure


def _name_lines(ax: Axes) -> None:
    """Write the name of each line at the right of the axes, at the height of its end, moved where two would meet."""
    inches = ax.bbox.height / ax.figure.dpi
    to_axes = ax.transData + ax.transAxes.inverted()
    names = [wrap(line.get_label(), 2.4, TITLE) for line in ax.lines]
    ends = [to_axes.transform(line.get_xydata()[line.get_markevery()[0]])[1] for line in ax.lines]
    places = _apart(ends, [room([name], TITLE) / inches for name in names])
    for y, name, line in zip(places, names, ax.lines):
        ax.text(1.02, y, name, transform=ax.transAxes, color=line.get_color(), fontsize=TITLE, va="center")


def _apart(centres: Sequence[float], heights: Sequence[float]) -> list[float]:
    """The centres, moved as little as a pass upwards and a pass downwards from 1 need, so that no two heights overlap."""
    order, places, floor, ceiling = sorted(range(len(centres)), key=lambda i: centres[i]), list(centres), -math.inf, 1.0
    for i in order:
        places[i] = max(places[i], floor + heights[i] / 2)
        floor = places[i] + heights[i] / 2
    for i in reversed(order):
        places[i] = min(places[i], ceiling - heights[i] / 2)
        ceiling = places[i] - heights[i] / 2
    return places


def plain_log(axis: Axis) -> None:
    """Plain numbers, 0.5 or 2,000, on a logarithmic axis (`ax.xaxis` or `ax.yaxis`), in place of powers of ten."""
    axis.set_major_locator(_PlainLogLocator())
    axis.set_major_formatter(lambda value, _: plain(value))
    axis.set_minor_formatter(ticker.NullFormatter())


def plain(value: float) -> str:
    """The number as a reader writes it: at most four digits that count, no powers of ten."""
    return f"{float(f'{value:.4g}'):,.12f}".rstrip("0").rstrip(".")


class _PlainLogLocator(ticker.Locator):
    """Ticks at 1, 2, 5, 10, …; at 1, 10, 100, … over many decades, and evenly over less than one."""

    def __call__(self):
        return self.tick_values(*self.axis.get_view_interval())

    def tick_values(self, low: float, high: float):
        decades = math.log10(high / low)
        if decades < 0.9:
            ticks = ticker.MaxNLocator(5).tick_values(low, high)
        else:
            powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1, math.ceil(decades / 8))
            ticks = [step * 10.0**power for power in powers for step in ((1, 2, 5) if decades < 3 else (1,))]
        return [tick for tick in ticks if low <= tick <= high]


# --- features ---------------------------------------------------------------------------------------------------------------------


def feature_maps(features: Tensor, channels: Sequence[int], columns: int = 4, height: float = 2.2) -> Figure:
    """Chosen channels of a feature map (1, C, H, W) on one scale, with its colour bar.

    The scale ends at the value that 0.2 % of the shown positions exceed, so that a few very bright ones do not darken the rest.
    ValueError: no channels, a channel that is not there, or another shape.
    """
    channels = [int(channel) for channel in channels]
    if features.ndim != 4 or len(features) != 1:
        raise ValueError(f"features: expected one feature map (1, C, H, W), got {tuple(features.shape)}")
    if not channels:
        raise ValueError("channels: expected at least one, got none")
    if columns < 1:
        raise ValueError(f"columns={columns}: expected at least 1")
    if not all(0 <= channel < features.shape[1] for channel in channels):
        raise ValueError(f"channels: expected numbers from 0 to {features.shape[1] - 1}, got {channels}")
    maps = features[0, channels].detach().float().cpu().numpy()
    columns = min(columns, len(channels))
    figure, axes = _heat_maps(math.ceil(len(channels) / columns), columns, height * features.shape[-1] / features.shape[-2], height)
    for ax, channel, values in zip(axes, channels, maps):
        shown = ax.imshow(values, interpolation="nearest", **_scale(maps))
        ax.set_title(f"channel {channel}", fontsize=CAPTION, color=INK)
        ax.set_axis_off()
    for ax in axes[len(channels) :]:
        ax.remove()
    _colour_bar(figure, shown, axes, "activation")
    figure.set_label(f"Feature maps of channels {', '.join(map(str, channels))}, from {plain(maps.min())} to {plain(maps.max())}")
    return figure


def gram_view(grams: Mapping[str, Tensor], height: float = 2.4, sort: bool = False, difference: bool = False) -> Figure:
    """Gram matrices {title: (1, C, C)} as cosines of channels, G_ij / sqrt(G_ii G_jj), so that channels of all strengths are seen.

    sort: channels that go together side by side, in one order for all: that of a hierarchical clustering of their mean.
    difference: of two matrices, a third view, the second less the first.
    ValueError: no matrices, another shape, or a difference of other than two.
    """
    if not grams:
        raise ValueError("grams: expected at least one {title: matrix}, got none")
    shapes = {title: tuple(gram.shape) for title, gram in grams.items()}
    if any(len(shape) != 3 or shape[0] != 1 or shape[1] != shape[2] for shape in shapes.values()):
        raise ValueError(f"grams: expected matrices (1, C, C), got {shapes}")
    if (sort or difference) and len(set(shapes.values())) > 1:
        raise ValueError(f"grams: expected matrices of one size, to sort them or to subtract them, got {shapes}")
    if difference and len(grams) != 2:
        raise ValueError(f"difference: expected two matrices, got {len(grams)}")
    found = {title: correlations(gram[0].detach().double().cpu()).numpy() for title, gram in grams.items()}
    if sort:
        order = _together(sum(found.values()) / len(found))
        found = {title: values[np.ix_(order, order)] for title, values in found.items()}
    signed = min(values.min() for values in found.values()) < -1e-6
    views = [(title, values, "RdBu_r" if signed else "magma", -1 if signed else 0, 1) for title, values in found.items()]
    if difference:
        (first, one), (second, two) = found.items()
        limit = float(np.quantile(np.abs(two - one), 0.998)) or 1.0
        views.append((f"{second} - {first}", two - one, "RdBu_r", -limit, limit))
    figure, axes = _heat_maps(1, len(views), height, height + 0.4)
    for ax, (title, values, colours, low, high) in zip(axes, views):
        shown = ax.imshow(values, interpolation="nearest", cmap=colours, vmin=low, vmax=high)
        if sort:
            ax.set(xticks=[], yticks=[])
        else:
            ax.set(xticks=[0, len(values) - 1], yticks=[0, len(values) - 1])
        ax.tick_params(labelsize=CAPTION, length=3)
        ax.set_title(title, fontsize=TITLE, color=INK)
        ax.set_xlabel("channel, sorted" if sort else "channel", fontsize=CAPTION, labelpad=3 if sort else -8)
        if difference and ax is axes[1]:
            _colour_bar(figure, shown, axes[:2], "cosine")
    axes[0].set_ylabel("channel, sorted" if sort else "channel", fontsize=CAPTION, labelpad=3 if sort else -8)
    _colour_bar(figure, shown, axes[2:] if difference else axes, "difference" if difference else "cosine")
    figure.set_label("Gram matrices as cosines of channels: " + ", ".join(f"{t} ({s[1]} x {s[1]})" for t, s in shapes.items()))
    return figure


def _together(cosines: np.ndarray) -> list[int]:
    """An order of the channels in which those with large cosines are neighbours."""
    from scipy.cluster.hierarchy import leaves_list, linkage  # scikit-image brings scipy along
    from scipy.spatial.distance import squareform

    apart = np.clip(1 - (cosines + cosines.T) / 2, 0, None)
    np.fill_diagonal(apart, 0)
    return leaves_list(linkage(squareform(apart, checks=False), "average", optimal_ordering=True)).tolist()


def clouds(points: Mapping[str, Tensor], hues: Tensor | None = None, xlabel: str = "", ylabel: str = "") -> Figure:
    """Clouds of points {title: (2, N)} side by side on the same axes, each with the ellipse of its covariance at two deviations.

    hues: (N,) from 0 to 1, a colour for each point that it has in every cloud, so that one sees where it went; None: one colour.
    Points far outside (one in 500 on each side) are cut off. The colours go round in a circle: 0 is 1.
    ValueError: no clouds, another shape, fewer than three points.
    """
    shapes = {title: tuple(cloud.shape) for title, cloud in points.items()}
    if not points or any(len(shape) != 2 or shape[0] != 2 or shape[1] < 3 for shape in shapes.values()):
        raise ValueError(f"points: expected at least one {{title: (2, N)}} of three points or more, got {shapes}")
    if hues is not None and any(shape[1] != len(hues) for shape in shapes.values()):
        raise ValueError(f"hues: expected one for each point of {shapes}, got {len(hues)}")
    drawn = {title: cloud.detach().double().cpu().numpy() for title, cloud in points.items()}
    ellipses = {title: _ellipse(cloud) for title, cloud in drawn.items()}
    ends = [np.quantile(each, (0.002, 0.998), axis=1) for each in (*drawn.values(), *ellipses.values())]
    ends = np.moveaxis(ends, 2, 0)  # (2, clouds, 2)
    middle, reach = (ends.min((1, 2)) + ends.max((1, 2))) / 2, 0.56 * np.ptp(ends, (1, 2)).max()  # one scale for both axes
    width = PAGE / max(3, len(drawn))
    figure = Figure(figsize=(width * len(drawn) + 0.4, width + 0.5), layout="constrained")
    colours = {"color": PALETTE[0], "alpha": 0.35}
    if hues is not None:
        colours = {"c": hues.detach().cpu().numpy(), "cmap": "hsv", "vmin": 0, "vmax": 1, "alpha": 0.7}
    for ax, (title, cloud) in zip(figure.subplots(1, len(drawn), squeeze=False, sharey=True)[0], drawn.items()):
        ax.scatter(*cloud, s=7, linewidths=0, **colours)
        ax.plot(*ellipses[title], color=INK, lw=1.6)
        ax.set(xlim=(middle[0] - reach, middle[0] + reach), ylim=(middle[1] - reach, middle[1] + reach), aspect="equal")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_locator(ticker.MaxNLocator(5))
        ax.set_title(wrap(title, width, TITLE), fontsize=TITLE, color=INK)
        ax.set_xlabel(xlabel, fontsize=CAPTION, color=INK)
        ax.tick_params(labelsize=CAPTION)
        ax.grid(alpha=0.25)
        ax.spines[["top", "right"]].set_visible(False)
    figure.axes[0].set_ylabel(ylabel, fontsize=CAPTION, color=INK)
    figure.set_label(f"Clouds of points with the ellipses of their covariances: {', '.join(points)}".replace("\n", " "))
    return figure


def _ellipse(cloud: np.ndarray) -> np.ndarray:
    """(2, 200) points at two deviations from the mean of a cloud (2, N), in all directions."""
    values, vectors = np.linalg.eigh(np.cov(cloud))
    angles = np.linspace(0, 2 * np.pi, 200)
    around = 2 * np.sqrt(values.clip(0))[:, None] * np.stack([np.cos(angles), np.sin(angles)])
    return cloud.mean(1, keepdims=True) + vectors @ around


def _scale(values: np.ndarray) -> dict:
    """Colours for activations: from 0 up after a ReLU, blue and red on either side of 0 before it."""
    limit = float(np.quantile(np.abs(values), 0.998)) or float(np.abs(values).max()) or 1.0
    return {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit} if values.min() < 0 else {"cmap": "magma", "vmin": 0, "vmax": limit}


def _heat_maps(rows: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    shrink = min(1, (PAGE - 1) / (columns * width))
    figure = Figure(figsize=(columns * width * shrink + 1, rows * (height * shrink + 0.25)), layout="compressed")
    figure.get_layout_engine().set(w_pad=0.06)
    return figure, list(figure.subplots(rows, columns, squeeze=False).ravel())


def _colour_bar(figure: Figure, shown, axes: list[Axes], label: str) -> None:
    bar = figure.colorbar(shown, ax=[ax for ax in axes if ax.figure], aspect=30, pad=0.015)
    bar.set_label(label, fontsize=CAPTION)
    bar.ax.tick_params(labelsize=CAPTION)
    bar.outline.set_visible(False)
