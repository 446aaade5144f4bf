"""report: why each session ended, on a desk and on a phone; and what a cell of the map hides."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from support.browser import CHROMIUM, browsing

from bulkim.journal import Reader
from bulkim.view.report import charts
from bulkim.view.report.drawing import LEFT, Plot
from bulkim.view.report.figures import Cell, figures

browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@pytest.fixture
def stopped(shell, server):
    """A run of three sessions: one was stopped with `ctl`, one was killed, and the last one met too many failures."""
    server.seed(["u1"])
    job = shell.job("campaign", server.base_url, "mute", ["u1", "ghost"], "params: {chat: 60}\n")
    assert shell("run", job, "-q").code == 1
    begun = "UPDATE session SET ended = 'interrupted', host = 'a-host-with-quite-a-long-name.example.com'"
    more = (
        "INSERT INTO session (run_id, pid, host, process, started_at, seen_at, ended_at, ended)"
        " SELECT run_id, pid, host, process, seen_at + ?, seen_at + ? + 9, seen_at + ? + 9, ? FROM session WHERE id = 1"
    )
    with closing(sqlite3.connect(shell.folder / "bulkim.db")) as db, db:
        db.execute(begun)
        db.execute(more, (10, 10, 10, "lost"))
        db.execute(more, (30, 30, 30, "stopped"))
        order = "INSERT INTO control (session_id, verb, asked_at, obeyed_at) SELECT id, 'stop', seen_at, seen_at FROM session"
        db.execute(f"{order} WHERE id = 1")
        db.execute("UPDATE run SET state = 'stopped', stop_code = 'streak', stop_reason = 'ghost was missed'")
    return shell


def page(shell, *words):
    assert shell("report", "last", "-o", "run.html", *words).code == 0
    return (shell.folder / "run.html").read_text()


def sessions(text):
    part = re.search(r'<section class="long" id="sessions">.*?</section>', text, re.DOTALL)[0]
    return [re.sub(r"<[^>]*>", " ", row) for row in re.findall(r"<tr>.*?</tr>", part, re.DOTALL)[1:]]


def test_a_session_says_why_it_ended(stopped):
    asked, killed, last = sessions(page(stopped))
    assert re.search(r"interrupted: +ctl +Somebody asked the run to stop", asked)
    assert "died: killed" in killed
    assert re.search(r"stopped: +streak +Very many items in a row", last)


def test_a_run_that_goes_on_has_forgotten_why_it_stopped(stopped):
    with closing(sqlite3.connect(stopped.folder / "bulkim.db")) as db, db:
        db.execute("UPDATE run SET state = 'running', stop_code = NULL, stop_reason = NULL")
    assert [row for row in sessions(page(stopped)) if "streak" in row] == []
    assert "ctl" in sessions(page(stopped))[0], "what it was asked to do is kept"


def test_markdown_says_it_too_in_the_readers_own_punctuation(stopped, monkeypatch):
    assert "| stopped: `streak` |" in stopped("report", "last", "--format", "markdown").out
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    text = stopped("report", "last", "--format", "markdown").out
    assert "| 已停止：`streak` |" in text
    assert re.search(r"（SHA-256 `[0-9a-f]+`）", text)
    assert re.search(r"p50 [^,]+，p95 [^,]+，p99", text)


@browser
@pytest.mark.parametrize("language", ["en", "zh_CN"])
def test_on_a_phone_a_session_is_a_card(stopped, monkeypatch, language):
    monkeypatch.setenv("BULKIM_LANG", language)
    page(stopped)
    beyond = "[...document.querySelectorAll('#sessions td')].filter(td => td.getBoundingClientRect().right > 375).length"
    with browsing(stopped.folder / "run.html", size=(375, 900)) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == 375
        assert tab.evaluate(beyond) == 0
        assert tab.evaluate("getComputedStyle(document.querySelector('#sessions thead')).display") == "none"


def test_a_few_skipped_items_are_marked_in_their_cell(stopped):
    with Reader.open(stopped.folder / "bulkim.db") as journal:
        found = figures(journal, journal.find("last"))
    cells = [Cell(1, 9, {"succeeded": 8, "skipped": 1}), Cell(10, 18, {"succeeded": 9})]
    few = replace(found, cells=cells)
    assert charts.item_map(few).count("f-skipped") == 1
    assert "skipped, half of the cell or less" in charts.map_legend(few)
    assert ">skipped<" not in charts.map_legend(few), "no cell is drawn so"
    assert "shows what most of them are" in charts.map_words(few)
    most = replace(found, cells=[Cell(1, 9, {"skipped": 9}), cells[1]])
    assert "f-skipped" not in charts.item_map(most)
    assert ">skipped<" in charts.map_legend(most)


@pytest.mark.parametrize(("unit", "x", "anchor"), [("ms", LEFT - 7, "end"), ("调用次数", 0, "start")])
def test_a_long_unit_begins_where_the_drawing_does(unit, x, anchor):
    plot = Plot("Latency", 1, 1)
    plot.grid([], unit)
    assert f'x="{x}" y="11" text-anchor="{anchor}">{unit}<' in plot.svg("")
