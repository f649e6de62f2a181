"""A projected L-BFGS: the optimiser for pictures, which live in a box.

Gatys' method optimises pixels, and pixels end at 0 and 1. The usual loop clamps them inside the closure, which moves the point
behind the optimiser's back: its picture of the curvature is then wrong, and now and then it explodes. Here the box is part of the
method. Every step is projected into it, and none is taken that does not lower the loss.

Nocedal & Wright, "Numerical Optimization", algorithms 7.4 (two-loop recursion) and 3.1 (backtracking); Bertsekas 1982 for the
projection. scipy's L-BFGS-B solves the same problem (the tests compare); this one stays on the picture's device and in float32.

A picture is not any vector: the loss curves along its greys otherwise than along its greens, along broad strokes otherwise than
along fine grain. `Bands` tells L-BFGS so, which then needs fewer evaluations for the same loss (lesson 03 counts them).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch
from torch import Tensor

Memory = deque[tuple[Tensor, Tensor, Tensor]]  # steps, changes of the gradient, and their products

SUFFICIENT = 1e-4  # Armijo's constant: the share of the promised decrease that a step must keep
FIRST_STEP = 0.05  # the largest change of a pixel in a step that knows nothing of the curvature yet
CURVATURE = 1e-8  # the least cosine of a step and its change of the gradient that is worth remembering
SHORTEST = 1e-3  # a line search that has backed up this far has failed
TRUST = 1 / 3  # see Bands: at most so much; 0 gives every band the same scale, 1/2 the bands' whole difference
OPPONENTS = ((1.0, 1.0, 1.0), (1.0, 0.0, -1.0), (-1.0, 2.0, -1.0))  # grey, red - blue, green - magenta: Ohta et al. 1980


def minimize_in_box(
    function: Callable[[Tensor], tuple[float, Tensor]], start: Tensor, evaluations: int, history: int = 20
) -> Tensor:
    """The best point found for `function` within [0, 1], starting at `start`, after at most `evaluations` calls.

    function: point -> (loss, gradient of the point's shape). A loss that is not finite counts as a step too long.
    history: the steps remembered. A start of the shape (B, 3, H, W) is taken for pictures, whose bands scale alike (see `Bands`).
    The losses of accepted points only ever fall; it stops early at a stationary point, and where no step along the gradient lowers
    the loss any more.
    """
    x = start.clamp(0, 1)
    loss, gradient = function(x)
    memory: Memory = deque(maxlen=history)
    bands = Bands(x, history) if x.ndim == 4 and x.shape[1] == 3 else None
    spent = 1
    while spent < evaluations:
        direction = _direction(x, gradient, memory, bands)
        if not direction.any():  # a stationary point, or every pixel held by the box
            break
        length, tries, accepted = 1.0, 0, False
        while not accepted and spent < evaluations and length > SHORTEST:
            new_x = (x + length * direction).clamp(0, 1)
            new_loss, new_gradient = function(new_x)
            spent, tries = spent + 1, tries + 1
            accepted = new_loss <= loss + SUFFICIENT * float((gradient * (new_x - x)).sum())  # False for NaN
            length *= 0.3
        if bands:
            bands.heed(too_long=tries > 1)
        if accepted:
            if remember(memory, new_x - x, new_gradient - gradient) and bands:
                bands.learn(*memory[-1])
            x, loss, gradient = new_x, new_loss, new_gradient
        elif memory:
            memory.clear()  # the curvature it remembers misled it: begin again from here
        else:
            break
    return x


def remember(memory: Memory, step: Tensor, change: Tensor) -> bool:
    """Add a step and the gradient's change along it, and say so; where the loss curves down there is nothing to learn."""
    product = (step * change).sum()
    curves_up = bool(product > CURVATURE * step.norm() * change.norm())  # a cosine: whatever the scale of the function
    if curves_up:
        memory.append((step, change, product))
    return curves_up


class Bands:
    """The inverse Hessian before anything is remembered: a scale per opponent colour and octave of spatial frequency, learned.

    L-BFGS may start from any positive definite matrix, and usually takes one number, s'y / y'y, times the identity (Nocedal &
    Wright, eq. 7.20). Here it is D = sum over bands b of d_b P_b, P_b the projection onto one colour and octave. With S_b and Y_b
    the sums over the remembered pairs of |P_b s|^2 / s'y and |P_b y|^2 / s'y,

        d_b = k (S_b / Y_b)^trust,   k such that the sum over pairs of s'D^-1 s / s'y is the sum of y'D y / s'y.

    On a quadratic whose curvature is one number per band, S_b / Y_b is the inverse of its square. Oren & Luenberger 1974 for a
    single learned number, Gilbert & Lemaréchal 1989 (Mathematical Programming 45) for one per unknown.

    Where a Hessian varies much within a band, D promises too much, step after step: `heed` then brings the bands' scales nearer to
    one another. (Making all of D smaller instead left two pairs of twenty at nearly twice the loss of the plain recursion.)
    """

    def __init__(self, picture: Tensor, history: int):
        """picture: any of the shape (B, 3, H, W), dtype and device of those to come."""
        height, width = self.size = tuple(picture.shape[-2:])
        side = min(self.size)
        across = torch.fft.rfftfreq(width)  # (W/2 + 1,): the other half of a real picture's spectrum mirrors this one
        cycles = torch.hypot(torch.fft.fftfreq(height)[:, None], across) * side  # (H, W/2 + 1), per shorter side
        octave = cycles.clamp_min(0.5).log2().floor().long() + 1  # 0: less than a cycle
        octave = octave.clamp_max(side.bit_length() - 1)  # the corners of the spectrum join the last whole octave
        masks = torch.nn.functional.one_hot(octave).movedim(-1, 0)  # (K, H, W/2 + 1)
        mirrored = 2.0 - ((across == 0) | (across == 0.5)).float()
        self.masks, self.counts = masks.to(picture), (masks * mirrored).to(picture)
        self.colours = torch.nn.functional.normalize(torch.tensor(OPPONENTS), dim=1).to(picture)  # (3, 3), orthogonal
        self.pairs: deque[tuple[Tensor, Tensor]] = deque(maxlen=history)
        self.trust = TRUST

    def heed(self, too_long: bool) -> None:
        """Less trust in the bands' difference after a step that proved too long, and slowly all of it again after others."""
        self.trust = 0.5 * self.trust if too_long else min(1.1 * self.trust, TRUST)

    def learn(self, step: Tensor, change: Tensor, product: Tensor) -> None:
        """Note how a remembered pair (B, 3, H, W) and its product share out over the bands."""
        self.pairs.append((self.energies(step) / product, self.energies(change) / product))

    def energies(self, v: Tensor) -> Tensor:
        """|P_b v|^2 of each band: (B, 3, H, W) -> (3, K)."""
        return torch.einsum("bchw,khw->ck", self._spectrum(v).abs().square(), self.counts)

    def scales(self) -> Tensor:
        """d_b: (3, K), positive; 1 before the first pair."""
        if not self.pairs:
            return self.masks.new_ones(3, len(self.masks))
        steps, changes = (torch.stack(e).sum(0) for e in zip(*self.pairs, strict=True))
        steps, changes = (e + 1e-9 * e.mean() for e in (steps, changes))  # a band that nothing has moved in gets the mean scale
        scales = (steps / changes) ** self.trust
        return scales * ((steps / scales).sum() / (changes * scales).sum()).sqrt()

    def __call__(self, q: Tensor) -> Tensor:
        """D q, for q of the shape (B, 3, H, W)."""
        spectrum = self._spectrum(q) * torch.einsum("ck,khw->chw", self.scales(), self.masks)
        return torch.einsum("dc,bdhw->bchw", self.colours, torch.fft.irfft2(spectrum, s=self.size, norm="ortho"))

    def _spectrum(self, v: Tensor) -> Tensor:
        """(B, 3, H, W) RGB -> (B, 3, H, W/2 + 1) opponent colours, complex, of the same length but for the half left out."""
        return torch.fft.rfft2(torch.einsum("dc,bchw->bdhw", self.colours, v), norm="ortho")


def _direction(x: Tensor, gradient: Tensor, memory: Memory, bands: Bands | None) -> Tensor:
    """A descent direction on the pixels that are free to move: those at 0 or 1 may only come back in."""
    free = ~((x <= 0) & (gradient > 0) | (x >= 1) & (gradient < 0))
    direction = -inverse_hessian_times(gradient * free, memory, bands) * free if memory else None
    if direction is None or not (direction * gradient).sum() < 0:  # nor where it is NaN
        memory.clear()
        if bands:
            bands.pairs.clear()
        steepest = -gradient * free
        direction = steepest * (FIRST_STEP / steepest.abs().max().clamp_min(1e-30))
    return direction


def inverse_hessian_times(q: Tensor, memory: Memory, before: Callable[[Tensor], Tensor] | None = None) -> Tensor:
    """The two-loop recursion: what the remembered steps say of the inverse Hessian, times the vector q.

    before: the inverse Hessian without them, as a function of a vector; None: the last step's s'y / y'y times the vector.
    """
    shares = []
    for step, change, product in reversed(memory):
        shares.append(_dot(step, q) / product)
        q = torch.addcmul(q, change, shares[-1], value=-1)  # q - share * change, in one pass
    _, change, product = memory[-1]
    q = before(q) if before else q * (product / change.square().sum())
    for (step, change, product), share in zip(memory, reversed(shares), strict=True):
        q = torch.addcmul(q, step, share - _dot(change, q) / product)
    return q


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return a.flatten() @ b.flatten()
