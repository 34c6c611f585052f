-- What a task does when its due times overlap or were missed, and the version of its row,
-- which an edit names.
ALTER TABLE sync_tasks
    ADD COLUMN overlap text NOT NULL DEFAULT 'skip' CHECK (overlap IN ('skip', 'queue')),
    ADD COLUMN catch_up_seconds integer NOT NULL DEFAULT 3600 CHECK (catch_up_seconds BETWEEN 0 AND 604800),
    ADD COLUMN version integer NOT NULL DEFAULT 1;
-- The due tasks of one organisation, so that the organisations take turns.
CREATE INDEX sync_tasks_due_of ON sync_tasks (org_id, next_run_at) WHERE next_run_at IS NOT NULL;

-- A run that waits for its task's run before it, which is named here; it has no step until it
-- is let go. No foreign key: a cancelled one may outlive the run that it waited for.
ALTER TABLE jobs
    ADD COLUMN queued_behind uuid,
    ADD CONSTRAINT jobs_queued CHECK (queued_behind IS NULL OR state IN ('pending', 'failed', 'cancelled'));
DROP INDEX jobs_one_active_run;
CREATE UNIQUE INDEX jobs_one_active_run ON jobs (org_id, task_id)
    WHERE state IN ('pending', 'running') AND queued_behind IS NULL;
CREATE UNIQUE INDEX jobs_one_queued_run ON jobs (org_id, task_id)
    WHERE state = 'pending' AND queued_behind IS NOT NULL;

-- What came of each due time. One row stands for `times` missed ones, from `due_at` to
-- `last_due_at`. No foreign key to the job: its row may be pruned sooner.
CREATE TABLE schedule_events (
    org_id       uuid NOT NULL,
    task_id      uuid NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    due_at       timestamptz NOT NULL,
    last_due_at  timestamptz NOT NULL CHECK (last_due_at >= due_at),
    times        integer NOT NULL CHECK (times > 0),
    result       text NOT NULL CHECK (result IN ('fired', 'queued', 'skipped', 'missed', 'unreadable')),
    job_id       uuid,
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, task_id, id),
    FOREIGN KEY (org_id, task_id) REFERENCES sync_tasks (org_id, id) ON DELETE CASCADE
);
CREATE INDEX schedule_events_age ON schedule_events (at);

ALTER TABLE schedule_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE schedule_events FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON schedule_events TO longshore_api
    USING (org_id = nullif(current_setting('longshore.org', true), '')::uuid);
CREATE POLICY system ON schedule_events TO longshore_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON schedule_events TO longshore_system;
GRANT SELECT ON schedule_events TO longshore_api;
