"""Rows of a source -> planned items: validated, typed, told apart from duplicates and protected ones. Streaming."""

from __future__ import annotations

import json
import re
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import islice
from typing import Any

from bulkim.catalogue.bodies import fields_in
from bulkim.catalogue.shapes import Effect, Field, Operation, Provider
from bulkim.catalogue.values import Check, Invalid, checker
from bulkim.errors import InputError, Problem
from bulkim.model import KEY_SEPARATOR, Job, Row
from bulkim.planning.columns import Clean, Columns, folded
from bulkim.planning.guarding import protector
from bulkim.planning.planned import Planned, Skip, Stretch, invalid_item, one_by_one, values_hash
from bulkim.planning.seen import Seen
from bulkim.planning.suspects import Suspects
from bulkim.redact import looks_secret
from bulkim.source import BadRow, Several, SourceReader, file_of, unshaped
from bulkim.source.header import listing, to_paste
from bulkim.source.rejects import REJECTED
from bulkim.source.table import Block, CsvReader

RESULT_COLUMNS = (
    "ordinal", "username", "outcome", "code", "reason", "attempts", "http_status", "finished_at", "data", "line",
)  # fmt: skip
"""What `results` writes before the source's own columns."""

_CONTRADICTS = "with other values: a contradiction"
_ABSENT = (None, "")
_USERNAME = re.compile(r"^(no )?username\b")
_NOTHING: Mapping[str, Any] = {}


def prepare(
    job: Job, provider: Provider, operation: Operation, reader: SourceReader, suspects: Suspects | None = None
) -> Iterator[Planned]:
    """Every row of the source as a planned item, in order; memory grows by 32 bytes an item. `suspects` looks at what passes.

    Raises InputError for a file that lacks a column which the operation needs, and as `SourceReader.rows` does.
    """
    return one_by_one(stretches(job, provider, operation, reader, suspects))


def stretches(
    job: Job, provider: Provider, operation: Operation, reader: SourceReader, suspects: Suspects | None = None
) -> Iterator[Planned | Stretch]:
    """The same, rows of a table that are all sent as stretches: for whoever has a quicker way with many than with each."""
    _demand_columns(job, provider, operation, reader)
    if suspects is None or job.source.is_earlier_run or job.source.is_listing:
        suspects = Suspects()  # nobody hears of it: no spreadsheet has had ids that the vendor has
    return _planned(_Rules(job, provider, operation, reader), reader, suspects)


def _planned(rules: _Rules, reader: SourceReader, suspects: Suspects) -> Iterator[Planned | Stretch]:
    each_row = _OneByOne(rules, suspects, expected=reader.lines if isinstance(reader, CsvReader) else 0)
    if not isinstance(reader, CsvReader) or rules.columns is None:
        yield from map(each_row.planned, reader.rows())
        each_row.ended()
        return
    for each in reader.blocks():
        if not isinstance(each, Block):
            yield each_row.planned(each)
        elif (clean := rules.columns.clean(each)) is None:
            yield from map(each_row.planned, each.rows())
        else:
            keys = folded(clean.usernames, rules.fold)
            taken = each_row.take(clean, keys, each.line)
            if taken:
                yield Stretch(each.position, each.line, keys, clean, taken)
            if taken == len(clean.usernames):
                each_row.in_stretch = each
            else:
                yield from map(each_row.planned, islice(each.rows(), taken, None))
    each_row.ended()


