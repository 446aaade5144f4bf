"""What a job's input comes to and what would be sent, without sending anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from bulkim import planning, source, window
from bulkim.auth.credentials import shown
from bulkim.catalogue.shapes import Operation, Provider
from bulkim.codec import encode, parting
from bulkim.model import Call, Credentials, Item, Job, PageRequest
from bulkim.planning import Estimate, Planned, Stretch
from bulkim.planning.planned import one_by_one
from bulkim.planning.suspects import Suspects
from bulkim.redact import MASK
from bulkim.source import SourceReader
from bulkim.vendors import provider

PROBLEMS_MAX = 50


@dataclass(frozen=True, slots=True)
class Surveyed:
    """A job and what its input comes to. `survey` is None where only the vendor knows the items."""

    job: Job
    provider: Provider
    operation: Operation
    survey: planning.Survey | None
    input: str
    notes: tuple[str, ...] = ()  # what was odd about the input, a line each

    @property
    def counts(self) -> Mapping[str, int] | None:
        """Items by what will become of them; None: only the run can tell."""
        if self.survey is not None:
            return self.survey.counts
        count = self.job.params.get("count") if self.operation.paging else None
        return {"send": count} if isinstance(count, int) else None

    @property
    def estimate(self) -> Estimate:
        """What it takes at least; of what only the run can tell, nothing."""
        groups = self.survey.groups.values() if self.survey else ()
        return planning.estimate(self.job, self.provider, self.operation, self.counts or {"send": 0}, groups)

    @property
    def invalid(self) -> int:
        """Items that would be skipped as invalid."""
        return self.survey.counts.get("invalid", 0) if self.survey else 0


def surveyed(
    job: Job, *, journal: Path, problems_max: int = PROBLEMS_MAX, without: Sequence[int] = ()
) -> Surveyed:
    """Read the whole input, and name so many of its invalid rows. Raises InputError; UsageError where an earlier run is the source and not there.

    `without`: runs of the journal (row ids); whom they have done is left out.
    """
    vendor = provider(job.provider, job.vendor_text)
    operation = vendor.operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    if job.source.is_listing:
        return Surveyed(job, vendor, operation, None, f"the {job.source.listing} that the vendor lists")
    if job.source.kind == "none":
        return Surveyed(job, vendor, operation, None, "none: the vendor chooses")
    with _reader(job, operation, journal) as reader:
        suspects = Suspects(narrowed=bool(without))
        rows = planning.stretches(job, vendor, operation, reader, suspects)
        if without:
            rows = _undone(rows, journal, without, suspects)
        size = planning.batch_size(operation, job)
        survey = planning.survey(
            rows, name=partial(source.file_of, reader), problems_max=problems_max, head_max=size,
            part=parting(operation) if size > 1 else None,
        )  # fmt: skip
        return Surveyed(
            job,
            vendor,
            operation,
            survey,
            reader.name,
            (*reader.noticed.notes(suspects.sent), *suspects.notes()),
        )


def _undone(
    rows: Iterable[Planned | Stretch], journal: Path, runs: Sequence[int], suspects: Suspects
) -> Iterator[Planned | Stretch]:
    from bulkim.journal import Reader
    from bulkim.planning.intake import undone

    with Reader.open(journal) as reader:
        yield from undone(one_by_one(rows), reader, runs, suspects)


@contextmanager
def _reader(job: Job, operation: Operation, journal: Path) -> Iterator[SourceReader]:
    if not job.source.is_earlier_run:
        yield source.open_source(job.source, secret_fields=operation.secrets, required=operation.required)
        return
    from bulkim.journal import Reader
    from bulkim.source.run import earlier_run

    with Reader.open(journal) as opened:
        yield earlier_run(opened, job.source, secret_fields=operation.secrets, rehearsal=job.rehearsal)


def plan_document(
    found: Surveyed, estimate: Estimate, first: Mapping[str, Any] | None, outlook: Mapping[str, Any]
) -> dict[str, Any]:
    """The object that `plan --json` prints. `outlook`: what else is known of how long it will take."""
    job = found.job
    known = found.counts is not None
    return {
        "name": job.name, "provider": job.provider, "operation": job.operation, "app": job.connection.app_name,
        "base_url": job.connection.base_url, "environment": job.connection.environment, "input": found.input,
        "items": estimate.items if known else None, "send": estimate.send if known else None,
        "skipped": dict(estimate.skipped), "batch": estimate.batch,
        "requests": estimate.requests if known else None, "pool": estimate.pool,
        "limit_per_s": estimate.limit_per_s, "least_s": round(estimate.least_s, 3) if known else None,
        **outlook,
        "destroys": found.operation.destroys, "window": window_document(found, estimate, window.now()),
        "snapshot": _snapshot(found, estimate) if known else None,
        "first_request": first, "unset": list(job.unset),
    }  # fmt: skip


def _snapshot(found: Surveyed, estimate: Estimate) -> dict[str, Any] | None:
    """What it costs to read what is there before it is written over."""
    look = planning.before(found.job, found.provider, found.operation)
    return None if look is None else {"operation": look.name, "requests": estimate.reads}


def window_document(found: Surveyed, estimate: Estimate, at: datetime) -> dict[str, Any] | None:
    """The job's window as it stands at a moment: this opening, or the next; None where the job has none."""
    hours = found.job.window
    if hours is None:
        return None
    opens = hours.opens(at)
    closes = hours.closes(opens)
    return {
        "hours": str(hours),
        "open": hours.is_open(at),
        "opens": _iso(opens.astimezone(hours.zone)),
        "closes": _iso(closes.astimezone(hours.zone)) if closes else None,
        "nights": hours.nights(estimate.least_s, at) if found.counts is not None else None,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds")


# ------------------------------------------------------------------------------------- first request


def first_call(found: Surveyed) -> dict[str, Any] | None:
    """The first request as it would be sent, secrets masked; None where only the run can tell."""
    job, page = found.job, None
    size = planning.batch_size(found.operation, job)
    operation = found.operation.single if size == 1 and found.operation.single else found.operation
    if operation.paging is not None:
        page = PageRequest(min(size, (found.counts or {}).get("send", size)))
    elif found.survey is None or not found.survey.head:
        return None
    batch = _masked_items(found, found.survey.head) if found.survey else ()
    proof = shown(job.connection, found.provider)
    call = encode(found.provider, operation, job.connection, batch, single=size == 1, page=page)
    return {
        "method": call.method,
        "url": _url(job, call, proof),
        "headers": _headers(call, proof),
        "body": call.body.decode("utf-8", "replace"),
    }


def _masked_items(found: Surveyed, head: Sequence[Planned]) -> tuple[Item, ...]:
    secrets = found.operation.secrets
    return tuple(
        Item(
            number, each.key or "", each.username,
            {name: MASK if name in secrets else value for name, value in each.fields.items()}, each.line,
        )
        for number, each in enumerate(head, 1)
    )  # fmt: skip


def _url(job: Job, call: Call, proof: Credentials) -> str:
    query = (*proof.query, *call.query)
    written = urlencode(query, safe="*")
    for name in job.unset:  # what is not set yet is a name, not a value
        written = written.replace(quote(f"${{{name}}}"), f"${{{name}}}")
    return f"{job.connection.base_url}{call.path}" + (f"?{written}" if query else "")


def _headers(call: Call, proof: Credentials) -> dict[str, str]:
    headers = {"Accept": "application/json"}
    if call.content_type:
        headers["Content-Type"] = call.content_type
    return headers | {name.title(): value for name, value in (*call.headers, *proof.headers)}
