"""What the widgets are put together from: a picture, a slider, choosers, a line of text, and the panel around them.

Picture, Slider and Upload are a page of JavaScript each (anywidget), since ipywidgets' own have no alternative text, do not say
where they were clicked, and have no name that a screen reader could read. All else is ipywidgets.
"""

from __future__ import annotations

import base64
import html
import io
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import anywidget
import ipywidgets
import numpy as np
import torch
import traitlets
from ipywidgets.widgets.trait_types import CByteMemoryView
from torch import Tensor

from nst import assets
from nst.figures.sheets import sheet, to_image
from nst.images import check_picture, load_image, load_mask, resize
from nst.widgets.work import Worker

HERE = Path(__file__).parent
QUALITY = 88  # of the JPEGs: live pictures are small and sent often
PAGE, STILL_HEIGHTS = 880, (220, 190, 160, 130, 100)  # pixels of a page: its width, and the heights tried for a picture in a grid
STILL_BYTES = 86_000  # of a grid as a file, about
STILL_QUALITIES = ((1, 76), (1, 64), (1, 52), (2, 80), (2, 70), (2, 60))  # shrunk by, JPEG quality: the first that fits
LARGEST = 1024  # pixels of the shorter side of an uploaded picture
GRID = 96  # cells of a drawn mask along its longer side
Source = str | Tensor


class Picture(anywidget.AnyWidget):
    """A picture with a text for those who do not see it, and, by its `mode`, what one can do with it:

    show: nothing.   point: `place` (x, y) follows the pointer and the arrow keys, shares of the picture from the top left.
    draw: while `drawing`, strokes set `mask`, a byte per cell of `grid` (width, height).   button: `on_press`.
    box: a frame (left, top, right, bottom) over the picture, shares as well; none where it has no width.
    """

    _esm = HERE / "picture.js"
    _css = HERE / "parts.css"
    data = CByteMemoryView(b"").tag(sync=True)
    mode = traitlets.Enum(("show", "point", "draw", "button"), "show").tag(sync=True)
    alt = traitlets.Unicode("").tag(sync=True)
    caption = traitlets.Unicode("").tag(sync=True)
    spoken = traitlets.Unicode("").tag(sync=True)
    place = traitlets.List([0.5, 0.5]).tag(sync=True)
    box = traitlets.List([0.0, 0.0, 0.0, 0.0]).tag(sync=True)
    pressed = traitlets.Bool(False).tag(sync=True)
    drawing = traitlets.Bool(False).tag(sync=True)
    erasing = traitlets.Bool(False).tag(sync=True)
    brush = traitlets.Float(0.06).tag(sync=True)
    grid = traitlets.List([1, 1]).tag(sync=True)
    mask = CByteMemoryView(b"").tag(sync=True)

    def show(self, picture: Tensor) -> None:
        """Show a picture (1, 3, H, W) in [0, 1]."""
        self.data = jpeg(picture)

    def show_grid_of(self, picture: Tensor) -> None:
        """Give the mask as many cells as fit this picture's shape, all empty."""
        height, width = picture.shape[-2:]
        cells = GRID / max(height, width)
        self.grid = [max(1, round(width * cells)), max(1, round(height * cells))]
        self.mask = bytes(self.grid[0] * self.grid[1])

    def mask_for(self, picture: Tensor) -> Tensor:
        """The drawn mask (1, 1, H, W) in the size of a picture, in [0, 1]."""
        width, height = self.grid
        cells = torch.from_numpy(np.frombuffer(bytes(self.mask), np.uint8).reshape(1, 1, height, width).copy()) / 255
        return resize(cells, tuple(picture.shape[-2:]))

    def on_press(self, told: Callable[[], object]) -> None:
        self.on_msg(lambda _, message, __: told() if message.get("type") == "press" else None)

    def save(self, picture: Tensor, name: str) -> None:
        """Hand the picture over to the browser as a PNG to be kept."""
        file = io.BytesIO()
        to_image(picture).save(file, format="PNG")
        self.send({"type": "save", "name": name, "mime": "image/png"}, [file.getvalue()])