class _OneByOne:
    """Who was seen, and the items that rows become."""

    def __init__(self, rules: _Rules, suspects: Suspects, expected: int) -> None:
        """`expected`: about how many rows there are, or 0."""
        self._rules, self._suspects = rules, suspects
        self._seen, self._hashes = Seen(expected), array("q")
        self._last: tuple[Row, bool] | None = None  # the row that was looked at last, and whether it is sent
        self._first = 1  # the position of the file's first row
        self.in_stretch: Block | None = None  # the rows that passed last, if nobody looked at one of them

    def ended(self) -> None:
        """There are no more rows in the file: the last may be no user's."""
        last, sent = self._last or (None, False)
        if self.in_stretch is not None:
            *_, last = self.in_stretch.rows()
            sent = True
        if last is not None:
            place = self._rules.place(last.position, last.line)
            self._suspects.look_at_last(
                last.values, place, line=last.line, rows_before=last.position - self._first, sent=sent
            )

    def take(self, clean: Clean, keys: Sequence[str], line: int) -> int:
        """Remembers rows of a block that are valid and begin at `line`, up to the first whose user was there before. Returns how many."""
        rules, names = self._rules, clean.usernames
        if rules.protects and any(map(rules.protects, names)):
            return 0
        taken = self._seen.add_new(keys, line)
        if rules.others:
            self._hashes.extend(map(hash, islice(clean.rows(rules.others), taken)))
        if taken:
            self._suspects.look_at_all(names if taken == len(names) else names[:taken], line)
            for name in rules.initial:
                self._look_at_unset(clean, name, line, taken)
        return taken

    def _look_at_unset(self, clean: Clean, name: str, line: int, taken: int) -> None:
        """Which of a stretch's rows lack what the vendor would do without, and the others have."""
        if not clean.has(name):
            return
        lacking = [at for at in clean.lacking(name) if at < taken]
        for at in lacking:
            self._suspects.lack(name, clean.usernames[at], line + at)
        self._suspects.have(name, taken - len(lacking))

    def planned(self, row: Row | BadRow) -> Planned:
        """The item of one row."""
        made = self._planned(row)
        if self._rules.several and self._last and (row.line or 0) <= (self._last[0].line or 0):
            self.ended()  # of one file; lines begin anew in the next
            self._first = row.position
        self._last, self.in_stretch = (row, made.skip is None) if isinstance(row, Row) else None, None
        return made

    def _planned(self, row: Row | BadRow) -> Planned:
        rules, position, line = self._rules, row.position, row.line
        extra = rules.beside(row.values)
        if isinstance(row, BadRow):
            return invalid_item(row, row.reason, rules.whole(row.values, extra))
        try:
            fields = rules.check(row)
        except Invalid as finding:
            self._suspects.look_at_invalid(row.values.get("username"), line)
            return invalid_item(row, rules.worded(str(finding)), rules.whole(row.values, extra))
        username, key = fields["username"], rules.key(fields)
        if rules.protects and (reason := rules.protects(username)):
            skip = Skip("protected", reason)
        elif first := self._seen.add(key, position if rules.several else line or position):
            skip = Skip("duplicate", self._duplicate(username, key, first, line, fields))
        else:
            self._passed(username, line, fields)
            return Planned(position, line, key, username, fields, extra)
        return Planned(position, line, key, username, _NOTHING, rules.whole(row.values, extra), skip)

    def _passed(self, username: str, line: int | None, fields: Mapping[str, Any]) -> None:
        rules = self._rules
        if rules.others:
            self._hashes.append(values_hash(fields, rules.others))
        self._suspects.look_at_one(username, line)
        for name in rules.more_keys:
            self._suspects.look(str(fields[name]), line, username)
        for name in rules.initial:
            if fields.get(name) in _ABSENT:
                self._suspects.lack(name, username, line)
            else:
                self._suspects.have(name, 1)

    def _duplicate(
        self, username: str, key: str, first: int, line: int | None, fields: Mapping[str, Any]
    ) -> str:
        others = self._rules.others
        if "0" <= username[0] <= "9":  # what a spreadsheet has rounded is one id many times
            self._suspects.look(username, line, username)
        differs = bool(others) and self._hashes[self._seen.index(key) or 0] != values_hash(fields, others)
        if differs:
            self._suspects.contradict(username, line)
        return self._rules.duplicate(username, first, line, differs=differs)


