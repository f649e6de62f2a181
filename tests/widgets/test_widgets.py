"""nst.widgets without a browser: what they compute, how they work in the background, and that nothing of them stays behind."""

from __future__ import annotations

import base64
import gc
import io
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from pathlib import Path

import ipywidgets
import matplotlib.pyplot as plt
import numpy as np
import psutil
import pytest
import torch
from PIL import Image
from torch import Tensor

import nst
from nst import adain, assets, transformer_net, wct, widgets
from nst.decoders import Decoder
from nst.gatys import GatysConfig
from nst.texture import AMOUNT
from nst.widgets import mixer_model, parts
from nst.widgets.curves import LIGHT, POINTS, bar, curves, drawn
from nst.widgets.explorer_model import LAYERS, Layers, heat, in_groups, receptive_field, tiles
from nst.widgets.mixer_model import AdaINMix, FastMix, WCTMix, corner_weights
from nst.widgets.search import Search
from nst.widgets.work import Stopped, Token, Worker, stoppable

TOP = Path(__file__).resolve().parents[2]
PATIENCE = 60  # seconds: a busy machine is not a wrong answer


def pictures(*names: str, size: int = 48) -> list[Tensor]:
    return [assets.picture(name, size) for name in names]


def half_mask(picture: Tensor) -> Tensor:
    mask = torch.zeros(1, 1, *picture.shape[-2:])
    mask[..., : picture.shape[-1] // 2] = 1
    return mask


@pytest.fixture(autouse=True)
def nothing_stays_behind():
    """Each test's widgets are closed, and then no widget, thread or figure is left of it."""
    widgets_before, threads_before = set(all_widgets()), set(threading.enumerate())
    yield
    for widget in list(all_widgets().values()):
        if isinstance(widget, parts.Panel):
            widget.close()
            assert widget.worker.wait(PATIENCE)
    parts._shown.clear()
    assert [w for key, w in all_widgets().items() if key not in widgets_before and isinstance(w, parts.Panel)] == []
    assert set(threading.enumerate()) <= threads_before
    assert plt.get_fignums() == []


def all_widgets() -> dict[str, ipywidgets.Widget]:
    return ipywidgets.widgets.widget._instances


# --- work -------------------------------------------------------------------------------------------------------------------------


def test_of_several_requests_only_the_first_and_the_last_run():
    done, started, go = [], threading.Event(), threading.Event()
    worker = Worker(failed=done.append)
    worker.request(lambda token: (started.set(), go.wait(PATIENCE), done.append("first")))
    started.wait(PATIENCE)
    for k in range(10):
        worker.request(lambda token, k=k: done.append(k))
    assert worker.token.superseded and worker.busy
    go.set()
    assert worker.wait(PATIENCE) and done == ["first", 9]
    assert not worker.busy and "nst widget" not in [thread.name for thread in threading.enumerate()]


def test_a_worker_runs_off_the_main_thread_and_tells_of_errors():
    seen, errors = [], []
    worker = Worker(errors.append)
    worker.request(lambda token: seen.append(threading.current_thread()))
    worker.wait(PATIENCE)
    assert seen[0] is not threading.main_thread()
    worker.request(lambda token: 1 / 0)
    worker.wait(PATIENCE)
    assert isinstance(errors[0], ZeroDivisionError)
    with pytest.raises(ZeroDivisionError):
        worker.settle()


def test_work_can_be_paused_and_stopped():
    steps, worker = [], Worker(failed=print)

    def work(token: Token) -> None:
        while True:
            token.check()
            steps.append(time.perf_counter())
            time.sleep(0.002)

    worker.request(work)
    while len(steps) < 5:
        time.sleep(0.01)
    worker.token.pause()
    time.sleep(0.1)
    count = len(steps)
    time.sleep(0.1)
    assert len(steps) == count and worker.token.paused
    worker.token.resume()
    while len(steps) == count:
        time.sleep(0.01)
    worker.token.pause()
    assert worker.stop(PATIENCE) and worker.error is None  # also out of a pause


def test_networks_are_stopped_between_two_layers_and_only_on_this_thread():
    net, token, calls = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.ReLU(), torch.nn.ReLU()), Token(), []
    net[1].register_forward_hook(lambda *_: (calls.append(1), token.stop()) and None)
    elsewhere = []
    with stoppable(token, net):
        with pytest.raises(Stopped):
            net(torch.zeros(1))
        assert calls == [1]
        thread = threading.Thread(target=lambda: elsewhere.append(net(torch.zeros(1))))
        thread.start()
        thread.join(PATIENCE)
        assert len(elsewhere) == 1
    net(torch.zeros(1))  # afterwards it is as it was


# --- the mixer's arithmetic against the methods themselves ------------------------------------------------------------------------


@pytest.mark.parametrize("place, wanted", [
    ((0, 0), [1, 0, 0, 0]), ((1, 0), [0, 1, 0, 0]), ((0, 1), [0, 0, 1, 0]), ((1, 1), [0, 0, 0, 1]), ((0.5, 0.5), [0.25] * 4),
    ((0.25, 0.5), [0.375, 0.125, 0.375, 0.125]),
])  # fmt: skip
def test_corner_weights(place: tuple, wanted: list):
    assert corner_weights(place, 4) == pytest.approx(wanted)


def test_corner_weights_of_fewer_styles_sum_to_one():
    assert corner_weights((0.3, 0.9), 1) == [1] and corner_weights((0.3, 0), 2) == pytest.approx([0.7, 0.3])
    assert sum(corner_weights((0.2, 0.7), 3)) == pytest.approx(1) and sum(corner_weights((1, 1), 3)) == pytest.approx(1)


@pytest.mark.parametrize("masked", [False, True])
def test_adain_mix_is_adain(masked: bool):
    content, *styles = pictures("chelsea", "night_orchard", "rose_window")
    mask = half_mask(content) if masked else None
    made = AdaINMix(content, styles).paint(0.7, [0.25, 0.75], mask)
    how = {"masks": [0.25 * mask, 0.75 * mask]} if masked else {"style_weights": [0.25, 0.75]}
    assert torch.allclose(made, adain.stylize(content, styles, alpha=0.7, **how), atol=1e-4)


@pytest.mark.parametrize("masked", [False, True])
def test_wct_mix_is_wct(masked: bool):
    content, *styles = pictures("chelsea", "night_orchard", "rose_window")
    mask = half_mask(content) if masked else None
    made = WCTMix(content, styles).paint({4: 0.6, 2: 0.6, 1: 0.0}, [0.25, 0.75], mask)
    how = {"masks": [0.25 * mask, 0.75 * mask]} if masked else {"style_weights": [0.25, 0.75]}
    assert torch.allclose(made, wct.stylize(content, styles, alpha=0.6, levels=(4, 2), **how), atol=1e-3)


