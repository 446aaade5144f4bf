"""Tells a webhook that a run has ended. It may fail, but never the run: three tries, a few seconds, then a warning."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPRedirectHandler, Request, build_opener

from bulkim.model import Notify
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


def told(hook: Notify, finished: Finished) -> str | None:
    """Tell the webhook of a run's end. Returns what to warn of, in words; None when it was taken."""
    trouble = notify(hook, facts(finished, now=time.time(), host=platform.node()))
    return None if trouble is None else f"the webhook was not told: {trouble}"


def facts(finished: Finished, *, now: float, host: str) -> dict[str, Any]:
    """A run's summary, with what a reader elsewhere needs beside it. Times are Unix seconds."""
    record = finished.record
    return {
        **finished.summary, "exit_code": finished.exit_code, "target": record.target, "host": host,
        "started_at": record.created_at, "finished_at": record.finished_at or now,
    }  # fmt: skip


def notify(
    hook: Notify, found: Mapping[str, Any], *, sleep: Callable[[float], None] = time.sleep
) -> str | None:
    """POST the facts in the hook's format. Returns what went wrong at last, without the address; None when it was taken."""
    body = json.dumps(notices.body(hook.format, found), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": f"bulkim/{__version__}"}
    opener = build_opener(_NoRedirects)
    trouble = "nothing was tried"
    for number in range(TRIES):
        if number:
            sleep(PAUSE_S * 2 ** (number - 1))
        try:
            request = Request(hook.url, data=body, headers=headers, method="POST")  # noqa: S310 - http(s): the job file's loader checks
            with opener.open(request, timeout=TIMEOUT_S) as answer:
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
