"""The book: built once from the stored notebooks, read as a browser reads it, and as a reader without a network does.

`make book-check` runs all of it; `make test` leaves out the browser's part, which is marked slow, where there is no Chromium.
"""

from __future__ import annotations

import functools
import html
import http.server
import os
import re
import shutil
import threading
import warnings
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import book
import docstrings
import formulas
import nbformat
import paint
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

TOP = Path(__file__).resolve().parents[2]
LESSONS = sorted(path.stem for path in (TOP / "notebooks").glob("[0-9][0-9]_*.ipynb"))
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
OPTIONS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
PATIENCE = float(os.environ.get("NST_BROWSER_PATIENCE", 180))  # seconds: a busy machine is not a wrong answer
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEElEQVR4nGP4z8CARAw4OQCffwf5fZjRRAAAAABJRU5ErkJggg=="  # 4 x 2 px
ADDRESS = "https://github.com/somebody/neural-style"
BUILT = os.environ.get("NST_BOOK")


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The book without the painting page's models, which are fetched, and with some modules of the library only, which takes half
    the time; with an address, so that every kind of link is there. NST_BOOK names a site that has been built, to look at instead.
    """
    if BUILT:
        return Path(BUILT).resolve()
    folder = tmp_path_factory.mktemp("book") / "site"
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the theme calls what Sphinx will rename
        patch.setattr(book, "house", some_modules)
        book.build(folder, ADDRESS, paint=False)
    return folder


WHOLE = book.house


def some_modules() -> list[tuple[str, str, str]]:
    """Those that the tests look at, and their rooms."""
    some = ("", "gatys", "losses", "transformer_net", "loop", "checks/", "quiz", "runtime")
    return [line for line in WHOLE() if BUILT or line[1] in some]


class Page(HTMLParser):
    """What a page links to, what it loads, and where one can link to in it."""

    def __init__(self, text: str):
        super().__init__()
        self.links, self.loaded, self.places, self.words = [], [], set(), 0
        self.feed(text)

    def handle_starttag(self, tag: str, given: list[tuple[str, str | None]]) -> None:
        facts = {name: value or "" for name, value in given}
        self.places |= {facts[name] for name in ("id", "name") if name in facts}
        if tag == "a" and "href" in facts:
            self.links.append(facts["href"])
        elif tag == "link" and facts.get("rel") not in ("next", "prev", "index", "search", "canonical"):
            self.loaded.append(facts["href"])
        elif "src" in facts:
            self.loaded.append(facts["src"])
        elif tag == "link":
            self.links.append(facts["href"])


@pytest.fixture(scope="session")
def pages(site: Path) -> dict[str, Page]:
    """{address within the site: its page}"""
    found = {path.relative_to(site).as_posix(): path for path in site.rglob("*.html")}
    return {name: Page(path.read_text(encoding="utf-8")) for name, path in found.items()}


# --- the whole book ---------------------------------------------------------------------------------------------------------------


def test_everything_is_a_page(site: Path, pages: dict[str, Page]):
    wanted = {f"{folder}/{lesson}.html" for folder in ("lessons", "exercises") for lesson in LESSONS}
    wanted |= {f"api/{'.'.join(filter(None, [room, module]))}.html" for room, module, _ in some_modules() if module.isidentifier()}
    wanted |= {"index.html", "install.html", "zh.html", "guide.html", "data.html", "benchmarks.html", "playground.html",
               "exercises/index.html", "api/index.html", "search.html", "licences.html", "contributing.html"}  # fmt: skip
    assert wanted - set(pages) == set() and len(wanted) > 35
    assert "gram_matrix" in (site / "searchindex.js").read_text(encoding="utf-8")


def test_no_link_leads_to_nothing(site: Path, pages: dict[str, Page]):
    broken = []
    for name, page in pages.items():
        for link in page.links:
            parts = urlsplit(html.unescape(link))
            if parts.scheme or parts.netloc:
                continue
            target = ((site / name).parent / unquote(parts.path)).resolve() if parts.path else site / name
            target = target / "index.html" if target.is_dir() else target
            other = pages.get(target.relative_to(site.resolve()).as_posix()) if target.is_relative_to(site.resolve()) else None
            anchor = unquote(parts.fragment)
            if not target.is_file() or (other and anchor and anchor not in other.places and not anchor.startswith("furo-")):
                broken.append((name, link))
    assert broken == []
    assert sum(len(page.links) for page in pages.values()) > 1000


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[str, Page]):
    for name, page in pages.items():
        assert len(page.loaded) > 3
        for link in page.loaded:
            assert link.startswith("data:") or not re.match(r"[a-z]+:|//", link), (name, link)
            assert link.startswith("data:") or ((site / name).parent / unquote(urlsplit(link).path)).is_file(), (name, link)
    for path in site.rglob("*.css"):
        assert not re.search(r"""url\(["']?(?:https?:)?//""", path.read_text(encoding="utf-8")), path


def test_formulas_are_mathml_and_none_is_left_as_tex(site: Path):
    counted = 0
    for name in LESSONS:
        text = (site / "lessons" / f"{name}.html").read_text(encoding="utf-8")
        counted += text.count("<math")
        prose = re.sub(r"<(pre|code|script|style|title)\b.*?</\1>|<[^>]*>", "", text, flags=re.DOTALL)
        assert not re.search(r"\$[^$]*\\[a-z]+|\\(?:frac|sum|left|text)\b", prose), name
    assert counted > 200


def test_a_lesson_shows_its_code_figures_and_words(site: Path):
    for name in LESSONS:
        notebook = nbformat.read(TOP / "notebooks" / f"{name}.ipynb", as_version=4)
        text = (site / "lessons" / f"{name}.html").read_text(encoding="utf-8")
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        figures = [output for output in outputs if {"image/jpeg", "image/png"} & set(output.get("data", {}))]
        shown = re.findall(r'<img src="\.\./_pictures/[^"]+" width="\d+" height="\d+" alt="([^"]*)"', text)
        assert len(shown) >= len(figures) and all(shown)
        code = sum(cell.cell_type == "code" and bool(cell.source.strip()) for cell in notebook.cells)
        assert text.count('class="cell_input') == code


def test_solutions_are_folded(site: Path):
    for name in LESSONS:
        text = (site / "exercises" / f"{name}.html").read_text(encoding="utf-8")
        notebook = nbformat.read(TOP / "notebooks" / "solutions" / f"{name}.ipynb", as_version=4)
        tasks = sum("exercise" in cell.metadata.get("tags", []) for cell in notebook.cells)
        assert text.count('<details class="solution">') >= tasks >= 3 and text.count("<details") == text.count("</details>")
        shown = re.sub(r"<details.*?</details>", "", text, flags=re.DOTALL)
        hidden = [cell.source for cell in notebook.cells if cell.metadata.get("tags") == ["solution"] and cell.cell_type == "code"]
        lines = [line for source in hidden for line in source.splitlines()[1:] if re.fullmatch(r" +return \w+ [*/+-] \w+", line)]
        assert not any(line.strip() in html.unescape(re.sub(r"<[^>]*>", "", shown)) for line in lines)
        assert text.count("Right. ") == 4  # a right choice for each question of the quiz


def test_the_chinese_page_says_its_language(site: Path):
    for name, language in (("zh", "zh-Hans"), ("install", "en")):
        assert f'<html class="no-js" lang="{language}"' in (site / f"{name}.html").read_text(encoding="utf-8")


def test_the_site_is_small(site: Path):
    files = [path for path in site.rglob("*") if path.is_file() and "models" not in path.parts]
    assert sum(path.stat().st_size for path in files) <= 40e6
    assert max(path.stat().st_size for path in site.rglob("*.html")) < 1.5e6


def test_each_page_takes_reports_of_mistakes_and_files_lead_to_the_repository(site: Path):
    if BUILT:
        pytest.skip("that site has another address, or none")
    for name in ("lessons/05_training_it.html", "api/gatys.html", "zh.html"):
        text = (site / name).read_text(encoding="utf-8")
        assert f'href="{ADDRESS}/issues/new?title=' in text
        assert (f'href="{ADDRESS}/blob/v' in text) == name.startswith("api/")
        assert ("colab.research.google.com/github/somebody/neural-style" in text) == name.startswith("lessons/")


# --- its parts --------------------------------------------------------------------------------------------------------------------


def test_links_lead_to_pages_to_the_repository_or_nowhere():
    text = "[Lesson 02](../02_gram_matrices.ipynb), [decks](../make/slides.py), [arXiv](https://arxiv.org/abs/1) and `[a](b)`."
    source = "notebooks/exercises/03_gatys_optimisation.ipynb"
    known = book.linked(text, source, ADDRESS)
    lesson, rest = "[Lesson 02](../lessons/02_gram_matrices.ipynb)", "[arXiv](https://arxiv.org/abs/1) and `[a](b)`."
    assert known == f"{lesson}, [decks]({ADDRESS}/blob/HEAD/notebooks/make/slides.py), {rest}"
    assert book.linked(text, source, "") == f"{lesson}, decks, {rest}"
    assert book.linked("[three](notebooks/README.md#three-experiments)", "README.md", "") == "[three](guide.md#three-experiments)"
    with pytest.raises(KeyError, match="a.ipynb: gone.md leads to nothing"):
        book.linked("[x](gone.md)", "notebooks/a.ipynb", "")


def test_without_an_address_nothing_speaks_of_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(book, "PAGES", {"README.md": "install.md", "notebooks/00_start_here.ipynb": "lessons/00_start_here.ipynb"})
    monkeypatch.setattr(book, "cards", lambda pictures: "")
    book.pages(tmp_path / "pages", "", painting=False)
    text = "".join(path.read_text(encoding="utf-8") for path in tmp_path.rglob("*") if path.suffix in (".md", ".ipynb"))
    assert "blob/HEAD" not in text and "colab" not in text and "paint/index.html" not in text


def test_without_npm_the_book_has_no_painting_page_and_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys):
    def fails(folder: Path) -> None:
        raise paint.NoRuntime("npm is not installed")

    monkeypatch.setattr(paint, "build", fails)
    assert not book.painting_page(tmp_path / "paint") and not (tmp_path / "paint").exists()
    assert capsys.readouterr().err == "the book has no painting page: npm is not installed\n"


