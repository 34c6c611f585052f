-- A connection whose password is given with each run, and one whose writers are confirmed.
ALTER TABLE connections ADD COLUMN ask_password boolean NOT NULL DEFAULT false;
ALTER TABLE connections ADD COLUMN protected boolean NOT NULL DEFAULT false;

-- A run brings passwords for its two sides.
ALTER TABLE job_secrets DROP CONSTRAINT job_secrets_name_check;
ALTER TABLE job_secrets ADD CONSTRAINT job_secrets_name_check
    CHECK (name IN ('password', 'tls_client_key', 'source.password', 'target.password')
           OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$');

-- That a task's schedule may write to a protected connection, as that led at the time. The
-- password that was given stays, sealed, until a worker has compared it with the stored one.
CREATE TABLE target_confirmations (
    org_id     uuid NOT NULL,
    task_id    uuid NOT NULL,
    target_id  uuid NOT NULL,
    reach      integer NOT NULL CHECK (reach > 0),
    key_id     text,
    sealed     bytea,
    PRIMARY KEY (org_id, task_id),
    FOREIGN KEY (org_id, task_id) REFERENCES sync_tasks (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, target_id) REFERENCES connections (org_id, id),
    CHECK ((key_id IS NULL) = (sealed IS NULL))
);
ALTER TABLE target_confirmations ENABLE ROW LEVEL SECURITY;
ALTER TABLE target_confirmations FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON target_confirmations TO longshore_api
    USING (org_id = nullif(current_setting('longshore.org', true), '')::uuid);
CREATE POLICY system ON target_confirmations TO longshore_system USING (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON target_confirmations TO longshore_system;
GRANT INSERT, DELETE ON target_confirmations TO longshore_api;
GRANT SELECT (org_id, task_id, target_id, reach, key_id) ON target_confirmations TO longshore_api;
