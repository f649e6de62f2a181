"""Everything on a device that is not the CPU: a CPU tensor that slips in fails.

Where there is no accelerator torch's device "meta" stands for one: its tensors know shape and device, and no numbers. (The fake
tensors that are built on it can say "cuda", but torch without CUDA has no backward pass for them.) The same tests run on the real
device where there is one.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import nst
from nst import adain, gatys, losses, transformer_net, wct
from nst.adain import AdaINLoss
from nst.decoders import LAYERS, Decoder
from nst.gatys import GatysConfig, Objective
from nst.optim import minimize_in_box
from nst.training import TrainingConfig, train
from nst.training.datasets import Batch
from nst.training.perceptual import PerceptualConfig, PerceptualLoss
from nst.transformer_net import TransformerNet

WIDTHS = (4, 5, 6, 7, 8)


class StandIn(TorchDispatchMode):
    """Makes "meta" a device like others: it gives numbers back when asked for them, and mixes with no tensor of the CPU.

    A single number (to take a branch by, say) is 1, or yes; a copy on the CPU is random. Numbers without dimensions may be on the
    CPU, as torch allows.
    """

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
        there = any(x.is_meta for x in tensors)
        if there and function is torch.ops.aten._local_scalar_dense.default:
            return True if args[0].dtype == torch.bool else 1.0 if args[0].is_floating_point() else 1
        if function is torch.ops.aten._to_copy.default:
            if there and torch.device(kwargs.get("device") or "meta").type == "cpu":
                return torch.rand(args[0].shape).to(kwargs.get("dtype") or args[0].dtype)
        elif there and any(not x.is_meta and x.ndim for x in tensors):
            raise RuntimeError(f"{function}: a tensor is on the CPU, and another on the device")
        return function(*args, **kwargs)


class Mac(StandIn):
    """It lacks what Apple's MPS lacks (torch 2.6): antialiased resizing, pooling by other than whole factors, float64."""

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        if args and isinstance(args[0], torch.Tensor) and args[0].is_meta:
            if function is torch.ops.aten._upsample_bicubic2d_aa.default:
                raise NotImplementedError(f"{function} is not there for the MPS device")
            if function is torch.ops.aten._adaptive_avg_pool2d.default and any(n % m for n, m in zip(args[0].shape[-2:], args[1])):
                raise RuntimeError("Adaptive pool MPS: input sizes must be divisible by output sizes")
        made = super().__torch_dispatch__(function, types, args, kwargs)
        if isinstance(made, torch.Tensor) and made.is_meta and made.dtype == torch.float64:
            raise TypeError("Cannot convert a MPS Tensor to float64 dtype as the MPS framework doesn't support float64")
        return made


@pytest.fixture(params=["stand-in", "real"])
def elsewhere(request: pytest.FixtureRequest) -> Iterator[torch.device]:
    if request.param == "stand-in":
        with StandIn():
            yield torch.device("meta")
    elif torch.accelerator.is_available():
        yield torch.empty(1, device=torch.accelerator.current_accelerator()).device
    else:
        pytest.skip("no accelerator here")


@pytest.fixture
def encoder(elsewhere: torch.device) -> nst.VGG19:
    return nst.VGG19(WIDTHS, "reflect").requires_grad_(False).to(elsewhere)


def decoder(layer: str, where: torch.device) -> Decoder:
    block = int(layer[4])
    return Decoder(layer, WIDTHS[block - 1], WIDTHS[: block - 1]).requires_grad_(False).to(where)


def picture(*size: int, where: torch.device | str = "cpu", batch: int = 1) -> torch.Tensor:
    return torch.rand(batch, 3, *(size or (40, 48)), device=where)


def masks() -> list[torch.Tensor]:
    """Two of the content's size, on the CPU, where a user makes them."""
    return [torch.rand(40, 48), torch.ones(1, 1, 40, 48)]


CONTROLS = [{}, {"style_weights": [1, 3]}, {"masks": True}, {"preserve_color": "coral"}, {"preserve_color": "luminance"}]


def options(chosen: dict) -> tuple[list[torch.Tensor], dict]:
    """Styles on the CPU, and the options of a `stylize`."""
    given = {**chosen, "masks": masks()} if "masks" in chosen else chosen
    return [picture(33, 40)] * (2 if len(chosen) and "preserve_color" not in chosen else 1), given


