"""The end of a run as a message for a chat room, in the form that its robot takes; and what the robot's answer means.

Shapes and signatures from each service's page on incoming webhooks (group robots), read 2026-11: text messages only, which all
of them show on every device. Pure: `bulkim.work.notify` posts them.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote_plus

from bulkim.codes import OWN, Meaning, continues
from bulkim.language import counted
from bulkim.language import gettext as _
from bulkim.model import Notify, Status
from bulkim.text import WITH_ZONE, duration, local

BYTES_MAX = {"slack": 12_000, "dingtalk": 18_000, "feishu": 18_000, "wecom": 2048}  # of a message's text
SIGNS = {"finished": "✓", "interrupted": "■", "stopped": "■", "refused": "✗"}
# What robots say of a message without their keyword, and of one whose signature they do not know.
KEYWORD = re.compile(r"key ?words?", re.IGNORECASE)
SIGNATURE = re.compile(r"\bsign", re.IGNORECASE)


def body(form: str, facts: Mapping[str, Any], known: Meaning | None = None) -> dict[str, Any]:
    """What is posted. `facts`: a run's summary with exit_code, target, host, started_at and finished_at (unix seconds).

    `known`: what the code means with which it stopped. The form `json` is for programs, and knows no language.
    """
    if form == "json":
        return dict(facts)
    text = cut(message(facts, known), BYTES_MAX[form])
    if form == "slack":
        return {"text": text}
    if form == "feishu":
        return {"msg_type": "text", "content": {"text": text}}
    return {"msgtype": "text", "text": {"content": text}}


def signed(hook: Notify, body: Mapping[str, Any], now: float) -> tuple[str, dict[str, Any]]:
    """Address and body, with the signature that the robot demands, if it does. `now` is Unix seconds."""
    if not hook.secret:
        return hook.url, dict(body)
    if hook.format == "dingtalk":
        at = str(int(now * 1000))
        sign = quote_plus(_hmac(hook.secret, f"{at}\n{hook.secret}"))
        return f"{hook.url}{'&' if '?' in hook.url else '?'}timestamp={at}&sign={sign}", dict(body)
    at = str(int(now))
    return hook.url, {"timestamp": at, "sign": _hmac(f"{at}\n{hook.secret}", ""), **body}


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), text.encode(), hashlib.sha256).digest()).decode()


def message(facts: Mapping[str, Any], known: Meaning | None = None) -> str:
    """Some lines for people, in their language. The first word is `bulkim`: a robot that demands a keyword can have that one."""
    sign, state = SIGNS.get(facts["state"], "▶"), _(str(facts["state"]))
    if facts["state"] == "finished" and facts["exit_code"]:
        sign = "!"
    rehearsal = _(" (a rehearsal)") if facts.get("rehearsal") else ""
    if facts["state"] == "test":
        sign, state = "·", _("test message: nothing was run")
    lines = [
        f"bulkim {sign} {facts['name']} {state}{rehearsal}",
        _(
            "{operation} at {where}",
            operation=facts["operation"],
            where=f"{facts['provider']} {facts['target']}",
        ),
    ]
    if facts["state"] == "test":
        return "\n".join([*lines, facts["host"]])
    if facts["run"]:
        lines += _done(facts)
    if facts["state"] == "finished" and not facts["items"]:
        lines.append(
            _("There was nobody to send. If that is not meant, look at the input or the listing's `where`.")
        )
    lines += _why(facts, known)
    lines += [f"  {code}: {items:,}" for code, items in facts["codes"].items()]
    run = (
        _("run {run} on {host}, ", run=facts["run"], host=facts["host"])
        if facts["run"]
        else _("on {host}, ", host=facts["host"])
    )
    lines.append(run + _("exit code {code}", code=facts["exit_code"]))
    return "\n".join(lines)


def _done(facts: Mapping[str, Any]) -> Iterator[str]:
    counts = facts["counts"]
    parts = " + ".join(f"{counts[each]:,} {_(str(each))}" for each in Status if counts[each]) or "0"
    if facts["items"] or not facts.get("stop"):
        yield _("{items} in = ", items=f"{facts['items']:,}") + parts
    began, ended = local(facts["started_at"], WITH_ZONE), local(facts["finished_at"], WITH_ZONE)
    work, calls = duration(facts["elapsed_s"]), counted(facts["requests"], "{n} call", "{n} calls")
    yield _("{began} to {ended}, {work} of work, {calls}", began=began, ended=ended, work=work, calls=calls)


def _why(facts: Mapping[str, Any], known: Meaning | None) -> Iterator[str]:
    """Why it stopped or was refused, what that means and what to do: that the same command continues only where it does."""
    stop = facts.get("stop")
    if stop:
        reason = _(": {reason}", reason=stop["reason"]) if stop.get("reason") else ""
        how = _("refused") if facts["state"] == "refused" else _("stopped")
        yield how + _(": {code}", code=stop["code"]) + reason
        ours = known is not None and known is OWN.get(stop["code"])
        if known is not None and not (ours and _(known.meaning) == known.meaning):
            yield _(known.meaning)
    if facts["state"] in {"interrupted", "stopped"} and continues(stop["code"] if stop else None):
        yield _("the same command continues")
    elif stop and known is not None:
        yield _(known.remedy)


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
    if code is None:
        return "the answer does not say whether it was taken"
    words = str(found.get("errmsg") or found.get("msg") or found.get("StatusMessage") or "")
    advice = ""
    if KEYWORD.search(words):
        advice = " (every message begins with the word bulkim: give the robot that keyword)"
    elif SIGNATURE.search(words):
        advice = " (set `secret` to what the robot signs with, and look at this machine's clock)"
    return f"{code}: {words}{advice}"
