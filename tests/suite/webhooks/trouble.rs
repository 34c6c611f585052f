//! Receivers that hang, fail, or say that they are gone; and the death of every process (F50).

use std::time::{Duration, Instant};

use longshore_tests::receiver::{Manner, Receiver};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::{hook, hurry, newest, probe, received, verifies};

const EVENTS: &[&str] = &["job.completed"];
/// What a try may last, and some.
const TRY: Duration = Duration::from_secs(10);

#[tokio::test]
async fn f50_a_receiver_that_hangs_holds_up_nobody() {
    let stack = Stack::running().await;
    let (tarpit, good) = (Receiver::start().await, Receiver::start().await);
    tarpit.set(Manner::Hang);
    let mut hanging = Vec::new();
    for place in 0..6 {
        hanging.push(hook(&stack, &tarpit.url(&format!("/{place}")), EVENTS).await);
    }
    hook(&stack, &good.url("/"), EVENTS).await;
    let begun = Instant::now();
    let mut probes = Vec::new();
    for _ in 0..10 {
        probes.push(probe(&stack).await);
    }
    // Whatever a job took, it was none of the sixty tries of ten seconds each.
    let took = begun.elapsed();
    assert!(took < TRY * 6, "ten jobs of one step took {took:?} beside a tarpit");
    let told = received(&good, probes.len()).await;
    for probe in &probes {
        assert!(told.iter().any(|one| one.json()["data"]["job_id"] == **probe), "{probe} was told");
    }
    // Each try ends by itself, and is made again later.
    let oldest = "SELECT count(*) FROM webhook_deliveries WHERE last_error = 'timeout' AND state = 'pending'
                  AND NOT trying AND attempts = 1 AND next_at > now()";
    until("tries of the tarpit have ended", seconds(60), async || {
        (stack.control.value::<i64>(oldest).await > 0).then_some(())
    })
    .await;
    let at_once = "SELECT coalesce(max(tries), 0) FROM (SELECT count(*) AS tries FROM webhook_deliveries
                   WHERE trying AND next_at > now() GROUP BY webhook_id) t";
    assert!(stack.control.value::<i64>(at_once).await <= 2, "a webhook's tries are one after the other");
    let shown = stack.client.get(&format!("/v1/webhooks/{}", hanging[0].id)).await.expect(200);
    assert!(shown.body["failing_since"].is_string() && shown.body["enabled"] == true, "{}", shown.text);
}

#[tokio::test]
async fn f50_tries_are_bounded_and_a_webhook_that_takes_nothing_is_switched_off() {
    let stack = Stack::running().await;
    let receiver = Receiver::start().await;
    receiver.set(Manner::Status(500));
    let hook = hook(&stack, &receiver.url("/"), EVENTS).await;
    probe(&stack).await;
    for attempt in 1..=9 {
        let what = format!("try {attempt} was in vain");
        let over =
            format!("SELECT count(*) FROM webhook_deliveries WHERE attempts = {attempt} AND NOT trying");
        until(&what, seconds(60), async || (stack.control.value::<i64>(&over).await == 1).then_some(()))
            .await;
        let told = newest(&stack, &hook, &what, |one| one["state"] == "pending").await;
        assert_eq!((&told["last_status"], &told["last_error"]), (&json!(500), &json!("status")), "{told}");
        let pause = "SELECT extract(epoch FROM next_at - now())::float8 FROM webhook_deliveries";
        let pause: f64 = stack.control.value(pause).await;
        let least = [5.0, 30.0, 300.0, 1_800.0, 3_600.0, 7_200.0, 14_400.0, 28_800.0, 32_400.0];
        let least = least[usize::try_from(attempt - 1).unwrap()];
        assert!(pause > least - 4.0 && pause < least * 1.2 + 1.0, "try {attempt}: {pause}");
        if attempt == 9 {
            let old = "UPDATE webhooks SET failing_since = failing_since - interval '25 hours'";
            stack.control.run(old).await;
        }
        hurry(&stack).await;
    }
    let told = newest(&stack, &hook, "it is given up", |one| one["state"] == "failed").await;
    assert_eq!((&told["attempts"], &told["next_at"]), (&json!(10), &json!(null)), "{told}");
    let shown = stack.client.get(&format!("/v1/webhooks/{}", hook.id)).await.expect(200);
    assert_eq!((&shown.body["enabled"], &shown.body["disabled_reason"]), (&json!(false), &json!("failing")));
    let before = receiver.received().len();
    assert_eq!(before, 10, "ten tries and no more");
    probe(&stack).await;
    let owed = "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'";
    assert_eq!(stack.control.value::<i64>(owed).await, 0, "nothing is owed to it any more");
    stack
        .client
        .post(&format!("/v1/webhooks/{}/test", hook.id), &json!({}))
        .await
        .expect_problem(409, "webhook_disabled");

    // Switched on again, it is told again.
    receiver.set(Manner::Status(200));
    let on = json!({"enabled": true});
    let path = format!("/v1/webhooks/{}", hook.id);
    let shown = stack.client.send(reqwest::Method::PATCH, &path, Some(&on)).await.expect(200);
    assert_eq!((shown.body["disabled_reason"].is_null(), &shown.body["failing_since"]), (true, &json!(null)));
    stack.client.post(&format!("{path}/test"), &json!({})).await.expect(202);
    let ping = received(&receiver, 11).await.remove(10);
    assert_eq!(ping.json()["type"], "ping");
    assert!(verifies(&hook.secret, &ping));
}

