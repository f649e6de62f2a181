"""nst.wct: whitening and colouring against closed forms; rank-deficient features; pictures."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from oracles import Doubles

import nst
from nst import covariance, texture, wct
from nst.adain import adaptive_instance_norm
from nst.covariance import matching_map, mean_and_covariance, transport
from nst.decoders import LAYERS, Decoder, padded
from nst.wct import colour, whiten, whiten_and_colour


@pytest.fixture(scope="module")
def encoder() -> nst.VGG19:
    return nst.VGG19.load("lite")


@pytest.fixture(scope="module")
def decoders() -> dict[int, Decoder]:
    torch.manual_seed(3)
    made = {k + 1: Decoder(layer).requires_grad_(False) for k, layer in enumerate(LAYERS)}
    for parameter in (p for decoder in made.values() for p in decoder.parameters() if p.ndim == 4):
        torch.nn.init.kaiming_normal_(parameter)  # else their pictures are flat, and there is nothing but rounding to whiten
    for decoder in made.values():
        decoder.conv1_1.weight.mul_(0.1)
        decoder.conv1_1.bias.fill_(0.5)
    return made


def correlated(*shape: int) -> torch.Tensor:
    """Features whose channels go together."""
    b, c, h, w = shape
    return (torch.rand(c, c, dtype=torch.float64) @ torch.randn(b, c, h * w, dtype=torch.float64)).reshape(shape) + 2


def test_covariance_against_numpy():
    x = correlated(2, 5, 6, 7)
    mean, covariance = mean_and_covariance(x)
    for k in range(2):
        flat = x[k].flatten(1).numpy()
        np.testing.assert_allclose(covariance[k], np.cov(flat))
        np.testing.assert_allclose(mean[k, :, 0], flat.mean(1))


def test_whitened_covariance_is_the_identity():
    mean, covariance = mean_and_covariance(whiten(correlated(2, 6, 20, 20)))
    torch.testing.assert_close(covariance, torch.eye(6, dtype=torch.float64).expand(2, -1, -1), atol=1e-8, rtol=0)
    assert mean.abs().max() < 1e-10


def test_with_fewer_positions_than_channels_it_is_the_identity_on_its_range():
    x = correlated(1, 30, 3, 4)  # 12 positions: rank 11
    _, covariance = mean_and_covariance(whiten(x))
    values = torch.linalg.eigvalsh(covariance[0])
    torch.testing.assert_close(values, torch.tensor([0.0] * 19 + [1.0] * 11, dtype=torch.float64), atol=1e-6, rtol=0)
    torch.testing.assert_close(covariance @ covariance, covariance, atol=1e-6, rtol=0)  # a projection


both = pytest.mark.parametrize("fit", [whiten_and_colour, transport])


@both
def test_the_statistics_become_the_styles(fit: Callable):
    x, y = correlated(2, 6, 20, 20), correlated(1, 6, 11, 13) * 3
    for got, wanted in zip(mean_and_covariance(fit(x, y)), mean_and_covariance(y), strict=True):
        torch.testing.assert_close(got, wanted.expand_as(got), atol=1e-7, rtol=1e-7)


@both
def test_the_scale_of_the_features_does_not_matter(fit: Callable):
    x, y = correlated(1, 6, 9, 9), correlated(1, 6, 9, 9)
    torch.testing.assert_close(fit(x * 1e-4, y), fit(x, y), atol=1e-6, rtol=1e-6)
    torch.testing.assert_close(fit(x, y * 1e4), fit(x, y) * 1e4, atol=1e-2, rtol=1e-6)


@both
def test_its_own_statistics_change_nothing(fit: Callable):
    x = correlated(1, 6, 9, 9)
    torch.testing.assert_close(fit(x, x), x)


@both
def test_adain_is_its_diagonal(fit: Callable):
    """With channels that do not go together the two agree."""
    signs = torch.tensor([[1.0, 1, -1, -1], [1, -1, 1, -1], [1, -1, -1, 1]], dtype=torch.float64).reshape(1, 3, 2, 2)  # orthogonal
    x, y = 3 * signs + 1, torch.tensor([0.5, 2, 4]).double().reshape(1, 3, 1, 1) * signs - 2
    torch.testing.assert_close(fit(x, y), adaptive_instance_norm(x, y), atol=1e-4, rtol=1e-4)


@both
def test_a_batch_equals_its_singles(fit: Callable):
    x, y = correlated(3, 4, 8, 8), correlated(3, 4, 6, 6)
    singles = [fit(x[k : k + 1], y[k : k + 1]) for k in range(3)]
    torch.testing.assert_close(fit(x, y), torch.cat(singles))


HALF_DEAD = torch.cat([torch.rand(1, 2, 5, 5), torch.zeros(1, 2, 5, 5)], 1)


@both
@pytest.mark.parametrize("x", [torch.rand(1, 4, 1, 1), torch.zeros(1, 4, 5, 5), HALF_DEAD],
                         ids=["one position", "nothing", "dead channels"])  # fmt: skip
def test_poor_features_stay_finite(x: torch.Tensor, fit: Callable):
    y = torch.rand(1, 4, 6, 6)
    assert torch.isfinite(fit(x, y)).all() and torch.isfinite(fit(y, x)).all()


@both
def test_a_mask_takes_the_statistics_of_its_positions(fit: Callable):
    x, y, mask = correlated(1, 3, 8, 8), correlated(1, 3, 7, 7), torch.zeros(1, 1, 8, 8)
    mask[..., :4] = 1
    torch.testing.assert_close(fit(x, y, mask)[..., :4], fit(x[..., :4], y))
    torch.testing.assert_close(whiten(x, mask)[..., :4], whiten(x[..., :4]))
    few = torch.zeros(1, 1, 8, 8)
    few[..., 0, :2] = 1
    assert torch.isfinite(fit(x, y, few)).all()


def test_the_covariance_under_a_mask_does_not_know_the_masks_scale():
    x, soft = correlated(1, 4, 6, 7), torch.rand(1, 1, 6, 7, dtype=torch.float64)
    w, flat = soft.flatten().numpy(), x[0].flatten(1).numpy()
    mean, covariance = mean_and_covariance(x, soft)
    np.testing.assert_allclose(mean[0, :, 0], np.average(flat, axis=1, weights=w))
    np.testing.assert_allclose(covariance[0], np.cov(flat, aweights=w))
    for got, wanted in zip(mean_and_covariance(x, 1e-3 * soft), (mean, covariance), strict=True):
        torch.testing.assert_close(got, wanted)


@both
def test_channels_must_agree(fit: Callable):
    with pytest.raises(ValueError, match="style_features: expected 4 channels, got 5"):
        fit(torch.rand(1, 4, 2, 2), torch.rand(1, 5, 2, 2))


def matrix_of(fit: Callable, x: torch.Tensor, y: torch.Tensor) -> np.ndarray:
    """What `fit` multiplies centred features by, found by least squares."""
    before, after = ((f[0].flatten(1) - f[0].flatten(1).mean(1, keepdim=True)).numpy().T for f in (x, fit(x, y)))
    return np.linalg.lstsq(before, after, rcond=None)[0].T


def test_transport_against_scipys_roots():
    """T = C^(-1/2) (C^(1/2) S C^(1/2))^(1/2) C^(-1/2), by another library's roots; it is symmetric and positive."""
    sqrtm = pytest.importorskip("scipy.linalg").sqrtm
    x, y = correlated(1, 5, 20, 20), correlated(1, 5, 11, 13) * 3
    c, s = (np.cov(f[0].flatten(1).numpy()) for f in (x, y))
    root = sqrtm(c).real
    expected = np.linalg.inv(root) @ sqrtm(root @ s @ root).real @ np.linalg.inv(root)
    found = matrix_of(transport, x, y)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found, found.T, atol=1e-6)
    assert np.linalg.eigvalsh(found).min() > 0


