"""Prints every declared minimum version as a constraint for `pip install -c`: "torch==2.6", …"""

import re
import tomllib
from pathlib import Path

# They make the project and are no part of what runs; playwright has to be of the age of the browser that it drives.
TOOLS = ("ruff", "build", "hatchling", "jupyterlab", "mutmut", "playwright")


def minimum_versions() -> list[str]:
    """Of what the library and its training need, and of what the tests import."""
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    pairs = [re.fullmatch(r"([\w-]+)>=([\d.]+)", line).groups() for line in lines]
    return [f"{name}=={version}" for name, version in pairs if name not in TOOLS]


if __name__ == "__main__":
    print("\n".join(minimum_versions()))
