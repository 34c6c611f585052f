-- How many steps of one job may be out at once: 1.5 times the permits of live workers,
-- shared by the running jobs, at least 2. A function, so that the statement that announces
-- need not ask for it first.
CREATE FUNCTION job_window(live_seconds double precision) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT greatest(2, floor(1.5 * coalesce((SELECT sum(permits) FROM workers
                      WHERE heartbeat_at > now() - make_interval(secs => live_seconds)), 0)
               / greatest(1, (SELECT count(*) FROM jobs WHERE state = 'running'))))::bigint
$$;

-- A job's next steps in their order, and those that are out: what every announcement asks.
DROP INDEX steps_of_job;
CREATE INDEX steps_waiting ON steps (org_id, job_id, ordinal) WHERE state = 'waiting';
CREATE INDEX steps_out ON steps (org_id, job_id) WHERE state IN ('announced', 'running');
