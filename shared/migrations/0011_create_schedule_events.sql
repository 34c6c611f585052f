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
GRANT SELECT ON schedule_events TO longshore_api;
