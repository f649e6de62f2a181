"""Figures: the right pixels at the right places, texts that can be read, small files, and a text instead of each."""

import base64
import io
import itertools
import re

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from PIL import Image
from skimage.color import deltaE_ciede2000, rgb2lab

from nst import assets
from nst.figures import panels, plots


@pytest.fixture
def shown(monkeypatch):
    """What `show` put on the screen: (picture, width on the page, alternative text)."""
    seen = []

    def display(bundle, metadata, raw):
        kind = next(name for name in bundle if name.startswith("image/"))
        assert raw and set(bundle) == {kind, "text/plain"} and metadata[kind]["alt"] == bundle["text/plain"]
        picture = Image.open(io.BytesIO(base64.b64decode(bundle[kind])))
        assert f"image/{picture.format.lower()}" == kind
        seen.append((picture, metadata[kind]["width"], metadata[kind]["alt"]))

    monkeypatch.setattr(plots, "display", display)
    return seen


def noise(height: int = 20, width: int = 30) -> torch.Tensor:
    return torch.rand(1, 3, height, width)


def place(ax):
    """Left, top, width and height in inches, from the top left corner."""
    box, (width, height) = ax.get_position(), ax.figure.get_size_inches()
    return np.array([box.x0 * width, (1 - box.y1) * height, box.width * width, box.height * height])


def texts_of(figure: Figure) -> list:
    """Every text that is to be seen, as it is drawn."""
    figure.draw_without_rendering()
    texts = [*figure.texts, *(text for ax in figure.axes for text in (ax.title, ax.xaxis.label, ax.yaxis.label, *ax.texts))]
    return [text for text in texts if text.get_text()]


def assert_texts_apart(figure: Figure) -> None:
    """No text lies on another one, or on a picture."""
    texts = texts_of(figure)
    boxes = [text.get_window_extent() for text in texts]
    for (one, a), (other, b) in itertools.combinations(zip(texts, boxes), 2):
        assert not a.overlaps(b), (one.get_text(), other.get_text())
    for text, box in zip(texts, boxes):
        for ax in figure.axes:
            assert not (ax.images and ax.bbox.overlaps(box)), text.get_text()


# --- on the screen ----------------------------------------------------------------------------------------------------------------


