"""The journal's tables, views and migrations. `sqlite3 bulkim.db .schema` shows the comments too."""

from __future__ import annotations

import sqlite3

from sqlite_utils import Database, Migrations

from bulkim.journal.sqlite.applied import APPLICATION_ID, SET

migrations = Migrations(SET)

TABLES = """
CREATE TABLE run (                     -- one run of a job, over all its sessions
  id            INTEGER PRIMARY KEY,   -- row id
  run           TEXT NOT NULL UNIQUE,  -- what people type
  name          TEXT NOT NULL,         -- the job's name
  provider      TEXT NOT NULL,         -- the vendor's name
  operation     TEXT NOT NULL,         -- what was done
  target        TEXT NOT NULL,         -- where it was sent: base URL and app
  state         TEXT NOT NULL,         -- running, finished, interrupted or stopped
  parent        TEXT,                  -- the run that this one retries
  selection     TEXT,                  -- JSON: which outcomes and codes of the parent
  job_path      TEXT,                  -- the job file's place
  job_text      TEXT,                  -- the job file, secrets masked
  params        TEXT NOT NULL,         -- JSON: constants of every item
  input_name    TEXT,                  -- the source's place
  input_digest  TEXT,                  -- SHA-256 of the input as it was last read to its end
  item_limit    INTEGER,               -- --limit N
  planned_at    REAL,                  -- Unix seconds; NULL until the whole input is in `item`
  created_at    REAL NOT NULL,         -- Unix seconds, as all times of the tables
  finished_at   REAL,                  -- end of its last session; NULL: none has ended
  items         INTEGER NOT NULL DEFAULT 0,  -- how many
  requests      INTEGER NOT NULL DEFAULT 0,  -- HTTP calls that were begun
  retries       INTEGER NOT NULL DEFAULT 0,  -- of them, sendings of items that had been sent before
  throttled     INTEGER NOT NULL DEFAULT 0,  -- of them, refused by the vendor's quota
  stop_code     TEXT,                  -- why it ended early, if it did
  stop_reason   TEXT,                  -- in words
  cursor        TEXT                   -- where a listing continues
);

CREATE TABLE session (                 -- one process working on a run
  id            INTEGER PRIMARY KEY,   -- row id
  run_id        INTEGER NOT NULL REFERENCES run,  -- the run's row id
  pid           INTEGER NOT NULL,      -- process id
  host          TEXT NOT NULL,         -- its host
  process       TEXT NOT NULL,         -- tells a process from a later one with the same pid
  started_at    REAL NOT NULL,         -- Unix seconds
  seen_at       REAL NOT NULL,         -- last sign of life
  ended_at      REAL,                  -- NULL: running, or died
  ended         TEXT                   -- finished, interrupted, stopped or lost
);
CREATE INDEX session_run ON session (run_id);

CREATE TABLE item (                    -- one user
  run_id        INTEGER NOT NULL,      -- the run's row id
  ordinal       INTEGER NOT NULL,      -- order in which it first appeared in the run, from 1
  key           TEXT,                  -- identity as the vendor compares it; NULL: not to be sent
  username      TEXT NOT NULL,         -- as the input writes it
  position      INTEGER,               -- its row in the input as last read; NULL: no longer there
  line          INTEGER,               -- its line in the input's file
  fields        TEXT,                  -- JSON: what is sent with it, without secrets and constants
  extra         TEXT,                  -- JSON: the input's other columns
  outcome       TEXT,                  -- NULL: pending
  code          TEXT,                  -- the vendor's, or one of bulkim's own
  reason        TEXT,                  -- in the vendor's words
  attempts      INTEGER NOT NULL DEFAULT 0,  -- how often it was sent
  doubt_since   REAL,                  -- start of the first sending that got no trustworthy answer
  http_status   INTEGER,               -- of the answer that ended it
  finished_at   REAL,                  -- Unix seconds; NULL: pending
  data          TEXT,                  -- JSON: the vendor's answer to a read
  PRIMARY KEY (run_id, ordinal)
) WITHOUT ROWID;
CREATE UNIQUE INDEX item_identity ON item (run_id, key) WHERE key IS NOT NULL;
CREATE INDEX item_pending ON item (run_id, position) WHERE outcome IS NULL;
CREATE INDEX item_doubt ON item (run_id, ordinal) WHERE outcome IS NULL AND doubt_since IS NOT NULL;

CREATE TABLE attempt (                 -- one HTTP call, written before its bytes leave
  id            INTEGER PRIMARY KEY,   -- row id
  run_id        INTEGER NOT NULL,      -- the run's row id
  session_id    INTEGER NOT NULL,      -- the session's row id
  mode          TEXT NOT NULL,         -- send; probe: asking what an earlier one did; page of a listing
  size          INTEGER NOT NULL,      -- items in the call
  items         TEXT NOT NULL,         -- JSON: ordinals
  began_at      REAL NOT NULL,         -- Unix seconds, before its bytes left
  ended_at      REAL,                  -- NULL: no answer was recorded
  http_status   INTEGER,               -- of the answer
  kind          TEXT,                  -- what the answer meant for most of its items
  code          TEXT,                  -- the vendor's, or one of bulkim's own
  reason        TEXT                   -- in the vendor's words
);
CREATE INDEX attempt_run ON attempt (run_id, began_at);
CREATE INDEX attempt_open ON attempt (run_id) WHERE ended_at IS NULL;

CREATE TABLE tally (                   -- items by outcome and code, kept in step with `item`
  run_id        INTEGER NOT NULL,      -- the run's row id
  outcome       TEXT NOT NULL,         -- how they ended; what is pending is not counted
  code          TEXT NOT NULL,         -- '' where there is none
  items         INTEGER NOT NULL,      -- how many
  example       TEXT,                  -- one username
  reason        TEXT,                  -- and what the vendor said of it
  PRIMARY KEY (run_id, outcome, code)
) WITHOUT ROWID;
"""

