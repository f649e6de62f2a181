"""Wrong answers to the exercises of lesson 03."""

import torch
import torch.nn.functional as F
from torch import nn
from wrong import predictions, wrong

from nst.teaching import checks


def content_in_place(f, p):
    f.sub_(p)
    return f


wrong(checks.content_gradient, {
    "ReLU is missing": lambda f, p: f - p,
    "the sign is wrong": lambda f, p: (p - f) * (f > 0),
    "twice too large: the 1/2": lambda f, p: 2 * (f - p) * (f > 0),
    "this loss is a sum": lambda f, p: (f - p) * (f > 0) / f.numel(),
    "it is F that must be positive": lambda f, p: (f - p) * (p > 0),
    "in place": content_in_place,
})  # fmt: skip


def style(f, a):
    return (f @ f.T - a) @ f / f.numel() ** 2


def style_in_place(f, a):
    a -= f @ f.T
    return -a @ f / f.numel() ** 2 * (f > 0)


wrong(checks.style_gradient, {
    "ReLU is missing": style,
    "four times too small": lambda f, a: style(f, a) * (f > 0) / 4,
    "two times too small": lambda f, a: style(f, a) * (f > 0) / 2,
    "not divided by N^2 M^2": lambda f, a: (f @ f.T - a) @ f * (f > 0),
    "the loss has its square": lambda f, a: (f @ f.T - a) @ f * (f > 0) / f.numel(),
    "the shape is (M, N)": lambda f, a: (f.T @ (f @ f.T - a) / f.numel() ** 2) * (f.T > 0),
    "in place": style_in_place,
})  # fmt: skip


class Layer(nn.Module):
    """The right one."""

    def __init__(self, target):
        super().__init__()
        self.target = target.detach()

    def measure(self, input):
        return F.mse_loss(input, self.target)

    def forward(self, input):
        self.loss = self.measure(input)
        return input


class ReturnsTheLoss(Layer):
    def forward(self, input):
        super().forward(input)
        return self.loss


class NotDetached(Layer):
    def __init__(self, target):
        super().__init__(target)
        self.target = target


class Sum(Layer):
    def measure(self, input):
        return F.mse_loss(input, self.target, reduction="sum")


class HalfSum(Layer):
    def measure(self, input):
        return F.mse_loss(input, self.target, reduction="sum") / 2


class Absolute(Layer):
    def measure(self, input):
        return F.l1_loss(input, self.target)


class PlainNumber(Layer):
    def measure(self, input):
        return F.mse_loss(input, self.target).item()


class KeepsNothing(Layer):
    def forward(self, input):
        self.value = self.measure(input)
        return input


class FirstOnly(Layer):
    def forward(self, input):
        if not hasattr(self, "loss"):
            super().forward(input)
        return input


wrong(checks.content_layer, {
    "forward returns the loss": ReturnsTheLoss,
    "flows into the target": NotDetached,
    "the loss is a sum": Sum,
    "half the sum": HalfSum,
    "absolute differences": Absolute,
    "carries no gradient": PlainNumber,
    "there is no `loss`": KeepsNothing,
    "computed anew": FirstOnly,
})  # fmt: skip


def search(loss, start, steps, rate, copy=True, clamp_between=True, keep="best", own=True):
    x = (start if not own else start.clone()).requires_grad_()
    optimizer = torch.optim.Adam([x], lr=rate)
    best, lowest = None, float("inf")
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        if value < lowest or keep == "last":
            best, lowest = (x.detach().clone() if copy else x.detach()), value.item()
        optimizer.step()
        if clamp_between:
            with torch.no_grad():
                x.clamp_(0, 1)
    return best, lowest


def clamped_at_the_end(*given):
    best, lowest = search(*given, clamp_between=False)
    return best.clamp(0, 1), lowest


wrong(checks.best_in_box, {
    "is not a copy": lambda *given: search(*given, copy=False),
    "computed before the clamp": clamped_at_the_end,
    "leaves [0, 1]": lambda *given: search(*given, clamp_between=False),
    "return the best, not the last": lambda *given: search(*given, keep="last"),
    "two results": lambda *given: search(*given)[0],
    "in place": lambda loss, start, steps, rate: search(loss, start.detach(), steps, rate, own=False),
})  # fmt: skip


def named(blocks, prefix="conv", first=1):
    names = [f"{prefix}{b}_{k}" for b, n in enumerate(blocks, 1) for k in range(1, n + 1)]
    return lambda count: names[min(count - first, len(names) - 1)]


RIGHT_NAMES = named((2, 2, 4, 4, 4))
wrong(checks.paper_name, {
    "this is VGG-16": named((2, 2, 3, 3, 3)),
    "the count begins at 1": named((2, 2, 4, 4, 4, 1), first=0),
    "names of ReLUs": named((2, 2, 4, 4, 4), prefix="relu"),
    "a block is not one convolution": lambda count: f"conv{count}_1",
    "as large as the last": named((4, 4, 4, 4, 4)),
})  # fmt: skip

