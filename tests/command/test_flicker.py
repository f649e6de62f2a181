"""nst.command.flicker: motion that is known, flicker that was put in."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.registration
import torch
from torch import Tensor

import nst
from nst.command.flicker import FLOW_SIZE, SAME, Smoother, flow, moved, sameness
from nst.images import resize


def photograph(height: int = 96, width: int = 128, shift: int = 0) -> Tensor:
    """A window of a real photograph, `shift` pixels further to the right."""
    return nst.assets.picture("chelsea", 200)[..., 40 : 40 + height, 60 + shift : 60 + shift + width]


def test_flow_finds_a_known_shift():
    motion = flow(photograph(), photograph(shift=3))[..., 16:-16, 16:-16]
    assert motion.shape == (1, 2, 64, 96)
    assert float(motion[:, 0].mean()) == pytest.approx(3, abs=0.3) and float(motion[:, 1].abs().mean()) < 0.3


def test_moved_by_whole_pixels_is_a_shift():
    picture = torch.rand(1, 3, 12, 17)
    motion = torch.zeros(1, 2, 12, 17)
    motion[:, 0], motion[:, 1] = 2, -1
    assert torch.allclose(moved(picture, motion)[..., 1:, :-2], picture[..., :-1, 2:], atol=1e-5)


def test_sameness_is_one_where_nothing_changed_and_falls_with_the_change():
    frame = torch.rand(1, 3, 20, 20) * 0.5
    other = frame.clone()
    other[..., 10:] += 6 / 255
    same = sameness(frame, other)
    assert torch.equal(same[..., :8], torch.ones(1, 1, 20, 8))
    assert torch.allclose(same[..., 12:], torch.full((1, 1, 20, 8), float(np.exp(-1))), atol=1e-4)


def flickering(frame: Tensor, amount: float = 0.3) -> Tensor:
    return torch.lerp(frame, torch.rand_like(frame), amount)


def test_smoothing_takes_flicker_out_of_a_film_that_stands_still():
    smoother, frame = Smoother(0.8), photograph()
    for _ in range(8):
        smoother(frame, flickering(frame))
    found = smoother.figures()
    # two independent pictures of uniform noise differ by 1/3 on average: 0.3 * 255 / 3
    assert found["flicker_film"] == pytest.approx(0, abs=0.01) and found["flicker_without"] == pytest.approx(25.5, rel=0.02)
    assert found["flicker_with"] < 0.25 * found["flicker_without"]


def test_smoothing_follows_what_moves():
    smoother, lag = Smoother(0.8), []
    for k in range(6):
        frame = photograph(shift=2 * k)
        lag.append(float((smoother(frame, frame) - frame)[..., 12:-12, 12:-12].abs().mean()))
    assert max(lag) < 2 / 255  # without the motion it would trail behind
    still = Smoother(0.8)
    out = [still(photograph(), photograph()), torch.lerp(photograph(shift=2), photograph(), 0.8)]
    assert float((out[1] - photograph(shift=2)).abs().mean()) > 4 * max(lag)


def test_what_comes_into_view_is_not_blended_with_what_was_there():
    smoother, frame = Smoother(0.9), photograph()
    smoother(frame, frame)
    cut = 1 - photograph(shift=20)
    assert float((smoother(cut, cut) - cut).abs().mean()) < 0.01


def test_smoothing_zero_changes_nothing():
    smoother = Smoother(0.0)
    for _ in range(3):
        painted = torch.rand(1, 3, 40, 40)
        assert torch.equal(smoother(photograph(40, 40), painted), painted)
    found = smoother.figures()
    assert found["flicker_with"] == found["flicker_without"] > 50
    with pytest.raises(ValueError, match="smoothing=1: expected"):
        Smoother(1)


def test_sameness_is_that_of_a_neighbourhood():
    """One wrong pixel is a fifth of a fifth of its 25 neighbours' difference, and it counts in each of them."""
    frame = torch.full((1, 3, 21, 21), 0.5)
    other = frame.clone()
    other[..., 10, 10] += 25 * SAME
    same = sameness(frame, other)
    assert float(same[..., 10, 10]) == pytest.approx(float(np.exp(-1)), rel=1e-4)
    torch.testing.assert_close(same[..., 8:13, 8:13], torch.full((1, 1, 5, 5), float(np.exp(-1))))
    assert torch.equal(same[..., :8, :], torch.ones(1, 1, 8, 21))


@pytest.mark.parametrize(("size", "small"), [((256, 320), (128, 160)), ((64, 96), (64, 96)), ((4, 40), (8, 40))])
def test_motion_is_estimated_in_a_small_grey_picture_and_counted_in_the_frames_pixels(monkeypatch, size: tuple, small: tuple):
    """A step of the small picture is as many of the frame's as it is smaller, down and to the right each."""
    seen = []

    def estimate(after: np.ndarray, before: np.ndarray, **options) -> np.ndarray:
        seen.append((before, after))
        places = (np.arange(small[1]) + 0.5) * size[1] / small[1] - 0.5  # of its columns in the frame
        return np.stack([np.ones(small), np.broadcast_to(places * small[1] / size[1], small)])

    monkeypatch.setattr(skimage.registration, "optical_flow_ilk", estimate)
    previous, frame = torch.rand(1, 3, *size), torch.rand(1, 3, *size)
    motion = flow(previous, frame)
    (before, after), = seen
    assert FLOW_SIZE == 128 and before.shape == small
    for picture, grey in ((previous, before), (frame, after)):
        np.testing.assert_allclose(grey, resize(picture, small).mean(1)[0].numpy(), atol=1e-6)
    assert motion.shape == (1, 2, *size)
    torch.testing.assert_close(motion[0, 1], torch.full(size, size[0] / small[0]))
    columns = torch.arange(2, size[1] - 2.0)  # column k of the frame is told to come from k columns further on
    torch.testing.assert_close(motion[0, 0, :, 2:-2], columns.expand(size[0], -1), atol=1e-3, rtol=1e-4)


def test_moved_by_half_a_pixel_is_a_cubic_and_stays_in_the_range():
    """Keys 1981 with a = -3/4, which torch takes: at a half, -3/32, 19/32, 19/32 and -3/32 of the four neighbours."""
    picture = torch.rand(1, 3, 8, 20)
    picture[..., 1] = (torch.rand(1, 3, 8) > 0.5).float()
    picture[..., 9:12] = torch.tensor([1.0, 1.0, 0.0])
    picture[..., 13:16] = torch.tensor([0.0, 0.0, 1.0])
    motion = torch.zeros(1, 2, 8, 20)
    motion[:, 0] = 0.5
    wanted = sum(share / 32 * picture[..., k : 17 + k] for k, share in enumerate((-3, 19, 19, -3)))
    assert wanted.min() < 0 and wanted.max() > 1
    torch.testing.assert_close(moved(picture, motion)[..., 1:-2], wanted.clamp(0, 1))


def test_what_comes_from_outside_repeats_the_border():
    picture = torch.rand(1, 3, 6, 9)
    for column, shift in ((0, -20), (8, 20)):
        motion = torch.zeros(1, 2, 6, 9)
        motion[:, 0] = shift
        torch.testing.assert_close(moved(picture, motion), picture[..., [column]].expand(-1, -1, -1, 9))


def test_figures_are_means_in_steps_of_8_bits():
    found = Smoother(changes=[(0.0, 0.25, 1 / 2550), (0.002469, 0.75, 1 / 2550)]).figures()
    assert found == {"flicker_film": 0.315, "flicker_without": 127.5, "flicker_with": 0.1}
