"""The `nst` command: paint pictures and films, train a style and hand it on, say what there is.

    nst stylize photo.jpg --style night_orchard -o painted.png
    nst stylize photos/ --style my_style.jpg --method adain -o painted/
    nst sheet photo.jpg
    nst export night_orchard -o model.onnx

Exit codes: 0 all is done; 1 something failed, and is named; 2 the command was not understood, or there is nothing to paint, in one
line; 130 it was asked to leave (Ctrl-C, SIGTERM, a terminal that closes), and did: gatys with its best picture so far, train with a
checkpoint. Existing files are kept unless --overwrite is given. Started with `torchrun --nproc-per-node N -m nst stylize …`, a
folder is shared out over N processes.
Nothing heavy is imported before it is known to be needed.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from nst import __version__, assets
from nst.command.jobs import (
    STDIO,
    Job,
    Misuse,
    Report,
    as_line,
    check_alpha,
    check_apart,
    check_place,
    check_target,
    complain,
    existing,
    holds_alpha,
    jobs,
    read,
    read_mask,
    shown,
    write,
)
from nst.command.options import (
    SEVERAL,
    Amount,
    AsJson,
    Brush,
    HowChosen,
    KeepColour,
    MaxPixels,
    Method,
    Normalized,
    Out,
    Overwrite,
    Styles,
    Texture,
    complete_network,
    complete_style,
)
from nst.command.running import bar, keep_freed_memory, process, say, shared_out, wrong_use
from nst.support import interrupts
from nst.support.formats import check_sides, has_more

if TYPE_CHECKING:
    from torch import Tensor

FAILURES = (OSError, ValueError, TypeError, RuntimeError, MemoryError, ArithmeticError)  # of one picture: the others go on
STOPPED = 130  # the exit code after Ctrl-C, as shells have it

app = typer.Typer(name="nst", no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False)


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit code. arguments: None for the process' own, which then is the command's alone."""
    if arguments is None:
        keep_freed_memory()
    for stream in (sys.stdout, sys.stderr):  # a file's name may hold letters that the terminal or pipe has none for
        with contextlib.suppress(AttributeError, ValueError, OSError):
            stream.reconfigure(errors="backslashreplace")
    try:
        with interrupts.raised():
            code = app(args=arguments, prog_name="nst", standalone_mode=False) or 0
        return complain("stopped", code) if code == STOPPED else code
    except (BrokenPipeError, SystemExit) as error:  # `nst list | head`: the reader has seen enough
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):  # typer makes an exit of it
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Misuse, OSError) as error:
        return complain(error, 2 if isinstance(error, Misuse) else 1)
    except KeyboardInterrupt:
        return complain("stopped", STOPPED)
    except Exception as error:
        if not hasattr(error, "format_message"):  # not one of the command line's own
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(error.format_message())
            return 2
        return complain(f"{error.format_message()} (nst --help)", 2)


def _working_picture(job: Job, method: str, size: int | None, max_pixels: int | None, keep_alpha: bool | None):
    """A job's picture (1, 3, H, W) in the size that it is painted in, and how opaque it is (1, 1, H, W), or None.

    ValueError: the result's format cannot hold such sides.
    """
    from nst import methods

    transparent = keep_alpha is not False and holds_alpha(job.target)
    content, alpha = read(job.source, size or methods.LARGEST[method], max_pixels, transparent)
    content, alpha = methods.transparent_working_size(content, alpha, method, size)
    if job.target != STDIO:
        check_sides(job.target, *content.shape[-2:])
    return content, alpha


def _fitted(masks: list[tuple[Path, Tensor]], content: Tensor, job: Job) -> list[Tensor]:
    """The masks in a picture's size; says so where one is stretched over it, by more than a twentieth."""
    from nst.images import resize

    height, width = size = tuple(content.shape[-2:])
    for file, mask in masks:
        high, wide = mask.shape[-2:]
        if abs(high * width / (height * wide) - 1) > 0.05:
            complain(f"{file}: is stretched over {job.source}, which has another shape", 0)
    return [resize(mask, size) for _, mask in masks]


