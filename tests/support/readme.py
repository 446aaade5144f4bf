"""The generated parts of the documentation: `python tests/support/readme.py` writes them anew.

A part stands between ``<!-- begin NAME -->`` and ``<!-- end NAME -->``. Tests compare what stands there with what the
program says now.
"""

from __future__ import annotations

import ast
import functools
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bulkim import jobfile
from bulkim.catalogue.shapes import Effect, Field, Operation, Provider
from bulkim.cli import SECTIONS, cli
from bulkim.journal import Journal
from bulkim.planning import rules
from bulkim.vendors import PROVIDERS
from support import declaring
from support.house import LAYERS, OWNERS

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "docs"))
import generated  # noqa: E402 - Sphinx finds it there, too

PAGES = (
    ROOT / "README.md",
    *sorted(page for page in (ROOT / "docs").rglob("*.md") if "_generated" not in page.parts),
)
NAMES_MAX = 8  # of an enumeration that are worth naming in a table
COLUMNS = {  # of the journal whose declaration needs no comment
    "run": "the run's id", "session_id": "the session's row id",
    "name": "the job's name", "provider": "the vendor", "operation": "what was done",
    "target": "where it was sent: base URL and app", "state": "running, finished, interrupted or stopped",
    "created_at": "begin of the run", "finished_at": "end; NULL: not yet", "items": "how many",
    "stop_reason": "in words", "parent": "the run that this one retries",
    "ordinal": "place at which it first appeared in the run, from 1",
    "username": "as the input writes it", "line": "its line in the input's file", "extra": "JSON: the input's other columns",
    "outcome": "succeeded, unchanged, failed, unknown, skipped or pending", "code": "the vendor's, or one of bulkim's own",
    "reason": "in the vendor's words", "attempts": "how often it was sent", "http_status": "of the answer that ended it",
    "data": "JSON: the vendor's answer to a read", "attempt": "its id", "mode": "send, or probe: asking what an earlier one did",
    "size": "items in the call", "began_at": "before its bytes left", "latency_ms": "until its answer; NULL: none was recorded",
    "kind": "what the answer meant for most of its items", "requests": "HTTP calls that were begun",
    "at": "from when on", "pool": "the vendor's quota that it drew on",
    "limit_per_s": "calls a second that the job allows itself", "allowed_per_s": "what refusals left of that; 0: resting after one",
    "retries": "of them, sendings of items that had been sent before", "throttled": "of them, refused by the vendor's quota",
    "elapsed_s": "over all sessions",
    **dict.fromkeys(("succeeded", "unchanged", "failed", "unknown", "skipped", "pending"), "items that ended so"),
    "runs_summary.pending": "items not reached yet", "attempts.items": "JSON: ordinals",
}  # fmt: skip
_PART = re.compile(r"(<!-- begin ([\w -]+?) -->\n)(.*?)(<!-- end \2 -->)", re.DOTALL)


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


# --------------------------------------------------------------------------------------- operations


def operations() -> str:
    names = dict.fromkeys(each.name for vendor in PROVIDERS.values() for each in vendor.operations)
    rows = [
        (f"`{name}`", *(_size(vendor, vendor.operation(name)) for vendor in PROVIDERS.values()), _help(name))
        for name in names
    ]
    return table(("operation", *(vendor.label for vendor in PROVIDERS.values()), "what it does"), rows)


def _size(vendor: Provider, operation: Operation | None) -> str:
    if operation is None:
        return "–"
    limit = min(vendor.pool(name).limit_per_s for name in operation.pools)
    return f"{operation.batch_max}\u00a0×\u00a0{limit:g}/s"  # in one line


def _help(name: str) -> str:
    found = next(each for vendor in PROVIDERS.values() if (each := vendor.operation(name)))
    return re.sub(r"(, one a request)?(: the vendor [^.]*)?\.( .*)?$", "", found.help)


MILLION_OPERATIONS = (
    "register",
    "delete",
    "mute",
    "ban",
    "set-password",
    "get-user",
    "set-attributes",
    "online-status",
)


def million() -> str:
    """How long a million users take at the documented limits, without faults."""
    rows = []
    for name in MILLION_OPERATIONS:
        row = [_time_of(vendor, vendor.operation(name)) for vendor in PROVIDERS.values()]
        rows.append((f"`{name}`", *row))
    return table(("operation", *(vendor.label for vendor in PROVIDERS.values())), rows)


def _time_of(vendor: Provider, operation: Operation | None) -> str:
    if operation is None:
        return "–"
    limit = min(vendor.pool(name).limit_per_s for name in operation.pools)
    minutes = 1_000_000 / operation.batch_max / limit / 60
    shown = f"{minutes / 60:.1f} hours" if minutes >= 90 else f"{minutes:.1f} minutes"
    return f"{shown} ({_size(vendor, operation)})"


