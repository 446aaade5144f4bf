"""What was decided when a run began, held against what is said now."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.jobs import at, job

from bulkim import jobfile
from bulkim.cli import cli
from bulkim.model import Auth, Guard, Notify, Rate, Source, Where
from bulkim.planning import rules
from bulkim.planning.rules import Means
from bulkim.planning.terms import (
    Options,
    Pledge,
    Terms,
    Way,
    as_document,
    compare,
    fixed,
    from_document,
    refusal,
    terms_of,
)
from bulkim.vendors import PROVIDERS
from bulkim.window import parse

URL = "https://a1.example.com"
CSV = Source("csv", path=Path("/etc/bulkim/users.csv"))
BASE = replace(
    job("mute", URL, CSV, params={"chat": 60}, guard=Guard(protect=("admin.*",), max_items=100)),
    path=Path("/etc/bulkim/job.yaml"),
)


def listing(**where: Any) -> Source:
    return Source("listing", listing="users", where=Where(**where))


# ------------------------------------------------------------------------------ every key has its row


def _keys(shape: Mapping[str, Any], shapes: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Every key that a job file may have, dotted, from the schema that `bulkim schema` prints."""
    if "$ref" in shape:
        shape = shapes[shape["$ref"].rpartition("/")[2]]
    for choice in (*shape.get("oneOf", ()), *shape.get("anyOf", ())):
        yield from _keys(choice, shapes, above)
    for name, about in shape.get("properties", {}).items():
        key = f"{above}{name}"
        yield key
        yield from _keys(about, shapes, f"{key}.")


def keys() -> list[str]:
    schema = jobfile.json_schema(PROVIDERS)
    shapes = schema["$defs"]
    connection = _keys(
        shapes["ConnectionShape"], shapes, "connection."
    )  # which its providers' rules refer to
    return list(dict.fromkeys([*_keys(schema, shapes), *connection]))


def options() -> list[str]:
    found = []
    for name in ("run", "retry"):
        command = cli.get_command(click.Context(cli), name)
        assert command is not None
        found += [max(each.opts, key=len) for each in command.params if isinstance(each, click.Option)]
    return [each for each in dict.fromkeys(found) if each != "--help"]


def test_there_are_keys():
    assert {"name", "guard.protect", "source.where.match", "connection.auth.token", "window.hours"} <= set(
        keys()
    )
    assert {"--limit", "--set", "--journal", "--outcome"} <= set(options())


@pytest.mark.parametrize("key", [*keys(), *options()])
def test_every_key_and_every_option_has_its_row(key):
    assert rules.rule_of(key), (
        f"decide what a change of {key} means for a run that has begun: planning/rules.py"
    )


def test_no_row_is_without_a_key():
    """A row for a key that is gone would stand in the docs for ever."""
    known = {*keys(), *options(), *(each.key for each in rules.BEYOND)}
    assert {each.key for each in rules.RULES} <= known


def test_what_is_compared_is_written_down():
    written = terms_of(BASE).values
    compared = {each.term for each in rules.RULES if each.term} - {"confirmed"}
    assert compared <= set(written)


def test_one_term_has_one_meaning():
    meanings: dict[str, set[tuple[Means, str]]] = {}
    for each in rules.RULES:
        if each.term:
            meanings.setdefault(each.term, set()).add((each.means, each.scope))
    assert {term: found for term, found in meanings.items() if len(found) > 1} == {}


# ------------------------------------------------------------------------------------ what a change means

