"""Logging: where events go, and the one place where secrets are taken out of them.

Modules say `bulkim.events`; `set_up` lets the command line hear them. Nothing of structlog decides what is secret:
`redact` does, for errors and tracebacks too.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from bulkim.errors import UsageError

MASK = "***"
HIDDEN_CHARS_MIN = 4  # a shorter secret would mask half of every text

SECRET_NAME = re.compile(
    r"(?i)(?:.*[_-])?(?:new)?(?:password|passwd|pwd|secret|token|certificate|authorization|usersig|user_sig|credentials?"
    r"|secret_key|signature)"
)
_PATTERNS = (
    (re.compile(r"(?i)\b(bearer\s+|basic\s+(?=[\w+/=]{12}))[^\s\"',}\]]+"), rf"\1{MASK}"),
    (re.compile(r"(?i)\b([\w-]*(?:usersig|password|secret|token)=)[^&\s\"')]{4,}"), rf"\1{MASK}"),
    (
        re.compile(
            r"(?i)([\"'][\w-]*(?:usersig|password|secret|token|certificate|secret_key)[\"']\s*:\s*)([\"']).*?\2"
        ),
        rf"\1\2{MASK}\2",
    ),
    (re.compile(r"\b007eJx[\w+/=-]{20,}"), MASK),  # an Agora token, wherever it stands
)

_hidden: set[str] = set()


def hide(values: Iterable[str]) -> None:
    """From now on, take these out of whatever is logged or said."""
    from urllib.parse import quote

    for value in values:
        if len(value) >= HIDDEN_CHARS_MIN:
            _hidden.update((value, quote(value, safe=""), json.dumps(value)[1:-1]))


def redact(text: str) -> str:
    """The text without secrets: registered ones, bearer tokens, and values of telling names."""
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, MASK)
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    return text


def redacted(value: Any, name: str = "") -> Any:
    """The same for any value; what stands under a telling name is masked whole."""
    if name and SECRET_NAME.fullmatch(name) and value is not None and not isinstance(value, bool):
        return MASK
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, Mapping):
        return {key: redacted(each, str(key)) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [redacted(each) for each in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(str(value) if not isinstance(value, bytes) else value.decode("utf-8", "replace"))


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
    from bulkim.events import LOGGER

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
    import structlog

    sink.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[
                _event,
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _redact_event,
                _renderer(style, colors=colors),
            ]
        )
    )
    logging.getLogger().addHandler(sink)


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
        return os.fdopen(os.open(path, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "a", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot write the log file {path}: {error.strerror}", hint="name another"
        ) from error


def _ours(record: logging.LogRecord) -> bool:
    from bulkim.events import LOGGER

    return record.name == LOGGER


def _event(logger: Any, level: str, found: Event) -> Event:
    """A record as an event. Ours carries its values as extras; whatever a library says is one event of ours."""
    import structlog

    record: logging.LogRecord = found["_record"]
    moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
    event = {"timestamp": moment.replace("+00:00", "Z"), "level": level, **found}
    if _ours(record):
        return structlog.stdlib.ExtraAdder()(logger, level, event)
    return event | {"event": "library.log", "logger": record.name, "message": found["event"]}


def _redact_event(logger: Any, level: str, event: Event) -> Event:  # noqa: ARG001 - structlog's signature
    return {key: redacted(value, key) for key, value in event.items()}
