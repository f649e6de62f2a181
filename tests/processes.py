"""Programs under torchrun, on one machine or on several that are all this one."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Sequence

import pytest

LAYOUTS = [pytest.param(1, 2, id="two processes"), pytest.param(2, 1, id="two machines")]  # (machines, processes on each)


def torchrun(program: Sequence[object], machines: int = 1, each: int = 2, timeout: float = 300, **environment: str) -> str:
    """Runs a program, with `-m` a module, in machines * each processes on the CPU; what all of them wrote to standard output."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", each]
    if machines > 1:  # one command on each, which find each other at an address
        command += ["--nnodes", machines, "--rdzv-backend", "c10d", "--rdzv-endpoint", f"127.0.0.1:{free_port()}",
                    "--local-addr", "127.0.0.1"]  # fmt: skip
    known = {**os.environ, "NST_PROGRESS": "0", "OMP_NUM_THREADS": "1", "NST_DEVICE": "cpu", **environment}
    running = [subprocess.Popen([*map(str, [*command, *program])], env={**known, "MACHINE": str(k)}, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True) for k in range(machines)]  # fmt: skip
    try:
        said = [process.communicate(timeout=timeout) for process in running]
    finally:
        for process in running:
            process.kill()
    for process, (_, errors) in zip(running, said, strict=True):
        if process.returncode:
            raise RuntimeError(errors)
    return "".join(output for output, _ in said)


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
