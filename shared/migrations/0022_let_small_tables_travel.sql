-- Small tables travel together: one step works on several, and what came of each stands with the table.
-- NULL: the table has steps of its own, and what came of it is added up from these.
ALTER TABLE job_tables ADD COLUMN step_ordinal integer;
-- Nothing is left to do of it.
ALTER TABLE job_tables ADD COLUMN done boolean NOT NULL DEFAULT false;
-- The target holds some of its writes, or may hold some.
ALTER TABLE job_tables ADD COLUMN wrote boolean NOT NULL DEFAULT false;
ALTER TABLE job_tables ADD COLUMN rows bigint NOT NULL DEFAULT 0;
ALTER TABLE job_tables ADD COLUMN bytes bigint NOT NULL DEFAULT 0;
ALTER TABLE job_tables ADD COLUMN inserted bigint NOT NULL DEFAULT 0;
ALTER TABLE job_tables ADD COLUMN updated bigint NOT NULL DEFAULT 0;
ALTER TABLE job_tables ADD COLUMN deleted bigint NOT NULL DEFAULT 0;
ALTER TABLE job_tables ADD COLUMN unchanged bigint NOT NULL DEFAULT 0;
ALTER TABLE job_tables ADD COLUMN skipped bigint NOT NULL DEFAULT 0;
-- How long a worker had it in hand, and which one.
ALTER TABLE job_tables ADD COLUMN seconds double precision;
ALTER TABLE job_tables ADD COLUMN worker_name text;
ALTER TABLE job_tables ADD CHECK (step_ordinal IS NOT NULL OR NOT (done OR wrote));
-- A page of the tables of a job, and those of a step.
CREATE INDEX job_tables_of_step ON job_tables (org_id, job_id, step_ordinal) WHERE step_ordinal IS NOT NULL;

-- What came of a table that travels with others, in the words of `job_table_summary`: the step counts as
-- its only one. Of one that a worker died with nobody knows what was written of it.
CREATE FUNCTION travelled_summary(t job_tables, s steps) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'rows', t.rows, 'bytes', t.bytes, 'inserted', t.inserted, 'updated', t.updated, 'deleted', t.deleted,
        'unchanged', t.unchanged, 'skipped', t.skipped,
        'chunks_total', 1, 'chunks_done', t.done::integer,
        'steps_total', 1, 'steps_done', t.done::integer,
        'steps_begun', (t.done OR s.started_at IS NOT NULL)::integer,
        'writes', (t.wrote OR NOT t.done AND coalesce(s.wrote, false))::integer,
        'workers', CASE WHEN t.worker_name IS NULL THEN '[]'::jsonb ELSE jsonb_build_array(t.worker_name) END,
        'moving_seconds', t.seconds, 'seconds', t.seconds)
$$;

-- A job's rows are those of its tables' steps, and those of tables that travelled.
CREATE OR REPLACE FUNCTION job_summary(org uuid, job uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'rows', own.rows + together.rows, 'bytes', own.bytes + together.bytes,
        'inserted', own.inserted + together.inserted, 'updated', own.updated + together.updated,
        'deleted', own.deleted + together.deleted, 'unchanged', own.unchanged + together.unchanged,
        'skipped', own.skipped + together.skipped,
        'workers', (SELECT coalesce(jsonb_agg(jsonb_build_array(w.worker_name, w.chunks) ORDER BY w.worker_name), '[]')
            FROM (SELECT worker_name, count(*) AS chunks FROM steps
                  WHERE org_id = org AND job_id = job AND state = 'done' AND counts_rows
                    AND worker_name IS NOT NULL GROUP BY worker_name) w))
    FROM (SELECT coalesce(sum(s.rows) FILTER (WHERE s.counts_rows), 0) AS rows,
                 coalesce(sum(s.bytes) FILTER (WHERE s.counts_rows), 0) AS bytes,
                 coalesce(sum(s.inserted), 0) AS inserted, coalesce(sum(s.updated), 0) AS updated,
                 coalesce(sum(s.deleted), 0) AS deleted, coalesce(sum(s.unchanged), 0) AS unchanged,
                 coalesce(sum(s.skipped), 0) AS skipped
          FROM steps s WHERE s.org_id = org AND s.job_id = job AND s.table_number IS NOT NULL) own,
         (SELECT coalesce(sum(t.rows), 0) AS rows, coalesce(sum(t.bytes), 0) AS bytes,
                 coalesce(sum(t.inserted), 0) AS inserted, coalesce(sum(t.updated), 0) AS updated,
                 coalesce(sum(t.deleted), 0) AS deleted, coalesce(sum(t.unchanged), 0) AS unchanged,
                 coalesce(sum(t.skipped), 0) AS skipped
          FROM job_tables t WHERE t.org_id = org AND t.job_id = job AND t.step_ordinal IS NOT NULL) together
$$;
