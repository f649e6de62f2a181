"""nst.transformer_net against the article's own definition, restated here; its options; its files."""

from __future__ import annotations

import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nst
from nst import losses, methods
from nst.transformer_net import ConvBlock, TransformerNet, load_style, shipped_styles, stylize

SHIPPED = shipped_styles()


class ArticleConvBlock(nn.Module):
    def __init__(self, in_channels, out_channels, kernel_size, stride=1, upsample=False, normalize=True, relu=True):
        super().__init__()
        self.upsample = upsample
        self.block = nn.Sequential(nn.ReflectionPad2d(kernel_size // 2), nn.Conv2d(in_channels, out_channels, kernel_size, stride))
        self.norm = nn.InstanceNorm2d(out_channels, affine=True) if normalize else None
        self.relu = relu

    def forward(self, x):
        if self.upsample:
            x = F.interpolate(x, scale_factor=2)
        x = self.block(x)
        if self.norm is not None:
            x = self.norm(x)
        if self.relu:
            x = F.relu(x)
        return x


class ArticleResidualBlock(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.block = nn.Sequential(ArticleConvBlock(channels, channels, 3), ArticleConvBlock(channels, channels, 3, relu=False))

    def forward(self, x):
        return self.block(x) + x


class ArticleNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(
            ArticleConvBlock(3, 32, 9),
            ArticleConvBlock(32, 64, 3, 2),
            ArticleConvBlock(64, 128, 3, 2),
            *(ArticleResidualBlock(128) for _ in range(5)),
            ArticleConvBlock(128, 64, 3, upsample=True),
            ArticleConvBlock(64, 32, 3, upsample=True),
            ArticleConvBlock(32, 3, 9, normalize=False, relu=False),
        )

    def forward(self, x):
        return self.model(x)


@pytest.fixture(scope="module")
def article() -> ArticleNet:
    torch.manual_seed(1)
    return ArticleNet().eval().requires_grad_(False)


def test_it_is_the_articles_network(article: ArticleNet):
    net = TransformerNet()
    assert sum(p.numel() for p in net.parameters()) == 1_679_235
    assert {k: v.shape for k, v in net.state_dict().items()} == {k: v.shape for k, v in article.state_dict().items()}


def test_a_checkpoint_of_the_article_gives_the_same_pictures(article: ArticleNet, tmp_path: Path):
    torch.save(article.state_dict(), tmp_path / "article.pth")
    net, x = load_style(tmp_path / "article.pth").cpu(), torch.rand(2, 3, 40, 48)
    torch.testing.assert_close(net(x), article(x))
    odd = torch.rand(1, 3, 41, 35)
    torch.testing.assert_close(net(odd), article(odd)[..., :41, :35])


@pytest.mark.parametrize("size", [(5, 5), (6, 9), (33, 40), (257, 191)])
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_the_size_stays(size: tuple[int, int], upsampling: str):
    assert TransformerNet(2, upsampling=upsampling)(torch.rand(1, 3, *size)).shape == (1, 3, *size)


def test_instance_norm_paints_a_batch_like_its_singles():
    x = torch.rand(3, 3, 24, 20)
    net = TransformerNet(4).train()
    torch.testing.assert_close(net(x)[1:2], net(x[1:2]), rtol=1e-3, atol=1e-5)
    batch = TransformerNet(4, norm="batch").train()
    assert not torch.allclose(batch(x)[1:2], batch(x[1:2]), atol=1e-2)


@pytest.mark.parametrize("kernel", [3, 5, 9])
@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_a_block_doubles_or_halves(kernel: int, upsampling: str):
    x = torch.rand(1, 5, 12, 17)
    assert ConvBlock(5, 7, kernel, upsample=True, upsampling=upsampling)(x).shape == (1, 7, 24, 34)
    assert ConvBlock(5, 7, kernel, upsampling=upsampling)(x).shape == (1, 7, 12, 17)  # nothing to upsample
    assert ConvBlock(5, 7, kernel, stride=2)(x).shape == (1, 7, 6, 9)


@pytest.mark.parametrize(("norm", "kind"), [("instance", nn.InstanceNorm2d), ("batch", nn.BatchNorm2d)])
@pytest.mark.parametrize(("upsampling", "transposed"), [("nearest", 0), ("transposed", 2)])
def test_each_layer_is_of_the_kind_that_was_asked_for(norm: str, kind: type, upsampling: str, transposed: int):
    blocks = [part for part in TransformerNet(2, norm, upsampling).modules() if isinstance(part, ConvBlock)]
    assert len(blocks) == 16 and blocks[-1].norm is None and all(type(block.norm) is kind for block in blocks[:-1])
    assert sum(isinstance(block.block[1], nn.ConvTranspose2d) for block in blocks) == transposed


def test_the_transposed_convolution_is_the_papers():
    """Stride 1/2: zeros between the pixels, and then a convolution (Dumoulin & Visin 2016, arXiv 1603.07285, section 4.3)."""
    block, x = ConvBlock(2, 3, 3, upsample=True, normalize=False, relu=False, upsampling="transposed"), torch.rand(1, 2, 5, 6)
    spread = torch.zeros(1, 2, 12, 14)
    spread[..., 1:11:2, 1:13:2] = x
    weight, bias = block.block[1].weight.flip(2, 3).transpose(0, 1), block.block[1].bias
    torch.testing.assert_close(block(x), F.conv2d(spread, weight, bias))


@pytest.mark.parametrize("size", [(80, 120), (120, 80)])
def test_the_size_that_would_fit_is_named(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch):
    """A network that runs out of memory beyond 64 x 96 pixels, with the 12 reflected ones on each side."""
    net, plain = TransformerNet(2).eval(), TransformerNet.painted

    def painted(self, x):
        if x.shape[-2:].numel() > 88 * 120:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return plain(self, x)

    monkeypatch.setattr(TransformerNet, "painted", painted)
    said = f"^content: {size[1]} x {size[0]} pixels need more memory than there is.* shorter side of "
    with pytest.raises(MemoryError, match=said) as raised:
        net.stylize(torch.rand(1, 3, *size))
    fits = int(re.search(r"shorter side of (\d+)", str(raised.value)).group(1))
    assert 32 <= fits <= 64 and net.stylize(torch.rand(1, 3, fits, fits * 3 // 2)).shape[-2] == fits


def test_contrast_and_brightness_are_the_norms_not_the_pictures():
    x = torch.rand(1, 3, 32, 32) * 0.5 + 0.2
    first = ConvBlock(3, 8, 9)
    torch.testing.assert_close(first(x), first(0.5 * x + 0.1), rtol=1e-2, atol=2e-3)


def test_stylize_clips_and_keeps_dtype_of_the_interface():
    net = TransformerNet(2)
    with torch.no_grad():
        net.model[10].block[1].bias.fill_(3.0)
    painted = net.stylize(torch.rand(2, 3, 20, 21, dtype=torch.float64))
    assert painted.shape == (2, 3, 20, 21) and painted.max() <= 1 and not painted.requires_grad


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (torch.rand(1, 3, 4, 40), ValueError, r"^content: \(4, 40\) is too small, expected at least 5 px on each side$"),
        (torch.rand(3, 40, 40), ValueError, r"\(B, 3, H, W\)"),
        (torch.full((1, 3, 8, 8), float("nan")), ValueError, "^content: .*NaN"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), TypeError, "^content"),
    ],
)
def test_bad_pictures(content: torch.Tensor, error: type, said: str):
    with pytest.raises(error, match=said):
        TransformerNet(2).stylize(content)


@pytest.mark.parametrize(("options", "said"), [({"width": 0}, "^width=0: "), ({"norm": "layer"}, "^norm='layer': exp"),
                                               ({"upsampling": "bilinear"}, "^upsampling='bilinear': expected")])  # fmt: skip
def test_bad_options(options: dict, said: str):
    with pytest.raises(ValueError, match=said):
        TransformerNet(**options)


# --- files ------------------------------------------------------------------------------------------------------------------------


def test_what_is_saved_is_loaded(tmp_path: Path):
    net = TransformerNet(4, norm="batch", upsampling="transposed").eval()
    net.save(tmp_path / "mine.safetensors", {"style": "mine"})
    again, x = load_style(tmp_path / "mine.safetensors").cpu(), torch.rand(1, 3, 16, 16)
    assert again.metadata["style"] == "mine" and not any(p.requires_grad for p in again.parameters())
    assert [again.metadata[name] for name in ("width", "norm", "upsampling")] == [4, "batch", "transposed"]
    torch.testing.assert_close(again(x), net(x))
    net.save(tmp_path / "half.safetensors", dtype=torch.float16)
    torch.testing.assert_close(load_style(tmp_path / "half.safetensors").cpu()(x), net(x), atol=5e-3, rtol=0)
    assert (tmp_path / "half.safetensors").stat().st_size < 0.7 * (tmp_path / "mine.safetensors").stat().st_size


class Bomb:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_pickle_is_refused_and_never_executed(tmp_path: Path, suffix: str):
    file = tmp_path / f"bomb{suffix}"
    file.write_bytes(pickle.dumps({"model": Bomb(tmp_path / "exploded")}))
    with pytest.raises(ValueError, match=f"bomb{suffix}"):
        load_style(file)
    assert not (tmp_path / "exploded").exists()


def test_broken_files_are_named(tmp_path: Path):
    TransformerNet(4).save(tmp_path / "whole.safetensors")
    (tmp_path / "cut.safetensors").write_bytes((tmp_path / "whole.safetensors").read_bytes()[:-100])
    with pytest.raises(ValueError, match="cut.safetensors.*cut short"):
        load_style(tmp_path / "cut.safetensors")
    with pytest.raises(FileNotFoundError, match="none.safetensors"):
        load_style(tmp_path / "none.safetensors")
    with pytest.raises(ValueError, match="kind 'vgg19', expected 'transformer_net'"):
        load_style(nst.vgg.lite_file())
    torch.save({"conv.weight": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="other.pth.*article's TransformerNet"):
        load_style(tmp_path / "other.pth")
    tensors = {k: v for k, v in TransformerNet(4).state_dict().items() if "model.9" not in k}
    facts = {"width": 4, "norm": "instance", "upsampling": "nearest"}
    nst.support.weights.write(tmp_path / "short.safetensors", "transformer_net", tensors, facts)
    with pytest.raises(ValueError, match="short.safetensors: is not a TransformerNet of width 4"):
        load_style(tmp_path / "short.safetensors")


def test_checkpoints_of_old_torch_versions_load(article: ArticleNet, tmp_path: Path):
    """Before 0.4 torch's instance norm stored running statistics that it never used."""
    state = dict(article.state_dict())
    for name in [k for k in state if k.endswith("norm.weight")]:
        state[name.replace("weight", "running_mean")] = torch.rand(len(state[name]))
        state[name.replace("weight", "running_var")] = torch.rand(len(state[name]))
    torch.save(state, tmp_path / "old.pth")
    x = torch.rand(1, 3, 24, 24)
    torch.testing.assert_close(load_style(tmp_path / "old.pth").cpu()(x), article(x))


def test_facts_that_make_no_network_are_named(tmp_path: Path):
    for facts in ({"norm": "instance"}, {"norm": "layer", "upsampling": "nearest"}, {"norm": [1], "upsampling": "nearest"}):
        nst.support.weights.write(tmp_path / "odd.safetensors", "transformer_net", TransformerNet(4).state_dict(), facts)
        with pytest.raises(ValueError, match="odd.safetensors: is not a TransformerNet"):
            load_style(tmp_path / "odd.safetensors")


def test_an_unknown_style_is_told_the_known_ones():
    with pytest.raises(ValueError, match="^unknown style 'night_orchid'.*did you mean 'night_orchard'.*expected a file, or one of"):
        load_style("night_orchid")


# --- the models that ship ---------------------------------------------------------------------------------------------------------


def test_at_least_four_models_ship():
    assert len(SHIPPED) >= 4 and set(SHIPPED) <= set(nst.assets.styles())


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_model_paints(name: str):
    net, content = load_style(name), nst.assets.picture("coffee", 96)
    painted = stylize(content, name)
    assert painted.shape == content.shape and torch.isfinite(painted).all()
    style = nst.assets.picture(name, 256)

    def colours(picture):  # mean and spread of each colour
        return torch.cat([picture.mean((2, 3)), picture.std((2, 3))], 1)

    assert (colours(painted) - colours(style)).norm() < (colours(content) - colours(style)).norm()
    assert nst.transformer_net.style_file(name).stat().st_size <= 1e6
    facts = net.metadata
    assert len(facts["encoder_sha256"]) == 64 and facts["style"] == name and facts["licence"]


@pytest.mark.parametrize("name", SHIPPED)
def test_strength_goes_from_the_photograph_to_the_style(name: str):
    net, lite, content = load_style(name), nst.VGG19.load("lite"), nst.assets.picture("chelsea", 128)
    steps = [net.stylize(content, strength=s / 4) for s in range(5)]
    torch.testing.assert_close(steps[4], net.stylize(content))
    layers = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
    photograph, *seen = (lite(picture, layers) for picture in (content, *steps))
    style = {k: nst.gram_matrix(f) for k, f in lite(nst.assets.picture(name, 128), layers).items()}
    away = [float(losses.content_loss(found["relu3_1"], photograph["relu3_1"])) for found in seen]
    missing = [sum(float(losses.style_loss(nst.gram_matrix(found[k]), style[k])) for k in layers) for found in seen]
    assert away == sorted(away) and away[0] < 0.3 * away[4]
    assert missing[:4] == sorted(missing[:4], reverse=True) and missing[4] < 0.5 * missing[0]


# --- strength ---------------------------------------------------------------------------------------------------------------------


def test_strength_blends_the_weights(tmp_path: Path):
    torch.manual_seed(0)
    net, weak, content = TransformerNet(2).eval(), TransformerNet(2).eval(), torch.rand(1, 3, 24, 20)
    names = [k for k, _ in net.named_parameters() if ".norm." in k]
    net.weak = {k: torch.rand_like(v) for k, v in weak.named_parameters() if k in names}
    for strength in (0, 0.3, 1):
        by_hand = TransformerNet(2).eval()
        state = net.state_dict()
        by_hand.load_state_dict({k: v if k not in names else (1 - strength) * net.weak[k] + strength * v for k, v in state.items()})
        torch.testing.assert_close(net.stylize(content, strength=strength), by_hand.stylize(content))
    net.save(tmp_path / "net.safetensors")
    again = load_style(tmp_path / "net.safetensors")
    assert set(again.weak) == set(names)
    torch.testing.assert_close(stylize(content, again, strength=0.3), net.stylize(content, strength=0.3))


def test_bad_strengths_and_weak_weights_are_named(tmp_path: Path):
    net, content = TransformerNet(2), torch.rand(1, 3, 24, 20)
    with pytest.raises(ValueError, match="^strength=0.5: this network knows its full strength, 1, only$"):
        net.stylize(content, strength=0.5)
    for wrong in (-0.1, 1.1, "half", float("nan")):
        with pytest.raises(ValueError, match="^strength="):
            net.stylize(content, strength=wrong)
    for wrong in ({"model.0.norm.weight": torch.zeros(3)}, {"model.99.norm.weight": torch.zeros(2)}):
        net.weak = wrong
        net.save(tmp_path / "odd.safetensors")
        with pytest.raises(ValueError, match="odd.safetensors: is not a TransformerNet.*weak"):
            load_style(tmp_path / "odd.safetensors")


def test_painting_leaves_the_network_as_it_was():
    net = TransformerNet(2, norm="batch").train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    net.stylize(torch.rand(2, 3, 24, 20))
    assert net.training and all(torch.equal(v, before[k]) for k, v in net.state_dict().items())


def test_the_result_is_a_picture_of_its_own():
    content = (torch.rand(1, 3, 20, 24, dtype=torch.float64) * 2).requires_grad_()
    nets = [TransformerNet(2).eval(), TransformerNet(2).eval()]
    for settings in ({}, {"masks": [torch.ones(20, 24) / 2] * 2}, {"preserve_color": True, "masks": [torch.ones(20, 24) / 3] * 2}):
        made = stylize(content, nets if "masks" in settings else nets[0], **settings)
        assert made.dtype == torch.float32 and not made.requires_grad and 0 <= made.min() and made.max() <= 1


# --- several styles, masks, colours -----------------------------------------------------------------------------------------------


def test_each_style_in_its_mask():
    torch.manual_seed(0)
    content, nets = torch.rand(1, 3, 20, 24), [TransformerNet(2).eval(), TransformerNet(2).eval()]
    left = torch.zeros(20, 24)
    left[:, :10] = 1
    made = stylize(content, nets, masks=[left, 1 - left])
    torch.testing.assert_close(made[..., :10], nets[0].stylize(content)[..., :10])
    torch.testing.assert_close(made[..., 10:], nets[1].stylize(content)[..., 10:])
    torch.testing.assert_close(stylize(content, nets[0], masks=[left])[..., 10:], content[..., 10:])
    torch.testing.assert_close(stylize(content, nets[0]), nets[0].stylize(content))


@pytest.mark.parametrize("name", SHIPPED)
def test_no_frame(name: str):
    """How the colour of the four outermost pixels differs from the eight beside them, over all sides of six photographs."""

    def step(pictures: list[torch.Tensor]) -> float:
        sides = [y for x in pictures for y in (x, x.flip(-2), x.mT, x.mT.flip(-2))]
        steps = [y[..., :4, 16:-16].mean((-2, -1)) - y[..., 4:12, 16:-16].mean((-2, -1)) for y in sides]
        return float(torch.stack(steps).mean(0).abs().max())  # of the colour that differs most

    whole = [nst.assets.picture(name, 192) for name in ("astronaut", "chelsea", "coffee", "rocket", "hubble")]
    photos = [*whole, nst.assets.picture("chelsea")[..., 20:212, 100:320]]
    net = load_style(name)
    assert step([net.stylize(photo) for photo in photos]) < step(photos) + 0.03


@pytest.mark.parametrize("size", [(5, 5), (6, 40), (16, 17), (13, 30)])
def test_small_pictures_are_reflected_as_far_as_they_go(size: tuple[int, int]):
    net = TransformerNet(4).eval()
    picture = torch.rand(1, 3, *size)
    made = net.stylize(picture)
    down, right = (min(12, (n - 1) // 4 * 4) for n in size)
    wide = F.pad(picture, (right, right, down, down), mode="reflect")
    with torch.no_grad():
        expected = net(wide)[..., down : down + size[0], right : right + size[1]].clamp(0, 1)
    torch.testing.assert_close(made, expected, atol=1e-4, rtol=0)


def test_luminance_only():
    content, net = torch.rand(1, 3, 20, 24), TransformerNet(2).eval()
    torch.testing.assert_close(stylize(content, net, preserve_color=True), nst.colour.keep_color(net.stylize(content), content))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"style_weights": [1]}, "^style_weights: a trained network paints one style"),
        ({"preserve_color": "coral"}, "^preserve_color='coral' recolours the style picture"),
        ({"preserve_color": "lab"}, "^preserve_color='lab': expected"),
        ({"masks": [torch.ones(3, 3)]}, r"masks\[0\]: expected the content's size"),
    ],
)
def test_what_a_trained_network_cannot_do(arguments: dict, said: str):
    with pytest.raises(ValueError, match=said):
        stylize(torch.rand(1, 3, 20, 24), TransformerNet(2), **arguments)
    with pytest.raises(ValueError, match="^style: 2 styles need a mask each"):
        stylize(torch.rand(1, 3, 20, 24), [TransformerNet(2)] * 2)


# --- others' checkpoints ----------------------------------------------------------------------------------------------------------

MEAN, STD = (torch.tensor(numbers).view(3, 1, 1) for numbers in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


def test_a_network_of_normalised_pictures_is_painted_in_their_units(article: ArticleNet, tmp_path: Path):
    """eriklindernoren's code: net((x - mean) / std) std + mean."""
    torch.save(article.state_dict(), tmp_path / "erik.pth")
    x = torch.rand(2, 3, 40, 48)
    wanted = article((x - MEAN) / STD) * STD + MEAN
    net = load_style(tmp_path / "erik.pth", normalized=True).cpu()
    torch.testing.assert_close(net(x), wanted, rtol=1e-4, atol=1e-4)
    net.save(tmp_path / "kept.safetensors")
    for again in (load_style(tmp_path / "kept.safetensors"), load_style(tmp_path / "kept.safetensors", normalized=True)):
        torch.testing.assert_close(again.cpu()(x), wanted, rtol=1e-4, atol=1e-4)  # taken in once, whoever asks
    assert again.metadata["normalized"] is True
    torch.testing.assert_close(load_style(tmp_path / "erik.pth").cpu()(x), article(x))
    plain = TransformerNet()
    plain.load_state_dict(article.state_dict())
    plain.save(tmp_path / "plain.safetensors")  # somebody's own, saved as a file of ours
    torch.testing.assert_close(load_style(tmp_path / "plain.safetensors", normalized=True).cpu()(x), wanted, rtol=1e-4, atol=1e-4)


def test_the_means_of_normalised_pictures_reach_a_batch_norm(tmp_path: Path):
    """An instance norm takes every constant out; this one keeps what was added to the first bias."""
    net = TransformerNet(4, norm="batch").eval().requires_grad_(False)
    torch.save(net.state_dict(), tmp_path / "batch.pth")
    x = torch.rand(1, 3, 24, 32)
    loaded = load_style(tmp_path / "batch.pth", normalized=True).cpu()
    torch.testing.assert_close(loaded(x), net((x - MEAN) / STD) * STD + MEAN, rtol=1e-4, atol=1e-4)
    lacking = {k: v for k, v in net.state_dict().items() if k != "model.0.block.1.bias"}
    torch.save(lacking, tmp_path / "lacking.pth")
    with pytest.raises(ValueError, match="lacking.pth: .*: it has no 'model.0.block.1.bias'$"):
        load_style(tmp_path / "lacking.pth", normalized=True)


def test_what_was_loaded_can_be_trained_whatever_the_caller_set(tmp_path: Path):
    TransformerNet(2).save(tmp_path / "mine.safetensors")
    with torch.inference_mode():
        net = load_style(tmp_path / "mine.safetensors")
    net.requires_grad_()(torch.rand(1, 3, 16, 16, device=next(net.parameters()).device)).sum().backward()
    assert all(parameter.grad is not None for parameter in net.parameters())


@pytest.mark.parametrize("network", [lambda: TransformerNet(2), lambda: ExamplesNet()], ids=["article", "examples"])
def test_a_file_of_two_networks_is_named(tmp_path: Path, network):
    state = network().state_dict()
    torch.save({f"{name}.{k}": v for name in "ab" for k, v in state.items()}, tmp_path / "two.pth")
    with pytest.raises(ValueError, match="two.pth"):
        load_style(tmp_path / "two.pth")


def test_mean_grey_in_normalised_units_is_mean_grey(tmp_path: Path):
    net = TransformerNet()
    with torch.no_grad():
        net.model[10].block[1].weight.zero_()
        net.model[10].block[1].bias.zero_()
    torch.save(net.state_dict(), tmp_path / "grey.pth")
    x = torch.rand(1, 3, 24, 32)
    assert load_style(tmp_path / "grey.pth").stylize(x).abs().max() == 0
    painted = load_style(tmp_path / "grey.pth", normalized=True).stylize(x)
    torch.testing.assert_close(painted, MEAN.expand_as(painted).cpu())
    with pytest.raises(ValueError, match="^normalized=True: the shipped night_orchard reads and writes"):
        load_style("night_orchard", normalized=True)


class ExamplesLayer(nn.Module):
    def __init__(self, a, b, kernel, stride, upsample=None):
        super().__init__()
        self.upsample = upsample
        self.reflection_pad = nn.ReflectionPad2d(kernel // 2)
        self.conv2d = nn.Conv2d(a, b, kernel, stride)

    def forward(self, x):
        if self.upsample:
            x = F.interpolate(x, mode="nearest", scale_factor=self.upsample)
        return self.conv2d(self.reflection_pad(x))


class ExamplesResidual(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.conv1, self.in1 = ExamplesLayer(n, n, 3, 1), nn.InstanceNorm2d(n, affine=True)
        self.conv2, self.in2 = ExamplesLayer(n, n, 3, 1), nn.InstanceNorm2d(n, affine=True)

    def forward(self, x):
        return self.in2(self.conv2(F.relu(self.in1(self.conv1(x))))) + x


class ExamplesNet(nn.Module):
    """pytorch/examples, fast_neural_style, as its README trains it: pictures in 0 … 255 at both ends."""

    def __init__(self, n=4):
        super().__init__()
        self.conv1, self.in1 = ExamplesLayer(3, n, 9, 1), nn.InstanceNorm2d(n, affine=True)
        self.conv2, self.in2 = ExamplesLayer(n, 2 * n, 3, 2), nn.InstanceNorm2d(2 * n, affine=True)
        self.conv3, self.in3 = ExamplesLayer(2 * n, 4 * n, 3, 2), nn.InstanceNorm2d(4 * n, affine=True)
        for k in range(1, 6):
            self.add_module(f"res{k}", ExamplesResidual(4 * n))
        self.deconv1, self.in4 = ExamplesLayer(4 * n, 2 * n, 3, 1, 2), nn.InstanceNorm2d(2 * n, affine=True)
        self.deconv2, self.in5 = ExamplesLayer(2 * n, n, 3, 1, 2), nn.InstanceNorm2d(n, affine=True)
        self.deconv3 = ExamplesLayer(n, 3, 9, 1)

    def forward(self, x):
        for k in (1, 2, 3):
            x = F.relu(getattr(self, f"in{k}")(getattr(self, f"conv{k}")(x)))
        for k in range(1, 6):
            x = getattr(self, f"res{k}")(x)
        x = F.relu(self.in4(self.deconv1(x)))
        return self.deconv3(F.relu(self.in5(self.deconv2(x))))


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("wrapped", [lambda s: s, lambda s: {"model": {f"module.{k}": v for k, v in s.items()}, "epoch": 1}])
def test_pytorch_examples_own_checkpoints_are_translated(tmp_path: Path, old: bool, wrapped):
    torch.manual_seed(2)
    net = ExamplesNet().eval().requires_grad_(False)
    for part in net.modules():
        if isinstance(part, nn.InstanceNorm2d):
            nn.init.uniform_(part.weight, 0.5, 2), nn.init.uniform_(part.bias, -1, 1)
    state = dict(net.state_dict())
    if old:  # as torch stored instance norms in 2017, and never used it
        for name in [k for k in state if ".in" in f".{k}" and k.endswith("bias")]:
            for statistic in ("running_mean", "running_var"):
                state[name.replace("bias", statistic)] = torch.rand(len(state[name]))
    torch.save(wrapped(state), tmp_path / "mosaic.model")
    x, loaded = torch.rand(1, 3, 40, 52), load_style(tmp_path / "mosaic.model").cpu()
    torch.testing.assert_close(255 * loaded(x), net(255 * x), rtol=1e-4, atol=1e-3)
    assert loaded.norm == "instance" and loaded.width == 4
    loaded.save(tmp_path / "mine.safetensors")
    torch.testing.assert_close(load_style(tmp_path / "mine.safetensors").cpu()(x), net(255 * x) / 255, rtol=1e-4, atol=1e-4)


def test_names_that_agree_and_shapes_that_do_not(tmp_path: Path):
    net = ExamplesNet()
    net.res5.conv2 = ExamplesLayer(16, 16, 5, 1)
    torch.save(net.state_dict(), tmp_path / "other.pth")
    with pytest.raises(ValueError, match=r"other.pth: is not a TransformerNet of width 4: model.7.block.1.block.1.weight has"):
        load_style(tmp_path / "other.pth")
    state = {k: v for k, v in ExamplesNet().state_dict().items() if "deconv3" not in k}
    torch.save(state, tmp_path / "short.pth")
    with pytest.raises(ValueError, match=r"short.pth: .*model.10.block.1.weight"):
        load_style(tmp_path / "short.pth")
    torch.save({k: v for k, v in ExamplesNet().state_dict().items() if k != "deconv1.conv2d.bias"}, tmp_path / "bias.pth")
    with pytest.raises(ValueError, match=r"bias.pth: .*model.8.block.1.bias"):
        load_style(tmp_path / "bias.pth")
    torch.save({**ExamplesNet().state_dict(), "extra.conv2d.weight": torch.rand(3)}, tmp_path / "more.pth")
    with pytest.raises(ValueError, match=r"more.pth: .*: extra.conv2d.weight has no place in it"):
        load_style(tmp_path / "more.pth")


def test_another_architecture_is_told_by_its_first_three_names(tmp_path: Path):
    torch.save({f"{name}.weight": torch.rand(2) for name in "abcd"}, tmp_path / "other.pth")
    with pytest.raises(ValueError, match="its names begin with a.weight, b.weight, c.weight$"):
        load_style(tmp_path / "other.pth")


@pytest.mark.parametrize("upsampling", ["nearest", "transposed"])
def test_a_batch_norm_network_is_read_as_one(tmp_path: Path, upsampling: str):
    net = TransformerNet(4, norm="batch", upsampling=upsampling).train()
    for _ in range(3):
        net(torch.rand(2, 3, 24, 24))
    torch.save(net.state_dict(), tmp_path / "b.pth")
    loaded, x = load_style(tmp_path / "b.pth").cpu(), torch.rand(1, 3, 24, 24)
    assert (loaded.norm, loaded.upsampling) == ("batch", upsampling)
    torch.testing.assert_close(loaded.stylize(x), net.eval().stylize(x))
    assert load_style(tmp_path / "b.pth", norm="instance").norm == "instance"
    old = {k: v for k, v in net.state_dict().items() if "num_batches" not in k}  # before torch 0.4.1 they counted none
    torch.save({**old, "model.0.norm.num_batches_tracked": torch.tensor(3)}, tmp_path / "old.pth")
    with pytest.raises(ValueError, match="old.pth: is not a TransformerNet of width 4: it lacks model.1.norm.num_batches_tracked"):
        load_style(tmp_path / "old.pth")


@pytest.mark.parametrize("name", ["a.model", "A.PTH", "a.pt", "a.ckpt", "a.pth.tar", "a", "a.safetensors"])
def test_a_checkpoint_is_known_by_its_content(article: ArticleNet, tmp_path: Path, name: str):
    x = torch.rand(1, 3, 24, 24)
    torch.save({"state_dict": {f"module.{k}": v for k, v in article.state_dict().items()}, "epoch": 1}, tmp_path / name)
    torch.testing.assert_close(load_style(tmp_path / name).cpu()(x), article(x))
    torch.testing.assert_close(load_style(str(tmp_path / name)).cpu()(x), article(x))
    assert methods.method_for([str(tmp_path / name)]) == "fast"
    torch.testing.assert_close(methods.painter([str(tmp_path / name)])(x), load_style(tmp_path / name).stylize(x))
    with pytest.raises(ValueError, match="is a trained network's file"):
        methods.style_picture(str(tmp_path / name))


# --- whoever calls ----------------------------------------------------------------------------------------------------------------


def blending_net() -> TransformerNet:
    net = TransformerNet(4).eval().requires_grad_(False)
    net.weak = {k: torch.rand_like(v) for k, v in net.named_parameters() if ".norm." in k}
    return net


def test_threads_that_blend_leave_the_network_and_each_others_pictures_alone():
    net, x = blending_net(), torch.rand(1, 3, 24, 24)
    before = {k: v.clone() for k, v in net.state_dict().items()}
    strengths = [k / 40 for k in range(40)]
    alone = [net.stylize(x, strength=s) for s in strengths]
    with ThreadPoolExecutor(2) as pool:
        together = list(pool.map(lambda s: net.stylize(x, strength=s), strengths * 3))
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items())
    assert all(torch.equal(a, b) for a, b in zip(alone * 3, together, strict=True))


def test_each_part_stays_in_the_mode_it_was_in():
    net = TransformerNet(2, norm="batch").train()
    net.model[0].norm.eval()
    before = {name: part.training for name, part in net.named_modules()}
    for strength in (1, 0.5):
        net.weak = {"model.0.norm.weight": torch.zeros(2)}
        net.stylize(torch.rand(1, 3, 24, 24), strength=strength)
        assert {name: part.training for name, part in net.named_modules()} == before


def test_no_part_learns_while_it_paints():
    """Also where only one of them is in training."""
    net = TransformerNet(2, norm="batch").eval()
    net.model[3].train()
    before, x = {k: v.clone() for k, v in net.state_dict().items()}, torch.rand(1, 3, 24, 24)
    painted = net.stylize(x)
    assert all(torch.equal(v, before[k]) for k, v in net.state_dict().items()) and torch.equal(painted, net.eval().stylize(x))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_a_network_paints_in_its_own_precision(dtype: torch.dtype):
    x = nst.assets.picture("chelsea", 300)
    net = load_style("night_orchard").cpu()
    wanted = net.stylize(x, strength=0.7)
    painted = load_style("night_orchard").cpu().to(dtype).stylize(x, strength=0.7)
    assert painted.dtype == torch.float32
    torch.testing.assert_close(painted, wanted, rtol=0, atol={torch.float16: 0.05, torch.bfloat16: 0.4, torch.float64: 1e-4}[dtype])
    assert float((painted - wanted).abs().mean()) < {torch.float16: 0.002, torch.bfloat16: 0.02, torch.float64: 1e-5}[dtype]


def test_pictures_do_not_depend_on_the_callers_settings():
    x, masks = torch.rand(1, 3, 40, 48), [torch.full((1, 1, 40, 48), 0.5)]
    wanted = stylize(x, "night_orchard", masks=masks, strength=0.5)
    before = torch.get_default_dtype()
    try:
        torch.set_default_dtype(torch.float64)
        defaults = stylize(x, "night_orchard", masks=masks, strength=0.5)
    finally:
        torch.set_default_dtype(before)
    with torch.autocast("cpu", torch.float16):
        cast = stylize(x, "night_orchard", masks=masks, strength=0.5)
    with torch.inference_mode():
        inferred = stylize(x, "night_orchard", masks=masks, strength=0.5)
    for painted in (defaults, cast, inferred):
        assert painted.dtype == torch.float32 and torch.equal(painted, wanted)


def test_a_mask_that_wants_a_gradient_gets_none():
    x, mask = torch.rand(1, 3, 40, 48), torch.full((1, 1, 40, 48), 0.5, requires_grad=True)
    assert not stylize(x, "night_orchard", masks=[mask]).requires_grad
    for method in (nst.adain, nst.wct):
        assert not method.stylize(x, torch.rand(1, 3, 40, 40), masks=[mask]).requires_grad
    config = nst.GatysConfig(evaluations=1)
    assert not nst.gatys.stylize(x, torch.rand(1, 3, 40, 40), masks=[mask], config=config).requires_grad


def test_the_network_is_exported_for_all_sizes():
    net = TransformerNet(2).eval()
    sides = {2: torch.export.Dim.AUTO, 3: torch.export.Dim.AUTO}
    program = torch.export.export(net, (torch.rand(1, 3, 40, 44),), dynamic_shapes={"x": sides}).module()
    for size in ((40, 44), (33, 47), (64, 61)):
        x = torch.rand(1, 3, *size)
        torch.testing.assert_close(program(x), net(x), rtol=1e-4, atol=1e-4)


def test_a_content_outside_its_range_is_clamped_first():
    x, net = torch.rand(1, 3, 24, 24), TransformerNet(4).eval()
    wild = x * 1.5 - 0.2
    torch.testing.assert_close(net.stylize(wild), net.stylize(wild.clamp(0, 1)))


def test_masks_that_overlap_share_the_picture():
    content, nets = torch.rand(1, 3, 20, 24), [TransformerNet(2).eval(), TransformerNet(2).eval()]
    made = stylize(content, nets, masks=[torch.ones(20, 24), torch.ones(20, 24)])
    torch.testing.assert_close(made, (nets[0].stylize(content) + nets[1].stylize(content)) / 2)


def test_weak_weights_are_float32_whatever_the_file_holds(tmp_path: Path):
    net = blending_net()
    net.save(tmp_path / "half.safetensors", dtype=torch.float16)
    again = load_style(tmp_path / "half.safetensors")
    assert again.weak and {v.dtype for v in (*again.weak.values(), *again.state_dict().values())} == {torch.float32}
