"""What the functions return: frozen dataclasses, those that stand for a JSON object of the command line mappings too."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self

from bulkim.errors import Problem

_OTHER_NAMES = {"item_count": "items"}  # `items` is a mapping's method


@dataclass(frozen=True, slots=True)
class Checked:
    """What `check` found. `counts` has ``send`` and the reasons to skip; it is empty where only the vendor knows."""

    counts: Mapping[str, int]
    problems: Sequence[Problem]  # with invalid items; the first fifty

    @property
    def ok(self) -> bool:
        """Whether no item would be skipped as invalid."""
        return not self.counts.get("invalid")


class Document(Mapping[str, Any]):
    """A dataclass that is also the mapping of a JSON object: ``dict(it)`` is what the command line prints."""

    __slots__ = ()
    _left_out: ClassVar[frozenset[str]] = frozenset()  # keys that are not there where they would be None

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Self:
        """From the JSON object; what it has beside is left alone."""
        keys = {each.name: _OTHER_NAMES.get(each.name, each.name) for each in fields(cls)}  # type: ignore[arg-type]
        return cls(**{name: document[key] for name, key in keys.items() if key in document})

    def _values(self) -> dict[str, Any]:
        found = {each.name: getattr(self, each.name) for each in fields(self)}  # type: ignore[arg-type]
        return {
            _OTHER_NAMES.get(name, name): value
            for name, value in found.items()
            if value is not None or name not in self._left_out
        }

    def __getitem__(self, key: str) -> Any:
        return self._values()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())


@dataclass(frozen=True, slots=True, eq=False)
class Estimate(Document):
    """What a run would send and how long it would take: the object that ``bulkim plan --json`` prints.

    As a mapping it has the key ``items`` for `item_count`. None: only the run can tell.
    """

    name: str
    provider: str
    operation: str
    app: str
    base_url: str
    environment: str | None
    input: str
    item_count: int | None  # all items; the key ``items``
    send: int | None  # of them, those that would be sent
    skipped: Mapping[str, int]  # the others, by code
    batch: int  # items a request
    requests: int | None
    pool: str | None  # the quota that limits the speed
    limit_per_s: float | None  # requests a second, after the job's `rate`
    least_s: float | None  # seconds that so many requests need at that rate
    expected_s: float | None  # with the latency of this app's earlier runs
    latency_ms: Mapping[str, float] | None  # p50 and p95 of those
    resting: Mapping[str, Any] | None  # until when the vendor asked to rest, and for how long
    # the run that the job would continue, or that has done it: run, finished (None: unfinished), done, pending
    earlier: Mapping[str, Any] | None
    destroys: str | None  # what goes with the users, in words
    window: Mapping[str, Any] | None
    snapshot: Mapping[str, Any] | None  # what is read before: operation, requests
    first_request: Mapping[str, Any] | None  # method, url, headers, body; secrets masked
    unset: Sequence[str]  # variables that are not set, and that a run needs


@dataclass(frozen=True, slots=True, eq=False)
class Summary(Document):
    """How a run stands: the object that ``bulkim run --json`` prints.

    As a mapping it has the key ``items`` for `item_count`, and the last keys only where they are not None.
    """

    _left_out: ClassVar[frozenset[str]] = frozenset({"stop", "rehearsal", "parent", "resting", "paused"})

    run: str
    name: str
    provider: str
    operation: str
    state: str  # running, finished, interrupted or stopped
    item_count: int  # all items; the key ``items``
    counts: Mapping[str, int]  # outcome -> items; they add up
    codes: Mapping[str, int]  # code -> items
    requests: int
    retries: int
    throttled: int
    resumed: bool
    elapsed_s: float
    journal: str
    stop: Mapping[str, str] | None = None  # code and reason, where it ended early
    rehearsal: bool | None = None  # True: it went to the sandbox
    parent: str | None = None  # the run that it retries
    resting: Mapping[str, Any] | None = None  # while it runs: until when the vendor asked to rest, how long
    paused: bool | None = None  # True, while it runs: `bulkim ctl` paused it
