"""Rows with what the job makes of them: values put together from columns, defaults, and only the rows that `where` lets through."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, cast

from bulkim.dotted import dig
from bulkim.errors import InputError
from bulkim.model import Column, Condition, Row, Source
from bulkim.redact import looks_secret
from bulkim.source.header import lacking_column, same
from bulkim.source.rejects import Form, Original
from bulkim.source.rows import BadRow
from bulkim.source.several import Several
from bulkim.source.tidy import Noticed, trimmed

if TYPE_CHECKING:
    from bulkim.source import SourceReader

EXAMPLES_MAX = 2_000  # values that are kept of each column, for a near one
_ABSENT = (None, "")

Values = Mapping[str, Any]
Get = Callable[[Values], Any]


class Shaped:
    """A `SourceReader` over another one. Raises InputError for columns that are not there."""

    def __init__(self, reader: SourceReader, source: Source, secret_fields: AbstractSet[str]) -> None:
        self.reader = reader
        self._trim = source.trim
        self.name, self.digest, self.columns = reader.name, reader.digest, reader.columns
        self._aliases = _aliases(reader, source)
        self._check_names(source, secret_fields)
        self._made = [(name, self._maker(column)) for name, column in source.computed.items()]
        self._tests = [(name, self._get(name), _test(each)) for name, each in source.only.items()]
        self._hidden = self._taken(source, secret_fields)
        self._seen: dict[str, list[str]] = {
            name: [] for name in source.only if not looks_secret(name) and name not in secret_fields
        }
        self._rows = self._passed = 0
        self._only = source.only
        self.names = None
        if reader.names is not None:
            kept = [name for name in reader.names if name not in self._hidden]
            self.names = tuple(dict.fromkeys([*kept, *source.computed]))

    # ---- as its file has it

    @property
    def keep_raw(self) -> bool:
        """See `Original`."""
        return cast("Original", self.reader).keep_raw

    @keep_raw.setter
    def keep_raw(self, keep: bool) -> None:
        cast("Original", self.reader).keep_raw = keep

    @property
    def raw(self) -> str:
        """See `Original`."""
        return cast("Original", self.reader).raw

    def given_back(self) -> Form:
        """See `Original`."""
        return cast("Original", self.reader).given_back()

    # ---- rows

    @property
    def noticed(self) -> Noticed:
        """What was odd about the input, and how many rows `where` let through."""
        found = self.reader.noticed
        return replace(found, others=[*found.others, lambda _: self._say()])

    def rows(self, after: int = 0) -> Iterator[Row | BadRow]:
        """The rows that are let through, shaped; positions are the input's."""
        made, tests, hidden, first = self._made, self._tests, self._hidden, not after
        rows = passed = 0
        for row in self.reader.rows(after):
            rows += 1
            values: dict[str, Any] = dict(row.values)
            if isinstance(row, BadRow):
                if not values or all(test(_text(get(values))) for _, get, test in tests):
                    passed += 1
                    yield row
                continue
            values |= {name: make(values) for name, make in made}
            if tests and not self._lets(values, look=first):
                continue
            for name in hidden:
                values.pop(name, None)
            passed += 1
            yield row._replace(values=values)
        if first:
            self._rows, self._passed = rows, passed

    def _lets(self, values: Values, *, look: bool) -> bool:
        for name, get, test in self._tests:
            text = _text(get(values))
            if test(text):
                continue
            if look and len(examples := self._seen.get(name, _FULL)) < EXAMPLES_MAX:
                examples.append(text)
            return False
        return True

    # ---- words

    def _say(self) -> list[str]:
        if not self._only or not self._rows:
            return []
        if self._passed:
            return [f"source.where let {self._passed:,} of {self._rows:,} rows through"]
        hints = [self._nearest(name, each) for name, each in self._only.items()]
        return [f"source.where let none of {self._rows:,} rows through{''.join(filter(None, hints))}"]

    def _nearest(self, name: str, condition: Condition) -> str:
        """An example of what the column has instead."""
        seen = self._seen.get(name)
        if not seen:
            return ""
        wanted = condition.equals or next(iter(condition.among or ()), None) or condition.match or ""
        close = get_close_matches(
            wanted.casefold(), {each.casefold(): each for each in seen}, n=1, cutoff=0.4
        )
        found = next((each for each in seen if close and each.casefold() == close[0]), seen[0])
        return f"; {name} is {found[:60]!r}" + (", for one" if not close else ", the nearest")

    # ---- preparing

    def _check_names(self, source: Source, secrets: AbstractSet[str]) -> None:
        """Every column that is named is there, where the header tells. Raises InputError."""
        problems = []
        for part in self.reader.parts if isinstance(self.reader, Several) else (self.reader,):
            columns = part.columns or part.names
            if columns is None:
                continue
            there = {same(name) for name in (*columns, *(part.names or ()))}
            needed = [(field, name) for field, each in source.computed.items() for name in each.names]
            needed += [("source.where", name) for name in source.only if name not in source.computed]
            problems += [
                lacking_column(part.name, field, name, columns, secrets) for field, name in needed
                if same(name) not in there and same(name.partition(".")[0]) not in there
            ]  # fmt: skip
        if problems:
            raise InputError(problems)

    def _get(self, name: str) -> Get:
        """A column's value, by its own name or that of its field; `data.nickname` looks into JSON."""
        key = self._aliases.get(same(name), name)
        first, _, path = name.partition(".")
        if not path:
            return lambda values: values.get(key)
        outer = self._aliases.get(same(first), first)
        return lambda values: values[key] if key in values else _inside(values.get(outer), path)

    def _maker(self, column: Column) -> Get:
        """What makes a field's value of a row's."""
        default, trim = column.default, self._trim
        if column.generate:
            stand_in = (
                "x" * column.generate
            )  # fit for checking; what is sent is made by whoever reads the secrets
            return lambda _: stand_in
        if column.is_plain:
            get = self._get(column.parts[0][0])

            def plain(values: Values) -> Any:
                value = get(values)
                return default if value in _ABSENT else value

            return plain
        parts = [(self._get(text) if is_name else None, text) for text, is_name in column.parts]

        def joined(values: Values) -> Any:
            text = "".join(_text(get(values)) if get else words for get, words in parts)
            text = trimmed(text) if trim else text
            return text or default

        return joined

    def _taken(self, source: Source, secrets: AbstractSet[str]) -> frozenset[str]:
        """Keys of what became a field: a column that is renamed, and what a secret is made of."""
        taken = {
            self._aliases.get(same(name), name)
            for field, each in source.computed.items() if each.is_plain or field in secrets
            for name in each.names
        }  # fmt: skip
        return frozenset(taken - source.computed.keys() - source.columns.keys() - {"username"})


