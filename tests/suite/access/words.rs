//! What a customer's database says of its rows (T42): told to nobody, nor kept.

use longshore_tests::receiver::Receiver;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

const CANARY: &str = "canary-of-a-row-8f14e45f";

/// Tables whose rows the target refuses, each with words of its own that hold a value.
const REFUSALS: [(&str, &str, &str); 3] = [
    (
        "CREATE TABLE doubled (id INT PRIMARY KEY, mail VARCHAR(60), UNIQUE (mail))",
        "CREATE TRIGGER again BEFORE INSERT ON doubled FOR EACH ROW SET NEW.mail = 'CANARY'",
        "duplicate_key",
    ),
    (
        "CREATE TABLE signalled (id INT PRIMARY KEY, mail VARCHAR(60))",
        "CREATE TRIGGER signals BEFORE INSERT ON signalled FOR EACH ROW
         BEGIN DECLARE said VARCHAR(120) DEFAULT CONCAT('no, ', NEW.mail, ' is not welcome');
         SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = said; END",
        "refused_by_trigger",
    ),
    (
        "CREATE TABLE turned (id INT PRIMARY KEY, mail VARCHAR(60), number INT)",
        "CREATE TRIGGER turns BEFORE INSERT ON turned FOR EACH ROW SET NEW.number = NEW.mail",
        "value_refused",
    ),
];

#[tokio::test]
async fn t42_what_a_customers_database_says_of_its_rows_is_told_to_nobody() {
    let receiver = Receiver::start().await;
    let stack = Stack::running_with(&[("LOG", "debug")]).await;
    let source = stack.client.connection(&stack.source).await;
    let target = stack.client.connection(&stack.target).await;
    let hook = json!({"url": receiver.url("/hook"), "events": ["job.failed"]});
    stack.client.post("/v1/webhooks", &hook).await.expect(201);
    let other = stack.control.organisation("other", "org_admin").await;
    let other = stack.client.with_token(Some(&other));
    let mut seen = Vec::new();
    for (table, trigger, code) in REFUSALS {
        let name = table.split(' ').nth(2).unwrap();
        stack.source.run(table).await;
        stack.source.run(&format!("INSERT INTO {name} (id, mail) VALUES (1, '{CANARY}'), (2, 'x')")).await;
        stack.target.run(table).await;
        stack.target.run(&trigger.replace("CANARY", CANARY)).await;
        let wanted = json!({"name": name, "mode": "selective", "tables": [name], "target_triggers": "fire"});
        let task = stack.client.task(&source, &target, &wanted).await;
        let job = stack.client.submit(&task).await;
        let ended = stack.client.ended(&job, seconds(60)).await;
        assert_eq!((ended.state.as_str(), ended.why().code.as_str()), ("failed", code), "{ended:#?}");
        for part in ["", "/log"] {
            let path = format!("/v1/jobs/{job}{part}");
            seen.push((path.clone(), stack.client.get(&path).await.expect(200).text));
            other.get(&path).await.expect(404);
        }
        let told = until("the receiver is told", seconds(30), async || {
            receiver
                .received()
                .into_iter()
                .map(|told| told.json().to_string())
                .find(|told| told.contains(&job))
        })
        .await;
        seen.push((format!("the webhook about {name}"), told));
    }
    let kept = "SELECT coalesce(string_agg(j.failure::text, ' '), '') FROM jobs j";
    seen.push(("jobs".to_owned(), stack.control.value::<String>(kept).await));
    let kept = "SELECT coalesce(string_agg(message, ' '), '') FROM job_log";
    seen.push(("job_log".to_owned(), stack.control.value::<String>(kept).await));
    let kept = "SELECT coalesce(string_agg(s::text, ' '), '') FROM steps s";
    seen.push(("steps".to_owned(), stack.control.value::<String>(kept).await));
    seen.push(("logs".to_owned(), stack.logs()));
    for (place, text) in &seen {
        assert!(!text.contains(CANARY), "a value of a row stands in {place}: {text}");
    }
    // What is left says which table, and what to do.
    let whole: Vec<&str> = seen.iter().map(|(_, text)| text.as_str()).collect();
    assert!(whole.iter().any(|text| text.contains("`doubled`") && text.contains("key")), "{whole:#?}");
    let _: Value = serde_json::from_str(&seen[0].1).unwrap();
}
