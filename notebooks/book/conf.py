"""How Sphinx sets the book. `notebooks/make/book.py` writes its pages and calls Sphinx; README.md here says what goes where."""

from __future__ import annotations

import inspect
import shutil
import sys
from pathlib import Path

from docutils import nodes

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "make"), str(HERE.parents[1])]

from formulas import FONT, displayed, mathml, style  # noqa: E402

import nst  # noqa: E402

project = "Neural style transfer, from the papers up"
author = copyright = "the neural style course authors"
version = release = nst.__version__
html_title = project
language = "en"
smartquotes = False  # a docstring's "chw" is code

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.linkcode", "sphinx_copybutton", "docstrings"]

# Lessons as they are stored: nothing is executed, and nothing comes from another place.
nb_execution_mode = "off"
nb_ipywidgets_js = {}
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
html_math_renderer = "mathml"
copybutton_exclude = ".linenos, .gp, .go"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False
python_use_unqualified_type_names = True
maximum_signature_line_length = 90

html_theme = "furo"
pygments_dark_style = "github-dark"
html_favicon = "static/icon.svg"
html_static_path = ["static"]
templates_path = ["templates"]
html_css_files = ["formulas.css", "book.css"]
html_copy_source = html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {
    "top_of_page_buttons": [],
    "light_css_variables": {"color-brand-primary": "#1f4e9c", "color-brand-content": "#1f4e9c"},
    "dark_css_variables": {"color-brand-primary": "#8fb4f0", "color-brand-content": "#8fb4f0"},
}
html_context = {}  # `address` and `painting`, from notebooks/make/book.py
html_sidebars = {
    "**": ["sidebar/brand.html", "sidebar/search.html", "sidebar/scroll-start.html", "paint.html", "sidebar/navigation.html",
           "sidebar/scroll-end.html"],
}  # fmt: skip


def linkcode_resolve(domain: str, info: dict) -> str | None:
    """Where the source of a documented thing is read: at the repository's address, if that is known."""
    address = html_context.get("address")
    thing = sys.modules.get(info["module"])
    for name in info["fullname"].split("."):
        thing = inspect.unwrap(getattr(thing, name, None)) if thing is not None else None
    try:
        lines, first = inspect.getsourcelines(thing)
        file = Path(inspect.getsourcefile(thing)).relative_to(HERE.parents[1]).as_posix()
    except (TypeError, OSError, ValueError):  # a property, a number, or something that is not ours
        return None
    return f"{address}/blob/v{version}/{file}#L{first}-L{first + len(lines) - 1}" if address else None


def inline_formula(writer, node: nodes.math) -> None:
    writer.body.append(mathml(node.astext()))
    raise nodes.SkipNode


def block_formula(writer, node: nodes.math_block) -> None:
    writer.body.append(displayed(node.astext()))
    raise nodes.SkipNode


def add_style_of_formulas(app) -> None:
    static = Path(app.outdir) / "_static"
    static.mkdir(parents=True, exist_ok=True)
    shutil.copy(FONT, static)
    (static / "formulas.css").write_text(style(FONT.name), encoding="utf-8", newline="\n")


def say_language(app, pagename: str, templatename: str, context: dict, doctree: nodes.document | None) -> None:
    if pagename == "zh":
        context["language"] = "zh-Hans"  # of <html>: for fonts, and for whoever has the page read aloud


def setup(app) -> dict:
    app.connect("html-page-context", say_language)
    app.connect("builder-inited", add_style_of_formulas)
    app.add_html_math_renderer("mathml", (inline_formula, None), (block_formula, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
