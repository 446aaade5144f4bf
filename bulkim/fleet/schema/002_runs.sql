-- Version 2: runs that are submitted, and taken by workers. Columns are the SQLite journal's, so that pulling is copying.
CREATE TABLE bulkim.app (                    -- one app of one vendor: at most one of its runs is worked on, unless it may stand beside
  name       text PRIMARY KEY,               -- provider and app
  freed_at   timestamptz NOT NULL DEFAULT '-infinity'   -- when a run of it last gave up its place
);

CREATE TABLE bulkim.run (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run        text NOT NULL UNIQUE,           -- what people type
  name       text NOT NULL,
  app        text NOT NULL REFERENCES bulkim.app,
  provider   text NOT NULL, operation text NOT NULL, target text NOT NULL,
  state      text NOT NULL,                  -- running, finished, interrupted or stopped
  job        text NOT NULL,                  -- JSON: the job as a worker loads it; secrets are references, items are not in it
  planned    text NOT NULL,                  -- JSON: the journal's row as it was planned, every column
  input_sha256 text,                         -- of the file that workers read secrets from
  pledge     text,                           -- what was confirmed: APP:COUNT, or yes
  planned_at float8, created_at float8 NOT NULL, finished_at float8,
  items      bigint NOT NULL DEFAULT 0, requests bigint NOT NULL DEFAULT 0, retries bigint NOT NULL DEFAULT 0, throttled bigint NOT NULL DEFAULT 0,
  stop_code  text, stop_reason text, cursor text,
  submitted_by text NOT NULL DEFAULT current_user, submitted_from text
) WITH (fillfactor = 50);

CREATE TABLE bulkim.session (
  id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  run_id     bigint NOT NULL REFERENCES bulkim.run ON DELETE CASCADE, epoch bigint NOT NULL, worker text NOT NULL,
  pid        bigint NOT NULL, host text NOT NULL, process text NOT NULL,
  started_at float8 NOT NULL, seen_at float8 NOT NULL, ended_at float8, ended text,
  boot text, clock_zero float8, vendor_ahead_s float8     -- what its times mean to others, as in the SQLite journal
) WITH (fillfactor = 50);
CREATE INDEX session_run ON bulkim.session (run_id);

