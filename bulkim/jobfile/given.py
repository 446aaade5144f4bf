"""A job that a program gives as a mapping instead of a file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from bulkim.errors import InputError, Problem
from bulkim.yamltree import Mark, Node, Path, dotted

NAME = "job"  # what problems and the journal call it
GIVEN = "items"  # what problems call a program's items where they stand for the source
LISTED_MAX = 1_000  # items that are a part of the job, as in a file; more are an input of its own

PROBLEMS_MAX = 20

Items = Sequence[Mapping[str, Any]]


def apart(job: Mapping[str, Any]) -> tuple[Mapping[str, Any], Items | None]:
    """The job without its items, where they are many, or come out of an iterable; None: they are a part of it."""
    source = job.get("source")
    items = source.get("items") if isinstance(source, Mapping) else None
    if not isinstance(items, Iterable) or isinstance(items, str | bytes | Mapping):
        return job, None  # the job's own rules say what is wrong
    if isinstance(items, list | tuple) and len(items) <= LISTED_MAX:
        return {**job, "source": {**job["source"], "items": list(map(_written, items))}}, None
    taken = taken_in(items)
    return {**job, "source": {**job["source"], "items": standing_for(taken)}}, taken


def taken_in(items: Iterable[Any]) -> Items:
    """All of them. Raises InputError with those that are no mapping or username, and whose values no file could hold."""
    problems = []
    taken: list[Mapping[str, Any]] = []
    for number, each in enumerate(rows_of(items)):
        try:
            taken.append(_item(each))
        except TypeError as error:
            problems.append(Problem(f"{NAME}.source.items[{number}]", None, None, str(error)))
            if len(problems) == PROBLEMS_MAX:
                break
    if problems:
        raise InputError(problems)
    return tuple(taken)


def rows_of(items: Any) -> Iterable[Any]:
    """What a program gives as items, row by row; a table of pandas or polars as its rows. Raises InputError."""
    if isinstance(items, str | bytes | Mapping):
        what = "a mapping" if isinstance(items, Mapping) else "a text"
        problem = Problem(
            f"{NAME}.source.items", None, None, f"is {what}, not rows", "put it into a list: items=[...]"
        )
        raise InputError([problem])
    if hasattr(items, "columns") and callable(getattr(items, "to_dicts", None)):  # polars
        return cast("Iterable[Any]", items.to_dicts())
    if hasattr(items, "columns") and callable(
        getattr(items, "to_dict", None)
    ):  # pandas: its own iterator gives column names
        return cast("Iterable[Any]", items.to_dict("records"))
    return cast("Iterable[Any]", items)


def standing_for(items: Items) -> list[str]:
    """What the job's text says in their place."""
    return [f"({len(items):,} of the program's own)"]


def _item(given: Any) -> Mapping[str, Any]:
    if isinstance(given, str):
        return {"username": given}
    given = _as_mapping(given)
    if not isinstance(given, Mapping):
        raise TypeError(f"expected a mapping or a username, got {type(given).__name__}")
    return dict(_cells(given))


def _as_mapping(given: Any) -> Any:
    """A row of a database or a named tuple as a mapping; anything else as it is."""
    if callable(getattr(given, "_asdict", None)):  # a named tuple; SQLAlchemy's rows, too
        return given._asdict()
    if callable(getattr(given, "keys", None)) and not isinstance(given, Mapping):  # sqlite3.Row
        return dict(zip(given.keys(), given, strict=True))
    return given


def _written(given: Any) -> Any:
    """An item as a file would have it; what none could hold stays as it is, and is named with the job's other problems."""
    try:
        return given if isinstance(given, str) else _item(given)
    except TypeError:
        return given


def _cells(given: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if not isinstance(name, str):
            raise TypeError(f"its keys are names, got {type(name).__name__}")
        yield name, value if isinstance(value, str | int | None) else _cell(name, value)


def _cell(name: str, value: Any) -> Any:
    """A value that a file could hold, too. Raises TypeError."""
    if isinstance(value, float):  # tables make floats of whole numbers as soon as a cell is empty
        if math.isinf(value):
            raise TypeError(f"{name}: {value} is no number that a request could hold")
        return None if math.isnan(value) else int(value) if value.is_integer() else value
    try:
        return plain(value)
    except TypeError:
        pass
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError):
        made = type(value).__name__
        raise TypeError(f"{name}: {made} is no text, number, list or mapping; turn it into one") from None
    return value


def plain(value: Any) -> Any:
    """What stands for a value of another library, or of the standard one, in JSON. Raises TypeError for all others."""
    match value:
        case os.PathLike():
            return str(os.fspath(value))
        case date() | time():
            return value.isoformat() if value == value else None  # noqa: PLR0124 - pandas' NaT is a date that is not itself
        case Decimal() | UUID():
            return str(value)
    kind = type(value)
    if kind.__name__ == "NAType":  # pandas' empty cell
        return None
    if (
        kind.__module__ == "numpy"
        and callable(getattr(value, "item", None))
        and not getattr(value, "shape", ())
    ):
        return _cell(kind.__name__, value.item())
    raise TypeError(f"{kind.__name__} is of no use in it")


def as_text(job: Mapping[str, Any]) -> str:
    """The mapping as JSON, paths as text. Raises InputError for what a job file could not say."""
    try:
        return json.dumps(job, ensure_ascii=False, indent=2, default=plain, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        hint = "a job is made of mappings, lists, text, numbers, booleans, None and paths"
        raise InputError([Problem(NAME, None, None, f"cannot be a job: {error}", hint)]) from None


def mark_by_keys(node: Node, path: Path = ()) -> None:
    """Let problems name the key instead of a line that nobody ever saw."""
    node.mark = _mark(path)
    if isinstance(node.value, dict):
        node.keys = {key: _mark((*path, key)) for key in node.keys}
        for key, child in node.value.items():
            mark_by_keys(child, (*path, key))
    elif isinstance(node.value, list):
        for index, child in enumerate(node.value):
            mark_by_keys(child, (*path, index))


def _mark(path: Path) -> Mark:
    return Mark(NAME, key=dotted((NAME, *path)))
