"""Mutes over all conversations, by scope."""

from __future__ import annotations

from dataclasses import replace

from bulkim.catalogue.shapes import Effect, Field, Object, Operation, Pool, Probe, ReadBack, Repeat, WholeCall
from bulkim.vendors.tencent.common import FOR_EVER, PAGES, READ_ON, username

POOLS = (
    Pool("set-mute", 200, "openconfigsvr/setnospeaking, 34923, page of 2024-07-16; in 2019: 100"),
    Pool(
        "get-mute",
        200,
        "openconfigsvr/getnospeaking, 34924; the page of 2025 says 200, that of 2019 says 100",
    ),
)


def _scope(name: str, wire: str, *, fallback_of: str | None = None, note: str = "") -> Field:
    return Field(
        name,
        wire=wire,
        optional=True,
        param=True,
        type="seconds",
        minimum=-1,
        maximum=FOR_EVER - 1,
        forever=FOR_EVER,
        fallback_of=fallback_of,
        help=f"seconds; -1 for ever, 0 lifts it{note}",
    )


SCOPES = (
    _scope("chat", "C2CmsgNospeakingTime"),
    _scope("groupchat", "GroupmsgNospeakingTime"),
    # Chat rooms are groups here: alone it mutes groups, beside `groupchat` it is covered by it.
    _scope(
        "chatroom",
        "GroupmsgNospeakingTime",
        fallback_of="groupchat",
        note="; the same as groupchat, which goes first",
    ),
)
SCOPE_NAMES = tuple(each.name for each in SCOPES)

MUTE = Operation(
    name="mute",
    method="POST",
    path="/v4/openconfigsvr/setnospeaking",
    effect=Effect.ENSURE,
    fields=(username("Set_Account"), *SCOPES),
    body=Object(),
    pools=("set-mute",),
    doubt=Probe("get-mute", remaining=SCOPE_NAMES),  # a second sending would start the time again
    any_of=SCOPE_NAMES,
    verify=ReadBack("get-mute", remaining=SCOPE_NAMES),
    inverse="unmute",
    restored_by="mute",
    blind="somebody may have been muted before, and stays so no longer",
    help="Stops users from sending in the scopes that are named. A scope that is not named stays as it is.",
    source=f"{PAGES}34923",
    read_on=READ_ON,
)
UNMUTE = replace(
    MUTE,
    name="unmute",
    fields=(
        username("Set_Account"),
        *(replace(each, fixed=0, help="name it to lift this scope only") for each in SCOPES),
    ),
    doubt=Repeat(),
    otherwise={"chat": 0, "groupchat": 0},
    inverse="mute",
    blind="somebody may not have been muted before",
    help="Lifts mutes: in all scopes, or in those that are named, whatever value they have.",
)
GET_MUTE = Operation(
    name="get-mute",
    method="POST",
    path="/v4/openconfigsvr/getnospeaking",
    effect=Effect.READ,
    fields=(username("Get_Account"),),
    body=Object(),
    result=WholeCall(
        pick=("C2CmsgNospeakingTime", "GroupmsgNospeakingTime"),
        vague={"C2CmsgNospeakingTime": FOR_EVER, "GroupmsgNospeakingTime": FOR_EVER},
    ),
    pools=("get-mute",),
    help="Reads how many seconds of each scope's mute remain; 4294967295 for ever, 0 none. For ever in both scopes is "
    "also what the vendor answers of an account that does not exist; the result's reason says so.",
    source=f"{PAGES}34924",
    read_on=READ_ON,
)

OPERATIONS = (MUTE, UNMUTE, GET_MUTE)
