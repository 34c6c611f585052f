-- Webhooks: who wants to hear of a job's end, and what was told to whom.

-- A UUID of version 7: the time first, so that keys of rows made by a statement are ordered.
CREATE FUNCTION time_ordered_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) PLACING
        substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1), 53, 1), 'hex')::uuid
$$;

CREATE TABLE webhooks (
    org_id           uuid NOT NULL REFERENCES organisations (id),
    id               uuid NOT NULL,
    url              text NOT NULL CHECK (length(url) BETWEEN 1 AND 2000),
    events           text[] NOT NULL CHECK (cardinality(events) > 0
                         AND events <@ ARRAY['job.completed', 'job.failed', 'job.cancelled']),
    enabled          boolean NOT NULL DEFAULT true,
    -- why Longshore itself has switched it off
    disabled_reason  text CHECK (disabled_reason IN ('gone', 'failing')),
    -- since when nothing has been taken; NULL after a delivery
    failing_since    timestamptz,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    -- a deleted one keeps its row, so that no job's end has to wait for a deletion
    deleted_at       timestamptz,
    PRIMARY KEY (org_id, id),
    CHECK (disabled_reason IS NULL OR NOT enabled)
);

CREATE TABLE webhook_deliveries (
    org_id        uuid NOT NULL,
    id            uuid NOT NULL,
    webhook_id    uuid NOT NULL,
    event         text NOT NULL CHECK (event IN ('job.completed', 'job.failed', 'job.cancelled', 'ping')),
    -- NULL: a ping, which is about no job
    job_id        uuid,
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'delivered', 'failed')),
    attempts      integer NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    -- when it is tried next; while a worker tries it, when it counts as let go
    next_at       timestamptz DEFAULT now(),
    trying        boolean NOT NULL DEFAULT false,
    last_status   integer,
    last_error    text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, webhook_id) REFERENCES webhooks (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE,
    CHECK ((event = 'ping') = (job_id IS NULL)),
    CHECK ((state = 'pending') = (next_at IS NOT NULL)),
    CHECK ((state = 'pending') = (ended_at IS NULL)),
    CHECK (state = 'pending' OR NOT trying)
);
CREATE INDEX webhook_deliveries_due ON webhook_deliveries (next_at) WHERE state = 'pending';
CREATE INDEX webhook_deliveries_trying ON webhook_deliveries (org_id, webhook_id) WHERE trying;
CREATE INDEX webhook_deliveries_recent ON webhook_deliveries (org_id, webhook_id, id DESC);
CREATE INDEX webhook_deliveries_of_job ON webhook_deliveries (org_id, job_id);
CREATE INDEX webhook_deliveries_old ON webhook_deliveries (created_at);

GRANT SELECT, INSERT, UPDATE ON webhooks TO longshore_api;
-- A cancel by the API ends a job and so owes deliveries; a webhook that is switched off drops its own.
GRANT SELECT, INSERT, UPDATE ON webhook_deliveries TO longshore_api;
