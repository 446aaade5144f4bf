"""`bulkim` in this process: a second's worth of commands where a subprocess would take many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from click.testing import CliRunner

from bulkim import redact
from bulkim.cli import cli
from bulkim.log import handlers as log

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
        redact._hidden.clear()
