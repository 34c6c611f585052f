//! A first copy that was cancelled, however often, goes on where it stands: what it did not come to is
//! loaded.

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
    let plain =
        Copy { name: "", id: "INT", indexes: ("", ", KEY w (word)"), stops: &[], policy: "source_first" };
    let text = "VARCHAR(9) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci";
    let unique = ", UNIQUE KEY w (word)";
    for copy in [
        Copy { name: "early", stops: &[2], ..plain },
        Copy { name: "half", stops: &[9], policy: "target_first", ..plain },
        Copy { name: "late", stops: &[17], ..plain },
        // Cancelled again, with an index still to come and with none.
        Copy { name: "again", stops: &[2, 5], ..plain },
        Copy { name: "thrice", stops: &[2, 5, 9], indexes: (plain.indexes.1, plain.indexes.1), ..plain },
        // The servers may order such a key differently.
        Copy { name: "text", id: text, stops: &[2, 5], ..plain },
        // A row of elsewhere holds a unique value of a range that is open.
        Copy { name: "held", stops: &[2, 5], indexes: (unique, unique), ..plain },
    ] {
        goes_on(&stack, &sides, &copy).await;
    }
}

/// A first copy that is cancelled.
#[derive(Clone, Copy)]
struct Copy {
    /// The table.
    name: &'static str,
    /// The type of its key's first column.
    id: &'static str,
    /// Its indexes on the target before the first run, and on the source.
    indexes: (&'static str, &'static str),
    /// After so many chunks in all each run is cancelled.
    stops: &'static [u32],
    policy: &'static str,
}

/// A key's value, for numbers and texts.
fn id(number: u32) -> String {
    format!("'{number:06}'")
}

/// Cancels one run after the other, then lets one go on.
async fn goes_on(stack: &Stack, sides: &(String, String), copy: &Copy) {
    let Copy { name: table, id: of, indexes, stops, policy } = copy;
    // A key of two columns is walked: chunks have as many rows as they should.
    let columns = format!("id {of}, part INT DEFAULT 0, word VARCHAR(40), PRIMARY KEY (id, part)");
    let filled = format!(
        "CREATE TABLE {table} ({columns}{}); INSERT INTO {table} SELECT LPAD(seq, 6, '0'), 0, MD5(seq) FROM seq_1_to_{ROWS}",
        indexes.1
    );
    stack.source.run(&filled).await;
    stack.target.run(&format!("CREATE TABLE {table} ({columns}{})", indexes.0)).await;
    let wanted = json!({"mode": "selective", "tables": [table], "policy": policy});
    let task = stack.client.task(&sides.0, &sides.1, &wanted).await;
    let mut there = 0;
    for done in *stops {
        let before = loads(stack).await;
        cancelled(stack, &task, table, *done).await;
        // What is there already is not loaded again; each of four permits has one in hand.
        let loaded = loads(stack).await - before;
        assert!(loaded <= u64::from(done - there) + 4, "{table}, {done} chunks: {loaded} loads");
        there = *done;
    }
    let done = stops.last().copied().unwrap();
    let foreign = if indexes.0.contains("UNIQUE") { "MD5(850)" } else { "'foreign'" };
    let meanwhile = format!(
        "INSERT INTO {table} (id, word) VALUES ({}, {foreign}), ({}, 'behind'); DELETE FROM {table} WHERE id = {};
         UPDATE {table} SET word = 'other' WHERE id = {}",
        id(FOREIGN),
        id(BEHIND),
        id(50),
        id(51)
    );
    stack.target.run(&meanwhile).await;
    let before = loads(stack).await;
    let again = stack.run_completed(&task).await;
    let found = again.table(table);
    assert_eq!(found.mode, "diff", "{again:#?}");
    // All but those that were loaded, and the two that somebody else has written to.
    let open = u64::try_from(found.chunks_total).unwrap() - u64::from(done) - 2;
    assert_eq!(loads(stack).await - before, open, "{again:#?}");
    holds(stack, table, policy).await;
}

/// Runs the task and cancels it after so many chunks.
async fn cancelled(stack: &Stack, task: &str, table: &str, done: u32) {
    let stops = (done..ROWS / CHUNK).map(|chunk| format!("({})", id(chunk * CHUNK + CHUNK / 2)));
    let stops = stops.collect::<Vec<_>>().join(", ");
    let blocker =
        stack.target.blocker(&format!("START TRANSACTION; INSERT INTO {table} (id) VALUES {stops}")).await;
    let job = stack.client.submit(task).await;
    until("all chunks before the locked rows are loaded", seconds(60), async || {
        let job = stack.client.job(&job).await;
        let found = job.tables.iter().find(|found| found.name == table)?;
        (found.chunks_done == i64::from(done)).then_some(())
    })
    .await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let ended = stack.client.ended(&job, seconds(20)).await;
    assert_eq!(
        (ended.state.as_str(), ended.table(table).state.as_str()),
        ("cancelled", "partial"),
        "{ended:#?}"
    );
    blocker.release().await;
    let there: u32 = stack.target.value(&format!("SELECT COUNT(*) FROM {table}")).await;
    assert_eq!(there, done * CHUNK);
}

/// Somebody else's rows are treated by the policy, and none is gone.
async fn holds(stack: &Stack, table: &str, policy: &str) {
    let word = async |number: u32| {
        let query = format!("SELECT word FROM {table} WHERE id = {}", id(number));
        stack.target.value::<String>(&query).await
    };
    let found = [word(FOREIGN).await, word(51).await, word(BEHIND).await];
    if policy == "target_first" {
        assert_eq!(found, ["foreign", "other", "behind"]);
        stack.source.run(&format!("UPDATE {table} SET word = 'foreign' WHERE id = {}", id(FOREIGN))).await;
        stack.source.run(&format!("UPDATE {table} SET word = 'other' WHERE id = {}", id(51))).await;
    } else {
        assert_eq!(found[2], "behind");
    }
    stack.target.run(&format!("DELETE FROM {table} WHERE id = {}", id(BEHIND))).await;
    tables_agree(&stack.source, &stack.target, &[table]).await;
}

/// How often the target's server was told to load.
async fn loads(stack: &Stack) -> u64 {
    let found: Vec<(String, String)> = stack.target.rows("SHOW GLOBAL STATUS LIKE 'Com_load'").await;
    found[0].1.parse().unwrap()
}
