//! What only a job can judge, row by row of the list of bad inputs (I4, I5, I11 to I13): both
//! servers are looked at before anything is written.

use longshore_tests::agree::agree;
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

async fn register(stack: &Stack, body: &Value, changes: &Value) -> String {
    let mut body = body.clone();
    body["name"] = json!(place::fresh_name());
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    stack.client.post("/v1/connections", &body).await.expect(201).id()
}

#[tokio::test]
async fn i04_i05_odd_names_and_passwords_work_byte_by_byte() {
    let stack = Stack::running().await;
    let database = format!("a=b;'\"`../ü {}", place::fresh_name());
    let user = format!("u='\"`@:{}", place::fresh_name());
    let quoted = database.replace('`', "``");
    let mut target = connection_body(&stack.target);
    (target["database"], target["username"]) = (json!(database), json!(user));
    stack.target.run(&format!("CREATE DATABASE `{quoted}`")).await;
    let account = format!("'{}'@'127.0.0.1'", user.replace('\'', "''"));
    stack.target.run(&format!("CREATE USER {account}")).await;
    stack.target.run(&format!("GRANT ALL ON `{}`.* TO {account}", quoted.replace('_', "\\_"))).await;
    stack.target.run(&format!("GRANT RELOAD, PROCESS, REPLICATION CLIENT ON *.* TO {account}")).await;
    longshore_tests::seeds::shop(&stack.source, 20).await;
    let source = stack.client.connection(&stack.source).await;
    for password in [String::new(), "@:/%#?'\\\" ü".repeat(70), " ".to_owned()] {
        let literal = password.replace('\\', "\\\\").replace('\'', "''");
        stack.target.run(&format!("ALTER USER {account} IDENTIFIED BY '{literal}'")).await;
        let target = register(&stack, &target, &json!({"password": password})).await;
        let task = stack.client.task(&source, &target, &json!({})).await;
        stack.run_completed(&task).await;
        assert!(password.len() < 2 || !stack.logs().contains(&password));
    }
    let count = format!("SELECT COUNT(*) FROM `{quoted}`.`orders`");
    assert_eq!(
        stack.target.value::<i64>(&count).await,
        stack.source.value::<i64>("SELECT COUNT(*) FROM orders").await
    );
    stack.target.run(&format!("DROP DATABASE `{quoted}`")).await;
    stack.target.run(&format!("DROP USER {account}")).await;
}

#[tokio::test]
async fn i11_one_database_is_known_by_whatever_name_and_way() {
    let stack = Stack::running().await;
    let sshd = Sshd::start().await;
    longshore_tests::seeds::shop(&stack.source, 20).await;
    let body = connection_body(&stack.source);
    let source = register(&stack, &body, &json!({})).await;
    let before: i64 = stack.source.value("SELECT COUNT(*) FROM orders").await;
    for way in [
        json!({"host": "localhost"}),
        json!({"username": stack.source.server.admin_username, "password": stack.source.server.admin_password, "host": "localhost"}),
        json!({"connection_type": "ssh", "hops": [sshd.hop()], "host": "localhost", "timeout_seconds": 30}),
        json!({"connection_type": "ssh", "hops": [sshd.hop()], "host": "0x7f000001", "timeout_seconds": 30}),
    ] {
        let target = register(&stack, &body, &way).await;
        let task = stack.client.task(&source, &target, &json!({"delete_extra": true})).await;
        let job = stack.run(&task).await;
        let failure = job.failure.expect("it is the same database");
        assert_eq!(
            (job.state.as_str(), failure.code.as_str()),
            ("failed", "same_database"),
            "{way}: {failure:?}"
        );
    }
    assert_eq!(stack.source.value::<i64>("SELECT COUNT(*) FROM orders").await, before);
    // What is the same by its words is refused at once; another schema there is no matter.
    let same = register(&stack, &body, &json!({})).await;
    let task = json!({"name": "x", "source_id": source, "target_id": same, "mode": "full", "policy": "source_first"});
    stack.client.post("/v1/sync-tasks", &task).await.expect_problem(422, "same_database");
    let itself = json!({"name": "x", "source_id": source, "target_id": source, "mode": "full", "policy": "source_first"});
    stack.client.post("/v1/sync-tasks", &itself).await.expect_problem(422, "same_database");
}

#[tokio::test]
async fn i12_another_organisations_connection_is_not_there() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let source = stack.client.connection(&stack.source).await;
    let target = stack.client.connection(&stack.target).await;
    stack.control.run("INSERT INTO organisations (id, name) VALUES (gen_random_uuid(), 'others')").await;
    let theirs =
        "UPDATE connections SET org_id = (SELECT id FROM organisations WHERE name = 'others') WHERE id = ";
    stack.control.run("ALTER TABLE secrets DROP CONSTRAINT secrets_org_id_connection_id_fkey").await;
    assert_eq!(stack.control.run(&format!("{theirs}'{target}'")).await, 1);
    let body = json!({"name": "x", "source_id": source, "target_id": target, "mode": "full", "policy": "source_first"});
    let answer = stack.client.post("/v1/sync-tasks", &body).await.expect_problem(422, "unknown_connection");
    assert_eq!(answer.body["field"], "target_id");
    let path = format!("/v1/connections/{target}");
    stack.client.get(&path).await.expect_problem(404, "not_found");
    stack.client.patch(&path, &json!({"name": "mine"}), None).await.expect_problem(404, "not_found");
    stack.client.delete(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn i13_selections_that_cover_nothing_or_too_much() {
    let stack = Stack::running().await;
    stack.source.run("CREATE TABLE goods (id INT PRIMARY KEY)").await;
    stack.source.run("CREATE TABLE bare (line TEXT)").await;
    stack.source.run("CREATE VIEW seen AS SELECT * FROM goods").await;
    stack.target.run("CREATE TABLE bare (line TEXT)").await;
    stack.source.run("INSERT INTO bare VALUES ('ours')").await;
    stack.target.run("INSERT INTO bare VALUES ('theirs')").await;
    let (source, target) =
        (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    let body = |tables: Value| {
        json!({"name": place::fresh_name(), "source_id": source, "target_id": target, "mode": "selective",
               "policy": "source_first", "tables": tables, "allow_untested": true})
    };
    let names = |count: usize| (0..count).map(|number| format!("t{number}")).collect::<Vec<_>>();
    for (tables, code) in [
        (json!([]), "required"),
        (json!([""]), "invalid_value"),
        (json!(["t".repeat(65)]), "invalid_value"),
        (json!(names(5_001)), "too_long"),
    ] {
        let answer = stack.client.post("/v1/sync-tasks", &body(tables)).await.expect_problem(422, code);
        assert_eq!(answer.body["field"], "tables", "{}", answer.text);
    }
    for (tables, code, word) in [
        (json!(["godds"]), "unknown_table", "godds"),
        (json!(names(5_000)), "unknown_table", "and 4980 more"),
        (json!(["seen"]), "not_a_table", "seen"),
        (json!(["x*"]), "no_tables", "covers no table"),
        (json!(["bare"]), "keyless_differs", "bare"),
    ] {
        let task = stack.client.post("/v1/sync-tasks", &body(tables)).await.expect(201).id();
        let job = stack.run(&task).await;
        let failure = job.failure.expect("it is refused before anything is written");
        assert_eq!((job.state.as_str(), failure.code.as_str()), ("failed", code), "{failure:?}");
        assert!(failure.message.contains(word) && failure.message.len() < 2_000, "{failure:?}");
    }
    assert_eq!(stack.target.tables().await, ["bare"]);
    stack.target.run("DROP TABLE bare").await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}
