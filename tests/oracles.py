"""What several tests compare with."""

import torch
from torch import Tensor


def article_gram(input: Tensor) -> Tensor:
    """The Gram matrix by the article's own definition."""
    a, b, c, d = input.size()
    features = input.view(a * b, c * d)
    return torch.mm(features, features.t()).div(a * b * c * d)


def relative(a: Tensor, b: Tensor) -> float:
    """How far `a` is from `b`, as a share of `b`."""
    return float((a - b).detach().norm() / b.detach().norm())
