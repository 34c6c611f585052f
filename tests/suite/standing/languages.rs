//! Servers that speak other languages than English: nothing is read out of their words.

use longshore_tests::agree::agree;
use longshore_tests::servers::{Held, Servers};
use longshore_tests::stack::Stack;
use serde_json::json;

use super::Sides;

/// Which server speaks what, as source and as target.
const PAIRS: [(&str, &str, &str, &str); 4] = [
    ("mariadb", "de_DE", "mysql57", "fr_FR"),
    ("mysql57", "fr_FR", "mariadb11", "ja_JP"),
    ("mariadb11", "ja_JP", "mysql9", "de_DE"),
    ("mysql9", "de_DE", "mariadb", "de_DE"),
];

const TABLES: &str = "CREATE TABLE numbers (id INT PRIMARY KEY, a INT, t VARCHAR(20));
    CREATE TABLE texts (k VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci PRIMARY KEY, f DOUBLE, e ENUM('x','y'), b BLOB);
    CREATE TABLE uniques (id INT PRIMARY KEY, u INT, UNIQUE KEY (u));
    CREATE TABLE bags (a INT, b VARCHAR(9));
    INSERT INTO numbers VALUES (1,1,'a'),(2,2,'b'),(3,3,NULL),(4,4,'d');
    INSERT INTO texts VALUES ('a',0.5,'x','1'),('b',NULL,NULL,NULL),('c',1e9,'y','');
    INSERT INTO uniques VALUES (1,1),(2,2),(3,3);
    INSERT INTO bags VALUES (1,'a'),(1,'a'),(NULL,'')";

const CHANGES: &str = "UPDATE numbers SET a = a + 1, t = 'ä' WHERE id > 1; DELETE FROM numbers WHERE id = 1;
    INSERT INTO numbers VALUES (9,9,'new'); UPDATE texts SET f = 2.5, b = 'changed';
    UPDATE uniques SET u = 9 WHERE id = 1; UPDATE uniques SET u = 1 WHERE id = 2; UPDATE uniques SET u = 2 WHERE id = 1;
    UPDATE bags SET b = 'x'";

#[tokio::test]
async fn n08_servers_speak_other_languages() {
    let kinds = ["mariadb", "mariadb11", "mysql57", "mysql9"];
    let options: Vec<String> = PAIRS
        .iter()
        .map(|(kind, language, ..)| {
            let name = if *kind == "mariadb" { "mariadb-1" } else { kind };
            format!("{name}=lc-messages={language}")
        })
        .collect();
    let wanted: Vec<&str> = kinds
        .into_iter()
        .filter(|kind| *kind == "mariadb" || Servers::is_wanted(kind))
        .map(|kind| if kind == "mariadb" { "mariadb:1" } else { kind })
        .collect();
    let own = Held::start_with(&wanted.join(","), &options.iter().map(String::as_str).collect::<Vec<_>>());
    let server = |kind: &str| own.mariadb.iter().find(|server| server.kind() == kind);
    let mut stack = Stack::running_with(&[("CHUNK_ROWS", "2")]).await;
    for (source, _, target, _) in PAIRS {
        let (Some(source), Some(target)) = (server(source), server(target)) else { continue };
        stack.move_to(Some(source), Some(target)).await;
        assert_ne!(stack.source.value::<String>("SELECT @@lc_messages").await, "en_US");
        stack.source.run(TABLES).await;
        let sides = Sides::of(&stack).await;
        let task = sides.task(&stack, &json!({"delete_extra": true})).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        stack.source.run(CHANGES).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        refused(&stack, &sides).await;
        for schema in [&stack.source, &stack.target] {
            schema.remove().await;
        }
    }
}

/// What a server refuses is told in its code's class, and no value with it.
async fn refused(stack: &Stack, sides: &Sides) {
    for (schema, id) in [(&stack.source, 1), (&stack.target, 2)] {
        schema.run("CREATE TABLE refusals (id INT PRIMARY KEY, u VARCHAR(20), UNIQUE KEY (u))").await;
        schema.run(&format!("INSERT INTO refusals VALUES ({id}, 'secret-word')")).await;
    }
    let task = sides.task(stack, &json!({"mode": "selective", "tables": ["refusals"]})).await;
    let job = stack.run(&task).await;
    assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", "unique_clash"), "{job:#?}");
    assert!(!job.why().message.contains("secret-word"), "{job:#?}");
}
