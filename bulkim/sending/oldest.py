"""Deleting an app's oldest users, and knowing whom it hit.

`DELETE /users?limit=N` names nobody, and a second sending deletes the next users. So before each deletion the users it will
hit are listed and written down as pending; the answer says who went. After a sending without an answer, or a crash,
they are asked about one by one, and only then does it go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bulkim.catalogue.shapes import Operation
from bulkim.codec import encode, pages
from bulkim.journal.records import Closing, Entry, Listed, ListedPage
from bulkim.model import Batch, Final, Item, Kind, Page, PageRequest, Status
from bulkim.sending import doubt as settle
from bulkim.sending.channel import Tries
from bulkim.sending.serial import Serial


@dataclass(frozen=True, slots=True)
class Purge:
    """The three operations that it takes."""

    delete: Operation  # delete-oldest
    users: Operation  # list-users
    ask: Operation  # get-user


async def delete_oldest(serial: Serial, purge: Purge, *, count: int) -> None:
    """Delete the oldest users until the run has deleted `count` in all, or there are none left. Raises Stopped."""
    await _settle_doubt(serial, purge)
    at: str | None = None
    tries = Tries(serial.channel)
    while (left := count - serial.journal.counts()[Status.SUCCEEDED]) > 0:
        size = min(purge.delete.batch_max, left)
        expected = await _expect(serial, purge, size)
        if not expected:
            break
        request = PageRequest(size, at)
        call = encode(serial.provider, purge.delete, serial.job.connection, (), page=request)
        began_at = serial.channel.clock()
        attempt_id, reply, permit = await serial.send(purge.delete, call, Batch(expected))
        page = pages(serial.provider, purge.delete, request, reply)
        serial.channel.heard(reply, page.speaker, page.server_time)
        closing = serial.closing(page.outcome, page.http_status)
        serial.channel.told(closing.kind, permit)
        sent = [item._replace(attempts=item.attempts + 1) for item in expected]
        match page.outcome.kind:
            case Kind.SUCCEEDED:
                _deleted(serial, attempt_id, closing, page, sent)
                at, tries = page.next, Tries(serial.channel)
                if not page.rows:
                    break
            case Kind.UNKNOWN:
                doubtful = [item._replace(doubt_since=began_at) for item in sent]
                serial.close(attempt_id, closing, touched=doubtful)
                await _settle_doubt(serial, purge)
                at = None
            case _:
                serial.close(attempt_id, closing)
                await tries.unanswered(page.outcome, permit)
    serial.journal.drop_unsent()


async def _expect(serial: Serial, purge: Purge, size: int) -> tuple[Item, ...]:
    """The users whom a deletion of `size` would hit, written down as pending."""
    serial.journal.drop_unsent()
    attempt_id, closing, page = await serial.page(purge.users, PageRequest(size))
    rows = [_listed(serial, name) for name, _ in page.rows[:size]]
    serial.take_in(attempt_id, closing, ListedPage(rows, ended=False))
    return tuple(
        Item(each.ordinal, each.key, each.username, {"username": each.username}, attempts=each.attempts)
        for each in serial.journal.expected()
    )


def _listed(serial: Serial, username: str) -> Listed:
    return Listed(Entry(0, None, serial.provider.folded(username), username))


def _deleted(serial: Serial, attempt_id: int, closing: Closing, page: Page, sent: Sequence[Item]) -> None:
    """Those whom the answer names are deleted; some of them may have been nobody's expectation."""
    names = {serial.provider.folded(name): name for name, _ in page.rows}
    finals = [Final(item, Status.SUCCEEDED) for item in sent if item.key in names]
    foreseen = {item.key for item in sent}
    others = [_listed(serial, name) for key, name in names.items() if key not in foreseen]
    serial.take_in(attempt_id, closing, ListedPage(others, ended=True, finals=finals))


async def _settle_doubt(serial: Serial, purge: Purge) -> None:
    """Ask about every user whom an unanswered deletion may have hit."""
    for each in serial.journal.doubtful():
        fields = {"username": each.username}
        item = Item(each.ordinal, each.key, each.username, fields, None, each.attempts, each.doubt_since)
        said = await serial.ask(purge.ask, item)
        if said.kind is Kind.ABSENT:
            gone = settle.after_doubt(purge.delete, item, said)
            final = Final(item, Status.SUCCEEDED, gone.code, gone.reason)
            serial.journal.finish([final], now=serial.channel.clock())
        else:
            serial.journal.forget_doubt([item.ordinal])
