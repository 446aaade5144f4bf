"""The `notify` section: whom a run's end is told, what is secret of it, and what each chat service's robot wants."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Discriminator, Field, Tag

from bulkim.errors import Problem
from bulkim.jobfile.scalars import Line, Shape, Webhook
from bulkim.jobfile.values import is_plain_and_remote
from bulkim.model import Notify
from bulkim.yamltree import Node

# A robot's host -> the one format that it takes. From each service's page on incoming webhooks.
HOSTS = {
    "oapi.dingtalk.com": "dingtalk",
    "open.feishu.cn": "feishu",
    "open.larksuite.com": "feishu",
    "qyapi.weixin.qq.com": "wecom",
    "hooks.slack.com": "slack",
}
SIGNED = ("dingtalk", "feishu")  # whose robots can demand a signature
SECRETS = ("url", "secret")


class NotifyShape(Shape):
    """A webhook that is told when the run ends."""

    url: Webhook = Field(
        description="Where to POST the summary. https, or http to this machine. It is a secret, since whoever knows it may post there:"
        " write ${VAR}. The journal keeps it masked.",
        examples=["${ROBOT_URL}", "https://hooks.example.com/bulkim"],
    )
    format: Literal["json", "slack", "dingtalk", "feishu", "wecom"] = Field(
        default="json",
        description="`json`: the summary that `run --json` prints, with target, times, host and exit code. The others: a text message"
        " for the robot of that chat service. If the robot demands a keyword, give it `bulkim`.",
    )
    secret: Line | None = Field(
        default=None,
        description="What DingTalk's or Feishu's robot signs with, where it demands signatures. Write ${VAR}.",
        examples=["${ROBOT_SECRET}"],
    )
    allow_http: bool = Field(default=False, description="Allow plain http:// to other machines.")


def _form(value: Any) -> str | None:
    if isinstance(value, list):
        return "<several>"
    return "<one>" if isinstance(value, (dict, NotifyShape)) else None


NotifyRef = Annotated[
    Annotated[NotifyShape, Tag("<one>")]
    | Annotated[list[NotifyShape], Field(min_length=1), Tag("<several>")],
    Discriminator(
        _form,
        custom_error_type="form",
        custom_error_message="expected a mapping with a url, or a list of them",
    ),
]


def receivers(root: Node) -> Iterator[tuple[str, Node]]:
    """Whoever is told, each with its place as words: one, or those of a list."""
    section = root.child("notify")
    if section is None:
        return
    if isinstance(section.value, list):
        yield from ((f"notify.{number}", each) for number, each in enumerate(section.value))
    elif isinstance(section.value, dict):
        yield "notify", section


def secrets_of(root: Node) -> Iterator[Node]:
    """Addresses and secrets: with either of them anybody can post there."""
    for _, each in receivers(root):
        found = (each.child(key) for key in SECRETS) if isinstance(each.value, dict) else ()
        yield from (node for node in found if node is not None and isinstance(node.value, str))


def check(root: Node) -> Iterator[Problem]:
    """A summary in clear is for this machine alone, and a robot takes its own service's messages only."""
    for name, each in receivers(root):
        data = each.plain()
        if not isinstance(data, dict):
            continue
        url = str(data.get("url", ""))
        if is_plain_and_remote(url) and not data.get("allow_http"):
            message = f"{name}.url: plain http would send the summary in clear to another machine"
            yield each.mark_of(("url",)).problem(message, "write https, or allow_http: true")
        form, wanted = data.get("format"), service(url)
        if wanted is not None and form != wanted:
            what = (
                f"takes nothing in the format {form or 'json'}"
                if form
                else "takes no plain JSON, which is the default"
            )
            message = f"{name}.format: the robot at {urlsplit(url).hostname} {what}"
            yield each.mark_of(("format",) if form else ("url",)).problem(message, f"write format: {wanted}")
        elif data.get("secret") is not None and form not in SIGNED:
            message = f"{name}.secret: no signature is known for format {form or 'json'}"
            yield each.mark_of(("secret",)).problem(message, "only dingtalk and feishu sign")


def service(url: str) -> str | None:
    """The format that the robot at an address takes; None: it is nobody's whom we know."""
    try:
        return HOSTS.get((urlsplit(url).hostname or "").rstrip("."))
    except ValueError:
        return None


def built(data: Mapping[str, Any] | list[Mapping[str, Any]] | None) -> tuple[Notify, ...]:
    """The receivers of a valid section."""
    several = data if isinstance(data, list) else [data] if data else []
    return tuple(Notify(each["url"], each["format"], each["secret"] or "") for each in several)