def test_a_live_figure_stands_below_its_cell():
    cells = [new_markdown_cell("a", id="one"), new_code_cell("b", id="two"), new_markdown_cell("c", id="three")]
    notebook = new_notebook(cells=cells)
    book.with_live_figures(notebook, "05_training_it", [("two", "<p>live</p>\n")])
    assert [cell.source for cell in notebook.cells] == ["a", "b", "```{raw} html\n<p>live</p>\n```", "c"]
    with pytest.raises(KeyError, match="05_training_it has no cell 'four'"):
        book.with_live_figures(notebook, "05_training_it", [("four", "")])


def test_the_live_figures_of_the_table_are_there():
    for lesson, figures in book.live_figures().items():
        cells = {cell.id for cell in nbformat.read(TOP / "notebooks" / f"{lesson}.ipynb", as_version=4).cells}
        assert {after for after, _ in figures} <= cells


def test_pictures_lie_beside_their_page(tmp_path: Path):
    shown = new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"width": 2, "alt": 'a "cat"'}})
    notebook = new_notebook(cells=[new_code_cell("x", outputs=[shown, new_output("stream", text="said")])])
    book.with_pictures_beside(notebook, "lessons/00_a.ipynb", tmp_path)
    first, second = notebook.cells[0].outputs
    assert (tmp_path / "lessons_00_a_01.png").read_bytes()[1:4] == b"PNG" and second.text == "said"
    assert 'src="../_pictures/lessons_00_a_01.png" width="2" height="1" alt="a &quot;cat&quot;"' in first.data["text/html"]


