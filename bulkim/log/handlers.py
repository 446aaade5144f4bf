"""Logging: where events go.

Modules say `bulkim.log.events`; `set_up` lets the command line hear them. Nothing of structlog decides what is secret:
`bulkim.redact` does, for errors and tracebacks too.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, MutableMapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO, Any

from bulkim.errors import UsageError
from bulkim.redact import redacted
from bulkim.text import ESCAPED, utc

# ------------------------------------------------------------------------------------------ handlers

Event = MutableMapping[str, Any]


class _Sink(logging.Handler):
    """One place where lines go. A full disk under the log file must not end a run."""

    def __init__(self, level: int, stream: Callable[[], IO[str]]) -> None:
        super().__init__()
        self.stream = stream
        # httpx would log URLs at INFO, and a URL may hold a UserSig.
        self.addFilter(lambda record: record.levelno >= (level if _ours(record) else logging.WARNING))

    def emit(self, record: logging.LogRecord) -> None:
        line = self.format(record)
        with suppress(OSError, ValueError):
            stream = self.stream()
            stream.write(line + "\n")
            stream.flush()


def set_up(*, verbose: int = 0, style: str = "console", file: Path | None = None) -> None:
    """Log to stderr from WARNING (`verbose` 1: INFO, 2: DEBUG), and to `file` from INFO. Raises UsageError."""
    from bulkim.log.events import LOGGER

    close()
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    # Looked up at each line: the live display stands in for stderr while it is up.
    _listen(_Sink(level, lambda: sys.stderr), style, colors=_colors())
    if file is not None:
        stream = _open(file)
        level = min(level, logging.INFO)
        _listen(_Sink(level, lambda: stream), style, colors=False)
    logging.getLogger(LOGGER).setLevel(level)


def close() -> None:
    """Nobody listens any more; the log file, if there is one, is closed."""
    root = logging.getLogger()
    for sink in [each for each in root.handlers if isinstance(each, _Sink)]:
        root.removeHandler(sink)
        if (stream := sink.stream()) is not sys.stderr:
            stream.close()


def _listen(sink: _Sink, style: str, *, colors: bool) -> None:
    sink.setFormatter(_Formatter(style, colors=colors))
    logging.getLogger().addHandler(sink)


class _Formatter(logging.Formatter):
    """structlog's, made for the first line: most commands say none, and structlog imports much that draws tracebacks."""

    def __init__(self, style: str, *, colors: bool) -> None:
        super().__init__()
        self._written_as, self._colors = style, colors

    def format(self, record: logging.LogRecord) -> str:
        return self._made.format(record)

    @cached_property
    def _made(self) -> logging.Formatter:
        import structlog

        return structlog.stdlib.ProcessorFormatter(
            processors=[
                _event,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact_event,
                _renderer(self._written_as, colors=self._colors),
            ]
        )


def _renderer(style: str, *, colors: bool) -> Any:
    import structlog

    if style == "json":
        return structlog.processors.JSONRenderer(ensure_ascii=False, default=str)
    return structlog.dev.ConsoleRenderer(
        colors=colors,
        pad_event_to=0,
        pad_level=False,
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )


def _colors() -> bool:
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _open(path: Path) -> IO[str]:
    """For appending, readable by the owner alone."""
    try:
        return os.fdopen(
            os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600),
            "a",
            encoding="utf-8",
            errors=ESCAPED,
        )
    except OSError as error:
        raise UsageError(
            f"cannot write the log file {path}: {error.strerror}", hint="name another"
        ) from error


def _ours(record: logging.LogRecord) -> bool:
    from bulkim.log.events import LOGGER

    return record.name == LOGGER


def _event(logger: Any, level: str, found: Event) -> Event:
    """A record as an event. Ours carries its values as extras; whatever a library says is one event of ours."""
    import structlog

    record: logging.LogRecord = found["_record"]
    event = {"timestamp": utc(record.created), "level": level, **found}
    if _ours(record):
        return structlog.stdlib.ExtraAdder()(logger, level, event)
    return event | {"event": "library.log", "logger": record.name, "message": found["event"]}


def _redact_event(logger: Any, level: str, event: Event) -> Event:  # noqa: ARG001 - structlog's signature
    return {key: redacted(value, key) for key, value in event.items()}