class Slider(anywidget.AnyWidget):
    """A number between `min` and `max`; `log` spreads it over powers of ten; `off`: at its left end it is 0."""

    _esm = HERE / "slider.js"
    value = traitlets.Float(0.0).tag(sync=True)
    min = traitlets.Float(0.0).tag(sync=True)
    max = traitlets.Float(1.0).tag(sync=True)
    step = traitlets.Float(0.01).tag(sync=True)
    label = traitlets.Unicode("").tag(sync=True)
    log = traitlets.Bool(False).tag(sync=True)
    off = traitlets.Bool(False).tag(sync=True)
    percent = traitlets.Bool(False).tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)


class Upload(anywidget.AnyWidget):
    """A button for a picture's file: `taken(name, picture)` is called with each, `say(text, wrong=True)` where it is none.

    A file over `shrink_from` bytes is made smaller in the browser, as far as `picture_of` would; the servers of notebooks take no
    message over 10 MiB. What is still over `most`, since the browser cannot read it, is not sent, and `say` is told.
    """

    _esm = HERE / "upload.js"
    label = traitlets.Unicode("Upload").tag(sync=True)
    alt = traitlets.Unicode("Upload a picture").tag(sync=True)
    disabled = traitlets.Bool(False).tag(sync=True)
    largest = traitlets.Int(LARGEST).tag(sync=True)
    shrink_from = traitlets.Int(3 * 2**20).tag(sync=True)
    most = traitlets.Int(9 * 2**20).tag(sync=True)

    def __init__(self, label: str, alt: str, taken: Callable[[str, Tensor], object], say: Callable[..., None],
                 read: Callable[[bytes, str, int], Tensor] | None = None):  # fmt: skip
        """read: `picture_of`, or `mask_of`."""
        super().__init__(label=label, alt=alt)
        self.taken, self.say, self.read = taken, say, read or picture_of
        self.on_msg(self._told)

    def _told(self, _: object, message: dict, buffers: Sequence[memoryview]) -> None:
        name = message.get("name", "")
        if message.get("type") == "too large":
            size = f"{message.get('bytes', 0) / 2**20:.0f} MB"
            self.say(f"{name}: {size} are too many to be sent, and this browser cannot read it to make it smaller. Save it as a "
                     f"JPEG, or with a shorter side of {self.largest} pixels", wrong=True)  # fmt: skip
        else:
            self.take(name, bytes(buffers[0]))

    def take(self, name: str, content: bytes) -> None:
        """A file's name and bytes. While the button is disabled nothing is taken."""
        if self.disabled:
            return self.say(f"{name}: not taken, since something is running", wrong=True)
        try:
            picture = self.read(content, name, self.largest)
        except ValueError as error:
            self.say(str(error), wrong=True)
        else:
            self.taken(name, picture)


def share(label: str, value: float) -> Slider:
    """A slider from 0 to 100 %."""
    return Slider(label=label, value=value, percent=True)


def choice(label: str, options: Sequence, value: object = None) -> ipywidgets.Dropdown:
    """One of many, from a list that opens; the first if `value` is None."""
    return ipywidgets.Dropdown(description=label, options=options, value=options[0] if value is None else value)


def one_of(label: str, options: Sequence, value: object = None) -> ipywidgets.RadioButtons:
    """A few choices side by side."""
    made = ipywidgets.RadioButtons(description=label, options=options, value=options[0][1] if value is None else value)
    return made.add_class("nst-one-of")


def tick(label: str, value: bool = False) -> ipywidgets.Checkbox:
    """On or off."""
    return ipywidgets.Checkbox(description=label, value=value, indent=False)


def button(label: str, told: Callable[[], object], main: bool = False) -> ipywidgets.Button:
    """A button that calls `told`; main: the one that starts what the panel is for."""
    made = ipywidgets.Button(description=label)
    made.on_click(lambda _: told())
    return made.add_class("nst-main" if main else "nst-second")


def column(*children: ipywidgets.Widget, kind: str = "column") -> ipywidgets.Box:
    """Widgets below each other; kind "row": side by side; "controls", "stage": the parts of a panel."""
    return ipywidgets.Box(children).add_class(f"nst-{kind}")


def show_if(shown: bool, box: ipywidgets.DOMWidget) -> None:
    """Hide a box, or show it again. It stays in the page: focus and values are not lost. (anywidget's do not follow classes.)"""
    (box.remove_class if shown else box.add_class)("nst-hidden")


class Line(ipywidgets.HTML):
    """A line of text that screen readers read out when it changes."""

    def say(self, text: str, wrong: bool = False) -> None:
        kind, role = ("nst-wrong", "alert") if wrong else ("nst-line", "status")
        self.value = f'<div class="{kind}" role="{role}">{html.escape(text)}</div>'


