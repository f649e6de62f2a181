"""Films in and out, by PyAV: frames as pictures and back, and the sound of the one in the other."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import torch
from torch import Tensor

from nst.images import resize

CODECS = {".webm": ("libvpx-vp9", "libvpx"), "": ("libx264", "libopenh264", "mpeg4")}  # the first that this ffmpeg has
SOUNDS = {".webm": ("libopus", "libvorbis"), "": ("aac", "libmp3lame")}  # for sound that the target cannot hold as it is
OPTIONS = {"libx264": {"crf": "18", "preset": "fast"}, "libvpx-vp9": {"crf": "24", "deadline": "good", "cpu-used": "5"},
           "libvpx": {"crf": "8", "deadline": "good", "cpu-used": "5"}}  # fmt: skip
CLEAR = {"vp8": "libvpx", "vp9": "libvpx-vp9"}  # decoders that give the transparency, too
KNOWN = ".mp4, .mkv, .mov, .webm and .gif"  # what is written, for errors: ffmpeg knows more
PIECE = 50  # frames from one that stands by itself to the next
BT709, BT601, LIMITED = 1, 6, 1  # of ffmpeg's numbers: colour matrices, and a range of 16 to 235
HD = 720  # rows from which players take an untagged film for BT.709
COVER = 0x400  # a stream's disposition: one picture for a record
LARGEST = 512  # shorter side in pixels that nobody has to ask for


def place(path: str | os.PathLike) -> str:
    """A path that ffmpeg takes for one: of "12:30.mp4" it would ask for the protocol "12"."""
    return os.path.abspath(path)


def opened(source: Path):
    """The film by PyAV, to be closed by whoever asked. ValueError: not a film, one without pictures, or of an unknown codec."""
    import av

    try:
        reader = av.open(place(source))
    except (av.FFmpegError, ValueError) as error:
        raise ValueError(f"{source}: cannot be read as a film ({error})") from error
    if not films(reader):
        reader.close()
        raise ValueError(f"{source}: has no pictures in it")
    if films(reader)[0].codec_context is None:
        reader.close()
        raise ValueError(f"{source}: this ffmpeg cannot decode its pictures")
    return reader


def films(reader) -> list:
    """Its streams of pictures but for the cover of a record."""
    said = ((stream, getattr(stream, "disposition", 0)) for stream in reader.streams.video)
    return [stream for stream, what in said if not getattr(what, "value", what) & COVER]  # an enumeration's, or a number


def decoder(film) -> Callable[[object], list]:
    """What makes frames of its packets, with their transparency: ffmpeg's own decoders of VP8 and VP9 leave that out."""
    import av

    name = CLEAR.get(film.codec_context.name)
    if film.metadata.get("alpha_mode") == "1" and name in av.codecs_available:
        return av.CodecContext.create(name, "r").decode
    return film.codec_context.decode


@dataclass(frozen=True)
class Look:
    """How a film's frames are read and written: upright, with square pixels and even sides, as the codec wants them."""

    sides: tuple[int, int]  # height, width
    colours: tuple[int, int, int]  # matrix, primaries, transfer: ffmpeg's numbers

    @classmethod
    def of(cls, frame, film, size: int | None) -> Look:
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
        upright = pixels(frame)
        return resize(upright, self.sides) if self.sides != tuple(upright.shape[-2:]) else upright


def _is_rgb(frame) -> bool:
    return frame.format.is_rgb or frame.format.has_palette


def _turns(frame) -> int:
    return round((frame.rotation or 0) / 90) % 4  # a phone held upright films lying frames and says so


def pixels(frame) -> Tensor:
    """A frame as it is, but upright: (1, 3, H, W) in [0, 1]."""
    clear = frame.format.has_palette or any(part.is_alpha for part in frame.format.components)
    kind = "rgba" if clear else "rgb24"  # which has no matrix; naming one makes older PyAVs look at the frame's
    made = torch.from_numpy(frame.to_ndarray(format=kind, dst_colorspace=BT601)).permute(2, 0, 1)[None].float() / 255
    if clear:
        made = torch.lerp(torch.ones_like(made[:, :3]), made[:, :3], made[:, 3:])
    return torch.rot90(made, _turns(frame), (2, 3)) if _turns(frame) else made


def frame_of(picture: Tensor, matrix: int, time: int):
    """A picture (1, 3, H, W) as a frame of the codec; matrix: ffmpeg's number of the colours'."""
    import av

    pixels = (picture[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(1, 2, 0).cpu().contiguous().numpy()  # (H, W, 3)
    frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format="yuv420p", dst_colorspace=matrix)
    frame.colorspace, frame.color_range, frame.pts = matrix, LIMITED, time
    return frame


def frames(path: str | os.PathLike) -> Iterator[Tensor]:
    """The frames of a film, (1, 3, H, W) in [0, 1] each."""
    with opened(Path(path)) as reader:
        film = films(reader)[0]
        decode = decoder(film)
        for packet in reader.demux(film):
            yield from map(pixels, decode(packet))


# --- what the target can hold -----------------------------------------------------------------------------------------------------


def sounds_for(source: Path, reader, target: Path) -> dict[int, str]:
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

    with tempfile.TemporaryDirectory() as folder, av.open(place(source)) as reader:
        try:
            with av.open(os.path.join(folder, f"trial{suffix}"), "w") as writer:
                video = video_stream(writer, suffix, 64, 64, Fraction(25), (BT709, BT709, BT709))
                track = None if index is None else Track(reader.streams[index], writer, codec)
                writer.mux(video.encode(frame_of(torch.zeros(1, 3, 64, 64), BT709, 0)))
                writer.mux(video.encode())
                for k, (_, packet) in enumerate(track.packets(reader, most=100) if track else ()):
                    writer.mux(packet)
                    if k == 20:
                        break
        except (av.FFmpegError, ValueError, TypeError, AttributeError, NotImplementedError):
            return False
    return True


class Track:
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


def video_stream(writer, suffix: str, height: int, width: int, rate: Fraction, colours: tuple[int, int, int]):
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
