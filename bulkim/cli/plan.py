"""`bulkim plan -o` and `--format markdown`: a plan that is saved, and one that is looked at."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from bulkim.cli import show
from bulkim.cli.options import Settings
from bulkim.cli.output import of_job, output
from bulkim.cli.preview import card
from bulkim.model import Job
from bulkim.planning import planfile, review
from bulkim.planning.preview import Surveyed, first_call, plan_document
from bulkim.text import counted, vendor_app
from bulkim.vendors import known
from bulkim.work import plan_reading
from bulkim.work.outlook import outlook
from bulkim.work.plan_writing import Draft, draft

if TYPE_CHECKING:
    from bulkim.quota.source import Sharing


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a plan is to be kept."""

    file: Path | None  # None, or `-`: standard output
    style: str  # plan, markdown
    expires_s: float | None = None  # from now

    @property
    def to_file(self) -> Path | None:
        """The file; None: standard output."""
        return None if self.file is None or str(self.file) == "-" else self.file


def save(settings: Settings, job: Job, wanted: Wanted) -> int:
    """Write a plan of the job, and say what is in it."""
    expires_at = None if wanted.expires_s is None else time.time() + wanted.expires_s
    never = of_job(settings.journal, job)
    share = partial(_sharing, rehearsal=job.rehearsal)
    with (
        draft(job, journal=settings.journal, expires_at=expires_at, sharing=share) as made,
        _stream(wanted, never) as stream,
    ):
        _write(made, stream, wanted.style)
    found = Surveyed(job, made.provider, made.operation, made.survey, made.input.name, made.notes)
    for note in found.notes:
        settings.say(f"note: {note}")
    estimate, first = found.estimate, first_call(found)
    ahead = outlook(found, settings.journal)
    aside = wanted.to_file is None  # the data is on stdout: the rest is not
    if settings.json:
        document = plan_document(found, estimate, first, ahead.document()) | {
            "plan": str(wanted.file), "digest": made.digest, "expires": made.head.expires,
        }  # fmt: skip
        click.echo(json.dumps(document, ensure_ascii=False), err=aside)
        return 0
    if not settings.quiet:
        show.put(card(found, estimate, first, ahead), err=aside)
    show.put(show.row("digest", made.digest, style="bold"), err=aside)
    if not aside:
        _say_next(settings, made, wanted)
    return 0


def _sharing(*, rehearsal: bool) -> Sharing:
    from bulkim.fleet import sharing

    return sharing(rehearsal=rehearsal)


def _say_next(settings: Settings, made: Draft, wanted: Wanted) -> None:
    file = show.nearby(wanted.to_file)
    settings.say(f"{counted(made.survey.items, 'item')} written to {file}")
    if wanted.style == "plan":
        if made.operation.destroys:
            settings.say(f"to review it: {settings.command('plan', file, '--format', 'markdown')}")
        named = ["--confirm-plan", made.digest[:8]] if made.operation.destroys else []
        settings.say(f"next: {settings.command('run', file, *named)}")


def _write(made: Draft, stream: IO[str], style: str) -> None:
    if style == "plan":
        for piece in made:
            stream.write(piece)
        return
    lines = (line for piece in made for line in io.StringIO(piece, newline="\n"))
    planfile.head_of(lines, "the plan")
    shown = list(islice(planfile.items_of(lines), review.ITEMS_SHOWN))
    for _ in lines:  # to its end, for the digest
        pass
    page = review.markdown(
        made.head, made.survey.counts, made.digest, shown, destroys=made.operation.destroys
    )
    stream.writelines(page)


def look(settings: Settings, plan: plan_reading.Saved, wanted: Wanted) -> int:
    """A saved plan as a page for people, or what is in it in a few lines."""
    vendor = known(str(plan.head.terms["provider"]))
    operation = vendor.operation(plan.head.operation) if vendor else None
    if wanted.style == "markdown":
        with _stream(wanted, [plan.path]) as stream:
            items = plan.items()
            destroys = operation.destroys if operation else None
            stream.writelines(review.markdown(plan.head, plan.counts, plan.digest, items, destroys=destroys))
        return 0
    if settings.json:
        document = {
            "plan": plan.name, "digest": plan.digest, "expires": plan.head.expires, "name": plan.head.name, "job": plan.head.job,
            "counts": plan.counts, "terms": plan.head.terms,
        }  # fmt: skip
        click.echo(json.dumps(document, ensure_ascii=False))
        return 0
    skipped = ", ".join(f"{n:,} {code}" for code, n in plan.counts.items() if n and code != "send")
    more = f"; skipped: {skipped}" if skipped else ""
    app = f"{plan.head.operation} at {vendor_app(plan.head.terms['provider'], plan.head.terms['app'])}"
    environment = plan.head.terms.get("environment")
    rows = [("environment", str(environment))] if environment else []
    rows += [
        ("job", plan.head.job or plan.head.name),
        ("items", f"{sum(plan.counts.values()):,}: {plan.send:,} to send{more}"),
    ]
    rows += [("destroys", operation.destroys)] if operation is not None and operation.destroys else []
    rows += [("expires", plan.head.expires)] if plan.head.expires else []
    show.put([[(f"{plan.head.name}: {app}", "bold")]])
    show.put(line for name, value in [*rows, ("digest", plan.digest)] for line in show.row(name, value))
    settings.say(f"next: {settings.command('plan', show.nearby(plan.path), '--format', 'markdown')}")
    return 0


@contextmanager
def _stream(wanted: Wanted, never: list[Path]) -> Iterator[IO[str]]:
    if wanted.to_file is None:
        yield sys.stdout
        return
    with output(wanted.to_file, never=never) as stream:
        yield stream
