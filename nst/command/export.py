"""Networks for other programs: `nst export` writes a trained style, AdaIN or WCT as ONNX, for pictures of any size.

A trained style is one file. AdaIN and WCT are several, so that a style picture is read once and a slider computes only what it
changes. Put together as `adain_models` and `wct_models` say, each paints what `stylize(…, brush=1)` paints.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from nst import __version__
from nst.adain import EPSILON, LAYER
from nst.assets import shipped_styles
from nst.command import graphs
from nst.command.graphs import Graph, Value
from nst.decoders import LAYERS, Decoder, default_networks
from nst.support.arguments import unknown
from nst.support.files import written_whole
from nst.transformer_net import BORDER, WEAK, ConvBlock, ResidualBlock, TransformerNet, load_style
from nst.vgg import CONVOLUTIONS, VGG19, LowRankConv2d
from nst.wct import DEFAULT

if TYPE_CHECKING:  # it comes with the extra "export"
    import onnx

PICTURE = (1, 3, "height", "width")
ROUNDED = (1, 3, "rounded height", "rounded width")  # up, to multiples of 16
MAP = ("rows", "columns")


def models(style: str, half: bool = False, normalized: bool = False) -> dict[str, onnx.ModelProto]:
    """What `nst export` writes, by name: one model of a trained style; of "adain" and "wct" their parts.

    style: a shipped style's name or a trained network's file. half: see `style_model`. normalized: see `load_style`.
    ValueError: an unknown name, naming those that there are; else the errors of `load_style` and `style_model`.
    """
    methods = {"adain": adain_models, "wct": wct_models}
    if style in methods:
        if normalized:
            raise ValueError(f"normalized=True: {style} reads and writes pictures in [0, 1]")
        return methods[style](half)
    shipped = shipped_styles()
    if style not in shipped and not Path(style).suffix and not Path(style).exists():
        raise unknown("style", style, (*shipped, *methods), also="a trained network's file, or ")
    name = style if style in shipped else Path(style).stem
    return {name: style_model(load_style(style, normalized=normalized), name, half)}


# --- a trained style --------------------------------------------------------------------------------------------------------------


def style_model(net: TransformerNet, name: str = "style", half: bool = False) -> onnx.ModelProto:
    """A trained network that paints as `net.stylize(content, strength=strength, brush=1)` does.

    content (1, 3, H, W), RGB in [0, 1], from 5 x 5 pixels on; strength (1,), 0 to 1, where the network knows more than its full one
    -> painting (1, 3, H, W) in [0, 1].
    half: weights in float16, computed in float32; the shipped ones are float16 already and lose nothing. ValueError: a weight that
    float16 cannot hold.
    """
    g, tensors = Graph(half), net.state_dict()
    content = graphs.clipped(g.input("content", *PICTURE))
    strength = g.input("strength", 1) if net.weak else None

    def weight(key: str) -> Value:
        full = g.weight(key, tensors[key])
        if key not in net.weak:
            return full
        weak = g.weight(WEAK + key, net.weak[key])
        return weak + (full - weak) * strength

    height, width = content.length(2), content.length(3)
    down, right = (((side - 1) // 4 * 4).most(BORDER) for side in (height, width))
    x = graphs.bordered_by(content, down, right)
    for k, part in enumerate(net.model):
        if isinstance(part, ResidualBlock):
            inner = x
            for j, block in enumerate(part.block):
                inner = _block(inner, block, f"model.{k}.block.{j}.", weight)
            x = inner + x
        else:
            x = _block(x, part, f"model.{k}.", weight)
    painting = graphs.clipped(graphs.cut(x, (down, right), (down + height, right + width)))
    g.output(painting, "painting", *PICTURE)
    return g.model(name, _facts(name, half, tensors | {WEAK + k: v for k, v in net.weak.items()}, net.metadata))


def _block(x: Value, block: ConvBlock, before: str, weight: Callable[[str], Value]) -> Value:
    """A ConvBlock; `before` comes before its weights' names."""
    g, conv = x.graph, block.block[1]
    given = weight(f"{before}block.1.weight"), weight(f"{before}block.1.bias"), conv
    if isinstance(conv, nn.ConvTranspose2d):
        x = graphs.transposed(x, *given)
    elif block.upsample:
        x = graphs.doubled(x, *given)
    else:  # only the last has few channels, and its map was doubled twice
        x = graphs.few_channels(x, *given)
    if block.norm is not None:
        batch = isinstance(block.norm, nn.BatchNorm2d)
        names = ("weight", "bias", *(("running_mean", "running_var") if batch else ()))
        norm = graphs.batch_norm if batch else graphs.instance_norm
        x = norm(x, *(weight(f"{before}norm.{name}") for name in names), block.norm)
    return g.add("Relu", x) if block.relu else x


