"""A run's items, one a row: CSV, JSON lines, a table, JUnit XML. Streaming.

A CSV of these is meant to be opened in a spreadsheet *and* to be the source of another job. A cell that begins with
``= + - @``, a tab or a carriage return would be run by a spreadsheet, so it gets an apostrophe in front, with two
exceptions: numbers stay numbers, and a username made of letters, digits and ``_ . - @ + = #`` stays as it is, because it
is somebody's identity and such a text calls no function. What is left to escape among usernames is illegal at most
vendors; for an id of that kind take JSON lines, which are never escaped.
"""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import IO, Any
from xml.sax.saxutils import escape, quoteattr

from bulkim.journal import Reader
from bulkim.journal.records import Result, RunRecord
from bulkim.planning import RESULT_COLUMNS
from bulkim.view.width import columns, cut, fitted, wrapped

FORMATS = ("csv", "jsonl", "table", "junit")  # and "json", one array, for --json

_FORMULA = re.compile(r"[=+\-@\t\r]")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?")
_HARMLESS = re.compile(r"[A-Za-z0-9_.@+=#-]*")
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which of a run's items; nothing said: all."""

    outcome: Sequence[str] = ()
    code: Sequence[str] = ()
    without: Sequence[str] = ()  # codes that are left out


def write_results(
    journal: Reader,
    record: RunRecord,
    chosen: Chosen,
    style: str,
    stream: IO[str],
    *,
    width: int = 80,
    bom: bool = False,
) -> int:
    """Write the items to `stream`; returns how many. `bom`: a CSV begins with a byte order mark."""
    if bom and style == "csv":
        stream.write("\ufeff")

    def rows() -> Iterator[tuple[Result, Mapping[str, Any]]]:
        return with_own_columns(journal, record.id, chosen)

    match style:
        case "csv":
            return write_csv(rows, stream)
        case "jsonl":
            return write_jsonl(rows(), stream)
        case "json":
            return write_json(rows(), stream)
        case "junit":
            return write_junit(rows, record, stream)
        case _:
            return write_table(rows(), stream, width)


Rows = Iterable[tuple[Result, Mapping[str, Any]]]


def with_own_columns(
    journal: Reader, run_id: int, chosen: Chosen
) -> Iterator[tuple[Result, Mapping[str, Any]]]:
    """Each item with the source's own columns: the fields that were sent (no secrets are stored), then the others."""
    for result in journal.results(run_id, outcome=chosen.outcome, code=chosen.code):
        if result.code in chosen.without:
            continue
        yield result, {**result.fields, **result.extra}


def _values(result: Result) -> tuple[Any, ...]:
    return tuple(getattr(result, name) for name in RESULT_COLUMNS)


# ----------------------------------------------------------------------------------------------- CSV


def write_csv(rows: Callable[[], Rows], stream: IO[str]) -> int:
    """The contract's columns, then the source's own. Reads the rows twice: the header must name all columns."""
    own: dict[str, None] = {}
    for _, extra in rows():
        own.update(dict.fromkeys(extra))
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([*RESULT_COLUMNS, *map(inert, own)])
    number = 0
    for result, extra in rows():
        ordinal, username, *rest, data, line = _values(result)
        cells = [ordinal, inert_name(username), *(inert(plain(value)) for value in rest)]
        cells.append(
            "" if data is None else inert(json.dumps(data, ensure_ascii=False, separators=(",", ":")))
        )
        cells += [plain(line), *(inert(plain(extra.get(name))) for name in own)]
        writer.writerow(cells)
        number += 1
    return number


def plain(value: Any) -> str:
    """A value as a cell: text as it is, the rest as JSON, so that a source reads the same value again."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def inert(text: str) -> str:
    """The text as a cell that no spreadsheet runs."""
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def inert_name(username: str) -> str:
    """A username as a cell; see the module's words on identity."""
    return username if _HARMLESS.fullmatch(username) else inert(username)


# --------------------------------------------------------------------------------------- other formats


def as_object(result: Result, extra: Mapping[str, Any]) -> dict[str, Any]:
    """An item as JSON: the contract's names first, then the source's own columns."""
    return {**dict(zip(RESULT_COLUMNS, _values(result), strict=True)), **extra}


def write_jsonl(rows: Rows, stream: IO[str]) -> int:
    """One JSON object a line."""
    number = 0
    for result, extra in rows:
        stream.write(json.dumps(as_object(result, extra), ensure_ascii=False) + "\n")
        number += 1
    return number


