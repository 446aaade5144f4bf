"""Every command in one table, and the way from a path to a call."""

from __future__ import annotations

from bulkim.sandbox.config import App
from bulkim.sandbox.http import Request, Response, json_response
from bulkim.sandbox.state import World
from bulkim.sandbox.tencent import accounts, attributes, groups, mutes, status
from bulkim.sandbox.tencent.exchange import INFO, Command, Family, TencentExchange, uint

_ACCOUNTS = Family(bad_json=60003, not_admin=70403)
_PUSH = Family(bad_json=90001, not_admin=90009)
_GROUPS = Family(bad_json=10004, not_admin=60010)
_CONFIG = Family(bad_json=130001, not_admin=60010, action_status=False)

_LOGIN = "im_open_login_svc"
_ALL_PUSH = "all_member_push"

# fmt: off
COMMANDS: tuple[Command, ...] = (
    Command(_LOGIN, "account_import", "register", _ACCOUNTS, accounts.account_import),
    Command(_LOGIN, "multiaccount_import", "register", _ACCOUNTS, accounts.multiaccount_import, 100),
    Command(_LOGIN, "account_delete", "delete", _ACCOUNTS, accounts.account_delete, 100),
    Command(_LOGIN, "account_check", "get-user", _ACCOUNTS, accounts.account_check, 100),
    Command(_LOGIN, "kick", "disconnect", _ACCOUNTS, accounts.kick),
    Command("openim", "query_online_status", "online-status", _PUSH, status.query_online_status, 500),
    Command("openconfigsvr", "setnospeaking", "mute", _CONFIG, mutes.set_no_speaking),
    Command("openconfigsvr", "getnospeaking", "get-mute", _CONFIG, mutes.get_no_speaking),
    Command(_ALL_PUSH, "im_set_attr", "set-attributes", _PUSH, attributes.set_attributes, 100),
    Command(_ALL_PUSH, "im_get_attr", "get-attributes", _PUSH, attributes.get_attributes, 100),
    Command(_ALL_PUSH, "im_remove_attr", "remove-attributes", _PUSH, attributes.remove_attributes, 100),
    Command(_ALL_PUSH, "im_set_attr_name", "set-attribute-names", _PUSH, attributes.set_attribute_names),
    Command(_ALL_PUSH, "im_get_attr_name", "get-attribute-names", _PUSH, attributes.get_attribute_names),
    Command("group_open_http_svc", "add_group_member", "add-to-group", _GROUPS, groups.add_group_member, 300),
    Command(_ALL_PUSH, "im_add_tag", "add-tags", _PUSH, groups.add_tags, 100),
    Command(_ALL_PUSH, "im_remove_tag", "remove-tags", _PUSH, groups.remove_tags, 100),
    Command(_ALL_PUSH, "im_get_tag", "get-tags", _PUSH, groups.get_tags, 100),
    # The attribute commands' address until 2020, with a larger batch.
    Command("openim", "im_set_attr", "set-attributes", _PUSH, attributes.set_attributes, 500),
    Command("openim", "im_get_attr", "get-attributes", _PUSH, attributes.get_attributes, 500),
    Command("openim", "im_remove_attr", "remove-attributes", _PUSH, attributes.remove_attributes, 500),
)
# fmt: on

_BY_PATH: dict[tuple[str, ...], Command] = {("v4", each.service, each.name): each for each in COMMANDS}


def open_exchange(world: World, request: Request) -> TencentExchange | Response:
    """The call that a request makes, or the refusal of one that makes none."""
    parameters = {name: values[0] for name, values in request.query().items()}
    command = _BY_PATH.get(request.segments)
    if command is None:
        return _refusal(60009)
    if "sdkappid" not in parameters:
        return _refusal(60012)
    sdk_app_id = uint(parameters["sdkappid"])
    if sdk_app_id is None:
        return _refusal(60006)
    app = world.apps.get(str(sdk_app_id))
    if app is None and world.config.any_app:
        app = world.add_app(App("tencent", sdk_app_id=sdk_app_id))
    if app is None:
        return _refusal(70020)
    return TencentExchange(world, app, request, command, parameters)


def _refusal(code: int) -> Response:
    return json_response({"ActionStatus": "FAIL", "ErrorCode": code, "ErrorInfo": INFO[code]})