def test_one_title_a_page():
    texts = map(new_markdown_cell, ("# A\n\n## B", "# C\n\n## D"))
    notebook = new_notebook(cells=[*texts, new_code_cell("# no heading")])
    book.with_one_title(notebook)
    assert [cell.source for cell in notebook.cells] == ["# A\n\n### B", "## C\n\n### D", "# no heading"]


def test_docstrings_are_lists_formulas_and_words():
    text = "Takes: `x` and *args:\n\n    y = a * b\n\nx:  what it is,\n    and\nmore.\nValueError: no `y`.\nThen this: that."
    assert docstrings.rst(text.split("\n")) == [
        "Takes: \\ ``x``\\  and \\*args:", "", "", "::", "", "       y = a * b", "", "", ":x: what it is,", "   and", "   more.",
        ":ValueError: no \\ ``y``\\ .", "", "Then this: that.", "",
    ]  # fmt: skip


def test_formulas_break_between_their_parts_and_only_there():
    whole, parted = (r"\left( a \qquad b \right)", r"\text{a \qquad b}"), (r"a \qquad b", r"a \leftarrow b \qquad c")
    for tex, parts in [(tex, 1) for tex in whole] + [(tex, 2) for tex in parted]:
        assert formulas.displayed(tex).count("<math") == parts, tex
    page = formulas.with_formulas("<p>$a &lt; b$ and <code>$HOME $x</code></p>")
    assert page.count("<math") == 1 and "<code>$HOME $x</code>" in page and "&#x0003C;" in page


