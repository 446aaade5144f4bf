"""A run's live block in another terminal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import click

from bulkim.cli.options import RUN, Command, Settings, common

if TYPE_CHECKING:
    from bulkim.view.live import View
    from bulkim.view.live.following import Following


@click.command(cls=Command, examples=["bulkim watch last", "bulkim watch nightly-purge --progress plain"])
@RUN
@common
def watch(settings: Settings, *, run_name: str) -> int:
    """Follow a run that another process works on, until it ends. Only reads; Ctrl-C ends the watching, not the run."""
    from bulkim.cli import show as printer
    from bulkim.journal import Reader
    from bulkim.view import live as progress
    from bulkim.view.live.following import Following

    with Reader.open(settings.journal) as journal:
        record = journal.find(run_name)
        style = progress.chosen(settings.progress, quiet=settings.quiet)
        try:
            if record.state == "running":
                _follow(Following(journal, record), style)
            else:
                settings.say(f"run {record.run} is not running")
        except KeyboardInterrupt:
            settings.say(f"run {record.run} goes on")
            return 0
        record = journal.get(record.id)
        summary = journal.summary(record)
        if settings.json:
            click.echo(json.dumps(summary, ensure_ascii=False))
        else:
            printer.put(printer.account(journal, record, summary))
        for step in printer.next_steps(settings, record, summary):
            settings.say(f"next: {step}")
    return 0


def _follow(following: Following, style: str) -> None:
    """Draw until the run is no longer running."""
    from bulkim.view.live import FRAME_S

    with drawn(style) as show:
        while True:
            now = time.time()
            record, view = following.look(now)
            if record.state != "running":
                return
            show(now, view)
            time.sleep(FRAME_S)


@contextmanager
def drawn(style: str) -> Iterator[Callable[[float, View], None]]:
    """What draws a view (now, view) in a style, until the block ends; with `none` nothing is drawn."""
    from bulkim.view.live import screen

    show, close = screen(style) if style != "none" else (lambda *_: None, lambda: None)
    try:
        yield show
    finally:
        with suppress(OSError, ValueError):  # a terminal that went away
            close()