def undoing() -> str:
    """What is read back, and what takes it back, of every operation that changes something."""
    rows, read, undone, total = [], 0, 0, 0
    for name in dict.fromkeys(each.name for vendor in PROVIDERS.values() for each in vendor.operations):
        alike: dict[tuple[str, str], list[str]] = {}
        for vendor in PROVIDERS.values():
            each = vendor.operation(name)
            if each is None or each.effect is Effect.READ:
                continue
            total, read, undone = total + 1, read + (each.verify is not None), undone + takes_back(each)
            words = f"`{each.verify.operation}`" if each.verify else "–", _undone(each)
            alike.setdefault(words, []).append(vendor.label)
        rows += [(f"`{name}`", ", ".join(vendors), *words) for words, vendors in alike.items()]
    counts = f"Of {total} operations that change something, counted at each vendor, {read} are read back and {undone} are undone."
    return f"{counts}\n\n" + table(("operation", "at", "`verify` asks", "`undo` writes"), rows)


def takes_back(each: Operation) -> bool:
    """Whether `undo` writes a job for it."""
    return each.restored_by is not None or each.inverse is not None


def _undone(each: Operation) -> str:
    if each.effect is Effect.DELETE and each.restored_by:
        return f"`{each.restored_by}`: the users again, without what they had"
    if each.restored_by and each.can_look:
        lifts = f", `{each.inverse}`" if each.inverse and each.verify and each.verify.holds else ""
        return f"`{each.restored_by}`{lifts}: what was there before"
    if each.effect is Effect.CREATE and each.blind:
        return f"`{each.inverse}`, with `--accept-risk`"
    return f"`{each.inverse}`" if each.inverse else "–"


def fields() -> str:
    rows = []
    for name in dict.fromkeys(each.name for vendor in PROVIDERS.values() for each in vendor.operations):
        alike: dict[str, list[str]] = {}
        for vendor in PROVIDERS.values():
            if (operation := vendor.operation(name)) is not None:
                alike.setdefault(_fields(operation), []).append(vendor.name)
        rows += [(f"`{name}`", ", ".join(vendors), named) for named, vendors in alike.items()]
    return table(("operation", "at", "fields"), rows)


def _fields(operation: Operation) -> str:
    return ", ".join(_field(each) for each in (*operation.fields, *operation.options)) or "none"


def _field(each: Field) -> str:
    return f"`{each.name}`" + ("?" if each.optional else "") + ("\\*" if each.param else "")


def pools() -> str:
    rows = [
        (vendor.name, f"`{pool.name}`", f"{pool.limit_per_s:g}", pool.help)
        for vendor in PROVIDERS.values()
        for pool in vendor.pools
    ]
    return table(("provider", "pool", "calls/s", "what counts"), rows)


# ----------------------------------------------------------------------------------------- commands


def commands() -> str:
    rows = []
    for _, entries in SECTIONS:
        for entry in entries:
            command = cli.get_command(click.Context(cli), entry.name)
            assert command is not None
            pieces = command.collect_usage_pieces(click.Context(command, info_name=entry.name))
            words = " ".join([entry.name, *(piece for piece in pieces if piece != "[OPTIONS]")])
            rows.append((f"`{words}`", entry.help.rstrip(".")))
    return table(("command", "what it does"), rows)


# ------------------------------------------------------------------------------------------ job file


def keys(shape: Mapping[str, Any], shapes: Mapping[str, Mapping[str, Any]]) -> str:
    required = shape.get("required", ())
    rows = []
    for name, about in shape["properties"].items():
        referred = shapes.get(about.get("$ref", "").rpartition("/")[2], {})
        words = about.get("description") or referred.get("description", "")
        rows.append(
            (f"`{name}`" + (" (required)" if name in required else ""), _type(about), _about(about, words))
        )
    return table(("key", "value", "meaning"), rows)


def _type(about: Mapping[str, Any]) -> str:
    if len(about.get("enum", ())) > NAMES_MAX:
        return "a name"
    if "enum" in about:
        return ", ".join(f"`{each}`" for each in about["enum"])
    if "const" in about:
        return f"`{about['const']}`"
    if "$ref" in about:
        return "mapping"
    if choices := about.get("oneOf") or about.get("anyOf"):
        return " or ".join(dict.fromkeys(_type(each) for each in choices))
    kind = {"string": "text", "object": "mapping", "array": "list", "integer": "whole number"}
    return kind.get(about["type"], {"boolean": "true or false"}.get(about["type"], about["type"]))


def _about(about: Mapping[str, Any], words: str) -> str:
    default = about.get("default")
    notes = [
        f"Default: `{json.dumps(default)}`."
        if default not in (None, {}, []) and "Default" not in words
        else ""
    ]
    if examples := about.get("examples"):
        notes.append(
            "E.g. " + ", ".join(f"`{json.dumps(each, ensure_ascii=False)}`" for each in examples[:2]) + "."
        )
    return " ".join([words, *filter(None, notes)])


