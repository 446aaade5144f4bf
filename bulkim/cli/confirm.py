"""Asking before something is destroyed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from bulkim.errors import ConfirmationError
from bulkim.model import Job
from bulkim.text import counted
from bulkim.work.confirm import PRODUCTION, Pledge, agreed, pledge, unconfirmed

if TYPE_CHECKING:
    from bulkim.catalogue.shapes import Operation
    from bulkim.work.submission import Preview

NAMES_SHOWN = 5
WIDTH = 80


class PledgeType(click.ParamType[Pledge]):
    """Parses ``APP:COUNT``."""

    name = "APP:COUNT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Pledge:
        """Text -> Pledge."""
        if isinstance(value, Pledge):
            return value
        try:
            return pledge(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Decides whether a destructive run may begin, from the options and from whoever sits at the terminal."""

    yes: bool
    pledge: Pledge | None
    ask: bool  # somebody can be asked
    names: Callable[[Preview], list[str]]  # some of the usernames concerned

    def __call__(self, preview: Preview) -> None:
        """Raises ConfirmationError; then nothing is sent."""
        job, count = preview.job, preview.to_send
        if self.pledge is not None:
            agreed(self.pledge, None, job, sent=0, left=count, said="--confirm")
            return
        production = job.connection.environment == PRODUCTION
        if self.yes and not production:
            return
        if not self.ask:
            yes = " (the connection is production: --yes is not enough)" if production else ", or with --yes"
            app = job.connection.app_name
            hint = f"confirm with --confirm {app}:COUNT, COUNT being how many you expect{yes}"
            raise unconfirmed(job, count, hint=hint)
        self._ask(preview, production=production)

    def _ask(self, preview: Preview, *, production: bool) -> None:
        job, count = preview.job, preview.to_send
        for line in card(job, preview.operation, count, self.names(preview)):
            click.echo(line, err=True)
        try:
            agreed = _typed(job, count) if production else click.confirm("Go on?", err=True)
        except click.Abort:  # Ctrl-C, or nobody there after all
            agreed = False
            click.echo(err=True)
        if not agreed:
            raise ConfirmationError("not confirmed. Nothing was sent.")


def _typed(job: Job, count: int) -> bool:
    typed: str = click.prompt(
        "This is production. Type APP:COUNT to go on", err=True, default="", show_default=False
    )
    return typed.strip().replace(",", "") == f"{job.connection.app_name}:{count}"


def card(job: Job, operation: Operation, count: int, names: list[str]) -> list[str]:
    """What a person must see before agreeing."""
    app, environment = job.connection.app_name, job.connection.environment
    production = environment == PRODUCTION
    headline = f"{job.operation} {counted(count, 'item')} at {job.provider} app {app}" + (
        f" ({environment})" if environment else ""
    )
    lines = [click.style(headline, bold=True, fg="red" if production else "yellow")]
    if operation.destroys:
        lines += wrap(f"With them: {operation.destroys}.", WIDTH)
    if names:
        more = ", …" if count > len(names) else ""
        lines += wrap(f"They are: {', '.join(names)}{more}", WIDTH)
    return lines