class Chooser(ipywidgets.Box):
    """A picture by name, or one's own: `picture(size)` and `name`. `on_change` tells of another one.

    kind: "content" or "style", listed first.   chosen: a name, or a picture (1, 3, H, W).   say: is told of a broken upload.
    """

    def __init__(self, label: str, kind: str, chosen: Source, say: Callable[..., None]):
        self.kind, self.told, self.own = kind, [], {}
        if not isinstance(chosen, str):
            self.own["your picture"] = check_picture(chosen, label.lower())
        elif chosen not in self._options():
            self.own[chosen] = assets.picture(chosen)  # downloads it, or says which names there are
        self.menu = choice(label, self._options(), chosen if isinstance(chosen, str) else "your picture")
        self.upload = Upload("Upload", f"{label}: upload your own", self.add, say)
        self.thumb = Picture().add_class("nst-thumb") if kind == "style" else None
        super().__init__([part for part in (self.thumb, self.menu, self.upload) if part is not None])
        self.add_class("nst-row").add_class("nst-chooser")
        self._show()
        self.menu.observe(lambda _: self._chosen(), "value")

    def _options(self) -> list[str]:
        there = [name for name in assets.names() if self._is_here(name)]
        first = [name for name in there if assets.facts(name)["kind"] == self.kind]
        return [*self.own, *(name for name in (*first, *(n for n in there if n not in first)) if name not in self.own)]

    @staticmethod
    def _is_here(name: str) -> bool:
        """Nothing is downloaded on the way: the classics are listed once they are in the cache."""
        facts = assets.facts(name)
        return "download" not in facts or (assets.cache_folder() / "images" / (name + Path(facts["download"]).suffix)).is_file()

    @property
    def name(self) -> str:
        return self.menu.value

    def picture(self, size: int) -> Tensor:
        """The chosen picture (1, 3, H, W) with a shorter side of `size`."""
        return resize(self.own[self.name], size) if self.name in self.own else assets.picture(self.name, size)

    def on_change(self, told: Callable[[], object]) -> None:
        self.told.append(told)

    def _show(self) -> None:
        if self.thumb is not None:
            self.thumb.show(self.picture(96))
            self.thumb.alt = f"{self.menu.description}: {self.name}"

    def _chosen(self) -> None:
        self._show()
        for told in self.told:
            told()

    def add(self, name: str, picture: Tensor) -> None:
        """List one more picture and choose it."""
        again = name == self.name
        self.own.pop(name, None)
        self.own = {name: picture, **self.own}
        self.menu.options = self._options()  # which chooses the first
        if again:
            self._chosen()


def picture_of(content: bytes, name: str, largest: int = LARGEST) -> Tensor:
    """An uploaded file as (1, 3, H, W) with a shorter side of at most `largest`. ValueError: it is not a picture; names it."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "picture"
        file.write_bytes(content)
        try:
            picture = load_image(file)
        except ValueError as error:
            raise ValueError(str(error).replace(str(file), name)) from None
    return resize(picture, largest) if min(picture.shape[-2:]) > largest else picture


def mask_of(content: bytes, name: str, largest: int = LARGEST) -> Tensor:
    """The same of a mask, (1, 1, H, W): white is 1, black and clear are 0. ValueError: see `images.load_mask`; names it."""
    file = io.BytesIO(content)
    file.name = name
    mask = load_mask(file)
    return resize(mask, largest) if min(mask.shape[-2:]) > largest else mask


Several = Source | Sequence[Source] | Mapping[str, Tensor]


def named(pictures: Several | None, default: Sequence[str], size: int) -> dict[str, Tensor]:
    """{title: picture with a shorter side of `size`} of names, tensors or a dictionary. Errors: see `assets.picture`."""
    if pictures is None:
        pictures = default
    if isinstance(pictures, str | Tensor):
        pictures = [pictures]
    if not isinstance(pictures, Mapping):
        pictures = {p if isinstance(p, str) else f"picture {k}": p for k, p in enumerate(pictures, 1)}
    return {title: assets.picture(p, size) if isinstance(p, str) else resize(p, size) for title, p in pictures.items()}


def jpeg(picture: Tensor, quality: int = QUALITY) -> bytes:
    """A picture (1, 3, H, W) as a JPEG file's bytes."""
    file = io.BytesIO()
    to_image(picture).save(file, format="JPEG", quality=quality, optimize=True)
    return file.getvalue()


