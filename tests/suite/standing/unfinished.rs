//! A first copy that was cancelled goes on where it stands: what it did not come to is loaded.

use longshore_tests::agree::tables_agree;
use longshore_tests::servers::{Held, Servers};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

/// Rows of a chunk, and of the table.
const CHUNK: u32 = 100;
const ROWS: u32 = 2_000;
/// A row that somebody else writes into what is still to be loaded, and one behind all others.
const FOREIGN: u32 = 1_850;
const BEHIND: u32 = 5_000;

#[tokio::test]
async fn n27_a_cancelled_first_copy_loads_on_from_where_it_stands() {
    // Alone on its server, which counts the loads.
    let kind = if Servers::is_wanted("mariadb11") { "mariadb11" } else { "mariadb:1" };
    let own = Held::start(kind);
    let mut stack = Stack::prepared().await;
    stack.move_to(None, Some(&own.mariadb[0])).await;
    stack.set(&[("CHUNK_ROWS", &CHUNK.to_string()), ("WORKER_PERMITS", "2")]);
    stack.start_all().await;
    let sides = (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    for (done, policy) in [(2, "source_first"), (9, "target_first"), (17, "source_first")] {
        goes_on(&stack, &sides, done, policy).await;
    }
}

/// Cancels after so many chunks.
async fn goes_on(stack: &Stack, sides: &(String, String), done: u32, policy: &str) {
    // A key of two columns is walked: chunks have as many rows as they should.
    let columns = "id INT, part INT DEFAULT 0, word VARCHAR(40), PRIMARY KEY (id, part)";
    let table = format!("t{done}");
    let filled = format!(
        "CREATE TABLE {table} ({columns}, KEY w (word)); INSERT INTO {table} SELECT seq, 0, MD5(seq) FROM seq_1_to_{ROWS}"
    );
    stack.source.run(&filled).await;
    stack.target.run(&format!("CREATE TABLE {table} ({columns})")).await;
    let stops = (done..ROWS / CHUNK).map(|chunk| format!("({})", chunk * CHUNK + CHUNK / 2));
    let stops = stops.collect::<Vec<_>>().join(", ");
    let blocker =
        stack.target.blocker(&format!("START TRANSACTION; INSERT INTO {table} (id) VALUES {stops}")).await;
    let wanted = json!({"mode": "selective", "tables": [table], "policy": policy});
    let task = stack.client.task(&sides.0, &sides.1, &wanted).await;
    let job = stack.client.submit(&task).await;
    until("all chunks before the locked rows are loaded", seconds(60), async || {
        let job = stack.client.job(&job).await;
        let found = job.tables.iter().find(|found| found.name == table)?;
        (found.chunks_done == i64::from(done)).then_some(())
    })
    .await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let ended = stack.client.ended(&job, seconds(20)).await;
    assert_eq!(
        (ended.state.as_str(), ended.table(&table).state.as_str()),
        ("cancelled", "partial"),
        "{ended:#?}"
    );
    blocker.release().await;
    let there: u32 = stack.target.value(&format!("SELECT COUNT(*) FROM {table}")).await;
    assert_eq!(there, done * CHUNK);

    let meanwhile = format!(
        "INSERT INTO {table} (id, word) VALUES ({FOREIGN}, 'foreign'), ({BEHIND}, 'behind'); DELETE FROM {table} WHERE id = 50;
         UPDATE {table} SET word = 'other' WHERE id = 51"
    );
    stack.target.run(&meanwhile).await;
    let before = loads(stack).await;
    let again = stack.run_completed(&task).await;
    let found = again.table(&table);
    assert_eq!(found.mode, "diff", "{again:#?}");
    // All but those that were loaded, and the two that somebody else has written to.
    let open = u64::try_from(found.chunks_total).unwrap() - u64::from(done) - 2;
    assert_eq!(loads(stack).await - before, open, "{again:#?}");
    holds(stack, &table, policy).await;
}

/// Somebody else's rows are treated by the policy, and none is gone.
async fn holds(stack: &Stack, table: &str, policy: &str) {
    let word = async |id: u32| {
        stack.target.value::<String>(&format!("SELECT word FROM {table} WHERE id = {id}")).await
    };
    let found = [word(FOREIGN).await, word(51).await, word(BEHIND).await];
    if policy == "target_first" {
        assert_eq!(found, ["foreign", "other", "behind"]);
        stack.source.run(&format!("UPDATE {table} SET word = 'foreign' WHERE id = {FOREIGN}")).await;
        stack.source.run(&format!("UPDATE {table} SET word = 'other' WHERE id = 51")).await;
    } else {
        assert_eq!(found[2], "behind");
    }
    stack.target.run(&format!("DELETE FROM {table} WHERE id = {BEHIND}")).await;
    tables_agree(&stack.source, &stack.target, &[table]).await;
}

/// How often the target's server was told to load.
async fn loads(stack: &Stack) -> u64 {
    let found: Vec<(String, String)> = stack.target.rows("SHOW GLOBAL STATUS LIKE 'Com_load'").await;
    found[0].1.parse().unwrap()
}
