"""A style that is ready to paint: one method with its networks loaded, as a function from picture to picture.

    paint = painter(["night_orchard"])          # a network ships for it: one pass
    paint = painter(["my_style.jpg"])           # any picture: AdaIN
    result = paint(content)                     # (1, 3, H, W), RGB in [0, 1]

The four methods have a `stylize` each; this chooses between them by name, and reads what they need once for many pictures.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from torch import Tensor

from nst import assets
from nst.images import load_image, resize
from nst.support import weights
from nst.support.arguments import check_choice

METHODS = ("gatys", "fast", "adain", "wct")
LARGEST = {"gatys": 384, "fast": 1024, "adain": 1024, "wct": 768}  # shorter side in pixels that nobody has to ask for
LARGEST_STYLE = 1024  # shorter side of a style picture, however large the content: it is encoded in one piece
Style = str | os.PathLike


def painter(styles: Sequence[Style], method: str | None = None, size: int | None = None, amount: float | None = None,
            style_weight: float | None = None, evaluations: int | None = None,
            preserve_color: bool | str = False, tile: int | None = None,
            normalized: bool = False) -> Callable[..., Tensor]:  # fmt: skip
    """`paint(content)`, or `paint(content, masks=[…])` with a mask (1, 1, H, W) for each style; returns the content's size.

    styles:  names of pictures (`assets.names()`), or files: pictures, and for "fast" networks.
    method:  "gatys", "fast", "adain" or "wct"; None: see `method_for`.
    size:    shorter side at which style pictures are read, at most LARGEST_STYLE; None: 512.
    amount:  alpha (adain, wct) or strength (fast), from 0 to 1.   style_weight, evaluations: of gatys.
    tile:    of adain and wct: the side of the squares in which a large picture is computed (`tiles.side_for`); fast needs none.
    normalized: of "fast": the networks' files read and write pictures normalised as ImageNet's, see `load_style`.
    Raises ValueError / TypeError / FileNotFoundError naming the argument or the file, ConnectionError where a download fails.
    """
    method = method or method_for(styles)
    check_choice("method", method, METHODS)
    if method == "gatys" and amount is not None:
        raise ValueError(f"amount={amount}: gatys has no alpha or strength, but a style_weight")
    if method != "gatys" and (style_weight is not None or evaluations is not None):
        raise ValueError(f"style_weight, evaluations: {method} has none; gatys has")
    if tile is not None and method == "gatys":
        raise ValueError(f"tile={tile}: gatys searches the whole picture at once; the other methods paint large ones")
    if normalized and method != "fast":
        raise ValueError(f"normalized=True: {method} has no network's file")
    if method == "fast":
        return _fast(styles, amount, preserve_color, normalized)
    pictures = [style_picture(style, min(size or 512, LARGEST_STYLE)) for style in styles]
    if method == "gatys":
        return _gatys(pictures, style_weight, evaluations, preserve_color)
    given = {"preserve_color": preserve_color, "tile": tile, **({} if amount is None else {"alpha": amount})}
    return (_adain if method == "adain" else _wct)(pictures, given)


def method_for(styles: Sequence[Style]) -> str:
    """The method "fast" where every style is a network's file or a name that a network ships for; else "adain"."""
    shipped = assets.shipped_styles()
    return "fast" if all(style in shipped or weights.is_network(style) for style in styles) else "adain"


def style_picture(style: Style, size: int | None = None) -> Tensor:
    """The picture (1, 3, H, W) of a name or a file; `size`: its shorter side. Errors: see `assets.picture`, `load_image`."""
    if style in assets.names():
        return assets.picture(str(style), size)
    if weights.is_network(style):
        raise ValueError(f"{style}: is a trained network's file; this method wants a picture")
    if not Path(style).suffix and not Path(style).exists():
        return assets.picture(str(style), size)  # says which names there are
    return load_image(style, size)


def working_size(picture: Tensor, method: str, size: int | None = None) -> Tensor:
    """The picture with a shorter side of `size`; None: as it is, at most LARGEST for its method."""
    largest = size or LARGEST[method]
    return resize(picture, largest) if min(picture.shape[-2:]) > largest or size else picture


def _fast(styles: Sequence[Style], amount: float | None, preserve_color: bool | str, normalized: bool) -> Callable[..., Tensor]:
    from nst import transformer_net

    for style in styles:
        if Path(style).suffix and not weights.is_network(style):
            raise ValueError(f"{style}: is not a network's file; `nst train` makes one, adain paints with the picture itself")
    nets = [transformer_net.load_style(style, normalized=normalized) for style in styles]
    strength = 1.0 if amount is None else amount
    return functools.partial(transformer_net.stylize, style=nets, strength=strength, preserve_color=preserve_color)


def _gatys(pictures: list[Tensor], style_weight: float | None, evaluations: int | None, preserve_color: bool | str):
    from nst import gatys
    from nst.decoders import default_networks

    given = {"style_weight": style_weight, "evaluations": evaluations}
    config = gatys.GatysConfig.default(**{k: v for k, v in given.items() if v is not None})
    encoder, _ = default_networks(None)
    return functools.partial(gatys.stylize, style=pictures, config=config, encoder=encoder, preserve_color=preserve_color)


def _adain(pictures: list[Tensor], given: dict) -> Callable[..., Tensor]:
    from nst import adain
    from nst.decoders import default_networks

    encoder, decoders = default_networks(None, {"adain": None})
    known = {"encoder": encoder, "decoder": decoders["adain"]}
    return functools.partial(adain.stylize, style=pictures, **given, **known)


def _wct(pictures: list[Tensor], given: dict) -> Callable[..., Tensor]:
    from nst import wct
    from nst.decoders import LAYERS, default_networks

    encoder, decoders = default_networks(None, {LAYERS[level - 1]: None for level in wct.DEFAULT})
    known = {"encoder": encoder, "decoders": {level: decoders[LAYERS[level - 1]] for level in wct.DEFAULT}}
    return functools.partial(wct.stylize, style=pictures, **given, **known)
