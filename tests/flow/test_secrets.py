"""Planted secrets, looked for byte by byte in everything that a session leaves behind: there is none."""

from __future__ import annotations

import base64
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest
from support.apps import VENDORS, write_job
from support.processes import Ended, environment, finish, start, started_alone, wait_until
from support.server import serving

from bulkim.sandbox.config import App

PASSWORD = "PlantedPw-{n}-q7Zx/+%&é"
SECRETS = {
    "token": "planted-TOKEN-93hf72kd",
    "client_secret": "planted-CLIENTSECRET/+k29dm",
    "app_certificate": "0badc0ffee0badc0ffee0badc0ffee42",
    "secret_key": "planted-SECRETKEY-29dk20sl",
}
APP_ID = "970CA35de60c44645bbae8a215061b33"
APPS = (
    App(
        "easemob",
        "sandbox",
        "demo",
        client_id="cid",
        client_secret=SECRETS["client_secret"],
        tokens=(SECRETS["token"],),
    ),
    App("agora", "sandbox", "agora", app_id=APP_ID, app_certificate=SECRETS["app_certificate"]),
    App("tencent", sdk_app_id=1400000000, admin="administrator", secret_key=SECRETS["secret_key"]),
)
AUTH = {
    "easemob": {"client_id": "cid", "client_secret": "${CLIENT_SECRET}"},
    "agora": {"app_id": APP_ID, "app_certificate": SECRETS["app_certificate"]},  # written into the job itself
    "tencent": {"identifier": "administrator", "secret_key": "${SECRET_KEY}"},
}
ECHO = {"http": 400, "error": "duplicate_unique_property_exists",
        "description": "the same user u1 has a different password, the passwords are " + PASSWORD.format(n=1)}  # fmt: skip


def forms(secret: str) -> set[bytes]:
    """A secret as it may be written."""
    raw = secret.encode()
    shifted = {base64.b64encode(b"x" * shift + raw)[4:-4] for shift in range(3)}  # inside some longer text
    plain = {raw, quote(secret).encode(), quote(secret, safe="").encode(), secret.encode("utf-16-le")}
    return plain | shifted | {base64.b64encode(raw).rstrip(b"=")}


def planted(users: int) -> dict[str, set[bytes]]:
    everything = {**SECRETS, **{f"password {n}": PASSWORD.format(n=n) for n in range(users)}}
    return {name: forms(secret) for name, secret in everything.items()}


