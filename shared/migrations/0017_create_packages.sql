-- Dumps and backups in the store: which manifest counts, and where each stands.

CREATE TABLE packages (
    org_id         uuid NOT NULL REFERENCES organisations (id),
    id             uuid NOT NULL,
    -- the words of kinds are the code's alone
    kind           text NOT NULL CHECK (kind ~ '^[a-z_]+$'),
    engine         text NOT NULL,
    state          text NOT NULL CHECK (state IN ('writing', 'complete', 'failed', 'deleted')),
    -- the job that writes it. No foreign key: a job may be forgotten
    job_id         uuid,
    -- where the manifest lies, its BLAKE3 in hex and its bytes: objects that it does not name are nothing
    manifest_key   text,
    manifest_hash  text CHECK (manifest_hash ~ '^[0-9a-f]{64}$'),
    manifest_bytes bigint CHECK (manifest_bytes > 0),
    server_version text,
    -- bytes of the rows' text, and of all objects
    size_bytes     bigint NOT NULL DEFAULT 0 CHECK (size_bytes >= 0),
    stored_bytes   bigint NOT NULL DEFAULT 0 CHECK (stored_bytes >= 0),
    created_at     timestamptz NOT NULL DEFAULT now(),
    completed_at   timestamptz,
    deleted_at     timestamptz,
    -- since when its objects are gone, or just those of the manifest
    swept_at       timestamptz,
    PRIMARY KEY (org_id, id),
    CHECK ((manifest_key IS NULL) = (manifest_hash IS NULL) AND (manifest_key IS NULL) = (manifest_bytes IS NULL)),
    CHECK (state <> 'complete' OR manifest_key IS NOT NULL),
    CHECK (state IN ('complete', 'deleted') OR manifest_key IS NULL),
    CHECK ((manifest_key IS NULL) = (completed_at IS NULL)),
    CHECK ((state = 'deleted') = (deleted_at IS NOT NULL))
);
CREATE INDEX packages_of_job ON packages (org_id, job_id) WHERE state = 'writing';
CREATE INDEX packages_to_sweep ON packages (id) WHERE state <> 'writing' AND swept_at IS NULL;
GRANT SELECT, INSERT ON packages TO longshore_api;
GRANT UPDATE (state, deleted_at, swept_at) ON packages TO longshore_api;