# --- AdaIN ------------------------------------------------------------------------------------------------------------------------


def adain_models(half: bool = False) -> dict[str, onnx.ModelProto]:
    """`nst.adain` with the shipped networks, in four parts by name.

    adain_encoder:    picture (1, 3, H, W) -> features (1, C, h, w), of the picture grown to multiples of 16 pixels.
    adain_statistics: features and picture of a style -> mean, std (1, C, 1, 1), colour_mean (1, 3, 1), colour_covariance (1, 3, 3).
    adain_decoder:    the content's features, a style's mean and std, alpha (1,) -> raw (1, 3, 8 h, 8 w), not clipped.
    adain_palette:    raw, the styles' colour_mean (styles, 3, 1), colour_covariance (styles, 3, 3), weights (styles,), alpha (1,)
        -> painting (1, 3, 8 h, 8 w) in [0, 1]; cut to the content's height and width it is `adain.stylize`'s.
    Several styles: the weighted sums of their mean and std, for AdaIN is linear in both; their colours mixes adain_palette.
    Large pictures in squares: adain_decoder at alpha 0 decodes what it is given; mean and std are those of the whole.
    Equal within 2/255, but not so of a picture of one colour: its features differ by rounding errors only, which AdaIN enlarges.
    half: see `style_model`.
    """
    encoder, decoders = default_networks(None, {"adain": None})
    return {"adain_encoder": _encoder("adain_encoder", encoder, LAYER, half), "adain_statistics": _adain_statistics(),
            "adain_decoder": _adain_decoder(decoders["adain"], half), "adain_palette": _adain_palette()}  # fmt: skip


def _encoder(name: str, encoder: VGG19, layer: str, half: bool) -> onnx.ModelProto:
    g, convolutions = Graph(half), CONVOLUTIONS[: CONVOLUTIONS.index("conv" + layer[4:]) + 1]
    mean, std = (g.constant(numbers.cpu().numpy()) for numbers in (encoder.mean, encoder.std))
    x = (graphs.grown(graphs.clipped(g.input("picture", *PICTURE))) - mean) / std
    for key in convolutions:
        if key.endswith("_1") and key != "conv1_1":
            x = g.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
        module = encoder.get_submodule(key)
        for part, conv in module.named_children() if isinstance(module, LowRankConv2d) else [("", module)]:
            before = f"{key}.{part}.".replace("..", ".")
            bias = None if conv.bias is None else g.weight(f"{before}bias", conv.bias)
            x = graphs.convolved(x, g.weight(f"{before}weight", conv.weight), bias, conv, encoder.padding)
        x = g.add("Relu", x)
    g.output(x, "features", 1, conv.out_channels, *MAP)
    used = {k: v for k, v in encoder.state_dict().items() if k.split(".")[0] in convolutions}
    return g.model(name, _facts(name, half, used, encoder.metadata))


def _mean_and_std(features: Value) -> tuple[Value, Value]:
    mean = graphs.mean(features)
    difference = features - mean
    return mean, (graphs.mean(difference * difference) + EPSILON).root()


def _adain_statistics() -> onnx.ModelProto:
    g = Graph()
    features, picture = g.input("features", 1, "channels", *MAP), graphs.clipped(g.input("picture", *PICTURE))
    for name, value in zip(("mean", "std"), _mean_and_std(features)):
        g.output(value, name, 1, "channels", 1, 1)
    mean, covariance = graphs.moments(picture)
    g.output(mean, "colour_mean", 1, 3, 1)
    g.output(covariance, "colour_covariance", 1, 3, 3)
    return g.model("adain_statistics", _facts("adain_statistics"))


