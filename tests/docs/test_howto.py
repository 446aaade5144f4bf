"""The how-tos are typed as they stand, in order, and say what they show: their jobs, their commands, at a sandbox."""

from __future__ import annotations

import os
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from support.processes import bulkim
from support.server import serving
from support.sessions import alike, typed

PAGES = Path(__file__).resolve().parents[2] / "docs" / "how-to"
MARK = "--- next"
SANDBOX = {
    '"01:00-05:30 Europe/Berlin"': '"00:00-24:00"', "/var/lib/node_exporter/": "", "https://a1.easemob.com": "{url}", "https://console.tim.qq.com": "{url}", "https://a61.chat.agora.io": "{url}",
    '"1122161011178276"': "sandbox", "testapp": "demo",
}  # fmt: skip
SECRETS = {
    "EASEMOB_CLIENT_ID": "sandbox-client", "EASEMOB_CLIENT_SECRET": "sandbox-secret", "TENCENT_SECRET_KEY": "sandbox-secret-key",
    "AGORA_APP_ID": "970CA35de60c44645bbae8a215061b33", "AGORA_APP_CERTIFICATE": "5CFd2fd1755d40ecb72977518be15d3b",
}  # fmt: skip


def at(url: str, text: str) -> str:
    for there, here in SANDBOX.items():
        text = text.replace(there, here.format(url=url))
    return text


def files(page: str) -> dict[str, str]:
    """The page's files: their blocks begin with a comment that names them. A later one of a name replaces the first."""
    return dict(
        re.findall(r"^```(?:yaml|text|sql)\n(?:#|--) (\S+)\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    )


def play(name: str, folder: Path, server, *, until: str | None = None) -> None:
    """Type what a page shows, up to a heading, and miss none of the lines that it shows."""
    page = (PAGES / name).read_text(encoding="utf-8")
    page = page.partition(f"\n## {until}\n")[0] if until else page
    for file, text in files(page).items():
        (folder / file).write_text(at(server.base_url, text))
    steps = typed(at(server.base_url, page))
    assert steps
    script = "\n".join(f"echo '{MARK}'\n{step.command}" for step in steps)
    environment = {key: value for key, value in os.environ.items() if key != "BULKIM_JOURNAL"} | SECRETS | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "NO_PROXY": "127.0.0.1", "COLUMNS": "120",
        "XDG_STATE_HOME": str(folder / "state"), "TZ": "UTC",
    }  # fmt: skip
    ended = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=120, check=False,
    )  # fmt: skip
    parts = ended.stdout.split(f"{MARK}\n")[1:]
    for step, part in zip(steps, parts, strict=True):
        printed = {alike(line) for line in part.splitlines()}
        missing = [line for line in step.output if line != "…" and alike(line) not in printed]
        assert not missing, f"$ {step.command}\n{part}\nmissing: {missing}"
        assert "Traceback" not in part


@pytest.fixture
def server():
    with serving(limits={"users": 5000, "mute": 5000}) as found:
        yield found


SPAMMERS = [f"spam{n}" for n in range(40)]


def listed(folder: Path, names: list[str]) -> None:
    (folder / "spammers.csv").write_text("username\n" + "".join(f"{name}\n" for name in names))


