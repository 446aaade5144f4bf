"""Agora's AccessToken2 ("007" tokens), read and verified (Agora: token generator sources, read 2026-11).

    "007" + base64(zlib(str(signature) + info))
    info = str(app_id) u32(issued) u32(expire) u32(salt) u16(services) then per service
           u16(type) u16(privileges) {u16(privilege) u32(expire)} str(user)

Integers are little-endian and a string is its u16 length and its bytes. `expire` is a duration in seconds.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import struct
import zlib
from dataclasses import dataclass

CHAT_SERVICE = 5
APP_PRIVILEGE = 2  # 1 is a user's
LIFETIME_MAX_S = 24 * 3600  # whatever the token says


class SignedTokenError(Exception):
    """The token does not open the app; `expired` when it once did."""

    def __init__(self, message: str, *, expired: bool = False) -> None:
        super().__init__(message)
        self.expired = expired


@dataclass(slots=True)
class _Reader:
    data: bytes
    at: int = 0

    def number(self, form: str) -> int:
        (value,) = struct.unpack_from(form, self.data, self.at)
        self.at += struct.calcsize(form)
        return int(value)

    def text(self) -> bytes:
        length = self.number("<H")
        value = self.data[self.at : self.at + length]
        if len(value) != length:
            raise ValueError("cut short")
        self.at += length
        return value


def verify_app_token(token: str, app_id: str, certificate: str, *, now: float) -> None:
    """Raise unless the token is signed with the certificate, alive, and an app's (not a user's)."""
    try:
        reader = _Reader(zlib.decompress(base64.b64decode(token[3:], validate=True)))
        signature = reader.text()
        info = reader.data[reader.at :]
        token_app_id = reader.text()
        issued, expire, salt = reader.number("<I"), reader.number("<I"), reader.number("<I")
        privileges, user = _chat_service(reader)
    except (ValueError, zlib.error, struct.error):
        raise SignedTokenError("Unable to authenticate due to corrupt access token") from None
    if not hmac.compare_digest(signature, _sign(certificate, issued, salt, info)):
        raise SignedTokenError("Unable to authenticate due to corrupt access token")
    if token_app_id != app_id.encode() or APP_PRIVILEGE not in privileges or user:
        raise SignedTokenError("Unable to authenticate")
    lifetimes = [lifetime for lifetime in (expire, privileges[APP_PRIVILEGE]) if lifetime]
    if now >= issued + min([LIFETIME_MAX_S, *lifetimes]):
        raise SignedTokenError("Unable to authenticate due to expired access token", expired=True)


def _chat_service(reader: _Reader) -> tuple[dict[int, int], bytes]:
    services = reader.number("<H")
    if services != 1 or reader.number("<H") != CHAT_SERVICE:
        raise ValueError("not a chat token")
    privileges = {reader.number("<H"): reader.number("<I") for _ in range(reader.number("<H"))}
    return privileges, reader.text()


def _sign(certificate: str, issued: int, salt: int, info: bytes) -> bytes:
    first = hmac.new(struct.pack("<I", issued), certificate.encode(), hashlib.sha256).digest()
    key = hmac.new(struct.pack("<I", salt), first, hashlib.sha256).digest()
    return hmac.new(key, info, hashlib.sha256).digest()
