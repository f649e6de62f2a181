"""A film in a style: frame by frame, without the flicker that this brings.

A network paints each frame as if there were no other, and small changes of a frame make large ones of its painting. So each
painting is blended with the last one, moved along with what it shows (optical flow), wherever the film is still the same there:

    out_t = (1 - w) painted_t + w moved(out_{t-1}),   w = smoothing * sameness

sameness is 1 where frame t equals the moved frame t - 1, and 0 where something new came into view. Ruder, Dosovitskiy & Brox 2016
(arXiv 1604.08610) put the same idea into the loss of an optimisation; Lai et al. 2018 (arXiv 1808.00449) measure flicker so.

What is painted is kept in pieces of some seconds, each whole or not there, so that a film that was cut off goes on where it was.
At the end they are put together, packet by packet, with the film's own times and its sound.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst.images import resize
from nst.support import interrupts, weights
from nst.support.arguments import check_whole
from nst.support.files import written_whole

CODECS = {".webm": ("libvpx-vp9", "libvpx"), "": ("libx264", "libopenh264", "mpeg4")}  # the first that this ffmpeg has
SOUNDS = {".webm": ("libopus", "libvorbis"), "": ("aac", "libmp3lame")}  # for sound that the target cannot hold as it is
OPTIONS = {"libx264": {"crf": "18", "preset": "fast"}, "libvpx-vp9": {"crf": "24", "deadline": "good", "cpu-used": "5"},
           "libvpx": {"crf": "8", "deadline": "good", "cpu-used": "5"}}  # fmt: skip
KNOWN = ".mp4, .mkv, .mov, .webm and .gif"  # what is written, for errors: ffmpeg knows more
PIECE = 50  # frames of one piece
STATE = "state.safetensors"  # beside the pieces: how far they go
BT709, BT601, LIMITED = 1, 6, 1  # of ffmpeg's numbers: colour matrices, and a range of 16 to 235
HD = 720  # rows from which players take an untagged film for BT.709
COVER = 0x400  # a stream's disposition: one picture for a record
FLOW_SIZE = 128  # shorter side in pixels at which motion is estimated
LARGEST = 512  # shorter side in pixels that nobody has to ask for
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


def stylize(source: str | os.PathLike, target: str | os.PathLike, paint: Callable[[Tensor], Tensor], size: int | None = None,
            smoothing: float = 0.8, progress: Callable[[int, int], None] | None = None, folder: str | os.PathLike | None = None,
            identity: dict | None = None) -> dict[str, float]:  # fmt: skip
    """Paint every frame of the film `source` into `target`, with its times, its sound, its colours' meaning, in square pixels.

    target:   .mp4, .mkv, .mov, .webm or .gif (which has no sound); others that ffmpeg writes, where they hold its codecs.
    paint:    (1, 3, H, W) in [0, 1] -> the same.
    size:     shorter side in pixels; None: as it is, at most LARGEST.
    progress: called after each frame with (frames so far, frames in all, or 0 where the file does not say).
    folder:   keeps what is painted until the film is whole: the same call goes on from there after it was cut off. None: nothing is
              kept. Ctrl-C and SIGTERM let the frame end first.
    identity: JSON values by name: what `paint` does. A film goes on under the same only.
    Returns {"frames", "seconds", "sound" (streams kept), "damaged" (packets passed over), "resumed" (frames that were there)} and, of
    two frames or more, {"flicker_film", "flicker_without", "flicker_with"}.
    The file is written whole or not at all. ImportError: PyAV is missing. ValueError: not a film, or a target that cannot hold it,
    before anything is painted; a folder with another film's pieces.
    """
    import av

    if size is not None:
        check_whole("size", size)
    source, target = Path(source), Path(target)
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such film")
    if size is not None:
        check_whole("size", size)
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: cannot be written, there is no folder {target.parent}")
    smoother = Smoother(smoothing)
    try:
        with contextlib.ExitStack() as stack:
            reader = stack.enter_context(_opened(source))
            sounds = _sounds(source, reader, target)
            if folder is None:
                there, asked = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=target.parent, prefix=".pieces_"))), []
            else:
                there, asked = Path(folder), stack.enter_context(interrupts.held())
            same = {"source": weights.sha256(source), "size": size, "smoothing": smoothing, **(identity or {})} if folder else None
            pieces = _Pieces(there, ".mkv" if target.suffix.lower() == ".gif" else target.suffix, same, smoother)
            resumed = len(pieces.times)
            if not _paint_frames(source, reader, pieces, paint, size, progress, asked):
                return {}  # the signal takes effect when `asked` is left
            with written_whole(target) as aside:
                (_join_gif if target.suffix.lower() == ".gif" else _join)(pieces, reader, sounds, aside)
            if folder is not None:
                shutil.rmtree(there)
    except av.FFmpegError as error:
        raise ValueError(f"{source}: cannot be read as a film, or not be written as {target.suffix} ({error})") from error
    times = pieces.times
    seconds = float((times[-1] - times[0] + pieces.step) * pieces.time_base)
    return {"frames": len(times), "seconds": round(seconds, 3), "sound": len(sounds), "damaged": pieces.damaged, "resumed": resumed,
            **smoother.figures()}  # fmt: skip


def _opened(source: Path):
    import av

    try:
        reader = av.open(str(source))
    except (av.FFmpegError, ValueError) as error:
        raise ValueError(f"{source}: cannot be read as a film ({error})") from error
    if not _films(reader):
        reader.close()
        raise ValueError(f"{source}: has no pictures in it")
    if _films(reader)[0].codec_context is None:
        reader.close()
        raise ValueError(f"{source}: this ffmpeg cannot decode its pictures")
    return reader


def _films(reader) -> list:
    """Its streams of pictures but for the cover of a record."""
    said = ((stream, getattr(stream, "disposition", 0)) for stream in reader.streams.video)
    return [stream for stream, what in said if not getattr(what, "value", what) & COVER]  # an enumeration's, or a number


# --- what the target can hold -----------------------------------------------------------------------------------------------------


def _sounds(source: Path, reader, target: Path) -> dict[int, str]:
    """{index of a stream of sound: the codec that it is encoded with, "" where it is copied}, tried out on a small film.

    ValueError: the target holds no such film, or not its sound.
    """
    suffix = target.suffix.lower()
    if suffix == ".gif":
        return {}
    if not _holds(suffix, source, None, ""):
        raise ValueError(f"{target.name}: unknown film suffix {target.suffix!r}: expected {KNOWN}")
    found = {}
    for sound in reader.streams.audio:
        choices = "", *_available(SOUNDS, suffix)
        codec = next((codec for codec in choices if _holds(suffix, source, sound.index, codec)), None)
        if codec is None:
            name = getattr(sound.codec_context, "name", "unknown")
            raise ValueError(f"{source}: its sound ({name}) does not go into {target.suffix}; .mkv takes most")
        found[sound.index] = codec
    return found


def _available(table: dict[str, tuple[str, ...]], suffix: str) -> list[str]:
    import av

    return [name for name in table.get(suffix, table[""]) if name in av.codecs_available]


def _holds(suffix: str, source: Path, index: int | None, codec: str) -> bool:
    """Does a film of this suffix take its codec, and the first packets of a stream of sound?"""
    import av

    with tempfile.TemporaryDirectory() as folder, av.open(str(source)) as reader:
        try:
            with av.open(os.path.join(folder, f"trial{suffix}"), "w") as writer:
                video = _video_stream(writer, suffix, 64, 64, Fraction(25), (BT709, BT709, BT709))
                track = None if index is None else _Track(reader.streams[index], writer, codec)
                writer.mux(video.encode(_frame(torch.zeros(1, 3, 64, 64), BT709, 0)))
                writer.mux(video.encode())
                for k, (_, packet) in enumerate(track.packets(reader, most=100) if track else ()):
                    writer.mux(packet)
                    if k == 20:
                        break
        except (av.FFmpegError, ValueError, TypeError, AttributeError, NotImplementedError):
            return False
    return True


class _Track:
    """A stream of sound on its way into the target: copied, or encoded anew with a codec."""

    def __init__(self, sound, writer, codec: str):
        self.sound, self.codec = sound, codec
        if codec:
            layout = "stereo" if sound.codec_context.layout.nb_channels > 1 else "mono"
            self.stream = writer.add_stream(codec, rate=48000 if codec == "libopus" else sound.codec_context.rate, layout=layout)
        else:
            self.stream = writer.add_stream_from_template(sound)

    def packets(self, reader, most: int | None = None) -> Iterator[tuple[float, object]]:
        """(seconds, packet for the target); most: packets of the source to read."""
        import av

        for k, packet in enumerate(reader.demux(self.sound)):
            if most is not None and k >= most:
                return
            if not self.codec:
                if packet.dts is not None:  # the packet that ends a stream has no time
                    packet.stream = self.stream
                    yield float(packet.dts * packet.time_base), packet
                continue
            try:
                heard = packet.decode()
            except av.FFmpegError:  # damaged
                continue
            for frame in heard:
                yield from self._encoded(frame)
        if self.codec:
            yield from self._encoded(None)

    def _encoded(self, frame) -> Iterator[tuple[float, object]]:
        for packet in self.stream.encode(frame):
            time = packet.dts if packet.dts is not None else packet.pts or 0
            yield float(time * (packet.time_base or 0)), packet


def _video_stream(writer, suffix: str, height: int, width: int, rate: Fraction, colours: tuple[int, int, int]):
    """colours: ffmpeg's numbers for matrix, primaries and transfer, which are written down."""
    codec = (_available(CODECS, suffix) or ["mpeg4"])[0]
    stream = writer.add_stream(codec, rate=rate if 0 < rate <= 240 else Fraction(25))
    stream.options = OPTIONS.get(codec, {"qscale": "3"})
    stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
    context = stream.codec_context
    context.max_b_frames = 0  # a packet for a frame, in their order: the times are put in when pieces are joined
    context.gop_size = PIECE
    if codec.startswith("libvpx"):
        context.bit_rate = 0  # the quality counts
    context.colorspace, context.color_primaries, context.color_trc = colours
    context.color_range = LIMITED
    return stream