def test_wct_mix_computes_what_changed_and_no_more(monkeypatch: pytest.MonkeyPatch):
    content, *styles = pictures("chelsea", "night_orchard", "rose_window")
    mix, alphas, weights = WCTMix(content, styles), {4: 0.5, 3: 0.5, 2: 0.5}, [0.5, 0.5]
    mix.paint(alphas, weights)
    encoded, encoder, decoder = [], nst.VGG19.forward, Decoder.forward
    monkeypatch.setattr(nst.VGG19, "forward", lambda self, x, layers: encoded.extend(layers) or encoder(self, x, layers))
    monkeypatch.setattr(Decoder, "forward", lambda self, x: encoded.append(f"to {self.layer}") or decoder(self, x))
    moves = {
        "nothing": (alphas, weights, []), "the last level": ({**alphas, 2: 0.9}, weights, ["to relu2_1"]),
        "the middle": ({**alphas, 3: 0.9}, weights, ["to relu3_1", "relu2_1", "to relu2_1"]),
        "the weights": (alphas, [0.9, 0.1], ["relu4_1", "to relu4_1", "relu3_1", "to relu3_1", "relu2_1", "to relu2_1"]),
    }  # fmt: skip
    for moved, (levels, shares, wanted) in moves.items():
        mix.paint(alphas, weights)
        encoded.clear()
        made = mix.paint(levels, shares)
        assert encoded == wanted, moved
        assert torch.allclose(made, WCTMix(content, styles).paint(levels, shares), atol=1e-5), moved


def network_with_strength(monkeypatch: pytest.MonkeyPatch) -> nst.TransformerNet:
    net = nst.TransformerNet(width=2).eval().requires_grad_(False)
    net.weak = {"model.10.block.1.bias": torch.full((3,), 0.5)}
    monkeypatch.setattr(mixer_model, "network", lambda style: net)
    return net


def test_fast_mix_is_the_network(monkeypatch: pytest.MonkeyPatch):
    net, (content,) = network_with_strength(monkeypatch), pictures("chelsea")
    mix, mask = FastMix(content), half_mask(content)
    assert torch.equal(mix.paint("any", 0.3), net.stylize(content, strength=0.3))
    assert torch.allclose(mix.paint("any", 0.3, mask), transformer_net.stylize(content, net, strength=0.3, masks=[mask]), atol=1e-6)
    net.weak = {}
    assert torch.equal(mix.paint("any", 0.3), net.stylize(content))  # it knows no other strength


# --- the explorer's arithmetic ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def layers() -> Layers:
    return Layers(assets.picture("chelsea", 96), mixer_model.encoder())


def test_layers_are_the_encoders(layers: Layers):
    found = mixer_model.encoder()(assets.picture("chelsea", 96), LAYERS)
    assert list(layers.features) == LAYERS
    assert all(torch.equal(layers.features[name], found[name][0]) for name in LAYERS)


def test_the_unit_pointed_at_has_the_place_in_the_middle_of_its_field(layers: Layers):
    for layer in ("relu1_1", "relu2_2", "relu4_1"):
        place = (0.53, 0.41)
        left, top, right, bottom = layers.field(layer, layers.unit(layer, place))
        size, stride = receptive_field(layer)
        assert (
            abs((left + right) / 2 - place[0]) * layers.width <= stride
            and abs((top + bottom) / 2 - place[1]) * layers.height <= stride
        )
        assert (right - left) * layers.width == pytest.approx(size) and (bottom - top) * layers.height == pytest.approx(size)


def test_fields_end_at_the_picture(layers: Layers):
    assert layers.unit("relu4_1", (0, 0)) == (0, 0) and layers.unit("relu4_1", (1, 1)) == (11, 17)
    assert layers.field("relu4_1", (0, 0))[:2] == [0, 0] and layers.field("relu4_1", (11, 17))[2:] == [1, 1]


def test_strongest_channels(layers: Layers):
    features = layers.features["relu3_1"]
    share = (features[:, 5, 7] / features.amax((1, 2)).clamp_min(1e-12)).numpy()
    assert layers.strongest("relu3_1", (5, 7), 4) == np.argsort(-share)[:4].tolist()


def test_gram_is_the_mean_product(layers: Layers):
    features = layers.features["relu2_1"]
    assert float(layers.gram("relu2_1")[3, 9]) == pytest.approx(float((features[3] * features[9]).mean()), rel=1e-4)
    correlations = layers.correlations("relu2_1")
    assert torch.allclose(correlations.diagonal()[features.amax((1, 2)) > 0.01], torch.tensor(1.0), atol=1e-5)
    assert -1e-6 <= float(correlations.min()) and float(correlations.max()) <= 1 + 1e-5


def test_heat_and_tiles():
    picture = heat(torch.tensor([[0.0, 1.0], [0.5, 2.0]]), 6)
    assert picture.shape == (1, 3, 6, 6) and torch.equal(picture[..., 0, 0], picture[..., 2, 2])
    assert float(picture[..., -1, -1].mean()) > 0.8 > 0.1 > float(picture[..., 0, 0].mean())  # magma: from black to a pale yellow
    assert torch.isfinite(heat(torch.zeros(3, 3))).all()
    page = tiles([torch.zeros(1, 3, 4, 5)] * 5, columns=2, gap=3)
    assert page.shape == (1, 3, 3 * 4 + 2 * 3, 2 * 5 + 3)
    assert float(page.sum()) == 3 * (18 * 13 - 5 * 20)  # all else is white


# --- the studio's search ----------------------------------------------------------------------------------------------------------


def small_search(**changes) -> Search:
    content, style = pictures("chelsea", "night_orchard", size=64)
    config = GatysConfig.default(**{"evaluations": 6, "scales": 1, "style_weight": 20.0, **changes})
    return Search(content, style, config, mixer_model.encoder())


def test_a_search_left_alone_is_gatys():
    search, losses = small_search(evaluations=4), []
    search.run(Token(), lambda parts, picture: losses.append(parts["total"]))
    wanted: list[float] = []
    picture = nst.gatys.stylize(search.content, search.style, config=search.config, encoder=search.encoder,
                                callback=lambda step, parts, picture: wanted.append(parts["total"]))  # fmt: skip
    assert losses == wanted and torch.equal(search.picture, picture) and search.done == search.total == 4


def test_a_changed_weight_counts_from_the_next_evaluation_on():
    search, seen = small_search(evaluations=8), []

    def told(losses: dict[str, float], picture: Tensor) -> None:
        seen.append((losses, picture.clone()))
        if len(seen) == 3:
            search.config = GatysConfig.default(evaluations=8, scales=1, style_weight=40.0)

    search.run(Token(), told)
    assert len(seen) == search.done == 8  # no evaluation is lost
    best = min(seen[:3], key=lambda pair: pair[0]["total"])
    after, picture = seen[3]
    assert torch.equal(picture, best[1])  # it goes on from the best picture so far
    assert after["style"] == pytest.approx(2 * best[0]["style"], rel=1e-4) and after["content"] == best[0]["content"]


