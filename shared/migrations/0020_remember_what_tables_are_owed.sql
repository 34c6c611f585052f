-- What a table of the target is still to get of what it was made with: whether its rows are a first
-- copy's that did not end, and the names of indexes and foreign keys. The next job's plan reads it of
-- the last job that touched the table. NULL: a release that did not keep it; its plan tells.
ALTER TABLE job_tables ADD COLUMN owes jsonb;