def test_a_formula_that_is_not_understood_is_an_error():
    assert "arg" in formulas.mathml(r"\arg\min_j f") and "\\" not in formulas.mathml(r"\arg\min_j \bar f")
    with pytest.raises(ValueError, match=r"\\nonsense is no command"):
        formulas.mathml(r"a + \nonsense")


def test_the_font_of_formulas_has_the_table_that_browsers_set_them_by():
    ttLib = pytest.importorskip("fontTools.ttLib")
    font = ttLib.TTFont(formulas.FONT)
    assert "MATH" in font and set("𝐹𝑙∑√αβσ()‖") <= set(map(chr, font.getBestCmap()))
    assert font["name"].getDebugName(14) == "https://openfontlicense.org"
    assert "url(\"data:font/woff;base64," in formulas.style() and 'url("math.woff")' in formulas.style("math.woff")


# --- in a browser -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """The address of the site, served as `python -m http.server` does."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module")
def browser() -> Iterator:
    """A Chromium that may ask this machine only."""
    playwright = pytest.importorskip("playwright.sync_api", reason="no playwright here: pip install playwright")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=OPTIONS)
        yield browser
        browser.close()


def visited(browser, served: str, names: list[str], width: int, scheme: str) -> tuple[list, dict[str, dict]]:
    """What went wrong on these pages, and what was measured on each."""
    said, measured = [], {}
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(PATIENCE * 1000)
    context.route("**/*", lambda route: route.continue_() if route.request.url.startswith((served, "data:")) else route.abort())
    page = context.new_page()
    page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    left = "net::ERR_ABORTED"  # the next page was asked for before a picture had come
    page.on("requestfailed", lambda request: said.append(f"{request.url} {request.failure}") if request.failure != left else None)
    page.on("response", lambda response: said.append(f"{response.status} {response.url}") if response.status >= 400 else None)
    for name in names:
        page.goto(served + name, wait_until="load")
        measured[name] = page.evaluate("""() => ({
          seconds: performance.getEntriesByType("navigation")[0].loadEventStart / 1000,
          wide: document.documentElement.scrollWidth - innerWidth,
          back: getComputedStyle(document.body).backgroundColor,
        })""")
    context.close()
    return said, measured


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_pages_load_without_a_network_on_a_phone_and_a_laptop(browser, served: str, pages: dict[str, Page]):
    """All of them where NST_BOOK_PAGES=all, a dozen otherwise."""
    lessons = ["lessons/03_gatys_optimisation.html", "lessons/10_after_gatys.html", "exercises/03_gatys_optimisation.html"]
    others = ["index", "api/index", "api/gatys", "zh", "guide", "data", "search"]
    some = [*lessons, *(f"{name}.html" for name in others)]
    everything = [name for name in pages if not name.startswith("paint/")]
    names = everything if os.environ.get("NST_BOOK_PAGES") == "all" else some
    for width, scheme in ((1280, "light"), (390, "dark")):
        said, measured = visited(browser, served, names, width, scheme)
        assert said == []
        assert {name: found["wide"] for name, found in measured.items() if found["wide"] > 0} == {}
        light = {name for name, found in measured.items() if found["back"] == "rgb(255, 255, 255)"}
        assert light == (set(names) if scheme == "light" else set())
        slowest = max(measured, key=lambda name: measured[name]["seconds"])
        print(f"{width} px, {scheme}: {len(names)} pages, the slowest in {measured[slowest]['seconds']:.2f} s: {slowest}")
        assert measured[slowest]["seconds"] < max(1.0, PATIENCE / 18)


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_search_finds_a_lesson_and_a_function(browser, served: str):
    page = browser.new_page()
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(f"{served}search.html?q=whitening")
    page.wait_for_selector(".search li a >> nth=1")
    assert any("07_wct" in link.get_attribute("href") for link in page.locator(".search li a").all())
    page.goto(f"{served}search.html?q=relaxed_emd")
    page.wait_for_selector(".search li a")
    assert any("api/losses.html" in link.get_attribute("href") for link in page.locator(".search li a").all())
    page.close()
