"""Everything that might break a course of thirty laptops, for hours if you like: a table of what was tried, failed and was lost.

    python tests/stress/run.py                        all of it: `make stress`
    python tests/stress/run.py pictures weights       some of it
    python tests/stress/run.py --share 0.01 --seed 7  a hundredth of the cases, others than with seed 0

Exit status 1 where a case failed or something was lost.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ.update(NST_PROGRESS="0", NST_DEVICE="cpu", OMP_NUM_THREADS="1", PYTHONWARNINGS="ignore")

from stress import HEAD  # noqa: E402

COUNTS = {"pictures": 20_000, "weights": 1_000, "downloads": 200, "training": 20, "determinism": 5, "notebooks": 1}
COUNTS |= {"masks": 2_000, "folders": 1_000, "films": 600, "checkpoints": 800}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", choices=[[], *COUNTS], help="default: all")
    parser.add_argument("--share", type=float, default=1.0, help="of the full number of cases")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(HEAD, flush=True)
    rows, began = [], time.time()
    for part in options.parts or COUNTS:
        module = importlib.import_module(f"stress.{part}")
        for row in module.run(max(1, round(COUNTS[part] * options.share)), options.seed):
            print(row, flush=True)
            rows.append(row)
    for row in rows:
        for line in row.failures[:20]:
            print(f"failed: {row.test}: {line}")
    print(f"{sum(row.tried for row in rows):,} cases in {(time.time() - began) / 60:.1f} minutes")
    return int(any(row.failed or row.lost for row in rows))


if __name__ == "__main__":
    raise SystemExit(main())
