"""One loop for everything that is trained here: networks that paint one style, and decoders.

What they share: a model to train, a frozen encoder to learn through, pictures to learn from, and a loss that is a dictionary of
parts. Hugging Face Accelerate brings device, mixed precision and several processes: a program that calls `train` runs on more of
them when it is started with `torchrun --nproc-per-node 2 program.py`.

The pictures of a step are a function of (seed, step) alone, so the step is the whole position: a run that was killed goes on from
its last checkpoint with the losses it would have had.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, PartialState
from accelerate.utils import broadcast_object_list
from torch import Tensor, nn

from nst.arguments import check_choice, check_number, check_whole
from nst.checkpoints import Checkpoints, latest, recorded
from nst.datasets import Batch
from nst.images import save_image
from nst.runtime import device, progress

Parts = dict[str, Tensor]
Loss = Callable[[nn.Module, nn.Module, Batch, int], Parts]  # (model, encoder, batch, step)
Data = Callable[[int, range], Batch]  # (step, positions within the step's pictures)
Callback = Callable[[int, dict[str, float], nn.Module], None]
PRECISIONS = ("no", "bf16", "fp16", "auto")


@dataclass(frozen=True)
class TrainingConfig:
    """How to train. Everything but `save_every` and `keep` changes the result, so a run resumes only under the same values."""

    steps: int = 1000
    batch_size: int = 4  # pictures per process and backward pass
    accumulate: int = 1  # backward passes per step
    learning_rate: float = 1e-3
    warmup: int = 50  # steps over which the learning rate rises from 0
    hold: float = 0.6  # share of the steps before it falls, along half a cosine, to a fiftieth
    clip: float = 5.0  # the largest norm of the gradient; more is scaled down
    precision: str = "auto"  # "no" is float32; "auto" takes bfloat16 where a probe finds it faster
    seed: int = 0
    save_every: int = 250
    keep: int = 2  # checkpoints

    def __post_init__(self):
        check_choice("precision", self.precision, PRECISIONS)
        for name in ("steps", "batch_size", "accumulate", "save_every", "keep"):
            check_whole(name, getattr(self, name))
        for name in ("learning_rate", "clip"):
            check_number(name, getattr(self, name), above=True)
        check_whole("warmup", self.warmup, least=0)
        check_number("hold", self.hold, 0, 1)

    def learning_rate_at(self, step: int) -> float:
        """The learning rate of a step counted from 0."""
        rise = min(1.0, (step + 1) / max(1, self.warmup))
        falling = max(0.0, step / self.steps - self.hold) / max(1e-9, 1 - self.hold)  # 0 … 1
        fall = 0.02 + 0.98 * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * falling)).item())
        return self.learning_rate * rise * fall


def train(model: nn.Module, encoder: nn.Module, loss: Loss, data: Data, config: TrainingConfig,
          folder: str | os.PathLike | None = None, callback: Callback | None = None) -> list[dict[str, float]]:  # fmt: skip
    """Train `model` in place with Adam and return the losses of every step, those of resumed steps included.

    loss:     (model, encoder, batch, step) -> {part: scalar}; their sum is minimised. It calls model(…) once. What it draws at
              random from torch is the same for the same seed, step and process. `loss.identity`, where it has one, is a dictionary
              of JSON values that have to be the same for a run to go on.
    data:     (step, positions) -> Batch, the same one for the same arguments (`nst.datasets`).
    folder:   keeps checkpoints, written whole or not at all; a run that finds one of its own there goes on from it. None: none.
    callback: called after each step, on the first process, with (step, losses, model), the step counted from 1; see `samples`.
    A step whose loss is finite and whose gradient is not leaves the model as it is.
    Raises FloatingPointError at a loss that is not finite, naming the step, its pictures and the last checkpoint;
    ValueError where the folder holds the checkpoints of another run.
    """
    on_cpu = device().type == "cpu"
    PartialState(cpu=on_cpu)  # from here on the processes can talk
    precision = (recorded(folder, "precision") if config.precision == "auto" else None) or config.precision
    config = replace(config, precision=broadcast_object_list([_precision(precision)])[0])  # they agree, and so do their resumes
    AcceleratorState._reset_state()  # else a second run in one process could not have another precision
    accelerator = Accelerator(mixed_precision=config.precision, cpu=on_cpu, gradient_accumulation_steps=config.accumulate)
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    model.train().to(memory_format=torch.channels_last)
    wrapped, optimizer = accelerator.prepare(model, optimizer)
    watching = accelerator.prepare_model(encoder.requires_grad_(False).eval(), evaluation_mode=True)
    bar = progress(config.steps, "training") if accelerator.is_main_process else None
    try:
        checkpoints = _checkpoints(folder, config, accelerator, encoder, loss) if folder is not None else None
        trace = checkpoints.resume() if checkpoints else []
        if bar is not None:
            bar.update(len(trace))
        for step, batches in _ahead(data, config, accelerator, start=len(trace)):
            torch.manual_seed(config.seed + 1_000_003 * (step * accelerator.num_processes + accelerator.process_index))
            for group in optimizer.param_groups:
                group["lr"] = config.learning_rate_at(step)
            sums: dict[str, Tensor] = {}
            for batch in batches:
                with accelerator.accumulate(wrapped):
                    parts = loss(wrapped, watching, batch.to(accelerator.device), step)
                    accelerator.backward(sum(parts.values()))
                    if accelerator.sync_gradients:
                        norm = accelerator.clip_grad_norm_(wrapped.parameters(), config.clip)
                        if not torch.isfinite(norm):  # a flat crop through a chain of norm layers: 1 / 0.003 for each of them
                            optimizer.zero_grad()  # no gradient, no step
                    optimizer.step()
                    optimizer.zero_grad()
                sums = {k: sums.get(k, 0) + v.detach() / len(batches) for k, v in parts.items()}
            shown = _mean_over_processes(sums, accelerator)
            if not all(map(_finite, shown.values())):
                raise FloatingPointError(_not_finite(step, shown, batches, checkpoints))
            trace.append(shown)
            if bar is not None:
                bar.update()
                bar.set_postfix({k: f"{v:.3g}" for k, v in shown.items()}, refresh=False)
            if checkpoints and (len(trace) % config.save_every == 0 or len(trace) == config.steps):
                checkpoints.save(trace)
            if callback and accelerator.is_main_process:
                callback(len(trace), shown, model)
                model.train()
    finally:
        model.eval()
        if bar is not None:
            bar.close()
        for prepared in (wrapped, watching):  # take the mixed precision off forward again, and the mark that says it is on
            vars(accelerator.unwrap_model(prepared, keep_fp32_wrapper=False)).pop("_is_accelerate_prepared", None)
    return trace


def samples(folder: str | os.PathLike, pictures: Sequence[Tensor], every: int = 250) -> Callback:
    """A callback for `train`: every so many steps, `folder`/sample_000250.png shows what the network makes of the pictures.

    pictures (1, 3, H, W) of one height; the model has a `stylize(picture)`.
    """

    def paint(step: int, parts: dict[str, float], model: nn.Module) -> None:
        if step % every == 0:
            Path(folder).mkdir(parents=True, exist_ok=True)
            painted = [model.eval().stylize(picture) for picture in pictures]
            save_image(torch.cat(painted, dim=-1), Path(folder) / f"sample_{step:06d}.png")

    return paint


def _checkpoints(folder: str | os.PathLike, config: TrainingConfig, accelerator: Accelerator, encoder: nn.Module,
                 loss: Loss) -> Checkpoints:  # fmt: skip
    fixed = asdict(replace(config, save_every=1, keep=1))  # these two change nothing that is learned
    run = {"processes": accelerator.num_processes, "encoder": getattr(encoder, "sha256", ""), **getattr(loss, "identity", {})}
    return Checkpoints(folder, accelerator, {**fixed, **run}, config.keep)


def _ahead(data: Data, config: TrainingConfig, accelerator: Accelerator, start: int) -> Iterator[tuple[int, list[Batch]]]:
    """(step, batches of this process) for each step; the next step's pictures are read while this one computes."""
    count, rank, size = accelerator.num_processes, accelerator.process_index, config.batch_size

    def read(step: int) -> list[Batch]:
        firsts = [(part * count + rank) * size for part in range(config.accumulate)]
        return [data(step, range(first, first + size)) for first in firsts]

    with ThreadPoolExecutor(1) as reader:
        waiting = reader.submit(read, start) if start < config.steps else None
        for step in range(start, config.steps):
            batches = waiting.result()
            waiting = reader.submit(read, step + 1) if step + 1 < config.steps else None
            yield step, batches


