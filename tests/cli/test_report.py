"""report: one page, or Markdown."""

from __future__ import annotations

import json
import re
import sqlite3
import stat
import time
from contextlib import closing
from html.parser import HTMLParser

import pytest
from support.browser import CHROMIUM, browsing

browser = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
EVIL = "params: {chat: 60}\n# <script>alert(1)</script>\n"


@pytest.fixture
def done(shell, server):
    """A mute campaign over four users, two of whom are not there, with throttling and a name that is markup."""
    server.seed(["u1", "u2"])
    job = shell.job("campaign", server.base_url, "mute", ["u1", "ghost", "u2", "u1", "<b>", "Spook"], EVIL)
    assert shell("run", job, "-q").code == 1
    return shell


class Tags(HTMLParser):
    """Names and attributes; complains about what was not closed."""

    VOID = frozenset({"meta", "link", "input", "br"})

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in {"tr", "td"}:  # may stay open
            self.open.pop()
        assert self.open.pop() == tag


def page(shell, *words):
    said = shell("report", "last", "-o", "run.html", *words)
    assert said.code == 0, said.err
    return (shell.folder / "run.html").read_text()


def test_a_page_on_its_own(done):
    text = page(done)
    tags = Tags(text)
    assert tags.open == []
    linked = {value for _, attrs in tags.found for name, value in attrs.items() if name in {"src", "href"}}
    assert linked == {"data:,"}, "nothing is fetched"
    assert "url(" not in text
    assert "@import" not in text
    assert stat.S_IMODE((done.folder / "run.html").stat().st_mode) == 0o600


def test_it_says_it_all(done):
    text = page(done)
    for words in ("campaign", "finished; 2 items failed", "6 in = 2 succeeded + 2 failed + 2 skipped", "Speed", "Sessions",
                  "Latency over time", "Map of the items", "Attempts", "Failed, unknown and skipped items", "The job", "ghost", "Spook",
                  "required_property_not_found", "campaign.csv"):  # fmt: skip
        assert words in re.sub(r"</?b[^>]*>", "", text), words


def test_markup_stays_text(done):
    text = page(done)
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text
    assert '<b>"' not in text
    assert "&lt;b&gt;" in text


def test_no_secrets(done):
    text = page(done) + done("report", "last", "--format", "markdown").out
    assert "sandbox-token" not in text
    assert "pw-" not in text


@pytest.mark.parametrize("style", ["html", "markdown"])
def test_redacted(done, style):
    text = done("report", "last", "--format", style, "--redact").out
    for name in ("ghost", "Spook", "spook"):
        assert name not in text
    for name in ("u1", "u2"):
        assert not re.search(rf"\b{name}\b", text)
    assert "&lt;b&gt;" not in text
    assert len(set(re.findall(r"user:[0-9a-f]{10}", text))) >= 2


def test_hashes_differ_from_report_to_report(done):
    texts = [done("report", "last", "--redact").out for _ in range(2)]
    found = [set(re.findall(r"user:[0-9a-f]{10}", text)) for text in texts]
    assert found[0].isdisjoint(found[1]), "whoever has two reports cannot join them, nor guess names"


def test_markdown(done):
    text = done("report", "last", "--format", "markdown").out
    assert text.startswith(
        "## ! campaign: mute at easemob demo\n\n**6 in = 2 succeeded + 2 failed + 2 skipped**"
    )
    assert "| failed | 2 |" in text
    assert "`ghost`" in text
    done("report", "last", "-o", "run.md")
    assert (done.folder / "run.md").read_text().startswith("## ! campaign")


def test_markdown_in_chinese(done, monkeypatch):
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    text = done("report", "last", "--format", "markdown").out
    assert text.startswith("## ! campaign: mute，easemob demo")
    assert "已完成；2 个条目失败。" in text
    assert "| 失败 | 2 | 33.3% |" in text
    words = re.sub(
        r"`[^`]*`|“[^”]*”", "", text.partition("<details>")[0]
    )  # but for what is the vendor's or the user's
    left = set(re.findall(r"[A-Za-z]{3,}", words)) - {
        "campaign",
        "mute",
        "easemob",
        "demo",
        "max",
        "bulkim",
        "username",
    }
    assert left <= {"summary", "SHA", "UTC"}, left


