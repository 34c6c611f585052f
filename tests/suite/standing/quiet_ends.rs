//! The ends of healthy jobs that several workers hold something for: nobody deletes a queue that
//! another worker consumes, so RabbitMQ closes nobody's connection and nobody warns.

use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

/// Of probes in a row; before, each of them left two warnings or three.
const ROUNDS: usize = 15;

async fn probe(stack: &Stack, body: &Value) -> String {
    stack.client.post("/v1/probes", body).await.expect(202).id()
}

/// The holders have let go and the job's queue is gone for good.
async fn let_go(stack: &Stack, job: &str) {
    let held = format!(
        "SELECT count(*) FROM job_holders WHERE job_id = '{job}' AND state IN ('preparing', 'enlisted', 'held')"
    );
    let queue = format!("longshore.job.v1.{job}");
    until("the holders have let go", seconds(10), async || {
        let gone = stack.broker.queue(&queue).await.is_none();
        (gone && stack.control.value::<i64>(&held).await == 0).then_some(())
    })
    .await;
}

async fn held_by(stack: &Stack, job: &str) -> i64 {
    stack.control.value(&format!("SELECT count(*) FROM job_holders WHERE job_id = '{job}'")).await
}

fn warnings(stack: &Stack) -> Vec<String> {
    stack.logs().lines().filter(|line| line.contains("WARN")).map(str::to_owned).collect()
}

#[tokio::test]
async fn n19_ends_of_held_jobs_warn_nobody_and_close_no_connection() {
    let stack = Stack::running().await;
    let reconnected = "RabbitMQ is connected";
    let connected = stack.logs().matches(reconnected).count();
    let short = json!({"steps": 6, "seconds": 0.01, "holders": 2});
    let mut last = String::new();
    for _ in 0..ROUNDS {
        last = probe(&stack, &short).await;
        stack.client.completed(&last, seconds(60)).await;
    }
    assert_eq!(held_by(&stack, &last).await, 2, "both workers hold");
    let_go(&stack, &last).await;

    // While steps are in the holders' hands, and while others of the fleet's run beside.
    let long = json!({"steps": 60, "seconds": 1.0, "holders": 2});
    let cancelled = probe(&stack, &long).await;
    let running = format!(
        "SELECT count(*) FROM steps WHERE job_id = '{cancelled}' AND queue = 'job' AND state = 'running'"
    );
    until("its steps run", seconds(30), async || {
        (stack.control.value::<i64>(&running).await >= 2).then_some(())
    })
    .await;
    stack.client.post(&format!("/v1/jobs/{cancelled}/cancel"), &json!({})).await.expect(202);
    let_go(&stack, &cancelled).await;

    // Several that end at the same time.
    let mut together = Vec::new();
    for _ in 0..3 {
        together.push(probe(&stack, &short).await);
    }
    for job in &together {
        stack.client.completed(job, seconds(60)).await;
        let_go(&stack, job).await;
    }

    // Syncs, of which each has a point that is held.
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    stack.source.run("INSERT INTO t VALUES (1, 1), (2, 2)").await;
    let task = stack.task(&json!({})).await;
    for _ in 0..3 {
        let job = stack.run_completed(&task).await;
        let_go(&stack, &job.id).await;
    }
    assert_eq!(warnings(&stack), Vec::<String>::new());
    assert_eq!(stack.logs().matches(reconnected).count(), connected, "no connection was closed");
}
