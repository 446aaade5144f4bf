"""A job on its way to workers: secrets stay references, which each worker resolves for itself; items stay where they are."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from bulkim import jobfile, vendors
from bulkim.catalogue.shapes import Operation
from bulkim.errors import InputError, Problem
from bulkim.jobfile import Written
from bulkim.jobfile.hooks import receivers
from bulkim.model import Job
from bulkim.redact import names_secret

SECRETS = "auth"  # the part of a connection that only workers can fill in
ELSEWHERE = {"jsonl": "-"}  # the source of a run whose items are in the database
HINT = "a fleet's database holds no secrets: write ${NAME} here, and set NAME where workers run"

_load = partial(jobfile.load, providers=vendors.PROVIDERS)


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as it is planned here, and as workers will load it."""

    job: Job
    operation: Operation
    path: Path | None  # the job file; None: it came through a pipe
    whole: Mapping[str, Any]  # a job file's mapping with its source as it is, for whoever plans it again

    @property
    def input(self) -> Path | None:
        """What workers read secrets from, too."""
        return self.job.source.path if self.operation.secrets else None

    @property
    def travels(self) -> Mapping[str, Any]:
        """The mapping that a worker loads: items stay in the database, and `7d` means the same whenever somebody comes to it."""
        source, given = self.whole.get("source"), self.job.source
        if not source:
            return self.whole
        if given.is_file and self.operation.secrets:  # what a pattern names is looked up once
            return {**self.whole, "source": {**source, given.kind: str(given.files[0].absolute())}}
        if not given.is_listing:
            return {**self.whole, "source": ELSEWHERE}
        moments = {name: getattr(given.where, name) for name in ("created_before", "created_after")}
        fixed = {
            name: datetime.fromtimestamp(moment, UTC).isoformat()
            for name, moment in moments.items()
            if moment is not None
        }
        return {**self.whole, "source": {**source, "where": {**(source.get("where") or {}), **fixed}}}


def submission(path: Path, env: Mapping[str, str], overrides: Sequence[tuple[str, str]] = ()) -> Submission:
    """Raises InputError: for all that is wrong with a job, and for secrets that are written into it."""
    seen: list[Written] = []

    def literal(written: Written) -> Iterator[Problem]:
        seen.append(written)
        return _literal(written)

    job = _load(path, env=env, overrides=overrides, unset=SECRETS, also=literal)
    (written,) = seen
    plain = {**written.root.plain(), "name": job.name}
    plain["connection"] = {**written.connection, "base_url": job.connection.base_url}
    if written.named and not any(key.startswith("connection.") for key, _ in overrides):
        plain["connection"] = written.named  # which each worker looks up
    if job.source.files and job.source.written:
        places = [_in_full(each, path.parent) for each in job.source.written.split("\n")]
        plain["source"][job.source.kind] = places if len(places) > 1 else places[0]
    return _suitable(Submission(job, written.operation, job.path, plain))


def again(
    whole: Mapping[str, Any], path: Path | None, vendor_text: str | None, env: Mapping[str, str] = os.environ
) -> Submission:
    """The same of a job that was checked before, read anew. Raises InputError."""
    job = _load(dict(whole), env=env, vendor_text=vendor_text, unset=SECRETS)
    operation = vendors.provider(job.provider, job.vendor_text).operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    return _suitable(Submission(job, operation, path, whole))


def _literal(written: Written) -> Iterator[Problem]:
    """Secrets that stand in the job itself."""
    root, auth = written.root, written.connection.get("auth")
    public = {each.identity for each in written.provider.auth}
    for key, value in auth.items() if isinstance(auth, Mapping) else ():
        if key not in public and not jobfile.REFERENCE.fullmatch(str(value)):
            mark = root.mark_of(("connection", "auth", key))
            yield mark.problem("connection.auth: a secret is written here", HINT)
    for part in (root.at(("source", "items")), root.child("params")):
        for where, scalar in part.scalars() if part is not None else ():
            keys = [part for part in where if isinstance(part, str)]
            if any(key in written.operation.secrets or names_secret(key) for key in keys):
                hint = "put them into a file that workers can read, and name it in `source`"
                yield scalar.mark.problem(
                    f"{keys[-1]}: a secret is written here, and a fleet's database holds none", hint
                )
                break
    for name, hook in receivers(root):
        yield hook.mark_of(("url",)).problem(f"{name}.url: whoever knows this address may post there, and the database would hold it",
                                "leave it out; `bulkim fleet submit --wait` ends with the run")  # fmt: skip


def _suitable(sent: Submission) -> Submission:
    """Raises InputError for what only this host has."""
    job, source, secrets = sent.job, sent.job.source, sent.operation.secrets
    found: list[tuple[str, str]] = []
    if source.is_earlier_run:
        found.append(("source.run: workers do not have this host's journal",
                      "`bulkim results RUN --rejects -o again.csv`, and submit a job that reads that file"))  # fmt: skip
    if any(each.generate for each in source.computed.values()):
        found.append(("source.columns: generated secrets are kept on one host",
                      "make them with `bulkim run`, or into a file that workers can read"))  # fmt: skip
    if secrets and len(source.files) > 1:
        found.append((f"{job.operation} needs secrets, and workers read them from one file", "put the files together into one"))  # fmt: skip
    if secrets and (source.is_stdin or source.kind == "items"):
        found.append((f"{job.operation} needs {', '.join(secrets)}, which only a file can give to workers",
                      "write them into a file on storage that workers have, too"))  # fmt: skip
    if found:
        raise InputError([Problem(str(sent.path or "job"), None, None, *each) for each in found])
    return sent


def _in_full(place: str, folder: Path) -> str:
    """A file or a pattern, which means the same wherever the job is planned again."""
    return str((folder / os.path.expanduser(place)).absolute())  # noqa: PTH111 - never raises


def digest(path: Path) -> str:
    """SHA-256 of a file. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class LackingError(Exception):
    """This worker cannot work on a run; another may. Its words say what is missing."""


def resolve(
    travels: Mapping[str, Any],
    *,
    target: str,
    input_sha256: str | None,
    vendor_text: str | None,
    env: Mapping[str, str] = os.environ,
) -> Job:
    """The job as this worker can send it; a provider of one's own is in `vendor_text`. Raises LackingError."""
    try:
        job = _load(dict(travels), env=env, vendor_text=vendor_text, unset=True)
    except InputError as error:
        raise LackingError(f"cannot be loaded here: {error.problems[0]}") from error
    if job.unset:
        raise LackingError(f"needs {', '.join(sorted(job.unset))}")
    here = f"{job.connection.base_url} {job.connection.target}"
    if here != target:
        raise LackingError(f"its connection leads to {here} here")
    path = job.source.path
    if input_sha256 is not None and path is not None:
        try:
            same = digest(path) == input_sha256
        except OSError as error:
            raise LackingError(f"{path} cannot be read here: {error.strerror}") from error
        if not same:
            raise InputError(
                [Problem(str(path), None, None, "is not what was submitted")],
                hint="put it back, or submit the job again",
            )
    return job
