"""Saved plans as files: read back whole, and held against the job that they were made of."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import IO

from bulkim.catalogue.shapes import Provider
from bulkim.catalogue.written import written
from bulkim.errors import ConfirmationError, ExpiredError, InputError, PlanError, Problem, UsageError
from bulkim.model import Job
from bulkim.planning import planfile
from bulkim.planning.planfile import Head, named_by
from bulkim.planning.rules import Scope, rule_of_term
from bulkim.planning.terms import Comparison, Terms, Way, compare, refusal_of, terms_of
from bulkim.vendors import provider
from bulkim.work.digest_key import digests


@dataclass(frozen=True, slots=True)
class Saved:
    """A plan in a file, whole: its text is what its digest says. The file may not change while it is used."""

    path: Path
    head: Head
    counts: dict[str, int]  # as a survey has them
    digest: str

    @property
    def name(self) -> str:
        """The file, for messages."""
        return str(self.path)

    @property
    def send(self) -> int:
        """How many items it sends."""
        return self.counts["send"]

    @property
    def usernames(self) -> Iterator[str]:
        """Whom it sends something about."""
        return (planfile.identity(shown)[0] for what, _, shown in self.items() if planfile.is_sent(what))

    def items(self) -> Iterator[tuple[str, str, str]]:
        """(what, digest, identity) of each line. Raises InputError at the end where the file is not what it was."""
        try:
            with self.path.open("rb") as file:
                lines = _Lines(file)
                planfile.head_of(lines, self.name)
                yield from planfile.items_of(lines)
                for _ in lines:
                    pass
                if lines.digest == self.digest:
                    return
        except (OSError, ValueError):
            pass
        raise broken(self.path, "was changed while it was in use")


class _Lines(Iterator[str]):
    """A file's lines but the last, hashed as they go by. Its `digest` is theirs."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = iter(file)
        self._own = hashlib.sha256()
        self._next = next(self._file, b"")

    def __next__(self) -> str:
        line, self._next = self._next, next(self._file, b"")
        if not self._next:
            self._next = line
            raise StopIteration
        self._own.update(line)
        return line.decode()

    @property
    def last(self) -> bytes:
        """The last line, when the others have been read."""
        return self._next

    @property
    def digest(self) -> str:
        """Of what was read."""
        return self._own.hexdigest()


def is_plan(path: Path) -> bool:
    """Whether the file is a saved plan by its first bytes. What can be read only once is none."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return file.read(len(planfile.MAGIC)) == planfile.MAGIC
    except OSError:
        return False


def opened(path: Path) -> Saved:
    """A plan that is whole. Raises InputError: it cannot be read, is of another version, or was changed since it was written."""
    try:
        with path.open("rb") as file:
            lines = _Lines(file)
            head = planfile.head_of(lines, str(path))
            for _ in planfile.items_of(lines):
                pass
            counts = planfile.counts_of(lines)
            for _ in lines:
                raise broken(path, "goes on where it should end")
            if lines.last != f"digest {lines.digest}\n".encode():
                raise broken(path, "was changed since it was written: its digest is another one")
            return Saved(path, head, counts, lines.digest)
    except OSError as error:
        raise broken(path, f"cannot be read: {error.strerror or error}") from None
    except (ValueError, KeyError, TypeError, StopIteration):
        raise broken(path, "was changed since it was written: it cannot be read to its end") from None


def broken(path: Path, what: str) -> InputError:
    """An error about a plan's file."""
    return InputError(
        [Problem(str(path), None, None, f"the plan {what}. Nothing was sent")], hint=planfile.WRITE_AGAIN
    )


# ---------------------------------------------------------------------------------------- checking


def check_wanted(plan: Saved | None, job: Job, *, journal: Path, chosen: bool) -> Comparison:
    """As `check`, where there is a plan. `chosen`: other options choose items, too. Raises UsageError."""
    if plan is None:
        return Comparison()
    if chosen:
        raise UsageError(
            f"the plan {plan.name} says what is sent: --limit and --missing would send something else.",
            hint="write a plan of a smaller input",
        )
    return check(plan, job, journal=journal)


