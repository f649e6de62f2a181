"""The table that `make mutants` ends with: killed mutants per module, and the survivors that nobody has explained.

Run it after `mutmut run`. `survivors.toml` beside this file explains survivors by the line that they change; a line that is given
there without its file's module counts for no other. Exit status 1 where under 90 % of a module's mutants are killed, or where a
survivor has no explanation.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
KILLED, LEAST = (1, 3, 37), 0.9  # exit codes of mutmut's workers: a test failed; internal error of pytest; a type checker
TIMEOUTS = (24, 36, -24, 152, 255, -9)


def results() -> dict[str, dict[str, int | None]]:
    """{module: {mutant: exit code}}."""
    files = sorted((TOP / "mutants" / "nst").glob("*.py.meta"))
    return {file.name.split(".")[0]: json.loads(file.read_text(encoding="utf-8"))["exit_code_by_key"] for file in files}


def changed_line(mutant: str) -> str:
    """The line that a mutant puts in, without its indentation."""
    shown = subprocess.run([sys.executable, "-m", "mutmut", "show", mutant], cwd=TOP, capture_output=True, text=True).stdout
    added = [line[1:].strip() for line in shown.splitlines() if line.startswith("+") and not line.startswith("+++")]
    return " ".join(added)


def main() -> int:
    explained = tomllib.loads((Path(__file__).parent / "survivors.toml").read_text(encoding="utf-8"))
    failed, open_questions = False, []
    print(f"{'module':<14} mutants  killed")
    for module, codes in results().items():
        survivors = [name for name, code in codes.items() if code not in (*KILLED, *TIMEOUTS, None)]
        checked = sum(code is not None for code in codes.values())
        lines = Counter({line: changed_line(line) for line in survivors}.values())
        share = 1 - len(survivors) / checked if checked else 1.0
        left = "" if checked == len(codes) else f"  ({len(codes) - checked} not run)"
        print(f"nst.{module:<10} {checked:>7} {share:>7.1%}{left}")
        failed |= share < LEAST
        open_questions += [(module, line) for line in lines if line not in explained.get(module, {})]
    for module, line in open_questions:
        print(f"survived, unexplained: {module}: {line}")
    return int(failed or bool(open_questions))


if __name__ == "__main__":
    raise SystemExit(main())
