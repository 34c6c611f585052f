//! Rows of the task's own tables keep their parents as well, whatever of them the job leaves as they are;
//! and no orphan hides behind those that the source has itself.

use longshore_tests::client::Job;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::Sides;

const REFUSED: &str = "children_would_be_orphaned";

/// A parent `p_<name>` and a child `c_<name>` of the same task, alike on both sides at first.
struct Case {
    name: &'static str,
    /// What becomes of the source; `{}` is the name.
    change: &'static [&'static str],
    options: Value,
    /// How many rows of the child would lose their parents, and a word of why the job keeps them.
    lost: Option<(u32, &'static str)>,
}

const PARENT_GOES: &str = "DELETE FROM p_{} WHERE id = 3";

fn cases() -> Vec<Case> {
    let both = &["DELETE FROM c_{} WHERE id = 30", PARENT_GOES];
    let moved = &["UPDATE c_{} SET pid = 2 WHERE id = 30", PARENT_GOES];
    let target_first = json!({"policy": "target_first"});
    vec![
        Case {
            name: "outside",
            change: both,
            options: json!({"where": {"c_{}": "id < 25"}}),
            lost: Some((1, "the task's conditions")),
        },
        Case { name: "inside", change: both, options: json!({"where": {"c_{}": "id < 35"}}), lost: None },
        Case {
            name: "elsewhere",
            change: &["DELETE FROM c_{} WHERE id = 10", "DELETE FROM p_{} WHERE id = 1"],
            options: json!({"where": {"c_{}": "id < 25"}}),
            lost: None,
        },
        Case {
            name: "theirs",
            change: moved,
            options: target_first.clone(),
            lost: Some((1, "target_first")),
        },
        Case { name: "theirs_too", change: both, options: target_first, lost: None },
        Case { name: "moved", change: moved, options: json!({}), lost: None },
        Case { name: "moved_on", change: moved, options: json!({"on_mismatch": "continue"}), lost: None },
        // The source has the parent still, outside the condition.
        Case {
            name: "above",
            change: &["UPDATE p_{} SET v = 100 WHERE id = 3"],
            options: json!({"where": {"p_{}": "v < 50"}}),
            lost: Some((1, "the task's conditions")),
        },
        // So have others without a key, of which no more than their values are known.
        Case {
            name: "bag",
            change: &["DELETE FROM c_{} WHERE id = 30", PARENT_GOES],
            options: json!({"where": {"c_{}": "id < 25"}}),
            lost: Some((1, "the task's conditions")),
        },
        Case {
            name: "coded",
            change: &["UPDATE c_{} SET pid = 20 WHERE id = 30", "UPDATE p_{} SET code = 1000 WHERE id = 3"],
            options: json!({"delete_extra": false, "where": {"c_{}": "id < 25"}}),
            lost: Some((1, "the task's conditions")),
        },
        Case {
            name: "undeleted",
            change: &["DELETE FROM c_{} WHERE id = 30", "UPDATE p_{} SET code = 1000 WHERE id = 3"],
            options: json!({"delete_extra": false}),
            lost: Some((1, "of which nothing is deleted")),
        },
    ]
}

async fn both(stack: &Stack, sql: &str) {
    for schema in [&stack.source, &stack.target] {
        schema.run(sql).await;
    }
}

async fn make(stack: &Stack, name: &str) {
    let (key, pointed, factor) = match name {
        "bag" => ("", "id", 1),
        "coded" | "undeleted" => (" PRIMARY KEY", "code", 10),
        _ => (" PRIMARY KEY", "id", 1),
    };
    both(
        stack,
        &format!(
            "CREATE TABLE p_{name} (id INT PRIMARY KEY, v INT, code INT, UNIQUE KEY code (code)); \
             CREATE TABLE c_{name} (id INT{key}, pid INT, \
             CONSTRAINT k_{name} FOREIGN KEY (pid) REFERENCES p_{name} ({pointed})); \
             INSERT INTO p_{name} VALUES (1, 1, 10), (2, 2, 20), (3, 3, 30); \
             INSERT INTO c_{name} VALUES (10, 1 * {factor}), (20, 2 * {factor}), (30, 3 * {factor})"
        ),
    )
    .await;
}

