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
