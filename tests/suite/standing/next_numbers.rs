//! What a source's AUTO_INCREMENT columns have given away is given by no target again.

use longshore_tests::agree::agree;
use longshore_tests::client::Job;
use longshore_tests::kinds::Kind;
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use serde_json::json;

/// Table, what is in it, a row that came and went on the source, the next number then.
const TABLES: [(&str, &str, &str, u64); 10] = [
    ("plain", "id INT AUTO_INCREMENT PRIMARY KEY, v INT", "9000, 1", 9001),
    ("composite", "id INT AUTO_INCREMENT, a INT, PRIMARY KEY (a, id), KEY own (id)", "8000, 1", 8001),
    ("counted_unique", "id INT AUTO_INCREMENT, v INT PRIMARY KEY, UNIQUE KEY (id)", "7000, 99", 7001),
    ("large", "id BIGINT UNSIGNED AUTO_INCREMENT PRIMARY KEY, v INT", "18446744073709551614, 1", u64::MAX),
    // One past its end, as some servers write it.
    ("tiny", "id TINYINT AUTO_INCREMENT PRIMARY KEY, v INT", "127, 1", 127),
    ("conditional", "id INT AUTO_INCREMENT PRIMARY KEY, v INT", "6000, 1", 6001),
    ("keyless", "id INT AUTO_INCREMENT, v INT, KEY (id)", "5000, 1", 5001),
    ("isam", "id INT AUTO_INCREMENT PRIMARY KEY, v INT", "4000, 1", 4001),
    ("ahead", "id INT AUTO_INCREMENT PRIMARY KEY, v INT", "3000, 1", 70_000),
    ("vacant", "id INT AUTO_INCREMENT PRIMARY KEY, v INT", "2000, 1", 2001),
];

#[tokio::test]
async fn n05_next_numbers_are_raised_by_every_run_and_never_lowered() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("CHUNK_ROWS", "2")]);
    stack.start_all().await;
    for (source, target) in
        [("mariadb", "mariadb11"), ("mariadb11", "mysql57"), ("mysql57", "mysql9"), ("mysql9", "mariadb")]
    {
        let (Some(source), Some(target)) = (Kind::shared(source, 0), Kind::shared(target, 1)) else {
            continue;
        };
        stack.move_to(Some(&source), Some(&target)).await;
        raised_and_never_lowered(&stack).await;
        for schema in [&stack.source, &stack.target] {
            schema.remove().await;
        }
    }
}

async fn raised_and_never_lowered(stack: &Stack) {
    for (name, columns, ..) in TABLES {
        let engine = if name == "isam" { "MyISAM" } else { "InnoDB" };
        let options = format!("ENGINE={engine} DEFAULT CHARSET=latin1");
        stack.source.run(&format!("CREATE TABLE {name} ({columns}) {options}")).await;
        if name != "vacant" {
            stack.source.run(&format!("INSERT INTO {name} VALUES (1, 1), (2, 2), (3, 3)")).await;
        }
    }
    // Numbers that begin anew behind each `a`: the table has no next one.
    let grouped = "CREATE TABLE grouped (a INT, id INT AUTO_INCREMENT, PRIMARY KEY (a, id)) ENGINE=MyISAM
        AUTO_INCREMENT=77 DEFAULT CHARSET=latin1; INSERT INTO grouped VALUES (1, 1), (2, 1)";
    stack.source.run(grouped).await;
    let sides = (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    let task = async |options| stack.client.task(&sides.0, &sides.1, &options).await;
    let usual = task(json!({"where": {"conditional": "id < 100"}})).await;
    stack.run_completed(&usual).await;

    for (name, _, row, _) in TABLES {
        stack
            .source
            .run(&format!("INSERT INTO {name} VALUES ({row}); DELETE FROM {name} WHERE id > 100"))
            .await;
    }
    stack.target.run("ALTER TABLE ahead AUTO_INCREMENT = 70000").await;
    stack.source.run("INSERT INTO plain VALUES (4, 4); INSERT INTO composite VALUES (4, 7)").await;
    let job = stack.run_completed(&usual).await;
    let modes = ["plain", "conditional", "keyless", "vacant"].map(|name| job.table(name).mode.clone());
    assert_eq!(modes, ["diff", "diff", "equal", "fill"]);
    check(&stack.target, &job).await;

    // Whatever is done with a table, and twice.
    stack.target.run("ALTER TABLE keyless AUTO_INCREMENT = 80000").await;
    stack.source.run("INSERT INTO keyless VALUES (4, 4)").await;
    let replacing = task(json!({"keyless": "replace"})).await;
    let job = stack.run_completed(&replacing).await;
    assert_eq!(job.table("keyless").mode, "replace");
    assert_eq!(next(&stack.target, "keyless").await, 80_000, "{job:#?}");
    stack.source.run("ALTER TABLE plain AUTO_INCREMENT = 12000").await;
    let job = stack.run_completed(&task(json!({"policy": "target_first"})).await).await;
    assert_eq!(next(&stack.target, "plain").await, 12_000, "{job:#?}");
    held_is_told(stack, &usual).await;
    agree(&stack.source, &stack.target).await;
}

/// Somebody reads the table and does not end: that is no reason to fail, nor to wait for long.
async fn held_is_told(stack: &Stack, task: &str) {
    stack.source.run("ALTER TABLE plain AUTO_INCREMENT = 20000").await;
    let reader = stack.target.blocker("START TRANSACTION; SELECT * FROM plain").await;
    let job = stack.run_completed(task).await;
    let told = |job: &Job| job.warnings.iter().filter(|line| line.contains("AUTO_INCREMENT")).count();
    assert_eq!(told(&job), 1, "{job:#?}");
    assert!(
        job.warnings.iter().any(|line| line.contains("table plain") && line.contains("20000")),
        "{job:#?}"
    );
    reader.release().await;
    let job = stack.run_completed(task).await;
    assert_eq!((told(&job), next(&stack.target, "plain").await), (0, 20_000), "{job:#?}");
}

async fn check(target: &Schema, job: &Job) {
    for (name, _, _, expected) in TABLES {
        let found = next(target, name).await;
        let fits = found == expected || name == "tiny" && found == expected + 1;
        assert!(fits, "{} {name}: {found}, not {expected}: {job:#?}", target.server.name);
    }
}

/// What the definition says; 1 is not written there.
async fn next(schema: &Schema, table: &str) -> u64 {
    let found: Vec<(String, String)> = schema.rows(&format!("SHOW CREATE TABLE {table}")).await;
    let (_, rest) = found[0].1.split_once(" AUTO_INCREMENT=").unwrap_or(("", "1"));
    rest.split(' ').next().unwrap().parse().unwrap()
}