def _adain_decoder(decoder: Decoder, half: bool) -> onnx.ModelProto:
    g, channels = Graph(half), decoder.channels
    features = g.input("features", 1, channels, *MAP)
    style_mean, style_std = (g.input(name, 1, channels, 1, 1) for name in ("mean", "std"))
    alpha = g.input("alpha", 1)
    mean, std = _mean_and_std(features)
    matched = (features - mean) * style_std / std + style_mean
    g.output(_decoded(features + (matched - features) * alpha, decoder), "raw", *ROUNDED)
    return g.model("adain_decoder", _facts("adain_decoder", half, decoder.state_dict(), decoder.metadata))


def _adain_palette() -> onnx.ModelProto:
    g = Graph()
    raw, style_mean, style_covariance = g.input("raw", *ROUNDED), *_styles(g, 3, "colour_")
    matrix, shift = _map(*graphs.moments(raw), style_mean, style_covariance, *_amounts(g))
    g.output(graphs.clipped(_mapped(raw, matrix, shift)), "painting", *ROUNDED)
    return g.model("adain_palette", _facts("adain_palette"))


def _decoded(x: Value, decoder: Decoder) -> Value:
    """A picture (1, 3, H, W) of features, not clipped."""
    g, layer = x.graph, graphs.convolved
    for key in decoder.names:
        conv = decoder.get_submodule(key)
        given = g.weight(f"{key}.weight", conv.weight), g.weight(f"{key}.bias", conv.bias), conv
        if key == decoder.names[-1]:
            return graphs.few_channels(x, *given)  # sides are even: the picture's are multiples of 16
        x = g.add("Relu", layer(x, *given))
        layer = graphs.doubled if key.endswith("_1") else graphs.convolved  # the next one: where the encoder pooled


# --- WCT --------------------------------------------------------------------------------------------------------------------------


def wct_models(half: bool = False, levels: Sequence[int] = DEFAULT) -> dict[str, onnx.ModelProto]:
    """`nst.wct` with the shipped networks, by name. Level by level, and each reads what the one before painted:

    wct_encoder_4 …: picture (1, 3, H, W) -> features (1, C, h, w), of the picture grown to multiples of 16 pixels.
    wct_statistics:  features -> mean (1, C, 1), covariance (1, C, C), of the content and of each style.
    wct_map:         the content's mean and covariance, the styles' style_mean (styles, C, 1) and style_covariance (styles, C, C),
        weights (styles,), alpha (1,) -> matrix (1, C, C) and shift (1, C, 1) of `covariance.transport`.
    wct_decoder_4 …: the content's features, matrix, shift -> painting (1, 3, H', W') in [0, 1], of the grown picture's size; the
        last level's, cut to the content's height and width, is `wct.stylize`'s. Not so of a picture of one colour: its features
        differ by rounding errors only, and `wct` makes a pattern of them.
    half: see `style_model`.
    """
    encoder, decoders = default_networks(None, {LAYERS[level - 1]: None for level in levels})
    models = {"wct_statistics": _wct_statistics(), "wct_map": _wct_map()}
    for level in levels:
        layer = LAYERS[level - 1]
        models[f"wct_encoder_{level}"] = _encoder(f"wct_encoder_{level}", encoder, layer, half)
        models[f"wct_decoder_{level}"] = _wct_decoder(f"wct_decoder_{level}", decoders[layer], half)
    return models


def _wct_statistics() -> onnx.ModelProto:
    g = Graph()
    mean, covariance = graphs.moments(g.input("features", 1, "channels", *MAP))
    g.output(mean, "mean", 1, "channels", 1)
    g.output(covariance, "covariance", 1, "channels", "channels")
    return g.model("wct_statistics", _facts("wct_statistics"))


