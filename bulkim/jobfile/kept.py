"""What a job's text, as the journal keeps it, still says: for runs of journals in which `run.settings` is empty.

They were made before settings were recorded; this reader goes with the release after the one that records them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bulkim.catalogue.proofs import usual
from bulkim.catalogue.shapes import Provider
from bulkim.errors import InputError
from bulkim.jobfile.connection import look_up
from bulkim.jobfile.values import base_url, calls_per_s
from bulkim.yamltree import Node, parse

_REFERENCE = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\})+")


@dataclass(frozen=True, slots=True)
class Kept:
    """A connection without its secrets."""

    name: str | None = None  # of an entry in connections.yaml
    section: Mapping[str, Any] = field(default_factory=dict, repr=False)  # the mapping as written

    def leads_to(self, app: Mapping[str, Any]) -> bool:
        """Whether what is written says the same about the app, key for key."""
        written = {key: self.section.get(key) for key in app}
        try:
            written["base_url"] = base_url(str(written["base_url"]))
        except ValueError:
            return False
        return written == dict(app)

    @property
    def others(self) -> dict[str, Any]:
        """What stands beside the app and its credentials."""
        return {key: self.section[key] for key in ("environment", "allow_http") if key in self.section}

    def auth(self, provider: Provider) -> Mapping[str, str] | str:
        """Credentials as a job file writes them, each secret a reference to the environment."""
        written = self.section.get("auth")
        if written == "none":
            return "none"
        secrets = {each.secret for each in provider.auth if each.secret}
        if not isinstance(written, Mapping) or not secrets.intersection(written):
            return usual(provider.name, provider.auth)
        return {
            key: f"${{BULKIM_{key.upper()}}}"
            if key in secrets and not _REFERENCE.fullmatch(str(value))
            else str(value)
            for key, value in written.items()
        }


def kept_connection(text: str, path: Path) -> Kept:
    """The connection in a job file's text; one that is named is looked up beside `path`. Never raises."""
    try:
        section = parse(text, str(path))[0].child("connection")
        if section is None or not isinstance(section.value, str):
            return Kept(section=_mapping(section))
        return Kept(section.value, _mapping(look_up(section, path)[0]))
    except InputError:
        return Kept()


def kept_value(text: str, name: str) -> str | None:
    """A key of a job file's text, as written; None where it is no text. Never raises."""
    try:
        node = parse(text, "job.yaml")[0].child(name)
    except InputError:
        return None
    return node.value if node is not None and isinstance(node.value, str) else None


def kept_section(text: str, name: str) -> dict[str, Any]:
    """A section of a job file's text, as written; empty where there is none. Never raises."""
    try:
        return dict(_mapping(parse(text, "job.yaml")[0].child(name)))
    except InputError:
        return {}


def _mapping(node: Node | None) -> Mapping[str, Any]:
    plain = node.plain() if node is not None else None
    return plain if isinstance(plain, dict) else {}


# ------------------------------------------------------------------------------------------- speed


@dataclass(frozen=True, slots=True)
class Settings:
    """A job's own wishes; None where it has none."""

    limit: float | None = None
    share: float = 1.0
    pools: Mapping[str, float] = field(default_factory=dict)
    batch: int | None = None
    concurrency: int | None = None
    open_registration: bool = False


def kept_settings(text: str | None) -> Settings:
    """The settings in a job file's text, `--set` options included. Never raises: what cannot be read says nothing."""
    try:
        job = parse(text or "", "job")[0].plain()
    except InputError:
        return Settings()
    if not isinstance(job, Mapping):
        return Settings()
    rate, connection = _plain(job.get("rate")), _plain(job.get("connection"))
    said = {**{f"rate.{key}": value for key, value in rate.items()}, **job, **_options(text or "")}
    batch, concurrency = _number(said.get("batch")), _number(said.get("concurrency"))
    return Settings(
        limit=_number(said.get("rate.limit")),
        share=_number(said.get("rate.share")) or 1.0,
        pools={str(name): found for name, value in _plain(rate.get("pools")).items() if (found := _number(value))},
        batch=int(batch) if batch else None,
        concurrency=int(concurrency) if concurrency else None,
        open_registration=connection.get("auth") == "none",
    )  # fmt: skip


def _options(text: str) -> dict[str, str]:
    """``--set`` options, which stand below the text as comments."""
    said = [
        line.removeprefix("# --set ").partition("=")
        for line in text.splitlines()
        if line.startswith("# --set ")
    ]
    return {
        key: value for key, _, value in said if key in {"rate.limit", "rate.share", "batch", "concurrency"}
    }


def _plain(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    """A positive number, or None. Text may have a unit, as a limit does."""
    try:
        found = float(calls_per_s(value) if "/" in str(value) else value)
    except (TypeError, ValueError):
        return None
    return found if 0 < found < float("inf") else None