def test_show_puts_a_picture_of_twice_the_pixels_on_the_page(shown):
    red = torch.zeros(1, 3, 64, 64)
    red[:, 0] = 1
    plots.show(red, red, titles=["a", "b"])
    plots.show({"one": red}, height=2.5)
    assert [alt for _, _, alt in shown] == ["Pictures: a, b", "Picture: one"]
    for picture, width, _ in shown:
        assert picture.format == "JPEG" and abs(picture.width - 2 * width) <= 1
    picture = shown[1][0]
    r, g, b = picture.getpixel((picture.width // 2, picture.height // 2))
    assert r > 240 and g < 20 and b < 20
    assert abs(picture.width - 2.5 * 160) < 30  # 2.5 inches at 80 pixels of the page, twice


def test_every_output_has_a_text_instead(shown):
    plots.show(noise())
    plots.show({"a": noise()}, style=noise())
    plots.show({"a": noise()}, alt='a cat & a "dog" < 3')
    figure = Figure()
    ax = figure.add_subplot()
    ax.plot([1, 2])
    ax.set(title="speed", xlabel="pixels", ylabel="seconds")
    plots.show(figure)
    plots.show(Figure())
    assert [alt for _, _, alt in shown] == [
        "Picture: untitled", "Pictures: style, a", 'a cat & a "dog" < 3', "Figure: speed, pixels, seconds", "Figure",
    ]  # fmt: skip


def test_texts_instead_say_what_is_varied_and_what_came_out():
    grid = plots.labelled_grid([[noise()] * 2] * 2, ["relu1_1", "relu2_1"], [0.1, 10], row_name="layer", column_name="weight")
    assert grid.get_label() == "Grid of pictures; rows (layer): relu1_1, relu2_1; columns (weight): 0.1, 10"
    curves = plots.loss_curves({"a": [3000.0, 2.0, float("nan")], "b": [1.0, 0.25]}, xlabel="steps")
    assert curves.get_label() == "Lines of loss over steps: a from 3,000 to 2; b from 1 to 0.25"
    maps = plots.feature_maps(torch.arange(8.0).reshape(1, 2, 2, 2), [1, 0])
    assert maps.get_label() == "Feature maps of channels 1, 0, from 0 to 7"
    assert plots.gram_view({"g": torch.eye(3)[None]}).get_label() == "Gram matrices as cosines of channels: g (3 x 3)"


def test_pictures_become_small_jpegs_lines_and_coarse_maps_pngs():
    photo = assets.picture("coffee", 192)
    data, kind, width = plots.encode(plots.picture_grid(*[photo] * 4))
    assert kind == "jpeg" and len(data) <= plots.LARGEST and width <= 890
    assert plots.encode(plots.loss_curves({"a": [3, 2, 1]}))[1] == "png"
    data, kind, _ = plots.encode(plots.feature_maps(torch.rand(1, 2, 8, 8), [0, 1]))
    assert kind == "png" and len(data) < 20_000


def test_a_figure_that_would_be_too_large_gives_up_quality_first(monkeypatch):
    figure = plots.picture_grid(noise(200, 200))
    largest = len(plots.encode(figure)[0])
    monkeypatch.setattr(plots, "LARGEST", largest - 1)
    smaller = len(plots.encode(figure)[0])
    monkeypatch.setattr(plots, "LARGEST", 1)
    smallest, kind, _ = plots.encode(figure)
    assert len(smallest) < smaller < largest and kind == "jpeg"


# --- pictures ---------------------------------------------------------------------------------------------------------------------


def test_a_grid_has_a_place_for_each_picture():
    pictures = {f"picture {i}": noise() for i in range(5)}
    axes = plots.picture_grid(pictures, columns=3).axes
    assert [ax.get_title() for ax in axes] == list(pictures)
    for ax, picture in zip(axes, pictures.values(), strict=True):
        assert np.allclose(ax.images[0].get_array(), picture[0].permute(1, 2, 0).numpy())
    lefts, tops, widths, heights = np.array([place(ax) for ax in axes]).T
    assert np.allclose(widths / heights, 1.5)
    assert np.allclose(lefts[:2], lefts[3:]) and np.allclose(tops[:3], tops[0]) and np.allclose(tops[3:], tops[3])
    assert (np.diff(lefts[:3]) > widths[0]).all() and tops[3] - tops[0] > heights[0]


def rows(pictures: int, **options) -> list[int]:
    """How many pictures are in each row."""
    tops = [round(place(ax)[1], 6) for ax in plots.picture_grid(*[noise()] * pictures, **options).axes]
    return [tops.count(top) for top in dict.fromkeys(tops)]


def test_four_in_a_row_at_most_the_style_included_and_no_sheet_is_a_quarter_empty():
    assert rows(3) == [3] and rows(3, style=noise()) == [4] and rows(5) == [3, 2] and rows(6) == [3, 3] and rows(7) == [4, 3]
    assert rows(5, columns=5) == [5] and rows(4, style=noise(), columns=3) == [3, 2]
    assert rows(5, style={"a": noise(), "b": noise()}) == [4, 3]
    for pictures in range(1, 30):
        filled = rows(pictures)
        assert pictures > 0.75 * len(filled) * max(filled)


def test_a_detail_is_a_place_at_four_times_the_size_below_its_picture():
    picture = torch.rand(1, 3, 40, 60)
    above, beside, below, _ = plots.picture_grid({"a": picture, "b": noise()}, captions=["loss 1", ""], detail=(0.5, 1)).axes
    assert np.allclose(below.images[0].get_array(), picture[0, :, 15:25, 45:].permute(1, 2, 0).numpy())
    assert np.allclose(place(above)[2:], place(below)[2:]) and place(below)[1] > place(above)[1]
    assert not above.get_xlabel() and below.get_xlabel() == "loss 1" and not below.get_title()
    outline = above.patches[-1]
    assert outline.get_xy() == (44.5, 14.5) and (outline.get_width(), outline.get_height()) == (15, 10) and not below.patches
    grid = plots.labelled_grid([[picture, picture], [picture, picture]], ["x", "y"], [1, 2], detail=(0, 0))
    assert len(grid.axes) == 8 and {text.get_text() for text in grid.texts} >= {"x", "y"}
    for wrong in ((0.5,), (0.5, 1.1), (-0.1, 0)):
        with pytest.raises(ValueError, match="detail=.*: expected two numbers from 0 to 1"):
            plots.show(noise(), detail=wrong)


def test_heat_maps_keep_their_colours():
    data, kind, _ = plots.encode(plots.feature_maps(torch.linspace(0, 1, 4096).view(1, 1, 64, 64), [0]))
    assert kind == "png" and len(Image.open(io.BytesIO(data)).convert("RGB").getcolors(10**6)) > 256


def test_wide_rows_are_shrunk_to_a_page():
    figure = plots.picture_grid(*[torch.rand(1, 3, 10, 40)] * 8, columns=8, style=noise(10, 40))
    assert figure.get_size_inches()[0] == pytest.approx(11)
    assert max(place(ax)[0] + place(ax)[2] for ax in figure.axes) == pytest.approx(11)


def test_pictures_of_any_shape_keep_it():
    shapes = (20, 30), (30, 20), (7, 90), (5, 5)
    figure = plots.picture_grid(*[noise(*shape) for shape in shapes], columns=2, titles=list("abcd"))
    for ax, (height, width) in zip(figure.axes, shapes, strict=True):
        _, _, wide, high = place(ax)
        assert wide / high == pytest.approx(width / height)
    assert_texts_apart(figure)


def test_the_style_comes_first_and_framed():
    style = noise(30, 30)
    first, *others = plots.picture_grid({"w 1": noise(), "w 2": noise()}, style=style).axes
    assert first.get_title() == "style" and np.allclose(first.images[0].get_array(), style[0].permute(1, 2, 0).numpy())
    assert first.spines["left"].get_visible() and first.spines["top"].get_linewidth() >= 2
    assert [ax.get_title() for ax in others] == ["w 1", "w 2"] and not any(ax.spines["left"].get_visible() for ax in others)
    assert place(first)[0] == 0 and place(others[0])[0] > place(first)[2]
    *pair, result = plots.picture_grid(noise(), style={"content": noise(), "style": noise()}).axes
    assert [ax.get_title() for ax in (*pair, result)] == ["content", "style", ""]
    assert [ax.spines["top"].get_visible() for ax in (*pair, result)] == [True, True, False]


def test_titles_and_captions_are_broken_before_they_meet():
    long = "a title of many words that is longer than its picture is wide"
    for figure in (
        plots.picture_grid(*[noise(64, 40)] * 6, titles=[long] * 6, captions=["content 0.42\nstyle 0.013", long] * 3, columns=3),
        plots.picture_grid(*[noise()] * 3, titles=["x", long, ""], style=noise()),
        plots.labelled_grid([[noise()] * 3] * 2, ["relu1_1 to relu3_1", "b"], [long, 2, 3], row_name="style layers",
                              column_name="style weight", captions=[["content 1\nstyle 2"] * 3] * 2, style=noise()),
    ):  # fmt: skip
        assert_texts_apart(figure)
        assert any(text.get_text().replace("\n", " ") == long for text in texts_of(figure))


def test_a_labelled_grid_puts_each_picture_at_its_row_and_column():
    pictures = [[torch.full((1, 3, 8, 12), (3 * i + j) / 10) for j in range(3)] for i in range(2)]
    figure = plots.labelled_grid(pictures, ["few layers", "all"], [0.1, 1, 10], row_name="layers", column_name="weight")
    values = np.array([float(ax.images[0].get_array()[0, 0, 0]) for ax in figure.axes]).reshape(2, 3)
    assert np.allclose(values, [[0, 0.1, 0.2], [0.3, 0.4, 0.5]])
    places = np.array([place(ax) for ax in figure.axes]).reshape(2, 3, 4)
    assert np.allclose(places[0, :, 0], places[1, :, 0]) and np.allclose(places[:, 0, 1], places[:, 2, 1])
    assert [ax.get_title() for ax in figure.axes] == ["0.1", "1", "10", "", "", ""]
    written = {text.get_text(): text for text in figure.texts if text.get_text()}
    assert set(written) == {"few layers", "all", "layers", "weight"}
    _, high = figure.get_size_inches()
    for i, name in enumerate(("few layers", "all")):  # at the middle of its row
        assert (1 - written[name].get_position()[1]) * high == pytest.approx(places[i, 0, 1] + places[i, 0, 3] / 2)
    assert written["layers"].get_weight() == "bold"


# --- numbers ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("low, high", [(5.3, 6.5), (0.012, 340), (1e-6, 2e4), (0.9, 1.1), (40, 41_000), (1e-9, 1e9)])
def test_log_axes_have_plain_numbers(low, high):
    ax = plots.loss_curves({"a": [high, low]}).axes[0]
    ax.figure.draw_without_rendering()
    assert ax.get_yscale() == "log"
    bottom, top = ax.get_ylim()
    labels = [(tick.get_loc(), tick.label1.get_text()) for tick in ax.yaxis.get_major_ticks()]
    assert 3 <= len(labels) <= 12
    for value, text in labels:
        assert re.fullmatch(r"[\d,]+(\.\d+)?", text) and float(text.replace(",", "")) == pytest.approx(value, rel=1e-3)
        assert bottom <= value <= top
    assert not any(tick.label1.get_text() for tick in ax.yaxis.get_minor_ticks())


def test_numbers_are_written_without_powers():
    written = {0.3: "0.3", 1234567.0: "1,235,000", 0.00012344: "0.0001234", 2.0: "2", -41.96: "-41.96", 0.0: "0"}
    assert {value: plots.plain(value) for value in written} == written


def test_curves_draw_what_they_are_given():
    curves = plots.loss_curves({"a": [3.0, 2.0], "b": [1.0, 2.0, 3.0], "c": [1.0, float("nan"), 2.0]}).axes[0]
    assert [line.get_ydata().tolist() for line in curves.lines[:2]] == [[3, 2], [1, 2, 3]]
    assert np.isnan(curves.lines[2].get_ydata()[1]) and curves.lines[0].get_xdata().tolist() == [1, 2]
    assert plots.loss_curves({"a": [3, -2]}, log=False).axes[0].get_yscale() == "linear"


def test_lines_are_named_at_their_ends_in_their_colour():
    traces = {f"trace number {i}, which has a long name": [10.0, 5.0, 1 + 0.001 * i] for i in range(6)} | {"z": [10.0, 9.0]}
    figure = plots.loss_curves(traces)
    ax = figure.axes[0]
    assert ax.get_legend() is None
    names = {text.get_text().replace("\n", " "): text for text in ax.texts}
    assert {name: text.get_color() for name, text in names.items()} == {line.get_label(): line.get_color() for line in ax.lines}
    assert len({(line.get_color(), line.get_linestyle()) for line in ax.lines}) == 7
    assert_texts_apart(figure)
    for text in names.values():
        assert text.get_window_extent().x0 > ax.bbox.x1  # beside the lines, not on them
    assert names["z"].get_position()[1] > max(text.get_position()[1] for name, text in names.items() if name != "z")
    assert not plots.loss_curves({"alone": [2, 1]}).axes[0].texts


def test_the_best_so_far_is_the_line_and_trials_are_dots():
    ax = plots.loss_curves({"a": [8.0, 4.0, 900.0, float("nan"), 2.0], "b": [7.0, 9.0, 5.0]}, best=True).axes[0]
    assert [list(line.get_ydata()) for line in ax.lines] == [[8, 4, 4, 4, 2], [7, 7, 5]]
    dots = [collection.get_offsets().data.tolist() for collection in ax.collections]
    top = ax.get_ylim()[1]
    assert 8 < top < 20 and dots[0] == [[1, 8], [2, 4], [3, top], [4, top], [5, 2]]  # what lies above is drawn at the edge
    assert dots[1] == [[1, 7], [2, 9], [3, 5]] or top < 9


def test_a_loss_that_ends_at_zero_is_named_where_it_was_last_seen():
    ax = plots.loss_curves({"a": [1.0, 0.1, 0.0], "b": [1.0, 1.0, 1.0]}).axes[0]
    assert ax.texts[0].get_position()[1] < 0.3 and ax.texts[1].get_position()[1] > 0.7
    assert plots.loss_curves({"a": [1.0, 0.1, 0.0]}).get_label().endswith("from 1 to 0.1")


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0.01, 0.12)), min_size=1, max_size=8))
def test_names_move_apart_and_stay_in_order(names):
    centres, heights = zip(*names, strict=True)
    places = plots._apart(centres, heights)
    ends = sorted((y - h / 2, y + h / 2) for y, h in zip(places, heights, strict=True))
    assert all(a[1] <= b[0] + 1e-9 for a, b in zip(ends, ends[1:])) and ends[-1][1] <= 1 + 1e-9
    order = sorted(range(len(names)), key=lambda i: centres[i])
    assert [places[i] for i in order] == sorted(places)