class _Rules:
    """What a job makes of one row; everything that can be prepared once is."""

    def __init__(self, job: Job, provider: Provider, operation: Operation, reader: SourceReader) -> None:
        self._operation, self._reader = operation, reader
        headers = fields_in(operation.headers)
        self._checks: tuple[tuple[str, Check, bool], ...] = tuple(
            (each.name, _in_header(each) if each.name in headers else checker(each), each.needed)
            for each in operation.fields
        )
        self._params = _typed_params(job, operation)
        self._any_of = () if operation.otherwise else operation.any_of
        self._folded = provider.folded
        self._keys = operation.keys
        self._users = {"username", *(each.name for each in operation.fields if each.user)}
        self.key: Callable[[Mapping[str, Any]], str] = (
            self._only_key if len(self._keys) == 1 else self._joined_key
        )
        self._shown = tuple(
            each.name for each in operation.fields if each.name != "username" and not each.secret
        )
        self.others = tuple(name for name, _, _ in self._checks if name not in self._keys)
        self.more_keys = tuple(name for name in self._keys if name != "username")
        # Passwords of new users that the vendor does not demand, and that the job does not make.
        self.initial = tuple(
            each.name
            for each in operation.fields
            if each.secret
            and not each.needed
            and operation.effect is Effect.CREATE
            and each.name not in job.source.computed
        )
        self.several = inner if isinstance(inner := unshaped(reader), Several) else None
        self._label, self._called = provider.label, provider.identity.name
        self.protects = protector(job.guard, provider)
        self._public = _public_names(operation, reader)
        self.beside: Callable[[Mapping[str, Any]], Mapping[str, str]] = (
            self._own_extra if self._public is None else self._column_extra
        )
        self.fold = provider.fold
        self.columns = self._block_columns(reader)

    def _block_columns(self, reader: SourceReader) -> Columns | None:
        """How a table's blocks are judged; None where each row must be."""
        operation, names = self._operation, reader.names
        if names is None or self._public is None or self._keys != ("username",) or operation.headers:
            return None
        return Columns.of(
            operation.fields, names, params=self._params, any_of=self._any_of, public=self._public
        )

    def check(self, row: Row) -> dict[str, Any]:
        """The row's typed fields. Raises Invalid."""
        values, params = row.values, self._params
        fields: dict[str, Any] = {}
        for name, check, required in self._checks:
            value = values.get(name)
            if value or value not in _ABSENT:
                fields[name] = check(value)
            elif name in params:
                fields[name] = params[name]
            elif required:
                raise Invalid(f"no {name}")
        if self._any_of and not any(name in fields for name in self._any_of):
            raise Invalid(f"none of {', '.join(self._any_of)}: at least one is needed")
        return fields

    def whole(self, values: Mapping[str, Any], extra: Mapping[str, str]) -> Mapping[str, str]:
        """What a row that is not sent has: its fields as the input writes them, secrets left out, and the other columns."""
        own = {
            name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
            for name in self._shown
            if (value := values.get(name)) not in _ABSENT
        }
        return {**own, **extra}

    def worded(self, finding: str) -> str:
        """A finding in the vendor's word for what tells its users apart."""
        if self._called == "username":
            return finding
        return _USERNAME.sub(rf"\g<1>{self._called}", finding, count=1)

    def _only_key(self, fields: Mapping[str, Any]) -> str:
        return self._folded(fields["username"])

    def _joined_key(self, fields: Mapping[str, Any]) -> str:
        return KEY_SEPARATOR.join(
            self._folded(str(fields[name])) if name in self._users else str(fields[name])
            for name in self._keys
        )

    def place(self, position: int, line: int | None) -> str:
        """A row in words: its file, and its line there."""
        return (
            f"{file_of(self._reader, position)}:{line}" if line else f"item {position} of {self._reader.name}"
        )

    def duplicate(self, username: str, first: int, line: int | None, *, differs: bool) -> str:
        """Why a duplicate is one. `first`: the line (without lines: the item) where it was seen before."""
        same = "user" if len(self._keys) == 1 else " and ".join(self._keys)
        place = (
            f"{'item' if line is None else 'line'} {first}"
            if self.several is None
            else self.several.place_of(first)
        )
        where = f"same {same} as {place}"
        where += "" if self._folded(username) == username else f" ({self._label} ignores case)"
        return f"{where}, {_CONTRADICTS}" if differs else where

    def _column_extra(self, values: Mapping[str, Any]) -> Mapping[str, str]:
        """The other columns of a table that are not empty."""
        return {label: text for name, label in self._public or () if (text := values.get(name))}

    def _own_extra(self, values: Mapping[str, Any]) -> Mapping[str, str]:
        """What else a row has that names its own columns, as text, without what looks like a secret."""
        others = {}
        for name, value in values.items():
            if value not in _ABSENT and not self._operation.field(name) and (label := _label(name)):
                text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
                if isinstance(value, str) or not looks_secret(text):
                    others[label] = text
        return others


