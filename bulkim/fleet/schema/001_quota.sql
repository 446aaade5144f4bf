-- Version 1: one limit, many holders. `meta` holds the schema's version and the lease, for everybody alike.
CREATE TABLE bulkim.meta (
  version   int NOT NULL,                    -- the newest migration that was applied
  minimum   int NOT NULL,                    -- older programs than this must not work here
  lease_s   float8 NOT NULL DEFAULT 10,      -- whoever was not heard of for so long has lost what he held
  margin_s  float8 NOT NULL DEFAULT 3        -- and stops sending so much earlier, by his own clock
);

CREATE TABLE bulkim.pool (                   -- one quota of one app
  name       text PRIMARY KEY,               -- provider app pool
  tail_s     float8 NOT NULL,                -- how long a share that was given up still counts: the vendor's window and a bit
  rest_until timestamptz,                    -- after a refusal
  slowed_to  float8                          -- and what part of the limit it left
) WITH (fillfactor = 50);

CREATE TABLE bulkim.holder (                 -- somebody who sends of a pool
  pool       text NOT NULL REFERENCES bulkim.pool ON DELETE CASCADE,
  holder     text NOT NULL,
  limit_per_s float8 NOT NULL,               -- what it knows of the limit; the lowest counts for all
  beat       bigint NOT NULL,                -- number of its last beat: one that comes late is not listened to
  share      float8 NOT NULL,                -- what it was told last, in calls a second
  have       float8 NOT NULL,                -- what it says it keeps to: an answer may have been lost
  old        float8 NOT NULL DEFAULT 0,      -- what it kept to before
  old_until  timestamptz NOT NULL DEFAULT '-infinity',  -- until then that still counts
  until      timestamptz NOT NULL,           -- its lease
  used       float8 NOT NULL,                -- calls a second since its last beat
  hungry     bool NOT NULL,                  -- it would have sent more
  PRIMARY KEY (pool, holder)
) WITH (fillfactor = 50);

-- What a holder may send of a pool from now on, in calls a second. Whatever others may still be sending is left to them:
-- what they were told, what they said they keep to, and for `tail_s` what they kept to before. So at no moment do
-- more calls leave than the limit, whichever answer is lost. Whole calls are dealt out, the hungry sharing what the
-- content leave (max-min). A limit that is no whole number, or smaller than its holders are many, is handed over whole.
CREATE FUNCTION bulkim.share(p_pool text, p_holder text, p_limit float8, p_tail float8, p_lease float8, p_beat bigint,
    p_have float8, p_used float8, p_hungry bool, p_now timestamptz) RETURNS float8 LANGUAGE plpgsql AS $$