def test_transport_moves_the_features_least():
    """Every S^(1/2) Q C^(-1/2) with a rotation Q reaches the style's covariance; none moves the features less. By the Bures
    distance, transport moves them by |mean - mean'|^2 + trace(C + S - 2 (C^(1/2) S C^(1/2))^(1/2)) on average."""
    x, y = correlated(1, 5, 20, 20), correlated(1, 5, 11, 13) * 3
    (mean, c), (style_mean, s) = mean_and_covariance(x), mean_and_covariance(y)
    moved = {fit: float((fit(x, y) - x).square().sum(1).mean()) for fit in (transport, whiten_and_colour)}
    values = np.linalg.eigvals((c[0] @ s[0]).numpy()).real  # those of C^(1/2) S C^(1/2)
    n = 20 * 20  # the covariance divides by n - 1, the mean over positions by n
    spread = float(c[0].trace() + s[0].trace()) - 2 * np.sqrt(values).sum()
    assert moved[transport] == pytest.approx(float((mean - style_mean).square().sum()) + spread * (n - 1) / n, rel=1e-6)
    assert moved[transport] < 0.99 * moved[whiten_and_colour]
    for _ in range(20):
        turned = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64))[0] @ whiten(x).flatten(2)
        other = colour(turned.reshape(x.shape), y)
        torch.testing.assert_close(mean_and_covariance(other)[1], s)
        assert float((other - x).square().sum(1).mean()) > moved[transport]


