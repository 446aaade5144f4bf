"""What an answer says of what a run did: of names, tags, members and contacts, beside mutes and attributes."""

from __future__ import annotations

import pytest

from bulkim.catalogue.shapes import Effect, Field, Operation, ReadBack
from bulkim.model import Item, Kind, Outcome
from bulkim.work.judging import Verdict, judge

FIELDS = (
    Field("username", key=True),
    Field("nickname", optional=True),
    Field("contact", optional=True, user=True),
    Field("room_id", optional=True),
    Field("tags", type="names", optional=True),
    Field("profile", type="map", optional=True),
)


def verdict(declared, fields, data, *, fold=str.lower):
    operation = Operation("o", "POST", "/", Effect.ENSURE, FIELDS, verify=declared)
    item = Item(1, "u", "u", fields)
    return judge(operation, declared, item, Outcome(Kind.SUCCEEDED, data=data), elapsed_s=0, fold=fold)[0]


@pytest.mark.parametrize(
    ("declared", "fields", "data", "holds"),
    [
        (ReadBack("r", same={"nickname": "nickname"}), {"nickname": "Ann"}, {"nickname": "Ann"}, True),
        (ReadBack("r", same={"nickname": "nickname"}), {"nickname": "Ann"}, {"nickname": "Bo"}, False),
        (ReadBack("r", same={"nickname": "nickname"}), {"nickname": "Ann"}, {}, False),
        (ReadBack("r", holds="tags"), {"tags": ["a", "b"]}, ["b", "c", "a"], True),
        (ReadBack("r", holds="tags"), {"tags": ["a", "b"]}, ["a"], False),
        (ReadBack("r", holds="tags"), {"tags": ["a"]}, ["A"], False),  # tags are no users: case counts
        (ReadBack("r", lacks="tags"), {"tags": ["a"]}, ["b"], True),
        (ReadBack("r", lacks="tags"), {"tags": ["a", "b"]}, ["b"], False),
        (ReadBack("r", lacks="tags"), {"tags": ["a"]}, [], True),
        (ReadBack("r", holds="contact"), {"contact": "Bo"}, ["bo"], True),  # as the vendor writes it
        (ReadBack("r", holds="contact"), {"contact": "bo"}, [], False),
        (ReadBack("r", lacks="contact"), {"contact": "Bo"}, ["bo"], False),
        (ReadBack("r", holds="room_id", among="id"), {"room_id": "7"}, [{"id": "7", "name": "x"}], True),
        (ReadBack("r", holds="room_id", among="id"), {"room_id": "7"}, [{"id": "8"}, {"name": "7"}], False),
        (ReadBack("r", holds="profile"), {"profile": {"a": 1}}, {"a": 1, "b": 2}, True),
        (ReadBack("r", holds="profile"), {"profile": {"a": 1}}, {"a": 2}, False),
        (ReadBack("r", equals={"Role": ["Owner", "Member"]}), {}, {"Role": "Member"}, True),
        (ReadBack("r", equals={"Role": ["Owner", "Member"]}), {}, {"Role": "NotMember"}, False),
        (ReadBack("r", equals={"": True}), {}, True, True),
        (ReadBack("r", equals={"": True}), {}, 1, False),
    ],
)  # fmt: skip
def test_what_holds(declared, fields, data, holds):
    assert verdict(declared, fields, data) is (Verdict.HOLDS if holds else Verdict.DRIFT)


def test_a_contact_is_compared_as_the_vendor_compares_users():
    declared = ReadBack("r", holds="contact")
    assert verdict(declared, {"contact": "Bo"}, ["bo"], fold=str) is Verdict.DRIFT