REFUSED: list[tuple[str, Any]] = [
    ("operation", replace(BASE, operation="unmute")),
    ("params", replace(BASE, params={"chat": -1})),
    ("provider", replace(BASE, provider="agora")),
    ("base_url", replace(BASE, connection=replace(BASE.connection, base_url="https://a2.example.com"))),
    ("source.kind", replace(BASE, source=Source("text", path=CSV.path))),
    ("source.kind", replace(BASE, source=Source("items", items=({"username": "anna"},)))),
    ("source.place", replace(BASE, source=Source("csv", path=Path("/etc/bulkim/others.csv")))),
    ("source.place", replace(BASE, source=Source("csv"))),
    ("source.columns", replace(BASE, source=replace(CSV, columns={"username": "id"}))),
    ("source.encoding", replace(BASE, source=replace(CSV, encoding="gb18030"))),
    ("source.delimiter", replace(BASE, source=replace(CSV, delimiter=";"))),
]
TAKEN_OVER: list[tuple[str, Any]] = [
    ("rate.limit", replace(BASE, rate=Rate(limit=5))),
    ("rate.share", replace(BASE, rate=replace(BASE.rate, share=0.5))),
    ("rate.pools", replace(BASE, rate=replace(BASE.rate, pools={"users": 5.0}))),
    ("concurrency", replace(BASE, concurrency=3)),
    ("timeout", replace(BASE, timeout_s=3.0)),
    ("retries", replace(BASE, retries=1)),
    ("batch", replace(BASE, batch=1)),
    ("window", replace(BASE, window=parse("01:00-05:00"))),
    ("notify", replace(BASE, notify=(Notify("https://hooks.example.com/x"),))),
    ("auth", replace(BASE, connection=replace(BASE.connection, auth=Auth("client", "id", "secret")))),
    ("allow_http", replace(BASE, connection=replace(BASE.connection, allow_http=True))),
    ("guard.max_failures", replace(BASE, guard=replace(BASE.guard, max_failures="2%"))),
    ("guard.canary", replace(BASE, guard=replace(BASE.guard, canary=3))),
    ("guard.protect", replace(BASE, guard=replace(BASE.guard, protect=()))),
    ("guard.max_items", replace(BASE, guard=replace(BASE.guard, max_items=200))),
    ("guard.max_items", replace(BASE, guard=replace(BASE.guard, max_items=None))),
    ("environment", replace(BASE, connection=replace(BASE.connection, environment="staging"))),
]


def test_nothing_changed_says_nothing():
    found = compare(terms_of(BASE), terms_of(BASE))
    assert found.allowed
    assert (found.refused, found.stricter, found.taken_over, found.confirm, found.said) == (
        (),
        (),
        (),
        False,
        (),
    )


@pytest.mark.parametrize(("term", "now"), REFUSED)
def test_what_decides_whom_and_what_is_refused(term, now):
    found = compare(terms_of(BASE), terms_of(now))
    assert term in [each.term for each in found.refused]
    assert not found.allowed
    assert f"{term} was " in refusal(found, run="k7qf2m2x")
    assert "k7qf2m2x" in refusal(found, run="k7qf2m2x")


def test_another_app_is_refused_however_it_is_named():
    elsewhere = at("easemob", URL, BASE.connection.auth, org="sandbox", app="other")
    found = compare(terms_of(BASE), terms_of(replace(BASE, connection=elsewhere)))
    assert [each.term for each in found.refused] == ["app"]


@pytest.mark.parametrize(
    "source",
    [
        listing(match="a.*"),
        listing(match=".*", activated=False),
        listing(match=".*", created_before=5.0, written={"created_before": "8d"}),
        Source("listing", listing="mutes", where=Where(match=".*")),
    ],
)
def test_a_listing_that_takes_others_is_refused(source):
    before = replace(BASE, source=listing(match=".*", created_before=5.0, written={"created_before": "7d"}))
    assert not compare(terms_of(before), terms_of(replace(BASE, source=source))).allowed


def test_an_age_is_the_same_tomorrow_and_its_moment_stays_as_it_was():
    def at(moment: float) -> Any:
        return replace(BASE, source=listing(created_before=moment, written={"created_before": "7d"}))

    written, now = terms_of(at(1000.0)), terms_of(at(87_400.0))
    assert compare(written, now).allowed
    assert fixed(at(87_400.0), written).source.where.created_before == 1000.0


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (Options(limit=10), Options()),
        (Options(), Options(limit=10)),
        (Options(limit=10), Options(limit=20)),
        (Options(selection={"outcome": ["failed"]}), Options(selection={"outcome": ["unknown"]})),
    ],
)
def test_the_selection_is_refused(before, after):
    assert not compare(terms_of(BASE, before), terms_of(BASE, after)).allowed


def test_another_text_of_the_vendor_is_refused():
    assert not compare(
        terms_of(replace(BASE, vendor_text="name: acme")),
        terms_of(replace(BASE, vendor_text="name: acme # 2")),
    ).allowed


@pytest.mark.parametrize(("term", "now"), TAKEN_OVER)
def test_settings_and_laxer_guards_are_taken_over_and_said(term, now):
    found = compare(terms_of(BASE), terms_of(now))
    assert found.allowed
    assert [each.term for each in found.taken_over] == [term]
    assert len(found.said) == 1
    assert term in found.said[0]


