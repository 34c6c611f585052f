//! Definitions that the other server reads otherwise, or not at all: in the target's words, or
//! refused by the object's name before anything is made.

use longshore_tests::client::Job;
use longshore_tests::servers::{Held, MariaDb, Servers};
use longshore_tests::stack::Stack;
use mysql_async::prelude::Queryable as _;
use serde_json::json;

use super::leaves::grant;

/// A server of the run's or one of its own; none if somebody chose to do without it.
struct Server {
    facts: MariaDb,
    _own: Option<Held>,
}

fn server(kind: &str) -> Option<Server> {
    if kind == "mariadb" {
        return Some(Server { facts: Servers::of_the_run().mariadb[1].clone(), _own: None });
    }
    Servers::is_wanted(kind).then(|| {
        let own = Held::start(kind);
        Server { facts: own.mariadb[0].clone(), _own: Some(own) }
    })
}

async fn prepare(stack: &mut Stack, source: &Server, target: &Server, sql: &[&str]) {
    stack.move_to(Some(&source.facts), Some(&target.facts)).await;
    for statement in sql {
        stack.source.run(statement).await;
    }
}

async fn clear(stack: &Stack) {
    for schema in [&stack.source, &stack.target] {
        schema.remove().await;
    }
}

/// Runs a task that goes through, and once more: what was made is what the source has.
async fn completed_twice(stack: &Stack) -> Job {
    let task = stack.task(&json!({})).await;
    let job = stack.run_completed(&task).await;
    stack.run_completed(&task).await;
    job
}

/// Runs a task that fails in the plan, and holds what it says and that nothing was made; answers the
/// job, and the two connections.
async fn refused(stack: &Stack, words: &[&str]) -> (Job, [String; 2]) {
    let sides = [stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await];
    let job = stack.run(&stack.client.task(&sides[0], &sides[1], &json!({})).await).await;
    let failure = job.failure.as_ref().unwrap_or_else(|| panic!("it fails: {job:#?}"));
    assert_eq!(failure.class, "schema_mismatch", "{failure:#?}");
    for word in words {
        assert!(failure.message.contains(word), "{word}: {failure:#?}");
    }
    assert!(!format!("{failure:?}").contains("fault of Longshore"), "{failure:#?}");
    let made: Vec<String> = stack.target.rows("SHOW TABLES").await;
    assert!(made.is_empty(), "nothing is made before all is checked: {made:?}");
    (job, sides)
}

async fn definition(stack: &Stack, table: &str) -> String {
    let rows: Vec<(String, String)> = stack.target.rows(&format!("SHOW CREATE TABLE {table}")).await;
    rows.into_iter().map(|(_, definition)| definition).collect()
}

