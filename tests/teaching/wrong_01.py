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


wrong(checks.to_caffe, {
    "upside down": lambda x: 255 * x.flip(2) - MEAN,
    "all axes were flipped": lambda x: 255 * x.flip(1, 2, 3) - MEAN,
    "means are in that order, too": lambda x: 255 * x - MEAN.flip(0),
    "Caffe's network wants 0 to 255": lambda x: x.flip(1) - MEAN / 255,
    "divided by a standard deviation": lambda x: (x.flip(1) - MEAN / 255) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1),
    "this is torchvision's domain":
        lambda x: (x - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(3, 1, 1),
    "the mean is added": lambda x: 255 * x.flip(1) + MEAN,
    "the mean is not taken away": lambda x: 255 * x.flip(1),
    "were clipped": lambda x: (255 * x.flip(1) - MEAN).clamp(0, 255),
    "only the first picture": lambda x: (255 * x.flip(1) - MEAN)[:1],
    "the channels are last": lambda x: (255 * x.flip(1) - MEAN).permute(0, 2, 3, 1),
})  # fmt: skip

wrong(checks.map_shape, {
    "no pooling is counted": lambda n, h, w: (CHANNELS[int(n[4]) - 1], h, w),
    "one pooling too few":
        lambda n, h, w: (CHANNELS[int(n[4]) - 1], *(s // 2 ** max(int(n[4]) - 2, 0) for s in (h, w))),
    "the channels come first": lambda n, h, w: (*(s // 2 ** (int(n[4]) - 1) for s in (h, w)), CHANNELS[int(n[4]) - 1]),
    "the batch is not asked for": lambda n, h, w: (1, CHANNELS[int(n[4]) - 1], *(s // 2 ** (int(n[4]) - 1) for s in (h, w))),
    "divide with //": lambda n, h, w: (CHANNELS[int(n[4]) - 1], *(s / 2 ** (int(n[4]) - 1) for s in (h, w))),
    "channels of the lite encoder":
        lambda n, h, w: ((64, 128, 256, 128, 128)[int(n[4]) - 1], *(s // 2 ** (int(n[4]) - 1) for s in (h, w))),
    "do not shrink the map": lambda n, h, w: (CHANNELS[int(n[4]) - 1], *(s // 2 ** (int(n[4]) - 1) - 2 for s in (h, w))),
})  # fmt: skip


def sorts_the_layers(layers):
    layers.sort()
    return counted(layers, lambda k: k - 1)


def steps_add_up(layers):
    reach, step = 1, 1
    for kernel, stride in layers:
        reach += (kernel - 1) * step
        step += stride - 1
    return reach


def last_stride_only(layers):
    reach, step = 1, 1
    for kernel, stride in layers:
        reach += (kernel - 1) * step
        step = stride
    return reach


wrong(checks.receptive_field, {
    "changes the list": sorts_the_layers,
    "strides add up here": steps_add_up,
    "the last stride alone": last_stride_only,
    "this is the step": lambda layers: math.prod(stride for _, stride in layers),
    "the side is wanted": lambda layers: counted(layers, lambda k: k - 1) ** 2,
    "from above with the step": lambda layers: counted(layers[::-1], lambda k: k - 1),
})  # fmt: skip


def hooked(net, x):
    found = []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda layer, given, out: found.append(out.clone()))
    net(x)
    return found


def put_to_use(net, x):
    net.eval()
    net.requires_grad_(False)
    return clones(net, x)


def clones(net, x):
    found = []
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            found.append(x.clone())
    return found


def frozen_first(net, x):
    net.requires_grad_(False)
    return clones(net, x)


def without_history(net, x):
    with torch.no_grad():
        return clones(net, x)


def detached(net, x):
    found = []
    for layer in net:
        x = layer(x)
        if isinstance(layer, nn.Conv2d):
            found.append(x.detach().clone())
    return found


def convolutions_only(net, x):
    found = []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            x = layer(x)
            found.append(x)
    return found


def relu_in_place_of_the_rest(net, x):
    found = []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            found.append(layer(x))
            x = found[-1].clamp_min(0)
    return found


def replaced(net, x):
    for k, layer in enumerate(net):
        if isinstance(layer, nn.ReLU):
            net[k] = nn.ReLU()
    return clones(net, x)


wrong(checks.before_relu, {
    "a hook was left in it": hooked,
    "eval() or train() was called": put_to_use,
    "requires_grad was set": frozen_first,
    "its layers are others": replaced,
    "carries no gradient": without_history,
    "could not learn from it": detached,
    "were left out": convolutions_only,
    "expected the shape": relu_in_place_of_the_rest,
    "in the wrong order|expected the shape": lambda net, x: clones(net, x)[::-1],
    "one for each convolution, got Tensor": lambda net, x: clones(net, x)[0],
})  # fmt: skip

wrong(checks.wrong_pixels, {
    "another direction": predictions(PIXELS, place=0, to="0 to 255"),
    "one is in the hundreds": predictions(PIXELS, place=1, to="not normalised"),
    "grows with the square": predictions(PIXELS, place=3, to="not normalised"),
    "none of the words": predictions(PIXELS, place=0, to="rgb"),
    "no answer yet": predictions(PIXELS, place=2, to="..."),
})  # fmt: skip
