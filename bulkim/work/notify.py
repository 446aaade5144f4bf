"""Tells webhooks that a run has ended, or was refused. They may fail, but never the run: three tries, a few seconds, then a warning."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from bulkim import codes, vendors
from bulkim.codec.refusals import decided_by
from bulkim.codes import Meaning
from bulkim.model import Job, Notify, Status
from bulkim.version import __version__
from bulkim.work import notices
from bulkim.work.runner import Finished

TRIES = 3
TIMEOUT_S = 5.0
PAUSE_S = 1.0  # doubled
ANSWER_BYTES_MAX = 10_000


class _NoRedirects(HTTPRedirectHandler):
    """A webhook that moved is an error: who knows where it leads."""

    def redirect_request(self, *_: Any) -> None:
        return None


def told(job: Job, found: Mapping[str, Any]) -> Iterator[str]:
    """Tell all of a job's webhooks. Yields what to warn of, in words; nothing where all of them took it."""
    known = _meaning(job, found.get("stop"))
    for number, hook in enumerate(job.notify):
        if trouble := notify(hook, found, known=known):
            which = f" notify.{number}" if len(job.notify) > 1 else ""
            yield f"the webhook{which} was not told: {trouble}"


def tried(job: Job, hook: Notify) -> str | None:
    """Send a test message, as a run that did nothing. Returns what went wrong; None when it was taken."""
    now = time.time()
    nothing = dict.fromkeys(map(str, Status), 0)
    target = f"{job.connection.base_url} {job.connection.target}"
    found = {
        "run": "", "name": job.name, "provider": job.provider, "operation": job.operation, "state": "test", "items": 0,
        "counts": nothing, "codes": {}, "requests": 0, "elapsed_s": 0.0, "exit_code": 0, "target": target,
        "host": platform.node(), "started_at": now, "finished_at": now,
    }  # fmt: skip
    return notify(hook, found)


def facts(finished: Finished, *, now: float | None = None, host: str | None = None) -> dict[str, Any]:
    """A run's summary, with what a reader elsewhere needs beside it. Times are Unix seconds."""
    record = finished.record
    return {
        **finished.summary, "exit_code": finished.exit_code, "target": record.target, "host": host or platform.node(),
        "started_at": record.created_at, "finished_at": record.finished_at or now or time.time(),
    }  # fmt: skip


def _meaning(job: Job, stop: Mapping[str, str] | None) -> Meaning | None:
    """What the code means with which a run stopped: by the vendor's table, or by ours."""
    if not stop:
        return None
    provider = vendors.known(job.provider, job.vendor_text)
    operation = provider.operation(job.operation) if provider else None
    if provider is not None and operation is not None:
        rule = decided_by(provider, operation, stop["code"], stop.get("reason"))
        if rule is not None:
            return Meaning(rule.meaning, rule.remedy, rule.page)
    return codes.own(stop["code"])


def notify(
    hook: Notify,
    found: Mapping[str, Any],
    *,
    known: Meaning | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> str | None:
    """POST the facts in the hook's format. Returns what went wrong at last, without the address; None when it was taken."""
    body = notices.body(hook.format, found, known)
    opener = build_opener(_NoRedirects)
    trouble = "nothing was tried"
    for number in range(TRIES):
        if number:
            sleep(PAUSE_S * 2 ** (number - 1))
        try:
            with opener.open(_request(hook, body), timeout=TIMEOUT_S) as answer:
                return notices.refusal(hook.format, answer.read(ANSWER_BYTES_MAX))
        except HTTPError as error:
            trouble = f"HTTP {error.code}"
            error.close()
            if error.code < HTTPStatus.INTERNAL_SERVER_ERROR and error.code != HTTPStatus.TOO_MANY_REQUESTS:
                break
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            trouble = str(getattr(reason, "strerror", None) or reason or type(error).__name__)
        except Exception as error:  # noqa: BLE001 - http.client has errors of its own, and none may end a run
            trouble = type(error).__name__
    return trouble


def _request(hook: Notify, body: Mapping[str, Any]) -> Request:
    """One try; a signature is of this moment."""
    url, signed = notices.signed(hook, body, time.time())
    data = json.dumps(signed, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"bulkim/{__version__}"}
    return Request(url, data=data, headers=headers, method="POST")  # noqa: S310 - http(s): the job file's loader checks
