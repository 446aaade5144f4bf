"""`bulkim doctor`: whether a job could run from here."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bulkim import language, vendors, window
from bulkim.cli import show
from bulkim.cli.jobs import load
from bulkim.cli.options import JOB, SET, Command, Settings, common
from bulkim.errors import BulkimError, InputError
from bulkim.model import Job
from bulkim.text import vendor_app

if TYPE_CHECKING:
    from bulkim.work.doctor import Finding

SIGNS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "bad": ("✗", "red"), "skipped": ("-", "dim")}


@click.command(cls=Command, examples=["bulkim doctor job.yaml", "bulkim doctor job.yaml --offline --notify"])
@JOB
@SET
@click.option("--offline", is_flag=True, help="Send nothing: leave credentials and clock out.")
@click.option("--notify", is_flag=True, help="Send a test message to the job's webhooks.")
@common
def doctor(
    settings: Settings, *, job: Path, changes: list[tuple[str, str]], offline: bool, notify: bool
) -> int:
    """Check whether a job could run from here: file, credentials, clock, journal, quota, window, terminal.

    Sends at most one call to the vendor, says before what it is, and changes nothing. Exit code 0: all is well; 1: something to look at;
    3: the job or a file cannot be used; 4: the vendor cannot be reached; 6: the credentials are refused.
    """
    from bulkim.work import doctor as examination
    from bulkim.work.doctor import Finding

    findings = [terminal(), *examination.host(settings.journal)]
    try:
        loaded = load(job, changes)
        findings.insert(
            0,
            Finding(
                "job",
                "ok",
                f"{loaded.name}: {loaded.operation} at {vendor_app(loaded.provider, loaded.connection.app_name)}",
            ),
        )
        findings += examination.window_of(loaded, window.now())
        findings += examination.robots(loaded, send=notify)
        findings += online(settings, loaded, offline=offline)
    except InputError as error:
        findings[:0] = [
            Finding("job", "bad", str(each), each.hint or "", error.exit_code) for each in error.problems
        ]
    except BulkimError as error:
        findings.append(Finding("credentials", "bad", error.message, error.hint or "", error.exit_code))
    if settings.json:
        shown = [
            {"name": each.name, "state": each.state, "message": each.words, "hint": each.hint or None}
            for each in findings
        ]
        click.echo(
            json.dumps({"ok": not any(each.code for each in findings), "findings": shown}, ensure_ascii=False)
        )
    else:
        for each in findings:
            sign, style = SIGNS[each.state]
            first, *more = show.row(each.name, each.words, indent=0)
            show.put([[(f"{sign} ", style), *first], *([("  ", ""), *line] for line in more)])
            if each.hint:
                show.put([[(f"    {each.hint}", "dim")]])
    return max((each.code for each in findings), default=0)


def online(settings: Settings, job: Job, *, offline: bool) -> list[Finding]:
    """What one call tells; it is said before it is sent."""
    from bulkim.work import doctor as examination
    from bulkim.work.doctor import Finding

    provider = vendors.provider(job.provider, job.vendor_text)
    question = examination.question(job, provider, now=time.time())
    if question is None:
        return [Finding("credentials", "skipped", "this provider has no call that would only ask")]
    if offline:
        return [Finding("credentials", "skipped", f"without --offline, this would be sent: {question.words}")]
    settings.say(f"sending one call: {question.words}")
    return examination.answered(job, provider, question)


def terminal() -> Finding:
    """How things will look here."""
    from bulkim.work.doctor import Finding

    encoding = sys.stdout.encoding or "unknown"
    kind = "a terminal" if sys.stderr.isatty() else "no terminal: progress is lines"
    colour = "no colour" if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else "colour"
    spoken = "Chinese" if language.tag() == "zh-CN" else "English"
    words = f"{kind}, {encoding}, {colour}, {spoken}"
    if not encoding.lower().replace("-", "").startswith("utf8"):
        return Finding(
            "terminal",
            "warning",
            words,
            "names that this encoding lacks are shown escaped; set LANG to a UTF-8 locale",
        )
    return Finding("terminal", "ok", words)
