"""nst.tiles: a picture in squares is the picture in one piece."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

import nst
from nst import adain, tiles, wct
from nst.covariance import Moments, mean_and_covariance
from nst.decoders import LAYERS, Decoder

WIDTHS = (8, 8, 12, 12, 12)


def lively(network: nn.Module) -> nn.Module:
    """Random weights that keep contrast, else there is nothing but rounding to whiten."""
    for parameter in network.parameters():
        if parameter.ndim == 4:
            nn.init.kaiming_normal_(parameter)
    return network.requires_grad_(False)


@pytest.fixture(scope="module")
def encoder() -> nst.VGG19:
    torch.manual_seed(1)
    return lively(nst.VGG19(WIDTHS, padding="reflect"))


@pytest.fixture(scope="module")
def decoders(encoder: nst.VGG19) -> dict[int, Decoder]:
    torch.manual_seed(2)
    made = {k + 1: lively(Decoder(layer, WIDTHS[k], WIDTHS[:k])) for k, layer in enumerate(LAYERS)}
    for layer, decoder in zip(LAYERS, made.values(), strict=True):
        decoder.conv1_1.weight.mul_(0.2 / decoder(encoder(picture(64, 64), [layer])[layer]).std())
        decoder.conv1_1.bias.fill_(0.5)
    return made


def picture(height: int, width: int) -> torch.Tensor:
    return nn.functional.interpolate(torch.rand(1, 3, height // 8, width // 8), size=(height, width), mode="bicubic").clamp(0, 1)


def far(a: torch.Tensor, b: torch.Tensor) -> float:
    return float((a - b).abs().max())


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("padding", ["reflect", "zeros"])
def test_features_and_pictures_of_squares(layer: str, padding: str, decoders: dict[int, Decoder]):
    encoder, x = lively(nst.VGG19(WIDTHS, padding=padding)), picture(208, 176)
    whole, decoder = encoder(x, [layer])[layer], decoders[int(layer[4])]
    torch.testing.assert_close(tiles.encode(encoder, x, layer, 64), whole, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(tiles.decode(decoder, whole, 64), decoder(whole), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("layer", LAYERS)
def test_reach_is_what_a_gradient_sees(layer: str, encoder: nst.VGG19, decoders: dict[int, Decoder]):
    scale, x = tiles.scale_of(layer), torch.rand(1, 3, 336, 32, requires_grad=True)
    soft = nst.VGG19(WIDTHS, pooling="average")  # every pixel of a pool counts
    for conv in (m for m in soft.modules() if isinstance(m, nn.Conv2d)):
        nn.init.constant_(conv.weight, 0.1), nn.init.constant_(conv.bias, 1.0)
    middle = 160 // scale
    soft(x, [layer])[layer][:, :, middle].sum().backward()
    seen = x.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert (160 - int(seen[0]), int(seen[-1]) - (160 + scale - 1)) == (tiles.reach(layer),) * 2
    features = torch.rand(1, WIDTHS[int(layer[4]) - 1], 336 // scale, 32 // scale, requires_grad=True)
    decoder = Decoder(layer, features.shape[1], WIDTHS[: int(layer[4]) - 1])
    for conv in (m for m in decoder.modules() if isinstance(m, nn.Conv2d)):
        nn.init.constant_(conv.weight, 0.1), nn.init.constant_(conv.bias, 1.0)
    decoder(features)[:, :, 160].sum().backward()
    seen = features.grad.abs().sum((0, 1, 3)).nonzero().flatten()
    assert (int(seen[0]), int(seen[-1])) == ((160 - tiles.reach(layer)) // scale, (160 + tiles.reach(layer)) // scale)


def variants(size: tuple[int, int]) -> dict[str, dict]:
    left = torch.zeros(1, 1, *size)
    left[..., : size[1] // 2] = 1
    soft = torch.linspace(0, 1, size[1]).expand(1, 1, *size)
    two = [picture(64, 80), picture(96, 64)]
    return {
        "one": {"style": two[0]},
        "weights": {"style": two, "style_weights": [1, 3], "alpha": 0.6},
        "masks": {"style": two, "masks": [left, 0.5 * soft], "preserve_color": True},
    }


@pytest.mark.parametrize("variant", ["one", "weights", "masks"])
@pytest.mark.parametrize("method", ["adain", "wct"])
def test_tiled_equals_whole(method: str, variant: str, encoder: nst.VGG19, decoders: dict[int, Decoder]):
    content = picture(200, 272)[..., :269]  # no multiple of 16
    given = {"content": content, **variants(content.shape[-2:])[variant], "encoder": encoder}
    if method == "adain":
        paint: Callable = adain.stylize
        given["decoder"] = decoders[4]
    else:
        paint, given["decoders"] = wct.stylize, decoders
    whole, tiled = paint(**given), paint(**given, tile=64)
    assert whole.std() > 0.02 and whole.shape == content.shape
    assert far(tiled, whole) < 2 / 255


def test_tiled_equals_whole_from_relu5_1(encoder: nst.VGG19, decoders: dict[int, Decoder]):
    content = picture(320, 176)
    given = {"style": picture(64, 64), "levels": (5, 2), "transform": "wct", "encoder": encoder, "decoders": decoders}
    assert far(wct.stylize(content, tile=144, **given), wct.stylize(content, **given)) < 2 / 255


def test_statistics_of_a_square_alone_would_show(encoder: nst.VGG19, decoders: dict[int, Decoder]):
    """The test above can fail: squares painted for themselves are not the picture."""
    content, style = picture(96, 192), picture(64, 64)
    content[..., 96:] *= 0.2
    whole = adain.stylize(content, style, encoder=encoder, decoder=decoders[4])
    half = adain.stylize(content[..., :96], style, encoder=encoder, decoder=decoders[4])
    assert far(whole[..., :48], half[..., :48]) > 4 / 255


def test_moments_in_parts_are_those_of_the_whole():
    x, mask = torch.randn(2, 5, 8, 12) * 3 + 10, torch.rand(1, 1, 8, 12)
    for weights in (None, mask):
        parts = Moments()
        for rows in (slice(0, 3), slice(3, 8)):
            parts.add(x[:, :, rows], None if weights is None else weights[:, :, rows])
        for got, wanted in zip(parts.statistics(), mean_and_covariance(x, weights), strict=True):
            torch.testing.assert_close(got, wanted)


def test_squares_cover_every_pixel_once():
    counts = torch.zeros(1, 1, 208, 336)
    for square in tiles.squares(208, 336, 90, 20):
        square.place(counts).add_(1)
        assert all(s.start % 16 == s.stop % 16 == 0 for s in square)
        assert torch.equal(square.inner(square.outer(counts)), square.place(counts))
    assert (counts == 1).all()


def test_squares_with_their_borders_are_all_of_one_size():
    picture = torch.empty(1, 1, 2304, 4096, device="meta")
    outer = {tuple(square.outer(picture).shape) for square in tiles.squares(2304, 4096, 768, 88)}
    assert outer == {(1, 1, 768 + 2 * 96, 688 + 2 * 96)}


def test_large_pictures_are_tiled_on_their_own_accord():
    small, large = (1024, 1536), (1024, 1552)
    assert tiles.side_for(None, *small) is None and tiles.side_for(None, *large) == tiles.SIDE
    assert tiles.side_for(512, *small) == 512 and tiles.side_for(4096, *large) is None
    with pytest.raises(ValueError, match="tile=8: expected a whole number of at least 16"):
        adain.stylize(torch.rand(1, 3, 32, 32), torch.rand(1, 3, 32, 32), tile=8)


def test_a_picture_as_large_as_a_tile_is_one():
    assert tiles.side_for(512, 512, 300) is None and tiles.side_for(512, 513, 300) == 512


def test_no_more_is_computed_than_a_square_needs(encoder: nst.VGG19, decoders: dict[int, Decoder], monkeypatch: pytest.MonkeyPatch):
    """A border as wide as it has to be, rounded up to 16, and each square of the same memory."""
    seen, decoder, x = [], decoders[2], picture(480, 320)
    monkeypatch.setattr(Decoder, "forward", lambda self, x, real=Decoder.forward: seen.append(tuple(x.shape[-2:])) or real(self, x))
    tiles.decode(decoder, encoder(x, ["relu2_1"])["relu2_1"], 64)
    assert set(seen) == {((64 + 2 * 16) // 2,) * 2}  # it reaches 4 pixels far
    squares = []
    tiles.repaint(encoder, decoders[3], x, 64, lambda features, square: squares.append(square) or features)
    assert tiles.reach("relu3_1") == 10  # 20 for both: 32, and not 48
    assert {square.outer(x).shape[-2:] for square in squares} == {(64 + 2 * 32,) * 2}
