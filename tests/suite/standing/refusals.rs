//! `on_mismatch`: with `continue` each table that fails does so alone and by name, with `fail` all
//! that cannot be made are named at once and nothing is.

use longshore_tests::agree::tables_agree;
use longshore_tests::client::Job;
use longshore_tests::kinds::Kind;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::Sides;

/// A stack whose source is a server of one kind and whose target is one of another.
async fn between(source: &str, target: &str) -> Option<Stack> {
    let (source, target) = (Kind::shared(source, 0)?, Kind::shared(target, 1)?);
    let mut stack = Stack::running().await;
    stack.move_to(Some(&source), Some(&target)).await;
    stack.keep(source.into_held());
    stack.keep(target.into_held());
    Some(stack)
}

fn states(job: &Job) -> Vec<(&str, &str)> {
    job.tables.iter().map(|table| (table.name.as_str(), table.state.as_str())).collect()
}

fn warns(job: &Job, words: &[&str]) -> bool {
    job.warnings.iter().any(|told| words.iter().all(|word| told.contains(word)))
}

/// Tables of which the target refuses some, whatever else they are; one points to a refused one.
async fn definitions(source: &str, target: &str, refused: [&str; 2]) {
    let Some(stack) = between(source, target).await else { return };
    for sql in [
        "CREATE TABLE a1 (id INT PRIMARY KEY, v INT, KEY v (v))",
        &format!("CREATE TABLE m_bad {}", refused[0]),
        &format!("CREATE TABLE n_bad {}", refused[1]),
        "CREATE TABLE k3 (id INT PRIMARY KEY, mid INT, aid INT, CONSTRAINT to_bad FOREIGN KEY (mid) REFERENCES m_bad (id), \
         CONSTRAINT to_good FOREIGN KEY (aid) REFERENCES a1 (id))",
        "CREATE TABLE z9 (id INT PRIMARY KEY)",
        "INSERT INTO a1 VALUES (1, 1), (2, 2)",
        "INSERT INTO m_bad (id) VALUES (5)",
        "INSERT INTO k3 VALUES (1, 5, 2)",
        "INSERT INTO z9 VALUES (1)",
    ] {
        stack.source.run(sql).await;
    }
    let sides = Sides::of(&stack).await;
    let task = sides.task(&stack, &json!({"on_mismatch": "fail"})).await;
    let job = stack.run(&task).await;
    assert_eq!(job.state, "failed", "{job:#?}");
    for word in ["2 tables cannot be synchronised", "`m_bad`", "`n_bad`"] {
        assert!(job.why().message.contains(word), "{word}: {job:#?}");
    }
    assert_eq!(stack.target.tables().await, [""; 0], "nothing is made: {job:#?}");

    let task = sides.task(&stack, &json!({"on_mismatch": "continue"})).await;
    let job = stack.run(&task).await;
    assert_eq!(job.state, "failed", "{job:#?}");
    assert_eq!(
        states(&job),
        [
            ("a1", "completed"),
            ("k3", "completed"),
            ("m_bad", "failed"),
            ("n_bad", "failed"),
            ("z9", "completed")
        ],
        "{job:#?}"
    );
    for table in ["m_bad", "n_bad"] {
        let failure = job.table(table).failure.as_ref().unwrap();
        assert!(failure.message.contains(table) && !failure.hint.is_empty(), "{failure:#?}");
    }
    assert!(warns(&job, &["table k3", "to_bad", "m_bad", "not added"]), "{job:#?}");
    assert_eq!(stack.target.tables().await, ["a1", "k3", "z9"]);
    tables_agree(&stack.source, &stack.target, &["a1", "z9"]).await;
    assert!(has_key(&stack, "k3", "to_good").await && !has_key(&stack, "k3", "to_bad").await, "{job:#?}");

    the_next_run_adds_them(&stack, &task).await;
}

/// Once the cause is gone the next run adds the tables, and what pointed to them does so.
async fn the_next_run_adds_them(stack: &Stack, task: &str) {
    for table in ["m_bad", "n_bad"] {
        let made = format!("CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(9))");
        stack
            .source
            .run(&format!(
                "SET foreign_key_checks = 0; DROP TABLE {table}; {made}; SET foreign_key_checks = 1"
            ))
            .await;
    }
    stack.source.run("INSERT INTO m_bad VALUES (5, 'x')").await;
    for run in ["next", "third"] {
        let job = stack.run(task).await;
        assert_eq!(job.state, "completed", "{run}: {job:#?}");
        assert!(!warns(&job, &["to_bad"]), "{run}: {job:#?}");
        assert!(has_key(stack, "k3", "to_bad").await, "{run}: {job:#?}");
    }
    tables_agree(&stack.source, &stack.target, &["m_bad", "n_bad"]).await;
}