async fn content(stack: &Stack, name: &str) -> (Vec<(i64, i64, i64)>, Vec<(i64, i64)>) {
    let parents = stack.target.rows(&format!("SELECT * FROM p_{name} ORDER BY 1")).await;
    (parents, stack.target.rows(&format!("SELECT * FROM c_{name} ORDER BY 1")).await)
}

fn options(name: &str, tables: &[&str], more: &Value) -> Value {
    let mut options =
        json!({"mode": "selective", "tables": tables, "delete_extra": true, "keyless": "replace"});
    let more: Value = serde_json::from_str(&more.to_string().replace("_{}", &format!("_{name}"))).unwrap();
    options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    options
}

async fn check(stack: &Stack, sides: &Sides, case: &Case) {
    let name = case.name;
    make(stack, name).await;
    for change in case.change {
        stack.source.run(&change.replace("{}", name)).await;
    }
    let before = content(stack, name).await;
    let (parent, child) = (format!("p_{name}"), format!("c_{name}"));
    let task = sides.task(stack, &options(name, &[&parent, &child], &case.options)).await;
    // A refusal is no accident: the next run says the same.
    for run in [1, 2] {
        let job = stack.run(&task).await;
        let what = format!("{name}, run {run}: {job:#?}");
        let Some((lost, why)) = case.lost else {
            assert_eq!(job.state, "completed", "{what}");
            continue;
        };
        let failure = job.why();
        assert_eq!((failure.class.as_str(), failure.code.as_str()), ("data_error", REFUSED), "{what}");
        for word in [&format!("{lost} rows of table {child}"), &format!("foreign key k_{name}"), why] {
            assert!(failure.message.contains(word), "{word}: {what}");
        }
        assert_eq!(content(stack, name).await, before, "nothing is written: {what}");
    }
}

#[tokio::test]
async fn n02_children_within_the_task_keep_their_parents() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    for case in cases() {
        check(&stack, &sides, &case).await;
    }
    a_table_points_to_itself(&stack, &sides).await;
    only_the_parent_fails(&stack, &sides).await;
    what_failed_says_its_orphans(&stack, &sides).await;
}

/// Rows outside the condition that point to rows within it.
async fn a_table_points_to_itself(stack: &Stack, sides: &Sides) {
    both(
        stack,
        "CREATE TABLE tree (id INT PRIMARY KEY, up INT, CONSTRAINT k_tree FOREIGN KEY (up) REFERENCES tree (id)); \
         INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 1), (20, 3), (30, 2)",
    )
    .await;
    stack.source.run("DELETE FROM tree WHERE id = 20; DELETE FROM tree WHERE id = 3").await;
    let some = options("", &["tree"], &json!({"where": {"tree": "id < 10"}}));
    let job = stack.run(&sides.task(stack, &some).await).await;
    assert_eq!(job.why().code, REFUSED, "{job:#?}");
    assert!(job.why().message.contains("1 rows of table tree"), "{job:#?}");
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM tree").await, 5);
    stack.run_completed(&sides.task(stack, &options("", &["tree"], &json!({}))).await).await;
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM tree").await, 3);
}

/// The child's rows are more than the task deletes, so the parent's stay as well, and the job goes on; what
/// points to a parent that fails keeps its own parents.
async fn only_the_parent_fails(stack: &Stack, sides: &Sides) {
    both(
        stack,
        "CREATE TABLE top (id INT PRIMARY KEY); \
         CREATE TABLE mid (id INT PRIMARY KEY, tid INT, CONSTRAINT k_mid FOREIGN KEY (tid) REFERENCES top (id)); \
         CREATE TABLE low (id INT PRIMARY KEY, mid INT, CONSTRAINT k_low FOREIGN KEY (mid) REFERENCES mid (id)); \
         CREATE TABLE other (id INT PRIMARY KEY); \
         INSERT INTO top VALUES (1), (2), (3); INSERT INTO mid VALUES (1, 1), (2, 2), (3, 3); \
         INSERT INTO low VALUES (1, 1), (2, 3), (3, 3); INSERT INTO other VALUES (1), (2)",
    )
    .await;
    for sql in [
        "DELETE FROM low WHERE mid = 3",
        "DELETE FROM mid WHERE id = 3",
        "DELETE FROM top WHERE id = 3",
        "DELETE FROM other WHERE id = 2",
    ] {
        stack.source.run(sql).await;
    }
    let tables = ["low", "mid", "other", "top"];
    let task = options("", &tables, &json!({"on_mismatch": "continue", "max_delete_percent": 50}));
    let task = sides.task(stack, &task).await;
    let job = stack.run(&task).await;
    let codes: Vec<_> =
        job.tables.iter().map(|one| one.failure.as_ref().map(|told| told.code.as_str())).collect();
    assert_eq!(codes, [Some("too_many_deletes"), Some(REFUSED), None, Some(REFUSED)], "{job:#?}");
    assert_eq!(job.table("other").state, "completed", "{job:#?}");
    for (table, rows) in tables.iter().zip([3, 3, 1, 3]) {
        let counted = stack.target.value::<i64>(&format!("SELECT COUNT(*) FROM {table}")).await;
        assert_eq!(counted, rows, "{table}: {job:#?}");
    }
}

