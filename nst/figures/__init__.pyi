from . import computed, diagrams, drawing, panels, plots, sheets
from .plots import PALETTE, clouds, feature_maps, gram_view, labelled_grid, loss_curves, picture_grid, plain, plain_log, show

__all__ = [
    "PALETTE",
    "clouds",
    "computed",
    "diagrams",
    "drawing",
    "feature_maps",
    "gram_view",
    "labelled_grid",
    "loss_curves",
    "panels",
    "picture_grid",
    "plain",
    "plain_log",
    "plots",
    "sheets",
    "show",
]
