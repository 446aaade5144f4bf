"""What a job's text, as the journal keeps it, says of its speed: for those who look at a run without its job file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bulkim.errors import InputError
from bulkim.jobfile.values import calls_per_s
from bulkim.yamltree import parse

_SET = re.compile(r"^# --set (rate\.limit|rate\.share|batch|concurrency)=(.+)$", re.MULTILINE)


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
    rate, connection = _mapping(job.get("rate")), _mapping(job.get("connection"))
    said = {**{f"rate.{key}": value for key, value in rate.items()}, **job, **dict(_SET.findall(text or ""))}
    batch, concurrency = _number(said.get("batch")), _number(said.get("concurrency"))
    return Settings(
        limit=_number(said.get("rate.limit")),
        share=_number(said.get("rate.share")) or 1.0,
        pools={str(name): found for name, value in _mapping(rate.get("pools")).items() if (found := _number(value))},
        batch=int(batch) if batch else None,
        concurrency=int(concurrency) if concurrency else None,
        open_registration=connection.get("auth") == "none",
    )  # fmt: skip


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _number(value: Any) -> float | None:
    """A positive number, or None. Text may have a unit, as a limit does."""
    try:
        found = float(calls_per_s(value) if "/" in str(value) else value)
    except (TypeError, ValueError):
        return None
    return found if 0 < found < float("inf") else None
