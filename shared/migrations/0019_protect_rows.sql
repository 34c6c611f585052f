-- Row-level security. `longshore_api` sees the organisation that its transaction
-- names; without one it sees nothing. `longshore_system` (workers, scheduler,
-- sign-in) sees all through a policy, not through BYPASSRLS. The owner, who runs
-- migrations, is forced under the policies too and so sees nothing.
DO $$
DECLARE t text;
BEGIN
    FOREACH t IN ARRAY ARRAY['organisations', 'tokens', 'connections', 'sync_tasks', 'schedules', 'jobs',
                             'job_log', 'stages', 'job_tables', 'steps', 'outbox', 'job_holds', 'job_holders',
                             'target_locks', 'schedule_events', 'target_confirmations', 'secrets',
                             'connection_tests', 'connection_test_counts', 'webhooks', 'packages', 'backups',
                             'webhook_deliveries', 'idempotency_keys'] LOOP
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
        EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
        EXECUTE format('CREATE POLICY organisation ON %I TO longshore_api '
            || 'USING (%I = nullif(current_setting(''longshore.org'', true), '''')::uuid)',
            t, CASE t WHEN 'organisations' THEN 'id' ELSE 'org_id' END);
        EXECUTE format('CREATE POLICY system ON %I TO longshore_system USING (true)', t);
        CONTINUE WHEN t = 'organisations';
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO longshore_system', t);
    END LOOP;
END $$;
