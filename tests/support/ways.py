"""A job run, continued and retried as people do it: typed at a command line, or called from Python."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from click.testing import CliRunner

import bulkim
from bulkim.cli import cli

REFUSED = {"error": {"http": 401, "error": "unauthorized", "description": "Unable to authenticate"}}


@dataclass
class Said:
    code: int
    text: str  # everything that a person reads of it
    summary: dict[str, Any] = field(default_factory=dict)

    @property
    def counts(self) -> dict[str, int]:
        return {status: number for status, number in self.summary["counts"].items() if number}


@contextmanager
def standard_input(given: str | bytes | None):
    """`given` is piped; None: nothing is, as from /dev/null."""
    before = sys.stdin
    if given is None:
        sys.stdin = Path(os.devnull).open()  # noqa: SIM115 - closed below
    else:
        sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode() if isinstance(given, str) else given))
    try:
        yield
    finally:
        sys.stdin.close()
        sys.stdin = before


class Typed:
    """At the command line. Every run has its JSON on stdout, and what is said on stderr."""

    name = "typed"

    def run(self, job: str, *, stdin: str | None = None, **options: Any) -> Said:
        return self._invoke(["run", job], options, stdin)

    def retry(self, run: str, *, stdin: str | None = None, **options: Any) -> Said:
        return self._invoke(["retry", run], options, stdin)

    def undo(self, run: str, *, offline: bool = False) -> Said:
        """Its text has the job that undoes it."""
        result = CliRunner().invoke(cli, ["undo", run, *(["--offline"] if offline else [])])
        return Said(result.exit_code, result.output)

    def verify(self, run: str) -> Said:
        result = CliRunner().invoke(cli, ["verify", run])
        return Said(result.exit_code, result.output)

    def _invoke(self, words: list[str], options: dict[str, Any], stdin: str | None) -> Said:
        options.setdefault("yes", "confirm" not in options)
        for name, value in options.items():
            option = {"continue_run": "--continue"}.get(name, f"--{name.replace('_', '-')}")
            if value is True:
                words.append(option)
            elif isinstance(value, dict):
                words += [
                    word for key, each in value.items() for word in (option, f"{key}={json.dumps(each)}")
                ]
            elif value is not False:
                words += [
                    word
                    for each in (value if isinstance(value, tuple) else (value,))
                    for word in (option, str(each))
                ]
        result = CliRunner().invoke(cli, [*words, "--json"], input=stdin)
        summary = json.loads(result.stdout) if result.stdout.startswith("{") else {}
        return Said(result.exit_code, result.stderr, summary)


class Called:
    """From Python."""

    name = "called"

    def run(self, job: str, *, stdin: str | None = None, **options: Any) -> Said:
        return self._call(bulkim.run, job, options, stdin)

    def retry(self, run: str, *, stdin: str | None = None, **options: Any) -> Said:
        return self._call(bulkim.retry_items, run, options, stdin)

    def undo(self, run: str, *, offline: bool = False) -> Said:
        """Its text has the job that undoes it."""
        return self._looked(lambda: "".join(each.text for each in bulkim.undo(run, offline=offline).jobs))

    def verify(self, run: str) -> Said:
        return self._looked(lambda: str(bulkim.verify(run)))

    def _looked(self, look: Callable[[], str]) -> Said:
        try:
            return Said(0, look())
        except bulkim.BulkimError as error:
            return Said(error.exit_code, f"{error.message}\n{error.hint}")

    def _call(self, function: Any, what: str, options: dict[str, Any], stdin: str | None) -> Said:
        if options.pop("yes", "confirm" not in options):
            options["confirm"] = lambda _: True
        changes = options.pop("set", {})
        try:
            with standard_input(stdin):
                given = bulkim.load(what, set=changes) if function is bulkim.run else what
                finished = function(given, **options)
        except bulkim.BulkimError as error:
            return Said(error.exit_code, f"{error.message}\n{error.hint}")
        why = str(finished.summary.get("nothing", ""))
        return Said(finished.exit_code, "\n".join([*finished.notes, why]), dict(finished.summary))