def still_sheet(pictures: Mapping[str, Tensor]) -> tuple[bytes, int]:
    """{caption: picture} side by side as a JPEG, with twice the pixels of its place on the page if it can, and its width there."""
    for height in STILL_HEIGHTS:
        page = sheet(pictures, height=2 * height, density=2)
        if page.shape[-1] <= 2 * PAGE:
            break
    for shrink, quality in STILL_QUALITIES:
        file = jpeg(resize(page, (page.shape[-2] // shrink, page.shape[-1] // shrink)), quality)
        if len(file) <= STILL_BYTES:
            break
    return file, page.shape[-1] // 2


# --- the panel --------------------------------------------------------------------------------------------------------------------

_shown: dict[tuple[str, type], tuple[str, list[Panel]]] = {}  # (cell, kind of panel) -> (run of the cell, its panels)


class Panel(ipywidgets.VBox):
    """A widget as a whole: title, hint, what is in it, and a line of text; a worker for what takes long.

    Running its cell again closes it, and so does `close()`: its thread ends, and nothing of it stays in the kernel.
    """

    title, hint = "", ""

    def __init__(self):
        self.line = Line()
        self.worker = Worker(lambda error: self.line.say(str(error) or type(error).__name__, wrong=True))
        super().__init__()
        self.add_class("nst-panel")
        self._kept = {*vars(self)}
        _take_the_place_of_the_last_run(self)

    def fill(self, *children: ipywidgets.Widget) -> None:
        title, hint = html.escape(self.title), html.escape(self.hint)
        head = f'<div class="nst-spoken" role="heading" aria-level="3">{title}</div><div class="nst-hint">{hint}</div>'
        self.children = [ipywidgets.HTML(head), *children, self.line]

    def still(self) -> dict[str, Tensor]:
        """{caption: picture (1, 3, H, W)}: what a page without a kernel shows in its place."""
        raise NotImplementedError

    def _repr_mimebundle_(self, **options) -> tuple[dict[str, str], dict[str, dict]]:
        """What a notebook shows and stores, and the width on the page and the text of the picture grid in it."""
        stills = self.still()
        picture, width = still_sheet(stills)
        plain = f"{self.title}: a widget, which needs a running kernel"
        data = {"image/jpeg": base64.b64encode(picture).decode(), "text/plain": plain}
        text = f"{self.title}, as a grid of pictures: {', '.join(stills)}"
        return {**super()._repr_mimebundle_(**options), **data}, {"image/jpeg": {"width": width, "alt": text}}

    def close(self) -> None:
        """Stop the work and take everything out of the kernel; pictures, too: a notebook's `Out` keeps the panel itself."""
        if sys.is_finalizing() or "worker" not in vars(self):
            return  # Python is going, and half of it is gone; or the panel was never made: there is nothing to tidy up
        self.worker.stop()
        close_all(self)
        for name in vars(self).keys() - self._kept:
            if not name.startswith("_"):  # what is left is ipywidgets'
                delattr(self, name)
        self.children = ()


def close_all(widget: ipywidgets.Widget) -> None:
    """Close a widget and all that is in it, layouts and styles too."""
    inside = [part for part in widget.trait_values().values() if isinstance(part, ipywidgets.Widget)]
    for part in (*getattr(widget, "children", ()), *inside):
        close_all(part)
    widget.unobserve_all()
    ipywidgets.Widget.close(widget)


def _take_the_place_of_the_last_run(panel: Panel) -> None:
    """Close the panels that an earlier run of this cell made."""
    cell, run = _cell_and_run()
    if cell:
        last_run, panels = _shown.get((cell, type(panel)), (run, []))
        if last_run != run:
            for old in panels:
                old.close()
            panels = []
        _shown[cell, type(panel)] = run, [*panels, panel]


def _cell_and_run() -> tuple[str, str]:
    """Which cell is running, and which run of it this is; empty outside a notebook."""
    try:
        from IPython import get_ipython

        message = get_ipython().get_parent()
        cell = message["metadata"].get("cellId") or message["content"]["code"]
        return cell, message["header"]["msg_id"]
    except (ImportError, AttributeError, KeyError):
        return "", ""
