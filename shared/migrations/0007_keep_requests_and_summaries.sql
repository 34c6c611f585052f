-- Requests that may come twice: what each key's first request made. Written in the
-- transaction of the effect, so neither stands without the other. The answer is not kept
-- (it could hold a secret), nor the body: its MAC's key is the bearer's token, of which
-- this database holds a digest only.
CREATE TABLE idempotency_keys (
    org_id       uuid NOT NULL,
    token_id     uuid NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- method and route, for a person who looks
    route        text NOT NULL,
    request_mac  bytea NOT NULL CHECK (length(request_mac) = 32),
    status       integer NOT NULL CHECK (status BETWEEN 200 AND 299),
    resource_id  uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, token_id, key),
    FOREIGN KEY (org_id, token_id) REFERENCES tokens (org_id, id) ON DELETE CASCADE
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
ALTER TABLE idempotency_keys ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_keys FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON idempotency_keys TO longshore_api
    USING (org_id = nullif(current_setting('longshore.org', true), '')::uuid);
CREATE POLICY system ON idempotency_keys TO longshore_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO longshore_system;
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO longshore_api;

-- What came of a job, written when it ends: its view needs its steps no more, and they
-- are deleted when the history's time is over. NULL: add the steps up.
ALTER TABLE jobs ADD COLUMN summary jsonb;
ALTER TABLE jobs ADD COLUMN pruned_at timestamptz;
ALTER TABLE jobs ADD CONSTRAINT jobs_pruned_check
    CHECK (pruned_at IS NULL OR (ended_at IS NOT NULL AND summary IS NOT NULL));
ALTER TABLE job_tables ADD COLUMN summary jsonb;
-- A person who cancels a job that nobody holds ends it.
GRANT UPDATE (summary) ON job_tables TO longshore_api;
CREATE INDEX jobs_to_prune ON jobs (ended_at) WHERE pruned_at IS NULL AND ended_at IS NOT NULL;

-- Lists over a long history: each filter has its order. The primary key serves the list
-- without a filter.
DROP INDEX jobs_recent;
CREATE INDEX jobs_by_state ON jobs (org_id, state, id);
CREATE INDEX jobs_by_kind ON jobs (org_id, kind, id);
CREATE INDEX jobs_by_task ON jobs (org_id, task_id, id) WHERE task_id IS NOT NULL;

-- What came of a job's table and of a job: as kept, or added up from the steps. Functions,
-- so that what is shown of a running job and what is kept of an ended one are one sum.
-- `rows` and `bytes` count the steps that move rows only, so that a verification does not
-- count them twice.
CREATE FUNCTION job_table_summaries(org uuid, job uuid) RETURNS TABLE (number integer, summary jsonb)
LANGUAGE sql STABLE AS $$
    SELECT t.number, coalesce(t.summary, jsonb_build_object(
        'rows', coalesce(sum(s.rows) FILTER (WHERE m.moves), 0),
        'bytes', coalesce(sum(s.bytes) FILTER (WHERE m.moves), 0),
        'inserted', coalesce(sum(s.inserted), 0), 'updated', coalesce(sum(s.updated), 0),
        'deleted', coalesce(sum(s.deleted), 0), 'unchanged', coalesce(sum(s.unchanged), 0),
        'skipped', coalesce(sum(s.skipped), 0),
        'chunks_total', count(s.id) FILTER (WHERE m.moves),
        'chunks_done', count(s.id) FILTER (WHERE m.moves AND s.state = 'done'),
        'steps_total', count(s.id),
        'steps_done', count(s.id) FILTER (WHERE s.state = 'done'),
        'steps_begun', count(s.id) FILTER (WHERE s.started_at IS NOT NULL),
        'writes_begun', count(s.id) FILTER (WHERE s.started_at IS NOT NULL AND s.kind <> 'verify'),
        'index_steps', count(s.id) FILTER (WHERE s.kind = 'index'),
        'workers', coalesce(jsonb_agg(DISTINCT s.worker_name) FILTER (WHERE m.moves
            AND s.worker_name IS NOT NULL AND s.started_at IS NOT NULL), '[]'),
        'seconds', extract(epoch FROM max(s.ended_at) - min(s.started_at))::float8))
    FROM job_tables t
    LEFT JOIN steps s ON t.summary IS NULL AND s.org_id = t.org_id AND s.job_id = t.job_id
        AND s.table_number = t.number
    LEFT JOIN LATERAL (SELECT s.kind IN ('copy', 'diff', 'replace') AS moves) m ON true
    WHERE t.org_id = org AND t.job_id = job
    GROUP BY t.org_id, t.job_id, t.number
$$;

CREATE FUNCTION job_summary(org uuid, job uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'rows', coalesce(sum(s.rows) FILTER (WHERE m.moves), 0),
        'bytes', coalesce(sum(s.bytes) FILTER (WHERE m.moves), 0),
        'inserted', coalesce(sum(s.inserted), 0), 'updated', coalesce(sum(s.updated), 0),
        'deleted', coalesce(sum(s.deleted), 0), 'unchanged', coalesce(sum(s.unchanged), 0),
        'skipped', coalesce(sum(s.skipped), 0),
        'workers', (SELECT coalesce(jsonb_agg(jsonb_build_array(w.worker_name, w.chunks) ORDER BY w.worker_name), '[]')
            FROM (SELECT worker_name, count(*) AS chunks FROM steps
                  WHERE org_id = org AND job_id = job AND state = 'done' AND kind IN ('copy', 'diff', 'replace')
                    AND worker_name IS NOT NULL GROUP BY worker_name) w))
    FROM steps s
    CROSS JOIN LATERAL (SELECT s.kind IN ('copy', 'diff', 'replace') AS moves) m
    WHERE s.org_id = org AND s.job_id = job AND s.table_number IS NOT NULL
$$;
