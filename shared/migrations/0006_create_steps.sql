-- The units of a job's work, the stages that they form, and the tables that they work on.

-- Steps that wait for the same things form a stage; it opens when the last
-- stage that feeds it has ended.
CREATE TABLE stages (
    org_id     uuid NOT NULL,
    job_id     uuid NOT NULL,
    number     integer NOT NULL CHECK (number >= 0),
    name       text NOT NULL,
    feeds      integer[] NOT NULL DEFAULT '{}',
    waits      integer NOT NULL CHECK (waits >= 0),
    remaining  integer NOT NULL CHECK (remaining >= 0),
    PRIMARY KEY (org_id, job_id, number),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
);
GRANT SELECT, INSERT, UPDATE ON stages TO longshore_api;

-- What a job does to each table: the worker's plan, then what came of it.
CREATE TABLE job_tables (
    org_id          uuid NOT NULL,
    job_id          uuid NOT NULL,
    number          integer NOT NULL CHECK (number >= 0),
    name            text NOT NULL,
    mode            text NOT NULL CHECK (mode IN ('create', 'fill', 'diff', 'replace', 'equal', 'dump', 'refused')),
    plan            jsonb NOT NULL,
    rows_total      bigint NOT NULL DEFAULT 0,
    bytes_total     bigint NOT NULL DEFAULT 0,
    verified        jsonb,
    failure         jsonb,
    -- what came of it, written when the job ends; NULL: add the steps up
    summary         jsonb,
    -- what it is still to get of what it was made with: whether its rows are a first copy's that
    -- did not end, and the names of indexes and foreign keys. The next job's plan reads it of the
    -- last job that touched the table. NULL: its plan tells
    owes            jsonb,
    -- the step that works on it together with others; NULL: it has steps of its own, and what came of it is
    -- added up from these
    step_ordinal    integer,
    -- nothing is left to do of it
    done            boolean NOT NULL DEFAULT false,
    -- the target holds some of its writes, or may hold some
    wrote           boolean NOT NULL DEFAULT false,
    rows            bigint NOT NULL DEFAULT 0,
    bytes           bigint NOT NULL DEFAULT 0,
    inserted        bigint NOT NULL DEFAULT 0,
    updated         bigint NOT NULL DEFAULT 0,
    deleted         bigint NOT NULL DEFAULT 0,
    unchanged       bigint NOT NULL DEFAULT 0,
    skipped         bigint NOT NULL DEFAULT 0,
    -- how long a worker had it in hand, and which one
    seconds         double precision,
    worker_name     text,
    PRIMARY KEY (org_id, job_id, number),
    UNIQUE (org_id, job_id, name),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE,
    CHECK (step_ordinal IS NOT NULL OR NOT (done OR wrote))
);
CREATE INDEX job_tables_of_step ON job_tables (org_id, job_id, step_ordinal) WHERE step_ordinal IS NOT NULL;
GRANT SELECT ON job_tables TO longshore_api;
-- A person who cancels a job that nobody holds ends it.
GRANT UPDATE (summary) ON job_tables TO longshore_api;

