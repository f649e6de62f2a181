"""nst.colour: the photograph's colours, in the painting or in the style."""

from __future__ import annotations

import numpy as np
import torch
from scipy.linalg import sqrtm
from skimage.color import rgb2yiq

import nst
from nst.colour import coral, keep_color


def test_coral_gives_the_contents_mean_and_covariance_whatever_the_sizes():
    torch.manual_seed(0)
    content = 0.5 + 0.1 * torch.randn(1, 3, 60, 70, dtype=torch.float64).clamp(-3, 3)
    style = (0.3 + 0.08 * torch.randn(1, 3, 31, 22, dtype=torch.float64)).clamp(0, 1)
    made = coral(style, content)
    assert made.shape == style.shape
    np.testing.assert_allclose(made[0].flatten(1).mean(1), content[0].flatten(1).mean(1), atol=2e-3)
    wanted = np.cov(content[0].flatten(1), bias=True)
    np.testing.assert_allclose(np.cov(made[0].flatten(1), bias=True), wanted, atol=0.03 * wanted.max())


def test_coral_of_flat_pictures_is_finite():
    flat, other = torch.full((1, 3, 8, 8), 0.4), torch.rand(1, 3, 9, 9)
    assert torch.isfinite(coral(flat, other)).all()
    torch.testing.assert_close(coral(other, flat), torch.full_like(other, 0.4))


def test_coral_leaves_a_grey_print_grey():
    """8-bit rounding is not a colour: nothing is there to be stretched to the photograph's colours."""
    grey = torch.rand(1, 1, 40, 40).expand(1, 3, 40, 40)
    print_ = ((grey * 255 + torch.rand(1, 3, 40, 40) - 0.5).round() / 255).clamp(0, 1)
    content = nst.assets.picture("coffee", 64)
    made = coral(print_, content)
    assert float((made - coral(grey, content)).abs().max()) < 0.02
    wanted = float(content.flatten(2).var(2).sum())  # what one direction can carry of the photograph's variance, and no more
    assert float(made.flatten(2).var(2).sum()) < 1.05 * wanted


def test_keep_color_takes_one_channel_of_yiq():
    content, painted = 0.3 + 0.4 * torch.rand(2, 3, 8, 9), 0.45 + 0.1 * torch.rand(2, 3, 8, 9)
    yiq = rgb2yiq(keep_color(painted, content).numpy(), channel_axis=1)
    inside = (keep_color(painted, content) > 0).all(1) & (keep_color(painted, content) < 1).all(1)
    np.testing.assert_allclose(yiq[:, 0][inside], rgb2yiq(painted.numpy(), channel_axis=1)[:, 0][inside], atol=1e-3)
    own = rgb2yiq(content.numpy(), channel_axis=1)
    for k in (1, 2):
        np.testing.assert_allclose(yiq[:, k][inside], own[:, k][inside], atol=1e-3)
    assert inside.float().mean() > 0.5


def test_coral_of_correlated_colours():
    """White noise would not tell the order of the two roots: there they commute."""

    def colours(seed, *size):
        generator = torch.Generator().manual_seed(seed)
        mixture = torch.eye(3) + torch.rand(3, 3, generator=generator, dtype=torch.float64)
        noise = torch.randn(1, 3, *size, generator=generator, dtype=torch.float64).clamp(-3, 3)
        return 0.5 + 0.04 * torch.einsum("ij,bjhw->bihw", mixture, noise)

    style, content = colours(0, 31, 22), colours(1, 60, 70)
    made = coral(style, content)
    np.testing.assert_allclose(np.cov(made[0].flatten(1)), np.cov(content[0].flatten(1)), atol=1e-12)
    np.testing.assert_allclose(made[0].flatten(1).mean(1), content[0].flatten(1).mean(1), atol=1e-12)
    root = [np.real(sqrtm(np.cov(picture[0].flatten(1)))) for picture in (content, style)]
    pixels = style[0].flatten(1).numpy()
    by_hand = root[0] @ np.linalg.inv(root[1]) @ (pixels - pixels.mean(1, keepdims=True))
    np.testing.assert_allclose(made[0].flatten(1), by_hand + content[0].flatten(1).mean(1)[:, None].numpy(), atol=1e-10)


def test_keep_color_of_pictures_that_are_learned():
    content, painted = torch.rand(1, 3, 5, 6).requires_grad_(), torch.rand(1, 3, 5, 6).requires_grad_()
    assert not keep_color(painted, content).requires_grad


def test_results_are_pictures_of_the_arguments_kind():
    """In [0, 1] where no colour of that luminance, or of that covariance, is; in the painting's and the style's dtype."""
    content, other = torch.rand(1, 3, 20, 20).round().double(), torch.rand(1, 3, 21, 22)
    kept = keep_color(0.9 * torch.ones(1, 3, 20, 20), content)
    assert kept.dtype == torch.float32 and float(kept.min()) >= 0 and float(kept.max()) == 1
    assert float(keep_color(0.1 * torch.ones(1, 3, 20, 20), content).min()) == 0
    made = coral(other, content)
    assert made.dtype == torch.float32 and float(made.min()) == 0 and float(made.max()) == 1


def test_what_rounding_leaves_is_no_colour():
    """A grey of little contrast, rounded to 8 bits channel by channel: neither stretched in a style nor taken from a content."""
    grey = 0.4 + 0.1 * torch.rand(1, 1, 40, 40).expand(1, 3, 40, 40)
    rounded = ((grey * 255 + torch.rand(1, 3, 40, 40) - 0.5).round() / 255).double()
    coloured = torch.rand(1, 3, 30, 30).double()
    assert torch.linalg.matrix_rank(torch.cov(coral(rounded, coloured)[0].flatten(1)), rtol=1e-8) == 1
    assert torch.linalg.matrix_rank(torch.cov(coral(coloured, rounded)[0].flatten(1)), rtol=1e-8) == 1
