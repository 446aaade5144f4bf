"""The documentation is held to the program: what is generated is what the program says, what is named exists."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click
import pytest
from support import readme

from bulkim import errors, jobfile
from bulkim.cli import COMMANDS, cli
from bulkim.model import Status
from bulkim.vendors import PROVIDERS

ROOT = readme.ROOT
PAGES = (*readme.PAGES, ROOT / "examples" / "README.md", ROOT / "examples" / "nightly" / "README.md")
BY_NAME = {str(page.relative_to(ROOT)): page.read_text(encoding="utf-8") for page in PAGES}
README = BY_NAME["README.md"]
EVERYWHERE = pytest.mark.parametrize("name", BY_NAME)


def code(text: str, *languages: str) -> Iterator[str]:
    for language, inner in re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if language in languages:
            yield inner


def commands(text: str) -> Iterator[list[str]]:
    """Every `bulkim …` of the page: in its consoles, and in backquotes."""
    for console in code(text, "console", "sh"):
        for line in console.splitlines():
            if found := re.match(r"\$ bulkim (.*)", line):
                yield re.sub(r"  +#.*|&$| [|>] .*", "", found[1]).split()
    for found in re.findall(r"`bulkim ([a-z][^`]*)`", text):
        yield found.split()


@EVERYWHERE
def test_generated_parts_are_what_the_program_says(name):
    text = BY_NAME[name]
    assert readme.renewed(text) == text, "run: .venv/bin/python tests/support/readme.py"


@EVERYWHERE
def test_commands_and_their_options_exist(name):
    for words in commands(BY_NAME[name]):
        assert words[0] in COMMANDS, f"bulkim {' '.join(words)}"
        command = cli.get_command(click.Context(cli), words[0])
        for word in words[1:]:
            if not isinstance(command, click.Group) or word.startswith("-"):
                break
            command = command.get_command(click.Context(command), word)
            assert command is not None, f"bulkim {' '.join(words)}"
        known = {
            option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)
        }
        used = {word.partition("=")[0] for word in words[1:] if word.startswith("-") and word != "-"}
        assert used <= {*known, "-h", "--help"}, f"bulkim {' '.join(words)}"


@EVERYWHERE
def test_options_in_the_text_belong_to_some_command(name):
    """Outside the table of other tools and what is said to make."""
    text = re.sub(r"^\| (?:GNU|GAM|`sf|DSBulk|Clerk).*$", "", BY_NAME[name], flags=re.MULTILINE)
    text = re.sub(r'BENCH="[^"]*"', "", text)
    known = {"--help", "--version"}
    top = [cli.get_command(click.Context(cli), entry) for entry in COMMANDS]
    every = list(top)
    for command in every:  # which grows
        if isinstance(command, click.Group):
            every += [
                command.get_command(click.Context(command), name) for name in command.list_commands(None)
            ]
    for command in every:
        known |= {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"(?<![\w-])`?(--[a-z][a-z-]+)", re.sub(r"<!--.*?-->", "", text))) <= known


@EVERYWHERE
def test_links_lead_somewhere(name):
    folder = (ROOT / name).parent
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", BY_NAME[name]):
        assert re.match(r"https?://", target) or (folder / target).exists(), target


@EVERYWHERE
def test_job_files_in_the_text_load(name, tmp_path):
    environment = dict.fromkeys(re.findall(r"\$\{(\w+)\}", BY_NAME[name]), "1")
    for number, text in enumerate(code(BY_NAME[name], "yaml")):
        if (named := re.match(r"# (\S+\.yaml)\n", text)) and re.search(r"^provider: 1\b", text, re.MULTILINE):
            (tmp_path / named[1]).write_text(text, encoding="utf-8")  # a provider that a job below names
        if not re.search(r"^operation:", text, re.MULTILINE):
            if "base_url:" in text:  # connections that the jobs below name
                (tmp_path / "connections.yaml").write_text(text, encoding="utf-8")
            continue
        path = tmp_path / f"job-{number}.yaml"
        path.write_text(text, encoding="utf-8")
        assert jobfile.load(path, env=environment, providers=PROVIDERS).operation


def test_outcomes_are_all_there():
    section = README.partition("## What happens to a user")[2].partition("##")[0]
    assert re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE) == [str(status) for status in Status]


def descendants(kind: type[errors.BulkimError]) -> Iterator[type[errors.BulkimError]]:
    for each in kind.__subclasses__():
        yield each
        yield from descendants(each)


def test_exit_codes_are_those_of_the_program():
    section = README.partition("## Exit codes")[2].partition("##")[0]
    listed = {
        int(number)
        for row in re.findall(r"^\| ([\d, ]+) \|", section, re.MULTILINE)
        for number in row.split(",")
    }
    raised = {
        each.exit_code for each in descendants(errors.BulkimError) if each.__module__.startswith("bulkim")
    }
    ends = {0, 1, 5, 70, 129, 130, 143}  # of a run that came to its end, an internal error, and signals
    assert listed == raised | ends


def test_both_commands_of_the_readme_are_what_continuous_integration_runs():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = set(re.findall(r"\bmake ([a-z-]+)", README))
    assert {"demo", "test"} <= named <= targets
    assert re.search(r"^make test$", (ROOT / ".ci" / "run").read_text(encoding="utf-8"), re.MULTILINE)


PICTURES = [
    (name, target)
    for name, text in BY_NAME.items()
    for target in re.findall(r"""!\[[^\]]*\]\(([^)]+)\)|(?:src|srcset)="([^"]+)\"""", text)
]


@pytest.mark.parametrize(("name", "targets"), PICTURES)
def test_pictures_are_there_and_load_nothing_from_anywhere(name, targets):
    picture = (ROOT / name).parent / "".join(targets)
    if picture.suffix == ".svg":
        assert "://" not in picture.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
    else:
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_the_live_block_is_of_a_real_run():
    assert "bulkim run" in (ROOT / "docs" / "images" / "live.svg").read_text(encoding="utf-8")


def test_the_readme_is_short():
    assert len(README.splitlines()) <= 150


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "README.zh-CN.md"])
def test_links_of_other_pages_lead_somewhere(name):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", (ROOT / name).read_text(encoding="utf-8")):
        assert re.match(r"https?://", target) or (ROOT / target).exists(), target


def test_the_repository_has_one_address():
    """It is a placeholder, to be replaced in one file."""
    known = {"pyproject.toml"}
    found = {
        str(path.relative_to(ROOT))
        for path in (
            *ROOT.glob("*.*"),
            *(ROOT / "docs").rglob("*.md"),
            *(ROOT / "bulkim").rglob("*.py"),
            *(ROOT / "examples").rglob("*.*"),
        )
        if path.is_file()
        and path.suffix in {".md", ".py", ".toml", ".yaml", ".txt"}
        and "github.com/bulkim" in path.read_text(encoding="utf-8")
    }
    assert found == known
