-- Saved syncs.

CREATE TABLE sync_tasks (
    org_id       uuid NOT NULL REFERENCES organisations (id),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    source_id    uuid NOT NULL,
    target_id    uuid NOT NULL,
    spec         jsonb NOT NULL,
    schedule     jsonb,
    enabled      boolean NOT NULL DEFAULT true,
    -- the next wall-clock firing; NULL without a schedule or when disabled
    next_run_at  timestamptz,
    -- what it does when its due times overlap or were missed
    overlap      text NOT NULL DEFAULT 'skip' CHECK (overlap IN ('skip', 'queue')),
    catch_up_seconds integer NOT NULL DEFAULT 3600 CHECK (catch_up_seconds BETWEEN 0 AND 604800),
    -- which an edit names
    version      integer NOT NULL DEFAULT 1,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, source_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, target_id) REFERENCES connections (org_id, id),
    CHECK (source_id <> target_id)
);
CREATE UNIQUE INDEX sync_tasks_name ON sync_tasks (org_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX sync_tasks_due ON sync_tasks (next_run_at) WHERE next_run_at IS NOT NULL;
-- The due tasks of one organisation, so that the organisations take turns.
CREATE INDEX sync_tasks_due_of ON sync_tasks (org_id, next_run_at) WHERE next_run_at IS NOT NULL;
GRANT SELECT, INSERT, UPDATE ON sync_tasks TO longshore_api;
