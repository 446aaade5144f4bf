"""Reading the fleet: runs, workers, and numbers for whoever measures. Tables only; nobody is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bulkim.errors import UsageError
from bulkim.fleet.database import documents
from bulkim.model import KEY_SEPARATOR
from bulkim.vendors import PROVIDERS
from bulkim.work.metrics import gauge

_WAITS = (  # what nobody has said, but can be seen
    "CASE WHEN s.state <> 'queued' THEN NULL"
    " WHEN NOT EXISTS (SELECT 1 FROM bulkim.worker AS w WHERE w.seen_at > clock_timestamp() - make_interval(secs => (SELECT lease_s FROM bulkim.meta)))"
    " THEN 'no worker is alive'"
    " ELSE (SELECT 'behind ' || b.run FROM bulkim.claim AS k JOIN bulkim.claim AS c ON c.app = k.app AND NOT c.beside JOIN bulkim.run AS b ON b.id = k.run_id"
    " WHERE c.run_id = r.id AND k.state = 'running' AND NOT k.beside LIMIT 1) END"
)
_RUNS = (
    f"SELECT s.run, s.name, s.app, s.state, coalesce(s.why, {_WAITS}) AS why, s.worker, s.takeovers, s.operation, s.items,"
    " s.ended::bigint, s.pending::bigint, s.failed::bigint, s.unknown::bigint, s.requests, s.retries, s.throttled,"
    " s.created_at::text, s.finished_at::text, s.stop_reason, r.id, s.target,"
    " (SELECT sum(coalesce(e.ended_at, e.seen_at) - e.started_at) FROM bulkim.session AS e WHERE e.run_id = r.id) AS elapsed_s"
    " FROM bulkim.runs_summary AS s JOIN bulkim.run AS r ON r.run = s.run"
)
OVER = ("done", "cancelled")  # states; in all others somebody may still work on a run
AT_REST = (*OVER, "stopped", "paused", "confirming")  # nobody does until somebody says so
STOPPED = 4  # exit code of a run that the database stopped


def runs(connection: Any, *, every: bool = False) -> list[dict[str, Any]]:
    """Runs that are not over, and the newest that are; or every one."""
    recent = f"s.state NOT IN {OVER} OR s.finished_at > clock_timestamp() - interval '1 day'"
    where = "" if every else f" WHERE {recent}"
    return documents(connection, f"{_RUNS}{where} ORDER BY s.state = 'running' DESC, r.id")


def find(connection: Any, wanted: str) -> dict[str, Any]:
    """The run that a person means: its id, a unique beginning of it, a name (its newest run) or `last`. Raises UsageError."""
    last = " ORDER BY r.id DESC LIMIT 1"
    for condition, values in (
        (f"{last}" if wanted == "last" else " WHERE s.run = %s", () if wanted == "last" else (wanted,)),
        (f" WHERE s.name = %s{last}", (wanted,)),
        (" WHERE starts_with(s.run, %s)", (wanted,)),
    ):
        found = documents(connection, _RUNS + condition, values)
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(each["run"] for each in found[:5])
            raise UsageError(
                f"{wanted!r} is the beginning of {len(found)} runs: {ids}.", hint="type one letter more"
            )
    raise UsageError(f"the fleet has no run {wanted!r}.", hint="`bulkim fleet status` lists them")


def public(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run without what only the database needs."""
    return {name: value for name, value in run.items() if name != "id"}


def summary(connection: Any, wanted: str) -> dict[str, Any]:
    """How a run stands, with ``counts``: outcome -> items that have ended so. Raises UsageError."""
    run = find(connection, wanted)
    rows = connection.execute(
        "SELECT outcome, sum(items)::bigint FROM bulkim.tally WHERE run_id = %s GROUP BY 1 ORDER BY 2 DESC, 1",
        (run["id"],),
    ).fetchall()
    return {**run, "counts": dict(rows)}


def workers(connection: Any) -> list[dict[str, Any]]:
    """Who lives, and who was heard of within a day."""
    return documents(
        connection,
        "SELECT name, version, places, busy, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS seen_s, clock_s,"
        " seen_at > clock_timestamp() - make_interval(secs => (SELECT lease_s FROM bulkim.meta)) AS alive"
        " FROM bulkim.worker WHERE seen_at > clock_timestamp() - interval '1 day' ORDER BY name",
    )


