"""`bulkim fleet`: many hosts, one limit, one journal. Commands are imported when they are called."""

from __future__ import annotations

import click

from bulkim.cli import Entry, LazyGroup

COMMANDS = {
    entry.name: entry
    for entry in (
        Entry("init", "setup:init", "Make a database ready, or bring it up to this version."),
        Entry("doctor", "setup:doctor", "Look at the database, and say what is wrong with it."),
        Entry("submit", "submit:submit", "Plan a job here, confirm it, and queue it for workers."),
        Entry("worker", "setup:worker", "Take runs and work on them, until it is told to stop."),
        Entry("status", "look:status", "All runs at a glance, and who works on them."),
        Entry("watch", "watch:watch", "See one run go on."),
        Entry("show", "look:show", "One run, or what happened to one of its users."),
        Entry("results", "look:results", "One row for each item of a run."),
        Entry("why", "look:why", "Every run that touched a user."),
        Entry("pause", "steer:pause", "Let runs stop gently, until they are resumed."),
        Entry("resume", "steer:resume", "Let paused and stopped runs go on."),
        Entry("cancel", "steer:cancel", "End runs: what was not sent is skipped."),
        Entry("confirm", "steer:confirm", "Agree to what a run would destroy, once that is known."),
        Entry("pull", "look:pull", "Copy a run into a journal here: report, retry and verify work on it."),
        Entry("schedule", "schedule:schedule", "Runs at times of the clock."),
        Entry("workers", "look:workers", "Who lives, and with how much to do."),
        Entry("metrics", "look:metrics", "The fleet as Prometheus text."),
        Entry("forget", "steer:forget", "Delete users and calls of old runs."),
        Entry("quota", "look:quota", "Show which processes on all hosts use which quota."),
    )
}


class FleetGroup(LazyGroup):
    """`bulkim fleet --help`."""

    package, table = "bulkim.cli.fleet", COMMANDS
    examples = ("bulkim fleet init", "bulkim fleet submit job.yaml", "bulkim fleet worker")
    sections = (("Commands", tuple(COMMANDS.values())),)


@click.group(cls=FleetGroup)
def fleet() -> None:
    """Share runs and limits with other hosts, through the PostgreSQL database that BULKIM_FLEET names.

    Runs are submitted, and workers take them; when one dies, another goes on. `bulkim run` with BULKIM_FLEET set keeps its
    journal here, and each app's limit together with everybody else.
    """
