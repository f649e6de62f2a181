"""What is installed here: versions, device, weights, cache; and the licences of everything that the project stands on."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

from nst import __version__, assets
from nst.support.waiting import policy

DISTRIBUTION = "neural-style-course"


def information() -> dict[str, dict[str, str]]:
    """{heading: {name: value}}, for `nst info`."""
    import torch

    from nst.support.runtime import device, profile

    threads = f"{torch.get_num_threads()}; waiting: {policy()}"
    here = {"device": str(device()), "threads": threads, "run profile": profile().name}
    return {
        "versions": {"nst": __version__, "python": platform.python_version(), "system": platform.platform(), **_direct_versions()},
        "here": {**here, "data": str(assets.data_folder())},
        "weights": {file.name: _weights_line(file) for file in sorted((assets.data_folder() / "weights").glob("*.safetensors"))},
        "cache": {"folder": str(assets.cache_folder()), "holds": _size_of(assets.cache_folder())},
    }


def _direct_versions() -> dict[str, str]:
    names = sorted({name for name, _ in _requirements(DISTRIBUTION, {""})})
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"


def _weights_line(file: Path) -> str:
    from safetensors import safe_open

    with safe_open(file, framework="np") as opened:
        header = opened.metadata() or {}
    licence = json.loads(header.get("facts", "{}")).get("licence", "no licence stated")
    return f"{file.stat().st_size / 1e6:.2f} MB, {header.get('kind', 'unknown')}, {licence}"


def _size_of(folder: Path) -> str:
    files = [file for file in folder.rglob("*") if file.is_file()] if folder.is_dir() else []
    return f"{len(files)} files, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


def licences() -> dict[str, tuple[str, str]]:
    """{distribution: (version, licence)} of everything that this project asks for, and what that asks for, as installed here.

    With all extras. What is not installed is left out. The licence is what each distribution says of itself.
    """
    extras = metadata.metadata(DISTRIBUTION).get_all("Provides-Extra") or []
    found, waiting = {}, [(DISTRIBUTION, frozenset(["", *extras]))]
    seen = set()
    while waiting:
        name, wanted = waiting.pop()
        if (name, wanted) in seen:
            continue
        seen.add((name, wanted))
        try:
            distribution = metadata.metadata(name)
        except metadata.PackageNotFoundError:
            continue
        if name != DISTRIBUTION:
            found[distribution["Name"]] = distribution["Version"], licence_of(distribution)
        waiting += _requirements(name, wanted)
    return dict(sorted(found.items(), key=lambda item: item[0].lower()))


def _requirements(name: str, extras: frozenset[str] | set[str]) -> Iterator[tuple[str, frozenset[str]]]:
    """Names that a distribution asks for on this machine, under these extras, and the extras that it asks of them."""
    from packaging.requirements import Requirement

    for line in metadata.requires(name) or []:
        requirement = Requirement(line)
        if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in extras):
            yield re.sub(r"[-_.]+", "-", requirement.name).lower(), frozenset(["", *requirement.extras])


def licence_of(distribution: metadata.PackageMetadata) -> str:
    """The licence in a few words: the expression, else the classifiers, else the first line of the free text."""
    if expression := distribution.get("License-Expression"):
        return expression
    classifiers = [c for c in distribution.get_all("Classifier") or [] if c.startswith("License :: ")]
    if classifiers:
        return ", ".join(c.split(" :: ")[-1] for c in classifiers)
    lines = (distribution.get("License") or "").strip().splitlines()
    return lines[0][:80] if lines else "not stated"
