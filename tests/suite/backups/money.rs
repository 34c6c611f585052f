//! A backup is one point (B4): money that moves all the time is all in it, whoever reads.

use longshore_shared::failpoint::Failpoint;
use longshore_tests::bank::{Bank, TOTAL};
use longshore_tests::fleet::Surroundings;
use longshore_tests::shelf::{Shelf, Shelved};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::{ask, ask_of, made, shown, stack};

/// Many ranges, so that views of two moments would show.
const PERMITS: &[(&str, &str)] = &[("WORKER_PERMITS", "2")];

/// What all accounts of the package hold.
async fn money(shelved: &Shelved) -> i64 {
    let mut sum = 0;
    for table in ["giro", "savings"] {
        let rows = String::from_utf8(shelved.rows(table).await).unwrap();
        sum += rows.lines().map(|row| row.split('\t').nth(1).unwrap().parse::<i64>().unwrap()).sum::<i64>();
    }
    sum
}

async fn all_is_there(stack: &Stack, shelf: &Shelf, backup: &str) {
    let shelved = shelf.package(&stack.control, backup).await;
    assert_eq!(money(&shelved).await, TOTAL);
}

#[tokio::test]
async fn b04_one_two_and_four_workers_keep_one_point() {
    for workers in [1, 2, 4] {
        let (stack, shelf) = stack(workers, PERMITS).await;
        Bank::found(&stack.source).await;
        let bank = Bank::open(&stack.source, 3).await;
        let connection = stack.client.connection(&stack.source).await;
        for _ in 0..2 {
            let before = bank.moves();
            let (job, backup) = ask_of(&stack, &connection, &json!({})).await;
            stack.client.completed(&job, seconds(60)).await;
            assert!(bank.moves() - before > 5, "the clerks slept");
            all_is_there(&stack, &shelf, &backup).await;
        }
        bank.close().await;
    }
}

#[tokio::test]
async fn b04_a_worker_that_dies_leaves_one_point() {
    let (mut stack, shelf) = stack(0, PERMITS).await;
    Bank::found(&stack.source).await;
    stack.surround(Surroundings::default().failpoints([(Failpoint::DumpBeforeStore, "1*return(die)")]));
    stack.start_worker();
    stack.surround(Surroundings::default());
    stack.ready().await;
    let bank = Bank::open(&stack.source, 3).await;
    let (job, backup) = ask(&stack, &json!({})).await;
    until("the worker dies", seconds(30), async || stack.workers[0].ended().map(drop)).await;
    stack.start_worker();
    stack.client.completed(&job, seconds(90)).await;
    bank.close().await;
    all_is_there(&stack, &shelf, &backup).await;
}

#[tokio::test]
async fn b04_the_point_tells_where_the_log_stood() {
    let (stack, _) = stack(2, PERMITS).await;
    Bank::found(&stack.source).await;
    let ends: Vec<(String, u64, String, String)> = stack.source.rows("SHOW MASTER STATUS").await;
    let backup = made(&stack, &json!({})).await;
    let position = &shown(&stack, &backup).await["point"]["position"];
    match ends.first() {
        Some((file, at, ..)) => {
            assert_eq!(
                (position["file"].as_str(), position["position"].as_u64()),
                (Some(file.as_str()), Some(*at))
            );
        }
        None => assert!(position.is_null(), "the server keeps no log: {position}"),
    }
}
