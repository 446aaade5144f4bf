"""What answers at each endpoint of the two, and the way from a path to a call."""

from __future__ import annotations

from bulkim.sandbox.config import App
from bulkim.sandbox.endpoints import OTHER_METHODS, USERGRID, Endpoint
from bulkim.sandbox.http import Request, Response, json_response
from bulkim.sandbox.state import AppState, World
from bulkim.sandbox.usergrid import attributes, auth, groups, mutes, presence, register, relations, users
from bulkim.sandbox.usergrid.errors import Refusal, no_such_app
from bulkim.sandbox.usergrid.exchange import Handler, Route, UsergridExchange

HANDLERS: dict[str, Handler] = {
    "token": auth.fetch_token,
    "register": register.register,
    "list-users": users.list_users,
    "delete-oldest": users.delete_oldest,
    "get-user": users.get_user,
    "delete": users.delete_user,
    "set-password": users.set_password,
    "ban": users.ban,
    "unban": users.unban,
    "online-status": presence.status,
    "online-status-batch": presence.status_batch,
    "devices": presence.devices,
    "offline-count": presence.offline_count,
    "offline-message-status": presence.offline_message_status,
    "disconnect": presence.disconnect,
    "disconnect-device": presence.disconnect_device,
    "mute": mutes.set_mute,
    "list-mutes": mutes.list_mutes,
    "get-mute": mutes.get_mute,
    "get-all-attributes": attributes.get_attributes,
    "get-attributes-batch": attributes.get_attributes_batch,
    "attributes-size": attributes.attributes_size,
    "set-attributes": attributes.set_attributes,
    "remove-attributes": attributes.remove_attributes,
    "set-nickname": relations.set_nickname,
    "add-contact": relations.add_contact,
    "remove-contact": relations.remove_contact,
    "get-contacts": relations.get_contacts,
    "import-contacts": relations.import_contacts,
    "push-nickname": relations.push_nickname,
    "block": relations.block,
    "get-blocks": relations.get_blocks,
    "unblock": relations.unblock,
    "add-to-group": groups.add_to_group,
    "remove-from-group": groups.remove_from_group,
    "get-group-member": groups.get_group_member,
    "get-rooms": groups.get_rooms,
    "add-to-room": groups.add_to_room,
    "remove-from-room": groups.remove_from_room,
}


def _route(endpoint: Endpoint) -> Route:
    return Route(endpoint, tuple(endpoint.path.strip("/").split("/")), HANDLERS[endpoint.pool])


ROUTES: tuple[Route, ...] = tuple(map(_route, USERGRID))
_OTHER_METHODS = {quirk: _route(endpoint) for quirk, endpoint in OTHER_METHODS.items()}


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
