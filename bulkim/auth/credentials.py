"""What proves who we are: credentials and their lifetimes, by the catalogue's forms.

Nothing here does I/O or looks at a clock: `now` (Unix seconds) and randomness are handed in. A `Credential` is a small
state machine; whoever drives it must see to it that one fetch at a time is under way::

    if (call := credential.needs(now)) is not None:
        wait_s = credential.accept(await send(call), now)
    credentials = credential.current(now)
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard, assert_never

from bulkim.auth.signatures import DAY_S, SIGNERS, Signing
from bulkim.catalogue.addressing import (
    ApiKey,
    Bearer,
    NoAuth,
    OAuth2Client,
    Signed,
    auth_keys,
    filled,
    keys_in,
)
from bulkim.catalogue.shapes import Provider
from bulkim.errors import GuardError, RefusedError
from bulkim.model import Call, Connection, Credentials, Fault, Reply
from bulkim.redact import MASK, Echoes
from bulkim.text import place, whole

_LATE = frozenset({"signature", "random"})  # keys of a signed form that differ from call to call
MARGIN_S = 300.0  # renewed this long before it expires, or after nine tenths of its life
FRESH_S = 60.0  # a token that is refused younger than this, and was never accepted, was never good
REFUSALS_MAX = 10  # in FRESH_S, of credentials that had been accepted before
LIFE_S_MIN = 1.0  # shorter ones are taken for this long: nobody means them
FETCHES_MAX = 2  # refused fetches before the run stops: vendors block accounts that ask for tokens often
FETCH_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)  # between fetches that got no answer
YEAR_S = 366 * DAY_S

SIGNED_HINT = (
    "compare the ids and the key in `connection.auth` with the vendor's console, and check this host's clock"
)


class Credential(Protocol):
    """Credentials that know how long they last."""

    def needs(self, now: float) -> Call | None:
        """The call that must be made before going on; None: there is nothing to fetch."""

    def accept(self, answer: Reply | Fault, now: float) -> float | None:
        """Takes in that call's answer. Returns how long to wait before the next fetch, None when there is none.

        Raises RefusedError when the vendor will not give a token, GuardError when it cannot be reached.
        """

    def current(self, now: float) -> Credentials | None:
        """What to send now; None: fetch first."""

    def accepted(self, credentials: Credentials) -> None:
        """The vendor did something with `credentials`: they are, or were, good."""

    def refused(self, credentials: Credentials, now: float) -> None:
        """The vendor did not accept `credentials`: they are replaced, unless they were already.

        Raises RefusedError when there is nothing better to send.
        """


def credential(
    connection: Connection, provider: Provider, *, draw: Callable[[int], int] = random.getrandbits
) -> Credential:
    """The credential that a connection's `auth` describes. `draw` gives that many random bits."""
    form = provider.auth_form(connection.auth.kind)
    match form:
        case NoAuth():
            hint = "enable it in the vendor's console, or give `connection.auth` credentials"
            return Fixed(Credentials(), "the app takes nothing without credentials", hint)
        case Bearer() | ApiKey():
            if not _sendable(connection.auth.secret):
                raise RefusedError(
                    f"the {_words(form.secret)} of `connection.auth` has a character that no request can carry",
                    hint="compare it with the vendor's: it is plain ASCII",
                )
            reason = f"the vendor refused the {_words(form.secret)} of `connection.auth`"
            return Fixed(_ready(form, connection.auth.secret), reason, _renewing(provider))
        case OAuth2Client():
            return Fetched(connection, form, provider.app(connection.app).root)
        case Signed():
            return _signed(connection, form, draw)
        case never:
            assert_never(never)


def shown(connection: Connection, provider: Provider) -> Credentials:
    """What a request would carry, for people: all that is secret, or differs from call to call, as ``***``."""
    form = provider.auth_form(connection.auth.kind)
    match form:
        case NoAuth():
            return Credentials()
        case Bearer() | ApiKey():
            return _ready(form, MASK)
        case OAuth2Client():
            return _bearer(MASK)
        case Signed():
            return _dressing(connection, form)(MASK, MASK)
        case never:
            assert_never(never)


def _words(key: str) -> str:
    return key.replace("_", " ").replace("api key", "API key")


def _renewing(provider: Provider) -> str:
    """The way out for those whose token cannot be renewed."""
    better = [each for each in provider.auth if isinstance(each, OAuth2Client | Signed)]
    keys = " and ".join(f"`{key}`" for form in better[:1] for key in auth_keys(form))
    return "get a new one" + (f", or let bulkim fetch or sign it: give {keys}" if keys else "")


def _ready(form: Bearer | ApiKey, secret: str) -> Credentials:
    if isinstance(form, Bearer):
        return _bearer(secret)
    if form.header:
        return Credentials(headers=((form.header.lower(), secret),))
    return Credentials(query=((form.query, secret),))


def _bearer(token: str) -> Credentials:
    return Credentials(headers=(("authorization", f"Bearer {token}"),))