DECLARE me bulkim.holder; r record; low float8; whole bool; left_ float8; others int; fresh float8; target float8 := 0; held float8; tail interval;
BEGIN
  INSERT INTO bulkim.pool AS p VALUES (p_pool, p_tail) ON CONFLICT (name) DO UPDATE SET tail_s = greatest(p.tail_s, p_tail)
    RETURNING make_interval(secs => p.tail_s) INTO tail;   -- and locks it
  p_now := coalesce(p_now, clock_timestamp());             -- read only now: whoever waited for the lock comes later
  DELETE FROM bulkim.holder WHERE pool = p_pool AND until < p_now - tail AND holder <> p_holder;
  INSERT INTO bulkim.holder AS h (pool, holder, limit_per_s, beat, share, have, until, used, hungry)
      VALUES (p_pool, p_holder, p_limit, p_beat, 0, 0, p_now + make_interval(secs => p_lease), p_used, p_hungry)
    ON CONFLICT (pool, holder) DO UPDATE SET limit_per_s = p_limit, beat = p_beat, have = p_have, used = p_used, hungry = p_hungry,
      until = p_now + make_interval(secs => p_lease),
      old = CASE WHEN p_have < greatest(h.share, h.have) THEN greatest(h.share, h.have, CASE WHEN h.old_until > p_now THEN h.old ELSE 0 END) ELSE h.old END,
      old_until = CASE WHEN p_have < greatest(h.share, h.have) THEN p_now + tail ELSE h.old_until END
      WHERE h.beat < p_beat
    RETURNING * INTO me;
  IF me.holder IS NULL THEN RETURN NULL; END IF;           -- an old beat

  SELECT min(limit_per_s), count(*) INTO low, others FROM bulkim.holder WHERE pool = p_pool AND until >= p_now;
  whole := low < 2 * others AND others > 1 OR low < 10 AND low <> floor(low);
  left_ := CASE WHEN whole THEN low ELSE floor(low) END;
  FOR r IN SELECT holder, CASE WHEN hungry THEN low ELSE least(low, ceil(used * 1.25) + 1) END AS want FROM bulkim.holder
      WHERE pool = p_pool AND until >= p_now
      ORDER BY 2, CASE WHEN whole THEN md5(holder || floor(extract(epoch FROM p_now) / greatest(10, 4 * extract(epoch FROM tail)))) END, 1 LOOP
    fresh := CASE WHEN whole THEN left_ ELSE least(r.want, ceil(left_ / others), left_) END;
    left_ := left_ - fresh; others := others - 1;
    IF r.holder = p_holder THEN target := fresh; END IF;
  END LOOP;
  SELECT coalesce(sum(greatest(share, have, CASE WHEN old_until > p_now THEN old ELSE 0 END)), 0) INTO held
    FROM bulkim.holder WHERE pool = p_pool AND holder <> p_holder;
  target := greatest(0, least(target, low - held));
  target := CASE WHEN NOT whole THEN floor(target) WHEN target < low THEN 0 ELSE low END;
  UPDATE bulkim.holder SET share = target WHERE pool = p_pool AND holder = p_holder;
  RETURN target;
END $$;

-- A beat of somebody's holdings: [{pool, holder, limit, tail, beat, have, used, hungry, rest, slowed}]; `rest`: seconds from now, where the vendor refused.
-- For each: the share, and what others were refused: seconds to rest, and the part of the limit that was left.
CREATE FUNCTION bulkim.shares(p json, p_lease float8) RETURNS TABLE (pool text, holder text, share float8, rest_s float8, slowed_to float8) LANGUAGE plpgsql AS $$
DECLARE x json; s float8; p_row bulkim.pool;
BEGIN
  FOR x IN SELECT value FROM json_array_elements(p) ORDER BY value->>'pool', value->>'holder' LOOP   -- one order of locks for everybody
    s := bulkim.share(x->>'pool', x->>'holder', (x->>'limit')::float8, (x->>'tail')::float8, p_lease, (x->>'beat')::bigint,
                      (x->>'have')::float8, (x->>'used')::float8, (x->>'hungry')::bool, NULL);
    IF (x->>'rest')::float8 > 0 THEN
      UPDATE bulkim.pool AS o SET rest_until = greatest(o.rest_until, clock_timestamp() + make_interval(secs => (x->>'rest')::float8)),
        slowed_to = (x->>'slowed')::float8 WHERE o.name = x->>'pool';
    END IF;
    SELECT * INTO p_row FROM bulkim.pool AS o WHERE o.name = x->>'pool';
    RETURN QUERY SELECT x->>'pool', x->>'holder', s, coalesce(extract(epoch FROM p_row.rest_until - clock_timestamp())::float8, 0), p_row.slowed_to;
  END LOOP;
END $$;

-- These holders send no more: what they kept to counts for `tail_s`, then it is others'.
CREATE FUNCTION bulkim.leave(p_holder text) RETURNS void LANGUAGE sql AS $$
  UPDATE bulkim.holder AS h SET until = clock_timestamp(), hungry = false FROM (
    SELECT pool, holder FROM bulkim.holder WHERE holder = p_holder OR holder LIKE replace(p_holder, '_', '\_') || '/%' ORDER BY pool, holder FOR UPDATE
  ) AS mine WHERE h.pool = mine.pool AND h.holder = mine.holder $$;