def _mean_over_processes(parts: Parts, accelerator: Accelerator) -> dict[str, float]:
    values = accelerator.reduce(torch.stack([v.float() for v in parts.values()]), "mean")
    return dict(zip(parts, values.tolist(), strict=True))


def _finite(value: float) -> bool:
    return abs(value) < float("inf")


def _not_finite(step: int, shown: dict[str, float], batches: list[Batch], checkpoints: Checkpoints | None) -> str:
    parts = ", ".join(f"{k} {v:.4g}" for k, v in shown.items())
    files = ", ".join(name for batch in batches for name in batch.files)
    last = latest(checkpoints.folder) if checkpoints else None
    return f"step {step + 1}: the loss is not finite ({parts}); its pictures: {files}; the last good checkpoint: {last or 'none'}"


def _precision(wanted: str) -> str:
    """What Accelerate is to use; "auto": bfloat16 where a convolution runs faster in it than in float32."""
    if wanted != "auto":
        return wanted
    where, seconds = device(), {}
    for dtype in (torch.float32, torch.bfloat16):
        try:
            x = torch.rand(4, 64, 64, 64, device=where, dtype=dtype).contiguous(memory_format=torch.channels_last)
            conv = nn.Conv2d(64, 64, 3, device=where, dtype=dtype).to(memory_format=torch.channels_last)
            for _ in range(12):
                began = time.perf_counter()
                conv(x).sum().item()  # a number on the host: the accelerator has finished
                seconds[dtype] = min(seconds.get(dtype, 1e9), time.perf_counter() - began)
        except (RuntimeError, NotImplementedError):
            return "no"
    return "bf16" if seconds[torch.bfloat16] < 0.8 * seconds[torch.float32] else "no"