SWEEP = {
    "as the style weight grows, the content loss": "rises",
    "as the style weight grows, the style loss": "falls",
    "the step that buys more style for the same content": "0.01 to 0.1",
    "at a style weight of 0 the painting would be": "the photograph",
}
wrong(checks.weight_sweep, {
    "the less the photograph does|the more the style counts": predictions(SWEEP, place=0, to="falls"),
    "compare the rows": predictions(SWEEP, place=1, to="rises"),
    "how much does the content loss rise": predictions(SWEEP, place=2, to="0.1 to 1"),
    "starts at the photograph": predictions(SWEEP, place=3, to="noise"),
})  # fmt: skip


wrong(checks.content_gradient, {
    "is wrong, and the ReLU is missing": lambda f, p: p - f,
    "twice too large, and the ReLU is missing": lambda f, p: 2 * (f - p),
    "half of it": lambda f, p: (f - p) * (f > 0) / 2,
    "the mask looks at F - P": lambda f, p: (f - p).clamp_min(0) * 1.0,
    "the wrong way round": lambda f, p: (f - p) * (f == 0),
    "whatever its size": lambda f, p: (f - p) * f,
    "these are the terms of the loss": lambda f, p: (f - p) ** 2 / 2,
    "the mask alone": lambda f, p: (f > 0).float(),
    "expected the shape": lambda f, p: ((f - p) * (f > 0)).sum(),
})  # fmt: skip


def with_the_course_s_own(f, a):
    g = f @ f.T / f.numel()
    return (g - a) @ f / f.numel() ** 2 * (f > 0)


wrong(checks.style_gradient, {
    "F F^T was divided": with_the_course_s_own,
    "A comes undivided": lambda f, a: (f @ f.T / f.shape[1] - a) @ f / f.numel() ** 2 * (f > 0),
    "the whole of the division": lambda f, a: (f @ f.T / f.numel() - a) @ f * (f > 0),
    "nor cut by the ReLU": lambda f, a: (f @ f.T - a) @ f,
    "divided by N^2 only": lambda f, a: (f @ f.T - a) @ f * (f > 0) / f.shape[0] ** 2,
    "divided by M^2 only": lambda f, a: (f @ f.T - a) @ f * (f > 0) / f.shape[1] ** 2,
    "the sign is wrong": lambda f, a: -style(f, a) * (f > 0),
    "multiplied by F": lambda f, a: (f @ f.T - a) / f.numel() ** 2,
    "the mask looks at the gradient": lambda f, a: style(f, a).relu(),
    "four times too large": lambda f, a: 4 * style(f, a) * (f > 0),
    "two times too large": lambda f, a: 2 * style(f, a) * (f > 0),
    "(5, 3)": lambda f, a: (f @ f.T - a) @ f * (f > 0) / 36**2,  # N M of the first example
})  # fmt: skip


class CutsTheWay(Layer):
    def forward(self, input):
        super().forward(input)
        return input.detach()


class CutsTheWayAround(Layer):
    def forward(self, input):
        with torch.no_grad():
            super().forward(input)
            return input.clone()


class Learns(Layer):
    def __init__(self, target):
        super().__init__(target)
        del self.target
        self.target = nn.Parameter(target.detach().clone())


class Scales(Layer):
    """Right numbers, another gradient."""

    def forward(self, input):
        super().forward(input)
        return 2 * input - input.detach()


class Blind(Layer):
    def measure(self, input):
        with torch.no_grad():
            return F.mse_loss(input, self.target)


class Rooted(Layer):
    def measure(self, input):
        return F.mse_loss(input, self.target).sqrt()


class Halved(Layer):
    def measure(self, input):
        return F.mse_loss(input, self.target) / 2


class Entries(Layer):
    def measure(self, input):
        return (input - self.target) ** 2


class Adds(Layer):
    def forward(self, input):
        self.loss = getattr(self, "loss", 0) + self.measure(input)
        return input


class ReturnsTheTarget(Layer):
    def forward(self, input):
        super().forward(input)
        return self.target + 0 * input


class ReturnsNothing(Layer):
    def forward(self, input):
        super().forward(input)


class Pair(Layer):
    def forward(self, input):
        super().forward(input)
        return input, self.loss


class Method(nn.Module):
    def __init__(self, target):
        super().__init__()
        self.target = target.detach()

    def loss(self):
        return F.mse_loss(self.input, self.target)

    def forward(self, input):
        self.input = input
        return input


