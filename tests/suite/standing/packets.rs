//! Servers that take small packets only.

use longshore_tests::agree::agree;
use longshore_tests::servers::{Held, MariaDb};
use longshore_tests::stack::Stack;
use serde_json::json;

/// Bytes that the source and the target take in a packet.
const LIMITS: [(u32, u32); 5] = [
    (16_777_216, 65_536),
    (65_536, 16_777_216),
    (1_047_552, 1_048_576),
    (16_384, 16_384),
    (1_073_741_824, 131_072),
];

/// Many rows for statements that name many keys, values for pieces, and names for many tables.
const TABLES: &str = "CREATE TABLE plain (id INT PRIMARY KEY, a INT);
    CREATE TABLE texts (k VARCHAR(200) COLLATE utf8mb4_bin PRIMARY KEY, t VARCHAR(200), n DECIMAL(9,2), d DATETIME);
    CREATE TABLE longs (id INT PRIMARY KEY, v VARCHAR(200), b LONGBLOB, f DOUBLE);
    CREATE TABLE bags (a INT, t TEXT);";

fn filling() -> String {
    let plain: Vec<_> = (0..3000).map(|n| format!("({n},{})", n * 7)).collect();
    let texts: Vec<_> = (0..900)
        .map(|n| {
            format!("('{n:0150}','{}',{n}.25,'2024-02-29 01:02:03')", "x'".replace('\'', "''").repeat(60))
        })
        .collect();
    let longs: Vec<_> = (0..12)
        .map(|n| format!("({n},'v{n}',REPEAT(x'0D{n:02}275C',{}),{n}e-5)", 300 * (n + 1) / 5))
        .collect();
    let bags: Vec<_> = (0..40).map(|n| format!("({n},REPEAT('t{n}',100))")).collect();
    let insert = |table: &str, rows: &[String]| {
        let parts = rows.chunks(20).map(|rows| format!("INSERT INTO {table} VALUES {};", rows.join(",")));
        parts.collect::<String>()
    };
    [insert("plain", &plain), insert("texts", &texts), insert("longs", &longs), insert("bags", &bags)]
        .concat()
}

const CHANGES: &str = "UPDATE plain SET a = a + 1; DELETE FROM plain WHERE id % 3 = 0; UPDATE texts SET t = CONCAT(t, 'y') WHERE n > 100;
    DELETE FROM texts WHERE n < 300 AND n > 10; UPDATE longs SET b = CONCAT(b, 'z'), v = 'w'; UPDATE bags SET a = 1";

/// Sets what new sessions of a server get.
async fn limit(server: &MariaDb, bytes: u32, stack: &Stack, source: bool) {
    let schema = if source { &stack.source } else { &stack.target };
    assert_eq!(schema.server.name, server.name);
    schema.run(&format!("SET GLOBAL max_allowed_packet = {bytes}")).await;
}

#[tokio::test]
async fn n13_small_packets_on_one_side() {
    for (source, target) in [("mariadb:2", None), ("mysql57", Some("mysql9")), ("mysql9", Some("mariadb11"))]
    {
        between(source, target).await;
    }
}

async fn between(source: &str, target: Option<&str>) {
    let wanted = [Some(source), target].into_iter().flatten().collect::<Vec<_>>();
    let kinds = wanted.iter().map(|kind| kind.split(':').next().unwrap_or_default());
    if !kinds.filter(|kind| *kind != "mariadb").all(longshore_tests::servers::Servers::is_wanted) {
        return;
    }
    let own = Held::start(&wanted.join(","));
    let mut stack = Stack::running_with(&[("CHUNK_ROWS", "700"), ("WORKER_PERMITS", "4")]).await;
    for (ours, theirs) in LIMITS {
        stack.move_to(Some(&own.mariadb[0]), Some(&own.mariadb[1])).await;
        for name in 0..120 {
            stack.source.run(&format!("CREATE TABLE `t{name:060}` (id INT PRIMARY KEY)")).await;
        }
        stack.source.run(TABLES).await;
        stack.source.run(&filling()).await;
        limit(&own.mariadb[0], ours, &stack, true).await;
        limit(&own.mariadb[1], theirs, &stack, false).await;
        let task = stack.task(&json!({"delete_extra": true})).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        stack.source.run(CHANGES).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        for schema in [&stack.source, &stack.target] {
            schema.run("SET GLOBAL max_allowed_packet = 67108864").await;
            schema.remove().await;
        }
    }
}
