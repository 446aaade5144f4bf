"""What bulkim says of its work: every event by its name, which stays, and the logger for them.

Used as a library bulkim prints nothing: events go to the standard library's logger `bulkim`, values as the record's
extras, and whoever imports bulkim decides what becomes of them. `bulkim.log.handlers` decides for the command line.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

LOGGER = "bulkim"


@dataclass(frozen=True, slots=True)
class Event:
    """One kind of line in the log."""

    name: str
    level: Literal["debug", "info", "warning"]
    meaning: str
    fields: Mapping[str, str]  # name -> what it holds
    optional: Mapping[str, str] = field(default_factory=dict)  # those that not every line has


EVENTS: tuple[Event, ...] = (
    Event(
        "run.started", "info", "A session begins to send: its items are in the journal, and confirmed where that is asked for.",
        {"run": "the run's id", "resumed": "whether the run had a session before", "to_send": "items that will be sent"},
    ),
    Event(
        "run.stopping", "warning", "A guard stops the run, or the vendor refuses it: what is in flight is waited for.",
        {"code": "why, in one word", "reason": "why, in a sentence"},
    ),
    Event(
        "run.interrupted", "info", "A signal came. The first: what is in flight is waited for. The second: it is not.",
        {"signal": "SIGINT, SIGTERM or SIGHUP"},
    ),
    Event(
        "run.steered", "info", "Somebody asked for something with `bulkim ctl`, and it is done from now on.",
        {"verb": "rate, pause, resume or stop", "calls_per_s": "of rate: the new limit; else null"},
    ),
    Event(
        "run.time_up", "info", "The time in which the run may send is over: what is in flight is waited for.",
        {"code": "which time that is: --max-duration or the job's window"},
    ),
    Event(
        "run.ended", "info", "The session has ended and the journal is whole.",
        {"run": "the run's id", "state": "finished, interrupted or stopped", "counts": "the run's items by outcome"},
    ),
    Event(
        "fleet.worker", "info", "A worker of the fleet begins to take runs.",
        {"worker": "its name", "places": "runs that it works on at once"},
    ),
    Event(
        "fleet.taken", "info", "The worker has taken a run of the fleet.",
        {"run_id": "the run's row in the fleet's database", "epoch": "how often it has been taken"},
    ),
    Event(
        "fleet.left", "info", "The worker has given a run back.",
        {"run_id": "the run's row in the fleet's database", "state": "what `fleet status` calls it now", "why": "what it waits for, or why it stopped; null where it waits for nothing"},
    ),
    Event(
        "fleet.lost", "warning", "Another worker has taken the run: nothing more of it is sent here.",
        {"run_id": "the run's row in the fleet's database"},
    ),
    Event(
        "fleet.away", "warning", "The fleet's database does not answer: nothing new is sent until it does.", {"error": "what it, or the network, says"},
    ),
    Event(
        "fleet.back", "info", "The fleet's database answers again.", {"away_s": "how long it did not, in seconds"},
    ),
    Event(
        "fleet.outdated", "warning", "The fleet's database needs a newer bulkim: the worker gives its runs back and ends.", {},
    ),
    Event(
        "fleet.failed", "warning", "A run met an error of bulkim's own: it is stopped, or cannot be taken; the others go on.",
        {"run_id": "the run's row in the fleet's database", "error": "its name and its words"},
    ),
    Event(
        "attempt.settled", "debug", "A call was answered, or given up, and the journal has what it meant.",
        {"attempt": "its number in the journal", "kind": "what it meant for most of its items", "http_status": "null without an answer",
         "code": "the vendor's code, or ours"},
        {"mode": "send, or probe: asking what an earlier one did", "items": "how many it carried",
         "latency_ms": "milliseconds until the answer"},
    ),
    Event(
        "answer.astray", "warning", "An answer was about somebody else: it is believed in nothing, its connection is closed.", {},
    ),
    Event(
        "pool.refused", "info", "The vendor refused a call for its quota: the whole pool rests, then goes on slower.",
        {"pool": "the quota pool's name", "rest_s": "seconds of rest"},
    ),
    Event(
        "quota.put_aside", "warning", "The host's ledger was broken: it lies beside now, and a new one was begun.",
        {"file": "where it is now"},
    ),
    Event(
        "quota.not_shared", "warning", "The host's ledger cannot be used: this process keeps the limit for itself alone.",
        {"reason": "what the system said"},
    ),
    Event(
        "verify.asked", "debug", "`bulkim verify` asked the vendor about some users.",
        {"items": "how many", "kind": "what the answer meant for the first", "http_status": "null without an answer"},
    ),
    Event(
        "library.log", "warning", "A library that bulkim uses logged something, at this level or above.",
        {"logger": "which", "message": "what"},
    ),
)  # fmt: skip

logging.getLogger(LOGGER).addHandler(logging.NullHandler())  # else warnings would go to stderr all the same


class Log:
    """The logger of all modules. What nobody listens to costs a comparison; structlog is imported for the first line."""

    def debug(self, event: str, **values: Any) -> None:
        """For who looks for a fault."""
        self._say(logging.DEBUG, event, values)

    def info(self, event: str, **values: Any) -> None:
        """For who wants to know how it goes."""
        self._say(logging.INFO, event, values)

    def warning(self, event: str, **values: Any) -> None:
        """For everybody."""
        self._say(logging.WARNING, event, values)

    def _say(self, level: int, event: str, values: Mapping[str, Any]) -> None:
        if logging.getLogger(LOGGER).isEnabledFor(level):
            _structured().log(level, event, **values)


@cache
def _structured() -> Any:
    """With its own processors: whatever the importer configured stays."""
    import structlog

    return structlog.wrap_logger(
        logging.getLogger(LOGGER),
        processors=[structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
        context_class=dict,
        cache_logger_on_first_use=True,
    )


log = Log()
