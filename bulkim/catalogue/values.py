"""Is a value what its field wants? One compiled check a field, and reasons that a person understands.

A check returns the typed value or raises `Invalid`, whose text never holds the value of a secret field.
"""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, assert_never

from bulkim.catalogue.shapes import Field
from bulkim.text import HALF

Check = Callable[[Any], Any]

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_SHOWN_MAX = 80


class Invalid(Exception):  # noqa: N818 - it is not an error, it is a finding
    """Why an item cannot be sent."""


def checker(field: Field) -> Check:
    """The check of a field, its pattern compiled."""
    match field.type:
        case "str":
            return _text(field)
        case "int" | "seconds":
            return _number(field)
        case "bool":
            return _truth(field)
        case "map":
            return _map(field)
        case "names":
            return _names(field)
        case never:
            assert_never(never)


def quoted(text: str) -> str:
    """Text for a message: in quotes, cut to a length, escaped where it could mislead the eye.

    Letters that look like ASCII ones (а is not a) are escaped; wide characters, which do not (用, ａ), stay readable.
    """
    cut = text if len(text) <= _SHOWN_MAX else text[: _SHOWN_MAX - 1]
    return "'" + "".join(map(_visible, cut)) + ("…'" if cut is not text else "'")


def _visible(char: str) -> str:
    if " " <= char <= "~":
        return char
    if char.isprintable() and unicodedata.east_asian_width(char) in "WF":
        return char
    return char.encode("unicode_escape").decode()


# --------------------------------------------------------------------------------------------- text


def _text(field: Field) -> Check:
    name, bytes_max, chars_max = field.name, field.bytes_max, field.chars_max
    identity = name == "username"
    matches = re.compile(field.pattern).fullmatch if field.pattern else None

    def check(value: Any) -> str:
        if type(value) is not str:
            raise Invalid(f"{_scalar(field, value)} is {_kind(value)}, not text" + _quote_it(value))
        if identity and HALF in value:
            raise Invalid(f"{_named(field, value)} has half a character in it, so nobody can be meant")
        if bytes_max is not None and len(value) > bytes_max // 4 and len(value.encode()) > bytes_max:
            size = f"{len(value.encode())} bytes long, at most {bytes_max}"
            raise Invalid(f"{_named(field, value)} is {size}")
        if chars_max is not None and len(value) > chars_max:
            raise Invalid(f"{_named(field, value)} is {len(value)} characters long, at most {chars_max}")
        if matches is not None:
            if not matches(value):
                raise Invalid(_mismatch(field, value, matches))
        elif not value.isprintable() and (control := _CONTROL.search(value)):
            raise Invalid(_culprit(field, value, control.start()))
        return value

    return check


AllValid = Callable[[Sequence[str]], bool]


def all_valid(field: Field) -> AllValid | None:
    """Whether texts are all surely what the field wants; False: somebody must look at each. None: it wants no text."""
    if field.type != "str":
        return None
    bytes_max, chars_max, identity = field.bytes_max, field.chars_max, field.name == "username"
    matches = re.compile(field.pattern).fullmatch if field.pattern else None

    def valid(texts: Sequence[str]) -> bool:
        longest = len(max(texts, key=len))
        together = " ".join(texts)
        if bytes_max is not None and longest > (bytes_max if together.isascii() else bytes_max // 4):
            return False
        if (chars_max is not None and longest > chars_max) or (identity and HALF in together):
            return False
        if matches is not None:
            return all(map(matches, texts))
        return together.isprintable() or _CONTROL.search(together) is None

    return valid


def _named(field: Field, value: str) -> str:
    return field.name if field.secret else f"{field.name} {quoted(value)}"


def _mismatch(field: Field, value: str, matches: Callable[[str], object]) -> str:
    """Names the character that a pattern does not like, if it is one character's fault."""
    filler = next((char for char in "a0" if matches(char * 3)), None)
    if filler is not None:
        for index, char in enumerate(value):
            if not matches(f"{filler}{char}{filler}"):
                return _culprit(field, value, index)
    return f"{_named(field, value)} is not allowed"


def _culprit(field: Field, value: str, index: int) -> str:
    if field.secret:
        return f"{field.name} has a character that is not allowed at {index + 1}"
    char = value[index]
    called = "" if char.isascii() else f" ({unicodedata.name(char, 'no name')})"
    which = f"{quoted(char)}{called} at {index + 1}"
    return f"{field.name} {quoted(value)} has a character that is not allowed: {which}"


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, Mapping):
        return "a mapping"
    return "text" if isinstance(value, str) else "a list"