def test_colour_undoes_whiten():
    x = correlated(1, 5, 9, 9)
    torch.testing.assert_close(colour(whiten(x), x), x)


# --- pictures ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(257, 191), (20, 20), (33, 40)])
def test_the_size_stays(size: tuple[int, int], encoder: nst.VGG19, decoders: dict):
    made = wct.stylize(torch.rand(2, 3, *size), torch.rand(1, 3, 50, 44), encoder=encoder, decoders=decoders)
    assert made.shape == (2, 3, *size) and 0 <= made.min() and made.max() <= 1


def test_no_style_and_its_own_style_are_the_reconstruction(encoder: nst.VGG19, decoders: dict):
    content = torch.rand(1, 3, 64, 80)
    with torch.no_grad():
        plain = decoders[3](encoder(padded(content), ["relu3_1"])["relu3_1"]).clamp(0, 1)
    for alpha, style in ((0.0, torch.rand(1, 3, 40, 40)), (1.0, content)):
        made = wct.stylize(content, style, alpha=alpha, levels=[3], encoder=encoder, decoders=decoders)
        torch.testing.assert_close(made, plain, atol=0.03, rtol=0)  # the smallest eigenvalues are cut
        assert float((made - plain).abs().mean()) < 2e-3


def test_a_batch_of_pictures_equals_its_singles(encoder: nst.VGG19, decoders: dict):
    contents, style = torch.rand(2, 3, 40, 48) * torch.tensor([0.5, 1]).view(2, 1, 1, 1), torch.rand(1, 3, 40, 40)
    singles = [wct.stylize(content[None], style, encoder=encoder, decoders=decoders) for content in contents]
    together = wct.stylize(contents, style, encoder=encoder, decoders=decoders)
    torch.testing.assert_close(together, torch.cat(singles), atol=1e-3, rtol=1e-3)


def test_each_level_reads_the_last_ones_picture(encoder: nst.VGG19, decoders: dict):
    x, style = torch.rand(1, 3, 48, 64), torch.rand(1, 3, 48, 48)
    settings = {"encoder": encoder, "decoders": decoders}
    levels = (4, 2, 2)  # one may come twice
    at_once, one_by_one = wct.stylize(x, style, levels=levels, **settings), x
    for level in levels:
        one_by_one = wct.stylize(one_by_one, style, levels=[level], **settings)
    torch.testing.assert_close(at_once, one_by_one, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("picture", [torch.zeros(1, 3, 40, 40), torch.full((1, 3, 7, 200), 0.3)])
def test_flat_pictures_stay_finite(picture: torch.Tensor, encoder: nst.VGG19, decoders: dict):
    for content, style in ((picture, torch.rand(1, 3, 40, 40)), (torch.rand(1, 3, 40, 40), picture)):
        assert torch.isfinite(wct.stylize(content, style, encoder=encoder, decoders=decoders)).all()


def test_masks_of_a_few_pixels_stay_finite(encoder: nst.VGG19, decoders: dict):
    content, styles, mask = torch.rand(1, 3, 48, 48), [torch.rand(1, 3, 40, 40)] * 2, torch.zeros(48, 48)
    mask[3, 4:7] = 1
    made = wct.stylize(content, styles, masks=[mask, 1 - mask], encoder=encoder, decoders=decoders)
    assert torch.isfinite(made).all()


def test_texture_synthesis_has_the_styles_colours():
    style = nst.assets.picture("garden_points", 96)
    texture = wct.synthesize(style, (64, 80), passes=2)
    assert texture.shape == (1, 3, 64, 80)
    assert (texture.mean((2, 3)) - style.mean((2, 3))).abs().max() < 0.08
    assert not torch.equal(texture, wct.synthesize(style, (64, 80), passes=2, seed=1))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"alpha": 2}, "alpha=2"),
        ({"levels": ()}, r"levels=\(\)"),
        ({"levels": (6,)}, r"levels=\(6,\)"),
        ({"levels": 5}, "levels=5"),
        ({"levels": [4.0]}, r"levels=\[4.0\]"),
        ({"levels": "51"}, "levels='51'"),
        ({"decoders": {}}, "^decoders: there is none for level 4; it has none$"),
        ({"decoders": {5: None, 3: None}}, "^decoders: there is none for level 4; it has 5, 3$"),
        ({"transform": "ot"}, "transform='ot': expected one of transport, wct"),
        ({"tile": 0}, "tile=0"),
        ({"content": torch.rand(3, 32, 32)}, "^content: expected the shape"),
        ({"levels": [True]}, r"levels=\[True\]"),
        ({"decoders": dict.fromkeys(range(1, 6), Decoder("relu5_1"))}, r"decoders\[4\]: expected a decoder of relu4_1"),
    ],
)
def test_bad_arguments(arguments: dict, said: str):
    with pytest.raises(ValueError, match=said):
        wct.stylize(**{"content": torch.rand(1, 3, 32, 32), "style": torch.rand(1, 3, 32, 32), **arguments})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"size": (64,)}, r"size=\(64,\)"),
        ({"size": (0, 64)}, r"size=\(0, 64\)"),
        ({"size": 64}, "size=64: expected \\(height, width\\)"),
        ({"size": (64.0, 64)}, r"size=\(64.0, 64\)"),
        ({"passes": 0}, "passes=0"),
        ({"style": torch.rand(3, 8, 8)}, "style: "),
    ],
)
def test_bad_textures(arguments: dict, said: str):
    with pytest.raises(ValueError, match=said):
        wct.synthesize(**{"style": torch.rand(1, 3, 32, 32), **arguments})


