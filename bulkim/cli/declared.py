"""What `check` says of a file that declares a provider, and what `operations` and `schema` print of one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bulkim.cli import show
from bulkim.cli.options import Settings
from bulkim.errors import InputError, Problem
from bulkim.text import counted

if TYPE_CHECKING:
    from bulkim.catalogue.shapes import Operation, Provider


def text_of(path: Path) -> str | None:
    """The text of a file that declares a provider; None for a job, and for what cannot be read: that is a job's to say."""
    from bulkim.catalogue.load import is_provider
    from bulkim.jobfile.place import is_stream
    from bulkim.jobfile.place import text_of as text

    if is_stream(path):
        return None
    try:
        found = text(path)
    except InputError:
        return None
    return found if is_provider(found) else None


def by_name() -> dict[str, Provider | None]:
    """The user's own providers, by the names that a job may call them; None where the file does not hold together."""
    from bulkim import vendors
    from bulkim.jobfile.place import own_provider, own_providers
    from bulkim.jobfile.place import text_of as text

    found: dict[str, Provider | None] = {}
    for name in own_providers():
        path = own_provider(name)
        if name not in vendors.PROVIDERS and path is not None:
            try:
                found[name] = vendors.provider(name, text(path))
            except InputError:
                found[name] = None
    return found


def checked(settings: Settings, path: Path, text: str) -> tuple[int, dict[str, Any]]:
    """`bulkim check` of one such file: the exit code, and the object for ``--json``."""
    from bulkim.work.declared import inspect

    try:
        found = inspect(text, str(path))
    except InputError as error:
        if not settings.json:
            raise
        return error.exit_code, {
            "ok": False,
            "problems": [_problem(each) for each in error.problems],
            "warnings": [],
        }
    code = InputError.exit_code if found.problems else 0
    document = {
        "ok": not found.problems, "provider": found.provider.name, "operations": dict(found.grades), "cases": found.cases,
        "problems": [_problem(each) for each in found.problems], "warnings": [_problem(each) for each in found.warnings],
    }  # fmt: skip
    if not settings.json:
        for problem in found.problems:
            click.echo(str(problem))
        for warning in found.warnings:
            click.echo(f"{warning.file}:{warning.line}:{warning.column}: warning: {warning.message}"
                       + (f" ({warning.hint})" if warning.hint else ""))  # fmt: skip
        grades = Counter(found.grades.values())
        told = ", ".join(f"{number} {grade}" for grade, number in grades.items())
        glyph, style = ("!", "yellow") if found.problems else ("✓", "green")
        words = f"{found.provider.name}: {counted(len(found.grades), 'operation')} ({told}), {counted(found.cases, 'case')}"
        left = f"; {counted(len(found.problems), 'case')} not met" if found.problems else ""
        show.put([[(f"{glyph} ", style), (words + left, "")]])
    return code, document


def _problem(problem: Problem) -> dict[str, Any]:
    return {
        "file": problem.file, "line": problem.line, "column": problem.column, "message": problem.message,
        "hint": problem.hint,
    }  # fmt: skip


# ------------------------------------------------------------------------------------- as YAML


def as_yaml(vendor: Provider, operation: Operation | None) -> str:
    """The provider as a file declares it; with an operation, as much as that one needs: a first file to change."""
    from bulkim.catalogue.written import written
    from bulkim.yamltree import dumped

    return dumped(written(vendor if operation is None else alone(vendor, operation)))


def alone(vendor: Provider, operation: Operation) -> Provider:
    """The provider with one operation, and what it names."""
    kept = list(_with_named(vendor, operation))
    pools = {name for each in kept for one in (each, each.single) if one is not None for name in one.pools}
    operations = tuple(
        _lifted(each, kept) for each in vendor.operations if each.name in {one.name for one in kept}
    )
    names = {each.name for each in operations}
    errors = (
        replace(each, operations=tuple(name for name in each.operations if name in names))
        for each in vendor.errors
        if not each.operations or names.intersection(each.operations)
    )
    return replace(
        vendor, operations=operations, errors=tuple(errors),
        pools=tuple(each for each in vendor.pools if each.name in pools),
    )  # fmt: skip


def _with_named(vendor: Provider, operation: Operation) -> Iterator[Operation]:
    yield operation
    for asked in (operation.doubt, operation.verify):
        found = vendor.operation(getattr(asked, "operation", ""))
        if found is not None:
            yield found


def _lifted(operation: Operation, kept: list[Operation]) -> Operation:
    """Without an inverse, or what restores, that is not there."""
    names = {each.name for each in kept}
    return replace(
        operation,
        inverse=operation.inverse if operation.inverse in names else None,
        restored_by=operation.restored_by if operation.restored_by in names else None,
    )
