"""Tencent Chat (即时通信 IM): the catalogue."""

from __future__ import annotations

from bulkim.catalogue.addressing import App, Identity
from bulkim.catalogue.proofs import Signed
from bulkim.catalogue.shapes import Envelope, Provider
from bulkim.vendors.tencent import (
    accounts,
    attributes,
    errors,
    groups,
    mutes,
    profiles,
    relations,
    tags,
)

_ROOMS = (accounts, mutes, attributes, profiles, relations, groups, tags)
OPERATIONS = tuple(each for room in _ROOMS for each in room.OPERATIONS)
POOLS = tuple(each for room in _ROOMS for each in room.POOLS)
ERRORS = (*profiles.ERRORS, *relations.ERRORS, *groups.ERRORS, *tags.ERRORS, *errors.ERRORS)

# HTTP is 200 whatever happens. The mute commands answer without ActionStatus; ErrorCode is always there.
ENVELOPE = Envelope(code="ErrorCode", reason="ErrorInfo", ok=("0",), status="ActionStatus", failed="FAIL")

APP = App(
    keys=("sdk_app_id",),
    name="{sdk_app_id}",
    target="{sdk_app_id}",
    numbers=("sdk_app_id",),
    about={"sdk_app_id": "the SDKAppID."},
    examples={"base_url": "https://console.tim.qq.com", "sdk_app_id": "1400000000"},
)
USERSIG = Signed(
    by="tencent-usersig",
    identity="identifier",
    secret="secret_key",  # noqa: S106 - a key's name
    query={
        "sdkappid": "{sdk_app_id}",
        "identifier": "{identifier}",
        "usersig": "{signature}",
        "random": "{random}",
        "contenttype": "json",
    },
    help="An administrator's secret key: bulkim signs UserSigs and renews them.",
    about={"identifier": "An app administrator's UserID.", "secret_key": "The SDKAppID's secret key."},
)

TENCENT = Provider(
    name="tencent",
    label="Tencent Chat",
    identity=Identity(),
    operations=OPERATIONS,
    errors=ERRORS,
    pools=POOLS,
    envelope=ENVELOPE,
    apps=(APP,),
    auth=(USERSIG,),
)
