"""Do the tests notice a small wrong edit? mutmut makes one after the other; here each module's run against its own tests.

    python tests/mutants/run.py               every module of mutants.toml: an hour or two on one idle core
    python tests/mutants/run.py losses training.loop    some of them
    python tests/mutants/run.py --table       no run: the table of what the last runs found

Everything happens in copies of the project below build/mutants. The table gives the mutants per module and the share that a test
killed. A survivor is explained in mutants.toml by the line that it puts in; exit status 1 where one is not, or where a module has
under 90 % killed.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
BUILD = TOP / "build" / "mutants"
CONFIG = tomllib.loads((Path(__file__).parent / "mutants.toml").read_text(encoding="utf-8"))
KILLED = (1, 3, 24, 36, 152, 255, -9, -24)  # mutmut's exit codes: a test failed, or the mutant ran for ever
LEAST = 0.9


def source(module: str) -> str:
    """The file of a module below nst: "training.loop" is training/loop.py."""
    return module.replace(".", "/") + ".py"


def copy(module: str) -> Path:
    """The project as mutmut needs it for one module: its own tests, and nothing else mutated."""
    folder = BUILD / module
    shutil.rmtree(folder, ignore_errors=True)
    for part in ("nst", "tests", "data"):
        shutil.copytree(TOP / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", "mutants", "benchmarks"))
    settings = {
        "source_paths": ["nst"], "only_mutate": [f"nst/{source(module)}"], "also_copy": ["data"],
        "timeout_constant": 15.0, "timeout_multiplier": 4.0,
        "pytest_add_cli_args": ["-q", "-x", "-p", "no:cacheprovider", "-m", "not slow and not assets",
                                *(f"--deselect=tests/{name}" for name in CONFIG[module].get("too_slow", []))],
        "pytest_add_cli_args_test_selection": [f"tests/{name}" for name in CONFIG[module]["tests"]],
    }  # fmt: skip
    text = (TOP / "pyproject.toml").read_text(encoding="utf-8")
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in settings.items())
    (folder / "pyproject.toml").write_text(f"{text}\n[tool.mutmut]\n{lines}\n", encoding="utf-8")
    return folder


def mutmut(folder: Path, *arguments: str) -> str:
    """Run it on one core, without this environment's nst; returns what it prints."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "NST_"))}
    environment = {**kept, "OMP_NUM_THREADS": "1", "NST_DEVICE": "cpu", "NST_PROGRESS": "0"}
    done = subprocess.run([sys.executable, "-m", "mutmut", *arguments], cwd=folder, env=environment, capture_output=True, text=True)
    if done.returncode:  # most often a test fails without any mutant
        raise SystemExit(f"mutmut {' '.join(arguments)}: {done.stdout[-4000:]}{done.stderr[-1000:]}")
    return done.stdout


def added(file: Path, mutants: list[str]) -> dict[str, str]:
    """{mutant: the line that it puts in}, without its indentation and its comment: what `mutmut show` says, all at once."""
    text = file.read_text(encoding="utf-8")
    functions = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    whole, lines = {}, text.split("\n")
    for node in functions:
        whole[node.name] = "\n".join(lines[node.lineno - 1 : node.end_lineno]).replace(node.name, "").split("\n")
    found = {}
    for mutant in mutants:
        name = mutant.rpartition(".")[2]
        before, plain = re.sub(r"\d+$", "orig", name), re.sub(r"^x_?|__mutmut_\d+$", "", name).rpartition("ǁ")[2]
        changes = (line[1:] for line in difflib.unified_diff(whole[before], whole[name], n=0) if re.match(r"\+(?!\+\+)", line))
        found[mutant] = " ".join(line.split("  # ")[0].strip() for line in changes).replace("def (", f"def {plain}(")
    return found


def row(module: str) -> tuple[int, dict[str, str]] | None:
    """The number of mutants that ran, and the survivors {name: line}; None where none did."""
    file = BUILD / module / "mutants" / "nst" / f"{source(module)}.meta"
    if not file.is_file():
        return None
    codes = json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"]
    ran = {name: code for name, code in codes.items() if code is not None}
    survivors = added(file.with_suffix(""), [name for name, code in ran.items() if code not in KILLED])
    return (len(ran), survivors) if ran else None


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="*", choices=[[], *CONFIG], help="default: all")
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args()
    for module in [] if options.table else options.modules or CONFIG:
        mutmut(copy(module), "run", "--max-children", "1")
        print(f"{module}: done", flush=True)
    rows = {module: found for module in options.modules or CONFIG if (found := row(module))}
    print(f"{'module':<14} mutants  killed  explained")
    for module, (count, survivors) in rows.items():
        known = CONFIG[module].get("survivors", {})
        explained = sum(line in known for line in survivors.values())
        print(f"nst.{module:<10} {count:>7} {1 - len(survivors) / count:>7.1%} {explained:>6} of {len(survivors)}")
    unexplained = [(m, k, line) for m, (_, found) in rows.items() for k, line in found.items()
                   if line not in CONFIG[m].get("survivors", {})]  # fmt: skip
    for _, name, line in unexplained:
        print(f"survived, unexplained: {name}\n    {line}")
    return int(bool(unexplained) or any(len(found) > (1 - LEAST) * count for count, found in rows.values()))


if __name__ == "__main__":
    raise SystemExit(main())
