"""The examples for operators: what can be held of them without Docker or a cluster."""

from __future__ import annotations

from pathlib import Path

import click
from ruamel.yaml import YAML

from bulkim.cli.fleet import fleet

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "fleet"


def documents(name: str) -> list[dict]:
    return list(YAML(typ="safe").load_all((FOLDER / name).read_text()))


def commands() -> list[list[str]]:
    compose = documents("compose.yaml")[0]
    found = [service["command"] for service in compose["services"].values() if "command" in service]
    for each in documents("kubernetes.yaml"):
        found += [container["args"] for container in each["spec"]["template"]["spec"]["containers"]]
    return found


def test_its_commands_exist_with_these_options():
    for words in commands():
        _exists(words)


def _exists(words: list[str]) -> None:
    assert words[0] == "fleet"
    command = fleet.get_command(click.Context(fleet), words[1])
    assert command is not None
    context = command.make_context(words[1], list(map(str, words[2:])))
    assert context.params


def test_secrets_and_volumes_that_are_used_are_declared():
    compose = documents("compose.yaml")[0]
    for service in compose["services"].values():
        assert set(service.get("secrets", ())) <= set(compose["secrets"])
    for each in documents("kubernetes.yaml"):
        spec = each["spec"]["template"]["spec"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} <= volumes


def test_a_drain_has_time_to_wait_for_answers():
    deployment = documents("kubernetes.yaml")[1]
    assert deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] >= 30
    assert documents("compose.yaml")[0]["services"]["worker"]["stop_grace_period"] == "40s"
