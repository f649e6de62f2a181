"""notebooks/make/slides.py: what becomes of which cell, and decks that need nothing but a browser."""

from __future__ import annotations

import importlib.util
import re
import shutil
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import ModuleType

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
LESSONS = sorted(FOLDER.glob("[0-9][0-9]_*.ipynb"))
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAQAAAACCAIAAADwyuo0AAAAEElEQVR4nGP4z8CARAw4OQCffwf5fZjRRAAAAABJRU5ErkJggg=="


@pytest.fixture(scope="module")
def make() -> ModuleType:
    spec = importlib.util.spec_from_file_location("course_slides", FOLDER / "make" / "slides.py")
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def figure(source: str = "nst.show(x)", alt: str | None = None) -> nbformat.NotebookNode:
    picture = new_output("display_data", {"image/png": PNG}, metadata={"image/png": {"alt": alt}} if alt else {})
    return new_code_cell(source, outputs=[picture, new_output("stream", text="loss 3\n")])


def small_lesson() -> nbformat.NotebookNode:
    return new_notebook(cells=[
        new_markdown_cell("# 02 · Small\n\nOne idea."),
        new_code_cell("import importlib.util\nif importlib.util.find_spec('nst') is None: pass"),
        new_code_cell("import torch\nimport nst"),
        new_markdown_cell("## First\n\nIn [lesson 01](01_vgg.ipynb), and $a < b$. **Question.** Why?\n\n$$\\frac{1}{2}$$"),
        figure(alt="two <pictures>"),
        new_markdown_cell("Because of this.\n\nLater. **Question.** And then?"),
        figure("\n".join(f"line = {n}" for n in range(12))),
        new_markdown_cell("## Reading\n\n* a book"),
        new_code_cell("USE_IMAGENET = False"),
    ])  # fmt: skip


def test_question_figure_and_answer_share_a_slide_and_the_next_question_begins_one(make: ModuleType):
    first, second, third = make.slides(small_lesson())
    assert "02 · Small" in first.title and len(first.blocks) == 1
    assert second.title == "First" and len(second.blocks) == 3  # question, figure, answer
    asked, shown, told = second.blocks
    assert "<strong>Question.</strong> Why?" in asked and "Because of this." in told
    assert shown.index('class="code"') < shown.index("<img") < shown.index("loss 3")
    assert third.title == "First" and "And then?" in third.blocks[0] and "line = 11" not in third.blocks[1]
    assert "11" in third.notes[0] and "a book" in third.notes[-1]  # the long listing and the reading are in the notes


def test_text_becomes_mathml_and_links_to_notebooks_lose_their_target(make: ModuleType):
    asked = make.slides(small_lesson())[1].blocks[0]
    assert asked.count("<math") == 2 and "<mfrac>" in asked and "&#x0003C;" in asked and "$" not in asked
    assert "lesson 01" in asked and "href" not in asked
    assert "`$HOME`" not in make.markdown("`$HOME` and `$x`") and "<math" not in make.markdown("`$HOME` and `$x`")
    assert 'href="https://arxiv.org/abs/1508.06576"' in make.markdown("[paper](https://arxiv.org/abs/1508.06576)")


def test_figures_keep_their_alt_text(make: ModuleType):
    deck = make.deck(small_lesson())
    assert 'alt="two &lt;pictures&gt;"' in deck and 'alt="figure of the lesson"' in deck


def test_drawings_are_pictures_whose_styles_stay_their_own(make: ModuleType):
    svg = "<svg xmlns='http://www.w3.org/2000/svg'><style>text { fill: red }</style></svg>"
    output = new_output("display_data", {"image/svg+xml": svg, "text/plain": "a drawing of the loop"})
    made = make.slides(new_notebook(cells=[new_markdown_cell("# T"), new_code_cell("diagrams.gatys()", outputs=[output])]))
    assert 'alt="a drawing of the loop" src="data:image/svg+xml;base64,' in made[0].blocks[1] and "<style>" not in made[0].blocks[1]


def test_metadata_goes_before_the_rules(make: ModuleType):
    lesson = small_lesson()
    lesson.cells[2].metadata["slideshow"] = {"slide_type": "slide"}
    lesson.cells[4].metadata["slideshow"] = {"slide_type": "skip"}
    made = make.slides(lesson)
    assert "torch" in made[1].blocks[0] and all("pictures" not in block for slide in made for block in slide.blocks)
    lesson.cells[0].metadata["slideshow"] = {"slide_type": "page"}
    with pytest.raises(ValueError, match="slide_type='page': expected one of slide, subslide"):
        make.slides(lesson)


