"""Proofs of single requests: a digest over what a vendor names, in the order that it names."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping

from bulkim.catalogue.addressing import filled
from bulkim.catalogue.proofs import Digest
from bulkim.model import Auth, Call, Credentials

NONCE_BITS = 64


def signing(form: Digest, auth: Auth, now: float, draw: Callable[[int], int]) -> Credentials:
    """Credentials that prove each request by itself. `now` is Unix seconds; `draw` gives that many random bits."""

    def sign(call: Call) -> Credentials:
        nonce = str(draw(NONCE_BITS))
        said = {"nonce": nonce, "timestamp": str(int(now)), "timestamp_ms": str(int(now * 1000))}
        return dressed(form, auth, {**said, "digest": _digest(form, auth, call, said)})

    return Credentials(sign=sign)


def dressed(form: Digest, auth: Auth, said: Mapping[str, str]) -> Credentials:
    """The headers, filled in."""
    values = {**said, form.identity: auth.identity}
    return Credentials(tuple((name.lower(), filled(text, values)) for name, text in form.headers.items()))


def _digest(form: Digest, auth: Auth, call: Call, said: Mapping[str, str]) -> str:
    parts = {
        "secret": auth.secret.encode(),
        "identity": auth.identity.encode(),
        "nonce": said["nonce"].encode(),
        "timestamp": said["timestamp"].encode(),
        "timestamp-ms": said["timestamp_ms"].encode(),
        "method": call.method.encode(),
        "path": call.path.encode(),
        "target": call.target().encode(),
        "body": call.body,
    }
    hashed = {"body-md5": "md5", "body-sha256": "sha256"}
    text = form.joined.encode().join(
        hashlib.new(hashed[each], call.body).hexdigest().encode() if each in hashed else parts[each]
        for each in form.over
    )
    keyed, _, name = form.algorithm.rpartition("-")
    made = hmac.new(auth.secret.encode(), text, name).digest() if keyed else hashlib.new(name, text).digest()
    return made.hex() if form.encoding == "hex" else base64.b64encode(made).decode()
