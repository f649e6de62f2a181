"""What `nst export` writes paints under onnxruntime as torch does."""

from __future__ import annotations

import base64
import hashlib
import importlib
import json
import sys
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nst
from nst import adain, assets, command, wct
from nst.command import cli, export, graphs
from nst.covariance import mean_and_covariance
from nst.covariance import transport as matched
from nst.decoders import LAYERS, padded
from nst.images import resize
from nst.transformer_net import TransformerNet
from nst.vgg import VGG19

TOP = Path(__file__).resolve().parents[2]
STEP = 1 / 255
STYLES = assets.shipped_styles()


class Session:
    """A model under onnxruntime, on one thread: tensors by name in, tensors by name out."""

    def __init__(self, model: onnx.ModelProto):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def __call__(self, **inputs: Tensor | float | list) -> dict[str, Tensor]:
        arrays = {name: np.atleast_1d(np.asarray(value, np.float32)) for name, value in inputs.items()}
        outputs = self.session.run(None, arrays)
        return {output.name: torch.from_numpy(made) for output, made in zip(self.session.get_outputs(), outputs)}


def photograph(height: int, width: int, name: str = "chelsea") -> Tensor:
    return resize(assets.picture(name), (height, width))


def furthest(made: Tensor, wanted: Tensor) -> float:
    assert made.shape == wanted.shape
    return float((made - wanted).abs().max())


def cut_to(painting: Tensor, content: Tensor) -> Tensor:
    return painting[..., : content.shape[-2], : content.shape[-1]]


# --- a trained style --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STYLES)
def test_a_style_paints_as_torch_does(name: str):
    net = nst.load_style(name)
    for half in (False, True):
        paint = Session(export.style_model(net, name, half))
        for size, strength in ((5, 9), 1.0), ((127, 93), 0.4), ((40, 31), 0.0):
            content = photograph(*size)
            made = paint(content=content, strength=strength)["painting"]
            assert furthest(made, net.stylize(content, strength=strength, brush=1)) < 0.1 * STEP


@pytest.mark.parametrize("size", [(5, 5), (6, 7), (8, 13), (16, 17), (33, 64), (256, 256), (381, 500)])
def test_any_size_is_painted(size: tuple[int, int], paint: Session):
    content = photograph(*size, "coffee")
    wanted = nst.load_style(STYLES[0]).stylize(content, strength=0.7, brush=1)
    assert furthest(paint(content=content, strength=0.7)["painting"], wanted) < 0.1 * STEP


@pytest.fixture(scope="module")
def paint() -> Session:
    return Session(export.style_model(nst.load_style(STYLES[0]), half=True))


def test_large_maps_lose_no_digits():
    """onnxruntime's own InstanceNormalization is wrong by 0.03 steps here, and by 2.5 at 2048 pixels."""
    net, content = nst.load_style("rose_window"), photograph(512, 512, "astronaut")
    made = Session(export.style_model(net, half=True))(content=content, strength=1)["painting"]
    assert furthest(made, net.stylize(content, brush=1)) < 0.015 * STEP


def test_pixels_beyond_the_range_are_clipped_as_torch_clips_them(paint: Session):
    content = photograph(24, 20) * 3 - 1
    assert furthest(paint(content=content, strength=1)["painting"], paint(content=content.clamp(0, 1), strength=1)["painting"]) == 0


@pytest.mark.parametrize("norm, upsampling", [("batch", "nearest"), ("instance", "transposed")])
def test_other_networks_are_exported_too(norm: str, upsampling: str):
    """Without weights of strength 0 there is no strength to give."""
    torch.manual_seed(1)
    net = TransformerNet(8, norm, upsampling)
    for x in torch.rand(3, 2, 3, 32, 32):  # statistics for the batch norms
        net(x)
    paint, content = Session(export.style_model(net.eval())), photograph(45, 38)
    assert furthest(paint(content=content)["painting"], net.stylize(content, brush=1)) < 0.1 * STEP


def test_weights_that_float16_cannot_hold():
    net = TransformerNet(4).eval()
    with torch.no_grad():
        net.model[3].block[0].block[1].weight[0] = 1e5
    export.style_model(net)
    with pytest.raises(ValueError, match=r"model\.3\.block\.0\.block\.1\.weight: holds numbers beyond 65504"):
        export.style_model(net, half=True)


def test_half_holds_the_same_in_half_the_bytes():
    """Shipped weights are float16 already."""
    net, content = nst.load_style(STYLES[1]), photograph(48, 64)
    full, half = (export.style_model(net, half=half) for half in (False, True))
    assert half.ByteSize() < 0.52 * full.ByteSize()
    made = [Session(model)(content=content, strength=0.5)["painting"] for model in (full, half)]
    assert torch.equal(*made)


