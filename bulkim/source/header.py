"""The first row of a table: which column is which, and what to type when one is missing. Pure."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches

from bulkim.errors import Problem

_SHOWN_MAX = 12  # columns of a header that a message lists
_DOUBTFUL_MAX = 3  # of what may be none
# Words that columns are called by: a first line without any of them may be a user's row with a password in it.
_WORDS = frozenset(
    [
        "user",
        "username",
        "users",
        "userid",
        "uid",
        "id",
        "ids",
        "account",
        "accounts",
        "login",
        "member",
        "name",
        "names",
        "nick",
        "nickname",
        "first",
        "last",
        "firstname",
        "lastname",
        "fullname",
        "display",
        "email",
        "mail",
        "phone",
        "mobile",
        "tel",
        "password",
        "passwd",
        "pass",
        "pwd",
        "pin",
        "secret",
        "dept",
        "department",
        "team",
        "group",
        "role",
        "status",
        "state",
        "note",
        "notes",
        "comment",
        "date",
        "time",
        "created",
        "chat",
        "groupchat",
        "chatroom",
        "seconds",
        "secs",
        "duration",
        "attributes",
        "message",
        "messageid",
        "ordinal",
        "outcome",
        "code",
        "reason",
    ]
)
_CJK = re.compile("用户|帐号|账号|账户|密码|昵称|姓名|名称|编号|手机|邮箱|部门|状态|备注")


def same(name: str) -> str:
    """A column's name as it is compared: composed characters and decomposed ones (macOS) are the same text."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def header_problems(
    file: str, line: int, header: Sequence[str], columns: Mapping[str, str], secrets: Collection[str]
) -> list[Problem]:
    """Names that are missing or stand twice, and mapped columns that are not there."""
    problems = []
    first: dict[str, int] = {}
    for number, name in enumerate(header, 1):
        if not name:
            hint = "give the column a name, or take its delimiter out of every line"
            problems.append(Problem(file, line, None, f"column {number} of the header has no name", hint))
        elif first.setdefault(same(name), number) != number:
            message = f"column {name[:60]!r} is there twice: as number {first[same(name)]} and {number}"
            problems.append(Problem(file, line, None, message))
    lacking = {name: column for name, column in columns.items() if same(column) not in first}
    return problems + [
        lacking_column(file, name, column, header, secrets, line=line) for name, column in lacking.items()
    ]


def lacking_column(
    file: str,
    field: str,
    column: str,
    header: Sequence[str],
    secrets: Collection[str],
    *,
    line: int | None = 1,
) -> Problem:
    """A column that the job names and the header has not. `field`: what it is for, or the job's key that names it."""
    use = f"which {field} names" if "." in field else f"which source.columns takes for {field}"
    return Problem(
        file, line, None, f"has no column {column!r}, {use}", _hint(field, column, header, secrets)
    )


def _hint(name: str, column: str, header: Sequence[str], secrets: Collection[str]) -> str:
    # In a file without a header the first line may hold a password: it must not be shown.
    match = None if name in secrets else near(column, header)
    if match is not None:
        return f"did you mean {match[:60]!r}? {listing(header) or ''}".rstrip()
    return listing(header) or _doubtful(header)


def _doubtful(header: Sequence[str]) -> str:
    """A first line that may be no header: a cell of ASCII only may be a password, and is not shown."""
    shown = [name[:60] for name in header if not name.isascii()][:_DOUBTFUL_MAX]
    columns = "1 column" if len(header) == 1 else f"{len(header):,} columns"
    rest = len(header) - len(shown)
    more = f", and {rest:,} more" if shown and rest else ""
    told = f": {', '.join(shown)}{more}" if shown else ""
    return f"the first line is taken for the header, with {columns}{told}"


def title_hint(lines: Iterable[str], delimiters: str) -> str | None:
    """What to do where a title stands above the header; None where the first line may be the header. `lines`: the file's first."""
    best = 0
    for number, line in enumerate(lines, 1):
        mark = max(delimiters, key=line.count)
        cells = [cell.strip() for cell in next(csv.reader([line], delimiter=mark), [])]
        filled = sum(map(bool, cells))
        if number > 1 and best < 2 <= filled and is_header(cells):
            above = "the line" if number == 2 else f"the {number - 1} lines"
            return f"line {number} looks like the header: take {above} above it out of the file"
        best = max(best, filled)
    return None


def near(name: str, header: Sequence[str]) -> str | None:
    """The column that is probably meant: capitals, blanks, hyphens and underscores do not count."""
    plain = {_plain(each): each for each in reversed(header)}
    match = get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[match[0]] if match else None


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", same(name)).casefold()


def is_header(row: Sequence[str]) -> bool:
    """Whether a first row looks like names of columns: then it may be shown."""
    return any(
        _CJK.search(name) or any(part in _WORDS for part in re.findall(r"[a-z]+", name.casefold())) for name in row
    )  # fmt: skip


def listing(header: Sequence[str]) -> str | None:
    """The columns there are, in words; None where the row may be no header."""
    if not is_header(header):
        return None
    more = f", and {len(header) - _SHOWN_MAX} more" if len(header) > _SHOWN_MAX else ""
    return f"its columns: {', '.join(each[:60] for each in header[:_SHOWN_MAX])}{more}"


# What a field is often called elsewhere; by letters alone, "Last Name" is nearer to a username than "User ID".
_CALLED = {"username": {"userid", "user", "uid", "userno", "accountid", "account", "login", "loginname"}}


def to_paste(lacking: Sequence[str], header: Sequence[str]) -> str:
    """The `columns:` line of a job that names what is missing; COLUMN stands where nothing is near."""
    known = {
        name: next((each for each in header if _plain(each) in _CALLED.get(name, ())), None)
        for name in lacking
    }
    pairs = ", ".join(f"{name}: {_quoted(known[name] or near(name, header) or 'COLUMN')}" for name in lacking)
    return f"columns: {{{pairs}}}"


def _quoted(column: str) -> str:
    """As YAML takes it within braces."""
    plain = re.fullmatch(r"[^\W\d][\w ./-]*", column) and column.casefold() not in {
        "null",
        "true",
        "false",
        "yes",
        "no",
        "on",
        "off",
    }
    return column[:60] if plain else '"' + column[:60].replace("\\", "\\\\").replace('"', '\\"') + '"'


def names(header: Sequence[str], columns: Mapping[str, str], called: str | None = None) -> tuple[str, ...]:
    """What each column is called in a row: by its field where it is mapped, else by its own name.

    `called`: the column that is the username where there is none of that name.
    """
    fields = {same(column): name for name, column in columns.items()}
    if called and "username" not in {*header, *columns}:
        fields.setdefault(called, "username")
    return tuple(fields.get(same(name)) or (f"source_{name}" if name in columns else name) for name in header)
