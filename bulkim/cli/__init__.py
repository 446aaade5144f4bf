"""The command line: a thin skin over the library.

`bulkim --help` must be as fast as click allows, so this module imports click and nothing else, and a command's own
module is imported when that command is called.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, NoReturn

import click

from bulkim.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

PROGRAM = "bulkim"
# Rows are made by the thousand and are in no circle: looking for those after every 700 took a tenth of a run.
YOUNG_MAX = 50_000
COMPLETE_VAR = "_BULKIM_COMPLETE"  # set by the shell that asks what completes a line


@dataclass(frozen=True, slots=True)
class Entry:
    """One command: where it is defined, and what `bulkim --help` says of it."""

    name: str
    attribute: str  # in `bulkim.cli`: "module:function"
    help: str


SECTIONS: tuple[tuple[str, tuple[Entry, ...]], ...] = (
    (
        "Start here",
        (
            Entry("demo", "demo:demo", "The whole story on an embedded sandbox; no account needed."),
            Entry("init", "local:init", "Write a commented job, connection file and CSV to start from."),
            Entry("sandbox", "local:sandbox", "Serve the local emulator of the vendors."),
        ),
    ),
    (
        "Work",
        (
            Entry("check", "jobs:check", "Check a job and every item, offline."),
            Entry("doctor", "doctor:doctor", "Check whether a job could run from here."),
            Entry("plan", "jobs:plan", "Show what a run would send, and how long it would take."),
            Entry("run", "jobs:run", "Run a job, or continue its unfinished run."),
            Entry("retry", "jobs:retry", "Send a run's failed and unknown items again."),
            Entry("ctl", "ctl:ctl", "Change a running run's rate, or pause, resume or stop it."),
            Entry("verify", "verify:verify", "Ask the vendor whether what a run did still holds."),
            Entry("undo", "verify:undo", "Write a job file for the inverse of what a run changed."),
        ),
    ),
    (
        "Read the journal",
        (
            Entry("runs", "journal:runs", "List all runs of the journal."),
            Entry("show", "journal:show", "Show one run, or what happened to one of its users."),
            Entry("watch", "watch:watch", "Follow a running run from another terminal."),
            Entry("results", "results:results", "Print one row for each item of a run."),
            Entry("report", "report:report", "Write a run as one page with charts, or as Markdown."),
            Entry("browse", "browse:browse", "Open the journal in Datasette, with ready queries."),
        ),
    ),
    (
        "Many hosts",
        (Entry("fleet", "fleet:fleet", "Runs on many hosts, with one limit and one journal."),),
    ),
    (
        "Look up",
        (
            Entry("operations", "reference:operations", "What can be done at which vendor."),
            Entry("quota", "quota:quota", "Show which processes on this host use which quota."),
            Entry("explain", "explain:explain", "What a vendor's error code means, and what to do."),
            Entry("schema", "reference:schema", "Print the job file's JSON Schema, for an editor."),
            Entry(
                "completion",
                "completion:completion",
                "Print the script that completes commands in your shell.",
            ),
        ),
    ),
)
COMMANDS = {entry.name: entry for _, entries in SECTIONS for entry in entries}


@dataclass(slots=True)
class State:
    """What the error handler must know of what happens further down."""

    verbose: int = 0
    returned: int = 0  # by the command, when only its output was still to be written
    happened: int | None = (
        None  # to the users, as an exit code, once it is known: nothing that comes later changes it
    )


class LazyGroup(click.Group):
    """Imports a command when it is called."""

    package: str  # where the table's modules are
    table: Mapping[str, Entry]
    examples: Sequence[str]
    sections: Sequence[tuple[str, Sequence[Entry]]]  # of the help page

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Begin with examples, like every command."""
        write_examples(formatter, self.examples)
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Print the table, without importing what is in it."""
        width = max(map(len, self.table))
        for title, entries in self.sections:
            with formatter.section(title):
                formatter.write_dl([(entry.name.ljust(width), entry.help) for entry in entries])

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module."""
        entry = self.table.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.attribute.partition(":")
        command = getattr(import_module(f"{self.package}.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command


class BulkimGroup(LazyGroup):
    """Turns every error into words and the contract's exit code."""

    package, table, sections = "bulkim.cli", COMMANDS, SECTIONS
    examples = ("bulkim demo", "bulkim run job.yaml")

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Name the nearest command when there is none of that name."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-") and not ctx.resilient_parsing:
            from difflib import get_close_matches

            raise click.NoSuchCommand(
                args[0], possibilities=get_close_matches(args[0], COMMANDS, n=1), ctx=ctx
            )
        return super().resolve_command(ctx, args)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[str]]:
        """Commands from the table, without importing what is in it."""
        from click.shell_completion import CompletionItem

        if incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        return [
            CompletionItem(entry.name, help=entry.help.rstrip("."))
            for entry in COMMANDS.values()
            if entry.name.startswith(incomplete)
        ]

    def main(self, args: Sequence[str] | None = None, *_: Any, **extra: Any) -> NoReturn:
        """Run, say what went wrong, exit."""
        state = State()
        extra |= {"obj": state, "standalone_mode": False, "prog_name": PROGRAM, "complete_var": COMPLETE_VAR}
        completing = COMPLETE_VAR in os.environ
        try:
            if completing:
                import_module("bulkim.cli.completion")  # registers our shells
            code = super().main(args, **extra)
            state.returned = code if isinstance(code, int) else 0
            sys.stdout.flush()
        except BaseException as error:  # noqa: BLE001 - the last stop: everything becomes words and an exit code
            if completing:  # whatever it was, it must not appear amid what is being typed
                sys.exit(0)
            from bulkim.cli.failure import report

            code = report(error, state)
        sys.exit(code if isinstance(code, int) else 0)


def write_examples(formatter: click.HelpFormatter, examples: Sequence[str]) -> None:
    """The head of a help page."""
    with formatter.section("Examples" if len(examples) > 1 else "Example"):
        for example in examples:
            formatter.write(f"{'':>{formatter.current_indent}}{example}\n")
    formatter.write_paragraph()


@click.group(cls=BulkimGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Bulk user administration for chat vendors' REST APIs that never loses track of a user."""


def main() -> NoReturn:
    """The `bulkim` entry point."""
    from bulkim.cli import streams

    gc.set_threshold(YOUNG_MAX)
    streams.prepare()
    cli.main()
