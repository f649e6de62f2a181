"""A right answer is right however it is written: other ways than the solutions' own must pass."""

from __future__ import annotations

import copy
import hashlib
import math
import random
import statistics
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

from nst.teaching import checks


def luminance_by_einsum(x):
    return torch.einsum("bchw,c->bhw", x, x.new_tensor([0.299, 0.587, 0.114])).unsqueeze(1)


def gradient_by_autograd(x, target):
    x = x.clone().requires_grad_()
    F.mse_loss(x, target).backward()
    return x.grad


def descend_with_sgd(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    optimizer = torch.optim.SGD([x], lr=rate)
    for _ in range(steps):
        optimizer.zero_grad()
        loss(x).backward()
        optimizer.step()
    return x


def caffe_in_numpy(x):
    return torch.from_numpy(255 * x.numpy()[:, ::-1].copy() - np.float32([103.939, 116.779, 123.68])[:, None, None])


def shape_by_halving(layer, height, width):
    for _ in range(int(layer[4]) - 1):
        height, width = height // 2, width // 2
    return torch.Size([[64, 128, 256, 512, 512][int(layer[4]) - 1], height, width])


def field_from_above(layers):
    reach = 1
    for kernel, stride in reversed(layers):
        reach = (reach - 1) * stride + kernel
    return reach


def other_layers_elsewhere(net, x):
    found = []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            found.append(layer(x))
            x = found[-1]
        else:
            x = layer(x.clone())
    return tuple(found)


def gram_by_pairs(features):
    return torch.stack([torch.stack([torch.stack([(a * b).mean() for b in f]) for a in f]) for f in features]) / features.shape[1]


def same_gram_by_sign():
    a = torch.arange(8.0).reshape(1, 2, 2, 2)
    return a, -a


def shifted_by_einsum(f, dy, dx):
    _, _, h, w = f.shape
    return torch.einsum("biyx,bjyx->bij", f[:, :, : h - dy, : w - dx], f[:, :, dy:, dx:]) / ((h - dy) * (w - dx))


class FunctionalContentLoss(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.register_buffer("wanted", target.detach().clone())

    def forward(self, input):
        self.loss = F.mse_loss(input, self.wanted)
        return input


def content_by_autograd(f, p):
    z = torch.where(f > 0, f, -torch.ones_like(f)).requires_grad_()
    return torch.autograd.grad((z.relu() - p).square().sum() / 2, z)[0]


def projected_descent(loss, start, steps, rate):
    x, best, lowest = start.clone(), start.clone(), float("inf")
    for _ in range(steps):
        x = x.requires_grad_()
        value = loss(x)
        (slope,) = torch.autograd.grad(value, x)
        if float(value.detach()) < lowest:
            best, lowest = x.detach(), float(value.detach())
        x = (x.detach() - 0.1 * rate * slope).clamp(0, 1)
    return best, lowest


def method_by_lbfgs(layers, mean, std, photo, painting, style_weight, steps):
    """Numbers noted inside the closure, the box by a clamp in the graph, einsum, a list comprehension over accumulated maps."""
    import itertools

    def maps(picture):
        return list(itertools.accumulate(layers, lambda x, layer: layer(x), initial=(picture - mean) / std))[1:]

    def gram(f):
        return torch.einsum("bihw,bjhw->ij", f, f) / f.numel()

    with torch.no_grad():
        content, style = maps(photo)[-1], [gram(f) for f in maps(painting)]
    x, trace = photo.clone().requires_grad_(), []
    optimizer = torch.optim.LBFGS([x], max_iter=1, lr=0.5, history_size=10)

    def closure():
        optimizer.zero_grad()
        found = maps(x.clamp(0, 1))
        c = F.mse_loss(found[-1], content) / content.var(correction=0)
        s = sum(((gram(f) - a).norm() / a.norm()) ** 2 for f, a in zip(found, style))
        trace.append([float(c.detach()), float(s.detach())])
        loss = c + style_weight * s
        loss.backward()
        return loss

    while len(trace) < steps:
        optimizer.step(closure)
    return x.detach().clamp(0, 1), trace[:steps]


def method_by_projected_gradients(layers, mean, std, photo, painting, style_weight, steps):
    """No optimiser, no requires_grad_ on a tensor that stays; numbers in an array."""

    def losses(x):
        found, x = [], (x - mean) / std
        for layer in layers:
            x = layer(x)
            found.append(x)
        return found

    def gram(f):
        f = f[0].reshape(len(f[0]), -1)
        return f @ f.T / f.numel()

    x, trace, wanted, painted = photo, [], losses(photo)[-1], [gram(f) for f in losses(painting)]
    for _ in range(steps):
        x = x.detach().requires_grad_(True)
        found = losses(x)
        c = (found[-1] - wanted).pow(2).sum() / (wanted - wanted.mean()).pow(2).sum()
        s = sum((gram(f) - a).pow(2).sum() / a.pow(2).sum() for f, a in zip(found, painted))
        trace.append((float(c.detach()), float(s.detach())))
        (g,) = torch.autograd.grad(c + style_weight * s, x)
        x = (x.detach() - 0.03 * g / g.abs().mean().clamp_min(1e-12) / (1 + len(trace) / 4)).clamp(0, 1)
    return x, np.array(trace)


def method_by_sigmoid(layers, mean, std, photo, painting, style_weight, steps):
    """The box by a sigmoid; the parameter is not the picture itself."""
    z = photo.clamp(1e-3, 1 - 1e-3).logit().requires_grad_()
    optimizer, trace = torch.optim.Adam([z], lr=0.2), []

    def maps(picture):
        x = picture.sub(mean).div(std)
        return [x := layer(x) for layer in layers]

    def gram(f):
        return torch.mm(f.flatten(1).view(f.shape[1], -1), f.view(f.shape[1], -1).t()).div(f.numel())

    with torch.no_grad():
        wanted, painted = maps(photo)[1], tuple(map(gram, maps(painting)))
    for _ in range(steps):
        optimizer.zero_grad(set_to_none=True)
        found = maps(z.sigmoid())
        c = (found[-1] - wanted).square().mean() / (wanted - wanted.mean()).square().mean()
        s = torch.stack([(gram(f) - a).square().sum() / (a * a).sum() for f, a in zip(found, painted)]).sum()
        (s * style_weight + c).backward()
        optimizer.step()
        trace.append(torch.stack([c, s]).tolist())
    return z.sigmoid().detach(), trace


def name_from_a_list(count):
    names = [f"conv{block}_{k + 1}" for block, size in enumerate([2, 2, 4, 4, 4], 1) for k in range(size)]
    return names[count - 1]


def norm_by_torch(x, gamma, beta):
    flat = x.reshape(1, -1, *x.shape[2:])  # every picture's channels side by side
    return F.batch_norm(flat, None, None, gamma.repeat(len(x)), beta.repeat(len(x)), True).reshape(x.shape)


def block_by_modules(x, w1, w2):
    conv = nn.Conv2d(len(w1), len(w1), 3, padding=1, padding_mode="reflect", bias=False)
    norm, inner = nn.InstanceNorm2d(len(w1)), x
    for weight, last in ((w1, nn.ReLU()), (w2, nn.Identity())):
        inner = last(norm(torch.func.functional_call(conv, {"weight": weight}, inner)))
    return x + inner


def padded_on_both_sides(net, x):
    h, w = x.shape[2:]
    top, left = -h % 4 // 2, -w % 4 // 2
    return net(F.pad(x, (left, -w % 4 - left, top, -h % 4 - top), mode="reflect"))[..., top : top + h, left : left + w]


def variation_of_pictures(x):
    return (x.diff(dim=2) ** 2).mean() + F.mse_loss(x[..., 1:], x[..., :-1])


def step_that_clears_afterwards(net, optimizer, loss_of, photos):
    loss = loss_of(net(photos), photos)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def corner_by_digest(seed, step, position, height, width, size):
    digest = hashlib.sha256(repr((seed, step, position)).encode()).digest()
    return int.from_bytes(digest[:8], "big") % (height - size + 1), int.from_bytes(digest[8:16], "big") % (width - size + 1)


def corner_by_torch(seed, step, position, height, width, size):
    generator = torch.Generator().manual_seed(hash((seed, step, position)) % 2**63)
    return [int(torch.randint(n - size + 1, (1,), generator=generator)) for n in (height, width)]


def speedup_by_numpy(trace, evaluation, loss, once):
    reached = np.flatnonzero(np.asarray(trace) <= loss)
    return (reached[0] + 1) * evaluation / once if len(reached) else math.inf


def norms_by_name(net):
    for name, parameter in net.named_parameters():
        parameter.requires_grad = ".norm." in name
    return sum(p.numel() for p in filter(lambda p: p.requires_grad, net.parameters()))


def adain_by_torch(x, y):
    std = (y.var((2, 3), correction=0, keepdim=True) + 1e-5).sqrt()
    return F.instance_norm(x) * std + y.mean((2, 3), keepdim=True)


def whiten_by_svd(x):
    flat = x[0].flatten(1)
    u, s, v = torch.linalg.svd(flat - flat.mean(1, keepdim=True), full_matrices=False)
    good = s > 1e-3 * s[0]
    return (u[:, good] @ v[good] * (flat.shape[1] - 1) ** 0.5).reshape(x.shape)


def colour_by_svd(w, y):
    flat = y[0].flatten(1)
    u, s, _ = torch.linalg.svd(flat - flat.mean(1, keepdim=True), full_matrices=False)
    return ((u * s / (flat.shape[1] - 1) ** 0.5) @ u.T @ w[0].flatten(1) + flat.mean(1, keepdim=True)).reshape(w.shape)


def front_by_sweep(points):
    best, names = (0.0, float("inf")), []
    for name, point in sorted(points.items(), key=lambda item: item[1]):
        if point[1] < best[1] or point == best:
            best = point
            names.append(name)
    return names


def luminance_by_matrix(painted, content):
    from skimage.color import rgb2yiq, yiq2rgb

    yiq = rgb2yiq(content.numpy(), channel_axis=1)
    yiq[:, 0] = rgb2yiq(painted.numpy(), channel_axis=1)[:, 0]
    return yiq2rgb(yiq, channel_axis=1)


def tiles_of_a_mirrored_picture(function, picture, tile, margin):
    big = F.pad(picture, (margin,) * 4, mode="reflect")
    rows = []
    for top in range(0, picture.shape[2], tile):
        row = [
            function(big[..., top : top + tile + 2 * margin, left : left + tile + 2 * margin])[..., margin:-margin, margin:-margin]
            for left in range(0, picture.shape[3], tile)
        ]
        rows.append(torch.cat(row, 3))
    return torch.cat(rows, 2)


def root(a):
    values, vectors = torch.linalg.eigh(a)
    return vectors * values.clamp_min(0).sqrt() @ vectors.T


def gaussian_by_singular_values(x, y):
    x, y = x - (m := x.mean(1, keepdim=True)), y - (n := y.mean(1, keepdim=True))
    a, b = x @ x.T / x.shape[1], y @ y.T / y.shape[1]
    cross = torch.linalg.svdvals(root(b) @ x / x.shape[1] ** 0.5).sum()  # the nuclear norm, with no root of a root
    return (m - n).square().sum() + a.trace() + b.trace() - 2 * cross


def sliced_by_ranks(x, y, directions):
    total = 0
    for v in directions:
        a, b = torch.sort(v @ x)[0], torch.sort(v @ y)[0]
        total = total + (a.reshape(len(b), -1) - b[:, None]).square().mean()
    return total / len(directions)


def sliced_by_gather(x, y, directions):
    a, b = directions @ x, directions @ y
    with torch.no_grad():
        order, other = a.argsort(1), b.argsort(1)
    ranks = torch.arange(a.shape[1]) * b.shape[1] // a.shape[1]
    return (a.gather(1, order) - b.gather(1, other)[:, ranks]).pow(2).mean()


def relaxed_by_chosen_pairs(x, y):
    m = y.mean(1, keepdim=True)
    x, y = ((p - m) / (p - m).norm(dim=0) for p in (x, y))
    with torch.no_grad():
        near, near_to = (x.T @ y).max(1)[1], (x.T @ y).max(0)[1]
    return max(1 - (x * y[:, near]).sum(0).mean(), 1 - (x[:, near_to] * y).sum(0).mean())


def self_similarity_by_rows(x, y):
    tables = [1 - F.cosine_similarity(p[:, :, None], p[:, None, :], dim=0) for p in (x, y)]  # symmetric: rows are columns
    return sum((a / a.sum() - b / b.sum()).abs().sum() for a, b in zip(*tables, strict=True)) / x.shape[1]


def root_by_its_trace(a):
    n, eye = a.diagonal().sum(), torch.eye(len(a)).to(a)
    y, z = a / n, eye
    for _ in range(30):
        t = 1.5 * eye - 0.5 * z @ y
        y, z = y @ t, t @ z
    return y * n**0.5


RIGHT = [
    (checks.luminance, luminance_by_einsum),
    (checks.mean_square_gradient, gradient_by_autograd),
    (checks.descend, descend_with_sgd),
    (checks.to_caffe, caffe_in_numpy),
    (checks.map_shape, shape_by_halving),
    (checks.receptive_field, field_from_above),
    (checks.before_relu, other_layers_elsewhere),
    (checks.gram_matrix, gram_by_pairs),
    (checks.same_gram, same_gram_by_sign),
    (checks.shifted_gram, shifted_by_einsum),
    (checks.mmd_squared, lambda f, g: (f.T @ f / len(f) - g.T @ g / len(g)).square().sum().item()),
    (checks.content_layer, FunctionalContentLoss),
    (checks.content_gradient, content_by_autograd),
    (checks.style_gradient, lambda f, a: torch.where(f > 0, (f @ f.T - a).T @ f, 0) / f.numel() ** 2),
    (checks.best_in_box, projected_descent),
    (checks.whole_method, method_by_lbfgs),
    (checks.whole_method, method_by_projected_gradients),
    (checks.whole_method, method_by_sigmoid),
    (checks.paper_name, name_from_a_list),
    (checks.instance_norm, norm_by_torch),
    (checks.residual_block, block_by_modules),
    (checks.overlap, lambda k, s: tuple(sorted((k + s - 1 - r) // s for r in range(s)))),
    (checks.any_size, padded_on_both_sides),
    (checks.total_variation, variation_of_pictures),
    (checks.training_step, step_that_clears_afterwards),
    (checks.crop_corner, corner_by_digest),
    (checks.crop_corner, corner_by_torch),
    (checks.fair_speedup, speedup_by_numpy),
    (checks.norm_layers_only, norms_by_name),
    (checks.adain, adain_by_torch),
    (checks.covariance, lambda x: torch.cov(x[0].flatten(1))),
    (checks.whiten, whiten_by_svd),
    (checks.colour, colour_by_svd),
    (checks.pareto_front, front_by_sweep),
    (checks.growth_exponent, lambda n, s: np.polyfit(np.log2(n), np.log2(s), 1)[0]),
    (checks.keep_luminance, luminance_by_matrix),
    (checks.guided_gram, lambda f, m: torch.einsum("bihw,bjhw,bkhw->bij", f, f, m) / (f.shape[1] * m.sum())),
    (checks.to_bytes, lambda x: (x.squeeze(0).movedim(0, 2).numpy().clip(0, 1) * 255 + 0.5).astype(np.uint8)),
    (checks.in_tiles, tiles_of_a_mirrored_picture),
    (checks.gaussian_distance, gaussian_by_singular_values),
    (checks.sliced_distance, sliced_by_ranks),
    (checks.sliced_distance, sliced_by_gather),
    (checks.relaxed_distance, relaxed_by_chosen_pairs),
    (checks.self_similarity, self_similarity_by_rows),
    (checks.root_by_products, root_by_its_trace),
    (checks.root_by_products, root),
]


# The kinds of the reviews: other libraries, other orders, other types, the lessons' own idioms.


def descend_by_hand(loss, start, steps, rate):
    x = start.detach().clone()
    for _ in range(steps):
        leaf = x.clone().requires_grad_()
        loss(leaf).backward()
        x -= rate * leaf.grad
    return x


def descend_with_zeroed_gradients(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    for _ in range(steps):
        if x.grad is not None:
            x.grad.zero_()
        loss(x).backward()
        x.data -= rate * x.grad
    return x.data


def descend_as_a_function(loss, start, steps, rate):
    slope = torch.func.grad(loss)
    for _ in range(steps):
        start = start - rate * slope(start)
    return start


def in_capitals():
    half = Fraction(1, 4)
    return {"blurs the edge": " Squared", "sharp squared": np.float32(1), "soft squared": half, "sharp absolute": torch.tensor(1),
            "soft absolute": np.array(1.0)}  # fmt: skip


def caffe_channel_by_channel(x):
    blue, green, red = x[:, 2], x[:, 1], x[:, 0]
    return torch.stack([255 * blue - 103.939, 255 * green - 116.779, 255 * red - 123.68], 1)


def shape_by_a_loop(layer, height, width):
    channels = {"1": 64, "2": 128, "3": 256, "4": 512, "5": 512}[layer[-3]]
    for _ in "12345"[: int(layer[-3]) - 1]:
        height, width = height >> 1, width >> 1
    return [channels, height, width]


def shape_as_a_tensor(layer, height, width):
    halvings = 2 ** (int(layer[4]) - 1)
    return torch.tensor([min(64 * halvings, 512), height // halvings, width // halvings])


def field_by_formula(layers):
    return 1 + sum((kernel - 1) * math.prod(stride for _, stride in layers[:n]) for n, (kernel, _) in enumerate(layers))


def field_in_numpy(layers):
    kernels, strides = np.array(layers).T
    return 1 + ((kernels - 1) * np.cumprod([1, *strides[:-1]])).sum()


def hooks_taken_out(net, x):
    found, handles = [], []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            handles.append(layer.register_forward_hook(lambda _, given, out: found.append(out.clone())))
    try:
        net(x)
    finally:
        for handle in handles:
            handle.remove()
    return found


def on_a_copy(net, x):
    net, found = copy.deepcopy(net), []
    for layer in net:
        if isinstance(layer, nn.ReLU):
            layer.inplace = False
        x = layer(x)
        found += [x] if isinstance(layer, nn.Conv2d) else []
    return found


def put_back(net, x):
    found, before = [], net.training
    net.eval()
    for layer in net:
        x = layer(x) if isinstance(layer, nn.Conv2d) else layer(x.clone())
        if isinstance(layer, nn.Conv2d):
            found.append(x)
    net.train(before)
    return found


def gram_by_einsum(f):
    return torch.einsum("bihw,bjhw->bij", f, f) / f[0].numel()


def gram_by_bmm(f):
    b, c, h, w = f.size()
    f = f.reshape(b, c, h * w)
    return torch.bmm(f, f.transpose(1, 2)).div(c * h * w)


def gram_picture_by_picture(f):
    return torch.stack([one.flatten(1) @ one.flatten(1).T for one in f]) / f[0].numel()


def gram_scaled_first(f):
    f = f.flatten(2) / f[0].numel() ** 0.5
    return f @ f.mT


def same_gram_by_rotation():
    a = np.random.default_rng(0).normal(size=(2, 4)).astype(np.float32)
    q, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(4, 4)))
    return torch.from_numpy(a).reshape(1, 2, 2, 2), torch.from_numpy(a @ q.astype(np.float32)).reshape(1, 2, 2, 2)


def same_gram_by_one_sign():
    a = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]], [[0.5, -1.0], [2.0, 0.0]]]])
    b = a.clone()
    b[..., 0, 0] *= -1
    return [a, b]


def shifted_by_zero_padding(f, dy, dx):
    _, _, h, w = f.shape
    partner = F.pad(f, (0, dx, 0, dy))[..., dy:, dx:]
    return f.flatten(2) @ partner.flatten(2).mT / ((h - dy) * (w - dx))


def shifted_by_roll_and_crop(f, dy, dx):
    h, w = f.shape[2] - dy, f.shape[3] - dx
    there = f.roll((-dy, -dx), (2, 3))[..., :h, :w].flatten(2)
    return f[..., :h, :w].flatten(2) @ there.mT / (h * w)


def mmd_in_numpy(f, g):
    f, g = f.numpy(), g.numpy()
    return ((f @ f.T) ** 2).mean() + ((g @ g.T) ** 2).mean() - 2 * ((f @ g.T) ** 2).mean()


def growth_by_experiment():
    f, g = torch.rand(1, 3, 4, 4), torch.rand(1, 3, 4, 4)
    gram = lambda x: torch.einsum("bihw,bjhw->bij", x, x)  # noqa: E731
    return {
        "repeated, not divided": gram(f.repeat(1, 1, 2, 2)).norm() / gram(f).norm(),
        "repeated, divided by H W": (gram(f.repeat(1, 1, 2, 2)) / 64).norm() / (gram(f) / 16).norm(),
        "times 10, Gram matrix": gram(10 * f).norm() / gram(f).norm(),
        "times 10, content loss": ((10 * f - 10 * g) ** 2).mean() / ((f - g) ** 2).mean(),
        "times 10, style loss": ((gram(10 * f) - gram(10 * g)) ** 2).sum() / ((gram(f) - gram(g)) ** 2).sum(),
    }


class ClonedContentLoss(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = nn.Parameter(target.detach().clone(), requires_grad=False)

    def forward(self, input):
        difference = input - self.target
        self.loss = torch.mean(difference * difference)
        return input.clone()


class CriterionContentLoss(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target, self.criterion = target.data, nn.MSELoss()

    def forward(self, x):
        self.loss = self.criterion(x, self.target)
        return x


def content_by_where(f, p):
    return torch.where(f > 0, f - p, torch.zeros(()))


def style_by_symmetry(f, a):
    s = (f @ f.T - a) / (2 * f.numel() ** 2)
    return ((s + s.T) @ f) * f.sign()


def style_by_autograd(f, a):
    z = torch.where(f > 0, f, -torch.ones_like(f)).requires_grad_()
    n, m = f.shape
    loss = ((z.relu() @ z.relu().T - a) ** 2).sum() / (4 * n**2 * m**2)
    return torch.autograd.grad(loss, z)[0]


def clamp_inside_the_graph(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=rate)
    best, lowest = start.clone(), float("inf")
    for _ in range(steps):
        optimizer.zero_grad()
        picture = x.clamp(0, 1)
        value = loss(picture)
        if value < lowest:
            best, lowest = picture.detach().clone(), value.item()
        value.backward()
        optimizer.step()
    return best, lowest


def by_a_sigmoid(loss, start, steps, rate):
    y = start.clamp(0.01, 0.99).logit().requires_grad_()
    optimizer = torch.optim.Adam([y], lr=rate)
    seen = []
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(y.sigmoid())
        value.backward()
        seen.append((value.item(), y.sigmoid().detach()))
        optimizer.step()
    lowest, best = min(seen, key=lambda pair: pair[0])
    return best, torch.tensor(lowest)


def looks_once_more_at_the_end(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=rate)
    best, lowest = None, math.inf
    for step in range(steps + 1):
        optimizer.zero_grad()
        value = loss(x)
        if value.item() < lowest:
            best, lowest = x.detach().clone(), value.item()
        if step < steps:
            value.backward()
            optimizer.step()
            x.data.clamp_(0, 1)
    return best, lowest


def name_by_division(count):
    if count <= 4:
        return f"conv{(count + 1) // 2}_{2 - count % 2}"
    return f"conv{3 + (count - 5) // 4}_{(count - 5) % 4 + 1}"


def name_by_subtraction(count):
    block, sizes = 1, [2, 2, 4, 4, 4]
    while count > sizes[block - 1]:
        count, block = count - sizes[block - 1], block + 1
    return "conv" + str(block) + "_" + str(count)


def sweep_in_capitals():
    return {
        "as the style weight grows, the content loss": "Rises", "as the style weight grows, the style loss": "FALLS",
        "the step that buys more style for the same content": "0.01 to 0.1",
        "at a style weight of 0 the painting would be": np.str_("the photograph"),
    }  # fmt: skip


def norm_as_one_group_a_channel(x, gamma, beta):
    return F.group_norm(x, x.shape[1], gamma, beta, 1e-5)


def norm_by_rsqrt(x, gamma, beta):
    centred = x - x.mean((2, 3), keepdim=True)
    return centred * (centred.square().mean((2, 3), keepdim=True) + 1e-5).rsqrt() * gamma[:, None, None] + beta[:, None, None]


def norm_on_flat_maps(x, gamma, beta):
    flat = x.flatten(2)
    variance, mean = torch.var_mean(flat, 2, correction=0, keepdim=True)
    return ((flat - mean) / torch.sqrt(variance + 1e-5) * gamma[:, None] + beta[:, None]).reshape(x.shape)


def block_with_padded_copies(x, w1, w2):
    def mirrored(x):
        x = torch.cat([x[:, :, 1:2], x, x[:, :, -2:-1]], 2)
        return torch.cat([x[..., 1:2], x, x[..., -2:-1]], 3)

    inner = F.instance_norm(F.conv2d(mirrored(x), w1)).clamp_min(0)
    return F.instance_norm(F.conv2d(mirrored(inner), w2)) + x


def overlap_by_transposing(kernel, stride):
    paint = F.conv_transpose1d(torch.ones(1, 1, 30), torch.ones(1, 1, kernel), stride=stride)[0, 0]
    return paint[15 * stride : 16 * stride].sort().values


def overlap_in_numpy(kernel, stride):
    return np.sort(np.bincount(np.arange(kernel) % stride, minlength=stride))


def by_repeating_the_border(net, x):
    h, w = x.shape[-2:]
    return net(F.pad(x, (0, -w % 4, 0, -h % 4), mode="replicate"))[..., :h, :w]


def by_mirrored_rows(net, x):
    h, w = x.shape[-2:]
    rows = [*range(h), *range(h - 2, -1, -1)][: h + -h % 4]
    columns = [*range(w), *range(w - 2, -1, -1)][: w + -w % 4]
    return net(x[:, :, rows][..., columns])[..., :h, :w]


def truths_of_numpy_and_torch():
    return {
        "instance norm, half the contrast": np.False_, "batch norm in training, alone, half the contrast": torch.tensor(False),
        "batch norm in training, other company": 1, "batch norm in use, half the contrast": np.array(True),
        "instance norm of a grey picture, gamma 3, beta 0.5": Fraction(1, 2),
    }  # fmt: skip


def variation_by_convolution(x):
    kernels = torch.tensor([[[-1.0], [1.0]]])[None], torch.tensor([[[-1.0, 1.0]]])[None]
    flat = x.reshape(-1, 1, *x.shape[2:])
    return sum(F.conv2d(flat, kernel).pow(2).mean() for kernel in kernels)


def variation_by_norms(x):
    down, across = torch.diff(x, dim=-2), torch.diff(x, dim=-1)
    return down.norm() ** 2 / down.numel() + across.norm() ** 2 / across.numel()


def step_with_a_closure(net, optimizer, loss_of, photos):
    def closure():
        optimizer.zero_grad()
        loss = loss_of(net(photos), photos)
        loss.backward()
        return loss

    return float(optimizer.step(closure))


def step_with_a_zero_of_numpy(net, optimizer, loss_of, photos):
    net.zero_grad()
    loss = loss_of(net(photos), photos)
    loss.backward()
    optimizer.step()
    return loss.detach().numpy()


def step_by_autograd(net, optimizer, loss_of, photos):
    loss = loss_of(net(photos), photos)
    parameters = list(net.parameters())
    for parameter, slope in zip(parameters, torch.autograd.grad(loss, parameters), strict=True):
        parameter.grad = slope
    optimizer.step()
    return np.float32(loss.item())


def corner_by_numpy(seed, step, position, height, width, size):
    generator = np.random.default_rng([seed, step, position])
    return generator.integers(height - size + 1), generator.integers(width - size + 1)


def corner_by_hash(seed, step, position, height, width, size):
    generator = random.Random(hash((seed, step, position)))
    return generator.randint(0, height - size), generator.randint(0, width - size)


def corner_with_commas(seed, step, position, height, width, size):
    generator = random.Random(f"{seed},{step},{position}")
    return int(generator.random() * (height - size + 1)), int(generator.random() * (width - size + 1))


def corner_as_an_array(seed, step, position, height, width, size):
    draw = torch.Generator().manual_seed(seed * 10**12 + step * 10**4 + position)
    return torch.stack([torch.randint(n - size + 1, (), generator=draw) for n in (height, width)])


def speedup_by_next(trace, evaluation, loss, once):
    return next((n for n, value in enumerate(trace, 1) if value <= loss), float("inf")) * evaluation / once


def speedup_by_a_while(trace, evaluation, loss, once):
    n = 0
    while n < len(trace) and trace[n] > loss:
        n += 1
    return Fraction(n + 1) * Fraction(evaluation) / Fraction(once) if n < len(trace) else torch.tensor(float("inf"))


def norms_one_by_one(net):
    numbers = 0
    for layer in net.modules():
        is_norm = isinstance(layer, nn.modules.instancenorm._InstanceNorm | nn.modules.batchnorm._BatchNorm)
        for parameter in layer.parameters(recurse=False):
            parameter.requires_grad_(is_norm)
            numbers += parameter.numel() * is_norm
    return numbers


def norms_as_a_tensor(net):
    learns = [p for m in net.modules() if "Norm" in type(m).__name__ for p in m.parameters(recurse=False)]
    for parameter in net.parameters():
        parameter.requires_grad = any(parameter is other for other in learns)
    return torch.tensor(sum(map(torch.numel, learns)))


def noise_in_words():
    return {"scatter at batch 4, of that at 1": Fraction(1, 2), "scatter at batch 16, of that at 1": np.float64(0.25),
            "two processes with 4 each are like one with": 8.0, "photographs for half the scatter": "4 Times"}  # fmt: skip


def statistics_by_std_mean(x):
    variance, mean = torch.var_mean(x, (2, 3), correction=0, keepdim=True)
    return [mean, torch.sqrt(variance + 1e-5)]


def statistics_from_squares(x):
    mean = x.mean((2, 3), keepdim=True)
    return mean, ((x - mean).pow(2).mean((2, 3), keepdim=True) + 1e-5) ** 0.5


def adain_by_batch_norm(x, y):
    variance, mean = torch.var_mean(y, (2, 3), correction=0, keepdim=True)
    one = torch.nn.InstanceNorm2d(x.shape[1], eps=1e-5)
    return mean + (variance + 1e-5).sqrt() * one(x)


def adain_as_a_x_plus_b(x, y):
    (mean, std), (style_mean, style_std) = statistics_from_squares(x), statistics_from_squares(y)
    slope = style_std / std
    return slope * x + (style_mean - slope * mean)


def blended_by_lerp(mean, std, style_mean, style_std, alpha):
    return np.array([mean + alpha * (style_mean - mean), std + alpha * (style_std - std)])


def blended_as_a_tensor(mean, std, style_mean, style_std, alpha):
    return torch.lerp(torch.tensor([mean, std]), torch.tensor([style_mean, style_std]), alpha)


def loss_by_mse(x, y):
    return sum(F.mse_loss(a, b) for a, b in zip(statistics_from_squares(x), statistics_from_squares(y), strict=True))


def loss_by_stacking(x, y):
    a, b = (torch.cat(statistics_by_std_mean(f), 1) for f in (x, y))
    return 2 * (a - b).square().mean()


def masked_by_moments(x, mask):
    share = mask / mask.sum()
    mean = (x * share).sum((2, 3), keepdim=True)
    return mean, ((x.square() * share).sum((2, 3), keepdim=True) - mean**2 + 1e-5).sqrt()


def masked_by_matrix(x, mask):
    share = (mask / mask.sum()).flatten()
    mean = (x.flatten(2) @ share)[..., None, None]
    return mean, (((x - mean) ** 2).flatten(2) @ share + 1e-5).sqrt()[..., None, None]


def halves_by_numpy():
    return {"the half that does more alone": "Mean", "both are nearer than either alone": np.True_,
            "what is left after both, of what there was": np.float32(0.2), "what is left must be": "which channels go together"}


def covariance_in_numpy(x):
    return np.cov(x[0].flatten(1).numpy())


def covariance_from_a_gram_matrix(x):
    flat = x[0].flatten(1)
    n, mean = flat.shape[1], flat.mean(1)
    return (flat @ flat.T - n * torch.outer(mean, mean)) / (n - 1)


def whiten_in_numpy(x):
    flat = x[0].flatten(1).numpy()
    values, vectors = np.linalg.eigh(np.cov(flat))
    powers = np.where(values > 1e-5 * values.max(), np.abs(values) ** -0.5, 0)
    return (vectors @ np.diag(powers) @ vectors.T @ (flat - flat.mean(1, keepdims=True))).reshape(x.shape)


def whiten_by_pinv(x):
    flat = x[0].flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(flat))
    root = vectors * values.clamp_min(0).sqrt() @ vectors.T
    return (torch.linalg.pinv(root, rtol=1e-3, hermitian=True) @ (flat - flat.mean(1, keepdim=True))).view_as(x)


def colour_in_numpy(w, y):
    flat = y[0].flatten(1).numpy()
    values, vectors = np.linalg.eigh(np.cov(flat))
    root = vectors * np.sqrt(np.maximum(values, 0)) @ vectors.T
    return (root @ w[0].flatten(1).numpy() + flat.mean(1, keepdims=True)).reshape(w.shape)


def colour_by_abs(w, y):
    flat = y[0].flatten(1)
    values, vectors = torch.linalg.eigh(torch.cov(flat))
    return torch.einsum("ij,bjhw->bihw", vectors @ torch.diag(values.abs().sqrt()) @ vectors.T, w) + y.mean((2, 3), keepdim=True)


def identity_by_matrices(variance, scale):
    sigma = torch.tensor([[variance * scale**2]], dtype=torch.float64)
    root = torch.linalg.inv(torch.linalg.cholesky(sigma + 1))
    return root @ sigma @ root.T


def identity_as_one_minus(variance, scale):
    return 1 - 1 / (1 + variance * scale**2)


def directions_by_halving(height, width, level, channels):
    while level > 1:
        height, width, level = height // 2, width // 2, level - 1
    return np.minimum(channels, height * width - 1)


def directions_by_rank(height, width, level, channels):
    positions = (height >> level - 1) * (width >> level - 1)
    x = torch.randn(channels, positions, dtype=torch.float64)
    return torch.linalg.matrix_rank(x - x.mean(1, keepdim=True))


def work_by_torch(layers):
    shapes = [(F.conv2d(torch.zeros(1, 1, h, w), torch.zeros(1, 1, k, k), stride=s, padding=k // 2).numel(), i * o * k * k)
              for i, o, k, s, h, w in layers]  # fmt: skip
    return sum(math.prod(pair) for pair in shapes)


def work_in_numpy(layers):
    i, o, k, s, h, w = np.array(layers).T
    return (i * o * k**2 * np.ceil(h / s) * np.ceil(w / s)).sum()


def watch(read):
    """A stopwatch that waits by `read(picture)`."""

    def seconds(paint, clock, repeats):
        best = math.inf
        for k in range(repeats + 1):
            began = clock()
            read(paint())
            best = min(best, clock() - began) if k else best
        return best

    return seconds


def front_by_sorting(points):
    names = sorted(points, key=points.get)
    return [n for k, n in enumerate(names) if not any(
        points[m][1] <= points[n][1] and points[m] != points[n] for m in names[:k])]  # fmt: skip


def front_in_numpy(points):
    names, values = np.array(list(points)), np.array(list(points.values()))
    beaten = [((values <= v).all(1) & (values < v).any(1)).any() for v in values]
    keep = ~np.array(beaten)
    return names[keep][np.argsort(values[keep, 0], kind="stable")]


def exponent_by_least_squares(pixels, seconds):
    a = torch.stack([torch.tensor(pixels).double().log(), torch.ones(len(pixels)).double()], 1)
    return torch.linalg.lstsq(a, torch.tensor(seconds).double().log()[:, None]).solution[0, 0]


def exponent_by_statistics(pixels, seconds):
    return statistics.linear_regression([math.log2(n) for n in pixels], [math.log2(s) for s in seconds]).slope


def sign_test_exactly(wins, trials):
    far = abs(2 * wins - trials)
    return Fraction(sum(math.comb(trials, k) for k in range(trials + 1) if abs(2 * k - trials) >= far), 2**trials)


def sign_test_by_one_side(wins, trials):
    few = min(wins, trials - wins)
    return min(1.0, 2 * sum(math.comb(trials, k) for k in range(few + 1)) / 2**trials)


def coral_in_numpy(style, content):
    s, c = (x[0].flatten(1).double().numpy() for x in (style, content))

    def power(x, exponent):
        values, vectors = np.linalg.eigh(np.cov(x, bias=True))
        return vectors @ np.diag(values**exponent) @ vectors.T

    moved = power(c, 0.5) @ power(s, -0.5) @ (s - s.mean(1, keepdims=True)) + c.mean(1, keepdims=True)
    return moved.reshape(style.shape).astype(np.float32)


def coral_of_samples(style, content):
    s, c = (x[0].flatten(1).double() for x in (style, content))

    def power(x, exponent):
        values, vectors = torch.linalg.eigh(torch.cov(x))
        return vectors * values**exponent @ vectors.T

    moved = power(c, 0.5) @ power(s, -0.5) @ (s - s.mean(1, keepdim=True)) + c.mean(1, keepdim=True)
    return moved.reshape(style.shape).clamp(0, 1)


def luminance_clipped(painted, content):
    weights = painted.new_tensor([0.299, 0.587, 0.114])
    difference = torch.einsum("bchw,c->bhw", painted - content, weights)
    return (content + difference[:, None]).clamp(0, 1)


def guided_by_diagonal(f, m):
    flat = f[0].flatten(1)
    return (flat @ torch.diag(m.flatten() / m.sum()) @ flat.T / len(flat))[None]


def guided_by_one_side(f, m):
    return (f * m).flatten(2) @ f.flatten(2).transpose(1, 2) / (f.shape[1] * m.sum())


def bytes_through_pillow(x):
    whole = np.rint(x[0].clamp(0, 1).movedim(0, 2).numpy() * 255)
    return np.asarray(Image.fromarray(whole.astype("uint8")))


def bytes_by_adding_a_half(x):
    return x[0].mul(255).add(0.5).clamp(0, 255).permute(1, 2, 0).to(torch.uint8)


def tiles_of_one_size(function, picture, tile, margin):
    out = torch.zeros_like(picture)
    for top in range(0, picture.shape[2], tile):
        for left in range(0, picture.shape[3], tile):
            y, x = max(0, top - margin), max(0, left - margin)
            made = function(picture[..., y : top + tile + margin, x : left + tile + margin])
            out[..., top : top + tile, left : left + tile] = made[..., top - y : top - y + tile, left - x : left - x + tile]
    return out


def tiles_in_a_list(function, picture, tile, margin):
    rows = []
    for top in range(0, picture.shape[2], tile):
        row = []
        for left in range(0, picture.shape[3], tile):
            y, x = max(0, top - margin), max(0, left - margin)
            made = function(picture[:, :, y : top + tile + margin, x : left + tile + margin].clone())
            row.append(made[:, :, top - y :, left - x :][:, :, :tile, :tile])
        rows.append(torch.cat(row, -1))
    return torch.cat(rows, -2)


def diagnosis_in_capitals():
    return {"a": "Epsilon outside the root", "b": "mixes the batch ", "c": "Changes its argument", "d": "Right",
            "e": "unbiased variance"}  # fmt: skip


RIGHT += [
    (checks.luminance, lambda x: x.movedim(1, -1).matmul(torch.tensor([0.299, 0.587, 0.114])).unsqueeze(1)),
    (checks.luminance, lambda x: F.conv2d(x, torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))),
    (checks.luminance, lambda x: (0.299 * x[:, 0:1] + 0.587 * x[:, 1:2] + 0.114 * x[:, 2:3]).numpy()),
    (checks.mean_square_gradient, lambda x, t: (x - t) / (0.5 * torch.tensor(x.shape).prod())),
    (checks.mean_square_gradient, lambda x, t: torch.func.grad(lambda x: ((x - t) ** 2).mean())(x)),
    (checks.descend, descend_by_hand),
    (checks.descend, descend_with_zeroed_gradients),
    (checks.descend, descend_as_a_function),
    (checks.roughness, in_capitals),
    (checks.to_caffe, caffe_channel_by_channel),
    (checks.to_caffe, lambda x: (255 * x[:, (2, 1, 0)]).sub(x.new_tensor([103.939, 116.779, 123.68])[None, :, None, None])),
    (checks.map_shape, shape_by_a_loop),
    (checks.map_shape, shape_as_a_tensor),
    (checks.receptive_field, field_by_formula),
    (checks.receptive_field, field_in_numpy),
    (checks.before_relu, hooks_taken_out),
    (checks.before_relu, on_a_copy),
    (checks.before_relu, put_back),
    (checks.gram_matrix, gram_by_einsum),
    (checks.gram_matrix, gram_by_bmm),
    (checks.gram_matrix, gram_picture_by_picture),
    (checks.gram_matrix, gram_scaled_first),
    (checks.same_gram, same_gram_by_rotation),
    (checks.same_gram, same_gram_by_one_sign),
    (checks.translate_style_weight, lambda w, c, s: w * (1 / (c * s)) ** 4),
    (checks.translate_style_weight, lambda w, c, s: Fraction(w) / (c**2 * Fraction(s) ** 2) ** 2),
    (checks.shifted_gram, shifted_by_zero_padding),
    (checks.shifted_gram, shifted_by_roll_and_crop),
    (checks.mmd_squared, mmd_in_numpy),
    (checks.growth, growth_by_experiment),
    (checks.content_layer, ClonedContentLoss),
    (checks.content_layer, CriterionContentLoss),
    (checks.content_gradient, content_by_where),
    (checks.content_gradient, lambda f, p: (f - p) * f.sign()),
    (checks.style_gradient, style_by_symmetry),
    (checks.style_gradient, style_by_autograd),
    (checks.best_in_box, clamp_inside_the_graph),
    (checks.best_in_box, by_a_sigmoid),
    (checks.best_in_box, looks_once_more_at_the_end),
    (checks.paper_name, name_by_division),
    (checks.paper_name, name_by_subtraction),
    (checks.weight_sweep, sweep_in_capitals),
    (checks.instance_norm, norm_as_one_group_a_channel),
    (checks.instance_norm, norm_by_rsqrt),
    (checks.instance_norm, norm_on_flat_maps),
    (checks.residual_block, block_with_padded_copies),
    (checks.overlap, overlap_by_transposing),
    (checks.overlap, overlap_in_numpy),
    (checks.any_size, by_repeating_the_border),
    (checks.any_size, by_mirrored_rows),
    (checks.norm_predictions, truths_of_numpy_and_torch),
    (checks.total_variation, variation_by_convolution),
    (checks.total_variation, variation_by_norms),
    (checks.training_step, step_with_a_closure),
    (checks.training_step, step_with_a_zero_of_numpy),
    (checks.training_step, step_by_autograd),
    (checks.crop_corner, corner_by_numpy),
    (checks.crop_corner, corner_by_hash),
    (checks.crop_corner, corner_with_commas),
    (checks.crop_corner, corner_as_an_array),
    (checks.fair_speedup, speedup_by_next),
    (checks.fair_speedup, speedup_by_a_while),
    (checks.norm_layers_only, norms_one_by_one),
    (checks.norm_layers_only, norms_as_a_tensor),
    (checks.gradient_noise, noise_in_words),
    (checks.mean_and_std, statistics_by_std_mean),
    (checks.mean_and_std, statistics_from_squares),
    (checks.adain, adain_by_batch_norm),
    (checks.adain, adain_as_a_x_plus_b),
    (checks.blended_statistics, blended_by_lerp),
    (checks.blended_statistics, blended_as_a_tensor),
    (checks.statistics_loss, loss_by_mse),
    (checks.statistics_loss, loss_by_stacking),
    (checks.masked_statistics, masked_by_moments),
    (checks.masked_statistics, masked_by_matrix),
    (checks.half_of_adain, halves_by_numpy),
    (checks.covariance, covariance_in_numpy),
    (checks.covariance, covariance_from_a_gram_matrix),
    (checks.whiten, whiten_in_numpy),
    (checks.whiten, whiten_by_pinv),
    (checks.colour, colour_in_numpy),
    (checks.colour, colour_by_abs),
    (checks.identity_added, identity_by_matrices),
    (checks.identity_added, identity_as_one_minus),
    (checks.known_directions, directions_by_halving),
    (checks.known_directions, directions_by_rank),
    (checks.multiplications, work_by_torch),
    (checks.multiplications, work_in_numpy),
    (checks.seconds_per_picture, watch(lambda picture: float(picture.sum()))),  # as lesson 08 waits
    (checks.seconds_per_picture, watch(lambda picture: picture.mean().item())),
    (checks.seconds_per_picture, watch(lambda picture: picture.cpu())),
    (checks.seconds_per_picture, watch(lambda picture: picture.detach().flatten().tolist())),
    (checks.seconds_per_picture, watch(lambda picture: picture[0, 0, 0, 0].item())),
    (checks.seconds_per_picture, watch(lambda picture: picture.to("cpu").numpy())),
    (checks.seconds_per_picture, watch(lambda picture: str(picture))),
    (checks.pareto_front, front_by_sorting),
    (checks.pareto_front, front_in_numpy),
    (checks.growth_exponent, exponent_by_least_squares),
    (checks.growth_exponent, exponent_by_statistics),
    (checks.sign_test, sign_test_exactly),
    (checks.sign_test, sign_test_by_one_side),
    (checks.coral, coral_in_numpy),
    (checks.coral, coral_of_samples),
    (checks.keep_luminance, luminance_clipped),
    (checks.guided_gram, guided_by_diagonal),
    (checks.guided_gram, guided_by_one_side),
    (checks.to_bytes, bytes_through_pillow),
    (checks.to_bytes, bytes_by_adding_a_half),
    (checks.in_tiles, tiles_of_one_size),
    (checks.in_tiles, tiles_in_a_list),
    (checks.diagnosis, diagnosis_in_capitals),
]


@pytest.mark.parametrize(("check", "answer"), RIGHT, ids=[f"{check.__name__}: {answer.__name__}" for check, answer in RIGHT])
def test_another_right_answer_is_accepted(check: Callable, answer: Callable, capsys: pytest.CaptureFixture):
    check(answer)
    assert capsys.readouterr().out.startswith("right: ")


def test_sign_test_agrees_with_scipy(capsys: pytest.CaptureFixture):
    stats = pytest.importorskip("scipy.stats", reason="needs scipy")
    checks.sign_test(lambda wins, trials: stats.binomtest(wins, trials).pvalue)
    assert capsys.readouterr().out.startswith("right: ")
