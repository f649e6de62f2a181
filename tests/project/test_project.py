"""The files around the code agree: dependencies, versions, links, targets; and nothing of one machine leaks into them."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nst

TOP = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
EXTRAS = PROJECT["optional-dependencies"]
INSTALLED = [extra for extra in EXTRAS if extra not in ("mutants", "heic")]  # what `make` installs
CONDA_NAMES = {"torch": "pytorch", "build": "python-build"}  # the others are called the same there
LOCK = (TOP / "requirements.lock").read_text(encoding="utf-8")


def tracked() -> list[Path]:
    """The files of the repository as git knows them; skips where the tests run outside a clone."""
    if not (TOP / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a clone: git does not say which files belong to the project")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    return [TOP / name for name in listed.split("\0") if name and (TOP / name).is_file()]


def texts() -> dict[str, str]:
    """Name and content of each tracked text file. A notebook's pictures are left out: base64 can spell anything."""
    found = {}
    for path in tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found[path.relative_to(TOP).as_posix()] = re.sub(r'"image/\w+": "[^"]*"', "", text)
    return found


def requirements(*extras: str) -> dict[str, Requirement]:
    """Name -> requirement: the core and these extras."""
    lines = PROJECT["dependencies"] + [line for extra in extras for line in EXTRAS[extra]]
    return {requirement.name: requirement for requirement in map(Requirement, lines)}


# --- dependencies -----------------------------------------------------------------------------------------------------------------


def test_environment_lists_what_pyproject_lists():
    environment = yaml.safe_load((TOP / "environment.yml").read_text(encoding="utf-8"))
    assert set(environment) == {"name", "channels", "dependencies"}
    assert environment["channels"] == ["conda-forge"]
    *packages, last = environment["dependencies"]
    assert last == {"pip": ["-e ."]}
    conda = {requirement.name: str(requirement.specifier) for requirement in map(Requirement, packages)}
    wanted = {CONDA_NAMES.get(name, name): str(r.specifier) for name, r in requirements(*INSTALLED).items()}
    assert conda == wanted | {"python": PROJECT["requires-python"], "pip": ""}


