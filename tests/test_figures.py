"""Figures: the right number of pictures, the right pixels, small JPEGs."""

import io

import numpy as np
import pytest
import torch
from PIL import Image

from nst import figures


@pytest.fixture
def shown(monkeypatch):
    """What `show` put on the screen."""
    seen = []
    monkeypatch.setattr(figures, "display", lambda image: seen.append(Image.open(io.BytesIO(image.data))))
    return seen


def test_a_grid_has_a_place_for_each_picture():
    pictures = {f"picture {i}": torch.rand(1, 3, 20, 30) for i in range(5)}
    figure = figures.picture_grid(pictures, columns=3)
    filled = [ax for ax in figure.axes if ax.images]
    assert len(figure.axes) == 6 and [ax.get_title() for ax in filled] == list(pictures)
    expected = pictures["picture 2"][0].permute(1, 2, 0).numpy()
    assert np.allclose(filled[2].images[0].get_array(), expected)


def test_show_puts_one_small_jpeg_on_the_screen(shown):
    red = torch.zeros(1, 3, 64, 64)
    red[:, 0] = 1
    figures.show(red, red, titles=["a", "b"])
    figures.show({"one": red})
    figures.show(figures.loss_curves({"a": [3.0, 2.0, float("nan"), 1.0], "b": [1.0, 2.0]}))
    assert [image.format for image in shown] == ["JPEG"] * 3
    width, height = shown[1].size
    r, g, b = shown[1].getpixel((width // 2, height // 2))
    assert r > 240 and g < 20 and b < 20


def test_wide_rows_are_shrunk_to_a_page():
    assert figures.picture_grid(*[torch.rand(1, 3, 10, 40)] * 8, columns=8).get_size_inches()[0] <= 11.01


def test_curves_maps_and_grams_draw_what_they_are_given():
    curves = figures.loss_curves({"a": [3.0, 2.0], "b": [1.0, 2.0, 3.0]}).axes[0]
    assert [line.get_ydata().tolist() for line in curves.lines] == [[3, 2], [1, 2, 3]] and curves.get_yscale() == "log"
    features = torch.rand(1, 8, 6, 7)
    maps = figures.feature_maps(features, [5, 1, 7], columns=2)
    assert np.allclose(maps.axes[1].images[0].get_array(), features[0, 1])
    grams = figures.gram_view({"g": torch.tensor([[[4.0, 2.0], [2.0, 9.0]]])})
    assert np.allclose(grams.axes[0].images[0].get_array(), [[1, 1 / 3], [1 / 3, 1]])


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="at least one picture"):
        figures.show()
    with pytest.raises(ValueError, match="titles: expected one for each of the 2"):
        figures.show(torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4), titles=["a"])
    with pytest.raises(ValueError, match="channels is empty"):
        figures.feature_maps(torch.rand(1, 3, 4, 4), [])
    with pytest.raises(ValueError, match="grams is empty"):
        figures.gram_view({})
    for wrong in (torch.rand(2, 3, 4, 4), torch.rand(4, 4), "a.jpg"):
        with pytest.raises(ValueError, match="pictures: expected tensors"):
            figures.show(wrong)
