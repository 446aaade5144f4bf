"""What answers each command, and the way from a path to a call."""

from __future__ import annotations

from bulkim.sandbox.config import App
from bulkim.sandbox.endpoints import TENCENT
from bulkim.sandbox.http import Request, Response, json_response
from bulkim.sandbox.state import World
from bulkim.sandbox.tencent import accounts, attributes, groups, mutes, profiles, relations, status, tags
from bulkim.sandbox.tencent.exchange import INFO, Family, Handler, Route, TencentExchange, uint

FAMILIES = {
    "im_open_login_svc": Family(bad_json=60003, not_admin=70403),
    "openim": Family(bad_json=90001, not_admin=90009),
    "all_member_push": Family(bad_json=90001, not_admin=90009),
    "openconfigsvr": Family(bad_json=130001, not_admin=60010, action_status=False),
    "group_open_http_svc": Family(bad_json=10004, not_admin=60010),
    "profile": Family(bad_json=40001, not_admin=40004),
    "sns": Family(bad_json=30001, not_admin=30004),
}
HANDLERS: dict[str, Handler] = {
    "account_import": accounts.account_import,
    "multiaccount_import": accounts.multiaccount_import,
    "account_delete": accounts.account_delete,
    "account_check": accounts.account_check,
    "kick": accounts.kick,
    "query_online_status": status.query_online_status,
    "setnospeaking": mutes.set_no_speaking,
    "getnospeaking": mutes.get_no_speaking,
    "im_set_attr": attributes.set_attributes,
    "im_get_attr": attributes.get_attributes,
    "im_remove_attr": attributes.remove_attributes,
    "im_set_attr_name": attributes.set_attribute_names,
    "im_get_attr_name": attributes.get_attribute_names,
    "im_add_tag": tags.add_tags,
    "im_remove_tag": tags.remove_tags,
    "im_get_tag": tags.get_tags,
    "add_group_member": groups.add_group_member,
    "delete_group_member": groups.delete_group_member,
    "forbid_send_msg": groups.forbid_send_msg,
    "get_role_in_group": groups.get_role_in_group,
    "get_group_muted_account": groups.get_group_muted_account,
    "portrait_set": profiles.portrait_set,
    "portrait_get": profiles.portrait_get,
    "friend_import": relations.friend_import,
    "friend_delete": relations.friend_delete,
    "friend_delete_all": relations.friend_delete_all,
    "friend_check": relations.friend_check,
    "friend_get": relations.friend_get,
    "black_list_add": relations.black_list_add,
    "black_list_delete": relations.black_list_delete,
    "black_list_check": relations.black_list_check,
}
_BY_PATH: dict[tuple[str, ...], Route] = {
    ("v4", each.service, each.name): Route(each, FAMILIES[each.service], HANDLERS[each.name])
    for each in TENCENT
}


def open_exchange(world: World, request: Request) -> TencentExchange | Response:
    """The call that a request makes, or the refusal of one that makes none."""
    parameters = {name: values[0] for name, values in request.query().items()}
    route = _BY_PATH.get(request.segments)
    if route is None:
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
    return TencentExchange(world, app, request, route, parameters)


def _refusal(code: int) -> Response:
    return json_response({"ActionStatus": "FAIL", "ErrorCode": code, "ErrorInfo": INFO[code]})
