"""The drawings: well-formed, true to the code, nothing on top of anything else, every word dark enough to read."""

import base64
import html
import itertools
import re
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import nbformat
import numpy as np
import pytest
import torch
from IPython.core.formatters import DisplayFormatter
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Polygon
from matplotlib.textpath import TextPath

from nst import adain, decoders, gatys, vgg
from nst.figures import diagrams, drawing
from nst.training import perceptual
from nst.transformer_net import TransformerNet

DRAWINGS = {
    draw.__name__: draw()
    for draw in (diagrams.vgg19, diagrams.gatys, diagrams.johnson_training, diagrams.johnson_use, diagrams.adain, diagrams.wct,
                 diagrams.norms, diagrams.roadmap, diagrams.transformer_net)
}  # fmt: skip
each_drawing = pytest.mark.parametrize("name", DRAWINGS)
SVG = "{http://www.w3.org/2000/svg}"
# The widest font of drawing.FONT
DEJAVU, BOLD = FontProperties(family="DejaVu Sans"), FontProperties(family="DejaVu Sans", weight="bold")


class Text:
    """One <text> of the SVG: its words, and the box that they take in DejaVu Sans, as matplotlib measures it."""

    def __init__(self, element):
        self.size, self.color = float(element.get("font-size")), element.get("fill")
        font = BOLD if element.get("font-weight") else DEJAVU
        parts = [(element.text or "", 1.0)]
        for span in element:
            parts += [(span.text, 0.75 if span.get("font-size") == "75%" else 1.0), (span.tail or "", 1.0)]
        self.words = "".join(text for text, _ in parts)
        wide = sum(width(text, font) * self.size * part for text, part in parts)
        x, y = float(element.get("x")), float(element.get("y"))
        self.left = x - wide * {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")]
        self.right, self.top, self.bottom = self.left + wide, y - 0.76 * self.size, y + 0.24 * self.size

    @property
    def corners(self):
        return [(self.left, self.top), (self.right, self.top), (self.right, self.bottom), (self.left, self.bottom)]


@cache
def width(text: str, font: FontProperties) -> float:
    """In parts of the font's size; measured between two bars, since a path does not know the space around it."""
    one, two = (TextPath((0, 0), words, size=100, prop=font).get_extents().width for words in ("||", f"|{text}|"))
    return (two - one) / 100


@cache
def elements(name: str):
    return list(ElementTree.fromstring(DRAWINGS[name].svg))


@cache
def texts(name: str) -> list[Text]:
    return [Text(element) for element in elements(name) if element.tag == SVG + "text"]


@cache
def shapes(name: str) -> list[tuple[Polygon, str]]:
    """Rectangles, polygons and pictures in the order in which they are drawn, with their colours."""
    found = []
    for element in elements(name):
        if element.tag in (SVG + "rect", SVG + "svg"):
            x, y, w, h = (float(element.get(key)) for key in ("x", "y", "width", "height"))
            corners = [(x, y), (x + w, y), (x + w, y + h), (x, y + h)]
        elif element.tag == SVG + "polygon":
            corners = [tuple(map(float, corner.split(","))) for corner in element.get("points").split()]
        else:
            continue
        if element.get("fill") != "none":
            found.append((Polygon([*corners, corners[0]], closed=True), element.get("fill", "picture")))
    return found


def below(text: Text, name: str) -> tuple[Polygon, str]:
    """The uppermost shape under the middle of a text."""
    middle = ((text.left + text.right) / 2, (text.top + text.bottom) / 2)
    return [shape for shape in shapes(name) if shape[0].contains_point(middle)][-1]


def luminance(color: str) -> float:
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return float(np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ [0.2126, 0.7152, 0.0722])


# --- as a file --------------------------------------------------------------------------------------------------------------------


@each_drawing
def test_the_svg_is_whole_and_stands_alone(name):
    svg = DRAWINGS[name].svg
    root = ElementTree.fromstring(svg)
    assert root.tag == SVG + "svg" and root.get("role") == "img" and root.get("width") == "900"
    assert root.get("viewBox") == f"0 0 900 {root.get('height')}"
    assert not re.search(r"href|url\(|<script|<style|<image|\bid=", svg)  # nothing from elsewhere, nothing that two drawings share
    assert len(svg) < 40_000


@each_drawing
def test_it_says_what_is_to_be_seen(name):
    shown = DRAWINGS[name]
    title, description = elements(name)[:2]
    assert (title.tag, title.text) == (SVG + "title", shown.title)
    assert (description.tag, description.text) == (SVG + "desc", shown.alt)
    assert len(shown.alt.split()) >= 20 and shown.alt.endswith(".") and repr(shown) == f"{shown.title}. {shown.alt}"


@each_drawing
def test_a_notebook_gets_an_image_with_its_text(name):
    shown = DRAWINGS[name]
    data, _ = DisplayFormatter().format(shown)
    pattern = r'<img alt="([^"]*)" width="900" src="data:image/svg\+xml;base64,([^"]+)">'
    alt, source = re.fullmatch(pattern, data["text/html"]).groups()
    assert html.unescape(alt) == data["text/plain"] == repr(shown)
    assert base64.b64decode(source).decode() == data["image/svg+xml"] == shown.svg


# --- as a picture -----------------------------------------------------------------------------------------------------------------


@each_drawing
def test_no_two_texts_meet(name):
    for a, b in itertools.combinations(texts(name), 2):
        apart = a.right <= b.left or b.right <= a.left or a.bottom <= b.top or b.bottom <= a.top
        assert apart, (a.words, b.words)


@each_drawing
def test_every_text_keeps_inside_what_it_stands_on(name):
    for text in texts(name):
        shape, color = below(text, name)
        room = 3 if color == drawing.CARD else 2
        assert color != "picture", text.words
        for x, y in text.corners:
            assert shape.contains_point((x + (room if x == text.right else -room), y)), text.words


@each_drawing
def test_no_line_runs_through_a_text(name):
    left, top, right, bottom = np.array([(t.left, t.top + 2, t.right, t.bottom - 1) for t in texts(name)]).T
    for element in elements(name):
        if element.tag == SVG + "path":
            points = np.array(re.findall(r"(-?[\d.]+) (-?[\d.]+)", element.get("d")), float)
            for start, end in zip(points, points[1:]):
                x, y = (start + (end - start) * np.linspace(0, 1, 200)[:, None])[..., None].swapaxes(0, 1)
                crossed = ((left < x) & (x < right) & (top < y) & (y < bottom)).any(0)
                assert not crossed.any(), texts(name)[crossed.argmax()].words


@each_drawing
def test_the_layout_knows_where_its_words_are(name):
    """What a drawing remembers of its texts is what the SVG has, and its estimate of their widths is good."""
    remembered, found = DRAWINGS[name].words, texts(name)
    assert len(remembered) == len(found)
    for mine, text in zip(remembered, found, strict=True):
        assert (mine.color, mine.size) == (text.color, text.size) and mine.behind == below(text, name)[1], mine.words
        assert mine.right - mine.left == pytest.approx(text.right - text.left, rel=0.16, abs=6), mine.words
        assert (mine.top + mine.bottom) / 2 == pytest.approx((text.top + text.bottom) / 2, abs=1)


@each_drawing
def test_every_word_is_dark_enough_and_large_enough(name):
    for text in texts(name):
        light, dark = sorted((luminance(below(text, name)[1]), luminance(text.color)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5, text.words  # WCAG 2
        assert text.size >= 12, text.words


def test_outlines_are_seen_against_the_card():
    for kind in drawing.KINDS.values():
        assert (luminance(drawing.CARD) + 0.05) / (luminance(kind.line) + 0.05) >= 3  # WCAG 2, for what is not text


# --- as a statement ---------------------------------------------------------------------------------------------------------------


@each_drawing
def test_every_layer_that_is_named_exists(name):
    named = re.findall(r"(?:relu|conv)\d_\d", " ".join([DRAWINGS[name].alt, *(text.words for text in texts(name))]))
    assert set(named) <= set(vgg.layer_names())


def test_vgg19_is_drawn_as_it_is():
    words = [text.words for text in texts("vgg19")]
    for layer in vgg.table(256):
        numbers = str(layer.receptive_field), f"{layer.channels} maps", f"{layer.size} × {layer.size}"
        assert {"relu" + layer.name[4:], *numbers} <= set(words)
    assert "112 × 112" in [words.words for words in diagrams.vgg19(224).words]


def test_the_papers_read_what_the_recipes_read():
    paper, johnson = gatys.GatysConfig.paper(), perceptual.PerceptualConfig.johnson_paper()
    assert diagrams.READ == {
        "Gatys 2015": {"content": paper.content_layers, "style": paper.style_layers},
        "Johnson 2016": {"content": johnson.content_layers, "style": johnson.style_layers},
        "AdaIN 2017": {"content": (adain.LAYER,), "style": adain.STYLE_LAYERS},
        "WCT 2017": {"content": decoders.LAYERS, "style": decoders.LAYERS},  # it whitens what it colours
    }
    # a mark for each, at its layer's column
    layers = {text.words: (text.left + text.right) / 2 for text in texts("vgg19") if text.words.startswith("relu")}
    papers = {text.words: text.bottom for text in texts("vgg19") if text.words in diagrams.READ}
    dots = [(float(e.get("cx")), float(e.get("cy")), e.get("fill")) for e in elements("vgg19") if e.tag == SVG + "circle"]
    for paper, read in diagrams.READ.items():
        for use, kind in (("content", "picture"), ("style", "statistics")):
            here = [x for x, y, color in dots if abs(y - papers[paper]) < 12 and color == drawing.KINDS[kind].line]
            assert [min(layers, key=lambda layer: abs(layers[layer] - x)) for x in here] == list(read[use])


def test_transformer_net_is_drawn_as_it_is():
    """Its weights and multiplications are those of the convolutions that a picture runs through."""
    net, counts = TransformerNet(16), []

    def count(conv: torch.nn.Conv2d, _, y: torch.Tensor) -> None:
        counts.append((conv.weight.numel(), y[0, 0].numel() * conv.weight.numel()))

    for conv in (part for part in net.modules() if isinstance(part, torch.nn.Conv2d)):
        conv.register_forward_hook(count)
    net(torch.rand(1, 3, 128, 128))
    said = diagrams.transformer_net(16, 128).alt
    for rows in (counts[:3], counts[3:13], counts[13:]):
        weights, work = map(sum, zip(*rows))
        assert f"{weights:,} weights, {work / 1e9:.1f} billion multiplications" in said


def test_the_roadmap_has_the_lessons_by_their_names():
    folder = Path(__file__).resolve().parents[2] / "notebooks"
    paths = folder.glob("[0-9]*.ipynb")
    titles = {path.name[:2]: nbformat.read(path, as_version=4).cells[0].source.split("\n")[0] for path in paths}
    for number, name, _, _ in diagrams.LESSONS:
        assert number not in titles or titles[number].startswith(f"# {number} · {name}")
    assert [number for number, *_ in diagrams.LESSONS] == [f"{i:02}" for i in range(11)]
    assert {name for _, name, _, _ in diagrams.LESSONS} <= {text.words for text in texts("roadmap")}


@pytest.mark.parametrize("name, learned", [("gatys", "painting x"), ("johnson_training", "network fW"), ("adain", "decoder g")])
def test_gradients_are_dotted_and_lead_back_to_what_is_learned(name, learned):
    paths = [element for element in elements(name) if element.get("stroke") == drawing.BACKWARD]
    assert len(paths) >= 5 and all(path.get("stroke-dasharray") for path in paths)
    ends = np.array([re.findall(r"(-?[\d.]+) (-?[\d.]+)", path.get("d"))[-1] for path in paths], float)
    goal = next(text for text in texts(name) if text.words == learned)
    beside = ends[:, 0] - (goal.left + goal.right) / 2
    assert ((0 < beside) & (beside < 75) & (abs(ends[:, 1] - goal.bottom) < 75)).any()  # from the right, at its height
    assert (beside > -25).all()  # and nothing further back


# --- the means --------------------------------------------------------------------------------------------------------------------


def test_marks_become_raised_lowered_and_slanted_letters():
    d = drawing.Drawing("t", "a", 100)
    d.text(50, 50, "*x*_{c}^{2} & <y>", size=20)
    text = ElementTree.fromstring(d.svg)[-1]
    assert "".join(text.itertext()) == "xc2 & <y>"
    x, below, above, rest = text
    assert x.get("font-style") == "italic" and below.get("font-size") == above.get("font-size") == "75%"
    moves = [float(span.get("dy", 0)) for span in text]
    assert moves[1] > 0 > moves[2] and sum(moves) == pytest.approx(0)  # the rest stands on the line again


def test_corners_are_rounded_and_arrows_end_where_they_should():
    d = drawing.Drawing("t", "a", 100)
    d.arrow((0, 0), (50, 0), (50, 40))
    path, head = list(ElementTree.fromstring(d.svg))[-2:]
    assert path.get("d") == "M0.0 0.0L41.0 0.0Q50.0 0.0 50.0 9.0L50.0 33.0"
    assert head.get("points").split()[0] == "50.0,40.0"


def test_mixed_colours():
    assert drawing.mix("#ff0000", "#0000ff", 0.5) == "#800080" and drawing.mix("#123456", "#ffffff", 1) == "#123456"
