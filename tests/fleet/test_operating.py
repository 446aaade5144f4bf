"""What an operator reads: what is waited for, what to type next, and never a secret."""

from __future__ import annotations

from contextlib import contextmanager

import pytest
from support.here import bulkim_here

from bulkim.cli.fleet import watch
from bulkim.errors import JournalError

from .planted import held, plant

PASSWORD = "s3cret"


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("mysql://u:s3cret@h/d", "is no address"),
        ("postgres//u:s3cret@h/d", "is no address"),
        ("postgresql://u:x@s3cret@127.0.0.1:1/d", "not where they should be"),
        ("postgresql://u:x/s3cret@127.0.0.1:1/d", "not where they should be"),
        ("postgresql://u:s3cret/x@127.0.0.1:1/d", "not where they should be"),
        ("postgresql://u:x%s3cret@127.0.0.1:1/d", "is no address"),
        ("postgresql://u:x s3cret@127.0.0.1:1/d", "is no address"),
        ("host=h password=s3cret pasword=x", 'invalid connection option "pasword"'),
        ("postgresql://u:s3cret@h/d?sslmod=require", 'invalid URI query parameter: "sslmod"'),
    ],
)
def test_an_address_that_is_none_is_said_without_the_password_in_it(monkeypatch, address, says):
    monkeypatch.setenv("BULKIM_FLEET", address)
    ended = bulkim_here("fleet", "status")
    assert ended.code == 2, ended.err
    assert ended.err.startswith("error: BULKIM_FLEET is no address of a PostgreSQL database")
    assert says in ended.err
    assert "PGPASSFILE" in ended.err.splitlines()[-1]
    assert PASSWORD not in ended.err


def why(scene) -> dict[str, str | None]:
    return {each["run"]: each["why"] for each in scene.fleet("status", "--json").json["runs"]}


def test_what_a_queued_run_waits_for_is_seen(scene):
    first, _, beside = (plant(scene.database, name, app="one") for name in ("r1", "r2", "r3"))
    plant(scene.database, "r4", app="other")
    scene.database.query("UPDATE bulkim.claim SET beside = true WHERE run_id = %s", beside)
    assert set(why(scene).values()) == {"no worker is alive"}
    assert "next: bulkim fleet worker" in scene.fleet("status").err
    scene.database.query("SELECT bulkim.beat('w', 'h', 1, 'p', '1', 4, 0, 10, '{}', '{}')")
    assert held(scene.database, first, "w") is not None
    assert why(scene) == {"r1": None, "r2": "behind r1", "r3": None, "r4": None}
    assert "next:" not in scene.fleet("status").err


def test_runs_that_are_not_there_are_not_steered_in_silence(scene):
    assert "no run is open" in scene.fleet("pause", "--all").err
    mistyped = scene.fleet("cancel", "--app", "sandbox#demmo")
    assert mistyped.code == 2
    assert "no run of 'sandbox#demmo' is open" in mistyped.err
    plant(scene.database, "r1", app="one")
    assert "r1: paused" in scene.fleet("pause", "--app", "one").err


def test_what_to_type_next_is_a_command_of_the_fleet(scene):
    scene.users("mute", 3)
    run = scene.submit(scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}))
    shown = scene.fleet("show", run)
    assert [line for line in shown.err.splitlines() if "next" in line] == [f"next: bulkim fleet watch {run}"]
    assert "in the fleet: queued" in shown.err, "a journal knows no such state"
    nobody = scene.fleet("show", run, "nobody")
    assert nobody.code == 2
    assert f"`bulkim fleet results {run}`" in nobody.err
    scene.fleet("pause", run)
    assert f"next: bulkim fleet resume {run}" in scene.fleet("watch", run).err