# --- frames -----------------------------------------------------------------------------------------------------------------------


class _Pieces:
    """What is painted so far, in a folder: films of some frames each, and a state that says how far they go.

    times: of the frames, in `time_base`.   step: from a frame to the next, as the film says.   damaged: packets passed over.
    """

    def __init__(self, folder: Path, suffix: str, identity: dict | None, smoother: Smoother):
        self.folder, self.suffix, self.identity, self.smoother = folder, suffix, identity, smoother
        self.count, self.times, self.damaged, self.time_base, self.step = 0, [], 0, Fraction(1, 25), 1
        if not (folder / STATE).is_file():
            folder.mkdir(exist_ok=True)
            return
        tensors, facts = weights.read(folder / STATE, "film")
        if changed := [k for k in {**identity, **facts["identity"]} if identity.get(k) != facts["identity"].get(k)]:
            what = ", ".join(changed)
            raise ValueError(f"{folder}: holds pieces of a film with another {what}; remove it, or name another target")
        self.count, self.times = facts["pieces"], facts["times"]
        smoother.last = tuple(tensors[name] for name in ("frame", "painted", "out"))
        smoother.changes = [tuple(change) for change in facts["changes"]]

    def file(self, k: int) -> Path:
        return self.folder / f"piece_{k:05d}{self.suffix}"

    def keep(self) -> None:
        """The piece that was just written counts from here on."""
        self.count += 1
        if self.identity is None:
            return
        facts = {"identity": self.identity, "pieces": self.count, "times": self.times, "changes": self.smoother.changes}
        tensors = {k: x.clone() for k, x in zip(("frame", "painted", "out"), self.smoother.last, strict=True)}  # they may be one
        weights.write(self.folder / STATE, "film", tensors, facts)


