"""A film in a style: frame by frame, without the flicker that this brings (`nst.command.flicker`).

What is painted is kept in pieces of some seconds, each whole or not there, so that a film that was cut off goes on where it was.
At the end they are put together, packet by packet, with the film's own times and its sound.
"""

from __future__ import annotations

import contextlib
import heapq
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from torch import Tensor

from nst.command.flicker import Smoother
from nst.command.streams import PIECE, Look, Track, decoder, films, frame_of, opened, place, sounds_for, video_stream
from nst.support import interrupts, weights
from nst.support.arguments import check_whole
from nst.support.files import written_whole

STATE = "state.safetensors"  # beside the pieces: how far they go


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
    Returns {"frames", "seconds", "sound" (streams kept), "damaged" (packets passed over, or decoded in part), "missing" (seconds
    by which its pictures end before the film says that they do), "resumed" (frames that were there)} and, of two frames or more,
    {"flicker_film", "flicker_without", "flicker_with"}.
    The file is written whole or not at all. ImportError: PyAV is missing. ValueError: not a film, or a target that cannot hold it,
    before anything is painted; a folder with another film's pieces.
    """
    import av

    if size is not None:
        check_whole("size", size)
    source, target = Path(source), Path(target)
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such film")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"{target}: cannot be written, there is no folder {target.parent}")
    smoother = Smoother(smoothing)
    try:
        with contextlib.ExitStack() as stack:
            reader = stack.enter_context(opened(source))
            sounds = sounds_for(source, reader, target)
            if folder is None:
                there, asked = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=target.parent, prefix=".pieces_"))), []
            else:
                there, asked = Path(folder), stack.enter_context(interrupts.held())
            same = {"source": weights.sha256(source), "size": size, "smoothing": smoothing, **(identity or {})} if folder else None
            pieces = _Pieces(there, ".mkv" if target.suffix.lower() == ".gif" else target.suffix, same, smoother)
            stack.callback(pieces.tidy)
            resumed = len(pieces.times)
            if not _paint_frames(source, reader, pieces, paint, size, progress, asked):
                return {}  # the signal takes effect when `asked` is left
            missing = _missing(reader, pieces)
            with written_whole(target) as aside:
                (_join_gif if target.suffix.lower() == ".gif" else _join)(pieces, reader, sounds, aside)
            pieces.remove()
    except av.FFmpegError as error:
        raise ValueError(f"{source}: cannot be read as a film, or not be written as {target.suffix} ({error})") from error
    times = pieces.times
    seconds = float((pieces.end - times[0]) * pieces.time_base)
    return {"frames": len(times), "seconds": round(seconds, 3), "sound": len(sounds), "damaged": pieces.damaged, "missing": missing,
            "resumed": resumed, **smoother.figures()}  # fmt: skip


# --- frames -----------------------------------------------------------------------------------------------------------------------


class _Pieces:
    """What is painted so far, in a folder: films of some frames each, and a state that says how far they go.

    times: of the frames, in `time_base`.   step: from a frame to the next, as the film says.   last: how long the last frame stays.
    damaged: packets passed over, or decoded in part.
    """

    def __init__(self, folder: Path, suffix: str, identity: dict | None, smoother: Smoother):
        self.folder, self.suffix, self.identity, self.smoother = folder, suffix, identity, smoother
        self.count, self.times, self.damaged, self.time_base, self.step = 0, [], 0, Fraction(1, 25), 1
        self.last = self.step
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

    @property
    def end(self) -> int:
        """When the last frame ends, in `time_base`."""
        return self.times[-1] + self.last

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

    def remove(self) -> None:
        """They are needed no more. What else lies in the folder stays, and then the folder does."""
        for file in (self.folder / STATE, *self.folder.glob("piece_*")):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self.folder.rmdir()

    def tidy(self) -> None:
        """A folder that nobody can go on from is no use."""
        if not (self.folder / STATE).is_file():
            self.remove()


def _paint_frames(source: Path, reader, pieces: _Pieces, paint: Callable, size: int | None, progress: Callable | None,
                  asked: list[int]) -> bool:  # fmt: skip
    """Paint the frames that no piece has yet. False: it was asked to leave before the last one."""
    import av

    film = films(reader)[0]
    film.thread_type = "SLICE"  # with a thread for each frame, a damaged one takes its neighbours along
    rate = film.average_rate or Fraction(25)
    pieces.time_base = film.time_base or Fraction(1, 90000)
    pieces.step = max(1, round(1 / (rate * pieces.time_base)))
    done, look, writer, video = len(pieces.times), None, None, None
    with contextlib.ExitStack() as stack:
        for k, (frame, time) in enumerate(_decoded(reader, film, pieces)):
            look = look or Look.of(frame, film, size)  # the first frame's, for all
            if k < done:
                continue
            if writer is None:
                piece = pieces.file(pieces.count)
                writer = stack.enter_context(av.open(place(piece), "w"))
                video = video_stream(writer, pieces.suffix.lower(), *look.sides, rate, look.colours)
                first = k
            picture = look.picture(frame)
            writer.mux(video.encode(frame_of(pieces.smoother(picture, paint(picture)), look.colours[0], k - first)))
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


def _missing(reader, pieces: _Pieces) -> float:
    """Seconds by which its pictures end before the film says that they do, as where a copy was cut short."""
    film = films(reader)[0]
    if film.duration is not None:
        promised, slack = (film.start_time or 0) + film.duration, pieces.step / 2
    elif reader.duration is not None:  # of all that is in it: sound may be a little longer
        promised = Fraction((reader.start_time or 0) + reader.duration, 10**6) / pieces.time_base
        slack = max(pieces.step / 2, Fraction(1, 10) / pieces.time_base)
    else:
        return 0.0
    if reader.format.name == "avi":  # which has frames where others have times
        promised = max(promised, pieces.times[0] + film.frames * pieces.step)
    short = promised - pieces.end
    return round(float(short * pieces.time_base), 3) if short > slack else 0.0


def _close(writer, video) -> None:
    writer.mux(video.encode())  # what the encoder still holds
    writer.close()


def _decoded(reader, film, pieces: _Pieces) -> Iterator[tuple[object, int]]:
    """(frame, time in the film's units) in a rising order; damaged packets are counted, and passed over."""
    import av

    last, shift, packets, decode, lengths = None, 0, iter(reader.demux(film)), decoder(film), {}
    while True:
        try:
            packet = next(packets, None)
            if packet is None:
                return
            lengths[packet.pts] = packet.duration or 0  # a frame may come later than its packet
            found = decode(packet)
        except av.FFmpegError:  # of the packet; or of the file, whose packets have then come to an end
            pieces.damaged += 1
            continue
        pieces.damaged += packet.is_corrupt  # cut: a part of it can be seen
        for frame in found:
            time = frame.pts + shift if frame.pts is not None else (0 if last is None else last + pieces.step)
            if last is not None and time <= last:
                back = (last - time) * pieces.time_base > 1  # seconds: the clock begins anew, as where films were put together
                shift += last + pieces.step - time if back else 0
                time = last + (pieces.step if back else 1)
            last, pieces.last = time, max(pieces.step, lengths.pop(frame.pts, 0))
            yield frame, time


# --- the film from its pieces -----------------------------------------------------------------------------------------------------


def _join(pieces: _Pieces, reader, sounds: dict[int, str], aside: Path) -> None:
    import av

    with av.open(place(aside), "w") as writer, av.open(place(pieces.file(0))) as first:
        film = writer.add_stream_from_template(first.streams.video[0], opaque=True)
        with contextlib.ExitStack() as stack:
            tracks = []
            for index, codec in sounds.items():  # each read on its own, so that all can be put in order
                again = stack.enter_context(av.open(reader.name))
                tracks.append(Track(again.streams[index], writer, codec).packets(again))
            writer.start_encoding()  # from here on the target's own units hold
            for _, packet in heapq.merge(_timed(pieces, film), *tracks, key=lambda pair: pair[0]):
                writer.mux(packet)


def _timed(pieces: _Pieces, film) -> Iterator[tuple[float, object]]:
    """(seconds, packet) of all pieces, with the film's own times, as well as the target counts them: .mkv milliseconds, for one."""
    import av

    at = _rising((*pieces.times, pieces.end), pieces.time_base / film.time_base)
    times = zip(at, at[1:])
    for k in range(pieces.count):
        with av.open(place(pieces.file(k))) as piece:
            for packet in piece.demux(piece.streams.video[0]):
                if packet.size:
                    time, following = next(times)
                    packet.stream, packet.time_base = film, film.time_base
                    packet.pts, packet.dts, packet.duration = time, time, following - time
                    yield float(time * film.time_base), packet


def _join_gif(pieces: _Pieces, reader, sounds: dict[int, str], aside: Path) -> None:
    """Each frame with 256 colours of its own; a GIF counts hundredths of a second."""
    import av
    from PIL import Image

    at = _rising((time - pieces.times[0] for time in (*pieces.times, pieces.end)), pieces.time_base * 100)
    with av.open(place(aside), "w", format="gif") as writer:
        film = None
        for time, following, frame in zip(at, at[1:], _all_frames(pieces)):
            if film is None:
                film = writer.add_stream("gif", rate=100)
                film.height, film.width, film.pix_fmt = frame.height, frame.width, "pal8"
            few = Image.fromarray(frame.to_ndarray(format="rgb24")).quantize(256)
            colours = np.zeros((256, 4), np.uint8)
            colours[:, 0], table = 255, np.array(few.getpalette(), np.uint8).reshape(-1, 3)  # ARGB
            colours[: len(table), 1:] = table
            painted = av.VideoFrame.from_ndarray((np.asarray(few), colours), format="pal8")
            painted.pts, painted.time_base = time, Fraction(1, 100)
            for packet in film.encode(painted):  # at once: there is nothing to wait for
                packet.duration = following - time  # of the last frame, too
                writer.mux(packet)
        writer.mux(film.encode())


def _rising(times: Iterable[int], unit: Fraction) -> list[int]:
    """Times in another unit: whole numbers, each above the one before."""
    made: list[int] = []
    for time in times:
        made.append(max(round(time * unit), made[-1] + 1) if made else round(time * unit))
    return made


def _all_frames(pieces: _Pieces) -> Iterator:
    import av

    for k in range(pieces.count):
        with av.open(place(pieces.file(k))) as piece:
            yield from piece.decode(video=0)
