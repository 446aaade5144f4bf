"""Pages of the reference that the program writes about itself, as Markdown."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from bulkim.catalogue.shapes import ErrorRule
from bulkim.cli import COMMANDS, cli
from bulkim.cli.options import CommonOption
from bulkim.codes import KINDS, OWN
from bulkim.log.events import EVENTS
from bulkim.vendors import PROVIDERS


def write(folder: Path) -> None:
    """Write every page that has changed, so that an unchanged one is not built again."""
    (folder / "man").mkdir(parents=True, exist_ok=True)
    pages = PAGES | {f"man/bulkim-{name}": lambda name=name: man_page(name) for name in COMMANDS}
    for name, page in pages.items():
        file, text = folder / f"{name}.md", "\n".join(page()) + "\n"
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            file.write_text(text, encoding="utf-8")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table, or nothing where it has no rows."""
    lines = [header, ["---"] * len(header), *rows] if rows else []
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines] + [""]


# --------------------------------------------------------------------------------------- operations


def operations() -> Iterator[str]:
    """Each operation of each vendor, as ``bulkim operations --json`` prints it."""
    printed = CliRunner().invoke(cli, ["operations", "--json"]).stdout
    found: list[Mapping[str, Any]] = json.loads(printed)
    for provider in PROVIDERS.values():
        yield from (f"## {provider.label}", "")
        for each in found:
            if each["provider"] == provider.name:
                yield from _operation(each)


def _operation(each: Mapping[str, Any]) -> Iterator[str]:
    yield from (
        f"({each['provider']}-{each['operation']})=",
        f"### {each['operation']}",
        "",
        each["help"],
        "",
    )
    facts = [
        ("request", f"`{each['method']} {each['path']}`"),
        ("items a request", str(each["batch_max"])),
        ("quota", "<br>".join(_pool(pool) for pool in each["pools"]) or "–"),
        ("effect", each["effect"]),
        ("doubt", each["doubt"]),
        ("destroys", each["destroys"] or ""),
        ("inverse", f"`{each['inverse']}`" if each["inverse"] else ""),
        ("vendor's page", f"{each['source']} (read {each['read_on']})"),
    ]
    yield from table(("", ""), [(name, value) for name, value in facts if value])
    rows = [_field(field) for field in (*each["fields"], *each["params"])]
    yield from table(("field", "type", "required", "in `params`", "stored", "meaning"), rows)


def _pool(pool: Mapping[str, Any]) -> str:
    return f"{pool['limit_per_s']:g} calls/s, pool `{pool['name']}`" + (
        f": {pool['help']}" if pool["help"] else ""
    )


def _field(field: Mapping[str, Any]) -> tuple[str, ...]:
    flags = (field["required"], field["param"], not field["secret"])
    return (f"`{field['name']}`", field["type"], *("yes" if flag else "no" for flag in flags), field["help"])


# ------------------------------------------------------------------------------------- error codes


def errors() -> Iterator[str]:
    """Every code that ``bulkim explain`` knows."""
    yield from ("## bulkim's own", "")
    yield from table(
        ("code", "means", "what to do"),
        [(f"`{code}`", each.meaning, each.remedy) for code, each in OWN.items()],
    )
    for provider in PROVIDERS.values():
        yield from (f"## {provider.label}", "")
        rows = [_rule(rule) for rule in provider.errors]
        yield from table(("code", "HTTP", "means", "what follows"), rows)


def _rule(rule: ErrorRule) -> tuple[str, ...]:
    about = [f"at `{name}`" for name in rule.operations]
    about += [f"where the reason matches `{rule.pattern}`"] if rule.pattern else []
    means = rule.meaning + (f" ({', '.join(about)})" if about else "")
    follows = f"bulkim {KINDS[str(rule.kind)].follows}. To do: {rule.remedy[0].lower()}{rule.remedy[1:]}"
    return (f"`{rule.code}`" if rule.code else "any", str(rule.status or "any"), means, follows)


# ----------------------------------------------------------------------------------------- commands


def _command(name: str) -> click.Command:
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    return command


def _common_options() -> list[click.Option]:
    return [each for each in _command("run").params if isinstance(each, CommonOption)]


def common_options() -> Iterator[str]:
    """What most commands take."""
    ctx = click.Context(cli)
    yield from table(
        ("option", "meaning"),
        [
            (f"`{spelling}`", words)
            for each in _common_options()
            for spelling, words in [each.get_help_record(ctx) or ("", "")]
        ],
    )


def hide_common_options() -> None:
    """Let them stand once instead of twenty times."""
    for name in COMMANDS:
        for each in _command(name).params:
            if isinstance(each, CommonOption):
                each.hidden, each.envvar = True, None


def purpose(page: str) -> str:
    """What ``bulkim`` or ``bulkim-COMMAND`` is for, as the head of a man page says it."""
    name = page.partition("-")[2]
    words = COMMANDS[name].help if name else "bulk user administration for chat vendors' REST APIs"
    return words[0].lower() + words[1:].rstrip(".")


def man_page(name: str) -> Iterator[str]:
    """One command's man page."""
    attribute = COMMANDS[name].attribute
    yield from (
        "---",
        "orphan: true",
        "---",
        "",
        f"# {name}",
        "",
        "```{eval-rst}",
        f".. click:: bulkim.cli.{attribute}",
        f"   :prog: bulkim {name}",
        "```",
        "",
    )
    yield from ("## See also", "", "bulkim(1)", "")


def commands() -> Iterator[str]:
    """The commands, each a line."""
    yield from (
        line for name, entry in COMMANDS.items() for line in (f"bulkim-{name}(1)", f": {entry.help}", "")
    )


# ------------------------------------------------------------------------------------------- events


def events() -> Iterator[str]:
    """Each event that may be logged, with its values."""
    for each in EVENTS:
        yield from (f"## {each.name}", "", f"`{each.level}` {each.meaning}", "")
        fields = [(f"`{name}`", words) for name, words in each.fields.items()]
        fields += [(f"`{name}`?", words) for name, words in each.optional.items()]
        yield from table(("value", "holds"), fields)


PAGES: Mapping[str, Callable[[], Iterator[str]]] = {
    "operations": operations, "errors": errors, "common-options": common_options, "commands": commands, "events": events,
}  # fmt: skip
