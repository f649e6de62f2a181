"""The four methods behind one function, which chooses between them as the command does.

    nst.stylize("photo.jpg", "night_orchard")               a network ships for it: one pass
    nst.stylize("photo.jpg", "my_style.jpg", alpha=0.8)     any picture, in one pass: AdaIN
    nst.stylize(photo, style, "gatys", style_weight=30)     (1, 3, H, W) as well as names and files

`painter` is the same, made ready once for many pictures: it reads the networks and the styles.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from nst import assets
from nst.images import check_picture, load_image, resize
from nst.support import weights
from nst.support.arguments import check_choice, check_whole
from nst.support.formats import ADDRESS

if TYPE_CHECKING:
    from nst.transformer_net import TransformerNet

METHODS = ("gatys", "fast", "adain", "wct")
LARGEST = {"gatys": 384, "fast": 1024, "adain": 1024, "wct": 768}  # shorter side in pixels that nobody has to ask for
LARGEST_STYLE = 1024  # shorter side of a style picture, however large the content: it is encoded in one piece
STYLE_SIZE = 512  # that of one which is read from a file, where no size is asked for
Style: TypeAlias = "str | os.PathLike | Tensor | TransformerNet"
OPTIONS = {  # of each method, in words that all share
    "gatys": ("style_weight", "match_weight", "evaluations", "style_weights", "masks", "preserve_color"),
    "fast": ("alpha", "brush", "texture", "masks", "preserve_color", "normalized"),
    "adain": ("alpha", "brush", "texture", "style_weights", "masks", "preserve_color", "tile"),
    "wct": ("alpha", "brush", "texture", "style_weights", "masks", "preserve_color", "tile"),
}


@dataclass(frozen=True)
class Painter:
    """`paint(content)` of one method with its networks and styles: (B, 3, H, W) in [0, 1] -> the same size."""

    method: str
    paint: Callable[..., Tensor]
    evaluations: int = 1  # of one picture, in all: gatys' search takes many

    def __call__(self, content: Tensor, **options: Any) -> Tensor:
        """options: masks=[…], a mask (1, 1, H, W) for each style; callback= of gatys."""
        return self.paint(content, **options)


def stylize(content: str | os.PathLike | Tensor, style: Style | Sequence[Style], method: str | None = None, *,
            size: int | None = None, callback: Callable | None = None, **options: Any) -> Tensor:  # fmt: skip
    """Paint `content` in the manner of `style`: float32 (B, 3, H, W), RGB in [0, 1].

    content: a picture's file, name (`assets.names()`) or tensor (B, 3, H, W).
    style:   the same, or a network trained for a style (its name, its file, or itself); or a list of them, with `style_weights=`
        or a mask (1, 1, H, W) for each in `masks=`.
    method:  "gatys", "fast" (a trained network), "adain" or "wct"; None: see `method_for`, and a line says what was chosen.
    size:    shorter side in pixels. None: a tensor's own; a file's own, at most 384 (gatys), 768 (wct) or 1024.
    callback: of gatys, see `gatys.stylize`.
    options: alpha (adain, wct; fast has its strength by this word, too), brush, texture (of the three, too; adain and wct have 0.15
        unless it is given, the papers have 0), preserve_color, tile; style_weight, match_weight
        and evaluations of gatys; normalized of fast's files (`load_style`). What they mean is said at each method's `stylize`.
    Raises ValueError / TypeError / FileNotFoundError naming the argument or the file, ConnectionError where a download fails.
    """
    styles = list(style) if isinstance(style, list | tuple) else [style]
    chosen = method or method_for(styles, "masks" in options)
    masks = options.pop("masks", None)
    paint = painter(styles, chosen, size=size, **options)
    if method is None:
        print(f"nst.stylize: {chosen}, {'a network is trained for it' if chosen == 'fast' else 'any picture in one pass'}")
    if callback is not None and chosen != "gatys":
        raise ValueError(f"callback: {chosen} has none; gatys calls it after each evaluation")
    picture = content if isinstance(content, Tensor) and not size else working_size(_picture(content), chosen, size)
    return paint(picture, masks=masks, **({} if callback is None else {"callback": callback}))


def painter(styles: Sequence[Style], method: str | None = None, *, size: int | None = None, masked: bool = False,
            alpha: float | None = None, **options: Any) -> Painter:  # fmt: skip
    """`stylize` made ready for many pictures: networks and styles are read here, once.

    size:   shorter side at which the files of style pictures are read, at most LARGEST_STYLE; None: 512.
    masked: whether each picture will come with a mask for each style.
    alpha:  from 0 to 1; None: the method's own.   options: as for `stylize`; None is the method's own, too. Errors: see there.
    """
    styles = [styles] if isinstance(styles, str | os.PathLike) else list(styles)
    if not styles:
        raise ValueError("styles: expected at least one name or file")
    if size is not None:
        check_whole("size", size)
    method = method or method_for(styles, masked)
    check_choice("method", method, METHODS)
    given = {name: value for name, value in {"alpha": alpha, **options}.items() if value is not None and value is not False}
    if foreign := [name for name in given if name not in OPTIONS[method]]:
        having = [name for name in METHODS if foreign[0] in OPTIONS[name]]
        others = f"; {', '.join(having)} has" if having else f"; expected {', '.join(OPTIONS[method])}"
        raise ValueError(f"{foreign[0]}={given[foreign[0]]!r}: {method} has no such option{others}")
    if method in ("adain", "wct"):
        from nst.texture import AMOUNT

        given.setdefault("texture", AMOUNT)
    if method == "fast":
        return _fast(styles, given)
    pictures = [style_picture(style, min(size or STYLE_SIZE, LARGEST_STYLE)) for style in styles]
    return {"gatys": _gatys, "adain": _adain, "wct": _wct}[method](pictures, given)


def method_for(styles: Sequence[Style], masked: bool = False) -> str:
    """ "fast" where one network can paint it: every style is a network, its file or a name that one ships for, and several have a
    mask each; else "adain".
    """
    return "fast" if all(map(_is_network, styles)) and (len(styles) == 1 or masked) else "adain"


def _is_network(style: Style) -> bool:
    if isinstance(style, str | os.PathLike):
        return style in assets.shipped_styles() or weights.is_network(style)
    return isinstance(style, nn.Module)


def style_picture(style: Style, size: int | None = None) -> Tensor:
    """The picture (1, 3, H, W) of a name or a file; `size`: its shorter side. Errors: see `assets.picture`, `load_image`."""
    if isinstance(style, Tensor | Image.Image | np.ndarray):
        return check_picture(style, "style", one=True)
    if not isinstance(style, str | os.PathLike):
        raise TypeError(f"style: expected a picture, its name or its file, got {type(style).__name__}")
    if style in assets.names():
        return assets.picture(str(style), size)
    if weights.is_network(style):
        raise ValueError(f"{style}: is a trained network's file; this method wants a picture")
    if not Path(style).suffix and not Path(style).exists() and not ADDRESS.match(os.fspath(style)):
        return assets.picture(str(style), size)  # says which names there are
    return load_image(style, size)


def _picture(content: str | os.PathLike | Tensor) -> Tensor:
    if isinstance(content, Tensor):
        return content
    return assets.picture(content) if isinstance(content, str) and content in assets.names() else load_image(content)


def working_size(picture: Tensor, method: str, size: int | None = None) -> Tensor:
    """The picture with a shorter side of `size`; None: as it is, at most LARGEST for its method."""
    if size is not None:
        check_whole("size", size)
    largest = size or LARGEST[method]
    return resize(picture, largest) if min(picture.shape[-2:]) > largest or size else picture


def transparent_working_size(picture: Tensor, alpha: Tensor | None, method: str,
                             size: int | None = None) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """The same of a picture and how opaque it is (1, 1, H, W): colours count as much as they are seen."""
    small = working_size(picture if alpha is None else picture * alpha, method, size)
    if alpha is None or small.shape == picture.shape:
        return working_size(picture, method, size), alpha
    seen = working_size(alpha, method, size)  # (1, 1, h, w)
    return torch.where(seen > 1 / 510, small / seen.clamp_min(1 / 510), 1.0).clamp_max(1), seen


def _fast(styles: Sequence[Style], given: dict[str, Any]) -> Painter:
    from nst import transformer_net

    for style in styles:
        if isinstance(style, Tensor):
            raise TypeError("style: fast wants a trained network, its name or its file; adain paints with the picture itself")
        if isinstance(style, str | os.PathLike) and Path(style).suffix and not weights.is_network(style):
            raise ValueError(f"{style}: is not a network's file; `nst train` makes one, adain paints with the picture itself")
    normalized = given.pop("normalized", False)
    nets = [s if isinstance(s, nn.Module) else transformer_net.load_style(s, normalized=normalized) for s in styles]
    given = {"strength" if name == "alpha" else name: value for name, value in given.items()}
    return Painter("fast", functools.partial(transformer_net.stylize, style=nets, **given))


def _gatys(pictures: list[Tensor], given: dict[str, Any]) -> Painter:
    from nst import gatys
    from nst.decoders import default_networks

    recipe = {name: given.pop(name) for name in ("style_weight", "match_weight", "evaluations") if name in given}
    config, (encoder, _) = gatys.GatysConfig.default(**recipe), default_networks(None)
    paint = functools.partial(gatys.stylize, style=pictures, config=config, encoder=encoder, **given)
    return Painter("gatys", paint, config.evaluations * config.scales)


def _adain(pictures: list[Tensor], given: dict[str, Any]) -> Painter:
    from nst import adain

    return Painter("adain", functools.partial(adain.stylize, style=adain.AdaIN(pictures), **given))


def _wct(pictures: list[Tensor], given: dict[str, Any]) -> Painter:
    from nst import wct

    return Painter("wct", functools.partial(wct.stylize, style=wct.WCT(pictures), **given))
