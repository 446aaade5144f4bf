"""What the schedulers of examples/nightly are given: commands that exist, and exit code 75 as no failure."""

from __future__ import annotations

import configparser
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from ruamel.yaml import YAML
from support.processes import PATIENCE_S

from bulkim.cli import cli
from bulkim.work.metrics import STATES, metrics

NIGHTLY = Path(__file__).resolve().parents[2] / "examples" / "nightly"
SCHEDULERS = ("crontab", "bulkim-nightly.service", "github-actions.yaml", "kubernetes.yaml")


def documents(name: str) -> list[dict]:
    return list(YAML(typ="safe", pure=True).load_all((NIGHTLY / name).read_text(encoding="utf-8")))


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=True)
    parser.optionxform = str
    parser.read_string((NIGHTLY / name).read_text(encoding="utf-8"))
    return parser


def cronjob() -> dict:
    (found,) = [each for each in documents("kubernetes.yaml") if each["kind"] == "CronJob"]
    return found["spec"]


def container() -> dict:
    (found,) = cronjob()["jobTemplate"]["spec"]["template"]["spec"]["containers"]
    return found


def lines(name: str) -> list[str]:
    """The scheduler's shell lines and commands."""
    if name == "crontab":
        return (NIGHTLY / name).read_text(encoding="utf-8").splitlines()
    if name.endswith(".service"):
        return [unit(name)["Service"]["ExecStart"]]
    if name == "kubernetes.yaml":
        return [shlex.join([*container()["command"], *container()["args"]])]
    steps = documents(name)[0]["jobs"]["night"]["steps"]
    return [line for step in steps for line in step.get("run", "").splitlines()]


def commands(name: str) -> Iterator[list[str]]:
    """`bulkim …` as words; what stands behind night.sh is a `bulkim run`."""
    for line in lines(name):
        for program, words in re.findall(
            r"(?<![\w-])(bulkim|night\.sh) ([a-z/][^|>)\n]*)", line.partition("#")[0]
        ):
            yield (["run"] if program == "night.sh" else []) + shlex.split(re.sub(r" 2$", "", words))


@pytest.mark.parametrize("name", SCHEDULERS)
def test_their_commands_are_accepted(name):
    found = list(commands(name))
    assert [words[0] for words in found].count("run") == 1
    for verb, *words in found:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None, verb
        given = command.make_context(verb, words).params
        assert verb != "run" or given["job"].name == "nightly-purge.yaml"
        assert verb != "run" or given["yes"]
        assert verb != "run" or given["metrics_file"]


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_night_that_is_too_short_is_no_failure(name):
    if name.endswith(".service"):
        assert "75" in unit(name)["Service"]["SuccessExitStatus"].split()
    else:
        assert any("night.sh nightly-purge.yaml" in line.replace("/job/", "") for line in lines(name))


def test_kubernetes_stops_gently_and_keeps_the_journal():
    spec = cronjob()
    assert spec["concurrencyPolicy"] == "Forbid"
    job = spec["jobTemplate"]["spec"]
    (codes,) = [
        each["onExitCodes"]["values"] for each in job["podFailurePolicy"]["rules"] if "onExitCodes" in each
    ]
    assert 75 not in codes
    pod = job["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > 10
    mounts = {each["name"]: each["mountPath"] for each in container()["volumeMounts"]}
    (claim,) = [each["name"] for each in pod["volumes"] if "persistentVolumeClaim" in each]
    environment = {each["name"]: each["value"] for each in container()["env"]}
    assert environment["BULKIM_JOURNAL"].startswith(mounts[claim])


def test_github_keeps_the_journal():
    workflow = documents("github-actions.yaml")[0]
    night = workflow["jobs"]["night"]
    caches = [step for step in night["steps"] if step.get("uses", "").startswith("actions/cache/")]
    assert {step["with"]["path"] for step in caches} == {str(Path(night["env"]["BULKIM_JOURNAL"]).parent)}
    assert len({step["with"]["key"] for step in caches}) == 1
    assert caches[-1]["if"] == "always()"


def test_the_timer_begins_with_the_window():
    zone = documents("nightly-purge.yaml")[0]["window"].split()[-1]
    assert unit("bulkim-nightly.timer")["Timer"]["OnCalendar"].endswith(f"01:00:00 {zone}")
    assert cronjob()["timeZone"] == zone


def test_every_variable_of_the_connection_is_given():
    wanted = set(re.findall(r"\$\{(\w+)\}", (NIGHTLY / "connections.yaml").read_text(encoding="utf-8")))
    given = (NIGHTLY / "credentials.env").read_text(encoding="utf-8")
    assert set(re.findall(r"^(\w+)=", given, re.MULTILINE)) == wanted
    night = documents("github-actions.yaml")[0]["jobs"]["night"]
    (step,) = [step for step in night["steps"] if step.get("name") == "One night"]
    assert wanted <= {*night["env"], *step["env"]}


# ------------------------------------------------------------------------------------------ night.sh


@pytest.fixture
def night(tmp_path):
    """night.sh with a bulkim of three lines."""

    def begin(program: str, *words: str) -> subprocess.Popen[str]:
        fake = tmp_path / "bulkim"
        fake.write_text(f"#!/bin/sh\n{program}\n")
        fake.chmod(0o755)
        path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
        environment = {"PATH": path, "NIGHT_AGAIN": "0.1", "HERE": str(tmp_path)}
        command = [NIGHTLY / "night.sh", *words]
        return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)

    return begin


