"""Tokens that are fetched with client credentials."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, quote_plus, urlencode

from bulkim.auth.proof import Patience, Proof, basic, bearer, sendable
from bulkim.auth.signatures import DAY_S
from bulkim.catalogue.addressing import filled
from bulkim.catalogue.proofs import OAuth2Client, auth_keys
from bulkim.errors import GuardError, RefusedError
from bulkim.model import Call, Connection, Credentials, Fault, Reply
from bulkim.redact import Echoes
from bulkim.text import place, whole

LIFE_S_MIN = 1.0  # shorter ones are taken for this long: nobody means them
FETCHES_MAX = 2  # refused fetches before the run stops: vendors block accounts that ask for tokens often
FETCH_WAITS_S = (1.0, 2.0, 4.0, 8.0, 16.0)  # between fetches that got no answer
YEAR_S = 366 * DAY_S


@dataclass(slots=True)
class Fetched:
    """An app token, fetched with client credentials at a path below the app's root."""

    connection: Connection
    form: OAuth2Client
    root: str  # the template of the connection's root
    _proof: Proof | None = None
    _patience: Patience = field(init=False)
    _refused_fetches: int = 0
    _lost_fetches: int = 0

    def __post_init__(self) -> None:
        keys = " and ".join(f"`{key}`" for key in auth_keys(self.form))
        self._patience = Patience(f"check that {keys} belong to this app")

    def needs(self, now: float) -> Call | None:
        """The token call, when there is no token or it is about to expire."""
        if self._proof is not None and now < self._proof.renew_at:
            return None
        path = f"{self.connection.root}{filled(self.form.path, _quoted(self.connection.app))}"
        body, content_type, headers = self._wish()
        return Call("POST", path, f"{self.root}{self.form.path}", (), body, content_type, headers)

    def _wish(self) -> tuple[bytes, str, tuple[tuple[str, str], ...]]:
        form, auth = self.form, self.connection.auth
        wish = {"grant_type": "client_credentials"}
        if not form.basic:
            wish |= {"client_id": auth.identity, "client_secret": auth.secret}
        wish |= {key: value for key, value in (("scope", form.scope), ("audience", form.audience)) if value}
        proof = f"Basic {basic(quote_plus(auth.identity), quote_plus(auth.secret))}"
        headers = (("authorization", proof),) if form.basic else ()
        if form.body == "form":
            return urlencode(wish).encode(), "application/x-www-form-urlencoded", headers
        return json.dumps(wish, separators=(",", ":")).encode(), "application/json", headers

    def current(self, now: float) -> Credentials | None:
        """The token while it lives; the margin before its end belongs to the renewal."""
        if self._proof is None or now >= self._proof.expires_at:
            return None
        return bearer(self._proof.text)

    def accept(self, answer: Reply | Fault, now: float) -> float | None:
        """Keeps the token, or counts the failure."""
        if isinstance(answer, Reply) and 300 <= answer.status < 400:
            where = place(answer.headers.get("location", "")) or "nowhere"
            what = f"no token: HTTP {answer.status} leads to {where}; bulkim follows nowhere with credentials"
            raise RefusedError(
                what, hint="if that is the vendor's address, set base_url to it", code="redirect"
            )
        body = _json_object(answer)
        token = body.get("access_token")
        if isinstance(answer, Reply) and answer.status == 200 and sendable(token):
            life_s = _plausible_life_s(body.get("expires_in", self.form.life_s))
            self._proof = Proof(token, since=now, expires_at=now + life_s)
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
            code="token_refused",
        )

    def _lost(self, answer: Reply | Fault) -> float:
        if self._lost_fetches < len(FETCH_WAITS_S):
            self._lost_fetches += 1
            return FETCH_WAITS_S[self._lost_fetches - 1]
        what = answer.reason if isinstance(answer, Fault) else f"HTTP {answer.status}"
        raise GuardError(
            f"no token could be fetched: {what}",
            hint="run the job again when the vendor can be reached",
            code="no_token",
        )


def _quoted(app: Mapping[str, str]) -> dict[str, str]:
    return {key: quote(value, safe="") for key, value in app.items()}


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
