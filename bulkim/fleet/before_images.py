"""A run's journal in PostgreSQL that keeps what was there before the run wrote it: `bulkim.journal.port.Remembering`.

What is kept travels with the turn that closes the asking, so that it is never later on disk than the sending after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bulkim.fleet.claims import Taken
from bulkim.fleet.journal import RunJournal, Store
from bulkim.journal.records import Closing, to_json
from bulkim.model import Final, Item


class RememberingJournal(RunJournal):
    """One session's hand in its run's journal. Of whom something is kept, it knows those who are still to be sent."""

    def __init__(self, store: Store, taken: Taken) -> None:
        super().__init__(store, taken)
        self._kept: set[int] = set()  # ordinals; as many as are looked at ahead

    async def read(self) -> None:
        await super().read()
        found = await self._store.read(
            "SELECT b.ordinal FROM bulkim.before AS b JOIN bulkim.item AS i USING (run_id, ordinal)"
            " WHERE b.run_id = %s AND i.outcome IS NULL", (self.run_id,),
        )  # fmt: skip
        self._kept = {ordinal for (ordinal,) in found}

    def unseen(self, items: Sequence[Item]) -> Sequence[Item]:
        return [item for item in items if item.ordinal not in self._kept]

    def remember(
        self, attempt: int | None, closing: Closing, images: Mapping[int, Mapping[str, Any]]
    ) -> None:
        if attempt is not None:
            self.settle(attempt, closing, finals=(), touched=())
        kept = [[ordinal, closing.ended_at, to_json(image)] for ordinal, image in images.items()]
        self._join().more.setdefault("d", []).extend(kept)
        self._kept.update(images)

    def settle(
        self, attempt: int, closing: Closing, *, finals: Sequence[Final], touched: Sequence[Item]
    ) -> None:
        super().settle(attempt, closing, finals=finals, touched=touched)
        self._kept.difference_update(final.item.ordinal for final in finals)
