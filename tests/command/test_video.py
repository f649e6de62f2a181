"""nst.command.video: films that are counted frame by frame."""

from __future__ import annotations

import os
import signal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import nst
from nst.command import streams, video

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


def test_a_film_keeps_its_frames_times_size_and_sound(tmp_path: Path):
    source, target = tmp_path / "in.mp4", tmp_path / "out.mp4"
    write_film(source, [photograph(66, 100, shift=k) for k in range(30)], sound=True)
    seen: list[tuple[int, int]] = []
    report = video.stylize(source, target, lambda frame: 1 - frame, progress=lambda *step: seen.append(step))
    assert report["frames"] == 30 and report["seconds"] == pytest.approx(3.0) and report["sound"] == 1
    assert seen == [(k, 30) for k in range(1, 31)]
    before, after = list(streams.frames(source)), list(streams.frames(target))
    assert len(after) == 30 and after[0].shape == (1, 3, 66, 100)
    assert float((after[0] - (1 - before[0])).abs().mean()) < 0.03  # a codec is in between, twice
    assert sound_packets(target) == sound_packets(source)
    with av.open(str(target)) as film:
        times = [frame.time for frame in film.decode(video=0)]
    assert times == pytest.approx([k / 10 for k in range(30)])


def test_the_size_is_chosen_and_even(tmp_path: Path):
    write_film(tmp_path / "in.mp4", [photograph(90, 120)] * 2)
    video.stylize(tmp_path / "in.mp4", tmp_path / "out.mkv", lambda frame: frame, size=45)
    assert next(streams.frames(tmp_path / "out.mkv")).shape == (1, 3, 44, 60)


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


# --- films as they come -----------------------------------------------------------------------------------------------------------


def made(path: Path, count: int = 6, codec: str = "libx264", sound: str = "", rate: int = 10, size: tuple[int, int] = (48, 64),
         pixels: str = "yuv420p", ratio: Fraction | None = None, matrix: int = 2, limited: bool = True, form: str | None = None,
         colour: tuple[int, int, int] = (200, 60, 30), start: int = 0) -> Path:  # fmt: skip
    """A film of one colour with a bright bar that moves, by PyAV alone."""
    with av.open(str(path), "w", format=form) as film:
        pictures = film.add_stream(codec, rate=rate, options={"crf": "4"} if codec == "libx264" else {})
        (pictures.height, pictures.width), pictures.pix_fmt, context = size, pixels, pictures.codec_context
        context.colorspace, context.color_range = matrix, 1 if limited else 2
        if matrix != 2:
            context.color_primaries = context.color_trc = 1
        if ratio:
            context.sample_aspect_ratio = ratio
        tone = film.add_stream(sound, rate=48000, layout="stereo") if sound else None
        for k in range(count):
            picture = np.full((*size, 3), colour, np.uint8)
            picture[-12:, 4 * k : 4 * k + 8] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format=pixels, dst_colorspace=matrix)
            frame.pts, frame.time_base = start + k, Fraction(1, rate)
            film.mux(pictures.encode(frame))
        film.mux(pictures.encode())
        wave = (8000 * np.sin(np.arange(48000 * count // rate) * 2 * np.pi * 440 / 48000)).astype(np.int16).repeat(2)[None]
        for at in range(0, wave.shape[1] if tone else 0, 1920):
            piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, at : at + 1920]), format="s16", layout="stereo")
            piece.sample_rate, piece.pts, piece.time_base = 48000, at // 2, Fraction(1, 48000)
            film.mux(tone.encode(piece))
        if tone:
            film.mux(tone.encode())
    return path


def same(frame: Tensor) -> Tensor:
    return frame


def loudness(path: Path) -> tuple[float, float]:
    """Seconds of sound in a film, and its mean square."""
    with av.open(str(path)) as film:
        heard = [f.to_ndarray().astype(float) / (32768 if "s16" in f.format.name else 1) for f in film.decode(audio=0)]
        rate, planes = film.streams.audio[0].rate, len(heard[0])
    values = np.concatenate([piece.reshape(planes, -1) for piece in heard], 1)
    return values.size / 2 / rate, float((values**2).mean())


