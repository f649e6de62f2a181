"""What the lessons draw: `plots` of pictures, losses, features; `diagrams` of networks; `sheets`; what was `computed` elsewhere.

Nothing is imported before it is used; what there is, `__init__.pyi` says.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