def write_json(rows: Rows, stream: IO[str]) -> int:
    """One JSON array."""
    number = 0
    stream.write("[")
    for result, extra in rows:
        stream.write((",\n" if number else "") + json.dumps(as_object(result, extra), ensure_ascii=False))
        number += 1
    stream.write("]\n")
    return number


_TABLE = ("ordinal", "username", "outcome", "code", "tries", "http", "reason")
_LAST_MIN = 30  # columns of a terminal that the reason has at least; where there are fewer, it stands below
_BELOW_LINES = 3  # that it may take there
NAME_MAX = 32  # columns of a username or a code
_SAMPLE = 500  # rows that decide how wide the columns are


def write_table(rows: Rows, stream: IO[str], width: int) -> int:
    """For eyes: the reason (or the data that a read got) is cut to the terminal's width, or stands below what is beside it."""
    source = (_table_row(result) for result, _ in rows)
    head = list(islice(source, _SAMPLE))
    sizes = [max(columns(row[index]) for row in (_TABLE, *head)) for index in range(len(_TABLE) - 1)]
    name, code = _TABLE.index("username"), _TABLE.index("code")
    sizes[name], sizes[code] = min(sizes[name], NAME_MAX), min(sizes[code], NAME_MAX)
    last = width - sum(sizes) - 2 * len(sizes)
    if last < columns(_TABLE[-1]):
        sizes, last = _fitting(sizes, width), 0
    number = 0

    def put(row: Sequence[str]) -> None:
        cells = [fitted(cell, size) for cell, size in zip(row, sizes, strict=False)]
        beside = last >= _LAST_MIN or columns(row[-1]) <= last
        stream.write("  ".join([*cells, cut(row[-1], last)] if beside else cells).rstrip() + "\n")
        for part in () if beside else wrapped(row[-1], width - 4, lines_max=_BELOW_LINES):
            stream.write(f"    {part}\n")

    put(_TABLE)
    for each in chain(head, source):
        put(each)
        number += 1
    return number


def _fitting(sizes: list[int], width: int) -> list[int]:
    """The columns' sizes, such that a row fits: first the code is cut, then the username, then both further."""
    name, code = _TABLE.index("username"), _TABLE.index("code")
    for least in (16, 8):
        for column in (code, name):
            beyond = sum(sizes) + 2 * (len(sizes) - 1) - width
            sizes[column] = max(min(sizes[column], least), sizes[column] - max(beyond, 0))
    return sizes


def _table_row(result: Result) -> tuple[str, ...]:
    words = result.reason if result.reason or result.data is None else plain(result.data)
    return (
        str(result.ordinal), result.username, result.outcome, result.code or "", str(result.attempts),
        str(result.http_status or ""), " ".join((words or "").split()),
    )  # fmt: skip


def write_junit(rows: Callable[[], Rows], record: RunRecord, stream: IO[str]) -> int:
    """A test suite whose cases are the items: what CI systems draw."""
    tests = failures = errors = skipped = 0
    for result, _ in rows():
        tests += 1
        failures += result.outcome == "failed"
        errors += result.outcome == "unknown"
        skipped += result.outcome in {"skipped", "pending"}
    totals = f'tests="{tests}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
    name = _attribute(f"{record.name} ({record.run})")
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write(f"<testsuites {totals}>\n<testsuite name={name} {totals}>\n")
    suite = _attribute(f"{record.provider}.{record.operation}")
    for result, _ in rows():
        case = f"<testcase classname={suite} name={_attribute(result.username)}"
        inner = _junit_inner(result)
        stream.write(f"{case}>{inner}</testcase>\n" if inner else f"{case}/>\n")
    stream.write("</testsuite>\n</testsuites>\n")
    return tests


def _junit_inner(result: Result) -> str:
    tag = {"failed": "failure", "unknown": "error", "skipped": "skipped", "pending": "skipped"}.get(
        result.outcome
    )
    if tag is None:
        return ""
    if tag == "skipped":
        return f"<skipped message={_attribute(result.code or result.outcome)}/>"
    text = escape(_NOT_XML.sub("�", result.reason or ""))
    return f"<{tag} type={_attribute(result.code or '')} message={_attribute(result.reason or '')}>{text}</{tag}>"


def _attribute(text: str) -> str:
    return quoteattr(_NOT_XML.sub("�", text))
