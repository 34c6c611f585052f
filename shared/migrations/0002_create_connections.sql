-- Databases of customers, and by which way they are reached. Their secrets stand apart.

CREATE TABLE connections (
    org_id           uuid NOT NULL REFERENCES organisations (id),
    id               uuid NOT NULL,
    name             text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    engine           text NOT NULL CHECK (engine IN ('mysql', 'mariadb', 'postgresql')),
    connection_type  text NOT NULL,
    host             text NOT NULL CHECK (length(host) BETWEEN 1 AND 255),
    port             integer NOT NULL CHECK (port BETWEEN 1 AND 65535),
    database         text NOT NULL CHECK (length(database) BETWEEN 1 AND 64),
    username         text NOT NULL CHECK (length(username) BETWEEN 1 AND 255),
    tls              jsonb NOT NULL,
    timeout_seconds  integer NOT NULL CHECK (timeout_seconds BETWEEN 1 AND 300),
    -- the SSH hosts on the way, outermost first, without their secrets
    hops             jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(hops) = 'array'),
    -- how many sessions all workers together may have open on it at once
    max_sessions     integer CHECK (max_sessions BETWEEN 1 AND 1000),
    -- its password is given with each run
    ask_password     boolean NOT NULL DEFAULT false,
    -- whoever writes to it names it and gives its password
    protected        boolean NOT NULL DEFAULT false,
    -- grows when it leads elsewhere, or by another way; a job notes it when it is submitted: one
    -- that began with a database is not carried on with another one
    reach            integer NOT NULL DEFAULT 1 CHECK (reach > 0),
    state            text NOT NULL DEFAULT 'untested' CHECK (state IN ('untested', 'verified', 'unreachable')),
    checked_at       timestamptz,
    -- what the last test of this version found, and when the scheduler looks again
    examination      jsonb,
    recheck_at       timestamptz,
    version          integer NOT NULL DEFAULT 1,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now(),
    deleted_at       timestamptz,
    PRIMARY KEY (org_id, id),
    CONSTRAINT connections_connection_type_check
        CHECK (CASE connection_type
                   WHEN 'direct' THEN jsonb_array_length(hops) = 0
                   WHEN 'ssh' THEN jsonb_array_length(hops) = 1
                   WHEN 'ssh+jump' THEN jsonb_array_length(hops) BETWEEN 2 AND 5
                   ELSE false
               END)
);
-- A deleted connection keeps its row for the history, and frees its name.
CREATE UNIQUE INDEX connections_name ON connections (org_id, lower(name)) WHERE deleted_at IS NULL;
CREATE INDEX connections_to_recheck ON connections (recheck_at) WHERE deleted_at IS NULL;
GRANT SELECT, INSERT, UPDATE ON connections TO longshore_api;
