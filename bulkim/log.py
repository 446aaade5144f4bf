"""Logging: where events go, and the one place where secrets are taken out of them.

Modules log with `structlog.get_logger("bulkim")`, a stable dotted event name and values as keys. Nothing of structlog is
imported until `set_up`, and nothing of it decides what is secret: `redact` does, for errors and tracebacks too.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, MutableMapping
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
_files: list[IO[str]] = []


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


# ----------------------------------------------------------------------------------------- structlog

Event = MutableMapping[str, Any]
Render = Callable[[Any, str, Event], str | bytes]


class _Sink:
    """One place where events go."""

    def __init__(self, level: int, render: Render, stream: Callable[[], IO[str]]) -> None:
        self.level, self._render, self._stream = level, render, stream

    def write(self, logger: Any, method: str, event: Event) -> None:
        """Never raises: a full disk under the log file must not end a run."""
        text = self._render(logger, method, dict(event))
        line = text.decode() if isinstance(text, bytes) else text
        try:
            stream = self._stream()
            stream.write(line + "\n")
            stream.flush()
        except (OSError, ValueError):
            pass


def set_up(*, verbose: int = 0, style: str = "console", file: Path | None = None) -> None:
    """Log to stderr from WARNING (`verbose` 1: INFO, 2: DEBUG), and to `file` from INFO. Raises UsageError."""
    import logging

    import structlog

    close()
    level = (logging.WARNING, logging.INFO, logging.DEBUG)[min(verbose, 2)]
    # Looked up at each line: the live display stands in for stderr while it is up.
    sinks = [_Sink(level, _renderer(style, colors=_colors()), lambda: sys.stderr)]
    if file is not None:
        stream = _open(file)
        _files.append(stream)
        sinks.append(_Sink(min(level, logging.INFO), _renderer(style, colors=False), lambda: stream))
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            _stamp,
            structlog.processors.format_exc_info,
            _redact_event,
            _fan_out(sinks),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(min(sink.level for sink in sinks)),
        cache_logger_on_first_use=False,
    )
    _listen_to_libraries()


def close() -> None:
    """Close the log file, if there is one."""
    while _files:
        _files.pop().close()


def _renderer(style: str, *, colors: bool) -> Render:
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


def _stamp(logger: Any, method: str, event: Event) -> Event:  # noqa: ARG001 - structlog's signature
    """UTC to the millisecond, before everything else."""
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"timestamp": now, **event}


def _redact_event(logger: Any, method: str, event: Event) -> Event:  # noqa: ARG001 - structlog's signature
    return {key: redacted(value, key) for key, value in event.items()}


def _fan_out(sinks: Iterable[_Sink]) -> Callable[[Any, str, Event], Event]:
    import logging

    import structlog

    levels = logging.getLevelNamesMapping()

    def write(logger: Any, method: str, event: Event) -> Event:
        level = levels.get(str(event.get("level", "")).upper(), logging.ERROR)
        for sink in sinks:
            if level >= sink.level:
                sink.write(logger, method, event)
        raise structlog.DropEvent

    return write


def _listen_to_libraries() -> None:
    """What libraries log through `logging` comes out like ours, from WARNING up; httpx would log URLs at INFO."""
    import logging

    import structlog

    class Bridge(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            structlog.get_logger("bulkim").log(
                record.levelno, "library.log", logger=record.name, message=record.getMessage(),
                exc_info=record.exc_info,
            )  # fmt: skip

    root = logging.getLogger()
    for handler in [each for each in root.handlers if type(each).__name__ == "Bridge"]:
        root.removeHandler(handler)
    root.addHandler(Bridge(logging.WARNING))
    for name in ("httpx", "httpcore", "asyncio"):
        logging.getLogger(name).setLevel(logging.WARNING)