def _signed(connection: Connection, form: Signed, draw: Callable[[int], int]) -> Signature:
    signer, auth = SIGNERS[form.by], connection.auth
    dress, draws = _dressing(connection, form), _holds(form, "random")
    return Signature(
        lambda now: signer.sign(
            Signing(auth.identity, auth.secret, connection.app, int(now), signer.life_s, draw)
        ),
        lambda signature: dress(signature, str(draw(32)) if draws else ""),
        signer.life_s,
    )


def _holds(form: Signed, key: str) -> bool:
    return any(key in keys_in(each) for each in (*form.headers.values(), *form.query.values()))


def _dressing(connection: Connection, form: Signed) -> Callable[[str, str], Credentials]:
    """Signature and number to credentials; what stays the same from call to call is filled in once."""
    known = {**connection.app, form.identity: connection.auth.identity}
    templates = (*form.headers.values(), *form.query.values())
    lacking = {key for each in templates for key in keys_in(each)} - {*known, *_LATE}
    if lacking:
        keys = " and ".join(sorted(lacking))
        raise RefusedError(f"a signature needs the app's {keys}", hint="add it to the connection")

    def prepared(templates: Mapping[str, str]) -> list[tuple[str, str, bool]]:
        return [
            (name, text, True) if not _LATE.isdisjoint(keys_in(text)) else (name, filled(text, known), False)
            for name, text in templates.items()
        ]

    headers, query = prepared(form.headers), prepared(form.query)

    def dress(signature: str, number: str) -> Credentials:
        values = {**known, "signature": signature, "random": number}
        return Credentials(
            tuple((name, filled(text, values) if late else text) for name, text, late in headers),
            tuple((name, filled(text, values) if late else text) for name, text, late in query),
        )

    return dress


@dataclass(slots=True)
class Fixed:
    """A ready token, or no credentials at all: nothing can be renewed."""

    credentials: Credentials
    reason: str  # what a refusal means
    hint: str

    def needs(self, now: float) -> Call | None:  # noqa: ARG002 - all credentials have one shape
        """Nothing."""
        return None

    def accept(self, answer: Reply | Fault, now: float) -> float | None:  # noqa: ARG002
        """Never called: there is no fetch."""
        return None

    def current(self, now: float) -> Credentials | None:  # noqa: ARG002
        """Always the same."""
        return self.credentials

    def accepted(self, credentials: Credentials) -> None:
        """Nothing follows from it."""

    def refused(self, credentials: Credentials, now: float) -> None:  # noqa: ARG002
        """Ends the run."""
        raise RefusedError(self.reason, hint=self.hint)


@dataclass(frozen=True, slots=True)
class _Proof:
    """A token or signature and its life, in Unix seconds."""

    text: str = field(repr=False)
    since: float
    expires_at: float

    @property
    def renew_at(self) -> float:
        return self.expires_at - min(MARGIN_S, 0.1 * (self.expires_at - self.since))

    def made(self, credentials: Credentials) -> bool:
        """Whether this is what stands in `credentials`."""
        return any(self.text in value for _, value in (*credentials.headers, *credentials.query))


@dataclass(slots=True)
class _Patience:
    """Ends the run when what was made in answer to a refusal is refused as well."""

    hint: str
    good: bool = False  # what is sent now was accepted at least once
    refusals: list[float] = field(default_factory=list)  # of the last FRESH_S

    def accepted(self, proof: _Proof | None, credentials: Credentials) -> None:
        self.good = self.good or (proof is not None and proof.made(credentials))

    def refused(self, proof: _Proof, now: float) -> None:
        made_anew = any(0 <= proof.since - at < FRESH_S for at in self.refusals)
        if made_anew and not self.good and now - proof.since < FRESH_S:
            raise RefusedError("the vendor refused new credentials as well", hint=self.hint)
        self.refusals = [*(at for at in self.refusals if now - at < FRESH_S), now]
        if len(self.refusals) > REFUSALS_MAX:
            raise RefusedError("the vendor keeps refusing what it accepted before", hint=self.hint)
        self.good = False


@dataclass(slots=True)
class Signature:
    """Signed here, again and again: by `sign` from the time, made into credentials by `dress`."""

    sign: Callable[[float], str] = field(repr=False)
    dress: Callable[[str], Credentials] = field(repr=False)
    life_s: float
    _proof: _Proof | None = None
    _refused_text: str = field(default="", repr=False)
    _patience: _Patience = field(default_factory=lambda: _Patience(SIGNED_HINT))

    def needs(self, now: float) -> Call | None:  # noqa: ARG002
        """Nothing: signing takes no call."""
        return None

    def accept(self, answer: Reply | Fault, now: float) -> float | None:  # noqa: ARG002
        """Never called: there is no fetch."""
        return None

    def current(self, now: float) -> Credentials | None:
        """Signs anew when the last signature is about to expire."""
        if self._proof is None or now >= self._proof.renew_at:
            text = self.sign(now)
            if (
                text == self._refused_text
            ):  # signed in the same second; stragglers of the old one must not be taken for it
                text = self.sign(now - 1)
            self._proof = _Proof(text, since=now, expires_at=now + self.life_s)
            self._patience.good = False
        return self.dress(self._proof.text)

    def accepted(self, credentials: Credentials) -> None:
        """A good signature, if it is still the present one."""
        self._patience.accepted(self._proof, credentials)

    def refused(self, credentials: Credentials, now: float) -> None:
        """Signs anew next time; ends the run when that was refused too."""
        if self._proof is not None and self._proof.made(credentials):
            self._patience.refused(self._proof, now)
            self._refused_text = self._proof.text
            self._proof = None


