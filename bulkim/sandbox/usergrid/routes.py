"""Every endpoint of the two, in one table, and the way from a path to a call."""

from __future__ import annotations

from bulkim.sandbox.config import App
from bulkim.sandbox.http import Request, Response, json_response
from bulkim.sandbox.state import AppState, World
from bulkim.sandbox.usergrid import attributes, auth, groups, mutes, presence, register, relations, users
from bulkim.sandbox.usergrid.errors import Refusal, no_such_app
from bulkim.sandbox.usergrid.exchange import Handler, Route, UsergridExchange


def _route(  # noqa: PLR0917 - a row of the table below
    method: str, path: str, operation: str, pool: str, agora_pool: str, handler: Handler
) -> Route:
    """A route in Easemob's pool `pool` and Agora's `agora_pool`; a narrower cap follows a `+`."""
    pools = {"easemob": tuple(pool.split("+")), "agora": (agora_pool,)}
    segments = tuple(path.strip("/").split("/"))
    open_to_all = operation in ("token", "register")
    return Route(
        method, segments, operation, pools, handler, needs_token=not open_to_all, any_type=open_to_all
    )


# fmt: off
ROUTES: tuple[Route, ...] = (
    _route("POST", "/token", "token", "token", "token", auth.fetch_token),
    _route("POST", "/users", "register", "users", "register", register.register),
    _route("GET", "/users", "list-users", "users", "list-users", users.list_users),
    _route("DELETE", "/users", "delete-oldest", "users+delete-oldest", "delete-oldest", users.delete_oldest),
    _route("POST", "/users/batch/status", "online-status", "users", "online-status-batch", presence.status_batch),
    _route("GET", "/users/{}", "get-user", "users", "get-user", users.get_user),
    _route("DELETE", "/users/{}", "delete", "users", "delete", users.delete_user),
    _route("PUT", "/users/{}/password", "set-password", "users", "set-password", users.set_password),
    _route("GET", "/users/{}/status", "online-status", "users", "online-status", presence.status),
    _route("GET", "/users/{}/resources", "devices", "users", "devices", presence.devices),
    _route("GET", "/users/{}/offline_msg_count", "offline-count", "users", "offline-count", presence.offline_count),
    _route("GET", "/users/{}/offline_msg_status/{}", "offline-message-status", "users", "offline-message-status",
           presence.offline_message_status),
    _route("POST", "/users/{}/deactivate", "ban", "users", "ban", users.ban),
    _route("POST", "/users/{}/activate", "unban", "users", "unban", users.unban),
    _route("GET", "/users/{}/disconnect", "disconnect", "users", "disconnect", presence.disconnect),
    _route("DELETE", "/users/{}/disconnect/{}", "disconnect-device", "users", "disconnect-device",
           presence.disconnect_device),
    _route("POST", "/mutes", "mute", "mute", "mute", mutes.set_mute),
    _route("GET", "/mutes", "list-mutes", "list-mutes", "list-mutes", mutes.list_mutes),
    _route("GET", "/mutes/{}", "get-mute", "get-mute", "get-mute", mutes.get_mute),
    _route("POST", "/metadata/user/get", "get-attributes", "get-attributes-batch", "get-attributes-batch",
           attributes.get_attributes_batch),
    _route("GET", "/metadata/user/capacity", "get-attributes-size", "attributes-size", "attributes-size",
           attributes.attributes_size),
    _route("PUT", "/metadata/user/{}", "set-attributes", "set-attributes", "set-attributes", attributes.set_attributes),
    _route("GET", "/metadata/user/{}", "get-attributes", "get-attributes", "get-attributes", attributes.get_attributes),
    _route("DELETE", "/metadata/user/{}", "remove-attributes", "remove-attributes", "remove-attributes",
           attributes.remove_attributes),
    _route("PUT", "/users/{}", "set-nickname", "users", "set-nickname", relations.set_nickname),
    _route("POST", "/users/{}/contacts/users/{}", "add-contact", "add-contact", "add-contact", relations.add_contact),
    _route("DELETE", "/users/{}/contacts/users/{}", "remove-contact", "remove-contact", "remove-contact",
           relations.remove_contact),
    _route("POST", "/users/{}/blocks/users", "block", "block", "block", relations.block),
    _route("DELETE", "/users/{}/blocks/users/{}", "unblock", "unblock", "unblock", relations.unblock),
    _route("POST", "/chatgroups/{}/users", "add-to-group", "add-to-group", "add-to-group", groups.add_to_group),
    _route("DELETE", "/chatgroups/{}/users/{}", "remove-from-group", "remove-from-group", "remove-from-group",
           groups.remove_from_group),
    _route("POST", "/chatrooms/{}/users", "add-to-room", "add-to-room", "add-to-room", groups.add_to_room),
    _route("DELETE", "/chatrooms/{}/users/{}", "remove-from-room", "remove-from-room", "remove-from-room",
           groups.remove_from_room),
)

# Methods that another page, or a vendor's own SDK, uses for an endpoint of the table.
_OTHER_METHODS = {
    "password-post": _route("POST", "/users/{}/password", "set-password", "users", "set-password", users.set_password),
    "disconnect-post": _route("POST", "/users/{}/disconnect", "disconnect", "users", "disconnect", presence.disconnect),
    "disconnect-device-get": _route("GET", "/users/{}/disconnect/{}", "disconnect-device", "users", "disconnect-device",
                                    presence.disconnect_device),
}
# fmt: on


def open_exchange(world: World, request: Request) -> UsergridExchange | Response:
    """The call that a request makes, or the refusal of one that makes none."""
    app, tail = _locate(world, request.segments)
    if app is None:
        org, name, *rest = (*request.segments, "", "")
        return _refusal(world, no_such_app(org, name, "/".join(part for part in rest if part)))
    path_known = False
    for route in (*ROUTES, *(route for quirk, route in _OTHER_METHODS.items() if quirk in world.quirks)):
        args = _match(route.path, tail)
        if args is None:
            continue
        if route.method == request.method:
            return UsergridExchange(world, app, request, route, args)
        path_known = True
    if "wrong-url-500" in world.quirks:
        return _refusal(
            world, Refusal(500, "unsupported_service_operation", "Service operation not supported")
        )
    if path_known:
        return _refusal(world, Refusal(405, "web_application", "HTTP 405 Method Not Allowed"))
    return _refusal(world, Refusal(404, "service_resource_not_found", "Service resource not found"))


def _locate(world: World, segments: tuple[str, ...]) -> tuple[AppState | None, tuple[str, ...]]:
    if len(segments) < 2:
        return None, ()
    if segments[0] == "app-id":
        app = world.by_app_id.get(segments[1])
        if app is None and world.config.any_app:
            app = world.add_app(App("agora", org="app-id", app=segments[1], app_id=segments[1]))
        return app, segments[2:]
    app = world.apps.get(f"{segments[0]}/{segments[1]}")
    if app is None and world.config.any_app:
        app = world.add_app(App("easemob", org=segments[0], app=segments[1]))
    return app, segments[2:]


def _match(pattern: tuple[str, ...], tail: tuple[str, ...]) -> tuple[str, ...] | None:
    if len(pattern) != len(tail):
        return None
    args = []
    for expected, segment in zip(pattern, tail, strict=True):
        if expected == "{}":
            args.append(segment)
        elif expected != segment:
            return None
    return tuple(args)


def _refusal(world: World, refusal: Refusal) -> Response:
    document = refusal.document(now_ms=world.now_ms(), duration_ms=0)
    return json_response(document, refusal.status)
