"""What a job says that is recorded with its run, for those who look at the run without its file. Never a secret."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from bulkim.catalogue.shapes import Provider
from bulkim.errors import InputError
from bulkim.jobfile.connection import look_up
from bulkim.yamltree import Mark, Node

REFERENCE = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\})+")
SECTIONS = ("rate", "guard")  # what holds for a job that follows from this one, too


def recorded_connection(provider: Provider, section: Mapping[str, Any], name: str | None) -> dict[str, Any]:
    """A valid connection as it was written, before the environment was filled in; `name` is its own in connections.yaml.

    A secret that was written out becomes a reference to a variable that is to be set.
    """
    auth, public = section.get("auth"), {each.identity for each in provider.auth}
    if isinstance(auth, Mapping):
        section = {**section, "auth": {key: _named(key, value, public) for key, value in auth.items()}}
    return {"name": name, "section": section}


def _named(key: str, value: Any, public: Collection[str]) -> Any:
    return value if key in public or REFERENCE.fullmatch(str(value)) else f"${{BULKIM_{key.upper()}}}"


def recorded_sections(root: Node) -> dict[str, Mapping[str, Any]]:
    """Rate and guard as the job has them, options included."""
    found = {name: root.child(name) for name in SECTIONS}
    return {name: node.plain() for name, node in found.items() if node is not None and node.value}


def entry_now(name: str, job_path: Path) -> dict[str, Any]:
    """What connections.yaml, beside a job or the user's own, says under a name today; empty where it says nothing."""
    try:
        entry = look_up(Node(name, Mark(str(job_path))), job_path)[0].plain()
    except InputError:
        return {}
    return entry if isinstance(entry, dict) else {}
