"""nst.transformer_net against the article's own definition, restated here; its options; its files."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

import nst
from nst import losses
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
        (torch.rand(1, 3, 4, 40), ValueError, "at least 5 px"),
        (torch.rand(3, 40, 40), ValueError, r"\(B, 3, H, W\)"),
        (torch.full((1, 3, 8, 8), float("nan")), ValueError, "NaN"),
        (torch.zeros(1, 3, 8, 8, dtype=torch.uint8), TypeError, "content"),
    ],
)
def test_bad_pictures(content: torch.Tensor, error: type, said: str):
    with pytest.raises(error, match=said):
        TransformerNet(2).stylize(content)


@pytest.mark.parametrize(("options", "said"), [({"width": 0}, "width=0"), ({"norm": "layer"}, "norm='layer'"),
                                               ({"upsampling": "bilinear"}, "upsampling='bilinear'")])  # fmt: skip
def test_bad_options(options: dict, said: str):
    with pytest.raises(ValueError, match=said):
        TransformerNet(**options)


# --- files ------------------------------------------------------------------------------------------------------------------------


def test_what_is_saved_is_loaded(tmp_path: Path):
    net = TransformerNet(4, norm="batch", upsampling="transposed").eval()
    net.save(tmp_path / "mine.safetensors", {"style": "mine"})
    again, x = load_style(tmp_path / "mine.safetensors").cpu(), torch.rand(1, 3, 16, 16)
    assert again.metadata["style"] == "mine" and not any(p.requires_grad for p in again.parameters())
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
    nst.weights.write(tmp_path / "short.safetensors", "transformer_net", tensors, facts)
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
        nst.weights.write(tmp_path / "odd.safetensors", "transformer_net", TransformerNet(4).state_dict(), facts)
        with pytest.raises(ValueError, match="odd.safetensors: is not a TransformerNet"):
            load_style(tmp_path / "odd.safetensors")


def test_an_unknown_style_is_told_the_known_ones():
    with pytest.raises(ValueError, match="unknown style 'night_orchid'.*did you mean 'night_orchard'"):
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
    with pytest.raises(ValueError, match="strength=0.5: this network knows its full strength"):
        net.stylize(content, strength=0.5)
    for wrong in (-0.1, 1.1, "half", float("nan")):
        with pytest.raises(ValueError, match="strength="):
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
        ({"style_weights": [1]}, "style_weights: a trained network paints one style"),
        ({"preserve_color": "coral"}, "preserve_color='coral' recolours the style picture"),
        ({"preserve_color": "lab"}, "preserve_color='lab': expected"),
        ({"masks": [torch.ones(3, 3)]}, r"masks\[0\]: expected the content's size"),
    ],
)
def test_what_a_trained_network_cannot_do(arguments: dict, said: str):
    with pytest.raises(ValueError, match=said):
        stylize(torch.rand(1, 3, 20, 24), TransformerNet(2), **arguments)
    with pytest.raises(ValueError, match="2 styles need a mask each"):
        stylize(torch.rand(1, 3, 20, 24), [TransformerNet(2)] * 2)
