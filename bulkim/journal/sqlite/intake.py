"""Reading an input into the journal: by identity, streaming, and again when the input was edited."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from bulkim.journal.records import KEY_NAME, Entry, InputChange, to_json
from bulkim.journal.sqlite.database import Database, of_keys
from bulkim.journal.sqlite.tally import count_ended

CHUNK = 2_000  # rows a transaction
_REMOVED = "code IS 'removed'"
# To bind None or bytes, sqlite3 asks them how they want to be adapted, each as long as a row takes without: '' and a bytearray it takes as they are.
_PENDING = (
    "INSERT INTO item (run_id, ordinal, key, username, position, line, fields, extra, digest)"
    " VALUES (?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''), nullif(?, ''))"
)


Judge = Callable[[InputChange], None]
"""Looks at what an input brought before it is taken over, and may raise: then nothing is."""


def read_input(
    database: Database,
    run_id: int,
    entries: Iterable[Entry],
    *,
    name: str,
    digest: str | None,
    now: float,
    judge: Judge,
) -> InputChange | None:
    """As `writer.Journal.read_input`. Read again, it is one transaction: all of it, or nothing."""
    fresh = not database.row("SELECT 1 FROM item WHERE run_id = ? LIMIT 1", (run_id,))
    chunks = iter(partial(_chunk, iter(entries)), [])
    if fresh:
        for chunk in chunks:
            with database.transaction() as tx:
                insert_entries(tx, run_id, chunk, now=now)
    with database.transaction() as tx:
        change = None if fresh else _read_again(tx, run_id, chunks, now=now)
        if change is not None:
            judge(change)
            _drop_removed(tx, run_id, now=now)
        tx.execute(
            "UPDATE run SET planned_at = ?, input_name = ?, input_digest = ? WHERE id = ?",
            (now, name, digest, run_id),
        )
    return change


def _chunk(entries: Iterator[Entry]) -> list[Entry]:
    return list(islice(entries, CHUNK))


def _read_again(
    tx: sqlite3.Connection, run_id: int, chunks: Iterable[Sequence[Entry]], *, now: float
) -> InputChange:
    tx.execute(f"DELETE FROM item WHERE run_id = ? AND outcome = 'skipped' AND NOT ({_REMOVED})", (run_id,))
    tx.execute("DELETE FROM tally WHERE run_id = ? AND outcome = 'skipped'", (run_id,))
    tx.execute("UPDATE item SET position = NULL WHERE run_id = ? AND outcome IS NULL", (run_id,))
    tx.execute(
        "UPDATE run SET items = (SELECT count(*) FROM item WHERE run_id = run.id) WHERE id = ?", (run_id,)
    )
    never_sent = "SELECT count(*) FROM item WHERE run_id = ? AND outcome IS NULL AND doubt_since IS NULL"
    (pending,) = tx.execute(never_sent, (run_id,)).fetchone()
    rows, new, back, altered = 0, 0, 0, Counter[bool]()
    for chunk in chunks:
        added, returned = _merge(tx, run_id, chunk, altered)
        insert_entries(tx, run_id, added, now=now)
        rows += len(chunk)
        new += returned + sum(entry.skip_code is None for entry in added)
        back += returned
    (gone,) = tx.execute(f"{never_sent} AND position IS NULL", (run_id,)).fetchone()
    return InputChange(rows, pending, new, gone, altered.total(), altered[True], back)


def _merge(
    tx: sqlite3.Connection, run_id: int, chunk: Sequence[Entry], altered: Counter[bool]
) -> tuple[list[Entry], int]:
    """Update what the journal knows of the chunk; returns what it does not know, and how many are back who were removed.

    Counts in `altered` those whose values are not what they were, by whether they had ended.
    """
    known = _known(tx, run_id, [entry.key for entry in chunk if entry.key is not None])
    back = _back(tx, run_id, known)
    for each in chunk:
        if each.skip_code and each.key in known and _withdraw(tx, run_id, known[each.key].ordinal):
            back -= known.pop(each.key).removed
    here = [(each, known[each.key]) for each in chunk if each.key in known and not each.skip_code]
    altered.update(before.ended for each, before in here if differs(each, before.fields, before.digest))
    tx.executemany(
        "UPDATE item SET position = ?, line = ?, username = ?, fields = ?, extra = ?, digest = ?"
        " WHERE run_id = ? AND ordinal = ? AND outcome IS NULL",
        [
            (each.position, each.line, each.username, _json(each.fields), _json(each.extra), each.digest,
             run_id, before.ordinal)
            for each, before in here
        ],
    )  # fmt: skip
    return [entry for entry in chunk if entry.key not in known], back


class Known(NamedTuple):
    """What the journal has of an identity."""

    ordinal: int
    ended: bool
    removed: bool  # an earlier reading did not find it any more
    fields: str | None
    digest: bytes | None


def _back(tx: sqlite3.Connection, run_id: int, known: Mapping[str | None, Known]) -> int:
    """Those of the known who were removed, and are in the input again: pending, as they were. Returns how many."""
    there = [each.ordinal for each in known.values() if each.removed]
    tx.executemany(
        "UPDATE item SET outcome = NULL, code = NULL, reason = NULL, finished_at = NULL WHERE run_id = ? AND ordinal = ?",
        [(run_id, ordinal) for ordinal in there],
    )
    return len(there)


def differs(entry: Entry, fields: str | None, digest: bytes | None) -> bool:
    """Whether other values would be sent now than the journal has. Digests are compared where they were made with one key."""
    if fields != _json(entry.fields):
        return True
    if digest is None or entry.digest is None or digest[:KEY_NAME] != entry.digest[:KEY_NAME]:
        return False
    return digest != entry.digest


def _known(tx: sqlite3.Connection, run_id: int, keys: Sequence[str]) -> dict[str | None, Known]:
    known: dict[str | None, Known] = {}
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        rows = tx.execute(
            f"SELECT key, ordinal, outcome IS NOT NULL, coalesce({_REMOVED}, 0), fields, digest {of_keys(len(part))}",
            (run_id, *part),
        )
        for key, ordinal, ended, removed, *values in rows:
            known[key] = Known(ordinal, bool(ended) and not removed, bool(removed), *values)
    return known


def _json(values: Mapping[str, Any] | None) -> str | None:
    return to_json(values) if values else None


def _withdraw(tx: sqlite3.Connection, run_id: int, ordinal: int) -> bool:
    """Forget a pending item that must not be sent any more. False when it was sent: then it keeps its place."""
    never_sent = "run_id = ? AND ordinal = ? AND outcome IS NULL AND doubt_since IS NULL"
    withdrawn = tx.execute(f"DELETE FROM item WHERE {never_sent}", (run_id, ordinal)).rowcount == 1
    tx.execute("UPDATE run SET items = items - ? WHERE id = ?", (int(withdrawn), run_id))
    return withdrawn


def insert_entries(tx: sqlite3.Connection, run_id: int, entries: Sequence[Entry], *, now: float) -> None:
    """Add entries after those that the run has."""
    last = tx.execute("SELECT coalesce(max(ordinal), 0) FROM item WHERE run_id = ?", (run_id,)).fetchone()[0]
    placed = list(enumerate(entries, last + 1))
    tx.executemany(
        _PENDING,
        [
            (run_id, ordinal, key, username, position, line, to_json(fields) if fields else "",
             to_json(extra) if extra else "", "" if digest is None else bytearray(digest))
            for ordinal, (position, line, key, username, fields, extra, skip_code, _, digest) in placed
            if skip_code is None
        ],
    )  # fmt: skip
    skipped = [(ordinal, each) for ordinal, each in placed if each.skip_code is not None]
    tx.executemany(
        "INSERT INTO item (run_id, ordinal, key, username, position, line, fields, extra, outcome, code, reason,"
        " finished_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'skipped', ?, ?, ?)",
        [
            (run_id, ordinal, each.key, each.username, each.position, each.line, _json(each.fields), _json(each.extra),
             each.skip_code, each.skip_reason, now)
            for ordinal, each in skipped
        ],
    )  # fmt: skip
    tx.execute("UPDATE run SET items = items + ? WHERE id = ?", (len(entries), run_id))
    count_ended(
        tx, run_id, [("skipped", each.skip_code, each.username, each.skip_reason, 1) for _, each in skipped]
    )


def _drop_removed(tx: sqlite3.Connection, run_id: int, *, now: float) -> None:
    """Never sent and no longer in the input: skipped, as those of an earlier reading are. One in doubt stays pending, to be asked about."""
    gone = "run_id = ? AND outcome IS NULL AND position IS NULL AND doubt_since IS NULL"
    reason = "no longer in the input, and never done"
    tx.execute(
        f"UPDATE item SET outcome = 'skipped', code = 'removed', reason = ?, finished_at = ? WHERE {gone}",
        (reason, now, run_id),
    )
    names = tx.execute(
        f"SELECT username FROM item WHERE run_id = ? AND outcome = 'skipped' AND {_REMOVED}", (run_id,)
    )
    count_ended(tx, run_id, [("skipped", "removed", name, reason, 1) for (name,) in names.fetchall()])


def withhold(database: Database, run_id: int, protects: Callable[[str], str | None], *, now: float) -> int:
    """Whoever is pending and protected is not sent any more, from whatever source they came. Returns how many.

    Those never sent end as skipped. One in doubt stays pending, to be asked about: without a position it is not sent.
    """
    with database.transaction() as tx:
        rows = tx.execute(
            "SELECT ordinal, username, doubt_since FROM item WHERE run_id = ? AND outcome IS NULL", (run_id,)
        )
        found = [(ordinal, name, why, doubt) for ordinal, name, doubt in rows if (why := protects(name))]
        never_sent = [(ordinal, name, why) for ordinal, name, why, doubt in found if doubt is None]
        tx.executemany(
            "UPDATE item SET outcome = 'skipped', code = 'protected', reason = ?, finished_at = ?"
            " WHERE run_id = ? AND ordinal = ?",
            [(why, now, run_id, ordinal) for ordinal, _, why in never_sent],
        )
        count_ended(tx, run_id, [("skipped", "protected", name, why, 1) for _, name, why in never_sent])
        tx.executemany(
            "UPDATE item SET position = NULL WHERE run_id = ? AND ordinal = ?",
            [(run_id, ordinal) for ordinal, _, _, doubt in found if doubt is not None],
        )
    return len(found)