@pytest.mark.parametrize("name", ["environment.yml", "pyproject.toml"])
def test_each_dependency_says_who_needs_it(name: str):
    pattern = r'^ *(?:- |")[\w-]+>=[\d.]+(?:",)?(.*)$'
    rests = re.findall(pattern, (TOP / name).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(rests) >= len(requirements(*INSTALLED))
    assert all(re.match(r" +# \w", rest) for rest in rests)


def test_lock_is_a_constraints_file_for_every_platform():
    for line in LOCK.splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line  # no URLs, no options, no "+cu…"
    bound = re.compile(r"nvidia|cuda|triton|pywin|intel-|mkl|tbb", flags=re.IGNORECASE)
    assert [line for line in LOCK.splitlines() if bound.match(line)] == []


def test_lock_satisfies_the_bounds():
    locked = {canonicalize_name(name): version for name, version in (line.split("==") for line in LOCK.splitlines())}
    assert PROJECT["name"] not in locked
    for name, requirement in requirements(*INSTALLED).items():
        assert locked[canonicalize_name(name)] in requirement.specifier, name


def test_every_minimum_is_a_constraint():
    made = subprocess.run([sys.executable, TOP / "tests" / "minimum.py"], capture_output=True, text=True, check=True).stdout.split()
    bounds = {name: str(r.specifier).removeprefix(">=") for name, r in requirements("train").items()}
    assert {f"{name}=={version}" for name, version in bounds.items()} <= set(made)


@pytest.mark.parametrize("package", [nst, nst.training, nst.figures], ids=lambda package: package.__name__)
def test_an_editor_knows_what_there_is(package):
    """A stub names what its package exports, and nothing that is not there; of nst, what a user needs."""
    stub = ast.parse((TOP / package.__name__.replace(".", "/") / "__init__.pyi").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(stub) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert names == set(package.__all__) and len(names) <= 30
    listed = next(node.value for node in stub.body if isinstance(node, ast.Assign))
    assert {element.value for element in listed.elts} == names
    assert all(getattr(package, name) is not None for name in names)


def test_readmes_library_lines_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """The five lines, on a small picture and with a short search; and the sentence after them."""
    text = (TOP / "README.md").read_text(encoding="utf-8").split("## The library in five lines")[1]
    monkeypatch.chdir(tmp_path)
    nst.save_image(nst.assets.picture("chelsea", 40), "photo.jpg")
    code = text.split("```python")[1].split("```")[0].replace("384", "40").replace("style_weight=30", "evaluations=2")
    exec(code, names := {})
    assert (tmp_path / "painted.png").is_file()
    for call in re.findall(r"`(nst\.transformer_net\.stylize\(.*?)\)`", text):
        for options in ("preserve_color=True", 'masks=[__import__("torch").ones(names["content"].shape[-2:])]'):
            assert eval(f"{call}, {options})", {**names, "names": names}).shape == names["content"].shape


def test_core_imports_stay_within_the_core_dependencies():
    """What a plain `pip install` gives is enough for `import nst` and its methods."""
    modules = {"pil": "pillow", "skimage": "scikit-image"}
    extras_only = set(requirements(*EXTRAS)) - set(requirements())
    for path in sorted((TOP / "nst").rglob("*.py")):
        if {"figures", "training", "widgets", "teaching"} & {*path.parts}:
            continue  # these have extras of their own
        for module in re.findall(r"^(?:from|import) (\w+)", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            assert modules.get(module.lower(), module) not in extras_only, f"{path.name} imports {module}"


def test_versions_agree():
    citation = yaml.safe_load((TOP / "CITATION.cff").read_text(encoding="utf-8"))
    assert nst.__version__ == PROJECT["version"] == citation["version"]


def test_citation_names_the_papers():
    citation = yaml.safe_load((TOP / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["cff-version"] == "1.2.0" and citation["license"] == PROJECT["license"]
    assert all({"title", "authors", "type"} <= set(entry) for entry in [citation, *citation["references"]])
    numbers = [reference["identifiers"][0]["value"] for reference in citation["references"]]
    assert numbers == ["arXiv:1508.06576", "arXiv:1603.08155", "arXiv:1607.08022", "arXiv:1703.06868", "arXiv:1705.08086"]


# --- the house --------------------------------------------------------------------------------------------------------------------

MODULES = {
    ".".join(path.relative_to(TOP).with_suffix("").parts) for path in (TOP / "nst").rglob("*.py") if path.stem != "__main__"
}  # nst.gatys, nst.training.loop, nst.training.__init__, …
UPPER = ("figures", "teaching", "widgets", "command")  # a room of these may import the ones before it


def drawn() -> set[str]:
    """The modules of nst as CONTRIBUTING.md draws them: a line for each, indented by its folder."""
    text = (TOP / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## The house")[1].split("```")[1]
    found, folder = set(), ""
    for spaces, name, end in re.findall(r"^( +)(\w+)(\.py|/) ", text, flags=re.MULTILINE):
        if len(spaces) == 2:
            folder = f"{name}." if end == "/" else ""
        if end == ".py":
            found.add(f"nst.{folder if len(spaces) > 2 else ''}{name}")
    return found


def test_the_house_is_drawn_as_it_is():
    checks = {name for name in MODULES if name.startswith("nst.teaching.checks.")}  # one line for all of them
    assert drawn() == {name for name in MODULES - checks if not name.endswith("__init__")}


def test_the_library_is_seen_on_one_screen():
    assert len([path for path in (TOP / "nst").iterdir() if path.name != "__pycache__"]) <= 28


def imports() -> dict[str, set[str]]:
    """{module: those of ours that it imports, wherever in it}: read from the source."""
    graph = {}
    for module in MODULES:
        tree = ast.parse((TOP / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8"))
        plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        assert not any(name.startswith("nst.") for name in plain), f"{module}: write from … import …"
        nodes = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "nst"]
        graph[module] = {found for node in nodes for alias in node.names if (found := origin(node.module, alias.name)) != module}
    return graph


def origin(package: str, name: str) -> str:
    """The module that `from package import name` gets the name from."""
    if f"{package}.{name}" in MODULES or f"{package}.{name}.__init__" in MODULES:
        return f"{package}.{name}" if f"{package}.{name}" in MODULES else f"{package}.{name}.__init__"
    if package in MODULES:
        return package
    stub = TOP / package.replace(".", "/") / "__init__.pyi"
    for node in ast.parse(stub.read_text(encoding="utf-8")).body if stub.is_file() else []:
        if isinstance(node, ast.ImportFrom) and node.module and name in {alias.name for alias in node.names}:
            return f"{package}.{node.module}"
    return f"{package}.__init__"


def room(module: str) -> str:
    return module.split(".")[1] if module.count(".") > 1 else ""


def test_imports_run_one_way():
    for module, imported in imports().items():
        for other in imported - {"nst.__init__"}:  # the version
            if room(module) == "support":
                assert room(other) == "support", f"{module} imports {other}"
            if room(other) in UPPER:
                assert room(module) in UPPER[UPPER.index(room(other)) :], f"{module} imports {other}"


def test_no_module_imports_itself_by_a_detour():
    graph = imports()
    done: set[str] = set()
    while leaves := {module for module in graph if module not in done and graph[module] <= done | {"nst.__init__"}}:
        done |= leaves
    assert sorted(graph.keys() - done) == []


# --- nothing of one machine -------------------------------------------------------------------------------------------------------


def test_no_tracked_file_holds_a_path_of_one_machine():
    pattern = re.compile(r"(?<![\w.~/}])/(?:work|root|tmp|home|Users|opt|mnt)/\w")
    assert [(name, found[0]) for name, text in texts().items() if (found := pattern.search(text))] == []


@pytest.mark.skipif(not (TOP / ".git").exists(), reason="no clone")
def test_no_environment_and_nothing_built_is_tracked():
    """A tracked link .venv would replace the environment of everybody who updates a clone."""
    command = ["git", "ls-files", "--cached", "--ignored", "--exclude-standard"]
    assert subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=True).stdout == ""


def test_no_tracked_file_names_a_package_index():
    hosts = ["pypi" + ".org", "python" + "hosted", "pytorch" + ".org/whl", "anaconda" + ".org", "npmjs" + ".org"]
    needles = [*hosts, "--index" + "-url", "--extra-" + "index-url", ".." + "/shared"]  # in two pieces: this file is tracked, too
    assert [(name, needle) for name, text in texts().items() for needle in needles if needle in text] == []


# --- what a reader follows --------------------------------------------------------------------------------------------------------


def test_links_lead_to_files():
    """Relative links and pictures in Markdown files and in the notebooks' text."""
    broken = []
    first_page = TOP / "notebooks" / "book" / "index.md"  # it leads to pages of the site: tests/project/test_book.py
    for path in tracked():
        if path.suffix == ".md" and path != first_page:
            text = path.read_text(encoding="utf-8")
        elif path.suffix == ".ipynb":
            text = "\n\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "markdown")
        else:
            continue
        for link in re.findall(r"\]\(([^)\s]+)[^)]*\)", text) + re.findall(r'(?:src|href)="([^"]+)"', text):
            target = link.split("#")[0]
            if target and not re.match(r"[a-z]+:", target) and not (path.parent / target).exists():
                broken.append((path.relative_to(TOP).as_posix(), link))
    assert broken == []


@pytest.mark.parametrize("name", ["README.md", "README.zh.md", "NOTICE", "LICENSE", "data/README.md", "notebooks/README.md"])
def test_what_a_newcomer_looks_for_is_there(name: str):
    assert (TOP / name).is_file()


def test_makefile_has_the_targets_that_the_texts_name():
    targets = set(re.findall(r"^([a-z]+):", (TOP / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))
    assert {"help", "run", "test", "lab", "app", "notebooks", "lint", "lock", "clean"} <= targets
    app = re.search(r"^app:(?:.*\n\t.*)+", (TOP / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE)[0]
    assert int(re.search(r"websocket_max_message_size':(\d+)", app)[1]) >= 200 * 2**20  # for photographs that are sent
    for name in ("README.md", "CONTRIBUTING.md", "notebooks/README.md"):
        text = (TOP / name).read_text(encoding="utf-8")
        assert set(re.findall(r"(?:^ *|`)make ([a-z]+)", text, flags=re.MULTILINE)) <= targets, name


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("make"), reason="no make here")
def test_make_help_lists_every_target():
    shown = subprocess.run(["make", "help"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in shown.splitlines() if line.startswith("  make ")} >= {"run", "test", "lab", "notebooks"}


@pytest.mark.skipif(sys.platform == "win32" or not shutil.which("make"), reason="no make here")
def test_make_refuses_an_old_python(tmp_path: Path):
    old = tmp_path / "python"
    old.write_text('#!/bin/sh\nif [ "$1" = --version ]; then echo Python 3.8.18; else exit 1; fi\n')
    old.chmod(0o755)
    made = subprocess.run(["make", "run", f"PYTHON={old}", f"VENV={tmp_path / 'venv'}"], cwd=TOP, capture_output=True, text=True)
    assert made.returncode != 0 and "Python 3.8.18: this course needs Python 3.11 or newer" in made.stderr
    assert not (tmp_path / "venv").exists()


def test_coverage_is_gated():
    workflow = yaml.safe_load((TOP / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    assert any(step.get("run") == "make coverage" for step in workflow["jobs"]["coverage"]["steps"])
    settings = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["coverage"]
    assert settings["run"]["branch"] and settings["report"]["fail_under"] >= 95


def test_ci_run_is_executable_shell():
    first, *_ = (TOP / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert first == "#!/usr/bin/env bash"
    assert sys.platform == "win32" or (TOP / ".ci" / "run").stat().st_mode & 0o111


def test_workflow_covers_three_systems_and_the_gpu():
    workflow = yaml.safe_load((TOP / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    matrix = workflow["jobs"]["test"]["strategy"]["matrix"]["include"]
    assert {entry["os"].split("-")[0] for entry in matrix} == {"ubuntu", "macos", "windows"}
    assert {entry["python"] for entry in matrix if entry["os"].startswith("ubuntu")} == {"3.11", "3.12", "3.13", "3.14"}
    assert "startsWith(matrix.os, 'macos') && 'cpu'" in workflow["jobs"]["test"]["env"]["NST_DEVICE"]
    minimum = " ".join(step.get("run", "") for step in workflow["jobs"]["minimum"]["steps"])
    everything = '".[notebooks,train,app,video,export,book,test]"'  # all that the tests import
    assert "tests/minimum.py" in minimum and everything in minimum
    assert workflow["jobs"]["gpu"]["env"] == {"NST_DEVICE": "cuda", "NST_PROFILE": "full"}


def steps(name: str) -> list[dict]:
    """The steps of all jobs of a workflow."""
    workflow = yaml.safe_load((TOP / ".github" / "workflows" / name).read_text(encoding="utf-8"))
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def test_a_workflow_publishes_the_book_that_was_looked_at():
    """Built with the address that it is published under, read in a browser, and only then uploaded."""
    found = [step.get("run") or step["uses"].split("@")[0] for step in steps("book.yml")]
    order = ["actions/checkout", "make book BOOK", "make book-check", "actions/upload-pages-artifact", "actions/deploy-pages"]
    places = [next(n for n, step in enumerate(found) if step.startswith(begin)) for begin in order]
    assert places == sorted(places)
    workflow = yaml.safe_load((TOP / ".github" / "workflows" / "book.yml").read_text(encoding="utf-8"))
    assert workflow["jobs"]["publish"]["needs"] == "build" and workflow["permissions"]["pages"] == "write"
    assert "${{ github.server_url }}/${{ github.repository }}" in found[places[1]]
    upload = next(step for step in steps("book.yml") if "upload-pages" in step.get("uses", ""))
    assert upload["with"]["path"] == "build/book"


def test_a_monthly_workflow_tries_the_newest_versions_without_the_lock():
    text = (TOP / ".github" / "workflows" / "monthly.yml").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert re.fullmatch(r"\d+ \d+ \d+ \* \*", workflow[True]["schedule"][0]["cron"])  # YAML reads `on` as True
    runs = " ".join(step.get("run", "") for step in steps("monthly.yml"))
    assert "--upgrade" in runs and "-c requirements.lock" not in text and '".[notebooks,train,app,video,export,book,test]"' in runs
    assert workflow["jobs"]["newest"]["env"] == {"NST_PROFILE": "smoke"}
    assert "notebooks --nbval-lax" in runs and "notebooks/run.py" in runs
