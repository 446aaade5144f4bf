"""One call to a Tencent app: the query's parameters, the UserSig, the shape of answers.

Tencent: RESTful API overview, error code page and the pages of each command, read 2026-11.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from bulkim.sandbox.endpoints import Command
from bulkim.sandbox.fault_rules import Fault
from bulkim.sandbox.faults import NO_FAULT, Verdict
from bulkim.sandbox.http import Request, Response, json_response, parse_json
from bulkim.sandbox.state import AppState, World
from bulkim.sandbox.user_sig import verify_user_sig

LOCK_S = 60.0  # how long failed signatures are remembered, and with too many of them the app is refused
USER_ID_BYTES_MAX = 32
UINT32_MAX = 4294967295

Handler = Callable[["TencentExchange"], dict[str, Any]]

INFO = {
    60002: "HTTP parsing error. Check the HTTP request URL format",
    60003: "HTTP request JSON parsing error. Check the JSON format",
    60004: "Request URL or incorrect account or signature in the JSON body",
    60006: "Invalid SDKAppID. Check the validity of the SDKAppID",
    60007: "Call frequency of the RESTful API exceeds the limit. Reduce the request frequency",
    60009: "Incorrect resource requested. Check the request URL",
    60010: "Request requires app admin privileges",
    60012: "SDKAppID is missing in the request URL",
    60015: "Account must be of the string type",
    70001: "UserSig is expired. Generate a new one",
    70002: "UserSig is empty",
    70003: "UserSig is invalid. Check whether it is truncated",
    70009: "UserSig verification failed. It may be generated with the key of another SDKAppID",
    70013: "The UserID in the UserSig does not match the identifier in the request",
    70014: "The SDKAppID in the UserSig does not match the SDKAppID in the request",
    70020: "SDKAppID not found. Check the application in the console",
    70050: "UserSig verification failed too often. Try again in 1 minute",
    70107: "Err_TLS_PT_Open_Login_Account_Not_Exist",
    70206: "Invalid batch quantity in the request",
    70398: "The number of accounts exceeds the limit",
    70399: "The UserID was deleted and cannot be imported again within 3 months",
    70402: "Invalid parameters. Check that required fields are entered and meet the protocol",
    70403: "App admin permissions are required to perform this operation",
    71000: "Failed to delete accounts. Only accounts of apps using the Chat Trial plan can be deleted",
    90001: "Fail to Parse json data of body, Please check it",
    90003: "To_Account is not of the string type",
    90009: "The request requires app admin permissions",
    90011: "The number of accounts in To_Account exceeds 500",
    90018: "The number of requested accounts exceeds the limit",
    10004: "Invalid parameters",
    30001: "Err_SNS_Req_Param_Invalid",
    30003: "Err_SNS_Invalid_Account",
    30004: "Err_SNS_Need_Admin",
    40001: "Err_Profile_Comm_Decode_Fail",
    40003: "Err_Profile_Invalid_Account",
    40004: "Err_Profile_Need_Admin",
    40009: "Err_Profile_Tag_Not_Exist",
    40601: "Err_Profile_Value_Too_Long",
    40610: "Err_Profile_Value_Type",
    90032: "Invalid tag",
    90033: "Invalid attribute",
    90035: "Invalid user",
    130001: "Failed to parse the JSON format",
    130002: "Get_Account is missing in the JSON request",
    130003: "Get_Account is invalid in the JSON request",
    130004: "Set_Account is missing in the JSON request",
    130005: "Set_Account is not of the string type",
    130006: "C2CmsgNospeakingTime is invalid in the JSON request",
    130007: "GroupmsgNospeakingTime is invalid in the JSON request",
    130008: "Neither C2CmsgNospeakingTime nor GroupmsgNospeakingTime is given",
}


class RefusedError(Exception):
    """An error code. `by_gateway`: said before the command was looked at, and so always with ActionStatus."""

    def __init__(self, code: int, info: str | None = None, *, by_gateway: bool = False) -> None:
        super().__init__(code)
        self.code = code
        self.info = INFO.get(code, "") if info is None else info
        self.by_gateway = by_gateway


@dataclass(frozen=True, slots=True)
class Family:
    """What the commands of one service have in common when they refuse."""

    bad_json: int
    not_admin: int
    action_status: bool = True  # the global mute commands answer without


@dataclass(frozen=True, slots=True)
class Route:
    """A command, what its service's commands have in common, and what answers it."""

    command: Command
    family: Family
    handler: Handler


