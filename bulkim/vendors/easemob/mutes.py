"""Mutes over all conversations, by scope."""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import (
    Effect,
    Field,
    Object,
    Operation,
    Paging,
    Pool,
    Probe,
    ReadBack,
    Repeat,
    WholeCall,
)
from bulkim.vendors.easemob.common import EMPTY_JSON, PAGES, READ_ON, USERNAME

POOLS = (
    Pool("mutes-set", 100, "POST /mutes"),
    Pool("mutes-get", 100, "GET /mutes/{username}"),
    Pool("mutes-list", 100, "GET /mutes"),
)


def _scope(name: str, what: str) -> Field:
    return Field(
        name,
        optional=True,
        param=True,
        type="seconds",
        minimum=-1,
        maximum=2147483647,
        help=f"seconds without {what}; -1 for ever, 0 lifts it",
    )


SCOPES = (
    _scope("chat", "one-to-one messages"),
    _scope("groupchat", "group messages"),
    _scope("chatroom", "chat rooms"),
)

SCOPE_NAMES = tuple(each.name for each in SCOPES)

MUTE = Operation(
    name="mute",
    method="POST",
    path="/mutes",
    effect=Effect.ENSURE,
    fields=(USERNAME, *SCOPES),
    body=Object(),
    result=WholeCall(accept={"data.result": "ok"}),
    pools=("mutes-set",),
    doubt=Probe("get-mute", remaining=SCOPE_NAMES),  # a second sending would start the time again
    any_of=SCOPE_NAMES,
    verify=ReadBack("get-mute", remaining=SCOPE_NAMES),
    inverse="unmute",
    restored_by="mute",
    blind="somebody may have been muted before, and stays so no longer",
    help="Stops users from sending in the scopes that are named. A scope that is not named stays as it is.",
    source=f"{PAGES}user_global_mute.html",
    read_on=READ_ON,
)

UNMUTE = replace(
    MUTE,
    name="unmute",
    fields=(USERNAME, *(replace(each, fixed=0, help="name it to lift this scope only") for each in SCOPES)),
    doubt=Repeat(),
    otherwise=dict.fromkeys(SCOPE_NAMES, 0),
    inverse="mute",
    blind="somebody may not have been muted before",
    help="Lifts mutes: in all scopes, or in those that are named, whatever value they have.",
)

GET_MUTE = Operation(
    name="get-mute",
    method="GET",
    path="/mutes/{username}",
    effect=Effect.READ,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    result=WholeCall(data="data"),
    pools=("mutes-get",),
    help="Reads how many seconds of each scope's mute remain; -1 for ever, 0 none.",
    source=f"{PAGES}user_global_mute.html",
    read_on=READ_ON,
)

LIST_MUTES = Operation(
    name="list-mutes",
    method="GET",
    path="/mutes",
    effect=Effect.READ,
    body=EMPTY_JSON,
    batch_max=50,
    pools=("mutes-list",),
    paging=Paging(items="data.data", key="username", size="pageSize", by="number", at="pageNum", merge=True),
    help="Lists muted users. Those whose mutes were lifted may still be there, with 0.",
    source=f"{PAGES}user_global_mute.html",
    read_on=READ_ON,
)

OPERATIONS = (
    MUTE,
    UNMUTE,
    GET_MUTE,
    LIST_MUTES,
)
