-- Messages that are owed: written in the transaction that causes them, published after it.

CREATE TABLE outbox (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id        uuid NOT NULL REFERENCES organisations (id),
    job_id        uuid NOT NULL,
    step_id       uuid NOT NULL,
    queue         text NOT NULL CHECK (queue IN ('interactive', 'first', 'bulk', 'job')),
    body          jsonb NOT NULL,
    -- a retry's pause: not published before this time
    not_before    timestamptz NOT NULL DEFAULT now(),
    -- it had a pause: no process waits for it, the sweep publishes it when it is due
    delayed       boolean NOT NULL DEFAULT false,
    published_at  timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (not_before) WHERE published_at IS NULL;
CREATE INDEX outbox_step ON outbox (org_id, step_id);
GRANT SELECT, INSERT, UPDATE ON outbox TO longshore_api;
