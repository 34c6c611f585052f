//! Ten thousand schedules at one second.

use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};

/// One organisation with nearly all of them, and a small one; nobody works.
const PLANT: &str = "
    WITH crowd AS (INSERT INTO organisations (id, name) VALUES (gen_random_uuid(), 'crowd'),
                       (gen_random_uuid(), 'small') RETURNING id, name),
    connections AS (
        INSERT INTO connections (org_id, id, name, engine, connection_type, host, port, database, username,
            tls, timeout_seconds)
        SELECT id, gen_random_uuid(), side, 'mariadb', 'direct', 'h', 1, 'd', 'u', '{}', 1
        FROM crowd, unnest(ARRAY['source', 'target']) side RETURNING org_id, id, name),
    tasks AS (INSERT INTO sync_tasks (org_id, id, name, source_id, target_id, spec)
    SELECT o.id, gen_random_uuid(), 'task ' || n, s.id, t.id,
        '{\"selection\": {\"mode\": \"full\"}, \"policy\": \"source_first\", \"delete_extra\": false,
          \"keyless\": \"refuse\", \"target_triggers\": \"refuse\", \"on_mismatch\": \"fail\"}'
    FROM crowd o
    JOIN connections s ON s.org_id = o.id AND s.name = 'source'
    JOIN connections t ON t.org_id = o.id AND t.name = 'target'
    CROSS JOIN LATERAL generate_series(1, CASE o.name WHEN 'crowd' THEN 9999 ELSE 1 END) n
    RETURNING org_id, id)
    INSERT INTO schedules (org_id, id, subject_kind, subject_id, spec, enabled, overlap, catch_up_seconds)
    SELECT org_id, gen_random_uuid(), 'sync_task', id,
        '{\"cron\": \"0 * * * *\", \"time_zone\": \"UTC\"}', true, 'skip', 3600
    FROM tasks";

#[tokio::test]
async fn f25_ten_thousand_at_once_are_all_fired_in_a_minute_and_nobody_is_held_up() {
    let mut stack = Stack::prepared().await;
    assert_eq!(stack.control.run(PLANT).await, 10_000);
    // As PostgreSQL does by itself a moment after so many rows came; nobody writes as many
    // tasks in one second. Only these tables: those that are empty as yet would be taken for
    // small for good by the plans that are made now.
    stack.control.run("ANALYZE sync_tasks, schedules").await;
    // As in earnest: nobody claims the steps, and they are not announced again meanwhile.
    stack.set(&[("DATABASE_CONNECTIONS", "12"), ("SWEEP_SECONDS", "2"), ("REANNOUNCE_SECONDS", "300")]);
    stack.start_scheduler();
    stack.ready().await;
    until("the scheduler leads", seconds(30), async || {
        stack.schedulers[0].log().contains("this scheduler leads").then_some(())
    })
    .await;
    // Due since this minute began; how late they are is counted from now.
    let due = "UPDATE schedules SET next_run_at = date_trunc('minute', now()), spec = jsonb_build_object(
            'every', 'hours', 'hours', 1, 'time_zone', 'UTC',
            'from', to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI'))";
    let asked: f64 = stack.control.value("SELECT extract(epoch FROM now())::float8").await;
    stack.control.run(due).await;
    until("all have fired", seconds(120), async || {
        (stack.control.value::<i64>("SELECT count(*) FROM jobs").await >= 10_000).then_some(())
    })
    .await;
    let last = "SELECT extract(epoch FROM max(created_at))::float8 FROM jobs";
    let drift = stack.control.value::<f64>(last).await - asked;
    assert!(drift < 60.0, "the last one was {drift} s late");
    let held_up = "SELECT extract(epoch FROM
            (SELECT j.created_at FROM jobs j JOIN organisations o ON o.id = j.org_id WHERE o.name = 'small')
            - (SELECT min(created_at) FROM jobs))::float8";
    let held_up: f64 = stack.control.value(held_up).await;
    assert!(held_up < 3.0, "the small organisation waited {held_up} s for the other one");
    let told = "SELECT count(*) FROM schedule_events WHERE result = 'fired' AND times = 1";
    assert_eq!(stack.control.value::<i64>(told).await, 10_000);
}
