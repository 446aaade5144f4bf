"""What proves who we are: signatures, and credentials with their lifetimes.

Nothing here does I/O or looks at a clock: `now` (Unix seconds) and randomness are handed in. A `Credential` is a small
state machine; whoever drives it must see to it that one fetch at a time is under way::

    if (call := credential.needs(now)) is not None:
        wait_s = credential.accept(await send(call), now)
    credentials = credential.current(now)

Sources: Easemob "使用 App Token 鉴权"; Agora "AccessToken2" (DynamicKey) and "Secure authentication with tokens";
Tencent "Generating UserSig" (TLSSigAPIv2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import random
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from bulkim.errors import GuardError, RefusedError
from bulkim.model import Auth, Call, Connection, Credentials, Fault, Reply
from bulkim.redact import Echoes

DAY_S = 86_400
AGORA_EXPIRE_S = DAY_S  # the longest life that Agora grants
USERSIG_EXPIRE_S = DAY_S  # Tencent allows more; a signature that leaks from a URL should not
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
FETCHED_HINT = "check that `client_id` and `client_secret` belong to this org and app"

_HEX_32 = re.compile(r"[0-9a-fA-F]{32}")

# --------------------------------------------------------------------------------------- signatures


def access_token2_app(app_id: str, certificate: str, *, issued_at: int, expire_s: int, salt: int) -> str:
    """Agora's app token "007…" for Chat: service 5, privilege 2 (app), no user.

    `expire_s` is a duration, one day at most; `salt` is 1..99999999. Raises RefusedError for ids that Agora's own
    libraries answer with an empty token.
    """
    for name, value in (("app_id", app_id), ("app_certificate", certificate)):
        if not _HEX_32.fullmatch(value):
            raise RefusedError(
                f"{name} is not 32 hexadecimal digits",
                hint="copy it from the Agora console, under the project's name",
            )
    expire_s = min(expire_s, AGORA_EXPIRE_S)
    key = _hmac(struct.pack("<I", issued_at), certificate.encode())
    key = _hmac(struct.pack("<I", salt), key)
    chat = struct.pack("<HHHI", 5, 1, 2, expire_s) + _packed(b"")
    info = _packed(app_id.encode()) + struct.pack("<IIIH", issued_at, expire_s, salt, 1) + chat
    return "007" + base64.b64encode(zlib.compress(_packed(_hmac(key, info)) + info)).decode()


def usersig(sdk_app_id: int, identifier: str, secret_key: str, *, issued_at: int, expire_s: int) -> str:
    """Tencent's UserSig (TLSSigAPIv2) without a user buffer. It ends up in a URL: treat URLs as secrets."""
    signed = f"TLS.identifier:{identifier}\nTLS.sdkappid:{sdk_app_id}\nTLS.time:{issued_at}\nTLS.expire:{expire_s}\n"
    claims = {
        "TLS.ver": "2.0",
        "TLS.identifier": identifier,
        "TLS.sdkappid": sdk_app_id,
        "TLS.expire": expire_s,
        "TLS.time": issued_at,
        "TLS.sig": base64.b64encode(_hmac(secret_key.encode(), signed.encode())).decode(),
    }
    packed = base64.b64encode(zlib.compress(json.dumps(claims).encode())).decode()
    return packed.translate(str.maketrans("+/=", "*-_"))


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha256).digest()


def _packed(value: bytes) -> bytes:
    return struct.pack("<H", len(value)) + value


# -------------------------------------------------------------------------------------- credentials


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


def credential(connection: Connection, *, draw: Callable[[int], int] = random.getrandbits) -> Credential:
    """The credential that a connection's `auth` describes. `draw` gives that many random bits."""
    auth = connection.auth
    match auth.kind:
        case "none":
            return Fixed(Credentials())
        case "token":
            return Fixed(_bearer(auth.secret))
        case "client":
            return Fetched(connection)
        case "app_certificate":
            return Signed(lambda now: _agora_token(auth, now, draw), _bearer, AGORA_EXPIRE_S)
        case "user_sig":
            return Signed(
                lambda now: _tencent_usersig(connection, now),
                lambda signature: _tencent_query(connection, signature, draw),
                USERSIG_EXPIRE_S,
            )
        case never:
            assert_never(never)


