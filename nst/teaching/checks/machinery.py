"""What all checks share: how a student's function is called, how its answer is compared, and what is said of it.

A check calls the answer on random input and compares with an oracle: a closed form, autograd, numpy. A wrong answer is compared
with what the typical mistakes give, and the hint of the mistake that fits is raised.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import numbers
import textwrap
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, NoReturn

import numpy as np
import torch
from torch import Tensor, nn

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


def call(function: Callable, *arguments: Any, if_it_raises: str = "", may_change: bool = False, **keywords: Any) -> Any:
    """What the student's function returns; CheckFailed where it raises, returns nothing, or changes what it was given.

    may_change: networks among the arguments may be changed; tensors, arrays, lists and dictionaries may not.
    """
    name = getattr(function, "__name__", "your function")
    given = (arguments, keywords)
    before = [t.detach().clone() for t in tensors(given)]
    networks = [] if may_change else [(net, state_of(net)) for net in arguments if isinstance(net, nn.Module)]
    plain, kept = [a for a in arguments if is_plain(a)], copy.deepcopy([a for a in arguments if is_plain(a)])
    grad = torch.is_grad_enabled()
    try:
        result = function(*arguments, **keywords)
    except Exception as error:
        if isinstance(error, CheckFailed) or isinstance(error, NotImplementedError) and not error.args:
            raise
        shapes = ", ".join(str(tuple(t.shape)) for t in before)
        hint = if_it_raises or f"given tensors of the shapes {shapes or '(none)'}"
        raise CheckFailed(f"{name} raised {type(error).__name__}: {error}\n{hint}") from error
    finally:
        left_on = torch.is_grad_enabled()
        torch.set_grad_enabled(grad)
    for old, now in zip(before, tensors(given), strict=True):
        if old.shape != now.shape or not torch.equal(old, now.detach()):
            fail(f"{name} changes its argument in place. Whoever called it still needs the old values: compute new ones "
                 "(a - b, not a -= b; a.div(b), not a.div_(b); .clone() before writing into a part)")  # fmt: skip
    if any(repr(old) != repr(now) for old, now in zip(kept, plain, strict=True)):
        fail(f"{name} changes the list or dictionary that it was given. Whoever called it still needs it as it was: work on a "
             "copy, list(…) or sorted(…), not .sort() or .pop()")  # fmt: skip
    for net, old in networks:
        if (what := changed_in(old, state_of(net))) is not None:
            fail(f"the network was changed: {what}. It belongs to the caller, who wants it back as it was")
    if left_on is not grad:
        fail(f"{name} leaves torch with gradients switched {'on' if left_on else 'off'} for everybody: use a `with` block")
    if result is None:
        fail(f"{name} returns None: is there a `return` at its end?")
    return result


def is_plain(value: Any) -> bool:
    """A list or a dictionary of numbers, words and such, without a tensor."""
    return isinstance(value, list | dict | np.ndarray) and not list(tensors(value))


def state_of(net: nn.Module) -> dict[str, Any]:
    """What a network is like for its owner: {what it would be called: its value}."""
    parts = list(net.modules())
    hooks = [(part._forward_hooks, part._forward_pre_hooks, part._backward_hooks) for part in parts]
    return {
        "its layers are others": [repr(net)],
        "eval() or train() was called": [part.training for part in parts],
        "a hook was left in it": [tuple(map(len, kinds)) for kinds in hooks],
        "requires_grad was set": [p.requires_grad for p in net.parameters()],
        "its weights are others": [value.detach().clone() for value in net.state_dict().values()],
    }


def changed_in(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """What differs between two `state_of` one network."""

    def equal(a: Any, b: Any) -> bool:
        return torch.equal(a, b) if isinstance(a, Tensor) else a == b

    differ = (k for k in old if len(old[k]) != len(new[k]) or not all(map(equal, old[k], new[k])))
    return next(differ, None)


def tensors(value: Any) -> Iterator[Tensor]:
    """Every tensor in a nest of lists, tuples and dictionaries."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        yield from tensors(list(value.values()))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from tensors(item)


def pair(value: Any, expected: str) -> tuple[Any, Any]:
    """The two results of a function; CheckFailed where there are not two."""
    row = isinstance(value, list | tuple) or isinstance(value, Tensor | np.ndarray) and value.ndim == 1
    if row and len(value) == 2:
        return value[0], value[1]
    fail(f"expected {expected}, got {f'{len(value)} results' if isinstance(value, list | tuple) else type(value).__name__}")


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
    """A number, a tensor, an array, or a list of them as float64; None where it is none of these."""
    if isinstance(value, list | tuple):
        items = [number(item) for item in value]
        if any(item is None for item in items) or len({item.shape for item in items}) > 1:
            return None
        return torch.stack(items) if items else torch.zeros(0, dtype=torch.float64)
    if isinstance(value, numbers.Real) and not isinstance(value, np.generic):  # a fraction is one, too
        return torch.tensor(float(value), dtype=torch.float64)
    try:
        made = torch.as_tensor(np.asarray(value) if isinstance(value, np.generic) else value).detach().cpu()
    except (TypeError, ValueError, RuntimeError):
        return None
    return None if made.is_complex() else made.double()


