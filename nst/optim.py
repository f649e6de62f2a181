"""A projected L-BFGS: the optimiser for pictures, which live in a box.

Gatys' method optimises pixels, and pixels end at 0 and 1. The usual loop clamps them inside the closure, which moves the point
behind the optimiser's back: its picture of the curvature is then wrong, and now and then it explodes. Here the box is part of the
method. Every step is projected into it, and none is taken that does not lower the loss.

Nocedal & Wright, "Numerical Optimization", algorithms 7.4 (two-loop recursion) and 3.1 (backtracking); Bertsekas 1982 for the
projection. scipy's L-BFGS-B solves the same problem (the tests compare); this one stays on the picture's device and in float32.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from torch import Tensor

Memory = deque[tuple[Tensor, Tensor, Tensor]]  # steps, changes of the gradient, and their products

SUFFICIENT = 1e-4  # Armijo's constant: the share of the promised decrease that a step must keep
FIRST_STEP = 0.05  # the largest change of a pixel in a step that knows nothing of the curvature yet
SHORTEST = 1e-3  # a line search that has backed up this far has failed


def minimize_in_box(
    function: Callable[[Tensor], tuple[float, Tensor]], start: Tensor, evaluations: int, history: int = 20
) -> Tensor:
    """The best point found for `function` within [0, 1], starting at `start`, after at most `evaluations` calls.

    function: point -> (loss, gradient of the point's shape). A loss that is not finite counts as a step too long.
    The losses of accepted points only ever fall; it stops early where no step along the gradient lowers the loss any more.
    """
    x = start.clamp(0, 1)
    loss, gradient = function(x)
    memory: Memory = deque(maxlen=history)
    spent = 1
    while spent < evaluations:
        direction = _direction(x, gradient, memory)
        length, accepted = 1.0, False
        while not accepted and spent < evaluations and length > SHORTEST:
            new_x = (x + length * direction).clamp(0, 1)
            new_loss, new_gradient = function(new_x)
            spent += 1
            accepted = new_loss <= loss + SUFFICIENT * float((gradient * (new_x - x)).sum())  # False for NaN
            length *= 0.3
        if accepted:
            remember(memory, new_x - x, new_gradient - gradient)
            x, loss, gradient = new_x, new_loss, new_gradient
        elif memory:
            memory.clear()  # the curvature it remembers misled it: begin again from here
        else:
            break
    return x


def remember(memory: Memory, step: Tensor, change: Tensor) -> None:
    """Add a step and the gradient's change along it; a step along which the loss curves down has nothing to teach."""
    product = (step * change).sum()
    if product > 1e-10 * change.square().sum():
        memory.append((step, change, product))


def _direction(x: Tensor, gradient: Tensor, memory: Memory) -> Tensor:
    """A descent direction on the pixels that are free to move: those at 0 or 1 may only come back in."""
    free = ~((x <= 0) & (gradient > 0) | (x >= 1) & (gradient < 0))
    direction = -inverse_hessian_times(gradient * free, memory) * free if memory else None
    if direction is None or (direction * gradient).sum() >= 0:
        memory.clear()
        steepest = -gradient * free
        direction = steepest * (FIRST_STEP / steepest.abs().max().clamp_min(1e-30))
    return direction


def inverse_hessian_times(q: Tensor, memory: Memory) -> Tensor:
    """The two-loop recursion: what the remembered steps say of the inverse Hessian, times the vector q."""
    shares = []
    for step, change, product in reversed(memory):
        shares.append((step * q).sum() / product)
        q = q - shares[-1] * change
    _, change, product = memory[-1]
    q = q * (product / change.square().sum())
    for (step, change, product), share in zip(memory, reversed(shares), strict=True):
        q = q + step * (share - (change * q).sum() / product)
    return q
