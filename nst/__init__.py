"""nst: neural style transfer, one idea per module, as taught in the notebooks beside it.

Nothing heavy is imported before it is used: `import nst` is instant, `nst.VGG19` imports torch.
"""

import importlib

__version__ = "0.1.0"

_MODULES = (
    "adain", "assets", "controls", "conventions", "datasets", "decoders", "figures", "gatys", "images", "losses", "optim",
    "painters", "perceptual", "runtime", "sheets", "training", "transformer_net", "vgg", "video", "wct", "weights", "widgets",
)  # fmt: skip
_NAMES = {
    "load_image": "images", "save_image": "images", "show": "figures", "VGG19": "vgg",
    "gram_matrix": "losses", "ContentLoss": "losses", "StyleLoss": "losses", "get_style_model_and_losses": "losses",
    "GatysConfig": "gatys", "TransformerNet": "transformer_net", "load_style": "transformer_net",
    "device": "runtime", "profile": "runtime", "seed": "runtime",
}  # fmt: skip

__all__ = [*_MODULES, *_NAMES]


def __getattr__(name: str):
    if name in _MODULES:
        return importlib.import_module(f"nst.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(f"nst.{_NAMES[name]}"), name)
    raise AttributeError(f"module 'nst' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
