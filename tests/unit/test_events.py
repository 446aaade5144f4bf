"""The table of log events is the program's, and a library says nothing unless it is listened to."""

from __future__ import annotations

import ast
import logging
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bulkim.log.events import EVENTS, LOGGER, Event

PACKAGE = Path(__file__).resolve().parents[2] / "bulkim"
TABLE = {each.name: each for each in EVENTS}
ELSEWHERE = {"library.log"}  # made of what other libraries log, not logged by a call of ours


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Every call of `log.info` and its like, with its place."""
    for file in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=attr)) if hasattr(
                    logging.Logger, attr
                ):
                    yield f"bulkim/{file.relative_to(PACKAGE)}:{node.lineno}", node


@cache
def every_call() -> dict[str, ast.Call]:
    """Read when it is asked for: it takes its time, and every worker of the suite collects all tests."""
    return dict(calls())


def test_every_log_call_is_as_the_table_says():
    for place, call in every_call().items():
        kinds = [type(each) for each in call.args]
        assert kinds == [ast.Constant], f"{place}: an event's name is written out, and nothing else"
        event = TABLE[call.args[0].value]
        assert call.func.attr == event.level, place
        fields = {each.arg for each in call.keywords}
        assert event.fields.keys() <= fields <= event.fields.keys() | event.optional.keys(), place


def test_every_row_is_used():
    said = {call.args[0].value: call for call in every_call().values()}
    assert TABLE.keys() == said.keys() | ELSEWHERE
    given = {(call.args[0].value, each.arg) for call in every_call().values() for each in call.keywords}
    assert {(event.name, name) for event in EVENTS for name in event.optional} <= given


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.name)
def test_rows_can_be_read_and_their_fields_logged(event: Event):
    assert event.meaning.endswith(".")
    assert all({**event.fields, **event.optional}.values())
    record = logging.makeLogRecord({})
    taken = {name for name in (*event.fields, *event.optional) if hasattr(record, name)}
    assert event.name in ELSEWHERE or not taken, "the standard library's records have fields of that name"


_A_RUN = """
import logging, sys
import bulkim, structlog
from bulkim.log.events import log
if sys.argv[1:] == ["listening"]:
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s %(message)s", stream=sys.stdout)
job = {
    "name": "quiet", "provider": "easemob", "operation": "get-user",
    "connection": {"base_url": "https://a1.easemob.com", "org": "o", "app": "a", "auth": {"token": "t"}},
    "source": {"items": [{"username": "nobody"}]},
}
bulkim.run(job, sandbox=True, journal="j.db")
log.warning("run.stopping", code="test", reason="test")
assert not structlog.is_configured()
"""


def alone(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _A_RUN, *words],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )


def test_as_a_library_bulkim_prints_nothing(tmp_path):
    ended = alone(tmp_path)
    assert (ended.stdout, ended.stderr) == ("", "")


def test_an_importer_hears_it_through_logging(tmp_path):
    lines = alone(tmp_path, "listening").stdout.splitlines()
    assert f"INFO {LOGGER} run.started" in lines
    assert f"WARNING {LOGGER} run.stopping" in lines