def test_no_float64_is_asked_of_the_features_own_device():
    """Apple's MPS has none: features have to be on the CPU before they become float64."""
    asked = []

    class Watch(torch.overrides.TorchFunctionMode):
        def __torch_function__(self, function, types, args=(), kwargs=None):
            asked.append(function.__name__)
            return function(*args, **(kwargs or {}))

    with Watch():
        whiten_and_colour(torch.rand(1, 4, 5, 5), torch.rand(1, 4, 6, 6), torch.ones(1, 1, 5, 5))
        nst.colour.coral(torch.rand(1, 3, 5, 5), torch.rand(1, 3, 6, 6))
    doubles = [k for k, name in enumerate(asked) if name == "double"]
    assert doubles and all(asked[k - 1] == "cpu" for k in doubles)


def test_the_style_is_encoded_once_for_all_levels(encoder: nst.VGG19, decoders: dict, monkeypatch: pytest.MonkeyPatch):
    asked = []
    forward = type(encoder).forward
    monkeypatch.setattr(
        type(encoder), "forward", lambda self, x, layers: asked.append((x.shape[-1], list(layers))) or forward(self, x, layers)
    )
    wct.stylize(torch.rand(1, 3, 48, 64), torch.rand(1, 3, 48, 48), levels=(4, 2, 1), encoder=encoder, decoders=decoders)
    assert [layers for width, layers in asked if width == 48] == [["relu4_1", "relu2_1", "relu1_1"]]
    assert [layers for width, layers in asked if width == 64] == [["relu4_1"], ["relu2_1"], ["relu1_1"]]


def test_levels_are_matched_in_the_order_asked_for(encoder: nst.VGG19, decoders: dict):
    x, style = torch.rand(1, 3, 48, 64), torch.rand(1, 3, 48, 48)
    settings = {"encoder": encoder, "decoders": decoders}
    upwards = wct.stylize(x, style, levels=(1, 2), **settings)
    one_by_one = wct.stylize(wct.stylize(x, style, levels=[1], **settings), style, levels=[2], **settings)
    torch.testing.assert_close(upwards, one_by_one, atol=1e-3, rtol=1e-3)
    assert not torch.allclose(upwards, wct.stylize(x, style, levels=(2, 1), **settings), atol=0.05)


def test_the_default_is_four_levels_and_all_of_the_style(encoder: nst.VGG19, decoders: dict):
    x, style, settings = torch.rand(1, 3, 32, 32), torch.rand(1, 3, 40, 40), {"encoder": encoder, "decoders": decoders}
    expected = wct.stylize(x, style, alpha=1, levels=(4, 3, 2, 1), transform="transport", **settings)
    torch.testing.assert_close(wct.stylize(x, style, **settings), expected)
    for other in ({"alpha": 0.6}, {"transform": "wct"}):
        assert not torch.allclose(wct.stylize(x, style, **other, **settings), expected, atol=0.05)