@pytest.mark.parametrize(("source", "codec", "sound"), [("a.avi", "mpeg4", "pcm_s16le"), ("a.webm", "libvpx-vp9", "libopus"),
                                                        ("a.mp4", "libx264", "aac"), ("a.mkv", "libx264", "flac"),
                                                        ("a.ts", "libx264", "mp2")])  # fmt: skip
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".webm"])
def test_sound_goes_into_every_target(tmp_path: Path, source: str, codec: str, sound: str, suffix: str):
    """As it is where the target can hold it, else encoded anew: of the same length and loudness."""
    before = made(tmp_path / source, codec=codec, sound=sound)
    report = video.stylize(before, tmp_path / f"b{suffix}", same)
    assert report["sound"] == 1 and report["frames"] == 6
    seconds, power = loudness(tmp_path / f"b{suffix}")
    assert seconds == pytest.approx(0.6, abs=0.08) and power == pytest.approx((8000 / 32768) ** 2 / 2, rel=0.15)


def test_a_gif_has_no_sound_and_says_so(tmp_path: Path):
    report = video.stylize(made(tmp_path / "a.mp4", sound="aac", colour=(120, 160, 40)), tmp_path / "b.gif", same)
    assert report["sound"] == 0 and report["frames"] == 6
    painted = list(streams.frames(tmp_path / "b.gif"))
    assert len(painted) == 6 and painted[0].shape == (1, 3, 48, 64)
    wanted = torch.tensor([120, 160, 40]) / 255
    assert float((painted[3][0, :, :24].mean((1, 2)) - wanted).abs().max()) < 0.03
    with av.open(str(tmp_path / "b.gif")) as film:
        assert [frame.time for frame in film.decode(video=0)] == pytest.approx([k / 10 for k in range(6)])
    again = video.stylize(tmp_path / "b.gif", tmp_path / "c.mp4", same)
    assert again["frames"] == 6


def test_a_transparent_gif_lies_on_white(tmp_path: Path):
    from PIL import Image

    clear = [Image.new("RGBA", (64, 48), (0, 0, 0, 0)) for _ in range(3)]
    for k, picture in enumerate(clear):
        picture.paste((200, 60, 30, 255), (4 * k, 30, 4 * k + 16, 48))
    clear[0].save(tmp_path / "a.gif", save_all=True, append_images=clear[1:], duration=100, disposal=2)
    seen = []
    video.stylize(tmp_path / "a.gif", tmp_path / "b.mp4", lambda frame: seen.append(frame) or frame)
    assert float((seen[1][..., :24, :] - 1).abs().max()) < 0.01


@pytest.mark.parametrize(("ratio", "size"), [(Fraction(16, 11), (48, 94)), (Fraction(3, 4), (64, 64)), (Fraction(1), (48, 64)),
                                             (Fraction(1, 300), (48, 64))])  # fmt: skip
def test_pixels_become_square(tmp_path: Path, ratio: Fraction, size: tuple[int, int]):
    """A player shows 48 x 64 pixels of 16 : 11 as 48 x 93.1; a ratio of 1 : 300 is nonsense."""
    seen = []
    video.stylize(made(tmp_path / "a.mkv", 2, ratio=ratio), tmp_path / "b.mp4", lambda frame: seen.append(frame) or frame)
    assert tuple(seen[0].shape[-2:]) == size
    with av.open(str(tmp_path / "b.mp4")) as film:
        assert film.streams.video[0].sample_aspect_ratio in (None, 0, 1)
    assert next(streams.frames(tmp_path / "b.mp4")).shape[-2:] == size


def by_the_standard(y: float, u: float, v: float, matrix: int) -> list[float]:
    """RGB of limited-range numbers, by BT.601, BT.709 or BT.2020."""
    red, blue = {1: (0.2126, 0.0722), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}[matrix]
    y, u, v = (y - 16) / 219, (u - 128) / 224, (v - 128) / 224
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    return [r, (y - red * r - blue * b) / (1 - red - blue), b]


