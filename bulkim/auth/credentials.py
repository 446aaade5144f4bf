"""What proves who we are: credentials and their lifetimes, by the catalogue's forms.

Nothing here does I/O or looks at a clock: `now` (Unix seconds) and randomness are handed in. A `Credential` is a small
state machine; whoever drives it must see to it that one fetch at a time is under way::

    if (call := credential.needs(now)) is not None:
        wait_s = credential.accept(await send(call), now)
    credentials = credential.current(now)
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from bulkim.auth.digests import dressed, signing
from bulkim.auth.proof import Patience, Proof, basic, bearer, sendable
from bulkim.auth.signatures import SIGNERS, Signing
from bulkim.auth.tokens import Fetched
from bulkim.catalogue.addressing import filled, keys_in
from bulkim.catalogue.proofs import ApiKey, Basic, Bearer, Digest, NoAuth, OAuth2Client, Signed, auth_keys
from bulkim.catalogue.shapes import Provider
from bulkim.errors import RefusedError
from bulkim.model import Auth, Call, Connection, Credentials, Fault, Reply
from bulkim.redact import MASK

_LATE = frozenset({"signature", "random"})  # keys of a signed form that differ from call to call

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
        case Digest():
            reason = f"the vendor refused what was signed with the {_words(form.secret)} of `connection.auth`"
            return Digested(reason, SIGNED_HINT, form, connection.auth, draw)
        case Bearer() | ApiKey() | Basic():
            if not sendable(connection.auth.secret):
                raise RefusedError(
                    f"the {_words(form.secret)} of `connection.auth` has a character that no request can carry",
                    hint="compare it with the vendor's: it is plain ASCII",
                )
            reason = f"the vendor refused the {_words(form.secret)} of `connection.auth`"
            return Fixed(
                _ready(form, connection.auth.secret, connection.auth.identity), reason, _renewing(provider)
            )
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
        case Bearer() | ApiKey() | Basic():
            return _ready(form, MASK)
        case Digest():
            late = ("nonce", "timestamp", "timestamp_ms", "digest")
            return dressed(form, connection.auth, dict.fromkeys(late, MASK))
        case OAuth2Client():
            return bearer(MASK)
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


def _ready(form: Bearer | ApiKey | Basic, secret: str, identity: str | None = None) -> Credentials:
    if isinstance(form, Bearer):
        return bearer(secret)
    if isinstance(form, Basic):
        shown_ = secret if identity is None else basic(identity, secret)
        return Credentials(headers=(("authorization", f"Basic {shown_}"),))
    if form.header:
        return Credentials(headers=((form.header.lower(), f"{form.prefix}{secret}"),))
    return Credentials(query=((form.query, secret),))


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


@dataclass(slots=True)
class Digested:
    """Made for each request out of the request: nothing can be renewed."""

    reason: str
    hint: str
    form: Digest
    auth: Auth
    draw: Callable[[int], int] = field(repr=False)

    def needs(self, now: float) -> Call | None:  # noqa: ARG002
        """Nothing: signing takes no call."""
        return None

    def accept(self, answer: Reply | Fault, now: float) -> float | None:  # noqa: ARG002
        """Never called: there is no fetch."""
        return None

    def current(self, now: float) -> Credentials | None:
        """What signs a request that is sent now."""
        return signing(self.form, self.auth, now, self.draw)

    def accepted(self, credentials: Credentials) -> None:
        """Nothing follows from it."""

    def refused(self, credentials: Credentials, now: float) -> None:  # noqa: ARG002
        """Ends the run."""
        raise RefusedError(self.reason, hint=self.hint)


@dataclass(slots=True)
class Signature:
    """Signed here, again and again: by `sign` from the time, made into credentials by `dress`."""

    sign: Callable[[float], str] = field(repr=False)
    dress: Callable[[str], Credentials] = field(repr=False)
    life_s: float
    _proof: Proof | None = None
    _refused_text: str = field(default="", repr=False)
    _patience: Patience = field(default_factory=lambda: Patience(SIGNED_HINT))

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
            self._proof = Proof(text, since=now, expires_at=now + self.life_s)
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
