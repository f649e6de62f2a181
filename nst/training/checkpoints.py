"""Checkpoints of a run: whole or not at all, and only ever continued by the run that they are of."""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout
from safetensors import SafetensorError

if TYPE_CHECKING:  # the extra `train` brings it
    from accelerate import Accelerator

STEP = "step_"


def steps_in(folder: str | os.PathLike) -> list[Path]:
    """The finished checkpoints of a folder, `step_000250` … `step_1000000`, the oldest first."""
    found = [path for path in Path(folder).glob(f"{STEP}*") if path.name.removeprefix(STEP).isdecimal()]
    return sorted(found, key=lambda path: int(path.name.removeprefix(STEP)))


def latest(folder: str | os.PathLike) -> Path | None:
    """The last finished checkpoint of a folder; None where there is none."""
    return next(reversed(steps_in(folder)), None)


def recorded(folder: str | os.PathLike | None, name: str) -> str | None:
    """What the run in this folder says of itself under `name`; None where there was no run."""
    last = latest(folder) if folder is not None else None
    try:
        return json.loads((last / "run.json").read_text())["config"][name] if last else None
    except (OSError, ValueError, KeyError, TypeError):
        return None  # broken: `Checkpoints.resume` says so


@contextlib.contextmanager
def only_run(folder: str | os.PathLike, accelerator: Accelerator) -> Iterator[None]:
    """Within it, no other run uses this folder of checkpoints. ValueError, on every process: one does already.

    Where a file system knows no locks, nobody is kept out.
    """
    folder = Path(folder)
    is_new, taken, lock = not folder.exists(), False, FileLock(folder / ".lock")
    try:
        if accelerator.is_main_process:
            with contextlib.suppress(OSError):  # what cannot be written is said when it is to be
                folder.mkdir(parents=True, exist_ok=True)
            taken = _taken(lock)
        if _main_says(taken, accelerator):
            raise ValueError(f"{folder}: another run is training in it; let it end, or name another folder")
        yield
    finally:
        if lock.is_locked:
            with contextlib.suppress(OSError):  # Windows keeps an open file
                os.unlink(lock.lock_file)  # while it is held: whoever opens it now still finds it taken
            lock.release()
        if is_new and accelerator.is_main_process:
            with contextlib.suppress(OSError):
                folder.rmdir()  # nothing came of it


class Checkpoints:
    """A folder of checkpoints `step_000250`, each written aside, synced and renamed: there is never half a one.

    identity: JSON values by name: all that has to be the same for a run to go on as if it had never stopped.
    keep:     the number of checkpoints that stay.
    """

    def __init__(self, folder: str | os.PathLike, accelerator: Accelerator, identity: dict, keep: int):
        self.folder, self.accelerator, self.keep = Path(folder), accelerator, keep
        self.identity = json.loads(json.dumps(identity))  # through JSON, where a tuple is a list
        accelerator.register_save_state_pre_hook(lambda models, weights, folder: weights.pop())  # the frozen encoder, prepared
        accelerator.register_load_state_pre_hook(lambda models, folder: models.pop())  # after the model, is not part of it

    def save(self, trace: list[dict[str, float]]) -> None:
        """Model, optimiser, the losses so far and the identity. OSError: no room for them; the checkpoints of before stay."""
        final = self.folder / f"{STEP}{len(trace):06d}"
        aside = self.folder / f"writing_{final.name}"
        try:
            if self.accelerator.is_main_process:
                for left in self.folder.glob("writing_*"):  # by a run that was killed
                    shutil.rmtree(left, ignore_errors=True)
                aside.mkdir(parents=True)
            self.accelerator.wait_for_everyone()
            self.accelerator.save_state(aside)
            self.accelerator.wait_for_everyone()  # each process writes a file of its own
            if self.accelerator.is_main_process:
                (aside / "run.json").write_text(json.dumps({"config": self.identity, "trace": trace}))
                _publish(aside, final)
                for old in steps_in(self.folder)[: -self.keep]:
                    shutil.rmtree(old)
        except (OSError, RuntimeError, SafetensorError) as error:  # torch and safetensors have errors of their own for a full disk
            shutil.rmtree(aside, ignore_errors=True)
            last = latest(self.folder) or "none"
            raise OSError(f"{final}: could not be written ({_first_line(error)}); the last good checkpoint: {last}") from error
        self.accelerator.wait_for_everyone()

    def resume(self) -> list[dict[str, float]]:
        """Load the last checkpoint, if there is one, and return its losses. ValueError: it is another run's, or broken."""
        self._check_folder()
        last = latest(self.folder)
        if last is None:
            return []
        try:
            run = json.loads((last / "run.json").read_text())
            changed = [k for k in {**self.identity, **run["config"]} if run["config"].get(k) != self.identity.get(k)]
            if not changed:
                self.accelerator.load_state(last)  # reads safetensors, and the optimiser with weights_only
        except (OSError, ValueError, RuntimeError, KeyError, EOFError, SafetensorError, pickle.UnpicklingError) as error:
            reason = _first_line(error)
            raise ValueError(f"{last}: is not a checkpoint of this model ({reason}); remove it, or name another folder") from error
        if changed:
            raise ValueError(f"{last}: was trained with another {', '.join(changed)}; remove it, or name another folder")
        return run["trace"]

    def _check_folder(self) -> None:
        """ValueError, on every process, unless all of them see the same folder: a machine's own would resume elsewhere."""
        if self.accelerator.num_processes == 1:
            return
        import torch
        from accelerate.utils import broadcast_object_list

        (name,) = broadcast_object_list([f"seen_by_all_{uuid.uuid4().hex}"])
        mark = self.folder / name
        if self.accelerator.is_main_process:
            self.folder.mkdir(parents=True, exist_ok=True)
            mark.touch()
        self.accelerator.wait_for_everyone()
        blind = self.accelerator.reduce(torch.tensor(float(not mark.exists()), device=self.accelerator.device))
        if self.accelerator.is_main_process:
            mark.unlink()
        if blind:
            raise ValueError(f"{self.folder}: is not one folder that every process sees; the machines of a run have to share it")


def _taken(lock: FileLock) -> bool:
    """Take the lock, unless somebody else has it already."""
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    except (NotImplementedError, OSError):  # no locks here
        return False
    return False


def _main_says(value: bool, accelerator: Accelerator) -> bool:
    """What the main process says, on all of them."""
    if accelerator.num_processes == 1:
        return value
    from accelerate.utils import broadcast_object_list

    return broadcast_object_list([value])[0]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _publish(aside: Path, final: Path) -> None:
    """Sync the files of a folder, and give it its name."""
    for file in aside.iterdir():
        with open(file, "r+b") as opened:
            os.fsync(opened.fileno())
    shutil.rmtree(final, ignore_errors=True)
    os.replace(aside, final)
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(final.parent, os.O_RDONLY)
        os.fsync(folder)  # the name, too, outlives a power cut
        os.close(folder)
