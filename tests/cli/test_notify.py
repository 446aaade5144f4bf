"""notify: a webhook is told of the end, and never spoils it."""

from __future__ import annotations

import json
import platform
import re
import sqlite3
import threading
import time
from contextlib import closing
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from bulkim.model import Notify
from bulkim.work.notify import TRIES, notify

FACTS = {"run": "abc", "state": "finished", "exit_code": 0}


@pytest.fixture
def hook():
    """A webhook; `answers` are its next status codes."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answers.pop(0) if answers else 204)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    heard, answers = [], []
    server = HTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.answers = heard, answers
    server.url = f"http://127.0.0.1:{server.server_port}/hook/t0ps3cret"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def tell(url, **more):
    waits = []
    return notify(Notify(url), FACTS, sleep=waits.append, **more), waits


def test_it_is_told_once(hook):
    assert tell(hook.url) == (None, [])
    assert hook.heard == [FACTS]


def test_it_is_told_again_after_a_passing_failure(hook):
    hook.answers[:] = [503, 429]
    assert tell(hook.url) == (None, [1.0, 2.0])
    assert len(hook.heard) == 3


def test_it_gives_up(hook):
    hook.answers[:] = [500] * 9
    assert tell(hook.url)[0] == "HTTP 500"
    assert len(hook.heard) == TRIES


@pytest.mark.parametrize("status", [404, 302])
def test_a_refusal_is_final_and_redirects_are_refusals(hook, status):
    hook.answers[:] = [status]
    assert tell(hook.url) == (f"HTTP {status}", [])


def test_nobody_there():
    trouble, waits = tell("http://127.0.0.1:9/t0ps3cret")
    assert "refused" in trouble
    assert "t0ps3cret" not in trouble
    assert len(waits) == TRIES - 1


def test_the_end_of_a_run(shell, server, hook):
    server.seed(["u1"])
    job = shell.job("look", server.base_url, "get-user", ["u1", "ghost"], f"notify: {{url: '{hook.url}'}}\n")
    said = shell("run", job, "--json")
    assert said.code == 1
    (heard,) = hook.heard
    assert said.json.items() <= heard.items()
    assert heard["exit_code"] == 1
    assert heard["target"] == f"{server.base_url} sandbox#demo"
    assert heard["host"] == platform.node()
    assert 0 <= heard["finished_at"] - heard["started_at"] < 3600
    with closing(sqlite3.connect(shell.folder / "bulkim.db")) as db:
        (text,) = db.execute("SELECT job_text FROM run").fetchone()
        assert "t0ps3cret" not in "\n".join(db.iterdump())
    assert "notify:" in text
    assert "t0ps3cret" not in shell("report", "last").out
    hook.answers[:] = [404]
    said = shell("run", job, "--new")
    assert (said.code, said.err.splitlines()[-1]) == (1, "warning: the webhook was not told: HTTP 404")


def test_a_rehearsal_tells_nobody(shell, server, hook):
    job = shell.job("look", server.base_url, "get-user", ["u1"], f"notify: {{url: '{hook.url}'}}\n")
    assert shell("run", job, "--sandbox", "-q").code == 0
    assert hook.heard == []


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ("url: 'http://hooks.example.com/x'", "plain http would send the summary in clear"),
        ("url: 'ftp://hooks.example.com/x'", "is not an address"),
        ("url: 'https://user:pw@hooks.example.com'", "must not hold a user or password"),
        ("uri: 'https://hooks.example.com'", "uri"),
    ],
)
def test_addresses_that_will_not_do(shell, server, keys, words):
    job = shell.job("look", server.base_url, "get-user", ["u1"], f"notify: {{{keys}}}\n")
    said = shell("check", job)
    assert said.code == 3
    assert words in said.err


def test_plain_http_can_be_allowed(shell, server):
    more = "notify: {url: 'http://hooks.example.com/x', allow_http: true}\n"
    assert shell("check", shell.job("look", server.base_url, "get-user", ["u1"], more)).code == 0


# --------------------------------------------------------------------------------- what was refused


def purge(shell, server, hook, more="guard: {max_items: 3}\n", **keys):
    server.seed(["u1", "u2", "u3", "u4"])
    notify = f"notify: {{url: '{hook.url}'}}\n"
    return shell.job("purge", server.base_url, "delete", ["u1", "u2", "u3", "u4"], notify + more)


def test_a_refused_night_is_told(shell, server, hook):
    said = shell("run", purge(shell, server, hook), "--yes", "-q")
    assert said.code == 4
    (heard,) = hook.heard
    assert (heard["run"], heard["state"], heard["exit_code"]) == ("", "refused", 4)
    assert heard["stop"]["code"] == "max_items"
    assert heard["stop"]["reason"].startswith("guard.max_items is 3")
    assert heard["target"] == f"{server.base_url} sandbox#demo"


def told_to(robot) -> list[str]:
    """The lines of what a robot was told last."""
    return robot.heard[-1]["text"].splitlines()


def test_an_expired_plan_is_told_as_one(shell, server, hook, monkeypatch):
    server.seed(["u1"])
    more = f"notify: {{url: '{hook.url}', format: slack}}\n"
    job = shell.job("look", server.base_url, "get-user", ["u1"], more)
    assert shell("plan", job, "-o", "look.plan", "--expires", "1s").code == 0
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 60)
    assert shell("run", "look.plan", "-q").code == 3
    told = "\n".join(told_to(hook))
    assert "refused: plan_expired" in told
    assert "Write it again with `bulkim plan JOB -o FILE`, then run that file." in told
    assert "--new" not in told
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    assert shell("run", "look.plan", "-q").code == 3
    assert "请用 `bulkim plan JOB -o FILE` 重新写出计划，然后运行该文件。" in told_to(hook)
    assert re.fullmatch(r"主机 .+，退出码 3", told_to(hook)[-1])


def test_a_plan_whose_job_has_changed_is_told_of_no_new_run(shell, server, hook):
    server.seed(["u1"])
    more = f"notify: {{url: '{hook.url}', format: slack}}\n"
    job = shell.job("look", server.base_url, "mute", ["u1"], more + "params: {chat: 60}\n")
    assert shell("plan", job, "-o", "look.plan").code == 0
    shell.job("look", server.base_url, "mute", ["u1"], more + "params: {chat: 70}\n")
    assert shell("run", "look.plan", "-q").code == 3
    told = "\n".join(told_to(hook))
    assert "or write the plan again" in told
    assert "--new" not in told


def test_a_wrong_secret_is_told_with_what_to_compare(shell, server, hook, monkeypatch):
    monkeypatch.setattr("bulkim.auth.tokens.FETCH_WAITS_S", (0.0, 0.0, 0.0))
    server.seed(["u1"])
    auth = "auth: {client_id: sandbox-client, client_secret: another}"
    shell.write(
        "purge.yaml",
        f"provider: easemob\noperation: delete\nconnection: {{base_url: '{server.base_url}', org: sandbox, app: demo, {auth}}}\n"
        f"source: {{listing: users, where: {{match: 'u.*'}}}}\nnotify: {{url: '{hook.url}', format: slack}}\n",
    )
    monkeypatch.setenv("BULKIM_LANG", "zh_CN")
    assert shell("run", "purge.yaml", "-q", "--yes").code == 6
    lines = told_to(hook)
    assert any("token_refused" in line for line in lines)
    assert "请把连接中的各 ID、密钥和应用与厂商控制台核对，然后再次运行同一命令，它会继续。" in lines
    assert not any("registration is not open" in line or " 0 = 0" in line for line in lines)


def test_not_confirmed_is_told_and_a_retry_too(shell, server, hook):
    job = purge(shell, server, hook, "")
    assert shell("run", job, "-q").code == 3
    assert hook.heard[-1]["stop"]["code"] == "unconfirmed"
    assert shell("run", job, "-q", "--yes").code == 0
    assert (
        shell("retry", "last", "-q", "--yes", "--outcome", "failed", "--set", "operation=get-user").code == 3
    )
    assert (hook.heard[-1]["state"], hook.heard[-1]["stop"]["code"]) == ("refused", "terms")


def test_a_run_that_was_kept_is_told_by_its_id(shell, server, hook, monkeypatch):
    """A run that goes on and is refused stays in the journal."""
    monkeypatch.setenv(
        "XDG_STATE_HOME", str(shell.folder / "state")
    )  # a limit of one a minute is nobody else's
    job = purge(shell, server, hook, "")
    assert (
        shell(
            "run",
            job,
            "-q",
            "--yes",
            "--set",
            "window=00:00-24:00",
            "--max-duration",
            "1s",
            "--set",
            "rate.limit=1/min",
        ).code
        == 75
    )
    run = hook.heard[-1]["run"]
    assert shell("run", job, "-q", "--yes", "--set", "guard.max_items=1").code == 4
    heard = hook.heard[-1]
    assert (heard["run"], heard["state"], heard["stop"]["code"]) == (run, "stopped", "max_items")
    assert sum(heard["counts"].values()) == 4


def test_hours_that_have_not_come_are_told_to_nobody(shell, server, hook):
    hour = (datetime.now(UTC).hour + 2) % 24
    job = purge(shell, server, hook, f"window: '{hour:02}:00-{(hour + 1) % 24:02}:00 UTC'\n")
    assert shell("run", job, "-q", "--yes").code == 75
    assert hook.heard == []


def test_a_refused_rehearsal_is_told_to_nobody(shell, server, hook):
    assert shell("run", purge(shell, server, hook), "--sandbox", "-q").code in {3, 4}
    assert hook.heard == []


def test_several_are_told_and_one_that_fails_is_named(shell, server, hook):
    server.seed(["u1"])
    notify = f"notify: [{{url: 'http://127.0.0.1:9/t0ps3cret'}}, {{url: '{hook.url}'}}]\n"
    said = shell("run", shell.job("look", server.base_url, "get-user", ["u1"], notify), "-q")
    assert said.code == 0
    assert len(hook.heard) == 1
    assert "warning: the webhook notify.0 was not told:" in said.err
    assert "t0ps3cret" not in said.err


def test_a_secret_address_from_the_environment_is_nowhere(shell, server, hook, monkeypatch):
    monkeypatch.setenv("ROBOT", hook.url)
    monkeypatch.setenv("SIGN", "SECs1gn-secret")
    server.seed(["u1"])
    notify = 'notify: {url: "${ROBOT}", format: feishu, secret: "${SIGN}"}\n'
    said = shell("run", shell.job("look", server.base_url, "get-user", ["u1"], notify), "-vv")
    assert said.code == 0
    (heard,) = hook.heard
    assert heard["sign"]
    assert "was not told" in said.err  # this server is no robot
    with closing(sqlite3.connect(shell.folder / "bulkim.db")) as db:
        kept = "\n".join(db.iterdump())
    assert "${ROBOT}" in kept
    for text in (kept, said.out, said.err, shell("report", "last").out, shell("plan", "look.yaml").out):
        assert "t0ps3cret" not in text
        assert "s1gn" not in text


def test_a_robot_is_tried_before_a_night_needs_it(shell, server, hook):
    chat = f"{{url: '{hook.url}', format: slack}}"
    job = shell.job("look", server.base_url, "get-user", ["u1"], f"notify: [{chat}, {chat}]\n")
    said = shell("doctor", job, "--offline")
    assert (said.code, hook.heard) == (0, [])
    assert "2 webhooks: --notify sends a test message to each" in " ".join(said.out.split())
    hook.answers[:] = [200, 404]
    said = shell("doctor", job, "--offline", "--notify", "--json")
    assert said.code == 1
    assert [each["message"] for each in said.json["findings"] if each["name"].startswith("notify")] == [
        "slack: took the test message", "slack: HTTP 404",
    ]  # fmt: skip
    assert hook.heard[0]["text"].startswith(
        "bulkim · look test message: nothing was run\nget-user at easemob"
    )
