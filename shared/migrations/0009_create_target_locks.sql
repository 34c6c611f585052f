-- One writer for a target's tables, over the whole fleet: which job writes where, which
-- jobs wait for that, and which ended jobs may have left a session behind. The server is
-- what it calls itself, so that every way to it leads to the same rows.
CREATE TABLE target_locks (
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
CREATE INDEX target_locks_area ON target_locks (server, database, place);
CREATE INDEX target_locks_waiting ON target_locks (place) WHERE state = 'waiting';
-- A cancel may be what ends a job, and so what releases its target.
GRANT SELECT, UPDATE, DELETE ON target_locks TO longshore_api;

-- NULL stands for every table.
CREATE FUNCTION tables_overlap(a text[], b text[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT a IS NULL OR b IS NULL OR a && b
$$;

-- Whether a job waits: what it has announced is taken up by nobody yet.
CREATE FUNCTION waits_for_target(org uuid, job uuid) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM target_locks WHERE org_id = org AND job_id = job AND state = 'waiting')
$$;
