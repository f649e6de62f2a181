"""Everything that learns: the `loop`, the `perceptual` loss, the `datasets`, the `checkpoints`.

Nothing is imported before it is used; what there is, `__init__.pyi` says.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
