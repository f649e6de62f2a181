"""One loop for everything that is trained here: networks that paint one style, and decoders.

What they share: a model to train, a frozen encoder to learn through, pictures to learn from, and a loss that is a dictionary of
parts. Hugging Face Accelerate brings device, mixed precision and several processes: a program that calls `train` runs on more of
them when it is started with `torchrun --nproc-per-node 2 program.py`.

The pictures of a step are a function of (seed, step) alone, so the step is the whole position: a run that was killed goes on from
its last checkpoint with the losses it would have had.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from nst.images import save_image
from nst.support import interrupts, memory
from nst.support.arguments import check_choice, check_number, check_whole, missing
from nst.support.runtime import device, progress, random_state_kept
from nst.training.checkpoints import Checkpoints, latest, only_run, recorded
from nst.training.datasets import Batch
from nst.training.together import alone

try:
    from accelerate import Accelerator
    from accelerate.state import AcceleratorState, GradientState, PartialState
    from accelerate.utils import broadcast_object_list, is_bf16_available, patch_environment
except ModuleNotFoundError as error:
    raise missing(error, "train") from error

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
        fall = 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * falling))
        return self.learning_rate * rise * fall


def train(model: nn.Module, encoder: nn.Module, loss: Loss, data: Data, config: TrainingConfig,
          folder: str | os.PathLike | None = None, callback: Callback | None = None) -> list[dict[str, float]]:  # fmt: skip
    """Train `model` in place with Adam and return the losses of every step, those of resumed steps included.

    model:    ends in eval mode, where it was trained: on `nst.device()`, or on its process' accelerator, and without the `weak`
              weights of the style that it had before.
    encoder:  is copied, frozen, to the same place, and itself left as it is.
    loss:     (model, encoder, batch, step) -> {part: scalar}; their sum is minimised. It calls model(…) once. What it draws at
              random from torch is the same for the same seed, step and process; the caller's random numbers stay untouched.
    data:     (step, positions) -> Batch, the same one for the same arguments (`nst.training.datasets`).
    folder:   keeps checkpoints, written whole or not at all; a run that finds one of its own there goes on from it. None: none.
              A run is the same if its configuration, its number of processes and its encoder are, and its loss and its data: these
              say what they are in `identity`, JSON values by name; where they have none, their name counts.
    callback: called after each step, on the first process, with (step, losses, model), the step counted from 1; see `samples`.
    A step whose loss is finite and whose gradient is not leaves the model as it is.
    With a folder, Ctrl-C and SIGTERM let the step end, save a checkpoint and then leave; the second one leaves at once.
    Raises FloatingPointError at pictures, a loss or weights that are not finite, naming the step, its pictures and the last
    checkpoint; MemoryError where a step does not fit, with a `batch_size` that would; OSError where a checkpoint cannot be written;
    ValueError where the folder holds the checkpoints of another run, or another run is training in it, and where no weight of the
    model requires a gradient.
    """
    if not any(weight.requires_grad for weight in model.parameters()):
        raise ValueError("model: none of its weights requires a gradient, as in shipped networks; model.requires_grad_() thaws it")
    holding = interrupts.held() if folder is not None else contextlib.nullcontext([])
    with holding as asked, _accelerator(config, folder) as (accelerator, config), random_state_kept(), _alone(folder, accelerator):
        optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
        wrapped, optimizer = accelerator.prepare(model.train().to(memory_format=torch.channels_last), optimizer)
        frozen = copy.deepcopy(encoder).requires_grad_(False).eval()
        watching = accelerator.prepare_model(frozen, evaluation_mode=True)
        bar = progress(config.steps, "training") if accelerator.is_main_process else None
        try:
            checkpoints = _checkpoints(folder, config, accelerator, encoder, loss, data) if folder is not None else None
            trace = checkpoints.resume() if checkpoints else []
            if hasattr(model, "weak"):
                model.weak = {}
            for step, batches in _ahead(data, config, accelerator, start=len(trace)):
                torch.manual_seed(config.seed + 1_000_003 * (step * accelerator.num_processes + accelerator.process_index))
                for group in optimizer.param_groups:
                    group["lr"] = config.learning_rate_at(step)
                shown = memory.with_advice(
                    functools.partial(_step, wrapped, watching, loss, batches, step, optimizer, accelerator, config.clip),
                    functools.partial(_advice, model, frozen, loss, batches[0].to(accelerator.device), step),
                )
                if wrong := _not_finite(shown, batches, model):
                    last = latest(checkpoints.folder) if checkpoints else None
                    raise FloatingPointError(f"step {step + 1}: {wrong}; the last good checkpoint: {last or 'none'}")
                trace.append(shown)
                _tell(bar, trace)
                leaving = bool(checkpoints) and _any_process(asked, accelerator)
                if checkpoints and (leaving or len(trace) % config.save_every == 0 or len(trace) == config.steps):
                    checkpoints.save(trace)
                if callback and accelerator.is_main_process:
                    with alone():
                        callback(len(trace), shown, model)
                    model.train()
                if leaving:
                    break  # and the signal takes effect
        finally:
            model.eval()
            if bar is not None:
                bar.close()
            # take the mixed precision off forward again, and the mark that says it is on
            vars(accelerator.unwrap_model(wrapped, keep_fp32_wrapper=False)).pop("_is_accelerate_prepared", None)
    return trace


def _alone(folder: str | os.PathLike | None, accelerator: Accelerator) -> contextlib.AbstractContextManager:
    return contextlib.nullcontext() if folder is None else only_run(folder, accelerator)


@contextlib.contextmanager
def _accelerator(config: TrainingConfig, folder: str | os.PathLike | None) -> Iterator[tuple[Accelerator, TrainingConfig]]:
    """An Accelerator on `nst.device()`, and the configuration with its precision decided.

    Accelerate keeps one state for the whole process. Inside, it is this run's: another run may have had another precision, or
    another device. Afterwards it is again what it was before.
    """
    states = [state._shared_state for state in (PartialState, AcceleratorState, GradientState)]
    before, where = [dict(state) for state in states], device()
    alone = "LOCAL_RANK" not in os.environ  # else each process has a device of its own
    chosen = {"ACCELERATE_TORCH_DEVICE": str(where)} if alone and os.environ.get("NST_DEVICE") else {}
    try:
        for state in states:
            state.clear()
        with patch_environment(**chosen):
            PartialState(cpu=where.type == "cpu")  # from here on the processes can talk
        precision = (recorded(folder, "precision") if config.precision == "auto" else None) or config.precision
        precision = broadcast_object_list([_precision(precision)])[0]  # they agree, and so do their resumes
        accelerate = Accelerator(mixed_precision=precision, cpu=where.type == "cpu", gradient_accumulation_steps=config.accumulate)
        yield accelerate, replace(config, precision=precision)
    finally:
        for state, values in zip(states, before, strict=True):
            state.clear()
            state.update(values)


def _step(model: nn.Module, encoder: nn.Module, loss: Loss, batches: list[Batch], step: int, optimizer: torch.optim.Optimizer,
          accelerator: Accelerator, clip: float) -> dict[str, float]:  # fmt: skip
    """One step of the optimiser: {part: mean over its batches and processes}."""
    sums: dict[str, Tensor] = {}
    for batch in batches:
        with accelerator.accumulate(model):
            parts = loss(model, encoder, batch.to(accelerator.device), step)
            accelerator.backward(sum(parts.values()))
            if accelerator.sync_gradients:
                norm = accelerator.clip_grad_norm_(model.parameters(), clip)
                if not torch.isfinite(norm):  # a flat crop through a chain of norm layers: 1 / 0.003 for each of them
                    optimizer.zero_grad()  # no gradient, no step
            optimizer.step()
            optimizer.zero_grad()
        sums = {k: sums.get(k, 0) + v.detach() / len(batches) for k, v in parts.items()}
    return _mean_over_processes(sums, accelerator)


def _tell(bar, trace: list[dict[str, float]]) -> None:
    if bar is not None:
        bar.update(len(trace) - bar.n)
        bar.set_postfix({k: f"{v:.3g}" for k, v in trace[-1].items()}, refresh=False)


def samples(folder: str | os.PathLike, pictures: Sequence[Tensor], every: int = 250) -> Callback:
    """A callback for `train`: every so many steps, `folder`/sample_000250.png shows what the network makes of the pictures.

    pictures (1, 3, H, W) of one height; the model has a `stylize(picture)`, as a TransformerNet does: TypeError where it has none.
    """

    def paint(step: int, parts: dict[str, float], model: nn.Module) -> None:
        if not hasattr(model, "stylize"):
            raise TypeError(f"model: a {type(model).__name__} has no stylize(picture), and paints no samples")
        if step % every == 0:
            Path(folder).mkdir(parents=True, exist_ok=True)
            painted = [model.eval().stylize(picture) for picture in pictures]
            save_image(torch.cat(painted, dim=-1), Path(folder) / f"sample_{step:06d}.png")

    return paint


def _checkpoints(folder: str | os.PathLike, config: TrainingConfig, accelerator: Accelerator, encoder: nn.Module, loss: Loss,
                 data: Data) -> Checkpoints:  # fmt: skip
    fixed = asdict(replace(config, save_every=1, keep=1))  # these two change nothing that is learned
    run = {"processes": accelerator.num_processes, "encoder": getattr(encoder, "sha256", "")}
    learned = {"loss": _name(loss), **getattr(loss, "identity", {}), "data": getattr(data, "identity", _name(data))}
    return Checkpoints(folder, accelerator, {**fixed, **run, **learned}, config.keep)


def _name(thing: object) -> str:
    return getattr(thing, "__qualname__", type(thing).__qualname__)


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


def _not_finite(shown: dict[str, float], batches: list[Batch], model: nn.Module) -> str:
    """What is not finite after a step: its pictures, its loss or the weights; "" where all is well."""
    files = "its pictures: " + ", ".join(name for batch in batches for name in batch.files)
    for pictures in (p for batch in batches for p in (batch.content, batch.style) if p is not None):
        if not torch.isfinite(pictures).all():
            return f"its pictures are not finite; {files}"
    values = {k: v for k, v in model.state_dict().items() if v.is_floating_point()}
    finite = torch.stack([torch.isfinite(v).all() for v in values.values()]).tolist()
    if bad := [name for name, good in zip(values, finite, strict=True) if not good]:
        return f"the weights are not finite ({', '.join(bad[:3])}{', …' if bad[3:] else ''}); {files}"
    if not all(map(math.isfinite, shown.values())):
        return f"the loss is not finite ({', '.join(f'{k} {v:.4g}' for k, v in shown.items())}); {files}"
    return ""


def _any_process(asked: list[int], accelerator: Accelerator) -> bool:
    """Has any process been asked to leave? They save together, or wait for each other for ever."""
    return bool(accelerator.reduce(torch.tensor(float(len(asked)), device=accelerator.device)))


def _advice(model: nn.Module, encoder: nn.Module, loss: Loss, batch: Batch, step: int) -> str:
    """What to say where a batch does not fit: how many of its pictures would have fitted."""
    size = len(batch.content)
    said = f"step {step + 1}: batch_size={size} needs more memory than there is"
    fits = memory.first_that_fits(lambda fewer: _trial(model, encoder, loss, batch, fewer, step), range(size - 1, 0, -1))
    return f"{said}; {fits} would fit" if fits else f"{said}; nothing smaller fits, either"


def _trial(model: nn.Module, encoder: nn.Module, loss: Loss, batch: Batch, size: int, step: int) -> None:
    """Loss and gradient of a part of a batch: is there memory for so many pictures?"""
    model.zero_grad()
    part = batch._replace(content=batch.content[:size], style=None if batch.style is None else batch.style[:size])
    with alone():  # memory may have run out in this process only
        sum(loss(model, encoder, part, step).values()).backward()


def _precision(wanted: str) -> str:
    """What Accelerate is to use; "auto": bfloat16 where it has that, and a convolution runs faster in it than in float32."""
    if wanted != "auto":
        return wanted
    if not is_bf16_available():
        return "no"
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
