"""A right answer is right however it is written: other ways than the solutions' own must pass."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch.nn.functional as F
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


def without_the_relu(net, x):
    found = []
    for layer in net:
        if isinstance(layer, nn.Conv2d):
            found.append(layer(x))
            x = F.relu(found[-1])
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


def name_from_a_list(count):
    names = [f"conv{block}_{k + 1}" for block, size in enumerate([2, 2, 4, 4, 4], 1) for k in range(size)]
    return names[count - 1]


def norm_by_torch(x, gamma, beta):
    flat = x.reshape(1, -1, *x.shape[2:])  # every picture's channels side by side
    return F.batch_norm(flat, None, None, gamma.repeat(len(x)), beta.repeat(len(x)), True).reshape(x.shape)


def block_by_modules(x, w1, w2):
    convs = []
    for w in (w1, w2):
        convs.append(nn.Conv2d(len(w), len(w), 3, padding=1, padding_mode="reflect", bias=False))
        convs[-1].weight.data = w
    with torch.no_grad():
        return x + nn.InstanceNorm2d(3)(convs[1](nn.InstanceNorm2d(3)(convs[0](x)).relu()))


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
    best, names = float("inf"), []
    for name, (_, loss) in sorted(points.items(), key=lambda item: item[1]):
        if loss < best:
            best = loss
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
    (checks.before_relu, without_the_relu),
    (checks.gram_matrix, gram_by_pairs),
    (checks.same_gram, same_gram_by_sign),
    (checks.shifted_gram, shifted_by_einsum),
    (checks.mmd_squared, lambda f, g: (f.T @ f / len(f) - g.T @ g / len(g)).square().sum().item()),
    (checks.content_layer, FunctionalContentLoss),
    (checks.content_gradient, content_by_autograd),
    (checks.style_gradient, lambda f, a: torch.where(f > 0, (f @ f.T - a).T @ f, 0) / f.numel() ** 2),
    (checks.best_in_box, projected_descent),
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


@pytest.mark.parametrize(("check", "answer"), RIGHT, ids=[answer.__name__ for _, answer in RIGHT])
def test_another_right_answer_is_accepted(check: Callable, answer: Callable, capsys: pytest.CaptureFixture):
    check(answer)
    assert capsys.readouterr().out.startswith("right: ")


def test_sign_test_agrees_with_scipy(capsys: pytest.CaptureFixture):
    stats = pytest.importorskip("scipy.stats", reason="needs scipy")
    checks.sign_test(lambda wins, trials: stats.binomtest(wins, trials).pvalue)
    assert capsys.readouterr().out.startswith("right: ")
