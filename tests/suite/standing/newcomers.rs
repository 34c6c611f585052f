//! Rows come only with their parents: what a table's new rows would lack is counted before anything is
//! written.

use longshore_tests::client::Job;
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::Sides;

const REFUSED: &str = "children_would_be_orphaned";

/// A parent and a child, `p_<name>` and `c_<name>`; the source's have (1, a), (2, b), (3, a) and
/// (1, 1), (2, 2), (3, 3).
struct Case {
    name: &'static str,
    /// What the target's tables hold at first.
    parents: &'static str,
    children: &'static str,
    options: Value,
    /// Rows that would come without a parent, and a word of the remedy.
    lacking: Option<(u32, &'static str)>,
}

fn cases() -> Vec<Case> {
    let some = json!({"tables": ["p_{}", "c_{}"], "where": {"p_{}": "k = 'a'"}});
    let child = json!({"tables": ["c_{}"]});
    let and = |more: Value| {
        let mut options = child.clone();
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        options
    };
    let (add, give) = ("add the table p_", "as well, by which it leaves these rows out");
    let case = |name, parents, children, options: &Value, lacking| Case {
        name,
        parents,
        children,
        options: options.clone(),
        lacking,
    };
    vec![
        case("condition", "", "", &some, Some((1, give))),
        // The target has the parent that the condition leaves out.
        case("there", "(2, 'c')", "", &some, None),
        // It would go: on the target the condition covers it.
        case(
            "goes",
            "(2, 'a')",
            "",
            &json!({"tables": ["p_{}", "c_{}"], "where": {"p_{}": "k = 'a'"}, "delete_extra": true}),
            Some((1, give)),
        ),
        case("fill", "(1, 'a')", "", &child, Some((2, add))),
        case("diff", "(1, 'a')", "(1, 1)", &child, Some((2, add))),
        case("all_there", "(1, 'a'), (2, 'x'), (3, 'x')", "", &child, None),
        case("bag", "(1, 'a')", "(1, 1)", &and(json!({"keyless": "replace"})), Some((2, add))),
        case("own_condition", "(1, 'a')", "", &and(json!({"where": {"c_{}": "id = 1"}})), None),
        case("moved", "(1, 'a'), (3, 'a')", "(1, 1), (2, 1), (3, 3)", &child, Some((1, add))),
        // The target's rows stay as they are.
        case(
            "target_first",
            "(1, 'a')",
            "(1, 1), (2, 1), (3, 1)",
            &and(json!({"policy": "target_first"})),
            None,
        ),
        case("coded", "(1, 'a')", "", &child, Some((2, add))),
    ]
}

async fn make(stack: &Stack, case: &Case) {
    let name = case.name;
    let (key, kind, pointed) = match name {
        "bag" => ("", "INT", "id"),
        // By another column than the parent's key, as text.
        "coded" => (" PRIMARY KEY", "VARCHAR(5) COLLATE utf8mb4_general_ci", "code"),
        _ => (" PRIMARY KEY", "INT", "id"),
    };
    for schema in [&stack.source, &stack.target] {
        schema
            .run(&format!(
                "CREATE TABLE p_{name} (id INT PRIMARY KEY, k CHAR(1), \
                 code VARCHAR(5) COLLATE utf8mb4_general_ci DEFAULT (id), UNIQUE KEY code (code)); \
                 CREATE TABLE c_{name} (id INT{key}, pid {kind}, v INT DEFAULT 0, \
                 CONSTRAINT k_{name} FOREIGN KEY (pid) REFERENCES p_{name} ({pointed}))"
            ))
            .await;
    }
    let fill = |table: &str, columns: &str, rows: &str| {
        format!("INSERT INTO {table}_{name} ({columns}) VALUES {rows}")
    };
    stack.source.run(&fill("p", "id, k", "(1, 'a'), (2, 'b'), (3, 'a')")).await;
    stack.source.run(&fill("c", "id, pid", "(1, 1), (2, 2), (3, 3)")).await;
    for (table, columns, rows) in [("p", "id, k", case.parents), ("c", "id, pid", case.children)] {
        if !rows.is_empty() {
            stack.target.run(&fill(table, columns, rows)).await;
        }
    }
}

async fn content(stack: &Stack, name: &str) -> (Vec<(i64, String)>, Vec<(i64, i64)>) {
    let parents = stack.target.rows(&format!("SELECT id, k FROM p_{name} ORDER BY 1")).await;
    (parents, stack.target.rows(&format!("SELECT id, pid FROM c_{name} ORDER BY 1")).await)
}

fn options(name: &str, more: &Value) -> Value {
    let mut options: Value =
        serde_json::from_str(&more.to_string().replace("_{}", &format!("_{name}"))).unwrap();
    options["mode"] = "selective".into();
    options
}

#[tokio::test]
async fn n02_rows_come_with_their_parents_or_not_at_all() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    for case in cases() {
        let name = case.name;
        make(&stack, &case).await;
        let before = content(&stack, name).await;
        let task = sides.task(&stack, &options(name, &case.options)).await;
        // A refusal is no accident: the next run says the same.
        for run in [1, 2] {
            let job = stack.run(&task).await;
            let what = format!("{name}, run {run}: {job:#?}");
            let Some((rows, remedy)) = case.lacking else {
                assert_eq!(job.state, "completed", "{what}");
                continue;
            };
            let failure = job.why();
            assert_eq!((failure.class.as_str(), failure.code.as_str()), ("data_error", REFUSED), "{what}");
            for word in [&format!("table c_{name}: {rows} rows"), &format!("foreign key k_{name}")] {
                assert!(failure.message.contains(word), "{word}: {what}");
            }
            assert!(failure.hint.contains(remedy), "{what}");
            assert_eq!(content(&stack, name).await, before, "nothing is written: {what}");
        }
    }
    of_many_columns(&stack, &sides).await;
    a_tree_is_cut(&stack, &sides).await;
    the_sources_own_may_come(&stack, &sides).await;
    others_go_on(&stack, &sides).await;
    of_another_database(&stack, &sides).await;
}

