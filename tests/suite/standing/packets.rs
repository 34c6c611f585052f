//! Servers that take small packets only.

use longshore_tests::agree::agree;
use longshore_tests::servers::{Held, Servers};
use longshore_tests::stack::Stack;
use serde_json::json;

/// Servers, bytes that the source and the target take in a packet, and how many tables of long names there are.
const CASES: [(&str, u32, u32, u32); 4] = [
    ("mariadb:2", 16_777_216, 65_536, 0),
    ("mariadb:2", 1_047_552, 1_048_576, 0),
    ("mysql57,mysql9", 65_536, 16_777_216, 0),
    ("mysql9,mariadb11", 16_384, 8_192, 60),
];

/// Many rows for statements that name many keys, values for pieces, and names for many tables.
const TABLES: &str = "CREATE TABLE plain (id INT PRIMARY KEY, a INT);
    CREATE TABLE texts (k VARCHAR(200) COLLATE utf8mb4_bin PRIMARY KEY, t VARCHAR(200), n DECIMAL(9,2), d DATETIME);
    CREATE TABLE longs (id INT PRIMARY KEY, v VARCHAR(200), b LONGBLOB, f DOUBLE);
    CREATE TABLE bags (a INT, t TEXT);";

fn filling() -> String {
    let plain: Vec<_> = (0..1500).map(|n| format!("({n},{})", n * 7)).collect();
    let texts: Vec<_> = (0..500)
        .map(|n| {
            format!("('{n:0150}','{}',{n}.25,'2024-02-29 01:02:03')", "x'".replace('\'', "''").repeat(60))
        })
        .collect();
    let longs: Vec<_> = (0..12)
        .map(|n| format!("({n},'v{n}',REPEAT(x'0D{n:02}275C',{}),{n}e-5)", 300 * (n + 1) / 5))
        .collect();
    let bags: Vec<_> = (0..40).map(|n| format!("({n},REPEAT('t{n}',100))")).collect();
    let insert = |table: &str, rows: &[String]| {
        let parts = rows.chunks(50).map(|rows| format!("INSERT INTO {table} VALUES {};", rows.join(",")));
        parts.collect::<String>()
    };
    [insert("plain", &plain), insert("texts", &texts), insert("longs", &longs), insert("bags", &bags)]
        .concat()
}

const CHANGES: &str = "UPDATE plain SET a = a + 1; DELETE FROM plain WHERE id % 3 = 0; UPDATE texts SET t = CONCAT(t, 'y') WHERE n > 50;
    DELETE FROM texts WHERE n < 200 AND n > 10; UPDATE longs SET b = CONCAT(b, 'z'), v = 'w'; UPDATE bags SET a = 1";

#[tokio::test]
async fn n13_small_packets_on_one_side() {
    let mut stack = Stack::running_with(&[("CHUNK_ROWS", "700"), ("WORKER_PERMITS", "4")]).await;
    // A stack that moves on clears up behind itself.
    let mut servers = Vec::new();
    for (wanted, ours, theirs, tables) in CASES {
        let kinds = wanted.split(',').filter(|kind| !kind.starts_with("mariadb:"));
        if !kinds.into_iter().all(Servers::is_wanted) {
            continue;
        }
        let own = Held::start(wanted);
        stack.move_to(Some(&own.mariadb[0]), Some(&own.mariadb[1])).await;
        let named = (0..tables).map(|n| format!("CREATE TABLE `t{n:060}` (id INT PRIMARY KEY);"));
        stack.source.run(&format!("{}{TABLES}{}", named.collect::<String>(), filling())).await;
        stack.source.run(&format!("SET GLOBAL max_allowed_packet = {ours}")).await;
        stack.target.run(&format!("SET GLOBAL max_allowed_packet = {theirs}")).await;
        let task = stack.task(&json!({"delete_extra": true, "keyless": "replace"})).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        stack.source.run(CHANGES).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        servers.push(own);
    }
    for schema in [&stack.source, &stack.target] {
        schema.remove().await;
    }
}
