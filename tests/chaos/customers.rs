//! The customers: pairs of databases on two servers, what happens to them between two runs,
//! and the task that makes the one like the other.
//!
//! A source is quiet while a run reads it: there is no snapshot yet. Everything here happens
//! between runs, by statements whose numbers come from the seed.

use longshore_tests::client::{Client, connection_body};
use longshore_tests::schema::Schema;
use longshore_tests::seeds;
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::{Value, json};

use crate::world::{World, fresh};

/// Two databases and the task between them.
pub(crate) struct Pair {
    /// What people call it.
    pub(crate) name: &'static str,
    /// Whose it is: an index of the organisations' tokens.
    pub(crate) organisation: usize,
    /// What is read.
    pub(crate) source: Schema,
    /// What is written.
    pub(crate) target: Schema,
    /// The connections' ids: source, target.
    pub(crate) connections: [String; 2],
    /// The sync task's id.
    pub(crate) task: String,
    /// Another task between the same two, which has to wait while a run of the first writes.
    pub(crate) rival: Option<String>,
    /// Whether the task runs by itself every minute.
    pub(crate) scheduled: bool,
    changes: &'static [&'static str],
    damages: &'static [&'static str],
}

/// A kind of customer.
struct Kind {
    name: &'static str,
    organisation: usize,
    /// The server that is read; the other one is written.
    from: usize,
    options: fn() -> Value,
    scheduled: bool,
    rivalled: bool,
    /// Sessions that all workers together may have open on either side.
    max_sessions: Option<u16>,
    changes: &'static [&'static str],
    damages: &'static [&'static str],
}

/// `{r}` is a number of the seed's.
const SHOP_CHANGES: &[&str] = &[
    "UPDATE customers SET name = CONCAT('renamed ', {r}), balance = {r} / 7 WHERE id % 13 = {r} % 13",
    "DELETE FROM orders WHERE id % 29 = {r} % 29",
    "INSERT INTO orders (customer_id, placed, state) SELECT id, '2025-05-05', 'paid' FROM customers LIMIT 12",
    "INSERT INTO page_views SELECT CONCAT('/new/', {r}), seq, '2025-01-01' FROM seq_1_to_30",
    "DELETE FROM page_views WHERE customer_id % 11 = {r} % 11",
    "UPDATE settings SET value = REPEAT(SHA2('{r}', 256), 300) WHERE name = 'long'",
    "UPDATE products SET price = {r} / 100, attributes = NULL WHERE category_id = 1 + {r} % 40",
    "UPDATE customers SET photo = UNHEX(SHA2('{r}', 512)) WHERE id % 17 = {r} % 17",
];
const SHOP_DAMAGES: &[&str] = &[
    "SET foreign_key_checks = 0; DROP TABLE IF EXISTS orders, order_items, page_views",
    "DELETE FROM order_items WHERE line = 1 + {r} % 3",
    "UPDATE customers SET name = 'damaged' WHERE id % 7 = {r} % 7",
    "TRUNCATE page_views",
    "INSERT IGNORE INTO settings VALUES (CONCAT('extra ', {r}), 'not from the source')",
    "DELETE FROM orders WHERE id % 5 = {r} % 5",
];
const LEDGER_CHANGES: &[&str] = &[
    "UPDATE ledger SET body = CONCAT('changed ', {r}) WHERE id % 97 = {r} % 97",
    "DELETE FROM ledger WHERE id % 101 = {r} % 101",
    "INSERT IGNORE INTO ledger SELECT 100000 + {r} * 50 + seq, '2025-02-02', MD5(seq) FROM seq_1_to_50",
    "INSERT INTO scribbles SELECT '2025-02-02', REPEAT('{r} ', 9) FROM seq_1_to_20",
    "DELETE FROM scribbles LIMIT 25",
];
const LEDGER_DAMAGES: &[&str] = &[
    "DROP TABLE IF EXISTS ledger",
    "DROP TABLE IF EXISTS ledger, scribbles",
    "DELETE FROM ledger WHERE id % 3 = {r} % 3",
    "UPDATE ledger SET at = '1999-09-09' WHERE id % 53 = {r} % 53",
    "DELETE FROM scribbles LIMIT 100",
];
const GROWING_CHANGES: &[&str] = &[
    "INSERT INTO events (at, body) SELECT '2025-03-03 03:03:03.3', CONCAT({r}, '/', seq) FROM seq_1_to_150",
];
const GROWING_DAMAGES: &[&str] =
    &["DELETE FROM events WHERE id % 4 = {r} % 4", "DROP TABLE IF EXISTS events", "TRUNCATE events"];

