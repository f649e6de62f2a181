"""The library's docstrings, which are plain text, as reStructuredText for Sphinx.

They are paragraphs; lines `name: what it is`, with what goes on indented; formulas and code, indented by four; lists with "* " or
"1. ". In paragraphs only code in backquotes is marked.
"""

from __future__ import annotations

import re

FIELD = re.compile(r"(\w+(?:(?:, | / )\w+)*):\s+(?=\S)")  # "content, style: …", "ValueError / TypeError: …"
ITEM = re.compile(r"(\*|\d+\.) ")
CODE = re.compile(r"(`[^`]+`)")


def rst(lines: list[str]) -> list[str]:
    """A docstring's lines, dedented, as lines of reStructuredText."""
    made: list[str] = []
    kind, ended = "text", False  # of the last line: text, field, item or literal; whether a sentence or a paragraph ended with it
    for line in map(str.rstrip, lines):
        if not line:
            made, kind, ended = [*made, ""], "literal" if kind == "literal" else "", True
            continue
        field = FIELD.match(line) if ended or kind == "field" else None
        if line.startswith(" ") and kind in ("field", "item") or kind == "field" and not ended and not field:
            new, text = kind, f"   {marked(line.strip())}"
        elif line.startswith(" "):
            new, text = "literal", f"   {line}"
        elif field:
            new, text = "field", f":{field[1]}: {marked(line[field.end() :])}"
        elif item := ITEM.match(line):
            new, text = "item", item[0] + marked(line[item.end() :])
        else:
            new, text = "text", marked(line)
        if new != kind:
            made += ["", "::", ""] if new == "literal" else [""]
        made, kind, ended = [*made, text], new, line.endswith((".", "?", ":"))
    return [*made, ""]


def marked(text: str) -> str:
    """A line of text in which only code in backquotes is marked."""
    pieces = CODE.split(text)  # code stands at the odd places
    plain = re.compile(r"([\\*|`]|_(?=\W|$))")
    return "".join(f"\\ `{piece}`\\ " if n % 2 else plain.sub(r"\\\1", piece) for n, piece in enumerate(pieces))


def process(app, what: str, name: str, thing: object, options: object, lines: list[str]) -> None:
    lines[:] = rst(lines)


def setup(app) -> dict:
    app.connect("autodoc-process-docstring", process)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
