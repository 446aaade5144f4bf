"""Presence: who is online, on which devices, and what waits for those who are not."""

from __future__ import annotations

from bulkim.catalogue.shapes import Effect, Field, MapByKey, Names, Never, Operation, Probe, WholeCall
from bulkim.vendors.easemob.common import EMPTY_JSON, PAGES, READ_ON, USERNAME

ONLINE_STATUS = Operation(
    name="online-status",
    method="POST",
    path="/users/batch/status",
    effect=Effect.READ,
    fields=(USERNAME,),
    body=Names("usernames"),
    result=MapByKey(at="data"),
    batch_max=100,
    pools=("users",),
    single=Operation(
        name="online-status",
        method="GET",
        path="/users/{username}/status",
        effect=Effect.READ,
        fields=(USERNAME,),
        body=EMPTY_JSON,
        result=MapByKey(at="data"),
        pools=("users",),
        source=f"{PAGES}account_presence_obtain_single.html",
        read_on=READ_ON,
    ),
    help="Says online or offline. Users who do not exist are called offline.",
    source=f"{PAGES}account_presence_obtain_batch.html",
    read_on=READ_ON,
)

DEVICES = Operation(
    name="devices",
    method="GET",
    path="/users/{username}/resources",
    effect=Effect.READ,
    fields=(USERNAME,),
    result=WholeCall(data="data"),
    pools=("users",),
    help="Lists the devices on which a user is signed in.",
    source=f"{PAGES}account_online_device_obtain.html",
    read_on=READ_ON,
)

OFFLINE_COUNT = Operation(
    name="offline-count",
    method="GET",
    path="/users/{username}/offline_msg_count",
    effect=Effect.READ,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    result=MapByKey(at="data"),
    pools=("users",),
    help="Counts the messages that wait for a user.",
    source=f"{PAGES}account_system.html",
    read_on=READ_ON,
)

OFFLINE_MESSAGE_STATUS = Operation(
    name="offline-message-status",
    method="GET",
    path="/users/{username}/offline_msg_status/{message_id}",
    effect=Effect.READ,
    fields=(USERNAME, Field("message_id", key=True, pattern=r"[A-Za-z0-9_-]+", help="the message's id")),
    body=EMPTY_JSON,
    result=MapByKey(at="data", by="message_id"),
    pools=("users",),
    help="Says whether one message was delivered to a user who was offline.",
    source=f"{PAGES}account_system.html",
    read_on=READ_ON,
)

DISCONNECT = Operation(
    name="disconnect",
    method="GET",
    path="/users/{username}/disconnect",
    effect=Effect.DISRUPT,
    fields=(USERNAME,),
    body=EMPTY_JSON,
    result=WholeCall(accept={"data.result": True}),
    pools=("users",),
    doubt=Probe("online-status", equals={"": "offline"}),
    help="Signs users out on all devices; they may sign in again. A GET with an effect: keep proxies away from it.",
    source=f"{PAGES}account_offline_forced.html",
    read_on=READ_ON,
)

DISCONNECT_DEVICE = Operation(
    name="disconnect-device",
    method="DELETE",
    path="/users/{username}/disconnect/{resource}",
    effect=Effect.DISRUPT,
    fields=(
        USERNAME,
        Field(
            "resource",
            key=True,
            pattern=r"[A-Za-z0-9_.-]{1,128}",
            help="the device's `res`, as `devices` lists it",
        ),
    ),
    result=WholeCall(accept={"data.result": True}),
    pools=("users",),
    doubt=Never(),  # a second sending signs out whoever came back meanwhile, and the answer is the same for both
    help="Signs users out on one device; they may sign in again.",
    source=f"{PAGES}account_offline_device_single.html",
    read_on=READ_ON,
)

OPERATIONS = (
    ONLINE_STATUS,
    DEVICES,
    OFFLINE_COUNT,
    OFFLINE_MESSAGE_STATUS,
    DISCONNECT,
    DISCONNECT_DEVICE,
)