def check(plan: Saved, job: Job, *, journal: Path) -> Comparison:
    """That the job is the one that was planned. Raises PlanError, UsageError, InputError; nothing was sent then.

    Returns what is different and allowed: stricter guards, and what a run takes over.
    """
    keyed = digests(journal)
    if keyed is None or keyed.key_name.hex() != plan.head.key:
        raise PlanError(
            f"the plan {plan.name} was written with another key, by another user or on another host: whether the items have the"
            " same values cannot be told. Nothing was sent.",
            hint="write the plan where it is to run; or bring the key there: the file digest.key in bulkim's state folder",
        )
    if plan.head.rehearsal and not job.rehearsal:
        raise PlanError(
            f"the plan {plan.name} is of a rehearsal. Nothing was sent.",
            hint="add --sandbox, or write one without it",
        )
    vendor = provider(job.provider, job.vendor_text)
    parts = [
        ("the job file", plan.head.job_digest, keyed.of_text(job.digest)),
        ("the job's name", plan.head.name, job.name),
        ("the provider's text", plan.head.provider_digest, provider_digest(job, vendor)),
    ]
    changed = [what for what, was, now in parts if was != now]
    if changed:
        raise PlanError(
            f"{' and '.join(changed)} {'is' if len(changed) == 1 else 'are'} not what the plan {plan.name} was made of. Nothing was sent.",
            hint=f"put it back, or {planfile.WRITE_AGAIN}",
        )
    found = compare(Terms(plan.head.terms), terms_of(job), way=Way.PLAN)
    if job.rehearsal:  # it goes to the sandbox, wherever the plan goes
        there = [each for each in found.refused if rule_of_term(each.term).scope is not Scope.TARGET]
        return Comparison(tuple(there)) if there else Comparison()
    if not found.allowed:
        raise PlanError(
            f"the plan {plan.name} was made of other terms: {refusal_of(found)}. Nothing was sent.",
            hint=f"put it back, or {planfile.WRITE_AGAIN}",
        )
    return found


def check_expiry(plan: Saved, *, now: float) -> None:
    """That a run may begin by it. Raises ExpiredError."""
    if plan.head.expires is not None and now >= datetime.fromisoformat(plan.head.expires).timestamp():
        raise ExpiredError(
            f"the plan {plan.name} expired at {plan.head.expires}. Nothing was sent.",
            hint=planfile.WRITE_AGAIN,
        )


def check_named(plan: Saved | None, given: str | None) -> None:
    """That who confirms a plan names this one. Raises ConfirmationError."""
    if given is None:
        return
    if plan is None:
        raise ConfirmationError(
            "--confirm-plan confirms a saved plan, and this is a job. Nothing was sent.",
            hint="`bulkim plan JOB -o FILE` writes one, `bulkim run FILE` runs it",
        )
    if not named_by(given, plan.digest):
        raise ConfirmationError(
            f"--confirm-plan names {given[:64]!r}, but the digest of {plan.name} is {plan.digest[:8]}… Nothing was sent.",
            hint="look at the plan again; name it by its digest, or the first eight digits of it",
        )


def job_of(plan: Saved) -> Path:
    """The place of its job file. Raises InputError, UsageError."""
    if plan.head.job is None:
        raise UsageError(
            f"the plan {plan.name} is of a job that was no file.",
            hint="pass the job beside it: run(job, plan=...)",
        )
    path = Path(plan.head.job)
    if not path.exists():
        raise InputError([Problem(plan.name, None, None, f"its job file {path} is not there any more")])
    return path


def provider_digest(job: Job, vendor: Provider) -> str:
    """Of the text that declares the vendor, and of all that it comes to: it may extend a built-in one."""
    text = f"{job.vendor_text or ''}\n{json.dumps(written(vendor), sort_keys=True, default=str)}"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