def _in_header(field: Field) -> Check:
    check = checker(field)

    def checked(value: Any) -> Any:
        typed = check(value)
        if not (text := str(typed)).isascii() or not text.isprintable():
            raise Invalid(f"{field.name} has a character that no header can carry")
        return typed

    return checked


def _typed_params(job: Job, operation: Operation) -> dict[str, Any]:
    """The params that items may take over. Raises InputError."""
    typed = {}
    for each in operation.fields:
        if each.param and job.params.get(each.name) is not None:
            try:
                typed[each.name] = checker(each)(job.params[each.name])
            except Invalid as finding:
                problem = Problem(str(job.path or job.name), None, None, f"params: {finding}")
                raise InputError([problem]) from None
    return typed


def _demand_columns(job: Job, provider: Provider, operation: Operation, reader: SourceReader) -> None:
    """What no row can have is missed once, not once a row. Raises InputError."""
    inner = unshaped(reader)
    if isinstance(inner, Several):
        for part in inner.parts:
            _demand_columns(job, provider, operation, part)
        return
    names = reader.names
    if names is None:
        return
    names = (*names, *job.source.computed)
    given = {*names, *(each.name for each in operation.fields if each.param and each.name in job.params)}
    lacking = [each for each in operation.fields if each.needed and each.name not in given]
    lacking = [
        replace(each, name=provider.identity.name) if each.name == "username" else each for each in lacking
    ]
    names_lacking = [each.name for each in lacking]
    problems = [_lack(each, operation, names_lacking, reader) for each in lacking]
    if operation.any_of and not operation.otherwise and not given.intersection(operation.any_of):
        wanted = ", ".join(operation.any_of)
        hint = f"write params: {{{operation.any_of[0]}: ...}} in the job, or add a column"
        problems.append(
            Problem(reader.name, None, None, f"{operation.name} needs at least one of {wanted}", hint)
        )
    if problems:
        raise InputError(problems, hint=inner.title_hint() if isinstance(inner, CsvReader) else None)


def _lack(field: Field, operation: Operation, lacking: Sequence[str], reader: SourceReader) -> Problem:
    if reader.columns is None:
        message = f"gives usernames only, and {operation.name} needs {field.name} too"
        return Problem(reader.name, None, None, message, "use a csv or jsonl source")
    # In a file without a header the first line may hold a password: it must not be shown.
    there = listing(reader.columns)
    if there is None:
        hint = "the first line names the columns; source: {columns: {field: column}} says which is which"
    else:
        hint = f"{there}; write under source: {to_paste(lacking, reader.columns)}"
    return Problem(reader.name, 1, None, f"has no column '{field.name}'", hint)


# ------------------------------------------------------------------------------------ other columns


def _public_names(operation: Operation, reader: SourceReader) -> tuple[tuple[str, str], ...] | None:
    """(column, its name in the results) of the columns that go along; None where every row has its own."""
    if reader.names is None:
        return None
    ours: set[str] = set()
    for columns in (set(RESULT_COLUMNS) - {"line"}, set(REJECTED)):  # an older bulkim's have no line
        ours |= columns if columns <= set(reader.names) else set()
    ours |= {"line"} if "ordinal" in ours else set()
    return tuple(
        (name, label)
        for name in reader.names
        if not operation.field(name) and name not in ours and (label := _label(name))
    )


@lru_cache(maxsize=1024)
def _label(name: str) -> str | None:
    """A column's name in the results: None for what looks like a secret, another one for what is taken there."""
    if looks_secret(name):
        return None
    return f"source_{name}" if name in RESULT_COLUMNS else name
