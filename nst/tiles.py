"""Pictures larger than memory would do for, in squares: the same picture as in one piece, but for rounding.

An encoder and a decoder look no further than some pixels around each pixel. So a square comes out right if it is computed with a
border of that width, which is then cut off. What AdaIN and WCT match are statistics of the whole picture: they are gathered over
all squares first, and only then is each square changed and decoded. No seam can be seen, because there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from nst.covariance import Moments
from nst.decoders import Decoder
from nst.support.arguments import check_whole
from nst.vgg import CONVOLUTIONS

SIDE = 768  # pixels of a square without its border: about 800 MB of maps with 64 channels
LARGEST = 3 * 2**19  # pixels of a picture that is still computed in one piece
STEP = 16  # pixels: sides, places and borders are multiples of it, as four poolings need it


class Square(NamedTuple):
    """A part of a picture, and the part around it that has to be computed for it; rows and columns in pixels."""

    rows: slice
    columns: slice
    outer_rows: slice
    outer_columns: slice

    def outer(self, picture: Tensor) -> Tensor:
        """The square with its border, of (B, C, H, W)."""
        return picture[..., self.outer_rows, self.outer_columns]

    def place(self, picture: Tensor, scale: int = 1) -> Tensor:
        """The square without it, of (B, C, H / scale, W / scale): a part that can be written to."""
        rows, columns = (slice(s.start // scale, s.stop // scale) for s in (self.rows, self.columns))
        return picture[..., rows, columns]

    def inner(self, computed: Tensor, scale: int = 1) -> Tensor:
        """What was computed of `outer`, without the border."""
        top, left = ((a.start - b.start) // scale for a, b in ((self.rows, self.outer_rows), (self.columns, self.outer_columns)))
        height, width = ((s.stop - s.start) // scale for s in (self.rows, self.columns))
        return computed[..., top : top + height, left : left + width]


def check_tile(tile: int | None) -> None:
    """ValueError unless None or a whole number from 16 on."""
    if tile is not None:
        check_whole("tile", tile, STEP)


def side_for(tile: int | None, height: int, width: int) -> int | None:
    """The side of the squares in which to compute a picture; None: in one piece, for which `tile` is large enough.

    tile None: SIDE where the picture has more than LARGEST pixels, about 2 GiB of maps in one piece.
    """
    if tile is None:
        return SIDE if height * width > LARGEST else None
    return tile if max(height, width) > tile else None


def squares(height: int, width: int, side: int, border: int) -> Iterator[Square]:
    """A picture of height x width pixels in squares of at most `side` pixels, each with a border where the picture has one.

    All are about as large as another, and with their borders exactly, so that each computes in the memory that the last one used.
    `side` and `border` are rounded to multiples of STEP, up.
    """
    border = _up(border)
    sides = [_up(-(-n // -(-n // _up(side)))) for n in (height, width)]  # as many squares as there have to be, of even sides
    for top in range(0, height, sides[0]):
        for left in range(0, width, sides[1]):
            inner, outer = [], []
            for start, each, end in zip((top, left), sides, (height, width), strict=True):
                reach = min(each + 2 * border, end)
                first = min(max(start - border, 0), end - reach)
                inner.append(slice(start, min(start + each, end)))
                outer.append(slice(first, first + reach))
            yield Square(*inner, *outer)


def _up(pixels: int) -> int:
    return -(-pixels // STEP) * STEP


def scale_of(layer: str) -> int:
    """Pixels of the picture between two positions of a layer's maps."""
    return 2 ** (int(layer[4]) - 1)


def reach(layer: str) -> int:
    """How many pixels beyond its own a position of the encoder's layer sees; and as many does a decoder of it.

    Each 3x3 convolution adds one position of its own scale on either side.
    """
    return sum(scale_of(conv) for conv in CONVOLUTIONS[: CONVOLUTIONS.index("conv" + layer[4:]) + 1])


def encode(encoder: nn.Module, picture: Tensor, layer: str, side: int) -> Tensor:
    """`encoder(picture, [layer])[layer]`: (B, 3, H, W), whose sides are multiples of 16, -> (B, C, H / scale, W / scale)."""
    made = None
    for square, features in _features(encoder, picture, layer, side):
        if made is None:
            made = features.new_empty(*features.shape[:2], *(n // scale_of(layer) for n in picture.shape[-2:]))
        square.place(made, scale_of(layer)).copy_(features)
    return made


def decode(decoder: Decoder, features: Tensor, side: int) -> Tensor:
    """`decoder(features)`: (B, C, h, w) -> (B, 3, h * scale, w * scale)."""
    scale = scale_of(decoder.layer)
    made = features.new_empty(len(features), 3, *(n * scale for n in features.shape[-2:]))
    for square in squares(*made.shape[-2:], side, reach(decoder.layer)):
        rows, columns = (slice(s.start // scale, s.stop // scale) for s in (square.outer_rows, square.outer_columns))
        square.place(made).copy_(square.inner(decoder(features[..., rows, columns])))
    return made


def moments(encoder: nn.Module, picture: Tensor, layer: str, side: int, weights: list[Tensor] | None = None) -> list[Moments]:
    """Mean and covariance of the layer's features over the whole picture, for each of some weights (1, 1, H / scale, W / scale)
    of its positions; None: once, all alike.
    """
    found = [Moments(exact=False) for _ in weights or [None]]
    for square, features in _features(encoder, picture, layer, side):
        for each, weight in zip(found, weights or [None], strict=True):
            each.add(features, None if weight is None else square.place(weight, scale_of(layer)))
    return found


def repaint(encoder: nn.Module, decoder: Decoder, picture: Tensor, side: int, change: Callable[[Tensor, Square], Tensor]) -> Tensor:
    """The picture encoded, `change(features, square)`d position by position and decoded; (B, 3, H, W) -> the same shape.

    `change` gets the features of `square.outer`.
    """
    made = torch.empty_like(picture)
    for square in squares(*picture.shape[-2:], side, 2 * reach(decoder.layer)):
        features = encoder(square.outer(picture), [decoder.layer])[decoder.layer]
        square.place(made).copy_(square.inner(decoder(change(features, square))))
    return made


def _features(encoder: nn.Module, picture: Tensor, layer: str, side: int) -> Iterator[tuple[Square, Tensor]]:
    for square in squares(*picture.shape[-2:], side, reach(layer)):
        yield square, square.inner(encoder(square.outer(picture), [layer])[layer], scale_of(layer))
