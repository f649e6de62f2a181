"""Films as they come, and damaged ones: a right film, or one clear error with the file's name and nothing left behind.

Whole films are drawn here, so that each frame of the result can be compared with what was drawn. Of damaged ones, as many frames
must come out as PyAV decodes in a plain loop; what the file says that it holds and does not must be told.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import random
import struct
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from stress import Limits, Row, isolated
from stress.pictures import mutated

LIMITS = Limits(seconds=20, mib=1024)
TARGETS = (".mp4", ".mp4", ".mkv", ".mov", ".webm", ".gif", ".avi")
NAMES = ("film", "film", "film", "film 1", "写真", "50%d", "a'b", "x" * 200, "[b]", "%s{}")
NAMES += ("12:30", "new\nline") if os.name != "nt" else ()
DAMAGE = ("whole", "changed", "changed", "changed", "cut", "another's head", "suffix")
ROUTES = ("library", "library", "pieces", "command")


class Drawn(NamedTuple):
    """What a whole film shows: its frames' times in seconds, and the mean colours of their four quarters, upright, on white."""

    times: tuple[float, ...]
    quarters: tuple  # (n, 4, 3)
    sound: bool


@dataclass
class Kind:
    """How a film is written."""

    suffix: str
    codec: str
    pixels: str = "yuv420p"
    sound: str = ""
    size: tuple[int, int] = (32, 48)  # height, width
    times: tuple[int, ...] = (0, 1, 2, 3)  # in tenths of a second
    turned: bool = False  # a phone held upright
    options: tuple[tuple[str, str], ...] = ()

    @property
    def alpha(self) -> bool:
        return self.pixels in ("rgba", "argb", "yuva420p")


VARIED = (0, 1, 2, 5, 6)
KINDS = (
    Kind(".mp4", "libx264", sound="aac"), Kind(".mp4", "mpeg4"), Kind(".mp4", "libx264", turned=True, sound="aac"),
    Kind(".mp4", "libx264", times=VARIED), Kind(".mp4", "libx264", times=(0,)), Kind(".mp4", "mpeg4", times=(), sound="aac"),
    Kind(".mp4", "libx264", options=(("movflags", "faststart"),)), Kind(".mp4", "libx264", "yuv444p", size=(33, 47)),
    Kind(".mp4", "libx265", options=(("x265-params", "log-level=none"),), size=(64, 64)),
    Kind(".mp4", "libx264", options=(("movflags", "frag_keyframe+empty_moov"),), times=tuple(range(8))),
    Kind(".mov", "png", "rgb24", size=(33, 47)), Kind(".mov", "png", "rgba"), Kind(".mov", "mjpeg", "yuvj420p", sound="pcm_s16le"),
    Kind(".mov", "qtrle", "argb"), Kind(".mov", "prores_ks", "yuv422p10le", size=(64, 64)),
    Kind(".mov", "png", "gray", size=(1, 1)), Kind(".flv", "flv", sound="aac"), Kind(".png", "png", "rgb24", times=(0,)),
    Kind(".mkv", "ffv1", "bgr0", sound="flac", size=(7, 5)), Kind(".mkv", "libx264", times=VARIED, sound="libopus"),
    Kind(".mkv", "libx264", times=tuple(range(10))), Kind(".mkv", "libx264", times=(0,), sound="aac"),
    Kind(".mkv", "ffv1", times=()),
    Kind(".webm", "libvpx", sound="libopus"), Kind(".webm", "libvpx-vp9", times=VARIED, options=(("cpu-used", "8"),)),
    Kind(".webm", "libvpx-vp9", "yuva420p", options=(("cpu-used", "8"),)), Kind(".webm", "libvpx", size=(33, 47)),
    Kind(".gif", "gif", "rgb8"), Kind(".gif", "gif", "rgb8", times=(0,), size=(9, 60)), Kind(".gif", "gif", "gray", times=VARIED),
    Kind(".avi", "mpeg4", sound="libmp3lame"), Kind(".avi", "mjpeg", "yuvj420p", size=(64, 16)), Kind(".avi", "rawvideo", "bgr24"),
    Kind(".avi", "mpeg4", times=(0,), sound="pcm_s16le"), Kind(".avi", "huffyuv", "yuv422p"),
    Kind(".jpg", "mjpeg", "yuvj420p", times=(0,)), Kind(".ts", "mpeg2video", sound="mp2"),
)  # fmt: skip


