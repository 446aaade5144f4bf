"""Tencent Chat: placeholder until its commands are in."""

from __future__ import annotations

from bulkim.sandbox.exchange import Exchange
from bulkim.sandbox.http import Request, Response, json_response
from bulkim.sandbox.state import World


def open_exchange(_world: World, _request: Request) -> Exchange | Response:
    return json_response({"ActionStatus": "FAIL", "ErrorCode": 60009, "ErrorInfo": "not here yet"})
