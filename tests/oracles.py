"""What several tests compare with."""

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


def article_gram(input: Tensor) -> Tensor:
    """The Gram matrix by the article's own definition."""
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


def relative(a: Tensor, b: Tensor) -> float:
    """How far `a` is from `b`, as a share of `b`."""
    return float((a - b).detach().norm() / b.detach().norm())


class Doubles(TorchFunctionMode):
    """While its `with` block runs, it notes the shape of every tensor that is made double precision."""

    def __init__(self):
        super().__init__()
        self.shapes: list[tuple[int, ...]] = []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        if function.__name__ == "double":
            self.shapes.append(tuple(made.shape))
        return made