def test_a_texture_is_noise_painted_over_and_over(encoder: nst.VGG19, decoders: dict):
    style, settings = torch.rand(1, 3, 40, 40), {"encoder": encoder, "decoders": decoders}
    x = torch.rand(1, 3, 33, 40, generator=torch.Generator().manual_seed(7))
    for _ in range(3):
        x = wct.stylize(x, style, alpha=1.0, levels=wct.LEVELS, **settings)
    torch.testing.assert_close(wct.synthesize(style, (33, 40), seed=7, **settings), x, atol=1e-3, rtol=1e-3)
    once = wct.synthesize(style, (33, 40), passes=1, seed=7, **settings)
    assert once.shape == x.shape and not torch.allclose(once, x, atol=0.05)


@pytest.mark.parametrize(("transform", "fit"), [("transport", transport), ("wct", whiten_and_colour)])
def test_a_level_by_its_formula(transform: str, fit: Callable, encoder: nst.VGG19, decoders: dict):
    x, style = torch.rand(1, 3, 48, 64), torch.rand(1, 3, 48, 48)
    with torch.no_grad():
        features, target = (encoder(p, ["relu3_1"])["relu3_1"] for p in (x, style))
        expected = decoders[3](0.7 * features + 0.3 * fit(features, target)).clamp(0, 1)
    made = wct.stylize(x, style, alpha=0.3, levels=[3], transform=transform, encoder=encoder, decoders=decoders)
    torch.testing.assert_close(made, expected, atol=1e-3, rtol=1e-3)


def test_several_styles_by_weight_and_by_mask(encoder: nst.VGG19, decoders: dict):
    """Written out: a quarter and three quarters of two styles; one within its mask, by the features' statistics there."""
    x, styles, left = torch.rand(1, 3, 48, 64), [torch.rand(1, 3, 48, 48), torch.rand(1, 3, 64, 48) ** 2], torch.zeros(1, 1, 48, 64)
    left[..., :32] = 1
    with torch.no_grad():
        features, *targets = (encoder(p, ["relu2_1"])["relu2_1"] for p in (x, *styles))
        a, b = (transport(features, target) for target in targets)
        small = torch.nn.functional.avg_pool2d(left, 2)
        inside = features + small * (transport(features, targets[0], small) - features)
        expected = [decoders[2](f).clamp(0, 1) for f in (0.25 * a + 0.75 * b, inside)]
    given = {"levels": [2], "encoder": encoder, "decoders": decoders}
    made = [wct.stylize(x, styles, style_weights=[1, 3], **given), wct.stylize(x, styles[0], masks=[left], **given)]
    torch.testing.assert_close(made, expected, atol=1e-3, rtol=1e-3)
    assert float((expected[0] - expected[1]).abs().max()) > 0.01, "nothing to tell apart"


def test_pictures_are_grown_before_they_are_read(encoder: nst.VGG19, decoders: dict):
    x, style, settings = torch.rand(1, 3, 41, 35), torch.rand(1, 3, 33, 40), {"encoder": encoder, "decoders": decoders}
    whole = wct.stylize(padded(x), padded(style), levels=[2], **settings)[..., :41, :35]
    torch.testing.assert_close(wct.stylize(x, style, levels=[2], **settings), whole)


def test_each_levels_picture_is_clipped(encoder: nst.VGG19, decoders: dict):
    """A decoder far out of range, below and above: the next level reads what is between 0 and 1."""
    x, style, seen = torch.rand(1, 3, 48, 64), torch.rand(1, 3, 48, 48), []
    loud = Decoder("relu2_1").requires_grad_(False)
    loud.load_state_dict(decoders[2].state_dict())
    loud.conv1_1.weight.mul_(20)

    def watching(features):
        seen.append(features)
        return Decoder.forward(decoders[1], features)

    quiet = Decoder("relu1_1").requires_grad_(False)
    quiet.forward = watching
    wct.stylize(x, style, alpha=0, levels=(2, 1), encoder=encoder, decoders={2: loud, 1: quiet})
    with torch.no_grad():
        picture = loud(encoder(x, ["relu2_1"])["relu2_1"])
        assert picture.min() < -0.5 and picture.max() > 1.5
        torch.testing.assert_close(seen[0], encoder(picture.clamp(0, 1), ["relu1_1"])["relu1_1"], atol=1e-3, rtol=1e-3)


