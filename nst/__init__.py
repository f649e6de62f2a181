"""nst: neural style transfer, one idea per module, as taught in the notebooks beside it.

Nothing heavy is imported before it is used: `import nst` is instant, `nst.VGG19` imports torch. What there is, `__init__.pyi` says:
`lazy_loader` reads it, and so do editors.
"""

import lazy_loader

from nst.support.waiting import rest_soon

__version__ = "0.1.0"
rest_soon()

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
