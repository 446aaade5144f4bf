"""A job on its way to workers: secrets stay references, which each worker resolves for itself; items stay where they are."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bulkim import jobfile, vendors
from bulkim.catalogue.shapes import Operation, Provider
from bulkim.errors import InputError, Problem
from bulkim.jobfile import place
from bulkim.jobfile.connection import secrets_of
from bulkim.model import Job
from bulkim.redact import names_secret
from bulkim.yamltree import Node, parse

REFERENCE = re.compile(r"(?:\$\{[A-Za-z_][A-Za-z0-9_]*\})+")
NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
STAND_IN = "not-set-here"
ELSEWHERE = {"jsonl": "-"}  # the source of a run whose items are in the database
HINT = "a fleet's database holds no secrets: write ${NAME} here, and set NAME where workers run"


@dataclass(frozen=True, slots=True)
class Submission:
    """A job as it is planned here, and as workers will load it."""

    job: Job
    travels: Mapping[str, Any]  # a job file's mapping
    input: Path | None  # what workers read secrets from, too
    path: Path  # the job file
    whole: Mapping[str, Any]  # the mapping with its source as it is, for whoever plans it again


def submission(path: Path, env: Mapping[str, str], overrides: Sequence[tuple[str, str]] = ()) -> Submission:
    """Raises InputError: for all that is wrong with a job, and for secrets that are written into it."""
    root, _ = parse(place.text_of(path), place.label(path))
    named = {name for node in _auth(root) for name in NAME.findall(str(node.value))}
    stand_ins = dict.fromkeys(named - env.keys(), STAND_IN)  # only workers need them
    job = jobfile.load(path, env={**env, **stand_ins}, overrides=overrides, providers=vendors.PROVIDERS)
    provider = vendors.provider(job.provider, job.vendor_text)
    operation = provider.operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    problems = [*_literal(root, provider, operation), *_set(overrides), *_unsuitable(job, operation, path)]
    if problems:
        raise InputError(problems)
    return _submission(job, operation, path.absolute(), _written(root, job, overrides, path.parent))


def again(
    whole: Mapping[str, Any], path: Path, vendor_text: str | None, env: Mapping[str, str] = os.environ
) -> Submission:
    """The same of a job that was checked before, read anew. Raises InputError."""
    missing = {
        name for text in map(str, _scalars(whole.get("connection"))) for name in NAME.findall(text)
    } - env.keys()
    job = jobfile.load(
        dict(whole),
        env={**env, **dict.fromkeys(missing, STAND_IN)},
        providers=vendors.PROVIDERS,
        vendor_text=vendor_text,
    )
    operation = vendors.provider(job.provider, job.vendor_text).operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    if problems := list(_unsuitable(job, operation, path)):
        raise InputError(problems)
    return _submission(job, operation, path, whole)


def _submission(job: Job, operation: Operation, path: Path, whole: Mapping[str, Any]) -> Submission:
    secrets = job.source.path if operation.secrets else None
    return Submission(job, _travelling(whole, job, operation), secrets, path, whole)


def _auth(root: Node) -> Iterator[Node]:
    section = root.child("connection")
    auth = section.child("auth") if section is not None else None
    for _, node in auth.scalars() if auth is not None else ():
        yield node


def _literal(root: Node, provider: Provider, operation: Operation) -> Iterator[Problem]:
    section = root.child("connection")
    for node in (
        secrets_of(section, provider) if section is not None and isinstance(section.value, dict) else ()
    ):
        if not REFERENCE.fullmatch(str(node.value)):
            yield node.mark.problem("connection.auth: a secret is written here", HINT)
    for part in (root.at(("source", "items")), root.child("params")):
        for where, scalar in part.scalars() if part is not None else ():
            keys = [part for part in where if isinstance(part, str)]
            if any(key in operation.secrets or names_secret(key) for key in keys):
                hint = "put them into a file that workers can read, and name it in `source`"
                yield scalar.mark.problem(
                    f"{keys[-1]}: a secret is written here, and a fleet's database holds none", hint
                )
                break
    hook = root.at(("notify", "url"))
    if hook is not None:
        yield hook.mark.problem("notify.url: whoever knows this address may post there, and the database would hold it",
                                "leave it out; `bulkim fleet submit --wait` ends with the run")  # fmt: skip


def _set(overrides: Sequence[tuple[str, str]]) -> Iterator[Problem]:
    for key, value in overrides:
        if (
            key.startswith("connection.auth.") and names_secret(key) and not REFERENCE.fullmatch(value)
        ) or key.startswith("notify"):
            yield Problem(f"--set {key}", None, None, "a secret is written here", HINT)


def _unsuitable(job: Job, operation: Operation, path: Path) -> Iterator[Problem]:
    source, file = job.source, str(path)
    if source.is_earlier_run:
        hint = "`bulkim results RUN --rejects -o again.csv`, and submit a job that reads that file"
        yield Problem(file, None, None, "source.run: workers do not have this host's journal", hint)
    if any(each.generate for each in source.computed.values()):
        hint = "make them with `bulkim run`, or into a file that workers can read"
        yield Problem(file, None, None, "source.columns: generated secrets are kept on one host", hint)
    if operation.secrets and len(source.files) > 1:
        hint = "put the files together into one"
        yield Problem(
            file, None, None, f"{job.operation} needs secrets, and workers read them from one file", hint
        )
    if operation.secrets and (source.is_stdin or source.kind == "items"):
        hint = "write them into a file on storage that workers have, too"
        yield Problem(
            file,
            None,
            None,
            f"{job.operation} needs {', '.join(operation.secrets)}, which only a file can give to workers",
            hint,
        )


def _written(root: Node, job: Job, overrides: Sequence[tuple[str, str]], folder: Path) -> dict[str, Any]:
    """The mapping as written, with the places of files in full."""
    plain: dict[str, Any] = root.plain()
    for key, text in overrides:
        *parents, last = key.split(".")
        at = plain
        for part in parents:
            at = at.setdefault(part, {})
        at[last] = parse(text, f"--set {key}")[0].plain() if text.strip() else ""
    plain["name"] = job.name
    if isinstance(plain.get("connection"), dict):
        plain["connection"]["base_url"] = job.connection.base_url
    if job.source.files and job.source.written:
        places = [_in_full(each, folder) for each in job.source.written.split("\n")]
        plain["source"][job.source.kind] = places if len(places) > 1 else places[0]
    return plain


def _in_full(place: str, folder: Path) -> str:
    """A file or a pattern, which means the same wherever the job is planned again."""
    return str((folder / os.path.expanduser(place)).absolute())  # noqa: PTH111 - never raises


def _travelling(whole: Mapping[str, Any], job: Job, operation: Operation) -> dict[str, Any]:
    """The mapping that a worker loads: items stay in the database, and `7d` means the same whenever somebody comes to it."""
    source = whole.get("source")
    if not source:
        return dict(whole)
    if job.source.is_file and operation.secrets:  # what a pattern names is looked up once
        return {**whole, "source": {**source, job.source.kind: str(job.source.files[0].absolute())}}
    if not job.source.is_listing:
        return {**whole, "source": ELSEWHERE}
    moments = {name: getattr(job.source.where, name) for name in ("created_before", "created_after")}
    fixed = {
        name: datetime.fromtimestamp(moment, UTC).isoformat()
        for name, moment in moments.items()
        if moment is not None
    }
    return (
        {**whole, "source": {**source, "where": {**(source.get("where") or {}), **fixed}}}
        if fixed
        else dict(whole)
    )


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
    connection = travels.get("connection")
    texts = [str(node) for node in _scalars(connection)] if isinstance(connection, dict) else []
    missing = sorted({name for text in texts for name in NAME.findall(text)} - env.keys())
    if missing:
        raise LackingError(f"needs {', '.join(missing)}")
    try:
        job = jobfile.load(dict(travels), env=env, providers=vendors.PROVIDERS, vendor_text=vendor_text)
    except InputError as error:
        raise LackingError(f"cannot be loaded here: {error.problems[0]}") from error
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


def _scalars(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for each in value.values():
            yield from _scalars(each)
    else:
        yield value
