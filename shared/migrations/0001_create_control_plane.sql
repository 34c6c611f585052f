-- The control plane. Every table carries its organisation and a key that starts
-- with it, so that no foreign key can cross from one organisation to another.
-- CHECK constraints hold the state machines that `domain` describes.

CREATE TABLE organisations (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    created_at  timestamptz NOT NULL DEFAULT now()
);

-- Only the SHA-256 of a token is kept: 256 random bits need no slow hash.
CREATE TABLE tokens (
    org_id       uuid NOT NULL REFERENCES organisations (id),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    sha256       bytea NOT NULL UNIQUE CHECK (length(sha256) = 32),
    permissions  text[] NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz,
    revoked_at   timestamptz,
    PRIMARY KEY (org_id, id)
);

CREATE TABLE connections (
    org_id           uuid NOT NULL REFERENCES organisations (id),
    id               uuid NOT NULL,
    name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    engine           text NOT NULL CHECK (engine IN ('mysql', 'mariadb', 'postgresql')),
    connection_type  text NOT NULL CHECK (connection_type IN ('direct')),
    host             text NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
    port             integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
    database         text NOT NULL CHECK (length(database) BETWEEN 1 AND 64),
    username         text NOT NULL CHECK (length(username) BETWEEN 1 AND 255),
    tls              jsonb NOT NULL,
    timeout_seconds  integer NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 300),
    state            text NOT NULL DEFAULT 'untested' CHECK (state IN ('untested', 'verified', 'unreachable')),
    checked_at       timestamptz,
    version          integer NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    PRIMARY KEY (org_id, id)
);
-- A deleted connection keeps its row for the history, and frees its name.
CREATE UNIQUE INDEX connections_name ON connections (org_id, lower(name)) WHERE deleted_at IS NULL;

-- Sealed by HPKE: the API can write these and never read them back.
CREATE TABLE connection_secrets (
    org_id         uuid NOT NULL,
    connection_id  uuid NOT NULL,
    name           text NOT NULL CHECK (name IN ('password')),
    version        integer NOT NULL CHECK (version > 0),
    key_id         text NOT NULL,
    sealed         bytea NOT NULL,
    PRIMARY KEY (org_id, connection_id, name),
    FOREIGN KEY (org_id, connection_id) REFERENCES connections (org_id, id) ON DELETE CASCADE
);

