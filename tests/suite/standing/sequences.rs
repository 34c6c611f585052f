//! Sequences of MariaDB: made where they are needed, never behind the source's, never the source's own.

use longshore_tests::client::Job;
use longshore_tests::kinds::Kind;
use longshore_tests::schema::Schema;
use longshore_tests::servers::{MariaDb, Servers};
use longshore_tests::stack::Stack;
use serde_json::json;

use super::between::Between;

const SEQUENCES: &str = "CREATE SEQUENCE s1 START 5 INCREMENT 10 MAXVALUE 9999 CACHE 20 CYCLE;
    CREATE SEQUENCE down INCREMENT -2 MINVALUE -9 NOCACHE CYCLE; CREATE SEQUENCE unused START 3 NOCACHE";
const TABLES: &str =
    "CREATE TABLE a (id INT PRIMARY KEY DEFAULT nextval(s1), v INT DEFAULT (NEXT VALUE FOR down + 1), w INT
    DEFAULT lastval(s1)); SET @before = @@sql_mode; SET sql_mode = 'ORACLE';
    CREATE TABLE b (id INT DEFAULT s1.nextval PRIMARY KEY, t VARCHAR(40) DEFAULT '`src`.`s1`');
    SET sql_mode = @before; INSERT INTO a (w) VALUES (1), (2), (3); INSERT INTO b () VALUES ()";

/// Where a sequence stands: rounds, then numbers, in its own direction.
async fn stands(schema: &Schema, sequence: &str) -> (i64, i64) {
    let sql = format!(
        "SELECT cycle_count, IF(increment < 0, -next_not_cached_value, next_not_cached_value) FROM `{sequence}`"
    );
    schema.rows(&sql).await[0]
}

async fn definition(schema: &Schema, what: &str) -> String {
    let rows: Vec<(String, String)> = schema.rows(&format!("SHOW CREATE {what}")).await;
    rows[0].1.clone()
}

fn completed(job: &Job, told: &str) {
    assert_eq!(job.state, "completed", "{told}: {job:#?}");
    assert!(
        job.tables.iter().all(|t| t.verified.as_ref().is_some_and(|v| v.result == "equal")),
        "{told}: {job:#?}"
    );
}

async fn none_is_behind(stack: &Stack, told: &str) {
    for sequence in ["s1", "down", "unused"] {
        let (here, there) = (stands(&stack.source, sequence).await, stands(&stack.target, sequence).await);
        assert!(there >= here, "{told}: {sequence} stands at {there:?}, the source's at {here:?}");
    }
}

async fn between(stack: &mut Stack, source: &MariaDb, target: &MariaDb, told: &str) -> Between {
    stack.move_to(Some(source), Some(target)).await;
    stack.source.run(SEQUENCES).await;
    stack.source.run(TABLES).await;
    // They were drawn from before: 5, then the fourth of the next round.
    stack.source.run("DO nextval(down), nextval(down), nextval(down), nextval(unused)").await;
    let registered = Between::of(stack).await;
    let task = registered.task(stack, &json!({})).await;
    completed(&stack.run(&task).await, told);
    none_is_behind(stack, told).await;
    for table in ["a", "b"] {
        let text = definition(&stack.target, &format!("TABLE {table}")).await;
        assert!(!text.contains(&stack.source.name), "{told}: {text}");
        assert!(text.contains(&format!("nextval(`{}`.`s1`)", stack.target.name)), "{told}: {text}");
    }
    for sequence in ["s1", "down", "unused"] {
        let what = format!("SEQUENCE {sequence}");
        let sides = (definition(&stack.source, &what).await, definition(&stack.target, &what).await);
        assert_eq!(sides.0, sides.1, "{told}");
    }
    let before = stands(&stack.source, "s1").await;
    stack.target.run("INSERT INTO b () VALUES (), ()").await;
    assert_eq!(stands(&stack.source, "s1").await, before, "{told}: the target draws from its own");
    completed(&stack.run(&task).await, told);

    stack.source.run("DO nextval(down), nextval(down), nextval(down), nextval(down)").await;
    stack.source.run("INSERT INTO a (w) SELECT seq FROM seq_1_to_50; DO setval(unused, 70)").await;
    stack.target.run("DROP SEQUENCE down").await;
    completed(&stack.run(&task).await, told);
    none_is_behind(stack, told).await;
    stack.target.run("DO setval(unused, 900)").await;
    completed(&stack.run(&task).await, told);
    assert_eq!(stands(&stack.target, "unused").await, (0, 901), "{told}: it is not lowered");
    registered
}

#[tokio::test]
async fn n04_sequences_come_along() {
    let run = Servers::of_the_run();
    // Servers outlive the stack, which removes its schemas.
    let newer = Kind::shared("mariadb11", 0);
    let mut stack = Stack::running().await;
    let registered = between(&mut stack, &run.mariadb[0], &run.mariadb[0], "one server").await;
    // A default that was made to point back is found.
    let back = format!("ALTER TABLE a ALTER COLUMN id SET DEFAULT nextval(`{}`.s1)", stack.source.name);
    stack.target.run(&back).await;
    let job = registered.sync(&stack, &json!({})).await;
    assert_eq!(
        (job.why().code.as_str(), job.why().message.contains("table a")),
        ("default_points_back", true),
        "{job:#?}"
    );
    let registered = between(&mut stack, &run.mariadb[0], &run.mariadb[1], "two servers").await;
    one_is_behind(&stack, &registered).await;
    // A selection brings the sequences that its tables draw from.
    let selective = json!({"mode": "selective", "tables": ["a"]});
    completed(&registered.sync(&stack, &selective).await, "selective");
    assert_eq!(made(&stack.target).await, ["down", "s1"]);
    if let Some(newer) = &newer {
        between(&mut stack, &run.mariadb[0], newer, "10.11 into 11.8").await;
        let registered = between(&mut stack, newer, &run.mariadb[1], "11.8 into 10.11").await;
        // Numbers of a type that older releases do not know.
        stack.source.run("CREATE SEQUENCE typed AS SMALLINT UNSIGNED; CREATE TABLE c (id INT PRIMARY KEY DEFAULT nextval(typed))").await;
        completed(&registered.sync(&stack, &json!({})).await, "typed");
        assert_eq!(stands(&stack.target, "typed").await, stands(&stack.source, "typed").await);
        undone(&mut stack, newer, &run.mariadb[1]).await;
    }
}

