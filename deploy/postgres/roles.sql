-- The three roles of Longshore's metadata database. Run once for each server, as a
-- superuser; running it again changes nothing. Passwords are set by whoever deploys.
--
-- longshore_owner   owns the database and its tables; used by migrations only.
-- longshore_api     the API: row-level security binds it to one organisation.
-- longshore_system  workers, scheduler and sign-in: policies let it see every
--                   organisation. It is no superuser and does not bypass the policies.
--
-- Then: CREATE DATABASE longshore OWNER longshore_owner; and database.sql in it.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['longshore_owner', 'longshore_api', 'longshore_system'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
            EXECUTE format('CREATE ROLE %I LOGIN', wanted);
        END IF;
        EXECUTE format(
            'ALTER ROLE %I LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE NOREPLICATION', wanted);
    END LOOP;
END
$$;
