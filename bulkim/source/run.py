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


def earlier_run(
    journal: Reader, source: Source, *, secret_fields: AbstractSet[str] = frozenset(), rehearsal: bool = False
) -> SourceReader:
    """An earlier run's items, with what the job makes of them. Raises UsageError as `EarlierRun` does, InputError."""
    reader = EarlierRun(journal, source, rehearsal=rehearsal)
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