def test_the_page_names_a_cell_in_chinese_where_there_is_room_for_one_column(done, monkeypatch):
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    assert '#bad{--w-item:"条目 ";--w-line:"行 "' in page(done)


def test_words_of_strangers_are_no_markdown():
    from bulkim.view.report.markdown import code, ours, plain

    assert ours("See `a_b` or *c*.") == r"See `a_b` or \*c\*."
    assert plain("a|b *c* <i>\n# d") == r"a\|b \*c\* \<i\> \# d"
    assert code("a`b|c") == "`` a`b\\|c ``"


def test_where_it_goes(done):
    said = done("report", "last", "-o", "run.html", "--json")
    assert (said.json["format"], said.json["file"]) == ("html", "run.html")
    assert done("report", "last", "-o", "none/run.html").code == 2
    assert done("report", "zzz", "-o", "x.html").code == 2
    assert done("report", "last").out.startswith("<!doctype html>")
    assert "bulkim report last -o run.html" in done.at_terminal("report", "last")


def test_a_run_that_sent_nothing(shell, server):
    shell.job("empty", server.base_url, "mute", ["<b>"], "params: {chat: 60}\n")
    shell("run", "empty.yaml", "-q")
    assert "1 in = " in page(shell)
    assert shell("report", "last", "--format", "markdown").code == 0


def test_an_older_journal_is_reported_as_it_is(done):
    """Without what refusals left of the limit; the limit comes from the job."""
    with closing(sqlite3.connect(done.folder / "bulkim.db", isolation_level=None)) as db:
        db.execute("DROP VIEW limits")
        db.execute("DROP TABLE pace")
        db.execute("DELETE FROM _sqlite_migrations WHERE name = 'm002_pace'")
    assert "this run's limit, 1,000/s" in page(done).replace("&#39;", "'")
    with closing(sqlite3.connect(done.folder / "bulkim.db")) as db:
        assert not db.execute("SELECT 1 FROM sqlite_master WHERE name = 'pace'").fetchone()


def test_what_refusals_left_is_drawn(done):
    with closing(sqlite3.connect(done.folder / "bulkim.db", isolation_level=None)) as db:
        db.execute("UPDATE pace SET allowed_per_s = 250 WHERE pool = 'mutes-set'")
    text = page(done)
    assert '<polyline class="allowed"' in text
    assert "what refusals left of it, 250/s at the lowest" in text
    markdown = done("report", "last", "--format", "markdown").out
    assert "calls/s that refusals left of the limit, 250 at the lowest" in markdown


@pytest.fixture
def large(done):
    """The same run as if it had been a hundred thousand items, half of them failed, over two nights."""
    with sqlite3.connect(done.folder / "bulkim.db") as db:
        db.execute("DELETE FROM item")
        db.execute("DELETE FROM attempt")
        db.execute("DELETE FROM tally")
        (session,) = db.execute("SELECT id FROM session").fetchone()
        db.execute("UPDATE session SET started_at = 1e9, ended_at = 1e9 + 3000, ended = 'lost'")
        db.execute(
            "INSERT INTO session (id, run_id, pid, host, process, started_at, seen_at, ended_at, ended)"
            " VALUES (99, 1, 7, 'h', '', 1e9 + 80000, 1e9 + 81000, 1e9 + 81000, 'finished')"
        )
        db.execute("UPDATE run SET items = 100000, requests = 4000")
        reason = "The vendor has a great deal to say about this one, at length, as vendors do. " * 3
        db.executemany(
            "INSERT INTO item (run_id, ordinal, key, username, outcome, code, reason, attempts, finished_at)"
            " VALUES (1, ?, ?, ?, ?, ?, ?, 1, 1e9)",
            ((n, f"user-{n}", f"user-{n}", *(("failed", "70107", reason) if n % 2 else ("succeeded", "0", None)))
             for n in range(1, 100_001)),
        )  # fmt: skip
        db.executemany(
            "INSERT INTO attempt (run_id, session_id, mode, size, items, began_at, ended_at, kind) VALUES"
            " (1, ?, 'send', 25, '[]', ?, ?, ?)",
            ((session if n < 3000 else 99, at, at + 0.05 + n % 7 / 100, "throttled" if n % 500 == 0 else "succeeded")
             for n in range(4000) for at in (1e9 + n if n < 3000 else 1e9 + 77000 + n,)),
        )  # fmt: skip
        db.execute(
            "INSERT INTO tally VALUES (1, 'succeeded', '0', 50000, NULL, NULL), (1, 'failed', '70107', 50000, 'user-1', 'x')"
        )
    db.close()
    return done


