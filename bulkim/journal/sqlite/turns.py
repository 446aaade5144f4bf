"""What one turn of the event loop writes to the journal is one durable transaction.

A commit waits for the disk: a transaction for every call's begin and end would let a slow disk, not the vendor, set the
rate. Calls that begin in the same turn of the loop, and answers that arrived in the same turn, share one; where there is
one call at a time nothing is delayed. A crash loses at most the turn: of what began in it nothing was sent yet, what was
answered in it is in doubt, and is settled like anything that was on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from typing import Any

from bulkim.errors import GuardError
from bulkim.journal.sqlite.database import Database


class Turn:
    """One turn's transaction, as something to await: done when it is on disk. Raises GuardError when it never will be."""

    __slots__ = ("_error", "_open")

    def __init__(self) -> None:
        self._open = True
        self._error: GuardError | None = None

    def __await__(self) -> Generator[Any, None, None]:
        while self._open:
            yield from asyncio.sleep(0).__await__()
        if self._error:
            raise self._error

    def close(self, error: GuardError | None) -> None:
        """It is on disk, or failed."""
        self._open, self._error = False, error


class Turns:
    """A journal's transactions, one after another. After one that failed there are no more."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn: Turn | None = None
        self._last = Turn()
        self._last.close(None)
        self._lost: GuardError | None = None

    def join(self) -> None:
        """What is written from now to the turn's end belongs to its transaction. Raises GuardError.

        Where no loop runs there are no turns: every write is its own transaction.
        """
        if self._turn is not None:
            return
        if self._lost:
            raise self._lost
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            return
        self._database.begin_transaction()
        self._turn = self._last = Turn()
        loop.call_soon(self.commit)

    def durable(self) -> Turn:
        """What was written until now."""
        return self._last

    def commit(self) -> None:
        """End the turn's transaction, if one is open."""
        turn, self._turn = self._turn, None
        if turn is None:
            return
        try:
            self._database.commit()
        except GuardError as error:
            self._lost = error
            turn.close(error)
        else:
            turn.close(None)
