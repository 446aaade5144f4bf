"""Pages of the reference that the program writes about itself, as Markdown."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

from bulkim.catalogue.shapes import ErrorRule
from bulkim.cli import COMMANDS, cli
from bulkim.cli.options import CommonOption
from bulkim.codes import KINDS, OWN
from bulkim.language import gettext as _
from bulkim.log.events import EVENTS
from bulkim.vendors import PROVIDERS

CHINESE = "zh_CN"
CHINESE_LABELS = {"easemob": "环信", "agora": "声网 Agora Chat", "tencent": "腾讯云 IM"}


def write(folder: Path) -> None:
    """Write every page that has changed, so that an unchanged one is not built again."""
    (folder / "man").mkdir(parents=True, exist_ok=True)
    (folder / CHINESE).mkdir(exist_ok=True)
    pages = PAGES | {f"man/bulkim-{name}": lambda name=name: man_page(name) for name in COMMANDS}
    pages |= {f"{CHINESE}/errors": lambda: errors(CHINESE)}
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


def errors(language: str = "en") -> Iterator[str]:
    """Every code that ``bulkim explain`` knows, in a language."""
    with _spoken(language):
        yield from _errors(language == CHINESE)


@contextmanager
def _spoken(language: str) -> Iterator[None]:
    """What the program explains is in this language, whatever the builder's own is."""
    before = os.environ.get("BULKIM_LANG")
    os.environ["BULKIM_LANG"] = language
    try:
        yield
    finally:
        os.environ.pop("BULKIM_LANG")
        if before is not None:
            os.environ["BULKIM_LANG"] = before


def _errors(chinese: bool) -> Iterator[str]:
    own, header, rule = ("bulkim 自有的错误码", ("错误码", "含义", "怎么做"), _chinese_rule) if chinese else (
        "bulkim's own", ("code", "means", "what to do"), _rule)  # fmt: skip
    yield from (f"## {own}", "")
    yield from table(header, [(f"`{code}`", _(each.meaning), _(each.remedy)) for code, each in OWN.items()])
    columns = ("错误码", "HTTP", "含义", "后续") if chinese else ("code", "HTTP", "means", "what follows")
    for provider in PROVIDERS.values():
        yield from (f"## {CHINESE_LABELS[provider.name] if chinese else provider.label}", "")
        yield from table(columns, [rule(each) for each in provider.errors])


def _rule(rule: ErrorRule) -> tuple[str, ...]:
    about = [f"at `{name}`" for name in rule.operations]
    about += [f"where the reason matches `{rule.pattern}`"] if rule.pattern else []
    means = rule.meaning + (f" ({', '.join(about)})" if about else "")
    follows = f"bulkim {KINDS[str(rule.kind)].follows}. To do: {rule.remedy[0].lower()}{rule.remedy[1:]}"
    return (f"`{rule.code}`" if rule.code else "any", str(rule.status or "any"), means, follows)


def _chinese_rule(rule: ErrorRule) -> tuple[str, ...]:
    about = [f"用于 `{name}`" for name in rule.operations]
    about += [f"原因与 `{rule.pattern}` 匹配时"] if rule.pattern else []
    means = _(rule.meaning) + (f"（{'，'.join(about)}）" if about else "")
    follows = f"bulkim {_(KINDS[str(rule.kind)].follows)}。怎么做：{_(rule.remedy)}"
    return (f"`{rule.code}`" if rule.code else "任意", str(rule.status or "任意"), means, follows)


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
