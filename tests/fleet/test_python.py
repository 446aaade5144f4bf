"""The fleet from Python: what `bulkim fleet` does, as functions."""

from __future__ import annotations

import pytest

from bulkim import ConfirmationError, InputError, UsageError, fleet


def test_a_job_is_handed_over_waited_for_and_looked_at(scene):
    names = scene.users("mute", 12)
    scene.hand()
    job = scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60})
    ticket = fleet.submit(job, set={"rate.limit": 100}, limit=10, priority=3)
    ended = ticket.wait()
    assert (ended["run"], ended["state"], ended["counts"]) == (ticket.run, "done", {"succeeded": 10})
    assert ended == {**scene.fleet("watch", ticket.run, "--json").json}
    assert [(each.username, each.outcome) for each in fleet.results(ticket.run)] == [
        (name, "succeeded") for name in names[:10]
    ]
    assert fleet.runs() == scene.fleet("status", "--json").json["runs"]
    with pytest.raises(UsageError, match="no run 'nobody'"):
        next(fleet.results("nobody"))


def test_what_destroys_is_agreed_to_by_a_number_or_by_a_function(scene):
    scene.users("gone", 8)
    job = scene.job("gone", "delete", {"text": "gone.txt"})
    seen = []
    for refusal in (None, "demo:7", lambda preview: seen.append(preview.to_send)):
        with pytest.raises(ConfirmationError):
            fleet.submit(job, confirm=refusal)
    with pytest.raises(UsageError):
        fleet.submit(job, confirm="eight")
    assert (seen, fleet.runs()) == ([8], [])
    for agreed in ("demo:8", lambda preview: preview.to_send == 8):
        assert fleet.submit(job, confirm=agreed).summary()["state"] == "queued"
    assert scene.database.query("SELECT pledge FROM bulkim.run") == [("demo:8",), ("demo:8",)]


def test_what_was_agreed_to_here_is_not_asked_for_again_by_a_worker(scene):
    scene.users("old", 20)
    scene.hand()
    job = scene.job("oldest", "delete-oldest", None, params={"count": 5})
    ended = fleet.submit(job, confirm=lambda _preview: True).wait()
    assert (ended["state"], ended["counts"]) == ("done", {"succeeded": 5})


def test_a_secret_that_is_written_down_is_refused(scene):
    scene.users("mute", 1)
    job = scene.job("mute", "mute", {"text": "mute.txt"}, params={"chat": 60})
    text = (scene.folder / job).read_text().replace("${APP_TOKEN}", "plain")
    (scene.folder / job).write_text(text)
    with pytest.raises(InputError, match="a secret is written here"):
        fleet.submit(job)


def test_at_a_production_connection_a_bare_yes_lets_no_worker_destroy(scene):
    """As `bulkim run` would not: what a worker finds waits for its number."""
    scene.users("old", 3)
    scene.hand()
    job = scene.job("purge", "delete", {"listing": "users"})
    text = (scene.folder / job).read_text().replace('"environment": "test"', '"environment": "production"')
    (scene.folder / job).write_text(text)
    run = scene.submit(job, "--yes")
    scene.until(run, "confirming")
    assert all(user["exists"] for user in scene.server.users().values())
