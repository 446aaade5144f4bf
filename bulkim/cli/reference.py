"""What one looks up: operations, the job file's schema."""

from __future__ import annotations

import json
from typing import Any

import click

from bulkim.catalogue.called import called_there
from bulkim.catalogue.shapes import Field, Operation, Probe, Provider, Repeat
from bulkim.cli import candidates, show
from bulkim.cli.options import Command, Settings, common
from bulkim.errors import UsageError
from bulkim.text import nearest
from bulkim.view import account as text
from bulkim.view.live import Spans

WIDE = 140  # columns that the table of operations takes


@click.command(
    cls=Command,
    examples=["bulkim schema > job.schema.json", "bulkim schema provider > provider.schema.json"],
)
@click.argument("of", type=click.Choice(["job", "provider"]), default="job", help="What files it is for.")
@common
def schema(settings: Settings, *, of: str) -> int:  # noqa: ARG001 - JSON either way
    """Print the JSON Schema of job files, or of files that declare a provider, for completion and checks in an editor.

    Of providers of your own, it knows those in `providers/` of the configuration folder, by their names.

    In VS Code: put `# yaml-language-server: $schema=job.schema.json` into the first line of a job file.
    """
    from bulkim import jobfile
    from bulkim.catalogue.published import provider_schema
    from bulkim.cli import declared
    from bulkim.vendors import PROVIDERS

    found = provider_schema() if of == "provider" else jobfile.json_schema(PROVIDERS, declared.by_name())
    click.echo(json.dumps(found, ensure_ascii=False, indent=2))
    return 0


# ---------------------------------------------------------------------------------------- operations


@click.command(
    cls=Command,
    examples=[
        "bulkim operations",
        "bulkim operations mute",
        "bulkim operations show mute --provider tencent --as yaml",
        "bulkim operations --provider ./synapse.yaml",
    ],
)
@click.argument(
    "names",
    metavar="[NAME]",
    nargs=-1,
    shell_complete=candidates.operations,
    help="One operation, in detail.",
)
@click.option("--provider", shell_complete=candidates.providers, help="Only this vendor: a name, or a file.")
@click.option("--as", "form", type=click.Choice(["table", "yaml"]), default="table",
              help="yaml: as a file of your own would declare it.")  # fmt: skip
@common
def operations(settings: Settings, *, names: tuple[str, ...], provider: str | None, form: str) -> int:
    """List what can be done at which vendor, or explain one operation: fields, limits, how doubt is settled."""
    from bulkim import vendors

    name = _one(names[1:] if names[:1] == ("show",) else names)
    chosen = [vendor_of(provider)] if provider else list(vendors.PROVIDERS.values())
    found = [
        (vendor, each) for vendor in chosen for each in vendor.operations if name is None or each.name == name
    ]
    if not found:
        raise _no_operation(name or "", chosen)
    if form == "yaml":
        _as_yaml(found, whole=name is None)
    elif settings.json:
        click.echo(json.dumps([_document(*pair) for pair in found], ensure_ascii=False))
    elif name is None:
        _table(found)
    else:
        for vendor, operation in found:
            show.put(_details(vendor, operation))
    return 0


def vendor_of(name: str) -> Provider:
    """A built-in provider by its name, or one that a file declares. Raises UsageError, InputError."""
    from bulkim import vendors

    if name in vendors.PROVIDERS:
        return vendors.provider(name)
    from bulkim.work.declared import find

    return find(name)


def _one(names: tuple[str, ...]) -> str | None:
    if len(names) > 1:
        raise UsageError("one operation at a time", hint="bulkim operations NAME")
    return names[0] if names else None


def _as_yaml(found: list[tuple[Provider, Operation]], *, whole: bool) -> None:
    """A file that declares it. Only one fits, so of several vendors the first is taken, and the others are named."""
    from bulkim.cli.declared import as_yaml

    vendor, operation = found[0]
    others = list(dict.fromkeys(each.name for each, _ in found if each is not vendor))
    if others:
        click.echo(f"# {vendor.name}'s; with --provider also: {', '.join(others)}")
    click.echo(as_yaml(vendor, None if whole else operation), nl=False)


def _no_operation(name: str, chosen: list[Provider]) -> UsageError:
    known = sorted({each.name for vendor in chosen for each in vendor.operations})
    return UsageError(
        f"there is no operation {name!r}" + (f" at {chosen[0].name}" if len(chosen) == 1 else ""),
        hint=called_there(name, chosen) or nearest(name, known) or "`bulkim operations` lists them",
    )


def _table(found: list[tuple[Provider, Operation]]) -> None:
    rows: list[tuple[str, ...]] = [
        (
            vendor.name, operation.name, str(operation.batch_max), _limit(vendor, operation),
            vendor.identity.named(f"{operation.method} {operation.path}"), _field_names(vendor, operation),
        )
        for vendor, operation in found
    ]  # fmt: skip
    header: tuple[str, ...] = ("provider", "operation", "batch", "calls/s", "request", "fields (* optional)")
    width = show.terminal_width()
    if width is not None and width < WIDE:  # the request is in what `operations NAME` says
        header, rows = header[:4] + header[5:], [row[:4] + row[5:] for row in rows]
    lines = text.table(header, rows, right=(2, 3), width=width)
    show.put([[(line, "bold" if not number else "")] for number, line in enumerate(lines)])


