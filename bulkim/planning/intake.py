"""An input into the journal: which rows become items of a run, and where their secrets are found again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count, islice, repeat
from typing import Any

from bulkim import files
from bulkim.catalogue.shapes import Operation, Provider
from bulkim.errors import InputError, Problem
from bulkim.journal import Journal, Reader
from bulkim.journal.records import Entry, InputChange, RunRecord
from bulkim.model import Job, Row, Source
from bulkim.places import there
from bulkim.planning import Planned, prepare, stretches
from bulkim.planning.columns import folded
from bulkim.planning.digests import Digests
from bulkim.planning.entries import entries_of
from bulkim.planning.existing import leaves_alone
from bulkim.planning.generated import GeneratedSecrets
from bulkim.planning.guarding import Matched, compiled, protector
from bulkim.planning.pending import Rows, RowSecrets
from bulkim.planning.planned import Stretch, one_by_one
from bulkim.planning.suspects import Suspects
from bulkim.planning.within import Lines, PlannedRows, Within
from bulkim.source import BadRow, SourceReader, open_source, piped
from bulkim.source.run import EarlierRun, earlier_run
from bulkim.source.table import Block, CsvReader
from bulkim.source.tidy import Noticed
from bulkim.text import counted


@dataclass(frozen=True, slots=True)
class Taken:
    """A run's items are in step with its input."""

    reader: SourceReader | None = None  # for the secrets; None when the operation has none
    notes: tuple[str, ...] = ()  # what a person should hear of it, a line each


