"""A job that a program gives as a mapping instead of a file."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from bulkim.errors import InputError, Problem
from bulkim.yamltree import Mark, Node, Path, dotted

NAME = "job"  # what problems and the journal call it
LISTED_MAX = 1_000  # items that are a part of the job, as in a file; more are an input of its own

PROBLEMS_MAX = 20

Items = Sequence[Mapping[str, Any]]


def apart(job: Mapping[str, Any]) -> tuple[Mapping[str, Any], Items | None]:
    """The job without its items, where they are many, or come out of an iterable; None: they are a part of it."""
    source = job.get("source")
    items = source.get("items") if isinstance(source, Mapping) else None
    if not isinstance(items, Iterable) or isinstance(items, str | bytes | Mapping):
        return job, None
    if isinstance(items, list | tuple) and len(items) <= LISTED_MAX:
        return job, None
    taken = taken_in(items)
    return {**job, "source": {**job["source"], "items": standing_for(taken)}}, taken


def taken_in(items: Iterable[Any]) -> Items:
    """All of them. Raises InputError with those that are no mapping or username, and whose values no file could hold."""
    problems = []
    taken: list[Mapping[str, Any]] = []
    for number, each in enumerate(items):
        try:
            taken.append(_item(each))
        except TypeError as error:
            problems.append(Problem(f"{NAME}.source.items[{number}]", None, None, str(error)))
            if len(problems) == PROBLEMS_MAX:
                break
    if problems:
        raise InputError(problems)
    return tuple(taken)


def standing_for(items: Items) -> list[str]:
    """What the job's text says in their place."""
    return [f"({len(items):,} of the program's own)"] if items else []


def _item(given: Any) -> Mapping[str, Any]:
    if isinstance(given, str):
        return {"username": given}
    if not isinstance(given, Mapping):
        raise TypeError(f"expected a mapping or a username, got {type(given).__name__}")
    return dict(_cells(given))


def _cells(given: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in given.items():
        if not isinstance(name, str):
            raise TypeError(f"its keys are names, got {type(name).__name__}")
        if isinstance(value, float) and math.isnan(value):  # a table's way to say that a cell is empty
            yield name, None
            continue
        if not isinstance(value, str | int | float | None):
            try:
                json.dumps(value, allow_nan=False)
            except (TypeError, ValueError, RecursionError):
                raise TypeError(f"{name}: {type(value).__name__} is of no use in it") from None
        yield name, value


def as_text(job: Mapping[str, Any]) -> str:
    """The mapping as JSON, paths as text. Raises InputError for what a job file could not say."""
    try:
        return json.dumps(job, ensure_ascii=False, indent=2, default=_path)
    except (TypeError, ValueError, RecursionError) as error:
        hint = "a job is made of mappings, lists, text, numbers, booleans, None and paths"
        raise InputError([Problem(NAME, None, None, f"cannot be a job: {error}", hint)]) from None


def _path(value: object) -> str:
    if isinstance(value, os.PathLike):
        return str(os.fspath(value))
    raise TypeError(f"{type(value).__name__} is of no use in it")


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