def _quote_it(value: Any) -> str:
    return ": quote it" if isinstance(value, (bool, int, float)) else ""


# ------------------------------------------------------------------------------------------ numbers


def _number(field: Field) -> Check:
    what = "a whole number" + (" of seconds (-1: for ever)" if field.type == "seconds" else "")

    def check(value: Any) -> int:
        if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
            number = int(value)
        elif type(value) is int:
            number = value
        else:
            raise Invalid(f"{_given(field, value)} is not {what}")
        if field.minimum is not None and number < field.minimum:
            raise Invalid(f"{_given(field, value)} is less than {field.minimum}")
        if field.maximum is not None and number > field.maximum:
            raise Invalid(f"{_given(field, value)} is more than {field.maximum}")
        return number

    return check


def _given(field: Field, value: Any) -> str:
    if field.secret:
        return field.name
    if isinstance(value, str):
        return f"{field.name} {quoted(value)}"
    return f"{field.name} {str(value).lower() if isinstance(value, bool) else value!s:.40}"


def _scalar(field: Field, value: Any) -> str:
    """The field with its value, where that is one."""
    return _given(field, value) if isinstance(value, (str, int, float)) else field.name


def _truth(field: Field) -> Check:
    words = {"true": True, "false": False}

    def check(value: Any) -> bool:
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in words:
            return words[value.strip().lower()]
        raise Invalid(f"{_given(field, value)} is not true or false")

    return check


# --------------------------------------------------------------------------------------- containers


def _map(field: Field) -> Check:
    def check(value: Any) -> dict[str, Any]:
        pairs = _from_json(field, value) if isinstance(value, str) else value
        if not isinstance(pairs, Mapping):
            raise Invalid(f"{_scalar(field, pairs)} is {_kind(pairs)}, not a mapping of names to values")
        if not pairs:
            raise Invalid(f"{field.name} is empty")
        for key, each in pairs.items():
            if not isinstance(key, str) or not key:
                raise Invalid(f"{field.name} has a name that is not text: quote it")
            if not isinstance(each, (str, int, float, bool)):
                raise Invalid(
                    f"{field.name}: {quoted(key)} is {_value_kind(each)}; text, a number, true or false"
                )
            if isinstance(each, float) and not math.isfinite(each):
                raise Invalid(f"{field.name}: {quoted(key)} is not a finite number")
            if field.bytes_max is not None and len(str(each).encode()) > field.bytes_max:
                raise Invalid(f"{field.name}: {quoted(key)} is longer than {field.bytes_max} bytes")
        return dict(pairs)

    return check


def _value_kind(value: Any) -> str:
    return "nothing" if value is None else _kind(value)


def _names(field: Field) -> Check:
    def check(value: Any) -> list[str]:
        if isinstance(value, str) and not value.lstrip().startswith(("[", "{")):
            names: Any = [part.strip() for part in value.split(",")]
        else:
            names = _from_json(field, value) if isinstance(value, str) else value
        if not isinstance(names, (Mapping, Sequence)) or isinstance(names, str):
            raise Invalid(
                f"{_scalar(field, names)} is {_kind(names)}, not a list of names" + _quote_it(names)
            )
        return _checked_names(field, names)  # of a mapping: its names, without the values

    return check


def _checked_names(field: Field, names: Iterable[Any]) -> list[str]:
    checked = list(names)
    if not checked:
        raise Invalid(f"{field.name} is empty")
    for each in checked:
        if not isinstance(each, str):
            raise Invalid(f"{field.name} holds {_value_kind(each)}, not a name" + _quote_it(each))
        if not each or _CONTROL.search(each):
            raise Invalid(f"{field.name} holds a name that is not allowed: {quoted(each)}")
    return checked


def _from_json(field: Field, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise Invalid(f"{_given(field, text)} is not JSON") from None
