"""An earlier run of the journal as a source of items: who was listed, or what failed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from itertools import islice
from typing import Any

from bulkim.journal import Reader
from bulkim.model import Row, Source
from bulkim.source import BadRow, Shaped, SourceReader
from bulkim.source.tidy import Noticed
from bulkim.text import TO_THE_MINUTE, counted, local


def earlier_run(
    journal: Reader, source: Source, *, secret_fields: AbstractSet[str] = frozenset(), rehearsal: bool = False
) -> SourceReader:
    """An earlier run's items, with what the job makes of them. Raises UsageError as `EarlierRun` does, InputError."""
    reader = EarlierRun(journal, source, rehearsal=rehearsal)
    told = [reader.told()]  # now: the journal may be closed when it is asked for
    reader.noticed.others.append(lambda _: told)
    return Shaped(reader, source, secret_fields) if source.is_shaped else reader


class EarlierRun:
    """A `SourceReader` over a run's items, narrowed by the source's `outcome` and `code`.

    A row has the item's username, what was sent with it, the other columns of its own input, and what a read answered about it (``nickname``;
    all of it as ``data`` where the job names that).
    """

    columns: tuple[str, ...] | None = None
    names: tuple[str, ...] | None = None

    def __init__(self, journal: Reader, source: Source, *, rehearsal: bool = False) -> None:
        """Raises UsageError when there is no such run, or none that may feed this one."""
        assert source.run is not None
        self.noticed = Noticed()
        self._journal = journal
        self._source = source
        self._record = journal.feeding(source.run, rehearsal=rehearsal)
        named = [name for each in source.computed.values() for name in each.names]
        self._whole = any(name.partition(".")[0] == "data" for name in (*named, *source.only))

    @property
    def name(self) -> str:
        """The run, for messages."""
        return f"run {self._record.run}"

    def told(self) -> str:
        """Which run it is, and how many of its items it gives: a name means the newest run, which may have nothing to give."""
        record, source = self._record, self._source
        chosen = self._journal.number_of(record.id, outcome=source.outcome, code=source.code)
        of = f"{chosen:,} of its {counted(record.items, 'item')}" if source.outcome or source.code else None
        found = f"{of} {'matches' if chosen == 1 else 'match'}" if of else counted(chosen, "item")
        begun = local(record.created_at, f"{TO_THE_MINUTE} %Z")
        other = "" if chosen else "; to take another run, write its id (`bulkim runs`)"
        return f"source: run {record.run} ({record.name}, {record.operation}, begun {begun}): {found}{other}"

    @property
    def digest(self) -> str:
        """Changes when the earlier run goes on."""
        shape = [
            self._record.run,
            self._record.finished_at,
            list(self._source.outcome),
            list(self._source.code),
        ]
        return hashlib.sha256(json.dumps(shape).encode()).hexdigest()

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """The chosen items, in the run's order."""
        chosen = self._journal.results(self._record.id, outcome=self._source.outcome, code=self._source.code)
        for position, result in enumerate(islice(chosen, after, None), after + 1):
            answer = result.data if isinstance(result.data, dict) else {}
            told = {name: value for name, value in answer.items() if isinstance(value, str | int)}
            values: dict[str, Any] = {**told, **result.extra, **result.fields, "username": result.username}
            if self._whole:
                values["data"] = result.data
            yield Row(position, result.line, values)
