"""A server that knows nothing but five pages of the vendors: their examples, letter by letter, keyed by method and path.

It shares nothing with the sandbox or the client, and understands no request: whoever asks what a page asks is answered
what the page shows. ``XXXX`` in an example stands as it is; commas that make an example no JSON, and that a page has too
many or too few of, are put right.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

# ------------------------------------------------------------ Easemob, account system page (and its delete page)

REGISTER_ONE = """{
  "action": "post",
  "application": "8be024f0-XXXX-XXXX-b697-5d598d5f8402",
  "path": "/users",
  "uri": "https://XXXX/XXXX/XXXX/users",
  "entities": [
    {
      "uuid": "0ffe2d80-XXXX-XXXX-8d66-279e3e1c214b",
      "type": "user",
      "created": 1542795196504,
      "modified": 1542795196504,
      "username": "user1",
      "activated": true
    }
  ],
  "timestamp": 1542795196515,
  "duration": 0,
  "organization": "XXXX",
  "applicationName": "XXXX"
}"""
REGISTER_THREE = """{
  "action": "post",
  "application": "22bcffa0-XXXX-XXXX-9df8-516f6df68c6d",
  "path": "/users",
  "uri": "https://XXXX/XXXX/XXXX/testapp/users",
  "entities": [
    {
      "uuid": "278b5e60-XXXX-XXXX-8f9b-d5d83ebec806",
      "type": "user",
      "created": 1541587920710,
      "modified": 1541587920710,
      "username": "user1",
      "activated": true
    },
    {
      "uuid": "278bac80-XXXX-XXXX-b192-73e4cd5078a5",
      "type": "user",
      "created": 1541587920712,
      "modified": 1541587920712,
      "username": "user2",
      "activated": true
    }
  ],
  "timestamp": 1541587920714,
  "data": [
    {
      "username": "user3",
      "registerUserFailReason": "the user3 already exists"
    }
  ],
  "duration": 0,
  "organization": "XXXX",
  "applicationName": "XXXX"
}"""
GET_USER = """{
  "action": "get",
  "path": "/users",
  "uri": "https://XXXX/XXXX/XXXX/users/XXXX",
  "entities": [
    {
      "uuid": "0ffe2d80-XXXX-XXXX-8d66-279e3e1c214b",
      "type": "user",
      "created": 1542795196504,
      "modified": 1542795196504,
      "username": "XXXX",
      "activated": true,
      "nickname": "testuser"
    }
  ],
  "timestamp": 1542798985011,
  "duration": 6,
  "count": 1
}"""
LIST_USERS = """{
  "action": "get",
  "params": {
    "limit": ["2"]
  },
  "path": "/users",
  "uri": "https://XXXX/XXXX/XXXX/users",
  "entities": [
    {
      "uuid": "ab90eff0-XXXX-XXXX-9174-8f161649a182",
      "type": "user",
      "created": 1542356511855,
      "modified": 1542356511855,
      "username": "XXXX",
      "activated": true,
      "nickname": "user1"
    },
    {
      "uuid": "b2aade90-XXXX-XXXX-a974-f3368f82e4f1",
      "type": "user",
      "created": 1542356523769,
      "modified": 1542356523769,
      "username": "user2",
      "activated": true,
      "nickname": "user2"
    }
  ],
  "timestamp": 1542558467056,
  "duration": 11,
  "cursor": "LTgzXXXX2tB",
  "count": 2
}"""
LIST_USERS_LAST = """{
  "action": "get",
  "params": {
    "cursor": ["LTgzXXXX2tB"],
    "limit": ["2"]
  },
  "path": "/users",
  "uri": "https://XXXX/XXXX/XXXX/users",
  "entities": [
    {
      "uuid": "fef7f250-XXXX-XXXX-ba39-0fed7dcc3cdd",
      "type": "user",
      "created": 1542361376245,
      "modified": 1542361376245,
      "username": "XXXX",
      "activated": true,
      "nickname": "testuser"
    }
  ],
  "timestamp": 1542559337702,
  "duration": 2,
  "count": 1
}"""
DELETE_ONE = """{
  "action": "delete",
  "application": "8be024f0-XXXX-XXXX-b697-5d598d5f8402",
  "path": "/users",
  "uri": "https://XXXX/XXXX/XXXX/users",
  "entities": [
    {
      "uuid": "ab90eff0-XXXX-XXXX-9174-8f161649a182",
      "type": "user",
      "created": 1542356511855,
      "modified": 1542356511855,
      "username": "XXXX",
      "activated": true,
      "nickname": "user1"
    }
  ],
  "timestamp": 1542559539776,
  "duration": 39,
  "organization": "XXXX",
  "applicationName": "XXXX"
}"""
DELETE_OLDEST = """{
  "action": "delete",
  "application": "8be024f0-XXXX-XXXX-b697-5d598d5f8402",
  "params": {
    "limit": ["2"]
  },
  "path": "/users",
  "uri": "https://XXXX/XXXX/testapp/users",
  "entities": [
    {
      "uuid": "b2aade90-XXXX-XXXX-a974-f3368f82e4f1",
      "type": "user",
      "created": 1542356523769,
      "modified": 1542597334500,
      "username": "user2",
      "activated": true,
      "nickname": "testuser"
    },
    {
      "uuid": "b98ad170-XXXX-XXXX-XXXX-7f76daa76557",
      "type": "user",
      "created": 1542356535303,
      "modified": 1542356535303,
      "username": "user3",
      "activated": true,
      "nickname": "user3"
    }
  ],
  "timestamp": 1542867197779,
  "duration": 504,
  "organization": "XXXX",
  "applicationName": "testapp",
  "cursor": "LTgXXXXDNR"
}"""
SET_PASSWORD = """{
  "action": "set user password",
  "timestamp": 1542595598924,
  "duration": 8
}"""
STATUS_ONE = """{
  "action": "get",
  "uri": "https://XXXX/XXXX/XXXX/users/user1/status",
  "entities": [],
  "data": {
    "user1": "offline"
  },
  "timestamp": 1542601284531,
  "duration": 4,
  "count": 0
}"""
STATUS_BATCH = """{
  "action": "get batch user status",
  "data": [
    {
      "user1": "offline"
    },
    {
      "user2": "offline"
    }
  ],
  "timestamp": 1552280231926,
  "duration": 4
}"""
DEVICES = """{
    "path": "/users/XXXX/resources",
    "uri": "https://XXXX/XXXX/XXXX/users/XXXX/resources",
    "timestamp": 1692325141777,
    "organization": "XXXX",
    "application": "0XXXX4",
    "entities": [],
    "action": "get",
    "data": [
        {
            "res": "android_XXXX",
            "device_uuid": "2a54-XXXX",
            "device_name": "HUAWEI-XXXX"
        }
    ],
    "duration": 0,
    "applicationName": "chatdemoui"
}"""
SET_MUTE = """{
  "path": "/mutes",
  "uri": "https://XXXX/XXXX/XXXX/mutes",
  "timestamp": 1631609754727,
  "organization": "XXXX",
  "application": "357169f0-XXXX-XXXX-9b3a-f1af649cc48d",
  "action": "post",
  "data": {
    "result": "ok"
  },
  "duration": 74,
  "applicationName": "XXXX"
}"""
GET_MUTE = """{
  "path": "/mutes",
  "uri": "https://XXXX/XXXX/XXXX/mutes",
  "timestamp": 1631609831800,
  "organization": "XXXX",
  "application": "357169f0-XXXX-XXXX-9b3a-f1af649cc48d",
  "action": "get",
  "data": {
    "userid": "XXXX#restys_zs1",
    "chat": 96,
    "groupchat": 96,
    "chatroom": 96,
    "unixtime": 1631609831
  },
  "duration": 13,
  "applicationName": "XXXX"
}"""
LIST_MUTES = """{
  "path": "/mutes",
  "uri": "https://XXXX/XXXX/XXXX/mutes",
  "timestamp": 1631609858771,
  "organization": "XXXX",
  "application": "357169f0-XXXX-XXXX-9b3a-f1af649cc48d",
  "action": "get",
  "data": {
    "data": [
      {
        "username": "zs2",
        "chatroom": 0
      },
      {
        "username": "zs1",
        "groupchat": 69
      },
      {
        "username": "zs1",
        "chat": 69
      },
      {
        "username": "zs1",
        "chatroom": 69
      },
      {
        "username": "h2",
        "chatroom": 0
      },
      {
        "username": "h2",
        "groupchat": 0
      },
      {
        "username": "h2",
        "chat": 0
      }
    ],
    "unixtime": 1631609858
  },
  "duration": 17,
  "applicationName": "XXXX"
}"""
NO_MUTES = '{"path": "/mutes", "action": "get", "data": {"data": [], "unixtime": 1631609858}, "duration": 1}'
OFFLINE_COUNT = """{
  "action": "get",
  "uri": "https://XXXX/XXXX/XXXX/users/user1/offline_msg_count",
  "entities": [],
  "data": {
    "user1": 0
  },
  "timestamp": 1542601518137,
  "duration": 3,
  "count": 0
}"""
OFFLINE_STATUS = """{
  "action": "get",
  "uri": "https://XXXX/XXXX/XXXX/users/user1/offline_msg_status/123",
  "entities": [],
  "data": {
    "123": "delivered"
  },
  "timestamp": 1542601830084,
  "duration": 5,
  "count": 0
}"""
DEACTIVATE = """{
  "action": "Deactivate user",
  "entities": [
    {
      "uuid": "4759aa70-XXXX-XXXX-925f-6fa0510823ba",
      "type": "user",
      "created": 1542595573399,
      "modified": 1542597578147,
      "username": "user1",
      "activated": false,
      "nickname": "user"
    }
  ],
  "timestamp": 1542602157258,
  "duration": 12
}"""
ACTIVATE = """{
  "action": "activate user",
  "timestamp": 1542602404132,
  "duration": 9
}"""
DISCONNECT = """{
  "action": "get",
  "uri": "https://XXXX/XXXX/XXXX/users/user1/disconnect",
  "entities": [],
  "data": {
    "result": true
  },
  "timestamp": 1542602601332,
  "duration": 6,
  "count": 0
}"""

# ------------------------------------------------------------------- Agora, user system registration page

AGORA_DISCONNECT = """{
"uri": "http://XXXX/XXXX/XXXX/users/XXXX/disconnect",
"timestamp": 1642053735842,
"organization": "1122161011178276",
"application": "22bcffa0-XXXX-XXXX-9df8-516f6df68c6d",
"entities": [],
"action": "get",
"data": {
"result": true
},
"duration": 0,
"applicationName": "XXXX"
}"""
AGORA_DEACTIVATE = DEACTIVATE.replace('"username": "user1"', '"username": "XXXX"')
AGORA_LIST = """{
"action": "get",
"params": {
"limit": ["2"]
},
"path": "/users",
"uri": "http://XXXX/XXXX/XXXX/users",
"entities": [
{
"uuid": "ab90eff0-XXXX-XXXX-9174-8f161649a182",
"type": "user",
"created": 1542356511855,
"modified": 1542356511855,
"username": "XXXX",
"activated": true,
"nickname": "testuser1"
},
{
"uuid": "b2aade90-XXXX-XXXX-a974-f3368f82e4f1",
"type": "user",
"created": 1542356523769,
"modified": 1542356523769,
"username": "user2",
"activated": true,
"nickname": "testuser2"
}
],
"timestamp": 1542558467056,
"duration": 1,
"cursor": "LTgzNDAxMjM3OToxTEFnNE9sNEVlaVQ0UEdhdmJNR2tB",
"count": 2
}"""
AGORA_LIST_LAST = """{
"action": "get",
"params": {
"cursor": ["LTgzNDAxMjM3OToxTEFnNE9sNEVlaVQ0UEdhdmJNR2tB"],
"limit": ["2"]
},
"path": "/users",
"uri": "http://XXXX/XXXX/XXXX/users",
"entities": [
{
"uuid": "fef7f250-XXXX-XXXX-ba39-0fed7dcc3cdd",
"type": "user",
"created": 1542361376245,
"modified": 1542361376245,
"username": "XXXX",
"activated": true,
"nickname": "testuser3"
},
{
"uuid": "gufhj730-XXXX-XXXX-bc68-d8ij7dc3uyac",
"type": "user",
"created": 1542361376978,
"modified": 1542361376978,
"username": "XXXX",
"activated": true,
"nickname": "testuser4"
}
],
"timestamp": 1542559337702,
"duration": 2,
"count": 2
}"""

# -------------------------------------------------- Tencent, deleting accounts and deleting user attributes pages

ACCOUNT_DELETE = """{"ActionStatus": "OK","ErrorCode": 0,"ErrorInfo": "","ResultItem": [{"ResultCode": 0,"ResultInfo": "","UserID": "UserID_1"},{"ResultCode": 70107,"ResultInfo": "Err_TLS_PT_Open_Login_Account_Not_Exist","UserID": "UserID_2"}]}"""
REMOVE_ATTR = """{"ActionStatus": "OK","ErrorInfo": "","ErrorCode": 0}"""

# ------------------------------------------------------------------------------------------------ the server

APP = "/XXXX/XXXX"
Answers = dict[tuple[str, str], list[str] | str]

EASEMOB: Answers = {
    ("POST", f"{APP}/users"): REGISTER_THREE,
    ("GET", f"{APP}/users/XXXX"): GET_USER,
    ("GET", f"{APP}/users"): [LIST_USERS, LIST_USERS_LAST],
    ("DELETE", f"{APP}/users/XXXX"): DELETE_ONE,
    ("DELETE", f"{APP}/users"): DELETE_OLDEST,
    ("PUT", f"{APP}/users/user1/password"): SET_PASSWORD,
    ("GET", f"{APP}/users/user1/status"): STATUS_ONE,
    ("POST", f"{APP}/users/batch/status"): STATUS_BATCH,
    ("GET", f"{APP}/users/XXXX/resources"): DEVICES,
    ("POST", f"{APP}/mutes"): SET_MUTE,
    ("GET", f"{APP}/mutes/zs1"): GET_MUTE,
    ("GET", f"{APP}/mutes"): [LIST_MUTES, NO_MUTES],
    ("GET", f"{APP}/users/user1/offline_msg_count"): OFFLINE_COUNT,
    ("GET", f"{APP}/users/user1/offline_msg_status/123"): OFFLINE_STATUS,
    ("POST", f"{APP}/users/user1/deactivate"): DEACTIVATE,
    ("POST", f"{APP}/users/user1/activate"): ACTIVATE,
    ("GET", f"{APP}/users/user1/disconnect"): DISCONNECT,
}
# The same examples stand on Agora's page, but for these.
_ELSEWHERE = {
    *(
        ("GET", f"{APP}/{tail}")
        for tail in ("users/XXXX/resources", "mutes", "mutes/zs1", "users/user1/disconnect")
    ),
    ("POST", f"{APP}/mutes"),
    ("POST", f"{APP}/users/user1/deactivate"),
    ("DELETE", f"{APP}/users/XXXX"),
}
AGORA: Answers = {
    **{request: answer for request, answer in EASEMOB.items() if request not in _ELSEWHERE},
    ("GET", f"{APP}/users"): [AGORA_LIST, AGORA_LIST_LAST],
    # The page masks the name of the user whom its request deletes; an answer about somebody else would not be believed.
    ("DELETE", f"{APP}/users/user1"): DELETE_ONE.replace('"username": "XXXX"', '"username": "user1"'),
    ("POST", f"{APP}/users/XXXX/deactivate"): AGORA_DEACTIVATE,
    ("GET", f"{APP}/users/XXXX/disconnect"): AGORA_DISCONNECT,
}
TENCENT: Answers = {
    ("POST", "/v4/im_open_login_svc/account_delete"): ACCOUNT_DELETE,
    ("POST", "/v4/all_member_push/im_remove_attr"): REMOVE_ATTR,
}


@dataclass
class Asked:
    """One request, as it arrived."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Pages:
    """Where the pages are served, and what was asked of them."""

    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: Answers = field(default_factory=dict)

    def answer(self, asked: Asked) -> str | None:
        """The page's answer; of several the next one, the last again and again."""
        self.asked.append(asked)
        found = self.answers.get((asked.method, asked.path))
        if not isinstance(found, list):
            return found
        nth = sum((each.method, each.path) == (asked.method, asked.path) for each in self.asked) - 1
        return found[min(nth, len(found) - 1)]


@contextmanager
def serving_pages(answers: Answers) -> Iterator[Pages]:
    """The pages on a port of their own."""
    pages = Pages(answers=answers)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def handle_one_request(self) -> None:
            self.raw_requestline = self.rfile.readline(65537)
            if not self.raw_requestline or not self.parse_request():
                self.close_connection = True
                return
            url = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            text = pages.answer(Asked(self.command, url.path, parse_qs(url.query), headers, body))
            content = (text or '{"error": "the pages show no such request"}').encode()
            self.send_response(200 if text else 404)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    pages.base_url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield pages
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
