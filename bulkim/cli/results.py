"""A run's items, one a row; or the rows of its input that did not succeed, as their file has them."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from bulkim.cli import PROGRAM, candidates
from bulkim.cli.options import CODE, RUN, Command, F, Settings, beside, common
from bulkim.errors import UsageError
from bulkim.model import Status
from bulkim.text import ESCAPED, counted

if TYPE_CHECKING:
    from bulkim.journal import Reader
    from bulkim.journal.records import RunRecord
    from bulkim.view.results import Chosen


def choosing(function: F) -> F:
    """Options of what prints a run's items: which, how, and where to."""
    options = (
        click.option("--outcome", multiple=True, type=click.Choice([str(status) for status in Status]),
                     help="Only items that ended so; may be repeated."),
        CODE,
        click.option("--without", multiple=True, metavar="CODE", shell_complete=candidates.codes,
                     help="Leave items with this code out, e.g. duplicate; may be repeated."),
        click.option("--format", "style", type=click.Choice(["csv", "jsonl", "table", "junit"]),
                     help="Default: a table on a terminal, csv elsewhere; with --json, a JSON array."),
        click.option("--bom", is_flag=True, help="Write CSV as UTF-8 with a byte order mark, by which spreadsheets know it."),
        click.option("--rejects", is_flag=True,
                     help="Instead, the rows of the input that did not succeed, as the file has them, with _outcome, _code, _reason"
                     " and _line behind: mend them and run the job on that file."),
        click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), metavar="FILE",
                     help="Write to FILE (mode 0600, replaced when complete)."),
    )  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return function


@click.command(
    cls=Command,
    examples=[
        "bulkim results last --outcome failed",
        "bulkim results last --format csv -o done.csv",
        "bulkim results nightly-purge --code reach_limit --format jsonl",
        "bulkim results last --rejects -o mend.csv",
    ],
)
@RUN
@choosing
@common
def results(settings: Settings, *, run_name: str, **options: Any) -> int:
    """Print one row for each item of a run. As CSV, it is accepted as the source of another job."""
    from bulkim.journal import Reader

    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
        if record.rehearsal:
            settings.say(f"run {record.run} was a rehearsal: these are users of a sandbox")
        return printed(settings, journal, record, **options)


def printed(
    settings: Settings, journal: Reader, record: RunRecord, *, outcome: tuple[str, ...], code: tuple[str, ...], without: tuple[str, ...], style: str | None,
    output: Path | None, bom: bool, rejects: bool,
) -> int:  # fmt: skip
    """A run's items as `choosing` says, out of any reader's journal."""
    from bulkim.cli import show as printer
    from bulkim.cli.output import of_run
    from bulkim.cli.output import output as written
    from bulkim.view import results as rows

    to_file = output is not None and str(output) != "-"
    chosen = rows.Chosen(outcome, code, without)
    if rejects and (style is not None or settings.json):
        raise UsageError("--rejects has the input's own format.", hint="leave --format and --json out")
    style = style or _default_style(settings, output if to_file else None)
    if rejects:
        return _rejects(settings, journal, record, chosen, output if to_file else None, bom=bom)
    if to_file:
        assert output is not None
        with written(output, never=of_run(settings.journal, record)) as stream:
            number = rows.write_results(
                journal, record, chosen, style, stream, width=printer.width(), bom=bom
            )
        settings.say(f"{counted(number, 'item')} of run {record.run} written to {output}")
    else:
        number = rows.write_results(
            journal, record, chosen, style, sys.stdout, width=printer.terminal_width() or 200, bom=bom
        )
        if not number and style == "table":
            settings.say("no such items")
    return 0


def _default_style(settings: Settings, output: Path | None) -> str:
    if settings.json:
        return "json"
    if output is not None:
        return {".jsonl": "jsonl", ".ndjson": "jsonl", ".xml": "junit", ".txt": "table"}.get(
            output.suffix, "csv"
        )
    return "table" if sys.stdout.isatty() else "csv"


def _rejects(
    settings: Settings, journal: Reader, record: RunRecord, chosen: Chosen, output: Path | None, *, bom: bool
) -> int:
    from bulkim.cli.output import of_run
    from bulkim.cli.output import output as written
    from bulkim.view.rejects import FromFile, rejects

    found = rejects(journal, record, bom=bom)
    if output is None and found.holds_secrets and sys.stdout.isatty():
        raise UsageError(
            "refusing to print secrets to a terminal: the input's rows have them.",
            hint=f"{beside('results')} {record.run} --rejects -o FILE",
        )
    if output is None:
        with _printed(found.form.codec) as stream:
            count = found.write(chosen, stream)
    else:
        with written(output, never=of_run(settings.journal, record), encoding=found.form.codec) as stream:
            count = found.write(chosen, stream)
    for note in found.notes:
        settings.say(note)
    unfinished = record.state != "finished"
    if count.pending and unfinished:
        are = "is" if count.pending == 1 else "are"
        settings.say(
            f"run {record.run} is not finished: {counted(count.pending, 'pending row')} {are} among them;"
            " --outcome failed --outcome unknown --outcome skipped leaves them out"
        )
    if count.strange and not (count.pending and unfinished):
        settings.say(
            f"{counted(count.strange, 'row')} of the input that the run did not reach are among them"
        )
    if count.duplicates:
        rows = f"{counted(count.duplicates, 'row')} of users whose first row was taken {'is' if count.duplicates == 1 else 'are'} among them"
        settings.say(
            f"{rows}: sent, such a row replaces what the first one set; --without duplicate leaves them out"
        )
    if output is not None:
        settings.say(f"{counted(count.rows, 'row')} of run {record.run}'s input written to {output}")
        if count.rows and not unfinished and isinstance(found, FromFile):
            _say_next(settings, record, output)
    return 0


def _say_next(settings: Settings, record: RunRecord, output: Path) -> None:
    """What sends the rows when they are mended."""
    from bulkim.cli import show

    if record.job_path is None or record.rehearsal or beside("run") != f"{PROGRAM} run":
        return
    terms, folder = record.begun_with, Path(record.job_path).parent
    key = f"source.{terms.get('source.kind')}"
    place = Path(os.path.relpath(output, folder))  # where the job's own paths start
    if not (folder / place).exists():  # its folder is a link
        place = output.absolute()
    more = [each for each in terms.get("changes") or () if each[0] != key]
    changes = show.changed([*more, (key, str(place))])
    run = settings.command("run", show.nearby(record.job_path), *changes, "--missing")
    settings.say(f"next: mend the rows; then {run}")


@contextmanager
def _printed(codec: str) -> Iterator[IO[str]]:
    """Standard output, in the input's encoding."""
    sys.stdout.flush()
    stream = io.TextIOWrapper(sys.stdout.buffer, encoding=codec, errors=ESCAPED, newline="")
    try:
        yield stream
        stream.flush()
    finally:
        stream.detach()