@pytest.mark.parametrize(("matrix", "size"), [(1, (48, 64)), (6, (48, 64)), (9, (48, 64)), (2, (48, 64)), (2, (720, 64))])
def test_colours_mean_the_same_afterwards(tmp_path: Path, matrix: int, size: tuple[int, int]):
    """Read by the film's own matrix and written by it, with its tags; untagged films as players take them."""
    meant = {2: 1 if size[0] >= 720 else 6}.get(matrix, matrix)
    wanted = torch.tensor([200, 60, 30]) / 255
    seen = []
    made(tmp_path / "a.mp4", 2, size=size, matrix=meant, colour=(200, 60, 30))
    if matrix == 2:  # the same numbers, and nobody says what they mean
        with av.open(str(tmp_path / "a.mp4")) as film:
            frames = list(film.decode(video=0))
        with av.open(str(tmp_path / "a.mp4"), "w") as film:
            pictures = film.add_stream("libx264", rate=10, options={"crf": "4"})
            (pictures.height, pictures.width), pictures.pix_fmt = size, "yuv420p"
            for k, frame in enumerate(frames):
                frame.colorspace, frame.pts, frame.time_base = 2, k, Fraction(1, 10)
                film.mux(pictures.encode(frame))
            film.mux(pictures.encode())
    video.stylize(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda frame: seen.append(frame) or frame, size=48)
    assert float((seen[0][0, :, :20, :].mean((1, 2)) - wanted).abs().max()) < 0.015
    with av.open(str(tmp_path / "b.mp4")) as film:
        frame = next(film.decode(video=0))
        numbers = [float(bytes(plane)[plane.line_size + 8]) for plane in frame.planes]  # of a place in the second row
        assert int(frame.colorspace) == meant and int(film.streams.video[0].codec_context.color_range) == 1
    assert by_the_standard(*numbers, meant) == pytest.approx(wanted.tolist(), abs=0.02)


def test_the_full_range_of_a_phone_is_read_as_such(tmp_path: Path):
    seen = []
    made(tmp_path / "a.mp4", 2, pixels="yuvj420p", limited=False, colour=(250, 250, 250))
    video.stylize(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda frame: seen.append(frame) or frame)
    for frame in (seen[0], next(streams.frames(tmp_path / "b.mp4"))):
        assert float(frame[..., :20, :].mean()) == pytest.approx(250 / 255, abs=0.01)


def test_a_film_of_one_frame(tmp_path: Path):
    made(tmp_path / "a.mp4", 1)
    for suffix in (".mp4", ".gif", ".webm"):
        report = video.stylize(tmp_path / "a.mp4", tmp_path / f"b{suffix}", same)
        assert report["frames"] == 1 and report["seconds"] == pytest.approx(0.1) and "flicker_with" not in report
        assert len(list(streams.frames(tmp_path / f"b{suffix}"))) == 1


@pytest.mark.parametrize(("name", "codec", "form"), [("a.h264", "libx264", "h264"), ("a.m4v", "mpeg4", "m4v")])
def test_a_stream_without_times_has_its_frames_one_after_the_other(tmp_path: Path, name: str, codec: str, form: str):
    made(tmp_path / name, codec=codec, form=form)
    report = video.stylize(tmp_path / name, tmp_path / "b.mp4", same)
    with av.open(str(tmp_path / "b.mp4")) as film:
        times = [frame.time for frame in film.decode(video=0)]
    steps = np.diff(times)
    assert report["frames"] == len(times) == 6 and times[0] == 0 and steps.min() > 0.03 and np.ptp(steps) < 1e-3


