"""What a call has room for once is the same for all its items: in the plan, on the wire, and when calls are taken apart."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from dataclasses import replace
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bulkim.catalogue.load import load
from bulkim.catalogue.shapes import Operation
from bulkim.codec import encode, parting
from bulkim.errors import InputError
from bulkim.model import Again, Auth, Batch, Item, Mode
from bulkim.planning.gather import READ, Gathered
from bulkim.sending.backlog import Backlog

GROUPS = """\
provider: 1
name: rooms
label: Rooms
identity: {fold: lower}
apps: [{keys: [site], name: "{site}", target: "{site}"}]
auth: [bearer]
envelope: {code: error, reason: message}
pools: [{name: all, limit: 10}]
errors: []
operations:
  - name: add-to-group
    method: POST
    path: /groups/{group_id}/users
    effect: ensure
    fields:
      - {name: username, wire: user, key: true, pattern: "[A-Za-z0-9]+"}
      - {name: group_id, key: true, pattern: "[a-z0-9]+"}
    body: {rows: {root: users}}
    result: {per-item: {items: results, key: user, code: code, reason: why, ok: [done]}}
    batch_max: 3
    pools: [all]
    doubt: repeat
  - name: add-friends
    method: POST
    path: /users/{username}/friends
    effect: ensure
    fields:
      - {name: username, key: true, pattern: "[A-Za-z0-9]+"}
      - {name: friend, key: true, user: true}
    body: {names: {root: friends, of: friend}}
    result: {failures-only: {failed: failed, by: friend}}
    batch_max: 5
    pools: [all]
    doubt: repeat
  - name: remove-labels
    method: POST
    path: /labels
    effect: ensure
    fields:
      - {name: username, key: true}
      - {name: labels, type: names}
    body: {names: {root: users, also: [labels]}}
    batch_max: 4
    pools: [all]
    doubt: never
"""
ROOMS = load(GROUPS, "rooms.yaml")
CONNECTION = ROOMS.apps[0].connect("rooms", "https://rooms.example", {"site": "s"}, Auth("token", "", "t"))
BATCHED = [each for each in ROOMS.operations if each.shared]


def operation(name: str) -> Operation:
    found = ROOMS.operation(name)
    assert found is not None
    return found


def member(number: int, group: str, **fields: object) -> Item:
    user = f"u{number}"
    return Item(number, user, user, {"username": user, "group_id": group, **fields})


def test_what_stands_in_the_path_or_beside_the_list_is_shared():
    assert [(each.name, each.shared) for each in ROOMS.operations] == [
        ("add-to-group", ("group_id",)),
        ("add-friends", ("username",)),
        ("remove-labels", ("labels",)),
    ]
    assert replace(operation("add-to-group"), batch_max=1).shared == ()


def test_a_mixed_call_is_refused():
    with pytest.raises(ValueError, match="takes one group_id a request"):
        encode(ROOMS, operation("add-to-group"), CONNECTION, [member(1, "a"), member(2, "b")])


def test_one_and_true_and_text_are_three_values():
    part = parting(operation("add-to-group"))
    assert part
    assert len({part(member(1, each)) for each in (1, True, "1", "true")}) == 4


def test_an_owner_and_their_friends():
    friends = [Item(n, "k", "Ann", {"username": "Ann", "friend": f"f{n}"}) for n in (1, 2)]
    call = encode(ROOMS, operation("add-friends"), CONNECTION, friends)
    assert call.path == "/users/Ann/friends"
    assert json.loads(call.body) == {"friends": ["f1", "f2"]}


members = st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["a", "b", "c"])), max_size=60)


@given(st.sampled_from(BATCHED), members)
def test_no_call_ever_carries_two_values_of_a_shared_field(made: Operation, rows):
    """Fresh items, retries, probes' left-overs and halves: whatever the backlog gives can be encoded."""
    items = [
        Item(n, f"k{n}", f"U{user}", {"username": f"U{user}", "group_id": group, "friend": f"f{n}", "labels": [group]})
        for n, (user, group) in enumerate(rows, 1)
    ]  # fmt: skip
    fresh, later = items[::2], items[1::2]
    part = parting(made)
    assert part
    source = iter(fresh)
    work = Backlog(
        Gathered(lambda count: tuple(each for each, _ in zip(source, range(count), strict=False)), part),
        batch_max=made.batch_max, probe_max=1, canary=None, part=part,
    )  # fmt: skip
    work.put(Again(Batch(tuple(later[::2]))), 0.0)
    work.put(Again(Batch(tuple(later[1::2]), Mode.SEND), regroup=True), 0.0)
    seen: Counter[int] = Counter()
    while (batch := work.next(1.0, idle=True)) is not None:
        encode(ROOMS, made, CONNECTION, batch.items)
        assert len({part(each) for each in batch.items}) == 1
        seen.update(each.ordinal for each in batch.items)
    assert seen == Counter(each.ordinal for each in items)


@given(st.lists(st.integers(0, 40), max_size=400), st.integers(1, 7))
def test_each_group_takes_as_few_calls_as_it_can(rows, batch_max):
    source = iter(rows)
    gathered = Gathered(lambda n: [x for x, _ in zip(source, range(n), strict=False)], lambda each: each)
    calls = []
    while taken := gathered.take(batch_max):
        assert len(set(taken)) == 1
        calls.append(taken)
    expected = {group: -(-count // batch_max) for group, count in Counter(rows).items()}
    assert Counter(each[0] for each in calls) == expected
    assert Counter(each for call in calls for each in call) == Counter(rows)


def test_what_is_held_is_bounded():
    read = 0

    def take(count: int) -> range:
        nonlocal read
        first, read = read, read + count
        return range(first, read)

    gathered = Gathered(take, lambda each: each, held_max=200)
    for taken in range(1_000):
        assert gathered.take(60) == (taken,)
        assert read - taken <= 200 + READ


def test_the_order_within_a_group_is_the_inputs():
    rows = [f"{group}{n}" for n in range(10) for group in "ab"]
    source = iter(rows)
    gathered = Gathered(lambda n: [x for x, _ in zip(source, range(n), strict=False)], lambda each: each[0])
    by_group = defaultdict(list)
    while taken := gathered.take(3):
        by_group[taken[0][0]] += taken
    assert by_group == {group: [f"{group}{n}" for n in range(10)] for group in "ab"}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("- {name: group_id, key: true, p", "- {name: group_id, key: true, secret: true, p", "'group_id' is secret"),
        ("      - {name: friend, key: true, user: true}", "      - {name: friend}", "its path names one item"),
        ("of: friend", "of: fiend", "there is no field 'fiend' (did you mean 'friend'?)"),
        ("by: friend", "by: fiend", "there is no field 'fiend' (did you mean 'friend'?)"),
    ],
)  # fmt: skip
def test_a_batch_that_would_lose_somebody_is_no_declaration(before, after, expected):
    assert before in GROUPS
    with pytest.raises(InputError) as raised:
        load(GROUPS.replace(before, after), "rooms.yaml")
    assert re.search(re.escape(expected), "\n".join(map(str, raised.value.problems)))


def test_the_path_of_a_full_call_names_the_group_of_all():
    call = encode(ROOMS, operation("add-to-group"), CONNECTION, [member(n, "g7") for n in (1, 2, 3)])
    assert unquote(call.path) == "/groups/g7/users"
    assert [each["user"] for each in json.loads(call.body)["users"]] == ["u1", "u2", "u3"]
