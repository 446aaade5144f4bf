"""Global mutes, in seconds; 4294967295 is for ever (Tencent: global mute pages, read 2026-11)."""

from __future__ import annotations

from typing import Any

from bulkim.sandbox.state import FOREVER, mute_left_s
from bulkim.sandbox.tencent.exchange import UINT32_MAX, RefusedError, TencentExchange

# field -> the code for a value that is not a number of seconds
SCOPES = {"C2CmsgNospeakingTime": 130006, "GroupmsgNospeakingTime": 130007}
NO_SET_ACCOUNT, SET_ACCOUNT_NOT_A_STRING, NO_TIME = 130004, 130005, 130008
NO_GET_ACCOUNT, BAD_GET_ACCOUNT = 130002, 130003
NO_SUCH_ACCOUNT = 70107


def set_no_speaking(x: TencentExchange) -> dict[str, Any]:
    """What setting it for a missing account says is not documented; 70107 is what other commands say."""
    document = x.document()
    if "Set_Account" not in document:
        raise RefusedError(NO_SET_ACCOUNT)
    account = document["Set_Account"]
    if not isinstance(account, str):
        raise RefusedError(SET_ACCOUNT_NOT_A_STRING)
    wanted = {scope: document[scope] for scope in SCOPES if scope in document}
    if not wanted:
        raise RefusedError(NO_TIME)
    for scope, seconds in wanted.items():
        if not isinstance(seconds, int) or isinstance(seconds, bool) or not 0 <= seconds <= UINT32_MAX:
            raise RefusedError(SCOPES[scope])
    if account not in x.app.users:
        raise RefusedError(NO_SUCH_ACCOUNT)
    for scope, seconds in wanted.items():
        x.app.mute(account, scope, FOREVER if seconds == UINT32_MAX else seconds, x.world.clock.wall())
    x.app.effect(account, "mute_set" if any(wanted.values()) else "mute_lifted")
    return {}


def get_no_speaking(x: TencentExchange) -> dict[str, Any]:
    """The page warns that an account that does not exist looks muted for ever."""
    document = x.document()
    if "Get_Account" not in document:
        raise RefusedError(NO_GET_ACCOUNT)
    account = document["Get_Account"]
    if not isinstance(account, str):
        raise RefusedError(BAD_GET_ACCOUNT)
    if account not in x.app.users:
        return dict.fromkeys(SCOPES, UINT32_MAX)
    mutes, wall = x.app.mutes.get(account, {}), x.world.clock.wall()
    left = {scope: mute_left_s(mutes, scope, wall) for scope in SCOPES}
    return {scope: UINT32_MAX if seconds == FOREVER else seconds for scope, seconds in left.items()}
