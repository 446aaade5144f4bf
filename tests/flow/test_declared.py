"""A vendor that only a file of the user's declares: run, killed, resumed, verified, undone, at a server of the test's own."""

from __future__ import annotations

import shutil
import signal
import sqlite3
from pathlib import Path

import pytest
from support.acme import ACME, KEY, ROOT, serving
from support.jobs import rows
from support.processes import bulkim, kill, start, wait_until

JOB = """\
provider: ./acme.yaml
operation: {operation}
connection: {{base_url: "{url}", workspace: w1, auth: {{api_key: "{key}"}}}}
source: {{csv: users.csv}}
"""


@pytest.fixture
def acme():
    with serving() as server:
        yield server


@pytest.fixture
def folder(tmp_path, acme):
    shutil.copy(ACME, tmp_path / "acme.yaml")
    (tmp_path / "users.csv").write_text("username,nickname\n" + "".join(f"u{n},U {n}\n" for n in range(1500)))
    (tmp_path / "job.yaml").write_text(JOB.format(operation="register", url=acme.url, key=KEY))
    return tmp_path


@pytest.mark.slow
def test_a_declared_vendor_is_run_killed_resumed_verified_and_undone(acme, folder):
    acme.users["u7"] = {"id": "u7"}
    first = start("run", "job.yaml", "--set", "rate.limit=60", cwd=folder)
    wait_until(lambda: len(acme.users) >= 200)
    assert kill(first).code == -signal.SIGKILL
    assert 200 <= len(acme.users) < 1500
    second = bulkim("run", "job.yaml", "--json", cwd=folder)
    assert (second.code, second.json["resumed"]) == (0, True), second.err
    assert second.json["provider"] == "acme"
    assert second.json["counts"]["succeeded"] == 1499
    assert second.json["counts"]["unchanged"] == 1
    assert set(acme.effects.values()) == {1}
    assert rows(folder / "bulkim.db")["u7"]["code"] == "exists"

    (folder / "acme.yaml").unlink()  # from here on the run's own copy is enough
    assert "1499 succeeded + 1 unchanged" in bulkim("show", "last", cwd=folder).out
    verified = bulkim("verify", "last", "--sample", "20%", "--json", cwd=folder)
    assert verified.code == 0, verified.err
    page = bulkim("report", "last", "-o", "page.html", cwd=folder)
    assert page.code == 0, page.err
    assert "The user was there before." in (folder / "page.html").read_text()

    undo = bulkim("undo", "last", cwd=folder)
    assert undo.code == 0, undo.err
    assert f'provider: "{folder / "acme.yaml"}"' in undo.out
    assert 'workspace: "w1"' in undo.out
    assert KEY not in undo.out
    (folder / "undo.yaml").write_text(undo.out)
    shutil.copy(ACME, folder / "acme.yaml")
    undone = bulkim(
        "run",
        "undo.yaml",
        "--confirm",
        "w1:1499",
        "--json",
        cwd=folder,
        BULKIM_API_KEY=KEY,
    )
    assert undone.code == 0, undone.err
    assert set(acme.users) == {"u7"}


def test_the_run_keeps_the_text_of_its_vendor_and_no_secret(acme, folder):
    assert bulkim("run", "job.yaml", "--limit", "20", cwd=folder).code == 0
    with sqlite3.connect(folder / "bulkim.db") as db:
        kept, job = db.execute("SELECT vendor_text, job_text FROM run").fetchone()
    db.close()
    assert kept == ACME.read_text()
    assert KEY not in job
    assert KEY.encode() not in b"".join(each.read_bytes() for each in folder.glob("bulkim.db*"))


def test_a_wrong_key_stops_the_run_and_is_not_shown(acme, folder):
    (folder / "job.yaml").write_text(JOB.format(operation="register", url=acme.url, key="wrong-secret"))
    ended = bulkim("run", "job.yaml", cwd=folder)
    assert ended.code == 6
    assert "the vendor refused the API key of `connection.auth`" in ended.err
    assert "wrong-secret" not in ended.err + ended.out
    assert acme.users == {}


def test_the_plan_shows_where_the_key_goes(acme, folder):
    planned = bulkim("plan", "job.yaml", "--json", cwd=folder)
    request = planned.json["first_request"]
    assert request["url"] == f"{acme.url}{ROOT}/bulk"
    assert request["headers"]["X-Api-Key"] == "***"
    assert planned.json["app"] == "w1"


