"""Checks: what must hold before a run starts."""

from __future__ import annotations

from datetime import datetime

from bulkim.errors import GuardError, OutsideWindowError
from bulkim.model import Guard
from bulkim.text import counted
from bulkim.window import Window


def check_window(window: Window | None, now: datetime) -> None:
    """Raises OutsideWindowError when the job may not send at this hour."""
    if window is not None and not window.is_open(now):
        raise OutsideWindowError(
            f"the job may send in the window {window} only, and it is {window.told(now)}. Nothing was sent.",
            hint=f"run the same command when it opens, {window.told(window.opens(now))};"
            " or send now, for once, with --set window=null",
        )


def check_size(guard: Guard, to_send: int, *, begun: bool = False) -> None:
    """Raises GuardError when there are more items than the job allows. `begun`: of a run that has sent some; its limit stays."""
    if guard.max_items is not None and to_send > guard.max_items:
        part = (
            "begin another run with a part of them: --new --limit N"
            if begun
            else "send a part with --limit N"
        )
        raise GuardError(
            f"guard.max_items is {guard.max_items:,}, but {counted(to_send, 'item')} would be sent. Nothing was sent.",
            hint=f"check the input; raise guard.max_items, or {part}",
            code="max_items",
        )
