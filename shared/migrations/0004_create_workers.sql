-- The fleet: its workers, and who does a time-driven duty. Without customers' content: no
-- organisation, no policy.

CREATE TABLE workers (
    id            uuid PRIMARY KEY,
    name          text NOT NULL,
    permits       integer NOT NULL CHECK (permits > 0),
    version       text NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT now(),
    heartbeat_at  timestamptz NOT NULL DEFAULT now()
);

-- The term grows with each new holder.
CREATE TABLE leaderships (
    name         text PRIMARY KEY,
    holder       text NOT NULL,
    term         bigint NOT NULL,
    lease_until  timestamptz NOT NULL
);

GRANT SELECT, INSERT, UPDATE, DELETE ON workers, leaderships TO longshore_system;
GRANT SELECT ON workers TO longshore_api;
