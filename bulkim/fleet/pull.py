"""A run of the fleet into a journal, column by column."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bulkim.fleet import view
from bulkim.fleet.database import documents
from bulkim.fleet.schema import reached
from bulkim.journal import Reader, transfer

CHUNK = 5_000


def pulled(wanted: str, journal: Path) -> tuple[dict[str, Any], int, int]:
    """Find a run, and write it into a journal: the run as `view` reads it, items, calls. Raises BulkimError."""
    with reached() as connection:
        connection.isolation_level = 3  # repeatable read: one moment of the run
        with connection.transaction():
            run = view.find(connection, wanted)
            return (run, *pull(connection, run["run"], journal))


@contextmanager
def copied(wanted: str) -> Iterator[tuple[Reader, dict[str, Any]]]:
    """A journal that holds nothing but this run, for the moment, and the run. Raises BulkimError."""
    with tempfile.TemporaryDirectory(prefix="bulkim-") as folder:
        journal = Path(folder) / "run.db"
        run, _, _ = pulled(wanted, journal)
        with Reader.open(journal) as reader:
            yield reader, run


def row_of(connection: Any, run: str) -> dict[str, Any]:
    """A run's row as a journal has it: as it was planned, and as it stands now; its id is the fleet's."""
    (row,) = documents(connection, "SELECT * FROM bulkim.run WHERE run = %s", (run,))
    return {**json.loads(row["planned"]), **row}


def pull(connection: Any, run: str, journal: Path) -> tuple[int, int]:
    """Write a run into a journal, in place of what an earlier pull left of it: (items, calls).

    `connection` sees one moment of the database (repeatable read). Raises JournalError for a journal that cannot be used.
    """
    row = row_of(connection, run)
    with transfer.into(journal, row) as copy:

        def rows(table: str, order: str) -> Iterator[dict[str, Any]]:
            return _streamed(connection, table, f"run_id = %s ORDER BY {order}", row["id"])

        sessions = {each["id"]: copy.add("session", {**each, "id": None}) for each in rows("session", "id")}
        for each in rows("item", "ordinal"):
            copy.add("item", {**each, **json.loads(each["rest"])} if each["rest"] else each)
        for each in rows("before", "ordinal"):
            copy.add("before", each)
        for each in rows("attempt", "id"):
            number, session = copy.last_attempt + each["id"], sessions[each["session_id"]]
            copy.add("attempt", {**each, "id": number, "session_id": session})
        for each in rows("tally", "outcome, code"):
            copy.add("tally", each)
        for each in _streamed(connection, "pace", "session_id = ANY(%s)", list(sessions)):
            copy.add("pace", {**each, "session_id": sessions[each["session_id"]]})
    return copy.added["item"], copy.added["attempt"]


def _streamed(connection: Any, table: str, condition: str, value: Any) -> Iterator[dict[str, Any]]:
    with connection.cursor(name=f"pull_{table}") as cursor:
        cursor.itersize = CHUNK
        cursor.execute(f"SELECT * FROM bulkim.{table} WHERE {condition}", (value,))
        names = [column.name for column in cursor.description]
        for row in cursor:
            yield dict(zip(names, row, strict=True))
