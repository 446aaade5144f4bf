"""What is secret, and the one place where it is taken out of what is said: logs, errors and tracebacks."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

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
