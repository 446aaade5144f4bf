"""What becomes of an outcome, and of a sending that nobody answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bulkim.catalogue.shapes import Effect, Probe, Repeat
from bulkim.model import Item, Kind, Outcome, Status
from bulkim.sending.doubt import after_doubt, final, settled
from bulkim.vendors import PROVIDERS, provider

EASEMOB = provider("easemob")
TENCENT = provider("tencent")
SENT_AT = 1_000_000.0
NOW = SENT_AT + 30.0


def doubtful(**fields):
    return Item(1, "u", "u", fields, doubt_since=SENT_AT)


def found(data):
    return Outcome(Kind.SUCCEEDED, data=data)


def settle(vendor, operation, item, probe_outcome, *, server_time=None, now=NOW):
    return settled(vendor.operation(operation), item, probe_outcome, server_time=server_time, now=now)


@pytest.mark.parametrize(
    ("operation", "kind", "status"),
    [
        ("register", Kind.SUCCEEDED, Status.SUCCEEDED),
        ("register", Kind.ALREADY, Status.UNCHANGED),
        ("register", Kind.ABSENT, Status.FAILED),
        ("delete", Kind.ABSENT, Status.UNCHANGED),
        ("mute", Kind.ABSENT, Status.FAILED),
        ("get-user", Kind.ABSENT, Status.FAILED),
        ("disconnect", Kind.ABSENT, Status.FAILED),
        ("ban", Kind.ALREADY, Status.UNCHANGED),
        ("register", Kind.REJECTED, Status.FAILED),
    ],
)
def test_how_an_item_ends(operation, kind, status):
    assert final(EASEMOB.operation(operation), Outcome(kind)) is status


def test_nothing_else_is_an_end():
    ends = {Kind.SUCCEEDED, Kind.ALREADY, Kind.ABSENT, Kind.REJECTED}
    for operation in EASEMOB.operations:
        assert {kind for kind in Kind if final(operation, Outcome(kind)) is not None} == ends


# ------------------------------------------------------------------------------------- after doubt


def test_gone_after_our_own_request_is_our_doing():
    absent = Outcome(Kind.ABSENT, "service_resource_not_found")
    delete = EASEMOB.operation("delete")
    assert after_doubt(delete, doubtful(), absent).kind is Kind.SUCCEEDED
    assert after_doubt(delete, doubtful(), absent).code == "reconciled"
    assert after_doubt(delete, doubtful()._replace(doubt_since=None), absent) is absent
    assert after_doubt(EASEMOB.operation("mute"), doubtful(), absent) is absent


def test_there_after_our_own_request_must_be_asked_about():
    already = Outcome(Kind.ALREADY, "duplicate_unique_property_exists")
    register = EASEMOB.operation("register")
    assert after_doubt(register, doubtful(), already).kind is Kind.UNKNOWN
    assert after_doubt(register, doubtful()._replace(doubt_since=None), already) is already


def test_there_after_our_own_request_where_nobody_can_be_asked_is_not_ours_but_said():
    already = Outcome(Kind.ALREADY, "409", "the login is taken")
    create = replace(EASEMOB.operation("register"), doubt=Repeat("a login is given once"))
    found = after_doubt(create, doubtful(), already)
    assert (found.kind, found.code) == (Kind.ALREADY, "409")
    assert (
        found.reason
        == "the login is taken (there after our own unanswered request, which may have created it)"
    )
    assert after_doubt(create, doubtful()._replace(doubt_since=None), already) is already


# ---------------------------------------------------------------------------------------- register


@pytest.mark.parametrize(
    ("created_s", "server_time", "kind"),
    [
        (SENT_AT + 0.1, NOW, Kind.SUCCEEDED),
        (SENT_AT - 1.9, NOW, Kind.SUCCEEDED),  # clocks are not that exact
        (SENT_AT - 2.1, NOW, Kind.ALREADY),
        (SENT_AT + 0.1, None, Kind.ALREADY),  # the vendor does not tell the time: whose clock is wrong?
        (SENT_AT - 86_400, NOW, Kind.ALREADY),
        (SENT_AT + 500, NOW + 500, Kind.SUCCEEDED),  # the vendor's clock runs ahead
        (SENT_AT + 490, NOW + 500, Kind.ALREADY),
        (SENT_AT - 500, NOW - 500, Kind.SUCCEEDED),  # and behind
    ],
)
def test_who_created_the_user(created_s, server_time, kind):
    outcome = settle(
        EASEMOB, "register", doubtful(), found({"created": created_s * 1000}), server_time=server_time
    )
    assert outcome.kind is kind
    assert outcome.code == ("reconciled" if kind is Kind.SUCCEEDED else "duplicate_unique_property_exists")
    assert "created 1970-01-1" in outcome.reason


@pytest.mark.parametrize(
    ("clock", "created_s", "server_time", "kind"),
    [
        ("vendor", SENT_AT + 0.1, NOW + 86_400, Kind.SUCCEEDED),
        ("vendor", SENT_AT + 0.1, None, Kind.SUCCEEDED),
        ("vendor", SENT_AT - 600, NOW - 3600, Kind.ALREADY),
        ("none", SENT_AT + 0.1, NOW, Kind.ALREADY),
        ("none", SENT_AT + 1e6, NOW, Kind.ALREADY),
    ],
)
def test_who_created_the_user_that_an_earlier_session_was_in_doubt_about(clock, created_s, server_time, kind):
    item = doubtful()._replace(doubt_clock=clock)
    created = found({"created": created_s * 1000})
    # What this session's own clock says plays no part.
    for now in (NOW, NOW - 3600, NOW + 3600):
        outcome = settle(EASEMOB, "register", item, created, server_time=server_time, now=now)
        assert outcome.kind is kind
    assert outcome.kind is Kind.SUCCEEDED or outcome.code == "duplicate_unique_property_exists"


def test_what_no_clock_can_tell_is_not_ours_and_says_so():
    item = doubtful()._replace(doubt_clock="none")
    outcome = settle(EASEMOB, "register", item, found({"created": SENT_AT * 1000}), server_time=NOW)
    assert "no clock tells" in outcome.reason


@pytest.mark.parametrize(
    ("clock", "server_time", "remaining", "kind"),
    [
        ("vendor", NOW, 570, Kind.SUCCEEDED),
        ("vendor", NOW, 500, None),
        ("vendor", None, 570, None),
        ("none", NOW, 570, None),
        ("none", NOW, 0, Kind.UNKNOWN),  # over, or never done
        ("vendor", NOW + 700, 0, Kind.UNKNOWN),
        ("vendor", NOW, 0, None),
    ],
)
def test_what_remains_of_an_earlier_sessions_mute(clock, server_time, remaining, kind):
    item = doubtful(chat=600)._replace(doubt_clock=clock)
    outcome = settle(EASEMOB, "mute", item, found({"chat": remaining}), server_time=server_time, now=0.0)
    assert (outcome and outcome.kind) is kind


def test_nobody_there_is_sent_again():
    assert settle(EASEMOB, "register", doubtful(), Outcome(Kind.ABSENT)) is None


@pytest.mark.parametrize(
    "data", [None, {}, {"created": None}, {"created": True}, {"created": "1"}, {"created": 1e20}]
)
def test_a_user_without_a_date_stays_in_doubt(data):
    assert settle(EASEMOB, "register", doubtful(), found(data)).kind is Kind.UNKNOWN


def test_a_probe_that_was_refused_settles_nothing():
    refused = Outcome(Kind.REJECTED, "illegal_argument", "username [u] is not legal")
    outcome = settle(EASEMOB, "register", doubtful(), refused)
    assert (outcome.kind, outcome.code) == (Kind.UNKNOWN, "illegal_argument")


def test_a_probe_belongs_to_a_doubt():
    with pytest.raises(TypeError):
        settle(EASEMOB, "delete", doubtful(), found({}))
    with pytest.raises(TypeError):
        settle(EASEMOB, "register", doubtful()._replace(doubt_since=None), found({}))


# -------------------------------------------------------------------------------------------- mute


@pytest.mark.parametrize(
    ("asked", "remaining", "elapsed_s", "kind"),
    [
        ({"chat": 600}, {"chat": 570}, 30, Kind.SUCCEEDED),
        ({"chat": 600}, {"chat": 600}, 30, Kind.SUCCEEDED),  # done late
        ({"chat": 600}, {"chat": 565}, 30, Kind.SUCCEEDED),
        ({"chat": 600}, {"chat": 564}, 30, None),  # an older mute
        ({"chat": 600}, {"chat": 601}, 30, None),
        ({"chat": 600}, {"chat": 0}, 30, None),
        ({"chat": 600}, {"chat": -1}, 30, None),
        ({"chat": -1}, {"chat": -1}, 30, Kind.SUCCEEDED),
        ({"chat": -1}, {"chat": 5}, 30, None),
        ({"chat": 0}, {"chat": 0}, 30, Kind.SUCCEEDED),
        ({"chat": 0}, {"chat": 5}, 30, None),
        ({"chat": 600, "groupchat": 60}, {"chat": 590, "groupchat": 50}, 10, Kind.SUCCEEDED),
        ({"chat": 600, "groupchat": 60}, {"chat": 590, "groupchat": 0}, 10, None),
        ({"chat": 20}, {"chat": 0}, 30, Kind.UNKNOWN),  # done and over, or never done
        ({"chat": 20}, {"chat": 15}, 30, Kind.SUCCEEDED),
        ({"chat": 600}, {}, 30, Kind.UNKNOWN),
    ],
)
def test_what_remains_of_a_mute(asked, remaining, elapsed_s, kind):
    outcome = settle(EASEMOB, "mute", doubtful(**asked), found(remaining), now=SENT_AT + elapsed_s)
    assert (outcome and outcome.kind) is kind


def test_tencents_own_names_and_its_for_ever():
    asked = doubtful(chat=-1, chatroom=600)
    for_ever = {"C2CmsgNospeakingTime": 4294967295, "GroupmsgNospeakingTime": 580}
    assert settle(TENCENT, "mute", asked, found(for_ever)).kind is Kind.SUCCEEDED
    assert settle(TENCENT, "mute", asked, found(for_ever | {"C2CmsgNospeakingTime": 0})) is None


# ------------------------------------------------------------------------------------------ states


@pytest.mark.parametrize(
    ("vendor", "operation", "data", "done"),
    [
        (EASEMOB, "ban", {"activated": False}, True),
        (EASEMOB, "ban", {"activated": True}, False),
        (EASEMOB, "ban", {"activated": 0}, False),
        (EASEMOB, "unban", {"activated": True}, True),
        (EASEMOB, "disconnect", "offline", True),
        (EASEMOB, "disconnect", "online", False),
        (TENCENT, "disconnect", {"To_Account": "u", "Status": "Offline"}, True),
        (TENCENT, "disconnect", {"To_Account": "u", "State": "Offline"}, True),
        (TENCENT, "disconnect", {"To_Account": "u", "State": "PushOnline"}, False),
    ],
)
def test_states(vendor, operation, data, done):
    outcome = settle(vendor, operation, doubtful(), found(data))
    assert (outcome is not None) is done
    assert outcome is None or (outcome.kind, outcome.code) == (Kind.SUCCEEDED, "reconciled")


def test_a_probe_may_expect_nobody_and_may_forbid_a_second_sending():
    gone = replace(EASEMOB.operation("delete"), doubt=Probe("get-user", exists=False, not_done="unknown"))
    assert settled(gone, doubtful(), Outcome(Kind.ABSENT), server_time=None, now=NOW).kind is Kind.SUCCEEDED
    assert settled(gone, doubtful(), found({}), server_time=None, now=NOW).kind is Kind.UNKNOWN


def test_every_probe_asks_a_reading_operation_of_its_vendor():
    for vendor in PROVIDERS.values():
        for operation in vendor.operations:
            if isinstance(operation.doubt, Probe):
                asked = vendor.operation(operation.doubt.operation)
                assert asked.effect is Effect.READ
                assert not asked.paging


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (found({"nickname": "N"}), Kind.SUCCEEDED),
        (found({"nickname": "of before"}), None),  # not done: sent again
        (found({}), None),
        (Outcome(Kind.ABSENT, "service_resource_not_found"), Kind.ABSENT),
    ],
)
def test_a_value_that_was_sent_is_looked_for_and_who_is_not_there_is_not_asked_for_ever(answer, kind):
    outcome = settle(EASEMOB, "set-nickname", doubtful(nickname="N"), answer)
    assert (outcome and outcome.kind) is kind
