"""`bulkim` in this process: a second's worth of commands where a subprocess would take many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from click.testing import CliRunner

from bulkim import log
from bulkim.cli import cli

from .processes import Ended


def bulkim_here(*words: str, stdin: str | bytes | None = None) -> Ended:
    with _clean_log():
        result = CliRunner().invoke(cli, list(words), input=stdin)
    return Ended(result.exit_code, result.stdout, result.stderr)


@contextmanager
def _clean_log() -> Iterator[None]:
    try:
        yield
    finally:
        log.close()
        log._hidden.clear()
