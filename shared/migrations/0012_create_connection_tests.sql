-- Tests of connections: a job that walks the way to a database and says stage by stage what it
-- found; of a saved connection also which version of it was tested.
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
GRANT SELECT ON connection_tests TO longshore_api;

-- How many tests an organisation has asked for in the minute that began then.
CREATE TABLE connection_test_counts (
    org_id    uuid PRIMARY KEY REFERENCES organisations (id),
    begun_at  timestamptz NOT NULL,
    tests     integer NOT NULL CHECK (tests > 0)
);
GRANT SELECT, INSERT, UPDATE ON connection_test_counts TO longshore_api;
