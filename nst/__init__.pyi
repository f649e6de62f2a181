from . import (
    adain,
    assets,
    covariance,
    decoders,
    figures,
    gatys,
    images,
    losses,
    optim,
    teaching,
    training,
    transformer_net,
    vgg,
    wct,
    widgets,
)
from .article import ContentLoss, StyleLoss, get_style_model_and_losses
from .figures.plots import show
from .gatys import GatysConfig
from .images import load_image, save_image
from .losses import gram_matrix
from .methods import stylize
from .support.runtime import device, profile, seed
from .transformer_net import TransformerNet, load_style
from .vgg import VGG19

__version__: str
__all__ = [
    "ContentLoss",
    "GatysConfig",
    "StyleLoss",
    "TransformerNet",
    "VGG19",
    "adain",
    "assets",
    "covariance",
    "decoders",
    "device",
    "figures",
    "gatys",
    "get_style_model_and_losses",
    "gram_matrix",
    "images",
    "load_image",
    "load_style",
    "losses",
    "optim",
    "profile",
    "save_image",
    "seed",
    "show",
    "stylize",
    "teaching",
    "training",
    "transformer_net",
    "vgg",
    "wct",
    "widgets",
]