CREATE TABLE bulkim.item (                   -- no index on what is pending: it would make every outcome dearer
  run_id     bigint NOT NULL, ordinal bigint NOT NULL,
  key        text, username text NOT NULL, position bigint, line bigint, fields text, extra text,
  outcome    text, code text, reason text, attempts int NOT NULL DEFAULT 0, doubt_since float8, doubt_clock text, http_status int,
  finished_at float8, data text,
  rest       text,                           -- JSON: further columns of the journal that planned it
  PRIMARY KEY (run_id, ordinal)
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX item_identity ON bulkim.item (run_id, key) WHERE key IS NOT NULL;

CREATE TABLE bulkim.before (                 -- what was there before the run wrote it, as the vendor said; never written over
  run_id     bigint NOT NULL, ordinal bigint NOT NULL, read_at float8 NOT NULL,
  image      text NOT NULL,                  -- JSON: data; or absent; or unknown and why
  PRIMARY KEY (run_id, ordinal)
);

CREATE TABLE bulkim.attempt (                -- numbers are counted by whoever holds the run
  run_id     bigint NOT NULL, id bigint NOT NULL, session_id bigint NOT NULL, mode text NOT NULL, size int NOT NULL, items text NOT NULL,
  began_at   float8 NOT NULL, ended_at float8, http_status int, kind text, code text, reason text,
  PRIMARY KEY (run_id, id)
) WITH (fillfactor = 60);

CREATE TABLE bulkim.tally (run_id bigint NOT NULL, outcome text NOT NULL, code text NOT NULL, items bigint NOT NULL, example text, reason text,
  PRIMARY KEY (run_id, outcome, code)) WITH (fillfactor = 50);
CREATE TABLE bulkim.pace (session_id bigint NOT NULL, pool text NOT NULL, at float8 NOT NULL, limit_per_s float8 NOT NULL, allowed_per_s float8 NOT NULL,
  PRIMARY KEY (session_id, pool, at));

CREATE TABLE bulkim.claim (                  -- who may work on a run
  run_id     bigint PRIMARY KEY REFERENCES bulkim.run ON DELETE CASCADE,
  app        text NOT NULL REFERENCES bulkim.app,
  state      text NOT NULL CHECK (state IN ('queued', 'confirming', 'running', 'waiting', 'paused', 'stopped', 'cancelled', 'done')),
  priority   int NOT NULL DEFAULT 0,
  beside     bool NOT NULL DEFAULT false,
  queued_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
  not_before timestamptz,                    -- its window is shut until then
  exit_code  int,                            -- of `bulkim run`, had it stopped there; where it stopped
  lacking    text[] NOT NULL DEFAULT '{}',   -- workers that cannot: they lack a secret, or the input
  why        text,                           -- what it waits for, in words
  worker     text, epoch bigint NOT NULL DEFAULT 0, until timestamptz,
  turn       bigint NOT NULL DEFAULT 0,      -- of this epoch, the last one written
  low        bigint NOT NULL DEFAULT 0,      -- no attempt below is open
  asked      text,                           -- pause or cancel
  ended      bigint NOT NULL DEFAULT 0,      -- items that had ended when it was last taken
  lost       int NOT NULL DEFAULT 0,         -- sessions in a row that died without ending an item
  takeovers  int NOT NULL DEFAULT 0
) WITH (fillfactor = 50);
CREATE INDEX claim_open ON bulkim.claim (app) WHERE state IN ('queued', 'running', 'waiting');

CREATE TABLE bulkim.worker (name text PRIMARY KEY, host text NOT NULL, pid bigint NOT NULL, process text NOT NULL, version text NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(), seen_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  since timestamptz NOT NULL DEFAULT clock_timestamp(),   -- it has been heard of every few seconds since then
  places int NOT NULL, busy int NOT NULL, clock_s float8 NOT NULL DEFAULT 0) WITH (fillfactor = 50);
CREATE TABLE bulkim.schedule (name text PRIMARY KEY, cron text NOT NULL, zone text NOT NULL, job text NOT NULL, pledge text, priority int NOT NULL DEFAULT 0,
  paused bool NOT NULL DEFAULT false, last timestamptz NOT NULL DEFAULT clock_timestamp(), said text);   -- `last`: up to then its times are dealt with
CREATE TABLE bulkim.event (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp(),
  run_id bigint, worker text, who text DEFAULT current_user, what text NOT NULL, detail text);
CREATE INDEX event_run ON bulkim.event (run_id);

CREATE VIEW bulkim.results AS
  SELECT run.run, run.name, item.ordinal, item.username, coalesce(item.outcome, 'pending') AS outcome, item.code, item.reason, item.attempts,
         item.http_status, to_timestamp(item.finished_at) AS finished_at, item.data, item.line, item.extra
  FROM bulkim.item JOIN bulkim.run ON run.id = item.run_id;
CREATE VIEW bulkim.runs_summary AS
  SELECT run.run, run.name, run.app, run.provider, run.operation, run.target, claim.state, claim.why, claim.worker, claim.takeovers, run.items,
         coalesce(t.ended, 0) AS ended, run.items - coalesce(t.ended, 0) AS pending, coalesce(t.failed, 0) AS failed, coalesce(t.unknown, 0) AS unknown,
         run.requests, run.retries, run.throttled, to_timestamp(run.created_at) AS created_at, to_timestamp(run.finished_at) AS finished_at, run.stop_reason
  FROM bulkim.run JOIN bulkim.claim ON claim.run_id = run.id LEFT JOIN LATERAL (
    SELECT sum(items) AS ended, sum(items) FILTER (WHERE outcome = 'failed') AS failed, sum(items) FILTER (WHERE outcome = 'unknown') AS unknown
    FROM bulkim.tally WHERE tally.run_id = run.id) AS t ON true;

-- Take a run: a new epoch, a new session; what a dead one left open is in doubt. No row: it is somebody's, its app is busy, or it must not be worked on.
-- After an outage nobody's lease could be renewed, and those who had it come first: whoever takes from another has been heard of for a whole lease.
CREATE FUNCTION bulkim.take(p_run bigint, p_worker text, p_lease float8, p_pid bigint, p_host text, p_process text, p_now float8,
    p_boot text, p_zero float8) RETURNS TABLE (epoch bigint, session bigint, attempt bigint, was_lost bool) LANGUAGE plpgsql AS $$
DECLARE c bulkim.claim; before bulkim.session; n bigint; lease interval := make_interval(secs => p_lease);
BEGIN
  PERFORM 1 FROM bulkim.app AS a WHERE a.name = (SELECT o.app FROM bulkim.claim AS o WHERE o.run_id = p_run) FOR UPDATE;   -- one taker an app
  SELECT * INTO c FROM bulkim.claim AS o WHERE o.run_id = p_run FOR UPDATE;      -- waits for a turn that is being written
  IF c.run_id IS NULL OR c.state NOT IN ('queued', 'waiting', 'running') OR p_worker = ANY (c.lacking)
      OR c.not_before > clock_timestamp() THEN RETURN; END IF;
  was_lost := c.state = 'running';
  IF was_lost AND (c.until >= clock_timestamp() OR c.until > '-infinity' AND
      (SELECT w.since > clock_timestamp() - lease FROM bulkim.worker AS w WHERE w.name = p_worker)) THEN RETURN; END IF;
  IF NOT c.beside AND EXISTS (SELECT 1 FROM bulkim.claim AS o WHERE o.app = c.app AND o.state = 'running' AND o.run_id <> p_run AND NOT o.beside) THEN RETURN; END IF;
  SELECT coalesce(sum(y.items), 0) INTO n FROM bulkim.tally AS y WHERE y.run_id = p_run;
  c.lost := CASE WHEN NOT was_lost OR n > c.ended THEN 0 ELSE c.lost + 1 END;
  UPDATE bulkim.session AS s SET ended = 'lost', ended_at = greatest(s.seen_at,
      (SELECT max(coalesce(a.ended_at, a.began_at)) FROM bulkim.attempt AS a WHERE a.run_id = p_run AND a.id >= c.low)) WHERE s.run_id = p_run AND s.ended_at IS NULL;
  IF c.lost >= 3 THEN
    UPDATE bulkim.claim AS o SET state = 'stopped', worker = NULL, epoch = o.epoch + 1, exit_code = NULL, why = 'three workers died with this run' WHERE o.run_id = p_run;
    UPDATE bulkim.run SET state = 'stopped', stop_code = 'poison', stop_reason = 'three workers died with this run', finished_at = p_now WHERE id = p_run;
    RETURN;
  END IF;
  UPDATE bulkim.claim AS o SET state = 'running', worker = p_worker, epoch = o.epoch + 1, turn = 0, until = clock_timestamp() + lease, why = NULL, not_before = NULL,
    ended = n, lost = c.lost, takeovers = o.takeovers + was_lost::int WHERE o.run_id = p_run RETURNING o.epoch INTO c.epoch;
  WITH open AS (UPDATE bulkim.attempt AS a SET ended_at = p_now, kind = 'lost', reason = 'the process ended before the answer'
      WHERE a.run_id = p_run AND a.id >= c.low AND a.ended_at IS NULL RETURNING a.mode, a.items, a.began_at),
    hit AS (SELECT e.value::bigint AS ordinal, min(open.began_at) AS since, count(*) AS times FROM open, json_array_elements_text(open.items::json) AS e
      WHERE open.mode = 'send' GROUP BY 1)
  UPDATE bulkim.item AS i SET doubt_since = coalesce(i.doubt_since, hit.since), attempts = i.attempts + hit.times FROM hit
    WHERE i.run_id = p_run AND i.ordinal = hit.ordinal AND i.outcome IS NULL;
  SELECT * INTO before FROM bulkim.session AS o WHERE o.run_id = p_run ORDER BY o.id DESC LIMIT 1;
  IF FOUND THEN      -- moments of doubt are by its clock: by this one's in the same boot, else by the vendor's, else by none
    UPDATE bulkim.item AS i SET doubt_since = i.doubt_since + CASE WHEN before.boot = p_boot THEN p_zero - before.clock_zero ELSE coalesce(before.vendor_ahead_s, 0) END,
        doubt_clock = CASE WHEN before.boot = p_boot THEN NULL WHEN before.vendor_ahead_s IS NULL THEN 'none' ELSE 'vendor' END
      WHERE i.run_id = p_run AND i.outcome IS NULL AND i.doubt_since IS NOT NULL AND i.doubt_clock IS NULL;
  END IF;
  UPDATE bulkim.run SET state = 'running', finished_at = NULL, stop_code = NULL, stop_reason = NULL WHERE id = p_run;
  INSERT INTO bulkim.session (run_id, epoch, worker, pid, host, process, started_at, seen_at, boot, clock_zero)
    VALUES (p_run, c.epoch, p_worker, p_pid, p_host, p_process, p_now, p_now, p_boot, p_zero) RETURNING id INTO n;
  IF was_lost THEN INSERT INTO bulkim.event (run_id, worker, what, detail) VALUES (p_run, p_worker, 'taken over', c.worker); END IF;
  RETURN QUERY SELECT c.epoch, n, coalesce((SELECT max(a.id) FROM bulkim.attempt AS a WHERE a.run_id = p_run), 0), was_lost;
END $$;

-- What may be taken, the best first: what a dead worker held; then by priority, and by how long its app has been waiting for a place.
CREATE FUNCTION bulkim.next(p_worker text, p_most int) RETURNS SETOF bigint LANGUAGE sql AS $$
  SELECT c.run_id FROM bulkim.claim AS c JOIN bulkim.app AS a ON a.name = c.app
   WHERE c.state IN ('queued', 'waiting', 'running') AND NOT p_worker = ANY (c.lacking) AND coalesce(c.not_before, '-infinity') <= clock_timestamp()
     AND CASE WHEN c.state = 'running' THEN c.until < clock_timestamp()
         ELSE c.beside OR NOT EXISTS (SELECT 1 FROM bulkim.claim AS o WHERE o.app = c.app AND o.state = 'running' AND NOT o.beside) END
   ORDER BY c.state = 'running' DESC, c.priority DESC, greatest(a.freed_at, min(c.queued_at) OVER (PARTITION BY c.app)), c.queued_at, c.run_id LIMIT p_most $$;

-- A flush: [{r: run, e: epoch, n: turn, l: lowest open attempt, s: session, b: begun, a: again, c: closed, q: refused by quota, f: finals by stretch,
-- t: touched, y: tally, z: finals, v: seen at, w: the vendor's clock less the session's, p: paces, d: what was there before; of listings u: forget what is unsent, o: no longer in doubt, i: new items, m: their data,
-- k: [cursor, planned at]}], in the order of runs. For each: 1 done, 2 was done before, 0 fenced off, -1 the database has gone back in time.
CREATE FUNCTION bulkim.turns(p json) RETURNS int[] LANGUAGE plpgsql AS $$
DECLARE x json; v json; out_ int[] := '{}'; run_ bigint; epoch_ bigint; turn_ bigint; e bigint; t bigint; n bigint; k int;
BEGIN
  FOR x IN SELECT value FROM json_array_elements(p) LOOP
    run_ := (x->>'r')::bigint; epoch_ := (x->>'e')::bigint; turn_ := (x->>'n')::bigint;
    UPDATE bulkim.claim SET turn = turn_, low = (x->>'l')::bigint WHERE run_id = run_ AND epoch = epoch_ AND turn = turn_ - 1;
    IF NOT FOUND THEN
      SELECT epoch, turn INTO e, t FROM bulkim.claim WHERE run_id = run_;
      out_ := out_ || CASE WHEN e IS NULL OR e < epoch_ THEN -1 WHEN e > epoch_ THEN 0 WHEN t >= turn_ THEN 2 ELSE -1 END;
      CONTINUE;
    END IF;
    IF (x->>'u')::bool THEN
      DELETE FROM bulkim.item WHERE run_id = run_ AND outcome IS NULL AND doubt_since IS NULL;
      GET DIAGNOSTICS n = ROW_COUNT;
      UPDATE bulkim.run SET items = items - n WHERE id = run_;
    END IF;
    k := json_array_length(x->'b');
    IF k > 0 THEN
      INSERT INTO bulkim.attempt (run_id, id, session_id, mode, size, items, began_at)
        SELECT run_, (b->>0)::bigint, (x->>'s')::bigint, b->>1, (b->>2)::int, b->>3, (b->>4)::float8 FROM json_array_elements(x->'b') AS _(b);
    END IF;
    IF k > 0 OR (x->>'q')::int > 0 THEN
      UPDATE bulkim.run SET requests = requests + k, retries = retries + (x->>'a')::int, throttled = throttled + (x->>'q')::int WHERE id = run_;
    END IF;
    IF json_array_length(x->'c') > 0 THEN
      UPDATE bulkim.attempt a SET ended_at = (c->>1)::float8, http_status = (c->>2)::int, kind = c->>3, code = c->>4, reason = c->>5
        FROM json_array_elements(x->'c') AS _(c) WHERE a.run_id = run_ AND a.id = (c->>0)::bigint;
    END IF;
    IF json_array_length(x->'f') > 0 THEN
      n := 0;
      FOR v IN SELECT value FROM json_array_elements(x->'f') LOOP   -- one stretch after the other: always by the primary key
        UPDATE bulkim.item SET outcome = v->>2, code = v->>3, reason = v->>4, attempts = (v->>5)::int, http_status = (v->>6)::int,
            finished_at = (v->>7)::float8, data = v->>8, doubt_since = (v->>9)::float8
          WHERE run_id = run_ AND ordinal BETWEEN (v->>0)::bigint AND (v->>1)::bigint AND outcome IS NULL;
        GET DIAGNOSTICS k = ROW_COUNT;
        n := n + k;
      END LOOP;
      IF n <> (x->>'z')::int THEN RAISE EXCEPTION '% items were to end, % were pending', x->>'z', n; END IF;
    END IF;
    IF x->'d' IS NOT NULL THEN
      INSERT INTO bulkim.before SELECT run_, (w->>0)::bigint, (w->>1)::float8, w->>2 FROM json_array_elements(x->'d') AS _(w)
        ON CONFLICT DO NOTHING;
    END IF;
    IF json_array_length(x->'y') > 0 THEN
      INSERT INTO bulkim.tally AS y (run_id, outcome, code, items, example, reason)
        SELECT run_, w->>0, w->>1, (w->>2)::bigint, w->>3, w->>4 FROM json_array_elements(x->'y') AS _(w)
        ON CONFLICT (run_id, outcome, code) DO UPDATE SET items = y.items + excluded.items;
    END IF;
    IF json_array_length(x->'t') > 0 THEN
      UPDATE bulkim.item i SET attempts = (w->>1)::int, doubt_since = (w->>2)::float8 FROM json_array_elements(x->'t') AS _(w)
        WHERE i.run_id = run_ AND i.ordinal = (w->>0)::bigint;
    END IF;
    IF x->'k' IS NOT NULL THEN
      INSERT INTO bulkim.item (run_id, ordinal, position, key, username, line, fields, extra, outcome, code, reason, attempts, http_status, finished_at, data)
        SELECT run_, (w->>0)::bigint, (w->>0)::bigint, w->>1, w->>2, (w->>3)::bigint, w->>4, w->>5, w->>6, w->>7, w->>8, (w->>9)::int, (w->>10)::int, (w->>11)::float8, w->>12
        FROM json_array_elements(x->'i') AS _(w);
      UPDATE bulkim.item AS i SET data = w->>1 FROM json_array_elements(x->'m') AS _(w) WHERE i.run_id = run_ AND i.ordinal = (w->>0)::bigint;
      UPDATE bulkim.run SET items = items + json_array_length(x->'i'), cursor = x->'k'->>0, planned_at = coalesce((x->'k'->>1)::float8, planned_at) WHERE id = run_;
    END IF;
    IF x->'o' IS NOT NULL THEN
      UPDATE bulkim.item SET doubt_since = NULL, doubt_clock = NULL WHERE run_id = run_ AND outcome IS NULL
        AND ordinal IN (SELECT value::bigint FROM json_array_elements_text(x->'o'));
    END IF;
    IF x->>'v' IS NOT NULL THEN
      UPDATE bulkim.session SET seen_at = (x->>'v')::float8, vendor_ahead_s = coalesce((x->>'w')::float8, vendor_ahead_s) WHERE id = (x->>'s')::bigint;
      INSERT INTO bulkim.pace SELECT (x->>'s')::bigint, w->>0, (x->>'v')::float8, (w->>1)::float8, (w->>2)::float8 FROM json_array_elements(x->'p') AS _(w)
        ON CONFLICT DO NOTHING;
    END IF;
    out_ := out_ || 1;
  END LOOP;
  RETURN out_;
END $$;

-- A worker lives, and renews the leases of its runs. Returns the oldest version that may still work here, the worker's share of what there
-- is to do, by places, and what it still holds: [[run, asked]]; what does not come back is lost. Rows are locked in the order of their keys.
CREATE FUNCTION bulkim.beat(p_worker text, p_host text, p_pid bigint, p_process text, p_version text, p_places int, p_now float8, p_lease float8,
    r_id bigint[], r_epoch bigint[]) RETURNS TABLE (oldest int, share float8, renewed json) LANGUAGE sql AS $$
  INSERT INTO bulkim.worker AS w (name, host, pid, process, version, places, busy, clock_s)
    VALUES (p_worker, p_host, p_pid, p_process, p_version, p_places, cardinality(r_id), p_now - extract(epoch FROM clock_timestamp()))
    ON CONFLICT (name) DO UPDATE SET busy = excluded.busy, seen_at = clock_timestamp(), clock_s = excluded.clock_s,
      since = CASE WHEN w.seen_at < clock_timestamp() - interval '4 s' THEN clock_timestamp() ELSE w.since END;
  WITH mine AS (SELECT c.run_id FROM bulkim.claim c JOIN unnest(r_id, r_epoch) AS r(rid, e) ON c.run_id = r.rid AND c.epoch = r.e AND c.worker = p_worker
                ORDER BY c.run_id FOR UPDATE OF c),
    held AS (UPDATE bulkim.claim c SET until = clock_timestamp() + make_interval(secs => p_lease) FROM mine WHERE c.run_id = mine.run_id RETURNING c.run_id, c.asked)
  SELECT minimum, p_places::float8 * (SELECT count(DISTINCT CASE WHEN beside THEN run_id::text ELSE app END) FROM bulkim.claim WHERE state IN ('queued', 'running'))
      / (SELECT nullif(sum(places), 0) FROM bulkim.worker WHERE seen_at > clock_timestamp() - interval '4 s'),
    (SELECT json_agg(json_build_array(run_id, asked)) FROM held) FROM bulkim.meta $$;

-- A session ends and leaves its run in `p_state`. False: another worker has it.
CREATE FUNCTION bulkim.give_back(p_run bigint, p_epoch bigint, p_session bigint, p_state text, p_now float8, p_why text DEFAULT NULL,
    p_code text DEFAULT NULL, p_reason text DEFAULT NULL, p_exit int DEFAULT NULL, p_not_before float8 DEFAULT NULL, p_lacks bool DEFAULT false) RETURNS bool LANGUAGE plpgsql AS $$
DECLARE app_ text; ended_ text := CASE WHEN p_state IN ('done', 'cancelled') THEN 'finished' WHEN p_state = 'stopped' THEN 'stopped' ELSE 'interrupted' END;
BEGIN
  UPDATE bulkim.claim SET state = p_state, worker = NULL, until = NULL, epoch = epoch + 1, why = p_why, exit_code = p_exit, not_before = to_timestamp(p_not_before),
      asked = CASE WHEN p_state IN ('queued', 'waiting') THEN asked END, lost = 0,
      lacking = CASE WHEN p_lacks THEN array_append(lacking, worker) ELSE lacking END
    WHERE run_id = p_run AND epoch = p_epoch RETURNING app INTO app_;
  IF app_ IS NULL THEN RETURN EXISTS (SELECT 1 FROM bulkim.session WHERE id = p_session AND ended = ended_); END IF;   -- said before, or fenced off
  UPDATE bulkim.app SET freed_at = clock_timestamp() WHERE name = app_;
  UPDATE bulkim.session SET ended_at = p_now, seen_at = p_now, ended = ended_ WHERE id = p_session;
  UPDATE bulkim.run SET state = ended_, finished_at = p_now, stop_code = p_code, stop_reason = p_reason WHERE id = p_run;
  RETURN true;
END $$;

-- A worker that is proven dead, or has given everything back.
CREATE FUNCTION bulkim.bury(p_worker text) RETURNS void LANGUAGE sql AS $$
  DELETE FROM bulkim.worker WHERE name = p_worker;
  UPDATE bulkim.claim AS c SET until = '-infinity' FROM (SELECT run_id FROM bulkim.claim WHERE worker = p_worker ORDER BY run_id FOR UPDATE) AS mine
    WHERE c.run_id = mine.run_id;
  SELECT bulkim.leave(p_worker) $$;

-- What is pending and not in doubt is not sent any more.
CREATE FUNCTION bulkim.cancel_items(p_run bigint, p_now float8) RETURNS bigint LANGUAGE sql AS $$
  WITH gone AS (UPDATE bulkim.item AS i SET outcome = 'skipped', code = 'cancelled', reason = 'the run was cancelled', finished_at = p_now
    WHERE i.run_id = p_run AND i.outcome IS NULL AND i.doubt_since IS NULL RETURNING i.username)
  , counted AS (INSERT INTO bulkim.tally AS y SELECT p_run, 'skipped', 'cancelled', count(*), min(username), 'the run was cancelled' FROM gone HAVING count(*) > 0
    ON CONFLICT (run_id, outcome, code) DO UPDATE SET items = y.items + excluded.items)
  SELECT count(*) FROM gone $$;

-- Pause, resume or cancel. What somebody holds is asked of them; what nobody holds is done here. Returns what became of it.
CREATE FUNCTION bulkim.ask(p_run bigint, p_what text, p_now float8) RETURNS text LANGUAGE plpgsql AS $$
DECLARE c bulkim.claim; open_ bigint;
BEGIN
  SELECT * INTO c FROM bulkim.claim WHERE run_id = p_run FOR UPDATE;
  IF c.state IN ('done', 'cancelled') THEN RETURN 'it has ended'; END IF;
  INSERT INTO bulkim.event (run_id, what) VALUES (p_run, p_what);
  IF p_what = 'resume' THEN
    UPDATE bulkim.claim SET asked = NULL, lacking = '{}', not_before = NULL, lost = 0, why = CASE WHEN state IN ('paused', 'stopped') OR not_before IS NOT NULL THEN NULL ELSE why END,
      state = CASE WHEN state IN ('paused', 'stopped') THEN 'queued' ELSE state END WHERE run_id = p_run;
    RETURN CASE WHEN c.state IN ('paused', 'stopped') THEN 'queued' ELSE 'it is ' || c.state END;
  END IF;
  IF c.state = 'running' AND c.until >= clock_timestamp() THEN
    UPDATE bulkim.claim SET asked = p_what WHERE run_id = p_run;
    RETURN 'asked of ' || c.worker;
  END IF;
  IF p_what = 'pause' THEN
    UPDATE bulkim.claim SET state = 'paused', epoch = epoch + 1, worker = NULL, why = NULL WHERE run_id = p_run;
    RETURN 'paused';
  END IF;
  SELECT count(*) INTO open_ FROM bulkim.attempt WHERE run_id = p_run AND id >= c.low AND ended_at IS NULL;
  IF open_ = 0 THEN
    PERFORM bulkim.cancel_items(p_run, p_now);
    SELECT count(*) INTO open_ FROM bulkim.item WHERE run_id = p_run AND outcome IS NULL;
  END IF;
  IF open_ = 0 THEN
    UPDATE bulkim.claim SET state = 'cancelled', epoch = epoch + 1, worker = NULL, why = NULL WHERE run_id = p_run;
    UPDATE bulkim.run SET state = 'finished', finished_at = p_now, planned_at = coalesce(planned_at, p_now) WHERE id = p_run;
    RETURN 'cancelled';
  END IF;
  UPDATE bulkim.claim SET state = CASE WHEN state = 'running' THEN state ELSE 'queued' END, asked = 'cancel', not_before = NULL, lacking = '{}' WHERE run_id = p_run;
  RETURN 'queued, to ask about what is in doubt first';
END $$;
