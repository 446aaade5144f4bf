"""The rows of a run's input that did not succeed, as their file has them: to be mended, and sent again.

The journal knows how each user ended, the input how the row is written, secrets included. Rows are told apart by planning the
input once more by the run's terms, so that an input that was edited, a run that was resumed and a retry are the same case.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any, cast

from bulkim.catalogue.shapes import Operation, Provider
from bulkim.jobfile.sources import Making
from bulkim.journal import Reader
from bulkim.journal.records import RunRecord
from bulkim.model import FILE_KINDS, Auth, Connection, Guard, Job, Source
from bulkim.planning import RESULT_COLUMNS, Planned, prepare
from bulkim.planning.terms import STDIN
from bulkim.source import open_source
from bulkim.source.rejects import REJECTED, Form, Original, Why
from bulkim.vendors import provider
from bulkim.view.results import Chosen, plain

_NOT_DONE = ("failed", "unknown", "skipped", "pending")
DUPLICATE = "duplicate"
_CHUNK = 500  # rows a question to the journal


@dataclass(slots=True)
class Counted:
    """What was written."""

    rows: int = 0
    strange: int = 0  # rows of the input that are no items of the run
    duplicates: int = 0  # rows of users whose first row was sent
    pending: int = 0  # rows that the run has not come to

    def take(self, why: Why) -> None:
        """One more row."""
        self.rows += 1
        self.duplicates += why.code == DUPLICATE
        self.pending += why.outcome == "pending"


def rejects(journal: Reader, record: RunRecord, *, bom: bool = False) -> FromFile | FromJournal:
    """A run's rejected rows: of its file, or where there is none of one form of the journal. `bom`: as UTF-8 with a mark. Raises InputError."""
    source = original_of(record)
    if source is None:
        why = "the run's input is not there (any more)"
        return FromJournal(journal, record, why, bom=bom)
    try:
        return FromFile(journal, record, source, bom=bom)
    except ValueError as error:
        return FromJournal(journal, record, str(error), bom=bom)


class FromFile:
    """Rows as the run's file has them. Raises InputError as reading it does."""

    def __init__(self, journal: Reader, record: RunRecord, source: Source, *, bom: bool = False) -> None:
        self._journal, self._record = journal, record
        self._provider = provider(record.provider, record.vendor_text)
        operation = self._provider.operation(record.operation)
        assert operation is not None, f"{record.provider} has no {record.operation}"
        self._operation: Operation = operation
        self._job = _job(record, self._provider, source)
        self._reader = open_source(source, secret_fields=operation.secrets, required=operation.required)
        self._original = cast("Original", self._reader)
        self.form: Form = self._original.given_back()
        self.notes: tuple[str, ...] = ()
        if bom:
            self._mark(source)

    def _mark(self, source: Source) -> None:
        """A byte order mark is of UTF-8; a job that names another encoding would not read it."""
        form = self.form
        if form.codec.startswith("utf"):
            self.form = replace(form, mark="\ufeff")
        elif source.encoding is None:
            self.form = replace(form, codec="utf-8", mark="\ufeff")
        else:
            self.notes = (
                f"no byte order mark: the rows are {form.codec}, as `source.encoding` of the job says",
            )

    @property
    def holds_secrets(self) -> bool:
        """Whether secrets stand in the rows."""
        return bool(self._operation.secrets)

    def write(self, chosen: Chosen, stream: IO[str]) -> Counted:
        """Write the rows as text, in `form.codec`'s characters."""
        counted, form = Counted(), self.form
        stream.write(form.mark + form.head)
        for raw, why, known in self._rows():
            if _is_wanted(why, chosen):
                stream.write((form.between if counted.rows else "") + form.row(raw, why))
                counted.take(why)
                counted.strange += not known
        stream.write(form.tail)
        return counted

    def _rows(self) -> Iterator[tuple[str, Why, bool]]:
        """Every row of the input that the run is about: as written, how it ended, whether it is an item of the run."""
        planned = self._planned()
        while chunk := list(islice(planned, _CHUNK)):
            keys = [each.key for each, _ in chunk if each.key is not None]
            endings = self._journal.endings(self._record.id, keys)
            for each, raw in chunk:
                if (found := self._ended(each, endings)) is not None:
                    why, known = found
                    yield raw, why, known

    def _planned(self) -> Iterator[tuple[Planned, str]]:
        original = self._original
        original.keep_raw = True
        for each in prepare(self._job, self._provider, self._operation, self._reader):
            yield each, original.raw

    def _ended(
        self, each: Planned, endings: Mapping[str, tuple[str, str | None, str | None]]
    ) -> tuple[Why, bool] | None:
        """None: the row is none of this run's."""
        skip, record = each.skip, self._record
        whole = record.parent is None and not record.begun_with.get("missing")
        if skip is not None and skip.code in {"invalid", "duplicate"}:
            if record.parent is not None or (not whole and each.key is not None and each.key not in endings):
                return None
            return Why("skipped", skip.code, _one_line(skip.reason), each.line), True
        if each.key is not None and each.key in endings:
            outcome, code, reason = endings[each.key]
            return Why(outcome, code or "", _one_line(reason or ""), each.line), True
        if not whole:
            return None
        reason = "not reached" if record.item_limit else "the run did not read this row"
        return Why("pending", "", reason, each.line), False


