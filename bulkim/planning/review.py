"""A saved plan as Markdown, for whoever is to agree to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from bulkim.planning.planfile import Head, is_sent
from bulkim.text import counted

ITEMS_SHOWN = 1_000
_ABOVE = ("base_url", "app", "environment", "operation", "params")  # what matters most


def markdown(
    head: Head,
    counts: Mapping[str, int],
    digest: str,
    items: Iterable[tuple[str, str, str]],
    *,
    destroys: str | None,
) -> Iterator[str]:
    """The page in pieces. `items`: as `bulkim.planning.planfile.items_of`; `destroys`: what goes with each user."""
    send = counts["send"]
    yield f"## Plan: {_cell(head.operation)} {counted(send, 'item')} at {_cell(str(head.terms['app']))}\n\n"
    if destroys:
        yield f"**This destroys.** With them: {destroys}.\n\n"
    yield f"Digest: `{digest}`. Whoever agrees runs the plan (`bulkim plan JOB -o FILE` saves it) with `--confirm-plan {digest[:8]}`.\n\n"
    yield f"Expires: {head.expires or 'never'}.\n\n"
    yield "| what happens | items |\n| --- | ---: |\n"
    yield f"| {_cell(head.operation)} | {send:,} |\n"
    yield from (
        f"| skip: {code} | {number:,} |\n" for code, number in counts.items() if code != "send" and number
    )
    yield "\n| term | value |\n| --- | --- |\n"
    yield f"| job | {_code(head.job or head.name)} |\n"
    yield from (f"| --set | {_code(f'{key}={value}')} |\n" for key, value in head.changes)
    yield from (f"| {name} | {_code(_value(name, head.terms[name]))} |\n" for name in _told(head))
    yield from _listed(items, sum(counts.values()))


def _told(head: Head) -> list[str]:
    """The terms that say something, the weightiest first."""
    said = [name for name, value in sorted(head.terms.items()) if value not in (None, [], {}, False)]
    return [*(name for name in _ABOVE if name in said), *(name for name in said if name not in _ABOVE)]


def _value(name: str, term: Any) -> str:
    """A term for a reviewer. Of credentials it is who signs, never what signs."""
    if name == "auth" and " " in str(term):
        kind, identity = str(term).split(" ", 1)
        return f"{identity} (by its {kind})"
    return json.dumps(term, ensure_ascii=False)


def _listed(items: Iterable[tuple[str, str, str]], total: int) -> Iterator[str]:
    shown = list(islice(items, ITEMS_SHOWN))
    if not shown:
        return
    yield "\n| item | what happens |\n| --- | --- |\n"
    for what, _, name in shown:
        yield f"| {_code(name)} | {what if is_sent(what) else what.replace(':', ': ')} |\n"
    if total > len(shown):
        yield f"\n… and {counted(total - len(shown), 'more item')}: the plan has them all.\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _code(text: str) -> str:
    """In code: nothing of it is markup."""
    ticks = "``" if "`" in text else "`"
    space = " " if "`" in text else ""
    return f"{ticks}{space}{_cell(text)}{space}{ticks}"
