"""What one turn of the event loop writes to the journal is one durable transaction.

A commit waits for the disk: a transaction for every call's begin and end would let a slow disk, not the vendor, set the
rate. Calls that begin in the same turn of the loop, and answers that arrived in the same turn, share one; where there is
one call at a time nothing is delayed. A crash loses at most the turn: of what began in it nothing was sent yet, what was
answered in it is in doubt, and is settled like anything that was on its way.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from bulkim.errors import BulkimError
from bulkim.journal.sqlite.writer import Journal


class Turn:
    """One turn's transaction."""

    __slots__ = ("_error", "_open")

    def __init__(self) -> None:
        self._open = True
        self._error: BulkimError | None = None

    async def durable(self) -> None:
        """Wait until what was written is on disk. Raises GuardError when it will never be."""
        while self._open:
            await asyncio.sleep(0)
        if self._error:
            raise self._error

    def close(self, error: BulkimError | None) -> None:
        """It is on disk, or failed."""
        self._open, self._error = False, error


class Turns:
    """The transactions of a session, one after another."""

    def __init__(self, journal: Journal, failed: Callable[[BulkimError], None]) -> None:
        """`failed` is told of a commit that did not succeed."""
        self._journal, self._failed = journal, failed
        self._turn: Turn | None = None

    def join(self) -> Turn:
        """This turn's transaction: what is written from now to its end belongs to it. Raises GuardError."""
        if self._turn is None:
            self._journal.begin_transaction()
            self._turn = Turn()
            asyncio.get_running_loop().call_soon(self.commit)
        return self._turn

    def commit(self) -> None:
        """End the turn's transaction, if one is open."""
        turn, self._turn = self._turn, None
        if turn is None:
            return
        try:
            self._journal.commit()
        except BulkimError as error:
            turn.close(error)
            self._failed(error)
        else:
            turn.close(None)
