"""`bulkim fleet`: many hosts, one limit, one journal. Commands are imported when they are called."""

from __future__ import annotations

from importlib import import_module

import click

from bulkim.cli import Entry, write_examples

COMMANDS = {
    entry.name: entry
    for entry in (
        Entry("init", "setup:init", "Make a database ready, or bring it up to this version."),
        Entry("doctor", "setup:doctor", "Look at the database, and say what is wrong with it."),
        Entry("quota", "setup:quota", "Show which processes on all hosts use which quota."),
    )
}


class FleetGroup(click.Group):
    """Imports a command when it is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """Names in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import the command's module."""
        entry = COMMANDS.get(cmd_name)
        if entry is None:
            return None
        module, _, attribute = entry.attribute.partition(":")
        command: click.Command = getattr(import_module(f"bulkim.cli.fleet.{module}"), attribute)
        return command

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Begin with an example, like every command."""
        write_examples(formatter, ("bulkim fleet init", "bulkim fleet quota"))
        super().format_help(ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Print the table, without importing what is in it."""
        with formatter.section("Commands"):
            formatter.write_dl([(entry.name, entry.help) for entry in COMMANDS.values()])


@click.group(cls=FleetGroup)
def fleet() -> None:
    """Share limits and runs with other hosts, through the PostgreSQL database that BULKIM_FLEET names.

    With BULKIM_FLEET set, `bulkim run` and `bulkim retry` keep each app's limit together with everybody else who has it set.
    """