async fn both(stack: &Stack, sql: &str) {
    for schema in [&stack.source, &stack.target] {
        schema.run(sql).await;
    }
}

/// A key of two columns, more rows than a page, one of which lacks its parent.
async fn of_many_columns(stack: &Stack, sides: &Sides) {
    both(
        stack,
        "CREATE TABLE p_two (a INT, b CHAR(3), PRIMARY KEY (a, b)); \
         CREATE TABLE c_two (id INT PRIMARY KEY, a INT, b CHAR(3), \
         CONSTRAINT k_two FOREIGN KEY (a, b) REFERENCES p_two (a, b)); \
         INSERT INTO p_two SELECT seq, 'x' FROM seq_1_to_3000",
    )
    .await;
    stack.source.run("INSERT INTO c_two SELECT seq, seq, 'x' FROM seq_1_to_3000; INSERT INTO c_two VALUES (5000, NULL, 'x')").await;
    stack.target.run("DELETE FROM p_two WHERE a = 2500").await;
    let task = sides.task(stack, &options("two", &json!({"tables": ["c_{}"]}))).await;
    let job = stack.run(&task).await;
    assert_eq!(job.why().code, REFUSED, "{job:#?}");
    for word in ["table c_two: 1 rows", "the first is the row id = 2500"] {
        assert!(job.why().message.contains(word), "{word}: {job:#?}");
    }
    stack.target.run("INSERT INTO p_two VALUES (2500, 'x')").await;
    stack.run_completed(&task).await;
}

/// The condition on a table that points to itself leaves parents of its rows out.
async fn a_tree_is_cut(stack: &Stack, sides: &Sides) {
    both(stack, "CREATE TABLE p_tree (id INT PRIMARY KEY, up INT, CONSTRAINT k_tree FOREIGN KEY (up) REFERENCES p_tree (id))").await;
    stack.source.run("INSERT INTO p_tree VALUES (1, NULL), (2, 1), (3, 1), (4, 3)").await;
    let cut = |condition: &str| options("tree", &json!({"tables": ["p_{}"], "where": {"p_{}": condition}}));
    let job = stack.run(&sides.task(stack, &cut("id <> 3")).await).await;
    assert_eq!(job.why().code, REFUSED, "{job:#?}");
    assert!(job.why().message.contains("the first is the row id = 4"), "{job:#?}");
    stack.run_completed(&sides.task(stack, &cut("id < 3")).await).await;
}

/// A row that has no parent on the source may come, and is told.
async fn the_sources_own_may_come(stack: &Stack, sides: &Sides) {
    both(
        stack,
        "CREATE TABLE p_own (id INT PRIMARY KEY); INSERT INTO p_own VALUES (1); \
         CREATE TABLE c_own (id INT PRIMARY KEY, pid INT, CONSTRAINT k_own FOREIGN KEY (pid) REFERENCES p_own (id))",
    )
    .await;
    stack.source.run("SET foreign_key_checks = 0; INSERT INTO c_own VALUES (1, 1), (2, 999); SET foreign_key_checks = 1").await;
    let job =
        stack.run_completed(&sides.task(stack, &options("own", &json!({"tables": ["c_{}"]}))).await).await;
    assert!(told(&job, "table c_own: 1 rows have no parent"), "{job:#?}");
}

