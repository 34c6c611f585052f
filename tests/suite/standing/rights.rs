//! Rights are asked for before rows move: exactly those that the job needs, on real accounts that
//! lack one each. What a failure says to run is run as it stands, and then the job goes through.

use longshore_shared::domain::connection::Engine;
use longshore_tests::client::{Job, connection_body};
use longshore_tests::kinds::Kind;
use longshore_tests::place;
use longshore_tests::schema::Schema;
use longshore_tests::servers::{Held, MariaDb, Servers};
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use longshore_worker::engine::access::{Act, Need};
use longshore_worker::engine::of;
use serde_json::{Value, json};

use super::logins::login;

/// An account of its own on the schema's server, with these rights.
struct Account {
    user: String,
    /// Quoted.
    name: String,
}

impl Account {
    async fn make(schema: &Schema, grants: &[&str]) -> Self {
        let user = format!("o'b_{}", place::fresh_name());
        let account = Self { name: format!("'{}'@'127.0.0.1'", user.replace('\'', "''")), user };
        schema.run(&format!("CREATE USER {} IDENTIFIED BY 'pw'", account.name)).await;
        for grant in grants {
            let on = format!("`{}`", schema.name);
            schema.run(&grant.replace("{db}", &on).replace("{to}", &account.name)).await;
        }
        account
    }
}

/// A connection of the account to the schema.
async fn connected(stack: &Stack, schema: &Schema, account: &Account) -> String {
    let mut body = connection_body(schema);
    body["name"] = json!(format!("of {}", account.user));
    body["username"] = json!(account.user);
    body["password"] = json!("pw");
    stack.client.post("/v1/connections", &body).await.expect(201).id()
}

async fn run(stack: &Stack, source: &str, target: &str, options: &Value) -> Job {
    let task = stack.client.task(source, target, options).await;
    let job = stack.client.submit(&task).await;
    stack.client.ended(&job, seconds(60)).await
}

/// Runs what the failure's hint says.
async fn remedy(schema: &Schema, job: &Job) {
    let why = job.why();
    let (_, statements) = why.hint.split_once(": ").unwrap_or_else(|| panic!("{why:?}"));
    for statement in statements.split("; ") {
        schema.run(statement).await;
    }
}

const TABLES: &str = "CREATE TABLE p (id INT PRIMARY KEY);
    CREATE TABLE c (id INT AUTO_INCREMENT PRIMARY KEY, pid INT, v INT, KEY by_v (v),
                    CONSTRAINT to_p FOREIGN KEY (pid) REFERENCES p (id));
    INSERT INTO p VALUES (1), (2); INSERT INTO c (pid, v) VALUES (1, 1), (2, 2)";

/// A first copy, and a comparison, into an account that lacks one right each, and none.
async fn a_target_lacks(stack: &Stack, server: &MariaDb, source: &str) {
    let mut made = vec!["SELECT", "INSERT", "CREATE", "ALTER"];
    if server.is_mysql() {
        made.push("REFERENCES");
    }
    for lacking in made.iter().copied().map(Some).chain([None]) {
        let target = Schema::make(server, "into").await;
        let rights: Vec<_> = made.iter().copied().filter(|right| Some(*right) != lacking).collect();
        let grant = format!("GRANT {} ON {{db}}.* TO {{to}}", rights.join(", "));
        let account = Account::make(&target, &[&grant]).await;
        let connection = connected(stack, &target, &account).await;
        let job = run(stack, source, &connection, &json!({})).await;
        let Some(lacking) = lacking else {
            assert_eq!(job.state, "completed", "{}: exactly what is needed: {job:#?}", server.name);
            continue;
        };
        let why = job.why();
        assert_eq!(why.code, "privilege_missing", "{} without {lacking}: {job:#?}", server.name);
        assert!(why.message.contains(&format!("lacks {lacking} on ")), "{}", why.message);
        // As the account's rights name the schema.
        let expected = format!("GRANT {lacking} ON `{}`.* TO {}", target.name, account.name);
        assert!(why.hint.ends_with(&expected), "{expected}: {}", why.hint);
        assert_eq!(target.tables().await, Vec::<String>::new(), "{}: nothing is made", server.name);
        remedy(&target, &job).await;
        let job = run(stack, source, &connection, &json!({})).await;
        assert_eq!(job.state, "completed", "{} with {lacking}: {job:#?}", server.name);
    }
    for (rights, options, lacking) in [
        ("SELECT", json!({}), "INSERT on c, p; UPDATE on c, p"),
        ("SELECT, INSERT", json!({}), "UPDATE on c, p"),
        ("SELECT, INSERT", json!({"policy": "target_first"}), ""),
        ("SELECT, INSERT, UPDATE", json!({}), ""),
        ("SELECT, INSERT, UPDATE", json!({"delete_extra": true}), "DELETE on c, p"),
        ("INSERT", json!({}), "SELECT on c, p; UPDATE on c, p"),
    ] {
        let target = Schema::make(server, "into").await;
        target.run(TABLES).await;
        target.run("UPDATE c SET v = 7; DELETE FROM c WHERE id = 2; INSERT INTO p VALUES (3)").await;
        let account = Account::make(&target, &[&format!("GRANT {rights} ON {{db}}.* TO {{to}}")]).await;
        let connection = connected(stack, &target, &account).await;
        let job = run(stack, source, &connection, &options).await;
        if !lacking.is_empty() {
            let message = &job.why().message;
            assert!(message.contains(lacking), "{}, {rights}, {options}: {message}", server.name);
            let untouched: i64 = target.value("SELECT COUNT(*) FROM c WHERE v = 7").await;
            assert_eq!(untouched, 1, "{}, {rights}, {options}", server.name);
            remedy(&target, &job).await;
            let again = run(stack, source, &connection, &options).await;
            assert_eq!(again.state, "completed", "{}, {rights}, {options}: {again:#?}", server.name);
            continue;
        }
        assert_eq!(job.state, "completed", "{}, {rights}, {options}: {job:#?}", server.name);
    }
}

