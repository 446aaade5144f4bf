"""What is on a real screen while a run goes on, and what is not where there is none."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from types import SimpleNamespace

import pytest

from bulkim.model import Rate, Source, Status
from bulkim.view.live import observer


def test_the_live_block_on_a_terminal(shell, server):
    server.seed(12)
    job = shell.job("gone", server.base_url, "delete", [f"u{number}" for number in range(12)])
    screen = shell.at_terminal(
        "run", job, "--yes", "-v", "--set", "rate.limit=6"
    )  # any machine waits for that
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    assert "of 6 calls/s" in plain
    assert "held by the job's own limit" in plain
    assert "about 0:0" in plain
    assert "run.started" in plain, "the log scrolls above the block"
    assert plain.rstrip().splitlines()[-3].startswith("run "), "the block is gone, the account stands"
    assert "12 in = 12 succeeded" in plain
    assert screen.count("\x1b[?25l") == screen.count("\x1b[?25h"), "the cursor is back"


@pytest.mark.slow
def test_no_color_and_dumb_terminals(shell, server):
    server.seed(2)
    job = shell.job("gone", server.base_url, "delete", ["u0", "u1"])
    screen = shell.at_terminal("run", job, "--yes", "--progress", "plain", NO_COLOR="1")
    assert "\x1b[3" not in screen
    assert "2 of 2 items to send, at most 1,000 calls/s" in screen
    dumb = shell.at_terminal("run", job, "--yes", "--new", TERM="dumb")
    assert "\x1b" not in dumb
    assert "2 of 2 items to send" in dumb


def test_plain_lines_where_there_is_no_terminal(shell, server):
    said = shell("run", shell.job("j", server.base_url, "register", ["a"]))
    assert said.err.splitlines()[1].endswith(": 1 of 1 item to send, at most 1,000 calls/s")
    assert said.err.isascii()
    quiet = shell("run", "j.yaml", "--new", "--progress", "none").err.splitlines()
    assert [line.split()[:3] for line in quiet[:1]] == [["next:", "bulkim", "results"]]
    assert quiet[1:] == [f"journal: {shell.folder / 'bulkim.db'}"]


@pytest.mark.parametrize("style", ["bar", "plain", "none"])
def test_errors_come_through_as_they_are(style, capsys):
    telemetry = SimpleNamespace(
        counts=dict.fromkeys(Status, 0), limit_per_s=1.0, allowed_per_s=None, in_flight=0, in_flight_max=1, requests=0, retries=0,
        throttled=0, latency_s=None, waiting_for="start", codes=Counter(), stopping=None,
    )  # fmt: skip
    record = SimpleNamespace(name="n", run="r", planned_at=1.0)
    job = SimpleNamespace(
        operation="delete", provider="easemob", concurrency=None, rate=Rate(), connection=SimpleNamespace(app_name="a"),
        source=Source("items"),
    )  # fmt: skip
    operation = SimpleNamespace(paging=None)
    preview = SimpleNamespace(resumed=False, job=job, record=record, operation=operation, expected=None)

    async def main():
        async with observer(style)(SimpleNamespace(telemetry=telemetry), preview):
            await asyncio.sleep(0)
            raise KeyError("as it is")

    with pytest.raises(KeyError, match="as it is"):
        asyncio.run(main())
