"""Why a run ended otherwise than well, in two lines on stderr: for cron's mail and for logs, where its account is not printed."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence

from bulkim import codes
from bulkim.cli.options import Settings
from bulkim.model import Status
from bulkim.text import counted
from bulkim.work.runner import Finished

CODES_MAX = 3
FINE = {"protected", "duplicate", "removed", "reconciled"}  # codes of items that did not go wrong


def reasons(settings: Settings, finished: Finished, steps: Sequence[str]) -> Iterator[str]:
    """What happened, and a hint; nothing where all is well. `steps`: what to type next."""
    if not finished.exit_code:
        return
    stop, hint = finished.ending.stop, ""
    if stop is not None:
        yield f"{finished.state}: {stop.code}: {stop.reason}"
        known = codes.own(stop.code)
        hint = stop.hint or (known.remedy if known else "")
    elif finished.ending.signal is not None:
        yield f"interrupted by {signal.Signals(finished.ending.signal).name}; what was in flight was waited for"
        hint = "run the same command again: it continues"
    if hint and finished.record.rehearsal and codes.continues(stop.code if stop else None):
        hint = codes.REHEARSED
    wrong = list(_items(finished))
    if wrong and not hint:
        counts = finished.counts
        outcome = next((each for each in (Status.FAILED, Status.UNKNOWN) if counts[each]), Status.SKIPPED)
        hint = f"`{settings.command('results', finished.run, '--outcome', str(outcome))}` lists them"
    yield from wrong
    if hint or steps:
        yield f"hint: {hint or f'`{steps[0]}`'}"


def _items(finished: Finished) -> Iterator[str]:
    """Items that went wrong, with the codes of the run that has any."""
    counts, found = finished.counts, finished.summary["codes"]
    wrong = [
        f"{counted(counts[each], 'item')} {each}" for each in (Status.FAILED, Status.UNKNOWN) if counts[each]
    ]
    if invalid := found.get("invalid"):
        wrong.append(f"{counted(invalid, 'item')} invalid")
    if wrong:
        bad = [f"{code} {items:,}" for code, items in found.items() if code not in FINE]
        more = ["…"] if len(bad) > CODES_MAX else []
        yield f"not well: {', '.join(wrong)} ({', '.join([*bad[:CODES_MAX], *more])})"
