"""What processes do that train together, for test_loop.py: under torchrun each writes what it saw to FOLDER/<rank>.pt.

    torchrun --nproc-per-node 2 tests/training/several.py FOLDER
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import torch
from torch import distributed, nn
from torch.optim.optimizer import register_optimizer_step_pre_hook

sys.path.insert(0, str(Path(__file__).parents[1]))

from training.test_loop import Noise, net, run, small, to_grey  # noqa: E402

import nst  # noqa: E402
from nst.training import train  # noqa: E402
from nst.training.datasets import Batch  # noqa: E402
from nst.training.perceptual import PerceptualConfig, PerceptualLoss  # noqa: E402


def gradients_of(model: nn.Module, encoder: nn.Module, loss, data, batch_size: int, callback=None) -> dict:
    """One step of training: the gradients that the optimiser gets, the weights after it, the losses."""
    gradients = {}

    def note(optimizer, args, kwargs):
        gradients.update({name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None})

    handle = register_optimizer_step_pre_hook(note)
    try:
        trace = train(model, encoder, loss, data, small(steps=1, batch_size=batch_size, clip=1e9), callback=callback)
    finally:
        handle.remove()
    return {"gradients": gradients, "weights": {k: v.clone() for k, v in model.state_dict().items()}, "trace": trace}


def one_step(batch_size: int) -> dict:
    return gradients_of(net(), nn.Identity(), to_grey, Noise(), batch_size)


def shared_scale(batch_size: int) -> dict:
    """A step on pictures of different contrasts; `seen`: the content loss that the first process computes without the others."""
    model, encoder, seen = net(), nst.VGG19.load("lite"), []
    loss = PerceptualLoss(PerceptualConfig.default(style_warmup=0), encoder, nst.assets.picture("cut_paper", 64))

    def contrasts(step: int, positions: range) -> Batch:
        batch = Noise()(step, positions)
        amounts = torch.tensor([0.1 + 0.3 * p for p in positions]).view(-1, 1, 1, 1)
        return batch._replace(content=nn.functional.interpolate(amounts * batch.content, scale_factor=3))

    def asks_alone(step: int, parts: dict, model: nn.Module) -> None:  # on the first process: the others do not answer
        seen.append(loss(model, encoder, contrasts(step, range(2)), step)["content"].item())

    return gradients_of(model, encoder, loss, contrasts, batch_size, asks_alone) | {"seen": seen}


def dice() -> list[float]:
    """The random numbers that a loss draws in two steps."""
    thrown = []

    def loss(net, encoder, batch, step):
        thrown.append(float(torch.rand(1)))
        return to_grey(net, encoder, batch, step)

    train(net(), nn.Identity(), loss, Noise(), small(steps=2))
    return thrown


def resumed(folder: Path) -> list[list[float]]:
    """The losses of a run in a folder that all share, and those of the same run from the folder's last checkpoint but one."""
    traces = []
    for _ in range(2):
        traces.append([losses["grey"] for losses in run(small(), folder=folder)[0]])
        distributed.barrier()
        if distributed.get_rank() == 0 and (folder / "step_000008").exists():
            (folder / "step_000008").rename(folder.with_name(f"last{len(traces)}"))
            assert [path.name for path in folder.iterdir()] == ["step_000006"]
        distributed.barrier()
    return traces


def apart(folder: Path) -> str:
    """What a run says whose processes have a folder each."""
    try:
        run(small(), folder=folder)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return ""


if __name__ == "__main__":
    where, rank = Path(sys.argv[1]), os.environ["RANK"]
    said = {"dice": dice(), "step": one_step(2), "scale": shared_scale(2), "resumed": resumed(where / "shared"),
            "apart": apart(where / f"own{rank}")}  # fmt: skip
    torch.save(said, where / f"{rank}.pt")