VIEWS = """
CREATE VIEW results AS                 -- one row an item of every run
SELECT run.run, run.name, item.ordinal, item.username, coalesce(item.outcome, 'pending') AS outcome,
       item.code, item.reason, item.attempts, item.http_status,
       strftime('%Y-%m-%dT%H:%M:%fZ', item.finished_at, 'unixepoch') AS finished_at,
       item.data, item.line, item.extra
FROM item JOIN run ON run.id = item.run_id;

CREATE VIEW runs_summary AS            -- one row a run; the outcomes add up to items
SELECT run.run, run.name, run.provider, run.operation, run.target, run.state, run.items,
       coalesce(sum(tally.items) FILTER (WHERE tally.outcome = 'succeeded'), 0) AS succeeded,
       coalesce(sum(tally.items) FILTER (WHERE tally.outcome = 'unchanged'), 0) AS unchanged,
       coalesce(sum(tally.items) FILTER (WHERE tally.outcome = 'failed'), 0) AS failed,
       coalesce(sum(tally.items) FILTER (WHERE tally.outcome = 'unknown'), 0) AS unknown,
       coalesce(sum(tally.items) FILTER (WHERE tally.outcome = 'skipped'), 0) AS skipped,
       run.items - coalesce(sum(tally.items), 0) AS pending,
       run.requests, run.retries, run.throttled,
       strftime('%Y-%m-%dT%H:%M:%SZ', run.created_at, 'unixepoch') AS created_at,
       strftime('%Y-%m-%dT%H:%M:%SZ', run.finished_at, 'unixepoch') AS finished_at,
       (SELECT round(sum(coalesce(ended_at, seen_at) - started_at), 3) FROM session WHERE run_id = run.id)
         AS elapsed_s,
       run.stop_reason, run.parent
FROM run LEFT JOIN tally ON tally.run_id = run.id
GROUP BY run.id;

CREATE VIEW attempts AS                -- one row an HTTP call
SELECT run.run, attempt.id AS attempt, attempt.mode, attempt.size,
       strftime('%Y-%m-%dT%H:%M:%fZ', attempt.began_at, 'unixepoch') AS began_at,
       round((attempt.ended_at - attempt.began_at) * 1000, 1) AS latency_ms,
       attempt.http_status, attempt.kind, attempt.code, attempt.reason, attempt.items
FROM attempt JOIN run ON run.id = attempt.run_id;
"""

PACE = """
CREATE TABLE pace (                    -- how fast a session might be: a row for each pool when that changed
  session_id    INTEGER NOT NULL,      -- the session's row id
  pool          TEXT NOT NULL,         -- the vendor's quota that it drew on
  at            REAL NOT NULL,         -- Unix seconds
  limit_per_s   REAL NOT NULL,         -- calls a second that the job allows itself
  allowed_per_s REAL NOT NULL,         -- what the vendor's refusals left of that; 0: resting after one
  PRIMARY KEY (session_id, pool, at)
) WITHOUT ROWID;

CREATE VIEW limits AS                  -- one row a change of what a run was allowed
SELECT run.run, pace.session_id, pace.pool,
       strftime('%Y-%m-%dT%H:%M:%fZ', pace.at, 'unixepoch') AS at,
       pace.limit_per_s, pace.allowed_per_s
FROM pace JOIN session ON session.id = pace.session_id JOIN run ON run.id = session.run_id;
"""


