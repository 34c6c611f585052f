-- A job whose steps some workers only can do: those that hold something for it.
CREATE TABLE job_holds (
    org_id      uuid NOT NULL,
    job_id      uuid NOT NULL,
    -- grows with each enlisting; what an older one held is never used beside a newer one's
    generation  integer NOT NULL CHECK (generation > 0),
    -- holders are asked for; each is told the point; their steps go out
    phase       text NOT NULL CHECK (phase IN ('enlisting', 'fixing', 'open')),
    -- holders at most
    wanted      integer NOT NULL CHECK (wanted > 0),
    -- what the leader told the holders
    point       jsonb,
    -- the stage that enlists: the job starts again from here when all holders are lost
    stage       integer NOT NULL,
    restarts    integer NOT NULL DEFAULT 0 CHECK (restarts >= 0),
    PRIMARY KEY (org_id, job_id),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, job_id, stage) REFERENCES stages (org_id, job_id, number) ON DELETE CASCADE,
    CHECK ((phase = 'enlisting') = (point IS NULL))
);

CREATE TABLE job_holders (
    org_id       uuid NOT NULL,
    job_id       uuid NOT NULL,
    generation   integer NOT NULL CHECK (generation > 0),
    worker_id    uuid NOT NULL,
    worker_name  text NOT NULL,
    -- `preparing` (it logs in) -> `enlisted` -> `held` (it holds the point) -> `lost` (silent),
    -- `left` (let go)
    state        text NOT NULL CHECK (state IN ('preparing', 'enlisted', 'held', 'lost', 'left')),
    -- that it was given; they count against the limit of the connection that it reads until it lets go
    sessions     smallint NOT NULL DEFAULT 0 CHECK (sessions >= 0),
    -- of one that left before the point was fixed: why it could not hold it
    refusals     jsonb,
    lease_until  timestamptz NOT NULL,
    PRIMARY KEY (org_id, job_id, generation, worker_id),
    FOREIGN KEY (org_id, job_id) REFERENCES job_holds (org_id, job_id) ON DELETE CASCADE
);
CREATE INDEX job_holders_lease ON job_holders (lease_until) WHERE state IN ('preparing', 'enlisted', 'held');
-- Whoever submits a job under a limit counts them.
GRANT SELECT ON job_holders TO longshore_api;