def test_a_model_says_what_it_is():
    net = nst.load_style(STYLES[0])
    facts = [export.described(export.style_model(net, STYLES[0], half)) for half in (False, True)]
    assert facts[0]["opset"] == 17 and facts[0]["name"] == STYLES[0] and facts[0]["nst"] == nst.__version__
    assert facts[0]["licence"] == "CC BY 4.0" and "VGG-19" in facts[0]["derived_from"]
    assert facts[0]["inputs"] == {"content": [1, 3, "height", "width"], "strength": [1]}
    assert facts[0]["outputs"] == {"painting": [1, 3, "height", "width"]}
    assert facts[0]["weights_sha256"] == facts[1]["weights_sha256"]  # of the weights, not of the file
    assert [each["weights"] for each in facts] == ["float32", "float16"]
    other = export.described(export.style_model(nst.load_style(STYLES[1])))
    assert other["weights_sha256"] != facts[0]["weights_sha256"]
    net.metadata = {}
    assert export.described(export.style_model(net))["licence"] == "not stated"


# --- AdaIN and WCT ----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def parts() -> dict[str, Session]:
    return {name: Session(model) for name, model in (export.adain_models(half=True) | export.wct_models(half=True)).items()}


def with_adain(parts: dict[str, Session], content: Tensor, styles: list[Tensor], weights: list[float], alpha: float) -> Tensor:
    maps = [parts["adain_encoder"](picture=style)["features"] for style in styles]
    read = [parts["adain_statistics"](features=features, picture=style) for features, style in zip(maps, styles)]
    shares = [weight / sum(weights) for weight in weights]
    mean, std = (sum(share * each[name] for share, each in zip(shares, read)) for name in ("mean", "std"))
    features = parts["adain_encoder"](picture=content)["features"]
    raw = parts["adain_decoder"](features=features, mean=mean, std=std, alpha=alpha)["raw"]
    colours = {name: torch.cat([each[name] for each in read]) for name in ("colour_mean", "colour_covariance")}
    return cut_to(parts["adain_palette"](raw=raw, weights=weights, alpha=alpha, **colours)["painting"], content)


def with_wct(parts: dict[str, Session], content: Tensor, styles: list[Tensor], weights: list[float], alpha: float) -> Tensor:
    painting = content
    for level in wct.DEFAULT:
        def features(picture: Tensor, level: int = level) -> Tensor:
            return parts[f"wct_encoder_{level}"](picture=picture)["features"]

        read = [parts["wct_statistics"](features=features(style)) for style in styles]
        theirs = {f"style_{name}": torch.cat([each[name] for each in read]) for name in ("mean", "covariance")}
        own = features(painting)
        change = parts["wct_map"](**parts["wct_statistics"](features=own), **theirs, weights=weights, alpha=alpha)
        painting = parts[f"wct_decoder_{level}"](features=own, **change)["painting"]
    return cut_to(painting, content)


CASES = [((127, 93), [1.0], 1.0), ((64, 96), [1.0, 3.0], 0.6), ((9, 20), [0.0, 2.0], 1.0)]


@pytest.mark.parametrize("size, weights, alpha", CASES)
@pytest.mark.parametrize("name", ["adain", "wct"])
def test_a_method_in_parts_paints_as_torch_does(parts: dict[str, Session], name: str, size: tuple, weights: list, alpha: float):
    method, in_parts = {"adain": (adain, with_adain), "wct": (wct, with_wct)}[name]
    content, styles = photograph(*size, "astronaut"), [assets.picture(style, 90) for style in STYLES[: len(weights)]]
    wanted = method.stylize(content, styles, style_weights=weights, alpha=alpha, brush=1)
    assert furthest(in_parts(parts, content, styles, weights, alpha), wanted) < STEP


def test_wct_of_a_picture_with_few_directions(parts: dict[str, Session]):
    """The same everywhere: most eigenvalues are rounding errors, some of them negative."""
    from_ramp = torch.arange(32.0)
    content = ((7 * from_ramp + 13 * from_ramp[:, None] + 31 * torch.arange(3.0)[:, None, None]) % 256)[None] / 255
    style = content.mT.contiguous()
    assert furthest(with_wct(parts, content, [style], [1], 1), wct.stylize(content, style, brush=1)) < STEP


def test_large_pictures_may_be_decoded_in_parts(parts: dict[str, Session]):
    """adain_decoder at alpha 0 gives the reconstruction of any features, whatever mean and std say."""
    method, content = adain.AdaIN(photograph(40, 40)), photograph(32, 48)
    features, none = method.read(content), torch.zeros(1, 128, 1, 1)
    assert furthest(parts["adain_decoder"](features=features, mean=none, std=none, alpha=0)["raw"], method.decoder(features)) < 1e-4
    assert furthest(parts["adain_encoder"](picture=content)["features"], features) < 1e-3