#[tokio::test]
async fn n07_words_of_one_flavour_are_translated_or_refused() {
    let (Some(mariadb), Some(mysql9), Some(mysql57)) =
        (server("mariadb"), server("mysql9"), server("mysql57"))
    else {
        return;
    };
    let mut stack = Stack::running().await;
    let words = "CREATE TABLE w (id INT PRIMARY KEY, v INT INVISIBLE, place POINT NOT NULL SRID 4326, \
        fixed INT COLUMN_FORMAT FIXED, KEY hidden (v) INVISIBLE, KEY falling (fixed DESC), \
        CONSTRAINT lax CHECK (id > 100) NOT ENFORCED, CONSTRAINT strict CHECK (id < 100)) COMPRESSION='zlib'";
    let row = "INSERT INTO w (id, v, place, fixed) VALUES (1, 7, ST_GeomFromText('POINT(1 2)', 4326), 3)";
    prepare(&mut stack, &mysql9, &mariadb, &[words, row]).await;
    let job = completed_twice(&stack).await;
    let made = definition(&stack, "w").await;
    for (word, is_there) in [
        ("INVISIBLE", true),
        ("KEY `hidden` (`v`) IGNORED", true),
        ("(`fixed` DESC)", true),
        ("`strict` CHECK", true),
        ("`lax`", false),
        ("COMPRESSION", false),
    ] {
        assert_eq!(made.contains(word), is_there, "{word}: {made}");
    }
    assert_eq!(stack.target.value::<i32>("SELECT v FROM w").await, 7);
    let astray = "INSERT INTO w (id, v, place, fixed) VALUES (2, 7, ST_GeomFromText('POINT(1 2)', 0), 3)";
    assert_eq!(stack.target.run(astray).await, 1, "no SRID is refused");
    warned(&job, &["table w, column `place`: the target does not hold its values to their SRID"]);
    clear(&stack).await;

    let of_mariadb = "CREATE TABLE m (id INT PRIMARY KEY, u VARCHAR(36) DEFAULT uuid(), t TEXT COMPRESSED DEFAULT 'x', \
        d DATE DEFAULT (curdate() + INTERVAL 1 DAY), v INT INVISIBLE DEFAULT 5, j JSON DEFAULT '{}', \
        KEY hidden (v) IGNORED, CHECK (id > 0))";
    let other = "CREATE TABLE n (id INT PRIMARY KEY, CHECK (id > 0)) TRANSACTIONAL=0 PAGE_CHECKSUM=1";
    let rows = ["INSERT INTO m (id) VALUES (1), (2)", "INSERT INTO n VALUES (1)"];
    prepare(&mut stack, &mariadb, &mysql9, &[of_mariadb, other, rows[0], rows[1]]).await;
    completed_twice(&stack).await;
    let made = definition(&stack, "m").await;
    for word in ["DEFAULT (uuid())", "80023 INVISIBLE", "KEY `hidden` (`v`) /*!80000 INVISIBLE */", "CHECK"] {
        assert!(made.contains(word), "{word}: {made}");
    }
    stack.target.run("INSERT INTO m (id) VALUES (3)").await;
    let computed: i64 = stack.target.value("SELECT COUNT(*) FROM m WHERE id = 3 AND t = 'x' AND v = 5").await;
    assert_eq!(computed, 1, "the target computes the defaults");
    clear(&stack).await;

    let hidden = "CREATE TABLE h (id INT PRIMARY KEY, v INT INVISIBLE)";
    prepare(&mut stack, &mysql9, &mysql57, &[hidden]).await;
    refused(&stack, &["`h`", "column `v`", "INVISIBLE"]).await;
    clear(&stack).await;
    let held = "CREATE TABLE c (id INT PRIMARY KEY, p POINT NOT NULL SRID 4326, KEY k ((id)) INVISIBLE, \
        CONSTRAINT strict CHECK (id < 100))";
    prepare(&mut stack, &mysql9, &mysql57, &[&held.replace("((id))", "(id)")]).await;
    let job = completed_twice(&stack).await;
    warned(&job, &["table c, constraint `strict`", "table c, column `p`"]);
    clear(&stack).await;

    // MariaDB writes a column's CHECK, and that of its JSON, beside the column.
    let checked =
        "CREATE TABLE m (id INT PRIMARY KEY CHECK (id < 9), j JSON, t VARCHAR(20) COMMENT 'CHECK (1)')";
    prepare(&mut stack, &mariadb, &mysql57, &[checked, "INSERT INTO m VALUES (1, '{}', 'CHECK')"]).await;
    let job = completed_twice(&stack).await;
    let lost = "the target does not know CHECK";
    warned(&job, &[&format!("table m, column `id`: {lost}"), &format!("table m, column `j`: {lost}")]);
    assert!(!format!("{:?}", job.warnings).contains("column `t`"), "{:?}", job.warnings);
    assert_eq!(stack.target.run("INSERT INTO m VALUES (10, 'no JSON', '')").await, 1, "any value is taken");
    clear(&stack).await;
}

/// What an expression says in quotes, and its remainder, are the same on every flavour.
#[tokio::test]
async fn n07_expressions_hold_rows_to_the_same_on_every_flavour() {
    let mut stack = Stack::running().await;
    let of_texts = r"CREATE TABLE u (id INT PRIMARY KEY, a INT DEFAULT 7, c VARCHAR(20) DEFAULT 'x',
        d VARCHAR(9) CHECK (d <> 'a\\b' AND d <> 'ö' AND d <> 'it''s'),
        g VARCHAR(40) AS (CONCAT(c, 'it''s ä€')) STORED, r INT AS (a % 3) STORED)";
    let row = "INSERT INTO u (id, d) VALUES (1, 'ä')";
    for [source, target] in [
        ["mysql9", "mariadb"],
        ["mysql9", "mariadb11"],
        ["mysql57", "mariadb"],
        ["mariadb", "mysql9"],
        ["mariadb11", "mysql57"],
    ] {
        let checks = ![source, target].contains(&"mysql57");
        let (Some(source), Some(target)) = (server(source), server(target)) else { continue };
        prepare(&mut stack, &source, &target, &[of_texts, row]).await;
        completed_twice(&stack).await;
        let made: (String, i64) = stack.target.rows("SELECT g, r FROM u").await.remove(0);
        assert_eq!(made, ("xit's ä€".to_owned(), 1));
        for value in [r"a\\b", "ö", "it''s"].into_iter().filter(|_| checks) {
            let sql = format!("INSERT INTO u (id, d) VALUES (2, '{value}')");
            let refused = stack.target.session().await.query_drop(sql).await;
            assert!(refused.is_err(), "{value}: {}", definition(&stack, "u").await);
        }
        clear(&stack).await;
    }
}

/// Each of these is told.
fn warned(job: &Job, words: &[&str]) {
    for word in words {
        assert!(job.warnings.iter().any(|one| one.contains(word)), "{word}: {:?}", job.warnings);
    }
}