@pytest.mark.parametrize(("code", "then"), [(0, 0), (75, 0), (1, 1), (4, 4), (143, 143)])
def test_only_75_is_no_failure(night, code, then):
    process = night(f'echo "$@"\nexit {code}', "job.yaml", "--set", "a=b c")
    tries = 2 if code == 75 else 1  # who died elsewhere counts as alive for a minute
    assert process.communicate(timeout=PATIENCE_S)[0] == "run job.yaml --set a=b c\n" * tries
    assert process.returncode == then


@pytest.mark.parametrize("code", [0, 1, 4])
def test_waiting_for_a_dead_containers_lease_is_no_success(night, code):
    process = night(f'[ -e "$HERE/waited" ] && exit {code}\ntouch "$HERE/waited"\nexit 75')
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_goes_through_and_the_end_is_waited_for(night, number):
    process = night(
        "trap 'sleep 0.2; echo drained; exit 143' TERM HUP\necho ready\nwhile :; do sleep 0.05; done"
    )
    assert process.stdout.readline() == "ready\n"
    began = time.monotonic()
    process.send_signal(number)
    assert process.communicate(timeout=PATIENCE_S)[0] == "drained\n"
    assert process.returncode == 143
    assert time.monotonic() - began >= 0.2


def test_the_alerts_ask_for_metrics_that_there_are():
    """Every name and every state in the rules is one that a run writes."""
    rules = [rule for group in documents("alerts.yaml")[0]["groups"] for rule in group["rules"]]
    assert len({rule["alert"] for rule in rules}) == len(rules) == 5
    stopped = {"name": "nightly-purge", "provider": "easemob", "operation": "delete", "counts": {}, "codes": {}, "state": "refused",
               "stop": {"code": "max_items"}}  # fmt: skip
    text = metrics(stopped, started_at=None, exit_code=4, now=1.0, last_sent=1.0)
    for rule in rules:
        names = set(re.findall(r"bulkim_[a-z_]+", rule["expr"]))
        assert names, rule
        assert all(f"# TYPE {name} gauge" in text for name in names), names
        assert set(re.findall(r'state="(\w+)"', rule["expr"])) <= set(STATES)
    job = documents("nightly-purge.yaml")[0]["name"]
    assert all(f'name="{job}"' in rule["expr"] for rule in rules)
    page = (NIGHTLY.parents[1] / "docs" / "how-to" / "nightly.md").read_text()
    shown = re.findall(r"^\| `([^`]*bulkim_run_[^`]*)` \|", page, re.MULTILINE)
    named = rf'name="{job}"(, )?'
    assert shown == [re.sub(named, "", rule["expr"]).replace("{}", "") for rule in rules]


def test_a_wrong_secret_wants_a_person():
    refused = {"name": "nightly-purge", "provider": "easemob", "operation": "delete", "counts": {}, "codes": {}, "state": "stopped",
               "stop": {"code": "FORBIDDEN"}}  # fmt: skip
    text = metrics(refused, started_at=None, exit_code=6, now=1.0, last_sent=1.0)
    (value,) = re.findall(r"^bulkim_run_exit_code\{.*\} (\d+)", text, re.MULTILINE)
    (rule,) = [
        rule
        for group in documents("alerts.yaml")[0]["groups"]
        for rule in group["rules"]
        if rule["alert"] == "BulkimWantsAPerson"
    ]
    above, below = map(int, re.findall(r"[<>] (\d+)", rule["expr"]))
    assert above < int(value) < below
