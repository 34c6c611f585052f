-- When something runs by itself, what came of each due time, and who let it write.

-- One row for each subject that can run by itself; the words of kinds are the code's alone. The row
-- is the subject's lock too: schedulers, edits and runs that queue take it first.
CREATE TABLE schedules (
    org_id            uuid NOT NULL REFERENCES organisations (id),
    id                uuid NOT NULL,
    subject_kind      text NOT NULL CHECK (subject_kind ~ '^[a-z_]+$'),
    subject_id        uuid NOT NULL,
    -- NULL: it runs when somebody asks
    spec              jsonb,
    enabled           boolean NOT NULL,
    -- what happens when its due times overlap or were missed
    overlap           text NOT NULL CHECK (overlap IN ('skip', 'queue')),
    catch_up_seconds  integer NOT NULL CHECK (catch_up_seconds BETWEEN 0 AND 604800),
    -- the next wall-clock firing; NULL: none
    next_run_at       timestamptz,
    -- its subject was deleted; the row stays for the history
    deleted_at        timestamptz,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, subject_kind, subject_id),
    CHECK (next_run_at IS NULL OR (spec IS NOT NULL AND enabled AND deleted_at IS NULL))
);
CREATE INDEX schedules_due ON schedules (next_run_at) WHERE next_run_at IS NOT NULL;
-- The due ones of one organisation, so that the organisations take turns.
CREATE INDEX schedules_due_of ON schedules (org_id, next_run_at) WHERE next_run_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON schedules TO longshore_api;

-- What came of each due time. One row stands for `times` missed ones, from `due_at` to
-- `last_due_at`. No foreign key to the job: its row may be pruned sooner.
CREATE TABLE schedule_events (
    org_id       uuid NOT NULL,
    schedule_id  uuid NOT NULL,
    id           bigint GENERATED ALWAYS AS IDENTITY,
    due_at       timestamptz NOT NULL,
    last_due_at  timestamptz NOT NULL CHECK (last_due_at >= due_at),
    times        integer NOT NULL CHECK (times > 0),
    result       text NOT NULL CHECK (result IN ('fired', 'queued', 'skipped', 'missed', 'unreadable')),
    job_id       uuid,
    at           timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, schedule_id, id),
    FOREIGN KEY (org_id, schedule_id) REFERENCES schedules (org_id, id) ON DELETE CASCADE
);
CREATE INDEX schedule_events_age ON schedule_events (at);
GRANT SELECT ON schedule_events TO longshore_api;

-- That a schedule may write to a protected connection, as that led at the time. The password that
-- was given is a secret of the schedule's until a worker has compared it with the stored one.
CREATE TABLE target_confirmations (
    org_id       uuid NOT NULL,
    schedule_id  uuid NOT NULL,
    target_id    uuid NOT NULL,
    reach        integer NOT NULL CHECK (reach > 0),
    PRIMARY KEY (org_id, schedule_id),
    FOREIGN KEY (org_id, schedule_id) REFERENCES schedules (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, target_id) REFERENCES connections (org_id, id)
);
GRANT SELECT, INSERT, DELETE ON target_confirmations TO longshore_api;
