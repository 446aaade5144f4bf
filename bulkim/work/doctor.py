"""Whether a job could run from here: its credentials, the clock, the journal's place, the host's ledger.

At most one call is sent. It changes nothing: a token is fetched, or a user is asked about who is not there.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Literal

import anyio

from bulkim import places
from bulkim.auth.credentials import credential
from bulkim.catalogue.shapes import Operation, Provider
from bulkim.codec import decode, encode
from bulkim.errors import BulkimError, RefusedError
from bulkim.model import Call, Credentials, Fault, Item, Job, Kind, Reply
from bulkim.text import counted, milliseconds
from bulkim.transport import Transport

NOBODY = "bulkim-doctor"  # a username that nobody has
CLOCK_S_MAX = 60.0  # signatures and doubt bear less than this
FREE_BYTES_MIN = 200_000_000
ASKED = ("get-user", "get-mute", "online-status")  # the first that the vendor has
KNOWN = {
    Kind.SUCCEEDED,
    Kind.ALREADY,
    Kind.ABSENT,
    Kind.REJECTED,
    Kind.POISONED,
}  # answers of the vendor's own


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `code` is the exit code that it asks for; 0: it is well."""

    name: str
    state: Literal["ok", "warning", "bad", "skipped"]
    words: str
    hint: str = ""
    code: int = 0


def robots(job: Job, *, send: bool) -> list[Finding]:
    """The job's webhooks: how many there are, or what became of a test message to each."""
    from bulkim.work.notify import tried

    if not job.notify:
        return []
    if not send:
        who = counted(len(job.notify), "webhook")
        return [Finding("notify", "skipped", f"{who}: --notify sends a test message to each")]
    found = []
    for number, hook in enumerate(job.notify):
        trouble = tried(job, hook)
        name = f"notify.{number}" if len(job.notify) > 1 else "notify"
        words = f"{hook.format}: {trouble or 'took the test message'}"
        found.append(Finding(name, "bad" if trouble else "ok", words, code=1 if trouble else 0))
    return found


def window_of(job: Job, now: datetime) -> list[Finding]:
    """Whether the job may send at this hour."""
    if job.window is None:
        return []
    if job.window.is_open(now):
        return [Finding("window", "ok", f"{job.window}: open")]
    return [Finding("window", "warning", f"{job.window}: opens {job.window.told(job.window.opens(now))}")]


@dataclass(frozen=True, slots=True)
class Question:
    """The one call, and with what credentials."""

    call: Call
    credentials: Credentials
    operation: Operation | None  # None: it fetches a token

    @property
    def words(self) -> str:
        """What will be sent, for people."""
        what = "fetch a token" if self.operation is None else f"ask about the user {NOBODY}, who is not there"
        return f"{self.call.method} {self.call.path}: {what}"


def question(job: Job, provider: Provider, *, now: float) -> Question | None:
    """The call that tells whether the credentials are good; None: this provider has none that is harmless.

    Raises RefusedError for credentials that cannot be sent.
    """
    proof = credential(job.connection, provider)
    if (fetch := proof.needs(now)) is not None:
        return Question(fetch, Credentials(), None)
    current = proof.current(now)
    operation = next(filter(None, map(provider.operation, ASKED)), None)
    if current is None or operation is None:
        return None
    return Question(encode(provider, operation, job.connection, [_nobody(operation)]), current, operation)


def _nobody(operation: Operation) -> Item:
    return Item(1, NOBODY, NOBODY, {operation.keys[0]: NOBODY})


def answered(job: Job, provider: Provider, found: Question) -> list[Finding]:
    """Send the question. What the answer says of the network, of the credentials and of the clock."""
    return [*_judged(job, provider, found, anyio.run(_sent, job, found), now=time.time())]


async def _sent(job: Job, found: Question) -> Reply | Fault:
    async with Transport(job.connection.base_url, timeout_s=job.timeout_s) as transport:
        return await transport.send(found.call, found.credentials)


