-- Requests that may come twice: what each key's first request made. Written in the
-- transaction of the effect, so neither stands without the other. The answer is not kept
-- (it could hold a secret), nor the body: its MAC's key is the bearer's token, of which
-- this database holds a digest only.
CREATE TABLE idempotency_keys (
    org_id       uuid NOT NULL,
    token_id     uuid NOT NULL,
    key          text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    -- method and route, for a person who looks
    route        text NOT NULL,
    request_mac  bytea NOT NULL CHECK (length(request_mac) = 32),
    status       integer NOT NULL CHECK (status BETWEEN 200 AND 299),
    resource_id  uuid NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (org_id, token_id, key),
    FOREIGN KEY (org_id, token_id) REFERENCES tokens (org_id, id) ON DELETE CASCADE
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);
GRANT SELECT, INSERT, UPDATE ON idempotency_keys TO longshore_api;
