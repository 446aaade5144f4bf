"""init, sandbox, schema, operations, explain, demo."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import click
import pytest

from bulkim.cli import cli
from bulkim.cli.story import actual, expected
from bulkim.sandbox.config import connection
from bulkim.vendors import PROVIDERS


def test_init_writes_what_runs_in_a_rehearsal(shell):
    said = shell("init", "campaign")
    assert said.code == 0
    assert said.out.splitlines() == [
        f"wrote campaign/{name}" for name in ("job.yaml", "connections.yaml", "users.csv", "job.schema.json")
    ]
    assert "next: bulkim run campaign/job.yaml --sandbox" in said.err
    assert shell("check", "campaign/job.yaml", "--sandbox").code == 0
    assert "3 in = 3 succeeded" in shell("run", "campaign/job.yaml", "--sandbox").out


@pytest.mark.parametrize(
    ("provider", "operation"),
    [
        (vendor.name, each.name)
        for vendor in PROVIDERS.values()
        for each in vendor.operations
        if vendor.name != "agora" or each.name == "register"  # its operations are Easemob's
    ],
)
def test_init_for_every_operation(shell, provider, operation):
    shell("init", "--provider", provider, "--operation", operation)
    said = shell("check", "job.yaml", "--sandbox")
    assert said.code == 0, said.err
    assert "$schema=job.schema.json" in (shell.folder / "job.yaml").read_text().splitlines()[0]


@pytest.mark.parametrize(
    ("provider", "operation"), [("easemob", "add-contact"), ("tencent", "import-friends")]
)
def test_a_rehearsal_has_the_other_users_too(shell, provider, operation):
    shell("init", "--provider", provider, "--operation", operation)
    assert "3 in = 3 succeeded" in shell("run", "job.yaml", "--sandbox").out


def test_init_knows_what_was_meant(shell):
    said = shell("init", "--operation", "deletee")
    assert (said.code, list(shell.folder.iterdir())) == (2, [])
    assert "did you mean 'delete'?" in said.err
    assert "there is no provider 'tencnt'" in shell("init", "--provider", "tencnt").err


def test_init_overwrites_nothing(shell):
    shell.write("job.yaml", "mine")
    said = shell("init")
    assert said.out.splitlines() == ["wrote connections.yaml", "wrote users.csv", "wrote job.schema.json"]
    assert "kept  job.yaml" in said.err
    assert (shell.folder / "job.yaml").read_text() == "mine"


@pytest.mark.parametrize("other", [("--operation", "mute"), ("--provider", "tencent")])
def test_init_does_not_send_people_to_another_job_that_is_there(shell, other):
    shell("init", "campaign")
    (shell.folder / "campaign" / "users.csv").unlink()
    said = shell("init", "campaign", *other)
    assert (said.code, said.out) == (2, "")
    assert (
        "campaign/job.yaml is there already, and its job is register at easemob. Nothing was written."
        in said.err
    )
    assert not (shell.folder / "campaign" / "users.csv").exists()
    line = said.err.split("`bulkim ")[1].split("`")[0]
    assert shell(*line.split()).code == 0
    assert shell("init", "campaign").code == 0, "the same again: what is missing is written"
    assert (shell.folder / "campaign" / "users.csv").exists()


def test_what_init_writes_names_what_is_missing(shell, monkeypatch):
    monkeypatch.delenv("EASEMOB_CLIENT_ID", raising=False)
    shell("init")
    assert "EASEMOB_CLIENT_ID" in shell("check", "job.yaml").err
    said = shell("run", "job.yaml")
    assert said.code == 3
    assert "the environment variable EASEMOB_CLIENT_ID is not set" in said.err


def test_schema(shell):
    found = shell("schema").json
    assert "properties" in found
    assert {"provider", "operation", "source"} <= set(found["properties"])


def test_operations(shell):
    lines = shell("operations").out.splitlines()
    assert len(lines) == 1 + sum(len(vendor.operations) for vendor in PROVIDERS.values())
    found = shell("operations", "--json").json
    mute = next(each for each in found if (each["provider"], each["operation"]) == ("easemob", "mute"))
    assert (mute["method"], mute["path"], mute["batch_max"]) == ("POST", "/mutes", 1)
    assert mute["pools"][0]["limit_per_s"] == 100
    assert [each["operation"] for each in shell("operations", "mute", "--json").json] == ["mute"] * len(
        PROVIDERS
    )


@pytest.mark.parametrize(
    "name", sorted({each.name for vendor in PROVIDERS.values() for each in vendor.operations})
)
def test_every_operation_explains_itself(shell, name):
    said = shell("operations", name)
    assert said.code == 0
    assert "request" in said.out
    assert "doubt" in said.out


def test_an_unknown_operation_names_the_nearest(shell):
    said = shell("operations", "regster")
    assert said.code == 2
    assert "did you mean 'register'?" in said.err


def test_explain(shell):
    said = shell("explain", "easemob", "duplicate_unique_property_exists")
    assert said.code == 0
    assert "The username is taken" in said.out
    found = shell("explain", "easemob", "duplicate_unique_property_exists", "--json").json
    assert {rule["kind"] for rule in found["rules"]} == {"rejected", "already"}
    assert "(bulkim's own)" in shell("explain", "easemob", "protected").out
    assert shell("explain", "easemob", "duplicate_uniq_property").code == 2
    assert shell("explain", "nobody", "x").code == 2


def test_explain_lists_operations_as_chinese_does_and_shows_no_pattern(shell, monkeypatch):
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    said = shell("explain", "easemob", "forbidden_op").out
    assert "用于 add-to-group、add-to-room" in said
    assert "(?P<user>" not in said
    rules = shell("explain", "easemob", "forbidden_op", "--json").json["rules"]
    assert any("(?P<user>" in (each["pattern"] or "") for each in rules)


@pytest.mark.parametrize("provider", ["easemob", "agora", "tencent"])
def test_the_sandboxs_help_says_what_its_start_prints(shell, provider):
    wanted = connection(provider, "URL")["auth"]
    said = " ".join(shell("sandbox", "--help").out.split())
    assert "auth: {" + ", ".join(f"{key}: {value}" for key, value in wanted.items()) + "}" in said
    page = (Path(__file__).parents[2] / "docs/how-to/rehearse.md").read_text()
    assert "auth: {" + ", ".join(f"{key}: {value}" for key, value in wanted.items()) + "}" in page


def test_the_sandbox_serves_with_faults(shell):
    rules = shell.write("faults.yaml", "- match: {operation: get-user}\n  do: {status_before: 503}\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "bulkim", "sandbox", "--port", "0", "--faults", rules],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=shell.folder,
    )  # fmt: skip
    try:
        url = process.stdout.readline().split()[-1]
        with urllib.request.urlopen(f"{url}/_sandbox/stats") as answer:
            assert json.load(answer)["requests"] == 0
    finally:
        process.terminate()
        process.communicate()


def test_the_sandbox_says_how_a_job_of_each_vendor_reaches_it(shell):
    rule = "- match: {operation: register}\n  do: {error: {http: 400, error: illegal_argument, description: no}}\n"
    process = subprocess.Popen(
        [sys.executable, "-m", "bulkim", "sandbox", "--port", "0", "--faults", shell.write("faults.yaml", rule)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=shell.folder,
    )  # fmt: skip
    try:
        process.stdout.readline()
        note = process.stderr.readline()
        said = [process.stderr.readline().strip() for _ in range(7)]
        for vendor, (place, connection) in zip(
            ("easemob", "agora", "tencent"), zip(said[1::2], said[2::2], strict=True), strict=True
        ):
            shell.write(
                "job.yaml",
                f"provider: {vendor}\noperation: get-user\n{connection}\nsource: {{items: [ann]}}\n",
            )
            assert shell("run", "job.yaml", "-q", "--new").code in {0, 1}
            name, _, url = place.removeprefix("# ").partition(": ")
            with urllib.request.urlopen(url) as answer:
                assert (name, json.load(answer)["users"]) == (vendor, [])
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(url.replace("app=", "app=1"))
        assert "there are sandbox/demo, sandbox/agora, 1400000000" in refused.value.read().decode()
    finally:
        process.terminate()
        process.communicate()
    assert "rule 1: `error` is in the form of Easemob and Agora and leaves Tencent alone" in note


def test_the_help_shows_the_sandbox_connections():
    from bulkim.sandbox.config import DEFAULT_APPS

    words = " ".join(cli.get_command(click.Context(cli), "sandbox").help.split())
    for app in DEFAULT_APPS:
        assert app.key in words
        assert (
            f"sdk_app_id: {app.sdk_app_id}" in words or f"org: {app.org}, app: {app.app}, auth: {{" in words
        )
    assert f"{{identifier: {DEFAULT_APPS[2].admin}, secret_key: {DEFAULT_APPS[2].secret_key}}}" in words


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("- match: [", "f.yaml:1:"),
        ("- {do: nonsense}", "f.yaml:1:3: rule 1: `do`: expected exactly one of"),
        ("- do: drop_after\n- match: {}\n", "f.yaml:2:3: rule 2: `do` is missing"),
        ("- do: drop_after\n  do: hang\n", "f.yaml:2:3:"),
        ("- &a {do: hang}\n- *a\n", "f.yaml:1:3:"),
        ("just text", "f.yaml:1:1: faults: expected a list"),
    ],
)
def test_faults_that_are_none(shell, text, place):
    said = shell("sandbox", "--port", "0", "--faults", shell.write("f.yaml", text))
    assert said.code == 3
    assert place in said.err


def test_the_sandbox_stays_at_home(shell):
    assert shell("sandbox", "--host", "0.0.0.0", "--port", "0").code == 2


def test_what_the_demo_compares():
    assert expected({"register": "succeeded", "mute": "succeeded"}) == actual(
        {"exists": True, "effects": {"registered": 1, "mute_set": 1}}
    )
    assert expected({"register": "succeeded", "delete": "unchanged"}) != actual(
        {"exists": False, "effects": {"registered": 1, "deleted": 1}}
    )
    assert expected({"delete": "unchanged"}) == actual(None)


@pytest.mark.slow
def test_demo(tmp_path):
    run = subprocess.run(
        [sys.executable, "-m", "bulkim", "demo", "--json"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=90,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    register, mute, delete = json.loads(run.stdout)
    assert register["counts"]["succeeded"] == 2990
    assert mute["counts"]["succeeded"] == 400
    assert delete["resumed"] is True
    assert delete["counts"]["succeeded"] + delete["counts"]["unchanged"] == 600
    assert list(tmp_path.iterdir()) == []