/// A child that fails while its parents go says which rows are without them.
async fn what_failed_says_its_orphans(stack: &Stack, sides: &Sides) {
    both(
        stack,
        "CREATE TABLE up (id INT PRIMARY KEY); INSERT INTO up VALUES (1), (2), (3); \
         CREATE TABLE down (id INT PRIMARY KEY, uid INT, v INT, CONSTRAINT k_down FOREIGN KEY (uid) REFERENCES up (id)); \
         INSERT INTO down VALUES (1, 1, 1), (2, 2, 2), (3, 3, 3)",
    )
    .await;
    stack.target.run("ALTER TABLE down ADD CONSTRAINT positive CHECK (v > 0)").await;
    stack.source.run("UPDATE down SET uid = 2, v = -1 WHERE id = 3; DELETE FROM up WHERE id = 3").await;
    let task = options("", &["down", "up"], &json!({"on_mismatch": "continue"}));
    let task = sides.task(stack, &task).await;
    for _ in [1, 2] {
        let job = stack.run(&task).await;
        assert!(job.table("down").failure.is_some(), "{job:#?}");
        assert!(
            told(&job, &["table down: 1 rows have no parent in up", "itself failed in this job"]),
            "{job:#?}"
        );
    }
}

fn told(job: &Job, words: &[&str]) -> bool {
    job.warnings.iter().any(|told| words.iter().all(|word| told.contains(word)))
}

#[tokio::test]
async fn n02_orphans_of_the_source_hide_none() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    both(
        &stack,
        "CREATE TABLE p (id INT PRIMARY KEY); INSERT INTO p VALUES (1), (2); \
         CREATE TABLE c (id INT PRIMARY KEY, pid INT, CONSTRAINT k_c FOREIGN KEY (pid) REFERENCES p (id)); \
         CREATE TABLE bag (pid INT, CONSTRAINT k_bag FOREIGN KEY (pid) REFERENCES p (id)); \
         INSERT INTO c VALUES (10, 1), (20, 2)",
    )
    .await;
    let unchecked = |sql: &str| format!("SET foreign_key_checks = 0; {sql}; SET foreign_key_checks = 1");
    stack.source.run(&unchecked("INSERT INTO c VALUES (30, 999); INSERT INTO bag VALUES (999), (999)")).await;
    // As many as the source has, of another row, or of the same one to another parent.
    let part = sides.task(&stack, &options("", &["p", "c"], &json!({"where": {"c": "id < 30"}}))).await;
    for row in ["(40, 3)", "(40, 999)", "(30, 3)"] {
        stack.target.run(&unchecked(&format!("INSERT INTO c VALUES {row}"))).await;
        let job = stack.run(&part).await;
        assert_eq!(job.why().code, "foreign_key_broken", "{row}: {job:#?}");
        assert!(
            job.why().message.contains("1 rows have no parent in p (foreign key k_c), 0 of them"),
            "{job:#?}"
        );
        stack.target.run("DELETE FROM c WHERE id > 20").await;
    }
    // Nor is one made where the task's condition leaves the child out.
    stack.target.run("INSERT INTO p VALUES (3); INSERT INTO c VALUES (40, 3)").await;
    let job = stack.run(&part).await;
    assert_eq!(job.why().code, REFUSED, "{job:#?}");
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM p").await, 3);
    // The source's own are as they are there.
    let whole = sides.task(&stack, &options("", &["p", "c", "bag"], &json!({}))).await;
    for _ in [1, 2] {
        let job = stack.run_completed(&whole).await;
        for word in ["table c: 1 rows", "table bag: 2 rows"] {
            assert!(told(&job, &[word, "as on the source"]), "{word}: {job:#?}");
        }
    }
}

