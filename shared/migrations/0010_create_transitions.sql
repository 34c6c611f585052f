-- What the transitions ask at each step. Functions in SQL that are not inlined are planned at
-- each call, which took longer than what they do; those in PL/pgSQL are planned once a session.

-- How many steps of one job may be out at once: 1.5 times the permits of live workers, shared by
-- the running jobs, at least 2. A function, so that the statement that announces need not ask for
-- it first. A job that waits for its target has nothing that could be out: it takes no share of
-- the others' windows.
CREATE FUNCTION job_window(live_seconds double precision) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT greatest(2, floor(1.5 * coalesce((SELECT sum(permits) FROM workers
                      WHERE heartbeat_at > now() - make_interval(secs => live_seconds)), 0)
               / greatest(1, (SELECT count(*) FROM jobs WHERE state = 'running')
                             - (SELECT count(*) FROM target_locks WHERE state = 'waiting'))))::bigint);
END $$;

-- Whether a limit of the organisation or of one of the two connections holds for a job.
CREATE FUNCTION is_limited(org uuid, source uuid, target uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM organisations WHERE id = org AND max_steps IS NOT NULL)
        OR EXISTS (SELECT FROM connections WHERE org_id = org AND id IN (source, target)
                   AND max_sessions IS NOT NULL);
END $$;

-- A step is done that neither grows its job nor ends its stage: what `workflow` does in many
-- calls, in one. It locks the job row first, so each statement after that sees what whoever
-- held the lock before has written. `word` is
--   `left`     nothing was changed: the job is ending, or the stage ends with this step;
--   `lost`     nothing was changed: the token is not the newest;
--   `limited`  the step is done; a limit decides who announces next;
--   `done`     the step is done, and `owed` holds the outbox rows of what it announced.
-- Of a job's waiting steps the first ones of open stages are announced. A subquery that yields a
-- value is asked for each step in its turn, until there are enough; EXISTS is planned as a join,
-- which reads all stages of the job at each announcement, and thousands of tables have thousands.
CREATE FUNCTION settle_step(
    org uuid, the_job uuid, the_step uuid, its_stage integer, its_token bigint, detail jsonb,
    counts bigint[], announcement jsonb, live_seconds double precision,
    OUT word text, OUT owed jsonb
) LANGUAGE plpgsql SET plan_cache_mode = 'force_generic_plan' AS $$
DECLARE
    one record;
    size bigint;
    free bigint;
BEGIN
    SELECT j.state, j.ending, j.source_id, j.target_id INTO one FROM jobs j
    WHERE j.org_id = org AND j.id = the_job FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        word := 'left';
        RETURN;
    END IF;
    IF one.state IS DISTINCT FROM 'running' OR one.ending IS NOT NULL THEN
        word := 'left';
        RETURN;
    END IF;
    -- Whoever takes a running step away holds the job's lock: this stays true.
    PERFORM FROM steps WHERE org_id = org AND id = the_step AND token = its_token AND state = 'running';
    IF NOT FOUND THEN
        word := 'lost';
        RETURN;
    END IF;
    UPDATE stages SET remaining = remaining - 1
    WHERE org_id = org AND job_id = the_job AND number = its_stage AND remaining > 1;
    IF NOT FOUND THEN
        word := 'left';
        RETURN;
    END IF;
    UPDATE steps SET state = 'done', lease_until = NULL, ended_at = now(), outcome = detail, rows = counts[1],
        bytes = counts[2], inserted = counts[3], updated = counts[4], deleted = counts[5],
        unchanged = counts[6], skipped = counts[7]
    WHERE org_id = org AND id = the_step;
    IF is_limited(org, one.source_id, one.target_id) THEN
        word := 'limited';
        RETURN;
    END IF;
    word := 'done';
    size := job_window(live_seconds);
    free := size - (SELECT count(*) FROM steps WHERE org_id = org AND job_id = the_job
                    AND state IN ('announced', 'running'));
    IF free < greatest(1, size / 4) THEN
        RETURN;
    END IF;
    WITH next AS (
        SELECT s.id, s.ordinal FROM steps s
        WHERE s.org_id = org AND s.job_id = the_job AND s.state = 'waiting'
          AND (SELECT g.waits FROM stages g
               WHERE g.org_id = org AND g.job_id = the_job AND g.number = s.stage) = 0
        ORDER BY s.ordinal LIMIT free
    ), announced AS (
        UPDATE steps s SET state = 'announced', announced_at = now() FROM next n
        WHERE s.org_id = org AND s.id = n.id
        RETURNING s.id, s.kind, s.queue, s.ordinal
    ), rows_owed AS (
        INSERT INTO outbox (org_id, job_id, step_id, queue, body)
        SELECT org, the_job, o.id, o.queue, announcement || jsonb_build_object('step', o.id, 'kind', o.kind)
        FROM announced o ORDER BY o.ordinal
        RETURNING id, org_id, job_id, step_id, queue, body
    )
    SELECT jsonb_agg(to_jsonb(w) ORDER BY w.id) INTO owed FROM rows_owed w;
END $$;
REVOKE EXECUTE ON FUNCTION settle_step FROM PUBLIC;
GRANT EXECUTE ON FUNCTION settle_step TO longshore_system;