def test_double_precision_is_for_a_part_of_the_positions_at_a_time(monkeypatch: pytest.MonkeyPatch):
    x, y = correlated(2, 4, 5, 7).float(), correlated(1, 4, 6, 6).float()
    change, doubles = matching_map(mean_and_covariance(x), mean_and_covariance(y)), Doubles()
    whole = change(x)

    monkeypatch.setattr(covariance, "PART", 10)
    with doubles:
        parts = change(x)
    assert doubles.shapes == [(2, 4, 10)] * 3 + [(2, 4, 5)] and parts.dtype == torch.float32
    torch.testing.assert_close(parts, whole)


@pytest.fixture(scope="module")
def tiny() -> dict:
    """Networks of two channels, for what does not depend on the picture's looks."""
    encoder = nst.VGG19((2, 2, 2, 2, 2), "reflect").requires_grad_(False)
    decoders = {k + 1: Decoder(layer, 2, [2] * k).requires_grad_(False) for k, layer in enumerate(LAYERS)}
    return {"encoder": encoder, "decoders": decoders}


def test_a_texture_is_of_256_pixels_and_of_seed_0(tiny: dict, monkeypatch: pytest.MonkeyPatch):
    painted, style = [], torch.rand(1, 3, 40, 40)
    monkeypatch.setattr(wct, "stylize", lambda texture, style, **options: painted.append((texture, options)) or texture)
    assert wct.synthesize(style, **tiny).shape == (1, 3, 256, 256) and len(painted) == 3
    noise = torch.rand(1, 3, 256, 256, generator=torch.Generator().manual_seed(0))
    assert torch.equal(painted[0][0], noise) and painted[0][1] == {"brush": 1, "levels": (5, 4, 3, 2, 1), **tiny}
    assert wct.synthesize(style, (1, 40), **tiny).shape == (1, 3, 1, 40)


def test_no_more_than_a_tile_is_computed_at_a_time(tiny: dict, monkeypatch: pytest.MonkeyPatch):
    """With its border, at each level; without a tile all of it at once."""
    seen, forward = [], nst.VGG19.forward
    monkeypatch.setattr(nst.VGG19, "forward", lambda self, x, layers: seen.append(x.shape[-1]) or forward(self, x, layers))
    content, style = torch.rand(1, 3, 32, 320), torch.rand(1, 3, 32, 33)
    for tile, largest in ((None, 320), (32, 32 + 2 * (nst.tiles.reach("relu2_1") + 16))):
        seen.clear()
        wct.stylize(content, style, levels=[2], tile=tile, **tiny)
        assert 48 < max(seen) <= largest and (max(seen) == 320 or tile == 32)


def test_a_large_style_is_read_in_squares_and_is_the_same(monkeypatch):
    style = nst.assets.picture("rose_window", 160)
    whole = wct.WCT(style).statistics
    monkeypatch.setattr(wct, "STYLE_SIDE", 96)
    squares = wct.WCT(style).statistics
    assert whole.keys() == squares.keys()
    for level, found in whole.items():
        for a, b in zip(found[0], squares[level][0], strict=True):
            torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4 * float(a.abs().max()), check_dtype=False)


@pytest.mark.parametrize("transform", ["wct", "transport"])
def test_a_texture_is_what_it_paints_of_noise_in_one_of_its_styles(transform: str, encoder: nst.VGG19, decoders: dict):
    first, second = torch.rand(1, 3, 40, 40) ** 2, torch.rand(1, 3, 48, 40) * torch.tensor([0.2, 0.5, 1.0]).view(1, 3, 1, 1)
    chosen = {"levels": (2, 1), "encoder": encoder, "decoders": decoders}
    both = wct.WCT([first, second], **chosen)

    def paint(noise: torch.Tensor) -> torch.Tensor:
        return wct.stylize(noise, second, alpha=1.0, transform=transform, brush=1, **chosen)

    made, wanted = both.texture(1, 64, (2, 1), transform), texture.painted(paint, 64, torch.device("cpu"))
    torch.testing.assert_close(made, wanted, atol=1e-4, rtol=1e-3)
    assert both.texture(1, 64, (2, 1), transform) is made  # painted once
    assert not torch.equal(both.texture(0, 64, (2, 1), transform), made)
    other = both.recoloured([second, first])
    torch.testing.assert_close(other.texture(0, 64, (2, 1), transform), made, atol=1e-4, rtol=1e-3)