def test_an_api_without_tenants_is_run_and_undone_by_its_host(acme, folder):
    text = ACME.read_text()
    before = next(line for line in text.splitlines() if line.startswith("apps:"))
    text = text.replace(before, f"apps: [{{root: {ROOT.removesuffix('/users')}}}]")
    (folder / "acme.yaml").write_text(text)
    (folder / "job.yaml").write_text(
        JOB.format(operation="register", url=acme.url, key=KEY).replace("workspace: w1, ", "")
    )
    ran = bulkim("run", "job.yaml", "--limit", "20", cwd=folder)
    assert ran.code == 0, ran.err
    host = acme.url.removeprefix("http://")
    assert f"acme {host}" in bulkim("show", "last", cwd=folder).out
    undo = bulkim("undo", "last", cwd=folder)
    assert undo.code == 0, undo.err
    (folder / "undo.yaml").write_text(undo.out)
    undone = bulkim("run", "undo.yaml", "--confirm", f"{host}:20", cwd=folder, BULKIM_API_KEY=KEY)
    assert undone.code == 0, undone.err
    assert acme.users == {}


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ("label: Acme", "lable: Acme", "acme.yaml:4:1: unknown key 'lable' (did you mean 'label'?)"),
        (
            "name: acme",
            "name: tencent",
            "job.yaml:1:11: provider: tencent is a built-in one (give yours another name)",
        ),
        (
            "[users]",
            "[user]",
            "acme.yaml:21:12: operations.0.pools: there is no pool 'user' (did you mean 'users'?)",
        ),
    ],
)
def test_what_is_wrong_with_the_file_is_said_with_its_place(folder, before, after, expected):
    (folder / "acme.yaml").write_text(ACME.read_text().replace(before, after))
    checked = bulkim("check", "job.yaml", cwd=folder)
    assert checked.code == 3
    assert expected in checked.err


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("provider: ./acme.yml", "acme.yml: no such file (did you mean 'acme.yaml'?)"),
        (
            "provider: acme",
            "job.yaml:1:11: provider: there is no provider 'acme' (one of easemob, agora, tencent)",
        ),
    ],
)
def test_a_provider_that_is_not_there(folder, line, expected):
    job = folder / "job.yaml"
    job.write_text(job.read_text().replace("provider: ./acme.yaml", line))
    checked = bulkim("check", "job.yaml", cwd=folder)
    assert checked.code == 3
    assert expected in checked.err


def test_what_has_no_case_cannot_be_rehearsed(folder):
    ended = bulkim("run", "job.yaml", "--sandbox", cwd=folder)
    assert ended.code == 2
    assert "acme has no case of register with a request and a success: there is nothing to play" in ended.err


PROVIDERS = Path(__file__).parents[2] / "examples" / "providers"
PLAYED = [  # example, operation, the rest of the job, what comes of it, calls
    ("synapse", "deactivate", "server_name: e, auth: {token: t}", "['@a:e', {user_id: '@b:e', erase: false}]", 2),
    ("keycloak", "disable", "realm: e, auth: {client_id: c, client_secret: s}", "[0c7f3b52-9f4e-4a3c-8a53-0d9a5d7e2a77]", 1),
    ("scim", "register", "tenant: e, auth: {token: t}", "[ann, {userName: Bo, active: false}, cy]", 1),
    ("rongcloud", "leave-group", "app: e, auth: {app_key: k, app_secret: s}",
     "[{userId: a, group_id: g}, {userId: b, group_id: h}, {userId: c, group_id: g}]", 2),
    ("clerk", "ban", "instance: e, auth: {token: t}", "[user_a, user_b]", 2),
    ("zulip", "deactivate", "organization: e, auth: {email: m, api_key: k}", "['7', '8']", 2),
    ("easemob-display", "set-display-style", "org: o, app: a, auth: {token: t}", "[{username: a, style: '1'}]", 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "operation", "keys", "items", "calls"), PLAYED, ids=lambda each: str(each)[:16]
)
def test_an_example_is_played_and_says_so(  # noqa: PLR0917 - a row of the table
    tmp_path, name, operation, keys, items, calls
):
    text = (PROVIDERS / f"{name}.yaml").read_text()
    (tmp_path / "own.yaml").write_text(text)
    host = {"clerk": "api.clerk.com", "rongcloud": "api.rong-api.com"}.get(name, "api.example.com")
    connection = f"{{base_url: 'https://{host}', {keys}}}"
    (tmp_path / "job.yaml").write_text(
        f"provider: ./own.yaml\noperation: {operation}\nconnection: {connection}\nsource: {{items: {items}}}\n"
    )
    ended = bulkim("run", "job.yaml", "--sandbox", "--yes", "--json", cwd=tmp_path)
    assert ended.code == 0, ended.err
    assert f"{name} is played, not rehearsed" in ended.err
    assert ended.json["counts"]["succeeded"] == ended.json["items"]
    assert ended.json["requests"] == calls
