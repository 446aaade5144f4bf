"""Where a run's CPU time goes: sampled by the CPU's own clock, so that waiting for a disk or an answer counts nothing.

`python shares.py OUTPUT WORDS...` runs `bulkim WORDS...` in this process and writes {place: samples} as JSON.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import Counter
from pathlib import Path
from types import FrameType

EVERY_S = 0.001

PLACES = {  # the innermost frame that lies in one of these files is charged
    "bulkim/journal/sqlite/intake.py": "journal: items in",
    "bulkim/journal/": "journal: begin, settle, pending",
    "bulkim/source/": "reading the input",
    "bulkim/planning/pending.py": "making items",
    "bulkim/planning/": "checking rows",
    "bulkim/codec/": "encoding, decoding",
    "bulkim/sending/retry.py": "deciding",
    "bulkim/sending/doubt.py": "deciding",
    "bulkim/transport/": "HTTP",
    "bulkim/quota/": "limiter and ledger",
    "bulkim/sending/executor.py": "executor",
    "bulkim/view/live/": "progress",
    "<frozen importlib": "start-up",
    "asyncio/": "event loop",
}


def place(frame: FrameType | None) -> str:
    while frame is not None:
        name = frame.f_code.co_filename
        for part, found in PLACES.items():
            if part in name:
                return found
        frame = frame.f_back
    return "other"


def main(output: str, words: list[str]) -> None:
    samples: Counter[str] = Counter()

    def sample(_: int, frame: FrameType | None) -> None:
        samples[place(frame)] += 1

    signal.signal(signal.SIGPROF, sample)
    signal.setitimer(signal.ITIMER_PROF, EVERY_S, EVERY_S)
    sys.argv = ["bulkim", *words]
    try:
        from bulkim.cli import main as bulkim

        bulkim()
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        Path(output).write_text(json.dumps(dict(samples.most_common())))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
