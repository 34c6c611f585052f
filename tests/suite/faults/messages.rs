//! Messages that come twice, a hundred times, for nobody, too early, as rubbish, or from the
//! dead (F9, F10, F11, F48, F49).

use longshore_shared::bus::{Bus, Control, StepMessage};
use longshore_shared::clock;
use longshore_shared::domain::id::{JobId, OrgId, StepId};
use longshore_shared::domain::step::Queue;
use longshore_tests::broker::{BULK, DEAD, FIRST};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::{SLOW, all_is_well, attempts, in_hand, seed};

/// The wire form is the bus's own; a test that wrote it by hand would test itself.
async fn bus(stack: &Stack) -> Bus {
    let bus = Bus::connect(&stack.broker.amqp_url, "tests").unwrap();
    bus.wait_ready().await.unwrap();
    bus
}

#[tokio::test]
async fn f09_a_message_that_comes_a_hundred_times_has_one_effect() {
    let stack = Stack::running_with(SLOW).await;
    let bus = bus(&stack).await;
    seed(&stack.source, 800).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    publish_again(&stack, &bus, &job).await;
    all_is_well(&stack, &job).await;
    // The late ones: every step has ended.
    publish_again(&stack, &bus, &job).await;
    for queue in [Queue::First, Queue::Bulk] {
        until(&format!("{queue} is empty"), seconds(20), async || {
            (bus.depth(queue).await.ok()? == 0).then_some(())
        })
        .await;
    }
    assert_eq!(attempts(&stack, &job).await, (1, 1), "each step was claimed once");
    assert_eq!(stack.client.job(&job).await.state, "completed");
    longshore_tests::agree::agree(&stack.source, &stack.target).await;
}

/// Everything that was ever announced of the job, a hundred times.
async fn publish_again(stack: &Stack, bus: &Bus, job: &str) {
    let sql = format!("SELECT body FROM outbox WHERE job_id = '{job}' ORDER BY id LIMIT 8");
    let bodies: Vec<Value> = stack.control.column(&sql).await;
    for body in bodies {
        let message: StepMessage = serde_json::from_value(body).unwrap();
        let queue = if message.kind == "plan" { Queue::First } else { Queue::Bulk };
        let copies = (0..100).map(|_| (queue, message.clone())).collect();
        assert!(bus.publish_all(copies).await.iter().all(Result::is_ok));
    }
}

/// The cancel comes before the message that would start the run, and the message all the
/// more often after it.
#[tokio::test]
async fn f10_a_run_that_was_cancelled_before_its_message_came_never_starts() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    let job = probe(&stack).await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    stack.start_worker();
    stack.ready().await;
    let bus = bus(&stack).await;
    let bodies: Vec<Value> =
        stack.control.column(&format!("SELECT body FROM outbox WHERE job_id = '{job}'")).await;
    let message: StepMessage = serde_json::from_value(bodies[0].clone()).unwrap();
    let cancel = Control::Cancel { org_id: message.org_id, job_id: message.job_id };
    bus.tell(&cancel).await.unwrap();
    for result in bus.publish_all(vec![(Queue::First, message); 20]).await {
        result.unwrap();
    }
    // What comes after them is done: they have been taken.
    let other = probe(&stack).await;
    stack.client.completed(&other, seconds(20)).await;
    until("the queue is empty", seconds(20), async || {
        (bus.depth(Queue::First).await.ok()? == 0).then_some(())
    })
    .await;
    let ended = stack.client.job(&job).await;
    assert_eq!((ended.state.as_str(), ended.started_at), ("cancelled", None));
    assert_eq!(attempts(&stack, &job).await, (0, 0), "nobody claimed it");
}