wrong(checks.content_layer, {
    "cuts the gradient of what goes through": CutsTheWay,
    "would never reach the picture": CutsTheWayAround,
    "is a parameter of the layer": Learns,
    "changes the gradient of what goes through": Scales,
    "carries no gradient": Blind,
    "the root of the mean": Rooted,
    "half the mean": Halved,
    "the loss is not a number": Entries,
    "the losses of all inputs add up": Adds,
    "forward returns the target": ReturnsTheTarget,
    "returns None": ReturnsNothing,
    "must be its input": Pair,
    "`loss` is a function": Method,
})  # fmt: skip


def stands_still(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=rate)
    best, lowest = None, float("inf")
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        if value < lowest:
            best, lowest = x.detach().clone(), value.item()
        optimizer.step()
        x = x.detach().clamp(0, 1).requires_grad_()  # the optimiser keeps the x that it was given
    return best, lowest


def without_an_optimiser(loss, start, steps, rate):
    x = start.clone()
    values = [loss(x).item() for _ in range(steps)]
    return x, min(values)


def uphill(loss, start, steps, rate):
    x, best, lowest = start.clone(), start.clone(), float("inf")
    for _ in range(steps):
        x = x.requires_grad_()
        value = loss(x)
        (slope,) = torch.autograd.grad(value, x)
        if value.item() < lowest:
            best, lowest = x.detach(), value.item()
        x = (x.detach() + 0.02 * slope).clamp(0, 1)
    return best, lowest


def outside_in_between(loss, start, steps, rate):
    x = start.clone().requires_grad_()
    optimizer = torch.optim.Adam([x], lr=rate)
    best, lowest = None, float("inf")
    for _ in range(steps):
        optimizer.zero_grad()
        value = loss(x)
        value.backward()
        if value < lowest and 0 <= x.min() and x.max() <= 1:
            best, lowest = x.detach().clone(), value.item()
        optimizer.step()
    return best, lowest


def asks_again_and_again(loss, start, steps, rate):
    for _ in range(steps):
        for _ in range(4):
            loss(start)
    return search(loss, start, steps, rate)


def with_its_graph(loss, start, steps, rate):
    best, _ = search(loss, start, steps, rate)
    return best, loss(best.requires_grad_())


wrong(checks.best_in_box, {
    "the search stands still": stands_still,
    "moves the tensor that it was given": without_an_optimiser,
    "go against the gradient": uphill,
    "outside [0, 1]: clamp between": outside_in_between,
    "once a step is enough": asks_again_and_again,
    "with its graph": with_its_graph,
    "the loss was asked 6 times": lambda loss, start, steps, rate: search(loss, start, 6, rate),
    "a picture of the shape": lambda *given: (search(*given)[0][0], search(*given)[1]),
    "got Tensor": lambda *given: search(*given)[0],
})  # fmt: skip


def runs_out(blocks):
    names = named(blocks)
    return lambda count: [names(k) for k in range(1, sum(blocks) + 1)][count - 1]


wrong(checks.paper_name, {
    "three convolutions; VGG-19's have four": runs_out((2, 2, 3, 3, 3)),
    "the article's own name": lambda count: f"conv_{count}",
    "counted from 1, not from 0": lambda count: f"{RIGHT_NAMES(count)[:6]}{int(RIGHT_NAMES(count)[6]) - 1}",
    "the blocks are counted from 1": lambda count: f"conv{int(RIGHT_NAMES(count)[4]) - 1}{RIGHT_NAMES(count)[5:]}",
    "block and number are exchanged": lambda count: f"conv{RIGHT_NAMES(count)[6]}_{RIGHT_NAMES(count)[4]}",
    "the paper writes an underscore": lambda count: RIGHT_NAMES(count).replace("_", "-"),
    "the name begins with conv": lambda count: RIGHT_NAMES(count)[4:],
    "all blocks as large as the first": lambda count: f"conv{(count + 1) // 2}_{2 - count % 2}",
    "conv_16: 'conv6_1' is not right": lambda count: "conv6_1" if count == 16 else RIGHT_NAMES(count),
    "counts from conv_1 to conv_16": lambda count: RIGHT_NAMES(count) if count < 16 else [][0],
})  # fmt: skip

wrong(checks.weight_sweep, {
    "the three content losses": predictions(SWEEP, place=0, to="neither"),
    "the three style losses": predictions(SWEEP, place=1, to="neither"),
    "whose content loss is 0": predictions(SWEEP, place=3, to="grey"),
    "none of the words": predictions(SWEEP, place=0, to="up"),
})  # fmt: skip