@pytest.mark.parametrize("level", [3, 1])
def test_transport_by_products_is_that_by_eigenvectors(parts: dict[str, Session], level: int):
    encoder = VGG19.load("lite")
    features = [encoder(padded(assets.picture(name, 96)), [LAYERS[level - 1]])[LAYERS[level - 1]] for name in ("coffee", STYLES[2])]
    (mean, covariance), (style_mean, style_covariance) = map(mean_and_covariance, features)
    made = parts["wct_map"](mean=mean, covariance=covariance, style_mean=style_mean, style_covariance=style_covariance, weights=1,
                            alpha=1)  # fmt: skip
    painted = (made["matrix"] @ features[0].flatten(2) + made["shift"]).unflatten(2, features[0].shape[2:])
    wanted = matched(*features)
    assert float((painted - wanted).norm() / (wanted - style_mean[..., None]).norm()) < 2e-3


# --- layers -----------------------------------------------------------------------------------------------------------------------


def only(build) -> Session:
    """A graph of one layer: x -> y."""
    g = graphs.Graph()
    g.output(build(g, g.input("x", 1, "channels", "height", "width")), "y", 1, "other channels", "other height", "other width")
    return Session(g.model("layer", {}))


def test_layers_are_torchs():
    torch.manual_seed(0)
    wide, few, x = nn.Conv2d(5, 7, 3), nn.Conv2d(5, 3, 9), torch.rand(1, 5, 12, 10)
    for conv, layer, grown in (wide, graphs.doubled, 2), (few, graphs.few_channels, 1), (wide, graphs.few_channels, 1):
        made = only(lambda g, x: layer(x, g.weight("w", conv.weight), g.weight("b", conv.bias), conv))(x=x)["y"]  # noqa: B023
        reach = [conv.kernel_size[0] // 2] * 4
        wanted = conv(F.pad(F.interpolate(x, scale_factor=grown, mode="nearest"), reach, mode="reflect"))
        assert furthest(made, wanted.detach()) < 1e-5


def test_pictures_grow_as_torchs_do():
    grow = only(lambda g, x: graphs.grown(x))
    for height, width in (1, 1), (5, 40), (16, 17), (17, 16), (20, 16), (32, 32), (33, 47), (3, 100), (49, 64):
        x = torch.rand(1, 3, height, width)
        assert torch.equal(grow(x=x)["y"], padded(x))


# --- the command ------------------------------------------------------------------------------------------------------------------


def run(*arguments: object) -> int:
    return cli.main(["export", *map(str, arguments)])


def test_the_command_writes_a_style(tmp_path: Path, capsys: pytest.CaptureFixture):
    target = tmp_path / "deep" / "model.onnx"
    assert run(STYLES[0], "-o", target, "--half") == 0
    size = target.stat().st_size
    assert capsys.readouterr().out == f"{target}  {size / 1e3:,.0f} kB, opset 17, float16 weights: content, strength -> painting\n"
    assert Session(onnx.load(target))(content=photograph(8, 8), strength=1)["painting"].shape == (1, 3, 8, 8)
    before = target.read_bytes()
    assert run(STYLES[1], "-o", target) == 0 and "kept" in capsys.readouterr().out and target.read_bytes() == before
    assert run(STYLES[1], "-o", target, "--overwrite") == 0 and target.read_bytes() != before
    assert [path.name for path in target.parent.iterdir()] == ["model.onnx"]


def test_the_command_writes_a_method_into_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture):
    assert run("adain", "-o", tmp_path / "adain", "--json") == 0
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [Path(each["output"]).name for each in said] == [f"{name}.onnx" for name in export.adain_models()]
    for each in said:
        content = Path(each["output"]).read_bytes()
        assert (each["bytes"], each["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        assert each["style"] == "adain" and each["status"] == "exported" and each["opset"] == 17
    (tmp_path / "adain" / "adain_palette.onnx").unlink()
    assert run("adain", "-o", tmp_path / "adain") == 0
    lines = capsys.readouterr().out.splitlines()
    assert sum("kept" in line for line in lines) == 3 and "no weights: raw, colour_mean" in lines[-1]


def test_a_network_of_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture):
    TransformerNet(4).save(tmp_path / "mine.safetensors")
    assert run(tmp_path / "mine.safetensors", "-o", tmp_path / "mine.onnx") == 0
    assert export.described(onnx.load(tmp_path / "mine.onnx"))["name"] == "mine"
    torch.save(TransformerNet(4).state_dict(), tmp_path / "theirs.pth")
    assert run(tmp_path / "theirs.pth", "-o", tmp_path / "theirs.onnx", "--normalized") == 0
    net, content = nst.load_style(tmp_path / "theirs.pth", normalized=True), photograph(16, 16)
    made = Session(onnx.load(tmp_path / "theirs.onnx"))(content=content)["painting"]
    assert furthest(made, net.stylize(content, brush=1)) < 0.1 * STEP


@pytest.mark.parametrize("arguments, said", [
    (["night_orcard", "-o", "x.onnx"], "did you mean 'night_orchard'? expected a trained network's file, or one of"),
    (["night_orcard", "-o", "x.onnx"], "mosaic_peacock, adain, wct"),
    (["absent.safetensors", "-o", "x.onnx"], "absent.safetensors: no such weights file"),
    (["photo.jpg", "-o", "x.onnx"], "photo.jpg: is a picture"),
    ([STYLES[0], "-o", "x.pt"], "x.pt: expected a file that ends in .onnx"),
    ([STYLES[0], "-o", "folder.onnx"], "folder.onnx: expected a file that ends in .onnx"),
    (["adain", "-o", "x.onnx"], "x.onnx: adain is several files, expected a folder"),
    (["wct", "-o", "photo.jpg"], "photo.jpg: wct is several files, expected a folder"),
    (["adain", "-o", "x", "--normalized"], "normalized=True: adain reads and writes pictures in [0, 1]"),
    ([STYLES[0], "-o", "x.onnx", "--normalized"], "normalized=True"),
    ([STYLES[0], "-o", "photo.jpg/x.onnx"], "photo.jpg is no folder"),
    ([STYLES[0]], "'--output'"),
])  # fmt: skip
def test_what_makes_no_sense_is_said(arguments: list[str], said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                     capsys: pytest.CaptureFixture):  # fmt: skip
    monkeypatch.chdir(tmp_path)
    nst.save_image(photograph(8, 8), "photo.jpg")
    (tmp_path / "folder.onnx").mkdir()
    assert run(*arguments) == 2
    shown = capsys.readouterr()
    assert said in shown.err and len(shown.err.splitlines()) == 1 and shown.out == ""
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.onnx", "photo.jpg"]


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    target = tmp_path / "model.onnx"
    target.write_bytes(b"old")

    def full(path: Path, content: bytes) -> int:
        with open(path, "wb") as file:
            file.write(content[:1000])
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", full)
    assert run(STYLES[0], "-o", target, "--overwrite") == 1
    assert "No space left" in capsys.readouterr().err
    assert target.read_bytes() == b"old" and [path.name for path in tmp_path.iterdir()] == ["model.onnx"]


def test_without_onnx_it_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture):
    monkeypatch.setitem(sys.modules, "onnx", None)
    for name in ("export", "graphs"):
        monkeypatch.delitem(sys.modules, f"nst.command.{name}")
        monkeypatch.delattr(command, name)
    assert run(STYLES[0], "-o", tmp_path / "x.onnx") == 2
    said = capsys.readouterr().err
    assert said.startswith("nst: onnx is not installed; it comes with the extra 'export'") and ".[export]" in said


