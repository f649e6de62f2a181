"""What all checks share: how a student's function is called, how its answer is compared, and what is said of it.

A check calls the answer on random input and compares with an oracle: a closed form, autograd, numpy. A wrong answer is compared
with what the typical mistakes give, and the hint of the mistake that fits is raised.
"""

from __future__ import annotations

import contextlib
import functools
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from typing import Any, NoReturn

import torch
from torch import Tensor

CHECKS: dict[str, Callable[..., None]] = {}  # every check by its name
_strict: ContextVar[bool] = ContextVar("strict", default=False)


class CheckFailed(AssertionError):
    """A wrong answer; its text is the hint."""

    def _render_traceback_(self) -> list[str]:
        """What a notebook shows: the hint, and before it the student's own traceback where there is one."""
        cause = traceback.format_exception(self.__cause__) if self.__cause__ else []
        hint = (line for part in f"CheckFailed: {self}".splitlines() for line in textwrap.wrap(part, 100) or [""])
        return [*"".join(cause).splitlines(), *hint]


@contextlib.contextmanager
def strict() -> Iterator[None]:
    """Within it an exercise that is not attempted fails: for marks."""
    token = _strict.set(True)
    try:
        yield
    finally:
        _strict.reset(token)


def check(examine: Callable[..., str]) -> Callable[..., None]:
    """Make a check of `examine(answer)`, which returns what it verified or raises CheckFailed with a hint.

    The check prints "right: …", or "not attempted yet" where the answer is still a stub (a bare `raise NotImplementedError`).
    """

    @functools.wraps(examine)
    def checked(*answers: Any) -> None:
        try:
            print(f"right: {examine(*answers)}")
        except NotImplementedError as error:
            if error.args:  # torch's own, such as "not implemented for 'Long'"
                raise
            if _strict.get():
                fail("not attempted yet")
            print("not attempted yet")

    CHECKS[examine.__name__] = checked
    return checked


def fail(hint: str) -> NoReturn:
    """Raise CheckFailed with this hint."""
    raise CheckFailed(hint) from None


def call(function: Callable, *arguments: Any, if_it_raises: str = "", **keywords: Any) -> Any:
    """What the student's function returns; CheckFailed where it raises, returns nothing, or changes a tensor that it was given."""
    name = getattr(function, "__name__", "your function")
    before = [t.detach().clone() for t in tensors((arguments, keywords))]
    try:
        result = function(*arguments, **keywords)
    except Exception as error:
        if isinstance(error, CheckFailed) or isinstance(error, NotImplementedError) and not error.args:
            raise
        shapes = ", ".join(str(tuple(t.shape)) for t in before)
        hint = if_it_raises or f"given tensors of the shapes {shapes or '(none)'}"
        raise CheckFailed(f"{name} raised {type(error).__name__}: {error}\n{hint}") from error
    for old, now in zip(before, tensors((arguments, keywords)), strict=True):
        if old.shape != now.shape or not torch.equal(old, now.detach()):
            fail(f"{name} changes its argument in place. Whoever called it still needs the old values: compute new ones "
                 "(a - b, not a -= b; a.div(b), not a.div_(b); .clone() before writing into a part)")  # fmt: skip
    if result is None:
        fail(f"{name} returns None: is there a `return` at its end?")
    return result


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a nest of lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)


def compare(got: Any, right: Any, mistakes: Mapping[str, Any] | None = None, about: str = "", rtol: float = 1e-4) -> None:
    """CheckFailed unless `got` is `right`, up to `rtol` of the largest number.

    mistakes: {hint: what that mistake gives}; the first that fits is the hint.   about: the input, for the general message.
    """
    if close(got, right, rtol):
        return
    for hint, wrong in (mistakes or {}).items():
        if close(got, wrong, rtol):
            fail(hint)
    fail(difference(got, right, rtol) + (f" ({about})" if about else ""))


def number(value: Any) -> Tensor | None:
    """A number, a tensor or an array as float64; None where it is none of these."""
    try:
        return torch.as_tensor(value).detach().double().cpu()
    except (TypeError, ValueError, RuntimeError):
        return None


def close(got: Any, right: Any, rtol: float = 1e-4) -> bool:
    """Same shape, and no entry further away than `rtol` of the largest."""
    a, b = number(got), number(right)
    if a is None or b is None or a.shape != b.shape or not torch.isfinite(a).all():
        return False
    return bool((a - b).abs().max() <= rtol * b.abs().max() + 1e-9) if b.numel() else True


def difference(got: Any, right: Any, rtol: float = 1e-4) -> str:
    """What is wrong with an answer that fits no typical mistake."""
    a, b = number(got), number(right)
    if a is None:
        return f"expected numbers of the shape {tuple(b.shape)}, got {type(got).__name__}"
    if a.shape != b.shape:
        return f"expected the shape {tuple(b.shape)}, got {tuple(a.shape)}"
    if not torch.isfinite(a).all():
        return "the result holds NaN or infinite numbers: is something divided by 0, or the root of a negative number taken?"
    factor = float((a * b).sum() / b.square().sum()) if b.any() else 0.0
    if factor and close(a / factor, b, rtol):
        return f"right but for a factor: yours is {factor:.4g} times the right one. Look at the divisions and at the sign"
    if a.ndim > 1 and a.shape[-1] == a.shape[-2] and close(a.mT, b, rtol):
        return "transposed: rows and columns are exchanged"
    where = tuple(int(i) for i in torch.unravel_index((a - b).abs().argmax(), a.shape))
    place = f" at {where}" if where else ""
    return f"not right: expected {float(b[where]):.5g}{place}, got {float(a[where]):.5g}"


def must_learn(loss: Any, who: str) -> Tensor:
    """`loss`, if a gradient goes back from it; CheckFailed where `who` could not learn from it."""
    if not isinstance(loss, Tensor) or not loss.requires_grad:
        fail(f"the loss carries no gradient: .item(), .detach(), no_grad or numpy cut it off, and {who} could not learn from it")
    return loss


def answers(given: Any, right: Mapping[str, Any], hints: Mapping[tuple[str, Any], str], rtol: float = 0.01) -> None:
    """Compare a dictionary of answers with the right ones, numbers up to `rtol`.

    hints: {(question, wrong answer): hint}.
    """
    if not isinstance(given, Mapping):
        fail(f"expected a dictionary with the keys {', '.join(map(repr, right))}, got {type(given).__name__}")
    for question, wanted in right.items():
        if question not in given:
            fail(f"there is no answer to {question!r}; the keys are {', '.join(map(repr, right))}")
        if not same(given[question], wanted, rtol):
            told = next((h for (q, wrong), h in hints.items() if q == question and same(given[question], wrong, rtol)), "")
            fail(f"{question!r}: {told}" if told else f"{question!r}: {given[question]!r} is not what the experiment shows")


def same(given: Any, wanted: Any, rtol: float) -> bool:
    """Equal words, or numbers that are close."""
    if isinstance(wanted, str | bool | None) or isinstance(given, str | bool | None):
        return type(given) is type(wanted) and given == wanted
    return close(given, wanted, rtol)


def rand(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers in [0, 1), always the same; the global random state is left alone."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32, device="cpu")


def randn(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers of a unit normal, always the same; the global random state is left alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32, device="cpu")
