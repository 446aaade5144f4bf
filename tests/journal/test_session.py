"""What every back end of a session does, whatever stands behind it: write ahead, tell doubt, lose nothing."""

from __future__ import annotations

import anyio
import pytest

from bulkim.errors import BusyError, GuardError
from bulkim.journal.records import Closing, Entry, Listed, ListedPage
from bulkim.model import Batch, Final, Item, Mode, Status

from .backends import safe

USERS = [Entry(place, place + 1, name, name.title()) for place, name in enumerate(("ann", "bob", "cem"), 1)]
ANSWERED = Closing(5.0, "succeeded", 200)


def async_test(test):
    """Runs it in a loop."""

    def run(backend):
        anyio.run(test, backend)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run


def sent(item: Item) -> Item:
    return item._replace(attempts=item.attempts + 1)


@async_test
async def test_pending_items_come_in_the_inputs_order_and_page_by_page(backend):
    backend.read_input(USERS)
    first = backend.session.pending(limit=2)
    assert [each.key for each in first] == ["ann", "bob"]
    assert [each.key for each in backend.session.pending(after=first[-1].position)] == ["cem"]
    assert first[0] == Item(1, "ann", "Ann", {}, 2, 0, None, 1)


@async_test
async def test_a_call_is_written_down_before_it_is_sent(backend):
    backend.read_input(USERS)
    attempt = backend.session.begin(Batch(tuple(backend.session.pending())), now=4.0)
    await safe(backend.session)
    assert backend.attempts() == [{"number": attempt, "mode": "send", "size": 3, "kind": None}]
    assert backend.summary() == {"items": 3, "requests": 1, "retries": 0, "throttled": 0}


@async_test
async def test_numbers_of_attempts_go_up_and_are_known_at_once(backend):
    backend.read_input(USERS)
    item = backend.session.pending()[0]
    numbers = [backend.session.begin(Batch((item,)), now=4.0) for _ in range(5)]
    assert numbers == sorted(set(numbers))
    await safe(backend.session)
    assert [each["number"] for each in backend.attempts()] == numbers


@async_test
async def test_an_answer_ends_items_and_leaves_others_as_they_are_told(backend):
    backend.read_input(USERS)
    ann, bob, cem = map(sent, backend.session.pending())
    attempt = backend.session.begin(Batch((ann, bob, cem)), now=4.0)
    finals = [Final(ann, Status.SUCCEEDED, data={"a": 1}), Final(bob, Status.FAILED, "dup", "was there")]
    backend.session.settle(attempt, ANSWERED, finals=finals, touched=[cem._replace(doubt_since=4.0)])
    assert backend.session.counts() == {
        **dict.fromkeys(Status, 0), Status.SUCCEEDED: 1, Status.FAILED: 1, Status.PENDING: 1,
    }  # fmt: skip
    await safe(backend.session)
    assert [(each["outcome"], each["code"], each["attempts"]) for each in backend.items()] == [
        ("succeeded", None, 1), ("failed", "dup", 1), (None, None, 1),
    ]  # fmt: skip
    assert [each.key for each in backend.session.doubtful()] == ["cem"]
    assert backend.session.pending() == [], "what is in doubt is not sent before it was asked about"


@async_test
async def test_sending_again_and_refusals_are_counted(backend):
    backend.read_input(USERS)
    batch = Batch(tuple(backend.session.pending()))
    attempt = backend.session.begin(batch, now=4.0)
    backend.session.settle(attempt, Closing(5.0, "throttled", 429), finals=[], touched=batch.items)
    again = batch.of([sent(each) for each in batch.items], tries=1)
    backend.session.begin(again, now=6.0)
    backend.session.begin(Batch(batch.items, Mode.PROBE), now=6.0)
    await safe(backend.session)
    assert backend.summary() == {"items": 3, "requests": 3, "retries": 1, "throttled": 1}


@async_test
async def test_items_end_without_a_call(backend):
    backend.read_input(USERS)
    backend.session.finish([Final(backend.session.pending()[1], Status.SKIPPED, "late", "why")], now=4.0)
    await safe(backend.session)
    assert [each["outcome"] for each in backend.items()] == [None, "skipped", None]
    assert backend.session.counts()[Status.PENDING] == 2


async def failed_too(session, item: Item) -> None:
    session.finish([Final(item, Status.FAILED)], now=5.0)
    await safe(session)


@async_test
async def test_an_item_ends_once(backend):
    """Two answers about one user are a mistake of ours: nothing of the second is written."""
    backend.read_input(USERS)
    item = backend.session.pending()[0]
    backend.session.finish([Final(item, Status.SUCCEEDED)], now=4.0)
    await safe(backend.session)
    with pytest.raises((AssertionError, GuardError), match="1 items were to end, 0 were pending"):
        await failed_too(backend.session, item)
    assert backend.items()[0]["outcome"] == "succeeded"


def test_what_was_begun_and_never_settled_is_in_doubt(backend):
    """Killed between begin and settle: the successor finds who may have been hit, and when that began."""

    async def until_it_dies() -> None:
        backend.read_input(USERS)
        ann, bob, _ = backend.session.pending()
        backend.session.begin(Batch((ann, bob)), now=4.0)
        await safe(backend.session)

    anyio.run(until_it_dies)
    assert backend.die() == 1
    doubtful = backend.session.doubtful()
    assert [(each.key, each.doubt_since, each.attempts) for each in doubtful] == [
        ("ann", 4.0, 1),
        ("bob", 4.0, 1),
    ]
    assert [each.key for each in backend.session.pending()] == ["cem"]
    assert [each["kind"] for each in backend.attempts()] == ["lost"]


