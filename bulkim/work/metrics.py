"""The end of a run as Prometheus text, for node_exporter's textfile collector."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bulkim import files

READABLE = 0o644  # the collector is another user; nothing in the file is secret
SIMPLE = (  # key of the summary -> metric, what it is
    ("items", "bulkim_run_items", "Items of the run."),
    ("requests", "bulkim_run_requests", "HTTP calls of the run, all its sessions together."),
    ("retries", "bulkim_run_retries", "Of them, sendings of items that had been sent before."),
    ("throttled", "bulkim_run_throttled", "Of them, refused for the vendor's quota."),
    ("elapsed_s", "bulkim_run_elapsed_seconds", "Working time of the run, all its sessions together."),
)


def metrics(summary: Mapping[str, Any], *, exit_code: int, now: float) -> str:
    """The summary of a run as metrics; `now` (Unix seconds) is its end."""
    job = {key: str(summary[key]) for key in ("name", "provider", "operation")}
    lines: list[str] = []

    def gauge(name: str, words: str, samples: Mapping[str, float], label: str = "") -> None:
        lines.extend((f"# HELP {name} {words}", f"# TYPE {name} gauge"))
        for value_of_label, value in samples.items():
            labels = {**job, label: value_of_label} if label else job
            shown = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
            lines.append(f"{name}{{{shown}}} {value:.15g}")

    gauge(
        "bulkim_run_outcome_items",
        "Items by outcome; they add up to bulkim_run_items.",
        summary["counts"],
        "outcome",
    )
    gauge("bulkim_run_code_items", "Items by the code that ended them.", summary["codes"], "code")
    for key, name, words in SIMPLE:
        gauge(name, words, {"": float(summary[key])})
    gauge("bulkim_run_finished", "1 if the run finished, 0 if it was interrupted or stopped.",
          {"": float(summary["state"] == "finished")})  # fmt: skip
    gauge("bulkim_run_exit_code", "The process' exit code.", {"": float(exit_code)})
    gauge("bulkim_run_end_timestamp_seconds", "When the last session of the run ended.", {"": now})
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Put the text there in one piece: a collector never reads half of it. Raises OSError."""
    with files.written(path, mode=READABLE) as stream:
        stream.write(text)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