def close(got: Any, right: Any, rtol: float = 1e-4) -> bool:
    """Same shape, and no entry further away than `rtol` of the largest; one number may have axes of length 1."""
    a, b = number(got), number(right)
    if a is not None and b is not None and b.ndim == 0 and a.numel() == 1:
        a = a.reshape(())
    if a is None or b is None or a.shape != b.shape or not torch.isfinite(a).all():
        return False
    return bool((a - b).abs().max() <= rtol * b.abs().max() + 1e-9) if b.numel() else True


def difference(got: Any, right: Any, rtol: float = 1e-4) -> str:
    """What is wrong with an answer that fits no typical mistake."""
    a, b = number(got), number(right)
    if a is None:
        complex_ = any(t.is_complex() for t in tensors(got)) or isinstance(got, complex | np.complexfloating)
        what = "complex numbers: is it eig in place of eigh, or the root of a negative number?" if complex_ else type(got).__name__
        return f"expected numbers of the shape {tuple(b.shape)}, got {what}"
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
        fail(f"the result carries no gradient: .item(), .detach(), no_grad or numpy cut it off, and {who} could not learn from it")
    return loss


def learns(function: Callable, oracle: Callable, *given: Tensor, who: str, rtol: float = 1e-3) -> None:
    """CheckFailed unless the gradient that goes back from `function` to each of the tensors given is the one from `oracle`.

    Both are functions of these tensors; who: what could not learn without it.
    """
    cut = "a gradient must come back from the result: numpy cannot pass one on, nor can a tensor that is written into"
    slopes = []
    for way in (lambda *leaves: call(function, *leaves, if_it_raises=cut), oracle):
        leaves = [x.detach().clone().requires_grad_() for x in given]
        result = must_learn(way(*leaves), who)
        pulls = randn(*result.shape, seed=99).to(result.dtype)
        slopes.append(torch.autograd.grad(result, leaves, pulls, allow_unused=True))
    for got, right in zip(*slopes, strict=True):
        if got is None:
            fail(f"no gradient comes back to one of the arguments: .detach(), .data or no_grad cut it off, and {who} could not "
                 "learn from it")  # fmt: skip
        if not torch.isfinite(got).all():
            fail(f"the gradient is NaN or infinite, and {who} could not learn: a root or a quotient at 0 has an infinite slope")
        if not close(got, right, rtol):
            fail(f"the numbers are right, the gradient is not: a part of the way is cut off by .detach(), .data, .item() or "
                 f"no_grad, and {who} would learn something else")  # fmt: skip


def answers(given: Any, right: Mapping[str, Any], hints: Mapping[tuple[str, Any], str], rtol: float = 0.01) -> None:
    """Compare a dictionary of answers with the right ones, numbers up to `rtol`.

    hints: {(question, wrong answer): hint}; each word that the task offers is the right one or has a hint.
    """
    if not isinstance(given, Mapping):
        fail(f"expected a dictionary with the keys {', '.join(map(repr, right))}, got {type(given).__name__}")
    for question, wanted in right.items():
        if question not in given:
            fail(f"there is no answer to {question!r}; the keys are {', '.join(map(repr, right))}")
        answer = given[question]
        if same(answer, wanted, rtol):
            continue
        wrong = {w: hint for (q, w), hint in hints.items() if q == question}
        told = next((hint for w, hint in wrong.items() if same(answer, w, rtol)), "")
        fail(f"{question!r}: {told or _misunderstood(answer, wanted, list(wrong), rtol)}")


def _misunderstood(answer: Any, wanted: Any, others: Sequence[Any], rtol: float) -> str:
    """What is said of an answer that no hint is meant for."""
    truth = is_bool(answer) or isinstance(answer, int) and answer in (0, 1)
    if answer is ... or is_word(answer) and not str(answer).strip(". "):
        return "there is no answer yet, only dots"
    if is_word(wanted):
        words = sorted({str(word) for word in (wanted, *others) if is_word(word)})
        return f"{answer!r} is none of the words {', '.join(map(repr, words))}"
    if is_word(answer):
        return f"{answer!r} is a word in quotes; {'True or False' if is_bool(wanted) else 'a number'} is wanted, without quotes"
    if is_bool(wanted):
        return f"{answer!r} is {'not what the experiment shows' if truth else 'neither True nor False'}"
    if is_bool(answer) or number(answer) is None:
        return f"{answer!r} is not a number"
    if number(answer).numel() == 1 and close(number(answer) / 100, wanted, rtol):
        return f"{answer!r} is in percent; a share is wanted, from 0 to 1"
    return f"{answer!r} is not what the experiment shows"


def is_word(value: Any) -> bool:
    """A string."""
    return isinstance(value, str)


def is_bool(value: Any) -> bool:
    """True and False, also numpy's and torch's."""
    return isinstance(value, bool | np.bool_) or getattr(value, "dtype", None) in (torch.bool, np.dtype(bool)) and value.ndim == 0


def same(given: Any, wanted: Any, rtol: float) -> bool:
    """Equal words, however they are capitalised; equal truths, also as 1 and 0; or numbers that are close."""
    if is_word(wanted) or is_word(given):
        return is_word(wanted) and is_word(given) and given.strip().casefold() == wanted.strip().casefold()
    if is_bool(wanted):
        return (is_bool(given) or isinstance(given, int)) and given in (0, 1) and bool(given) is bool(wanted)
    return not is_bool(given) and close(given, wanted, rtol)


def rand(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers in [0, 1), always the same; the global random state is left alone."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32, device="cpu")


def randn(*shape: int, seed: int = 0) -> Tensor:
    """Random numbers of a unit normal, always the same; the global random state is left alone."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float32, device="cpu")
