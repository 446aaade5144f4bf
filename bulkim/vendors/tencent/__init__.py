"""Tencent Chat (即时通信 IM): the catalogue."""

from __future__ import annotations

from bulkim.catalogue.shapes import Envelope, Provider
from bulkim.vendors.tencent.errors import ERRORS
from bulkim.vendors.tencent.operations import OPERATIONS, POOLS

# HTTP is 200 whatever happens. The mute commands answer without ActionStatus; ErrorCode is always there.
ENVELOPE = Envelope(code="ErrorCode", reason="ErrorInfo", ok=("0",), status="ActionStatus", failed="FAIL")

TENCENT = Provider(
    name="tencent",
    label="Tencent Chat",
    fold="exact",
    operations=OPERATIONS,
    errors=ERRORS,
    pools=POOLS,
    envelope=ENVELOPE,
    auth=("user_sig",),
    headers=(("accept", "application/json"),),
    hosts=(
        "https://console.tim.qq.com",
        "https://adminapisgp.im.qcloud.com",
        "https://adminapikr.im.qcloud.com",
        "https://adminapijpn.im.qcloud.com",
        "https://adminapiger.im.qcloud.com",
        "https://adminapiusa.im.qcloud.com",
        "https://adminapiidn.im.qcloud.com",
    ),
)