def test_many_items_make_no_large_page(large):
    began = time.process_time()
    text = page(large)
    assert time.process_time() - began < 10
    assert len(text) < 1_000_000
    assert "bulkim results" in text
    assert "50,000, the first" in text
    assert "between two sessions, cut short" in text


@browser
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_a_browser_has_nothing_to_complain_about(done, dark):
    page(done)
    with browsing(done.folder / "run.html", dark=dark) as tab:
        assert tab.console == [], "no errors, and nothing that the page's own policy had to refuse"
        assert tab.requests == []
        assert not tab.evaluate("document.getElementById('search').hidden"), "the script ran"


@browser
def test_a_browser_would_have_told(shell):
    """The two lists above are not empty for want of looking."""
    shell.write(
        "bad.html", "<img src='http://127.0.0.1:9/x.png'><script>console.log('hi'); nothing()</script>"
    )
    with browsing(shell.folder / "bad.html") as tab:
        assert tab.requests == ["http://127.0.0.1:9/x.png"]
        assert "hi" in tab.console
        assert any("nothing is not defined" in said for said in tab.console)


@browser
def test_the_page_by_keyboard_and_on_a_phone(done):
    page(done)
    with browsing(done.folder / "run.html", size=(390, 800)) as tab:
        assert tab.evaluate("document.documentElement.scrollWidth") == 390, "only drawings scroll sideways"
        reached = []
        for _ in range(12):
            tab.press("Tab")
            reached.append(tab.evaluate("document.activeElement.id || document.activeElement.tagName"))
            assert tab.evaluate(
                "document.activeElement === document.body || document.querySelector(':focus-visible') !== null"
            )
        places = [reached.index(each) for each in ("search", "SUMMARY")]
        assert places == sorted(places), f"in the order of the page: {reached}"
        tab.evaluate("document.getElementById('search').focus()")
        for letter in "ghost":
            tab.press(letter)
        assert tab.evaluate("document.getElementById('told').textContent") == "1 match"
        assert tab.evaluate("document.querySelectorAll('#bad tbody tr:not([hidden])').length") == 1


def test_the_policy_allows_our_script_alone(done):
    text = page(done)
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    assert policy.startswith("default-src 'none'")
    assert json.dumps(policy).count("sha256-") == 1


def test_a_stop_is_named_by_its_code_and_explained(shell, server, monkeypatch):
    """A run that a guard refused when it went on: no class's name, and no promise that the same command continues."""
    job = shell.job("look", server.base_url, "get-user", ["u1", "u2"])
    assert shell("run", job, "-q").code == 1
    stopped = (
        "UPDATE run SET state = 'stopped', stop_code = 'max_items', stop_reason = 'guard.max_items is 1'"
    )
    with closing(sqlite3.connect(shell.folder / "bulkim.db")) as db, db:
        db.execute(stopped)
    text = page(shell)
    assert "stopped: max_items; a person must look" in text
    assert "raise <code>guard.max_items</code>" in text
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    assert "已停止：max_items；需要人工处理" in page(shell)
