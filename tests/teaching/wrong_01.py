"""Wrong answers to the exercises of lesson 01."""

import math

import torch
from torch import nn
from wrong import predictions, wrong

from nst.teaching import checks

MEAN = torch.tensor([103.939, 116.779, 123.68]).view(3, 1, 1)


def caffe_in_place(picture):
    picture.mul_(255)
    return picture.flip(1) - MEAN


wrong(checks.to_caffe, {
    "still red, green, blue": lambda x: 255 * x - MEAN,
    "order red, green, blue": lambda x: (255 * x - MEAN).flip(1),
    "still in [0, 1]": lambda x: x.flip(1) - MEAN,
    "multiplied, too": lambda x: 255 * (x.flip(1) - MEAN),
    "mirrored": lambda x: 255 * x.flip(3) - MEAN,
    "in place": caffe_in_place,
})  # fmt: skip

CHANNELS = (64, 128, 256, 512, 512)


def halvings(layer, size, times):
    for _ in range(times(int(layer[4]))):
        size //= 2
    return size


wrong(checks.map_shape, {
    "one pooling too many": lambda n, h, w: (CHANNELS[int(n[4]) - 1], *(halvings(n, s, lambda b: b) for s in (h, w))),
    "leaves the odd pixel out": lambda n, h, w: (CHANNELS[int(n[4]) - 1], *(math.ceil(s / 2 ** (int(n[4]) - 1)) for s in (h, w))),
    "exchanged": lambda n, h, w: (CHANNELS[int(n[4]) - 1], w // 2 ** (int(n[4]) - 1), h // 2 ** (int(n[4]) - 1)),
    "but for the last": lambda n, h, w: (32 * 2 ** int(n[4]), h // 2 ** (int(n[4]) - 1), w // 2 ** (int(n[4]) - 1)),
    "expected the shape (3,)": lambda n, h, w: (CHANNELS[int(n[4]) - 1],),
})  # fmt: skip


def counted(layers, add, reach=1, early=False):
    step = 1
    for kernel, stride in layers:
        step *= stride if early else 1
        reach += add(kernel) * step
        step *= 1 if early else stride
    return reach


wrong(checks.receptive_field, {
    "strides are not used": lambda layers: 1 + sum(kernel - 1 for kernel, _ in layers),
    "for the layers behind it only": lambda layers: counted(layers, lambda k: k - 1, early=True),
    "its whole width": lambda layers: counted(layers, lambda k: k),
    "begin with reach = 1": lambda layers: counted(layers, lambda k: k - 1, reach=0),
})  # fmt: skip


def overwritten(net, x):
    found = []
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            found.append(x)
    return found


def inputs(net, x):
    found = []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            found.append(x.clone())
        x = layer(x)
    return found


def all_layers(net, x):
    found = []
    for layer in net:
        x = layer(x)
        found.append(x.clone())
    return found


def changes_the_net(net, x):
    for layer in net:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
    return overwritten(net, x)


wrong(checks.before_relu, {
    "wrote into it": overwritten,
    "what goes into the convolution": inputs,
    "list of two tensors": all_layers,
    "network was changed": changes_the_net,
})  # fmt: skip

PIXELS = {"turns relu1_1 most": "BGR", "makes the features longest": "0 to 255", "BGR is seen better in": "relu1_1",
          "an absolute loss notices": "0 to 255"}  # fmt: skip
wrong(checks.wrong_pixels, {
    "column of relu1_1": predictions(PIXELS, place=0, to="not normalised"),
    "hardly changes it": predictions(PIXELS, place=1, to="BGR"),
    "knows it in any colour": predictions(PIXELS, place=2, to="relu5_1"),
    "square of the length": predictions(PIXELS, place=3, to="BGR"),
})  # fmt: skip
