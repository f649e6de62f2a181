"""The shipped style models against Gatys' method, and their speed against other implementations.

    python tests/benchmarks/bench_feedforward.py quality --assets FOLDER [STYLE …]
    python tests/benchmarks/bench_feedforward.py speed

quality: on the photographs of FOLDER/photos_kept_out, each model's own loss beside what Gatys' method reaches on the same loss
after some evaluations from the photograph, once with the article's loop (torch's L-BFGS, the clamp in the closure) and once with
`nst.optim`, which needs about half as many. STYLE: shipped names, or files; all shipped ones if none is named. (bench_quality.py
judges what they paint.)
speed: one pass on the CPU beside the architecture of pytorch/examples' fast_neural_style at equal width, and beside onnxruntime on
the exported network with as many threads (pip install onnx onnxscript onnxruntime); and Gatys' evaluations extrapolated from three.
Read the ratios: seconds are of one machine.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import nst
from nst.optim import minimize_in_box
from nst.training.perceptual import PerceptualConfig, PerceptualLoss
from nst.transformer_net import TransformerNet, shipped_styles

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "data" / "make"))
from teachers import Spliced, real_vgg19  # noqa: E402 (the development networks are not part of the library)

EVALUATIONS = (50, 100)


def loss_network(net: TransformerNet, assets: Path) -> nn.Module:
    """What the model was trained on: the lite encoder, or the real VGG-19 up to relu3_1 and the lite encoder above."""
    lite = nst.VGG19.load("lite")
    return lite if net.metadata["encoder"] == "lite" else Spliced(real_vgg19(assets / "teacher"), lite)


def own_loss(net: TransformerNet, encoder: nn.Module) -> PerceptualLoss:
    return PerceptualLoss(PerceptualConfig.recorded(net.metadata["loss"]), encoder, nst.assets.picture(net.metadata["style"]))


def article_minimize(function: Callable[[Tensor], tuple[float, Tensor]], start: Tensor, evaluations: int) -> None:
    x = start.clone().requires_grad_()

    def closure() -> float:
        x.data.clamp_(0, 1)
        value, x.grad = function(x)
        return value

    torch.optim.LBFGS([x], max_iter=evaluations, max_eval=evaluations, tolerance_grad=0, tolerance_change=0).step(closure)


def gatys_losses(minimize: Callable, total: Callable[[Tensor], Tensor], photo: Tensor) -> list[float]:
    """The lowest loss after each number of EVALUATIONS."""
    trace = []

    def function(x: Tensor) -> tuple[float, Tensor]:
        x = x.detach().requires_grad_()
        value = total(x)
        trace.append(value.item())
        return trace[-1], torch.autograd.grad(value, x)[0]

    minimize(function, photo, max(EVALUATIONS))
    return [min(trace[:n]) for n in EVALUATIONS]


def bench_quality(a: argparse.Namespace) -> None:
    photos = [nst.load_image(path, a.size) for path in sorted((a.assets / "photos_kept_out").glob("*.jpg"))[:: a.every]]
    for which in a.styles or shipped_styles():
        net = nst.load_style(which)
        encoder = loss_network(net, a.assets)
        loss, mine, theirs = own_loss(net, encoder), [], []
        for photo in photos:
            with torch.no_grad():
                content = encoder(photo, loss.config.content_layers)

            def total(x: Tensor, loss=loss, content=content, encoder=encoder) -> Tensor:
                parts = loss.parts(x, content, encoder)
                return parts["content"] + parts["style"]

            painted = net.stylize(photo)
            mine.append(float(total(painted).detach()))
            theirs.append([gatys_losses(minimize, total, photo) for minimize in (article_minimize, minimize_in_box)])
        print(f"{net.metadata['style']:18} own loss {sum(mine) / len(mine):.3f}", end="")
        for k, loop in enumerate(("the article's loop", "nst.optim")):
            reached = (f"{sum(t[k][i] for t in theirs) / len(theirs):.3f} at {n}" for i, n in enumerate(EVALUATIONS))
            print(f"   {loop} {', '.join(reached)}", end="")
        print(flush=True)


# --- speed ------------------------------------------------------------------------------------------------------------------------


class ExamplesLayer(nn.Module):
    """Reflection padding and a convolution, after nearest upsampling: the layers of pytorch/examples' network."""

    def __init__(self, inside: int, out: int, kernel: int, stride: int = 1, upsample: int | None = None):
        super().__init__()
        self.upsample, self.pad, self.conv = upsample, nn.ReflectionPad2d(kernel // 2), nn.Conv2d(inside, out, kernel, stride)

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(x, mode="nearest", scale_factor=self.upsample) if self.upsample else x
        return self.conv(self.pad(x))


class ExamplesResidual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.in1 = ExamplesLayer(channels, channels, 3), nn.InstanceNorm2d(channels, affine=True)
        self.conv2, self.in2 = ExamplesLayer(channels, channels, 3), nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.in2(self.conv2(torch.relu(self.in1(self.conv1(x))))) + x


def examples_network(width: int) -> nn.Sequential:
    def normed(layer: ExamplesLayer, channels: int) -> list[nn.Module]:
        return [layer, nn.InstanceNorm2d(channels, affine=True), nn.ReLU()]

    a, b, c = width, 2 * width, 4 * width
    return nn.Sequential(
        *normed(ExamplesLayer(3, a, 9), a), *normed(ExamplesLayer(a, b, 3, 2), b), *normed(ExamplesLayer(b, c, 3, 2), c),
        *(ExamplesResidual(c) for _ in range(5)),
        *normed(ExamplesLayer(c, b, 3, upsample=2), b), *normed(ExamplesLayer(b, a, 3, upsample=2), a), ExamplesLayer(a, 3, 9),
    )  # fmt: skip


def seconds(functions: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """The shortest time of each, measured in turn."""
    best = dict.fromkeys(functions, float("inf"))
    for _ in range(times):
        for name, function in functions.items():
            began = time.perf_counter()
            function()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def onnx_session(net: nn.Module, x: Tensor) -> Callable[[], object] | None:
    try:
        import onnxruntime
        import onnxscript  # noqa: F401  torch's exporter, which others use, asks for it
    except ImportError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "net.onnx"
        torch.onnx.export(net, (x,), file, dynamo=True, verbose=False)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    feed = {session.get_inputs()[0].name: x.numpy()}
    with torch.no_grad():
        error = abs(session.run(None, feed)[0] - net(x).numpy()).max()
    assert error < 1e-2, f"onnxruntime's picture differs by {error}"
    return lambda: session.run(None, feed)


@torch.no_grad()
def bench_speed(a: argparse.Namespace) -> None:
    encoder = nst.VGG19.load("lite")
    for width in a.widths:
        ours, examples = TransformerNet(width).eval(), examples_network(width).eval()
        for size in a.sizes:
            x = torch.rand(1, 3, size, size)
            functions = {"ours": partial(ours.stylize, x), "examples": partial(examples, x), "onnxruntime": onnx_session(ours, x)}
            found = seconds({k: f for k, f in functions.items() if f}, a.times)
            ratios = "   ".join(f"ours / {k} {found['ours'] / s:.2f}" for k, s in found.items() if k != "ours")
            print(f"width {width:2}  {size:4} px  ours {found['ours']:.3f} s   {ratios}", end="   ")
            objective = nst.gatys.Objective(nst.GatysConfig.default(), encoder, x, x)

            def evaluation(x=x, objective=objective) -> None:
                with torch.enable_grad():
                    y = x.clone().requires_grad_()
                    torch.autograd.grad(objective(y)["total"], y)

            gatys = 300 * seconds({"gatys": evaluation}, 3)["gatys"]
            print(f"Gatys' 300 evaluations on the lite encoder (from 3) {gatys:.0f} s: {gatys / found['ours']:.0f} x", flush=True)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = p.add_subparsers(required=True)
    q = commands.add_parser("quality")
    q.add_argument("styles", nargs="*")
    q.add_argument("--assets", type=Path, default=os.environ.get("NST_TEST_ASSETS"))
    q.add_argument("--size", type=int, default=256)
    q.add_argument("--every", type=int, default=1, help="take every n-th photograph"), q.set_defaults(run=bench_quality)
    s = commands.add_parser("speed")
    s.add_argument("--sizes", type=int, nargs="+", default=[256, 512, 1024])
    s.add_argument("--widths", type=int, nargs="+", default=[16, 32])
    s.add_argument("--times", type=int, default=5), s.set_defaults(run=bench_speed)
    a = p.parse_args()
    if a.run is bench_quality and a.assets is None:
        p.error("name the development assets: --assets FOLDER, or set NST_TEST_ASSETS")
    os.environ["NST_PROGRESS"], os.environ["NST_DEVICE"] = "0", "cpu"
    a.run(a)


if __name__ == "__main__":
    main()