@pytest.mark.parametrize(
    ("guard", "stricter"),
    [
        (Guard(protect=("admin.*", "boss.*"), max_items=100), [("guard.protect", ["boss.*"])]),
        (Guard(protect=("admin.*",), max_items=50), [("guard.max_items", 50)]),
        (Guard(protect=("boss.*",), max_items=100), [("guard.protect", ["boss.*"])]),
    ],
)
def test_a_stricter_guard_holds(guard, stricter):
    found = compare(terms_of(BASE), terms_of(replace(BASE, guard=guard)))
    assert [(each.term, each.now) for each in found.stricter] == stricter
    assert "still pending" in found.said[0]


def test_a_first_limit_is_stricter():
    before = replace(BASE, guard=Guard())
    found = compare(terms_of(before), terms_of(BASE))
    assert {each.term for each in found.stricter} == {"guard.protect", "guard.max_items"}


def test_production_that_was_not_production_must_be_confirmed():
    production = replace(BASE, connection=replace(BASE.connection, environment="production"))
    assert compare(terms_of(BASE), terms_of(production)).confirm
    assert not compare(terms_of(production), terms_of(production)).confirm
    assert not compare(terms_of(production), terms_of(BASE)).confirm


def test_a_name_that_meant_a_run_is_fixed():
    last = replace(BASE, source=Source("run", run="last", outcome=("failed", "unknown")))
    written = terms_of(last, feeds="k7qf2m2x")
    assert fixed(last, written).source.run == "k7qf2m2x"
    assert compare(written, terms_of(last, feeds="another1")).allowed, "the word is the same"
    by_id = replace(last, source=replace(last.source, run="k7qf2m2x", outcome=("unknown", "failed")))
    assert compare(written, terms_of(by_id)).allowed, "the run is the same"
    assert not compare(written, terms_of(replace(last, source=replace(last.source, run="another1")))).allowed


def test_a_fresh_checkout_has_the_same_source():
    def checked_out(folder: str, written: str) -> Any:
        source = Source("csv", path=Path(folder, "jobs", written), written=written)
        return replace(BASE, path=Path(folder, "jobs", "job.yaml"), source=source)

    first = terms_of(checked_out("/srv/one", "../lists/users.csv"))
    assert compare(first, terms_of(checked_out("/srv/two", "../lists/users.csv"))).allowed
    assert not compare(first, terms_of(checked_out("/srv/two", "../lists/others.csv"))).allowed


# ------------------------------------------------------------------------------------------ ways back


def test_a_retry_repeats_what_and_where_but_needs_no_source():
    moved = replace(BASE, source=Source("csv", path=Path("/elsewhere.csv")), rate=Rate(limit=1))
    assert compare(terms_of(BASE), terms_of(moved), way=Way.RETRY, reads_input=False).allowed
    assert not compare(terms_of(BASE), terms_of(moved), way=Way.RETRY, reads_input=True).allowed
    for _, now in REFUSED[:4]:
        assert not compare(terms_of(BASE), terms_of(now), way=Way.RETRY, reads_input=False).allowed


def test_verifying_goes_by_the_target_alone():
    other = replace(BASE, operation="delete", params={}, source=Source("csv"))
    assert compare(terms_of(BASE), terms_of(other), way=Way.VERIFY).allowed
    assert not compare(terms_of(BASE), terms_of(REFUSED[3][1]), way=Way.VERIFY).allowed


# -------------------------------------------------------------------------------------------- as JSON


def test_terms_survive_the_journal():
    written = replace(
        terms_of(BASE, Options(limit=3, selection={"outcome": ["failed"]}), feeds="abc"),
        confirmed=Pledge("demo", 40),
    )
    assert from_document(as_document(written)) == written


def test_no_secret_is_in_them():
    secret = replace(BASE.connection, auth=Auth("client", "an-id", "very-secret"))
    now = replace(BASE, connection=secret, notify=(Notify("https://hooks.example.com/T0KEN"),))
    text = str(as_document(terms_of(now)))
    assert "very-secret" not in text
    assert "T0KEN" not in text


TERMS = st.sampled_from(sorted(terms_of(BASE).values))


@given(st.sets(TERMS), st.sampled_from([each for _, each in (*REFUSED, *TAKEN_OVER)]))
def test_what_an_older_bulkim_did_not_write_down_never_refuses(unknown, now):
    known = {name: value for name, value in terms_of(BASE).values.items() if name not in unknown}
    found = compare(Terms(known), terms_of(now))
    assert not unknown.intersection(
        each.term for each in (*found.refused, *found.stricter, *found.taken_over)
    )


def test_what_a_newer_bulkim_wrote_down_beside_it_is_left_alone():
    written = terms_of(BASE)
    newer = Terms({**written.values, "colour": "red"}, version=7)
    assert compare(from_document(as_document(newer)), terms_of(BASE)).allowed