#[tokio::test]
async fn n10_definitions_that_mariadb_refuses() {
    let own = "(id INT PRIMARY KEY, v VARCHAR(9)) COLLATE utf8mb4_0900_ai_ci";
    let other = "(id INT PRIMARY KEY, v VARCHAR(9) COLLATE utf8mb4_ja_0900_as_cs)";
    definitions("mysql9", "mariadb", [own, other]).await;
}

#[tokio::test]
async fn n10_definitions_that_mysql_5_7_refuses() {
    let own = "(id INT PRIMARY KEY, v VARCHAR(9)) COLLATE utf8mb4_uca1400_ai_ci";
    let other = "(id INT PRIMARY KEY, v VARCHAR(9) DEFAULT (CONCAT('a', 'b')))";
    definitions("mariadb11", "mysql57", [own, other]).await;
}

/// A table of the source that fails on its way, as it is, with what makes the target object, and words of the reason.
struct Trouble {
    name: &'static str,
    source: &'static str,
    target: &'static str,
    words: &'static [&'static str],
    /// After the first run, and after each of those behind it.
    states: [&'static str; 2],
}

const TROUBLES: [Trouble; 6] = [
    Trouble {
        name: "bad_load",
        source: "CREATE TABLE bad_load (id INT PRIMARY KEY, v INT); INSERT INTO bad_load VALUES (1, -5)",
        target: "CREATE TABLE bad_load (id INT PRIMARY KEY, v INT, CONSTRAINT positive CHECK (v > 0))",
        words: &["bad_load"],
        states: ["failed", "failed"],
    },
    Trouble {
        name: "bad_diff",
        source: "CREATE TABLE bad_diff (id INT PRIMARY KEY, v INT); INSERT INTO bad_diff VALUES (1, -5), (2, 2)",
        target: "CREATE TABLE bad_diff (id INT PRIMARY KEY, v INT, CONSTRAINT positive_too CHECK (v > 0)); \
                 INSERT INTO bad_diff VALUES (2, 2)",
        words: &["bad_diff"],
        states: ["failed", "failed"],
    },
    Trouble {
        name: "bad_many",
        source: "CREATE TABLE bad_many (id INT PRIMARY KEY); INSERT INTO bad_many VALUES (1)",
        target: "CREATE TABLE bad_many (id INT PRIMARY KEY); INSERT INTO bad_many VALUES (2), (3), (4)",
        words: &["bad_many", "3 of the target's 3 rows"],
        states: ["failed", "failed"],
    },
    Trouble {
        name: "bad_key",
        source: "CREATE TABLE bad_key (id INT PRIMARY KEY, pid INT, CONSTRAINT k_far FOREIGN KEY (pid) REFERENCES good (id)); \
                 INSERT INTO bad_key VALUES (1, 1)",
        target: "CREATE TABLE taken (id INT PRIMARY KEY, pid INT, CONSTRAINT k_far FOREIGN KEY (pid) REFERENCES good (id))",
        words: &["foreign keys of table `bad_key`"],
        states: ["partial", "failed"],
    },
    Trouble {
        name: "bag_key",
        source: "CREATE TABLE bag_key (pid INT, CONSTRAINT k_bag FOREIGN KEY (pid) REFERENCES good (id)); \
                 INSERT INTO bag_key VALUES (1), (1)",
        target: "CREATE TABLE taken_too (id INT PRIMARY KEY, pid INT, CONSTRAINT k_bag FOREIGN KEY (pid) REFERENCES good (id))",
        words: &["foreign keys of table `bag_key`"],
        states: ["partial", "partial"],
    },
    Trouble {
        name: "bad_bag",
        source: "CREATE TABLE bad_bag (v INT); INSERT INTO bad_bag VALUES (1)",
        target: "CREATE TABLE bad_bag (v INT); INSERT INTO bad_bag VALUES (1), (1), (1), (1)",
        words: &["bad_bag"],
        states: ["failed", "failed"],
    },
];