# A column that is added later stands behind the last one's type: its comment must be inside its own words.
SETTINGS = """
ALTER TABLE run ADD COLUMN settings /* JSON: how fast it might be, and the connection without its secrets */ TEXT;
ALTER TABLE run ADD COLUMN vendor_text /* a provider of one's own, as it was declared; NULL: a built-in one */ TEXT;
ALTER TABLE run ADD COLUMN terms /* JSON: what it was agreed to do, with the version of these terms */ TEXT;
ALTER TABLE run ADD COLUMN rehearsal /* 1: in the sandbox; NULL: at the vendor */ INTEGER;
"""


DIGEST = """
ALTER TABLE item ADD COLUMN digest /* keyed digest of its secrets; NULL: it has none, or there is no key */ BLOB;
"""

CLOCKS = """
ALTER TABLE session ADD COLUMN boot /* which boot of the host its clock counts from; NULL: not known */ TEXT;
ALTER TABLE session ADD COLUMN clock_zero /* what its times are ahead of the host's uptime, in seconds */ REAL;
ALTER TABLE session ADD COLUMN vendor_ahead_s /* what the vendor's clock was ahead of its times; NULL: not known */ REAL;
ALTER TABLE item ADD COLUMN doubt_clock /* by which clock doubt_since is: vendor or none; NULL: the newest session's */ TEXT;
"""
CONTROL = """
ALTER TABLE pace ADD COLUMN rest_until /* Unix seconds: until when the vendor asked to rest; NULL: it did not */ REAL;
ALTER TABLE pace ADD COLUMN asked_s /* how long it asked for, in seconds */ REAL;
CREATE TABLE control (                 -- what somebody asked a session to do while it worked: `bulkim ctl`
  id            INTEGER PRIMARY KEY,   -- row id
  session_id    INTEGER NOT NULL,      -- the session's row id
  verb          TEXT NOT NULL,         -- rate, pause, resume or stop
  calls_per_s   REAL,                  -- of rate: from now on
  asked_at      REAL NOT NULL,         -- Unix seconds
  obeyed_at     REAL                   -- NULL: not yet
);
CREATE INDEX control_session ON control (session_id);
"""
BEFORE = """
CREATE TABLE before (                  -- what was there before the run wrote it, as the vendor said
  run_id        INTEGER NOT NULL,      -- the run's row id
  ordinal       INTEGER NOT NULL,      -- the item's
  read_at       REAL NOT NULL,         -- Unix seconds
  image         TEXT NOT NULL,         -- JSON: data; or absent; or unknown and why. Never written over
  PRIMARY KEY (run_id, ordinal)
) WITHOUT ROWID;
"""
WHOLE = TABLES + PACE + SETTINGS + DIGEST + CLOCKS + CONTROL + BEFORE  # what a journal of today was made by


@migrations()
def m001_first(db: Database) -> None:
    """Tables and views of the first release."""
    for statement in _statements(TABLES + VIEWS):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")


@migrations()
def m002_pace(db: Database) -> None:
    """What the vendor's refusals left of a session's limit, over time."""
    for statement in _statements(PACE):
        db.execute(statement)


@migrations()
def m003_settings(db: Database) -> None:
    """What a run was allowed and agreed to do, so that nobody has to read it out of the job's text."""
    for statement in _statements(SETTINGS):
        db.execute(statement)


@migrations()
def m004_digest(db: Database) -> None:
    """What tells that a secret has changed in the input, without telling the secret."""
    for statement in _statements(DIGEST):
        db.execute(statement)


@migrations(name="m004_clocks")  # as journals know it: two were made at once, and this is the fifth
def m005_clocks(db: Database) -> None:
    """By which clock a session's times are, so that a later one can tell how long ago they were."""
    for statement in _statements(CLOCKS):
        db.execute(statement)


@migrations()
def m006_control(db: Database) -> None:
    """What a vendor asked a session to wait for, and what people asked it to do."""
    for statement in _statements(CONTROL):
        db.execute(statement)


@migrations()
def m007_before(db: Database) -> None:
    """What was there before a run wrote it."""
    for statement in _statements(BEFORE):
        db.execute(statement)


def _statements(script: str) -> list[str]:
    """The script's statements. `executescript` would commit the migration's transaction."""
    return [part.strip() for part in script.split(";\n") if part.strip()]


def migrate(connection: sqlite3.Connection) -> None:
    """Give it the migrations that it lacks."""
    migrations.apply(Database(connection, execute_plugins=False))