def test_a_picture_is_a_film_of_one_frame_and_words_are_none(tmp_path: Path):
    nst.save_image(torch.rand(3, 40, 51), tmp_path / "a.png")
    assert video.stylize(tmp_path / "a.png", tmp_path / "b.mp4", same)["frames"] == 1
    (tmp_path / "a.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nWords\n")
    made(tmp_path / "film.mkv", sound="aac")
    with av.open(str(tmp_path / "film.mkv")) as film, av.open(str(tmp_path / "a.mka"), "w", format="matroska") as only:
        sound = only.add_stream_from_template(film.streams.audio[0])
        for packet in film.demux(audio=0):
            if packet.dts is not None:
                packet.stream = sound
                only.mux(packet)
    for name in ("a.srt", "a.mka"):
        with pytest.raises(ValueError, match=f"{name}: has no pictures in it"):
            video.stylize(tmp_path / name, tmp_path / "c.mp4", same)
    assert not list(tmp_path.glob("c.mp4*")) and not list(tmp_path.glob(".*"))


def test_the_first_frame_has_the_size(tmp_path: Path):
    """Some streams change theirs half way."""
    made(tmp_path / "a.h264", form="h264")
    made(tmp_path / "b.h264", form="h264", size=(96, 96))
    (tmp_path / "ab.h264").write_bytes((tmp_path / "a.h264").read_bytes() + (tmp_path / "b.h264").read_bytes())
    assert video.stylize(tmp_path / "ab.h264", tmp_path / "c.mp4", same)["frames"] == 12
    assert {tuple(frame.shape[-2:]) for frame in streams.frames(tmp_path / "c.mp4")} == {(48, 64)}


def test_damaged_packets_are_passed_over_and_counted(tmp_path: Path):
    made(tmp_path / "a.mov", 20, codec="png", pixels="rgb24", limited=False)
    data = bytearray((tmp_path / "a.mov").read_bytes())
    starts = [k for k in range(len(data)) if data[k : k + 4] == b"\x89PNG"]
    assert len(starts) == 20
    for k in (3, 11):
        data[starts[k] : starts[k] + 40] = bytes(40)
    (tmp_path / "a.mov").write_bytes(data)
    report = video.stylize(tmp_path / "a.mov", tmp_path / "b.mp4", same)
    assert report["frames"] == 18 and report["damaged"] == 2
    with av.open(str(tmp_path / "b.mp4")) as film:
        times = [round(10 * frame.time) for frame in film.decode(video=0)]
    assert times == [k for k in range(20) if k not in (3, 11)]  # the others keep their times
    for start in starts:
        data[start : start + 40] = bytes(40)
    (tmp_path / "a.mov").write_bytes(data)
    with pytest.raises(ValueError, match=r"a.mov: none of its pictures can be decoded \(20 damaged packets\)"):
        video.stylize(tmp_path / "a.mov", tmp_path / "c.mp4", same)


def test_a_film_that_ends_early_is_painted_as_far_as_it_goes(tmp_path: Path):
    made(tmp_path / "a.mkv", 40)
    (tmp_path / "a.mkv").write_bytes((tmp_path / "a.mkv").read_bytes()[:-600])
    assert 10 < video.stylize(tmp_path / "a.mkv", tmp_path / "b.mp4", same)["frames"] < 40


def test_what_cannot_be_written_is_said_before_anything_is_painted(tmp_path: Path):
    made(tmp_path / "a.mp4", sound="aac")
    for name in ("b.ogv", "b.png", "b.mp3", "b", "b.txt"):
        with pytest.raises(ValueError, match=f"{name}: unknown film suffix .*expected .mp4, .mkv, .mov, .webm and .gif"):
            video.stylize(tmp_path / "a.mp4", tmp_path / name, lambda frame: pytest.fail("painted"))
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        video.stylize(tmp_path / "a.mp4", tmp_path / "no" / "b.mp4", lambda frame: pytest.fail("painted"))
    for size in (-5, 0, 1.5):
        with pytest.raises(ValueError, match=f"size={size}: expected a whole number"):
            video.stylize(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda frame: pytest.fail("painted"), size=size)


