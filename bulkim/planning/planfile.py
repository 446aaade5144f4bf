"""A saved plan as text: what was decided, a line for each item, how many, and its own digest.

Everything here is pure. The text is the same for the same job, input and key, and holds no time (but its expiry), no
line numbers and no secret, so that two plans can be compared with diff.

    bulkim plan 1
    job {"digest": "5f2c...", "name": "purge", "path": "/srv/purge.yaml"}
    term operation "delete"
    ...

    delete 7f3a19c2d4e5f601 test_00001
    skip:protected - admin

    counts {"duplicate": 0, "invalid": 0, "protected": 1, "send": 1}
    digest 91b2...
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bulkim.catalogue.shapes import Operation
from bulkim.errors import InputError, Problem
from bulkim.model import KEY_SEPARATOR
from bulkim.planning.cost import Tally
from bulkim.planning.digests import Digests, ItemDigests
from bulkim.planning.planned import Planned, Stretch

MAGIC = b"bulkim plan "
FORMAT = 1
FIRST_LINE = MAGIC + b"%d\n" % FORMAT
_PIECE = 50_000  # characters
_SKIP = "skip:"
_DIGITS = re.compile(r"[0-9a-f]{8,64}")


@dataclass(frozen=True, slots=True)
class Head:
    """What stands above the items. Nothing in it is secret."""

    name: str  # the job's
    job: str | None  # the job file's place as it was typed, absolute; None: a program's mapping
    job_digest: str  # keyed, of the job's text
    provider_digest: str  # of the provider's text
    key: str  # the name of the key of all keyed digests
    terms: Mapping[str, Any]  # as `bulkim.planning.terms.Terms.values`
    changes: tuple[tuple[str, str], ...] = ()  # --set pairs
    feeds: str | None = None  # the run that `source: {run: ...}` meant
    expires: str | None = None  # ISO 8601, UTC; None: never
    rehearsal: bool = False

    @property
    def operation(self) -> str:
        """What happens to the items."""
        return str(self.terms["operation"])


# ----------------------------------------------------------------------------------------- writing


def pieces(
    head: Head,
    parts: Iterable[Planned | Stretch],
    operation: Operation,
    digests: Digests,
    counts: Mapping[str, int],
) -> Iterator[str]:
    """The plan's text but for its last line. `counts` is complete when the parts are; memory does not grow with the items."""
    yield (
        FIRST_LINE.decode() + "".join(f"{name} {_json(value)}\n" for name, value in _head_lines(head)) + "\n"
    )
    lines = _Lines(operation, digests.of_items(operation))
    yield from _together(map(lines.of, parts))
    yield f"\ncounts {_json(counts)}\n"


def _head_lines(head: Head) -> Iterator[tuple[str, Any]]:
    yield "job", {"name": head.name, "path": head.job, "digest": head.job_digest}
    yield "provider", head.provider_digest
    yield "key", head.key
    for key, value in head.changes:
        yield "set", [key, value]
    if head.feeds is not None:
        yield "feeds", head.feeds
    if head.expires is not None:
        yield "expires", head.expires
    if head.rehearsal:
        yield "rehearsal", True
    for name, value in sorted(head.terms.items()):
        yield f"term {name}", value


class _Lines:
    """The items' lines, many at a time: a million pass, and what can be left out is."""

    def __init__(self, operation: Operation, digests: ItemDigests) -> None:
        self._sent, self._alone = f"{operation.name} ", len(operation.keys) == 1
        self._digests = digests

    def of(self, part: Planned | Stretch) -> str:
        """All of a part's."""
        return self._of_stretch(part) if isinstance(part, Stretch) else self._of_item(part)

    def _of_stretch(self, stretch: Stretch) -> str:
        """A table's rows: their username is all of their identity."""
        sent, shown = self._sent, stretch.usernames
        if not _is_plain("".join(shown)):
            shown = tuple(map(_escaped, shown))
        if stretch.clean.only_usernames:
            lead = f"{sent}{self._digests.of_nothing} "
            return f"{lead}{f'{chr(10)}{lead}'.join(shown)}\n"
        digests = self._digests.of_rows(stretch.clean)
        return "".join([f"{sent}{digest} {name}\n" for digest, name in zip(digests, shown, strict=False)])

    def _of_item(self, item: Planned) -> str:
        shown = _escaped(item.username) if self._alone else _shown(item.username, item.key)
        if item.skip is not None:
            return f"{_SKIP}{item.skip.code} - {shown}\n"
        return f"{self._sent}{self._digests.of(item.fields)} {shown}\n"


