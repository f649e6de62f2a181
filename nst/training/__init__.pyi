from . import checkpoints, datasets, loop, perceptual
from .loop import TrainingConfig, samples, train

__all__ = ["TrainingConfig", "checkpoints", "datasets", "loop", "perceptual", "samples", "train"]