#[tokio::test]
async fn n10_what_fails_on_its_way_fails_alone() {
    let stack = Stack::running().await;
    let good = "CREATE TABLE good (id INT PRIMARY KEY, v INT, KEY v (v)); INSERT INTO good VALUES (1, 1)";
    stack.source.run(good).await;
    stack.target.run("CREATE TABLE good (id INT PRIMARY KEY, v INT, KEY v (v))").await;
    stack
        .source
        .run("CREATE TABLE zone (id INT PRIMARY KEY, v INT, KEY v (v)); INSERT INTO zone VALUES (1, 1)")
        .await;
    for Trouble { source, target, .. } in &TROUBLES {
        stack.source.run(source).await;
        stack.target.run(target).await;
    }
    let options = |more: Value| {
        let mut options = json!({"delete_extra": true, "max_delete_percent": 50, "keyless": "replace", "on_mismatch": "continue"});
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        options
    };
    let task = stack.task(&options(json!({}))).await;
    for run in [1, 2, 3, 4] {
        let job = stack.run(&task).await;
        assert_eq!(job.state, "failed", "{job:#?}");
        for Trouble { name, words, states, .. } in &TROUBLES {
            let table = job.table(name);
            // What the first run left is written no more by those after it.
            let state = if run == 1 { states[0] } else { states[1] };
            assert_eq!(table.state, state, "{name}, run {run}: {job:#?}");
            let failure = table.failure.as_ref().unwrap();
            for word in *words {
                assert!(failure.message.contains(word), "{word}: {failure:#?}");
            }
        }
        for table in ["good", "zone"] {
            assert_eq!(job.table(table).state, "completed", "{job:#?}");
            assert_eq!(job.table(table).verified.as_ref().unwrap().result, "equal", "{job:#?}");
        }
        assert!(job.why().message.contains("tables failed"), "{job:#?}");
    }
    tables_agree(&stack.source, &stack.target, &["good", "zone"]).await;
    stack.target.run("DROP TABLE taken; DROP TABLE taken_too").await;
    let job = stack.run(&task).await;
    for (table, key) in [("bad_key", "k_far"), ("bag_key", "k_bag")] {
        assert_eq!(job.table(table).state, "completed", "{job:#?}");
        assert!(has_key(&stack, table, key).await, "{job:#?}");
    }
}

/// Whether the target's table has the foreign key.
async fn has_key(stack: &Stack, table: &str, key: &str) -> bool {
    let made: Vec<(String, String)> = stack.target.rows(&format!("SHOW CREATE TABLE {table}")).await;
    made[0].1.contains(&format!("CONSTRAINT `{key}`"))
}

/// A condition on a parent that leaves out rows that a child's point to.
#[tokio::test]
async fn n17_a_condition_on_a_parent_is_named_as_the_cause() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    for sql in [
        "CREATE TABLE p (id INT PRIMARY KEY)",
        "CREATE TABLE c (id INT PRIMARY KEY, pid INT, CONSTRAINT k_c FOREIGN KEY (pid) REFERENCES p (id))",
        "INSERT INTO p VALUES (1), (2), (3)",
        "INSERT INTO c VALUES (10, 1), (20, 2), (30, 3)",
    ] {
        stack.source.run(sql).await;
    }
    for (conditions, cause) in [
        (json!({"p": "id < 3"}), Some("the task's condition on p leaves their parents out")),
        (json!({"p": "id < 3", "c": "pid < 3"}), None),
        (json!({}), None),
    ] {
        stack.target.run("DROP TABLE IF EXISTS c; DROP TABLE IF EXISTS p").await;
        let task = sides.task(&stack, &json!({"where": conditions})).await;
        let job = stack.run(&task).await;
        let Some(cause) = cause else {
            assert_eq!(job.state, "completed", "{conditions}: {job:#?}");
            continue;
        };
        let failure = job.why();
        assert_eq!(failure.code, "children_would_be_orphaned", "{job:#?}");
        assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM c").await, 0, "nothing is written");
        assert!(failure.message.contains(cause), "{failure:#?}");
        assert!(!failure.hint.contains("synchronise the parent table too"), "{failure:#?}");
        assert!(failure.hint.contains("give c a condition"), "{failure:#?}");
    }
}
