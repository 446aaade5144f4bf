"""What of planned rows is stored: no secrets, no constants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import count, islice, repeat
from typing import Any

from bulkim.catalogue.shapes import Operation
from bulkim.journal.records import Entry
from bulkim.model import Job
from bulkim.planning.columns import Clean
from bulkim.planning.digests import Digests
from bulkim.planning.planned import Planned, Stretch
from bulkim.planning.seen import Seen

_STANDING = frozenset({"protected", "changed", "removed"})  # skips that are their user's only item
_ENTRY: Callable[[Iterable[Any]], Entry] = partial(tuple.__new__, Entry)  # as Entry._make, at half the time
_NONE = repeat(None)

DigestOf = Callable[[Mapping[str, Any]], bytes]


def entries_of(
    parts: Iterable[Planned | Stretch], job: Job, operation: Operation, digests: Digests | None
) -> Iterator[Entry]:
    """An entry for each row. `digests`: of the secrets, where there is a key."""
    params, secrets = job.params, operation.secrets
    left_out = secrets | {"username"}
    stored = [each.name for each in operation.fields if each.name not in left_out]
    digest_of = digests.of_named(secrets) if digests is not None and secrets else None
    standing = Seen()
    for each in parts:
        if isinstance(each, Stretch):
            varying = _varying(each.clean, stored, params)
            yield from _of_stretch(each, varying, secrets, digest_of)
            continue
        position, line, key, username, fields, extra, skip = each
        if skip is not None:
            first = key is not None and skip.code in _STANDING and standing.add(key, 1) is None
            identity = key if first else None  # an identity stands once
            yield Entry(position, line, identity, username, None, extra or None, skip.code, skip.reason)
            continue
        kept = {
            name: fields[name]
            for name in stored
            if name in fields and not (name in params and params[name] == fields[name])
        }
        digest = digest_of(fields) if digest_of else None
        yield Entry(position, line, key, username, kept or None, extra or None, None, None, digest)


def _varying(clean: Clean, stored: Sequence[str], params: Mapping[str, Any]) -> list[str]:
    """The fields that these rows have of their own: a param's is the same for all."""
    first = dict(zip(stored, next(clean.rows(stored)), strict=True))
    return [
        name for name in stored if clean.has(name) and not (name in params and params[name] == first[name])
    ]


def _of_stretch(
    stretch: Stretch, stored: Sequence[str], secrets: Iterable[str], digest_of: DigestOf | None
) -> Iterator[Entry]:
    """The same of rows that are all sent, by column."""
    clean = stretch.clean
    hidden = sorted(filter(clean.has, secrets))
    digests = map(digest_of, clean.fields(hidden) if hidden else repeat({})) if digest_of else _NONE
    kept = (fields or None for fields in clean.fields(stored)) if stored else _NONE
    extras = (extra or None for extra in clean.extras())
    positions, lines = count(stretch.position), count(stretch.line)
    rows = zip(
        positions, lines, stretch.keys, clean.usernames, kept, extras, _NONE, _NONE, digests, strict=False
    )
    return map(_ENTRY, islice(rows, stretch.size))
