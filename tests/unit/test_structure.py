"""The house, held to its plan: who may import whom, how large a room may grow, what no file may say."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from support.house import APART, DATA, LAYERS, LINES_MAX, OWNERS

from bulkim import jobfile
from bulkim.vendors import PROVIDERS

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "bulkim"


@dataclass(frozen=True)
class Import:
    path: str  # of the importing file, inside bulkim/
    line: int
    module: str  # the importing module, without "bulkim."
    wanted: str  # the imported module, in full
    lazy: bool  # inside a function, or for type checkers only

    def __str__(self) -> str:
        return f"bulkim/{self.path}:{self.line}: {self.module} imports {self.wanted}"


def room(module: str) -> str:
    return module.partition(".")[0]


def below(module: str, owners: tuple[str, ...]) -> bool:
    return any(module == owner or module.startswith(owner + ".") for owner in owners)


@cache
def imports() -> tuple[Import, ...]:
    return tuple(each for file in sorted(PACKAGE.rglob("*.py")) for each in _imports_of(file))


def _imports_of(file: Path) -> Iterator[Import]:
    path = file.relative_to(PACKAGE)
    module = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
    tree = ast.parse(file.read_text(encoding="utf-8"))
    eager = set(map(id, tree.body))
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"bulkim/{path}:{node.lineno}: imports are absolute here"
            base = node.module or ""
            names = [f"{base}.{alias.name}" if base == "bulkim" else base for alias in node.names]
        for name in dict.fromkeys(names):
            yield Import(str(path), node.lineno, module, name, id(node) not in eager)


# ------------------------------------------------------------------------------------------- layers


def test_a_room_knows_only_what_lies_below_it():
    """The contracts in pyproject.toml: layers, and who may not know whom."""
    ended = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as main; main()", "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_every_room_has_a_layer():
    rooms = {room(each.module) for each in imports()} - APART
    known = {each for layer in LAYERS for each in layer}
    assert rooms <= known, f"give them a layer in pyproject.toml: {sorted(rooms - known)}"


def test_every_library_has_its_owner():
    faults = []
    known = {"bulkim", *sys.stdlib_module_names}
    for each in imports():
        top = each.wanted.partition(".")[0]
        name = each.wanted if each.wanted in OWNERS else top
        if name in OWNERS:
            owners, why = OWNERS[name]
            if not below(each.module, owners):
                faults.append(f"{each}: it belongs to {', '.join(owners) or 'nobody'}, for {why}")
        elif top not in known:
            faults.append(f"{each}: give the library an owner in OWNERS")
    assert not faults, "\n".join(faults)


def test_every_dependency_is_used():
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    names = {re.split(r"[<>=!~ ]", each)[0].replace("-", "_").partition(".")[0] for each in declared}
    imported = {each.wanted.partition(".")[0] for each in imports()} | {"httptools"}  # uvicorn's parser
    assert names <= imported, f"declared, but imported by nobody: {sorted(names - imported)}"


def test_no_module_outgrows_its_room():
    lengths = {
        str(file.relative_to(PACKAGE)): len(file.read_text(encoding="utf-8").splitlines())
        for file in PACKAGE.rglob("*.py")
    }
    long = [
        f"bulkim/{path}: {lines} lines"
        for path, lines in lengths.items()
        if lines > LINES_MAX and not Path(path).match(DATA)
    ]
    assert not long, f"more than {LINES_MAX} lines want a second room: {', '.join(long)}"


# --------------------------------------------------------------------------------------------- cost


def test_help_imports_nothing_heavy():
    heavy = (
        "anyio",
        "httpx",
        "pydantic",
        "rich",
        "ruamel",
        "sqlite_utils",
        "starlette",
        "structlog",
        "uvicorn",
    )
    script = (
        "import sys; sys.argv = ['bulkim', '--help']\n"
        "from bulkim.cli import main\n"
        "try: main()\n"
        "finally: sys.stderr.write(' '.join(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "Usage: bulkim" in ended.stdout
    assert not [name for name in heavy if name in ended.stderr.split()]


# ------------------------------------------------------------------------------------------ content

_REGISTRY = re.compile(r"pypi\.(?:org|python)|python" + r"hosted\.org|npm" + r"js\.(?:org|com)|crates\.i[o]")
_MACHINE = re.compile(r"(?<![\w.~])/(?:home|root|Users|work|mnt|opt)/\w|\b[A-Z]:\\+\w")
_TRACKER = re.compile(
    r"\b(?:issue|ticket|story) ?#?\d|\b(?:JIRA|TODO|FIXME|XXX)\b|github\.com/[\w-]+/bulkim/(?:issues|pull)"
)


@cache
def tracked() -> tuple[Path, ...]:
    """What is in the repository; in an unpacked release, what is there."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    names = [name for name in listed.split("\0") if name]
    files = [ROOT / name for name in names] if names else _unpacked()
    return tuple(file for file in files if file.is_file() and file != Path(__file__).resolve())


def _unpacked() -> list[Path]:
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        found += [Path(folder) / name for name in names]
    return found


@pytest.mark.parametrize(
    ("pattern", "what"),
    [(_REGISTRY, "a package registry"), (_MACHINE, "a path of one machine"), (_TRACKER, "a tracker's word")],
    ids=["registry", "machine", "tracker"],
)
def test_no_file_names(pattern: re.Pattern[str], what: str):
    faults = []
    for file in tracked():
        content = file.read_bytes()
        text = "" if b"\0" in content else content.decode("utf-8", "replace")  # pictures say nothing
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            faults.append(f"{file.relative_to(ROOT)}:{line}: {match[0]!r} is {what}")
    assert not faults, "\n".join(faults)


# --------------------------------------------------------------------------------------------- jobs


class _Environment(dict[str, str]):
    """Every variable is set; numbers suit every place where one may stand."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        return "http://127.0.0.1:8086" if name.endswith("_URL") else "1400000000"

    def get(self, name, default=None):
        return self[name]


def job_files() -> list[Path]:
    found = [file for name in ("jobs", "examples") for file in (ROOT / name).rglob("*.yaml")]
    return sorted(
        file for file in found if re.search(r"^operation:", file.read_text(encoding="utf-8"), re.MULTILINE)
    )


@pytest.mark.parametrize("path", job_files(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_job_loads(path: Path):
    loaded = jobfile.load(path, env=_Environment(), providers=PROVIDERS)
    assert loaded.operation
    if loaded.source.path is not None:
        assert loaded.source.path.is_file(), f"{path.name} reads {loaded.source.path.name}"
