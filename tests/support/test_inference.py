"""nst.support.inference: the pass without gradients against the plain one."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from nst.support import inference
from nst.support.inference import doubling_weight, four_pixel_weight
from nst.transformer_net import ConvBlock, TransformerNet


def spread(net: nn.Module) -> nn.Module:
    """Weights and biases of a trained network's size: those of the norm layers start as 1 and 0."""
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.5)
    return net.double().eval().requires_grad_(False)


@pytest.mark.parametrize("rows", [2, 6, 1000])
@pytest.mark.parametrize("size", [(5, 6), (33, 40), (26, 31)])
@pytest.mark.parametrize("norm, upsampling", [("instance", "nearest"), ("batch", "nearest"), ("instance", "transposed")])
def test_it_is_the_plain_pass(norm: str, upsampling: str, size: tuple[int, int], rows: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(inference, "BAND", rows * size[1])
    net, x = spread(TransformerNet(4, norm, upsampling)), torch.rand(2, 3, *size, dtype=torch.float64)
    before = x.clone()
    torch.testing.assert_close(net.painted(x), net(x))
    assert torch.equal(x, before)


@pytest.mark.parametrize("options", [
    {"kernel_size": 3}, {"kernel_size": 9}, {"kernel_size": 5, "stride": 2}, {"kernel_size": 3, "upsample": True},
    {"kernel_size": 5, "upsample": True}, {"kernel_size": 3, "normalize": False, "relu": False}, {"kernel_size": 1},
])  # fmt: skip
@pytest.mark.parametrize("channels", [1, 3, 20])
def test_each_block_in_bands_is_the_block(options: dict, channels: int, monkeypatch: pytest.MonkeyPatch):
    block, x = spread(ConvBlock(5, channels, **options)), torch.rand(1, 5, 23, 18, dtype=torch.float64)
    monkeypatch.setattr(inference, "BAND", 4 * 18)
    torch.testing.assert_close(inference.convolved(block, x), block(x))


def test_weights_that_were_added_up_first():
    x, weight = torch.rand(2, 3, 7, 6, dtype=torch.float64), torch.rand(5, 3, 3, 3, dtype=torch.float64)
    doubled = F.conv2d(x.repeat_interleave(2, 2).repeat_interleave(2, 3), weight)  # no padding: (14 - 2, 12 - 2)
    four = F.conv2d(x, doubling_weight(weight))  # (20, 6, 5)
    torch.testing.assert_close(F.pixel_shuffle(four, 2), doubled)
    plain = F.conv2d(x[..., :6], weight)
    torch.testing.assert_close(F.pixel_shuffle(F.conv2d(x[..., :6], four_pixel_weight(weight), stride=2), 2), plain[..., :4, :])


@pytest.fixture
def convolutions(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple, tuple, object]]:
    """What torch's convolution is asked for: shapes of maps and weights, and the stride."""
    asked, plain = [], F.conv2d

    def conv2d(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor, stride: object = 1, *more) -> torch.Tensor:
        asked.append((tuple(x.shape), tuple(weight.shape), stride))
        return plain(x, weight, bias, stride, *more)

    monkeypatch.setattr(F, "conv2d", conv2d)
    return asked


@pytest.mark.parametrize(("channels", "options", "size", "weight", "stride"), [
    (3, {"kernel_size": 9}, (20, 30), (12, 5, 10, 10), 2), (4, {"kernel_size": 3}, (20, 30), (16, 5, 4, 4), 2),  # four at once
    (3, {"kernel_size": 9}, (21, 30), (3, 5, 9, 9), 1), (3, {"kernel_size": 9}, (20, 31), (3, 5, 9, 9), 1),
    (3, {"kernel_size": 9}, (21, 31), (3, 5, 9, 9), 1), (3, {"kernel_size": 9}, (20, 33), (3, 5, 9, 9), 1),
    (5, {"kernel_size": 3}, (20, 30), (5, 5, 3, 3), 1),  # 4 x 5 numbers are more than are computed at a time
    (3, {"kernel_size": 3, "stride": 2}, (20, 30), (3, 5, 3, 3), 2),
    (20, {"kernel_size": 3, "upsample": True}, (20, 30), (80, 5, 2, 2), 1),  # four 2x2 kernels
    (3, {"kernel_size": 5, "upsample": True}, (21, 31), (12, 5, 6, 6), 2),  # doubled, all sides are even
])  # fmt: skip
def test_each_convolution_is_computed_in_the_way_that_suits_it(channels: int, options: dict, size: tuple, weight: tuple, stride,
                                                               convolutions: list):  # fmt: skip
    block, x = spread(ConvBlock(5, channels, **options)), torch.rand(1, 5, *size, dtype=torch.float64)
    made = inference.convolved(block, x)
    assert [asked[1:] for asked in convolutions] == [(weight, stride)]
    torch.testing.assert_close(made, block(x))


@pytest.mark.parametrize(("upsample", "heights"), [(False, [8, 8, 7]), (True, [5, 5, 5, 5, 5, 4])])
def test_bands_have_an_even_number_of_rows_on_a_cpu(upsample: bool, heights: list, convolutions: list, monkeypatch):
    """17 rows in bands of six, and twice 17 as well; each is computed from one row more on either side."""
    monkeypatch.setattr(inference, "BAND", 7 * 18 * (1 + upsample))
    block, x = ConvBlock(5, 20, 3, upsample=upsample).eval().requires_grad_(False), torch.rand(1, 5, 17, 18)
    inference.convolved(block, x)
    assert [asked[0][-2] for asked in convolutions] == heights
    convolutions.clear()
    assert inference.convolved(block.to("meta"), x.to("meta")).device.type == "meta"
    assert len(convolutions) == 1


def test_squares_that_half_precision_cannot_hold():
    x, norm = 30 * torch.randn(1, 3, 50, 50).half(), nn.InstanceNorm2d(3, affine=True).requires_grad_(False)
    wanted = norm(x.float())
    made = inference._instance_norm(x.clone(), norm.half())
    assert made.dtype == torch.float16
    torch.testing.assert_close(made.float(), wanted, atol=5e-3, rtol=5e-3)


def test_a_flat_map_stays_finite():
    block = ConvBlock(3, 4, 3)
    with torch.no_grad():
        torch.testing.assert_close(inference.convolved(block, torch.zeros(1, 3, 8, 8)), block(torch.zeros(1, 3, 8, 8)))
