"""Weight files: safetensors with the facts about them in the header.

A file holds one network's tensors and, as metadata, what `kind` of network it is and a dictionary of facts: recipe, seed, figures,
licence, and for what was trained on an encoder that encoder's digest. Nothing is ever unpickled but the tensors of a checkpoint
from elsewhere (`read_pth`), and no memory is taken because a file says so: what it promises is compared with what it holds first.
A file is what its bytes say, whatever it is called.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from nst.support.files import written_whole

Network = TypeVar("Network", bound=nn.Module)
SUFFIXES = (".safetensors", ".pth", ".pt")
OURS = {"kind", "facts", "sha256"}  # what the header of a file says that `write` made
AROUND = {"module", "_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module"}  # put into names by what wraps a module
DEEPEST = 4  # dictionaries within each other that are looked into
BEGINNINGS = (  # of files that are taken for weights, and what they are
    (rb"version https://git-lfs", "a Git LFS pointer and not the file itself: fetch that with `git lfs pull`"),
    (rb"/annex/objects/", "a git-annex pointer and not the file itself: fetch that with `git annex get`"),
    (rb"(?i)\s*<(!doctype|html|head|\?xml)", "a web page (HTML) and not the file itself: the download went wrong"),
    (rb"\xff\xd8\xff|\x89PNG|GIF8|RIFF....WEBP", "a picture"),
    (rb"\x89HDF", "an HDF5 file, as Keras writes them"),
    (rb"\x04\x00\x00\x00\x01\x00\x00\x00", "a file of Lua's Torch7"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ|7z\xbc\xaf|Rar!", "a packed archive: unpack it first"),
    (rb"GGUF", "a GGUF file"),
)
HARMLESS = ("argparse", "collections", "datetime", "numpy", "omegaconf", "pathlib")  # packages of no modules


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
        raise ValueError(f"{path}: {_what(path) or f'is not a safetensors file, or was cut short ({error})'}") from error
    if header.keys() - OURS or header.get("sha256", digest := _digest(tensors, header)) != digest:
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


def is_foreign(path: str | os.PathLike) -> bool:
    """Is it a torch checkpoint, or safetensors that `write` did not write? False where there is no such file."""
    path = Path(path)
    if not path.is_file():
        return False
    if _is_torch(path):
        return True
    try:
        with safe_open(path, framework="pt") as file:
            return not OURS & (file.metadata() or {}).keys()
    except (SafetensorError, OSError):
        return False


def is_network(path: str | os.PathLike) -> bool:
    """Is it a weights file, by its content; where there is no such file, by its suffix?"""
    path = Path(path)
    if not path.is_file():
        return path.suffix.lower() in SUFFIXES
    if is_foreign(path) or path.suffix.lower() in SUFFIXES:
        return True
    with open(path, "rb") as file:
        head = file.read(9)
    return head[8:] == b"{" and int.from_bytes(head[:8], "little") < path.stat().st_size  # as safetensors begin


def _is_torch(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(4)
    return head.startswith(b"PK\x03\x04") or head[:1] == b"\x80" and head[1:2] in b"\2\3\4\5"  # a zip, or a pickle


def _what(path: Path) -> str:
    """What a file is that cannot be read as weights, in words; "" where that is nothing known."""
    with open(path, "rb") as file:
        head = file.read(64)
    if not head:
        return "is empty"
    if _is_torch(path):
        return "is a torch checkpoint, expected a safetensors file"
    return next((f"is {what}" for pattern, what in BEGINNINGS if re.match(pattern, head, re.DOTALL)), "")


def read_pth(path: str | os.PathLike) -> dict[str, Tensor]:
    """The tensors of somebody else's checkpoint, by name: a torch file (a state dict), or safetensors.

    Dictionaries within the dictionary are looked into: {"state_dict": {"a": …}, "epoch": 1} has "state_dict.a". What DataParallel,
    `torch.compile` and FSDP put into names ("module.", "_orig_mod.") is taken out. Errors as for `read`, which say what the file is
    instead; never runs code from the file.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such weights file")
    if not _is_torch(path) and is_foreign(path):
        from safetensors.torch import load_file

        stored = load_file(path)
    else:
        stored = _loaded(path)
    found: dict[str, Tensor] = {}
    for name, tensor in _tensors(stored):
        if name in found:
            raise ValueError(f"{path}: holds {name} twice")
        found[name] = tensor
    if not found or not all(_is_plain(tensor) for tensor in found.values()):
        raise ValueError(f"{path}: is not a state dict of tensors")
    _check_promise(path, max(tensor.nbytes for tensor in found.values()))  # a number may be repeated without end
    return found