# Machado et al. 2009, severity 1, on linear RGB; another source of the truth than the palette's own making.
BLINDNESS = {
    "none": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(rgb: np.ndarray) -> np.ndarray:
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def rgb_of(color: str) -> np.ndarray:
    return np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255


@pytest.mark.parametrize("blindness", BLINDNESS)
def test_the_palette_can_be_told_apart(blindness):
    seen = np.clip([BLINDNESS[blindness] @ linear(rgb_of(color)) for color in plots.PALETTE], 0, 1)
    lab = rgb2lab(np.where(seen <= 0.0031308, seen * 12.92, 1.055 * seen ** (1 / 2.4) - 0.055)[None])[0]
    assert min(deltaE_ciede2000(a, b) for a, b in itertools.combinations(lab, 2)) > 12


@pytest.mark.parametrize("color", [*plots.PALETTE, panels.INK])
def test_colours_of_words_are_dark_enough(color):
    assert 1.05 / (linear(rgb_of(color)) @ [0.2126, 0.7152, 0.0722] + 0.05) >= 4.5  # WCAG 2, on white


# --- features ---------------------------------------------------------------------------------------------------------------------


def test_feature_maps_share_one_scale_and_its_bar():
    features = torch.rand(1, 8, 16, 17)
    features[0, 7] *= 5
    *axes, bar = plots.feature_maps(features, [5, 1, 7], columns=2).axes
    assert [ax.get_title() for ax in axes] == ["channel 5", "channel 1", "channel 7"]
    for ax, channel in zip(axes, (5, 1, 7), strict=True):
        assert np.allclose(ax.images[0].get_array(), features[0, channel])
    scales = {ax.images[0].get_clim() for ax in axes}
    assert len(scales) == 1 and scales.pop() == pytest.approx((0, float(features.max())), rel=0.05)
    assert bar.get_ylabel() == "activation" and bar.get_ylim()[1] == pytest.approx(float(features.max()), rel=0.05)


def test_one_very_bright_position_does_not_darken_the_rest():
    features = torch.rand(1, 1, 64, 64)
    features[0, 0, 3, 3] = 1000
    assert plots.feature_maps(features, [0]).axes[0].images[0].get_clim()[1] <= 1


def test_features_before_the_relu_are_drawn_around_zero():
    image = plots.feature_maps(torch.randn(1, 2, 16, 16), [0, 1]).axes[0].images[0]
    assert image.get_clim()[0] == -image.get_clim()[1] and image.get_cmap().name == "RdBu_r"
    dark = plots.feature_maps(torch.zeros(1, 1, 4, 4), [0]).axes[0].images[0]
    assert dark.get_clim() == (0, 1)


def test_gram_views_are_cosines_with_named_axes():
    features = torch.randn(3, 50).abs()
    gram = {"g": torch.tensor([[[4.0, 2.0], [2.0, 9.0]]]), "h": (features @ features.T)[None]}
    first, second, bar = plots.gram_view(gram).axes
    assert np.allclose(first.images[0].get_array(), [[1, 1 / 3], [1 / 3, 1]])
    lengths = features / features.norm(dim=1, keepdim=True)
    assert np.allclose(second.images[0].get_array(), lengths @ lengths.T, atol=1e-5)
    assert first.images[0].get_clim() == (0, 1) and bar.get_ylabel() == "cosine"
    assert first.get_xlabel() == second.get_xlabel() == first.get_ylabel() == "channel"
    assert [tick.get_text() for tick in second.get_xticklabels()] == ["0", "2"]
    signed = plots.gram_view({"g": torch.tensor([[[4.0, -2.0], [-2.0, 9.0]]])}).axes[0].images[0]
    assert signed.get_clim() == (-1, 1) and float(signed.get_array()[0, 1]) == pytest.approx(-1 / 3)


def test_gram_views_can_be_sorted_and_subtracted():
    """Two groups of channels, dealt out by turns: sorted, they are two blocks; the difference is that of the cosines."""
    apart = torch.full((4, 4), 0.1)
    apart[::2, ::2] = apart[1::2, 1::2] = 0.9
    alike = apart.fill_diagonal_(1.0)[None]
    first, second, minus, bar, bar_of_minus = plots.gram_view({"a": alike, "b": 4 * alike}, sort=True, difference=True).axes
    for ax in (first, second):
        shown = ax.images[0].get_array()
        assert np.allclose(shown[:2, :2], [[1, 0.9], [0.9, 1]]) and np.allclose(shown[:2, 2:], 0.1)
    assert np.allclose(minus.images[0].get_array(), 0) and minus.get_title() == "b - a"
    assert (bar.get_ylabel(), bar_of_minus.get_ylabel()) == ("cosine", "difference")
    with pytest.raises(ValueError, match="difference: expected two matrices, got 1"):
        plots.gram_view({"a": alike}, difference=True)
    with pytest.raises(ValueError, match="of one size"):
        plots.gram_view({"a": alike, "b": alike[:, :2, :2]}, sort=True)


def test_clouds_share_their_axes_and_each_has_its_ellipse():
    spread = torch.tensor([[3.0, 0.0], [0.0, 0.5]])
    clouds = {"flat": spread @ torch.randn(2, 400), "shifted": torch.randn(2, 60) + torch.tensor([[1.0], [2.0]])}
    figure = plots.clouds(clouds, xlabel="channel 3", ylabel="channel 5")
    axes = figure.axes
    assert [ax.get_title() for ax in axes] == ["flat", "shifted"] and axes[0].get_ylabel() == "channel 5"
    assert axes[0].get_xlim() == axes[1].get_xlim() and axes[0].get_aspect() == 1 == axes[1].get_aspect()
    for ax, cloud in zip(axes, clouds.values()):
        assert np.allclose(ax.collections[0].get_offsets().T, cloud)
        around = np.stack(ax.lines[0].get_data()) - cloud.numpy().mean(1, keepdims=True)
        distances = (around * np.linalg.solve(np.cov(cloud.numpy()), around)).sum(0)  # Mahalanobis, squared
        assert np.allclose(distances, 4)


def test_points_keep_their_hues_from_cloud_to_cloud():
    hues = torch.linspace(0, 1, 50)
    first, second = plots.clouds({"a": torch.randn(2, 50), "b": torch.randn(2, 50)}, hues=hues).axes
    assert np.allclose(first.collections[0].get_array(), hues) and np.allclose(second.collections[0].get_array(), hues)


@pytest.mark.parametrize("points", [{}, {"a": torch.zeros(3, 5)}, {"a": torch.zeros(2, 2)}, {"a": torch.zeros(1, 2, 5)}])
def test_wrong_clouds_are_named(points):
    with pytest.raises(ValueError, match=r"points: expected at least one"):
        plots.clouds(points)
    with pytest.raises(ValueError, match="hues: expected one for each point"):
        plots.clouds({"a": torch.randn(2, 5)}, hues=torch.zeros(4))


# --- bad input --------------------------------------------------------------------------------------------------------------------


def test_wrong_pictures_are_named():
    with pytest.raises(ValueError, match="at least one picture"):
        plots.show()
    with pytest.raises(ValueError, match="at least one picture"):
        plots.show({})
    with pytest.raises(ValueError, match="titles: expected one for each of the 2"):
        plots.show(noise(), noise(), titles=["a"])
    with pytest.raises(ValueError, match="captions: expected one for each of the 1"):
        plots.show({"a": noise()}, captions=["a", "b"])
    for wrong in (torch.rand(2, 3, 4, 4), torch.rand(4, 4), "a.jpg"):
        with pytest.raises(ValueError, match="pictures: expected tensors"):
            plots.show(wrong)
        with pytest.raises(ValueError, match="style: expected tensors"):
            plots.show(noise(), style={"a": wrong})
    with pytest.raises(ValueError, match="columns=0: expected at least 1"):
        plots.show(noise(), columns=0)
    for options in ({"style": noise()}, {"titles": ["a"]}, {"captions": ["a"]}, {"columns": 2}, {"detail": (0, 0)}):
        with pytest.raises(ValueError, match="one Figure by itself"):
            plots.show(Figure(), **options)


def test_wrong_grids_are_named():
    with pytest.raises(ValueError, match=r"pictures: expected 2 rows of 2, at least one, got \[2, 1\]"):
        plots.labelled_grid([[noise(), noise()], [noise()]], ["a", "b"], [1, 2])
    with pytest.raises(ValueError, match=r"captions: expected 1 rows of 1, at least one, got \[\]"):
        plots.labelled_grid([[noise()]], ["a"], [1], captions=[])
    with pytest.raises(ValueError, match="pictures: expected 0 rows of 0, at least one"):
        plots.labelled_grid([], [], [])


def test_wrong_numbers_are_named():
    with pytest.raises(ValueError, match="traces: expected at least one"):
        plots.loss_curves({})
    with pytest.raises(ValueError, match=r"traces\['a'\]: expected positive numbers, got none among 2 values"):
        plots.loss_curves({"a": [float("nan"), -1]})
    with pytest.raises(ValueError, match=r"traces\['b'\]: expected numbers, got none among 0 values"):
        plots.loss_curves({"a": [1], "b": []}, log=False)


def test_wrong_features_are_named():
    features = torch.rand(1, 4, 5, 5)
    with pytest.raises(ValueError, match="columns=-1: expected at least 1"):
        plots.feature_maps(features, [0], columns=-1)
    with pytest.raises(ValueError, match="channels: expected at least one"):
        plots.feature_maps(features, [])
    with pytest.raises(ValueError, match=r"channels: expected numbers from 0 to 3, got \[4\]"):
        plots.feature_maps(features, [4])
    with pytest.raises(ValueError, match=r"features: expected one feature map \(1, C, H, W\), got \(4, 5, 5\)"):
        plots.feature_maps(features[0], [0])
    with pytest.raises(ValueError, match="grams: expected at least one"):
        plots.gram_view({})
    with pytest.raises(ValueError, match=r"grams: expected matrices \(1, C, C\), got {'g': \(4, 4\)}"):
        plots.gram_view({"g": torch.eye(4)})
