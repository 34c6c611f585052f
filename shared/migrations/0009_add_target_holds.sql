-- One writer for a target's tables, over the whole fleet: which job writes where, which
-- jobs wait for that, and which ended jobs may have left a session behind. The server is
-- what it calls itself, so that every way to it leads to the same rows.
CREATE TABLE target_holds (
    org_id       uuid NOT NULL,
    job_id       uuid NOT NULL,
    server       text NOT NULL CHECK (length(server) BETWEEN 1 AND 1000),
    database     text NOT NULL CHECK (length(database) BETWEEN 1 AND 200),
    -- NULL: every table, those that are to be made included
    tables       text[] CHECK (cardinality(tables) > 0),
    state        text NOT NULL CHECK (state IN ('waiting', 'held', 'released')),
    -- the order of asking: who asked earlier is not overtaken where the two overlap
    place        bigint GENERATED ALWAYS AS IDENTITY,
    -- of an ended job: steps whose last session may still live on the server
    loose_steps  uuid[] NOT NULL DEFAULT '{}',
    PRIMARY KEY (org_id, job_id),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE,
    CHECK ((state = 'released') = (cardinality(loose_steps) > 0))
);
CREATE INDEX target_holds_area ON target_holds (server, database, place);
CREATE INDEX target_holds_waiting ON target_holds (place) WHERE state = 'waiting';

-- NULL stands for every table.
CREATE FUNCTION tables_overlap(a text[], b text[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT a IS NULL OR b IS NULL OR a && b
$$;

ALTER TABLE target_holds ENABLE ROW LEVEL SECURITY;
ALTER TABLE target_holds FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON target_holds TO longshore_api
    USING (org_id = nullif(current_setting('longshore.org', true), '')::uuid);
CREATE POLICY system ON target_holds TO longshore_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON target_holds TO longshore_system;
-- A cancel may be what ends a job, and so what releases its target.
GRANT SELECT, UPDATE, DELETE ON target_holds TO longshore_api;

-- Whether a job waits: what it has announced is taken up by nobody yet.
CREATE FUNCTION waits_for_target(org uuid, job uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM target_holds WHERE org_id = org AND job_id = job AND state = 'waiting')
$$;

-- A job that waits for its target has nothing that could be out: it takes no share of the
-- others' windows.
CREATE OR REPLACE FUNCTION job_window(live_seconds double precision) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT greatest(2, floor(1.5 * coalesce((SELECT sum(permits) FROM workers
                      WHERE heartbeat_at > now() - make_interval(secs => live_seconds)), 0)
               / greatest(1, (SELECT count(*) FROM jobs WHERE state = 'running')
                             - (SELECT count(*) FROM target_holds WHERE state = 'waiting'))))::bigint
$$;

-- An attempt that did not come to its end may have left writes on the target. A table's
-- state turns on what was written, not on what was begun.
ALTER TABLE steps ADD COLUMN wrote boolean NOT NULL DEFAULT false;
CREATE OR REPLACE FUNCTION job_table_summaries(org uuid, job uuid) RETURNS TABLE (number integer, summary jsonb)
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
        'writes', count(s.id) FILTER (WHERE s.kind <> 'verify' AND (s.wrote
            OR s.inserted + s.updated + s.deleted > 0 OR s.kind = 'index' AND s.started_at IS NOT NULL)),
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