#[tokio::test]
async fn n09_names_that_one_flavour_reserves_arrive() {
    let (Some(mariadb), Some(mysql9), Some(mysql57)) =
        (server("mariadb"), server("mysql9"), server("mysql57"))
    else {
        return;
    };
    let mut stack = Stack::running().await;
    let binary =
        "CREATE TABLE page (id INT PRIMARY KEY, title VARBINARY(255), text BLOB) DEFAULT CHARSET=binary";
    let row = "INSERT INTO page VALUES (1, x'ff00', 'b')";
    for source in [&mariadb, &mysql9] {
        prepare(&mut stack, source, &mysql57, &[binary, row]).await;
        completed_twice(&stack).await;
        assert!(definition(&stack, "page").await.contains("CHARSET=binary"));
        clear(&stack).await;
    }
    let parts = "CREATE TABLE parts (rank INT, groups INT, dd DATE) PARTITION BY RANGE (year(dd)) \
        SUBPARTITION BY HASH (rank + groups) (PARTITION rank VALUES LESS THAN (2020) (SUBPARTITION groups), \
        PARTITION slow VALUES LESS THAN MAXVALUE (SUBPARTITION system))";
    let listed =
        "CREATE TABLE listed (rank INT) PARTITION BY LIST COLUMNS (rank) (PARTITION `over` VALUES IN (3))";
    let rows = [
        "INSERT INTO parts VALUES (1, 2, '2019-01-01'), (3, 4, '2024-01-01')",
        "INSERT INTO listed VALUES (3)",
    ];
    for target in [&mysql9, &mariadb] {
        prepare(&mut stack, &mysql57, target, &[parts, listed, rows[0], rows[1]]).await;
        completed_twice(&stack).await;
        let made = definition(&stack, "parts").await;
        assert!(made.contains("PARTITION `rank`") && made.contains("SUBPARTITION `groups`"), "{made}");
        clear(&stack).await;
    }
}

#[tokio::test]
async fn n12_what_the_target_cannot_hold_is_found_in_the_plan() {
    let (Some(mariadb), Some(mysql9), Some(mysql57)) =
        (server("mariadb"), server("mysql9"), server("mysql57"))
    else {
        return;
    };
    let mut stack = Stack::running().await;
    let of_mysql = [
        "CREATE TABLE good (id INT PRIMARY KEY, v INT, KEY (v)) COLLATE utf8mb4_general_ci",
        "CREATE TABLE searched (id INT PRIMARY KEY, t TEXT, FULLTEXT KEY grams (t) WITH PARSER ngram) COLLATE utf8mb4_bin",
        "CREATE TABLE computed (id INT PRIMARY KEY, v INT, KEY doubled ((v * 2)), KEY (v))",
        "CREATE TABLE several (id INT PRIMARY KEY, j JSON, KEY many ((CAST(j->'$.a' AS UNSIGNED ARRAY))))",
        "CREATE TABLE collated (id INT PRIMARY KEY, v VARCHAR(9) COLLATE utf8mb4_ja_0900_as_cs)",
        "CREATE TABLE checked (id INT PRIMARY KEY, v VARCHAR(9), CONSTRAINT shaped CHECK (regexp_like(v, 'a'))) \
         COLLATE utf8mb4_bin",
        "INSERT INTO good VALUES (1, 2)",
    ];
    prepare(&mut stack, &mysql9, &mariadb, &of_mysql).await;
    let all = ["index `grams`", "ngram", "index `doubled`", "index `many`", "ja_0900", "constraint `shaped`"];
    let (_, [from, to]) = refused(&stack, &all).await;
    let job = stack.run(&stack.client.task(&from, &to, &json!({"on_mismatch": "continue"})).await).await;
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM good").await, 1);
    for table in ["searched", "computed", "several", "collated", "checked"] {
        assert_eq!(job.table(table).mode, "refused", "{job:#?}");
    }
    assert_eq!(stack.target.tables().await, ["good"], "no trial is left");
    clear(&stack).await;

    let of_mariadb = [
        "CREATE TABLE p (id INT PRIMARY KEY, v INT, KEY (v))",
        "CREATE TABLE c (id INT PRIMARY KEY, pv INT, CONSTRAINT to_many FOREIGN KEY (pv) REFERENCES p (v))",
        "CREATE TABLE u (id INT PRIMARY KEY, known UUID)",
        "CREATE TABLE o (id INT, s DATE, e DATE, PERIOD FOR span (s, e), UNIQUE (id, span WITHOUT OVERLAPS))",
        "INSERT INTO p VALUES (1, 2)",
    ];
    prepare(&mut stack, &mariadb, &mysql9, &of_mariadb).await;
    refused(&stack, &["`c`, foreign key `to_many`", "unique key", "table 'p'", "`u`, column `known`", "`o`"])
        .await;
    clear(&stack).await;

    let computed = "CREATE TABLE d (id INT PRIMARY KEY, u VARCHAR(36) DEFAULT (uuid()))";
    prepare(&mut stack, &mysql9, &mysql57, &[computed]).await;
    refused(&stack, &["`d`, column `u`"]).await;
    clear(&stack).await;
}