def _bearer(token: str) -> Credentials:
    return Credentials(headers=(("authorization", f"Bearer {token}"),))


def _agora_token(auth: Auth, now: float, draw: Callable[[int], int]) -> str:
    salt = 1 + draw(32) % 99_999_999
    return access_token2_app(
        auth.identity, auth.secret, issued_at=int(now), expire_s=AGORA_EXPIRE_S, salt=salt
    )


def _tencent_usersig(connection: Connection, now: float) -> str:
    auth = connection.auth
    return usersig(
        _sdk_app_id(connection), auth.identity, auth.secret, issued_at=int(now), expire_s=USERSIG_EXPIRE_S
    )


def _tencent_query(connection: Connection, signature: str, draw: Callable[[int], int]) -> Credentials:
    return Credentials(
        query=(
            ("sdkappid", str(_sdk_app_id(connection))),
            ("identifier", connection.auth.identity),
            ("usersig", signature),
            ("random", str(draw(32))),  # a new one for each request
            ("contenttype", "json"),
        )
    )


def _sdk_app_id(connection: Connection) -> int:
    if connection.sdk_app_id is None:
        raise RefusedError("a UserSig needs the app's sdk_app_id", hint="add `sdk_app_id` to the connection")
    return connection.sdk_app_id


@dataclass(slots=True)
class Fixed:
    """A ready token, or no credentials at all: nothing can be renewed."""

    credentials: Credentials

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
        if credentials.headers:
            raise RefusedError(
                "the vendor refused the token of `connection.auth`",
                hint="get a new one, or let bulkim fetch it: give `client_id` and `client_secret`",
            )
        raise RefusedError(
            "the app does not take registrations without credentials",
            hint="enable open registration in the vendor's console, or give `connection.auth` credentials",
        )


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
class Signed:
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
    """Easemob's app token, fetched with client credentials at ``POST /{org}/{app}/token``."""

    connection: Connection
    _proof: _Proof | None = None
    _patience: _Patience = field(default_factory=lambda: _Patience(FETCHED_HINT))
    _refused_fetches: int = 0
    _lost_fetches: int = 0

    def needs(self, now: float) -> Call | None:
        """The token call, when there is no token or it is about to expire."""
        if self._proof is not None and now < self._proof.renew_at:
            return None
        auth = self.connection.auth
        wish = {"grant_type": "client_credentials", "client_id": auth.identity, "client_secret": auth.secret}
        root = "/{org}/{app}" if self.connection.org else "/app-id/{app_id}"
        return Call(
            method="POST",
            path=f"{self.connection.root}/token",
            template=f"{root}/token",
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
        body = _json_object(answer)
        token = body.get("access_token")
        if isinstance(answer, Reply) and answer.status == 200 and isinstance(token, str) and token:
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
        reason = str(body.get("error_description") or body.get("error") or "no reason given")
        auth = self.connection.auth
        raise RefusedError(
            f"the vendor gives no token: {Echoes([auth.secret], [auth.identity]).masked(reason)}",
            hint="compare `client_id`, `client_secret`, `org` and `app` with the vendor's console",
        )

    def _lost(self, answer: Reply | Fault) -> float:
        if self._lost_fetches < len(FETCH_WAITS_S):
            self._lost_fetches += 1
            return FETCH_WAITS_S[self._lost_fetches - 1]
        what = answer.reason if isinstance(answer, Fault) else f"HTTP {answer.status}"
        raise GuardError(
            f"no token could be fetched: {what}", hint="run the job again when the vendor can be reached"
        )


def _json_object(answer: Reply | Fault) -> dict[str, object]:
    if isinstance(answer, Fault):
        return {}
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _plausible_life_s(expires_in: object) -> float:
    """`expires_in` in seconds. One of Easemob's clusters gives milliseconds, 0 means for ever.

    It is no promise either way: a token that is refused earlier is renewed then.
    """
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float) or not expires_in > 0:
        return YEAR_S
    seconds = expires_in / 1000 if expires_in > 10 * YEAR_S else expires_in
    return float(min(max(seconds, LIFE_S_MIN), YEAR_S))
