//! Values and definitions that only a session without strict mode stores.

use longshore_tests::agree::agree;
use longshore_tests::servers::{Held, Servers};
use longshore_tests::stack::Stack;
use serde_json::json;

use super::Sides;

/// Source and target, and whether the target takes `LOAD DATA LOCAL`.
const PAIRS: [(&str, &str, bool); 5] = [
    ("mariadb", "mariadb11", true),
    ("mysql57", "mysql9", true),
    ("mysql9", "mariadb", true),
    ("mariadb11", "mysql57", false),
    ("mariadb11", "mariadb", true),
];

/// All of it arrives.
const TABLES: &str = "
    CREATE TABLE enums (id INT PRIMARY KEY, e ENUM('a','b'), n ENUM('b','') NOT NULL, t VARCHAR(9));
    CREATE TABLE slow (id INT PRIMARY KEY, e ENUM('a','b'), f DOUBLE);
    CREATE TABLE enumkey (e ENUM('a','b') NOT NULL, n INT NOT NULL, v INT, PRIMARY KEY (e, n));
    CREATE TABLE bag (e ENUM('a','b'));
    CREATE TABLE casts (id INT PRIMARY KEY, s VARCHAR(20), c BIGINT AS (CAST(s AS SIGNED)) STORED);
    CREATE TABLE virtual_casts (id INT PRIMARY KEY, s VARCHAR(20), v BIGINT AS (CAST(s AS SIGNED)) VIRTUAL, KEY (v));
    CREATE TABLE years (id INT PRIMARY KEY, d DATE, y INT AS (YEAR(d)) STORED);
    CREATE TABLE dates (d DATE NOT NULL DEFAULT '0000-00-00', n INT NOT NULL, dt DATETIME DEFAULT '2023-02-31 00:00:00', PRIMARY KEY (d, n));
    CREATE TABLE twice (id INT PRIMARY KEY, e ENUM('a','a','b') DEFAULT 'b', s SET('x','x'));";
const ROWS: &str = "
    INSERT INTO enums VALUES (1,'nope','b','x'),(2,'a','zz','y'),(3,NULL,'','z'),(4,'b','b','v');
    INSERT INTO slow VALUES (1,'nope',0.5),(2,'a',1);
    INSERT INTO enumkey VALUES ('nope',1,1),('a',1,1);
    INSERT INTO bag VALUES ('nope'),('a'),('nope');
    INSERT INTO casts (id, s) VALUES (1,'12abc'),(2,'7'),(3,'');
    INSERT INTO virtual_casts (id, s) VALUES (1,'12abc'),(2,'7');
    INSERT INTO years (id, d) VALUES (1,'2023-02-31'),(2,'2023-01-05'),(3,'0000-00-00');
    INSERT INTO dates VALUES ('0000-00-00',1,'2023-00-00'),('2023-02-31',1,'2023-11-31 01:02:03'),('2023-00-05',2,DEFAULT);
    INSERT INTO twice VALUES (1,'a','x'),(2,'b','');";
const CHANGES: &str = "
    UPDATE enums SET e = 'nope', t = 'changed'; INSERT INTO enums VALUES (9,'no','no','new'); UPDATE slow SET e = 'nope', f = 2;
    UPDATE enumkey SET v = 2; INSERT INTO enumkey VALUES ('no',2,2); UPDATE bag SET e = 'no';
    UPDATE casts SET s = CONCAT(s, 'x'); INSERT INTO casts (id, s) VALUES (9,'3x'); UPDATE virtual_casts SET s = '5x';
    UPDATE years SET d = '2023-04-31' WHERE id = 2; UPDATE dates SET dt = '2023-06-31'; INSERT INTO twice VALUES (3,'a','')";

fn lax(sql: &str) -> String {
    format!("SET sql_mode = 'ALLOW_INVALID_DATES,NO_ENGINE_SUBSTITUTION'; {sql}")
}

#[tokio::test]
async fn n11_what_a_lax_mode_has_stored_arrives() {
    let kinds = ["mariadb", "mariadb11", "mysql57", "mysql9"];
    let wanted: Vec<_> =
        kinds.into_iter().filter(|kind| *kind == "mariadb" || Servers::is_wanted(kind)).collect();
    let own = Held::start(&wanted.join(","));
    let server = |kind: &str| own.mariadb.iter().find(|server| server.kind() == kind);
    let mut stack = Stack::running_with(&[("CHUNK_ROWS", "2")]).await;
    for (source, target, local_infile) in PAIRS {
        let (Some(source), Some(target)) = (server(source), server(target)) else { continue };
        stack.move_to(Some(source), Some(target)).await;
        stack.target.run(&format!("SET GLOBAL local_infile = {}", i32::from(local_infile))).await;
        stack.source.run(&lax(TABLES)).await;
        stack.source.run(&lax(ROWS)).await;
        let sides = Sides::of(&stack).await;
        let task = sides.task(&stack, &json!({"delete_extra": true, "keyless": "replace"})).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        stack.source.run(&lax(CHANGES)).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        let again = stack.run_completed(&task).await;
        for table in &again.tables {
            let counts = &table.counts;
            assert_eq!((counts.inserted, counts.updated, counts.deleted), (0, 0, 0), "{}", table.name);
        }
        if (source.kind(), target.kind()) == ("mariadb11", "mariadb") {
            named(&stack, &sides).await;
        }
        for schema in [&stack.source, &stack.target] {
            schema.remove().await;
        }
    }
}

/// What the target cannot store is told by column and row: whatever way the row takes.
async fn named(stack: &Stack, sides: &Sides) {
    let (source, target) = (&stack.source, &stack.target);
    source
        .run(
            "CREATE TABLE late (id INT PRIMARY KEY, ts TIMESTAMP NULL, v INT); CREATE TABLE checked (id INT PRIMARY KEY, v INT, CONSTRAINT small CHECK (v < 9));
             INSERT INTO late VALUES (1,'2024-01-01',1),(7,'2050-01-01',1),(8,'2030-01-01',1); SET check_constraint_checks = 0; INSERT INTO checked VALUES (1,1),(5,50),(6,6)",
        )
        .await;
    for local_infile in [1, 0] {
        target.run(&format!("SET GLOBAL local_infile = {local_infile}")).await;
        for (table, row) in [("late", "id = 7"), ("checked", "id = 5")] {
            target.run(&format!("DROP TABLE IF EXISTS {table}")).await;
            let task = sides.task(stack, &json!({"mode": "selective", "tables": [table]})).await;
            for way in ["load", "insert", "update"] {
                match way {
                    "insert" => {
                        target.run(&format!("DELETE FROM {table}; INSERT INTO {table} (id) VALUES (1)")).await
                    }
                    "update" => {
                        target
                            .run(&format!(
                                "DELETE FROM {table}; INSERT INTO {table} (id) VALUES (1),(5),(6),(7),(8)"
                            ))
                            .await
                    }
                    _ => 0,
                };
                let job = stack.run(&task).await;
                assert_eq!(job.state, "failed", "{table} by {way}: {job:#?}");
                let why = job.why();
                assert!(
                    ["value_refused", "check_violation"].contains(&why.code.as_str()),
                    "{table} by {way}: {why:#?}"
                );
                assert!(why.message.contains(row), "{table} by {way}: {why:#?}");
            }
        }
    }
    target.run("SET GLOBAL local_infile = 1").await;
}
