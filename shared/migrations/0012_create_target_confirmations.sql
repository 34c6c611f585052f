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
GRANT INSERT, DELETE ON target_confirmations TO longshore_api;
GRANT SELECT (org_id, task_id, target_id, reach, key_id) ON target_confirmations TO longshore_api;
