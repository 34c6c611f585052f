-- What the statements below ask of a step stands in its row, as the code knows it of the step's kind:
-- whether it counts as a part of a table's rows, and from when on it may have written. So no statement
-- names a kind, and a new one needs no migration. The words of kinds are the code's alone.
-- Of steps that are there already nobody knows it: they may have written.
ALTER TABLE steps ADD COLUMN counts_rows boolean NOT NULL DEFAULT false;
ALTER TABLE steps ADD COLUMN written_from text NOT NULL DEFAULT 'start'
    CHECK (written_from IN ('never', 'commit', 'start'));
ALTER TABLE steps ALTER COLUMN counts_rows DROP DEFAULT, ALTER COLUMN written_from DROP DEFAULT;
ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_kind_check CHECK (kind ~ '^[a-z_]+$');
DROP INDEX jobs_rechecks;
CREATE INDEX jobs_rechecks ON jobs (kind, ended_at) WHERE trigger = 'schedule';

CREATE OR REPLACE FUNCTION job_table_summary(org uuid, job uuid, of_table integer) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'rows', coalesce(sum(s.rows) FILTER (WHERE s.counts_rows), 0),
        'bytes', coalesce(sum(s.bytes) FILTER (WHERE s.counts_rows), 0),
        'inserted', coalesce(sum(s.inserted), 0), 'updated', coalesce(sum(s.updated), 0),
        'deleted', coalesce(sum(s.deleted), 0), 'unchanged', coalesce(sum(s.unchanged), 0),
        'skipped', coalesce(sum(s.skipped), 0),
        'chunks_total', count(s.id) FILTER (WHERE s.counts_rows),
        'chunks_done', count(s.id) FILTER (WHERE s.counts_rows AND s.state = 'done'),
        'steps_total', count(s.id),
        'steps_done', count(s.id) FILTER (WHERE s.state = 'done'),
        'steps_begun', count(s.id) FILTER (WHERE s.started_at IS NOT NULL),
        'writes', count(s.id) FILTER (WHERE s.written_from <> 'never' AND (s.wrote
            OR s.inserted + s.updated + s.deleted > 0 OR s.written_from = 'start' AND s.started_at IS NOT NULL)),
        'workers', coalesce(jsonb_agg(DISTINCT s.worker_name) FILTER (WHERE s.counts_rows
            AND s.worker_name IS NOT NULL AND s.started_at IS NOT NULL), '[]'),
        'moving_seconds', extract(epoch FROM
            CASE WHEN bool_and(s.ended_at IS NOT NULL) FILTER (WHERE s.counts_rows)
                 THEN max(s.ended_at) FILTER (WHERE s.counts_rows) ELSE now() END
            - min(s.started_at) FILTER (WHERE s.counts_rows))::float8,
        'seconds', extract(epoch FROM max(s.ended_at) - min(s.started_at))::float8)
    FROM steps s
    WHERE s.org_id = org AND s.job_id = job AND s.table_number = of_table
$$;

CREATE OR REPLACE FUNCTION job_summary(org uuid, job uuid) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'rows', coalesce(sum(s.rows) FILTER (WHERE s.counts_rows), 0),
        'bytes', coalesce(sum(s.bytes) FILTER (WHERE s.counts_rows), 0),
        'inserted', coalesce(sum(s.inserted), 0), 'updated', coalesce(sum(s.updated), 0),
        'deleted', coalesce(sum(s.deleted), 0), 'unchanged', coalesce(sum(s.unchanged), 0),
        'skipped', coalesce(sum(s.skipped), 0),
        'workers', (SELECT coalesce(jsonb_agg(jsonb_build_array(w.worker_name, w.chunks) ORDER BY w.worker_name), '[]')
            FROM (SELECT worker_name, count(*) AS chunks FROM steps
                  WHERE org_id = org AND job_id = job AND state = 'done' AND counts_rows
                    AND worker_name IS NOT NULL GROUP BY worker_name) w))
    FROM steps s
    WHERE s.org_id = org AND s.job_id = job AND s.table_number IS NOT NULL
$$;

-- Asked by a release before this one.
DROP FUNCTION job_table_summaries;
