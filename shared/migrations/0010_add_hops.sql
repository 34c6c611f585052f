-- Databases behind SSH: the hosts on the way, outermost first, without their secrets.
ALTER TABLE connections ADD COLUMN hops jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(hops) = 'array');
ALTER TABLE connections DROP CONSTRAINT connections_connection_type_check;
ALTER TABLE connections ADD CONSTRAINT connections_connection_type_check
    CHECK (CASE connection_type
               WHEN 'direct' THEN jsonb_array_length(hops) = 0
               WHEN 'ssh' THEN jsonb_array_length(hops) = 1
               WHEN 'ssh+jump' THEN jsonb_array_length(hops) BETWEEN 2 AND 5
               ELSE false
           END);

-- Each secret of each hop is sealed by itself, under a name of its own.
ALTER TABLE connection_secrets DROP CONSTRAINT connection_secrets_name_check;
ALTER TABLE connection_secrets ADD CONSTRAINT connection_secrets_name_check
    CHECK (name = 'password' OR name ~ '^hop[1-5]\.(password|private_key|passphrase)$');
