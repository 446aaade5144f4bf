"""Who holds a run, and what sleeping laptops and wrong clocks do to that: nothing."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import replace

import anyio.lowlevel
import pytest
from support.virtual import run as on_virtual_clock

from bulkim.errors import BusyError
from bulkim.journal import Journal
from bulkim.journal.lease import SILENT_S, Holder, alive, this_process
from bulkim.journal.records import NewRun
from bulkim.quota.pacer import Pacer

NOW = 2_000_000.0
NEW = NewRun("n", "easemob", "delete", "t", {})


@pytest.mark.parametrize("slept_s", [0, 3600, 86_400 * 30, -86_400])
def test_on_this_host_no_clock_decides(slept_s):
    assert alive(this_process(), seen_at=NOW, now=NOW + slept_s)


def test_a_later_process_with_the_same_pid_is_another():
    boot, _, namespace = this_process().process.split(":", 2)
    assert not alive(replace(this_process(), process=f"{boot}:1:{namespace}"), seen_at=NOW, now=NOW)


@pytest.mark.parametrize(("part", "other"), [(0, "another-boot"), (2, "pid:[1]")], ids=["boot", "namespace"])
@pytest.mark.parametrize(("silent_s", "lives"), [(0, True), (SILENT_S - 1, True), (SILENT_S + 1, False)])
def test_in_a_foreign_boot_or_pid_namespace_of_one_host_name_the_heartbeat_decides(
    part, other, silent_s, lives
):
    """Two containers, or two machines, with one host name: this one's pids say nothing of the other's."""
    parts = this_process().process.split(":", 2)
    parts[part] = other
    for pid in (os.getpid(), dead().pid):
        holder = replace(this_process(), pid=pid, process=":".join(parts))
        assert alive(holder, seen_at=NOW, now=NOW + silent_s) is lives


def unshared() -> str | None:
    """Why no pid namespace can be made here."""
    if not shutil.which("unshare"):
        return "there is no unshare"
    made = subprocess.run(["unshare", "-pf", "--mount-proc", "true"], capture_output=True, check=False)
    return None if made.returncode == 0 else "unshare may make no pid namespace: needs root"


def test_a_process_in_another_pid_namespace_is_busy_with_its_run(tmp_path):
    if reason := unshared():
        pytest.skip(reason)
    path = tmp_path / "j.db"
    hold_it = (
        "import sys, time; from pathlib import Path; from bulkim.journal import Journal;"
        " from bulkim.journal.records import NewRun; journal = Journal.open(Path(sys.argv[1]));"
        " now = time.time(); run = journal.create_run(NewRun('n', 'easemob', 'delete', 't', {}), now=now);"
        " journal.begin_session(run, now=now); print('held', flush=True); sys.stdin.read()"
    )
    inside = ["unshare", "-pf", "--mount-proc", sys.executable, "-c", hold_it, str(path)]
    with subprocess.Popen(inside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        with Journal.open(path) as journal, pytest.raises(BusyError):
            journal.begin_session(1, now=time.time())
        other.stdin.close()


def dead() -> Holder:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return Holder(process.pid, socket.gethostname(), "")


def test_a_dead_process_is_dead_at_once():
    assert not alive(dead(), seen_at=NOW, now=NOW)


@pytest.mark.parametrize(
    ("silent_s", "lives"), [(0, True), (SILENT_S - 1, True), (SILENT_S + 1, False), (-3600, True)]
)
def test_another_host_is_judged_by_its_last_sign_of_life(silent_s, lives):
    holder = Holder(1, "another-host", "x")
    assert alive(holder, seen_at=NOW, now=NOW + silent_s) is lives


@pytest.fixture
def journal(tmp_path):
    with Journal.open(tmp_path / "j.db") as opened:
        yield opened


def hold(journal, run_id, **holder):
    journal.begin_session(run_id, now=NOW)
    with journal._database.transaction() as tx:
        for name, value in holder.items():
            tx.execute(f"UPDATE session SET {name} = ?", (value,))


def test_a_living_holder_turns_others_away_and_is_named(journal):
    run_id = journal.create_run(NEW, now=NOW)
    journal.begin_session(run_id, now=NOW)
    with pytest.raises(BusyError, match=rf"{os.getpid()} on {socket.gethostname()}"):
        journal.begin_session(run_id, now=NOW + 86_400)


def test_a_dead_holders_lease_is_taken_over_and_its_session_is_lost(journal):
    run_id = journal.create_run(NEW, now=NOW)
    hold(journal, run_id, pid=dead().pid, process="")
    journal.begin_session(run_id, now=NOW + 1)
    assert journal._database.connection.execute("SELECT ended FROM session ORDER BY id").fetchall() == [
        ("lost",),
        (None,),
    ]


@pytest.mark.parametrize(("after_s", "busy"), [(SILENT_S - 1, True), (SILENT_S + 1, False)])
def test_another_hosts_lease_runs_out_by_silence(journal, after_s, busy):
    run_id = journal.create_run(NEW, now=NOW)
    hold(journal, run_id, host="another-host")
    if busy:
        with pytest.raises(BusyError, match="another-host"):
            journal.begin_session(run_id, now=NOW + after_s)
    else:
        journal.begin_session(run_id, now=NOW + after_s)


@pytest.mark.parametrize("jump_s", [1.0, 3600.0, 86_400.0])
def test_a_sleep_in_the_middle_gives_no_burst(jump_s):
    """The loop's clock leaps, as after a laptop's sleep: the limit still holds in every sliding second."""

    async def main() -> list[float]:
        import asyncio

        loop, pacer, sent = asyncio.get_running_loop(), Pacer({"users": 50}), []
        await pacer.start()
        for number in range(300):
            await pacer.acquire(("users",))
            marks = pacer.sent(("users",))
            sent.append(loop.time())
            await anyio.lowlevel.checkpoint()
            pacer.answered(marks)
            if number == 120:
                loop.now += jump_s  # type: ignore[attr-defined]
        return sent

    sent = on_virtual_clock(main)
    assert max(sum(start <= other < start + 1.0 for other in sent) for start in sent) <= 50
