"""Asking before something is destroyed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from textwrap import wrap
from typing import TYPE_CHECKING

import click

from bulkim.errors import ConfirmationError
from bulkim.model import Job

if TYPE_CHECKING:
    from bulkim.catalogue import Operation
    from bulkim.runner import Preview

PRODUCTION = "production"
NAMES_SHOWN = 5
WIDTH = 80


@dataclass(frozen=True, slots=True)
class Pledge:
    """``--confirm APP:COUNT``."""

    app: str
    count: int


class PledgeType(click.ParamType[Pledge]):
    """Parses ``APP:COUNT``."""

    name = "APP:COUNT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Pledge:
        """Text -> Pledge."""
        if isinstance(value, Pledge):
            return value
        app, colon, count = str(value).rpartition(":")
        digits = count.strip().replace(",", "").replace("_", "")
        if not (colon and app and digits.isascii() and digits.isdigit()):
            self.fail(
                f"expected the app's name and the number of items, like testapp:120; got {value!r}",
                param,
                ctx,
            )
        return Pledge(app.strip(), int(digits))


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
            self._check(self.pledge, job, count)
            return
        production = job.connection.environment == PRODUCTION
        if self.yes and not production:
            return
        if not self.ask:
            raise ConfirmationError(
                f"{job.operation} destroys: {_what(count)} at {job.connection.app_name} would go. Nothing was sent.",
                hint=f"confirm with --confirm {job.connection.app_name}:COUNT, COUNT being how many you expect"
                + (
                    " (the connection is production: --yes is not enough)"
                    if production
                    else ", or with --yes"
                ),
            )
        self._ask(preview, production=production)

    def _check(self, pledge: Pledge, job: Job, count: int) -> None:
        if pledge.app != job.connection.app_name:
            raise ConfirmationError(
                f"--confirm names the app {pledge.app!r}, but this job goes to {job.connection.app_name!r}."
                " Nothing was sent.",
                hint="check that it is the right job and the right connection",
            )
        if pledge.count != count:
            raise ConfirmationError(
                f"--confirm says {pledge.count:,}, but {_what(count)} would be sent. Nothing was sent.",
                hint="find out where the difference comes from: `bulkim check JOB`, `bulkim plan JOB`",
            )

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
    headline = f"{job.operation} {_what(count)} at {job.provider} app {app}" + (
        f" ({environment})" if environment else ""
    )
    lines = [click.style(headline, bold=True, fg="red" if production else "yellow")]
    if operation.destroys:
        lines += wrap(f"With them: {operation.destroys}.", WIDTH)
    if names:
        more = ", …" if count > len(names) else ""
        lines += wrap(f"They are: {', '.join(names)}{more}", WIDTH)
    return lines


def _what(count: int) -> str:
    return f"{count:,} item{'s' if count != 1 else ''}"
