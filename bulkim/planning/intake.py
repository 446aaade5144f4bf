"""An input into the journal: which rows become items of a run, and where their secrets are found again."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from bulkim.catalogue.shapes import Operation, Provider
from bulkim.journal import Journal
from bulkim.journal.records import Entry, RunRecord
from bulkim.model import Job, Row, Source
from bulkim.places import there
from bulkim.planning import Planned, prepare
from bulkim.source import BadRow, SourceReader, open_source
from bulkim.source.run import EarlierRun


@dataclass(frozen=True, slots=True)
class Intake:
    """One job's input."""

    journal: Journal
    job: Job
    provider: Provider
    operation: Operation

    def read(self, record: RunRecord) -> SourceReader | None:
        """Bring the run's items in step with the input, unless they are. Raises InputError.

        The reader is for the secrets; None when the operation has none.
        """
        secret = bool(self.operation.secrets)
        again = record.parent is not None and not secret  # the journal holds all that is needed
        if self.job.source.kind == "none" or (self.job.source.is_listing and not again):
            return None
        if record.planned_at is not None and not secret and self._gone():
            return None
        reader = self._parent(record) if again else self._reader()
        digest = self._digest(reader)
        if record.planned_at is None or record.input_digest != digest:
            planned = prepare(self.job, self.provider, self.operation, reader)
            entries = self._entries(planned)
            if record.parent is not None and secret:
                entries = self._chosen(record, entries)
            entries = islice(entries, record.item_limit)
            self.journal.read_input(record.id, entries, name=reader.name, digest=digest, now=time.time())
        return reader if secret else None

    def entries(self, rows: Sequence[Row]) -> list[Entry]:
        """Rows of a listing's page as entries. Raises InputError."""
        planned = prepare(self.job, self.provider, self.operation, _Page(rows))
        return list(self._entries(planned))

    def secrets(
        self, reader: SourceReader, after: int = 0
    ) -> Iterator[tuple[int, str | None, Mapping[str, Any]]]:
        """The secret fields of the rows after a position: (position, key, fields). Rows were checked when they were read in."""
        names, folded = tuple(self.operation.secrets), self.provider.folded
        assert self.operation.keys == ("username",), "an operation with secrets is about users"
        for row in reader.rows(after):
            values = row.values
            username = values.get("username")
            key = folded(username) if isinstance(username, str) else None
            yield row.position, key, {name: values[name] for name in names if values.get(name)}

    def _parent(self, record: RunRecord) -> SourceReader:
        """The items of the run that this one retries."""
        assert record.selection is not None
        return EarlierRun(self.journal.reader, Source(kind="run", run=record.parent, **record.selection))

    def _reader(self) -> SourceReader:
        if self.job.source.is_earlier_run:
            return EarlierRun(self.journal.reader, self.job.source)
        return open_source(self.job.source, secret_fields=self.operation.secrets)

    def _gone(self) -> bool:
        """Standard input cannot be read twice, and a file may be gone; the journal holds what is needed."""
        source = self.job.source
        return source.is_stdin or (source.path is not None and not there(source.path))

    def _digest(self, reader: SourceReader) -> str:
        """Changes when the input or what the job makes of it does."""
        shaping = [dict(self.job.source.columns), list(self.job.guard.protect)]
        return hashlib.sha256(json.dumps([reader.digest, *shaping]).encode()).hexdigest()

    def _entries(self, planned: Iterable[Planned]) -> Iterator[Entry]:
        """What of planned rows is stored: no secrets, no constants."""
        left_out, params = self.operation.secrets | {"username"}, self.job.params
        stored = [each.name for each in self.operation.fields if each.name not in left_out]
        for position, line, key, username, fields, extra, skip in planned:
            if skip is not None:
                identity = key if skip.code == "protected" else None  # an identity stands once
                yield Entry(position, line, identity, username, None, extra or None, skip.code, skip.reason)
                continue
            kept = {
                name: fields[name]
                for name in stored
                if name in fields and not (name in params and params[name] == fields[name])
            }
            yield Entry(position, line, key, username, kept or None, extra or None)

    def _chosen(self, record: RunRecord, entries: Iterable[Entry]) -> Iterator[Entry]:
        """Only the entries that the parent run's selection names."""
        assert record.parent is not None
        assert record.selection is not None
        parent = self.journal.reader.find(record.parent)
        source = (entry for entry in entries if entry.key is not None and entry.skip_code is None)
        while chunk := list(islice(source, 500)):
            keys = [str(entry.key) for entry in chunk]
            chosen = self.journal.reader.selected_keys(parent.id, keys=keys, **record.selection)
            yield from (entry for entry in chunk if entry.key in chosen)


@dataclass(frozen=True, slots=True)
class _Page:
    """A page of a listing as a `SourceReader`."""

    page: Sequence[Row]
    name: str = "listing"
    digest: str = ""
    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """The page's rows."""
        return iter(self.page[after:])