# --- the painting page's models ---------------------------------------------------------------------------------------------------


def unpacked(picture: str, dims: list[int]) -> Tensor:
    return torch.frombuffer(bytearray(base64.b64decode(picture)), dtype=torch.uint8).reshape(dims) / 255


def test_the_painting_pages_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(TOP / "notebooks" / "book")
    importlib.import_module("models").models(tmp_path)
    facts = json.loads((tmp_path / "models.json").read_text(encoding="utf-8"))
    files = {entry["file"]: entry for entry in (*facts["models"].values(), facts["noise"])}
    assert sorted([*files, "models.json"]) == sorted(path.name for path in tmp_path.iterdir())
    for name, entry in files.items():
        content = (tmp_path / name).read_bytes()
        assert (entry["bytes"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert sum(entry["bytes"] for entry in files.values()) < 15e6
    assert [style["model"] for style in facts["styles"]] == [f"style_{name}" for name in STYLES]

    test = facts["test"]
    content, style, painting = (unpacked(test[name], test["dims"]) for name in ("content", "style", "painting"))
    assert (content[0, 2, 3, 4:7] * 255).round().tolist() == [(7 * x + 13 * 3 + 31 * 2) % 256 for x in (4, 5, 6)]
    parts = {name: Session(onnx.load(tmp_path / entry["file"])) for name, entry in facts["models"].items()}
    assert furthest(parts[test["model"]](content=content, strength=test["strength"])["painting"], painting) < STEP
    assert set(test["paintings"]) == {style["model"] for style in facts["styles"]} | {"adain", "wct"}
    for name, paint in ("adain", with_adain), ("wct", with_wct):
        wanted = unpacked(test["paintings"][name], test["dims"])
        assert furthest(paint(parts, content, [style], [1], 1), wanted) < 1.1 * STEP