CREATE TABLE steps (
    org_id        uuid NOT NULL,
    id            uuid NOT NULL,
    job_id        uuid NOT NULL,
    stage         integer NOT NULL,
    -- the order in which a job's steps are announced
    ordinal       integer NOT NULL,
    kind          text NOT NULL,
    queue         text NOT NULL CHECK (queue IN ('interactive', 'first', 'bulk', 'job')),
    state         text NOT NULL CHECK (state IN ('waiting', 'announced', 'running', 'done', 'failed', 'cancelled')),
    table_number  integer,
    payload       jsonb NOT NULL,
    -- sessions that it opens on each of its job's databases at once
    source_sessions smallint NOT NULL DEFAULT 1 CHECK (source_sessions >= 0),
    target_sessions smallint NOT NULL DEFAULT 1 CHECK (target_sessions >= 0),
    -- what the statements ask of a step, as the code knows it of the step's kind: whether it counts
    -- as a part of a table's rows, and from when on it may have written. So no statement names a
    -- kind, and a new one needs no migration. The words of kinds are the code's alone
    counts_rows   boolean NOT NULL,
    written_from  text NOT NULL CHECK (written_from IN ('never', 'commit', 'start')),
    attempt       integer NOT NULL DEFAULT 0,
    -- grows at each claim; a write that names an old one changes nothing
    token         bigint NOT NULL DEFAULT 0,
    -- of the holders under which it was claimed
    generation    integer,
    lease_until   timestamptz,
    -- a row of `workers` that is pruned sooner than the step; the name stays
    worker_id     uuid,
    worker_name   text,
    announced_at  timestamptz,
    started_at    timestamptz,
    ended_at      timestamptz,
    outcome       jsonb,
    failure       jsonb,
    -- an attempt that did not come to its end may have left writes on the target: a table's state
    -- turns on what was written, not on what was begun
    wrote         boolean NOT NULL DEFAULT false,
    rows          bigint NOT NULL DEFAULT 0,
    bytes         bigint NOT NULL DEFAULT 0,
    inserted      bigint NOT NULL DEFAULT 0,
    updated       bigint NOT NULL DEFAULT 0,
    deleted       bigint NOT NULL DEFAULT 0,
    unchanged     bigint NOT NULL DEFAULT 0,
    skipped       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, job_id, ordinal),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, job_id, stage) REFERENCES stages (org_id, job_id, number),
    FOREIGN KEY (org_id, job_id, table_number) REFERENCES job_tables (org_id, job_id, number),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('done', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK (state <> 'failed' OR failure IS NOT NULL)
);
-- A job's next steps in their order, and those that are out: what every announcement asks.
CREATE INDEX steps_waiting ON steps (org_id, job_id, ordinal) WHERE state = 'waiting';
CREATE INDEX steps_out ON steps (org_id, job_id) WHERE state IN ('announced', 'running');
CREATE INDEX steps_of_table ON steps (org_id, job_id, table_number);
CREATE INDEX steps_running ON steps (lease_until) WHERE state = 'running';
CREATE INDEX steps_announced ON steps (queue, announced_at) WHERE state = 'announced';
-- The API submits jobs and never settles a step.
GRANT SELECT, INSERT, UPDATE ON steps TO longshore_api;

-- What came of a job's table and of a job, added up from the steps. Functions, so that what is
-- shown of a running job and what is kept of an ended one are one sum. `rows` and `bytes` count the
-- steps that move rows only, so that a verification does not count them twice. Table by table:
-- without statistics of a database that is new, PostgreSQL joined all steps of a job with each of
-- its tables. In PL/pgSQL: planned once a session, not once for each row of a list.
CREATE FUNCTION job_table_summary(org uuid, job uuid, of_table integer) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object(
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
    WHERE s.org_id = org AND s.job_id = job AND s.table_number = of_table);
END $$;

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
CREATE FUNCTION job_counts(org uuid, job uuid) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN (SELECT jsonb_build_object(
        'rows', own.rows + together.rows, 'bytes', own.bytes + together.bytes,
        'inserted', own.inserted + together.inserted, 'updated', own.updated + together.updated,
        'deleted', own.deleted + together.deleted, 'unchanged', own.unchanged + together.unchanged,
        'skipped', own.skipped + together.skipped)
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
          FROM job_tables t WHERE t.org_id = org AND t.job_id = job AND t.step_ordinal IS NOT NULL) together);
END $$;

CREATE FUNCTION job_summary(org uuid, job uuid) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN job_counts(org, job) || jsonb_build_object('workers', (
        SELECT coalesce(jsonb_agg(jsonb_build_array(w.worker_name, w.chunks) ORDER BY w.worker_name), '[]')
        FROM (SELECT worker_name, count(*) AS chunks FROM steps
              WHERE org_id = org AND job_id = job AND state = 'done' AND counts_rows
                AND worker_name IS NOT NULL GROUP BY worker_name) w));
END $$;
