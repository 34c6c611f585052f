-- The private key of a client certificate is sealed like every other secret of a connection.
ALTER TABLE connection_secrets DROP CONSTRAINT connection_secrets_name_check;
ALTER TABLE connection_secrets ADD CONSTRAINT connection_secrets_name_check
    CHECK (name IN ('password', 'tls_client_key') OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$');
ALTER TABLE job_secrets DROP CONSTRAINT job_secrets_name_check;
ALTER TABLE job_secrets ADD CONSTRAINT job_secrets_name_check
    CHECK (name IN ('password', 'tls_client_key') OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$');
