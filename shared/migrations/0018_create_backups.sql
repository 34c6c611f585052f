-- Databases that are kept as packages; a backup's id is its package's.

CREATE TABLE backups (
    org_id          uuid NOT NULL,
    id              uuid NOT NULL,
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    -- what it was made of, and what that was called then
    connection_id   uuid NOT NULL,
    connection_name text NOT NULL,
    selection       jsonb NOT NULL,
    -- the one point of its rows, and its tables with their rows and bytes; NULL: it is not complete
    point           jsonb,
    tables          jsonb,
    -- when it was last read whole and proven
    verified_at     timestamptz,
    -- when it was last restored to be compared
    drilled_at      timestamptz,
    failure         jsonb,
    created_by_kind text NOT NULL CHECK (created_by_kind IN ('user', 'token', 'schedule')),
    created_by_id   uuid,
    created_by_name text NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, id) REFERENCES packages (org_id, id),
    CHECK ((point IS NULL) = (tables IS NULL)),
    CHECK (verified_at IS NULL OR point IS NOT NULL)
);
CREATE INDEX backups_of_connection ON backups (org_id, connection_id, id);
GRANT SELECT, INSERT ON backups TO longshore_api;
-- A person who cancels a job that nobody holds ends it.
GRANT UPDATE (failure) ON backups TO longshore_api;