def exit_code(connection: Any, run: Mapping[str, Any]) -> int:
    """As `bulkim run` would end."""
    if run["state"] == "stopped":
        statement = "SELECT exit_code FROM bulkim.claim WHERE run_id = %s"
        return connection.execute(statement, (run["id"],)).fetchone()[0] or STOPPED
    if run["state"] in {"paused", "waiting", "confirming"}:
        return 3 if run["state"] == "confirming" else 75
    invalid = connection.execute(
        "SELECT coalesce(sum(items), 0) FROM bulkim.tally WHERE run_id = %s AND outcome = 'skipped' AND code = 'invalid'",
        (run["id"],),
    ).fetchone()[0]
    return 5 if run["unknown"] else int(bool(run["failed"] or invalid))


def quota(connection: Any) -> list[dict[str, Any]]:
    """Who draws on which quota, for how long, and for how long it rests."""
    return documents(
        connection,
        "SELECT h.pool, h.limit_per_s, h.holder, h.share AS share_per_s, h.used AS used_per_s,"
        " extract(epoch FROM h.until - clock_timestamp())::float8 AS lease_s,"
        " extract(epoch FROM p.rest_until - clock_timestamp())::float8 AS rest_s"
        " FROM bulkim.holder AS h JOIN bulkim.pool AS p ON p.name = h.pool WHERE h.until > clock_timestamp() ORDER BY 1, 3",
    )


def touched(connection: Any, username: str) -> list[dict[str, Any]]:
    """Every item of every run that is about this user, the newest run first, and how that ended."""
    alone = "JOIN bulkim.item AS i ON i.run_id = r.id AND i.key = ANY(%(names)s)"
    # of two parts, the user the first: no index finds them, so they are looked for only where there are any
    among = (
        "JOIN bulkim.item AS i ON i.run_id = r.id AND strpos(i.key, %(end)s) > 0 AND split_part(i.key, %(end)s, 1) = ANY(%(names)s)"
        " WHERE r.operation = ANY(%(several)s) OR r.planned::json ->> 'vendor_text' IS NOT NULL"
    )
    found = "SELECT r.id, r.run, r.name, r.operation, r.app, i.ordinal, i.outcome, i.code, i.reason, i.finished_at FROM bulkim.run AS r"
    several = [each.name for one in PROVIDERS.values() for each in one.operations if len(each.keys) > 1]
    return documents(
        connection,
        "SELECT run, name, operation, app, coalesce(outcome, 'pending') AS outcome, code, reason, to_timestamp(finished_at)::text AS finished_at"
        f" FROM ({found} {alone} UNION ALL {found} {among}) AS _ ORDER BY id DESC, ordinal",
        {"names": [username, username.lower()], "end": KEY_SEPARATOR, "several": several},
    )


def metrics(connection: Any) -> Iterator[str]:
    """Prometheus text, line by line."""
    states = connection.execute("SELECT state, count(*) FROM bulkim.claim GROUP BY 1 ORDER BY 1").fetchall()
    yield from _gauge("runs", "runs by state", [({"state": state}, number) for state, number in states])
    alive = [each for each in workers(connection) if each["alive"]]
    yield from _gauge("workers", "workers that live", [({}, len(alive))])
    yield from _gauge("places", "runs that they could work on", [({}, sum(each["places"] for each in alive))])
    found = [({"app": each["app"], "run": each["run"]}, each) for each in runs(connection)]
    for name in ("items", "ended", "failed", "unknown", "requests", "throttled", "takeovers"):
        yield from _gauge(f"run_{name}", f"{name} of a run", [(labels, each[name]) for labels, each in found])
    shares = connection.execute(
        "SELECT pool, sum(used) / min(limit_per_s) FROM bulkim.holder WHERE until > clock_timestamp() GROUP BY 1 ORDER BY 1"
    ).fetchall()
    about = "calls a second over the limit"
    yield from _gauge("quota_used_ratio", about, [({"pool": pool}, used) for pool, used in shares])


def _gauge(name: str, about: str, samples: list[tuple[Mapping[str, str], float]]) -> Iterator[str]:
    return gauge(f"bulkim_fleet_{name}", about, samples)
