"""Threads that wait give their processor core to others soon: a machine that is busy with something else stays usable.

torch computes with several threads, and between two pieces of work GNU's OpenMP has them wait by turning in a loop, hundreds of
thousands of times, before they sleep. Alone on a machine nobody notices. Beside one other busy program on two cores, the loop takes
the core that the other thread's work needs: there a search takes 2.7 times its quiet seconds and a pass of AdaIN 3.3 times; with a
thousand turns 1.9 and 1.8 times, and on a quiet machine the same as before.
"""

from __future__ import annotations

import os
import sys

TURNS = "1000"
VARIABLES = ("GOMP_SPINCOUNT", "OMP_WAIT_POLICY")  # what GNU's OpenMP reads when torch is loaded


def rest_soon() -> None:
    """Ask for `TURNS` of waiting, where torch is not loaded yet and the environment does not say what it wants."""
    if "torch" not in sys.modules and not any(name in os.environ for name in VARIABLES):
        os.environ["GOMP_SPINCOUNT"] = TURNS


def policy() -> str:
    """How waiting threads behave here, in words, for `nst info`."""
    said = [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]
    return ", ".join(said) or "as the system has it"
