"""Weights translated between conventions: the gradient must be that of each convention written out as its project does."""

import pytest
import torch
import torch.nn.functional as F

import nst
from nst import conventions
from nst.conventions import Convention, translate
from nst.gatys import GatysConfig, Objective

LAYERS = ("relu1_1", "relu3_1")
RECIPE = GatysConfig.default(
    content_layers=("relu2_2",), style_layers=LAYERS, content_weight=3.0, style_weight=20.0, style_layer_weights=(1.0, 0.3)
)


def tutorial(f, t, content):
    """PyTorch tutorial: mse of G / (a b c d)."""
    if content:
        return F.mse_loss(f, t)
    g, a = (m.flatten(2)[0] @ m.flatten(2)[0].T / m.numel() for m in (f, t))
    return F.mse_loss(g, a)


def paper(f, t, content):
    """1508.06576, equations 1 and 4, with plain sums."""
    if content:
        return ((f - t) ** 2).sum() / 2
    n, m = f.shape[1], f.shape[2] * f.shape[3]
    g, a = (x.flatten(2)[0] @ x.flatten(2)[0].T for x in (f, t))
    return ((g - a) ** 2).sum() / (4 * n**2 * m**2)


def notebook(f, t, content):
    """Gatys' notebook and TensorFlow's: bmm / (h w), mean squared error."""
    if content:
        return torch.nn.MSELoss()(f, t)
    g, a = (torch.bmm(x.flatten(2), x.flatten(2).mT) / (x.shape[2] * x.shape[3]) for x in (f, t))
    return torch.nn.MSELoss()(g, a)


def summed(f, t, content):
    """Plain sums of everything."""
    return (
        ((f - t) ** 2).sum()
        if content
        else ((f.flatten(2)[0] @ f.flatten(2)[0].T - t.flatten(2)[0] @ t.flatten(2)[0].T) ** 2).sum()
    )


WRITTEN_OUT = {
    "tutorial": (tutorial, conventions.TUTORIAL),
    "paper": (paper, conventions.PAPER),
    "notebook": (notebook, conventions.GATYS_NOTEBOOK),
    "neural-style": (tutorial, conventions.NEURAL_STYLE),
    "tensorflow": (notebook, conventions.TENSORFLOW),
    "sums": (summed, Convention("none", "sum", "sum")),
}
TARGETS = {"tutorial": conventions.TUTORIAL, "paper": conventions.PAPER, "notebook": conventions.GATYS_NOTEBOOK}


@pytest.fixture(scope="module")
def encoder():
    return nst.VGG19.load("lite").double()


@pytest.fixture(scope="module")
def pictures():
    generator = torch.Generator().manual_seed(0)
    return [torch.rand(1, 3, 24, 32, generator=generator, dtype=torch.float64) for _ in range(3)]


def gradient(loss, x):
    return torch.autograd.grad(loss, x)[0]


@pytest.mark.parametrize("scale", [1.0, 255.0])
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("source", WRITTEN_OUT)
def test_a_translated_weight_gives_the_same_gradient(encoder, pictures, source, target, scale):
    """`scale`: the source's network has features that many times as large (0 … 255 in place of 0 … 1, say)."""
    content, style, x = pictures
    x = x.clone().requires_grad_()
    written_out, convention = WRITTEN_OUT[source]
    convention = conventions.with_activations(convention, {k: scale for k in (*LAYERS, "relu2_2")})
    found, wanted, painted = encoder(x, [*LAYERS, "relu2_2"]), encoder(content, ["relu2_2"]), encoder(style, LAYERS)
    theirs = 3.0 * written_out(scale * found["relu2_2"], scale * wanted["relu2_2"], True)
    for layer, weight in zip(LAYERS, (1.0, 0.3), strict=True):
        theirs = theirs + 20.0 * weight * written_out(scale * found[layer], scale * painted[layer], False)
    shapes = {k: tuple(f.shape[1:]) for k, f in found.items()}
    ours = Objective(translate(RECIPE, convention, TARGETS[target], shapes), encoder, content, style)(x)["total"]
    a, b = gradient(theirs, x), gradient(ours, x)
    assert float((a * b).sum() / (a.norm() * b.norm())) > 1 - 1e-9  # the direction
    assert float(b.norm() / a.norm()) == pytest.approx(1, rel=1e-6)  # the size


def test_there_and_back_is_the_same(encoder, pictures):
    shapes = {k: tuple(f.shape[1:]) for k, f in encoder(pictures[0], [*LAYERS, "relu2_2"]).items()}
    there = translate(RECIPE, conventions.PAPER, conventions.GATYS_NOTEBOOK, shapes)
    back = translate(there, conventions.GATYS_NOTEBOOK, conventions.PAPER, shapes)
    assert back.content_weight == pytest.approx(RECIPE.content_weight) and back.style_layer_weights == pytest.approx(
        RECIPE.style_layer_weights
    )


def test_features_times_s_make_content_s2_and_style_s4():
    plain, large = Convention(), Convention(activations={"relu1_1": 10.0})
    assert large.content_factor("relu1_1", 4, 6) == pytest.approx(1e2 * plain.content_factor("relu1_1", 4, 6))
    assert large.style_factor("relu1_1", 4, 6) == pytest.approx(1e4 * plain.style_factor("relu1_1", 4, 6))
    assert large.style_factor("relu2_1", 4, 6) == plain.style_factor("relu2_1", 4, 6)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="style_reduction='max'"):
        Convention(style_reduction="max")
    with pytest.raises(ValueError, match="shapes: lacks relu3_1"):
        translate(RECIPE, conventions.PAPER, conventions.TUTORIAL, {"relu1_1": (4, 2, 2), "relu2_2": (4, 2, 2)})
    several = GatysConfig.default(content_layers=("relu1_1", "relu2_2"), style_layers=("relu1_1",))
    with pytest.raises(ValueError, match="different weights"):
        translate(several, conventions.PAPER, conventions.TUTORIAL, {"relu1_1": (4, 8, 8), "relu2_2": (8, 4, 4)})
    with pytest.raises(ValueError, match="content_form='sum'"):
        translate(
            RECIPE, conventions.PAPER, Convention("chw", "sum"), {"relu1_1": (4, 2, 2), "relu2_2": (4, 2, 2), "relu3_1": (8, 1, 1)}
        )
