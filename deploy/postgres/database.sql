-- Rights inside Longshore's metadata database. Run in that database, as a superuser;
-- running it again changes nothing. Rights on tables come with the migrations.
DO $$
BEGIN
    EXECUTE format('ALTER DATABASE %I OWNER TO longshore_owner', current_database());
    EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
    EXECUTE format(
        'GRANT CONNECT, TEMPORARY ON DATABASE %I TO longshore_api, longshore_system', current_database());
END
$$;
ALTER SCHEMA public OWNER TO longshore_owner;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO longshore_api, longshore_system;