#[tokio::test]
async fn n15_rights_are_asked_for_before_rows_move() {
    let stack = Stack::running().await;
    stack.source.run(TABLES).await;
    let source = stack.client.connection(&stack.source).await;
    a_target_lacks(&stack, &stack.target.server, &source).await;
    if let Some(mysql) = Kind::shared("mysql9", 0) {
        a_target_lacks(&stack, &mysql, &source).await;
    }

    // The source; with `continue` the others go.
    let other = Schema::make(&stack.source.server, "from").await;
    other.run("CREATE TABLE a (id INT PRIMARY KEY); CREATE TABLE b (id INT PRIMARY KEY)").await;
    let grants = ["GRANT INSERT ON {db}.* TO {to}", "GRANT SELECT ON {db}.a TO {to}"];
    let account = Account::make(&other, &grants).await;
    let connection = connected(&stack, &other, &account).await;
    let target = stack.client.connection(&stack.target).await;
    let tables = json!({"mode": "selective", "tables": ["a", "b"]});
    let job = run(&stack, &connection, &target, &tables).await;
    assert!(job.why().message.contains("lacks SELECT on b"), "{job:#?}");
    let mut going_on = tables.clone();
    going_on["on_mismatch"] = json!("continue");
    let job = run(&stack, &connection, &target, &going_on).await;
    let states: Vec<_> =
        job.tables.iter().map(|table| (table.name.as_str(), table.failure.is_some())).collect();
    assert_eq!(states, [("a", false), ("b", true)], "{job:#?}");
    // An account that sees nothing has not synchronised everything.
    let blind = Account::make(&other, &["GRANT CREATE TEMPORARY TABLES ON {db}.* TO {to}"]).await;
    let job = run(&stack, &connected(&stack, &other, &blind).await, &target, &json!({})).await;
    assert_eq!(job.why().code, "no_tables", "{job:#?}");
}

