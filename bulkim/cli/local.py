"""What needs no vendor: files to start from, and the sandbox."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from bulkim.cli import candidates
from bulkim.cli.options import Command, FileType, Settings, common
from bulkim.errors import InputError, Problem, UsageError
from bulkim.text import nearest


@click.command(
    cls=Command,
    examples=["bulkim init", "bulkim init leavers --provider tencent --operation delete"],
)
@click.argument(
    "folder",
    metavar="[DIR]",
    default=".",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where; default: the current folder.",
)
@click.option(
    "--provider",
    default="easemob",
    show_default=True,
    shell_complete=candidates.providers,
    help="The vendor.",
)
@click.option("--operation", default="register", show_default=True, shell_complete=candidates.operations,
              help="What to do; `bulkim operations` lists them.")  # fmt: skip
@common
def init(settings: Settings, *, folder: Path, provider: str, operation: str) -> int:
    """Write a commented job, its connection, a list and the job file's schema to start from. Overwrites nothing."""
    from bulkim import vendors
    from bulkim.catalogue.called import called_there
    from bulkim.work import starter

    vendor = vendors.provider(provider)
    found = vendor.operation(operation)
    if found is None:
        offered = [each.name for each in vendor.operations]
        hint = (
            called_there(operation, [vendor]) or nearest(operation, offered) or f"one of {', '.join(offered)}"
        )
        raise UsageError(f"{vendor.label} has no operation {operation!r}", hint=hint)
    _check_kept(folder, provider, operation)
    written, kept = write_templates(folder, starter.files(vendor, found))
    if settings.json:
        click.echo(json.dumps({"folder": str(folder), "written": written, "kept": kept}))
        return 0
    for name in written:
        click.echo(f"wrote {folder / name}")
    for name in kept:
        settings.say(f"kept  {folder / name}: it was there already")
    job = str(folder / starter.JOB)
    settings.say(f"next: {settings.command('run', job, '--sandbox')}   (a rehearsal; no account needed)")
    settings.say(
        f"      then put your app into {folder / starter.CONNECTIONS}, and {settings.command('check', job)}"
    )
    return 0


def _check_kept(folder: Path, provider: str, operation: str) -> None:
    """A job that is there must be of the kind that was asked for: what is typed next would run it. Raises UsageError."""
    from bulkim.jobfile.kept import kept_value
    from bulkim.work import starter

    place = folder / starter.JOB
    try:
        text = place.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return
    there = (kept_value(text, "provider") or provider, kept_value(text, "operation") or operation)
    if there == (provider, operation):
        return
    named = ["--provider", provider] if provider != "easemob" else []
    another = shlex.join(
        [f"{folder}-{operation}" if folder.name else operation, *named, "--operation", operation]
    )
    raise UsageError(
        f"{place} is there already, and its job is {there[1]} at {there[0]}. Nothing was written.",
        hint=f"name another folder: `bulkim init {another}`",
    )


def write_templates(folder: Path, files: Mapping[str, str]) -> tuple[list[str], list[str]]:
    """Write the files that are not there. Returns their names, and those of files that were."""
    written, kept = [], []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            try:
                with (folder / name).open("x", encoding="utf-8") as file:
                    file.write(text)
                written.append(name)
            except FileExistsError:
                kept.append(name)
    except OSError as error:
        raise UsageError(
            f"cannot write into {folder}: {error.strerror}", hint="name another folder"
        ) from error
    return written, kept


@click.command(cls=Command, examples=["bulkim sandbox --port 8086", "bulkim sandbox --faults faults.yaml"])
@click.option("--host", default="127.0.0.1", show_default=True, help="A loopback address.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8086, show_default=True, help="0 takes a free one."
)
@click.option("--faults", type=FileType(), metavar="FILE",
              help="What goes wrong: a list of rules, YAML or JSON.")  # fmt: skip
@click.option("--any-app", is_flag=True, help="Serve every org and app, and take any token.")
@common
def sandbox(settings: Settings, *, host: str, port: int, faults: Path | None, any_app: bool) -> int:
    """Serve the local emulator of the vendors, on loopback only, until Ctrl-C.

    A job is pointed at it by its connection; URL is the address that the start prints, with these lines to copy:

    \b
    easemob  {base_url: URL, org: sandbox, app: demo,
              auth: {token: sandbox-token}}
    agora    {base_url: URL, org: sandbox, app: agora,
              auth: {app_id: 970CA35de60c44645bbae8a215061b33,
                     app_certificate: 5CFd2fd1755d40ecb72977518be15d3b}}
    tencent  {base_url: URL, sdk_app_id: 1400000000,
              auth: {identifier: administrator, secret_key: sandbox-secret-key}}

    GET /_sandbox/stats tells what happened at it; /_sandbox/users?app=sandbox/demo, app=sandbox/agora or
    app=1400000000 who is there.
    """
    from bulkim.sandbox import PortTakenError, SandboxConfig, serve
    from bulkim.sandbox.faults import FaultBook

    rules = read_faults(faults) if faults else ()
    for note in FaultBook(rules).notes():
        settings.say(f"{faults}: {note}")
    try:
        serve(
            SandboxConfig(any_app=any_app, faults=rules),
            host,
            port,
            ready=lambda url: settings.say(connections_of(url)),
        )
    except PortTakenError as error:
        raise UsageError(
            str(error.strerror or error), hint="take another one with --port, or 0 for a free one"
        ) from error
    except ValueError as error:
        raise UsageError(str(error)) from error
    return 0


def connections_of(url: str) -> str:
    """How a job of each vendor is pointed at a sandbox, as lines of its file, with where to look who is there."""
    from bulkim.sandbox.config import DEFAULT_APPS, connection

    lines = ["a job reaches it with one of these lines; the address above each says who is there:"]
    for app in DEFAULT_APPS:
        # JSON quotes what YAML would not take bare, such as an IPv6 address.
        written = re.sub(r'"(\w+)": ', r"\1: ", json.dumps(connection(app.provider, url)))
        lines += [f"# {app.provider}: {url}/_sandbox/users?app={app.key}", f"connection: {written}"]
    return "\n".join(lines)


def read_faults(path: Path) -> Sequence[Mapping[str, Any]]:
    """A file of fault rules, YAML or JSON; an empty one has none. Raises InputError."""
    from bulkim import yamltree
    from bulkim.sandbox.fault_rules import FaultRuleError, parse_rules

    file = str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError([Problem(file, None, None, error.strerror or "cannot be read")]) from error
    if not raw.strip():
        return []
    root, problems = yamltree.parse(yamltree.decode(raw, file), file)
    if problems:
        raise InputError(problems)
    rules: list[Any] = root.plain()
    try:
        parse_rules(rules)
    except FaultRuleError as error:
        number = re.match(r"rule (\d+)", str(error))
        mark = root.mark_of((int(number[1]) - 1,)) if number else root.mark
        raise InputError([mark.problem(str(error))]) from error
    return rules