@dataclass(slots=True)
class Fetched:
    """An app token, fetched with client credentials at a path below the app's root."""

    connection: Connection
    form: OAuth2Client
    root: str  # the template of the connection's root
    _proof: _Proof | None = None
    _patience: _Patience = field(init=False)
    _refused_fetches: int = 0
    _lost_fetches: int = 0

    def __post_init__(self) -> None:
        keys = " and ".join(f"`{key}`" for key in auth_keys(self.form))
        self._patience = _Patience(f"check that {keys} belong to this app")

    def needs(self, now: float) -> Call | None:
        """The token call, when there is no token or it is about to expire."""
        if self._proof is not None and now < self._proof.renew_at:
            return None
        auth = self.connection.auth
        wish = {"grant_type": "client_credentials", "client_id": auth.identity, "client_secret": auth.secret}
        return Call(
            method="POST",
            path=f"{self.connection.root}{self.form.path}",
            template=f"{self.root}{self.form.path}",
            body=json.dumps(wish, separators=(",", ":")).encode(),
            content_type="application/json",
        )

    def current(self, now: float) -> Credentials | None:
        """The token while it lives; the margin before its end belongs to the renewal."""
        if self._proof is None or now >= self._proof.expires_at:
            return None
        return _bearer(self._proof.text)

    def accept(self, answer: Reply | Fault, now: float) -> float | None:
        """Keeps the token, or counts the failure."""
        if isinstance(answer, Reply) and 300 <= answer.status < 400:
            where = place(answer.headers.get("location", "")) or "nowhere"
            what = f"no token: HTTP {answer.status} leads to {where}; bulkim follows nowhere with credentials"
            raise RefusedError(what, hint="if that is the vendor's address, set base_url to it")
        body = _json_object(answer)
        token = body.get("access_token")
        if isinstance(answer, Reply) and answer.status == 200 and _sendable(token):
            life_s = _plausible_life_s(body.get("expires_in"))
            self._proof = _Proof(token, since=now, expires_at=now + life_s)
            self._patience.good = False
            self._refused_fetches = self._lost_fetches = 0
            return None
        if isinstance(answer, Reply) and 400 <= answer.status < 500 and answer.status not in (408, 429):
            return self._refused(body)
        return self._lost(answer)

    def accepted(self, credentials: Credentials) -> None:
        """A good token, if it is still the present one."""
        self._patience.accepted(self._proof, credentials)

    def refused(self, credentials: Credentials, now: float) -> None:
        """Drops the token, so that the next one is fetched; ends the run when a new one was refused too."""
        if self._proof is not None and self._proof.made(credentials):
            self._patience.refused(self._proof, now)
            self._proof = None

    def _refused(self, body: dict[str, object]) -> float:
        self._refused_fetches += 1
        if self._refused_fetches < FETCHES_MAX:
            return FETCH_WAITS_S[0]
        keys = (*auth_keys(self.form), *self.connection.app)
        reason = whole(str(body.get("error_description") or body.get("error") or "no reason given"))
        auth = self.connection.auth
        raise RefusedError(
            f"the vendor gives no token: {Echoes([auth.secret], [auth.identity]).masked(reason)}",
            hint=f"compare {', '.join(f'`{key}`' for key in keys[:-1])} and `{keys[-1]}` with the vendor's console",
        )

    def _lost(self, answer: Reply | Fault) -> float:
        if self._lost_fetches < len(FETCH_WAITS_S):
            self._lost_fetches += 1
            return FETCH_WAITS_S[self._lost_fetches - 1]
        what = answer.reason if isinstance(answer, Fault) else f"HTTP {answer.status}"
        raise GuardError(
            f"no token could be fetched: {what}", hint="run the job again when the vendor can be reached"
        )


def _sendable(token: object) -> TypeGuard[str]:
    """Whether it can stand in a header: what has a line end or half an emoji in it is no token."""
    return isinstance(token, str) and token.isascii() and token.isprintable() and bool(token.strip())


def _json_object(answer: Reply | Fault) -> dict[str, object]:
    if isinstance(answer, Fault):
        return {}
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _plausible_life_s(expires_in: object) -> float:
    """`expires_in` in seconds. Some servers give milliseconds; 0 means for ever.

    It is no promise either way: a token that is refused earlier is renewed then.
    """
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not expires_in > 0:
        return YEAR_S
    seconds = expires_in / 1000 if expires_in > 10 * YEAR_S else expires_in
    return float(min(max(seconds, LIFE_S_MIN), YEAR_S))
