"""A TransformerNet's pass where no gradient is wanted: the same picture, in less time and memory.

* Maps are computed in bands of rows, which stay in the processor's cache. No padded and no upsampled copy of a whole map is made:
  a picture of 4096 x 2304 pixels takes under a gigabyte at width 16.
* Repeating each pixel and then convolving 3x3 adds up nine weights on four different pixels. Here the weights are added first:
  four 2x2 convolutions, one for each place in the doubled pixel (Odena et al. 2016, "Deconvolution and Checkerboard Artifacts",
  has the resize convolution; the addition is exact but for rounding).
* The last convolution has three channels, where a processor computes sixteen numbers at a time: it makes four pixels at once.
* The norm layers are computed in place, and with the ReLU: a mean, a subtraction, a norm, a product.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

BAND = 2**15  # positions of a band, on a CPU
LANES = 16  # numbers that a processor computes at a time


def convolved(block: nn.Module, x: Tensor) -> Tensor:
    """`block(x)`, of a ConvBlock, but for rounding: (B, C, H, W) -> (B, C', H', W'), a tensor of its own."""
    y = _convolution(block, x)
    if isinstance(block.norm, nn.InstanceNorm2d):
        y = _instance_norm(y, block.norm)
    elif block.norm is not None:
        y = block.norm(y)
    return y.relu_() if block.relu else y


def _instance_norm(x: Tensor, norm: nn.InstanceNorm2d) -> Tensor:
    """Its formula written into x (B, C, H, W)."""
    x.sub_(x.mean((2, 3), keepdim=True))
    exact = torch.promote_types(x.dtype, torch.float32)  # a float16 ends at 65504
    length = torch.linalg.vector_norm(torch.linalg.vector_norm(x, dim=3, dtype=exact), dim=2)  # (B, C); by rows: few numbers each
    scale = norm.weight / (length.square() / x[0, 0].numel() + norm.eps).sqrt()
    return x.mul_(scale[:, :, None, None]).add_(norm.bias[:, None, None])


def _convolution(block: nn.Module, x: Tensor) -> Tensor:
    """A ConvBlock without norm and ReLU, in the way that suits it best."""
    conv = block.block[1]
    if isinstance(conv, nn.ConvTranspose2d):
        return block.block(x)
    if block.upsample and conv.kernel_size == (3, 3):
        return _doubled(conv, x)
    if block.upsample:
        x = F.interpolate(x, scale_factor=2.0, mode="nearest")
    few = conv.stride == (1, 1) and 4 * conv.out_channels <= LANES
    return _four_at_once(conv, x) if few and x.shape[-2] % 2 == x.shape[-1] % 2 == 0 else _plain(conv, x)


def _plain(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The convolution of a reflected map: (B, C, H, W) -> (B, C', H', W')."""
    kernel, stride, reach = conv.kernel_size[0], conv.stride[0], conv.kernel_size[0] // 2

    def band(top: int, bottom: int) -> Tensor:
        rows = _rows(x, top * stride - reach, (bottom - 1) * stride + reach + 1, reach, "reflect")
        return F.conv2d(rows, conv.weight, conv.bias, stride)

    return _in_bands(band, x, conv.out_channels, *((n + 2 * reach - kernel) // stride + 1 for n in x.shape[-2:]))


def _four_at_once(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """`_plain` with stride 1 where both sides are even: four pixels of few channels as one of four times as many."""
    reach, weight, bias = conv.kernel_size[0] // 2, four_pixel_weight(conv.weight), conv.bias.repeat_interleave(4)

    def band(top: int, bottom: int) -> Tensor:
        return F.pixel_shuffle(F.conv2d(_rows(x, top - reach, bottom + reach, reach, "reflect"), weight, bias, 2), 2)

    return _in_bands(band, x, conv.out_channels, *x.shape[-2:])


def _doubled(conv: nn.Conv2d, x: Tensor) -> Tensor:
    """The 3x3 convolution of a map whose pixels are repeated twice: (B, C, H, W) -> (B, C', 2 H, 2 W)."""
    weight, bias = doubling_weight(conv.weight), conv.bias.repeat_interleave(4)

    def band(top: int, bottom: int) -> Tensor:
        rows = _rows(x, top // 2 - 1, bottom // 2 + 1, 1, "replicate")  # a reflection of doubled pixels is a repetition
        return F.pixel_shuffle(F.conv2d(rows, weight, bias), 2)[..., 1:-1, 1:-1]

    return _in_bands(band, x, conv.out_channels, 2 * x.shape[-2], 2 * x.shape[-1])


def _in_bands(band: Callable[[int, int], Tensor], x: Tensor, channels: int, height: int, width: int) -> Tensor:
    """(B, channels, height, width) put together from `band(top, bottom)`, an even number of rows each but for the last."""
    rows = max(2, BAND // width // 2 * 2) if x.device.type == "cpu" else height
    if rows >= height:
        return band(0, height)
    made = x.new_empty(len(x), channels, height, width)
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        made[..., top:bottom, :] = band(top, bottom)
    return made


def _rows(x: Tensor, first: int, last: int, beside: int, mode: str) -> Tensor:
    """The rows first … last - 1 of x, those outside it padded, and `beside` columns of padding on either side."""
    height = x.shape[-2]
    return F.pad(x[..., max(first, 0) : last, :], (beside, beside, max(-first, 0), max(last - height, 0)), mode=mode)


def doubling_weight(weight: Tensor) -> Tensor:
    """Weights (C', C, 3, 3) of a convolution after nearest upsampling -> (4 C', C, 2, 2) of one before a `pixel_shuffle`.

    The doubled rows 2p - 1 and 2p both see the rows p - 1 and p: with the weights (a + b, c) and (a, b + c).
    """
    for side in (2, 4):  # rows, then columns; each puts its place in the doubled pixel behind the channels
        a, b, c = weight.unbind(side)
        weight = torch.stack([torch.stack([a + b, c], side), torch.stack([a, b + c], side)], side // 2)
    return weight.flatten(0, 2)  # (C', 2, 2, C, 2, 2) -> (4 C', C, 2, 2)


def four_pixel_weight(weight: Tensor) -> Tensor:
    """Weights (C', C, k, k) of a convolution -> (4 C', C, k + 1, k + 1) of one with stride 2 before a `pixel_shuffle`."""
    moved = [F.pad(weight, (right, 1 - right, down, 1 - down)) for down in (0, 1) for right in (0, 1)]
    return torch.stack(moved, 1).flatten(0, 1)
