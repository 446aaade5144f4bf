"""What people install: the wheel and the source distribution, in clean environments, for every Python that is supported."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PYTHONS = ("3.11", "3.12", "3.13")

pytestmark = pytest.mark.slow


def run(*words: str | Path, **options) -> str:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    ended = subprocess.run(
        [str(word) for word in words],
        capture_output=True,
        text=True,
        check=False,
        env=clean,
        timeout=600,
        **options,
    )
    assert ended.returncode == 0, f"{words}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def install(python: str | Path, what: Path, venv: Path) -> None:
    """`what` as people install it, into an environment of its own."""
    run(python, "-m", "venv", venv)
    constraint = ROOT / "constraints.txt"
    run(venv / "bin/python", "-m", "pip", "install", "--quiet", "--constraint", constraint, what)


def interpreter(version: str) -> Path | None:
    """A Python of this version: this one, one of PATH, or one that pyenv keeps."""
    if version == f"{sys.version_info.major}.{sys.version_info.minor}":
        return Path(sys.executable)
    kept = sorted(
        Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(f"{version}.*/bin/python")
    )
    on_path = shutil.which(f"python{version}")
    for found in (*reversed(kept), *([Path(on_path)] if on_path else [])):
        said = subprocess.run([found, "-V"], capture_output=True, text=True, check=False)  # a shim may refuse
        if said.stdout.startswith(f"Python {version}."):
            return found
    return None


@pytest.fixture(scope="module")
def built(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", out, ROOT)
    return out


def test_the_wheel_holds_the_program_and_nothing_else(built):
    with zipfile.ZipFile(next(built.glob("*.whl"))) as wheel:
        names = wheel.namelist()
        metadata = wheel.read(next(name for name in names if name.endswith("/METADATA"))).decode()
    assert {name.split("/")[0] for name in names} == {
        "bulkim",
        f"bulkim-{re.search('(?m)^Version: (.*)', metadata)[1]}.dist-info",
    }
    assert "bulkim/py.typed" in names
    for target in re.findall(r"\]\(([^)]+)\)|src(?:set)?=\"([^\"]+)\"", metadata):
        assert "".join(target).startswith(("https://", "#")), f"{target} leads nowhere on a package index"


def test_the_source_distribution_can_test_itself(built):
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {
        "Makefile",
        "constraints.txt",
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "tests/conftest.py",
        "docs/conf.py",
    } <= names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".db", ".pyc"))]


@pytest.mark.parametrize("version", PYTHONS)
@pytest.mark.parametrize("kind", ["*.whl", "*.tar.gz"])
def test_installed_it_works(built, tmp_path, version, kind):
    python = interpreter(version)
    if python is None:
        pytest.skip(f"there is no Python {version} on this machine")
    install(python, next(built.glob(kind)), tmp_path / "venv")
    bulkim = tmp_path / "venv/bin/bulkim"
    assert run(bulkim, "--version", cwd=tmp_path).startswith("bulkim")
    run(bulkim, "init", "work", cwd=tmp_path)
    job = next(each for each in sorted((tmp_path / "work").glob("*.yaml")) if each.name != "connections.yaml")
    run(bulkim, "run", job, "--sandbox", "--yes", cwd=tmp_path)
    assert "finished" in run(bulkim, "runs", cwd=tmp_path)


def test_the_image_has_what_it_copies_and_runs_as_anybody(built, tmp_path):
    """Without a container engine: what the Dockerfile copies is let through, and its places suit a user without a name."""
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    copied = re.findall(
        r"^COPY (?!--from)(.*) \S+$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert {name for line in copied for name in line.split()} == let_in
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("another user is to be had as root, with setpriv")
    install(sys.executable, next(built.glob("*.whl")), tmp_path / "venv")
    for place in (*tmp_path.parents, tmp_path):
        if place.is_relative_to(Path("/tmp").resolve()) and place != Path("/tmp").resolve():
            place.chmod(0o755)
    for name in ("work", "journal"):
        (tmp_path / name).mkdir()
        (tmp_path / name).chmod(0o1777)
    nobody = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups", "env", "-i", "PATH=/usr/bin:/bin",
              f"HOME={tmp_path}/journal", f"XDG_STATE_HOME={tmp_path}/journal/state", f"BULKIM_JOURNAL={tmp_path}/journal/bulkim.db"]  # fmt: skip
    bulkim = tmp_path / "venv/bin/bulkim"
    if subprocess.run([*nobody, bulkim, "--version"], capture_output=True, check=False).returncode:
        pytest.skip("this Python cannot be read by another user")
    run(*nobody, bulkim, "init", ".", cwd=tmp_path / "work")
    job = next(each for each in sorted((tmp_path / "work").glob("*.yaml")) if each.name != "connections.yaml")
    run(*nobody, bulkim, "run", job, "--sandbox", "--yes", cwd=tmp_path / "work")
    assert (tmp_path / "journal/bulkim.db").stat().st_mode & 0o777 == 0o600
