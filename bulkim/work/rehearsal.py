"""Making an embedded sandbox look like the app that a job is about."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from bulkim import planning, source
from bulkim.catalogue.shapes import Effect
from bulkim.model import Job
from bulkim.vendors import provider

USERS_MAX = 100_000  # more would make a rehearsal slow to start
CHUNK = 5_000


def published(url: str | None) -> Callable[[str], Mapping[str, Any]] | None:
    """The connections that a sandbox at `url` publishes, by provider; None without one."""
    if url is None:
        return None
    from bulkim.sandbox import connection

    return lambda provider: connection(provider, url)


def seed(url: str, job: Job) -> int:
    """Let the users of the input exist there, unless the job creates them. Returns how many.

    Standard input is left alone: it can be read only once, and the run needs it.
    """
    vendor = provider(job.provider, job.vendor_text)
    operation = vendor.operation(job.operation)
    readable = job.source.is_given and not job.source.is_stdin
    if operation is None or operation.effect is Effect.CREATE or not readable:
        return 0
    reader = source.open_source(job.source, secret_fields=operation.secrets)
    rows = planning.prepare(job, vendor, operation, reader)
    names = _distinct(vendor.folded(each.username) for each in rows if each.skip is None)
    app = "/".join(job.connection.app.values())  # as the sandbox's control calls name it
    seeded = 0
    while chunk := list(islice(names, min(CHUNK, USERS_MAX - seeded))):
        _post(f"{url}/_sandbox/users", {"app": app, "users": chunk})
        seeded += len(chunk)
    return seeded


def _distinct(names: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for name in names:
        if name not in seen:
            seen.add(name)
            yield name


def _post(url: str, document: object) -> None:
    """Past any proxy: it is our own process."""
    request = Request(url, data=json.dumps(document).encode(), method="POST")  # noqa: S310
    with build_opener(ProxyHandler({})).open(request, timeout=30) as answer:
        answer.read()
