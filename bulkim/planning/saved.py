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
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from bulkim.catalogue.shapes import Operation
from bulkim.errors import InputError, Problem
from bulkim.model import KEY_SEPARATOR
from bulkim.planning.digests import Digests, ItemDigests
from bulkim.planning.items import Planned

MAGIC = b"bulkim plan "
FORMAT = 1
FIRST_LINE = MAGIC + b"%d\n" % FORMAT
_CHUNK = 2_000  # lines
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


@dataclass(slots=True)
class Tally:
    """What a plan comes to; counted while its lines are made."""

    send: int = 0
    skipped: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("duplicate", "protected", "invalid"), 0)
    )

    @property
    def counts(self) -> dict[str, int]:
        """As a survey has them."""
        return {"send": self.send, **self.skipped}


# ----------------------------------------------------------------------------------------- writing


def pieces(
    head: Head, items: Iterable[Planned], operation: Operation, digests: Digests, tally: Tally
) -> Iterator[str]:
    """The plan's text but for its last line. `tally` is filled in meanwhile; memory does not grow with the items."""
    yield (
        FIRST_LINE.decode() + "".join(f"{name} {_json(value)}\n" for name, value in _head_lines(head)) + "\n"
    )
    yield from _item_pieces(iter(items), operation, digests.of_items(operation), tally)
    yield f"\ncounts {_json(tally.counts)}\n"


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


def _item_pieces(
    items: Iterator[Planned], operation: Operation, digests: ItemDigests, tally: Tally
) -> Iterator[str]:
    """The items' lines, many at a time. A million pass through this loop: what can be left out of it is."""
    sent, alone = f"{operation.name} ", len(operation.keys) == 1
    fresh, packed = digests
    while True:
        lines, skipped = list[str](), 0
        append = lines.append
        for _, _, key, username, fields, _, skip in islice(items, _CHUNK):
            shown = username if alone else _shown(username, key)
            if skip is None:
                digest = fresh()
                digest.update(username.encode() if len(fields) == 1 else packed(fields))
                append(f"{sent}{digest.hexdigest()} {shown}")
            else:
                skipped += 1
                tally.skipped[skip.code] += 1
                append(f"{_SKIP}{skip.code} - {shown}")
        if not lines:
            return
        tally.send += len(lines) - skipped
        if alone and not _is_plain("".join(lines)):
            lines = [
                " ".join((*words, _escaped(shown)))
                for *words, shown in (line.split(" ", 2) for line in lines)
            ]
        yield "\n".join((*lines, ""))


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
