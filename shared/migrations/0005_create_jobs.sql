-- What people and schedules asked for, and what is told of it.

CREATE TABLE jobs (
    org_id            uuid NOT NULL REFERENCES organisations (id),
    id                uuid NOT NULL,
    kind              text NOT NULL CHECK (kind ~ '^[a-z_]+$'),
    state             text NOT NULL CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    -- what it is a run of, if it is one; the words of kinds are the code's alone. No foreign key: the
    -- history outlives what it tells of
    subject_kind      text CHECK (subject_kind ~ '^[a-z_]+$'),
    subject_id        uuid,
    source_id         uuid,
    target_id         uuid,
    -- what it works on, as a person calls it, and what its connections were called then
    name              text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    source_name       text,
    target_name       text,
    -- of its connections when it was submitted
    source_reach      integer,
    target_reach      integer,
    spec              jsonb NOT NULL,
    -- who asked, by the name of then; without an id: a schedule of Longshore's own
    requested_by_kind text NOT NULL CHECK (requested_by_kind IN ('user', 'token', 'schedule')),
    requested_by_id   uuid,
    requested_by_name text NOT NULL,
    -- the schedule's due time: one job for each (subject, due time)
    due_at            timestamptz,
    -- the run of its subject before it, which it waits for: it has no step until it is let go. No
    -- foreign key: a cancelled one may outlive the run that it waited for
    queued_behind     uuid,
    -- how it is to end once its last running step has stopped
    ending            text CHECK (ending IN ('failed', 'cancelled')),
    trace             text,
    warnings          jsonb NOT NULL DEFAULT '[]',
    failure           jsonb,
    -- when a step of it was let out last under a limit: jobs of one limit take turns by it
    let_out_at        timestamptz,
    -- what came of it, written when it ends: its view needs its steps no more, and they are
    -- deleted when the history's time is over. NULL: add the steps up
    summary           jsonb,
    pruned_at         timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    started_at        timestamptz,
    ended_at          timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, source_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, target_id) REFERENCES connections (org_id, id),
    CHECK ((subject_kind IS NULL) = (subject_id IS NULL)),
    CHECK (requested_by_kind = 'schedule' OR requested_by_id IS NOT NULL),
    CHECK (due_at IS NULL OR (subject_id IS NOT NULL AND requested_by_kind = 'schedule')),
    CHECK ((source_id IS NULL) = (source_name IS NULL)),
    CHECK ((target_id IS NULL) = (target_name IS NULL)),
    CHECK ((state IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK (state <> 'failed' OR failure IS NOT NULL),
    CHECK (failure IS NULL OR state = 'failed' OR ending = 'failed'),
    CHECK (state <> 'completed' OR ending IS NULL),
    CHECK (state <> 'running' OR started_at IS NOT NULL),
    CONSTRAINT jobs_queued CHECK (queued_behind IS NULL OR state IN ('pending', 'failed', 'cancelled')),
    CONSTRAINT jobs_pruned_check CHECK (pruned_at IS NULL OR (ended_at IS NOT NULL AND summary IS NOT NULL))
);
CREATE UNIQUE INDEX jobs_due ON jobs (org_id, subject_kind, subject_id, due_at) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_one_active_run ON jobs (org_id, subject_kind, subject_id)
    WHERE state IN ('pending', 'running') AND queued_behind IS NULL;
CREATE UNIQUE INDEX jobs_one_queued_run ON jobs (org_id, subject_kind, subject_id)
    WHERE state = 'pending' AND queued_behind IS NOT NULL;
CREATE INDEX jobs_active ON jobs (state) WHERE state IN ('pending', 'running');
CREATE INDEX jobs_unended ON jobs (org_id) WHERE state IN ('pending', 'running');
CREATE INDEX jobs_to_prune ON jobs (ended_at) WHERE pruned_at IS NULL AND ended_at IS NOT NULL;
-- Tests that nobody asked for are deleted soon.
CREATE INDEX jobs_rechecks ON jobs (kind, ended_at) WHERE requested_by_kind = 'schedule';
-- Lists over a long history: each filter has its order. The primary key serves the list
-- without a filter.
CREATE INDEX jobs_by_state ON jobs (org_id, state, id);
CREATE INDEX jobs_by_kind ON jobs (org_id, kind, id);
CREATE INDEX jobs_by_subject ON jobs (org_id, subject_kind, subject_id, id) WHERE subject_id IS NOT NULL;
CREATE INDEX jobs_by_source ON jobs (org_id, source_id, id) WHERE source_id IS NOT NULL;
CREATE INDEX jobs_by_target ON jobs (org_id, target_id, id) WHERE target_id IS NOT NULL;
-- When something went well last.
CREATE INDEX jobs_completed ON jobs (org_id, subject_kind, subject_id, id)
    WHERE state = 'completed' AND subject_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON jobs TO longshore_api;

CREATE TABLE job_log (
    org_id   uuid NOT NULL,
    job_id   uuid NOT NULL,
    id       bigint GENERATED ALWAYS AS IDENTITY,
    at       timestamptz NOT NULL DEFAULT now(),
    level    text NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    message  text NOT NULL,
    step_id  uuid,
    worker   text,
    PRIMARY KEY (org_id, job_id, id),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
);
GRANT SELECT, INSERT ON job_log TO longshore_api;

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
