"""The end of a run as a message for a chat room, in the form that its robot takes; and what the robot's answer means.

Shapes from each service's page on incoming webhooks (group robots), read 2026-11: text messages only, which all of them show
on every device. Pure: `bulkim.work.notify` posts them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from bulkim.model import Status
from bulkim.text import WITH_ZONE, counted, duration, local

BYTES_MAX = {"slack": 12_000, "dingtalk": 18_000, "feishu": 18_000, "wecom": 2048}  # of a message's text
SIGNS = {"finished": "✓", "interrupted": "■", "stopped": "■"}


def body(form: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """What is posted. `facts`: a run's summary with exit_code, target, host, started_at and finished_at (unix seconds)."""
    if form == "json":
        return dict(facts)
    text = cut(message(facts), BYTES_MAX[form])
    if form == "slack":
        return {"text": text}
    if form == "feishu":
        return {"msg_type": "text", "content": {"text": text}}
    return {"msgtype": "text", "text": {"content": text}}


def message(facts: Mapping[str, Any]) -> str:
    """Some lines for people. The first word is `bulkim`: a robot that demands a keyword can have that one."""
    counts = facts["counts"]
    parts = " + ".join(f"{counts[each]:,} {each}" for each in Status if counts[each]) or "0"
    sign = SIGNS.get(facts["state"], "▶")
    rehearsal = " (a rehearsal)" if facts.get("rehearsal") else ""
    began, ended = local(facts["started_at"], WITH_ZONE), local(facts["finished_at"], WITH_ZONE)
    lines = [
        f"bulkim {sign} {facts['name']} {facts['state']}{rehearsal}",
        f"{facts['operation']} at {facts['provider']} {facts['target']}",
        f"{facts['items']:,} in = {parts}",
        f"{began} to {ended}, {duration(facts['elapsed_s'])} of work, {counted(facts['requests'], 'call')}",
    ]
    if stop := facts.get("stop"):
        lines.append(f"stopped: {stop['code']} {stop.get('reason') or ''}".rstrip())
    lines += [f"  {code}: {items:,}" for code, items in facts["codes"].items()]
    lines.append(f"run {facts['run']} on {facts['host']}, exit code {facts['exit_code']}")
    return "\n".join(lines)


def cut(text: str, bytes_max: int) -> str:
    """The beginning of a text, in so many bytes of UTF-8."""
    whole = text.encode()
    if len(whole) <= bytes_max:
        return text
    return whole[: bytes_max - 3].decode(errors="ignore") + "…"


def refusal(form: str, answer: bytes) -> str | None:
    """What a robot that answered HTTP 200 complains about; None: it took the message."""
    if form in {"json", "slack"}:
        return None  # they refuse by status
    try:
        found = json.loads(answer)
    except ValueError:
        return "the answer is not the robot's JSON"
    if not isinstance(found, dict):
        return "the answer is not the robot's JSON"
    code = found.get("errcode", found.get("code", found.get("StatusCode")))
    if code == 0:
        return None
    words = found.get("errmsg") or found.get("msg") or found.get("StatusMessage") or ""
    return f"{code}: {words}" if code is not None else "the answer does not say whether it was taken"
