"""nst.command.video: motion that is known, flicker that was put in, films that are counted frame by frame."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import nst
from nst.command import video
from nst.command.video import Smoother, flow, moved, sameness

av = pytest.importorskip("av", reason="films need PyAV: pip install av")


def photograph(height: int = 96, width: int = 128, shift: int = 0) -> Tensor:
    """A window of a real photograph, `shift` pixels further to the right."""
    return nst.assets.picture("chelsea", 200)[..., 40 : 40 + height, 60 + shift : 60 + shift + width]


def write_film(path: Path, frames: list[Tensor], rate: int = 10, sound: bool = False) -> None:
    with av.open(str(path), "w") as film:
        pictures = film.add_stream("libx264", rate=rate, options={"crf": "10"})
        pictures.height, pictures.width = frames[0].shape[-2:]
        pictures.pix_fmt = "yuv420p"
        tone = film.add_stream("aac", rate=16000) if sound else None
        for k, picture in enumerate(frames):
            pixels = (picture[0] * 255).round().byte().permute(1, 2, 0).contiguous().numpy()
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = k, Fraction(1, rate)
            film.mux(pictures.encode(frame))
        film.mux(pictures.encode())
        if tone:
            wave = np.sin(np.arange(16000 * len(frames) // rate) * 2 * np.pi * 440 / 16000).astype(np.float32)[None]
            for start in range(0, wave.shape[1], 1024):
                piece = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(wave[:, start : start + 1024]), format="fltp", layout="mono"
                )
                piece.sample_rate, piece.pts, piece.time_base = 16000, start, Fraction(1, 16000)
                film.mux(tone.encode(piece))
            film.mux(tone.encode())


def sound_packets(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(audio=0) if packet.dts is not None]


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


def test_a_film_keeps_its_frames_times_size_and_sound(tmp_path: Path):
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_film(source, [photograph(66, 100, shift=k) for k in range(30)], sound=True)
    seen: list[tuple[int, int]] = []
    report = video.stylize(source, target, lambda frame: 1 - frame, progress=lambda *step: seen.append(step))
    assert report["frames"] == 30 and report["seconds"] == pytest.approx(2.9) and report["sound"] == 1
    assert seen == [(k, 30) for k in range(1, 31)]
    before, after = list(video.frames(source)), list(video.frames(target))
    assert len(after) == 30 and after[0].shape == (1, 3, 66, 100)
    assert float((after[0] - (1 - before[0])).abs().mean()) < 0.03  # a codec is in between, twice
    assert sound_packets(target) == sound_packets(source)
    with av.open(str(target)) as film:
        times = [frame.time for frame in film.decode(video=0)]
    assert times == pytest.approx([k / 10 for k in range(30)])


def test_the_size_is_chosen_and_even(tmp_path: Path):
    write_film(tmp_path / "in.mp4", [photograph(90, 120)] * 2)
    video.stylize(tmp_path / "in.mp4", tmp_path / "out.mkv", lambda frame: frame, size=45)
    assert next(video.frames(tmp_path / "out.mkv")).shape == (1, 3, 44, 60)


@pytest.mark.parametrize("content, message", [(b"not a film", "cannot be read as a film"), (b"", "cannot be read as a film")])
def test_a_broken_film_is_named_and_leaves_nothing(tmp_path: Path, content: bytes, message: str):
    (tmp_path / "broken.mp4").write_bytes(content)
    with pytest.raises(ValueError, match=f"broken.mp4: {message}"):
        video.stylize(tmp_path / "broken.mp4", tmp_path / "out.mp4", lambda frame: frame)
    assert [file.name for file in tmp_path.iterdir()] == ["broken.mp4"]


def test_a_film_that_fails_half_way_leaves_nothing(tmp_path: Path):
    write_film(tmp_path / "in.mp4", [photograph()] * 4)
    calls = []

    def paint(frame: Tensor) -> Tensor:
        calls.append(frame)
        if len(calls) == 3:
            raise ValueError("the third frame")
        return frame

    with pytest.raises(ValueError, match="the third frame"):
        video.stylize(tmp_path / "in.mp4", tmp_path / "out.mp4", paint)
    assert [file.name for file in tmp_path.iterdir()] == ["in.mp4"]


def test_an_unknown_suffix_is_named(tmp_path: Path):
    write_film(tmp_path / "in.mp4", [photograph()] * 2)
    with pytest.raises(ValueError, match=r"out.nonsense: unknown film suffix '.nonsense'"):
        video.stylize(tmp_path / "in.mp4", tmp_path / "out.nonsense", lambda frame: frame)
    with pytest.raises(FileNotFoundError, match="no such film"):
        video.stylize(tmp_path / "none.mp4", tmp_path / "out.mp4", lambda frame: frame)


@pytest.mark.parametrize("size", [0, -5, 2.5])
def test_a_senseless_size_is_refused(tmp_path: Path, size: float):
    with pytest.raises(ValueError, match="^size="):
        video.stylize(tmp_path / "none.mp4", tmp_path / "out.mp4", lambda x: x, size)
    assert list(tmp_path.iterdir()) == []
