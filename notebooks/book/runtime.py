"""The painting page's runtime: onnxruntime-web as `runtime.json` pins it, from npm once, and then from `build/runtime`.

    python notebooks/book/runtime.py build/book/paint/ort

Of the package's 139 MB the page needs three files for each backend. Its WebAssembly is stored compressed, 4 and 7 MB in place of 14
and 27, and the page unpacks it: a plain file server compresses nothing.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "runtime.json"
CACHE = HERE.parents[1] / "build" / "runtime"  # git ignores it


class NoRuntime(RuntimeError):
    """The package is not here and cannot be had, or is another one than `runtime.json` names."""


def runtime(target: Path, cache: Path = CACHE, lock: Path = LOCK) -> dict:
    """Write the files of both backends into `target`, with a `runtime.json` that names them, their bytes and SHA-256; returns that.

    What was unpacked once is taken from `cache`, without a network. NoRuntime: npm is missing or fails, or the digest differs.
    """
    pinned = json.loads(lock.read_text(encoding="utf-8"))
    unpacked = cache / f"{pinned['package']}-{pinned['version']}-{pinned['sha256'][:12]}"
    if not (unpacked / "runtime.json").is_file():
        _unpack(_packed(pinned, cache), pinned, unpacked)
    shutil.copytree(unpacked, target, dirs_exist_ok=True)
    return json.loads((unpacked / "runtime.json").read_text(encoding="utf-8"))


def _packed(pinned: dict, cache: Path) -> Path:
    """The package's archive in `cache`, checked; fetched by npm unless it is there."""
    name = f"{pinned['package']}@{pinned['version']}"
    archive = cache / f"{pinned['package']}-{pinned['version']}.tgz"
    if not archive.is_file():
        npm = shutil.which("npm")
        if npm is None:
            raise NoRuntime(f"{name}: npm is not installed, and {archive} is not there; install Node.js, or put that file there "
                            f"(`npm pack {name}` on another machine)")  # fmt: skip
        cache.mkdir(parents=True, exist_ok=True)
        command = [npm, "pack", name, "--silent", "--pack-destination", str(cache)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode or not archive.is_file():
            raise NoRuntime(f"{name}: npm could not fetch it: {done.stderr.strip()[-500:] or 'no reason given'}")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != pinned["sha256"]:
        raise NoRuntime(f"{archive}: its SHA-256 is {digest}, {LOCK.name} wants {pinned['sha256']}; delete the file and try again")
    return archive


def _unpack(archive: Path, pinned: dict, target: Path) -> None:
    """The files that the page needs, into `target`, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(archive) as files:
        made, backends = Path(folder) / "made", {}
        made.mkdir()
        for backend, names in pinned["backends"].items():
            contents = {part: files.extractfile(f"package/dist/{name}").read() for part, name in names.items()}
            for part in ("loader", "glue"):
                (made / names[part]).write_bytes(contents[part])
            packed = gzip.compress(contents["binary"], 9, mtime=0)
            file = f"{names['binary']}.gz"
            (made / file).write_bytes(packed)
            facts = {"file": file, "bytes": len(packed), "sha256": hashlib.sha256(packed).hexdigest()}
            backends[backend] = {"loader": names["loader"], "glue": names["glue"], "binary": facts}
        facts = {key: pinned[key] for key in ("package", "version", "licence")} | {"backends": backends}
        (made / "runtime.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
        shutil.rmtree(target, ignore_errors=True)
        made.rename(target)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("target", type=Path, help="folder for the files, paint/ort of the built book")
    try:
        facts = runtime(parser.parse_args().target)
    except NoRuntime as error:
        print(error, file=sys.stderr)
        return 1
    for backend, parts in facts["backends"].items():
        print(f"{facts['package']} {facts['version']}, {backend}: {parts['binary']['bytes'] / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