def _loaded(path: Path) -> object:
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                _check_zip(path, parts)
        # opened, since newer torches go by the suffix; the options of many a training lie beside its weights
        with open(path, "rb") as file, torch.serialization.safe_globals([argparse.Namespace]):
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # damaged files bring out nearly every error there is
        if said := _what_else(path, error):
            raise ValueError(f"{path}: {said}") from error
        reason = error if isinstance(error, BrokenPromise) else type(error).__name__
        raise ValueError(f"{path}: cannot be read as a torch checkpoint ({reason})") from error


def _check_zip(path: Path, parts: zipfile.ZipFile) -> None:
    names = {name.rpartition("/")[2] for name in parts.namelist()}
    if "constants.pkl" in names:
        raise NoCheckpoint("is a TorchScript program: save the state_dict() of the network that it was made from")
    if "data.pkl" not in names:
        raise NoCheckpoint("is NumPy's archive" if any(n.endswith(".npy") for n in names) else "is a zip archive: unpack it first")
    _check_promise(path, sum(part.file_size for part in parts.infolist()))


def _what_else(path: Path, error: Exception) -> str:
    if isinstance(error, NoCheckpoint):
        return str(error)
    if not _is_torch(path):
        return _what(path)
    if found := re.search(r"(?:GLOBAL|Unsupported class) ([^\W\d]\w*\.[\w.]*\w)", str(error)):
        name = found[1]
        if name.split(".")[0] in HARMLESS:
            return f"holds objects beside its tensors ({name}): load it where you trust it, and save its state dict alone"
        return f"is a whole pickled module ({name}), or holds one: load it where its class is, and save net.state_dict()"
    return ""


def _tensors(stored: object, before: str = "", depth: int = 0) -> Iterator[tuple[str, Tensor]]:
    """(name, tensor) of a dictionary and of those within it; what else is there is left out."""
    if isinstance(stored, Tensor) and before:
        yield ".".join(part for part in before[:-1].split(".") if part not in AROUND), stored
    elif isinstance(stored, dict) and depth <= DEEPEST:
        for name, value in stored.items():
            yield from _tensors(value, f"{before}{name}.", depth + 1)


def below(path: str | os.PathLike, tensors: dict[str, Tensor], anchor: str) -> dict[str, Tensor]:
    """The tensors of the one network among these that has a tensor `anchor`, under the names that it gives them: "net.a" is "a".

    {} where there is none. ValueError: there are several.
    """
    before = [name.removesuffix(anchor) for name in tensors if name == anchor or name.endswith(f".{anchor}")]
    if len(before) > 1:
        raise ValueError(f"{path}: holds several networks ({', '.join(before)}): save the state dict of the one that is wanted")
    return {k.removeprefix(before[0]): v for k, v in tensors.items() if k.startswith(before[0])} if before else {}


class NoCheckpoint(ValueError):
    """A file is something else."""


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
    ValueError: a tensor is missing, has no place in it, another shape, or numbers that are not finite.
    """
    with torch.inference_mode(False):  # weights that a gradient may go through
        with torch.device("meta"):
            network = make()
        expected = network.state_dict()
        for name, tensor in tensors.items():
            if name not in expected:
                raise ValueError(f"{name} has no place in it")
            if expected[name].shape != tensor.shape:
                raise ValueError(f"{name} has the shape {tuple(tensor.shape)}, expected {tuple(expected[name].shape)}")
            if expected[name].is_floating_point():
                check_floats(name, tensor)
        if missing := expected.keys() - tensors.keys():
            raise ValueError(f"it lacks {min(missing)}")
        kinds = {k: torch.float32 if v.is_floating_point() else v.dtype for k, v in expected.items()}  # whatever torch's default is
        network.load_state_dict({k: copied(k, v, kinds[k]) for k, v in tensors.items()}, assign=True)
    return network


def check_floats(name: str, tensor: Tensor) -> None:
    """ValueError: a weight is whole or complex numbers, of which `tensor.float()` would make something else without a word."""
    if not tensor.is_floating_point():
        raise ValueError(f"{name} is {tensor.dtype}")


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
