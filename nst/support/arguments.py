"""Checks that many modules make of their arguments: an error says which argument it is, what it got and what it wants."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any


def check_choice(name: str, value: Any, allowed: Iterable) -> None:
    """ValueError unless `value` is one of `allowed`."""
    allowed = tuple(allowed)
    if value not in allowed:
        raise ValueError(f"{name}={value!r}: expected one of {', '.join(map(str, allowed))}")


def check_whole(name: str, value: Any, least: int = 1) -> None:
    """ValueError unless it is a whole number of at least `least`; True is none."""
    if not is_whole(value) or value < least:
        raise ValueError(f"{name}={value!r}: expected a whole number of at least {least}")


def check_number(name: str, value: Any, least: float = 0, most: float = math.inf, above: bool = False) -> None:
    """ValueError unless it is a finite number from `least` (or `above` it) to `most`, of Python or of NumPy; True is none."""
    number = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not number or not least <= value <= most or (above and value == least):
        lower = f"above {least}" if above else f"of at least {least}"
        raise ValueError(f"{name}={value!r}: expected a number {lower if most == math.inf else f'from {least} to {most}'}")


def check_share(name: str, value: Any) -> None:
    """ValueError unless it is a number from 0 to 1."""
    check_number(name, value, 0, 1)


def is_whole(value: Any) -> bool:
    """A whole number, of Python or of NumPy; True is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def missing(error: ModuleNotFoundError, extra: str) -> ModuleNotFoundError:
    """The error for a package that comes with an extra of the course only."""
    how = f'in the course\'s folder: pip install -c requirements.lock -e ".[{extra}]"'
    return ModuleNotFoundError(f"{error.name} is not installed; it comes with the extra {extra!r}. {how}", name=error.name)


def unknown(what: str, name: Any, known: Iterable[str], also: str = "") -> ValueError:
    """The error for a name that is not known, with the nearest one; `also`: what else it might have been ("a file, or ")."""
    close = difflib.get_close_matches(str(name), known := list(known), n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    return ValueError(f"unknown {what} {name!r}: {hint}expected {also}one of {', '.join(known)}")
