"""Formulas as MathML, which browsers show without a script and without a network: of slides, of `make run`'s pages, of the book."""

from __future__ import annotations

import html
import re

from latex2mathml.converter import convert

CODE = re.compile(r"(<pre.*?</pre>|<code.*?</code>)", flags=re.DOTALL)


def mathml(tex: str, display: bool = False) -> str:
    """A formula as a <math> element; `display`: one that stands in a line of its own."""
    made = convert(tex, display="block" if display else "inline")
    return made.replace("<mi>&#x02032;</mi>", "<mo>&#x2032;</mo>")  # a prime is no identifier: browsers would slant it away


def with_formulas(page: str) -> str:
    """HTML with $$…$$ and $…$ outside of code as MathML."""
    return "".join(piece if CODE.fullmatch(piece) else _set(piece) for piece in CODE.split(page))


def _set(piece: str) -> str:
    def display(found: re.Match) -> str:
        return f'<div class="formula">{mathml(html.unescape(found[1]), display=True)}</div>'

    piece = re.sub(r"\$\$(.+?)\$\$", display, piece, flags=re.DOTALL)
    return re.sub(r"\$(.+?)\$", lambda found: mathml(html.unescape(found[1])), piece, flags=re.DOTALL)