const KINDS: &[Kind] = &[
    Kind {
        name: "shop",
        organisation: 0,
        from: 0,
        options: exactly,
        scheduled: false,
        rivalled: false,
        max_sessions: None,
        changes: SHOP_CHANGES,
        damages: SHOP_DAMAGES,
    },
    Kind {
        name: "ledger",
        organisation: 1,
        from: 0,
        options: exactly,
        scheduled: false,
        rivalled: true,
        max_sessions: None,
        changes: LEDGER_CHANGES,
        damages: LEDGER_DAMAGES,
    },
    Kind {
        name: "growing",
        organisation: 1,
        from: 1,
        options: only_missing,
        scheduled: false,
        rivalled: false,
        max_sessions: Some(2),
        changes: GROWING_CHANGES,
        damages: GROWING_DAMAGES,
    },
    Kind {
        name: "minutely",
        organisation: 2,
        from: 1,
        options: every_minute,
        scheduled: true,
        rivalled: false,
        max_sessions: None,
        changes: LEDGER_CHANGES,
        damages: &[],
    },
];

/// The target becomes exactly the source.
fn exactly() -> Value {
    json!({"policy": "source_first", "delete_extra": true, "keyless": "replace"})
}

/// Rows that the target lacks are added.
fn only_missing() -> Value {
    json!({"policy": "target_first"})
}

fn every_minute() -> Value {
    json!({
        "policy": "source_first", "delete_extra": true, "keyless": "replace", "overlap": "queue",
        "schedule": {"cron": "* * * * *", "time_zone": "Europe/Berlin"},
    })
}

/// Makes all pairs, while nothing is broken yet.
pub(crate) async fn pairs(world: &World<'_>) -> Vec<Pair> {
    let mut pairs = Vec::new();
    for kind in KINDS {
        pairs.push(Box::pin(pair(world, kind)).await);
    }
    pairs
}

async fn pair(world: &World<'_>, kind: &Kind) -> Pair {
    let servers = &world.servers.mariadb;
    let source = Schema::make(&servers[kind.from], "source").await;
    let target = Schema::make(&servers[1 - kind.from], "target").await;
    match kind.name {
        "shop" => seeds::shop(&source, 400).await,
        "growing" => {
            source
                .run("CREATE TABLE events (id INT UNSIGNED AUTO_INCREMENT PRIMARY KEY, at DATETIME(3), body TEXT)")
                .await;
            source
                .run("INSERT INTO events (at, body) SELECT '2024-04-04', MD5(seq) FROM seq_1_to_2000")
                .await;
        }
        _ => ledger(&source, if kind.scheduled { 900 } else { 24_000 }).await,
    }
    let client = world.apis[0].with_token(Some(&world.tokens[kind.organisation]));
    let from = connection(world, &client, &source, kind.from, kind.max_sessions).await;
    let to = connection(world, &client, &target, 1 - kind.from, kind.max_sessions).await;
    let task = client.task(&from, &to, &(kind.options)()).await;
    let rival = match kind.rivalled {
        true => Some(client.task(&from, &to, &(kind.options)()).await),
        false => None,
    };
    Pair {
        name: kind.name,
        organisation: kind.organisation,
        source,
        target,
        connections: [from, to],
        task,
        rival,
        scheduled: kind.scheduled,
        changes: kind.changes,
        damages: kind.damages,
    }
}

async fn ledger(schema: &Schema, rows: u32) {
    schema
        .run("CREATE TABLE ledger (id BIGINT PRIMARY KEY, at DATETIME, body VARCHAR(120), KEY at (at))")
        .await;
    schema.run("CREATE TABLE scribbles (at DATETIME, line VARCHAR(200))").await;
    let sql = "INSERT INTO ledger SELECT seq, '2024-06-06', REPEAT(MD5(seq), 2) FROM seq_1_to_";
    schema.run(&format!("{sql}{rows}")).await;
    let sql = "INSERT INTO scribbles SELECT '2024-06-06', CONCAT('line ', seq % 100) FROM seq_1_to_";
    schema.run(&format!("{sql}{rows}")).await;
}

/// Registers a schema by way of its server's proxy.
async fn connection(
    world: &World<'_>,
    client: &Client,
    schema: &Schema,
    server: usize,
    max_sessions: Option<u16>,
) -> String {
    let mut body = connection_body(schema);
    body["max_sessions"] = json!(max_sessions);
    body["port"] = json!(world.to_customers[server].port);
    body["name"] = json!(fresh("connection"));
    client.post("/v1/connections", &body).await.expect(201).id()
}

impl Pair {
    /// The source changes, and now and then somebody damages the target. Nothing runs.
    pub(crate) async fn change(&self, rng: &mut StdRng) {
        for _ in 0..rng.random_range(0..3) {
            let sql = numbered(self.changes[rng.random_range(0..self.changes.len())], rng);
            self.source.run(&sql).await;
        }
        // A table may be missing, after a run that was cancelled.
        if !self.damages.is_empty() && rng.random_bool(0.6) {
            let sql = numbered(self.damages[rng.random_range(0..self.damages.len())], rng);
            let mut session = self.target.session().await;
            let _ = mysql_async::prelude::Queryable::query_drop(&mut session, &sql).await;
        }
    }
}

fn numbered(sql: &str, rng: &mut StdRng) -> String {
    sql.replace("{r}", &rng.random_range(1..500).to_string())
}