@pytest.mark.parametrize("start", [0, 7])
def test_a_film_keeps_uneven_times_and_its_start(tmp_path: Path, start: int):
    times = [start + t for t in (0, 1, 5, 6, 20)]
    with av.open(str(tmp_path / "a.mkv"), "w") as film:
        pictures = film.add_stream("libx264", rate=25)
        pictures.height, pictures.width, pictures.pix_fmt = 48, 64, "yuv420p"
        pictures.codec_context.time_base = Fraction(1, 25)
        for time in times:
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * time, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 25)
            film.mux(pictures.encode(frame))
        film.mux(pictures.encode())
    video.stylize(tmp_path / "a.mkv", tmp_path / "b.mkv", same)
    with av.open(str(tmp_path / "b.mkv")) as film:
        assert [frame.time for frame in film.decode(video=0)] == pytest.approx([time / 25 for time in times], abs=0.002)


# --- a film that goes on ----------------------------------------------------------------------------------------------------------


def decoded(path: Path) -> list[bytes]:
    with av.open(str(path)) as film:
        return [frame.to_ndarray().tobytes() for frame in film.decode(video=0)]


@pytest.mark.parametrize("suffix", [".mp4", ".webm", ".gif"])
def test_a_film_goes_on_where_it_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    monkeypatch.setattr(video, "PIECE", 4)
    source, folder = made(tmp_path / "a.mp4", 14, sound="aac"), tmp_path / "pieces"
    whole = video.stylize(source, tmp_path / f"whole{suffix}", flip)
    calls = []

    def broken(frame: Tensor) -> Tensor:
        calls.append(frame)
        if len(calls) == 11:
            raise MemoryError("the eleventh frame")
        return flip(frame)

    with pytest.raises(MemoryError):
        video.stylize(source, tmp_path / f"b{suffix}", broken, folder=folder, identity={"style": "a"})
    assert not (tmp_path / f"b{suffix}").exists() and len(list(folder.glob("piece_*"))) >= 2
    (folder / "piece_00002.mp4").write_bytes(b"half a piece")
    painted = []
    again = video.stylize(source, tmp_path / f"b{suffix}", lambda frame: painted.append(frame) or flip(frame), folder=folder,
                          identity={"style": "a"})  # fmt: skip
    assert len(painted) == 6 and again == {**whole, "resumed": 8} and not folder.exists()
    assert decoded(tmp_path / f"b{suffix}") == decoded(tmp_path / f"whole{suffix}")


def flip(frame: Tensor) -> Tensor:
    return frame.flip(-1)


def test_another_films_pieces_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(video, "PIECE", 2)
    source, folder, count = made(tmp_path / "a.mp4"), tmp_path / "pieces", iter(range(100))

    def cut(frame: Tensor) -> Tensor:
        if next(count) == 3:
            raise MemoryError
        return frame

    with pytest.raises(MemoryError):
        video.stylize(source, tmp_path / "b.mp4", cut, folder=folder, identity={"style": "a"})
    for changes, said in (({"identity": {"style": "b"}}, "style"), ({"size": 32}, "size"), ({"smoothing": 0.1}, "smoothing")):
        given = {"identity": {"style": "a"}, **changes}
        with pytest.raises(ValueError, match=f"pieces: holds pieces of a film with another {said}; remove it"):
            video.stylize(source, tmp_path / "b.mp4", same, folder=folder, **given)
    made(source, colour=(1, 2, 3))
    with pytest.raises(ValueError, match="another source"):
        video.stylize(source, tmp_path / "b.mp4", same, folder=folder, identity={"style": "a"})


