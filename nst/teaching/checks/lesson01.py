"""Checks of the exercises of lesson 01, What VGG sees."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nst
from nst.teaching.checks.machinery import answers, call, check, compare, fail, learns, rand, randn, same

CAFFE_MEAN = (103.939, 116.779, 123.68)  # blue, green, red


@check
def to_caffe(function: Callable[[Tensor], Tensor]) -> str:
    """RGB in [0, 1] -> BGR, 255 x - (103.939, 116.779, 123.68)."""
    mean, std = torch.tensor(CAFFE_MEAN).view(3, 1, 1), torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1)
    for picture in (rand(2, 3, 4, 6), rand(1, 3, 5, 3, seed=1)):
        right = 255 * picture[:, [2, 1, 0]] - mean
        compare(call(function, picture), right, {
            "the channels are still red, green, blue": 255 * picture - mean,
            "the channels are still red, green, blue, though the means are in that order, too": 255 * picture - mean.flip(0),
            "the means are in the order red, green, blue, the channels are not: the first number, 103.939, is blue's":
                255 * picture.flip(1) - mean.flip(0),
            "the pixels are still in [0, 1]: multiply by 255 before the mean is taken away": picture.flip(1) - mean,
            "the pixels are in [0, 1], and so is the mean: Caffe's network wants 0 to 255": right / 255,
            "the mean is multiplied, too: it is stated for pixels from 0 to 255": 255 * (picture.flip(1) - mean),
            "the picture was mirrored: flip the channel axis, number 1, and no other": 255 * picture.flip(-1) - mean,
            "the picture was turned upside down: flip the channel axis, number 1, and no other": 255 * picture.flip(-2) - mean,
            "all axes were flipped: flip the channel axis, number 1, and no other": 255 * picture.flip(1, 2, 3) - mean,
            "divided by a standard deviation: that is torchvision's domain; Caffe's has none": right / (255 * std),
            "this is torchvision's domain, RGB less its mean, divided by its deviation":
                (picture - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / std,
            "the mean is added; take it away": 255 * picture.flip(1) + mean,
            "the mean is not taken away": 255 * picture.flip(1),
            "the pixels were clipped to 0 … 255: without their mean they are negative as often as not": right.clamp(0, 255),
            "only the first picture of the batch was used": right[:1],
            "the channels are last: Caffe's blob keeps (B, 3, H, W)": right.movedim(1, -1),
        })  # fmt: skip
    return "blue, green, red in 0 … 255, with each channel's own mean subtracted"


def _measured_field(layers: list[tuple[int, int]]) -> int:
    """How many inputs one unit depends on, by autograd, through convolutions of ones."""
    x = torch.ones(1, 1, 4000, requires_grad=True)
    y = x
    for kernel, stride in layers:
        y = F.conv1d(y, torch.ones(1, 1, kernel) / kernel, stride=stride)
    (slope,) = torch.autograd.grad(y[0, 0, y.shape[-1] // 2], x)
    return int((slope != 0).sum())


@check
def receptive_field(function: Callable[[list[tuple[int, int]]], int]) -> str:
    """The side of the square that one unit sees, from a list of (kernel, stride)."""
    for layers in ([(3, 1)], [(3, 1), (3, 1), (2, 2), (3, 1)], [(9, 1), (3, 2), (3, 2), (5, 1)], [(3, 1), (4, 2), (5, 3), (3, 1)],
                   [(1, 1), (7, 1)]):  # fmt: skip
        strides = [stride for _, stride in layers]
        late = 1 + sum((k - 1) * math.prod(strides[: n + 1]) for n, (k, _) in enumerate(layers))
        compare(call(function, layers), _measured_field(layers), {
            "the strides are not used: behind a stride of 2 each further unit is two pixels away":
                1 + sum(k - 1 for k, _ in layers),
            "a layer's own stride counts for the layers behind it only: use the step first, then multiply it": late,
            "each kernel adds its whole width; its middle is already counted, so it adds (kernel - 1) steps":
                1 + sum(k * math.prod(strides[:n]) for n, (k, _) in enumerate(layers)),
            "the unit itself is missing: begin with reach = 1": _measured_field(layers) - 1,
            "the layers are taken from above with the step of those below: count from the picture upwards, as the list does":
                1 + sum((k - 1) * math.prod(strides[n + 1:]) for n, (k, _) in enumerate(layers)),
            "the last stride alone is used: steps multiply from layer to layer":
                1 + sum((k - 1) * ([1, *strides][n]) for n, (k, _) in enumerate(layers)),
            "strides add up here; they multiply: behind two strides of 2 units are 4 pixels away":
                1 + sum((k - 1) * (1 + sum(s - 1 for s in strides[:n])) for n, (k, _) in enumerate(layers)),
            "this is the step, the distance of two units; the reach is wanted": math.prod(strides),
            "this is the area; the side is wanted": _measured_field(layers) ** 2,
        }, f"for {layers}")  # fmt: skip
    return "for five rows of layers, as large as autograd measures"


@check
def map_shape(function: Callable[[str, int, int], tuple]) -> str:
    """The shape (C, H, W) of a layer of Oxford's VGG-19, for a picture of height x width pixels."""
    channels = (64, 128, 256, 512, 512)
    for layer, height, width in (("relu1_2", 224, 300), ("relu3_1", 224, 301), ("relu4_2", 135, 250), ("conv5_1", 255, 257)):
        block = int(layer[4])
        halved = torch.empty(1, 1, height, width, device="meta")  # no numbers, only a shape
        for _ in range(block - 1):
            halved = F.max_pool2d(halved, 2)
        h, w = halved.shape[-2:]
        lite = nst.vgg.WIDTHS["lite"][block - 1]
        compare(call(function, layer, height, width), (channels[block - 1], h, w), {
            "one pooling too many: the first block has none before it": (channels[block - 1], h // 2, w // 2),
            "a pooling leaves the odd pixel out: 37 becomes 18, so divide with //":
                (channels[block - 1], math.ceil(height / 2 ** (block - 1)), math.ceil(width / 2 ** (block - 1))),
            "height and width are exchanged": (channels[block - 1], w, h),
            "the channels double with each block, but for the last: block 5 has as many as block 4": (64 * 2 ** (block - 1), h, w),
            "these are the channels of the lite encoder; Oxford's has 64, 128, 256, 512, 512": (lite, h, w),
            "the convolutions pad, so they do not shrink the map; only the four poolings do": (channels[block - 1], h - 2, w - 2),
            "the batch is not asked for: (channels, height, width)": (1, channels[block - 1], h, w),
            "the channels come first: (C, H, W)": (h, w, channels[block - 1]),
            "no pooling is counted: each block but the first begins with one": (channels[block - 1], height, width),
            "one pooling too few: block 2 has one before it, block 5 has four":
                (channels[block - 1], height // 2 ** max(block - 2, 0), width // 2 ** max(block - 2, 0)),
            "halved once for each convolution before the layer; only the poolings halve":
                (channels[block - 1], height // 2 ** (block * int(layer[6]) - 1), width // 2 ** (block * int(layer[6]) - 1)),
            "sizes are whole numbers: divide with //": (channels[block - 1], height / 2 ** (block - 1), width / 2 ** (block - 1)),
        }, f"{layer} of a picture of {height} x {width}")  # fmt: skip
    return "channels, height and width of four layers, odd sizes included"


@check
def before_relu(function: Callable[[nn.Sequential, Tensor], list[Tensor]]) -> str:
    """The output of each convolution of a row of layers, before its ReLU."""
    first, second = nn.Conv2d(2, 3, 3), nn.Conv2d(3, 4, 3)
    for conv, seed in ((first, 1), (second, 2)):
        conv.weight.data, conv.bias.data = randn(*conv.weight.shape, seed=seed), randn(*conv.bias.shape, seed=seed + 5)
    x = randn(1, 2, 9, 9)

    def row(*between: nn.Module) -> nn.Sequential:
        return nn.Sequential(first, *between, second, nn.ReLU(inplace=between[0].inplace))

    cases = {f"ReLU(inplace={inplace})": (nn.ReLU(inplace=inplace),) for inplace in (False, True)}
    cases["a pooling between the two"] = (nn.ReLU(inplace=True), nn.MaxPool2d(2))
    for case, between in cases.items():
        net = row(*between)

        def both(x: Tensor, rest: tuple = between[1:]) -> tuple[Tensor, Tensor]:
            one = F.conv2d(x, first.weight, first.bias)
            inner = one.clamp_min(0)
            for layer in rest:
                inner = layer(inner)
            return one, F.conv2d(inner, second.weight, second.bias)

        with torch.no_grad():
            one, two = both(x)
            unrectified = F.conv2d(one, second.weight, second.bias)
        found = call(function, net, x)
        if not isinstance(found, list | tuple) or len(found) != 2:
            got = f"{len(found)} tensors" if isinstance(found, list | tuple) else type(found).__name__
            fail(f"expected a list of two tensors, one for each convolution, got {got}")
        inputs = x, net[1:-2](one.clone())
        for got, right, given, name in zip(found, (one, two), inputs, ("first", "second"), strict=True):
            compare(got, right, {
                "after an in-place ReLU the tensor that you kept has no negative numbers any more: ReLU(inplace=True) wrote into "
                "it. Keep a copy": right.clamp_min(0),
                "this is what goes into the convolution; what comes out is wanted": given,
                "the layers between the two convolutions were left out: the second one reads what they give": unrectified,
                "the two are in the wrong order: the first convolution first": two if name == "first" else one,
            }, f"the {name} convolution, {case}")  # fmt: skip
        who = "a picture whose loss reads these features"
        learns(lambda x, net=net: function(net, x)[1], lambda x, both=both: both(x)[1], x, who=who)
    return "two convolutions, with and without in-place ReLUs behind them; the network is as it was"


@functools.cache
def _mistaken_pixels() -> dict[str, dict[str, tuple[float, float]]]:
    """{mistake: {layer: (likeness, length)}} of the coffee cup's features, beside those of the right pixels."""
    encoder, picture = nst.VGG19.load("lite"), nst.assets.picture("coffee", 96)
    changes = {"BGR": picture.flip(1), "0 to 255": 255 * picture, "not normalised": picture * encoder.std + encoder.mean}
    right, found = encoder(picture, ["relu1_1", "relu5_1"]), {}

    def likeness(a: Tensor, b: Tensor) -> float:
        a, b = (x - x.mean((2, 3), keepdim=True) for x in (a, b))
        return float(torch.cosine_similarity(a.flatten(), b.flatten(), 0))

    for mistake, changed in changes.items():
        wrong = encoder(changed, ["relu1_1", "relu5_1"])
        found[mistake] = {k: (likeness(wrong[k], right[k]), float(wrong[k].norm() / right[k].norm())) for k in wrong}
    return found


@check
def wrong_pixels(function: Callable[[], dict]) -> str:
    """Read an ablation: which mistake in the pixels does what to the features."""
    found = _mistaken_pixels()
    direction = min(found, key=lambda m: found[m]["relu1_1"][0])
    length = max(found, key=lambda m: found[m]["relu5_1"][1])
    bgr = found["BGR"]
    right = {
        "turns relu1_1 most": direction,
        "makes the features longest": length,
        "BGR is seen better in": "relu1_1" if bgr["relu1_1"][0] < bgr["relu5_1"][0] else "relu5_1",
        "an absolute loss notices": length,
    }
    answers(call(function), right, {
        ("turns relu1_1 most", "0 to 255"): "a likeness far below 1 means another direction; read the column of relu1_1",
        ("turns relu1_1 most", "not normalised"): "a likeness far below 1 means another direction; read the column of relu1_1",
        ("makes the features longest", "BGR"): "the length is the second number; swapping channels hardly changes it",
        ("makes the features longest", "not normalised"): "the length is the second number of each pair: one is in the hundreds",
        ("BGR is seen better in", "relu5_1"): "what knows a cup knows it in any colour: the likeness at relu5_1 is near 1",
        ("an absolute loss notices", "BGR"): "a loss that is not relative grows with the square of the length",
        ("an absolute loss notices", "not normalised"): "a loss that is not relative grows with the square of the length",
    })  # fmt: skip
    if not same(length, "0 to 255", 0):
        fail("the experiment gives another order on this machine than where the exercise was written; tell the course's authors")
    return "swapped colours turn the shallow features, a factor of 255 makes all of them hundreds of times longer"


__all__ = ["before_relu", "map_shape", "receptive_field", "to_caffe", "wrong_pixels"]
