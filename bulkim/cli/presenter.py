"""One run as the person at the terminal sees it: what is announced, asked, drawn and accounted for."""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext
from pathlib import Path
from typing import Any, Self

import click

from bulkim import redact
from bulkim.cli import show
from bulkim.cli.confirm import NAMES_SHOWN, Confirmation
from bulkim.cli.options import Settings, on_terminal
from bulkim.cli.reasons import reasons
from bulkim.cli.streams import folded
from bulkim.journal import Reader
from bulkim.model import Job, Status
from bulkim.sending.supervise import JOURNAL_LOST
from bulkim.sending.telemetry import Observed
from bulkim.view import live as progress
from bulkim.view.account import Throughput, balance
from bulkim.work.confirm import Pledge
from bulkim.work.earlier import done_of
from bulkim.work.runner import Finished
from bulkim.work.submission import Confirm, Preview

PATIENCE_S = 2.0  # before it is said what takes so long


class Presenter:
    """A context manager around `runner.run` or `runner.retry`."""

    def __init__(
        self,
        settings: Settings,
        job: Job,
        *,
        changes: Sequence[tuple[str, str]] = (),
        rehearsal: bool = False,
        metrics_file: Path | None = None,
    ) -> None:
        self._settings, self._job, self._rehearsal = settings, job, rehearsal
        self._metrics_file = metrics_file
        self._options = show.changed(changes)
        self._draw = progress.observer(progress.chosen(settings.progress, quiet=settings.quiet))
        self._announced = False
        self._pace: Throughput | None = None
        self._patience = threading.Timer(PATIENCE_S, self._reading)
        self._patience.daemon = True

    def __enter__(self) -> Self:
        self._patience.start()
        return self

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        self._patience.cancel()
        if error is not None:
            self._refused(error)

    def _refused(self, error: BaseException) -> None:
        """Leave metrics and tell the webhooks of what an error ended, which is most often before anything was sent."""
        from bulkim.work import refused

        while isinstance(error, BaseExceptionGroup):
            error = error.exceptions[0]
        if self._metrics_file is not None:
            found = refused.measures(self._job, error, self._settings.journal)
            if found is not None:
                summary, began, state = found
                self._measure(summary, began, refused.exit_code(error), state)
        if self._job.notify and not self._rehearsal and refused.concerns(error):
            self._notify(refused.facts(self._job, error, self._settings.journal))

    def confirmation(self, *, yes: bool, pledge: Pledge | None) -> Confirm:
        """What the runner calls before it destroys anything."""
        decide = Confirmation(yes, pledge, ask=on_terminal(), names=self._names)

        def confirm(preview: Preview) -> Pledge | None:
            self._announce(preview)
            return decide(preview)

        return confirm

    @asynccontextmanager
    async def observe(self, worker: Observed, preview: Preview) -> AsyncIterator[None]:
        """What the runner enters around everything that it sends: a listing first, maybe, then the run itself."""
        self._announce(preview)
        began, before = time.monotonic(), self._pace or Throughput(0, 0.0)
        try:
            with self._metered(preview):
                async with self._draw(worker, preview):
                    yield
        finally:
            telemetry = worker.telemetry
            elapsed_s = before.elapsed_s + time.monotonic() - began
            self._pace = Throughput(
                before.requests + telemetry.requests, elapsed_s, telemetry.limit_per_s,
                before.beside + telemetry.beside,
            )  # fmt: skip

    def ended(self, finished: Finished) -> int:
        """Print the account, leave metrics, tell the webhook; returns the exit code."""
        self._settings.happened(finished.exit_code)
        if self._metrics_file is not None:
            began = finished.record.created_at if finished.run else None
            self._measure(finished.summary, began, finished.exit_code)
        if not finished.run:
            return self._nothing(finished)
        self._account(finished)
        if self._job.notify and not self._rehearsal:
            from bulkim.work.notify import facts

            self._notify(facts(finished))
        return finished.exit_code

    def _nothing(self, finished: Finished) -> int:
        """No run was made, for want of items."""
        if self._settings.json:
            click.echo(json.dumps(finished.summary, ensure_ascii=False))
        self._settings.say(str(finished.summary["nothing"]))
        return finished.exit_code

    def _account(self, finished: Finished) -> None:
        summary, settings, stop = finished.summary, self._settings, finished.ending.stop
        if settings.json:
            click.echo(json.dumps(summary, ensure_ascii=False))
        elif settings.quiet:
            show.put([balance(summary)])
        if stop is not None and stop.code == JOURNAL_LOST:  # there is nothing to read the rest from
            way_on = f"\nhint: {stop.hint}" if stop.hint else ""
            _tell(f"error: {stop.reason}{way_on}")
            return
        steps = show.next_steps(
            settings, finished.record, summary, options=self._options, rehearsal=self._rehearsal
        )
        if settings.quiet or settings.json:  # a mail from cron, or a log, has no account that says why
            for line in reasons(settings, finished, steps):
                _tell(redact.redact(line))
        if settings.quiet:
            return
        if not settings.json:
            with Reader.open(settings.journal) as journal:
                record = journal.find(summary["run"])
                hint = stop.hint if stop else None
                show.put(show.account(journal, record, summary, session=self._pace, hint=hint))
        for step in steps:
            settings.say(f"next: {step}")
        settings.say(f"journal: {settings.journal.absolute()}")

    def _metered(self, preview: Preview) -> AbstractContextManager[None]:
        if self._metrics_file is None:
            return nullcontext()
        from bulkim.work import metrics

        return metrics.kept(self._metrics_file, self._settings.journal, preview.record.run)

    def _measure(self, summary: Mapping[str, Any], began: float | None, code: int, state: str = "") -> None:
        """Metrics that cannot be written are a pity, no failure of the run."""
        from bulkim.work import metrics

        path = self._metrics_file
        assert path is not None, "who calls has asked"
        sent = metrics.last_sent(self._settings.journal, summary)
        try:
            text = metrics.metrics(
                summary, started_at=began, exit_code=code, now=time.time(), state=state, last_sent=sent
            )
            metrics.write(path, text)
        except OSError as error:
            _tell(f"warning: cannot write {path}: {error.strerror or error}")

    def _notify(self, facts: Mapping[str, Any]) -> None:
        """A webhook that does not answer is a pity, too."""
        from bulkim.work.notify import told

        sys.stdout.flush()  # who reads it need not wait for the webhook
        for trouble in told(self._job, facts):
            _tell(f"warning: {trouble}")

    def _reading(self) -> None:
        source = self._job.source
        name = source.path.name if source.path else "the items"
        self._settings.say(f"reading {name}: nothing is sent before all of it was checked")

    def _announce(self, preview: Preview) -> None:
        """Say once that this continues something."""
        self._patience.cancel()
        if self._announced:
            return
        self._announced = True
        if preview.resumed:
            done, pending = f"{done_of(preview.counts):,} done", f"{preview.counts[Status.PENDING]:,} pending"
            self._settings.say(f"continuing run {preview.record.run}: {done}, {pending}; --new starts afresh")

    def _names(self, preview: Preview) -> list[str]:
        with Reader.open(self._settings.journal) as journal:
            return [each.username for each in journal.pending(preview.record.id, limit=NAMES_SHOWN)]


def _tell(text: str) -> None:
    """Whatever `--quiet` says."""
    click.echo(folded(text, sys.stderr), err=True)