def _paint_frames(source: Path, reader, pieces: _Pieces, paint: Callable, size: int | None, progress: Callable | None,
                  asked: list[int]) -> bool:  # fmt: skip
    """Paint the frames that no piece has yet. False: it was asked to leave before the last one."""
    import av

    film = _films(reader)[0]
    film.thread_type = "SLICE"  # with a thread for each frame, a damaged one takes its neighbours along
    rate = film.average_rate or Fraction(25)
    pieces.time_base = film.time_base or Fraction(1, 90000)
    pieces.step = max(1, round(1 / (rate * pieces.time_base)))
    done, look, writer, video = len(pieces.times), None, None, None
    with contextlib.ExitStack() as stack:
        for k, (frame, time) in enumerate(_decoded(reader, film, pieces)):
            look = look or _Look.of(frame, film, size)  # the first frame's, for all
            if k < done:
                continue
            if writer is None:
                piece = pieces.file(pieces.count)
                writer = stack.enter_context(av.open(str(piece), "w"))
                video = _video_stream(writer, pieces.suffix.lower(), *look.sides, rate, look.colours)
                first = k
            picture = look.picture(frame)
            writer.mux(video.encode(_frame(pieces.smoother(picture, paint(picture)), look.colours[0], k - first)))
            pieces.times.append(time)
            if progress:
                progress(len(pieces.times), film.frames)
            if k - first + 1 == PIECE or asked:
                _close(writer, video)
                stack.pop_all()
                pieces.keep()
                writer = None
            if asked:
                return False
        if writer is not None:
            _close(writer, video)
            stack.pop_all()
            pieces.keep()
    if not pieces.times:
        damaged = f"none of its pictures can be decoded ({pieces.damaged} damaged packets)"
        raise ValueError(f"{source}: {damaged if pieces.damaged else 'has no pictures in it'}")
    return True