def test_a_signal_lets_the_frame_end_and_nothing_is_lost(tmp_path: Path):
    source, folder, painted = made(tmp_path / "a.mp4"), tmp_path / "pieces", []

    def paint(frame: Tensor) -> Tensor:
        painted.append(frame)
        if len(painted) == 3:
            signal.raise_signal(signal.SIGINT)
        return flip(frame)

    with pytest.raises(KeyboardInterrupt):
        video.stylize(source, tmp_path / "b.mp4", paint, folder=folder)
    assert len(painted) == 3 and not (tmp_path / "b.mp4").exists()
    assert video.stylize(source, tmp_path / "b.mp4", paint, folder=folder)["resumed"] == 3 and len(painted) == 6
    video.stylize(source, tmp_path / "whole.mp4", flip)
    for a, b in zip(streams.frames(tmp_path / "b.mp4"), streams.frames(tmp_path / "whole.mp4"), strict=True):
        assert float((a - b).abs().mean()) < 0.01  # but for where the codec begins anew


def test_nothing_is_left_beside_a_film_that_fails(tmp_path: Path):
    made(tmp_path / "a.mp4", sound="aac")
    with pytest.raises(ZeroDivisionError):
        video.stylize(tmp_path / "a.mp4", tmp_path / "b.mp4", lambda frame: 1 / 0)
    assert [file.name for file in tmp_path.iterdir()] == ["a.mp4"]


@pytest.mark.parametrize(("turn", "corner"), [(90, (0, 1)), (-90, (1, 0)), (180, (1, 1)), (0, (0, 0))])
def test_a_phones_film_is_turned_upright(turn: int, corner: tuple[int, int]):
    """The bright corner is above on the left as it lies; ffmpeg counts the degrees against the clock."""

    class Frame:  # as PyAV gives them
        rotation, format = turn, av.VideoFormat("rgb24", 8, 6)

        def to_ndarray(self, **options):
            pixels = np.zeros((6, 8, 3), np.uint8)
            pixels[:2, :2] = 255
            return pixels

    upright = streams.pixels(Frame())
    wanted = np.rot90(Frame().to_ndarray(), turn // 90)
    assert torch.equal(upright[0, 0], torch.from_numpy(wanted[..., 0].astype(np.float32) / 255))
    down, right = (-1 if far else 0 for far in (corner if turn in (0, 180) else corner[::-1]))
    assert float(upright[0, 0, down, right]) == 1 and tuple(upright.shape[-2:]) == ((6, 8) if turn % 180 == 0 else (8, 6))


# --- what stress found ------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".gif"])
def test_a_name_is_no_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str):
    """Of "12:30.mp4", ffmpeg would ask for the protocol 12."""
    monkeypatch.chdir(tmp_path)
    made(Path("a.mp4"), sound="aac")
    Path("a.mp4").rename("12:30.mp4")
    assert video.stylize("12:30.mp4", f"13:00{suffix}", same, folder="13:00.pieces")["frames"] == 6
    assert len(list(streams.frames(f"13:00{suffix}"))) == 6
    assert {file.name for file in tmp_path.iterdir()} == {"12:30.mp4", f"13:00{suffix}"}


@pytest.mark.parametrize(("codec", "matrix"), [("libvpx", 2), ("libvpx-vp9", 6)])
def test_a_transparent_webm_lies_on_white(tmp_path: Path, codec: str, matrix: int):
    """ffmpeg's own decoders would show what is hidden."""
    if codec == "libvpx" and "yuva420p" not in {form.name for form in av.Codec(codec, "w").video_formats}:
        pytest.skip("this libvpx writes no transparency")
    with av.open(str(tmp_path / "a.webm"), "w") as film:
        pictures = film.add_stream(codec, rate=10)
        (pictures.height, pictures.width), pictures.pix_fmt = (48, 64), "yuva420p"
        pictures.options = {"auto-alt-ref": "0"}
        for k in range(3):
            picture = np.full((48, 64, 4), (200, 60, 30, 255), np.uint8)
            picture[:24, :, 3] = 0
            frame = av.VideoFrame.from_ndarray(picture, format="rgba").reformat(format="yuva420p")
            frame.pts, frame.time_base = k, Fraction(1, 10)
            film.mux(pictures.encode(frame))
        film.mux(pictures.encode())
    seen = list(streams.frames(tmp_path / "a.webm"))
    report = video.stylize(tmp_path / "a.webm", tmp_path / "b.mp4", lambda frame: seen.append(frame) or frame)
    assert report["frames"] == 3 and report["damaged"] == 0 and len(seen) == 6
    for frame in seen:
        assert float((frame[..., :22, :] - 1).abs().max()) < 0.02
        assert float((frame[..., 26:, :].mean((0, 2, 3)) - torch.tensor([200, 60, 30]) / 255).abs().max()) < 0.05


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv", ".gif"])
def test_the_last_frame_stays_as_long_as_it_did(tmp_path: Path, suffix: str):
    from PIL import Image

    pictures = [Image.new("RGB", (32, 32), (60 * k, 0, 0)) for k in range(3)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=[100, 300, 2000])
    report = video.stylize(tmp_path / "a.gif", tmp_path / f"b{suffix}", same)
    assert report["seconds"] == 2.4 and report["missing"] == 0
    with av.open(str(tmp_path / f"b{suffix}")) as film:
        assert film.duration == 2_400_000 or suffix == ".gif"
    if suffix == ".gif":
        with Image.open(tmp_path / "b.gif") as film:
            durations = []
            for k in range(film.n_frames):
                film.seek(k)
                durations.append(film.info["duration"])
        assert durations == [100, 300, 2000]