class Evidence:
    """All that was said and written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: dict[str, bytes] = {}

    def note(self, what: str, ended: Ended) -> Ended:
        self.said[what] = (ended.out + ended.err).encode()
        assert "INFO httpx" not in ended.err
        return ended

    def search(self, inputs: set[str], users: int) -> None:
        artefacts = dict(self.said)
        for file in self.folder.rglob("*"):
            if file.is_file() and file.name not in inputs:
                artefacts[file.name] = file.read_bytes()
        assert len(artefacts) > 8
        source = (self.folder / "users.csv").read_bytes()
        assert all(planted(users)[f"password {n}"] & {PASSWORD.format(n=n).encode()} for n in range(users))
        assert PASSWORD.format(n=0).encode() in source, "what is looked for is there to be found"
        found = [
            f"{name} in {where}"
            for where, content in artefacts.items()
            for name, written in planted(users).items()
            if any(form in content for form in written)
        ]
        assert not found, found
        for where, content in artefacts.items():
            assert b"usersig=eJ" not in content, where
            assert b"007eJx" not in content, where


@pytest.mark.parametrize(
    "provider",
    [each if each == "easemob" else pytest.param(each, marks=pytest.mark.slow) for each in VENDORS],
)
def test_no_secret_is_in_anything_that_is_left_behind(tmp_path, provider):
    users = 4
    secret_env = {"CLIENT_SECRET": SECRETS["client_secret"], "SECRET_KEY": SECRETS["secret_key"],
                  "XDG_STATE_HOME": str(tmp_path / "state"), "COLUMNS": "200"}  # fmt: skip
    evidence = Evidence(tmp_path)

    def bulkim(what: str, *words: str) -> Ended:
        ended = finish(
            start(*words, "-vv", "--log-file", "log.txt", "--log-format", "json", cwd=tmp_path, **secret_env)
        )
        return evidence.note(what, ended)

    with serving(apps=APPS) as server:
        people = [f"u{n},{PASSWORD.format(n=n)}" for n in range(users)]
        (tmp_path / "users.csv").write_text(
            "username,password\n" + "\n".join(people) + "\n", encoding="utf-8"
        )
        connection = {"base_url": server.base_url, "auth": AUTH[provider]} | (
            {"sdk_app_id": 1400000000}
            if provider == "tencent"
            else {"org": "sandbox", "app": {"easemob": "demo", "agora": "agora"}[provider]}
        )
        write_job(
            tmp_path,
            "job",
            provider,
            server.base_url,
            "register",
            {"csv": "users.csv"},
            connection=connection,
        )
        server.faults(
            {"match": {"operation": "register"}, "times": 1, "do": "drop_after"},
            {"match": {"operation": "register", "user": "u1"}, "times": 6, "do": {"error": ECHO}},
        )
        inputs = {"users.csv", "job.yaml", "password.yaml"}
        for what, words in {
            "plan": ("plan", "job.yaml"), "check": ("check", "job.yaml"), "run": ("run", "job.yaml"), "show": ("show", "job"), "show user": ("show", "job", "u1"),
            "csv": ("results", "job"), "junit": ("results", "job", "--format", "junit"),
            "markdown": ("report", "job", "--format", "markdown", "-o", "report.md"),
            "page": ("report", "job", "-o", "report.html"), "table": ("results", "job", "--format", "table"),
            "undo": ("undo", "job", "--accept-risk"), "verify": ("verify", "job"),
        }.items():  # fmt: skip
            ended = bulkim(what, *words)
        bulkim("retry", "retry", "last")
        bulkim("files", "results", "job", "--format", "jsonl", "-o", "results.jsonl")
        if provider != "tencent":
            write_job(
                tmp_path,
                "password",
                provider,
                server.base_url,
                "set-password",
                {"csv": "users.csv"},
                connection=connection,
            )
            server.faults({"match": {"operation": "set-password"}, "do": "hang"})
            process = started_alone("run", "password.yaml", "-vv", cwd=tmp_path, **secret_env)
            app = {"easemob": "sandbox/demo", "agora": "sandbox/agora"}[provider]
            wait_until(lambda: "set-password" in server.stats(app)["operations"])
            evidence.said["ps"] = Path(f"/proc/{process.pid}/cmdline").read_bytes()
            process.kill()
            evidence.note("killed", finish(process))
            assert (tmp_path / "bulkim.db-wal").stat().st_size, "what is not checkpointed is searched as well"
        assert ended is not None
    evidence.search(inputs, users)


CRASH = """
import sys
from bulkim import codec
from bulkim.sending import executor
from bulkim.cli import main
def crash(provider, operation, items, reply):
    raise ValueError(f"cannot read {items[0].fields!r} of {reply!r}")
executor.decode = crash
sys.argv = ["bulkim", *sys.argv[1:]]
main()
"""


@pytest.mark.parametrize("verbose", [pytest.param("-v", marks=pytest.mark.slow), "-vv"])
def test_a_traceback_shows_no_secret(tmp_path, verbose):
    with serving(apps=APPS) as server:
        connection = {
            "base_url": server.base_url,
            "org": "sandbox",
            "app": "demo",
            "auth": {"token": SECRETS["token"]},
        }
        items = [{"username": "u0", "password": PASSWORD.format(n=0)}]
        write_job(tmp_path, "job", "easemob", server.base_url, "register", items, connection=connection)
        process = subprocess.Popen(
            [sys.executable, "-c", CRASH, "run", "job.yaml", verbose], cwd=tmp_path, text=True,
            env=environment(XDG_STATE_HOME=str(tmp_path / "state")),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        ended = finish(process)
    assert ended.code == 70, ended.err
    assert "Traceback" in ended.err
    said = (ended.out + ended.err).encode() + (tmp_path / "bulkim.db").read_bytes()
    assert not [name for name, written in planted(1).items() if any(form in said for form in written)], (
        ended.err
    )


def test_plain_http_to_another_machine_is_refused_unless_the_job_allows_it(tmp_path):
    connection = {"base_url": "http://a1.easemob.com", "org": "o", "app": "a", "auth": {"token": "x" * 20}}
    write_job(tmp_path, "job", "easemob", "", "delete", ["u"], connection=connection)
    refused = finish(start("check", "job.yaml", cwd=tmp_path))
    assert refused.code == 3
    assert "plain http" in refused.err
    write_job(tmp_path, "job", "easemob", "", "delete", ["u"], connection={**connection, "allow_http": True})
    assert finish(start("check", "job.yaml", cwd=tmp_path)).code == 0
