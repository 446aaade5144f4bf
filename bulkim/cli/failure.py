"""Whatever went wrong, as `error: …` and `hint: …` on stderr, and the exit code that goes with it."""

from __future__ import annotations

import sys
from contextlib import suppress

import click
from click.exceptions import NoArgsIsHelpError

from bulkim.cli import PROGRAM, State, streams
from bulkim.cli.streams import OutputError
from bulkim.errors import SCARCE, BulkimError, GuardError, InputError
from bulkim.text import counted

INTERNAL = 70
INTERRUPTED = 130
DRY = {
    "--dry-run",
    "--dryrun",
    "--dry",
    "-n",
    "--noop",
    "--no-op",
    "--simulate",
    "--check",
    "--plan",
}  # other tools' words
INSTEAD = {
    PROGRAM: "options come after the command, e.g. `bulkim runs --json`",
    "bulkim run": "`bulkim plan JOB` shows what would be sent and sends nothing; `bulkim run JOB --sandbox` rehearses it",
    "bulkim retry": "`bulkim results RUN --outcome failed` lists what it would send, so does `--outcome unknown`",
}
UNPRINTED = 2  # as for a file that -o cannot write
PROBLEMS_MAX = 200  # printed; a file of another kind altogether has a problem on every line


def report(error: BaseException, state: State) -> int:
    """Say what happened; returns the exit code: that of the run, where it was over already."""
    error = _innermost(error)
    code = _not_printed(error, state) if isinstance(error, OutputError) else _said(error, state.verbose)
    return code if state.happened is None else state.happened


def _said(error: BaseException, verbose: int) -> int:
    if isinstance(error, (KeyboardInterrupt, click.Abort)):
        _say("\ninterrupted")
        return INTERRUPTED
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, BulkimError):
        _say(_words(error))
        if verbose > 1:
            _traceback(error)
        return error.exit_code
    return _unforeseen(error, verbose=verbose)


def _innermost(error: BaseException) -> BaseException:
    """A task group wraps what its tasks raise; what it says worst is what a person should read."""
    while isinstance(error, BaseExceptionGroup):
        error = min(error.exceptions, key=lambda each: isinstance(each, (BulkimError, KeyboardInterrupt)))
    return error


def _words(error: BulkimError) -> str:
    lines = []
    if isinstance(error, InputError):
        shown = [str(problem) for problem in error.problems[:PROBLEMS_MAX]]
        more = len(error.problems) - len(shown)
        lines += [*shown, f"… and {more} more"] if more else shown
        lines.append(f"error: {counted(len(error.problems), 'problem')}; nothing was sent")
    else:
        lines.append(f"error: {error.message}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return "\n".join(lines)


def _usage(error: click.ClickException) -> int:
    if isinstance(error, NoArgsIsHelpError):
        _say(error.format_message())
        return 2
    lines = []
    ctx = error.ctx if isinstance(error, click.UsageError) else None
    if ctx is not None:
        lines.append(ctx.get_usage())
    lines.append(f"error: {error.format_message()}")
    if ctx is not None:
        lines.append(f"hint: {_way_on(error, ctx.command_path)}")
    _say("\n".join(lines))
    return 2


def _way_on(error: click.ClickException, command: str) -> str:
    """What to type next."""
    if isinstance(error, click.NoSuchCommand):
        if error.command_name.endswith((".yaml", ".yml", ".json")):
            return f"did you mean `{command} run {error.command_name}`?"
        return f"`{command} --help` lists the commands"
    if isinstance(error, click.NoSuchOption) and (command == PROGRAM or error.option_name in DRY):
        return INSTEAD.get(command, f"`{command} --help` shows examples")
    missing = error.param if isinstance(error, click.MissingParameter) else None
    if missing is not None and missing.metavar == "JOB":
        return f"name a job file, e.g. `{command} job.yaml`; `bulkim init` writes one to start from"
    if missing is not None and missing.metavar == "RUN":
        return f"name a run, e.g. `{command} last`; `bulkim runs` lists them"
    return f"`{command} --help` shows examples"


def _unforeseen(error: BaseException, *, verbose: int) -> int:
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    words = " ".join(str(error).split())
    if isinstance(error, OSError) and error.errno in SCARCE:
        _say(f"error: {words}\nhint: {SCARCE[error.errno]}, then run the same again")
        return GuardError.exit_code
    _say(f"error: internal error: {type(error).__name__}{': ' + words if words else ''}")
    if verbose:
        _traceback(error)
        _say("hint: this is a bug of bulkim; please report it with the traceback above")
    else:
        _say("hint: this is a bug of bulkim; run the same again with -v for the traceback, and report it")
    return INTERNAL


def _traceback(error: BaseException) -> None:
    from traceback import format_exception

    _say("".join(format_exception(error)).rstrip(), whole=True)


def _say(text: str, *, whole: bool = False) -> None:
    """`whole`: lines as they are."""
    from bulkim.redact import redact

    with suppress(OSError):
        said = redact(text)
        click.echo(said if whole else streams.folded(said, sys.stderr), err=True)


def _not_printed(error: OutputError, state: State) -> int:
    """A reader that left (`bulkim results … | head`) is no error."""
    streams.let_go()
    if error.reader_left:
        return state.returned
    _say(f"error: cannot write to standard output: {error.words}")
    return UNPRINTED