@dataclass(slots=True)
class TencentExchange:
    world: World
    app: AppState
    request: Request
    route: Route
    parameters: dict[str, str]
    verdict: Verdict = NO_FAULT
    _read: bool = field(default=False)
    _document: Any = field(default=None)

    @property
    def operation(self) -> str:
        return self.route.command.operation

    @property
    def pools(self) -> Sequence[str]:
        return (self.route.command.name,)

    def quirk(self, name: str) -> bool:
        return name in self.world.quirks

    # -- what the server asks

    def users(self) -> Sequence[str]:
        document = self._parsed()
        if not isinstance(document, dict):
            return ()
        for name in self.route.command.who:
            found = document.get(name)
            if isinstance(found, list):
                return [_id_of(row) for row in found]
            if name in document:
                return [str(found)]
        return ()

    def run(self, verdict: Verdict) -> Response:
        self.verdict = verdict
        try:
            self._check_parameters()
            self._authenticate()
            answer = self.route.handler(self)
        except RefusedError as error:
            return self.refused(error)
        return json_response({**self._status("OK", 0, ""), **answer})

    def throttled(self, retry_after: float | None) -> Response:
        if retry_after is None and self.quirk("retry-after"):
            retry_after = 1
        headers = () if retry_after is None else (("retry-after", f"{retry_after:g}"),)
        return self.refused(RefusedError(60007, by_gateway=True), headers)

    def error(self, fault: Fault) -> Response:
        error = fault.error
        return self.refused(
            RefusedError(error["ErrorCode"], str(error.get("ErrorInfo", "")), by_gateway=True)
        )

    def refused(self, error: RefusedError, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        self.app.refusals[str(error.code)] += 1
        status = self._status("FAIL", error.code, error.info, always=error.by_gateway)
        return json_response(status, headers=headers)

    # -- what handlers ask

    def document(self) -> dict[str, Any]:
        document = self._parsed()
        if not isinstance(document, dict):
            raise RefusedError(self.route.family.bad_json)
        return document

    def rows(self, name: str, *, none: int, too_many: int) -> list[Any]:
        """The list called `name`; the codes are for a missing or empty one and for more than a batch."""
        rows = self.document().get(name)
        if not isinstance(rows, list) or not rows:
            raise RefusedError(none)
        if len(rows) > self.route.command.batch_max:
            raise RefusedError(too_many)
        return rows

    def accounts(self, name: str, *, none: int, too_many: int, not_text: int) -> list[str]:
        """The same of a list of bare UserIDs."""
        accounts = self.rows(name, none=none, too_many=too_many)
        if not all(isinstance(account, str) for account in accounts):
            raise RefusedError(not_text)
        return accounts

    def _parsed(self) -> Any:
        if not self._read:
            self._read = True
            try:
                self._document = parse_json(self.request.body)
            except ValueError:
                self._document = None
        return self._document

    def _check_parameters(self) -> None:
        if self.request.method != "POST":
            raise RefusedError(60002, by_gateway=True)
        random = uint(self.parameters.get("random", ""))
        if random is None or random > UINT32_MAX:
            raise RefusedError(60002, by_gateway=True)
        if self.parameters.get("contenttype") != "json":
            raise RefusedError(60002, by_gateway=True)
        if "identifier" not in self.parameters or "usersig" not in self.parameters:
            raise RefusedError(60004, by_gateway=True)

    def _authenticate(self) -> None:
        app = self.app.config
        now = self.request.arrived
        failures = self.app.bad_signatures
        while failures and failures[0] <= now - LOCK_S:
            failures.popleft()
        if len(failures) >= self.world.config.signature_failures_max:
            raise RefusedError(70050, by_gateway=True)
        code = verify_user_sig(
            self.parameters["usersig"],
            sdk_app_id=app.sdk_app_id or 0,
            identifier=self.parameters["identifier"],
            secret_key=app.secret_key,
            now=self.world.clock.wall(),
        )
        if code:
            failures.append(now)
            raise RefusedError(code, by_gateway=True)
        if app.admin is not None and self.parameters["identifier"] != app.admin:
            raise RefusedError(self.route.family.not_admin)

    def _status(self, action: str, code: int, info: str, *, always: bool = False) -> dict[str, Any]:
        status: dict[str, Any] = {"ActionStatus": action, "ErrorCode": code, "ErrorInfo": info}
        if not (self.route.family.action_status or always or self.quirk("nospeaking-action-status")):
            del status["ActionStatus"]
        return status


def uint(text: str) -> int | None:
    """The number if the text is one, and not absurdly long."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None


def user_id(value: object) -> str | None:
    """The id if it is one: printable ASCII, 1 to 32 bytes."""
    if not isinstance(value, str) or not 1 <= len(value) <= USER_ID_BYTES_MAX:
        return None
    return value if all(" " <= character <= "~" for character in value) else None


def _id_of(row: Any) -> str:
    if isinstance(row, dict):
        return str(row.get("UserID", row.get("To_Account", row.get("Member_Account", ""))))
    return str(row)
