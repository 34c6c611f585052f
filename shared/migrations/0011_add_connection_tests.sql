-- Tests of connections: a job that walks the way to a database and says stage by stage what
-- it found.
ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('sync', 'probe', 'connection_test'));

-- What a job found; of a saved connection also which version of it was tested.
CREATE TABLE connection_tests (
    org_id         uuid NOT NULL,
    job_id         uuid NOT NULL,
    connection_id  uuid,
    version        integer,
    examination    jsonb NOT NULL,
    PRIMARY KEY (org_id, job_id),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, connection_id) REFERENCES connections (org_id, id),
    CHECK ((connection_id IS NULL) = (version IS NULL))
);

-- Secrets of a connection that is tested before it is saved: sealed for their job, opened by
-- its worker, gone when it ends.
CREATE TABLE job_secrets (
    org_id  uuid NOT NULL,
    job_id  uuid NOT NULL,
    name    text NOT NULL
                CHECK (name = 'password' OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$'),
    key_id  text NOT NULL,
    sealed  bytea NOT NULL,
    PRIMARY KEY (org_id, job_id, name),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
);

-- How many tests an organisation has asked for in the minute that began then.
CREATE TABLE connection_test_counts (
    org_id    uuid PRIMARY KEY REFERENCES organisations (id),
    begun_at  timestamptz NOT NULL,
    tests     integer NOT NULL CHECK (tests > 0)
);

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['connection_tests', 'job_secrets', 'connection_test_counts'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY organisation ON %I TO longshore_api '
            || 'USING (org_id = nullif(current_setting(''longshore.org'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY system ON %I TO longshore_system USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO longshore_system', t);
    END LOOP;
END $$;
GRANT SELECT ON connection_tests TO longshore_api;
-- A cancel may be what ends a job, and so what deletes its secrets.
GRANT INSERT, DELETE ON job_secrets TO longshore_api;
GRANT SELECT (org_id, job_id, name, key_id) ON job_secrets TO longshore_api;
GRANT SELECT, INSERT, UPDATE ON connection_test_counts TO longshore_api;

-- What the last test of this version found, and when the scheduler looks again.
ALTER TABLE connections ADD COLUMN examination jsonb;
ALTER TABLE connections ADD COLUMN recheck_at timestamptz;
CREATE INDEX connections_to_recheck ON connections (recheck_at) WHERE deleted_at IS NULL;
-- Tests that nobody asked for are deleted soon.
CREATE INDEX jobs_rechecks ON jobs (ended_at) WHERE kind = 'connection_test' AND trigger = 'schedule';