def _shape_parts() -> Iterator[tuple[str, Callable[[], str]]]:
    schema = jobfile.json_schema(PROVIDERS)
    shapes = schema["$defs"]
    for name, shape in {"job": schema, **shapes}.items():
        yield f"keys {name}", lambda shape=shape: keys(shape, shapes)


# ------------------------------------------------------------------------------------------- journal


def _journal_parts() -> Iterator[tuple[str, Callable[[], str]]]:
    with tempfile.TemporaryDirectory() as folder, Journal.open(Path(folder) / "bulkim.db") as journal:
        found = journal._database.connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite%' AND name NOT LIKE '!_%' ESCAPE '!' ORDER BY rowid"
        ).fetchall()
        for kind, name, sql in found:
            rows = journal._database.connection.execute(
                "SELECT name, type FROM pragma_table_info(?)", (name,)
            ).fetchall()
            yield (
                f"{kind} {name}",
                lambda rows=rows, sql=sql, name=name: table(
                    ("column", "holds"), [(f"`{column}`", _comment(sql, name, column)) for column, _ in rows]
                ),
            )


def _comment(sql: str, name: str, column: str) -> str:
    found = re.search(rf"^ +{column} .*?-- (.*)$", sql, re.MULTILINE)
    found = found or re.search(rf"\b{column} /\* (.*?) \*/", sql)  # one that a migration added
    return found[1] if found else COLUMNS.get(f"{name}.{column}", COLUMNS.get(column, ""))


# --------------------------------------------------------------------------------------------- house


def layers() -> str:
    """From the top down: each room with what its docstring says it holds, and its modules."""
    rows = []
    for layer in LAYERS:
        for room in layer:
            if room.startswith("_"):
                continue
            folder = ROOT / "bulkim" / room
            inside = sorted(each.stem for each in folder.glob("*.py") if not each.stem.startswith("_"))
            inside += sorted(f"{each.name}/" for each in folder.glob("*/") if (each / "__init__.py").exists())
            rows.append((f"`{room}{'/' if inside else ''}`", _first_sentence(room), ", ".join(inside)))
    return table(("room", "what it holds", "modules"), rows)


def _first_sentence(room: str) -> str:
    places = (ROOT / "bulkim" / f"{room}.py", ROOT / "bulkim" / room / "__init__.py")
    file = next(place for place in places if place.exists())
    words = " ".join((ast.get_docstring(ast.parse(file.read_text(encoding="utf-8"))) or "").split())
    return re.split(r"(?<=[a-z`)])[.:] (?=[A-Z`])|\.$", words)[0]


def owners() -> str:
    rows = [
        (f"`{name}`", ", ".join(f"`{each}`" for each in rooms) or "nobody", why)
        for name, (rooms, why) in OWNERS.items()
    ]
    return table(("library", "imported by", "because"), rows)


# --------------------------------------------------------------------------------------------- terms


def terms() -> str:
    """Every key of the job file and every option, by what a change of it means for a run that has begun."""
    alike: dict[tuple[str, str], list[str]] = {}
    for each in rules.RULES:
        name = each.key if " " in each.key else f"`{each.key}`"
        alike.setdefault((rules.words(each), rules.in_a_retry(each)), []).append(name)
    rows = [(", ".join(names), *what) for what, names in alike.items()]
    return table(("changed since the run began", "continuing it", "retrying it"), rows)


# ------------------------------------------------------------------ what the site is made of, for who reads it unbuilt


def site(name: str) -> str:
    """A part of the site, in English. The Chinese site has its own."""
    return "\n".join(generated.PAGES[name]()).rstrip("\n") + "\n"


def exit_codes() -> str:
    """The README's own section: a page of the site, and of the man page, too."""
    return (
        (ROOT / "README.md")
        .read_text(encoding="utf-8")
        .partition("## Exit codes\n\n")[2]
        .partition("\n## ")[0]
    )


# --------------------------------------------------------------------------------------------- parts


def parts() -> dict[str, Callable[[], str]]:
    return {
        "operations": operations, "undoing": undoing, "million": million, "fields": fields, "pools": pools, "commands": commands, "layers": layers, "owners": owners, "terms": terms,
        "exit codes": exit_codes, **{name.replace("-", " "): functools.partial(site, name) for name in ("errors", "events", "common-options")},
        **dict(_shape_parts()), **dict(declaring.parts()), **dict(_journal_parts()),
    }  # fmt: skip


def renewed(text: str) -> str:
    """The page with its parts as they should be. Raises KeyError for a part that nobody generates."""
    known = parts()
    return _PART.sub(lambda part: part[1] + "\n" + known[part[2]]() + "\n" + part[4], text)


def main() -> None:
    for page in PAGES:
        before = page.read_text(encoding="utf-8")
        after = renewed(before)
        if after != before:
            page.write_text(after, encoding="utf-8")
            sys.stdout.write(f"rewrote {page.relative_to(ROOT)}\n")


if __name__ == "__main__":
    main()
