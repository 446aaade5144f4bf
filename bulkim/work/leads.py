"""The connection of a job that goes where a run went: by the name that the run's job had for it, or written out.

A name is looked up beside the job file. Where a new job file lies in another folder, it says all that the name said,
but for secrets: those become references to the environment.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkim import jobfile
from bulkim.catalogue.shapes import Provider
from bulkim.errors import ImpossibleError
from bulkim.journal.records import RunRecord

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


@dataclass(frozen=True, slots=True)
class Leads:
    """A job file's `connection`: `text` is what stands in it beside the run's own job file, `whole` anywhere."""

    text: str
    whole: str
    home: Path  # the run's job file
    app: dict[str, Any]
    name: str | None = None

    def written(self, job: str, place: Path) -> str:
        """The text of a job as it is to be written there."""
        return job if self._holds(place) else job.replace(self.text, self.whole, 1)

    def needs(self, place: Path | None = None) -> tuple[str, ...]:
        """What a job file there needs and has not, a line each; None: beside the run's own."""
        by_name = self.name is not None and self._holds(place or self.home)
        said = (
            as_yaml(jobfile.entry_now(self.name, place or self.home)) if by_name and self.name else self.whole
        )
        unset = [name for name in dict.fromkeys(_VARIABLE.findall(said)) if not os.environ.get(name)]
        if not unset:
            return ()
        line = f"the job needs {' and '.join(unset)} in the environment, not set now"
        if self.name is None or by_name:
            return (line,)
        return (f"{line}; or write it beside {self.home}, where connection {self.name!r} is known",)

    def _holds(self, place: Path) -> bool:
        """Whether the name, if there is one, leads there from that file."""
        return self.name is None or _entry(self.name, place).leads_to(self.app)


def leading(record: RunRecord, provider: Provider) -> Leads:
    """The run's app, always; what else the job file said of it, secrets left out. Raises ImpossibleError."""
    base_url, _, app = record.target.partition(" ")
    ours, home, told = _app(provider, app), place_of(record), _told(record)
    there = {"base_url": base_url, **ours}
    whole = "\n".join(_whole(told, there, provider))
    if told.name is None or not _entry(told.name, home).leads_to(there):
        return Leads(whole, whole, home, there)
    beside = f"# as in {in_comment(record.job_path or '')}: keep this file beside it"
    return Leads(f"connection: {as_yaml(told.name)}  {beside}", whole, home, there, told.name)


def _whole(told: jobfile.Kept, app: dict[str, Any], provider: Provider) -> Iterator[str]:
    yield "connection:"
    yield from (f"  {key}: {as_yaml(value)}" for key, value in app.items())
    auth = told.auth(provider)
    if auth == "none":  # open registration; whatever undoes it needs credentials
        auth = jobfile.Kept().auth(provider)
    yield f"  auth: {as_yaml(auth)}"
    yield from (f"  {key}: {as_yaml(value)}" for key, value in told.others.items())


def _told(record: RunRecord) -> jobfile.Kept:
    """The connection as the job had it."""
    if record.settings is None:
        return jobfile.kept_connection(record.job_text or "", place_of(record))
    written = record.settings.get("connection") or {}
    return jobfile.Kept(written.get("name"), written.get("section") or {})


def _entry(name: str, place: Path) -> jobfile.Kept:
    """The connection of that name, wherever it leads today from a job file there."""
    return jobfile.Kept(name, jobfile.entry_now(name, place))


def place_of(record: RunRecord) -> Path:
    """The run's job file."""
    return Path(record.job_path or "job.yaml")


def _app(provider: Provider, target: str) -> dict[str, Any]:
    """What names the run's app in a connection, by the first form that its target fits."""
    for form in provider.apps:
        if (values := form.read(target)) is not None:
            return {key: int(value) if key in form.numbers else value for key, value in values.items()}
    raise ImpossibleError(f"no connection to {provider.label} leads to {target!r}.")


def as_yaml(value: Any) -> str:
    """JSON is YAML."""
    return json.dumps(value, ensure_ascii=False)


def in_comment(text: str) -> str:
    """Fit for a comment."""
    return "".join(char if char.isprintable() else " " for char in text)