def test_a_stopped_search_keeps_its_best_picture_in_full_size():
    token, seen = Token(), []
    content, style = pictures("chelsea", "night_orchard", size=140)
    search = Search(content, style, GatysConfig.default(evaluations=5, scales=3), mixer_model.encoder())
    assert [min(c.shape[-2:]) for c, _ in search.sizes] == [70, 140] and search.total == 10

    def told(losses: dict[str, float], picture: Tensor) -> None:
        seen.append(picture.shape[-2:])
        if len(seen) == 3:
            token.stop()

    with pytest.raises(Stopped):
        search.run(token, told)
    assert len(seen) == 3 and min(seen[0]) == 70
    assert search.picture.shape == content.shape and float((search.picture - content).abs().mean()) > 1e-3


# --- curves -----------------------------------------------------------------------------------------------------------------------


def points_of(page: str) -> list[list[tuple[float, float]]]:
    svg = ElementTree.fromstring(page)
    return [[tuple(map(float, p.split(","))) for p in line.get("points").split()] for line in svg.iter("polyline")]


def test_curves_are_logarithmic_and_labelled():
    first, second = points_of(curves({"a": [100.0, 10.0, 1.0], "b": [10.0, 10.0, 10.0]}))
    (x1, y1), (x2, y2), (x3, y3) = first
    assert x2 - x1 == pytest.approx(x3 - x2, abs=0.2) and y2 - y1 == pytest.approx(y3 - y2, abs=0.2) and y3 > y1
    assert {y for _, y in second} == {y2}
    page = curves({"style <1>": [3.0, 2.0]})
    assert "style &lt;1&gt; 2" in page and 'role="img"' in page


def test_curves_leave_out_what_has_no_logarithm_and_thin_out_what_is_long():
    assert len(points_of(curves({"a": [1.0, float("nan"), 0.0, 2.0]}))[0]) == 2
    assert len(points_of(curves({"a": [1.0 + k for k in range(10 * POINTS)]}))[0]) == POINTS
    assert "polyline" not in curves({}) and "polyline" not in curves({"a": []})


