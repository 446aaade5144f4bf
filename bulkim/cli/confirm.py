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
from bulkim.work.confirm import PRODUCTION, Pledge, agreed, unconfirmed
from bulkim.work.refused import DECLINED

if TYPE_CHECKING:
    from bulkim.catalogue.shapes import Operation
    from bulkim.work.submission import Preview

NAMES_SHOWN = 5
TYPED_FROM = 1_000  # items: from here on the app's name is typed
WIDTH = 80


@dataclass(frozen=True, slots=True)
class Confirmation:
    """Decides whether a run may begin, from the options and, where it destroys, from whoever sits at the terminal."""

    yes: bool
    pledge: Pledge | None
    ask: bool  # somebody can be asked
    names: Callable[[Preview], list[str]]  # some of the usernames concerned

    def __call__(self, preview: Preview) -> Pledge | None:
        """What was agreed to, if it is a number. Raises ConfirmationError; then nothing is sent."""
        job, count = preview.job, preview.to_send
        if self.pledge is None and not preview.operation.destroys:
            return None
        given = agreed(self.pledge, preview.confirmed, job, sent=preview.sent, left=count, said="--confirm")
        if given is not None and (self.pledge is not None or not preview.insist):
            return given
        production = job.connection.environment == PRODUCTION
        if self.yes and not production:
            return None
        if not self.ask:
            yes = " (the connection is production: --yes is not enough)" if production else ", or with --yes"
            app = job.connection.app_name
            hint = f"confirm with --confirm {app}:COUNT, COUNT being how many you expect{yes}"
            if preview.plan is not None:
                hint = f"look at the plan, then name it: --confirm-plan {preview.plan[:8]}"
            raise unconfirmed(job, count, hint=hint)
        return self._ask(preview, production=production)

    def _ask(self, preview: Preview, *, production: bool) -> Pledge:
        job, count = preview.job, preview.to_send
        for line in card(job, preview.operation, count, self.names(preview)):
            click.echo(line, err=True)
        try:
            went = _answered(job, count, production=production)
        except click.Abort:  # Ctrl-C, or nobody there after all
            went = False
            click.echo(err=True)
        if not went:
            raise ConfirmationError("not confirmed. Nothing was sent.", code=DECLINED)
        return Pledge(job.connection.app_name, count, preview.sent)


def _answered(job: Job, count: int, *, production: bool) -> bool:
    """A habit types `y`: what is large, or production, is typed by name."""
    app = job.connection.app_name
    if production:
        return _typed("This is production. Type APP:COUNT to go on").replace(",", "") == f"{app}:{count}"
    if count >= TYPED_FROM:
        return _typed(f"These are {count:,}. Type the app's name to go on") == app
    return click.confirm("Go on?", err=True)


def _typed(question: str) -> str:
    typed: str = click.prompt(question, err=True, default="", show_default=False)
    return typed.strip()


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
