//! A transaction whose beginning nobody waits for any more leaves nothing behind.

use std::task::Poll;

use futures::FutureExt as _;
use longshore_shared::clock;
use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::store::{Database, job_log};
use longshore_tests::control_plane::ControlPlane;
use longshore_tests::servers::Servers;
use longshore_tests::wait::{seconds, until};

/// Waits for a transaction only so long: until it has been asked `times` times.
async fn begun_and_left(database: &Database, times: usize) {
    let mut asked = 0;
    let mut beginning = Box::pin(database.system());
    std::future::poll_fn(|context| {
        asked += 1;
        match beginning.poll_unpin(context) {
            Poll::Pending if asked < times => Poll::Pending,
            _ => Poll::Ready(()),
        }
    })
    .await;
}

/// A connection that came back in the middle of a `BEGIN` gave its next user an old
/// transaction with an old `now()`.
#[tokio::test]
async fn a_beginning_that_is_left_leaves_no_transaction() {
    let control = ControlPlane::make(Servers::of_the_run()).await;
    let database = Database::new(&control.system_url, 1, "leaver").unwrap();
    let open = "SELECT count(*) FROM pg_stat_activity
         WHERE application_name = 'leaver' AND datname = current_database() AND state LIKE 'idle in%'";
    for times in (1..8).chain(1..8) {
        database.ping().await.unwrap();
        begun_and_left(&database, times).await;
        // Its only connection is whole again.
        database.ping().await.unwrap();
        until(&format!("left after {times}"), seconds(5), async || {
            (control.value::<i64>(open).await == 0).then_some(())
        })
        .await;
    }
    database.close().await;
}

/// What begins inside of a transaction is a savepoint: once it was a `BEGIN` that said
/// nothing and a `ROLLBACK` that took everything, so a job was there without its first step.
#[tokio::test]
async fn a_line_of_the_log_does_not_end_its_transaction() {
    let control = ControlPlane::make(Servers::of_the_run()).await;
    let owner = Database::new(&control.owner_url, 1, "owner").unwrap();
    longshore_shared::store::migrate(&owner).await.unwrap();
    let database = Database::new(&control.system_url, 1, "writer").unwrap();
    let mut tx = database.system().await.unwrap();
    let number = "SELECT pg_current_xact_id()::text";
    let before: String = sqlx::query_scalar(number).fetch_one(tx.conn()).await.unwrap();
    // Of no job that exists: it cannot be written, and is left out.
    let (org, job) = (OrgId(clock::fresh_id()), JobId(clock::fresh_id()));
    job_log::add(tx.conn(), org, job, "info", "a line", None, None).await.unwrap();
    let after: String = sqlx::query_scalar(number).fetch_one(tx.conn()).await.unwrap();
    assert_eq!(before, after, "the transaction goes on");
    drop(tx);
    // Left with a savepoint open or without: the connection is whole again.
    let mut tx = database.system().await.unwrap();
    let fresh: String = sqlx::query_scalar(number).fetch_one(tx.conn()).await.unwrap();
    assert_ne!(before, fresh);
    tx.commit().await.unwrap();
}