/// The sequences of a schema.
async fn made(schema: &Schema) -> Vec<String> {
    let sql = "SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE() AND table_type = \
               'SEQUENCE' ORDER BY 1";
    schema.rows(sql).await
}

/// A sequence of the target's own would start behind: it is named and nothing is made; or its tables
/// are left out and the others go.
async fn one_is_behind(stack: &Stack, registered: &Between) {
    stack
        .source
        .run("CREATE TABLE e (id INT PRIMARY KEY DEFAULT nextval(unused)); INSERT INTO e VALUES (1)")
        .await;
    let lacking = "DROP TABLE IF EXISTS a, b, e; DROP SEQUENCE IF EXISTS s1, down, unused";
    stack.target.run(lacking).await;
    stack.target.run("CREATE SEQUENCE s1 INCREMENT -2 MINVALUE -9 MAXVALUE 3").await;
    let job = registered.sync(stack, &json!({})).await;
    let why = job.why();
    assert_eq!((why.code.as_str(), why.message.contains("`s1`")), ("sequence_behind", true), "{job:#?}");
    assert_eq!(made(&stack.target).await, ["s1"], "what was made is taken away again");
    assert_eq!(stack.target.tables().await, [] as [&str; 0]);
    // One that goes the same way and ends before the source's has begun to.
    stack.target.run("DROP SEQUENCE s1; CREATE SEQUENCE s1 MAXVALUE 2 NOCACHE").await;
    let job = registered.sync(stack, &json!({})).await;
    assert_eq!(job.why().code, "sequence_behind", "{job:#?}");
    for _ in 0..2 {
        let job = registered.sync(stack, &json!({"on_mismatch": "continue"})).await;
        for table in ["a", "b"] {
            let why = job.table(table).failure.as_ref().unwrap_or_else(|| panic!("{job:#?}"));
            assert_eq!((job.table(table).mode.as_str(), why.code.as_str()), ("refused", "sequence_behind"));
        }
        assert!(job.warnings.iter().any(|told| told.contains("sequence s1 is left out")), "{job:#?}");
        assert_eq!(made(&stack.target).await, ["down", "s1", "unused"]);
        assert_eq!(stack.target.tables().await, ["e"]);
        assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM e").await, 1, "{job:#?}");
    }
    stack.target.run(lacking).await;
    stack.source.run("DROP TABLE e").await;
}

/// A table that is refused only when it is made takes the sequences along that were made for it.
async fn undone(stack: &mut Stack, source: &MariaDb, target: &MariaDb) {
    stack.move_to(Some(source), Some(target)).await;
    stack
        .source
        .run(
            "CREATE SEQUENCE s1; CREATE TABLE fine (id INT PRIMARY KEY); CREATE TABLE newer (id INT PRIMARY KEY DEFAULT
             nextval(s1), v TEXT, CHECK (json_schema_valid('{}', v)))",
        )
        .await;
    let registered = Between::of(stack).await;
    let job = registered.sync(stack, &json!({})).await;
    assert_eq!((job.state.as_str(), job.why().message.contains("newer")), ("failed", true), "{job:#?}");
    assert_eq!(
        (made(&stack.target).await, stack.target.tables().await),
        (Vec::new(), Vec::new()),
        "{job:#?}"
    );
}

#[tokio::test]
async fn n04_where_there_are_no_sequences_tables_that_draw_from_them_are_refused() {
    let Some(own) = Kind::shared("mysql9", 0) else { return };
    let mut stack = Stack::running().await;
    stack.move_to(None, Some(&own)).await;
    stack.source.run(SEQUENCES).await;
    stack.source.run(TABLES).await;
    stack.source.run("CREATE TABLE c (id INT PRIMARY KEY); INSERT INTO c VALUES (1)").await;
    let registered = Between::of(&stack).await;
    let job = registered.sync(&stack, &json!({})).await;
    let why = job.why();
    assert_eq!(why.code, "sequence_missing", "{job:#?}");
    assert!(
        why.message.contains("table a") && why.message.contains("s1") && why.message.contains("table b"),
        "{why:?}"
    );
    assert_eq!(stack.target.tables().await, [] as [&str; 0]);
    stack.target.run("CREATE TABLE a (id INT PRIMARY KEY, v INT, w INT); CREATE TABLE b (id INT PRIMARY KEY, t VARCHAR(40))").await;
    for _ in 0..2 {
        let job = registered.sync(&stack, &json!({})).await;
        completed(&job, "made by hand");
        assert!(
            job.warnings.iter().any(|w| w.contains("sequences are left out") && w.contains("unused")),
            "{job:#?}"
        );
    }
}
