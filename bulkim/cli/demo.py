"""The command that shows it all."""

from __future__ import annotations

import json

import click

from bulkim.cli.options import Command, Settings, common


@click.command(cls=Command, examples=["bulkim demo"])
@common
def demo(settings: Settings) -> int:
    """Tell the whole story on an embedded sandbox: register, mute, delete, a kill and its resume. Needs no account.

    Takes about 20 seconds. With --json, prints the runs' summaries. Exit code 1: journal and sandbox disagree.
    """
    from bulkim.cli import story

    settings.start_log()

    def say(line: str) -> None:
        if not settings.quiet:
            click.secho(line, err=settings.json, bold=line.lstrip().startswith("$"))

    journal = settings.journal if settings.journal_named else None
    told, comparison = story.tell(say, journal=journal, capture=settings.json)
    if settings.json:
        click.echo(json.dumps(told.summaries, ensure_ascii=False))
    elif not settings.quiet:
        say(f"\nThe journal is kept: bulkim runs --journal {told.journal}")
        say(f"                     bulkim show delete user-0401 --journal {told.journal}")
    return 1 if comparison.differences else 0
