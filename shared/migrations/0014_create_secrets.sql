-- Every sealed value, whoever it belongs to: a connection logs in with it, a job was given it and
-- loses it at its end, a schedule's confirmation is compared with it, a webhook signs with it. Sealed
-- by HPKE for its row (organisation, owner, name) and version: in another row it does not open. The
-- API can write these and never read them back.
CREATE TABLE secrets (
    org_id         uuid NOT NULL REFERENCES organisations (id),
    owner_kind     text NOT NULL,
    owner_id       uuid NOT NULL,
    name           text NOT NULL,
    version        integer NOT NULL CHECK (version > 0),
    key_id         text NOT NULL,
    sealed         bytea NOT NULL,
    -- no secret without its owner
    connection_id  uuid GENERATED ALWAYS AS (CASE owner_kind WHEN 'connection' THEN owner_id END) STORED,
    job_id         uuid GENERATED ALWAYS AS (CASE owner_kind WHEN 'job' THEN owner_id END) STORED,
    schedule_id    uuid GENERATED ALWAYS AS (CASE owner_kind WHEN 'schedule' THEN owner_id END) STORED,
    webhook_id     uuid GENERATED ALWAYS AS (CASE owner_kind WHEN 'webhook' THEN owner_id END) STORED,
    PRIMARY KEY (org_id, owner_kind, owner_id, name),
    FOREIGN KEY (org_id, connection_id) REFERENCES connections (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, schedule_id) REFERENCES schedules (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks (org_id, id) ON DELETE CASCADE,
    CONSTRAINT secrets_name_check
        CHECK (CASE owner_kind
                   WHEN 'connection' THEN name IN ('password', 'tls_client_key')
                       OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$'
                   WHEN 'job' THEN name IN ('password', 'tls_client_key', 'source.password', 'target.password')
                       OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$'
                   WHEN 'schedule' THEN name = 'target.password'
                   WHEN 'webhook' THEN name = 'signing_key'
                   ELSE false
               END)
);
-- Jobs that nobody asked for are deleted, and this with them.
CREATE INDEX secrets_of_job ON secrets (org_id, job_id) WHERE job_id IS NOT NULL;
GRANT INSERT, DELETE ON secrets TO longshore_api;
GRANT SELECT (org_id, owner_kind, owner_id, name, version, key_id) ON secrets TO longshore_api;