def test_curves_keep_the_last_step_however_many_there_are():
    from nst.widgets.curves import _thinned

    for count in (1, POINTS, POINTS + 1, 997, 1000, 1001):
        values = [float(k) for k in range(1, count + 1)]
        points = _thinned(values)
        assert len(points) <= POINTS and points[-1][0] == count and points[0][0] >= 1
        part = -(-count // POINTS)
        last = values[(count - 1) // part * part :]  # the rest, which may be shorter than the other parts
        assert points[-1][1] == pytest.approx(sum(last) / len(last))
    assert f">{1001}</text>" in curves({"loss": [1.0] * 1000 + [2.0]})


def test_curves_as_a_picture_fall_where_the_values_fall():
    picture = drawn({"content": [1.0, 0.1, 0.01], "style": [2.0, 2.0, 2.0]}, size=(180, 240))
    assert picture.shape == (1, 3, 180, 240) and 0 <= picture.min() < picture.max() <= 1
    for colour, falls in zip(LIGHT, (True, False), strict=False):
        wanted = torch.tensor([int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)])[:, None, None]
        rows, columns = ((picture[0, :, :, :150] - wanted).abs().amax(0) < 0.05).nonzero(as_tuple=True)
        left, right = (rows[columns == at].float().mean() for at in (columns.min(), columns.max()))
        assert (right - left > 60) == falls
    assert drawn({}).shape == (1, 3, 512, 680)


def test_correlations_in_groups_are_the_same_ones_with_friends_side_by_side():
    shuffled = torch.tensor([0, 3, 1, 4, 2, 5])  # two groups of three, by turns
    matrix = torch.block_diag(torch.full((3, 3), 0.9), torch.full((3, 3), 0.8)).fill_diagonal_(1.0)
    sorted_again = in_groups(matrix[shuffled][:, shuffled])
    assert torch.equal(sorted_again > 0, matrix > 0)
    assert torch.equal(sorted_again.flatten().sort().values, matrix.flatten().sort().values)


def test_bar_stays_within_its_track():
    assert "width:25.0%" in bar(0.25, "a & b") and "a &amp; b" in bar(0.25, "a & b") and "width:100.0%" in bar(3, "")


# --- parts ------------------------------------------------------------------------------------------------------------------------


def file_of(picture: Tensor) -> bytes:
    return parts.jpeg(picture)


class Said(list):
    def __call__(self, text: str, wrong: bool = False) -> None:
        self.append((text, wrong))


def test_a_chooser_offers_names_and_uploads():
    said, told = Said(), []
    chooser = parts.Chooser("Photograph", "content", "coffee", said)
    chooser.on_change(lambda: told.append(chooser.name))
    assert chooser.name == "coffee" and torch.equal(chooser.picture(40), assets.picture("coffee", 40))
    assert chooser.menu.options[0] == "astronaut" and "rose_window" in chooser.menu.options
    chooser.menu.value = "chelsea"
    own = torch.rand(1, 3, 50, 60)
    chooser.upload.take("mine.jpg", file_of(own))
    assert told == ["chelsea", "mine.jpg"] and chooser.menu.options[0] == "mine.jpg" and chooser.picture(25).shape == (1, 3, 25, 30)
    chooser.upload.take("broken.jpg", b"no picture")
    assert told == ["chelsea", "mine.jpg"] and len(said) == 1
    assert said[0][1] and said[0][0].startswith("broken.jpg: cannot be read as a picture")
    parts.close_all(chooser)


def test_a_chooser_takes_a_tensor_and_names_what_it_does_not_know():
    own = torch.rand(1, 3, 50, 60)
    chooser = parts.Chooser("Photograph", "content", own, print)
    assert chooser.name == "your picture" and torch.equal(chooser.picture(50), own.clamp(0, 1))
    with pytest.raises(ValueError, match="unknown picture 'chelsy': did you mean 'chelsea'"):
        parts.Chooser("Photograph", "content", "chelsy", print)
    with pytest.raises(ValueError, match="photograph: expected the shape"):
        parts.Chooser("Photograph", "content", torch.rand(1, 4, 5, 5), print)
    parts.close_all(chooser)


def test_nothing_is_taken_while_the_button_is_disabled():
    said, taken = [], []
    upload = parts.Upload("Upload", "Upload", lambda *given: taken.append(given), lambda text, wrong: said.append((text, wrong)))
    upload.disabled = True
    upload._handle_custom_msg({"type": "file", "name": "dropped.png"}, [memoryview(file_of(torch.rand(1, 3, 8, 8)))])
    assert taken == [] and said == [("dropped.png: not taken, since something is running", True)]
    upload.disabled = False
    upload._handle_custom_msg({"type": "file", "name": "dropped.png"}, [memoryview(file_of(torch.rand(1, 3, 8, 8)))])
    assert [name for name, _ in taken] == ["dropped.png"] and len(said) == 1
    upload.close()


def test_a_file_that_is_too_large_to_be_sent_is_named():
    said = []
    upload = parts.Upload("Upload", "Upload", None, lambda text, wrong: said.append((text, wrong)))
    upload._handle_custom_msg({"type": "too large", "name": "scan.tif", "bytes": 31 * 2**20}, [])
    assert said[0][1] and said[0][0].startswith("scan.tif: 31 MB are too many to be sent") and "1024 pixels" in said[0][0]
    assert upload.most < 10 * 2**20 and upload.largest == parts.LARGEST  # what tornado takes; what is kept
    upload.close()


BROWSER = """
import upload from "./upload.mjs";
const MB = 2 ** 20, drawn = [], sent = [];
const traits = { label: "Upload", alt: "Upload", disabled: false, largest: 1024, shrink_from: 3 * MB, most: 9 * MB };
const model = { get: (name) => traits[name], on() {}, off() {}, send: (message, _, buffers) => sent.push([message, buffers]) };
class Part {
  constructor() { this.told = {}; this.classList = { add() {} }; }
  setAttribute() {}
  append() {}
  addEventListener(name, told) { this.told[name] = told; }
  getContext() { return { drawImage: (_, x, y, width, height) => drawn.push([width, height]) }; }
  toBlob(done, type) {
    const size = { "image/png": traits.png ?? 2 * MB, "image/webp": 4 * MB, "image/jpeg": 1 * MB }[type];
    done({ size, type, arrayBuffer: async () => type });
  }
}
const parts = [];
globalThis.document = { createElement: () => (parts.push(new Part()), parts.at(-1)) };
globalThis.createImageBitmap = async (file) => {
  if (file.broken) throw new Error("no picture");
  return { width: file.width, height: file.height, close() {} };
};
upload.render({ model, el: new Part() });
const [label, input] = parts;
async function drop(name, size, type, more) {
  const file = { name, size, type, arrayBuffer: async () => "as it is", ...more };
  label.told.drop({ preventDefault() {}, dataTransfer: { files: [file] } });
  await new Promise((done) => setTimeout(done, 5));
}
const large = { width: 4000, height: 3000 };
await drop("small.jpg", 2 * MB, "image/jpeg", large);
await drop("twelve.jpg", 12 * MB, "image/jpeg", large);
await drop("twelve.png", 12 * MB, "image/png", { width: 1200, height: 900 });
traits.png = 10 * MB;
await drop("noise.png", 30 * MB, "image/png", large);
await drop("five.tif", 5 * MB, "image/tiff", { broken: true });
await drop("scan.tif", 31 * MB, "image/tiff", { broken: true });
input.disabled = true;
await drop("late.jpg", 1 * MB, "image/jpeg", large);
console.log(JSON.stringify({ sent, drawn }));
"""


@pytest.mark.skipif(shutil.which("node") is None, reason="no node here")
def test_the_browser_makes_large_files_smaller_before_it_sends_them(tmp_path: Path):
    shutil.copy(parts.HERE / "upload.js", tmp_path / "upload.mjs")
    (tmp_path / "test.mjs").write_text(BROWSER, encoding="utf-8")
    done = subprocess.run(["node", "test.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    told = json.loads(done.stdout)
    assert [(message["name"], message["type"], (buffers or [None])[0]) for message, buffers in told["sent"]] == [
        ("small.jpg", "file", "as it is"), ("twelve.jpg", "file", "image/jpeg"), ("twelve.png", "file", "image/png"),
        ("noise.png", "file", "image/webp"), ("five.tif", "file", "as it is"), ("scan.tif", "too large", None),
    ]  # fmt: skip
    assert told["drawn"] == [[1365, 1024], [1200, 900], [1365, 1024]]  # as many pixels as `picture_of` keeps


def test_large_uploads_are_made_smaller():
    assert parts.picture_of(file_of(torch.rand(1, 3, 40, 60)), "a", largest=20).shape == (1, 3, 20, 30)


def test_a_drawn_mask_in_the_pictures_size():
    view, picture = parts.Picture(mode="draw"), torch.rand(1, 3, 32, 64)
    view.show_grid_of(picture)
    assert view.grid == [96, 48] and not view.mask_for(picture).any()
    drawn = np.zeros((48, 96), np.uint8)
    drawn[:, 48:] = 255
    view.mask = drawn.tobytes()
    mask = view.mask_for(picture)
    assert mask.shape == (1, 1, 32, 64) and mask[..., :30].max() < 0.02 and mask[..., 34:].min() > 0.98
    parts.close_all(view)


def test_named_pictures():
    found = parts.named(["chelsea", torch.rand(1, 3, 20, 40)], (), 10)
    assert list(found) == ["chelsea", "picture 2"] and found["picture 2"].shape == (1, 3, 10, 20)
    assert list(parts.named(None, ("coffee",), 8)) == ["coffee"] == list(parts.named("coffee", (), 8))
    assert list(parts.named({"mine": torch.rand(1, 3, 9, 9)}, (), 8)) == ["mine"]


def test_the_javascript_has_every_trait_that_python_synchronises():
    """A trait that the page never reads would be a control that does nothing."""
    for widget in (parts.Picture, parts.Slider, parts.Upload):
        own = {name for name in widget.class_own_traits(sync=True) if not name.startswith("_")}
        assert own <= set(re.findall(r'model\.[gs]et\("(\w+)"', str(widget._esm)) + ["min", "max"]), widget


# --- panels -----------------------------------------------------------------------------------------------------------------------


def shown(view: parts.Picture) -> np.ndarray:
    return np.array(Image.open(io.BytesIO(bytes(view.data)))).astype(int)


def moved(panel: parts.Panel, view: parts.Picture, move) -> float:
    """The mean change of what a view shows, in 8-bit steps, when something is moved; all of it, where the shape is another."""
    before = shown(view)
    move()
    assert panel.worker.wait(PATIENCE)
    after = shown(view)
    return float(np.abs(after - before).mean()) if after.shape == before.shape else 255.0


def small_mixer(**options) -> widgets.mixer:
    return widgets.mixer("chelsea", ["night_orchard", "rose_window", "cut_paper"], size=48, **options)


def test_mixer_answers_each_control(monkeypatch: pytest.MonkeyPatch):
    network_with_strength(monkeypatch)
    mixer = small_mixer()
    assert moved(mixer, mixer.view, lambda: setattr(mixer.alpha, "value", 0.2)) > 0.5
    assert moved(mixer, mixer.view, lambda: setattr(mixer.pad, "place", [1.0, 0.0])) > 0.05
    assert mixer.pad.caption == "rose_window 100%" == mixer.pad.spoken
    assert moved(mixer, mixer.view, lambda: setattr(mixer.method, "value", "wct")) > 0.5
    for level, slider in mixer.levels.items():
        assert moved(mixer, mixer.view, lambda slider=slider: setattr(slider, "value", 0.3)) > 0.02, level
    assert moved(mixer, mixer.view, lambda: setattr(mixer.method, "value", "fast")) > 0.5
    assert moved(mixer, mixer.view, lambda: setattr(mixer.strength, "value", 0.0)) > 0.02
    assert moved(mixer, mixer.view, lambda: setattr(mixer.photo.menu, "value", "coffee")) > 0.5
    assert mixer.picture.shape == assets.picture("coffee", 48).shape


def test_mixer_begins_with_the_method_asked_for():
    mixer = small_mixer(method="wct")
    assert mixer.worker.wait(PATIENCE)
    assert mixer.method.value == "wct" and list(mixer.mixes) == ["wct"]
    with pytest.raises(ValueError, match="method"):
        small_mixer(method="gatys")


def test_mixer_shows_only_the_controls_of_the_method():
    mixer = small_mixer()

    def shown(*widgets: ipywidgets.Widget) -> list[bool]:
        boxes = [next(box for box in mixer.options if widget in box.children) for widget in widgets]
        return ["nst-hidden" not in box._dom_classes for box in boxes]

    assert shown(mixer.pad, mixer.alpha, mixer.levels[3], mixer.style) == [True, True, False, False]
    mixer.method.value = "wct"
    assert shown(mixer.pad, mixer.alpha, mixer.levels[3], mixer.style) == [True, False, True, False]
    mixer.method.value = "fast"
    assert shown(mixer.pad, mixer.alpha, mixer.levels[3], mixer.style) == [False, False, False, True]
    assert mixer.strength.disabled == (not mixer_model.knows_strength(mixer.style.value))


def test_mixer_paints_within_a_mask():
    mixer = small_mixer()
    whole = mixer.picture
    mixer.masked.value = True
    mixer.worker.wait(PATIENCE)
    assert torch.equal(mixer.picture, mixer.content) and "Draw" in mixer.line.value and mixer.view.drawing
    left = torch.zeros(1, 3, 10, 20)
    left[..., :10] = 1
    mixer.mask_file.take("mask.png", file_of(left))
    mixer.worker.wait(PATIENCE)
    assert not torch.equal(mixer.picture, mixer.content) and not torch.equal(mixer.picture, whole)
    mask = mixer.view.mask_for(mixer.content)
    weights = corner_weights(mixer.pad.place, 3)
    wanted = adain.stylize(mixer.content, list(mixer.styles.values()), masks=[w * mask for w in weights])
    assert torch.allclose(mixer.picture, wanted, atol=1e-3)
    mixer._clear_mask()
    mixer.worker.wait(PATIENCE)
    assert torch.equal(mixer.picture, mixer.content)


def test_mixer_reads_masks_as_editors_and_programs_write_them():
    """White on clear, black on clear, 0 and 1: the left half each time; and what paints nothing is said."""
    mixer = small_mixer()
    left = np.zeros((10, 20), np.uint8)
    left[:, :10] = 255
    clear = [Image.merge("LA", [Image.new("L", (20, 10), grey), Image.fromarray(left)]) for grey in (255, 0)]
    for image in (*clear, Image.fromarray(left // 255)):
        image.save(file := io.BytesIO(), "PNG")
        mixer._clear_mask()
        mixer.mask_file.take("mask.png", file.getvalue())
        mask = mixer.view.mask_for(mixer.content)
        assert mask[..., : mask.shape[-1] * 2 // 5].min() > 0.99 and mask[..., mask.shape[-1] * 3 // 5 :].max() < 0.01
    Image.new("L", (20, 10)).save(file := io.BytesIO(), "PNG")
    mixer.mask_file.take("black.png", file.getvalue())
    assert "black.png: as a mask, it paints nothing" in mixer.line.value


def test_mixer_takes_one_to_four_styles():
    assert widgets.mixer("chelsea", "rose_window", size=32).pad.caption == "rose_window 100%"
    with pytest.raises(ValueError, match="styles: expected one to four, got 5"):
        widgets.mixer("chelsea", ["rose_window"] * 1 + [torch.rand(1, 3, 9, 9)] * 4, size=32)


def test_explorer_follows_the_pointer():
    explorer = widgets.explorer("chelsea", size=64)
    before = explorer.view.box
    assert moved(explorer, explorer.maps, lambda: setattr(explorer.view, "place", [0.2, 0.8])) > 0.5
    assert explorer.view.box != before and "relu3_1 at row 12" in explorer.maps.caption
    assert moved(explorer, explorer.gram, lambda: setattr(explorer.layer, "value", "relu1_1")) > 0.5
    assert "sees 3 x 3 px" in explorer.view.caption and explorer.first.max == 63
    assert moved(explorer, explorer.pair[0], lambda: setattr(explorer.first, "value", 5)) > 0.5
    assert moved(explorer, explorer.pair[1], lambda: setattr(explorer.second, "value", 6)) > 0.5
    assert explorer.gram.place == pytest.approx([6.5 / 64, 5.5 / 64])
    value = float(explorer.layers.gram("relu1_1")[5, 6])
    assert f"Gram entry (5, 6) = mean of the product = {value:.4g}" in explorer.entry.value
    explorer.gram.place = [10.4 / 64, 20.4 / 64]
    explorer.worker.wait(PATIENCE)
    assert (explorer.first.value, explorer.second.value) == (20, 10) and explorer.pair[0].caption == "map 20"
    explorer.maps.place = [0.9, 0.9]  # the last of the eight
    explorer.worker.wait(PATIENCE)
    assert explorer.first.value == explorer.strongest[7]
    assert moved(explorer, explorer.view, lambda: explorer.photo.upload.take("own.jpg", file_of(torch.rand(1, 3, 64, 96)))) > 5


def test_gallery_wants_a_style_and_knows_its_name():
    before = set(all_widgets())
    with pytest.raises(ValueError, match="styles: expected the name of at least one style"):
        widgets.gallery("chelsea", styles=[], size=48)
    with pytest.raises(ValueError, match="nobody"):
        widgets.gallery("chelsea", styles=["nobody"], size=48)
    assert set(all_widgets()) == before
    assert widgets.gallery("chelsea", "rose_window", size=48).styles == ["rose_window"]


def test_gallery_shows_its_small_pictures_at_full_strength_and_the_large_one_as_the_slider_says():
    module = sys.modules["nst.widgets.gallery"]
    gallery = widgets.gallery("chelsea", ["rose_window", "night_orchard"], size=48)
    gallery.strength.value = 0.3
    gallery.worker.settle()
    gallery.photo.menu.value = "coffee"  # all small pictures are painted anew, while the slider stands at 30 %
    gallery.worker.settle()
    gallery.choose("night_orchard")
    gallery.worker.settle()
    assert torch.equal(gallery.picture, module.paint("night_orchard", gallery.content, 0.3))
    assert not torch.equal(gallery.picture, module.paint("night_orchard", gallery.content, 1.0))
    small = nst.images.resize(gallery.content, module.TILE)
    for name in ("rose_window", "night_orchard"):
        assert torch.equal(gallery.small[name], module.paint(name, small, 1.0)), name


def test_gallery_paints_every_style_and_shows_the_pressed_one(monkeypatch: pytest.MonkeyPatch):
    gallery = widgets.gallery("chelsea", size=48)
    assert list(gallery.small) == assets.styles() and all(bytes(tile.data) for tile in gallery.tiles.values())
    name = assets.styles()[-1]
    assert moved(gallery, gallery.view, lambda: gallery.tiles[name]._handle_custom_msg({"type": "press"}, [])) > 0.5
    assert [style for style, tile in gallery.tiles.items() if tile.pressed] == [name]
    wanted = transformer_net.stylize(assets.picture("chelsea", 48), name) if name in assets.shipped_styles() else gallery.picture
    assert torch.equal(gallery.picture, wanted)
    tiles_before = {style: bytes(tile.data) for style, tile in gallery.tiles.items()}
    assert moved(gallery, gallery.view, lambda: gallery.photo.upload.take("own.jpg", file_of(torch.rand(1, 3, 60, 60)))) > 0.5
    assert gallery.picture.shape == (1, 3, 48, 48)
    assert all(bytes(tile.data) != tiles_before[style] for style, tile in gallery.tiles.items())


def small_studio(**options) -> widgets.studio:
    studio = widgets.studio("chelsea", "night_orchard", config=GatysConfig.default(evaluations=10, scales=1), size=64, **options)
    return studio


def test_studio_runs_every_method(monkeypatch: pytest.MonkeyPatch):
    studio = small_studio()
    studio.style_weight.value = 50.0
    assert moved(studio, studio.view, studio.run) > 1
    assert len(studio.losses["total"]) == 10 and "done after" in studio.line.value and "polyline" in studio.curves.value
    for method in ("fast", "adain", "wct"):
        studio.method.value = method
        assert moved(studio, studio.view, studio.run) > 1, method
        assert studio.texture.value == (0 if method == "fast" else AMOUNT)
    wanted = WCTMix(studio.photo.picture(64), [studio.style.picture(64)]).paint({k: 1.0 for k in (4, 3, 2, 1)}, [1], texture=AMOUNT)
    assert torch.equal(studio.picture, wanted)
    studio.style.upload.take("own.jpg", file_of(torch.rand(1, 3, 60, 60)))
    studio.method.value = "fast"
    studio.run()
    assert "no network ships for own.jpg" in studio.line.value and not studio.worker.busy


def wait_for(what) -> None:
    until = time.perf_counter() + PATIENCE
    while not what():
        assert time.perf_counter() < until
        time.sleep(0.01)


def test_studio_changes_weights_while_it_runs_pauses_and_stops():
    studio = small_studio()
    studio.evaluations.value = 400
    studio.run()
    wait_for(lambda: len(studio.losses.get("total", [])) > 3)
    assert studio.run_button.disabled and not studio.stop_button.disabled and studio.method.disabled
    studio.pause()
    time.sleep(0.5)
    count = len(studio.losses["total"])
    assert studio.pause_button.description == "Resume"
    studio.style_weight.value = 500.0
    studio.style_layers["relu5_1"].value = False
    time.sleep(0.3)
    assert len(studio.losses["total"]) == count
    studio.pause()
    wait_for(lambda: len(studio.losses["total"]) > count + 3)
    assert studio.losses["style"][count + 1] > 20 * studio.losses["style"][count - 1]  # 100 times the weight, four layers of five
    began = time.perf_counter()
    studio.stop()
    assert studio.worker.wait(PATIENCE) and time.perf_counter() - began < 1.0
    assert "stopped after" in studio.line.value and not studio.run_button.disabled and studio.stop_button.disabled
    assert torch.equal(studio.picture, studio.search.picture)


RECIPES = {name: getattr(GatysConfig, name)() for name in ("default", "article", "paper", "gatys_notebook")}
RECIPES["own"] = GatysConfig(
    content_layers=("relu4_2", "conv1_2"), style_layers=("relu3_1", "relu1_1"), style_layer_weights=(0.25, 3.0), content_weight=0.0,
    tv_weight=700.0, evaluations=3, optimizer="adam", precision="bfloat16",
)  # fmt: skip


@pytest.mark.parametrize("name", RECIPES)
def test_studio_runs_the_recipe_that_it_is_given(name: str):
    config = RECIPES[name]
    studio = widgets.studio("chelsea", "night_orchard", config=config, size=64)
    assert studio.recipe() == config
    for slider in (studio.content_weight, studio.style_weight, studio.tv_weight, studio.evaluations):
        assert slider.value == 0 and slider.off or slider.min <= slider.value <= slider.max, slider.label
    studio.evaluations.value = 2
    studio.run()
    studio.worker.settle()
    assert studio.picture.shape == studio.photo.picture(64).shape and torch.isfinite(studio.picture).all()


def test_studio_offers_the_default_content_layers_and_runs_the_default_recipe():
    studio = widgets.studio("chelsea", "night_orchard", size=64)
    assert studio.recipe() == GatysConfig.default() and studio.content_layers["relu3_2"].value
    assert list(studio.content_layers) == ["relu2_2", "relu3_2", "relu3_3", "relu4_2"]
    plain = widgets.studio("chelsea", "night_orchard", config=GatysConfig(style_layer_weights=None), size=64)
    assert "relu3_2" in plain.content_layers and not plain.content_layers["relu3_2"].value


def test_studio_keeps_each_style_layers_own_weight():
    studio = widgets.studio("chelsea", "night_orchard", config=GatysConfig.gatys_notebook(), size=64)
    studio.style_layers["relu5_1"].value = False
    assert studio.recipe().style_layers == ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    assert studio.recipe().style_layer_weights == tuple(1 / n**2 for n in (64, 128, 256, 512))
    studio.style_layers["relu5_1"].value = True
    assert studio.recipe() == GatysConfig.gatys_notebook()
    few = widgets.studio("chelsea", "night_orchard", size=64,
                         config=GatysConfig(style_layers=("relu1_1", "relu2_1"), style_layer_weights=(1.0, 3.0)))  # fmt: skip
    few.style_layers["relu4_1"].value = True  # a layer that the recipe has no weight for gets the mean of the others
    assert few.recipe().style_layers == ("relu1_1", "relu2_1", "relu4_1") and few.recipe().style_layer_weights == (1.0, 3.0, 2.0)


def test_studio_keeps_what_it_has_no_control_for():
    config = GatysConfig.default(optimizer="adam", learning_rate=0.1, history=7, scales=2, content_form="mean", network="mine")
    studio = widgets.studio("chelsea", "night_orchard", config=config, size=64)
    studio.style_weight.value, studio.content_layers["relu2_2"].value = 3.5, True
    changed = {"style_weight": 3.5, "content_layers": (*config.content_layers, "relu2_2")}
    assert studio.recipe() == replace(config, **changed)


def test_studio_says_what_is_missing():
    studio = small_studio()
    for box in studio.style_layers.values():
        box.value = False
    studio.run()
    assert "tick at least one layer" in studio.line.value and 'role="alert"' in studio.line.value and not studio.worker.busy


def test_twenty_runs_and_stops_leave_everything_as_it_was():
    studio = small_studio()
    studio.evaluations.value = 400
    process, held = psutil.Process(), []
    for _ in range(22):
        studio.run()
        wait_for(lambda: len(studio.losses.get("total", [])) >= 2)
        studio.stop()
        assert studio.worker.wait(PATIENCE)
        gc.collect()
        held.append((threading.active_count(), len(all_widgets()), len(plt.get_fignums()), process.memory_info().rss))
    first, last = held[1], held[-1]  # the first run loads the encoder
    assert last[:3] == first[:3]
    assert last[3] - first[3] < 40 * 2**20
    assert len(mixer_model.encoder()._forward_pre_hooks) == 0


class Painter(torch.nn.Module):
    def stylize(self, picture: Tensor) -> Tensor:
        return 1 - picture


def test_monitor_shows_losses_samples_and_the_time_left(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sys.modules["nst.widgets.monitor"], "EVERY", 0.0)
    watch, net = widgets.monitor(4, {"grey": torch.full((1, 3, 16, 16), 0.2)}, every=0.0, size=16), Painter().train()
    for step in range(1, 5):
        watch(step, {"content": 1.0 / step, "style": 2.0}, net)
        assert f"step {step} of 4" in watch.progress.value and ("s left" in watch.progress.value) == (step > 1)
    assert watch.losses == {"content": [1.0, 0.5, 1 / 3, 0.25], "style": [2.0] * 4} and "polyline" in watch.curves.value
    assert net.training and torch.equal(watch.painted["grey"], 1 - watch.samples["grey"])
    assert "grey after step 4" == watch.views["grey"].caption and "4 steps in" in watch.line.value
    assert list(watch.still()) == ["grey", "grey after step 1", "grey after step 4", "losses"]
    watch.keep()
    assert "4 steps so far" in watch.line.value
    assert list(widgets.monitor(4, {"grey": torch.zeros(1, 3, 16, 16)}, size=16).still()) == ["grey"]
    with pytest.raises(ValueError, match="steps=0: expected a whole number"):
        widgets.monitor(0)


def test_monitor_counts_the_time_that_is_left(monkeypatch: pytest.MonkeyPatch):
    module = sys.modules["nst.widgets.monitor"]
    monkeypatch.setattr(module, "EVERY", 0.0)
    clock = iter([10.0, 12.0, 15.0, 22.0])
    monkeypatch.setattr(module.time, "perf_counter", lambda: next(clock))
    watch, told = widgets.monitor(20, {"grey": torch.zeros(1, 3, 16, 16)}, every=1e9, size=16), []
    for step in (5, 6, 8, 12):  # a training that is taken up at step 5
        watch(step, {"loss": 1.0}, Painter())
        told.append(re.search(r"step .*?(?=<)", watch.progress.value)[0])
    # 2 s for one step, 14 to go; 5 s for three, 12 to go; 12 s for seven, 8 to go
    assert told == ["step 5 of 20", "step 6 of 20, 28 s left", "step 8 of 20, 20 s left", "step 12 of 20, 14 s left"]


def test_monitor_watches_a_decoder_and_what_cannot_paint():
    grey = {"grey": torch.full((1, 3, 40, 50), 0.5)}
    watch, decoder = widgets.monitor(2, grey, every=0.0, size=40), nst.decoders.Decoder.load("relu2_1").train()
    watch(1, {"pixels": 1.0}, decoder)
    assert decoder.training and watch.painted["grey"].shape == watch.samples["grey"].shape
    assert (watch.painted["grey"] - 0.5).abs().mean() < 0.1 and "after step 1" in watch.views["grey"].caption
    for model in (torch.nn.Conv2d(3, 3, 1), nst.decoders.Decoder("relu2_1", channels=7)):
        watch = widgets.monitor(2, grey, every=0.0, size=40)
        watch(1, {"loss": 1.0}, model)
        assert watch.losses == {"loss": [1.0]} and watch.painted == {} and f"a {type(model).__name__} has no" in watch.line.value


def test_monitor_runs_a_training_on_its_own_thread_and_stops_it():
    reached = []

    def run(tell) -> None:
        for step in range(1, 10_000):
            tell(step, {"loss": 1.0}, Painter())
            reached.append(threading.current_thread())
            time.sleep(0.001)

    watch = widgets.monitor(10_000, "chelsea", size=16, run=run)
    watch.start()
    wait_for(lambda: len(reached) > 3)
    assert watch.start_button.disabled and not watch.stop_button.disabled and reached[0] is not threading.main_thread()
    watch.stop()
    assert watch.worker.wait(PATIENCE) and "stopped" in watch.line.value
    assert not watch.start_button.disabled and len(watch.losses["loss"]) < 9_000


def test_monitor_watches_a_real_training(tmp_path: Path):
    from nst.training import TrainingConfig, train
    from nst.training.datasets import Crops
    from nst.training.perceptual import PerceptualConfig, PerceptualLoss

    nst.save_image(torch.rand(1, 3, 40, 40), tmp_path / "photo.png")
    encoder, net = nst.VGG19.load("lite"), nst.TransformerNet(width=2)
    loss = PerceptualLoss(PerceptualConfig.default(), encoder, torch.rand(1, 3, 64, 64))
    watch = widgets.monitor(2, "chelsea", size=32)
    trace = train(net, encoder, loss, Crops([tmp_path / "photo.png"], 32), TrainingConfig(steps=2, batch_size=1), callback=watch)
    assert watch.losses["style"] == [step["style"] for step in trace] and "chelsea after step 2" in watch.views["chelsea"].caption


PANELS = {
    "mixer": small_mixer, "studio": small_studio,
    "explorer": lambda: widgets.explorer("chelsea", size=48),
    "gallery": lambda: widgets.gallery("chelsea", ["rose_window"], size=48),
    "monitor": lambda: widgets.monitor(3, "chelsea", size=16),
}  # fmt: skip


@pytest.mark.parametrize("name", PANELS)
def test_a_closed_panel_leaves_no_widget_behind(name: str):
    before = set(all_widgets())
    panel = PANELS[name]()
    assert len(all_widgets()) > len(before) + 5
    panel.close()
    assert panel.worker.wait(PATIENCE) and set(all_widgets()) == before


def tensors() -> int:
    """Bytes of all tensors that Python can reach, but for networks' weights."""
    gc.collect()
    found = [o for o in gc.get_objects() if type(o) is Tensor]
    return sum({t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in found}.values())


@pytest.mark.parametrize("name", PANELS)
def test_a_closed_panel_that_a_notebook_keeps_holds_no_pictures(name: str):
    PANELS[name]().close()  # what is kept for all panels is loaded
    before = tensors()
    panel = PANELS[name]()  # as `Out` keeps it
    panel.worker.wait(PATIENCE)
    held = tensors()
    panel.close()
    assert panel.worker.wait(PATIENCE) and panel.comm is None
    assert held > before + 3 * 4 * 16 * 16 and tensors() <= before


@pytest.mark.parametrize("name", PANELS)
def test_a_page_without_a_kernel_has_a_picture_grid(name: str):
    bundle, metadata = PANELS[name]()._repr_mimebundle_()
    assert {"application/vnd.jupyter.widget-view+json", "image/jpeg", "text/plain"} <= set(bundle)
    picture, shown = base64.b64decode(bundle["image/jpeg"]), metadata["image/jpeg"]
    width, height = Image.open(io.BytesIO(picture)).size
    assert width > 300 < height and len(picture) < 100_000
    assert width // shown["width"] in (1, 2) and shown["width"] <= 880 and "as a grid of pictures: " in shown["alt"]


def test_running_a_cell_again_closes_what_it_showed(monkeypatch: pytest.MonkeyPatch):
    run = {"cell": "a", "run": "1"}
    monkeypatch.setattr(parts, "_cell_and_run", lambda: (run["cell"], run["run"]))
    before = len(all_widgets())
    first = widgets.gallery("chelsea", ["rose_window"], size=48)
    count = len(all_widgets())
    second = widgets.gallery("chelsea", ["rose_window"], size=48)  # two of a kind in one run of a cell: both stay
    assert len(all_widgets()) - before == 2 * (count - before)
    run["run"] = "2"
    third = widgets.gallery("chelsea", ["rose_window"], size=48)
    assert first.comm is None is second.comm and third.comm is not None
    run["cell"] = "b"
    fourth = widgets.gallery("chelsea", ["rose_window"], size=48)
    assert third.comm is not None and fourth.comm is not None


def test_a_script_with_widgets_ends_without_a_word(tmp_path: Path):
    script = tmp_path / "script.py"
    lines = ("from nst import widgets", "kept = [widgets.gallery('chelsea', ['rose_window'], size=32), widgets.studio(size=64)]",
             "kept.append(widgets.monitor(3, size=16))", "print(len(kept))")  # fmt: skip
    script.write_text("\n".join(lines), encoding="utf-8")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [str(TOP), os.environ.get("PYTHONPATH")]))}
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "3\n", "")


def test_downloads_are_sent_as_png(monkeypatch: pytest.MonkeyPatch):
    sent = []
    monkeypatch.setattr(parts.Picture, "send", lambda self, message, buffers: sent.append((message, buffers[0])))
    mixer = small_mixer()
    mixer._download()
    message, content = sent[0]
    assert message == {"type": "save", "name": "mixed.png", "mime": "image/png"}
    saved = torch.from_numpy(np.array(Image.open(io.BytesIO(content)))).permute(2, 0, 1)[None] / 255
    assert float((saved - mixer.picture).abs().max()) < 0.51 / 255


def test_errors_on_the_workers_thread_are_shown():
    mixer = small_mixer()
    mixer.mixes["adain"] = None
    mixer.alpha.value = 0.4
    mixer.worker.wait(PATIENCE)
    assert 'role="alert"' in mixer.line.value and "NoneType" in mixer.line.value


@pytest.mark.parametrize("brush", [1, 2])
def test_the_mixes_paint_with_a_brush_as_the_methods_do(brush: int):
    content, *styles = pictures("chelsea", "night_orchard", "rose_window", size=80)  # 40 pixels are painted, 24 are not
    mask, weights = half_mask(content), [0.25, 0.75]
    for how, where in (({"style_weights": weights}, None), ({"masks": [w * mask for w in weights]}, mask)):
        made = AdaINMix(content, styles).paint(0.7, weights, where, brush)
        assert torch.allclose(made, adain.stylize(content, styles, alpha=0.7, brush=brush, **how), atol=1e-3)
        made = WCTMix(content, styles).paint({4: 0.6, 2: 0.6}, weights, where, brush)
        assert torch.allclose(made, wct.stylize(content, styles, alpha=0.6, levels=(4, 2), brush=brush, **how), atol=2e-3)
    net = mixer_model.network("night_orchard")
    assert torch.equal(FastMix(content).paint("night_orchard", 0.5, brush=brush), net.stylize(content, strength=0.5, brush=brush))
    assert torch.equal(FastMix(content).paint("night_orchard", 0.5), net.stylize(content, strength=0.5))
    harsh = content.round()
    made = WCTMix(harsh, styles).paint({2: 1.0, 1: 1.0}, weights, None, brush)  # what level 2 makes leaves the range
    assert torch.allclose(made, wct.stylize(harsh, styles, style_weights=weights, levels=(2, 1), brush=brush), atol=2e-3)


def test_the_mixes_share_their_networks():
    content, style = pictures("chelsea", "night_orchard")
    first, second = AdaINMix(content, [style]).method, WCTMix(content, [style]).method
    assert first.encoder is second.encoder is mixer_model.encoder()
    assert first.decoder is mixer_model.decoder("adain") and second.decoders[4] is mixer_model.decoder("relu4_1")


def test_the_studio_and_the_mixer_have_a_brush():
    panel = nst.widgets.studio("chelsea", "night_orchard", size=64)
    assert panel.recipe() == GatysConfig.default()
    panel.match_weight.value = 0.0
    assert panel.recipe() == GatysConfig.default(match_weight=0.0)
    panel.size.value, panel.method.value, panel.brush.value = 128, "fast", 2
    panel.run()
    panel.worker.settle()
    wanted = FastMix(panel.photo.picture(128)).paint("night_orchard", 1.0, brush=2)
    assert torch.allclose(panel.picture, wanted, atol=1e-4)
    mixer = nst.widgets.mixer("chelsea", ["night_orchard"], size=128)
    before = mixer.picture
    mixer.brush.value = 2
    mixer.worker.settle()
    assert float((mixer.picture - before).abs().mean()) > 0.01