def _together(texts: Iterable[str]) -> Iterator[str]:
    """The same text in pieces of some size."""
    some, size = list[str](), 0
    for text in texts:
        some.append(text)
        size += len(text)
        if size >= _PIECE:
            yield "".join(some)
            some, size = [], 0
    yield "".join(some)


def _is_plain(text: str) -> bool:
    """Whether it needs no escapes."""
    return text.isprintable() and "\\" not in text


def _shown(username: str, key: str | None) -> str:
    """An identity of several fields in one line: the username, and behind tabs what else belongs to it."""
    others = [] if key is None else key.split(KEY_SEPARATOR)[1:]
    return "\t".join(map(_escaped, (username, *others)))


def _escaped(text: str) -> str:
    return text if _is_plain(text) else text.encode("unicode_escape").decode("ascii")


def _plain(shown: str) -> str:
    return shown.encode("ascii", "backslashreplace").decode("unicode_escape") if "\\" in shown else shown


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


# ----------------------------------------------------------------------------------------- reading


def head_of(lines: Iterator[str], name: str) -> Head:
    """Reads the head, the blank line below it included. `name` is the file's, for errors. Raises InputError."""
    if next(lines, "").encode() != FIRST_LINE:
        raise _unreadable(name, "is of another version of bulkim")
    try:
        said: dict[str, Any] = {}
        terms: dict[str, Any] = {}
        changes: list[tuple[str, str]] = []
        for line in iter(lambda: next(lines), "\n"):
            word, _, rest = line.rstrip("\n").partition(" ")
            if word == "term":
                term, _, rest = rest.partition(" ")
                terms[term] = json.loads(rest)
            elif word == "set":
                key, value = json.loads(rest)
                changes.append((key, value))
            else:
                said[word] = json.loads(rest)
        return Head(
            said["job"]["name"], said["job"]["path"], said["job"]["digest"], said["provider"], said["key"], terms, tuple(changes),
            said.get("feeds"), said.get("expires"), said.get("rehearsal", False),
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, StopIteration):
        raise _unreadable(name, "has no head that can be read") from None


def _unreadable(name: str, why: str) -> InputError:
    return InputError([Problem(name, 1, None, f"this plan {why}. Nothing was sent")], hint=WRITE_AGAIN)


def items_of(lines: Iterator[str]) -> Iterator[tuple[str, str, str]]:
    """The items' lines as (what, digest, identity), up to the blank line below them."""
    for line in lines:
        if line == "\n":
            return
        what, digest, shown = line[:-1].split(" ", 2)
        yield what, digest, shown


def identity(shown: str) -> tuple[str, ...]:
    """The username of an item's line, and what else is part of its identity."""
    return tuple(map(_plain, shown.split("\t")))


def key_of(names: tuple[str, ...], folded: Callable[[str], str]) -> str:
    """An item's key, as `bulkim.planning.items` makes it."""
    return KEY_SEPARATOR.join((folded(names[0]), *names[1:]))


def is_sent(what: str) -> bool:
    """Whether an item's line says that it is to be sent."""
    return not what.startswith(_SKIP)


def counts_of(lines: Iterator[str]) -> dict[str, int]:
    """The counts, below the items."""
    counts = json.loads(next(lines).removeprefix("counts "))
    return {name: counts[name] for name in Tally().counts}


def named_by(given: str, digest: str) -> bool:
    """Whether somebody names this plan: by its digest, or by at least the first eight digits of it."""
    given = given.strip().lower()
    return _DIGITS.fullmatch(given) is not None and digest.startswith(given)


WRITE_AGAIN = "write it again with `bulkim plan JOB -o FILE`, and look at what is different"