CREATE TABLE sync_tasks (
    org_id       uuid NOT NULL REFERENCES organisations (id),
    id           uuid NOT NULL,
    name         text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    source_id    uuid NOT NULL,
    target_id    uuid NOT NULL,
    spec         jsonb NOT NULL,
    schedule     jsonb,
    enabled      boolean NOT NULL DEFAULT true,
    -- the next wall-clock firing; NULL without a schedule or when disabled
    next_run_at  timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now(),
    updated_at   timestamptz NOT NULL DEFAULT now(),
    deleted_at   timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, source_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, target_id) REFERENCES connections (org_id, id),
    CHECK (source_id <> target_id)
);
CREATE UNIQUE INDEX sync_tasks_name ON sync_tasks (org_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX sync_tasks_due ON sync_tasks (next_run_at) WHERE next_run_at IS NOT NULL;

CREATE TABLE jobs (
    org_id            uuid NOT NULL REFERENCES organisations (id),
    id                uuid NOT NULL,
    kind              text NOT NULL CHECK (kind IN ('sync')),
    state             text NOT NULL CHECK (state IN ('pending', 'running', 'completed', 'failed', 'cancelled')),
    task_id           uuid,
    source_id         uuid,
    target_id         uuid,
    spec              jsonb NOT NULL,
    trigger           text NOT NULL CHECK (trigger IN ('person', 'schedule')),
    -- the schedule's due time: one job for each (task, due time)
    due_at            timestamptz,
    -- how it is to end once its last running step has stopped
    ending            text CHECK (ending IN ('failed', 'cancelled')),
    trace             text,
    warnings          jsonb NOT NULL DEFAULT '[]',
    failure           jsonb,
    created_at        timestamptz NOT NULL DEFAULT now(),
    started_at        timestamptz,
    ended_at          timestamptz,
    PRIMARY KEY (org_id, id),
    FOREIGN KEY (org_id, task_id) REFERENCES sync_tasks (org_id, id),
    FOREIGN KEY (org_id, source_id) REFERENCES connections (org_id, id),
    FOREIGN KEY (org_id, target_id) REFERENCES connections (org_id, id),
    CHECK ((state IN ('completed', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK (state <> 'failed' OR failure IS NOT NULL),
    CHECK (failure IS NULL OR state = 'failed' OR ending = 'failed'),
    CHECK (state <> 'completed' OR ending IS NULL),
    CHECK (state <> 'running' OR started_at IS NOT NULL)
);
CREATE UNIQUE INDEX jobs_due ON jobs (org_id, task_id, due_at) WHERE due_at IS NOT NULL;
CREATE UNIQUE INDEX jobs_one_active_run ON jobs (org_id, task_id) WHERE state IN ('pending', 'running');
CREATE INDEX jobs_recent ON jobs (org_id, id DESC);
CREATE INDEX jobs_active ON jobs (state) WHERE state IN ('pending', 'running');

-- Steps that wait for the same things form a stage; it opens when the last
-- stage that feeds it has ended.
CREATE TABLE stages (
    org_id     uuid NOT NULL,
    job_id     uuid NOT NULL,
    number     integer NOT NULL CHECK (number >= 0),
    name       text NOT NULL,
    feeds      integer[] NOT NULL DEFAULT '{}',
    waits      integer NOT NULL CHECK (waits >= 0),
    remaining  integer NOT NULL CHECK (remaining >= 0),
    PRIMARY KEY (org_id, job_id, number),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
);

-- What a job does to each table: the worker's plan, then what came of it.
CREATE TABLE job_tables (
    org_id          uuid NOT NULL,
    job_id          uuid NOT NULL,
    number          integer NOT NULL CHECK (number >= 0),
    name            text NOT NULL,
    mode            text NOT NULL CHECK (mode IN ('create', 'fill', 'diff', 'replace', 'equal', 'refused')),
    plan            jsonb NOT NULL,
    rows_total      bigint NOT NULL DEFAULT 0,
    bytes_total     bigint NOT NULL DEFAULT 0,
    verified        jsonb,
    failure         jsonb,
    PRIMARY KEY (org_id, job_id, number),
    UNIQUE (org_id, job_id, name),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
);

CREATE TABLE workers (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,
    permits       integer NOT NULL CHECK (permits > 0),
    version       text NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT now(),
    heartbeat_at  timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE steps (
    org_id        uuid NOT NULL,
    id            uuid NOT NULL,
    job_id        uuid NOT NULL,
    stage         integer NOT NULL,
    -- the order in which a job's steps are announced
    ordinal       integer NOT NULL,
    kind          text NOT NULL,
    queue         text NOT NULL CHECK (queue IN ('interactive', 'first', 'bulk')),
    state         text NOT NULL CHECK (state IN ('waiting', 'announced', 'running', 'done', 'failed', 'cancelled')),
    table_number  integer,
    payload       jsonb NOT NULL,
    attempt       integer NOT NULL DEFAULT 0,
    -- grows at each claim; a write that names an old one changes nothing
    token         bigint NOT NULL DEFAULT 0,
    lease_until   timestamptz,
    -- a row of `workers` that is pruned sooner than the step; the name stays
    worker_id     uuid,
    worker_name   text,
    announced_at  timestamptz,
    started_at    timestamptz,
    ended_at      timestamptz,
    outcome       jsonb,
    failure       jsonb,
    rows          bigint NOT NULL DEFAULT 0,
    bytes         bigint NOT NULL DEFAULT 0,
    inserted      bigint NOT NULL DEFAULT 0,
    updated       bigint NOT NULL DEFAULT 0,
    deleted       bigint NOT NULL DEFAULT 0,
    unchanged     bigint NOT NULL DEFAULT 0,
    skipped       bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (org_id, id),
    UNIQUE (org_id, job_id, ordinal),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE,
    FOREIGN KEY (org_id, job_id, stage) REFERENCES stages (org_id, job_id, number),
    FOREIGN KEY (org_id, job_id, table_number) REFERENCES job_tables (org_id, job_id, number),
    CHECK ((state = 'running') = (lease_until IS NOT NULL)),
    CHECK ((state IN ('done', 'failed', 'cancelled')) = (ended_at IS NOT NULL)),
    CHECK (state <> 'failed' OR failure IS NOT NULL)
);
CREATE INDEX steps_of_job ON steps (org_id, job_id, state, ordinal);
CREATE INDEX steps_of_table ON steps (org_id, job_id, table_number);
CREATE INDEX steps_running ON steps (lease_until) WHERE state = 'running';
CREATE INDEX steps_announced ON steps (queue, announced_at) WHERE state = 'announced';

CREATE TABLE outbox (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    org_id        uuid NOT NULL REFERENCES organisations (id),
    job_id        uuid NOT NULL,
    step_id       uuid NOT NULL,
    queue         text NOT NULL CHECK (queue IN ('interactive', 'first', 'bulk')),
    body          jsonb NOT NULL,
    -- a retry's pause: not published before this time
    not_before    timestamptz NOT NULL DEFAULT now(),
    -- it had a pause: no process waits for it, the sweep publishes it when it is due
    delayed       boolean NOT NULL DEFAULT false,
    published_at  timestamptz
);
CREATE INDEX outbox_unpublished ON outbox (not_before) WHERE published_at IS NULL;
CREATE INDEX outbox_step ON outbox (org_id, step_id);

CREATE TABLE job_log (
    org_id   uuid NOT NULL,
    job_id   uuid NOT NULL,
    id       bigint GENERATED ALWAYS AS IDENTITY,
    at       timestamptz NOT NULL DEFAULT now(),
    level    text NOT NULL CHECK (level IN ('info', 'warn', 'error')),
    message  text NOT NULL,
    step_id  uuid,
    worker   text,
    PRIMARY KEY (org_id, job_id, id),
    FOREIGN KEY (org_id, job_id) REFERENCES jobs (org_id, id) ON DELETE CASCADE
);

-- Who does a time-driven duty; the term grows with each new holder.
CREATE TABLE leaderships (
    name         text PRIMARY KEY,
    holder       text NOT NULL,
    term         bigint NOT NULL,
    lease_until  timestamptz NOT NULL
);

-- Row-level security. `longshore_api` sees the organisation that its transaction
-- names; without one it sees nothing. `longshore_system` (workers, scheduler,
-- sign-in) sees all through a policy, not through BYPASSRLS. The owner, who runs
-- migrations, is forced under the policies too and so sees nothing.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['tokens', 'connections', 'connection_secrets', 'sync_tasks', 'jobs',
                             'stages', 'job_tables', 'steps', 'outbox', 'job_log'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY organisation ON %I TO longshore_api '
            || 'USING (org_id = nullif(current_setting(''longshore.org'', true), '''')::uuid)', t);
        EXECUTE format('CREATE POLICY system ON %I TO longshore_system USING (true)', t);
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO longshore_system', t);
    END LOOP;
END $$;
ALTER TABLE organisations ENABLE ROW LEVEL SECURITY;
ALTER TABLE organisations FORCE ROW LEVEL SECURITY;
CREATE POLICY organisation ON organisations TO longshore_api
    USING (id = nullif(current_setting('longshore.org', true), '')::uuid);
CREATE POLICY system ON organisations TO longshore_system USING (true);
GRANT SELECT, INSERT, UPDATE ON organisations TO longshore_system;
GRANT SELECT ON organisations TO longshore_api;

-- Fleet-wide tables without customers' content: no organisation, no policy.
GRANT SELECT, INSERT, UPDATE, DELETE ON workers, leaderships TO longshore_system;
GRANT SELECT ON workers TO longshore_api;

-- The API's rights, table by table: it writes what people write, submits jobs, and
-- never settles a step. It may write a sealed secret but not read one back.
GRANT SELECT ON tokens TO longshore_api;
GRANT SELECT, INSERT, UPDATE ON connections, sync_tasks TO longshore_api;
GRANT INSERT, UPDATE, DELETE ON connection_secrets TO longshore_api;
GRANT SELECT (org_id, connection_id, name, version, key_id) ON connection_secrets TO longshore_api;
GRANT SELECT, INSERT, UPDATE ON jobs, stages, steps, outbox TO longshore_api;
GRANT SELECT ON job_tables TO longshore_api;
GRANT SELECT, INSERT ON job_log TO longshore_api;