@pytest.mark.slow  # several seconds each: they interrupt, wait and go on
class TestHowTo:
    def test_retry(self, server, tmp_path):
        server.seed([*SPAMMERS, "new1"])
        listed(tmp_path, [*SPAMMERS, "ghost1", "ghost2"])
        play("retry.md", tmp_path, server)
        muted = {name for name, user in server.users().items() if user["mutes"].get("chat")}
        assert muted == {*SPAMMERS, "new1"}

    def test_spreadsheets(self, server, tmp_path):
        play("spreadsheets.md", tmp_path, server)
        assert set(server.users()) == {"ann", "bob"}

    def test_long_runs(self, server, tmp_path):
        rows = [f"user-{n},secret-{n}" for n in range(300)]
        (tmp_path / "everybody.csv").write_text("\n".join(["username,password", *rows]) + "\n")
        play("long-runs.md", tmp_path, server)
        assert len(server.users()) == 300

    def test_new_rows(self, server, tmp_path):
        (tmp_path / "users.csv").write_text("username,password\nanna,s-1\nbert,s-2\ncarl,s-3\n")
        play("new-rows.md", tmp_path, server)
        assert {len(server.requests("register")), len(server.users())} == {2, 5}, (
            "two calls, and none for the third day"
        )

    def test_prune(self, server, tmp_path):
        (tmp_path / "users.csv").write_text("username,password\nanna,s-1\nbert,s-2\ncarl,s-3\n")
        new_rows = (PAGES / "new-rows.md").read_text()
        (tmp_path / "welcome.yaml").write_text(at(server.base_url, files(new_rows)["welcome.yaml"]))
        ran = bulkim("run", "welcome.yaml", cwd=tmp_path, **SECRETS)
        assert ran.code == 0, ran.err
        with closing(sqlite3.connect(tmp_path / "bulkim.db")) as db, db:
            db.execute("UPDATE run SET finished_at = finished_at - 91 * 86400")
        play("prune.md", tmp_path, server)
        with closing(sqlite3.connect(tmp_path / "bulkim.db")) as db:
            left = {
                name: db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
                for name in ("run", "item", "attempt", "pace")
            }
        assert left == {"run": 1, "item": 0, "attempt": 0, "pace": 0}
        with closing(sqlite3.connect(tmp_path / "before.db")) as db:
            assert db.execute("SELECT count(*) FROM item").fetchone()[0] == 3

    def test_from_a_script(self, server, tmp_path):
        server.seed([f"u{n}" for n in range(18)])
        server.seed(SPAMMERS)
        rows = [f"u{n},secret-{n}" for n in range(40)]
        (tmp_path / "users.csv").write_text("\n".join(["username,password", *rows]) + "\n")
        (tmp_path / "spammers.txt").write_text("".join(f"{name}\n" for name in SPAMMERS))
        (tmp_path / "script.log").write_text(
            "".join(f"done {name}\n" for name in SPAMMERS[:10]) + "sent spam10\n"
        )
        play("from-a-script.md", tmp_path, server)
        muted = {name for name, user in server.users().items() if user["mutes"].get("chat")}
        assert muted == set(SPAMMERS[10:])

    def test_rehearse(self, server, tmp_path):
        server.seed(SPAMMERS)
        listed(tmp_path, SPAMMERS)
        play("rehearse.md", tmp_path, server, until="A bad day")
        assert {name for name, user in server.users().items() if not user["activated"]} == set(SPAMMERS)
        assert len(server.requests("ban")) == 40, "nobody twice, and nobody in the rehearsal"

    def test_review(self, server, tmp_path):
        names = [f"leaver{n}" for n in range(1, 5)]
        server.seed([*names, "admin1", "somebody"])
        (tmp_path / "leavers.csv").write_text("\n".join(["username", *names, "admin1"]) + "\n")
        play("review.md", tmp_path, server)
        there = {name for name, user in server.users().items() if user["exists"]}
        assert there == {"leaver2", "admin1", "somebody"}

    def test_undo(self, server, tmp_path):
        server.seed(
            [
                {"username": "anna", "mutes": {"chat": 3600}},
                {"username": "ben", "mutes": {"chat": -1}},
                "carl",
                "dora",
            ]
        )
        (tmp_path / "people.txt").write_text("anna\nben\ncarl\ndora\n")
        play("undo.md", tmp_path, server)
        left = {name: user["mutes"].get("chat", 0) for name, user in server.users().items()}
        assert 3000 < left["anna"] <= 3600
        assert {name: left[name] for name in ("ben", "carl", "dora")} == {"ben": -1, "carl": 0, "dora": 0}

    def test_nightly(self, server, tmp_path):
        server.seed([f"test_{n}" for n in range(20)], created=1_600_000_000_000)
        server.seed(["test_keep_1", "anna"], created=1_600_000_000_000)
        play("nightly.md", tmp_path, server)
        left = {name for name, user in server.users().items() if user["exists"]}
        assert left == {"test_keep_1", "anna"}

    def test_migrate(self, server, tmp_path):
        server.seed([{"username": f"u{n}", "nickname": f"User {n}"} for n in range(30)])
        play("migrate.md", tmp_path, server)
        there = {name for name, user in server.users(app="1400000000").items() if user["exists"]}
        assert there == {f"u{n}" for n in range(30)}
        assert not [name for name, user in server.users().items() if user["exists"]]
