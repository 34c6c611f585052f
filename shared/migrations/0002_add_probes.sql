-- Probes: jobs without customers' databases, that show whether the whole way is open.
ALTER TABLE jobs DROP CONSTRAINT jobs_kind_check;
ALTER TABLE jobs ADD CONSTRAINT jobs_kind_check CHECK (kind IN ('sync', 'probe'));