#[tokio::test]
async fn n12_a_target_of_the_sources_release_has_settings_of_its_own() {
    let Some(mysql9) = server("mysql9") else { return };
    let mut stack = Stack::running().await;
    let tables = [
        "CREATE TABLE p (id INT PRIMARY KEY, v INT, KEY (v))",
        "SET SESSION restrict_fk_on_non_standard_key = OFF; \
         CREATE TABLE c (id INT PRIMARY KEY, pv INT, CONSTRAINT to_many FOREIGN KEY (pv) REFERENCES p (v))",
        "INSERT INTO p VALUES (1, 2); INSERT INTO c VALUES (1, 2)",
    ];
    prepare(&mut stack, &mysql9, &mysql9, &tables).await;
    refused(&stack, &["`c`, foreign key `to_many`", "unique key", "table 'p'"]).await;
    clear(&stack).await;
}

#[tokio::test]
async fn n12_who_may_not_ask_is_told_so() {
    let (Some(mariadb), Some(mysql9)) = (server("mariadb"), server("mysql9")) else { return };
    let mut stack = Stack::running().await;
    let table = "CREATE TABLE w (id INT PRIMARY KEY, place POINT NOT NULL SRID 4326) COLLATE utf8mb4_bin";
    prepare(&mut stack, &mysql9, &mariadb, &[table]).await;
    grant(&stack.target, "SELECT, INSERT, UPDATE, CREATE, ALTER").await;
    let task = stack.task(&json!({})).await;
    let job = stack.run_completed(&task).await;
    warned(
        &job,
        &["could not be asked", "column `place`: the target does not hold its values to their SRID"],
    );
    let told = job.warnings.iter().find_map(|one| one.split_once("run there: ")).unwrap_or_default().1;
    assert!(told.starts_with("GRANT DROP ON `"), "{:?}", job.warnings);
    stack.target.run(told).await;
    stack.target.run("DROP TABLE w").await;
    let job = stack.run_completed(&task).await;
    assert!(!format!("{:?}", job.warnings).contains("could not be asked"), "{:?}", job.warnings);
    clear(&stack).await;
}

#[tokio::test]
async fn n17_refusals_by_partitions_checks_and_storage_engines_name_them() {
    let Some(eleven) = server("mariadb11") else { return };
    let Some(mariadb) = server("mariadb") else { return };
    let mut stack = Stack::running().await;
    for (made, row, code, words) in [
        (
            "CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY RANGE (id) (PARTITION p VALUES LESS THAN (10))",
            "53271",
            "no_partition",
            &["table `t` has no partition"][..],
        ),
        (
            "CREATE TABLE t (id INT PRIMARY KEY) PARTITION BY LIST (id) (PARTITION p VALUES IN (1, 2))",
            "53271",
            "no_partition",
            &["table `t` has no partition"],
        ),
        (
            "CREATE TABLE t (id INT PRIMARY KEY, CONSTRAINT low CHECK (id < 9))",
            "9",
            "check_violation",
            &["`low`"],
        ),
        ("CREATE TABLE t (id INT PRIMARY KEY CHECK (id < 9))", "9", "check_violation", &["`t.id`"]),
    ] {
        let source = "CREATE TABLE t (id INT PRIMARY KEY)";
        prepare(&mut stack, &mariadb, &eleven, &[source, &format!("INSERT INTO t VALUES ({row})")]).await;
        stack.target.run(made).await;
        let job = stack.sync(&json!({})).await;
        let failure = job.failure.as_ref().unwrap_or_else(|| panic!("it fails: {job:#?}"));
        assert_eq!((failure.class.as_str(), failure.code.as_str()), ("data_error", code), "{failure:#?}");
        for word in words {
            assert!(failure.message.contains(word), "{failure:#?}");
        }
        assert!(failure.message.contains(&format!("the row id = {row}")), "{failure:#?}");
        clear(&stack).await;
    }
    prepare(&mut stack, &mariadb, &eleven, &["CREATE TABLE t (id INT PRIMARY KEY)"]).await;
    stack.target.run("SET GLOBAL enforce_storage_engine = Aria").await;
    let (job, _) = refused(&stack, &["InnoDB", "enforce_storage_engine", "Aria"]).await;
    assert!(!format!("{job:?}").contains("NO_ENGINE_SUBSTITUTION"), "{job:#?}");
    stack.target.run("SET GLOBAL enforce_storage_engine = NULL").await;
    clear(&stack).await;
}
