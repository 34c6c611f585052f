-- Without statistics of a database that is new, PostgreSQL joined all steps of a job with each of its
-- tables: a job of 300 tables kept whoever asked for it waiting for minutes. What came of a table is
-- found by its index now, table by table, whatever is believed of how many there are.
CREATE FUNCTION job_table_summary(org uuid, job uuid, of_table integer) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
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
        'moving_seconds', extract(epoch FROM
            CASE WHEN bool_and(s.ended_at IS NOT NULL) FILTER (WHERE m.moves)
                 THEN max(s.ended_at) FILTER (WHERE m.moves) ELSE now() END
            - min(s.started_at) FILTER (WHERE m.moves))::float8,
        'seconds', extract(epoch FROM max(s.ended_at) - min(s.started_at))::float8)
    FROM steps s CROSS JOIN LATERAL (SELECT s.kind IN ('copy', 'diff', 'replace') AS moves) m
    WHERE s.org_id = org AND s.job_id = job AND s.table_number = of_table
$$;

-- As processes of the release before this one ask.
CREATE OR REPLACE FUNCTION job_table_summaries(org uuid, job uuid) RETURNS TABLE (number integer, summary jsonb)
LANGUAGE sql STABLE AS $$
    SELECT t.number, coalesce(t.summary, job_table_summary(t.org_id, t.job_id, t.number))
    FROM job_tables t
    WHERE t.org_id = org AND t.job_id = job
$$;