@dataclass(frozen=True, slots=True)
class Intake:
    """One job's input. `digests`: None where there is no key; then changed secrets are not seen."""

    journal: Journal
    job: Job
    provider: Provider
    operation: Operation
    digests: Digests | None = None
    accept_removals: bool = False  # an input that lost most of its rows is meant so
    missing_from: Sequence[int] | None = None  # take only rows that none of these runs (row ids) has done
    plan: Lines | None = None  # take only what this saved plan sends
    made: dict[str, GeneratedSecrets] = field(
        default_factory=dict
    )  # field -> the secrets that are made, once the input was read

    def read(self, record: RunRecord, *, resumed: bool = False) -> Taken:
        """Bring the run's items in step with the input, unless they are. Raises InputError; then nothing has changed."""
        secret, again = bool(self.operation.secrets), record.planned_at is not None
        by_journal = record.parent is not None and not secret and not _changed_only(record)
        listing = self.job.source.is_listing
        if self.job.source.kind == "none" or (listing and not by_journal and self.plan is None):
            return self._withheld(record)
        if again and not secret and (record.parent is not None or self._gone() or listing):
            return self._withheld(record)
        if resumed and self.job.source.is_stdin and not by_journal and not piped():
            raise _unpiped(record)
        reader = self._parent(record) if by_journal else self._reader()
        self._open_made()
        digest = self._digest(reader)
        taken = Taken()
        if not again or record.input_digest != digest:
            taken = self._taken(record, reader, digest, chosen=record.parent is not None and not by_journal)
        return Taken(reader if secret else None, taken.notes)

    def _taken(self, record: RunRecord, reader: SourceReader, digest: str, *, chosen: bool) -> Taken:
        by_plan = self.plan is not None and self.job.source.is_listing  # it has left out whom they protect
        matched = Matched(() if by_plan else compiled(self.job.guard.protect, self.provider))
        suspects = Suspects(narrowed=self.missing_from is not None)
        parts = stretches(self.job, self.provider, self.operation, reader, suspects)
        if self.job.guard.protect:
            parts = self._looked_at(one_by_one(parts), matched)
        within = self._within()
        if within is not None:
            parts = within.of(one_by_one(parts), known=lambda keys: self._pending(record, keys))
        if self.missing_from is not None:
            parts = undone(one_by_one(parts), self.journal.reader, self.missing_from, suspects)
        entries = self._entries(parts)
        entries = islice(self._chosen(record, entries) if chosen else entries, record.item_limit)
        for generated in self.made.values():
            entries = generated.of(entries)
        change = self.journal.read_input(
            record.id,
            entries,
            name=reader.name,
            digest=digest,
            now=time.time(),
            judge=self._judge(record, reader),
        )
        notes = (
            *(within.notes if within is not None else ()),
            *reader.noticed.notes(suspects.sent),
            *suspects.notes(),
        )
        if record.planned_at is None or change is None:
            return Taken(notes=(*matched.notes("guard.protect"), *notes))
        kept = leaves_alone(self.provider, self.operation)
        return Taken(notes=(*told(change, record, kept=kept), *notes))

    def _open_made(self) -> None:
        """The files of the secrets that are made. Raises InputError."""
        for name, column in self.job.source.computed.items():
            if column.generate:
                path = None if self.job.rehearsal else column.into
                if path is not None and files.one_of(path, self.job.source.files):
                    hint = "name a file of its own under `into`"
                    raise InputError([Problem(str(path), None, None, "is the job's own source", hint)])
                self.made[name] = GeneratedSecrets(path, name, column.generate, self.provider.folded)

    def _within(self) -> Within | None:
        if self.plan is None:
            return None
        assert self.digests is not None, "whoever runs by a plan has its key"
        return Within(self.plan, self.provider.folded, self.digests.of_items(self.operation).of)

    def _pending(self, record: RunRecord, keys: list[str]) -> set[str]:
        if record.planned_at is None:
            return set()
        return self.journal.reader.selected_keys(record.id, outcome=["pending"], code=[], keys=keys)

    def _looked_at(self, planned: Iterable[Planned], matched: Matched) -> Iterator[Planned]:
        """The same, looked at on their way for patterns that match nobody."""
        for each in planned:
            matched.take(each.username)
            yield each

    def _judge(self, record: RunRecord, reader: SourceReader) -> Callable[[InputChange], None]:
        """An export that failed must not end a run: most of what is pending does not just disappear."""

        def judge(change: InputChange) -> None:
            if record.planned_at is None or self.accept_removals or change.gone * 2 <= change.pending:
                return
            pending = counted(change.pending, "item")
            if change.rows:
                message = f"lacks {change.gone:,} of the {pending} that run {record.run} has pending. Nothing was sent"
            else:
                message = f"is empty, and run {record.run} has {pending} pending. Nothing was sent"
            hint = "put the rows back; or, if they are to be dropped, add --accept-removals"
            raise InputError([Problem(reader.name, None, None, message)], hint=hint)

        return judge

    def _withheld(self, record: RunRecord) -> Taken:
        """What is pending comes from the journal: the guard as it is now holds for it, too."""
        protects = protector(self.job.guard, self.provider)
        skipped = self.journal.reader.results(record.id, outcome=["skipped"], code=["protected"])
        let_through = sum(protects is None or protects(each.username) is None for each in skipped)
        withheld = self.journal.withhold(record.id, protects, now=time.time()) if protects else 0
        notes = []
        if withheld:
            notes.append(f"guard.protect: {counted(withheld, 'pending item')} will not be sent")
        if let_through:  # what would be sent with them was never kept
            were, later = (
                counted(let_through, "item"),
                "when this run has finished, `bulkim run JOB --missing` sends what is not done",
            )
            notes.append(
                f"guard.protect lets {were} through that this run has skipped; they stay skipped: {later}"
            )
        return Taken(notes=tuple(notes))

    def entries(self, rows: Sequence[Row]) -> list[Entry]:
        """Rows of a listing's page as entries. Raises InputError."""
        planned: Iterable[Planned] = prepare(self.job, self.provider, self.operation, _Page(rows))
        if self.missing_from is not None:
            planned = undone(planned, self.journal.reader, self.missing_from)
        return list(self._entries(planned))

    def secrets(self, reader: SourceReader, after: int = 0) -> Rows:
        """The secret fields of the rows after a position: (position, key, fields). Rows were checked when they were read in."""
        names, fold = tuple(self.operation.secrets), self.provider.fold
        generated = [name for name, column in self.job.source.computed.items() if column.generate]
        assert self.operation.keys == ("username",), "an operation with secrets is about users"
        if isinstance(reader, CsvReader) and not (after or generated):
            yield from _secrets_of_table(reader, names, fold)
            return
        for row in reader.rows(after):
            position, key, found = _secrets_of_row(row, names, fold)
            for name in generated:
                found[name] = self.made[name].find(key) if key is not None and name in self.made else None
            yield position, key, found

    def _parent(self, record: RunRecord) -> SourceReader:
        """The items of the run that this one retries."""
        assert record.selection is not None
        chosen = {name: record.selection[name] for name in ("outcome", "code")}
        source = Source(kind="run", run=record.parent, **chosen)
        return EarlierRun(self.journal.reader, source, rehearsal=True)

    def _reader(self) -> SourceReader:
        if self.plan is not None and self.job.source.is_listing:
            return PlannedRows(self.plan)
        if self.job.source.is_earlier_run:
            return earlier_run(
                self.journal.reader, self.job.source,
                secret_fields=self.operation.secrets, rehearsal=self.job.rehearsal,
            )  # fmt: skip
        return open_source(
            self.job.source, secret_fields=self.operation.secrets, required=self.operation.required
        )

    def _gone(self) -> bool:
        """Nothing is piped, or the file is gone: the journal holds what is needed."""
        source = self.job.source
        return (source.is_stdin and not piped()) or (
            source.path is not None and not all(map(there, source.files or [source.path]))
        )

    def _digest(self, reader: SourceReader) -> str:
        """Changes when the input or what the job makes of it does."""
        source = self.job.source
        shaping: list[Any] = [dict(source.columns), list(self.job.guard.protect)]
        shaping += [{"trim": False}] if not source.trim else []
        if source.is_shaped:
            made = {name: each.written for name, each in source.computed.items()}
            shaping.append({"columns": made, "where": dict(source.narrowed)})
        return hashlib.sha256(json.dumps([reader.digest, *shaping]).encode()).hexdigest()

    def _entries(self, parts: Iterable[Planned | Stretch]) -> Iterator[Entry]:
        return entries_of(parts, self.job, self.operation, self.digests)

    def _chosen(self, record: RunRecord, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Only the entries that a retry's selection names."""
        assert record.parent is not None
        assert record.selection is not None
        parent = self.journal.reader.find(record.parent)
        family = [each for each in self.journal.reader.family(record.parent) if each != record.id]
        named = {name: record.selection[name] for name in ("outcome", "code")}
        source = (entry for entry in entries if entry.key is not None and entry.skip_code is None)
        while chunk := list(islice(source, 500)):
            if _changed_only(record):
                yield from self.journal.reader.changed_among(family, chunk)
                continue
            keys = [str(entry.key) for entry in chunk]
            chosen = self.journal.reader.selected_keys(parent.id, keys=keys, **named)
            yield from (entry for entry in chunk if entry.key in chosen)


def undone(
    planned: Iterable[Planned], journal: Reader, runs: Sequence[int], suspects: Suspects | None = None
) -> Iterator[Planned]:
    """Without those whom these runs (row ids) have done. `suspects` hears who is left."""
    rows = iter(planned)
    while chunk := list(islice(rows, 500)):
        keys = [each.key for each in chunk if each.key is not None]
        done = journal.done_among(runs, keys)
        if suspects is not None:
            for each in chunk:
                suspects.settle(
                    each.line,
                    each.username,
                    sent=each.key is not None and each.key not in done,
                    done=each.key in done,
                )
        yield from (each for each in chunk if each.key not in done)


def _secrets_of_row(row: Row | BadRow, names: Sequence[str], fold: Callable[[str], str]) -> RowSecrets:
    username, values = row.values.get("username"), row.values
    key = fold(username) if isinstance(username, str) else None
    return row.position, key, {name: values[name] for name in names if values.get(name)}


def _secrets_of_table(reader: CsvReader, names: Sequence[str], fold: Callable[[str], str]) -> Rows:
    """As `Intake.secrets`, from a table's first row on: by column, as long as nothing in it is odd."""
    for each in reader.blocks():
        if not isinstance(each, Block):
            yield _secrets_of_row(each, names, fold)
            continue
        columns = dict(zip(each.names, each.columns, strict=True))
        there = [name for name in names if name in columns]
        rows: Iterable[tuple[str, ...]] = (
            zip(*(columns[name] for name in there), strict=True) if there else repeat(())
        )
        if any("" in columns[name] for name in there):
            found = ({name: cell for name, cell in zip(there, cells, strict=True) if cell} for cells in rows)
        else:
            found = (dict(zip(there, cells)) for cells in rows)  # noqa: B905 - it costs time
        yield from zip(count(each.position), folded(columns["username"], fold), found, strict=False)


def _unpiped(record: RunRecord) -> InputError:
    """A list that was piped is not there any more, and the journal does not hold the whole of it."""
    why = (
        "its secrets are not in the journal"
        if record.planned_at is not None
        else "it was not read to its end"
    )
    message = f"nothing is piped, and run {record.run} needs its list again: {why}. Nothing was sent"
    return InputError([Problem("<stdin>", None, None, message)], hint="pipe the list into the same command")


def _changed_only(record: RunRecord) -> bool:
    return bool(record.selection and record.selection.get("changed"))


def told(change: InputChange, record: RunRecord, *, kept: str | None = None) -> tuple[str, ...]:
    """What was found in the input when it was read again; nothing where nothing is different.

    `kept`: why sending users again who are done does not change them.
    """
    if not (change.new or change.gone or change.changed):
        return ()
    done = f" ({change.changed_done:,} of them already done)" if change.changed_done else ""
    back = f" ({change.back:,} of them removed before, and back)" if change.back else ""
    line = f"input: {change.new:,} new{back}, {change.gone:,} gone of those pending, {change.changed:,} changed{done}"
    if not change.changed_done:
        return (line,)
    if kept is not None:
        return (line, f"those already done stay as they were sent, and a retry would not change them: {kept}")
    return (
        line,
        f"those already done stay as they were sent; `bulkim retry {record.run} --changed` sends them again",
    )


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of a listing as a `SourceReader`."""

    page: Sequence[Row]
    name: str = "listing"
    digest: str = ""
    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None
    noticed: Noticed = field(default_factory=Noticed)

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """The page's rows."""
        return iter(self.page[after:])
