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