def _is_wanted(why: Why, chosen: Chosen) -> bool:
    """Nothing said: all that did not succeed."""
    if why.code in chosen.without:
        return False
    return why.outcome in (chosen.outcome or _NOT_DONE) and (not chosen.code or why.code in chosen.code)


def _one_line(text: str) -> str:
    return " ".join(text.split())


class FromJournal:
    """What the journal has of the rows: no secrets, and as CSV whatever the input was."""

    holds_secrets = False

    def __init__(self, journal: Reader, record: RunRecord, why: str, *, bom: bool = False) -> None:
        self._journal, self._record = journal, record
        self.form = Form("utf-8", "\ufeff" if bom else "")
        self.notes = (f"{why}: these rows are the journal's, without secrets",)

    def write(self, chosen: Chosen, stream: IO[str]) -> Counted:
        """Write the rows; the journal is read twice, for the columns first."""
        own = dict.fromkeys(name for row, _ in self._rows(chosen) for name in row)
        writer = csv.writer(stream, lineterminator="\n")
        stream.write(self.form.mark)
        writer.writerow([*own, *REJECTED])
        counted = Counted()
        for row, why in self._rows(chosen):
            writer.writerow([*(plain(row.get(name)) for name in own), *why[:3], plain(why.line)])
            counted.take(why)
        return counted

    def _rows(self, chosen: Chosen) -> Iterator[tuple[Mapping[str, Any], Why]]:
        terms = self._record.begun_with
        columns: Mapping[str, Any] = terms.get("source.columns") or {}
        for each in self._journal.results(self._record.id):
            why = Why(each.outcome, each.code or "", _one_line(each.reason or ""), each.line)
            if _is_wanted(why, chosen):
                values = {"username": each.username, **each.fields, **each.extra}
                yield {_column(name, columns): value for name, value in values.items()}, why


def _column(name: str, columns: Mapping[str, Any]) -> str:
    """What the input calls it."""
    if isinstance(columns.get(name), str):
        return str(columns[name])
    bare = name.removeprefix("source_")
    return bare if bare in RESULT_COLUMNS else name


def original_of(record: RunRecord) -> Source | None:
    """The file that the run read, or its files, by its terms; None where there was none, or one is gone."""
    terms = record.begun_with
    kind, place = terms.get("source.kind"), terms.get("source.place")
    if kind not in FILE_KINDS or not place or place == STDIN:
        return None
    vendor = provider(record.provider, record.vendor_text)
    operation = vendor.operation(record.operation)
    assert operation is not None, f"{record.provider} has no {record.operation}"
    said = {
        name: terms.get(f"source.{name}") for name in ("columns", "where", "trim", "encoding", "delimiter")
    }
    folders = [Path(record.job_path).parent] if record.job_path else []
    for folder in (*folders, Path()):
        found = Making(folder, None, vendor, operation).of_file(str(kind), place, said)
        if all(each.exists() for each in found.files):
            return found
    return None


def _job(record: RunRecord, vendor: Provider, source: Source) -> Job:
    """As much of the run's job as decides what a row becomes."""
    protect = record.begun_with.get("guard.protect") or ()
    return Job(
        record.name, record.provider, record.operation, Connection(vendor.name, "", Auth("none")), source,
        params=record.params, guard=Guard(tuple(protect)),
    )  # fmt: skip
