"""Weights translated between conventions: the gradient must be that of each convention written out as its project does."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from teachers import real_vgg19

import nst
from nst.gatys import GatysConfig, Objective
from nst.teaching import conventions
from nst.teaching.conventions import Convention, translate

LAYERS = ("relu1_1", "relu3_1")
RECIPE = GatysConfig.default(
    content_layers=("relu2_2",),
    style_layers=LAYERS,
    content_weight=3.0,
    style_weight=20.0,
    style_layer_weights=(1.0, 0.3),
    tv_weight=0.0,
    match_weight=0.0,
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
    with pytest.raises(ValueError, match="relu2_1: no weight translates there.*they share relu1_1"):
        large.style_factor("relu2_1", 4, 6)


def test_a_weight_for_the_teacher_means_the_same_for_its_student(pictures):
    """A teacher whose features are the student's times one number per layer: the weight translated gives the same gradient."""
    content, style, x = pictures
    student, teacher = (nst.VGG19((4, 5, 6, 7, 8), "reflect").double().requires_grad_(False) for _ in range(2))
    teacher.load_state_dict(student.state_dict())
    scales = {"relu1_1": 20.0, "relu2_2": 96.0, "relu3_1": 107.0}
    means = {k: torch.full((student.get_submodule("conv" + k[4:]).out_channels,), 1 / s) for k, s in scales.items()}
    nst.vgg.rescale_activations(teacher, means)
    teachers = {**dict.fromkeys(scales, "VGG-19"), "relu4_1": "16x VGG-19"}
    student.metadata = {"teacher_scale": {**scales, "relu4_1": 2.0}, "teacher": teachers}
    source = conventions.on_caffe_vgg19(conventions.GATYS_NOTEBOOK, student)
    recipe = replace(RECIPE, gram_divide_by="hw", content_form="mean", style_form="mean")
    shapes = {k: tuple(f.shape[1:]) for k, f in student(x, [*LAYERS, "relu2_2", "relu4_1"]).items()}
    x = x.clone().requires_grad_()
    theirs = gradient(Objective(recipe, teacher, content, style)(x)["total"], x)
    ours = gradient(Objective(translate(recipe, source, conventions.TUTORIAL, shapes), student, content, style)(x)["total"], x)
    torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-9 * float(theirs.norm()))
    assert source.activations["conv2_2"] == 96.0 and "relu4_1" not in source.activations
    with pytest.raises(ValueError, match="relu4_1: no weight translates there"):
        translate(replace(recipe, content_layers=("relu4_1",)), source, conventions.TUTORIAL, shapes)
    with pytest.raises(ValueError, match="encoder: its metadata names no layer that is VGG-19's"):
        conventions.on_caffe_vgg19(conventions.TUTORIAL, nst.VGG19((2, 2, 2, 2, 2)))


def test_a_weight_for_vgg19_means_nearly_the_same_for_the_lite_encoder(test_assets):
    """Of the real VGG-19's loss between two photographs, layer by layer, as neural-style states it."""
    lite, real = nst.VGG19.load("lite"), real_vgg19(test_assets / "teacher", "reflect")
    content, style = nst.assets.picture("chelsea", 128), nst.assets.picture("coffee", 128)
    layers = ("relu1_1", "relu2_1", "relu3_1")
    recipe = GatysConfig(content_layers=("relu2_2",), style_layers=layers, content_weight=5.0, style_weight=100.0,
                         content_form="mean", style_form="mean")  # fmt: skip
    shapes = {k: tuple(f.shape[1:]) for k, f in lite(content, [*layers, "relu2_2"]).items()}
    source = conventions.on_caffe_vgg19(conventions.NEURAL_STYLE, lite)
    ours = Objective(translate(recipe, source, conventions.PAPER, shapes), lite, content, style)(style)
    theirs = Objective(recipe, real, content, style)(style)
    assert float(ours["content"]) == pytest.approx(float(theirs["content"]), rel=0.1)
    back = Objective(translate(recipe, source, conventions.PAPER, shapes), lite, style, content)(style)
    assert float(back["style"]) == pytest.approx(float(Objective(recipe, real, style, content)(style)["style"]), rel=0.15)


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