def _close(writer, video) -> None:
    writer.mux(video.encode())  # what the encoder still holds
    writer.close()


def _decoded(reader, film, pieces: _Pieces) -> Iterator[tuple[object, int]]:
    """(frame, time in the film's units) in a rising order; damaged packets are passed over and counted."""
    import av

    last, shift, packets = None, 0, iter(reader.demux(film))
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            found = packet.decode()
        except av.FFmpegError:  # of the packet; or of the file, whose packets have then come to an end
            pieces.damaged += 1
            continue
        for frame in found:
            time = frame.pts + shift if frame.pts is not None else (0 if last is None else last + pieces.step)
            if last is not None and time <= last:
                back = (last - time) * pieces.time_base > 1  # seconds: the clock begins anew, as where films were put together
                shift += last + pieces.step - time if back else 0
                time = last + (pieces.step if back else 1)
            last = time
            yield frame, time


@dataclass(frozen=True)
class _Look:
    """How a film's frames are read and written: upright, with square pixels and even sides, as the codec wants them."""

    sides: tuple[int, int]  # height, width
    colours: tuple[int, int, int]  # matrix, primaries, transfer: ffmpeg's numbers

    @classmethod
    def of(cls, frame, film, size: int | None) -> _Look:
        ratio = film.sample_aspect_ratio or Fraction(1)
        ratio = ratio if Fraction(1, 8) < ratio < 8 else Fraction(1)  # beyond, it is nonsense
        sides = [frame.height * max(1, 1 / ratio), frame.width * max(1, ratio)]  # no pixel is lost
        sides = sides[::-1] if _turns(frame) % 2 else sides
        scale = Fraction(size or min(*map(round, sides), LARGEST)) / min(sides)
        matrix = int(frame.colorspace)
        if not _is_rgb(frame) and matrix in (0, 2):  # nobody says, so as players take it
            matrix = BT709 if frame.height >= HD else BT601
        context = film.codec_context
        colours = (BT709, BT709, BT709) if _is_rgb(frame) else (matrix, int(context.color_primaries), int(context.color_trc))
        return cls(tuple(max(2, round(n * scale / 2) * 2) for n in sides), colours)

    def picture(self, frame) -> Tensor:
        """A frame as (1, 3, H, W) in [0, 1]; transparent parts show white."""
        if not _is_rgb(frame):
            frame.colorspace = self.colours[0]
        pixels = _pixels(frame)
        return resize(pixels, self.sides) if self.sides != tuple(pixels.shape[-2:]) else pixels


