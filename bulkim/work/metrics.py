"""A run as Prometheus text, for node_exporter's textfile collector: while it goes on, and at its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bulkim import files
from bulkim.errors import BulkimError
from bulkim.journal import Reader

EVERY_S = 15.0  # as often as Prometheus usually asks
READABLE = 0o644  # the collector is another user; nothing in the file is secret
STATES = ("running", "finished", "interrupted", "stopped", "refused", "outside_window")
SIMPLE = (  # key of the summary -> metric, what it is
    ("items", "bulkim_run_items", "Items of the run."),
    ("requests", "bulkim_run_requests", "HTTP calls of the run, all its sessions together."),
    ("retries", "bulkim_run_retries", "Of them, sendings of items that had been sent before."),
    ("throttled", "bulkim_run_throttled", "Of them, refused for the vendor's quota."),
    ("elapsed_s", "bulkim_run_elapsed_seconds", "Working time of the run, all its sessions together."),
)


def metrics(
    summary: Mapping[str, Any], *, started_at: float | None, exit_code: int | None, now: float, state: str = "",
    last_sent: float | None = None,
) -> str:  # fmt: skip
    """The summary of a run as metrics. Times are Unix seconds; `exit_code` is None while the run goes on.

    `state`: of this invocation, where it is another than the run's. Without `started_at` there is no run, and nothing is counted.
    """
    job = {key: str(summary[key]) for key in ("name", "provider", "operation")}
    lines: list[str] = []

    def add(name: str, words: str, samples: Mapping[str, float] | float | None, label: str = "") -> None:
        given = samples if isinstance(samples, Mapping) else {} if samples is None else {"": samples}
        labelled = [({**job, label: key} if label else job, value) for key, value in given.items()]
        lines.extend(gauge(name, words, labelled) if samples is not None else ())

    if started_at is not None:
        add(
            "bulkim_run_outcome_items",
            "Items by outcome; they add up to bulkim_run_items.",
            summary["counts"],
            "outcome",
        )
        add("bulkim_run_code_items", "Items by the code that ended them.", summary["codes"], "code")
        for key, name, words in SIMPLE:
            add(name, words, summary[key])
    state = "running" if exit_code is None else state or summary["state"]
    states = {each: float(each == state) for each in STATES}
    add("bulkim_run_state", "1 for the state that the run is in.", states, "state")
    if (stop := summary.get("stop")) and exit_code is not None:
        about = "1 for the code with which it stopped or was refused; `bulkim explain` tells about it."
        add("bulkim_run_stop", about, {stop["code"]: 1.0}, "code")
    about = "1 if the run finished, 0 if it goes on, was interrupted, stopped or refused."
    add("bulkim_run_finished", about, float(state == "finished"))
    add("bulkim_run_start_timestamp_seconds", "When the run began.", started_at)
    add("bulkim_run_last_sent_timestamp_seconds", "When a run of this job last sent a request.", last_sent)
    add("bulkim_run_update_timestamp_seconds", "When this was written.", now)
    if exit_code is not None:
        add("bulkim_run_exit_code", "The process' exit code.", exit_code)
        add("bulkim_run_end_timestamp_seconds", "When the last session of the run ended.", now)
    return "\n".join(lines) + "\n"


def gauge(name: str, words: str, samples: Iterable[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    """A metric as Prometheus text, line by line. `samples`: labels and a value."""
    yield from (f"# HELP {name} {words}", f"# TYPE {name} gauge")
    for labels, value in samples:
        shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
        yield f"{name}{{{shown}}} {value:.15g}" if shown else f"{name} {value:.15g}"


def last_sent(journal: Path, summary: Mapping[str, Any]) -> float | None:
    """When a run of this job last sent; None: never, or nobody knows."""
    with suppress(BulkimError), Reader.open(journal) as reader:
        return reader.last_sent(**{key: summary[key] for key in ("name", "provider", "operation")})
    return None


@contextmanager
def kept(path: Path, journal: Path, run: str, *, every_s: float = EVERY_S) -> Iterator[None]:
    """While this is open, write the run's metrics at once and then again and again, by what the journal holds.

    A file that cannot be written now may be written later: whoever writes the run's end says so. What is no file, a FIFO, gets
    the end alone.
    """
    if not files.ordinary(path):
        yield
        return
    done = threading.Event()

    def written() -> None:
        with suppress(BulkimError, OSError), Reader.open(journal) as reader:
            record = reader.find(run)
            summary = reader.summary(record)
            text = metrics(
                summary, started_at=record.created_at, exit_code=None, now=time.time(),
                last_sent=reader.last_sent(name=record.name, provider=record.provider, operation=record.operation),
            )  # fmt: skip
            if not done.is_set():
                write(path, text)

    def again() -> None:
        written()
        while not done.wait(every_s):
            written()

    thread = threading.Thread(target=again, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def write(path: Path, text: str) -> None:
    """Put the text there in one piece: a collector never reads half of it. Raises OSError, also for a FIFO that nobody reads."""
    with files.written(path, mode=READABLE, waits=False) as stream:
        stream.write(text)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