def _limit(vendor: Provider, operation: Operation) -> str:
    limits = [vendor.pool(name).limit_per_s for name in operation.pools]
    return f"{min(limits):g}" if limits else "-"


def _field_names(vendor: Provider, operation: Operation) -> str:
    names = [f"{each.name}{'*' if each.optional else ''}" for each in (*operation.fields, *operation.options)]
    return vendor.identity.named(", ".join(names)) or "-"


def _details(vendor: Provider, operation: Operation) -> list[Spans]:
    rows = [
        ("request", vendor.identity.named(f"{operation.method} {operation.path}")),
        ("batch", f"up to {operation.batch_max} a request" if operation.batch_max > 1 else "one a request"),
    ]
    if operation.single:
        rows.append(("with batch: 1", f"{operation.single.method} {operation.single.path}"))
    rows += [("quota", _pool(vendor, name)) for name in operation.pools]
    rows += [("effect", f"{operation.effect}"), ("doubt", _doubt(operation))]
    rows.append(("known", _known(vendor, operation)))
    if operation.destroys:
        rows.append(("destroys", operation.destroys))
    if operation.inverse:
        rows.append(("inverse", operation.inverse))
    if operation.restored_by:
        rows.append(("restored by", operation.restored_by))
    if operation.source:
        rows.append(
            ("source", f"{operation.source}" + (f" (read {operation.read_on})" if operation.read_on else ""))
        )
    lines: list[Spans] = [[(f"{operation.name} at {vendor.label}", "bold")], [(operation.help, "")]]
    for name, value in rows:
        lines += _row(name, value)
    for label, fields in (("fields", operation.fields), ("params", operation.options)):
        for number, each in enumerate(fields):
            lines += _row(label if not number else "", f"{vendor.identity.named(each.name)}: {_field(each)}")
    return [*lines, [("", "")]]


def _known(vendor: Provider, operation: Operation) -> str:
    from bulkim.work.declared import BUILT_IN, CASED, DECLARED, SETTLED, grade

    return {
        DECLARED: "declared: no case shows that it is right",
        CASED: "cased: it does what its cases show",
        SETTLED: "settled: it does what its cases show, and what a lost answer did can be found out",
        BUILT_IN: "built in",
    }[grade(vendor, operation)]


def _row(name: str, value: str) -> list[Spans]:
    return show.row(name, value, indent=2)


def _pool(vendor: Provider, name: str) -> str:
    pool = vendor.pool(name)
    return f"{pool.limit_per_s:g} calls/s from the pool “{name}”" + (f": {pool.help}" if pool.help else "")


def _doubt(operation: Operation) -> str:
    match operation.doubt:
        case Repeat():
            return "an unanswered request is sent again: repeating it does no harm"
        case Probe(operation=name):
            return f"an unanswered request is settled by asking {name} before anything is sent again"
        case _:
            return "an unanswered request cannot be settled: its items end as unknown"


def _field(each: Field) -> str:
    kind = {"str": "text", "int": "a whole number", "bool": "true or false", "map": "a mapping",
            "names": "a list of names", "seconds": "seconds (-1: for ever)"}[each.type]  # fmt: skip
    notes = [kind]
    notes += ["optional"] if each.optional else []
    notes += ["may stand in params"] if each.param else []
    notes += ["never stored"] if each.secret else []
    return "; ".join(notes) + (f". {each.help}" if each.help else "")


def _grade(vendor: Provider, operation: Operation) -> str:
    from bulkim.work.declared import grade

    return grade(vendor, operation)


def _document(vendor: Provider, operation: Operation) -> dict[str, Any]:
    return {
        "provider": vendor.name, "operation": operation.name, "grade": _grade(vendor, operation), "method": operation.method, "path": operation.path,
        "effect": str(operation.effect), "batch_max": operation.batch_max,
        "pools": [
            {"name": name, "limit_per_s": vendor.pool(name).limit_per_s, "help": vendor.pool(name).help}
            for name in operation.pools
        ],
        "fields": [_field_document(each) for each in operation.fields],
        "params": [_field_document(each) for each in operation.options],
        "doubt": _doubt(operation), "destroys": operation.destroys, "inverse": operation.inverse,
        "restored_by": operation.restored_by,
        "help": operation.help, "source": operation.source, "read_on": operation.read_on,
    }  # fmt: skip


def _field_document(each: Field) -> dict[str, Any]:
    return {
        "name": each.name, "type": each.type, "required": not each.optional, "param": each.param,
        "secret": each.secret, "help": each.help,
    }  # fmt: skip
