"""The project's address in the network. It stands in one place: `Repository` of [project.urls] in pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def repository() -> str:
    """The address, without a slash at its end; "" while there is none: then what would lead there is left out."""
    return PROJECT.get("urls", {}).get("Repository", "").rstrip("/")


def tag() -> str:
    """The release's tag, as git knows it."""
    return f"v{PROJECT['version']}"


def colab(address: str, file: str) -> str:
    """Where Colab opens a notebook of the release; "" where it cannot, since it reads GitHub only."""
    on_github = re.fullmatch(r"https://github\.com/([^/]+/[^/]+?)(?:\.git)?", address)
    return f"https://colab.research.google.com/github/{on_github[1]}/blob/{tag()}/{file}" if on_github else ""
