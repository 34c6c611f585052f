//! Connections to the customers' servers that are cut at byte N, or that go dead without a
//! word (F33, F35, F37).

use std::time::Instant;

use longshore_tests::invariants;
use longshore_tests::proxy::{Direction, End, Flow};
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::seconds;
use serde_json::json;

use super::{all_is_well, attempts, in_hand, mid_statement, seed, seed_keyless};

/// From the greeting over the session's settings into the rows.
const AT: [u64; 7] = [1, 90, 700, 4_000, 20_000, 60_000, 150_000];

/// Syncs once for each N, and each time one connection is cut there.
async fn cut_at(upstream: Upstream, direction: Direction) {
    let mut stack = Stack::prepared().await;
    seed(&stack.source, 250).await;
    cut(&mut stack, upstream, direction, &AT).await;
    invariants::hold(&stack).await;
}

/// As above, on a stack that is not running yet and whose source is filled.
pub(super) async fn cut(stack: &mut Stack, upstream: Upstream, direction: Direction, at: &[u64]) {
    stack.set(&[("CHUNK_ROWS", "500")]);
    let proxy = stack.proxy(upstream);
    stack.start_all().await;
    let task = stack.task(&json!({})).await;
    let tables = stack.source.tables().await;
    let quoted: Vec<_> = tables.iter().map(|table| longshore_tests::schema::quoted(table)).collect();
    let empty = format!("SET foreign_key_checks = 0; DROP TABLE IF EXISTS {}", quoted.join(", "));
    for (&after, how) in at.iter().zip([End::Close, End::Reset].into_iter().cycle()) {
        stack.target.run(&empty).await;
        let before = proxy.counts();
        proxy.set_one(direction, Flow::CutOnce(after, how));
        let job = stack.client.submit(&task).await;
        all_is_well(stack, &job).await;
        proxy.set(Flow::Pass);
        let (now, tries) = (proxy.counts(), attempts(stack, &job).await.0);
        let passed = now.to_server - before.to_server + now.to_client - before.to_client;
        assert!(
            passed > after,
            "{upstream:?}: only {passed} bytes passed, the cut at {after} was never reached"
        );
        assert!(tries <= 3, "cut at {after}: {tries} attempts for one cut");
    }
}

#[tokio::test]
async fn f33_a_source_lost_at_any_byte_of_its_answers() {
    cut_at(Upstream::Source, Direction::ToClient).await;
}

#[tokio::test]
async fn f35_a_target_lost_at_any_byte_of_its_answers() {
    cut_at(Upstream::Target, Direction::ToClient).await;
}

#[tokio::test]
async fn f35_a_target_lost_at_any_byte_that_is_sent() {
    cut_at(Upstream::Target, Direction::ToServer).await;
}

/// Every connection through the proxy goes dead in the middle; new ones are taken.
async fn dead_in_the_middle(upstream: Upstream) {
    let mut stack = Stack::prepared().await;
    let proxy = stack.proxy(upstream);
    stack.start_all().await;
    seed_keyless(&stack.source, 150_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    mid_statement(&stack.target).await;
    proxy.lose_standing();
    let begun = Instant::now();
    stack.client.completed(&job, seconds(100)).await;
    // With the source's sessions the snapshot is lost; one more try may find that out.
    let most = if upstream == Upstream::Source { 3 } else { 2 };
    let (tried, claimed) = attempts(&stack, &job).await;
    assert!(
        (2..=most).contains(&tried) && claimed <= most.into(),
        "one attempt was dead: {tried}, {claimed}"
    );
    let noticed: f64 = stack
        .control
        .value("SELECT extract(epoch FROM min(at) - (SELECT min(started_at) FROM steps WHERE kind = 'copy'))::float8
                FROM job_log WHERE level = 'warn'")
        .await;
    assert!(noticed < 60.0, "noticed after {noticed} s, all over after {:?}", begun.elapsed());
    invariants::hold(&stack).await;
}

/// Both wait for most of a minute, so they do it side by side.
#[tokio::test]
async fn f37_a_connection_that_goes_dead_is_noticed_within_a_minute() {
    tokio::join!(dead_in_the_middle(Upstream::Source), dead_in_the_middle(Upstream::Target));
}
