//! What is on the target in the end is compared with the source, whatever the steps before it
//! believe to have done: a row that somebody changes, takes or adds meanwhile fails the job by the
//! table's name.

use longshore_shared::failpoint::Failpoint;
use longshore_tests::fleet::Surroundings;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

/// A table of several parts that are verified by steps of their own, and one of a single range.
const TABLES: [(&str, u32); 2] = [("large", 1_000), ("small", 20)];

#[tokio::test]
async fn a_loaded_table_that_is_not_as_the_source_fails_by_name() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("CHUNK_ROWS", "50")]);
    // Between its rows and its verification each table has a moment.
    stack.surround(Surroundings::default().failpoints([(Failpoint::IndexBefore, "return(rest 1500)")]));
    stack.start_all().await;
    let (source, target) =
        (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    for (table, rows) in TABLES {
        stack
            .source
            .run(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(40), KEY v (v))"))
            .await;
        stack.source.run(&format!("INSERT INTO {table} SELECT seq, MD5(seq) FROM seq_1_to_{rows}")).await;
        stack.source.run(&format!("ANALYZE TABLE {table}")).await;
        let task = json!({"mode": "selective", "tables": [table]});
        let task = stack.client.task(&source, &target, &task).await;
        for change in [
            "UPDATE {} SET v = CONCAT(v, 'x') WHERE id = 7",
            "DELETE FROM {} WHERE id = 13",
            "INSERT INTO {} VALUES (-5, 'stray')",
            "UPDATE {} a JOIN {} b ON b.id = a.id + 1 SET a.v = b.v, b.v = a.v WHERE a.id = 3",
        ] {
            let job = stack.client.submit(&task).await;
            // All its rows are committed, and its indexes not begun.
            let count = format!("SELECT COUNT(*) FROM {table}");
            let has_loaded = async || {
                let is_there = stack.target.tables().await.iter().any(|name| name == table);
                (is_there && stack.target.value::<u32>(&count).await == rows).then_some(())
            };
            until("the table is loaded", seconds(20), has_loaded).await;
            stack.target.run(&change.replace("{}", table)).await;
            let job = stack.client.ended(&job, seconds(60)).await;
            let why = job.why();
            assert_eq!(
                (job.state.as_str(), why.code.as_str()),
                ("failed", "verification_failed"),
                "{change}"
            );
            assert!(why.message.contains(&format!("table {table}:")), "{}", why.message);
            let verified = job.tables[0].verified.as_ref().expect("what was found is kept");
            assert_eq!(verified.result, "mismatch", "{change}");
            stack.target.run(&format!("DROP TABLE {table}")).await;
        }
        // Left alone it is equal, and is said to be.
        let job = stack.run_completed(&task).await;
        let verified = job.tables[0].verified.as_ref().expect("it was verified");
        assert_eq!((verified.result.as_str(), verified.source_rows), ("equal", i64::from(rows)));
    }
}
