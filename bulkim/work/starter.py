"""Files to start from: a commented job, its connection, a list and the schema, for any operation of a vendor. Pure."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from typing import Any

from bulkim.catalogue.proofs import Bearer, NoAuth
from bulkim.catalogue.shapes import Effect, Field, Operation, Provider

JOB, CONNECTIONS, SCHEMA = "job.yaml", "connections.yaml", "job.schema.json"
NAMES = ("alice", "bob", "carol")
BASE_URL = "https://api.example.com"


def files(provider: Provider, operation: Operation) -> dict[str, str]:
    """File name -> text. An operation that takes no items has no list."""
    from bulkim.jobfile.published import json_schema
    from bulkim.vendors import PROVIDERS

    found = {JOB: job(provider, operation), CONNECTIONS: connections(provider, operation)}
    if operation.fields:
        found[_list(operation)] = rows(operation)
    found[SCHEMA] = json.dumps(json_schema(PROVIDERS), indent=2, ensure_ascii=False) + "\n"
    return found


def job(provider: Provider, operation: Operation) -> str:
    """The job file."""
    return "".join(line + "\n" for line in _job(provider, operation))


def _job(provider: Provider, operation: Operation) -> Iterator[str]:
    yield f"# yaml-language-server: $schema={SCHEMA}"
    yield "# An editor with that extension completes and checks what you type."
    yield ""
    yield f"# {operation.help}"
    yield f"name: {_name(operation)}"
    yield f"provider: {provider.name}"
    yield f"operation: {operation.name}  # `bulkim operations {operation.name}` explains it"
    yield ""
    yield f"# An entry of {CONNECTIONS}. It could stand here as a mapping, too."
    yield "connection: test"
    if operation.fields:
        yield ""
        yield "# One item a row. `columns` says which column holds a field, where the names differ."
        yield "source:"
        yield f"  csv: {_list(operation)}"
        yield f"  # columns: {{{operation.fields[0].name}: user_id}}"
    if params := _params(operation):
        yield ""
        yield "# The same for every item."
        yield "params:"
        yield from (f"  {name}: {json.dumps(value, ensure_ascii=False)}" for name, value in params.items())
    yield ""
    yield "# The vendor's documented limit is the default. `share` leaves room for others who use the same app."
    yield "# It is a part of `limit`, too, where that is set: 0.7 of 50/min are 35/min."
    yield "rate:"
    yield "  share: 0.7"
    yield '  # limit: "1200/min"        # if your plan has a different limit; or calls a second, as a number'
    if operation.effect is not Effect.READ:
        yield ""
        yield from _guard(operation)
    yield ""
    yield "# More that can be set, with its default:"
    yield "# concurrency: auto          # calls in flight; auto follows the rate and the vendor's latency"
    yield "# timeout: 10                # seconds"
    yield "# retries: 5"
    yield '# window: "00:00-24:00"      # hours in which a run may send, e.g. "01:00-05:30" or "22:00-04:00 Europe/Berlin"'
    yield from _notify()
    if operation.batch_max > 1:
        yield f"# batch: {operation.batch_max:<20} # items a request; the vendor's maximum"
    if operation.can_look and operation.effect is Effect.ENSURE:
        yield "# snapshot: true             # read what is there before it is written over, so that `bulkim undo` can bring it back"


def _notify() -> Iterator[str]:
    yield "# notify:                    # whom to tell how a run ended: the robot of a chat group, or a webhook of your own"
    yield '#   url: "${ROBOT_URL}"      # a secret: whoever knows it may post there'
    yield "#   format: dingtalk         # or feishu, wecom, slack; json for a webhook of your own"
    yield '#   secret: "${ROBOT_SECRET}"  # where the robot of DingTalk or Feishu demands signatures'


def _guard(operation: Operation) -> Iterator[str]:
    yield "# Safety limits. The run stops when more than `max_failures` fail."
    yield "guard:"
    if operation.fields:
        yield '  protect: ["admin.*"]       # usernames that are never touched; each pattern matches the whole name'
    if operation.destroys:
        yield "  max_items: 1000            # with more items than this, nothing is sent"
    yield '  max_failures: "2%"'


def connections(provider: Provider, operation: Operation) -> str:
    """The connection file, with secrets as variables of the environment."""
    app = provider.apps[0]
    form = next(
        (each for each in reversed(provider.auth) if not isinstance(each, NoAuth | Bearer)),
        next(each for each in provider.auth if not isinstance(each, NoAuth)),
    )
    lines = [
        "# Connections by name. ${VAR} is replaced from the environment, so that no secret needs to stand here.",
        "",
        "test:",
        f"  base_url: {app.examples.get('base_url', BASE_URL)}",
    ]
    for key in app.keys:
        value = app.examples.get(key, f"my-{key.replace('_', '-')}")
        shown = value if key in app.numbers else json.dumps(value)
        lines.append(f"  {key}: {shown}" + (f"  # {app.about[key]}" if key in app.about else ""))
    needs = (
        f"{operation.name} then needs" if operation.destroys else "what destroys, such as delete, then needs"
    )
    lines.append(f"  # environment: production  # {needs} --confirm APP:COUNT")
    lines.append("  auth:")
    lines += [f"    {key}: ${{{variable(provider, key)}}}" for key in (form.identity, form.secret) if key]
    return "\n".join(lines) + "\n"


def variable(provider: Provider, key: str) -> str:
    """The variable of the environment that a new connection names for this key."""
    return f"{provider.name}_{key}".upper().replace("-", "_")


def rows(operation: Operation) -> str:
    """Three rows of the list."""
    columns = [each for each in operation.fields if each.sent and not _is_param(each)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([each.name for each in columns])
    for number, name in enumerate(NAMES, 1):
        writer.writerow([_cell(each, name, number) for each in columns])
    return text.getvalue()


def _cell(field: Field, name: str, number: int) -> str:
    if field.name == "username":
        return name
    if field.user:
        return "dave"
    if field.secret:
        return f"change-me-{number}"
    if field.type != "str":
        sample = _sample(field)
        return str(sample) if field.type in {"int", "seconds"} else json.dumps(sample, ensure_ascii=False)
    return name.title() if "nick" in field.name else _sample(field)


def _params(operation: Operation) -> Mapping[str, Any]:
    """What `params` supplies: all that must be there, and one of those of which one is enough."""
    found: dict[str, Any] = {
        each.name: _sample(each) for each in operation.fields if _is_param(each) and not each.optional
    }
    if operation.any_of and not operation.otherwise:
        field = operation.field(operation.any_of[0])
        if field is not None and _is_param(field):
            found[field.name] = _sample(field)
    if operation.destroys and not operation.fields:
        found |= {each.name: 10 for each in operation.options if each.type == "int"}
    return found


def _is_param(field: Field) -> bool:
    return field.param and not field.key


def _sample(field: Field) -> Any:
    if field.default is not None:
        return field.default
    samples: dict[str, Any] = {
        "seconds": 3600,
        "int": field.minimum or 1,
        "bool": True,
        "map": {"avatar": "https://example.com/a.png"},
        "names": ["avatar"],
    }
    return samples.get(field.type, f"{field.name.replace('_', '-')}-1")


def _name(operation: Operation) -> str:
    return f"{operation.name}-users" if operation.fields and "-" not in operation.name else operation.name


def _list(operation: Operation) -> str:
    return "users.csv" if operation.fields[0].name == "username" else "items.csv"