_FULL = [""] * EXAMPLES_MAX


def _aliases(reader: SourceReader, source: Source) -> dict[str, str]:
    """A column's own name, or its field's -> its key in a row's values."""
    found = {same(column): field for field, column in source.columns.items()}
    if reader.names is not None:
        parts = reader.parts if isinstance(reader, Several) else (reader,)
        for part in parts:
            found |= {same(name): name for name in part.names or ()}
        for part in parts:
            if part.columns is not None:
                found |= dict(zip(map(same, part.columns), part.names or (), strict=True))
    return found


def _inside(value: Any, path: str) -> Any:
    """What a row's value holds at a path of names and numbers, also where it is written as JSON; None: nothing."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return dig(value, path)


def _text(value: Any) -> str:
    """A value as the text that a cell would have."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False, default=str)


def _test(condition: Condition) -> Callable[[str], bool]:
    tests: list[Callable[[str], bool]] = []
    if condition.equals is not None:
        tests.append(condition.equals.__eq__)
    if condition.among is not None:
        tests.append(frozenset(condition.among).__contains__)
    if condition.match is not None:
        matches = re.compile(condition.match).fullmatch
        tests.append(lambda text: matches(text) is not None)
    if condition.empty is not None:
        empty = condition.empty
        tests.append(lambda text: (not text) is empty)
    if condition.unless is not None:
        fails = _test(condition.unless)
        tests.append(lambda text: not fails(text))
    return tests[0] if len(tests) == 1 else lambda text: all(test(text) for test in tests)
