"""A job in a sandbox of its own: which looks like the job's app, knows the input's users, and is open at any hour."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from typing import Any

from bulkim import jobfile, planning, source
from bulkim.catalogue.shapes import Effect, Provider
from bulkim.model import Job
from bulkim.text import counted
from bulkim.vendors import provider
from bulkim.work import played

NOWHERE = "http://127.0.0.1:8086"  # stands for the sandbox where nothing is sent
USERS_MAX = 100_000  # more would make a rehearsal slow to start
CHUNK = 5_000

Say = Callable[[str], None]


@contextmanager
def rehearsed(
    load: Callable[[str], Job], *, say: Say = lambda _: None, listed: Iterable[str] = ()
) -> Iterator[Job]:
    """The job as it is rehearsed, while its sandbox runs. `load` gets the sandbox's URL; `say` is told what is done.

    `listed`: whom a listing named when a plan was made of it; the sandbox has them then.
    """
    from bulkim.sandbox import Embedded

    with Embedded() as sandbox:
        say(f"rehearsal: everything goes to an embedded sandbox at {sandbox.base_url}")
        job = load(sandbox.base_url)
        vendor = provider(job.provider, job.vendor_text)
        _play(sandbox.base_url, job, vendor, say=say)
        if seeded := _seed(sandbox.base_url, job, vendor, listed=listed):
            say(f"rehearsal: the sandbox was given {counted(seeded, 'user')} of the input")
        elif job.source.is_listing:
            say(
                "rehearsal: the sandbox has no users to list; save a plan (`bulkim plan JOB -o FILE`) and rehearse that"
            )
        yield at_any_hour(job, say=say)


def at_any_hour(job: Job, *, say: Say = lambda _: None) -> Job:
    """The job without its window: a rehearsal is possible at noon."""
    if job.window:
        say(f"rehearsal: the window {job.window} is taken no notice of")
    return replace(job, window=None)


def published(url: str | None) -> Callable[[Provider], Mapping[str, Any]] | None:
    """The connections that a sandbox at `url` publishes, by provider; None without one."""
    if url is None:
        return None
    from bulkim.sandbox import connection

    def of(vendor: Provider) -> Mapping[str, Any]:
        try:
            return connection(vendor.name, url)
        except KeyError:
            return played.connection(vendor, url)

    return of


def moved(job: Job, url: str) -> Job:
    """A job that was loaded for its vendor, with the connection of the sandbox at `url`."""
    vendor = provider(job.provider, job.vendor_text)
    of = published(url)
    assert of is not None
    return replace(job, rehearsal=True, connection=jobfile.build_connection(vendor, of(vendor)))


def _play(url: str, job: Job, vendor: Provider, *, say: Say = lambda _: None) -> None:
    """Give the sandbox a declared provider's cases, which is less than an emulator. Raises UsageError where there are none."""
    if job.vendor_text is None:
        return
    operation = vendor.operation(job.operation)
    assert operation is not None, "the job file's loader checks this"
    control(url, "PUT", "script", played.script(vendor, operation))
    say(
        f"rehearsal: {vendor.name} is played, not rehearsed: the sandbox says what the declaration's own cases say"
    )


def _seed(url: str, job: Job, vendor: Provider, *, listed: Iterable[str] = ()) -> int:
    """Let the users of the input exist there, contacts too, unless the job creates them. Returns how many.

    Standard input is left alone: it can be read only once, and the run needs it.
    """
    operation = vendor.operation(job.operation)
    readable = job.source.is_given and not job.source.is_stdin
    if operation is None or operation.effect is Effect.CREATE or not (readable or job.source.is_listing):
        return 0
    if readable:
        reader = source.open_source(job.source, secret_fields=operation.secrets, required=operation.required)
        others = [each.name for each in operation.fields if each.user]
        rows = (each for each in planning.prepare(job, vendor, operation, reader) if each.skip is None)
        listed = (
            name
            for each in rows
            for name in (each.username, *(each.fields[other] for other in others if other in each.fields))
        )
    names = _distinct(map(vendor.folded, listed))
    app = "/".join(job.connection.app.values())  # as the sandbox's control calls name it
    seeded = 0
    while chunk := list(islice(names, min(CHUNK, USERS_MAX - seeded))):
        if job.vendor_text is None:
            control(url, "POST", "users", {"app": app, "users": chunk})
        else:
            control(url, "POST", "script", {"users": chunk})
        seeded += len(chunk)
    return seeded


def _distinct(names: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name not in seen:
            seen.add(name)
            yield name


def control(url: str, method: str, what: str, document: Any = None) -> Any:
    """A call to a sandbox's control endpoint, past any proxy: it is our own process. Returns the JSON that it answers."""
    body = None if document is None else json.dumps(document).encode()
    from urllib.request import (  # HTTP and TLS, which most commands do not need
        ProxyHandler,
        Request,
        build_opener,
    )

    request = Request(f"{url}/_sandbox/{what}", data=body, method=method)  # noqa: S310 - our own loopback URL
    with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
        return json.load(answer)
