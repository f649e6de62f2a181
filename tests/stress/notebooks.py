"""The lessons where a student may have them: from a wheel, far from the clone, in a folder with an odd name, with a home that
cannot be written to and no network; and run twice in one kernel.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from stress import Row
from stress.downloads import small_disk

LESSONS = Path(__file__).resolve().parents[2] / "notebooks"
GROWTH = 50.0  # MiB that the second run may add to the first
TIMEOUT = 1800
# Read by each Python of the new environment as it starts: whoever leaves this machine fails.
ALONE = """
import sys

def watch(event, arguments):
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "localhost", "127.0.0.1", "::1"):
        raise OSError(f"no network: {arguments[0]}")
    if event == "socket.connect" and isinstance(arguments[1], tuple) and not str(arguments[1][0]).startswith(("127.", "::1")):
        raise OSError(f"no network: {arguments[1]}")

sys.addaudithook(watch)
"""
# In the new environment: runs a notebook's cells twice in one kernel; prints seconds, memory and what went wrong.
TWICE = """
import json, os, re, sys, time
import nbformat, psutil
from ipykernel.kernelspec import get_kernel_dict
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

class ThisPython(AsyncKernelManager):
    kernel_spec = property(lambda self: KernelSpec(**get_kernel_dict()))

notebook = nbformat.read(sys.argv[1], 4)
count = '''
import ctypes, gc, sys, nst
gc.collect()
if sys.platform == "linux":
    ctypes.CDLL(None).malloc_trim(0)  # what is held counts, not what malloc keeps for the next one who asks
print(nst.__file__)
'''
notebook.cells.append(nbformat.v4.new_code_cell(count))
client = NotebookClient(notebook, timeout=1800, kernel_manager_class=ThisPython, resources={"metadata": {"path": "."}})
found, began = {"error": "", "mib": []}, time.time()
with client.setup_kernel():
    try:
        for _ in range(2):
            for k, cell in enumerate(notebook.cells):
                client.execute_cell(cell, k)
            found["mib"].append(psutil.Process(client.km.provisioner.process.pid).memory_info().rss / 2**20)
        found["nst"] = notebook.cells[-1].outputs[0].text.strip()
    except Exception as error:
        found["error"] = re.sub(r"\\x1b\\[[\\d;]*m", "", str(error)).strip().splitlines()[-1]
print(json.dumps({**found, "seconds": time.time() - began}))
"""


def run(count: int = 1, seed: int = 0) -> list[Row]:
    """Every lesson once, whatever the count."""
    from project.test_wheel import built, installed

    row = Row("lessons, far from the clone, twice")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "Kurs für Anfänger 风格迁移"
        shutil.copytree(LESSONS, folder / "notebooks", ignore=shutil.ignore_patterns("run.py", "__pycache__"))
        python, places = installed(built(folder), folder / "env")
        (Path(places["purelib"]) / "sitecustomize.py").write_text(ALONE, encoding="utf-8")
        try:
            home = stack.enter_context(small_disk(64, read_only=True))
        except PermissionError:
            (home := folder / "home").mkdir(mode=0o500)
        (folder / "jupyter").mkdir()
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "NST_", "XDG_", "MPL", "JUPYTER"))}
        environment |= {"HOME": str(home), "USERPROFILE": str(home), "NST_PROFILE": "smoke", "NST_DEVICE": "cpu",
                        "JUPYTER_RUNTIME_DIR": str(folder / "jupyter")}  # a kernel cannot do without  # fmt: skip
        for lesson in sorted((folder / "notebooks").glob("[0-9]*.ipynb")):
            began = time.time()
            done = subprocess.run([python, "-c", TWICE, lesson.name], cwd=lesson.parent, env=environment, capture_output=True,
                                  text=True, timeout=TIMEOUT)  # fmt: skip
            found = json.loads(done.stdout.splitlines()[-1]) if done.returncode == 0 else {"error": done.stderr[-600:]}
            error = found["error"]
            first, second = found.get("mib") or (0, 0) if not error else (0, 0)
            if not error and not Path(found["nst"]).is_relative_to(folder):
                error = f"nst was imported from {found['nst']}"
            if not error and second - first > GROWTH:
                error = f"the second run took {second - first:.0f} MiB more"
            row.add(lesson.stem, error, time.time() - began, second - first)
    return [row]
