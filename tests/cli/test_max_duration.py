"""run --max-duration: a gentle stop that the next night continues."""

from __future__ import annotations

import math
import time
from types import SimpleNamespace

import pytest

from bulkim.sending import supervise


@pytest.fixture
def hours_pass(server, monkeypatch):
    """Two hours pass for a session after so many calls have reached the server."""
    monkeypatch.setattr(supervise, "LOOK_S", 0.02)

    def hours_pass(calls):
        def monotonic():
            return time.monotonic() + 7200 * (len(server.requests()) >= calls)

        monkeypatch.setattr(supervise, "time", SimpleNamespace(monotonic=monotonic))

    return hours_pass


def test_a_run_over_two_nights(shell, server, hours_pass):
    users = [f"u{n}" for n in range(60)]
    server.seed(users)
    job = shell.job("look", server.base_url, "get-user", users)
    hours_pass(5)
    said = shell("run", job, "--set", "rate.limit=20", "--max-duration", "1h", "--json")
    assert said.code == 75
    assert (said.json["state"], said.json["stop"]["code"]) == ("stopped", "max_duration")
    done = said.json["counts"]["succeeded"]
    assert done + said.json["counts"]["pending"] == 60
    assert 5 <= done < 60
    hours_pass(math.inf)
    assert "next: bulkim run look.yaml" in said.err
    again = shell("run", job, "--json")
    assert again.code == 0
    assert again.json["resumed"]
    assert again.json["counts"]["succeeded"] == 60
    assert again.json["requests"] == 60, "what was in flight was waited for"


def test_time_enough(shell, server):
    server.seed(["u1"])
    said = shell(
        "run", shell.job("look", server.base_url, "get-user", ["u1"]), "--max-duration", "1h", "--json"
    )
    assert (said.code, said.json["state"]) == (0, "finished")


def test_listings_stop_too(shell, server, hours_pass):
    hours_pass(1)
    server.seed([f"u{n}" for n in range(400)])
    shell.write("list.yaml", f"provider: easemob\noperation: list-users\nrate: {{limit: 1}}\n"
                f"connection: {{base_url: '{server.base_url}', org: sandbox, app: demo, auth: {{token: sandbox-token}}}}\n")  # fmt: skip
    assert shell("run", "list.yaml", "--max-duration", "1h", "-q").code == 75
    hours_pass(math.inf)
    assert shell("run", "list.yaml", "--set", "rate.limit=100", "-q").code == 0


@pytest.mark.parametrize("wrong", ["4", "0s", "h", "-1h", "1d x", "inf"])
def test_no_time(shell, wrong):
    said = shell("run", "job.yaml", "--max-duration", wrong)
    assert said.code == 2
    assert "90s, 30m or 4h" in said.err


def test_a_rehearsal_does_not_promise_to_continue(shell):
    job = shell.job(
        "look", "https://a1.easemob.com", "get-user", [f"u{n}" for n in range(30)], "concurrency: 1\n"
    )
    words = ("run", job, "--sandbox", "--set", "rate.limit=2", "--max-duration", "1s")
    for more, stream in (((), "out"), (("-q",), "err")):
        said = " ".join(getattr(shell(*words, *more), stream).split())
        assert "A rehearsal is not continued" in said
        assert "it continues" not in said
