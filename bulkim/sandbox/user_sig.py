"""Tencent's UserSig (TLSSigAPIv2), read and verified (Tencent: generating UserSig page, read 2026-11).

usersig = base64(zlib(JSON)) with + / = written as * - _
TLS.sig = base64(HMAC-SHA256(key, "TLS.identifier:…\nTLS.sdkappid:…\nTLS.time:…\nTLS.expire:…\n"))
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib

EMPTY, MALFORMED, EXPIRED, WRONG_KEY, WRONG_IDENTIFIER, WRONG_APP = 70002, 70003, 70001, 70009, 70013, 70014


def verify_user_sig(
    usersig: str, *, sdk_app_id: int, identifier: str, secret_key: str | None, now: float
) -> int:
    """0, or the error code that says what is wrong. Without a key, everything but the signature is checked."""
    if not usersig:
        return EMPTY
    try:
        packed = base64.b64decode(usersig.translate(str.maketrans("*-_", "+/=")), validate=True)
        claims = json.loads(zlib.decompress(packed))
        issued, lifetime = int(claims["TLS.time"]), int(claims["TLS.expire"])
        signed_for, app_id = str(claims["TLS.identifier"]), int(claims["TLS.sdkappid"])
        signature = str(claims["TLS.sig"])
    except (ValueError, KeyError, TypeError, zlib.error):
        return MALFORMED
    if app_id != sdk_app_id:
        return WRONG_APP
    if signed_for != identifier:
        return WRONG_IDENTIFIER
    if secret_key is not None and not hmac.compare_digest(signature.encode(), _sign(secret_key, claims)):
        return WRONG_KEY
    return EXPIRED if now >= issued + lifetime else 0


def _sign(secret_key: str, claims: dict[str, object]) -> bytes:
    """The signature that `claims` should carry; the user buffer is part of it when there is one."""
    names = ["TLS.identifier", "TLS.sdkappid", "TLS.time", "TLS.expire"]
    if "TLS.userbuf" in claims:
        names.append("TLS.userbuf")
    text = "".join(f"{name}:{claims[name]}\n" for name in names)
    return base64.b64encode(hmac.new(secret_key.encode(), text.encode(), hashlib.sha256).digest())
