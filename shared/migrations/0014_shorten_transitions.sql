-- A line of a job's log, in one round trip. The log must not decide what happens to a job: a
-- line that cannot be written is left out, the caller's transaction goes on as if it had not
-- been tried, and the answer is why. What ends a transaction anyway is an error.
CREATE FUNCTION add_job_line(org uuid, job uuid, its_level text, line text, step uuid, its_worker text)
RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO job_log (org_id, job_id, level, message, step_id, worker)
    VALUES (org, job, its_level, line, step, its_worker);
    RETURN NULL;
EXCEPTION
    WHEN operator_intervention THEN
        RAISE;
    WHEN OTHERS THEN
        RETURN SQLSTATE;
END $$;
REVOKE EXECUTE ON FUNCTION add_job_line FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_job_line TO longshore_system, longshore_api;

-- What the transitions ask at each step. Functions in SQL that are not inlined are planned at
-- each call, which took longer than what they do; those in PL/pgSQL are planned once a session.
ALTER FUNCTION settle_step SET plan_cache_mode = 'force_generic_plan';

CREATE OR REPLACE FUNCTION is_limited(org uuid, source uuid, target uuid) RETURNS boolean LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM organisations WHERE id = org AND max_steps IS NOT NULL)
        OR EXISTS (SELECT FROM connections WHERE org_id = org AND id IN (source, target)
                   AND max_sessions IS NOT NULL);
END $$;

CREATE OR REPLACE FUNCTION job_window(live_seconds double precision) RETURNS bigint LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT greatest(2, floor(1.5 * coalesce((SELECT sum(permits) FROM workers
                      WHERE heartbeat_at > now() - make_interval(secs => live_seconds)), 0)
               / greatest(1, (SELECT count(*) FROM jobs WHERE state = 'running')
                             - (SELECT count(*) FROM target_holds WHERE state = 'waiting'))))::bigint);
END $$;