def _is_rgb(frame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def _turns(frame) -> int:
    return round((frame.rotation or 0) / 90) % 4  # a phone held upright films lying frames and says so


def _pixels(frame) -> Tensor:
    """A frame as it is, but upright: (1, 3, H, W) in [0, 1]."""
    clear = frame.format.has_palette or any(part.is_alpha for part in frame.format.components)
    kind = "rgba" if clear else "rgb24"  # which has no matrix; naming one makes older PyAVs look at the frame's
    pixels = torch.from_numpy(frame.to_ndarray(format=kind, dst_colorspace=BT601)).permute(2, 0, 1)[None].float() / 255
    if clear:
        pixels = torch.lerp(torch.ones_like(pixels[:, :3]), pixels[:, :3], pixels[:, 3:])
    return torch.rot90(pixels, _turns(frame), (2, 3)) if _turns(frame) else pixels


def _frame(picture: Tensor, matrix: int, time: int):
    """A picture (1, 3, H, W) as a frame of the codec; matrix: ffmpeg's number of the colours'."""
    import av

    pixels = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()  # (H, W, 3)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
    frame.colorspace, frame.color_range, frame.pts = matrix, LIMITED, time
    return frame


# --- the film from its pieces -----------------------------------------------------------------------------------------------------


def _join(pieces: _Pieces, reader, sounds: dict[int, str], aside: Path) -> None:
    import av

    with av.open(str(aside), "w") as writer, av.open(str(pieces.file(0))) as first:
        film = writer.add_stream_from_template(first.streams.video[0], opaque=True)
        with contextlib.ExitStack() as stack:
            tracks = []
            for index, codec in sounds.items():  # each read on its own, so that all can be put in order
                again = stack.enter_context(av.open(str(reader.name)))
                tracks.append(_Track(again.streams[index], writer, codec).packets(again))
            for _, packet in heapq.merge(_timed(pieces, film), *tracks, key=lambda pair: pair[0]):
                writer.mux(packet)


def _timed(pieces: _Pieces, film) -> Iterator[tuple[float, object]]:
    """(seconds, packet) of all pieces, with the film's own times."""
    import av

    times = iter(zip(pieces.times, [*pieces.times[1:], pieces.times[-1] + pieces.step], strict=True))
    for k in range(pieces.count):
        with av.open(str(pieces.file(k))) as piece:
            for packet in piece.demux(piece.streams.video[0]):
                if packet.size:
                    time, following = next(times)
                    packet.stream, packet.time_base = film, pieces.time_base
                    packet.pts, packet.dts, packet.duration = time, time, following - time
                    yield float(time * pieces.time_base), packet


def _join_gif(pieces: _Pieces, reader, sounds: dict[int, str], aside: Path) -> None:
    """Each frame with 256 colours of its own; a GIF counts hundredths of a second."""
    import av
    from PIL import Image

    with av.open(str(aside), "w", format="gif") as writer:
        film, last = None, -1
        for time, frame in zip(pieces.times, _all_frames(pieces), strict=True):
            if film is None:
                film = writer.add_stream("gif", rate=100)
                film.height, film.width, film.pix_fmt = frame.height, frame.width, "pal8"
            few = Image.fromarray(frame.to_ndarray(format="rgb24")).quantize(256)
            colours = np.zeros((256, 4), np.uint8)
            colours[:, 0], table = 255, np.array(few.getpalette(), np.uint8).reshape(-1, 3)  # ARGB
            colours[: len(table), 1:] = table
            painted = av.VideoFrame.from_ndarray((np.asarray(few), colours), format="pal8")
            last = max(last + 1, round((time - pieces.times[0]) * pieces.time_base * 100))
            painted.pts, painted.time_base = last, Fraction(1, 100)
            writer.mux(film.encode(painted))
        writer.mux(film.encode())


def _all_frames(pieces: _Pieces) -> Iterator:
    import av

    for k in range(pieces.count):
        with av.open(str(pieces.file(k))) as piece:
            yield from piece.decode(video=0)


def frames(path: str | os.PathLike) -> Iterator[Tensor]:
    """The frames of a film, (1, 3, H, W) in [0, 1] each."""
    with _opened(Path(path)) as reader:
        for frame in reader.decode(_films(reader)[0]):
            yield _pixels(frame)