def picture(size: tuple[int, int], k: int, alpha: bool) -> np.ndarray:
    """(H, W, 4) of bytes: smooth, so that every codec keeps it; another one for each k; clear below on the right."""
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(float)
    down, right = y / size[0], x / size[1]
    made = np.stack([200 - 90 * down, 60 + 120 * right, 60 + 15 * k + 0 * x, 255 + 0 * x], -1)
    if alpha:
        made[size[0] // 2 :, size[1] // 2 :, 3] = 0
    return made.astype(np.uint8)


def quarters(pixels: np.ndarray) -> np.ndarray:
    """(4, 3): mean colours in [0, 1] of a picture (H, W, 3 or 4) of bytes, on white."""
    shown = pixels[..., :3] / 255.0
    if pixels.shape[-1] == 4:
        shown = 1 + (shown - 1) * (pixels[..., 3:] / 255.0)
    rows, columns = ((slice(half), slice(-half, None)) for half in (max(1, side // 2) for side in shown.shape[:2]))
    return np.array([shown[a, b].mean((0, 1)) for a in rows for b in columns])


def written(kind: Kind, folder: str) -> bytes:
    import av

    path, alpha = os.path.join(folder, f"made{kind.suffix}"), kind.alpha
    with av.open(path, "w", options={k: v for k, v in kind.options if k == "movflags"}) as film:
        options = {k: v for k, v in kind.options if k != "movflags"}
        options |= {"crf": "8"} if kind.codec in ("libx264", "libx265") else {}
        pictures = film.add_stream(kind.codec, rate=10, options=options)
        (pictures.height, pictures.width), pictures.pix_fmt = kind.size, kind.pixels
        if not options.get("crf"):
            pictures.bit_rate = 2_000_000
        pictures.codec_context.max_b_frames = 0
        pictures.codec_context.gop_size = 4
        tone = film.add_stream(kind.sound, rate=48000, layout="stereo") if kind.sound else None
        film.start_encoding()
        for k, time in enumerate(kind.times):
            frame = av.VideoFrame.from_ndarray(picture(kind.size, k, alpha), format="rgba").reformat(format=kind.pixels)
            frame.pts, frame.time_base = time, Fraction(1, 10)
            film.mux(pictures.encode(frame))
        if kind.times:
            film.mux(pictures.encode())
        length = 4800 * (kind.times[-1] + 1 if kind.times else 4)
        wave = (8000 * np.sin(np.arange(length) * 2 * np.pi * 440 / 48000)).astype(np.int16).repeat(2)[None]
        for at in range(0, wave.shape[1] if tone else 0, 1920):
            piece = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[:, at : at + 1920]), format="s16", layout="stereo")
            piece.sample_rate, piece.pts, piece.time_base = 48000, at // 2, Fraction(1, 48000)
            film.mux(tone.encode(piece))
        if tone:
            film.mux(tone.encode())
    content = bytearray(Path(path).read_bytes())
    if kind.turned:
        at = content.index(b"tkhd") + 44  # the matrix of the first track
        content[at : at + 36] = struct.pack(">9i", 0, 2**16, 0, -(2**16), 0, 0, kind.size[0] << 16, 0, 2**30)
    return bytes(content)


@cache
def originals() -> list[tuple[str, bytes, Drawn]]:
    """(suffix, content, what it shows) of each kind that this ffmpeg writes."""
    import av

    made = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            if kind.codec not in av.codecs_available or kind.sound and kind.sound not in av.codecs_available:
                continue
            drawn = [picture(kind.size, k, kind.alpha) for k in range(len(kind.times))]
            if kind.pixels == "gray":
                drawn = [np.repeat(p[..., :3] @ [[0.299], [0.587], [0.114]], 3, -1) for p in drawn]
            drawn = [quarters(np.rot90(p, -1) if kind.turned else p) for p in drawn]
            times = tuple((t - kind.times[0]) / 10 for t in kind.times)
            shows = Drawn(times, tuple(map(tuple, np.array(drawn).tolist())), bool(kind.sound))
            made.append((kind.suffix, written(kind, folder), shows))
    return made


class Case(NamedTuple):
    content: bytes
    name: str  # with its suffix
    target: str  # a suffix
    route: str
    drawn: Drawn | None  # None: damaged


def cases(count: int, seed: int) -> Iterator[tuple[str, Case]]:
    rng, films = random.Random(f"films {seed}"), originals()
    everything = [content for _, content, _ in films]
    for k in range(count):
        suffix, content, drawn = films[k] if k < len(films) else rng.choice(films)  # each of them whole once
        what = "whole" if k < len(films) else rng.choice(DAMAGE)
        whole = content
        if what == "changed":
            content = mutated(content, rng.choice(everything), rng)
        elif what == "cut":
            content = content[: rng.randrange(len(content))]
        elif what == "another's head":
            length = rng.choice((16, 64, 512))
            content = rng.choice(everything)[:length] + content[length:]
        elif what == "suffix":
            suffix = rng.choice((".mp4", ".mov", ".mkv", ".avi", ".gif", ".MP4", ".txt", ""))
        name = rng.choice(NAMES) + suffix
        right = drawn if content == whole and what != "suffix" else None
        case = Case(content, name, rng.choice(TARGETS), rng.choice(ROUTES), right)
        yield f"seed {seed}, case {k}, {what}, {name!r} to {case.target}, {case.route}", case


# --- the check --------------------------------------------------------------------------------------------------------------------

FOLDER = tempfile.TemporaryDirectory(prefix="stress_")


def plain(path: str) -> list[tuple[float, np.ndarray]]:
    """(seconds, pixels) of each frame that can be decoded, by PyAV alone."""
    import av

    found, last = [], None
    with open(path, "rb") as file, av.open(file) as film:
        stream = film.streams.video[0]
        stream.thread_type = "NONE"
        packets = film.demux(stream)
        while True:
            try:
                packet = next(packets, None)
                if packet is None:
                    return found
                for frame in packet.decode():
                    found.append((frame.time, frame.to_ndarray(format="rgb24")))
                last = None
            except av.FFmpegError as error:
                if last == str(error) and len(found) > 1000:
                    return found
                last = str(error)


def promised(path: str) -> int:
    """Frames that the file says it holds."""
    import av

    with open(path, "rb") as file, av.open(file) as film:
        return film.streams.video[0].frames if film.format.name != "avi" else 0  # there a frame may be empty: the last one goes on


def check(case: Case | None) -> None:
    if case is None:
        import av  # noqa: F401
        import skimage.registration  # noqa: F401

        import nst
        import nst.command.cli
        import nst.command.video
        import nst.methods  # noqa: F401

        os.chdir(FOLDER.name)
        nst.TransformerNet(2).save("tiny.safetensors")
        av.logging.set_level(None)
        return
    with tempfile.TemporaryDirectory(dir=FOLDER.name) as folder:
        os.chdir(folder)
        try:
            Path(case.name).write_bytes(case.content)
            _check(case, f"out{case.target}")
        finally:
            os.chdir(FOLDER.name)


def _check(case: Case, target: str) -> None:
    from nst.command import cli, video

    facts, said = {}, ""
    if case.route == "command":
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = cli.main(["video", case.name, "-o", target, "-s", "../tiny.safetensors", "--size", "32"])
        said, shown = err.getvalue(), out.getvalue()
        assert code in (0, 1), f"exit code {code}: {said}"
        assert bool(code) == bool(said.strip()) and bool(code) != bool(shown.strip()), f"{code}: {shown!r}, {said!r}"
        assert "Traceback" not in said
        if not code:
            facts = {"frames": int(shown.removeprefix(target).split()[0]), "sound": int("sound kept" in shown)}
            facts["damaged"] = int(shown.split("\n")[1].split()[0]) if "damaged packets" in shown else 0
            facts["missing"] = "its last pictures are not in the file" in shown
    else:
        try:
            folder = "pieces" if case.route == "pieces" else None
            facts = video.stylize(case.name, target, lambda x: x, smoothing=0.0, folder=folder)
        except (ValueError, OSError) as error:
            said = str(error)
    if said:
        assert _plain_name(case.name) in _plain_name(said) or target in said, f"does not name the file: {said}"
        assert case.drawn is None or not case.drawn.times, f"a whole film: {said}"
        assert os.listdir() == [case.name], f"left behind: {os.listdir()}"
        return
    assert sorted(os.listdir()) == sorted([case.name, target]), f"left behind: {os.listdir()}"
    after = plain(target)
    assert len(after) == facts["frames"], f"{len(after)} frames, said {facts['frames']}"
    height, width = after[0][1].shape[:2]
    assert {p.shape for _, p in after} == {(height, width, 3)} and height % 2 == width % 2 == 0
    times = [t for t, _ in after]
    assert all(a < b for a, b in zip(times, times[1:])), f"times {times}"
    if case.drawn is not None:
        assert case.drawn.times, "a film of nothing"
        assert len(after) == len(case.drawn.times), f"{len(after)} frames of {len(case.drawn.times)}"
        if case.target != ".avi":  # which has no times
            wanted = case.drawn.times if not case.name.endswith(".avi") else [t for t, _ in plain(case.name)]
            found = [t - times[0] for t in times]
            assert np.allclose(found, wanted, atol=0.011), f"times {found}, expected {wanted}"
        if case.route != "command":
            error = np.abs(np.array([quarters(p) for _, p in after]) - np.array(case.drawn.quarters)).max()
            assert error < 0.08, f"other pictures: {error:.2f}"
        assert bool(facts["sound"]) == (case.drawn.sound and case.target != ".gif"), "its sound is lost"
        assert not facts["damaged"] and not facts["missing"], facts
        return
    expected = max(len(plain(case.name)), promised(case.name))
    assert len(after) >= expected or facts["damaged"] or facts["missing"], f"{len(after)} frames of {expected}, and nobody is told"


def _plain_name(text: str) -> str:
    """Without what a terminal would make of a line break."""
    return text.replace("\\n", " ").replace("\n", " ")


def run(count: int = 600, seed: int = 0) -> list[Row]:
    if importlib.util.find_spec("av") is None:
        return [Row("films", skipped="PyAV is not installed")]
    return [isolated(Row("films, as they come and damaged"), "stress.films:check", cases(count, seed), LIMITS)]
