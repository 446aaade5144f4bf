"""Completion of commands in a shell: the script that the shell reads, and what answers it when somebody presses Tab.

Both are click's but for what its scripts do not know: in Bash, words that end at `=`, `:` or `@`, and values that want
quoting; in fish, an order and descriptions with commas; everywhere, `--option=value` as one word.
"""

from __future__ import annotations

import os
from pathlib import Path

import click
from click.shell_completion import (
    BashComplete,
    CompletionItem,
    FishComplete,
    ShellComplete,
    ZshComplete,
    add_completion_class,
    get_completion_class,
    split_arg_string,
)

from bulkim.cli import COMPLETE_VAR, PROGRAM, cli
from bulkim.cli.options import Command, Settings, common
from bulkim.errors import UsageError

SHELLS = ("bash", "zsh", "fish", "powershell")

# What Bash takes for a word ends at `=`, `:` and `@`, so the whole line is handed over. A job's file is completed together
# with folders, and Readline quotes what it takes for a file; other values are quoted here, unless a quote is open.
_BASH = r"""%(complete_func)s() {
    local response type value quoted=
    [[ ${COMP_WORDS[COMP_CWORD]} == [\"\']* ]] && quoted=1
    response=$(COMP_WORDS="${COMP_LINE:0:COMP_POINT}" COMP_CWORD="$2" %(complete_var)s=bash_complete "$1" 2>/dev/null)
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) quoted=1; compopt -o filenames -o plusdirs ;;
            file) compopt -o default ;;
            plain) [[ $quoted ]] || printf -v value %%q "$value"; COMPREPLY+=("$value") ;;
        esac
    done <<< "$response"
}
complete -o nosort -F %(complete_func)s %(prog_name)s
"""


class _WholeWords(ShellComplete):
    """Completes `--option=val` as the word that it is to the shell."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        found = super().get_completions(args, incomplete)
        option, equals, _ = incomplete.partition("=")
        if option.startswith("--") and equals:
            for each in found:
                each.value = f"{option}={each.value}"
        return found


@add_completion_class
class _Bash(_WholeWords, BashComplete):
    source_template = _BASH

    def get_completion_args(self) -> tuple[list[str], str]:
        line = os.environ["COMP_WORDS"]
        words = split_arg_string(line)
        if line[-1:].isspace():
            words.append("")
        return words[1:-1], words[-1]

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem[str]]:
        found = super().get_completions(args, incomplete)
        word = os.environ["COMP_CWORD"]  # where Bash goes on
        cut = len(incomplete) - len(word) if incomplete.endswith(word) else 0
        for each in found:
            each.value = each.value[cut:]
        return found


@add_completion_class
class _Zsh(_WholeWords, ZshComplete):
    pass


@add_completion_class
class _Fish(_WholeWords, FishComplete):
    source_template = FishComplete.source_template.replace(
        'string split "," $completion', 'string split --max 1 "," $completion'
    ).replace("complete --no-files", "complete --keep-order --no-files")


@click.command(cls=Command, examples=["bulkim completion bash", "bulkim completion zsh > ~/.zfunc/_bulkim"])
@click.argument("shell", required=False, type=click.Choice(SHELLS), metavar="[SHELL]",
                help=f"{', '.join(SHELLS)}; default: the one of $SHELL.")  # fmt: skip
@common
def completion(settings: Settings, *, shell: str | None) -> int:  # noqa: ARG001 - there is one form of it
    """Print the script that completes commands, runs, users and codes in your shell.

    One line in the file that your shell reads at its start installs it:

    \b
    bash        ~/.bashrc    eval "$(bulkim completion bash)"
    zsh         ~/.zshrc     eval "$(bulkim completion zsh)"    (after compinit)
    fish        config.fish  bulkim completion fish | source
    powershell  $PROFILE     bulkim completion powershell | Out-String | iex
    """
    shell = shell or Path(os.environ.get("SHELL", "")).name
    found = get_completion_class(shell) if shell in SHELLS else None
    if found is None:
        raise UsageError(
            f"$SHELL is {shell or 'not set'}: there is no completion for it.",
            hint=f"name the shell: bulkim completion {SHELLS[0]}",
        )
    click.echo(found(cli, {}, PROGRAM, COMPLETE_VAR).source(), nl=False)
    return 0
