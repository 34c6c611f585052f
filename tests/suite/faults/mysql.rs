//! What the other files do between servers of MariaDB 10.11, between schemas of MySQL 5.7, of 9 and
//! of MariaDB 11.8: the connection is cut at byte N, the job is cancelled in the middle of what it does, deletions are
//! guarded and loads verified.

use longshore_shared::failpoint::Failpoint;
use longshore_tests::agree::agree;
use longshore_tests::bank::Bank;
use longshore_tests::fleet::Surroundings;
use longshore_tests::kinds::Kind;
use longshore_tests::proxy::Direction;
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::cancel;
use super::cuts::cut;

/// In the session's settings, in the rows, in the rows of the table without a key.
const AT: [u64; 3] = [700, 20_000, 150_000];

/// A stack, not running yet, with both sides on one server of a kind; none if somebody chose to do
/// without it.
async fn between(kind: &str) -> Option<(Kind, Stack)> {
    let own = Kind::shared(kind, 0)?;
    let mut stack = Stack::prepared().await;
    stack.move_to(Some(&own), Some(&own)).await;
    Bank::found(&stack.source).await;
    Some((own, stack))
}

async fn is_cut_anywhere(kind: &str, upstream: Upstream, direction: Direction) {
    let Some((_own, mut stack)) = between(kind).await else { return };
    stack.source.run("CREATE TABLE log_lines (at DATETIME, line VARCHAR(200))").await;
    stack.source.run("INSERT INTO log_lines SELECT '2024-01-01', REPEAT(SHA2(id, 256), 3) FROM giro").await;
    cut(&mut stack, upstream, direction, &AT).await;
}

#[tokio::test]
async fn f33_a_source_of_mysql_5_7_lost_at_any_byte() {
    is_cut_anywhere("mysql57", Upstream::Source, Direction::ToClient).await;
}

#[tokio::test]
async fn f33_a_source_of_mysql_9_lost_at_any_byte() {
    is_cut_anywhere("mysql9", Upstream::Source, Direction::ToClient).await;
}

#[tokio::test]
async fn f33_a_source_of_mariadb_11_lost_at_any_byte() {
    is_cut_anywhere("mariadb11", Upstream::Source, Direction::ToClient).await;
}

#[tokio::test]
async fn f35_a_target_of_mysql_5_7_lost_at_any_byte() {
    is_cut_anywhere("mysql57", Upstream::Target, Direction::ToServer).await;
}

#[tokio::test]
async fn f35_a_target_of_mysql_9_lost_at_any_byte() {
    is_cut_anywhere("mysql9", Upstream::Target, Direction::ToServer).await;
}

#[tokio::test]
async fn f35_a_target_of_mariadb_11_lost_at_any_byte() {
    is_cut_anywhere("mariadb11", Upstream::Target, Direction::ToServer).await;
}

#[tokio::test]
async fn f28_in_a_load_and_in_a_comparison_between_servers_of_other_releases() {
    for kind in ["mysql57", "mysql9", "mariadb11"] {
        let Some((_own, mut stack)) = between(kind).await else { continue };
        stack.set(&[("CHUNK_ROWS", "500")]);
        stack.start_all().await;
        cancel::in_a_load_and_in_a_comparison(&stack).await;
    }
}

/// More deletions than the task allows, and a row that somebody changes between load and verification.
#[tokio::test]
async fn deletions_are_guarded_and_loads_verified_on_other_releases() {
    for kind in ["mysql57", "mysql9", "mariadb11"] {
        let Some((_own, mut stack)) = between(kind).await else { continue };
        stack.surround(Surroundings::default().failpoints([(Failpoint::IndexBefore, "return(rest 1500)")]));
        stack.set(&[("CHUNK_ROWS", "500")]);
        stack.start_all().await;
        let task = stack.task(&json!({"delete_extra": true, "max_delete_percent": 50})).await;
        let job = stack.client.submit(&task).await;
        until("the accounts are there", seconds(30), async || {
            let there = stack.target.tables().await.iter().any(|name| name == "giro");
            (there && stack.target.value::<i64>("SELECT COUNT(*) FROM giro").await == 3_000).then_some(())
        })
        .await;
        stack.target.run("UPDATE giro SET money = money + 1 WHERE id = 1234").await;
        let job = stack.client.ended(&job, seconds(60)).await;
        assert_eq!(
            (job.state.as_str(), job.why().code.as_str()),
            ("failed", "verification_failed"),
            "{kind}"
        );
        assert!(job.why().message.contains("table giro:"), "{kind}: {}", job.why().message);
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;

        stack.source.run("DELETE FROM giro WHERE id % 5 < 3").await;
        let job = stack.run(&task).await;
        assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", "too_many_deletes"), "{kind}");
        assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM giro").await, 3_000, "{kind}");
        let confirmed = json!({"confirm_deletes": true});
        let path = format!("/v1/sync-tasks/{task}/runs");
        let job = stack.client.post(&path, &confirmed).await.expect(202).id();
        stack.client.completed(&job, seconds(60)).await;
        agree(&stack.source, &stack.target).await;
    }
}
