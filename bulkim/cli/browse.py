"""The journal in Datasette: every table explained, and the questions that people ask of it ready to be asked."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli.options import Command, Settings, common
from bulkim.errors import UsageError

if TYPE_CHECKING:
    from bulkim.journal import Reader

HOST = "127.0.0.1"
QUERIES: Mapping[str, tuple[str, str, str]] = {  # name -> title, what it tells, SQL
    "failed_by_code": (
        "Failed by code",
        "How many items each code ended, with one example and what the vendor said. An empty run: all runs.",
        (
            "SELECT run.run, run.name, tally.outcome, tally.code, tally.items, tally.example, tally.reason"
            " FROM tally JOIN run ON run.id = tally.run_id"
            " WHERE tally.outcome IN ('failed', 'unknown') AND (:run = '' OR run.run = :run) ORDER BY tally.items DESC"
        ),
    ),
    "slowest_calls": (
        "Slowest calls",
        "The hundred calls that took longest to be answered.",
        (
            "SELECT run.run, run.name, attempt.id AS attempt, attempt.mode, attempt.size,"
            " round((attempt.ended_at - attempt.began_at) * 1000, 1) AS latency_ms, attempt.http_status, attempt.kind,"
            " attempt.code, attempt.reason FROM attempt JOIN run ON run.id = attempt.run_id"
            " WHERE attempt.kind <> 'lost' AND (:run = '' OR run.run = :run) ORDER BY attempt.ended_at - attempt.began_at DESC LIMIT 100"
        ),
    ),
    "runs_by_day": (
        "Runs by day",
        "What was done on which day (UTC), newest first.",
        (
            "SELECT substr(created_at, 1, 10) AS day, count(*) AS runs, sum(items) AS items, sum(succeeded) AS succeeded,"
            " sum(unchanged) AS unchanged, sum(failed) AS failed, sum(unknown) AS unknown, sum(skipped) AS skipped,"
            " sum(pending) AS pending, sum(requests) AS requests, sum(throttled) AS throttled"
            " FROM runs_summary GROUP BY 1 ORDER BY 1 DESC"
        ),
    ),
    "calls_by_minute": (
        "Calls by minute",
        "How fast a run was, and how often it was refused for the quota.",
        (
            "SELECT strftime('%Y-%m-%d %H:%M', attempt.began_at, 'unixepoch') AS minute, count(*) AS calls,"
            " round(count(*) / 60.0, 1) AS calls_per_s, sum(attempt.kind = 'throttled') AS refused,"
            " round(avg(attempt.ended_at - attempt.began_at) * 1000, 1) AS mean_latency_ms"
            " FROM attempt JOIN run ON run.id = attempt.run_id WHERE (:run = '' OR run.run = :run) GROUP BY 1 ORDER BY 1"
        ),
    ),
    "limit_over_time": (
        "Limit over time",
        "What a run was allowed, and what the vendor's refusals left of it. 0: resting after one.",
        (
            "SELECT limits.run, run.name, limits.at, limits.pool, limits.limit_per_s, limits.allowed_per_s"
            " FROM limits JOIN run ON run.run = limits.run WHERE (:run = '' OR run.run = :run) ORDER BY limits.at"
        ),
    ),
    "one_user": (
        "One user",
        "What every run did to one user.",
        (
            "SELECT run.run, run.name, run.operation, results.outcome, results.code, results.reason, results.attempts,"
            " results.finished_at, results.data FROM results JOIN run ON run.run = results.run"
            " WHERE results.username = :username COLLATE NOCASE ORDER BY run.created_at DESC"
        ),
    ),
}
VIEWS = {
    "results": "One row an item of every run.",
    "runs_summary": "One row a run; the outcomes add up to the items.",
    "attempts": "One row an HTTP call.",
    "limits": "One row a change of what a run was allowed.",
}


@click.command(cls=Command, examples=["bulkim browse", "bulkim browse --port 8002 --open"])
@click.option(
    "--port", type=click.IntRange(1, 65535), default=8001, show_default=True, help="Port to listen on."
)
@click.option("--open", "opened", is_flag=True, help="Also open a browser.")
@common
def browse(settings: Settings, *, port: int, opened: bool) -> int:
    """Open the journal in Datasette, on loopback only, until Ctrl-C. It only reads.

    Every table and column is explained, and there are queries: failed by code, slowest calls, runs by day, calls by
    minute, limit over time, one user. Needs the extra: pip install 'bulkim[browse]'.
    """
    from bulkim.journal import Reader

    if find_spec("datasette") is None:
        raise UsageError(
            "Datasette is not installed.",
            hint="pip install 'bulkim[browse]', or pipx inject bulkim datasette",
        )
    with Reader.open(settings.journal) as journal:
        told = metadata(journal)
    _free(port)
    from datasette.cli import cli as datasette

    with TemporaryDirectory() as folder:
        described = Path(folder) / "metadata.json"
        described.write_text(json.dumps(told), encoding="utf-8")
        words = [
            "serve",
            str(settings.journal),
            "--metadata",
            str(described),
            "--host",
            HOST,
            "--port",
            str(port),
        ]
        words += ["--setting", "sql_time_limit_ms", "10000", "--setting", "default_page_size", "50"]
        settings.say(f"{settings.journal} is at http://{HOST}:{port}/{settings.journal.stem}; Ctrl-C ends it")
        datasette.main(words + (["--open"] if opened else []), prog_name="datasette", standalone_mode=False)
    return 0


def _free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise UsageError(f"port {port}: {error.strerror}", hint="take another one with --port") from error


def metadata(journal: Reader) -> dict[str, Any]:
    """What Datasette is told about a journal; an older bulkim's has fewer tables."""
    from bulkim.journal.sqlite import schema

    there = journal.tables()
    tables = described(schema.WHOLE)
    known = {name: words for table in tables.values() for name, words in table["columns"].items()}
    for view, words in VIEWS.items():
        tables[view] = {"description": words, "columns": known}
    tables["results"]["facets"] = ["outcome", "code"]
    tables["run"]["sort_desc"] = "created_at"
    queries = {
        name: {"title": title, "description": words, "sql": sql}
        for name, (title, words, sql) in QUERIES.items()
        if name != "limit_over_time" or "limits" in there
    }
    name = journal.path.stem
    begin = _questions(name, queries)
    return {
        "title": "bulkim's journal",
        "description_html": begin,
        "databases": {
            name: {
                "description_html": begin,
                "tables": {name: words for name, words in tables.items() if name in there},
                "queries": queries,
            }
        },
    }


