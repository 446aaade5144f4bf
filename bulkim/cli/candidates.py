"""What completes a word that is being typed. Each function has the form that click's `shell_complete` wants."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from bulkim.journal import completion

RUNS_MAX = 50
USERS_MAX = 50
HELP_CHARS_MAX = 80
JOB_SUFFIXES = {".yaml", ".yml"}

Items = list[CompletionItem[str]]


def run_names(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:  # noqa: ARG001
    """Of the journal: `last`, ids and jobs' names, the newest first."""
    from bulkim.journal import completion as glance

    seen = glance.runs(_journal(ctx), limit=RUNS_MAX)
    return _beginning(incomplete, _run_names(seen))


def _run_names(seen: list[completion.RunSeen]) -> Iterator[tuple[str, str]]:
    if seen:
        yield "last", f"{seen[0].run}: {_run(seen[0])}"
    for each in seen:
        yield each.run, _run(each)
    newest: dict[str, str] = {}
    for each in seen:
        newest.setdefault(each.name, each.run)
    yield from ((name, f"its newest run, {run}") for name, run in newest.items())


def _run(seen: completion.RunSeen) -> str:
    return f"{seen.name}, {seen.operation}, {seen.state}, {seen.outcomes}"


def usernames(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:  # noqa: ARG001
    """Of the run that was named."""
    from bulkim.journal import completion as glance

    found = glance.items(_journal(ctx), _named(ctx), beginning=incomplete, limit=USERS_MAX)
    return [
        CompletionItem(each.username, help=" ".join(filter(None, (each.outcome, each.code))))
        for each in found
    ]


def codes(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:  # noqa: ARG001
    """Of the run that was named."""
    from bulkim.journal import completion as glance

    found = glance.codes(_journal(ctx), _named(ctx))
    return _beginning(
        incomplete, ((each.code, f"{each.items} {each.outcome}: {each.reason or ''}") for each in found)
    )


def job_files(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:  # noqa: ARG001
    """What may be a job, and folders."""
    if incomplete.startswith("~"):  # the shell knows what it stands for
        return [CompletionItem(incomplete, type="file")]
    folder, start = os.path.split(incomplete)
    names = sorted(
        each.name
        for each in Path(folder or ".").iterdir()
        if each.suffix in JOB_SUFFIXES and each.name.startswith(start) and each.is_file()
    )
    return [
        CompletionItem(incomplete, type="dir"),
        *(CompletionItem(os.path.join(folder, name)) for name in names),  # noqa: PTH118 - `./` stays as typed
    ]


def changes(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:
    """Of `--set`, what has few values."""
    key, equals, start = incomplete.partition("=")
    values = {"operation": operations, "provider": providers}.get(key)
    if not equals or values is None:
        return []
    return [CompletionItem(f"{key}={each.value}", help=each.help) for each in values(ctx, parameter, start)]


def operations(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:  # noqa: ARG001
    """Of all vendors."""
    from bulkim.vendors import PROVIDERS

    known: dict[str, str] = {}
    for vendor in PROVIDERS.values():
        for each in vendor.operations:
            known.setdefault(each.name, each.help.partition(". ")[0].rstrip("."))
    return _beginning(incomplete, known.items())


def providers(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:  # noqa: ARG001
    """Vendors."""
    from bulkim.vendors import PROVIDERS

    return _beginning(incomplete, ((name, vendor.label) for name, vendor in PROVIDERS.items()))


def error_codes(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> Items:  # noqa: ARG001
    """Of the vendor that was named, and bulkim's own."""
    from bulkim.codes import OWN
    from bulkim.vendors import PROVIDERS

    vendor = PROVIDERS.get(ctx.params.get("provider") or "")
    if vendor is None:
        return []
    known = {rule.code or str(rule.status): rule.meaning for rule in reversed(vendor.errors)}
    known.pop("None", None)  # a rule by pattern alone
    return _beginning(
        incomplete, [*sorted(known.items()), *((code, each.meaning) for code, each in OWN.items())]
    )


def _beginning(start: str, known: Iterable[tuple[str, str]]) -> Items:
    return [CompletionItem(value, help=_short(words)) for value, words in known if value.startswith(start)]


def _short(words: str) -> str:
    """One line that a shell can put beside the value."""
    line = " ".join(words.split())
    return line if len(line) <= HELP_CHARS_MAX else f"{line[: HELP_CHARS_MAX - 1]}…"


def _journal(ctx: click.Context) -> Path:
    return Path(ctx.params["journal"])


def _named(ctx: click.Context) -> str:
    found: str | None = ctx.params.get("run_name")
    # While the value of an option is typed, click has not yet told what the other words are.
    return found or next(iter(ctx.args), "last")
