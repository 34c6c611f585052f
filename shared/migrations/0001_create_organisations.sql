-- Organisations and the tokens that speak for them. Here and in the files that follow: every table
-- of customers' content carries its organisation and a key that starts with it, so that no foreign
-- key can cross from one organisation to another; CHECK constraints hold the state machines that
-- `domain` describes; the grants are those of the API, and of the system where it has fewer than all.

CREATE TABLE organisations (
    id          uuid PRIMARY KEY,
    name        text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 200),
    -- how many of its steps may be out (announced or running) at once
    max_steps   integer CHECK (max_steps BETWEEN 1 AND 10000),
    created_at  timestamptz NOT NULL DEFAULT now()
);
GRANT SELECT, INSERT, UPDATE ON organisations TO longshore_system;
GRANT SELECT ON organisations TO longshore_api;
-- Platform administrators set it over the API.
GRANT UPDATE (max_steps) ON organisations TO longshore_api;

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
GRANT SELECT ON tokens TO longshore_api;
