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
@pytest.mark.parametrize("channels", [3, 20])
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


def test_a_flat_map_stays_finite():
    block = ConvBlock(3, 4, 3)
    with torch.no_grad():
        torch.testing.assert_close(inference.convolved(block, torch.zeros(1, 3, 8, 8)), block(torch.zeros(1, 3, 8, 8)))
