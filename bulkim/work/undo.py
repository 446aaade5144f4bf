"""A job file for the inverse of what a run itself changed. Text in, text out: nothing is sent, nothing is run.

The new job's items are the run's own, by its id and the outcome ``succeeded``, so that whoever was there before, or was
so before, is left alone. The connection is the run's; its secrets stay where they were, in the environment.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bulkim import files, jobfile
from bulkim.catalogue.shapes import Effect, Operation, Provider
from bulkim.errors import ImpossibleError
from bulkim.journal import Reader
from bulkim.journal.records import RunRecord
from bulkim.model import Status
from bulkim.text import TO_THE_MINUTE, counted, utc
from bulkim.work.leads import Leads, leading, place_of
from bulkim.work.leads import as_yaml as _yaml
from bulkim.work.leads import in_comment as _plain
from bulkim.work.restoring import NAMED_MAX, Restoring, restoring
from bulkim.work.spooled import FIRST_MAX, Spooled
from bulkim.work.verify import Finding

Changed = Callable[[], Iterable[Finding]]
"""Asks the vendor who is not as the run left them any more."""

PLACEHOLDER = "FILL IN: seconds, -1 for ever"


@dataclass(frozen=True, slots=True)
class UndoJob:
    """A job that undoes a run, or a part of what it did."""

    operation: str
    text: str  # the job file, but for its `source` where `rows` is not empty
    items: int  # users that it is about
    leads: Leads | None = None  # where its connection leads
    rows: Spooled | None = None  # JSON Lines of its items, line by line, for a file beside it


@dataclass(frozen=True, slots=True)
class Undo:
    """What undoes a run."""

    run: str  # the id of the run to undo
    jobs: tuple[UndoJob, ...]  # to be run in this order
    left_alone: tuple[Finding, ...] = ()  # users whom others have changed since, or of whom that is not known
    notes: tuple[str, ...] = ()  # what a person should know

    def places(self, path: str | os.PathLike[str]) -> list[tuple[Path, Path | None]]:
        """Where `write` puts each job, and the list of its users where that is a file of its own."""
        first = Path(path)
        jobs = [first, *(first.with_stem(f"{first.stem}-{each.operation}") for each in self.jobs[1:])]
        return [
            (place, place.with_suffix(".jsonl") if job.rows else None)
            for place, job in zip(jobs, self.jobs, strict=True)
        ]

    def write(self, path: str | os.PathLike[str]) -> list[Path]:
        """Write the job files: the first there, others beside it, named after what they do. Returns where. Raises OSError.

        What is there already is replaced: `places` tells beforehand what that is. A connection that is named in a connections.yaml
        beside the run's job file is written out where the job is in another folder: `needs` tells what it then asks of the environment.
        """
        places = self.places(path)
        for job, (place, beside) in zip(self.jobs, places, strict=True):
            text = job.text if job.leads is None else job.leads.written(job.text, place)
            if beside is not None:
                with files.written(beside) as stream:
                    stream.writelines(job.rows or ())
                text += f"source: {{jsonl: {_yaml(beside.name)}}}\n"
            with files.written(place) as stream:
                stream.write(text)
        return [place for place, _ in places]

    def needs(self, path: str | os.PathLike[str]) -> tuple[str, ...]:
        """What the jobs need, a line each, if they are written there: variables of the environment that are not set."""
        place = Path(path)
        found = (line for job in self.jobs if job.leads is not None for line in job.leads.needs(place))
        return tuple(dict.fromkeys(found))


def undo(
    journal: Reader,
    record: RunRecord,
    provider: Provider,
    *,
    accept: bool = False,
    changed: Changed | None = None,
) -> Undo:
    """The jobs that undo a run. Raises ImpossibleError where there is none, or none that is safe.

    `accept`: write it even if an item that succeeded may have been so before, and the inverse destroys. `changed` tells who was
    changed by others since, where the run wrote down what was there before; None: nobody is asked.
    """
    operation = provider.operation(record.operation)
    assert operation is not None, f"{provider.name} has no {record.operation}"
    if record.rehearsal:
        raise ImpossibleError(
            f"run {record.run} was a rehearsal: it was sent to the sandbox, which is gone, and nobody at the vendor was changed.",
            hint="undo a real run: `bulkim runs` lists them",
        )
    succeeded = journal.counts(record.id)[Status.SUCCEEDED]
    restored = provider.operation(operation.restored_by or "")
    by_image = restorable(journal, record, provider)
    inverse = restored if by_image and restored is not None else _inverse(provider, operation)
    if not succeeded:
        raise ImpossibleError(
            f"run {record.run} changed nothing: of its {counted(record.items, 'item')} none succeeded.",
            hint="items that were unchanged were so before the run, and are left alone",
        )
    if by_image:
        return _restored(journal, record, provider, operation, inverse, changed=changed)
    if operation.blind and inverse.destroys and operation.effect is Effect.CREATE and not accept:
        raise ImpossibleError(
            f"a {operation.name} run at {provider.label} cannot be undone safely: {operation.blind}."
            f" `{inverse.name}` would hit them too.",
            hint=f"if nobody was there before, write the {inverse.name} job with --accept-risk",
        )
    lines = [
        *_heading(record, provider, operation, inverse, succeeded),
        *_body(journal, record, provider, operation, inverse),
    ]
    leads = leading(record, provider)
    job = UndoJob(inverse.name, "\n".join(lines) + "\n", succeeded, leads)
    return Undo(record.run, (job,), notes=leads.needs())


# ------------------------------------------------------------------------------------ what was there before


def restorable(journal: Reader, record: RunRecord, provider: Provider) -> bool:
    """Whether the run wrote down what was there before, or made users go: then it can be seen who was changed by others since."""
    operation = provider.operation(record.operation)
    if operation is None or operation.restored_by is None:
        return False
    return operation.effect is Effect.DELETE or journal.has_images(record.id)


def _restored(
    journal: Reader, record: RunRecord, provider: Provider, operation: Operation, sets: Operation, *,
    changed: Changed | None
) -> Undo:  # fmt: skip
    left_alone = tuple(changed()) if changed is not None else ()
    spared = {each.ordinal for each in left_alone}
    lifts = (
        provider.operation(operation.inverse or "") if operation.verify and operation.verify.holds else None
    )
    images = (each for each in journal.images(record.id) if each.done.ordinal not in spared)
    found = restoring(operation, images, record.params, by=sets, lifting=lifts is not None, now=time.time())
    notes = (
        *_losses(journal, record, operation, sets),
        *_notes(found, left_alone, asked=changed is not None),
    )
    parts = [(sets, found.sets), *([(lifts, found.lifts)] if lifts else [])]
    jobs = tuple(
        _job(record, provider, operation, each, items=items, notes=notes) for each, items in parts if items
    )
    if not jobs:
        raise ImpossibleError(
            f"nothing is left to undo of run {record.run}: {'; '.join(notes) or 'all is as it was before'}."
        )
    return Undo(record.run, jobs, left_alone, (*notes, *leading(record, provider).needs()))


def _losses(journal: Reader, record: RunRecord, operation: Operation, sets: Operation) -> Iterator[str]:
    """What no job brings back."""
    if operation.effect is Effect.DELETE:
        yield f"what went with them does not come back: {(operation.destroys or '').partition(';')[0]}"
        if not operation.can_look or not journal.has_images(record.id):
            yield "only their names are known (with `snapshot: true` a run reads more before it deletes)"
        if sets.secrets:
            yield "they get new passwords, which stand in the list of users that is written: hand them out, then delete it"
    if unsettled := journal.counts(record.id)[Status.UNKNOWN]:
        yield f"{counted(unsettled, 'user')} of whom it is not known whether the run changed them: left alone"
    if record.state != "finished":
        yield f"the run is {record.state}: what it changes from now on is not undone by this"


def _notes(found: Restoring, left_alone: Sequence[Finding], *, asked: bool) -> tuple[str, ...]:
    notes = []
    if found.unchanged:
        notes.append(f"{counted(found.unchanged, 'user')} had it so before, and are left as they are")
    for each, why in (
        (found.unknown, "it is not known what was there before"), (found.stays, "was not there before, and nothing takes it away")
    ):  # fmt: skip
        if each.number:
            names = ", ".join(f"{name} ({what})" for name, what in each.first)
            notes.append(f"not restored, {why}: {names}{_more(each.number)}")
    if left_alone:
        names = ", ".join(f"{each.username} ({each.found})" for each in left_alone[:NAMED_MAX])
        notes.append(f"left alone, changed by others since: {names}{_more(len(left_alone))}")
    if not asked:
        notes.append("nobody was asked whether others have changed them since")
    return tuple(notes)


def _more(number: int) -> str:
    return f" and {number - NAMED_MAX:,} more" if number > NAMED_MAX else ""


def _job(
    record: RunRecord, provider: Provider, operation: Operation, does: Operation, *, items: Spooled,
    notes: Sequence[str],
) -> UndoJob:  # fmt: skip
    when = utc(time.time(), f"{TO_THE_MINUTE} UTC")
    lines = [
        f"# Undoes run {record.run} ({_plain(record.name)}), {operation.name} at {provider.label}: what was there before, by {does.name}.",
        *(f"# Mind: {_plain(note)}." for note in notes),
        f"# Written at {when}; times that remain are counted from there: run it soon.",
        f"name: {_yaml(f'undo-{record.name}-{does.name}')}",
        f"provider: {_provider(record)}",
        f"operation: {does.name}",
        leading(record, provider).text,
        *_limits(record, operation, does),
    ]
    inline = len(items) <= FIRST_MAX and not does.secrets
    if inline:
        lines += ["source:", "  items:", *(f"    - {_yaml(each)}" for each in items.first)]
    leads = leading(record, provider)
    return UndoJob(does.name, "\n".join(lines) + "\n", len(items), leads, None if inline else items)


def _inverse(provider: Provider, operation: Operation) -> Operation:
    if operation.inverse is not None:
        inverse = provider.operation(operation.inverse)
        assert inverse is not None, f"{provider.name} has no {operation.inverse}"
        return inverse
    if operation.effect is Effect.READ:
        raise ImpossibleError(f"{operation.name} changes nothing: there is nothing to undo.")
    gone = f" What went with it: {operation.destroys}." if operation.destroys else ""
    raise ImpossibleError(f"nothing undoes {operation.name} at {provider.label}.{gone}")


def _heading(
    record: RunRecord, provider: Provider, operation: Operation, inverse: Operation, changed: int
) -> Iterator[str]:
    when = utc(record.created_at, f"{TO_THE_MINUTE} UTC")
    who = "user" if changed == 1 else "users"
    yield f"# Undoes run {record.run} ({_plain(record.name)}): {operation.name} at {provider.label}, begun {when}."
    yield f"# {changed:,} {who} whom that run changed; those who were so before are left alone."
    yield "# Nothing has been sent. Look at it with `bulkim check` and `bulkim plan`, then `bulkim run` it"
    yield "# with the same --journal: the users come from there."
    if operation.blind:
        yield f"# Mind: {operation.blind}."
    if inverse.destroys:
        yield f"# Mind: {inverse.name} destroys {inverse.destroys}."
    if record.state != "finished":
        yield f"# Mind: the run is {record.state}; what it changes from now on will be undone as well."


def _body(
    journal: Reader, record: RunRecord, provider: Provider, operation: Operation, inverse: Operation
) -> Iterator[str]:
    yield f"name: {_yaml(f'undo-{record.name}')}"
    yield f"provider: {_provider(record)}"
    yield f"operation: {inverse.name}"
    yield leading(record, provider).text
    yield f"source: {{run: {_yaml(record.run)}, outcome: [{Status.SUCCEEDED}]}}"
    yield from _params(journal, record, operation, inverse)
    yield from _limits(record, operation, inverse)


def _limits(record: RunRecord, operation: Operation, inverse: Operation) -> Iterator[str]:
    """How fast the run was allowed to be and whom it was to spare hold for what undoes it, too."""
    rate, guard = _section(record, "rate"), _section(record, "guard")
    if operation.pools[:1] != inverse.pools[:1]:
        rate.pop("limit", None)  # it was about another quota
    for name, section in (("rate", rate), ("guard", guard)):
        if section:
            yield f"{name}: {_yaml(section)}"


def _section(record: RunRecord, name: str) -> dict[str, Any]:
    """As the job had it."""
    if record.settings is None:  # made before settings were recorded
        return jobfile.kept_section(record.job_text or "", name)
    return dict(record.settings.get(name, {}))


# ------------------------------------------------------------------------------------------- params


def _params(journal: Reader, record: RunRecord, operation: Operation, inverse: Operation) -> Iterator[str]:
    known: dict[str, Any] = {}
    wanted: list[str] = []
    for each in inverse.fields:
        before = operation.field(each.name)
        if not each.param or before is None:
            continue
        value = record.params.get(each.name)
        if before.fixed is not None and each.fixed is None:
            wanted.append(each.name)  # what was there before it was lifted, nobody knows
        elif value is not None:
            known[each.name] = _taken_over(value, each.fixed, names=each.type == "names")
    if wanted:
        yield from _to_fill_in(journal, record, operation, wanted)
    elif known:
        yield "params:"
        yield from (f"  {name}: {_yaml(value)}" for name, value in known.items())


def _taken_over(value: Any, fixed: Any, *, names: bool) -> Any:
    if fixed is not None:
        return fixed
    return list(value) if names and isinstance(value, Mapping) else value


def _to_fill_in(journal: Reader, record: RunRecord, operation: Operation, wanted: list[str]) -> Iterator[str]:
    own = {name for each in journal.done(record.id) for name in each.fields if name in wanted}
    if own:
        raise ImpossibleError(
            f"the items of run {record.run} name their own {', '.join(sorted(own))}, and what was there before is"
            " not known.",
            hint=f"write a {operation.inverse} job for them by hand, with `bulkim results {record.run}` as its source",
        )
    named = [name for name in wanted if name in record.params] or [
        n for n in wanted if n in operation.otherwise
    ]
    yield "# How long they had been muted for is not known. Fill it in: until then the job is refused."
    yield "params:"
    yield from (f"  {name}: {_yaml(PLACEHOLDER)}" for name in named)


# ------------------------------------------------------------------------------------------ helpers


def _provider(record: RunRecord) -> str:
    """A built-in provider by its name, one of the user's own by the place of its file."""
    if record.vendor_text is None:
        return record.provider
    written = jobfile.kept_value(record.job_text or "", "provider") or record.provider
    return _yaml(str(place_of(record).parent / Path(written).expanduser()))
