"""Formulas as MathML, which browsers show without a script and without a network: of slides, of `make run`'s pages, of the book."""

from __future__ import annotations

import html
import re
from base64 import b64encode
from pathlib import Path

from latex2mathml.converter import convert

FONT = Path(__file__).with_name("math.woff")  # math_font.py makes it
STYLE = """math { font-family: Formulas, math; font-size: 1.05em }
.formula { display: flex; flex-wrap: wrap; justify-content: safe center; align-items: baseline; gap: .5em 2em;
           margin: 1em 0; padding: .2em 0; overflow: auto hidden }
"""
CODE = re.compile(r"(<pre.*?</pre>|<code.*?</code>)", flags=re.DOTALL)


def style(font: str = "") -> str:
    """The CSS of formulas. font: the address of math.woff; "" puts it into the CSS itself, for pages that are one file."""
    font = font or f"data:font/woff;base64,{b64encode(FONT.read_bytes()).decode()}"
    return f'@font-face {{ font-family: Formulas; src: url("{font}") }}\n{STYLE}'


MENDED = {
    "&#x000AF;": "&#x0203E;",  # a bar that fonts have
    "<mo>&#x02016;</mo>": '<mo stretchy="false">&#x02016;</mo>',  # the bars of a norm, which would hang below its exponent
    "<mi>&#x02032;</mi>": "<mo>&#x2032;</mo>",  # a prime is no identifier: browsers would slant it away
}


def mathml(tex: str, display: bool = False) -> str:
    """A formula as a <math> element; `display`: one that stands in a line of its own. ValueError: an unknown command."""
    made = convert(re.sub(r"\\arg\b", r"\\operatorname{arg}\\,", tex), display="block" if display else "inline")
    if unknown := re.search(r">(\\\w+)<", made):
        raise ValueError(f"${tex}$: {unknown[1]} is no command that latex2mathml knows")
    for old, new in MENDED.items():
        made = made.replace(old, new)
    return made


def displayed(tex: str) -> str:
    r"""A formula in a line of its own. Where \qquad stands between its parts, a narrow page may break the line."""
    parts = tex.split(r"\qquad")
    parts = parts if all(map(_whole, parts)) else [tex]
    return f'<div class="formula">{"".join(mathml(part.strip(), display=True) for part in parts if part.strip())}</div>'


def _whole(part: str) -> bool:
    """Whether what begins in it ends in it."""
    marks = ((r"\{", r"\}"), (r"\\left\b", r"\\right\b"), (r"\\begin\b", r"\\end\b"))
    return all(len(re.findall(first, part)) == len(re.findall(last, part)) for first, last in marks)


def with_formulas(page: str) -> str:
    """HTML with $$…$$ and $…$ outside of code as MathML."""
    return "".join(piece if CODE.fullmatch(piece) else _set(piece) for piece in CODE.split(page))


def _set(piece: str) -> str:
    piece = re.sub(r"\$\$(.+?)\$\$", lambda found: displayed(html.unescape(found[1])), piece, flags=re.DOTALL)
    return re.sub(r"\$(.+?)\$", lambda found: mathml(html.unescape(found[1])), piece, flags=re.DOTALL)