#[tokio::test]
async fn f11_rubbish_is_put_aside_with_its_reason_and_the_rest_goes_on() {
    let stack = Stack::running().await;
    let bus = bus(&stack).await;
    seed(&stack.source, 100).await;
    let strange = [
        ("unreadable", ""),
        ("unreadable", "{"),
        ("unreadable", "null"),
        ("unreadable", "[]"),
        ("unreadable", "{}"),
        ("unreadable", "\u{0}\u{7f}\u{1b}[2Jü"),
        ("unknown_version", r#"{"v":99}"#),
        ("unreadable", r#"{"v":1,"org":"no uuid"}"#),
    ];
    for queue in [FIRST, BULK] {
        for (_, body) in strange {
            stack.broker.put(queue, body).await;
        }
        // The same twice is one, that counts.
        stack.broker.put(queue, "null").await;
        stack.broker.put_bytes(queue, &[b'x'; 20_000_000]).await;
    }
    // Well formed, of nothing that exists: forgotten, not put aside.
    let (org, nobody) = (OrgId(clock::fresh_id()), JobId(clock::fresh_id()));
    let message = StepMessage::new(org, nobody, StepId(clock::fresh_id()), "copy", None);
    bus.publish(&message, Queue::Bulk).await.unwrap();

    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    all_is_well(&stack, &job).await;
    let mut expected: Vec<_> = strange.iter().map(|(class, _)| (*class).to_owned()).collect();
    expected.push("too_long".to_owned());
    expected.sort();
    for queue in [FIRST, BULK] {
        let mut found = until("all rubbish is kept", seconds(20), async || {
            let all = dead_letters(&stack).await;
            let of_queue: Vec<_> = all.into_iter().filter(|letter| letter["queue"] == queue).collect();
            (of_queue.len() == expected.len()).then_some(of_queue)
        })
        .await;
        found.sort_by_key(|letter| letter["class"].as_str().map(str::to_owned));
        let classes: Vec<_> = found.iter().map(|letter| letter["class"].as_str().unwrap()).collect();
        assert_eq!(classes, expected);
        let counts: i64 = found.iter().map(|letter| letter["count"].as_i64().unwrap()).sum();
        assert_eq!(counts, 10, "{found:#?}");
        assert!(found.iter().any(|letter| letter["bytes"] == 20_000_000), "{found:#?}");
        for letter in &found {
            let excerpt = letter["excerpt"].as_str().unwrap();
            assert!(excerpt.len() <= 300 && excerpt.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
            assert!(letter["step"].is_null() && letter["reason"].as_str().unwrap().len() > 10, "{letter:#}");
        }
    }
    until("the dead queue is empty", seconds(10), async || {
        (stack.broker.queue(DEAD).await?["messages"] == 0).then_some(())
    })
    .await;
    let metrics = stack.schedulers[0].metrics().await;
    assert!(metrics.contains("longshore_dead_letters_total{class=\"too_long\"} 2"), "{metrics}");
    let again = stack.client.submit(&task).await;
    all_is_well(&stack, &again).await;
}

async fn dead_letters(stack: &Stack) -> Vec<Value> {
    let page = stack.client.get("/v1/dead-letters?limit=200").await.expect(200);
    page.body["items"].as_array().unwrap().clone()
}

async fn probe(stack: &Stack) -> String {
    stack.client.post("/v1/probes", &json!({})).await.expect(202).id()
}

/// A step of a kind that no worker knows yet stays announced, and is done by the first one
/// that does.
#[tokio::test]
async fn f48_an_unknown_kind_waits_for_a_worker_that_knows_it() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let job = probe(&stack).await;
    let kind = async |word: &str| {
        let sql = format!("UPDATE steps SET kind = '{word}' WHERE job_id = '{job}'");
        assert_eq!(stack.control.run(&sql).await, 1);
    };
    kind("levitate").await;
    let mut stack = stack;
    stack.start_scheduler();
    stack.start_worker();
    stack.ready().await;
    until("the worker leaves it", seconds(20), async || {
        stack.workers[0].log().contains("left to a worker of a newer release").then_some(())
    })
    .await;
    let others = probe(&stack).await;
    stack.client.completed(&others, seconds(20)).await;
    assert_eq!(dead_letters(&stack).await, Vec::<Value>::new());
    let sql = format!("UPDATE steps SET kind = 'probe_plan' WHERE job_id = '{job}' AND state = 'announced'");
    assert_eq!(stack.control.run(&sql).await, 1, "it waits");
    stack.client.completed(&job, seconds(40)).await;
    assert_eq!(attempts(&stack, &job).await.0, 1, "no attempt is burnt");
}

/// Delivered again and again by a broker whose clients died each time, then found by an
/// operator after a week.
#[tokio::test]
async fn f49_a_replay_goes_through_the_truth() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    let job = probe(&stack).await;
    let letter = until("RabbitMQ puts the message aside", seconds(60), async || {
        stack.broker.refuse(FIRST).await;
        dead_letters(&stack).await.into_iter().find(|letter| letter["class"] == "delivered_too_often")
    })
    .await;
    assert_eq!((&letter["step"]["job_id"], &letter["queue"]), (&json!(job), &json!(FIRST)), "{letter:#}");
    assert!(letter["excerpt"].is_null(), "{letter:#}");
    stack.control.run("UPDATE dead_letters SET first_at = now() - interval '7 days'").await;
    let replay = format!("/v1/dead-letters/{}/replay", letter["id"].as_str().unwrap());

    // While the step waits: announced, and twice is harmless.
    for _ in 0..2 {
        let answer = stack.client.post(&replay, &json!({})).await.expect(200);
        let told = answer.body["replay"].as_str().unwrap();
        assert!(matches!(told, "announced" | "in_hand"), "{}", answer.text);
    }
    stack.start_worker();
    stack.ready().await;
    stack.client.completed(&job, seconds(20)).await;
    assert_eq!(attempts(&stack, &job).await, (1, 1), "once, however often it was announced");

    // After the end: refused, and nothing is announced.
    let owed = format!("SELECT count(*) FROM outbox WHERE job_id = '{job}'");
    let before: i64 = stack.control.value(&owed).await;
    stack.client.post(&replay, &json!({})).await.expect_problem(409, "job_ended");
    assert_eq!(stack.control.value::<i64>(&owed).await, before);
    replay_what_names_nothing(&stack).await;
}

async fn replay_what_names_nothing(stack: &Stack) {
    let (org, nobody) = (OrgId(clock::fresh_id()), JobId(clock::fresh_id()));
    let message = StepMessage::new(org, nobody, StepId(clock::fresh_id()), "copy", None);
    for body in ["{".to_owned(), serde_json::to_string(&message).unwrap()] {
        stack.broker.put(DEAD, &body).await;
    }
    let found = until("both are kept", seconds(10), async || {
        let found = dead_letters(stack).await;
        (found.iter().filter(|letter| letter["queue"] == "unknown").count() == 2).then_some(found)
    })
    .await;
    let of = |readable: bool| {
        let same = |letter: &&Value| letter["queue"] == "unknown" && letter["step"].is_null() != readable;
        format!("/v1/dead-letters/{}/replay", found.iter().find(same).unwrap()["id"].as_str().unwrap())
    };
    stack.client.post(&of(false), &json!({})).await.expect_problem(409, "dead_letter_unreadable");
    stack.client.post(&of(true), &json!({})).await.expect_problem(409, "step_gone");
    let nowhere = format!("/v1/dead-letters/{}/replay", clock::fresh_id());
    stack.client.post(&nowhere, &json!({})).await.expect_problem(404, "not_found");
    // All at once: what was replayed since it was put aside is left alone.
    stack.control.run("UPDATE dead_letters SET replayed_at = NULL, replay = NULL").await;
    let all = stack.client.post("/v1/dead-letters/replay", &json!({})).await.expect(200);
    assert_eq!(all.body, json!({"announced": 0, "in_hand": 0, "refused": 2, "more": false}));
    let all = stack.client.post("/v1/dead-letters/replay", &json!({})).await.expect(200);
    assert_eq!(all.body["refused"], 0, "{}", all.text);
}