def _wct_map() -> onnx.ModelProto:
    g = Graph()
    mean, covariance = g.input("mean", 1, "channels", 1), g.input("covariance", 1, "channels", "channels")
    matrix, shift = _map(mean, covariance, *_styles(g, "channels", "style_"), *_amounts(g))
    g.output(matrix, "matrix", 1, "channels", "channels")
    g.output(shift, "shift", 1, "channels", 1)
    return g.model("wct_map", _facts("wct_map"))


def _wct_decoder(name: str, decoder: Decoder, half: bool) -> onnx.ModelProto:
    g, channels = Graph(half), decoder.channels
    features = g.input("features", 1, channels, *MAP)
    matrix, shift = g.input("matrix", 1, channels, channels), g.input("shift", 1, channels, 1)
    g.output(graphs.clipped(_decoded(_mapped(features, matrix, shift), decoder)), "painting", *ROUNDED)
    return g.model(name, _facts(name, half, decoder.state_dict(), decoder.metadata))


def _styles(g: Graph, channels: int | str, before: str) -> tuple[Value, Value]:
    return g.input(f"{before}mean", "styles", channels, 1), g.input(f"{before}covariance", "styles", channels, channels)


def _amounts(g: Graph) -> tuple[Value, Value]:
    return g.input("weights", "styles"), g.input("alpha", 1)


def _map(mean: Value, covariance: Value, style_mean: Value, style_covariance: Value, weights: Value,
         alpha: Value) -> tuple[Value, Value]:  # fmt: skip
    """Matrix (1, C, C) and shift (1, C, 1) of x -> matrix x + shift, alpha of the way to the styles' mean and covariance."""
    mean, covariance, style_mean, style_covariance = (each.double() for each in (mean, covariance, style_mean, style_covariance))
    alpha, shares = alpha.double(), (weights / weights.sum(0)).double().reshape(-1, 1, 1)
    matrix, one = (graphs.transport(covariance, style_covariance) * shares).sum(0), graphs.identity(covariance)
    shift = (style_mean * shares).sum(0) - matrix @ mean
    return (one + (matrix - one) * alpha).single(), (shift * alpha).single()


def _mapped(x: Value, matrix: Value, shift: Value) -> Value:
    """matrix x + shift at each position of (1, C, h, w)."""
    return graphs.shaped_like(matrix @ x.reshape(0, 0, -1) + shift, x)


# --- files ------------------------------------------------------------------------------------------------------------------------


def _facts(name: str, half: bool = False, tensors: Mapping[str, Tensor] | None = None,
           known: Mapping[str, Any] | None = None) -> dict[str, str]:  # fmt: skip
    """What a file says of itself: name, version, licence; of weights their type, digest and origin."""
    if tensors is None:
        return {"name": name, "nst": __version__, "licence": "MIT", "weights": "none"}
    digest, known = hashlib.sha256(), known or {}
    for key, tensor in sorted(tensors.items()):
        digest.update(key.encode() + tensor.detach().float().cpu().contiguous().numpy().tobytes())
    origin = known.get("derived_from") or known.get("encoder")
    return {"name": name, "nst": __version__, "licence": known.get("licence") or "not stated",
            "weights": "float16" if half else "float32", "weights_sha256": digest.hexdigest(),
            **({"derived_from": origin} if origin else {})}  # fmt: skip


def write(model: onnx.ModelProto, path: str | os.PathLike) -> dict[str, Any]:
    """Write a model, whole or not at all; what the file holds, as JSON values. FileNotFoundError: the folder does not exist."""
    content = model.SerializeToString()
    with written_whole(path) as aside:
        aside.write_bytes(content)
    return {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), **described(model)}


def described(model: onnx.ModelProto) -> dict[str, Any]:
    """Opset, facts, and shapes by name of what goes in and out, as JSON values."""
    inputs, outputs = ({value.name: [each.dim_param or each.dim_value for each in value.type.tensor_type.shape.dim]
                        for value in values} for values in (model.graph.input, model.graph.output))  # fmt: skip
    facts = {entry.key: entry.value for entry in model.metadata_props}
    return {"opset": model.opset_import[0].version, **facts, "inputs": inputs, "outputs": outputs}