fn told(job: &Job, words: &str) -> bool {
    job.warnings.iter().any(|told| told.contains(words))
}

/// The table fails alone, and what points to it with it; others arrive.
async fn others_go_on(stack: &Stack, sides: &Sides) {
    both(
        stack,
        "CREATE TABLE p_on (id INT PRIMARY KEY, k CHAR(1)); \
         CREATE TABLE c_on (id INT PRIMARY KEY, pid INT, CONSTRAINT k_on FOREIGN KEY (pid) REFERENCES p_on (id)); \
         CREATE TABLE g_on (id INT PRIMARY KEY, cid INT, CONSTRAINT k_g FOREIGN KEY (cid) REFERENCES c_on (id)); \
         CREATE TABLE z_on (id INT PRIMARY KEY)",
    )
    .await;
    stack
        .source
        .run(
            "INSERT INTO p_on VALUES (1, 'a'), (2, 'b'); INSERT INTO c_on VALUES (1, 1), (2, 2); \
             INSERT INTO g_on VALUES (1, 1); INSERT INTO z_on VALUES (1)",
        )
        .await;
    let task = json!({
        "tables": ["p_{}", "c_{}", "g_{}", "z_{}"], "where": {"p_{}": "k = 'a'"}, "on_mismatch": "continue"
    });
    let job = stack.run(&sides.task(stack, &options("on", &task)).await).await;
    for (table, code, rows) in
        [("c_on", Some(REFUSED), 0), ("g_on", Some(REFUSED), 0), ("p_on", None, 1), ("z_on", None, 1)]
    {
        let failure = job.table(table).failure.as_ref().map(|told| told.code.as_str());
        assert_eq!(failure, code, "{table}: {job:#?}");
        let counted = stack.target.value::<i64>(&format!("SELECT COUNT(*) FROM {table}")).await;
        assert_eq!(counted, rows, "{table}: {job:#?}");
    }
    let why = job.table("g_on").failure.as_ref().unwrap();
    assert!(why.message.contains("c_on fails in this job"), "{why:#?}");
}

/// The parent is of a database that the task does not move.
async fn of_another_database(stack: &Stack, sides: &Sides) {
    let other = Schema::make(&stack.target.server, "other").await;
    let name = other.name.as_str();
    let parent = format!("CREATE TABLE `{name}`.p (id INT PRIMARY KEY)");
    stack
        .source
        .run(&format!("CREATE DATABASE `{name}`; {parent}; INSERT INTO `{name}`.p VALUES (1), (2)"))
        .await;
    stack
        .source
        .run(&format!(
            "CREATE TABLE c_far (id INT PRIMARY KEY, pid INT, CONSTRAINT k_far FOREIGN KEY (pid) REFERENCES `{name}`.p (id)); \
             INSERT INTO c_far VALUES (1, 1), (2, 2)"
        ))
        .await;
    let task = sides.task(stack, &options("far", &json!({"tables": ["c_{}"]}))).await;
    let job = stack.run(&task).await;
    assert_eq!(job.why().code, "parent_missing", "{job:#?}");
    // The account sees the table by a right to it alone; that the source's may not read it there is no matter.
    let account = format!("'{}'@'127.0.0.1'", stack.target.username);
    stack
        .target
        .run(&format!("{parent}; INSERT INTO `{name}`.p VALUES (1); GRANT INSERT ON `{name}`.p TO {account}"))
        .await;
    let job = stack.run(&task).await;
    assert_eq!(job.why().code, "privilege_missing", "{job:#?}");
    let grant = format!("GRANT SELECT ON `{name}`.`p` TO {account}");
    assert!(job.why().hint.contains(&grant), "{job:#?}");
    stack.target.run(&grant).await;
    let job = stack.run(&task).await;
    assert_eq!(job.why().code, REFUSED, "{job:#?}");
    assert!(job.why().message.contains(&format!("rows of {name}.p that the target lacks")), "{job:#?}");
    stack.target.run(&format!("INSERT INTO `{name}`.p VALUES (2)")).await;
    stack.run_completed(&task).await;
    let made: Vec<(String, String)> = stack.target.rows("SHOW CREATE TABLE c_far").await;
    assert!(made[0].1.contains("CONSTRAINT `k_far`"), "{made:?}");
    stack.run_completed(&task).await;
    for schema in [&stack.source, &stack.target] {
        schema.run(&format!("DROP TABLE c_far; DROP DATABASE `{name}`")).await;
    }
}
