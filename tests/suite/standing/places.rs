//! Places on a server: a session's is given on once the session is gone from it.

use std::sync::Arc;

use longshore_shared::domain::connection::Engine;
use longshore_tests::agree::agree;
use longshore_tests::client::connection_body;
use longshore_tests::kinds::Kind;
use longshore_tests::schema::Schema;
use longshore_tests::seeds;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use longshore_worker::engine::{Login, Seat, of};
use serde_json::json;
use tokio::sync::Semaphore;

use super::logins::login;

/// Lets the account have so many sessions and no more.
async fn allow(schema: &Schema, most: u32) {
    schema
        .run(&format!("ALTER USER '{}'@'127.0.0.1' WITH MAX_USER_CONNECTIONS {most}", schema.username))
        .await;
}

#[tokio::test]
async fn n14_a_seat_is_free_once_the_server_has_let_go_of_the_session() {
    let kinds = ["mysql57", "mysql9", "mariadb11", "mariadb"];
    for server in kinds.into_iter().filter_map(|kind| Kind::shared(kind, 0)) {
        let schema = Schema::make(&server, "seats").await;
        allow(&schema, 1).await;
        let (seats, loose) = (Arc::new(Semaphore::new(1)), Arc::default());
        for round in 0..40 {
            let permit = Arc::clone(&seats).acquire_owned().await.unwrap();
            let seat = Some(Arc::new(Seat::new(permit, Arc::clone(&loose))));
            let login = Login { seat, ..login(&schema, &schema.username, &schema.password) };
            let session = of(Engine::Mysql).reader(&login).await;
            let mut session = session.unwrap_or_else(|failure| panic!("{}, {round}: {failure}", server.name));
            // Every other one is left in the middle of what it reads.
            if round % 2 == 1 {
                session.begin_snapshot(None).await.unwrap();
            }
        }
        assert_eq!(loose.load(std::sync::atomic::Ordering::SeqCst), 0, "{}", server.name);
    }
}

/// The accounts may have just as many sessions as the connections say; two workers, several runs.
#[tokio::test(flavor = "multi_thread")]
async fn n14_a_servers_own_limit_is_never_met() {
    let settings = [("CHUNK_ROWS", "250"), ("WORKER_PERMITS", "4")];
    let stack = Stack::running_with(&settings).await;
    seeds::shop(&stack.source, 1_000).await;
    let open = format!(
        "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE USER = '{}'",
        stack.source.username
    );
    for most in [1, 2, 3] {
        // Each connection counts its own sessions, and those of the one before are the same account's.
        until("the account has no session", seconds(20), async || {
            (stack.source.value::<i64>(&open).await == 0).then_some(())
        })
        .await;
        let target = Schema::make(&stack.target.server, "into").await;
        let mut ids = Vec::new();
        for schema in [&stack.source, &target] {
            allow(schema, most).await;
            let mut body = connection_body(schema);
            body["name"] = json!(format!("{} of {most}", schema.name));
            body["max_sessions"] = json!(most);
            ids.push(stack.client.post("/v1/connections", &body).await.expect(201).id());
        }
        let task = stack.client.task(&ids[0], &ids[1], &json!({"delete_extra": true})).await;
        for round in 0..2 {
            let job = stack.client.submit(&task).await;
            stack.client.completed(&job, seconds(120)).await;
            let attempts = format!("SELECT max(attempt) FROM steps WHERE job_id = '{job}'");
            assert_eq!(stack.control.value::<i32>(&attempts).await, 1, "{most}, round {round}");
            stack.source.run("UPDATE customers SET name = CONCAT('x', name)").await;
        }
        let job = stack.client.submit(&task).await;
        stack.client.completed(&job, seconds(120)).await;
        agree(&stack.source, &target).await;
    }
    assert!(!stack.logs().contains("too_many_connections"), "{}", stack.logs());
}