def test_a_tensor_left_on_the_cpu_is_noticed(elsewhere: torch.device, encoder: nst.VGG19):
    with pytest.raises(Exception, match="(?i)device"):
        encoder(picture(), ["relu1_1"])
    with pytest.raises(Exception, match="(?i)device"):
        losses.content_loss(torch.rand(1, 2, 3, 4, device=elsewhere), torch.rand(1, 2, 3, 4))


def test_losses(elsewhere: torch.device):
    x, y = (torch.rand(2, 4, 6, 7, device=elsewhere).requires_grad_() for _ in range(2))
    for form in losses.CONTENT_FORMS:
        assert losses.content_loss(x, y, form).device == elsewhere
    for form in losses.STYLE_FORMS:
        assert losses.style_loss(losses.gram_matrix(x), losses.gram_matrix(y), form).device == elsewhere
    total = losses.total_variation(x) + losses.range_penalty(x)
    assert torch.autograd.grad(total, x)[0].device == elsewhere


@pytest.mark.parametrize("masked", [False, True])
def test_objective(elsewhere: torch.device, encoder: nst.VGG19, masked: bool):
    content = picture(where=elsewhere)
    styles = [picture(33, 40, where=elsewhere) for _ in range(2)]
    mix = nst.controls.StyleMix.of(content, styles, masks=masks() if masked else None)
    x = picture(where=elsewhere).requires_grad_()
    parts = Objective(GatysConfig.default(tv_weight=1.0), encoder, content, mix)(x)
    assert {v.device for v in parts.values()} == {elsewhere}
    assert torch.autograd.grad(parts["total"], x)[0].device == elsewhere


@pytest.mark.parametrize("chosen", CONTROLS, ids=lambda chosen: "".join(map(str, chosen.values())) or "plain")
@pytest.mark.parametrize("optimizer", gatys.OPTIMIZERS)
def test_gatys(encoder: nst.VGG19, chosen: dict, optimizer: str):
    styles, given = options(chosen)
    config = GatysConfig.default(evaluations=4, optimizer=optimizer)
    assert gatys.stylize(picture(), styles, config=config, encoder=encoder, **given).device.type == "cpu"


@pytest.mark.parametrize("chosen", CONTROLS, ids=lambda chosen: "".join(map(str, chosen.values())) or "plain")
def test_adain_and_wct(elsewhere: torch.device, encoder: nst.VGG19, chosen: dict):
    styles, given = options(chosen)
    made = adain.stylize(picture(batch=2), styles, encoder=encoder, decoder=decoder("relu4_1", elsewhere), **given)
    decoders = {level: decoder(LAYERS[level - 1], elsewhere) for level in (4, 1)}
    painted = wct.stylize(picture(batch=2), styles, levels=(4, 1), encoder=encoder, decoders=decoders, **given)
    assert made.device.type == painted.device.type == "cpu"


def test_a_mask_may_be_where_the_features_are_not(elsewhere: torch.device):
    x, y, mask = torch.rand(1, 4, 6, 7, device=elsewhere), torch.rand(1, 4, 5, 5, device=elsewhere), torch.rand(1, 1, 6, 7)
    for change in (adain.adaptive_instance_norm, wct.whiten_and_colour):
        assert change(x, y, mask).device == elsewhere


def test_content_may_be_there_already(elsewhere: torch.device, encoder: nst.VGG19):
    content = picture(where=elsewhere)
    assert adain.stylize(content, picture(), encoder=encoder, decoder=decoder("relu4_1", elsewhere)).device == elsewhere
    assert gatys.stylize(content, picture(), config=GatysConfig(evaluations=2), encoder=encoder).device == elsewhere


@pytest.mark.parametrize("chosen", [{"masks": [torch.rand(131, 153)]}, {"preserve_color": "coral"}], ids=["masks", "coral"])
def test_what_a_mac_lacks_is_not_asked_of_it(chosen: dict):
    content, style, there = picture(131, 153), picture(141, 150), torch.device("meta")
    with Mac():
        encoder = nst.VGG19(WIDTHS, "reflect").requires_grad_(False).to(there)
        config = GatysConfig.default(evaluations=2, start="style")
        assert gatys.stylize(content, style, config=config, encoder=encoder, **chosen).shape == content.shape
        adain.stylize(content, style, encoder=encoder, decoder=decoder("relu4_1", there), **chosen)
        wct.stylize(content, style, levels=[3], encoder=encoder, decoders={3: decoder("relu3_1", there)}, **chosen)
        assert nst.images.resize(picture(131, 153, where=there), 64).shape == (1, 3, 64, 75)
        mask = torch.rand(1, 1, 131, 153, device=there)
        assert losses.region_weights([mask], torch.rand(1, 4, 32, 38, device=there)).shape == (1, 1, 32, 38)