#[tokio::test]
async fn f50_a_receiver_that_is_gone_is_never_told_again() {
    let stack = Stack::running().await;
    let (gone, elsewhere) = (Receiver::start().await, Receiver::start().await);
    gone.set(Manner::Status(410));
    let first = hook(&stack, &gone.url("/"), EVENTS).await;
    let redirecting = Receiver::start().await;
    redirecting.set(Manner::Redirect(elsewhere.url("/")));
    let second = hook(&stack, &redirecting.url("/"), EVENTS).await;
    probe(&stack).await;
    let told = newest(&stack, &first, "it is given up", |one| one["state"] == "failed").await;
    assert_eq!((&told["attempts"], &told["last_status"]), (&json!(1), &json!(410)), "{told}");
    let shown = stack.client.get(&format!("/v1/webhooks/{}", first.id)).await.expect(200);
    assert_eq!((&shown.body["enabled"], &shown.body["disabled_reason"]), (&json!(false), &json!("gone")));
    let told =
        newest(&stack, &second, "a redirect is no delivery", |one| one["last_error"] == "redirect").await;
    assert_eq!((&told["state"], &told["last_status"]), (&json!("pending"), &json!(307)), "{told}");
    assert!(elsewhere.received().is_empty(), "no redirect is followed");
}

#[tokio::test]
async fn f50_a_delivery_outlives_every_process() {
    let mut stack = Stack::running().await;
    let receiver = Receiver::start().await;
    receiver.set(Manner::Hang);
    let hook = hook(&stack, &receiver.url("/"), EVENTS).await;
    let job = probe(&stack).await;
    let first = received(&receiver, 1).await.remove(0);
    for process in stack.apis.iter_mut().chain(&mut stack.workers).chain(&mut stack.schedulers) {
        process.kill();
    }
    receiver.set(Manner::Status(200));
    for process in stack.apis.iter_mut().chain(&mut stack.workers).chain(&mut stack.schedulers) {
        process.start_again();
    }
    stack.ready().await;
    let held =
        "SELECT count(*) FROM webhook_deliveries WHERE state = 'pending' AND trying AND next_at > now()";
    assert_eq!(stack.control.value::<i64>(held).await, 1, "it is still the dead worker's");
    // What the dead one held would be due again after a minute.
    hurry(&stack).await;
    let told = newest(&stack, &hook, "it is delivered", |one| one["state"] == "delivered").await;
    assert_eq!((&told["job_id"], &told["attempts"]), (&json!(job), &json!(2)), "{told}");
    let second = received(&receiver, 2).await.remove(1);
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert!(verifies(&hook.secret, &second));
}