def test_a_probe_that_died_is_asked_again(backend):
    async def until_it_dies() -> None:
        backend.read_input(USERS)
        ann = sent(backend.session.pending()[0])
        attempt = backend.session.begin(Batch((ann,)), now=4.0)
        backend.session.settle(attempt, ANSWERED, finals=[], touched=[ann._replace(doubt_since=4.0)])
        backend.session.begin(Batch((ann,), Mode.PROBE), now=5.0)
        await safe(backend.session)

    anyio.run(until_it_dies)
    assert backend.die() == 1
    assert [(each.key, each.doubt_since, each.attempts) for each in backend.session.doubtful()] == [
        ("ann", 4.0, 1)
    ]


def test_a_run_has_one_holder(backend):
    with pytest.raises(BusyError, match="is running this run"):
        backend.rival()
    backend.read_input(USERS)
    assert len(backend.session.pending()) == 3, "the holder goes on"


def test_what_cannot_be_made_durable_is_never_sent(backend):
    """The commit fails: who waits for it hears of it, and so does everybody who comes later."""

    async def main() -> None:
        backend.read_input(USERS)
        ann, bob, _ = backend.session.pending()
        backend.break_down()
        backend.session.begin(Batch((ann,)), now=4.0)
        with pytest.raises(GuardError, match="cannot be written"):
            await safe(backend.session)
        with pytest.raises(GuardError, match="cannot be written"):
            backend.session.begin(Batch((bob,)), now=5.0)
        with pytest.raises(GuardError, match="cannot be written"):
            await safe(backend.session)

    anyio.run(main)
    assert backend.attempts() == []
    assert backend.summary()["requests"] == 0


def test_an_answer_that_was_lost_ends_the_session(backend):
    """Nobody awaits what follows an answer; the next who wants anything is told."""

    async def main() -> None:
        backend.read_input(USERS)
        ann, bob, _ = map(sent, backend.session.pending())
        attempt = backend.session.begin(Batch((ann,)), now=4.0)
        await safe(backend.session)
        backend.break_down()
        backend.session.settle(attempt, ANSWERED, finals=[Final(ann, Status.SUCCEEDED)], touched=[])
        await anyio.sleep(0.01)
        with pytest.raises(GuardError, match="cannot be written"):
            backend.session.begin(Batch((bob,)), now=5.0)

    anyio.run(main)
    assert [each["outcome"] for each in backend.items()] == [None, None, None]
    assert [each["kind"] for each in backend.attempts()] == [None], "it stays open: in doubt"


# ----------------------------------------------------------------------------------------- listings


def listed(*names: str, **data: dict[str, object]) -> list[Listed]:
    return [Listed(Entry(0, None, name.lower(), name), data.get(name)) for name in names]


@async_test
async def test_pages_become_items_and_the_listing_goes_on_where_it_was(backend):
    session = backend.session
    assert session.cursor() is None
    page = session.begin_page(now=4.0)
    session.take_in(page, ANSWERED, ListedPage(listed("Ann", "bob"), ended=False, cursor="next"))
    assert session.cursor() == "next"
    page = session.begin_page(now=6.0)
    session.take_in(page, ANSWERED, ListedPage(listed("bob", "cem", "cem"), ended=False, done=True))
    await safe(session)
    assert [(each["username"], each["outcome"]) for each in backend.items()] == [
        ("Ann", None), ("bob", None), ("cem", None),
    ]  # fmt: skip
    assert [each.key for each in session.pending()] == ["ann", "bob", "cem"]
    assert [each["mode"] for each in backend.attempts()] == ["page", "page"]


@async_test
async def test_where_being_listed_is_the_result_later_data_is_added(backend):
    session = backend.session
    for data in ({"a": 1}, {"b": 2}):
        page = session.begin_page(now=4.0)
        session.take_in(page, ANSWERED, ListedPage(listed("ann", ann=data), ended=True))
    await safe(session)
    assert [(each["outcome"], each["data"]) for each in backend.items()] == [("succeeded", '{"a":1,"b":2}')]
    assert session.counts()[Status.SUCCEEDED] == 1


@async_test
async def test_who_was_only_expected_is_forgotten_and_who_is_in_doubt_is_not(backend):
    session = backend.session
    page = session.begin_page(now=4.0)
    session.take_in(page, ANSWERED, ListedPage(listed("ann", "bob"), ended=False))
    ann, bob = session.expected()
    attempt = session.begin(Batch((ann, bob)), now=5.0)
    session.settle(attempt, ANSWERED, finals=[], touched=[sent(ann)._replace(doubt_since=5.0)])
    session.drop_unsent()
    await safe(session)
    assert [each["key"] for each in backend.items()] == ["ann"]
    assert sum(session.counts().values()) == 1
    session.forget_doubt([ann.ordinal])
    assert (session.doubtful(), [each.key for each in session.expected()]) == ([], ["ann"])


@async_test
async def test_what_ends_with_a_page_ends_in_one_piece_with_it(backend):
    session = backend.session
    page = session.begin_page(now=4.0)
    session.take_in(page, ANSWERED, ListedPage(listed("ann"), ended=False))
    (ann,) = session.expected()
    attempt = session.begin(Batch((ann,)), now=5.0)
    finals = [Final(sent(ann), Status.SUCCEEDED)]
    session.take_in(attempt, ANSWERED, ListedPage(listed("zoe"), ended=True, finals=finals))
    await safe(session)
    assert [(each["key"], each["outcome"]) for each in backend.items()] == [
        ("ann", "succeeded"),
        ("zoe", "succeeded"),
    ]
