-- Saved syncs. When each runs by itself its schedule says.

CREATE TABLE sync_tasks (
    org_id      uuid NOT NULL REFERENCES organisations (id),
    id          uuid NOT NULL,
    name        text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    source_id   uuid NOT NULL,
    target_id   uuid NOT NULL,
    spec        jsonb NOT NULL,
    -- which an edit names
    version     integer NOT NULL DEFAULT 1,
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    deleted_at  timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, source_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, target_id) REFERENCES connections (org_id, id),
    CHECK (source_id <> target_id)
);
CREATE UNIQUE INDEX sync_tasks_name ON sync_tasks (org_id, lower(name)) WHERE deleted_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON sync_tasks TO longshore_api;