/// What the engine reads out of each flavour's grants.
#[tokio::test]
async fn n15_grants_of_all_flavours_are_read() {
    let wanted: Vec<_> =
        ["mysql57", "mysql9", "mariadb11"].into_iter().filter(|kind| Servers::is_wanted(kind)).collect();
    let held =
        (!wanted.is_empty()).then(|| Held::start_with(&wanted.join(","), &["mysql9=partial_revokes=ON"]));
    let servers = held.iter().flat_map(|held| held.mariadb.iter());
    for server in servers.chain([&Servers::of_the_run().mariadb[0]]) {
        let role = format!("r_{}", place::fresh_name());
        let roles = |sets: &str| {
            [
                format!("CREATE ROLE {role}"),
                format!("GRANT INSERT ON {{db}}.* TO {role}"),
                format!("GRANT {role} TO {{to}}"),
                format!("SET DEFAULT ROLE {role} {sets} {{to}}"),
            ]
        };
        let by_role = match server.kind() {
            "mysql57" => None,
            "mysql9" => Some(roles("TO")),
            _ => Some(roles("FOR")),
        };
        let mut cases: Vec<(Vec<String>, &str)> = vec![
            (vec!["GRANT SELECT ON {db}.* TO {to}".to_owned()], "INSERT"),
            (vec!["GRANT SELECT, INSERT ON *.* TO {to}".to_owned()], ""),
            (
                vec![
                    "GRANT SELECT ON {db}.t TO {to}".to_owned(),
                    "GRANT INSERT ON {db}.t TO {to}".to_owned(),
                ],
                "",
            ),
            (vec!["GRANT SELECT ON {db}.t TO {to}".to_owned()], "INSERT"),
            (
                vec![
                    "GRANT SELECT ON {db}.* TO {to}".to_owned(),
                    "GRANT INSERT (a) ON {db}.t TO {to}".to_owned(),
                ],
                "INSERT?",
            ),
            (vec!["GRANT ALL ON {db}.* TO {to}".to_owned()], ""),
        ];
        if let Some(by_role) = by_role {
            let own = "GRANT SELECT ON {db}.t TO {to}".to_owned();
            cases.push((by_role.iter().cloned().chain([own]).collect(), ""));
        }
        if server.kind() == "mysql9" {
            let grant = "GRANT SELECT, INSERT ON *.* TO {to}".to_owned();
            cases.push((vec![grant, "REVOKE INSERT ON {db}.* FROM {to}".to_owned()], "INSERT"));
        }
        if server.kind() == "mariadb11" {
            let own = "GRANT SELECT ON {db}.* TO {to}".to_owned();
            cases.push((vec![own, "GRANT INSERT ON {db}.* TO PUBLIC".to_owned()], ""));
        }
        for (grants, lacking) in cases {
            let schema = Schema::make(server, "read").await;
            schema.run("CREATE TABLE t (a INT PRIMARY KEY, b INT)").await;
            let grants: Vec<_> = grants.iter().map(String::as_str).collect();
            let account = Account::make(&schema, &grants).await;
            assert_lacks(&schema, &account, lacking, &grants).await;
        }
    }
}

/// Looks what lacks (`?`: in doubt) of reading and inserting; grants it, and looks again.
async fn assert_lacks(schema: &Schema, account: &Account, lacking: &str, grants: &[&str]) {
    let login = login(schema, &account.user, "pw");
    let needs = [Act::Read, Act::Insert].map(|act| Need { act, schema: None, table: Some("t".to_owned()) });
    for after in [false, true] {
        let mut inspector = of(Engine::Mysql).surveyor(&login).await.unwrap();
        let lacks = inspector.lacks(&needs).await.unwrap();
        let expected = if after { "" } else { lacking };
        let rights = |missing: &[(usize, String)], doubt: &str| -> String {
            missing.iter().map(|(_, right)| format!("{right}{doubt}")).collect()
        };
        let found = rights(&lacks.missing.rights, "") + &rights(&lacks.doubtful.rights, "?");
        assert_eq!(found, expected, "{}, {grants:?}: {lacks:?}", schema.server.name);
        for statement in lacks.missing.statements.iter().chain(&lacks.doubtful.statements) {
            schema.run(statement).await;
        }
    }
}

#[tokio::test]
async fn n25_a_test_says_what_a_sync_needs_in_one_statement_each() {
    for server in ["mysql57", "mysql9", "mariadb"].into_iter().filter_map(|kind| Kind::shared(kind, 0)) {
        let schema = Schema::make(&server, "needs").await;
        let account = Account::make(&schema, &["GRANT CREATE TEMPORARY TABLES ON {db}.* TO {to}"]).await;
        let login = login(&schema, &account.user, "pw");
        let before = of(Engine::Mysql).examine(Engine::Mysql, &login).await.unwrap().syncs;
        let [from, into] = before.as_slice() else { panic!("{before:?}") };
        assert_eq!(from.missing, ["SELECT"], "{}", server.name);
        assert_eq!(into.missing, into.needs, "{}", server.name);
        let on = format!(" ON `{}`.* TO {}", schema.name, account.name);
        assert!(into.statement.contains(&on), "{}", into.statement);
        schema.run(&from.statement).await;
        let between = of(Engine::Mysql).examine(Engine::Mysql, &login).await.unwrap().syncs;
        assert!(between[0].missing.is_empty() && !between[1].missing.is_empty(), "{between:?}");
        schema.run(&into.statement).await;
        let after = of(Engine::Mysql).examine(Engine::Mysql, &login).await.unwrap().syncs;
        assert!(after.iter().all(|sync| sync.missing.is_empty()), "{after:?}");
    }
}

#[tokio::test]
async fn n15_a_database_that_everybody_may_only_read_is_known_as_such() {
    let Some(server) = Kind::shared("mysql9", 0) else { return };
    let schema = Schema::make(&server, "closed").await;
    for (word, expected) in [("1", true), ("0", false)] {
        schema.run(&format!("ALTER DATABASE `{}` READ ONLY = {word}", schema.name)).await;
        let login = login(&schema, &schema.username, &schema.password);
        let mut inspector = of(Engine::Mysql).surveyor(&login).await.unwrap();
        assert_eq!(inspector.server().await.unwrap().read_only, expected);
    }
}
