"""Every code that bulkim gives of itself, and every kind of answer, is explained."""

from __future__ import annotations

import ast
import errno
from functools import cache
from pathlib import Path

import pytest

from bulkim import codes
from bulkim.errors import BulkimError, GuardError, stop_code
from bulkim.model import Guard, Kind
from bulkim.vendors import provider
from bulkim.view.meanings import doubt, meaning
from bulkim.work.checks import check_size

BULKIM = Path(codes.__file__).parent
# What carries a code, and at which place among its arguments.
CARRIERS = {"Outcome": 1, "Refusal": 1, "Stop": 1, "Skip": 0, "Fault": 0, "GuardError": 9, "RefusedError": 9}
NAMED = {"RECONCILED", "WINDOW"}


def literals(node):
    """The texts that an expression may be: `x or "y"`, `"x" if a else "y"`."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.BoolOp(values=parts):
            for each in parts:
                yield from literals(each)
        case ast.IfExp(body=body, orelse=other):
            yield from literals(body)
            yield from literals(other)


def emitted():
    """(code, where) of every code that is written into the source."""
    for path in sorted(BULKIM.rglob("*.py")):
        room = path.relative_to(BULKIM).parts[0]
        if room in {"sandbox", "vendors"}:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in CARRIERS:
                place = CARRIERS[node.func.id]
                given = [*node.args[place : place + 1], *(k.value for k in node.keywords if k.arg == "code")]
                for each in given:
                    yield from ((text, f"{path.name}:{node.lineno}") for text in literals(each))
            elif isinstance(node, ast.Assign) and {getattr(each, "id", "") for each in node.targets} & NAMED:
                yield from ((text, f"{path.name}:{node.lineno}") for text in literals(node.value))


@cache
def found():
    """Read when it is asked for: it takes its time, and every worker of the suite collects all tests."""
    return dict(emitted())


def test_the_search_finds_them():
    """Each way in which a code comes to be: an item, a fault, a skip, a stop, a constant, an alternative."""
    assert {
        "bad_response", "timeout", "duplicate", "streak", "reconciled", "rejected", "removed", "window",
    } <= found().keys()  # fmt: skip


def test_every_code_of_our_own_is_explained():
    unexplained = {code: where for code, where in found().items() if code not in codes.OWN}
    assert not unexplained, "bulkim.codes does not explain them"


@pytest.mark.parametrize("code", codes.OWN)
def test_an_explanation_is_whole(code):
    known = codes.OWN[code]
    assert known.meaning.endswith(".")
    assert known.remedy.endswith((".", "!"))
    assert known.follows
    assert not known.follows.endswith(".")


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_words(kind):
    assert codes.KINDS[kind].meaning
    assert codes.KINDS[kind].follows


def test_no_kind_is_invented():
    assert set(codes.KINDS) == set(map(str, Kind))


@pytest.mark.parametrize("kind", [Kind.UNAUTHORIZED, Kind.EXHAUSTED_PLAN, Kind.FATAL])
def test_a_stop_without_the_vendors_code_has_its_kind_for_one(kind):
    assert kind in codes.OWN


@pytest.mark.parametrize("code", ["400", "404", "418", "503"])
def test_a_bare_status_is_explained(code):
    assert "HTTP" in codes.own(code).meaning


@pytest.mark.parametrize("code", ["0", "70107", "600", "40", "4004"])
def test_other_numbers_are_the_vendors(code):
    assert codes.own(code) is None


def test_the_rule_that_decided_explains():
    """Both are `403 FORBIDDEN`: the words tell them apart, before the rule for the code alone."""
    easemob = provider("easemob")
    setting = easemob.operation("set-attributes")
    large = meaning(easemob, setting, "FORBIDDEN", "size of metadata for this single user exceeds limit")
    assert "attributes would be larger" in large.meaning
    assert (
        "not part of the plan" in meaning(easemob, setting, "FORBIDDEN", "metadata service not allow").meaning
    )


def test_a_vendors_own_word_stands_before_ours():
    easemob, tencent = provider("easemob"), provider("tencent")
    assert "token" in meaning(easemob, easemob.operation("delete"), "unauthorized", "expired").meaning
    ours = meaning(tencent, tencent.operation("delete"), "unauthorized", "no token")
    assert ours is codes.OWN["unauthorized"]


def test_our_own_codes_are_not_read_by_a_vendors_words():
    easemob = provider("easemob")
    words = "asked afterwards: username [x] is not legal"
    assert meaning(easemob, easemob.operation("delete"), "timeout", words) is codes.OWN["timeout"]


def errors(kind=BulkimError):
    yield kind
    for each in kind.__subclasses__():
        yield from errors(each)


def test_whatever_ends_a_run_has_a_code_that_is_explained():
    """A class's name says nothing to a reader, and `explain` does not know it."""
    kinds = {each for each in errors() if each.__module__ == BulkimError.__module__}
    assert {each.code for each in kinds} <= set(codes.OWN)
    assert not {each.__name__ for each in kinds} & {each.code for each in kinds}
    strange = [ValueError("x"), OSError(errno.ENOSPC, "full"), OSError(errno.EIO, "io"), KeyboardInterrupt()]
    assert [stop_code(each) for each in strange] == ["internal", "no_room", "internal", "interrupted"]
    assert set(map(stop_code, strange)) <= set(codes.OWN)


def test_too_many_items_have_a_code_of_their_own():
    with pytest.raises(GuardError) as caught:
        check_size(Guard(max_items=3), 4)
    assert stop_code(caught.value) == "max_items"
    assert not codes.continues("max_items")


def test_who_says_that_the_same_command_continues():
    """What a time, a wish or a signal ended goes on by itself; what has a cause does so once it is mended."""
    going_on = {code for code in codes.OWN if codes.continues(code)}
    assert going_on == {
        "asked",
        "ctl",
        "rest",
        "window",
        "max_duration",
        "outside_window",
        "busy",
        "interrupted",
    }
    assert codes.continues(None)
    assert not codes.continues("illegal_argument")


@pytest.mark.parametrize(("vendor", "operation", "code", "follows", "remedy"), [
    ("tencent", "register", "40006", "sends again, because this operation may be repeated", "does no harm"),
    ("tencent", "disconnect", "91000", "asks what was done before", "whatever became of the first request"),
    ("easemob", "delete-oldest", "502", "asks about each user", "there is no retry"),
])  # fmt: skip
def test_what_to_do_about_what_ended_as_unknown_is_true_of_the_operation(
    vendor, operation, code, follows, remedy
):
    """A code alone cannot say it; and "nothing" is no advice once the run is over."""
    made = provider(vendor)
    done = made.operation(operation)
    assert codes.UNANSWERED[doubt(done)].startswith(follows)
    ended = meaning(made, done, code, None, "unknown")
    assert remedy in ended.remedy
    assert ("`bulkim retry RUN` sends it again" in ended.remedy) == (operation != "delete-oldest")
    assert not any("asks before it sends" in each for each in (ended.remedy, codes.KINDS["unknown"].follows))


@pytest.mark.parametrize(
    ("operation", "words"), [("delete", "sent it again"), ("register", "asked afterwards")]
)
def test_how_a_lost_answer_was_settled_is_said_as_the_operation_settles_it(operation, words):
    easemob = provider("easemob")
    found = meaning(easemob, easemob.operation(operation), "reconciled", None)
    assert words in found.meaning
