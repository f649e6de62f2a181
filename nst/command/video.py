"""A film in a style: frame by frame, without the flicker that this brings.

A network paints each frame as if there were no other, and small changes of a frame make large ones of its painting. So each
painting is blended with the last one, moved along with what it shows (optical flow), wherever the film is still the same there:

    out_t = (1 - w) painted_t + w moved(out_{t-1}),   w = smoothing * sameness

sameness is 1 where frame t equals the moved frame t - 1, and 0 where something new came into view. Ruder, Dosovitskiy & Brox 2016
(arXiv 1604.08610) put the same idea into the loss of an optimisation; Lai et al. 2018 (arXiv 1808.00449) measure flicker so.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from nst.images import resize
from nst.support.arguments import check_whole
from nst.support.files import written_whole

CODECS = ("libx264", "libopenh264", "mpeg4")  # the first that this ffmpeg has
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
            smoothing: float = 0.8, progress: Callable[[int, int], None] | None = None) -> dict[str, float]:  # fmt: skip
    """Paint every frame of the film `source` into `target`, with its times and its sound.

    paint:    (1, 3, H, W) in [0, 1] -> the same.
    size:     shorter side in pixels; None: as it is, at most LARGEST.
    progress: called after each frame with (frames so far, frames in all, or 0 where the file does not say).
    Returns {"frames", "seconds", "sound" (streams kept), "flicker_film", "flicker_without", "flicker_with"}.
    The file is written whole or not at all. ImportError: PyAV is missing. ValueError: not a film, or an unknown suffix.
    """
    import av

    if size is not None:
        check_whole("size", size)
    source, target = Path(source), Path(target)
    if not source.is_file():
        raise FileNotFoundError(f"{source}: no such film")
    try:
        with written_whole(target) as aside, _opened(source) as reader, _created(aside) as writer:
            return _paint_frames(reader, writer, paint, size, Smoother(smoothing), progress)
    except av.FFmpegError as error:
        raise ValueError(f"{source}: cannot be read as a film, or not be written as {target.suffix} ({error})") from error


def _opened(source: Path):
    import av

    try:
        reader = av.open(str(source))
    except av.FFmpegError as error:
        raise ValueError(f"{source}: cannot be read as a film ({error})") from error
    if not reader.streams.video:
        reader.close()
        raise ValueError(f"{source}: has no pictures in it")
    return reader


def _created(target: Path):
    import av

    try:
        return av.open(str(target), "w")
    except (av.FFmpegError, ValueError) as error:
        raise ValueError(f"{target.name}: unknown film suffix {target.suffix!r}: expected .mp4, .mkv, .mov, …") from error


def _paint_frames(reader, writer, paint: Callable, size: int | None, smoother: Smoother, progress: Callable | None) -> dict:
    film, times = reader.streams.video[0], []
    film.thread_type = "AUTO"
    video, copies, waiting = None, {}, []  # all streams must be there before the first packet: sound waits for the first frame
    for packet in reader.demux([film, *reader.streams.audio]):
        if packet.stream is not film:
            waiting += [packet] if packet.dts is not None else []  # the packet that ends a stream has no time
        else:
            for frame in packet.decode():
                picture = _picture(frame, size)
                if video is None:
                    video = _video_stream(writer, film, picture)
                    copies = {sound.index: writer.add_stream_from_template(sound) for sound in reader.streams.audio}
                writer.mux(video.encode(_frame(smoother(picture, paint(picture)), frame)))
                times.append(float(frame.pts * frame.time_base))
                if progress:
                    progress(len(times), film.frames)
        if video is not None:
            for sound in waiting:
                sound.stream = copies[sound.stream.index]
                writer.mux(sound)
            waiting = []
    if video is None:
        raise ValueError(f"{reader.name}: has no pictures in it")
    writer.mux(video.encode())  # what the encoder still holds
    return {"frames": len(times), "seconds": round(max(times) - min(times), 3), "sound": len(copies), **smoother.figures()}


def _video_stream(writer, film, picture: Tensor):
    import av

    codec = next((name for name in CODECS if name in av.codecs_available), "mpeg4")
    stream = writer.add_stream(codec, rate=film.average_rate or Fraction(25))
    stream.options = {"crf": "18", "preset": "fast"} if codec == "libx264" else {"qscale": "3"}
    stream.height, stream.width = picture.shape[-2:]
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = film.time_base  # frames keep their own times, also where their rate varies
    return stream


def _picture(frame, size: int | None) -> Tensor:
    """A frame as (1, 3, H, W) in [0, 1], upright, with even sides, as the codec wants them."""
    pixels = torch.from_numpy(frame.to_ndarray(format="rgb24")).permute(2, 0, 1)[None].float() / 255
    turns = round((frame.rotation or 0) / 90) % 4  # a phone held upright films lying frames and says so
    pixels = torch.rot90(pixels, turns, (2, 3)) if turns else pixels
    short = min(pixels.shape[-2:])
    scale = (size or min(short, LARGEST)) / short
    sides = tuple(max(2, round(n * scale / 2) * 2) for n in pixels.shape[-2:])
    return resize(pixels, sides) if sides != tuple(pixels.shape[-2:]) else pixels


def _frame(picture: Tensor, source):
    import av

    pixels = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()  # (H, W, 3)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
    frame.pts, frame.time_base = source.pts, source.time_base
    return frame


def frames(path: str | os.PathLike) -> Iterator[Tensor]:
    """The frames of a film, (1, 3, H, W) in [0, 1] each."""
    with _opened(Path(path)) as reader:
        for frame in reader.decode(video=0):
            yield _picture(frame, min(frame.width, frame.height))
