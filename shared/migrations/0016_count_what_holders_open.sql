-- A holder gets ready before it is enlisted: it logs in with as many sessions as it was given,
-- which count against the limit of the connection that it reads until it lets go.
ALTER TABLE job_holders DROP CONSTRAINT job_holders_state_check;
ALTER TABLE job_holders ADD CONSTRAINT job_holders_state_check
    CHECK (state IN ('preparing', 'enlisted', 'held', 'lost', 'left'));
ALTER TABLE job_holders ADD COLUMN sessions smallint NOT NULL DEFAULT 0 CHECK (sessions >= 0);
-- What the holder saw when it took the point; equal marks may prove one and the same state.
ALTER TABLE job_holders ADD COLUMN mark jsonb;
DROP INDEX job_holders_lease;
CREATE INDEX job_holders_lease ON job_holders (lease_until) WHERE state IN ('preparing', 'enlisted', 'held');
-- Whoever submits a job under a limit counts them.
GRANT SELECT ON job_holders TO longshore_api;
