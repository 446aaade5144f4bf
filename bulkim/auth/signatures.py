"""Algorithms of vendors' signatures, each by the name by which a catalogue asks for it.

Sources: Agora "AccessToken2" (DynamicKey) and "Secure authentication with tokens"; Tencent "Generating UserSig"
(TLSSigAPIv2).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bulkim.errors import RefusedError

DAY_S = 86_400
AGORA_EXPIRE_S = DAY_S  # the longest life that Agora grants
USERSIG_EXPIRE_S = DAY_S  # Tencent allows more; a signature that leaks from a URL should not

_HEX_32 = re.compile(r"[0-9a-fA-F]{32}")


@dataclass(frozen=True, slots=True)
class Signing:
    """What an algorithm works on. `repr` shows no secret."""

    identity: str
    secret: str = field(repr=False)
    app: Mapping[str, str]  # what names the app in the connection
    issued_at: int  # Unix seconds
    expire_s: int  # for how long it is to be good
    draw: Callable[[int], int] = field(repr=False)  # gives that many random bits


@dataclass(frozen=True, slots=True)
class Signer:
    """An algorithm, and how long what it makes is good for."""

    sign: Callable[[Signing], str]
    life_s: int  # asked for


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


def _agora_access_token2(signing: Signing) -> str:
    return access_token2_app(
        signing.identity,
        signing.secret,
        issued_at=signing.issued_at,
        expire_s=signing.expire_s,
        salt=1 + signing.draw(32) % 99_999_999,
    )


def _tencent_usersig(signing: Signing) -> str:
    if "sdk_app_id" not in signing.app:
        raise RefusedError("a UserSig needs the app's sdk_app_id", hint="add `sdk_app_id` to the connection")
    return usersig(
        int(signing.app["sdk_app_id"]),
        signing.identity,
        signing.secret,
        issued_at=signing.issued_at,
        expire_s=signing.expire_s,
    )


SIGNERS: Mapping[str, Signer] = {
    "agora-access-token2": Signer(_agora_access_token2, AGORA_EXPIRE_S),
    "tencent-usersig": Signer(_tencent_usersig, USERSIG_EXPIRE_S),
}