def test_core_takes_the_tagged_cells_only(make: ModuleType):
    lesson = small_lesson()
    assert len(make.slides(lesson, core=True)) == 3  # none is tagged: all
    for k in (0, 3, 4):
        lesson.cells[k].metadata["tags"] = ["core"]
    assert len(make.slides(lesson, core=True)) == 2


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_each_lesson_has_a_deck_for_a_session(path: Path, make: ModuleType):
    """What notebooks/README.md promises: about a dozen cells, two minutes for each; none of them is one that slides leave out."""
    lesson = nbformat.read(path, as_version=4)
    core = [cell for cell in lesson.cells if "core" in cell.metadata.get("tags", [])]
    assert 6 <= len(core) <= 16
    assert any(make.pictures(cell) for cell in core if cell.cell_type == "code")
    made = make.slides(lesson, core=True)
    assert 3 <= len(made) <= 20 and len(made) < len(make.slides(lesson)) and all(slide.blocks for slide in made)


def test_long_paragraphs_are_cut_and_whole_in_the_notes(make: ModuleType):
    sentence = "A sentence of some length that says one thing and then another. "
    lesson = new_notebook(cells=[new_markdown_cell("# T\n\n" + sentence * 8 + "**Question.** Why?\n\n* point\n* point")])
    (slide,) = make.slides(lesson)
    assert 2 <= slide.blocks[0].count("A sentence") <= 4 and "Why?" in slide.blocks[0] and slide.blocks[0].count("<li>") == 2
    assert slide.notes[0].count("A sentence") == 8


def test_mark_writes_what_the_rules_say_once(make: ModuleType, tmp_path: Path):
    path = tmp_path / "02_small.ipynb"
    nbformat.write(small_lesson(), path)
    before = make.deck(small_lesson())
    assert make.mark(path) == 9 and make.mark(path) == 0
    marked = nbformat.read(path, as_version=4)
    assert [cell.metadata.slideshow.slide_type for cell in marked.cells] == [
        "slide", "skip", "skip", "slide", "fragment", "fragment", "fragment", "notes", "skip",
    ]  # fmt: skip
    assert make.deck(marked) == before


class Outside(HTMLParser):
    """Collects what a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        facts = dict(attrs)
        wanted = facts.get("src") or (facts.get("href") if tag == "link" else None)
        if wanted and not wanted.startswith("data:"):
            self.fetched.append(wanted)


@pytest.fixture(scope="module")
def decks(make: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    assert make.main(["--build", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
def test_deck_of_each_lesson_needs_no_network(path: Path, decks: Path):
    text = (decks / f"{path.stem}.html").read_text(encoding="utf-8")
    outside = Outside()
    outside.feed(text)
    assert outside.fetched == [] and not re.search(r"@import|url\((?!.data:)", text)
    assert text.count("<section>") >= 10
    plain = re.sub(r"<(pre|code|style|script).*?</\1>|data:image[^\"]*", "", text, flags=re.DOTALL)
    assert "$" not in plain, "a formula was left as it is"


def test_browser_turns_the_pages_and_nothing_runs_over(decks: Path):
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright and chromium")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if not chromium:
        pytest.skip("needs chromium")
    with playwright.sync_playwright() as browsers:
        browser = browsers.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text))
        page.on("request", lambda request: asked.append(request.url) if request.url.startswith("http") else None)
        for deck in sorted(decks.glob("*.html")):
            page.goto(deck.as_uri())
            over = "pages.map((p, k) => { go(k, true); return p.scrollHeight > innerHeight + 2 ? k + 1 : 0 }).filter(k => k)"
            assert page.evaluate(over) == [], deck.name
        page.evaluate("go(1)")
        hidden = "pages[at].querySelectorAll('.later').length"
        blocks = page.evaluate(hidden)
        for left in range(blocks - 1, -1, -1):  # the blocks of a slide come one by one
            page.keyboard.press("ArrowRight")
            assert page.evaluate(hidden) == left and page.evaluate("at") == 1
        page.keyboard.press("PageDown")
        assert page.evaluate("at") == 2 and page.url.endswith("#3")
        page.keyboard.press("ArrowLeft")
        assert page.evaluate("at") == 1 and page.evaluate(hidden) == 0  # the slide before, whole
        page.keyboard.press("n")
        assert page.evaluate("document.documentElement.classList.contains('notes')")
        assert said == [] and asked == []