def _check_mixture(styles: list[str], method: str | None, masks: list[Path] | None = None) -> None:
    """Misuse: several styles for networks, each of which paints its own."""
    if method == "fast" and len(styles) > 1 and not masks:
        raise Misuse(f"--method fast: {len(styles)} networks need a --mask each; adain and wct mix styles")


@app.command()
def stylize(
    contents: Annotated[list[str], typer.Argument(metavar="CONTENT…", help="Files, folders, names of pictures, or - for standard "
                                                  "input.")],
    style: Styles,
    out: Out,
    method: Annotated[Literal["gatys", "fast", "adain", "wct"] | None, HowChosen] = None,
    size: Annotated[int | None, typer.Option(min=16, help="Shorter side in pixels. Default: the picture's own, at most 384 "
                                             "(gatys), 768 (wct) or 1024.")] = None,
    amount: Amount = None,
    brush: Brush = None,
    texture: Texture = None,
    style_weight: Annotated[float | None, typer.Option(min=0, help="gatys: how much of the style, 1 to 100.")] = None,
    match_weight: Annotated[float | None, typer.Option(min=0, help="gatys: how much every place is to look like some place of the "
                                                       "style; 0 leaves skies empty, and faces alone.")] = None,
    evaluations: Annotated[int | None, typer.Option(min=1, help="gatys: how long to search, per scale.")] = None,
    preserve_color: KeepColour = False,
    coral: Annotated[bool, typer.Option("--coral", help="Keep them by giving the style picture the photograph's colours.")] = False,
    mask: Annotated[list[Path] | None, typer.Option(help="A grey picture, one for each --style: white is painted, black and clear "
                                                    "are not.")] = None,
    keep_alpha: Annotated[bool | None, typer.Option("--keep-alpha/--no-keep-alpha", help="What is transparent stays so; else it is "
                                                    "laid on white. Default: where the result's format can hold it.")] = None,
    max_pixels: MaxPixels = None,
    tile: Annotated[int | None, typer.Option(min=16, help="adain, wct: side of the squares in which a large picture is computed, "
                                             "with the same result. Default: 768 px from 1.5 million pixels on.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    normalized: Normalized = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    """Paint pictures in a style."""
    if as_json and out == STDIO:
        raise Misuse("--json and -o -: standard output cannot hold both the picture and what is said of it")
    if mask and len(mask) != len(style):
        raise Misuse(f"--mask: expected one for each of the {len(style)} styles, got {len(mask)}")
    report, waiting = Report(as_json, silent=out == STDIO), []
    all_jobs = jobs(contents, out, say)
    for job in all_jobs:
        check_apart(job, (*style, *(mask or ())))
        if keep_alpha:
            check_alpha(job)
    for job in shared_out(all_jobs):
        if job.is_done and not overwrite:
            report.kept(job)
        else:
            waiting.append(job)
    if not waiting:
        return 0
    from nst import methods
    from nst.support import runtime

    with wrong_use():
        runtime.seed(seed)
        _check_mixture(style, method, mask)
        paint = methods.painter(style, method, size=size, masked=bool(mask), alpha=amount, brush=brush, texture=texture,
                                style_weight=style_weight, match_weight=match_weight, evaluations=evaluations,
                                preserve_color="coral" if coral else preserve_color, tile=tile, normalized=normalized)  # fmt: skip
        masks = [(file, read_mask(file, max_pixels)) for file in mask or []]  # (1, 1, H', W') each
    search = paint.evaluations > 1 and len(waiting) == 1  # long: it deserves a bar of its own
    progress = bar(paint.evaluations if search else len(waiting), style[0])
    with progress as advance, runtime.no_progress(), interrupts.raised() as asked:
        watching = {"callback": lambda *_: advance()} if search else {}
        for job in waiting:
            if asked:  # to leave, while gatys searched: the best picture so far is written
                return STOPPED
            began = time.perf_counter()
            try:
                runtime.seed(seed)  # for each picture: its result does not depend on the others
                content, alpha = _working_picture(job, paint.method, size, max_pixels, keep_alpha)
                painted = paint(content, masks=_fitted(masks, content, job) or None, **watching)
                write(painted, job.target, alpha)
            except BrokenPipeError:
                raise
            except FAILURES as error:
                report.failed(job, error)
            else:
                if job.source != STDIO and Path(job.source).is_file() and has_more(job.source):
                    complain(f"{job.source}: holds several frames or pages, of which the first was painted", 0)
                report.painted(job, painted, time.perf_counter() - began, paint.method)
            if not search:
                advance()
    return STOPPED if asked else 1 if report.failures else 0


@app.command()
def sheet(
    content: Annotated[str, typer.Argument(help="A file, a picture's name, or - for standard input.")],
    out: Annotated[str | None, typer.Option("--output", "-o", help="Default: CONTENT_sheet.jpg in this folder; - is standard "
                                            "output.")] = None,
    size: Annotated[int, typer.Option(min=32, help="Shorter side of each picture in pixels.")] = 256,
    method: Method = None,
    amount: Amount = None,
    max_pixels: MaxPixels = None,
    overwrite: Overwrite = False,
) -> int:  # fmt: skip
    """Every shipped style on one picture, side by side with their names."""
    name = "photograph" if content == STDIO else Path(content).stem
    job = Job(content if content == STDIO else existing(content), out or Path(f"{name}_sheet.jpg"))
    if content != STDIO and Path(job.source).is_dir():
        raise Misuse(f"{content}: is a folder, expected a picture")
    check_target(job.target)
    check_apart(job)
    if job.is_done and not overwrite:
        Report().kept(job)
        return 0
    from nst import methods
    from nst.figures.sheets import sheet as side_by_side

    try:
        photo = methods.resize(read(job.source, size, max_pixels)[0], size)
    except FAILURES as error:
        return complain(error, 1)
    names = assets.shipped_styles() if method == "fast" else assets.styles()
    name = f"{name} (the picture)" if name in names else name  # a caption each
    pictures, failures = {name: photo}, 0
    with bar(len(names), "styles") as advance:
        for style in names:
            try:
                pictures[style] = methods.painter([style], method, size=size, alpha=amount)(photo)
            except FAILURES as error:
                failures += 1
                complain(f"{style}: {error}", 1)
            advance()
    if failures == len(names):
        return complain(f"{job.target}: no style could be painted, and nothing was written", 1)
    try:
        write(side_by_side(pictures, height=photo.shape[-2]), job.target)
    except BrokenPipeError:
        raise
    except FAILURES as error:  # a page too large for its format, a full disk
        return complain(error, 1)
    if job.target != STDIO:
        print(shown(f"{job.target}  {len(names) - failures} styles"))
    return 1 if failures else 0


@app.command()
def train(
    style: Annotated[str, typer.Argument(autocompletion=complete_style, help="The style picture: a file, or a name.")],
    photos: Annotated[Path, typer.Argument(help="A folder of photographs to learn from: some hundreds, better thousands.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="The network's file, .safetensors.")],
    steps: Annotated[int, typer.Option(min=1)] = 1200,
    batch_size: Annotated[int, typer.Option(min=1, help="Pictures per step and process.")] = 4,
    size: Annotated[int, typer.Option(min=32, help="Side of the crops in pixels.")] = 128,
    style_weight: Annotated[float, typer.Option(min=0, help="More is more style, and less photograph.")] = 5.0,
    tv_weight: Annotated[float, typer.Option(min=0, help="More is smoother.")] = 1.0,
    learning_rate: Annotated[float, typer.Option(min=1e-6, max=1)] = 1e-3,
    start: Annotated[str | None, typer.Option(help="The network to start from: a shipped style's, a file, or `random`, which takes "
                                              "ten times the steps. Default: the first shipped one.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Checkpoints: a run that was cut off goes on from there. Default: beside the "
                                                "network.")] = None,
    seed: Annotated[int, typer.Option(help="Of the random numbers.")] = 0,
    overwrite: Overwrite = False,
) -> int:  # fmt: skip
    """Train a network that paints one style, on a folder of photographs. `torchrun` spreads it over processes and machines."""
    if out.suffix != ".safetensors":
        raise Misuse(f"{out}: a network's file ends in .safetensors")
    if out.exists() and not overwrite:
        Report().kept(Job(style, out))
        return 0
    check_place(out)
    process()
    from nst import methods
    from nst.support import runtime
    from nst.support.formats import passed_over, pictures_below
    from nst.training import TrainingConfig
    from nst.training import train as run
    from nst.training.datasets import Crops, picture_files
    from nst.training.perceptual import PerceptualConfig, PerceptualLoss
    from nst.transformer_net import TransformerNet, load_style
    from nst.vgg import VGG19

    with wrong_use():
        runtime.seed(seed)
        encoder = VGG19.load("lite").to(runtime.device())
        crops = Crops(picture_files(photos), size, seed=seed)
        if passed := pictures_below(photos)[1]:
            say(f"{photos}: passed over {passed_over(passed)}")
        net = TransformerNet(width=16) if start == "random" else load_style(start or assets.shipped_styles()[0]).requires_grad_()
        warmup = steps // 4 if start == "random" else 0
        recipe = PerceptualConfig.default(style_weight=style_weight, tv_weight=tv_weight, style_warmup=warmup)
        loss = PerceptualLoss(recipe, encoder, methods.style_picture(style))
        config = TrainingConfig(steps=steps, batch_size=batch_size, learning_rate=learning_rate, seed=seed)
    with bar(steps, "training") as advance, runtime.no_progress():
        try:
            trace = run(net, encoder, loss, crops, config, folder or out.with_suffix(".checkpoints"),
                        lambda step, losses, model: advance(completed=step))  # fmt: skip
        except (OSError, ValueError, ArithmeticError, MemoryError) as error:  # another run's checkpoints; not finite; too large
            return complain(error, 1)
    if process()[0] == 0:
        net.weak = {}  # of the style that it started from
        name = style.encode("utf-8", "backslashreplace").decode()  # a header holds letters only
        facts = {"style": name, "recipe": "nst train", "steps": steps, "seed": seed, "loss": vars(recipe), "licence": None}
        out.parent.mkdir(parents=True, exist_ok=True)
        net.save(out, facts)
        first, last = (sum(losses.values()) for losses in (trace[0], trace[-1]))
        print(f"{shown(str(out))}  {steps} steps, loss {first:.3g} -> {last:.3g}")
    return 0


@app.command()
def video(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A film.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="The painted film: .mp4, .mkv, .mov, .webm, .gif.")],
    style: Styles,
    method: Method = None,
    size: Annotated[int | None, typer.Option(min=16, help="Shorter side in pixels. Default: its own, at most 512.")] = None,
    amount: Amount = None,
    brush: Brush = 1,  # whatever the size: larger strokes flicker more
    texture: Texture = 0.0,  # a pattern that stands still while the film moves
    preserve_color: KeepColour = False,
    smoothing: Annotated[float, typer.Option(min=0, max=0.98, help="Against flicker: how much of the last frame stays where the "
                                             "film does not change.")] = 0.8,
    normalized: Normalized = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    """Paint a film, frame by frame. Its sound and its times are kept, and its flicker is measured.

    What was cut off goes on where it was, with the same command: pieces of it lie in OUT.pieces until the film is whole.
    """
    if not source.is_file():
        raise Misuse(f"{source}: no such film")
    if out.exists() and not overwrite:
        Report(as_json).kept(Job(source, out))
        return 0
    check_place(out)
    check_apart(Job(source, out), tuple(style))
    if importlib.util.find_spec("av") is None:
        raise Misuse('films need PyAV: pip install "av>=14.2"')
    from nst import methods
    from nst.command import video as films
    from nst.support import weights

    with wrong_use():
        paint = methods.painter(style, method, size=size, alpha=amount, brush=brush, texture=texture,
                                preserve_color=preserve_color, normalized=normalized)  # fmt: skip
    out.parent.mkdir(parents=True, exist_ok=True)
    styles = [weights.sha256(name) if Path(name).is_file() else name for name in style]
    what = {"style": styles, "method": paint.method, "amount": amount, "brush": brush, "texture": texture,
            "preserve_color": preserve_color, "normalized": normalized}  # fmt: skip
    pieces = out.with_name(f"{out.name}.pieces")
    with bar(None, "frames") as advance:
        try:
            facts = films.stylize(source, out, paint, size, smoothing, lambda k, total: advance(completed=k, total=total or None),
                                  pieces, what)  # fmt: skip
        except FAILURES as error:
            return complain(error, 1)
    if as_json:
        print(as_line(content=str(source), output=str(out), status="painted", **facts))
        return 0
    print(f"{out}  {facts['frames']} frames, {facts['seconds']:.1f} s, {'sound kept' if facts['sound'] else 'no sound'}")
    if facts["resumed"]:
        print(f"{facts['resumed']} of the frames were there already, in {pieces}")
    if facts["damaged"]:
        print(f"{facts['damaged']} damaged packets: the film lacks what was in them")
    if facts["missing"]:
        print(f"the film says that it lasts {facts['missing']:.2f} s longer: its last pictures are not in the file")
    if "flicker_with" in facts:  # of two frames or more
        print("flicker, in 8-bit steps from frame to frame where the film stays the same: "
              f"{facts['flicker_without']:.2f} without smoothing, {facts['flicker_with']:.2f} with; "
              f"the film itself {facts['flicker_film']:.2f}")  # fmt: skip
    return 0


@app.command("export")
def export_networks(
    style: Annotated[str, typer.Argument(autocompletion=complete_network, help="A shipped style's name, a trained network's file, "
                                         "adain or wct.")],
    out: Annotated[Path, typer.Option("--output", "-o", help="A file, .onnx; adain and wct are several files and want a folder.")],
    half: Annotated[bool, typer.Option("--half", help="Store weights in float16: half the size. They are computed in "
                                       "float32.")] = False,
    normalized: Normalized = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
) -> int:  # fmt: skip
    """Write networks as ONNX, for other programs and pictures of any size."""
    several = style in SEVERAL
    if several and (out.suffix or out.is_file()):
        raise Misuse(f"{out}: {style} is several files, expected a folder")
    if not several and (out.suffix.lower() != ".onnx" or out.is_dir()):
        raise Misuse(f"{out}: expected a file that ends in .onnx")
    check_apart(Job(style, out))
    if not several and out.exists() and not overwrite:
        Report(as_json).kept(Job(style, out))
        return 0
    check_place(out / style if several else out)
    try:
        from nst.command import export
    except ModuleNotFoundError as error:  # of an extra
        raise Misuse(str(error)) from error
    with wrong_use():
        models = export.models(style, half, normalized)
    for name, model in models.items():
        path = out / f"{name}.onnx" if several else out
        if path.exists() and not overwrite:
            Report(as_json).kept(Job(style, path))
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = export.write(model, path)
        if as_json:
            print(as_line(style=style, output=str(path), status="exported", **facts))
        else:
            inside = "no weights" if facts["weights"] == "none" else f"{facts['weights']} weights"
            print(shown(f"{path}  {facts['bytes'] / 1e3:,.0f} kB, opset {facts['opset']}, {inside}: "
                        f"{', '.join(facts['inputs'])} -> {', '.join(facts['outputs'])}"))  # fmt: skip
    return 0


@app.command("list")
def list_pictures(as_json: AsJson = False) -> int:
    """The pictures and styles by name."""
    shipped = assets.shipped_styles()
    for name in assets.names():
        facts = assets.facts(name)
        network, place = name in shipped, "download" if "download" in facts else "here"
        if as_json:
            print(as_line(name=name, network=network, **facts))
        else:
            print(f"{name:22} {facts['kind']:8} {'network' if network else '':8} {place:9} {assets.credit(name)}")
    return 0


@app.command()
def info(
    licences: Annotated[bool, typer.Option("--licences", help="The licences of all dependencies instead.")] = False,
    as_json: AsJson = False,
) -> int:
    """Versions, device, weights and cache."""
    from nst.command import about

    facts = about.licences() if licences else about.information()
    if as_json:
        print(as_line(**facts))
    elif licences:
        for name, (version, licence) in facts.items():
            print(f"{name:28} {version:14} {licence}")
    else:
        for heading, values in facts.items():
            print(heading, *(f"  {name:34} {value}" for name, value in values.items()), sep="\n")
    return 0


def _show_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _nst(
    version: Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Neural style transfer on the command line. `nst COMMAND --help` explains each command."""


if __name__ == "__main__":
    raise SystemExit(main())