def _questions(name: str, queries: Mapping[str, Mapping[str, str]]) -> str:
    """The queries, above everything else: tables are for those who know what they look for."""
    from html import escape
    from urllib.parse import quote

    base = f"/{quote(name)}"
    rows = [
        f'<li><a href="{base}/{query}"><b>{escape(about["title"])}</b></a>: {escape(about["description"])}</li>'
        for query, about in queries.items()
    ]
    summary = f'<li><a href="{base}/runs_summary"><b>All runs</b></a>: one row a run.</li>'
    return f"<p>Every run, item and call. Begin here:</p><ul>{summary}{''.join(rows)}</ul>"


def described(script: str) -> dict[str, dict[str, Any]]:
    """Tables and columns with what the comments beside them say."""
    tables: dict[str, dict[str, Any]] = {}
    name = ""
    for line in script.splitlines():
        code, _, comment = (part.strip() for part in line.partition("--"))
        if found := re.match(r"CREATE TABLE (\w+)", code):
            name = found[1]
            tables[name] = {"description": comment, "columns": {}}
        elif added := re.match(r"ALTER TABLE (\w+) ADD COLUMN (\w+) /\* (.*) \*/", code):
            tables[added[1]]["columns"][added[2]] = added[3]
        elif name and comment and (column := re.match(r"[a-z_]+", code)):
            tables[name]["columns"][column[0]] = comment
    return tables
