"""Weight files: safetensors with the facts about them in the header.

A file holds one network's tensors and, as metadata, what `kind` of network it is and a dictionary of facts: recipe, seed, figures,
licence, and for what was trained on an encoder that encoder's digest. Nothing is ever unpickled
but the tensors of a checkpoint from elsewhere (`read_pth`).
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from nst.files import written_whole


def read(path: str | os.PathLike, kind: str) -> tuple[dict[str, Tensor], dict]:
    """Tensors and facts of a file of this kind.

    Raises FileNotFoundError, or ValueError naming the file: not safetensors, cut short, of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: is not a safetensors file, or was cut short ({error})") from error
    if header.get("kind") != kind:
        raise ValueError(f"{path}: holds weights of kind {header.get('kind')!r}, expected {kind!r}")
    try:
        facts = json.loads(header.get("facts", "{}"))
    except ValueError as error:
        raise ValueError(f"{path}: its facts are not JSON ({error})") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{path}: its facts are {type(facts).__name__}, expected a dictionary")
    return tensors, facts


def read_pth(path: str | os.PathLike) -> dict[str, Tensor]:
    """The tensors of a torch checkpoint (a state dict). Errors as for `read`; never runs code from the file."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights file")
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files bring out nearly every error there is
        raise ValueError(f"{path}: cannot be read as a torch checkpoint ({type(error).__name__})") from error
    if not isinstance(stored, dict) or not all(isinstance(v, Tensor) for v in stored.values()):
        raise ValueError(f"{path}: is not a state dict of tensors")
    return stored


def write(path: str | os.PathLike, kind: str, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write tensors and facts (JSON values) whole or not at all. FileNotFoundError: the folder does not exist."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with written_whole(path) as aside:
        save_file(contiguous, aside, metadata={"kind": kind, "facts": json.dumps(facts, ensure_ascii=False)})


def sha256(path: str | os.PathLike) -> str:
    """The file's SHA-256 as 64 hex digits."""
    import pooch

    return pooch.file_hash(str(path), "sha256")