def _judged(
    job: Job, provider: Provider, found: Question, answer: Reply | Fault, *, now: float
) -> Iterator[Finding]:
    if isinstance(answer, Fault):
        yield Finding(
            "vendor", "bad", answer.reason, "check base_url, the network and the proxy variables", 4
        )
        return
    yield Finding(
        "vendor",
        "ok",
        f"{job.connection.base_url} answered HTTP {answer.status} in {milliseconds(answer.latency_s * 1000)}",
    )
    yield _credentials(job, provider, found, answer, now=now)
    yield _clock(answer, now=now)


def _credentials(job: Job, provider: Provider, found: Question, answer: Reply, *, now: float) -> Finding:
    if found.operation is None:
        proof = credential(job.connection, provider)
        try:
            waits = proof.accept(answer, now)
        except RefusedError as error:
            return Finding("credentials", "bad", error.message, error.hint or "", error.exit_code)
        if waits is not None:
            return Finding(
                "credentials",
                "bad",
                f"no token: HTTP {answer.status}",
                "check client id and client secret",
                6,
            )
        return Finding("credentials", "ok", "the vendor gave a token")
    outcome = decode(provider, found.operation, [_nobody(found.operation)], answer).outcomes[0]
    if outcome.kind in KNOWN:
        return Finding("credentials", "ok", "the vendor accepted them")
    if outcome.kind is Kind.THROTTLED:
        return Finding(
            "credentials",
            "warning",
            "the vendor refused the call for its quota; they may be good",
            "try again later",
            1,
        )
    hint = f"bulkim explain {provider.name} {outcome.code}" if outcome.code else "check `connection.auth`"
    words = f"{outcome.code or answer.status}: {outcome.reason or 'the vendor did not accept the call'}"
    return Finding("credentials", "bad", words, hint, 6)


def _clock(answer: Reply, *, now: float) -> Finding:
    try:
        theirs = parsedate_to_datetime(answer.headers.get("date", "")).timestamp()
    except ValueError:
        return Finding("clock", "skipped", "the vendor's answer has no date to compare with")
    apart = now - theirs
    if abs(apart) <= CLOCK_S_MAX:
        return Finding("clock", "ok", f"within {abs(apart):.0f} s of the vendor's")
    ahead = "ahead of" if apart > 0 else "behind"
    return Finding(
        "clock", "bad", f"{abs(apart):,.0f} s {ahead} the vendor's", "set this host's clock (NTP)", 1
    )


# -------------------------------------------------------------------------------------- on this host


def host(journal: Path) -> list[Finding]:
    """The journal's place and the ledger's. Creates nothing."""
    return [_journal(journal), _ledger()]


def _journal(path: Path) -> Finding:
    from bulkim.journal import Reader

    folder = path.absolute().parent
    if not folder.is_dir():
        return Finding(
            "journal", "bad", f"{folder} is no folder", "make it, or name another with --journal", 3
        )
    if not os.access(folder, os.W_OK):
        return Finding("journal", "bad", f"{folder} cannot be written", "name another with --journal", 3)
    free = shutil.disk_usage(folder).free
    if free < FREE_BYTES_MIN:
        return Finding(
            "journal",
            "warning",
            f"{free // 1_000_000} MB are free at {folder}",
            "make room: a million users take about 200 MB",
            1,
        )
    if not places.there(path):
        return Finding("journal", "ok", f"a run will create {path.absolute()}")
    try:
        with Reader.open(path) as reader:
            runs = len(list(reader.runs()))
    except BulkimError as error:
        return Finding("journal", "bad", error.message, error.hint or "", error.exit_code)
    return Finding("journal", "ok", f"{path.absolute()}, {counted(runs, 'run')}")


def _ledger() -> Finding:
    if fleet := os.environ.get("BULKIM_FLEET"):
        return Finding(
            "quota",
            "ok",
            f"shared with other hosts through BULKIM_FLEET ({fleet.rpartition('@')[2]}); `bulkim fleet doctor` checks it",
        )
    try:
        folder = places.state_folder()
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return Finding(
            "quota",
            "warning",
            f"not shared with other processes of this host: {error.strerror}",
            places.HINT,
            1,
        )
    if not os.access(folder, os.W_OK):
        return Finding(
            "quota",
            "warning",
            f"not shared with other processes of this host: {folder} cannot be written",
            places.HINT,
            1,
        )
    return Finding("quota", "ok", f"shared by all processes of this user on this host ({folder})")
