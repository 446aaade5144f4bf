"""A run to hand on: one HTML page, or Markdown."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from bulkim.cli.options import RUN, Command, Settings, common
from bulkim.errors import UsageError

SUFFIXES = {".md": "markdown", ".markdown": "markdown"}


@click.command(
    cls=Command,
    examples=[
        "bulkim report last -o run.html",
        "bulkim report nightly-purge --format markdown >> summary.md",
    ],
)
@RUN
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True), metavar="FILE",
              help="Write to FILE (mode 0600, replaced when complete).")  # fmt: skip
@click.option("--format", "style", type=click.Choice(["html", "markdown"]),
              help="Default: by the file's name; html.")  # fmt: skip
@click.option("--redact", is_flag=True, help="Hash the user ids, and leave the job file out.")
@common
def report(settings: Settings, *, run_name: str, output: Path | None, style: str | None, redact: bool) -> int:
    """Write a run as one self-contained page with charts, or as Markdown for a ticket or a CI summary.

    The page needs no network and no script, stays under 1 MB however many items there are, prints well, and can be
    passed on: it holds no secrets, and with --redact no user ids.
    """
    from bulkim.cli.output import of_run
    from bulkim.cli.output import output as written
    from bulkim.journal import Reader
    from bulkim.view.report.figures import figures

    to_file = output is not None and str(output) != "-"
    style = style or (SUFFIXES.get(output.suffix.lower(), "html") if output is not None else "html")
    if not to_file and style == "html" and sys.stdout.isatty():
        raise UsageError(
            "refusing to print HTML to a terminal.", hint=f"bulkim report {run_name} -o run.html"
        )
    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
        found = figures(journal, record, redact=redact)
    if style == "html":
        from bulkim.view.report.page import page as render
    else:
        from bulkim.view.report.markdown import markdown as render
    text = render(found)
    if not to_file:
        sys.stdout.write(text)
        return 0
    assert output is not None
    with written(output, never=of_run(settings.journal, record)) as stream:
        stream.write(text)
    size = len(text.encode())
    if settings.json:
        click.echo(json.dumps({"run": record.run, "format": style, "file": str(output), "bytes": size}))
    settings.say(f"run {record.run} written to {output} ({size / 1000:,.0f} kB)")
    return 0
