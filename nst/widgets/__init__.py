"""The methods with sliders, for a notebook or a page served by Voilà. Each is one line:

    nst.widgets.studio()                    any method on any picture, live; weights may change while it runs
    nst.widgets.mixer(content, styles)      AdaIN, WCT and the trained styles: amounts, four-corner mixing, masks
    nst.widgets.explorer(picture)           click the picture: receptive field, feature maps, Gram entries
    nst.widgets.monitor(steps)              a callback for `nst.training.train`: losses, samples, time left
    nst.widgets.gallery(content)            every shipped style on one picture

Pictures are tensors (1, 3, H, W) or names (`nst.assets.names()`). Where no kernel runs, a picture grid stands in a widget's place.
Each name here is a function; the module of the same name holds the class behind it.
"""

from nst.widgets.explorer import Explorer as explorer
from nst.widgets.gallery import Gallery as gallery
from nst.widgets.mixer import Mixer as mixer
from nst.widgets.monitor import Monitor as monitor
from nst.widgets.studio import Studio as studio

__all__ = ["explorer", "gallery", "mixer", "monitor", "studio"]