/// One row of a table outside the task gets its parent, another one loses it.
#[tokio::test]
async fn n02_parents_that_come_hide_none_that_go() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    both(&stack, "CREATE TABLE bag (code INT, UNIQUE KEY code (code)); INSERT INTO bag VALUES (1), (2), (3)")
        .await;
    stack
        .target
        .run(
            "CREATE TABLE of_bag (id INT PRIMARY KEY, code INT, CONSTRAINT k_bag FOREIGN KEY (code) REFERENCES bag (code)); \
             SET foreign_key_checks = 0; INSERT INTO of_bag VALUES (1, 4), (2, 3); SET foreign_key_checks = 1",
        )
        .await;
    stack.source.run("UPDATE bag SET code = 4 WHERE code = 3").await;
    let task = sides.task(&stack, &options("", &["bag"], &json!({}))).await;
    let job = stack.run(&task).await;
    assert_eq!(job.why().code, REFUSED, "{job:#?}");
    assert!(job.why().message.contains("1 rows of table of_bag"), "{job:#?}");
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM bag WHERE code = 3").await, 1);
}

/// Tables whose names differ only in case, where the server tells them apart.
#[tokio::test]
async fn n02_names_are_told_apart_by_case() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    both(
        &stack,
        "CREATE TABLE p (id INT PRIMARY KEY); INSERT INTO p VALUES (1), (2), (3); \
         CREATE TABLE c (id INT PRIMARY KEY, pid INT, CONSTRAINT k_c FOREIGN KEY (pid) REFERENCES p (id)); \
         INSERT INTO c VALUES (10, 1)",
    )
    .await;
    stack
        .target
        .run(
            "CREATE TABLE C (id INT PRIMARY KEY, pid INT, CONSTRAINT k_large FOREIGN KEY (pid) REFERENCES p (id)); \
             INSERT INTO C VALUES (1, 3)",
        )
        .await;
    stack.source.run("DELETE FROM p WHERE id = 3").await;
    let task = sides.task(&stack, &options("", &["p", "c"], &json!({}))).await;
    let job = stack.run(&task).await;
    assert_eq!(job.why().code, REFUSED, "{job:#?}");
    assert!(job.why().message.contains("1 rows of table C, which the task leaves out"), "{job:#?}");
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM p").await, 3);
}

#[tokio::test]
async fn n10_a_parent_whose_children_are_left_out_fails_alone() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    for table in ["p", "x", "y"] {
        both(
            &stack,
            &format!("CREATE TABLE {table} (id INT PRIMARY KEY); INSERT INTO {table} VALUES (1), (2), (3)"),
        )
        .await;
        stack.source.run(&format!("DELETE FROM {table} WHERE id = 3; INSERT INTO {table} VALUES (4)")).await;
    }
    stack
        .target
        .run(
            "CREATE TABLE kid (id INT PRIMARY KEY, pid INT, CONSTRAINT k_kid FOREIGN KEY (pid) REFERENCES p (id)); \
             INSERT INTO kid VALUES (1, 3)",
        )
        .await;
    let task = options("", &["p", "x", "y"], &json!({"on_mismatch": "continue"}));
    let task = sides.task(&stack, &task).await;
    for _ in [1, 2] {
        let job = stack.run(&task).await;
        assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", REFUSED), "{job:#?}");
        assert_eq!(job.table("p").state, "failed", "{job:#?}");
        for table in ["x", "y"] {
            assert_eq!(job.table(table).state, "completed", "{job:#?}");
            let ids: Vec<(i64,)> = stack.target.rows(&format!("SELECT id FROM {table} ORDER BY 1")).await;
            assert_eq!(ids, [(1,), (2,), (4,)]);
        }
        let ids: Vec<(i64,)> = stack.target.rows("SELECT id FROM p ORDER BY 1").await;
        assert_eq!(ids, [(1,), (2,), (3,)], "nothing of it is written");
    }
}
