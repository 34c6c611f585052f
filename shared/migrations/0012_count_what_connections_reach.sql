-- Grows when a connection leads elsewhere, or by another way. A job notes it when it is
-- submitted: one that began with a database is not carried on with another one.
ALTER TABLE connections ADD COLUMN reach integer NOT NULL DEFAULT 1 CHECK (reach > 0);
-- NULL: submitted by a release that did not count.
ALTER TABLE jobs ADD COLUMN source_reach integer;
ALTER TABLE jobs ADD COLUMN target_reach integer;
