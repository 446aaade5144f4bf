"""What commands share: a help page that begins with an example, and the common options."""

from __future__ import annotations

import functools
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click
from click.core import ParameterSource

from bulkim.cli import PROGRAM, State, candidates, streams, write_examples
from bulkim.files import near
from bulkim.text import whole

if TYPE_CHECKING:
    from bulkim.work.confirm import Pledge

DEFAULT_JOURNAL = "bulkim.db"

F = TypeVar("F", bound=Callable[..., Any])


class Command(click.Command):
    """A command whose help page begins with examples and ends with the common options."""

    def __init__(self, *args: Any, examples: Sequence[str] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = tuple(examples)
        idle = {name for name, commands in _TAKEN_BY.items() if self.name not in commands}
        self.params = [
            each for each in self.params if not (isinstance(each, CommonOption) and each.name in idle)
        ]

    def format_help(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Examples first."""
        write_examples(formatter, self.examples)
        super().format_help(ctx, formatter)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The command's own options, then the common ones."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": [], "Common options": []}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx)
            if record and not isinstance(parameter, click.Argument):
                sections["Common options" if isinstance(parameter, CommonOption) else "Options"].append(
                    record
                )
        for title, records in sections.items():
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)


class CommonOption(click.Option):
    """An option that most commands take."""


class PledgeType(click.ParamType["Pledge"]):
    """Parses ``APP:COUNT``."""

    name = "APP:COUNT"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Pledge:
        """Text -> Pledge."""
        from bulkim.work.confirm import Pledge, pledge  # and all that plans, which no help page needs

        if isinstance(value, Pledge):
            return value
        try:
            return pledge(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class DurationType(click.ParamType[float]):
    """`90s`, `30m`, `4h`, `7d` as seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds. Raises click.BadParameter."""
        if isinstance(value, float):
            return value
        found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)\s*([smhd])", str(value).strip())
        if found is None or not float(found[1]):
            self.fail(f"expected a time like 90s, 30m or 4h, got {value!r}", param, ctx)
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600, "d": 86_400}[found[2]]


_SEND = frozenset({"demo", "run", "retry", "verify"})
_READ = frozenset(
    {
        "check",
        "doctor",
        "explain",
        "plan",
        "undo",
        "runs",
        "show",
        "results",
        "report",
        "watch",
        "browse",
        "ctl",
    }
)
_TAKEN_BY: Mapping[
    str, frozenset[str]
] = {  # where a common option would do nothing, a command does not take it
    "journal": _SEND | _READ | {"pull"},
    "progress": frozenset({"run", "retry", "watch", "submit"}),
    "log_format": _SEND | {"worker"},
    "log_file": _SEND | {"worker"},
}


@dataclass(frozen=True, slots=True)
class Settings:
    """The common options."""

    journal: Path = Path(DEFAULT_JOURNAL)
    journal_named: bool = (
        False  # given on the command line, so that what we tell people to type must name it too
    )
    json: bool = False
    quiet: bool = False
    verbose: int = 0
    progress: str = "auto"
    log_format: str = "console"
    log_file: Path | None = None

    def start_log(self) -> None:
        """Set up logging; only commands that log pay for it."""
        from bulkim.log import handlers as log

        log.set_up(verbose=self.verbose, style=self.log_format, file=self.log_file)

    def say(self, text: str) -> None:
        """A word to the person, unless they want quiet. Never data."""
        if not self.quiet:
            click.echo(streams.folded(text, sys.stderr), err=True)

    def happened(self, code: int) -> None:
        """From now on this is the exit code: what was sent was sent, whatever becomes of printing it."""
        ctx = click.get_current_context(silent=True)
        if ctx is not None and isinstance(ctx.obj, State):
            ctx.obj.happened = code

    def command(self, *words: str) -> str:
        """What to type next, with the journal where it is not the default."""
        from shlex import join

        journal = ("--journal", str(self.journal)) if self.journal_named else ()
        return join(["bulkim", *words, *journal])


_COMMON = (
    click.option("--journal", cls=CommonOption, metavar="PATH", envvar="BULKIM_JOURNAL", show_envvar=True,
                 default=DEFAULT_JOURNAL, show_default=True, type=click.Path(dir_okay=False, path_type=Path),
                 help="The file that remembers every run."),
    click.option("--json", cls=CommonOption, is_flag=True, help="Print JSON on stdout."),
    click.option("-q", "--quiet", cls=CommonOption, is_flag=True, help="Only data and errors."),
    click.option("-v", "--verbose", cls=CommonOption, count=True, help="Log more; -vv logs every call."),
    click.option("--progress", cls=CommonOption, type=click.Choice(["auto", "bar", "plain", "none"]), default="auto",
                 show_default=True, help="How to show progress."),
    click.option("--log-format", cls=CommonOption, type=click.Choice(["console", "json"]), default="console",
                 show_default=True, help="Format of log lines on stderr. json: every line there is one JSON object."),
    click.option("--log-file", cls=CommonOption, metavar="PATH", type=click.Path(dir_okay=False, path_type=Path),
                 help="Also log into this file."),
)  # fmt: skip


def common(function: F) -> F:
    """Add the common options; the function gets them as its first argument, `Settings`."""

    @functools.wraps(function)
    def with_settings(**options: Any) -> Any:
        ctx = click.get_current_context()
        named = ctx.get_parameter_source("journal") is ParameterSource.COMMANDLINE
        settings = Settings(
            journal_named=named,
            **{name: options.pop(name) for name in Settings.__slots__ if name in options},
        )
        if isinstance(ctx.obj, State):
            ctx.obj.verbose = settings.verbose
        if settings.log_format == "json":
            _collected()
        _demand_text(options)
        return function(settings, **options)

    decorated: Any = with_settings
    for option in reversed(_COMMON):
        decorated = option(decorated)
    return decorated  # type: ignore[no-any-return]


def _collected() -> None:
    """Every line of stderr is JSON from here on, whoever writes it."""
    if not isinstance(sys.stderr, streams.JsonLines):
        sys.stderr = streams.JsonLines(sys.stderr)


def _demand_text(options: Mapping[str, Any]) -> None:
    """Words that are not UTF-8 name nothing in a journal. Of files, only names may be so."""
    for value in options.values():
        for word in value if isinstance(value, tuple) else (value,):
            if isinstance(word, str) and whole(word) != word:
                raise click.UsageError(f"{word} is not UTF-8 text")


def beside(name: str) -> str:
    """A command beside the one that runs, as it is typed: `bulkim results`, or `bulkim fleet results`."""
    group = click.get_current_context().parent
    return f"{group.command_path if group else PROGRAM} {name}"


def on_terminal() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


JOB = click.argument(
    "job",
    metavar="JOB",
    type=click.Path(path_type=Path),
    shell_complete=candidates.job_files,
    help="A job file, YAML or JSON.",
)
RUN = click.argument(
    "run_name",
    metavar="RUN",
    shell_complete=candidates.run_names,
    help="A run's id, the beginning of one, a job's name (its newest run), or `last`.",
)


def overrides(ctx: click.Context, parameter: click.Parameter, values: Sequence[str]) -> list[tuple[str, str]]:
    """`--set KEY=VALUE`, as pairs."""
    pairs = []
    for value in values:
        key, equals, text = value.partition("=")
        if not equals or not key:
            raise click.BadParameter(f"expected KEY=VALUE, got {value!r}", ctx=ctx, param=parameter)
        pairs.append((key, text))
    return pairs


SET = click.option("--set", "changes", metavar="KEY=VALUE", multiple=True, callback=overrides,
                   shell_complete=candidates.changes, help="Change a key of the job file, e.g. rate.limit=50.")  # fmt: skip
YES = click.option(
    "--yes", is_flag=True, help="Skip the confirmation prompt. Not enough at a production connection."
)
CONFIRM = click.option("--confirm", "pledge", type=PledgeType(), metavar="APP:COUNT",
                       help="Confirm in advance: the run starts only if app and number of items match.")  # fmt: skip
LIMIT = click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Take only the first N items.")
CODE = click.option("--code", multiple=True, metavar="CODE", shell_complete=candidates.codes,
                    help="Only items with this code; may be repeated.")  # fmt: skip


class FileType(click.Path):
    """A file that is there; where there is none, the near one is named."""

    def __init__(self, *, allow_dash: bool = False) -> None:
        super().__init__(exists=True, dir_okay=False, allow_dash=allow_dash, path_type=Path)

    def fail(
        self, message: str, param: click.Parameter | None = None, ctx: click.Context | None = None
    ) -> NoReturn:
        """Raises click.BadParameter."""
        named = re.search(r"'(.+)' does not exist", message)
        hint = near(Path(named[1])) if named else None
        super().fail(f"{message} {hint.capitalize()}" if hint else message, param, ctx)


JOB_FILE = click.option("--job", type=FileType(allow_dash=True), metavar="FILE",
                        shell_complete=candidates.job_files,
                        help="The job file, if it is no longer where the run had it.")  # fmt: skip