@pytest.mark.parametrize(("suffix", "codec", "share", "frames"), [(".mkv", "ffv1", 0.5, range(5, 16)),
                                                                  (".avi", "huffyuv", 0.5, range(5, 16))])  # fmt: skip
def test_a_film_that_was_cut_says_what_is_missing(tmp_path: Path, suffix: str, codec: str, share: float, frames: range):
    pixels = {"ffv1": "yuv420p", "huffyuv": "yuv422p"}[codec]
    whole = made(tmp_path / f"a{suffix}", 20, codec=codec, pixels=pixels)
    assert video.stylize(whole, tmp_path / "b.mkv", same)["missing"] == 0
    whole.write_bytes(whole.read_bytes()[: round(share * whole.stat().st_size)])
    report = video.stylize(whole, tmp_path / "b.mkv", same)
    assert report["frames"] in frames and report["missing"] == pytest.approx(2 - report["frames"] / 10, abs=0.001)


def test_frames_closer_than_the_targets_units_go_one_after_the_other(tmp_path: Path):
    """Matroska counts milliseconds; the clock of a damaged stream may stand still."""
    with av.open(str(tmp_path / "a.mov"), "w") as film:
        pictures = film.add_stream("png", rate=90000)
        (pictures.height, pictures.width), pictures.pix_fmt = (16, 16), "rgb24"
        for k, time in enumerate((0, 9000, 9003, 9006, 18000)):
            frame = av.VideoFrame.from_ndarray(np.full((16, 16, 3), 40 * k, np.uint8), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, 90000)
            film.mux(pictures.encode(frame))
        film.mux(pictures.encode())
    assert video.stylize(tmp_path / "a.mov", tmp_path / "b.mkv", same)["frames"] == 5
    with av.open(str(tmp_path / "b.mkv")) as film:
        assert [round(frame.time, 3) for frame in film.decode(video=0)] == [0, 0.1, 0.101, 0.102, 0.2]


def test_nothing_is_left_of_a_film_without_pictures_nor_taken_of_what_was_there(tmp_path: Path):
    nst.save_image(torch.rand(3, 40, 51), tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:60])
    for folder in ("pieces", "notes"):
        with pytest.raises(ValueError, match="a.png: none of its pictures can be decoded"):
            video.stylize(tmp_path / "a.png", tmp_path / "b.mp4", same, folder=tmp_path / folder)
        assert not (tmp_path / "pieces").exists()
        (tmp_path / "notes").mkdir(exist_ok=True)
        (tmp_path / "notes" / "a.txt").write_text("mine")
    video.stylize(made(tmp_path / "c.mp4"), tmp_path / "b.mp4", same, folder=tmp_path / "notes")
    assert [file.name for file in (tmp_path / "notes").iterdir()] == ["a.txt"]
