"""Weight files: safetensors with the facts about them in the header.

A file holds one network's tensors and, as metadata, what `kind` of network it is and a dictionary of facts: recipe, seed, figures,
licence, and for what was trained on an encoder that encoder's digest. Nothing is ever unpickled but the tensors of a checkpoint
from elsewhere (`read_pth`), and no memory is taken because a file says so: what it promises is compared with what it holds first.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nst.support.files import written_whole

Network = TypeVar("Network", bound=nn.Module)


def read(path: str | os.PathLike, kind: str) -> tuple[dict[str, Tensor], dict]:
    """Tensors and facts of a file of this kind.

    Raises FileNotFoundError, or ValueError naming the file: not safetensors, cut short, damaged, of another kind.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights file")
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            facts = _facts(path, header, kind)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except (SafetensorError, OSError) as error:
        raise ValueError(f"{path}: is not a safetensors file, or was cut short ({error})") from error
    if header.keys() - {"kind", "facts", "sha256"} or header.get("sha256", digest := _digest(tensors, header)) != digest:
        raise ValueError(f"{path}: is damaged, it holds something else than was written to it")
    return tensors, facts


def _facts(path: Path, header: dict[str, str], kind: str) -> dict:
    if header.get("kind") != kind:
        raise ValueError(f"{path}: holds weights of kind {header.get('kind')!r}, expected {kind!r}")
    try:
        facts = json.loads(header.get("facts", "{}"))
    except ValueError as error:
        raise ValueError(f"{path}: its facts are not JSON ({error})") from error
    if not isinstance(facts, dict):
        raise ValueError(f"{path}: its facts are {type(facts).__name__}, expected a dictionary")
    return facts


def _digest(tensors: dict[str, Tensor], header: dict[str, str]) -> str:
    """Of all that counts in a file. Files of before it was written have none in their header."""
    digest = hashlib.sha256(f"{header.get('kind')} {header.get('facts')}".encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


def read_pth(path: str | os.PathLike) -> dict[str, Tensor]:
    """The tensors of a torch checkpoint (a state dict). Errors as for `read`; never runs code from the file."""
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights file")
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                _check_promise(path, sum(part.file_size for part in parts.infolist()))
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files bring out nearly every error there is
        reason = error if isinstance(error, BrokenPromise) else type(error).__name__
        raise ValueError(f"{path}: cannot be read as a torch checkpoint ({reason})") from error
    if not isinstance(stored, dict) or not all(isinstance(k, str) and _is_plain(v) for k, v in stored.items()):
        raise ValueError(f"{path}: is not a state dict of tensors")
    _check_promise(path, max((v.nbytes for v in stored.values()), default=0))  # a number may be repeated without end
    return stored


class BrokenPromise(ValueError):
    """A file says that it holds more than it does."""


def _check_promise(path: Path, length: int) -> None:
    if length > path.stat().st_size:
        raise BrokenPromise(f"{path}: promises {length:,} bytes of weights and has {path.stat().st_size:,}")


def _is_plain(value: object) -> bool:
    return isinstance(value, Tensor) and value.layout == torch.strided and not value.is_quantized


def fill(make: Callable[[], Network], tensors: dict[str, Tensor]) -> Network:
    """The network that `make` makes with copies of these tensors for its weights, in float32.

    It is made on torch's device "meta", which takes no memory, and compared with the tensors before any is copied.
    ValueError / RuntimeError: a tensor is missing, has no place in it, another shape, or numbers that are not finite.
    """
    with torch.device("meta"):
        network = make()
    expected = network.state_dict()
    for name, tensor in tensors.items():
        if name in expected and expected[name].is_floating_point() and not tensor.is_floating_point():
            raise ValueError(f"{name} is {tensor.dtype}")
    network.load_state_dict(tensors, assign=True)  # strict: names and shapes are the network's
    for name, tensor in (*network.named_parameters(), *network.named_buffers()):
        tensor.data = copied(name, tensor.data, expected[name].dtype if name in expected else tensor.dtype)
    return network


def copied(name: str, tensor: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """A copy in this dtype. ValueError, with its name: numbers that are not finite."""
    copy = tensor.to(dtype, copy=True)
    if not torch.isfinite(copy).all():
        raise ValueError(f"{name} holds NaN or infinite numbers")
    return copy


def write(path: str | os.PathLike, kind: str, tensors: dict[str, Tensor], facts: dict) -> None:
    """Write tensors and facts (JSON values) whole or not at all. FileNotFoundError: the folder does not exist."""
    contiguous = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    header = {"kind": kind, "facts": json.dumps(facts, ensure_ascii=False)}
    with written_whole(path) as aside:
        save_file(contiguous, aside, metadata={**header, "sha256": _digest(contiguous, header)})


def sha256(path: str | os.PathLike) -> str:
    """The file's SHA-256 as 64 hex digits."""
    import pooch

    return pooch.file_hash(str(path), "sha256")
