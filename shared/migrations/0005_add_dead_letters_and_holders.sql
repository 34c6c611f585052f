-- Messages that were put aside, kept for an operator. RabbitMQ's dead queue is only their
-- way here. No organisation: what cannot be read belongs to none. The same message that is
-- put aside again counts up, so that a flood of one is one row. The body is not kept.
CREATE TABLE dead_letters (
    id           uuid PRIMARY KEY,
    -- of the queue, the reason's class and the body: the same message again
    fingerprint  bytea NOT NULL UNIQUE CHECK (length(fingerprint) = 32),
    class        text NOT NULL CHECK (class IN ('unreadable', 'too_long', 'unknown_version',
                                                'delivered_too_often', 'other')),
    reason       text NOT NULL CHECK (length(reason) <= 300),
    queue        text NOT NULL CHECK (length(queue) <= 300),
    bytes        bigint NOT NULL CHECK (bytes >= 0),
    -- the first characters of an unreadable body, everything but visible ASCII escaped
    excerpt      text CHECK (length(excerpt) <= 300),
    -- what a readable message says; nothing of it needs to exist
    org_id       uuid,
    job_id       uuid,
    step_id      uuid,
    kind         text CHECK (length(kind) <= 300),
    count        bigint NOT NULL DEFAULT 1 CHECK (count > 0),
    first_at     timestamptz NOT NULL DEFAULT now(),
    last_at      timestamptz NOT NULL DEFAULT now(),
    -- the last replay, and what came of it
    replayed_at  timestamptz,
    replay       text CHECK (length(replay) <= 300),
    CHECK ((org_id IS NULL) = (step_id IS NULL) AND (org_id IS NULL) = (job_id IS NULL)),
    CHECK ((replayed_at IS NULL) = (replay IS NULL))
);
CREATE INDEX dead_letters_age ON dead_letters (last_at);
CREATE INDEX dead_letters_to_replay ON dead_letters (id) WHERE replayed_at IS NULL AND step_id IS NOT NULL;
GRANT SELECT, INSERT, UPDATE, DELETE ON dead_letters TO longshore_system;
-- Shown to, and replayed by, platform administrators.
GRANT SELECT ON dead_letters TO longshore_api;
GRANT UPDATE (replayed_at, replay) ON dead_letters TO longshore_api;

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
    -- `enlisted` -> `held` (it holds the point) -> `lost` (silent), `left` (let go)
    state        text NOT NULL CHECK (state IN ('enlisted', 'held', 'lost', 'left')),
    lease_until  timestamptz NOT NULL,
    PRIMARY KEY (org_id, job_id, generation, worker_id),
    FOREIGN KEY (org_id, job_id) REFERENCES job_holds (org_id, job_id) ON DELETE CASCADE
);
CREATE INDEX job_holders_lease ON job_holders (lease_until) WHERE state IN ('enlisted', 'held');

-- The queue of a job's own, and the generation of holders under which a step was claimed.
ALTER TABLE steps DROP CONSTRAINT steps_queue_check;
ALTER TABLE steps ADD CONSTRAINT steps_queue_check CHECK (queue IN ('interactive', 'first', 'bulk', 'job'));
ALTER TABLE steps ADD COLUMN generation integer;
ALTER TABLE outbox DROP CONSTRAINT outbox_queue_check;
ALTER TABLE outbox ADD CONSTRAINT outbox_queue_check CHECK (queue IN ('interactive', 'first', 'bulk', 'job'));

DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['job_holds', 'job_holders'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY organisation ON %I TO longshore_api '
            || 'USING (org_id = nullif(current_setting(''longshore.org'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY system ON %I TO longshore_system USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO longshore_system', t);
    END LOOP;
END $$;