def test_squares(elsewhere: torch.device, encoder: nst.VGG19):
    content, given = picture(40, 256), {"masks": [torch.rand(40, 256)], "tile": 32, "encoder": encoder}
    made = adain.stylize(content, picture(), decoder=decoder("relu4_1", elsewhere), **given)
    painted = wct.stylize(content, picture(), levels=[2], decoders={2: decoder("relu2_1", elsewhere)}, **given)
    assert made.shape == painted.shape == content.shape and made.device.type == painted.device.type == "cpu"


def test_textures(elsewhere: torch.device, encoder: nst.VGG19):
    decoders = {level: decoder(LAYERS[level - 1], elsewhere) for level in wct.LEVELS}
    for style in (picture(), picture(where=elsewhere)):
        made = wct.synthesize(style, (40, 48), passes=1, encoder=encoder, decoders=decoders)
        assert made.device == style.device


def test_textures_under_flat_places(elsewhere: torch.device, encoder: nst.VGG19):
    for where in (torch.device("cpu"), elsewhere):
        given = {"encoder": encoder, "texture": 0.2, "brush": 2}
        made = adain.stylize(picture(where=where), picture(), decoder=decoder("relu4_1", elsewhere), **given)
        painted = wct.stylize(picture(where=where), picture(), levels=[2], decoders={2: decoder("relu2_1", elsewhere)}, **given)
        assert made.device == painted.device == where


def test_transformer_net(elsewhere: torch.device):
    net = TransformerNet(2).requires_grad_(False)
    net.weak = {"model.0.norm.weight": torch.ones(2)}
    net.to(elsewhere)
    assert transformer_net.stylize(picture(), net, strength=0.5).device.type == "cpu"
    assert transformer_net.stylize(picture(), [net, net], masks=masks()).device.type == "cpu"
    assert net.stylize(picture(where=elsewhere)).device == elsewhere


def test_the_articles_model(elsewhere: torch.device, encoder: nst.VGG19):
    content, style = picture(where=elsewhere), picture(where=elsewhere)
    mean, std = torch.tensor([0.4, 0.5, 0.6]), torch.tensor([0.2, 0.2, 0.2])  # where a reader writes them down
    model, style_losses, content_losses = nst.get_style_model_and_losses(encoder.sequential(), mean, std, style, content)
    model(content)
    assert {layer.loss.device for layer in (*style_losses, *content_losses)} == {elsewhere}


def test_losses_of_networks(elsewhere: torch.device, encoder: nst.VGG19):
    batch = Batch(picture(32, 32, where=elsewhere, batch=2), picture(32, 32, where=elsewhere, batch=2), [])
    parts = AdaINLoss()(Decoder("relu4_1", 7, WIDTHS[:3]).to(elsewhere), encoder, batch, 0)
    painter = PerceptualLoss(PerceptualConfig.default(), encoder, picture(64, 64))
    parts |= painter(TransformerNet(2).to(elsewhere), encoder, batch, 0)
    sum(parts.values()).backward()
    assert {v.device for v in parts.values()} == {elsewhere}


def test_rescaling(elsewhere: torch.device, encoder: nst.VGG19):
    means = nst.vgg.mean_activations(encoder, [picture(where=elsewhere)], ["relu1_1", "relu3_1"])
    nst.vgg.rescale_activations(encoder, {k: v.cpu() for k, v in means.items()})
    assert encoder.conv3_1.weight.device == elsewhere


def test_the_optimiser(elsewhere: torch.device):
    found = minimize_in_box(lambda x: (float(x.square().sum()), 2 * x), picture(where=elsewhere), 12)
    assert found.device == elsewhere


@pytest.mark.skipif(not torch.accelerator.is_available(), reason="no accelerator here")
def test_training_on_the_real_device():
    def to_grey(net: nn.Module, encoder: nn.Module, batch: Batch, step: int) -> dict[str, torch.Tensor]:
        return {"grey": (net(batch.content) - batch.content.mean(1, keepdim=True)).square().mean()}

    def noise(step: int, positions: range) -> Batch:
        return Batch(torch.rand(len(positions), 3, 16, 16, generator=torch.Generator().manual_seed(step)), None, [])

    net = TransformerNet(2)
    trace = train(net, nn.Identity(), to_grey, noise, TrainingConfig(steps=30, learning_rate=1e-2))
    assert trace[-1]["grey"] < trace[0]["grey"] and next(net.parameters()).device.type == nst.device().type