def test_a_database_that_goes_away_is_waited_for_and_said_once(scene, monkeypatch):
    run = plant(scene.database, "r1")
    scene.database.query("UPDATE bulkim.claim SET state = 'paused' WHERE run_id = %s", run)
    reach, tries = watch.fleet, iter([None, "gone", "gone", "gone", None])

    @contextmanager
    def fleet():
        if next(tries):
            raise JournalError("the database is gone")
        with reach() as connection:
            yield connection

    seen = iter([JournalError("the database is gone"), None])
    until_over = watch._until_over

    def breaking(*given):
        if error := next(seen):
            raise error
        return until_over(*given)

    monkeypatch.setattr(watch, "fleet", fleet)
    monkeypatch.setattr(watch, "_until_over", breaking)
    monkeypatch.setattr(watch, "LOOK_S", 0)
    ended = scene.fleet("watch", "r1")
    assert ended.code == 75, ended.err
    assert ended.err.count("waiting for the database: the database is gone") == 1


def test_a_database_that_was_never_there_is_not_waited_for(scene, monkeypatch):
    monkeypatch.setenv("BULKIM_FLEET", "postgresql://bulkim@127.0.0.1:1/d")
    assert scene.fleet("watch", "last").code == 3


def test_a_run_that_is_looked_at_names_no_journal_for_its_copy_is_gone(scene):
    scene.users("mute", 3)
    run = scene.submit(scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}))
    assert scene.fleet("show", run, "--json").json["journal"] is None


def test_what_results_write_is_said_and_rejects_come_as_on_one_host(scene):
    scene.users("mute", 2)
    (scene.folder / "mute.txt").write_text("mute-0\nno body\n")
    run = scene.submit(scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60}))
    written = scene.fleet("results", run, "-o", "all.csv")
    assert (written.code, written.err) == (0, f"2 items of run {run} written to all.csv\n")
    assert "no such items" in scene.fleet("results", run, "--outcome", "failed", "--format", "table").err
    assert "bulkim fleet results --help" in scene.fleet("results", run, "--outcome", "odd").err
    rejects = scene.fleet("results", run, "--rejects", "--code", "invalid", "-o", "mend.txt")
    assert rejects.code == 0, rejects.err
    assert (scene.folder / "mend.txt").read_text().splitlines()[1].startswith("no body,skipped,invalid,")


def test_large_numbers_are_measured_whole(scene):
    run = plant(scene.database, "r1")
    scene.database.query("UPDATE bulkim.run SET items = 12345678 WHERE id = %s", run)
    assert "} 12345678\n" in scene.fleet("metrics").out


def test_a_margin_fits_into_a_lease_of_minutes(database, monkeypatch):
    monkeypatch.setenv("BULKIM_FLEET", database.dsn)
    for lease, margin in (("3s", "5s"), ("11m", "3s"), ("soon", "3s")):
        assert bulkim_here("fleet", "init", "--lease", lease, "--margin", margin).code == 2
    assert bulkim_here("fleet", "init", "--lease", "6s", "--margin", "1.8s").code == 0
    assert database.query("SELECT lease_s, margin_s FROM bulkim.meta") == [(6.0, 1.8)]


def test_a_user_is_found_in_runs_whose_items_are_of_two_parts(scene):
    """`block`: a user and a contact."""
    pairs = [("ann", "bob"), ("ann", "cyd"), ("anna", "bob"), ("bob", "ann")]
    (scene.folder / "pairs.csv").write_text("username,contact\n" + "".join(f"{a},{b}\n" for a, b in pairs))
    scene.submit(scene.job("pairs", "block", {"csv": "pairs.csv"}))
    (scene.folder / "one.txt").write_text("ann\nbob\n")
    scene.submit(scene.job("one", "mute", {"text": "one.txt"}, params={"chat": 60}))
    assert [each["name"] for each in scene.fleet("why", "Ann", "--json").json] == ["one", "pairs", "pairs"]
    assert [each["name"] for each in scene.fleet("why", "anna", "--json").json] == ["pairs"]