def method(layers, mean, std, photo, painting, style_weight, steps, *, normalise=lambda x, m, s: (x - m) / s, divide=True,
           style=None, content=None, weigh=None, clamp="place", start=None, note=lambda c, s: (c.item(), s.item()),
           give=None):  # fmt: skip
    """The right one, but for what the arguments change."""

    def features(picture):
        maps = [normalise(picture, mean, std)]
        for layer in layers:
            maps.append(layer(maps[-1]))
        return maps[1:]

    def gram(maps):
        rows = maps.flatten(2)
        return rows @ rows.mT / (rows[0].numel() if divide else 1)

    with torch.no_grad():
        wanted, painted = features(photo), [gram(f) for f in features(painting)]
    x = (photo if start is None else start(photo)).clone().requires_grad_()
    optimizer, trace = torch.optim.Adam([x], lr=0.03), []
    for _ in range(steps):
        found = features(x)
        spread = (wanted[-1] - wanted[-1].mean()).square().sum()
        c = content(found, wanted) if content else (found[-1] - wanted[-1]).square().sum() / spread
        grams = [gram(f) for f in found]
        terms = [(g - a).square().sum() / a.square().sum() for g, a in zip(grams, painted, strict=True)]
        s = style(terms, grams, painted) if style else sum(terms)
        trace.append(note(c, s))
        optimizer.zero_grad()
        (weigh(c, s, style_weight) if weigh else c + style_weight * s).backward()
        optimizer.step()
        if clamp == "place":
            x.data.clamp_(0, 1)
        elif clamp == "other":
            x = x.detach().clamp(0, 1).requires_grad_()
    return give(x, trace, photo) if give else (x.detach().clamp(0, 1), trace)


def changed(**changes):
    return lambda *given: method(*given, **changes)


def squares(found, wanted, layer=-1):
    return (found[layer] - wanted[layer]).square().sum()


def spread(wanted, layer=-1):
    return (wanted[layer] - wanted[layer].mean()).square().sum()


wrong(checks.whole_method, {
    "shown the picture itself": changed(normalise=lambda x, m, s: x),
    "normalising divides by it": changed(normalise=lambda x, m, s: (x - m) * s),
    "not divided by C H W": changed(divide=False),
    "multiplied by the style weight already": changed(
        style=lambda terms, *_: 10 * sum(terms), weigh=lambda c, s, w: c + s),
    "has the last layer only": changed(style=lambda terms, *_: terms[-1]),
    "has the first layer only": changed(style=lambda terms, *_: terms[0]),
    "the mean over the layers": changed(style=lambda terms, *_: sum(terms) / len(terms)),
    "the picture's own; the size of the target": changed(
        style=lambda t, grams, painted: sum((g - a).square().sum() / g.square().sum() for g, a in zip(grams, painted))),
    "not divided by the sum of A^2": changed(
        style=lambda t, grams, painted: sum((g - a).square().sum() for g, a in zip(grams, painted))),
    "the roots of the quotients": changed(style=lambda terms, *_: sum(t.sqrt() for t in terms)),
    "clamp between the steps": changed(clamp="end"),
    "the search stands still": changed(clamp="other"),
    "not divided by sum (P - mean of P)^2": changed(content=squares),
    "the mean of squares": changed(content=lambda f, p: F.mse_loss(f[-1], p[-1])),
    "divided by the sum of P^2": changed(content=lambda f, p: squares(f, p) / p[-1].square().sum()),
    "both sums, or both means": changed(content=lambda f, p: squares(f, p) / p[-1].var(correction=0)),
    "looks at the first layer": changed(content=lambda f, p: squares(f, p, 0) / spread(p, 0)),
    "adds up all layers": changed(content=lambda f, p: sum(squares(f, p, k) / spread(p, k) for k in (0, 1))),
    "there is no 1/2": changed(content=lambda f, p: squares(f, p) / spread(p) / 2),
    "is not 0: the search starts": changed(start=torch.rand_like),
    "the wrong way round": changed(note=lambda c, s: (s.item(), c.item())),
    "with their graphs": changed(note=lambda c, s: (c, s)),
    "two lists of losses": changed(give=lambda x, trace, _: (x.detach(), list(zip(*trace, strict=True)))),
    "pairs of numbers": changed(note=lambda c, s: c.item() + s.item()),
    "for each of the 30 evaluations, got 1": changed(give=lambda x, trace, _: (x.detach(), trace[-1:])),
    "with its history": changed(give=lambda x, trace, _: (x, trace)),
    "not the one that was searched for": changed(give=lambda x, trace, photo: (photo.clone(), trace)),
    "of the photograph's shape": changed(give=lambda x, trace, _: (x[0].detach(), trace)),
    "two results": changed(give=lambda x, trace, _: x.detach()),
    "keeps no more of the photograph": changed(weigh=lambda c, s, w: w * s),
    "against the gradient": changed(weigh=lambda c, s, w: -c - w * s),
    "in place": changed(give=lambda x, trace, photo: (photo.add_(0.1), trace)),
})  # fmt: skip
