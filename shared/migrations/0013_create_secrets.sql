-- Sealed by HPKE: the API can write these and never read them back.
CREATE TABLE connection_secrets (
    org_id         uuid NOT NULL,
    connection_id  uuid NOT NULL,
    name           text NOT NULL
                       CHECK (name IN ('password', 'tls_client_key')
                              OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$'),
    version        integer NOT NULL CHECK (version > 0),
    key_id         text NOT NULL,
    sealed         bytea NOT NULL,
    PRIMARY KEY (org_id, connection_id, name),
    FOREIGN KEY (org_id, connection_id) REFERENCES connections (org_id, id) ON DELETE CASCADE
);
GRANT INSERT, UPDATE, DELETE ON connection_secrets TO longshore_api;
GRANT SELECT (org_id, connection_id, name, version, key_id) ON connection_secrets TO longshore_api;

-- What a test or a run was given that its connections do not store: sealed for their job, opened by
-- its worker, gone when it ends.
CREATE TABLE job_secrets (
    org_id  uuid NOT NULL,
    job_id  uuid NOT NULL,
    name    text NOT NULL
                CHECK (name IN ('password', 'tls_client_key', 'source.password', 'target.password')
                       OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$'),
    key_id  text NOT NULL,
    sealed  bytea NOT NULL,
    PRIMARY KEY (org_id, job_id, name),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
);
-- A cancel may be what ends a job, and so what deletes its secrets.
GRANT INSERT, DELETE ON job_secrets TO longshore_api;
GRANT SELECT (org_id, job_id, name, key_id) ON job_secrets TO longshore_api;
