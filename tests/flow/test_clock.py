"""A clock that is set while a registration is in doubt: who was there before is never claimed."""

from __future__ import annotations

import threading
import time

import pytest
from support.jobs import job, rows

from bulkim.sending.channel import Channel
from bulkim.work import runner


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
@pytest.mark.parametrize("before", [True, False], ids=["foreign", "ours"])
def test_the_clock_is_set_before_the_vendor_is_asked(server, tmp_path, monkeypatch, step_s, before):
    wall, step, send = time.time, [0.0], Channel.send

    async def sent(channel, call, permit):
        reply = await send(channel, call, permit)
        step[0] = step_s
        return reply

    monkeypatch.setattr(Channel, "send", sent)
    client = threading.current_thread()  # the sandbox serves in another
    monkeypatch.setattr(time, "time", lambda: wall() + step[0] * (threading.current_thread() is client))
    if before:
        created = int((wall() - 600) * 1000)
        server.call(
            "POST", "/users", {"app": "sandbox/demo", "users": [{"username": "u1", "created": created}]}
        )
    fault = {"match": {"operation": "register"}, "times": 1, "do": "drop_before" if before else "drop_after"}
    server.faults(fault)
    users = [{"username": "u1", "password": "secret-1"}]
    runner.run(job("register", server.base_url, users), journal=tmp_path / "j.db")
    row = rows(tmp_path / "j.db")["u1"]
    assert row["outcome"] == ("unchanged" if before else "succeeded")
    assert before or row["code"] == "reconciled"
