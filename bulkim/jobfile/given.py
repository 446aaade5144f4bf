"""A job that a program gives as a mapping instead of a file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from bulkim.errors import InputError, Problem
from bulkim.yamltree import Mark, Node, Path, dotted

NAME = "job"  # what problems and the journal call it


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
